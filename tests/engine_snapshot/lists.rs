//! A list of orders that a restart finds half told.

use crate::support::desk::*;
use tripline::engine::{Engine, Exposure};
use tripline::model::event::{Intent, ListMode};
use tripline::model::verdict::Verdict;
use tripline::model::{Event, Flags, Lots, Reason};

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
