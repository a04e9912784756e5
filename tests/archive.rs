//! An archive whose disk or whose thread fails under a real sidecar: slow, full, read-only, taken away, wedged, dead. The
//! hot loop waits for none of it, the firm is halted at the bound, and what the hot log still has reaches the disk when
//! there is one again.

#![allow(unsafe_code)]

#[path = "archive/disk.rs"]
mod disk;
mod support;
#[path = "archive/thread.rs"]
mod thread;

use std::fs;

use disk::{Mounted, SlowDisk, mounted};
use support::archived::{archived_fills, await_archived, await_booked, await_reset, fill, start_archived};
use support::process::signal;
use support::sidecar::{Attached, Place, Sidecar, run};
use support::{not_run, tries, wait_for};
use thread::Archiver;
use tripline::journal::segments::segments;
use tripline::model::{Event, Flags, Ticks};
use tripline::shm::gate::Gate;

/// A mark of 100, without which a position halts what it belongs to.
fn mark(one: &mut Attached, sequence: u64) {
    wait_for("room in the lane", || (one.client.free_slots().expect("a lane") > 8).then_some(()));
    let event = Event::Mark { mark: Some(Ticks(100)), index: None, last: None, underlying: None, sequence };
    one.client.publish(one.target.handle, Flags::empty(), event).expect("there is room");
}

/// `count` fills from `first` on, while the gate stays open.
fn fill_while_open(one: &mut Attached, first: u64, count: u64) {
    for exec in first..first + count {
        fill(one, exec, 100);
        assert_eq!(one.gate(), Gate::Pass, "at fill {exec}");
    }
}

fn lag_ns(sidecar: &Sidecar) -> u64 {
    sidecar.status().looping.map_or(0, |looping| looping.journal_lag_age_ns)
}

fn assert_never_lagged(sidecar: &Sidecar) {
    let status = sidecar.status();
    assert!(status.causes.iter().all(|cause| cause.reason != "JOURNAL_LAG"), "{:?}", status.causes);
    assert!(!sidecar.log().contains("too far behind"), "{}", sidecar.log());
}

#[test]
fn a_slow_disk_holds_neither_the_loop_nor_trading_below_the_bound() {
    let place = Place::new();
    let Some(disk) = SlowDisk::build(&place) else { return not_run("a slow disk: no C compiler") };
    let dir = disk.dir();
    let sidecar = start_archived(place, &dir, "lag = \"60s\"\n", disk.environment(), vec![]);
    let mut one = sidecar.attach_and_pass("one");
    mark(&mut one, 1);
    fill_while_open(&mut one, 1, 100);
    await_archived(&dir, 100);
    // Half a second for each write and each fdatasync.
    disk.takes(500);
    fill_while_open(&mut one, 101, 200);
    await_booked(&sidecar, 300);
    wait_for("the lag is seen", || (lag_ns(&sidecar) > 500_000_000).then_some(()));
    await_archived(&dir, 300);
    // A disk that takes longer than all of this together: nothing waits for it.
    disk.takes(600_000);
    wait_for("the disk is busy", || (lag_ns(&sidecar) > 50_000_000).then_some(()));
    let on_disk = archived_fills(&dir);
    fill_while_open(&mut one, 301, 3_000);
    await_booked(&sidecar, 3_300);
    assert_eq!(archived_fills(&dir), on_disk, "none of it has reached the disk");
    let looping = sidecar.status().looping.expect("a core");
    assert!(looping.journal_lag >= 3_000, "{looping:?}");
    disk.takes(0);
    await_archived(&dir, 3_300);
    assert_never_lagged(&sidecar);
}

#[test]
fn a_disk_slower_than_the_bound_halts_the_firm_every_time_and_loses_no_event() {
    let place = Place::new();
    let Some(disk) = SlowDisk::build(&place) else { return not_run("a slow disk: no C compiler") };
    let dir = disk.dir();
    let sidecar = start_archived(place, &dir, "lag = \"500ms\"\n", disk.environment(), vec![]);
    let mut one = sidecar.attach_and_pass("one");
    let mut fills = 0;
    for _ in 0..tries(3) {
        disk.takes(500);
        let cause = sidecar.cause("firm", "JOURNAL_LAG");
        assert_eq!(cause.state, "HALTED");
        one.await_halt();
        for exec in fills + 1..=fills + 200 {
            fill(&mut one, exec, 100);
        }
        fills += 200;
        await_booked(&sidecar, fills);
        disk.takes(0);
        await_archived(&dir, fills);
        await_reset(&sidecar);
        one.await_pass(&sidecar);
    }
    let replayed = run(&["replay", dir.to_str().expect("UTF-8")], &[]);
    assert!(replayed.status.success(), "{replayed:?}");
}

