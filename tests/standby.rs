//! The core that waits for the one before it to die: it goes on in its place, it serves exactly the lanes that are open,
//! and where there is none, or it is of no use, nothing is different but the time it takes.

#![allow(unsafe_code)]

mod support;

use support::process::{children, descriptors, signal, standby, state};
use support::sidecar::{Attached, CAPITAL, Setup, Sidecar};
use support::{not_run, wait_for};
use tripline::model::{Event, Flags, Lots, Ticks};
use tripline::runtime::pin;
use tripline::shm::gate::Gate;

/// A lease that outlasts any scheduling, so that a gate that closes was closed.
fn patient() -> Setup {
    Setup { lease: "2s", ..Setup::default() }
}

/// A strategy whose instrument has a price, and whose gate passes.
fn attach(sidecar: &Sidecar, strategy: &str) -> Attached {
    let mut attached = sidecar.attach_and_pass(strategy);
    let mark = Some(Ticks(100));
    publish(&mut attached, Event::Mark { mark, index: None, last: None, underlying: None, sequence: 1 });
    attached
}

fn a_standby(sidecar: &Sidecar) -> u32 {
    wait_for("a standby", || standby(sidecar.keeper()))
}

/// One that will stay: it was forked with the lanes that are open now.
fn settled(sidecar: &Sidecar) -> u32 {
    wait_for("a standby that stays", || {
        let before = standby(sidecar.keeper())?;
        pin::sleep(300_000_000);
        standby(sidecar.keeper()).filter(|&now| now == before)
    })
}

/// One that was not there before.
fn other_standby(sidecar: &Sidecar, before: u32) -> u32 {
    wait_for("another standby", || standby(sidecar.keeper()).filter(|&pid| pid != before))
}

/// Publishes once there is room.
fn publish(attached: &mut Attached, event: Event) {
    wait_for("room", || (attached.client.free_slots().expect("a lane") > 0).then_some(()));
    attached.client.publish(attached.target.handle, Flags::empty(), event).expect("there is room");
}

fn buy(attached: &mut Attached, exec: u64) {
    publish(attached, Event::Fill { order: 0, exec, px: Ticks(100), qty: Lots(1), fee: 0 });
}

/// Kills the core; returns the one that follows, when it has a lease.
fn kill_core(sidecar: &Sidecar, attached: &Attached) -> u32 {
    let core = sidecar.core();
    let restarts = restarts(sidecar);
    signal(core, libc::SIGKILL);
    wait_for("the next core tells", || {
        let looping = sidecar.status().looping?;
        (looping.restarts == restarts + 1 && looping.core_pid != u64::from(core)).then_some(())
    });
    attached.await_pass(sidecar);
    sidecar.core()
}

fn restarts(sidecar: &Sidecar) -> u64 {
    wait_for("a core", || sidecar.status().looping).restarts
}

fn fills(sidecar: &Sidecar, expected: u64) {
    wait_for("every fill is booked", || {
        let looping = sidecar.status().looping?;
        assert_eq!(looping.duplicate_fills, 0);
        (looping.fills == expected).then_some(())
    });
}

#[test]
fn the_standby_is_the_next_core_and_knows_everything() {
    let sidecar = Sidecar::start(&patient());
    let mut one = attach(&sidecar, "one");
    for number in 1..=10 {
        for exec in 0..100 {
            buy(&mut one, number * 1_000 + exec);
        }
        let waiting = settled(&sidecar);
        assert_eq!(kill_core(&sidecar, &one), waiting, "the standby goes on");
        fills(&sidecar, number * 100);
    }
    let report = sidecar.status();
    assert!(report.causes.is_empty(), "{:?}", report.causes);
    assert_eq!(restarts(&sidecar), 10);
}

#[test]
fn a_core_that_dies_right_after_its_first_lease_is_followed_by_a_copy_of_what_it_was() {
    let mut sidecar = Sidecar::start(&patient());
    let mut one = attach(&sidecar, "one");
    settled(&sidecar);
    let open = descriptors(sidecar.keeper());
    let mut open_in_copies = Vec::new();
    for number in 1..=20 {
        let waiting = standby(sidecar.keeper()).expect("left behind by the one that was called");
        open_in_copies.push(descriptors(waiting));
        buy(&mut one, number);
        let core = kill_core(&sidecar, &one);
        assert_eq!(core, waiting, "nobody had to be started");
        assert_ne!(standby(sidecar.keeper()), Some(core));
    }
    fills(&sidecar, 20);
    assert!(sidecar.status().causes.is_empty());
    assert_eq!((restarts(&sidecar), descriptors(sidecar.keeper())), (20, open));
    assert_eq!(
        open_in_copies[1], open_in_copies[19],
        "a copy of a copy has no more than it: {open_in_copies:?}"
    );
    // The copies are the keeper's like every other child: they end with it.
    let pids = [sidecar.core(), settled(&sidecar)];
    signal(sidecar.keeper(), libc::SIGKILL);
    sidecar.wait();
    wait_for("all of them end", || {
        pids.iter().all(|&pid| matches!(state(pid), None | Some('Z' | 'X'))).then_some(())
    });
}

#[test]
fn a_copy_that_is_killed_is_started_anew_and_one_whose_lanes_changed_is_replaced() {
    let sidecar = Sidecar::start(&patient());
    let one = attach(&sidecar, "one");
    settled(&sidecar);
    kill_core(&sidecar, &one);
    let copy = a_standby(&sidecar);
    signal(copy, libc::SIGKILL);
    let next = other_standby(&sidecar, copy);
    wait_for("the copy is reaped", || state(copy).is_none().then_some(()));
    kill_core(&sidecar, &one);
    let copy = other_standby(&sidecar, next);
    let mut two = attach(&sidecar, "two");
    other_standby(&sidecar, copy);
    buy(&mut two, 1);
    kill_core(&sidecar, &two);
    fills(&sidecar, 1);
}

