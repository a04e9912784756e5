//! Snapshots of venues against the books, through the whole engine.

#[path = "engine_reconcile/adoption.rs"]
mod adoption;
#[path = "engine_reconcile/history.rs"]
mod history;
#[path = "engine_reconcile/orders.rs"]
mod orders;
mod support;

use support::desk::*;
use tripline::engine::{Limits, WordId, guard};
use tripline::model::event::{FlowKind, LivenessSign};
use tripline::model::verdict::Task;
use tripline::model::{Bps, Event, Flags, Latch, Lots, Money, Nanos, Reason, Scope, Ticks, TradingState};

const POSITIONS: u32 = 1;
const ORDERS: u32 = 2;
const BALANCES: u32 = 4;
const AT: Scope = Scope::Instrument(0, PLAIN);
const ACCOUNT: Scope = Scope::Account(0);
/// The book of what no strategy did on account 0.
const HOUSE: u16 = 3;

const fn secs(seconds: u64) -> Nanos {
    Nanos::from_secs(seconds)
}

fn limits_of(capital: i128) -> Limits {
    limits(capital * E9, vec![])
}

/// One snapshot, row by row.
trait Snapshots {
    fn begin(&mut self, book: u16, what: u32, before: u64);
    fn row(&mut self, book: u16, instrument: u16, qty: i64, average_px: i64);
    fn balance(&mut self, book: u16, total: i128);
    fn listed(&mut self, book: u16, flags: Flags, order: u64, venue_key: u64, qty: i64);
    fn end(&mut self, book: u16, rows: u64, after: u64);
    /// Positions, of an instant at which nothing happens.
    fn positions(&mut self, book: u16, rows: &[(u16, i64)]);
    fn reconciles(&self, scope: Scope) -> Option<(Reason, i64, i64)>;
}

impl Snapshots for Desk {
    fn begin(&mut self, book: u16, what: u32, before: u64) {
        let event = Event::SnapBegin { snapshot: 7, what, position_before: before };
        self.say(book, PLAIN, Flags::empty(), event);
    }

    fn row(&mut self, book: u16, instrument: u16, qty: i64, average_px: i64) {
        let qty = Lots(qty);
        let event = Event::SnapPosition { snapshot: 7, qty, average_px, liquidation_px: 0, t_venue: 0 };
        self.say(book, instrument, Flags::empty(), event);
    }

    fn balance(&mut self, book: u16, total: i128) {
        let event = Event::SnapBalance { snapshot: 7, total: Money(total), available: 0, ccy: 0 };
        self.say(book, PLAIN, Flags::empty(), event);
    }

    fn listed(&mut self, book: u16, flags: Flags, order: u64, venue_key: u64, qty: i64) {
        let event = Event::SnapOrder { order, venue_key, px: Ticks(100), qty: Lots(qty), attrs: attrs() };
        self.say(book, PLAIN, flags, event);
    }

    fn end(&mut self, book: u16, rows: u64, after: u64) {
        let event = Event::SnapEnd { snapshot: 7, rows, position_after: after, t_venue: 0 };
        self.say(book, PLAIN, Flags::empty(), event);
    }

    fn positions(&mut self, book: u16, rows: &[(u16, i64)]) {
        let before = self.position;
        self.begin(book, POSITIONS, before);
        for &(instrument, qty) in rows {
            self.row(book, instrument, qty, 0);
        }
        let after = self.position;
        self.end(book, rows.len() as u64, after);
    }

    fn reconciles(&self, scope: Scope) -> Option<(Reason, i64, i64)> {
        let mut rows = self.engine.cause_rows();
        let row = rows.find(|row| row.scope == Some(scope) && row.guard == u64::from(guard::RECONCILE))?;
        assert_eq!((row.state, row.latch), (TradingState::Halted, Some(Latch::Auto)));
        Some((row.reason?, row.measured, row.limit))
    }
}

fn desk() -> Desk {
    let mut desk = Desk::new(limits_of(1_000));
    desk.fill(0, PLAIN, 5, 100, 0);
    desk.fill(1, PLAIN, 3, 100, 0);
    desk
}

