//! HOT: what one call of the engine has to say: gate words that changed, causes that began or ended, an answer.
//!
//! Cleared at each call, allocated once. Also the counters the stats page mirrors.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use crate::model::scope::{AccountId, BookId, InstrumentId, StrategyId};
use crate::model::verdict::VerdictRecord;
use crate::model::{HaltWord, Latch, Money, Nanos, Reason, Scope, TradingState};

/// Who wrote a record. The runtime knows it from the ring the record came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A strategy, through one of its lanes.
    Lane {
        /// Lane number.
        lane: u16,
        /// The strategy the lane was opened for.
        strategy: StrategyId,
    },
    /// The operator's privileged lane.
    Operator,
    /// The sidecar itself: timers, liveness, session rolls.
    Sidecar,
}

/// A word of the gate page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WordId {
    /// Folds firm and account.
    Account(AccountId),
    /// Folds strategy, book and the positions of that book.
    Book(BookId),
    /// One instrument on one account.
    Instrument(AccountId, InstrumentId),
}

/// A gate word before and after a call. One per word and call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordChange {
    /// Which word.
    pub id: WordId,
    /// Before the call.
    pub old: HaltWord,
    /// After it.
    pub new: HaltWord,
}

/// A cause that began or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// What the cause sits on.
    pub scope: Scope,
    /// The guard that owns it.
    pub guard: u16,
    /// Why.
    pub reason: Reason,
    /// State of the scope before, from its own causes.
    pub old_state: TradingState,
    /// State of the scope after, from its own causes.
    pub new_state: TradingState,
    /// Whether the cause began (or got worse), rather than ended.
    pub began: bool,
    /// The global epoch after it.
    pub epoch: u32,
    /// What a reset must name; 0 when the cause is not latched.
    pub nonce: u64,
    /// How the cause goes away.
    pub latch: Latch,
    /// Measured value; units by reason, money in 1e-6.
    pub measured: i64,
    /// The limit it was held against.
    pub limit: i64,
    /// The reading, for drawdown guards.
    pub equity: Money,
    /// What it was measured from, for drawdown guards.
    pub peak: Money,
    /// How far below, for drawdown guards.
    pub drawdown_bps: u64,
    /// The mark that was being applied, 0 when none was.
    pub mark: i64,
    /// Engine time.
    pub at: Nanos,
}

/// What a call of [`super::Engine::apply`] decided. Overwritten by the next one.
#[derive(Debug)]
pub struct Outcome {
    pub(super) changes: Vec<WordChange>,
    pub(super) transitions: Vec<Transition>,
    pub(super) reply: Option<VerdictRecord>,
}

impl Outcome {
    pub(super) fn new(words: usize, transitions: usize) -> Self {
        Self { changes: Vec::with_capacity(words), transitions: Vec::with_capacity(transitions), reply: None }
    }

    pub(super) fn clear(&mut self) {
        self.changes.clear();
        self.transitions.clear();
        self.reply = None;
    }

    /// Gate words that differ from what they were before the call.
    #[must_use]
    pub fn changes(&self) -> &[WordChange] {
        &self.changes
    }

    /// Causes that began or ended, in order.
    #[must_use]
    pub fn transitions(&self) -> &[Transition] {
        &self.transitions
    }

    /// The answer to a command.
    #[must_use]
    pub fn reply(&self) -> Option<VerdictRecord> {
        self.reply
    }
}

/// Totals since the engine started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Records applied.
    pub records: u64,
    /// Orders announced.
    pub orders: u64,
    /// Executions booked.
    pub fills: u64,
    /// Repeats of what is already booked: executions, cumulative reports, fundings, flows.
    pub duplicate_fills: u64,
    /// Executions booked after their order was canceled, expired or rejected.
    pub late_fills: u64,
    /// Order events after the order's end, which change nothing.
    pub late: u64,
    /// Executions refused because they lie beyond the remembered horizon.
    pub beyond_horizon: u64,
    /// Simulated executions, kept out of the ledger.
    pub paper_fills: u64,
    /// Marks seen.
    pub marks: u64,
    /// Marks ignored: not from the source, out of order, frozen or without a price.
    pub ignored_marks: u64,
    /// Marks held as suspect.
    pub suspect_marks: u64,
    /// Events of kinds this version does not act on.
    pub unhandled: u64,
    /// Orders announced after a halt of their scope, within the lease, by a writer that had not seen it.
    pub stragglers: u64,
    /// Orders announced by a writer that had seen the halt, or later than the lease after it.
    pub violations: u64,
    /// Records that could not be right.
    pub corrupt: u64,
    /// Sums or products that did not fit.
    pub overflows: u64,
    /// Drawdown guards that began to warn.
    pub warnings: u64,
    /// Transitions that found no room in the outcome; the words are right all the same.
    pub unreported: u64,
}
