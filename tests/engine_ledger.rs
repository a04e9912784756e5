//! The ledger through the engine's door: the numbers a person can check, identities, refusals.

mod support;

use support::desk::*;
use tripline::engine::limits::DrawdownLimits;
use tripline::engine::{WordId, guard};
use tripline::model::event::{
    CommandVerb, DoneStatus, FillCause, FlowKind, Initiator, InstrumentStatus, Intent,
};
use tripline::model::verdict::Verdict;
use tripline::model::{Event, Flags, Latch, Lots, Money, Reason, Scope, Ticks, TradingState};

/// realised + unrealised − fees + funding + capital + flows = equity, the last three given by the test.
fn assert_adds_up(desk: &Desk, book: u16, rest: i128) {
    let row = desk.engine.book_row(book).unwrap();
    assert_eq!(row.realised.0 + row.unrealised.0 - row.fees.0 + rest, row.equity.0);
}

#[test]
fn a_flip_through_zero_needs_no_special_case() {
    let mut desk = Desk::with(0, vec![]);
    desk.fill(0, PLAIN, 10, 100, 1_000_000_000);
    desk.fill(0, PLAIN, -25, 110, 2_750_000_000);
    desk.mark(0, PLAIN, 110);
    let row = desk.engine.book_row(0).unwrap();
    assert_eq!(desk.engine.position(0, PLAIN), -15);
    assert_eq!(row.equity, Money(96_250_000_000));
    assert_eq!(row.equity.0 + 15 * 110 * E9, 1_746_250_000_000, "cash");
    assert_eq!(row.realised, Money(100_000_000_000));
    assert_eq!(row.fees, Money(3_750_000_000));
    for px in [1, 50, 110, 500] {
        desk.mark(0, PLAIN, px);
        assert_adds_up(&desk, 0, 0);
    }
}

#[test]
fn inverse_money_is_kept_finer_and_floored() {
    let mut desk = Desk::with(0, vec![]);
    desk.fill(2, INVERSE, 10, 50_000, 0);
    desk.fill(2, INVERSE, -25, 55_000, 0);
    desk.mark(2, INVERSE, 55_000);
    assert_eq!(desk.engine.position(2, INVERSE), -15);
    assert_eq!(desk.engine.book_row(2).unwrap().equity, Money(1_818_181));
    assert_adds_up(&desk, 2, 0);
    desk.fill(2, INVERSE, 15, 55_000, 0);
    assert_eq!(desk.engine.book_row(2).unwrap().unrealised, Money(0));
}

#[test]
fn a_flip_opens_at_the_price_of_the_flip() {
    let mut desk = Desk::with(0, vec![]);
    desk.fill(0, PERP, -11, 27_810, 0);
    desk.fill(0, PERP, 3_758, 26_620, 0);
    desk.mark(0, PERP, 26_620);
    assert_eq!(desk.engine.position(0, PERP), 3_747);
    let row = desk.engine.book_row(0).unwrap();
    assert_eq!(row.unrealised, Money(0), "average open is 2.662");
    assert_eq!(row.realised, Money(130_900_000), "1.1 * (2.781 - 2.662)");
}

#[test]
fn a_spot_fee_in_the_base_currency_debits_the_position() {
    let mut desk = Desk::with(1_000, vec![]);
    desk.fill_at(0, SPOT, 1, 1_000, 10_000, 1_000_000, COIN, 5);
    assert_eq!(desk.engine.position(0, SPOT), 999);
    desk.mark(0, SPOT, 10_000);
    assert_eq!(desk.equity(0), 999_900_000_000);
    assert_eq!(desk.engine.book_row(0).unwrap().fees, Money(0));
    assert_adds_up(&desk, 0, 1_000 * E9);
}

#[test]
fn an_unknown_fee_is_charged_now_and_replaced_by_its_total_once_known() {
    let mut desk = Desk::with(1_000, vec![]);
    let exec = desk.fill(0, PLAIN, 10, 100, UNKNOWN_FEE);
    assert_eq!(desk.engine.book_row(0).unwrap().fees, Money(E9), "10 bps of 1 000");
    for _ in 0..3 {
        let event = Event::FeeAdjust { order: 0, exec, fee: 250_000_000, ccy: 0, exec_high: 0 };
        desk.say(0, PLAIN, Flags::empty(), event);
        assert_eq!(desk.engine.book_row(0).unwrap().fees, Money(250_000_000));
    }
    assert_eq!(desk.engine.counters().duplicate_fills, 2);
}

