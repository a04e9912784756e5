//! Liveness, caps, commands, and who may say what.

mod support;

use support::desk::*;
use tripline::engine::{Source, WordId, guard};
use tripline::model::event::{CommandVerb, HeartbeatClass, LivenessSign};
use tripline::model::verdict::Verdict;
use tripline::model::{
    Event, Flags, Handle, Latch, Lots, Message, Money, Nanos, Reason, Scope, Ticks, TradingState,
};

const BOOK: Scope = Scope::Book(0);
const STRATEGY: Scope = Scope::Strategy(0);

/// Strategies that must beat once a second.
fn watched() -> Desk {
    let mut limits = limits(1_000 * E9, vec![]);
    limits.strategies.iter_mut().for_each(|strategy| strategy.heartbeat = Nanos::from_secs(1));
    Desk::new(limits)
}

#[test]
fn a_new_engine_is_active_with_epoch_one() {
    let desk = watched();
    for (id, word) in desk.engine.words() {
        assert_eq!((word.state, word.epoch), (TradingState::Active, 1), "{id:?}");
    }
    assert_eq!(desk.engine.words().count(), 2 + 3 + 8);
    assert_eq!(desk.engine.word(WordId::Book(9)).state, TradingState::Halted, "no such book");
}

#[test]
fn a_halt_is_idempotent_and_each_scope_closes_its_words() {
    let scopes = [
        (Scope::Firm, vec![WordId::Account(0), WordId::Account(1)]),
        (Scope::Account(1), vec![WordId::Account(1)]),
        (STRATEGY, vec![WordId::Book(0), WordId::Book(2)]),
        (BOOK, vec![WordId::Book(0)]),
        (Scope::Instrument(0, SPOT), vec![WordId::Instrument(0, SPOT)]),
    ];
    for (scope, closed) in scopes {
        let mut desk = watched();
        assert_eq!(desk.command(CommandVerb::Halt, scope, 0, 0, false).verdict, Verdict::Pass);
        for (id, word) in desk.engine.words() {
            let expected = if closed.contains(&id) { TradingState::Halted } else { TradingState::Active };
            assert_eq!(word.state, expected, "{scope} {id:?}");
        }
        assert_eq!(desk.engine.epoch(), 2);
        assert_eq!(desk.command(CommandVerb::Halt, scope, 0, 0, false).verdict, Verdict::Pass);
        assert_eq!(desk.command(CommandVerb::Reduce, scope, 0, 0, false).verdict, Verdict::Pass);
        assert_eq!((desk.engine.epoch(), desk.transitions.len()), (2, 1));
        let nonce = desk.nonce(scope, guard::OPERATOR);
        assert_eq!(
            desk.command(CommandVerb::Reset, scope, guard::OPERATOR, nonce, false).verdict,
            Verdict::Pass
        );
        assert!(desk.engine.words().all(|(_, word)| word.state == TradingState::Active));
        assert_eq!(desk.engine.epoch(), 2, "loosening keeps the epoch");
    }
}

#[test]
fn a_reduce_becomes_a_halt_with_a_new_nonce() {
    let mut desk = watched();
    desk.command(CommandVerb::Reduce, BOOK, 0, 0, false);
    assert_eq!(desk.state(0), TradingState::ReduceOnly);
    let nonce = desk.nonce(BOOK, guard::OPERATOR);
    desk.command(CommandVerb::Halt, BOOK, 0, 0, false);
    assert_eq!(desk.state(0), TradingState::Halted);
    let stale = desk.command(CommandVerb::Reset, BOOK, guard::OPERATOR, nonce, false);
    assert_eq!(stale.reason, Some(Reason::EpochStale));
    assert_eq!(desk.engine.cause_count(), 1);
}

