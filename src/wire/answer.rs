//! Records of a return ring: verdicts and directives, 64 bytes each.
//!
//! Word 1 carries the kind (136 or 137, as in the journal), the low bits of the epoch it was decided in, and the
//! handle it is about; w7 of a verdict is the lane position of its request.

use super::record::Words;
use crate::model::verdict::{Directive, DirectiveKind, StateNotice, Task, Verdict, VerdictRecord};
use crate::model::{Handle, Leg, Mode, Nanos, Reason, Scope, TradingState};

/// Kind of a verdict record.
pub const VERDICT_KIND: u8 = 136;
/// Kind of a directive or notice.
pub const DIRECTIVE_KIND: u8 = 137;
const STATE: u64 = 16;

/// What the sidecar says to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// The answer to a request or command.
    Verdict {
        /// The answer.
        record: VerdictRecord,
        /// Lane position of the request.
        position: u64,
        /// Low bits of the epoch it was decided in.
        epoch: u16,
        /// What the request named; 0 in the answer to a command.
        handle: Handle,
    },
    /// Something to do.
    Directive {
        /// What it is about.
        handle: Handle,
        /// What to do.
        directive: Directive,
    },
    /// A scope changed state.
    State {
        /// Counts transitions.
        id: u64,
        /// What changed.
        notice: StateNotice,
    },
}

impl Answer {
    /// As the words of a slot; w0 is the ring's.
    #[must_use]
    pub fn to_words(&self) -> Words {
        match *self {
            Self::Verdict { record, position, epoch, handle } => [
                0,
                u64::from(VERDICT_KIND) | u64::from(epoch) << 16 | u64::from(handle.0) << 32,
                record.order,
                record.verdict as u64
                    | u64::from(record.action) << 8
                    | record.reason.map_or(0, |reason| reason as u64) << 16
                    | u64::from(record.guard) << 32
                    | u64::from(record.scope_kind) << 48,
                record.measured as u64,
                record.limit as u64,
                record.extra,
                position,
            ],
            Self::Directive { handle, directive } => {
                let (c, d) = task_words(&directive.task);
                let reason = directive.reason as u64;
                let kind = directive.task.kind() as u64;
                let header = u64::from(DIRECTIVE_KIND) | u64::from(handle.0) << 32;
                let b = kind | reason << 16 | u64::from(directive.epoch) << 32;
                [0, header, directive.id, b, c, d, directive.deadline.0, 0]
            }
            Self::State { id, notice } => [
                0,
                u64::from(DIRECTIVE_KIND),
                id,
                STATE | (notice.reason as u64) << 16 | u64::from(notice.epoch) << 32,
                notice.scope.to_raw() | (notice.state as u64) << 48 | (notice.mode as u64) << 56,
                notice.causes,
                0,
                0,
            ],
        }
    }

    /// From the words of a slot; `None` when they are no answer this version knows.
    #[must_use]
    pub fn from_words(words: &Words) -> Option<Self> {
        let [_, header, a, b, c, d, e, w7] = *words;
        match header as u8 {
            VERDICT_KIND => Some(Self::Verdict {
                record: VerdictRecord {
                    order: a,
                    verdict: Verdict::from_u8(b as u8)?,
                    action: (b >> 8) as u8,
                    reason: Reason::from_u16((b >> 16) as u16),
                    guard: (b >> 32) as u16,
                    scope_kind: (b >> 48) as u16,
                    measured: c as i64,
                    limit: d as i64,
                    extra: e,
                },
                position: w7,
                epoch: (header >> 16) as u16,
                handle: Handle((header >> 32) as u32),
            }),
            DIRECTIVE_KIND if b as u8 as u64 == STATE => Some(Self::State {
                id: a,
                notice: StateNotice {
                    scope: Scope::from_raw(c & 0xffff_ffff_ffff)?,
                    state: TradingState::from_u8((c >> 48) as u8)?,
                    mode: Mode::from_u8((c >> 56) as u8)?,
                    reason: Reason::from_u16((b >> 16) as u16)?,
                    epoch: (b >> 32) as u32,
                    causes: d,
                },
            }),
            DIRECTIVE_KIND => Some(Self::Directive {
                handle: Handle((header >> 32) as u32),
                directive: Directive {
                    id: a,
                    reason: Reason::from_u16((b >> 16) as u16)?,
                    epoch: (b >> 32) as u32,
                    task: task_of(DirectiveKind::from_u8(b as u8)?, c, d)?,
                    deadline: Nanos(e),
                },
            }),
            _ => None,
        }
    }
}