#[test]
fn a_full_disk_stops_the_archiver_alone_and_what_it_could_not_take_follows_when_there_is_room() {
    let Some(Mounted { sidecar, dir }) = mounted("size=8m", "lag = \"500ms\"\n") else {
        return not_run(
            "a full disk: no file system can be mounted here, not even in a namespace of its own",
        );
    };
    let mut one = sidecar.attach_and_pass("one");
    for exec in 1..=200 {
        fill(&mut one, exec, 100);
    }
    await_archived(&dir, 200);
    let core = sidecar.core();
    let filler = dir.join("filler");
    disk::fill_up(&filler);
    // The last page of the segment may have room for a few entries yet.
    for exec in 201..=1_000 {
        fill(&mut one, exec, 100);
    }
    sidecar.cause("firm", "JOURNAL_LAG");
    one.await_halt();
    for exec in 1_001..=2_000 {
        fill(&mut one, exec, 100);
    }
    await_booked(&sidecar, 2_000);
    assert_eq!(sidecar.core(), core, "no core died of it");
    let said = sidecar.log().matches("the archive cannot be written").count();
    assert_eq!(said, 1, "once, not at every try:\n{}", sidecar.log());
    assert!(archived_fills(&dir) < 2_000, "the disk is full");
    fs::remove_file(&filler).expect("the filler");
    await_archived(&dir, 2_000);
    await_reset(&sidecar);
    one.await_pass(&sidecar);
}

#[test]
fn a_disk_that_stays_full_until_the_hot_log_is_leaves_a_gap_that_is_named_and_never_stops_the_loop() {
    // More than the hot log has room for.
    const MARKS: u64 = 300_000;
    let Some(Mounted { sidecar, dir }) = mounted("size=24m", "lag = \"500ms\"\n") else {
        return not_run(
            "a full disk: no file system can be mounted here, not even in a namespace of its own",
        );
    };
    let mut one = sidecar.attach_and_pass("one");
    fill(&mut one, 1, 100);
    await_archived(&dir, 1);
    // Written is not yet kept: after an error the archive is cut back to what was synced.
    wait_for("it is synced", || {
        sidecar.status().looping.is_some_and(|looping| looping.journal_lag == 0).then_some(())
    });
    let filler = dir.join("filler");
    disk::fill_up(&filler);
    for sequence in 1..=MARKS {
        mark(&mut one, sequence);
    }
    sidecar.cause("firm", "JOURNAL_LAG");
    wait_for("every mark is taken in", || {
        sidecar.status().looping.is_some_and(|looping| looping.marks == MARKS).then_some(())
    });
    fs::remove_file(&filler).expect("the filler");
    wait_for("another segment", || (segments(&dir).is_ok_and(|found| found.len() > 1)).then_some(()));
    fill(&mut one, 2, 100);
    await_archived(&dir, 2);
    await_reset(&sidecar);
    let verified = run(&["journal", "verify", dir.to_str().expect("UTF-8")], &[]);
    assert_eq!(verified.status.code(), Some(1), "{verified:?}");
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    let first = segments(&dir).expect("an archive")[1].1;
    assert!(said.contains(&format!("to {} are missing before it", first - 1)), "{said}");
}

#[test]
fn a_read_only_archive_halts_the_firm_and_loses_nothing_once_it_may_be_written() {
    let Some(Mounted { sidecar, dir }) = mounted("size=8m,ro", "lag = \"500ms\"\n") else {
        return not_run("a read-only archive: no file system can be mounted here");
    };
    let cause = sidecar.cause("firm", "JOURNAL_LAG");
    assert_eq!(cause.state, "HALTED");
    let mut one = sidecar.attach("one");
    for exec in 1..=500 {
        fill(&mut one, exec, 100);
    }
    await_booked(&sidecar, 500);
    assert_eq!(segments(&dir).expect("a directory"), []);
    disk::remount_writable(&sidecar);
    await_archived(&dir, 500);
    await_reset(&sidecar);
    one.await_pass(&sidecar);
}

