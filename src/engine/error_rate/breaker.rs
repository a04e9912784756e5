//! HOT: one breaker: what it has counted, and whether that is too much.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::recent::Recent;
use super::significance::Significance;
use super::windows::{Count, LastMinute, LastOutcomes};
use crate::engine::limits::{BreakerLimits, BreakerRule, HalfOpenLimits};
use crate::model::{Bps, Latch, Nanos, Reason};

/// Sizes of the count windows of the significant rule.
const WINDOWS: [u16; 3] = [20, 100, 400];
/// Each opening within this time of another doubles the cool-down.
const DOUBLES_WITHIN: Nanos = Nanos::from_secs(24 * 3_600);
/// The last of so many openings within this time sticks.
const STICKS: (u32, Nanos) = (3, Nanos::from_secs(4 * 3_600));

/// Too many errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Excess {
    pub(super) reason: Reason,
    /// Errors counted.
    pub(super) errors: u32,
    /// Errors that would have been tolerated.
    pub(super) tolerated: u32,
}

/// What a breaker is at, beside holding its cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Phase {
    /// Closed, or open for as long as its cause holds.
    Judging,
    /// Half open.
    Probing(Probing),
    /// Would be open, and gates nothing, until then.
    Watching(Nanos),
}

/// A half-open breaker's probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Probing {
    pub(super) limits: HalfOpenLimits,
    /// When it opens again.
    pub(super) until: Nanos,
    /// Credits taken, and those of them that were acknowledged.
    pub(super) taken: u8,
    pub(super) passed: u8,
}

/// The breaker of one book or account. Whether it is open the gates know: it is while its cause holds.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Breaker {
    limits: BreakerLimits,
    last: LastOutcomes,
    minute: LastMinute,
    consecutive: u32,
    openings: Recent,
    pub(super) phase: Phase,
    pub(super) generation: u32,
    /// Totals since the start, and in this generation.
    pub(super) opened: u64,
    pub(super) outcomes: u64,
    pub(super) errors: u64,
}

impl Breaker {
    pub(super) fn new(limits: BreakerLimits) -> Self {
        let sizes = match limits.rule {
            BreakerRule::Significant => WINDOWS,
            BreakerRule::Literal { window, .. } => [window, 0, 0],
        };
        Self {
            limits,
            last: LastOutcomes::new(sizes),
            minute: LastMinute::new(),
            consecutive: 0,
            openings: Recent::new(),
            phase: Phase::Judging,
            generation: 0,
            opened: 0,
            outcomes: 0,
            errors: 0,
        }
    }

    pub(super) fn count(&mut self, error: bool, now: Nanos) {
        self.last.push(error);
        self.minute.push(error, now);
        self.consecutive = if error { self.consecutive.saturating_add(1) } else { 0 };
        self.outcomes = self.outcomes.saturating_add(1);
        self.errors = self.errors.saturating_add(u64::from(error));
    }

    pub(super) const fn limits(&self) -> &BreakerLimits {
        &self.limits
    }

    pub(super) const fn probing(&mut self) -> Option<&mut Probing> {
        match &mut self.phase {
            Phase::Probing(probing) => Some(probing),
            Phase::Judging | Phase::Watching(_) => None,
        }
    }

    /// When its phase ends by itself.
    pub(super) const fn phase_ends(&self) -> Nanos {
        match self.phase {
            Phase::Judging => Nanos::NEVER,
            Phase::Probing(Probing { until, .. }) | Phase::Watching(until) => until,
        }
    }

    /// Where the doubling of its cool-down ends, counted from now.
    pub(super) const fn capped(&self, now: Nanos) -> Nanos {
        now.after(self.limits.cooldown_cap)
    }

    pub(super) const fn consecutive(&self) -> u32 {
        self.consecutive
    }

    /// Whether it should open. Errors in a row come first, because they say more; then the windows, the shortest
    /// first, and last the minute.
    pub(super) fn judge(&self, significances: &[Significance], now: Nanos) -> Option<Excess> {
        let in_a_row = u32::from(self.limits.consecutive);
        if in_a_row > 0 && self.consecutive >= in_a_row {
            let tolerated = in_a_row.saturating_sub(1);
            return Some(Excess { reason: Reason::Consecutive, errors: self.consecutive, tolerated });
        }
        let mut counts = self.last.counts();
        match self.limits.rule {
            BreakerRule::Literal { min, .. } => counts.find_map(|count| self.literal(count, min)),
            BreakerRule::Significant => {
                let significance = significances.iter().find(|table| table.limit() == self.limits.limit)?;
                let minute = core::iter::once_with(|| self.minute.count(now));
                counts.chain(minute).find_map(|count| self.significant(count, significance))
            }
        }
    }

    fn literal(&self, count: Count, min: u16) -> Option<Excess> {
        let needed = min.max(self.limits.smallest_window);
        let allowed = u64::from(count.outcomes).saturating_mul(u64::from(self.limits.limit.0));
        let whole = u64::from(Bps::WHOLE.0);
        let exceeds = u64::from(count.errors).saturating_mul(whole) > allowed;
        (count.outcomes >= u32::from(needed) && exceeds).then(|| Excess {
            reason: Reason::ErrorRate,
            errors: count.errors,
            tolerated: u32::try_from(allowed.checked_div(whole).unwrap_or(0)).unwrap_or(u32::MAX),
        })
    }

    fn significant(&self, count: Count, significance: &Significance) -> Option<Excess> {
        let fewest = significance.fewest(count.outcomes);
        let counts = count.outcomes >= u32::from(self.limits.smallest_window);
        (counts && count.errors >= fewest).then(|| Excess {
            reason: Reason::ErrorRate,
            errors: count.errors,
            tolerated: fewest.saturating_sub(1),
        })
    }

    /// Notes an opening. How long it lasts.
    pub(super) fn open(&mut self, now: Nanos) -> (Latch, Nanos) {
        self.openings.push(now);
        self.opened = self.opened.saturating_add(1);
        let (sticks, within) = STICKS;
        if self.openings.within(within, now) >= sticks {
            return (Latch::Sticky, Nanos::NEVER);
        }
        // Of the openings 32 are remembered, so the shift is below 32; more doublings could not matter under a cap.
        let doublings = self.openings.within(DOUBLES_WITHIN, now).saturating_sub(1).min(31);
        let doubled = self.limits.cooldown.0.saturating_mul(1 << doublings);
        (Latch::Cooldown, now.after(Nanos(doubled.min(self.limits.cooldown_cap.0))))
    }

    /// Forgets what it counted, and what is still to come of that. Openings are remembered.
    pub(super) fn close(&mut self) {
        self.last.clear();
        self.minute = LastMinute::new();
        self.consecutive = 0;
        self.outcomes = 0;
        self.errors = 0;
        self.phase = Phase::Judging;
        self.generation = self.generation.wrapping_add(1);
    }
}