fn task_words(task: &Task) -> (u64, u64) {
    match *task {
        Task::Cancel { order, venue_key } => (order, venue_key),
        Task::CancelIncreasing { scope } | Task::CancelAll { scope } => (scope.to_raw(), 0),
        Task::Flatten { scope, leg, qty } => (scope.to_raw() | (leg as u64) << 48, qty as u64),
        Task::Snapshot { what } => (u64::from(what), 0),
        Task::Resize { order, qty } => (order, qty as u64),
        Task::Revoke { directive } => (directive, 0),
    }
}

fn task_of(kind: DirectiveKind, c: u64, d: u64) -> Option<Task> {
    Some(match kind {
        DirectiveKind::Cancel => Task::Cancel { order: c, venue_key: d },
        DirectiveKind::CancelIncreasing => Task::CancelIncreasing { scope: Scope::from_raw(c)? },
        DirectiveKind::CancelAll => Task::CancelAll { scope: Scope::from_raw(c)? },
        DirectiveKind::Flatten => Task::Flatten {
            scope: Scope::from_raw(c & 0xffff_ffff_ffff)?,
            leg: u8::try_from(c >> 48).ok().and_then(Leg::from_u8)?,
            qty: d as i64,
        },
        DirectiveKind::Snapshot => Task::Snapshot { what: u32::try_from(c).ok()? },
        DirectiveKind::Resize => Task::Resize { order: c, qty: d as i64 },
        DirectiveKind::Revoke => Task::Revoke { directive: c },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_survive_their_words() {
        let verdict = Answer::Verdict {
            record: VerdictRecord {
                order: 5,
                verdict: Verdict::Deny,
                action: 1,
                reason: Some(Reason::Drawdown),
                guard: 64,
                scope_kind: 1,
                measured: -1,
                limit: 1500,
                extra: 9,
            },
            position: 77,
            epoch: u16::MAX,
            handle: Handle(u32::MAX),
        };
        let directive = |task| Answer::Directive {
            handle: Handle::new(3, 1, None),
            directive: Directive {
                id: 9,
                reason: Reason::Drawdown,
                epoch: 7,
                task,
                deadline: Nanos(u64::MAX),
            },
        };
        let state = Answer::State {
            id: 3,
            notice: StateNotice {
                scope: Scope::Instrument(1, 2),
                state: TradingState::ReduceOnly,
                mode: Mode::Live,
                reason: Reason::MarkStale,
                epoch: u32::MAX,
                causes: 4,
            },
        };
        let tasks = [
            Task::Cancel { order: 1, venue_key: u64::MAX },
            Task::CancelIncreasing { scope: Scope::Book(2) },
            Task::CancelAll { scope: Scope::Book(2) },
            Task::Flatten { scope: Scope::Instrument(0, 4), leg: Leg::Net, qty: i64::MIN },
            Task::Flatten { scope: Scope::Instrument(u16::MAX, 4), leg: Leg::Long, qty: -1 },
            Task::Flatten { scope: Scope::Instrument(0, u16::MAX), leg: Leg::Short, qty: 1 },
            Task::Resize { order: 3, qty: i64::MAX },
            Task::Revoke { directive: 8 },
        ];
        for answer in tasks.into_iter().map(directive).chain([verdict, state]) {
            assert_eq!(Answer::from_words(&answer.to_words()), Some(answer));
        }
        assert_eq!(Answer::from_words(&[0; 8]), None);
    }
}
