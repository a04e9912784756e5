//! The journal's directory: the file of the hot log and the snapshots beside it.
//!
//! ```text
//! hot.log              the ring of entries, mapped; on tmpfs, so that no disk can hold the hot loop up
//! snapshot-SEQUENCE    a replica as it stood before that entry; the two newest are kept
//! aside-ID-SEQUENCE/   a journal that could not be followed, its id and up to which entry; for a person
//! retired.log          the hot log from before a run without a journal
//! ```
//! A snapshot is written beside its place and renamed, so that a name always means a whole file. It carries the id of
//! its journal and a checksum of everything in it; one that is damaged, of another journal or newer than the log is left
//! out, and the one before serves.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::log::{FIRST, Found, HotLog, Identity};
use super::record::checksum_of;
use super::replica::{Divergence, LaneState, Replica};
use crate::engine::Engine;
use crate::model::Nanos;
use crate::shm::segment::Segment;
use crate::wire::layout::LAYOUT_HASH;

const MAGIC: u64 = u64::from_le_bytes(*b"TRIPSNAP");
const PREFIX: &str = "snapshot-";
/// Snapshots that are kept.
const KEPT: usize = 2;

/// The directory.
#[derive(Clone, Debug)]
pub struct Store {
    dir: PathBuf,
}

/// Why a snapshot was left out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotProblem {
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// Its bytes are not what was written.
    #[error("it is damaged")]
    Damaged,
    /// It is of another journal or another version.
    #[error("it belongs to another journal")]
    Foreign,
    /// The engine in it cannot be restored.
    #[error("its engine cannot be restored: {0}")]
    Engine(#[from] crate::engine::SnapshotError),
}

/// Why a journal could not be followed to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// An entry is damaged.
    #[error("entry {sequence} is damaged")]
    Damaged {
        /// Its sequence.
        sequence: u64,
    },
    /// An entry is not what its past leads to.
    #[error("{0}")]
    Divergence(#[from] Divergence),
    /// No snapshot of this journal can be used.
    #[error("no snapshot of the journal can be used")]
    NoSnapshot,
    /// The hot log is of another version, or none although there are snapshots.
    #[error("there is no hot log that this version wrote")]
    Foreign,
}

/// What a journal says.
#[derive(Debug)]
pub enum Recovery {
    /// There is none.
    Nothing,
    /// It was followed to its end.
    Whole {
        /// What it leads to.
        replica: Box<Replica>,
        /// The entries that were followed for it now.
        followed: u64,
    },
    /// It could not be followed any further than the replica, if there is one.
    Broken(Option<Box<Replica>>, Problem),
}

