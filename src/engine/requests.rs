//! HOT: permit mode: a request comes in, one final verdict goes out, perhaps later.
//!
//! ```text
//! request ── judged ──> DENY
//!         ── judged ──> PAPER, EXIT_UNVERIFIED                 nothing charged, nothing reserved
//!         ── admitted ──> PASS, PASS_EXIT                      charged, reserved, awaiting the venue
//!         ── must wait ──> QUEUED ── judged anew ──> RELEASED  charged and reserved only now
//!                                 ── or ──> DROPPED            too old, superseded, no longer allowed, no room
//! ```
//! A verdict that permits sending is given in the turn that reserves the exposure and charges the buckets, so two
//! strategies can never be promised the same room. A queued request reserves nothing: everything is weighed again when
//! its turn comes. Cancels are never judged; they only take their turn in the buckets.
//!
//! A cancel takes queued work on its order with it, an older cancel too, and answers both: SUPERSEDED. A newer modification takes the place
//! of a queued one. What a full queue turns away is denied at once, QUEUE_FULL. A cancel finds room unless the queue is
//! full of cancels and exits, an exit unless it is full of exits: passing them then would only make the venue refuse
//! them, and everything behind them, for longer.

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
use super::checks::{Denial, Grant, Judgement, Ticket};
use super::day::Sent;
use super::exact::{bump, report};
use super::lanes::Place;
use super::orders::{Order, OrderKey, Side, Size, Stage};
use super::outcome::LaneVerdict;
use super::queue::{Cursor, Waiting};
use super::rate_limit::{Admission, Charge, Rank};
use crate::model::event::{Intent, OrderAction};
use crate::model::verdict::{Verdict, VerdictRecord};
use crate::model::{Event, Flags, Leg, Message, Nanos, Reason, Scope};

/// A request being decided.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) place: Place,
    pub(super) message: &'a Message,
    pub(super) rest: Option<&'a Event>,
    /// The client's id of the order it is about; 0 for all of them.
    pub(super) order: u64,
    pub(super) action: OrderAction,
    /// When it was queued; `None` while it has not been.
    pub(super) queued: Option<Nanos>,
}

impl Request<'_> {
    pub(super) fn charge(&self) -> Charge {
        Charge { book: self.place.book, instrument: self.place.instrument, action: self.action }
    }

    /// The order that is sent: a replacement has an id of its own.
    fn sent(&self) -> u64 {
        match self.message.event {
            Event::OrderModify { new_order, .. } if new_order != 0 => new_order,
            _ => self.order,
        }
    }
}

/// The action of a request and the order it is about; `None` for an event that is none.
pub(super) fn action_of(event: &Event) -> Option<(OrderAction, u64)> {
    match *event {
        Event::OrderNew { order, .. } => Some((OrderAction::New, order.get())),
        Event::OrderModify { order, .. } => Some((OrderAction::Modify, order.get())),
        Event::OrderCancel { order, .. } => Some((OrderAction::Cancel, order.get())),
        Event::OrderCancelAll { .. } => Some((OrderAction::Cancel, 0)),
        _ => None,
    }
}

impl Engine {
    pub(super) fn on_request(&mut self, place: Place, message: &Message, rest: Option<&Event>) {
        let Some((action, order)) = action_of(&message.event) else { return };
        bump(&mut self.counters.requests);
        let request = Request { place, message, rest, order, action, queued: None };
        match action {
            OrderAction::New => self.request_new(&request),
            OrderAction::Modify => self.request_modify(&request),
            OrderAction::Cancel => self.request_cancel(&request),
        }
    }

    fn request_new(&mut self, request: &Request<'_>) {
        let instrument = request.place.instrument.unwrap_or_default();
        let Some(ticket) = self.ticket(request.message, request.rest, instrument) else { return };
        if let Err(denial) = self.look_and_count(request.place, &ticket) {
            return self.deny(request, &denial);
        }
        let judgement = self.judge_new(request.place, &ticket);
        self.decide(request, judgement);
    }

