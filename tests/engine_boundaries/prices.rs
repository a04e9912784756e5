//! Orders against the market: notional, collar, and the mark that a market order needs.

use tripline::engine::guard;
use tripline::engine::limits::Limits;
use tripline::model::event::{OrderAttrs, OrderType};
use tripline::model::verdict::Verdict;
use tripline::model::{Bps, Event, Flags, Lots, Money, Nanos, Reason, Ticks};

use super::{Row, SECOND, hold_at_their_limits, least, most};
use crate::support::desk::*;

#[test]
fn notional_is_held_to_its_limits_on_linear_inverse_and_negative_prices() {
    hold_at_their_limits(&[
        Row {
            name: "largest, by one tick",
            set: |limits| limits.books[0].max_order_notional = Some(Money(1_000 * E9)),
            ask: |desk, step| desk.ask_limit(0, PLAIN, 1, 1, 1_000 + step),
            reason: Reason::MaxNotional,
            guard: guard::ORDER_NOTIONAL,
            said: most(1_001_000_000, 1_000_000_000),
        },
        Row {
            name: "smallest, by one tick",
            set: |limits| limits.instruments[usize::from(PLAIN)].min_notional = Money(1_000 * E9),
            ask: |desk, step| desk.ask_limit(0, PLAIN, 1, 1, 1_000 + step),
            reason: Reason::MinNotional,
            guard: 0,
            said: least(999_000_000, 1_000_000_000),
        },
        // 10 contracts of 100 at 50 000 are 0.02: fewer coins the higher the price.
        Row {
            name: "largest of an inverse one, by one tick",
            set: |limits| limits.books[2].max_order_notional = Some(Money(E9 / 50)),
            ask: |desk, step| desk.ask_limit(2, INVERSE, 1, 10, 50_000 - step),
            reason: Reason::MaxNotional,
            guard: guard::ORDER_NOTIONAL,
            said: most(20_001, 20_000),
        },
        Row {
            name: "smallest of an inverse one, by one tick",
            set: |limits| limits.instruments[usize::from(INVERSE)].min_notional = Money(E9 / 50),
            ask: |desk, step| desk.ask_limit(2, INVERSE, 1, 10, 50_000 - step),
            reason: Reason::MinNotional,
            guard: 0,
            said: least(19_999, 20_000),
        },
        Row {
            name: "largest at a negative price",
            set: |limits| {
                limits.instruments[usize::from(PLAIN)].allow_negative = true;
                limits.books[0].max_order_notional = Some(Money(1_000 * E9));
            },
            ask: |desk, step| desk.ask_limit(0, PLAIN, 1, 1, -1_000 - step),
            reason: Reason::MaxNotional,
            guard: guard::ORDER_NOTIONAL,
            said: most(1_001_000_000, 1_000_000_000),
        },
        Row {
            name: "smallest at a negative price",
            set: |limits| {
                let plain = &mut limits.instruments[usize::from(PLAIN)];
                (plain.allow_negative, plain.min_notional) = (true, Money(1_000 * E9));
            },
            ask: |desk, step| desk.ask_limit(0, PLAIN, 1, 1, -1_000 - step),
            reason: Reason::MinNotional,
            guard: 0,
            said: least(999_000_000, 1_000_000_000),
        },
    ]);
    // In the smallest unit of money.
    for (limit, denied) in [(1_000 * E9 - 1, true), (1_000 * E9, false), (1_000 * E9 + 1, false)] {
        let mut own = limits(1_000_000 * E9, vec![]);
        own.books[0].max_order_notional = Some(Money(limit));
        let verdict = Desk::new(own).ask_limit(0, PLAIN, 1, 1, 1_000);
        assert_eq!(verdict.reason, denied.then_some(Reason::MaxNotional), "{limit}");
        let mut own = limits(1_000_000 * E9, vec![]);
        own.instruments[usize::from(PLAIN)].min_notional = Money(2_000 * E9 - limit);
        let verdict = Desk::new(own).ask_limit(0, PLAIN, 1, 1, 1_000);
        assert_eq!(verdict.reason, denied.then_some(Reason::MinNotional), "{limit}");
    }
}

