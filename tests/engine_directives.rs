//! Directives: who is told what after a latch, who gets it when the first does not answer, and when it is over.

mod support;

use support::desk::*;
use tripline::engine::LaneDirective;
use tripline::engine::limits::{Actions, DrawdownLimits};
use tripline::model::event::{DirectiveStatus, DoneStatus, Intent, LivenessSign, OrderAttrs};
use tripline::model::verdict::{DirectiveKind, Task, Verdict};
use tripline::model::{Event, Flags, Leg, Lots, Nanos, Reason, Scope, TradingState};
use tripline::wire::stats::DirectiveRow;

/// Book 0 long 100 of PLAIN at 100 with equity 1 000 and a 15 % guard that directs `actions`. Strategy 1 executes for
/// the account.
fn desk(actions: Actions) -> Desk {
    let mut limits = limits(1_000 * E9, vec![DrawdownLimits { actions, ..drawdown("kill") }]);
    limits.strategies[1].executes = vec![0];
    let mut desk = Desk::new(limits);
    desk.mark(0, PLAIN, 100);
    desk.fill(0, PLAIN, 100, 100, 0);
    desk.directives.clear();
    desk
}

fn kill(desk: &mut Desk) {
    desk.mark(0, PLAIN, 98);
    assert_eq!(desk.state(0), TradingState::Halted);
}

fn told(desk: &mut Desk) -> Vec<(u16, DirectiveKind)> {
    let all = std::mem::take(&mut desk.directives);
    all.iter().map(|told| (told.lane, told.directive.task.kind())).collect()
}

fn acknowledge(desk: &mut Desk, by: u16, told: &LaneDirective, status: DirectiveStatus) {
    let event = Event::DirectiveAck { directive: told.directive.id, status, remaining: Lots(0), detail: 0 };
    desk.say(by, PLAIN, Flags::empty(), event);
}

fn rows(desk: &Desk) -> Vec<DirectiveRow> {
    desk.engine.directive_rows().collect()
}

#[test]
fn a_latch_directs_what_its_guard_asks_for_and_nothing_else() {
    let (increasing, all, flatten) = (Actions::CANCEL_INCREASING, Actions::CANCEL_ALL, Actions::FLATTEN);
    for (actions, expected) in [
        (Actions::empty(), vec![]),
        (increasing, vec![DirectiveKind::CancelIncreasing]),
        (increasing | flatten, vec![DirectiveKind::CancelIncreasing, DirectiveKind::Flatten]),
        (all | flatten, vec![DirectiveKind::CancelAll, DirectiveKind::Flatten]),
    ] {
        let mut desk = desk(actions);
        kill(&mut desk);
        let directives = desk.directives.clone();
        let epoch = desk.engine.epoch();
        assert!(directives.iter().all(|told| told.lane == 0 && told.directive.epoch == epoch));
        assert!(directives.iter().all(|told| told.directive.reason == Reason::Drawdown));
        let deadline = desk.now.after(Nanos::from_secs(60));
        assert!(directives.iter().all(|told| told.directive.deadline == deadline));
        let kinds: Vec<_> = directives.iter().map(|told| told.directive.task.kind()).collect();
        assert_eq!(kinds, expected);
        let close = Task::Flatten { scope: Scope::Instrument(0, PLAIN), leg: Leg::Net, qty: -100 };
        assert_eq!(directives.iter().any(|told| told.directive.task == close), actions.contains(flatten));
    }
}

#[test]
fn a_soft_cause_directs_nothing() {
    let patient = DrawdownLimits {
        actions: Actions::CANCEL_INCREASING,
        confirm_k: 3,
        confirm_t: ms(50),
        ..drawdown("kill")
    };
    let mut desk = Desk::new(limits(1_000 * E9, vec![patient]));
    desk.mark(0, PLAIN, 100);
    desk.fill(0, PLAIN, 100, 100, 0);
    desk.mark(0, PLAIN, 98);
    assert_eq!((desk.state(0), desk.directives.len()), (TradingState::ReduceOnly, 0));
}

