//! Gross and net exposure: at the limit and one beyond, on every scope, with open orders, at the marks that are worse.

mod support;

use support::desk::*;
use tripline::engine::guard;
use tripline::engine::limits::ScopeLimits;
use tripline::model::event::{CommandVerb, DoneStatus, Intent};
use tripline::model::verdict::{Verdict, VerdictRecord};
use tripline::model::{Bps, Flags, Money, Reason, Scope, TradingState};

const DOLLARS: Scope = Scope::Account(0);

fn gross(dollars: i128) -> ScopeLimits {
    ScopeLimits { gross: Some(Money(dollars * E9)), ..ScopeLimits::default() }
}

fn net(dollars: i128) -> ScopeLimits {
    ScopeLimits { net: Some(Money(dollars * E9)), ..ScopeLimits::default() }
}

/// Books 0 and 1 on one account in dollars. A lot of PLAIN, PERP and SPOT is worth 100 each.
fn unmarked(caps: &[(Scope, ScopeLimits)]) -> Desk {
    let mut limits = limits(1_000_000 * E9, vec![]);
    limits.accounts.truncate(1);
    limits.books.truncate(2);
    for &(scope, caps) in caps {
        set_caps(&mut limits, scope, caps);
    }
    limits.instruments[usize::from(PLAIN)].band = Some(Bps(300));
    Desk::new(limits)
}

fn desk(caps: &[(Scope, ScopeLimits)]) -> Desk {
    let mut desk = unmarked(caps);
    desk.mark(0, PLAIN, 100);
    desk.mark(0, PERP, 10_000_000);
    desk
}

fn passes(verdict: VerdictRecord) -> bool {
    verdict.verdict == Verdict::Pass
}

/// Reason, measured and limit in whole dollars, guard and kind of scope of a denial.
fn denied(verdict: VerdictRecord) -> (Option<Reason>, i64, i64, u16, u16) {
    assert_eq!(verdict.verdict, Verdict::Deny, "{verdict:?}");
    let VerdictRecord { reason, measured, limit, guard, scope_kind, .. } = verdict;
    (reason, measured / 1_000_000, limit / 1_000_000, guard, scope_kind)
}

fn kind(scope: Scope) -> u16 {
    (scope.to_raw() >> 32) as u16
}

#[test]
fn every_scope_holds_at_its_limit_and_not_one_beyond() {
    for scope in [Scope::Firm, DOLLARS, Scope::Strategy(0), Scope::Book(0)] {
        for (caps, reason, guard) in
            [(gross(1_000), Reason::Gross, guard::GROSS), (net(1_000), Reason::Net, guard::NET)]
        {
            for (qty, fits) in [(9, true), (10, true), (11, false), (-9, true), (-10, true), (-11, false)] {
                let mut desk = desk(&[(scope, caps)]);
                let verdict = desk.ask_limit(0, PLAIN, 1, qty, 100);
                assert_eq!(passes(verdict), fits, "{scope} {reason} {qty}");
                if !fits {
                    assert_eq!(denied(verdict), (Some(reason), 1_100, 1_000, guard, kind(scope)));
                    let held = desk.engine.scope_exposure(scope).unwrap();
                    assert_eq!((held.gross, held.net), (Money(0), Money(0)), "nothing is kept of a denial");
                }
                assert_eq!(desk.state(0), TradingState::Active, "{scope} {reason} {qty}");
            }
        }
    }
}

#[test]
fn gross_adds_up_what_net_sets_off() {
    // Lots of PLAIN held, then of PERP asked for: gross, net.
    for (held, asked, gross_now, net_now) in
        [(6, 5, 1_100, 1_100), (6, -5, 1_100, 100), (-6, -5, 1_100, 1_100), (-6, 5, 1_100, 100)]
    {
        let mut desk = desk(&[(DOLLARS, gross(100_000))]);
        desk.fill(0, PLAIN, held, 100, 0);
        // Filled: what is certain is set off, what may fill is not.
        desk.fill(1, PERP, asked, 10_000_000, 0);
        let kept = desk.engine.scope_exposure(DOLLARS).unwrap();
        assert_eq!((kept.gross, kept.net), (Money(gross_now * E9), Money(net_now * E9)), "{held}, {asked}");
        let of_book = desk.engine.scope_exposure(Scope::Book(0)).unwrap();
        assert_eq!((of_book.gross, of_book.net), (Money(600 * E9), Money(600 * E9)));
    }
}