#[test]
fn commands_nobody_can_carry_out_are_denied() {
    let mut desk = watched();
    for scope in [Scope::Book(77), Scope::Account(9), Scope::Strategy(9), Scope::Instrument(0, 99)] {
        assert_eq!(desk.command(CommandVerb::Halt, scope, 0, 0, false).verdict, Verdict::Deny);
    }
    let answer = desk.command(CommandVerb::Scale, BOOK, 0, 0, false);
    assert_eq!((answer.verdict, answer.reason), (Verdict::Deny, Some(Reason::LiveRefused)));
    for guard in [0, 8, 63, 64, u16::MAX] {
        assert_eq!(desk.command(CommandVerb::Reset, BOOK, guard, 0, true).verdict, Verdict::Deny);
    }
    assert_eq!(desk.transitions.len(), 0);
}

#[test]
fn a_command_from_a_lane_halts_its_strategy() {
    let mut desk = watched();
    let event = Event::Command {
        id: 1,
        scope: BOOK,
        verb: CommandVerb::Reset,
        rebase: 1,
        guard: 64,
        actor: 0,
        nonce: 0,
        acks: 0,
    };
    desk.say(0, PLAIN, Flags::empty(), event);
    assert_eq!(desk.reply, None);
    assert_eq!(desk.state(0), TradingState::Halted);
    assert_eq!(desk.transitions[0].reason, Reason::Corrupt);
}

#[test]
fn a_handle_that_was_not_granted_to_the_lane_halts_its_strategy() {
    for handle in [
        Handle(0),
        Handle::new(1, 0, Some(PLAIN)),
        Handle::new(0, 7, Some(PLAIN)),
        Handle::new(0, 0, Some(99)),
    ] {
        let mut desk = watched();
        let event = Event::Deploy { id: 1 };
        let message = Message { flags: Flags::empty(), epoch: 0, handle, event };
        desk.apply(Source::Lane { lane: 0, strategy: 0, position: 0 }, &message);
        assert_eq!(desk.state(0), TradingState::Halted, "{handle:?}");
    }
    let mut desk = watched();
    let message = Message {
        flags: Flags::empty(),
        epoch: 0,
        handle: Handle::new(1, 1, None),
        event: Event::Deploy { id: 1 },
    };
    desk.apply(Source::Lane { lane: 1, strategy: 1, position: 0 }, &message);
    assert_eq!(desk.state(1), TradingState::Halted, "strategy two has no book on that account");
}

/// 255 for strategies and the operator's.
#[test]
fn the_last_of_256_lanes_works_like_any_other() {
    let mut wide = limits(1_000 * E9, vec![]);
    wide.capacity.lanes = 255 + 1;
    let mut desk = Desk::new(wide);
    desk.sidecar(Event::Lane { lane: 255, strategy: 0, open: 1, generation: 1 });
    let message = |lane| Message {
        flags: Flags::empty(),
        epoch: 0,
        handle: Handle::new(lane, 0, Some(PLAIN)),
        event: Event::Fill { order: 0, exec: 1, px: Ticks(10), qty: Lots(1), fee: 0 },
    };
    desk.apply(Source::Lane { lane: 255, strategy: 0, position: 0 }, &message(255));
    assert_eq!((desk.engine.position(0, PLAIN), desk.engine.cause_count()), (1, 0));
    desk.apply(Source::Lane { lane: 256, strategy: 0, position: 0 }, &message(0));
    assert_eq!(desk.transitions[0].reason, Reason::Corrupt, "a number that no handle carries");
}

#[test]
#[should_panic(expected = "at most 256 lanes")]
fn more_lanes_than_a_handle_tells_apart_are_a_programmers_mistake() {
    let mut wide = limits(1_000 * E9, vec![]);
    wide.capacity.lanes = 257;
    Desk::new(wide);
}

