//! What a request must be answered, told naively from the facts in `exposure_oracle`.
//!
//! The first check that fails is the reason. What the rules leave open, as decided here:
//!
//! - **Shape.** UNKNOWN_INSTRUMENT: no instrument in the handle, or a leg it does not have. No quantity is MIN_QTY, with the lot
//!   for limit. A DUPLICATE_ID is one of an order that was announced or permitted, or waits; ids of what was denied,
//!   dropped or answered PAPER may be used again. TICK concerns LIMIT and STOP_LIMIT.
//! - **Armed.** OCO_REARM comes next, see `exposure_sets`; exits and what takes the place of another are not looked at.
//! - **Exit.** Intent EXIT never goes through the other checks: one that is not opposite to a position is EXIT_SIZE
//!   with limit 0. What is left to exit: |q| less what remains of live exits of the same side that the venue does not
//!   keep to reducing. PASS_EXIT tells the limit less the quantity. With unsound books size and side are not looked at.
//! - **Reduce-only** of a side: what is admissible is what keeps the group-aware sum of the side within |q|; 0 where
//!   the order is not opposite to the position. While the state is ACTIVE intent and flag of a child that its entry covers
//!   are not looked at, and what the entry would cover is admissible too. While it is REDUCE_ONLY no entry covers more
//!   than it does already.
//! - **Price.** LIMIT and STOP_LIMIT have one unless it is not positive where prices must be; others are priced by the
//!   mark, for want of one a new stop by its trigger. Without a good mark the reason is NO_MARK, MARK_SUSPECT or
//!   MARK_STALE, measured is the last good one. The collar holds against that, however old it is, without one
//!   against a stop's trigger; without either a priced order is NO_MARK where there is a collar.
//! - **Accumulated collar** holds for the price of what is not verified to reduce only, against every mark that was believed
//!   within the window; the largest distance is measured.
//! - **Open orders** are those of the book.
//! - **Gross and net** come last, see `exposure_money`.
//! - **Largest position** is looked at on the side that grows. A largest admissible quantity takes no notice of lots.
//! - **Modify.** Price and quantity are compared with what was asked for last. A reduction by the same id passes.
//!   Anything else has TICK, LOT, MIN_QTY and MAX_QTY on the new total, then the state by the difference (0 for a mere
//!   price), price and notional on the new total, position by the difference. An order of intent EXIT needs EXIT's
//!   size for the difference, and only that. With a new id it is a whole new order of the old one's kind.
//! - **Cancels** pass whatever the mode and flags. The mode PAPER answers what would be PASS, not what would be
//!   PASS_EXIT: a position is never a simulated one. The flag PAPER is the strategy's own wish and answers both.
//!
//! Measured and limit: the quantity and its bound; the price and the tick; notional in 1e-6, up for a maximum and down
//! for a minimum; distance from the mark in basis points, up. 0 and 0 where there is nothing to measure.

use tripline::engine::limits::InstrumentKind;
use tripline::model::event::{Intent, OrderAttrs, OrderType};
use tripline::model::{Event, Flags, Mode, Reason, TradingState};

use super::desk::of_line;
use super::exposure_oracle::{Load, Oracle, Order, Said};

/// What a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Pass,
    /// What is left to exit after it, where the books are sound.
    PassExit(Option<i128>),
    Paper,
    Unverified,
    Deny(Denial),
    /// Denied with the reason of whatever halts it.
    Halted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    pub reason: Reason,
    pub measured: i128,
    pub limit: i128,
    /// The largest admissible quantity, where it is worked out.
    pub admissible: Option<i128>,
}

type Checked = Result<(), Answer>;

/// The last mark that was believed, and whether there is a jump since that is not.
struct Believed {
    at: u64,
    px: i128,
    suspect: Option<i128>,
}

