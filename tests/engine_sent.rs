//! What is counted of the orders that leave: those of a day, executions until a person looks, and orders of one's own
//! that would meet.

mod support;

use support::desk::*;
use tripline::engine::guard;
use tripline::engine::limits::ScopeLimits;
use tripline::model::event::{
    CommandVerb, DoneStatus, Initiator, Intent, OrderAction, OrderAttrs, OrderType, RejectClass,
};
use tripline::model::verdict::{Verdict, VerdictRecord};
use tripline::model::{Event, Flags, Lots, Money, Nanos, Reason, Scope, Ticks, TradingState};

const DOLLARS: Scope = Scope::Account(0);
const SCOPES: [Scope; 4] = [Scope::Firm, DOLLARS, Scope::Strategy(0), Scope::Book(0)];

fn desk(scope: Scope, caps: ScopeLimits) -> Desk {
    let mut limits = limits(1_000_000 * E9, vec![]);
    set_caps(&mut limits, scope, caps);
    let mut desk = Desk::new(limits);
    desk.mark(0, PLAIN, 100);
    desk
}

fn orders(most: u32) -> ScopeLimits {
    ScopeLimits { orders_per_day: Some(most), ..ScopeLimits::default() }
}

fn cancels(most: u32) -> ScopeLimits {
    ScopeLimits { cancels_per_day: Some(most), ..ScopeLimits::default() }
}

fn executions(most: u32) -> ScopeLimits {
    ScopeLimits { max_executions: Some(most), ..ScopeLimits::default() }
}

fn kind(scope: Scope) -> u16 {
    (scope.to_raw() >> 32) as u16
}

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

fn cancel(desk: &mut Desk, flags: Flags, order: u64) {
    desk.say(0, PLAIN, flags, Event::OrderCancel { order: id(order), attrs: attrs() });
}

fn roll(desk: &mut Desk, session: u64) {
    desk.sidecar(Event::Roll { session, clock: 0 });
}

#[test]
fn so_many_orders_leave_in_a_day_and_no_more_until_the_session_rolls() {
    for scope in SCOPES {
        let mut desk = desk(scope, orders(3));
        for order in 1..=3 {
            assert_eq!(told(desk.ask_limit(0, PLAIN, order, 1, 100)), PASSED, "{scope}, order {order}");
        }
        let verdict = desk.ask_limit(0, PLAIN, 4, 1, 100);
        assert_eq!(told(verdict), denied(Reason::DailyCount, 4, 3), "{scope}");
        assert_eq!((verdict.guard, verdict.scope_kind), (guard::DAILY_COUNT, kind(scope)));
        desk.done(0, PLAIN, 1, DoneStatus::Canceled);
        assert_eq!(
            told(desk.ask_limit(0, PLAIN, 5, 1, 100)),
            denied(Reason::DailyCount, 4, 3),
            "over, yet sent"
        );
        roll(&mut desk, 1);
        assert_eq!(told(desk.ask_limit(0, PLAIN, 6, 1, 100)), PASSED, "{scope}: a new day");
        roll(&mut desk, 1);
        assert_eq!(desk.engine.sent_today(scope), (1, 0), "the same session twice is one day");
    }
}

#[test]
fn a_day_ends_with_the_clock_of_its_scope_and_no_other() {
    let mut limits = limits(1_000_000 * E9, vec![]);
    limits.clocks = 2;
    limits.accounts[0].caps = orders(1);
    limits.books[0].caps = ScopeLimits { clock: 1, ..orders(1) };
    let mut desk = Desk::new(limits);
    assert_eq!(told(desk.ask_limit(0, PLAIN, 1, 1, 100)), PASSED);
    let book = |desk: &Desk| (desk.engine.sent_today(Scope::Book(0)).0, desk.engine.sent_today(DOLLARS).0);
    desk.sidecar(Event::Roll { session: 1, clock: 0 });
    assert_eq!(book(&desk), (1, 0));
    desk.sidecar(Event::Roll { session: 1, clock: 1 });
    assert_eq!(book(&desk), (0, 0));
}