    /// The checks before all others, and what is counted whatever they say.
    pub(super) fn look_and_count(&mut self, place: Place, ticket: &Ticket) -> Result<(), Denial> {
        let looked = self.first_look(place, ticket);
        if looked.is_err_and(|denial| denial.reason == Reason::DuplicateId) {
            bump(&mut self.counters.duplicate_orders);
        }
        looked?;
        if ticket.terms.intent == Intent::Exit { Ok(()) } else { self.note_fingerprint(place, ticket) }
    }

    fn request_modify(&mut self, request: &Request<'_>) {
        let judgement = self.judge_modify_request(request);
        if judgement.is_ok() {
            self.supersede(request.place, request.order, OrderAction::Modify);
        }
        self.decide(request, judgement);
    }

    pub(super) fn judge_modify_request(&self, request: &Request<'_>) -> Judgement {
        let Event::OrderModify { px, qty, new_order, .. } = request.message.event else {
            return Err(unknown_order(request.place));
        };
        let key = request.place.key(request.order);
        // One that is over at the venue, and only waits for the rest of its fills, cannot be changed any more.
        let can_change = |order: &Order| order.is_live() && !order.fills_only;
        let known = self.orders.find(&key).filter(|&entry| can_change(self.orders.get(entry)));
        // It is known which leg that works on; a request that names another one means another order.
        let is_meant = |entry: &u32| {
            let Side { instrument, leg, .. } = self.orders.get(*entry).side;
            Some(instrument) == request.place.instrument && [Leg::Net, leg].contains(&request.place.leg)
        };
        let Some(entry) = known.filter(is_meant) else {
            return Err(unknown_order(request.place));
        };
        let size = Size { px: px.0, qty: qty.0 };
        if new_order == 0 || new_order == request.order {
            return self.judge_modify(request.place, entry, size);
        }
        // Placed anew under another id: until the old one is gone both may fill. Making an order smaller passes, unless
        // the id is that of another order, as what is placed under it could not be told from that one.
        let order = self.orders.get(entry);
        let latest = order.latest();
        let is_fresh = self.orders.find(&request.place.key(new_order)).is_none();
        if is_fresh && size.px == latest.px && (1..=latest.qty).contains(&size.qty) {
            return self.judge_modify(request.place, entry, size);
        }
        let ticket = order.replacement(new_order, size);
        self.first_look(request.place, &ticket)?;
        self.judge_placed(request.place, &ticket).map(|(grant, _)| (grant, Rank::Modify))
    }

    fn request_cancel(&mut self, request: &Request<'_>) {
        let place = request.place;
        if request.order == 0 {
            self.withdraw_all(place, &request.message.event);
            return self.decide(request, Ok((Grant::Send, Rank::Cancel)));
        }
        let was_waiting = self.is_waiting(place.key(request.order));
        self.supersede(place, request.order, OrderAction::New);
        self.supersede(place, request.order, OrderAction::Modify);
        self.supersede(place, request.order, OrderAction::Cancel);
        if was_waiting {
            // It never left: there is nothing at the venue to cancel.
            return self
                .drop_request(request, &Denial::of(Reason::Superseded, Scope::Book(place.book), 0, 0));
        }
        self.decide(request, Ok((Grant::Send, Rank::Cancel)));
    }

    fn is_waiting(&self, key: OrderKey) -> bool {
        let known = self.orders.find(&key);
        known.is_some_and(|entry| self.orders.get(entry).stage == Stage::Waiting)
    }

    /// Takes a queued request of one kind on an order out of the queue; `false` when none waits.
    pub(super) fn supersede(&mut self, place: Place, order: u64, action: OrderAction) -> bool {
        let key = place.key(order);
        let waits = self.orders.find(&key).is_some_and(|entry| self.orders.get(entry).waiting > 0);
        if !waits {
            return false;
        }
        let queue = &mut self.queues[usize::from(self.venue_of[usize::from(place.account)])];
        let taken =
            queue.take(|waiting| waiting.place.key(waiting.order) == key && waiting.charge.action == action);
        let Some(waiting) = taken else { return false };
        self.drop_waiting(&waiting, &Denial::of(Reason::Superseded, Scope::Book(place.book), 0, 0));
        true
    }

