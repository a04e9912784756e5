//! HOT: what venues say of orders, and what it means that they say nothing.
//!
//! An attempt to place or to modify an order comes out once: as an acknowledgement (an ACK, or any other sign that the
//! order is at the venue), as a reject of some class, or, silent for `ack_timeout`, as a time-out. The breakers hear of
//! it once. A time-out is an error and not a failure: the order may well be live, so its reserve stays until the venue
//! says otherwise, and a later acknowledgement repairs the order, not the count. So it is with a reject of class TIMEOUT,
//! by which some venues say that they do not know either.
//!
//! The time-outs are one list per account, in the order of sending, since all of an account wait equally long.

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
use super::chain::{Ends, Links};
use super::checks::Ticket;
use super::day::Sent;
use super::error_rate::Attempt;
use super::exact::bump;
use super::lanes::Place;
use super::limits::Limits;
use super::orders::{Ended, OrderKey, Orders, Size, Stage};
use super::rate_limit::Charge;
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, is_as_long};
use super::timers::Watch;
use crate::model::event::{DoneStatus, Initiator, OrderAction, RejectClass};
use crate::model::scope::AccountId;
use crate::model::{Event, Message, Nanos, Reason, Scope};

/// Orders that wait for the venue, per account, by when they were sent.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Awaited {
    links: Links,
    accounts: Vec<Ends>,
}

#[cfg(feature = "sidecar")]
impl Fit for Awaited {
    fn fit(&mut self, fresh: Self) -> bool {
        is_as_long(&self.accounts, &fresh.accounts) && self.links.fit(fresh.links)
    }
}

#[cfg(feature = "sidecar")]
impl Awaited {
    /// Whether everything listed is one of so many orders.
    pub(super) fn points_inside(&self, orders: usize) -> bool {
        self.links.points_inside(orders) && self.accounts.iter().all(|ends| ends.points_inside(orders))
    }
}

impl Awaited {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { links: Links::new(limits.capacity.orders), accounts: vec![Ends::EMPTY; limits.accounts.len()] }
    }

    fn first(&self, account: AccountId) -> Option<u32> {
        self.accounts.get(usize::from(account)).and_then(Ends::first)
    }

    /// Begins to wait, anew if need be.
    fn add(&mut self, orders: &mut Orders, entry: u32, account: AccountId, action: OrderAction) {
        self.remove(orders, entry, account);
        orders.get_mut(entry).attempt = Some(action);
        if let Some(ends) = self.accounts.get_mut(usize::from(account)) {
            self.links.append(ends, entry);
        }
    }

    /// Takes the first one out whatever it says of itself, so that a walk along the list comes to its end.
    fn remove_first(&mut self, orders: &mut Orders, entry: u32, account: AccountId) {
        orders.get_mut(entry).attempt = None;
        if let Some(ends) = self.accounts.get_mut(usize::from(account)) {
            self.links.remove(ends, entry);
        }
    }

    /// Ends the waiting; what was waited for.
    fn remove(&mut self, orders: &mut Orders, entry: u32, account: AccountId) -> Option<OrderAction> {
        let action = orders.get_mut(entry).attempt.take()?;
        if let Some(ends) = self.accounts.get_mut(usize::from(account)) {
            self.links.remove(ends, entry);
        }
        Some(action)
    }
}

impl Engine {
    pub(super) fn await_venue(&mut self, entry: u32, account: AccountId, action: OrderAction) {
        self.awaited.add(&mut self.orders, entry, account, action);
        let timer = self.watches.id(Watch::Ack(account));
        if self.timers.due(timer) == Nanos::NEVER {
            let timeout = self.limits.accounts[usize::from(account)].ack_timeout;
            self.timers.set(timer, self.now.after(timeout));
        }
    }

    /// An attempt that came to nothing counts for nobody.
    pub(super) fn forget_attempt(&mut self, entry: u32, account: AccountId) {
        self.awaited.remove(&mut self.orders, entry, account);
    }

