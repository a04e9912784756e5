//! Anonymous shared segments: memfds with seals, mapped whole. The one door to memmap2.
//!
//! A segment is allocated, and its pages touched, when it is made, so that no later access can fault for want of
//! memory. Seals: every segment can neither shrink nor grow, so that no access can run past the end of the file;
//! pages the sidecar writes get FUTURE_WRITE after the sidecar has mapped them, so that a client that received the
//! descriptor cannot make a writable mapping, whoever it is. Only the kernel enforces that; [`Segment::open`] tries
//! the forbidden mapping and refuses when it succeeds.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use memmap2::{MmapOptions, MmapRaw};

use crate::sync::AtomicU64;

/// A mapped segment.
#[derive(Debug)]
pub struct Segment {
    map: MmapRaw,
    file: File,
}

/// Why a segment that came over the socket was not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It has another size than its geometry says.
    #[error("segment `{segment}` has {found} bytes, its geometry says {expected}")]
    Size {
        /// Which segment.
        segment: &'static str,
        /// Bytes it has.
        found: u64,
        /// Bytes it should have.
        expected: u64,
    },
    /// Its first words are not those of its kind.
    #[error("segment `{segment}` does not start with its magic")]
    Magic {
        /// Which segment.
        segment: &'static str,
    },
    /// It could be changed under our feet.
    #[error("segment `{segment}` is not sealed against {missing}")]
    Unsealed {
        /// Which segment.
        segment: &'static str,
        /// The seal that is missing or not enforced.
        missing: &'static str,
    },
    /// The kernel refused.
    #[error("segment `{segment}`: {error}")]
    Os {
        /// Which segment.
        segment: &'static str,
        /// What the kernel said.
        error: io::Error,
    },
}

/// What a client may do with a segment it received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read; the sidecar writes. FUTURE_WRITE must hold.
    ReadOnly,
    /// Write: the client's own lane.
    ReadWrite,
}

