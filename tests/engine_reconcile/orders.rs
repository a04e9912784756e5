//! Orders that a venue lists, and orders that it does not.

use tripline::engine::{Exposure, Limits};
use tripline::model::event::{OrderAction, RejectClass};
use tripline::model::{Flags, Lots, Nanos, Reason, Scope, TradingState};

use crate::support::desk::*;
use crate::{HOUSE, ORDERS, Snapshots, limits_of, secs};

/// Id 0 or the strategy's own, the venue's number, side, what is left.
type Listed = (u64, u64, Flags, i64);

fn list(desk: &mut Desk, book: u16, orders: &[Listed]) {
    let before = desk.position;
    desk.begin(book, ORDERS, before);
    for &(order, venue_key, flags, qty) in orders {
        desk.listed(book, flags, order, venue_key, qty);
    }
    let after = desk.position;
    desk.end(book, orders.len() as u64, after);
}

fn reserved(desk: &Desk, book: u16) -> (i64, i64, u32) {
    let Exposure { buys, sells, open_orders } = desk.engine.exposure(book, PLAIN);
    (buys, sells, open_orders)
}

const BUY: Flags = Flags::empty();

fn patient() -> Limits {
    let mut limits = limits_of(1_000);
    limits.accounts[0].ack_timeout = secs(5);
    limits
}

#[test]
fn an_order_nobody_knows_is_reserved_until_it_is_not_listed_any_more() {
    let mut desk = Desk::new(patient());
    list(&mut desk, 0, &[(0, 77, BUY, 5), (0, 78, Flags::SELL, 3)]);
    assert_eq!((reserved(&desk, HOUSE), reserved(&desk, 0)), ((5, 3, 2), (0, 0, 0)));
    assert_eq!(desk.engine.counters().orphans, 2);
    list(&mut desk, 1, &[(0, 77, BUY, 5), (0, 78, Flags::SELL, 2)]);
    assert_eq!(reserved(&desk, HOUSE), (5, 3, 2), "known by its number, whoever lists it; the larger counts");
    desk.wait(secs(1));
    list(&mut desk, 0, &[(0, 78, Flags::SELL, 2)]);
    assert_eq!(reserved(&desk, HOUSE), (0, 3, 1));
    list(&mut desk, 0, &[(0, 77, BUY, 4), (0, 78, Flags::SELL, 2)]);
    assert_eq!(reserved(&desk, HOUSE), (4, 3, 2), "back again");
    assert_eq!(desk.engine.counters().released, 1);
}

#[test]
fn an_own_order_nobody_announced_is_reserved_in_its_book_and_lives_like_any_other() {
    let mut limits = patient();
    limits.books[0].max_position = Some(Lots(6));
    let mut desk = Desk::new(limits);
    list(&mut desk, 0, &[(11, 77, BUY, 6)]);
    assert_eq!((reserved(&desk, 0), desk.state(0)), ((6, 0, 1), TradingState::Active));
    list(&mut desk, 0, &[(11, 77, BUY, 7)]);
    assert_eq!((reserved(&desk, 0), desk.state(0)), ((7, 0, 1), TradingState::ReduceOnly), "the limit holds");
    desk.fill_as(0, PLAIN, 1, 11, 2, 100, 0);
    assert_eq!(reserved(&desk, 0), (5, 0, 1));
    desk.done(0, PLAIN, 11, tripline::model::event::DoneStatus::Canceled);
    assert_eq!((reserved(&desk, 0), desk.state(0)), ((0, 0, 0), TradingState::Active));
}

#[test]
fn an_order_that_timed_out_is_released_when_it_is_not_listed_a_minute_later() {
    // Seconds from the time-out to the query.
    for (asked, listed, left) in
        [(Nanos(secs(60).0 - 1), false, 4), (secs(60), false, 0), (secs(100), false, 0), (secs(100), true, 4)]
    {
        let mut desk = Desk::new(patient());
        desk.order(0, PLAIN, 11, 4, 100);
        desk.wait(secs(5));
        assert_eq!((desk.engine.counters().timeouts, reserved(&desk, 0)), (1, (4, 0, 1)));
        desk.wait(asked);
        let orders: &[Listed] = if listed { &[(11, 77, BUY, 4)] } else { &[] };
        list(&mut desk, 0, orders);
        assert_eq!(reserved(&desk, 0).0, left, "{asked:?} {listed}");
        assert_eq!(desk.engine.counters().released, u64::from(left == 0));
    }
}

#[test]
fn an_order_of_which_the_venue_said_it_does_not_know_waits_as_long() {
    let mut desk = Desk::new(patient());
    desk.order(0, PLAIN, 11, 4, 100);
    desk.reject(0, PLAIN, 11, RejectClass::Timeout, OrderAction::New);
    desk.wait(secs(59));
    list(&mut desk, 0, &[]);
    assert_eq!(reserved(&desk, 0).0, 4);
    desk.wait(secs(6));
    list(&mut desk, 0, &[]);
    assert_eq!(reserved(&desk, 0).0, 0);
}

