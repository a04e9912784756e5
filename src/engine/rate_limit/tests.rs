#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic)]

mod desk;
mod properties;

use super::*;
use crate::engine::limits::{ActionCosts, BucketKind, BucketLimits, BucketScope};
use crate::model::event::FeedbackForm::{self, Remaining, Used};
use crate::model::{Bps, Name};
use Rank::{Cancel, Exit, Modify, New, Reduce};
pub(in crate::engine) use desk::desk;

const RANKS: [Rank; 5] = [Exit, Cancel, Reduce, Modify, New];
const MINUTE: u64 = 60_000_000_000;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A bucket of venue 0 in which a new order costs 1, a modification 2 and a cancel 3.
pub(in crate::engine) fn bucket(id: u32, kind: BucketKind) -> BucketLimits {
    BucketLimits {
        id,
        name: name(&format!("bucket{id}")),
        scope: BucketScope::Venue(0),
        kind,
        costs: ActionCosts { new: 1, modify: 2, cancel: 3 },
        jitter: Nanos::ZERO,
        start_pct: 0,
    }
}

pub(in crate::engine) fn sliding(limit: u32, window: u64) -> BucketKind {
    BucketKind::SlidingLog { limit, window: Nanos(window) }
}

pub(in crate::engine) fn gcra(interval: u64, burst: u32) -> BucketKind {
    BucketKind::Gcra { interval: Nanos(interval), burst }
}

fn aligned(limit: u32, window: u64, margin: u32) -> BucketKind {
    BucketKind::FixedAligned { limit, window: Nanos(window), offset: Nanos::ZERO, margin: Bps(margin) }
}

pub(in crate::engine) fn charge(book: u16, instrument: u16, action: OrderAction) -> Charge {
    Charge { book, instrument: Some(instrument), action }
}

const NEW: Charge = Charge { book: 0, instrument: Some(0), action: OrderAction::New };

fn one(limits: BucketLimits) -> Buckets {
    Buckets::new(&desk(vec![limits]), Nanos::ZERO)
}

fn kind(kind: BucketKind) -> Buckets {
    one(bucket(1, kind))
}

fn with_jitter(kind: BucketKind, jitter: u64) -> Buckets {
    one(BucketLimits { jitter: Nanos(jitter), ..bucket(1, kind) })
}

impl Buckets {
    fn charged(mut self, times: u32, at: u64) -> Self {
        (0..times).for_each(|_| self.charge(NEW, Nanos(at)));
        self
    }

    /// How many new orders of this rank pass at `at`.
    fn passes(&self, rank: Rank, at: u64) -> u32 {
        let mut copy = self.clone();
        let mut passed = 0;
        while passed < 1_000 && copy.ask(NEW, rank, Nanos(at)) == Admission::Now {
            copy.charge(NEW, Nanos(at));
            passed += 1;
        }
        passed
    }

    fn header(&mut self, form: FeedbackForm, value: u64, at: u64) -> Feedback {
        self.told(200, form, value, 0, 0, at)
    }

    fn told(
        &mut self,
        http: u16,
        form: FeedbackForm,
        value: u64,
        reset: i64,
        retry: u64,
        at: u64,
    ) -> Feedback {
        let event = Event::RateFeedback {
            bucket: 1,
            http,
            form,
            value,
            window: 0,
            reset_utc_ns: reset,
            retry_after: retry,
        };
        self.feedback(0, &event, Nanos(at))
    }

    fn used(&self, at: u64) -> u64 {
        self.rows(Nanos(at)).next().unwrap().used
    }
}

fn wait(bucket: u16, until: u64) -> Admission {
    Admission::Wait { bucket, until: Nanos(until) }
}

#[test]
fn a_sliding_window_is_half_open_and_jitter_makes_it_longer() {
    for (jitter, charged, at, answer) in [
        (0, 2, 1_000, Admission::Now),
        (0, 3, 1_000, wait(0, 1_100)),
        (0, 4, 1_000, wait(0, 1_100)),
        (0, 3, 1_099, wait(0, 1_100)),
        (0, 3, 1_100, Admission::Now),
        (30, 3, 1_129, wait(0, 1_130)),
        (30, 3, 1_130, Admission::Now),
    ] {
        let buckets = with_jitter(sliding(3, 100), jitter).charged(charged, 1_000);
        assert_eq!(buckets.ask(NEW, New, Nanos(at)), answer, "{charged} with jitter {jitter} at {at}");
    }
}