#[test]
fn fills_replayed_change_nothing() {
    let mut desk = Desk::with(1_000, vec![]);
    for _ in 0..2 {
        desk.fill_as(0, PLAIN, 7, 0, 10, 100, 5);
        desk.fill_as(0, PLAIN, 7, 0, -10, 100, 5);
        desk.fill_as(0, PERP, 7, 0, 10, 100, 5);
        desk.fill_as(1, PLAIN, 7, 0, 10, 100, 5);
    }
    assert_eq!(desk.engine.counters().fills, 3, "side and instrument are part of the identity");
    assert_eq!(desk.engine.counters().duplicate_fills, 5);
    assert_eq!(desk.engine.position(0, PLAIN), 0);
    assert_eq!(desk.engine.position(1, PLAIN), 0, "one execution reported by two lanes counts once");
    assert_eq!(desk.engine.book_row(0).unwrap().fees, Money(15));
}

#[test]
fn a_busted_trade_is_taken_back_exactly_once() {
    let mut desk = Desk::with(1_000, vec![]);
    desk.mark(0, PLAIN, 105);
    desk.fill(0, PLAIN, 10, 100, 3);
    let before = desk.engine.book_row(0).unwrap();
    let exec = desk.fill(0, PLAIN, -25, 120, 7);
    for _ in 0..2 {
        let bust = Event::FillBust { order: 0, exec, px: Ticks(120), qty: Lots(25), fee: 7 };
        desk.say(0, PLAIN, Flags::SELL, bust);
        assert_eq!(desk.engine.book_row(0).unwrap(), before);
        assert_eq!(desk.engine.position(0, PLAIN), 10);
    }
    desk.fill_as(0, PLAIN, exec, 0, -25, 120, 7);
    assert_eq!(desk.engine.position(0, PLAIN), 10, "a busted execution stays busted");
    let unknown = Event::FillBust { order: 0, exec: 99, px: Ticks(1), qty: Lots(1), fee: 0 };
    desk.say(0, PLAIN, Flags::empty(), unknown);
    assert_eq!(desk.state(0), TradingState::Halted);
}

fn cum(desk: &mut Desk, order: u64, qty: i64, cost: i128, fee: i64) {
    let (cum_qty, cum_cost) = (Lots(qty), Money(cost * E9));
    desk.say(0, PLAIN, Flags::empty(), Event::FillCum { order: id(order), cum_qty, cum_cost, cum_fee: fee });
}

#[test]
fn cumulative_reports_only_grow_and_the_larger_of_both_ways_is_booked() {
    let mut desk = Desk::with(10_000, vec![]);
    desk.order(0, PLAIN, 5, 100, 100);
    cum(&mut desk, 5, 10, 1_000, 10);
    assert_eq!(desk.engine.position(0, PLAIN), 10);
    cum(&mut desk, 5, 4, 400, 4);
    cum(&mut desk, 5, 10, 1_000, 10);
    assert_eq!((desk.engine.position(0, PLAIN), desk.engine.counters().duplicate_fills), (10, 2));
    desk.fill_as(0, PLAIN, 1, 5, 10, 100, 10);
    assert_eq!(desk.engine.position(0, PLAIN), 10, "the same ten, reported the other way");
    desk.fill_as(0, PLAIN, 2, 5, 3, 101, 1);
    assert_eq!(desk.engine.position(0, PLAIN), 13);
    assert_eq!(desk.engine.book_row(0).unwrap().fees, Money(11));
    cum(&mut desk, 5, 13, 1_303, 11);
    cum(&mut desk, 5, 20, 2_003, 20);
    assert_eq!(desk.engine.position(0, PLAIN), 20);
    desk.mark(0, PLAIN, 100);
    assert_eq!(desk.equity(0), 10_000 * E9 - 3 * E9 - 20);
}

