//! The journal on disk, and what the commands say of it: a real sidecar with an archive, read by the real program.

#![allow(unsafe_code)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};

use support::archived::{archived_fills, await_archived, await_booked, await_reset, fill, start_archived};
use support::busy_days::{book_limits, book_record, order_limits, order_record};
use support::desk::PLAIN;
use support::journaled::Journaled;
use support::seed::Seed;
use support::sidecar::{Place, Sidecar, TRIPLINE, run};
use support::wait_for;
use tripline::engine::Source;
use tripline::engine::limits::DropMode;
use tripline::journal::block::{Reader, Step};
use tripline::journal::segments::segments;
use tripline::model::{Event, Flags, Handle, Lots, Message, Nanos, Ticks};
use tripline::wire::record::Words;

/// A sidecar whose archive is at `archive` beside its runtime directory; `more` are keys of `[journal]`.
fn start(archive: &str, more: &str) -> (Sidecar, PathBuf) {
    let place = Place::new();
    let dir = place.path().join(archive);
    (start_archived(place, &dir, more, vec![], vec![]), dir)
}

#[test]
fn every_event_reaches_the_disk_in_segments_that_stand_alone_and_a_new_core_goes_on_in_the_last() {
    let (mut sidecar, dir) = start("archive", "segment = \"64KiB\"\n");
    let mut one = sidecar.attach_and_pass("one");
    for exec in 1..=1_500 {
        fill(&mut one, exec, 100);
    }
    // A segment ends where the shadow has a snapshot to begin the next with, which may be after more than 64 KiB.
    let begun = |count: usize| segments(&dir).ok().filter(|found| found.len() >= count);
    let before = wait_for("a second segment", || begun(2));
    support::process::signal(sidecar.core(), libc::SIGKILL);
    for exec in 1_501..=3_000 {
        fill(&mut one, exec, 100);
    }
    wait_for("everything is on disk", || (archived_fills(&dir) == 3_000).then_some(()));
    let found = wait_for("another segment", || begun(before.len() + 1));
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
    let lag = sidecar.status().looping.expect("a core");
    assert!(lag.journal_lag > 0 && lag.journal_lag_age_ns > 500_000_000, "{lag:?}");
    assert_eq!(cause.state, "HALTED");
    one = sidecar.attach("one");
    for exec in 1..=500 {
        fill(&mut one, exec, 100);
    }
    await_booked(&sidecar, 500);
    // The disk is back: nothing is missing on it, and only then a reset holds.
    fs::remove_file(&dir).expect("a file");
    await_archived(&dir, 500);
    await_reset(&sidecar);
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[test]
fn the_commands_read_the_journal_of_a_running_sidecar_and_its_archive() {
    let (mut sidecar, dir) = start("archive", "segment = \"64KiB\"\n");
    let mut one = sidecar.attach_and_pass("one");
    for exec in 1..=2_000 {
        fill(&mut one, exec, 100);
    }
    wait_for("everything is on disk", || (archived_fills(&dir) == 2_000).then_some(()));
    let hot = sidecar.run_dir().join("journal");
    let live = json(&run(&["journal", "verify", text(&hot), "--json"], &[]));
    assert_eq!((&live["ok"], &live["schema"]), (&true.into(), &"tripline.journal.verify/1".into()), "{live}");
    let tailed = run(&["journal", "tail", text(&hot), "-n", "3"], &[]);
    assert_eq!((code(&tailed), out(&tailed).lines().count()), (0, 3), "{tailed:?}");
    let own =
        run(&["journal", "tail", "-n", "3"], &[("TRIPLINE_RUNTIME_DIR", sidecar.run_dir().as_os_str())]);
    assert_eq!(
        (code(&own), out(&own).lines().count()),
        (0, 3),
        "that of the sidecar it would speak to: {own:?}"
    );
    let replayed = run(&["replay", text(&hot)], &[]);
    assert!(out(&replayed).starts_with("every recorded outcome is equal: "), "{replayed:?}");
    assert_eq!(code(&replayed), 0);
    assert!(sidecar.status().not_ready.is_none() && sidecar.try_wait().is_none(), "it runs on");

    // Nothing is added any more: now everything must count the same.
    drop(one);
    support::process::signal(sidecar.keeper(), libc::SIGKILL);
    sidecar.wait();
    let verified = json(&run(&["journal", "verify", text(&dir), "--json"], &[]));
    assert_eq!(verified["problems"], serde_json::json!([]), "{verified}");
    let pieces = verified["pieces"].as_array().expect("pieces");
    assert!(pieces.len() >= 2, "{pieces:?}");
    let entries = verified["entries"].as_u64().expect("a count");
    let exported = run(&["journal", "export", text(&dir), "--csv"], &[]);
    assert_eq!(code(&exported), 0, "{exported:?}");
    let text_of = out(&exported);
    assert_eq!(text_of.lines().count() as u64, entries + 1);
    let fills: Vec<&str> = text_of.lines().filter(|line| line.contains(",FILL,")).collect();
    assert_eq!(fills.len(), 2_000);
    assert!(
        fills[6].contains(",one,main,X,FILL,") && fills[6].contains("exec=7 px=100 qty=1 fee=0"),
        "{}",
        fills[6]
    );
    let replayed = json(&run(&["replay", text(&dir), "--json"], &[]));
    assert_eq!((&replayed["equal"], &replayed["entries"]), (&true.into(), &entries.into()), "{replayed}");
    // Every segment alone.
    for (.., segment) in segments(&dir).expect("an archive") {
        let alone = run(&["replay", text(&segment)], &[]);
        assert_eq!(code(&alone), 0, "{alone:?}");
    }
}

/// The entry of the seventh fill, from the export.
fn entry_of_fill(dir: &Path, number: usize) -> u64 {
    let exported = out(&run(&["journal", "export", text(dir), "--csv"], &[]));
    let line = exported.lines().filter(|line| line.contains(",FILL,")).nth(number - 1).expect("a fill");
    line.split(',').next().expect("a sequence").parse().expect("a number")
}

#[test]
fn a_changed_limit_is_shown_at_the_entry_where_it_would_have_decided_otherwise() {
    let (mut sidecar, dir) = start("archive", "");
    let mut one = sidecar.attach_and_pass("one");
    // Six lots up and down again: only a limit of five would have noticed.
    for exec in 1..=12_u64 {
        let event = Event::Fill { order: 0, exec, px: Ticks(100), qty: Lots(1), fee: 0 };
        let flags = if exec > 6 { Flags::SELL } else { Flags::empty() };
        one.client.publish(one.target.handle, flags, event).expect("there is room");
    }
    wait_for("everything is on disk", || (archived_fills(&dir) == 12).then_some(()));
    drop(one);
    support::process::signal(sidecar.keeper(), libc::SIGKILL);
    sidecar.wait();
    let same = run(&["replay", text(&dir), "--limits", text(&sidecar.config())], &[]);
    assert!(out(&same).contains("with the other limits outcomes are the same"), "{same:?}");
    let config = fs::read_to_string(sidecar.config()).expect("a configuration");
    let tighter = config.replacen("max_position = \"unlimited\"", "max_position = \"5\"", 1);
    let tighter = sidecar.place.file("tighter.toml", &tighter);
    let other = run(&["replay", text(&dir), "--limits", text(&tighter), "--json"], &[]);
    assert_eq!(code(&other), 0, "{other:?}");
    let difference = &json(&other)["difference"];
    assert_eq!(difference["entry"], entry_of_fill(&dir, 6), "{difference}");
    assert_ne!(difference["recorded"], difference["other"]);
    assert!(difference["other"].to_string().contains("MAX_POSITION"), "{difference}");
}

#[test]
fn what_is_no_journal_is_refused_by_name() {
    let place = Place::new();
    let garbage = place.file("archive-0000000000000007-0000000000000001.seg", "nothing");
    for (args, word) in [
        (vec!["journal", "verify", "/no/such"], "/no/such"),
        (vec!["journal", "tail", text(&garbage)], "damaged at its start"),
        (vec!["replay", text(&garbage)], "damaged at its start"),
        (vec!["replay", "/"], "holds no journal"),
    ] {
        let refused = run(&args, &[]);
        assert_eq!(code(&refused), 1, "{refused:?}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains(word), "{refused:?}");
    }
    assert_eq!(code(&run(&["journal", "export", "/"], &[])), 2, "export without its form");
    assert!(!Path::new("/hot.log").exists(), "reading makes nothing");
}

/// The two busy days in turn, until `records` are journaled.
fn busy(records: u64, seed: &mut Seed, kept: bool) -> Vec<Journaled> {
    let mut done = Vec::new();
    let mut total = 0;
    while total < records {
        let modes = [DropMode::RejectNew, DropMode::DropOldest, DropMode::DropLowest, DropMode::Halt];
        let mode = modes[seed.below(4) as usize];
        let is_of_books = seed.below(3) == 0;
        let limits = if is_of_books { book_limits() } else { order_limits(mode) };
        let mut day = Journaled::new(limits, kept);
        let mut ids = Vec::new();
        let wanted = (records - total).min(250_000);
        for step in 1.. {
            if day.entries >= wanted {
                break;
            }
            day.advance(day.now.after(Nanos(seed.below(200_000))));
            if is_of_books {
                let (source, mut message) = book_record(step);
                let source = match source {
                    Source::Lane { strategy, .. } => {
                        Source::Lane { lane: strategy + 1, strategy, position: 0 }
                    }
                    other => other,
                };
                if let (Source::Lane { lane, .. }, handle) = (source, message.handle) {
                    message.handle = Handle::new(lane, handle.account().unwrap_or(0), handle.instrument());
                }
                day.tell(source, &message);
            } else {
                let (flags, event) = order_record(seed, &ids, step);
                if matches!(event, Event::OrderNew { .. }) {
                    ids.push(step);
                    ids.drain(..ids.len().saturating_sub(64));
                }
                let strategy = seed.below(2) as u16;
                let lane = strategy + 1;
                let (epoch, handle) = (day.engine.epoch() as u16, Handle::new(lane, 0, Some(PLAIN)));
                day.tell(
                    Source::Lane { lane, strategy, position: 0 },
                    &Message { flags, epoch, handle, event },
                );
            }
        }
        day.assert_equal();
        total += day.entries;
        done.push(day);
        if !kept {
            done.clear();
        }
    }
    println!("{total} entries");
    done
}

/// More: `TRIPLINE_RECORDS=10000000 cargo test --release --test journal a_replay`.
#[test]
fn a_replay_of_random_days_comes_to_the_digest_of_the_live_side() {
    let records =
        std::env::var("TRIPLINE_RECORDS").ok().and_then(|text| text.parse().ok()).unwrap_or(200_000);
    let mut seed = Seed::new("journal a_replay_of_random_days");
    let began = std::time::Instant::now();
    busy(records, &mut seed, false);
    println!("in {:?}, decided twice", began.elapsed());
}

/// Entries that can be read, each of them as it was written, and whether damage was told.
fn read(bytes: &[u8], written: &[Words]) -> Option<(u64, bool)> {
    let (_, mut reader) = Reader::new(bytes.to_vec())?;
    let mut count = 0;
    loop {
        match reader.step() {
            Step::Entry(stamp, words) => {
                assert_eq!((stamp.sequence, words), (count + 1, written[count as usize]));
                count += 1;
            }
            Step::End { .. } => return Some((count, false)),
            Step::Damaged { sequence } => {
                assert!(sequence > count, "{sequence} was read already");
                return Some((count, true));
            }
        }
    }
}

#[test]
fn no_flipped_bit_and_no_torn_tail_of_an_archived_segment_goes_unseen() {
    let mut seed = Seed::new("journal no_flipped_bit");
    let days = busy(200, &mut seed, true);
    let (bytes, written) = (days[0].segment(16), days[0].kept());
    let (_, reader) = Reader::new(bytes.clone()).expect("a header");
    let (body, whole) = (reader.at(), days[0].entries);
    assert_eq!(read(&bytes, written), Some((whole, false)));
    for bit in body * 8..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let (count, told) = read(&flipped, written).expect("a header");
        assert!(told && count < whole, "bit {bit}: {count} entries");
    }
    for length in body..bytes.len() {
        let (count, told) = read(&bytes[..length], written).expect("a header");
        assert!(!told && count < whole && count.is_multiple_of(16), "{length}: {count}");
    }
}

/// Ends a sidecar at once, so that its archive does not change any more.
fn stop(sidecar: &mut Sidecar) {
    support::process::signal(sidecar.keeper(), libc::SIGKILL);
    sidecar.wait();
}

#[test]
fn pruning_removes_the_oldest_segments_and_only_these_and_what_is_left_is_read_as_far_as_it_goes() {
    let (mut sidecar, dir) = start("archive", "segment = \"64KiB\"\nkeep = 2\n");
    let foreign = ["notes.txt", "archive-7.seg.bak", "archive-zz-1.seg"].map(|name| dir.join(name));
    wait_for("an archive", || dir.exists().then_some(()));
    foreign.iter().for_each(|path| fs::write(path, "not ours").expect("a file"));
    let mut one = sidecar.attach_and_pass("one");
    let (mut seen, mut exec) = (Vec::new(), 0);
    wait_for("many segments", || {
        for _ in 0..50 {
            exec += 1;
            fill(&mut one, exec, 100);
        }
        let found = segments(&dir).expect("an archive");
        assert!(found.len() <= 3, "a new one and two that are kept: {found:?}");
        for (_, first, path) in found {
            if !seen.contains(&(first, path.clone())) {
                seen.push((first, path));
            }
        }
        (seen.len() >= 6).then_some(())
    });
    drop(one);
    stop(&mut sidecar);
    let left: Vec<_> =
        segments(&dir).expect("an archive").into_iter().map(|(_, first, path)| (first, path)).collect();
    left.iter().filter(|segment| !seen.contains(segment)).for_each(|new| assert!(new.0 > seen[5].0));
    seen.extend(left.iter().filter(|segment| !seen.contains(segment)).cloned().collect::<Vec<_>>());
    seen.sort();
    assert!(left.len() >= 2 && seen.ends_with(&left), "the newest: {left:?} of {seen:?}");
    assert!(foreign.iter().all(|path| path.exists()), "what is not ours stays");
    foreign.iter().for_each(|path| fs::remove_file(path).expect("a file"));

    // Whole, from an entry that is not the first.
    let first = left[0].0;
    assert!(first > 1);
    let verified = json(&run(&["journal", "verify", text(&dir), "--json"], &[]));
    assert_eq!(
        (&verified["ok"], &verified["pieces"][0]["first"]),
        (&true.into(), &first.into()),
        "{verified}"
    );
    let exported = out(&run(&["journal", "export", text(&dir), "--csv"], &[]));
    assert!(
        exported.lines().nth(1).is_some_and(|row| row.starts_with(&format!("{first},"))),
        "{exported:.300}"
    );
    let replayed = json(&run(&["replay", text(&dir), "--json"], &[]));
    assert_eq!(
        (&replayed["equal"], &replayed["entries"]),
        (&true.into(), &verified["entries"]),
        "{replayed}"
    );
    let refused = run(&["replay", text(&dir), "--limits", text(&sidecar.config())], &[]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(code(&refused), 1, "{refused:?}");
    assert!(said.contains(&format!("from entry 1 on, and this begins at {first}")), "{said}");
}

#[test]
fn a_segment_that_is_missing_in_the_middle_is_named_by_its_entries_by_every_command() {
    let (mut sidecar, dir) = start("archive", "segment = \"64KiB\"\n");
    let mut one = sidecar.attach_and_pass("one");
    let mut exec = 0;
    wait_for("segments", || {
        for _ in 0..50 {
            exec += 1;
            fill(&mut one, exec, 100);
        }
        (segments(&dir).is_ok_and(|found| found.len() >= 4)).then_some(())
    });
    await_archived(&dir, exec);
    drop(one);
    stop(&mut sidecar);
    let whole = json(&run(&["journal", "verify", text(&dir), "--json"], &[]));
    let found = segments(&dir).expect("an archive");
    let (from, to) = (found[1].1, found[2].1 - 1);
    fs::remove_file(&found[1].2).expect("a segment");
    let named = format!("entries {from} to {to} are missing before it");
    let verified = json(&run(&["journal", "verify", text(&dir), "--json"], &[]));
    assert_eq!(verified["ok"], false, "{verified}");
    assert_eq!(verified["problems"].as_array().map(Vec::len), Some(1), "{verified}");
    assert_eq!(
        (&verified["problems"][0]["what"], &verified["problems"][0]["entry"]),
        (&named.as_str().into(), &from.into())
    );
    let rest = whole["entries"].as_u64().expect("a count") - (to + 1 - from);
    assert_eq!(verified["entries"], rest);
    for args in [
        vec!["journal", "verify", text(&dir)],
        vec!["journal", "export", text(&dir), "--csv"],
        vec!["journal", "tail", text(&dir)],
        vec!["replay", text(&dir)],
    ] {
        let said = run(&args, &[]);
        assert_eq!(code(&said), 1, "{said:?}");
        assert!(String::from_utf8_lossy(&said.stderr).contains(&named), "{args:?}: {said:?}");
    }
    let replayed = json(&run(&["replay", text(&dir), "--json"], &[]));
    assert_eq!(
        (&replayed["equal"], &replayed["entries"]),
        (&false.into(), &rest.into()),
        "the rest is replayed"
    );
}

/// `journal tail --follow` with its output in a pipe.
struct Tail {
    process: Child,
    lines: Receiver<String>,
    /// Closes the reading end of the pipe when it is asked to.
    leave: Sender<()>,
}

impl Tail {
    fn of(dir: &Path) -> Self {
        let mut command = Command::new(TRIPLINE);
        command.args(["journal", "tail", text(dir), "-n", "0", "--follow"]);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program");
        let mut reader = BufReader::new(process.stdout.take().expect("a pipe"));
        let (line, lines) = mpsc::channel();
        let (leave, left) = mpsc::channel();
        std::thread::spawn(move || {
            while left.try_recv() == Err(TryRecvError::Empty) {
                let mut text = String::new();
                if reader.read_line(&mut text).is_ok_and(|read| read == 0) || line.send(text).is_err() {
                    break;
                }
            }
        });
        Self { process, lines, leave }
    }

    fn await_line(&self, wanted: &str) {
        loop {
            let line = self.lines.recv_timeout(support::PATIENCE).expect("a line in time");
            if line.contains(wanted) {
                return;
            }
        }
    }

    fn await_end(mut self) -> (i32, String) {
        let status = wait_for("tail ends", || self.process.try_wait().expect("our own child"));
        let mut said = String::new();
        self.process.stderr.take().expect("a pipe").read_to_string(&mut said).expect("UTF-8");
        (status.code().expect("an exit code"), said)
    }
}

#[test]
fn tail_follows_entries_as_they_come_across_a_core_and_ends_in_order_when_its_reader_has_gone() {
    let (mut sidecar, _) = start("archive", "");
    let mut one = sidecar.attach_and_pass("one");
    let hot = sidecar.run_dir().join("journal");
    let tail = Tail::of(&hot);
    // Until it has found the end of what was there, what comes is not its to show.
    let mut exec = 0;
    wait_for("tail shows what comes", || {
        exec += 1;
        fill(&mut one, exec, 100);
        tail.lines.recv_timeout(std::time::Duration::from_millis(200)).ok()
    });
    for exec in exec + 1..exec + 6 {
        fill(&mut one, exec, 100);
        tail.await_line(&format!("exec={exec} "));
    }
    support::process::signal(sidecar.core(), libc::SIGKILL);
    tail.await_line("RECOVERED");
    fill(&mut one, exec + 6, 100);
    tail.await_line(&format!("exec={} ", exec + 6));
    // The reader goes away at the next line; the one after that finds nobody.
    tail.leave.send(()).expect("a reader");
    assert_eq!(tail.await_end(), (0, String::new()));

    // The same where nothing is written any more: nobody is left behind for good.
    drop(one);
    stop(&mut sidecar);
    let mut command = Command::new(TRIPLINE);
    command.args(["journal", "tail", text(&hot), "-n", "0", "--follow"]);
    let mut quiet = command.stdout(Stdio::piped()).spawn().expect("the program");
    drop(quiet.stdout.take());
    let status = wait_for("tail ends", || quiet.try_wait().expect("our own child"));
    assert_eq!(status.code(), Some(0));
}
