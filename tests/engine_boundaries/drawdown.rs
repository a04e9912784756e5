//! Drawdown guards in the smallest unit of money: 1e-9 below the limit, at it, 1e-9 beyond it.

use tripline::engine::limits::DrawdownLimits;
use tripline::model::event::{CommandVerb, FlowKind};
use tripline::model::{Latch, Money, Reason, TradingState};

use super::BOOK;
use crate::support::desk::*;

const KILL: u16 = 64;
const SOFT: u16 = 65;
const PERCENT: i128 = 1_000 * E9;

/// Three marks over 50 ms confirm; capital 100 000, long 100 at 1 000.
fn patient() -> Desk {
    let guard = DrawdownLimits { confirm_k: 3, confirm_t: ms(50), ..drawdown("kill") };
    let mut desk = Desk::with(100_000, vec![guard]);
    desk.mark(0, PLAIN, 1_000);
    desk.fill(0, PLAIN, 100, 1_000, 0);
    desk
}

#[test]
fn a_share_and_an_amount_trip_at_their_limit_and_say_both_numbers() {
    let amount = || DrawdownLimits { limit: None, limit_abs: Some(Money(500 * E9)), ..drawdown("kill") };
    for (guard, loss, numbers) in
        [(drawdown("kill"), 15 * PERCENT, (1_500, 1_500)), (amount(), 500 * E9, (500_000_000, 500_000_000))]
    {
        for (step, trips) in [(-1, false), (0, true), (1, true)] {
            let mut desk = Desk::with(100_000, vec![guard.clone()]);
            desk.funding(0, 1, -loss - step);
            let seen = desk.taken(KILL);
            assert_eq!(
                (seen.len(), desk.state(0) == TradingState::Halted),
                (usize::from(trips), trips),
                "{step}"
            );
            for trip in seen {
                assert_eq!((trip.reason, (trip.measured, trip.limit)), (Reason::Drawdown, numbers));
                assert_eq!((trip.scope, trip.equity), (BOOK, Money(100_000 * E9 - loss - step)));
            }
        }
    }
}

#[test]
fn the_soft_cause_begins_at_the_limit() {
    for (step, soft) in [(-1, false), (0, true), (1, true)] {
        let mut desk = patient();
        desk.funding(0, 1, -14 * PERCENT - step);
        desk.mark(0, PLAIN, 990);
        let seen = desk.taken(SOFT);
        assert_eq!(
            (seen.len(), desk.state(0) == TradingState::ReduceOnly),
            (usize::from(soft), soft),
            "{step}"
        );
        for begin in seen {
            assert_eq!((begin.reason, begin.latch), (Reason::DrawdownSoft, Latch::Auto));
            assert_eq!((begin.measured, begin.limit), (1_500, 1_500));
        }
    }
}

#[test]
fn a_warning_begins_at_its_share_and_is_armed_again_below_ten_points_less() {
    for (step, warns) in [(-1, false), (0, true), (1, true)] {
        let mut desk = Desk::with(100_000, vec![drawdown("kill")]);
        desk.funding(0, 1, -12 * PERCENT - step);
        assert_eq!(desk.engine.guard_row(0).unwrap().warning, warns, "{step}");
        assert_eq!((desk.engine.counters().warnings, desk.engine.cause_count()), (u64::from(warns), 0));
    }
    for (step, armed) in [(-1, true), (0, false), (1, false)] {
        let mut desk = Desk::with(100_000, vec![drawdown("kill")]);
        desk.funding(0, 1, -12 * PERCENT);
        desk.funding(0, 2, 1_500 * E9 - step);
        desk.funding(0, 3, -1_500 * E9 + step);
        assert_eq!(desk.engine.counters().warnings, if armed { 2 } else { 1 }, "{step}");
    }
}

#[test]
fn a_share_is_armed_by_the_first_equity_above_nothing() {
    for (capital, armed) in [(-1, false), (0, false), (1, true)] {
        let desk = Desk::new(limits(capital, vec![drawdown("kill")]));
        assert_eq!(desk.engine.guard_row(0).unwrap().armed, armed, "{capital}");
        assert_eq!(desk.state(0) == TradingState::Halted, !armed, "{capital}");
        let cause = desk.engine.cause_rows().next().and_then(|row| row.reason);
        assert_eq!(cause, (!armed).then_some(Reason::Unarmed), "{capital}");
    }
}

#[test]
fn a_flow_has_a_price_while_equity_is_above_nothing_before_and_after_it() {
    for (left, priced) in [(-1, false), (0, false), (1, true)] {
        let mut desk = Desk::with(100, vec![drawdown("kill")]);
        desk.flow(0, 1, left - 100 * E9, FlowKind::Withdrawal);
        let seen = desk.taken(KILL).first().map(|latch| latch.reason);
        assert_eq!(seen, (!priced).then_some(Reason::FlowUnpriced), "{left} after");
        assert_eq!(desk.state(0) == TradingState::Active, priced, "{left} after");
    }
    // Before: a guard of the whole trips at nothing left, so what it is latched by says nothing.
    for (left, priced) in [(-1, false), (0, false), (1, true)] {
        let mut desk = Desk::with(100, vec![drawdown("kill")]);
        desk.funding(0, 1, left - 100 * E9);
        desk.flow(0, 2, 100 * E9, FlowKind::Deposit);
        let nonce = desk.nonce(BOOK, KILL);
        let kept = desk.command(CommandVerb::Reset, BOOK, KILL, nonce, false).reason;
        let expected = if priced { Reason::Drawdown } else { Reason::FlowUnpriced };
        assert_eq!(kept, Some(expected), "{left} before");
    }
}
