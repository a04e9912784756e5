//! Drawdown guards through the engine's door: boundaries, peaks, confirmation, flows, resets.

mod support;

use support::desk::*;
use tripline::engine::WordId;
use tripline::engine::limits::{Anchor, Basis, DrawdownLimits};
use tripline::model::event::{CommandVerb, FlowKind, InstrumentStatus};
use tripline::model::verdict::Verdict;
use tripline::model::{Bps, Event, Flags, Latch, Money, Nanos, Reason, Scope, TradingState};

const KILL: u16 = 64;
const SOFT: u16 = 65;
const BOOK: Scope = Scope::Book(0);

/// Long 100 at 100 with capital 100 000: each price unit is 0.1 % of the capital.
fn long(guards: Vec<DrawdownLimits>) -> Desk {
    let mut desk = Desk::with(100_000, guards);
    desk.mark(0, PLAIN, 1_000);
    desk.fill(0, PLAIN, 100, 1_000, 0);
    desk
}

fn patient() -> DrawdownLimits {
    DrawdownLimits { confirm_k: 3, confirm_t: ms(50), ..drawdown("kill") }
}

fn is_latched(desk: &Desk) -> bool {
    desk.engine.guard_row(0).unwrap().latched
}

#[test]
fn the_limit_itself_trips_and_one_unit_less_does_not() {
    for (px, trips) in [(851, false), (850, true), (849, true)] {
        let mut desk = long(vec![drawdown("kill")]);
        desk.mark(0, PLAIN, px);
        assert_eq!(is_latched(&desk), trips, "{px}");
        let state = if trips { TradingState::Halted } else { TradingState::Active };
        assert_eq!(desk.state(0), state);
        assert_eq!(desk.state(1), TradingState::Active);
    }
    for (fee, trips) in [(15_000 * E9 - 1, false), (15_000 * E9, true), (15_000 * E9 + 1, true)] {
        let mut desk = Desk::with(100_000, vec![drawdown("kill")]);
        desk.funding(0, 1, -fee);
        assert_eq!(is_latched(&desk), trips, "{fee}");
    }
}

#[test]
fn an_absolute_limit_trips_at_its_amount() {
    for (fee, trips) in [(499 * E9, false), (500 * E9, true)] {
        let guard = DrawdownLimits { limit: None, limit_abs: Some(Money(500 * E9)), ..drawdown("kill") };
        let mut desk = Desk::with(100_000, vec![guard]);
        desk.funding(0, 1, -fee);
        assert_eq!(is_latched(&desk), trips);
        if trips {
            let latch = desk.taken(KILL)[0];
            assert_eq!((latch.measured, latch.limit), (500_000_000, 500_000_000), "money in 1e-6");
        }
    }
}

#[test]
fn a_transition_says_everything_about_the_trip() {
    let mut desk = long(vec![drawdown("kill")]);
    desk.mark(0, PLAIN, 840);
    let trip = desk.taken(KILL)[0];
    assert_eq!((trip.scope, trip.reason, trip.began), (BOOK, Reason::Drawdown, true));
    assert_eq!((trip.measured, trip.limit, trip.drawdown_bps), (1_600, 1_500, 1_600));
    assert_eq!((trip.equity, trip.peak), (Money(84_000 * E9), Money(100_000 * E9)));
    assert_eq!((trip.old_state, trip.new_state), (TradingState::ReduceOnly, TradingState::Halted));
    assert_eq!((trip.mark, trip.latch), (840, Latch::Sticky));
    assert_ne!(trip.nonce, 0);
    assert_eq!(desk.engine.word(WordId::Book(0)).epoch, trip.epoch);
    assert_eq!(desk.engine.guard_name(KILL).as_str(), "kill");
    assert_eq!(desk.engine.guard_name(SOFT).as_str(), "kill.soft");
}

#[test]
fn a_drawdown_latch_does_not_re_anchor() {
    let mut desk = long(vec![drawdown("kill")]);
    desk.mark(0, PLAIN, 850);
    for px in [700, 860, 990, 850] {
        desk.mark(0, PLAIN, px);
        assert_eq!(desk.engine.guard_row(0).unwrap().peak, Money(100_000 * E9));
        assert!(is_latched(&desk));
        assert_eq!(desk.state(0), TradingState::Halted);
    }
    assert_eq!(desk.taken(KILL).len(), 1, "edge triggered");
}

