//! Hedge mode: what is held long and what is held short in one instrument, apart, through the whole engine.
//!
//! PLAIN is in hedge mode, PERP is not. What everything together must be on random tapes is compared with the oracles of
//! `engine_oracle` and `engine_exposure_oracle`.

#[path = "engine_hedge/orders.rs"]
mod orders;
mod support;
#[path = "engine_hedge/venue.rs"]
mod venue;

use support::desk::*;
use tripline::engine::limits::DrawdownLimits;
use tripline::engine::{Limits, WordId, guard};
use tripline::model::event::{CommandVerb, FillCause};
use tripline::model::verdict::{Verdict, VerdictRecord};
use tripline::model::{Event, Flags, Leg, Lots, Money, Reason, Scope, Ticks, TradingState};

const BOOK: Scope = Scope::Book(0);
/// The book of what no strategy did on account 0.
const HOUSE: u16 = 3;
const CAPITAL: i128 = 100_000;

fn hedged(drawdowns: Vec<DrawdownLimits>) -> Limits {
    let mut limits = limits(CAPITAL * E9, drawdowns);
    limits.instruments[usize::from(PLAIN)].hedge = true;
    limits
}

/// PLAIN marked at 100, nothing held.
fn desk() -> Desk {
    let mut desk = Desk::new(hedged(vec![]));
    desk.mark(0, PLAIN, 100);
    desk
}

/// The same, holding so much of each leg at 100.
fn holding(long: i64, short: i64) -> Desk {
    let mut desk = desk();
    for (leg, q) in [(Leg::Long, long), (Leg::Short, short)] {
        if q != 0 {
            fill(&mut desk, leg, q, 100);
        }
    }
    desk
}

/// What an execution says of itself.
const fn execution(order: u64, exec: u64, qty: i64, px: i64) -> Event {
    Event::Fill { order, exec, px: Ticks(px), qty: Lots(qty.abs()), fee: 0 }
}

/// A fill of a leg of book 0 with an execution key of its own; positive buys.
fn fill(desk: &mut Desk, leg: Leg, qty: i64, px: i64) -> u64 {
    let exec = desk.fresh_id();
    desk.say(0, PLAIN, side(qty) | leg.flags(), execution(0, exec, qty, px));
    exec
}

fn bust(desk: &mut Desk, flags: Flags, exec: u64, qty: i64) {
    let event = Event::FillBust { order: 0, exec, px: Ticks(100), qty: Lots(qty.abs()), fee: 0 };
    desk.say(0, PLAIN, side(qty) | flags, event);
}

fn legs(desk: &Desk) -> (i64, i64) {
    (desk.engine.leg_position(0, PLAIN, Leg::Long), desk.engine.leg_position(0, PLAIN, Leg::Short))
}

/// What the integrity of a scope is halted for.
fn halted(desk: &Desk, scope: Scope) -> Option<Reason> {
    let mut rows = desk.engine.cause_rows();
    rows.find(|row| row.scope == Some(scope) && row.guard == u64::from(guard::INTEGRITY))?.reason
}

fn reset(desk: &mut Desk, scope: Scope) {
    let nonce = desk.nonce(scope, guard::INTEGRITY);
    let reply = desk.command(CommandVerb::Reset, scope, guard::INTEGRITY, nonce, false);
    assert_eq!(reply.verdict, Verdict::Pass);
}

fn why(verdict: VerdictRecord) -> (Verdict, Option<Reason>) {
    (verdict.verdict, verdict.reason)
}

const PASSED: (Verdict, Option<Reason>) = (Verdict::Pass, None);

const fn denied(reason: Reason) -> (Verdict, Option<Reason>) {
    (Verdict::Deny, Some(reason))
}

