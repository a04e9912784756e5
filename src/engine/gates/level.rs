//! HOT: how many causes of a scope hold which state, and whether its orders are simulated.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use crate::model::{Mode, TradingState};

/// Counts of the causes that take something away, and the scope's own mode.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Level {
    halted: u32,
    reducing: u32,
    pub(super) mode: Mode,
}

impl Level {
    /// Nothing holds.
    pub(super) const fn new(mode: Mode) -> Self {
        Self { halted: 0, reducing: 0, mode }
    }

    /// The most severe.
    pub(super) const fn state(self) -> TradingState {
        match self {
            Self { halted: 1.., .. } => TradingState::Halted,
            Self { reducing: 1.., .. } => TradingState::ReduceOnly,
            _ => TradingState::Active,
        }
    }

    const fn count(&mut self, state: TradingState) -> Option<&mut u32> {
        match state {
            TradingState::Halted => Some(&mut self.halted),
            TradingState::ReduceOnly => Some(&mut self.reducing),
            TradingState::Active => None,
        }
    }

    /// One more holds this state.
    pub(super) fn raise(&mut self, state: TradingState) {
        if let Some(count) = self.count(state) {
            *count = count.saturating_add(1);
        }
    }

    /// One fewer does.
    pub(super) fn lower(&mut self, state: TradingState) {
        if let Some(count) = self.count(state) {
            *count = count.saturating_sub(1);
        }
    }
}
