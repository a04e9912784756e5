//! HOT: orders that leave for a venue: announced in gate mode, or permitted on request.
//!
//! From here on an order reserves what may fill of it, waits for the venue's answer, and has cost the buckets their
//! units. In gate mode the order may already be out, so nothing refuses it: what it exceeds shows in the caps of the book
//! (`exposure`), and an id that is known already is counted. NOT_SENT takes back what was never sent, reserve and units,
//! unless the venue has told of the order: then it was.

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
use super::by_cost::is_by_cost;
use super::checks::Ticket;
use super::day::Sent;
use super::drawdown::Touch;
use super::error_rate::Attempt;
use super::exact::bump;
use super::gates::{Hold, guard};
use super::integrity::sticky;
use super::lanes::Place;
use super::orders::{Ended, Order, SEVERAL, Side, Size, Stage};
use super::rate_limit::{Charge, Feedback, Rank};
use crate::model::event::{Intent, OrderAction};
use crate::model::scope::{AccountId, BookId, InstrumentId};
use crate::model::{Event, Flags, Latch, Lots, Message, Nanos, Reason, Scope};

impl Engine {
    /// ORDER_NEW and ORDER_MODIFY of gate mode.
    pub(super) fn on_order(&mut self, place: Place, message: &Message, rest: Option<&Event>) {
        let (Event::OrderNew { order, px, qty, .. } | Event::OrderModify { order, px, qty, .. }) =
            message.event
        else {
            return;
        };
        let is_new = matches!(message.event, Event::OrderNew { .. });
        if is_new {
            bump(&mut self.counters.orders);
        }
        let by_cost = is_new && is_by_cost(rest);
        let Some(instrument) = place.instrument.filter(|_| qty.0 > 0 || !is_new || by_cost) else {
            return self.halt(Scope::Strategy(place.strategy), Reason::Corrupt);
        };
        if message.flags.contains(Flags::PAPER) {
            return;
        }
        if is_new && !self.has_leg(instrument, place.leg) {
            return self.halt_unhandled(place.book);
        }
        let ticket = if by_cost { self.ticket(message, rest, instrument) } else { None };
        let qty = ticket.map_or(qty, |ticket| Lots(ticket.size.qty));
        if is_new {
            self.count_after_halt(place, instrument, message, qty);
        }
        if by_cost {
            self.check_order_by_cost(place, instrument, self.announced_cost(rest, instrument));
        } else {
            self.check_order(place, instrument, px, qty);
        }
        match message.event {
            Event::OrderModify { new_order, .. } => {
                if let Some(entry) = self.orders.find(&place.key(order.get()))
                    && !self.modify(place, entry, Size { px: px.0, qty: qty.0 }, new_order)
                {
                    self.halt(Scope::Book(place.book), Reason::Capacity);
                }
            }
            _ => self.announce(place, instrument, message, rest),
        }
    }

    fn announce(&mut self, place: Place, instrument: InstrumentId, message: &Message, rest: Option<&Event>) {
        let Some(ticket) = self.ticket(message, rest, instrument) else { return };
        let key = place.key(ticket.id);
        let known = self.orders.find(&key).map(|entry| *self.orders.get(entry));
        match known {
            Some(order) if order.ended.is_some() => return bump(&mut self.counters.late),
            Some(order) if order.side != ticket.side => {
                return self.halt(Scope::Strategy(place.strategy), Reason::Corrupt);
            }
            Some(Order { stage: Stage::Working | Stage::Unknown, .. }) => {
                return bump(&mut self.counters.duplicate_orders);
            }
            Some(Order { stage: Stage::Waiting, .. }) => {
                // Sent although it was to wait: it is out, so it is no longer in the queue.
                bump(&mut self.counters.violations);
                if let Some(entry) = self.orders.find(&key) {
                    self.orders.get_mut(entry).stage = Stage::Reported;
                }
                self.supersede(place, ticket.id, OrderAction::New);
            }
            _ => {}
        }
        self.note_gate_fingerprint(place, &ticket);
        if ticket.terms.intent != Intent::Exit && self.check_armed(place, &ticket).is_err() {
            bump(&mut self.counters.duplicate_orders);
        }
        if !self.work(place, &ticket, OrderAction::New) {
            self.halt(Scope::Book(place.book), Reason::Capacity);
        }
    }

    /// Makes an order part of the book: reserved, charged as `action`, awaiting the venue. `false`: a table is full.
    pub(super) fn work(&mut self, place: Place, ticket: &Ticket, action: OrderAction) -> bool {
        let Some(entry) = self.reserve(place, ticket) else { return false };
        self.leave(place, entry, action);
        true
    }

    /// Reserves what may fill of an order; `None`: a table is full.
    pub(super) fn reserve(&mut self, place: Place, ticket: &Ticket) -> Option<u32> {
        let key = place.key(ticket.id);
        let Side { instrument, leg, .. } = ticket.side;
        let position = self.ledger.open(place.book, instrument, leg)?;
        let known = self.orders.find(&key);
        let entry = known.or_else(|| self.orders.insert(key, ticket.side))?;
        let parent = self.entry_of(place, ticket.side, &ticket.terms);
        let parent = parent.filter(|&parent| ticket.size.qty <= self.cover(parent, &ticket.terms, None));
        self.pledge_new(place, entry, ticket);
        self.orders.announce(entry, ticket.terms, ticket.size, Stage::Working);
        if let Some(parent) = parent {
            self.orders.adopt(parent, entry);
        }
        self.working.enter(&mut self.orders, entry, position, place.book);
        Some(entry)
    }