#[test]
fn groups_apply_with_their_last_record_and_a_broken_one_halts() {
    let mut desk = watched();
    let fill = Event::Fill { order: 0, exec: 1, px: Ticks(10), qty: Lots(1), fee: 0 };
    desk.say(0, PLAIN, Flags::MORE, fill);
    assert_eq!(desk.engine.position(0, PLAIN), 0);
    desk.say(
        0,
        PLAIN,
        Flags::empty(),
        Event::Fill { order: 0, exec: 2, px: Ticks(10), qty: Lots(5), fee: 0 },
    );
    assert_eq!(desk.state(0), TradingState::Halted);
    assert_eq!(desk.engine.position(0, PLAIN), 5, "what came instead is booked all the same");
    let mut stray = watched();
    stray.fill_at(0, PLAIN, 3, 1, 10, 0, 0, 5);
    assert_eq!(stray.state(0), TradingState::Active);
    let rest =
        Event::OrderExt { order: id(1), trigger_px: Ticks(0), expiry_utc_ns: 0, quote_cost: 0, parent: 0 };
    stray.say(0, PLAIN, Flags::empty(), rest);
    assert_eq!(stray.state(0), TradingState::Halted);
    let mut more = watched();
    more.say(0, PLAIN, Flags::MORE, Event::Deploy { id: 1 });
    assert_eq!(more.state(0), TradingState::Halted);
}

#[test]
fn silence_longer_than_the_timeout_trips_and_beats_clear_it_after_recovery() {
    let mut desk = watched();
    let start = desk.now;
    desk.advance(Nanos(start.0 + 1_000_000_000));
    assert_eq!((desk.state(0), desk.state(1)), (TradingState::Active, TradingState::Active));
    assert_eq!(desk.engine.next_deadline(), Nanos(start.0 + 1_000_000_001));
    desk.advance(Nanos(start.0 + 1_000_000_001));
    assert_eq!((desk.state(0), desk.state(1)), (TradingState::Halted, TradingState::Halted));
    let trip = desk.taken(guard::HEARTBEAT)[0];
    assert_eq!((trip.reason, trip.latch, trip.nonce), (Reason::Heartbeat, Latch::Auto, 0));
    for beat in 1..=10 {
        desk.liveness(0, LivenessSign::Alive, beat);
        desk.wait(ms(500));
        assert_eq!(desk.state(0), TradingState::Halted, "beat {beat}");
    }
    desk.liveness(0, LivenessSign::Alive, 11);
    assert_eq!((desk.state(0), desk.state(1)), (TradingState::Active, TradingState::Halted));
}

#[test]
fn a_gap_longer_than_the_timeout_starts_the_recovery_over() {
    let mut desk = watched();
    desk.wait(ms(1_001));
    let mut beat = 0;
    for gap in [400_000_000, 400_000_000, 1_000_000_001, 900_000_000, 1_000_000_000, 900_000_000]
        .into_iter()
        .chain([900_000_000, 900_000_000, 399_000_000])
    {
        beat += 1;
        desk.liveness(0, LivenessSign::Alive, beat);
        desk.wait(Nanos(gap));
    }
    desk.liveness(0, LivenessSign::Alive, beat + 1);
    assert_eq!(desk.state(0), TradingState::Halted);
    desk.wait(ms(1));
    desk.liveness(0, LivenessSign::Alive, beat + 2);
    assert_eq!(desk.state(0), TradingState::Active);
}

#[test]
fn a_beat_must_advance_its_counter() {
    let mut desk = watched();
    let beat = |counter| Event::Heartbeat { source: 0, class: HeartbeatClass::Work, counter };
    desk.liveness(0, LivenessSign::Alive, 5);
    desk.say(0, PLAIN, Flags::empty(), beat(7));
    for _ in 0..4 {
        desk.wait(ms(400));
        desk.liveness(0, LivenessSign::Alive, 5);
        desk.say(0, PLAIN, Flags::empty(), beat(7));
    }
    assert_eq!(desk.state(0), TradingState::Halted);
}

#[test]
fn a_stall_of_the_sidecar_is_no_evidence_about_the_client() {
    let mut desk = watched();
    desk.wait(ms(500));
    desk.now = desk.now.after(ms(3_000));
    desk.sidecar(Event::Stall { duration: ms(3_000) });
    desk.wait(ms(500));
    assert_eq!(desk.state(0), TradingState::Active);
    desk.wait(Nanos(1));
    assert_eq!(desk.state(0), TradingState::Halted);
}

