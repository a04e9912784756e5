//! Corners of the rules that are easily got wrong, each by itself: children, groups, replacements, answers that cross.

use tripline::engine::Limits;
use tripline::engine::limits::{ActionCosts, BucketKind, BucketLimits, BucketScope};
use tripline::model::event::{CommandVerb, DoneStatus, Intent, OrderAction, RejectClass};
use tripline::model::verdict::{Verdict, VerdictRecord};
use tripline::model::{Event, Flags, Lots, Mode, Money, Nanos, Reason, Scope, Ticks};

use crate::support::desk::{
    Desk, E9, INVERSE, PERP, PLAIN, id, limits, ms, name, order_modify, order_new, order_with, side,
};

/// Book 0 may hold ten.
fn ten() -> Limits {
    let mut limits = limits(1_000_000 * E9, vec![]);
    limits.books[0].max_position = Some(Lots(10));
    limits
}

/// A bucket that lets five go at once and then one a second.
fn throttled() -> Limits {
    let mut limits = ten();
    limits.buckets = vec![BucketLimits {
        id: 1,
        name: name("bucket"),
        scope: BucketScope::Venue(0),
        kind: BucketKind::Gcra { interval: ms(1_000), burst: 5 },
        costs: ActionCosts::default(),
        jitter: Nanos(0),
        start_pct: 0,
    }];
    limits
}

/// Asks for orders until one waits.
fn exhaust(desk: &mut Desk) {
    for order in 101.. {
        if desk.ask_limit(1, PERP, order, 1, 100).verdict == Verdict::Queued {
            return;
        }
    }
}

fn child(desk: &mut Desk, flags: Flags, instrument: u16, order: u64, qty: i64, parent: u64) {
    let more = flags | side(qty) | Flags::MORE;
    desk.say(0, instrument, more, order_new(order, qty, 100));
    let (order, trigger_px) = (id(order), Ticks(0));
    let rest = Event::OrderExt { order, trigger_px, expiry_utc_ns: 0, quote_cost: 0, parent };
    desk.say(0, instrument, Flags::empty(), rest);
}

fn replace(order: u64, qty: i64, px: i64, fresh: u64) -> Event {
    let mut event = order_modify(order, qty, px);
    if let Event::OrderModify { new_order, .. } = &mut event {
        *new_order = fresh;
    }
    event
}

fn modified(desk: &mut Desk, order: u64, qty: i64) {
    let (order, px, qty) = (id(order), Ticks(100), Lots(qty));
    let event = Event::OrderModified { order, px, qty, cum_qty: Lots(0), t_venue: 0 };
    desk.say(0, PLAIN, Flags::empty(), event);
}

fn exposed(desk: &Desk, instrument: u16) -> (i64, i64) {
    let exposure = desk.engine.exposure(0, instrument);
    (exposure.buys, exposure.sells)
}

fn refused(record: &VerdictRecord) -> (Verdict, Option<Reason>, i64, i64) {
    (record.verdict, record.reason, record.measured, record.limit)
}

const BEYOND: (Verdict, Option<Reason>) = (Verdict::Deny, Some(Reason::MaxPosition));

#[test]
fn the_child_of_an_order_that_is_over_counts_like_any_other() {
    let mut desk = Desk::new(ten());
    desk.ask_limit(0, PLAIN, 1, 1, 100);
    desk.reject(0, PLAIN, 1, RejectClass::Invalid, OrderAction::New);
    child(&mut desk, Flags::PERMIT, PLAIN, 2, -1_000, 1);
    let record = desk.verdicts[desk.verdicts.len() - 1].record;
    assert_eq!(refused(&record), (BEYOND.0, BEYOND.1, 1_000, 10));
    child(&mut desk, Flags::empty(), PLAIN, 3, -4, 1);
    assert_eq!(exposed(&desk, PLAIN), (0, 4));
}

#[test]
fn the_child_of_an_entry_that_is_not_permitted_yet_counts_like_any_other() {
    let mut desk = Desk::new(throttled());
    exhaust(&mut desk);
    assert_eq!(desk.ask_limit(0, PLAIN, 1, 5, 100).verdict, Verdict::Queued);
    child(&mut desk, Flags::empty(), PLAIN, 2, -4, 1);
    desk.wait(ms(400));
    assert_eq!(desk.verdicts[desk.verdicts.len() - 1].record.verdict, Verdict::Dropped);
    assert_eq!(exposed(&desk, PLAIN), (0, 4));
}

