//! COLD: what the report says of orders: requests, breakers, buckets, queues, directives, and orders after a halt.

use serde::{Deserialize, Serialize};

use super::build::{Moment, scope_name};
use crate::control::clock;
use crate::control::scopes;
use crate::engine::Limits;
use crate::engine::limits::BreakerLimits;
use crate::model::event::DirectiveStatus;
use crate::model::verdict::DirectiveKind;
use crate::model::{Nanos, Reason, Scope};
use crate::wire::stats::{BreakerRow, BucketRow, DirectiveRow, LoopRow, QueueRow, StragglerRow};

/// What became of requests since the core started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestReport {
    /// Requests for a verdict.
    pub requests: u64,
    /// Those that may be sent, at once or released later.
    pub passed: u64,
    /// Those denied.
    pub denied: u64,
    /// Those that waited.
    pub queued: u64,
    /// Those that waited and were dropped.
    pub dropped: u64,
    /// Those permitted and not sent after all.
    pub not_sent: u64,
    /// Orders that no venue answered in time.
    pub timeouts: u64,
    /// Rejects whose code no map knows.
    pub unmapped_rejects: u64,
    /// Orders with an id that was seen before.
    pub duplicate_orders: u64,
    /// Directives issued.
    pub directives: u64,
    /// Directives nobody carried out in time.
    pub failed_directives: u64,
}

/// One error-rate breaker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerReport {
    /// The account or book.
    pub scope: String,
    /// CLOSED, OPEN, HALF_OPEN, FORCED_OPEN or METRICS_ONLY.
    pub state: String,
    /// Whether it gates: open, half open or forced.
    pub open: bool,
    /// Whether it is closed and close to opening: the share of errors, or those in a row, near its limit.
    pub near: bool,
    /// When its cool-down ends, UTC; absent when it is closed, or waits for a reset.
    pub until: Option<String>,
    /// How long that still is; absent once it is over.
    pub left: Option<String>,
    /// Advanced each time it closes.
    pub generation: u64,
    /// Openings so far.
    pub openings: u64,
    /// Outcomes counted in this generation.
    pub outcomes: u64,
    /// Errors counted in this generation.
    pub errors: u64,
    /// Errors in a row now.
    pub consecutive: u64,
    /// The tolerated share of errors in basis points.
    pub limit_bps: u64,
}

/// One rate bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketReport {
    /// The number it has in RATE_FEEDBACK.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Units used now.
    pub used: u64,
    /// Units it admits now.
    pub limit: u64,
    /// For how long the venue has closed it; absent when it is open.
    pub closed_ns: Option<u64>,
    /// Rejects for rate so far.
    pub rejects: u64,
}

/// The queue of one venue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueReport {
    /// The venue.
    pub venue: String,
    /// Requests waiting.
    pub depth: u64,
    /// Requests that may wait.
    pub capacity: u64,
    /// Since the oldest was queued; absent when none waits.
    pub oldest_age_ns: Option<u64>,
    /// Waiting exits.
    pub exits: u64,
    /// Waiting cancels.
    pub cancels: u64,
    /// Requests dropped so far.
    pub dropped: u64,
}

/// One directive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectiveReport {
    /// Its id.
    pub id: u64,
    /// CANCEL, CANCEL_INCREASING, CANCEL_ALL, FLATTEN, REVOKE.
    pub kind: String,
    /// What it is about.
    pub scope: String,
    /// Why.
    pub reason: String,
    /// The halt epoch it belongs to.
    pub epoch: u64,
    /// The strategy that has it; absent when nobody does.
    pub strategy: Option<String>,
    /// RECEIVED, WORKING, DONE, FAILED, REFUSED or EXPIRED; absent while nothing was heard.
    pub status: Option<String>,
    /// `pending`, `done` or `failed`.
    pub outcome: String,
    /// What is left, as the executor said, in quantity units.
    pub remaining: i64,
    /// When it was issued, UTC.
    pub at: String,
    /// How long ago.
    pub age: String,
    /// How often it was handed out.
    pub attempts: u64,
}

/// An order that left after the halt of its scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StragglerReport {
    /// Counts from 1.
    pub sequence: u64,
    /// The client's id of the order.
    pub order: u64,
    /// Its book.
    pub book: String,
    /// Its instrument.
    pub instrument: String,
    /// When it was announced, UTC.
    pub at: String,
    /// The epoch it should have obeyed.
    pub epoch: u64,
    /// How long after the halt it was announced.
    pub late_ns: u64,
    /// Whether its writer had seen the halt, or had no permission left. Must stay false.
    pub violation: bool,
}

impl RequestReport {
    pub(super) const fn of(row: &LoopRow) -> Self {
        Self {
            requests: row.requests,
            passed: row.passed,
            denied: row.denied,
            queued: row.queued,
            dropped: row.dropped,
            not_sent: row.not_sent,
            timeouts: row.timeouts,
            unmapped_rejects: row.unmapped_rejects,
            duplicate_orders: row.duplicate_orders,
            directives: row.directives,
            failed_directives: row.failed_directives,
        }
    }
}

impl BreakerReport {
    pub(super) fn of(row: &BreakerRow, limits: &Limits, moment: Moment) -> Option<Self> {
        let breaker = match row.scope? {
            Scope::Account(account) => limits.accounts.get(usize::from(account))?.breaker?,
            Scope::Book(book) => limits.books.get(usize::from(book))?.breaker?,
            _ => return None,
        };
        let cools = row.open && row.until > Nanos::ZERO;
        let left = Some(row.until.since(moment.now)).filter(|left| cools && *left > Nanos::ZERO);
        Some(Self {
            scope: scope_name(limits, row.scope),
            state: row.state.as_str().to_owned(),
            open: row.open,
            near: !row.open && is_near(row, &breaker),
            until: cools.then(|| moment.utc_ahead(row.until)),
            left: left.map(clock::age_text),
            generation: row.generation,
            openings: row.openings,
            outcomes: row.outcomes,
            errors: row.errors,
            consecutive: row.consecutive,
            limit_bps: u64::from(breaker.limit.0),
        })
    }
}