#[test]
fn two_mismatches_halt_the_instrument_when_they_are_two_seconds_apart() {
    for (gap, halts) in [(Nanos(secs(2).0 - 1), false), (secs(2), true), (secs(59), true)] {
        let mut desk = desk();
        desk.positions(0, &[(PLAIN, 9)]);
        assert_eq!(desk.reconciles(AT), None, "one is none");
        desk.wait(gap);
        desk.positions(1, &[(PLAIN, 9)]);
        let expected = halts.then_some((Reason::PositionMismatch, 8, 9));
        assert_eq!(desk.reconciles(AT), expected, "{gap:?}");
        assert_eq!(desk.engine.word(WordId::Instrument(0, PLAIN)).state == TradingState::Halted, halts);
        assert_eq!(desk.engine.word(WordId::Account(0)).state, TradingState::Active, "nothing else");
        desk.positions(0, &[(PLAIN, 8)]);
        assert_eq!(desk.reconciles(AT), None, "a match ends it");
        desk.wait(secs(100));
        assert_eq!((desk.reconciles(AT), desk.engine.counters().mismatches), (None, 2));
    }
}

#[test]
fn a_match_between_two_mismatches_begins_anew() {
    let mut desk = desk();
    for stated in [9, 8, 9] {
        desk.positions(0, &[(PLAIN, stated)]);
        desk.wait(secs(3));
    }
    assert_eq!(desk.reconciles(AT), None);
    desk.positions(0, &[(PLAIN, 9)]);
    assert!(desk.reconciles(AT).is_some());
}

#[test]
fn what_a_snapshot_does_not_name_is_zero() {
    let mut desk = desk();
    desk.fill(0, PERP, 2, 10_000, 0);
    for _ in 0..2 {
        desk.positions(0, &[(PLAIN, 8)]);
        desk.wait(secs(2));
    }
    assert_eq!(desk.reconciles(Scope::Instrument(0, PERP)), Some((Reason::PositionMismatch, 2, 0)));
    assert_eq!(desk.reconciles(AT), None);
    desk.positions(0, &[(PLAIN, 8), (PERP, 2)]);
    assert_eq!(desk.reconciles(Scope::Instrument(0, PERP)), None);
}

#[test]
fn the_tolerance_is_allowed_and_no_lot_more() {
    for (tolerance, stated, matches) in
        [(0, 8, true), (0, 7, false), (2, 6, true), (2, 10, true), (2, 5, false), (2, 11, false)]
    {
        let mut limits = limits_of(1_000);
        limits.instruments[usize::from(PLAIN)].position_tolerance = Lots(tolerance);
        let mut desk = Desk::new(limits);
        desk.fill(0, PLAIN, 8, 100, 0);
        desk.positions(0, &[(PLAIN, stated)]);
        assert_eq!(desk.engine.counters().mismatches == 0, matches, "{tolerance} {stated}");
    }
}

/// What happens relative to a query: before it, while it is under way, after its answer.
#[test]
fn equal_to_the_books_anywhere_in_between_is_a_match() {
    // Account 0 holds 8; then one fill each: before, inside through this lane, inside through another, after.
    for (stated, mismatch, inconclusive) in [
        (8, false, true),
        (18, false, false),
        (28, false, false),
        (58, false, false),
        (38, false, true),
        (138, false, true),
    ] {
        let mut desk = desk();
        desk.fill(0, PLAIN, 10, 100, 0);
        let before = desk.position;
        desk.fill(0, PLAIN, 10, 100, 0);
        desk.fill(1, PLAIN, 30, 100, 0);
        desk.mark(0, PLAIN, 100);
        let after = desk.position;
        desk.fill(0, PLAIN, 80, 100, 0);
        desk.begin(0, POSITIONS, before);
        desk.row(0, PLAIN, stated, 0);
        desk.end(0, 1, after);
        assert_eq!(desk.engine.counters().mismatches, u64::from(mismatch), "{stated}");
        desk.wait(Nanos(secs(60).0 - 1));
        assert_eq!(desk.reconciles(AT), None, "{stated}");
        desk.wait(Nanos(1));
        assert_eq!(desk.reconciles(AT).is_some(), inconclusive, "{stated}: sixty seconds without a match");
    }
}