#[test]
fn a_sliding_window_waits_for_as_many_to_leave_as_it_needs_room_for() {
    let mut buckets = kind(sliding(4, 100));
    for at in [10, 20, 20, 35] {
        buckets.charge(NEW, Nanos(at));
    }
    for (action, until) in [(OrderAction::New, 110), (OrderAction::Modify, 120), (OrderAction::Cancel, 120)] {
        assert_eq!(buckets.ask(charge(0, 0, action), Exit, Nanos(40)), wait(0, until));
    }
    // The empty window at the first event, and a clock far ahead.
    assert_eq!(kind(sliding(4, 100)).passes(New, 0), 4);
    assert_eq!(buckets.passes(New, u64::MAX - 1), 4);
}

#[test]
fn credits_come_back_one_by_one() {
    for (charged, at, answer) in [
        (0, 0, Admission::Now),
        (2, 1_000, Admission::Now),
        (3, 1_000, wait(0, 1_010)),
        (3, 1_009, wait(0, 1_010)),
        (3, 1_010, Admission::Now),
        (5, 1_000, wait(0, 1_030)),
    ] {
        let buckets = kind(gcra(10, 3)).charged(charged, 1_000);
        assert_eq!(buckets.ask(NEW, New, Nanos(at)), answer, "{charged} at {at}");
    }
    for (at, passes) in [(1_000, 0), (1_009, 0), (1_010, 1), (1_019, 1), (1_020, 2), (1_030, 3), (9_000, 3)] {
        assert_eq!(kind(gcra(10, 3)).charged(3, 1_000).passes(New, at), passes, "{at}");
    }
}

/// The wall clock shows 5 ns more than the engine's, so windows of 100 begin at 95, 195, …
fn on_the_wall(limit: u32, jitter: u64) -> Buckets {
    let mut buckets = with_jitter(aligned(limit, 100, 0), jitter);
    buckets.wall(5, Nanos(0));
    buckets
}

#[test]
fn an_aligned_window_starts_anew_at_the_boundary() {
    let buckets = on_the_wall(4, 0).charged(1, 100).charged(3, 190);
    assert_eq!(buckets.ask(NEW, New, Nanos(190)), wait(0, 195));
    for (at, passes) in [(191, 0), (194, 0), (195, 4), (294, 4)] {
        assert_eq!(buckets.passes(New, at), passes, "{at}");
    }
    // The offset moves the boundaries: to 115, 215, …
    let mut limits = bucket(1, aligned(4, 100, 0));
    let BucketKind::FixedAligned { offset, .. } = &mut limits.kind else { panic!() };
    *offset = Nanos(20);
    let mut shifted = one(limits);
    shifted.wall(5, Nanos(0));
    assert_eq!(shifted.charged(4, 114).passes(New, 115), 4);
}

#[test]
fn near_a_boundary_both_windows_are_charged_and_asked() {
    for (charged_at, at, passes) in [
        // Further than the jitter before the boundary at 195: gone once the old window is over for certain.
        (184, 204, 0),
        (184, 205, 4),
        // Within it: counted in the new window as well, until that is over for certain.
        (185, 205, 0),
        (194, 304, 0),
        (194, 305, 4),
        (195, 304, 0),
        (204, 205, 0),
        (284, 304, 0),
        (284, 305, 4),
    ] {
        let buckets = on_the_wall(4, 10).charged(4, charged_at);
        assert_eq!(buckets.passes(New, at), passes, "charged at {charged_at}, asked at {at}");
    }
}

#[test]
fn a_margin_is_kept_off_the_limit_and_leaves_one_unit() {
    for (limit, margin, passes) in [(100, 500, 95), (99, 500, 94), (10, 500, 9), (1, 500, 1), (3, 9_999, 1)] {
        assert_eq!(kind(aligned(limit, 100, margin)).passes(Exit, 0), passes, "{limit} less {margin}");
    }
}

