//! COLD: the journal of an embedded engine: one that is linked into a back-test, a test or a bot of one process, without a
//! sidecar.
//!
//! ```text
//!   (now, source, message) ──> entry ──> replica applies it, as recovery would ──> entries of what was decided
//!                                └──────────────┴──> blocks ──> archive-ID-FIRST.seg, archive-ID-FIRST.seg, …
//! ```
//! There is no second format and no second way to decide: an entry is sealed as the core seals it, goes through the
//! [`Replica`] that recovers cores and replays journals, and is written into the segments of an archive, each with a
//! snapshot in front. So `tripline journal tail|verify|export` and `tripline replay` read the directory, `--limits`
//! included. What the core leaves once a second it leaves every [`CHECK_EVERY`] entries: a digest to compare.
//!
//! Records come from lanes, as they do in a sidecar: who says what is part of the journal. The clock is the caller's.
//! Where writing fails the engine stops deciding, so that it never knows more than its journal; a torn end is cut by
//! whoever reads it. Deliberately absent: a hot log on disk, a shadow, pruning, and any thread.
//!
//! ```
//! use tripline::control::config;
//! use tripline::engine::Source;
//! use tripline::journal::embedded::{Recorder, Settings};
//! use tripline::model::{Event, Flags, Handle, Lots, Message, Nanos, Ticks};
//!
//! let limits = config::load("examples/tripline.toml".as_ref())?.limits;
//! let dir = std::env::temp_dir().join(format!("tripline-back-test-{}", std::process::id()));
//! let mut recorder = Recorder::begin(&dir, limits, Nanos::from_secs(1), Settings::default())?;
//! let lane = recorder.open_lane(Nanos::from_secs(1), 0)?;
//! for second in 2..10 {
//!     let now = Nanos::from_secs(second);
//!     recorder.advance(now)?; // timers that are due
//!     let event = Event::Fill { order: 0, exec: second, px: Ticks(100), qty: Lots(1), fee: 0 };
//!     let handle = Handle::new(lane, 0, Some(0));
//!     let message = Message { flags: Flags::empty(), epoch: 0, handle, event };
//!     let source = recorder.source(lane).expect("an open lane");
//!     let outcome = recorder.apply(now, source, &message)?;
//!     println!("{} words changed", outcome.changes().len());
//! }
//! assert_eq!(recorder.finish()?.counters().fills, 8);
//! // tripline replay DIR; tripline replay DIR --limits other.toml
//! # std::fs::remove_dir_all(&dir)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::block::{Header, MOST_ENTRIES, write_block};
use super::log::{FIRST, Found, HotLog, Identity, Writer, random_id};
use super::replica::{Divergence, Replica};
use super::segments;
use super::store::snapshot_bytes;
use crate::engine::{Engine, Limits, Outcome, Source};
use crate::model::{Event, Flags, Handle, Message, Nanos};
use crate::shm::segment::Segment;
use crate::shm::shared::OPERATOR_LANE;
use crate::wire::record::{RECORD_BYTES, Words, decode, encode};

/// Entries between two digests.
pub const CHECK_EVERY: u64 = 1_024;
/// Entries of the ring in which one is sealed before it is written.
const CAPACITY: u32 = 1_024;

/// How a recording is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Bytes of entries after which a new segment is begun. A segment is read into memory whole.
    pub segment_bytes: u64,
    /// UTC nanoseconds at which the caller's clock reads 0: 0 where its times are UTC already.
    pub utc_of_zero: Nanos,
}

impl Default for Settings {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, utc_of_zero: Nanos::ZERO }
    }
}

