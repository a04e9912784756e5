//! COLD: `journal tail`, `verify` and `export`: what a journal says, without a sidecar and without disturbing one.

mod words;

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use serde_json::json;

pub(super) use words::Names;

use super::admin::Failure;
use super::args::{ExportArgs, JournalCommand, TailArgs, VerifyArgs};
use super::verbs::fail;
use super::{ExitCode, Terminal};
use crate::journal::reading::{Next, OpenProblem, Piece, files};
use crate::journal::record::Stamp;
use crate::journal::replica::Replica;
use crate::shm::clock::{sleep, sleep_while_read};
use crate::wire::record::Words;

/// How often `--follow` looks for more.
const LOOK_EVERY_NS: u64 = 50_000_000;

pub(super) fn journal(command: &JournalCommand, terminal: &mut Terminal<'_>) -> io::Result<ExitCode> {
    match command {
        JournalCommand::Tail(args) => tail(args, terminal),
        JournalCommand::Verify(args) => verify(args, terminal),
        JournalCommand::Export(args) => export(args, terminal),
    }
}

/// What a walk through a journal meets.
pub(super) enum Met<'a> {
    /// A piece, the replica before its first entry, and whether it goes on where the one before ended.
    Piece(&'a Piece, Option<Box<Replica>>, bool),
    /// An entry that was not met before.
    Entry(&'a Names, Stamp, Words),
    /// The end of a piece; so many bytes are cut.
    End(&'a Piece, usize),
    /// Something wrong, and at which entry.
    Problem(&'a Path, Option<u64>, String),
}

/// Walks through everything at `path`, in order.
pub(super) fn walk(
    path: &Path,
    visit: &mut dyn FnMut(Met<'_>) -> io::Result<()>,
) -> io::Result<Result<Option<Piece>, Failure>> {
    let files = match files(path) {
        Ok(files) => files,
        Err(problem) => return Ok(Err(unreadable(&problem))),
    };
    let (mut before, mut last): (Option<(u64, u64)>, Option<Piece>) = (None, None);
    for file in &files {
        let mut piece = match Piece::open(file) {
            Ok(piece) => piece,
            Err(problem) if files.len() == 1 => return Ok(Err(unreadable(&problem))),
            Err(problem) => {
                visit(Met::Problem(file, None, problem.to_string()))?;
                continue;
            }
        };
        let same = before.filter(|(id, _)| *id == piece.id);
        let mut next = same.map_or(piece.first, |(_, next)| next);
        if piece.first > next {
            let what = format!("entries {next} to {} are missing before it", piece.first - 1);
            visit(Met::Problem(file, Some(next), what))?;
        }
        let goes_on = same.is_some() && piece.first <= next;
        next = next.max(piece.first);
        let start = piece.take_start();
        let mut names = Names::new(start.as_deref(), piece.utc_of_zero);
        visit(Met::Piece(&piece, start, goes_on))?;
        step_through(&mut piece, &mut names, &mut next, visit)?;
        before = Some((piece.id, next));
        last = Some(piece);
    }
    Ok(Ok(last))
}

/// Reads a piece to its end; entries before `next` were met already.
fn step_through(
    piece: &mut Piece,
    names: &mut Names,
    next: &mut u64,
    visit: &mut dyn FnMut(Met<'_>) -> io::Result<()>,
) -> io::Result<()> {
    loop {
        match piece.step() {
            Next::Entry(stamp, words) => {
                names.follow(&stamp, &words);
                if stamp.sequence >= *next {
                    *next = stamp.sequence + 1;
                    visit(Met::Entry(names, stamp, words))?;
                }
            }
            Next::Overtaken { next: at } => *next = at,
            Next::End { cut } => return visit(Met::End(piece, cut)),
            Next::Damaged { sequence } => {
                let what = format!("entry {sequence} is damaged: nothing from there on can be vouched for");
                return visit(Met::Problem(&piece.path, Some(sequence), what));
            }
        }
    }
}

fn unreadable(problem: &OpenProblem) -> Failure {
    let (code, remedy) = match problem {
        OpenProblem::Io { error, .. } if error.kind() == io::ErrorKind::PermissionDenied => {
            (ExitCode::Permission, "run it as the user of the sidecar")
        }
        OpenProblem::Foreign { .. } => {
            (ExitCode::Failure, "read it with the version that wrote it, or try another segment")
        }
        _ => (ExitCode::Failure, "name a journal directory, an archive directory or one segment of it"),
    };
    Failure::new(code, problem.to_string(), remedy)
}

fn problem_text(path: &Path, what: &str) -> String {
    format!("{}: {what}", path.display())
}

/// One line per entry: the last of them, then what comes.
fn tail(args: &TailArgs, terminal: &mut Terminal<'_>) -> io::Result<ExitCode> {
    let mut kept: VecDeque<(Names, Stamp, Words)> = VecDeque::new();
    let mut problems = Vec::new();
    let mut follower: Option<Names> = None;
    let walked = walk(&args.path, &mut |met| {
        match met {
            Met::Entry(names, stamp, words) => {
                // Names are cheap to keep only for the entries that will be shown.
                if kept.len() == args.lines {
                    kept.pop_front();
                }
                if args.lines > 0 {
                    kept.push_back((names.clone(), stamp, words));
                }
                if args.follow {
                    follower = Some(names.clone());
                }
            }
            Met::Problem(path, _, what) => problems.push(problem_text(path, &what)),
            Met::Piece(piece, start, _) => follower = Some(Names::new(start.as_deref(), piece.utc_of_zero)),
            Met::End(..) => {}
        }
        Ok(())
    })?;
    let last = match walked {
        Ok(last) => last,
        Err(failure) => return fail(&failure, args.json, terminal),
    };
    for (names, stamp, words) in &kept {
        show(&names.line(stamp, words), args.json, terminal)?;
    }
    for problem in &problems {
        writeln!(terminal.err, "tripline: {problem}")?;
    }
    if args.follow {
        let (Some(mut piece), Some(mut names)) = (last, follower) else { return Ok(ExitCode::Failure) };
        if piece.hot_log().is_none() {
            let what = "only the journal directory of a sidecar can be followed";
            return fail(&Failure::new(ExitCode::Usage, what, "leave --follow out"), args.json, terminal);
        }
        return match keep_showing(&mut piece, &mut names, args.json, terminal) {
            // Whoever read has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::Ok),
            shown => shown,
        };
    }
    Ok(if problems.is_empty() { ExitCode::Ok } else { ExitCode::Failure })
}

/// What comes, until nobody reads it any more.
fn keep_showing(
    piece: &mut Piece,
    names: &mut Names,
    json: bool,
    terminal: &mut Terminal<'_>,
) -> io::Result<ExitCode> {
    loop {
        match piece.step() {
            Next::Entry(stamp, words) => {
                names.follow(&stamp, &words);
                show(&names.line(&stamp, &words), json, terminal)?;
            }
            Next::End { .. } => {
                terminal.out.flush()?;
                match terminal.out_fd {
                    Some(output) if !sleep_while_read(output, LOOK_EVERY_NS) => return Ok(ExitCode::Ok),
                    Some(_) => {}
                    None => sleep(LOOK_EVERY_NS),
                }
            }
            Next::Overtaken { next } => {
                writeln!(terminal.err, "tripline: too slow; going on at entry {next}")?
            }
            Next::Damaged { sequence } => {
                let what = format!("entry {sequence} is damaged, or another journal was begun");
                return fail(&Failure::new(ExitCode::Failure, what, "start it again"), json, terminal);
            }
        }
    }
}

fn show(line: &words::Line, json: bool, terminal: &mut Terminal<'_>) -> io::Result<()> {
    if !json {
        return writeln!(terminal.out, "{line}");
    }
    let fields: serde_json::Map<String, serde_json::Value> =
        line.fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let value = json!({
        "schema": "tripline.journal.entry/1", "sequence": line.sequence, "time_ns": line.time_ns,
        "utc": line.utc, "from": line.from, "account": line.account, "instrument": line.instrument,
        "kind": line.kind, "flags": line.flags, "epoch": line.epoch, "fields": fields,
    });
    writeln!(terminal.out, "{value}")
}

/// Checksums, sequence, torn tail.
fn verify(args: &VerifyArgs, terminal: &mut Terminal<'_>) -> io::Result<ExitCode> {
    let (mut entries, mut pieces, mut problems) = (0_u64, Vec::new(), Vec::new());
    let (mut first, mut count) = (0, 0_u64);
    let walked = walk(&args.path, &mut |met| {
        match met {
            Met::Piece(piece, ..) => (first, count) = (piece.first, 0),
            Met::Entry(..) => (entries, count) = (entries + 1, count + 1),
            Met::End(piece, cut) => {
                let path = piece.path.display().to_string();
                let lag = piece.hot_log().and_then(|log| log.archive_lag());
                pieces.push(json!({
                    "path": path, "journal": format!("{:016x}", piece.id), "first": first, "entries": count,
                    "cut_bytes": cut, "archived_before": lag.map(|lag| lag.0),
                    "archive_lag_ns": lag.map(|lag| lag.1.0),
                }));
                if !args.json {
                    let cut =
                        if cut == 0 { String::new() } else { format!(", {cut} bytes of a torn block cut") };
                    writeln!(terminal.out, "{path}: from entry {first}: {count} entries{cut}")?;
                }
            }
            Met::Problem(path, entry, what) => {
                if !args.json {
                    writeln!(terminal.err, "{}", problem_text(path, &what))?;
                }
                problems.push(json!({ "path": path.display().to_string(), "entry": entry, "what": what }));
            }
        }
        Ok(())
    })?;
    if let Err(failure) = walked {
        return fail(&failure, args.json, terminal);
    }
    if args.json {
        let value = json!({
            "schema": "tripline.journal.verify/1", "ok": problems.is_empty(), "entries": entries,
            "pieces": pieces, "problems": problems,
        });
        writeln!(terminal.out, "{value}")?;
    } else {
        let found =
            if problems.is_empty() { "whole".to_owned() } else { format!("{} problems", problems.len()) };
        writeln!(terminal.out, "{entries} entries, {found}")?;
    }
    Ok(if problems.is_empty() { ExitCode::Ok } else { ExitCode::Failure })
}

/// Every entry as a row.
fn export(args: &ExportArgs, terminal: &mut Terminal<'_>) -> io::Result<ExitCode> {
    let mut problems = Vec::new();
    let mut rows = csv::Writer::from_writer(&mut *terminal.out);
    rows.write_record([
        "sequence",
        "time_ns",
        "utc",
        "from",
        "account",
        "instrument",
        "kind",
        "flags",
        "epoch",
        "detail",
    ])?;
    let walked = walk(&args.path, &mut |met| {
        match met {
            Met::Entry(names, stamp, words) => {
                let line = names.line(&stamp, &words);
                let (sequence, time, epoch) =
                    (line.sequence.to_string(), line.time_ns.to_string(), line.epoch.to_string());
                let row = [
                    sequence.as_str(),
                    &time,
                    &line.utc,
                    &line.from,
                    &line.account,
                    &line.instrument,
                    line.kind,
                    &line.flags,
                    &epoch,
                    &line.detail(),
                ];
                rows.write_record(row)?;
            }
            Met::Problem(path, _, what) => problems.push(problem_text(path, &what)),
            Met::Piece(..) | Met::End(..) => {}
        }
        Ok(())
    })?;
    rows.flush()?;
    drop(rows);
    if let Err(failure) = walked {
        return fail(&failure, false, terminal);
    }
    for problem in &problems {
        writeln!(terminal.err, "tripline: {problem}")?;
    }
    Ok(if problems.is_empty() { ExitCode::Ok } else { ExitCode::Failure })
}
