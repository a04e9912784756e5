//! Orders of which one is to fill: a set is armed once, and what one of it fills the others must not.

mod support;

use support::desk::*;
use tripline::engine::{LaneDirective, Limits, WordId};
use tripline::model::event::{DirectiveStatus, DoneStatus, Intent};
use tripline::model::verdict::{Task, Verdict, VerdictRecord};
use tripline::model::{Event, Flags, Lots, Nanos, Reason, Scope, Ticks, TradingState};

const VENUE: Flags = Flags::VENUE_REDUCE_ONLY;

/// A protective order that sells, of a group and leg, for a parent unless that is 0.
#[derive(Clone, Copy)]
struct Leg {
    group: u32,
    leg: u16,
    order: u64,
    qty: i64,
    px: i64,
    parent: u64,
}

const STOP: Leg = Leg { group: 7, leg: 1, order: 11, qty: 10, px: 95, parent: 0 };
const TARGET: Leg = Leg { group: 7, leg: 2, order: 12, qty: 10, px: 120, parent: 0 };

impl Leg {
    fn event(self) -> Event {
        let mut event = order_with(Intent::Protect, self.group, self.order, self.qty, self.px);
        if let Event::OrderNew { leg, .. } = &mut event {
            *leg = self.leg;
        }
        event
    }
}

fn arm_as(desk: &mut Desk, flags: Flags, leg: Leg) -> VerdictRecord {
    let flags = flags | Flags::PERMIT | Flags::SELL;
    if leg.parent == 0 {
        return desk.ask(0, PLAIN, flags, leg.event());
    }
    let (order, parent) = (id(leg.order), leg.parent);
    desk.say(0, PLAIN, flags | Flags::MORE, leg.event());
    let rest = Event::OrderExt { order, trigger_px: Ticks(0), expiry_utc_ns: 0, quote_cost: 0, parent };
    desk.say(0, PLAIN, flags, rest);
    desk.verdicts.last().expect("an answer").record
}

fn arm(desk: &mut Desk, leg: Leg) -> (Verdict, Option<Reason>, i64, i64) {
    let record = arm_as(desk, Flags::empty(), leg);
    match record.verdict {
        Verdict::Deny => (Verdict::Deny, record.reason, record.measured, record.limit),
        other => (other, record.reason, 0, 0),
    }
}

const ARMED: (Verdict, Option<Reason>, i64, i64) = (Verdict::Pass, None, 0, 0);
const TWICE: (Verdict, Option<Reason>, i64, i64) = (Verdict::Deny, Some(Reason::OcoRearm), 2, 1);

fn desk(change: impl Fn(&mut Limits)) -> Desk {
    let mut limits = limits(1_000_000 * E9, vec![]);
    change(&mut limits);
    let mut desk = Desk::new(limits);
    desk.mark(0, PLAIN, 100);
    desk
}

/// Long 10 with a stop and a target of 10.
fn protected() -> Desk {
    let mut desk = desk(|_| {});
    desk.fill(0, PLAIN, 10, 100, 0);
    assert_eq!((arm(&mut desk, STOP), arm(&mut desk, TARGET)), (ARMED, ARMED));
    desk
}

fn fill(desk: &mut Desk, order: u64, qty: i64) {
    let exec = desk.fresh_id();
    desk.fill_as(0, PLAIN, exec, order, -qty, 100, 0);
}

/// What was directed since the last call.
fn told(desk: &mut Desk) -> Vec<Task> {
    std::mem::take(&mut desk.directives).iter().map(|told| told.directive.task).collect()
}

fn resize(order: u64, qty: i64) -> Task {
    Task::Resize { order, qty }
}

const fn cancel(order: u64) -> Task {
    Task::Cancel { order, venue_key: 0 }
}

