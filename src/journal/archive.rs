//! COLD: the archive: every entry on disk, in segments that can each be replayed without the others.
//!
//! ```text
//!   hot log ──> shadow (checks each entry) ──followed──> archiver ──> archive-ID-FIRST.seg, archive-ID-FIRST.seg, …
//!                  ^ releases no further than ──written──────┘ fdatasync, at most every 100 ms: durable
//! ```
//! The archiver is a thread of its own beside the shadow: a disk may hold it for as long as it likes, and meanwhile the
//! shadow goes on, takes snapshots, and measures how far the disk is behind. Past the bound, in time or in entries, the
//! shadow has the firm halted, JOURNAL_LAG, and once the hot log has no room for what the disk will not take it goes on
//! without: the hot loop waits for no disk. The archive then has a gap, and its next segment begins behind it with a
//! snapshot, as every segment does.
//!
//! Only what the shadow has followed is archived, so a segment never holds what a replay of it would refuse. After an
//! error the file is cut back to what is known to be on disk and written anew, as far as the hot log still has it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::block::{Header, MOST_ENTRIES, Reader, Step, write_block};
use super::log::{Found, HotLog};
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
/// Least time between two fdatasync.
const SYNC_EVERY: Nanos = Nanos::from_millis(100);
const PREFIX: &str = "archive-";
const SUFFIX: &str = ".seg";
const PARTIAL: &str = "archive.partial";

/// What of the archive is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Everything.
    All,
    /// The newest segments, as many as fit these bytes.
    Bytes(u64),
    /// So many of the newest segments.
    Segments(u64),
}

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
        let files = std::fs::read_dir(&self.dir).into_iter().flatten().flatten();
        files.into_iter().any(|file| file.file_name().to_string_lossy().ends_with(SUFFIX))
    }
}

/// Where shadow and archiver meet.
#[derive(Debug)]
pub struct Desk {
    /// Before it everything was followed by the shadow; it alone stores it.
    followed: AtomicU64,
    /// Before it everything was handed to the kernel; the archiver stores it.
    written: AtomicU64,
    /// Before it everything is on disk; the archiver stores it.
    durable: AtomicU64,
    /// 1 while the archiver wants a snapshot to begin a segment with.
    wanted: AtomicU64,
    /// Everything before it is lost to the archive; the shadow stores it.
    given_up: AtomicU64,
    /// The next segment's first entry and snapshot.
    start: Mutex<Option<(u64, Vec<u8>)>>,
}

impl Default for Desk {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            followed: zero(),
            written: zero(),
            durable: zero(),
            wanted: AtomicU64::new(1),
            given_up: zero(),
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

    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    pub(super) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
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

/// The segments of a directory and the journal and first entry in their names, by both.
///
/// # Errors
/// What the kernel said about the directory.
pub fn segments(dir: &Path) -> io::Result<Vec<(u64, u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        found.extend(named(&path).map(|(id, first)| (id, first, path)));
    }
    found.sort();
    Ok(found)
}

/// What the name of a segment says.
fn named(path: &Path) -> Option<(u64, u64)> {
    let (id, first) =
        path.file_name()?.to_str()?.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.split_once('-')?;
    Some((u64::from_str_radix(id, 16).ok()?, first.parse().ok()?))
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
        let mut was_well = true;
        self.resume = self.left_by_the_core_before().unwrap_or_default();
        loop {
            match self.turn(monotonic()) {
                Ok(worked) => {
                    was_well = true;
                    sleep(if worked { 0 } else { NAP_NS });
                }
                Err(error) => {
                    if was_well {
                        let dir = self.settings.dir.display();
                        tracing::error!(event = "archive", %error, %dir, "the archive cannot be written");
                    }
                    was_well = false;
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
        let file = OpenOptions::new().append(true).open(&path)?;
        file.set_len(bytes)?;
        file.sync_data()?;
        self.resume = None;
        self.opened(Open { path, file, next, bytes, durable: (next, bytes), synced_at: now });
        Ok(true)
    }

    fn opened(&mut self, open: Open) {
        self.desk.written.store(open.next, Ordering::Release);
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
        self.desk.written.store(open.next, Ordering::Release);
        Ok(true)
    }

    fn sync(&mut self, now: Nanos) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        if open.durable.0 != open.next && now.since(open.synced_at) >= SYNC_EVERY {
            open.file.sync_data()?;
            open.synced_at = now;
            open.durable = (open.next, open.bytes);
            self.desk.durable.store(open.next, Ordering::Release);
        }
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
        let path = dir.join(format!("{PREFIX}{:016x}-{first:016}{SUFFIX}", self.id));
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
        let made = create(dir, &path, &bytes);
        if made.is_err() {
            self.desk.offer(first, header.snapshot);
        }
        let length = bytes.len() as u64;
        let open =
            Open { path, file: made?, next: first, bytes: length, durable: (first, length), synced_at: now };
        self.opened(open);
        prune(dir, self.settings.keep)
    }
}

/// A segment with its header, on disk before it has its name.
fn create(dir: &Path, path: &Path, header: &[u8]) -> io::Result<File> {
    let partial = dir.join(PARTIAL);
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(header)?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    File::open(dir)?.sync_all()?;
    Ok(file)
}

/// Removes the oldest segments beyond what is kept; never the newest.
fn prune(dir: &Path, keep: Keep) -> io::Result<()> {
    let mut kept = Vec::new();
    for (id, first, path) in segments(dir)? {
        let about = fs::metadata(&path)?;
        kept.push((about.modified()?, id, first, path, about.len()));
    }
    kept.sort();
    let mut bytes: u64 = kept.iter().map(|row| row.4).sum();
    let mut left = kept.len() as u64;
    for (.., path, length) in kept.iter().take(kept.len().saturating_sub(1)) {
        let is_too_much = match keep {
            Keep::All => false,
            Keep::Bytes(most) => bytes > most,
            Keep::Segments(most) => left > most,
        };
        if !is_too_much {
            break;
        }
        fs::remove_file(path)?;
        bytes = bytes.saturating_sub(*length);
        left = left.saturating_sub(1);
    }
    Ok(())
}
