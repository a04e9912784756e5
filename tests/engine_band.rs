//! The band between a drawdown's warning and its limit: less of rate and size is left there.

mod support;

use support::desk::*;
use tripline::engine::limits::{ActionCosts, BucketKind, BucketLimits, BucketScope, DrawdownLimits};
use tripline::engine::{Engine, Limits, guard};
use tripline::model::event::Intent;
use tripline::model::verdict::Verdict;
use tripline::model::{Bps, Flags, Lots, Money, Nanos, Reason, Scope};

/// Half of everything is left at the limit of 10 %, all of it up to 8 %.
fn band() -> DrawdownLimits {
    DrawdownLimits { limit: Some(Bps(1_000)), scale: Some(Bps(5_000)), confirm_k: 100, ..drawdown("band") }
}

fn with(guards: Vec<DrawdownLimits>) -> Limits {
    let mut limits = limits(100_000 * E9, guards);
    limits.books[0].max_order_qty = Some(Lots(100));
    limits.books[0].max_order_notional = Some(Money(10_000 * E9));
    limits
}

fn bucket(limit: u32) -> BucketLimits {
    BucketLimits {
        id: 1,
        name: name("orders"),
        scope: BucketScope::Account(0),
        kind: BucketKind::SlidingLog { limit, window: Nanos::from_secs(10) },
        jitter: Nanos::ZERO,
        start_pct: 0,
        costs: ActionCosts { new: 1, modify: 1, cancel: 1 },
    }
}

/// A desk that has lost so many basis points of its 100 000.
fn after_loss(limits: Limits, bps: i128) -> Desk {
    let mut desk = Desk::new(limits);
    desk.mark(0, PLAIN, 100);
    desk.funding(0, 1, -bps * 10 * E9);
    desk
}

#[test]
fn the_largest_order_shrinks_from_the_warning_to_the_limit() {
    for (loss, qty_left, notional_left) in [
        (0, 100, 10_000),
        (799, 100, 10_000),
        (800, 100, 10_000),
        // One basis point of loss is a two-hundredth of the band: a quarter per cent of what is left, rounded down.
        (801, 99, 9_975),
        (900, 75, 7_500),
        (999, 50, 5_025),
    ] {
        for (qty, passes) in [(qty_left - 1, true), (qty_left, true), (qty_left + 1, false)] {
            let mut desk = after_loss(with(vec![band()]), loss);
            let verdict = desk.ask_limit(0, PLAIN, 1, qty, 10);
            assert_eq!(verdict.verdict == Verdict::Pass, passes, "{loss}: {qty}");
            if !passes {
                assert_eq!((verdict.reason, verdict.guard), (Some(Reason::MaxQty), guard::ORDER_QTY));
                assert_eq!((verdict.measured, verdict.limit), (qty, qty_left));
            }
        }
        for (px, passes) in
            [(notional_left / 25 - 1, true), (notional_left / 25, true), (notional_left / 25 + 1, false)]
        {
            let mut desk = after_loss(with(vec![band()]), loss);
            let verdict = desk.ask_limit(0, PLAIN, 1, 25, px);
            assert_eq!(verdict.verdict == Verdict::Pass, passes, "{loss}: 25 at {px}");
            if !passes {
                assert_eq!(
                    (verdict.reason, verdict.guard),
                    (Some(Reason::MaxNotional), guard::ORDER_NOTIONAL)
                );
                assert_eq!(verdict.limit, notional_left * 1_000_000);
            }
        }
    }
}

#[test]
fn an_amount_has_its_band_and_of_two_the_narrower_counts() {
    let amount = DrawdownLimits { limit: None, limit_abs: Some(Money(1_000 * E9)), ..band() };
    for (loss, left) in [(80, 100), (90, 75), (99, 52)] {
        let mut desk = after_loss(with(vec![band(), amount.clone()]), loss);
        assert_eq!(desk.ask_limit(0, PLAIN, 1, left + 1, 10).limit, left, "{loss}");
        assert_eq!(desk.ask_limit(0, PLAIN, 2, left, 10).verdict, Verdict::Pass);
    }
}

#[test]
fn the_band_of_an_account_narrows_every_book_on_it_and_that_of_a_book_no_other() {
    for (scope, narrowed) in [(Scope::Book(0), false), (Scope::Account(0), true), (Scope::Strategy(1), false)]
    {
        let mut limits = with(vec![DrawdownLimits { scope, limit: Some(Bps(500)), ..band() }]);
        limits.books[1].max_order_qty = Some(Lots(100));
        let loss = if scope == Scope::Account(0) { 900 } else { 450 };
        let mut desk = after_loss(limits, loss);
        let verdict = desk.ask_limit(1, PLAIN, 1, 100, 10);
        assert_eq!(verdict.reason, narrowed.then_some(Reason::MaxQty), "{scope}");
    }
}

