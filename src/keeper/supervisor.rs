//! Whoever supervises the sidecar (systemd, or anything that speaks its notification protocol): told when strategies may
//! attach, and fed as long as the loop turns. The one door to sd-notify.
//!
//! The watchdog is fed by the evidence the gates go by: only the loop renews a lease, so a lease that has not run out says
//! that it turns. A core that dies and is followed in time is not a failure of the service. Without NOTIFY_SOCKET and
//! WATCHDOG_USEC in the environment nothing of this happens.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

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
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(event = "supervisor", %error, "the supervisor could not be told");
    }
}