#[test]
fn while_the_wall_clock_is_unknown_any_window_could_be_the_current_one() {
    let mut buckets = with_jitter(aligned(4, 100, 0), 10).charged(4, 1_000);
    for (at, passes) in [(1_099, 0), (1_119, 0), (1_120, 4)] {
        assert_eq!(buckets.passes(New, at), passes, "{at}");
    }
    // Known at last, the boundary at 1 050 counts: it was past for certain at 1 060.
    buckets.wall(1_110, Nanos(1_060));
    assert_eq!(buckets.passes(New, 1_060), 4);
}

#[test]
fn no_step_of_the_wall_clock_opens_a_window() {
    // Charged at 150 in the window from 95 to 195; what counts leaves at 150 + 100 + 2 * 10 at the latest.
    for (step, at, passes) in [
        // Within the jitter: the boundary moves with the clock, but nothing of the window leaves before its end.
        (0, 204, 0),
        (0, 205, 4),
        (10, 194, 0),
        (10, 195, 4),
        (-10, 205, 0),
        (-10, 214, 0),
        (-10, 215, 4),
        // Beyond it: whatever the alignment is now, everything counts for as long as it could anywhere.
        (11, 194, 0),
        (11, 269, 0),
        (11, 270, 4),
        (40, 200, 0),
        (95, 269, 0),
        (100_000, 269, 0),
        (100_000, 270, 4),
        (-11, 269, 0),
        (-100, 205, 0),
        (-100_000, 269, 0),
        (-100_000, 270, 4),
    ] {
        let mut buckets = on_the_wall(4, 10).charged(4, 150);
        buckets.wall(165 + step, Nanos(160));
        assert_eq!(buckets.passes(New, at), passes, "a step of {step}, asked at {at}");
    }
}

#[test]
fn small_movements_of_the_wall_clock_add_up_to_a_step() {
    let mut buckets = on_the_wall(4, 10).charged(4, 150);
    for (at, skew) in [(151, 9), (152, 13), (153, 15)] {
        buckets.wall(at + skew, Nanos(at as u64));
    }
    assert_eq!(buckets.passes(New, 195), 4);
    buckets.wall(154 + 16, Nanos(154));
    assert_eq!((buckets.passes(New, 195), buckets.passes(New, 269), buckets.passes(New, 270)), (0, 0, 4));
}

#[test]
fn a_movement_back_over_a_boundary_does_not_undo_the_window_after_it() {
    // The boundary at 195 is past for certain at 205; then the clock goes back by 8, so the next one is at 303.
    let mut buckets = on_the_wall(4, 10).charged(4, 205);
    buckets.wall(206 + 5 - 8, Nanos(206));
    for (at, passes) in [(206, 0), (305, 0), (312, 0), (313, 4)] {
        assert_eq!(buckets.passes(New, at), passes, "{at}");
    }
    // Nor does what was charged in the window before come back.
    let mut buckets = on_the_wall(4, 10).charged(4, 150);
    buckets.wall(206 + 5 - 8, Nanos(206));
    assert_eq!(buckets.passes(New, 206), 4);
}

#[test]
fn what_the_last_reading_puts_into_a_window_counts_there_whatever_was_read_before() {
    // At 180 more than the jitter before the boundary at 195. A clock 10 ns ahead of that puts it at 185.
    for (skews, passes) in
        [(vec![5], 4), (vec![-3], 4), (vec![15], 0), (vec![-3, 15], 0), (vec![-3, 15, 0], 0)]
    {
        let mut buckets = on_the_wall(4, 10).charged(4, 180);
        skews.iter().for_each(|skew| buckets.wall(206 + skew, Nanos(206)));
        assert_eq!(buckets.passes(New, 206), passes, "{skews:?}");
    }
}