#[test]
fn unequal_with_nothing_inside_is_a_mismatch_however_much_happens_around() {
    for (stated, mismatches) in [(18, 0), (8, 1), (98, 1)] {
        let mut desk = desk();
        desk.fill(0, PLAIN, 10, 100, 0);
        let before = desk.position;
        desk.mark(0, PLAIN, 100);
        desk.fill(0, PERP, 10, 10_000, 0);
        let after = desk.position;
        desk.fill(0, PLAIN, 80, 100, 0);
        desk.begin(0, POSITIONS, before);
        desk.row(0, PLAIN, stated, 0);
        desk.row(0, PERP, 10, 0);
        desk.end(0, 2, after);
        assert_eq!(desk.engine.counters().mismatches, mismatches, "{stated}");
    }
}

#[test]
fn what_is_inconclusive_for_a_minute_halts_with_or_without_another_answer() {
    for answers in [false, true] {
        let mut desk = desk();
        let start = desk.now;
        let inconclusive = |desk: &mut Desk| {
            let before = desk.position;
            desk.fill(0, PLAIN, 1, 100, 0);
            let after = desk.position;
            desk.begin(0, POSITIONS, before);
            desk.row(0, PLAIN, -99, 0);
            desk.end(0, 1, after);
        };
        inconclusive(&mut desk);
        if answers {
            for _ in 0..5 {
                desk.wait(secs(11));
                inconclusive(&mut desk);
            }
        }
        desk.advance(Nanos(start.after(secs(60)).0 - 1));
        assert_eq!((desk.reconciles(AT), desk.engine.counters().mismatches), (None, 0));
        desk.advance(start.after(secs(60)));
        let (reason, ..) = desk.reconciles(AT).expect("a minute is over");
        assert_eq!(reason, Reason::PositionMismatch);
    }
}

#[test]
fn a_snapshot_of_a_time_that_is_forgotten_proves_nothing() {
    let mut desk = desk();
    desk.wait(secs(2));
    let before = desk.position;
    for at in 0..200 {
        desk.fill(0, PERP, if at % 2 == 0 { 1 } else { -1 }, 10_000, 0);
    }
    for stated in [8, 9] {
        desk.begin(0, POSITIONS, before);
        desk.row(0, PLAIN, stated, 0);
        let after = desk.position;
        desk.end(0, 1, after);
        assert_eq!(desk.engine.counters().mismatches, 0);
    }
    desk.wait(secs(60));
    assert!(desk.reconciles(AT).is_some());
}

#[test]
fn more_is_asked_every_two_seconds_until_it_matches() {
    let mut desk = desk();
    let asked = |desk: &mut Desk| {
        let told = std::mem::take(&mut desk.directives);
        let snapshots = told.iter().filter(|told| matches!(told.directive.task, Task::Snapshot { what: 7 }));
        snapshots.map(|told| told.directive.reason).collect::<Vec<_>>()
    };
    desk.positions(0, &[(PLAIN, 9)]);
    desk.wait(Nanos(secs(2).0 - 1));
    assert!(asked(&mut desk).is_empty());
    desk.wait(Nanos(1));
    assert_eq!(asked(&mut desk), [Reason::Reconciling]);
    desk.positions(0, &[(PLAIN, 8)]);
    let _ = asked(&mut desk);
    desk.wait(secs(200));
    let later = asked(&mut desk);
    assert!(later.len() <= 4, "only the one that was not acknowledged is handed out again: {later:?}");
}

