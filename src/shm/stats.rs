//! The stats page: rows for people and dashboards, copied out under a sequence lock.
//!
//! ```text
//! header | 64: sequence, counts | 192: whether there is a standby | 256: rows, section after section, in the order of `Stats`
//! ```
//! The core writes in housekeeping: sequence odd, rows, sequence even. A reader copies and tries again when the
//! sequence moved. Nothing on the decision path reads this page.
//! The standby's line is the keeper's alone, one word that stands for itself.
//! Every copy-out writes all sections but one: transition number n keeps row (n - 1) % TRANSITIONS_KEPT, so only new
//! ones are written, and the reader puts them in order.

use std::sync::Arc;

use super::segment::Segment;
use crate::sync::{AtomicU64, Ordering, fence};
use crate::wire::layout::{ABI_VERSION, Geometry, LAYOUT_HASH, STATS_MAGIC};
use crate::wire::stats::{
    AccountRow, BUCKETS_KEPT, BookRow, BreakerRow, BucketRow, CAUSES_KEPT, CauseRow, DIRECTIVES_KEPT,
    DirectiveRow, GuardRow, LATENCY_BUCKETS, LaneRow, LoopRow, POSITIONS_KEPT, PositionRow, QueueRow, Row,
    STRAGGLERS_KEPT, Stats, StragglerRow, TRANSITIONS_KEPT, TransitionRow, VENUES_KEPT,
};

const SEQUENCE_AT: usize = 64;
const COUNTS_AT: usize = 72;
const STANDBY_AT: usize = 192;
const ROWS_AT: usize = 256;
const SECTIONS: usize = 13;
const _: () = assert!(COUNTS_AT + 8 * SECTIONS <= STANDBY_AT);
const LARGEST_ROW: usize = 64;

/// Offsets of the sections, fixed by the geometry.
#[derive(Clone, Copy, Debug)]
struct Sections {
    starts: [usize; SECTIONS],
    capacity: [usize; SECTIONS],
    end: usize,
}

/// One section of the page; the order is the layout.
#[derive(Clone, Copy, Debug)]
enum Section {
    Accounts = 0,
    Books = 1,
    Guards = 2,
    Causes = 3,
    Lanes = 4,
    Transitions = 5,
    Latency = 6,
    Breakers = 7,
    Buckets = 8,
    Queues = 9,
    Directives = 10,
    Stragglers = 11,
    Positions = 12,
}

impl Sections {
    fn new(geometry: &Geometry) -> Self {
        let capacity = [
            usize::from(geometry.accounts),
            usize::from(geometry.books),
            usize::from(geometry.guards),
            CAUSES_KEPT,
            usize::from(geometry.lanes),
            TRANSITIONS_KEPT,
            LATENCY_BUCKETS,
            usize::from(geometry.accounts).saturating_add(usize::from(geometry.books)),
            BUCKETS_KEPT,
            VENUES_KEPT,
            DIRECTIVES_KEPT,
            STRAGGLERS_KEPT,
            POSITIONS_KEPT,
        ];
        let row_words = [
            AccountRow::WORDS,
            BookRow::WORDS,
            GuardRow::WORDS,
            CauseRow::WORDS,
            LaneRow::WORDS,
            TransitionRow::WORDS,
            1,
            BreakerRow::WORDS,
            BucketRow::WORDS,
            QueueRow::WORDS,
            DirectiveRow::WORDS,
            StragglerRow::WORDS,
            PositionRow::WORDS,
        ];
        let mut at = ROWS_AT.wrapping_add(LoopRow::WORDS << 3);
        let mut starts = [0; SECTIONS];
        for ((start, rows), words) in starts.iter_mut().zip(capacity).zip(row_words) {
            *start = at;
            at = at.wrapping_add(rows.wrapping_mul(words) << 3);
        }
        Self { starts, capacity, end: at.next_multiple_of(4096) }
    }
}

/// Bytes of the stats page for this geometry.
#[must_use]
pub fn stats_bytes(geometry: &Geometry) -> usize {
    Sections::new(geometry).end
}