#[test]
fn long_and_short_are_held_at_once_each_with_its_own_average() {
    let mut desk = desk();
    // What is filled, at what; then both legs, what is realised, and what equity is beyond capital at a mark of 120.
    for (leg, qty, px, both, realised, equity) in [
        (Leg::Long, 10, 100, (10, 0), 0, 200),
        (Leg::Short, -4, 110, (10, -4), 0, 160),
        (Leg::Short, -4, 130, (10, -8), 0, 200),
        (Leg::Long, -5, 140, (5, -8), 200, 300),
        (Leg::Short, 2, 115, (5, -6), 210, 310),
        (Leg::Long, 5, 110, (10, -6), 210, 360),
        (Leg::Short, 6, 120, (10, 0), 210, 360),
        (Leg::Long, -10, 105, (0, 0), 210, 210),
    ] {
        fill(&mut desk, leg, qty, px);
        desk.mark(0, PLAIN, 120);
        assert_eq!(legs(&desk), both, "{leg:?} {qty} at {px}");
        assert_eq!(desk.engine.position(0, PLAIN), both.0 + both.1);
        let row = desk.engine.book_row(0).unwrap();
        assert_eq!(row.realised, Money(realised * E9), "{leg:?} {qty} at {px}");
        assert_eq!(row.equity, Money((CAPITAL + equity) * E9), "{leg:?} {qty} at {px}");
        assert_eq!(desk.state(0), TradingState::Active);
    }
}

#[test]
fn a_fill_beyond_the_leg_is_booked_and_halts_its_book() {
    for (leg, held, closing, state) in [
        (Leg::Long, 10, -9, TradingState::Active),
        (Leg::Long, 10, -10, TradingState::Active),
        (Leg::Long, 10, -11, TradingState::Halted),
        (Leg::Short, -10, 9, TradingState::Active),
        (Leg::Short, -10, 10, TradingState::Active),
        (Leg::Short, -10, 11, TradingState::Halted),
        (Leg::Long, 0, -1, TradingState::Halted),
        (Leg::Short, 0, 1, TradingState::Halted),
    ] {
        let other = 5 * if leg == Leg::Long { -1 } else { 1 };
        let mut desk = if leg == Leg::Long { holding(held, other) } else { holding(other, held) };
        fill(&mut desk, leg, closing, 100);
        assert_eq!(
            desk.engine.leg_position(0, PLAIN, leg),
            held + closing,
            "{leg:?} {held} {closing}: booked"
        );
        assert_eq!(desk.engine.position(0, PLAIN), held + closing + other);
        assert_eq!(desk.state(0), state, "{leg:?} {held} {closing}");
        assert_eq!(halted(&desk, BOOK), (state == TradingState::Halted).then_some(Reason::Gap));
        assert!(desk.engine.book_row(0).unwrap().trusted == (state == TradingState::Active));
    }
}

#[test]
fn the_fill_that_was_missed_makes_the_leg_right_and_a_reset_lets_it_trade() {
    let mut desk = holding(10, -5);
    fill(&mut desk, Leg::Long, -13, 110);
    assert_eq!((legs(&desk), halted(&desk, BOOK)), ((-3, -5), Some(Reason::Gap)));
    reset(&mut desk, BOOK);
    fill(&mut desk, Leg::Long, 2, 100);
    assert_eq!((legs(&desk), halted(&desk, BOOK)), ((-1, -5), Some(Reason::Gap)), "some is still missing");
    fill(&mut desk, Leg::Long, 1, 100);
    reset(&mut desk, BOOK);
    assert_eq!((legs(&desk), desk.state(0)), ((0, -5), TradingState::Active));
    // 13 bought at 100 and sold at 110, in whatever order they came.
    assert_eq!(desk.equity(0), (CAPITAL + 130) * E9);
    fill(&mut desk, Leg::Long, 1, 100);
    assert_eq!(desk.state(0), TradingState::Active);
}