#[test]
fn an_order_reported_on_another_side_or_instrument_halts_the_strategy_and_books_nothing() {
    let total = |order, qty| Event::FillCum {
        order: id(order),
        cum_qty: Lots(qty),
        cum_cost: Money(i128::from(qty) * 100 * E9),
        cum_fee: 0,
    };
    let fill = |order, exec, qty| Event::Fill { order, exec, px: Ticks(100), qty: Lots(qty), fee: 0 };
    let (buys, sells) = (Flags::empty(), Flags::SELL);
    for (first, (flags, instrument, then)) in [
        (total(5, 10), (sells, PLAIN, total(5, 14))),
        (total(5, 10), (buys, PERP, total(5, 14))),
        (total(5, 10), (sells, PLAIN, fill(5, 1, 20))),
        (fill(5, 1, 10), (sells, PLAIN, total(5, 14))),
        (order_new(5, 10, 100), (sells, PLAIN, total(5, 4))),
        (order_new(5, 10, 100), (sells, PLAIN, order_new(5, 10, 100))),
        (total(5, 10), (sells, PLAIN, order_new(5, 20, 100))),
    ] {
        let mut desk = Desk::with(10_000, vec![]);
        desk.say(0, PLAIN, buys, first);
        let (before, row) = (desk.engine.position(0, PLAIN), desk.engine.book_row(0).unwrap());
        assert_eq!(desk.state(0), TradingState::Active);
        desk.say(0, instrument, flags, then);
        assert_eq!(desk.state(0), TradingState::Halted, "{first:?} then {then:?}");
        assert_eq!(desk.transitions[0].reason, Reason::Corrupt);
        assert_eq!((desk.engine.position(0, PLAIN), desk.engine.position(0, PERP)), (before, 0));
        assert_eq!(desk.engine.book_row(0).unwrap().fees, row.fees);
    }
}

#[test]
fn a_modified_order_is_over_when_its_new_quantity_is_filled() {
    let modify = |qty| Event::OrderModify {
        order: id(5),
        px: Ticks(100),
        qty: Lots(qty),
        attrs: attrs(),
        new_order: 0,
    };
    let modified = |qty| Event::OrderModified {
        order: id(5),
        px: Ticks(100),
        qty: Lots(qty),
        cum_qty: Lots(0),
        t_venue: 0,
    };
    let ack = Event::OrderAck { order: id(5), venue_key: 1, px: Ticks(1), live_qty: Lots(1), t_venue: 0 };
    // An acknowledgement is late when the order is over.
    for (changes, filled, over) in [
        (vec![], 10, true),
        (vec![], 9, false),
        (vec![modify(20)], 10, false),
        (vec![modify(20)], 20, true),
        (vec![modified(20)], 19, false),
        (vec![modified(20)], 20, true),
        (vec![modify(4)], 4, false),
        (vec![modify(4), modified(4)], 4, true),
        (vec![modify(20), modified(10)], 10, true),
        (vec![modify(0)], 10, true),
    ] {
        let mut desk = Desk::with(10_000, vec![]);
        desk.order(0, PLAIN, 5, 10, 100);
        for event in &changes {
            desk.say(0, PLAIN, Flags::empty(), *event);
        }
        desk.fill_as(0, PLAIN, 1, 5, filled, 100, 0);
        desk.say(0, PLAIN, Flags::empty(), ack);
        assert_eq!(desk.engine.counters().late, u64::from(over), "{changes:?}, {filled} filled");
    }
    let mut desk = Desk::with(10_000, vec![]);
    desk.order(0, PLAIN, 5, 10, 100);
    desk.fill_as(0, PLAIN, 1, 5, 4, 100, 0);
    desk.say(0, PLAIN, Flags::empty(), modified(4));
    desk.say(0, PLAIN, Flags::empty(), ack);
    assert_eq!(desk.engine.counters().late, 1, "cut down to what is filled");
}

#[test]
fn more_filled_than_ordered_is_booked_and_halts_the_instrument_on_the_account() {
    let scope = Scope::Instrument(0, PLAIN);
    let word = |desk: &Desk| desk.engine.word(WordId::Instrument(0, PLAIN)).state;
    for (filled, cumulative, over) in
        [(9, false, false), (10, false, false), (11, false, true), (10, true, false), (11, true, true)]
    {
        let mut desk = Desk::with(10_000, vec![]);
        desk.order(0, PLAIN, 5, 10, 100);
        match cumulative {
            true => cum(&mut desk, 5, filled, 100 * i128::from(filled), 0),
            false => desk.fill_as(0, PLAIN, 1, 5, filled, 100, 0),
        }
        assert_eq!(desk.engine.position(0, PLAIN), filled, "booked");
        assert_eq!(word(&desk) == TradingState::Halted, over, "{filled}");
        assert_eq!((desk.state(0), desk.engine.cause_count()), (TradingState::Active, usize::from(over)));
        if over {
            let trip = desk.taken(guard::INTEGRITY)[0];
            assert_eq!((trip.scope, trip.reason, trip.latch), (scope, Reason::Overfill, Latch::Sticky));
            let nonce = desk.nonce(scope, guard::INTEGRITY);
            desk.command(CommandVerb::Reset, scope, guard::INTEGRITY, nonce, false);
            assert_eq!(word(&desk), TradingState::Active);
        }
    }
    let mut by_cost = Desk::with(10_000, vec![]);
    by_cost.say(0, PLAIN, Flags::MORE, order_new(5, 10, 0));
    let rest = Event::OrderExt {
        order: id(5),
        trigger_px: Ticks(0),
        expiry_utc_ns: 0,
        quote_cost: 1_000 * 1_000_000_000,
        parent: 0,
    };
    by_cost.say(0, PLAIN, Flags::empty(), rest);
    by_cost.fill_as(0, PLAIN, 1, 5, 11, 90, 0);
    by_cost.fill_as(0, PLAIN, 2, 6, 11, 90, 0);
    assert_eq!(by_cost.engine.cause_count(), 0, "neither by cost nor announced by nobody");
}