#[test]
fn a_client_that_comes_or_goes_has_the_standby_replaced() {
    let sidecar = Sidecar::start(&patient());
    let first = a_standby(&sidecar);
    let one = attach(&sidecar, "one");
    let second = other_standby(&sidecar, first);
    assert!(matches!(state(first), None | Some('Z' | 'X')), "the one before is let go");
    drop(one);
    let third = other_standby(&sidecar, second);
    let mut two = attach(&sidecar, "two");
    // Whether the standby has the lane by now or not: nothing is lost.
    buy(&mut two, 1);
    kill_core(&sidecar, &two);
    fills(&sidecar, 1);
    other_standby(&sidecar, third);
}

#[test]
fn a_core_that_dies_before_its_standby_has_the_lanes_is_followed_all_the_same() {
    let sidecar = Sidecar::start(&patient());
    for number in 1..=5 {
        let mut one = attach(&sidecar, "one");
        buy(&mut one, number);
        kill_core(&sidecar, &one);
        fills(&sidecar, number);
    }
}

#[test]
fn without_a_standby_a_core_is_forked_when_it_is_needed() {
    let sidecar = Sidecar::start(&Setup { standby: false, ..patient() });
    let mut one = attach(&sidecar, "one");
    for number in 1..=3 {
        buy(&mut one, number);
        kill_core(&sidecar, &one);
        fills(&sidecar, number);
        assert_eq!(standby(sidecar.keeper()), None);
    }
}

#[test]
fn a_standby_that_is_killed_is_missed_by_nobody_and_started_again() {
    let sidecar = Sidecar::start(&patient());
    let mut one = attach(&sidecar, "one");
    let core = sidecar.core();
    for number in 1..=3 {
        let waiting = settled(&sidecar);
        signal(waiting, libc::SIGKILL);
        buy(&mut one, number);
        let next = other_standby(&sidecar, waiting);
        assert_ne!(next, core);
        assert_eq!((one.gate(), sidecar.core(), restarts(&sidecar)), (Gate::Pass, core, 0));
    }
    assert!(sidecar.log().contains("standby_ended"), "it is told: {}", sidecar.log());
    fills(&sidecar, 3);
}

#[test]
fn a_standby_that_has_lost_the_journal_knows_it() {
    let sidecar = Sidecar::start(&Setup { lane_slots: 16_384, ..patient() });
    let mut one = attach(&sidecar, "one");
    let waiting = settled(&sidecar);
    // It stands still while the log goes round once and a little.
    signal(waiting, libc::SIGSTOP);
    let rounds = 280_000;
    for sequence in 2..=rounds {
        let mark = Some(Ticks(100));
        publish(&mut one, Event::Mark { mark, index: None, last: None, underlying: None, sequence });
        // No faster than it is read, however slow that is here.
        let is_read = |one: &mut Attached| one.client.free_slots().expect("a lane") == 16_384;
        if sequence % 2_000 == 0 {
            wait_for("all is read", || is_read(&mut one).then_some(()));
        }
    }
    buy(&mut one, 1);
    fills(&sidecar, 1);
    signal(waiting, libc::SIGCONT);
    let next = kill_core(&sidecar, &one);
    assert_eq!(next, waiting, "it goes on, from a snapshot");
    let looping = sidecar.status().looping.expect("a core");
    assert_eq!((looping.marks, looping.fills, looping.rejected), (rounds, 1, 0));
    assert!(sidecar.status().causes.is_empty(), "{:?}", sidecar.status().causes);
    let book = sidecar.status().books.into_iter().find(|book| book.name == "one/main").expect("its book");
    assert_eq!(book.equity.parse::<f64>().expect("a number") as i64, CAPITAL);
}

#[test]
fn a_standby_dies_with_its_keeper() {
    let sidecar = Sidecar::start(&patient());
    let waiting = a_standby(&sidecar);
    if state(waiting).is_none() {
        return not_run("standby: the kernel does not show this process's children");
    }
    assert!(!children(sidecar.keeper()).contains(&waiting), "it is not taken for the core");
    signal(sidecar.keeper(), libc::SIGKILL);
    wait_for("it is gone", || matches!(state(waiting), None | Some('Z' | 'X')).then_some(()));
}

#[test]
fn each_process_is_shown_under_a_name_of_its_own_and_the_next_core_takes_the_cores() {
    let sidecar = Sidecar::start(&patient());
    let shown = |pid: u32| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
        name.map_or_else(|error| error.to_string(), |name| name.trim().to_owned())
    };
    let all = || [sidecar.keeper(), sidecar.core(), sidecar.control(), a_standby(&sidecar)].map(shown);
    let expected = ["tripline", "tripline-core", "tripline-ctl", "standby"];
    assert_eq!(all(), expected);
    let one = attach(&sidecar, "one");
    settled(&sidecar);
    kill_core(&sidecar, &one);
    assert_eq!(all(), expected);
}

#[test]
fn status_tells_whether_a_standby_is_there() {
    for keeps in [true, false] {
        let sidecar = Sidecar::start(&Setup { standby: keeps, ..patient() });
        wait_for("the status agrees with the processes there are", || {
            let told = sidecar.status().looping.is_some_and(|looping| looping.standby);
            (told == keeps && standby(sidecar.keeper()).is_some() == keeps).then_some(())
        });
    }
}