#[test]
fn one_bad_mark_turns_reduce_only_softly_and_recovers_without_moving_the_peak() {
    let mut desk = long(vec![patient()]);
    desk.mark(0, PLAIN, 500);
    assert_eq!(desk.state(0), TradingState::ReduceOnly);
    desk.wait(ms(10));
    desk.mark(0, PLAIN, 1_000);
    assert_eq!(desk.state(0), TradingState::ReduceOnly, "two readings that span a second");
    desk.wait(ms(999));
    assert_eq!(desk.state(0), TradingState::ReduceOnly);
    desk.wait(ms(1));
    assert_eq!(desk.state(0), TradingState::Active);
    assert_eq!(desk.engine.guard_row(0).unwrap().peak, Money(100_000 * E9));
    assert_eq!(desk.taken(KILL).len(), 0);
}

#[test]
fn a_realised_loss_of_the_same_size_latches_at_once() {
    let mut desk = long(vec![patient()]);
    desk.fill(0, PLAIN, -50, 700, 0);
    assert_eq!(desk.state(0), TradingState::Halted, "15 000 are gone, and the rest is long still");
    let mut desk = long(vec![patient()]);
    desk.fill(0, PLAIN, -50, 701, 0);
    assert_eq!(desk.state(0), TradingState::Active, "14 950");
    for (fee, latches) in [(-1, false), (0, true), (1, true)] {
        let mut desk = long(vec![patient()]);
        desk.fill(0, PLAIN, -50, 700, fee);
        assert_eq!(is_latched(&desk), latches, "15 000 and {fee} in 1e-9");
        assert_eq!(desk.taken(KILL).first().map(|trip| trip.reason), latches.then_some(Reason::Drawdown));
    }
}

#[test]
fn a_realised_loss_latches_only_where_equity_breaches_too() {
    let mut desk = long(vec![DrawdownLimits { anchor: Anchor::Static, ..patient() }]);
    desk.mark(0, PERP, 10_000);
    desk.fill(0, PERP, 100_000, 10_000, 0);
    desk.mark(0, PERP, 20_000);
    desk.fill(0, PLAIN, -55, 700, 0);
    assert_eq!(desk.state(0), TradingState::Active, "16 500 are gone, and 10 000 won on paper");
    desk.mark(0, PERP, 10_000);
    assert_eq!(desk.state(0), TradingState::Halted, "in the turn in which equity breaches");
}

#[test]
fn the_soft_cause_ends_only_below_nine_tenths_of_the_limit() {
    for (px, fee, clears) in
        [(864, 0, false), (865, 1, false), (865, 0, false), (865, -1, true), (866, 0, true)]
    {
        let mut desk = long(vec![patient()]);
        desk.mark(0, PLAIN, 840);
        assert_eq!(desk.taken(SOFT)[0].reason, Reason::DrawdownSoft);
        desk.wait(ms(10));
        desk.funding(0, 1, -fee);
        desk.mark(0, PLAIN, px);
        desk.wait(ms(999));
        assert_eq!(desk.state(0), TradingState::ReduceOnly);
        desk.wait(ms(1));
        let state = if clears { TradingState::Active } else { TradingState::ReduceOnly };
        assert_eq!(desk.state(0), state, "{px} less {fee} in 1e-9");
    }
}

#[test]
fn a_reading_in_between_that_does_not_clear_starts_the_second_over() {
    let mut desk = long(vec![patient()]);
    desk.mark(0, PLAIN, 840);
    for (after, px) in [(400, 900), (600, 860), (600, 900)] {
        desk.wait(ms(after));
        desk.mark(0, PLAIN, px);
    }
    desk.wait(ms(999));
    assert_eq!(desk.state(0), TradingState::ReduceOnly);
    desk.wait(ms(1));
    assert_eq!(desk.state(0), TradingState::Active);
}

