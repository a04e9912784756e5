//! What is left of what was known when several die at once, or everything is started again: halts, positions, the operator's
//! commands; and what is not known halts.

#![allow(unsafe_code)]

mod support;

use std::fs;

use support::process::{children, signal};
use support::sidecar::{Setup, Sidecar};
use support::strategy::{StrategyProcess, be_a_strategy};
use support::{tries, wait_for};
use tripline::model::{Event, Flags, Lots, Ticks};
use tripline::runtime::pin;
use tripline::shm::client::ClientError;
use tripline::shm::gate::Gate;

#[test]
#[ignore = "the strategy process that the tests of this file start"]
fn a_strategy_process() {
    be_a_strategy();
}

/// Leases that outlast any scheduling.
fn patient() -> Setup {
    Setup { lease: "2s", ..Setup::default() }
}

/// Kills the core and waits until another one tells.
fn kill_core(sidecar: &Sidecar) {
    let core = sidecar.core();
    signal(core, libc::SIGKILL);
    wait_for("another core", || (sidecar.status().looping?.core_pid != u64::from(core)).then_some(()));
}

#[test]
fn what_a_strategy_published_before_it_and_the_core_were_killed_together_is_applied() {
    let tries = tries(20);
    let sidecar = Sidecar::start(&patient());
    let marks = || wait_for("a core", || sidecar.status().looping).marks;
    for number in 0..tries {
        let mut strategy = StrategyProcess::start(&sidecar.run_dir(), "one");
        let (core, before) = (sidecar.core(), marks());
        signal(core, libc::SIGSTOP);
        for px in 1..=10 {
            strategy.ask(&format!("mark {px}"));
        }
        assert_eq!(marks(), before, "a core that stands still reads nothing");
        signal(core, libc::SIGKILL);
        strategy.kill();
        let cause = sidecar.cause("strategy:one", "CLIENT_DEAD");
        wait_for("the lane is drained", || (marks() == before + 10).then_some(()));
        sidecar.reset(&cause);
        let looping = sidecar.status().looping.expect("a core");
        assert_eq!(looping.restarts, u64::from(number) + 1, "one core died each time");
    }
    println!("core and strategy killed: {tries} of {tries}, no event lost");
}

#[test]
fn halts_and_positions_survive_the_end_of_everything() {
    let mut sidecar = Sidecar::start(&Setup::default());
    let mut one = sidecar.attach_and_pass("one");
    let target = one.target.handle;
    let fill = |exec, qty| Event::Fill { order: 0, exec, px: Ticks(100), qty: Lots(qty), fee: 0 };
    one.client.publish(target, Flags::empty(), fill(1, 5)).expect("room");
    let mark = Event::Mark { mark: Some(Ticks(110)), index: None, last: None, underlying: None, sequence: 1 };
    one.client.publish(target, Flags::empty(), mark).expect("room");
    let halted = sidecar.tripline(&["halt", "strategy:two", "--reason", "a test"]);
    assert!(halted.status.success(), "{halted:?}");
    let held = sidecar.cause("strategy:two", "OPERATOR");
    let equity = wait_for("the fill is booked", || {
        let books = sidecar.status().books;
        books
            .into_iter()
            .find(|book| book.name == "one/main" && book.equity.starts_with("100050"))
            .map(|book| book.equity)
    });
    signal(sidecar.keeper(), libc::SIGKILL);
    sidecar.wait();
    sidecar.start_again();
    let again = sidecar.cause("strategy:two", "OPERATOR");
    assert_eq!(again.nonce, held.nonce, "the same halt");
    let book = sidecar.status().books.into_iter().find(|book| book.name == "one/main").expect("its book");
    assert_eq!(book.equity, equity);
    let mut one = sidecar.attach("one");
    // Told again after the restart, it is still the same fill.
    one.client.publish(one.target.handle, Flags::empty(), fill(1, 5)).expect("room");
    wait_for("the repeat is counted", || (sidecar.status().looping?.duplicate_fills == 1).then_some(()));
    sidecar.reset(&sidecar.cause("strategy:one", "CLIENT_DEAD"));
    one.await_pass(&sidecar);
}

