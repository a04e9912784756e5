//! A real sidecar of the run's own, in a private directory: started, asked, reset, stopped for a while, ended.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tripline::control::cli::admin;
use tripline::control::report::Report;
use tripline::control::server::ResetBody;
use tripline::keeper;
use tripline::runtime::pin;

use super::strategy::{Strategy, account};
use super::{ACCOUNTS, Failure};

const READY_WITHIN: Duration = Duration::from_secs(30);
const STOPPED_WITHIN: Duration = Duration::from_secs(5);

/// The sidecar; it and its directory go when this is dropped.
pub(crate) struct Sidecar {
    dir: PathBuf,
    process: Option<Child>,
    core: libc::pid_t,
}

/// What the sidecar says of itself at the end.
#[derive(Default)]
pub(crate) struct Summary {
    pub(crate) trips: u64,
    pub(crate) stalls: u64,
    pub(crate) worst_stall_ns: u64,
    pub(crate) decision_p50_ns: u64,
    pub(crate) decision_p99_ns: u64,
    pub(crate) isolated: bool,
}

/// Continues the core however the block ended.
struct Stopped(libc::pid_t);

impl Sidecar {
    /// Starts it with its core spinning on `cpu` and waits until it is ready.
    pub(crate) fn start(cpu: usize, journaled: bool) -> Result<Self, Failure> {
        let kind = if journaled { "journaled" } else { "plain" };
        let dir = std::env::temp_dir().join(format!("tripline-bench-{}-{kind}", std::process::id()));
        fs::create_dir(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let mut sidecar = Self { dir, process: None, core: 0 };
        let config = sidecar.dir.join("bench.toml");
        let log = sidecar.dir.join("log");
        let text = configuration(&sidecar.run_dir(), cpu);
        fs::write(&config, text).map_err(|error| format!("configuration: {error}"))?;
        let log = fs::File::create(log).map_err(|error| format!("log: {error}"))?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
        command.args(["run", "--exit-with-parent", "--config"]).arg(&config);
        command.args((!journaled).then_some("--no-journal"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        sidecar.process = Some(command.spawn().map_err(|error| format!("starting the sidecar: {error}"))?);
        let report = sidecar.await_ready()?;
        let looping = report.looping.ok_or("the sidecar shows no core")?;
        if looping.cpu != Some(cpu as u64) || !looping.spinning {
            return Err(format!("the core is not spinning on processor {cpu}"));
        }
        sidecar.core = looping.core_pid as libc::pid_t;
        Ok(sidecar)
    }

    /// The private directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The directory of the sockets.
    pub(crate) fn run_dir(&self) -> PathBuf {
        self.dir.join("run")
    }

    fn await_ready(&mut self) -> Result<Report, Failure> {
        let by = Instant::now() + READY_WITHIN;
        loop {
            let attach = self.run_dir().join("attach.sock");
            let report = self.status().ok().filter(|report| report.not_ready.is_none());
            if let Some(report) = report.filter(|_| attach.exists()) {
                return Ok(report);
            }
            let ended = matches!(self.process.as_mut().map(Child::try_wait), Some(Ok(Some(_))));
            if ended || Instant::now() >= by {
                let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
                return Err(format!("the sidecar is not ready:\n{log}"));
            }
            pin::sleep(5_000_000);
        }
    }

    fn status(&self) -> Result<Report, Failure> {
        admin::status(&self.run_dir()).map_err(|failure| failure.what)
    }

    /// Proves from the sidecar's status that each account is halted by its own guard and by nothing else, then
    /// resets all of them and waits until every gate passes.
    pub(crate) fn reset_all(&self, strategy: &Strategy) -> Result<(), Failure> {
        let report = self.status_with_epoch(strategy.epoch())?;
        for index in 0..ACCOUNTS {
            let scope = format!("account:{}", account(index));
            let mut causes = report.causes.iter().filter(|cause| cause.scope == scope);
            let cause = causes.next().ok_or(format!("{scope} has no cause"))?;
            let expected = guard(index);
            if cause.guard != expected || cause.reason != "DRAWDOWN" || causes.next().is_some() {
                return Err(format!("{scope} is halted by {cause:?}, not by {expected} alone"));
            }
            let body = ResetBody {
                scope,
                guard: expected,
                nonce: cause.nonce.clone().ok_or("the cause has no nonce")?,
                reason: "next sample".into(),
                rebase: true,
            };
            admin::reset(&self.run_dir(), &body).map_err(|failure| failure.what)?;
        }
        if report.causes.len() != ACCOUNTS {
            return Err(format!("{} causes instead of {ACCOUNTS}: {:?}", report.causes.len(), report.causes));
        }
        strategy.await_pass()
    }

    /// The status page follows its gates by a moment.
    fn status_with_epoch(&self, epoch: u64) -> Result<Report, Failure> {
        let by = Instant::now() + STOPPED_WITHIN;
        loop {
            let report = self.status()?;
            if report.looping.as_ref().is_some_and(|looping| looping.epoch >= epoch) {
                return Ok(report);
            }
            if Instant::now() >= by {
                return Err(format!("the sidecar's status never reached halt epoch {epoch}"));
            }
        }
    }

    /// Runs `block` while the core does not run at all, which leaves its processor to the block.
    pub(crate) fn while_stopped<T>(&self, block: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        // SAFETY: an integer call; the core is a descendant of the sidecar that this run started and still holds.
        unsafe { libc::kill(self.core, libc::SIGSTOP) };
        let _continued = Stopped(self.core);
        let by = Instant::now() + STOPPED_WITHIN;
        let stat = format!("/proc/{}/stat", self.core);
        loop {
            let text = fs::read_to_string(&stat).map_err(|error| format!("{stat}: {error}"))?;
            // The state follows the program's name, which is in brackets and may itself hold some.
            if text.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T')) {
                break;
            }
            if Instant::now() >= by {
                return Err("the core does not stop".into());
            }
            pin::sleep(20_000);
        }
        block()
    }

    /// What it says of itself.
    pub(crate) fn summary(&self) -> Result<Summary, Failure> {
        let report = self.status()?;
        let looping = report.looping.ok_or("the sidecar shows no core")?;
        Ok(Summary {
            trips: report.guards.iter().map(|guard| guard.trips).sum(),
            stalls: looping.stalls,
            worst_stall_ns: looping.worst_stall_ns,
            decision_p50_ns: looping.decision_p50_ns.unwrap_or_default(),
            decision_p99_ns: looping.decision_p99_ns.unwrap_or_default(),
            isolated: looping.isolated,
        })
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // SAFETY: as for the SIGSTOP.
        unsafe { libc::kill(self.0, libc::SIGCONT) };
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            keeper::ask_to_end(&process);
            let _reaped = process.wait();
        }
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            eprintln!("event_to_halt: {} is left behind: {error}", self.dir.display());
        }
    }
}