impl Segment {
    /// A new zeroed segment of `bytes`, a multiple of the page size, mapped for writing, allocated and touched.
    ///
    /// # Errors
    /// What memfd_create, fallocate, fcntl or mmap said. A kernel or sandbox without memfd seals cannot host a
    /// sidecar.
    pub fn create(name: &str, bytes: usize) -> io::Result<Self> {
        let c_name = CString::new(name)?;
        let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
        // MFD_NOEXEC_SEAL is 6.3; older kernels refuse the flag and are asked again without it.
        let fd = memfd(&c_name, flags | MFD_NOEXEC_SEAL).or_else(|_| memfd(&c_name, flags))?;
        let file = File::from(fd);
        let length = i64::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: a plain system call on a descriptor we own; no memory is passed.
        check(unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, length) })?;
        seal(&file, libc::F_SEAL_SHRINK | libc::F_SEAL_GROW)?;
        let map = MmapOptions::new().len(bytes).populate().map_raw(&file)?;
        Ok(Self { map, file })
    }

    /// A named file of `bytes`, made if it does not exist, mapped for writing, allocated and touched. It outlives every
    /// process, has no seals, and must be nobody else's: it belongs in a private directory.
    ///
    /// # Errors
    /// What open, fallocate or mmap said. A file that has another size is refused, not changed.
    pub fn in_file(path: &std::path::Path, bytes: usize) -> io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path)?;
        let found = file.metadata()?.len();
        if found != 0 && found != bytes as u64 {
            return Err(io::Error::other(format!("it has {found} bytes instead of {bytes}")));
        }
        let length = i64::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: a plain system call on a descriptor we own; no memory is passed.
        check(unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, length) })?;
        let map = MmapOptions::new().len(bytes).populate().map_raw(&file)?;
        Ok(Self { map, file })
    }

    /// A named file as it is, mapped for reading only: nothing is made, allocated or touched.
    ///
    /// # Errors
    /// What open or mmap said.
    pub fn in_file_read_only(path: &std::path::Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let bytes = usize::try_from(file.metadata()?.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let map = MmapOptions::new().len(bytes).map_raw_read_only(&file)?;
        Ok(Self { map, file })
    }

    /// A received segment: size, seals and magic checked before anything else is believed.
    ///
    /// # Errors
    /// [`OpenError`] names the segment and what is wrong with it.
    pub fn open(
        fd: OwnedFd,
        segment: &'static str,
        bytes: usize,
        magic: u64,
        access: Access,
    ) -> Result<Self, OpenError> {
        let os = |error| OpenError::Os { segment, error };
        let file = File::from(fd);
        let found = file.metadata().map_err(os)?.len();
        if found != bytes as u64 {
            return Err(OpenError::Size { segment, found, expected: bytes as u64 });
        }
        // SAFETY: F_GET_SEALS reads a descriptor we own and passes no memory.
        let seals = check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GET_SEALS) }).map_err(os)?;
        if seals & (libc::F_SEAL_SHRINK | libc::F_SEAL_GROW) != libc::F_SEAL_SHRINK | libc::F_SEAL_GROW {
            return Err(OpenError::Unsealed { segment, missing: "resizing" });
        }
        let options = {
            let mut options = MmapOptions::new();
            options.len(bytes).populate();
            options
        };
        let map = match access {
            Access::ReadWrite => options.map_raw(&file).map_err(os)?,
            Access::ReadOnly => {
                // The self-test: a seal that is not enforced is worth nothing, so try what it forbids.
                if MmapOptions::new().len(bytes).map_raw(&file).is_ok() {
                    return Err(OpenError::Unsealed { segment, missing: "writing" });
                }
                options.map_raw_read_only(&file).map_err(os)?
            }
        };
        let opened = Self { map, file };
        // Relaxed: the magic was written before the descriptor was sent; the socket orders it.
        if opened.word(0).load(crate::sync::Ordering::Relaxed) != magic {
            return Err(OpenError::Magic { segment });
        }
        Ok(opened)
    }

    /// Forbids every later writable mapping and every later seal. Call after the last writer has mapped it.
    ///
    /// # Errors
    /// What fcntl said; without this seal the segment must not be handed out.
    pub fn seal_against_writing(&self) -> io::Result<()> {
        seal(&self.file, F_SEAL_FUTURE_WRITE | libc::F_SEAL_SEAL)
    }

    /// Forbids later seals only: the receiver is to write.
    ///
    /// # Errors
    /// What fcntl said.
    pub fn seal_for_writing(&self) -> io::Result<()> {
        seal(&self.file, libc::F_SEAL_SEAL)
    }

    /// A second, read-only mapping of the same memory, for a process that must not be able to write it.
    ///
    /// # Errors
    /// What dup or mmap said.
    pub fn reopen_read_only(&self) -> io::Result<Self> {
        let file = self.file.try_clone()?;
        let map = MmapOptions::new().len(self.map.len()).map_raw_read_only(&file)?;
        Ok(Self { map, file })
    }

    /// Keeps the pages in memory.
    ///
    /// # Errors
    /// What mlock said, usually that the limit is too small.
    pub fn lock(&self) -> io::Result<()> {
        self.map.lock()
    }

    /// Gives the pages back to the kernel, whatever the peer still maps: a closed lane must not keep memory.
    pub fn punch(&self) {
        let length = self.map.len() as i64;
        // SAFETY: a system call on a descriptor we own; mappings of the hole read zeros, which readers expect.
        unsafe {
            libc::fallocate(
                self.file.as_raw_fd(),
                libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE,
                0,
                length,
            );
        }
    }

    /// Leaves this mapping out of every process forked from now on; the descriptor still goes along.
    ///
    /// # Errors
    /// What madvise said.
    pub fn keep_from_children(&self) -> io::Result<()> {
        // SAFETY: exactly the range of our own mapping; only later forks are affected, not this process.
        check(unsafe { libc::madvise(self.map.as_mut_ptr().cast(), self.map.len(), libc::MADV_DONTFORK) })
            .map(drop)
    }

    /// Undoes [`Segment::keep_from_children`]: the next child inherits this mapping.
    ///
    /// # Errors
    /// What madvise said.
    pub fn share_with_children(&self) -> io::Result<()> {
        // SAFETY: as in `keep_from_children`.
        check(unsafe { libc::madvise(self.map.as_mut_ptr().cast(), self.map.len(), libc::MADV_DOFORK) })
            .map(drop)
    }

    /// The descriptor, to be sent to a peer.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        use std::os::fd::AsFd;
        self.file.as_fd()
    }

    /// Bytes mapped.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether nothing is mapped; never true of a segment that was made.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.len() == 0
    }

    /// The first byte, for code that computes addresses itself (the gate of the C ABI).
    #[must_use]
    pub fn base(&self) -> *const u8 {
        self.map.as_ptr()
    }

    /// The word at byte `offset`.
    ///
    /// # Panics
    /// When `offset` is not that of a whole word inside the segment: a programmer's mistake, as every offset comes
    /// from a [`Geometry`](crate::wire::layout::Geometry) against which the size was checked.
    #[must_use]
    #[inline]
    pub fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(
            offset.is_multiple_of(8) && offset.checked_add(8).is_some_and(|end| end <= self.map.len()),
            "offset {offset} is not a word of this segment"
        );
        // SAFETY: the assertion keeps the word inside the mapping, which lives as long as `self` and is page
        // aligned; the seals keep the file from shrinking under it, or, where it has a name, its directory's owner does. Other processes write it only as atomics.
        // In a read-only mapping a store would fault; only writers of the page's one-writer rule store.
        unsafe { AtomicU64::from_ptr(self.map.as_mut_ptr().add(offset).cast()) }
    }
}

impl Segment {
    /// The cache line at byte `offset`, as eight words.
    ///
    /// # Panics
    /// When `offset` is not that of a whole line inside the segment; see [`Segment::word`].
    #[must_use]
    #[inline]
    pub fn line(&self, offset: usize) -> &[AtomicU64; 8] {
        assert!(
            offset.is_multiple_of(64) && offset.checked_add(64).is_some_and(|end| end <= self.map.len()),
            "offset {offset} is not a line of this segment"
        );
        // SAFETY: as in `word`: the assertion keeps all eight words inside the mapping, aligned, for `self`'s life,
        // and an array of atomics has the layout of eight words.
        unsafe { &*self.map.as_mut_ptr().add(offset).cast::<[AtomicU64; 8]>() }
    }
}

const MFD_NOEXEC_SEAL: libc::c_uint = 0x0008;
const F_SEAL_FUTURE_WRITE: libc::c_int = 0x0010;

fn memfd(name: &CString, flags: libc::c_uint) -> io::Result<OwnedFd> {
    // SAFETY: the name is a valid C string for the duration of the call.
    let fd = check(unsafe { libc::memfd_create(name.as_ptr(), flags) })?;
    // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn seal(file: &File, seals: libc::c_int) -> io::Result<()> {
    // SAFETY: F_ADD_SEALS takes an integer argument; no memory is passed.
    check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) }).map(drop)
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[cfg(test)]
mod tests;
