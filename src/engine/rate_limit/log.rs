//! HOT: what was charged when, and which of it still counts.
//!
//! A bounded log of instants, oldest first, each with the running total up to it, so that the sum over any part of the
//! log is one subtraction after a binary search. Running totals wrap: a difference of two is exact as long as the log
//! itself holds less than 2^64 units, and one charge is at most 2^32.
//!
//! **Bounded, and still nothing is forgotten.** Charges of one instant share an entry. When the log is full the oldest
//! entry gives its units to the one after it, so they count longer than they should, never shorter. With room for as
//! many entries as the bucket admits units that changes no decision: while the two would be told apart every other
//! entry counts as well, each has a unit at least, and the bucket is full either way.
//!
//! **A refund** takes units from the entry of the instant they were charged at. It walks the entries after that one,
//! which are few: what was not sent is known soon.
//!
//! What was used before the start is a guess, kept beside the log: it is as old as the start, ranks that must not
//! suffer from a guess do not see it, and the first word from the venue replaces it.

use std::collections::VecDeque;

#[cfg(feature = "sidecar")]
use crate::engine::snapshot::fit::{Fit, into_queue};
use crate::model::Nanos;

/// Which instants count, of a window that moves with the clock. Both methods never fall as their argument grows.
pub(super) trait Window {
    /// The earliest instant that counts at `now`.
    fn edge(&self, now: Nanos) -> Nanos;
    /// The earliest instant that counts at `now` or could count again later, whatever the wall clock says by then.
    fn horizon(&self, now: Nanos) -> Nanos;
    /// When a charge of the instant `at` stops counting.
    fn leaves(&self, at: Nanos) -> Nanos;
}

/// The units charged up to an instant.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Entry {
    at: Nanos,
    total: u64,
}

/// Units used before the start, as far as anybody can guess.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Guess {
    units: u64,
    at: Nanos,
}

/// Charges counted over a window.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Log<W> {
    pub(super) window: W,
    entries: VecDeque<Entry>,
    #[cfg_attr(feature = "sidecar", serde(skip))]
    capacity: usize,
    /// The running total before the oldest entry.
    gone: u64,
    guess: Guess,
}

#[cfg(feature = "sidecar")]
impl<W: Fit> Fit for Log<W> {
    fn fit(&mut self, fresh: Self) -> bool {
        self.capacity = fresh.capacity;
        self.window.fit(fresh.window) && into_queue(&mut self.entries, fresh.entries)
    }
}

impl<W: Window> Log<W> {
    /// A log with room for `capacity` instants, at least one, that takes `guess` units for used at `now`.
    pub(super) fn new(window: W, capacity: usize, guess: u32, now: Nanos) -> Self {
        let capacity = capacity.max(1);
        Self {
            window,
            entries: VecDeque::with_capacity(capacity),
            capacity,
            gone: 0,
            guess: Guess { units: u64::from(guess), at: now },
        }
    }

    /// Units that count at `now`; of the guess only what was not `exempt` from it.
    pub(super) fn used(&self, exempt: bool, now: Nanos) -> u64 {
        let edge = self.window.edge(now);
        self.charged_since(edge).saturating_add(self.guessed_since(edge, exempt))
    }

    /// The earliest instant from `now` on at which `cost` more units keep within `cap`; [`Nanos::NEVER`] when they
    /// alone exceed it.
    pub(super) fn earliest(&self, cost: u64, cap: u64, exempt: bool, now: Nanos) -> Nanos {
        let Some(room) = cap.checked_sub(cost) else { return Nanos::NEVER };
        // At most all that counts has to leave, so there is an entry with which it has.
        let surplus = self.used(exempt, now).saturating_sub(room);
        if surplus == 0 { now } else { self.window.leaves(self.last_of(surplus, exempt, now)) }
    }

    pub(super) fn charge(&mut self, units: u64, now: Nanos) {
        if units == 0 {
            return;
        }
        self.retire(now);
        let total = self.total().wrapping_add(units);
        match self.entries.back_mut() {
            Some(last) if last.at >= now => last.total = total,
            _ => {
                if self.entries.len() >= self.capacity {
                    // `gone` stays, so the next entry now answers for these units too.
                    self.entries.pop_front();
                }
                self.entries.push_back(Entry { at: now, total });
            }
        }
    }