#[test]
fn flat_and_trusted_ends_the_soft_cause_at_once() {
    let mut desk = long(vec![patient()]);
    desk.mark(0, PLAIN, 840);
    assert_eq!(desk.state(0), TradingState::ReduceOnly);
    desk.fill(0, PLAIN, -100, 900, 0);
    assert_eq!(desk.state(0), TradingState::Active);
}

#[test]
fn time_in_which_the_sidecar_stood_still_confirms_nothing_and_ends_nothing() {
    for (event, px, state) in [
        (Event::Stall { duration: ms(3_000) }, 800, TradingState::Halted),
        (Event::Recovered { restarts: 1, fresh: 0, away: ms(3_000) }, 800, TradingState::Halted),
        (Event::Stall { duration: ms(3_000) }, 900, TradingState::Active),
    ] {
        let mut desk = long(vec![patient()]);
        desk.mark(0, PLAIN, 800);
        desk.mark(0, PLAIN, px);
        let enough = if px == 800 { 500 } else { 1_000 };
        desk.wait(ms(enough - 100));
        desk.now = desk.now.after(ms(3_000));
        desk.sidecar(event);
        desk.wait(ms(99));
        assert_eq!(desk.state(0), TradingState::ReduceOnly, "{event:?}");
        desk.wait(ms(1));
        assert_eq!(desk.state(0), state, "{event:?}");
    }
}

#[test]
fn a_percentage_of_a_peak_that_is_not_positive_halts_and_an_amount_still_works() {
    for (equity, reason) in
        [(1, None), (0, Some(Reason::PeakNonpositive)), (-1, Some(Reason::PeakNonpositive))]
    {
        let guard = DrawdownLimits { anchor: Anchor::Session, latch: Latch::Session, ..drawdown("canary") };
        let floor = DrawdownLimits { limit: None, limit_abs: Some(Money(5)), ..guard.clone() };
        let mut desk = Desk::with(100, vec![guard, floor]);
        desk.funding(0, 1, equity - 100 * E9);
        desk.taken(KILL);
        desk.sidecar(Event::Roll { session: 1, clock: 0 });
        let began = desk.taken(KILL).into_iter().rfind(|transition| transition.began);
        assert_eq!(began.map(|transition| transition.reason), reason, "{equity}");
        let floor = |desk: &Desk| desk.engine.guard_row(1).unwrap().latched;
        desk.funding(0, 2, -4);
        assert!(!floor(&desk));
        desk.funding(0, 3, -1);
        assert!(floor(&desk), "five below {equity}");
    }
}

#[test]
fn flat_latches_at_once() {
    let mut desk = Desk::with(100_000, vec![patient()]);
    desk.flow(0, 3, -15_000 * E9, FlowKind::Fee);
    assert_eq!(desk.state(0), TradingState::Halted);
}

#[test]
fn three_marks_spanning_the_time_latch_and_fewer_or_faster_do_not() {
    for (times, latched) in [
        (&[0, 25, 50][..], true),
        (&[0, 25, 49][..], false),
        (&[0, 50][..], false),
        (&[0, 1, 2, 50][..], true),
    ] {
        let mut desk = long(vec![patient()]);
        let start = desk.now;
        for &at in times {
            desk.advance(start.after(ms(at)));
            desk.mark(0, PLAIN, 800);
        }
        assert_eq!(is_latched(&desk), latched, "{times:?}");
    }
}

#[test]
fn a_good_mark_between_starts_the_count_over() {
    let mut desk = long(vec![patient()]);
    for px in [800, 800, 900, 800, 800] {
        desk.wait(ms(30));
        desk.mark(0, PLAIN, px);
    }
    assert!(!is_latched(&desk));
}

#[test]
fn marks_of_another_instrument_do_not_confirm() {
    let mut desk = long(vec![patient()]);
    desk.mark(0, PERP, 10_000);
    desk.fill(0, PERP, 10, 10_000, 0);
    desk.mark(0, PLAIN, 800);
    for _ in 0..20 {
        desk.wait(ms(20));
        desk.mark(0, PERP, 9_999);
    }
    assert!(!is_latched(&desk), "the loss is in the other one");
}