#[test]
fn one_execution_counts_once_whatever_leg_it_is_told_of() {
    let mut desk = desk();
    let exec = fill(&mut desk, Leg::Long, 10, 100);
    for (book, leg) in [(0, Leg::Long), (1, Leg::Long), (0, Leg::Short)] {
        desk.say(book, PLAIN, leg.flags(), execution(0, exec, 10, 100));
    }
    assert_eq!((legs(&desk), desk.engine.counters().duplicate_fills), ((10, 0), 3));
    assert_eq!(desk.engine.leg_position(1, PLAIN, Leg::Long), 0);
    desk.say(0, PLAIN, Flags::SELL | Flags::LEG_SHORT, execution(0, exec, -10, 100));
    assert_eq!(legs(&desk), (10, -10), "the other side is another execution");
}

#[test]
fn totals_of_an_order_are_booked_on_its_leg() {
    let mut desk = desk();
    let total = |qty, cost: i128| Event::FillCum {
        order: id(1),
        cum_qty: Lots(qty),
        cum_cost: Money(cost * E9),
        cum_fee: 0,
    };
    for (flags, qty, cost, both) in [
        (Flags::LEG_SHORT, 3, 300, (0, -3)),
        (Flags::LEG_SHORT, 3, 300, (0, -3)),
        (Flags::LEG_SHORT, 5, 510, (0, -5)),
    ] {
        desk.say(0, PLAIN, Flags::SELL | flags, total(qty, cost));
        assert_eq!(legs(&desk), both);
    }
    assert_eq!(desk.engine.counters().duplicate_fills, 1);
    desk.say(0, PLAIN, Flags::SELL | Flags::LEG_LONG, total(6, 610));
    assert_eq!(legs(&desk), (0, -5));
    assert_eq!(halted(&desk, Scope::Strategy(0)), Some(Reason::Corrupt), "an order has one leg");
}

#[test]
fn a_bust_takes_back_what_its_execution_did_to_its_leg() {
    let mut desk = holding(10, -4);
    let before = desk.equity(0);
    let (bought, sold) = (fill(&mut desk, Leg::Long, 5, 130), fill(&mut desk, Leg::Short, -6, 70));
    assert_eq!(legs(&desk), (15, -10));
    bust(&mut desk, Flags::LEG_LONG, bought, 5);
    assert_eq!(legs(&desk), (10, -10));
    bust(&mut desk, Flags::LEG_SHORT, sold, -6);
    assert_eq!((legs(&desk), desk.equity(0)), ((10, -4), before));
    bust(&mut desk, Flags::LEG_SHORT, sold, -6);
    assert_eq!((legs(&desk), desk.engine.counters().duplicate_fills), ((10, -4), 1));
    assert_eq!(desk.state(0), TradingState::Active);
}

#[test]
fn a_bust_of_what_was_closed_since_reverses_exactly_and_halts() {
    let mut desk = desk();
    let bought = fill(&mut desk, Leg::Long, 10, 100);
    fill(&mut desk, Leg::Long, -10, 107);
    bust(&mut desk, Flags::LEG_LONG, bought, 10);
    assert_eq!((legs(&desk), halted(&desk, BOOK)), ((-10, 0), Some(Reason::Gap)));
    assert_eq!(desk.equity(0), (CAPITAL + 70) * E9, "what is left of it: sold at 107, worth 100");
}

#[test]
fn a_bust_that_names_another_leg_than_its_execution_changes_nothing() {
    for flags in [Flags::LEG_SHORT, Flags::empty()] {
        let mut desk = desk();
        let bought = fill(&mut desk, Leg::Long, 10, 100);
        bust(&mut desk, flags, bought, 10);
        assert_eq!(legs(&desk), (10, 0), "{flags:?}");
        assert_eq!(desk.engine.word(WordId::Book(0)).state, TradingState::Halted, "{flags:?}");
    }
}

#[test]
fn a_fee_is_replaced_without_saying_which_leg_it_is_of() {
    let mut desk = desk();
    let exec = desk.fresh_id();
    let event = Event::Fill { order: 0, exec, px: Ticks(100), qty: Lots(10), fee: UNKNOWN_FEE };
    desk.say(0, PLAIN, Flags::SELL | Flags::LEG_SHORT, event);
    assert_eq!(desk.equity(0), CAPITAL * E9 - E9, "10 basis points of 1 000");
    let event = Event::FeeAdjust { order: 0, exec, fee: 250_000_000, ccy: 0, exec_high: 0 };
    desk.say(0, PLAIN, Flags::SELL, event);
    assert_eq!((desk.equity(0), legs(&desk)), (CAPITAL * E9 - 250_000_000, (0, -10)));
    assert_eq!(desk.state(0), TradingState::Active);
}

