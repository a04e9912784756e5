//! Exits while the venue says that the position is another one.

use tripline::model::event::Intent;
use tripline::model::verdict::Verdict;
use tripline::model::{Event, Flags, Lots, Reason};

use crate::support::desk::*;

/// A snapshot of all positions, of an instant at which nothing happens.
fn stated(desk: &mut Desk, qty: i64) {
    let (before, snapshot) = (desk.position, 1);
    desk.say(0, PLAIN, Flags::empty(), Event::SnapBegin { snapshot, what: 1, position_before: before });
    let (average_px, liquidation_px, t_venue) = (0, 0, 0);
    let row = Event::SnapPosition { snapshot, qty: Lots(qty), average_px, liquidation_px, t_venue };
    desk.say(0, PLAIN, Flags::empty(), row);
    let position_after = desk.position;
    desk.say(0, PLAIN, Flags::empty(), Event::SnapEnd { snapshot, rows: 1, position_after, t_venue });
}

#[test]
fn an_exit_is_verified_only_while_the_position_is_the_venues() {
    for (qty, verified) in [(9, false), (10, true), (11, false)] {
        let mut desk = Desk::with(1_000_000, vec![]);
        desk.mark(0, PLAIN, 1_000);
        desk.fill(0, PLAIN, 10, 1_000, 0);
        stated(&mut desk, qty);
        let own = desk.ask_to(Intent::Exit, 0, PLAIN, 1, -10, 1_000);
        let expected = if verified {
            (Verdict::PassExit, None)
        } else {
            (Verdict::ExitUnverified, Some(Reason::ExitUnverified))
        };
        assert_eq!((own.verdict, own.reason), expected, "{qty}");
        let enforced = Flags::VENUE_REDUCE_ONLY | Flags::SELL;
        let by_venue = desk.ask(0, PLAIN, enforced, order_with(Intent::Exit, 0, 2, -10, 1_000));
        assert_eq!(by_venue.verdict, Verdict::PassExit, "{qty}: the venue sees to it that it only reduces");
        if !verified {
            stated(&mut desk, 10);
            let again = desk.ask_to(Intent::Exit, 0, PLAIN, 3, -1, 1_000);
            assert_eq!(again.verdict, Verdict::PassExit, "{qty}: a match ends the doubt");
        }
    }
}
