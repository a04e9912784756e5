//! COLD: what a demonstration run has to say: one record per trip and one at the end, for scripts and for people.
//!
//! Amounts leave as JSON numbers with the digits they have inside; a float would round them.

use std::fmt;

use jiff::Timestamp;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::model::{Bps, Money, TradingState};

/// Value of the `schema` field of both records. Fields may be added under the same name; none changes its meaning.
pub const SCHEMA: &str = "tripline.demo/1";

/// A decimal number, `units * 10^-decimals`: a price or a quantity as a person writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decimal {
    /// The digits.
    pub units: i128,
    /// How many of them follow the point; at most 38.
    pub decimals: u8,
}

/// One guard tripped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trip {
    /// Name of the guard.
    pub guard: String,
    /// Data time of the point that tripped it: nanoseconds since the Unix epoch.
    pub at_utc_ns: i64,
    /// The price of that point.
    pub mark: Decimal,
    /// Highest equity so far.
    pub peak: Money,
    /// Equity at that mark.
    pub equity: Money,
    /// The guard's limit.
    pub limit: Bps,
    /// From publishing the mark to the halt word as the strategy reads it; `None` when it was not measured.
    pub event_to_halt_ns: Option<u64>,
}

/// The whole run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Label of the tape.
    pub source: String,
    /// Whether the prices were made up.
    pub synthetic: bool,
    /// Points played.
    pub points: u64,
    /// Data time of the first point.
    pub first_utc_ns: i64,
    /// Data time of the last point.
    pub last_utc_ns: i64,
    /// Equity at the end.
    pub equity: Money,
    /// Highest equity.
    pub peak: Money,
    /// Deepest drawdown from the peak of its time, see [`drawdown_bps`].
    pub max_drawdown_bps: Option<u64>,
    /// Guards that tripped, in order.
    pub tripped: Vec<String>,
    /// The gate at the end, as the strategy reads it.
    pub gate: TradingState,
    /// Whether the order tried after the kill was refused; `None` when none was tried.
    pub send_refused: Option<bool>,
    /// Every measured latency from event to halt, in any order.
    pub event_to_halt_ns: Vec<u64>,
    /// What is still held: the demonstration flattens nothing.
    pub position: Decimal,
}

/// Drawdown from `peak` in basis points, rounded up, since loss is never made to look smaller. `None` where a
/// percentage means nothing: a peak that is not positive, or beyond the numbers there are.
#[must_use]
pub fn drawdown_bps(peak: Money, equity: Money) -> Option<u64> {
    if peak.0 <= 0 {
        return None;
    }
    let loss = peak.checked_sub(equity)?.0.max(0).checked_mul(i128::from(Bps::WHOLE.0))?;
    u64::try_from(loss / peak.0 + i128::from(loss % peak.0 != 0)).ok()
}

/// The smallest value that at least `percent` of `sorted` do not exceed. `sorted` ascends and is not empty.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted[rank - 1]
}

impl fmt::Display for Decimal {
    /// Without trailing zeros: `46512`, `-0.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let width = usize::from(self.decimals) + 1;
        let digits = format!("{:0width$}", self.units.unsigned_abs());
        let (whole, fraction) = digits.split_at(digits.len() - usize::from(self.decimals));
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{sign}{whole}"),
            fraction => write!(f, "{sign}{whole}.{fraction}"),
        }
    }
}

impl Trip {
    /// How far equity is below the peak, see [`drawdown_bps`].
    #[must_use]
    pub fn drawdown_bps(&self) -> Option<u64> {
        drawdown_bps(self.peak, self.equity)
    }

    /// The record as one line of JSON.
    ///
    /// # Errors
    /// Never for values that [`Decimal`] and [`Money`] can hold.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    /// The record as one line for a person.
    #[must_use]
    pub fn line(&self) -> String {
        format!(
            "TRIP {} at {}: drawdown {} >= {}, mark {}, equity {}, peak {}, event to halt {}",
            self.guard,
            data_time(self.at_utc_ns),
            percent(self.drawdown_bps()),
            self.limit,
            self.mark,
            self.equity,
            self.peak,
            latency(self.event_to_halt_ns),
        )
    }
}

impl Serialize for Trip {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Record<'a> {
            schema: &'static str,
            record: &'static str,
            guard: &'a str,
            data_time: String,
            mark: Box<RawValue>,
            peak: Box<RawValue>,
            equity: Box<RawValue>,
            drawdown_bps: Option<u64>,
            limit_bps: u32,
            event_to_halt_ns: Option<u64>,
        }
        let record = Record {
            schema: SCHEMA,
            record: "trip",
            guard: &self.guard,
            data_time: data_time(self.at_utc_ns),
            mark: number(self.mark).map_err(S::Error::custom)?,
            peak: number(self.peak).map_err(S::Error::custom)?,
            equity: number(self.equity).map_err(S::Error::custom)?,
            drawdown_bps: self.drawdown_bps(),
            limit_bps: self.limit.0,
            event_to_halt_ns: self.event_to_halt_ns,
        };
        record.serialize(serializer)
    }
}

