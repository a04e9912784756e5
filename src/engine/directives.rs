//! HOT: what executors are told to do, and whether they do it.
//!
//! ```text
//! latch, dead client, straggler ──> directive ──> owner of the book
//!                                             ──> next executor of the account: owner dead, silent, or unwilling
//! RECEIVED, WORKING ── in time ──> DONE
//!                   ── silent for ack_timeout, FAILED, REFUSED ──> REVOKE, handed on, at most `attempts` times
//!                   ── past the deadline ──> void
//! ```
//! One holder at a time; only the holder's acknowledgement counts. A guard's actions become one directive per book to
//! cancel, then one per position to flatten. CANCEL_INCREASING leaves what can only reduce, the stop-losses first of
//! all. The owner knows its orders; another executor is told each of them by CANCEL, with the venue's number.
//!
//! An order that names a directive works for the book the directive is about, see `delegation`.
//!
//! A FLATTEN is done when the position is zero and no order on it is open: who is told to flatten also takes away what is
//! left of its protection, by itself or because the guard's actions name CANCEL_ALL too.
//!
//! Deliberately absent: doing anything itself. If nobody carries a directive out it is counted and shown, NO_EXECUTOR.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod siblings;

use std::collections::VecDeque;

use super::Engine;
use super::exact::bump;
use super::gates::{self, guard};
use super::lanes::Place;
use super::limits::Actions;
use super::orders::Order;
use super::outcome::LaneDirective;
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, into_queue};
use super::timers::Watch;
use super::working::Working;
use crate::model::event::DirectiveStatus;
use crate::model::scope::{BookId, InstrumentId, StrategyId};
use crate::model::verdict::{Directive, Task};
use crate::model::{Event, Handle, Latch, Leg, Nanos, Reason, Scope};
use crate::wire::stats::{DIRECTIVES_KEPT, DirectiveRow};

/// Directives under way at once.
const ROOM: usize = gates::DIRECTIVES;

/// How long after a call whose outcome was full the rest is named.
const NAME_AGAIN: Nanos = Nanos::from_millis(1);

/// Who has a directive.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Holder {
    strategy: StrategyId,
    lane: u16,
    /// Its place among those who may have it: 0 is the owner.
    rank: u16,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Slot {
    directive: Directive,
    book: BookId,
    instrument: Option<InstrumentId>,
    issued: Nanos,
    handed_out: Nanos,
    attempts: u8,
    holder: Option<Holder>,
    status: Option<DirectiveStatus>,
    remaining: i64,
    over: bool,
    /// When the orders that did not fit into one call are named; [`Nanos::NEVER`] when all are.
    again: Nanos,
}

/// All directives that are not forgotten.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Directives {
    /// Oldest first.
    slots: VecDeque<Slot>,
    next_id: u32,
}

#[cfg(feature = "sidecar")]
impl Fit for Directives {
    fn fit(&mut self, fresh: Self) -> bool {
        into_queue(&mut self.slots, fresh.slots)
    }
}

#[cfg(feature = "sidecar")]
impl Directives {
    /// Whether every directive is about a book and an instrument there are.
    pub(super) fn points_inside(&self, limits: &crate::engine::Limits) -> bool {
        let exists = |instrument: InstrumentId| usize::from(instrument) < limits.instruments.len();
        self.slots
            .iter()
            .all(|slot| usize::from(slot.book) < limits.books.len() && slot.instrument.is_none_or(exists))
    }
}

impl Directives {
    pub(super) fn new() -> Self {
        Self { slots: VecDeque::with_capacity(ROOM), next_id: 1 }
    }

