//! Instructions per event, counted by callgrind, held to the numbers on record.
//!
//! Time on a shared machine moves by tens of percent from run to run, the number of instructions does not: it is what a change
//! is judged by. The numbers belong to a processor family and, within the tolerance, to a compiler.

use std::fmt::Write;
use std::process::Command;

use crate::flow::{BATCH, Flow, Kind, Meter};
use crate::scene::ALONE;

/// Rounds that fill tables and caches before anything is counted.
const WARM_UP: u64 = 200;
const ROUNDS: u64 = 200;
/// More than so much above what is on record is a failure, as is less: then the record is to be renewed.
const TOLERANCE_PCT: f64 = 5.0;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/engine/instructions.txt");

/// What callgrind runs: batches of one kind under the name it looks for.
pub(crate) fn child(kind: &str) -> Result<(), String> {
    let kind = Kind::ALL.into_iter().find(|known| known.name() == kind).ok_or("no such kind")?;
    let mut flow = Flow::new(ALONE);
    (0..WARM_UP).for_each(|_| flow.round(Meter::Nothing));
    (0..ROUNDS).for_each(|_| flow.round(Meter::Count(kind)));
    flow.verify().map(|_| ())
}

/// Counts every kind and compares, or writes the record anew.
pub(crate) fn compare(record: bool) -> Result<(), String> {
    let counted =
        Kind::ALL.into_iter().map(|kind| Ok((kind, count(kind)?))).collect::<Result<Vec<_>, String>>()?;
    if record {
        let mut text = format!(
            "# Instructions per event, {}, {}; every rule on, {}.\n# Written by `make instructions ARGS=--record`.\n",
            std::env::consts::ARCH,
            rustc(),
            ALONE.name
        );
        for (kind, instructions) in &counted {
            let _ = writeln!(text, "{} {instructions:.0}", kind.name());
        }
        print!("{text}");
        return std::fs::write(PATH, text).map_err(|error| format!("{PATH}: {error}"));
    }
    let text = std::fs::read_to_string(PATH).map_err(|error| format!("{PATH}: {error}"))?;
    let here = format!(", {}, ", std::env::consts::ARCH);
    if !text.lines().next().is_some_and(|first| first.contains(&here)) {
        return Err(format!("the numbers in {PATH} are of another processor family: nothing was compared"));
    }
    let mut moved = 0;
    println!("{:<10}{:>10}{:>10}{:>9}", "event", "counted", "record", "");
    for (kind, instructions) in counted {
        let known = text.lines().find_map(|line| line.strip_prefix(kind.name())?.trim().parse::<f64>().ok());
        let known = known.ok_or_else(|| format!("{PATH} has no number for {}", kind.name()))?;
        let change = (instructions / known - 1.0) * 100.0;
        moved += u32::from(change.abs() > TOLERANCE_PCT);
        println!("{:<10}{instructions:>10.0}{known:>10.0}{change:>+8.1} %", kind.name());
    }
    if moved > 0 {
        let hint = "more: find out why; less or meant: make instructions ARGS=--record";
        return Err(format!("{moved} of them moved by more than {TOLERANCE_PCT} %. {hint}"));
    }
    Ok(())
}

fn rustc() -> String {
    let version = Command::new("rustc").arg("--version").output().ok();
    version.map_or("an unknown rustc".into(), |out| String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

fn count(kind: Kind) -> Result<f64, String> {
    let itself = std::env::current_exe().map_err(|error| error.to_string())?;
    let valgrind = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*counted_batch*"])
        .arg(itself)
        .args(["--count", kind.name()])
        .output();
    let output = valgrind.map_err(|error| {
        format!("missing: valgrind ({error}). NOTHING WAS COUNTED. Remedy: apt-get install valgrind, or dnf install valgrind")
    })?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected =
        said.lines().find_map(|line| line.split("Collected :").nth(1)?.trim().parse::<f64>().ok());
    match collected.filter(|_| output.status.success()) {
        Some(instructions) if instructions > 0.0 => Ok(instructions / (ROUNDS as f64 * BATCH as f64)),
        _ => Err(format!("callgrind counted nothing of {}:\n{said}", kind.name())),
    }
}
