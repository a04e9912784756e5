//! HOT: pre-trade checks: may this order be sent, and if not, which limit says so.
//!
//! Order of checks of a new order, written here once. The first that fails is the reason:
//!
//! | | Checks | Why here |
//! |---|---|---|
//! | 1 | instrument, quantity, duplicate id | what is meaningless or was asked before is not weighed at all |
//! |   | fingerprint, unless it is an exit | counted whatever else is wrong with it (`duplicates`) |
//! |   | armed already (`oco`), unless it is an exit | what protects a fill twice is no matter of limits |
//! | 2 | exit | an exit is judged by its size alone, so nothing below may get in its way |
//! |   | expired instrument | there is no market for anything else |
//! | 3 | tick, lot, smallest and largest quantity, expiry | a defect of the order itself, true in any state |
//! | 4 | state, reduce-only size, restricted | a halt is told before any limit of a book that may not trade anyway |
//! |   | another venue is down (`connections`), count of the day | unless it is verified to reduce only |
//! | 5 | mark, collars, notional, own orders (`prices`, `self_cross`) | the order against the market |
//! | 6 | open orders, position, gross, net, what it is paid with (`funds`) | the order against everything else that may still fill |
//! | 7 | what a drawdown's band leaves of its size (`band`) | last: it names a limit that moves |
//!
//! **Reduce-only** (by state, by intent REDUCE or PROTECT, by the venue's flag, by what closes a leg) goes by size, open orders included: a
//! sell of n passes only if the position is long and all live sells, this one by its group's rule included, stay within
//! it. **Exit** (intent EXIT, against the position): n ≤ |q| less the live or unknown orders of intent EXIT; one that the
//! venue enforces needs only n ≤ |q|, so one that timed out can be tried again. With books that miss something the
//! position is a guess: then only venue-enforced exits pass, the rest is EXIT_UNVERIFIED.
//!
//! Where nothing but a half-open breaker makes the state REDUCE_ONLY, a new order that opens risk may take one of its
//! credits (`error_rate`); then checks 5 and 6 follow as for any other.
//!
//! An order by cost is told in lots first (`by_cost`); what bounds a quantity is then not applied to it.
//!
//! A **restricted** instrument is REDUCE_ONLY on every account, from the start and for as long as the limits say so:
//! what would open is denied, RESTRICTED, the gate says REDUCE_ONLY, and what is held may be closed.
//!
//! Units: prices and quantities as the instrument counts them. Trips at `>` the limit (`<` the minimum). Does not catch: what strategies outside this sidecar do.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::Engine;
use super::gates::{Hold, guard};
use super::integrity::sticky;
use super::lanes::Place;
use super::orders::{Side, Size, Terms};
use super::rate_limit::Rank;
use crate::model::event::{Intent, OrderType, TimeInForce};
use crate::model::scope::InstrumentId;
use crate::model::{Event, Flags, Latch, Message, Mode, Reason, Scope, TradingState};

/// An order as requested.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    pub(super) id: u64,
    pub(super) side: Side,
    pub(super) size: Size,
    pub(super) terms: Terms,
    /// What a market order by cost may cost, in 1e-9 of the quote currency; 0 for any other.
    pub(super) cost: i64,
    /// Price at which a stop becomes live; 0 for none.
    pub(super) trigger_px: i64,
    /// UTC nanoseconds at which the venue is to end it; `None` where it names no time.
    pub(super) expiry: Option<i64>,
}

/// Why a request is denied, and the numbers behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Denial {
    pub(super) reason: Reason,
    pub(super) guard: u16,
    pub(super) scope: Scope,
    pub(super) measured: i64,
    pub(super) limit: i64,
    /// Largest admissible quantity, or nanoseconds after which to try again.
    pub(super) extra: u64,
}

/// What an order may do that is not denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grant {
    /// Be sent.
    Send,
    /// Be sent to try whether a half-open breaker may close.
    Probe,
    /// Be sent as a verified exit; so many lots are left to exit afterwards.
    Exit(i64),
    /// Be sent only if the venue sees to it that it reduces.
    Unverified,
    /// Be simulated.
    Simulate,
}

