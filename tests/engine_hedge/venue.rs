//! The venue's word on legs: snapshots, adoption, orders listed, and what is directed to be flattened.

use tripline::engine::guard;
use tripline::engine::limits::{Actions, DrawdownLimits};
use tripline::model::event::{CommandVerb, DirectiveStatus};
use tripline::model::verdict::{Task, Verdict};
use tripline::model::{Event, Flags, Leg, Lots, Money, Nanos, Reason, Scope, Ticks, TradingState};

use crate::support::desk::*;
use crate::{HOUSE, desk, fill, halted, hedged, holding, legs};

const AT: Scope = Scope::Instrument(0, PLAIN);
const POSITIONS: u32 = 1;
const ORDERS: u32 = 2;

const fn secs(seconds: u64) -> Nanos {
    Nanos::from_secs(seconds)
}

/// One snapshot of an instant at which nothing happens.
fn snapshot(desk: &mut Desk, what: u32, rows: &[(Flags, Event)]) {
    let before = desk.position;
    let begin = Event::SnapBegin { snapshot: 7, what, position_before: before };
    desk.say(0, PLAIN, Flags::empty(), begin);
    for &(flags, event) in rows {
        desk.say(0, PLAIN, flags, event);
    }
    let (rows, position_after) = (rows.len() as u64, desk.position);
    desk.say(0, PLAIN, Flags::empty(), Event::SnapEnd { snapshot: 7, rows, position_after, t_venue: 0 });
}

fn row(leg: Leg, qty: i64) -> (Flags, Event) {
    let qty = Lots(qty);
    let average_px = 0;
    (leg.flags(), Event::SnapPosition { snapshot: 7, qty, average_px, liquidation_px: 0, t_venue: 0 })
}

fn positions(desk: &mut Desk, rows: &[(Leg, i64)]) {
    let rows: Vec<_> = rows.iter().map(|&(leg, qty)| row(leg, qty)).collect();
    snapshot(desk, POSITIONS, &rows);
}

fn reconciles(desk: &Desk) -> Option<(Reason, i64, i64)> {
    let mut rows = desk.engine.cause_rows();
    let row = rows.find(|row| row.scope == Some(AT) && row.guard == u64::from(guard::RECONCILE))?;
    Some((row.reason?, row.measured, row.limit))
}

#[test]
fn each_leg_is_held_against_its_own_row() {
    let mismatch = |ours, theirs| Some((Reason::PositionMismatch, ours, theirs));
    for (name, rows, expected) in [
        ("both as they are", vec![(Leg::Long, 10), (Leg::Short, -4)], None),
        ("the other way round", vec![(Leg::Short, -4), (Leg::Long, 10)], None),
        ("one more long", vec![(Leg::Long, 11), (Leg::Short, -4)], mismatch(10, 11)),
        ("one less long", vec![(Leg::Long, 9), (Leg::Short, -4)], mismatch(10, 9)),
        ("one more short", vec![(Leg::Long, 10), (Leg::Short, -5)], mismatch(-4, -5)),
        ("the short leg is not named", vec![(Leg::Long, 10)], mismatch(-4, 0)),
        ("the long leg is not named", vec![(Leg::Short, -4)], mismatch(10, 0)),
        ("the same net", vec![(Leg::Long, 9), (Leg::Short, -3)], mismatch(-4, -3)),
    ] {
        let mut desk = holding(10, -4);
        positions(&mut desk, &rows);
        desk.wait(secs(2));
        positions(&mut desk, &rows);
        let found = reconciles(&desk);
        // Of two legs that do not match the first that halts is told.
        let same_net = name == "the same net";
        assert_eq!(found.is_some(), expected.is_some(), "{name}: {found:?}");
        assert!(same_net || found == expected, "{name}: {found:?}");
    }
}

#[test]
fn the_tolerance_is_each_legs_own() {
    for (long, short, mismatches) in [(12, -4, 0), (13, -4, 1), (10, -6, 0), (10, -7, 1), (13, -7, 2)] {
        let mut limits = hedged(vec![]);
        limits.instruments[usize::from(PLAIN)].position_tolerance = Lots(2);
        let mut desk = Desk::new(limits);
        fill(&mut desk, Leg::Long, 10, 100);
        fill(&mut desk, Leg::Short, -4, 100);
        positions(&mut desk, &[(Leg::Long, long), (Leg::Short, short)]);
        assert_eq!(desk.engine.counters().mismatches, mismatches, "{long} {short}");
    }
}

#[test]
fn the_halt_ends_when_neither_leg_is_in_doubt() {
    let mut desk = holding(10, -4);
    for _ in 0..2 {
        positions(&mut desk, &[(Leg::Long, 9), (Leg::Short, -5)]);
        desk.wait(secs(2));
    }
    assert!(reconciles(&desk).is_some());
    positions(&mut desk, &[(Leg::Long, 10), (Leg::Short, -5)]);
    assert!(reconciles(&desk).is_some(), "the short leg is still another");
    positions(&mut desk, &[(Leg::Long, 9), (Leg::Short, -4)]);
    assert!(reconciles(&desk).is_some(), "now the long one is");
    positions(&mut desk, &[(Leg::Long, 10), (Leg::Short, -4)]);
    assert_eq!(reconciles(&desk), None);
}