#[test]
fn the_books_of_an_account_share_its_day() {
    let mut desk = desk(DOLLARS, orders(2));
    assert_eq!(told(desk.ask_limit(0, PLAIN, 1, 1, 100)), PASSED);
    assert_eq!(told(desk.ask_limit(1, PLAIN, 1, 1, 100)), PASSED);
    assert_eq!(told(desk.ask_limit(0, PLAIN, 2, 1, 100)), denied(Reason::DailyCount, 3, 2));
    assert_eq!(told(desk.ask_limit(1, PLAIN, 2, 1, 100)), denied(Reason::DailyCount, 3, 2));
}

#[test]
fn what_was_never_sent_and_what_was_denied_is_not_counted() {
    let mut desk = desk(Scope::Book(0), orders(1));
    assert_eq!(told(desk.ask_limit(0, PLAIN, 1, -1, 0)).0, Verdict::Deny, "no price");
    assert_eq!(told(desk.ask_limit(0, PLAIN, 1, 1, 100)), PASSED);
    desk.not_sent(0, PLAIN, 1, OrderAction::New);
    desk.not_sent(0, PLAIN, 1, OrderAction::New);
    assert_eq!(desk.engine.sent_today(Scope::Book(0)), (0, 0), "once");
    assert_eq!(told(desk.ask_limit(0, PLAIN, 2, 1, 100)), PASSED);
    desk.reject(0, PLAIN, 2, RejectClass::Invalid, OrderAction::New);
    assert_eq!(
        told(desk.ask_limit(0, PLAIN, 3, 1, 100)),
        denied(Reason::DailyCount, 2, 1),
        "a reject was sent"
    );
    roll(&mut desk, 1);
    assert_eq!(told(desk.ask_limit(0, PLAIN, 4, 1, 100)), PASSED);
    roll(&mut desk, 2);
    assert_eq!(told(desk.ask_limit(0, PLAIN, 5, 1, 100)), PASSED);
    desk.not_sent(0, PLAIN, 4, OrderAction::New);
    assert_eq!(desk.engine.sent_today(Scope::Book(0)), (1, 0), "yesterday's gives back nothing of today's");
}

#[test]
fn an_order_placed_anew_counts_and_a_modification_does_not() {
    let mut desk = desk(Scope::Book(0), orders(2));
    assert_eq!(told(desk.ask_limit(0, PLAIN, 1, 5, 100)), PASSED);
    assert_eq!(told(desk.ask(0, PLAIN, Flags::empty(), order_modify(1, 6, 100))), PASSED);
    assert_eq!(desk.engine.sent_today(Scope::Book(0)), (1, 0));
    let anew = |fresh| Event::OrderModify {
        order: id(1),
        px: Ticks(99),
        qty: Lots(6),
        attrs: attrs(),
        new_order: fresh,
    };
    assert_eq!(told(desk.ask(0, PLAIN, Flags::empty(), anew(2))), PASSED);
    assert_eq!(told(desk.ask(0, PLAIN, Flags::empty(), anew(3))), denied(Reason::DailyCount, 3, 2));
}

#[test]
fn no_cancel_is_refused_but_new_orders_are_once_they_are_spent() {
    for scope in SCOPES {
        let mut desk = desk(scope, cancels(2));
        for order in 1..=3 {
            assert_eq!(told(desk.ask_limit(0, PLAIN, order, 1, 100)), PASSED);
        }
        cancel(&mut desk, Flags::empty(), 1);
        assert_eq!(told(desk.ask_limit(0, PLAIN, 4, 1, 100)), PASSED, "{scope}: one is left");
        let verdict = desk.ask(0, PLAIN, Flags::empty(), Event::OrderCancel { order: id(2), attrs: attrs() });
        assert_eq!(told(verdict), PASSED);
        let verdict = desk.ask_limit(0, PLAIN, 5, 1, 100);
        assert_eq!(told(verdict), denied(Reason::DailyCount, 3, 2), "{scope}: it could not be canceled");
        assert_eq!(desk.state(0), TradingState::Active);
        let all = Event::OrderCancelAll { side: 0, increasing_only: 0, attrs: attrs() };
        assert_eq!(told(desk.ask(0, PLAIN, Flags::empty(), all)), PASSED, "cancels pass");
        let began = desk.taken(guard::DAILY_COUNT);
        assert_eq!((began.len(), began[0].scope, began[0].measured, began[0].limit), (1, scope, 3, 2));
        roll(&mut desk, 7);
        assert_eq!(told(desk.ask_limit(0, PLAIN, 6, 1, 100)), PASSED);
    }
}

