//! Processes, signals and the lock: the keeper's system calls.

#![allow(unsafe_code)]

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use super::{KeeperError, raw};

/// Signals the keeper reads from a descriptor; children reset the mask.
const KEPT: [libc::c_int; 4] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGCHLD];

/// The keeper's signals, as a descriptor.
#[derive(Debug)]
pub(super) struct Signals(OwnedFd);

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        let set = signal_set(&KEPT);
        // SAFETY: `set` is a live signal set; the process has one thread, whose mask this is.
        check(unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) })?;
        let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
        // SAFETY: -1 asks for a new descriptor; `set` is live.
        let fd = check(unsafe { libc::signalfd(-1, &raw const set, flags) })?;
        // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        use std::os::fd::AsFd;
        self.0.as_fd()
    }

    /// The next pending signal.
    pub(super) fn next(&self) -> Option<libc::c_int> {
        // SAFETY: zeros are a valid signalfd_siginfo; the read fills at most its size.
        unsafe {
            let mut info: libc::signalfd_siginfo = std::mem::zeroed();
            let size = size_of::<libc::signalfd_siginfo>();
            let got = libc::read(self.0.as_raw_fd(), (&raw mut info).cast(), size);
            (got == size as isize).then_some(info.ssi_signo as libc::c_int)
        }
    }
}

fn signal_set(signals: &[libc::c_int]) -> libc::sigset_t {
    // SAFETY: sigemptyset initialises the set; sigaddset takes valid signal numbers.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for &signal in signals {
            libc::sigaddset(&raw mut set, signal);
        }
        set
    }
}

/// Asks the kernel to end this process in order (SIGTERM) when its parent ends: for sidecars that a script, a test or
/// the demo starts.
pub fn end_with_parent() {
    // SAFETY: integer arguments.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) };
}

/// Calls `fork` so that the child is shown as `name`, of at most 15 bytes, from its first moment on.
pub(super) fn shown_as<T>(name: &std::ffi::CStr, fork: impl FnOnce() -> T) -> T {
    let mut own = [0_u8; 16];
    // SAFETY: `own` has room for the 16 bytes that the kernel writes; both names are terminated and live when it reads
    // them.
    unsafe {
        libc::prctl(libc::PR_GET_NAME, own.as_mut_ptr());
        libc::prctl(libc::PR_SET_NAME, name.as_ptr());
    }
    let forked = fork();
    // SAFETY: as above.
    unsafe { libc::prctl(libc::PR_SET_NAME, own.as_ptr()) };
    forked
}

/// Asks a sidecar that this process started, and has not waited for, to end in order.
pub fn ask_to_end(sidecar: &std::process::Child) {
    // SAFETY: the pid is our own child's, not yet reaped, so it cannot be another process's.
    unsafe { libc::kill(sidecar.id() as libc::pid_t, libc::SIGTERM) };
}

/// Lets go of ended processes that are nobody's but this one's, as those of a container are when this is process 1;
/// `own` are left to those who wait for them.
pub(super) fn reap_orphans(own: &[libc::pid_t]) {
    loop {
        // SAFETY: zeros are a valid siginfo_t, which outlives the call; nothing is reaped yet.
        let ended = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            let look = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
            if libc::waitid(libc::P_ALL, 0, &raw mut info, look) != 0 {
                return;
            }
            info.si_pid()
        };
        if ended == 0 || own.contains(&ended) {
            return;
        }
        // SAFETY: a null status is allowed; the pid is of an ended child that nobody else waits for.
        unsafe { libc::waitpid(ended, std::ptr::null_mut(), libc::WNOHANG) };
    }
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildExit {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl fmt::Display for ChildExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(signal) => write!(f, "was ended by signal {signal}"),
        }
    }
}

/// A forked child.
#[derive(Debug)]
pub(super) struct Child {
    pid: libc::pid_t,
    exit: Option<ChildExit>,
}

impl Child {
    /// Forks; the child runs `role`, and dies when the keeper does.
    pub(super) fn fork(role: impl FnOnce() -> io::Result<()>) -> io::Result<Self> {
        // SAFETY: getpid has no preconditions.
        let keeper = unsafe { libc::getpid() };
        // SAFETY: the keeper has one thread, so the child inherits no lock that another thread holds.
        let pid = check(unsafe { libc::fork() })?;
        if pid > 0 {
            return Ok(Self { pid, exit: None });
        }
        // SAFETY: integer arguments; the keeper may have died before the request took effect, hence the check.
        let orphan = unsafe {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            libc::getppid() != keeper
        };
        let outcome = if orphan { Ok(()) } else { role() };
        if let Err(error) = &outcome {
            tracing::error!(event = "child_failed", %error, "a process of the sidecar cannot go on");
        }
        // SAFETY: ends this child only; the keeper's exit handlers and buffers are not ours to run.
        unsafe { libc::_exit(i32::from(outcome.is_err())) }
    }

