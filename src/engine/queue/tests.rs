#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic)]

mod properties;

use super::*;
use crate::engine::limits::{ActionCosts, BucketLimits, BucketScope};
use crate::engine::rate_limit::Feedback;
use crate::engine::rate_limit::tests::{bucket, charge, desk, sliding};
use crate::model::event::{FeedbackForm, OrderAction};
use crate::model::{Flags, Handle, Leg, Name};

use Rank::{Cancel, Exit, Modify, New, Reduce};

/// The request `order` of a book about an instrument, queued at `since`.
fn waiting(order: u64, rank: Rank, book: u16, instrument: u16, since: u64) -> Waiting {
    let action = match rank {
        Exit | Reduce | New => OrderAction::New,
        Cancel => OrderAction::Cancel,
        Modify => OrderAction::Modify,
    };
    let place = Place {
        strategy: 0,
        account: 0,
        book,
        leg: Leg::Net,
        instrument: Some(instrument),
        by: 0,
        lane: 0,
        position: order,
    };
    let message =
        Message { flags: Flags::PERMIT, epoch: 0, handle: Handle(0), event: Event::Deploy { id: order } };
    let charge = charge(book, instrument, action);
    Waiting { place, message, rest: None, rank, charge, order, since: Nanos(since) }
}

fn venue(capacity: u32, drop_mode: DropMode) -> VenueLimits {
    VenueLimits {
        queue_capacity: capacity,
        drop_mode,
        ttl_new: Nanos(250),
        ttl_reduce: Nanos(200),
        ttl_modify: Nanos(100),
        ..VenueLimits::new(Name::default())
    }
}

/// A venue whose only bucket admits `limit` units in 100 ns, at one unit each.
fn narrow(limit: u32) -> Vec<BucketLimits> {
    vec![BucketLimits { costs: ActionCosts::default(), ..bucket(1, sliding(limit, 100)) }]
}

fn queue(limits: &VenueLimits, buckets: Vec<BucketLimits>) -> (Queue, Buckets) {
    let desk = desk(buckets);
    let buckets = Buckets::new(&desk, Nanos::ZERO);
    (Queue::new(limits, desk.books.len(), buckets.membership().clone()), buckets)
}

/// A queue in front of a bucket of 4 units, of which all are used until 1 100.
fn jammed(capacity: u32, drop_mode: DropMode) -> (Queue, Buckets) {
    let (queue, mut buckets) = queue(&venue(capacity, drop_mode), narrow(4));
    (0..4).for_each(|_| buckets.charge(charge(0, 0, OrderAction::New), Nanos(1_000)));
    (queue, buckets)
}

/// Everything that comes out at `now`, charged when it does.
fn served(queue: &mut Queue, buckets: &mut Buckets, now: u64) -> Vec<u64> {
    core::iter::from_fn(|| {
        let waiting = queue.pop(buckets, Nanos(now))?;
        buckets.charge(waiting.charge, Nanos(now));
        Some(waiting.order)
    })
    .collect()
}

#[test]
fn ranks_are_served_in_order_books_in_turn_and_each_book_first_come_first_served() {
    let (mut queue, mut buckets) = jammed(16, DropMode::RejectNew);
    for (order, rank, book) in [
        (1, New, 0),
        (2, New, 0),
        (3, New, 0),
        (4, New, 1),
        (5, New, 2),
        (6, New, 1),
        (7, Modify, 2),
        (8, Reduce, 0),
        (9, Reduce, 0),
        (10, Cancel, 1),
        (11, Exit, 2),
        (12, Exit, 1),
    ] {
        assert!(matches!(queue.push(waiting(order, rank, book, 0, 1_010)), Pushed::Queued));
    }
    assert!(served(&mut queue, &mut buckets, 1_099).is_empty());
    for (now, orders) in
        [(1_100, vec![11, 12, 10, 8]), (1_200, vec![9, 7, 1, 4]), (1_300, vec![5, 2, 6, 3]), (1_400, vec![])]
    {
        assert_eq!(served(&mut queue, &mut buckets, now), orders, "{now}");
    }
    assert_eq!((queue.depth(), queue.next(&buckets, Nanos(1_400))), (0, Nanos::NEVER));
}

#[test]
fn a_book_that_could_not_be_served_keeps_its_turn() {
    // Book 0 needs the bucket of instrument 0, which is full; the others do not.
    let mut own = bucket(2, sliding(1, 1_000));
    own.scope = BucketScope::Instrument(0, 0);
    let (mut queue, mut buckets) = queue(&venue(16, DropMode::RejectNew), vec![own]);
    buckets.charge(charge(0, 0, OrderAction::New), Nanos(0));
    for (order, book, instrument) in [(1, 0, 0), (2, 1, 1), (3, 1, 0), (4, 2, 0)] {
        queue.push(waiting(order, New, book, instrument, 1));
    }
    // Book 2 is on another account, whose instruments have no bucket; 3 needs the bucket that 1 keeps.
    assert_eq!(served(&mut queue, &mut buckets, 2), [2, 4]);
    assert_eq!(queue.next(&buckets, Nanos(2)), Nanos(251));
    assert_eq!(served(&mut queue, &mut buckets, 1_000), [1]);
    assert_eq!(served(&mut queue, &mut buckets, 2_000), [3]);
}