#[test]
fn a_fifth_is_kept_back_for_what_reduces_and_a_twentieth_for_exits() {
    for (limit, passes) in [
        (1, [1, 1, 1, 1, 1]),
        (4, [4, 4, 4, 4, 4]),
        (5, [5, 4, 4, 4, 4]),
        (9, [9, 8, 8, 8, 8]),
        (10, [10, 9, 9, 8, 8]),
        (39, [39, 38, 38, 32, 32]),
        (40, [40, 38, 38, 32, 32]),
        (100, [100, 95, 95, 80, 80]),
    ] {
        for kinds in [sliding(limit, 100), gcra(10, limit), aligned(limit, 100, 0)] {
            let buckets = kind(kinds);
            assert_eq!(RANKS.map(|rank| buckets.passes(rank, 0)), passes, "{kinds:?}");
        }
    }
}

#[test]
fn what_costs_more_than_a_rank_may_ever_use_is_refused_unless_it_is_an_exit() {
    let costs = |new| ActionCosts { new, modify: 0, cancel: 0 };
    for (cost, rank, answer) in [
        (8, New, Admission::Now),
        (9, New, Admission::Never { bucket: 0 }),
        (9, Cancel, Admission::Now),
        (10, Cancel, Admission::Never { bucket: 0 }),
        (10, Exit, Admission::Now),
        (11, Exit, Admission::Now),
        (u16::MAX, Exit, Admission::Now),
    ] {
        for kinds in [sliding(10, 100), gcra(10, 10), aligned(10, 100, 0)] {
            let mut buckets = one(BucketLimits { costs: costs(cost), ..bucket(1, kinds) });
            assert_eq!(buckets.ask(NEW, rank, Nanos(0)), answer, "{cost} {rank:?} {kinds:?}");
            if cost > 10 && rank == Exit {
                buckets.charge(NEW, Nanos(0));
                let Admission::Wait { until, .. } = buckets.ask(NEW, rank, Nanos(1)) else { panic!() };
                assert_eq!(buckets.ask(NEW, rank, until), Admission::Now);
            }
        }
    }
}

#[test]
fn a_refund_takes_back_what_was_charged_at_that_instant_and_nothing_else() {
    for kinds in [sliding(10, 100), gcra(50, 10), aligned(10, 100, 0)] {
        let buckets = kind(kinds).charged(1, 1_000).charged(2, 1_010).charged(1, 1_020);
        for (at, when, given_back) in [
            (1_010, 1_020, 1),
            (1_000, 1_020, 1),
            (1_020, 1_020, 1),
            (1_011, 1_020, 0),
            (999, 1_020, 0),
            (1_021, 1_021, 0),
        ] {
            let mut refunded = buckets.clone();
            let before = refunded.passes(Exit, when);
            refunded.refund(NEW, Nanos(at), Nanos(when));
            let after = refunded.passes(Exit, when);
            assert_eq!(after - before, given_back, "{at} at {when}: {kinds:?}");
        }
        // More than was charged then is not there to be taken back.
        let mut buckets = buckets;
        (0..5).for_each(|_| buckets.refund(NEW, Nanos(1_010), Nanos(1_020)));
        assert_eq!(buckets.used(1_020), 2, "{kinds:?}");
    }
}

#[test]
fn what_has_left_the_window_is_not_refunded() {
    for (kinds, at, used) in [
        (sliding(4, 100), 1_099, 9),
        (sliding(4, 100), 1_100, 7),
        (aligned(4, 100, 0), 1_099, 9),
        (aligned(4, 100, 0), 1_100, 7),
        // All is back at 1 250, without the refunded one at 1 225; after the time of a full burst it is too late.
        (gcra(25, 4), 1_099, 6),
        (gcra(25, 4), 1_100, 6),
    ] {
        let mut buckets = kind(kinds).charged(3, 1_000).charged(7, 1_050);
        buckets.refund(NEW, Nanos(1_000), Nanos(at));
        assert_eq!(buckets.used(at), used, "{kinds:?} at {at}");
    }
}

#[test]
fn a_refunded_credit_does_not_come_back_twice() {
    // Charged at 0 and at 9: without the first the second alone counts, until 19. Credits merely moved back by one
    // interval would be all there at 10.
    let mut buckets = kind(gcra(10, 2)).charged(1, 0).charged(1, 9);
    buckets.refund(NEW, Nanos(0), Nanos(9));
    assert_eq!((buckets.passes(Exit, 10), buckets.passes(Exit, 18), buckets.passes(Exit, 19)), (1, 1, 2));
}

