//! The oracle by itself, in numbers a person can check.

use tripline::engine::limits::{BookLimits, InstrumentLimits};
use tripline::engine::{Limits, guard};
use tripline::model::event::{
    CommandVerb, DoneStatus, Initiator, Intent, OrderAction, OrderAttrs, OrderType, RejectClass, TimeInForce,
};
use tripline::model::{Bps, Event, Flags, Lots, Mode, Money, Reason, Scope, Ticks, TradingState};

use crate::support::desk::{E9, INVERSE, PERP, PLAIN, attrs, id, limits, side};
use crate::support::exposure_oracle::{Exposed, Oracle, Rest, Said};
use crate::support::permit_oracle::{Answer, Denial};

const VENUE: Flags = Flags::VENUE_REDUCE_ONLY;

/// A request for a limit order at 100; negative sells.
fn new(order: u64, qty: i64, intent: Intent) -> Said {
    let attrs = OrderAttrs { order_type: OrderType::Limit, tif: TimeInForce::Gtc, intent, directive: 0 };
    let leg = order as u16;
    let (order, px, qty, flags) = (id(order), Ticks(100), Lots(qty.abs()), side(qty) | Flags::PERMIT);
    let event = Event::OrderNew { order, px, qty, attrs, group: 0, leg, list_count: 0 };
    Said { book: 0, instrument: Some(PLAIN), flags, event, rest: None }
}

fn open(order: u64, qty: i64) -> Said {
    new(order, qty, Intent::Open)
}

/// What a case changes of an order.
struct NewOrder<'a> {
    px: &'a mut Ticks,
    attrs: &'a mut OrderAttrs,
    group: &'a mut u32,
}

fn new_order(event: &mut Event) -> NewOrder<'_> {
    match event {
        Event::OrderNew { px, attrs, group, .. } => NewOrder { px, attrs, group },
        other => panic!("{other:?} is no new order"),
    }
}

fn with(said: Said, change: impl FnOnce(&mut Event)) -> Said {
    let mut said = said;
    change(&mut said.event);
    said
}

fn at(said: Said, price: i64) -> Said {
    with(said, |event| {
        new_order(event).px.0 = price;
    })
}

fn typed(said: Said, order_type: OrderType) -> Said {
    with(said, |event| {
        new_order(event).attrs.order_type = order_type;
    })
}

fn grouped(said: Said, number: u32) -> Said {
    with(said, |event| {
        *new_order(event).group = number;
    })
}

fn flagged(said: Said, flags: Flags) -> Said {
    Said { flags: said.flags | flags, ..said }
}

fn child(said: Said, parent: u64) -> Said {
    Said { rest: Some(Rest { trigger_px: 0, parent }), ..said }
}

fn event(event: Event) -> Said {
    Said { book: 0, instrument: Some(PLAIN), flags: Flags::empty(), event, rest: None }
}

fn change(order: u64, px: i64, qty: i64, new_order: u64) -> Said {
    let (order, px, qty, attrs) = (id(order), Ticks(px), Lots(qty), attrs());
    let event = Event::OrderModify { order, px, qty, attrs, new_order };
    Said { book: 0, instrument: Some(PLAIN), flags: Flags::PERMIT, event, rest: None }
}

fn changed(order: u64, px: i64, qty: i64) -> Said {
    event(Event::OrderModified {
        order: id(order),
        px: Ticks(px),
        qty: Lots(qty),
        cum_qty: Lots(0),
        t_venue: 0,
    })
}

fn reject(order: u64, action: OrderAction) -> Said {
    let class = RejectClass::Invalid;
    let cum_qty = Lots(0);
    event(Event::OrderReject { order: id(order), class, action, venue_code: 1, cum_qty, t_venue: 0 })
}

fn not_sent(order: u64, action: u32) -> Said {
    event(Event::NotSent { order: id(order), action, cause: 0 })
}

fn done(order: u64) -> Said {
    let (status, initiator) = (DoneStatus::Canceled, Initiator::Owner);
    event(Event::OrderDone { order: id(order), status, initiator, cum_qty: Lots(0), t_venue: 0 })
}

fn fill(order: u64, exec: u64, qty: i64) -> Said {
    let fill = Event::Fill { order, exec, px: Ticks(100), qty: Lots(qty.abs()), fee: 0 };
    Said { flags: side(qty), ..event(fill) }
}