    /// A child that another child made in the keeper's name; `None` where the keeper has none of that number.
    pub(super) fn adopt(pid: u32) -> Option<Self> {
        // SAFETY: zeros are a valid siginfo_t, which outlives the call; nothing is reaped.
        let is_ours = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            let look = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
            libc::waitid(libc::P_PID, pid, &raw mut info, look) == 0
        };
        let pid = libc::pid_t::try_from(pid).ok().filter(|_| is_ours)?;
        Some(Self { pid, exit: None })
    }

    pub(super) fn pid(&self) -> libc::pid_t {
        self.pid
    }

    /// How it ended, if it has.
    pub(super) fn reap(&mut self) -> Option<ChildExit> {
        if self.exit.is_some() {
            return self.exit;
        }
        let mut status = 0;
        // SAFETY: `status` is live; the pid is our own child's, not yet reaped, so it cannot be another process's.
        let reaped = unsafe { libc::waitpid(self.pid, &raw mut status, libc::WNOHANG) };
        if reaped == self.pid {
            self.exit = Some(if libc::WIFSIGNALED(status) {
                ChildExit::Signal(libc::WTERMSIG(status))
            } else {
                ChildExit::Code(libc::WEXITSTATUS(status))
            });
        }
        self.exit
    }

    /// Sends `signal` and waits; after `patience`, kills.
    pub(super) fn end(&mut self, signal: libc::c_int, patience: Duration) {
        if self.reap().is_some() {
            return;
        }
        self.signal(signal);
        let by = Instant::now() + patience;
        while self.reap().is_none() {
            if Instant::now() >= by {
                self.signal(libc::SIGKILL);
                let mut status = 0;
                // SAFETY: as in `reap`; a killed child always ends.
                unsafe { libc::waitpid(self.pid, &raw mut status, 0) };
                self.exit = Some(ChildExit::Signal(libc::SIGKILL));
                return;
            }
            // SAFETY: no descriptors, only a short wait for the child.
            unsafe { libc::poll(std::ptr::null_mut(), 0, 5) };
        }
    }

    pub(super) fn signal(&self, signal: libc::c_int) {
        // SAFETY: the pid is our own child's, not yet reaped.
        unsafe { libc::kill(self.pid, signal) };
    }
}

/// A descriptor that this process was started with, as LISTEN_FDS says.
pub(super) fn handed_down(fd: RawFd) -> OwnedFd {
    // SAFETY: whoever started this process opened it for us, and it is asked for once, at the start: nobody else owns it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Closes descriptors that a forked child inherited and must not keep.
pub(super) fn close_inherited(fds: &[RawFd]) {
    for &fd in fds {
        // SAFETY: called in a child that never returns to the keeper's code, so nobody uses or closes them again.
        unsafe { libc::close(fd) };
    }
}

/// Waits until one of `fds` is readable, hung up or the time is over.
pub(super) fn poll_readable(fds: &[BorrowedFd<'_>], timeout: Option<Duration>) -> io::Result<()> {
    let mut polled = raw(fds);
    // Rounded up: waking a moment before a deadline would only mean going round once more, over and over.
    let millis = timeout.map_or(-1, |time| time.as_millis().saturating_add(1).min(60_000) as libc::c_int);
    // SAFETY: `polled` is live and its length is passed.
    match check(unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, millis) }) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}

/// Whether `fd` is readable now.
pub(super) fn is_readable(fd: BorrowedFd<'_>) -> bool {
    let mut polled = raw(&[fd]);
    // SAFETY: `polled` is live and holds one entry.
    unsafe { libc::poll(polled.as_mut_ptr(), 1, 0) > 0 }
}

/// Makes the runtime directory private and takes its lock, for as long as the returned file lives.
pub(super) fn claim_runtime_dir(dir: &Path, group: Option<u32>) -> Result<File, KeeperError> {
    let unusable = |error| KeeperError::RuntimeDir { dir: dir.to_path_buf(), error };
    DirBuilder::new().recursive(true).mode(0o750).create(dir).map_err(unusable)?;
    let metadata = std::fs::metadata(dir).map_err(unusable)?;
    // SAFETY: geteuid has no preconditions.
    if metadata.uid() != unsafe { libc::geteuid() } {
        return Err(unusable(io::Error::other(
            "it belongs to another user, who could put another socket there",
        )));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(unusable(io::Error::other("others than its owner may write to it")));
    }
    give_to_group(dir, group).map_err(unusable)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o640);
    let mut lock = options.open(dir.join("tripline.lock")).map_err(unusable)?;
    let by = Instant::now() + DYING_WITHIN;
    while let Some(holder) = lock_or_holder(&mut lock).map_err(unusable)? {
        if Instant::now() >= by || Path::new("/proc").join(&holder).exists() {
            return Err(KeeperError::Held { dir: dir.to_path_buf(), holder });
        }
        // SAFETY: no descriptors, only a short wait.
        unsafe { libc::poll(std::ptr::null_mut(), 0, 5) };
    }
    lock.set_len(0).and_then(|()| lock.rewind()).map_err(unusable)?;
    writeln!(lock, "{}", std::process::id()).map_err(unusable)?;
    Ok(lock)
}

/// How long the children of a keeper that was killed may hold its lock while the kernel ends them.
const DYING_WITHIN: Duration = Duration::from_secs(2);

/// Takes the lock, or says which process wrote itself into it.
fn lock_or_holder(lock: &mut File) -> io::Result<Option<String>> {
    // SAFETY: a system call on a descriptor we own.
    if unsafe { libc::flock(lock.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
        return Ok(None);
    }
    let mut holder = String::new();
    lock.rewind()?;
    lock.read_to_string(&mut holder)?;
    let holder = holder.trim();
    Ok(Some(if holder.is_empty() { "unknown".into() } else { holder.into() }))
}

/// Lets `group` use what is at `path`.
pub(super) fn give_to_group(path: &Path, group: Option<u32>) -> io::Result<()> {
    match group {
        Some(gid) => std::os::unix::fs::chown(path, None, Some(gid)),
        None => Ok(()),
    }
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
