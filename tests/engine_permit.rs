//! Requests and their verdicts: every check at its boundary, reduce-only and exits by size, what an order reserves.

mod support;

use support::desk::*;
use tripline::engine::limits::{BookLimits, DuplicateLimits};
use tripline::engine::{Exposure, WordId, guard};
use tripline::model::event::{
    CommandVerb, DoneStatus, Intent, OrderAction, OrderAttrs, OrderType, RejectClass, TimeInForce,
};
use tripline::model::verdict::{Verdict, VerdictRecord};
use tripline::model::{Bps, Event, Flags, Lots, Mode, Money, Nanos, Reason, Scope, Ticks, TradingState};

const BOOK: Scope = Scope::Book(0);

/// Book 0 trades PLAIN: ticks of 5, lots of 2, at least 4, at most 100, notional 100 to 20 000, collar 10 %, position
/// at most 150, 3 open orders. Marked at 100.
fn strict() -> Desk {
    let mut limits = limits(1_000_000 * E9, vec![]);
    let plain = &mut limits.instruments[usize::from(PLAIN)];
    (plain.tick, plain.lot, plain.min_qty) = (Ticks(5), Lots(2), Lots(4));
    (plain.min_notional, plain.collar) = (Money(400 * E9), Some(Bps(1_000)));
    limits.books[0] = BookLimits {
        max_position: Some(Lots(150)),
        max_order_qty: Some(Lots(100)),
        max_order_notional: Some(Money(10_500 * E9)),
        max_open_orders: Some(3),
        ..limits.books[0].clone()
    };
    let mut desk = Desk::new(limits);
    desk.mark(0, PLAIN, 100);
    desk
}

/// Nothing is limited; book 0 holds `q` of PLAIN, marked at 100.
fn holding(q: i64) -> Desk {
    let mut desk = Desk::with(1_000_000, vec![]);
    desk.mark(0, PLAIN, 100);
    if q != 0 {
        desk.fill(0, PLAIN, q, 100, 0);
    }
    desk
}

fn why(verdict: VerdictRecord) -> (Verdict, Option<Reason>) {
    (verdict.verdict, verdict.reason)
}

const DENIED: fn(Reason) -> (Verdict, Option<Reason>) = |reason| (Verdict::Deny, Some(reason));
const PASSED: (Verdict, Option<Reason>) = (Verdict::Pass, None);

fn exposure(buys: i64, sells: i64, open_orders: u32) -> Exposure {
    Exposure { buys, sells, open_orders }
}

#[test]
fn each_check_holds_at_its_limit_and_not_one_beyond() {
    let market = OrderAttrs {
        order_type: OrderType::Market,
        tif: TimeInForce::Ioc,
        intent: Intent::Open,
        directive: 0,
    };
    let order = |px, qty, attrs| Event::OrderNew {
        order: id(1),
        px: Ticks(px),
        qty: Lots(qty),
        attrs,
        group: 0,
        leg: 0,
        list_count: 0,
    };
    let cases = [
        ("on the tick", order(95, 10, attrs()), PASSED, (0, 0)),
        ("off the tick", order(96, 10, attrs()), DENIED(Reason::Tick), (96, 5)),
        ("no negative price here", order(-5, 10, attrs()), DENIED(Reason::Tick), (-5, 5)),
        ("off the lot", order(100, 5, attrs()), DENIED(Reason::Lot), (5, 2)),
        ("smallest", order(100, 4, attrs()), PASSED, (0, 0)),
        ("too small", order(100, 2, attrs()), DENIED(Reason::MinQty), (2, 4)),
        ("nothing", order(100, 0, attrs()), DENIED(Reason::MinQty), (0, 2)),
        ("less than nothing", order(100, -4, attrs()), DENIED(Reason::MinQty), (-4, 2)),
        ("largest", order(100, 100, attrs()), PASSED, (0, 0)),
        ("too large", order(100, 102, attrs()), DENIED(Reason::MaxQty), (102, 100)),
        ("smallest notional", order(100, 4, attrs()), PASSED, (0, 0)),
        (
            "notional too small",
            order(95, 4, attrs()),
            DENIED(Reason::MinNotional),
            (380_000_000, 400_000_000),
        ),
        ("largest notional", order(105, 100, attrs()), PASSED, (0, 0)),
        (
            "notional too large",
            order(110, 100, attrs()),
            DENIED(Reason::MaxNotional),
            (11_000_000_000, 10_500_000_000),
        ),
        ("at the collar", order(110, 10, attrs()), PASSED, (0, 0)),
        ("beyond the collar", order(115, 10, attrs()), DENIED(Reason::Collar), (1_500, 1_000)),
        ("below the collar", order(85, 10, attrs()), DENIED(Reason::Collar), (1_500, 1_000)),
        ("at the market", order(0, 10, market), PASSED, (0, 0)),
    ];
    for (name, event, expected, numbers) in cases {
        let mut desk = strict();
        let verdict = desk.ask(0, PLAIN, Flags::empty(), event);
        assert_eq!(why(verdict), expected, "{name}");
        if verdict.verdict == Verdict::Deny {
            assert_eq!((verdict.measured, verdict.limit), numbers, "{name}");
            assert_eq!(desk.engine.exposure(0, PLAIN), Exposure::default(), "{name}: nothing is reserved");
        } else {
            assert_eq!(verdict.measured, desk.now.after(ms(100)).0 as i64, "{name}: valid until");
        }
    }
}

