//! Threads run one instruction at a time, by ptrace.

#![allow(unsafe_code)]

use super::process::signal;

/// A thread under ptrace; a process's first has the process's id. All calls come from the thread that began to trace it.
///
/// Both run on one processor meanwhile: a step is two switches there, and two wake-ups of another processor elsewhere,
/// which take several times as long.
pub struct Traced {
    thread: libc::pid_t,
    /// Processors of the tracing thread and of this one before.
    tracer: libc::cpu_set_t,
    before: libc::cpu_set_t,
}

impl Traced {
    /// Begins to trace a thread, which runs on; `None` where the kernel does not allow it.
    pub fn seize(thread: u32) -> Option<Self> {
        let thread = thread as libc::pid_t;
        if request(libc::PTRACE_SEIZE, thread) != 0 {
            return None;
        }
        let traced = Self { thread, tracer: processors(0), before: processors(thread) };
        // SAFETY: an empty set is all zeros, and the processor that runs this is one a set has room for.
        let here = unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(libc::sched_getcpu() as usize, &mut set);
            set
        };
        [0, thread].iter().for_each(|&of| run_on(of, &here));
        Some(traced)
    }

    /// The same, and stops it; also `None` for one that is about to end.
    pub fn stop(thread: u32) -> Option<Self> {
        let traced = Self::seize(thread)?;
        request(libc::PTRACE_INTERRUPT, traced.thread);
        traced.waited().filter(|&status| libc::WIFSTOPPED(status)).map(|_| traced)
    }

    pub fn pid(&self) -> u32 {
        self.thread as u32
    }

    fn waited(&self) -> Option<i32> {
        let mut status = 0;
        // SAFETY: `status` is live.
        let waited = unsafe { libc::waitpid(self.thread, &raw mut status, libc::__WALL) };
        (waited == self.thread).then_some(status)
    }

    fn wait(&self) -> i32 {
        self.waited().expect("a traced process can be waited for")
    }

    /// Waits until it has raised SIGTRAP, which it never sees.
    pub fn await_trap(&self) {
        let status = self.wait();
        assert!(
            libc::WIFSTOPPED(status) && libc::WSTOPSIG(status) == libc::SIGTRAP,
            "it stops elsewhere: {status:#x}"
        );
    }

    /// Runs one instruction.
    pub fn step(&self) {
        request(libc::PTRACE_SINGLESTEP, self.thread);
        let status = self.wait();
        assert!(libc::WIFSTOPPED(status), "it runs on: {status:#x}");
    }

    /// Kills the process and waits for its end, which nobody else may do before.
    pub fn kill(self) {
        signal(self.pid(), libc::SIGKILL);
        self.await_end();
    }

    /// Waits for the end of one that was killed.
    pub fn await_end(self) {
        while !libc::WIFSIGNALED(self.wait()) {}
    }

    pub fn go_on(self) {
        run_on(self.thread, &self.before);
        request(libc::PTRACE_DETACH, self.thread);
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        run_on(0, &self.tracer);
    }
}

/// The processors a thread may run on; 0 is the calling one.
fn processors(thread: libc::pid_t) -> libc::cpu_set_t {
    // SAFETY: all zeros is an empty set.
    let mut set = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is live and its size is passed.
    unsafe { libc::sched_getaffinity(thread, size_of::<libc::cpu_set_t>(), &raw mut set) };
    set
}

/// Where that is refused, or the thread has ended, it only takes longer.
fn run_on(thread: libc::pid_t, set: &libc::cpu_set_t) {
    // SAFETY: `set` is live and its size is passed.
    unsafe { libc::sched_setaffinity(thread, size_of::<libc::cpu_set_t>(), set) };
}

fn request(what: libc::c_uint, pid: libc::pid_t) -> libc::c_long {
    // SAFETY: integer and null arguments; the thread is of a process that a test started, or of a child of one.
    unsafe { libc::ptrace(what, pid, std::ptr::null_mut::<u8>(), std::ptr::null_mut::<u8>()) }
}

/// Instructions from one kill to the next: `TRIPLINE_STRIDE`, else so many that there are about `kills` in `steps`.
pub fn stride(steps: u64, kills: u64) -> u64 {
    let asked = std::env::var("TRIPLINE_STRIDE").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(steps / kills).max(1)
}
