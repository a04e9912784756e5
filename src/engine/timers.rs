//! HOT: deadlines of the engine, one per watched thing, in an indexed binary heap.
//!
//! The engine never reads a clock: [`Timers::next`] is what the runtime waits for, and it answers with a TIMER
//! record, which is journaled like any other. A timer due at t runs before records stamped t. A deadline may be
//! earlier than needed (marks and beats move theirs lazily); the owner then looks, finds nothing to do and sets
//! the real one.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::limits::Limits;
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, is_as_long};
use crate::model::Nanos;

/// What a deadline is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watch {
    /// The mark of an instrument.
    Mark(u16),
    /// A drawdown guard.
    Guard(u16),
    /// The sign of life of a strategy.
    Beat(u16),
    /// Orders of an account that wait for the venue.
    Ack(u16),
    /// The queue of a venue.
    Queue(u16),
    /// A conversion rate.
    Rate(u16),
    /// The published equity of a book.
    Equity(u16),
    /// Causes that cool down.
    Cooldown,
    /// Directives that wait for their executor.
    Directives,
    /// Snapshots to ask for, and what none has settled.
    Reconcile,
}

/// How many there are of each, which fixes their ids.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(Default))]
pub(super) struct Watches {
    bases: [usize; 8],
}

impl Watches {
    pub(super) fn new(limits: &Limits) -> Self {
        let counts = [
            limits.instruments.len(),
            limits.drawdowns.len(),
            limits.strategies.len(),
            limits.accounts.len(),
            limits.venues.len(),
            limits.rates.len(),
            limits.books.len(),
        ];
        let mut bases = [0_usize; 8];
        for (index, count) in counts.into_iter().enumerate() {
            bases[index.saturating_add(1)] = bases[index].saturating_add(count);
        }
        Self { bases }
    }

    /// Ids in use.
    pub(super) const fn count(&self) -> usize {
        self.bases[7].saturating_add(3)
    }

    /// The id of guard 0.
    pub(super) const fn first_guard(&self) -> usize {
        self.bases[1]
    }

    pub(super) fn id(&self, watch: Watch) -> usize {
        let (section, index) = match watch {
            Watch::Mark(instrument) => (0, instrument),
            Watch::Guard(guard) => (1, guard),
            Watch::Beat(strategy) => (2, strategy),
            Watch::Ack(account) => (3, account),
            Watch::Queue(venue) => (4, venue),
            Watch::Rate(rate) => (5, rate),
            Watch::Equity(book) => (6, book),
            Watch::Cooldown => (7, 0),
            Watch::Directives => (7, 1),
            Watch::Reconcile => (7, 2),
        };
        self.bases[section].saturating_add(usize::from(index))
    }

    pub(super) fn of(&self, id: usize) -> Watch {
        let section = self.bases.iter().rposition(|&base| base <= id).unwrap_or(0);
        let index = id.saturating_sub(self.bases[section]) as u16;
        match section {
            0 => Watch::Mark(index),
            1 => Watch::Guard(index),
            2 => Watch::Beat(index),
            3 => Watch::Ack(index),
            4 => Watch::Queue(index),
            5 => Watch::Rate(index),
            6 => Watch::Equity(index),
            _ if index == 0 => Watch::Cooldown,
            _ if index == 1 => Watch::Directives,
            _ => Watch::Reconcile,
        }
    }
}

/// All deadlines. Every id is always in the heap; one that is not set is due at [`Nanos::NEVER`].
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Timers {
    due: Vec<Nanos>,
    heap: Vec<u32>,
    place: Vec<u32>,
}

impl Timers {
    pub(super) fn new(count: usize) -> Self {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            due: vec![Nanos::NEVER; count as usize],
            heap: (0..count).collect(),
            place: (0..count).collect(),
        }
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Nanos {
        self.heap.first().map_or(Nanos::NEVER, |&id| self.due[id as usize])
    }

    pub(super) fn due(&self, id: usize) -> Nanos {
        self.due[id]
    }

    /// Sets or, with [`Nanos::NEVER`], clears a deadline.
    pub(super) fn set(&mut self, id: usize, due: Nanos) {
        let old = self.due[id];
        if due == old {
            return;
        }
        self.due[id] = due;
        let place = self.place[id] as usize;
        if due < old { self.rise(place) } else { self.sink(place) }
    }

    /// Takes one deadline that is not after `due`.
    pub(super) fn pop(&mut self, due: Nanos) -> Option<usize> {
        let id = *self.heap.first()? as usize;
        if self.due[id] > due || self.due[id] == Nanos::NEVER {
            return None;
        }
        self.set(id, Nanos::NEVER);
        Some(id)
    }

    fn rise(&mut self, from: usize) {
        let mut place = from;
        while place > 0 {
            let parent = place.saturating_sub(1) / 2;
            if !self.swap_if_earlier(place, parent) {
                return;
            }
            place = parent;
        }
    }

    fn sink(&mut self, from: usize) {
        let mut place = from;
        loop {
            let left = place.saturating_mul(2).saturating_add(1);
            let right = left.saturating_add(1);
            if left >= self.heap.len() {
                return;
            }
            let child = if right < self.heap.len() && self.at(right) < self.at(left) { right } else { left };
            if !self.swap_if_earlier(child, place) {
                return;
            }
            place = child;
        }
    }

    fn at(&self, place: usize) -> Nanos {
        self.due[self.heap[place] as usize]
    }

    fn swap_if_earlier(&mut self, lower: usize, upper: usize) -> bool {
        if self.at(lower) >= self.at(upper) {
            return false;
        }
        self.heap.swap(lower, upper);
        self.place[self.heap[lower] as usize] = lower as u32;
        self.place[self.heap[upper] as usize] = upper as u32;
        true
    }
}

#[cfg(feature = "sidecar")]
impl Fit for Timers {
    fn fit(&mut self, fresh: Self) -> bool {
        let is_in_place =
            |(place, &id): (usize, &u32)| self.place.get(id as usize).is_some_and(|&at| at as usize == place);
        is_as_long(&self.due, &fresh.due)
            && is_as_long(&self.heap, &fresh.heap)
            && is_as_long(&self.place, &fresh.place)
            && self.heap.iter().enumerate().all(is_in_place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_out_in_order_and_can_move_both_ways() {
        let mut timers = Timers::new(4);
        assert_eq!(timers.next(), Nanos::NEVER);
        timers.set(0, Nanos(30));
        timers.set(1, Nanos(10));
        timers.set(2, Nanos(20));
        timers.set(1, Nanos(40));
        timers.set(3, Nanos(5));
        timers.set(3, Nanos::NEVER);
        assert_eq!(timers.next(), Nanos(20));
        assert_eq!(timers.pop(Nanos(19)), None);
        assert_eq!(timers.pop(Nanos(20)), Some(2));
        assert_eq!(timers.pop(Nanos(100)), Some(0));
        assert_eq!(timers.pop(Nanos(100)), Some(1));
        assert_eq!(timers.pop(Nanos::NEVER), None);
    }
}
