//! Random days at a desk: requests and announcements, what venues say of them, marks that jump, waits, an operator.
//!
//! Chance decides what happens; the oracle is asked how things stand, so that quantities lie one below, at and one
//! above what is admissible, and venues speak of orders that live. Quantities are a few lots, and each lot is worth
//! about 100 dollars (a contract of the coins' book 0.002), so that one set of limits binds on every instrument.

use std::collections::BTreeSet;

use tripline::engine::Limits;
use tripline::engine::guard;
use tripline::engine::limits::{BucketKind, BucketLimits, BucketScope, DriftLimits, ScopeLimits};
use tripline::model::event::{
    CommandVerb, DoneStatus, Initiator, Intent, OrderAction, OrderAttrs, OrderType, RejectClass, TimeInForce,
};
use tripline::model::{Bps, Event, Flags, Leg, Lots, Mode, Money, Nanos, Scope, Ticks};

use super::desk::{E9, INVERSE, PERP, PLAIN, SPOT, id, limits, line, ms, name, of_line};
use super::exposure_oracle::{Oracle, Order, Rest, Said, Standing};
use super::seed::Seed;

/// What a book trades, and about where.
pub const MARKETS: [(u16, u16, i64); 6] = [
    (0, PLAIN, 100),
    (0, PERP, 10_000_000),
    (0, SPOT, 10_000_000),
    (1, PLAIN, 100),
    (1, PERP, 10_000_000),
    (2, INVERSE, 50_000),
];

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Act {
    Say(Said),
    Wait(Nanos),
    Command {
        verb: CommandVerb,
        scope: Scope,
    },
    Reset {
        scope: Scope,
        guard: u16,
    },
    Lose {
        strategy: u16,
    },
    /// Nothing more comes, and whoever waits has waited long enough.
    Finish,
}

/// What a tape may hold beside the rest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flavour {
    /// A second modification of an order before the first one is answered.
    pub overlapping: bool,
    /// A rate bucket, so that requests wait.
    pub queue: bool,
    /// Instruments in hedge mode.
    pub legs: bool,
}

/// Limits that bind on a few lots.
pub fn random_limits(seed: &mut Seed, flavour: Flavour) -> Limits {
    let mut limits = limits(1_000_000 * E9, vec![]);
    let one_in = |seed: &mut Seed, n| seed.below(n) == 0;
    if one_in(seed, 12) {
        limits.mode = Mode::Paper;
    }
    for instrument in &mut limits.instruments {
        instrument.lot = Lots(1 + seed.below(2) as i64);
        instrument.min_qty = Lots([1, 1, 2, 3][seed.below(4) as usize]);
        instrument.tick = Ticks([1, 1, 2, 5][seed.below(4) as usize]);
        instrument.collar = (!one_in(seed, 4)).then(|| Bps([300, 500, 1_000][seed.below(3) as usize]));
        instrument.band = one_in(seed, 3).then_some(Bps(800));
        let drift = DriftLimits { limit: Bps(400 + 100 * seed.below(5) as u32), window: ms(1_000) };
        instrument.collar_accumulated = one_in(seed, 3).then_some(drift);
        let unit = if instrument.base.is_none() && instrument.settlement.id == 3 { E9 / 50_000 } else { E9 };
        instrument.min_notional = Money(if one_in(seed, 2) { 0 } else { 150 * unit });
        instrument.hedge = flavour.legs && instrument.base.is_none() && one_in(seed, 3);
    }
    for (book, unit) in limits.books.iter_mut().zip([E9, E9, E9 / 50_000]) {
        let qty = 6 + seed.below(10) as i64;
        book.max_order_qty = (!one_in(seed, 6)).then_some(Lots(qty));
        book.max_order_notional =
            (!one_in(seed, 6)).then(|| Money((600 + 100 * i128::from(seed.below(9))) * unit));
        book.max_position = (!one_in(seed, 6)).then(|| Lots(4 + seed.below(12) as i64));
        book.max_open_orders = (!one_in(seed, 6)).then(|| 2 + seed.below(6) as u32);
    }
    if one_in(seed, 4) {
        limit_exposure(seed, &mut limits);
    }
    if flavour.queue {
        limits.buckets = vec![BucketLimits {
            id: 1,
            name: name("bucket"),
            scope: BucketScope::Venue(0),
            kind: BucketKind::Gcra { interval: ms(40), burst: 5 },
            costs: Default::default(),
            jitter: Nanos(0),
            start_pct: 0,
        }];
    }
    limits.capacity.orders = 4_096;
    limits
}