#[test]
fn snapshots_that_cannot_be_halt_their_strategy() {
    type Say = fn(&mut Desk);
    let rows: [(&str, Say, bool); 13] = [
        ("nothing wrong", |desk| desk.positions(0, &[(PLAIN, 8)]), false),
        ("of nothing", |desk| desk.begin(0, 0, 1), true),
        ("of what nobody knows", |desk| desk.begin(0, 8, 1), true),
        ("asked in the future", |desk| desk.begin(0, POSITIONS, desk.position + 1), true),
        ("a row without a beginning", |desk| desk.row(0, PLAIN, 8, 0), true),
        ("an end without a beginning", |desk| desk.end(0, 0, 1), true),
        (
            "too few rows",
            |desk| {
                desk.begin(0, POSITIONS, 1);
                desk.end(0, 1, 1);
            },
            true,
        ),
        ("a position twice", |desk| desk.positions(0, &[(PLAIN, 8), (PLAIN, 8)]), true),
        (
            "answered before it was asked",
            |desk| {
                let before = desk.position;
                desk.begin(0, POSITIONS, before);
                desk.end(0, 0, before - 1);
            },
            true,
        ),
        (
            "answered in the future",
            |desk| {
                let before = desk.position;
                desk.begin(0, POSITIONS, before);
                desk.end(0, 0, desk.position + 1);
            },
            true,
        ),
        (
            "rows of what it is not of",
            |desk| {
                desk.begin(0, ORDERS, 1);
                desk.row(0, PLAIN, 8, 0);
            },
            true,
        ),
        (
            "another account's row",
            |desk| {
                desk.begin(0, POSITIONS, 1);
                desk.row(2, INVERSE, 8, 0);
            },
            true,
        ),
        (
            "a balance twice",
            |desk| {
                desk.begin(0, BALANCES, 1);
                desk.balance(0, 5);
                desk.balance(0, 5);
            },
            true,
        ),
    ];
    for (name, say, corrupt) in rows {
        let mut desk = desk();
        say(&mut desk);
        let mut causes = desk.engine.cause_rows();
        let halted =
            causes.any(|row| row.scope == Some(Scope::Strategy(0)) && row.reason == Some(Reason::Corrupt));
        assert_eq!(halted, corrupt, "{name}");
        assert_eq!(desk.engine.counters().mismatches, 0, "{name}");
    }
}

#[test]
fn a_hedge_mode_row_leaves_its_instrument_inconclusive() {
    let mut desk = desk();
    let start = desk.now;
    let before = desk.position;
    desk.begin(0, POSITIONS, before);
    for (flags, qty) in [(Flags::LEG_LONG, 10), (Flags::LEG_SHORT, -2)] {
        let event =
            Event::SnapPosition { snapshot: 7, qty: Lots(qty), average_px: 0, liquidation_px: 0, t_venue: 0 };
        desk.say(0, PLAIN, flags, event);
    }
    let after = desk.position;
    desk.end(0, 2, after);
    assert_eq!(desk.engine.counters().mismatches, 0);
    desk.advance(start.after(secs(60)));
    assert!(desk.reconciles(AT).is_some());
}

fn cash(desk: &mut Desk, total: i128) {
    let before = desk.position;
    desk.begin(0, BALANCES, before);
    desk.balance(0, total);
    let after = desk.position;
    desk.end(0, 1, after);
}

#[test]
fn cash_may_differ_by_its_share_and_no_more() {
    // Two books of 5 000: 10 000 less fees of 1 and a realised loss of 9: 9 990. One basis point of theirs.
    for (bps, theirs, matches) in [
        (1, 9_990 * E9, true),
        (1, 9_990_999_099_909, true),
        (1, 9_990_999_099_910, false),
        (1, 9_989_001_099_890, false),
        (1, 9_989_001_099_891, true),
        (0, 9_990 * E9, true),
        (0, 9_990 * E9 + 1, false),
        (0, 0, false),
    ] {
        let mut limits = limits_of(5_000);
        limits.accounts[0].cash_tolerance = Bps(bps);
        let mut desk = Desk::new(limits);
        desk.fill(0, PLAIN, 3, 100, 1_000_000_000);
        desk.fill(0, PLAIN, -3, 97, 0);
        desk.fill(1, PLAIN, 7, 100, 0);
        desk.mark(0, PLAIN, 150);
        for _ in 0..2 {
            cash(&mut desk, theirs);
            desk.wait(secs(2));
        }
        let expected = (!matches).then_some((Reason::CashMismatch, 9_990_000_000, (theirs / 1_000) as i64));
        assert_eq!(desk.reconciles(ACCOUNT), expected, "{theirs} at {bps}");
    }
}

#[test]
fn no_balance_moves_equity_or_a_peak_and_a_flow_puts_cash_right() {
    for theirs in [1_500 * E9, 2_500 * E9] {
        let mut guarded = limits_of(1_000);
        guarded.drawdowns = vec![drawdown("kill")];
        let mut desk = Desk::new(guarded);
        desk.mark(0, PLAIN, 100);
        let peak = |desk: &Desk| desk.engine.guard_row(0).unwrap().peak;
        let (equity, before) = (desk.equity(0), peak(&desk));
        for _ in 0..2 {
            cash(&mut desk, theirs);
            desk.wait(secs(2));
        }
        assert_eq!(desk.reconciles(ACCOUNT).map(|cause| cause.0), Some(Reason::CashMismatch));
        assert_eq!((desk.equity(0), peak(&desk)), (equity, before), "{theirs}");
        desk.flow(
            0,
            1,
            theirs - 2_000 * E9,
            if theirs < 2_000 * E9 { FlowKind::Withdrawal } else { FlowKind::Deposit },
        );
        cash(&mut desk, theirs);
        assert_eq!(desk.reconciles(ACCOUNT), None);
    }
}

