//! Half open, forced open, metrics only; what authentication and liquidation errors direct; what a reject for rate does.

use tripline::engine::limits::{
    ActionCosts, Actions, BreakerLimits, BucketKind, BucketLimits, BucketScope, HalfOpenLimits,
};
use tripline::engine::{Limits, Transition, WordId, guard};
use tripline::model::event::{CommandVerb, Intent, OrderAction, RejectClass};
use tripline::model::verdict::{Task, Verdict};
use tripline::model::{Event, Flags, Latch, Lots, Nanos, Reason, Scope, Ticks, TradingState};
use tripline::wire::stats::BreakerState;

use crate::support::desk::*;
use crate::{
    ACCOUNT, BOOK, INFRASTRUCTURE, INVALID, Orders, PATIENT, SIGNIFICANT, desk, guarded, open, secs,
};

const TRIES: HalfOpenLimits = HalfOpenLimits { probes: 2, max_wait: secs(30) };
const HALF_OPEN: BreakerLimits = BreakerLimits { half_open: Some(TRIES), ..SIGNIFICANT };
const METRICS_ONLY: BreakerLimits = BreakerLimits { metrics_only: true, ..SIGNIFICANT };

fn resume(desk: &mut Desk, scope: Scope) -> Option<Reason> {
    desk.command(CommandVerb::Resume, scope, guard::ERROR_RATE, 0, false).reason
}

/// A desk whose account has opened and is tried again.
fn half_open() -> Desk {
    let mut desk = desk(HALF_OPEN);
    open(&mut desk);
    let until = desk.breaker(ACCOUNT).until;
    desk.advance(until);
    assert_eq!(resume(&mut desk, ACCOUNT), None);
    desk
}

fn state(desk: &Desk, scope: Scope) -> BreakerState {
    desk.breaker(scope).state
}

fn probe(desk: &mut Desk, book: u16) -> (u64, Verdict, Option<Reason>) {
    let order = desk.fresh_id();
    let verdict = desk.ask_limit(book, PLAIN, order, 1, 100);
    (order, verdict.verdict, verdict.reason)
}

/// A probe that passes.
fn passed(desk: &mut Desk, book: u16) -> u64 {
    let (order, verdict, reason) = probe(desk, book);
    assert_eq!((verdict, reason), (Verdict::Pass, None));
    order
}

#[test]
fn half_open_is_reduce_only_with_so_many_credits_and_the_next_is_spent() {
    let mut desk = half_open();
    assert_eq!(state(&desk, ACCOUNT), BreakerState::HalfOpen);
    assert_eq!(desk.engine.word(WordId::Account(0)).state, TradingState::ReduceOnly);
    let held: Vec<_> = desk.engine.cause_rows().map(|cause| (cause.reason, cause.limit)).collect();
    assert_eq!(held, [(Some(Reason::HalfOpen), 2)], "not spent yet, and nothing waits for a person");
    for taken in 0..3 {
        let order = desk.fresh_id();
        let verdict = desk.ask_limit(taken % 2, PLAIN, order, 1, 100);
        let expected =
            if taken < 2 { (Verdict::Pass, None) } else { (Verdict::Deny, Some(Reason::HalfOpenSpent)) };
        assert_eq!((verdict.verdict, verdict.reason), expected, "{taken}");
        if taken == 2 {
            assert_eq!((verdict.measured, verdict.limit, verdict.guard), (2, 2, guard::ERROR_RATE));
        }
    }
}

#[test]
fn resume_before_the_cool_down_is_over_is_refused_and_without_half_open_it_closes() {
    let mut desk = desk(HALF_OPEN);
    open(&mut desk);
    let until = desk.breaker(ACCOUNT).until;
    desk.advance(Nanos(until.0 - 1));
    assert!(resume(&mut desk, ACCOUNT).is_some());
    assert_eq!(state(&desk, ACCOUNT), BreakerState::Open);
    let mut plain = crate::desk(SIGNIFICANT);
    open(&mut plain);
    let until = plain.breaker(ACCOUNT).until;
    plain.advance(until);
    assert_eq!(resume(&mut plain, ACCOUNT), None);
    assert_eq!(state(&plain, ACCOUNT), BreakerState::Closed);
    assert_eq!(probe(&mut plain, 0).1, Verdict::Pass);
}