/// The keeper's word in the page: whether a standby follows the journal.
pub fn tell_standby(segment: &Segment, is_there: bool) {
    // Relaxed: nothing else is read by it.
    segment.word(STANDBY_AT).store(u64::from(is_there), Ordering::Relaxed);
}

/// The writing end: one [`StatsWriter::begin`] … [`StatsWriter::finish`] per copy-out.
#[derive(Debug)]
pub struct StatsWriter {
    segment: Arc<Segment>,
    sections: Sections,
    counts: [u64; SECTIONS],
    sequence: u64,
}

impl StatsWriter {
    /// Formats a new page.
    #[must_use]
    pub fn format(segment: Arc<Segment>, geometry: &Geometry) -> Self {
        super::write_header(&segment, STATS_MAGIC, ABI_VERSION, LAYOUT_HASH);
        Self { segment, sections: Sections::new(geometry), counts: [0; SECTIONS], sequence: 0 }
    }

    /// Opens a copy-out: readers will try again until [`StatsWriter::finish`].
    pub fn begin(&mut self) {
        self.sequence = self.sequence.wrapping_add(1);
        let transitions = self.counts[Section::Transitions as usize];
        self.counts = [0; SECTIONS];
        self.counts[Section::Transitions as usize] = transitions;
        // Release, then the rows: a reader that sees any of the new rows has to see the odd sequence too.
        // SYNC(stats-sequence): pairs with the acquire loads in `read`.
        self.segment.word(SEQUENCE_AT).store(self.sequence, Ordering::Release);
        fence(Ordering::Release); // SYNC(stats-sequence): keeps the rows behind the odd sequence.
    }

    /// Writes the counters of the loop.
    pub fn looping(&mut self, row: &LoopRow) {
        self.write(ROWS_AT, row);
    }

    /// Adds an account.
    pub fn account(&mut self, row: &AccountRow) {
        self.push(Section::Accounts, row);
    }

    /// Adds a book.
    pub fn book(&mut self, row: &BookRow) {
        self.push(Section::Books, row);
    }

    /// Adds a guard.
    pub fn guard(&mut self, row: &GuardRow) {
        self.push(Section::Guards, row);
    }

    /// Adds a cause.
    pub fn cause(&mut self, row: &CauseRow) {
        self.push(Section::Causes, row);
    }

    /// Adds a lane.
    pub fn lane(&mut self, row: &LaneRow) {
        self.push(Section::Lanes, row);
    }

    /// Adds a breaker.
    pub fn breaker(&mut self, row: &BreakerRow) {
        self.push(Section::Breakers, row);
    }

    /// Adds a rate bucket.
    pub fn bucket(&mut self, row: &BucketRow) {
        self.push(Section::Buckets, row);
    }

    /// Adds the queue of a venue.
    pub fn queue(&mut self, row: &QueueRow) {
        self.push(Section::Queues, row);
    }

    /// Adds a directive.
    pub fn directive(&mut self, row: &DirectiveRow) {
        self.push(Section::Directives, row);
    }

    /// Adds an order that left after a halt.
    pub fn straggler(&mut self, row: &StragglerRow) {
        self.push(Section::Stragglers, row);
    }

    /// Adds a position.
    pub fn position(&mut self, row: &PositionRow) {
        self.push(Section::Positions, row);
    }

    /// Adds a transition in place of the one [`TRANSITIONS_KEPT`] before it.
    pub fn transition(&mut self, row: &TransitionRow) {
        let index = Section::Transitions as usize;
        let place = (row.sequence.wrapping_sub(1) as usize) % TRANSITIONS_KEPT;
        let offset = place.wrapping_mul(TransitionRow::WORDS) << 3;
        self.write(self.sections.starts[index].wrapping_add(offset), row);
        self.counts[index] = row.sequence.min(TRANSITIONS_KEPT as u64);
    }

