//! `tripline demo`: a real sidecar, a real strategy process, real decisions, on a price path.
//!
//! ```text
//! demo ── starts ──> tripline run          (keeper, core, control in a private directory)
//!      ── starts ──> tripline strategy     (C ABI; tells on its standard output what the gate shows it)
//!      <── admin socket: which guard, at which mark, peak and equity ──
//! ```
//! Nothing here decides: trips are the sidecar's, the moment and the latency are the strategy's.

mod acts;
mod plan;
mod sidecar;

use std::io::{self, BufRead, BufReader};
use std::ops::Range;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tripline::control::cli::ExitCode;
use tripline::control::cli::args::{DemoArgs, NamedLimit};
use tripline::control::decimal;
use tripline::control::demo::report::{Decimal, Summary, Trip};
use tripline::control::demo::screen::{Frame, Gauge, Screen, Style};
use tripline::control::report::Report;
use tripline::model::TradingState;
use tripline::runtime::pin;

use super::line::{Line, state_of};
use acts::Acts;
use plan::Plan;
use sidecar::Sidecar;

const LIVE_PACE: &str = "8s";
const LOOK_EVERY: Duration = Duration::from_millis(80);

type Failure = String;

/// Runs the demonstration. An interruption ends its processes and leaves terminal and directory as they were.
pub(crate) fn run(args: &DemoArgs) -> std::process::ExitCode {
    /// What a shell makes of a signal: 128 and its number.
    const BY_SIGNAL: u8 = 128;
    pin::hold_signals();
    let played = Demo::prepare(args).and_then(|mut demo| demo.play());
    match (played, pin::held_signal()) {
        (_, Some(signal)) => {
            eprintln!("tripline demo: interrupted");
            std::process::ExitCode::from(BY_SIGNAL.saturating_add(signal.unsigned_abs() as u8))
        }
        (Ok(()), None) => ExitCode::Ok.into(),
        (Err(failure), None) => {
            eprintln!("tripline demo: {failure}");
            ExitCode::Failure.into()
        }
    }
}

struct Demo {
    plan: Plan,
    json: bool,
    style: Style,
    sidecar: Sidecar,
}

/// The strategy's process; ends with its owner.
struct Strategy(Child);