#[test]
fn a_clean_close_leaves_nothing_and_a_dead_client_leaves_a_latch() {
    let mut desk = watched();
    for lane in [0, 1] {
        desk.sidecar(Event::Lane { lane, strategy: lane, open: 0, generation: 1 });
    }
    desk.wait(Nanos::from_secs(100));
    assert_eq!(desk.engine.cause_count(), 0);
    for (sign, reason) in [
        (LivenessSign::HangUp, Reason::ClientDead),
        (LivenessSign::ProcessExited, Reason::ClientDead),
        (LivenessSign::Lost, Reason::Gap),
        (LivenessSign::Corrupt, Reason::Corrupt),
        (LivenessSign::Lag, Reason::Lag),
    ] {
        let mut desk = watched();
        desk.liveness(0, sign, 0);
        desk.sidecar(Event::Lane { lane: 0, strategy: 0, open: 0, generation: 1 });
        desk.sidecar(Event::Lane { lane: 0, strategy: 0, open: 1, generation: 2 });
        assert_eq!(desk.taken(guard::CLIENT)[0].reason, reason);
        assert_eq!(desk.state(0), TradingState::Halted, "until a reset");
        assert_eq!(
            desk.engine.book_row(0).unwrap().trusted,
            !matches!(sign, LivenessSign::Lost | LivenessSign::Corrupt)
        );
        let nonce = desk.nonce(STRATEGY, guard::CLIENT);
        desk.command(CommandVerb::Reset, STRATEGY, guard::CLIENT, nonce, false);
        assert_eq!(desk.state(0), TradingState::Active);
        assert!(desk.engine.book_row(0).unwrap().trusted);
    }
}

#[test]
fn lost_or_corrupt_events_of_a_client_that_is_already_halted_make_its_books_unsound() {
    for (first, then, reason, upgrades) in [
        (LivenessSign::Lag, LivenessSign::Lost, Reason::Gap, true),
        (LivenessSign::Lag, LivenessSign::Corrupt, Reason::Corrupt, true),
        (LivenessSign::HangUp, LivenessSign::Lost, Reason::Gap, true),
        (LivenessSign::ProcessExited, LivenessSign::Corrupt, Reason::Corrupt, true),
        (LivenessSign::Lost, LivenessSign::Lag, Reason::Gap, false),
        (LivenessSign::Lost, LivenessSign::HangUp, Reason::Gap, false),
        (LivenessSign::Corrupt, LivenessSign::Lost, Reason::Corrupt, false),
    ] {
        let mut desk = watched();
        desk.liveness(0, first, 0);
        let (nonce, epoch) = (desk.nonce(STRATEGY, guard::CLIENT), desk.engine.epoch());
        let word = desk.engine.word(WordId::Book(0));
        desk.taken(guard::CLIENT);
        for _ in 0..2 {
            desk.liveness(0, then, 0);
        }
        let told = desk.taken(guard::CLIENT);
        assert_eq!(told.len(), usize::from(upgrades), "{first:?} then {then:?}: once");
        assert!(!desk.engine.book_row(0).unwrap().trusted, "{first:?} then {then:?}");
        assert_eq!(desk.engine.cause_count(), 1);
        assert_eq!(desk.engine.cause_row(0).unwrap().reason, Some(reason));
        assert_eq!(desk.nonce(STRATEGY, guard::CLIENT) != nonce, upgrades);
        assert_eq!(desk.engine.epoch() > epoch, upgrades);
        assert_eq!(desk.engine.word(WordId::Book(0)) != word, upgrades, "the second halt shows on the word");
        assert_eq!(desk.state(0), TradingState::Halted);
        let nonce = desk.nonce(STRATEGY, guard::CLIENT);
        desk.command(CommandVerb::Reset, STRATEGY, guard::CLIENT, nonce, false);
        assert_eq!(desk.state(0), TradingState::Active);
        assert!(desk.engine.book_row(0).unwrap().trusted);
    }
}

#[test]
fn a_rejected_record_halts_the_strategy_of_its_lane() {
    let mut desk = watched();
    desk.sidecar(Event::RejectedRecord { lane: 1, code: 3, position: 9, header: 0 });
    assert_eq!((desk.state(0), desk.state(1)), (TradingState::Active, TradingState::Halted));
}

