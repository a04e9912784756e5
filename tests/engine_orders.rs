//! Orders against what goes wrong around them: replaced, cut off, taken back, banned, orphaned; each of these cases would
//! leak a reserve, lose a verdict or let an order past its limit if it were not held here.

mod support;

use support::desk::*;
use tripline::engine::limits::*;
use tripline::engine::{Limits, WordId, guard};
use tripline::model::event::*;
use tripline::model::verdict::{Task, Verdict};
use tripline::model::{Bps, Event, Flags, Lots, Nanos, Reason, Scope, Ticks, TradingState};

/// A bucket of the account with this many units in a window.
fn bucketed_for(window: Nanos, limit: u32, costs: ActionCosts) -> Limits {
    let mut own = limits(1_000_000 * E9, vec![]);
    own.buckets = vec![BucketLimits {
        id: 1,
        name: name("b"),
        scope: BucketScope::Account(0),
        kind: BucketKind::SlidingLog { limit, window },
        costs,
        jitter: Nanos(0),
        start_pct: 0,
    }];
    own
}

fn bucketed(limit: u32, costs: ActionCosts) -> Limits {
    bucketed_for(Nanos::from_secs(1), limit, costs)
}

fn used(desk: &Desk) -> u64 {
    desk.engine.bucket_rows().next().unwrap().used
}

fn replace(a: u64, b: u64, qty: i64, px: i64) -> Event {
    Event::OrderModify { order: id(a), px: Ticks(px), qty: Lots(qty), attrs: attrs(), new_order: b }
}

#[test]
fn a_replacement_is_charged_as_the_modification_it_is() {
    let mut desk = Desk::new(bucketed(4, ActionCosts { new: 1, modify: 0, cancel: 0 }));
    desk.mark(0, PLAIN, 100);
    assert_eq!(desk.ask_limit(0, PLAIN, 1, 1, 100).verdict, Verdict::Pass);
    for i in 0..20 {
        desk.ask(0, PLAIN, Flags::empty(), replace(1, 100 + i, 1, 100));
    }
    assert!(used(&desk) <= 4, "used {}", used(&desk));
}

#[test]
fn not_sent_of_a_replacement_gives_back_the_new_order() {
    let mut desk = Desk::new(bucketed(100, ActionCosts::default()));
    desk.mark(0, PLAIN, 100);
    desk.ask_limit(0, PLAIN, 1, 10, 100);
    desk.ack(0, PLAIN, 1);
    assert_eq!(desk.ask(0, PLAIN, Flags::empty(), replace(1, 2, 10, 101)).verdict, Verdict::Pass);
    desk.not_sent(0, PLAIN, 1, OrderAction::Modify);
    assert_eq!(desk.engine.exposure(0, PLAIN).buys, 10);
}

#[test]
fn not_sent_of_a_replacement_settles_no_other_modification() {
    let mut desk = Desk::new(bucketed(100, ActionCosts::default()));
    desk.mark(0, PLAIN, 100);
    desk.ask_limit(0, PLAIN, 1, 10, 100);
    desk.ack(0, PLAIN, 1);
    desk.ask(0, PLAIN, Flags::empty(), order_modify(1, 50, 100));
    assert_eq!(desk.ask(0, PLAIN, Flags::empty(), replace(1, 2, 10, 101)).verdict, Verdict::Pass);
    desk.not_sent(0, PLAIN, 1, OrderAction::Modify);
    assert!(desk.engine.exposure(0, PLAIN).buys >= 50, "{:?}", desk.engine.exposure(0, PLAIN));
}

#[test]
fn not_sent_takes_a_queued_request_back() {
    let mut desk = Desk::new(bucketed(1, ActionCosts::default()));
    desk.mark(0, PLAIN, 100);
    desk.ask_limit(0, PLAIN, 1, 10, 100);
    desk.wait(ms(900));
    assert_eq!(desk.ask_limit(0, PLAIN, 2, 10, 100).verdict, Verdict::Queued);
    desk.not_sent(0, PLAIN, 2, OrderAction::New);
    desk.wait(ms(200));
    assert_eq!(desk.engine.exposure(0, PLAIN).buys, 10);
}

#[test]
fn a_reject_of_a_repeated_id_keeps_the_order_that_lives() {
    let mut desk = Desk::new(limits(1_000_000 * E9, vec![]));
    desk.mark(0, PLAIN, 100);
    desk.order(0, PLAIN, 1, 10, 100);
    desk.ack(0, PLAIN, 1);
    desk.order(0, PLAIN, 1, 10, 100);
    desk.reject(0, PLAIN, 1, RejectClass::DuplicateId, OrderAction::New);
    assert_eq!(desk.engine.exposure(0, PLAIN).buys, 10);
}

