//! HOT: one bucket: how it counts, whom it admits, and what the venue has said of it.
//!
//! **Reserve.** A bucket of 5 or more keeps a fifth for exits, cancels and reduce-only orders, and of that a twentieth
//! of the whole, at least one unit, for exits; both are rounded down, and both are taken of what is used of the limit
//! after back-off. A smaller bucket knows only the order of the queue. An exit that costs more than all of a bucket is
//! admitted when nothing else is in it, because no rate may deny an exit.
//!
//! **Never** is said of a cost that the whole limit, nothing used and nothing missing, does not admit.
//!
//! **A refund below the venue's count** would be wrong: what was not sent is not in that count, so where we were not
//! counting more than a header said, somebody else has used what we take back. Of what was charged before a header only
//! the surplus over it is given back; the rest goes on counting, from the refund on, since nobody knows its time. The
//! first header after a start is added to ours, so all of ours is surplus.
//!
//! **When?** What is used never grows and what may be used never shrinks while nothing is charged, so there is one
//! instant from which on a cost is admitted. While the limit grows back both move, and that instant is found by
//! bisection; otherwise it is computed.

use super::Rank;
use super::back_off::BackOff;
use super::fixed_aligned::Aligned;
use super::gcra::Gcra;
use super::log::Log;
use super::sliding_log::Sliding;
use crate::engine::exact::bump;
use crate::engine::limits::{BucketKind, BucketLimits};
#[cfg(feature = "sidecar")]
use crate::engine::snapshot::fit::Fit;
use crate::model::event::FeedbackForm;
use crate::model::{Bps, Nanos};

/// From this limit on something is kept back for what must not wait.
const RESERVES_FROM: u32 = 5;
/// Instants a log remembers at least, so that what is forced into a small bucket can still be refunded, and at most: a
/// bucket that admits more keeps what is older merged.
const INSTANTS: (usize, usize) = (1_024, 65_536);
/// The longest that a refusal closes a bucket. Exits wait behind a closed one, so a time that can only be a mistake must
/// not hold them for ever; a venue that means it refuses again.
pub(super) const LONGEST_CLOSURE: Nanos = Nanos::from_secs(86_400);
/// A header above this says no more than this does: no limit is higher.
const HIGHEST_HEADER: u64 = u32::MAX as u64;

/// The three ways to count.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
enum Count {
    SlidingLog(Log<Sliding>),
    Gcra(Gcra),
    FixedAligned(Log<Aligned>),
}

/// Runs `$body` on whichever count it is: they answer the same questions.
macro_rules! counted {
    ($count:expr, $it:ident => $body:expr) => {
        match $count {
            Count::SlidingLog($it) => $body,
            Count::Gcra($it) => $body,
            Count::FixedAligned($it) => $body,
        }
    };
}

/// Rejects for rate within so long of the first are about the same excess.
const TOGETHER: Nanos = Nanos::from_secs(1);

/// Whether one bucket admits a cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Now,
    Not { before: Nanos },
    Never,
}

#[derive(Clone, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Bucket {
    pub(super) id: u32,
    count: Count,
    /// Units, after the margin.
    limit: u32,
    /// Units the venue speaks of.
    venue_limit: u32,
    /// How long a charge may count, for a refusal that does not say how long it lasts.
    window: Nanos,
    back_off: BackOff,
    closed_until: Nanos,
    /// When a reject that names no bucket last halved it.
    slowed: Option<Nanos>,
    rejects: u64,
    heard: Heard,
}

/// What headers leave to be refunded.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Heard {
    /// A header has replaced the guess.
    is_told: bool,
    /// Nothing charged up to then: a header held as much as we counted.
    sealed: Option<Nanos>,
    /// At most so many units of what was charged up to then: the smallest surplus over a header since it was sealed.
    surplus: Option<(Nanos, u64)>,
}

impl Heard {
    fn note(&mut self, surplus: u64, now: Nanos) {
        if surplus == 0 {
            (self.sealed, self.surplus) = (Some(now), None);
        } else {
            let least = self.surplus.map_or(surplus, |(_, before)| before.min(surplus));
            self.surplus = Some((now, least));
        }
    }

    /// How much of `units` charged at `at` may be given back.
    fn give_back(&mut self, units: u64, at: Nanos) -> u64 {
        if self.sealed.is_some_and(|sealed| at <= sealed) {
            return 0;
        }
        match &mut self.surplus {
            Some((heard, surplus)) if at <= *heard => {
                let given = units.min(*surplus);
                *surplus = surplus.saturating_sub(given);
                given
            }
            _ => units,
        }
    }
}

