//! What is played, in integers, and the configuration of the sidecar that watches it.

use std::path::{Path, PathBuf};

use tripline::control;
use tripline::control::cli::args::{DemoArgs, NamedLimit};
use tripline::control::decimal;
use tripline::control::demo::acts::{breaker, burst};
use tripline::control::demo::report::{Decimal, drawdown_bps};
use tripline::control::demo::tape::Tape;
use tripline::model::{Bps, Money};

use super::Failure;

/// What is played, in integers.
pub(super) struct Plan {
    pub(super) tape: Tape,
    pub(super) csv: Option<PathBuf>,
    pub(super) qty_decimals: u8,
    pub(super) qty_units: i64,
    pub(super) equity: Money,
    pub(super) limits: Vec<NamedLimit>,
}

impl Plan {
    pub(super) fn new(args: &DemoArgs) -> Result<Self, Failure> {
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

    pub(super) fn deepest(&self) -> Option<u64> {
        let mut peak = self.equity;
        let mut deepest = Some(0);
        for point in &self.tape.points {
            let equity = self.equity_at(point.px)?;
            peak = peak.max(equity);
            deepest = deepest.max(drawdown_bps(peak, equity));
        }
        deepest
    }

    pub(super) fn mark(&self, index: usize) -> Decimal {
        let px = self.tape.points.get(index).map_or(0, |point| point.px);
        Decimal { units: i128::from(px), decimals: self.tape.price_decimals }
    }

    /// The configuration of the run: the price path's account with the named guards, no mark band, no collar, no fees, and guards
    /// that latch at the first breaching mark; then an account for each act beside it.
    pub(super) fn configuration(&self, dir: &Path) -> String {
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
[permit]
validity = "{validity}ns"
[[instrument]]
name = "DEMO"
kind = "linear"
price_decimals = {price_decimals}
qty_decimals = {qty_decimals}
settlement = "USD"
band_bps = "none"
collar_bps = "none"
mark_age = "1h"
"#,
            dir = dir.display(),
            validity = burst::VALIDITY_NS,
            price_decimals = self.tape.price_decimals,
            qty_decimals = self.qty_decimals,
        );
        text.push_str(&trader("demo", "main", self.equity, ""));
        for NamedLimit { name, limit } in &self.limits {
            text.push_str(&drawdown(name, "main", *limit));
        }
        text.push_str(&trader(BURST, BURST, self.equity, ""));
        text.push_str(&queue());
        text.push_str(&trader(REJECTS, REJECTS, self.equity, &error_rate()));
        for account in [BURST, REJECTS] {
            text.push_str(&drawdown(&self.spare_name(account), account, WATCHED));
        }
        text
    }

    /// A name for the guard of an act's account that no limit of the path has.
    fn spare_name(&self, account: &str) -> String {
        let mut name = account.to_owned();
        while self.limits.iter().any(|limit| limit.name == name) {
            name.push('-');
        }
        name
    }
}

/// Strategy, account and venue of the acts beside the path.
const BURST: &str = "burst";
pub(super) const REJECTS: &str = "rejects";
/// Every account has to have a guard; on those of the acts nothing is ever lost.
const WATCHED: Bps = Bps(1_000);

/// An account at a venue of its own, and a strategy with a book on it.
fn trader(strategy: &str, account: &str, capital: Money, breaker: &str) -> String {
    format!(
        r#"[[account]]
name = "{account}"
venue = "{strategy}"
currency = "USD"
{breaker}[[strategy]]
name = "{strategy}"
heartbeat = "30s"
[[strategy.book]]
account = "{account}"
capital = "{capital}"
max_position = "unlimited"
max_order_qty = "unlimited"
max_order_notional = "unlimited"
unknown_fee_bps = 0
"#
    )
}

/// The breaker of the rejecting venue's account. It judges shares from twenty outcomes on, so that ten errors in a row
/// are what opens it, with the order that rests there among the outcomes.
fn error_rate() -> String {
    format!("[account.breaker]\nconsecutive = {}\nsmallest_window = 20\n", breaker::CONSECUTIVE)
}

/// The rate of the burst's venue. Nothing was sent to it before, so the bucket starts empty; and orders may wait until
/// the last of the burst is through.
fn queue() -> String {
    format!(
        r#"[[venue]]
name = "{BURST}"
ttl_new = "60s"
[[bucket]]
id = 1
name = "burst"
scope = "account:{BURST}"
kind = "sliding_log"
limit = {limit}
window = "{window}ns"
jitter = "{jitter}ns"
start = "empty"
"#,
        limit = burst::LIMIT,
        window = burst::WINDOW_NS,
        jitter = burst::VALIDITY_NS,
    )
}

fn drawdown(name: &str, account: &str, limit: Bps) -> String {
    format!(
        r#"[[drawdown]]
name = "{name}"
scope = "account:{account}"
anchor = "trailing"
limit = "{}bps"
confirm_marks = 1
confirm_for = "0s"
peak_marks = 1
jump = "none"
"#,
        limit.0
    )
}
