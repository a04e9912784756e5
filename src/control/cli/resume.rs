//! COLD: what goes on by a person's decision. `resume` ends causes whose cool-down is over, never before: only the engine's
//! clock says when. `mode live` lets orders go to the venue, `mode paper` takes that back without asking.

use std::io;

use super::admin::{self, Failure};
use super::args::{ModeArgs, ResumeArgs};
use super::screen;
use super::verbs::{fail, fetch};
use super::{ExitCode, Terminal};
use crate::control::report::CauseReport;
use crate::control::server::{Done, ModeBody, ResumeBody};

pub(super) fn resume(args: &ResumeArgs, terminal: &mut Terminal<'_>) -> io::Result<ExitCode> {
    if let Err(failure) = decide(args, terminal)? {
        return fail(&failure, args.json, terminal);
    }
    let body =
        ResumeBody { scope: args.scope.clone(), guard: args.guard.clone(), reason: args.reason.clone() };
    match admin::post::<Done>(&args.target.runtime_dir, "/v1/resume", &body) {
        Ok(done) if args.json => writeln!(terminal.out, "{}", serde_json::to_string(&done)?)?,
        Ok(done) => writeln!(terminal.out, "resumed {}; tripline status shows what remains", done.scope)?,
        Err(failure) => return fail(&failure, args.json, terminal),
    }
    Ok(ExitCode::Ok)
}

/// Whether somebody decided to go on: by `--yes`, or by typing the scope on being shown what will end.
fn decide(args: &ResumeArgs, terminal: &mut Terminal<'_>) -> io::Result<Result<(), Failure>> {
    if args.yes {
        return Ok(Ok(()));
    }
    if terminal.ask.is_none() {
        return Ok(Err(nobody_decides("a resume")));
    }
    let ready = match ready(args) {
        Ok(ready) => ready,
        Err(failure) => return Ok(Err(failure)),
    };
    for cause in &ready {
        let CauseReport { scope, guard, state, age, .. } = cause;
        writeln!(terminal.err, "{scope} is {state} by {guard} for {age}: {}", screen::reading(cause))?;
    }
    typed(&args.scope, "to resume it", terminal)
}

fn nobody_decides(what: &str) -> Failure {
    let what = format!("{what} has to be decided, and nobody is there to ask");
    Failure::new(ExitCode::Usage, what, "add --yes, after a look at tripline status")
}

/// Whether somebody typed the scope on being asked to.
fn typed(scope: &str, purpose: &str, terminal: &mut Terminal<'_>) -> io::Result<Result<(), Failure>> {
    write!(terminal.err, "type the scope ({scope}) {purpose}: ")?;
    terminal.err.flush()?;
    let typed = terminal.ask.as_mut().map_or_else(|| Ok(String::new()), |ask| ask())?;
    if typed.trim() == scope {
        return Ok(Ok(()));
    }
    let remedy = "nothing was changed; repeat the command to try again";
    Ok(Err(Failure::new(ExitCode::Failure, "not confirmed", remedy)))
}

pub(super) fn mode(args: &ModeArgs, terminal: &mut Terminal<'_>) -> io::Result<ExitCode> {
    if args.mode == "live" && !args.yes {
        let decided = match terminal.ask {
            None => Err(nobody_decides("going live")),
            Some(_) => typed(&args.scope, "to let its orders go to the venue", terminal)?,
        };
        if let Err(failure) = decided {
            return fail(&failure, args.json, terminal);
        }
    }
    let body = ModeBody { scope: args.scope.clone(), mode: args.mode.clone(), reason: args.reason.clone() };
    match admin::post::<Done>(&args.target.runtime_dir, "/v1/mode", &body) {
        Ok(done) if args.json => writeln!(terminal.out, "{}", serde_json::to_string(&done)?)?,
        Ok(done) if args.mode == "live" => {
            let scope = done.scope;
            writeln!(
                terminal.out,
                "{scope} is live, unless a scope above it is on paper; tripline status shows it"
            )?;
        }
        Ok(done) => writeln!(terminal.out, "orders of {} are simulated now", done.scope)?,
        Err(failure) => return fail(&failure, args.json, terminal),
    }
    Ok(ExitCode::Ok)
}

/// What the resume would end now.
fn ready(args: &ResumeArgs) -> Result<Vec<CauseReport>, Failure> {
    let report = fetch(&args.target.runtime_dir)?;
    let is_meant = |cause: &CauseReport| {
        cause.scope == args.scope
            && cause.latch == "cooldown"
            && args.guard.as_ref().is_none_or(|guard| *guard == cause.guard)
    };
    let (ready, cooling): (Vec<_>, Vec<_>) =
        report.causes.into_iter().filter(is_meant).partition(screen::is_ready);
    if !ready.is_empty() {
        return Ok(ready);
    }
    let what = match cooling.first() {
        Some(CauseReport { guard, left, .. }) => {
            let left = left.as_deref().unwrap_or("a moment");
            format!("the cool-down of {guard} on {} is not over: {left} left", args.scope)
        }
        None => format!("nothing on {} waits for a resume", args.scope),
    };
    Err(Failure::new(ExitCode::Conflict, what, "tripline status shows what holds now"))
}