/// Why a record was not recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The disk. The record was applied, but from it on the journal may lack what was decided: nothing more is applied.
    #[error("the journal cannot be written: {0}")]
    Io(#[from] io::Error),
    /// Writing failed before: this record was not applied.
    #[error("the journal could not be written before, so nothing more is decided")]
    Stopped,
    /// An outcome, the journal's own, not the source's to say, or beyond what a record can hold; not applied.
    #[error("this is no record that its source can say")]
    NotAnInput,
    /// No such lane is open for this strategy; not applied.
    #[error("lane {lane} is not open for this strategy: open it first")]
    NotOpen {
        /// The lane.
        lane: u16,
    },
    /// Another position of the lane comes next; not applied.
    #[error("position {expected} is the next of lane {lane}: take it from `source`")]
    Position {
        /// The lane.
        lane: u16,
        /// Its next position.
        expected: u64,
    },
    /// Every lane is open; not applied.
    #[error("every lane is open: capacity.lanes is too small")]
    NoLane,
    /// What was sealed does not lead to what was decided: a defect of this program.
    #[error("{0}")]
    Diverged(#[from] Divergence),
}

/// An engine whose every input and decision is written down. Owned by one thread; blocks on the disk once for each block of
/// 1 024 entries.
#[derive(Debug)]
pub struct Recorder {
    replica: Replica,
    log: HotLog,
    writer: Writer,
    tape: Tape,
    /// The sequence at which the last digest was left.
    checked: u64,
    stopped: bool,
}

impl Recorder {
    /// A fresh engine with these limits at `now`, recorded in the directory `dir`, which is made if it does not exist.
    ///
    /// # Errors
    /// What the kernel said; `AlreadyExists` where a journal is in the directory: one directory, one recording.
    ///
    /// # Panics
    /// As [`Engine::new`].
    pub fn begin(dir: &Path, mut limits: Limits, now: Nanos, settings: Settings) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        if segments::is_in_use(dir) || dir.join("hot.log").exists() {
            let what = format!("{}: there is a journal already", dir.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
        }
        // The operator's lane has a number, too.
        limits.capacity.lanes = limits.capacity.lanes.saturating_add(1);
        let replica = Replica::new(Engine::new(limits, now), now);
        let id = random_id()?;
        let ring = Segment::create("tripline-embedded", HotLog::bytes(CAPACITY))?;
        let log = HotLog::new(Arc::new(ring), CAPACITY);
        log.format(Identity { id, boot: [0, 0], build: 0 }, 0);
        let writer = Writer::new(log.clone(), FIRST, now, replica.chain());
        let tape = Tape::begin(dir, id, settings, &replica)?;
        Ok(Self { replica, log, writer, tape, checked: FIRST, stopped: false })
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        self.replica.engine()
    }

    /// Entries so far.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.replica.next().wrapping_sub(FIRST)
    }

    /// The digest of every entry until now, as `tripline replay` shows it.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.replica.chain()
    }

    /// Opens a lane for a strategy and returns its number, which its handles carry.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn open_lane(&mut self, now: Nanos, strategy: u16) -> Result<u16, RecordError> {
        let lanes = (0..).zip(self.replica.lanes());
        let mut free = lanes.filter(|(lane, state)| *lane != OPERATOR_LANE && state.open.is_none());
        let lane = free.next().map(|(lane, _)| lane).ok_or(RecordError::NoLane)?;
        let generation = self.replica.next();
        self.apply(now, Source::Sidecar, &own(Event::Lane { lane, strategy, open: 1, generation }))?;
        Ok(lane)
    }

    /// What the next record of a lane comes from; `None` while it is not open.
    #[must_use]
    pub fn source(&self, lane: u16) -> Option<Source> {
        let state = self.replica.lanes().get(usize::from(lane))?;
        state.open.map(|(strategy, _)| Source::Lane { lane, strategy, position: state.position })
    }

    /// Applies a TIMER for everything that is due until `now`.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn advance(&mut self, now: Nanos) -> Result<(), RecordError> {
        while self.engine().next_deadline() <= now {
            let due = self.engine().next_deadline();
            self.apply(due, Source::Sidecar, &own(Event::Timer { due }))?;
        }
        Ok(())
    }

    /// Decides about one record and writes both down. What is due at `now` must have been applied before, see
    /// [`Recorder::advance`]; a clock that steps back stands still.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn apply(&mut self, now: Nanos, source: Source, message: &Message) -> Result<&Outcome, RecordError> {
        let lane = self.lane_of(source, message)?;
        let done = self.record(now, lane, message);
        self.stopped = done.is_err();
        done.map(|()| self.engine().outcome())
    }

    /// Leaves a digest and hands everything to the kernel.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn flush(&mut self) -> Result<(), RecordError> {
        if self.stopped {
            return Err(RecordError::Stopped);
        }
        let done = self.check().and_then(|()| Ok(self.tape.write()?));
        self.stopped = done.is_err();
        done
    }

    /// The same, and waits until it is on disk.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn sync(&mut self) -> Result<(), RecordError> {
        self.flush()?;
        self.tape.file.sync_data().inspect_err(|_| self.stopped = true)?;
        Ok(())
    }

    /// Ends the recording on disk. Without it the last block is written, but nobody hears whether it could be.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn finish(mut self) -> Result<Engine, RecordError> {
        self.sync()?;
        Ok(self.replica.into_engine())
    }

    /// The lane an input consumes a position of.
    fn lane_of(&self, source: Source, message: &Message) -> Result<Option<u16>, RecordError> {
        if self.stopped {
            return Err(RecordError::Stopped);
        }
        let is_own =
            matches!(message.event, Event::Tick { .. } | Event::Check { .. } | Event::Transition { .. });
        // These come from the sidecar, whatever lane they are about.
        let is_sidecars = matches!(message.event, Event::RejectedRecord { .. } | Event::Roll { .. });
        // The flags of a mark may differ: they follow from what is in it.
        let is_whole = decode(&encode(message)).is_ok_and(|decoded| decoded.event == message.event);
        if is_own || !is_whole || is_sidecars && source != Source::Sidecar {
            return Err(RecordError::NotAnInput);
        }
        match source {
            Source::Sidecar => Ok(None),
            Source::Operator => Ok(Some(OPERATOR_LANE)),
            Source::Lane { lane, strategy, position } => {
                let state = self.replica.lanes().get(usize::from(lane)).filter(|_| lane != OPERATOR_LANE);
                let open = state.filter(|state| state.open.is_some_and(|(whose, _)| whose == strategy));
                let expected = open.ok_or(RecordError::NotOpen { lane })?.position;
                let is_next = position == expected;
                if is_next { Ok(Some(lane)) } else { Err(RecordError::Position { lane, expected }) }
            }
        }
    }

    fn record(&mut self, now: Nanos, lane: Option<u16>, message: &Message) -> Result<(), RecordError> {
        self.writer.append(now, lane, &encode(message));
        self.follow()?;
        for change in self.replica.engine().outcome().changes() {
            self.writer.fold(change.new.to_raw());
        }
        while let Some(&(lane, [header, a, b, c, d, e])) = self.replica.unrecorded().front() {
            self.writer.append(self.replica.now(), lane, &[0, header, a, b, c, d, e, 0]);
            self.follow()?;
        }
        if self.replica.next().wrapping_sub(self.checked) >= CHECK_EVERY {
            self.check()?;
        }
        if self.tape.waiting.len() >= MOST_ENTRIES {
            self.tape.write()?;
        }
        if self.tape.bytes != 0 && self.tape.bytes >= self.tape.settings.segment_bytes {
            self.tape.write()?;
            self.tape.file.sync_data()?;
            self.tape.turn_over(&self.replica)?;
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), RecordError> {
        if self.replica.next() != self.checked {
            self.writer.check(self.replica.now());
            self.follow()?;
            self.checked = self.replica.next();
        }
        Ok(())
    }

    /// Takes in what was sealed, as whoever reads the journal will.
    fn follow(&mut self) -> Result<(), RecordError> {
        while let Found::Entry(stamp, words) = self.log.read(self.replica.next()) {
            self.replica.step(&stamp, &words)?;
            self.tape.waiting.push(words);
        }
        self.log.release(self.replica.next());
        Ok(())
    }
}