#[test]
fn a_leg_is_armed_once_while_it_lives() {
    let again = |leg: Leg| Leg { order: leg.order + 100, ..leg };
    let mut desk = protected();
    assert_eq!(arm(&mut desk, again(STOP)), TWICE);
    assert_eq!(arm(&mut desk, again(TARGET)), TWICE);
    assert_eq!(desk.engine.counters().duplicate_orders, 2);
    assert_eq!(arm(&mut desk, Leg { leg: 3, ..again(STOP) }), ARMED, "another leg of the set");

    // One that the venue keeps to reducing is armed once as well, and so is leg 0.
    desk.fill(0, PLAIN, 90, 100, 0);
    let enforced = Leg { group: 9, leg: 0, order: 21, ..STOP };
    assert_eq!(arm_as(&mut desk, VENUE, enforced).verdict, Verdict::Pass);
    assert_eq!(arm_as(&mut desk, VENUE, again(enforced)).reason, Some(Reason::OcoRearm));
    assert_eq!(
        arm_as(&mut desk, VENUE, Leg { group: 10, ..again(enforced) }).verdict,
        Verdict::Pass,
        "another set"
    );

    // Another book is another position, and what is over is armed no more.
    let elsewhere = desk.ask(1, PLAIN, Flags::empty(), order_with(Intent::Open, 7, 1, 1, 100));
    assert_eq!(elsewhere.verdict, Verdict::Pass);
    desk.done(0, PLAIN, STOP.order, DoneStatus::Canceled);
    assert_eq!(arm(&mut desk, Leg { order: 31, ..STOP }), ARMED);
}

#[test]
fn an_exit_is_never_taken_for_a_second_arming() {
    let mut desk = protected();
    let mut exit = order_with(Intent::Exit, 7, 50, -10, 100);
    if let Event::OrderNew { leg, .. } = &mut exit {
        *leg = STOP.leg;
    }
    assert_eq!(desk.ask(0, PLAIN, Flags::SELL, exit).verdict, Verdict::PassExit);
}

#[test]
fn what_is_placed_anew_in_the_place_of_a_leg_is_no_second_arming() {
    let mut desk = protected();
    let event = Event::OrderModify {
        order: id(STOP.order),
        px: Ticks(94),
        qty: Lots(10),
        attrs: attrs(),
        new_order: 60,
    };
    let record = desk.ask(0, PLAIN, Flags::SELL, event);
    assert_eq!(record.reason, Some(Reason::ReduceOnlySize), "until the old one is gone both count");
}

/// The parent may fill 10, a set of 4 lives: how large a second one may be, before and after the parent's end.
#[test]
fn the_sets_of_one_parent_are_no_larger_than_what_it_fills() {
    for (filled, over, may) in [(0, false, 10), (4, false, 10), (10, false, 10), (7, true, 7)] {
        for (qty, passes) in [(may - 5, true), (may - 4, true), (may - 3, false)] {
            let mut desk = desk(|_| {});
            desk.fill(0, PLAIN, 90, 100, 0);
            desk.ask_limit(0, PLAIN, 1, 10, 100);
            if filled > 0 {
                let exec = desk.fresh_id();
                desk.fill_as(0, PLAIN, exec, 1, filled, 100, 0);
            }
            if over {
                desk.done(0, PLAIN, 1, DoneStatus::Canceled);
            }
            let first = |leg: Leg| Leg { parent: 1, qty: 4, ..leg };
            assert_eq!((arm(&mut desk, first(STOP)), arm(&mut desk, first(TARGET))), (ARMED, ARMED));
            let second = Leg { group: 8, order: 21, parent: 1, qty, ..STOP };
            let beyond = (Verdict::Deny, Some(Reason::OcoRearm), qty + 4, may);
            assert_eq!(arm(&mut desk, second), if passes { ARMED } else { beyond }, "{filled} {qty}");
            // Of a parent nobody knows nobody can tell; the position is large enough.
            let stranger = Leg { group: 9, order: 22, parent: 2, ..second };
            assert_eq!(arm(&mut desk, stranger), ARMED, "{filled} {qty}");
        }
    }
}

