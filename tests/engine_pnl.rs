//! Guards beside the drawdown from a peak: one mark that moves equity too far, and a loss against margin.

mod support;

use support::desk::*;
use tripline::engine::limits::{Anchor, Basis, DrawdownLimits};
use tripline::model::event::{CommandVerb, FlowKind};
use tripline::model::verdict::Verdict;
use tripline::model::{Bps, Event, Flags, Money, Nanos, Reason, Scope, TradingState};

const KILL: u16 = 64;
const SOFT: u16 = 65;
const BOOK: Scope = Scope::Book(0);

fn long(guard: DrawdownLimits) -> Desk {
    let mut desk = Desk::with(100_000, vec![guard]);
    desk.mark(0, PLAIN, 1_000);
    desk.fill(0, PLAIN, 100, 1_000, 0);
    desk
}

fn jumpy() -> DrawdownLimits {
    DrawdownLimits { jump: Some(Bps(200)), confirm_k: 3, confirm_t: ms(50), ..drawdown("kill") }
}

#[test]
fn one_mark_that_moves_equity_by_the_limit_reduces_only_and_a_smaller_one_does_not() {
    for (px, jumped) in [
        (981, None),
        (980, Some(200)),
        (979, Some(210)),
        (1_019, None),
        (1_020, Some(200)),
        (1_021, Some(210)),
        (851, Some(1_490)),
    ] {
        let mut desk = long(jumpy());
        desk.mark(0, PLAIN, px);
        let state = if jumped.is_some() { TradingState::ReduceOnly } else { TradingState::Active };
        assert_eq!(desk.state(0), state, "{px}");
        let soft = desk.taken(SOFT);
        assert_eq!(soft.first().map(|soft| soft.measured), jumped);
        assert!(soft.iter().all(|soft| (soft.reason, soft.limit) == (Reason::PnlJump, 200)));
        desk.mark(0, PLAIN, px);
        desk.wait(ms(999));
        assert_eq!(desk.state(0), state, "{px}");
        desk.wait(ms(1));
        let ends = px > 865;
        assert_eq!(desk.state(0) == TradingState::Active, ends, "nine tenths of the limit lie at 865: {px}");
    }
}

#[test]
fn a_jump_that_breaches_is_a_drawdown_first() {
    let mut desk = long(jumpy());
    desk.mark(0, PLAIN, 850);
    let soft = desk.taken(SOFT)[0];
    assert_eq!((soft.reason, soft.measured, soft.limit), (Reason::DrawdownSoft, 1_500, 1_500));
}

#[test]
fn a_jump_is_measured_against_the_peak_before_it() {
    let mut desk = long(DrawdownLimits { peak_n: 1, ..jumpy() });
    for (px, jumped) in [(1_019, false), (1_040, true)] {
        desk.mark(0, PLAIN, px);
        assert_eq!(desk.state(0) != TradingState::Active, jumped, "{px}");
    }
    assert_eq!(desk.taken(SOFT)[0].measured, 206, "2 100 of 101 900, not of 104 000");
}

#[test]
fn fills_flows_and_the_first_mark_are_no_jumps() {
    let mut desk = long(jumpy());
    desk.fill(0, PLAIN, 10, 500, 0);
    desk.funding(0, 1, 5_000 * E9);
    desk.flow(0, 1, 50_000 * E9, FlowKind::Deposit);
    desk.fill(0, PERP, 100_000, 10_000, 0);
    assert_eq!(desk.taken(SOFT)[0].reason, Reason::NoMark);
    desk.mark(0, PERP, 10_000);
    desk.wait(ms(1_000));
    assert_eq!(desk.state(0), TradingState::Active, "a value where there was none has not moved");
    let mut off = long(DrawdownLimits { jump: None, ..jumpy() });
    off.mark(0, PLAIN, 860);
    assert_eq!(off.state(0), TradingState::Active);
}

#[test]
fn an_amount_has_a_jump_of_its_own_peak() {
    let guard = DrawdownLimits { limit: None, limit_abs: Some(Money(50_000 * E9)), ..jumpy() };
    for (px, jumped) in [(981, false), (980, true)] {
        let mut desk = long(guard.clone());
        desk.mark(0, PLAIN, px);
        assert_eq!(desk.state(0) != TradingState::Active, jumped, "{px}");
    }
}

fn by_margin() -> DrawdownLimits {
    DrawdownLimits {
        basis: Basis::Margin,
        anchor: Anchor::Static,
        limit: Some(Bps(8_000)),
        ..drawdown("margin")
    }
}

