//! HOT: the limits of orders: breakers, rate buckets, queues, directives, and the codes venues reject with.

use crate::model::event::RejectClass;
use crate::model::scope::{AccountId, BookId, InstrumentId, StrategyId};
use crate::model::{Bps, Name, Nanos};

/// Index of a venue in the limits, from 0.
pub type VenueId = u16;

/// The order error-rate breaker of a book or an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct BreakerLimits {
    /// How a window of outcomes is judged.
    pub rule: BreakerRule,
    /// The tolerated share of errors.
    pub limit: Bps,
    /// Consecutive errors that open it whatever the windows say; 0 is off.
    pub consecutive: u16,
    /// How long it stays open the first time; doubles with each opening within 24 h.
    pub cooldown: Nanos,
    /// Where the doubling ends.
    pub cooldown_cap: Nanos,
    /// Outcomes below which no window counts.
    pub smallest_window: u16,
    /// How it tries again when a person lets it; `None` closes it at once.
    pub half_open: Option<HalfOpenLimits>,
    /// It counts, judges and tells, and gates nothing.
    pub metrics_only: bool,
}

/// How an open breaker tries whether orders go through again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct HalfOpenLimits {
    /// New orders that may be tried; all of them acknowledged close it. At least 1.
    pub probes: u8,
    /// Without that after so long it opens again.
    pub max_wait: Nanos,
}

impl Default for HalfOpenLimits {
    fn default() -> Self {
        Self { probes: 3, max_wait: Nanos::from_secs(60) }
    }
}

impl BreakerLimits {
    /// The largest window of outcomes that a rule may look at.
    pub const MAX_WINDOW: u16 = 400;

    /// Why the breaker could never open, or that it looks at more than it remembers.
    pub(super) fn check(&self) -> Result<(), String> {
        let window = match self.rule {
            BreakerRule::Significant => Self::MAX_WINDOW,
            BreakerRule::Literal { window, min } => {
                require!(
                    min >= 1 && min <= window && window <= Self::MAX_WINDOW,
                    "a breaker's window or minimum"
                );
                window
            }
        };
        require!((1..=window).contains(&self.smallest_window), "a breaker's windows are all too small");
        require!(self.limit < Bps::WHOLE, "a breaker tolerates every error");
        require!(
            self.cooldown.0 > 0 && self.cooldown <= self.cooldown_cap,
            "a breaker's cool-down or its cap"
        );
        let tries = self.half_open.is_none_or(|half| half.probes > 0 && half.max_wait.0 > 0);
        require!(tries, "a half-open breaker without probes or without time for them");
        Ok(())
    }
}

/// How a window of outcomes is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub enum BreakerRule {
    /// Errors that are unlikely (below 1e-3) while the true rate is the limit, in any window.
    Significant,
    /// `errors * 10_000 > total * limit` over the last `window` outcomes, from `min` outcomes on.
    Literal {
        /// Outcomes looked at: at most 400.
        window: u16,
        /// Outcomes needed.
        min: u16,
    },
}

impl Default for BreakerLimits {
    fn default() -> Self {
        Self {
            rule: BreakerRule::Significant,
            limit: Bps(500),
            consecutive: 10,
            cooldown: Nanos::from_secs(900),
            cooldown_cap: Nanos::from_secs(3_600),
            smallest_window: 10,
            half_open: None,
            metrics_only: false,
        }
    }
}

/// So many within so long trip. Times are exact, not bucketed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct CountLimits {
    /// How many trip: 1–32.
    pub count: u8,
    /// Within how long.
    pub window: Nanos,
    /// What is directed beside the halt when it trips.
    pub actions: Actions,
    /// What is directed when it trips again within 24 h, whether the halt still holds or was reset.
    pub repeated: Actions,
}

/// Reject codes of a venue and the classes they mean, ascending by code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct VenueCodes(Vec<(i32, RejectClass)>);

impl VenueCodes {
    /// A map from pairs in any order; of two rows for one code the last counts.
    #[must_use]
    pub fn new(mut rows: Vec<(i32, RejectClass)>) -> Self {
        rows.reverse();
        rows.sort_by_key(|&(code, _)| code);
        rows.dedup_by_key(|&mut (code, _)| code);
        Self(rows)
    }

    /// What the venue means by `code`; `None` where the map does not say.
    #[must_use]
    pub fn class_of(&self, code: i32) -> Option<RejectClass> {
        let found = self.0.binary_search_by_key(&code, |&(code, _)| code).ok()?;
        self.0.get(found).map(|&(_, class)| class)
    }
}

/// When the same order again and again is a defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct DuplicateLimits {
    /// The how-manieth equal order within the window is denied.
    pub deny: u8,
    /// The how-manieth, denied ones counted, trips: at most 32.
    pub trip: u8,
    /// How long an order counts.
    pub window: Nanos,
    /// How long the cause lasts.
    pub cooldown: Nanos,
}

impl Default for DuplicateLimits {
    fn default() -> Self {
        Self { deny: 5, trip: 20, window: Nanos::from_secs(1), cooldown: Nanos::from_secs(900) }
    }
}

