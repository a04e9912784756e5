//! A ring between one producer and one consumer. Each slot fills a cache line and says itself whether it is published.
//!
//! ```text
//!   position p lives in slot p % capacity; its stamp, word 0, is p + 1 once it is published.
//!   positions start at `capacity`, and slot i starts with stamp i + 1: "published one round ago".
//!
//!   stamp == p + 1             published: take it
//!   stamp == p + 1 - capacity  empty: the round before
//!   anything else              not ours: wiped, punched, or a producer gone wild
//! ```
//! One store publishes a record: the stamp's, with release, after all other words. Dying before it leaves the stamp of
//! the round before, which reads as empty. The producer waits for nobody and overwrites nothing: until the consumer
//! has published a position beyond a slot, that slot is taken, and a push into a taken slot fails.
//!
//! Where a side stands is its own variable, in memory of its own. What the other side wrote is a claim, and each load
//! checks it.

use std::sync::Arc;

use super::segment::Segment;
use crate::sync::{AtomicU64, Ordering};
use crate::wire::layout::SLOTS_AT;
use crate::wire::record::{RECORD_BYTES, Words};

/// The order of the store that publishes a record, SYNC(slot-published).
const COMMIT: Ordering = match cfg!(tripline_mutant = "relaxed_stamp") {
    false => Ordering::Release,
    // Relaxed: a defect, to see that the model of this ring notices.
    true => Ordering::Relaxed,
};

/// The slots of one ring.
#[derive(Clone, Debug)]
pub struct Slots {
    segment: Arc<Segment>,
    capacity: u64,
}

/// The producing end.
#[derive(Debug)]
pub struct Producer {
    slots: Slots,
    next: u64,
    /// The consumer's position at the last look: may be stale, which only makes the ring look fuller.
    consumed: u64,
}

/// The consuming end.
#[derive(Debug)]
pub struct Consumer {
    slots: Slots,
    next: u64,
}

/// The ring has no free slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// What the consumer finds at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Nothing yet.
    Empty,
    /// A private copy of a published record.
    Record(Words),
    /// A stamp that no producer of this ring can have stored.
    Corrupt {
        /// The stamp found.
        stamp: u64,
    },
}

impl Slots {
    /// The slots of a ring segment; `capacity` is a power of two the segment was sized for.
    #[must_use]
    pub fn new(segment: Arc<Segment>, capacity: u32) -> Self {
        assert!(capacity.is_power_of_two(), "a ring's capacity is a power of two");
        Self { segment, capacity: u64::from(capacity) }
    }

    /// Writes the first stamps. Done once by whoever makes the segment, before anyone else maps it.
    pub fn format(&self) {
        for slot in 0..self.capacity {
            // Relaxed: the descriptor is sent afterwards, and the socket orders it.
            self.slot(slot)[0].store(slot.wrapping_add(1), Ordering::Relaxed);
        }
    }

    #[inline]
    fn slot(&self, position: u64) -> &[AtomicU64; 8] {
        let slot = (position & (self.capacity.wrapping_sub(1))) as usize;
        self.segment.line(SLOTS_AT.wrapping_add(slot.wrapping_mul(RECORD_BYTES)))
    }

    fn published(position: u64) -> u64 {
        position.wrapping_add(1)
    }

    /// The first position of every ring.
    #[must_use]
    pub fn first_position(&self) -> u64 {
        self.capacity
    }

    /// Slots.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.capacity
    }
}

impl Producer {
    /// The producing end of a freshly formatted ring.
    #[must_use]
    pub fn new(slots: Slots) -> Self {
        let first = slots.first_position();
        Self { slots, next: first, consumed: first }
    }

    /// The producing end of a ring in use, for a producer that was restarted: goes on behind the last record that
    /// was published after `consumed`.
    #[must_use]
    pub fn resume(slots: Slots, consumed: u64) -> Self {
        let mut next = consumed.max(slots.first_position());
        while next.wrapping_sub(consumed) < slots.capacity
            // SYNC(slot-published): the records behind these stamps are the consumer's to read, not ours.
            && slots.slot(next)[0].load(Ordering::Acquire) == Slots::published(next)
        {
            next = next.wrapping_add(1);
        }
        Self { slots, next, consumed }
    }

    /// The producing end of a ring that only a producer can write, for one that was restarted: goes on behind the newest
    /// stamp. Until the consumer's position is looked at no slot counts as free.
    #[must_use]
    pub fn recover(slots: Slots) -> Self {
        let first = slots.first_position();
        // SYNC(slot-published): as in `resume`.
        let stamps = (0..slots.capacity).map(|slot| slots.slot(slot)[0].load(Ordering::Acquire));
        let next = stamps.max().unwrap_or(first).max(first);
        Self { consumed: next.wrapping_sub(slots.capacity).max(first), slots, next }
    }

