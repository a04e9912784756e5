//! A stats page as a core would write it, and the report made of it.

use std::sync::Arc;

use super::*;
use crate::control::config;
use crate::control::desk::{Context, Desk, Order};
use crate::model::{HaltWord, Latch, Mode, Money, Nanos, Reason, Scope, TradingState};
use crate::wire::stats::{
    AccountRow, BookRow, CauseRow, Degraded, GuardRow, LATENCY_BUCKETS, LaneRow, LoopRow, Stats,
    TransitionRow, bucket_of,
};

/// The monotonic clock of the tests.
pub(crate) const NOW: Nanos = Nanos(1_000_000_000_000);

/// A word that halts.
fn halted() -> HaltWord {
    HaltWord { state: TradingState::Halted, mode: Mode::Paper, epoch: 3 }
}

/// What a core wrote 0.2 us ago, after the production guard of the example latched.
pub(crate) fn halted_stats() -> Stats {
    let active = HaltWord { state: TradingState::Active, mode: Mode::Paper, epoch: 0 };
    let since = Nanos(NOW.0 - 251_000_000_000);
    let mut latency = vec![0; LATENCY_BUCKETS];
    latency[bucket_of(410)] = 99;
    latency[bucket_of(5_000)] = 1;
    let looping = LoopRow {
        ticks: 1_000_000,
        last_tick: Nanos(NOW.0 - 200),
        lease: Nanos::from_millis(250),
        records: 12,
        epoch: 3,
        cpu: 1,
        stragglers: 2,
        degraded: Degraded::NOT_ISOLATED.bits(),
        ..LoopRow::default()
    };
    let equity = Money(84_970 * Money::SCALE);
    let guard = GuardRow {
        guard: 64,
        scope: Some(Scope::Account(0)),
        equity,
        peak: Money(100_000 * Money::SCALE),
        drawdown_bps: 1503,
        limit_bps: 1500,
        armed: true,
        latched: true,
        trips: 1,
        ..GuardRow::default()
    };
    let cause = CauseRow {
        scope: Some(Scope::Account(0)),
        guard: 64,
        reason: Some(Reason::Drawdown),
        state: TradingState::Halted,
        latch: Some(Latch::Sticky),
        nonce: 0x9f2c,
        since,
        measured: 1503,
        limit: 1500,
        epoch: 3,
    };
    let transition = TransitionRow {
        sequence: 1,
        scope: cause.scope,
        guard: 64,
        reason: cause.reason,
        old_state: TradingState::Active,
        began: true,
        measured: 1503,
        limit: 1500,
        ..TransitionRow::default()
    };
    let lane = LaneRow { lane: 1, strategy: 1, echoed_epoch: 2, last_beat: since, ..LaneRow::default() };
    Stats {
        looping,
        accounts: vec![AccountRow { account: 0, word: halted(), equity, trusted: true }],
        books: vec![BookRow { book: 0, word: active, ..BookRow::default() }],
        guards: vec![guard],
        causes: vec![cause],
        lanes: vec![
            LaneRow { lane: 0, strategy: u64::MAX, ..LaneRow::default() },
            LaneRow { lane: 2, strategy: 0, echoed_epoch: 3, last_beat: NOW, ..LaneRow::default() },
            lane,
        ],
        transitions: vec![transition],
        latency,
        ..Stats::default()
    }
}

/// The names the engine gives.
pub(crate) fn guard_name(guard: u16) -> String {
    match guard {
        1 => "operator".to_owned(),
        64 => "drawdown.kill".to_owned(),
        65 => "drawdown.kill.soft".to_owned(),
        66 => "canary.session".to_owned(),
        other => format!("guard{other}"),
    }
}

/// A context on the example configuration with this page, and the far end of its desk.
pub(crate) fn context(
    stats: impl Fn() -> Option<Stats> + Send + Sync + 'static,
) -> (Context, crossbeam_channel::Receiver<Order>) {
    let config = config::parse(include_str!("../../../examples/tripline.toml"), "tripline.toml").unwrap();
    let (desk, orders) = crossbeam_channel::bounded(8);
    let context =
        Context { config, stats: Arc::new(stats), now: || NOW, desk, guard_name: Arc::new(guard_name) };
    (context, orders)
}

fn report(stats: Option<Stats>) -> Report {
    let (context, _orders) = context(|| None);
    build(&Desk::new(context), stats.as_ref(), &["HTTP_PORT"])
}

#[test]
fn a_latched_drawdown_reads_with_its_value_its_limit_and_its_reset() {
    let report = report(Some(halted_stats()));
    assert_eq!((report.state.as_str(), report.not_ready.as_deref()), ("HALTED", None));
    assert_eq!(report.age.as_deref(), Some("4m 11s"));
    let cause = &report.causes[0];
    assert_eq!((cause.measured.as_str(), cause.limit.as_str()), ("15.03 %", "15.00 %"));
    assert_eq!((cause.scope.as_str(), cause.guard.as_str()), ("account:main", "drawdown.kill"));
    assert_eq!(cause.nonce.as_deref(), Some("9f2c"));
    assert_eq!(report.guards[0].equity, "84970");
    assert_eq!(report.books[0].name, "mm1/main");
    let acknowledged: Vec<_> = report.lanes.iter().map(|l| (l.strategy.as_str(), l.acknowledged)).collect();
    assert_eq!(acknowledged, [("operator", false), ("mm1", true), ("arb", false)]);
    assert_eq!(report.degraded, ["NOT_ISOLATED", "HTTP_PORT"]);
    let looping = report.looping.unwrap();
    assert_eq!((looping.decision_p50_ns, looping.decision_p99_ns), (Some(415), Some(415)));
}

#[test]
fn a_drawdown_in_money_reads_in_money() {
    let mut stats = halted_stats();
    stats.causes[0] =
        CauseRow { guard: 68, measured: 6_000_000_000, limit: 6_000_000_000, ..stats.causes[0] };
    assert_eq!(report(Some(stats)).causes[0].limit, "6000");
}

#[test]
fn a_loop_that_does_not_turn_reads_halted_whatever_the_words_say() {
    let mut stats = halted_stats();
    stats.causes.clear();
    stats.accounts.clear();
    assert_eq!(report(Some(stats.clone())).state, "ACTIVE");
    for (name, age, ready) in [("at the lease", 250_000_000, true), ("beyond it", 250_000_001, false)] {
        stats.looping.last_tick = Nanos(NOW.0 - age);
        let report = report(Some(stats.clone()));
        assert_eq!(report.not_ready.is_none(), ready, "{name}");
        assert_eq!(report.state == "ACTIVE", ready, "{name}");
    }
}

#[test]
fn a_halted_instrument_is_not_hidden_by_active_books() {
    let mut stats = halted_stats();
    stats.accounts.clear();
    stats.causes[0].scope = Some(Scope::Instrument(0, 1));
    let report = report(Some(stats));
    assert_eq!(
        (report.state.as_str(), report.causes[0].scope.as_str()),
        ("HALTED", "instrument:main/ETH-PERP")
    );
}

#[test]
fn without_a_core_everything_is_halted_and_says_why() {
    let report = report(None);
    assert_eq!((report.state.as_str(), report.looping.is_none()), ("HALTED", true));
    assert!(report.not_ready.unwrap().contains("no core"));
}

#[test]
fn a_report_survives_json() {
    let report = report(Some(halted_stats()));
    let text = serde_json::to_string(&report).unwrap();
    assert!(text.contains("\"schema\":\"tripline.status/1\""));
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
}