#[test]
fn a_market_order_needs_a_mark_that_can_be_trusted() {
    let market = |order| Event::OrderNew {
        order: id(order),
        px: Ticks(0),
        qty: Lots(10),
        attrs: OrderAttrs { order_type: OrderType::Market, ..attrs() },
        group: 0,
        leg: 0,
        list_count: 0,
    };
    let mut desk = Desk::with(1_000_000, vec![]);
    assert_eq!(why(desk.ask(0, PLAIN, Flags::empty(), market(1))), DENIED(Reason::NoMark));
    desk.mark(0, PLAIN, 100);
    assert_eq!(why(desk.ask(0, PLAIN, Flags::empty(), market(2))), PASSED);
    desk.wait(Nanos::from_secs(6));
    assert_eq!(why(desk.ask(0, PLAIN, Flags::empty(), market(3))), DENIED(Reason::MarkStale));
    assert_eq!(why(desk.ask_limit(0, PLAIN, 4, 10, 100)), PASSED, "a limit order names its price");
}

#[test]
fn an_instrument_that_is_none_or_has_legs_is_unknown() {
    let mut desk = holding(0);
    for flags in [Flags::LEG_LONG, Flags::LEG_SHORT] {
        let verdict = desk.ask(0, PLAIN, flags, order_new(1, 1, 100));
        assert_eq!(why(verdict), DENIED(Reason::UnknownInstrument));
    }
    assert_eq!(why(desk.ask_limit(0, INVERSE, 2, 1, 100)), DENIED(Reason::UnknownInstrument), "other money");
    assert_eq!(desk.state(0), TradingState::Active, "a denial halts nobody");
}

#[test]
fn position_counts_what_may_still_fill_on_the_side_that_grows() {
    for (first, second, third, expected) in [
        (100, 50, 0, PASSED),
        (100, 52, 0, DENIED(Reason::MaxPosition)),
        (100, -100, 50, PASSED),
        (-100, -52, 0, DENIED(Reason::MaxPosition)),
    ] {
        let mut desk = strict();
        assert_eq!(why(desk.ask_limit(0, PLAIN, 1, first, 100)), PASSED);
        let verdict = desk.ask_limit(0, PLAIN, 2, second, 100);
        if third == 0 {
            assert_eq!(why(verdict), expected, "{first} then {second}");
        } else {
            assert_eq!(why(verdict), PASSED);
            assert_eq!(why(desk.ask_limit(0, PLAIN, 3, third, 100)), expected);
        }
        if verdict.verdict == Verdict::Deny {
            assert_eq!((verdict.measured, verdict.limit, verdict.extra), (152, 150, 50));
            assert_eq!(verdict.guard, guard::POSITION);
        }
    }
}