impl Drop for Strategy {
    fn drop(&mut self) {
        // Both fail only for a process that has ended and was waited for.
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// What the strategy has told so far.
#[derive(Default)]
struct Told {
    trips: Vec<Trip>,
    latencies: Vec<u64>,
    refused: Option<bool>,
    points: usize,
    gate: TradingState,
    done: bool,
    acts: Acts,
}

impl Demo {
    fn prepare(args: &DemoArgs) -> Result<Self, Failure> {
        let plan = Plan::new(args)?;
        let style = if args.json { Style::Plain } else { Style::of_stdout() };
        let sidecar = Sidecar::start(&plan)?;
        Ok(Self { plan, json: args.json, style, sidecar })
    }

    fn play(&mut self) -> Result<(), Failure> {
        let mut strategy = Strategy(self.start_strategy()?);
        let lines = strategy.0.stdout.take().map(BufReader::new).ok_or("the strategy has no output")?;
        let mut screen = Screen::on_stdout(self.style);
        let mut told = Told::default();
        let mut report = self.sidecar.status()?;
        let (started, mut looked) = (Instant::now(), Instant::now());
        for line in lines.lines() {
            let line = line.map_err(|error| error.to_string())?;
            if pin::held_signal().is_some() {
                return Err("interrupted".into());
            }
            match Line::parse(&line).ok_or_else(|| format!("the strategy said {line:?}"))? {
                Line::Halt { index, gate, before, after, nanos } => {
                    told.points = index as usize + 1;
                    told.gate = state_of(gate);
                    told.latencies.push(nanos);
                    report = self.hear_halt(index, before..after, nanos, &mut told, &mut screen)?;
                }
                line if hear(line, &mut told) => {
                    if looked.elapsed() >= LOOK_EVERY || told.done {
                        looked = Instant::now();
                        report = self.sidecar.status()?;
                    }
                }
                line => {
                    self.hear_act(line, &mut told.acts, &mut screen, started.elapsed())?;
                    continue;
                }
            }
            if !self.json {
                self.draw(&mut screen, &told, &report, started.elapsed())?;
            }
        }
        let status = strategy.0.wait().map_err(|error| error.to_string())?;
        if !told.done || !status.success() {
            return Err(format!("the strategy ended early ({status}), after {} points", told.points));
        }
        told.acts.all_shown()?;
        self.finish(&mut screen, told)
    }

    fn start_strategy(&self) -> Result<Child, Failure> {
        let exe = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(exe);
        command.arg("strategy").arg("--runtime-dir").arg(self.sidecar.run_dir());
        command.arg(format!("--qty-units={}", self.plan.qty_units));
        if let Some(csv) = &self.plan.csv {
            command.arg("--csv").arg(csv);
        }
        if self.style == Style::Live {
            command.args(["--pace", LIVE_PACE]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.spawn().map_err(|error| format!("starting the strategy: {error}"))
    }

    /// The gate changed: asks the sidecar which guards began to hold after the first epoch and up to the last.
    fn hear_halt(
        &self,
        index: u64,
        epochs: Range<u64>,
        nanos: u64,
        told: &mut Told,
        screen: &mut Screen<io::Stdout>,
    ) -> Result<Report, Failure> {
        let Range { start: before, end: after } = epochs;
        let reached = |report: &Report| report.looping.as_ref().is_some_and(|l| l.epoch >= after);
        let report = self.status_once(reached, "the halt epoch the gate shows")?;
        for transition in &report.transitions {
            let limit = self.plan.limits.iter().find(|limit| limit.name == transition.guard);
            let (Some(limit), true) = (limit, transition.began) else { continue };
            if transition.epoch <= before || transition.epoch > after {
                continue;
            }
            let money = |text: &str| decimal::parse_money(text).map_err(|error| error.to_string());
            let trip = Trip {
                guard: transition.guard.clone(),
                at_utc_ns: self.plan.tape.points[index as usize].at_utc_ns,
                mark: Decimal { units: i128::from(transition.mark), decimals: self.plan.tape.price_decimals },
                peak: money(&transition.peak)?,
                equity: money(&transition.equity)?,
                limit: limit.limit,
                event_to_halt_ns: Some(nanos),
            };
            if self.json {
                println!("{}", trip.to_json().map_err(|error| error.to_string())?);
            } else {
                screen.trip(&trip).map_err(|error| error.to_string())?;
            }
            told.trips.push(trip);
        }
        Ok(report)
    }

    /// The first status that is as far as the strategy: the page follows the gate by some milliseconds.
    fn status_once(&self, reached: impl Fn(&Report) -> bool, what: &str) -> Result<Report, Failure> {
        let by = Instant::now() + Duration::from_secs(2);
        loop {
            let report = self.sidecar.status()?;
            if reached(&report) {
                return Ok(report);
            }
            if Instant::now() >= by {
                return Err(format!("the sidecar's status never reached {what}"));
            }
        }
    }

    fn draw(
        &self,
        screen: &mut Screen<io::Stdout>,
        told: &Told,
        report: &Report,
        now: Duration,
    ) -> Result<(), Failure> {
        let gauges: Vec<Gauge<'_>> = self.plan.limits.iter().map(|limit| self.gauge(limit, told)).collect();
        // The page follows the gate by some milliseconds: show the mark that its figures belong to.
        let shown = report.looping.as_ref().map_or(0, |looping| looping.marks as usize);
        let index = told.points.min(shown).max(1) - 1;
        let money = |text: Option<&String>| text.and_then(|text| decimal::parse_money(text).ok());
        let guard = report.guards.first();
        let frame = Frame {
            now,
            source: &self.plan.tape.label,
            synthetic: self.plan.tape.synthetic,
            point: index as u64 + 1,
            points: self.plan.tape.points.len() as u64,
            at_utc_ns: self.plan.tape.points[index].at_utc_ns,
            mark: self.plan.mark(index),
            equity: money(guard.map(|guard| &guard.equity)).unwrap_or(self.plan.equity),
            peak: money(guard.map(|guard| &guard.peak)).unwrap_or(self.plan.equity),
            state: told.gate,
            guards: &gauges,
            event_to_halt_ns: told.latencies.last().copied(),
        };
        screen.update(&frame).map_err(|error| error.to_string())
    }

    fn gauge<'a>(&self, limit: &'a NamedLimit, told: &Told) -> Gauge<'a> {
        let tripped = told.trips.iter().any(|trip| trip.guard == limit.name);
        Gauge { name: &limit.name, limit: limit.limit, tripped }
    }

    fn finish(&self, screen: &mut Screen<io::Stdout>, told: Told) -> Result<(), Failure> {
        let all = self.plan.tape.points.len() as u64;
        let reached = |report: &Report| report.looping.as_ref().is_some_and(|l| l.marks >= all);
        let report = self.status_once(reached, "the last mark")?;
        let guard = report.guards.first().ok_or("the sidecar shows no guard")?;
        let money = |text: &str| decimal::parse_money(text).map_err(|error| error.to_string());
        let points = &self.plan.tape.points;
        let summary = Summary {
            source: self.plan.tape.label.clone(),
            synthetic: self.plan.tape.synthetic,
            points: points.len() as u64,
            first_utc_ns: points[0].at_utc_ns,
            last_utc_ns: points[points.len() - 1].at_utc_ns,
            equity: money(&guard.equity)?,
            peak: money(&guard.peak)?,
            max_drawdown_bps: self.plan.deepest(),
            tripped: told.trips.iter().map(|trip| trip.guard.clone()).collect(),
            gate: told.gate,
            send_refused: told.refused,
            event_to_halt_ns: told.latencies,
            position: Decimal { units: i128::from(self.plan.qty_units), decimals: self.plan.qty_decimals },
        };
        if self.json {
            println!("{}", summary.to_json().map_err(|error| error.to_string())?);
            return Ok(());
        }
        screen.finish(&summary).map_err(|error| error.to_string())
    }
}

/// Takes in a line about the price path, other than [`Line::Halt`]; `false` for any other.
fn hear(line: Line, told: &mut Told) -> bool {
    let gate = match line {
        Line::Mark { index, gate } => {
            told.points = index as usize + 1;
            gate
        }
        Line::Refused { gate, .. } => {
            told.refused = Some(true);
            gate
        }
        Line::Done { points, gate } => {
            (told.points, told.done) = (points as usize, true);
            gate
        }
        _ => return false,
    };
    told.gate = state_of(gate);
    true
}
