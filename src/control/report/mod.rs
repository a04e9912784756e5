//! COLD: `GET /v1/status`: what the sidecar says of itself, the same to a program and to `tripline status`.
//!
//! The fields are a contract (additions are free). Money is a decimal string, a nonce is hexadecimal, an instant is
//! UTC text, so that no reader's floats touch them.

mod build;
mod orders;
mod readings;
#[cfg(test)]
pub(crate) mod tests;

use serde::{Deserialize, Serialize};

pub(crate) use build::degraded_names;
pub use build::{build, readiness};
pub use orders::{BreakerReport, BucketReport, DirectiveReport, QueueReport, RequestReport, StragglerReport};
pub(crate) use readings::{Reading, readings};

/// The schema of [`Report`].
pub const STATUS_SCHEMA: &str = "tripline.status/1";

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// [`STATUS_SCHEMA`].
    pub schema: String,
    /// Version of the sidecar.
    pub version: String,
    /// Its name.
    pub instance: String,
    /// The moment, UTC.
    pub at: String,
    /// The tightest state of anything: HALTED when the lease has run out, as every gate reads it then.
    pub state: String,
    /// The mode it was configured with.
    pub mode: String,
    /// Since when the state holds, where a cause says so.
    pub since: Option<String>,
    /// How long that is.
    pub age: Option<String>,
    /// Why gates read HALTED whatever the words say; absent when the loop turns.
    pub not_ready: Option<String>,
    /// The duty cycle; absent without a core.
    #[serde(rename = "loop")]
    pub looping: Option<LoopReport>,
    /// One per account.
    pub accounts: Vec<WordReport>,
    /// One per book.
    pub books: Vec<WordReport>,
    /// What is held, and what orders that live may make of it; not all where there are very many.
    #[serde(default)]
    pub positions: Vec<PositionReport>,
    /// One per configured guard.
    pub guards: Vec<GuardReport>,
    /// What holds trading back now, the most severe first.
    pub causes: Vec<CauseReport>,
    /// Attached lanes.
    pub lanes: Vec<LaneReport>,
    /// The newest transitions, oldest first.
    pub transitions: Vec<TransitionReport>,
    /// What became of requests; absent without a core.
    #[serde(default)]
    pub requests: Option<RequestReport>,
    /// One per error-rate breaker.
    #[serde(default)]
    pub breakers: Vec<BreakerReport>,
    /// One per rate bucket.
    #[serde(default)]
    pub buckets: Vec<BucketReport>,
    /// One per venue.
    #[serde(default)]
    pub queues: Vec<QueueReport>,
    /// The newest directives.
    #[serde(default)]
    pub directives: Vec<DirectiveReport>,
    /// The newest orders that left after a halt.
    #[serde(default)]
    pub stragglers: Vec<StragglerReport>,
    /// What the sidecar could not have.
    pub degraded: Vec<String>,
}

/// One change of a scope's state, or of the causes behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitionReport {
    /// Counts from 1.
    pub sequence: u64,
    /// When, UTC.
    pub at: String,
    /// What changed.
    pub scope: String,
    /// The guard that caused it.
    pub guard: String,
    /// The stable name of the reason.
    pub reason: String,
    /// The scope's state before.
    pub old_state: String,
    /// The scope's state after.
    pub new_state: String,
    /// Whether a cause began or latched, rather than ended.
    pub began: bool,
    /// The halt epoch after it.
    pub epoch: u64,
    /// The mark that was being applied, in price units of its instrument; 0 when none was.
    pub mark: i64,
    /// Equity at the time, for drawdown guards.
    pub equity: String,
    /// Peak at the time, for drawdown guards.
    pub peak: String,
    /// Drawdown at the time in basis points, for drawdown guards.
    pub drawdown_bps: u64,
    /// From the start of the loop's turn to the words stored.
    pub decision_ns: u64,
}

