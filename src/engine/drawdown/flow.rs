//! HOT: what deposits and withdrawals do to a guard.
//!
//! The percentage peak keeps its distance in percent: peak 100, equity 90, withdraw 80 is still 10 %, not 89 %.
//! The absolute one keeps its distance in money. Margin is no peak and stays what it is. What a rolling guard remembers moves in the same way.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::{Drawdowns, Guard, Scene};
use crate::engine::ledger::Totals;
use crate::engine::limits::Basis;
use crate::model::Reason;

impl Drawdowns {
    /// Tells a guard of a flow whose worth nobody can tell: its peak is void until it is taken anew.
    pub(in crate::engine) fn unpriced_flow(
        &mut self,
        index: usize,
        before: &Totals,
        after: &Totals,
        scene: &mut Scene<'_>,
    ) -> Option<()> {
        let guard = &mut self.guards[index];
        let (was, is) = (guard.see(before), guard.see(after));
        guard.last_good = guard.last_good.checked_add(is.good.checked_sub(was.good)?)?;
        if guard.peaks.is_none() || guard.limits.basis == Basis::Margin {
            return Some(());
        }
        guard.unpriced = true;
        // What was trusted before lacks the flow: a roll must not anchor there.
        guard.last_trusted = None;
        guard.latch(Reason::FlowUnpriced, &is, scene)
    }

    /// Tells a guard of a flow of `amount` that took its scope from `before` to the totals `after`.
    pub(in crate::engine) fn flow(
        &mut self,
        index: usize,
        before: &Totals,
        after: &Totals,
        amount: i128,
        scene: &mut Scene<'_>,
    ) -> Option<()> {
        let guard = &mut self.guards[index];
        let (was, is) = (guard.see(before), guard.see(after));
        // A flow is no loss: it must not count as one of an instrument's changes.
        guard.last_good = guard.last_good.checked_add(is.good.checked_sub(was.good)?)?;
        if guard.limits.basis == Basis::Margin {
            return Some(());
        }
        if let Some((equity, _)) = &mut guard.last_trusted {
            *equity = equity.checked_add(amount)?;
        }
        let Some(mut peaks) = guard.peaks else { return Some(()) };
        peaks.shift(amount)?;
        let priced = was.trusted && was.spike > 0 && is.spike > 0 && was.good > 0 && is.good > 0;
        if guard.limits.limit.is_none() || priced {
            let scale = priced.then_some((was.spike, is.spike, is.profit));
            if let Some((before, after, profit)) = scale {
                peaks.scale(before, after, profit)?;
            }
            guard.shift_window(amount, scale)?;
            guard.peaks = Some(peaks);
            return Some(());
        }
        guard.shift_window(amount, None)?;
        guard.peaks = Some(peaks);
        guard.unpriced = true;
        guard.latch(Reason::FlowUnpriced, &is, scene)
    }
}

impl Guard {
    fn shift_window(&mut self, amount: i128, scale: Option<(i128, i128, i128)>) -> Option<()> {
        self.window.as_mut().map_or(Some(()), |window| window.flow(amount, scale))
    }
}
