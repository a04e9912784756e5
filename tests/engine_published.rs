//! Books whose equity is what their strategy says it is.

mod support;

use support::desk::*;
use tripline::engine::Limits;
use tripline::engine::limits::{Anchor, DrawdownLimits};
use tripline::model::event::FlowKind;
use tripline::model::{Bps, Event, Flags, Money, Nanos, Reason, Scope, TradingState};

const KILL: u16 = 64;

fn published(drawdowns: Vec<DrawdownLimits>) -> Limits {
    let mut limits = limits(1_000 * E9, drawdowns);
    limits.books[0].published = Some(Nanos::from_secs(5));
    limits
}

fn say(desk: &mut Desk, sequence: u64, amount: i128, trusted: u16) {
    let event = Event::Equity { sequence, amount: Money(amount * E9), ccy: 0, trusted, t_venue: 0 };
    desk.say(0, PLAIN, Flags::empty(), event);
}

fn is_trusted(desk: &Desk) -> bool {
    desk.engine.book_row(0).unwrap().trusted
}

#[test]
fn a_book_is_unarmed_until_its_strategy_says_what_it_has() {
    let mut desk = Desk::new(published(vec![drawdown("kill")]));
    assert_eq!((desk.state(0), is_trusted(&desk)), (TradingState::Halted, false));
    assert_eq!(desk.engine.cause_rows().next().unwrap().reason, Some(Reason::Unarmed));
    say(&mut desk, 1, 800, 0);
    assert_eq!(desk.state(0), TradingState::Halted, "by its own word not to be trusted");
    say(&mut desk, 2, 800, 1);
    assert_eq!(
        (desk.state(0), desk.engine.guard_row(0).unwrap().peak),
        (TradingState::Active, Money(800 * E9))
    );
    let row = desk.engine.book_row(0).unwrap();
    assert_eq!((row.realised.0, row.unrealised.0, row.fees.0), (0, -200 * E9, 0));
    let account = desk.engine.account_row(0).unwrap();
    assert_eq!(account.equity, Money(1_800 * E9), "with the other book's capital");
}

#[test]
fn published_equity_is_stale_when_older_than_its_age() {
    for (age, trusted) in [(4_999_999_999, true), (5_000_000_000, true), (5_000_000_001, false)] {
        let mut desk = Desk::new(published(vec![drawdown("kill")]));
        say(&mut desk, 1, 1_000, 1);
        desk.wait(Nanos(age));
        assert_eq!((is_trusted(&desk), desk.equity(0)), (trusted, 1_000 * E9), "{age}");
        say(&mut desk, 2, 1_100, 1);
        assert!(is_trusted(&desk));
        desk.wait(Nanos::from_secs(4));
        say(&mut desk, 3, 1_100, 1);
        desk.wait(Nanos::from_secs(5));
        assert!(is_trusted(&desk), "each amount starts its own age");
    }
}

#[test]
fn a_published_loss_is_soft_at_once_and_latches_when_it_lasts() {
    for (amount, soft) in [(851, false), (850, true), (849, true)] {
        let mut desk = Desk::new(published(vec![drawdown("kill")]));
        say(&mut desk, 1, 1_000, 1);
        say(&mut desk, 2, amount, 1);
        assert_eq!(desk.state(0) == TradingState::ReduceOnly, soft, "{amount}");
        desk.wait(ms(499));
        assert!(!desk.engine.guard_row(0).unwrap().latched);
        desk.wait(ms(1));
        assert_eq!(desk.engine.guard_row(0).unwrap().latched, soft);
    }
    let mut desk = Desk::new(published(vec![drawdown("kill")]));
    say(&mut desk, 1, 1_000, 1);
    say(&mut desk, 2, 500, 1);
    desk.wait(ms(400));
    say(&mut desk, 3, 1_000, 1);
    desk.wait(Nanos::from_secs(3));
    assert_eq!(desk.state(0), TradingState::Active, "one wrong amount is no loss");
}

