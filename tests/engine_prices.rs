//! An order against the market: collars, marks that are not there, notional, expiry, restricted instruments.

mod support;

use support::desk::*;
use tripline::engine::limits::{DriftLimits, InstrumentLimits, Limits};
use tripline::engine::{WordId, guard};
use tripline::model::event::{CommandVerb, Intent, OrderAction, OrderAttrs, OrderType, TimeInForce};
use tripline::model::verdict::{Verdict, VerdictRecord};
use tripline::model::{Bps, Event, Flags, Lots, Money, Nanos, Reason, Scope, Ticks, TradingState};

fn plain(change: impl FnOnce(&mut InstrumentLimits)) -> Limits {
    let mut limits = limits(1_000_000 * E9, vec![]);
    change(&mut limits.instruments[usize::from(PLAIN)]);
    limits
}

/// Verdict, reason, measured, limit; nothing is measured of what passes.
fn told(verdict: VerdictRecord) -> (Verdict, Option<Reason>, i64, i64) {
    match verdict.verdict {
        Verdict::Deny => (Verdict::Deny, verdict.reason, verdict.measured, verdict.limit),
        other => (other, None, 0, 0),
    }
}

const PASSED: (Verdict, Option<Reason>, i64, i64) = (Verdict::Pass, None, 0, 0);

fn denied(reason: Reason, measured: i64, limit: i64) -> (Verdict, Option<Reason>, i64, i64) {
    (Verdict::Deny, Some(reason), measured, limit)
}

fn typed(order_type: OrderType, order: u64, px: i64) -> Event {
    Event::OrderNew {
        order: id(order),
        px: Ticks(px),
        qty: Lots(1),
        attrs: OrderAttrs { order_type, ..attrs() },
        group: 0,
        leg: 0,
        list_count: 0,
    }
}

/// A request in two records.
fn ask_with(desk: &mut Desk, event: Event, trigger_px: i64, expiry_utc_ns: i64) -> VerdictRecord {
    let Event::OrderNew { order, .. } = event else { panic!("{event:?} is no new order") };
    let before = desk.verdicts.len();
    desk.say(0, PLAIN, Flags::PERMIT | Flags::MORE, event);
    let rest =
        Event::OrderExt { order, trigger_px: Ticks(trigger_px), expiry_utc_ns, quote_cost: 0, parent: 0 };
    desk.say(0, PLAIN, Flags::empty(), rest);
    assert_eq!(desk.verdicts.len(), before + 1);
    desk.verdicts[before].record
}

#[test]
fn a_priced_order_with_a_collar_and_no_mark_is_denied() {
    let drift = Some(DriftLimits { limit: Bps(1_000), window: Nanos::from_secs(60) });
    let no_mark = denied(Reason::NoMark, 0, 0);
    for (name, collar, accumulated, expected) in [
        ("no collar", None, None, PASSED),
        ("collar", Some(Bps(500)), None, no_mark),
        ("accumulated", None, drift, no_mark),
        ("both", Some(Bps(500)), drift, no_mark),
    ] {
        let mut desk = Desk::new(plain(|limits| {
            (limits.collar, limits.collar_accumulated) = (collar, accumulated);
        }));
        assert_eq!(told(desk.ask_limit(0, PLAIN, 1, 1, 100)), expected, "{name}");
        desk.mark(0, PLAIN, 100);
        assert_eq!(told(desk.ask_limit(0, PLAIN, 2, 1, 100)), PASSED, "{name}, marked");
    }
}

#[test]
fn a_stop_without_a_mark_is_held_against_its_trigger() {
    for (px, trigger, expected) in [
        (105, 100, PASSED),
        (106, 100, denied(Reason::Collar, 600, 500)),
        (95, 100, PASSED),
        (94, 100, denied(Reason::Collar, 600, 500)),
        (100, 0, denied(Reason::NoMark, 0, 0)),
    ] {
        let mut desk = Desk::new(plain(|limits| limits.collar = Some(Bps(500))));
        let verdict = ask_with(&mut desk, typed(OrderType::StopLimit, 1, px), trigger, 0);
        assert_eq!(told(verdict), expected, "{px} behind {trigger}");
    }
    let mut desk = Desk::new(plain(|limits| limits.collar = Some(Bps(500))));
    assert_eq!(told(ask_with(&mut desk, typed(OrderType::Stop, 1, 0), 100, 0)), PASSED);
    assert_eq!(told(ask_with(&mut desk, typed(OrderType::Stop, 2, 0), 0, 0)), denied(Reason::NoMark, 0, 0));
}

/// A collar over time only: 10 % in 60 s, and every jump is believed.
fn drifting() -> Desk {
    Desk::new(plain(|limits| {
        limits.collar_accumulated = Some(DriftLimits { limit: Bps(1_000), window: Nanos::from_secs(60) });
        limits.mark_age = Nanos::from_secs(1_000);
    }))
}

