//! Rows of the stats page: what the loop knows, as words that any reader can copy out.
//!
//! The core writes all rows in housekeeping under one sequence lock; readers copy the page and decode. Rows name
//! scopes and guards by number; names are in the directory page and in the limits. An `i128` takes two words.

use crate::model::{HaltWord, Latch, Money, Nanos, Reason, Scope, TradingState};

/// A value that occupies whole words of a row.
pub trait Cell: Sized {
    /// Words it takes.
    const WORDS: usize;
    /// Reads it from exactly [`Cell::WORDS`] words.
    fn read(words: &[u64]) -> Self;
    /// Writes it to exactly [`Cell::WORDS`] words.
    fn write(self, words: &mut [u64]);
}

impl Cell for u64 {
    const WORDS: usize = 1;
    fn read(words: &[u64]) -> Self {
        words[0]
    }
    fn write(self, words: &mut [u64]) {
        words[0] = self;
    }
}

impl Cell for i64 {
    const WORDS: usize = 1;
    fn read(words: &[u64]) -> Self {
        words[0] as Self
    }
    fn write(self, words: &mut [u64]) {
        words[0] = self as u64;
    }
}

impl Cell for Nanos {
    const WORDS: usize = 1;
    fn read(words: &[u64]) -> Self {
        Self(words[0])
    }
    fn write(self, words: &mut [u64]) {
        words[0] = self.0;
    }
}

impl Cell for Money {
    const WORDS: usize = 2;
    fn read(words: &[u64]) -> Self {
        Self((u128::from(words[1]) << 64 | u128::from(words[0])) as i128)
    }
    fn write(self, words: &mut [u64]) {
        words[0] = self.0 as u64;
        words[1] = (self.0 >> 64) as u64;
    }
}

impl Cell for HaltWord {
    const WORDS: usize = 1;
    fn read(words: &[u64]) -> Self {
        Self::from_raw(words[0])
    }
    fn write(self, words: &mut [u64]) {
        words[0] = self.to_raw();
    }
}

/// Cells of one word, by two functions.
macro_rules! packed {
    ($($ty:ty: $from:path, $to:path;)+) => { $(
        impl Cell for $ty {
            const WORDS: usize = 1;
            fn read(words: &[u64]) -> Self {
                $from(words[0])
            }
            fn write(self, words: &mut [u64]) {
                words[0] = $to(self);
            }
        }
    )+ };
}
packed! {
    bool: to_bool, u64::from;
    Option<Scope>: Scope::from_raw, from_scope;
    Option<Reason>: to_reason, from_reason;
    TradingState: to_state, from_state;
    Option<Latch>: to_latch, from_latch;
}

const fn to_bool(raw: u64) -> bool {
    raw != 0
}

fn from_scope(scope: Option<Scope>) -> u64 {
    scope.map_or(u64::MAX, Scope::to_raw)
}

fn to_reason(raw: u64) -> Option<Reason> {
    u16::try_from(raw).ok().and_then(Reason::from_u16)
}

fn from_reason(reason: Option<Reason>) -> u64 {
    reason.map_or(0, |reason| reason as u64)
}

fn to_state(raw: u64) -> TradingState {
    TradingState::from_u8(raw as u8).unwrap_or_default()
}

const fn from_state(state: TradingState) -> u64 {
    state as u64
}

const fn to_latch(raw: u64) -> Option<Latch> {
    Latch::from_u8(raw as u8)
}

fn from_latch(latch: Option<Latch>) -> u64 {
    latch.map_or(0xff, |latch| latch as u64)
}

/// A row: a fixed number of words.
pub trait Row: Sized {
    /// Words it takes.
    const WORDS: usize;
    /// Decodes exactly [`Row::WORDS`] words.
    fn from_words(words: &[u64]) -> Self;
    /// Encodes into exactly [`Row::WORDS`] words.
    fn to_words(&self, words: &mut [u64]);
}

macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $ty:ty,)+ })+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
        pub struct $name { $($(#[$field_doc])* pub $field: $ty,)+ }

        impl Row for $name {
            const WORDS: usize = 0 $(+ <$ty as Cell>::WORDS)+;
            fn from_words(words: &[u64]) -> Self {
                let mut rest = words;
                $(let $field = {
                    let (head, tail) = rest.split_at(<$ty as Cell>::WORDS);
                    rest = tail;
                    <$ty as Cell>::read(head)
                };)+
                debug_assert!(rest.is_empty());
                Self { $($field,)+ }
            }
            fn to_words(&self, words: &mut [u64]) {
                let mut rest = words;
                $({
                    let (head, tail) = rest.split_at_mut(<$ty as Cell>::WORDS);
                    self.$field.write(head);
                    rest = tail;
                })+
                debug_assert!(rest.is_empty());
            }
        }
    )+ };
}

mod orders;

pub use orders::{BreakerRow, BreakerState, BucketRow, DirectiveRow, PositionRow, QueueRow, StragglerRow};

rows! {
    /// Counters of the duty cycle. Times are CLOCK_MONOTONIC unless named UTC.
    LoopRow {
        /// Turns so far.
        ticks: u64,
        /// When housekeeping last ran.
        last_tick: Nanos,
        /// Records applied: events, timers, commands, liveness.
        records: u64,
        /// Lane records that were refused.
        rejected: u64,
        /// Transitions committed.
        transitions: u64,
        /// The current halt epoch.
        epoch: u64,
        /// Lanes attached now.
        lanes: u64,
        /// Stalls of the loop longer than the lease renewal.
        stalls: u64,
        /// The longest stall.
        worst_stall: Nanos,
        /// The lease a gate accepts.
        lease: Nanos,
        /// Degraded marks, see [`Degraded`].
        degraded: u64,
        /// Process id of the core.
        core_pid: u64,
        /// When the core started.
        started: Nanos,
        /// When the core started, UTC.
        started_utc_ns: u64,
        /// The processor the loop is pinned to; all ones when it is not pinned.
        cpu: u64,
        /// Whether that processor is isolated.
        isolated: bool,
        /// Whether the idle strategy spins.
        spinning: bool,
        /// Orders seen.
        orders: u64,
        /// Fills booked.
        fills: u64,
        /// Fills recognised as repeats and not booked.
        duplicate_fills: u64,
        /// Marks seen.
        marks: u64,
        /// Marks ignored: not from the source, or absent.
        ignored_marks: u64,
        /// Events of kinds this version does not act on.
        unhandled: u64,
        /// Orders announced after a halt of their scope by a writer that had not seen it.
        stragglers: u64,
        /// Orders announced by a writer that had seen the halt.
        violations: u64,
        /// Requests for a verdict.
        requests: u64,
        /// Requests that may be sent.
        passed: u64,
        /// Requests denied.
        denied: u64,
        /// Requests that waited.
        queued: u64,
        /// Requests that waited and were dropped.
        dropped: u64,
        /// Permitted requests that were not sent.
        not_sent: u64,
        /// Orders that no venue answered in time.
        timeouts: u64,
        /// Rejects whose code no map knows.
        unmapped_rejects: u64,
        /// Orders with an id that was seen before.
        duplicate_orders: u64,
        /// Directives issued.
        directives: u64,
        /// Directives nobody carried out in time.
        failed_directives: u64,
        /// Cores that died before this one and were followed.
        restarts: u64,
        /// Entries of the journal that are not archived yet; 0 without an archive.
        journal_lag: u64,
        /// How long the oldest of them has been waiting.
        journal_lag_age: Nanos,
    }

    /// One account.
    AccountRow {
        /// Index of the account.
        account: u64,
        /// Its gate word.
        word: HaltWord,
        /// Equity at last good marks.
        equity: Money,
        /// Whether every position is valued by a trusted mark.
        trusted: bool,
    }

    /// One book.
    BookRow {
        /// Index of the book.
        book: u64,
        /// Its gate word, folding strategy, book and positions.
        word: HaltWord,
        /// Equity at last good marks.
        equity: Money,
        /// Realised profit.
        realised: Money,
        /// Unrealised profit.
        unrealised: Money,
        /// Fees paid.
        fees: Money,
        /// Whether every position is valued by a trusted mark.
        trusted: bool,
        /// Orders that live, without those that wait in a queue and those nobody announced.
        open_orders: u64,
    }

    /// One configured guard and how close it is.
    GuardRow {
        /// Guard number.
        guard: u64,
        /// What it watches.
        scope: Option<Scope>,
        /// The reading.
        equity: Money,
        /// What the reading is measured from.
        peak: Money,
        /// Drawdown in basis points of the peak, 0 when above it.
        drawdown_bps: u64,
        /// Limit in basis points, 0 when absolute only.
        limit_bps: u64,
        /// Absolute limit, 0 when in percent only.
        limit_abs: Money,
        /// Whether it has an anchor.
        armed: bool,
        /// Whether it warns.
        warning: bool,
        /// Whether its soft cause holds.
        soft: bool,
        /// Whether it has latched.
        latched: bool,
        /// Latches so far.
        trips: u64,
    }

    /// One cause that holds now.
    CauseRow {
        /// What it sits on.
        scope: Option<Scope>,
        /// The guard that owns it.
        guard: u64,
        /// Why.
        reason: Option<Reason>,
        /// The state it forces.
        state: TradingState,
        /// How it goes away.
        latch: Option<Latch>,
        /// What a reset must name.
        nonce: u64,
        /// Since when, engine time.
        since: Nanos,
        /// Measured value at the trip; units by reason, money in 1e-6.
        measured: i64,
        /// The limit it was held against.
        limit: i64,
        /// The halt epoch it began with.
        epoch: u64,
        /// When its cool-down ends, engine time; 0 for the other classes.
        until: Nanos,
    }

    /// One attached lane.
    LaneRow {
        /// Lane number.
        lane: u64,
        /// Its strategy; all ones for the operator's lane.
        strategy: u64,
        /// Counts the clients this lane number has served.
        generation: u64,
        /// Records consumed.
        consumed: u64,
        /// Records waiting at the last look.
        depth: u64,
        /// Whether the client declared events lost.
        lost: bool,
        /// When the client last gave a sign of life.
        last_beat: Nanos,
        /// The last halt epoch the client echoed.
        echoed_epoch: u64,
    }

    /// One transition, the newest [`TRANSITIONS_KEPT`] of which stay readable.
    TransitionRow {
        /// Counts from 1.
        sequence: u64,
        /// When, engine time.
        at: Nanos,
        /// When, UTC.
        at_utc_ns: u64,
        /// What changed.
        scope: Option<Scope>,
        /// The guard that caused it.
        guard: u64,
        /// Why.
        reason: Option<Reason>,
        /// State before, of the scope.
        old_state: TradingState,
        /// State after, of the scope.
        new_state: TradingState,
        /// Whether a cause began (or latched), rather than ended.
        began: bool,
        /// The halt epoch after it.
        epoch: u64,
        /// What a reset must name.
        nonce: u64,
        /// How the cause goes away.
        latch: Option<Latch>,
        /// Measured value; units by reason, money in 1e-6.
        measured: i64,
        /// The limit it was held against.
        limit: i64,
        /// Equity at the time, for drawdown guards.
        equity: Money,
        /// Peak at the time, for drawdown guards.
        peak: Money,
        /// Drawdown at the time in basis points, for drawdown guards.
        drawdown_bps: u64,
        /// The mark that was being applied, 0 when none was.
        mark: i64,
        /// From the start of the turn to the word stored.
        decision: Nanos,
    }
}

