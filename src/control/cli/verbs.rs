//! COLD: `status`, `halt`, `reduce`, `adopt` and `reset`.

use std::io;
use std::path::Path;

use super::admin::{self, Failure};
use super::args::{AdoptArgs, HaltArgs, ReduceArgs, ResetArgs, StatusArgs};
use super::screen;
use super::{ExitCode, Terminal};
use crate::control::report::{CauseReport, Report};
use crate::control::server::{AdoptBody, Done, HaltBody, ResetBody};
use crate::model::TradingState;

pub(super) fn status(args: &StatusArgs, terminal: &mut Terminal<'_>) -> io::Result<ExitCode> {
    let report = match fetch(&args.target.runtime_dir) {
        Ok(report) => report,
        Err(failure) => return fail(&failure, args.json, terminal),
    };
    if args.json {
        writeln!(terminal.out, "{}", serde_json::to_string(&report)?)?;
    } else {
        let screen = screen::render(&report, &args.target.runtime_dir, terminal.color);
        terminal.out.write_all(screen.as_bytes())?;
    }
    Ok(if args.exit_code { code_of(&report) } else { ExitCode::Ok })
}

pub(super) fn fetch(directory: &Path) -> Result<Report, Failure> {
    admin::get(directory, "/v1/status")
}

/// A stale loop is told apart from a halt: the first needs an engineer, the second a decision.
fn code_of(report: &Report) -> ExitCode {
    if report.not_ready.is_some() {
        return ExitCode::Stale;
    }
    let states = [TradingState::ReduceOnly, TradingState::Active];
    let state = states.into_iter().find(|state| state.as_str() == report.state);
    ExitCode::of_state(state.unwrap_or(TradingState::Halted))
}

pub(super) fn halt(args: &HaltArgs, terminal: &mut Terminal<'_>) -> io::Result<ExitCode> {
    tighten(args, None, ("/v1/halt", "halted"), terminal)
}

pub(super) fn reduce(args: &ReduceArgs, terminal: &mut Terminal<'_>) -> io::Result<ExitCode> {
    tighten(&args.halt, args.guard.as_ref(), ("/v1/reduce", "only reduces now:"), terminal)
}

pub(super) fn adopt(args: &AdoptArgs, terminal: &mut Terminal<'_>) -> io::Result<ExitCode> {
    let (scope, reason) = (args.scope.clone(), args.reason.clone());
    let body = AdoptBody { scope, confirm: args.confirm, reason };
    match admin::post::<Done>(&args.target.runtime_dir, "/v1/adopt", &body) {
        Ok(done) if args.json => writeln!(terminal.out, "{}", serde_json::to_string(&done)?)?,
        Ok(done) => {
            writeln!(terminal.out, "adopted {}; the next snapshot that matches ends its halt", done.scope)?;
        }
        Err(failure) => return fail(&failure, args.json, terminal),
    }
    Ok(ExitCode::Ok)
}

fn tighten(
    args: &HaltArgs,
    guard: Option<&String>,
    (path, done_to): (&str, &str),
    terminal: &mut Terminal<'_>,
) -> io::Result<ExitCode> {
    let body = HaltBody { scope: args.scope.clone(), guard: guard.cloned(), reason: args.reason.clone() };
    match admin::post::<Done>(&args.target.runtime_dir, path, &body) {
        Ok(done) if args.json => writeln!(terminal.out, "{}", serde_json::to_string(&done)?)?,
        Ok(done) => writeln!(terminal.out, "{done_to} {}", done.scope)?,
        Err(failure) => return fail(&failure, args.json, terminal),
    }
    Ok(ExitCode::Ok)
}

pub(super) fn reset(args: &ResetArgs, terminal: &mut Terminal<'_>) -> io::Result<ExitCode> {
    let nonce = match decide(args, terminal)? {
        Ok(nonce) => nonce,
        Err(failure) => return fail(&failure, args.json, terminal),
    };
    let body = ResetBody {
        scope: args.scope.clone(),
        guard: args.guard.clone(),
        nonce,
        reason: args.reason.clone(),
        rebase: args.rebase,
        acknowledged: args.acknowledged.clone(),
    };
    match admin::reset(&args.target.runtime_dir, &body) {
        Ok(done) if args.json => writeln!(terminal.out, "{}", serde_json::to_string(&done)?)?,
        Ok(done) => {
            writeln!(
                terminal.out,
                "reset {} of {}; tripline status shows what remains",
                args.guard, done.scope
            )?;
        }
        Err(failure) => return fail(&failure, args.json, terminal),
    }
    Ok(ExitCode::Ok)
}

/// The nonce of the halt somebody decided to end.
fn decide(args: &ResetArgs, terminal: &mut Terminal<'_>) -> io::Result<Result<String, Failure>> {
    match (&args.nonce, terminal.ask.is_some()) {
        (Some(nonce), is_person) if args.yes || !is_person => return Ok(Ok(nonce.clone())),
        // Whatever halt holds at this moment is not the one that somebody looked at before deciding.
        (None, false) => {
            return Ok(Err(Failure::new(
                ExitCode::Usage,
                "a reset has to name its halt, and nobody is there to ask",
                "add --nonce, as tripline status shows it",
            )));
        }
        _ => {}
    }
    let (nonce, cause) = match present_nonce(args) {
        Ok(present) => present,
        Err(failure) => return Ok(Err(failure)),
    };
    if args.nonce.as_ref().is_some_and(|typed| *typed != nonce) {
        let what = format!("the present halt has nonce {nonce}, not the one given");
        return Ok(Err(Failure::new(ExitCode::Conflict, what, "look at tripline status again")));
    }
    if args.yes {
        return Ok(Ok(nonce));
    }
    let CauseReport { scope, guard, age, .. } = &cause;
    writeln!(terminal.err, "{scope} is {} by {guard} for {age}: {}", cause.state, screen::reading(&cause))?;
    write!(terminal.err, "type its nonce ({nonce}) to reset it: ")?;
    terminal.err.flush()?;
    let typed = terminal.ask.as_mut().map_or_else(|| Ok(String::new()), |ask| ask())?;
    if typed.trim() == nonce {
        return Ok(Ok(nonce));
    }
    let remedy = "nothing was changed; repeat the command to try again";
    Ok(Err(Failure::new(ExitCode::Failure, "not confirmed", remedy)))
}

fn present_nonce(args: &ResetArgs) -> Result<(String, CauseReport), Failure> {
    let report = fetch(&args.target.runtime_dir)?;
    let found = report.causes.into_iter().find_map(|cause| {
        let nonce = cause.nonce.clone().filter(|_| cause.scope == args.scope && cause.guard == args.guard)?;
        Some((nonce, cause))
    });
    found.ok_or_else(|| {
        let what = format!("{} holds nothing on {} that a reset could end", args.guard, args.scope);
        Failure::new(ExitCode::Conflict, what, "tripline status shows what holds now")
    })
}

pub(super) fn fail(failure: &Failure, json: bool, terminal: &mut Terminal<'_>) -> io::Result<ExitCode> {
    let Failure { code, what, remedy } = failure;
    if json {
        let value = serde_json::json!({
            "schema": "tripline.error/1", "exit_code": *code as u8, "error": what, "hint": remedy,
        });
        writeln!(terminal.out, "{value}")?;
    } else {
        writeln!(terminal.err, "tripline: {what}\n  {remedy}")?;
    }
    Ok(*code)
}