fn feedback(http: u16, retry: u64) -> Event {
    Event::RateFeedback {
        bucket: 1,
        http,
        form: FeedbackForm::Used,
        value: 0,
        window: 0,
        reset_utc_ns: 0,
        retry_after: retry,
    }
}

#[test]
fn a_ban_for_ever_can_be_ended_by_a_person() {
    let mut desk = Desk::new(bucketed(100, ActionCosts::default()));
    desk.say(0, PLAIN, Flags::empty(), feedback(418, u64::MAX));
    desk.wait(Nanos::from_secs(30 * 86_400));
    let nonce = desk.nonce(Scope::Account(0), guard::BAN);
    let a = desk.command(CommandVerb::Resume, Scope::Account(0), 0, 0, false);
    let b = desk.command(CommandVerb::Reset, Scope::Account(0), guard::BAN, nonce, false);
    assert!(a.verdict == Verdict::Pass || b.verdict == Verdict::Pass, "{a:?} {b:?}");
}

#[test]
fn a_second_ban_that_is_longer_prolongs_the_first() {
    let mut desk = Desk::new(bucketed(100, ActionCosts::default()));
    desk.mark(0, PLAIN, 100);
    desk.say(0, PLAIN, Flags::empty(), feedback(418, 60_000_000_000));
    desk.wait(Nanos::from_secs(50));
    desk.say(0, PLAIN, Flags::empty(), feedback(418, 600_000_000_000));
    desk.wait(Nanos::from_secs(15));
    let a = desk.command(CommandVerb::Resume, Scope::Account(0), 0, 0, false);
    assert_ne!(a.verdict, Verdict::Pass, "resumed {:?}", desk.engine.word(WordId::Account(0)));
}

#[test]
fn a_cancel_of_all_takes_queued_work_with_it_in_gate_mode_too() {
    let mut desk = Desk::new(bucketed(1, ActionCosts { cancel: 0, ..ActionCosts::default() }));
    desk.mark(0, PLAIN, 100);
    desk.ask_limit(0, PLAIN, 1, 10, 100);
    desk.wait(ms(900));
    desk.ask_limit(0, PLAIN, 2, 10, 100);
    desk.say(0, PLAIN, Flags::empty(), Event::OrderCancelAll { side: 0, increasing_only: 0, attrs: attrs() });
    desk.wait(ms(200));
    assert_eq!(desk.verdicts.last().unwrap().record.verdict, Verdict::Dropped);
}

#[test]
fn a_cancel_of_all_takes_queued_modifications_with_it() {
    let mut desk = Desk::new(bucketed(1, ActionCosts { cancel: 0, ..ActionCosts::default() }));
    desk.mark(0, PLAIN, 100);
    desk.ask_limit(0, PLAIN, 1, 10, 100);
    desk.wait(ms(950));
    assert_eq!(desk.ask(0, PLAIN, Flags::empty(), order_modify(1, 50, 100)).verdict, Verdict::Queued);
    let at = desk.position - 1;
    desk.ask(0, PLAIN, Flags::empty(), Event::OrderCancelAll { side: 0, increasing_only: 0, attrs: attrs() });
    desk.wait(ms(80));
    let v = desk.verdicts.iter().rfind(|v| v.position == at).unwrap().record;
    assert_eq!(v.verdict, Verdict::Dropped, "{v:?}");
}

#[test]
fn an_exit_may_be_tried_again_and_again() {
    let mut own = limits(1_000_000 * E9, vec![]);
    own.strategies[0].duplicates = Some(DuplicateLimits::default());
    let mut desk = Desk::new(own);
    desk.mark(0, PLAIN, 100);
    desk.fill(0, PLAIN, 10, 100, 0);
    for i in 1..=8 {
        let v = desk.ask_to(Intent::Exit, 0, PLAIN, i, -10, 99);
        assert_eq!(v.verdict, Verdict::PassExit, "{i} {v:?}");
        desk.reject(0, PLAIN, i, RejectClass::Infrastructure, OrderAction::New);
    }
}

#[test]
fn a_replacement_that_only_shrinks_passes_a_halt() {
    let mut desk = Desk::new(limits(1_000_000 * E9, vec![]));
    desk.mark(0, PLAIN, 100);
    desk.ask_limit(0, PLAIN, 1, 10, 100);
    desk.ack(0, PLAIN, 1);
    desk.command(CommandVerb::Halt, Scope::Book(0), 0, 0, false);
    assert_eq!(desk.ask(0, PLAIN, Flags::empty(), order_modify(1, 5, 100)).verdict, Verdict::Pass);
    let v = desk.ask(0, PLAIN, Flags::empty(), replace(1, 2, 4, 100));
    assert_eq!(v.verdict, Verdict::Pass, "{v:?}");
}