#[test]
fn the_increase_of_a_group_member_is_held_to_the_limits() {
    let mut desk = Desk::new(ten());
    let member = |qty| order_with(Intent::Open, 5, 1, qty, 100);
    assert_eq!(desk.ask(0, PLAIN, Flags::empty(), member(10)).verdict, Verdict::Pass);
    let record = desk.ask(0, PLAIN, Flags::empty(), order_modify(1, 20, 100));
    assert_eq!(refused(&record), (BEYOND.0, BEYOND.1, 20, 10));
    assert_eq!(exposed(&desk, PLAIN), (10, 0));
    let mut long = Desk::new(ten());
    long.fill(0, PLAIN, 10, 100, 0);
    let stop = order_with(Intent::Protect, 5, 1, -10, 100);
    assert_eq!(long.ask(0, PLAIN, Flags::SELL, stop).verdict, Verdict::Pass);
    let record = long.ask(0, PLAIN, Flags::SELL, order_modify(1, 20, 100));
    assert_eq!(refused(&record), (Verdict::Deny, Some(Reason::ReduceOnlySize), 10, 0));
}

#[test]
fn an_order_and_its_replacement_both_count_in_a_group_too() {
    let mut desk = Desk::new(ten());
    desk.ask(0, PLAIN, Flags::empty(), order_with(Intent::Open, 5, 1, 6, 100));
    let record = desk.ask(0, PLAIN, Flags::empty(), replace(1, 6, 101, 2));
    assert_eq!(refused(&record), (BEYOND.0, BEYOND.1, 12, 10));
    desk.say(0, PLAIN, Flags::empty(), replace(1, 4, 101, 3));
    assert_eq!(exposed(&desk, PLAIN), (10, 0));
}

#[test]
fn not_sent_or_a_reject_of_a_replacement_ends_the_new_order() {
    for rejected in [false, true] {
        let mut desk = Desk::new(ten());
        desk.ask_limit(0, PLAIN, 1, 5, 100);
        desk.ask(0, PLAIN, Flags::empty(), replace(1, 5, 101, 2));
        assert_eq!(exposed(&desk, PLAIN), (10, 0));
        if rejected {
            desk.reject(0, PLAIN, 1, RejectClass::Invalid, OrderAction::Modify);
        } else {
            desk.not_sent(0, PLAIN, 1, OrderAction::Modify);
        }
        assert_eq!(exposed(&desk, PLAIN), (5, 0));
    }
}

#[test]
fn an_exit_from_a_real_position_passes_in_paper_mode() {
    let mut desk = Desk::new(Limits { mode: Mode::Paper, ..ten() });
    desk.fill(0, PLAIN, 5, 100, 0);
    let record = desk.ask_to(Intent::Exit, 0, PLAIN, 1, -5, 100);
    assert_eq!((record.verdict, record.extra), (Verdict::PassExit, 0));
}

#[test]
fn a_denial_tells_what_its_group_admits() {
    let mut desk = Desk::new(ten());
    desk.ask(0, PLAIN, Flags::empty(), order_with(Intent::Open, 5, 1, 8, 100));
    let record = desk.ask(0, PLAIN, Flags::empty(), order_with(Intent::Open, 5, 2, 11, 100));
    assert_eq!((record.reason, record.extra), (Some(Reason::MaxPosition), 10));
    let mut long = Desk::new(ten());
    long.fill(0, PLAIN, 10, 100, 0);
    long.ask(0, PLAIN, Flags::SELL, order_with(Intent::Protect, 5, 1, -10, 100));
    let record = long.ask(0, PLAIN, Flags::SELL, order_with(Intent::Protect, 5, 2, -11, 100));
    assert_eq!((refused(&record).3, record.extra), (10, 10));
}