#[test]
fn what_waits_keeps_its_buckets_against_lower_ranks() {
    // A cancel costs 3 of 5, of which one is kept back for exits; new orders cost 1 and would fit.
    let kind = sliding(5, 100);
    let costs = ActionCosts { new: 1, modify: 1, cancel: 3 };
    let (mut queue, mut buckets) =
        queue(&venue(16, DropMode::RejectNew), vec![BucketLimits { costs, ..bucket(1, kind) }]);
    for at in [10, 20] {
        buckets.charge(charge(0, 0, OrderAction::New), Nanos(at));
    }
    queue.push(waiting(1, New, 0, 0, 30));
    queue.push(waiting(2, Cancel, 1, 0, 30));
    queue.push(waiting(3, Exit, 1, 0, 30));
    assert_eq!(served(&mut queue, &mut buckets, 30), [3]);
    assert_eq!(queue.next(&buckets, Nanos(30)), Nanos(120));
    assert!(served(&mut queue, &mut buckets, 119).is_empty());
    assert_eq!(served(&mut queue, &mut buckets, 120), [2]);
    assert_eq!(served(&mut queue, &mut buckets, 130), [1]);
}

#[test]
fn a_newcomer_is_behind_only_those_of_its_rank_or_above_that_need_its_buckets() {
    let mut other = bucket(2, sliding(4, 100));
    other.scope = BucketScope::Account(2);
    let mut buckets = narrow(4);
    buckets.push(other);
    let (mut queue, buckets) = queue(&venue(16, DropMode::RejectNew), buckets);
    let behind = |queue: &Queue, rank: Rank, book: u16| {
        queue.is_behind(charge(book, 0, OrderAction::New), rank, &buckets)
    };
    assert!(!behind(&queue, New, 0));
    queue.push(waiting(1, Reduce, 0, 0, 10));
    queue.push(waiting(2, Reduce, 0, 0, 10));
    for (rank, book, is_behind) in [
        (Exit, 1, false),
        (Cancel, 1, false),
        (Reduce, 1, true),
        (Modify, 1, true),
        (New, 2, true),
        // Of another venue, with a bucket of its own.
        (New, 3, false),
    ] {
        assert_eq!(behind(&queue, rank, book), is_behind, "{rank:?} of book {book}");
    }
    queue.take(|_| true);
    assert!(behind(&queue, New, 1));
    queue.take(|_| true);
    assert!(!behind(&queue, New, 1));
}

fn pushed(pushed: Pushed) -> &'static str {
    match pushed {
        Pushed::Queued => "queued",
        Pushed::Evicted(waiting) => match waiting.order {
            1 => "instead of 1",
            2 => "instead of 2",
            3 => "instead of 3",
            4 => "instead of 4",
            _ => "instead of another",
        },
        Pushed::Full => "full",
    }
}

#[test]
fn when_it_is_full_the_drop_mode_says_what_gives_way() {
    use DropMode::{DropLowest, DropOldest, Halt, RejectNew};
    for (mode, rank, outcome) in [
        (RejectNew, New, "full"),
        (RejectNew, Reduce, "full"),
        (Halt, New, "full"),
        (Halt, Reduce, "full"),
        (DropOldest, New, "instead of 1"),
        (DropOldest, Modify, "instead of 3"),
        (DropOldest, Reduce, "full"),
        (DropLowest, New, "full"),
        (DropLowest, Modify, "instead of 2"),
        (DropLowest, Reduce, "instead of 2"),
    ] {
        let (mut queue, _) = jammed(4, mode);
        for (order, rank) in [(1, New), (2, New), (3, Modify), (4, Cancel)] {
            queue.push(waiting(order, rank, 0, 0, 1_010));
        }
        assert_eq!(pushed(queue.push(waiting(5, rank, 1, 0, 1_011))), outcome, "{mode:?} {rank:?}");
        assert_eq!((queue.depth(), queue.row(0).dropped), (4, 1), "{mode:?} {rank:?}");
    }
}

#[test]
fn an_exit_or_a_cancel_takes_the_place_of_what_matters_less_in_every_mode() {
    use DropMode::{DropLowest, DropOldest, Halt, RejectNew};
    for mode in [RejectNew, DropOldest, DropLowest, Halt] {
        for (ranks, exit, cancel) in [
            ([New, New, Modify], "instead of 2", "instead of 2"),
            ([Modify, Reduce, Exit], "instead of 1", "instead of 1"),
            ([Exit, Reduce, Cancel], "instead of 2", "instead of 2"),
            ([Cancel, Cancel, Exit], "instead of 2", "full"),
            ([Exit, Exit, Exit], "full", "full"),
        ] {
            for (rank, outcome) in [(Exit, exit), (Cancel, cancel)] {
                let (mut queue, _) = jammed(3, mode);
                for (order, rank) in (1..).zip(ranks) {
                    queue.push(waiting(order, rank, 0, 0, 1_010));
                }
                assert_eq!(pushed(queue.push(waiting(9, rank, 1, 0, 1_011))), outcome, "{mode:?} {ranks:?}");
            }
        }
    }
}

