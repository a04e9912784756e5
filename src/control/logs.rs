//! COLD: log lines, and the watcher that makes lines of what changes on the stats page.
//!
//! One JSON object a line on stderr, with a stable `event` name and UTC nanoseconds; plain text on a terminal. The
//! loop never logs: it writes numbers, this side finds the words. An event name is a contract, a message is not.

use core::time::Duration;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use super::clock;
use super::config::LogLevel;
use super::desk::Desk;
use super::report::{self, Reading};
use super::scopes;
use crate::model::{Reason, TradingState};
use crate::wire::stats::{Stats, TransitionRow};

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// UTC with nanoseconds.
struct UtcNanos;

impl FormatTime for UtcNanos {
    fn format_time(&self, w: &mut Writer<'_>) -> std::fmt::Result {
        w.write_str(&clock::utc_text(clock::utc_now_ns()))
    }
}

/// Logs why this process has to end.
pub fn failed(event: &'static str, error: &dyn std::error::Error) {
    tracing::error!(event, %error);
}

/// Starts logging at `level`; the variable `TRIPLINE_LOG` overrides it with a filter. A second call changes nothing.
pub fn start(level: LogLevel) {
    let level = match level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Trace => tracing::Level::TRACE,
    };
    let wanted = std::env::var("TRIPLINE_LOG").ok().and_then(|filter| filter.parse().ok());
    let filter: Targets = wanted.unwrap_or_else(|| Targets::new().with_default(level));
    // Either fails only where a subscriber is already set, and then that one is wanted.
    let _ = if std::io::stderr().is_terminal() {
        let lines = fmt::layer().with_timer(UtcNanos).with_writer(std::io::stderr).with_ansi(false);
        Registry::default().with(lines.with_filter(filter)).try_init()
    } else {
        json_lines(filter, std::io::stderr).try_init()
    };
}

/// One object a line, the fields of the event at its top.
fn json_lines<W>(filter: Targets, writer: W) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_timer(UtcNanos).with_writer(writer).json().flatten_event(true);
    Registry::default().with(lines.with_current_span(false).with_span_list(false).with_filter(filter))
}

/// Halts by scope and guard, counted from transitions: the loop keeps no such table.
#[derive(Default)]
pub(super) struct Tally(Mutex<BTreeMap<(u64, u64), u64>>);

impl Tally {
    pub(super) fn count(&self, row: &TransitionRow) {
        if row.began && row.new_state == TradingState::Halted {
            let scope = row.scope.map_or(u64::MAX, crate::model::Scope::to_raw);
            let mut halts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *halts.entry((scope, row.guard)).or_default() += 1;
        }
    }

    /// Scope, guard and number of halts.
    pub(super) fn halts(&self) -> Vec<(u64, u64, u64)> {
        let halts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        halts.iter().map(|(&(scope, guard), &count)| (scope, guard, count)).collect()
    }
}

/// What has been logged already.
#[derive(Default)]
struct Seen {
    core: u64,
    sequence: u64,
    degraded: u64,
}

impl Seen {
    /// Rows not seen before, oldest first; a core that restarted may count from one again.
    fn fresh<'s>(&mut self, stats: &'s Stats) -> Vec<&'s TransitionRow> {
        let newest = stats.transitions.iter().map(|row| row.sequence).max().unwrap_or(0);
        if newest < self.sequence {
            self.sequence = 0;
        }
        let fresh = stats.transitions.iter().filter(|row| row.sequence > self.sequence).collect();
        self.sequence = newest;
        fresh
    }

    /// Marks not seen before.
    fn new_marks(&mut self, degraded: u64) -> u64 {
        let new = degraded & !self.degraded;
        self.degraded = degraded;
        new
    }
}