#[test]
fn a_reset_closes_a_breaker_without_trying() {
    let mut desk = desk(HALF_OPEN);
    open(&mut desk);
    desk.close(ACCOUNT, guard::ERROR_RATE);
    assert_eq!(state(&desk, ACCOUNT), BreakerState::Closed);
}

#[test]
fn every_probe_acknowledged_closes_it_and_one_fewer_does_not() {
    let mut desk = half_open();
    let generation = desk.breaker(ACCOUNT).generation;
    let probes = [passed(&mut desk, 0), passed(&mut desk, 1)];
    // What only reduces goes on, and says nothing.
    desk.fill(0, PLAIN, 5, 100, 0);
    let exit = desk.fresh_id();
    assert_eq!(desk.ask_to(Intent::Reduce, 0, PLAIN, exit, -1, 100).verdict, Verdict::Pass);
    desk.ack(0, PLAIN, exit);
    desk.ack(0, PLAIN, probes[0]);
    assert_eq!(state(&desk, ACCOUNT), BreakerState::HalfOpen);
    desk.ack(1, PLAIN, probes[1]);
    assert_eq!(state(&desk, ACCOUNT), BreakerState::Closed);
    let row = desk.breaker(ACCOUNT);
    assert_eq!((row.generation, row.outcomes), (generation + 1, 0));
    assert_eq!(desk.engine.word(WordId::Account(0)).state, TradingState::Active);
    desk.wait(secs(31));
    assert_eq!(state(&desk, ACCOUNT), BreakerState::Closed, "its wait is forgotten");
}

#[test]
fn a_probe_by_replacement_is_the_replacement() {
    let mut desk = desk(HALF_OPEN);
    let resting = desk.announce(0);
    desk.ack(0, PLAIN, resting);
    open(&mut desk);
    let until = desk.breaker(ACCOUNT).until;
    desk.advance(until);
    assert_eq!(resume(&mut desk, ACCOUNT), None);
    let (replacement, before) = (desk.fresh_id(), desk.breaker(ACCOUNT));
    let grown = Event::OrderModify {
        order: id(resting),
        px: Ticks(100),
        qty: Lots(9),
        attrs: attrs(),
        new_order: replacement,
    };
    assert_eq!(desk.ask(0, PLAIN, Flags::empty(), grown).verdict, Verdict::Pass, "{before:?}");
    let other = passed(&mut desk, 0);
    assert_eq!(probe(&mut desk, 0).2, Some(Reason::HalfOpenSpent), "both credits are taken");
    desk.ack(0, PLAIN, other);
    desk.ack(0, PLAIN, resting);
    assert_eq!(state(&desk, ACCOUNT), BreakerState::HalfOpen, "what it replaces proves nothing");
    desk.ack(0, PLAIN, replacement);
    assert_eq!(state(&desk, ACCOUNT), BreakerState::Closed);
}

#[test]
fn the_first_error_opens_it_again_for_twice_as_long() {
    for is_probe in [true, false] {
        let mut desk = half_open();
        desk.transitions.clear();
        if is_probe {
            let order = passed(&mut desk, 0);
            desk.refuse(0, order, RejectClass::Infrastructure);
        } else {
            desk.fill(0, PLAIN, 5, 100, 0);
            let order = desk.fresh_id();
            desk.ask_to(Intent::Reduce, 0, PLAIN, order, -1, 100);
            desk.refuse(0, order, RejectClass::Infrastructure);
        }
        let seen = desk.taken(guard::ERROR_RATE);
        let [Transition { began, reason, latch, measured, limit, old_state, new_state, .. }] = seen[..]
        else {
            panic!("{seen:?}")
        };
        assert_eq!((began, reason, latch, measured, limit), (true, Reason::ErrorRate, Latch::Cooldown, 1, 0));
        assert_eq!((old_state, new_state), (TradingState::ReduceOnly, TradingState::ReduceOnly));
        let row = desk.breaker(ACCOUNT);
        assert_eq!((row.state, row.openings), (BreakerState::Open, 2));
        assert_eq!(row.until, desk.now.after(secs(1_800)));
    }
}

#[test]
fn it_opens_again_when_nobody_proves_anything_in_time() {
    for acknowledged in [0, 1] {
        let mut desk = half_open();
        let since = desk.now;
        if acknowledged > 0 {
            let order = passed(&mut desk, 0);
            desk.ack(0, PLAIN, order);
        }
        desk.transitions.clear();
        desk.advance(Nanos(since.after(secs(30)).0 - 1));
        assert_eq!((state(&desk, ACCOUNT), desk.transitions.len()), (BreakerState::HalfOpen, 0));
        desk.advance(since.after(secs(30)));
        assert_eq!(state(&desk, ACCOUNT), BreakerState::Open);
        let seen = desk.taken(guard::ERROR_RATE)[0];
        assert_eq!((seen.reason, seen.measured, seen.limit), (Reason::HalfOpenSpent, acknowledged, 2));
    }
}

