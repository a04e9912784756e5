use super::*;
use crate::engine::limits::{Currency, InstrumentKind};
use crate::model::{Lots, Money, Name};

fn marks(sources: &[u16], allow_negative: bool, band: Option<Bps>) -> Marks {
    let limits = InstrumentLimits {
        name: Name::default(),
        kind: InstrumentKind::Linear,
        price_decimals: 2,
        qty_decimals: 0,
        multiplier_e9: 1_000_000_000,
        settlement: Currency { id: 1, code: Name::default() },
        base: None,
        tick: Ticks(1),
        lot: Lots(1),
        min_qty: Lots(1),
        min_notional: Money(0),
        collar: None,
        overfill: Lots(0),
        collar_accumulated: None,
        restricted: false,
        underlying: None,
        allow_negative,
        band,
        mark_age: Nanos::from_secs(5),
        mark_sources: sources.to_vec(),
        position_tolerance: Lots(0),
        initial_margin: Bps::WHOLE,
        application_heartbeat: None,
        hedge: false,
    };
    Marks {
        marks: vec![Mark::new(&limits, Nanos::ZERO)],
        owners: vec![limits.mark_sources],
        depths: Depths { marks: [3; 8], used: 1 },
    }
}

fn ms(millis: u64) -> Nanos {
    Nanos::from_millis(millis)
}

#[test]
fn a_jump_is_suspect_only_beyond_the_band() {
    for (px, offer) in [
        (10_299, Offer::Accepted),
        (10_300, Offer::Accepted),
        (10_301, Offer::Suspect),
        (9_700, Offer::Accepted),
        (9_699, Offer::Suspect),
        (0, Offer::Suspect),
        (-1, Offer::Suspect),
        (i64::MAX, Offer::Suspect),
        (i64::MIN, Offer::Suspect),
    ] {
        let mut marks = marks(&[], false, Some(Bps(300)));
        assert_eq!(marks.offer(0, 0, Ticks(10_000), 1, ms(0)), Offer::Accepted);
        assert_eq!(marks.offer(0, 0, Ticks(px), 2, ms(1)), offer, "{px}");
        assert_eq!(marks.quote(0).trusted, offer == Offer::Accepted);
    }
}

#[test]
fn three_agreeing_updates_spanning_a_quarter_second_make_a_jump_good() {
    for (times, last) in [
        ([1, 100, 250], Offer::Suspect),
        ([1, 100, 251], Offer::Accepted),
        ([1, 200, 5_000], Offer::Accepted),
        ([7, 7, 7], Offer::Suspect),
    ] {
        let mut marks = marks(&[], false, Some(Bps(300)));
        marks.offer(0, 0, Ticks(10_000), 1, ms(0));
        assert_eq!(marks.offer(0, 0, Ticks(11_000), 2, ms(times[0])), Offer::Suspect);
        assert_eq!(marks.offer(0, 0, Ticks(11_001), 3, ms(times[1])), Offer::Suspect);
        assert_eq!(marks.offer(0, 0, Ticks(11_002), 4, ms(times[2])), last, "{times:?}");
    }
}

#[test]
fn time_alone_and_repetition_never_accept_a_jump() {
    let mut marks = marks(&[], false, Some(Bps(300)));
    marks.offer(0, 0, Ticks(10_000), 1, ms(0));
    assert_eq!(marks.offer(0, 0, Ticks(11_000), 2, ms(1)), Offer::Suspect);
    for at in [2, 300, 4_000] {
        assert_eq!(
            marks.offer(0, 0, Ticks(11_000), 2, ms(at)),
            Offer::Ignored,
            "the sequence did not advance"
        );
    }
    assert_eq!(marks.quote(0).good, Some(10_000));
    assert_eq!(marks.quote(0).suspect, Some(11_000));
}

#[test]
fn updates_that_disagree_start_the_count_over() {
    let mut marks = marks(&[], false, Some(Bps(300)));
    marks.offer(0, 0, Ticks(10_000), 1, ms(0));
    for (sequence, px) in (2..20).zip([11_000, 12_000].into_iter().cycle()) {
        assert_eq!(marks.offer(0, 0, Ticks(px), sequence, ms(sequence * 300)), Offer::Suspect);
    }
}