#[test]
fn prices_may_move_so_far_within_the_window_and_no_further() {
    for (px, expected) in [
        (109, PASSED),
        (110, PASSED),
        (111, denied(Reason::CollarAccumulated, 1_100, 1_000)),
        (99, PASSED),
        // From the highest mark, 108: 1000 bps are 97.2.
        (98, PASSED),
        (97, denied(Reason::CollarAccumulated, 1_019, 1_000)),
    ] {
        let mut desk = drifting();
        for mark in [100, 104, 108] {
            desk.mark(0, PLAIN, mark);
            desk.wait(Nanos::from_secs(10));
        }
        assert_eq!(told(desk.ask_limit(0, PLAIN, 1, 1, px)), expected, "{px}");
    }
}

#[test]
fn a_market_order_is_held_to_how_far_the_mark_has_moved() {
    for (mark, expected) in [(110, PASSED), (111, denied(Reason::CollarAccumulated, 1_100, 1_000))] {
        let mut desk = drifting();
        desk.mark(0, PLAIN, 100);
        desk.wait(Nanos::from_secs(1));
        desk.mark(0, PLAIN, mark);
        assert_eq!(
            told(desk.ask(0, PLAIN, Flags::empty(), typed(OrderType::Market, 1, 0))),
            expected,
            "{mark}"
        );
    }
}

#[test]
fn a_mark_counts_for_its_window_and_at_most_a_fifteenth_more() {
    // The mark was in force until second 10, when another took its place.
    for (second, counts) in [(10, true), (69, true), (70, true), (75, false), (200, false)] {
        let mut desk = drifting();
        desk.mark(0, PLAIN, 100);
        desk.advance(Nanos::from_secs(11));
        desk.mark(0, PLAIN, 111);
        desk.advance(Nanos::from_secs(1 + second));
        let expected = if counts { denied(Reason::CollarAccumulated, 1_100, 1_000) } else { PASSED };
        assert_eq!(told(desk.ask_limit(0, PLAIN, 1, 1, 111)), expected, "second {second}");
    }
    // A mark that nobody replaced is in force however old it is.
    let mut desk = drifting();
    desk.mark(0, PLAIN, 100);
    desk.wait(Nanos::from_secs(500));
    assert_eq!(told(desk.ask_limit(0, PLAIN, 1, 1, 111)), denied(Reason::CollarAccumulated, 1_100, 1_000));
    desk.mark(0, PLAIN, 111);
    assert_eq!(told(desk.ask_limit(0, PLAIN, 2, 1, 111)), denied(Reason::CollarAccumulated, 1_100, 1_000));
}

#[test]
fn what_reduces_only_may_follow_the_market() {
    for (intent, expected) in [
        (Intent::Open, denied(Reason::CollarAccumulated, 2_000, 1_000)),
        (Intent::Reduce, PASSED),
        (Intent::Protect, PASSED),
        (Intent::Exit, (Verdict::PassExit, None, 0, 0)),
    ] {
        let mut desk = drifting();
        desk.mark(0, PLAIN, 100);
        desk.fill(0, PLAIN, 5, 100, 0);
        desk.mark(0, PLAIN, 80);
        assert_eq!(told(desk.ask_to(intent, 0, PLAIN, 1, -5, 80)), expected, "{intent:?}");
    }
}

#[test]
fn notional_is_held_at_its_limits_on_inverse_and_negative_prices() {
    // Inverse: 100 quote units a contract, in coins; at 40000 a contract is 0.0025.
    let mut coins = limits(0, vec![]);
    coins.books[2].max_order_notional = Some(Money(10_000_000));
    coins.instruments[usize::from(INVERSE)].min_notional = Money(5_000_000);
    for (qty, px, expected) in [
        (1, 40_000, denied(Reason::MinNotional, 2_500, 5_000)),
        (2, 40_000, PASSED),
        (4, 40_000, PASSED),
        (5, 40_000, denied(Reason::MaxNotional, 12_500, 10_000)),
        // Cheaper coins make the same contracts worth more of them.
        (4, 39_999, denied(Reason::MaxNotional, 10_001, 10_000)),
        (2, 40_001, denied(Reason::MinNotional, 4_999, 5_000)),
    ] {
        let mut desk = Desk::new(coins.clone());
        assert_eq!(told(desk.ask_limit(2, INVERSE, 1, qty, px)), expected, "{qty} at {px}");
    }
    let mut spread = plain(|limits| {
        limits.allow_negative = true;
        limits.min_notional = Money(10 * E9);
    });
    spread.books[0].max_order_notional = Some(Money(100 * E9));
    for (qty, px, expected) in [
        (3, -3, denied(Reason::MinNotional, 9_000_000, 10_000_000)),
        (10, -1, PASSED),
        (-10, -10, PASSED),
        (10, -10, PASSED),
        (10, 10, PASSED),
        (10, -11, denied(Reason::MaxNotional, 110_000_000, 100_000_000)),
        (-10, -11, denied(Reason::MaxNotional, 110_000_000, 100_000_000)),
        (101, 0, denied(Reason::MinNotional, 0, 10_000_000)),
    ] {
        let mut desk = Desk::new(spread.clone());
        desk.mark(0, PLAIN, -5);
        assert_eq!(told(desk.ask_limit(0, PLAIN, 1, qty, px)), expected, "{qty} at {px}");
    }
}

