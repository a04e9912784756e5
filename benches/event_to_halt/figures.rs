//! What was measured, and how it is told: a table for people, one JSON document for programs.

use std::fmt::Write;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::Failure;
use super::sidecar::Summary;

const SCHEMA: &str = "tripline.bench.event_to_halt/1";
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

/// Latencies in nanoseconds, as read from the clock.
pub(crate) struct Series(Histogram<u64>);

/// Everything a run found.
pub(crate) struct Figures {
    strategy_cpu: usize,
    core_cpu: usize,
    /// What one clock reading adds to an interval; taken off every latency shown.
    clock_ns: u64,
    halts: Series,
    permits: Series,
    /// The same through a sidecar without a journal.
    plain_halts: Series,
    plain_permits: Series,
    trips: Series,
    paced: Series,
    /// Per round: the median halt, and the median permission, over the median round trip.
    round_ratios: [Vec<f64>; 2],
    /// Per round: the same over their medians without a journal.
    journal_ratios: [Vec<f64>; 2],
    pub(crate) publish_ns: f64,
    /// Exported, inline.
    pub(crate) gate_ns: [Result<f64, Failure>; 2],
    pub(crate) checksum: u64,
    pub(crate) core: Summary,
}

impl Series {
    /// An empty series: a nanosecond to ten seconds, three digits.
    pub(crate) fn new() -> Self {
        Self(Histogram::new_with_bounds(1, 10_000_000_000, 3).expect("constant bounds"))
    }

    /// Adds one latency.
    pub(crate) fn add(&mut self, nanos: u64) {
        self.0.saturating_record(nanos);
    }

    fn at(&self, quantile: f64, clock_ns: u64) -> u64 {
        self.0.value_at_quantile(quantile).saturating_sub(clock_ns)
    }

    fn join(&mut self, other: &Self) {
        self.0.add(&other.0).expect("same bounds");
    }
}

fn median(ratios: &[f64]) -> f64 {
    let mut ratios = ratios.to_vec();
    ratios.sort_unstable_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or_default()
}

impl Figures {
    pub(crate) fn new(strategy_cpu: usize, core_cpu: usize, clock_ns: u64) -> Self {
        Self {
            strategy_cpu,
            core_cpu,
            clock_ns,
            halts: Series::new(),
            permits: Series::new(),
            plain_halts: Series::new(),
            plain_permits: Series::new(),
            trips: Series::new(),
            paced: Series::new(),
            round_ratios: [Vec::new(), Vec::new()],
            journal_ratios: [Vec::new(), Vec::new()],
            publish_ns: 0.0,
            gate_ns: [Ok(0.0), Ok(0.0)],
            checksum: 0,
            core: Summary::default(),
        }
    }

    /// Takes in one round: halts and permissions with a journal and without.
    pub(crate) fn round(
        &mut self,
        journaled: &[Series; 2],
        plain: &[Series; 2],
        trips: &Series,
        paced: &Series,
    ) {
        let median = |series: &Series| series.at(0.5, self.clock_ns) as f64;
        for (index, (series, plain)) in journaled.iter().zip(plain).enumerate() {
            self.round_ratios[index].push(median(series) / median(trips).max(1.0));
            self.journal_ratios[index].push(median(series) / median(plain).max(1.0));
        }
        let [halts, permits] = journaled;
        self.halts.join(halts);
        self.permits.join(permits);
        self.plain_halts.join(&plain[0]);
        self.plain_permits.join(&plain[1]);
        self.trips.join(trips);
        self.paced.join(paced);
    }

    /// What a series is of the raw round trips, at a quantile.
    fn ratio(&self, series: &Series, quantile: f64) -> f64 {
        series.at(quantile, self.clock_ns) as f64 / self.trips.at(quantile, self.clock_ns).max(1) as f64
    }

