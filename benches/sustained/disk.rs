//! Where the archive goes: a directory of its own on a disk, and what of it is there.

use std::ffi::CString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Failure;

/// Removed when dropped.
pub(crate) struct Dir(PathBuf);

/// What an archive holds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Held {
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
    /// Segments do not follow each other: something was given up.
    pub(crate) gaps: u64,
}

impl Dir {
    pub(crate) fn new(parent: &Path) -> Result<Self, Failure> {
        let path = parent.join(format!("tripline-bench-archive-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Removes what is in it.
    pub(crate) fn clear(&self) -> Result<(), Failure> {
        let told = |error| format!("{}: {error}", self.0.display());
        fs::remove_dir_all(&self.0).and_then(|()| fs::create_dir(&self.0)).map_err(told)
    }

    /// The kind of its file system. Memory is no disk, and is refused.
    pub(crate) fn kind(&self) -> Result<String, Failure> {
        const TMPFS: i64 = 0x0102_1994;
        const EXT: i64 = 0xef53;
        const XFS: i64 = 0x5846_5342;
        const BTRFS: i64 = 0x9123_683e;
        const OVERLAY: i64 = 0x794c_7630;
        let path = CString::new(self.0.as_os_str().as_encoded_bytes()).map_err(|error| error.to_string())?;
        // SAFETY: the path is terminated and lives; zeros are a valid statfs, which outlives the call.
        let (told, about) = unsafe {
            let mut about: libc::statfs = std::mem::zeroed();
            (libc::statfs(path.as_ptr(), &raw mut about), about)
        };
        if told != 0 {
            return Err(format!("{}: {}", self.0.display(), std::io::Error::last_os_error()));
        }
        match about.f_type {
            TMPFS => {
                Err(format!("{} is in memory: name a directory on a disk with --archive", self.0.display()))
            }
            EXT => Ok("ext4".into()),
            XFS => Ok("xfs".into()),
            BTRFS => Ok("btrfs".into()),
            OVERLAY => Ok("overlay".into()),
            other => Ok(format!("file system {other:#x}")),
        }
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("sustained: {} is left behind: {error}", self.0.display());
        }
    }
}

/// Reads an archive to its end as `tripline journal verify` does: whole, or the run fails.
pub(crate) fn verify(dir: &Path) -> Result<Held, Failure> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", dir.display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
    let output =
        command.args(["journal", "verify", "--json"]).arg(dir).output().map_err(|error| told(&error))?;
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).map_err(|error| told(&error))?;
    if value["ok"] != true {
        return Err(told(&format!("the archive is not whole: {value}")));
    }
    let mut held = Held { entries: value["entries"].as_u64().unwrap_or_default(), ..Held::default() };
    let mut expected = None;
    for piece in value["pieces"].as_array().into_iter().flatten() {
        let first = piece["first"].as_u64().unwrap_or_default();
        held.gaps += u64::from(expected.is_some_and(|expected| expected != first));
        expected = piece["entries"].as_u64().map(|entries| first + entries);
    }
    for file in fs::read_dir(dir).map_err(|error| told(&error))?.flatten() {
        held.bytes += file.metadata().map_err(|error| told(&error))?.len();
    }
    Ok(held)
}