#[test]
fn the_third_opening_by_probes_sticks() {
    let mut desk = half_open();
    for opening in [2, 3] {
        let order = passed(&mut desk, 0);
        desk.refuse(0, order, RejectClass::Infrastructure);
        let row = desk.breaker(ACCOUNT);
        assert_eq!(row.openings, opening);
        if opening == 2 {
            desk.advance(row.until);
            assert_eq!(resume(&mut desk, ACCOUNT), None);
        } else {
            assert_eq!((row.state, row.until), (BreakerState::Open, Nanos::ZERO));
            assert_eq!(resume(&mut desk, ACCOUNT), Some(Reason::UnknownOrder), "only a reset ends it");
        }
    }
}

#[test]
fn a_credit_comes_back_where_its_order_says_nothing() {
    for (name, returned) in
        [("not sent", true), ("invalid", true), ("rate", true), ("auth", true), ("silence", false)]
    {
        let mut limits = guarded(HALF_OPEN);
        limits.books.iter_mut().for_each(|book| book.breaker = None);
        limits.accounts[0].ack_timeout = secs(100);
        let mut desk = Desk::new(limits);
        open(&mut desk);
        let until = desk.breaker(ACCOUNT).until;
        desk.advance(until);
        resume(&mut desk, ACCOUNT);
        let order = passed(&mut desk, 0);
        passed(&mut desk, 0);
        assert_eq!(probe(&mut desk, 0).2, Some(Reason::HalfOpenSpent));
        match name {
            "not sent" => desk.not_sent(0, PLAIN, order, OrderAction::New),
            "invalid" => desk.refuse(0, order, RejectClass::Invalid),
            "rate" => desk.refuse(0, order, RejectClass::Rate),
            "auth" => desk.refuse(0, order, RejectClass::Auth),
            _ => {}
        }
        assert_eq!(probe(&mut desk, 0).1 == Verdict::Pass, returned, "{name}");
    }
}

#[test]
fn a_probe_passes_only_where_half_open_breakers_alone_are_in_its_way() {
    for (name, command, scope, reason) in [
        ("nothing else", None, ACCOUNT, None),
        ("an operator's reduce", Some(CommandVerb::Reduce), BOOK, Some(Reason::ReduceOnlySize)),
        ("a halt", Some(CommandVerb::Halt), Scope::Strategy(0), Some(Reason::Operator)),
        ("a halt elsewhere", Some(CommandVerb::Halt), Scope::Book(1), None),
    ] {
        let mut desk = half_open();
        if let Some(verb) = command {
            desk.command(verb, scope, 0, 0, false);
        }
        assert_eq!(probe(&mut desk, 0).2, reason, "{name}");
    }
}

#[test]
fn an_order_takes_a_credit_of_every_half_open_breaker_it_passes() {
    let mut desk = desk(HALF_OPEN);
    open(&mut desk);
    (0..10).for_each(|_| desk.outcome(0, INVALID));
    let until = desk.breaker(ACCOUNT).until.max(desk.breaker(BOOK).until);
    desk.advance(until);
    assert_eq!(resume(&mut desk, ACCOUNT), None);
    assert_eq!(probe(&mut desk, 0).2, Some(Reason::ReduceOnlySize), "the book's is still open");
    assert_eq!(resume(&mut desk, BOOK), None);
    let of_both = passed(&mut desk, 0);
    let of_account = passed(&mut desk, 1);
    assert_eq!(probe(&mut desk, 0).2, Some(Reason::HalfOpenSpent));
    desk.ack(1, PLAIN, of_account);
    desk.ack(0, PLAIN, of_both);
    assert_eq!((state(&desk, ACCOUNT), state(&desk, BOOK)), (BreakerState::Closed, BreakerState::HalfOpen));
    let order = passed(&mut desk, 0);
    desk.ack(0, PLAIN, order);
    assert_eq!(state(&desk, BOOK), BreakerState::Closed);
}

