//! A sidecar with an archive, what is told to it, and what of that is on disk.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use tripline::journal::block::{Reader, Step};
use tripline::journal::segments::segments;
use tripline::journal::store::replica_of;
use tripline::model::{Event, Flags, Lots, Ticks};

use super::sidecar::{Attached, Place, Setup, Sidecar};
use super::wait_for;

/// Starts a sidecar that archives to `dir`; `more` are keys of `[journal]`, `environment` and `launcher` as the sidecar has
/// them.
pub fn start_archived(
    place: Place,
    dir: &Path,
    more: &str,
    environment: Vec<(&'static str, OsString)>,
    launcher: Vec<OsString>,
) -> Sidecar {
    // The longest there is: a machine that is busy must not have a lane lag.
    let setup = Setup { lease: "10s", lane_slots: 256, ..Setup::default() };
    let mut text = setup.toml(&place.path().join("run"));
    text.push_str(&format!("[journal]\narchive = \"{}\"\n{more}", dir.display()));
    place.file("sidecar.toml", &text);
    let mut sidecar = Sidecar::prepared(place, environment, launcher);
    sidecar.start_again();
    sidecar
}

/// Publishes a fill of one lot, once there is room.
pub fn fill(attached: &mut Attached, exec: u64, px: i64) {
    wait_for("room in the lane", || (attached.client.free_slots().expect("a lane") > 8).then_some(()));
    let event = Event::Fill { order: 0, exec, px: Ticks(px), qty: Lots(1), fee: 0 };
    let flags = if exec.is_multiple_of(2) { Flags::SELL } else { Flags::empty() };
    attached.client.publish(attached.target.handle, flags, event).expect("there is room");
}

/// Fills in the archive; every segment, on its own, leads to what was recorded.
pub fn archived_fills(dir: &Path) -> u64 {
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

/// Waits until so many fills are booked by the sidecar.
pub fn await_booked(sidecar: &Sidecar, fills: u64) {
    wait_for("every fill is booked", || {
        sidecar.status().looping.is_some_and(|looping| looping.fills == fills).then_some(())
    });
}

/// Waits until so many fills are on disk.
pub fn await_archived(dir: &Path, fills: u64) {
    wait_for("everything is on disk", || (archived_fills(dir) == fills).then_some(()));
}

/// Resets JOURNAL_LAG until that holds.
pub fn await_reset(sidecar: &Sidecar) {
    wait_for("a reset holds", || {
        let lag = sidecar.status().causes.into_iter().find(|cause| cause.reason == "JOURNAL_LAG");
        match lag {
            None => Some(()),
            Some(cause) => {
                sidecar.reset(&cause);
                None
            }
        }
    });
}
