//! Where orders go: a mode belongs to a scope, paper is given at once and taken back only where nothing holds.

mod support;

use support::desk::*;
use tripline::engine::{Exposure, WordId};
use tripline::model::event::CommandVerb;
use tripline::model::verdict::{Verdict, VerdictRecord};
use tripline::model::{Mode, Reason, Scope, TradingState};

/// Books 0 (one/dollars), 1 (two/dollars) and 2 (one/coins), all marked at 100.
fn desk_of(mode: Mode) -> Desk {
    let mut limits = limits(1_000 * E9, vec![]);
    limits.mode = mode;
    limits.accounts[1].currency = limits.accounts[0].currency;
    limits.books[2].capital = tripline::model::Money(1_000 * E9);
    let mut desk = Desk::new(limits);
    for book in 0..3 {
        desk.mark(book, PLAIN, 100);
        desk.mark(book, PERP, 100);
    }
    desk
}

fn set(desk: &mut Desk, scope: Scope, mode: Mode) -> VerdictRecord {
    desk.command(CommandVerb::Mode, scope, 0, 0, mode == Mode::Live)
}

/// What an order of one lot gets in each book.
fn verdicts(desk: &mut Desk, instrument: u16) -> [Verdict; 3] {
    [0, 1, 2].map(|book| {
        let order = desk.fresh_id();
        desk.ask_limit(book, instrument, order, 1, 100).verdict
    })
}

const SCOPES: [(Scope, [Verdict; 3]); 6] = {
    use Verdict::{Paper, Pass};
    [
        (Scope::Firm, [Paper, Paper, Paper]),
        (Scope::Account(0), [Paper, Paper, Pass]),
        (Scope::Account(1), [Pass, Pass, Paper]),
        (Scope::Strategy(0), [Paper, Pass, Paper]),
        (Scope::Book(1), [Pass, Paper, Pass]),
        (Scope::Instrument(0, PLAIN), [Paper, Paper, Pass]),
    ]
};

#[test]
fn a_scope_on_paper_simulates_its_orders_and_no_other_until_it_is_live_again() {
    for (scope, simulated) in SCOPES {
        let mut desk = desk_of(Mode::Live);
        assert_eq!(set(&mut desk, scope, Mode::Paper).verdict, Verdict::Pass, "{scope:?}");
        assert_eq!(desk.engine.mode(scope), Mode::Paper);
        assert_eq!(verdicts(&mut desk, PLAIN), simulated, "{scope:?}");
        let others = if matches!(scope, Scope::Instrument(..)) { [Verdict::Pass; 3] } else { simulated };
        assert_eq!(verdicts(&mut desk, PERP), others, "{scope:?}");
        assert_eq!(desk.engine.exposure(1, PLAIN).open_orders, u32::from(simulated[1] == Verdict::Pass));
        assert_eq!(set(&mut desk, scope, Mode::Live).verdict, Verdict::Pass, "{scope:?}");
        assert_eq!(verdicts(&mut desk, PLAIN), [Verdict::Pass; 3], "{scope:?}");
    }
}

#[test]
fn what_is_on_paper_stays_there_while_anything_above_or_beside_it_says_so() {
    let mut desk = desk_of(Mode::Live);
    for scope in [Scope::Firm, Scope::Strategy(0), Scope::Book(0)] {
        set(&mut desk, scope, Mode::Paper);
    }
    for scope in [Scope::Firm, Scope::Strategy(0)] {
        set(&mut desk, scope, Mode::Live);
        assert_eq!(verdicts(&mut desk, PLAIN)[0], Verdict::Paper, "the book's own still stands");
    }
    set(&mut desk, Scope::Book(0), Mode::Live);
    assert_eq!(verdicts(&mut desk, PLAIN), [Verdict::Pass; 3]);
}

#[test]
fn a_sidecar_that_starts_on_paper_goes_live_by_one_command_for_the_firm() {
    let mut desk = desk_of(Mode::Paper);
    assert_eq!(verdicts(&mut desk, PLAIN), [Verdict::Paper; 3]);
    set(&mut desk, Scope::Account(0), Mode::Live);
    assert_eq!(verdicts(&mut desk, PLAIN), [Verdict::Paper; 3], "the firm is on paper");
    set(&mut desk, Scope::Firm, Mode::Live);
    assert_eq!(verdicts(&mut desk, PLAIN), [Verdict::Pass; 3]);
}

