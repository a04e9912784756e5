//! Records of the busy days and of random desks, journaled as the core does it: the live side of a comparison.

use std::sync::Arc;

use tripline::engine::{Engine, Limits, Source};
use tripline::journal::log::{FIRST, Found, HotLog, Identity, Writer};
use tripline::journal::replica::{Replica, record_outcome};
use tripline::journal::store::snapshot_bytes;
use tripline::journal::{block, record::Stamp};
use tripline::model::{Event, Message, Nanos};
use tripline::shm::segment::Segment;
use tripline::wire::record::{Words, encode};

use super::busy_days::sidecar;

/// Entries of the hot log: it wraps often.
const CAPACITY: u32 = 1 << 12;

/// An engine that is told and journals, and a replica that reads what was journaled.
pub struct Journaled {
    pub engine: Engine,
    pub now: Nanos,
    writer: Writer,
    log: HotLog,
    /// The other side, which follows when the log is half full.
    pub replica: Replica,
    pub entries: u64,
    /// Every entry, when they are kept for a segment of an archive.
    kept: Option<Vec<Words>>,
    start: Vec<u8>,
}

impl Journaled {
    pub fn new(mut limits: Limits, kept: bool) -> Self {
        limits.capacity.lanes = 8;
        let now = Nanos::from_secs(1);
        let engine = Engine::new(limits.clone(), now);
        let segment = Segment::create("hot", HotLog::bytes(CAPACITY)).expect("memory");
        let log = HotLog::new(Arc::new(segment), CAPACITY);
        log.format(Identity { id: 7, boot: [0, 0], build: 0 }, 1);
        let replica = Replica::new(Engine::new(limits, now), now);
        let start = snapshot_bytes(7, &replica);
        let writer = Writer::new(log.clone(), FIRST, now, replica.chain());
        let mut journaled =
            Self { engine, now, writer, log, replica, entries: 0, kept: kept.then(Vec::new), start };
        for lane in 0..3 {
            journaled.open(lane);
        }
        journaled
    }

    /// Opens the lane of a strategy: the operator's is 0.
    fn open(&mut self, strategy: u16) {
        let lane = strategy + 1;
        if usize::from(strategy) < self.engine.limits().strategies.len() {
            self.tell(Source::Sidecar, &sidecar(Event::Lane { lane, strategy, open: 1, generation: 1 }));
        }
    }

    /// Applies a record and journals it with its outcome, as `Commit` does.
    pub fn tell(&mut self, source: Source, message: &Message) {
        let lane = match source {
            Source::Lane { lane, .. } => Some(lane),
            Source::Operator => Some(0),
            Source::Sidecar => None,
        };
        let source = match source {
            Source::Lane { lane, strategy, .. } => {
                Source::Lane { lane, strategy, position: self.replica_position(lane) }
            }
            other => other,
        };
        self.writer.append(self.now, lane, &encode(message));
        self.engine.apply(self.now, source, message);
        let Self { engine, writer, now, .. } = self;
        engine.outcome().changes().iter().for_each(|change| writer.fold(change.new.to_raw()));
        record_outcome(engine.outcome(), |lane, words| writer.append(*now, lane, &words));
        // The position of the next record of this lane is the replica's to know.
        self.follow();
    }

    fn replica_position(&self, lane: u16) -> u64 {
        self.replica.lanes()[usize::from(lane)].position
    }

    /// Moves the clock, with a TIMER for each deadline on the way, and a digest now and then.
    pub fn advance(&mut self, to: Nanos) {
        while self.engine.next_deadline() <= to {
            let due = self.engine.next_deadline();
            self.now = self.now.max(due);
            self.tell(Source::Sidecar, &sidecar(Event::Timer { due }));
        }
        self.now = self.now.max(to);
        if self.entries.is_multiple_of(97) {
            let chain = self.writer.chain();
            self.writer.append(self.now, None, &encode(&sidecar(Event::Check { chain })));
            self.follow();
        }
    }

    fn follow(&mut self) {
        while let Found::Entry(stamp, words) = self.log.read(self.replica.next()) {
            self.step(&stamp, &words);
        }
        self.log.release(self.replica.next());
    }

    fn step(&mut self, stamp: &Stamp, words: &Words) {
        self.replica.step(stamp, words).unwrap_or_else(|divergence| panic!("{divergence}: {words:x?}"));
        self.entries += 1;
        if let Some(kept) = &mut self.kept {
            kept.push(*words);
        }
    }

    /// Both sides have come to the same.
    pub fn assert_equal(&self) {
        assert_eq!(self.writer.next(), self.replica.next());
        assert_eq!(self.writer.chain(), self.replica.chain(), "live and replayed digest");
        assert!(self.replica.is_whole());
        assert!(self.engine.snapshot() == self.replica.engine().snapshot(), "live and replayed engine");
    }

    /// The entries, when they are kept.
    pub fn kept(&self) -> &[Words] {
        self.kept.as_deref().expect("entries were kept")
    }

    /// What was kept, as a segment of an archive in blocks of `size` entries.
    pub fn segment(&self, size: usize) -> Vec<u8> {
        let (snapshot, capacity) = (self.start.clone(), u64::from(CAPACITY));
        let header = block::Header { id: 7, first: FIRST, capacity, utc_of_zero: 0, snapshot };
        let mut bytes = header.to_bytes();
        for (number, block) in self.kept().chunks(size).enumerate() {
            block::write_block(&mut bytes, FIRST + (number * size) as u64, block);
        }
        bytes
    }
}
