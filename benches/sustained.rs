//! How many events a second does the sidecar sustain, and what is the bottleneck: through ring and rules, with the journal,
//! and with the journal archived on a disk?
//!
//! ```text
//! all processors but one                              the core's processor
//! producers ──lanes──────────────────────────────────> hot loop: rules
//! shadow (the rules again) <──hot log, 64 B an event──────┘
//!    └──> archiver ──> disk
//! ```
//! Producers publish as fast as their lanes take it, or at a fixed rate. Meanwhile the kernel counts what each thread of the core gets of the
//! processors and how long it waits for one, and the benchmark looks at how full lanes and hot log are: the bottleneck is
//! named from that. What was published must at the end be what the sidecar says it booked. README.md beside this file
//! tells the method, the numbers' meaning and what they do not show.

#![allow(unsafe_code)]

#[path = "sustained/disk.rs"]
mod disk;
#[path = "sustained/evidence.rs"]
mod evidence;
#[path = "sustained/figures.rs"]
mod figures;
#[path = "sustained/producer.rs"]
mod producer;
#[path = "support/running.rs"]
#[allow(dead_code, reason = "each benchmark uses its own part")]
mod running;
#[path = "sustained/scene.rs"]
mod scene;
#[path = "sustained/trial.rs"]
mod trial;

use std::path::PathBuf;
use std::process::ExitCode;

use figures::Figures;
use scene::{Reach, Scene};
use tripline::runtime::pin;

const USAGE: &str = "sustained [--seconds N] [--rate N] [--lanes N]... [--only rules|journal|archive]... [--archive DIR] [--json]";
const LONGEST: u64 = 3_600;
const FASTEST: u64 = 100_000_000;
/// Lanes a sidecar of this benchmark has.
const MOST_LANES: usize = 16;

/// Why the run gave up, in words.
type Failure = String;

struct Arguments {
    seconds: u64,
    /// Events a second of all lanes together; `None` is as many as they take.
    rate: Option<u64>,
    lanes: Vec<usize>,
    reaches: Vec<Reach>,
    archive: PathBuf,
    json: bool,
}

fn main() -> ExitCode {
    let outcome = arguments(std::env::args().skip(1)).and_then(|arguments| {
        let figures = measure(&arguments)?;
        if arguments.json {
            println!("{}", figures.to_json());
        } else {
            print!("{}", figures.to_table());
        }
        Ok(())
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("sustained: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn arguments(given: impl Iterator<Item = String>) -> Result<Arguments, Failure> {
    let mut arguments = Arguments {
        seconds: 5,
        rate: None,
        lanes: Vec::new(),
        reaches: Vec::new(),
        archive: env!("CARGO_TARGET_TMPDIR").into(),
        json: false,
    };
    let mut given = given;
    while let Some(argument) = given.next() {
        let mut value = || given.next().ok_or(format!("{argument} takes a value\n{USAGE}"));
        match argument.as_str() {
            // cargo bench passes it to every benchmark.
            "--bench" => {}
            "--json" => arguments.json = true,
            "--archive" => arguments.archive = value()?.into(),
            "--seconds" => arguments.seconds = number(&argument, &value()?, LONGEST)?,
            "--rate" => arguments.rate = Some(number(&argument, &value()?, FASTEST)?),
            "--lanes" => arguments.lanes.push(number(&argument, &value()?, MOST_LANES as u64)? as usize),
            "--only" => arguments.reaches.push(match value()?.as_str() {
                "rules" => Reach::Rules,
                "journal" => Reach::Journal,
                "archive" => Reach::Archive,
                other => return Err(format!("--only {other:?} is none of rules, journal, archive")),
            }),
            _ => return Err(format!("{argument:?} is not an option\n{USAGE}")),
        }
    }
    if arguments.lanes.is_empty() {
        arguments.lanes = vec![1, 8];
    }
    if arguments.reaches.is_empty() {
        arguments.reaches = vec![Reach::Rules, Reach::Journal, Reach::Archive];
    }
    Ok(arguments)
}

fn number(option: &str, text: &str, most: u64) -> Result<u64, Failure> {
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or(format!("{option} takes a number from 1 to {most}"))
}

fn measure(arguments: &Arguments) -> Result<Figures, Failure> {
    let cpus = pin::allowed_cpus();
    let [_, .., core_cpu] = cpus.as_slice() else {
        return Err("two processors are needed, one for the core and one for everything else".into());
    };
    // First, so that the sidecar and the producers inherit a mask that leaves the core's processor alone.
    pin::keep_off(*core_cpu);
    pin::sleep_precisely();
    let archive = disk::Dir::new(&arguments.archive)?;
    let mut figures =
        Figures::new((cpus.len(), *core_cpu), arguments.seconds, arguments.rate, archive.kind()?);
    for &lanes in &arguments.lanes {
        for &reach in &arguments.reaches {
            let scene = Scene { reach, lanes, rate: arguments.rate, archive: archive.path() };
            let trial = trial::run(&scene, *core_cpu, arguments.seconds)?;
            eprintln!("{lanes} x {}: {:.0} events/s", reach.name(), trial.median());
            figures.add(trial);
            archive.clear()?;
        }
    }
    Ok(figures)
}
