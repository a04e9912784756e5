//! Each limit one unit below it, at it and one unit beyond it: the reason, the measured value and the limit that come
//! back. Tests of behaviour stand elsewhere; here stand the numbers, in the smallest unit that a limit knows.

#[path = "engine_boundaries/drawdown.rs"]
mod drawdown;
#[path = "engine_boundaries/exits.rs"]
mod exits;
#[path = "engine_boundaries/prices.rs"]
mod prices;
mod support;

use support::desk::*;
use tripline::engine::limits::{DuplicateLimits, Limits};
use tripline::engine::{WordId, guard};
use tripline::model::event::{CommandVerb, Intent, LivenessSign};
use tripline::model::verdict::{Verdict, VerdictRecord};
use tripline::model::{Event, Flags, Lots, Money, Nanos, Reason, Scope, Ticks, TradingState};

const BOOK: Scope = Scope::Book(0);
const SECOND: u64 = 1_000_000_000;

/// One limit: how it is set, and what is asked one unit below it (−1), at it (0) and beyond it (1).
struct Row {
    name: &'static str,
    set: fn(&mut Limits),
    ask: fn(&mut Desk, i64) -> VerdictRecord,
    reason: Reason,
    guard: u16,
    /// The measured values and limits of the denials; `None` passes.
    said: [Option<(i64, i64)>; 3],
}

/// Fails beyond its limit only.
const fn most(measured: i64, limit: i64) -> [Option<(i64, i64)>; 3] {
    [None, None, Some((measured, limit))]
}

/// Fails below its limit only.
const fn least(measured: i64, limit: i64) -> [Option<(i64, i64)>; 3] {
    [Some((measured, limit)), None, None]
}

/// PLAIN is marked at 1 000.
fn hold_at_their_limits(rows: &[Row]) {
    for row in rows {
        for (step, said) in (-1..=1).zip(row.said) {
            let mut own = limits(1_000_000 * E9, vec![]);
            (row.set)(&mut own);
            let mut desk = Desk::new(own);
            desk.mark(0, PLAIN, 1_000);
            let verdict = (row.ask)(&mut desk, step);
            let case = format!("{} {step:+}", row.name);
            match said {
                Some(numbers) => {
                    let told = (verdict.verdict, verdict.reason, verdict.guard);
                    assert_eq!(told, (Verdict::Deny, Some(row.reason), row.guard), "{case}");
                    assert_eq!((verdict.measured, verdict.limit), numbers, "{case}");
                }
                None => assert!(
                    matches!(verdict.verdict, Verdict::Pass | Verdict::PassExit),
                    "{case}: {verdict:?}"
                ),
            }
        }
    }
}

#[test]
fn an_order_by_itself_is_held_to_its_sizes_and_steps() {
    hold_at_their_limits(&[
        Row {
            name: "largest quantity",
            set: |limits| limits.books[0].max_order_qty = Some(Lots(10)),
            ask: |desk, step| desk.ask_limit(0, PLAIN, 1, 10 + step, 1_000),
            reason: Reason::MaxQty,
            guard: guard::ORDER_QTY,
            said: most(11, 10),
        },
        Row {
            name: "smallest quantity",
            set: |limits| limits.instruments[usize::from(PLAIN)].min_qty = Lots(10),
            ask: |desk, step| desk.ask_limit(0, PLAIN, 1, -10 - step, 1_000),
            reason: Reason::MinQty,
            guard: 0,
            said: least(9, 10),
        },
        Row {
            name: "some quantity at all",
            set: |_| {},
            ask: |desk, step| desk.ask(0, PLAIN, Flags::empty(), order_new_signed(1 + step, 1_000)),
            reason: Reason::MinQty,
            guard: 0,
            said: least(0, 1),
        },
        Row {
            name: "tick",
            set: |limits| limits.instruments[usize::from(PLAIN)].tick = Ticks(5),
            ask: |desk, step| desk.ask_limit(0, PLAIN, 1, 1, 1_000 + step),
            reason: Reason::Tick,
            guard: 0,
            said: [Some((999, 5)), None, Some((1_001, 5))],
        },
        Row {
            name: "lot",
            set: |limits| limits.instruments[usize::from(PLAIN)].lot = Lots(2),
            ask: |desk, step| desk.ask_limit(0, PLAIN, 1, 10 + step, 1_000),
            reason: Reason::Lot,
            guard: 0,
            said: [Some((9, 2)), None, Some((11, 2))],
        },
        Row {
            name: "a price above nothing",
            set: |_| {},
            ask: |desk, step| desk.ask_limit(0, PLAIN, 1, 1, 1 + step),
            reason: Reason::Tick,
            guard: 0,
            said: least(0, 1),
        },
    ]);
}

/// A buy of a quantity that may be none.
fn order_new_signed(qty: i64, px: i64) -> Event {
    Event::OrderNew {
        order: id(1),
        px: Ticks(px),
        qty: Lots(qty),
        attrs: attrs(),
        group: 0,
        leg: 0,
        list_count: 0,
    }
}

