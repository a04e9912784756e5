//! COLD: the stats page as Prometheus text; the one door to the exporter.
//!
//! The loop writes plain counters; this side mirrors them when somebody asks. Every scrape is made by a fresh
//! recorder, so that a lane that left takes its series with it. The decision latency is the loop's own buckets, as
//! text: the exporter's histograms would keep every sample. Floats appear here and nowhere before.

mod orders;

use std::fmt::Write;

use metrics::{counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::PrometheusBuilder;

use super::clock;
use super::desk::Desk;
use super::logs::Tally;
use super::report;
use super::scopes;
use crate::engine::guard;
use crate::model::{Money, Scope, TradingState};
use crate::wire::layout::ABI_VERSION;
use crate::wire::stats::{GuardRow, LATENCY_BUCKETS, Stats, bucket_floor};

/// The content type of [`render`].
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const LATENCY: &str = "tripline_decision_latency_seconds";

/// Everything there is to scrape at this moment.
pub(super) fn render(desk: &Desk, stats: Option<&Stats>, tally: &Tally, marks: &[&'static str]) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        describe();
        orders::describe();
        about(desk, stats, marks);
        if let Some(stats) = stats {
            loop_counters(desk, stats);
            states(desk, stats);
            guards(desk, stats);
            lanes(desk, stats);
            halts(desk, tally);
            orders::mirror(desk, stats);
            for mark in report::degraded_names(stats.looping.degraded) {
                gauge!("tripline_degraded", "mark" => mark).set(1.0);
            }
        }
    });
    // Without its own listener the exporter has nobody else to run this.
    handle.run_upkeep();
    let mut text = handle.render();
    if let Some(stats) = stats {
        latency_histogram(&mut text, &stats.latency);
    }
    text
}

fn describe() {
    describe_gauge!(
        "tripline_build_info",
        "Versions of the sidecar and digest of its configuration; always 1."
    );
    describe_gauge!("tripline_up", "1 while the loop ticks within its lease, else 0: gates read HALTED.");
    describe_gauge!("tripline_degraded", "1 for each thing the sidecar could not have.");
    describe_gauge!("tripline_state", "Trading state of a scope: 0 halted, 1 reduce-only, 2 active.");
    describe_gauge!("tripline_equity", "Equity at last good marks, in the account's currency.");
    describe_gauge!("tripline_equity_trusted", "1 while every position of the account has a trusted mark.");
    describe_gauge!("tripline_drawdown_ratio", "Drawdown of a guard as a share of its peak.");
    describe_gauge!("tripline_drawdown_limit_ratio", "Share of the peak at which a guard trips.");
    describe_gauge!("tripline_lane_depth", "Records waiting in a lane.");
    describe_gauge!("tripline_heartbeat_age_seconds", "Since the last sign of life of a client.");
    describe_gauge!(
        "tripline_loop_last_tick_timestamp_seconds",
        "When the loop's housekeeping last ran, UTC."
    );
    describe_gauge!("tripline_loop_worst_stall_seconds", "The longest the loop stood still.");
    describe_counter!(
        "tripline_halts_total",
        "Halts by scope, guard and source (engine or operator), since control started."
    );
    describe_counter!("tripline_loop_ticks_total", "Turns of the loop.");
    describe_counter!("tripline_loop_stalls_total", "Stalls longer than a quarter of the lease.");
    describe_counter!("tripline_core_restarts_total", "Cores that died and were followed by another.");
    describe_counter!("tripline_records_total", "Records applied.");
    describe_counter!("tripline_records_rejected_total", "Lane records that were refused.");
    describe_counter!("tripline_orders_seen_total", "Orders announced, over all strategies.");
    describe_counter!("tripline_fills_total", "Fills booked.");
    describe_counter!("tripline_duplicate_fills_total", "Fills recognised as repeats and not booked.");
    describe_counter!("tripline_marks_total", "Marks seen.");
    describe_counter!(
        "tripline_post_halt_orders_total",
        "Orders announced after a halt: straggler had not seen it, violation had and must stay 0."
    );
}

