//! Orders of a leg: what they may do to it, what they reserve, and what they are held to.

use tripline::engine::Exposure;
use tripline::engine::guard;
use tripline::engine::limits::ScopeLimits;
use tripline::model::event::{CommandVerb, Intent, ListMode, OrderAction};
use tripline::model::verdict::{Verdict, VerdictRecord};
use tripline::model::{Bps, Event, Flags, Leg, Lots, Money, Reason, Scope, Ticks, TradingState};

use crate::support::desk::*;
use crate::{BOOK, PASSED, denied, desk, execution, fill, halted, hedged, holding, legs, why};

/// A request for an order of this intent on a leg, at 100; a negative quantity sells.
fn ask(desk: &mut Desk, intent: Intent, leg: Leg, order: u64, qty: i64) -> VerdictRecord {
    desk.ask(0, PLAIN, side(qty) | leg.flags(), order_with(intent, 0, order, qty, 100))
}

fn open(desk: &mut Desk, leg: Leg, order: u64, qty: i64) -> VerdictRecord {
    ask(desk, Intent::Open, leg, order, qty)
}

/// An order that was announced, not asked for.
fn announce(desk: &mut Desk, leg: Leg, order: u64, qty: i64) {
    desk.say(0, PLAIN, side(qty) | leg.flags(), order_new(order, qty, 100));
}

fn reserved(desk: &Desk, leg: Leg) -> (i64, i64) {
    let Exposure { buys, sells, .. } = desk.engine.leg_exposure(0, PLAIN, leg);
    (buys, sells)
}

#[test]
fn an_order_that_would_flip_a_leg_is_denied() {
    // What is held, what lives already, what is asked for, and what of it there is room for where it is denied.
    for (leg, held, live, asked, room) in [
        (Leg::Long, 10, 0, -9, None),
        (Leg::Long, 10, 0, -10, None),
        (Leg::Long, 10, 0, -11, Some(10)),
        (Leg::Long, 10, -4, -5, None),
        (Leg::Long, 10, -4, -6, None),
        (Leg::Long, 10, -4, -7, Some(6)),
        (Leg::Long, 0, 0, -1, Some(0)),
        (Leg::Short, -10, 0, 9, None),
        (Leg::Short, -10, 0, 10, None),
        (Leg::Short, -10, 0, 11, Some(10)),
        (Leg::Short, -10, 4, 6, None),
        (Leg::Short, -10, 4, 7, Some(6)),
        (Leg::Short, 0, 0, 1, Some(0)),
        (Leg::Long, 0, 0, 1, None),
        (Leg::Long, 10, 0, 50, None),
        (Leg::Short, 0, 0, -1, None),
        (Leg::Short, -10, 0, -50, None),
    ] {
        // The other leg is as large and must not matter.
        let mut desk = if leg == Leg::Long { holding(held, -10) } else { holding(10, held) };
        if live != 0 {
            assert_eq!(why(open(&mut desk, leg, 1, live)), PASSED);
        }
        let verdict = open(&mut desk, leg, 2, asked);
        let Some(room) = room else {
            assert_eq!(why(verdict), PASSED, "{leg:?} {held} {live} {asked}");
            continue;
        };
        assert_eq!(why(verdict), denied(Reason::ReduceOnlySize), "{leg:?} {held} {live} {asked}");
        assert_eq!((verdict.measured, verdict.limit, verdict.extra), (asked.abs(), room, room as u64));
        assert_eq!(desk.state(0), TradingState::Active, "a denial halts nobody");
    }
}

#[test]
fn a_leg_on_its_wrong_side_can_be_neither_reduced_nor_left() {
    let mut desk = holding(10, 0);
    fill(&mut desk, Leg::Long, -12, 100);
    crate::reset(&mut desk, BOOK);
    assert_eq!((legs(&desk), desk.state(0)), ((-2, 0), TradingState::Active));
    assert_eq!(why(ask(&mut desk, Intent::Exit, Leg::Long, 1, 2)), denied(Reason::ExitSize));
    assert_eq!(why(ask(&mut desk, Intent::Reduce, Leg::Long, 2, 2)), denied(Reason::ReduceOnlySize));
    assert_eq!(why(ask(&mut desk, Intent::Open, Leg::Long, 3, -1)), denied(Reason::ReduceOnlySize));
    assert_eq!(why(open(&mut desk, Leg::Long, 4, 2)), PASSED, "what opens is an order like any other");
}

