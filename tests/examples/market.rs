//! What the stand-in answers to the example strategies: the price of an event decides, so that every form meets the same.

use std::cell::Cell;

use tripline::model::event::{Intent, TimeInForce};
use tripline::model::verdict::{Directive, StateNotice, Task, Verdict, VerdictRecord};
use tripline::model::{Event, Flags, Leg, Message, Mode, Nanos, Reason, Scope, Ticks, TradingState};
use tripline::shm::clock::monotonic;
use tripline::wire::answer::Answer;

use crate::sidecar::Sidecar;

const ACCOUNT: Scope = Scope::Account(0);
const BOOK: Scope = Scope::Book(0);
const INSTRUMENT: Scope = Scope::Instrument(0, 0);
const MINUTE: u64 = 60_000_000_000;

fn turn(sidecar: &mut Sidecar, state: TradingState, reason: Reason, epoch: u32) {
    sidecar.store(ACCOUNT, state, Mode::Live, epoch);
    let notice = StateNotice { scope: ACCOUNT, state, mode: Mode::Live, reason, epoch, causes: 1 };
    sidecar.answer(&Answer::State { id: epoch.into(), notice });
}

fn direct(sidecar: &mut Sidecar, message: &Message, id: u64, task: Task, deadline: u64) {
    let directive = Directive { id, reason: Reason::Drawdown, epoch: 2, task, deadline: Nanos(deadline) };
    sidecar.answer(&Answer::Directive { handle: message.handle, directive });
}

fn in_a_minute() -> u64 {
    monotonic().0 + MINUTE
}

fn flatten(qty: i64) -> Task {
    Task::Flatten { scope: INSTRUMENT, leg: Leg::Net, qty }
}

/// Gates: the price of a mark sets the words, an order at 10 030 closes the gate itself, at 9 600 the position is to be
/// flattened.
pub(crate) fn gate(sidecar: &mut Sidecar, message: &Message) {
    match message.event {
        Event::Mark { mark: Some(px), .. } => match px.0 {
            10_010 => sidecar.store(ACCOUNT, TradingState::Active, Mode::Paper, 1),
            10_020 => turn(sidecar, TradingState::ReduceOnly, Reason::MaxPosition, 2),
            10_030 => sidecar.store(ACCOUNT, TradingState::Active, Mode::Live, 2),
            10_035 => turn(sidecar, TradingState::Halted, Reason::Drawdown, 4),
            9_600 => direct(sidecar, message, 1, flatten(-10), in_a_minute()),
            _ => {}
        },
        Event::OrderNew { px: Ticks(10_030), .. } => {
            sidecar.store(ACCOUNT, TradingState::Halted, Mode::Live, 3);
        }
        Event::OrderNew { order, .. } if message.flags.contains(Flags::PERMIT) => {
            answer(sidecar, message, order.get(), 0, Verdict::PassExit, None);
        }
        _ => {}
    }
}

thread_local! {
    /// The request that is answered too late: its order and position. Each stand-in has a thread of its own.
    static LATE: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// Permits: the price of a request decides its verdict, that of a mark which directives are sent.
pub(crate) fn permit(sidecar: &mut Sidecar, message: &Message) {
    match message.event {
        Event::Mark { mark: Some(px), .. } => on_mark(sidecar, message, px.0),
        Event::OrderCancel { order, .. } if message.flags.contains(Flags::PERMIT) => {
            answer(sidecar, message, order.get(), 2, Verdict::Pass, None);
        }
        Event::OrderNew { order, attrs, px, .. } => {
            let (verdict, reason) = match px.0 {
                _ if attrs.intent == Intent::Exit => (Verdict::PassExit, None),
                10_010 => (Verdict::Released, None),
                10_020 => (Verdict::Deny, Some(Reason::MaxPosition)),
                10_030 => (Verdict::Dropped, Some(Reason::Expired)),
                10_040 => (Verdict::Paper, Some(Reason::PaperMode)),
                10_050 => {
                    LATE.set((order.get(), sidecar.position));
                    (Verdict::Queued, None)
                }
                _ => (Verdict::Pass, None),
            };
            answer(sidecar, message, order.get(), 0, verdict, reason);
            if attrs.tif == TimeInForce::Gtc && px == Ticks(9_000) {
                let task = Task::Cancel { order: order.get(), venue_key: 0 };
                direct(sidecar, message, 1, task, in_a_minute());
            }
        }
        _ => {}
    }
}

fn on_mark(sidecar: &mut Sidecar, message: &Message, px: i64) {
    match px {
        10_060 => {
            let (order, position) = LATE.get();
            let now = sidecar.position;
            sidecar.position = position;
            answer(sidecar, message, order, 0, Verdict::Released, None);
            sidecar.position = now;
        }
        9_510 => {
            direct(sidecar, message, 2, Task::Revoke { directive: 1 }, in_a_minute());
            direct(sidecar, message, 3, flatten(-20), monotonic().0 - 1);
            direct(sidecar, message, 4, Task::CancelIncreasing { scope: BOOK }, in_a_minute());
            direct(sidecar, message, 5, Task::CancelAll { scope: BOOK }, in_a_minute());
            direct(sidecar, message, 6, flatten(-10), in_a_minute());
            direct(sidecar, message, 7, flatten(-20), in_a_minute());
        }
        9_400 => sidecar.set_lease(false),
        _ => {}
    }
}

/// Answers the request at the position that is reacted to.
fn answer(
    sidecar: &mut Sidecar,
    message: &Message,
    order: u64,
    action: u8,
    verdict: Verdict,
    reason: Option<Reason>,
) {
    let measured = if verdict.may_send() || verdict == Verdict::Paper { in_a_minute() as i64 } else { 0 };
    let record = VerdictRecord {
        order,
        verdict,
        action,
        reason,
        guard: 0,
        scope_kind: 0,
        measured,
        limit: 0,
        extra: 0,
    };
    let position = sidecar.position;
    sidecar.answer(&Answer::Verdict { record, position, epoch: 1, handle: message.handle });
}
