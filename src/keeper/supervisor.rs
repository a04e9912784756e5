//! Whoever supervises the sidecar (systemd, or anything that speaks its notification protocol): told when strategies may
//! attach, and fed as long as the loop turns. The one door to sd-notify.
//!
//! The watchdog is fed by the evidence the gates go by: only the loop renews a lease, so a lease that has not run out says
//! that it turns. A core that dies and is followed in time is not a failure of the service. Without NOTIFY_SOCKET and
//! WATCHDOG_USEC in the environment nothing of this happens.
//!
//! It also keeps descriptors for a keeper that dies, see `stored`; LISTEN_FDS gives them to the next one.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use super::process;
use crate::shm::clock::monotonic;
use crate::shm::gate::GatePage;

/// The supervisor, if there is one.
#[derive(Debug)]
pub(super) struct Supervisor {
    /// How often the watchdog is fed: half as long as it waits.
    every: Option<Duration>,
    due: Option<Instant>,
}

impl Supervisor {
    pub(super) fn from_environment() -> Self {
        Self { every: sd_notify::watchdog_enabled().map(|patience| patience / 2), due: None }
    }

    /// Strategies may attach.
    pub(super) fn ready(&mut self) {
        tell(&[NotifyState::Ready]);
        self.due = self.every.map(|_| Instant::now());
    }

    pub(super) fn stopping(&mut self) {
        tell(&[NotifyState::Stopping]);
        self.due = None;
    }

    /// Gives a descriptor into its keeping, by this name.
    pub(super) fn keep(&self, name: &str, fd: BorrowedFd<'_>) {
        let state = [NotifyState::FdStore, NotifyState::FdName(name)];
        heard(sd_notify::notify_with_fds(&state, &[fd]));
    }

    /// Takes it out again.
    pub(super) fn let_go(&self, name: &str) {
        tell(&[NotifyState::FdStoreRemove, NotifyState::FdName(name)]);
    }

    /// What a keeper before this one gave into its keeping. Once: they are then the caller's.
    pub(super) fn kept(&self) -> Vec<(OwnedFd, String)> {
        let kept = sd_notify::listen_fds_with_names().map(|fds| fds.collect::<Vec<_>>());
        let kept = kept.inspect_err(|error| {
            tracing::warn!(event = "supervisor", %error, "what the supervisor kept cannot be taken back");
        });
        kept.unwrap_or_default().into_iter().map(|(fd, name)| (process::handed_down(fd), name)).collect()
    }

    /// When the watchdog is to be fed next.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Feeds the watchdog if it is due and the loop turns.
    pub(super) fn feed(&mut self, gate: &GatePage, now: Instant) {
        if self.due.is_some_and(|due| now >= due) {
            if gate.deadline() > monotonic() {
                tell(&[NotifyState::Watchdog]);
            }
            self.due = self.every.map(|every| now + every);
        }
    }
}

fn tell(state: &[NotifyState<'_>]) {
    heard(sd_notify::notify(state));
}

fn heard(told: std::io::Result<()>) {
    if let Err(error) = told {
        tracing::warn!(event = "supervisor", %error, "the supervisor could not be told");
    }
}
