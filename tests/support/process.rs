//! Signals to processes these tests started, and what the kernel says of them.

#![allow(unsafe_code)]

use std::fs;

/// Sends `signal` to a process that a test started and has not seen end.
pub fn signal(pid: u32, signal: i32) {
    let pid = libc::pid_t::try_from(pid).expect("a process id");
    assert!(pid > 1, "not a process of ours");
    // SAFETY: integer arguments. The caller has checked that the process is its own, or the child of its own.
    let sent = unsafe { libc::kill(pid, signal) };
    assert_eq!(sent, 0, "signal {signal} to {pid}: {}", std::io::Error::last_os_error());
}

/// The letter the kernel shows for a process; `None` when there is none.
pub fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything.
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

/// Whether the main thread of a process runs, sleeps or is stopped; a zombie does none of them.
pub fn main_thread_lives(pid: u32) -> bool {
    !matches!(state(pid), None | Some('Z' | 'X'))
}

/// Whether any thread of a process lives: while one does, the process holds what it had open.
pub fn lives(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task"));
    threads.is_ok_and(|mut threads| {
        threads.any(|thread| {
            let name = thread.ok().and_then(|thread| thread.file_name().into_string().ok());
            name.and_then(|name| name.parse().ok()).is_some_and(main_thread_lives)
        })
    })
}

/// Children of the main thread of a process; of a keeper, without a core that only stands by.
pub fn children(pid: u32) -> Vec<u32> {
    all_children(pid).into_iter().filter(|&child| !stands_by(child)).collect()
}

/// The child of a keeper that waits to be its next core, once it waits.
pub fn standby(keeper: u32) -> Option<u32> {
    all_children(keeper).into_iter().find(|&child| stands_by(child))
}

fn all_children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

fn stands_by(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "standby")
}

/// Open descriptors of a process.
pub fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}