    /// Takes back up to `units` of what was charged at the instant `at`, if that counts at `now`; how many.
    pub(super) fn refund(&mut self, units: u64, at: Nanos, now: Nanos) -> u64 {
        if at < self.window.edge(now) {
            return 0;
        }
        let index = self.first_since(at);
        let Some(entry) = self.entries.get(index).filter(|entry| entry.at == at) else { return 0 };
        let held = entry.total.wrapping_sub(self.total_before(index));
        let taken = units.min(held);
        for later in self.entries.range_mut(index..) {
            later.total = later.total.wrapping_sub(taken);
        }
        if taken == held {
            self.entries.remove(index);
        }
        taken
    }

    /// The venue has counted `header` units. What we did not know of is charged now; how much more than that we count.
    pub(super) fn raise(&mut self, header: u64, now: Nanos) -> u64 {
        let known = self.used(true, now);
        self.charge(header.saturating_sub(known), now);
        known.saturating_sub(header)
    }

    /// The first word from the venue since the start: its count takes the place of the guess, on top of everything we
    /// have charged since, because none of that need have reached it. How much that is.
    pub(super) fn replace_guess(&mut self, header: u64, now: Nanos) -> u64 {
        self.guess.units = 0;
        let in_flight = self.used(true, now);
        self.charge(header, now);
        in_flight
    }

    fn charged_since(&self, edge: Nanos) -> u64 {
        self.total().wrapping_sub(self.total_before(self.first_since(edge)))
    }

    fn guessed_since(&self, edge: Nanos, exempt: bool) -> u64 {
        if exempt || self.guess.at < edge { 0 } else { self.guess.units }
    }

    /// The instant of the entry with which `units` of what counts at `now` have left.
    fn last_of(&self, units: u64, exempt: bool, now: Nanos) -> Nanos {
        let edge = self.window.edge(now);
        let Some(charged) = units.checked_sub(self.guessed_since(edge, exempt)).filter(|&left| left > 0)
        else {
            return self.guess.at;
        };
        let skipped = self.total_before(self.first_since(edge)).wrapping_sub(self.gone);
        let upto = skipped.saturating_add(charged);
        let index = self.entries.partition_point(|entry| entry.total.wrapping_sub(self.gone) < upto);
        self.entries.get(index).map_or(Nanos::NEVER, |entry| entry.at)
    }

    /// Forgets entries that can never count again.
    fn retire(&mut self, now: Nanos) {
        let horizon = self.window.horizon(now);
        while let Some(first) = self.entries.front().filter(|first| first.at < horizon) {
            self.gone = first.total;
            self.entries.pop_front();
        }
    }

    /// The index of the first entry not before `edge`.
    fn first_since(&self, edge: Nanos) -> usize {
        self.entries.partition_point(|entry| entry.at < edge)
    }

    fn total(&self) -> u64 {
        self.entries.back().map_or(self.gone, |last| last.total)
    }

    fn total_before(&self, index: usize) -> u64 {
        let before = index.checked_sub(1).and_then(|before| self.entries.get(before));
        before.map_or(self.gone, |entry| entry.total)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sliding_log::Sliding;
    use super::*;

    #[test]
    fn a_full_log_counts_the_oldest_units_with_the_next_and_a_refund_makes_room() {
        let log = |instants: &[u64]| {
            let mut log = Log::new(Sliding::new(Nanos(100)), 2, 0, Nanos::ZERO);
            instants.iter().for_each(|&at| log.charge(1, Nanos(at)));
            log
        };
        let used = |log: &Log<Sliding>| [119, 120, 129, 130, 139, 140].map(|at| log.used(false, Nanos(at)));
        assert_eq!(used(&log(&[20, 30])), [2, 1, 1, 0, 0, 0]);
        assert_eq!(used(&log(&[20, 30, 40])), [3, 3, 3, 1, 1, 0]);
        let mut refunded = log(&[20, 30]);
        assert_eq!(refunded.refund(1, Nanos(30), Nanos(35)), 1);
        refunded.charge(1, Nanos(40));
        assert_eq!(used(&refunded), [2, 1, 1, 1, 1, 0]);
    }
}
