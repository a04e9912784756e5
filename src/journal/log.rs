//! HOT: the hot log: a ring of entries in memory that outlives the core, with one writer.
//!
//! ```text
//!      0  magic, layout hash, journal id, capacity, boot id (2), build      written once
//!     64  released: the first sequence that must not be overwritten        written by the shadow thread
//!    128  trouble: a sequence, plus one; the reason it cannot be vouched for   written by the shadow thread
//!    192  the first sequence that is not archived; age of the oldest such  written by the shadow thread
//!    256  keeper: whose lanes the open ones are                             written by a core before it first drains
//!   4096  entry of sequence s at slot s % capacity, 64 bytes each          written by the hot loop
//! ```
//! The last store of an append is the entry's first word; it commits the entry. A writer that dies before it leaves the
//! slot with the first word of the round before, or 0, whatever else of it is overwritten: that is where the log ends.
//! Anything else that is not the expected entry is damage, and so is an entry behind the end.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use std::io::{self, Read};
use std::sync::Arc;

use super::record::{MOST_DT, Stamp, chained, head, is_head_of, open, seal};
use crate::model::{Event, Flags, Handle, Message, Nanos, Reason};
use crate::shm::segment::Segment;
use crate::sync::Ordering;
use crate::wire::layout::LAYOUT_HASH;
use crate::wire::record::{RECORD_BYTES, Words, encode};

const MAGIC: u64 = u64::from_le_bytes(*b"TRIPJRNL");
const HASH_AT: usize = 8;
const ID_AT: usize = 16;
const CAPACITY_AT: usize = 24;
const BOOT_AT: usize = 32;
const BUILD_AT: usize = 48;
const RELEASED_AT: usize = 64;
const TROUBLE_AT: usize = 128;
const WHY_AT: usize = 136;
const ARCHIVED_AT: usize = 192;
const LAG_AGE_AT: usize = 200;
const KEEPER_AT: usize = 256;
const ENTRIES_AT: usize = 4096;

/// The first sequence of every journal.
pub const FIRST: u64 = 1;

/// The order of the store that commits an entry, SYNC(entry-committed).
const COMMIT: Ordering = match cfg!(tripline_mutant = "relaxed_stamp") {
    false => Ordering::Release,
    // Relaxed: a defect, to see that the model of this log notices.
    true => Ordering::Relaxed,
};

/// A hot log.
#[derive(Clone, Debug)]
pub struct HotLog {
    segment: Arc<Segment>,
    capacity: u64,
}

/// What identifies a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Chosen at random when the journal was begun; snapshots name it.
    pub id: u64,
    /// The kernel's boot it was begun in.
    pub boot: [u64; 2],
    /// The program that began it: only the same one can read its snapshots.
    pub build: u64,
}

/// An id for a new journal.
///
/// # Errors
/// What the kernel said about its random numbers.
pub fn random_id() -> io::Result<u64> {
    let mut bytes = [0; 8];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// What is at a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// An entry.
    Entry(Stamp, Words),
    /// Nothing yet: the log ends here.
    End,
    /// Neither an entry nor an end.
    Damaged,
}

impl HotLog {
    /// Bytes of a log of so many entries.
    #[must_use]
    pub const fn bytes(capacity: u32) -> usize {
        (capacity as usize).saturating_mul(RECORD_BYTES).saturating_add(ENTRIES_AT)
    }

    /// The log in a segment of [`HotLog::bytes`], formatted or not.
    #[must_use]
    pub fn new(segment: Arc<Segment>, capacity: u32) -> Self {
        Self { segment, capacity: u64::from(capacity) }
    }

    /// The log in a segment that somebody else formatted, with the capacity its size tells.
    #[must_use]
    pub fn to_read(segment: Arc<Segment>) -> Option<Self> {
        let capacity = segment.len().checked_sub(ENTRIES_AT)?.checked_div(RECORD_BYTES)?;
        (capacity != 0).then_some(Self { segment, capacity: capacity as u64 })
    }