#[test]
fn charges_forced_beyond_the_room_of_the_log_are_all_counted() {
    let mut buckets = kind(sliding(3, 10_000));
    (0..5_000).for_each(|at| buckets.charge(NEW, Nanos(at)));
    assert_eq!(buckets.used(4_999), 5_000);
    // Room for one when all but two have left.
    assert_eq!(buckets.ask(NEW, New, Nanos(4_999)), wait(0, 14_997));
    assert_eq!(buckets.used(14_998), 1);
    assert_eq!(buckets.used(14_999), 0);
    let mut credits = kind(gcra(10, 3));
    (0..5_000).for_each(|at| credits.charge(NEW, Nanos(at)));
    assert_eq!(credits.ask(NEW, New, Nanos(4_999)), wait(0, 50_000 - 20));
}

#[test]
fn the_guess_of_the_start_binds_all_but_exits_and_cancels_until_it_would_have_left() {
    for (percent, at, passes) in [
        (0, 0, [10, 9, 9, 8, 8]),
        (1, 0, [10, 9, 8, 7, 7]),
        (50, 0, [10, 9, 4, 3, 3]),
        (50, 99, [10, 9, 4, 3, 3]),
        (50, 100, [10, 9, 9, 8, 8]),
        (100, 0, [10, 9, 0, 0, 0]),
    ] {
        for kinds in [sliding(10, 100), aligned(10, 100, 0)] {
            let buckets = one(BucketLimits { start_pct: percent, ..bucket(1, kinds) });
            assert_eq!(RANKS.map(|rank| buckets.passes(rank, at)), passes, "{percent} % at {at}: {kinds:?}");
        }
    }
    let credits = one(BucketLimits { start_pct: 100, ..bucket(1, gcra(10, 10)) });
    assert_eq!(RANKS.map(|rank| credits.passes(rank, 29)), [10, 9, 1, 0, 0]);
    assert_eq!(RANKS.map(|rank| credits.passes(rank, 30)), [10, 9, 2, 1, 1]);
}

#[test]
fn the_first_header_replaces_the_guess_and_is_added_to_what_is_in_flight() {
    for kinds in [sliding(100, 10_000), gcra(1_000, 100), aligned(100, 10_000, 0)] {
        let mut buckets = one(BucketLimits { start_pct: 100, ..bucket(1, kinds) }).charged(3, 10);
        assert_eq!(buckets.passes(New, 10), 0);
        assert_eq!(buckets.header(Used, 40, 10), Feedback::Noted);
        assert_eq!(buckets.used(10), 43, "{kinds:?}");
        assert_eq!(buckets.passes(New, 10), 37);
        // The next one already holds what was in flight.
        buckets.header(Used, 43, 10);
        assert_eq!(buckets.used(10), 43);
        buckets.header(Used, 41, 10);
        assert_eq!(buckets.used(10), 43);
        buckets.header(Used, 44, 10);
        assert_eq!(buckets.used(10), 44);
        buckets.header(Remaining, 100 - 45, 10);
        assert_eq!(buckets.used(10), 45);
        buckets.header(Remaining, u64::MAX, 10);
        assert_eq!(buckets.used(10), 45);
    }
}

#[test]
fn what_a_header_adds_counts_from_when_it_arrived() {
    let mut buckets = kind(sliding(10, 100));
    buckets.header(Used, 0, 0);
    let mut buckets = buckets.charged(4, 50);
    buckets.header(Used, 10, 90);
    for (at, used) in [(149, 10), (150, 6), (189, 6), (190, 0)] {
        assert_eq!(buckets.used(at), used, "{at}");
    }
}

#[test]
fn remaining_is_of_the_venues_limit_not_of_ours() {
    let mut buckets = kind(aligned(100, 10_000, 500));
    buckets.header(Remaining, 100, 1);
    assert_eq!(buckets.used(1), 0);
    buckets.header(Remaining, 5, 1);
    assert_eq!(buckets.used(1), 95);
    assert_eq!(buckets.passes(Exit, 1), 0);
}