#[test]
fn orders_that_may_fill_are_never_set_off_against_each_other() {
    let mut desk = desk(&[(DOLLARS, net(1_000))]);
    assert!(passes(desk.ask_limit(0, PLAIN, 1, 8, 100)));
    assert!(passes(desk.ask_limit(1, PERP, 1, -8, 10_000_000)), "short by itself");
    let verdict = desk.ask_limit(0, PERP, 2, 3, 10_000_000);
    assert_eq!(denied(verdict), (Some(Reason::Net), 1_100, 1_000, guard::NET, kind(DOLLARS)));
    desk.fill_as(1, PERP, 11, 1, -8, 10_000_000, 0);
    assert!(passes(desk.ask_limit(0, PERP, 3, 10, 10_000_000)), "800 long and 800 short: 1000 more are 1000");
    let verdict = desk.ask_limit(0, PLAIN, 4, 1, 100);
    assert_eq!(denied(verdict), (Some(Reason::Net), 1_100, 1_000, guard::NET, kind(DOLLARS)));
}

#[test]
fn the_strictest_of_the_scopes_wins() {
    for (book, account, qty, expected) in [
        (500, 1_000, 5, None),
        (500, 1_000, 6, Some((500, Scope::Book(0)))),
        (1_000, 500, 6, Some((500, DOLLARS))),
        (500, 500, 6, Some((500, Scope::Book(0)))),
    ] {
        let mut desk = desk(&[(Scope::Book(0), gross(book)), (DOLLARS, gross(account))]);
        let verdict = desk.ask_limit(0, PLAIN, 1, qty, 100);
        match expected {
            None => assert!(passes(verdict), "{book} {account}"),
            Some((limit, scope)) => {
                let expected = (Some(Reason::Gross), 600, limit, guard::GROSS, kind(scope));
                assert_eq!(denied(verdict), expected, "{book} {account}");
            }
        }
    }
    let mut desk =
        desk(&[(Scope::Book(0), gross(600)), (Scope::Book(1), gross(600)), (DOLLARS, gross(1_000))]);
    assert!(passes(desk.ask_limit(0, PLAIN, 1, 6, 100)));
    assert!(passes(desk.ask_limit(1, PLAIN, 1, 4, 100)), "1000 together");
    let verdict = desk.ask_limit(1, PLAIN, 2, 1, 100);
    assert_eq!(denied(verdict), (Some(Reason::Gross), 1_100, 1_000, guard::GROSS, kind(DOLLARS)));
}

#[test]
fn what_can_only_reduce_passes_though_it_was_a_hedge() {
    for intent in [Intent::Open, Intent::Reduce, Intent::Protect] {
        let mut desk = desk(&[(DOLLARS, net(300))]);
        desk.fill(0, PLAIN, 10, 100, 0);
        desk.fill(1, PERP, -10, 10_000_000, 0);
        let verdict = desk.ask_to(intent, 0, PLAIN, 1, -10, 100);
        assert!(passes(verdict), "{intent:?}: {verdict:?}");
        let verdict = desk.ask_limit(0, PLAIN, 2, -1, 100);
        assert_eq!(denied(verdict).0, Some(Reason::Net), "and one more would open");
    }
}

#[test]
fn an_exit_is_held_to_no_exposure() {
    let mut desk = desk(&[(DOLLARS, net(300))]);
    desk.fill(0, PLAIN, 10, 100, 0);
    desk.fill(1, PERP, -10, 10_000_000, 0);
    assert_eq!(desk.ask_to(Intent::Exit, 0, PLAIN, 1, -10, 100).verdict, Verdict::PassExit);
}