#[test]
fn a_leg_matches_what_it_was_at_any_moment_in_between() {
    for (long, short, mismatches) in [(10, -4, 0), (12, -4, 0), (12, -9, 0), (10, -9, 0), (12, -14, 0)] {
        let mut desk = holding(10, -4);
        let before = desk.position;
        fill(&mut desk, Leg::Long, 2, 100);
        fill(&mut desk, Leg::Short, -5, 100);
        let after = desk.position;
        fill(&mut desk, Leg::Short, -5, 100);
        let begin = Event::SnapBegin { snapshot: 7, what: POSITIONS, position_before: before };
        desk.say(0, PLAIN, Flags::empty(), begin);
        for (leg, qty) in [(Leg::Long, long), (Leg::Short, short)] {
            let (flags, event) = row(leg, qty);
            desk.say(0, PLAIN, flags, event);
        }
        let end = Event::SnapEnd { snapshot: 7, rows: 2, position_after: after, t_venue: 0 };
        desk.say(0, PLAIN, Flags::empty(), end);
        assert_eq!(desk.engine.counters().mismatches, mismatches, "{long} {short}");
        desk.wait(secs(60));
        // What the short leg became only after the answer is no match, and no mismatch either.
        assert_eq!(reconciles(&desk).is_some(), short == -14, "{long} {short}");
    }
}

#[test]
fn a_row_of_no_leg_leaves_both_inconclusive() {
    let mut desk = holding(10, -4);
    let start = desk.now;
    positions(&mut desk, &[(Leg::Net, 6)]);
    assert_eq!((desk.engine.counters().mismatches, reconciles(&desk)), (0, None));
    desk.advance(Nanos(start.after(secs(60)).0 - 1));
    assert_eq!(reconciles(&desk), None);
    desk.advance(start.after(secs(60)));
    assert!(reconciles(&desk).is_some());
}

#[test]
fn rows_that_cannot_be_halt_their_strategy() {
    for (name, rows, corrupt) in [
        ("each leg once", vec![(Leg::Long, 10), (Leg::Short, -4)], false),
        ("a leg twice", vec![(Leg::Long, 10), (Leg::Long, 10)], true),
        ("nothing long", vec![(Leg::Long, 0), (Leg::Short, -4)], false),
        ("less than nothing long", vec![(Leg::Long, -1), (Leg::Short, -4)], true),
        ("nothing short", vec![(Leg::Long, 10), (Leg::Short, 0)], false),
        ("more than nothing short", vec![(Leg::Long, 10), (Leg::Short, 1)], true),
    ] {
        let mut desk = holding(10, -4);
        positions(&mut desk, &rows);
        let expected = corrupt.then_some(Reason::Corrupt);
        assert_eq!(halted(&desk, Scope::Strategy(0)), expected, "{name}");
    }
}

#[test]
fn what_is_adopted_goes_to_the_leg_that_differs() {
    for (long, short, confirmed, house) in [
        (7, -4, false, (-3, 0)),
        (10, -1, false, (0, 3)),
        (7, -1, false, (-3, 3)),
        (12, -4, true, (2, 0)),
        (10, -6, true, (0, -2)),
    ] {
        let mut desk = holding(10, -4);
        for _ in 0..2 {
            positions(&mut desk, &[(Leg::Long, long), (Leg::Short, short)]);
            desk.wait(secs(2));
        }
        let refused = desk.command(CommandVerb::Adopt, AT, 0, 0, false);
        assert_eq!(
            refused.verdict == Verdict::Deny,
            confirmed,
            "{long} {short}: larger needs a confirmation"
        );
        if confirmed {
            assert_eq!(desk.engine.position(HOUSE, PLAIN), 0);
            assert_eq!(desk.command(CommandVerb::Adopt, AT, 0, 0, true).verdict, Verdict::Pass);
        }
        let held = |leg| desk.engine.leg_position(HOUSE, PLAIN, leg);
        assert_eq!((held(Leg::Long), held(Leg::Short)), house, "{long} {short}");
        let again = desk.command(CommandVerb::Adopt, AT, 0, 0, true);
        assert_eq!(again.reason, Some(Reason::UnknownOrder), "a difference is adopted once");
        positions(&mut desk, &[(Leg::Long, long), (Leg::Short, short)]);
        assert_eq!(reconciles(&desk), None);
        assert_eq!(halted(&desk, Scope::Account(0)), None);
    }
}