#[test]
fn from_the_first_mismatch_on_no_reading_of_the_account_is_trusted() {
    let mut desk = desk();
    desk.mark(0, PLAIN, 100);
    let trusted = |desk: &Desk| [0, 1, 2].map(|book| desk.engine.book_row(book).unwrap().trusted);
    assert_eq!(trusted(&desk), [true, true, true]);
    desk.positions(0, &[(PLAIN, 9)]);
    assert_eq!(trusted(&desk), [false, false, true], "the other account is another matter");
    desk.positions(0, &[(PLAIN, 8)]);
    assert_eq!(trusted(&desk), [true, true, true]);
}

/// A strategy that died and is back on a new lane, told what the venue has on each of its accounts.
#[test]
fn a_client_that_died_is_forgiven_when_snapshots_prove_its_books() {
    for (sign, what, wrong, other_account, forgiven) in [
        (LivenessSign::ProcessExited, POSITIONS | ORDERS, 0, true, true),
        (LivenessSign::HangUp, POSITIONS | ORDERS, 0, true, true),
        (LivenessSign::Lost, POSITIONS | ORDERS, 0, true, true),
        (LivenessSign::ProcessExited, POSITIONS, 0, true, false),
        (LivenessSign::ProcessExited, ORDERS, 0, true, false),
        (LivenessSign::ProcessExited, POSITIONS | ORDERS, 1, true, false),
        (LivenessSign::ProcessExited, POSITIONS | ORDERS, 0, false, false),
        (LivenessSign::Corrupt, POSITIONS | ORDERS, 0, true, false),
        (LivenessSign::Lag, POSITIONS | ORDERS, 0, true, false),
    ] {
        let mut desk = desk();
        desk.liveness(0, sign, 0);
        desk.sidecar(Event::Lane { lane: 0, strategy: 0, open: 0, generation: 1 });
        desk.sidecar(Event::Lane { lane: 0, strategy: 0, open: 1, generation: 2 });
        assert_eq!(desk.state(0), TradingState::Halted);
        for book in if other_account { vec![0, 2] } else { vec![0] } {
            let before = desk.position;
            desk.begin(book, what, before);
            let rows = u64::from(book == 0 && what & POSITIONS != 0);
            if rows == 1 {
                desk.row(0, PLAIN, 8 + wrong, 0);
            }
            let after = desk.position;
            desk.end(book, rows, after);
        }
        let state = if forgiven { TradingState::Active } else { TradingState::Halted };
        assert_eq!(desk.state(0), state, "{sign:?} {what} {wrong} {other_account}");
    }
}

#[test]
fn what_was_proved_before_a_client_died_does_not_count_after() {
    let mut desk = desk();
    for book in [0, 2] {
        let before = desk.position;
        desk.begin(book, POSITIONS | ORDERS, before);
        if book == 0 {
            desk.row(0, PLAIN, 8, 0);
        }
        let after = desk.position;
        desk.end(book, u64::from(book == 0), after);
    }
    desk.liveness(0, LivenessSign::ProcessExited, 0);
    let before = desk.position;
    desk.begin(2, POSITIONS | ORDERS, before);
    desk.end(2, 0, before);
    assert_eq!(desk.state(0), TradingState::Halted, "account 0 is not proved again");
}

#[test]
fn a_balance_of_another_currency_is_counted_and_decides_nothing() {
    let mut desk = desk();
    let before = desk.position;
    desk.begin(0, BALANCES, before);
    let event = Event::SnapBalance { snapshot: 7, total: Money(1), available: 0, ccy: COIN };
    desk.say(0, PLAIN, Flags::empty(), event);
    let after = desk.position;
    desk.end(0, 1, after);
    assert_eq!(desk.engine.counters().unhandled, 1);
    assert_eq!((desk.engine.counters().snapshots, desk.reconciles(ACCOUNT)), (1, None));
}