#[test]
fn a_sidecar_that_is_started_with_other_limits_starts_halted_and_keeps_the_old_journal() {
    let mut sidecar = Sidecar::start(&Setup::default());
    let one = sidecar.attach_and_pass("one");
    drop(one);
    signal(sidecar.keeper(), libc::SIGTERM);
    sidecar.wait();
    let config = sidecar.config();
    let text = fs::read_to_string(&config).expect("the configuration");
    fs::write(&config, text.replace("capital = \"100000\"", "capital = \"200000\"")).expect("written");
    sidecar.start_again();
    let cause = sidecar.cause("firm", "REPLAY");
    let one = sidecar.attach("one");
    assert_eq!(one.gate(), Gate::Halted);
    let kept = fs::read_dir(sidecar.run_dir().join("journal")).expect("a journal").flatten();
    assert_eq!(kept.filter(|entry| entry.file_name().to_string_lossy().starts_with("aside-")).count(), 1);
    assert!(sidecar.log().contains("the limits have changed"), "{}", sidecar.log());
    sidecar.reset(&cause);
    one.await_pass(&sidecar);
}

#[test]
fn commands_are_heard_by_every_core_of_every_keeper_once() {
    let mut sidecar = Sidecar::start(&Setup::default());
    let command = |sidecar: &Sidecar, args: &[&str]| {
        let done = sidecar.tripline(args);
        assert!(done.status.success(), "{args:?}: {done:?}");
    };
    for round in 0..2 {
        command(&sidecar, &["halt", "strategy:one", "--reason", "a test"]);
        let cause = sidecar.cause("strategy:one", "OPERATOR");
        kill_core(&sidecar);
        sidecar.reset(&cause);
        command(&sidecar, &["halt", "strategy:two", "--reason", "a test"]);
        kill_core(&sidecar);
        let two = sidecar.cause("strategy:two", "OPERATOR");
        let causes = sidecar.status().causes;
        assert_eq!(causes.len(), 1, "round {round}: no command was heard again: {causes:?}");
        sidecar.reset(&two);
        signal(sidecar.keeper(), libc::SIGKILL);
        sidecar.wait();
        sidecar.start_again();
        kill_core(&sidecar);
        assert_eq!(sidecar.status().causes, [], "round {round}");
    }
}

#[test]
fn strategies_whose_lanes_went_with_a_keeper_are_halted_whenever_the_next_core_dies() {
    let mut sidecar = Sidecar::start(&Setup::default());
    for number in 0..tries(8) {
        let attached = ["one", "two"].map(|name| sidecar.attach(name));
        wait_for("both are attached", || (sidecar.status().lanes.len() == 3).then_some(()));
        signal(sidecar.keeper(), libc::SIGKILL);
        sidecar.wait();
        sidecar.start_again_and(|keeper| {
            // Somewhere on its way, before it is ready or after.
            if let Some(core) = children(keeper).first() {
                pin::sleep(u64::from(number) * 1_500_000);
                signal(*core, libc::SIGKILL);
            }
        });
        drop(attached);
        for strategy in ["strategy:one", "strategy:two"] {
            sidecar.reset(&sidecar.cause(strategy, "CLIENT_DEAD"));
        }
    }
}

#[test]
fn a_journal_that_cannot_be_followed_halts_everything_and_lets_its_clients_attach_again() {
    let sidecar = Sidecar::start(&Setup::default());
    let mut one = sidecar.attach_and_pass("one");
    let command = sidecar.tripline(&["halt", "strategy:two", "--reason", "a test"]);
    assert!(command.status.success(), "{command:?}");
    sidecar.cause("strategy:two", "OPERATOR");
    let log = sidecar.run_dir().join("journal").join("hot.log");
    // One bit of the first entry.
    flip(&log, 4_096 + 64 + 20);
    let core = sidecar.core();
    signal(core, libc::SIGKILL);
    let cause = sidecar.cause("firm", "CORRUPT");
    let causes = sidecar.status().causes;
    assert!(!causes.iter().any(|cause| cause.scope == "strategy:two"), "old commands stay read: {causes:?}");
    let mark = Event::Mark { mark: Some(Ticks(1)), index: None, last: None, underlying: None, sequence: 1 };
    let published =
        wait_for("the lane is let go", || one.client.publish(one.target.handle, Flags::empty(), mark).err());
    assert_eq!(published, ClientError::LaneClosed);
    assert_eq!(one.gate(), Gate::Halted);
    let again = sidecar.attach("one");
    assert_eq!(again.gate(), Gate::Halted);
    sidecar.reset(&cause);
    again.await_pass(&sidecar);
}

fn flip(path: &std::path::Path, at: u64) {
    use std::os::unix::fs::FileExt;
    let file = fs::File::options().read(true).write(true).open(path).expect("the hot log");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("inside");
    file.write_all_at(&[byte[0] ^ 1], at).expect("inside");
}