    /// Counts and charges an order that is reserved, and awaits the venue.
    pub(super) fn leave(&mut self, place: Place, entry: u32, action: OrderAction) {
        self.count_sent(place.book, Sent::Order);
        self.attempt(place, entry, OrderAction::New, action);
        // Told of late: what filled it whole has answered it, and nothing else will.
        if self.orders.get(entry).ended.is_some() {
            self.resolve(place, entry, Attempt::Ack);
        }
        let side = self.orders.get(entry).side;
        self.check_position(place.on(side));
    }

    /// Lets an order become another size, or another order. `false`: a table is full.
    pub(super) fn modify(&mut self, place: Place, entry: u32, size: Size, new_order: u64) -> bool {
        let order = *self.orders.get(entry);
        if new_order != 0 && new_order != self.orders.key(entry).id {
            return self.replace_order(place, entry, size, new_order);
        }
        if !order.is_live() || size.qty <= 0 {
            return true;
        }
        self.pledge_more(place, entry, size);
        // An unanswered one before it may have been carried out: the larger of all of them may fill.
        let larger = order.wish.map_or(size.qty, |wish| wish.qty.max(size.qty));
        let next = self.orders.get_mut(entry);
        if size.qty > order.latest().qty {
            next.allowed = i64::MAX;
        }
        next.wish = Some(Size { px: size.px, qty: larger });
        next.wishes = next.wishes.saturating_add(1);
        self.recount_order(place, entry);
        self.attempt(place, entry, OrderAction::Modify, OrderAction::Modify);
        true
    }

    /// Canceled and placed anew: until the old order is gone both may fill, whatever group it is in.
    fn replace_order(&mut self, place: Place, entry: u32, size: Size, id: u64) -> bool {
        let ticket = self.orders.get(entry).replacement(id, size);
        let is_known = self.orders.find(&place.key(id)).is_some();
        if is_known || size.qty <= 0 {
            return true;
        }
        if !self.work(place, &ticket, OrderAction::Modify) {
            return false;
        }
        let several = self.unanswered_replacement(place, entry).is_some();
        let order = self.orders.get_mut(entry);
        order.replacement = if several || order.replacement == SEVERAL { SEVERAL } else { id };
        order.charged[OrderAction::Modify as usize] = self.now;
        if let Some(new) = self.orders.find(&place.key(id)) {
            // It is the modification that was charged.
            self.orders.get_mut(new).charged[OrderAction::New as usize] = Nanos::NEVER;
        }
        true
    }

    /// What an order was to be replaced by, while the venue has not told of it.
    fn unanswered_replacement(&self, place: Place, entry: u32) -> Option<u32> {
        let id = Some(self.orders.get(entry).replacement).filter(|&id| id != 0 && id != SEVERAL)?;
        let new = self.orders.find(&place.key(id))?;
        let order = self.orders.get(new);
        (order.is_live() && !order.heard).then_some(new)
    }

    /// A replacement that came to nothing: the new order never was. Where it may be another modification that came to
    /// nothing, all go on counting until they are told of themselves. Returns whether there was a replacement.
    pub(super) fn end_replacement(&mut self, place: Place, entry: u32) -> bool {
        if self.orders.get(entry).replacement == SEVERAL {
            return true;
        }
        let Some(new) = self.unanswered_replacement(place, entry) else { return false };
        if self.orders.get(entry).wish.is_none() {
            self.orders.get_mut(entry).replacement = 0;
            self.forget_attempt(new, place.account);
            self.end_order(place, new, Ended::Otherwise);
        }
        true
    }

    /// ORDER_CANCEL of gate mode: never gated, and it takes queued work on its order with it.
    pub(super) fn on_cancel(&mut self, place: Place, order: u64) {
        self.supersede(place, order, OrderAction::New);
        self.supersede(place, order, OrderAction::Modify);
        self.charge_cancel(place, order);
    }

    /// RATE_FEEDBACK: the venue's own count.
    pub(super) fn on_rate_feedback(&mut self, place: Place, event: &Event) {
        match self.buckets.feedback(place.account, event, self.now) {
            Feedback::Unknown => bump(&mut self.counters.unhandled),
            Feedback::Noted | Feedback::Limited { .. } => {}
            Feedback::Banned { until } => self.ban(place.account, until),
        }
        self.serve_queue(self.venue_of[usize::from(place.account)]);
    }