#[test]
fn a_position_beyond_its_limit_may_always_shrink() {
    let mut desk = strict();
    desk.fill(0, PLAIN, 200, 100, 0);
    assert_eq!(desk.state(0), TradingState::ReduceOnly);
    assert_eq!(why(desk.ask_limit(0, PLAIN, 1, -60, 100)), PASSED);
    assert_eq!(why(desk.ask_limit(0, PLAIN, 2, 10, 100)), DENIED(Reason::ReduceOnlySize));
}

#[test]
fn open_orders_are_counted_until_they_are_over() {
    let mut desk = strict();
    for order in 1..=3 {
        assert_eq!(why(desk.ask_limit(0, PLAIN, order, 10, 100)), PASSED);
    }
    let verdict = desk.ask_limit(0, PLAIN, 4, 10, 100);
    assert_eq!(why(verdict), DENIED(Reason::OpenOrders));
    assert_eq!((verdict.measured, verdict.limit), (4, 3));
    desk.done(0, PLAIN, 2, DoneStatus::Canceled);
    assert_eq!(why(desk.ask_limit(0, PLAIN, 5, 10, 100)), PASSED);
}

#[test]
fn an_id_is_asked_for_once_and_a_denied_one_may_be_asked_for_again() {
    let mut desk = strict();
    assert_eq!(why(desk.ask_limit(0, PLAIN, 1, 5, 100)), DENIED(Reason::Lot));
    assert_eq!(why(desk.ask_limit(0, PLAIN, 1, 10, 100)), PASSED);
    assert_eq!(why(desk.ask_limit(0, PLAIN, 1, 10, 100)), DENIED(Reason::DuplicateId));
    desk.done(0, PLAIN, 1, DoneStatus::Canceled);
    assert_eq!(why(desk.ask_limit(0, PLAIN, 1, 10, 100)), DENIED(Reason::DuplicateId), "over, yet known");
    assert_eq!(desk.engine.counters().duplicate_orders, 2);
    assert_eq!(why(desk.ask_limit(1, PLAIN, 1, 10, 100)), PASSED, "another book has ids of its own");
}

#[test]
fn an_id_is_remembered_until_as_many_others_have_come_as_there_is_room_for() {
    for (others, expected) in
        [(14, DENIED(Reason::DuplicateId)), (15, DENIED(Reason::DuplicateId)), (16, PASSED)]
    {
        let mut limits = limits(1_000_000 * E9, vec![]);
        limits.capacity.orders = 16;
        let mut desk = Desk::new(limits);
        desk.mark(0, PLAIN, 100);
        for order in 1..=others + 1 {
            assert_eq!(why(desk.ask_limit(0, PLAIN, order, 10, 100)), PASSED, "{order}");
            desk.done(0, PLAIN, order, DoneStatus::Canceled);
        }
        assert_eq!(why(desk.ask_limit(0, PLAIN, 1, 10, 100)), expected, "after {others} others");
    }
}

#[test]
fn what_an_order_reserves_follows_its_life() {
    let mut desk = holding(0);
    desk.ask_limit(0, PLAIN, 1, 10, 100);
    desk.ask_limit(0, PLAIN, 2, -4, 101);
    assert_eq!(desk.engine.exposure(0, PLAIN), exposure(10, 4, 2));
    desk.ack(0, PLAIN, 1);
    desk.fill_as(0, PLAIN, 11, 1, 3, 100, 0);
    assert_eq!((desk.engine.exposure(0, PLAIN), desk.engine.position(0, PLAIN)), (exposure(7, 4, 2), 3));
    desk.reject(0, PLAIN, 2, RejectClass::VenueRisk, OrderAction::New);
    assert_eq!(desk.engine.exposure(0, PLAIN), exposure(7, 0, 1));
    desk.done(0, PLAIN, 1, DoneStatus::Canceled);
    assert_eq!(desk.engine.exposure(0, PLAIN), Exposure::default());
    desk.fill_as(0, PLAIN, 12, 1, 2, 100, 0);
    assert_eq!((desk.engine.exposure(0, PLAIN), desk.engine.position(0, PLAIN)), (Exposure::default(), 5));
    desk.ask_limit(0, PLAIN, 3, 6, 100);
    desk.fill_as(0, PLAIN, 13, 3, 6, 100, 0);
    assert_eq!(desk.engine.exposure(0, PLAIN), Exposure::default(), "filled whole");
}