#[test]
fn terminal_states_absorb_status_but_not_fills() {
    let mut desk = Desk::with(1_000, vec![]);
    desk.order(0, PLAIN, 5, 10, 1);
    let done = Event::OrderDone {
        order: id(5),
        status: DoneStatus::Canceled,
        initiator: Initiator::Owner,
        cum_qty: Lots(0),
        t_venue: 0,
    };
    desk.say(0, PLAIN, Flags::empty(), done);
    desk.fill_as(0, PLAIN, 1, 5, 10, 1, 0);
    assert_eq!(desk.engine.position(0, PLAIN), 10);
    assert_eq!(desk.engine.counters().late_fills, 1);
    desk.order(0, PLAIN, 5, 10, 1);
    let ack = Event::OrderAck { order: id(5), venue_key: 1, px: Ticks(1), live_qty: Lots(10), t_venue: 0 };
    desk.say(0, PLAIN, Flags::empty(), ack);
    assert_eq!(desk.engine.counters().late, 2);
}

#[test]
fn funding_and_flows_count_once_per_id_and_book() {
    let mut desk = Desk::with(1_000, vec![]);
    for _ in 0..2 {
        desk.funding(0, 9, -5 * E9);
        desk.flow(0, 9, 100 * E9, FlowKind::Deposit);
        desk.funding(1, 9, E9);
    }
    assert_eq!((desk.equity(0), desk.equity(1)), (1_095 * E9, 1_001 * E9));
    assert_eq!(desk.engine.account_row(0).unwrap().equity, Money(2_096 * E9));
    assert_eq!(desk.engine.counters().duplicate_fills, 3);
    assert_adds_up(&desk, 0, 1_095 * E9);
}

#[test]
fn paper_fills_never_touch_the_ledger() {
    let mut desk = Desk::with(1_000, vec![]);
    let event = Event::Fill { order: 0, exec: 1, px: Ticks(100), qty: Lots(5), fee: 9 };
    desk.say(0, PLAIN, Flags::PAPER, event);
    assert_eq!((desk.engine.position(0, PLAIN), desk.equity(0)), (0, 1_000 * E9));
}

#[test]
fn what_would_change_the_books_and_is_not_understood_halts_the_book() {
    let fill =
        |flags: Flags| (flags, Event::Fill { order: 0, exec: 1, px: Ticks(100), qty: Lots(5), fee: 9 });
    let settle = Event::Settle { id: id(1), px: Ticks(1), qty: Lots(1), kind: 0, t_venue: 0 };
    let equity = Event::Equity { sequence: 1, amount: Money(1), ccy: 0, trusted: 1, t_venue: 0 };
    let foreign = Event::Funding { id: id(1), amount: Money(5), ccy: 77, t_venue: 0 };
    for ((flags, event), reason) in [
        (fill(Flags::LEG_LONG), Reason::UnknownFill),
        (fill(Flags::LEG_SHORT), Reason::UnknownFill),
        ((Flags::empty(), settle), Reason::Gap),
        ((Flags::empty(), equity), Reason::Gap),
        ((Flags::empty(), foreign), Reason::Gap),
    ] {
        let mut desk = Desk::with(1_000, vec![]);
        desk.say(0, PLAIN, flags, event);
        assert_eq!(desk.state(0), TradingState::Halted, "{event:?}");
        assert_eq!(desk.transitions[0].reason, reason, "{event:?}");
        assert_eq!(desk.state(1), TradingState::Active);
        assert_eq!(desk.engine.counters().unhandled, 1);
    }
}

