//! Deaths, stops and restarts of either side, between real processes: whatever dies, no gate stays open.
//!
//! The measure is exact and needs no slack: a lease is stamped before the signal, so a gate evaluated later than
//! signal + T_lease must read HALTED. Passing again is only waited for, with a deadline.
//!
//! More tries: `TRIPLINE_TEST_TRIES=1000 cargo test --test two_process`.

#![allow(unsafe_code)]

mod support;

use std::time::Duration;

use support::process::{children, lives, main_thread_lives, signal};
use support::seed::Seed;
use support::sidecar::{Attached, Setup, Sidecar};
use support::strategy::{StrategyProcess, be_a_strategy};
use support::{tries, wait_for};
use tripline::model::Nanos;
use tripline::runtime::pin;
use tripline::shm::clock::monotonic;
use tripline::shm::gate::Gate;

const LEASE: Nanos = Nanos::from_millis(50);

#[test]
#[ignore = "the strategy process that the tests of this file start"]
fn a_strategy_process() {
    be_a_strategy();
}

/// When a gate last passed and when it was first seen HALTED, after a signal.
#[derive(Clone, Copy, Debug, Default)]
struct Closing {
    last_pass: Nanos,
    halted: Nanos,
}

impl Closing {
    fn worst(self, other: Self) -> Self {
        Self { last_pass: self.last_pass.max(other.last_pass), halted: self.halted.max(other.halted) }
    }

    /// How late a gate was seen HALTED also holds how long the reading thread waited for a processor; how late one
    /// passed does not.
    fn tell(self, what: &str, tries: u32) {
        let [last, halted, lease] = [self.last_pass, self.halted, LEASE].map(shown);
        println!(
            "{what}: {tries} of {tries}, latest pass {last:?}, latest first HALTED {halted:?}, lease {lease:?}"
        );
    }
}

fn shown(time: Nanos) -> Duration {
    Duration::from_nanos(time.0)
}

/// Reads the gate until it is HALTED. It must not pass once a lease stamped at `from` at the latest has run out.
fn close_after(attached: &Attached, from: Nanos) -> Closing {
    close_after_unless(attached, from, || false)
}

/// The same, unless a later pass is `explained`: a reader that had no processor in between may find the next core's lease.
fn close_after_unless(attached: &Attached, from: Nanos, explained: impl Fn() -> bool) -> Closing {
    let mut closing = Closing::default();
    loop {
        let before = monotonic().since(from);
        if attached.gate() == Gate::Halted {
            return Closing { halted: before, ..closing };
        }
        if before > LEASE {
            assert!(explained(), "the gate passed {before:?} after the signal, the lease is {LEASE:?}");
            return Closing::default();
        }
        closing.last_pass = before;
    }
}

/// Lets a random part of a renewal period pass, so that the signal falls anywhere in it.
fn some_time(seed: &mut Seed) {
    pin::sleep(seed.below(LEASE.0 / 8) + 1);
}

fn stays_halted(attached: &Attached) {
    for _ in 0..200 {
        assert_eq!(attached.gate(), Gate::Halted);
    }
}

#[test]
fn a_killed_core_halts_every_gate_within_the_lease_and_the_next_one_opens_them_again() {
    let mut seed = Seed::new("two_process a_killed_core");
    let (mut worst, tries) = (Closing::default(), tries(100));
    let sidecar = Sidecar::start(&Setup::default());
    let attached = sidecar.attach_and_pass("one");
    let keeper = sidecar.keeper();
    for number in 0..tries {
        let core = sidecar.core();
        attached.await_pass(&sidecar);
        some_time(&mut seed);
        signal(core, libc::SIGKILL);
        let followed = || !children(keeper).contains(&core);
        worst = worst.worst(close_after_unless(&attached, monotonic(), followed));
        attached.await_pass(&sidecar);
        wait_for("another core tells", || {
            (sidecar.status().looping?.core_pid != u64::from(core)).then_some(())
        });
        assert_eq!((sidecar.keeper(), sidecar.status().causes), (keeper, vec![]), "try {number}");
    }
    let log = sidecar.log();
    assert!(log.contains("was ended by signal 9"), "{log}");
    worst.tell("core killed", tries);
}

