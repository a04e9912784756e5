//! The `tripline` program: parse, load, boot, run, exit code.
//!
//! [`sidecar`] turns a configuration into processes, [`demo`] shows one at work with [`strategy`] as its client.

#[path = "main/demo/mod.rs"]
mod demo;
// The demo's strategy goes through the C ABI, linked in as a C program links libtripline.a.
#[path = "../ffi/src/lib.rs"]
mod ffi;
#[path = "main/line.rs"]
mod line;
#[path = "main/sidecar.rs"]
mod sidecar;
#[path = "main/strategy/mod.rs"]
mod strategy;

use std::process::ExitCode;

use clap::Parser;
use tripline::control::cli::{self, Cli, Command};
use tripline::runtime::pages::LargePages;

#[global_allocator]
static ALLOCATOR: LargePages = LargePages;

fn main() -> ExitCode {
    let command = Cli::parse().command;
    let code = match &command {
        Command::Demo(args) => return demo::run(args),
        Command::Run(args) => sidecar::run(args),
        Command::Strategy(args) => strategy::run(args),
        other => cli::run(other).unwrap_or(cli::ExitCode::Usage),
    };
    ExitCode::from(code)
}