fn until(order: u64, tif: TimeInForce) -> Event {
    Event::OrderNew {
        order: id(order),
        px: Ticks(100),
        qty: Lots(1),
        attrs: OrderAttrs { tif, ..attrs() },
        group: 0,
        leg: 0,
        list_count: 0,
    }
}

#[test]
fn a_good_till_date_must_lie_in_the_future_of_the_last_wall_clock() {
    let noon: i64 = 1_800_000_000_000_000_000;
    let second = 1_000_000_000;
    // The wall clock said noon a second ago.
    let now = noon + second;
    for (name, tif, expiry, expected) in [
        ("past", TimeInForce::Gtd, now - 1, denied(Reason::GtdPast, now - 1, now)),
        ("now", TimeInForce::Gtd, now, denied(Reason::GtdPast, now, now)),
        ("future", TimeInForce::Gtd, now + 1, PASSED),
        ("none", TimeInForce::Gtd, 0, denied(Reason::GtdPast, 0, now)),
        ("another kind that names a time", TimeInForce::Day, now, denied(Reason::GtdPast, now, now)),
        ("another kind that names none", TimeInForce::Gtc, 0, PASSED),
    ] {
        let mut desk = Desk::with(1_000_000, vec![]);
        desk.sidecar(Event::WallClock { utc_ns: noon });
        desk.wait(Nanos::from_secs(1));
        assert_eq!(told(ask_with(&mut desk, until(1, tif), 0, expiry)), expected, "{name}");
    }
}

#[test]
fn without_a_wall_clock_no_date_is_known_to_lie_in_the_future() {
    let mut desk = Desk::with(1_000_000, vec![]);
    let never = ask_with(&mut desk, until(1, TimeInForce::Gtd), 0, i64::MAX);
    assert_eq!(told(never), denied(Reason::GtdPast, i64::MAX, 0));
    let single = desk.ask(0, PLAIN, Flags::empty(), until(2, TimeInForce::Gtd));
    assert_eq!(told(single), denied(Reason::GtdPast, 0, 0), "and a date that is not told is none");
    desk.sidecar(Event::WallClock { utc_ns: 5 });
    assert_eq!(told(ask_with(&mut desk, until(3, TimeInForce::Gtd), 0, i64::MAX)), PASSED);
}

#[test]
fn a_restricted_instrument_opens_nothing_and_lets_go_of_what_is_held() {
    let mut desk = Desk::new(plain(|limits| limits.restricted = true));
    let word = |desk: &Desk| desk.engine.word(WordId::Instrument(0, PLAIN)).state;
    assert_eq!(word(&desk), TradingState::ReduceOnly, "the gate says so too");
    desk.mark(0, PLAIN, 100);
    for qty in [1, -1] {
        let verdict = desk.ask_limit(0, PLAIN, 1, qty, 100);
        assert_eq!(told(verdict), denied(Reason::Restricted, 1, 0), "{qty}");
        assert_eq!((verdict.guard, verdict.scope_kind), (guard::RESTRICTED, 4));
    }
    assert_eq!(told(desk.ask_limit(0, PERP, 1, 1, 100)), PASSED, "another one is not");
    desk.fill(0, PLAIN, 5, 100, 0);
    for (order, qty, expected) in
        [(2, -6, denied(Reason::Restricted, 6, 5)), (3, -5, PASSED), (4, -4, PASSED)]
    {
        assert_eq!(told(desk.ask_limit(0, PLAIN, order, qty, 100)), expected, "{qty} of 5");
        desk.not_sent(0, PLAIN, order, OrderAction::New);
    }
    assert_eq!(told(desk.ask_to(Intent::Exit, 0, PLAIN, 5, -5, 100)), (Verdict::PassExit, None, 0, 0));
    let scope = Scope::Instrument(0, PLAIN);
    let reply = desk.command(CommandVerb::Reset, scope, guard::RESTRICTED, 0, false);
    assert_eq!((reply.verdict, reply.reason), (Verdict::Deny, Some(Reason::Restricted)), "nobody lifts it");
    assert_eq!(word(&desk), TradingState::ReduceOnly);
}
