//! HOT: rate buckets: how much may be sent to a venue, counted as the venue counts.
//!
//! **Measures** units charged within a bucket's window; each action has a cost in each bucket it belongs to: those of
//! its venue, account, strategy and book, and that of its instrument on the account. A request is admitted by all of
//! its buckets or by none of them. **Admits** at `used + cost <= cap`, where the cap is the limit less margin, back-off
//! and what is kept back for more urgent ranks; see [`bucket`]. **Windows** are half-open, and longer than the venue's by
//! what its clock and the network may be off:
//!
//! | Kind | Counts | Module |
//! |---|---|---|
//! | SLIDING_LOG | the last window + jitter, exactly | [`sliding_log`] |
//! | FIXED_ALIGNED | the window of the wall clock, near a boundary both | [`fixed_aligned`] |
//! | GCRA | credits that come back one by one | [`gcra`] |
//!
//! **Charged** when it is released to be sent, whether it was admitted or not: what is sent is sent, and an order that
//! only passed a gate counts like any other. **Refunded** only what was not sent, from the instant it was charged at.
//!
//! **First start.** Nobody knows what was sent before, so `start_pct` of the limit is taken for used until it would have
//! left the window. Exits and cancels do not see this guess. The first header replaces it: header + all we have charged
//! since the start that still counts, none of which need have been in the venue's count. **Later headers**:
//! used := max(ours, header), the difference charged when it arrives. A header whose reset time says that it is about a
//! window which has just ended changes nothing, or a late answer would fill the new one.
//!
//! **429** closes the bucket for every rank until the venue's retry-after (one window where it gives none; never sooner
//! than a previous one said; a day at most) and halves the limit; see [`back_off`]. **418** bans the venue of the account it came from:
//! everything but exits waits until it ends, since sending prolongs it. Exits are only asked of the buckets then.
//!
//! **An order rejected for rate** (class RATE) names no bucket and no time: those of its charge that the venue counts
//! are halved like after a 429, once a second at most, and not closed; those of a strategy or a book are our own and stay.
//!
//! Does not catch: what others send from the same address or account, until a header tells.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod back_off;
mod bucket;
mod fixed_aligned;
mod gcra;
mod log;
mod membership;
mod sliding_log;
#[cfg(test)]
pub(super) mod tests;

pub(super) use membership::{BucketSet, Membership};

use bucket::{Answer, Bucket, LONGEST_CLOSURE};

use super::limits::Limits;
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, is_as_long};
use crate::model::event::{Event, OrderAction};
use crate::model::scope::{AccountId, BookId, InstrumentId};
use crate::model::{Bps, Nanos};
use crate::wire::stats::BucketRow;

/// The status of a request refused for rate.
const TOO_MANY_REQUESTS: u16 = 429;
/// The status by which venues say that they refuse everything from here for a while.
const BANNED: u16 = 418;

/// Order in which waiting requests are served; the smaller first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub(super) enum Rank {
    Exit = 0,
    Cancel = 1,
    Reduce = 2,
    Modify = 3,
    New = 4,
}

/// What is to be charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Charge {
    pub(super) book: BookId,
    pub(super) instrument: Option<InstrumentId>,
    pub(super) action: OrderAction,
}

/// Whether a charge fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// In every bucket.
    Now,
    /// Not before `until`, because of `bucket` (an index): the last of the times of its buckets. Exact: at `until`, and
    /// not earlier, it is admitted unless something happens first.
    Wait { bucket: u16, until: Nanos },
    /// It costs more than a bucket ever admits. Never said of an exit.
    Never { bucket: u16 },
}

/// What a venue's rate header changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feedback {
    /// Usage is what it is now.
    Noted,
    /// Rejected for rate: the bucket is closed until then.
    Limited { until: Nanos },
    /// The venue has banned us: everything at it is closed until then.
    Banned { until: Nanos },
    /// No such bucket, or not one of this account.
    Unknown,
}

/// A venue that takes nothing from us.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Ban {
    until: Nanos,
    /// The bucket it was reported with.
    bucket: u16,
}

/// All buckets, in the order of the limits.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Buckets {
    #[cfg_attr(feature = "sidecar", serde(skip))]
    membership: Membership,
    buckets: Vec<Bucket>,
    /// One per venue.
    bans: Vec<Ban>,
}

#[cfg(feature = "sidecar")]
impl Fit for Buckets {
    fn fit(&mut self, fresh: Self) -> bool {
        self.membership = fresh.membership;
        is_as_long(&self.bans, &fresh.bans) && self.buckets.fit(fresh.buckets)
    }
}

impl Buckets {
    pub(super) fn new(limits: &Limits, now: Nanos) -> Self {
        Self {
            membership: Membership::new(limits),
            buckets: limits.buckets.iter().map(|bucket| Bucket::new(bucket, now)).collect(),
            bans: vec![Ban::default(); limits.venues.len()],
        }
    }

