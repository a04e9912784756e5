//! COLD: the wait of a core that is to go on when the one before it dies.
//!
//! It follows the journal a moment behind the core that writes it, as the shadow does, and touches nothing that is
//! shared: until it is called, the words, the lanes and the log have another writer. Called, it has a few entries left to
//! follow. A standby that cannot follow says so, tries again from a newer snapshot, and takes over like any core if it
//! comes to that: what it has followed saves time and decides nothing.

use std::io;
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
/// What the kernel shows a core as.
const CORE: &std::ffi::CStr = c"tripline";

/// What a standby has done before it was called.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// How far the journal was followed.
    pub(super) replica: Option<Box<Replica>>,
    /// Everything that it needs is in memory and stays there.
    pub(super) is_locked: bool,
}

/// Waits on `link` until the core is dead; `None` when the keeper needs no core any more, or is gone. `off` is the processor
/// of the core that lives.
pub(super) fn wait(link: &Socket, journal: &Journal, off: Option<usize>) -> io::Result<Option<Ahead>> {
    if let Some(cpu) = off {
        pin::keep_off(cpu);
    }
    link.set_timeout(NAP)?;
    let Journal { store, log, .. } = journal;
    let mut pursuit = Pursuit::new(store, log);
    let mut is_locked = false;
    loop {
        // Once there is something to lock; what it allocates later is little.
        if pursuit.catch_up(monotonic()) && !is_locked {
            is_locked = pin::lock_memory().is_ok();
        }
        match link.receive() {
            Ok(Received::Nothing | Received::Odd { .. }) => {}
            Ok(Received::Packet(packet, _)) => match Link::from_packet(&packet) {
                Some(Link::Succeed) => break,
                Some(Link::Shutdown) => return Ok(None),
                _ => {}
            },
            Ok(Received::Closed) | Err(_) => return Ok(None),
        }
    }
    pin::name_process(CORE);
    Ok(Some(Ahead { replica: pursuit.into_replica(), is_locked }))
}