#[test]
fn a_killed_core_halts_every_gate_by_the_lease_alone_while_the_keeper_cannot_act() {
    let mut seed = Seed::new("two_process a_killed_core_halts_every_gate_by_the_lease");
    let (mut worst, tries) = (Closing::default(), tries(100));
    let sidecar = Sidecar::start(&Setup::default());
    let attached = sidecar.attach_and_pass("one");
    for _ in 0..tries {
        let core = sidecar.core();
        signal(sidecar.keeper(), libc::SIGSTOP);
        attached.await_pass(&sidecar);
        some_time(&mut seed);
        signal(core, libc::SIGKILL);
        worst = worst.worst(close_after(&attached, monotonic()));
        stays_halted(&attached);
        signal(sidecar.keeper(), libc::SIGCONT);
        attached.await_pass(&sidecar);
    }
    worst.tell("core killed while the keeper is stopped", tries);
}

#[test]
fn a_stopped_core_halts_every_gate_within_the_lease_and_going_on_opens_them_and_counts_the_stall() {
    let mut seed = Seed::new("two_process a_stopped_core");
    let (mut worst, tries) = (Closing::default(), tries(100));
    let sidecar = Sidecar::start(&Setup::default());
    let attached = sidecar.attach_and_pass("one");
    let core = sidecar.core();
    let stalls = || wait_for("a status", || attached.client.stats().read()).looping.stalls;
    for number in 0..tries {
        attached.await_pass(&sidecar);
        let before = stalls();
        some_time(&mut seed);
        signal(core, libc::SIGSTOP);
        worst = worst.worst(close_after(&attached, monotonic()));
        stays_halted(&attached);
        let report = sidecar.status();
        assert_eq!(report.books.len(), 2, "try {number}: what was known last is still told: {report:?}");
        signal(core, libc::SIGCONT);
        attached.await_pass(&sidecar);
        wait_for("the stall is counted", || (stalls() > before).then_some(()));
        assert_eq!(sidecar.core(), core, "try {number}");
    }
    let causes = sidecar.status().causes;
    assert!(causes.is_empty(), "a stall of the sidecar's own halts nobody for good: {causes:?}");
    worst.tell("core stopped", tries);
}

#[test]
fn a_killed_keeper_takes_core_and_control_with_it_and_halts_every_gate_within_the_lease() {
    let mut seed = Seed::new("two_process a_killed_keeper");
    let (mut worst, tries) = (Closing::default(), tries(100));
    for _ in 0..tries {
        let sidecar = Sidecar::start(&Setup::default());
        let attached = sidecar.attach_and_pass("one");
        let (keeper, core, control) = (sidecar.keeper(), sidecar.core(), sidecar.control());
        some_time(&mut seed);
        signal(keeper, libc::SIGKILL);
        let killed = monotonic();
        // The core renews until the kernel ends it; its lease counts from there.
        let mut died = None;
        let mut closing = Closing::default();
        loop {
            let before = monotonic();
            if attached.gate() == Gate::Halted {
                closing.halted = before.since(killed);
                break;
            }
            closing.last_pass = before.since(killed);
            let passed = died.map_or(Nanos::ZERO, |died| before.since(died));
            assert!(passed <= LEASE, "the gate passed {passed:?} after the core was seen dead");
            assert!(closing.last_pass < Nanos::from_secs(5), "the core outlives its keeper");
            if died.is_none() && !main_thread_lives(core) {
                died = Some(monotonic());
            }
        }
        worst = worst.worst(closing);
        wait_for("core and control end", || (!lives(core) && !lives(control)).then_some(()));
        stays_halted(&attached);
    }
    worst.tell("keeper killed", tries);
}

/// Leases that outlast any scheduling: for tests in which a gate must not close at all.
fn patient() -> Setup {
    Setup { lease: "2s", ..Setup::default() }
}

