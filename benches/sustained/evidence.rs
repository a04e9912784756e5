//! What tells where the time goes: the kernel's count of each thread of the core, and how full the hot log is.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tripline::journal::log::{Found, HotLog};
use tripline::shm::segment::Segment;

use super::Failure;

/// What a thread has had of the processors since it began, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Share {
    /// It ran.
    pub(crate) ran: u64,
    /// It could have, but others did.
    pub(crate) waited: u64,
}

/// The threads that matter.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Threads {
    pub(crate) looping: Share,
    pub(crate) shadow: Share,
    pub(crate) archiver: Share,
    /// The next core, which follows the journal too.
    pub(crate) standby: Share,
    /// This process: producers and what watches them.
    pub(crate) producers: Share,
}

impl Share {
    fn since(self, before: Self) -> Self {
        Self { ran: self.ran.saturating_sub(before.ran), waited: self.waited.saturating_sub(before.waited) }
    }

    fn add(&mut self, other: Self) {
        self.ran += other.ran;
        self.waited += other.waited;
    }
}

impl Threads {
    /// As they are now, of a keeper and its core.
    pub(crate) fn read(keeper: libc::pid_t, core: libc::pid_t) -> Result<Self, Failure> {
        let mut threads = Self::default();
        for (name, id, share) in shares(core)? {
            match name.as_str() {
                "tripline-shadow" => threads.shadow = share,
                // The kernel keeps fifteen characters.
                "tripline-archiv" => threads.archiver = share,
                _ if id == core => threads.looping = share,
                _ => {}
            }
        }
        let children =
            fs::read_to_string(format!("/proc/{keeper}/task/{keeper}/children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|word| word.parse().ok()) {
            // One that has just ended has none.
            for (name, id, share) in shares(child).unwrap_or_default() {
                if id == child && name == "standby" {
                    threads.standby = share;
                }
            }
        }
        for (.., share) in shares(std::process::id() as libc::pid_t)? {
            threads.producers.add(share);
        }
        Ok(threads)
    }

    /// What came since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            looping: self.looping.since(before.looping),
            shadow: self.shadow.since(before.shadow),
            archiver: self.archiver.since(before.archiver),
            standby: self.standby.since(before.standby),
            producers: self.producers.since(before.producers),
        }
    }
}

fn shares(process: libc::pid_t) -> Result<Vec<(String, libc::pid_t, Share)>, Failure> {
    let tasks = format!("/proc/{process}/task");
    let entries = fs::read_dir(&tasks).map_err(|error| format!("{tasks}: {error}"))?;
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A thread may end meanwhile.
        let Ok(name) = fs::read_to_string(entry.path().join("comm")) else { continue };
        let Ok(text) = fs::read_to_string(entry.path().join("schedstat")) else { continue };
        let mut numbers = text.split_whitespace().map_while(|word| word.parse().ok());
        let (Some(ran), Some(waited)) = (numbers.next(), numbers.next()) else { continue };
        found.push((name.trim().to_owned(), id, Share { ran, waited }));
    }
    if found.is_empty() {
        return Err(format!("{tasks}: the kernel keeps no schedstat"));
    }
    Ok(found)
}

/// The hot log of a running sidecar, read and never changed.
pub(crate) struct Watched(HotLog);

impl Watched {
    pub(crate) fn open(run_dir: &Path) -> Result<Self, Failure> {
        let path = run_dir.join("journal/hot.log");
        let segment =
            Segment::in_file_read_only(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        HotLog::to_read(Arc::new(segment)).map(Self).ok_or(format!("{} is no hot log", path.display()))
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.0.capacity()
    }

    /// The oldest entry that is kept, and the one that is written next. Entries from the one to the other are there, so
    /// halving finds the end.
    pub(crate) fn bounds(&self) -> (u64, u64) {
        let released = self.0.released();
        let (mut low, mut high) = (released, released + self.0.capacity());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.0.read(middle) {
                Found::Entry(..) => low = middle + 1,
                Found::End | Found::Damaged => high = middle,
            }
        }
        (released, low)
    }

    /// Before it everything is on disk, if there is an archive.
    pub(crate) fn durable(&self) -> u64 {
        self.0.archive_lag().map_or(0, |lag| lag.0)
    }

    /// How long the oldest entry has been waiting that is not.
    pub(crate) fn lag_ns(&self) -> u64 {
        self.0.archive_lag().map_or(0, |lag| lag.1.0)
    }
}