impl Store {
    /// The directory `dir`, made if it does not exist, for this user only.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn open(dir: &Path) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        Ok(Self { dir: dir.to_path_buf() })
    }

    /// The directory of a hot log that exists, for reading.
    #[must_use]
    pub fn beside(hot_log: &Path) -> Self {
        Self { dir: hot_log.parent().map(Path::to_path_buf).unwrap_or_default() }
    }

    /// The hot log's file, mapped; made if it does not exist.
    ///
    /// # Errors
    /// What the kernel said, usually that memory is short.
    pub fn hot_log(&self, capacity: u32) -> io::Result<HotLog> {
        let segment = Segment::in_file(&self.hot_path(), HotLog::bytes(capacity))?;
        Ok(HotLog::new(Arc::new(segment), capacity))
    }

    fn hot_path(&self) -> PathBuf {
        self.dir.join("hot.log")
    }

    /// Begins a journal with a replica that has seen none of it. The snapshot comes first and the log's magic last: a core
    /// that dies in between leaves something that cannot be followed, never something that looks like nothing.
    ///
    /// # Errors
    /// What the kernel said about the snapshots.
    pub fn begin(&self, log: &HotLog, identity: Identity, keeper: u64, replica: &Replica) -> io::Result<()> {
        let old = self.snapshots();
        self.put(identity.id, replica)?;
        log.format(identity, keeper);
        let begun = self.path(replica.next());
        old.iter().filter(|(_, path)| *path != begun).try_for_each(|(_, path)| fs::remove_file(path))
    }

    /// Keeps a copy of a journal that could not be followed, named by the entry at which that was noticed; one that is kept
    /// already stays as it is.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn set_aside(&self, id: u64, sequence: u64) -> io::Result<PathBuf> {
        let dir = self.dir.join(format!("aside-{id:016x}-{sequence}"));
        if dir.exists() {
            return Ok(dir);
        }
        fs::create_dir(&dir)?;
        fs::copy(self.hot_path(), dir.join("hot.log"))?;
        for (_, snapshot) in self.snapshots() {
            fs::copy(&snapshot, dir.join(snapshot.file_name().unwrap_or_default()))?;
        }
        Ok(dir)
    }

    /// Leaves a journal that is not gone on with so that no later core takes it for what happened last.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn retire(&self) -> io::Result<()> {
        match fs::rename(self.hot_path(), self.dir.join("retired.log")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// Writes a snapshot and removes the oldest beyond those that are kept. Returns the sequence that must stay in the
    /// log: that of the oldest one kept.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn write(&self, id: u64, replica: &Replica) -> io::Result<u64> {
        self.put(id, replica)?;
        let kept = self.snapshots();
        for (_, path) in kept.iter().skip(KEPT) {
            fs::remove_file(path)?;
        }
        Ok(kept.iter().take(KEPT).map(|kept| kept.0).min().unwrap_or(FIRST))
    }

    fn put(&self, id: u64, replica: &Replica) -> io::Result<()> {
        let partial = self.dir.join("snapshot.partial");
        fs::write(&partial, snapshot_bytes(id, replica))?;
        fs::rename(&partial, self.path(replica.next()))
    }

    fn path(&self, next: u64) -> PathBuf {
        self.dir.join(format!("{PREFIX}{next:016}"))
    }

    /// The snapshots, newest first.
    #[must_use]
    pub fn snapshots(&self) -> Vec<(u64, PathBuf)> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let mut found: Vec<(u64, PathBuf)> = entries
            .filter_map(|entry| {
                let sequence = entry.file_name().to_str()?.strip_prefix(PREFIX)?.parse().ok()?;
                Some((sequence, entry.path()))
            })
            .collect();
        found.sort_by(|a, b| b.cmp(a));
        found
    }

    /// The oldest snapshot of a journal that its log still reaches.
    #[must_use]
    pub fn oldest(&self, log: &HotLog, id: u64) -> Option<Replica> {
        self.snapshots().into_iter().rev().find_map(|(_, path)| {
            let replica = replica_of(id, &fs::read(path).ok()?).ok()?;
            reaches(log, replica.next()).then_some(replica)
        })
    }

    /// The newest snapshot of a journal that its log still reaches.
    #[must_use]
    pub fn newest(&self, log: &HotLog, id: u64) -> Option<Replica> {
        self.snapshots().into_iter().find_map(|(_, path)| {
            let read = fs::read(&path).map_err(SnapshotProblem::from);
            match read.and_then(|bytes| replica_of(id, &bytes)) {
                Ok(replica) if reaches(log, replica.next()) => Some(replica),
                Ok(_) => {
                    tracing::warn!(event = "snapshot", path = %path.display(), "the hot log does not reach it");
                    None
                }
                Err(error) => {
                    tracing::warn!(event = "snapshot", path = %path.display(), %error, "a snapshot is left out");
                    None
                }
            }
        })
    }

    /// Follows the journal from its newest snapshot to its end.
    #[must_use]
    pub fn recover(&self, log: &HotLog) -> Recovery {
        if log.is_blank() && self.snapshots().is_empty() {
            return Recovery::Nothing;
        }
        let Some(identity) = log.identity() else { return Recovery::Broken(None, Problem::Foreign) };
        match self.newest(log, identity.id) {
            Some(replica) => follow(log, Box::new(replica)),
            None => Recovery::Broken(None, Problem::NoSnapshot),
        }
    }
}