#[test]
fn a_spent_day_still_lets_a_position_be_closed() {
    let mut desk = desk(Scope::Book(0), orders(1));
    assert_eq!(told(desk.ask_limit(0, PLAIN, 1, 5, 100)), PASSED);
    desk.fill_as(0, PLAIN, 11, 1, 5, 100, 0);
    assert_eq!(told(desk.ask_limit(0, PLAIN, 2, -1, 100)), denied(Reason::DailyCount, 2, 1));
    assert_eq!(told(desk.ask_to(Intent::Reduce, 0, PLAIN, 3, -1, 100)), PASSED);
    assert_eq!(desk.state(0), TradingState::ReduceOnly, "two of one: whatever comes now must reduce");
    assert_eq!(desk.ask_to(Intent::Exit, 0, PLAIN, 4, -4, 100).verdict, Verdict::PassExit);
}

#[test]
fn orders_that_do_not_ask_make_the_scope_reduce_only_until_the_session_rolls() {
    for (sent, state) in [(2, TradingState::Active), (3, TradingState::ReduceOnly)] {
        let mut desk = desk(Scope::Strategy(0), orders(2));
        (1..=sent).for_each(|order| desk.order(0, PLAIN, order, 1, 100));
        assert_eq!(desk.state(0), state, "{sent} of 2");
        roll(&mut desk, 1);
        assert_eq!(desk.state(0), TradingState::Active);
        assert_eq!(desk.engine.sent_today(Scope::Strategy(0)), (0, 0));
    }
}

#[test]
fn executions_are_counted_until_a_person_enables_the_scope_again() {
    for scope in SCOPES {
        let mut desk = desk(scope, executions(3));
        desk.fill_as(0, PLAIN, 11, 0, 1, 100, 0);
        desk.fill_as(0, PLAIN, 11, 0, 1, 100, 0);
        desk.fill_as(0, PLAIN, 12, 0, -1, 100, 0);
        let reached =
            |desk: &Desk| desk.engine.cause_rows().any(|row| row.guard == u64::from(guard::REPEATS));
        assert_eq!((desk.engine.executions(scope), reached(&desk)), (2, false), "{scope}: a repeat is none");
        desk.fill_as(0, PLAIN, 13, 0, 1, 100, 0);
        let began = desk.taken(guard::REPEATS);
        assert_eq!((began.len(), began[0].scope, began[0].reason), (1, scope, Reason::RepeatedExecution));
        assert_eq!((began[0].measured, began[0].limit), (3, 3));
        assert_eq!(told(desk.ask_limit(0, PLAIN, 1, 1, 100)), denied(Reason::RepeatedExecution, 3, 3));
        assert_eq!(desk.ask_to(Intent::Exit, 0, PLAIN, 2, -1, 100).verdict, Verdict::PassExit);
        roll(&mut desk, 1);
        assert!(reached(&desk), "{scope}: no session clears it");
        let nonce = desk.nonce(scope, guard::REPEATS);
        let reply = desk.command(CommandVerb::Reset, scope, guard::REPEATS, nonce, false);
        assert_eq!((reply.verdict, desk.engine.executions(scope)), (Verdict::Pass, 0));
        assert_eq!(told(desk.ask_limit(0, PLAIN, 3, 1, 100)), PASSED);
    }
}