/// What an order, or more of one, does to its side of a position.
pub(super) struct Growth {
    pub(super) side: Side,
    pub(super) q: i64,
    /// Lots that could fill beyond those that already may.
    n: i64,
    /// What the side adds up to now, and what it would with them.
    pub(super) now: i128,
    pub(super) then: i128,
    /// What of `now` they would only take the place of, the largest of their group; negative where the order would
    /// begin to count with more than them.
    shared: i64,
    /// Its entry would cover all of it: it counts nothing.
    covered: bool,
    /// By how much its entry would let it grow.
    cover: i64,
}

/// A grant and the rank in which it waits for its turn.
pub(super) type Judgement = Result<(Grant, Rank), Denial>;

impl Denial {
    pub(super) fn of(reason: Reason, scope: Scope, measured: i64, limit: i64) -> Self {
        Self { reason, guard: 0, scope, measured, limit, extra: 0 }
    }

    pub(super) fn by(self, guard: u16, extra: i64) -> Self {
        Self { guard, extra: extra.max(0).unsigned_abs(), ..self }
    }
}

impl Growth {
    /// Lots by which the position may grow on this side, beyond what it already may.
    pub(super) fn opens(&self) -> i64 {
        let q = i128::from(self.q);
        let towards = if self.side.sells { q.saturating_neg() } else { q };
        let [now, then] = [self.now, self.then].map(|sum| towards.saturating_add(sum).max(0));
        clamped(then.saturating_sub(now).max(0))
    }
}

impl Ticket {
    /// The ticket of an ORDER_NEW.
    pub(super) fn read(message: &Message, rest: Option<&Event>, instrument: InstrumentId) -> Option<Self> {
        let Event::OrderNew { order, px, qty, attrs, group, leg, .. } = message.event else { return None };
        let (trigger_px, expiry, quote_cost, parent) = match rest {
            Some(&Event::OrderExt { trigger_px, expiry_utc_ns, quote_cost, parent, .. }) => {
                (trigger_px.0, expiry_utc_ns, quote_cost, parent)
            }
            _ => (0, 0, 0, 0),
        };
        let has_expiry = attrs.tif == TimeInForce::Gtd || expiry != 0;
        Some(Self {
            id: order.get(),
            side: Side { instrument, leg: message.leg(), sells: message.flags.contains(Flags::SELL) },
            size: Size { px: px.0, qty: qty.0 },
            terms: Terms {
                kind: attrs.order_type,
                intent: attrs.intent,
                venue_enforced: message.flags.contains(Flags::VENUE_REDUCE_ONLY),
                group,
                set: group,
                leg,
                parent,
                by_cost: quote_cost != 0,
            },
            cost: quote_cost,
            trigger_px,
            expiry: has_expiry.then_some(expiry),
        })
    }

    /// Whether its own price says at what it trades.
    pub(super) fn is_priced(&self) -> bool {
        matches!(self.terms.kind, OrderType::Limit | OrderType::StopLimit)
    }
}

impl Engine {
    /// Whether an order means anything, and is not one that is known: the checks before all others.
    pub(super) fn first_look(&self, place: Place, ticket: &Ticket) -> Result<(), Denial> {
        let scope = self.instrument_scope(place);
        // A handle of account level names none.
        let Side { instrument, leg, .. } = ticket.side;
        if place.instrument.is_none() || !self.can_book(place, instrument, leg) {
            return Err(Denial::of(Reason::UnknownInstrument, scope, 0, 0));
        }
        let lot = self.limits.instruments[usize::from(ticket.side.instrument)].lot.0;
        if ticket.size.qty <= 0 {
            return Err(Denial::of(Reason::MinQty, scope, ticket.size.qty, lot));
        }
        match self.orders.find(&place.key(ticket.id)) {
            Some(_) => Err(Denial::of(Reason::DuplicateId, Scope::Book(place.book), 0, 0)),
            None => Ok(()),
        }
    }

    /// Judges a new order that had its first look.
    pub(super) fn judge_new(&self, place: Place, ticket: &Ticket) -> Judgement {
        if ticket.terms.intent != Intent::Exit {
            self.check_armed(place, ticket)?;
        }
        self.judge_placed(place, ticket)
    }

