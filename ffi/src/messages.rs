//! Messages: poll, request, wait, permit.

use tripline::model::Nanos;
use tripline::model::verdict::{Directive, Task, Verdict, VerdictRecord};
use tripline::shm::client::{Client, ClientError};
use tripline::wire::answer::Answer;

use super::events::words_of;
use super::{TRIPLINE_ERR_NULL, TRIPLINE_OK, text, tripline_client, tripline_event, with_client};

/// `struct tripline_message`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[allow(non_camel_case_types, reason = "the name in the header")]
pub struct tripline_message {
    /// TRIPLINE_MESSAGE_*.
    pub kind: u8,
    /// STATE: TRIPLINE_STATE_*. VERDICT: TRIPLINE_VERDICT_*. DIRECTIVE: TRIPLINE_DIRECTIVE_*.
    pub state: u8,
    /// STATE: TRIPLINE_MODE_*. VERDICT: TRIPLINE_ACTION_*.
    pub mode: u8,
    /// Zero.
    pub reserved: u8,
    /// Reason code.
    pub reason: u16,
    /// VERDICT: the guard that decided.
    pub guard: u16,
    /// STATE: number of the transition. VERDICT: the order. DIRECTIVE: its id.
    pub id: u64,
    /// STATE: packed scope. VERDICT: kind of the scope. DIRECTIVE: packed scope or 0.
    pub scope: u64,
    /// STATE and DIRECTIVE: halt epoch. VERDICT: 0.
    pub epoch: u64,
    /// STATE: cause bits. VERDICT: deadline or measured value. DIRECTIVE: order or signed quantity.
    pub measured: i64,
    /// VERDICT: the limit. DIRECTIVE: its deadline.
    pub limit: i64,
    /// VERDICT: by verdict. DIRECTIVE: venue key or revoked directive.
    pub extra: u64,
    /// VERDICT: lane position of the request. DIRECTIVE: handle.
    pub position: u64,
}

const _: () = assert!(size_of::<tripline_message>() == 64);

/// Kind of a message that answers a request.
pub const TRIPLINE_MESSAGE_VERDICT: u8 = 1;
/// Kind of a message that tells of a state.
pub const TRIPLINE_MESSAGE_STATE: u8 = 2;

/// Kind of a message that asks for something to be done.
pub const TRIPLINE_MESSAGE_DIRECTIVE: u8 = 3;

/// The next message: 1 when `message` was filled, 0 when none waits, negative on failure.
///
/// # Safety
/// `client` as for the other calls; `message` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tripline_poll(client: *mut tripline_client, message: *mut tripline_message) -> i32 {
    // SAFETY: by contract null or valid.
    let Some(out) = (unsafe { message.as_mut() }) else { return text::fail(TRIPLINE_ERR_NULL) };
    // SAFETY: by contract of this function.
    unsafe { with_client(client, |attached| stored(attached.poll(), out)) }
}

/// Requests a verdict; its lane position goes to `position`.
///
/// # Safety
/// `client` as for the other calls; `event` and `position` are null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tripline_request(
    client: *mut tripline_client,
    event: *const tripline_event,
    position: *mut u64,
) -> i32 {
    // SAFETY: by contract null or valid.
    let Some(event) = (unsafe { event.as_ref() }) else { return text::fail(TRIPLINE_ERR_NULL) };
    let ask = |attached: &mut Client| attached.request_words(&words_of(event)?).map_err(text::told);
    // SAFETY: by contract of this function.
    unsafe {
        with_client(client, |attached| match ask(attached) {
            Ok(at) => {
                if let Some(out) = position.as_mut() {
                    *out = at;
                }
                TRIPLINE_OK
            }
            Err(code) => code,
        })
    }
}

/// Waits for the final verdict on a request: 1 when `message` was filled, 0 when the time is over, negative on failure.
///
/// # Safety
/// `client` as for the other calls; `message` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tripline_wait(
    client: *mut tripline_client,
    position: u64,
    timeout_ns: u64,
    message: *mut tripline_message,
) -> i32 {
    // SAFETY: by contract null or valid.
    let Some(out) = (unsafe { message.as_mut() }) else { return text::fail(TRIPLINE_ERR_NULL) };
    // SAFETY: by contract of this function.
    unsafe { with_client(client, |attached| stored(attached.wait(position, Nanos(timeout_ns)), out)) }
}