#[test]
fn silence_keeps_the_reserve_and_not_sent_gives_it_back() {
    let mut desk = holding(0);
    desk.ask_limit(0, PLAIN, 1, 10, 100);
    desk.ask_limit(0, PLAIN, 2, 20, 100);
    desk.not_sent(0, PLAIN, 2, OrderAction::New);
    assert_eq!((desk.engine.exposure(0, PLAIN), desk.engine.counters().not_sent), (exposure(10, 0, 1), 1));
    desk.not_sent(0, PLAIN, 2, OrderAction::New);
    assert_eq!(desk.engine.counters().not_sent, 1, "once");
    desk.wait(Nanos(4_999_999_999));
    assert_eq!(desk.engine.counters().timeouts, 0);
    desk.wait(Nanos(1));
    assert_eq!((desk.engine.counters().timeouts, desk.engine.exposure(0, PLAIN)), (1, exposure(10, 0, 1)));
    desk.ack(0, PLAIN, 1);
    desk.not_sent(0, PLAIN, 1, OrderAction::New);
    assert_eq!(desk.engine.exposure(0, PLAIN), exposure(10, 0, 1), "the venue has told of it: it was sent");
}

#[test]
fn a_reject_by_which_the_venue_says_that_it_does_not_know_keeps_the_reserve() {
    let mut desk = holding(0);
    desk.ask_limit(0, PLAIN, 1, 10, 100);
    desk.reject(0, PLAIN, 1, RejectClass::Timeout, OrderAction::New);
    assert_eq!(desk.engine.exposure(0, PLAIN), exposure(10, 0, 1));
    desk.fill_as(0, PLAIN, 11, 1, 10, 100, 0);
    assert_eq!((desk.engine.exposure(0, PLAIN), desk.engine.counters().late_fills), (Exposure::default(), 0));
}

#[test]
fn a_modification_that_is_refused_after_the_old_size_has_filled_leaves_nothing() {
    let mut desk = holding(0);
    desk.ask_limit(0, PLAIN, 1, 10, 100);
    desk.ask(0, PLAIN, Flags::empty(), order_modify(1, 25, 100));
    desk.fill_as(0, PLAIN, 11, 1, 10, 100, 0);
    assert_eq!(desk.engine.exposure(0, PLAIN), exposure(15, 0, 1), "it may have become 25");
    desk.reject(0, PLAIN, 1, RejectClass::Invalid, OrderAction::Modify);
    assert_eq!(desk.engine.exposure(0, PLAIN), Exposure::default());
    let verdict = desk.ask(0, PLAIN, Flags::empty(), order_modify(1, 30, 100));
    assert_eq!(why(verdict), DENIED(Reason::UnknownOrder), "it is over");
}

#[test]
fn a_modification_reserves_the_larger_size_until_it_is_answered() {
    type Answer = fn(&mut Desk);
    let modified: Answer = |desk| {
        let event = Event::OrderModified {
            order: id(1),
            px: Ticks(100),
            qty: Lots(25),
            cum_qty: Lots(0),
            t_venue: 0,
        };
        desk.say(0, PLAIN, Flags::empty(), event);
    };
    let rejected: Answer = |desk| desk.reject(0, PLAIN, 1, RejectClass::Invalid, OrderAction::Modify);
    let not_sent: Answer = |desk| desk.not_sent(0, PLAIN, 1, OrderAction::Modify);
    for (name, total, during, answer, after) in [
        ("grown", 25, 25, modified, 25),
        ("not grown", 25, 25, rejected, 10),
        ("not sent", 25, 25, not_sent, 10),
        ("not shrunk", 5, 10, rejected, 10),
    ] {
        let mut desk = holding(0);
        desk.ask_limit(0, PLAIN, 1, 10, 100);
        desk.ack(0, PLAIN, 1);
        assert_eq!(why(desk.ask(0, PLAIN, Flags::empty(), order_modify(1, total, 100))), PASSED, "{name}");
        assert_eq!(desk.engine.exposure(0, PLAIN), exposure(during, 0, 1), "{name}");
        answer(&mut desk);
        assert_eq!(desk.engine.exposure(0, PLAIN), exposure(after, 0, 1), "{name}");
    }
}