fn mark(px: i64) -> Said {
    let mark = Some(Ticks(px));
    event(Event::Mark { mark, index: None, last: None, underlying: None, sequence: 1 })
}

/// An oracle of book 0 whose limits a test sets.
fn desk(set: impl FnOnce(&mut BookLimits, &mut InstrumentLimits)) -> Oracle {
    let mut limits: Limits = limits(1_000 * E9, vec![]);
    set(&mut limits.books[0], &mut limits.instruments[usize::from(PLAIN)]);
    Oracle::new(limits, 1_000_000_000)
}

fn long(position: i64) -> Oracle {
    let mut oracle = desk(|_, _| {});
    if position != 0 {
        oracle.hear(&fill(0, 1, position));
    }
    oracle
}

fn command(oracle: &mut Oracle, verb: CommandVerb) {
    oracle.command(verb, Scope::Book(0), guard::OPERATOR);
}

/// Asks and, where permitted, sends.
fn ask(oracle: &mut Oracle, said: &Said) -> Answer {
    let answer = oracle.answer(said);
    if answer.permits() {
        oracle.announce(said);
    }
    answer
}

fn send(oracle: &mut Oracle, said: &Said) {
    let answer = ask(oracle, said);
    assert!(answer.permits(), "{answer:?}");
}

fn exposed(oracle: &Oracle) -> (i128, i128, u32, i128) {
    let Exposed { buys, sells, open_orders, position } = oracle.exposed(0, PLAIN);
    (buys, sells, open_orders, position)
}

fn denied(reason: Reason, measured: i128, limit: i128) -> Answer {
    Answer::Deny(Denial { reason, measured, limit, admissible: None })
}

fn too_large(reason: Reason, measured: i128, limit: i128, admissible: i128) -> Answer {
    Answer::Deny(Denial { reason, measured, limit, admissible: Some(admissible) })
}

fn only(reason: Reason, measured: i128, limit: i128) -> Answer {
    too_large(reason, measured, limit, limit)
}

#[test]
fn selling_ten_against_long_one_is_denied_in_reduce_only() {
    let mut oracle = long(1);
    command(&mut oracle, CommandVerb::Reduce);
    assert_eq!(ask(&mut oracle, &open(1, -10)), only(Reason::ReduceOnlySize, 10, 1));
    assert_eq!(ask(&mut oracle, &open(2, -2)), only(Reason::ReduceOnlySize, 2, 1));
    assert_eq!(ask(&mut oracle, &open(3, 1)), only(Reason::ReduceOnlySize, 1, 0), "it would add");
    assert_eq!(ask(&mut oracle, &open(4, -1)), Answer::Pass);
    assert_eq!(ask(&mut oracle, &open(5, -1)), only(Reason::ReduceOnlySize, 1, 0), "one is on its way");
    let mut flat = long(0);
    command(&mut flat, CommandVerb::Reduce);
    assert_eq!(ask(&mut flat, &open(1, -1)), only(Reason::ReduceOnlySize, 1, 0));
    assert_eq!(ask(&mut long(0), &new(1, -1, Intent::Protect)), only(Reason::ReduceOnlySize, 1, 0));
}

#[test]
fn a_bracket_of_one_group_is_accepted_against_the_position_and_no_second_one() {
    let mut oracle = long(10);
    let stop = at(typed(grouped(new(1, -10, Intent::Protect), 7), OrderType::StopLimit), 90);
    let target = at(grouped(new(2, -10, Intent::Protect), 7), 110);
    assert_eq!(ask(&mut oracle, &stop), Answer::Pass);
    assert_eq!(ask(&mut oracle, &target), Answer::Pass);
    assert_eq!(exposed(&oracle), (0, 10, 2, 10));
    let eleven = grouped(new(3, -11, Intent::Protect), 7);
    assert_eq!(ask(&mut oracle, &eleven), only(Reason::ReduceOnlySize, 11, 10));
    let other = grouped(new(4, -1, Intent::Protect), 8);
    assert_eq!(ask(&mut oracle, &other), only(Reason::ReduceOnlySize, 1, 0));
    oracle.hear(&fill(2, 2, -4));
    assert_eq!(exposed(&oracle), (0, 10, 2, 6), "the stop still sells ten");
    assert_eq!(
        ask(&mut oracle, &grouped(new(5, -1, Intent::Protect), 7)),
        only(Reason::ReduceOnlySize, 1, 0)
    );
    assert_eq!(ask(&mut oracle, &change(1, 90, 6, 0)), Answer::Pass);
    oracle.hear(&changed(1, 90, 6));
    assert_eq!(exposed(&oracle), (0, 6, 2, 6));
    assert_eq!(ask(&mut oracle, &grouped(new(5, -6, Intent::Protect), 7)), Answer::Pass);
}

