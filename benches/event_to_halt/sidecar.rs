//! A real sidecar of the run's own, in a private directory: started, asked, reset, stopped for a while, ended.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tripline::control::cli::admin;
use tripline::control::report::Report;
use tripline::control::server::ResetBody;

use super::running::Running;
use super::strategy::{Strategy, account};
use super::{ACCOUNTS, Failure};

const STOPPED_WITHIN: Duration = Duration::from_secs(5);

/// The sidecar; it and its directory go when this is dropped.
pub(crate) struct Sidecar(Running);

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

impl Sidecar {
    /// Starts it with its core spinning on `cpu` and waits until it is ready.
    pub(crate) fn start(cpu: usize, journaled: bool) -> Result<Self, Failure> {
        let (kind, options) =
            if journaled { ("journaled", &[][..]) } else { ("plain", &["--no-journal"][..]) };
        Running::start(kind, cpu, options, |run_dir| configuration(run_dir, cpu)).map(Self)
    }

    /// The private directory.
    pub(crate) fn dir(&self) -> &Path {
        self.0.dir()
    }

    /// The directory of the sockets.
    pub(crate) fn run_dir(&self) -> PathBuf {
        self.0.run_dir()
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
                acknowledged: Vec::new(),
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
            let report = self.0.status()?;
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
        self.0.while_stopped(block)
    }

    /// What it says of itself.
    pub(crate) fn summary(&self) -> Result<Summary, Failure> {
        let report = self.0.status()?;
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
collar_bps = "none"
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