    /// Room for one more; a CANCEL has only its half, so that a strategy which goes on sending cannot keep a kill from
    /// being carried out.
    fn make_room(&mut self, task: &Task) -> bool {
        let is_cancel = |task: &Task| matches!(task, Task::Cancel { .. } | Task::Resize { .. });
        let cancels = self.slots.iter().filter(|slot| !slot.over && is_cancel(&slot.directive.task)).count();
        if is_cancel(task) && cancels >= ROOM / 2 {
            return false;
        }
        if self.slots.len() < ROOM {
            return true;
        }
        match self.slots.iter().position(|slot| slot.over) {
            Some(index) => self.slots.remove(index).is_some(),
            None => false,
        }
    }

    fn is_under_way(&self, book: BookId, task: &Task) -> bool {
        self.slots.iter().any(|slot| !slot.over && slot.book == book && is_same(&slot.directive.task, task))
    }

    /// The book of a directive that a strategy holds.
    pub(super) fn held_by(&self, strategy: StrategyId, directive: u32) -> Option<BookId> {
        let held = self.slots.iter().find(|slot| {
            slot.directive.id == u64::from(directive)
                && !slot.over
                && slot.holder.is_some_and(|holder| holder.strategy == strategy)
        });
        held.map(|slot| slot.book)
    }

    /// The books whose orders a strategy was told to cancel for their owners.
    pub(super) fn told_to_cancel(&self, strategy: StrategyId) -> impl Iterator<Item = BookId> + '_ {
        let told = self.slots.iter().filter(move |slot| {
            !matches!(slot.directive.task, Task::Flatten { .. } | Task::Revoke { .. } | Task::Snapshot { .. })
                && slot.holder.is_some_and(|holder| holder.rank > 0 && holder.strategy == strategy)
        });
        told.map(|slot| slot.book)
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = DirectiveRow> + '_ {
        let skip = self.slots.len().saturating_sub(DIRECTIVES_KEPT);
        self.slots.iter().skip(skip).map(Slot::row)
    }
}

impl Slot {
    fn row(&self) -> DirectiveRow {
        let scope = match self.directive.task {
            Task::CancelIncreasing { scope } | Task::CancelAll { scope } | Task::Flatten { scope, .. } => {
                scope
            }
            Task::Cancel { .. } | Task::Resize { .. } | Task::Revoke { .. } | Task::Snapshot { .. } => {
                Scope::Book(self.book)
            }
        };
        DirectiveRow {
            id: self.directive.id,
            kind: self.directive.task.kind() as u64,
            scope: Some(scope),
            reason: Some(self.directive.reason),
            epoch: u64::from(self.directive.epoch),
            strategy: self.holder.map_or(u64::MAX, |holder| u64::from(holder.strategy)),
            status: self.status.map_or(u64::MAX, |status| status as u64),
            remaining: self.remaining,
            at: self.issued,
            attempts: u64::from(self.attempts),
        }
    }

    /// When to look at it again.
    fn due(&self, ack_timeout: Nanos) -> Nanos {
        let next = match (self.over, self.status) {
            (true, _) => return Nanos::NEVER,
            (false, None) => self.handed_out.after(ack_timeout).min(self.directive.deadline),
            (false, Some(_)) => self.directive.deadline,
        };
        next.min(self.again)
    }
}

/// Whether two tasks ask for the same thing; how much there is to flatten may have changed.
fn is_same(one: &Task, other: &Task) -> bool {
    match (one, other) {
        (Task::Flatten { scope, leg, .. }, Task::Flatten { scope: other, leg: its, .. }) => {
            (scope, leg) == (other, its)
        }
        (Task::Cancel { order: one, .. }, Task::Cancel { order: other, .. }) => one == other,
        _ => one == other,
    }
}

impl Engine {
    /// Directs what the guards that have latched in this turn ask for.
    pub(super) fn direct_after_latches(&mut self) {
        for index in 0..self.gates.outcome.transitions.len() {
            let transition = self.gates.outcome.transitions[index];
            let configured = transition.guard.checked_sub(guard::CONFIGURED).filter(|number| number % 2 == 0);
            let latched = transition.began && transition.latch != Latch::Auto;
            let Some(number) = configured.filter(|_| latched) else { continue };
            let limits = self.limits.drawdowns.get(usize::from(number / 2));
            let actions = limits.map_or(Actions::empty(), |limits| limits.actions);
            if !actions.is_empty() {
                self.direct(transition.scope, actions, transition.reason);
            }
        }
    }

