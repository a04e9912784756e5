//! An operator makes the venue's position ours.

use tripline::model::event::CommandVerb;
use tripline::model::verdict::{Verdict, VerdictRecord};
use tripline::model::{Reason, Scope};

use crate::support::desk::*;
use crate::{ACCOUNT, AT, HOUSE, POSITIONS, Snapshots, desk, secs};

/// Two snapshots that say the account has `stated` of PLAIN, at this average price in 1e-9.
fn halted(stated: i64, average_px: i64) -> Desk {
    let mut desk = desk();
    for _ in 0..2 {
        state(&mut desk, stated, average_px);
        desk.wait(secs(2));
    }
    assert!(desk.reconciles(AT).is_some());
    desk
}

fn state(desk: &mut Desk, stated: i64, average_px: i64) {
    let before = desk.position;
    desk.begin(0, POSITIONS, before);
    desk.row(0, PLAIN, stated, average_px);
    let after = desk.position;
    desk.end(0, 1, after);
}

fn adopt(desk: &mut Desk, scope: Scope, confirmed: bool) -> VerdictRecord {
    desk.command(CommandVerb::Adopt, scope, 0, 0, confirmed)
}

#[test]
fn the_difference_is_booked_into_house_at_the_average_price_rounded_against_us() {
    // The account has 8. Stated, average price in 1e-9, the price it is booked at.
    for (stated, average_px, px) in [
        (5, 120_000_000_000, 120),
        (5, 120_000_000_001, 120),
        (5, 120_999_999_999, 120),
        (-8, 120_500_000_000, 120),
        (9, 120_000_000_000, 120),
        (9, 120_000_000_001, 121),
        (5, 0, 130),
        (9, 0, 130),
    ] {
        let mut desk = halted(stated, average_px);
        desk.mark(0, PLAIN, 130);
        assert_eq!(adopt(&mut desk, AT, true).verdict, Verdict::Pass, "{stated} {average_px}");
        let by = i128::from(stated) - 8;
        assert_eq!(desk.equity(HOUSE), by * i128::from(130 - px) * E9, "{stated} {average_px}");
        assert!(desk.reconciles(AT).is_some(), "until the venue says so");
        state(&mut desk, stated, average_px);
        assert_eq!(desk.reconciles(AT), None);
    }
}

#[test]
fn a_position_that_grows_needs_a_confirmation() {
    for (stated, needs) in [(0, false), (7, false), (-8, false), (9, true), (-9, true)] {
        for confirmed in [false, true] {
            let mut desk = halted(stated, 100_000_000_000);
            let answer = adopt(&mut desk, AT, confirmed);
            if confirmed || !needs {
                assert_eq!(answer.verdict, Verdict::Pass, "{stated} {confirmed}");
            } else {
                assert_eq!(answer.reason, Some(Reason::PositionMismatch), "{stated}");
                assert_eq!((answer.measured, answer.limit), (8, stated));
            }
        }
    }
}

#[test]
fn what_cannot_be_adopted_is_refused_and_changes_nothing() {
    type Prepare = fn(&mut Desk) -> Scope;
    let rows: [(&str, i64, Prepare, Reason); 5] = [
        ("nothing mismatches there", 5, |_| Scope::Instrument(0, PERP), Reason::UnknownOrder),
        ("an account", 5, |_| ACCOUNT, Reason::UnknownOrder),
        (
            "a match since",
            5,
            |desk| {
                state(desk, 8, 0);
                AT
            },
            Reason::UnknownOrder,
        ),
        (
            "a trade since",
            5,
            |desk| {
                desk.fill(0, PLAIN, 1, 100, 0);
                AT
            },
            Reason::Reconciling,
        ),
        ("no price", 0, |_| AT, Reason::NoMark),
    ];
    for (name, average_px, prepare, reason) in rows {
        let mut desk = halted(5, average_px * 1_000_000_000);
        let scope = prepare(&mut desk);
        assert_eq!(adopt(&mut desk, scope, true).reason, Some(reason), "{name}");
        assert_eq!(desk.equity(HOUSE), 0, "{name}");
    }
}

#[test]
fn a_difference_is_adopted_once() {
    let mut desk = halted(5, 100_000_000_000);
    assert_eq!(adopt(&mut desk, AT, false).verdict, Verdict::Pass);
    assert_eq!(adopt(&mut desk, AT, false).reason, Some(Reason::UnknownOrder));
    state(&mut desk, 5, 100_000_000_000);
    assert_eq!(desk.reconciles(AT), None);
}

#[test]
fn a_trade_reported_late_after_it_was_adopted_is_found_again() {
    let mut desk = halted(10, 100_000_000_000);
    adopt(&mut desk, AT, true);
    state(&mut desk, 10, 100_000_000_000);
    desk.fill(0, PLAIN, 2, 100, 0);
    for _ in 0..2 {
        state(&mut desk, 10, 100_000_000_000);
        desk.wait(secs(2));
    }
    assert_eq!(desk.reconciles(AT), Some((Reason::PositionMismatch, 12, 10)));
    assert_eq!(adopt(&mut desk, AT, false).verdict, Verdict::Pass, "and HOUSE gives it back");
    state(&mut desk, 10, 100_000_000_000);
    assert_eq!(desk.reconciles(AT), None);
}
