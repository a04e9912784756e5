//! An engine without a sidecar, recorded: what it wrote is a journal like any other, read by the real program.

#![allow(unsafe_code)]

mod support;

use std::fs;
use std::path::Path;
use std::process::Output;

use support::busy_days::{book_limits, book_record, order_limits, order_record, sidecar};
use support::desk::PLAIN;
use support::seed::Seed;
use support::sidecar::{Place, Setup, run};
use tripline::control::config;
use tripline::engine::limits::DropMode;
use tripline::engine::{Engine, Limits, Source};
use tripline::journal::embedded::{RecordError, Recorder, Settings};
use tripline::journal::segments::segments;
use tripline::model::{Event, Flags, Handle, Lots, Message, Nanos, Ticks};

const START: Nanos = Nanos::from_secs(1);

fn recorder(dir: &Path, limits: Limits, segment_bytes: u64) -> Recorder {
    let settings = Settings { segment_bytes, ..Settings::default() };
    Recorder::begin(dir, limits, START, settings).expect("a recording")
}

/// A random day of orders and requests of two strategies; also what an engine of its own decided about it.
fn busy_day(dir: &Path, seed: &mut Seed, records: u64, segment_bytes: u64) -> (Recorder, Engine) {
    let limits = order_limits(DropMode::DropLowest);
    let mut recorder = recorder(dir, limits, segment_bytes);
    let mut alone = Engine::new(recorder.engine().limits().clone(), START);
    for strategy in 0..2 {
        let lane = recorder.open_lane(START, strategy).expect("a lane");
        assert_eq!(lane, strategy + 1);
        // Its generation, the number of its entry, is nothing the engine decides by.
        alone.apply(START, Source::Sidecar, &sidecar(Event::Lane { lane, strategy, open: 1, generation: 0 }));
    }
    let (mut now, mut ids) = (START, Vec::new());
    for step in 1..=records {
        // Now and then longer than one entry can tell.
        let pause = if seed.below(500) == 0 { 7_000_000_000 } else { 200_000 };
        now = now.after(Nanos(seed.below(pause)));
        recorder.advance(now).expect("recorded");
        while alone.next_deadline() <= now {
            let due = alone.next_deadline();
            alone.apply(due, Source::Sidecar, &sidecar(Event::Timer { due }));
        }
        let (flags, event) = order_record(seed, &ids, step);
        if matches!(event, Event::OrderNew { .. }) {
            ids.push(step);
            ids.drain(..ids.len().saturating_sub(64));
        }
        let lane = seed.below(2) as u16 + 1;
        let (epoch, handle) = (recorder.engine().epoch() as u16, Handle::new(lane, 0, Some(PLAIN)));
        let message = Message { flags, epoch, handle, event };
        let source = recorder.source(lane).expect("an open lane");
        let outcome = recorder.apply(now, source, &message).expect("recorded");
        let expected = alone.apply(now, source, &message);
        assert_eq!(outcome.transitions(), expected.transitions(), "step {step}");
        assert_eq!(outcome.verdicts(), expected.verdicts(), "step {step}");
        assert_eq!(outcome.directives(), expected.directives(), "step {step}");
    }
    (recorder, alone)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn a_recorded_engine_decides_what_one_alone_does_and_its_journal_replays_to_the_same_digest() {
    let mut seed = Seed::new("embedded a_recorded_engine_decides");
    let place = Place::new();
    let dir = place.path().join("day");
    let (mut recorder, alone) = busy_day(&dir, &mut seed, 20_000, 1 << 40);
    recorder.flush().expect("written");
    let (entries, digest) = (recorder.entries(), format!("{:016x}", recorder.digest()));
    let engine = recorder.finish().expect("on disk");
    assert!(engine.snapshot() == alone.snapshot(), "recording changes nothing that is decided");
    let replayed = json(&run(&["replay", text(&dir), "--json"], &[]));
    assert_eq!(
        (&replayed["equal"], &replayed["entries"], &replayed["digest"]),
        (&true.into(), &entries.into(), &digest.into()),
        "{replayed}"
    );
    let verified = json(&run(&["journal", "verify", text(&dir), "--json"], &[]));
    assert_eq!((&verified["ok"], &verified["entries"]), (&true.into(), &entries.into()), "{verified}");
    let exported = run(&["journal", "export", text(&dir), "--csv"], &[]);
    let rows = String::from_utf8(exported.stdout).expect("UTF-8");
    assert_eq!(rows.lines().count() as u64, entries + 1);
    let checks = rows.lines().filter(|row| row.contains(",CHECK,")).count() as u64;
    assert!(checks >= entries / 2_048, "{checks} digests in {entries} entries");
    for kind in ["LANE", "TIMER", "VERDICT"] {
        assert!(rows.contains(&format!(",{kind},")), "no {kind}");
    }
    let tailed = run(&["journal", "tail", text(&dir), "-n", "2"], &[]);
    assert_eq!(String::from_utf8_lossy(&tailed.stdout).lines().count(), 2, "{tailed:?}");
    assert!(
        String::from_utf8_lossy(&tailed.stdout).lines().last().is_some_and(|line| line.contains("CHECK"))
    );
}

#[test]
fn segments_of_a_recording_follow_each_other_and_each_replays_alone() {
    let mut seed = Seed::new("embedded segments_of_a_recording");
    let place = Place::new();
    let dir = place.path().join("day");
    // One segment for each block.
    let (recorder, _) = busy_day(&dir, &mut seed, 3_000, 1);
    let entries = recorder.entries();
    // Not finished: what waits is written when it is dropped.
    drop(recorder);
    let found = segments(&dir).expect("segments");
    assert!(found.len() > 2, "{}", found.len());
    let replayed = json(&run(&["replay", text(&dir), "--json"], &[]));
    assert_eq!((&replayed["equal"], &replayed["entries"]), (&true.into(), &entries.into()), "{replayed}");
    for (.., segment) in [&found[0], &found[1], &found[found.len() - 1]] {
        let alone = run(&["replay", text(segment)], &[]);
        assert!(alone.status.success(), "{alone:?}");
    }
}

#[test]
fn days_of_books_replay_too() {
    let place = Place::new();
    let dir = place.path().join("day");
    let mut recorder = recorder(&dir, book_limits(), 1 << 40);
    for strategy in 0..2 {
        recorder.open_lane(START, strategy).expect("a lane");
    }
    let mut now = START;
    for step in 1..5_000 {
        now = now.after(Nanos(70_000));
        recorder.advance(now).expect("recorded");
        let (source, mut message) = book_record(step);
        let source = match source {
            Source::Lane { strategy, .. } => {
                let lane = strategy + 1;
                let handle = message.handle;
                message.handle = Handle::new(lane, handle.account().unwrap_or(0), handle.instrument());
                recorder.source(lane).expect("an open lane")
            }
            other => other,
        };
        recorder.apply(now, source, &message).expect("recorded");
    }
    recorder.finish().expect("on disk");
    let replayed = run(&["replay", text(&dir)], &[]);
    assert!(replayed.status.success(), "{replayed:?}");
    let exported = run(&["journal", "export", text(&dir), "--csv"], &[]);
    assert!(String::from_utf8_lossy(&exported.stdout).contains(",TRANSITION,"), "limits were met");
}

#[test]
fn other_limits_are_told_at_the_first_entry_they_would_have_decided_otherwise() {
    let place = Place::new();
    let toml = Setup::default().toml(&place.path().join("run"));
    let config = place.file("same.toml", &toml);
    let tighter =
        place.file("tighter.toml", &toml.replacen("max_position = \"unlimited\"", "max_position = \"5\"", 1));
    let limits = config::load(&config).expect("a configuration").limits;
    let dir = place.path().join("day");
    let mut recorder = recorder(&dir, limits, 1 << 40);
    let lane = recorder.open_lane(START, 0).expect("a lane");
    let mut sixth = 0;
    for exec in 1..=12 {
        let flags = if exec > 6 { Flags::SELL } else { Flags::empty() };
        let event = Event::Fill { order: 0, exec, px: Ticks(100), qty: Lots(1), fee: 0 };
        let message = Message { flags, epoch: 0, handle: Handle::new(lane, 0, Some(0)), event };
        let source = recorder.source(lane).expect("an open lane");
        if exec == 6 {
            sixth = recorder.entries() + 1;
        }
        recorder.apply(START.after(Nanos(exec)), source, &message).expect("recorded");
    }
    recorder.finish().expect("on disk");
    let same = json(&run(&["replay", text(&dir), "--limits", text(&config), "--json"], &[]));
    assert_eq!((&same["equal"], &same["difference"]), (&true.into(), &serde_json::Value::Null), "{same}");
    let other = json(&run(&["replay", text(&dir), "--limits", text(&tighter), "--json"], &[]));
    assert_eq!((&other["equal"], &other["difference"]["entry"]), (&true.into(), &sixth.into()), "{other}");
    assert!(other["difference"]["other"].to_string().contains("MAX_POSITION"), "{other}");
}

#[test]
fn what_its_source_cannot_say_is_refused_and_changes_nothing() {
    let place = Place::new();
    let mut recorder = recorder(&place.path().join("day"), book_limits(), 1 << 40);
    let lane = recorder.open_lane(START, 1).expect("a lane");
    let fill = |exec| {
        let event = Event::Fill { order: 0, exec, px: Ticks(100), qty: Lots(1), fee: 0 };
        Message { flags: Flags::empty(), epoch: 0, handle: Handle::new(lane, 0, Some(PLAIN)), event }
    };
    let Some(Source::Lane { strategy: 1, position, .. }) = recorder.source(lane) else {
        panic!("an open lane")
    };
    let from = |lane, strategy, position| Source::Lane { lane, strategy, position };
    let before = (recorder.entries(), recorder.digest(), recorder.engine().snapshot());
    let refusals = [
        (from(lane, 1, position - 1), fill(1), format!("position {position} is the next of lane {lane}")),
        (from(lane, 1, position + 1), fill(1), format!("position {position} is the next of lane {lane}")),
        (from(lane, 0, position), fill(1), format!("lane {lane} is not open")),
        (from(lane + 1, 1, position), fill(1), format!("lane {} is not open", lane + 1)),
        (from(0, 1, position), fill(1), "lane 0 is not open".to_owned()),
        (from(u16::MAX, 1, position), fill(1), format!("lane {} is not open", u16::MAX)),
        (Source::Sidecar, sidecar(Event::Check { chain: 1 }), "no record".to_owned()),
        (Source::Sidecar, sidecar(Event::Tick { now: START }), "no record".to_owned()),
        (from(lane, 1, position), sidecar(Event::Roll { session: 1, clock: 0 }), "no record".to_owned()),
    ];
    for (source, message, said) in refusals {
        let refused = recorder.apply(START, source, &message).expect_err("refused").to_string();
        assert!(refused.contains(&said), "{source:?}: {refused}");
    }
    assert!((recorder.entries(), recorder.digest(), recorder.engine().snapshot()) == before);
    recorder.apply(START, from(lane, 1, position), &fill(1)).expect("recorded");
    assert!(matches!(recorder.open_lane(START, 0), Ok(2)));
    for _ in 0..2 {
        recorder.open_lane(START, 0).expect("as many as capacity.lanes says");
    }
    assert!(matches!(recorder.open_lane(START, 0), Err(RecordError::NoLane)));
}

#[test]
fn one_directory_holds_one_recording_and_a_clock_that_steps_back_stands_still() {
    let place = Place::new();
    let dir = place.path().join("day");
    let mut first = recorder(&dir, book_limits(), 1 << 40);
    let again = Recorder::begin(&dir, book_limits(), START, Settings::default()).expect_err("in use");
    assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
    for now in [START.after(Nanos(500)), START.after(Nanos(400)), Nanos::ZERO, START.after(Nanos(600))] {
        first.apply(now, Source::Sidecar, &sidecar(Event::Stall { duration: Nanos(1) })).expect("recorded");
    }
    // Longer than one entry can tell.
    let late = START.after(Nanos::from_secs(100));
    first.apply(late, Source::Sidecar, &sidecar(Event::Stall { duration: Nanos(1) })).expect("recorded");
    first.finish().expect("on disk");
    let exported = run(&["journal", "export", text(&dir), "--csv"], &[]);
    let rows = String::from_utf8(exported.stdout).expect("UTF-8");
    let times: Vec<&str> = rows.lines().skip(1).filter_map(|row| row.split(',').nth(1)).collect();
    let [early, next, late] = ["1000000500", "1000000600", "101000000000"];
    assert_eq!(times, [early, early, early, next, late, late, late], "TICK and CHECK among them: {rows}");
    assert!(rows.contains(",TICK,") && rows.contains(",CHECK,"), "{rows}");
}

#[test]
fn a_recording_that_cannot_be_written_stops_deciding() {
    let place = Place::new();
    let dir = place.path().join("day");
    let mut recorder = recorder(&dir, book_limits(), 1);
    // The next segment cannot be begun: the directory is gone.
    fs::remove_dir_all(&dir).expect("a directory");
    let stall = sidecar(Event::Stall { duration: Nanos(1) });
    let failed = (0..2_000).find_map(|_| recorder.apply(START, Source::Sidecar, &stall).err());
    assert!(matches!(failed, Some(RecordError::Io(_))), "{failed:?}");
    let decided = recorder.engine().counters().records;
    assert!(matches!(recorder.apply(START, Source::Sidecar, &stall), Err(RecordError::Stopped)));
    assert!(matches!(recorder.flush(), Err(RecordError::Stopped)));
    assert_eq!(recorder.engine().counters().records, decided);
}