#[test]
fn an_order_whose_end_was_lost_is_released_a_minute_after_it_was_first_missed() {
    let mut desk = Desk::new(patient());
    desk.order(0, PLAIN, 11, 4, 100);
    desk.ack(0, PLAIN, 11);
    desk.wait(secs(1_000));
    list(&mut desk, 0, &[]);
    assert_eq!(reserved(&desk, 0).0, 4, "its end may be on its way");
    desk.wait(Nanos(secs(60).0 - 1));
    list(&mut desk, 0, &[]);
    assert_eq!(reserved(&desk, 0).0, 4);
    desk.wait(Nanos(1));
    list(&mut desk, 0, &[]);
    assert_eq!(reserved(&desk, 0).0, 0);
}

#[test]
fn an_order_seen_again_is_missed_anew() {
    let mut desk = Desk::new(patient());
    desk.order(0, PLAIN, 11, 4, 100);
    desk.ack(0, PLAIN, 11);
    for (wait, listed) in [(2, false), (59, true), (59, false), (59, false)] {
        desk.wait(secs(wait));
        list(&mut desk, 0, if listed { &[(11, 11, BUY, 4)] } else { &[] });
        assert_eq!(reserved(&desk, 0).0, 4, "{wait}");
    }
    desk.wait(secs(1));
    list(&mut desk, 0, &[]);
    assert_eq!(reserved(&desk, 0).0, 0);
}

#[test]
fn an_order_sent_since_the_venue_was_asked_is_not_missed() {
    let mut desk = Desk::new(patient());
    desk.mark(0, PLAIN, 100);
    desk.wait(secs(1));
    let before = desk.position;
    desk.mark(0, PLAIN, 100);
    desk.wait(secs(1));
    desk.order(0, PLAIN, 11, 4, 100);
    desk.wait(secs(200));
    let after = desk.position;
    desk.begin(0, ORDERS, before);
    desk.end(0, 0, after);
    assert_eq!(reserved(&desk, 0).0, 4);
}

#[test]
fn another_strategys_orders_are_judged_by_the_venues_number_alone() {
    let mut desk = Desk::new(patient());
    desk.order(1, PLAIN, 11, 4, 100);
    desk.order(1, PLAIN, 12, 8, 100);
    desk.ack(1, PLAIN, 12);
    desk.wait(secs(200));
    for _ in 0..2 {
        list(&mut desk, 0, &[]);
        desk.wait(secs(60));
    }
    list(&mut desk, 0, &[]);
    assert_eq!(reserved(&desk, 1).0, 4, "11 has no number by which another could name it");
    list(&mut desk, 1, &[]);
    assert_eq!(reserved(&desk, 1).0, 0, "its owner can");
}

#[test]
fn an_order_listed_before_its_acknowledgement_stops_being_an_orphan_with_it() {
    let mut desk = Desk::new(patient());
    desk.order(1, PLAIN, 11, 4, 100);
    list(&mut desk, 0, &[(0, 11, BUY, 4)]);
    assert_eq!(
        (reserved(&desk, HOUSE).0, reserved(&desk, 1).0),
        (4, 4),
        "twice, until somebody knows better"
    );
    desk.ack(1, PLAIN, 11);
    desk.wait(secs(1));
    list(&mut desk, 0, &[(0, 11, BUY, 4)]);
    assert_eq!((reserved(&desk, HOUSE).0, reserved(&desk, 1).0), (0, 4));
}

#[test]
fn an_order_that_was_over_and_is_listed_is_reserved_again() {
    let mut desk = Desk::new(patient());
    desk.order(0, PLAIN, 11, 4, 100);
    desk.done(0, PLAIN, 11, tripline::model::event::DoneStatus::Canceled);
    list(&mut desk, 0, &[(11, 77, BUY, 4)]);
    assert_eq!((reserved(&desk, 0).0, reserved(&desk, HOUSE).0), (0, 4));
}

#[test]
fn rows_of_orders_that_cannot_be_halt_the_strategy() {
    for (name, row, corrupt) in [
        ("fine", (11, 77, BUY, 4), false),
        ("by its number", (0, 77, BUY, 4), false),
        ("by nothing", (0, 0, BUY, 4), true),
        ("of nothing", (11, 77, BUY, 0), true),
        ("of less", (11, 77, BUY, -1), true),
        ("of the other side", (11, 77, Flags::SELL, 4), true),
    ] {
        let mut desk = Desk::new(patient());
        desk.order(0, PLAIN, 11, 4, 100);
        desk.begin(0, ORDERS, 1);
        let (order, venue_key, flags, qty) = row;
        desk.listed(0, flags, order, venue_key, qty);
        let mut causes = desk.engine.cause_rows();
        let halted =
            causes.any(|row| row.scope == Some(Scope::Strategy(0)) && row.reason == Some(Reason::Corrupt));
        assert_eq!(halted, corrupt, "{name}");
    }
}

#[test]
fn orders_without_room_halt_the_account() {
    let mut limits = patient();
    limits.capacity.orders = 2;
    let mut desk = Desk::new(limits);
    list(&mut desk, 0, &[(0, 1, BUY, 1), (0, 2, BUY, 1)]);
    assert_eq!(desk.engine.cause_count(), 0);
    list(&mut desk, 0, &[(0, 1, BUY, 1), (0, 2, BUY, 1), (0, 3, BUY, 1)]);
    let cause = desk.engine.cause_rows().next().expect("a cause");
    assert_eq!((cause.scope, cause.reason), (Some(Scope::Account(0)), Some(Reason::Capacity)));
}