/// What is to be permitted.
struct Ask {
    book: u16,
    instrument: u16,
    sells: bool,
    /// By how much the order grows; all of it when it is new.
    grows: i128,
    /// Its whole quantity.
    total: i128,
    /// What would remain of it.
    remaining: i128,
    px: i128,
    trigger_px: i128,
    order_type: OrderType,
    intent: Intent,
    venue_enforced: bool,
    /// The entry whose child it is, or would be.
    entry: Option<u64>,
    group: u32,
    leg: u16,
    parent: u64,
    /// The order that changes.
    order: Option<u64>,
}

fn deny(reason: Reason, measured: i128, limit: i128) -> Answer {
    Answer::Deny(Denial { reason, measured, limit, admissible: None })
}

fn deny_size(reason: Reason, measured: i128, limit: i128, admissible: i128) -> Answer {
    Answer::Deny(Denial { reason, measured, limit, admissible: Some(admissible) })
}

fn unless(fails: bool, answer: Answer) -> Checked {
    if fails { Err(answer) } else { Ok(()) }
}

fn up(value: i128, unit: i128) -> i128 {
    value.div_euclid(unit) + i128::from(value.rem_euclid(unit) != 0)
}

impl Answer {
    /// Whether the order counts from here on.
    pub fn permits(self) -> bool {
        matches!(self, Self::Pass | Self::PassExit(_))
    }
}

impl Oracle {
    /// The answer to a request now, without any effect.
    pub fn answer(&self, said: &Said) -> Answer {
        let answer = match said.event {
            Event::OrderNew { .. } => self.answer_new(said),
            Event::OrderModify { .. } => self.answer_modify(said),
            _ => return Answer::Pass,
        };
        match answer {
            Err(Answer::Unverified) if said.flags.contains(Flags::PAPER) => Answer::Paper,
            Err(denial) => denial,
            Ok(_) if said.flags.contains(Flags::PAPER) => Answer::Paper,
            Ok(Answer::Pass) if self.limits.mode == Mode::Paper => Answer::Paper,
            Ok(pass) => pass,
        }
    }

    fn answer_new(&self, said: &Said) -> Result<Answer, Answer> {
        let Event::OrderNew { order, px, qty, attrs, group, leg, .. } = said.event else { unreachable!() };
        let instrument = self.line(said).ok_or(deny(Reason::UnknownInstrument, 0, 0))?;
        let qty = i128::from(qty.0);
        let lot = self.kind(instrument).lot.0.into();
        unless(qty <= 0, deny(Reason::MinQty, qty, lot))?;
        unless(self.known(said.book, order.get()), deny(Reason::DuplicateId, 0, 0))?;
        let venue_enforced = said.flags.contains(Flags::VENUE_REDUCE_ONLY);
        let sells = said.flags.contains(Flags::SELL);
        let OrderAttrs { order_type, intent, .. } = attrs;
        self.check_new(&Ask {
            book: said.book,
            instrument,
            sells,
            grows: qty,
            total: qty,
            remaining: qty,
            px: px.0.into(),
            trigger_px: said.rest.map_or(0, |rest| rest.trigger_px.into()),
            order_type,
            intent,
            venue_enforced,
            entry: said.rest.and_then(|rest| self.entry(said.book, instrument, sells, rest.parent)),
            group,
            leg,
            parent: said.rest.map_or(0, |rest| rest.parent),
            order: None,
        })
    }

    fn check_new(&self, ask: &Ask) -> Result<Answer, Answer> {
        if ask.intent == Intent::Exit {
            return self.check_exit(ask);
        }
        self.check_armed(ask)?;
        self.check_shape(ask)?;
        let reduces = self.check_state(ask)?;
        self.check_price(ask, reduces)?;
        let open: u32 = self
            .lines()
            .into_iter()
            .map(|instrument| self.live_orders(ask.book, instrument).count() as u32)
            .sum();
        if let Some(most) = self.limits.books[usize::from(ask.book)].max_open_orders {
            unless(open + 1 > most, deny(Reason::OpenOrders, (open + 1).into(), most.into()))?;
        }
        self.check_position(ask)?;
        self.check_money(ask)?;
        Ok(Answer::Pass)
    }