#[test]
fn an_amount_nobody_trusts_raises_no_peak_and_still_tightens() {
    let mut desk = Desk::new(published(vec![drawdown("kill")]));
    say(&mut desk, 1, 1_000, 1);
    say(&mut desk, 2, 5_000, 0);
    assert_eq!(desk.engine.guard_row(0).unwrap().peak, Money(1_000 * E9));
    say(&mut desk, 3, 100, 0);
    assert_eq!(desk.state(0), TradingState::ReduceOnly);
    for sequence in 4..20 {
        desk.wait(Nanos::from_secs(4));
        say(&mut desk, sequence, 100, 0);
    }
    assert_eq!(desk.taken(KILL).last().unwrap().reason, Reason::DrawdownUntrusted);
}

#[test]
fn an_amount_counts_once_and_in_order() {
    let mut desk = Desk::new(published(vec![]));
    for (sequence, amount, equity) in [(5, 900, 900), (5, 800, 900), (4, 700, 900), (6, 600, 600)] {
        say(&mut desk, sequence, amount, 1);
        assert_eq!(desk.equity(0), equity * E9, "{sequence}");
    }
    assert_eq!(desk.engine.counters().duplicate_fills, 2);
    desk.sidecar(Event::Lane { lane: 0, strategy: 0, open: 1, generation: 2 });
    say(&mut desk, 1, 500, 1);
    assert_eq!(desk.equity(0), 500 * E9, "a new lane may number from the start");
}

#[test]
fn a_flow_moves_published_equity_and_scales_its_peak() {
    let mut desk = Desk::new(published(vec![drawdown("kill")]));
    say(&mut desk, 1, 100, 1);
    say(&mut desk, 2, 90, 1);
    desk.flow(0, 1, -80 * E9, FlowKind::Withdrawal);
    let row = desk.engine.guard_row(0).unwrap();
    assert_eq!((row.equity.0, row.peak.0, row.drawdown_bps), (10 * E9, 11_111_111_112, 1_000));
    say(&mut desk, 3, 10, 1);
    assert_eq!((desk.state(0), desk.equity(0)), (TradingState::Active, 10 * E9));
    desk.funding(0, 9, -E9);
    assert_eq!(desk.equity(0), 10 * E9, "the next amount contains it");
}

#[test]
fn fills_move_positions_and_no_published_equity() {
    let mut desk = Desk::new(published(vec![]));
    say(&mut desk, 1, 1_000, 1);
    desk.fill(0, PLAIN, 10, 100, 5);
    desk.mark(0, PLAIN, 50);
    assert_eq!((desk.engine.position(0, PLAIN), desk.equity(0)), (10, 1_000 * E9));
}

#[test]
fn equity_nobody_asked_for_halts_the_book() {
    let record = |ccy| Event::Equity { sequence: 1, amount: Money(E9), ccy, trusted: 1, t_venue: 0 };
    let mut desk = Desk::with(1_000, vec![]);
    desk.say(0, PLAIN, Flags::empty(), record(0));
    assert_eq!((desk.state(0), desk.transitions[0].reason), (TradingState::Halted, Reason::Gap));
    let mut desk = Desk::new(published(vec![]));
    desk.say(0, PLAIN, Flags::empty(), record(COIN));
    assert_eq!((desk.state(0), desk.transitions[0].reason), (TradingState::Halted, Reason::Gap));
    let mut desk = Desk::new(published(vec![]));
    desk.say(0, PLAIN, Flags::empty(), record(USD));
    assert_eq!((desk.state(0), desk.equity(0)), (TradingState::Active, E9));
}

#[test]
fn an_account_sums_published_and_reckoned_books_and_what_does_not_fit_halts() {
    let account = DrawdownLimits {
        scope: Scope::Account(0),
        anchor: Anchor::Static,
        limit: Some(Bps(1_000)),
        ..drawdown("kill")
    };
    let mut desk = Desk::new(published(vec![account]));
    say(&mut desk, 1, 1_000, 1);
    desk.funding(1, 1, -100 * E9);
    say(&mut desk, 2, 900, 1);
    assert!(!desk.engine.guard_row(0).unwrap().latched);
    desk.wait(ms(500));
    assert!(desk.engine.guard_row(0).unwrap().latched, "2 000 less 200");
    let event = Event::Equity { sequence: 3, amount: Money(i128::MAX), ccy: 0, trusted: 1, t_venue: 0 };
    desk.say(0, PLAIN, Flags::empty(), event);
    assert_eq!(desk.transitions.last().unwrap().reason, Reason::Arithmetic);
    assert_eq!(desk.equity(0), 900 * E9);
}