#[test]
fn an_impossible_price_never_becomes_good_by_repetition() {
    let mut strict = marks(&[], false, None);
    for sequence in 1..50 {
        assert_eq!(strict.offer(0, 0, Ticks(0), sequence, ms(sequence * 300)), Offer::Suspect);
    }
    assert_eq!(strict.quote(0).good, None);
    let mut negative = marks(&[], true, None);
    assert_eq!(negative.offer(0, 0, Ticks(-3_700), 1, ms(0)), Offer::Accepted);
}

#[test]
fn a_mark_back_in_the_band_ends_the_suspicion() {
    let mut marks = marks(&[], false, Some(Bps(300)));
    marks.offer(0, 0, Ticks(10_000), 1, ms(0));
    marks.offer(0, 0, Ticks(5_000), 2, ms(1));
    assert_eq!(marks.offer(0, 0, Ticks(10_010), 3, ms(2)), Offer::Accepted);
    assert!(marks.quote(0).trusted);
    assert_eq!(marks.quote(0).suspect, None);
}

#[test]
fn a_mark_is_stale_when_older_than_its_age_and_not_at_it() {
    let mut marks = marks(&[], false, None);
    assert_eq!(marks.deadline(0), Nanos::NEVER);
    marks.offer(0, 0, Ticks(10_000), 1, ms(0));
    assert_eq!(marks.deadline(0), Nanos(5_000_000_001));
    assert!(!marks.expire(0, Nanos(5_000_000_000)));
    assert!(marks.expire(0, Nanos(5_000_000_001)));
    assert!(!marks.quote(0).trusted);
    assert!(!marks.expire(0, Nanos::from_secs(60)), "said once");
    marks.offer(0, 0, Ticks(10_000), 2, Nanos::from_secs(61));
    assert!(marks.quote(0).trusted);
}

#[test]
fn another_source_takes_over_only_after_staleness_and_three_agreeing_marks() {
    let mut marks = marks(&[0, 1], false, Some(Bps(300)));
    marks.offer(0, 0, Ticks(10_000), 1, ms(0));
    for sequence in 1..10 {
        assert_eq!(marks.offer(0, 1, Ticks(10_001), sequence, ms(5_000)), Offer::Ignored, "not stale yet");
    }
    assert_eq!(marks.offer(0, 1, Ticks(10_001), 20, ms(5_001)), Offer::Ignored);
    assert_eq!(marks.offer(0, 1, Ticks(10_001), 20, ms(5_002)), Offer::Ignored, "no newer sequence");
    assert_eq!(marks.offer(0, 1, Ticks(10_002), 21, ms(5_003)), Offer::Ignored);
    assert_eq!(marks.offer(0, 1, Ticks(10_003), 22, ms(5_004)), Offer::Accepted);
    assert_eq!(marks.offer(0, 0, Ticks(10_003), 2, ms(5_005)), Offer::Ignored, "the old source lost it");
}

#[test]
fn a_closed_instrument_keeps_its_mark_and_its_age_pauses() {
    let mut marks = marks(&[], false, None);
    marks.offer(0, 0, Ticks(10_000), 1, ms(0));
    assert!(!marks.session(0, 1, InstrumentStatus::Closed, false, ms(1_000)), "not from the source");
    assert!(marks.session(0, 0, InstrumentStatus::Closed, false, ms(1_000)));
    assert_eq!(marks.offer(0, 0, Ticks(9_000), 2, ms(2_000)), Offer::Ignored);
    assert_eq!(marks.deadline(0), Nanos::NEVER);
    assert!(marks.session(0, 0, InstrumentStatus::Open, false, ms(61_000)));
    assert_eq!(marks.deadline(0), Nanos(65_000_000_001), "one second of its five had passed");
    assert_eq!(marks.quote(0).good, Some(10_000));
}

#[test]
fn the_least_favourable_of_the_last_marks_is_kept_per_depth() {
    let mut marks = marks(&[], false, None);
    for (sequence, px) in (1..).zip([100, 140, 90, 120, 110]) {
        marks.offer(0, 0, Ticks(px), sequence, ms(sequence));
    }
    assert_eq!((marks.quote(0).low[0], marks.quote(0).high[0]), (90, 120));
}

