//! How long from a strategy's publishing a fill that breaches its drawdown limit until that strategy reads HALTED
//! through its gate, and how long from its asking for an order until it has the verdict, both as multiples of the
//! cheapest shared-memory round trip on this machine in this run?
//!
//! ```text
//! cpu S  this process, a strategy on the C ABI       t0 publish(fill) … gate, gate, gate == HALTED t1
//!                                    lane │  ▲ gate page
//! cpu C  core of a real `tripline run`    ▼  │       take, decode, apply, store the word
//! ```
//! Rounds alternate between halts and raw round trips, so that both meet the same noise: while the core is stopped
//! by a signal, a thread pinned to its processor echoes cache lines. A second sidecar without a journal takes its turn in
//! each round on the same processor, so that what the journal costs is measured too. README.md beside this file tells the method,
//! the numbers' meaning and what they do not show.
//!
//! A sample counts only if the gate passed before, if the halt epoch has advanced with it, and if the sidecar's own
//! status then names the expected guard on the expected account, and nothing else.

#![allow(unsafe_code)]

#[path = "event_to_halt/echo.rs"]
mod echo;
#[path = "../ffi/src/lib.rs"]
#[allow(
    dead_code,
    unused_imports,
    missing_docs,
    reason = "the whole C ABI is compiled in, not all is called"
)]
mod ffi;
#[path = "event_to_halt/figures.rs"]
mod figures;
#[path = "event_to_halt/inline_gate.rs"]
mod inline_gate;
#[path = "support/running.rs"]
#[allow(dead_code, reason = "each benchmark uses its own part")]
mod running;
#[path = "event_to_halt/sidecar.rs"]
mod sidecar;
#[path = "event_to_halt/strategy.rs"]
mod strategy;

use std::process::ExitCode;
use std::time::Instant;

use echo::Echo;
use figures::{Figures, Series};
use inline_gate::InlineGate;
use sidecar::Sidecar;
use strategy::Strategy;
use tripline::runtime::pin;

/// Accounts, each with a book and a guard of its own: so many halts before the operator has to reset.
pub(crate) const ACCOUNTS: usize = 32;
/// Round trips of one block: about as long as a round's halts take.
const TRIPS: u64 = 4_000;
/// Round trips of one block in which the strategy pauses before each, as it does before a halt.
const PACED_TRIPS: u64 = 64;
/// Every sample books two executions, and executions without a venue time are never forgotten.
const SAMPLES_MAX: usize = 100_000;
const USAGE: &str = "event_to_halt [--samples N] [--quick] [--json]";

/// Why the run gave up, in words.
type Failure = String;

struct Arguments {
    samples: usize,
    json: bool,
}

fn main() -> ExitCode {
    let outcome = arguments(std::env::args().skip(1)).and_then(|arguments| {
        let figures = measure(arguments.samples)?;
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
            eprintln!("event_to_halt: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn arguments(given: impl Iterator<Item = String>) -> Result<Arguments, Failure> {
    let mut arguments = Arguments { samples: 4_000, json: false };
    let mut given = given;
    while let Some(argument) = given.next() {
        match argument.as_str() {
            // cargo bench passes it to every benchmark.
            "--bench" => {}
            "--json" => arguments.json = true,
            "--quick" => arguments.samples = 10 * ACCOUNTS,
            "--samples" => {
                let count = given.next().and_then(|text| text.parse().ok());
                arguments.samples = count
                    .filter(|count| (1..=SAMPLES_MAX).contains(count))
                    .ok_or(format!("--samples takes a number from 1 to {SAMPLES_MAX}"))?;
            }
            _ => return Err(format!("{argument:?} is not an option\n{USAGE}")),
        }
    }
    Ok(arguments)
}

/// The strategy's processor and the core's.
fn processors() -> Result<(usize, usize), Failure> {
    match pin::allowed_cpus().as_slice() {
        [first, .., last] => Ok((*first, *last)),
        _ => Err("two processors are needed, one for the core and one for the strategy".into()),
    }
}

fn measure(samples: usize) -> Result<Figures, Failure> {
    let (strategy_cpu, core_cpu) = processors()?;
    // First, so that the keeper and control inherit a mask that leaves the core's processor alone.
    if !pin::pin_to(strategy_cpu) {
        return Err(format!("cannot be pinned to processor {strategy_cpu}"));
    }
    let sidecar = Sidecar::start(core_cpu, true)?;
    let plain_sidecar = Sidecar::start(core_cpu, false)?;
    let inline = InlineGate::compile(sidecar.dir());
    let mut strategy = plain_sidecar.while_stopped(|| Strategy::attach(&sidecar.run_dir()))?;
    let mut plain_strategy = sidecar.while_stopped(|| Strategy::attach(&plain_sidecar.run_dir()))?;
    let mut echo = Echo::start(core_cpu)?;
    let mut figures = Figures::new(strategy_cpu, core_cpu, clock_cost());
    let rounds = samples.div_ceil(ACCOUNTS);
    for round in 0..=rounds {
        let journaled = plain_sidecar.while_stopped(|| decisions(&sidecar, &mut strategy))?;
        let plain = sidecar.while_stopped(|| decisions(&plain_sidecar, &mut plain_strategy))?;
        let (mut trips, mut paced) = (Series::new(), Series::new());
        sidecar.while_stopped(|| {
            plain_sidecar.while_stopped(|| {
                echo.block(TRIPS, || {}, |nanos| trips.add(nanos))?;
                echo.block(PACED_TRIPS, || strategy.pause(), |nanos| paced.add(nanos))
            })
        })?;
        // The first round warms up: pages, caches and predictors of all processes.
        if round > 0 {
            figures.round(&journaled, &plain, &trips, &paced);
        }
    }
    plain_sidecar.while_stopped(|| {
        strategy.await_applied()?;
        figures.publish_ns = strategy.publish_cost()?;
        figures.gate_ns = strategy.gate_cost(&inline)?;
        figures.core = sidecar.summary()?;
        Ok(())
    })?;
    figures.checksum = strategy.checksum() ^ plain_strategy.checksum() ^ echo.checksum();
    Ok(figures)
}

/// A round's halts, and its permissions.
fn decisions(sidecar: &Sidecar, strategy: &mut Strategy) -> Result<[Series; 2], Failure> {
    let (mut halts, mut permits) = (Series::new(), Series::new());
    strategy.await_applied()?;
    strategy.halt_each(|nanos| halts.add(nanos))?;
    sidecar.reset_all(strategy)?;
    strategy.permit_each(|nanos| permits.add(nanos))?;
    Ok([halts, permits])
}

/// What one reading of the clock adds to an interval: the median of empty intervals.
fn clock_cost() -> u64 {
    let mut empty: Vec<u64> = (0..10_001)
        .map(|_| {
            let start = Instant::now();
            start.elapsed().as_nanos() as u64
        })
        .collect();
    empty.sort_unstable();
    empty[empty.len() / 2]
}