#[test]
fn a_forked_child_reads_halted_at_once_and_publishes_nothing_while_its_parent_goes_on() {
    let tries = tries(100);
    let sidecar = Sidecar::start(&patient());
    let mut strategy = StrategyProcess::start(&sidecar.run_dir(), "one");
    strategy.await_gate("Pass");
    let marks = sidecar.status().looping.expect("a core").marks;
    let told = strategy.ask(&format!("fork {tries}"));
    assert_eq!(told, format!("halted {tries} refused {tries} unaffected {tries} sent 0"));
    let applied = wait_for("the parent's marks", || {
        let looping = sidecar.status().looping?;
        (looping.marks >= marks + u64::from(tries)).then_some(looping)
    });
    assert_eq!(applied.marks, marks + u64::from(tries), "one of the parent's each time, none of a child's");
    assert_eq!(applied.rejected, 0);
    assert_eq!(strategy.ask("detach"), "detached");
}

/// Two strategies of which the first may be silent for 100 ms.
fn with_heartbeat() -> Setup {
    Setup { strategies: vec![("one", "100ms", None), ("two", "1h", None)], ..patient() }
}

#[test]
fn a_stopped_strategy_is_halted_after_its_heartbeat_and_its_neighbour_is_not() {
    const HEARTBEAT: Nanos = Nanos::from_millis(100);
    let tries = tries(100);
    let sidecar = Sidecar::start(&with_heartbeat());
    let neighbour = sidecar.attach_and_pass("two");
    let mut strategy = StrategyProcess::start(&sidecar.run_dir(), "one");
    // The gate of the strategy's book, seen from outside; this handle beats nothing.
    let silent = sidecar.attach("one");
    let (mut earliest, mut latest) = (Nanos::NEVER, Nanos::ZERO);
    for number in 0..tries {
        silent.await_pass(&sidecar);
        let before = monotonic();
        signal(strategy.pid(), libc::SIGSTOP);
        let stopped = monotonic();
        while silent.gate() != Gate::Halted {
            assert_eq!(neighbour.gate(), Gate::Pass, "try {number}: {:?}", sidecar.status().causes);
            assert!(monotonic().since(stopped) < Nanos::from_secs(10), "never halted");
            pin::sleep(100_000);
        }
        earliest = earliest.min(monotonic().since(before));
        latest = latest.max(monotonic().since(stopped));
        let cause = sidecar.cause("strategy:one", "HEARTBEAT");
        assert_eq!((cause.state.as_str(), cause.latch.as_str()), ("HALTED", "auto"));
        assert_eq!(neighbour.gate(), Gate::Pass);
        signal(strategy.pid(), libc::SIGCONT);
        strategy.await_gate("Pass");
    }
    assert!(latest < Nanos::from_secs(2), "halted {latest:?} after the stop, its heartbeat is {HEARTBEAT:?}");
    let (earliest, latest) = (shown(earliest), shown(latest));
    println!("strategy stopped: {tries} of {tries}, halted {earliest:?} to {latest:?} after the stop");
}

#[test]
fn a_killed_strategy_stays_halted_until_an_operator_resets_it_and_a_clean_detach_leaves_nothing() {
    let tries = tries(100);
    let sidecar = Sidecar::start(&patient());
    let neighbour = sidecar.attach_and_pass("two");
    let mut latest = Nanos::ZERO;
    for number in 0..tries {
        let mut strategy = StrategyProcess::start(&sidecar.run_dir(), "one");
        strategy.await_gate("Pass");
        let watcher = sidecar.attach_and_pass("one");
        let killed = monotonic();
        strategy.kill();
        while watcher.gate() != Gate::Halted {
            assert!(monotonic().since(killed) < Nanos::from_secs(10), "never halted");
            pin::sleep(50_000);
        }
        latest = latest.max(monotonic().since(killed));
        drop(watcher);
        let cause = sidecar.cause("strategy:one", "CLIENT_DEAD");
        assert_eq!((cause.state.as_str(), cause.latch.as_str()), ("HALTED", "sticky"));
        let next = sidecar.attach("one");
        for _ in 0..20 {
            assert_eq!(next.gate(), Gate::Halted, "try {number}");
            pin::sleep(100_000);
        }
        sidecar.reset(&cause);
        next.await_pass(&sidecar);
        drop(next);
        let mut polite = StrategyProcess::start(&sidecar.run_dir(), "one");
        assert_eq!(polite.ask("detach"), "detached");
        drop(polite);
        wait_for("its lane is given back", || {
            let lanes = sidecar.status().lanes;
            (!lanes.iter().any(|lane| lane.strategy == "one")).then_some(())
        });
        assert!(sidecar.status().causes.is_empty(), "{:?}", sidecar.status().causes);
        assert_eq!(neighbour.gate(), Gate::Pass, "try {number}");
    }
    println!("strategy killed: {tries} of {tries}, halted at most {:?} after the kill", shown(latest));
}