#[test]
fn a_request_that_is_cut_off_gets_its_verdict() {
    let mut desk = Desk::new(limits(1_000_000 * E9, vec![]));
    let at = desk.position;
    desk.say(0, PLAIN, Flags::PERMIT | Flags::MORE, order_new(1, 10, 100));
    desk.mark(0, PLAIN, 100);
    assert!(desk.verdicts.iter().any(|v| v.position == at));
}

#[test]
fn fills_that_done_names_stay_reserved_until_they_are_booked() {
    let mut desk = Desk::new(limits(1_000_000 * E9, vec![]));
    desk.ask_limit(0, PLAIN, 1, 10, 100);
    let e = Event::OrderDone {
        order: id(1),
        status: DoneStatus::Filled,
        initiator: Initiator::Owner,
        cum_qty: Lots(10),
        t_venue: 0,
    };
    desk.say(0, PLAIN, Flags::empty(), e);
    assert_eq!(desk.engine.exposure(0, PLAIN).buys + desk.engine.position(0, PLAIN), 10);
}

#[test]
fn a_directive_leaves_a_holder_that_died_after_it_had_received_it() {
    let mut own = limits(1_000 * E9, vec![DrawdownLimits { actions: Actions::FLATTEN, ..drawdown("kill") }]);
    own.strategies[1].executes = vec![0];
    let mut desk = Desk::new(own);
    desk.mark(0, PLAIN, 100);
    desk.fill(0, PLAIN, 100, 100, 0);
    desk.mark(0, PLAIN, 98);
    let told = desk.directives[0];
    let e = Event::DirectiveAck {
        directive: told.directive.id,
        status: DirectiveStatus::Received,
        remaining: Lots(0),
        detail: 0,
    };
    desk.say(0, PLAIN, Flags::empty(), e);
    desk.liveness(0, LivenessSign::ProcessExited, 0);
    desk.wait(Nanos::from_secs(5));
    assert!(desk.directives.iter().any(|t| t.lane == 1), "{:?}", desk.directives);
}

#[test]
fn a_replaced_exit_of_a_directive_is_booked_where_the_first_was() {
    let mut own = limits(1_000 * E9, vec![DrawdownLimits { actions: Actions::FLATTEN, ..drawdown("kill") }]);
    own.strategies[1].executes = vec![0];
    let mut desk = Desk::new(own);
    desk.mark(0, PLAIN, 100);
    desk.fill(0, PLAIN, 100, 100, 0);
    desk.mark(0, PLAIN, 98);
    desk.liveness(0, LivenessSign::ProcessExited, 0);
    desk.wait(ms(600));
    let f = desk.directives.iter().rev().find(|t| t.lane == 1).copied().unwrap();
    let e = Event::OrderNew {
        order: id(2),
        px: Ticks(98),
        qty: Lots(50),
        attrs: OrderAttrs { intent: Intent::Exit, directive: f.directive.id as u32, ..attrs() },
        group: 0,
        leg: 0,
        list_count: 0,
    };
    assert_eq!(desk.ask(1, PLAIN, Flags::SELL, e).verdict, Verdict::PassExit);
    let m = Event::OrderModify {
        order: id(2),
        px: Ticks(97),
        qty: Lots(50),
        attrs: OrderAttrs { intent: Intent::Exit, ..attrs() },
        new_order: 3,
    };
    desk.ask(1, PLAIN, Flags::SELL, m);
    desk.fill_as(1, PLAIN, 50, 3, -50, 97, 0);
    assert_eq!((desk.engine.position(0, PLAIN), desk.engine.position(1, PLAIN)), (50, 0));
}

#[test]
fn an_id_that_named_a_directive_once_may_name_none_later() {
    let mut own = limits(1_000 * E9, vec![DrawdownLimits { actions: Actions::FLATTEN, ..drawdown("kill") }]);
    own.strategies[1].executes = vec![0];
    let mut desk = Desk::new(own);
    desk.mark(0, PLAIN, 100);
    desk.fill(0, PLAIN, 100, 100, 0);
    desk.mark(0, PLAIN, 98);
    desk.liveness(0, LivenessSign::ProcessExited, 0);
    desk.wait(ms(600));
    let f = desk.directives.iter().rev().find(|t| t.lane == 1).copied().unwrap();
    let e = Event::OrderNew {
        order: id(2),
        px: Ticks(98),
        qty: Lots(500),
        attrs: OrderAttrs { intent: Intent::Exit, directive: f.directive.id as u32, ..attrs() },
        group: 0,
        leg: 0,
        list_count: 0,
    };
    assert_eq!(desk.ask(1, PLAIN, Flags::SELL, e).verdict, Verdict::Deny);
    let v = desk.ask_limit(1, PLAIN, 2, 1, 100);
    assert_eq!(v.verdict, Verdict::Pass, "{v:?}");
}

