//! A drawdown that has lost much is reset by two people: who, from which loss on, for how long.

mod support;

use support::desk::*;
use tripline::engine::limits::{ApprovalLimits, DrawdownLimits};
use tripline::model::event::CommandVerb;
use tripline::model::verdict::Verdict;
use tripline::model::{Acks, Bps, Money, Nanos, Reason, Scope};

const KILL: u16 = 64;
const BOOK: Scope = Scope::Book(0);
const ANN: u32 = 1;
const BEN: u32 = 2;
/// No approver.
const EVE: u32 = 3;
const CAPITAL: i128 = 100_000;

/// A verdict, its reason, what was measured and the limit.
type Answer = (Verdict, Option<Reason>, i64, i64);

const DONE: Answer = (Verdict::Pass, None, 0, 0);
const AGREED: Answer = (Verdict::Deny, Some(Reason::Approval), 1, 2);
const NO_APPROVER: Answer = (Verdict::Deny, Some(Reason::Approval), 0, 2);

fn guard() -> DrawdownLimits {
    DrawdownLimits { limit: Some(Bps(100)), ..drawdown("kill") }
}

fn desk(guard: DrawdownLimits, approvers: &[u32]) -> Desk {
    let mut limits = limits(CAPITAL * E9, vec![guard]);
    limits.approval = ApprovalLimits { approvers: approvers.to_vec(), ..ApprovalLimits::default() };
    Desk::new(limits)
}

/// A book that lost so much at once, in 1e-9, and was halted for it.
fn lost(guard: DrawdownLimits, loss: i128) -> Desk {
    let mut desk = desk(guard, &[ANN, BEN]);
    desk.funding(0, 1, -loss);
    desk
}

fn reset_with(desk: &mut Desk, actor: u32, nonce: u64, rebase: bool) -> Answer {
    acknowledged(desk, (actor, Acks::all()), nonce, rebase)
}

fn acknowledged(desk: &mut Desk, (actor, acks): (u32, Acks), nonce: u64, rebase: bool) -> Answer {
    let answer = desk.command_by((actor, acks.bits()), CommandVerb::Reset, BOOK, KILL, nonce, rebase);
    (answer.verdict, answer.reason, answer.measured, answer.limit)
}

/// Resets the present halt and measures from now on.
fn reset(desk: &mut Desk, actor: u32) -> Answer {
    let nonce = desk.nonce(BOOK, KILL);
    reset_with(desk, actor, nonce, true)
}

#[test]
fn from_two_percent_of_the_peak_on_one_person_is_not_enough() {
    let absolute = || DrawdownLimits { limit: None, limit_abs: Some(Money(500 * E9)), ..drawdown("kill") };
    for (loss, expected) in [(1_990 * E9, DONE), (2_000 * E9, AGREED), (2_010 * E9, AGREED)] {
        assert_eq!(reset(&mut lost(guard(), loss), ANN), expected, "{loss}");
    }
    for (loss, expected) in [(2_000 * E9 - 1_000, DONE), (2_000 * E9, AGREED), (2_000 * E9 + 1, AGREED)] {
        assert_eq!(reset(&mut lost(absolute(), loss), ANN), expected, "{loss}");
    }
    // Which of two limits was measured is not known afterwards.
    let both = DrawdownLimits { limit_abs: Some(Money(500 * E9)), ..guard() };
    assert_eq!(reset(&mut lost(both, 1_500 * E9), ANN), AGREED);
}

#[test]
fn the_loss_is_that_of_the_halt_or_that_of_now_whichever_is_more() {
    let mut less = lost(guard(), 2_500 * E9);
    less.funding(0, 2, 2_000 * E9);
    assert_eq!(reset(&mut less, ANN), AGREED);
    let mut more = lost(guard(), 1_500 * E9);
    more.funding(0, 2, -499 * E9);
    assert_eq!(reset(&mut more, ANN), DONE);
    let mut more = lost(guard(), 1_500 * E9);
    more.funding(0, 2, -500 * E9);
    assert_eq!(reset(&mut more, ANN), AGREED);
}

