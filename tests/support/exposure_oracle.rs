//! What orders, positions and states must be, told naively: from everything that was said, worked out anew at each
//! question, in i128. What a request must be answered is in `permit_oracle`.
//!
//! Written unlike the engine: an order is what was announced and a list of what happened to it since; nothing is
//! kept up to date and nothing is forgotten. It has no rate buckets, breakers or drawdowns.
//!
//! A leg of an instrument in hedge mode is to it an instrument of its own, a `line`, with the limits, marks, executions and
//! scope of the other one. Its orders on the closing side only reduce. *Decided:* what names no leg where there are two, or
//! one where there is none, halts the book and is not counted; a fill that leaves a leg on its wrong side halts it and is.
//!
//! The rules, and what they leave open as it was decided here (*decided*):
//!
//! - **Life.** An order lives from its announcement, or its permission, until ORDER_DONE, ORDER_REJECT or NOT_SENT
//!   of the order itself, or until all of it is filled. A time-out changes nothing. After its end only fills count.
//!   An order flagged PAPER was never an order. *Decided:* an order is filled when its fills reach the largest
//!   quantity that may work at the venue, so also by an ORDER_MODIFIED to what is filled already; NOT_SENT of an order
//!   that the venue has spoken of is not believed; an announcement with an id that is known adds no order.
//! - **Remaining** is the total less what is filled, where the total is the largest of what the venue confirmed and
//!   what it was asked for. *Decided:* what was asked for counts until as many answers (ORDER_MODIFIED, a reject or
//!   NOT_SENT of the modification) came as there were requests: nobody knows which one an answer answers.
//! - **Replacing** by a new id announces an order of the old one's side, type, intent, flags and parent, with its whole
//!   quantity; both count. *Decided:* it is in no group; a reject of the modification, or its NOT_SENT, names the old
//!   order and ends the new one where that lives. NOT_SENT of a modification that waits takes that back, no other.
//! - **Exposure.** Sums of what remains of live buys and sells. Not counted: an order the venue keeps to reducing,
//!   and the child of an entry that has no fill. Of a group (same book, instrument and side) the largest remaining
//!   member counts. What an entry covers is told in `exposure_family`.
//! - **State** is the most severe of the causes on firm, account, strategy, book and (account, instrument): an
//!   operator's, a lost client's, an announced order beyond a cap, one that lives or waits announced as another, and
//!   more filled than could work at the venue, until a reset; the worst case of a position beyond its limit while it is.
//!   Those of gross and net exposure are told in `exposure_money`.
//! - **Marks** of one strategy. A jump beyond the band is suspect until three updates within the band of the first,
//!   spanning 250 ms, agree. A mark is good until it is older than `mark_age` or a jump is suspect.

use std::collections::{BTreeMap, BTreeSet};

use tripline::engine::limits::InstrumentLimits;
use tripline::engine::{Limits, guard};
use tripline::model::event::{CommandVerb, Intent, OrderAction, OrderType};
use tripline::model::{Event, Flags, Leg, Scope, TradingState};

use super::desk::{line, of_line};

/// One thing a strategy says about a book; an ORDER_NEW with its ORDER_EXT is one.
#[derive(Clone, Debug)]
pub struct Said {
    pub book: u16,
    /// `None` at account level.
    pub instrument: Option<u16>,
    pub flags: Flags,
    pub event: Event,
    pub rest: Option<Rest>,
}

/// What ORDER_EXT adds.
#[derive(Clone, Copy, Debug)]
pub struct Rest {
    pub trigger_px: i64,
    pub parent: u64,
}

/// What happened to an order after its announcement.
#[derive(Clone, Copy, Debug)]
enum Step {
    Asked {
        px: i128,
        qty: i128,
    },
    Replaced {
        px: i128,
        qty: i128,
    },
    Kept,
    Traded(i128),
    TradedInTotal(i128),
    /// The venue knows of it.
    Acknowledged,
    NotSent,
    Ended,
}