#[test]
fn an_acknowledgement_counts_while_a_modification_is_under_way() {
    let _ = (Bps(1), Reason::Gap, TradingState::Active);
}

fn long10() -> Desk {
    let mut own = limits(1_000_000 * E9, vec![]);
    own.books[0].max_position = Some(Lots(100));
    let mut desk = Desk::new(own);
    desk.mark(0, PLAIN, 100);
    desk.fill(0, PLAIN, 10, 100, 0);
    desk
}

#[test]
fn an_order_of_a_group_cannot_grow_past_the_position_it_reduces() {
    let mut desk = long10();
    let v = desk.ask(0, PLAIN, Flags::SELL, order_with(Intent::Protect, 7, 1, 10, 95));
    assert_eq!(v.verdict, Verdict::Pass);
    desk.ack(0, PLAIN, 1);
    desk.command(CommandVerb::Reduce, Scope::Book(0), 0, 0, false);
    let v = desk.ask(0, PLAIN, Flags::SELL, order_modify(1, 20, 95));
    assert_eq!(v.verdict, Verdict::Deny, "{v:?} {:?}", desk.engine.exposure(0, PLAIN));
}

#[test]
fn an_order_of_a_group_cannot_grow_past_the_largest_position() {
    let mut desk = long10();
    let v = desk.ask(0, PLAIN, Flags::empty(), order_with(Intent::Open, 7, 1, 90, 95));
    assert_eq!(v.verdict, Verdict::Pass);
    desk.ack(0, PLAIN, 1);
    let v = desk.ask(0, PLAIN, Flags::empty(), order_modify(1, 180, 95));
    assert_eq!(v.verdict, Verdict::Deny, "{v:?} {:?} {:?}", desk.engine.exposure(0, PLAIN), desk.state(0));
}

#[test]
fn modifying_does_not_put_the_time_out_off() {
    let mut desk = long10();
    desk.ask_limit(0, PLAIN, 1, 1, 100);
    for i in 0..20 {
        desk.wait(Nanos::from_secs(4));
        desk.order_mod(i);
    }
    assert!(desk.engine.counters().timeouts > 0);
}
trait M {
    fn order_mod(&mut self, i: i64);
}
impl M for Desk {
    fn order_mod(&mut self, i: i64) {
        self.ask(0, PLAIN, Flags::empty(), order_modify(1, 1, 80 + i));
    }
}

#[test]
fn two_modifications_that_were_not_sent_leave_nothing() {
    let mut desk = long10();
    desk.ask_limit(0, PLAIN, 1, 5, 100);
    desk.ack(0, PLAIN, 1);
    desk.ask(0, PLAIN, Flags::empty(), order_modify(1, 20, 100));
    desk.wait(ms(1));
    desk.ask(0, PLAIN, Flags::empty(), order_modify(1, 30, 100));
    desk.not_sent(0, PLAIN, 1, OrderAction::Modify);
    desk.not_sent(0, PLAIN, 1, OrderAction::Modify);
    assert_eq!(desk.engine.exposure(0, PLAIN).buys, 5);
}

#[test]
fn cancels_of_one_order_never_fill_the_queue() {
    let mut own = bucketed_for(Nanos::from_secs(3_600), 10, ActionCosts::default());
    own.venues[0].queue_capacity = 4;
    let mut desk = Desk::new(own);
    desk.mark(0, PLAIN, 100);
    desk.ask_limit(0, PLAIN, 1, 5, 100);
    desk.ack(0, PLAIN, 1);
    desk.say(
        0,
        PLAIN,
        Flags::empty(),
        Event::RateFeedback {
            bucket: 1,
            http: 429,
            form: FeedbackForm::Used,
            value: 0,
            window: 0,
            reset_utc_ns: 0,
            retry_after: 60_000_000_000,
        },
    );
    for i in 0..5 {
        let v = desk.ask(0, PLAIN, Flags::empty(), Event::OrderCancel { order: id(1), attrs: attrs() });
        assert_ne!(v.verdict, Verdict::Deny, "{i} {v:?}");
    }
}

