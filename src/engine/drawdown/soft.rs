//! HOT: the soft cause: reduce only, from the turn in which the worse valuation breaches until that is over.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::{Guard, Scene, Sight, soft_number};
use crate::engine::gates::Hold;
use crate::model::{Latch, Nanos, Reason, TradingState};

/// Trusted readings this far apart, below the clearing share, end the soft cause.
const SOFT_SPAN: Nanos = Nanos::from_secs(1);
/// Percent of the limit below which a reading counts towards ending the soft cause.
const SOFT_SHARE: u32 = 90;

impl Guard {
    pub(super) fn soften(&mut self, worst: bool, sight: &Sight, scene: &mut Scene<'_>) -> Option<()> {
        let (scope, number) = (self.limits.scope, soft_number(self.latch_number));
        let settled = sight.flat && sight.trusted;
        if worst && !settled {
            self.calm_since = None;
            let reason = if sight.absent { Reason::NoMark } else { Reason::DrawdownSoft };
            let hold = self.hold(reason, TradingState::ReduceOnly, Latch::Auto, sight)?;
            scene.gates.begin(Hold { guard: number, ..hold });
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

    pub(super) fn soft_deadline(&self, sight: &Sight) -> Nanos {
        match self.calm_since {
            Some(since) if sight.trusted => since.after(SOFT_SPAN),
            _ => Nanos::NEVER,
        }
    }
}