    /// ORDER_CANCEL_ALL: drops what is queued of the book on its side (0 both, 1 the buys, 2 the sells): new orders, and
    /// modifications of those that live. What can only reduce stays where only the increasing are meant.
    pub(super) fn withdraw_all(&mut self, place: Place, event: &Event) {
        let Event::OrderCancelAll { side, increasing_only, .. } = *event else { return };
        let venue = usize::from(self.venue_of[usize::from(place.account)]);
        let mut cursor = Cursor::default();
        loop {
            let Self { queues, orders, .. } = &mut *self;
            let is_meant = |waiting: &Waiting| {
                let entry = orders.find(&waiting.place.key(waiting.order));
                let reduces = matches!(waiting.rank, Rank::Exit | Rank::Reduce);
                let sells = entry.map(|entry| orders.get(entry).side.sells);
                sells.is_some_and(|sells| side == 0 || (side == 2) == sells)
                    && !(reduces && increasing_only != 0)
            };
            let taken = queues[venue].take_onwards(&mut cursor, |waiting| {
                waiting.place.book == place.book
                    && waiting.charge.action != OrderAction::Cancel
                    && place.instrument.is_none_or(|only| waiting.place.instrument == Some(only))
                    && is_meant(waiting)
            });
            let Some(waiting) = taken else { return };
            self.drop_waiting(&waiting, &Denial::of(Reason::Superseded, Scope::Book(place.book), 0, 0));
        }
    }

    /// A request that cannot be read is answered all the same: somebody waits for its verdict.
    pub(super) fn deny_corrupt(&mut self, place: Place, message: &Message) {
        let Some((action, order)) = action_of(&message.event) else { return };
        if message.flags.contains(Flags::PERMIT) {
            bump(&mut self.counters.requests);
            let request = Request { place, message, rest: None, order, action, queued: None };
            self.deny(&request, &Denial::of(Reason::Corrupt, Scope::Strategy(place.strategy), 0, 0));
        }
    }

    pub(super) fn decide(&mut self, request: &Request<'_>, judgement: Judgement) {
        let (grant, rank) = match judgement {
            Ok(allowed) => allowed,
            Err(denial) if request.queued.is_some() => return self.drop_request(request, &denial),
            Err(denial) => return self.deny(request, &denial),
        };
        let simulated = request.message.flags.contains(Flags::PAPER);
        match grant {
            _ if simulated => self.permit(request, Verdict::Paper, 0),
            Grant::Unverified => self.unverified(request),
            Grant::Simulate => self.permit(request, Verdict::Paper, 0),
            Grant::Send | Grant::Probe | Grant::Exit(_) if request.queued.is_some() => {
                self.release(request, grant);
            }
            Grant::Send | Grant::Probe | Grant::Exit(_) => self.admit(request, grant, rank),
        }
    }

    /// Passes what its buckets admit, and lets the rest wait its turn.
    fn admit(&mut self, request: &Request<'_>, grant: Grant, rank: Rank) {
        if let Some(denial) = self.beyond_band(request, rank) {
            return self.deny(request, &denial);
        }
        let charge = request.charge();
        let venue = usize::from(self.venue_of[usize::from(request.place.account)]);
        let behind = self.queues[venue].is_behind(charge, rank, &self.buckets);
        let until = match self.buckets.ask(charge, rank, self.now) {
            Admission::Now if !behind => return self.release(request, grant),
            Admission::Now => self.now,
            Admission::Wait { .. }
                if rank == Rank::Exit && self.buckets.banned(charge, self.now).is_some() =>
            {
                return self.release(request, grant);
            }
            Admission::Wait { until, .. } => until,
            Admission::Never { .. } if rank <= Rank::Cancel => return self.release(request, grant),
            Admission::Never { .. } => {
                let scope = Scope::Account(request.place.account);
                return self.deny(request, &Denial::of(Reason::BucketFull, scope, 0, 0));
            }
        };
        self.enqueue(request, rank, until.since(self.now));
    }

    pub(super) fn drop_request(&mut self, request: &Request<'_>, denial: &Denial) {
        bump(&mut self.counters.dropped);
        let waited = self.now.since(request.queued.unwrap_or(self.now));
        self.answer(request, Verdict::Dropped, Some(denial), denial.measured, denial.limit, waited.0);
    }