impl Summary {
    /// The record as one line of JSON.
    ///
    /// # Errors
    /// Never for values that [`Decimal`] and [`Money`] can hold.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    /// Median and 99th percentile of the latency; `None` until there are two to compare.
    #[must_use]
    pub fn event_to_halt_p50_p99(&self) -> Option<(u64, u64)> {
        let mut sorted = self.event_to_halt_ns.clone();
        sorted.sort_unstable();
        (sorted.len() > 1).then(|| (percentile(&sorted, 50), percentile(&sorted, 99)))
    }

    /// What happened, for a person.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let tripped = match self.tripped.len() {
            0 => "none".to_owned(),
            count => format!("{count}: {}", self.tripped.join(", ")),
        };
        let order = match self.send_refused {
            Some(true) => "the next order was refused",
            Some(false) => "the next order was NOT refused",
            None => "no order was tried after it",
        };
        let mut lines = vec![
            "what happened".to_owned(),
            format!("  prices    {}, {} points", source(&self.source, self.synthetic), self.points),
            format!("  from, to  {}, {}", data_time(self.first_utc_ns), data_time(self.last_utc_ns)),
            format!("  trips     {tripped}"),
            format!("  gate      {}; {order}", self.gate),
            format!(
                "  equity    {}, peak {}, deepest drawdown {}",
                self.equity,
                self.peak,
                percent(self.max_drawdown_bps)
            ),
            format!("  position  {}, left alone", self.position),
        ];
        if let Some((p50, p99)) = self.event_to_halt_p50_p99() {
            let (p50, p99) = (latency(Some(p50)), latency(Some(p99)));
            lines.push(format!(
                "  latency   event to halt p50 {p50}, p99 {p99}, {} halts",
                self.event_to_halt_ns.len()
            ));
        }
        lines
    }
}

impl Serialize for Summary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Record<'a> {
            schema: &'static str,
            record: &'static str,
            source: &'a str,
            synthetic: bool,
            points: u64,
            first_data_time: String,
            last_data_time: String,
            equity: Box<RawValue>,
            peak: Box<RawValue>,
            max_drawdown_bps: Option<u64>,
            trips: usize,
            guards: &'a [String],
            gate: &'static str,
            send_refused: Option<bool>,
            event_to_halt_p50_ns: Option<u64>,
            event_to_halt_p99_ns: Option<u64>,
            position: Box<RawValue>,
        }
        let latency = self.event_to_halt_p50_p99();
        let record = Record {
            schema: SCHEMA,
            record: "summary",
            source: &self.source,
            synthetic: self.synthetic,
            points: self.points,
            first_data_time: data_time(self.first_utc_ns),
            last_data_time: data_time(self.last_utc_ns),
            equity: number(self.equity).map_err(S::Error::custom)?,
            peak: number(self.peak).map_err(S::Error::custom)?,
            max_drawdown_bps: self.max_drawdown_bps,
            trips: self.tripped.len(),
            guards: &self.tripped,
            gate: self.gate.as_str(),
            send_refused: self.send_refused,
            event_to_halt_p50_ns: latency.map(|(p50, _)| p50),
            event_to_halt_p99_ns: latency.map(|(_, p99)| p99),
            position: number(self.position).map_err(S::Error::custom)?,
        };
        record.serialize(serializer)
    }
}

/// Decimal digits as a JSON number.
fn number(value: impl fmt::Display) -> serde_json::Result<Box<RawValue>> {
    RawValue::from_string(value.to_string())
}

/// `2022-01-03T16:17:00Z`.
pub(super) fn data_time(at_utc_ns: i64) -> String {
    Timestamp::from_nanosecond(i128::from(at_utc_ns)).unwrap_or_default().to_string()
}

/// `15.03 %`.
pub(super) fn percent(bps: Option<u64>) -> String {
    bps.map_or_else(|| "-".to_owned(), |bps| format!("{}.{:02} %", bps / 100, bps % 100))
}

/// `412 ns`, `1.20 us`, `3.45 ms`.
pub(super) fn latency(nanos: Option<u64>) -> String {
    match nanos {
        None => "-".to_owned(),
        Some(nanos @ ..1_000) => format!("{nanos} ns"),
        Some(nanos @ ..1_000_000) => format!("{}.{:02} us", nanos / 1_000, nanos % 1_000 / 10),
        Some(nanos) => format!("{}.{:02} ms", nanos / 1_000_000, nanos % 1_000_000 / 10_000),
    }
}

/// The tape's label, with the word that made-up prices never go without.
pub(super) fn source(label: &str, synthetic: bool) -> String {
    if synthetic { format!("SYNTHETIC {label}") } else { label.to_owned() }
}

#[cfg(test)]
mod tests;