#[test]
fn a_position_beyond_its_limit_reduces_only_until_it_is_back() {
    let mut capped = limits(1_000_000 * E9, vec![]);
    capped.books[0].max_position = Some(Lots(10));
    let mut desk = Desk::new(capped);
    for (qty, state) in [
        (9, TradingState::Active),
        (1, TradingState::Active),
        (1, TradingState::ReduceOnly),
        (-1, TradingState::Active),
        (-20, TradingState::Active),
        (-1, TradingState::ReduceOnly),
    ] {
        desk.fill(0, PLAIN, qty, 10, 0);
        assert_eq!(desk.state(0), state, "{qty}");
    }
    let trip = desk.taken(guard::POSITION)[0];
    assert_eq!((trip.measured, trip.limit, trip.reason), (11, 10, Reason::MaxPosition));
    desk.fill(0, PERP, 11, 10, 0);
    desk.fill(0, PLAIN, 11, 10, 0);
    assert_eq!(desk.state(0), TradingState::ReduceOnly, "the other one is still beyond");
}

#[test]
fn an_order_beyond_its_cap_reduces_only_until_a_reset() {
    for (qty, px, reason) in [
        (10, 100, None),
        (11, 1, Some(Reason::MaxQty)),
        (10, 101, Some(Reason::MaxNotional)),
        (1, 0, Some(Reason::NoMark)),
    ] {
        let mut capped = limits(1_000_000 * E9, vec![]);
        capped.books[0].max_order_qty = Some(Lots(10));
        capped.books[0].max_order_notional = Some(Money(1_000 * E9));
        let mut desk = Desk::new(capped);
        desk.order(0, PLAIN, 1, qty, px);
        assert_eq!(desk.transitions.first().map(|transition| transition.reason), reason);
        let state = if reason.is_some() { TradingState::ReduceOnly } else { TradingState::Active };
        assert_eq!(desk.state(0), state);
        assert!(desk.transitions.iter().all(|transition| transition.latch == Latch::Sticky));
    }
}

#[test]
fn an_order_after_a_halt_is_a_straggler_or_a_violation_by_what_its_writer_knew() {
    let mut desk = watched();
    desk.fill(0, PLAIN, 5, 10, 0);
    desk.command(CommandVerb::Reduce, BOOK, 0, 0, false);
    let epoch = desk.engine.epoch() as u16;
    let mut order = 0;
    let mut send = |desk: &mut Desk, epoch: u16, qty: i64| {
        order += 1;
        let handle = Handle::new(0, 0, Some(PLAIN));
        let message = Message { flags: side(qty), epoch, handle, event: order_new(order, qty, 10) };
        desk.apply(Source::Lane { lane: 0, strategy: 0, position: 0 }, &message);
        (desk.engine.counters().stragglers, desk.engine.counters().violations)
    };
    assert_eq!(send(&mut desk, epoch - 1, 1), (1, 0));
    assert_eq!(send(&mut desk, epoch, 1), (1, 1));
    assert_eq!(send(&mut desk, epoch + 1, 1), (1, 2));
    assert_eq!(send(&mut desk, epoch, -5), (1, 2), "it only reduces");
    assert_eq!(send(&mut desk, epoch, -6), (1, 3), "it would flip");
    desk.command(CommandVerb::Halt, BOOK, 0, 0, false);
    assert_eq!(send(&mut desk, epoch, -5), (1, 4), "halted, and it saw the word close");
    let nonce = desk.nonce(BOOK, guard::OPERATOR);
    desk.command(CommandVerb::Reset, BOOK, guard::OPERATOR, nonce, false);
    assert_eq!(send(&mut desk, 0, 1), (1, 4), "nothing is closed");
}

