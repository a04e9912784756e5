//! `tripline demo`: a real sidecar, a real strategy process, real decisions, on a price path.
//!
//! ```text
//! demo ── starts ──> tripline run          (keeper, core, control in a private directory)
//!      ── starts ──> tripline strategy     (C ABI; tells on its standard output what the gate shows it)
//!      <── admin socket: which guard, at which mark, peak and equity ──
//! ```
//! Nothing here decides: trips are the sidecar's, the moment and the latency are the strategy's.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tripline::control;
use tripline::control::cli::args::{DemoArgs, NamedLimit};
use tripline::control::cli::{ExitCode, admin};
use tripline::control::decimal;
use tripline::control::demo::report::{Decimal, Summary, Trip, drawdown_bps};
use tripline::control::demo::screen::{Frame, Gauge, Screen, Style};
use tripline::control::demo::tape::Tape;
use tripline::control::report::Report;
use tripline::keeper;
use tripline::model::{Bps, Money, TradingState};
use tripline::runtime::pin;

const READY_WITHIN: Duration = Duration::from_secs(30);
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

/// What is played, in integers.
struct Plan {
    tape: Tape,
    csv: Option<PathBuf>,
    qty_decimals: u8,
    qty_units: i64,
    equity: Money,
    limits: Vec<NamedLimit>,
}

struct Demo {
    plan: Plan,
    json: bool,
    style: Style,
    sidecar: Sidecar,
}

/// The sidecar of this run, in a directory of its own; both go when it is dropped.
struct Sidecar {
    dir: PathBuf,
    process: Option<Child>,
}

impl Plan {
    fn new(args: &DemoArgs) -> Result<Self, Failure> {
        let tape = control::demo::load(args.csv.as_deref()).map_err(|error| error.to_string())?;
        let text = args.qty.as_deref().unwrap_or("1");
        let qty_decimals = text.split_once('.').map_or(0, |(_, fraction)| fraction.trim_end().len());
        let qty_decimals = u8::try_from(qty_decimals).unwrap_or(u8::MAX);
        let qty_units = decimal::parse_units(text, qty_decimals).map_err(|e| format!("--qty: {e}"))?;
        if qty_units == 0 {
            return Err("--qty must not be 0: without a position nothing can be lost".into());
        }
        let mut plan = Self {
            tape,
            csv: args.csv.clone(),
            qty_decimals,
            qty_units,
            equity: Money::ZERO,
            limits: args.limits.clone(),
        };
        if plan.limits.is_empty() {
            let limit = |name: &str, bps| NamedLimit { name: name.into(), limit: Bps(bps) };
            plan.limits = vec![limit("canary", 300), limit("kill", 1500)];
        }
        // Unless told otherwise the position is unlevered: worth exactly the equity at the first price.
        let first = plan.tape.points[0].px;
        let unlevered = plan.value(first).map(|value| Money(value.0.abs()));
        plan.equity =
            args.equity.or(unlevered).ok_or("price times quantity is beyond what money can hold")?;
        Ok(plan)
    }

    /// The position's value at a price: exact, since both scales divide 1e-9 of a currency or it does not fit.
    fn value(&self, px: i64) -> Option<Money> {
        let decimals = u32::from(self.tape.price_decimals) + u32::from(self.qty_decimals);
        let product = i128::from(px).checked_mul(i128::from(self.qty_units))?;
        match 9_u32.checked_sub(decimals) {
            Some(up) => product.checked_mul(10_i128.pow(up)).map(Money),
            None => Some(Money(product.div_euclid(10_i128.pow(decimals - 9)))),
        }
    }

    /// Equity at a price, from the tape alone, for the summary's deepest drawdown.
    fn equity_at(&self, px: i64) -> Option<Money> {
        let moved = self.value(px)?.checked_sub(self.value(self.tape.points[0].px)?)?;
        self.equity.checked_add(moved)
    }

    fn deepest(&self) -> Option<u64> {
        let mut peak = self.equity;
        let mut deepest = Some(0);
        for point in &self.tape.points {
            let equity = self.equity_at(point.px)?;
            peak = peak.max(equity);
            deepest = deepest.max(drawdown_bps(peak, equity));
        }
        deepest
    }

    fn mark(&self, index: usize) -> Decimal {
        let px = self.tape.points.get(index).map_or(0, |point| point.px);
        Decimal { units: i128::from(px), decimals: self.tape.price_decimals }
    }

    /// The configuration of the run: one account, one instrument, one strategy, the named guards; no mark band, no
    /// fees, and guards that latch at the first breaching mark.
    fn configuration(&self, dir: &Path) -> String {
        let mut text = format!(
            r#"schema = 1
[instance]
name = "demo"
mode = "live"
runtime_dir = "{dir}"
[http]
listen = "none"
[core]
stall_probe = "20ms"
[[account]]
name = "main"
venue = "demo"
currency = "USD"
[[instrument]]
name = "DEMO"
kind = "linear"
price_decimals = {price_decimals}
qty_decimals = {qty_decimals}
settlement = "USD"
band_bps = "none"
mark_age = "1h"
[[strategy]]
name = "demo"
heartbeat = "30s"
[[strategy.book]]
account = "main"
capital = "{equity}"
max_position = "unlimited"
max_order_qty = "unlimited"
max_order_notional = "unlimited"
unknown_fee_bps = 0
"#,
            dir = dir.display(),
            price_decimals = self.tape.price_decimals,
            qty_decimals = self.qty_decimals,
            equity = self.equity,
        );
        for NamedLimit { name, limit } in &self.limits {
            text.push_str(&format!(
                r#"[[drawdown]]
name = "{name}"
scope = "account:main"
anchor = "trailing"
limit = "{}bps"
confirm_marks = 1
confirm_for = "0s"
peak_marks = 1
"#,
                limit.0
            ));
        }
        text
    }
}

