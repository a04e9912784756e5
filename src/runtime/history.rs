//! COLD: what a core knows when it starts: nothing, or what the journal says.
//!
//! A journal is followed only by a core with the same limits, in the same boot of the machine: prices of time and indices
//! mean something else otherwise. Whatever cannot be followed is set aside for a person, and the core starts with every
//! scope halted: positions and orders are then to be reconciled, and an operator's reset says that they are.

use std::io;

use crate::engine::{Engine, Limits};
use crate::journal::archive;
use crate::journal::log::{FIRST, HotLog, Identity, Writer};
use crate::journal::replica::Replica;
use crate::journal::shadow;
use crate::journal::store::{Problem, Recovery, Store};
use crate::model::{Nanos, Reason};

/// The journal of a sidecar, open.
#[derive(Clone, Debug)]
pub struct Journal {
    /// Where it is.
    pub store: Store,
    /// Its hot log.
    pub log: HotLog,
    /// Where everything is archived, if it is.
    pub archive: Option<archive::Settings>,
}

/// Why a core does not vouch for what it starts with, and the entry at which that was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    pub(super) reason: Reason,
    pub(super) sequence: u64,
}

/// What the core goes on from.
#[derive(Debug)]
pub(super) struct History {
    pub(super) replica: Replica,
    pub(super) writer: Option<Writer>,
    pub(super) doubt: Option<Doubt>,
    /// There was a core before this one, and it is known what it did.
    pub(super) resumed: bool,
}

/// What a new journal is begun with.
pub(super) struct Beginning {
    pub(super) limits: Limits,
    pub(super) lease: Nanos,
    pub(super) now: Nanos,
}

impl Beginning {
    fn replica(self) -> Replica {
        let mut engine = Engine::new(self.limits, self.now);
        engine.set_lease(self.lease);
        Replica::new(engine, self.now)
    }

    /// Without a journal.
    pub(super) fn unrecorded(self) -> History {
        History { replica: self.replica(), writer: None, doubt: None, resumed: false }
    }
}

impl Journal {
    /// Follows the journal, or begins one.
    pub(super) fn open(&self, beginning: Beginning) -> io::Result<History> {
        let boot = boot_id();
        let same_boot = self.log.identity().is_none_or(|identity| identity.boot == boot);
        match self.store.recover(&self.log) {
            Recovery::Nothing => self.begin(boot, beginning.replica(), None),
            Recovery::Whole { replica, followed } => {
                let same_limits = replica.engine().limits().to_bytes() == beginning.limits.to_bytes();
                if same_boot && same_limits {
                    self.spare_the_next(&replica, followed)?;
                    return Ok(self.resume(*replica));
                }
                let why = if same_boot { "the limits have changed" } else { "the machine was restarted" };
                let doubt = Doubt { reason: Reason::Replay, sequence: replica.next() };
                self.set_aside(doubt, &why)?;
                self.begin(boot, beginning.replica(), Some(doubt))
            }
            Recovery::Broken(replica, problem) => {
                let reason = match problem {
                    Problem::Divergence(_) => Reason::Replay,
                    _ => Reason::Corrupt,
                };
                let sequence = replica.as_ref().map_or(FIRST, |replica| replica.next());
                let doubt = Doubt { reason, sequence };
                self.set_aside(doubt, &problem)?;
                self.begin(boot, beginning.replica(), Some(doubt))
            }
        }
    }

    /// A core that had much to follow leaves a snapshot to the one behind it: where cores die one after the other their
    /// shadows may never come to take any.
    fn spare_the_next(&self, replica: &Replica, followed: u64) -> io::Result<()> {
        let is_due = replica.is_whole() && followed >= shadow::every(&self.log);
        if let Some(identity) = self.log.identity().filter(|_| is_due) {
            let needed = self.store.write(identity.id, replica)?;
            // What no disk has yet stays, so that the archive has no gap.
            let on_disk =
                self.archive.as_ref().map_or(needed, |_| self.log.archive_lag().map_or(0, |lag| lag.0));
            self.log.release(needed.min(on_disk).max(self.log.released()));
        }
        Ok(())
    }

    fn resume(&self, replica: Replica) -> History {
        let mut writer = Writer::new(self.log.clone(), replica.next(), replica.now(), replica.chain());
        for (lane, [header, a, b, c, d, e]) in replica.unrecorded() {
            writer.append(replica.now(), *lane, &[0, *header, *a, *b, *c, *d, *e, 0]);
        }
        History { replica, writer: Some(writer), doubt: None, resumed: true }
    }

    fn begin(&self, boot: [u64; 2], replica: Replica, doubt: Option<Doubt>) -> io::Result<History> {
        let id = random_id();
        self.store.begin(&self.log, Identity { id, boot }, &replica)?;
        let writer = Writer::new(self.log.clone(), FIRST, replica.now(), replica.chain());
        Ok(History { replica, writer: Some(writer), doubt, resumed: false })
    }

    fn set_aside(&self, doubt: Doubt, why: &dyn core::fmt::Display) -> io::Result<()> {
        let kept = self.store.set_aside(doubt.sequence)?;
        tracing::error!(
            event = "journal",
            entry = doubt.sequence,
            why = %why,
            kept = %kept.display(),
            "the journal cannot be followed; everything is halted: reconcile positions and orders with the venue, then reset"
        );
        Ok(())
    }
}

/// The kernel's boot; zeros where it does not say.
fn boot_id() -> [u64; 2] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let half = |at: usize| digits.get(at..at.saturating_add(16)).unwrap_or_default();
    [0, 16].map(|at| u64::from_str_radix(half(at), 16).unwrap_or_default())
}

fn random_id() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    // Keyed anew for each process from the kernel's random numbers.
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}