#[test]
fn half_a_second_of_trusted_breach_latches_by_timer() {
    let mut desk = long(vec![patient()]);
    desk.mark(0, PLAIN, 800);
    desk.wait(ms(499));
    assert!(!is_latched(&desk));
    desk.wait(ms(1));
    assert!(is_latched(&desk));
}

#[test]
fn an_untrusted_stretch_neither_counts_nor_resets() {
    let mut slow = limits(100_000 * E9, vec![patient()]);
    slow.instruments[usize::from(PERP)].band = Some(Bps(300));
    let mut desk = Desk::new(slow);
    desk.mark(0, PLAIN, 1_000);
    desk.mark(0, PERP, 10_000);
    desk.fill(0, PLAIN, 100, 1_000, 0);
    desk.fill(0, PERP, 10, 10_000, 0);
    desk.mark(0, PLAIN, 800);
    desk.wait(ms(400));
    desk.mark(0, PERP, 5_000);
    desk.wait(ms(3_000));
    assert!(!is_latched(&desk), "suspect");
    desk.mark(0, PERP, 10_000);
    desk.wait(ms(99));
    assert!(!is_latched(&desk));
    desk.wait(ms(1));
    assert!(is_latched(&desk));
}

#[test]
fn a_breach_nobody_can_trust_latches_after_its_own_time() {
    let mut desk = long(vec![patient()]);
    desk.engine = {
        let mut banded = limits(100_000 * E9, vec![patient()]);
        banded.instruments[usize::from(PLAIN)].band = Some(Bps(300));
        tripline::engine::Engine::new(banded, desk.now)
    };
    desk.mark(0, PLAIN, 1_000);
    desk.fill(0, PLAIN, 100, 1_000, 0);
    desk.mark(0, PLAIN, 500);
    assert_eq!(desk.state(0), TradingState::ReduceOnly);
    desk.wait(Nanos(60_000_000_000 - 1));
    assert!(!is_latched(&desk));
    desk.wait(Nanos(1));
    assert!(is_latched(&desk));
    assert_eq!(desk.taken(KILL)[0].reason, Reason::DrawdownUntrusted);
}

#[test]
fn a_position_without_any_mark_fails_closed() {
    let mut desk = Desk::with(100_000, vec![patient()]);
    desk.fill(0, PLAIN, 1, 1_000, 0);
    assert_eq!(desk.state(0), TradingState::ReduceOnly);
    assert_eq!(desk.taken(SOFT)[0].reason, Reason::NoMark);
    desk.mark(0, PLAIN, 1_000);
    desk.wait(ms(1_000));
    assert_eq!(desk.state(0), TradingState::Active);
    let mut flat = Desk::with(100_000, vec![patient()]);
    flat.fill(0, PLAIN, 1, 1_000, 0);
    flat.fill(0, PLAIN, -1, 1_000, 0);
    assert_eq!(flat.state(0), TradingState::Active, "flat needs no mark");
}

#[test]
fn one_spike_does_not_raise_the_peak() {
    let guard = DrawdownLimits { peak_n: 3, ..drawdown("kill") };
    let mut desk = long(vec![guard]);
    for px in [1_000, 1_000, 2_000, 1_000] {
        desk.mark(0, PLAIN, px);
    }
    assert_eq!(desk.engine.guard_row(0).unwrap().peak, Money(100_000 * E9));
    for px in [1_100, 1_200, 1_150] {
        desk.mark(0, PLAIN, px);
    }
    assert_eq!(desk.engine.guard_row(0).unwrap().peak, Money(110_000 * E9));
}

#[test]
fn a_closed_instrument_neither_raises_a_peak_nor_confirms() {
    let mut desk = long(vec![patient()]);
    desk.mark(0, PLAIN, 800);
    let state = |state| Event::InstrumentState { state, next_change_utc_ns: 0, t_venue: 0 };
    desk.say(0, PLAIN, Flags::empty(), state(InstrumentStatus::Halted));
    for px in [700, 5_000, 700] {
        desk.wait(ms(400));
        desk.mark(0, PLAIN, px);
    }
    assert!(!is_latched(&desk));
    assert_eq!(desk.engine.guard_row(0).unwrap().peak, Money(100_000 * E9));
    desk.say(0, PLAIN, Flags::empty(), state(InstrumentStatus::Open));
    desk.wait(ms(500));
    assert!(is_latched(&desk));
}