    /// Judges an order that is placed, by itself or in the place of another.
    pub(super) fn judge_placed(&self, place: Place, ticket: &Ticket) -> Judgement {
        let q = self.held(place.book, ticket.side);
        if ticket.terms.intent == Intent::Exit {
            return self.judge_exit(place, ticket.side, &ticket.terms, ticket.size.qty, q);
        }
        if self.marks.is_expired(ticket.side.instrument) {
            return Err(Denial::of(Reason::UnknownInstrument, self.instrument_scope(place), 0, 0));
        }
        self.check_size(place, ticket)?;
        self.check_expiry(place, ticket)?;
        let growth = self.growth_of_new(place, ticket, q);
        let meant =
            ticket.terms.venue_enforced || ticket.terms.intent != Intent::Open || ticket.side.only_closes();
        let (reduces, probes) = match self.check_state(place, &ticket.terms, &growth) {
            Ok(reduces) => (reduces, false),
            Err(denial) if meant || self.state(place) == TradingState::Halted => return Err(denial),
            Err(denial) => self.may_probe(place, denial).map(|()| (false, true))?,
        };
        if !reduces {
            self.check_reroute(place, &growth)?;
            self.check_day(place)?;
        }
        self.check_price(place, ticket, reduces)?;
        self.check_self_cross(place, ticket)?;
        self.check_open_orders(place)?;
        self.check_position_room(place, &growth)?;
        self.check_exposure(place, &growth)?;
        if !reduces {
            self.check_funds(place, ticket, &growth)?;
            self.check_band(place, ticket)?;
        }
        let rank = if reduces { Rank::Reduce } else { Rank::New };
        match self.grant(place) {
            Grant::Send if probes => Ok((Grant::Probe, rank)),
            grant => Ok((grant, rank)),
        }
    }

    /// Judges a modification of a live order to `size`.
    pub(super) fn judge_modify(&self, place: Place, entry: u32, size: Size) -> Judgement {
        let order = self.orders.get(entry);
        let latest = order.latest();
        let scope = self.instrument_scope(place);
        if size.qty <= 0 {
            let lot = self.limits.instruments[usize::from(order.side.instrument)].lot.0;
            return Err(Denial::of(Reason::MinQty, scope, size.qty, lot));
        }
        if size.px == latest.px && size.qty <= latest.qty {
            return Ok((self.grant(place), Rank::Cancel));
        }
        let q = self.held(place.book, order.side);
        let remaining = size.qty.saturating_sub(order.booked().qty).max(0);
        if order.terms.intent == Intent::Exit {
            let more = remaining.saturating_sub(order.exiting).max(0);
            return self.judge_exit(place, order.side, &order.terms, more, q);
        }
        if self.marks.is_expired(order.side.instrument) {
            return Err(Denial::of(Reason::UnknownInstrument, scope, 0, 0));
        }
        let ticket = Ticket {
            id: 0,
            side: order.side,
            size,
            terms: order.terms,
            cost: 0,
            trigger_px: 0,
            expiry: None,
        };
        self.check_size(place, &ticket)?;
        let n = remaining.saturating_sub(order.remaining()).max(0);
        let growth = self.growth_of_live(place, entry, n, q);
        let reduces = self.check_state(place, &order.terms, &growth)?;
        if !reduces {
            self.check_reroute(place, &growth)?;
        }
        self.check_price(place, &ticket, reduces)?;
        self.check_self_cross(place, &ticket)?;
        self.check_position_room(place, &growth)?;
        self.check_exposure(place, &growth)?;
        if !reduces {
            self.check_more_funds(place, entry, &ticket, &growth)?;
            self.check_band(place, &ticket)?;
        }
        Ok((self.grant(place), Rank::Modify))
    }

    /// What a new order adds to its side of the position.
    pub(super) fn growth_of_new(&self, place: Place, ticket: &Ticket, q: i64) -> Growth {
        let Ticket { side, terms, size, .. } = *ticket;
        let index = self.ledger.find(place.book, side.instrument, side.leg);
        let entry = self.entry_of(place, side, &terms);
        let cover = entry.map_or(0, |entry| self.cover(entry, &terms, None));
        let covered = entry.is_some() && size.qty <= cover;
        let now = self.working.sums(index).side(side.sells);
        let then = if covered { now } else { self.working.with(index, side, &terms, size.qty) };
        let shared = self.working.shared(index, side, &terms);
        Growth { side, q, n: size.qty, now, then, shared, covered, cover }
    }

