mod support;
use support::desk::*;
use tripline::engine::Limits;
use tripline::engine::limits::*;
use tripline::model::event::*;
use tripline::model::verdict::Verdict;
use tripline::model::{Bps, Event, Flags, Lots, Nanos, Scope, Ticks, TradingState};

fn bucketed(limit: u32, costs: ActionCosts) -> Limits {
    let mut l = limits(1_000_000 * E9, vec![]);
    l.buckets = vec![BucketLimits {
        id: 1,
        name: name("b"),
        scope: BucketScope::Account(0),
        kind: BucketKind::SlidingLog { limit, window: Nanos::from_secs(3600) },
        costs,
        jitter: Nanos(0),
        start_pct: 0,
    }];
    l
}
fn long10() -> Desk {
    let mut l = limits(1_000_000 * E9, vec![]);
    l.books[0].max_position = Some(Lots(100));
    let mut d = Desk::new(l);
    d.mark(0, PLAIN, 100);
    d.fill(0, PLAIN, 10, 100, 0);
    d
}
#[test]
fn a_grouped_order_cannot_grow_past_the_position() {
    let mut d = long10();
    let v = d.ask(0, PLAIN, Flags::SELL, order_with(Intent::Protect, 7, 1, 10, 95));
    assert_eq!(v.verdict, Verdict::Pass);
    d.ack(0, PLAIN, 1);
    d.command(CommandVerb::Reduce, Scope::Book(0), 0, 0, false);
    let v = d.ask(0, PLAIN, Flags::SELL, order_modify(1, 20, 95));
    assert_eq!(v.verdict, Verdict::Deny, "{v:?} {:?}", d.engine.exposure(0, PLAIN));
}
#[test]
fn a_grouped_order_cannot_grow_past_max_position() {
    let mut d = long10();
    let v = d.ask(0, PLAIN, Flags::empty(), order_with(Intent::Open, 7, 1, 90, 95));
    assert_eq!(v.verdict, Verdict::Pass);
    d.ack(0, PLAIN, 1);
    let v = d.ask(0, PLAIN, Flags::empty(), order_modify(1, 180, 95));
    assert_eq!(v.verdict, Verdict::Deny, "{v:?} {:?} {:?}", d.engine.exposure(0, PLAIN), d.state(0));
}
#[test]
fn modifying_does_not_put_off_the_time_out() {
    let mut d = long10();
    d.ask_limit(0, PLAIN, 1, 1, 100);
    for i in 0..20 {
        d.wait(Nanos::from_secs(4));
        d.order_mod(i);
    }
    assert!(d.engine.counters().timeouts > 0);
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
fn two_modifies_not_sent_leave_nothing() {
    let mut d = long10();
    d.ask_limit(0, PLAIN, 1, 5, 100);
    d.ack(0, PLAIN, 1);
    d.ask(0, PLAIN, Flags::empty(), order_modify(1, 20, 100));
    d.wait(ms(1));
    d.ask(0, PLAIN, Flags::empty(), order_modify(1, 30, 100));
    d.not_sent(0, PLAIN, 1, OrderAction::Modify);
    d.not_sent(0, PLAIN, 1, OrderAction::Modify);
    assert_eq!(d.engine.exposure(0, PLAIN).buys, 5);
}
#[test]
fn a_cancel_is_never_denied() {
    let mut l = bucketed(10, ActionCosts::default());
    l.venues[0].queue_capacity = 4;
    let mut d = Desk::new(l);
    d.mark(0, PLAIN, 100);
    d.ask_limit(0, PLAIN, 1, 5, 100);
    d.ack(0, PLAIN, 1);
    d.say(
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
        let v = d.ask(0, PLAIN, Flags::empty(), Event::OrderCancel { order: id(1), attrs: attrs() });
        assert_ne!(v.verdict, Verdict::Deny, "{i} {v:?}");
    }
}
#[test]
fn an_executors_report_of_a_cancel_it_was_told_reaches_the_order() {
    let mut l = limits(1_000_000 * E9, vec![]);
    l.strategies[1].executes = vec![0];
    let mut d = Desk::new(l);
    d.mark(0, PLAIN, 100);
    d.order(0, PLAIN, 1, 10, 95);
    d.ack(0, PLAIN, 1);
    d.liveness(0, LivenessSign::ProcessExited, 0);
    assert!(d.directives.iter().any(|t| t.lane == 1));
    d.done(1, PLAIN, 1, DoneStatus::Canceled);
    assert_eq!(d.engine.exposure(0, PLAIN).buys, 0);
}
#[test]
fn every_order_of_a_dead_book_is_named() {
    let mut l = limits(1_000_000 * E9, vec![]);
    l.strategies[1].executes = vec![0];
    l.capacity.orders = 1024;
    let mut d = Desk::new(l);
    d.mark(0, PLAIN, 100);
    for i in 1..=400 {
        d.order(0, PLAIN, i, 1, 95);
    }
    d.liveness(0, LivenessSign::ProcessExited, 0);
    d.wait(Nanos::from_secs(61));
    eprintln!("{} failed {}", d.directives.len(), d.engine.counters().failed_directives);
    let mut named: Vec<u64> = d
        .directives
        .iter()
        .filter_map(|t| match t.directive.task {
            tripline::model::verdict::Task::Cancel { order, .. } => Some(order),
            _ => None,
        })
        .collect();
    named.sort();
    named.dedup();
    assert_eq!(named.len(), 400);
}
#[test]
fn a_child_of_an_entry_that_never_left_counts() {
    let mut l = bucketed(5, ActionCosts::default());
    l.books[0].max_position = Some(Lots(100));
    let mut d = Desk::new(l);
    d.mark(0, PLAIN, 100);
    for i in 1..=4 {
        d.ask_limit(0, PLAIN, i, 1, 100 + i as i64);
    }
    let e = d.ask_limit(0, PLAIN, 10, 10, 100);
    assert_eq!(e.verdict, Verdict::Queued);
    // the child costs a unit too; gate mode announces it
    d.say(0, PLAIN, Flags::SELL | Flags::MORE, order_with(Intent::Protect, 0, 11, 90, 95));
    d.say(
        0,
        PLAIN,
        Flags::SELL,
        Event::OrderExt { order: id(11), trigger_px: Ticks(0), expiry_utc_ns: 0, quote_cost: 0, parent: 10 },
    );
    d.wait(ms(300));
    assert_eq!(
        d.engine.exposure(0, PLAIN).sells,
        90,
        "the entry was dropped {:?}",
        d.verdicts.last().unwrap().record.verdict
    );
}
#[test]
fn an_exit_that_waits_passes_when_the_ban_begins() {
    let mut d = Desk::new(bucketed(1, ActionCosts::default()));
    d.mark(0, PLAIN, 100);
    d.fill(0, PLAIN, 10, 100, 0);
    d.ask_limit(0, PLAIN, 1, 1, 100);
    assert_eq!(d.ask_to(Intent::Exit, 0, PLAIN, 2, -10, 99).verdict, Verdict::Queued);
    d.say(
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
    d.wait(ms(10));
    let last = d.verdicts.last().unwrap().record;
    let third = d.ask_to(Intent::Exit, 0, PLAIN, 3, -10, 98);
    eprintln!("queued one: {last:?}\nnew one: {third:?}");
    assert_eq!(last.verdict, Verdict::Released);
}
#[test]
fn timing_of_cancel_all() {
    for n in [1_024_u64, 4_096, 16_384] {
        let mut l = bucketed(1, ActionCosts { cancel: 0, ..ActionCosts::default() });
        l.venues[0].queue_capacity = n as u32;
        l.venues[0].ttl_new = Nanos::from_secs(60);
        l.capacity.orders = 65_536;
        let mut d = Desk::new(l);
        d.mark(0, PLAIN, 100);
        d.ask_limit(0, PLAIN, 1, 1, 100);
        for i in 0..n / 2 {
            d.ask_limit(1, PLAIN, 10 + i, 1, 100);
        }
        for i in 0..n / 2 {
            d.ask_limit(0, PLAIN, 100_000 + i, 1, 100);
        }
        let t = std::time::Instant::now();
        d.ask(
            0,
            PLAIN,
            Flags::empty(),
            Event::OrderCancelAll { side: 0, increasing_only: 0, attrs: attrs() },
        );
        eprintln!("cancel-all of {} of {n}: {:?}", n / 2, t.elapsed());
    }
    let _ = (Bps(1), TradingState::Active);
}
