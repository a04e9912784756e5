//! HOT: the soft cause: reduce only, from the turn in which the worse valuation breaches until that is over.
//!
//! The same cause holds, PNL_JUMP, when one accepted mark moves equity up or down by `>=` jump of the peak before it:
//! a position nobody meant to have, or a price nobody should believe yet, shows there first. It ends as a soft cause
//! does, after a second of readings below nine tenths of the limit. Does not catch: a jump in several small marks.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::{Guard, Scene, Sight, Touch, soft_number};
use crate::engine::exact::product;
use crate::engine::gates::Hold;
use crate::engine::limits::Basis;
use crate::model::{Latch, Nanos, Reason, TradingState};

/// Trusted readings this far apart, below the clearing share, end the soft cause.
const SOFT_SPAN: Nanos = Nanos::from_secs(1);
/// Percent of the limit below which a reading counts towards ending the soft cause.
const SOFT_SHARE: u32 = 90;

impl Guard {
    /// `jumped` is the share of the peak, in basis points, by which one mark has moved equity, where that is too much.
    pub(super) fn soften(
        &mut self,
        worst: bool,
        jumped: Option<i64>,
        sight: &Sight,
        scene: &mut Scene<'_>,
    ) -> Option<()> {
        let (scope, number) = (self.limits.scope, soft_number(self.latch_number));
        let settled = sight.flat && sight.trusted && !scene.has_orders;
        if (worst || jumped.is_some()) && !settled {
            self.calm_since = None;
            let reason = match (worst, self.limits.basis) {
                (true, _) if sight.absent => Reason::NoMark,
                (true, Basis::Margin) => Reason::MarginDrawdown,
                (true, _) => Reason::DrawdownSoft,
                (false, _) => Reason::PnlJump,
            };
            let hold = self.hold(reason, TradingState::ReduceOnly, Latch::Auto, sight)?;
            let (measured, limit) = match jumped.filter(|_| !worst) {
                Some(jumped) => (jumped, self.limits.jump.map_or(0, |limit| i64::from(limit.0))),
                None => (hold.measured, hold.limit),
            };
            scene.gates.begin(Hold { guard: number, measured, limit, ..hold });
            return Some(());
        }
        if !scene.gates.holds(scope, number) || !sight.trusted {
            return Some(());
        }
        let peaks = self.peaks?;
        if !settled && peaks.reaches(&self.limits, sight.good, SOFT_SHARE)? {
            self.calm_since = None;
            return Some(());
        }
        let since = *self.calm_since.get_or_insert(scene.now);
        if settled || scene.now.since(since) >= SOFT_SPAN {
            self.calm_since = None;
            let reading = self.reading(sight);
            scene.gates.end(scope, number, reading);
        }
        Some(())
    }

    /// How far one mark has moved equity, in basis points of the peak before it, where that is too far.
    pub(super) fn jumped(&self, sight: &Sight, touch: Touch) -> Option<Option<i64>> {
        let (Some(limit), Some(peaks)) = (self.limits.jump, self.peaks) else { return Some(None) };
        // Before the first mark there was no equity that it could have moved.
        if !touch.is_mark || sight.absent || self.last_absent {
            return Some(None);
        }
        let peak = if self.limits.limit.is_some() { peaks.relative.value } else { peaks.absolute.value };
        let change = product(sight.good.checked_sub(self.last_good)?.checked_abs()?, 10_000)?;
        if peak <= 0 || change < product(peak, i128::from(limit.0))? {
            return Some(None);
        }
        Some(Some(change.checked_div(peak).and_then(|bps| i64::try_from(bps).ok()).unwrap_or(i64::MAX)))
    }

    pub(super) fn soft_deadline(&self, sight: &Sight) -> Nanos {
        match self.calm_since {
            Some(since) if sight.trusted => since.after(SOFT_SPAN),
            _ => Nanos::NEVER,
        }
    }
}