#[test]
fn a_price_is_held_to_the_collar_around_its_mark() {
    let collared: fn(&mut Limits) = |limits| {
        let plain = &mut limits.instruments[usize::from(PLAIN)];
        (plain.collar, plain.allow_negative) = (Some(Bps(1_000)), true);
    };
    let row = |name, ask| Row {
        name,
        set: collared,
        ask,
        reason: Reason::Collar,
        guard: 0,
        said: most(1_010, 1_000),
    };
    hold_at_their_limits(&[
        row("a buy above", |desk, step| desk.ask_limit(0, PLAIN, 1, 1, 1_100 + step)),
        row("a sell above", |desk, step| desk.ask_limit(0, PLAIN, 1, -1, 1_100 + step)),
        row("a buy below", |desk, step| desk.ask_limit(0, PLAIN, 1, 1, 900 - step)),
        row("a sell below", |desk, step| desk.ask_limit(0, PLAIN, 1, -1, 900 - step)),
        row("around a negative mark", |desk, step| {
            desk.mark(0, PLAIN, -1_000);
            desk.ask_limit(0, PLAIN, 1, 1, -1_100 - step)
        }),
        row("a new price", |desk, step| {
            desk.ask_limit(0, PLAIN, 1, 1, 1_000);
            desk.ask(0, PLAIN, Flags::empty(), order_modify(1, 1, 1_100 + step))
        }),
    ]);
}

#[test]
fn a_market_order_is_held_to_the_age_of_its_mark() {
    let market = |desk: &mut Desk| {
        let attrs = OrderAttrs { order_type: OrderType::Market, ..attrs() };
        let (order, px, qty) = (id(1), Ticks(0), Lots(1));
        let event = Event::OrderNew { order, px, qty, attrs, group: 0, leg: 0, list_count: 0 };
        desk.ask(0, PLAIN, Flags::empty(), event)
    };
    for (age, reason) in [
        (5 * SECOND - 1, None),
        (5 * SECOND, None),
        (5 * SECOND + 1, Some(Reason::MarkStale)),
        (3_600 * SECOND, Some(Reason::MarkStale)),
    ] {
        let mut desk = Desk::with(1_000_000, vec![]);
        let unmarked = market(&mut desk);
        assert_eq!((unmarked.verdict, unmarked.reason), (Verdict::Deny, Some(Reason::NoMark)));
        desk.mark(0, PLAIN, 1_000);
        desk.wait(Nanos(age));
        let verdict = market(&mut desk);
        assert_eq!(verdict.reason, reason, "{age}");
        if reason.is_some() {
            assert_eq!((verdict.measured, verdict.limit), (1_000, 0));
        }
    }
}

#[test]
fn a_market_order_is_held_to_the_band_of_its_mark_and_a_stop_to_its_trigger_where_there_is_none() {
    let kind = |desk: &mut Desk, order_type, trigger: i64| {
        let (attrs, order) = (OrderAttrs { order_type, ..attrs() }, id(1));
        let (px, qty, position) = (Ticks(0), Lots(1), desk.position);
        let first = Event::OrderNew { order, px, qty, attrs, group: 0, leg: 0, list_count: 0 };
        desk.say(0, PLAIN, Flags::PERMIT | Flags::MORE, first);
        let (trigger_px, expiry_utc_ns, quote_cost, parent) = (Ticks(trigger), 0, 0, 0);
        let rest = Event::OrderExt { order, trigger_px, expiry_utc_ns, quote_cost, parent };
        desk.say(0, PLAIN, Flags::empty(), rest);
        desk.verdicts.iter().find(|verdict| verdict.position == position).expect("an answer").record
    };
    for (px, reason) in [(1_029, None), (1_030, None), (1_031, Some(Reason::MarkSuspect))] {
        let mut own = limits(1_000_000 * E9, vec![]);
        own.instruments[usize::from(PLAIN)].band = Some(Bps(300));
        let mut desk = Desk::new(own);
        desk.mark(0, PLAIN, 1_000);
        desk.mark(0, PLAIN, px);
        let verdict = kind(&mut desk, OrderType::Market, 0);
        assert_eq!(verdict.reason, reason, "{px}");
        if reason.is_some() {
            assert_eq!((verdict.measured, verdict.limit), (1_000, 0));
        }
    }
    // Without a mark the trigger is the price: of the largest notional too.
    for (trigger, reason) in
        [(0, Some(Reason::NoMark)), (999, None), (1_000, None), (1_001, Some(Reason::MaxNotional))]
    {
        let mut own = limits(1_000_000 * E9, vec![]);
        own.books[0].max_order_notional = Some(Money(1_000 * E9));
        let verdict = kind(&mut Desk::new(own), OrderType::Stop, trigger);
        assert_eq!(verdict.reason, reason, "{trigger}");
    }
}
