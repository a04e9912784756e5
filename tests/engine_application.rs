//! Heartbeats of kind APPLICATION, per instrument, and the pause while its market is closed.

mod support;

use support::desk::*;
use tripline::engine::{Limits, WordId, guard};
use tripline::model::event::{HeartbeatClass, InstrumentStatus};
use tripline::model::{Event, Flags, Latch, Nanos, Reason, Scope, TradingState};

const LIMIT: Nanos = Nanos::from_secs(5);

const fn secs(seconds: u64) -> Nanos {
    Nanos::from_secs(seconds)
}

fn limits_of(sources: &[u16]) -> Limits {
    let mut limits = limits(1_000 * E9, vec![]);
    limits.instruments[usize::from(PLAIN)].application_heartbeat = Some(LIMIT);
    limits.instruments[usize::from(PLAIN)].mark_sources = sources.to_vec();
    limits
}

fn desk() -> Desk {
    Desk::new(limits_of(&[]))
}

fn beat_as(desk: &mut Desk, book: u16, instrument: u16, class: HeartbeatClass, counter: u64) {
    desk.say(book, instrument, Flags::empty(), Event::Heartbeat { source: 0, class, counter });
}

fn beat(desk: &mut Desk, counter: u64) {
    beat_as(desk, 0, PLAIN, HeartbeatClass::Application, counter);
}

fn market(desk: &mut Desk, instrument: u16, state: InstrumentStatus) {
    let event = Event::InstrumentState { state, next_change_utc_ns: 0, t_venue: 0 };
    desk.say(0, instrument, Flags::empty(), event);
}

/// Silence and limit, where the instrument is halted on every account for it.
fn silent(desk: &Desk) -> Option<(i64, i64)> {
    let rows = desk.engine.cause_rows().filter(|row| row.guard == u64::from(guard::APPLICATION));
    let rows: Vec<_> = rows.collect();
    let halted = |account| desk.engine.word(WordId::Instrument(account, PLAIN)).state == TradingState::Halted;
    assert_eq!((halted(0), halted(1)), (!rows.is_empty(), !rows.is_empty()));
    let first = rows.first()?;
    assert_eq!(rows.len(), 2, "one for each account");
    assert_eq!((first.reason, first.latch), (Some(Reason::Heartbeat), Some(Latch::Auto)));
    assert_eq!(first.scope, Some(Scope::Instrument(0, PLAIN)));
    Some((first.measured, first.limit))
}

#[test]
fn silence_beyond_the_limit_halts_the_instrument_from_the_first_start_on() {
    for (silence, trips) in [(Nanos(LIMIT.0 - 1), false), (LIMIT, false), (Nanos(LIMIT.0 + 1), true)] {
        let mut desk = desk();
        desk.wait(silence);
        let expected = trips.then_some((LIMIT.0 as i64 + 1, LIMIT.0 as i64));
        assert_eq!(silent(&desk), expected, "never heard of: {silence:?}");
        let mut desk = self::desk();
        desk.wait(secs(3));
        beat(&mut desk, 1);
        desk.wait(silence);
        assert_eq!(silent(&desk), expected, "after a beat: {silence:?}");
    }
}

#[test]
fn only_beats_of_the_kind_of_the_instrument_of_a_source_that_advance_count() {
    type Says = fn(&mut Desk);
    let cases: [(&str, Says, bool); 7] = [
        ("application", |desk| beat(desk, 2), true),
        ("the same again", |desk| beat(desk, 1), false),
        ("transport", |desk| beat_as(desk, 0, PLAIN, HeartbeatClass::Transport, 2), false),
        ("work", |desk| beat_as(desk, 0, PLAIN, HeartbeatClass::Work, 2), false),
        ("of another instrument", |desk| beat_as(desk, 0, PERP, HeartbeatClass::Application, 2), false),
        ("of no source", |desk| beat_as(desk, 1, PLAIN, HeartbeatClass::Application, 2), false),
        ("a mark", |desk| desk.mark(0, PLAIN, 100), false),
    ];
    for (name, says, counts) in cases {
        let mut desk = Desk::new(limits_of(&[0]));
        beat(&mut desk, 1);
        desk.wait(secs(3));
        says(&mut desk);
        desk.wait(secs(3));
        assert_eq!(silent(&desk).is_none(), counts, "{name}");
    }
}

#[test]
fn beats_end_it_after_five_seconds_and_a_gap_starts_them_over() {
    for (gap, last, ends) in
        [(secs(2), secs(3), true), (secs(2), Nanos(secs(3).0 - 1), false), (secs(6), secs(1), false)]
    {
        let mut desk = desk();
        desk.wait(secs(10));
        beat(&mut desk, 1);
        assert!(silent(&desk).is_some(), "one beat ends nothing");
        desk.wait(gap);
        beat(&mut desk, 2);
        desk.wait(last);
        beat(&mut desk, 3);
        assert_eq!(silent(&desk).is_none(), ends, "{gap:?} {last:?}");
    }
}