    pub(super) fn deny(&mut self, request: &Request<'_>, denial: &Denial) {
        bump(&mut self.counters.denied);
        if denial.reason == Reason::OcoRearm {
            bump(&mut self.counters.duplicate_orders);
        }
        self.answer(request, Verdict::Deny, Some(denial), denial.measured, denial.limit, denial.extra);
    }

    fn unverified(&mut self, request: &Request<'_>) {
        let denial = Denial::of(Reason::ExitUnverified, Scope::Book(request.place.book), 0, 0);
        self.answer(request, Verdict::ExitUnverified, Some(&denial), 0, 0, 0);
    }

    /// Charges, reserves and permits.
    pub(super) fn release(&mut self, request: &Request<'_>, grant: Grant) {
        if !self.carry_out(request) {
            let book = Scope::Book(request.place.book);
            self.halt(book, Reason::Capacity);
            let denial = Denial::of(Reason::Capacity, book, 0, 0);
            return if request.queued.is_some() {
                self.drop_request(request, &denial)
            } else {
                self.deny(request, &denial)
            };
        }
        if grant == Grant::Probe {
            self.take_probe(request.place, request.sent());
        }
        let waited = request.queued.map(|since| self.now.since(since));
        match (grant, waited) {
            (_, Some(waited)) => self.permit(request, Verdict::Released, waited.0),
            (Grant::Exit(left), None) => self.permit(request, Verdict::PassExit, left.unsigned_abs()),
            (_, None) => self.permit(request, Verdict::Pass, 0),
        }
    }

    /// Makes what is about to be sent part of the book. `false`: there is no room to remember it.
    fn carry_out(&mut self, request: &Request<'_>) -> bool {
        let place = request.place;
        match request.message.event {
            Event::OrderNew { .. } => {
                let instrument = place.instrument.unwrap_or_default();
                let ticket = self.ticket(request.message, request.rest, instrument);
                ticket.is_some_and(|ticket| self.work(place, &ticket, OrderAction::New))
            }
            Event::OrderModify { px, qty, new_order, .. } => {
                let key = place.key(request.order);
                let Some(entry) = self.orders.find(&key) else { return true };
                self.modify(place, entry, Size { px: px.0, qty: qty.0 }, new_order)
            }
            Event::OrderCancel { .. } => {
                self.charge_cancel(place, request.order);
                true
            }
            _ => {
                self.count_sent(place.book, Sent::Cancel);
                self.buckets.charge(request.charge(), self.now);
                true
            }
        }
    }

    pub(super) fn permit(&mut self, request: &Request<'_>, verdict: Verdict, extra: u64) {
        bump(&mut self.counters.passed);
        let until = self.now.after(self.limits.permit_validity);
        let ban = self.buckets.banned(request.charge(), self.now);
        let denial = ban.map(|_| Denial::of(Reason::Banned, Scope::Account(request.place.account), 0, 0));
        self.answer(request, verdict, denial.as_ref(), report(until.0), 0, extra);
    }

    pub(super) fn answer(
        &mut self,
        request: &Request<'_>,
        verdict: Verdict,
        denial: Option<&Denial>,
        measured: i64,
        limit: i64,
        extra: u64,
    ) {
        let epoch = self.gates.epoch();
        let verdicts = &mut self.gates.outcome.verdicts;
        debug_assert!(verdicts.len() < verdicts.capacity(), "room for a drained queue and one request");
        verdicts.push(LaneVerdict {
            lane: request.place.lane,
            position: request.place.position,
            handle: request.message.handle,
            epoch,
            record: VerdictRecord {
                order: request.order,
                verdict,
                action: request.action as u8,
                reason: denial.map(|denial| denial.reason),
                guard: denial.map_or(0, |denial| denial.guard),
                scope_kind: denial.map_or(0, |denial| (denial.scope.to_raw() >> 32) as u16),
                measured,
                limit,
                extra,
            },
        });
    }
}

fn unknown_order(place: Place) -> Denial {
    Denial::of(Reason::UnknownOrder, Scope::Book(place.book), 0, 0)
}