#[test]
fn an_exit_of_exactly_the_position_passes_while_halted_and_no_more() {
    for position in [5, -5] {
        let mut oracle = long(position);
        command(&mut oracle, CommandVerb::Halt);
        let exit = |order, qty: i64| new(order, -position.signum() * qty, Intent::Exit);
        assert_eq!(ask(&mut oracle, &exit(1, 6)), only(Reason::ExitSize, 6, 5));
        assert_eq!(ask(&mut oracle, &new(2, position, Intent::Exit)), only(Reason::ExitSize, 5, 0));
        assert_eq!(ask(&mut oracle, &open(3, -position)), Answer::Halted);
        assert_eq!(ask(&mut oracle, &exit(4, 3)), Answer::PassExit(Some(2)));
        assert_eq!(ask(&mut oracle, &exit(5, 3)), only(Reason::ExitSize, 3, 2));
        assert_eq!(ask(&mut oracle, &exit(6, 2)), Answer::PassExit(Some(0)));
        assert_eq!(ask(&mut oracle, &exit(7, 1)), only(Reason::ExitSize, 1, 0), "while the others live");
        assert_eq!(ask(&mut oracle, &flagged(exit(8, 5), VENUE)), Answer::PassExit(Some(0)));
        assert_eq!(ask(&mut oracle, &flagged(exit(9, 6), VENUE)), only(Reason::ExitSize, 6, 5));
        oracle.hear(&reject(4, OrderAction::New));
        assert_eq!(ask(&mut oracle, &exit(7, 3)), Answer::PassExit(Some(0)));
        oracle.now += 60_000_000_000;
        assert_eq!(ask(&mut oracle, &exit(10, 1)), only(Reason::ExitSize, 1, 0), "a time-out frees nothing");
    }
    assert_eq!(ask(&mut long(0), &new(1, -1, Intent::Exit)), only(Reason::ExitSize, 1, 0));
}

#[test]
fn an_exit_is_held_to_no_limit_but_its_size() {
    let mut oracle = desk(|book, instrument| {
        book.max_order_qty = Some(Lots(2));
        book.max_order_notional = Some(Money(E9));
        book.max_open_orders = Some(0);
        instrument.min_qty = Lots(3);
        instrument.tick = Ticks(7);
        instrument.lot = Lots(3);
        instrument.collar = Some(Bps(1));
    });
    oracle.hear(&fill(0, 1, 5));
    oracle.hear(&mark(50));
    assert_eq!(ask(&mut oracle, &new(1, -4, Intent::Exit)), Answer::PassExit(Some(1)));
    assert_eq!(ask(&mut oracle, &new(1, -1, Intent::Exit)), denied(Reason::DuplicateId, 0, 0));
    assert_eq!(ask(&mut oracle, &new(2, 0, Intent::Exit)), denied(Reason::MinQty, 0, 3), "its lot");
    oracle.lose(0);
    assert_eq!(ask(&mut oracle, &new(3, -1, Intent::Exit)), Answer::Unverified);
    assert_eq!(ask(&mut oracle, &flagged(new(3, -9, Intent::Exit), VENUE)), Answer::PassExit(None));
}