/// Whether the log goes on where a snapshot ends: nothing from there on was overwritten, and the entry before it is there.
fn reaches(log: &HotLog, next: u64) -> bool {
    let released = log.released();
    next == released || next > released && matches!(log.read(next.wrapping_sub(1)), Found::Entry(..))
}

/// Follows a journal that nobody writes any more from where a replica is to its end.
#[must_use]
pub fn follow(log: &HotLog, mut replica: Box<Replica>) -> Recovery {
    let from = replica.next();
    loop {
        match log.read(replica.next()) {
            Found::Entry(stamp, words) => {
                if let Err(divergence) = replica.step(&stamp, &words) {
                    return Recovery::Broken(Some(replica), divergence.into());
                }
            }
            Found::End => {
                let followed = replica.next().wrapping_sub(from);
                return Recovery::Whole { replica, followed };
            }
            Found::Damaged => {
                let sequence = replica.next();
                return Recovery::Broken(Some(replica), Problem::Damaged { sequence });
            }
        }
    }
}

/// A replica as bytes.
///
/// ```text
/// magic · layout hash · journal id · next · now · chain · transitions · lanes · bytes of the engine
/// per lane: open, strategy and generation · position · requests · each: position and queued
/// engine · CRC32C of everything before
/// ```
#[must_use]
pub fn snapshot_bytes(id: u64, replica: &Replica) -> Vec<u8> {
    let engine = replica.engine().snapshot();
    let lanes = replica.lanes();
    let head = [
        MAGIC,
        LAYOUT_HASH,
        id,
        replica.next(),
        replica.now().0,
        replica.chain(),
        replica.transitions(),
        lanes.len() as u64,
        engine.len() as u64,
    ];
    let mut bytes: Vec<u8> = head.iter().flat_map(|word| word.to_le_bytes()).collect();
    for lane in lanes {
        let (strategy, generation) = lane.open.unwrap_or_default();
        let opened = u64::from(lane.open.is_some()) << 16 | u64::from(strategy);
        let words = [opened, generation, lane.position, lane.requests.len() as u64];
        let requests = lane.requests.iter().map(|&(position, queued)| position << 1 | u64::from(queued));
        bytes.extend(words.into_iter().chain(requests).flat_map(u64::to_le_bytes));
    }
    bytes.extend(engine);
    let checksum = checksum_of(&bytes);
    bytes.extend(checksum.to_le_bytes());
    bytes
}

/// The replica of the journal `id` in `bytes`.
///
/// # Errors
/// [`SnapshotProblem`].
pub fn replica_of(id: u64, bytes: &[u8]) -> Result<Replica, SnapshotProblem> {
    let (body, checksum) = bytes.split_last_chunk::<4>().ok_or(SnapshotProblem::Damaged)?;
    if checksum_of(body) != u32::from_le_bytes(*checksum) {
        return Err(SnapshotProblem::Damaged);
    }
    let mut rest = body;
    let mut word = || -> Result<u64, SnapshotProblem> {
        let (word, behind) = rest.split_first_chunk::<8>().ok_or(SnapshotProblem::Damaged)?;
        rest = behind;
        Ok(u64::from_le_bytes(*word))
    };
    if (word()?, word()?, word()?) != (MAGIC, LAYOUT_HASH, id) {
        return Err(SnapshotProblem::Foreign);
    }
    let (next, now, chain, transitions) = (word()?, Nanos(word()?), word()?, word()?);
    let (count, engine_bytes) = (word()?, word()?);
    let mut lanes = Vec::new();
    for _ in 0..count {
        let (opened, generation, position, requests) = (word()?, word()?, word()?, word()?);
        let open = (opened >> 16 != 0).then_some((opened as u16, generation));
        let requests = (0..requests).map(|_| word().map(|word| (word >> 1, word & 1 != 0)));
        lanes.push(LaneState { open, position, requests: requests.collect::<Result<_, _>>()? });
    }
    if rest.len() as u64 != engine_bytes {
        return Err(SnapshotProblem::Damaged);
    }
    let engine = Engine::restore(rest)?;
    Ok(Replica::from_parts(engine, lanes, next, now, (chain, transitions)))
}
