//! HOT: what a ROLLING peak is the highest of: the trusted equity of the last T, in 64 buckets of time.
//!
//! ```text
//!   now - T                                  now
//!      |                                      |
//! | 0 | 1 | 2 | ...                    | 62 | 63 |    each the highest sample of T/63, rounded up
//! ```
//! **Measures** the highest sample of the 64 buckets that end with the present one. A sample counts for at least T, and
//! for at most T and a bucket more: what has to go too early or too late goes too late. A sample holds until the next
//! one, so that a bucket starts with the sample before it; a book that stood at its high for days does not lose it by
//! standing still. Only a trusted sample moves the window on: without trust nothing is forgotten. **Unit** as the
//! peaks. Where two samples are equal the older one counts, with the profit that was realised then.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::peak::Peaks;
#[cfg(feature = "sidecar")]
use crate::engine::snapshot::form::array;
use crate::model::Nanos;

const BUCKETS: usize = 64;
const _: () = assert!(BUCKETS.is_power_of_two());

/// Samples of one guard.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Window {
    /// How long a bucket is.
    width: Nanos,
    /// The bucket that is being filled, counted from the start of the clock.
    current: u64,
    #[cfg_attr(feature = "sidecar", serde(with = "array"))]
    buckets: [Peaks; BUCKETS],
    /// The sample that holds now.
    last: Peaks,
}

impl Window {
    pub(super) fn new(period: Nanos) -> Self {
        let nothing = Peaks::at(0, 0);
        Self {
            width: Nanos(period.0.div_ceil(63).max(1)),
            current: 0,
            buckets: [nothing; BUCKETS],
            last: nothing,
        }
    }

    /// Forgets everything but this.
    pub(super) fn restart(&mut self, peaks: Peaks, now: Nanos) {
        self.current = self.bucket(now);
        self.buckets = [peaks; BUCKETS];
        self.last = peaks;
    }

    /// Takes a sample, and brings the peak of all of them up to date. Without a time nothing is forgotten.
    pub(super) fn take(&mut self, highest: &mut Peaks, equity: i128, profit: i128, now: Option<Nanos>) {
        let forgets = now.is_some_and(|now| self.go_on(self.bucket(now)));
        self.last = Peaks::at(equity, profit);
        let place = place(self.current);
        self.buckets[place].raise(equity, profit);
        if forgets {
            *highest = self.highest();
        } else {
            highest.raise(equity, profit);
        }
    }

    /// Moves every sample by a flow: percentages from an equity to another in proportion, amounts by the amount.
    /// `None` leaves all of them as they were.
    pub(super) fn flow(&mut self, amount: i128, scale: Option<(i128, i128, i128)>) -> Option<()> {
        let (mut buckets, mut last) = (self.buckets, self.last);
        for sample in buckets.iter_mut().chain([&mut last]) {
            sample.shift(amount)?;
            if let Some((before, after, profit)) = scale {
                sample.scale(before, after, profit)?;
            }
        }
        (self.buckets, self.last) = (buckets, last);
        Some(())
    }

    fn bucket(&self, now: Nanos) -> u64 {
        now.0.checked_div(self.width.0).unwrap_or(0)
    }

    /// Starts every bucket up to this one. Whether any did.
    fn go_on(&mut self, bucket: u64) -> bool {
        let steps = bucket.saturating_sub(self.current).min(BUCKETS as u64);
        for step in 1..=steps {
            self.buckets[place(self.current.saturating_add(step))] = self.last;
        }
        // Of a leap over all of them, which place is which bucket's does not matter: they are equal.
        self.current = self.current.max(bucket);
        steps > 0
    }

    fn highest(&self) -> Peaks {
        let oldest = place(self.current.wrapping_add(1));
        let mut highest = self.buckets[oldest];
        let (newer, older) = self.buckets.split_at(oldest);
        for sample in older.iter().chain(newer) {
            highest.raise_each(sample);
        }
        highest
    }
}

/// Where a bucket is kept.
const fn place(bucket: u64) -> usize {
    (bucket as usize) & BUCKETS.wrapping_sub(1)
}
