//! The standby: the next core, forked while this one lives, so that nobody waits for what takes long: a process, its
//! memory, the engine as the journal has it. It does nothing but follow the journal until it is told that the core is
//! dead.
//!
//! A child inherits the lanes that are open when it is forked, and can get no others. So a standby serves exactly these:
//! where a client came or went since, it is let go and another one takes its place a moment later. A core that dies
//! meanwhile is replaced by one that is forked then, as if there were no standby: later, and no worse.
//!
//! A standby that is called leaves a copy of itself behind, which is the next standby from that moment on: a core that
//! dies right after its first lease is followed as fast as any. The copy is the keeper's child, like every other, and
//! says who it is over the socket that the keeper gave for it.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::process::{self, Child};
use super::{Handover, Keeper, KeeperError};
use crate::shm::socket::{Received, Socket};
use crate::shm::stats::tell_standby;
use crate::wire::link::Link;

/// What the kernel shows a standby as.
pub(super) const NAME: &std::ffi::CStr = c"standby";
/// How long the lanes must have stayed the same before another standby is worth its start.
const SETTLED: Duration = Duration::from_millis(100);
/// Between a standby that ended by itself, or could not be started, and the next.
const BACKOFF: Duration = Duration::from_secs(1);

/// A lane as a standby inherits it: its number, its generation, whether its client is gone.
pub(super) type Inherited = (u16, u64, bool);

/// How long to wait, with a dead core, for a standby to say who it is.
const NAMED_WITHIN: Duration = Duration::from_millis(20);

/// The next core.
#[derive(Debug)]
pub(super) struct Standby {
    /// `None` until a copy that the one before left has said who it is.
    child: Option<Child>,
    link: Socket,
    lanes: Vec<Inherited>,
}

impl Standby {
    pub(super) fn pid(&self) -> Option<libc::pid_t> {
        self.child.as_ref().map(Child::pid)
    }

    /// Whether it has yet to say who it is.
    pub(super) fn is_nameless(&self) -> bool {
        self.child.is_none()
    }

    /// The keeper's end of its socket.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.link.fd()
    }

    /// Ends it; whoever reaps orphans waits for it.
    pub(super) fn let_go(self) {
        // One that has not said who it is ends when its socket does.
        if let Some(child) = self.child {
            child.signal(libc::SIGKILL);
        }
    }

    /// Hears who it is; why there is none, if that is so.
    fn hear(&mut self) -> Result<(), String> {
        if let Some(child) = &mut self.child {
            return child.reap().map_or(Ok(()), |exit| Err(exit.to_string()));
        }
        match self.link.receive() {
            Ok(Received::Nothing) => Ok(()),
            Ok(Received::Packet(packet, _)) => {
                let Some(Link::StandsBy { pid }) = Link::from_packet(&packet) else {
                    return Err("said something unknown".into());
                };
                self.child = Some(Child::adopt(pid).ok_or_else(|| format!("is no child: {pid}"))?);
                Ok(())
            }
            Ok(_) => Err("ended before it said who it is".into()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Tells a standby to go on; the keeper's end of the socket for the one that it leaves behind.
fn call(link: &Socket) -> io::Result<Option<Socket>> {
    let (next, its_own) = Socket::pair()?;
    next.set_nonblocking()?;
    link.send(&Link::Succeed.to_packet(), &[its_own.fd()])?;
    Ok(Some(next))
}

impl Keeper {
    /// Whether there is to be a standby once it is due: from the moment strategies may attach, while a core lives.
    pub(super) fn wants_standby(&self) -> bool {
        let settled = self.ready_by.is_none() && self.stop_by.is_none() && self.successor.due.is_none();
        self.options.keeps_standby && self.options.replaces_core && settled && self.standby.is_none()
    }

    /// Sees to it that there is a standby that could go on now, or will be soon, and tells whether there is one.
    pub(super) fn tend_standby(
        &mut self,
        core: &mut impl FnMut(Handover) -> io::Result<()>,
        now: Instant,
    ) -> Result<(), KeeperError> {
        let tended = self.replace_standby(core, now);
        tell_standby(&self.shared.stats, self.standby.is_some());
        tended
    }

    fn replace_standby(
        &mut self,
        core: &mut impl FnMut(Handover) -> io::Result<()>,
        now: Instant,
    ) -> Result<(), KeeperError> {
        if let Some(mut standby) = self.standby.take() {
            if let Err(why) = standby.hear() {
                tracing::warn!(
                    event = "standby_ended",
                    why,
                    "the standby ended; another one will be started"
                );
                // Where a core died before it could leave one, no standby is to blame.
                self.standby_due = if standby.is_nameless() { now } else { now + BACKOFF };
                standby.let_go();
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
            Ok((child, link)) => self.standby = Some(Standby { child: Some(child), link, lanes }),
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
        if standby.is_nameless() {
            let _said = process::poll_readable(&[standby.fd()], Some(NAMED_WITHIN));
        }
        let is_fit = standby.hear().is_ok() && standby.lanes == self.lanes.inherited();
        let called = if is_fit { call(&standby.link) } else { Ok(None) };
        match (standby.child.take(), called) {
            (Some(child), Ok(Some(next))) => {
                self.standby = Some(Standby { child: None, link: next, lanes: standby.lanes });
                Some((child, standby.link))
            }
            (child, _) => {
                Standby { child, ..standby }.let_go();
                None
            }
        }
    }
}
