//! COLD: a journal opened for people: its directory, an archive or one segment, read and never changed.
//!
//! A place is a list of pieces, each of which can be followed on its own from the snapshot it starts with: the hot log
//! from the oldest snapshot it still reaches, a segment from its own. Nothing here creates, locks or allocates a file,
//! so a live journal may be read while its core writes; what is overwritten meanwhile is told as overtaken.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::block::{Reader, Step};
use super::log::{FIRST, Found, HotLog};
use super::record::Stamp;
use super::replica::Replica;
use super::segments::segments;
use super::store::{Store, replica_of};
use crate::shm::clock::{monotonic, utc};
use crate::shm::segment::Segment;
use crate::wire::record::Words;

/// Why a place cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenProblem {
    /// The kernel refused.
    #[error("{path}: {error}")]
    Io {
        /// Which file or directory.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// There is no journal in it.
    #[error("{path} holds no journal: neither a hot.log nor segments of an archive")]
    Empty {
        /// Which directory or file.
        path: PathBuf,
    },
    /// Not of this version, or damaged at its start.
    #[error("{path} is damaged at its start, or of another version")]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
}

/// One piece of a journal.
#[derive(Debug)]
pub struct Piece {
    /// The file.
    pub path: PathBuf,
    /// The journal it is of.
    pub id: u64,
    /// Its first entry.
    pub first: u64,
    /// UTC nanoseconds at which the entries' clock read 0.
    pub utc_of_zero: u64,
    start: Option<Box<Replica>>,
    body: Body,
    next: u64,
}

#[derive(Debug)]
enum Body {
    Hot(HotLog),
    Segment(Reader),
}

/// What comes next in a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// An entry.
    Entry(Stamp, Words),
    /// The end; so many bytes of a torn block were cut.
    End {
        /// Bytes.
        cut: usize,
    },
    /// The core has overwritten what was to be read: it goes on at this sequence.
    Overtaken {
        /// The sequence.
        next: u64,
    },
    /// Nothing from this sequence on can be vouched for.
    Damaged {
        /// The sequence.
        sequence: u64,
    },
}

/// The files of the journal at `path`, in order; each is opened by [`Piece::open`].
///
/// # Errors
/// [`OpenProblem`].
pub fn files(path: &Path) -> Result<Vec<PathBuf>, OpenProblem> {
    let io = |error| OpenProblem::Io { path: path.to_path_buf(), error };
    if !fs::metadata(path).map_err(io)?.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let hot = path.join("hot.log");
    if hot.exists() {
        return Ok(vec![hot]);
    }
    let mut found = segments(path).map_err(io)?;
    if found.is_empty() {
        return Err(OpenProblem::Empty { path: path.to_path_buf() });
    }
    // Journals follow each other in time, which their random ids do not tell.
    let begun = |id: u64| {
        let of = found.iter().filter(|segment| segment.0 == id);
        of.filter_map(|segment| fs::metadata(&segment.2).ok()?.modified().ok()).min()
    };
    let mut ordered: Vec<_> = found.iter().map(|segment| (begun(segment.0), segment.clone())).collect();
    ordered.sort();
    found = ordered.into_iter().map(|(_, segment)| segment).collect();
    Ok(found.into_iter().map(|(.., path)| path).collect())
}

impl Piece {
    /// Opens one file: a hot log with the snapshots beside it, or a segment.
    ///
    /// # Errors
    /// [`OpenProblem`].
    pub fn open(path: &Path) -> Result<Self, OpenProblem> {
        let is_hot = path.extension().is_some_and(|extension| extension == "log");
        if is_hot { Self::hot(path) } else { Self::segment(path) }
    }

    fn segment(path: &Path) -> Result<Self, OpenProblem> {
        let path = path.to_path_buf();
        let bytes = fs::read(&path).map_err(|error| OpenProblem::Io { path: path.clone(), error })?;
        let Some((header, reader)) = Reader::new(bytes) else { return Err(OpenProblem::Foreign { path }) };
        let Ok(start) = replica_of(header.id, &header.snapshot) else {
            return Err(OpenProblem::Foreign { path });
        };
        Ok(Self {
            path,
            id: header.id,
            first: header.first,
            utc_of_zero: header.utc_of_zero,
            start: Some(Box::new(start)),
            body: Body::Segment(reader),
            next: header.first,
        })
    }

    fn hot(path: &Path) -> Result<Self, OpenProblem> {
        let path = path.to_path_buf();
        let segment = match Segment::in_file_read_only(&path) {
            Ok(segment) => segment,
            Err(error) => return Err(OpenProblem::Io { path, error }),
        };
        let log = HotLog::to_read(Arc::new(segment));
        let Some((log, identity)) = log.and_then(|log| log.identity().map(|identity| (log, identity))) else {
            return Err(OpenProblem::Foreign { path });
        };
        let store = Store::beside(&path);
        let start = store.oldest(&log, identity.id).map(Box::new);
        let first = start.as_ref().map_or(log.released().max(FIRST), |start| start.next());
        Ok(Self {
            path,
            id: identity.id,
            first,
            utc_of_zero: utc().0.saturating_sub(monotonic().0),
            start,
            body: Body::Hot(log),
            next: first,
        })
    }

    /// The replica before the first entry, once; `None` when no snapshot of a hot log can be used.
    pub fn take_start(&mut self) -> Option<Box<Replica>> {
        self.start.take()
    }

    /// The hot log, where the piece is one.
    #[must_use]
    pub fn hot_log(&self) -> Option<&HotLog> {
        match &self.body {
            Body::Hot(log) => Some(log),
            Body::Segment(_) => None,
        }
    }

    /// What comes next.
    pub fn step(&mut self) -> Next {
        let log = match &mut self.body {
            Body::Segment(reader) => {
                return match reader.step() {
                    Step::Entry(stamp, words) => Next::Entry(stamp, words),
                    Step::End { cut } => Next::End { cut },
                    Step::Damaged { sequence } => Next::Damaged { sequence },
                };
            }
            Body::Hot(log) => log,
        };
        // Twice: the writer may commit between two looks.
        let found = match log.read(self.next) {
            Found::Damaged => log.read(self.next),
            found => found,
        };
        match found {
            Found::Entry(stamp, words) => {
                self.next = self.next.wrapping_add(1);
                Next::Entry(stamp, words)
            }
            Found::End => Next::End { cut: 0 },
            Found::Damaged if log.released() > self.next => {
                self.next = log.released();
                Next::Overtaken { next: self.next }
            }
            Found::Damaged => Next::Damaged { sequence: self.next },
        }
    }
}