#[test]
fn where_one_leg_may_not_be_adopted_neither_is() {
    let mut desk = holding(10, -4);
    for _ in 0..2 {
        positions(&mut desk, &[(Leg::Long, 7), (Leg::Short, -6)]);
        desk.wait(secs(2));
    }
    let refused = desk.command(CommandVerb::Adopt, AT, 0, 0, false);
    assert_eq!((refused.reason, refused.measured, refused.limit), (Some(Reason::PositionMismatch), -4, -6));
    assert_eq!(desk.engine.leg_position(HOUSE, PLAIN, Leg::Long), 0);
}

#[test]
fn a_book_opens_with_the_legs_that_are_found() {
    for (name, rows, both, opens) in [
        ("both", vec![row(Leg::Long, 10), row(Leg::Short, -4)], (10, -4), true),
        ("one", vec![row(Leg::Short, -4)], (0, -4), true),
        ("none", vec![], (0, 0), true),
        ("of no leg", vec![row(Leg::Net, 6)], (0, 0), false),
    ] {
        let mut limits = hedged(vec![]);
        (limits.books[0].opens_at_venue, limits.books[0].capital) = (true, Money(0));
        limits.books[1].capital = Money(0);
        let mut desk = Desk::new(limits);
        desk.mark(0, PLAIN, 100);
        let (total, available) = (Money(1_000 * E9), i64::MIN);
        let balance = (Flags::empty(), Event::SnapBalance { snapshot: 7, total, available, ccy: 0 });
        let rows: Vec<_> = rows.into_iter().chain([balance]).collect();
        for _ in 0..2 {
            snapshot(&mut desk, 7, &rows);
            assert_eq!(legs(&desk), both, "{name}: a book opens once");
            assert_eq!(desk.equity(0), if opens { 1_000 * E9 } else { 0 }, "{name}");
        }
        assert_eq!(desk.engine.counters().mismatches, 0, "{name}");
    }
}

#[test]
fn an_order_is_listed_with_its_leg() {
    let listed = |leg: Leg, order, qty| {
        let event = Event::SnapOrder { order, venue_key: 77, px: Ticks(100), qty: Lots(qty), attrs: attrs() };
        (leg.flags(), event)
    };
    for (name, row, long, short, corrupt) in [
        ("its own leg", listed(Leg::Long, 1, 8), 8, 0, false),
        ("another leg", listed(Leg::Short, 1, 8), 5, 0, true),
        ("no leg", listed(Leg::Net, 1, 8), 5, 0, true),
        ("an order nobody knows", listed(Leg::Short, 9, 3), 5, 3, false),
        ("an order nobody knows, of no leg", listed(Leg::Net, 9, 3), 5, 0, true),
    ] {
        let mut desk = desk();
        desk.say(0, PLAIN, Flags::LEG_LONG, order_new(1, 5, 100));
        snapshot(&mut desk, ORDERS, &[row]);
        let buys = |leg| desk.engine.leg_exposure(0, PLAIN, leg).buys;
        assert_eq!((buys(Leg::Long), buys(Leg::Short)), (long, short), "{name}");
        assert_eq!(halted(&desk, Scope::Strategy(0)).is_some(), corrupt, "{name}");
    }
}

#[test]
fn each_leg_is_flattened_by_a_directive_of_its_own() {
    let actions = Actions::CANCEL_ALL | Actions::FLATTEN;
    let mut limits = hedged(vec![DrawdownLimits { actions, ..drawdown("kill") }]);
    limits.books[0].capital = Money(1_000 * E9);
    let mut desk = Desk::new(limits);
    desk.mark(0, PLAIN, 100);
    fill(&mut desk, Leg::Long, 20, 100);
    fill(&mut desk, Leg::Short, -5, 100);
    desk.mark(0, PLAIN, 90);
    assert_eq!(desk.state(0), TradingState::Halted);
    let told: Vec<_> = desk.directives.iter().map(|told| told.directive).collect();
    let flatten = |leg, qty| Task::Flatten { scope: AT, leg, qty };
    let tasks: Vec<_> = told.iter().map(|directive| directive.task).collect();
    let cancel = Task::CancelAll { scope: Scope::Book(0) };
    assert_eq!(tasks, [cancel, flatten(Leg::Long, -20), flatten(Leg::Short, 5)]);
    // Done is believed of the leg that is flat, and of no other.
    fill(&mut desk, Leg::Long, -20, 90);
    for directive in &told[1..] {
        let (status, remaining) = (DirectiveStatus::Done, Lots(0));
        let event = Event::DirectiveAck { directive: directive.id, status, remaining, detail: 0 };
        desk.say(0, PLAIN, Flags::empty(), event);
    }
    let rows: Vec<_> = desk.engine.directive_rows().skip(1).map(|row| row.status).collect();
    assert_eq!(rows, [DirectiveStatus::Done as u64, DirectiveStatus::Working as u64]);
    assert_eq!(legs(&desk), (0, -5));
}