#[test]
fn a_directive_that_is_done_is_over_and_one_that_is_received_may_take_its_time() {
    let mut desk = desk(Actions::CANCEL_INCREASING);
    kill(&mut desk);
    let told = desk.directives[0];
    acknowledge(&mut desk, 0, &told, DirectiveStatus::Received);
    desk.wait(Nanos::from_secs(10));
    assert_eq!((desk.directives.len(), rows(&desk)[0].attempts), (1, 1));
    acknowledge(&mut desk, 0, &told, DirectiveStatus::Done);
    desk.wait(Nanos::from_secs(100));
    assert_eq!(rows(&desk)[0].status, DirectiveStatus::Done as u64);
    assert_eq!(desk.engine.counters().failed_directives, 0);
}

#[test]
fn silence_hands_it_on_and_takes_it_back_from_the_first() {
    let mut desk = desk(Actions::CANCEL_INCREASING);
    kill(&mut desk);
    let first = desk.directives[0];
    assert_eq!(told(&mut desk), [(0, DirectiveKind::CancelIncreasing)]);
    desk.wait(Nanos(499_999_999));
    assert_eq!(told(&mut desk), []);
    desk.wait(Nanos(1));
    assert_eq!(told(&mut desk), [(0, DirectiveKind::Revoke), (1, DirectiveKind::CancelIncreasing)]);
    acknowledge(&mut desk, 0, &first, DirectiveStatus::Done);
    assert_eq!(desk.engine.counters().late, 1, "it is no longer the first one's");
    assert_eq!(rows(&desk)[0].strategy, 1);
    acknowledge(&mut desk, 1, &first, DirectiveStatus::Refused);
    assert_eq!(
        told(&mut desk),
        [(1, DirectiveKind::Revoke), (0, DirectiveKind::CancelIncreasing)],
        "nobody is left behind it: the owner is asked again"
    );
}

#[test]
fn after_its_attempts_a_directive_is_given_up_and_counted() {
    let mut desk = desk(Actions::CANCEL_INCREASING);
    kill(&mut desk);
    desk.wait(Nanos::from_secs(3));
    let row = rows(&desk)[0];
    assert_eq!((row.attempts, row.status), (4, DirectiveStatus::Expired as u64));
    assert_eq!(row.reason, Some(Reason::NoExecutor));
    assert_eq!(desk.engine.counters().failed_directives, 1);
    desk.directives.clear();
    desk.wait(Nanos::from_secs(100));
    assert_eq!(told(&mut desk), []);
}

#[test]
fn past_its_deadline_a_directive_is_void() {
    let mut desk = desk(Actions::CANCEL_INCREASING);
    kill(&mut desk);
    let told = desk.directives[0];
    acknowledge(&mut desk, 0, &told, DirectiveStatus::Working);
    desk.wait(Nanos(59_999_999_999));
    assert_eq!(desk.engine.counters().failed_directives, 0);
    desk.wait(Nanos(1));
    assert_eq!(rows(&desk)[0].status, DirectiveStatus::Expired as u64);
    acknowledge(&mut desk, 0, &told, DirectiveStatus::Done);
    assert_eq!(rows(&desk)[0].status, DirectiveStatus::Expired as u64);
}

#[test]
fn a_dead_strategys_increasing_orders_are_named_to_an_executor() {
    let mut desk = desk(Actions::empty());
    for (order, qty, px) in [(1, 10, 95), (2, -40, 120), (3, -10, 121)] {
        desk.order(0, PLAIN, order, qty, px);
    }
    desk.ack(0, PLAIN, 1);
    desk.liveness(0, LivenessSign::ProcessExited, 0);
    let tasks: Vec<_> = desk.directives.iter().map(|told| (told.lane, told.directive.task)).collect();
    assert_eq!(
        tasks,
        [(1, Task::CancelIncreasing { scope: Scope::Book(0) }), (1, Task::Cancel { order: 1, venue_key: 1 }),],
        "what can only reduce stays"
    );
}