#[test]
fn reduce_only_goes_by_the_leg() {
    for (intent, reduces) in [(None, true), (Some(Intent::Reduce), false), (Some(Intent::Protect), false)] {
        for (leg, asked, expected) in [
            (Leg::Long, -9, PASSED),
            (Leg::Long, -10, PASSED),
            (Leg::Long, -11, denied(Reason::ReduceOnlySize)),
            (Leg::Long, 1, denied(Reason::ReduceOnlySize)),
            (Leg::Short, 3, PASSED),
            (Leg::Short, 4, PASSED),
            (Leg::Short, 5, denied(Reason::ReduceOnlySize)),
            (Leg::Short, -1, denied(Reason::ReduceOnlySize)),
        ] {
            let mut desk = holding(10, -4);
            if reduces {
                desk.command(CommandVerb::Reduce, BOOK, 0, 0, false);
            }
            let verdict = ask(&mut desk, intent.unwrap_or(Intent::Open), leg, 1, asked);
            assert_eq!(why(verdict), expected, "{intent:?} {leg:?} {asked}");
        }
    }
}

#[test]
fn an_exit_is_verified_against_its_leg_and_passes_any_halt() {
    for (leg, live, asked, left) in [
        (Leg::Long, 0, -9, Some(1)),
        (Leg::Long, 0, -10, Some(0)),
        (Leg::Long, 0, -11, None),
        (Leg::Long, 0, 1, None),
        (Leg::Long, -3, -6, Some(1)),
        (Leg::Long, -3, -7, Some(0)),
        (Leg::Long, -3, -8, None),
        (Leg::Short, 0, 4, Some(0)),
        (Leg::Short, 0, 5, None),
        (Leg::Short, 0, -1, None),
        (Leg::Short, 1, 3, Some(0)),
        (Leg::Short, 1, 4, None),
    ] {
        let mut desk = holding(10, -4);
        desk.command(CommandVerb::Halt, Scope::Firm, 0, 0, false);
        if live != 0 {
            assert_eq!(ask(&mut desk, Intent::Exit, leg, 1, live).verdict, Verdict::PassExit);
        }
        let verdict = ask(&mut desk, Intent::Exit, leg, 2, asked);
        match left {
            Some(left) => {
                assert_eq!(verdict.verdict, Verdict::PassExit, "{leg:?} {live} {asked}");
                assert_eq!(verdict.extra, left, "{leg:?} {live} {asked}");
            }
            None => assert_eq!(why(verdict), denied(Reason::ExitSize), "{leg:?} {live} {asked}"),
        }
    }
}

#[test]
fn a_book_that_misses_a_fill_lets_only_venue_enforced_exits_of_its_legs_pass() {
    let mut desk = holding(10, -4);
    fill(&mut desk, Leg::Short, 5, 100);
    assert_eq!(halted(&desk, BOOK), Some(Reason::Gap));
    let exit = ask(&mut desk, Intent::Exit, Leg::Long, 1, -10);
    assert_eq!(why(exit), (Verdict::ExitUnverified, Some(Reason::ExitUnverified)));
    let flags = Flags::SELL | Flags::LEG_LONG | Flags::VENUE_REDUCE_ONLY;
    let exit = desk.ask(0, PLAIN, flags, order_with(Intent::Exit, 0, 2, -10, 100));
    assert_ne!(exit.verdict, Verdict::Deny);
}

#[test]
fn a_request_names_a_leg_there_is() {
    for (instrument, leg, expected) in [
        (PLAIN, Leg::Net, denied(Reason::UnknownInstrument)),
        (PLAIN, Leg::Long, PASSED),
        (PERP, Leg::Net, PASSED),
        (PERP, Leg::Long, denied(Reason::UnknownInstrument)),
        (PERP, Leg::Short, denied(Reason::UnknownInstrument)),
    ] {
        let mut desk = desk();
        let verdict = desk.ask(0, instrument, leg.flags(), order_new(1, 1, 100));
        assert_eq!(why(verdict), expected, "{instrument} {leg:?}");
        assert_eq!(desk.state(0), TradingState::Active);
    }
}

#[test]
fn an_order_announced_without_its_leg_halts_its_book_and_reserves_nothing() {
    for (instrument, leg) in [(PLAIN, Leg::Net), (PERP, Leg::Long), (PERP, Leg::Short)] {
        let mut desk = desk();
        desk.say(0, instrument, leg.flags(), order_new(1, 5, 100));
        assert_eq!(halted(&desk, BOOK), Some(Reason::Gap), "{instrument} {leg:?}");
        assert_eq!(desk.engine.exposure(0, instrument), Exposure::default());
    }
}