#[test]
fn a_position_that_nobody_can_value_lets_its_scopes_grow_no_further() {
    let mut desk = unmarked(&[(Scope::Book(0), gross(1_000))]);
    let instrument = kind(Scope::Instrument(0, PLAIN));
    assert_eq!(denied(desk.ask_limit(0, PLAIN, 1, 1, 100)), (Some(Reason::NoMark), 0, 1_000, 0, instrument));
    assert!(passes(desk.ask_limit(1, PLAIN, 1, 1, 100)), "nothing of book 1 is limited");
    desk.mark(0, PLAIN, 100);
    desk.fill(0, PERP, 1, 10_000_000, 0);
    assert_eq!(desk.state(0), TradingState::ReduceOnly, "a fill nobody can value");
    assert_eq!(desk.engine.scope_exposure(Scope::Book(0)).unwrap().unvalued, 1);
    desk.mark(0, PERP, 10_000_000);
    assert_eq!(desk.state(0), TradingState::Active);
    assert!(passes(desk.ask_limit(0, PLAIN, 2, 9, 100)));
    assert_eq!(denied(desk.ask_limit(0, PLAIN, 3, 1, 100)).0, Some(Reason::Gross));
}

#[test]
fn a_suspect_mark_counts_where_it_is_worse() {
    // The mark jumps; lots of PLAIN, and what one more than fits is measured at.
    for (suspect, fits, measured) in [(120, 8, 1_080), (80, 10, 1_100)] {
        let mut desk = desk(&[(DOLLARS, gross(1_000))]);
        desk.mark(0, PLAIN, suspect);
        let verdict = desk.ask_limit(0, PLAIN, 1, fits + 1, 100);
        assert_eq!(denied(verdict).1, measured, "{suspect}");
        assert!(passes(desk.ask_limit(0, PLAIN, 2, fits, 100)), "{suspect}");
    }
    // Certain on the other side it is set off at the mark that makes it smaller: 1000 short, 8 * 80 long.
    let mut desk = desk(&[(DOLLARS, gross(100_000))]);
    desk.fill(0, PLAIN, 8, 100, 0);
    desk.fill(1, PERP, -10, 10_000_000, 0);
    assert_eq!(desk.engine.scope_exposure(DOLLARS).unwrap().net, Money(200 * E9));
    desk.mark(0, PLAIN, 80);
    assert_eq!(desk.engine.scope_exposure(DOLLARS).unwrap().net, Money(360 * E9));
}

#[test]
fn an_inverse_position_is_worth_more_at_the_lower_mark_and_is_rounded_up() {
    // A contract is 100 quote units: at 30000 worth 0.003333333… coins.
    for (limit, fits) in [(3_333_333, false), (3_333_334, true), (3_333_335, true)] {
        let mut limits = limits(0, vec![]);
        limits.accounts[1].caps = ScopeLimits { gross: Some(Money(limit)), ..ScopeLimits::default() };
        let mut desk = Desk::new(limits);
        desk.mark(2, INVERSE, 30_000);
        let verdict = desk.ask_limit(2, INVERSE, 1, 1, 30_000);
        assert_eq!(passes(verdict), fits, "{limit}");
        if !fits {
            assert_eq!((verdict.measured, verdict.limit), (3_334, 3_333), "it reads larger than its limit");
        }
    }
    let mut limits = limits(0, vec![]);
    limits.instruments[usize::from(INVERSE)].band = Some(Bps(300));
    limits.accounts[1].caps = ScopeLimits { gross: Some(Money(E9)), ..ScopeLimits::default() };
    let mut desk = Desk::new(limits);
    desk.mark(2, INVERSE, 50_000);
    desk.fill(2, INVERSE, 1, 50_000, 0);
    for (suspect, worth) in [(55_000, 2_000_000), (40_000, 2_500_000)] {
        desk.mark(2, INVERSE, suspect);
        assert_eq!(desk.engine.scope_exposure(Scope::Account(1)).unwrap().gross, Money(worth), "{suspect}");
    }
}

#[test]
fn an_order_that_leaves_without_asking_makes_the_scope_reduce_only_while_it_is_beyond() {
    for (qty, state) in [(10, TradingState::Active), (11, TradingState::ReduceOnly)] {
        let mut desk = desk(&[(Scope::Strategy(0), gross(1_000))]);
        desk.order(0, PLAIN, 1, qty, 100);
        assert_eq!(desk.state(0), state, "{qty}");
        if state == TradingState::ReduceOnly {
            let began = desk.taken(guard::GROSS);
            assert_eq!(
                (began.len(), began[0].reason, began[0].scope),
                (1, Reason::Gross, Scope::Strategy(0))
            );
            assert_eq!((began[0].measured, began[0].limit), (1_100_000_000, 1_000_000_000));
            desk.order(0, PERP, 2, 1, 10_000_000);
            assert!(desk.taken(guard::GROSS).is_empty(), "told once");
            desk.done(0, PERP, 2, DoneStatus::Canceled);
            desk.done(0, PLAIN, 1, DoneStatus::Canceled);
            assert_eq!(desk.state(0), TradingState::Active, "back within");
        }
    }
}

