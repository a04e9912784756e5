//! Publish, and signs of life.

use tripline::shm::client::Client;
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

const _: () = assert!(size_of::<tripline_event>() == 48);

impl tripline_event {
    fn words(&self) -> Words {
        let header = u64::from(self.kind) | u64::from(self.flags) << 8 | u64::from(self.handle) << 32;
        [0, header, self.a, self.b, self.c, self.d, self.e, 0]
    }
}

/// The words of an event from C.
pub(crate) fn words_of(event: &tripline_event) -> Result<Words, i32> {
    if event.reserved != 0 {
        text::remember(&"tripline_event.reserved must be 0");
        return Err(TRIPLINE_ERR_ARGUMENT);
    }
    Ok(event.words())
}

fn publish(client: &mut Client, event: &tripline_event) -> Result<u64, i32> {
    client.publish_words(&words_of(event)?).map_err(text::told)
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