    /// An attempt came out.
    pub(super) fn resolve(&mut self, place: Place, entry: u32, outcome: Attempt) {
        if self.awaited.remove(&mut self.orders, entry, place.account).is_some() {
            let generations = self.orders.get(entry).generations;
            self.note_attempt(place.book, outcome, generations);
        }
    }

    pub(super) fn on_ack_timer(&mut self, account: AccountId) {
        let timeout = self.limits.accounts[usize::from(account)].ack_timeout;
        let mut due = Nanos::NEVER;
        while let Some(entry) = self.awaited.first(account) {
            let order = *self.orders.get(entry);
            due = order.sent.after(timeout);
            if due > self.now {
                break;
            }
            due = Nanos::NEVER;
            bump(&mut self.counters.timeouts);
            self.awaited.remove_first(&mut self.orders, entry, account);
            if order.attempt == Some(OrderAction::New) {
                self.orders.get_mut(entry).stage = Stage::Unknown;
            }
            let book = self.orders.key(entry).book;
            self.note_attempt(book, Attempt::Error(RejectClass::Timeout), order.generations);
        }
        self.timers.set(self.watches.id(Watch::Ack(account)), due);
    }

    /// The venue has told of an order: it is out, whatever anybody had heard until now.
    fn hear(&mut self, place: Place, entry: u32) {
        let order = self.orders.get_mut(entry);
        order.heard = true;
        match order.stage {
            Stage::Unknown => order.stage = Stage::Working,
            // Sent although it was to wait.
            Stage::Waiting => {
                order.stage = Stage::Working;
                bump(&mut self.counters.violations);
                let id = self.orders.key(entry).id;
                self.supersede(place, id, OrderAction::New);
                self.reserve_sent(place, entry);
            }
            Stage::Working | Stage::Reported => {}
        }
    }

    fn reserve_sent(&mut self, place: Place, entry: u32) {
        let side = self.orders.get(entry).side;
        let charge = Charge { book: place.book, instrument: Some(side.instrument), action: OrderAction::New };
        self.buckets.charge(charge, self.now);
        self.count_sent(place.book, Sent::Order);
        match self.ledger.open(place.book, side.instrument, side.leg) {
            Some(position) => {
                let order = self.orders.get(entry);
                let ticket = Ticket { terms: order.terms, ..order.replacement(0, order.latest()) };
                self.pledge_new(place, entry, &ticket);
                self.working.enter(&mut self.orders, entry, position, place.book);
                self.check_position(place.on(side));
            }
            None => self.halt(Scope::Book(place.book), Reason::Capacity),
        }
    }

    pub(super) fn on_order_ack(&mut self, place: Place, order: u64, venue_key: u64) {
        let Some(entry) = self.known(place, order) else { return };
        self.orders.get_mut(entry).venue_key = venue_key;
        if self.orders.get(entry).attempt == Some(OrderAction::New) {
            self.resolve(place, entry, Attempt::Ack);
        }
    }

    /// A sign of life of an order that is over changes nothing.
    pub(super) fn on_order_status(&mut self, place: Place, order: u64) {
        let _known = self.known(place, order);
    }

    /// The order, if it is remembered and not over; one that is over is counted late.
    fn known(&mut self, place: Place, order: u64) -> Option<u32> {
        let entry = self.orders.find(&place.key(order))?;
        if self.orders.get(entry).ended.is_some() {
            bump(&mut self.counters.late);
            return None;
        }
        self.hear(place, entry);
        self.orders.find(&place.key(order))
    }

    /// The venue has replaced an order: its size is what the venue says.
    pub(super) fn on_order_modified(&mut self, place: Place, order: u64, size: Size) {
        let Some(entry) = self.known(place, order) else { return };
        if self.orders.get(entry).attempt.is_some() {
            self.resolve(place, entry, Attempt::Ack);
        }
        if size.qty > 0 && self.orders.get(entry).size.qty > 0 {
            self.settle_modify(place, entry, Some(size));
        }
    }

