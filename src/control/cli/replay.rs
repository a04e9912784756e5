//! COLD: `replay`: a journal decided again, by the limits it was written with, and if asked by others beside them.
//!
//! The first run compares every recorded outcome and digest. The second, with `--limits`, gets the same inputs from the
//! first entry on; where its outcome first differs is what the change of limits would have changed. What strategies
//! would have done then is in no journal, so nothing behind that entry is compared.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::admin::Failure;
use super::args::ReplayArgs;
use super::journal::{Met, Names, walk};
use super::verbs::fail;
use super::{ExitCode, Terminal};
use crate::control::config;
use crate::engine::{Engine, Limits, Source};
use crate::journal::log::FIRST;
use crate::journal::record::Stamp;
use crate::journal::replica::{Replica, record_outcome};
use crate::journal::store::snapshot_bytes;
use crate::model::{Message, Nanos};
use crate::wire::record::Words;

/// Where two sets of limits first lead to something else.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Difference {
    entry: u64,
    input: String,
    recorded: Vec<String>,
    other: Vec<String>,
}

#[derive(Debug, Default)]
struct Replay {
    limits: Option<Limits>,
    replica: Option<Box<Replica>>,
    other: Option<Engine>,
    difference: Option<Difference>,
    entries: u64,
    inputs: u64,
    problems: Vec<String>,
    /// Why the other limits cannot be tried.
    unfit: Option<String>,
    spent: Duration,
}

pub(super) fn replay(args: &ReplayArgs, terminal: &mut Terminal<'_>) -> io::Result<ExitCode> {
    let mut replay = Replay::default();
    if let Some(file) = &args.limits {
        match config::load(file) {
            Ok(config) => replay.limits = Some(config.limits),
            Err(problems) => {
                let what = problems.to_string();
                let remedy = "tripline check --config shows each problem";
                return fail(&Failure::new(ExitCode::Configuration, what, remedy), args.json, terminal);
            }
        }
    }
    let began = Instant::now();
    let walked = walk(&args.path, &mut |met| {
        replay.meet(met);
        Ok(())
    })?;
    replay.spent = began.elapsed();
    if let Err(failure) = walked {
        return fail(&failure, args.json, terminal);
    }
    if let Some(what) = replay.unfit.take() {
        let remedy =
            "give the archive from its beginning, and a configuration with the same names in the same order";
        return fail(&Failure::new(ExitCode::Failure, what, remedy), args.json, terminal);
    }
    if args.json {
        writeln!(terminal.out, "{}", replay.to_json())?;
    } else {
        replay.print(terminal)?;
    }
    Ok(if replay.problems.is_empty() { ExitCode::Ok } else { ExitCode::Failure })
}

impl Replay {
    fn meet(&mut self, met: Met<'_>) {
        match met {
            Met::Piece(piece, start, goes_on) => self.enter(&piece.path, piece.id, start, goes_on),
            Met::Entry(names, stamp, words) => self.step(names, &stamp, &words),
            Met::Problem(path, _, what) => self.problem(path, &what),
            Met::End(..) => {}
        }
    }

    fn problem(&mut self, path: &Path, what: &str) {
        self.problems.push(format!("{}: {what}", path.display()));
    }

    /// Goes on with the replica that came so far, or with the one the piece starts with.
    fn enter(&mut self, path: &Path, id: u64, start: Option<Box<Replica>>, goes_on: bool) {
        let kept = self.replica.take().filter(|_| goes_on);
        if let (Some(kept), Some(start)) = (&kept, &start)
            && kept.next() == start.next()
            && snapshot_bytes(id, kept) != snapshot_bytes(id, start)
        {
            self.problem(path, "its snapshot is not what the entries before it lead to");
        }
        if kept.is_some() {
            self.replica = kept;
            return;
        }
        match start {
            Some(start) => self.begin(start),
            None => self.problem(path, "no snapshot beside it can be used, so it cannot be replayed"),
        }
    }

    fn begin(&mut self, start: Box<Replica>) {
        if let Some(limits) = &self.limits {
            let recorded = start.engine().limits();
            if start.next() != FIRST {
                let what = format!(
                    "other limits can only be tried from entry 1 on, and this begins at {}",
                    start.next()
                );
                self.unfit = Some(what);
            } else if let Some(what) = misfit(recorded, limits) {
                self.unfit = Some(what);
            } else {
                let mut limits = limits.clone();
                // The sizes of tables are the recorded run's: lanes are numbered as they were.
                limits.capacity.lanes = recorded.capacity.lanes;
                let mut other = Engine::new(limits, start.now());
                other.set_lease(start.engine().lease());
                self.other = Some(other);
            }
        }
        self.replica = Some(start);
    }