#[test]
fn what_only_reduces_is_as_large_as_ever() {
    let mut desk = Desk::new(with(vec![band()]));
    desk.mark(0, PLAIN, 100);
    desk.fill(0, PLAIN, 100, 100, 0);
    desk.funding(0, 1, -9_000 * E9);
    assert_eq!(desk.ask_limit(0, PLAIN, 1, 76, 90).reason, Some(Reason::MaxQty));
    for (order, intent) in [(2, Intent::Reduce), (3, Intent::Exit)] {
        let verdict = desk.ask_to(intent, 0, PLAIN, order, -100, 90).verdict;
        assert!(matches!(verdict, Verdict::Pass | Verdict::PassExit), "{intent:?}: {verdict:?}");
        desk.not_sent(0, PLAIN, order, tripline::model::event::OrderAction::New);
    }
}

#[test]
fn a_modification_that_adds_risk_is_narrowed_too() {
    let mut desk = after_loss(with(vec![band()]), 0);
    assert_eq!(desk.ask_limit(0, PLAIN, 1, 50, 90).verdict, Verdict::Pass);
    desk.ack(0, PLAIN, 1);
    desk.funding(0, 2, -9_000 * E9);
    for (qty, reason) in [(76, Some(Reason::MaxQty)), (75, None)] {
        assert_eq!(desk.ask(0, PLAIN, Flags::empty(), order_modify(1, qty, 90)).reason, reason, "{qty}");
    }
}

#[test]
fn a_share_of_each_bucket_is_left_and_what_does_not_fit_does_not_wait() {
    // Ten of them, of which new orders may use eight.
    for (loss, passed) in [(0, 8), (800, 8), (900, 7), (999, 5)] {
        let mut limits = with(vec![band()]);
        limits.buckets = vec![bucket(10)];
        let mut desk = after_loss(limits, loss);
        for order in 1..=passed {
            assert_eq!(desk.ask_limit(0, PLAIN, order, 1, 90).verdict, Verdict::Pass, "{loss}: {order}");
        }
        let next = desk.ask_limit(0, PLAIN, passed + 1, 1, 90);
        if loss <= 800 {
            assert_eq!(next.verdict, Verdict::Queued);
            continue;
        }
        assert_eq!((next.verdict, next.reason), (Verdict::Deny, Some(Reason::BucketFull)), "{loss}");
        assert_eq!((next.limit, next.extra), (10_000, 10_000_000_000), "a retry in ten seconds");
        assert_eq!(desk.ask_limit(1, PLAIN, 1, 1, 90).verdict, Verdict::Pass, "another book has what it had");
    }
}

#[test]
fn an_empty_bucket_always_has_room_for_one() {
    let mut limits = with(vec![DrawdownLimits { scale: Some(Bps(1)), ..band() }]);
    limits.books[0].max_order_qty = None;
    limits.books[0].max_order_notional = None;
    limits.buckets = vec![bucket(3)];
    let mut desk = after_loss(limits, 999);
    assert_eq!(desk.ask_limit(0, PLAIN, 1, 1, 90).verdict, Verdict::Pass);
    assert_eq!(desk.ask_limit(0, PLAIN, 2, 1, 90).reason, Some(Reason::BucketFull));
    desk.wait(Nanos::from_secs(10));
    assert_eq!(desk.ask_limit(0, PLAIN, 3, 1, 90).verdict, Verdict::Pass);
}

#[test]
fn the_band_widens_with_a_trusted_reading_and_not_without() {
    let mut limits = with(vec![band()]);
    limits.instruments[usize::from(PERP)].band = Some(Bps(300));
    let mut desk = Desk::new(limits);
    desk.mark(0, PLAIN, 100);
    desk.mark(0, PERP, 10_000);
    desk.fill(0, PERP, 10, 10_000, 0);
    desk.funding(0, 1, -9_000 * E9);
    assert_eq!(desk.ask_limit(0, PLAIN, 1, 76, 10).reason, Some(Reason::MaxQty));
    desk.mark(0, PERP, 20_000);
    desk.funding(0, 2, 9_000 * E9);
    assert_eq!(desk.ask_limit(0, PLAIN, 2, 76, 10).reason, Some(Reason::MaxQty), "suspect");
    desk.mark(0, PERP, 10_000);
    assert_eq!(desk.ask_limit(0, PLAIN, 3, 76, 10).verdict, Verdict::Pass);
}

#[test]
#[should_panic(expected = "a band begins at a warning below the limit")]
fn a_band_without_width_is_a_programmers_mistake() {
    let _engine = Engine::new(with(vec![DrawdownLimits { warn_pct: 100, ..band() }]), Nanos(1));
}
