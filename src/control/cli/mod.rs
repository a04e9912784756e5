//! COLD: the command line. [`args`] is what may be typed, [`ExitCode`] what a script learns from it; [`run`] carries
//! out the commands that start no process.

pub mod admin;
pub mod args;
mod by_hand;
mod check;
mod exit;
mod journal;
mod replay;
mod resume;
mod screen;
#[cfg(test)]
mod tests;
mod verbs;

use std::io::{IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};

pub use args::{Cli, Command};
pub use exit::ExitCode;

use crate::wire::layout::ABI_VERSION;

/// Where a command reads and writes, so that a test can stand in for the terminal.
struct Terminal<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    /// Reads one line a person typed; `None` where standard input is no terminal.
    ask: Option<&'a mut dyn FnMut() -> std::io::Result<String>>,
    /// Whether output goes to a terminal that shows color.
    color: bool,
    /// The descriptor of `out`, where it has one.
    out_fd: Option<BorrowedFd<'a>>,
}

/// Carries out `command`, or returns `None` for those that need processes: run, demo and the demo's strategy.
pub fn run(command: &Command) -> Option<ExitCode> {
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let mut read_line = || {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    };
    let color = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let is_person = std::io::stdin().is_terminal();
    let ask: Option<&mut dyn FnMut() -> std::io::Result<String>> =
        if is_person { Some(&mut read_line) } else { None };
    let same = std::io::stdout();
    let out_fd = Some(same.as_fd());
    run_on(command, &mut Terminal { out: &mut out, err: &mut err, ask, color, out_fd })
}

fn run_on(command: &Command, terminal: &mut Terminal<'_>) -> Option<ExitCode> {
    let outcome = match command {
        Command::Check(args) => check::check(args, terminal),
        Command::Status(args) => verbs::status(args, terminal),
        Command::Halt(args) => verbs::halt(args, terminal),
        Command::Reduce(args) => verbs::reduce(args, terminal),
        Command::Adopt(args) => verbs::adopt(args, terminal),
        Command::Mode(args) => resume::mode(args, terminal),
        Command::Fill(args) => by_hand::fill(args, terminal),
        Command::Flow(args) => by_hand::flow(args, terminal),
        Command::Reset(args) => verbs::reset(args, terminal),
        Command::Resume(args) => resume::resume(args, terminal),
        Command::Journal(command) => journal::journal(command, terminal),
        Command::Replay(args) => replay::replay(args, terminal),
        Command::Version(args) => version(args, terminal),
        Command::Run(_) | Command::Demo(_) | Command::Strategy(_) => return None,
    };
    // Output that nobody reads any more (`| head`) is no failure worth a message.
    Some(outcome.unwrap_or(ExitCode::Failure))
}

fn version(args: &args::VersionArgs, terminal: &mut Terminal<'_>) -> std::io::Result<ExitCode> {
    let version = env!("CARGO_PKG_VERSION");
    if args.json {
        let value =
            serde_json::json!({ "schema": "tripline.version/1", "version": version, "abi": ABI_VERSION });
        writeln!(terminal.out, "{value}")?;
    } else {
        writeln!(terminal.out, "tripline {version} (abi {ABI_VERSION})")?;
    }
    Ok(ExitCode::Ok)
}