    /// Copies of the records still in the ring, for a producer that was restarted; without the oldest of a full ring, over
    /// which the next record may have been written but for its stamp.
    pub fn published(&self) -> impl Iterator<Item = (u64, Words)> + '_ {
        let oldest = self.next.saturating_add(1).saturating_sub(self.slots.capacity);
        let first = oldest.max(self.slots.first_position());
        (first..self.next).map(|position| {
            let slot = self.slots.slot(position);
            // Relaxed: this side wrote them, in a process that is no more.
            (position, core::array::from_fn(|word| slot[word].load(Ordering::Relaxed)))
        })
    }

    /// The position the next record will get.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.next
    }

    /// The consumer's position as it was last believed.
    #[must_use]
    pub fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Free slots, given the consumer's published position. One that cannot be changes nothing: what was believed before
    /// it still holds, since nobody unreads.
    pub fn free(&mut self, consumed: &AtomicU64) -> u64 {
        // SYNC(slot-consumed): pairs with the release store that publishes the consumer's position; what we then
        // overwrite has been copied out.
        let seen = consumed.load(Ordering::Acquire);
        if seen >= self.consumed && seen <= self.next {
            self.consumed = seen;
        }
        self.slots.capacity.wrapping_sub(self.next.wrapping_sub(self.consumed))
    }

    /// Publishes a record; w0 is ignored, the rest of the words travel as they are.
    ///
    /// # Errors
    /// [`Full`]: nothing was written.
    #[inline]
    pub fn push(&mut self, words: &Words, consumed: &AtomicU64) -> Result<u64, Full> {
        if self.next.wrapping_sub(self.consumed) >= self.slots.capacity && self.free(consumed) == 0 {
            return Err(Full);
        }
        let position = self.next;
        let slot = self.slots.slot(position);
        for (place, &word) in slot.iter().zip(words).skip(1) {
            // Relaxed: published by the stamp below.
            place.store(word, Ordering::Relaxed);
        }
        // SYNC(slot-published): pairs with the acquire load in `Consumer::take`. The commit: one instruction
        // earlier the slot still carries the stamp of the round before and reads empty.
        slot[0].store(Slots::published(position), COMMIT);
        self.next = position.wrapping_add(1);
        Ok(position)
    }
}

impl Consumer {
    /// The consuming end, at the ring's first position.
    #[must_use]
    pub fn new(slots: Slots) -> Self {
        let first = slots.first_position();
        Self { slots, next: first }
    }

    /// The consuming end of a ring in use, from a position this side published before.
    #[must_use]
    pub fn resume(slots: Slots, position: u64) -> Self {
        let next = position.max(slots.first_position());
        Self { slots, next }
    }

    /// The position that [`Consumer::take`] looks at.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.next
    }

    /// Slots of the ring.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.slots.capacity
    }

    /// A copy of the record at the current position, without moving on.
    #[inline]
    pub fn take(&self) -> Taken {
        let slot = self.slots.slot(self.next);
        // SYNC(slot-published): pairs with the release store in `Producer::push`.
        let stamp = slot[0].load(Ordering::Acquire);
        let published = Slots::published(self.next);
        if stamp != published {
            return match stamp == published.wrapping_sub(self.slots.capacity) {
                true => Taken::Empty,
                false => Taken::Corrupt { stamp },
            };
        }
        let mut words = [0; 8];
        words[0] = stamp;
        for (word, place) in words.iter_mut().zip(slot).skip(1) {
            // Relaxed: ordered by the stamp. A producer that breaks the protocol may still be writing; the copy is
            // then a mix, which the decoder judges like any other bytes.
            *word = place.load(Ordering::Relaxed);
        }
        Taken::Record(words)
    }

    /// Records that wait at and behind the current position, counted by their stamps; for reports.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        (0..self.slots.capacity)
            .take_while(|&ahead| {
                let position = self.next.wrapping_add(ahead);
                // Relaxed: only counted, not read.
                self.slots.slot(position)[0].load(Ordering::Relaxed) == Slots::published(position)
            })
            .count() as u64
    }

    /// Moves past the record that was taken. The caller publishes [`Consumer::position`] once the record is safe.
    #[inline]
    pub fn advance(&mut self) {
        self.next = self.next.wrapping_add(1);
    }
}

// With its path, so that the models of tests/loom can include this file from where they are.
#[cfg(test)]
#[path = "ring/tests.rs"]
mod tests;