fn session(desk: &mut Desk, state: InstrumentStatus) {
    session_by(desk, 0, state);
}

fn session_by(desk: &mut Desk, book: u16, state: InstrumentStatus) {
    let event = Event::InstrumentState { state, next_change_utc_ns: 0, t_venue: 0 };
    desk.say(book, PLAIN, Flags::empty(), event);
}

#[test]
fn no_fill_and_no_mark_raises_a_peak_while_a_held_mark_values_a_position() {
    let peak = |desk: &Desk| desk.engine.guard_row(0).unwrap().peak.0 / E9;
    for closed in [InstrumentStatus::Halted, InstrumentStatus::Closed] {
        let mut desk = long(vec![drawdown("kill")]);
        desk.mark(0, PERP, 10_000);
        session(&mut desk, closed);
        desk.fill(0, PLAIN, 100, 500, 0);
        assert_eq!(desk.equity(0), 150_000 * E9, "on paper");
        assert_eq!(peak(&desk), 100_000);
        assert!(desk.engine.book_row(0).unwrap().trusted, "held is not untrusted");
        desk.mark(0, PLAIN, 2_000);
        desk.fill(0, PERP, 10, 10_000, 0);
        desk.mark(0, PERP, 20_000);
        desk.funding(0, 1, E9);
        assert_eq!(peak(&desk), 100_000, "nor does another instrument carry it");
        session(&mut desk, InstrumentStatus::Open);
        desk.wait(ms(1));
        desk.mark(0, PERP, 20_000);
        assert_eq!(peak(&desk), 100_000, "the mark is still the one from before");
        desk.mark(0, PLAIN, 1_000);
        assert_eq!(desk.equity(0) / E9, peak(&desk));
        assert!(peak(&desk) > 150_000, "the first mark after the opening is one to believe");
        assert!(!is_latched(&desk));
    }
    let mut flat = Desk::with(100_000, vec![drawdown("kill")]);
    flat.mark(0, PLAIN, 1_000);
    session(&mut flat, InstrumentStatus::Halted);
    flat.funding(0, 1, E9);
    assert_eq!(peak(&flat), 100_001, "nothing is held");
}

#[test]
fn marks_of_a_strategy_that_is_no_source_leave_the_account_as_it_is() {
    let guard = DrawdownLimits { scope: Scope::Account(0), ..drawdown("account") };
    let mut owned = limits(100_000 * E9, vec![guard]);
    owned.instruments[usize::from(PLAIN)].mark_sources = vec![0];
    let mut desk = Desk::new(owned);
    desk.mark(0, PLAIN, 1_000);
    desk.fill(0, PLAIN, 100, 1_000, 0);
    let before = desk.engine.guard_row(0).unwrap();
    for second in 0..20 {
        desk.wait(Nanos::from_secs(1));
        desk.mark(1, PLAIN, 1 + 500 * (second % 2));
        session_by(&mut desk, 1, InstrumentStatus::Closed);
    }
    assert_eq!(desk.engine.guard_row(0).unwrap(), before);
    assert_eq!(desk.engine.counters().ignored_marks, 40, "counted");
    assert!(
        !desk.engine.book_row(0).unwrap().trusted,
        "and the mark is stale, which a closed market's would not be"
    );
}

#[test]
fn while_one_market_is_closed_a_loss_in_another_latches() {
    let mut desk = long(vec![patient()]);
    desk.mark(0, PERP, 1_000_000);
    desk.fill(0, PERP, 10_000, 1_000_000, 0);
    session(&mut desk, InstrumentStatus::Closed);
    for (at, latched) in [(0, false), (25, false), (50, true)] {
        desk.wait(ms(if at == 0 { 0 } else { 25 }));
        desk.mark(0, PERP, 800_000);
        assert_eq!(is_latched(&desk), latched, "{at}");
    }
}