#[test]
fn an_absurd_header_fills_a_bucket_for_one_window_and_no_longer() {
    for (kinds, free) in [(sliding(10, 100), 101), (gcra(10, 10), 101), (aligned(10, 100, 0), 101)] {
        let mut buckets = kind(kinds);
        buckets.header(Used, u64::MAX, 1);
        assert_eq!(buckets.passes(Exit, 1), 0);
        assert_eq!(buckets.passes(Exit, free), 10, "{kinds:?}");
    }
}

#[test]
fn a_late_header_of_the_window_that_has_ended_does_not_fill_the_new_one() {
    // The boundary is at engine time 195, UTC 200.
    for (reset, at, used) in [
        (0, 198, 50),
        (200, 194, 50),
        (200, 195, 0),
        (200, 294, 0),
        // No reset time of the window before: believed to be of now.
        (200, 295, 50),
        (300, 198, 50),
        (7, 198, 50),
        (i64::MIN, 198, 50),
        (i64::MAX, 198, 50),
    ] {
        let mut buckets = on_the_wall(100, 0);
        buckets.header(Used, 0, 100);
        assert_eq!(buckets.told(200, Used, 50, reset, 0, at), Feedback::Noted);
        assert_eq!(buckets.used(at), used, "reset at {reset}, now {at}");
    }
}

#[test]
fn a_refund_does_not_take_us_below_the_venues_count() {
    for (header, refunds, used) in [
        // We counted 5, of which some were never sent.
        (0, 3, 2),
        (3, 2, 3),
        (3, 3, 3),
        (5, 1, 5),
        (9, 5, 9),
    ] {
        for kinds in [sliding(100, 10_000), gcra(1_000, 100), aligned(100, 10_000, 0)] {
            let mut buckets = kind(kinds);
            buckets.header(Used, 0, 1);
            let mut buckets = buckets.charged(5, 10);
            buckets.header(Used, header, 10);
            (0..refunds).for_each(|_| buckets.refund(NEW, Nanos(10), Nanos(10)));
            assert_eq!(buckets.used(10), used, "{refunds} after a header of {header}: {kinds:?}");
        }
    }
}

#[test]
fn the_smallest_surplus_over_all_headers_bounds_what_is_refunded() {
    let mut buckets = kind(sliding(100, 1_000));
    buckets.header(Used, 0, 1);
    let mut buckets = buckets.charged(5, 10);
    // Two of ours were not in this count; that ten are not in a later one says nothing about the first three.
    buckets.header(Used, 3, 11);
    let mut buckets = buckets.charged(5, 12);
    buckets.header(Used, 0, 13);
    (0..4).for_each(|_| buckets.refund(NEW, Nanos(10), Nanos(14)));
    assert_eq!(buckets.used(14), 8);
    // A refusal that says nothing of what is used bounds nothing.
    let mut buckets = buckets.charged(3, 15);
    buckets.told(429, Used, 0, 0, 1, 16);
    (0..3).for_each(|_| buckets.refund(NEW, Nanos(15), Nanos(17)));
    assert_eq!(buckets.used(17), 8);
}

#[test]
fn what_is_charged_after_a_header_is_refunded_whatever_that_said() {
    let mut buckets = kind(sliding(100, 1_000));
    buckets.header(Used, 50, 1);
    let mut buckets = buckets.charged(2, 2);
    buckets.refund(NEW, Nanos(2), Nanos(3));
    assert_eq!(buckets.used(3), 51);
}