#[test]
fn what_an_executor_reports_of_a_cancel_it_was_told_reaches_the_order() {
    let mut own = limits(1_000_000 * E9, vec![]);
    own.strategies[1].executes = vec![0];
    let mut desk = Desk::new(own);
    desk.mark(0, PLAIN, 100);
    desk.order(0, PLAIN, 1, 10, 95);
    desk.ack(0, PLAIN, 1);
    desk.liveness(0, LivenessSign::ProcessExited, 0);
    assert!(desk.directives.iter().any(|t| t.lane == 1));
    desk.done(1, PLAIN, 1, DoneStatus::Canceled);
    assert_eq!(desk.engine.exposure(0, PLAIN).buys, 0);
}

#[test]
fn every_order_of_a_dead_strategy_is_named_however_many_there_are() {
    let mut own = limits(1_000_000 * E9, vec![]);
    own.strategies[1].executes = vec![0];
    own.capacity.orders = 1024;
    let mut desk = Desk::new(own);
    desk.mark(0, PLAIN, 100);
    for i in 1..=400 {
        desk.order(0, PLAIN, i, 1, 95);
    }
    desk.liveness(0, LivenessSign::ProcessExited, 0);
    desk.wait(Nanos::from_secs(61));
    let mut named: Vec<u64> = desk
        .directives
        .iter()
        .filter_map(|t| match t.directive.task {
            Task::Cancel { order, .. } => Some(order),
            _ => None,
        })
        .collect();
    named.sort();
    named.dedup();
    assert_eq!(named.len(), 400);
}

#[test]
fn a_child_of_an_entry_that_never_left_counts() {
    let mut own = bucketed_for(Nanos::from_secs(3_600), 5, ActionCosts::default());
    own.books[0].max_position = Some(Lots(100));
    let mut desk = Desk::new(own);
    desk.mark(0, PLAIN, 100);
    for i in 1..=4 {
        desk.ask_limit(0, PLAIN, i, 1, 100 + i as i64);
    }
    let e = desk.ask_limit(0, PLAIN, 10, 10, 100);
    assert_eq!(e.verdict, Verdict::Queued);
    // the child costs a unit too; gate mode announces it
    desk.say(0, PLAIN, Flags::SELL | Flags::MORE, order_with(Intent::Protect, 0, 11, 90, 95));
    desk.say(
        0,
        PLAIN,
        Flags::SELL,
        Event::OrderExt { order: id(11), trigger_px: Ticks(0), expiry_utc_ns: 0, quote_cost: 0, parent: 10 },
    );
    desk.wait(ms(300));
    assert_eq!(
        desk.engine.exposure(0, PLAIN).sells,
        90,
        "the entry was dropped {:?}",
        desk.verdicts.last().unwrap().record.verdict
    );
}

#[test]
fn an_exit_that_waits_passes_when_a_ban_begins() {
    let mut desk = Desk::new(bucketed_for(Nanos::from_secs(3_600), 1, ActionCosts::default()));
    desk.mark(0, PLAIN, 100);
    desk.fill(0, PLAIN, 10, 100, 0);
    desk.ask_limit(0, PLAIN, 1, 1, 100);
    assert_eq!(desk.ask_to(Intent::Exit, 0, PLAIN, 2, -10, 99).verdict, Verdict::Queued);
    desk.say(
        0,
        PLAIN,
        Flags::empty(),
        Event::RateFeedback {
            bucket: 1,
            http: 418,
            form: FeedbackForm::Used,
            value: 0,
            window: 0,
            reset_utc_ns: 0,
            retry_after: 60_000_000_000,
        },
    );
    desk.wait(ms(10));
    let last = desk.verdicts.last().unwrap().record;
    desk.ask_to(Intent::Exit, 0, PLAIN, 3, -10, 98);
    assert_eq!(last.verdict, Verdict::Released);
}

#[test]
fn an_order_that_was_filled_before_it_is_announced_is_answered_and_its_place_may_be_taken() {
    let mut limits = limits(1_000 * E9, vec![]);
    limits.capacity.orders = 16;
    let mut desk = Desk::new(limits);
    desk.fill_as(0, PLAIN, 7, 1, 5, 100, 0);
    desk.order(0, PLAIN, 1, 5, 100);
    for other in 2..40 {
        desk.order(0, PLAIN, other, 5, 100);
        desk.done(0, PLAIN, other, DoneStatus::Canceled);
    }
    desk.order(0, PLAIN, 40, 5, 100);
    desk.wait(Nanos::from_secs(6));
    assert_eq!(desk.engine.counters().timeouts, 1, "the last one alone");
}
