//! The core's start: everything that may block, allocate or call the kernel, before the loop turns for the first time.

use std::io;
use std::sync::Arc;

use super::bridge::{self, MappedLane};
use super::clock::EngineClock;
use super::commit::Commit;
use super::duty::Duty;
use super::history::{Beginning, History, Journal};
use super::housekeeping::Housekeeping;
use super::idle::Idle;
use super::lanes::ActiveLane;
use super::pin;
use super::standby::{self, Ahead};
use super::takeover::{self, Takeover};
use crate::engine::Limits;
use crate::journal::archive::{Archiver, Desk};
use crate::journal::log::Identity;
use crate::journal::replica::Replica;
use crate::journal::shadow;
use crate::model::{Nanos, Reason};
use crate::shm::clock::{monotonic, utc};
use crate::shm::gate::GatePage;
use crate::shm::shared::{OPERATOR_LANE, OpenLane, Shared};
use crate::shm::socket::Socket;
use crate::shm::stats::{StatsReader, StatsWriter};
use crate::sync::Ordering;
use crate::wire::layout::Geometry;
use crate::wire::stats::{Degraded, LoopRow};

/// Where the loop runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CpuChoice {
    /// The last isolated processor, else the last allowed one.
    #[default]
    Auto,
    /// This one.
    Number(usize),
    /// Wherever the kernel puts it.
    Unpinned,
}

/// What the loop does when idle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdleChoice {
    /// Spin on an isolated processor, back off elsewhere.
    #[default]
    Auto,
    /// Spin: the processor is given over.
    Spin,
    /// Back off.
    Backoff,
}

/// How the core runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoreOptions {
    /// Where.
    pub cpu: CpuChoice,
    /// What when idle.
    pub idle: IdleChoice,
    /// Length of a lease; `None` chooses by isolation and the measured stalls.
    pub lease: Option<Nanos>,
    /// How long stalls are measured before a default lease is trusted; zero skips it.
    pub stall_probe: Nanos,
}

/// What a core is started with besides its limits.
#[derive(Debug)]
pub struct Inheritance {
    /// Everything shared.
    pub shared: Shared,
    /// The keeper's socket.
    pub link: Socket,
    /// The lanes that clients have.
    pub lanes: Vec<OpenLane>,
    /// Cores of this keeper that died before.
    pub restarts: u32,
    /// Which keeper this is: a number no other has.
    pub keeper: u64,
    /// The journal; without one nothing survives the core.
    pub journal: Option<Journal>,
    /// Whether it is to wait until the core before it is dead.
    pub is_standby: bool,
}

impl CpuChoice {
    fn choose(self, isolated: &[usize]) -> Option<usize> {
        match self {
            Self::Auto => isolated.last().copied().or_else(|| pin::allowed_cpus().last().copied()),
            Self::Number(cpu) => Some(cpu),
            Self::Unpinned => None,
        }
    }
}

impl IdleChoice {
    const fn spins(self, on_isolated: bool) -> bool {
        match self {
            Self::Auto => on_isolated,
            Self::Spin => true,
            Self::Backoff => false,
        }
    }
}

/// How long the shadow gives way to a core on its way to a first lease.
const GIVE_WAY: Nanos = Nanos::from_millis(100);
/// Lease on a processor that other work shares.
const SHARED_LEASE: Nanos = Nanos(250_000_000);
/// Lease on an isolated processor.
const ISOLATED_LEASE: Nanos = Nanos(5_000_000);

/// Runs the core until shutdown. Every gate is closed when it returns or panics.
///
/// # Errors
/// What the kernel said when the cold threads could not be started or the journal not be opened.
pub fn run(limits: Limits, options: CoreOptions, mut inheritance: Inheritance) -> io::Result<()> {
    pin::block_terminal_signals();
    let isolated = pin::isolated_cpus();
    let cpu = options.cpu.choose(&isolated);
    let Inheritance { link, restarts, journal, is_standby, .. } = &mut inheritance;
    let called = match journal {
        Some(journal) if *is_standby => standby::wait(standby::Place { link, restarts }, journal, cpu)?,
        _ => Some(Ahead::default()),
    };
    called.map_or(Ok(()), |ahead| begin(limits, options, inheritance, ahead, cpu))
}

