//! COLD: the archive: every entry on disk, in segments that can each be replayed without the others.
//!
//! ```text
//!   hot log ──> shadow (checks each entry) ──followed──> archiver ──> archive-ID-FIRST.seg, archive-ID-FIRST.seg, …
//!                  ^ releases no further than ──durable──────┘ fdatasync, every 100 ms or eighth of the hot log
//! ```
//! The archiver is a thread of its own beside the shadow: a disk may hold it for as long as it likes, and meanwhile the
//! shadow goes on, takes snapshots, and measures how far the disk is behind. Past the bound, in time or in entries, the
//! shadow has the firm halted, JOURNAL_LAG, and once the hot log has no room for what the disk will not take it goes on
//! without: the hot loop waits for no disk. The archive then has a gap, and its next segment begins behind it with a
//! snapshot, as every segment does.
//!
//! Only what the shadow has followed is archived, so a segment never holds what a replay of it would refuse. After an
//! error the file is cut back to what is known to be on disk and written anew from the hot log, which has it still. A
//! segment that is taken away while it is written to, or with it the directory, is noticed at the next fdatasync: the
//! firm is halted, JOURNAL_LAG, since what was in it is on no disk any more, and another segment is begun.
//!
//! The thread has no life of its own: if it panics the core dies and another goes on. If it stands still the lag grows,
//! since the loop leaves a CHECK every second, and the firm is halted at the bound.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::block::{Header, MOST_ENTRIES, Reader, Step, write_block};
use super::log::{Found, HotLog};
use super::segments::{self, Keep, segments};
use crate::model::Nanos;
use crate::shm::clock::{monotonic, sleep, utc};
use crate::sync::{AtomicU64, Ordering};
use crate::wire::record::{RECORD_BYTES, Words};

/// How long the archiver waits when there is nothing to write.
const NAP_NS: u64 = 5_000_000;
/// How long it waits after an error.
const RETRY_NS: u64 = 50_000_000;
/// Entries wait at most so long for a fuller block.
const GATHER: Nanos = Nanos::from_millis(20);
/// Time between two fdatasync, unless so much of the hot log waits for one.
const SYNC_EVERY: Nanos = Nanos::from_millis(100);
const SYNC_SHIFT: u32 = 3;

/// Where the archive is, and its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The directory.
    pub dir: PathBuf,
    /// Bytes after which a new segment is begun.
    pub segment_bytes: u64,
    /// What is kept.
    pub keep: Keep,
    /// How far the disk may be behind before the firm is halted.
    pub lag: Nanos,
}

impl Settings {
    /// Whether a sidecar has archived something there: it has run before, even where no hot log tells of it.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        segments::is_in_use(&self.dir)
    }
}

/// Where shadow and archiver meet.
#[derive(Debug)]
pub struct Desk {
    /// Before it everything was followed by the shadow; it alone stores it.
    followed: AtomicU64,
    /// Before it everything is on disk; the archiver stores it.
    durable: AtomicU64,
    /// 1 while the archiver wants a snapshot to begin a segment with.
    wanted: AtomicU64,
    /// Everything before it is lost to the archive; the shadow stores it.
    given_up: AtomicU64,
    /// 1 when what had been archived is gone; the archiver stores it, the shadow takes it back.
    lost: AtomicU64,
    /// The next segment's first entry and snapshot.
    start: Mutex<Option<(u64, Vec<u8>)>>,
}

impl Default for Desk {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            followed: zero(),
            durable: zero(),
            wanted: AtomicU64::new(1),
            given_up: zero(),
            lost: zero(),
            start: Mutex::new(None),
        }
    }
}

impl Desk {
    /// Entries before `next` may be archived. Pairs with the archiver's acquire; the entries are in the hot log.
    pub(super) fn follow(&self, next: u64) {
        self.followed.store(next, Ordering::Release);
    }

    pub(super) fn wants_start(&self) -> bool {
        self.wanted.load(Ordering::Acquire) != 0
    }

    pub(super) fn offer(&self, first: u64, snapshot: Vec<u8>) {
        *self.start.lock().unwrap_or_else(PoisonError::into_inner) = Some((first, snapshot));
        self.wanted.store(0, Ordering::Release);
    }

    pub(super) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// Whether what had been archived is gone, once each time.
    pub(super) fn take_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire) != 0 && self.lost.swap(0, Ordering::AcqRel) != 0
    }

    pub(super) fn give_up_before(&self, next: u64) {
        self.given_up.store(next, Ordering::Release);
    }

    fn take_start(&self) -> Option<(u64, Vec<u8>)> {
        self.start.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn start_at(&self) -> Option<u64> {
        self.start.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|start| start.0)
    }
}