#[test]
fn cancel_and_replace_as_two_messages_reserve_both() {
    let mut desk = holding(0);
    desk.ask_limit(0, PLAIN, 1, 10, 100);
    let replace =
        Event::OrderModify { order: id(1), px: Ticks(101), qty: Lots(8), attrs: attrs(), new_order: 2 };
    assert_eq!(why(desk.ask(0, PLAIN, Flags::empty(), replace)), PASSED);
    assert_eq!(desk.engine.exposure(0, PLAIN), exposure(18, 0, 2));
    desk.done(0, PLAIN, 1, DoneStatus::Canceled);
    assert_eq!(desk.engine.exposure(0, PLAIN), exposure(8, 0, 1));
}

#[test]
fn a_modification_is_judged_by_what_it_adds() {
    let mut desk = strict();
    desk.ask_limit(0, PLAIN, 1, 100, 100);
    desk.ask_limit(0, PLAIN, 2, 40, 100);
    let mut ask = |order, qty, px| why(desk.ask(0, PLAIN, Flags::empty(), order_modify(order, qty, px)));
    assert_eq!(ask(2, 52, 100), DENIED(Reason::MaxPosition));
    assert_eq!(ask(2, 50, 100), PASSED);
    assert_eq!(ask(1, 102, 100), DENIED(Reason::MaxQty));
    assert_eq!(ask(1, 100, 115), DENIED(Reason::Collar));
    assert_eq!(ask(1, 100, 101), DENIED(Reason::Tick));
    assert_eq!(ask(1, 0, 100), DENIED(Reason::MinQty));
    assert_eq!(ask(9, 10, 100), DENIED(Reason::UnknownOrder));
}

#[test]
fn a_halt_stops_what_opens_and_lets_shrinking_and_canceling_go_on() {
    let mut desk = holding(0);
    desk.ask_limit(0, PLAIN, 1, 10, 100);
    desk.command(CommandVerb::Halt, BOOK, 0, 0, false);
    let denied = desk.ask_limit(0, PLAIN, 2, 10, 100);
    assert_eq!(why(denied), DENIED(Reason::Operator));
    assert_eq!((denied.guard, denied.scope_kind), (guard::OPERATOR, 3));
    let mut ask = |event| why(desk.ask(0, PLAIN, Flags::empty(), event));
    assert_eq!(ask(order_modify(1, 12, 100)), DENIED(Reason::Operator));
    assert_eq!(ask(order_modify(1, 10, 101)), DENIED(Reason::Operator), "a new price is a new risk");
    assert_eq!(ask(order_modify(1, 8, 100)), PASSED);
    assert_eq!(ask(Event::OrderCancel { order: id(1), attrs: attrs() }), PASSED);
    assert_eq!(ask(Event::OrderCancel { order: id(77), attrs: attrs() }), PASSED, "unknown to us");
    assert_eq!(ask(Event::OrderCancelAll { side: 0, increasing_only: 0, attrs: attrs() }), PASSED);
}