#[test]
fn the_worst_case_is_the_position_and_all_that_lives_on_the_side_that_grows() {
    for (position, asked, answer) in [
        (0, 9, Answer::Pass),
        (0, 10, Answer::Pass),
        (0, 11, too_large(Reason::MaxPosition, 11, 10, 10)),
        (4, 6, Answer::Pass),
        (4, 7, too_large(Reason::MaxPosition, 11, 10, 6)),
        (4, -14, Answer::Pass),
        (4, -15, too_large(Reason::MaxPosition, 11, 10, 14)),
        (-10, -1, too_large(Reason::MaxPosition, 11, 10, 0)),
        (-10, 20, Answer::Pass),
    ] {
        let mut oracle = desk(|book, _| book.max_position = Some(Lots(10)));
        oracle.hear(&fill(0, 1, position));
        assert_eq!(ask(&mut oracle, &open(1, asked)), answer, "{asked} with {position}");
    }
    let mut oracle = desk(|book, _| book.max_position = Some(Lots(10)));
    oracle.hear(&fill(0, 1, 2));
    send(&mut oracle, &open(1, 5));
    send(&mut oracle, &open(2, -12));
    assert_eq!(exposed(&oracle), (5, 12, 2, 2));
    assert_eq!(ask(&mut oracle, &open(3, 4)), too_large(Reason::MaxPosition, 11, 10, 3));
    assert_eq!(ask(&mut oracle, &open(3, -1)), too_large(Reason::MaxPosition, 11, 10, 0));
    oracle.hear(&fill(1, 2, 5));
    assert_eq!(exposed(&oracle), (0, 12, 1, 7), "what was reserved is position now");
    assert_eq!(ask(&mut oracle, &open(3, 4)), too_large(Reason::MaxPosition, 11, 10, 3));
    send(&mut oracle, &open(3, 3));
}

#[test]
fn a_group_counts_its_largest_member_and_only_its_own_side() {
    let mut oracle = desk(|book, _| book.max_position = Some(Lots(10)));
    send(&mut oracle, &grouped(open(1, 6), 1));
    send(&mut oracle, &grouped(open(2, 8), 1));
    send(&mut oracle, &grouped(open(3, -5), 1));
    assert_eq!(exposed(&oracle), (8, 5, 3, 0));
    assert_eq!(ask(&mut oracle, &open(4, 3)), too_large(Reason::MaxPosition, 11, 10, 2));
    assert_eq!(ask(&mut oracle, &grouped(open(4, 11), 1)), too_large(Reason::MaxPosition, 11, 10, 10));
    send(&mut oracle, &grouped(open(4, 10), 1));
    assert_eq!(ask(&mut oracle, &grouped(open(5, 1), 2)), too_large(Reason::MaxPosition, 11, 10, 0));
    oracle.hear(&done(4));
    oracle.hear(&fill(2, 1, 5));
    assert_eq!(exposed(&oracle), (6, 5, 3, 5), "three are left of the second");
}

#[test]
fn children_count_nothing_while_their_entry_covers_them() {
    let mut oracle = long(0);
    send(&mut oracle, &open(1, 10));
    send(&mut oracle, &child(open(2, -10), 1));
    send(&mut oracle, &child(open(3, -10), 77));
    assert_eq!(exposed(&oracle), (10, 10, 3, 0), "nobody announced 77");
    oracle.hear(&done(3));
    let mut unfilled = oracle.clone();
    oracle.hear(&fill(1, 1, 1));
    assert_eq!(exposed(&oracle), (9, 10, 2, 1));
    unfilled.hear(&done(1));
    assert_eq!(exposed(&unfilled), (0, 10, 1, 0), "an entry that is over covers nothing");
    send(&mut unfilled, &child(open(4, -3), 1));
    assert_eq!(exposed(&unfilled), (0, 13, 2, 0), "its parent was over before");
}

#[test]
fn an_entry_covers_no_more_than_it_may_fill() {
    let mut oracle = desk(|book, _| book.max_position = Some(Lots(10)));
    send(&mut oracle, &open(1, 6));
    send(&mut oracle, &child(grouped(open(2, -6), 1), 1));
    send(&mut oracle, &child(grouped(open(3, -5), 1), 1));
    assert_eq!(exposed(&oracle), (6, 0, 3, 0), "one group is its largest");
    assert_eq!(ask(&mut oracle, &child(open(4, -11), 1)), too_large(Reason::MaxPosition, 11, 10, 10));
    send(&mut oracle, &child(open(5, -1), 1));
    assert_eq!(exposed(&oracle), (6, 1, 4, 0), "one more than it covers");
    send(&mut oracle, &child(open(6, 1), 1));
    assert_eq!(exposed(&oracle), (7, 1, 5, 0), "on the entry's own side");
}

#[test]
fn what_the_venue_keeps_to_reducing_counts_nothing_but_as_an_open_order() {
    let mut oracle = long(10);
    send(&mut oracle, &new(1, -4, Intent::Protect));
    assert_eq!(
        ask(&mut oracle, &flagged(new(2, -7, Intent::Protect), VENUE)),
        only(Reason::ReduceOnlySize, 7, 6)
    );
    send(&mut oracle, &flagged(open(2, -6), VENUE));
    send(&mut oracle, &flagged(open(3, -6), VENUE));
    assert_eq!(exposed(&oracle), (0, 4, 3, 10));
    assert_eq!(ask(&mut oracle, &flagged(open(4, 1), VENUE)), only(Reason::ReduceOnlySize, 1, 0));
}