/// The segment that is written to.
#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: File,
    /// The entry after the last one written, and the file's length with it.
    next: u64,
    bytes: u64,
    /// The same, as far as they are on disk.
    durable: (u64, u64),
    synced_at: Nanos,
}

impl Open {
    /// Whether the name still leads to the file: one that nobody can find again keeps nothing.
    fn is_in_its_place(&self) -> io::Result<bool> {
        let ours = self.file.metadata()?;
        match fs::metadata(&self.path) {
            Ok(named) => Ok((named.dev(), named.ino()) == (ours.dev(), ours.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The thread that writes.
#[derive(Debug)]
pub struct Archiver<'a> {
    log: &'a HotLog,
    id: u64,
    settings: &'a Settings,
    desk: &'a Desk,
    open: Option<Open>,
    /// Where writing goes on after an error: a file, and the first entry and the length it is cut back to.
    resume: Option<(PathBuf, u64, u64)>,
    gathered_at: Nanos,
}

impl<'a> Archiver<'a> {
    /// Archives the journal `id` in `log`.
    #[must_use]
    pub fn new(log: &'a HotLog, id: u64, settings: &'a Settings, desk: &'a Desk) -> Self {
        Self { log, id, settings, desk, open: None, resume: None, gathered_at: Nanos::ZERO }
    }

    /// Writes until the process ends.
    pub fn run(mut self) {
        // How far the archive was when it failed: it is well again only beyond that.
        let mut failed_at: Option<u64> = None;
        self.resume = self.left_by_the_core_before().unwrap_or_default();
        loop {
            match self.turn(monotonic()) {
                Ok(worked) => {
                    if failed_at.is_some_and(|at| self.desk.durable() > at) {
                        failed_at = None;
                        tracing::info!(event = "archive", "the archive is written again");
                    }
                    sleep(if worked { 0 } else { NAP_NS });
                }
                Err(error) => {
                    if failed_at.is_none() {
                        let dir = self.settings.dir.display();
                        tracing::error!(event = "archive", %error, %dir, "the archive cannot be written");
                    }
                    failed_at = failed_at.or(Some(self.desk.durable()));
                    self.step_back();
                    sleep(RETRY_NS);
                }
            }
        }
    }

    /// The newest segment of this journal, up to its last whole block.
    fn left_by_the_core_before(&self) -> io::Result<Option<(PathBuf, u64, u64)>> {
        let last = segments(&self.settings.dir)?.into_iter().rfind(|(id, ..)| *id == self.id);
        let Some((.., path)) = last else { return Ok(None) };
        let Some((_, mut reader)) = Reader::new(fs::read(&path)?) else { return Ok(None) };
        loop {
            match reader.step() {
                Step::Entry(..) => {}
                Step::End { .. } => return Ok(Some((path, reader.next(), reader.at() as u64))),
                Step::Damaged { .. } => return Ok(None),
            }
        }
    }

    /// Forgets what is not known to be on disk.
    fn step_back(&mut self) {
        if let Some(open) = self.open.take() {
            self.resume = Some((open.path, open.durable.0, open.durable.1));
        }
    }

    /// What a segment held that is no longer where it was is on no disk any more.
    fn lose(&mut self, path: &std::path::Path) {
        tracing::error!(event = "archive", path = %path.display(), "a segment was taken away while it was written to");
        (self.open, self.resume) = (None, None);
        self.desk.lost.store(1, Ordering::Release);
        self.want_start();
    }

    fn turn(&mut self, now: Nanos) -> io::Result<bool> {
        let given_up = self.desk.given_up.load(Ordering::Acquire);
        if self.open.as_ref().is_some_and(|open| open.next < given_up) {
            self.open = None;
            self.want_start();
        }
        let Some(next) = self.open.as_ref().map(|open| open.next) else {
            return self.reopen(given_up, now);
        };
        if self.desk.start_at().is_some_and(|first| first < next) {
            // Offered before it was known that a file can be gone on with.
            let _stale = self.desk.take_start();
        }
        let worked = self.write(now)?;
        self.sync(now)?;
        let Some(open) = &self.open else { return Ok(worked) };
        if open.bytes >= self.settings.segment_bytes && self.desk.start_at().is_none() {
            self.desk.wanted.store(1, Ordering::Release);
        }
        if self.desk.start_at() == Some(open.next) {
            self.begin(now)?;
        }
        Ok(worked)
    }

    fn want_start(&self) {
        let _stale = self.desk.take_start();
        self.desk.wanted.store(1, Ordering::Release);
    }

    /// Goes on in the file that was written last, or begins one.
    fn reopen(&mut self, given_up: u64, now: Nanos) -> io::Result<bool> {
        let oldest = given_up.max(self.log.released());
        let Some((path, next, bytes)) = self.resume.clone().filter(|&(_, next, _)| next >= oldest) else {
            self.resume = None;
            if self.desk.start_at().is_some_and(|first| first < oldest) {
                self.want_start();
            }
            return self.begin(now).map(|()| false);
        };
        let file = match OpenOptions::new().append(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.lose(&path);
                return Ok(false);
            }
            file => file?,
        };
        file.set_len(bytes)?;
        file.sync_data()?;
        self.resume = None;
        self.opened(Open { path, file, next, bytes, durable: (next, bytes), synced_at: now });
        Ok(true)
    }

    fn opened(&mut self, open: Open) {
        self.desk.durable.store(open.durable.0, Ordering::Release);
        self.open = Some(open);
    }

    /// Writes one block, if it is full or has waited long enough.
    fn write(&mut self, now: Nanos) -> io::Result<bool> {
        let Some(open) = &mut self.open else { return Ok(false) };
        let followed = self.desk.followed.load(Ordering::Acquire);
        let until = self.desk.start_at().map_or(followed, |first| first.min(followed));
        let waiting = until.saturating_sub(open.next);
        let count = waiting.min(MOST_ENTRIES as u64);
        let is_due = waiting >= MOST_ENTRIES as u64 || now.since(self.gathered_at) >= GATHER;
        if count == 0 || !is_due {
            return Ok(false);
        }
        let mut entries: Vec<Words> = Vec::with_capacity(MOST_ENTRIES);
        for sequence in open.next..open.next.saturating_add(count) {
            match self.log.read(sequence) {
                Found::Entry(_, words) => entries.push(words),
                // Released meanwhile, because the archive was given up.
                Found::End | Found::Damaged => return Err(io::Error::other("the hot log has moved on")),
            }
        }
        let mut block = Vec::with_capacity(entries.len() * RECORD_BYTES + RECORD_BYTES);
        write_block(&mut block, open.next, &entries);
        open.file.write_all(&block)?;
        open.next = open.next.saturating_add(count);
        open.bytes = open.bytes.saturating_add(block.len() as u64);
        self.gathered_at = now;
        Ok(true)
    }

    fn sync(&mut self, now: Nanos) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let waiting = open.next.saturating_sub(open.durable.0);
        let is_due = now.since(open.synced_at) >= SYNC_EVERY || waiting >= self.log.capacity() >> SYNC_SHIFT;
        if waiting == 0 || !is_due {
            return Ok(());
        }
        open.file.sync_data()?;
        if !open.is_in_its_place()? {
            let path = open.path.clone();
            self.lose(&path);
            return Ok(());
        }
        open.synced_at = now;
        open.durable = (open.next, open.bytes);
        self.desk.durable.store(open.next, Ordering::Release);
        Ok(())
    }

    /// Begins a segment with the snapshot that the shadow offered, if it has.
    fn begin(&mut self, now: Nanos) -> io::Result<()> {
        if let Some(open) = &mut self.open {
            open.file.sync_data()?;
            open.durable = (open.next, open.bytes);
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.settings.dir)?;
        let Some(first) = self.desk.start_at() else {
            self.desk.wanted.store(1, Ordering::Release);
            return Ok(());
        };
        let dir = &self.settings.dir;
        let path = segments::path_of(dir, self.id, first);
        if path.exists() {
            // Left by a core before, and damaged: it stays, for a person.
            self.want_start();
            return Err(io::Error::other(format!("{} cannot be gone on with", path.display())));
        }
        let Some((first, snapshot)) = self.desk.take_start() else { return Ok(()) };
        let header = Header {
            id: self.id,
            first,
            capacity: self.log.capacity(),
            utc_of_zero: utc().0.saturating_sub(monotonic().0),
            snapshot,
        };
        let bytes = header.to_bytes();
        let made = segments::create(dir, &path, &bytes);
        if made.is_err() {
            self.desk.offer(first, header.snapshot);
        }
        let length = bytes.len() as u64;
        let open =
            Open { path, file: made?, next: first, bytes: length, durable: (first, length), synced_at: now };
        self.opened(open);
        segments::prune(dir, self.settings.keep)
    }
}
