//! Publish and poll.

use tripline::model::verdict::VerdictRecord;
use tripline::shm::client::Client;
use tripline::wire::answer::Answer;
use tripline::wire::record::Words;

use super::{
    TRIPLINE_ERR_ARGUMENT, TRIPLINE_ERR_NULL, TRIPLINE_OK, codes, text, tripline_client, with_client,
};

/// `struct tripline_event`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[allow(non_camel_case_types, reason = "the name in the header")]
pub struct tripline_event {
    /// TRIPLINE_EVENT_*.
    pub kind: u8,
    /// TRIPLINE_FLAG_*, or presence bits for MARK and BOOK.
    pub flags: u8,
    /// Zero.
    pub reserved: u16,
    /// From the target.
    pub handle: u32,
    /// Payload word a.
    pub a: u64,
    /// Payload word b.
    pub b: u64,
    /// Payload word c.
    pub c: u64,
    /// Payload word d.
    pub d: u64,
    /// Payload word e.
    pub e: u64,
}

/// `struct tripline_message`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[allow(non_camel_case_types, reason = "the name in the header")]
pub struct tripline_message {
    /// TRIPLINE_MESSAGE_*.
    pub kind: u8,
    /// STATE: TRIPLINE_STATE_*. VERDICT: TRIPLINE_VERDICT_*.
    pub state: u8,
    /// STATE: TRIPLINE_MODE_*. VERDICT: the request it answers.
    pub mode: u8,
    /// Zero.
    pub reserved: u8,
    /// Reason code.
    pub reason: u16,
    /// VERDICT: the guard that decided.
    pub guard: u16,
    /// STATE: number of the transition. VERDICT: the order.
    pub id: u64,
    /// STATE: packed scope. VERDICT: kind of the scope.
    pub scope: u64,
    /// STATE: halt epoch. VERDICT: 0.
    pub epoch: u64,
    /// STATE: cause bits. VERDICT: measured value.
    pub measured: i64,
    /// VERDICT: the limit.
    pub limit: i64,
    /// VERDICT: by verdict.
    pub extra: u64,
    /// VERDICT: lane position of the request.
    pub position: u64,
}

const _: () = assert!(size_of::<tripline_event>() == 48 && size_of::<tripline_message>() == 64);

/// Kind of a message that answers a request.
pub const TRIPLINE_MESSAGE_VERDICT: u8 = 1;
/// Kind of a message that tells of a state.
pub const TRIPLINE_MESSAGE_STATE: u8 = 2;

impl tripline_event {
    fn words(&self) -> Words {
        let header = u64::from(self.kind) | u64::from(self.flags) << 8 | u64::from(self.handle) << 32;
        [0, header, self.a, self.b, self.c, self.d, self.e, 0]
    }
}

fn publish(client: &mut Client, event: &tripline_event) -> Result<u64, i32> {
    if event.reserved != 0 {
        text::remember(&"tripline_event.reserved must be 0");
        return Err(TRIPLINE_ERR_ARGUMENT);
    }
    client.publish_words(&event.words()).map_err(|error| {
        text::remember(&error);
        codes::of_client(error)
    })
}

/// Publishes one event.
///
/// # Safety
/// `client` as for the other calls; `event` is null or valid; `position` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tripline_publish(
    client: *mut tripline_client,
    event: *const tripline_event,
    position: *mut u64,
) -> i32 {
    // SAFETY: by contract null or valid.
    let Some(event) = (unsafe { event.as_ref() }) else { return text::fail(TRIPLINE_ERR_NULL) };
    // SAFETY: by contract of this function.
    unsafe {
        with_client(client, |attached| match publish(attached, event) {
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

/// Publishes events in order; stops at the first that fails.
///
/// # Safety
/// `client` as for the other calls; `events` points to `count` events; `published` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tripline_publish_many(
    client: *mut tripline_client,
    events: *const tripline_event,
    count: u64,
    published: *mut u64,
) -> i32 {
    let mut done = 0;
    let code = if events.is_null() && count != 0 {
        text::fail(TRIPLINE_ERR_NULL)
    } else {
        // SAFETY: by contract `events` points to `count` events.
        unsafe {
            with_client(client, |attached| {
                while done < count {
                    if let Err(code) = publish(attached, &*events.add(done as usize)) {
                        return code;
                    }
                    done += 1;
                }
                TRIPLINE_OK
            })
        }
    };
    // SAFETY: by contract null or valid.
    if let Some(out) = unsafe { published.as_mut() } {
        *out = done;
    }
    code
}

/// How many events can be published now without TRIPLINE_ERR_FULL.
///
/// # Safety
/// `client` as for the other calls; `slots` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tripline_free_slots(client: *mut tripline_client, slots: *mut u64) -> i32 {
    // SAFETY: by contract null or valid.
    let Some(out) = (unsafe { slots.as_mut() }) else { return text::fail(TRIPLINE_ERR_NULL) };
    // SAFETY: by contract of this function.
    unsafe {
        with_client(client, |attached| match attached.free_slots() {
            Ok(free) => {
                *out = free;
                TRIPLINE_OK
            }
            Err(error) => text::fail(codes::of_client(error)),
        })
    }
}

/// The position the next event gets, and the position up to which the sidecar has applied events.
///
/// # Safety
/// `client` as for the other calls; `next` and `applied` are null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tripline_positions(
    client: *mut tripline_client,
    next: *mut u64,
    applied: *mut u64,
) -> i32 {
    // SAFETY: by contract of this function.
    unsafe {
        with_client(client, |attached| {
            let positions = attached.positions();
            if let Some(out) = next.as_mut() {
                *out = positions.0;
            }
            if let Some(out) = applied.as_mut() {
                *out = positions.1;
            }
            TRIPLINE_OK
        })
    }
}

/// A sign of life.
///
/// # Safety
/// `client` as for the other calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tripline_heartbeat(client: *mut tripline_client) -> i32 {
    // SAFETY: by contract of this function.
    unsafe {
        with_client(client, |attached| match attached.heartbeat() {
            Ok(()) => TRIPLINE_OK,
            Err(error) => text::fail(codes::of_client(error)),
        })
    }
}

/// The next message: 1 when `message` was filled, 0 when none waits, negative on failure.
///
/// # Safety
/// `client` as for the other calls; `message` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tripline_poll(client: *mut tripline_client, message: *mut tripline_message) -> i32 {
    // SAFETY: by contract null or valid.
    let Some(out) = (unsafe { message.as_mut() }) else { return text::fail(TRIPLINE_ERR_NULL) };
    // SAFETY: by contract of this function.
    unsafe {
        with_client(client, |attached| match attached.poll() {
            Ok(None) => 0,
            Ok(Some(answer)) => {
                *out = message_of(answer);
                1
            }
            Err(error) => text::fail(codes::of_client(error)),
        })
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
        _ => tripline_message::default(),
    }
}