#[test]
fn a_notional_just_beyond_its_limit_reads_larger_than_it() {
    let mut limits = ten();
    // 8 contracts of 100 at 50 500 are 0.0158415… coins.
    limits.books[2].max_order_notional = Some(Money(15_841_000));
    let record = Desk::new(limits).ask_limit(2, INVERSE, 1, 8, 50_500);
    assert_eq!(refused(&record), (Verdict::Deny, Some(Reason::MaxNotional), 15_842, 15_841));
}

#[test]
fn a_child_larger_than_its_entry_counts_like_any_other() {
    let mut desk = Desk::new(ten());
    desk.ask_limit(0, PLAIN, 1, 1, 100);
    child(&mut desk, Flags::PERMIT, PLAIN, 2, -1_000, 1);
    let record = desk.verdicts[desk.verdicts.len() - 1].record;
    assert_eq!(refused(&record), (BEYOND.0, BEYOND.1, 1_000, 10));
    child(&mut desk, Flags::empty(), PLAIN, 3, -2, 1);
    assert_eq!(exposed(&desk, PLAIN), (1, 2));
}

#[test]
fn children_that_are_together_larger_than_their_entry_count() {
    let mut desk = Desk::new(ten());
    desk.ask_limit(0, PLAIN, 1, 6, 100);
    for (order, qty, counted) in [(2, -4, 0), (3, -2, 0), (4, -1, 1), (5, -9, 10)] {
        child(&mut desk, Flags::PERMIT, PLAIN, order, qty, 1);
        assert_eq!(exposed(&desk, PLAIN), (6, counted), "{order}");
    }
    child(&mut desk, Flags::PERMIT, PLAIN, 6, -1, 1);
    let record = desk.verdicts[desk.verdicts.len() - 1].record;
    assert_eq!(refused(&record), (BEYOND.0, BEYOND.1, 11, 10));
}

#[test]
fn an_entry_covers_sixteen_children_and_no_more() {
    let mut desk = Desk::new(ten());
    desk.ask_limit(0, PLAIN, 1, 10, 100);
    let protect = |order| (Flags::SELL | Flags::MORE, order_with(Intent::Protect, 5, order, -1, 90));
    for order in 2..=18 {
        let (flags, event) = protect(order);
        desk.say(0, PLAIN, flags, event);
        let (order, trigger_px) = (id(order), Ticks(0));
        let rest = Event::OrderExt { order, trigger_px, expiry_utc_ns: 0, quote_cost: 0, parent: 1 };
        desk.say(0, PLAIN, Flags::empty(), rest);
        assert_eq!(exposed(&desk, PLAIN), (10, i64::from(order.get() == 18)), "{order:?}");
    }
}

#[test]
fn what_cannot_close_its_entry_counts_at_once() {
    let mut desk = Desk::new(ten());
    desk.ask_limit(0, PLAIN, 1, 5, 100);
    child(&mut desk, Flags::empty(), PERP, 2, -3, 1);
    child(&mut desk, Flags::empty(), PLAIN, 3, 4, 1);
    assert_eq!((exposed(&desk, PERP), exposed(&desk, PLAIN)), ((0, 3), (9, 0)));
}

#[test]
fn a_child_grows_within_its_entry_and_counts_whole_beyond_it() {
    let mut desk = Desk::new(ten());
    desk.ask_limit(0, PLAIN, 1, 6, 100);
    child(&mut desk, Flags::PERMIT, PLAIN, 2, -4, 1);
    let modify = |qty| order_modify(2, qty, 100);
    assert_eq!(desk.ask(0, PLAIN, Flags::SELL, modify(6)).verdict, Verdict::Pass);
    modified(&mut desk, 2, 6);
    assert_eq!(exposed(&desk, PLAIN), (6, 0));
    let record = desk.ask(0, PLAIN, Flags::SELL, modify(11));
    assert_eq!(refused(&record), (BEYOND.0, BEYOND.1, 11, 10));
    assert_eq!(exposed(&desk, PLAIN), (6, 0));
    assert_eq!(desk.ask(0, PLAIN, Flags::SELL, modify(7)).verdict, Verdict::Pass);
    assert_eq!(exposed(&desk, PLAIN), (6, 7));
}