fn margin(desk: &mut Desk, initial: i64, ccy: u16) {
    let event =
        Event::Margin { initial, maintenance: 0, available: i64::MIN, ccy, ratio: Bps(0), t_venue: 0 };
    desk.say(0, PLAIN, Flags::empty(), event);
}

/// 10 000 of initial margin, in 1e-6.
const INITIAL: i64 = 10_000_000_000;

#[test]
fn an_unrealised_loss_trips_at_its_share_of_the_initial_margin() {
    for (px, latched) in [(921, false), (920, true), (919, true), (1_500, false)] {
        let mut desk = long(by_margin());
        margin(&mut desk, INITIAL, USD);
        desk.mark(0, PLAIN, px);
        let row = desk.engine.guard_row(0).unwrap();
        assert_eq!((row.latched, row.peak), (latched, Money(10_000 * E9)), "{px}");
        if latched {
            let trip = desk.taken(KILL).into_iter().rfind(|transition| transition.began).unwrap();
            assert_eq!((trip.reason, trip.limit), (Reason::MarginDrawdown, 8_000));
            assert_eq!(trip.measured, i64::from(1_000 - px as i32) * 100, "{px}");
            assert_eq!(desk.state(0), TradingState::Halted);
        }
    }
}

#[test]
fn a_margin_guard_is_unarmed_and_halted_until_margin_is_reported() {
    let mut desk = long(by_margin());
    assert_eq!(desk.state(0), TradingState::Halted);
    assert_eq!(desk.engine.cause_row(0).unwrap().reason, Some(Reason::Unarmed));
    margin(&mut desk, INITIAL, COIN);
    assert_eq!(
        (desk.state(0), desk.engine.counters().unhandled),
        (TradingState::Halted, 1),
        "another currency"
    );
    margin(&mut desk, INITIAL, 0);
    assert_eq!(desk.state(0), TradingState::Active);
}

#[test]
fn the_newest_margin_counts_and_none_makes_any_loss_too_much() {
    for (initial, px, latched) in [
        (INITIAL, 930, false),
        (8_750_000_000, 930, true),
        (8_750_000_001, 930, false),
        (0, 1_000, false),
        (0, 999, true),
        (-1, 999, true),
        (-1, 1_001, false),
        (i64::MAX, 1, false),
    ] {
        let mut desk = long(by_margin());
        margin(&mut desk, INITIAL, USD);
        desk.mark(0, PLAIN, if initial == 0 { 1_000 } else { px.max(930) });
        margin(&mut desk, initial, USD);
        desk.mark(0, PLAIN, px);
        assert_eq!(desk.engine.guard_row(0).unwrap().latched, latched, "{initial} at {px}");
    }
}

#[test]
fn what_is_realised_paid_or_deposited_is_no_part_of_a_margin_drawdown() {
    let mut desk = long(by_margin());
    margin(&mut desk, INITIAL, USD);
    desk.fill(0, PLAIN, -50, 700, 0);
    desk.funding(0, 1, -20_000 * E9);
    desk.flow(0, 1, -30_000 * E9, FlowKind::Withdrawal);
    assert_eq!(desk.state(0), TradingState::Active);
    assert_eq!(desk.engine.guard_row(0).unwrap().drawdown_bps, 0);
    desk.mark(0, PLAIN, 840);
    assert_eq!(desk.state(0), TradingState::Halted, "50 of them lose 160 each");
}

#[test]
fn a_margin_latch_is_reset_when_the_loss_is_gone_and_not_before() {
    let mut desk = long(by_margin());
    margin(&mut desk, INITIAL, USD);
    desk.mark(0, PLAIN, 920);
    let nonce = desk.nonce(BOOK, KILL);
    for rebase in [false, true] {
        let refused = desk.command(CommandVerb::Reset, BOOK, KILL, nonce, rebase);
        assert_eq!((refused.verdict, refused.reason), (Verdict::Deny, Some(Reason::MarginDrawdown)));
        assert_eq!((refused.measured, refused.limit), (8_000, 8_000));
    }
    desk.mark(0, PLAIN, 921);
    assert_eq!(desk.command(CommandVerb::Reset, BOOK, KILL, nonce, true).verdict, Verdict::Pass);
    assert_eq!(desk.engine.guard_row(0).unwrap().peak, Money(10_000 * E9), "margin is what it is");
    desk.mark(0, PLAIN, 1_000);
    desk.wait(Nanos::from_secs(1));
    assert_eq!(desk.state(0), TradingState::Active);
}

#[test]
fn a_margin_that_nobody_asks_for_is_counted_and_changes_nothing() {
    let mut desk = long(drawdown("kill"));
    margin(&mut desk, 1, USD);
    assert_eq!((desk.engine.counters().unhandled, desk.engine.cause_count()), (1, 0));
}
