//! What is flat: no position and no open order, whoever placed it.

mod support;

use support::desk::*;
use tripline::engine::limits::Actions;
use tripline::engine::{Limits, guard};
use tripline::model::event::{DirectiveStatus, DoneStatus};
use tripline::model::verdict::Task;
use tripline::model::{Event, Flags, Lots, Nanos, Scope, Ticks};

const ORDERS: u32 = 2;
/// The soft cause of the first guard.
const SOFT: u16 = guard::CONFIGURED + 1;

fn guarded(scope: Scope) -> Limits {
    let mut guard = drawdown("kill");
    guard.scope = scope;
    // Nothing latches here: what matters is when the soft cause ends.
    (guard.confirm_k, guard.confirm_t, guard.untrusted_t) =
        (100, Nanos::from_secs(50), Nanos::from_secs(3_600));
    limits(1_000 * E9, vec![guard])
}

fn is_soft(desk: &Desk) -> bool {
    desk.engine.cause_rows().any(|row| row.guard == u64::from(SOFT))
}

/// A breach for a moment, then flat at 14 % of 1 000: below the limit and not below nine tenths of it.
fn softened(scope: Scope, before: impl Fn(&mut Desk)) -> Desk {
    let mut desk = Desk::new(guarded(scope));
    let bought = if scope == Scope::Account(0) { 20 } else { 10 };
    desk.fill(0, PLAIN, bought, 100, 0);
    desk.mark(0, PLAIN, 100);
    before(&mut desk);
    desk.mark(0, PLAIN, 85);
    assert!(is_soft(&desk));
    desk.mark(0, PLAIN, 86);
    assert!(is_soft(&desk));
    desk.fill(0, PLAIN, -bought, 86, 0);
    desk
}

/// A snapshot of orders that lists these of nobody's, by the venue's number.
fn list(desk: &mut Desk, book: u16, keys: &[u64]) {
    let at = desk.position;
    desk.say(
        book,
        PLAIN,
        Flags::empty(),
        Event::SnapBegin { snapshot: 7, what: ORDERS, position_before: at },
    );
    for &venue_key in keys {
        let row = Event::SnapOrder { order: 0, venue_key, px: Ticks(10), qty: Lots(1), attrs: attrs() };
        desk.say(book, PLAIN, Flags::empty(), row);
    }
    let rows = keys.len() as u64;
    let end = Event::SnapEnd { snapshot: 7, rows, position_after: at, t_venue: 0 };
    desk.say(book, PLAIN, Flags::empty(), end);
}

#[test]
fn without_position_and_orders_the_soft_cause_ends_at_once() {
    for scope in [Scope::Book(0), Scope::Account(0), Scope::Strategy(0)] {
        assert!(!is_soft(&softened(scope, |_| {})), "{scope}");
    }
}

#[test]
fn an_open_order_keeps_the_soft_cause_until_it_is_over() {
    for (scope, book, ends) in [
        (Scope::Book(0), 0, true),
        (Scope::Book(0), 1, false),
        (Scope::Account(0), 0, true),
        (Scope::Account(0), 1, true),
    ] {
        let mut desk = softened(scope, |desk| desk.order(book, PERP, 5, 1, 10));
        assert_eq!(is_soft(&desk), ends, "an order of book {book} for {scope}");
        desk.wait(Nanos::from_secs(600));
        assert_eq!(is_soft(&desk), ends, "time alone ends nothing here");
        desk.ack(book, PERP, 5);
        assert_eq!(is_soft(&desk), ends);
        desk.done(book, PERP, 5, DoneStatus::Canceled);
        assert!(!is_soft(&desk), "{scope}");
    }
}

#[test]
fn an_order_that_is_not_ours_keeps_an_account_from_being_flat() {
    let mut desk = softened(Scope::Account(0), |desk| list(desk, 0, &[77]));
    assert_eq!(desk.engine.counters().orphans, 1);
    assert!(is_soft(&desk));
    desk.wait(Nanos::from_secs(1));
    list(&mut desk, 0, &[77]);
    assert!(is_soft(&desk));
    desk.wait(Nanos::from_secs(1));
    list(&mut desk, 0, &[]);
    assert!(!is_soft(&desk), "the venue does not list it any more");
}

#[test]
fn of_several_orders_the_last_one_counts() {
    let mut desk = softened(Scope::Account(0), |desk| {
        desk.order(0, PERP, 1, 1, 10);
        desk.order(0, PLAIN, 2, 1, 10);
        desk.order(1, PLAIN, 3, 1, 10);
    });
    for (left, (book, instrument, order)) in [(2, (0, PLAIN, 2)), (1, (1, PLAIN, 3)), (0, (0, PERP, 1))] {
        assert!(is_soft(&desk));
        desk.done(book, instrument, order, DoneStatus::Canceled);
        assert_eq!(is_soft(&desk), left > 0, "{left} left");
    }
}

#[test]
fn a_loss_still_latches_at_once_where_nothing_is_held_whatever_is_open() {
    for open in [false, true] {
        let mut desk = Desk::new(limits(1_000 * E9, vec![drawdown("kill")]));
        if open {
            desk.order(0, PERP, 1, 1, 10);
        }
        desk.fill(0, PLAIN, 10, 100, 0);
        desk.fill(0, PLAIN, -10, 85, 0);
        let latched = desk.engine.cause_rows().any(|row| row.guard == u64::from(guard::CONFIGURED));
        assert!(latched, "{open}");
    }
}

#[test]
fn a_flatten_is_done_when_nothing_is_held_and_nothing_is_open_on_it() {
    for (open, done) in [(false, true), (true, false)] {
        let mut limits = limits(1_000 * E9, vec![drawdown("kill")]);
        limits.drawdowns[0].actions = Actions::FLATTEN;
        let mut desk = Desk::new(limits);
        desk.fill(0, PLAIN, 10, 100, 0);
        desk.mark(0, PLAIN, 100);
        if open {
            desk.order(0, PLAIN, 1, -10, 120);
            // Of another instrument, that is another matter.
            desk.order(0, PERP, 2, -10, 120);
        }
        desk.mark(0, PLAIN, 85);
        let is_flatten = |task: &Task| matches!(task, Task::Flatten { .. });
        let told: Vec<_> = desk.directives.iter().filter(|it| is_flatten(&it.directive.task)).collect();
        let [told] = told[..] else { panic!("one flatten: {told:?}") };
        let directive = told.directive.id;
        let status = |desk: &Desk| {
            let mut rows = desk.engine.directive_rows();
            rows.find(|row| row.id == directive).map(|row| row.status)
        };
        let says =
            Event::DirectiveAck { directive, status: DirectiveStatus::Done, remaining: Lots(0), detail: 0 };
        desk.say(0, PLAIN, Flags::empty(), says);
        assert_eq!(status(&desk), Some(DirectiveStatus::Working as u64), "the position knows better");
        desk.fill(0, PLAIN, -10, 85, 0);
        desk.say(0, PLAIN, Flags::empty(), says);
        let expected = if done { DirectiveStatus::Done } else { DirectiveStatus::Working };
        assert_eq!(status(&desk), Some(expected as u64));
        if open {
            desk.done(0, PLAIN, 1, DoneStatus::Canceled);
            desk.say(0, PLAIN, Flags::empty(), says);
            assert_eq!(status(&desk), Some(DirectiveStatus::Done as u64));
        }
    }
}
