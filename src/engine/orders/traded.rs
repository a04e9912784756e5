//! HOT: what executions of an order add up to.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

/// Part of an order that has been traded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(in crate::engine) struct Traded {
    /// Unsigned lots.
    pub(in crate::engine) qty: i64,
    /// Cash received, in the scale of the instrument.
    pub(in crate::engine) leg: i128,
    /// Fee in 1e-9 of the settlement currency.
    pub(in crate::engine) fee: i128,
    /// Fee in lots of the base currency.
    pub(in crate::engine) debit: i64,
}

impl Traded {
    pub(in crate::engine) fn plus(&self, other: &Self) -> Option<Self> {
        Some(Self {
            qty: self.qty.checked_add(other.qty)?,
            leg: self.leg.checked_add(other.leg)?,
            fee: self.fee.checked_add(other.fee)?,
            debit: self.debit.checked_add(other.debit)?,
        })
    }

    pub(in crate::engine) fn minus(&self, other: &Self) -> Option<Self> {
        Some(Self {
            qty: self.qty.checked_sub(other.qty)?,
            leg: self.leg.checked_sub(other.leg)?,
            fee: self.fee.checked_sub(other.fee)?,
            debit: self.debit.checked_sub(other.debit)?,
        })
    }
}
