//! HOT: limits of drawdown guards.

use super::Actions;
use crate::model::{Bps, Latch, Money, Name, Nanos, Scope};

/// What a drawdown guard measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub enum Basis {
    /// Cash and positions at their marks.
    Equity,
    /// Capital and realised profit only.
    Realised,
    /// The unrealised loss of a book against its initial margin, which takes the place of the peak.
    Margin,
}

/// What a drawdown is measured from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub enum Anchor {
    /// The highest trusted equity so far.
    Trailing,
    /// The first trusted equity.
    Static,
    /// The last trusted equity at the session's open, that is at the last roll.
    Session,
    /// The highest trusted equity of the last so long, which is more than nothing.
    Rolling(Nanos),
}

/// One drawdown guard.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct DrawdownLimits {
    /// Unique among guards: `drawdown.kill`.
    pub name: Name,
    /// [`Scope::Account`], [`Scope::Book`] or [`Scope::Strategy`] (the sum of its books, one currency).
    pub scope: Scope,
    /// What is measured.
    pub basis: Basis,
    /// From where.
    pub anchor: Anchor,
    /// Trip at this share of the peak.
    pub limit: Option<Bps>,
    /// Trip at this loss, in the scope's currency.
    pub limit_abs: Option<Money>,
    /// Warn at this percentage of the limit, 1–100.
    pub warn_pct: u8,
    /// Share of rate and size that is left at the limit, less and less of them from the warning on; `None` is off.
    pub scale: Option<Bps>,
    /// Distinct marks that must agree before the latch. At least 1.
    pub confirm_k: u8,
    /// Time they must span; 0 when `confirm_k` is 1.
    pub confirm_t: Nanos,
    /// Accepted marks whose least favourable feeds the peak, 1–8; 1 takes every mark.
    pub peak_n: u8,
    /// An untrusted breach of this length latches.
    pub untrusted_t: Nanos,
    /// A change of equity by one mark of this share of the peak reduces only; `None` is off.
    pub jump: Option<Bps>,
    /// How the latched cause goes away: `Session` or `Sticky`.
    pub latch: Latch,
    /// The clock of its sessions, below [`Limits::clocks`](super::Limits::clocks).
    pub clock: u16,
    /// What it directs when it latches.
    pub actions: Actions,
}