    /// A ban closes the venue until it ends; only exits go on.
    fn ban(&mut self, account: AccountId, until: Nanos) {
        let venue = self.venue_of[usize::from(account)];
        for account in 0..self.limits.accounts.len() as u16 {
            if self.venue_of[usize::from(account)] == venue {
                let hold = sticky(Scope::Account(account), guard::BAN, Reason::Banned);
                self.gates.begin(Hold { latch: Latch::Cooldown, until, ..hold });
            }
        }
        self.watch_cooldowns();
        // Exits do not wait for a ban to end.
        while let Some(exit) = self.queues[usize::from(venue)].take(|waiting| waiting.rank == Rank::Exit) {
            self.resume_queued(&exit);
        }
    }

    /// Notes that a cancel leaves, and charges it.
    pub(super) fn charge_cancel(&mut self, place: Place, order: u64) {
        self.count_sent(place.book, Sent::Cancel);
        let charge = Charge { book: place.book, instrument: place.instrument, action: OrderAction::Cancel };
        self.buckets.charge(charge, self.now);
        if let Some(entry) = self.orders.find(&place.key(order)) {
            self.orders.get_mut(entry).charged[OrderAction::Cancel as usize] = self.now;
        }
    }

    /// Charges an attempt as `charged` and awaits what the venue says of it.
    fn attempt(&mut self, place: Place, entry: u32, action: OrderAction, charged: OrderAction) {
        let charge = Charge { book: place.book, instrument: place.instrument, action: charged };
        self.buckets.charge(charge, self.now);
        let generations = self.error_rates.generations(place.book, place.account);
        let order = self.orders.get_mut(entry);
        order.charged[action as usize] = self.now;
        // The first that is not answered is awaited: asking for more must not put its time-out off.
        if order.attempt.is_none() {
            order.sent = self.now;
            order.generations = generations;
            self.await_venue(entry, place.account, action);
        }
    }

    /// NOT_SENT: the only refund.
    pub(super) fn on_not_sent(&mut self, place: Place, order: u64, action: u32) {
        let key = place.key(order);
        let action = u8::try_from(action).ok().and_then(OrderAction::from_raw);
        let (Some(entry), Some(action)) = (self.orders.find(&key), action) else {
            return bump(&mut self.counters.late);
        };
        // Taken back while it still waits: its verdict, DROPPED, is the answer.
        if self.supersede(place, order, action) {
            return bump(&mut self.counters.not_sent);
        }
        let known = *self.orders.get(entry);
        let charged = known.charged[action as usize];
        let possible = match action {
            // What the venue has told of was sent, whatever is said now.
            OrderAction::New => known.is_live() && !known.heard,
            OrderAction::Modify => known.is_live() && (known.wish.is_some() || known.replacement != 0),
            OrderAction::Cancel => charged != Nanos::NEVER,
        };
        if !possible {
            return bump(&mut self.counters.late);
        }
        bump(&mut self.counters.not_sent);
        if charged != Nanos::NEVER {
            self.orders.get_mut(entry).charged[action as usize] = Nanos::NEVER;
            let instrument = Some(known.side.instrument);
            self.buckets.refund(Charge { book: place.book, instrument, action }, charged, self.now);
        }
        match action {
            OrderAction::New => {
                self.take_back_sent(place.book, Sent::Order, charged);
                self.forget_attempt(entry, place.account);
                self.return_probes(place.book, known.generations);
                self.end_order(place, entry, Ended::Otherwise);
            }
            OrderAction::Modify if self.end_replacement(place, entry) => {}
            OrderAction::Modify => {
                if known.attempt == Some(OrderAction::Modify) {
                    self.forget_attempt(entry, place.account);
                }
                self.settle_modify(place, entry, None);
            }
            OrderAction::Cancel => self.take_back_sent(place.book, Sent::Cancel, charged),
        }
        self.serve_queue(self.venue_of[usize::from(place.account)]);
    }

    /// An order is over: it reserves nothing any more.
    pub(super) fn end_order(&mut self, place: Place, entry: u32, ended: Ended) {
        self.orders.end(entry, ended);
        self.recount_order(place, entry);
    }

    /// A modification has been answered: with the size the order has now, or not carried out.
    pub(super) fn settle_modify(&mut self, place: Place, entry: u32, size: Option<Size>) {
        self.orders.get_mut(entry).settle_wish(size);
        if let Some(ended) = self.orders.get(entry).ended {
            self.orders.end(entry, ended);
        }
        self.recount_order(place, entry);
    }

    /// Counts an order anew, and looks at what that does to the caps of its book.
    pub(super) fn recount_order(&mut self, place: Place, entry: u32) {
        let side = self.orders.get(entry).side;
        self.working.recount(&mut self.orders, entry);
        self.free_funds(entry);
        self.settle_family(place, entry);
        self.check_position(place.on(side));
        self.settle_book(self.orders.key(entry).book);
    }

    /// Without its last open order a book may be flat, and what waits for that may be over.
    fn settle_book(&mut self, book: BookId) {
        if self.gates.cause_count() > 0 && self.working.of_book(book) == 0 {
            self.reopen_judgement();
            self.judge_book(book, Touch::default());
        }
    }

    /// What a report of an order nobody announced says it trades.
    pub(super) fn reported_side(place: Place, message: &Message) -> Option<Side> {
        let sells = message.flags.contains(Flags::SELL);
        place.instrument.map(|instrument| place.side(instrument, sells))
    }
}