#[test]
fn what_cannot_be_right_halts_the_strategy() {
    for (instrument, px, qty, exec) in
        [(PLAIN, 100, 0, 1), (PLAIN, 100, -5, 1), (PLAIN, 0, 5, 1), (PLAIN, -1, 5, 1), (PLAIN, 100, 5, 0)]
    {
        let mut desk = Desk::with(1_000, vec![]);
        let event = Event::Fill { order: 0, exec, px: Ticks(px), qty: Lots(qty), fee: 0 };
        desk.say(0, instrument, Flags::empty(), event);
        assert_eq!(desk.state(0), TradingState::Halted, "{event:?}");
        assert_eq!(desk.state(2), TradingState::Halted, "every book of the strategy");
        assert_eq!(desk.transitions[0].reason, Reason::Corrupt);
        assert_eq!(desk.engine.position(0, instrument), 0);
    }
}

#[test]
fn a_full_table_halts_the_book_that_needed_room() {
    let mut small = limits(1_000 * E9, vec![]);
    small.capacity.executions = 2;
    let mut desk = Desk::new(small);
    for exec in 1..=3 {
        desk.fill_as(0, PLAIN, exec, 0, 1, 100, 0);
    }
    assert_eq!(desk.engine.position(0, PLAIN), 2);
    assert_eq!(desk.transitions[0].reason, Reason::Capacity);
    let mut small = limits(1_000 * E9, vec![]);
    small.capacity.positions = 1;
    let mut desk = Desk::new(small);
    desk.fill(0, PLAIN, 1, 100, 0);
    desk.fill(1, PLAIN, 1, 100, 0);
    assert_eq!((desk.state(0), desk.state(1)), (TradingState::Active, TradingState::Halted));
    let mut small = limits(1_000 * E9, vec![]);
    small.capacity.orders = 1;
    let mut desk = Desk::new(small);
    desk.order(0, PLAIN, 1, 1, 1);
    assert_eq!(desk.state(0), TradingState::Active);
    desk.order(0, PLAIN, 2, 1, 1);
    assert_eq!(desk.transitions[0].reason, Reason::Capacity);
}

#[test]
fn a_fill_not_younger_than_what_was_forgotten_is_refused() {
    for (t_venue, booked) in [(9, false), (10, false), (11, true)] {
        let mut small = limits(1_000 * E9, vec![]);
        small.capacity.executions = 2;
        let mut desk = Desk::new(small);
        for (exec, t) in [(1, 10), (2, 20), (3, 30)] {
            desk.fill_at(0, PLAIN, exec, 1, 100, 0, 0, t);
        }
        assert_eq!(desk.engine.position(0, PLAIN), 3, "timed entries make room");
        desk.fill_at(0, PLAIN, 4, 1, 100, 0, 0, t_venue);
        assert_eq!(desk.engine.position(0, PLAIN), if booked { 4 } else { 3 }, "{t_venue}");
        assert_eq!(desk.state(0) == TradingState::Halted, !booked);
        assert_eq!(desk.engine.counters().beyond_horizon, u64::from(!booked));
    }
}

#[test]
fn an_overflow_halts_the_book_and_books_nothing() {
    let mut desk = Desk::with(1_000, vec![]);
    for exec in 1..4 {
        desk.fill_as(0, PLAIN, exec, 0, i64::MAX, i64::MAX, i64::MAX);
    }
    assert_eq!(desk.state(0), TradingState::Halted);
    assert_eq!(desk.transitions[0].reason, Reason::Arithmetic);
    assert_eq!(desk.state(1), TradingState::Active);
    let nonce = desk.nonce(Scope::Book(0), guard::INTEGRITY);
    let reply = desk.command(
        tripline::model::event::CommandVerb::Reset,
        Scope::Book(0),
        guard::INTEGRITY,
        nonce,
        false,
    );
    assert_eq!(reply.reason, None);
    assert_eq!(desk.state(0), TradingState::Active);
}

#[test]
fn a_fill_without_venue_time_is_never_forgotten_and_does_not_block_the_others() {
    let mut small = limits(1_000 * E9, vec![]);
    small.capacity.executions = 2;
    let mut desk = Desk::new(small);
    desk.fill_as(0, PLAIN, 1, 0, 1, 100, 0);
    for exec in 2..50 {
        desk.fill_at(0, PLAIN, exec, 1, 100, 0, 0, exec as i64);
    }
    desk.fill_as(0, PLAIN, 1, 0, 1, 100, 0);
    assert_eq!((desk.engine.position(0, PLAIN), desk.engine.counters().duplicate_fills), (49, 1));
    assert_eq!(desk.state(0), TradingState::Active);
}