#[test]
fn a_roll_while_a_market_is_closed_anchors_at_what_was_trusted_last() {
    let guard = DrawdownLimits { anchor: Anchor::Session, ..drawdown("canary") };
    let mut desk = long(vec![guard]);
    desk.mark(0, PLAIN, 1_100);
    session(&mut desk, InstrumentStatus::Closed);
    desk.mark(0, PLAIN, 2_000);
    desk.wait(Nanos::from_secs(50_000));
    desk.sidecar(Event::Roll { session: 1, clock: 0 });
    assert_eq!(desk.engine.guard_row(0).unwrap().peak, Money(110_000 * E9));
}

#[test]
fn a_percentage_guard_without_equity_is_unarmed_and_halted_until_there_is_some() {
    let mut desk = Desk::with(0, vec![drawdown("kill")]);
    assert_eq!(desk.state(0), TradingState::Halted);
    assert!(!desk.engine.guard_row(0).unwrap().armed);
    desk.flow(0, 1, 50 * E9, FlowKind::Deposit);
    assert_eq!(desk.state(0), TradingState::Active);
    assert_eq!(desk.engine.guard_row(0).unwrap().peak, Money(50 * E9));
}

#[test]
fn a_reset_needs_the_nonce_of_this_halt_and_no_breach() {
    let mut desk = long(vec![drawdown("kill")]);
    assert_eq!(desk.command(CommandVerb::Reset, BOOK, KILL, 1, false).reason, Some(Reason::UnknownOrder));
    desk.mark(0, PLAIN, 850);
    let first = desk.nonce(BOOK, KILL);
    let refused = desk.command(CommandVerb::Reset, BOOK, KILL, first, false);
    assert_eq!((refused.verdict, refused.reason), (Verdict::Deny, Some(Reason::Drawdown)));
    assert_eq!((refused.measured, refused.limit), (1_500, 1_500));
    assert_eq!(
        desk.command(CommandVerb::Reset, BOOK, KILL, first ^ 1, true).reason,
        Some(Reason::EpochStale)
    );
    assert_eq!(desk.command(CommandVerb::Reset, BOOK, SOFT, 0, true).reason, Some(Reason::DrawdownSoft));
    assert_eq!(desk.command(CommandVerb::Reset, BOOK, KILL, first, true).verdict, Verdict::Pass);
    assert_eq!(desk.engine.guard_row(0).unwrap().peak, Money(85_000 * E9));
    desk.mark(0, PLAIN, 600);
    assert!(is_latched(&desk), "a second trip from the new peak");
    assert_ne!(desk.nonce(BOOK, KILL), first);
    assert_eq!(desk.command(CommandVerb::Reset, BOOK, KILL, first, true).reason, Some(Reason::EpochStale));
    assert_eq!(desk.engine.guard_row(0).unwrap().trips, 2);
}

#[test]
fn a_reset_that_keeps_the_peak_is_refused_while_the_breach_holds_on_either_valuation() {
    for (px, band, fee, refused) in [
        (849, None, 0, Some((Reason::Drawdown, 1_510))),
        (850, None, 0, Some((Reason::Drawdown, 1_500))),
        (850, None, -1, None),
        (851, None, 0, None),
        // Beyond the band: what the position may be worth still breaches, though nobody can trust it.
        (851, Some(400), 0, Some((Reason::DrawdownUntrusted, 0))),
        (790, Some(400), 0, Some((Reason::Drawdown, 2_100))),
    ] {
        let mut banded = limits(100_000 * E9, vec![drawdown("kill")]);
        banded.instruments[usize::from(PLAIN)].band = band.map(Bps);
        let mut desk = Desk::new(banded);
        desk.mark(0, PLAIN, 1_000);
        desk.fill(0, PLAIN, 100, 1_000, 0);
        desk.funding(0, 1, -15_000 * E9);
        desk.funding(0, 2, 15_000 * E9 - fee);
        assert!(is_latched(&desk));
        desk.mark(0, PLAIN, px);
        let nonce = desk.nonce(BOOK, KILL);
        let reply = desk.command(CommandVerb::Reset, BOOK, KILL, nonce, false);
        assert_eq!(reply.reason, refused.map(|(reason, _)| reason), "{px} {band:?} {fee}");
        assert_eq!(reply.measured, refused.map_or(0, |(_, measured)| measured), "{px} {band:?} {fee}");
        assert_eq!(is_latched(&desk), refused.is_some());
    }
}