#[test]
fn an_order_keeps_its_leg() {
    let mut desk = desk();
    announce(&mut desk, Leg::Long, 1, 5);
    // What the venue says of it needs no leg.
    desk.ack(0, PLAIN, 1);
    let modified =
        Event::OrderModified { order: id(1), px: Ticks(100), qty: Lots(7), cum_qty: Lots(0), t_venue: 0 };
    desk.say(0, PLAIN, Flags::empty(), modified);
    assert_eq!((reserved(&desk, Leg::Long), reserved(&desk, Leg::Short)), ((7, 0), (0, 0)));
    desk.say(0, PLAIN, Flags::LEG_LONG, execution(1, 11, 2, 100));
    assert_eq!((legs(&desk), reserved(&desk, Leg::Long)), ((2, 0), (5, 0)));
    desk.say(0, PLAIN, Flags::LEG_SHORT, execution(1, 12, 2, 100));
    assert_eq!(legs(&desk), (2, 0));
    assert_eq!(halted(&desk, Scope::Strategy(0)), Some(Reason::Corrupt));
}

#[test]
fn a_modification_is_of_the_order_it_names_and_of_no_other_leg() {
    for (leg, expected) in
        [(Leg::Net, PASSED), (Leg::Long, PASSED), (Leg::Short, denied(Reason::UnknownOrder))]
    {
        let mut desk = desk();
        assert_eq!(why(open(&mut desk, Leg::Long, 1, 5)), PASSED);
        let verdict = desk.ask(0, PLAIN, leg.flags(), order_modify(1, 8, 100));
        assert_eq!(why(verdict), expected, "{leg:?}");
    }
}

#[test]
fn an_order_that_closes_grows_no_further_than_its_leg() {
    for (qty, expected) in [(9, PASSED), (10, PASSED), (11, denied(Reason::ReduceOnlySize))] {
        for anew in [0, 2] {
            let mut desk = holding(10, -10);
            assert_eq!(why(open(&mut desk, Leg::Long, 1, -4)), PASSED);
            let event = Event::OrderModify {
                order: id(1),
                px: Ticks(100),
                qty: Lots(if anew == 0 { qty } else { qty - 4 }),
                attrs: attrs(),
                new_order: anew,
            };
            // Placed anew the old one lives on: 4 of it and so many more.
            assert_eq!(why(desk.ask(0, PLAIN, Flags::LEG_LONG, event)), expected, "{qty} {anew}");
        }
    }
}

#[test]
fn each_leg_reserves_what_its_own_orders_may_fill() {
    let mut desk = holding(10, -4);
    announce(&mut desk, Leg::Long, 1, 3);
    announce(&mut desk, Leg::Short, 2, -2);
    announce(&mut desk, Leg::Long, 3, -5);
    announce(&mut desk, Leg::Short, 4, 4);
    assert_eq!((reserved(&desk, Leg::Long), reserved(&desk, Leg::Short)), ((3, 5), (4, 2)));
    let both = Exposure { buys: 7, sells: 7, open_orders: 4 };
    assert_eq!(desk.engine.exposure(0, PLAIN), both);
    desk.not_sent(0, PLAIN, 1, OrderAction::New);
    desk.say(0, PLAIN, Flags::LEG_SHORT, execution(4, 21, 1, 100));
    assert_eq!((reserved(&desk, Leg::Long), reserved(&desk, Leg::Short)), ((0, 5), (3, 2)));
    assert_eq!(legs(&desk), (10, -3));
}

#[test]
fn members_of_a_group_share_their_leg_only() {
    let mut desk = holding(10, -4);
    for (order, leg, qty) in [(1, Leg::Long, -6), (2, Leg::Long, -4), (3, Leg::Short, -4), (4, Leg::Short, 3)]
    {
        desk.say(0, PLAIN, side(qty) | leg.flags(), order_with(Intent::Open, 5, order, qty, 100));
    }
    assert_eq!((reserved(&desk, Leg::Long), reserved(&desk, Leg::Short)), ((0, 6), (3, 4)));
}

