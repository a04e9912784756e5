//! What comes back to a strategy: verdicts on requests, directives to act on, notices of state.

use super::{Leg, Nanos, Reason, Scope, TradingState};
use crate::model::Mode;

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum Verdict {
    /// Not sent; final.
    Deny = 0,
    /// Send; final.
    Pass = 1,
    /// Send, as a verified exit; final.
    PassExit = 2,
    /// Simulate only; final.
    Paper = 3,
    /// Wait.
    Queued = 4,
    /// Send now; final.
    Released = 5,
    /// Will not be sent; final.
    Dropped = 6,
    /// Send only as a venue-enforced reduce-only order; final.
    ExitUnverified = 7,
}

/// What a directive asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are the actions")]
pub enum DirectiveKind {
    Cancel = 1,
    CancelIncreasing = 2,
    CancelAll = 3,
    Flatten = 4,
    Mode = 5,
    Signals = 6,
    Scale = 7,
    Snapshot = 8,
    Revoke = 9,
    Resize = 10,
    /// A notice: a scope changed state. Not acknowledged.
    State = 16,
}

impl Verdict {
    /// The verdict with this number.
    #[must_use]
    pub const fn from_u8(raw: u8) -> Option<Self> {
        Some(match raw {
            0 => Self::Deny,
            1 => Self::Pass,
            2 => Self::PassExit,
            3 => Self::Paper,
            4 => Self::Queued,
            5 => Self::Released,
            6 => Self::Dropped,
            7 => Self::ExitUnverified,
            _ => return None,
        })
    }

    /// Whether the order may leave for the venue.
    #[must_use]
    pub const fn may_send(self) -> bool {
        matches!(self, Self::Pass | Self::PassExit | Self::Released)
    }

    /// Whether no other verdict follows.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued)
    }
}

impl DirectiveKind {
    /// The kind with this number.
    #[must_use]
    pub const fn from_u8(raw: u8) -> Option<Self> {
        Some(match raw {
            1 => Self::Cancel,
            2 => Self::CancelIncreasing,
            3 => Self::CancelAll,
            4 => Self::Flatten,
            5 => Self::Mode,
            6 => Self::Signals,
            7 => Self::Scale,
            8 => Self::Snapshot,
            9 => Self::Revoke,
            10 => Self::Resize,
            16 => Self::State,
            _ => return None,
        })
    }
}

/// A verdict as it travels: who it answers, why, and the numbers behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct VerdictRecord {
    /// The order, or the command's id.
    pub order: u64,
    /// The answer.
    pub verdict: Verdict,
    /// The request it answers: 0 new, 1 modify, 2 cancel.
    pub action: u8,
    /// Why; `None` for a plain pass.
    pub reason: Option<Reason>,
    /// The guard that decided, 0 for none.
    pub guard: u16,
    /// Kind of the scope the limit belongs to, see [`Scope::to_raw`] bits 32–47.
    pub scope_kind: u16,
    /// Measured value (units by reason), or valid-until on the client's clock for verdicts that send.
    pub measured: i64,
    /// The limit it was held against.
    pub limit: i64,
    /// Quantity, wait or retry-after, by verdict.
    pub extra: u64,
}

/// Something an executor is to do, and to acknowledge by DIRECTIVE_ACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct Directive {
    /// Never reused; orders that carry it out name it in their attributes.
    pub id: u64,
    /// Why.
    pub reason: Reason,
    /// The halt epoch it belongs to.
    pub epoch: u32,
    /// What to do.
    pub task: Task,
    /// On the client's monotonic clock; past it the directive is void.
    pub deadline: Nanos,
}

/// What a directive asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub enum Task {
    /// Cancel one order.
    Cancel {
        /// The client's id.
        order: u64,
        /// The venue's number for it, 0 when it told none.
        venue_key: u64,
    },
    /// Cancel the orders of a book whose fill could increase or flip a position.
    CancelIncreasing {
        /// The book.
        scope: Scope,
    },
    /// Cancel every order of a book.
    CancelAll {
        /// The book.
        scope: Scope,
    },
    /// Close a position.
    Flatten {
        /// The (account, instrument).
        scope: Scope,
        /// The leg of it.
        leg: Leg,
        /// Signed lots to trade: the opposite of the position.
        qty: i64,
    },
    /// Send a snapshot of the account now.
    Snapshot {
        /// Of what: bit 0 positions, 1 orders, 2 balances.
        what: u32,
    },
    /// Make one order smaller: another of its group has filled some of what it was there for.
    Resize {
        /// The client's id.
        order: u64,
        /// Its new total quantity, in lots, what is filled already included.
        qty: i64,
    },
    /// Another executor has it now, or it is no longer to be done.
    Revoke {
        /// The directive that is taken back.
        directive: u64,
    },
}

impl Task {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> DirectiveKind {
        match self {
            Self::Cancel { .. } => DirectiveKind::Cancel,
            Self::CancelIncreasing { .. } => DirectiveKind::CancelIncreasing,
            Self::CancelAll { .. } => DirectiveKind::CancelAll,
            Self::Flatten { .. } => DirectiveKind::Flatten,
            Self::Snapshot { .. } => DirectiveKind::Snapshot,
            Self::Resize { .. } => DirectiveKind::Resize,
            Self::Revoke { .. } => DirectiveKind::Revoke,
        }
    }
}

/// A notice of the state a scope is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateNotice {
    /// The scope whose state changed.
    pub scope: Scope,
    /// Its state now.
    pub state: TradingState,
    /// Its mode now.
    pub mode: Mode,
    /// Why.
    pub reason: Reason,
    /// The halt epoch of the change.
    pub epoch: u32,
    /// The cause bits that hold now.
    pub causes: u64,
}