/// An order as it was announced, and its story.
#[derive(Clone, Debug)]
pub struct Order {
    /// The line it trades.
    pub instrument: u16,
    pub sells: bool,
    pub px: i128,
    pub qty: i128,
    pub order_type: OrderType,
    pub intent: Intent,
    pub venue_enforced: bool,
    pub group: u32,
    /// The group whose fills it shares: a replacement counts by itself and shares all the same.
    pub set: u32,
    pub leg: u16,
    /// The largest total that the fills of its group have left to it.
    pub allowed: i128,
    /// What it was sent as the child of; 0 for nothing.
    pub parent: u64,
    /// The entry that covers it: it counts nothing.
    pub entry: Option<u64>,
    /// The order it takes the place of.
    replaces: Option<u64>,
    /// More than one was to take its place at once.
    several: bool,
    story: Vec<Step>,
}

/// How an order stands.
#[derive(Clone, Debug)]
pub struct Standing {
    pub px: i128,
    /// What the venue has confirmed.
    pub total: i128,
    /// Prices and quantities it was asked for since it last had answered everything.
    pub asked: Vec<(i128, i128)>,
    answered: usize,
    pub filled: i128,
    acknowledged: bool,
    pub over: bool,
}

impl Standing {
    /// The largest quantity that may work at the venue.
    pub fn most(&self) -> i128 {
        self.asked.iter().map(|asked| asked.1).fold(self.total, i128::max)
    }

    pub fn remaining(&self) -> i128 {
        if self.over { 0 } else { self.most() - self.filled }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Traded(qty) => self.filled += qty,
            Step::TradedInTotal(qty) => self.filled = self.filled.max(qty),
            _ if self.over => {}
            Step::Asked { px, qty } => self.asked.push((px, qty)),
            Step::Replaced { px, qty } => {
                (self.px, self.total) = (px, qty);
                self.answered += 1;
            }
            Step::Kept => self.answered += 1,
            Step::Acknowledged => self.acknowledged = true,
            Step::NotSent if self.acknowledged => {}
            Step::NotSent | Step::Ended => self.over = true,
        }
        if self.answered >= self.asked.len() {
            self.asked.clear();
            self.answered = 0;
        }
        self.acknowledged |= matches!(step, Step::Replaced { .. } | Step::Traded(_) | Step::TradedInTotal(_));
        self.over |= self.filled >= self.most();
    }
}

impl Order {
    pub fn standing(&self) -> Standing {
        let (px, total) = (self.px, self.qty);
        let mut standing = Standing {
            px,
            total,
            asked: Vec::new(),
            filled: 0,
            acknowledged: false,
            answered: 0,
            over: false,
        };
        self.story.iter().for_each(|&step| standing.take(step));
        standing
    }
}

/// What remains on one side: each order by itself, and the largest member of each group.
#[derive(Clone, Debug, Default)]
pub struct Load {
    alone: i128,
    groups: BTreeMap<u32, i128>,
}

impl Load {
    pub fn add(&mut self, group: u32, remaining: i128) {
        if group == 0 {
            self.alone += remaining;
        } else {
            let largest = self.groups.entry(group).or_default();
            *largest = remaining.max(*largest);
        }
    }