#[test]
fn an_order_later_than_the_lease_after_its_word_closed_is_a_violation_whatever_its_writer_saw() {
    for (lease, late, counted) in [
        (Some(ms(5)), Nanos(0), (1, 0)),
        (Some(ms(5)), ms(5), (1, 0)),
        (Some(ms(5)), Nanos(5_000_001), (0, 1)),
        (None, Nanos::from_secs(1_000), (1, 0)),
    ] {
        let mut desk = Desk::with(1_000, vec![]);
        if let Some(lease) = lease {
            desk.engine.set_lease(lease);
        }
        desk.wait(ms(50));
        let seen = desk.engine.epoch() as u16;
        desk.command(CommandVerb::Reduce, BOOK, 0, 0, false);
        desk.wait(late);
        // A second latch of the same word neither extends nor restarts it.
        desk.command(CommandVerb::Halt, BOOK, 0, 0, false);
        let handle = Handle::new(0, 0, Some(PLAIN));
        let message = Message { flags: side(1), epoch: seen, handle, event: order_new(1, 1, 10) };
        desk.apply(Source::Lane { lane: 0, strategy: 0, position: 0 }, &message);
        let counters = desk.engine.counters();
        assert_eq!((counters.stragglers, counters.violations), counted, "{late:?}");
    }
}

#[test]
fn harmless_kinds_are_counted_and_change_nothing() {
    let mut desk = watched();
    for event in [
        Event::Deploy { id: 1 },
        Event::StrategyStatus { bits: 0, work: 0 },
        Event::Gauge { gauge: 1, value: 1, samples: 1, t_venue: 0 },
    ] {
        desk.say(0, PLAIN, Flags::empty(), event);
    }
    assert_eq!(desk.engine.counters().unhandled, 3);
    assert_eq!(desk.engine.cause_count(), 0);
}

#[test]
fn no_record_can_make_the_engine_panic() {
    use tripline::wire::record::decode;
    let extremes = [0, 1, 2, 7, u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) - 1, 1 << 32, 0xffff, 0x1_0001];
    let mut guards = vec![drawdown("kill")];
    guards[0].limit_abs = Some(Money(i128::MAX));
    let mut limits = limits(i128::MAX / 4, guards);
    for instrument in &mut limits.instruments {
        (instrument.allow_negative, instrument.multiplier_e9) = (true, i64::MAX);
    }
    limits.books.iter_mut().for_each(|book| book.max_order_notional = Some(Money(1)));
    let mut desk = Desk::new(limits);
    let mut seed = 1_u64;
    let mut applied = 0;
    for round in 0..400_000_u64 {
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize
        };
        let (kind, _) = Event::KINDS[next() % Event::KINDS.len()];
        let handle = Handle::new(0, (next() % 2) as u16, Some((next() % 4) as u16));
        let flags = if next() % 4 == 0 { next() as u64 & 0xcf } else { next() as u64 & 0x01 };
        let header = u64::from(kind) | flags << 8 | u64::from(handle.0) << 32;
        let mut words = [0, header, 0, 0, 0, 0, 0, 0];
        words[2..7].iter_mut().for_each(|word| *word = extremes[next() % extremes.len()]);
        let Ok(message) = decode(&words) else { continue };
        applied += 1;
        let source = match next() % 4 {
            0 => Source::Sidecar,
            1 => Source::Operator,
            _ => Source::Lane { lane: 0, strategy: 0, position: 0 },
        };
        let now = if round % 1_000 == 999 { Nanos(u64::MAX - round) } else { Nanos(round) };
        desk.engine.apply(now, source, &message);
        let due = desk.engine.next_deadline();
        if due != Nanos::NEVER && round % 3 == 0 {
            let event = Event::Timer { due };
            let timer = Message { flags: Flags::empty(), epoch: 0, handle: Handle(0), event };
            desk.engine.apply(now, Source::Sidecar, &timer);
        }
        if round % 5_000 == 0 {
            // A fresh engine, so that what has halted does not hide the rest.
            let limits = desk.engine.limits().clone();
            desk = Desk::new(limits);
        }
    }
    assert!(applied > 20_000, "{applied}");
    assert_eq!(desk.engine.guard_rows().count() + desk.engine.book_rows().count(), 4);
}