    pub(super) fn on_order_reject(&mut self, place: Place, message: &Message) {
        let Event::OrderReject { order, class, action, venue_code, .. } = message.event else { return };
        // A cancel that came too late is harmless, and any other leaves the order as it was.
        if action == OrderAction::Cancel {
            return;
        }
        let key = place.key(order.get());
        if self.orders.find(&key).is_none() && action == OrderAction::New {
            return self.reject_unannounced(place, message, key, (class, venue_code));
        }
        let Some(entry) = self.known(place, order.get()) else { return };
        let class = self.class_of_reject(place.account, class, venue_code);
        self.slow_down(place, class, action);
        // A refused order takes its unanswered modification with it.
        if action == OrderAction::New || self.orders.get(entry).attempt == Some(action) {
            self.resolve(place, entry, Attempt::Error(class));
        }
        match (action, class) {
            // The venue does not know what became of it, or has an order of this id already: an error, and yet one is live.
            (OrderAction::New, RejectClass::Timeout | RejectClass::DuplicateId) => {
                self.orders.get_mut(entry).stage = Stage::Unknown;
            }
            (OrderAction::New, _) => self.end_order(place, entry, Ended::Otherwise),
            (_, RejectClass::Timeout) => {}
            (_, _) if self.end_replacement(place, entry) => {}
            (_, _) => self.settle_modify(place, entry, None),
        }
    }

    /// The first that is heard of an order is its reject: it counts, once.
    fn reject_unannounced(
        &mut self,
        place: Place,
        message: &Message,
        key: OrderKey,
        (class, code): (RejectClass, i32),
    ) {
        // Without room to remember it, it counts all the same.
        let side = Self::reported_side(place, message);
        if let Some(entry) = side.and_then(|side| self.orders.open(key, side)) {
            self.orders.end(entry, Ended::Otherwise);
        }
        let class = self.class_of_reject(place.account, class, code);
        self.slow_down(place, class, OrderAction::New);
        let generations = self.error_rates.generations(place.book, place.account);
        self.note_attempt(place.book, Attempt::Error(class), generations);
    }

    /// The venue rejects for rate: its buckets back off.
    fn slow_down(&mut self, place: Place, class: RejectClass, action: OrderAction) {
        if class == RejectClass::Rate {
            self.buckets.slow(Charge { book: place.book, instrument: place.instrument, action }, self.now);
            self.serve_queue(self.venue_of[usize::from(place.account)]);
        }
    }

    pub(super) fn on_order_done(&mut self, place: Place, event: &Event) {
        let Event::OrderDone { order, status, initiator, cum_qty, .. } = *event else { return };
        let Some(entry) = self.known(place, order.get()) else { return };
        let outcome = match status {
            DoneStatus::RejectedLate => Attempt::Error(RejectClass::VenueRisk),
            _ => Attempt::Ack,
        };
        self.resolve(place, entry, outcome);
        if (status, initiator) == (DoneStatus::Canceled, Initiator::Owner) {
            self.forgive_fingerprint(place, entry);
        }
        // Over, and yet not all of its fills have been told: they are still to be booked.
        if self.orders.get_mut(entry).await_fills(cum_qty.0) {
            return self.recount_order(place, entry);
        }
        let ended = if status == DoneStatus::Filled { Ended::Filled } else { Ended::Otherwise };
        self.end_order(place, entry, ended);
    }

    /// An execution proves that its order was accepted, and wakes what protects it.
    pub(super) fn on_executed(&mut self, place: Place, entry: u32) {
        self.hear(place, entry);
        self.resolve(place, entry, Attempt::Ack);
        self.working.recount(&mut self.orders, entry);
        self.settle_family(place, entry);
    }
}