    fn answer_modify(&self, said: &Said) -> Result<Answer, Answer> {
        let Event::OrderModify { order, px, qty, new_order, .. } = said.event else { unreachable!() };
        let (book, id) = (said.book, order.get());
        let order = self.live(book, id).ok_or(deny(Reason::UnknownOrder, 0, 0))?;
        let (px, qty) = (i128::from(px.0), i128::from(qty.0));
        let lot = self.kind(order.instrument).lot.0.into();
        unless(qty <= 0, deny(Reason::MinQty, qty, lot))?;
        let fresh = new_order != 0 && new_order != id;
        unless(fresh && self.known(book, new_order), deny(Reason::DuplicateId, 0, 0))?;
        let standing = order.standing();
        // What was asked for last, answered or not.
        let (last_px, _) = standing.asked.last().copied().unwrap_or((standing.px, standing.total));
        let last = standing.asked.iter().map(|asked| asked.1).max().unwrap_or(standing.total);
        if px == last_px && qty <= last {
            return Ok(Answer::Pass);
        }
        if fresh {
            let entry = self.entry(book, order.instrument, order.sells, order.parent);
            return self.check_new(&Ask { entry, ..change(book, order, px, qty) });
        }
        let ask = Ask {
            grows: (qty - standing.most()).max(0),
            remaining: qty.max(standing.most()) - standing.filled,
            entry: order.entry,
            group: order.group,
            order: Some(id),
            ..change(book, order, px, qty)
        };
        if ask.intent == Intent::Exit {
            // The venue holds an order it keeps to reducing to the position as a whole.
            let left = (qty - standing.filled).max(0);
            let grows = if ask.venue_enforced { left } else { (left - standing.remaining()).max(0) };
            return self.check_exit(&Ask { grows, ..ask });
        }
        self.check_shape(&ask)?;
        let reduces = self.check_state(&ask)?;
        self.check_price(&ask, reduces)?;
        if ask.grows > 0 {
            self.check_position(&ask)?;
            self.check_money(&ask)?;
        }
        Ok(Answer::Pass)
    }

    fn check_exit(&self, ask: &Ask) -> Result<Answer, Answer> {
        if self.unsound(ask.book) {
            return if ask.venue_enforced { Ok(Answer::PassExit(None)) } else { Err(Answer::Unverified) };
        }
        let exits: i128 = self
            .live_orders(ask.book, ask.instrument)
            .filter(|(_, order, _)| order.intent == Intent::Exit && order.sells == ask.sells)
            .filter(|(_, order, _)| !order.venue_enforced)
            .map(|(.., standing)| standing.remaining())
            .sum();
        let taken = if ask.venue_enforced { 0 } else { exits };
        let limit = if self.opposes(ask) { (self.size(ask) - taken).max(0) } else { 0 };
        unless(
            ask.grows > limit || !self.opposes(ask),
            deny_size(Reason::ExitSize, ask.grows, limit, limit),
        )?;
        Ok(Answer::PassExit(Some(limit - ask.grows)))
    }

    fn check_armed(&self, ask: &Ask) -> Checked {
        let armed = self.is_armed(ask.book, ask.instrument, ask.group, ask.leg);
        unless(armed, deny(Reason::OcoRearm, 2, 1))?;
        let own = (ask.parent, ask.group, ask.total);
        match self.beyond_parent(ask.book, (ask.instrument, ask.sells), own) {
            Some((sum, may)) => Err(deny(Reason::OcoRearm, sum, may)),
            None => Ok(()),
        }
    }