/// The files.
#[derive(Debug)]
struct Tape {
    dir: PathBuf,
    id: u64,
    settings: Settings,
    file: File,
    /// Bytes of the blocks in it.
    bytes: u64,
    /// The sequence of the first entry that waits for its block, and all that do.
    first: u64,
    waiting: Vec<Words>,
}

impl Tape {
    fn begin(dir: &Path, id: u64, settings: Settings, replica: &Replica) -> io::Result<Self> {
        let file = segment(dir, id, settings, replica)?;
        let waiting = Vec::with_capacity(MOST_ENTRIES);
        Ok(Self { dir: dir.to_path_buf(), id, settings, file, bytes: 0, first: replica.next(), waiting })
    }

    /// Goes on in another segment; nothing waits.
    fn turn_over(&mut self, replica: &Replica) -> io::Result<()> {
        (self.file, self.bytes) = (segment(&self.dir, self.id, self.settings, replica)?, 0);
        Ok(())
    }

    /// Writes what waits. After an error nothing is written any more: what comes behind a torn block could not be read.
    fn write(&mut self) -> io::Result<()> {
        let waiting = std::mem::replace(&mut self.waiting, Vec::with_capacity(MOST_ENTRIES));
        for entries in waiting.chunks(MOST_ENTRIES) {
            let mut block = Vec::with_capacity(entries.len() * RECORD_BYTES + RECORD_BYTES);
            write_block(&mut block, self.first, entries);
            self.file.write_all(&block)?;
            self.first = self.first.wrapping_add(entries.len() as u64);
            self.bytes = self.bytes.saturating_add(block.len() as u64);
        }
        Ok(())
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        if let Err(error) = self.write() {
            tracing::error!(event = "recording", %error, "the end of a recording could not be written");
        }
    }
}

/// A new segment that begins where a replica stands.
fn segment(dir: &Path, id: u64, settings: Settings, replica: &Replica) -> io::Result<File> {
    let header = Header {
        id,
        first: replica.next(),
        capacity: u64::from(CAPACITY),
        utc_of_zero: settings.utc_of_zero.0,
        snapshot: snapshot_bytes(id, replica),
    };
    segments::create(dir, &segments::path_of(dir, id, replica.next()), &header.to_bytes())
}

fn own(event: Event) -> Message {
    Message { flags: Flags::empty(), epoch: 0, handle: Handle::default(), event }
}
