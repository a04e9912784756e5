//! What is measured: how far an event goes, and how many strategies send them, on one configuration.

use std::fmt::Write;
use std::path::Path;

use super::Failure;
use super::running::Running;

/// Opening cash of each book.
pub(crate) const CAPITAL: i64 = 10_000_000;
/// Where every instrument starts.
pub(crate) const PRICE: i64 = 10_000;
pub(crate) const ACCOUNT: &str = "main";
/// Events that all lanes hold together: the default of one lane.
const SLOTS: usize = 16_384;

/// What an event goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Ring and rules: `--no-journal`.
    Rules,
    /// The hot log too, which the shadow engine follows; what recovery no longer needs is discarded.
    Journal,
    /// And from there to disk.
    Archive,
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) reach: Reach,
    pub(crate) lanes: usize,
    /// Events a second of all lanes together; `None` is as many as they take.
    pub(crate) rate: Option<u64>,
    pub(crate) archive: &'a Path,
}

impl Reach {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rules => "no journal",
            Self::Journal => "journal",
            Self::Archive => "archive",
        }
    }
}

impl Scene<'_> {
    /// Its sidecar, with the core spinning on `cpu`.
    pub(crate) fn start(&self, cpu: usize) -> Result<Running, Failure> {
        let options = if self.reach == Reach::Rules { &["--no-journal"][..] } else { &[] };
        let kind = format!("{}-{}", self.reach.name().replace(' ', "-"), self.lanes);
        Running::start(&kind, cpu, options, |run_dir| self.configuration(run_dir, cpu))
    }

    /// One account with a book and a guard of its own per strategy, and one for all. The lease is the default on a shared
    /// processor, not one that forgives.
    fn configuration(&self, run_dir: &Path, cpu: usize) -> String {
        let archive = match self.reach {
            Reach::Archive => format!("[journal]\narchive = \"{}\"\n", self.archive.display()),
            _ => String::new(),
        };
        let mut text = format!(
            r#"schema = 1
[instance]
name = "bench"
mode = "live"
runtime_dir = "{dir}"
[core]
cpu = {cpu}
idle = "spin"
lease = "250ms"
[http]
listen = "none"
[log]
level = "error"
{archive}
[capacity]
lanes = 16
lane_slots = {slots}
[[account]]
name = "{ACCOUNT}"
venue = "bench"
currency = "USD"
[[drawdown]]
name = "kill"
scope = "account:{ACCOUNT}"
anchor = "trailing"
limit = "15%"
"#,
            dir = run_dir.display(),
            slots = SLOTS / self.lanes.next_power_of_two(),
        );
        for number in 0..self.lanes {
            let (strategy, instrument) = (strategy(number), instrument(number));
            // Writing to a String does not fail.
            let _infallible = write!(
                text,
                r#"[[instrument]]
name = "{instrument}"
kind = "linear"
price_decimals = 0
qty_decimals = 0
settlement = "USD"
[[strategy]]
name = "{strategy}"
role = "maker"
heartbeat = "60s"
[[strategy.book]]
account = "{ACCOUNT}"
capital = "{CAPITAL}"
max_position = "1000"
max_order_qty = "100"
max_order_notional = "2000000"
unknown_fee_bps = 0
[[drawdown]]
name = "kill.{strategy}"
scope = "book:{strategy}/{ACCOUNT}"
anchor = "trailing"
limit = "10%"
"#
            );
        }
        text
    }
}

/// The name of a strategy.
pub(crate) fn strategy(number: usize) -> String {
    format!("s{number}")
}

/// The name of what it trades.
pub(crate) fn instrument(number: usize) -> String {
    format!("X{number}")
}
