//! Rows about orders: positions and what orders may make of them, breakers, buckets, queues, directives, stragglers.

use super::{Cell, Row};
use crate::model::{Nanos, Reason, Scope};

/// What a breaker does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum BreakerState {
    /// It counts and judges.
    #[default]
    Closed = 0,
    /// It has opened.
    Open = 1,
    /// It lets so many orders try.
    HalfOpen = 2,
    /// An operator holds it open.
    ForcedOpen = 3,
    /// It counts and judges, and gates nothing.
    MetricsOnly = 4,
}

impl BreakerState {
    /// The name used in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "CLOSED",
            Self::Open => "OPEN",
            Self::HalfOpen => "HALF_OPEN",
            Self::ForcedOpen => "FORCED_OPEN",
            Self::MetricsOnly => "METRICS_ONLY",
        }
    }

    /// The state with this number; OPEN for one that nobody has.
    const fn from_raw(raw: u64) -> Self {
        match raw {
            0 => Self::Closed,
            2 => Self::HalfOpen,
            3 => Self::ForcedOpen,
            4 => Self::MetricsOnly,
            _ => Self::Open,
        }
    }
}

impl Cell for BreakerState {
    const WORDS: usize = 1;
    fn read(words: &[u64]) -> Self {
        Self::from_raw(words[0])
    }
    fn write(self, words: &mut [u64]) {
        words[0] = self as u64;
    }
}

rows! {
    /// One position that is held, or may be by orders that live.
    PositionRow {
        /// Index of the book; those of HOUSE come behind the others, in the order of accounts.
        book: u64,
        /// Index of the instrument.
        instrument: u64,
        /// Signed lots.
        qty: i64,
        /// What may still fill of buys.
        buys: i64,
        /// What may still fill of sells.
        sells: i64,
    }

    /// One order error-rate breaker.
    BreakerRow {
        /// The book or account.
        scope: Option<Scope>,
        /// What it does.
        state: BreakerState,
        /// Whether it gates: open, half open or forced.
        open: bool,
        /// When its cool-down ends, engine time; 0 when closed or sticky.
        until: Nanos,
        /// Advanced each time it closes.
        generation: u64,
        /// Openings so far.
        openings: u64,
        /// Outcomes counted in this generation.
        outcomes: u64,
        /// Errors counted in this generation.
        errors: u64,
        /// Errors in a row now.
        consecutive: u64,
    }

    /// One rate bucket.
    BucketRow {
        /// The number it has in RATE_FEEDBACK.
        id: u64,
        /// Units used now.
        used: u64,
        /// Units it admits now, after margin and back-off.
        limit: u64,
        /// Closed until, engine time; 0 when open.
        closed_until: Nanos,
        /// Rejects for rate (429) so far.
        rejects: u64,
    }

    /// The queue of one venue.
    QueueRow {
        /// Index of the venue.
        venue: u64,
        /// Requests waiting.
        depth: u64,
        /// Requests that may wait.
        capacity: u64,
        /// When the oldest was queued, engine time; 0 when none waits.
        oldest: Nanos,
        /// Waiting exits.
        exits: u64,
        /// Waiting cancels.
        cancels: u64,
        /// Requests dropped so far, for whatever reason.
        dropped: u64,
    }

    /// One directive that is not forgotten yet.
    DirectiveRow {
        /// Its id.
        id: u64,
        /// DirectiveKind number.
        kind: u64,
        /// What it is about.
        scope: Option<Scope>,
        /// Why.
        reason: Option<Reason>,
        /// The halt epoch it belongs to.
        epoch: u64,
        /// The strategy that has it; all ones when nobody does.
        strategy: u64,
        /// DirectiveStatus number; all ones while nothing was heard.
        status: u64,
        /// What is left, as the executor said.
        remaining: i64,
        /// When it was issued, engine time.
        at: Nanos,
        /// How often it was handed out.
        attempts: u64,
    }

    /// An order that left after the halt of its scope.
    StragglerRow {
        /// Counts from 1.
        sequence: u64,
        /// The client's id.
        order: u64,
        /// Its book.
        book: u64,
        /// Its instrument.
        instrument: u64,
        /// When it was announced, engine time.
        at: Nanos,
        /// The epoch it should have obeyed.
        epoch: u64,
        /// How long after the halt it was announced.
        late: Nanos,
        /// Whether its writer knew.
        violation: bool,
    }
}
