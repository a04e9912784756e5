//! HOT: whether anything holds at all, which is asked at every event and nearly always denied.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::Gates;
use crate::model::Scope;

impl Gates {
    /// Whether no cause holds anywhere.
    pub(in crate::engine) const fn hold_nothing(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether a configured guard holds nothing on its scope, neither its latch nor its soft cause.
    pub(in crate::engine) fn is_idle(&self, scope: Scope, latch: u16) -> bool {
        self.held.is_empty() || !(self.holds(scope, latch) || self.holds(scope, latch.saturating_add(1)))
    }
}
