//! HOT: stub of the rate buckets.

use super::limits::Limits;
use crate::model::Nanos;
use crate::model::event::{Event, OrderAction};
use crate::model::scope::{AccountId, BookId, InstrumentId};
use crate::wire::stats::BucketRow;

/// Order in which waiting requests are served; the smaller first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    /// Not before `until`, because of `bucket` (an index): the last of the times of its buckets.
    Wait { bucket: u16, until: Nanos },
    /// It costs more than a bucket ever admits.
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

#[derive(Debug)]
pub(super) struct Buckets;

impl Buckets {
    pub(super) fn new(_limits: &Limits, _now: Nanos) -> Self {
        Self
    }

    /// Whether all buckets of a charge admit it in this rank.
    pub(super) fn ask(&self, _charge: Charge, _rank: Rank, _now: Nanos) -> Admission {
        Admission::Now
    }

    /// Charges every bucket, whether they admit it or not: what is sent is sent.
    pub(super) fn charge(&mut self, _charge: Charge, _now: Nanos) {}

    /// Takes back what was charged at `at`.
    pub(super) fn refund(&mut self, _charge: Charge, _at: Nanos, _now: Nanos) {}

    /// RATE_FEEDBACK from a strategy on `account`.
    pub(super) fn feedback(&mut self, _account: AccountId, _event: &Event, _now: Nanos) -> Feedback {
        Feedback::Unknown
    }

    /// Until when the venue of a charge has banned us; `None` when it has not.
    pub(super) fn banned(&self, _charge: Charge, _now: Nanos) -> Option<Nanos> {
        None
    }

    /// What the wall clock says.
    pub(super) fn wall(&mut self, _utc_ns: i64, _now: Nanos) {}

    pub(super) fn rows(&self, _now: Nanos) -> impl Iterator<Item = BucketRow> + '_ {
        core::iter::empty()
    }
}