fn about(desk: &Desk, stats: Option<&Stats>, marks: &[&'static str]) {
    let (version, digest) = (env!("CARGO_PKG_VERSION"), format!("{:016x}", desk.config().digest));
    gauge!("tripline_build_info", "version" => version, "abi" => ABI_VERSION.to_string(), "config" => digest)
        .set(1.0);
    let is_ready = report::readiness(stats, desk.now()).is_ok();
    gauge!("tripline_up").set(f64::from(u8::from(is_ready)));
    for &mark in marks {
        gauge!("tripline_degraded", "mark" => mark).set(1.0);
    }
}

fn loop_counters(desk: &Desk, stats: &Stats) {
    let row = &stats.looping;
    counter!("tripline_loop_ticks_total").absolute(row.ticks);
    counter!("tripline_loop_stalls_total").absolute(row.stalls);
    counter!("tripline_core_restarts_total").absolute(row.restarts);
    describe_gauge!("tripline_journal_lag_records", "Entries of the journal that are not archived yet.");
    gauge!("tripline_journal_lag_records").set(row.journal_lag as f64);
    describe_gauge!("tripline_journal_lag_seconds", "How long the oldest of them has been waiting.");
    gauge!("tripline_journal_lag_seconds").set(row.journal_lag_age.0 as f64 / 1e9);
    counter!("tripline_records_total").absolute(row.records);
    counter!("tripline_records_rejected_total").absolute(row.rejected);
    counter!("tripline_orders_seen_total").absolute(row.orders);
    counter!("tripline_fills_total").absolute(row.fills);
    counter!("tripline_duplicate_fills_total").absolute(row.duplicate_fills);
    counter!("tripline_marks_total").absolute(row.marks);
    counter!("tripline_post_halt_orders_total", "kind" => "straggler").absolute(row.stragglers);
    counter!("tripline_post_halt_orders_total", "kind" => "violation").absolute(row.violations);
    let ticked = clock::utc_of(row.last_tick, desk.now(), clock::utc_now_ns());
    gauge!("tripline_loop_last_tick_timestamp_seconds").set(seconds(ticked));
    gauge!("tripline_loop_worst_stall_seconds").set(seconds(row.worst_stall.0));
}

fn states(desk: &Desk, stats: &Stats) {
    let limits = desk.limits();
    for row in &stats.accounts {
        let account = u16::try_from(row.account).ok().and_then(|index| scopes::account_name(limits, index));
        let Some(account) = account.map(str::to_owned) else { continue };
        state("account", account.clone(), row.word.state);
        gauge!("tripline_equity", "account" => account.clone()).set(units(row.equity));
        gauge!("tripline_equity_trusted", "account" => account).set(f64::from(u8::from(row.trusted)));
    }
    for row in &stats.books {
        let book = u16::try_from(row.book).ok().and_then(|index| scopes::book_name(limits, index));
        if let Some(book) = book {
            state("book", book, row.word.state);
        }
    }
}

fn state(scope: &'static str, name: String, state: TradingState) {
    gauge!("tripline_state", "scope" => scope, "name" => name).set(f64::from(state as u8));
}

fn scope_label(desk: &Desk, scope: Option<Scope>) -> String {
    scope.map_or_else(|| "unknown".to_owned(), |scope| scopes::scope_text(desk.limits(), scope))
}

fn guard_label(desk: &Desk, guard: u64) -> String {
    u16::try_from(guard).map_or_else(|_| guard.to_string(), |guard| desk.guard_name(guard))
}

fn guards(desk: &Desk, stats: &Stats) {
    for GuardRow { guard, scope, drawdown_bps, limit_bps, .. } in &stats.guards {
        let (guard, scope) = (guard_label(desk, *guard), scope_label(desk, *scope));
        let labels = [("guard", guard), ("scope", scope)];
        gauge!("tripline_drawdown_ratio", &labels).set(*drawdown_bps as f64 / 10_000.0);
        if *limit_bps != 0 {
            gauge!("tripline_drawdown_limit_ratio", &labels).set(*limit_bps as f64 / 10_000.0);
        }
    }
}

fn lanes(desk: &Desk, stats: &Stats) {
    for row in &stats.lanes {
        let index = u16::try_from(row.strategy).ok();
        let strategy = index.and_then(|index| scopes::strategy_name(desk.limits(), index));
        let labels =
            [("strategy", strategy.unwrap_or("operator").to_owned()), ("lane", row.lane.to_string())];
        gauge!("tripline_lane_depth", &labels).set(row.depth as f64);
        // The operator's lane belongs to no strategy and never beats.
        if strategy.is_some() {
            let age = desk.now().since(row.last_beat);
            gauge!("tripline_heartbeat_age_seconds", &labels).set(seconds(age.0));
        }
    }
}

fn halts(desk: &Desk, tally: &Tally) {
    for (scope, guard, count) in tally.halts() {
        let source = source(guard);
        let (scope, guard) = (scope_label(desk, Scope::from_raw(scope)), guard_label(desk, guard));
        counter!("tripline_halts_total", "scope" => scope, "guard" => guard, "source" => source)
            .absolute(count);
    }
}

/// Who halted: a person has a guard of its own.
fn source(guard: u64) -> &'static str {
    if guard == u64::from(guard::OPERATOR) { "operator" } else { "engine" }
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

fn units(amount: Money) -> f64 {
    amount.0 as f64 / Money::SCALE as f64
}

/// Cumulative buckets at powers of two, the edges at which the loop's buckets and ours coincide.
///
/// `le` is inclusive and latencies are whole nanoseconds, so an edge is one below the next bucket's floor. The sum is
/// an estimate from the middle of each of the loop's buckets, at most 6.25 % off; nothing decides by it.
fn latency_histogram(text: &mut String, buckets: &[u64]) {
    let _ = writeln!(
        text,
        "# HELP {LATENCY} From the start of the turn that took a record to the halt word stored; \
         the sum is from bucket midpoints."
    );
    let _ = writeln!(text, "# TYPE {LATENCY} histogram");
    let (mut below, mut sum_ns) = (0_u64, 0_f64);
    for (bucket, &count) in buckets.iter().enumerate() {
        below += count;
        let (floor, next) = (bucket_floor(bucket), bucket_floor(bucket + 1));
        sum_ns += count as f64 * (floor as f64 + (next - floor - 1) as f64 / 2.0);
        // The last bucket also holds everything above it.
        if next.is_power_of_two() && next >= 16 && bucket + 1 < LATENCY_BUCKETS {
            let _ = writeln!(text, "{LATENCY}_bucket{{le=\"{}\"}} {below}", seconds(next - 1));
        }
    }
    let _ = writeln!(text, "{LATENCY}_bucket{{le=\"+Inf\"}} {below}");
    let _ = writeln!(text, "{LATENCY}_sum {}", sum_ns / 1e9);
    let _ = writeln!(text, "{LATENCY}_count {below}");
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::control::report::tests::{NOW, context, halted_stats, troubled_stats};
    use crate::wire::stats::TransitionRow;

    /// Names with a type, and series with a value. Panics on a line that is not in the exposition format.
    fn check(text: &str) -> (BTreeMap<String, String>, BTreeMap<String, f64>) {
        let (mut helped, mut types, mut series) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                assert!(helped.insert(rest.split(' ').next().unwrap().to_owned()), "helped twice: {line}");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert!(matches!(kind, "counter" | "gauge" | "histogram"), "{line}");
                assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "typed twice: {line}");
            } else {
                let (key, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
                check_key(key, &types);
                let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
                assert!(series.insert(key.to_owned(), value).is_none(), "said twice: {line}");
            }
        }
        assert_eq!(helped, types.keys().cloned().collect(), "HELP and TYPE go together");
        (types, series)
    }

    fn check_key(key: &str, types: &BTreeMap<String, String>) {
        let (name, labels) = match key.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').unwrap_or_else(|| panic!("{key}"))),
            None => (key, ""),
        };
        let stem = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| {
            name.strip_suffix(suffix).filter(|stem| types.get(*stem).is_some_and(|kind| kind == "histogram"))
        });
        assert!(types.contains_key(stem.unwrap_or(name)), "no TYPE before {key}");
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{key}");
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            let (_, value) = label.split_once('=').unwrap_or_else(|| panic!("{key}"));
            assert!(value.len() >= 2 && value.starts_with('"') && value.ends_with('"'), "{key}");
        }
    }

    fn scrape(stats: Option<Stats>) -> (BTreeMap<String, String>, BTreeMap<String, f64>) {
        let seen = stats.clone();
        let (context, _orders) = context(move || seen.clone());
        check(&render(&Desk::new(context), stats.as_ref(), &Tally::default(), &["HTTP_PORT"]))
    }

    #[test]
    fn the_text_parses_and_says_what_the_page_says() {
        let (types, series) = scrape(Some(halted_stats()));
        for (key, value) in [
            ("tripline_state{scope=\"account\",name=\"main\"}", 0.0),
            ("tripline_state{scope=\"book\",name=\"mm1/main\"}", 2.0),
            ("tripline_equity{account=\"main\"}", 84_970.0),
            ("tripline_drawdown_ratio{guard=\"drawdown.kill\",scope=\"account:main\"}", 0.1503),
            ("tripline_drawdown_limit_ratio{guard=\"drawdown.kill\",scope=\"account:main\"}", 0.15),
            ("tripline_loop_ticks_total", 1e6),
            ("tripline_lane_depth{strategy=\"arb\",lane=\"1\"}", 0.0),
            ("tripline_post_halt_orders_total{kind=\"straggler\"}", 2.0),
            ("tripline_degraded{mark=\"NOT_ISOLATED\"}", 1.0),
            ("tripline_degraded{mark=\"HTTP_PORT\"}", 1.0),
            ("tripline_up", 1.0),
        ] {
            assert_eq!(series.get(key), Some(&value), "{key} in {series:#?}");
        }
        assert!(types.len() >= 15, "{types:?}");
    }

    #[test]
    fn orders_in_trouble_are_counted_by_result_scope_bucket_and_venue() {
        let (types, series) = scrape(Some(troubled_stats()));
        for (key, value) in [
            ("tripline_orders_total{result=\"passed\"}", 8.0),
            ("tripline_orders_total{result=\"denied\"}", 3.0),
            ("tripline_orders_total{result=\"dropped\"}", 1.0),
            ("tripline_orders_queued_total", 4.0),
            ("tripline_orders_not_sent_total", 2.0),
            ("tripline_order_timeouts_total", 5.0),
            ("tripline_unmapped_rejects_total", 6.0),
            ("tripline_duplicate_orders_total", 7.0),
            ("tripline_directives_total", 3.0),
            ("tripline_directives_failed_total", 1.0),
            ("tripline_breaker_state{scope=\"account:main\"}", 0.0),
            ("tripline_breaker_state{scope=\"book:arb/main\"}", 1.0),
            ("tripline_breaker_openings_total{scope=\"book:arb/main\"}", 2.0),
            ("tripline_bucket_used_ratio{bucket=\"binance.weight\"}", 0.5),
            ("tripline_bucket_used_ratio{bucket=\"main.orders\"}", 1.0),
            ("tripline_bucket_rejects_total{bucket=\"main.orders\"}", 1.0),
            ("tripline_throttle_queue_depth{venue=\"binance\"}", 12.0),
            ("tripline_throttle_queue_capacity{venue=\"binance\"}", 1_024.0),
            ("tripline_throttle_queue_oldest_age_seconds{venue=\"binance\"}", 0.04),
            ("tripline_throttle_dropped_total{venue=\"binance\"}", 5.0),
        ] {
            assert_eq!(series.get(key), Some(&value), "{key} in {series:#?}");
        }
        for (name, kind) in [("tripline_orders_total", "counter"), ("tripline_breaker_state", "gauge")] {
            assert_eq!(types.get(name).map(String::as_str), Some(kind), "{name}");
        }
    }

    #[test]
    fn a_bucket_that_admits_nothing_is_full() {
        let mut stats = troubled_stats();
        (stats.buckets[0].used, stats.buckets[0].limit) = (0, 0);
        // Closed until this very instant is open again.
        stats.buckets[1].closed_until = NOW;
        let (_, series) = scrape(Some(stats));
        for (bucket, used) in [("binance.weight", 1.0), ("main.orders", 0.2)] {
            let key = format!("tripline_bucket_used_ratio{{bucket=\"{bucket}\"}}");
            assert_eq!(series.get(&key), Some(&used), "{key} in {series:#?}");
        }
    }

    #[test]
    fn without_a_core_the_text_parses_and_says_that_it_is_down() {
        let (_, series) = scrape(None);
        assert_eq!(series.get("tripline_up"), Some(&0.0));
        assert!(!series.keys().any(|key| key.starts_with("tripline_state")));
    }

    #[test]
    fn latency_buckets_are_cumulative_and_count_at_their_exact_edge() {
        let mut buckets = vec![0; LATENCY_BUCKETS];
        for nanos in [0, 15, 16, 31, 32, u64::MAX] {
            buckets[crate::wire::stats::bucket_of(nanos)] += 1;
        }
        let mut text = String::new();
        latency_histogram(&mut text, &buckets);
        let (_, series) = check(&text);
        for (edge, count) in [("0.000000015", 2.0), ("0.000000031", 4.0), ("0.000000063", 5.0), ("+Inf", 6.0)]
        {
            let key = format!("{LATENCY}_bucket{{le=\"{edge}\"}}");
            assert_eq!(series.get(&key), Some(&count), "{key} in {series:#?}");
        }
        let edges: Vec<f64> = text
            .lines()
            .filter(|l| l.contains("_bucket"))
            .filter_map(|l| l.rsplit(' ').next()?.parse().ok())
            .collect();
        assert!(edges.is_sorted());
        assert_eq!(series.get(&format!("{LATENCY}_count")), Some(&6.0));
    }

    #[test]
    fn halts_appear_with_scope_guard_and_source() {
        let (context, _orders) = context(|| None);
        let (desk, tally) = (Desk::new(context), Tally::default());
        let stats = halted_stats();
        tally.count(&stats.transitions[0]);
        tally.count(&TransitionRow { guard: guard::OPERATOR.into(), ..stats.transitions[0] });
        let (_, series) = check(&render(&desk, Some(&stats), &tally, &[]));
        let operator = desk.guard_name(guard::OPERATOR);
        for (guard, source) in [("drawdown.kill", "engine"), (operator.as_str(), "operator")] {
            let labels = format!("scope=\"account:main\",guard=\"{guard}\",source=\"{source}\"");
            let key = format!("tripline_halts_total{{{labels}}}");
            assert_eq!(series.get(&key), Some(&1.0), "{key} in {series:#?}");
        }
    }
}