/// Transitions a reader can still see; older ones are in the log.
pub const TRANSITIONS_KEPT: usize = 256;
/// Causes the page has room for; more are counted in the header.
pub const CAUSES_KEPT: usize = 1024;
/// Rate buckets the page has room for.
pub const BUCKETS_KEPT: usize = 64;
/// Venues the page has room for.
pub const VENUES_KEPT: usize = 16;
/// Positions the page has room for.
pub const POSITIONS_KEPT: usize = 64;
/// Directives the page has room for, the newest.
pub const DIRECTIVES_KEPT: usize = 64;
/// Stragglers and violations the page has room for, the newest.
pub const STRAGGLERS_KEPT: usize = 64;
/// Buckets of the decision latency histogram, see [`bucket_of`].
pub const LATENCY_BUCKETS: usize = 256;

bitflags::bitflags! {
    /// What this sidecar could not have; each is a mark in `status`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Degraded: u64 {
        /// Memory could not be locked.
        const MLOCK = 1 << 0;
        /// The loop could not be pinned.
        const PIN = 1 << 1;
        /// The processor is not isolated.
        const NOT_ISOLATED = 1 << 2;
        /// The lease was lengthened after the stall probe.
        const LEASE_LENGTHENED = 1 << 3;
        /// The kernel has no SO_PEERPIDFD; liveness rests on hang-up and heartbeat.
        const NO_PEER_PIDFD = 1 << 4;
        /// The kernel's clock source makes every clock reading a system call.
        const SLOW_CLOCK = 1 << 5;
    }
}