    /// What `n` more of a live order add to its side of the position.
    pub(super) fn growth_of_live(&self, place: Place, entry: u32, n: i64, q: i64) -> Growth {
        let order = self.orders.get(entry);
        let has = order.remaining();
        let cover = order.parent().map_or(0, |parent| self.cover(parent, &order.terms, Some(entry)));
        // Under REDUCE_ONLY it cannot be let out of its entry's cover.
        let covered = order.parent().is_some()
            && (n <= cover.saturating_sub(has) || self.state(place) != TradingState::Active);
        let now = self.working.sums(order.position).side(order.side.sells);
        let then = if covered { now } else { self.working.grown(order, has.saturating_add(n)) };
        let begins = if order.parent().is_some() && !order.terms.venue_enforced { has } else { 0 };
        let shared = self.working.covered(order).saturating_sub(begins);
        Growth { side: order.side, q, n, now, then, shared, covered, cover: cover.saturating_sub(has).max(0) }
    }

    /// Judges an exit of `n` lots, more of an exit that is live, or a new price for one (0 lots).
    fn judge_exit(&self, place: Place, side: Side, terms: &Terms, n: i64, q: i64) -> Judgement {
        let scope = self.instrument_scope(place);
        let opposite = side.reduces(q);
        let sound = !self.ledger.book(place.book).unsound;
        if !sound && !terms.venue_enforced {
            return Ok((Grant::Unverified, Rank::Exit));
        }
        let held = i128::from(q.unsigned_abs());
        let sums = self.working.sums(self.ledger.find(place.book, side.instrument, side.leg));
        let live = if terms.venue_enforced { 0 } else { sums.exits(side.sells) };
        let left = if opposite { clamped(held.saturating_sub(live).max(0)) } else { 0 };
        if sound && (n > left || !opposite) {
            return Err(Denial::of(Reason::ExitSize, scope, n, left).by(0, left));
        }
        // In paper mode too: the position it leaves is real.
        Ok((Grant::Exit(left.saturating_sub(n).max(0)), Rank::Exit))
    }

    fn check_size(&self, place: Place, ticket: &Ticket) -> Result<(), Denial> {
        let limits = &self.limits.instruments[usize::from(ticket.side.instrument)];
        let scope = self.instrument_scope(place);
        let Size { px, qty } = ticket.size;
        let priced = matches!(ticket.terms.kind, OrderType::Limit | OrderType::StopLimit);
        let on_tick = px.checked_rem_euclid(limits.tick.0) == Some(0) && (px > 0 || limits.allow_negative);
        if priced && !on_tick {
            return Err(Denial::of(Reason::Tick, scope, px, limits.tick.0));
        }
        if ticket.terms.by_cost {
            return self.check_by_cost(place, ticket);
        }
        if qty.checked_rem_euclid(limits.lot.0) != Some(0) {
            return Err(Denial::of(Reason::Lot, scope, qty, limits.lot.0));
        }
        if qty < limits.min_qty.0 {
            return Err(Denial::of(Reason::MinQty, scope, qty, limits.min_qty.0));
        }
        let max = self.limits.books[usize::from(place.book)].max_order_qty;
        match max.filter(|max| qty > max.0) {
            Some(max) => {
                let scope = Scope::Book(place.book);
                Err(Denial::of(Reason::MaxQty, scope, qty, max.0).by(guard::ORDER_QTY, max.0))
            }
            None => Ok(()),
        }
    }