/// Logs every transition and every degraded mark once, for as long as it is polled.
pub(super) async fn watch(desk: Arc<Desk>, tally: Arc<Tally>) {
    let mut seen = Seen::default();
    loop {
        if let Some(stats) = desk.stats() {
            look(&desk, &tally, &mut seen, &stats);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn look(desk: &Desk, tally: &Tally, seen: &mut Seen, stats: &Stats) {
    let instance = desk.limits().instance.as_str();
    if stats.looping.core_pid != seen.core {
        seen.core = stats.looping.core_pid;
        tracing::info!(event = "core_started", instance, pid = seen.core);
    }
    let before = seen.sequence;
    let fresh = seen.fresh(stats);
    if let Some(first) = fresh.first()
        && before != 0
        && first.sequence > before + 1
    {
        let missed = first.sequence - before - 1;
        tracing::warn!(event = "transitions_missed", instance, missed);
    }
    for row in fresh {
        tally.count(row);
        log_transition(desk, row);
    }
    for mark in report::degraded_names(seen.new_marks(stats.looping.degraded)) {
        tracing::warn!(event = "degraded", instance, mark);
    }
}

fn log_transition(desk: &Desk, row: &TransitionRow) {
    let limits = desk.limits();
    let (measured, limit) = report::readings(limits, &Reading::of_transition(row));
    let guard =
        u16::try_from(row.guard).map_or_else(|_| row.guard.to_string(), |guard| desk.guard_name(guard));
    let scope = row.scope.map_or_else(String::new, |scope| scopes::scope_text(limits, scope));
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                event = "transition",
                instance = limits.instance.as_str(),
                sequence = row.sequence,
                at = clock::utc_text(row.at_utc_ns),
                scope,
                guard,
                reason = row.reason.map_or("UNKNOWN", Reason::as_str),
                old_state = row.old_state.as_str(),
                new_state = row.new_state.as_str(),
                began = row.began,
                measured,
                limit,
                equity = %row.equity,
                peak = %row.peak,
                nonce = format!("{:x}", row.nonce),
                epoch = row.epoch,
                decision_ns = row.decision.0,
            )
        };
    }
    if row.began { line!(warn) } else { line!(info) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::report::tests::{context, halted_stats};

    /// Collects what is logged.
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_transition_is_one_json_line_with_a_stable_event_and_utc_nanoseconds() {
        let (context, _orders) = context(|| None);
        let desk = Desk::new(context);
        let written = || {
            let page = Page::default();
            let writer = page.clone();
            let lines = json_lines(Targets::new().with_default(tracing::Level::INFO), move || writer.clone());
            tracing::subscriber::with_default(lines, || {
                look(&desk, &Tally::default(), &mut Seen::default(), &halted_stats());
            });
            String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
        };
        // A line that another test logs for the first time at this very moment, with nobody listening, is remembered
        // as unwanted until the next subscriber is made.
        let text = (0..100).map(|_| written()).find(|text| text.lines().count() == 2).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
        assert_eq!(events, ["transition", "degraded"]);
        let line = &lines[0];
        assert_eq!((&line["guard"], &line["scope"]), (&"drawdown.kill".into(), &"account:main".into()));
        assert_eq!((&line["measured"], &line["level"]), (&"15.03 %".into(), &"WARN".into()));
        let at = line["timestamp"].as_str().unwrap();
        assert!(clock::parse_utc(at).is_some() && at.len() == "2026-11-22T03:12:07.412318001Z".len(), "{at}");
    }

    #[test]
    fn a_transition_is_seen_once_and_again_after_the_core_restarts() {
        let mut seen = Seen::default();
        let mut stats = halted_stats();
        assert_eq!(seen.fresh(&stats).len(), 1);
        assert_eq!(seen.fresh(&stats).len(), 0);
        stats.transitions.push(TransitionRow { sequence: 2, ..stats.transitions[0] });
        assert_eq!(seen.fresh(&stats).iter().map(|row| row.sequence).collect::<Vec<_>>(), [2]);
        stats.transitions.pop();
        assert_eq!(seen.fresh(&stats).len(), 1, "the sequence began again");
    }

    #[test]
    fn a_mark_is_seen_once_per_appearance() {
        let mut seen = Seen::default();
        assert_eq!((seen.new_marks(0b01), seen.new_marks(0b11), seen.new_marks(0b10)), (0b01, 0b10, 0));
        assert_eq!(seen.new_marks(0b11), 0b01);
    }

    #[test]
    fn halts_are_counted_by_scope_and_guard() {
        let (context, _orders) = context(|| None);
        let (desk, tally, mut seen) = (Desk::new(context), Tally::default(), Seen::default());
        let stats = halted_stats();
        look(&desk, &tally, &mut seen, &stats);
        look(&desk, &tally, &mut seen, &stats);
        let scope = crate::model::Scope::Account(0).to_raw();
        assert_eq!(tally.halts(), [(scope, 64, 1)]);
    }
}
