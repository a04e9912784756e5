//! HOT: windows over the outcomes of orders: the last so many, and those of the last minute.
//!
//! Count windows share one ring of bits, newest last; each carries its number of errors along, so that an outcome
//! costs one bit in and one bit out. The minute is 60 buckets of one second: the current second and the 59 before
//! it, which is never longer than (now − 60 s, now] and up to a second shorter. An outcome exactly 60 s old is out.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use crate::engine::limits::BreakerLimits;
#[cfg(feature = "sidecar")]
use crate::engine::snapshot::form;
use crate::model::Nanos;

/// Bits of the ring, a power of two above the largest window.
const BITS: usize = 512;
const WORDS: usize = BITS / 64;
const LARGEST: u16 = BreakerLimits::MAX_WINDOW;
const SECONDS: u64 = 60;

/// Outcomes of a window and how many of them were errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Count {
    pub(super) outcomes: u32,
    pub(super) errors: u32,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Window {
    /// Outcomes it holds at most; 0 is no window.
    size: u16,
    errors: u16,
}

/// Up to three windows over the last outcomes.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct LastOutcomes {
    bits: [u64; WORDS],
    /// Where the next outcome goes.
    next: usize,
    /// Outcomes so far, at most [`LARGEST`].
    held: u16,
    windows: [Window; 3],
}

impl LastOutcomes {
    /// Windows of these sizes, each at most [`LARGEST`]; 0 is none.
    pub(super) fn new(sizes: [u16; 3]) -> Self {
        let windows = sizes.map(|size| Window { size: size.min(LARGEST), errors: 0 });
        Self { bits: [0; WORDS], next: 0, held: 0, windows }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.windows.map(|window| window.size));
    }

    pub(super) fn push(&mut self, error: bool) {
        for index in 0..self.windows.len() {
            let Window { size, errors } = self.windows[index];
            let leaves = self.held >= size && self.bit(self.next.wrapping_sub(usize::from(size)));
            let errors = errors.saturating_add(u16::from(error)).saturating_sub(u16::from(leaves));
            self.windows[index].errors = errors;
        }
        let (word, mask) = place(self.next);
        if error {
            self.bits[word] |= mask
        } else {
            self.bits[word] &= !mask
        }
        self.next = self.next.wrapping_add(1) % BITS;
        self.held = self.held.saturating_add(1).min(LARGEST);
    }

    /// What each window holds, in the order of their sizes as given.
    pub(super) fn counts(&self) -> impl Iterator<Item = Count> + '_ {
        self.windows.iter().filter(|window| window.size > 0).map(|window| Count {
            outcomes: u32::from(window.size.min(self.held)),
            errors: u32::from(window.errors),
        })
    }

    fn bit(&self, at: usize) -> bool {
        let (word, mask) = place(at);
        self.bits[word] & mask != 0
    }
}

/// Word and mask of a bit; any number, taken round the ring.
const fn place(at: usize) -> (usize, u64) {
    ((at / 64) % WORDS, 1 << (at % 64))
}

#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Bucket {
    second: u64,
    count: Count,
}

/// The outcomes of the last minute.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct LastMinute {
    #[cfg_attr(feature = "sidecar", serde(with = "form::array"))]
    buckets: [Bucket; SECONDS as usize],
}

impl LastMinute {
    pub(super) fn new() -> Self {
        Self { buckets: [Bucket::default(); SECONDS as usize] }
    }

    pub(super) fn push(&mut self, error: bool, now: Nanos) {
        let second = second(now);
        let bucket = &mut self.buckets[(second % SECONDS) as usize];
        if bucket.second != second {
            *bucket = Bucket { second, count: Count::default() };
        }
        bucket.count.outcomes = bucket.count.outcomes.saturating_add(1);
        bucket.count.errors = bucket.count.errors.saturating_add(u32::from(error));
    }

    pub(super) fn count(&self, now: Nanos) -> Count {
        let second = second(now);
        let fresh = self.buckets.iter().filter(|bucket| second.saturating_sub(bucket.second) < SECONDS);
        fresh.fold(Count::default(), |sum, bucket| Count {
            outcomes: sum.outcomes.saturating_add(bucket.count.outcomes),
            errors: sum.errors.saturating_add(bucket.count.errors),
        })
    }
}

const fn second(now: Nanos) -> u64 {
    now.0 / 1_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_window_counts_exactly_its_last_outcomes_round_the_ring() {
        let sizes = [20, 100, 400];
        let mut last = LastOutcomes::new(sizes);
        let mut all = Vec::new();
        for step in 0_u32..3_000 {
            let error = step.wrapping_mul(2_654_435_761) >> 28 == 0 || (500..560).contains(&step);
            last.push(error);
            all.push(error);
            let expected = sizes.map(|size| {
                let held: Vec<&bool> = all.iter().rev().take(usize::from(size)).collect();
                let errors = held.iter().filter(|&&&error| error).count() as u32;
                Count { outcomes: held.len() as u32, errors }
            });
            assert!(last.counts().eq(expected), "step {step}");
        }
        last.clear();
        assert!(last.counts().all(|count| count == Count::default()));
        assert_eq!(last.counts().count(), 3);
    }

    #[test]
    fn a_window_of_size_zero_does_not_exist() {
        let mut last = LastOutcomes::new([1, 0, 0]);
        for error in [true, false, true] {
            last.push(error);
            assert!(last.counts().eq([Count { outcomes: 1, errors: u32::from(error) }]));
        }
    }

    #[test]
    fn an_outcome_leaves_the_minute_with_its_second() {
        let at = |second: u64| Nanos::from_secs(second);
        let mut minute = LastMinute::new();
        minute.push(true, Nanos(at(8).0 - 1));
        minute.push(false, at(8));
        let seen = |minute: &LastMinute, now| (minute.count(now).outcomes, minute.count(now).errors);
        for (now, expected) in [
            (at(8), (2, 1)),
            (Nanos(at(67).0 - 1), (2, 1)),
            (at(67), (1, 0)),
            (Nanos(at(68).0 - 1), (1, 0)),
            (at(68), (0, 0)),
            (at(1_000_000), (0, 0)),
        ] {
            assert_eq!(seen(&minute, now), expected, "{now:?}");
        }
        minute.push(true, at(68));
        assert_eq!(seen(&minute, at(68)), (1, 1), "the bucket of second 8 starts anew");
    }
}