#[test]
fn an_entry_covers_what_protects_its_own_leg() {
    for (leg, sheltered) in [(Leg::Long, true), (Leg::Short, false)] {
        let mut desk = holding(0, -4);
        announce(&mut desk, Leg::Long, 1, 5);
        // A sell closes the long leg that the entry opens; on the short leg it opens more.
        let flags = Flags::SELL | leg.flags();
        desk.say(0, PLAIN, flags | Flags::MORE, order_with(Intent::Protect, 0, 2, -5, 90));
        let child = Event::OrderExt {
            order: id(2),
            trigger_px: Ticks(90),
            expiry_utc_ns: 0,
            quote_cost: 0,
            parent: 1,
        };
        desk.say(0, PLAIN, Flags::empty(), child);
        assert_eq!(reserved(&desk, leg).1, if sheltered { 0 } else { 5 }, "{leg:?}");
    }
}

#[test]
fn the_position_limit_is_each_legs_own() {
    for (leg, asked, expected) in [
        (Leg::Long, 1, PASSED),
        (Leg::Long, 2, PASSED),
        (Leg::Long, 3, denied(Reason::MaxPosition)),
        (Leg::Short, -1, PASSED),
        (Leg::Short, -2, PASSED),
        (Leg::Short, -3, denied(Reason::MaxPosition)),
    ] {
        let mut limits = hedged(vec![]);
        limits.books[0].max_position = Some(Lots(10));
        let mut desk = Desk::new(limits);
        desk.mark(0, PLAIN, 100);
        fill(&mut desk, Leg::Long, 8, 100);
        fill(&mut desk, Leg::Short, -8, 100);
        let verdict = open(&mut desk, leg, 1, asked);
        assert_eq!(why(verdict), expected, "{leg:?} {asked}");
        if verdict.verdict == Verdict::Deny {
            assert_eq!((verdict.measured, verdict.limit, verdict.extra), (11, 10, 2));
        }
    }
}

#[test]
fn a_leg_beyond_the_position_limit_makes_its_book_reduce_only_until_it_is_back() {
    let mut limits = hedged(vec![]);
    limits.books[0].max_position = Some(Lots(10));
    let mut desk = Desk::new(limits);
    desk.mark(0, PLAIN, 100);
    fill(&mut desk, Leg::Short, -10, 100);
    for (leg, qty, state) in [
        (Leg::Long, 9, TradingState::Active),
        (Leg::Long, 1, TradingState::Active),
        (Leg::Long, 1, TradingState::ReduceOnly),
        (Leg::Short, -1, TradingState::ReduceOnly),
        (Leg::Long, -1, TradingState::ReduceOnly),
        (Leg::Short, 1, TradingState::Active),
    ] {
        fill(&mut desk, leg, qty, 100);
        assert_eq!(desk.state(0), state, "{leg:?} {qty}: {:?}", legs(&desk));
    }
}

#[test]
fn gross_is_over_both_legs_and_net_sets_them_off() {
    // 3 long and 2 short at 100: 500 gross, 100 net.
    for (gross, net, leg, asked, expected) in [
        (Some(600), None, Leg::Long, 1, PASSED),
        (Some(600), None, Leg::Long, 2, denied(Reason::Gross)),
        (Some(600), None, Leg::Short, -1, PASSED),
        (Some(600), None, Leg::Short, -2, denied(Reason::Gross)),
        (None, Some(200), Leg::Long, 1, PASSED),
        (None, Some(200), Leg::Long, 2, denied(Reason::Net)),
        (None, Some(200), Leg::Short, -3, PASSED),
        (None, Some(200), Leg::Short, -4, denied(Reason::Net)),
        (Some(400), None, Leg::Long, -1, PASSED),
        (Some(400), None, Leg::Short, 2, PASSED),
    ] {
        let mut limits = hedged(vec![]);
        let money = |amount: Option<i128>| amount.map(|amount| Money(amount * E9));
        limits.books[0].caps = ScopeLimits { gross: money(gross), net: money(net), ..ScopeLimits::default() };
        let mut desk = Desk::new(limits);
        desk.mark(0, PLAIN, 100);
        // Nobody ordered the second fill, so gross may already be beyond its limit.
        fill(&mut desk, Leg::Long, 3, 100);
        fill(&mut desk, Leg::Short, -2, 100);
        let held = desk.engine.scope_exposure(BOOK).expect("it is limited");
        assert_eq!((held.gross, held.net), (Money(500 * E9), Money(100 * E9)));
        assert_eq!(why(open(&mut desk, leg, 1, asked)), expected, "{gross:?} {net:?} {leg:?} {asked}");
    }
}