#[test]
fn a_partial_fill_directs_the_siblings_to_what_is_left_and_a_complete_one_their_cancel() {
    let mut desk = protected();
    fill(&mut desk, TARGET.order, 3);
    let directed: Vec<LaneDirective> = desk.directives.clone();
    assert_eq!(told(&mut desk), [resize(STOP.order, 7)]);
    let directive = directed[0].directive;
    assert_eq!((directed[0].lane, directive.reason), (0, Reason::OcoRearm));
    assert_eq!(directive.deadline, desk.now.after(Nanos::from_secs(60)));

    fill(&mut desk, TARGET.order, 6);
    assert_eq!(told(&mut desk), [Task::Revoke { directive: directive.id }, resize(STOP.order, 1)]);
    fill(&mut desk, TARGET.order, 1);
    let last = told(&mut desk);
    assert_eq!(last[1..], [cancel(STOP.order)]);
    assert_eq!(desk.engine.word(WordId::Instrument(0, PLAIN)).state, TradingState::Active);
}

#[test]
fn what_a_sibling_has_filled_already_is_part_of_its_new_total() {
    let mut desk = protected();
    fill(&mut desk, STOP.order, 2);
    assert_eq!(told(&mut desk), [resize(TARGET.order, 8)]);
    fill(&mut desk, TARGET.order, 3);
    assert_eq!(told(&mut desk), [resize(STOP.order, 7)], "2 filled and 5 left");
    fill(&mut desk, STOP.order, 5);
    assert_eq!(told(&mut desk).last(), Some(&cancel(TARGET.order)));
}

#[test]
fn legs_of_different_size_leave_the_larger_what_the_smaller_did_not_close() {
    let mut desk = desk(|_| {});
    desk.fill(0, PLAIN, 10, 100, 0);
    arm(&mut desk, STOP);
    arm(&mut desk, Leg { qty: 4, ..TARGET });
    fill(&mut desk, STOP.order, 5);
    assert_eq!(told(&mut desk), [], "5 are left, and the target is 4");
    fill(&mut desk, TARGET.order, 4);
    assert_eq!(told(&mut desk), [resize(STOP.order, 6)], "5 filled and 1 left: the position is not closed");
    fill(&mut desk, STOP.order, 1);
    assert_eq!(told(&mut desk).len(), 0, "nobody is left to be told");
    assert_eq!(desk.engine.exposure(0, PLAIN).sells, 4, "what it may still fill until the venue is told");
}

/// The target has filled 3 of 10, so 7 are left to the stop.
#[test]
fn a_sibling_that_fills_more_than_was_left_to_it_halts_the_instrument() {
    for (tolerance, qty, halts) in
        [(0, 6, false), (0, 7, false), (0, 8, true), (1, 7, false), (1, 8, false), (1, 9, true)]
    {
        let mut desk = desk(|limits| limits.instruments[usize::from(PLAIN)].overfill = Lots(tolerance));
        desk.fill(0, PLAIN, 10, 100, 0);
        arm(&mut desk, STOP);
        arm(&mut desk, TARGET);
        fill(&mut desk, TARGET.order, 3);
        fill(&mut desk, STOP.order, qty);
        let state = desk.engine.word(WordId::Instrument(0, PLAIN)).state;
        let expected = if halts { TradingState::Halted } else { TradingState::Active };
        assert_eq!(state, expected, "{qty} beyond a tolerance of {tolerance}");
        let reasons: Vec<_> = desk.engine.cause_rows().map(|row| (row.scope, row.reason)).collect();
        let overfill = (Some(Scope::Instrument(0, PLAIN)), Some(Reason::Overfill));
        assert_eq!(reasons, if halts { vec![overfill] } else { vec![] });
        let position = desk.engine.book_row(0).expect("a book").equity;
        assert_eq!(position.0, 1_000_000 * E9, "booked all the same, at the mark");
    }
}

#[test]
fn both_legs_filling_completely_is_an_incident() {
    let mut desk = protected();
    fill(&mut desk, TARGET.order, 10);
    fill(&mut desk, STOP.order, 1);
    assert_eq!(desk.engine.word(WordId::Instrument(0, PLAIN)).state, TradingState::Halted);
}