#[test]
fn reduce_only_goes_by_size_with_open_orders_counted() {
    for (q, live, n, expected) in [
        (1, 0, -10, DENIED(Reason::ReduceOnlySize)),
        (1, 0, -1, PASSED),
        (10, -4, -6, PASSED),
        (10, -4, -7, DENIED(Reason::ReduceOnlySize)),
        (10, 0, 1, DENIED(Reason::ReduceOnlySize)),
        (0, 0, -1, DENIED(Reason::ReduceOnlySize)),
        (0, 0, 1, DENIED(Reason::ReduceOnlySize)),
        (-10, 4, 6, PASSED),
        (-10, 4, 7, DENIED(Reason::ReduceOnlySize)),
    ] {
        for by_state in [true, false] {
            let mut desk = holding(q);
            if live != 0 {
                desk.ask_limit(0, PLAIN, 1, live, 100);
            }
            let intent = if by_state { Intent::Open } else { Intent::Reduce };
            if by_state {
                desk.command(CommandVerb::Reduce, BOOK, 0, 0, false);
            }
            let verdict = desk.ask_to(intent, 0, PLAIN, 2, n, 100);
            assert_eq!(why(verdict), expected, "{q} with {live} live, {n} more, by state: {by_state}");
            if verdict.verdict == Verdict::Deny {
                let room = if q.signum() == -n.signum() { (q + live).abs() } else { 0 };
                assert_eq!((verdict.measured, verdict.limit), (n.abs(), room));
                assert_eq!(verdict.guard, if by_state { guard::OPERATOR } else { 0 });
            }
        }
    }
}

#[test]
fn a_bracket_of_one_group_fits_the_position_it_protects() {
    let mut desk = holding(10);
    let mut protect = |group, order, qty, px| {
        why(desk.ask(0, PLAIN, side(qty), order_with(Intent::Protect, group, order, qty, px)))
    };
    assert_eq!(protect(7, 1, -10, 90), PASSED, "stop-loss");
    assert_eq!(protect(7, 2, -10, 110), PASSED, "take-profit: only one of the two can fill");
    assert_eq!(protect(8, 3, -1, 110), DENIED(Reason::ReduceOnlySize), "another group adds to it");
    assert_eq!(desk.engine.exposure(0, PLAIN), exposure(0, 10, 2));
    desk.done(0, PLAIN, 2, DoneStatus::Canceled);
    assert_eq!(desk.engine.exposure(0, PLAIN), exposure(0, 10, 1));
}

#[test]
fn a_child_counts_from_the_first_fill_of_its_entry() {
    let mut desk = holding(0);
    desk.ask_limit(0, PLAIN, 1, 10, 100);
    for (order, px) in [(2, 90), (3, 110)] {
        let flags = Flags::SELL | Flags::MORE | Flags::PERMIT;
        desk.say(0, PLAIN, flags, order_with(Intent::Protect, 5, order, -10, px));
        let rest = Event::OrderExt {
            order: id(order),
            trigger_px: Ticks(0),
            expiry_utc_ns: 0,
            quote_cost: 0,
            parent: 1,
        };
        desk.say(0, PLAIN, Flags::empty(), rest);
        assert_eq!(desk.verdicts.last().unwrap().record.verdict, Verdict::Pass, "{order}");
    }
    assert_eq!(desk.engine.exposure(0, PLAIN), exposure(10, 0, 3));
    desk.fill_as(0, PLAIN, 11, 1, 1, 100, 0);
    assert_eq!(desk.engine.exposure(0, PLAIN), exposure(9, 10, 3));
}

#[test]
fn a_verdict_on_two_records_names_the_position_of_the_first() {
    let mut desk = holding(0);
    let first = desk.position;
    desk.say(0, PLAIN, Flags::MORE | Flags::PERMIT, order_new(1, 10, 100));
    assert!(desk.verdicts.is_empty(), "it is not complete");
    let (order, trigger_px) = (id(1), Ticks(0));
    let rest = Event::OrderExt { order, trigger_px, expiry_utc_ns: 0, quote_cost: 0, parent: 0 };
    desk.say(0, PLAIN, Flags::empty(), rest);
    assert_eq!(desk.verdicts.iter().map(|verdict| verdict.position).collect::<Vec<_>>(), [first]);
}

