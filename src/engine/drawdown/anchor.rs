//! HOT: where a guard measures from anew: a reset, a roll.

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
use super::{Drawdowns, Guard};
use crate::engine::gates::Gates;
use crate::engine::ledger::Totals;
use crate::engine::limits::{Anchor, Basis};
use crate::model::{Latch, Nanos, Reason};

/// Why a reset is refused.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Refusal {
    pub(in crate::engine) reason: Reason,
    pub(in crate::engine) measured: i64,
    pub(in crate::engine) limit: i64,
}

impl Drawdowns {
    /// Why a reset that keeps the peak, or moves it to the equity now, is refused.
    pub(in crate::engine) fn may_reset(
        &self,
        index: usize,
        totals: &Totals,
        rebase: bool,
    ) -> Option<Result<(), Refusal>> {
        let guard = self.guards.get(index)?;
        let sight = guard.see(totals);
        let refuse = |reason| Some(Err(Refusal { reason, measured: 0, limit: 0 }));
        if rebase && guard.moves_its_peak() {
            if !sight.trusted {
                return refuse(Reason::DrawdownUntrusted);
            }
            if guard.limits.limit.is_some() && sight.good <= 0 {
                return refuse(Reason::PeakNonpositive);
            }
            return Some(Ok(()));
        }
        if guard.unpriced {
            return refuse(Reason::FlowUnpriced);
        }
        let Some(peaks) = guard.peaks else { return refuse(Reason::Unarmed) };
        if guard.is_meaningless(&peaks) {
            return refuse(Reason::PeakNonpositive);
        }
        if sight.absent || peaks.reaches(&guard.limits, sight.worst, 100)? {
            let (measured, limit) = guard.measure(sight.worst)?;
            return Some(Err(Refusal { reason: guard.reason(), measured, limit }));
        }
        // What nobody can trust ends nothing: the loss may be larger than it looks.
        if sight.trusted { Some(Ok(())) } else { refuse(Reason::DrawdownUntrusted) }
    }

    /// Resets the latched cause of a guard, which [`Drawdowns::may_reset`].
    pub(in crate::engine) fn reset(
        &mut self,
        index: usize,
        totals: &Totals,
        rebase: bool,
        gates: &mut Gates,
        now: Nanos,
    ) {
        let Some(guard) = self.guards.get_mut(index) else { return };
        let sight = guard.see(totals);
        if rebase && guard.moves_its_peak() {
            guard.anchor(sight.good, sight.profit, now);
        }
        guard.breach = guard.breach.over();
        let reading = guard.reading(&sight);
        gates.end(guard.limits.scope, guard.latch_number, reading);
    }

    /// Anchors session guards at the last trusted equity and ends causes of class SESSION, unless the peak still
    /// waits for a rebase.
    pub(in crate::engine) fn roll(&mut self, index: usize, totals: &Totals, gates: &mut Gates, now: Nanos) {
        let guard = &mut self.guards[index];
        let sight = guard.see(totals);
        if guard.limits.anchor == Anchor::Session && guard.peaks.is_some() {
            let open = if sight.trusted { Some((sight.good, sight.profit)) } else { guard.last_trusted };
            if let Some((equity, profit)) = open {
                guard.anchor(equity, profit, now);
            }
        }
        if guard.unpriced {
            return;
        }
        let scope = guard.limits.scope;
        if gates.cause(scope, guard.latch_number).is_some_and(|cause| cause.latch == Latch::Session) {
            guard.breach = guard.breach.over();
            let reading = guard.reading(&sight);
            gates.end(scope, guard.latch_number, reading);
        }
    }
}

impl Guard {
    /// Margin is what it is: there is no peak to move.
    fn moves_its_peak(&self) -> bool {
        self.limits.basis != Basis::Margin
    }

    /// Measures from this equity, as if there had never been another.
    pub(super) fn anchor(&mut self, equity: i128, profit: i128, now: Nanos) {
        let peaks = Peaks::at(equity, profit);
        self.peaks = Some(peaks);
        self.unpriced = false;
        if let Some(window) = &mut self.window {
            window.restart(peaks, now);
        }
    }
}