    /// The identity of the journal in it; `None` if there is none that this version can read.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        let fits = self.word(0) == MAGIC
            && self.word(HASH_AT) == LAYOUT_HASH
            && self.word(CAPACITY_AT) == self.capacity;
        let boot = [self.word(BOOT_AT), self.word(BOOT_AT.wrapping_add(8))];
        fits.then(|| Identity { id: self.word(ID_AT), boot, build: self.word(BUILD_AT) })
    }

    /// Whether anything was ever written to it.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.word(0) == 0
    }

    /// Begins a journal of this keeper's lanes: whatever was there is gone. The magic comes last.
    pub fn format(&self, identity: Identity, keeper: u64) {
        self.store(0, 0);
        for slot in 0..self.capacity {
            // Relaxed: the release store of the magic below publishes it.
            self.slot(slot)[0].store(0, Ordering::Relaxed);
        }
        let [low, high] = identity.boot;
        for (at, word) in [
            (HASH_AT, LAYOUT_HASH),
            (ID_AT, identity.id),
            (CAPACITY_AT, self.capacity),
            (BOOT_AT, low),
            (BOOT_AT.wrapping_add(8), high),
            (BUILD_AT, identity.build),
            (KEEPER_AT, keeper),
            (RELEASED_AT, FIRST),
            (TROUBLE_AT, 0),
            (WHY_AT, 0),
            (ARCHIVED_AT, 0),
            (LAG_AGE_AT, 0),
        ] {
            self.store(at, word);
        }
        self.store(0, MAGIC);
    }

    /// The keeper whose lanes are those that the journal tells to be open; 0 for none.
    #[must_use]
    pub fn keeper(&self) -> u64 {
        self.word(KEEPER_AT)
    }

    /// Says that the lanes that are open now are this keeper's: what is to be said of those that went with another one is
    /// in the journal.
    pub fn set_keeper(&self, keeper: u64) {
        self.store(KEEPER_AT, keeper);
    }

    /// Entries it has room for.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// The oldest sequence that is still needed.
    #[must_use]
    #[inline]
    pub fn released(&self) -> u64 {
        self.word(RELEASED_AT)
    }

    /// Says that everything before `sequence` may be overwritten.
    pub fn release(&self, sequence: u64) {
        self.store(RELEASED_AT, sequence);
    }

    /// From which sequence on the core cannot be followed, or not be archived, and why.
    #[must_use]
    #[inline]
    pub fn trouble(&self) -> Option<(u64, Reason)> {
        let sequence = self.word(TROUBLE_AT).checked_sub(1)?;
        Some((sequence, Reason::from_u16(self.word(WHY_AT) as u16).unwrap_or(Reason::Replay)))
    }

    /// Tells the core that it cannot be followed, or not be archived, from `sequence` on. The sequence comes last.
    pub fn report_trouble(&self, sequence: u64, reason: Reason) {
        self.store(WHY_AT, u64::from(reason as u16));
        self.store(TROUBLE_AT, sequence.saturating_add(1));
    }

    /// Tells the core that trouble for this reason is over; what it halted stays halted.
    pub fn end_trouble(&self, reason: Reason) {
        if self.trouble().is_some_and(|(_, told)| told == reason) {
            self.store(TROUBLE_AT, 0);
        }
    }

    /// Leaves word of how far the archive is: everything before `sequence` is on disk, and the oldest entry that is not
    /// has been waiting for `age`.
    pub fn tell_archive_lag(&self, sequence: u64, age: Nanos) {
        self.store(LAG_AGE_AT, age.0);
        self.store(ARCHIVED_AT, sequence);
    }

    /// That word; `None` when nothing was ever archived.
    #[must_use]
    pub fn archive_lag(&self) -> Option<(u64, Nanos)> {
        let (sequence, age) = (self.word(ARCHIVED_AT), Nanos(self.word(LAG_AGE_AT)));
        (sequence != 0 || age != Nanos::ZERO).then_some((sequence, age))
    }

    /// What is at `sequence`.
    #[must_use]
    pub fn read(&self, sequence: u64) -> Found {
        let (first, entry) = self.look(sequence);
        match entry {
            Some((stamp, words)) => Found::Entry(stamp, words),
            None if self.is_of_round_before(first, sequence) && !self.is_entry(sequence.wrapping_add(1)) => {
                Found::End
            }
            None => Found::Damaged,
        }
    }

    /// Whether a slot's first word is what its slot held before `sequence` was committed.
    fn is_of_round_before(&self, first: u64, sequence: u64) -> bool {
        match sequence.checked_sub(self.capacity).filter(|&before| before >= FIRST) {
            None => first == 0,
            Some(before) => {
                let lane_bits = ((1_u64 << 62).wrapping_sub(1)) ^ ((1_u64 << 48).wrapping_sub(1));
                first & !lane_bits == head(before, None, self.capacity)
            }
        }
    }

    fn is_entry(&self, sequence: u64) -> bool {
        self.look(sequence).1.is_some()
    }

    /// The first word of a slot and, when it commits `sequence`, a copy of the entry.
    fn look(&self, sequence: u64) -> (u64, Option<(Stamp, Words)>) {
        let slot = self.slot(sequence);
        // SYNC(entry-committed): pairs with the release store in `Writer::put`.
        let mut words = [slot[0].load(Ordering::Acquire), 0, 0, 0, 0, 0, 0, 0];
        if !is_head_of(words[0], sequence) {
            return (words[0], None);
        }
        for (word, place) in words.iter_mut().zip(slot).skip(1) {
            // Relaxed: ordered by the first word. A writer that has come round meanwhile leaves a mix, which the
            // checksum refuses; readers stay within what is not released.
            *word = place.load(Ordering::Relaxed);
        }
        let stamp = open(&words, self.capacity).filter(|stamp| stamp.sequence == sequence);
        (words[0], stamp.map(|stamp| (stamp, words)))
    }

    fn slot(&self, sequence: u64) -> &[crate::sync::AtomicU64; 8] {
        let slot = sequence.checked_rem(self.capacity).unwrap_or(0) as usize;
        self.segment.line(ENTRIES_AT.wrapping_add(slot.wrapping_mul(RECORD_BYTES)))
    }

    fn word(&self, at: usize) -> u64 {
        // SYNC(journal-word): pairs with the release store in `store`.
        self.segment.word(at).load(Ordering::Acquire)
    }

    fn store(&self, at: usize, word: u64) {
        // SYNC(journal-word): pairs with the acquire load in `word`.
        self.segment.word(at).store(word, Ordering::Release);
    }
}

