//! HOT: requests that wait for their venue's buckets: into the queue, and out of it again.
//!
//! A queue is served whenever its timer says that a bucket admits something or a request has waited too long, and
//! whenever a refund or a header may have made room. What comes out is weighed as if it came now, so a new order dies in
//! the queue when a halt arrives, and nothing that waited can use room another order has taken since.
//!
//! **Queue** (backpressure, drop mode `halt` only) measures waiting requests; trips when one is turned away: every
//! account at the venue becomes REDUCE_ONLY, class AUTO, and ends once the queue has been at most half full for
//! `recover_for`. Does not catch: requests that are each admitted at once, however many.

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
use super::checks::{Denial, Grant};
use super::exact::{bump, report};
use super::gates::{Hold, Reading, guard};
use super::integrity::sticky;
use super::limits::DropMode;
use super::orders::{OrderKey, Stage};
use super::queue::{Cursor, Pushed, Waiting};
use super::rate_limit::Rank;
use super::requests::Request;
use super::timers::Watch;
use crate::model::event::OrderAction;
use crate::model::verdict::Verdict;
use crate::model::{Latch, Nanos, Reason, Scope, TradingState};

impl Engine {
    pub(super) fn enqueue(&mut self, request: &Request<'_>, rank: Rank, wait: Nanos) {
        let venue = usize::from(self.venue_of[usize::from(request.place.account)]);
        let waiting = Waiting {
            place: request.place,
            message: *request.message,
            rest: request.rest.copied(),
            rank,
            charge: request.charge(),
            order: request.order,
            since: self.now,
        };
        if !self.remember_waiting(request) {
            let book = Scope::Book(request.place.book);
            self.halt(book, Reason::Capacity);
            return self.deny(request, &Denial::of(Reason::Capacity, book, 0, 0));
        }
        match self.queues[venue].push(waiting) {
            Pushed::Queued => {}
            Pushed::Evicted(evicted) => {
                let scope = Scope::Account(evicted.place.account);
                self.drop_waiting(&evicted, &Denial::of(Reason::QueueFull, scope, 0, 0));
            }
            Pushed::Full => {
                self.forget_waiting(request.place.key(request.order), request.action);
                return self.turn_away(request, venue);
            }
        }
        bump(&mut self.counters.queued);
        self.answer(request, Verdict::Queued, None, 0, 0, wait.0);
        self.watch_queue(venue as u16);
    }

    /// A queue that is full may halt what would only make it longer.
    fn turn_away(&mut self, request: &Request<'_>, venue: usize) {
        let (depth, capacity) = (self.queues[venue].depth(), self.limits.venues[venue].queue_capacity);
        let scope = Scope::Account(request.place.account);
        if self.limits.venues[venue].drop_mode == DropMode::Halt {
            for account in 0..self.limits.accounts.len() as u16 {
                if usize::from(self.venue_of[usize::from(account)]) == venue {
                    self.gates.begin(Hold {
                        state: TradingState::ReduceOnly,
                        latch: Latch::Auto,
                        measured: i64::from(depth),
                        limit: i64::from(capacity),
                        ..sticky(Scope::Account(account), guard::QUEUE, Reason::Backpressure)
                    });
                }
            }
            self.calm_since[venue] = None;
        }
        let retry = self.queues[venue].next(&self.buckets, self.now).since(self.now);
        let denial = Denial::of(Reason::QueueFull, scope, i64::from(depth), i64::from(capacity));
        self.deny(request, &denial.by(guard::QUEUE, report(retry.0)));
    }

    /// Makes the id of a queued request known, so that it cannot be asked for twice. `false`: there is no room.
    fn remember_waiting(&mut self, request: &Request<'_>) -> bool {
        let key = request.place.key(request.order);
        let entry = match (self.orders.find(&key), request.action) {
            (Some(entry), _) => entry,
            (None, OrderAction::New) => {
                let instrument = request.place.instrument.unwrap_or_default();
                let Some(ticket) = self.ticket(request.message, request.rest, instrument) else {
                    return false;
                };
                let Some(entry) = self.orders.insert(key, ticket.side) else { return false };
                self.orders.announce(entry, ticket.terms, ticket.size, Stage::Waiting);
                entry
            }
            // A cancel of an order nobody knows has nothing to be remembered by, and needs nothing.
            (None, _) => return true,
        };
        let order = self.orders.get_mut(entry);
        order.waiting = order.waiting.saturating_add(1);
        true
    }