/// The duty cycle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoopReport {
    /// Since housekeeping last ran.
    pub last_tick_age_ns: u64,
    /// The lease a gate accepts.
    pub lease_ns: u64,
    /// Turns.
    pub ticks: u64,
    /// Records applied.
    pub records: u64,
    /// Records refused.
    pub rejected: u64,
    /// Orders seen.
    pub orders: u64,
    /// Fills booked.
    pub fills: u64,
    /// Fills recognised as repeats.
    pub duplicate_fills: u64,
    /// Marks seen.
    pub marks: u64,
    /// The halt epoch.
    pub epoch: u64,
    /// The processor it is pinned to.
    pub cpu: Option<u64>,
    /// Whether that is isolated.
    pub isolated: bool,
    /// Whether it spins.
    pub spinning: bool,
    /// Stalls longer than the lease renewal.
    pub stalls: u64,
    /// The longest.
    pub worst_stall_ns: u64,
    /// Process id of the core.
    pub core_pid: u64,
    /// Cores of this sidecar that died and were followed.
    pub restarts: u64,
    /// Whether a standby follows the journal and goes on where the core dies.
    #[serde(default)]
    pub standby: bool,
    /// Entries of the journal that are not archived yet; 0 without an archive.
    pub journal_lag: u64,
    /// How long the oldest of them has been waiting.
    pub journal_lag_age_ns: u64,
    /// When it started, UTC.
    pub started: String,
    /// Lanes it was configured for.
    pub lane_capacity: u64,
    /// Orders announced after a halt by writers that had not seen it.
    pub stragglers: u64,
    /// Orders announced by writers that had seen it. Must stay 0.
    pub violations: u64,
    /// Median of the decision latency, the upper edge of its bucket; absent before the first decision.
    pub decision_p50_ns: Option<u64>,
    /// 99th percentile of the same.
    pub decision_p99_ns: Option<u64>,
}

/// A gate word and the equity behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordReport {
    /// `main`, or `mm1/main` for a book.
    pub name: String,
    /// ACTIVE, REDUCE_ONLY or HALTED.
    pub state: String,
    /// LIVE or PAPER.
    pub mode: String,
    /// The epoch of the word's last tightening.
    pub epoch: u32,
    /// At last good marks.
    pub equity: String,
    /// What the equity is in.
    pub currency: String,
    /// Whether every position has a trusted mark.
    pub trusted: bool,
    /// Orders that live, without those that wait in a queue and those nobody announced.
    #[serde(default)]
    pub open_orders: u64,
}

/// A position that is held, or may be by orders that live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionReport {
    /// `mm1/main`; `HOUSE/main` for what belongs to no strategy.
    pub book: String,
    /// The instrument.
    pub instrument: String,
    /// Signed quantity, a decimal.
    pub qty: String,
    /// What may still fill of buys, a decimal.
    pub buys: String,
    /// What may still fill of sells, a decimal.
    pub sells: String,
}

/// A configured guard and how close it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardReport {
    /// Its name.
    pub name: String,
    /// What it watches.
    pub scope: String,
    /// The reading.
    pub equity: String,
    /// From where it measures.
    pub peak: String,
    /// Drawdown in basis points of the peak.
    pub drawdown_bps: u64,
    /// Limit in basis points.
    pub limit_bps: Option<u64>,
    /// Limit in money.
    pub limit_abs: Option<String>,
    /// Whether it has an anchor.
    pub armed: bool,
    /// Whether it warns.
    pub warning: bool,
    /// Whether its soft cause holds.
    pub soft: bool,
    /// Whether it has latched.
    pub latched: bool,
    /// Latches so far.
    pub trips: u64,
}

/// One cause that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CauseReport {
    /// What it sits on.
    pub scope: String,
    /// The guard that owns it.
    pub guard: String,
    /// The stable name of the reason.
    pub reason: String,
    /// The state it forces.
    pub state: String,
    /// How it goes away: auto, cooldown, session, sticky.
    pub latch: String,
    /// What a reset must name, hexadecimal; absent where no reset applies.
    pub nonce: Option<String>,
    /// Since when, UTC.
    pub since: String,
    /// For how long.
    pub age: String,
    /// What was measured, in the unit of the reason.
    pub measured: String,
    /// What it was held against.
    pub limit: String,
    /// The halt epoch it began with.
    pub epoch: u64,
    /// When its cool-down ends, UTC; absent for other latches.
    #[serde(default)]
    pub until: Option<String>,
    /// How long its cool-down still lasts; absent once it is over.
    #[serde(default)]
    pub left: Option<String>,
}

/// One attached lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneReport {
    /// Its number.
    pub lane: u64,
    /// Its strategy; `operator` for ours.
    pub strategy: String,
    /// Records consumed.
    pub consumed: u64,
    /// Records waiting.
    pub depth: u64,
    /// Whether the client declared events lost.
    pub lost: bool,
    /// Since its last sign of life.
    pub last_beat_age_ns: u64,
    /// Whether the client has seen the present halt epoch.
    pub acknowledged: bool,
    /// The last halt epoch the client echoed.
    #[serde(default)]
    pub echoed_epoch: u64,
}
