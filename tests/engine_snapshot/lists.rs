//! A list of orders that a restart finds half told, and sets of orders that it finds armed.

use crate::support::desk::*;
use tripline::engine::{Engine, Exposure, WordId};
use tripline::model::event::{Intent, ListMode};
use tripline::model::verdict::Verdict;
use tripline::model::{Event, Flags, Lots, Reason, TradingState};

fn restart(desk: &mut Desk) {
    let bytes = desk.engine.snapshot();
    desk.engine = Engine::restore(&bytes).expect("its own snapshot");
    assert!(desk.engine.snapshot() == bytes, "a restored engine writes itself differently");
}

fn desk() -> Desk {
    let mut limits = limits(1_000_000 * E9, vec![]);
    limits.books[0].max_position = Some(Lots(10));
    let mut desk = Desk::new(limits);
    desk.mark(0, PLAIN, 100);
    desk
}

#[test]
fn a_list_goes_on_where_it_was_when_the_core_died() {
    for (third, verdict) in [(3, Verdict::Pass), (4, Verdict::Deny)] {
        let mut desk = desk();
        let event = Event::OrderList { list: id(1), count: 3, mode: ListMode::Batch };
        desk.say(0, PLAIN, Flags::empty(), event);
        for (order, qty) in [(1, 4), (2, 3), (3, third)] {
            restart(&mut desk);
            assert_eq!(desk.verdicts.len(), 0);
            let mut event = order_with(Intent::Open, 0, order, qty, 100);
            if let Event::OrderNew { list_count, .. } = &mut event {
                *list_count = 3;
            }
            desk.say(0, PLAIN, Flags::PERMIT, event);
        }
        restart(&mut desk);
        let given: Vec<_> = desk.verdicts.iter().map(|given| given.record.verdict).collect();
        assert_eq!(given, [verdict; 3]);
        let reasons: Vec<_> = desk.verdicts.iter().filter_map(|given| given.record.reason).collect();
        let (buys, expected) = match verdict {
            Verdict::Pass => (10, vec![]),
            _ => (0, vec![Reason::ListMember, Reason::ListMember, Reason::MaxPosition]),
        };
        assert_eq!((desk.engine.exposure(0, PLAIN).buys, reasons), (buys, expected));
        assert_eq!(desk.engine.exposure(0, PLAIN) == Exposure::default(), verdict == Verdict::Deny);
    }
}

#[test]
fn what_is_armed_and_what_is_left_to_it_survive_a_restart() {
    let leg = |order, leg: u16| {
        let mut event = order_with(Intent::Protect, 7, order, -10, 100);
        if let Event::OrderNew { leg: own, .. } = &mut event {
            *own = leg;
        }
        event
    };
    let fill = |desk: &mut Desk, order, qty: i64| {
        let exec = desk.fresh_id();
        desk.fill_as(0, PLAIN, exec, order, -qty, 100, 0);
    };
    for (qty, state) in [(6, TradingState::Active), (7, TradingState::Active), (8, TradingState::Halted)] {
        let mut desk = desk();
        desk.fill(0, PLAIN, 10, 100, 0);
        for order in [1, 2] {
            assert_eq!(desk.ask(0, PLAIN, Flags::SELL, leg(order, order as u16)).verdict, Verdict::Pass);
        }
        restart(&mut desk);
        let again = desk.ask(0, PLAIN, Flags::SELL, leg(3, 1));
        assert_eq!((again.reason, again.measured, again.limit), (Some(Reason::OcoRearm), 2, 1));
        fill(&mut desk, 2, 3);
        restart(&mut desk);
        fill(&mut desk, 1, qty);
        assert_eq!(desk.engine.word(WordId::Instrument(0, PLAIN)).state, state, "{qty} of 7 that are left");
    }
}
