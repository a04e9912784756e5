//! HOT: a cause: what a guard holds a scope for.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use crate::model::{Latch, Money, Nanos, Reason, Scope, TradingState};

/// Where a cause that does not hold stands in the list of those that do.
pub(super) const UNLISTED: u32 = u32::MAX;

/// What a guard wants to hold.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Hold {
    pub(in crate::engine) scope: Scope,
    pub(in crate::engine) guard: u16,
    pub(in crate::engine) reason: Reason,
    pub(in crate::engine) state: TradingState,
    pub(in crate::engine) latch: Latch,
    pub(in crate::engine) measured: i64,
    pub(in crate::engine) limit: i64,
    pub(in crate::engine) reading: Reading,
    /// When a cool-down ends; [`Nanos::NEVER`] for the other classes.
    pub(in crate::engine) until: Nanos,
}

/// The numbers of a drawdown guard at a transition.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::engine) struct Reading {
    pub(in crate::engine) equity: Money,
    pub(in crate::engine) peak: Money,
    pub(in crate::engine) drawdown_bps: u64,
}

/// One cause, held or not.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(in crate::engine) struct Cause {
    pub(in crate::engine) reason: Reason,
    pub(in crate::engine) state: TradingState,
    pub(in crate::engine) latch: Latch,
    pub(in crate::engine) nonce: u64,
    pub(in crate::engine) measured: i64,
    pub(in crate::engine) limit: i64,
    pub(in crate::engine) until: Nanos,
    pub(in crate::engine) scope: Scope,
    pub(in crate::engine) guard: u16,
    pub(super) since: Nanos,
    pub(super) epoch: u32,
    /// Where in the list of held causes; [`UNLISTED`] when it does not hold.
    pub(super) listed: u32,
}

impl Reading {
    /// For guards that read no equity.
    pub(in crate::engine) const NONE: Self = Self { equity: Money(0), peak: Money(0), drawdown_bps: 0 };
}

impl Cause {
    /// Whether its cool-down still runs.
    pub(in crate::engine) fn cools(&self) -> bool {
        self.latch == Latch::Cooldown && self.reason != Reason::ReadyToResume
    }

    pub(super) const fn idle() -> Self {
        Self {
            reason: Reason::Operator,
            state: TradingState::Active,
            latch: Latch::Auto,
            nonce: 0,
            measured: 0,
            limit: 0,
            until: Nanos::NEVER,
            scope: Scope::Firm,
            guard: 0,
            since: Nanos::ZERO,
            epoch: 0,
            listed: UNLISTED,
        }
    }
}

/// Whether a guard that halts for `old` must say so anew for `new`: an operator resets a client that died or lags
/// without a thought for the books, one that lost events or wrote garbage not.
pub(super) const fn is_graver(new: Reason, old: Reason) -> bool {
    matches!((new, old), (Reason::Gap | Reason::Corrupt, Reason::Lag | Reason::ClientDead))
}