    fn forget_waiting(&mut self, key: OrderKey, action: OrderAction) {
        let Some(entry) = self.orders.find(&key) else { return };
        let order = self.orders.get_mut(entry);
        order.waiting = order.waiting.saturating_sub(1);
        if action == OrderAction::New && order.stage == Stage::Waiting {
            self.orders.withdraw(entry);
        }
    }

    /// Drops what waited: its owner is told why.
    pub(super) fn drop_waiting(&mut self, waiting: &Waiting, denial: &Denial) {
        self.forget_waiting(waiting.place.key(waiting.order), waiting.charge.action);
        self.drop_request(&resumed(waiting), denial);
    }

    /// Drops what waited too long, releases what is admitted now, and sets the timer for the rest.
    pub(super) fn serve_queue(&mut self, venue: u16) {
        let index = usize::from(venue);
        if self.queues[index].depth() > 0 {
            while let Some(waiting) = self.queues[index].expired(self.now) {
                let scope = Scope::Account(waiting.place.account);
                self.drop_waiting(&waiting, &Denial::of(Reason::Expired, scope, 0, 0));
            }
            while let Some(waiting) = self.queues[index].pop(&self.buckets, self.now) {
                self.resume_queued(&waiting);
            }
        }
        self.watch_queue(venue);
    }

    /// A request whose turn has come is weighed as if it came now.
    pub(super) fn resume_queued(&mut self, waiting: &Waiting) {
        self.forget_waiting(waiting.place.key(waiting.order), waiting.charge.action);
        let request = resumed(waiting);
        let judgement = match request.action {
            OrderAction::New => {
                let instrument = waiting.place.instrument.unwrap_or_default();
                let Some(ticket) = self.ticket(&waiting.message, waiting.rest.as_ref(), instrument) else {
                    return;
                };
                self.judge_new(waiting.place, &ticket)
            }
            OrderAction::Modify => self.judge_modify_request(&request),
            OrderAction::Cancel => Ok((Grant::Send, Rank::Cancel)),
        };
        self.decide(&request, judgement);
    }

    fn watch_queue(&mut self, venue: u16) {
        let index = usize::from(venue);
        let mut due = self.queues[index].next(&self.buckets, self.now);
        due = due.min(self.relieve(venue));
        self.timers.set(self.watches.id(Watch::Queue(venue)), due);
    }

    /// Ends backpressure once the queue has been at most half full for long enough; when to look again.
    fn relieve(&mut self, venue: u16) -> Nanos {
        let index = usize::from(venue);
        let limits = self.limits.venues[index];
        let pressed = |engine: &Self, account: u16| {
            engine.venue_of[usize::from(account)] == venue
                && engine.gates.holds(Scope::Account(account), guard::QUEUE)
        };
        let accounts = self.limits.accounts.len() as u16;
        if limits.drop_mode != DropMode::Halt || !(0..accounts).any(|account| pressed(self, account)) {
            return Nanos::NEVER;
        }
        if self.queues[index].depth().saturating_mul(2) > limits.queue_capacity {
            self.calm_since[index] = None;
            return Nanos::NEVER;
        }
        let since = *self.calm_since[index].get_or_insert(self.now);
        if self.now.since(since) < limits.recover_for {
            return since.after(limits.recover_for);
        }
        for account in 0..accounts {
            if pressed(self, account) {
                self.gates.end(Scope::Account(account), guard::QUEUE, Reading::NONE);
            }
        }
        Nanos::NEVER
    }

    /// A lane has closed: nobody is left to hear of what it asked for.
    pub(super) fn forget_requests(&mut self, lane: u16) {
        for venue in 0..self.queues.len() {
            let mut cursor = Cursor::default();
            while let Some(waiting) =
                self.queues[venue].take_onwards(&mut cursor, |waiting| waiting.place.lane == lane)
            {
                self.forget_waiting(waiting.place.key(waiting.order), waiting.charge.action);
                bump(&mut self.counters.dropped);
            }
            self.watch_queue(venue as u16);
        }
    }
}

/// The request that was queued.
fn resumed(waiting: &Waiting) -> Request<'_> {
    Request {
        place: waiting.place,
        message: &waiting.message,
        rest: waiting.rest.as_ref(),
        order: waiting.order,
        action: waiting.charge.action,
        queued: Some(waiting.since),
    }
}