#[test]
fn totals_and_executions_of_one_order_are_counted_as_they_are_booked() {
    let mut desk = desk(Scope::Book(0), executions(10));
    let total = |qty: i64, cost: i128| Event::FillCum {
        order: id(7),
        cum_qty: Lots(qty),
        cum_cost: Money(cost * E9),
        cum_fee: 0,
    };
    desk.order(0, PLAIN, 7, 5, 100);
    desk.say(0, PLAIN, Flags::empty(), total(2, 200));
    desk.say(0, PLAIN, Flags::empty(), total(2, 200));
    desk.fill_as(0, PLAIN, 11, 7, 2, 100, 0);
    assert_eq!(desk.engine.executions(Scope::Book(0)), 1, "what is booked already is not executed again");
    desk.say(0, PLAIN, Flags::empty(), total(5, 500));
    assert_eq!(desk.engine.executions(Scope::Book(0)), 2);
    desk.say(0, PLAIN, Flags::PAPER, Event::Fill { order: 0, exec: 5, px: Ticks(100), qty: Lots(1), fee: 0 });
    assert_eq!(desk.engine.executions(Scope::Book(0)), 2);
}

fn of_type(order_type: OrderType, order: u64, qty: i64, px: i64) -> Event {
    Event::OrderNew {
        order: id(order),
        px: Ticks(px),
        qty: Lots(qty.abs()),
        attrs: OrderAttrs { order_type, ..attrs() },
        group: 0,
        leg: 0,
        list_count: 0,
    }
}

fn no_self_cross() -> ScopeLimits {
    ScopeLimits { no_self_cross: true, ..ScopeLimits::default() }
}

#[test]
fn an_order_may_not_meet_one_of_our_own() {
    // What lives, what is asked for; quantities tell the sides.
    for (live, asked, meets) in [
        ((1, 100), (-1, 101), false),
        ((1, 100), (-1, 100), true),
        ((1, 100), (-1, 99), true),
        ((-1, 100), (1, 99), false),
        ((-1, 100), (1, 100), true),
        ((-1, 100), (1, 101), true),
        ((1, 100), (1, 100), false),
    ] {
        let mut desk = desk(DOLLARS, no_self_cross());
        assert_eq!(told(desk.ask_limit(0, PLAIN, 1, live.0, live.1)), PASSED);
        // Another strategy's book of the same account.
        let verdict = desk.ask_limit(1, PLAIN, 1, asked.0, asked.1);
        let expected = if meets { denied(Reason::SelfCross, asked.1, live.1) } else { PASSED };
        assert_eq!(told(verdict), expected, "{live:?} {asked:?}");
        if meets {
            assert_eq!(verdict.scope_kind, kind(DOLLARS));
            desk.done(0, PLAIN, 1, DoneStatus::Canceled);
            assert_eq!(
                told(desk.ask_limit(1, PLAIN, 2, asked.0, asked.1)),
                PASSED,
                "nothing is there any more"
            );
        }
    }
}

#[test]
fn a_strategy_looks_at_its_own_orders_and_others_do_not_look() {
    let mut desk = desk(Scope::Strategy(0), no_self_cross());
    assert_eq!(told(desk.ask_limit(1, PLAIN, 1, -1, 100)), PASSED);
    assert_eq!(told(desk.ask_limit(0, PLAIN, 1, 1, 100)), PASSED, "another strategy's order");
    assert_eq!(told(desk.ask_limit(0, PLAIN, 2, -1, 100)), denied(Reason::SelfCross, 100, 100));
    assert_eq!(told(desk.ask_limit(0, PERP, 3, -1, 100)), PASSED, "another instrument");
    assert_eq!(told(desk.ask_limit(1, PLAIN, 2, 1, 100)), PASSED, "strategy 1 may");
}