/// Gross and net of every scope of one currency: strategy 0 and the firm trade in two.
fn limit_exposure(seed: &mut Seed, limits: &mut Limits) {
    for (book, unit) in limits.books.iter_mut().zip([E9, E9, E9 / 50_000]) {
        book.caps = random_caps(seed, unit);
    }
    limits.strategies[1].caps = random_caps(seed, E9);
    for (account, unit) in limits.accounts.iter_mut().zip([2 * E9, E9 / 50_000]) {
        account.caps = random_caps(seed, unit);
    }
}

/// About what three to twelve lots are worth.
fn random_caps(seed: &mut Seed, unit: i128) -> ScopeLimits {
    let mut money =
        |one_in| (seed.below(one_in) == 0).then(|| Money((300 + 100 * i128::from(seed.below(10))) * unit));
    ScopeLimits { gross: money(4), net: money(4), ..ScopeLimits::default() }
}

/// Decides what happens next.
pub struct Tape<'a> {
    seed: &'a mut Seed,
    flavour: Flavour,
    last_id: u64,
    sequence: u64,
    /// Orders the venue has acknowledged, and executions it has told, to tell them again.
    acked: BTreeSet<(u16, u64)>,
    told: Vec<Said>,
}

fn sign(sells: bool) -> Flags {
    if sells { Flags::SELL } else { Flags::empty() }
}

fn order_flags(order: &Order) -> Flags {
    let enforced = if order.venue_enforced { Flags::VENUE_REDUCE_ONLY } else { Flags::empty() };
    sign(order.sells) | enforced | leg_flags(order.instrument)
}

fn leg_flags(line: u16) -> Flags {
    of_line(line).1.flags()
}

/// About where a line trades.
fn around(line: u16) -> i64 {
    MARKETS.iter().find(|market| market.1 == of_line(line).0).unwrap().2
}

impl<'a> Tape<'a> {
    pub fn new(seed: &'a mut Seed, flavour: Flavour) -> Self {
        Self { seed, flavour, last_id: 0, sequence: 0, acked: BTreeSet::new(), told: Vec::new() }
    }