    fn check_shape(&self, ask: &Ask) -> Checked {
        let instrument = self.kind(ask.instrument);
        let (tick, lot) = (i128::from(instrument.tick.0), i128::from(instrument.lot.0));
        let min_qty = i128::from(instrument.min_qty.0);
        let priced = matches!(ask.order_type, OrderType::Limit | OrderType::StopLimit);
        let real = ask.px > 0 || instrument.allow_negative;
        unless(priced && (!real || ask.px % tick != 0), deny(Reason::Tick, ask.px, tick))?;
        unless(ask.total % lot != 0, deny(Reason::Lot, ask.total, lot))?;
        unless(ask.total < min_qty, deny(Reason::MinQty, ask.total, min_qty))?;
        if let Some(max) = self.limits.books[usize::from(ask.book)].max_order_qty {
            unless(ask.total > max.0.into(), deny(Reason::MaxQty, ask.total, max.0.into()))?;
        }
        Ok(())
    }

    /// Whether it is verified to reduce only.
    fn check_state(&self, ask: &Ask) -> Result<bool, Answer> {
        let state = self.state(ask.book, ask.instrument);
        unless(state == TradingState::Halted, Answer::Halted)?;
        let reduces = state == TradingState::ReduceOnly
            || matches!(ask.intent, Intent::Reduce | Intent::Protect)
            || ask.venue_enforced
            || Self::closes(ask.instrument, ask.sells);
        let active = state == TradingState::Active;
        if !reduces || (active && self.is_covered(ask)) {
            return Ok(reduces);
        }
        let size = self.size(ask);
        // What sleeps behind its entry is not let out while nothing may increase.
        let (fits, admissible) = if !active && ask.entry.is_some() && ask.grows > 0 {
            (false, 0)
        } else if ask.venue_enforced {
            let left = size - self.load(ask.book, ask.instrument, ask.sells, None).total();
            (ask.grows <= left, left.max(0))
        } else {
            (self.load_after(ask).total() <= size, self.room(ask, size))
        };
        let admissible = if self.opposes(ask) { admissible } else { 0 };
        let admissible = if active { admissible.max(self.room_behind_entry(ask)) } else { admissible };
        let denial = deny_size(Reason::ReduceOnlySize, ask.grows, admissible, admissible);
        unless(!fits || !self.opposes(ask), denial)?;
        Ok(true)
    }

    fn check_price(&self, ask: &Ask, reduces: bool) -> Checked {
        let instrument = self.kind(ask.instrument);
        let priced = matches!(ask.order_type, OrderType::Limit | OrderType::StopLimit);
        let trigger = (matches!(ask.order_type, OrderType::Stop | OrderType::StopLimit)
            && ask.trigger_px != 0)
            .then_some(ask.trigger_px);
        let unknown = reduces || self.last_good_mark(ask.instrument).is_none();
        let own = trigger.filter(|_| unknown);
        let px = if priced { Some(ask.px) } else { self.good_mark(ask.instrument).or(own) };
        let px = px.ok_or_else(|| match self.believed(ask.instrument) {
            None => deny(Reason::NoMark, 0, 0),
            Some(old) if old.suspect.is_some() => deny(Reason::MarkSuspect, old.px, 0),
            Some(old) => deny(Reason::MarkStale, old.px, 0),
        })?;
        let reference = self.last_good_mark(ask.instrument).or(trigger);
        let has_collar = instrument.collar.is_some() || instrument.collar_accumulated.is_some();
        unless(priced && has_collar && reference.is_none(), deny(Reason::NoMark, 0, 0))?;
        if let (Some(collar), Some(mark)) = (instrument.collar.filter(|_| priced), reference) {
            let (distance, bps) = ((px - mark).abs() * 10_000, i128::from(collar.0));
            let measured = up(distance, mark.abs().max(1));
            unless(distance > mark.abs() * bps, deny(Reason::Collar, measured, bps))?;
        }
        if !reduces {
            self.check_drift(ask.instrument, px)?;
        }
        let (notional, unit) = self.notional(ask.instrument, px, ask.total);
        if let Some(max) = self.limits.books[usize::from(ask.book)].max_order_notional {
            let denial = deny(Reason::MaxNotional, up(notional, unit * 1_000), max.0 / 1_000);
            unless(notional > max.0 * unit, denial)?;
        }
        let min = instrument.min_notional.0;
        unless(notional < min * unit, deny(Reason::MinNotional, notional / (unit * 1_000), min / 1_000))
    }

