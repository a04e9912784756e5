//! HOT: the queue in front of a venue: requests that their buckets do not admit yet.
//!
//! **Order.** Strict priority over ranks: exits, cancels, reduce-only orders, modifications, new orders. Inside a rank
//! the books take turns: one that was served goes behind the others, one that could not be served keeps its turn. Inside
//! a book of a rank first come, first served, without overtaking.
//!
//! **Who may pass whom.** A request that waits keeps all of its buckets for itself, also those that have room: otherwise
//! cheap requests could use up, one by one, what a dear one waits for. It keeps them against every lower rank, and when
//! its turn has come also against the books behind it. So a cancel never waits behind a new order. Who shares no bucket
//! with it passes.
//!
//! **Room** for a fixed number of requests. When it is used up the venue's drop mode says what gives way: the newcomer
//! (reject_new, halt), the oldest of its rank (drop_oldest), or the youngest of the lowest rank if that is below the
//! newcomer's (drop_lowest). An exit or a cancel is not turned away by what matters less: it takes the place of the
//! youngest of the lowest rank below its own, whatever the mode. Nothing else ever costs an exit or a cancel its place.
//!
//! **Too long.** New orders, reduce-only orders and modifications expire at the age (`>=`) of their time to live; exits
//! and cancels never do.
//!
//! ```text
//! rank ── turns ─> book ── line ─> request ─> request      served from the front of each
//!                  book ── line ─> request
//! rank ── ages ──> request ─> request ─> request           oldest and youngest, over all books
//! ```
//! Everything is a list through one table of slots, so entering and leaving cost the same however many wait. Serving
//! walks at most the books that have something waiting; only [`Queue::take`] looks at every request.
//!
//! Does not catch: a cost that a bucket never admits. It must not be queued, or it keeps its buckets until it expires.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod lists;
#[cfg(test)]
mod tests;

use lists::{Link, List, after, before};

use super::exact::bump;
use super::lanes::Place;
use super::limits::{DropMode, Limits, VenueLimits};
use super::rate_limit::{Admission, BucketSet, Buckets, Charge, Membership, Rank};
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, into_room, is_as_long, with_blanks};
#[cfg(feature = "sidecar")]
use super::snapshot::form;
use crate::model::{Event, Message, Nanos};
use crate::wire::stats::QueueRow;

const RANKS: [Rank; 5] = [Rank::Exit, Rank::Cancel, Rank::Reduce, Rank::Modify, Rank::New];

/// A request that waits.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
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

/// How far a walk over the queue has got.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    lane: usize,
    next: Option<u32>,
    begun: bool,
}

/// What became of a request that has to wait.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::large_enum_variant, reason = "a box would be an allocation")]
pub(super) enum Pushed {
    /// It waits.
    Queued,
    /// It waits in the place of this one, which is dropped.
    Evicted(Waiting),
    /// There is no room for it.
    Full,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Slot {
    waiting: Waiting,
    buckets: BucketSet,
    /// Grows with each request queued: tells which of two came first when their clocks agree.
    sequence: u64,
}

/// What waits in one rank.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Lane {
    ttl: Nanos,
    depth: u32,
    /// Books with something waiting, the next to be served first.
    turns: List,
    turn_links: Vec<Link>,
    /// Of each book its requests, oldest first.
    lines: Vec<List>,
    /// All requests, oldest first.
    ages: List,
    /// How many wait for each bucket, and for which any does.
    #[cfg_attr(feature = "sidecar", serde(with = "form::array"))]
    wanted: [u32; Limits::MAX_BUCKETS],
    buckets: BucketSet,
}

/// What a look over the heads of all lines finds.
#[derive(Clone, Copy, Debug)]
struct Look {
    /// The request that may go now.
    ready: Option<u32>,
    /// Where none may: when the first may.
    opens: Nanos,
}

#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Queue {
    capacity: u32,
    drop_mode: DropMode,
    #[cfg_attr(feature = "sidecar", serde(skip))]
    membership: Membership,
    slots: Vec<Slot>,
    free: Vec<u32>,
    lanes: [Lane; 5],
    #[cfg_attr(feature = "sidecar", serde(serialize_with = "form::trimmed"))]
    line_links: Vec<Link>,
    #[cfg_attr(feature = "sidecar", serde(serialize_with = "form::trimmed"))]
    age_links: Vec<Link>,
    depth: u32,
    pushed: u64,
    dropped: u64,
}

