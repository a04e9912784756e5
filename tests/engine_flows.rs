//! Deposits and withdrawals: what they do to what a drawdown is measured from.

mod support;

use support::desk::*;
use tripline::engine::limits::{Anchor, DrawdownLimits};
use tripline::model::event::{CommandVerb, FlowKind};
use tripline::model::verdict::Verdict;
use tripline::model::{Event, Latch, Money, Reason, Scope, TradingState};

const KILL: u16 = 64;
const BOOK: Scope = Scope::Book(0);

fn is_latched(desk: &Desk) -> bool {
    desk.engine.guard_row(0).unwrap().latched
}

#[test]
fn a_withdrawal_keeps_the_distance_in_percent() {
    let mut desk = Desk::with(100, vec![drawdown("kill")]);
    desk.funding(0, 1, -10 * E9);
    desk.flow(0, 2, -80 * E9, FlowKind::Withdrawal);
    let row = desk.engine.guard_row(0).unwrap();
    assert_eq!(row.equity, Money(10 * E9));
    assert_eq!(row.peak, Money(11_111_111_112), "ceil(100 * 10 / 90)");
    assert_eq!(row.drawdown_bps, 1_000);
    assert!(!row.latched);
}

#[test]
fn an_eighty_percent_withdrawal_does_not_trip_and_the_loss_after_it_does() {
    let both = DrawdownLimits { limit_abs: Some(Money(20_000 * E9)), ..drawdown("kill") };
    let mut desk = Desk::with(100_000, vec![both]);
    desk.flow(0, 2, -80_000 * E9, FlowKind::Withdrawal);
    assert!(!is_latched(&desk));
    desk.funding(0, 1, -2_999 * E9);
    assert!(!is_latched(&desk));
    desk.funding(0, 2, -E9);
    assert!(is_latched(&desk));
}

#[test]
fn a_flow_that_cannot_be_priced_halts_and_asks_for_a_rebase() {
    let mut desk = Desk::with(100, vec![drawdown("kill")]);
    desk.flow(0, 1, -100 * E9, FlowKind::Withdrawal);
    assert_eq!(desk.taken(KILL)[0].reason, Reason::FlowUnpriced);
    desk.flow(0, 2, 50 * E9, FlowKind::Deposit);
    let nonce = desk.nonce(BOOK, KILL);
    assert_eq!(desk.command(CommandVerb::Reset, BOOK, KILL, nonce, false).reason, Some(Reason::FlowUnpriced));
    assert_eq!(desk.command(CommandVerb::Reset, BOOK, KILL, nonce, true).verdict, Verdict::Pass);
    assert_eq!(desk.engine.guard_row(0).unwrap().peak, Money(50 * E9));
    assert_eq!(desk.state(0), TradingState::Active);
}

#[test]
fn a_flow_that_cannot_be_priced_needs_a_rebase_also_where_the_guard_was_latched_already() {
    let mut desk = Desk::with(100, vec![drawdown("kill")]);
    desk.funding(0, 1, -20 * E9);
    assert_eq!(desk.taken(KILL)[0].reason, Reason::Drawdown);
    desk.flow(0, 2, -80 * E9, FlowKind::Withdrawal);
    desk.flow(0, 3, 100 * E9, FlowKind::Deposit);
    let nonce = desk.nonce(BOOK, KILL);
    let kept = desk.command(CommandVerb::Reset, BOOK, KILL, nonce, false);
    assert_eq!((kept.verdict, kept.reason), (Verdict::Deny, Some(Reason::FlowUnpriced)));
    assert_eq!(desk.state(0), TradingState::Halted);
    assert_eq!(desk.command(CommandVerb::Reset, BOOK, KILL, nonce, true).verdict, Verdict::Pass);
    assert_eq!(desk.state(0), TradingState::Active);
    desk.funding(0, 4, -15 * E9);
    let nonce = desk.nonce(BOOK, KILL);
    desk.funding(0, 5, 10 * E9);
    let kept = desk.command(CommandVerb::Reset, BOOK, KILL, nonce, false);
    assert_eq!(kept.verdict, Verdict::Pass, "the rebase has settled it");
}

#[test]
fn a_roll_ends_an_unpriced_flow_only_where_it_anchors_anew() {
    for (anchor, ends) in [(Anchor::Trailing, false), (Anchor::Static, false), (Anchor::Session, true)] {
        for loss in [0, -20 * E9] {
            let guard = DrawdownLimits { anchor, latch: Latch::Session, ..drawdown("canary") };
            let mut desk = Desk::with(100, vec![guard]);
            desk.funding(0, 1, loss);
            desk.flow(0, 2, -100 * E9 - loss, FlowKind::Withdrawal);
            desk.flow(0, 3, 100 * E9, FlowKind::Deposit);
            desk.sidecar(Event::Roll { session: 1, clock: 0 });
            assert_eq!(is_latched(&desk), !ends, "{anchor:?} {loss}");
            if !ends {
                let nonce = desk.nonce(BOOK, KILL);
                let kept = desk.command(CommandVerb::Reset, BOOK, KILL, nonce, false);
                assert_eq!(kept.reason, Some(Reason::FlowUnpriced));
                desk.command(CommandVerb::Reset, BOOK, KILL, nonce, true);
            }
            assert_eq!(desk.engine.guard_row(0).unwrap().peak, Money(100 * E9));
            assert_eq!(desk.state(0), TradingState::Active);
        }
    }
}
