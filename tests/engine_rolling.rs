//! A drawdown from the highest equity of the last so long.

mod support;

use support::desk::*;
use tripline::engine::limits::{Anchor, DrawdownLimits};
use tripline::model::event::{CommandVerb, FlowKind, InstrumentStatus};
use tripline::model::verdict::Verdict;
use tripline::model::{Bps, Event, Flags, Money, Nanos, Reason, Scope, TradingState};

const KILL: u16 = 64;
const BOOK: Scope = Scope::Book(0);

/// 63 s, so that a bucket is one second long.
fn rolling() -> DrawdownLimits {
    DrawdownLimits { anchor: Anchor::Rolling(Nanos::from_secs(63)), ..drawdown("kill") }
}

/// Long 100 at 1000 with capital 100 000: each price unit is 0.1 % of the capital. The clock stands at one second.
fn long(guard: DrawdownLimits) -> Desk {
    let mut limits = limits(100_000 * E9, vec![guard]);
    limits.instruments[usize::from(PLAIN)].band = None;
    let mut desk = Desk::new(limits);
    desk.mark(0, PLAIN, 1_000);
    desk.fill(0, PLAIN, 100, 1_000, 0);
    desk
}

fn peak(desk: &Desk) -> i128 {
    desk.engine.guard_row(0).unwrap().peak.0 / E9
}

fn is_latched(desk: &Desk) -> bool {
    desk.engine.guard_row(0).unwrap().latched
}