#[cfg(feature = "sidecar")]
impl Fit for Lane {
    fn fit(&mut self, fresh: Self) -> bool {
        self.ttl = fresh.ttl;
        is_as_long(&self.turn_links, &fresh.turn_links) && is_as_long(&self.lines, &fresh.lines)
    }
}

#[cfg(feature = "sidecar")]
impl Fit for Queue {
    fn fit(&mut self, fresh: Self) -> bool {
        (self.capacity, self.drop_mode, self.membership) =
            (fresh.capacity, fresh.drop_mode, fresh.membership);
        into_room(&mut self.slots, fresh.slots)
            && into_room(&mut self.free, fresh.free)
            && self.lanes.iter_mut().zip(fresh.lanes).all(|(read, fresh)| read.fit(fresh))
            && with_blanks(&mut self.line_links, fresh.line_links)
            && with_blanks(&mut self.age_links, fresh.age_links)
    }
}

#[cfg(feature = "sidecar")]
impl Queue {
    /// Whether everything that waits is of a book there is, and listed only where it waits.
    pub(super) fn points_inside(&self, limits: &Limits) -> bool {
        let (slots, books) = (self.slots.len(), limits.books.len());
        let listed = |lane: &Lane| {
            lane.turns.points_inside(books)
                && lane.ages.points_inside(slots)
                && lane.turn_links.iter().all(|link| link.points_inside(books))
                && lane.lines.iter().all(|line| line.points_inside(slots))
        };
        let waits = |Slot { waiting: Waiting { place, charge, .. }, .. }: &Slot| {
            place.exists(limits)
                && usize::from(charge.book) < books
                && charge.instrument.is_none_or(|index| usize::from(index) < limits.instruments.len())
        };
        self.lanes.iter().all(listed)
            && self.slots.iter().all(waits)
            && self.free.iter().all(|&slot| (slot as usize) < slots)
            && self.line_links.iter().chain(&self.age_links).all(|link| link.points_inside(slots))
    }
}

impl Queue {
    /// A queue for requests of `books` books, whose charges belong to buckets as `membership` says.
    pub(super) fn new(limits: &VenueLimits, books: usize, membership: Membership) -> Self {
        let capacity = limits.queue_capacity as usize;
        let lane = |rank: Rank| Lane {
            ttl: match rank {
                Rank::Exit | Rank::Cancel => Nanos::NEVER,
                Rank::Reduce => limits.ttl_reduce,
                Rank::Modify => limits.ttl_modify,
                Rank::New => limits.ttl_new,
            },
            depth: 0,
            turns: List::EMPTY,
            turn_links: vec![Link::FREE; books],
            lines: vec![List::EMPTY; books],
            ages: List::EMPTY,
            wanted: [0; Limits::MAX_BUCKETS],
            buckets: BucketSet::EMPTY,
        };
        Self {
            capacity: limits.queue_capacity,
            drop_mode: limits.drop_mode,
            membership,
            slots: Vec::with_capacity(capacity),
            free: Vec::with_capacity(capacity),
            lanes: RANKS.map(lane),
            line_links: vec![Link::FREE; capacity],
            age_links: vec![Link::FREE; capacity],
            depth: 0,
            pushed: 0,
            dropped: 0,
        }
    }

    pub(super) const fn depth(&self) -> u32 {
        self.depth
    }

    /// Whether a new request has to wait behind others: one of its rank or above waits for one of its buckets.
    pub(super) fn is_behind(&self, charge: Charge, rank: Rank, buckets: &Buckets) -> bool {
        if self.depth == 0 {
            return false;
        }
        let own = buckets.membership().of(charge);
        self.lanes.iter().take((rank as usize).saturating_add(1)).any(|lane| lane.buckets.meets(own))
    }

    pub(super) fn push(&mut self, waiting: Waiting) -> Pushed {
        if self.depth < self.capacity {
            self.enter(waiting);
            return Pushed::Queued;
        }
        let Some(gives_way) = self.gives_way(waiting.rank) else {
            bump(&mut self.dropped);
            return Pushed::Full;
        };
        let evicted = self.drop_slot(gives_way);
        self.enter(waiting);
        Pushed::Evicted(evicted)
    }