#[test]
fn live_is_refused_while_anything_holds_that_bears_on_the_scope() {
    // A halt on the first, then live for the second.
    let bears = [
        (Scope::Firm, Scope::Instrument(1, PERP), true),
        (Scope::Instrument(1, PERP), Scope::Firm, true),
        (Scope::Account(0), Scope::Book(1), true),
        (Scope::Account(0), Scope::Book(2), false),
        (Scope::Account(1), Scope::Strategy(0), true),
        (Scope::Account(1), Scope::Strategy(1), false),
        (Scope::Strategy(0), Scope::Strategy(1), false),
        (Scope::Book(0), Scope::Account(0), true),
        (Scope::Book(0), Scope::Account(1), false),
        (Scope::Book(0), Scope::Book(0), true),
        (Scope::Instrument(0, PERP), Scope::Instrument(0, PERP), true),
        (Scope::Instrument(0, PERP), Scope::Instrument(0, PLAIN), false),
        (Scope::Instrument(0, PERP), Scope::Instrument(1, PERP), false),
    ];
    for (halted, scope, is_refused) in bears {
        let mut desk = desk_of(Mode::Live);
        set(&mut desk, scope, Mode::Paper);
        for verb in [CommandVerb::Halt, CommandVerb::Reduce] {
            assert_eq!(desk.command(verb, halted, 0, 0, false).verdict, Verdict::Pass);
        }
        let answer = set(&mut desk, scope, Mode::Live);
        let expected = if is_refused { (Some(Reason::LiveRefused), 1) } else { (None, 0) };
        assert_eq!((answer.reason, answer.measured), expected, "{halted:?} {scope:?}");
        assert_eq!(desk.engine.mode(scope) == Mode::Paper, is_refused, "{halted:?} {scope:?}");
        let nonce = desk.nonce(halted, tripline::engine::guard::OPERATOR);
        desk.command(CommandVerb::Reset, halted, tripline::engine::guard::OPERATOR, nonce, false);
        assert_eq!(set(&mut desk, scope, Mode::Live).verdict, Verdict::Pass, "nothing holds any more");
    }
}

#[test]
fn a_restricted_instrument_does_not_keep_an_account_on_paper() {
    let mut limits = limits(1_000 * E9, vec![]);
    (limits.mode, limits.instruments[usize::from(PERP)].restricted) = (Mode::Paper, true);
    let mut desk = Desk::new(limits);
    desk.mark(0, PLAIN, 100);
    assert_eq!(set(&mut desk, Scope::Firm, Mode::Live).verdict, Verdict::Pass);
    assert_eq!(desk.ask_limit(0, PLAIN, 1, 1, 100).verdict, Verdict::Pass);
}

#[test]
fn paper_takes_back_what_was_permitted_and_never_asks_and_a_halt_outranks_it() {
    let mut desk = desk_of(Mode::Live);
    desk.command(CommandVerb::Halt, Scope::Book(0), 0, 0, false);
    let before = desk.engine.word(WordId::Account(0));
    assert_eq!(
        set(&mut desk, Scope::Account(0), Mode::Paper).verdict,
        Verdict::Pass,
        "while something holds"
    );
    let after = desk.engine.word(WordId::Account(0));
    assert_eq!((after.state, after.mode), (TradingState::Active, Mode::Paper));
    assert!(after.epoch > before.epoch, "{before:?} {after:?}");
    assert_eq!(verdicts(&mut desk, PLAIN), [Verdict::Deny, Verdict::Paper, Verdict::Pass]);
    let transitions = desk.transitions.len();
    set(&mut desk, Scope::Account(0), Mode::Paper);
    assert_eq!(desk.engine.word(WordId::Account(0)), after, "again: no effect");
    assert_eq!(desk.transitions.len(), transitions);
    let told = desk.transitions[transitions - 1];
    assert_eq!((told.scope, told.reason, told.began), (Scope::Account(0), Reason::PaperMode, true));
    assert_eq!((told.old_state, told.new_state), (TradingState::Active, TradingState::Active));
}

#[test]
fn what_was_reserved_live_stays_reserved_on_paper() {
    let mut desk = desk_of(Mode::Live);
    desk.ask_limit(0, PLAIN, 1, 10, 100);
    set(&mut desk, Scope::Firm, Mode::Paper);
    assert_eq!(desk.ask_limit(0, PLAIN, 2, 10, 100).verdict, Verdict::Paper);
    assert_eq!(desk.engine.exposure(0, PLAIN), Exposure { buys: 10, sells: 0, open_orders: 1 });
}

#[cfg(feature = "sidecar")]
#[test]
fn a_mode_survives_a_restart() {
    for (scope, simulated) in SCOPES {
        let mut desk = desk_of(Mode::Live);
        set(&mut desk, scope, Mode::Paper);
        let bytes = desk.engine.snapshot();
        desk.engine = tripline::engine::Engine::restore(&bytes).expect("its own snapshot");
        assert_eq!(verdicts(&mut desk, PLAIN), simulated, "{scope:?}");
    }
}