#[test]
fn a_sign_of_life_ends_its_cause_after_exactly_the_time_of_recovery() {
    for (step, state) in [(-1, TradingState::Halted), (0, TradingState::Active), (1, TradingState::Active)] {
        let mut own = limits(1_000 * E9, vec![]);
        own.strategies[0].heartbeat = Nanos(SECOND);
        let mut desk = Desk::new(own);
        desk.wait(Nanos(SECOND + 1));
        assert_eq!(desk.state(0), TradingState::Halted);
        let first = desk.now;
        for beat in 1..=6 {
            desk.advance(first.after(ms(900 * (beat - 1))));
            desk.liveness(0, LivenessSign::Alive, beat);
        }
        desk.advance(Nanos((first.0 + 5 * SECOND).saturating_add_signed(step)));
        desk.liveness(0, LivenessSign::Alive, 7);
        assert_eq!(desk.state(0), state, "{step}");
    }
}

#[test]
fn what_may_fill_is_held_to_the_largest_position_and_number_of_orders() {
    let ten: fn(&mut Limits) = |limits| limits.books[0].max_position = Some(Lots(10));
    let row = |name, ask| Row {
        name,
        set: ten,
        ask,
        reason: Reason::MaxPosition,
        guard: guard::POSITION,
        said: most(11, 10),
    };
    hold_at_their_limits(&[
        row("bought from flat", |desk, step| desk.ask_limit(0, PLAIN, 1, 10 + step, 1_000)),
        row("sold from flat", |desk, step| desk.ask_limit(0, PLAIN, 1, -10 - step, 1_000)),
        row("with what is held and working", |desk, step| {
            desk.fill(0, PLAIN, 4, 1_000, 0);
            desk.ask_limit(0, PLAIN, 1, 3, 1_000);
            desk.ask_limit(0, PLAIN, 2, 3 + step, 1_000)
        }),
        row("through zero", |desk, step| {
            desk.fill(0, PLAIN, 4, 1_000, 0);
            desk.ask_limit(0, PLAIN, 1, -14 - step, 1_000)
        }),
        row("with what nobody answers", |desk, step| {
            desk.ask_limit(0, PLAIN, 1, 7, 1_000);
            desk.wait(Nanos::from_secs(6));
            assert_eq!(desk.engine.counters().timeouts, 1);
            desk.ask_limit(0, PLAIN, 2, 3 + step, 1_000)
        }),
        row("grown", |desk, step| {
            desk.ask_limit(0, PLAIN, 1, 5, 1_000);
            desk.ask(0, PLAIN, Flags::empty(), order_modify(1, 10 + step, 1_000))
        }),
        row("replaced by another before it is gone", |desk, step| {
            desk.ask_limit(0, PLAIN, 1, 5, 1_000);
            let (order, px, qty) = (id(1), Ticks(1_001), Lots(5 + step));
            let event = Event::OrderModify { order, px, qty, attrs: attrs(), new_order: 2 };
            desk.ask(0, PLAIN, Flags::empty(), event)
        }),
        Row {
            name: "open orders",
            set: |limits| limits.books[0].max_open_orders = Some(3),
            ask: |desk, step| {
                for order in 1..=(2 + step) {
                    desk.ask_limit(0, PLAIN, order.unsigned_abs(), 1, 1_000);
                }
                desk.ask_limit(0, PLAIN, 9, -1, 1_000)
            },
            reason: Reason::OpenOrders,
            guard: 0,
            said: most(4, 3),
        },
    ]);
}

#[test]
fn what_reduces_and_what_exits_is_held_to_what_is_left_of_the_position() {
    let row = |name, ask, reason, guard| Row { name, set: |_| {}, ask, reason, guard, said: most(11, 10) };
    hold_at_their_limits(&[
        row(
            "reduce-only by state",
            |desk, step| {
                desk.fill(0, PLAIN, 10, 1_000, 0);
                desk.command(CommandVerb::Reduce, BOOK, 0, 0, false);
                desk.ask_limit(0, PLAIN, 1, -10 - step, 1_000)
            },
            Reason::ReduceOnlySize,
            guard::OPERATOR,
        ),
        row(
            "reduce-only by intent",
            |desk, step| {
                desk.fill(0, PLAIN, -10, 1_000, 0);
                desk.ask_to(Intent::Reduce, 0, PLAIN, 1, 10 + step, 1_000)
            },
            Reason::ReduceOnlySize,
            0,
        ),
        row(
            "protection",
            |desk, step| {
                desk.fill(0, PLAIN, 10, 1_000, 0);
                desk.ask_to(Intent::Protect, 0, PLAIN, 1, -10 - step, 900)
            },
            Reason::ReduceOnlySize,
            0,
        ),
        row(
            "an exit while halted",
            |desk, step| {
                desk.fill(0, PLAIN, 10, 1_000, 0);
                desk.command(CommandVerb::Halt, Scope::Firm, 0, 0, false);
                desk.ask_to(Intent::Exit, 0, PLAIN, 1, -10 - step, 1_000)
            },
            Reason::ExitSize,
            0,
        ),
        row(
            "an exit that the venue keeps to reducing, with another on its way",
            |desk, step| {
                desk.fill(0, PLAIN, -10, 1_000, 0);
                desk.ask_to(Intent::Exit, 0, PLAIN, 1, 10, 1_000);
                let event = order_with(Intent::Exit, 0, 2, 10 + step, 1_000);
                desk.ask(0, PLAIN, Flags::VENUE_REDUCE_ONLY, event)
            },
            Reason::ExitSize,
            0,
        ),
    ]);
}