#[test]
fn the_second_has_to_be_another_approver() {
    let mut desk = lost(guard(), 3_000 * E9);
    assert_eq!(desk.engine.approval(BOOK, KILL), None);
    assert_eq!(reset(&mut desk, EVE), NO_APPROVER);
    assert_eq!(reset(&mut desk, ANN), AGREED);
    assert_eq!(desk.engine.approval(BOOK, KILL), Some(ANN));
    assert_eq!(reset(&mut desk, ANN), AGREED, "nobody agrees with themselves");
    assert_eq!(reset(&mut desk, EVE), NO_APPROVER, "and nobody else takes it away");
    assert_eq!(reset(&mut desk, BEN), DONE);
    // The next halt asks both of them again.
    desk.funding(0, 2, -3_000 * E9);
    assert_eq!(reset(&mut desk, BEN), AGREED);
    assert_eq!(reset(&mut desk, ANN), DONE);
}

#[test]
fn both_have_to_agree_to_the_same() {
    let mut desk = lost(guard(), 3_000 * E9);
    let nonce = desk.nonce(BOOK, KILL);
    assert_eq!(reset_with(&mut desk, ANN, nonce ^ 1, true).1, Some(Reason::EpochStale));
    assert_eq!(reset(&mut desk, BEN), AGREED, "what was refused is no approval");
    // The loss is over: keeping the peak would be carried out as well.
    desk.funding(0, 2, 2_500 * E9);
    assert_eq!(reset_with(&mut desk, ANN, nonce, false), AGREED, "keeping the peak is another matter");
    assert_eq!(reset_with(&mut desk, BEN, nonce, true), AGREED);
    assert_eq!(reset_with(&mut desk, ANN, nonce, true), DONE);
}

#[test]
fn each_of_them_acknowledges_everything() {
    let mut desk = lost(guard(), 3_000 * E9);
    let nonce = desk.nonce(BOOK, KILL);
    for (missing, acks) in [(4, Acks::empty()), (1, Acks::all() - Acks::MARKET_NORMAL), (3, Acks::APPROVED)] {
        let refused = (Verdict::Deny, Some(Reason::Approval), 4 - missing, 4);
        for actor in [ANN, BEN] {
            assert_eq!(acknowledged(&mut desk, (actor, acks), nonce, true), refused, "{acks:?}");
        }
    }
    assert_eq!(desk.engine.approval(BOOK, KILL), None);
    assert_eq!(reset(&mut desk, ANN), AGREED);
    assert_eq!(acknowledged(&mut desk, (BEN, Acks::APPROVED), nonce, true).3, 4);
    assert_eq!(reset(&mut desk, BEN), DONE);
    // What is small is nobody's second's business.
    let mut small = lost(guard(), 1_500 * E9);
    let nonce = small.nonce(BOOK, KILL);
    assert_eq!(acknowledged(&mut small, (EVE, Acks::empty()), nonce, true), DONE);
}

#[test]
fn a_reset_that_is_refused_anyway_is_no_approval() {
    let mut desk = lost(guard(), 3_000 * E9);
    let nonce = desk.nonce(BOOK, KILL);
    for actor in [ANN, BEN] {
        assert_eq!(reset_with(&mut desk, actor, nonce, false).1, Some(Reason::Drawdown));
        assert_eq!(desk.engine.approval(BOOK, KILL), None);
    }
}

#[test]
fn an_approval_waits_for_a_quarter_of_an_hour() {
    let quarter = Nanos::from_secs(900);
    for (wait, expected) in [(Nanos(quarter.0 - 1), DONE), (quarter, DONE), (Nanos(quarter.0 + 1), AGREED)] {
        let mut desk = lost(guard(), 3_000 * E9);
        assert_eq!(reset(&mut desk, ANN), AGREED);
        desk.now = desk.now.after(wait);
        assert_eq!(reset(&mut desk, BEN), expected, "{wait:?}");
    }
}

#[test]
fn one_approver_or_none_means_one_person() {
    for approvers in [&[][..], &[ANN]] {
        let mut desk = desk(guard(), approvers);
        desk.funding(0, 1, -30_000 * E9);
        assert_eq!(reset(&mut desk, EVE), DONE, "{approvers:?}");
    }
}

#[cfg(feature = "sidecar")]
#[test]
fn an_approval_survives_a_restart() {
    let mut desk = lost(guard(), 3_000 * E9);
    assert_eq!(reset(&mut desk, ANN), AGREED);
    desk.engine = tripline::engine::Engine::restore(&desk.engine.snapshot()).expect("its own snapshot");
    assert_eq!(reset(&mut desk, ANN), AGREED);
    assert_eq!(reset(&mut desk, BEN), DONE);
}