#[test]
fn a_refusal_closes_the_bucket_for_every_rank_until_the_venue_says() {
    for (retry, until) in [(0, 1_100), (1, 1_001), (700, 1_700), (u64::MAX, 1_440 * MINUTE + 1_000)] {
        for kinds in [sliding(100, 100), gcra(1, 100), aligned(100, 100, 0)] {
            let mut buckets = kind(kinds);
            let limited = buckets.told(429, Used, 0, 0, retry, 1_000);
            assert_eq!(limited, Feedback::Limited { until: Nanos(until) }, "{kinds:?}");
            for rank in RANKS {
                assert_eq!(buckets.ask(NEW, rank, Nanos(1_000)), wait(0, until));
                assert_eq!(buckets.ask(NEW, rank, Nanos(until - 1)), wait(0, until));
                assert_eq!(buckets.ask(NEW, rank, Nanos(until)), Admission::Now);
            }
        }
    }
    let mut buckets = kind(sliding(100, 100));
    buckets.told(429, Used, 0, 0, 700, 1_000);
    // A later refusal with a shorter time does not open it earlier.
    assert_eq!(buckets.told(429, Used, 0, 0, 1, 1_001), Feedback::Limited { until: Nanos(1_700) });
    let row = buckets.rows(Nanos(1_699)).next().unwrap();
    assert_eq!((row.closed_until, row.rejects, row.limit), (Nanos(1_700), 2, 25));
    assert_eq!(buckets.rows(Nanos(1_700)).next().unwrap().closed_until, Nanos::ZERO);
}

#[test]
fn each_refusal_halves_the_limit_and_the_reserve_with_it() {
    let mut buckets = kind(sliding(100, 1_000));
    buckets.told(429, Used, 0, 0, 1, 0);
    assert_eq!(RANKS.map(|rank| buckets.passes(rank, 1)), [50, 48, 48, 40, 40]);
    buckets.told(429, Used, 0, 0, 1, 1);
    assert_eq!(RANKS.map(|rank| buckets.passes(rank, 2)), [25, 24, 24, 20, 20]);
    for (minutes, passes) in [(1, 30), (2, 35), (10, 75), (14, 95), (15, 100), (16, 100)] {
        assert_eq!(buckets.passes(Exit, minutes * MINUTE + 2), passes, "after {minutes} min");
    }
}

#[test]
fn a_cost_above_the_halved_limit_waits_until_enough_has_come_back() {
    // Half of 8, then 5 % of 8 a minute: the sixth unit, one being kept back for exits, is there after 5 minutes.
    let mut buckets = one(BucketLimits {
        costs: ActionCosts { new: 5, ..ActionCosts::default() },
        ..bucket(1, sliding(8, 10))
    });
    buckets.told(429, Used, 0, 0, 1, 0);
    for (rank, until) in [(Reduce, 5 * MINUTE), (New, 5 * MINUTE), (Exit, 1)] {
        assert_eq!(buckets.ask(NEW, rank, Nanos(0)), wait(0, until), "{rank:?}");
        assert_eq!(buckets.ask(NEW, rank, Nanos(until)), Admission::Now, "{rank:?}");
    }
}

#[test]
fn a_refusal_raises_what_is_used_but_is_no_first_header() {
    let mut buckets = one(BucketLimits { start_pct: 50, ..bucket(1, sliding(100, 1_000)) }).charged(2, 0);
    buckets.told(429, Used, 0, 0, 1, 1);
    assert_eq!(buckets.used(1), 52);
    buckets.told(429, Remaining, 90, 0, 1, 2);
    assert_eq!(buckets.used(2), 60);
    buckets.header(Used, 30, 3);
    assert_eq!(buckets.used(3), 40);
}

#[test]
fn a_ban_stops_everything_at_the_venue_but_exits() {
    let far = Charge { book: 3, ..NEW };
    for (retry, until) in [(0, 1_100), (5_000, 6_000)] {
        let mut buckets = kind(sliding(100, 100));
        assert_eq!(buckets.banned(NEW, Nanos(1_000)), None);
        let banned = buckets.told(418, Used, 0, 0, retry, 1_000);
        assert_eq!(banned, Feedback::Banned { until: Nanos(until) });
        for charge in [NEW, Charge { book: 2, ..NEW }, Charge { action: OrderAction::Cancel, ..NEW }] {
            assert_eq!(buckets.ask(charge, Exit, Nanos(1_000)), Admission::Now);
            for rank in [Cancel, Reduce, Modify, New] {
                assert_eq!(buckets.ask(charge, rank, Nanos(until - 1)), wait(0, until));
                assert_eq!(buckets.ask(charge, rank, Nanos(until)), Admission::Now);
            }
            assert_eq!(buckets.banned(charge, Nanos(until - 1)), Some(Nanos(until)));
            assert_eq!(buckets.banned(charge, Nanos(until)), None);
        }
        assert_eq!(buckets.ask(far, New, Nanos(1_000)), Admission::Now);
        assert_eq!(buckets.banned(far, Nanos(1_000)), None);
        // Sooner than it was said before is not believed.
        assert_eq!(buckets.told(418, Used, 0, 0, 1, 1_001), Feedback::Banned { until: Nanos(until) });
    }
}