fn guard(index: usize) -> String {
    format!("kill.{}", account(index))
}

/// One strategy with a book on each account, one guard per account that latches at a loss of 5. The lease is long,
/// so that a block without the core closes no gate: a gate that closes is then a guard's doing. Each sample sends the
/// same order again, so the guard against that is off.
fn configuration(dir: &Path, cpu: usize) -> String {
    let mut text = format!(
        r#"schema = 1
[instance]
name = "bench"
mode = "live"
runtime_dir = "{dir}"
[core]
cpu = {cpu}
idle = "spin"
lease = "10s"
[http]
listen = "none"
[log]
level = "error"
[[instrument]]
name = "BENCH"
kind = "linear"
price_decimals = 2
qty_decimals = 0
settlement = "USD"
band_bps = "none"
mark_age = "1h"
[[strategy]]
name = "bench"
heartbeat = "60s"
duplicates = "off"
"#,
        dir = dir.display(),
    );
    for index in 0..ACCOUNTS {
        let (name, guard) = (account(index), guard(index));
        // Writing to a String does not fail.
        let _infallible = write!(
            text,
            r#"[[strategy.book]]
account = "{name}"
capital = "1000000000"
max_position = "unlimited"
max_order_qty = "unlimited"
max_order_notional = "unlimited"
[[account]]
name = "{name}"
venue = "bench"
currency = "USD"
[[drawdown]]
name = "{guard}"
scope = "account:{name}"
anchor = "trailing"
limit_abs = "5"
"#
        );
    }
    text
}