/// Half the errors in a row that open it, or four fifths of the tolerated share. A hint for people; the engine judges
/// by windows this side does not see.
fn is_near(row: &BreakerRow, breaker: &BreakerLimits) -> bool {
    let row_limit = u64::from(breaker.consecutive);
    let in_a_row = row_limit > 0 && row.consecutive > 0 && row.consecutive.saturating_mul(2) >= row_limit;
    let share =
        u128::from(row.errors) * 10_000 * 5 >= u128::from(row.outcomes) * u128::from(breaker.limit.0) * 4;
    in_a_row || (row.errors > 0 && row.outcomes >= u64::from(breaker.smallest_window) && share)
}

impl BucketReport {
    pub(super) fn of(row: &BucketRow, limits: &Limits, moment: Moment) -> Option<Self> {
        let bucket = limits.buckets.iter().find(|bucket| u64::from(bucket.id) == row.id)?;
        let closed = row.closed_until.since(moment.now);
        Some(Self {
            id: row.id,
            name: bucket.name.to_string(),
            used: row.used,
            limit: row.limit,
            closed_ns: (closed > Nanos::ZERO).then_some(closed.0),
            rejects: row.rejects,
        })
    }
}

impl QueueReport {
    pub(super) fn of(row: &QueueRow, limits: &Limits, moment: Moment) -> Option<Self> {
        let venue = limits.venues.get(usize::try_from(row.venue).ok()?)?;
        Some(Self {
            venue: venue.name.to_string(),
            depth: row.depth,
            capacity: row.capacity,
            oldest_age_ns: (row.oldest > Nanos::ZERO).then(|| moment.now.since(row.oldest).0),
            exits: row.exits,
            cancels: row.cancels,
            dropped: row.dropped,
        })
    }
}

impl DirectiveReport {
    pub(super) fn of(row: &DirectiveRow, limits: &Limits, moment: Moment) -> Self {
        let status = u32::try_from(row.status).ok().and_then(DirectiveStatus::from_raw);
        let strategy = u16::try_from(row.strategy).ok();
        let kind = u8::try_from(row.kind).ok().and_then(DirectiveKind::from_u8);
        Self {
            id: row.id,
            kind: kind.map_or_else(|| format!("#{}", row.kind), |kind| kind_name(kind).to_owned()),
            scope: scope_name(limits, row.scope),
            reason: row.reason.map_or("UNKNOWN", Reason::as_str).to_owned(),
            epoch: row.epoch,
            strategy: strategy
                .map(|index| scopes::strategy_name(limits, index).unwrap_or("unknown").to_owned()),
            status: status.map(|status| status_name(status).to_owned()),
            outcome: outcome(status).to_owned(),
            remaining: row.remaining,
            at: moment.utc(row.at),
            age: clock::age_text(moment.now.since(row.at)),
            attempts: row.attempts,
        }
    }
}

/// The names of docs/events.md.
const fn kind_name(kind: DirectiveKind) -> &'static str {
    match kind {
        DirectiveKind::Cancel => "CANCEL",
        DirectiveKind::CancelIncreasing => "CANCEL_INCREASING",
        DirectiveKind::CancelAll => "CANCEL_ALL",
        DirectiveKind::Flatten => "FLATTEN",
        DirectiveKind::Mode => "MODE",
        DirectiveKind::Signals => "SIGNALS",
        DirectiveKind::Scale => "SCALE",
        DirectiveKind::Snapshot => "SNAPSHOT",
        DirectiveKind::Revoke => "REVOKE",
        DirectiveKind::Resize => "RESIZE",
        DirectiveKind::State => "STATE",
    }
}

const fn status_name(status: DirectiveStatus) -> &'static str {
    match status {
        DirectiveStatus::Received => "RECEIVED",
        DirectiveStatus::Working => "WORKING",
        DirectiveStatus::Done => "DONE",
        DirectiveStatus::Failed => "FAILED",
        DirectiveStatus::Refused => "REFUSED",
        DirectiveStatus::Expired => "EXPIRED",
    }
}

const fn outcome(status: Option<DirectiveStatus>) -> &'static str {
    match status {
        None | Some(DirectiveStatus::Received | DirectiveStatus::Working) => "pending",
        Some(DirectiveStatus::Done) => "done",
        Some(DirectiveStatus::Failed | DirectiveStatus::Refused | DirectiveStatus::Expired) => "failed",
    }
}

impl StragglerReport {
    pub(super) fn of(row: &StragglerRow, limits: &Limits, moment: Moment) -> Self {
        let book = u16::try_from(row.book).ok().and_then(|book| scopes::book_name(limits, book));
        let instrument = usize::try_from(row.instrument).ok().and_then(|index| limits.instruments.get(index));
        Self {
            sequence: row.sequence,
            order: row.order,
            book: book.unwrap_or_else(|| format!("#{}", row.book)),
            instrument: instrument
                .map_or_else(|| format!("#{}", row.instrument), |instrument| instrument.name.to_string()),
            at: moment.utc(row.at),
            epoch: row.epoch,
            late_ns: row.late.0,
            violation: row.violation,
        }
    }
}
