//! HOT: stub of the queue in front of a venue.

use super::lanes::Place;
use super::limits::VenueLimits;
use super::rate_limit::{Buckets, Charge, Rank};
use crate::model::{Event, Message, Nanos};
use crate::wire::stats::QueueRow;

/// A request that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) place: Place,
    pub(super) message: Message,
    pub(super) rest: Option<Event>,
    pub(super) rank: Rank,
    pub(super) charge: Charge,
    /// The client's id of the order it is about.
    pub(super) order: u64,
    pub(super) since: Nanos,
}

/// What became of a request that has to wait.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pushed {
    /// It waits.
    Queued,
    /// It waits in the place of this one, which is dropped.
    Evicted(Waiting),
    /// There is no room for it.
    Full,
}

#[derive(Debug)]
pub(super) struct Queue;

impl Queue {
    pub(super) fn new(_limits: &VenueLimits, _books: usize) -> Self {
        Self
    }

    pub(super) fn depth(&self) -> u32 {
        0
    }

    /// Whether a new request has to wait behind others: one of its rank or above waits for one of its buckets.
    pub(super) fn is_behind(&self, _charge: Charge, _rank: Rank, _buckets: &Buckets) -> bool {
        false
    }

    pub(super) fn push(&mut self, _waiting: Waiting) -> Pushed {
        Pushed::Full
    }

    /// Takes out the next request that its buckets admit: strict priority, round-robin over books, FIFO within each.
    pub(super) fn pop(&mut self, _buckets: &Buckets, _now: Nanos) -> Option<Waiting> {
        None
    }

    /// Takes out one request that has waited longer than it may.
    pub(super) fn expired(&mut self, _now: Nanos) -> Option<Waiting> {
        None
    }

    /// Takes out one request that `which` picks, oldest first.
    pub(super) fn take(&mut self, _which: impl FnMut(&Waiting) -> bool) -> Option<Waiting> {
        None
    }

    /// When to look again: something may be admitted or expires. [`Nanos::NEVER`] when nothing waits.
    pub(super) fn next(&self, _buckets: &Buckets, _now: Nanos) -> Nanos {
        Nanos::NEVER
    }

    pub(super) fn row(&self, venue: u16) -> QueueRow {
        QueueRow { venue: u64::from(venue), ..QueueRow::default() }
    }
}
