//! HOT: what changes a book.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::Charge;

/// A change of one position.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::engine) struct Trade {
    /// Signed.
    pub(in crate::engine) qty: i64,
    /// Cash received, in the scale of the instrument.
    pub(in crate::engine) leg: i128,
    /// Fee in 1e-9 of the settlement currency.
    pub(in crate::engine) fee: i128,
    /// Fee in lots of the base currency.
    pub(in crate::engine) debit: i64,
    /// Fees in other currencies: one that is taken back, and one that is charged.
    pub(in crate::engine) charges: [Charge; 2],
    /// The change of cost to make; `None` lets average cost decide.
    pub(in crate::engine) cost: Option<i128>,
}

/// Cash that does not come from a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Cash {
    /// Funding, interest: profit or loss.
    Income,
    /// Deposits, withdrawals, transfers: neither.
    Capital,
    /// Cash against a debt of the same size: nothing changes.
    Loan,
}