    fn below(&mut self, end: usize) -> usize {
        self.seed.below(end as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A book, a line it trades, and about where.
    fn market(&mut self, oracle: &Oracle) -> (u16, u16, i64) {
        let (book, instrument, around) = self.pick(&MARKETS);
        if !oracle.limits.instruments[usize::from(instrument)].hedge {
            return (book, instrument, around);
        }
        let leg = self.pick(&[Leg::Long, Leg::Short]);
        (book, line(instrument, leg), around)
    }

    /// The side on which an order of a line is rather to be, given how much of it is held.
    fn side_of(&mut self, line: u16, q: i128) -> bool {
        let sells = self.one_in(2);
        // Closing what is not held teaches little.
        if Oracle::closes(line, sells) && (q == 0 || self.one_in(2)) && !self.one_in(6) {
            !sells
        } else {
            sells
        }
    }

    pub fn next(&mut self, oracle: &Oracle) -> Act {
        let live: Vec<(u16, u64)> =
            oracle.orders.iter().filter(|(_, order)| !order.standing().over).map(|(&key, _)| key).collect();
        let roll = if live.len() > 18 { 46 + self.below(54) } else { self.below(100) };
        let said = match roll {
            0..28 => self.new_order(oracle, true),
            28..34 => self.new_order(oracle, false),
            34..43 => return self.on_live(oracle, &live, |tape, o, key| tape.modify(o, key, true)),
            43..46 => return self.on_live(oracle, &live, |tape, o, key| tape.modify(o, key, false)),
            46..49 => self.cancel(oracle, &live),
            49..57 => return self.on_live(oracle, &live, Self::answer_new),
            57..63 => return self.on_live(oracle, &live, Self::answer_modify),
            63..68 => return self.on_live(oracle, &live, Self::done),
            68..83 => return self.on_live(oracle, &live, Self::fill),
            83..86 => self.stray_fill(oracle),
            86..91 => self.mark(),
            91..94 => return Act::Wait(self.while_()),
            94..96 => return self.operator(),
            _ if oracle.causes.is_empty() => self.new_order(oracle, true),
            _ => return self.reset(oracle),
        };
        Act::Say(said)
    }

    fn on_live(
        &mut self,
        oracle: &Oracle,
        live: &[(u16, u64)],
        then: impl FnOnce(&mut Self, &Oracle, (u16, u64)) -> Said,
    ) -> Act {
        if live.is_empty() {
            return Act::Say(self.new_order(oracle, true));
        }
        let key = self.pick(live);
        Act::Say(then(self, oracle, key))
    }

    fn while_(&mut self) -> Nanos {
        match self.below(6) {
            0 => Nanos(5_000_000_000 - 1 + self.seed.below(3)),
            1 => ms(6_000),
            _ => ms(self.seed.below(400)),
        }
    }

    fn operator(&mut self) -> Act {
        let (book, instrument, _) = self.pick(&MARKETS);
        let (account, strategy) = (u16::from(book == 2), u16::from(book == 1));
        let scope = match self.below(12) {
            0 => Scope::Firm,
            1 => Scope::Account(account),
            2 => Scope::Strategy(strategy),
            3..7 => Scope::Instrument(account, instrument),
            7 => return Act::Lose { strategy },
            _ => Scope::Book(book),
        };
        let verb = if self.one_in(3) { CommandVerb::Halt } else { CommandVerb::Reduce };
        Act::Command { verb, scope }
    }

    fn reset(&mut self, oracle: &Oracle) -> Act {
        let ends_itself = |guard| [guard::GROSS, guard::NET].contains(&guard);
        let held: Vec<_> = oracle.causes.keys().copied().filter(|held| !ends_itself(held.1)).collect();
        if held.is_empty() {
            return Act::Say(self.new_order(oracle, true));
        }
        let (scope, guard) = self.pick(&held);
        Act::Reset { scope, guard }
    }

    fn mark(&mut self) -> Said {
        let (book, instrument, around) = self.pick(&MARKETS);
        let book = if book == 1 { 0 } else { book };
        let percent = match self.below(10) {
            0 => 80 + self.below(41) as i64,
            1 => 107 + self.below(3) as i64,
            _ => 98 + self.below(5) as i64,
        };
        self.sequence += 1;
        let mark = Some(Ticks(around * percent / 100));
        let event = Event::Mark { mark, index: None, last: None, underlying: None, sequence: self.sequence };
        Said { book, instrument: Some(instrument), flags: Flags::empty(), event, rest: None }
    }

    fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn new_order(&mut self, oracle: &Oracle, asks: bool) -> Said {
        let (book, instrument, around) = self.market(oracle);
        let q = oracle.position(book, instrument);
        let opens = if q == 0 { 17 } else { 12 };
        let intent = match self.below(20) {
            roll if roll < opens => Intent::Open,
            roll if roll % 4 == 0 => Intent::Reduce,
            roll if roll % 4 == 1 => Intent::Protect,
            _ => Intent::Exit,
        };
        let sells = if intent == Intent::Open || q == 0 || self.one_in(8) {
            self.side_of(instrument, q)
        } else {
            q > 0
        };
        let order_type = match self.below(20) {
            0..13 => OrderType::Limit,
            13..16 => OrderType::Market,
            16 => OrderType::Stop,
            17 => OrderType::StopLimit,
            18 => OrderType::Trailing,
            _ => OrderType::Peg,
        };
        let order = match self.below(30) {
            0 if !oracle.orders.is_empty() => {
                oracle.orders.keys().nth(self.below(oracle.orders.len())).unwrap().1
            }
            1 if self.last_id > 0 => 1 + self.seed.below(self.last_id),
            _ => self.fresh_id(),
        };
        let mut qty = self.quantity(oracle, book, instrument, sells);
        let px = self.price(oracle, instrument, around, order_type);
        let mut flags = sign(sells) | leg_flags(instrument);
        if self.one_in(if intent == Intent::Open { 30 } else { 4 }) {
            flags |= Flags::VENUE_REDUCE_ONLY;
        }
        if self.one_in(40) {
            flags |= Flags::PAPER;
        }
        if asks {
            flags |= Flags::PERMIT;
        } else {
            qty = qty.max(1);
            if intent == Intent::Exit || px == 0 {
                qty = qty.min(2);
            }
        }
        let attrs = OrderAttrs { order_type, tif: TimeInForce::Gtc, intent, directive: 0 };
        let group = if self.one_in(3) { 1 + self.below(3) as u32 } else { 0 };
        // Now and then one that is armed already.
        let leg = if self.one_in(3) { order as u16 } else { self.below(2) as u16 };
        let event = Event::OrderNew {
            order: id(order),
            px: Ticks(px),
            qty: Lots(qty),
            attrs,
            group,
            leg,
            list_count: 0,
        };
        let rest = (self.one_in(5) || order_type == OrderType::Stop).then(|| self.rest(oracle, book, around));
        let mut said = Said { book, instrument: Some(of_line(instrument).0), flags, event, rest };
        if !self.one_in(3) {
            self.shelter(oracle, &mut said);
        }
        match self.below(150) {
            0 if asks => said.instrument = None,
            // A leg that is not there, or none where there are two.
            leg @ 1..4 if asks => {
                let flags = [Flags::empty(), Flags::LEG_LONG, Flags::LEG_SHORT][leg - 1];
                said.flags = (said.flags - Flags::LEG_LONG - Flags::LEG_SHORT) | flags;
            }
            _ => {}
        }
        said
    }

    /// Makes a new order the child of an entry, about as large as that covers.
    fn shelter(&mut self, oracle: &Oracle, said: &mut Said) {
        let of_book = oracle.orders.range((said.book, 0)..=(said.book, u64::MAX));
        let entries: Vec<u64> = of_book
            .filter(|(key, entry)| oracle.entry(key.0, entry.instrument, !entry.sells, key.1).is_some())
            .map(|(key, _)| key.1)
            .collect();
        let Event::OrderNew { qty, group, .. } = &mut said.event else { return };
        if entries.is_empty() {
            return;
        }
        let parent = self.pick(&entries);
        let entry = &oracle.orders[&(said.book, parent)];
        let covers = |qty: &i64| oracle.covers(said.book, parent, None, *group, i128::from(*qty), false);
        let most = (1..100).take_while(covers).last().unwrap_or(0);
        *qty = Lots((most + self.below(3) as i64 - 1).max(1));
        said.instrument = Some(of_line(entry.instrument).0);
        said.flags = said.flags - Flags::SELL - Flags::LEG_LONG - Flags::LEG_SHORT;
        said.flags |= sign(!entry.sells) | leg_flags(entry.instrument);
        said.rest = Some(Rest { trigger_px: 0, parent });
    }

    fn rest(&mut self, oracle: &Oracle, book: u16, around: i64) -> Rest {
        let of_book: Vec<u64> =
            oracle.orders.range((book, 0)..=(book, u64::MAX)).map(|(key, _)| key.1).collect();
        // Rather a recent one: the older ones are over.
        let parent = match self.below(6) {
            0 => 0,
            1 => self.last_id + 1_000,
            _ if of_book.is_empty() => 0,
            _ => of_book[of_book.len() - 1 - self.below(of_book.len().min(12))],
        };
        Rest { trigger_px: if self.one_in(3) { 0 } else { around }, parent }
    }

    /// A few lots, often at the edge of something.
    fn quantity(&mut self, oracle: &Oracle, book: u16, instrument: u16, sells: bool) -> i64 {
        let exposed = oracle.exposed(book, instrument);
        let kind = oracle.kind(instrument);
        let caps = &oracle.limits.books[usize::from(book)];
        let q = exposed.position;
        let (toward, load) = if sells { (-q, exposed.sells) } else { (q, exposed.buys) };
        let exits: i128 = oracle
            .live_orders(book, instrument)
            .filter(|(_, order, _)| {
                order.intent == Intent::Exit && order.sells == sells && !order.venue_enforced
            })
            .map(|(.., standing)| standing.remaining())
            .sum();
        let edge = self.below(3) as i128 - 1;
        let most = caps.max_order_qty.map_or(9, |max| max.0);
        let qty = match self.below(12) {
            0 | 1 => q.abs() + edge,
            2 | 3 => q.abs() - load + edge,
            4 => q.abs() - exits + edge,
            5 | 6 => i128::from(caps.max_position.map_or(9, |max| max.0)) - toward - load + edge,
            7 => i128::from(most) + edge,
            8 => i128::from(kind.min_qty.0) + edge,
            _ => 1 + self.below(6) as i128,
        };
        let qty = if (1..=25).contains(&qty) { qty as i64 } else { 1 + self.below(6) as i64 };
        match self.below(150) {
            0 => 0,
            1 => -qty,
            2..25 => qty,
            _ => (qty / kind.lot.0).max(1) * kind.lot.0,
        }
    }

    /// Around the mark, often at the collar's edge or the notional's.
    fn price(&mut self, oracle: &Oracle, instrument: u16, around: i64, order_type: OrderType) -> i64 {
        let kind = oracle.kind(instrument);
        let priced = matches!(order_type, OrderType::Limit | OrderType::StopLimit);
        if order_type == OrderType::Market || (!priced && self.one_in(2)) || self.one_in(60) {
            return 0;
        }
        let mark = oracle.last_good_mark(instrument).map_or(around, |mark| mark as i64);
        let collar = kind.collar.map_or(500, |bps| i64::from(bps.0));
        let px = match self.below(10) {
            0 => mark * (10_000 + collar) / 10_000 + self.below(3) as i64 - 1,
            1 => mark * (10_000 - collar) / 10_000 + self.below(3) as i64 - 1,
            2 => mark * 13 / 10,
            _ => mark * (98 + self.below(5) as i64) / 100,
        };
        if self.one_in(12) { px } else { px - px % kind.tick.0 }
    }

    fn modify(&mut self, oracle: &Oracle, (book, order): (u16, u64), asks: bool) -> Said {
        let known = &oracle.orders[&(book, order)];
        let standing = known.standing();
        if !standing.asked.is_empty() && !self.flavour.overlapping {
            return self.answer_modify(oracle, (book, order));
        }
        let kind = oracle.kind(known.instrument);
        let around = around(known.instrument);
        let (total, unit) = (standing.most() as i64, kind.lot.0);
        let qty = match self.below(12) {
            0..3 => total,
            3..6 => total + unit * (1 + self.below(4) as i64),
            6 => total + self.quantity(oracle, book, known.instrument, known.sells),
            7 => total - 1,
            8 => self.quantity(oracle, book, known.instrument, known.sells),
            9 => standing.filled as i64,
            10 if known.entry.is_some() => {
                let covers = |qty: &i64| {
                    let entry = known.entry.unwrap();
                    oracle.covers(book, entry, Some(order), known.group, i128::from(*qty), false)
                };
                (1..100).take_while(covers).last().unwrap_or(0) + self.below(3) as i64 - 1
            }
            _ => (total / 2).max(1),
        };
        let px = match self.below(3) {
            0 => self.price(oracle, known.instrument, around, known.order_type),
            _ => standing.px as i64,
        };
        let qty = if asks { qty } else { qty.clamp(1, total + 1) };
        let px = if asks { px } else { standing.px as i64 };
        let new_order = match self.below(12) {
            0 => self.fresh_id(),
            1 => order,
            // A reduction passes before its new id is looked at.
            2 if asks && qty > total && self.last_id > 0 => 1 + self.seed.below(self.last_id),
            _ => 0,
        };
        let attrs = OrderAttrs {
            order_type: known.order_type,
            tif: TimeInForce::Gtc,
            intent: known.intent,
            directive: 0,
        };
        let target = if asks && self.one_in(25) { self.last_id + 1_000 } else { order };
        let event = Event::OrderModify { order: id(target), px: Ticks(px), qty: Lots(qty), attrs, new_order };
        let permit = if asks { Flags::PERMIT } else { Flags::empty() };
        let flags = order_flags(known) | permit;
        Said { book, instrument: Some(of_line(known.instrument).0), flags, event, rest: None }
    }

    fn cancel(&mut self, oracle: &Oracle, live: &[(u16, u64)]) -> Said {
        let (book, instrument, _) = self.pick(&MARKETS);
        let attrs = super::desk::attrs();
        let flags = if self.one_in(3) { Flags::empty() } else { Flags::PERMIT };
        if self.one_in(5) {
            let event = Event::OrderCancelAll { side: 0, increasing_only: 0, attrs };
            return Said { book, instrument: Some(instrument), flags, event, rest: None };
        }
        if live.is_empty() || self.one_in(5) {
            let event = Event::OrderCancel { order: id(1 + self.seed.below(self.last_id + 5)), attrs };
            return Said { book, instrument: Some(instrument), flags, event, rest: None };
        }
        let (book, order) = self.pick(live);
        let instrument = Some(of_line(oracle.orders[&(book, order)].instrument).0);
        Said { book, instrument, flags, event: Event::OrderCancel { order: id(order), attrs }, rest: None }
    }

    fn venue(&self, oracle: &Oracle, (book, order): (u16, u64), event: Event) -> Said {
        let instrument = Some(of_line(oracle.orders[&(book, order)].instrument).0);
        Said { book, instrument, flags: Flags::empty(), event, rest: None }
    }

    fn answer_new(&mut self, oracle: &Oracle, key: (u16, u64)) -> Said {
        let standing = oracle.orders[&key].standing();
        let order = id(key.1);
        let untold = !self.acked.contains(&key);
        let event = match self.below(8) {
            0 if untold || self.one_in(4) => Event::NotSent { order, action: 0, cause: 105 },
            1 | 2 if untold => reject(key.1, OrderAction::New, &standing),
            3 => reject(key.1, OrderAction::Cancel, &standing),
            4 => Event::NotSent { order, action: 2, cause: 105 },
            _ => {
                self.acked.insert(key);
                let live_qty = Lots((standing.total - standing.filled).max(0) as i64);
                Event::OrderAck {
                    order,
                    venue_key: key.1,
                    px: Ticks(standing.px as i64),
                    live_qty,
                    t_venue: 0,
                }
            }
        };
        self.venue(oracle, key, event)
    }

    fn answer_modify(&mut self, oracle: &Oracle, key: (u16, u64)) -> Said {
        let asked: Vec<(u16, u64)> = oracle
            .orders
            .iter()
            .filter(|(_, order)| !order.standing().over && !order.standing().asked.is_empty())
            .map(|(&key, _)| key)
            .collect();
        let key = if asked.is_empty() { key } else { self.pick(&asked) };
        let standing = oracle.orders[&key].standing();
        let order = id(key.1);
        let event = match self.below(6) {
            0 => reject(key.1, OrderAction::Modify, &standing),
            1 => Event::NotSent { order, action: 1, cause: 106 },
            _ => {
                let asked = standing.asked.first().copied();
                let (px, qty) = asked.unwrap_or((standing.px, standing.total));
                Event::OrderModified {
                    order,
                    px: Ticks(px as i64),
                    qty: Lots(qty as i64),
                    cum_qty: Lots(standing.filled as i64),
                    t_venue: 0,
                }
            }
        };
        self.venue(oracle, key, event)
    }

    fn done(&mut self, oracle: &Oracle, key: (u16, u64)) -> Said {
        let filled = oracle.orders[&key].standing().filled;
        let event = Event::OrderDone {
            order: id(key.1),
            status: self.pick(&[DoneStatus::Canceled, DoneStatus::Expired, DoneStatus::RejectedLate]),
            initiator: self.pick(&[Initiator::Owner, Initiator::Venue]),
            cum_qty: Lots(filled as i64),
            t_venue: 0,
        };
        self.venue(oracle, key, event)
    }

    /// Orders whose number divides by seven are reported by totals.
    fn fill(&mut self, oracle: &Oracle, key: (u16, u64)) -> Said {
        let order = &oracle.orders[&key];
        let standing = order.standing();
        let left = standing.remaining().max(1) as i64;
        let qty = match self.below(40) {
            0 => left + 1,
            1..16 => left,
            _ => 1 + self.below(left as usize) as i64,
        };
        let around = around(order.instrument);
        let event = if key.1.is_multiple_of(7) {
            let cum = standing.filled as i64 + qty;
            let cum_cost = Money(i128::from(cum) * 100 * E9);
            Event::FillCum { order: id(key.1), cum_qty: Lots(cum), cum_cost, cum_fee: 0 }
        } else {
            let exec = 1_000_000 + self.told.len() as u64 * 3 + self.seed.below(2);
            Event::Fill { order: key.1, exec, px: Ticks(around), qty: Lots(qty), fee: 0 }
        };
        let flags = sign(order.sells) | leg_flags(order.instrument);
        let instrument = Some(of_line(order.instrument).0);
        let said = Said { book: key.0, instrument, flags, event, rest: None };
        if matches!(event, Event::Fill { .. }) {
            self.told.push(said.clone());
        }
        said
    }

    /// A fill of an order that is over, of none, in simulation, or told before.
    fn stray_fill(&mut self, oracle: &Oracle) -> Said {
        if !self.told.is_empty() && self.one_in(4) {
            let again = self.below(self.told.len());
            return self.told[again].clone();
        }
        let over: Vec<(u16, u64)> = oracle
            .orders
            .iter()
            .filter(|(_, order)| {
                let standing = order.standing();
                standing.over && standing.filled < standing.most()
            })
            .map(|(&key, _)| key)
            .collect();
        if !over.is_empty() && !self.one_in(3) {
            let key = self.pick(&over);
            return self.fill(oracle, key);
        }
        let (book, instrument, around) = self.market(oracle);
        let paper = if self.one_in(3) { Flags::PAPER } else { Flags::empty() };
        let qty = Lots(1 + self.below(4) as i64);
        let exec = 500_000_000 + self.seed.below(500_000_000);
        let event = Event::Fill { order: 0, exec, px: Ticks(around), qty, fee: 0 };
        let q = oracle.position(book, instrument);
        let sells = self.side_of(instrument, q);
        // Now and then without its leg, which cannot be booked.
        let leg = if self.one_in(20) { Flags::empty() } else { leg_flags(instrument) };
        let flags = sign(sells) | leg | paper;
        Said { book, instrument: Some(of_line(instrument).0), flags, event, rest: None }
    }
}

fn reject(order: u64, action: OrderAction, standing: &Standing) -> Event {
    Event::OrderReject {
        order: id(order),
        class: RejectClass::Infrastructure,
        action,
        venue_code: -1,
        cum_qty: Lots(standing.filled as i64),
        t_venue: 0,
    }
}

/// The records in which a lane carries it.
pub fn records(said: &Said) -> Vec<(Flags, Event)> {
    let Event::OrderNew { order, .. } = said.event else { return vec![(said.flags, said.event)] };
    let Some(rest) = said.rest else { return vec![(said.flags, said.event)] };
    let trigger_px = Ticks(rest.trigger_px);
    let rest = Event::OrderExt { order, trigger_px, expiry_utc_ns: 0, quote_cost: 0, parent: rest.parent };
    vec![(said.flags | Flags::MORE, said.event), (Flags::empty(), rest)]
}