#[test]
fn an_exit_of_the_whole_position_passes_every_halt_and_one_lot_more_does_not() {
    for q in [10, -10] {
        for state in [None, Some(CommandVerb::Reduce), Some(CommandVerb::Halt)] {
            let mut desk = holding(q);
            if let Some(verb) = state {
                desk.command(verb, Scope::Firm, 0, 0, false);
            }
            let too_much = desk.ask_to(Intent::Exit, 0, PLAIN, 1, -q - q.signum(), 100);
            assert_eq!(why(too_much), DENIED(Reason::ExitSize), "{q} {state:?}");
            assert_eq!((too_much.measured, too_much.limit), (11, 10));
            let wrong_way = desk.ask_to(Intent::Exit, 0, PLAIN, 2, q, 100);
            assert_eq!(why(wrong_way), DENIED(Reason::ExitSize));
            let whole = desk.ask_to(Intent::Exit, 0, PLAIN, 3, -q, 100);
            assert_eq!((why(whole), whole.extra), ((Verdict::PassExit, None), 0), "{q} {state:?}");
            let again = desk.ask_to(Intent::Exit, 0, PLAIN, 4, -q, 100);
            assert_eq!(why(again), DENIED(Reason::ExitSize), "the first still lives");
            let enforced = Flags::VENUE_REDUCE_ONLY | side(-q);
            let verdict = desk.ask(0, PLAIN, enforced, order_with(Intent::Exit, 0, 5, -q, 100));
            assert_eq!(why(verdict), (Verdict::PassExit, None), "the venue sees to it that it only reduces");
            desk.done(0, PLAIN, 3, DoneStatus::Canceled);
            let part = desk.ask_to(Intent::Exit, 0, PLAIN, 6, -q + 3 * q.signum(), 100);
            assert_eq!((why(part), part.extra), ((Verdict::PassExit, None), 3));
        }
    }
}

#[test]
fn an_exit_ignores_limits_and_protection_but_not_an_exit_that_timed_out() {
    let mut desk = strict();
    desk.fill(0, PLAIN, 140, 100, 0);
    desk.ask(0, PLAIN, Flags::SELL, order_with(Intent::Protect, 0, 1, -100, 95));
    desk.command(CommandVerb::Halt, BOOK, 0, 0, false);
    let exit = desk.ask_to(Intent::Exit, 0, PLAIN, 2, -139, 33);
    assert_eq!(
        why(exit),
        (Verdict::PassExit, None),
        "odd lot, off the tick, larger than any order, far away"
    );
    desk.wait(Nanos::from_secs(6));
    assert_eq!(why(desk.ask_to(Intent::Exit, 0, PLAIN, 3, -2, 100)), DENIED(Reason::ExitSize), "it may live");
    let enforced = Flags::VENUE_REDUCE_ONLY | Flags::SELL;
    let again = desk.ask(0, PLAIN, enforced, order_with(Intent::Exit, 0, 4, -140, 100));
    assert_eq!(why(again), (Verdict::PassExit, None));
}

#[test]
fn with_books_that_miss_something_only_venue_enforced_exits_are_verified() {
    let mut desk = holding(10);
    desk.say(
        0,
        PLAIN,
        Flags::empty(),
        Event::Equity { sequence: 1, amount: Money(1), ccy: 0, trusted: 1, t_venue: 0 },
    );
    assert_eq!(desk.state(0), TradingState::Halted);
    let verdict = desk.ask_to(Intent::Exit, 0, PLAIN, 1, -10, 100);
    assert_eq!(why(verdict), (Verdict::ExitUnverified, Some(Reason::ExitUnverified)));
    assert_eq!(desk.engine.exposure(0, PLAIN), Exposure::default());
    let enforced = Flags::VENUE_REDUCE_ONLY | Flags::SELL;
    let verdict = desk.ask(0, PLAIN, enforced, order_with(Intent::Exit, 0, 2, -10, 100));
    assert_eq!(why(verdict), (Verdict::PassExit, None));
}

#[test]
fn paper_is_simulated_and_reserves_nothing() {
    let mut limits = limits(1_000 * E9, vec![]);
    limits.mode = Mode::Paper;
    let mut desk = Desk::new(limits);
    desk.mark(0, PLAIN, 100);
    assert_eq!(why(desk.ask_limit(0, PLAIN, 1, 10, 100)), (Verdict::Paper, None));
    assert_eq!(desk.engine.exposure(0, PLAIN), Exposure::default());
    desk.command(CommandVerb::Halt, BOOK, 0, 0, false);
    assert_eq!(why(desk.ask_limit(0, PLAIN, 2, 10, 100)), DENIED(Reason::Operator), "a halt dominates");
    let mut desk = holding(0);
    let verdict = desk.ask(0, PLAIN, Flags::PAPER, order_new(1, 10, 100));
    assert_eq!(why(verdict), (Verdict::Paper, None), "by flag");
    assert_eq!(desk.engine.exposure(0, PLAIN), Exposure::default());
}