#[test]
fn market_orders_meet_anything_and_stops_nobody_before_their_trigger() {
    for (live, asked, meets) in [
        (OrderType::Limit, OrderType::Market, true),
        (OrderType::Limit, OrderType::Peg, true),
        (OrderType::Limit, OrderType::Stop, false),
        (OrderType::Limit, OrderType::Trailing, false),
        (OrderType::Market, OrderType::Limit, true),
        (OrderType::Peg, OrderType::Limit, true),
        (OrderType::Stop, OrderType::Limit, false),
        (OrderType::StopLimit, OrderType::Limit, false),
        (OrderType::StopLimit, OrderType::Market, false),
    ] {
        let mut desk = desk(DOLLARS, no_self_cross());
        let px = |kind| if matches!(kind, OrderType::Limit | OrderType::StopLimit) { 100 } else { 0 };
        desk.say(0, PLAIN, side(1), of_type(live, 1, 1, px(live)));
        let verdict = desk.ask(0, PLAIN, side(-1), of_type(asked, 2, -1, px(asked)));
        let expected = if meets { denied(Reason::SelfCross, px(asked), px(live)) } else { PASSED };
        assert_eq!(told(verdict), expected, "{live:?} {asked:?}");
    }
}

#[test]
fn a_modification_meets_and_is_met_at_both_prices() {
    let mut desk = desk(DOLLARS, no_self_cross());
    desk.ask_limit(0, PLAIN, 1, 1, 98);
    desk.ask_limit(0, PLAIN, 2, -1, 102);
    let to =
        |desk: &mut Desk, order, px| told(desk.ask(0, PLAIN, Flags::empty(), order_modify(order, 1, px)));
    assert_eq!(to(&mut desk, 1, 102), denied(Reason::SelfCross, 102, 102));
    assert_eq!(to(&mut desk, 1, 101), PASSED);
    assert_eq!(told(desk.ask_limit(0, PLAIN, 3, -1, 101)), denied(Reason::SelfCross, 101, 101), "asked for");
    desk.reject(0, PLAIN, 1, RejectClass::Invalid, OrderAction::Modify);
    assert_eq!(told(desk.ask_limit(0, PLAIN, 4, -1, 101)), PASSED, "refused");
}

#[test]
fn an_exit_passes_whomever_it_meets() {
    let mut desk = desk(DOLLARS, no_self_cross());
    desk.fill(0, PLAIN, 5, 100, 0);
    desk.ask_limit(1, PLAIN, 1, 5, 100);
    assert_eq!(told(desk.ask_to(Intent::Reduce, 0, PLAIN, 1, -5, 100)), denied(Reason::SelfCross, 100, 100));
    assert_eq!(desk.ask_to(Intent::Exit, 0, PLAIN, 2, -5, 100).verdict, Verdict::PassExit);
}

#[test]
fn an_order_that_is_over_and_waits_for_its_fills_cannot_be_changed() {
    let mut desk = desk(Scope::Firm, ScopeLimits::default());
    assert_eq!(told(desk.ask_limit(0, PLAIN, 1, 10, 100)), PASSED);
    let done = Event::OrderDone {
        order: id(1),
        status: DoneStatus::Canceled,
        initiator: Initiator::Owner,
        cum_qty: Lots(4),
        t_venue: 0,
    };
    desk.say(0, PLAIN, Flags::empty(), done);
    assert_eq!(desk.engine.exposure(0, PLAIN).buys, 4, "the fills that were told of may still come");
    for (qty, px) in [(20, 100), (4, 100), (2, 100), (4, 99)] {
        let verdict = desk.ask(0, PLAIN, Flags::empty(), order_modify(1, qty, px));
        assert_eq!(told(verdict), denied(Reason::UnknownOrder, 0, 0), "{qty} at {px}");
    }
    desk.fill_as(0, PLAIN, 11, 1, 4, 100, 0);
    assert_eq!((desk.engine.exposure(0, PLAIN).open_orders, desk.engine.position(0, PLAIN)), (0, 4));
    desk.wait(Nanos::from_secs(10));
}