    /// A mark counts until the one that took its place is as old as 15 to 16 fifteenths of the window.
    fn check_drift(&self, instrument: u16, px: i128) -> Checked {
        let Some(drift) = self.kind(instrument).collar_accumulated else {
            return Ok(());
        };
        let (limit, part) = (i128::from(drift.limit.0), drift.window.0.div_ceil(15));
        let marks = self.good_marks(instrument);
        let replaced = marks.iter().skip(1).map(|mark| Some(mark.0)).chain([None]);
        let is_young = |at: u64| self.now / part - at / part < 16;
        let counting = marks.iter().zip(replaced).filter(|(_, at)| at.is_none_or(is_young));
        let away = counting.map(|(&(_, mark), _)| ((px - mark).abs() * 10_000, mark.abs()));
        // The mark from which it is the most basis points, exactly, then rounded up for the report.
        let beyond = away.filter(|(distance, mark)| *distance > mark * limit);
        match beyond.map(|(distance, mark)| up(distance, mark.max(1))).max() {
            Some(measured) => Err(deny(Reason::CollarAccumulated, measured, limit)),
            None => Ok(()),
        }
    }

    fn check_position(&self, ask: &Ask) -> Checked {
        let Some(max) = self.limits.books[usize::from(ask.book)].max_position else { return Ok(()) };
        let max = i128::from(max.0);
        let q = self.position(ask.book, ask.instrument);
        let toward = if ask.sells { -q } else { q };
        let worst = toward + self.load_after(ask).total();
        let admissible = self.room(ask, max - toward).max(self.room_behind_entry(ask));
        unless(worst > max, deny_size(Reason::MaxPosition, worst, max, admissible))
    }

    fn check_money(&self, ask: &Ask) -> Checked {
        let q = self.position(ask.book, ask.instrument);
        let reaches = self.load_after(ask).total() + if ask.sells { -q } else { q };
        match self.money_forbids((ask.book, ask.instrument), ask.sells, reaches) {
            Some((reason, measured, limit)) => Err(deny(reason, up(measured, 1_000), limit / 1_000)),
            None => Ok(()),
        }
    }

    fn size(&self, ask: &Ask) -> i128 {
        self.position(ask.book, ask.instrument).abs()
    }

    fn opposes(&self, ask: &Ask) -> bool {
        let q = self.position(ask.book, ask.instrument);
        // A leg on its wrong side has nothing to give.
        q != 0 && (q > 0) == ask.sells && of_line(ask.instrument).1.holds(q as i64)
    }

    /// The side with the order as it would be.
    fn load_after(&self, ask: &Ask) -> Load {
        let mut load = self.load(ask.book, ask.instrument, ask.sells, ask.order);
        if !ask.venue_enforced && !self.is_covered(ask) {
            load.add(ask.group, ask.remaining);
        }
        load
    }

    /// Whether it counts nothing, as its entry covers all of it.
    fn is_covered(&self, ask: &Ask) -> bool {
        let &Ask { book, order, group, remaining, venue_enforced, .. } = ask;
        ask.entry.is_some_and(|entry| self.covers(book, entry, order, group, remaining, venue_enforced))
    }

    /// By how much the order may grow and its entry still cover it.
    fn room_behind_entry(&self, ask: &Ask) -> i128 {
        let covered = |grows: &i128| {
            let remaining = ask.remaining - ask.grows + grows;
            self.is_covered(&Ask { remaining, grows: *grows, ..*ask })
        };
        (0..1_000).take_while(covered).last().unwrap_or(0)
    }

    /// By how much the order may grow so that the side stays within a bound: found by trying.
    fn room(&self, ask: &Ask, bound: i128) -> i128 {
        let fits = |grows: i128| {
            let remaining = ask.remaining - ask.grows + grows;
            self.load_after(&Ask { remaining, grows, ..*ask }).total() <= bound
        };
        // What fits shrinks as the order grows, so it is between what fits and what does not.
        let (mut low, mut high) = (0, bound.max(0) + 1);
        while high - low > 1 {
            let middle = (low + high) / 2;
            if fits(middle) { low = middle } else { high = middle }
        }
        low
    }
}