#[test]
fn a_reset_of_one_guard_leaves_what_others_hold() {
    let tight = DrawdownLimits { limit: Some(Bps(1_000)), ..drawdown("tight") };
    let mut desk = long(vec![drawdown("kill"), tight]);
    desk.mark(0, PLAIN, 850);
    let (first, second) = (desk.nonce(BOOK, KILL), desk.nonce(BOOK, KILL + 2));
    for (scope, guard, nonce, rebase, reason) in [
        (BOOK, KILL, second, true, Some(Reason::EpochStale)),
        (Scope::Account(0), KILL, first, true, Some(Reason::UnknownOrder)),
        (BOOK, KILL + 4, first, true, Some(Reason::UnknownOrder)),
        (BOOK, KILL, first, false, Some(Reason::Drawdown)),
        (BOOK, KILL, first, true, None),
        (BOOK, KILL, first, true, Some(Reason::UnknownOrder)),
    ] {
        assert_eq!(
            desk.command(CommandVerb::Reset, scope, guard, nonce, rebase).reason,
            reason,
            "{scope} {guard}"
        );
        assert_eq!(desk.state(0), TradingState::Halted);
    }
    assert_eq!(desk.command(CommandVerb::Reset, BOOK, KILL + 2, second, true).reason, None);
    assert_eq!(desk.state(0), TradingState::ReduceOnly, "the soft causes are nobody's to reset");
    desk.mark(0, PLAIN, 850);
    desk.wait(ms(1_000));
    assert_eq!(desk.state(0), TradingState::Active);
}

#[test]
fn a_second_latch_shows_on_a_word_that_is_already_halted() {
    let mut desk = long(vec![drawdown("kill")]);
    desk.command(CommandVerb::Halt, BOOK, 0, 0, false);
    let before = desk.engine.word(WordId::Book(0));
    desk.mark(0, PLAIN, 850);
    let after = desk.engine.word(WordId::Book(0));
    assert_eq!((before.state, after.state), (TradingState::Halted, TradingState::Halted));
    assert!(after.epoch > before.epoch);
}

#[test]
fn a_session_guard_measures_from_the_open_and_a_roll_ends_its_latch_once_per_id() {
    let guard = DrawdownLimits { anchor: Anchor::Session, latch: Latch::Session, ..drawdown("canary") };
    let mut desk = long(vec![guard]);
    desk.mark(0, PLAIN, 1_100);
    assert_eq!(desk.engine.guard_row(0).unwrap().peak, Money(100_000 * E9), "no trailing");
    desk.sidecar(Event::Roll { session: 5, clock: 0 });
    assert_eq!(desk.engine.guard_row(0).unwrap().peak, Money(110_000 * E9));
    desk.mark(0, PLAIN, 935);
    assert!(is_latched(&desk));
    for session in [5, 4] {
        desk.sidecar(Event::Roll { session, clock: 0 });
        assert!(is_latched(&desk), "a session never opens twice");
    }
    desk.sidecar(Event::Roll { session: 6, clock: 0 });
    assert!(!is_latched(&desk));
    assert_eq!(desk.engine.guard_row(0).unwrap().peak, Money(93_500 * E9));
}

