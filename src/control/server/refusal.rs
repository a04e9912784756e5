//! COLD: why the engine refused a command, for people: the reason, the numbers in its unit, and what to do.

use axum::http::StatusCode;

use super::problem::Problem;
use crate::control::clock;
use crate::control::desk::Request;
use crate::control::report::{Reading, readings};
use crate::engine::Limits;
use crate::model::event::CommandVerb;
use crate::model::verdict::{Verdict, VerdictRecord};
use crate::model::{Acks, Nanos, Reason};

const LOOK: &str = "tripline status shows what holds now and the line that ends it";

/// The problem of a command that was denied. A nonce of another halt is a failed precondition, anything else a
/// conflict.
pub(super) fn refused(limits: &Limits, request: &Request, record: &VerdictRecord) -> Problem {
    debug_assert_ne!(record.verdict, Verdict::Pass);
    let Some(reason) = record.reason else {
        return conflict("refused", "the engine refused: nothing there to change", LOOK);
    };
    let code = reason.as_str();
    match reason {
        Reason::Approval => disagreed(record),
        Reason::EpochStale => {
            let title = "the nonce is not that of the present halt";
            Problem::new(StatusCode::PRECONDITION_FAILED, code, title, LOOK)
        }
        Reason::UnknownOrder if request.verb == CommandVerb::Resume => {
            let title = "nothing on that scope waits for a resume: it was resumed already, or never cooled down there";
            conflict(code, title, LOOK)
        }
        Reason::UnknownOrder if request.verb == CommandVerb::Reduce => {
            let title = "only error-rate can be forced open, and there is no such breaker on that scope";
            conflict(code, title, "name an account or a book that has one, or reduce without --guard")
        }
        Reason::UnknownOrder if request.verb == CommandVerb::Adopt => {
            let title = "no snapshot since the last match or adoption has another position there";
            conflict(code, title, "name an instrument:ACCOUNT/NAME that is halted by reconcile")
        }
        Reason::Reconciling => {
            let title = "trades were booked since that snapshot, and may be the very difference";
            conflict(code, title, "wait for the next snapshot, then look at tripline status again")
        }
        Reason::PositionMismatch if request.verb == CommandVerb::Adopt => {
            let (measured, limit) = numbers(limits, request, record);
            let title = format!("it would enlarge the account's position from {measured} to {limit}");
            conflict(code, title, "add --confirm if that is what the venue really has")
        }
        Reason::UnknownOrder => {
            let title =
                "that guard holds nothing on that scope: it was reset already, or never tripped there";
            conflict(code, title, LOOK)
        }
        Reason::LiveRefused if request.verb == CommandVerb::Mode => {
            let title = format!("{} of its causes still hold, so it is not put live", record.measured);
            conflict(code, title, LOOK)
        }
        _ if still_cools(request, record) => {
            let left = clock::age_text(Nanos(record.measured.unsigned_abs()));
            let title = format!("the cool-down is not over: {left} left ({reason})");
            conflict(code, title, "wait until it is over; only then a resume, or a reset, ends it")
        }
        Reason::Drawdown => {
            let (measured, limit) = numbers(limits, request, record);
            let title = format!("the breach still holds: measured {measured}, limit {limit}");
            conflict(
                code,
                title,
                "wait until it has passed, or add --rebase to measure from the equity of today",
            )
        }
        Reason::DrawdownUntrusted => {
            let title = "equity cannot be trusted now, so it cannot become the new peak";
            let hint = "let the strategy that publishes the marks attach and publish fresh ones, then repeat";
            conflict(code, title, hint)
        }
        _ => {
            let (measured, limit) = numbers(limits, request, record);
            conflict(code, format!("the engine refused: {reason} (measured {measured}, limit {limit})"), LOOK)
        }
    }
}

/// What is missing of two people who agree.
fn disagreed(record: &VerdictRecord) -> Problem {
    let code = Reason::Approval.as_str();
    if record.limit == i64::from(Acks::all().count()) {
        let title =
            "so much was lost that two approvers have to agree, and to acknowledge what they have looked at";
        let words: Vec<String> = Acks::WORDS.iter().map(|word| format!("--ack {word}")).collect();
        return conflict(code, title, &format!("add {} where it is true", words.join(" ")));
    }
    if record.measured > 0 {
        let title = "agreed: so much was lost that another approver has to give the same command";
        return conflict(
            code,
            title,
            "within 15 minutes, with this nonce, and with --rebase only if this had it",
        );
    }
    let title = "so much was lost that two approvers have to agree, and you are none";
    conflict(code, title, "the users of approval.approvers are")
}

fn conflict(code: &str, title: impl Into<String>, hint: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, code, title, hint)
}

/// A cool-down that still runs is refused with what is left of it in nanoseconds, against a limit of 0. Nothing else
/// refuses a resume with a number, and causes that are not latched, which refuse a reset with theirs, have a limit.
fn still_cools(request: &Request, record: &VerdictRecord) -> bool {
    let has_one = match request.verb {
        CommandVerb::Resume => true,
        CommandVerb::Reset => cools_down(record.reason),
        _ => false,
    };
    has_one && record.measured > 0 && record.limit == 0
}

/// The reasons of causes with a cool-down.
fn cools_down(reason: Option<Reason>) -> bool {
    matches!(
        reason,
        Some(Reason::ErrorRate | Reason::Consecutive | Reason::DuplicateFingerprint | Reason::Banned)
    )
}

fn numbers(limits: &Limits, request: &Request, record: &VerdictRecord) -> (String, String) {
    let reading = Reading {
        scope: Some(request.scope),
        guard: u64::from(request.guard),
        reason: record.reason,
        measured: record.measured,
        limit: record.limit,
    };
    readings(limits, &reading)
}