/// A whole new order in place of one.
fn change(book: u16, order: &Order, px: i128, qty: i128) -> Ask {
    Ask {
        book,
        instrument: order.instrument,
        sells: order.sells,
        grows: qty,
        total: qty,
        remaining: qty,
        px,
        trigger_px: 0,
        order_type: order.order_type,
        intent: order.intent,
        venue_enforced: order.venue_enforced,
        entry: None,
        group: 0,
        leg: 0,
        parent: 0,
        order: None,
    }
}

impl Oracle {
    /// The last mark that was believed, however old.
    pub fn last_good_mark(&self, instrument: u16) -> Option<i128> {
        self.believed(instrument).map(|mark| mark.px)
    }

    /// The last mark that was believed, and the suspect one since.
    pub fn prices(&self, instrument: u16) -> Option<(i128, Option<i128>)> {
        self.believed(instrument).map(|mark| (mark.px, mark.suspect))
    }

    /// The last mark that was believed, unless it is stale or a jump is suspect.
    pub fn good_mark(&self, instrument: u16) -> Option<i128> {
        let age = self.kind(instrument).mark_age.0;
        let mark = self.believed(instrument)?;
        (self.now - mark.at <= age && mark.suspect.is_none()).then_some(mark.px)
    }

    /// Every mark that was believed, and when.
    fn good_marks(&self, instrument: u16) -> Vec<(u64, i128)> {
        let mut good = Vec::new();
        self.believe(instrument, |at, px| good.push((at, px)));
        good
    }

    fn believed(&self, instrument: u16) -> Option<Believed> {
        self.believe(instrument, |_, _| {})
    }

    fn believe(&self, instrument: u16, mut tell: impl FnMut(u64, i128)) -> Option<Believed> {
        let band = self.kind(instrument).band;
        let near = |px: i128, of: i128| {
            band.is_none_or(|band| (px - of).abs() * 10_000 <= of.abs() * i128::from(band.0))
        };
        let mut good: Option<(u64, i128)> = None;
        // The first suspect mark, when it came, how many agree with it, and the last of them.
        let mut suspect: Option<(u64, i128, u32, i128)> = None;
        for &(at, _, px) in self.marks.iter().filter(|mark| mark.1 == of_line(instrument).0) {
            if good.is_none_or(|(_, last)| near(px, last)) {
                (good, suspect) = (Some((at, px)), None);
                tell(at, px);
                continue;
            }
            let (since, first, count, _) =
                suspect.filter(|&(_, first, ..)| near(px, first)).unwrap_or((at, px, 0, px));
            suspect = Some((since, first, count + 1, px));
            if count + 1 >= 3 && at - since >= 250_000_000 {
                (good, suspect) = (Some((at, px)), None);
                tell(at, px);
            }
        }
        good.map(|(at, px)| Believed { at, px, suspect: suspect.map(|run| run.3) })
    }

    /// An order's notional as a fraction of 1e-9 of the currency.
    pub fn notional(&self, instrument: u16, px: i128, qty: i128) -> (i128, i128) {
        let kind = self.kind(instrument);
        let (px_unit, qty_unit) =
            (10_i128.pow(kind.price_decimals.into()), 10_i128.pow(kind.qty_decimals.into()));
        let contracts = qty * i128::from(kind.multiplier_e9);
        match kind.kind {
            InstrumentKind::Inverse => (contracts * px_unit, px.abs() * qty_unit),
            InstrumentKind::Linear | InstrumentKind::Spot => (contracts * px.abs(), px_unit * qty_unit),
            InstrumentKind::Quanto { rate_e9 } => {
                (contracts * px.abs() * i128::from(rate_e9), px_unit * qty_unit * 1_000_000_000)
            }
        }
    }
}