    /// Which buckets each charge belongs to.
    pub(super) const fn membership(&self) -> &Membership {
        &self.membership
    }

    /// Whether all buckets of a charge admit it in this rank.
    pub(super) fn ask(&self, charge: Charge, rank: Rank, now: Nanos) -> Admission {
        self.ask_within(charge, rank, Bps::WHOLE, now)
    }

    /// The same where orders and modifications may use only a share of each limit.
    pub(super) fn ask_within(&self, charge: Charge, rank: Rank, share: Bps, now: Nanos) -> Admission {
        let ban = self.bans[self.membership.venue_of(charge)];
        let mut admission = if ban.until > now && rank != Rank::Exit {
            Admission::Wait { bucket: ban.bucket, until: ban.until }
        } else {
            Admission::Now
        };
        for index in self.membership.of(charge).iter() {
            let cost = self.membership.cost(index, charge.action);
            let bucket = index as u16;
            match (self.buckets[index].ask(cost, rank, share, now), admission) {
                (Answer::Now, _) => {}
                (Answer::Never, _) => return Admission::Never { bucket },
                (Answer::Not { before }, Admission::Wait { until, .. }) if before <= until => {}
                (Answer::Not { before }, _) => admission = Admission::Wait { bucket, until: before },
            }
        }
        admission
    }

    /// Charges every bucket, whether they admit it or not: what is sent is sent.
    pub(super) fn charge(&mut self, charge: Charge, now: Nanos) {
        for index in self.membership.of(charge).iter() {
            let cost = self.membership.cost(index, charge.action);
            self.buckets[index].charge(cost, now);
        }
    }

    /// Takes back what was charged at `at`.
    pub(super) fn refund(&mut self, charge: Charge, at: Nanos, now: Nanos) {
        for index in self.membership.of(charge).iter() {
            let cost = self.membership.cost(index, charge.action);
            self.buckets[index].refund(cost, at, now);
        }
    }

    /// RATE_FEEDBACK from a strategy on `account`.
    pub(super) fn feedback(&mut self, account: AccountId, event: &Event, now: Nanos) -> Feedback {
        let Event::RateFeedback { bucket: id, http, form, value, reset_utc_ns, retry_after, .. } = *event
        else {
            return Feedback::Unknown;
        };
        let found = self.buckets.iter().position(|bucket| bucket.id == id);
        let Some(index) = found.filter(|&index| self.membership.charges(index, account)) else {
            return Feedback::Unknown;
        };
        let bucket = &mut self.buckets[index];
        let retry_after = Nanos(retry_after);
        match http {
            TOO_MANY_REQUESTS => Feedback::Limited { until: bucket.refuse(form, value, retry_after, now) },
            BANNED => {
                let ban = &mut self.bans[self.membership.venue(account)];
                let until = now.after(bucket.or_window(retry_after).min(LONGEST_CLOSURE));
                if until > ban.until {
                    *ban = Ban { until, bucket: index as u16 };
                }
                Feedback::Banned { until: ban.until }
            }
            _ => {
                if !bucket.is_over(reset_utc_ns, now) {
                    bucket.header(form, value, now);
                }
                Feedback::Noted
            }
        }
    }

    /// What was charged so was rejected for rate, and nothing says by which bucket: those the venue counts, its own and
    /// the account's, back off.
    pub(super) fn slow(&mut self, charge: Charge, now: Nanos) {
        for index in self.membership.of(charge).without(self.membership.ours()).iter() {
            self.buckets[index].slow(now);
        }
    }

    /// Until when the venue of a charge takes nothing from us; `None` when it does.
    pub(super) fn banned(&self, charge: Charge, now: Nanos) -> Option<Nanos> {
        let until = self.bans[self.membership.venue_of(charge)].until;
        (until > now).then_some(until)
    }

    /// An operator has ended the ban of an account's venue.
    pub(super) fn lift_ban(&mut self, account: AccountId) {
        self.bans[self.membership.venue(account)].until = Nanos::ZERO;
    }

    /// What the wall clock says.
    pub(super) fn wall(&mut self, utc_ns: i64, now: Nanos) {
        for bucket in &mut self.buckets {
            bucket.set_wall(utc_ns, now);
        }
    }

    pub(super) fn rows(&self, now: Nanos) -> impl Iterator<Item = BucketRow> + '_ {
        self.buckets.iter().map(move |bucket| BucketRow {
            id: u64::from(bucket.id),
            used: bucket.used(now),
            limit: u64::from(bucket.limit(now)),
            closed_until: bucket.closed_until(now),
            rejects: bucket.rejects(),
        })
    }
}