#[test]
fn while_its_market_is_closed_it_pauses() {
    for state in [InstrumentStatus::Closed, InstrumentStatus::Auction, InstrumentStatus::Halted] {
        for (left, trips) in [(Nanos(secs(2).0 - 1), false), (secs(2), false), (Nanos(secs(2).0 + 1), true)] {
            let mut desk = desk();
            desk.wait(secs(3));
            market(&mut desk, PLAIN, state);
            desk.wait(secs(3_600));
            assert!(silent(&desk).is_none(), "{state:?}");
            market(&mut desk, PLAIN, InstrumentStatus::Open);
            desk.wait(left);
            assert_eq!(
                silent(&desk).is_some(),
                trips,
                "{state:?} {left:?}: three of five seconds had passed"
            );
        }
    }
}

#[test]
fn another_instrument_is_held_to_its_beats_meanwhile() {
    let mut limits = limits_of(&[]);
    limits.instruments[usize::from(PERP)].application_heartbeat = Some(secs(60));
    let mut desk = Desk::new(limits);
    market(&mut desk, PLAIN, InstrumentStatus::Closed);
    for (wait, trips) in [(secs(60), false), (Nanos(1), true)] {
        desk.wait(wait);
        let of_perp = desk.engine.word(WordId::Instrument(0, PERP)).state;
        assert_eq!(of_perp == TradingState::Halted, trips);
        assert_eq!(desk.engine.word(WordId::Instrument(0, PLAIN)).state, TradingState::Active);
    }
}

#[test]
fn a_beat_while_it_is_closed_is_as_old_as_the_opening() {
    for (left, trips) in [(LIMIT, false), (Nanos(LIMIT.0 + 1), true)] {
        let mut desk = desk();
        desk.wait(secs(4));
        market(&mut desk, PLAIN, InstrumentStatus::Closed);
        desk.wait(secs(10));
        beat(&mut desk, 1);
        desk.wait(secs(100));
        market(&mut desk, PLAIN, InstrumentStatus::Open);
        desk.wait(left);
        assert_eq!(silent(&desk).is_some(), trips, "{left:?}");
    }
}

#[test]
fn what_was_silent_before_it_closed_stays_halted_until_it_beats() {
    let mut desk = desk();
    desk.wait(secs(6));
    market(&mut desk, PLAIN, InstrumentStatus::Closed);
    desk.wait(secs(100));
    market(&mut desk, PLAIN, InstrumentStatus::Open);
    assert!(silent(&desk).is_some(), "closing proves nothing");
    for counter in 1..=3 {
        beat(&mut desk, counter);
        desk.wait(Nanos::from_millis(2_500));
    }
    assert!(silent(&desk).is_none());
}

#[test]
fn what_has_expired_is_silent_for_good() {
    let mut desk = desk();
    market(&mut desk, PLAIN, InstrumentStatus::Expired);
    market(&mut desk, PLAIN, InstrumentStatus::Open);
    desk.wait(secs(1_000));
    assert!(silent(&desk).is_none());
}

#[test]
fn a_stall_of_the_sidecar_is_no_silence() {
    let mut desk = desk();
    desk.wait(secs(4));
    // It stood still for ten seconds and says so before it looks at what is due.
    desk.now = desk.now.after(secs(10));
    desk.sidecar(Event::Stall { duration: secs(10) });
    desk.sidecar(Event::Timer { due: desk.now });
    desk.wait(secs(1));
    assert!(silent(&desk).is_none());
    desk.wait(Nanos(1));
    assert!(silent(&desk).is_some());
}

#[test]
fn who_does_not_ask_for_it_is_never_silent() {
    let mut desk = Desk::with(1_000, vec![]);
    desk.wait(secs(100_000));
    assert!(silent(&desk).is_none());
}

#[cfg(feature = "sidecar")]
#[test]
fn a_restored_engine_knows_how_long_it_has_been_silent_and_closed() {
    use tripline::engine::Engine;
    let mut desk = desk();
    desk.wait(secs(3));
    market(&mut desk, PLAIN, InstrumentStatus::Closed);
    desk.wait(secs(100));
    desk.engine = Engine::restore(&desk.engine.snapshot()).expect("its own bytes");
    market(&mut desk, PLAIN, InstrumentStatus::Open);
    desk.wait(secs(2));
    assert!(silent(&desk).is_none());
    desk.wait(Nanos(1));
    assert!(silent(&desk).is_some());
}