#[test]
fn what_names_no_leg_where_there_are_two_or_one_where_there_is_none_is_not_booked() {
    for (instrument, flags) in [(PLAIN, Flags::empty()), (PERP, Flags::LEG_LONG), (PERP, Flags::LEG_SHORT)] {
        let sell = Flags::SELL | flags;
        let (order, cum_qty, cum_cost) = (id(1), Lots(5), Money(500 * E9));
        let cumulative = Event::FillCum { order, cum_qty, cum_cost, cum_fee: 0 };
        for event in [execution(0, 1, 5, 100), cumulative] {
            let mut desk = desk();
            desk.say(0, instrument, sell, event);
            assert_eq!(halted(&desk, BOOK), Some(Reason::UnknownFill), "{instrument} {flags:?} {event:?}");
            for leg in Leg::ALL {
                assert_eq!(desk.engine.leg_position(0, instrument, leg), 0, "{instrument} {flags:?} {leg:?}");
            }
            assert_eq!(desk.equity(0), CAPITAL * E9);
        }
    }
}

#[test]
fn a_mark_values_both_legs_and_is_judged_once() {
    // 10 long and 4 short at 100 with equity 1 000: at 70 both together are 180 below the peak.
    let mut limits = hedged(vec![DrawdownLimits { confirm_k: 3, confirm_t: ms(50), ..drawdown("kill") }]);
    limits.books[0].capital = Money(1_000 * E9);
    let mut desk = Desk::new(limits);
    desk.mark(0, PLAIN, 100);
    fill(&mut desk, Leg::Long, 10, 100);
    fill(&mut desk, Leg::Short, -4, 100);
    for (px, equity, state) in [
        (80, 880, TradingState::Active),
        (70, 820, TradingState::ReduceOnly),
        (70, 820, TradingState::ReduceOnly),
        (70, 820, TradingState::Halted),
    ] {
        desk.wait(ms(60));
        desk.mark(0, PLAIN, px);
        assert_eq!(desk.equity(0), equity * E9, "at {px}");
        assert_eq!(desk.state(0), state, "at {px}");
    }
}

#[test]
fn legs_that_offset_each_other_lose_nothing_to_a_mark() {
    let mut desk = holding(10, -10);
    for px in [1, 100, 5_000] {
        desk.mark(0, PLAIN, px);
        assert_eq!(desk.equity(0), CAPITAL * E9, "at {px}");
    }
    assert_eq!(desk.engine.position(0, PLAIN), 0);
}

#[test]
fn a_settlement_of_both_ends_what_they_exceeded() {
    for leg in [Leg::Long, Leg::Short] {
        let mut limits = hedged(vec![]);
        limits.books[0].max_position = Some(Lots(9));
        let mut desk = Desk::new(limits);
        fill(&mut desk, leg, if leg == Leg::Long { 10 } else { -10 }, 100);
        assert_eq!(desk.state(0), TradingState::ReduceOnly, "{leg:?}");
        settle(&mut desk, Flags::empty(), 1, 0, 100);
        assert_eq!((legs(&desk), desk.state(0)), ((0, 0), TradingState::Active), "{leg:?}");
    }
}

fn settle(desk: &mut Desk, flags: Flags, settlement: u64, qty: i64, px: i64) {
    let event = Event::Settle { id: id(settlement), px: Ticks(px), qty: Lots(qty), kind: 0, t_venue: 0 };
    desk.say(0, PLAIN, flags, event);
}