/// The writing end.
#[derive(Debug)]
pub struct Writer {
    log: HotLog,
    next: u64,
    last: Nanos,
    released: u64,
    chain: u64,
}

impl Writer {
    /// Goes on at `next`; the entry before was of time `last`, and `chain` the digest of all before.
    #[must_use]
    pub fn new(log: HotLog, next: u64, last: Nanos, chain: u64) -> Self {
        let released = log.released();
        Self { log, next, last, released, chain }
    }

    /// The digest of every entry and every folded word.
    #[must_use]
    pub fn chain(&self) -> u64 {
        self.chain
    }

    /// Mixes what an entry led to, and what has no entry of its own, into the digest.
    #[inline]
    pub fn fold(&mut self, word: u64) {
        self.chain = chained(self.chain, word);
    }

    /// The sequence of the next entry.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The log it writes.
    #[must_use]
    pub fn log(&self) -> &HotLog {
        &self.log
    }

    /// Whether so many entries fit, times of their own included.
    #[inline]
    pub fn has_room(&mut self, entries: u64) -> bool {
        let fits = |released: u64| {
            self.next.wrapping_sub(released).saturating_add(entries.saturating_mul(2)) <= self.log.capacity
        };
        if !fits(self.released) {
            self.released = self.log.released();
        }
        fits(self.released)
    }

    /// Appends an entry; w0 and w7 of `words` are not looked at. There must be room.
    #[inline]
    pub fn append(&mut self, now: Nanos, lane: Option<u16>, words: &Words) {
        self.bridge(now);
        let dt = now.since(self.last);
        self.last = self.last.max(now);
        self.put(dt, lane, words);
    }

    /// Appends a CHECK: the digest of everything before it.
    pub fn check(&mut self, now: Nanos) {
        // A TICK is before it, too.
        self.bridge(now);
        self.append(now, None, &own(Event::Check { chain: self.chain }));
    }

    /// Writes a TICK where the time since the last entry is more than an entry can carry.
    #[inline]
    fn bridge(&mut self, now: Nanos) {
        if now.since(self.last) > MOST_DT {
            self.put(Nanos::ZERO, None, &own(Event::Tick { now }));
            self.last = now;
        }
    }

    fn put(&mut self, dt: Nanos, lane: Option<u16>, words: &Words) {
        let sealed = seal(words, &Stamp { sequence: self.next, lane, dt }, self.log.capacity);
        self.chain = chained(self.chain, sealed[7]);
        let slot = self.log.slot(self.next);
        for (place, &word) in slot.iter().zip(&sealed).skip(1) {
            // Relaxed: published by the first word below.
            place.store(word, Ordering::Relaxed);
        }
        // SYNC(entry-committed): pairs with the acquire load in `HotLog::look`. The commit: one instruction earlier
        // the log ends before this entry.
        slot[0].store(sealed[0], COMMIT);
        self.next = self.next.wrapping_add(1);
    }
}

fn own(event: Event) -> Words {
    encode(&Message { flags: Flags::empty(), epoch: 0, handle: Handle::default(), event })
}
