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

#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, into_room};
use crate::model::scope::{AccountId, BookId, InstrumentId, StrategyId};
use crate::model::verdict::{Directive, VerdictRecord};
use crate::model::{HaltWord, Handle, Latch, Money, Nanos, Reason, Scope, TradingState};

/// Who wrote a record. The runtime knows it from the ring the record came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A strategy, through one of its lanes.
    Lane {
        /// Lane number.
        lane: u16,
        /// The strategy the lane was opened for.
        strategy: StrategyId,
        /// The record's position in the lane; a verdict on it names it.
        position: u64,
    },
    /// The operator's privileged lane.
    Operator,
    /// The sidecar itself: timers, liveness, session rolls.
    Sidecar,
}

/// A word of the gate page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
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
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
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
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
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

/// A verdict and the request it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct LaneVerdict {
    /// The lane the request came through.
    pub lane: u16,
    /// Where in it: of the first record, where the request had several.
    pub position: u64,
    /// What the request named.
    pub handle: Handle,
    /// The global epoch when it was decided.
    pub epoch: u32,
    /// The answer.
    pub record: VerdictRecord,
}

/// A directive and the lane that is to carry it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct LaneDirective {
    /// The executor's lane.
    pub lane: u16,
    /// What it is about, as that lane names it.
    pub handle: Handle,
    /// The directive.
    pub directive: Directive,
}

/// What a call of [`super::Engine::apply`] decided. Overwritten by the next one.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct Outcome {
    pub(super) changes: Vec<WordChange>,
    pub(super) transitions: Vec<Transition>,
    pub(super) reply: Option<VerdictRecord>,
    pub(super) verdicts: Vec<LaneVerdict>,
    pub(super) directives: Vec<LaneDirective>,
}

#[cfg(feature = "sidecar")]
impl Fit for Outcome {
    fn fit(&mut self, fresh: Self) -> bool {
        into_room(&mut self.changes, fresh.changes)
            && into_room(&mut self.transitions, fresh.transitions)
            && into_room(&mut self.verdicts, fresh.verdicts)
            && into_room(&mut self.directives, fresh.directives)
    }
}

impl Outcome {
    pub(super) fn new(words: usize, transitions: usize, verdicts: usize, directives: usize) -> Self {
        Self {
            changes: Vec::with_capacity(words),
            transitions: Vec::with_capacity(transitions),
            reply: None,
            verdicts: Vec::with_capacity(verdicts),
            directives: Vec::with_capacity(directives),
        }
    }

    pub(super) fn clear(&mut self) {
        self.changes.clear();
        self.transitions.clear();
        self.reply = None;
        self.verdicts.clear();
        self.directives.clear();
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

    /// Answers to requests, in order. The call may answer requests of earlier calls too.
    #[must_use]
    pub fn verdicts(&self) -> &[LaneVerdict] {
        &self.verdicts
    }

    /// What executors are to do, in order.
    #[must_use]
    pub fn directives(&self) -> &[LaneDirective] {
        &self.directives
    }

    /// The answer to a command.
    #[must_use]
    pub fn reply(&self) -> Option<VerdictRecord> {
        self.reply
    }
}

/// Totals since the engine started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
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
    /// Executions that nobody can place, and those booked of orders that nobody announced.
    pub unknown_fills: u64,
    /// Executions refused because they lie beyond the remembered horizon.
    pub beyond_horizon: u64,
    /// Simulated executions, kept out of the ledger.
    pub paper_fills: u64,
    /// Marks and conversion rates seen.
    pub marks: u64,
    /// Marks ignored: not from the source, out of order, frozen or without a price; rates of a pair nobody configured.
    pub ignored_marks: u64,
    /// Marks and rates held as suspect.
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
    /// Requests for a verdict.
    pub requests: u64,
    /// Requests that may be sent: passed at once or released later.
    pub passed: u64,
    /// Requests denied.
    pub denied: u64,
    /// Requests that waited.
    pub queued: u64,
    /// Requests that waited and were dropped.
    pub dropped: u64,
    /// Permitted requests that were not sent after all.
    pub not_sent: u64,
    /// Orders that no venue answered in time.
    pub timeouts: u64,
    /// Rejects whose code no map knows; they count as errors of infrastructure.
    pub unmapped_rejects: u64,
    /// Orders with an id that was seen before.
    pub duplicate_orders: u64,
    /// Directives issued.
    pub directives: u64,
    /// Directives nobody carried out in time.
    pub failed_directives: u64,
    /// Snapshots of venues that were complete.
    pub snapshots: u64,
    /// Positions and balances in them that were not ours.
    pub mismatches: u64,
    /// Orders in them that nobody here knew.
    pub orphans: u64,
    /// Orders that were over because snapshots did not list them.
    pub released: u64,
}