    /// Directs for every book of a scope: first to cancel, then to flatten.
    pub(super) fn direct(&mut self, scope: Scope, actions: Actions, reason: Reason) {
        for book in 0..self.limits.books.len() as u16 {
            let of = self.ledger.book(book);
            let inside = match scope {
                Scope::Firm => true,
                Scope::Account(account) | Scope::Instrument(account, _) => of.account == account,
                Scope::Strategy(strategy) => of.strategy == strategy,
                Scope::Book(only) => only == book,
            };
            if !inside {
                continue;
            }
            let scope = Scope::Book(book);
            let waits = actions.contains(Actions::FLATTEN) && self.flatten_later(book, actions, reason);
            // Protection goes with its position, and not before.
            if actions.contains(Actions::CANCEL_ALL) && !waits {
                self.issue(book, None, Task::CancelAll { scope }, reason);
            } else if actions.intersects(Actions::CANCEL_ALL | Actions::CANCEL_INCREASING) {
                self.issue(book, None, Task::CancelIncreasing { scope }, reason);
            }
            if actions.contains(Actions::FLATTEN) && !waits {
                self.direct_flatten(book, reason);
            }
        }
    }

    /// A strategy has died: what could still increase its positions is to go, its protection stays.
    pub(super) fn direct_for_the_dead(&mut self, strategy: StrategyId) {
        for book in 0..self.limits.books.len() as u16 {
            if self.ledger.book(book).strategy == strategy && self.working.of_book(book) > 0 {
                self.direct(Scope::Book(book), Actions::CANCEL_INCREASING, Reason::ClientDead);
            }
        }
    }

    fn direct_flatten(&mut self, book: BookId, reason: Reason) {
        for instrument in 0..self.limits.instruments.len() as u16 {
            for &leg in self.legs_of(instrument) {
                let q = self.leg_position(book, instrument, leg);
                // A leg on its wrong side is one that misses something: to trade the other way would open it.
                if q != 0 && leg.holds(q) {
                    let scope = Scope::Instrument(self.ledger.book(book).account, instrument);
                    let task = Task::Flatten { scope, leg, qty: q.saturating_neg() };
                    self.issue(book, Some(instrument), task, reason);
                }
            }
        }
    }

    /// Directs the cancel of one order that should not have left.
    pub(super) fn direct_cancel(&mut self, place: Place, order: u64) {
        let known = self.orders.find(&place.key(order));
        let venue_key = known.map_or(0, |entry| self.orders.get(entry).venue_key);
        self.issue(place.book, place.instrument, Task::Cancel { order, venue_key }, Reason::Violation);
    }

    /// Asks for a snapshot of the account of a book.
    pub(super) fn direct_snapshot(&mut self, book: BookId, what: u32) {
        self.issue(book, None, Task::Snapshot { what }, Reason::Reconciling);
    }

    fn issue(&mut self, book: BookId, instrument: Option<InstrumentId>, task: Task, reason: Reason) {
        if self.directives.is_under_way(book, &task) {
            return;
        }
        if !self.directives.make_room(&task) {
            return bump(&mut self.counters.failed_directives);
        }
        bump(&mut self.counters.directives);
        let id = self.directives.next_id;
        self.directives.next_id = id.checked_add(1).unwrap_or(1);
        let deadline = self.now.after(self.limits.directives.timeout);
        let epoch = self.gates.epoch();
        let mut slot = Slot {
            directive: Directive { id: u64::from(id), reason, epoch, task, deadline },
            book,
            instrument,
            issued: self.now,
            handed_out: self.now,
            attempts: 0,
            holder: None,
            status: None,
            remaining: 0,
            over: false,
            again: Nanos::NEVER,
        };
        self.hand_out(&mut slot);
        self.directives.slots.push_back(slot);
        self.watch_directives();
    }

