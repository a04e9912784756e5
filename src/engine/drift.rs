//! HOT: the accumulated collar: how far prices may move within a time.
//!
//! An order within the collar of each mark can still follow a market that runs away, or drive it. Measured is the distance
//! of an order's price (a market order's is the mark) from every good mark that was in force within `window`, in basis points
//! of that mark; the largest of them trips at `>`. The lowest and highest are kept in 16 buckets of time, so up to one
//! fifteenth of the window more is looked at, never less. What is verified to reduce only passes: it is wanted most when
//! the market has moved. First start: no mark, see NO_MARK. A mark expires with its bucket; a closed market's last one
//! counts when it opens again. Does not catch: marks that were not good.

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

const BUCKETS: usize = 16;
const _: () = assert!(BUCKETS.is_power_of_two());
/// Buckets that a window spans whole.
const WHOLE: u64 = 15;

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Bucket {
    /// Which one since time 0; the largest number for none.
    number: u64,
    low: i64,
    high: i64,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Track {
    buckets: [Bucket; BUCKETS],
    /// The mark in force.
    last: Option<i64>,
}

/// The good marks of every instrument within its window.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Drifts {
    tracks: Vec<Track>,
    /// How long a bucket of each instrument is; 0 where nothing is kept.
    #[cfg_attr(feature = "sidecar", serde(skip))]
    lengths: Vec<u64>,
}

#[cfg(feature = "sidecar")]
impl Fit for Drifts {
    fn fit(&mut self, fresh: Self) -> bool {
        self.lengths = fresh.lengths;
        is_as_long(&self.tracks, &fresh.tracks)
    }
}

impl Drifts {
    pub(super) fn new(limits: &Limits) -> Self {
        let blank = Track { buckets: [Bucket { number: u64::MAX, low: 0, high: 0 }; BUCKETS], last: None };
        let lengths = limits.instruments.iter().map(|limits| {
            limits.collar_accumulated.map_or(0, |collar| collar.window.0.div_ceil(WHOLE).max(1))
        });
        Self { tracks: vec![blank; limits.instruments.len()], lengths: lengths.collect() }
    }

    /// Takes a good mark.
    pub(super) fn note(&mut self, instrument: u16, px: i64, now: Nanos) {
        let index = usize::from(instrument);
        let Some(number) = now.0.checked_div(self.lengths[index]) else { return };
        let track = &mut self.tracks[index];
        let before = track.last.replace(px).unwrap_or(px);
        let bucket = &mut track.buckets[(number as usize) & BUCKETS.wrapping_sub(1)];
        if bucket.number != number {
            *bucket = Bucket { number, low: before, high: before };
        }
        (bucket.low, bucket.high) = (bucket.low.min(px), bucket.high.max(px));
    }

    /// The lowest and the highest mark within the window; `None` before the first.
    pub(super) fn extremes(&self, instrument: u16, now: Nanos) -> Option<(i64, i64)> {
        let index = usize::from(instrument);
        let newest = now.0.checked_div(self.lengths[index])?;
        let track = &self.tracks[index];
        let last = track.last?;
        let is_young =
            |bucket: &&Bucket| newest.checked_sub(bucket.number).is_some_and(|age| age < BUCKETS as u64);
        let young = track.buckets.iter().filter(is_young);
        Some(young.fold((last, last), |(low, high), bucket| (low.min(bucket.low), high.max(bucket.high))))
    }
}