#[test]
fn equal_orders_are_held_to_their_numbers_and_their_window() {
    let guarded = || {
        let mut own = limits(1_000_000 * E9, vec![]);
        own.strategies[0].duplicates = Some(DuplicateLimits::default());
        Desk::new(own)
    };
    for (count, denied, trips) in [
        (4, false, false),
        (5, true, false),
        (6, true, false),
        (19, true, false),
        (20, true, true),
        (21, true, true),
    ] {
        let mut desk = guarded();
        let last = (1..=count).map(|order| desk.ask_limit(0, PLAIN, order, 1, 1_000)).last().unwrap();
        assert_eq!(last.reason, denied.then_some(Reason::DuplicateFingerprint), "{count}");
        if denied {
            let told = (last.measured, last.limit, last.guard);
            assert_eq!(told, (count as i64, 5, guard::DUPLICATE), "{count}");
        }
        assert_eq!(desk.state(0) == TradingState::Halted, trips, "{count}");
        if let Some(trip) = desk.taken(guard::DUPLICATE).first() {
            assert_eq!((trip.measured, trip.limit, trip.reason), (20, 20, Reason::DuplicateFingerprint));
        }
    }
    for (age, denied) in [(SECOND - 1, true), (SECOND, false), (SECOND + 1, false)] {
        let mut desk = guarded();
        for order in 1..=4 {
            desk.ask_limit(0, PLAIN, order, 1, 1_000);
        }
        desk.wait(Nanos(age));
        let fifth = desk.ask_limit(0, PLAIN, 5, 1, 1_000);
        assert_eq!(fifth.reason, denied.then_some(Reason::DuplicateFingerprint), "{age}");
    }
}

#[test]
fn what_was_sent_without_asking_trips_the_same_limits_with_the_same_numbers() {
    type Tell = fn(&mut Desk, i64);
    let set = |limits: &mut Limits| {
        let book = &mut limits.books[0];
        book.max_order_qty = Some(Lots(10));
        book.max_order_notional = Some(Money(50_000 * E9));
        book.max_position = Some(Lots(20));
    };
    let quantity: Tell = |desk, step| desk.order(0, PLAIN, 1, 10 + step, 1_000);
    let notional: Tell = |desk, step| desk.order(0, PLAIN, 1, 10, 5_000 + step);
    let market: Tell = |desk, step| {
        desk.mark(0, PLAIN, 5_000 + step);
        desk.order(0, PLAIN, 1, 10, 0);
    };
    let worst: Tell = |desk, step| {
        desk.fill(0, PLAIN, -11, 1_000, 0);
        desk.order(0, PLAIN, 1, -9 - step, 1_000);
    };
    let filled: Tell = |desk, step| {
        desk.fill(0, PLAIN, 20 + step, 1_000, 0);
    };
    for (name, tell, guard, reason, numbers) in [
        ("quantity", quantity, guard::ORDER_QTY, Reason::MaxQty, (11, 10)),
        ("notional", notional, guard::ORDER_NOTIONAL, Reason::MaxNotional, (50_010_000_000, 50_000_000_000)),
        ("at the mark", market, guard::ORDER_NOTIONAL, Reason::MaxNotional, (50_010_000_000, 50_000_000_000)),
        ("worst case", worst, guard::POSITION, Reason::MaxPosition, (21, 20)),
        ("position", filled, guard::POSITION, Reason::MaxPosition, (21, 20)),
    ] {
        for step in -1..=1 {
            let mut own = limits(1_000_000 * E9, vec![]);
            set(&mut own);
            let mut desk = Desk::new(own);
            tell(&mut desk, step);
            let beyond = step > 0;
            assert_eq!(desk.state(0) == TradingState::ReduceOnly, beyond, "{name} {step:+}");
            let seen = desk.taken(guard);
            assert_eq!(seen.len(), usize::from(beyond), "{name} {step:+}");
            for trip in seen {
                assert_eq!((trip.reason, (trip.measured, trip.limit)), (reason, numbers), "{name}");
                assert_eq!(desk.engine.word(WordId::Book(0)).epoch, trip.epoch);
            }
        }
    }
}