#[test]
fn what_was_announced_before_it_is_tried_decides_nothing() {
    let mut desk = desk(HALF_OPEN);
    let old = [desk.announce(1), desk.announce(1)];
    open(&mut desk);
    let until = desk.breaker(ACCOUNT).until;
    desk.advance(until);
    resume(&mut desk, ACCOUNT);
    desk.ack(1, PLAIN, old[0]);
    desk.refuse(1, old[1], RejectClass::Infrastructure);
    assert_eq!((state(&desk, ACCOUNT), desk.breaker(ACCOUNT).outcomes), (BreakerState::HalfOpen, 0));
}

#[test]
fn an_operator_forces_a_breaker_open_and_only_a_reset_closes_it() {
    for before in ["closed", "open", "half open"] {
        let mut desk = match before {
            "half open" => half_open(),
            _ => desk(HALF_OPEN),
        };
        if before == "open" {
            open(&mut desk);
        }
        let openings = desk.breaker(ACCOUNT).openings;
        let forced = desk.command(CommandVerb::Reduce, ACCOUNT, guard::ERROR_RATE, 0, false);
        assert_eq!(forced.verdict, Verdict::Pass, "{before}");
        let row = desk.breaker(ACCOUNT);
        assert_eq!(
            (row.state, row.open, row.openings),
            (BreakerState::ForcedOpen, true, openings),
            "{before}"
        );
        assert_eq!(probe(&mut desk, 0).2, Some(Reason::ReduceOnlySize));
        let (epoch, nonce) = (desk.engine.epoch(), desk.nonce(ACCOUNT, guard::ERROR_RATE));
        desk.command(CommandVerb::Reduce, ACCOUNT, guard::ERROR_RATE, 0, false);
        assert_eq!(
            (desk.engine.epoch(), desk.nonce(ACCOUNT, guard::ERROR_RATE)),
            (epoch, nonce),
            "again: nothing"
        );
        desk.wait(secs(100_000));
        assert_eq!(state(&desk, ACCOUNT), BreakerState::ForcedOpen);
        assert_eq!(resume(&mut desk, ACCOUNT), Some(Reason::UnknownOrder));
        let reset = desk.command(CommandVerb::Reset, ACCOUNT, guard::ERROR_RATE, nonce, false);
        assert_eq!((reset.verdict, state(&desk, ACCOUNT)), (Verdict::Pass, BreakerState::Closed));
    }
    let mut none = Desk::new(limits(1_000 * E9, vec![]));
    let denied = none.command(CommandVerb::Reduce, ACCOUNT, guard::ERROR_RATE, 0, false);
    assert_eq!(denied.reason, Some(Reason::UnknownOrder));
    let other = none.command(CommandVerb::Reduce, ACCOUNT, guard::AUTH, 0, false);
    assert_eq!((other.reason, none.engine.cause_count()), (Some(Reason::UnknownOrder), 0));
}

#[test]
fn metrics_only_tells_when_it_would_open_and_moves_no_word() {
    let mut desk = desk(METRICS_ONLY);
    let (words, epoch) = (desk.engine.words().collect::<Vec<_>>(), desk.engine.epoch());
    for (at, lasts) in [(0, 900), (3_600, 1_800), (7_200, 3_600)] {
        desk.advance(secs(at + 1));
        (0..20).for_each(|_| desk.outcome(0, INFRASTRUCTURE));
        let seen = desk.taken(guard::ERROR_RATE);
        assert_eq!(seen.len(), 1, "{at}");
        let Transition { began, reason, measured, limit, old_state, new_state, .. } = seen[0];
        assert_eq!((began, reason, measured, limit), (true, Reason::ErrorRate, 10, 4));
        assert_eq!((old_state, new_state), (TradingState::Active, TradingState::Active));
        let row = desk.breaker(ACCOUNT);
        assert_eq!((row.state, row.open, row.errors), (BreakerState::MetricsOnly, false, 20));
        assert_eq!(probe(&mut desk, 0).1, Verdict::Pass);
        let ends = desk.now.after(secs(lasts));
        desk.advance(Nanos(ends.0 - 1));
        assert!(desk.transitions.is_empty());
        desk.advance(ends);
        let over = desk.taken(guard::ERROR_RATE);
        assert!(over.len() == 1 && !over[0].began, "{at}: {over:?}");
    }
    assert_eq!((desk.engine.words().collect::<Vec<_>>(), desk.engine.epoch()), (words, epoch));
    assert_eq!(desk.breaker(ACCOUNT).openings, 3);
    let forced = desk.command(CommandVerb::Reduce, ACCOUNT, guard::ERROR_RATE, 0, false);
    assert_eq!((forced.verdict, state(&desk, ACCOUNT)), (Verdict::Pass, BreakerState::ForcedOpen));
    assert_eq!(desk.engine.word(WordId::Account(0)).state, TradingState::ReduceOnly, "an operator's gates");
}