#[cfg(feature = "sidecar")]
impl Fit for Bucket {
    fn fit(&mut self, fresh: Self) -> bool {
        match (&mut self.count, fresh.count) {
            (Count::SlidingLog(read), Count::SlidingLog(fresh)) => read.fit(fresh),
            (Count::Gcra(read), Count::Gcra(fresh)) => read.fit(fresh),
            (Count::FixedAligned(read), Count::FixedAligned(fresh)) => read.fit(fresh),
            _ => false,
        }
    }
}

impl Bucket {
    pub(super) fn new(limits: &BucketLimits, now: Nanos) -> Self {
        let venue_limit = match limits.kind {
            BucketKind::SlidingLog { limit, .. } | BucketKind::FixedAligned { limit, .. } => limit,
            BucketKind::Gcra { burst, .. } => burst,
        };
        let limit = match limits.kind {
            BucketKind::FixedAligned { margin, .. } => less(venue_limit, margin),
            _ => venue_limit,
        };
        let guess = percent_up(limit, limits.start_pct);
        let capacity = (limit as usize).clamp(INSTANTS.0, INSTANTS.1);
        let (count, window) = match limits.kind {
            BucketKind::SlidingLog { window, .. } => {
                let length = window.after(limits.jitter);
                (Count::SlidingLog(Log::new(Sliding::new(length), capacity, guess, now)), window)
            }
            BucketKind::Gcra { interval, burst } => {
                let gcra = Gcra::new(interval, burst, guess, now);
                let span = gcra.span();
                (Count::Gcra(gcra), span)
            }
            BucketKind::FixedAligned { window, offset, .. } => {
                let aligned = Aligned::new(window, offset, limits.jitter);
                (Count::FixedAligned(Log::new(aligned, capacity, guess, now)), window)
            }
        };
        Self {
            id: limits.id,
            count,
            limit,
            venue_limit,
            window,
            back_off: BackOff::NONE,
            closed_until: Nanos::ZERO,
            slowed: None,
            rejects: 0,
            heard: Heard::default(),
        }
    }

    /// Whether a cost is admitted.
    pub(super) fn ask(&self, cost: u32, rank: Rank, share: Bps, now: Nanos) -> Answer {
        if u64::from(cost) > cap(self.limit, cost, rank) {
            return Answer::Never;
        }
        let before = self.opens(cost, (rank, share), now.max(self.closed_until));
        if before <= now { Answer::Now } else { Answer::Not { before } }
    }

    pub(super) fn charge(&mut self, cost: u32, now: Nanos) {
        counted!(&mut self.count, it => it.charge(u64::from(cost), now));
    }

    /// Takes back what was charged at the instant `at`, if it still counts.
    pub(super) fn refund(&mut self, cost: u32, at: Nanos, now: Nanos) {
        let units = u64::from(cost);
        let taken = counted!(&mut self.count, it => it.refund(units, at, now));
        let given = self.heard.give_back(taken, at);
        counted!(&mut self.count, it => it.charge(taken.saturating_sub(given), now));
    }

    /// What a header says is used.
    pub(super) fn header(&mut self, form: FeedbackForm, value: u64, now: Nanos) {
        let used = self.told(form, value);
        let is_first = !core::mem::replace(&mut self.heard.is_told, true);
        let surplus = counted!(&mut self.count, it => {
            if is_first { it.replace_guess(used, now) } else { it.raise(used, now) }
        });
        self.heard.note(surplus, now);
    }

    /// The venue has refused a request for rate. What it says is used counts where it says anything, but it is no first
    /// word: many refusals come without a count.
    pub(super) fn refuse(&mut self, form: FeedbackForm, value: u64, retry_after: Nanos, now: Nanos) -> Nanos {
        let used = self.told(form, value);
        if used > 0 {
            let surplus = counted!(&mut self.count, it => it.raise(used, now));
            self.heard.note(surplus, now);
        }
        bump(&mut self.rejects);
        self.back_off.halve(now);
        let closed = self.or_window(retry_after).min(LONGEST_CLOSURE);
        self.closed_until = self.closed_until.max(now.after(closed));
        self.closed_until
    }

    /// An order was rejected for rate, and which bucket was too full is not said: what is used of the limit is halved,
    /// once for all that were on their way together, and not where a 429 has closed the bucket.
    pub(super) fn slow(&mut self, now: Nanos) {
        bump(&mut self.rejects);
        let known = self.slowed.is_some_and(|slowed| now.since(slowed) < TOGETHER);
        if !known && self.closed_until <= now {
            self.slowed = Some(now);
            self.back_off.halve(now);
        }
    }

    /// A time the venue gave, or one window where it gave none.
    pub(super) fn or_window(&self, retry_after: Nanos) -> Nanos {
        if retry_after == Nanos::ZERO { self.window } else { retry_after }
    }