#[test]
fn a_charge_belongs_to_its_venue_account_strategy_book_and_instrument() {
    let scopes = [
        BucketScope::Venue(0),
        BucketScope::Account(0),
        BucketScope::Strategy(0),
        BucketScope::Book(1),
        BucketScope::Instrument(0, 1),
        BucketScope::Instrument(2, 1),
    ];
    let limits = scopes
        .into_iter()
        .enumerate()
        .map(|(index, scope)| BucketLimits { scope, ..bucket(index as u32 + 1, sliding(9, 100)) });
    let buckets = Buckets::new(&desk(limits.collect()), Nanos::ZERO);
    for (book, instrument, used) in [
        (0, Some(0), [1, 1, 1, 0, 0, 0]),
        (0, Some(1), [1, 1, 1, 0, 1, 0]),
        (0, None, [1, 1, 1, 0, 0, 0]),
        (1, Some(1), [1, 1, 0, 1, 1, 0]),
        (2, Some(1), [1, 0, 1, 0, 0, 0]),
        (3, Some(1), [0, 0, 0, 0, 0, 1]),
        (3, Some(0), [0, 0, 0, 0, 0, 0]),
    ] {
        let mut charged = buckets.clone();
        let charge = Charge { book, instrument, action: OrderAction::New };
        charged.charge(charge, Nanos(5));
        assert_eq!(charged.rows(Nanos(5)).map(|row| row.used).collect::<Vec<_>>(), used, "{charge:?}");
        charged.refund(charge, Nanos(5), Nanos(6));
        assert_eq!(charged.rows(Nanos(6)).map(|row| row.used).sum::<u64>(), 0);
    }
    let told = |account, bucket| {
        let mut buckets = buckets.clone();
        let event = Event::RateFeedback {
            bucket,
            http: 200,
            form: Used,
            value: 1,
            window: 0,
            reset_utc_ns: 0,
            retry_after: 0,
        };
        buckets.feedback(account, &event, Nanos(1)) == Feedback::Noted
    };
    for (account, known) in [
        (0, [true, true, true, true, true, false, false]),
        (1, [true, false, true, false, false, false, false]),
        (2, [false, false, false, false, false, true, false]),
    ] {
        assert_eq!([1, 2, 3, 4, 5, 6, 7].map(|bucket| told(account, bucket)), known, "account {account}");
    }
}

#[test]
fn all_buckets_admit_a_charge_or_none_does() {
    let mut narrow = bucket(2, sliding(1, 1_000));
    (narrow.scope, narrow.costs.cancel) = (BucketScope::Instrument(0, 1), 0);
    let mut buckets =
        Buckets::new(&desk(vec![bucket(1, sliding(3, 100)), narrow, bucket(3, gcra(10, 4))]), Nanos(0));
    for (at, instrument) in [(0, 1), (0, 0), (1, 0)] {
        buckets.charge(charge(0, instrument, OrderAction::New), Nanos(at));
    }
    assert_eq!(buckets.ask(charge(0, 0, OrderAction::New), New, Nanos(1)), wait(0, 100));
    // The last of the times of its buckets, and the bucket it is of.
    assert_eq!(buckets.ask(charge(0, 1, OrderAction::New), New, Nanos(1)), wait(1, 1_000));
    // Free in the narrow bucket, so that one is not asked.
    assert_eq!(buckets.ask(charge(0, 1, OrderAction::Cancel), Exit, Nanos(1)), wait(0, 101));
    let used: Vec<_> = buckets.rows(Nanos(1)).map(|row| row.used).collect();
    assert_eq!(used, [3, 1, 3]);
}