#[test]
fn orders_live_until_they_are_rejected_done_not_sent_or_filled() {
    for (end, buys, state) in [
        (reject(1, OrderAction::New), 0, TradingState::Active),
        (reject(1, OrderAction::Modify), 7, TradingState::Active),
        (reject(1, OrderAction::Cancel), 7, TradingState::Active),
        (done(1), 0, TradingState::Active),
        (not_sent(1, 0), 7, TradingState::Active),
        (not_sent(1, 1), 7, TradingState::Active),
        (not_sent(1, 2), 7, TradingState::Active),
        (fill(1, 2, 6), 1, TradingState::Active),
        (fill(1, 2, 7), 0, TradingState::Active),
        (fill(1, 2, 8), 0, TradingState::Halted),
        (fill(1, 1, 3), 7, TradingState::Active),
    ] {
        let mut oracle = long(0);
        send(&mut oracle, &open(1, 10));
        oracle.hear(&fill(1, 1, 3));
        oracle.hear(&end);
        assert_eq!(exposed(&oracle).0, buys, "{end:?}");
        assert_eq!(oracle.live(0, 1).is_some(), buys > 0, "{end:?}");
        assert_eq!(oracle.instrument_state(0, PLAIN), state, "{end:?}");
    }
    for (order, spoken_of) in [(1, None), (2, Some(fill(2, 1, 1))), (3, Some(changed(3, 100, 10)))] {
        let mut oracle = long(0);
        send(&mut oracle, &open(order, 10));
        spoken_of.iter().for_each(|said| oracle.hear(said));
        oracle.hear(&not_sent(order, 0));
        assert_eq!(oracle.live(0, order).is_some(), spoken_of.is_some(), "the venue knows of it");
    }
    let mut oracle = long(0);
    send(&mut oracle, &open(1, 10));
    oracle.hear(&done(1));
    oracle.hear(&fill(1, 1, 10));
    oracle.hear(&changed(1, 100, 20));
    oracle.hear(&Said { flags: Flags::empty(), ..open(1, 10) });
    assert_eq!(exposed(&oracle), (0, 0, 0, 10), "a late fill is booked, the rest is absorbed");
    assert_eq!(oracle.state(0, PLAIN), TradingState::Active);
    oracle.hear(&fill(1, 2, 1));
    assert_eq!(oracle.state(0, PLAIN), TradingState::Halted);
}

#[test]
fn what_is_denied_or_simulated_reserves_nothing_and_leaves_its_id_free() {
    let mut oracle = desk(|book, _| book.max_order_qty = Some(Lots(5)));
    assert_eq!(ask(&mut oracle, &open(1, 6)), denied(Reason::MaxQty, 6, 5));
    assert_eq!(ask(&mut oracle, &flagged(open(1, 5), Flags::PAPER)), Answer::Paper);
    oracle.hear(&flagged(Said { flags: Flags::empty(), ..open(1, 5) }, Flags::PAPER));
    assert_eq!(exposed(&oracle), (0, 0, 0, 0));
    send(&mut oracle, &open(1, 5));
    assert_eq!(ask(&mut oracle, &open(1, 5)), denied(Reason::DuplicateId, 0, 0));
    oracle.hear(&done(1));
    assert_eq!(ask(&mut oracle, &open(1, 5)), denied(Reason::DuplicateId, 0, 0));
    let twin = Said { book: 1, ..open(1, 5) };
    assert_eq!(ask(&mut oracle, &twin), Answer::Pass, "ids are a book's own");
    oracle.limits.mode = Mode::Paper;
    assert_eq!(ask(&mut oracle, &open(2, 5)), Answer::Paper);
    command(&mut oracle, CommandVerb::Halt);
    assert_eq!(ask(&mut oracle, &open(2, 5)), Answer::Halted, "a halt outranks simulation");
}