    /// Gives a directive to the first who may have it after the one who has it now; to nobody when nobody may.
    fn hand_out(&mut self, slot: &mut Slot) {
        let from = slot.holder.map_or(0, |holder| holder.rank.saturating_add(1));
        let holder = self.executor(slot.book, from).or_else(|| self.executor(slot.book, 0));
        if let Some(former) = slot.holder.filter(|former| holder.is_some_and(|next| next.lane != former.lane))
        {
            let task = Task::Revoke { directive: slot.directive.id };
            self.tell(former.lane, slot, Directive { task, ..slot.directive });
        }
        slot.holder = holder;
        slot.handed_out = self.now;
        slot.attempts = slot.attempts.saturating_add(1);
        slot.status = None;
        slot.again = Nanos::NEVER;
        let Some(holder) = holder else { return };
        self.tell(holder.lane, slot, slot.directive);
        self.tell_each(slot);
    }

    fn tell(&mut self, lane: u16, slot: &Slot, directive: Directive) {
        let directives = &mut self.gates.outcome.directives;
        if directives.len() == directives.capacity() {
            bump(&mut self.counters.failed_directives);
        } else {
            let account = self.ledger.book(slot.book).account;
            let handle = Handle::new(lane, account, slot.instrument);
            directives.push(LaneDirective { lane, handle, directive });
        }
    }

    /// Tells an executor that cannot know them the orders it is to cancel.
    fn tell_each(&mut self, slot: &mut Slot) {
        let all = match slot.directive.task {
            Task::CancelAll { .. } => true,
            Task::CancelIncreasing { .. } => false,
            _ => return,
        };
        let Some(holder) = slot.holder.filter(|holder| holder.rank > 0) else { return };
        let tag = slot.directive.id << 8 | u64::from(slot.attempts);
        slot.again = Nanos::NEVER;
        let instruments = 0..self.limits.instruments.len() as u16;
        for (instrument, leg) in instruments.flat_map(|at| Leg::ALL.map(|leg| (at, leg))) {
            let Some(position) = self.ledger.find(slot.book, instrument, leg) else { continue };
            let q = self.ledger.position(position).q;
            let mut next = self.working.first(position);
            while let Some(entry) = next {
                next = self.working.after(entry);
                let order: Order = *self.orders.get(entry);
                if order.named == tag || !(all || Working::may_increase(&order, q)) {
                    continue;
                }
                let room = &self.gates.outcome.directives;
                if room.len() == room.capacity() {
                    slot.again = self.now.after(NAME_AGAIN);
                    return;
                }
                self.orders.get_mut(entry).named = tag;
                let order = Task::Cancel { order: self.orders.key(entry).id, venue_key: order.venue_key };
                let directive = Directive { task: order, ..slot.directive };
                self.tell(holder.lane, &Slot { instrument: Some(instrument), ..*slot }, directive);
            }
        }
    }

    /// The first that may have a directive of a book, from `rank` on: its owner, then the executors of its account.
    fn executor(&self, book: BookId, rank: u16) -> Option<Holder> {
        let of = self.ledger.book(book);
        let owner = core::iter::once(of.strategy);
        let strategies = self.limits.strategies.iter().enumerate();
        let others = strategies.filter(|(_, limits)| limits.executes.contains(&of.account));
        let others = others.map(|(index, _)| index as u16).filter(|&strategy| strategy != of.strategy);
        let ranked = owner.chain(others).zip(0_u16..).skip(usize::from(rank));
        ranked
            .filter_map(|(strategy, rank)| Some(Holder { strategy, lane: self.lane_to(strategy)?, rank }))
            .next()
    }

