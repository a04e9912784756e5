//! The journal on disk, and what the commands say of it: a real sidecar with an archive, read by the real program.

#![allow(unsafe_code)]

mod support;

use std::fs;
use std::path::PathBuf;

use support::sidecar::{Attached, Setup, Sidecar};
use support::wait_for;
use tripline::journal::archive::segments;
use tripline::journal::block::{Reader, Step};
use tripline::journal::store::replica_of;
use tripline::model::{Event, Flags, Lots, Ticks};

/// A sidecar whose archive is at `archive` beside its runtime directory; `more` are keys of `[journal]`.
fn start(archive: &str, more: &str) -> (Sidecar, PathBuf) {
    let setup = Setup { lease: "1s", lane_slots: 256, ..Setup::default() };
    let mut sidecar = Sidecar::start(&setup);
    let dir = sidecar.place.path().join(archive);
    let mut text = setup.toml(&sidecar.run_dir());
    text.push_str(&format!("[journal]\narchive = \"{}\"\n{more}", dir.display()));
    sidecar.place.file("sidecar.toml", &text);
    sidecar.start_again();
    (sidecar, dir)
}

/// Publishes a fill of one lot, once there is room.
fn fill(attached: &mut Attached, exec: u64, px: i64) {
    wait_for("room in the lane", || (attached.client.free_slots().expect("a lane") > 8).then_some(()));
    let event = Event::Fill { order: 0, exec, px: Ticks(px), qty: Lots(1), fee: 0 };
    let flags = if exec.is_multiple_of(2) { Flags::SELL } else { Flags::empty() };
    attached.client.publish(attached.target.handle, flags, event).expect("there is room");
}

/// Fills in the archive, and whether every segment, on its own, leads to what was recorded.
fn archived_fills(dir: &std::path::Path) -> u64 {
    let mut fills = 0;
    let mut reached = 0;
    for (id, first, path) in segments(dir).unwrap_or_default() {
        let (header, mut reader) = Reader::new(fs::read(&path).expect("a segment")).expect("a header");
        assert_eq!((header.id, header.first), (id, first));
        let mut replica = replica_of(id, &header.snapshot).expect("a snapshot");
        while let Step::Entry(stamp, words) = reader.step() {
            replica.step(&stamp, &words).expect("what was recorded");
            let is_new = stamp.sequence >= reached;
            fills += u64::from(is_new && words[1] as u8 == 30);
        }
        reached = reached.max(reader.next());
    }
    fills
}

#[test]
fn every_event_reaches_the_disk_in_segments_that_stand_alone_and_a_new_core_goes_on_in_the_last() {
    let (mut sidecar, dir) = start("archive", "segment = \"64KiB\"\n");
    let mut one = sidecar.attach_and_pass("one");
    for exec in 1..=1_500 {
        fill(&mut one, exec, 100);
    }
    let before = segments(&dir).expect("an archive").len();
    assert!(before >= 1, "{before} segments");
    support::process::signal(sidecar.core(), libc::SIGKILL);
    for exec in 1_501..=3_000 {
        fill(&mut one, exec, 100);
    }
    wait_for("everything is on disk", || (archived_fills(&dir) == 3_000).then_some(()));
    let found = segments(&dir).expect("an archive");
    assert!(found.len() >= 3, "{found:?}");
    assert!(found.iter().all(|(id, ..)| *id == found[0].0), "one journal: {found:?}");
    assert_eq!(sidecar.status().causes, [], "nothing holds");
    drop(one);
    assert!(sidecar.try_wait().is_none());
}

#[test]
fn an_archive_that_cannot_be_written_halts_the_firm_and_loses_no_event() {
    let (mut sidecar, dir) = start("blocked", "lag = \"500ms\"\n");
    let mut one = sidecar.attach_and_pass("one");
    assert!(dir.is_dir());
    // A file where the directory should be: what was open is gone, and nothing can be made.
    sidecar.start_again_with(|place| {
        fs::remove_dir_all(place.join("blocked")).expect("an archive");
        fs::write(place.join("blocked"), "").expect("a file");
    });
    drop(one);
    let cause = sidecar.cause("firm", "JOURNAL_LAG");
    assert_eq!(cause.state, "HALTED");
    one = sidecar.attach("one");
    for exec in 1..=500 {
        fill(&mut one, exec, 100);
    }
    wait_for("every fill is booked", || {
        sidecar.status().looping.is_some_and(|looping| looping.fills == 500).then_some(())
    });
    // The disk is back: nothing is missing on it, and only then a reset holds.
    fs::remove_file(&dir).expect("a file");
    wait_for("everything is on disk", || (archived_fills(&dir) == 500).then_some(()));
    wait_for("a reset holds", || {
        let holds = |cause: &&tripline::control::report::CauseReport| cause.reason == "JOURNAL_LAG";
        let Some(cause) = sidecar.status().causes.iter().find(holds).cloned() else { return Some(()) };
        sidecar.reset(&cause);
        None
    });
}
