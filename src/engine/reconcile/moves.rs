//! HOT: what the books of accounts went through lately, and how far each lane had got meanwhile.
//!
//! A snapshot is of some instant between two positions of a lane. Of every change of a position, and of an account's
//! cash, the step is kept, in the order in which the engine made them; of every lane, at which of its positions how many
//! changes had been made. From the present value and the steps since follows every value between the two positions.
//! Both are bounded: what a ring has lost makes a snapshot inconclusive, never a match.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use std::collections::VecDeque;

#[cfg(feature = "sidecar")]
use crate::engine::snapshot::fit::{Fit, into_queue};
use crate::model::Nanos;
use crate::model::scope::AccountId;

/// Steps kept.
const STEPS: usize = 4_096;
/// Points kept of a lane.
const POINTS: usize = 128;
/// A lane gets a point at least so often, so that it is known when it was where.
const POINT_EVERY: Nanos = Nanos::from_secs(1);

/// In the place of an instrument: the account's cash.
pub(super) const CASH: u16 = u16::MAX;

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Step {
    account: AccountId,
    of: u16,
    by: i128,
}

/// The last changes, newest last.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Moves {
    steps: VecDeque<Step>,
    made: u64,
}

/// How many changes had been made, and when, as a lane stood at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Point {
    position: u64,
    pub(super) made: u64,
    pub(super) at: Nanos,
}

/// The last points of a lane, newest last.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Trail(VecDeque<Point>);

#[cfg(feature = "sidecar")]
impl Fit for Moves {
    fn fit(&mut self, fresh: Self) -> bool {
        into_queue(&mut self.steps, fresh.steps)
    }
}

#[cfg(feature = "sidecar")]
impl Fit for Trail {
    fn fit(&mut self, fresh: Self) -> bool {
        into_queue(&mut self.0, fresh.0)
    }
}

impl Moves {
    pub(super) fn new() -> Self {
        Self { steps: VecDeque::with_capacity(STEPS), made: 0 }
    }

    /// Changes so far.
    pub(super) const fn made(&self) -> u64 {
        self.made
    }

    pub(super) fn note(&mut self, account: AccountId, of: u16, by: i128) {
        if by == 0 {
            return;
        }
        if self.steps.len() >= STEPS {
            self.steps.pop_front();
        }
        self.steps.push_back(Step { account, of, by });
        self.made = self.made.saturating_add(1);
    }

    /// Whether every change after the first `made` is still here.
    pub(super) fn remembers(&self, made: u64) -> bool {
        self.made.saturating_sub(made) <= self.steps.len() as u64
    }

    /// The changes of one thing after the first `from`, newest first, each with how many had been made when it was.
    pub(super) fn back(
        &self,
        account: AccountId,
        of: u16,
        from: u64,
    ) -> impl Iterator<Item = (u64, i128)> + '_ {
        let numbered = self.steps.iter().rev().zip(0_u64..);
        numbered
            .map(|(step, back)| (step, self.made.saturating_sub(back)))
            .take_while(move |&(_, made)| made > from)
            .filter(move |(step, _)| step.account == account && step.of == of)
            .map(|(step, made)| (made, step.by))
    }
}

impl Trail {
    pub(super) fn new() -> Self {
        Self(VecDeque::with_capacity(POINTS))
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// A record of the lane is taken.
    pub(super) fn pass(&mut self, position: u64, made: u64, at: Nanos) {
        let is_news = self.0.back().is_none_or(|last| last.made != made || at.since(last.at) >= POINT_EVERY);
        if !is_news {
            return;
        }
        if self.0.len() >= POINTS {
            self.0.pop_front();
        }
        self.0.push_back(Point { position, made, at });
    }

    /// How many changes had been made when the lane stood at `position`, and a time not after that; `None` when that
    /// is forgotten.
    pub(super) fn at(&self, position: u64) -> Option<Point> {
        self.0.iter().rev().find(|point| point.position <= position).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_back_ends_where_the_window_begins() {
        let mut moves = Moves::new();
        for by in 1..=6 {
            moves.note(0, if by % 2 == 0 { CASH } else { 7 }, by);
        }
        for (from, expected) in [
            (0, vec![(5, 5), (3, 3), (1, 1)]),
            (2, vec![(5, 5), (3, 3)]),
            (3, vec![(5, 5)]),
            (4, vec![(5, 5)]),
            (5, vec![]),
        ] {
            let walked: Vec<_> = moves.back(0, 7, from).collect();
            assert_eq!(walked, expected, "after the first {from}");
        }
        assert_eq!(moves.back(1, 7, 0).count(), 0, "another account's");
    }

    #[test]
    fn steps_are_forgotten_oldest_first_and_that_is_known() {
        let mut moves = Moves::new();
        (0..STEPS as i128 + 1).for_each(|_| moves.note(0, CASH, 1));
        let made = moves.made();
        for (from, remembers) in [(0, false), (1, true), (2, true)] {
            assert_eq!(moves.remembers(from), remembers, "{from} of {made}");
            let kept = moves.back(0, CASH, from).map(|(made, _)| made).last();
            assert_eq!(kept, Some(from.max(1) + 1), "the oldest of those after {from}");
        }
    }
}