/// Requests and waits: 1 when what was asked may be sent, 0 when not, negative on failure.
///
/// # Safety
/// `client` as for the other calls; `event` and `message` are null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tripline_permit(
    client: *mut tripline_client,
    event: *const tripline_event,
    timeout_ns: u64,
    message: *mut tripline_message,
) -> i32 {
    // SAFETY: by contract null or valid.
    let (Some(event), Some(out)) = (unsafe { event.as_ref() }, unsafe { message.as_mut() }) else {
        return text::fail(TRIPLINE_ERR_NULL);
    };
    let mut permit = |attached: &mut Client| -> Result<i32, i32> {
        let words = words_of(event)?;
        match attached.permit_words(&words, Nanos(timeout_ns)) {
            Ok(answer) => {
                *out = message_of(answer);
                Ok(i32::from(may_send(&answer)))
            }
            Err(error) => {
                if let ClientError::TimedOut { position } = error {
                    *out = outstanding(position);
                }
                Err(text::told(error))
            }
        }
    };
    // SAFETY: by contract of this function.
    unsafe { with_client(client, |attached| permit(attached).unwrap_or_else(|code| code)) }
}

fn stored(answer: Result<Option<Answer>, ClientError>, out: &mut tripline_message) -> i32 {
    match answer {
        Ok(None) => 0,
        Ok(Some(answer)) => {
            *out = message_of(answer);
            1
        }
        Err(error) => text::told(error),
    }
}

fn may_send(answer: &Answer) -> bool {
    matches!(answer, Answer::Verdict { record, .. } if record.verdict.may_send())
}

/// What is known of a request that timed out.
fn outstanding(position: u64) -> tripline_message {
    tripline_message {
        kind: TRIPLINE_MESSAGE_VERDICT,
        state: Verdict::Queued as u8,
        position,
        ..tripline_message::default()
    }
}

fn message_of(answer: Answer) -> tripline_message {
    match answer {
        Answer::State { id, notice } => tripline_message {
            kind: TRIPLINE_MESSAGE_STATE,
            state: notice.state as u8,
            mode: notice.mode as u8,
            reason: notice.reason as u16,
            id,
            scope: notice.scope.to_raw(),
            epoch: u64::from(notice.epoch),
            measured: notice.causes as i64,
            ..tripline_message::default()
        },
        Answer::Verdict { record, position, .. } => {
            let VerdictRecord { order, verdict, action, reason, guard, scope_kind, measured, limit, extra } =
                record;
            tripline_message {
                kind: TRIPLINE_MESSAGE_VERDICT,
                state: verdict as u8,
                mode: action,
                reserved: 0,
                reason: reason.map_or(0, |reason| reason as u16),
                guard,
                id: order,
                scope: u64::from(scope_kind),
                epoch: 0,
                measured,
                limit,
                extra,
                position,
            }
        }
        Answer::Directive { handle, directive } => {
            let Directive { id, reason, epoch, task, deadline } = directive;
            let (scope, measured, extra) = match task {
                Task::Cancel { order, venue_key } => (0, order as i64, venue_key),
                Task::CancelIncreasing { scope } | Task::CancelAll { scope } => (scope.to_raw(), 0, 0),
                Task::Flatten { scope, leg, qty } => (scope.to_raw(), qty, leg as u64),
                Task::Snapshot { what } => (0, i64::from(what), 0),
                Task::Resize { order, qty } => (0, order as i64, qty as u64),
                Task::Revoke { directive } => (0, 0, directive),
            };
            tripline_message {
                kind: TRIPLINE_MESSAGE_DIRECTIVE,
                state: task.kind() as u8,
                reason: reason as u16,
                id,
                scope,
                epoch: u64::from(epoch),
                measured,
                limit: i64::try_from(deadline.0).unwrap_or(i64::MAX),
                extra,
                position: u64::from(handle.0),
                ..tripline_message::default()
            }
        }
        _ => tripline_message::default(),
    }
}
