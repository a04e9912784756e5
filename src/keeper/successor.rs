//! The core that follows one that died: when, and with what.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use super::heritage::{Heritage, fork_core};
use super::process::{Child, ChildExit};
use super::standby::Standby;
use super::{Handover, Keeper, KeeperError, Listener, READY_WITHIN, Visitor, os};
use crate::shm::socket::Socket;
use crate::wire::hello::Refusal;
use crate::wire::link::Link;

/// How long the second successor of one that died before its first lease waits; each later one twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// Cores of a sidecar that may die before any was ready.
const TRIES: u32 = 3;
/// The longest a successor waits.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// When the next core is due, and how many there were.
#[derive(Debug, Default)]
pub(super) struct Successor {
    pub(super) due: Option<Instant>,
    pub(super) restarts: u32,
    /// Cores in a row that died before their first lease.
    stillborn: u32,
}

impl Successor {
    /// How long to wait after a core that died. One that had its first lease is replaced at once, whatever ended it; what
    /// kills every core on its way there, such as a record that none survives, must not keep a processor busy.
    fn pause(&mut self, was_ready: bool) -> Duration {
        self.stillborn = if was_ready { 0 } else { self.stillborn.saturating_add(1) };
        match self.stillborn {
            0 | 1 => Duration::ZERO,
            times => FIRST_PAUSE.saturating_mul(1 << (times - 2).min(10)).min(LONGEST_PAUSE),
        }
    }
}

impl Keeper {
    /// Whoever waited for a lane of the dead core is sent away; it may come again.
    pub(super) fn lose_core(&mut self, exit: ChildExit, now: Instant) -> Result<(), KeeperError> {
        let pause = self.successor.pause(self.ready_by.is_none());
        // Where none ever got as far as a first lease, the next one would meet the same reason.
        let is_hopeless = self.listener.is_none() && self.successor.stillborn >= TRIES;
        if !self.options.replaces_core || is_hopeless {
            return Err(KeeperError::CoreDied(exit));
        }
        tracing::error!(event = "core_died", %exit, pause = ?pause, "the core died; another one takes over");
        let waiting: Vec<u16> = self.lanes.numbers().filter(|&lane| self.is_awaited(lane)).collect();
        for lane in waiting {
            if let Some(index) = self.visitors.iter().position(|visitor| visitor.waits_for(lane)) {
                self.visitors.swap_remove(index).refuse(Refusal::CoreSilent);
            }
            self.lanes.free(lane);
        }
        self.ready_by = None;
        self.successor.due = Some(now + pause);
        Ok(())
    }

    fn is_awaited(&self, lane: u16) -> bool {
        self.visitors.iter().any(|visitor| visitor.waits_for(lane))
    }

    /// Lets the standby go on in the place of the dead core, or forks a core on the mappings of the dead one.
    pub(super) fn replace_core(
        &mut self,
        core: &mut impl FnMut(Handover) -> io::Result<()>,
    ) -> Result<(), KeeperError> {
        // Which lanes are closing goes with the lanes.
        self.unsaid.retain(|message| matches!(message, Link::Shutdown));
        let (child, link) = match self.call_standby() {
            Some(standby) => standby,
            None => self.fork_next(core, false)?,
        };
        self.successor.restarts = self.successor.restarts.saturating_add(1);
        (self.core, self.link) = (child, link);
        let now = Instant::now();
        self.successor.due = None;
        self.ready_by = Some(now + READY_WITHIN);
        Ok(())
    }

    /// Forks a core that inherits what the one that is, or was, has mapped.
    pub(super) fn fork_next(
        &mut self,
        core: &mut impl FnMut(Handover) -> io::Result<()>,
        is_standby: bool,
    ) -> Result<(Child, Socket), KeeperError> {
        let shared = self.shared.clone();
        shared.share_with_children().map_err(os("madvise of the shared segments"))?;
        self.lanes.share_with_children().map_err(os("madvise of the lanes"))?;
        let restarts = self.successor.restarts.saturating_add(1);
        let heritage = Heritage { lanes: self.lanes.open_lanes(), restarts, is_standby };
        let forked = fork_core(core, &self.fds_of_no_core(), &shared, heritage);
        self.withhold()?;
        forked
    }

    /// Keeps what only a core may inherit from every other child.
    pub(super) fn withhold(&self) -> Result<(), KeeperError> {
        self.shared.keep_from_children().map_err(os("madvise of the shared segments"))?;
        self.lanes.keep_from_children().map_err(os("madvise of the lanes"))
    }

    /// Descriptors that no child has business with. Those of the lanes go with their mappings.
    pub(super) fn fds_of_no_core(&self) -> Vec<RawFd> {
        let standby = self.standby.as_ref().map(Standby::fd);
        let listener = self.listener.as_ref().map(Listener::fd);
        let own = [Some(self.link.fd()), Some(self.signals.fd()), listener, standby];
        let visitors = self.visitors.iter().flat_map(Visitor::fds);
        own.into_iter().flatten().chain(visitors).map(|fd| fd.as_raw_fd()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_successor_waits_twice_as_long_each_time_a_core_dies_before_its_first_lease_up_to_a_second() {
        let mut successor = Successor::default();
        let pauses: Vec<u128> = (0..11).map(|_| successor.pause(false).as_millis()).collect();
        assert_eq!(pauses, [0, 10, 20, 40, 80, 160, 320, 640, 1_000, 1_000, 1_000]);
        assert_eq!(successor.pause(true), Duration::ZERO, "one that was ready");
        assert_eq!(successor.pause(false), Duration::ZERO, "one alone is no habit");
    }
}