#[test]
fn nobody_to_tell_is_tried_again_until_somebody_attaches() {
    let mut desk = desk(Actions::CANCEL_INCREASING);
    desk.liveness(0, LivenessSign::ProcessExited, 0);
    desk.sidecar(Event::Lane { lane: 1, strategy: 1, open: 0, generation: 1 });
    kill(&mut desk);
    assert_eq!(told(&mut desk), []);
    assert_eq!(rows(&desk)[0].strategy, u64::MAX);
    desk.sidecar(Event::Lane { lane: 1, strategy: 1, open: 1, generation: 2 });
    desk.wait(ms(500));
    assert_eq!(told(&mut desk), [(1, DirectiveKind::CancelIncreasing)]);
}

#[test]
fn an_executor_flattens_the_book_its_directive_is_about() {
    let mut desk = desk(Actions::CANCEL_ALL | Actions::FLATTEN);
    kill(&mut desk);
    desk.liveness(0, LivenessSign::ProcessExited, 0);
    desk.wait(ms(500));
    let flatten = desk.directives.iter().rev().find(|told| told.lane == 1).copied().unwrap();
    let Task::Flatten { qty, .. } = flatten.directive.task else { panic!("{flatten:?}") };
    assert_eq!(qty, -100);
    acknowledge(&mut desk, 1, &flatten, DirectiveStatus::Working);
    let exit = |order, directive| Event::OrderNew {
        order: id(order),
        px: tripline::model::Ticks(98),
        qty: Lots(100),
        attrs: OrderAttrs { intent: Intent::Exit, directive, ..attrs() },
        group: 0,
        leg: 0,
        list_count: 0,
    };
    let alone = desk.ask(1, PLAIN, Flags::SELL, exit(1, 0));
    assert_eq!(alone.reason, Some(Reason::ExitSize), "its own book holds nothing");
    let verdict = desk.ask(1, PLAIN, Flags::SELL, exit(2, flatten.directive.id as u32));
    assert_eq!(verdict.verdict, Verdict::PassExit);
    desk.fill_as(1, PLAIN, 50, 2, -60, 98, 0);
    assert_eq!((desk.engine.position(0, PLAIN), desk.engine.position(1, PLAIN)), (40, 0));
    desk.fill_as(1, PLAIN, 51, 2, -40, 98, 0);
    assert_eq!((desk.engine.position(0, PLAIN), desk.engine.position(1, PLAIN)), (0, 0));
    desk.done(1, PLAIN, 2, DoneStatus::Filled);
    desk.wait(Nanos::from_secs(61));
    let row = rows(&desk).into_iter().find(|row| row.id == flatten.directive.id).unwrap();
    assert_eq!(row.status, DirectiveStatus::Done as u64, "the position says so");
}

#[test]
fn only_the_holder_trades_for_another_book() {
    let mut desk = desk(Actions::FLATTEN);
    kill(&mut desk);
    let told = desk.directives[0];
    assert_eq!(told.lane, 0, "the owner has it");
    let event = Event::OrderNew {
        order: id(1),
        px: tripline::model::Ticks(98),
        qty: Lots(100),
        attrs: OrderAttrs { intent: Intent::Exit, directive: told.directive.id as u32, ..attrs() },
        group: 0,
        leg: 0,
        list_count: 0,
    };
    assert_eq!(desk.ask(1, PLAIN, Flags::SELL, event).reason, Some(Reason::ExitSize));
}

#[test]
fn the_cancel_of_each_straggler_is_directed_and_it_is_listed() {
    let mut desk = desk(Actions::empty());
    let seen = desk.engine.epoch() as u16;
    kill(&mut desk);
    let handle = tripline::model::Handle::new(0, 0, Some(PLAIN));
    let message =
        tripline::model::Message { flags: Flags::empty(), epoch: seen, handle, event: order_new(9, 5, 98) };
    desk.wait(ms(1));
    desk.apply(tripline::engine::Source::Lane { lane: 0, strategy: 0, position: 99 }, &message);
    assert_eq!(desk.directives.last().unwrap().directive.task, Task::Cancel { order: 9, venue_key: 0 });
    let rows: Vec<_> = desk.engine.straggler_rows().collect();
    assert_eq!((rows.len(), rows[0].order, rows[0].violation, rows[0].late), (1, 9, false, ms(1)));
}