fn mark_at(desk: &mut Desk, at: u64, px: i64) {
    desk.advance(Nanos(at));
    desk.mark(0, PLAIN, px);
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn a_sample_counts_for_the_window_at_least_and_a_bucket_more_at_most() {
    for (name, seen, looked, counts) in [
        ("first instant of a bucket, window over", SECOND * 2, SECOND * 65, true),
        ("first instant of a bucket, last of the bucket after", SECOND * 2, SECOND * 66 - 1, true),
        ("first instant of a bucket, a bucket more is over", SECOND * 2, SECOND * 66, false),
        ("last instant of a bucket, window not over", SECOND * 3 - 1, SECOND * 66 - 2, true),
        ("last instant of a bucket, window just over", SECOND * 3 - 1, SECOND * 66 - 1, true),
        ("last instant of a bucket, an instant later", SECOND * 3 - 1, SECOND * 66, false),
        ("far forward", SECOND * 2, SECOND * 1_000_000, false),
        ("the same instant", SECOND * 2, SECOND * 2, true),
    ] {
        let mut desk = long(rolling());
        mark_at(&mut desk, seen, 1_100);
        mark_at(&mut desk, seen, 1_000);
        mark_at(&mut desk, looked, 1_000);
        assert_eq!(peak(&desk), if counts { 110_000 } else { 100_000 }, "{name}");
    }
}

#[test]
fn the_limit_below_the_highest_of_the_window_trips_and_one_unit_less_does_not() {
    for (px, trips) in [(936, false), (935, true), (934, true)] {
        let mut desk = long(rolling());
        mark_at(&mut desk, SECOND * 2, 1_100);
        mark_at(&mut desk, SECOND * 60, px);
        assert_eq!(is_latched(&desk), trips, "{px}");
        if trips {
            let trip = desk.taken(KILL)[0];
            assert_eq!((trip.reason, trip.limit), (Reason::Drawdown, 1_500));
            assert_eq!(trip.peak, Money(110_000 * E9));
        }
        let mut later = long(rolling());
        mark_at(&mut later, SECOND * 2, 1_100);
        mark_at(&mut later, SECOND * 2, 1_000);
        mark_at(&mut later, SECOND * 66, px);
        assert!(!is_latched(&later), "the high is too long ago");
    }
}

#[test]
fn equity_that_stands_still_is_still_the_peak_however_long_nothing_was_said() {
    let mut desk = long(rolling());
    mark_at(&mut desk, SECOND * 2, 1_100);
    mark_at(&mut desk, SECOND * 10_000, 935);
    assert_eq!(peak(&desk), 110_000);
    assert!(is_latched(&desk), "it stood at 110 000 until now");
}

#[test]
fn of_several_highs_the_next_one_counts_when_the_first_is_forgotten() {
    let mut desk = long(rolling());
    for (at, px) in [(2, 1_300), (20, 1_200), (40, 1_150), (41, 1_110)] {
        mark_at(&mut desk, SECOND * at, px);
    }
    for (at, expected) in [(65, 130_000), (83, 130_000), (84, 120_000), (103, 120_000), (104, 115_000)] {
        mark_at(&mut desk, SECOND * at, 1_110);
        assert_eq!(peak(&desk), expected, "{at}");
    }
    mark_at(&mut desk, SECOND * 105, 1_110);
    assert_eq!(peak(&desk), 111_000);
}

#[test]
fn a_loss_slower_than_the_window_does_not_trip() {
    let mut desk = long(rolling());
    for step in 1..=50_u64 {
        mark_at(&mut desk, SECOND * 64 * step, 1_000 - 10 * step as i64);
    }
    assert!(!is_latched(&desk), "half of everything, ten in a minute");
    assert_eq!(desk.state(0), TradingState::Active);
}

#[test]
fn a_latch_keeps_the_peak_it_was_measured_from() {
    let mut desk = long(rolling());
    mark_at(&mut desk, SECOND * 2, 1_100);
    mark_at(&mut desk, SECOND * 3, 935);
    assert!(is_latched(&desk));
    mark_at(&mut desk, SECOND * 1_000, 935);
    assert_eq!(peak(&desk), 110_000);
    let nonce = desk.nonce(BOOK, KILL);
    let kept = desk.command(CommandVerb::Reset, BOOK, KILL, nonce, false);
    assert_eq!((kept.verdict, kept.reason), (Verdict::Deny, Some(Reason::Drawdown)));
    assert_eq!((kept.measured, kept.limit), (1_500, 1_500));
    mark_at(&mut desk, SECOND * 1_001, 936);
    assert_eq!(desk.command(CommandVerb::Reset, BOOK, KILL, nonce, false).verdict, Verdict::Pass);
    assert!(!is_latched(&desk));
    mark_at(&mut desk, SECOND * 1_002, 936);
    assert_eq!(peak(&desk), 93_600, "and forgets it once it is released");
}

#[test]
fn a_rebase_forgets_every_sample() {
    let mut desk = long(rolling());
    mark_at(&mut desk, SECOND * 2, 1_100);
    mark_at(&mut desk, SECOND * 3, 900);
    let nonce = desk.nonce(BOOK, KILL);
    assert_eq!(desk.command(CommandVerb::Reset, BOOK, KILL, nonce, true).verdict, Verdict::Pass);
    mark_at(&mut desk, SECOND * 4, 900);
    assert_eq!(peak(&desk), 90_000);
}

#[test]
fn nothing_is_forgotten_while_nobody_can_trust_a_reading() {
    let mut banded = limits(100_000 * E9, vec![DrawdownLimits { confirm_k: 100, ..rolling() }]);
    banded.instruments[usize::from(PLAIN)].band = Some(Bps(1_100));
    let mut desk = Desk::new(banded);
    desk.mark(0, PLAIN, 1_000);
    desk.fill(0, PLAIN, 100, 1_000, 0);
    mark_at(&mut desk, SECOND * 2, 1_100);
    mark_at(&mut desk, SECOND * 2, 1_000);
    mark_at(&mut desk, SECOND * 100, 1_200);
    desk.funding(0, 1, -1);
    assert_eq!(peak(&desk), 110_000, "suspect, and stale before that");
    mark_at(&mut desk, SECOND * 101, 1_000);
    assert_eq!(peak(&desk), 100_000, "trusted again");
}

#[test]
fn a_held_mark_neither_adds_nor_takes_away_a_sample() {
    let mut desk = long(rolling());
    mark_at(&mut desk, SECOND * 2, 1_100);
    mark_at(&mut desk, SECOND * 2, 1_000);
    let state = |state| Event::InstrumentState { state, next_change_utc_ns: 0, t_venue: 0 };
    desk.say(0, PLAIN, Flags::empty(), state(InstrumentStatus::Closed));
    desk.advance(Nanos(SECOND * 500));
    desk.fill(0, PLAIN, 100, 500, 0);
    assert_eq!((desk.equity(0) / E9, peak(&desk)), (150_000, 110_000), "profit on paper");
    desk.say(0, PLAIN, Flags::empty(), state(InstrumentStatus::Open));
    mark_at(&mut desk, SECOND * 501, 500);
    assert_eq!(
        (desk.equity(0) / E9, peak(&desk)),
        (50_000, 100_000),
        "what it stood at when the market closed"
    );
    assert!(is_latched(&desk));
}

#[test]
fn one_spike_is_no_sample() {
    let mut desk = long(DrawdownLimits { peak_n: 3, ..rolling() });
    for px in [1_000, 1_000, 2_000, 1_000, 1_000] {
        mark_at(&mut desk, SECOND * 2, px);
    }
    assert_eq!(peak(&desk), 100_000);
}

#[test]
fn a_flow_scales_every_sample_of_a_percentage_and_shifts_those_of_an_amount() {
    for (limit, limit_abs, first, second) in [
        // 110 000 and 100 000 at an equity of 90 000, of which 45 000 leave.
        (Some(Bps(5_000)), None, 55_000, 50_000),
        (None, Some(Money(60_000 * E9)), 65_000, 55_000),
    ] {
        let mut desk = long(DrawdownLimits { limit, limit_abs, ..rolling() });
        mark_at(&mut desk, SECOND * 2, 1_100);
        mark_at(&mut desk, SECOND * 20, 1_000);
        mark_at(&mut desk, SECOND * 40, 900);
        desk.flow(0, 1, -45_000 * E9, FlowKind::Withdrawal);
        assert_eq!((peak(&desk), desk.equity(0) / E9), (first, 45_000));
        mark_at(&mut desk, SECOND * 84, 900);
        assert_eq!(peak(&desk), second, "110 000 held until the twentieth second");
        assert!(!is_latched(&desk));
        mark_at(&mut desk, SECOND * 104, 900);
        assert_eq!(peak(&desk), 45_000);
    }
}

#[test]
fn a_percentage_sample_is_rounded_up_by_a_flow() {
    let mut desk = Desk::with(100, vec![rolling()]);
    desk.funding(0, 1, -10 * E9);
    desk.flow(0, 2, -80 * E9, FlowKind::Withdrawal);
    assert_eq!(desk.engine.guard_row(0).unwrap().peak, Money(11_111_111_112), "ceil(100 * 10 / 90)");
    desk.advance(Nanos(SECOND * 30));
    desk.funding(0, 3, -1);
    assert_eq!(desk.engine.guard_row(0).unwrap().peak, Money(11_111_111_112));
}

#[test]
fn a_flow_that_cannot_be_priced_halts_a_rolling_guard_until_a_rebase() {
    let mut desk = Desk::with(100, vec![rolling()]);
    desk.flow(0, 1, -100 * E9, FlowKind::Withdrawal);
    assert_eq!(desk.taken(KILL)[0].reason, Reason::FlowUnpriced);
    desk.flow(0, 2, 50 * E9, FlowKind::Deposit);
    desk.wait(Nanos::from_secs(1_000));
    let nonce = desk.nonce(BOOK, KILL);
    assert_eq!(desk.command(CommandVerb::Reset, BOOK, KILL, nonce, false).reason, Some(Reason::FlowUnpriced));
    assert_eq!(desk.command(CommandVerb::Reset, BOOK, KILL, nonce, true).verdict, Verdict::Pass);
    assert_eq!(peak(&desk), 50);
}
