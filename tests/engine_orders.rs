mod support;
use support::desk::*;
use tripline::engine::limits::*;
use tripline::engine::{Limits, WordId, guard};
use tripline::model::event::*;
use tripline::model::verdict::Verdict;
use tripline::model::{Bps, Event, Flags, Lots, Money, Nanos, Reason, Scope, Ticks, TradingState};

fn bucketed(limit: u32, costs: ActionCosts) -> Limits {
    let mut l = limits(1_000_000 * E9, vec![]);
    l.buckets = vec![BucketLimits {
        id: 1,
        name: name("b"),
        scope: BucketScope::Account(0),
        kind: BucketKind::SlidingLog { limit, window: Nanos::from_secs(1) },
        costs,
        jitter: Nanos(0),
        start_pct: 0,
    }];
    l
}
fn used(d: &Desk) -> u64 {
    d.engine.bucket_rows().next().unwrap().used
}
fn replace(a: u64, b: u64, qty: i64, px: i64) -> Event {
    Event::OrderModify { order: id(a), px: Ticks(px), qty: Lots(qty), attrs: attrs(), new_order: b }
}
#[test]
fn replace_charges_more_than_the_bucket_holds() {
    let mut d = Desk::new(bucketed(4, ActionCosts { new: 1, modify: 0, cancel: 0 }));
    d.mark(0, PLAIN, 100);
    assert_eq!(d.ask_limit(0, PLAIN, 1, 1, 100).verdict, Verdict::Pass);
    for i in 0..20 {
        let v = d.ask(0, PLAIN, Flags::empty(), replace(1, 100 + i, 1, 100));
        eprintln!("{v:?}");
    }
    assert!(used(&d) <= 4, "used {}", used(&d));
}
#[test]
fn not_sent_of_a_replace_gives_back() {
    let mut d = Desk::new(bucketed(100, ActionCosts::default()));
    d.mark(0, PLAIN, 100);
    d.ask_limit(0, PLAIN, 1, 10, 100);
    d.ack(0, PLAIN, 1);
    assert_eq!(d.ask(0, PLAIN, Flags::empty(), replace(1, 2, 10, 101)).verdict, Verdict::Pass);
    d.not_sent(0, PLAIN, 1, OrderAction::Modify);
    assert_eq!(d.engine.exposure(0, PLAIN).buys, 10);
}
#[test]
fn not_sent_of_a_replace_must_not_settle_a_sent_modify() {
    let mut d = Desk::new(bucketed(100, ActionCosts::default()));
    d.mark(0, PLAIN, 100);
    d.ask_limit(0, PLAIN, 1, 10, 100);
    d.ack(0, PLAIN, 1);
    d.ask(0, PLAIN, Flags::empty(), order_modify(1, 50, 100));
    assert_eq!(d.ask(0, PLAIN, Flags::empty(), replace(1, 2, 10, 101)).verdict, Verdict::Pass);
    d.not_sent(0, PLAIN, 1, OrderAction::Modify);
    assert!(d.engine.exposure(0, PLAIN).buys >= 50, "{:?}", d.engine.exposure(0, PLAIN));
}
#[test]
fn not_sent_while_queued() {
    let mut d = Desk::new(bucketed(1, ActionCosts::default()));
    d.mark(0, PLAIN, 100);
    d.ask_limit(0, PLAIN, 1, 10, 100);
    d.wait(ms(900));
    assert_eq!(d.ask_limit(0, PLAIN, 2, 10, 100).verdict, Verdict::Queued);
    d.not_sent(0, PLAIN, 2, OrderAction::New);
    d.wait(ms(200));
    eprintln!("{:?}", d.verdicts.last());
    assert_eq!(d.engine.exposure(0, PLAIN).buys, 10);
}
#[test]
fn duplicate_id_reject_keeps_the_live_order() {
    let mut d = Desk::new(limits(1_000_000 * E9, vec![]));
    d.mark(0, PLAIN, 100);
    d.order(0, PLAIN, 1, 10, 100);
    d.ack(0, PLAIN, 1);
    d.order(0, PLAIN, 1, 10, 100);
    d.reject(0, PLAIN, 1, RejectClass::DuplicateId, OrderAction::New);
    assert_eq!(d.engine.exposure(0, PLAIN).buys, 10);
}
#[test]
fn by_cost_is_checked() {
    let mut l = limits(1_000_000 * E9, vec![]);
    l.books[0].max_order_notional = Some(Money(1_000 * E9));
    l.books[0].max_position = Some(Lots(100));
    let mut d = Desk::new(l);
    d.mark(0, PLAIN, 100);
    let m = OrderAttrs { order_type: OrderType::Market, ..attrs() };
    let at = d.position;
    d.say(
        0,
        PLAIN,
        Flags::PERMIT | Flags::MORE,
        Event::OrderNew {
            order: id(1),
            px: Ticks(0),
            qty: Lots(1),
            attrs: m,
            group: 0,
            leg: 0,
            list_count: 0,
        },
    );
    d.say(
        0,
        PLAIN,
        Flags::empty(),
        Event::OrderExt {
            order: id(1),
            trigger_px: Ticks(0),
            expiry_utc_ns: 0,
            quote_cost: 1_000_000_000_000_000_000,
            parent: 0,
        },
    );
    let v = d.verdicts.iter().find(|v| v.position == at).unwrap().record;
    assert_ne!(v.verdict, Verdict::Pass, "{v:?} {:?}", d.engine.exposure(0, PLAIN));
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
fn a_ban_for_ever_can_be_cleared() {
    let mut d = Desk::new(bucketed(100, ActionCosts::default()));
    d.say(0, PLAIN, Flags::empty(), feedback(418, u64::MAX));
    d.wait(Nanos::from_secs(30 * 86_400));
    let nonce = d.nonce(Scope::Account(0), guard::BAN);
    let a = d.command(CommandVerb::Resume, Scope::Account(0), 0, 0, false);
    let b = d.command(CommandVerb::Reset, Scope::Account(0), guard::BAN, nonce, false);
    assert!(a.verdict == Verdict::Pass || b.verdict == Verdict::Pass, "{a:?} {b:?}");
}
#[test]
fn a_longer_second_ban_holds_the_gate() {
    let mut d = Desk::new(bucketed(100, ActionCosts::default()));
    d.mark(0, PLAIN, 100);
    d.say(0, PLAIN, Flags::empty(), feedback(418, 60_000_000_000));
    d.wait(Nanos::from_secs(50));
    d.say(0, PLAIN, Flags::empty(), feedback(418, 600_000_000_000));
    d.wait(Nanos::from_secs(15));
    let a = d.command(CommandVerb::Resume, Scope::Account(0), 0, 0, false);
    assert_ne!(a.verdict, Verdict::Pass, "resumed {:?}", d.engine.word(WordId::Account(0)));
}
#[test]
fn gate_cancel_all_takes_queued_work() {
    let mut d = Desk::new(bucketed(1, ActionCosts { cancel: 0, ..ActionCosts::default() }));
    d.mark(0, PLAIN, 100);
    d.ask_limit(0, PLAIN, 1, 10, 100);
    d.wait(ms(900));
    d.ask_limit(0, PLAIN, 2, 10, 100);
    d.say(0, PLAIN, Flags::empty(), Event::OrderCancelAll { side: 0, increasing_only: 0, attrs: attrs() });
    d.wait(ms(200));
    assert_eq!(d.verdicts.last().unwrap().record.verdict, Verdict::Dropped);
}
#[test]
fn permit_cancel_all_takes_queued_modify() {
    let mut d = Desk::new(bucketed(1, ActionCosts { cancel: 0, ..ActionCosts::default() }));
    d.mark(0, PLAIN, 100);
    d.ask_limit(0, PLAIN, 1, 10, 100);
    d.wait(ms(950));
    assert_eq!(d.ask(0, PLAIN, Flags::empty(), order_modify(1, 50, 100)).verdict, Verdict::Queued);
    let at = d.position - 1;
    d.ask(0, PLAIN, Flags::empty(), Event::OrderCancelAll { side: 0, increasing_only: 0, attrs: attrs() });
    d.wait(ms(80));
    let v = d.verdicts.iter().filter(|v| v.position == at).last().unwrap().record;
    assert_eq!(v.verdict, Verdict::Dropped, "{v:?}");
}
#[test]
fn repeated_exit_passes() {
    let mut l = limits(1_000_000 * E9, vec![]);
    l.strategies[0].duplicates = Some(DuplicateLimits::default());
    let mut d = Desk::new(l);
    d.mark(0, PLAIN, 100);
    d.fill(0, PLAIN, 10, 100, 0);
    for i in 1..=8 {
        let v = d.ask_to(Intent::Exit, 0, PLAIN, i, -10, 99);
        assert_eq!(v.verdict, Verdict::PassExit, "{i} {v:?}");
        d.reject(0, PLAIN, i, RejectClass::Infrastructure, OrderAction::New);
    }
}
#[test]
fn a_shrinking_replace_passes_a_halt() {
    let mut d = Desk::new(limits(1_000_000 * E9, vec![]));
    d.mark(0, PLAIN, 100);
    d.ask_limit(0, PLAIN, 1, 10, 100);
    d.ack(0, PLAIN, 1);
    d.command(CommandVerb::Halt, Scope::Book(0), 0, 0, false);
    assert_eq!(d.ask(0, PLAIN, Flags::empty(), order_modify(1, 5, 100)).verdict, Verdict::Pass);
    let v = d.ask(0, PLAIN, Flags::empty(), replace(1, 2, 4, 100));
    assert_eq!(v.verdict, Verdict::Pass, "{v:?}");
}
#[test]
fn a_cut_off_request_gets_a_verdict() {
    let mut d = Desk::new(limits(1_000_000 * E9, vec![]));
    let at = d.position;
    d.say(0, PLAIN, Flags::PERMIT | Flags::MORE, order_new(1, 10, 100));
    d.mark(0, PLAIN, 100);
    assert!(d.verdicts.iter().any(|v| v.position == at));
}
#[test]
fn done_before_fills_keeps_the_reserve() {
    let mut d = Desk::new(limits(1_000_000 * E9, vec![]));
    d.ask_limit(0, PLAIN, 1, 10, 100);
    let e = Event::OrderDone {
        order: id(1),
        status: DoneStatus::Filled,
        initiator: Initiator::Owner,
        cum_qty: Lots(10),
        t_venue: 0,
    };
    d.say(0, PLAIN, Flags::empty(), e);
    assert_eq!(d.engine.exposure(0, PLAIN).buys + d.engine.position(0, PLAIN), 10);
}
#[test]
fn a_directive_leaves_a_holder_that_died_after_received() {
    let mut l = limits(1_000 * E9, vec![DrawdownLimits { actions: Actions::FLATTEN, ..drawdown("kill") }]);
    l.strategies[1].executes = vec![0];
    let mut d = Desk::new(l);
    d.mark(0, PLAIN, 100);
    d.fill(0, PLAIN, 100, 100, 0);
    d.mark(0, PLAIN, 98);
    let told = d.directives[0];
    let e = Event::DirectiveAck {
        directive: told.directive.id,
        status: DirectiveStatus::Received,
        remaining: Lots(0),
        detail: 0,
    };
    d.say(0, PLAIN, Flags::empty(), e);
    d.liveness(0, LivenessSign::ProcessExited, 0);
    d.wait(Nanos::from_secs(5));
    assert!(d.directives.iter().any(|t| t.lane == 1), "{:?}", d.directives);
}
#[test]
fn a_replaced_exit_of_a_directive_books_where_it_belongs() {
    let mut l = limits(1_000 * E9, vec![DrawdownLimits { actions: Actions::FLATTEN, ..drawdown("kill") }]);
    l.strategies[1].executes = vec![0];
    let mut d = Desk::new(l);
    d.mark(0, PLAIN, 100);
    d.fill(0, PLAIN, 100, 100, 0);
    d.mark(0, PLAIN, 98);
    d.liveness(0, LivenessSign::ProcessExited, 0);
    d.wait(ms(600));
    let f = d.directives.iter().rev().find(|t| t.lane == 1).copied().unwrap();
    let e = Event::OrderNew {
        order: id(2),
        px: Ticks(98),
        qty: Lots(50),
        attrs: OrderAttrs { intent: Intent::Exit, directive: f.directive.id as u32, ..attrs() },
        group: 0,
        leg: 0,
        list_count: 0,
    };
    assert_eq!(d.ask(1, PLAIN, Flags::SELL, e).verdict, Verdict::PassExit);
    let m = Event::OrderModify {
        order: id(2),
        px: Ticks(97),
        qty: Lots(50),
        attrs: OrderAttrs { intent: Intent::Exit, ..attrs() },
        new_order: 3,
    };
    let v = d.ask(1, PLAIN, Flags::SELL, m);
    eprintln!("{v:?}");
    d.fill_as(1, PLAIN, 50, 3, -50, 97, 0);
    assert_eq!((d.engine.position(0, PLAIN), d.engine.position(1, PLAIN)), (50, 0));
}
#[test]
fn a_denied_delegated_id_is_free_again() {
    let mut l = limits(1_000 * E9, vec![DrawdownLimits { actions: Actions::FLATTEN, ..drawdown("kill") }]);
    l.strategies[1].executes = vec![0];
    let mut d = Desk::new(l);
    d.mark(0, PLAIN, 100);
    d.fill(0, PLAIN, 100, 100, 0);
    d.mark(0, PLAIN, 98);
    d.liveness(0, LivenessSign::ProcessExited, 0);
    d.wait(ms(600));
    let f = d.directives.iter().rev().find(|t| t.lane == 1).copied().unwrap();
    let e = Event::OrderNew {
        order: id(2),
        px: Ticks(98),
        qty: Lots(500),
        attrs: OrderAttrs { intent: Intent::Exit, directive: f.directive.id as u32, ..attrs() },
        group: 0,
        leg: 0,
        list_count: 0,
    };
    assert_eq!(d.ask(1, PLAIN, Flags::SELL, e).verdict, Verdict::Deny);
    let v = d.ask_limit(1, PLAIN, 2, 1, 100);
    assert_eq!(v.verdict, Verdict::Pass, "{v:?}");
}
#[test]
fn an_ack_of_new_counts_though_a_modify_is_out() {
    let _ = (Bps(1), Reason::Gap, TradingState::Active);
}
