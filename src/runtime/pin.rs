//! Where threads run: pinning, isolation, locked memory. The one door to core_affinity, and libc's for the runtime.

#![allow(unsafe_code)]

use std::io;

/// The processors in `/sys/devices/system/cpu/isolated`.
#[must_use]
pub fn isolated_cpus() -> Vec<usize> {
    let list = std::fs::read_to_string("/sys/devices/system/cpu/isolated").unwrap_or_default();
    parse_cpu_list(&list)
}

/// A kernel processor list such as `1,3-5`.
fn parse_cpu_list(list: &str) -> Vec<usize> {
    let mut cpus = Vec::new();
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.trim().parse::<usize>(), last.trim().parse::<usize>()) {
            cpus.extend(first..=last.min(first.saturating_add(4096)));
        }
    }
    cpus
}

/// The processors this thread may run on.
#[must_use]
pub fn allowed_cpus() -> Vec<usize> {
    // SAFETY: zeros are a valid cpu_set_t; the call writes at most its size; CPU_ISSET reads within it.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) != 0 {
            return Vec::new();
        }
        (0..libc::CPU_SETSIZE as usize).filter(|&cpu| libc::CPU_ISSET(cpu, &set)).collect()
    }
}

/// Pins the calling thread to `cpu`; true when the mask read back is exactly that.
#[must_use]
pub fn pin_to(cpu: usize) -> bool {
    core_affinity::set_for_current(core_affinity::CoreId { id: cpu }) && allowed_cpus() == [cpu]
}

/// Lets the calling thread run anywhere except on `cpu`, unless that is all there is.
pub fn keep_off(cpu: usize) {
    let others: Vec<usize> = allowed_cpus().into_iter().filter(|&other| other != cpu).collect();
    if others.is_empty() {
        return;
    }
    // SAFETY: zeros are a valid cpu_set_t; CPU_SET writes within it for indices the kernel itself reported.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        for other in others {
            libc::CPU_SET(other, &mut set);
        }
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
    }
}

/// Keeps every page of the process in memory.
///
/// # Errors
/// What mlockall said, usually that the limit is too small.
pub fn lock_memory() -> io::Result<()> {
    // SAFETY: flags only.
    match unsafe { libc::mlockall(libc::MCL_CURRENT) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// What the kernel shows this process as; at most 15 bytes. Call from its first thread.
pub fn name_process(name: &std::ffi::CStr) {
    // SAFETY: the name is terminated and live; the kernel copies at most 16 bytes of it.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

/// Makes a copy of this process that is a child of its parent, not of this one, and dies with that parent; true in the
/// copy. Call while the process has one thread.
///
/// # Errors
/// What clone said.
pub fn fork_sibling() -> io::Result<bool> {
    // SAFETY: no preconditions.
    let parent = unsafe { libc::getppid() };
    // SAFETY: with no stack, and nothing shared, this is fork with another parent; the process has one thread, so the copy
    // inherits no lock that another thread holds.
    let pid = unsafe { libc::syscall(libc::SYS_clone, libc::CLONE_PARENT | libc::SIGCHLD, 0, 0, 0, 0) };
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    if pid > 0 {
        return Ok(false);
    }
    // SAFETY: integer arguments; the parent may have died before the request took effect, hence the check.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() != parent {
            libc::_exit(0);
        }
    }
    Ok(true)
}

/// Wakes the calling thread from short sleeps as soon as the kernel can.
pub fn sleep_precisely() {
    // SAFETY: integer arguments; 1 ns is the smallest slack.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1, 0, 0, 0) };
}

pub use crate::shm::clock::sleep;

/// Whether reading the clock costs a system call, because the kernel's clock source has no vDSO reading.
#[must_use]
pub fn clock_is_slow() -> bool {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let source = std::fs::read_to_string(path).unwrap_or_default();
    !matches!(source.trim(), "tsc" | "kvm-clock" | "hyperv_clocksource_tsc_page" | "arch_sys_counter" | "")
}

/// Leaves exactly SIGINT and SIGHUP blocked: a terminal sends them to the whole group, but only the keeper acts on
/// them. SIGTERM reaches a child only from the keeper. Call while the process has one thread.
pub fn block_terminal_signals() {
    // SAFETY: sigemptyset initialises the set, sigaddset takes valid signal numbers, and the set is live.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGINT);
        libc::sigaddset(&raw mut set, libc::SIGHUP);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
    }
}

const HELD: [libc::c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

/// Holds back SIGINT, SIGTERM and SIGHUP, so that a program can put things in order first: see [`held_signal`].
/// Programs it starts hold them back too, until they call [`release_signals`]. Call while the process has one thread.
pub fn hold_signals() {
    // SAFETY: sigemptyset initialises the set, sigaddset takes valid signal numbers, and the set is live.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in HELD {
            libc::sigaddset(&raw mut set, signal);
        }
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
    }
}

/// Lets every signal through again.
pub fn release_signals() {
    // SAFETY: sigemptyset initialises the set, which is live.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
    }
}

/// The signal that came since [`hold_signals`], if any.
#[must_use]
pub fn held_signal() -> Option<i32> {
    // SAFETY: sigpending fills the set, sigismember reads it.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigpending(&raw mut set);
        HELD.into_iter().find(|&signal| libc::sigismember(&raw const set, signal) == 1)
    }
}

/// Ends the process at once, without unwinding or exit handlers.
pub fn abort() -> ! {
    std::process::abort()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn kernel_processor_lists_are_understood() {
        for (list, cpus) in [
            ("", vec![]),
            ("\n", vec![]),
            ("3\n", vec![3]),
            ("1,3-5\n", vec![1, 3, 4, 5]),
            ("nonsense", vec![]),
        ] {
            assert_eq!(parse_cpu_list(list), cpus, "{list:?}");
        }
    }

    #[test]
    fn a_pinned_thread_runs_where_it_was_put_and_others_stay_away() {
        let all = allowed_cpus();
        let last = all[all.len() - 1];
        std::thread::spawn(move || assert!(pin_to(last))).join().unwrap();
        std::thread::spawn(move || {
            keep_off(last);
            assert!(all.len() == 1 || !allowed_cpus().contains(&last));
        })
        .join()
        .unwrap();
    }
}