#[test]
fn a_replaced_order_counts_the_larger_total_until_it_is_answered() {
    for (asked, answer, total) in [
        (15, changed(1, 100, 15), 15),
        (15, changed(1, 100, 12), 12),
        (15, reject(1, OrderAction::Modify), 10),
        (15, not_sent(1, 1), 10),
        (15, not_sent(1, 2), 15),
        (6, changed(1, 100, 6), 6),
        (6, reject(1, OrderAction::Modify), 10),
    ] {
        let mut oracle = long(0);
        send(&mut oracle, &open(1, 10));
        oracle.hear(&fill(1, 1, 4));
        send(&mut oracle, &change(1, 100, asked, 0));
        assert_eq!(exposed(&oracle).0, i128::from(asked.max(10)) - 4);
        oracle.hear(&answer);
        assert_eq!(exposed(&oracle).0, total - 4, "{answer:?}");
    }
    let mut oracle = long(0);
    send(&mut oracle, &open(1, 10));
    for total in [15, 12] {
        send(&mut oracle, &change(1, 100, total, 0));
    }
    oracle.hear(&not_sent(1, 1));
    assert_eq!(exposed(&oracle).0, 15, "the other may still be on its way");
    oracle.hear(&not_sent(1, 1));
    assert_eq!(exposed(&oracle).0, 10);
    oracle.hear(&changed(1, 100, 15));
    oracle.hear(&fill(1, 1, 11));
    oracle.hear(&changed(1, 100, 11));
    assert_eq!(exposed(&oracle), (0, 0, 0, 11), "nothing remains");
}

#[test]
fn an_order_replaced_by_another_counts_until_it_is_done() {
    let mut oracle = desk(|book, _| book.max_position = Some(Lots(20)));
    send(&mut oracle, &grouped(open(1, 10), 3));
    send(&mut oracle, &grouped(open(7, 4), 3));
    assert_eq!(ask(&mut oracle, &change(1, 101, 11, 2)), too_large(Reason::MaxPosition, 21, 20, 10));
    assert_eq!(ask(&mut oracle, &change(1, 101, 10, 1)), Answer::Pass, "its own id is no other");
    oracle.hear(&reject(1, OrderAction::Modify));
    send(&mut oracle, &change(1, 101, 10, 2));
    assert_eq!(exposed(&oracle), (20, 0, 3, 0));
    assert_eq!(ask(&mut oracle, &change(1, 101, 10, 2)), denied(Reason::DuplicateId, 0, 0));
    let mut refused = oracle.clone();
    oracle.hear(&done(1));
    assert_eq!(
        exposed(&oracle),
        (14, 0, 2, 0),
        "it counts beside the group, as it may fill together with a member of it"
    );
    refused.hear(&reject(1, OrderAction::Modify));
    assert_eq!(exposed(&refused), (10, 0, 2, 0));
    assert!(refused.live(0, 1).is_some() && refused.live(0, 2).is_none());
}

#[test]
fn a_reduction_always_passes_and_an_increase_is_a_new_order_for_the_difference() {
    let set = |book: &mut BookLimits, _: &mut InstrumentLimits| {
        book.max_position = Some(Lots(12));
        book.max_order_qty = Some(Lots(14));
        book.max_order_notional = Some(Money(1_300 * E9));
    };
    let asked = |verb: Option<CommandVerb>, said: &Said| {
        let mut oracle = desk(set);
        send(&mut oracle, &open(1, 10));
        if let Some(verb) = verb {
            command(&mut oracle, verb);
        }
        ask(&mut oracle, said)
    };
    for (px, qty, answer) in [
        (100, 0, denied(Reason::MinQty, 0, 1)),
        (100, 1, Answer::Pass),
        (100, 10, Answer::Pass),
        (100, 12, Answer::Pass),
        (100, 13, too_large(Reason::MaxPosition, 13, 12, 2)),
        (100, 14, denied(Reason::MaxNotional, 1_400_000_000, 1_300_000_000)),
        (100, 15, denied(Reason::MaxQty, 15, 14)),
        (131, 9, Answer::Pass),
        (131, 10, denied(Reason::MaxNotional, 1_310_000_000, 1_300_000_000)),
    ] {
        assert_eq!(asked(None, &change(1, px, qty, 0)), answer, "{qty} at {px}");
    }
    assert_eq!(asked(None, &change(2, 100, 1, 0)), denied(Reason::UnknownOrder, 0, 0));
    for (verb, increase, reprice) in [
        (CommandVerb::Halt, Answer::Halted, Answer::Halted),
        (CommandVerb::Reduce, only(Reason::ReduceOnlySize, 1, 0), only(Reason::ReduceOnlySize, 0, 0)),
    ] {
        assert_eq!(asked(Some(verb), &change(1, 100, 9, 0)), Answer::Pass);
        assert_eq!(asked(Some(verb), &change(1, 100, 11, 0)), increase);
        assert_eq!(asked(Some(verb), &change(1, 101, 10, 0)), reprice);
        let attrs = crate::support::desk::attrs();
        let cancel = Said { flags: Flags::PERMIT, ..event(Event::OrderCancel { order: id(9), attrs }) };
        assert_eq!(asked(Some(verb), &cancel), Answer::Pass);
    }
    let mut oracle = long(10);
    send(&mut oracle, &new(1, -6, Intent::Exit));
    command(&mut oracle, CommandVerb::Halt);
    assert_eq!(ask(&mut oracle, &change(1, 90, 6, 0)), Answer::PassExit(Some(4)));
    assert_eq!(ask(&mut oracle, &change(1, 90, 11, 0)), only(Reason::ExitSize, 5, 4));
    assert_eq!(ask(&mut oracle, &change(1, 90, 10, 0)), Answer::PassExit(Some(0)));
}

