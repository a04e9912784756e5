//! The demo's strategy process: strategies written against the C ABI, call for call what a C program does.
//!
//! The library's source is compiled in, as a C program links `libtripline.a`. Three strategies take turns in one thread:
//! `burst` and `rejects` on accounts of their own, then `demo` along the price path. What happens is told on standard
//! output, one [`Line`] each, for the demo that started it.

mod acts;
mod client;
mod path;

use std::io::{self, Write};

use tripline::control::cli::ExitCode;
use tripline::control::cli::args::StrategyArgs;
use tripline::control::demo;
use tripline::control::demo::tape::{Point, Tape};

use crate::line::Line;
use client::Client;

/// Why the strategy gave up, in words.
type Failure = String;

/// Runs the acts as strategies of the sidecar in `args.runtime_dir`.
pub(crate) fn run(args: &StrategyArgs) -> ExitCode {
    // The demo that starts this process holds signals back for itself, and the mask is inherited.
    tripline::runtime::pin::release_signals();
    let tape = demo::load(args.csv.as_deref()).map_err(|error| error.to_string());
    match tape.and_then(|tape| play(args, &tape)) {
        Ok(()) => ExitCode::Ok,
        Err(failure) => {
            eprintln!("strategy: {failure}");
            ExitCode::Failure
        }
    }
}

fn play(args: &StrategyArgs, tape: &Tape) -> Result<(), Failure> {
    let first = tape.points.first().ok_or("no prices")?;
    let alone = |name: &str, act: fn(&Client, &Point) -> Result<(), Failure>| {
        let client = Client::attach(&args.runtime_dir, name, name)?;
        act(&client, first)?;
        client.detach()
    };
    alone("burst", acts::burst)?;
    alone("rejects", acts::rejects)?;
    let client = Client::attach(&args.runtime_dir, "demo", "main")?;
    path::play(&client, tape, args.qty_units, args.pace)?;
    client.detach()
}

/// Tells the demo. Whole lines reach it at once.
fn say(line: Line) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| error.to_string())
}