/// The bucket of a latency: eight to a power of two, exact below 16 ns, so at most 12.5 % wide.
#[must_use]
pub const fn bucket_of(nanos: u64) -> usize {
    if nanos < 16 {
        return nanos as usize;
    }
    let power = 63 - nanos.leading_zeros();
    let step = (nanos >> (power - 3)) & 7;
    let bucket = (power as usize - 2) * 8 + step as usize;
    if bucket < LATENCY_BUCKETS { bucket } else { LATENCY_BUCKETS - 1 }
}

/// The smallest latency of a bucket, in nanoseconds.
#[must_use]
pub const fn bucket_floor(bucket: usize) -> u64 {
    if bucket < 16 {
        return bucket as u64;
    }
    let power = bucket / 8 + 2;
    (8 + (bucket % 8) as u64) << (power - 3)
}

/// Everything the page says, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Counters of the loop.
    pub looping: LoopRow,
    /// One per account.
    pub accounts: Vec<AccountRow>,
    /// One per book.
    pub books: Vec<BookRow>,
    /// One per configured guard.
    pub guards: Vec<GuardRow>,
    /// Those that hold.
    pub causes: Vec<CauseRow>,
    /// Those attached.
    pub lanes: Vec<LaneRow>,
    /// The newest, oldest first.
    pub transitions: Vec<TransitionRow>,
    /// Decision latency: observations per bucket.
    pub latency: Vec<u64>,
    /// One per book and account that has one.
    pub breakers: Vec<BreakerRow>,
    /// One per bucket.
    pub buckets: Vec<BucketRow>,
    /// One per venue.
    pub queues: Vec<QueueRow>,
    /// The newest.
    pub directives: Vec<DirectiveRow>,
    /// The newest.
    pub stragglers: Vec<StragglerRow>,
    /// Not all where there are very many.
    pub positions: Vec<PositionRow>,
    /// Whether a standby follows the journal, as the keeper sees it.
    pub standby: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_survive_their_words() {
        let row = TransitionRow {
            sequence: 1,
            scope: Some(Scope::Instrument(1, 2)),
            reason: Some(Reason::Drawdown),
            new_state: TradingState::Halted,
            old_state: TradingState::Active,
            began: true,
            latch: Some(Latch::Sticky),
            equity: Money(-5),
            peak: Money(i128::MAX),
            mark: -1,
            ..TransitionRow::default()
        };
        let mut words = vec![0; TransitionRow::WORDS];
        row.to_words(&mut words);
        assert_eq!(TransitionRow::from_words(&words), row);
    }

    #[test]
    fn buckets_are_contiguous_and_narrow() {
        for bucket in 0..LATENCY_BUCKETS - 1 {
            let (floor, next) = (bucket_floor(bucket), bucket_floor(bucket + 1));
            assert_eq!(bucket_of(floor), bucket);
            assert_eq!(bucket_of(next - 1), bucket, "below {next}");
            assert!(next - floor <= 1.max(floor / 8));
        }
        assert_eq!(bucket_of(u64::MAX), LATENCY_BUCKETS - 1);
    }
}