#[test]
fn the_first_check_that_fails_is_the_reason() {
    let mut oracle = desk(|book, instrument| {
        (book.max_order_qty, book.max_position) = (Some(Lots(20)), Some(Lots(7)));
        (book.max_open_orders, book.max_order_notional) = (Some(1), Some(Money(1_000 * E9)));
        (instrument.tick, instrument.lot, instrument.min_qty) = (Ticks(5), Lots(2), Lots(4));
        (instrument.collar, instrument.min_notional) = (Some(Bps(500)), Money(350 * E9));
    });
    oracle.hear(&mark(100));
    oracle.announce(&open(1, 4));
    command(&mut oracle, CommandVerb::Halt);
    let nowhere = Said { instrument: None, ..open(1, 0) };
    let hedged = flagged(open(1, 0), Flags::LEG_SHORT);
    for (said, answer) in [
        (nowhere, denied(Reason::UnknownInstrument, 0, 0)),
        (hedged, denied(Reason::UnknownInstrument, 0, 0)),
        (open(1, 0), denied(Reason::MinQty, 0, 2)),
        (at(open(1, 23), 103), denied(Reason::DuplicateId, 0, 0)),
        (at(open(2, 23), 103), denied(Reason::Tick, 103, 5)),
        (at(open(2, 3), 105), denied(Reason::Lot, 3, 2)),
        (at(open(2, 2), 105), denied(Reason::MinQty, 2, 4)),
        (at(open(2, 22), 110), denied(Reason::MaxQty, 22, 20)),
        (at(open(2, 20), 110), Answer::Halted),
    ] {
        assert_eq!(oracle.answer(&said), answer, "{said:?}");
    }
    oracle.command(CommandVerb::Reset, Scope::Book(0), guard::OPERATOR);
    for (said, answer) in [
        (at(new(2, 20, Intent::Reduce), 110), only(Reason::ReduceOnlySize, 20, 0)),
        (at(open(2, 20), 110), denied(Reason::Collar, 1_000, 500)),
        (at(open(2, 20), 105), denied(Reason::MaxNotional, 2_100_000_000, 1_000_000_000)),
        (at(open(2, 10), 105), denied(Reason::MaxNotional, 1_050_000_000, 1_000_000_000)),
        (at(open(2, 4), 95), denied(Reason::OpenOrders, 2, 1)),
    ] {
        assert_eq!(oracle.answer(&said), answer, "{said:?}");
    }
    oracle.hear(&done(1));
    assert_eq!(oracle.answer(&open(2, 10)), too_large(Reason::MaxPosition, 10, 7, 7));
    oracle.limits.instruments[usize::from(PLAIN)].min_notional = Money(381 * E9);
    assert_eq!(oracle.answer(&at(open(2, 4), 95)), denied(Reason::MinNotional, 380_000_000, 381_000_000));
}