    pub(super) fn set_wall(&mut self, utc_ns: i64, now: Nanos) {
        if let Count::FixedAligned(log) = &mut self.count {
            log.window.set_wall(utc_ns, now);
        }
    }

    /// Whether a header that resets then is about a window that is over.
    pub(super) fn is_over(&self, reset_utc_ns: i64, now: Nanos) -> bool {
        matches!(&self.count, Count::FixedAligned(log) if log.window.is_over(reset_utc_ns, now))
    }

    /// Units used, the guess included.
    pub(super) fn used(&self, now: Nanos) -> u64 {
        counted!(&self.count, it => it.used(false, now))
    }

    /// Units that may be used, of the highest rank.
    pub(super) fn limit(&self, now: Nanos) -> u32 {
        self.back_off.of(self.limit, now)
    }

    /// Until when the venue has closed it; zero when it has not.
    pub(super) fn closed_until(&self, now: Nanos) -> Nanos {
        if self.closed_until > now { self.closed_until } else { Nanos::ZERO }
    }

    pub(super) const fn rejects(&self) -> u64 {
        self.rejects
    }

    fn told(&self, form: FeedbackForm, value: u64) -> u64 {
        let used = match form {
            FeedbackForm::Used => value,
            FeedbackForm::Remaining => u64::from(self.venue_limit).saturating_sub(value),
        };
        used.min(HIGHEST_HEADER)
    }

    /// The earliest instant from `from` on at which a cost fits; there is one, or it would never be admitted.
    fn opens(&self, cost: u32, rank: (Rank, Bps), from: Nanos) -> Nanos {
        let first = self.earliest(self.limit(from), cost, rank, from);
        let recovered = self.back_off.until();
        if first == from || recovered <= from {
            return first;
        }
        // It does not fit at `early`, and does at `late`, when the whole limit is back.
        let (mut early, mut late) = (from, self.earliest(self.limit, cost, rank, recovered));
        while late.since(early) > Nanos(1) {
            let middle = early.after(Nanos(late.since(early).0 / 2));
            if self.earliest(self.limit(middle), cost, rank, middle) == middle {
                late = middle;
            } else {
                early = middle;
            }
        }
        late
    }

    /// The earliest instant from `from` on at which a cost fits into `limit`.
    fn earliest(&self, limit: u32, cost: u32, (rank, share): (Rank, Bps), from: Nanos) -> Nanos {
        let is_exempt = rank <= Rank::Cancel;
        let cap = narrowed(cap(limit, cost, rank), limit, cost, rank, share);
        counted!(&self.count, it => it.earliest(u64::from(cost), cap, is_exempt, from))
    }
}

/// What a rank may use of a limit.
fn cap(limit: u32, cost: u32, rank: Rank) -> u64 {
    let kept_back = match rank {
        _ if limit < RESERVES_FROM => 0,
        Rank::Exit => 0,
        Rank::Cancel | Rank::Reduce => (limit / 20).max(1),
        Rank::Modify | Rank::New => limit / 5,
    };
    let cap = limit.saturating_sub(kept_back);
    u64::from(if rank == Rank::Exit { cap.max(cost) } else { cap })
}

/// A cap of which only a share of the limit may be used, by what adds risk; one that is alone always may.
fn narrowed(cap: u64, limit: u32, cost: u32, rank: Rank, share: Bps) -> u64 {
    if rank < Rank::Modify || share >= Bps::WHOLE {
        return cap;
    }
    // Below 2^32 * 2^14.
    let part = u64::from(limit).saturating_mul(u64::from(share.0)).checked_div(u64::from(Bps::WHOLE.0));
    cap.min(part.unwrap_or(0).max(u64::from(cost)))
}

/// `limit` less the margin, rounded down; one unit is left, or nothing could ever pass.
fn less(limit: u32, margin: Bps) -> u32 {
    let share = u64::from(Bps::WHOLE.0.saturating_sub(margin.0));
    // Below 2^32 * 2^14, and the quotient is at most the limit.
    let left = u64::from(limit).saturating_mul(share).checked_div(u64::from(Bps::WHOLE.0));
    left.and_then(|left| u32::try_from(left).ok()).unwrap_or(limit).max(1)
}

/// So many percent of `limit`, rounded up.
fn percent_up(limit: u32, percent: u8) -> u32 {
    // Below 2^32 * 2^8, and the quotient is at most the limit for percents up to 100.
    let part = u64::from(limit).saturating_mul(u64::from(percent)).div_ceil(100);
    u32::try_from(part).unwrap_or(limit).min(limit)
}