#[test]
fn each_guard_rolls_by_its_own_clock() {
    let guard = |clock| DrawdownLimits { anchor: Anchor::Session, clock, ..drawdown("canary") };
    let mut two = limits(100_000 * E9, vec![guard(0), guard(1)]);
    two.clocks = 2;
    let mut desk = Desk::new(two);
    desk.funding(0, 1, 10_000 * E9);
    let peaks = |desk: &Desk| [0, 1].map(|index| desk.engine.guard_row(index).unwrap().peak.0 / E9);
    for (session, clock, expected) in [
        (9, 2, [100_000, 100_000]),
        (9, u16::MAX, [100_000, 100_000]),
        (5, 1, [100_000, 110_000]),
        (4, 0, [110_000, 110_000]),
    ] {
        desk.sidecar(Event::Roll { session, clock });
        assert_eq!(peaks(&desk), expected, "{session} of {clock}");
    }
    desk.funding(0, 2, E9);
    for (session, clock) in [(5, 1), (4, 1), (4, 0), (0, 0)] {
        desk.sidecar(Event::Roll { session, clock });
        assert_eq!(peaks(&desk), [110_000, 110_000], "not newer");
    }
    assert_eq!(desk.engine.counters().unhandled, 2, "clocks nobody has");
}

#[test]
fn a_static_guard_stays_where_it_was_armed() {
    let mut desk = long(vec![DrawdownLimits { anchor: Anchor::Static, ..drawdown("kill") }]);
    desk.mark(0, PLAIN, 2_000);
    desk.mark(0, PLAIN, 851);
    assert!(!is_latched(&desk));
    desk.mark(0, PLAIN, 850);
    assert!(is_latched(&desk));
}

#[test]
fn a_realised_guard_does_not_look_at_marks() {
    let mut desk = long(vec![DrawdownLimits { basis: Basis::Realised, ..patient() }]);
    desk.mark(0, PLAIN, 1);
    desk.wait(Nanos::from_secs(100));
    assert_eq!(desk.engine.guard_row(0).unwrap().drawdown_bps, 0);
    desk.fill(0, PLAIN, -50, 700, 0);
    assert!(is_latched(&desk));
}

#[test]
fn guards_of_one_scope_do_not_un_halt_each_other() {
    let tight = DrawdownLimits { limit: Some(Bps(300)), latch: Latch::Session, ..drawdown("canary") };
    let mut desk = long(vec![tight, drawdown("kill")]);
    desk.mark(0, PLAIN, 840);
    assert!(desk.engine.guard_rows().all(|row| row.latched));
    desk.sidecar(Event::Roll { session: 1, clock: 0 });
    assert_eq!(desk.state(0), TradingState::Halted);
}

#[test]
fn accounts_and_strategies_are_the_sums_of_their_books() {
    let account = DrawdownLimits { scope: Scope::Account(0), ..drawdown("account") };
    let strategy = DrawdownLimits { scope: Scope::Strategy(1), ..drawdown("strategy") };
    let mut desk = Desk::with(100_000, vec![account, strategy]);
    desk.funding(0, 1, -20_000 * E9);
    assert!(desk.engine.guard_rows().all(|row| !row.latched));
    desk.funding(1, 1, -10_000 * E9);
    assert!(is_latched(&desk), "30 000 of 200 000");
    assert_eq!(desk.engine.word(WordId::Account(0)).state, TradingState::Halted);
    assert_eq!(desk.state(1), TradingState::Active);
    desk.funding(1, 2, -5_000 * E9);
    assert_eq!(desk.state(1), TradingState::Halted, "the strategy's guard folds into its books");
}

#[test]
fn a_warning_is_armed_again_ten_points_lower() {
    let mut desk = long(vec![drawdown("kill")]);
    for (px, warns, count) in
        [(881, false, 0), (880, true, 1), (890, true, 1), (895, true, 1), (896, false, 1), (880, true, 2)]
    {
        desk.mark(0, PLAIN, px);
        assert_eq!(desk.engine.guard_row(0).unwrap().warning, warns, "{px}");
        assert_eq!(desk.engine.counters().warnings, count);
    }
}

#[test]
fn a_clock_that_steps_back_stands_still() {
    let mut desk = long(vec![patient()]);
    desk.mark(0, PLAIN, 800);
    let then = desk.now;
    for back in [0, 1, 500_000_000, then.0] {
        desk.now = Nanos(then.0 - back);
        desk.mark(0, PERP, 10_000);
        assert!(!is_latched(&desk), "no time has passed");
    }
    desk.now = then;
    desk.wait(Nanos::from_secs(3_600));
    assert!(is_latched(&desk), "far forward");
}
