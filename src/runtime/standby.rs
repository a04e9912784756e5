//! COLD: the wait of a core that is to go on when the one before it dies.
//!
//! It follows the journal a moment behind the core that writes it, as the shadow does, and touches nothing that is
//! shared: until it is called, the words, the lanes and the log have another writer. Called, it has a few entries left to
//! follow. A standby that cannot follow says so, tries again from a newer snapshot, and takes over like any core if it
//! comes to that: what it has followed saves time and decides nothing.
//!
//! Called, it first leaves a copy of itself, which waits in its place with the same lanes and as far in the journal: a
//! standby that had to be started anew would have nothing for the next few dozen milliseconds. Their memory is shared
//! until one of them writes to it, so the copy makes its own of everything, away from the core's processor.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use super::history::Journal;
use super::pin;
use crate::journal::pursuit::Pursuit;
use crate::journal::replica::Replica;
use crate::shm::clock::monotonic;
use crate::shm::socket::{Received, Socket};
use crate::wire::link::Link;

/// The longest it is behind the core, when it keeps up.
const NAP: Duration = Duration::from_millis(2);
/// What the kernel shows a core as, once it is one.
const CORE: &std::ffi::CStr = c"tripline-core";
/// And a standby.
const STANDBY: &std::ffi::CStr = c"standby";

/// What a standby has done before it was called.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// How far the journal was followed.
    pub(super) replica: Option<Box<Replica>>,
    /// Everything that it needs is in memory and stays there.
    pub(super) is_locked: bool,
}

/// Who waits: it changes where a copy takes the place of who was called.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// The keeper's socket.
    pub(super) link: &'a mut Socket,
    /// Cores that will have died before this one.
    pub(super) restarts: &'a mut u32,
}

impl Place<'_> {
    /// Of a copy of the process that was called: it waits on `link`.
    fn take(&mut self, link: OwnedFd) -> io::Result<()> {
        pin::name_process(STANDBY);
        *self.link = Socket::from_fd(link);
        *self.restarts = self.restarts.saturating_add(1);
        self.link.set_timeout(NAP)?;
        self.link.send(&Link::StandsBy { pid: std::process::id() }.to_packet(), &[])
    }
}

/// Waits until the core is dead; `None` when the keeper needs no core any more, or is gone. `off` is the processor of the
/// core that lives.
pub(super) fn wait(mut place: Place<'_>, journal: &Journal, off: Option<usize>) -> io::Result<Option<Ahead>> {
    if let Some(cpu) = off {
        pin::keep_off(cpu);
    }
    place.link.set_timeout(NAP)?;
    let Journal { store, log, .. } = journal;
    let mut pursuit = Pursuit::new(store, log);
    let mut is_locked = false;
    loop {
        // Once there is something to lock; what it allocates later is little.
        if pursuit.catch_up(monotonic()) && !is_locked {
            is_locked = pin::lock_memory().is_ok();
        }
        match place.link.receive() {
            Ok(Received::Nothing | Received::Odd { .. }) => {}
            Ok(Received::Packet(packet, next)) => match Link::from_packet(&packet) {
                Some(Link::Succeed) => {
                    match next.into_iter().next().filter(|_| pin::fork_sibling().unwrap_or(false)) {
                        Some(link) => {
                            place.take(link)?;
                            // Its memory is the core's as well, until it has been locked.
                            is_locked = false;
                        }
                        // Where no copy could be made its socket ends here, and the keeper starts a standby instead.
                        None => break,
                    }
                }
                Some(Link::Shutdown) => return Ok(None),
                _ => {}
            },
            Ok(Received::Closed) | Err(_) => return Ok(None),
        }
    }
    pin::name_process(CORE);
    Ok(Some(Ahead { replica: pursuit.into_replica(), is_locked }))
}