    /// Writes the latency histogram.
    pub fn latency(&mut self, buckets: &[u64]) {
        let start = self.sections.starts[Section::Latency as usize];
        for (index, &count) in buckets.iter().take(LATENCY_BUCKETS).enumerate() {
            // Relaxed: ordered by the sequence.
            self.segment.word(start.wrapping_add(index << 3)).store(count, Ordering::Relaxed);
        }
        self.counts[Section::Latency as usize] = LATENCY_BUCKETS as u64;
    }

    /// Closes the copy-out.
    pub fn finish(&mut self) {
        for (index, &count) in self.counts.iter().enumerate() {
            // Relaxed: ordered by the sequence.
            self.segment.word(COUNTS_AT.wrapping_add(index << 3)).store(count, Ordering::Relaxed);
        }
        self.sequence = self.sequence.wrapping_add(1);
        // SYNC(stats-sequence): pairs with the acquire loads in `read`. The commit of the copy-out.
        self.segment.word(SEQUENCE_AT).store(self.sequence, Ordering::Release);
    }

    fn push<R: Row>(&mut self, section: Section, row: &R) {
        let index = section as usize;
        let used = self.counts[index];
        if used < self.sections.capacity[index] as u64 {
            let offset = (used as usize).wrapping_mul(R::WORDS) << 3;
            self.write(self.sections.starts[index].wrapping_add(offset), row);
            self.counts[index] = used.wrapping_add(1);
        }
    }

    fn write<R: Row>(&self, at: usize, row: &R) {
        const { assert!(R::WORDS <= LARGEST_ROW) };
        let mut words = [0; LARGEST_ROW];
        let (used, _) = words.split_at_mut(R::WORDS);
        row.to_words(used);
        for (index, &word) in used.iter().enumerate() {
            // Relaxed: ordered by the sequence.
            self.segment.word(at.wrapping_add(index << 3)).store(word, Ordering::Relaxed);
        }
    }
}

/// The reading end.
#[derive(Clone, Debug)]
pub struct StatsReader {
    segment: Arc<Segment>,
    sections: Sections,
}

impl StatsReader {
    /// A reader of a page that was formatted with the same geometry.
    #[must_use]
    pub fn new(segment: Arc<Segment>, geometry: &Geometry) -> Self {
        Self { segment, sections: Sections::new(geometry) }
    }

    /// A consistent copy; `None` when the core was writing at every one of many tries, or never wrote.
    #[must_use]
    pub fn read(&self) -> Option<Stats> {
        const TRIES: u32 = 10_000;
        for _ in 0..TRIES {
            // SYNC(stats-sequence): pairs with the release stores of the writer.
            let before = self.sequence().load(Ordering::Acquire);
            if before == 0 {
                return None;
            }
            if before & 1 == 1 {
                std::hint::spin_loop();
                continue;
            }
            let stats = self.copy();
            fence(Ordering::Acquire); // SYNC(stats-sequence): keeps the copy before the re-check.
            // Relaxed: ordered by the fence.
            if self.sequence().load(Ordering::Relaxed) == before {
                return Some(stats);
            }
        }
        None
    }

    fn sequence(&self) -> &AtomicU64 {
        self.segment.word(SEQUENCE_AT)
    }

    fn copy(&self) -> Stats {
        let latency = self.count(Section::Latency);
        let start = self.sections.starts[Section::Latency as usize];
        let mut transitions: Vec<TransitionRow> = self.rows(Section::Transitions);
        transitions.sort_unstable_by_key(|row| row.sequence);
        Stats {
            looping: self.row(ROWS_AT),
            accounts: self.rows(Section::Accounts),
            books: self.rows(Section::Books),
            guards: self.rows(Section::Guards),
            causes: self.rows(Section::Causes),
            lanes: self.rows(Section::Lanes),
            transitions,
            latency: (0..latency).map(|index| self.load(start.wrapping_add(index << 3))).collect(),
            breakers: self.rows(Section::Breakers),
            buckets: self.rows(Section::Buckets),
            queues: self.rows(Section::Queues),
            directives: self.rows(Section::Directives),
            stragglers: self.rows(Section::Stragglers),
            positions: self.rows(Section::Positions),
            standby: self.load(STANDBY_AT) == 1,
        }
    }

