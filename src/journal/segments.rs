//! COLD: the files of an archive: their names, how one is begun, and which of them are kept.
//!
//! ```text
//! archive-ID-FIRST.seg   the journal and the first entry of the segment, see `block` for its bytes
//! archive.partial        a segment whose header is not on disk yet
//! ```
//! Whatever else lies in the directory is somebody else's and stays.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

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

/// The file of a segment.
pub(super) fn path_of(dir: &Path, id: u64, first: u64) -> PathBuf {
    dir.join(format!("{PREFIX}{id:016x}-{first:016}{SUFFIX}"))
}

/// Whether there is any segment, of whatever journal.
pub(super) fn is_in_use(dir: &Path) -> bool {
    let files = fs::read_dir(dir).into_iter().flatten().flatten();
    files.into_iter().any(|file| file.file_name().to_string_lossy().ends_with(SUFFIX))
}

/// A segment with its header, on disk before it has its name.
pub(super) fn create(dir: &Path, path: &Path, header: &[u8]) -> io::Result<File> {
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
pub(super) fn prune(dir: &Path, keep: Keep) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::{Duration, SystemTime};

    /// Segments of 100 bytes, the first the oldest, whatever their names; beside them files of others, older than all.
    fn archive(tag: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("tripline-segments-{}-{tag}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let files = ["notes", PARTIAL, "archive-x-1.seg"].map(|name| dir.join(name)).into_iter();
        let segments = [(9, 1), (9, 50), (2, 1), (2, 70)].map(|(id, first)| path_of(&dir, id, first));
        for (age, path) in (0..).zip(files.chain(segments)) {
            fs::write(&path, [0; 100]).unwrap();
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000 + age);
            File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
        }
        dir
    }

    #[test]
    fn the_oldest_go_first_and_the_newest_and_the_files_of_others_never() {
        for (number, (keep, left)) in [
            (Keep::All, 4),
            (Keep::Segments(5), 4),
            (Keep::Segments(4), 4),
            (Keep::Segments(3), 3),
            (Keep::Segments(1), 1),
            (Keep::Segments(0), 1),
            (Keep::Bytes(401), 4),
            (Keep::Bytes(400), 4),
            (Keep::Bytes(399), 3),
            (Keep::Bytes(300), 3),
            (Keep::Bytes(299), 2),
            (Keep::Bytes(0), 1),
        ]
        .into_iter()
        .enumerate()
        {
            let dir = archive(&number.to_string());
            prune(&dir, keep).unwrap();
            let found: Vec<_> =
                segments(&dir).unwrap().into_iter().map(|(id, first, _)| (id, first)).collect();
            let mut newest = vec![(9, 1), (9, 50), (2, 1), (2, 70)].split_off(4 - left);
            newest.sort_unstable();
            assert_eq!(found, newest, "{keep:?}");
            assert_eq!(fs::read_dir(&dir).unwrap().count(), left + 3, "{keep:?}");
            fs::remove_dir_all(&dir).unwrap();
        }
    }
}