#[test]
fn a_settlement_closes_the_leg_it_names_or_both() {
    let (long, short) = (Flags::LEG_LONG, Flags::LEG_SHORT);
    // Of 10 long and 4 short at 100, at 110.
    for (name, told, both, profit) in [
        ("both", vec![(Flags::empty(), 1, 0)], (0, 0), 60),
        ("the long one", vec![(long, 1, 0)], (0, -4), 100),
        ("the short one", vec![(short, 1, 0)], (10, 0), -40),
        ("a part of the long one", vec![(long, 1, 3)], (7, -4), 30),
        ("a part of the short one", vec![(short, 1, -3)], (10, -1), -30),
        ("each by the same id", vec![(long, 1, 0), (short, 1, 0)], (0, 0), 60),
        ("one of them twice", vec![(long, 1, 3), (long, 1, 3)], (7, -4), 30),
        ("both after a part of one", vec![(long, 1, 3), (Flags::empty(), 1, 0)], (7, 0), -10),
    ] {
        let mut desk = holding(10, -4);
        for (flags, settlement, qty) in told {
            settle(&mut desk, flags, settlement, qty, 110);
        }
        assert_eq!(legs(&desk), both, "{name}");
        assert_eq!(desk.engine.book_row(0).unwrap().realised, Money(profit * E9), "{name}");
        assert_eq!(desk.state(0), TradingState::Active, "{name}");
    }
}

#[test]
fn a_settlement_of_more_than_a_leg_or_of_a_part_of_nobody_knows_which_halts() {
    for (flags, qty) in [
        (Flags::LEG_LONG, 11),
        (Flags::LEG_LONG, -1),
        (Flags::LEG_SHORT, -5),
        (Flags::LEG_SHORT, 1),
        (Flags::empty(), 3),
    ] {
        let mut desk = holding(10, -4);
        settle(&mut desk, flags, 1, qty, 110);
        assert_eq!((legs(&desk), halted(&desk, BOOK)), ((10, -4), Some(Reason::Gap)), "{flags:?} {qty}");
    }
}

#[test]
fn what_was_closed_by_hand_cannot_be_closed_again() {
    for (closes, halts) in [(-6, false), (-7, false), (-8, true)] {
        let mut desk = holding(10, 0);
        by_hand(&mut desk, Leg::Long, -3);
        fill(&mut desk, Leg::Long, closes, 100);
        assert_eq!((legs(&desk), halted(&desk, BOOK)), ((10 + closes, 0), None), "{closes}");
        assert_eq!(halted(&desk, Scope::Account(0)), halts.then_some(Reason::Gap), "{closes}");
    }
}

/// A fill that no strategy made.
fn by_hand(desk: &mut Desk, leg: Leg, qty: i64) {
    let exec = desk.fresh_id();
    let flags = side(qty) | leg.flags();
    desk.say(0, PLAIN, flags | Flags::MORE, execution(0, exec, qty, 100));
    let rest = Event::FillExt {
        exec_high: 0,
        cum_qty: Lots(0),
        t_venue: 0,
        fee_ccy: 0,
        cause: FillCause::External,
        venue_order: 0,
    };
    desk.say(0, PLAIN, Flags::empty(), rest);
}

#[test]
fn what_was_closed_by_hand_may_be_a_strategys_and_no_more_than_the_account_holds() {
    for (leg, by_hand, halts) in [
        (Leg::Long, -9, false),
        (Leg::Long, -10, false),
        (Leg::Long, -11, true),
        (Leg::Short, 3, false),
        (Leg::Short, 4, false),
        (Leg::Short, 5, true),
    ] {
        let mut desk = holding(10, -4);
        self::by_hand(&mut desk, leg, by_hand);
        assert_eq!(desk.engine.leg_position(HOUSE, PLAIN, leg), by_hand, "{leg:?} {by_hand}");
        assert_eq!(legs(&desk), (10, -4));
        assert_eq!(halted(&desk, BOOK), None, "no strategy is stopped for it");
        assert_eq!(halted(&desk, Scope::Account(0)), halts.then_some(Reason::Gap), "{leg:?} {by_hand}");
    }
}