#[test]
fn gate_mode_reserves_too_and_what_it_exceeds_turns_the_book_reduce_only() {
    let mut desk = strict();
    desk.order(0, PLAIN, 1, 100, 100);
    assert_eq!(desk.engine.exposure(0, PLAIN), exposure(100, 0, 1));
    assert_eq!(desk.state(0), TradingState::Active);
    desk.order(0, PLAIN, 2, 52, 100);
    assert_eq!(desk.state(0), TradingState::ReduceOnly, "152 could be reached");
    desk.done(0, PLAIN, 2, DoneStatus::Canceled);
    assert_eq!(desk.state(0), TradingState::Active);
}

#[test]
fn the_same_order_again_and_again_is_denied_then_trips_and_cools_down() {
    let mut limits = limits(1_000_000 * E9, vec![]);
    limits.strategies[0].duplicates = Some(DuplicateLimits::default());
    let mut desk = Desk::new(limits);
    desk.mark(0, PLAIN, 100);
    for order in 1..=4 {
        assert_eq!(why(desk.ask_limit(0, PLAIN, order, 10, 100)), PASSED, "{order}");
    }
    desk.done(0, PLAIN, 4, DoneStatus::Canceled);
    assert_eq!(why(desk.ask_limit(0, PLAIN, 5, 10, 100)), PASSED, "a canceled one does not count");
    for order in 6..=20 {
        let verdict = desk.ask_limit(0, PLAIN, order, 10, 100);
        assert_eq!(why(verdict), DENIED(Reason::DuplicateFingerprint), "{order}");
        assert_eq!(desk.state(0), TradingState::Active, "{order}");
    }
    assert_eq!(why(desk.ask_limit(0, PLAIN, 21, 10, 100)), DENIED(Reason::DuplicateFingerprint));
    assert_eq!(desk.state(0), TradingState::Halted);
    let early = desk.command(CommandVerb::Resume, BOOK, guard::DUPLICATE, 0, false);
    assert_eq!((early.verdict, early.measured), (Verdict::Deny, 900_000_000_000));
    desk.wait(Nanos::from_secs(900));
    assert_eq!(desk.state(0), TradingState::Halted, "going back to trading is a command");
    assert_eq!(desk.transitions.last().unwrap().reason, Reason::ReadyToResume);
    assert_eq!(desk.command(CommandVerb::Resume, BOOK, 0, 0, false).verdict, Verdict::Pass);
    assert_eq!(desk.engine.word(WordId::Book(0)).state, TradingState::Active);
    assert_eq!(desk.command(CommandVerb::Resume, BOOK, 0, 0, false).reason, Some(Reason::UnknownOrder));
}

#[test]
fn equal_orders_count_within_a_window_of_time() {
    let mut limits = limits(1_000_000 * E9, vec![]);
    limits.strategies[0].duplicates = Some(DuplicateLimits::default());
    let mut desk = Desk::new(limits);
    for order in 1..=4 {
        assert_eq!(why(desk.ask_limit(0, PLAIN, order, 10, 100)), PASSED);
    }
    desk.wait(Nanos(999_999_999));
    assert_eq!(why(desk.ask_limit(0, PLAIN, 5, 10, 100)), DENIED(Reason::DuplicateFingerprint));
    desk.wait(Nanos(1));
    assert_eq!(why(desk.ask_limit(0, PLAIN, 6, 10, 100)), PASSED, "the first four are a second old");
    for (order, qty, px) in [(7, 11, 100), (8, 10, 101), (9, -10, 100)] {
        assert_eq!(why(desk.ask_limit(0, PLAIN, order, qty, px)), PASSED, "another order");
    }
}
