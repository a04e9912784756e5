//! Accounts that are armed by the venue's word, and books that open with what is found there.

mod support;

use support::desk::*;
use tripline::engine::{Limits, WordId, guard};
use tripline::model::event::Intent;
use tripline::model::verdict::{Task, Verdict};
use tripline::model::{Event, Flags, Latch, Lots, Money, Nanos, Reason, Scope, TradingState};

const POSITIONS: u32 = 1;
const ORDERS: u32 = 2;
const BALANCES: u32 = 4;
const ALL: u32 = POSITIONS | ORDERS | BALANCES;
const ACCOUNT: Scope = Scope::Account(0);

/// What a venue says: positions with their average price in price units, and the cash.
struct Word<'a> {
    what: u32,
    positions: &'a [(u16, i64, i64)],
    cash: Option<i128>,
}

/// Everything, all of it at once.
fn all(positions: &[(u16, i64, i64)], cash: i128) -> Word<'_> {
    Word { what: ALL, positions, cash: Some(cash) }
}

trait Hears {
    fn hears(&mut self, word: &Word<'_>);
    fn hears_between(&mut self, word: &Word<'_>, before: u64, after: u64);
    fn waits(&self) -> Option<Reason>;
    fn basis(&self, book: u16) -> (i128, i128);
}

impl Hears for Desk {
    fn hears(&mut self, word: &Word<'_>) {
        let at = self.position;
        self.hears_between(word, at, at);
    }

    fn hears_between(&mut self, word: &Word<'_>, before: u64, after: u64) {
        let begin = Event::SnapBegin { snapshot: 7, what: word.what, position_before: before };
        self.say(0, PLAIN, Flags::empty(), begin);
        for &(instrument, qty, px) in word.positions {
            let (qty, average_px) = (Lots(qty), px * 1_000_000_000);
            let row = Event::SnapPosition { snapshot: 7, qty, average_px, liquidation_px: 0, t_venue: 0 };
            self.say(0, instrument, Flags::empty(), row);
        }
        if let Some(cash) = word.cash {
            let total = Money(cash * E9);
            let row = Event::SnapBalance { snapshot: 7, total, available: i64::MIN, ccy: 0 };
            self.say(0, PLAIN, Flags::empty(), row);
        }
        let rows = word.positions.len() as u64 + u64::from(word.cash.is_some());
        let end = Event::SnapEnd { snapshot: 7, rows, position_after: after, t_venue: 0 };
        self.say(0, PLAIN, Flags::empty(), end);
    }

    /// Why the account waits.
    fn waits(&self) -> Option<Reason> {
        let mut rows = self.engine.cause_rows();
        let row = rows.find(|row| row.scope == Some(ACCOUNT) && row.guard == u64::from(guard::ARMING))?;
        assert_eq!((row.state, row.latch), (TradingState::Halted, Some(Latch::Auto)));
        assert_eq!(self.engine.word(WordId::Account(0)).state, TradingState::Halted);
        row.reason
    }

    /// Equity, and realised profit of the book.
    fn basis(&self, book: u16) -> (i128, i128) {
        let row = self.engine.book_row(book).unwrap();
        (row.equity.0 / E9, row.realised.0 / E9)
    }
}

/// Book 0 opens with what the venue tells; book 1 of the same account has 400.
fn at_venue() -> Limits {
    let mut limits = limits(0, vec![drawdown("kill")]);
    limits.books[0].opens_at_venue = true;
    limits.books[1].capital = Money(400 * E9);
    limits
}

fn reconciled() -> Limits {
    let mut limits = limits(1_000 * E9, vec![drawdown("kill")]);
    limits.accounts[0].arms_reconciled = true;
    limits
}

fn is_armed(desk: &Desk) -> bool {
    desk.engine.guard_row(0).is_some_and(|row| row.armed)
}

#[test]
fn an_account_with_a_number_for_its_capital_is_armed_at_once() {
    let desk = Desk::new(limits(1_000 * E9, vec![drawdown("kill")]));
    assert_eq!(desk.waits(), None);
    assert!(is_armed(&desk));
}

#[test]
fn the_first_balance_is_the_opening_cash_less_what_other_books_have() {
    let mut desk = Desk::new(at_venue());
    assert_eq!(desk.waits(), Some(Reason::Unarmed));
    assert!(!is_armed(&desk));
    desk.hears(&all(&[], 1_000));
    assert_eq!(desk.waits(), None);
    assert_eq!((desk.equity(0) / E9, desk.equity(1) / E9), (600, 400));
    assert!(is_armed(&desk));
    // The first only: the next is held against the books, and changes none.
    for _ in 0..2 {
        desk.hears(&all(&[], 990));
        desk.wait(Nanos::from_secs(2));
    }
    assert_eq!(desk.equity(0) / E9, 600);
    let mismatch = |row: tripline::wire::stats::CauseRow| row.reason == Some(Reason::CashMismatch);
    assert!(desk.engine.cause_rows().any(mismatch));
}

#[test]
fn positions_found_are_the_books_own_at_the_venues_average_or_the_mark_and_worth_the_mark() {
    // Found: 10, the mark is 110.
    for (average, unrealised) in [(100, 100), (0, 0), (120, -100)] {
        let mut desk = Desk::new(at_venue());
        desk.mark(0, PLAIN, 110);
        desk.hears(&all(&[(PLAIN, 10, average)], 1_000));
        assert_eq!(desk.waits(), None, "{average}");
        assert_eq!(desk.engine.position(0, PLAIN), 10);
        assert_eq!(desk.basis(0), (600 + unrealised, 0), "{average}");
        // What the venue says of it next is what the books say.
        desk.hears(&all(&[(PLAIN, 10, average)], 1_000));
        // Closed, it leaves in cash what it leaves at the venue.
        desk.fill(0, PLAIN, -10, 115, 0);
        let opened_at = if average == 0 { 110 } else { average };
        let cash = i128::from(1_000 + 10 * (115 - opened_at));
        desk.hears(&all(&[], cash));
        assert_eq!(desk.engine.counters().mismatches, 0, "{average}");
    }
}

#[test]
fn spot_found_adds_its_worth_since_no_cash_was_spent_on_it() {
    let mut desk = Desk::new(at_venue());
    desk.mark(0, SPOT, 5_000);
    desk.hears(&all(&[(SPOT, 2_000, 0)], 1_000));
    assert_eq!(desk.waits(), None);
    assert_eq!(desk.basis(0), (700, 0));
    desk.mark(0, SPOT, 6_000);
    assert_eq!(desk.basis(0), (720, 0));
}

#[test]
fn without_a_mark_that_can_be_trusted_nothing_opens() {
    let mut desk = Desk::new(at_venue());
    let found = [(PLAIN, -4, 100)];
    desk.hears(&all(&found, 1_000));
    assert_eq!((desk.waits(), desk.engine.position(0, PLAIN)), (Some(Reason::Unarmed), 0));
    desk.mark(0, PLAIN, 100);
    desk.wait(Nanos(Nanos::from_secs(5).0 + 1));
    desk.hears(&all(&found, 1_000));
    assert_eq!((desk.waits(), desk.equity(0)), (Some(Reason::Unarmed), 0), "the mark is stale");
    desk.mark(0, PLAIN, 100);
    desk.hears(&all(&found, 1_000));
    assert_eq!((desk.waits(), desk.engine.position(0, PLAIN)), (None, -4));
}

#[test]
fn only_positions_and_a_balance_together_open_and_only_with_orders_it_arms() {
    let parts = [
        (POSITIONS | ORDERS, None, Some(Reason::Unarmed)),
        (ORDERS | BALANCES, Some(1_000), Some(Reason::Unarmed)),
        (POSITIONS | BALANCES, None, Some(Reason::Unarmed)),
        (POSITIONS | BALANCES, Some(1_000), Some(Reason::Reconciling)),
        (ALL, Some(1_000), None),
    ];
    for (what, cash, expected) in parts {
        let mut desk = Desk::new(at_venue());
        desk.hears(&Word { what, positions: &[], cash });
        assert_eq!(desk.waits(), expected, "{what} {cash:?}");
        assert_eq!(is_armed(&desk), expected.is_none());
        desk.hears(&all(&[], 1_000));
        assert_eq!((desk.waits(), desk.equity(0) / E9), (None, 600), "{what} {cash:?}");
    }
}

#[test]
fn what_changes_between_question_and_answer_opens_nothing_and_what_came_before_is_not_counted_twice() {
    let mut desk = Desk::new(at_venue());
    desk.mark(0, PLAIN, 100);
    desk.fill(0, PLAIN, 3, 100, 0);
    let before = desk.position;
    desk.fill(0, PLAIN, 2, 100, 0);
    let after = desk.position;
    desk.hears_between(&all(&[(PLAIN, 9, 100)], 1_000), before, after);
    assert_eq!((desk.waits(), desk.engine.position(0, PLAIN)), (Some(Reason::Unarmed), 5));
    desk.hears(&all(&[(PLAIN, 9, 100)], 1_000));
    assert_eq!((desk.waits(), desk.engine.position(0, PLAIN)), (None, 9));
    assert_eq!(desk.equity(0) / E9, 600);
}

#[test]
fn who_waits_is_asked_at_once_and_every_two_seconds() {
    let mut desk = Desk::new(at_venue());
    desk.wait(Nanos(1));
    let asked = |desk: &Desk| {
        let of = desk.directives.iter().filter(|it| it.directive.task == Task::Snapshot { what: ALL });
        of.map(|it| it.directive.id).collect::<std::collections::BTreeSet<_>>().len()
    };
    assert_eq!(asked(&desk), 1);
    let id = desk.directives[0].directive.id;
    let (status, detail) = (tripline::model::event::DirectiveStatus::Done, 0);
    let done = Event::DirectiveAck { directive: id, status, remaining: Lots(0), detail };
    desk.say(0, PLAIN, Flags::empty(), done);
    desk.wait(Nanos::from_secs(2));
    assert_eq!(asked(&desk), 2);
    desk.hears(&all(&[], 1_000));
    desk.wait(Nanos::from_secs(600));
    assert_eq!(asked(&desk), 2, "nobody waits any more");
}

#[test]
fn while_it_waits_nothing_opens_and_only_exits_the_venue_enforces_pass() {
    let mut desk = Desk::new(at_venue());
    desk.mark(0, PLAIN, 100);
    let denied = desk.ask_limit(0, PLAIN, 1, 1, 100);
    assert_eq!((denied.verdict, denied.reason), (Verdict::Deny, Some(Reason::Unarmed)));
    let other = desk.ask_limit(1, PLAIN, 2, 1, 100);
    assert_eq!(other.reason, Some(Reason::Unarmed), "it is the account that waits");
    let exit = desk.ask_to(Intent::Exit, 0, PLAIN, 3, -10, 100);
    assert_eq!(exit.verdict, Verdict::ExitUnverified);
    desk.hears(&all(&[(PLAIN, 10, 0)], 1_000));
    let exit = desk.ask_to(Intent::Exit, 0, PLAIN, 4, -11, 100);
    assert_eq!(exit.reason, Some(Reason::ExitSize));
    let exit = desk.ask_to(Intent::Exit, 0, PLAIN, 5, -10, 100);
    assert_eq!(exit.verdict, Verdict::PassExit, "what was found may be closed");
}

#[test]
fn an_account_may_wait_for_a_snapshot_that_matches() {
    let words = [
        (Word { what: POSITIONS, positions: &[], cash: None }, true),
        (Word { what: ORDERS, positions: &[], cash: None }, true),
        (Word { what: POSITIONS | ORDERS, positions: &[(PLAIN, 1, 0)], cash: None }, true),
        (Word { what: ALL, positions: &[], cash: Some(2_001) }, true),
        (Word { what: ALL, positions: &[], cash: Some(2_000) }, false),
        (Word { what: POSITIONS | ORDERS, positions: &[], cash: None }, false),
    ];
    for (word, waits) in words {
        let mut desk = Desk::new(reconciled());
        assert_eq!(desk.waits(), Some(Reason::Reconciling));
        desk.hears(&word);
        assert_eq!(desk.waits().is_some(), waits, "{} {:?}", word.what, word.cash);
        assert_eq!(is_armed(&desk), !waits);
        desk.hears(&Word { what: POSITIONS, positions: &[], cash: None });
        desk.hears(&Word { what: ALL, positions: &[], cash: Some(2_000) });
        assert_eq!(desk.waits(), None);
        assert!(is_armed(&desk));
    }
}

#[test]
fn the_peak_is_taken_from_what_is_found_and_not_from_what_was_thought() {
    let mut desk = Desk::new(at_venue());
    desk.mark(0, PLAIN, 110);
    desk.hears(&all(&[(PLAIN, 10, 100)], 900));
    // 500 of its own and 100 not realised yet: 15 % below 600 is 510, at a mark of 101.
    desk.mark(0, PLAIN, 102);
    assert_eq!(desk.state(0), TradingState::Active);
    desk.mark(0, PLAIN, 101);
    assert_eq!(desk.state(0), TradingState::Halted);
}

#[test]
fn a_balance_below_what_other_books_have_opens_below_nothing_and_arms_no_share() {
    let mut desk = Desk::new(at_venue());
    desk.hears(&all(&[], 399));
    assert_eq!((desk.waits(), desk.equity(0) / E9), (None, -1));
    assert!(!is_armed(&desk), "a share of less than nothing means nothing");
    assert_eq!(desk.state(0), TradingState::Halted);
}

#[test]
fn what_does_not_fit_halts_the_book() {
    let mut desk = Desk::new(at_venue());
    desk.mark(0, PLAIN, i64::MAX);
    let begin = Event::SnapBegin { snapshot: 7, what: ALL, position_before: desk.position };
    desk.say(0, PLAIN, Flags::empty(), begin);
    let qty = Lots(i64::MAX);
    let row = Event::SnapPosition { snapshot: 7, qty, average_px: 0, liquidation_px: 0, t_venue: 0 };
    desk.say(0, PLAIN, Flags::empty(), row);
    let total = Money(i128::MAX);
    desk.say(0, PLAIN, Flags::empty(), Event::SnapBalance { snapshot: 7, total, available: 0, ccy: 0 });
    let position_after = desk.position;
    desk.say(0, PLAIN, Flags::empty(), Event::SnapEnd { snapshot: 7, rows: 2, position_after, t_venue: 0 });
    assert_eq!((desk.waits(), desk.state(0)), (Some(Reason::Unarmed), TradingState::Halted));
    assert_eq!(desk.engine.counters().overflows, 1);
}

#[cfg(feature = "sidecar")]
#[test]
fn once_armed_it_stays_armed_and_once_waiting_it_waits_over_a_restart() {
    use tripline::engine::Engine;
    let mut desk = Desk::new(at_venue());
    let restored = |desk: &Desk| Engine::restore(&desk.engine.snapshot()).expect("its own bytes");
    desk.engine = restored(&desk);
    assert_eq!(desk.waits(), Some(Reason::Unarmed));
    desk.hears(&Word { what: POSITIONS | BALANCES, positions: &[], cash: Some(1_000) });
    desk.engine = restored(&desk);
    assert_eq!(desk.waits(), Some(Reason::Reconciling));
    desk.hears(&all(&[], 1_000));
    desk.engine = restored(&desk);
    assert_eq!((desk.waits(), desk.equity(0) / E9), (None, 600));
}