#[test]
fn an_owner_that_makes_a_leg_larger_again_may_fill_all_of_it() {
    // Not larger than what was asked for last is no new size: what is left to it stays.
    for (asked, halts) in [(9, true), (10, true), (11, false)] {
        let mut desk = desk(|_| {});
        desk.fill(0, PLAIN, 20, 100, 0);
        arm(&mut desk, STOP);
        arm(&mut desk, TARGET);
        fill(&mut desk, TARGET.order, 4);
        desk.say(0, PLAIN, Flags::SELL, order_modify(STOP.order, asked, 95));
        fill(&mut desk, STOP.order, 7);
        let halted = desk.engine.word(WordId::Instrument(0, PLAIN)).state == TradingState::Halted;
        assert_eq!(halted, halts, "{asked}");
    }
}

#[test]
fn a_directive_to_a_sibling_is_over_when_the_venue_has_done_it() {
    let done = DirectiveStatus::Done as u64;
    let resized = |desk: &mut Desk| {
        let (order, px, qty, cum_qty) = (id(STOP.order), Ticks(95), Lots(7), Lots(0));
        desk.say(0, PLAIN, Flags::empty(), Event::OrderModified { order, px, qty, cum_qty, t_venue: 0 });
    };
    let canceled = |desk: &mut Desk| desk.done(0, PLAIN, STOP.order, DoneStatus::Canceled);
    let nothing = |_: &mut Desk| {};
    type Act<'a> = &'a dyn Fn(&mut Desk);
    let cases: [(i64, Act<'_>, u64, u64); 5] = [
        (3, &resized, done, 0),
        (3, &canceled, done, 0),
        (10, &canceled, done, 0),
        (3, &nothing, DirectiveStatus::Expired as u64, 1),
        (10, &nothing, DirectiveStatus::Expired as u64, 1),
    ];
    for (filled, act, status, failed) in cases {
        let mut desk = protected();
        fill(&mut desk, TARGET.order, filled);
        act(&mut desk);
        desk.wait(Nanos::from_secs(120));
        let statuses: Vec<_> =
            desk.engine.directive_rows().filter(|row| row.id != 0).map(|row| row.status).collect();
        assert_eq!((statuses, desk.engine.counters().failed_directives), (vec![status], failed), "{filled}");
    }
}

#[test]
fn an_order_that_does_not_ask_is_counted_and_its_set_is_looked_after_all_the_same() {
    let mut desk = desk(|_| {});
    desk.fill(0, PLAIN, 20, 100, 0);
    for leg in [STOP, TARGET, Leg { order: 13, ..TARGET }] {
        desk.say(0, PLAIN, Flags::SELL, leg.event());
    }
    assert_eq!(desk.engine.counters().duplicate_orders, 1);
    fill(&mut desk, TARGET.order, 10);
    assert_eq!(told(&mut desk), [cancel(STOP.order), cancel(13)]);
}

#[test]
fn a_busted_fill_gives_nothing_back_and_cumulative_reports_count_once() {
    let mut desk = protected();
    desk.fill_as(0, PLAIN, 77, TARGET.order, -3, 100, 0);
    let cum = |cum_qty, cost: i128| Event::FillCum {
        order: id(TARGET.order),
        cum_qty: Lots(cum_qty),
        cum_cost: tripline::model::Money(cost * E9),
        cum_fee: 0,
    };
    desk.say(0, PLAIN, Flags::SELL, cum(3, 300));
    assert_eq!(told(&mut desk), [resize(STOP.order, 7)], "the same three lots");
    desk.say(0, PLAIN, Flags::SELL, cum(5, 500));
    assert_eq!(told(&mut desk).last(), Some(&resize(STOP.order, 5)));
    let bust = Event::FillBust { order: TARGET.order, exec: 77, px: Ticks(100), qty: Lots(3), fee: 0 };
    desk.say(0, PLAIN, Flags::SELL, bust);
    assert_eq!(told(&mut desk), [], "its owner decides whether to protect more again");
}