    fn step(&mut self, names: &Names, stamp: &Stamp, words: &Words) {
        let Self { replica: Some(replica), other, difference, inputs, .. } = self else { return };
        let stepped = replica.step_seen(stamp, words, |now, source, message, engine| {
            *inputs += 1;
            if let Some(other) = other.as_mut().filter(|_| difference.is_none()) {
                *difference = compare(other, engine, names, (stamp, words), (now, source, message));
            }
        });
        match stepped {
            Ok(()) => self.entries += 1,
            Err(divergence) => {
                self.problems.push(divergence.to_string());
                self.replica = None;
            }
        }
    }

    fn rate(&self) -> u64 {
        let nanos = self.spent.as_nanos().max(1);
        u64::try_from(u128::from(self.entries) * 1_000_000_000 / nanos).unwrap_or(u64::MAX)
    }

    fn digest(&self) -> Option<String> {
        self.replica.as_ref().map(|replica| format!("{:016x}", replica.chain()))
    }

    fn to_json(&self) -> serde_json::Value {
        let difference = self.difference.as_ref().map(|found| {
            json!({
                "entry": found.entry, "input": found.input, "recorded": found.recorded, "other": found.other,
            })
        });
        json!({
            "schema": "tripline.replay/1", "equal": self.problems.is_empty(), "entries": self.entries,
            "inputs": self.inputs, "digest": self.digest(), "entries_per_second": self.rate(),
            "problems": self.problems, "tried_limits": self.limits.is_some(), "difference": difference,
        })
    }

    fn print(&self, terminal: &mut Terminal<'_>) -> io::Result<()> {
        for problem in &self.problems {
            writeln!(terminal.err, "tripline: {problem}")?;
        }
        let equal = if self.problems.is_empty() { "every recorded outcome is equal" } else { "not equal" };
        let (entries, inputs, rate) = (self.entries, self.inputs, self.rate());
        writeln!(terminal.out, "{equal}: {entries} entries, {inputs} inputs, {rate} entries/s")?;
        if let Some(digest) = self.digest() {
            writeln!(terminal.out, "digest {digest}")?;
        }
        match &self.difference {
            Some(found) => {
                writeln!(
                    terminal.out,
                    "with the other limits outcomes first differ at entry {}:",
                    found.entry
                )?;
                writeln!(terminal.out, "  input    {}", found.input)?;
                writeln!(terminal.out, "  recorded {}", found.recorded.join("; "))?;
                writeln!(terminal.out, "  other    {}", found.other.join("; "))
            }
            None if self.limits.is_some() => {
                writeln!(terminal.out, "with the other limits outcomes are the same")
            }
            None => Ok(()),
        }
    }
}

/// Applies the input to the other engine too; what differs.
fn compare(
    other: &mut Engine,
    recorded: &Engine,
    names: &Names,
    (stamp, words): (&Stamp, &Words),
    (now, source, message): (Nanos, Source, &Message),
) -> Option<Difference> {
    other.apply(now, source, message);
    let (was, is) = (recorded.outcome(), other.outcome());
    let is_same = was.changes() == is.changes()
        && was.transitions() == is.transitions()
        && was.verdicts() == is.verdicts()
        && was.directives() == is.directives();
    let input = || names.line(stamp, words).to_string();
    (!is_same).then(|| Difference {
        entry: stamp.sequence,
        input: input(),
        recorded: outcome(recorded, names),
        other: outcome(other, names),
    })
}

/// What an engine decided last, in words.
fn outcome(engine: &Engine, names: &Names) -> Vec<String> {
    let mut said = Vec::new();
    record_outcome(engine.outcome(), |lane, words| said.push(names.outcome(lane, &words)));
    let words = engine.outcome().changes().iter();
    said.extend(words.map(|change| format!("{:?} {}", change.id, change.new.state.as_str())));
    if said.is_empty() {
        said.push("nothing".to_owned());
    }
    said
}

/// Records name things by number: the same number must be the same thing.
fn misfit(recorded: &Limits, other: &Limits) -> Option<String> {
    let same = recorded.accounts.iter().map(|row| row.name).eq(other.accounts.iter().map(|row| row.name))
        && recorded.strategies.iter().map(|row| row.name).eq(other.strategies.iter().map(|row| row.name))
        && recorded.instruments.iter().map(|row| row.name).eq(other.instruments.iter().map(|row| row.name))
        && recorded
            .books
            .iter()
            .map(|row| (row.strategy, row.account))
            .eq(other.books.iter().map(|row| (row.strategy, row.account)));
    (!same).then(|| "accounts, strategies, books or instruments are not those of the journal".to_owned())
}