fn settle(id_: u64, px: i64, qty: i64) -> Event {
    Event::Settle { id: id(id_), px: Ticks(px), qty: Lots(qty), kind: 0, t_venue: 0 }
}

#[test]
fn a_settlement_closes_what_it_names_at_its_price_once() {
    for (held, qty, left) in
        [(10, 0, 0), (10, 4, 6), (10, 10, 0), (-10, 0, 0), (-10, -3, -7), (-10, -10, 0), (0, 0, 0)]
    {
        let mut desk = Desk::with(10_000, vec![]);
        if held != 0 {
            desk.fill(0, PLAIN, held, 100, 0);
        }
        for _ in 0..2 {
            desk.say(0, PLAIN, Flags::empty(), settle(1, 120, qty));
            assert_eq!(desk.engine.position(0, PLAIN), left, "{held} less {qty}");
        }
        desk.mark(0, PLAIN, 120);
        let row = desk.engine.book_row(0).unwrap();
        assert_eq!(row.equity.0, (10_000 + i128::from(held) * 20) * E9);
        assert_eq!(row.realised.0, i128::from(held - left) * 20 * E9);
        assert_eq!((desk.engine.counters().duplicate_fills, desk.engine.cause_count()), (1, 0));
        assert_adds_up(&desk, 0, 10_000 * E9);
    }
}

#[test]
fn a_settlement_of_what_is_not_held_halts_the_book_and_books_nothing() {
    for (held, qty) in [(10, 11), (10, -1), (-10, -11), (-10, 1), (0, 1), (0, -1), (10, i64::MIN)] {
        let mut desk = Desk::with(10_000, vec![]);
        if held != 0 {
            desk.fill(0, PLAIN, held, 100, 0);
        }
        desk.say(0, PLAIN, Flags::empty(), settle(1, 120, qty));
        assert_eq!((desk.state(0), desk.transitions[0].reason), (TradingState::Halted, Reason::Gap), "{qty}");
        assert_eq!((desk.engine.position(0, PLAIN), desk.state(1)), (held, TradingState::Active));
    }
}

#[test]
fn what_expires_worthless_settles_at_nothing_and_no_instrument_below_its_prices() {
    for (instrument, book, px, books) in [
        (PLAIN, 0, 1, true),
        (PLAIN, 0, 0, true),
        (PLAIN, 0, -1, false),
        (INVERSE, 2, 1, true),
        (INVERSE, 2, 0, false),
        (INVERSE, 2, -1, false),
    ] {
        let mut desk = Desk::with(10_000, vec![]);
        desk.fill(book, instrument, 10, 100, 0);
        desk.say(book, instrument, Flags::empty(), settle(1, px, 0));
        assert_eq!(desk.engine.position(book, instrument) == 0, books, "{instrument} at {px}");
        assert_eq!(desk.state(book) == TradingState::Halted, !books);
        assert!(books || desk.transitions[0].reason == Reason::Corrupt);
    }
}

#[test]
fn negative_prices_are_booked_where_they_are_real_and_nowhere_else() {
    let mut open = limits(10_000 * E9, vec![]);
    open.instruments[usize::from(PLAIN)].allow_negative = true;
    let mut desk = Desk::new(open);
    // Oil at -37: who buys is paid to take it.
    desk.fill(0, PLAIN, 10, -37, E9 as i64);
    desk.mark(0, PLAIN, -40);
    let row = desk.engine.book_row(0).unwrap();
    assert_eq!((row.equity.0, row.unrealised.0), (10_000 * E9 - 30 * E9 - E9, -30 * E9));
    desk.fill(0, PLAIN, -25, 5, 0);
    desk.mark(0, PLAIN, 5);
    let row = desk.engine.book_row(0).unwrap();
    assert_eq!((row.realised.0, row.unrealised.0), (420 * E9, 0), "10 * (5 + 37), then short 15 at 5");
    desk.say(0, PLAIN, Flags::empty(), settle(1, -2, 0));
    assert_eq!(desk.engine.book_row(0).unwrap().realised.0, 420 * E9 + 15 * 7 * E9);
    assert_adds_up(&desk, 0, 10_000 * E9);
    let mut desk = Desk::with(10_000, vec![]);
    desk.fill(0, PLAIN, 10, -37, 0);
    assert_eq!((desk.engine.position(0, PLAIN), desk.transitions[0].reason), (0, Reason::Corrupt));
}

