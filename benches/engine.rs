//! What does one event cost the engine with every rule on, and how does that grow with strategies, instruments and holders?
//!
//! In memory, on one processor: records go straight into [`tripline::engine::Engine::apply`]. README.md beside this file tells the
//! method, the numbers' meaning and what they do not show.

#[path = "../tests/support/desk.rs"]
#[allow(dead_code, unreachable_pub, reason = "the benchmark uses a part of it")]
mod desk;
#[path = "engine/flow.rs"]
mod flow;
#[path = "engine/instructions.rs"]
mod instructions;
#[path = "engine/scene.rs"]
mod scene;

use std::process::ExitCode;
use std::time::Instant;

use flow::{BATCH, Flow, Kind, Meter};
use scene::{ALONE, GROWTH, Scene};

const USAGE: &str = "engine [--rounds N] [--alone] [--instructions [--record]]";
const MOST_ROUNDS: u64 = 1_000_000;

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("engine: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut given: impl Iterator<Item = String>) -> Result<(), String> {
    let (mut rounds, mut alone, mut counts, mut record) = (4_000, false, false, false);
    while let Some(argument) = given.next() {
        let mut value = || given.next().ok_or(format!("{argument} takes a value\n{USAGE}"));
        match argument.as_str() {
            // cargo bench passes it to every benchmark.
            "--bench" => {}
            "--rounds" => {
                let number = value()?.parse().ok().filter(|number| (10..=MOST_ROUNDS).contains(number));
                rounds = number.ok_or(format!("--rounds takes a number from 10 to {MOST_ROUNDS}"))?;
            }
            "--alone" => alone = true,
            "--instructions" => counts = true,
            "--record" => record = true,
            // What `--instructions` runs under callgrind.
            "--count" => return instructions::child(&value()?),
            _ => return Err(format!("{argument:?} is not an option\n{USAGE}")),
        }
    }
    if counts || record {
        return instructions::compare(record);
    }
    let clock = clock_cost();
    println!(
        "ns per event; batches of {BATCH}, {rounds} of each kind; the clock's {:.1} ns a batch are taken off",
        clock
    );
    println!("{:<46}{:<9}{:>8}{:>8}{:>8}{:>9}", "", "event", "p10", "median", "p90", "target");
    measure(ALONE, rounds, clock)?;
    if !alone {
        GROWTH.into_iter().try_for_each(|scene| measure(scene, rounds, clock))?;
    }
    Ok(())
}

fn measure(scene: Scene, rounds: u64, clock: f64) -> Result<(), String> {
    let mut flow = Flow::new(scene);
    let warm_up = rounds / 10 + 1 + u64::from(scene.marked) / BATCH as u64;
    (0..warm_up).for_each(|_| flow.round(Meter::Time));
    flow.readings.iter_mut().for_each(Vec::clear);
    (0..rounds).for_each(|_| flow.round(Meter::Time));
    let checksum = flow.verify().map_err(|why| format!("{}: {why}", scene.name))?;
    for kind in Kind::ALL {
        let readings = &mut flow.readings[kind as usize];
        readings.sort_by(f64::total_cmp);
        let [low, median, high] =
            [10, 50, 90].map(|percent| readings[(readings.len() - 1) * percent / 100] - clock / BATCH as f64);
        let target = kind.target().filter(|_| scene.strategies == 1);
        let target = target.map_or(String::new(), |most| {
            format!("{} {most:.0}", if median <= most { "<=" } else { "ABOVE" })
        });
        let name = if kind == Kind::Mark { scene.name } else { "" };
        println!("{name:<46}{:<9}{low:>8.1}{median:>8.1}{high:>8.1}{target:>9}", kind.name());
    }
    println!("{:<46}checksum {checksum}", "");
    Ok(())
}

/// What it takes to read the clock twice, the median.
fn clock_cost() -> f64 {
    let mut empty: Vec<u128> = (0..10_001).map(|_| Instant::now().elapsed().as_nanos()).collect();
    empty.sort_unstable();
    empty[empty.len() / 2] as f64
}
