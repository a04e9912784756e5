//! The archiver's thread alone, stopped or ended under its core (ptrace).

use std::fs;

use crate::support::wait_for;

/// The thread, stopped.
pub(crate) struct Archiver(libc::pid_t);

/// The number of the thread among those of its core, once it has named itself.
fn find(core: u32) -> libc::pid_t {
    wait_for("a core that archives", || look_for(core))
}

fn look_for(core: u32) -> Option<libc::pid_t> {
    let tasks = fs::read_dir(format!("/proc/{core}/task")).expect("a core");
    let is_archiver = |path: &std::path::Path| {
        fs::read_to_string(path.join("comm")).is_ok_and(|name| name.starts_with("tripline-archi"))
    };
    let found = tasks.flatten().map(|task| task.path()).find(|path| is_archiver(path));
    found.as_deref().and_then(|path| path.file_name()?.to_str()?.parse().ok())
}

fn ptrace(request: libc::c_uint, thread: libc::pid_t) -> libc::c_long {
    // SAFETY: requests without data; the thread is of a process this test's sidecar started.
    unsafe { libc::ptrace(request, thread, std::ptr::null_mut::<u8>(), std::ptr::null_mut::<u8>()) }
}

/// Sends the thread what a panic ends in.
pub(crate) fn abort(core: u32) {
    let thread = find(core);
    // SAFETY: integer arguments; the thread is of a process this test's sidecar started.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, core as libc::pid_t, thread, libc::SIGABRT) };
    assert_eq!(sent, 0, "{}", std::io::Error::last_os_error());
}

impl Archiver {
    /// Stops it; `None` where the kernel does not allow that.
    pub(crate) fn stop(core: u32) -> Option<Self> {
        let thread = find(core);
        if ptrace(libc::PTRACE_SEIZE, thread) != 0 {
            return None;
        }
        let archiver = Self(thread);
        archiver.interrupt();
        Some(archiver)
    }

    fn interrupt(&self) {
        ptrace(libc::PTRACE_INTERRUPT, self.0);
        let mut status = 0;
        // SAFETY: `status` is live.
        let waited = unsafe { libc::waitpid(self.0, &raw mut status, libc::__WALL) };
        assert!(waited == self.0 && libc::WIFSTOPPED(status), "{status:#x}");
    }

    pub(crate) fn go_on(self) {
        assert_eq!(ptrace(libc::PTRACE_DETACH, self.0), 0);
    }

    /// Lets it end, and nothing else of its core: where it stands in a system call, that call becomes `exit`. `false` where
    /// this is not known how to do.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn end(self) -> bool {
        const SYSCALL: i64 = 0x050f;
        for _ in 0..1_000 {
            // SAFETY: zeros are valid registers; the thread is stopped and `registers` is live.
            let (registers, behind) = unsafe {
                let mut registers: libc::user_regs_struct = std::mem::zeroed();
                libc::ptrace(libc::PTRACE_GETREGS, self.0, std::ptr::null_mut::<u8>(), &raw mut registers);
                let at = registers.rip.wrapping_sub(2);
                (registers, libc::ptrace(libc::PTRACE_PEEKTEXT, self.0, at, std::ptr::null_mut::<u8>()))
            };
            if behind & 0xffff == SYSCALL {
                let mut registers = registers;
                (registers.rip, registers.orig_rax) = (registers.rip - 2, u64::MAX);
                (registers.rax, registers.rdi) = (libc::SYS_exit as u64, 0);
                // SAFETY: as above.
                let set = unsafe {
                    libc::ptrace(libc::PTRACE_SETREGS, self.0, std::ptr::null_mut::<u8>(), &raw mut registers)
                };
                assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
                self.go_on();
                return true;
            }
            ptrace(libc::PTRACE_CONT, self.0);
            tripline::runtime::pin::sleep(1_000_000);
            self.interrupt();
        }
        self.go_on();
        false
    }

    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn end(self) -> bool {
        self.go_on();
        false
    }
}
