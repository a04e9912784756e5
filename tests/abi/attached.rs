//! COLD: a C process on real shared memory: every function does what the header says, in the thread that attached, in
//! another one, and in a forked child.

use std::process::Command;

use tripline::model::verdict::{StateNotice, Verdict, VerdictRecord};
use tripline::model::{Event, Handle, Message, Mode, Reason, Scope, TradingState};
use tripline::wire::answer::Answer;

use super::sidecar::{Sidecar, StandIn};
use super::toolchain::{Language, Scratch, at, compile, sanitizers, shared_library, static_library, succeed};

/// What the DEPLOY events of `attached.c` ask for, by their id.
fn react(sidecar: &mut Sidecar, message: &Message) {
    let Event::Deploy { id } = message.event else { return };
    let (account, book) = (Scope::Account(0), Scope::Book(0));
    let instrument = Scope::Instrument(0, 0);
    match id {
        1 => {
            sidecar.store(instrument, TradingState::Halted, Mode::Live, 41);
            let (state, mode) = (TradingState::Halted, Mode::Live);
            let notice = StateNotice {
                scope: instrument,
                state,
                mode,
                reason: Reason::Drawdown,
                epoch: 41,
                causes: 4,
            };
            sidecar.answer(&Answer::State { id: 7, notice });
        }
        2 => {
            let (verdict, reason) = (Verdict::Deny, Some(Reason::MaxPosition));
            let (measured, limit, extra) = (-1, i64::MAX, u64::MAX);
            let record = VerdictRecord {
                order: 5,
                verdict,
                action: 2,
                reason,
                guard: 3,
                scope_kind: 3,
                measured,
                limit,
                extra,
            };
            sidecar.answer(&Answer::Verdict { record, position: 6, epoch: 0, handle: Handle(0) });
        }
        3 => sidecar.answer_words(&[0, 200, 1, 2, 3, 4, 5, 6]),
        4 => sidecar.consumes = false,
        5 => {
            for scope in [account, book, instrument] {
                sidecar.store(scope, TradingState::Active, Mode::Live, 42);
            }
        }
        6 => {
            sidecar.store(account, TradingState::Active, Mode::Paper, 41);
            sidecar.store(book, TradingState::Active, Mode::Live, 41);
            sidecar.store(instrument, TradingState::Active, Mode::Live, 41);
        }
        7 => {
            sidecar.store(instrument, TradingState::Active, Mode::Live, 41);
            sidecar.store(book, TradingState::ReduceOnly, Mode::Live, 41);
        }
        other => panic!("attached.c asks for {other}, which attached.rs does not know"),
    }
}

fn does_what_the_header_says(test: &str, arguments: Vec<String>) {
    let scratch = Scratch::new(test);
    let program = scratch.path(test);
    let flags = ["-std=gnu11", "-pthread"].map(str::to_owned);
    compile(Language::C, &at("tests/abi/attached.c"), &program, flags.into_iter().chain(arguments));
    let sidecar = StandIn::listen(test, react);
    succeed(Command::new(program).arg(sidecar.runtime_dir()), "it was just built");
    let seen = sidecar.finish().expect("the program attached");
    assert!(seen.left_in_order, "detach says goodbye");
    assert!(seen.lost, "a full lane sets the lost word");
    assert!(seen.beats > 3, "polling and heartbeats are signs of life: {}", seen.beats);
    let marks = seen.events.iter().filter(|message| matches!(message.event, Event::Mark { .. })).count();
    assert_eq!(marks, 6, "{:#?}", seen.events);
    let epoch_with = |id| {
        let asks = |message: &&Message| matches!(message.event, Event::Deploy { id: found } if found == id);
        seen.events.iter().find(asks).map(|message| message.epoch)
    };
    assert_eq!(epoch_with(1), Some(1), "an event carries the epoch its writer had seen");
    assert_eq!(epoch_with(7), Some(41), "the epoch of the halt that gate and poll have shown");
    assert_eq!(epoch_with(4), Some(42), "the epoch of the words after it");
}

#[test]
fn an_attached_client_does_what_the_header_says() {
    does_what_the_header_says("attached-shared", shared_library());
}

#[test]
fn an_attached_client_of_the_static_library_does_what_the_header_says() {
    does_what_the_header_says("attached-static", static_library());
}

#[test]
fn an_attached_client_does_what_the_header_says_under_the_sanitizers() {
    let flags = sanitizers(&Scratch::new("attached-probe"));
    does_what_the_header_says("attached-sanitized", [flags, shared_library()].concat());
}