/// One venue and the queue in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct VenueLimits {
    /// What accounts call it.
    pub name: Name,
    /// Requests that may wait.
    pub queue_capacity: u32,
    /// What gives way when it is full.
    pub drop_mode: DropMode,
    /// How long a new order may wait.
    pub ttl_new: Nanos,
    /// How long a reduce-only order may wait.
    pub ttl_reduce: Nanos,
    /// How long a modify may wait.
    pub ttl_modify: Nanos,
    /// How long the queue must stay at most half full before backpressure ends.
    pub recover_for: Nanos,
}

impl VenueLimits {
    /// The most requests that may wait: a full queue can be answered in one turn, which must stay well within a lease.
    pub const MAX_WAITING: u32 = 4_096;

    /// A venue with the defaults.
    #[must_use]
    pub const fn new(name: Name) -> Self {
        Self {
            name,
            queue_capacity: 1_024,
            drop_mode: DropMode::RejectNew,
            ttl_new: Nanos::from_millis(250),
            ttl_reduce: Nanos::from_millis(250),
            ttl_modify: Nanos::from_millis(100),
            recover_for: Nanos::from_secs(5),
        }
    }
}

/// What gives way when a queue is full. An exit never does, a cancel only to an exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub enum DropMode {
    /// The newcomer.
    RejectNew,
    /// The oldest of the newcomer's lane.
    DropOldest,
    /// The youngest of the lowest lane, if that is below the newcomer's.
    DropLowest,
    /// The newcomer, and new orders are halted until the queue has drained.
    Halt,
}

/// One rate bucket of a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct BucketLimits {
    /// The number strategies name it by in RATE_FEEDBACK; unique, not 0.
    pub id: u32,
    /// Unique among buckets.
    pub name: Name,
    /// Whose actions are charged to it.
    pub scope: BucketScope,
    /// How it counts.
    pub kind: BucketKind,
    /// What an action costs; 0 is free.
    pub costs: ActionCosts,
    /// Clock error and network jitter the venue's count may differ by.
    pub jitter: Nanos,
    /// Percent of the limit taken for used at the start, when nobody knows what was sent before: 0–100.
    pub start_pct: u8,
}

/// Whose actions a bucket counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub enum BucketScope {
    /// Every account at the venue: its limit by address.
    Venue(VenueId),
    /// Every strategy on the account.
    Account(AccountId),
    /// One strategy on all its accounts.
    Strategy(StrategyId),
    /// One strategy on one account.
    Book(BookId),
    /// One instrument on one account.
    Instrument(AccountId, InstrumentId),
}

/// How a bucket counts. Windows are half-open: (now − W, now].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub enum BucketKind {
    /// At most `limit` in any window, jitter added to its length.
    SlidingLog {
        /// Units per window: 1 to [`BucketKind::MAX_UNITS`].
        limit: u32,
        /// Length.
        window: Nanos,
    },
    /// One unit per `interval`, at most `burst` at once.
    Gcra {
        /// Time one unit takes to come back: at most [`BucketKind::MAX_INTERVAL`].
        interval: Nanos,
        /// Units at once: 1 to [`BucketKind::MAX_UNITS`].
        burst: u32,
    },
    /// At most `limit`, less the margin, in each window of the wall clock.
    FixedAligned {
        /// Units per window.
        limit: u32,
        /// Length; windows start at multiples of it since the Unix epoch, plus `offset`.
        window: Nanos,
        /// Shift of the boundaries.
        offset: Nanos,
        /// Share of the limit that is not used.
        margin: Bps,
    },
}

impl BucketKind {
    /// The highest limit of a sliding log and the largest burst: each unit may need an entry of its own.
    pub const MAX_UNITS: u32 = 65_536;
    /// The longest interval: a day. The time of a largest burst then still fits 63 bits.
    pub const MAX_INTERVAL: Nanos = Nanos::from_secs(86_400);
}

/// Cost of each action in a bucket's units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct ActionCosts {
    /// A new order.
    pub new: u16,
    /// A modification.
    pub modify: u16,
    /// A cancel.
    pub cancel: u16,
}

impl Default for ActionCosts {
    fn default() -> Self {
        Self { new: 1, modify: 1, cancel: 1 }
    }
}

/// How directives are followed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct DirectiveLimits {
    /// An executor silent about a directive for longer loses it to the next.
    pub ack_timeout: Nanos,
    /// How often one directive is handed out at most.
    pub attempts: u8,
    /// After this long a directive is void.
    pub timeout: Nanos,
}

impl Default for DirectiveLimits {
    fn default() -> Self {
        Self { ack_timeout: Nanos::from_millis(500), attempts: 4, timeout: Nanos::from_secs(60) }
    }
}

bitflags::bitflags! {
    /// What a guard directs beside the halt when it latches.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
    pub struct Actions: u8 {
        /// Cancel the orders whose fill could increase or flip a position. Stop-losses stay.
        const CANCEL_INCREASING = 1 << 0;
        /// Cancel every order. Only with FLATTEN.
        const CANCEL_ALL = 1 << 1;
        /// Close every position.
        const FLATTEN = 1 << 2;
    }
}

impl Actions {
    /// Whether they would take the protection of positions that stay open.
    #[must_use]
    pub const fn strips(self) -> bool {
        self.contains(Self::CANCEL_ALL) && !self.contains(Self::FLATTEN)
    }
}