#[test]
fn what_closes_a_leg_need_not_be_paid_for() {
    // 500 of margin are free and a lot costs 100; 4 lots are in either leg.
    for (leg, qty, expected) in [
        (Leg::Long, 4, PASSED),
        (Leg::Long, 5, PASSED),
        (Leg::Long, 6, denied(Reason::Margin)),
        (Leg::Short, -5, PASSED),
        (Leg::Short, -6, denied(Reason::Margin)),
        (Leg::Long, -4, PASSED),
        (Leg::Short, 4, PASSED),
    ] {
        let mut desk = holding(4, -4);
        let (initial, maintenance, available) = (0, 0, 500_000_000);
        let ratio = Bps(0);
        let event = Event::Margin { initial, maintenance, available, ccy: 0, ratio, t_venue: 0 };
        desk.say(0, PLAIN, Flags::empty(), event);
        if leg.is_closed_by(qty < 0) {
            let takes_all = open(&mut desk, leg, 1, if qty < 0 { 5 } else { -5 });
            assert_eq!(why(takes_all), PASSED);
        }
        assert_eq!(why(open(&mut desk, leg, 2, qty)), expected, "{leg:?} {qty}");
    }
}

#[test]
fn a_list_may_close_one_leg_and_open_the_other() {
    for (closes, expected) in [(-4, PASSED), (-5, denied(Reason::ReduceOnlySize))] {
        let mut desk = holding(4, 0);
        let event = Event::OrderList { list: id(9), count: 2, mode: ListMode::Batch };
        desk.say(0, PLAIN, Flags::empty(), event);
        let before = desk.verdicts.len();
        for (order, leg, qty) in [(1, Leg::Short, -7), (2, Leg::Long, closes)] {
            let member = Event::OrderNew {
                order: id(order),
                px: Ticks(100),
                qty: Lots(i64::abs(qty)),
                attrs: attrs(),
                group: 0,
                leg: 0,
                list_count: 2,
            };
            desk.say(0, PLAIN, side(qty) | leg.flags() | Flags::PERMIT, member);
        }
        let given: Vec<_> = desk.verdicts[before..].iter().map(|given| why(given.record)).collect();
        let passes = expected == PASSED;
        assert_eq!(given, [if passes { PASSED } else { denied(Reason::ListMember) }, expected]);
        let sells = if passes { (4, 7) } else { (0, 0) };
        assert_eq!((reserved(&desk, Leg::Long).1, reserved(&desk, Leg::Short).1), sells);
    }
}

#[test]
fn orders_of_two_legs_that_would_meet_cross_each_other() {
    let mut limits = hedged(vec![]);
    set_caps(&mut limits, Scope::Account(0), ScopeLimits { no_self_cross: true, ..ScopeLimits::default() });
    let mut desk = Desk::new(limits);
    desk.mark(0, PLAIN, 100);
    assert_eq!(why(open(&mut desk, Leg::Long, 1, 5)), PASSED);
    assert_eq!(why(open(&mut desk, Leg::Short, 2, -5)), denied(Reason::SelfCross));
}

#[test]
fn a_straggler_that_only_reduces_its_leg_is_none() {
    for (leg, qty, counted) in [
        (Leg::Long, -10, 0),
        (Leg::Long, -11, 1),
        (Leg::Short, 4, 0),
        (Leg::Short, 5, 1),
        (Leg::Short, -4, 1),
    ] {
        let mut desk = holding(10, -4);
        desk.command(CommandVerb::Reduce, BOOK, 0, 0, false);
        announce(&mut desk, leg, 1, qty);
        let counters = desk.engine.counters();
        assert_eq!(counters.violations + counters.stragglers, counted, "{leg:?} {qty}");
    }
}

#[test]
fn equal_orders_of_two_legs_are_not_the_same_order() {
    use tripline::engine::limits::DuplicateLimits;
    let mut limits = hedged(vec![]);
    let duplicates = DuplicateLimits { window: ms(1_000), deny: 2, trip: 9, cooldown: ms(1_000) };
    limits.strategies[0].duplicates = Some(duplicates);
    let mut desk = Desk::new(limits);
    desk.mark(0, PLAIN, 100);
    fill(&mut desk, Leg::Short, -5, 100);
    assert_eq!(why(open(&mut desk, Leg::Long, 1, 5)), PASSED);
    assert_eq!(why(open(&mut desk, Leg::Short, 2, 5)), PASSED);
    assert_eq!(why(open(&mut desk, Leg::Long, 3, 5)), denied(Reason::DuplicateFingerprint));
    assert!(desk.engine.cause_rows().all(|row| row.guard != u64::from(guard::DUPLICATE)));
}