    /// Whether the state lets the order work, or grow; `true` when it can only reduce.
    fn check_state(&self, place: Place, terms: &Terms, growth: &Growth) -> Result<bool, Denial> {
        let state = self.state(place);
        if state == TradingState::Halted {
            return Err(self.halted(place));
        }
        let &Growth { q, n, now, shared, covered, cover, .. } = growth;
        let meant = matches!(terms.intent, Intent::Reduce | Intent::Protect) || terms.venue_enforced;
        let meant = meant || growth.side.only_closes();
        if state == TradingState::Active && (!meant || covered) {
            return Ok(meant);
        }
        let held = i128::from(q.unsigned_abs());
        let opposite = growth.side.reduces(q);
        let then = if terms.venue_enforced { now.saturating_add(i128::from(n)) } else { growth.then };
        if opposite && then <= held && !(covered && n > 0) {
            return Ok(true);
        }
        let left = held.saturating_sub(now).saturating_add(i128::from(shared));
        let room = if opposite && !covered && now <= held { clamped(left.max(0)) } else { 0 };
        let room = if state == TradingState::Active { room.max(cover) } else { room };
        let denial = Denial::of(Reason::ReduceOnlySize, self.instrument_scope(place), n, room).by(0, room);
        if let Some(cause) = self.gates.cause(self.instrument_scope(place), guard::RESTRICTED) {
            return Err(Denial { reason: Reason::Restricted, ..denial }.by(cause.guard, room));
        }
        let cause =
            (state != TradingState::Active).then(|| self.gates.gravest(&self.scopes_of(place))).flatten();
        Err(cause.map_or(denial, |cause| Denial { guard: cause.guard, scope: cause.scope, ..denial }))
    }

    fn halted(&self, place: Place) -> Denial {
        match self.gates.gravest(&self.scopes_of(place)) {
            Some(cause) => {
                Denial::of(cause.reason, cause.scope, cause.measured, cause.limit).by(cause.guard, 0)
            }
            // No cause and yet no permission: a scope that does not exist.
            None => Denial::of(Reason::Unarmed, Scope::Book(place.book), 0, 0),
        }
    }

    fn check_open_orders(&self, place: Place) -> Result<(), Denial> {
        let max = self.limits.books[usize::from(place.book)].max_open_orders;
        let count = self.working.of_book(place.book).saturating_add(1);
        match max.filter(|&max| count > max) {
            Some(max) => {
                let book = Scope::Book(place.book);
                Err(Denial::of(Reason::OpenOrders, book, i64::from(count), i64::from(max)))
            }
            None => Ok(()),
        }
    }

    fn check_position_room(&self, place: Place, growth: &Growth) -> Result<(), Denial> {
        let Some(limit) = self.limits.books[usize::from(place.book)].max_position else { return Ok(()) };
        let q = i128::from(growth.q);
        let towards = if growth.side.sells { q.saturating_neg() } else { q };
        let (now, then) = (towards.saturating_add(growth.now), towards.saturating_add(growth.then));
        if then <= i128::from(limit.0) || then <= now {
            return Ok(());
        }
        let left = i128::from(limit.0).saturating_sub(now).max(0);
        let room = clamped(left.saturating_add(i128::from(growth.shared))).max(growth.cover);
        let book = Scope::Book(place.book);
        Err(Denial::of(Reason::MaxPosition, book, clamped(then), limit.0).by(guard::POSITION, room))
    }

    /// Closes restricted instruments to what opens.
    pub(super) fn hold_restricted(&mut self) {
        for index in 0..self.limits.instruments.len() as u16 {
            if !self.limits.instruments[usize::from(index)].restricted {
                continue;
            }
            for account in 0..self.limits.accounts.len() as u16 {
                let scope = Scope::Instrument(account, index);
                let hold = sticky(scope, guard::RESTRICTED, Reason::Restricted);
                self.gates.begin(Hold { state: TradingState::ReduceOnly, latch: Latch::Auto, ..hold });
            }
        }
    }

    pub(super) fn grant(&self, place: Place) -> Grant {
        match self.mode_at(place) {
            Mode::Live => Grant::Send,
            Mode::Paper => Grant::Simulate,
        }
    }

    /// The scopes whose causes bear on an order, the narrowest last.
    pub(super) fn scopes_of(&self, place: Place) -> [Scope; 5] {
        [
            Scope::Firm,
            Scope::Account(place.account),
            Scope::Strategy(self.ledger.book(place.book).strategy),
            Scope::Book(place.book),
            self.instrument_scope(place),
        ]
    }

    pub(super) fn instrument_scope(&self, place: Place) -> Scope {
        place.instrument.map_or(Scope::Book(place.book), |index| Scope::Instrument(place.account, index))
    }
}

/// A sum of lots as a report's `i64`.
pub(super) fn clamped(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}
