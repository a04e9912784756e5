//! COLD: a stand-in that answers requests as their price says, for the tests of the libraries of every language.
//!
//! | price | answer |
//! |---|---|
//! | 0 | DENY, MAX_POSITION, 11 against 10, 5 would pass |
//! | 1, 2, 3, 7 | PASS, PASS_EXIT with 70 left, PAPER, EXIT_UNVERIFIED |
//! | 4 | none |
//! | 5, 6 | QUEUED for 500 ns, then RELEASED, or DROPPED, EXPIRED, after 600 |
//! | 8 | PASS whose deadline has passed |
//! | 9 | PASS, and a halt since |
//!
//! Cancels pass. DEPLOY with a low word of 1 sends every directive, of 2 lets the lease run out, of 3 opens the gate;
//! any other releases the request of the order in its high word, at the position in its low word.

use tripline::model::event::OrderId;
use tripline::model::verdict::{Directive, Task, Verdict, VerdictRecord};
use tripline::model::{Event, Flags, Leg, Message, Mode, Nanos, Reason, Scope, Ticks, TradingState};
use tripline::shm::clock::monotonic;
use tripline::wire::answer::Answer;

use crate::sidecar::Sidecar;

const SECOND: u64 = 1_000_000_000;
const BOOK: Scope = Scope::Book(0);

/// Answers a request, or does what a DEPLOY event asks for.
pub(crate) fn answer_requests(sidecar: &mut Sidecar, message: &Message) {
    if !message.flags.contains(Flags::PERMIT) {
        if let Event::Deploy { id } = message.event {
            obey(sidecar, message, id);
        }
        return;
    }
    let (order, action, px) = match message.event {
        Event::OrderNew { order, px, .. } => (order.get(), 0, px),
        Event::OrderModify { order, px, .. } => (order.get(), 1, px),
        Event::OrderCancel { order, .. } => (order.get(), 2, Ticks(1)),
        Event::OrderCancelAll { .. } => (0, 2, Ticks(1)),
        _ => return,
    };
    if px == Ticks(9) {
        // Before the verdict, so that whoever reads it sees the halt.
        sidecar.store(BOOK, TradingState::Halted, Mode::Live, 2);
    }
    let until = (monotonic().0 + 60 * SECOND) as i64;
    let plain = VerdictRecord {
        order,
        verdict: Verdict::Pass,
        action,
        reason: None,
        guard: 0,
        scope_kind: 0,
        measured: until,
        limit: 0,
        extra: 0,
    };
    let queued = VerdictRecord { verdict: Verdict::Queued, measured: 0, extra: 500, ..plain };
    let answers = match px.0 {
        0 => vec![VerdictRecord {
            verdict: Verdict::Deny,
            reason: Some(Reason::MaxPosition),
            guard: 3,
            scope_kind: 3,
            measured: 11,
            limit: 10,
            extra: 5,
            ..plain
        }],
        1 => vec![plain],
        2 => vec![VerdictRecord { verdict: Verdict::PassExit, extra: 70, ..plain }],
        3 => vec![VerdictRecord { verdict: Verdict::Paper, reason: Some(Reason::PaperMode), ..plain }],
        5 => vec![queued, VerdictRecord { verdict: Verdict::Released, extra: 600, ..plain }],
        6 => {
            let (verdict, reason) = (Verdict::Dropped, Some(Reason::Expired));
            vec![queued, VerdictRecord { verdict, reason, measured: 0, extra: 600, ..plain }]
        }
        7 => {
            let (verdict, reason) = (Verdict::ExitUnverified, Some(Reason::ExitUnverified));
            vec![VerdictRecord { verdict, reason, measured: 0, ..plain }]
        }
        8 => vec![VerdictRecord { measured: monotonic().0 as i64, ..plain }],
        9 => vec![plain],
        _ => vec![],
    };
    for record in answers {
        tell(sidecar, message, record, sidecar.position, 1);
    }
}

fn tell(sidecar: &mut Sidecar, message: &Message, record: VerdictRecord, position: u64, epoch: u16) {
    sidecar.answer(&Answer::Verdict { record, position, epoch, handle: message.handle });
}

fn obey(sidecar: &mut Sidecar, message: &Message, id: u64) {
    match id as u32 {
        1 => directives(sidecar, message),
        2 => sidecar.set_lease(false),
        3 => sidecar.store(BOOK, TradingState::Active, Mode::Live, 1),
        position => {
            let record = VerdictRecord {
                order: OrderId::new(id >> 32).map_or(0, OrderId::get),
                verdict: Verdict::Released,
                action: 0,
                reason: None,
                guard: 0,
                scope_kind: 0,
                measured: i64::MAX,
                limit: 0,
                extra: 600,
            };
            tell(sidecar, message, record, position.into(), 1);
        }
    }
}

fn directives(sidecar: &mut Sidecar, message: &Message) {
    let tasks = [
        Task::Cancel { order: 4, venue_key: u64::MAX },
        Task::CancelIncreasing { scope: BOOK },
        Task::CancelAll { scope: BOOK },
        Task::Flatten { scope: Scope::Instrument(0, 0), leg: Leg::Long, qty: -70 },
        Task::Revoke { directive: 4 },
    ];
    for (id, task) in (1..).zip(tasks) {
        let directive =
            Directive { id, reason: Reason::Drawdown, epoch: 2, task, deadline: Nanos(90 * SECOND) };
        sidecar.answer(&Answer::Directive { handle: message.handle, directive });
    }
}
