//! The standby: the next core, forked while this one lives, so that nobody waits for what takes long: a process, its
//! memory, the engine as the journal has it. It does nothing but follow the journal until it is told that the core is
//! dead.
//!
//! A child inherits the lanes that are open when it is forked, and can get no others. So a standby serves exactly these:
//! where a client came or went since, it is let go and another one takes its place a moment later. A core that dies
//! meanwhile is replaced by one that is forked then, as if there were no standby: later, and no worse.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::process::Child;
use super::{Handover, Keeper, KeeperError};
use crate::shm::socket::Socket;
use crate::wire::link::Link;

/// What the kernel shows a standby as.
pub(super) const NAME: &std::ffi::CStr = c"standby";
/// How long the lanes must have stayed the same before another standby is worth its start.
const SETTLED: Duration = Duration::from_millis(100);
/// Between a standby that ended by itself, or could not be started, and the next.
const BACKOFF: Duration = Duration::from_secs(1);

/// A lane as a standby inherits it: its number, its generation, whether its client is gone.
pub(super) type Inherited = (u16, u64, bool);

/// The next core.
#[derive(Debug)]
pub(super) struct Standby {
    child: Child,
    link: Socket,
    lanes: Vec<Inherited>,
}

impl Standby {
    pub(super) fn pid(&self) -> libc::pid_t {
        self.child.pid()
    }

    /// The keeper's end of its socket.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.link.fd()
    }

    /// Ends it; whoever reaps orphans waits for it.
    pub(super) fn let_go(self) {
        self.child.signal(libc::SIGKILL);
    }
}

impl Keeper {
    /// Whether there is to be a standby once it is due: from the moment strategies may attach, while a core lives.
    pub(super) fn wants_standby(&self) -> bool {
        let settled = self.ready_by.is_none() && self.stop_by.is_none() && self.successor.due.is_none();
        self.options.keeps_standby && self.options.replaces_core && settled && self.standby.is_none()
    }

    /// Sees to it that there is a standby that could go on now, or will be soon.
    pub(super) fn tend_standby(
        &mut self,
        core: &mut impl FnMut(Handover) -> io::Result<()>,
        now: Instant,
    ) -> Result<(), KeeperError> {
        if let Some(mut standby) = self.standby.take() {
            if let Some(exit) = standby.child.reap() {
                tracing::warn!(event = "standby_ended", %exit, "the standby ended; another one will be started");
                self.standby_due = now + BACKOFF;
            } else if standby.lanes == self.lanes.inherited() {
                self.standby = Some(standby);
            } else {
                standby.let_go();
                self.standby_due = now + SETTLED;
            }
        }
        if !self.wants_standby() || now < self.standby_due {
            return Ok(());
        }
        let lanes = self.lanes.inherited();
        match self.fork_next(core, true) {
            Ok((child, link)) => self.standby = Some(Standby { child, link, lanes }),
            Err(error) => {
                // The core that lives is worth more than the next one.
                tracing::warn!(event = "standby", %error, "a standby could not be started");
                self.standby_due = now + BACKOFF;
                self.withhold()?;
            }
        }
        Ok(())
    }

    /// Tells the standby to go on in the core's place; `None` where there is none that has every lane.
    pub(super) fn call_standby(&mut self) -> Option<(Child, Socket)> {
        let mut standby = self.standby.take()?;
        let is_fit = standby.child.reap().is_none()
            && standby.lanes == self.lanes.inherited()
            && standby.link.send(&Link::Succeed.to_packet(), &[]).is_ok();
        if is_fit {
            return Some((standby.child, standby.link));
        }
        standby.let_go();
        None
    }
}