#[test]
fn the_collar_holds_against_the_last_good_mark_and_market_orders_need_one() {
    let mut oracle = desk(|_, instrument| {
        (instrument.collar, instrument.band) = (Some(Bps(500)), Some(Bps(300)));
    });
    let market = typed(at(open(1, 1), 0), OrderType::Market);
    let stop = typed(at(open(1, 1), 0), OrderType::Stop);
    assert_eq!(oracle.answer(&market), denied(Reason::NoMark, 0, 0));
    assert_eq!(oracle.answer(&at(open(1, 1), 0)), denied(Reason::Tick, 0, 1), "no price");
    assert_eq!(oracle.answer(&stop), denied(Reason::NoMark, 0, 0));
    let priced = Said { rest: Some(Rest { trigger_px: 90, parent: 0 }), ..stop };
    assert_eq!(oracle.answer(&priced), Answer::Pass, "its trigger is its price");
    assert_eq!(
        oracle.answer(&at(open(1, 1), 1_000)),
        denied(Reason::NoMark, 0, 0),
        "nothing to compare with"
    );
    oracle.hear(&mark(1_000));
    for (px, answer) in [
        (949, denied(Reason::Collar, 510, 500)),
        (950, Answer::Pass),
        (1_050, Answer::Pass),
        (1_051, denied(Reason::Collar, 510, 500)),
    ] {
        assert_eq!(oracle.answer(&at(open(1, 1), px)), answer, "{px}");
    }
    oracle.hear(&mark(1_100));
    assert_eq!(oracle.answer(&market), denied(Reason::MarkSuspect, 1_000, 0));
    oracle.hear(&mark(1_000));
    oracle.now += 5_000_000_000;
    assert_eq!(oracle.answer(&market), Answer::Pass);
    oracle.now += 1;
    assert_eq!(oracle.answer(&market), denied(Reason::MarkStale, 1_000, 0));
    assert_eq!(oracle.answer(&at(open(1, 1), 1_051)), denied(Reason::Collar, 510, 500));
    for (wait_ms, px, good) in
        [(0, 1_100, None), (249, 1_101, None), (0, 1_099, None), (1, 1_100, Some(1_100))]
    {
        oracle.now += wait_ms * 1_000_000;
        oracle.hear(&mark(px));
        assert_eq!(oracle.good_mark(PLAIN), good, "three that agree over a quarter of a second");
    }
}

#[test]
fn notional_is_that_of_the_instrument() {
    let oracle = long(0);
    for (instrument, px, qty, e9) in
        [(PLAIN, 100, 3, 300 * E9), (PERP, 1_000_000, 15, 150 * E9), (INVERSE, 50_000, 10, E9 / 50)]
    {
        let (notional, unit) = oracle.notional(instrument, px, qty);
        assert_eq!((notional / unit, notional % unit), (e9, 0), "{instrument}");
    }
}

#[test]
fn what_is_announced_beyond_a_cap_reduces_only() {
    let mut oracle = desk(|book, _| {
        book.max_position = Some(Lots(5));
        book.max_order_qty = Some(Lots(5));
        book.max_order_notional = Some(Money(500 * E9));
    });
    for (exec, qty, state) in [(1, 6, TradingState::ReduceOnly), (2, -1, TradingState::Active)] {
        oracle.hear(&fill(0, exec, qty));
        assert_eq!(oracle.state(0, PLAIN), state);
        oracle.hear(&fill(0, exec, qty));
    }
    for (order, qty, px) in [(1, -6, 80), (2, -5, 101), (3, -1, 0)] {
        oracle.hear(&Said { flags: side(qty), ..at(open(order, qty), px) });
        assert_eq!(oracle.book_state(0), TradingState::ReduceOnly, "{qty} at {px}");
        for guard in [guard::ORDER_QTY, guard::ORDER_NOTIONAL] {
            oracle.command(CommandVerb::Reset, Scope::Book(0), guard);
        }
        oracle.hear(&done(order));
        assert_eq!(oracle.book_state(0), TradingState::Active, "{qty} at {px}");
    }
    for (order, qty, state) in
        [(4, -5, TradingState::Active), (5, -5, TradingState::Active), (6, -1, TradingState::ReduceOnly)]
    {
        oracle.hear(&Said { flags: side(qty), ..at(open(order, qty), 10) });
        assert_eq!((exposed(&oracle).3, oracle.book_state(0)), (5, state), "the worst case counts");
    }
    oracle.hear(&done(6));
    assert_eq!(oracle.book_state(0), TradingState::Active);
    oracle.hear(&Said { flags: side(1), ..at(open(4, 1), 10) });
    assert_eq!(oracle.book_state(0), TradingState::Halted, "it was a sell");
    assert!(oracle.unsound(0));
}