#[test]
fn an_entry_made_smaller_than_its_children_lets_them_count() {
    let mut desk = Desk::new(ten());
    desk.ask_limit(0, PLAIN, 1, 6, 100);
    child(&mut desk, Flags::PERMIT, PLAIN, 2, -6, 1);
    desk.ask(0, PLAIN, Flags::empty(), order_modify(1, 5, 100));
    assert_eq!(exposed(&desk, PLAIN), (6, 0), "until the venue confirms it all of it may fill");
    modified(&mut desk, 1, 5);
    assert_eq!(exposed(&desk, PLAIN), (5, 6));
}

#[test]
fn children_count_when_their_entry_fills_or_is_over_or_they_fill_themselves() {
    let begin = || {
        let mut desk = Desk::new(ten());
        desk.ask_limit(0, PLAIN, 1, 6, 100);
        child(&mut desk, Flags::PERMIT, PLAIN, 2, -6, 1);
        assert_eq!(exposed(&desk, PLAIN), (6, 0));
        desk
    };
    let mut filled = begin();
    filled.fill_as(0, PLAIN, 77, 1, 1, 100, 0);
    assert_eq!(exposed(&filled, PLAIN), (5, 6));
    let mut over = begin();
    over.done(0, PLAIN, 1, DoneStatus::Canceled);
    assert_eq!(exposed(&over, PLAIN), (0, 6));
    let mut early = begin();
    early.fill_as(0, PLAIN, 77, 2, -1, 100, 0);
    assert_eq!(exposed(&early, PLAIN), (6, 5));
}

#[test]
fn under_reduce_only_nothing_is_covered() {
    let mut desk = Desk::new(ten());
    desk.fill(0, PLAIN, 5, 100, 0);
    desk.ask_limit(0, PLAIN, 1, 3, 100);
    desk.command(CommandVerb::Reduce, Scope::Book(0), 0, 0, false);
    child(&mut desk, Flags::PERMIT, PLAIN, 2, -3, 1);
    assert_eq!(desk.verdicts[desk.verdicts.len() - 1].record.verdict, Verdict::Pass);
    assert_eq!(exposed(&desk, PLAIN), (3, 3));
}

#[test]
fn each_not_sent_answers_one_modification() {
    let mut desk = Desk::new(ten());
    desk.ask_limit(0, PLAIN, 1, 3, 100);
    for qty in [5, 4] {
        desk.say(0, PLAIN, Flags::empty(), order_modify(1, qty, 100));
    }
    desk.not_sent(0, PLAIN, 1, OrderAction::Modify);
    assert_eq!(exposed(&desk, PLAIN), (5, 0), "the other may be on its way");
    desk.not_sent(0, PLAIN, 1, OrderAction::Modify);
    assert_eq!(exposed(&desk, PLAIN), (3, 0));
}

#[test]
fn a_reduction_on_its_way_is_not_added_to_the_increase_after_it() {
    let mut desk = Desk::new(ten());
    desk.ask_limit(0, PLAIN, 1, 8, 100);
    desk.ask(0, PLAIN, Flags::empty(), order_modify(1, 4, 100));
    assert_eq!(desk.ask(0, PLAIN, Flags::empty(), order_modify(1, 8, 100)).verdict, Verdict::Pass);
    modified(&mut desk, 1, 4);
    modified(&mut desk, 1, 8);
    desk.done(0, PLAIN, 1, DoneStatus::Canceled);
    assert_eq!(exposed(&desk, PLAIN), (0, 0));
}

#[test]
fn a_smaller_replacement_needs_an_id_of_its_own() {
    let mut desk = Desk::new(ten());
    desk.ask_limit(0, PLAIN, 1, 6, 100);
    desk.ask_limit(0, PLAIN, 2, 1, 100);
    let record = desk.ask(0, PLAIN, Flags::empty(), replace(1, 3, 100, 2));
    assert_eq!((record.verdict, record.reason), (Verdict::Deny, Some(Reason::DuplicateId)));
    assert_eq!(exposed(&desk, PLAIN), (7, 0));
    assert_eq!(desk.ask(0, PLAIN, Flags::empty(), replace(1, 3, 100, 3)).verdict, Verdict::Pass);
    assert_eq!(exposed(&desk, PLAIN), (10, 0));
}
