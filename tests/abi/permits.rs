//! COLD: permit mode from a C process on real shared memory, with a stand-in that answers by the order's id.

use std::process::Command;

use tripline::model::event::{DirectiveStatus, OrderId};
use tripline::model::verdict::{Directive, Task, Verdict, VerdictRecord};
use tripline::model::{Event, Flags, Leg, Message, Mode, Nanos, Reason, Scope, TradingState};
use tripline::shm::clock::monotonic;
use tripline::wire::answer::Answer;

use super::sidecar::{Seen, Sidecar, StandIn};
use super::toolchain::{Language, Scratch, at, compile, sanitizers, shared_library, static_library, succeed};

/// Epoch of the words, of which HALT_AND_PASS moves one on.
const EPOCH: u16 = 1;

fn answer(sidecar: &mut Sidecar, message: &Message, record: VerdictRecord) {
    let (position, handle) = (sidecar.position, message.handle);
    sidecar.answer(&Answer::Verdict { record, position, epoch: EPOCH, handle });
}

/// A verdict without reason, valid for a minute where it lets something through.
fn plain(message: &Message, verdict: Verdict) -> VerdictRecord {
    let (order, action) = match message.event {
        Event::OrderNew { order, .. } => (order.get(), 0),
        Event::OrderModify { order, .. } => (order.get(), 1),
        Event::OrderCancel { order, .. } => (order.get(), 2),
        _ => (0, 2),
    };
    let measured = monotonic().after(Nanos::from_secs(60)).0 as i64;
    VerdictRecord {
        order,
        verdict,
        action,
        reason: None,
        guard: 0,
        scope_kind: 0,
        measured,
        limit: 0,
        extra: 0,
    }
}

/// What the ids of orders in `permits.c` ask for.
fn react(sidecar: &mut Sidecar, message: &Message) {
    if let Event::OrderAck { order, .. } = message.event {
        return match order.get() {
            8 => send_directives(sidecar, message),
            11 => sidecar.set_lease(false),
            12 => sidecar.set_lease(true),
            other => panic!("permits.c tells {other}, which permits.rs does not know"),
        };
    }
    if !message.flags.contains(Flags::PERMIT) {
        return;
    }
    let pass = plain(message, Verdict::Pass);
    match pass.order {
        0 | 1 => answer(sidecar, message, pass),
        2 => {
            let (reason, guard, scope_kind) = (Some(Reason::MaxPosition), 3, 3);
            let (measured, limit, extra) = (-1, i64::MAX, u64::MAX);
            let deny = plain(message, Verdict::Deny);
            let deny = VerdictRecord { reason, guard, scope_kind, measured, limit, extra, ..deny };
            answer(sidecar, message, deny);
        }
        3 => {
            answer(sidecar, message, plain(message, Verdict::Queued));
            answer(sidecar, message, plain(message, Verdict::Released));
        }
        4 => (0..2).for_each(|_| answer(sidecar, message, pass)),
        5 => answer(sidecar, message, VerdictRecord { measured: monotonic().0 as i64, ..pass }),
        6 => {
            sidecar.store(Scope::Instrument(0, 0), TradingState::Active, Mode::Live, 2);
            answer(sidecar, message, pass);
        }
        7 => {}
        9 => {
            let exit = plain(message, Verdict::PassExit);
            answer(sidecar, message, VerdictRecord { extra: 17, ..exit });
        }
        10 => {
            let paper = plain(message, Verdict::Paper);
            answer(sidecar, message, VerdictRecord { reason: Some(Reason::PaperMode), ..paper });
        }
        other => panic!("permits.c requests {other}, which permits.rs does not know"),
    }
}

fn send_directives(sidecar: &mut Sidecar, message: &Message) {
    let (book, instrument) = (Scope::Book(0), Scope::Instrument(0, 0));
    let tasks = [
        Task::Cancel { order: 5, venue_key: u64::MAX },
        Task::CancelIncreasing { scope: book },
        Task::CancelAll { scope: book },
        Task::Flatten { scope: instrument, leg: Leg::Long, qty: -7 },
        Task::Revoke { directive: 4 },
    ];
    for (id, task) in (1..).zip(tasks) {
        // A deadline that C cannot hold reads as the last one it can.
        let (reason, epoch, deadline) = (Reason::Drawdown, u32::MAX, Nanos::NEVER);
        let directive = Directive { id, reason, epoch, task, deadline };
        sidecar.answer(&Answer::Directive { handle: message.handle, directive });
    }
}

/// Orders that were taken back, with the reason.
fn taken_back(seen: &Seen) -> Vec<(OrderId, u32)> {
    let not_sent = |message: &Message| match message.event {
        Event::NotSent { order, action: 0, cause } => Some((order, cause)),
        _ => None,
    };
    seen.events.iter().filter_map(not_sent).collect()
}

fn does_what_the_header_says(test: &str, arguments: Vec<String>) {
    let scratch = Scratch::new(test);
    let program = scratch.path(test);
    let flags = ["-std=gnu11"].map(str::to_owned);
    compile(Language::C, &at("tests/abi/permits.c"), &program, flags.into_iter().chain(arguments));
    let sidecar = StandIn::listen(test, react);
    succeed(Command::new(program).arg(sidecar.runtime_dir()), "it was just built");
    let seen = sidecar.finish().expect("the program attached");
    assert!(seen.left_in_order && !seen.lost);
    let dropped = [(5, Reason::Expired), (6, Reason::EpochStale), (7, Reason::LeaseExpired)];
    let dropped = dropped.map(|(order, cause)| (OrderId::new(order).expect("not zero"), cause as u32));
    assert_eq!(taken_back(&seen), dropped, "what the library dropped it took back, once");
    let acknowledged = seen.events.iter().filter_map(|message| match message.event {
        Event::DirectiveAck { directive, status: DirectiveStatus::Done, .. } => Some(directive),
        _ => None,
    });
    assert_eq!(acknowledged.collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

#[test]
fn a_client_in_permit_mode_does_what_the_header_says() {
    does_what_the_header_says("permits-shared", shared_library());
}

#[test]
fn a_client_of_the_static_library_in_permit_mode_does_what_the_header_says() {
    does_what_the_header_says("permits-static", static_library());
}

#[test]
fn a_client_in_permit_mode_does_what_the_header_says_under_the_sanitizers() {
    let flags = sanitizers(&Scratch::new("permits-probe"));
    does_what_the_header_says("permits-sanitized", [flags, shared_library()].concat());
}