#[test]
fn a_new_lane_of_the_source_may_number_from_the_start() {
    let mut marks = marks(&[], false, None);
    marks.offer(0, 0, Ticks(100), 900, ms(0));
    assert_eq!(marks.offer(0, 0, Ticks(101), 1, ms(1)), Offer::Ignored);
    marks.renumber(0);
    assert_eq!(marks.offer(0, 0, Ticks(101), 1, ms(2)), Offer::Accepted);
}

#[test]
fn an_expired_instrument_does_not_open_again() {
    let mut marks = marks(&[], false, None);
    marks.offer(0, 0, Ticks(100), 1, ms(1));
    assert!(marks.session(0, 0, InstrumentStatus::Halted, false, ms(2)));
    assert!(!marks.is_expired(0));
    assert!(!marks.session(0, 1, InstrumentStatus::Expired, false, ms(2)), "only its source says so");
    marks.session(0, 0, InstrumentStatus::Expired, false, ms(3));
    assert!(marks.is_expired(0) && marks.frozen(0));
    assert!(!marks.session(0, 0, InstrumentStatus::Open, false, ms(4)));
    assert!(marks.is_expired(0) && marks.frozen(0));
    assert_eq!(marks.offer(0, 0, Ticks(90), 2, ms(5)), Offer::Ignored);
}

#[test]
fn a_strategy_that_is_not_a_configured_source_never_takes_over() {
    for (sources, takes_over) in [(&[0][..], false), (&[0, 1], true), (&[2, 0], false), (&[], true)] {
        let mut marks = marks(sources, false, Some(Bps(300)));
        if sources != [2, 0] {
            assert_eq!(marks.offer(0, 0, Ticks(10_000), 1, ms(0)), Offer::Accepted);
        }
        let offers =
            (1..=40).map(|sequence| marks.offer(0, 1, Ticks(10_001), sequence, ms(6_000 + sequence)));
        let last = offers.last();
        assert_eq!(last == Some(Offer::Accepted), takes_over, "{sources:?}");
        assert!(!marks.session(0, 3, InstrumentStatus::Closed, true, ms(7_000)), "{sources:?}");
    }
}

#[test]
fn three_marks_that_disagree_do_not_take_over() {
    let mut marks = marks(&[0, 1], false, Some(Bps(300)));
    marks.offer(0, 0, Ticks(10_000), 1, ms(0));
    for (sequence, px) in (1..).zip([10_000, 10_301, 10_000, 10_301, 10_000, 10_301]) {
        assert_eq!(marks.offer(0, 1, Ticks(px), sequence, ms(6_000)), Offer::Ignored, "{sequence}");
    }
    assert_eq!(marks.offer(0, 1, Ticks(10_300), 9, ms(6_000)), Offer::Ignored, "two agree");
    assert_eq!(marks.offer(0, 1, Ticks(10_300), 10, ms(6_000)), Offer::Accepted, "three do");
}

#[test]
fn who_says_first_that_a_market_is_closed_is_its_source() {
    let mut marks = marks(&[], false, None);
    assert!(marks.session(0, 4, InstrumentStatus::Closed, false, ms(0)));
    assert!(!marks.session(0, 5, InstrumentStatus::Open, false, ms(1)));
    assert!(marks.session(0, 4, InstrumentStatus::Open, false, ms(2)));
}

#[test]
fn another_source_speaks_for_a_market_only_when_its_source_has_no_lane() {
    let mut marks = marks(&[0, 1], false, None);
    marks.offer(0, 0, Ticks(10_000), 1, ms(0));
    assert!(marks.session(0, 0, InstrumentStatus::Halted, false, ms(1_000)));
    assert!(!marks.session(0, 1, InstrumentStatus::Open, false, ms(2_000)));
    assert!(marks.session(0, 1, InstrumentStatus::Open, true, ms(3_000)));
    assert_eq!(marks.deadline(0), Nanos(7_000_000_001), "its age goes on from where it paused");
}