    /// The names under which ratios are told, their series, and the median of the rounds' ratios.
    fn ratios(&self) -> [(&'static str, &Series, f64); 2] {
        let [halts, permits] = &self.round_ratios;
        [("event to halt", &self.halts, median(halts)), ("permit", &self.permits, median(permits))]
    }

    fn rows(&self) -> [(&'static str, &Series); 6] {
        [
            ("event to halt", &self.halts),
            ("permit", &self.permits),
            ("halt, no journal", &self.plain_halts),
            ("permit, no j.", &self.plain_permits),
            ("raw round trip", &self.trips),
            ("raw, paced", &self.paced),
        ]
    }

    /// The table.
    pub(crate) fn to_table(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _infallible = self.write_table(&mut text);
        text
    }

    fn write_table(&self, text: &mut String) -> std::fmt::Result {
        let isolated = if self.core.isolated { "isolated" } else { "not isolated" };
        writeln!(
            text,
            "strategy on cpu {}, core spinning on cpu {} ({isolated}); nanoseconds, clock of {} ns taken off",
            self.strategy_cpu, self.core_cpu, self.clock_ns
        )?;
        write!(text, "{:<17}{:>9}", "", "samples")?;
        QUANTILES.iter().try_for_each(|(name, _)| write!(text, "{name:>10}"))?;
        writeln!(text, "{:>10}", "max")?;
        for (name, series) in self.rows() {
            write!(text, "{name:<17}{:>9}", series.0.len())?;
            for (_, quantile) in QUANTILES {
                write!(text, "{:>10}", series.at(quantile, self.clock_ns))?;
            }
            writeln!(text, "{:>10}", series.at(1.0, self.clock_ns))?;
        }
        for (name, series, median) in self.ratios() {
            let (p50, p99) = (self.ratio(series, 0.5), self.ratio(series, 0.99));
            writeln!(
                text,
                "{name} / raw round trip: p50 {p50:.2}x, p99 {p99:.2}x, median of rounds {median:.2}x"
            )?;
        }
        let [halts, permits] = self.journal_ratios.each_ref().map(|ratios| median(ratios));
        writeln!(
            text,
            "with a journal / without, median of rounds: event to halt {halts:.3}x, permit {permits:.3}x"
        )?;
        writeln!(text, "publish {:.1} ns", self.publish_ns)?;
        for (name, gate) in ["exported", "inline"].iter().zip(&self.gate_ns) {
            match gate {
                Ok(nanos) => writeln!(text, "gate {name} {nanos:.1} ns")?,
                Err(failure) => writeln!(text, "gate {name} not measured: {failure}")?,
            }
        }
        let Summary { trips, stalls, worst_stall_ns, decision_p50_ns, decision_p99_ns, .. } = self.core;
        writeln!(
            text,
            "sidecar: {trips} trips, decision p50 <= {decision_p50_ns} ns, p99 <= {decision_p99_ns} ns, \
             {stalls} stalls, worst {worst_stall_ns} ns"
        )?;
        writeln!(text, "checksum {:016x}", self.checksum)
    }

    /// The document.
    pub(crate) fn to_json(&self) -> Value {
        let latency = |series: &Series| {
            let mut object = json!({"samples": series.0.len(), "max_ns": series.at(1.0, self.clock_ns)});
            for (name, quantile) in QUANTILES {
                object[format!("{}_ns", name.replace('.', "_"))] = series.at(quantile, self.clock_ns).into();
            }
            object
        };
        json!({
            "schema": SCHEMA,
            "strategy_cpu": self.strategy_cpu,
            "core_cpu": self.core_cpu,
            "core_isolated": self.core.isolated,
            "clock_ns": self.clock_ns,
            "event_to_halt": latency(&self.halts),
            "permit": latency(&self.permits),
            "raw_round_trip": latency(&self.trips),
            "raw_round_trip_paced": latency(&self.paced),
            "ratio_p50": self.ratio(&self.halts, 0.5),
            "ratio_p99": self.ratio(&self.halts, 0.99),
            "ratio_median_of_rounds": self.ratios()[0].2,
            "permit_ratio_p50": self.ratio(&self.permits, 0.5),
            "permit_ratio_p99": self.ratio(&self.permits, 0.99),
            "permit_ratio_median_of_rounds": self.ratios()[1].2,
            "event_to_halt_no_journal": latency(&self.plain_halts),
            "permit_no_journal": latency(&self.plain_permits),
            "journal_ratio_median_of_rounds": median(&self.journal_ratios[0]),
            "journal_permit_ratio_median_of_rounds": median(&self.journal_ratios[1]),
            "publish_ns": self.publish_ns,
            "gate_exported_ns": self.gate_ns[0].as_ref().ok(),
            "gate_inline_ns": self.gate_ns[1].as_ref().ok(),
            "sidecar_trips": self.core.trips,
            "sidecar_decision_p50_ns": self.core.decision_p50_ns,
            "sidecar_decision_p99_ns": self.core.decision_p99_ns,
            "sidecar_stalls": self.core.stalls,
            "sidecar_worst_stall_ns": self.core.worst_stall_ns,
            "checksum": format!("{:016x}", self.checksum),
        })
    }
}