impl Sidecar {
    fn start(plan: &Plan) -> Result<Self, Failure> {
        let dir = std::env::temp_dir().join(format!("tripline-demo-{}", std::process::id()));
        fs::create_dir(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let mut sidecar = Self { dir, process: None };
        let say = |what: &str, error: io::Error| format!("{what}: {error}");
        let config = sidecar.dir.join("demo.toml");
        fs::write(&config, plan.configuration(&sidecar.run_dir())).map_err(|e| say("configuration", e))?;
        let log = fs::File::create(sidecar.log()).map_err(|e| say("log", e))?;
        let exe = std::env::current_exe().map_err(|e| say("this program", e))?;
        let mut command = Command::new(exe);
        command.args(["run", "--exit-with-parent", "--config"]).arg(&config);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        sidecar.process = Some(command.spawn().map_err(|e| say("starting the sidecar", e))?);
        sidecar.await_ready()?;
        Ok(sidecar)
    }

    fn run_dir(&self) -> PathBuf {
        self.dir.join("run")
    }

    fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// Waits until it answers and its attach socket is there.
    fn await_ready(&mut self) -> Result<(), Failure> {
        let by = Instant::now() + READY_WITHIN;
        loop {
            let attach = self.run_dir().join("attach.sock");
            if attach.exists() && self.status().is_ok_and(|report| report.not_ready.is_none()) {
                return Ok(());
            }
            let ended = self.process.as_mut().map(Child::try_wait);
            if let Some(Ok(Some(status))) = ended {
                let log = fs::read_to_string(self.log()).unwrap_or_default();
                return Err(format!("the sidecar ended at once ({status}):\n{log}"));
            }
            if pin::held_signal().is_some() {
                return Err("interrupted".into());
            }
            if Instant::now() >= by {
                let log = fs::read_to_string(self.log()).unwrap_or_default();
                return Err(format!("the sidecar was not ready within {READY_WITHIN:?}:\n{log}"));
            }
            pin::sleep(5_000_000);
        }
    }

    fn status(&self) -> Result<Report, Failure> {
        admin::status(&self.run_dir()).map_err(|failure| failure.what)
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            keeper::ask_to_end(&process);
            let _reaped = process.wait();
        }
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            eprintln!("tripline demo: {} is left behind: {error}", self.dir.display());
        }
    }
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
            if line.starts_with("halt") {
                report = self.hear_halt(&line, &mut told, &mut screen)?;
            } else {
                hear(&line, &mut told)?;
                if looked.elapsed() >= LOOK_EVERY || told.done {
                    looked = Instant::now();
                    report = self.sidecar.status()?;
                }
            }
            if !self.json && told.points > 0 {
                self.draw(&mut screen, &told, &report, started.elapsed())?;
            }
        }
        let status = strategy.0.wait().map_err(|error| error.to_string())?;
        if !told.done || !status.success() {
            return Err(format!("the strategy ended early ({status}), after {} points", told.points));
        }
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

    /// The gate changed: asks the sidecar which guards began to hold between the two halt epochs.
    fn hear_halt(
        &self,
        line: &str,
        told: &mut Told,
        screen: &mut Screen<io::Stdout>,
    ) -> Result<Report, Failure> {
        let [index, gate, before, after, nanos] = numbers(line)?;
        told.points = index as usize + 1;
        told.gate = state_of(gate);
        told.latencies.push(nanos);
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

/// Takes in one line of the strategy's, other than `halt`.
fn hear(line: &str, told: &mut Told) -> Result<(), Failure> {
    let [first, gate] = numbers(line)?;
    told.gate = state_of(gate);
    match line.split(' ').next() {
        Some("mark") => told.points = first as usize + 1,
        Some("refused") => told.refused = Some(true),
        Some("done") => (told.points, told.done) = (first as usize, true),
        _ => return Err(format!("the strategy said {line:?}")),
    }
    Ok(())
}

/// The numbers after the first word of a line.
fn numbers<const N: usize>(line: &str) -> Result<[u64; N], Failure> {
    let parsed: Result<Vec<u64>, _> = line.split(' ').skip(1).map(str::parse).collect();
    parsed.ok().and_then(|numbers| numbers.try_into().ok()).ok_or(format!("the strategy said {line:?}"))
}

/// The state behind a value of the C ABI's gate; the demo trades live, so PAPER does not occur.
fn state_of(gate: u64) -> TradingState {
    match gate {
        3 => TradingState::Active,
        1 => TradingState::ReduceOnly,
        _ => TradingState::Halted,
    }
}