/// Runs the core now.
fn begin(
    limits: Limits,
    options: CoreOptions,
    inheritance: Inheritance,
    ahead: Ahead,
    cpu: Option<usize>,
) -> io::Result<()> {
    let Inheritance { shared, link, lanes, restarts, keeper, journal, .. } = inheritance;
    // Not before: a standby that panics is nobody's concern.
    close_gates_on_panic(shared.gate.clone());
    // Before pinning, since threads inherit the mask.
    let bridge = bridge::start(link, shared.gate.clone(), shared.geometry, cpu)?;
    let pinned = cpu.filter(|&cpu| pin::pin_to(cpu));
    let on_isolated = pinned.is_some_and(|cpu| pin::isolated_cpus().contains(&cpu));
    pin::sleep_precisely();
    let mut clock = EngineClock::new();
    let (lease, lengthened) = choose_lease(&options, restarts, on_isolated, &mut clock);
    let spins = options.idle.spins(on_isolated);
    let begun = clock.now();
    let words = takeover::words_left(&shared.gate, &shared.geometry);
    let limits = with_operators_lane(limits, &shared.geometry);
    // Relaxed: written by a core that is no more, or by the keeper before the fork.
    let operator_at = shared.positions.consumed(OPERATOR_LANE).load(Ordering::Relaxed);
    let beginning = Beginning { limits, lease, now: begun, operator_at, keeper };
    let history = begin_or_follow(journal.as_ref(), &beginning, ahead.replica)?;
    let now = clock.now();
    let found = takeover::Found { lanes, restarts, keeper, words };
    let takeover = Takeover::new(found, &history, journal.as_ref());
    let before = left_by_the_dead(&shared, restarts);
    let stats = StatsWriter::format(Arc::clone(&shared.stats), &shared.geometry);
    let (lanes, open) = lane_tables(shared.geometry.lanes);
    journal.map_or(Ok(()), |journal| start_shadow(journal, shared.gate.clone(), cpu, ahead.is_locked))?;
    let mut degraded =
        what_the_machine_lacks(on_isolated, ahead.is_locked, cpu.is_some() && pinned.is_none());
    degraded.set(Degraded::LEASE_LENGTHENED, lengthened || was_lengthened(&before));
    let row = LoopRow {
        lease: history.replica.engine().lease(),
        degraded: degraded.bits(),
        isolated: on_isolated,
        spinning: spins,
        transitions: history.replica.transitions(),
        restarts: u64::from(restarts),
        ..of_this_process(before, pinned)
    };
    let operator = takeover.operators(MappedLane::operators(&shared), &history.replica, now);
    let History { replica, writer, .. } = history;
    let (engine, lease) = (replica.into_engine(), row.lease);
    let mut duty = Duty {
        clock,
        commit: Commit::new(writer, engine.counters().records),
        engine,
        gate: shared.gate,
        positions: shared.positions,
        lanes,
        open,
        idle: Idle::new(spins, now),
        bridge,
        house: Housekeeping::new(stats, row),
        lease,
        lease_due: Nanos::ZERO,
        last_turn: now,
        drained: 0,
        unexplained: Vec::new(),
        shutdown: false,
    };
    takeover.carry_out(&mut duty, operator, &shared.geometry, now);
    duty.tell_wall_clock(now);
    duty.run();
    Ok(())
}

fn begin_or_follow(
    journal: Option<&Journal>,
    beginning: &Beginning,
    ahead: Option<Box<Replica>>,
) -> io::Result<History> {
    journal.map_or_else(|| Ok(beginning.unrecorded()), |journal| journal.open(beginning, ahead))
}

/// The counters of the loop itself as the dead core told them last; where it died while telling, they start again.
fn left_by_the_dead(shared: &Shared, restarts: u32) -> LoopRow {
    let told = (restarts > 0).then(|| StatsReader::new(Arc::clone(&shared.stats), &shared.geometry).read());
    let LoopRow { ticks, rejected, stalls, worst_stall, degraded, .. } =
        told.flatten().map(|stats| stats.looping).unwrap_or_default();
    LoopRow { ticks, rejected, stalls, worst_stall, degraded, ..LoopRow::default() }
}

/// Whether the lease, which goes on with the journal, was lengthened by a core before.
fn was_lengthened(before: &LoopRow) -> bool {
    before.degraded & Degraded::LEASE_LENGTHENED.bits() != 0
}

/// The row that begins where one of a dead core ended.
fn of_this_process(before: LoopRow, pinned: Option<usize>) -> LoopRow {
    LoopRow {
        core_pid: u64::from(std::process::id()),
        started: monotonic(),
        started_utc_ns: utc().0,
        cpu: pinned.map_or(u64::MAX, |cpu| cpu as u64),
        ..before
    }
}

