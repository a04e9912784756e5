//! HOT: what a drawdown is measured from.
//!
//! Two peaks, because a flow scales one and shifts the other. Each remembers the profit realised when it was
//! taken, so that the loss realised since is known.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use crate::engine::exact::{ceil_mul_div, product};
use crate::engine::limits::{Basis, DrawdownLimits};
use crate::model::Bps;

/// A peak and the profit that had been realised then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Peak {
    pub(super) value: i128,
    pub(super) profit: i128,
}

/// The peak of the percentage and that of the amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Peaks {
    pub(super) relative: Peak,
    pub(super) absolute: Peak,
}

impl Peak {
    /// How far `equity` lies below, in basis points, rounded down: it reaches the limit exactly when the guard does.
    pub(super) fn drawdown_bps(&self, equity: i128) -> u64 {
        let loss = self.value.saturating_sub(equity);
        if loss <= 0 || self.value <= 0 {
            return 0;
        }
        let share = loss.saturating_mul(i128::from(Bps::WHOLE.0)).checked_div(self.value).unwrap_or(0);
        u64::try_from(share).unwrap_or(u64::MAX)
    }

    const fn raise(&mut self, equity: i128, profit: i128) {
        if equity > self.value {
            *self = Self { value: equity, profit };
        }
    }
}

impl Peaks {
    pub(super) const fn at(equity: i128, profit: i128) -> Self {
        let peak = Peak { value: equity, profit };
        Self { relative: peak, absolute: peak }
    }

    /// Raises each peak to that of a sample, where it is lower.
    pub(super) const fn raise_each(&mut self, sample: &Self) {
        self.relative.raise(sample.relative.value, sample.relative.profit);
        self.absolute.raise(sample.absolute.value, sample.absolute.profit);
    }

    pub(super) fn raise(&mut self, equity: i128, profit: i128) {
        self.relative.raise(equity, profit);
        self.absolute.raise(equity, profit);
    }

    /// Whether `equity` lies below a peak by at least `share` percent of its limit.
    pub(super) fn reaches(&self, limits: &DrawdownLimits, equity: i128, share: u32) -> Option<bool> {
        Some(
            self.reaches_relative(limits, equity, share)?
                || absolute_reaches(limits, self.absolute.value.checked_sub(equity)?, share)?,
        )
    }

    /// The loss at `equity` as a share of the limit, the larger of two, in basis points rounded up; at most all of it.
    pub(super) fn share(&self, limits: &DrawdownLimits, equity: i128) -> Option<u32> {
        let of = |loss: i128, scale: i128, whole: i128| match (loss > 0, whole > 0) {
            (false, _) => Some(0),
            (true, false) => Some(i128::from(Bps::WHOLE.0)),
            (true, true) => ceil_mul_div(loss, scale, whole),
        };
        let (whole, mut share) = (i128::from(Bps::WHOLE.0), 0);
        if let Some(limit) = limits.limit {
            let peak = self.relative.value.checked_mul(i128::from(limit.0))?;
            share = of(self.relative.value.checked_sub(equity)?, whole.checked_mul(whole)?, peak)?;
        }
        if let Some(limit) = limits.limit_abs {
            share = share.max(of(self.absolute.value.checked_sub(equity)?, whole, limit.0)?);
        }
        u32::try_from(share.min(whole)).ok()
    }

    pub(super) fn reaches_relative(&self, limits: &DrawdownLimits, equity: i128, share: u32) -> Option<bool> {
        relative_reaches(limits, self.relative.value, self.relative.value.checked_sub(equity)?, share)
    }

    /// Whether the loss realised since a peak alone reaches its limit.
    pub(super) fn realised_reaches(&self, limits: &DrawdownLimits, profit: i128) -> Option<bool> {
        let relative = self.relative.profit.checked_sub(profit)?;
        let absolute = self.absolute.profit.checked_sub(profit)?;
        Some(
            relative_reaches(limits, self.relative.value, relative, 100)?
                || absolute_reaches(limits, absolute, 100)?,
        )
    }

    /// Scales the percentage peak, and the loss realised since, from an equity of `before` to one of `after`.
    pub(super) fn scale(&mut self, before: i128, after: i128, profit: i128) -> Option<()> {
        let value = ceil_mul_div(self.relative.value, after, before)?;
        let loss = ceil_mul_div(self.relative.profit.checked_sub(profit)?, after, before)?;
        self.relative = Peak { value, profit: profit.checked_add(loss)? };
        Some(())
    }

    /// Moves the absolute peak by a flow.
    pub(super) fn shift(&mut self, amount: i128) -> Option<()> {
        self.absolute.value = self.absolute.value.checked_add(amount)?;
        Some(())
    }
}

/// `loss / peak >= limit * share %`, cross-multiplied. A peak that is not positive has no percentage.
fn relative_reaches(limits: &DrawdownLimits, peak: i128, loss: i128, share: u32) -> Option<bool> {
    let Some(limit) = limits.limit else { return Some(false) };
    // Without margin any loss is too much.
    let means_something = if limits.basis == Basis::Margin { loss > 0 } else { peak > 0 };
    if !means_something {
        return Some(false);
    }
    let bound = product(i128::from(limit.0), i128::from(share))?;
    Some(product(loss, 1_000_000)? >= product(peak, bound)?)
}

/// `loss >= limit * share %`
fn absolute_reaches(limits: &DrawdownLimits, loss: i128, share: u32) -> Option<bool> {
    let Some(limit) = limits.limit_abs else { return Some(false) };
    Some(product(loss, 100)? >= product(limit.0, i128::from(share))?)
}