    /// A lane through which a strategy can be told something, if it lives.
    fn lane_to(&self, strategy: StrategyId) -> Option<u16> {
        let scope = Scope::Strategy(strategy);
        let silent = self.gates.holds(scope, guard::HEARTBEAT) || self.gates.holds(scope, guard::CLIENT);
        if silent { None } else { self.clients.lane_of(strategy) }
    }

    pub(super) fn on_directive_ack(&mut self, place: Place, event: &Event) {
        let Event::DirectiveAck { directive, status, remaining, .. } = *event else { return };
        let found =
            self.directives.slots.iter().position(|slot| slot.directive.id == directive && !slot.over);
        let Some(index) = found else { return bump(&mut self.counters.late) };
        let mut slot = self.directives.slots[index];
        if slot.holder.is_none_or(|holder| holder.strategy != place.strategy) {
            return bump(&mut self.counters.late);
        }
        slot.status = Some(status);
        slot.remaining = remaining.0;
        match status {
            DirectiveStatus::Received | DirectiveStatus::Working => {}
            // The position knows better than whoever closed it.
            DirectiveStatus::Done if self.is_open(&slot) => slot.status = Some(DirectiveStatus::Working),
            DirectiveStatus::Done => slot.over = true,
            DirectiveStatus::Failed | DirectiveStatus::Refused => self.hand_on(&mut slot),
            DirectiveStatus::Expired => self.give_up(&mut slot),
        }
        self.directives.slots[index] = slot;
        self.watch_directives();
    }

    /// A strategy has died, fallen silent or left: what it was told goes to the next.
    pub(super) fn hand_on_from(&mut self, strategy: StrategyId) {
        for index in 0..self.directives.slots.len() {
            let mut slot = self.directives.slots[index];
            if !slot.over && slot.holder.is_some_and(|holder| holder.strategy == strategy) {
                self.hand_on(&mut slot);
                self.directives.slots[index] = slot;
            }
        }
        self.watch_directives();
    }

    fn hand_on(&mut self, slot: &mut Slot) {
        if slot.attempts >= self.limits.directives.attempts {
            slot.directive.reason = Reason::NoExecutor;
            return self.give_up(slot);
        }
        self.hand_out(slot);
    }

    fn give_up(&mut self, slot: &mut Slot) {
        slot.over = true;
        slot.status = Some(DirectiveStatus::Expired);
        bump(&mut self.counters.failed_directives);
    }

    pub(super) fn on_directives_timer(&mut self) {
        let ack_timeout = self.limits.directives.ack_timeout;
        for index in 0..self.directives.slots.len() {
            let mut slot = self.directives.slots[index];
            if slot.again <= self.now {
                self.tell_each(&mut slot);
            }
            if slot.due(ack_timeout) > self.now {
                self.directives.slots[index] = slot;
                continue;
            }
            let is_flat = matches!(slot.directive.task, Task::Flatten { .. }) && !self.is_open(&slot);
            if is_flat || self.is_settled(&slot) {
                (slot.over, slot.status) = (true, Some(DirectiveStatus::Done));
            } else if slot.directive.deadline <= self.now {
                self.give_up(&mut slot);
            } else {
                self.hand_on(&mut slot);
            }
            self.directives.slots[index] = slot;
        }
        self.watch_directives();
    }

    /// Whether a position that is to be flattened is not flat: it is held, or an order on it is open.
    fn is_open(&self, slot: &Slot) -> bool {
        let Task::Flatten { leg, .. } = slot.directive.task else { return false };
        let index = slot.instrument.and_then(|instrument| self.ledger.find(slot.book, instrument, leg));
        let holds = index.is_some_and(|index| self.ledger.position(index).q != 0);
        holds || self.working.sums(index).orders > 0
    }

    fn watch_directives(&mut self) {
        let ack_timeout = self.limits.directives.ack_timeout;
        let due = self.directives.slots.iter().map(|slot| slot.due(ack_timeout)).min();
        self.timers.set(self.watches.id(Watch::Directives), due.unwrap_or(Nanos::NEVER));
    }
}
