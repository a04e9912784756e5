//! A stats page as a core would write it, and the report made of it.

use std::sync::Arc;

use super::*;
use crate::control::config;
use crate::control::desk::{Context, Desk, Order};
use crate::engine::{self, guard};
use crate::model::event::DirectiveStatus;
use crate::model::verdict::DirectiveKind;
use crate::model::{HaltWord, Latch, Mode, Money, Nanos, Reason, Scope, TradingState};
use crate::wire::stats::{
    AccountRow, BookRow, BreakerRow, BreakerState, BucketRow, CauseRow, Degraded, DirectiveRow, GuardRow,
    LATENCY_BUCKETS, LaneRow, LoopRow, PositionRow, QueueRow, Stats, StragglerRow, TransitionRow, bucket_of,
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
        until: Nanos::ZERO,
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
        books: vec![BookRow { book: 0, word: active, open_orders: 3, ..BookRow::default() }],
        positions: vec![
            PositionRow { book: 0, instrument: 0, qty: 2, buys: 1, sells: 0 },
            PositionRow { book: 2, instrument: 1, qty: -250, buys: 0, sells: 0 },
        ],
        standby: true,
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

/// What a core wrote while orders got into trouble: a breaker that cools down, one near its limit, one that is calm; a
/// cause ready to be resumed; a bucket closed by its venue; a queue; directives in each outcome; orders after a halt.
pub(crate) fn troubled_stats() -> Stats {
    let ago = |nanos: u64| Nanos(NOW.0 - nanos);
    let minutes = |minutes: u64| Nanos::from_secs(60 * minutes);
    let cause = CauseRow {
        scope: Some(Scope::Book(1)),
        guard: u64::from(guard::ERROR_RATE),
        reason: Some(Reason::ErrorRate),
        state: TradingState::ReduceOnly,
        latch: Some(Latch::Cooldown),
        nonce: 0x77,
        since: ago(180_000_000_000),
        measured: 14,
        limit: 13,
        epoch: 3,
        until: NOW.after(minutes(12)),
    };
    let ready = CauseRow {
        scope: Some(Scope::Book(0)),
        guard: u64::from(guard::DUPLICATE),
        reason: Some(Reason::ReadyToResume),
        measured: 20,
        limit: 20,
        until: ago(1),
        ..cause
    };
    let closed =
        BreakerRow { scope: Some(Scope::Account(0)), outcomes: 400, errors: 2, ..BreakerRow::default() };
    let open = BreakerRow {
        scope: Some(Scope::Book(1)),
        open: true,
        state: BreakerState::Open,
        until: cause.until,
        generation: 1,
        openings: 2,
        outcomes: 100,
        errors: 14,
        consecutive: 3,
    };
    let near = BreakerRow { scope: Some(Scope::Book(0)), outcomes: 5, errors: 5, consecutive: 5, ..closed };
    let directive = DirectiveRow {
        id: 7,
        kind: DirectiveKind::CancelIncreasing as u64,
        scope: Some(Scope::Book(0)),
        reason: Some(Reason::ClientDead),
        epoch: 3,
        strategy: 1,
        status: DirectiveStatus::Working as u64,
        remaining: 3,
        at: ago(1_200_000_000),
        attempts: 2,
    };
    let straggler = StragglerRow {
        sequence: 1,
        order: 4711,
        book: 1,
        instrument: 0,
        at: ago(2_000),
        epoch: 3,
        late: Nanos(41_000_000),
        violation: false,
    };
    let mut stats = halted_stats();
    stats.looping.requests = 12;
    (stats.looping.passed, stats.looping.denied, stats.looping.dropped) = (8, 3, 1);
    (stats.looping.queued, stats.looping.not_sent, stats.looping.timeouts) = (4, 2, 5);
    (stats.looping.unmapped_rejects, stats.looping.duplicate_orders) = (6, 7);
    (stats.looping.directives, stats.looping.failed_directives) = (3, 1);
    stats.causes = vec![cause, ready];
    stats.breakers = vec![closed, open, near];
    stats.buckets = vec![
        BucketRow { id: 1, used: 1_140, limit: 2_280, ..BucketRow::default() },
        BucketRow { id: 2, used: 30, limit: 150, closed_until: NOW.after(Nanos::from_secs(9)), rejects: 1 },
    ];
    stats.queues = vec![QueueRow {
        venue: 0,
        depth: 12,
        capacity: 1_024,
        oldest: ago(40_000_000),
        exits: 1,
        cancels: 2,
        dropped: 5,
    }];
    stats.directives = vec![
        directive,
        DirectiveRow { id: 8, strategy: u64::MAX, status: DirectiveStatus::Expired as u64, ..directive },
        DirectiveRow { id: 9, status: DirectiveStatus::Done as u64, ..directive },
        DirectiveRow { id: 10, status: u64::MAX, remaining: 0, ..directive },
    ];
    stats.stragglers =
        vec![straggler, StragglerRow { sequence: 2, order: 4712, violation: true, ..straggler }];
    stats
}

/// A context on the example configuration with this page, and the far end of its desk.
pub(crate) fn context(
    stats: impl Fn() -> Option<Stats> + Send + Sync + 'static,
) -> (Context, crossbeam_channel::Receiver<Order>) {
    let config = config::parse(include_str!("../../../examples/tripline.toml"), "tripline.toml").unwrap();
    let (desk, orders) = crossbeam_channel::bounded(8);
    let limits = config.limits.clone();
    let guard_name = Arc::new(move |guard| engine::guard_name(&limits, guard).to_string());
    let context = Context { config, stats: Arc::new(stats), now: || NOW, desk, guard_name };
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
fn a_cool_down_reads_with_its_end_and_what_is_left_of_it() {
    let mut stats = troubled_stats();
    for (name, until, left, is_ready) in [
        ("all of it", NOW.after(Nanos::from_secs(720)), Some("12m 00s"), false),
        ("its last nanosecond", NOW.after(Nanos(1)), Some("0.0 us"), false),
        ("its end", NOW, None, false),
        ("after it", Nanos(NOW.0 - 1), None, true),
    ] {
        stats.causes[0].until = until;
        stats.causes[0].reason = Some(if is_ready { Reason::ReadyToResume } else { Reason::ErrorRate });
        let report = report(Some(stats.clone()));
        let cause = report.causes.iter().find(|cause| cause.guard == "error-rate").unwrap();
        assert_eq!((cause.left.as_deref(), cause.until.is_some()), (left, true), "{name}");
        assert_eq!(
            (cause.scope.as_str(), cause.measured.as_str(), cause.limit.as_str()),
            ("book:arb/main", "14", "13")
        );
    }
    assert_eq!(report(Some(halted_stats())).causes[0].until, None, "a sticky cause has no end");
}

#[test]
fn a_breaker_is_near_at_half_its_errors_in_a_row_or_four_fifths_of_its_share() {
    let breaker = |outcomes, errors, consecutive| {
        let scope = Some(Scope::Account(0));
        let row = BreakerRow { scope, outcomes, errors, consecutive, ..BreakerRow::default() };
        let stats = Stats { breakers: vec![row], ..halted_stats() };
        report(Some(stats)).breakers[0].near
    };
    for (name, outcomes, errors, consecutive, is_near) in [
        ("nothing yet", 0, 0, 0, false),
        ("four in a row", 400, 4, 4, false),
        ("five in a row", 400, 5, 5, true),
        ("four percent of too few", 9, 4, 0, false),
        ("four percent of enough", 10, 4, 0, true),
        ("just below four percent", 101, 4, 0, false),
        ("four percent", 100, 4, 0, true),
    ] {
        assert_eq!(breaker(outcomes, errors, consecutive), is_near, "{name}");
    }
}

#[test]
fn orders_in_trouble_read_with_their_names() {
    let report = report(Some(troubled_stats()));
    let breakers: Vec<_> = report.breakers.iter().map(|b| (b.scope.as_str(), b.open, b.near)).collect();
    assert_eq!(
        breakers,
        [("account:main", false, false), ("book:arb/main", true, false), ("book:mm1/main", false, true)]
    );
    let open = &report.breakers[1];
    assert_eq!((open.left.as_deref(), open.openings, open.limit_bps), (Some("12m 00s"), 2, 500));
    let buckets: Vec<_> = report.buckets.iter().map(|b| (b.name.as_str(), b.used, b.closed_ns)).collect();
    assert_eq!(buckets, [("binance.weight", 1_140, None), ("main.orders", 30, Some(9_000_000_000))]);
    let queue = &report.queues[0];
    assert_eq!((queue.venue.as_str(), queue.depth, queue.oldest_age_ns), ("binance", 12, Some(40_000_000)));
    let directives: Vec<_> = report
        .directives
        .iter()
        .map(|d| (d.id, d.outcome.as_str(), d.status.as_deref(), d.strategy.as_deref()))
        .collect();
    assert_eq!(
        directives,
        [
            (7, "pending", Some("WORKING"), Some("arb")),
            (8, "failed", Some("EXPIRED"), None),
            (9, "done", Some("DONE"), Some("arb")),
            (10, "pending", None, Some("arb")),
        ]
    );
    assert_eq!(
        (report.directives[0].kind.as_str(), report.directives[0].age.as_str()),
        ("CANCEL_INCREASING", "1s")
    );
    let straggler = &report.stragglers[0];
    assert_eq!(
        (straggler.order, straggler.book.as_str(), straggler.instrument.as_str(), straggler.late_ns),
        (4711, "arb/main", "BTC-PERP", 41_000_000)
    );
    let requests = report.requests.unwrap();
    assert_eq!((requests.passed, requests.denied, requests.dropped, requests.queued), (8, 3, 1, 4));
}

#[test]
fn positions_and_open_orders_are_told_by_name_and_in_decimals() {
    let report = report(Some(halted_stats()));
    assert_eq!((report.accounts[0].open_orders, report.books[0].open_orders), (3, 3));
    assert!(report.looping.is_some_and(|looping| looping.standby));
    let told: Vec<[&str; 5]> = report
        .positions
        .iter()
        .map(|row| [&row.book, &row.instrument, &row.qty, &row.buys, &row.sells].map(String::as_str))
        .collect();
    let house = ["HOUSE/main", "ETH-PERP", "-0.25", "0", "0"];
    assert_eq!(told, [["mm1/main", "BTC-PERP", "0.002", "0.001", "0"], house]);
}

#[test]
fn a_status_of_before_there_were_requests_is_still_read() {
    let mut value = serde_json::to_value(report(Some(troubled_stats()))).unwrap();
    let whole = value.as_object_mut().unwrap();
    for key in ["requests", "breakers", "buckets", "queues", "directives", "stragglers", "positions"] {
        assert!(whole.remove(key).is_some(), "{key}");
    }
    for cause in whole["causes"].as_array_mut().unwrap() {
        let cause = cause.as_object_mut().unwrap();
        assert!(cause.remove("until").is_some() && cause.remove("left").is_some());
    }
    let old: Report = serde_json::from_value(value).unwrap();
    assert!(old.breakers.is_empty() && old.requests.is_none());
}

#[test]
fn a_report_survives_json() {
    let report = report(Some(troubled_stats()));
    let text = serde_json::to_string(&report).unwrap();
    assert!(text.contains("\"schema\":\"tripline.status/1\""));
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
}