    /// Takes out the next request that its buckets admit: strict priority, round-robin over books, FIFO within each.
    pub(super) fn pop(&mut self, buckets: &Buckets, now: Nanos) -> Option<Waiting> {
        let slot = self.look(buckets, now).ready?;
        let Waiting { rank, charge, .. } = self.slots[slot as usize].waiting;
        let served = self.leave(slot);
        let lane = &mut self.lanes[rank as usize];
        let book = u32::from(charge.book);
        if !lane.lines[book as usize].is_empty() {
            lane.turns.remove(&mut lane.turn_links, book);
            lane.turns.push(&mut lane.turn_links, book);
        }
        Some(served)
    }

    /// Takes out one request that has waited longer than it may.
    pub(super) fn expired(&mut self, now: Nanos) -> Option<Waiting> {
        let slots = &self.slots;
        let mut mortal = self.lanes.iter().filter(|lane| lane.ttl < Nanos::NEVER);
        let slot = mortal.find_map(|lane| {
            lane.ages.first().filter(|&oldest| expiry(lane, &slots[oldest as usize]) <= now)
        })?;
        Some(self.drop_slot(slot))
    }

    /// Takes out one request that `which` picks, oldest first.
    pub(super) fn take(&mut self, mut which: impl FnMut(&Waiting) -> bool) -> Option<Waiting> {
        let mut heads = [None; RANKS.len()];
        for (head, lane) in heads.iter_mut().zip(&self.lanes) {
            *head = lane.ages.first();
        }
        loop {
            let slots = &self.slots;
            let age = |slot: u32| (slots[slot as usize].waiting.since, slots[slot as usize].sequence);
            let head = heads.iter_mut().filter(|head| head.is_some()).min_by_key(|head| head.map(age))?;
            let slot = (*head)?;
            if which(&slots[slot as usize].waiting) {
                return Some(self.drop_slot(slot));
            }
            *head = after(&self.age_links, slot);
        }
    }

    /// As [`Queue::take`], rank by rank, from where the last call with this cursor stopped. Nothing else may change the
    /// queue in between.
    pub(super) fn take_onwards(
        &mut self,
        cursor: &mut Cursor,
        mut which: impl FnMut(&Waiting) -> bool,
    ) -> Option<Waiting> {
        while let Some(lane) = self.lanes.get(cursor.lane) {
            let slot = if cursor.begun { cursor.next } else { lane.ages.first() };
            cursor.begun = slot.is_some();
            let Some(slot) = slot else {
                cursor.lane = cursor.lane.saturating_add(1);
                continue;
            };
            cursor.next = after(&self.age_links, slot);
            if which(&self.slots[slot as usize].waiting) {
                return Some(self.drop_slot(slot));
            }
        }
        None
    }

    /// When to look again: something may be admitted or expires, after `now`. [`Nanos::NEVER`] when nothing waits.
    pub(super) fn next(&self, buckets: &Buckets, now: Nanos) -> Nanos {
        let look = self.look(buckets, now);
        let opens = if look.ready.is_some() { now } else { look.opens };
        let expires = self.lanes.iter().filter_map(|lane| {
            let oldest = lane.ages.first()?;
            Some(expiry(lane, &self.slots[oldest as usize]))
        });
        // Whoever asks before everything admitted or expired is out must not be called back at once, for ever.
        expires.fold(opens, Nanos::min).max(now.after(Nanos(1)))
    }

    pub(super) fn row(&self, venue: u16) -> QueueRow {
        let oldest = self.lanes.iter().filter_map(|lane| lane.ages.first());
        let oldest = oldest.map(|slot| self.slots[slot as usize].waiting.since).min();
        QueueRow {
            venue: u64::from(venue),
            depth: u64::from(self.depth),
            capacity: u64::from(self.capacity),
            oldest: oldest.unwrap_or_default(),
            exits: u64::from(self.lanes[Rank::Exit as usize].depth),
            cancels: u64::from(self.lanes[Rank::Cancel as usize].depth),
            dropped: self.dropped,
        }
    }