fn acting() -> Limits {
    let mut limits = guarded(PATIENT);
    let flatten = Actions::CANCEL_ALL | Actions::FLATTEN;
    let auth = limits.accounts[0].auth.as_mut().unwrap();
    auth.repeated = flatten;
    let liquidation = limits.accounts[0].liquidation.as_mut().unwrap();
    (liquidation.actions, liquidation.repeated) = (flatten, flatten);
    limits
}

/// What was directed by a guard, by kind; not the cancels of orders that left after a halt.
fn directed(desk: &mut Desk) -> Vec<&'static str> {
    let all = std::mem::take(&mut desk.directives);
    all.iter()
        .filter_map(|told| match told.directive.task {
            Task::CancelAll { .. } => Some("cancel all"),
            Task::Flatten { .. } => Some("flatten"),
            Task::Cancel { .. } => None,
            _ => Some("other"),
        })
        .collect()
}

#[test]
fn liquidation_errors_abort_and_authentication_errors_only_when_they_repeat() {
    let mut desk = Desk::new(acting());
    desk.fill(0, PLAIN, 5, 100, 0);
    desk.outcome(0, Some(RejectClass::Liquidation));
    assert!(directed(&mut desk).is_empty(), "one is not two");
    desk.outcome(0, Some(RejectClass::Liquidation));
    let all = directed(&mut desk);
    assert_eq!(all, ["cancel all", "flatten", "cancel all"], "of both books, and the position");

    for (name, gap, reset, aborts) in [
        ("in the same halt", secs(61), false, true),
        ("after a reset", secs(61), true, true),
        ("just within a day", Nanos(secs(24 * 3_600).0 - 1), true, true),
        ("a day later", secs(24 * 3_600), true, false),
    ] {
        let mut desk = Desk::new(acting());
        (0..3).for_each(|_| desk.outcome(0, Some(RejectClass::Auth)));
        assert!(directed(&mut desk).is_empty(), "{name}: a first trip only halts");
        assert_eq!(desk.engine.word(WordId::Account(0)).state, TradingState::Halted);
        if reset {
            desk.close(ACCOUNT, guard::AUTH);
        }
        desk.wait(gap);
        (0..2).for_each(|_| desk.outcome(0, Some(RejectClass::Auth)));
        assert!(directed(&mut desk).is_empty(), "{name}: two are not three");
        desk.outcome(0, Some(RejectClass::Auth));
        assert_eq!(!directed(&mut desk).is_empty(), aborts, "{name}");
    }
}

#[test]
fn a_reject_for_rate_halves_what_the_venue_counts_once_a_second() {
    let bucket = |id, scope| BucketLimits {
        id,
        name: name(&format!("b{id}")),
        scope,
        kind: BucketKind::SlidingLog { limit: 100, window: secs(10) },
        costs: ActionCosts::default(),
        jitter: Nanos::ZERO,
        start_pct: 0,
    };
    let mut limits = guarded(PATIENT);
    limits.buckets = vec![
        bucket(1, BucketScope::Venue(0)),
        bucket(2, BucketScope::Account(0)),
        bucket(3, BucketScope::Book(0)),
        bucket(4, BucketScope::Instrument(0, PLAIN)),
        bucket(5, BucketScope::Account(1)),
        bucket(6, BucketScope::Strategy(0)),
    ];
    let mut desk = Desk::new(limits);
    let caps = |desk: &Desk| desk.engine.bucket_rows().map(|row| row.limit).collect::<Vec<_>>();
    for (wait, class, expected) in [
        (0, RejectClass::Infrastructure, [100; 6]),
        (0, RejectClass::Rate, [50, 50, 100, 50, 100, 100]),
        (0, RejectClass::Rate, [50, 50, 100, 50, 100, 100]),
        (1, RejectClass::Rate, [25, 25, 100, 25, 100, 100]),
    ] {
        desk.wait(secs(wait));
        desk.outcome(0, Some(class));
        assert_eq!(caps(&desk), expected, "{class:?} after {wait} s");
    }
    assert_eq!(desk.breaker(ACCOUNT).errors, 1, "rate counts in no breaker");
}