    fn count(&self, section: Section) -> usize {
        let index = section as usize;
        let count = self.load(COUNTS_AT.wrapping_add(index << 3)) as usize;
        count.min(self.sections.capacity[index])
    }

    fn rows<R: Row>(&self, section: Section) -> Vec<R> {
        let start = self.sections.starts[section as usize];
        let row_at = |index: usize| start.wrapping_add(index.wrapping_mul(R::WORDS) << 3);
        (0..self.count(section)).map(|index| self.row(row_at(index))).collect()
    }

    fn row<R: Row>(&self, at: usize) -> R {
        let mut words = [0; LARGEST_ROW];
        let (used, _) = words.split_at_mut(R::WORDS);
        for (index, word) in used.iter_mut().enumerate() {
            *word = self.load(at.wrapping_add(index << 3));
        }
        R::from_words(used)
    }

    fn load(&self, at: usize) -> u64 {
        // Relaxed: ordered by the sequence.
        self.segment.word(at).load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
    use super::*;

    fn page() -> (StatsWriter, StatsReader) {
        let geometry = Geometry { accounts: 2, books: 2, guards: 1, lanes: 2, ..Geometry::default() };
        let segment = Arc::new(Segment::create("stats", stats_bytes(&geometry)).unwrap());
        let reader = StatsReader::new(Arc::clone(&segment), &geometry);
        (StatsWriter::format(segment, &geometry), reader)
    }

    #[test]
    fn a_page_never_written_says_nothing() {
        assert_eq!(page().1.read(), None);
    }

    #[test]
    fn what_is_copied_out_is_read() {
        let (mut writer, reader) = page();
        writer.begin();
        assert_eq!(reader.sequence().load(Ordering::Relaxed), 1);
        writer.looping(&LoopRow { ticks: 9, ..LoopRow::default() });
        for account in 0..5 {
            writer.account(&AccountRow { account, ..AccountRow::default() });
        }
        writer.latency(&[1, 2, 3]);
        writer.finish();
        let stats = reader.read().unwrap();
        assert_eq!(
            (stats.looping.ticks, stats.accounts.len()),
            (9, 2),
            "rows beyond the capacity are left out"
        );
        assert_eq!(stats.latency[..4], [1, 2, 3, 0]);
    }

    #[test]
    fn the_newest_transitions_stay_readable_oldest_first_over_many_copies() {
        let (mut writer, reader) = page();
        let kept = TRANSITIONS_KEPT as u64;
        for (first, last) in [(1, 3), (4, 3), (4, kept), (kept + 1, kept + 1), (kept + 2, 3 * kept + 5)] {
            writer.begin();
            for sequence in first..=last {
                writer.transition(&TransitionRow { sequence, ..TransitionRow::default() });
            }
            writer.finish();
            let read: Vec<u64> = reader.read().unwrap().transitions.iter().map(|row| row.sequence).collect();
            let oldest = last.saturating_sub(kept) + 1;
            assert_eq!(read, (oldest..=last).collect::<Vec<u64>>(), "after {last}");
        }
    }

    #[test]
    fn a_reader_never_sees_half_a_copy() {
        const COPIES: u64 = 20_000;
        let (mut writer, reader) = page();
        let thread = std::thread::spawn(move || {
            for round in 1..=COPIES {
                writer.begin();
                writer.looping(&LoopRow { ticks: round, violations: round, ..LoopRow::default() });
                writer.finish();
            }
        });
        let mut newest = 0;
        while newest < COPIES {
            if let Some(stats) = reader.read() {
                assert_eq!(stats.looping.ticks, stats.looping.violations);
                assert!(stats.looping.ticks >= newest);
                newest = stats.looping.ticks;
            }
        }
        thread.join().unwrap();
    }
}
