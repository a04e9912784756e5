//! Executions that nobody can place, and those of orders that nobody announced.

mod support;

use support::desk::*;
use tripline::engine::WordId;
use tripline::model::event::FillCause;
use tripline::model::{Event, Flags, Latch, Lots, Money, Reason, Ticks, TradingState};

fn desk(halts: bool) -> Desk {
    let mut limits = limits(1_000 * E9, vec![]);
    limits.books[0].halts_unknown_fills = halts;
    Desk::new(limits)
}

/// A fill in two records, with a cause.
fn caused(desk: &mut Desk, order: u64, exec: u64, cause: FillCause) {
    let first = Event::Fill { order, exec, px: Ticks(100), qty: Lots(1), fee: 0 };
    desk.say(0, PLAIN, Flags::MORE, first);
    let (exec_high, cum_qty, t_venue, fee_ccy, venue_order) = (0, Lots(0), 0, 0, 0);
    let rest = Event::FillExt { exec_high, cum_qty, t_venue, fee_ccy, cause, venue_order };
    desk.say(0, PLAIN, Flags::empty(), rest);
}

fn halted(desk: &Desk) -> bool {
    let word = desk.engine.word(WordId::Instrument(0, PLAIN)).state;
    assert_eq!((desk.state(0), desk.state(1)), (TradingState::Active, TradingState::Active));
    word == TradingState::Halted
}

#[test]
fn an_execution_that_cannot_be_placed_halts_its_book_and_says_so() {
    let fill = |order, exec| Event::Fill { order, exec, px: Ticks(100), qty: Lots(5), fee: 9 };
    let bust = Event::FillBust { order: 0, exec: 9, px: Ticks(100), qty: Lots(5), fee: 0 };
    let fee = Event::FeeAdjust { order: 0, exec: 9, fee: 1, ccy: 0, exec_high: 0 };
    for (instrument, event) in [(INVERSE, fill(0, 1)), (PLAIN, bust), (PLAIN, fee)] {
        let mut desk = desk(false);
        desk.say(0, instrument, Flags::empty(), event);
        assert_eq!((desk.state(0), desk.transitions[0].reason), (TradingState::Halted, Reason::UnknownFill));
        assert_eq!(desk.transitions[0].latch, Latch::Sticky);
        assert_eq!((desk.equity(0), desk.state(1)), (1_000 * E9, TradingState::Active));
        assert_eq!(desk.engine.counters().unknown_fills, 1, "{event:?}");
    }
}

#[test]
fn an_execution_nobody_announced_is_booked_and_counted_and_halts_where_that_is_asked_for() {
    for halts in [false, true] {
        for (order, announced, told) in [(7, true, false), (7, false, true), (0, false, true)] {
            let mut desk = desk(halts);
            if announced {
                desk.order(0, PLAIN, 7, 5, 100);
            }
            desk.fill_as(0, PLAIN, 1, order, 5, 100, 0);
            assert_eq!(desk.engine.position(0, PLAIN), 5, "it has happened");
            assert_eq!(desk.engine.counters().unknown_fills, u64::from(told), "{order} {announced}");
            assert_eq!(halted(&desk), halts && told, "{order} {announced}");
            // A repeat of it is none.
            desk.fill_as(0, PLAIN, 1, order, 5, 100, 0);
            assert_eq!(desk.engine.counters().unknown_fills, u64::from(told));
        }
    }
}

#[test]
fn what_the_venue_alone_has_told_of_an_order_announces_nothing() {
    let mut desk = desk(true);
    desk.fill_as(0, PLAIN, 1, 7, 1, 100, 0);
    desk.ack(0, PLAIN, 7);
    desk.fill_as(0, PLAIN, 2, 7, 1, 100, 0);
    assert_eq!((desk.engine.counters().unknown_fills, halted(&desk)), (2, true));
}

#[test]
fn a_total_of_an_order_nobody_announced_is_told_apart_too() {
    for announced in [true, false] {
        let mut desk = desk(true);
        if announced {
            desk.order(0, PLAIN, 7, 5, 100);
        }
        let (cum_qty, cum_cost) = (Lots(5), Money(500 * E9));
        let total = Event::FillCum { order: id(7), cum_qty, cum_cost, cum_fee: 0 };
        desk.say(0, PLAIN, Flags::empty(), total);
        assert_eq!((desk.engine.position(0, PLAIN), halted(&desk)), (5, !announced));
    }
}

#[test]
fn what_a_venue_does_by_itself_needs_no_order() {
    for (cause, told) in [
        (FillCause::Normal, true),
        (FillCause::Liquidation, false),
        (FillCause::Adl, false),
        (FillCause::Insurance, false),
        (FillCause::Delivery, false),
        (FillCause::Block, false),
        (FillCause::External, false),
    ] {
        let mut desk = desk(true);
        caused(&mut desk, 0, 1, cause);
        assert_eq!(halted(&desk), told, "{cause:?}");
        assert_eq!(desk.engine.counters().fills, 1);
    }
}

#[test]
fn an_order_that_was_permitted_or_is_over_was_announced() {
    let mut desk = desk(true);
    desk.mark(0, PLAIN, 100);
    desk.ask_limit(0, PLAIN, 1, 5, 100);
    desk.fill_as(0, PLAIN, 1, 1, 2, 100, 0);
    desk.done(0, PLAIN, 1, tripline::model::event::DoneStatus::Canceled);
    desk.fill_as(0, PLAIN, 2, 1, 2, 100, 0);
    assert_eq!((desk.engine.position(0, PLAIN), halted(&desk)), (4, false));
    assert_eq!(desk.engine.counters().unknown_fills, 0);
}