#[test]
fn an_archive_that_is_taken_away_under_the_archiver_halts_the_firm_and_is_begun_anew() {
    let place = Place::new();
    let dir = place.path().join("archive");
    let sidecar = start_archived(place, &dir, "", vec![], vec![]);
    let mut one = sidecar.attach_and_pass("one");
    for exec in 1..=100 {
        fill(&mut one, exec, 100);
    }
    await_archived(&dir, 100);
    fs::remove_dir_all(&dir).expect("an archive");
    sidecar.cause("firm", "JOURNAL_LAG");
    one.await_halt();
    for exec in 101..=200 {
        fill(&mut one, exec, 100);
    }
    await_booked(&sidecar, 200);
    wait_for("it is begun anew", || (archived_fills(&dir) > 0).then_some(()));
    await_reset(&sidecar);
    one.await_pass(&sidecar);
    let before = archived_fills(&dir);
    fill(&mut one, 201, 100);
    await_archived(&dir, before + 1);
    let verified = run(&["journal", "verify", dir.to_str().expect("UTF-8")], &[]);
    assert!(verified.status.success(), "what is there is whole: {verified:?}");
    assert!(sidecar.log().contains("was taken away"), "{}", sidecar.log());
}

#[test]
fn an_archiver_that_stands_still_halts_the_firm_and_catches_up_when_it_goes_on() {
    let place = Place::new();
    let dir = place.path().join("archive");
    let sidecar = start_archived(place, &dir, "lag = \"500ms\"\n", vec![], vec![]);
    let mut one = sidecar.attach_and_pass("one");
    fill(&mut one, 1, 100);
    await_archived(&dir, 1);
    let Some(archiver) = Archiver::stop(sidecar.core()) else {
        return not_run("an archiver that stands still: ptrace is not allowed here");
    };
    sidecar.cause("firm", "JOURNAL_LAG");
    one.await_halt();
    for exec in 2..=1_000 {
        fill(&mut one, exec, 100);
    }
    await_booked(&sidecar, 1_000);
    assert_eq!(archived_fills(&dir), 1, "nobody writes");
    archiver.go_on();
    await_archived(&dir, 1_000);
    await_reset(&sidecar);
    one.await_pass(&sidecar);
}

#[test]
fn an_archiver_that_ends_alone_never_goes_unnoticed_and_the_next_core_leaves_no_gap() {
    let place = Place::new();
    let dir = place.path().join("archive");
    let sidecar = start_archived(place, &dir, "lag = \"500ms\"\n", vec![], vec![]);
    let mut one = sidecar.attach_and_pass("one");
    fill(&mut one, 1, 100);
    await_archived(&dir, 1);
    let core = sidecar.core();
    if !Archiver::stop(core).is_some_and(Archiver::end) {
        return not_run("an archiver that ends alone: ptrace is not allowed here, or this is no x86-64");
    }
    sidecar.cause("firm", "JOURNAL_LAG");
    one.await_halt();
    for exec in 2..=1_000 {
        fill(&mut one, exec, 100);
    }
    await_booked(&sidecar, 1_000);
    // A reset does not outlive the bound while nobody archives.
    sidecar.reset(&sidecar.cause("firm", "JOURNAL_LAG"));
    sidecar.cause("firm", "JOURNAL_LAG");
    assert_eq!(archived_fills(&dir), 1, "nobody writes");
    signal(core, libc::SIGKILL);
    await_archived(&dir, 1_000);
    await_reset(&sidecar);
    one.await_pass(&sidecar);
    let replayed = run(&["replay", dir.to_str().expect("UTF-8")], &[]);
    assert!(replayed.status.success(), "{replayed:?}");
}

#[test]
fn what_kills_the_archiver_as_a_panic_does_ends_its_core_and_the_next_one_archives_the_rest() {
    let place = Place::new();
    let dir = place.path().join("archive");
    let sidecar = start_archived(place, &dir, "", vec![], vec![]);
    let mut one = sidecar.attach_and_pass("one");
    for round in 1..=3 {
        for exec in round * 100 - 99..=round * 100 {
            fill(&mut one, exec, 100);
        }
        thread::abort(sidecar.core());
        wait_for("another core", || (sidecar.status().looping?.restarts == round).then_some(()));
    }
    await_booked(&sidecar, 300);
    await_archived(&dir, 300);
    one.await_pass(&sidecar);
    assert_never_lagged(&sidecar);
}