    pub fn total(&self) -> i128 {
        self.alone + self.groups.values().sum::<i128>()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposed {
    pub buys: i128,
    pub sells: i128,
    pub open_orders: u32,
    pub position: i128,
}

/// Everything that was said, and when.
#[derive(Clone, Debug)]
pub struct Oracle {
    pub limits: Limits,
    /// Nanoseconds.
    pub now: u64,
    pub orders: BTreeMap<(u16, u64), Order>,
    /// New orders that wait for their release: line, and whether they sell.
    pub waiting: BTreeMap<(u16, u64), (u16, bool)>,
    /// Orders a modification of which waits.
    pub waiting_changes: BTreeSet<(u16, u64)>,
    pub causes: BTreeMap<(Scope, u16), TradingState>,
    /// Book, line and signed quantity.
    trades: Vec<(u16, u16, i128)>,
    executions: BTreeSet<(u16, u16, bool, u64)>,
    /// When, of which instrument, what.
    pub(super) marks: Vec<(u64, u16, i128)>,
}

impl Oracle {
    pub fn new(limits: Limits, now: u64) -> Self {
        Self {
            limits,
            now,
            orders: BTreeMap::new(),
            waiting: BTreeMap::new(),
            waiting_changes: BTreeSet::new(),
            causes: BTreeMap::new(),
            trades: Vec::new(),
            executions: BTreeSet::new(),
            marks: Vec::new(),
        }
    }

    /// Takes in what is no request.
    pub fn hear(&mut self, said: &Said) {
        let before = self.before();
        self.take_in(said);
        self.part(said);
        self.after(&before);
    }

    fn take_in(&mut self, said: &Said) {
        let book = said.book;
        match said.event {
            Event::OrderNew { .. } | Event::OrderModify { .. } if !said.flags.contains(Flags::PAPER) => {
                let keeps = self.keeps_identity(said);
                self.check_caps(said);
                if keeps {
                    self.place(said);
                }
            }
            Event::OrderAck { order, .. } => self.tell(book, order.get(), Step::Acknowledged),
            Event::NotSent { order, action: 0, .. } => self.tell(book, order.get(), Step::NotSent),
            Event::NotSent { order, action: 1, .. }
                if self.waiting_changes.contains(&(book, order.get())) => {}
            Event::NotSent { order, action: 1, .. } => self.keep(book, order.get()),
            Event::OrderReject { order, action: OrderAction::New, .. } => {
                self.tell(book, order.get(), Step::Ended);
            }
            Event::OrderReject { order, action: OrderAction::Modify, .. } => {
                self.tell(book, order.get(), Step::Acknowledged);
                self.keep(book, order.get());
            }
            Event::OrderDone { order, .. } => self.tell(book, order.get(), Step::Ended),
            Event::OrderModified { order, px, qty, .. } => {
                self.tell(book, order.get(), Step::Replaced { px: px.0.into(), qty: qty.0.into() });
            }
            Event::Fill { .. } | Event::FillCum { .. } => self.trade(said),
            Event::Mark { mark: Some(px), .. } => {
                self.marks.push((self.now, said.instrument.unwrap(), px.0.into()));
            }
            _ => {}
        }
    }

    /// Takes in an order that was permitted.
    pub fn announce(&mut self, said: &Said) {
        let before = self.before();
        self.place(said);
        self.part(said);
        self.after(&before);
    }

    /// Books and instruments with a trade.
    pub fn traded(&self) -> impl Iterator<Item = (u16, u16)> {
        self.trades.iter().map(|&(book, instrument, _)| (book, instrument))
    }

    fn place(&mut self, said: &Said) {
        let book = said.book;
        match said.event {
            Event::OrderNew { order, px, qty, attrs, group, leg, .. } => {
                if self.orders.contains_key(&(book, order.get())) || said.flags.contains(Flags::PAPER) {
                    return;
                }
                let parent = said.rest.map_or(0, |rest| rest.parent);
                let mut announced = Order {
                    instrument: self.line(said).unwrap(),
                    sells: said.flags.contains(Flags::SELL),
                    px: px.0.into(),
                    qty: qty.0.into(),
                    order_type: attrs.order_type,
                    intent: attrs.intent,
                    venue_enforced: said.flags.contains(Flags::VENUE_REDUCE_ONLY),
                    group,
                    set: group,
                    leg,
                    allowed: i128::MAX,
                    parent,
                    entry: None,
                    replaces: None,
                    several: false,
                    story: Vec::new(),
                };
                announced.entry = self.covering(book, &announced);
                self.orders.insert((book, order.get()), announced);
            }
            Event::OrderModify { order, px, qty, new_order, .. } => {
                let Some(old) = self.live(book, order.get()).cloned() else { return };
                let (px, qty) = (i128::from(px.0), i128::from(qty.0));
                if new_order == 0 || new_order == order.get() {
                    self.let_grow(book, order.get(), qty);
                    self.tell(book, order.get(), Step::Asked { px, qty });
                } else {
                    let (replaces, story) = (Some(order.get()), Vec::new());
                    let several = self.replaced_by(book, order.get()).is_some();
                    let allowed = i128::MAX;
                    let mut fresh =
                        Order { px, qty, group: 0, allowed, replaces, several: false, story, ..old };
                    fresh.entry = self.covering(book, &fresh);
                    if self.orders.contains_key(&(book, new_order)) {
                        return;
                    }
                    self.orders.insert((book, new_order), fresh);
                    self.orders.entry((book, order.get())).and_modify(|old| old.several |= several);
                }
            }
            _ => {}
        }
    }

    /// The live order that is to take the place of this one, and that the venue has not spoken of.
    fn replaced_by(&self, book: u16, order: u64) -> Option<u64> {
        let of_book = self.orders.range((book, 0)..=(book, u64::MAX));
        let mut fresh = of_book.filter(|(_, fresh)| {
            let standing = fresh.standing();
            fresh.replaces == Some(order) && !standing.over && !standing.acknowledged
        });
        fresh.next().map(|(key, _)| key.1)
    }

    fn tell(&mut self, book: u16, order: u64, step: Step) {
        if let Some(order) = self.orders.get_mut(&(book, order)) {
            order.story.push(step);
        }
    }

    /// A modification does not happen; where it was to bring a new order, that meets its end. Where it may have been
    /// any of several, nothing does.
    fn keep(&mut self, book: u16, order: u64) {
        let Some(old) = self.orders.get(&(book, order)) else { return };
        let asked = !old.standing().asked.is_empty();
        match self.replaced_by(book, order) {
            _ if old.several => {}
            Some(_) if asked => {}
            Some(fresh) => self.tell(book, fresh, Step::Ended),
            None => self.tell(book, order, Step::Kept),
        }
    }

    fn trade(&mut self, said: &Said) {
        let (book, instrument) = (said.book, said.instrument.unwrap());
        if said.flags.contains(Flags::PAPER) {
            return;
        }
        let Some(line) = self.line(said) else {
            self.causes.insert((Scope::Book(book), guard::INTEGRITY), TradingState::Halted);
            return;
        };
        let sells = said.flags.contains(Flags::SELL);
        let (order, qty, step) = match said.event {
            Event::Fill { order, exec, qty, .. } => {
                if !self.executions.insert((self.account(book), instrument, sells, exec)) {
                    return;
                }
                (order, i128::from(qty.0), Step::Traded(qty.0.into()))
            }
            Event::FillCum { order, cum_qty, .. } => {
                let so_far = self.orders.get(&(book, order.get())).map_or(0, |order| order.standing().filled);
                let grown = (i128::from(cum_qty.0) - so_far).max(0);
                (order.get(), grown, Step::TradedInTotal(cum_qty.0.into()))
            }
            _ => return,
        };
        self.trades.push((book, line, if sells { -qty } else { qty }));
        if qty > 0 && !of_line(line).1.holds(self.position(book, line) as i64) {
            self.causes.insert((Scope::Book(book), guard::INTEGRITY), TradingState::Halted);
        }
        let left = self.left_to_set(book, order);
        self.tell(book, order, step);
        let stands = self.orders.get(&(book, order)).map(Order::standing);
        let beyond_set = self.share(book, order, left, qty);
        if beyond_set || stands.is_some_and(|stands| stands.filled > stands.most()) {
            let scope = Scope::Instrument(self.account(book), instrument);
            self.causes.insert((scope, guard::INTEGRITY), TradingState::Halted);
        }
    }

    /// Whether an order that lives or waits is announced as what it is; another one halts the strategy.
    fn keeps_identity(&mut self, said: &Said) -> bool {
        let Event::OrderNew { order, .. } = said.event else { return true };
        let announced = (self.line(said).unwrap(), said.flags.contains(Flags::SELL));
        let key = (said.book, order.get());
        let live = self.live(key.0, key.1).map(|order| (order.instrument, order.sells));
        let keeps = live.or(self.waiting.get(&key).copied()).is_none_or(|known| known == announced);
        if !keeps {
            let scope = Scope::Strategy(self.strategy(said.book));
            self.causes.insert((scope, guard::INTEGRITY), TradingState::Halted);
        }
        keeps
    }

    /// An order announced without asking, or asked to be, beyond a cap of its book.
    fn check_caps(&mut self, said: &Said) {
        let (book, instrument) = (said.book, said.instrument.unwrap());
        let (Event::OrderNew { px, qty, .. } | Event::OrderModify { px, qty, .. }) = said.event else {
            return;
        };
        let caps = &self.limits.books[usize::from(book)];
        let beyond_qty = caps.max_order_qty.is_some_and(|max| qty.0 > max.0);
        let beyond_notional = caps.max_order_notional.is_some_and(|max| {
            let px = if px.0 == 0 { self.last_good_mark(instrument) } else { Some(px.0.into()) };
            px.is_none_or(|px| {
                let (notional, unit) = self.notional(instrument, px, qty.0.into());
                notional > max.0 * unit
            })
        });
        for (beyond, guard) in [(beyond_qty, guard::ORDER_QTY), (beyond_notional, guard::ORDER_NOTIONAL)] {
            if beyond {
                self.causes.entry((Scope::Book(book), guard)).or_insert(TradingState::ReduceOnly);
            }
        }
    }

    /// An operator's command; a reset is one that is granted.
    pub fn command(&mut self, verb: CommandVerb, scope: Scope, guard: u16) {
        let state = match verb {
            CommandVerb::Halt => TradingState::Halted,
            CommandVerb::Reduce => TradingState::ReduceOnly,
            _ => {
                self.causes.remove(&(scope, guard));
                return;
            }
        };
        let held = self.causes.entry((scope, guard::OPERATOR)).or_insert(state);
        *held = state.min(*held);
    }

    /// Events of a strategy were lost.
    pub fn lose(&mut self, strategy: u16) {
        self.causes.insert((Scope::Strategy(strategy), guard::CLIENT), TradingState::Halted);
    }

    /// The line of what is said: none where it names no instrument, or not one of the legs that has.
    pub fn line(&self, said: &Said) -> Option<u16> {
        let (instrument, leg) = (said.instrument?, Leg::of(said.flags));
        let hedge = self.limits.instruments[usize::from(instrument)].hedge;
        (hedge == (leg != Leg::Net)).then_some(line(instrument, leg))
    }

    /// Every line there is.
    pub fn lines(&self) -> Vec<u16> {
        let instruments = self.limits.instruments.iter().zip(0_u16..);
        let lines = instruments.flat_map(|(of, instrument)| {
            let legs: &[Leg] = if of.hedge { &[Leg::Long, Leg::Short] } else { &[Leg::Net] };
            legs.iter().map(move |&leg| line(instrument, leg))
        });
        lines.collect()
    }

    /// What limits the instrument of a line.
    pub fn kind(&self, line: u16) -> &InstrumentLimits {
        &self.limits.instruments[usize::from(of_line(line).0)]
    }

    /// Whether orders on this side of a line can only close it.
    pub fn closes(line: u16, sells: bool) -> bool {
        match of_line(line).1 {
            Leg::Net => false,
            Leg::Long => sells,
            Leg::Short => !sells,
        }
    }

    pub fn account(&self, book: u16) -> u16 {
        self.limits.books[usize::from(book)].account
    }

    fn strategy(&self, book: u16) -> u16 {
        self.limits.books[usize::from(book)].strategy
    }

    /// Whether the books may miss something.
    pub fn unsound(&self, book: u16) -> bool {
        let scope = Scope::Strategy(self.strategy(book));
        [guard::CLIENT, guard::INTEGRITY].iter().any(|&guard| self.causes.contains_key(&(scope, guard)))
            || self.causes.contains_key(&(Scope::Book(book), guard::INTEGRITY))
    }

    pub fn known(&self, book: u16, order: u64) -> bool {
        self.orders.contains_key(&(book, order)) || self.waiting.contains_key(&(book, order))
    }

    pub fn live(&self, book: u16, order: u64) -> Option<&Order> {
        self.orders.get(&(book, order)).filter(|order| !order.standing().over)
    }

    /// Live orders of a book and instrument, by id.
    pub fn live_orders(&self, book: u16, instrument: u16) -> impl Iterator<Item = (u64, &Order, Standing)> {
        self.orders
            .range((book, 0)..=(book, u64::MAX))
            .filter(move |(_, order)| order.instrument == instrument)
            .map(|(key, order)| (key.1, order, order.standing()))
            .filter(|(.., standing)| !standing.over)
    }

    /// What counts on one side, but for one order.
    pub fn load(&self, book: u16, instrument: u16, sells: bool, without: Option<u64>) -> Load {
        let mut load = Load::default();
        for (id, order, standing) in self.live_orders(book, instrument) {
            if order.sells == sells && Some(id) != without && self.counts(order) {
                load.add(order.group, standing.remaining());
            }
        }
        load
    }

    pub fn counts(&self, order: &Order) -> bool {
        !order.venue_enforced && order.entry.is_none()
    }

    pub fn position(&self, book: u16, instrument: u16) -> i128 {
        let mine = self.trades.iter().filter(|trade| (trade.0, trade.1) == (book, instrument));
        mine.map(|trade| trade.2).sum()
    }

    pub fn exposed(&self, book: u16, instrument: u16) -> Exposed {
        Exposed {
            buys: self.load(book, instrument, false, None).total(),
            sells: self.load(book, instrument, true, None).total(),
            open_orders: self.live_orders(book, instrument).count() as u32,
            position: self.position(book, instrument),
        }
    }

    /// Of the strategy and the book.
    pub fn book_state(&self, book: u16) -> TradingState {
        let beyond = self.limits.books[usize::from(book)].max_position.is_some_and(|max| {
            self.lines().into_iter().any(|instrument| {
                let Exposed { buys, sells, position, .. } = self.exposed(book, instrument);
                (position + buys).max(sells - position) > max.0.into()
            })
        });
        let positions = if beyond { TradingState::ReduceOnly } else { TradingState::Active };
        self.caused(&[Scope::Strategy(self.strategy(book)), Scope::Book(book)]).min(positions)
    }

    /// Of the firm and the account.
    pub fn account_state(&self, account: u16) -> TradingState {
        self.caused(&[Scope::Firm, Scope::Account(account)])
    }

    pub fn instrument_state(&self, account: u16, instrument: u16) -> TradingState {
        self.caused(&[Scope::Instrument(account, instrument)])
    }

    pub fn state(&self, book: u16, instrument: u16) -> TradingState {
        let account = self.account(book);
        let instrument = of_line(instrument).0;
        self.book_state(book).min(self.account_state(account)).min(self.instrument_state(account, instrument))
    }

    fn caused(&self, scopes: &[Scope]) -> TradingState {
        let on = self.causes.iter().filter(|((scope, _), _)| scopes.contains(scope));
        on.map(|(_, &state)| state).min().unwrap_or(TradingState::Active)
    }
}