/// Locks memory, where that was not done before, and marks what is not to be had here.
fn what_the_machine_lacks(on_isolated: bool, is_locked: bool, is_unpinned: bool) -> Degraded {
    let mut degraded = Degraded::empty();
    degraded.set(Degraded::PIN, is_unpinned);
    degraded.set(Degraded::NOT_ISOLATED, !on_isolated);
    degraded.set(Degraded::SLOW_CLOCK, pin::clock_is_slow());
    degraded.set(Degraded::NO_PEER_PIDFD, !knows_peer_pidfd());
    degraded.set(Degraded::MLOCK, !is_locked && pin::lock_memory().is_err());
    degraded
}

/// Starts the threads that follow and archive the journal, away from the loop's processor.
fn start_shadow(journal: Journal, gate: GatePage, off: Option<usize>, was_copied: bool) -> io::Result<()> {
    let Some(Identity { id, .. }) = journal.log.identity() else { return Ok(()) };
    let Journal { store, log, archive, .. } = journal;
    if archive.is_none() {
        // What a core before this one left, which had an archive.
        log.tell_archive_lag(0, Nanos::ZERO);
        log.end_trouble(Reason::JournalLag);
    }
    let archive = archive.map(|settings| Arc::new((settings, Desk::default())));
    if let Some(archive) = archive.clone() {
        let log = log.clone();
        let write = move || Archiver::new(&log, id, &archive.0, &archive.1).run();
        beside_the_loop("tripline-archive", off, write)?;
    }
    beside_the_loop("tripline-shadow", off, move || {
        give_way(&gate);
        if was_copied {
            // What the copy that waits now still shares with this process is copied here, not by the loop.
            let _locked = pin::lock_memory();
        }
        match store.newest(&log, id) {
            Some(replica) => {
                let archive = archive.as_deref().map(|(settings, desk)| (settings, desk));
                shadow::follow(&log, &store, id, replica, archive);
            }
            None => log.report_trouble(log.released(), Reason::Replay),
        }
    })
}

/// Leaves the machine to a core on its way to a first lease. Not for long: where the log is full, that core waits for
/// the shadow.
fn give_way(gate: &GatePage) {
    let by = monotonic().after(GIVE_WAY);
    while gate.deadline() == Nanos::ZERO && monotonic() < by {
        pin::sleep(1_000_000);
    }
}

fn beside_the_loop(name: &str, off: Option<usize>, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.into()).spawn(move || {
        if let Some(cpu) = off {
            pin::keep_off(cpu);
        }
        work();
    })?;
    Ok(())
}

/// Room for every lane, taken before memory is locked: the loop itself allocates nothing.
fn lane_tables(lanes: u16) -> (Vec<Option<ActiveLane>>, Vec<u16>) {
    ((0..lanes).map(|_| None).collect(), Vec::with_capacity(usize::from(lanes)))
}

/// The engine knows lanes by number, and the operator's has one too: without room for it the last lane a strategy may
/// have would be beyond the table, and opening it would halt the firm.
fn with_operators_lane(mut limits: Limits, geometry: &Geometry) -> Limits {
    limits.capacity.lanes = geometry.lanes;
    limits
}

impl Duty {
    /// The words as the engine starts them; no lease runs yet, so nothing reads them as permission.
    pub(super) fn publish_words(&self) {
        for (id, word) in self.engine.words() {
            self.gate.store(super::duty::scope_of(id), word);
        }
    }
}

/// Whether this kernel tells the keeper of a client's exit itself (6.5), or only of its socket's.
fn knows_peer_pidfd() -> bool {
    Socket::pair().is_ok_and(|(end, _)| end.peer_pidfd().is_ok())
}

/// A panic in the core halts first and dies second.
fn close_gates_on_panic(gate: GatePage) {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        gate.close();
        report(panic);
        pin::abort();
    }));
}

/// The configured lease, or the default for this processor, lengthened to four times the worst stall that a short
/// probe sees, so that the sidecar does not halt everybody by its own jitter.
fn choose_lease(
    options: &CoreOptions,
    restarts: u32,
    isolated: bool,
    clock: &mut EngineClock,
) -> (Nanos, bool) {
    if let Some(lease) = options.lease {
        return (lease, false);
    }
    // A core that takes over has its lease from the journal, and gates wait for it.
    let probe = if restarts == 0 { options.stall_probe } else { Nanos::ZERO };
    let default = if isolated { ISOLATED_LEASE } else { SHARED_LEASE };
    let start = clock.now();
    let (mut last, mut worst) = (start, Nanos::ZERO);
    while last.since(start) < probe {
        let now = clock.now();
        worst = worst.max(now.since(last));
        last = now;
    }
    let needed = Nanos(worst.0.saturating_mul(4));
    (default.max(needed), needed > default)
}