#[test]
fn after_its_expiry_an_instrument_permits_exits_only() {
    let mut desk = Desk::with(10_000, vec![]);
    let state = |state| Event::InstrumentState { state, next_change_utc_ns: 0, t_venue: 0 };
    desk.mark(0, PLAIN, 100);
    desk.fill(0, PLAIN, 10, 100, 0);
    desk.say(0, PLAIN, Flags::empty(), state(InstrumentStatus::Expired));
    desk.say(0, PLAIN, Flags::empty(), state(InstrumentStatus::Open));
    let asked = desk.ask_limit(0, PLAIN, 1, 1, 100);
    assert_eq!((asked.verdict, asked.reason), (Verdict::Deny, Some(Reason::UnknownInstrument)));
    assert_eq!(desk.ask_to(Intent::Reduce, 0, PLAIN, 2, -1, 100).reason, Some(Reason::UnknownInstrument));
    assert_eq!(desk.ask_to(Intent::Exit, 0, PLAIN, 3, -1, 100).verdict, Verdict::PassExit);
    assert_eq!(desk.ask_limit(0, PERP, 4, 1, 100).verdict, Verdict::Pass, "others go on");
    desk.mark(0, PLAIN, 50);
    assert_eq!(desk.equity(0), 10_000 * E9, "the last mark holds");
    desk.say(0, PLAIN, Flags::empty(), settle(1, 90, 0));
    assert_eq!((desk.equity(0), desk.engine.position(0, PLAIN)), (9_900 * E9, 0));
}

fn external(desk: &mut Desk, book: u16, exec: u64, order: u64, qty: i64, px: i64, fee: i64) {
    let first = Event::Fill { order, exec, px: Ticks(px), qty: Lots(qty.abs()), fee };
    desk.say(book, PLAIN, side(qty) | Flags::MORE, first);
    let rest = Event::FillExt {
        exec_high: 0,
        cum_qty: Lots(0),
        t_venue: 0,
        fee_ccy: 0,
        cause: FillCause::External,
        venue_order: 0,
    };
    desk.say(book, PLAIN, side(qty), rest);
}

#[test]
fn what_nobody_of_ours_traded_is_in_house_and_counts_for_the_account_alone() {
    let on = |scope| DrawdownLimits { scope, ..drawdown("kill") };
    let scopes = [Scope::Account(0), Scope::Book(0), Scope::Strategy(0), Scope::Strategy(1)];
    let mut desk = Desk::with(1_000, scopes.map(on).to_vec());
    desk.mark(0, PLAIN, 100);
    let house = desk.engine.house(0);
    assert_eq!(house, 3, "after the books of the limits");
    for reporter in [0, 1, 0] {
        external(&mut desk, reporter, 7, 0, 10, 100, E9 as i64);
    }
    let positions = [0, 1, house].map(|book| desk.engine.position(book, PLAIN));
    assert_eq!((positions, desk.engine.counters().duplicate_fills), ([0, 0, 10], 2));
    let row = desk.engine.book_row(house).unwrap();
    assert_eq!((row.equity.0, row.fees.0), (-E9, E9));
    assert_eq!(desk.engine.account_row(0).unwrap().equity, Money(1_999 * E9));
    for (px, soft) in [(71, false), (70, true)] {
        desk.mark(0, PLAIN, px);
        let word = desk.engine.word(WordId::Account(0)).state;
        let equity = 1_999 - 10 * (100 - i128::from(px));
        assert_eq!(desk.engine.account_row(0).unwrap().equity, Money(equity * E9));
        assert_eq!(word == TradingState::Halted, soft, "15 % of 2 000 at {px}");
    }
    assert_eq!((desk.state(0), desk.state(1)), (TradingState::Active, TradingState::Active));
    assert_eq!((desk.equity(0), desk.equity(1)), (1_000 * E9, 1_000 * E9));
}

