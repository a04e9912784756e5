//! The `tripline` program: parse, load, boot, run, exit code.

mod demo;
#[path = "../ffi/src/lib.rs"]
mod ffi;
mod sidecar;
mod strategy;

use std::process::ExitCode;

use clap::Parser;
use tripline::control::cli::{self, Cli, Command};

fn main() -> ExitCode {
    let command = Cli::parse().command;
    let code = match &command {
        Command::Run(args) => sidecar::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Strategy(args) => strategy::run(args),
        other => cli::run(other).unwrap_or(cli::ExitCode::Usage),
    };
    ExitCode::from(code)
}