    /// Looks at the heads of all lines, most urgent first, until one may go.
    fn look(&self, buckets: &Buckets, now: Nanos) -> Look {
        let mut kept = BucketSet::EMPTY;
        let mut opens = Nanos::NEVER;
        for lane in self.lanes.iter().filter(|lane| lane.depth > 0) {
            for book in lane.turns.iter(&lane.turn_links) {
                let Some(head) = lane.lines[book as usize].first() else { continue };
                let slot = &self.slots[head as usize];
                if !kept.meets(slot.buckets) {
                    match buckets.ask(slot.waiting.charge, slot.waiting.rank, now) {
                        Admission::Now => return Look { ready: Some(head), opens: now },
                        Admission::Wait { until, .. } => opens = opens.min(until),
                        Admission::Never { .. } => {}
                    }
                }
                kept = kept.with(slot.buckets);
            }
            kept = kept.with(lane.buckets);
        }
        Look { ready: None, opens }
    }

    /// What gives way to a newcomer of this rank in a full queue; `None`: the newcomer.
    fn gives_way(&self, rank: Rank) -> Option<u32> {
        if rank <= Rank::Cancel {
            return self.youngest_below(rank);
        }
        match self.drop_mode {
            DropMode::RejectNew | DropMode::Halt => None,
            DropMode::DropOldest => self.lanes[rank as usize].ages.first(),
            DropMode::DropLowest => self.youngest_below(rank),
        }
    }

    /// The youngest of the lowest rank that has any, if that is below `rank`.
    fn youngest_below(&self, rank: Rank) -> Option<u32> {
        self.lanes.iter().skip((rank as usize).saturating_add(1)).rev().find_map(|lane| lane.ages.last())
    }

    fn enter(&mut self, waiting: Waiting) {
        self.pushed = self.pushed.saturating_add(1);
        let row = Slot { waiting, buckets: self.membership.of(waiting.charge), sequence: self.pushed };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = row;
                slot
            }
            None => {
                self.slots.push(row);
                // The capacity is a u32, and this is below it.
                self.slots.len().saturating_sub(1) as u32
            }
        };
        self.depth = self.depth.saturating_add(1);
        let lane = &mut self.lanes[waiting.rank as usize];
        lane.depth = lane.depth.saturating_add(1);
        let book = u32::from(waiting.charge.book);
        let line = &mut lane.lines[book as usize];
        if line.is_empty() {
            lane.turns.push(&mut lane.turn_links, book);
        }
        line.push(&mut self.line_links, slot);
        // One that keeps an earlier time than those before it has its place among them.
        let mut place = lane.ages.last();
        while let Some(younger) = place.filter(|&at| self.slots[at as usize].waiting.since > waiting.since) {
            place = before(&self.age_links, younger);
        }
        lane.ages.insert_after(&mut self.age_links, place, slot);
        for bucket in row.buckets.iter() {
            lane.wanted[bucket] = lane.wanted[bucket].saturating_add(1);
        }
        lane.buckets = lane.buckets.with(row.buckets);
    }

    fn drop_slot(&mut self, slot: u32) -> Waiting {
        bump(&mut self.dropped);
        self.leave(slot)
    }

    fn leave(&mut self, slot: u32) -> Waiting {
        let Slot { waiting, buckets, .. } = self.slots[slot as usize];
        self.depth = self.depth.saturating_sub(1);
        let lane = &mut self.lanes[waiting.rank as usize];
        lane.depth = lane.depth.saturating_sub(1);
        let book = u32::from(waiting.charge.book);
        let line = &mut lane.lines[book as usize];
        line.remove(&mut self.line_links, slot);
        if line.is_empty() {
            lane.turns.remove(&mut lane.turn_links, book);
        }
        lane.ages.remove(&mut self.age_links, slot);
        for bucket in buckets.iter() {
            lane.wanted[bucket] = lane.wanted[bucket].saturating_sub(1);
            if lane.wanted[bucket] == 0 {
                lane.buckets = lane.buckets.without(BucketSet::one(bucket));
            }
        }
        self.free.push(slot);
        waiting
    }
}

/// When a request of a lane has waited too long.
fn expiry(lane: &Lane, slot: &Slot) -> Nanos {
    slot.waiting.since.after(lane.ttl)
}