#[test]
fn a_mark_takes_nobodys_permission_and_gives_it_back() {
    let mut desk = desk(&[(Scope::Book(0), gross(1_000))]);
    desk.fill(0, PLAIN, 10, 100, 0);
    desk.mark(0, PLAIN, 102);
    assert_eq!(desk.state(0), TradingState::Active, "1020 at a price that moved");
    assert_eq!(denied(desk.ask_limit(0, PLAIN, 1, 1, 102)).1, 1_122);
    assert!(passes(desk.ask_limit(0, PLAIN, 2, -1, 102)), "less is always welcome");
    desk.order(0, PLAIN, 3, 1, 102);
    assert_eq!(desk.state(0), TradingState::ReduceOnly, "an order that makes it more is not");
    desk.mark(0, PLAIN, 100);
    assert_eq!(desk.state(0), TradingState::ReduceOnly, "1100");
    desk.done(0, PLAIN, 3, DoneStatus::Canceled);
    assert_eq!(desk.state(0), TradingState::Active);
}

#[test]
fn an_increase_is_weighed_and_a_group_counts_its_largest() {
    let mut desk = desk(&[(DOLLARS, gross(1_000))]);
    assert!(passes(desk.ask_limit(0, PLAIN, 1, 8, 100)));
    let verdict = desk.ask(0, PLAIN, Flags::empty(), order_modify(1, 11, 100));
    assert_eq!(denied(verdict), (Some(Reason::Gross), 1_100, 1_000, guard::GROSS, kind(DOLLARS)));
    assert!(passes(desk.ask(0, PLAIN, Flags::empty(), order_modify(1, 10, 100))));
    desk.done(0, PLAIN, 1, DoneStatus::Canceled);
    assert!(passes(desk.ask(0, PLAIN, Flags::empty(), order_with(Intent::Open, 7, 2, 10, 100))));
    assert!(passes(desk.ask(0, PLAIN, Flags::empty(), order_with(Intent::Open, 7, 3, 10, 100))));
    let verdict = desk.ask(0, PLAIN, Flags::empty(), order_with(Intent::Open, 7, 4, 11, 100));
    assert_eq!(denied(verdict).1, 1_100);
}

#[test]
fn the_cause_is_the_engines_own_to_give_and_to_take() {
    let mut desk = desk(&[(DOLLARS, gross(1_000))]);
    desk.order(0, PLAIN, 1, 11, 100);
    let reply = desk.command(CommandVerb::Reset, DOLLARS, guard::GROSS, 0, false);
    assert_eq!((reply.verdict, reply.reason), (Verdict::Deny, Some(Reason::Gross)), "it clears itself");
}

#[test]
fn exposure_of_several_currencies_is_not_limited_as_one() {
    let mut limits = limits(0, vec![]);
    limits.firm = gross(1_000);
    assert!(std::panic::catch_unwind(|| Desk::new(limits)).is_err(), "dollars and coins do not add up");
}

#[test]
fn a_mark_that_moves_two_books_against_each_other_ends_nothing_on_the_way() {
    // Net of the account is 10 lots long. Valued anew one after the other, the short book alone would bring it within;
    // whichever of them is valued first.
    for short in [0, 1] {
        for first in [0, 1] {
            let mut limits = limits(1_000_000 * E9, vec![]);
            limits.accounts[0].caps.net = Some(Money(990 * E9));
            let mut desk = Desk::new(limits);
            desk.mark(0, PLAIN, 100);
            for book in [first, 1 - first] {
                desk.fill(book, PLAIN, if book == short { -5 } else { 15 }, 100, 0);
            }
            let state = |desk: &Desk| desk.engine.word(tripline::engine::WordId::Account(0)).state;
            assert_eq!(state(&desk), TradingState::ReduceOnly, "1 000 of 990");
            desk.mark(0, PLAIN, 120);
            assert_eq!(state(&desk), TradingState::ReduceOnly, "1 200 of 990: {short} {first}");
            desk.mark(0, PLAIN, 99);
            assert_eq!(state(&desk), TradingState::Active, "990 of 990");
        }
    }
}
