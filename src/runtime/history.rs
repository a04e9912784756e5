//! COLD: what a core knows when it starts: nothing, or what the journal says.
//!
//! A journal is followed only by a core of the same build with the same limits, in the same boot of the machine: times,
//! indices and snapshots mean something else otherwise. Whatever cannot be followed is set aside for a person, and the core starts with every
//! scope halted: positions and orders are then to be reconciled, and an operator's reset says that they are.

use std::io;

use crate::engine::{Engine, Limits, Source};
use crate::journal::archive;
use crate::journal::log::{FIRST, HotLog, Identity, Writer, random_id};
use crate::journal::replica::Replica;
use crate::journal::shadow;
use crate::journal::store::{Problem, Recovery, Store, follow};
use crate::model::{Event, Flags, Handle, Message, Nanos, Reason, Scope};

/// The journal of a sidecar, open.
#[derive(Clone, Debug)]
pub struct Journal {
    /// Where it is.
    pub store: Store,
    /// Its hot log.
    pub log: HotLog,
    /// Where everything is archived, if it is.
    pub archive: Option<archive::Settings>,
    /// Which program this is, as far as its snapshots go.
    pub build: u64,
}

/// What the core goes on from.
#[derive(Debug)]
pub(super) struct History {
    pub(super) replica: Replica,
    pub(super) writer: Option<Writer>,
    /// There was a core before this one, and it is known what it did.
    pub(super) resumed: bool,
}

/// What a new journal is begun with.
pub(super) struct Beginning {
    pub(super) limits: Limits,
    pub(super) lease: Nanos,
    pub(super) now: Nanos,
    /// The next position of the operator's lane, and who keeps the lanes.
    pub(super) operator_at: u64,
    pub(super) keeper: u64,
}

impl Beginning {
    fn engine(&self) -> Engine {
        let mut engine = Engine::new(self.limits.clone(), self.now);
        engine.set_lease(self.lease);
        engine
    }

    /// Without a journal.
    pub(super) fn unrecorded(&self) -> History {
        let replica = Replica::new(self.engine(), self.now).with_operator_at(self.operator_at);
        History { replica, writer: None, resumed: false }
    }
}

impl Journal {
    /// Follows the journal, or begins one. `ahead` is how far a standby has followed it already; where that does not lead
    /// to the end, it is as if there were none, so that what is wrong is always found the same way.
    pub(super) fn open(&self, beginning: &Beginning, ahead: Option<Box<Replica>>) -> io::Result<History> {
        let ahead = ahead.map(|replica| follow(&self.log, replica));
        let whole = ahead.filter(|recovery| matches!(recovery, Recovery::Whole { .. }));
        match whole.unwrap_or_else(|| self.store.recover(&self.log)) {
            Recovery::Nothing => match self.archive.as_ref().is_some_and(archive::Settings::is_in_use) {
                true => self.begin_in_doubt(
                    beginning,
                    FIRST,
                    Reason::Replay,
                    &"there is an archive, but no journal",
                ),
                false => self.begin(beginning, beginning.engine()),
            },
            Recovery::Whole { replica, followed } => match self.objection(&replica, beginning) {
                None => {
                    self.spare_the_next(&replica, followed);
                    Ok(self.resume(*replica))
                }
                Some(why) => self.begin_in_doubt(beginning, replica.next(), Reason::Replay, &why),
            },
            Recovery::Broken(replica, problem) => {
                let reason = match problem {
                    Problem::Divergence(_) => Reason::Replay,
                    _ => Reason::Corrupt,
                };
                let sequence = replica.map_or(FIRST, |replica| replica.next());
                self.begin_in_doubt(beginning, sequence, reason, &problem)
            }
        }
    }

    /// Why a journal that can be followed is not gone on with.
    fn objection(&self, replica: &Replica, beginning: &Beginning) -> Option<&'static str> {
        let boot = boot_id();
        let identity = self.log.identity()?;
        if identity.boot != boot || boot == [0, 0] {
            return Some("the machine was restarted");
        }
        if identity.build != self.build {
            return Some("another build of the program wrote it");
        }
        let same_limits = replica.engine().limits().to_bytes() == beginning.limits.to_bytes();
        (!same_limits).then_some("the limits have changed")
    }

    /// A core that had much to follow leaves a snapshot to the one behind it: where cores die one after the other their
    /// shadows may never come to take any.
    fn spare_the_next(&self, replica: &Replica, followed: u64) {
        let is_due = replica.is_whole() && followed >= shadow::every(&self.log);
        let Some(identity) = self.log.identity().filter(|_| is_due) else { return };
        match self.store.write(identity.id, replica) {
            Ok(needed) => {
                // What no disk has yet stays, so that the archive has no gap.
                let on_disk =
                    self.archive.as_ref().map_or(needed, |_| self.log.archive_lag().map_or(0, |lag| lag.0));
                self.log.release(needed.min(on_disk).max(self.log.released()));
            }
            Err(error) => tracing::error!(event = "snapshot", %error, "a snapshot could not be written"),
        }
    }

    fn resume(&self, replica: Replica) -> History {
        let mut writer = Writer::new(self.log.clone(), replica.next(), replica.now(), replica.chain());
        for (lane, [header, a, b, c, d, e]) in replica.unrecorded() {
            writer.append(replica.now(), *lane, &[0, *header, *a, *b, *c, *d, *e, 0]);
        }
        History { replica, writer: Some(writer), resumed: true }
    }

    fn begin(&self, beginning: &Beginning, engine: Engine) -> io::Result<History> {
        let replica = Replica::new(engine, beginning.now).with_operator_at(beginning.operator_at);
        let identity = Identity { id: random_id()?, boot: boot_id(), build: self.build };
        self.store.begin(&self.log, identity, beginning.keeper, &replica)?;
        let writer = Writer::new(self.log.clone(), FIRST, replica.now(), replica.chain());
        Ok(History { replica, writer: Some(writer), resumed: false })
    }

    /// Sets the journal aside and begins another one with everything halted. The halt is in its first snapshot: there is no
    /// moment at which a core that dies would leave a journal without it.
    fn begin_in_doubt(
        &self,
        beginning: &Beginning,
        sequence: u64,
        reason: Reason,
        why: &dyn core::fmt::Display,
    ) -> io::Result<History> {
        let id = self.log.identity().map_or(0, |identity| identity.id);
        let kept = self.store.set_aside(id, sequence);
        let kept = kept.map_or_else(|error| format!("nowhere: {error}"), |dir| dir.display().to_string());
        tracing::error!(
            event = "journal",
            entry = sequence,
            why = %why,
            kept,
            "the journal cannot be followed; everything is halted: reconcile positions and orders with the venue, then reset"
        );
        let mut engine = beginning.engine();
        let event = Event::Doubt { scope: Scope::Firm, reason, detail: sequence };
        let message = Message { flags: Flags::empty(), epoch: 0, handle: Handle::default(), event };
        engine.apply(beginning.now, Source::Sidecar, &message);
        self.begin(beginning, engine)
    }
}

/// The kernel's boot; zeros where it does not say.
fn boot_id() -> [u64; 2] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let half = |at: usize| digits.get(at..at.saturating_add(16)).unwrap_or_default();
    [0, 16].map(|at| u64::from_str_radix(half(at), 16).unwrap_or_default())
}