#[test]
fn after_a_restart_the_old_handle_stays_halted_and_its_strategy_waits_for_a_reset() {
    let tries = tries(30);
    let mut sidecar = Sidecar::start(&Setup::default());
    let mut old: Vec<Attached> = Vec::new();
    for number in 0..tries {
        old.push(sidecar.attach_and_pass("one"));
        // In turn: told to end, killed.
        let (end, code) = [(libc::SIGTERM, Some(0)), (libc::SIGKILL, None)][number as usize % 2];
        signal(sidecar.keeper(), end);
        assert_eq!(sidecar.wait().code(), code, "{}", sidecar.log());
        old[number as usize].await_halt();
        sidecar.start_again();
        let fresh = sidecar.attach_and_pass("two");
        let again = sidecar.attach("one");
        let cause = sidecar.cause("strategy:one", "CLIENT_DEAD");
        assert_eq!(again.gate(), Gate::Halted, "what it did meanwhile is not known");
        sidecar.reset(&cause);
        again.await_pass(&sidecar);
        drop(again);
        for handle in &old {
            assert_eq!(handle.gate(), Gate::Halted, "try {number}");
        }
        assert_eq!(fresh.gate(), Gate::Pass);
    }
}

#[test]
fn a_sidecar_told_to_end_halts_every_gate_and_leaves_neither_sockets_nor_processes() {
    let mut sidecar = Sidecar::start(&Setup::default());
    let attached = sidecar.attach_and_pass("one");
    let family = children(sidecar.keeper());
    assert_eq!(family.len(), 2);
    signal(sidecar.keeper(), libc::SIGTERM);
    assert_eq!(sidecar.wait().code(), Some(0));
    // Not only the lease: the words themselves.
    stays_halted(&attached);
    assert!(!family.into_iter().any(lives));
    for socket in ["attach.sock", "admin.sock"] {
        assert!(!sidecar.run_dir().join(socket).exists(), "{socket}");
    }
}

#[test]
fn control_has_no_mapping_that_it_could_halt_or_permit_with() {
    let sidecar = Sidecar::start(&Setup::default());
    let _attached = sidecar.attach_and_pass("one");
    let control = sidecar.control();
    let maps = std::fs::read_to_string(format!("/proc/{control}/maps")).expect("a live control");
    let writable: Vec<&str> =
        maps.lines().filter(|line| line.contains("tripline-") && line.contains(" rw-s ")).collect();
    assert!(
        writable.len() == 1 && writable[0].contains("tripline-operator"),
        "control writes its own lane and nothing else: {writable:#?}"
    );
}

#[test]
fn a_runtime_directory_that_others_may_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let place = support::sidecar::Place::new();
    let dir = place.path().join("run");
    std::fs::create_dir(&dir).expect("a directory");
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o770)).expect("its mode");
    let config = place.file("sidecar.toml", &Setup::default().toml(&dir));
    let ended = support::sidecar::run(&["run", "--config", &config.display().to_string()], &[]);
    assert_eq!(ended.status.code(), Some(1));
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("others than its owner may write to it"), "{said}");
}