#[test]
fn fees_and_busts_of_what_is_in_house_count_from_any_strategy_of_the_account() {
    let mut desk = Desk::with(1_000, vec![]);
    desk.mark(0, PLAIN, 100);
    let house = desk.engine.house(0);
    external(&mut desk, 0, 7, 0, 10, 100, UNKNOWN_FEE);
    assert_eq!(desk.engine.book_row(house).unwrap().fees, Money(E9), "the worst rate of its books");
    let adjust = Event::FeeAdjust { order: 0, exec: 7, fee: 5, ccy: 0, exec_high: 0 };
    desk.say(1, PLAIN, Flags::empty(), adjust);
    assert_eq!(desk.engine.book_row(house).unwrap().fees, Money(5));
    let bust = Event::FillBust { order: 0, exec: 7, px: Ticks(100), qty: Lots(10), fee: 5 };
    desk.say(1, PLAIN, Flags::empty(), bust);
    let row = desk.engine.book_row(house).unwrap();
    assert_eq!((row.equity, row.fees, desk.engine.position(house, PLAIN)), (Money(0), Money(0), 0));
    assert_eq!(desk.engine.account_row(0).unwrap().equity, Money(2_000 * E9));
    desk.fill_as(0, PLAIN, 8, 0, 10, 100, 0);
    let bust = Event::FillBust { order: 0, exec: 8, px: Ticks(100), qty: Lots(10), fee: 0 };
    desk.say(1, PLAIN, Flags::empty(), bust);
    assert_eq!(desk.engine.position(0, PLAIN), 10, "what a strategy owns only that strategy busts");
}

#[test]
fn what_names_an_order_is_its_strategys_whatever_the_cause() {
    let mut desk = Desk::with(1_000, vec![]);
    desk.order(0, PLAIN, 5, 10, 100);
    external(&mut desk, 0, 7, 5, 4, 100, 0);
    assert_eq!((desk.engine.position(0, PLAIN), desk.engine.position(desk.engine.house(0), PLAIN)), (4, 0));
    assert_eq!(desk.engine.exposure(0, PLAIN).buys, 6);
}

#[test]
fn a_house_whose_numbers_do_not_fit_halts_its_account() {
    let mut desk = Desk::with(1_000, vec![]);
    external(&mut desk, 0, 1, 0, 1_000_000_000_000_000_000, 1, 0);
    desk.mark(0, PLAIN, i64::MAX);
    let account = desk.engine.word(WordId::Account(0)).state;
    assert_eq!((account, desk.transitions[0].reason), (TradingState::Halted, Reason::Arithmetic));
    assert_eq!(desk.engine.word(WordId::Account(1)).state, TradingState::Active);
    assert!(!desk.engine.account_row(0).unwrap().trusted);
    let nonce = desk.nonce(Scope::Account(0), guard::INTEGRITY);
    desk.command(CommandVerb::Reset, Scope::Account(0), guard::INTEGRITY, nonce, false);
    assert_eq!(desk.engine.word(WordId::Account(0)).state, TradingState::Active);
}

#[test]
fn an_overfill_halts_beyond_its_tolerance() {
    for (tolerance, filled, over) in [
        (0, 10, false),
        (0, 11, true),
        (2, 11, false),
        (2, 12, false),
        (2, 13, true),
        (i64::MAX, i64::MAX / 1_000_000_000, false),
    ] {
        let mut limits = limits(10_000 * E9, vec![]);
        limits.instruments[usize::from(PLAIN)].overfill = Lots(tolerance);
        let mut desk = Desk::new(limits);
        desk.order(0, PLAIN, 5, 10, 100);
        desk.fill_as(0, PLAIN, 1, 5, filled, 100, 0);
        assert_eq!(desk.engine.position(0, PLAIN), filled, "booked");
        let word = desk.engine.word(WordId::Instrument(0, PLAIN)).state;
        assert_eq!(word == TradingState::Halted, over, "{filled} of 10, {tolerance} more allowed");
    }
}

#[test]
fn a_bust_of_what_was_also_reported_as_a_total_leaves_the_larger_of_the_two() {
    for (total, executed, left) in [(10, 10, 10), (12, 10, 12), (4, 10, 4), (0, 10, 0)] {
        let mut desk = Desk::with(10_000, vec![]);
        desk.order(0, PLAIN, 5, 20, 100);
        desk.fill_as(0, PLAIN, 1, 5, executed, 100, 3);
        if total > 0 {
            cum(&mut desk, 5, total, 100 * i128::from(total), total);
        }
        assert_eq!(desk.engine.position(0, PLAIN), executed.max(total));
        for _ in 0..2 {
            let bust = Event::FillBust { order: 5, exec: 1, px: Ticks(100), qty: Lots(executed), fee: 3 };
            desk.say(0, PLAIN, Flags::empty(), bust);
            assert_eq!(desk.engine.position(0, PLAIN), left, "{total} in total, {executed} taken back");
        }
        desk.mark(0, PLAIN, 100);
        assert_eq!(desk.equity(0), 10_000 * E9 - i128::from(total));
        assert_eq!(desk.engine.book_row(0).unwrap().fees, Money(i128::from(total)));
        assert_adds_up(&desk, 0, 10_000 * E9);
    }
}
