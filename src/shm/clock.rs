//! CLOCK_MONOTONIC, the clock of leases, of valid-until and of the attach exchange; and short sleeps.
//!
//! Every process of one time namespace reads the same value, which no other clock of the project promises.

use std::os::fd::{AsRawFd, BorrowedFd};

use crate::model::Nanos;

/// The clock now. A vDSO read of some tens of nanoseconds where the kernel's clock source allows it.
#[must_use]
#[inline]
pub fn monotonic() -> Nanos {
    read(libc::CLOCK_MONOTONIC)
}

/// UTC, for reports only.
#[must_use]
pub fn utc() -> Nanos {
    read(libc::CLOCK_REALTIME)
}

/// Sleeps for `nanos`, or shorter where a signal comes.
pub fn sleep(nanos: u64) {
    let seconds = nanos / 1_000_000_000;
    let request =
        libc::timespec { tv_sec: seconds as libc::time_t, tv_nsec: (nanos % 1_000_000_000) as libc::c_long };
    // SAFETY: `request` is live; a null remainder is allowed.
    unsafe { libc::nanosleep(&raw const request, std::ptr::null_mut()) };
}

/// The same, at most until nobody can read any more what is written to `output`; whether that is so.
#[must_use]
pub fn sleep_while_read(output: BorrowedFd<'_>, nanos: u64) -> bool {
    let mut polled = libc::pollfd { fd: output.as_raw_fd(), events: 0, revents: 0 };
    let millis = nanos.div_ceil(1_000_000).min(60_000) as libc::c_int;
    // SAFETY: `polled` is live and holds one entry. A call that fails leaves `revents` as it is: somebody reads.
    unsafe { libc::poll(&raw mut polled, 1, millis) };
    polled.revents & (libc::POLLERR | libc::POLLHUP) == 0
}

#[inline]
fn read(clock: libc::clockid_t) -> Nanos {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a live timespec. The call cannot fail for these clocks; if it did, zero would read as a
    // clock at its start, before every lease deadline by more than a lease, which latches the gate: closed.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    let secs = time.tv_sec.unsigned_abs().saturating_mul(1_000_000_000);
    Nanos(secs.saturating_add(time.tv_nsec.unsigned_abs()))
}