#[test]
fn room_ends_at_the_capacity() {
    for capacity in [0, 1, 2, 7] {
        let (mut queue, _) = jammed(capacity, DropMode::RejectNew);
        for order in 0..u64::from(capacity) {
            assert_eq!(pushed(queue.push(waiting(order, New, 0, 0, 1_000))), "queued");
        }
        assert_eq!(pushed(queue.push(waiting(100, New, 0, 0, 1_000))), "full", "{capacity}");
        assert_eq!(queue.depth(), capacity);
    }
}

#[test]
fn all_but_exits_and_cancels_expire_at_the_age_of_their_time_to_live() {
    for (rank, ttl) in [(Reduce, 200), (Modify, 100), (New, 250)] {
        let (mut queue, buckets) = jammed(4, DropMode::RejectNew);
        queue.push(waiting(1, rank, 0, 0, 800));
        queue.push(waiting(2, rank, 1, 0, 801));
        assert_eq!(queue.next(&buckets, Nanos(800)), Nanos((800 + ttl).min(1_100)), "{rank:?}");
        assert!(queue.expired(Nanos(800 + ttl - 1)).is_none(), "{rank:?}");
        assert_eq!(queue.expired(Nanos(800 + ttl)).map(|waiting| waiting.order), Some(1), "{rank:?}");
        assert!(queue.expired(Nanos(800 + ttl)).is_none(), "{rank:?}");
        assert_eq!(queue.expired(Nanos(800 + ttl + 1)).map(|waiting| waiting.order), Some(2), "{rank:?}");
    }
    let (mut queue, buckets) = jammed(4, DropMode::RejectNew);
    queue.push(waiting(1, Exit, 0, 0, 0));
    queue.push(waiting(2, Cancel, 0, 0, 0));
    assert!(queue.expired(Nanos::NEVER).is_none());
    assert_eq!(queue.next(&buckets, Nanos(1_000)), Nanos(1_100));
}

#[test]
fn a_request_that_keeps_an_earlier_time_expires_by_that() {
    let (mut queue, _) = jammed(8, DropMode::RejectNew);
    for (order, since) in [(1, 30), (2, 50), (3, 20), (4, 40), (5, 50)] {
        queue.push(waiting(order, New, 0, 0, since));
    }
    let expired: Vec<u64> =
        core::iter::from_fn(|| queue.expired(Nanos(300)).map(|waiting| waiting.order)).collect();
    assert_eq!(expired, [3, 1, 4, 2, 5]);
}

#[test]
fn whoever_asks_too_early_is_not_called_back_at_once() {
    let (mut queue, buckets) = queue(&venue(4, DropMode::RejectNew), narrow(4));
    queue.push(waiting(1, New, 0, 0, 10));
    for (now, next) in [(10, 11), (259, 260), (260, 261), (9_000, 9_001)] {
        assert_eq!(queue.next(&buckets, Nanos(now)), Nanos(next), "{now}");
    }
}

#[test]
fn requests_are_taken_out_oldest_first_whatever_their_rank() {
    let (mut queue, _) = jammed(8, DropMode::RejectNew);
    for (order, rank, since) in [(1, New, 10), (2, Exit, 10), (3, Cancel, 11), (4, New, 11), (5, Exit, 12)] {
        queue.push(waiting(order, rank, (order % 3) as u16, 0, since));
    }
    let mut seen = vec![];
    assert!(
        queue
            .take(|waiting| {
                seen.push(waiting.order);
                false
            })
            .is_none()
    );
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    assert_eq!(queue.take(|waiting| waiting.order >= 3).map(|waiting| waiting.order), Some(3));
    assert_eq!(queue.take(|waiting| waiting.rank == Exit).map(|waiting| waiting.order), Some(2));
    let row = queue.row(7);
    assert_eq!((row.venue, row.depth, row.capacity, row.oldest), (7, 3, 8, Nanos(10)));
    assert_eq!((row.exits, row.cancels, row.dropped), (1, 0, 2));
}

#[test]
fn while_the_venue_bans_us_exits_come_out_and_the_rest_waits() {
    let (mut queue, mut buckets) = queue(&venue(8, DropMode::RejectNew), narrow(4));
    let ban = Event::RateFeedback {
        bucket: 1,
        http: 418,
        form: FeedbackForm::Used,
        value: 0,
        window: 0,
        reset_utc_ns: 0,
        retry_after: 500,
    };
    assert_eq!(buckets.feedback(0, &ban, Nanos(10)), Feedback::Banned { until: Nanos(510) });
    for (order, rank) in [(1, Cancel), (2, Exit)] {
        queue.push(waiting(order, rank, 0, 0, 10));
    }
    assert_eq!(served(&mut queue, &mut buckets, 10), [2]);
    assert_eq!(queue.next(&buckets, Nanos(10)), Nanos(510));
    assert!(served(&mut queue, &mut buckets, 509).is_empty());
    assert_eq!(served(&mut queue, &mut buckets, 510), [1]);
}
