//! The C ABI: `libtripline.so` and `libtripline.a`. `include/tripline.h` is its specification.
//!
//! A thin layer over [`tripline::shm::client`]: pointers are checked, panics are caught at the boundary, errors
//! become numbers, and nothing is decided here. Every function that takes a client also works on the zeros that a
//! forked child sees in its place: gates read HALTED, everything else answers TRIPLINE_ERR_CLOSED.

#![allow(unsafe_code)]
#![allow(unreachable_pub, reason = "also compiled into the program, for the strategy of its demonstration")]

mod attach;
mod codes;
mod events;
mod messages;
mod text;

pub use attach::*;
pub use codes::*;
pub use events::*;
#[allow(unused_imports, reason = "the strategy of the demonstration reads none")]
pub use messages::*;
pub use text::*;

use std::panic::{AssertUnwindSafe, catch_unwind};

use tripline::model::Handle;
use tripline::shm::client::{Client, Target};
use tripline::shm::gate::GateOffsets;
use tripline::shm::view::View;
use tripline::sync::Ordering;

/// `struct tripline_client`: the view, of which C sees the first words.
#[allow(non_camel_case_types, reason = "the name in the header")]
pub type tripline_client = View;

/// `struct tripline_target`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[allow(non_camel_case_types, reason = "the name in the header")]
pub struct tripline_target {
    /// Names account and instrument in events.
    pub handle: u32,
    /// Byte offset of the account's line in the gate page.
    pub account_at: u32,
    /// Byte offset of the book's word.
    pub book_at: u32,
    /// Byte offset of the (account, instrument) word, 0 at account level.
    pub instrument_at: u32,
}

const _: () = assert!(size_of::<tripline_target>() == 16 && size_of::<tripline_client>() == 64);

impl From<Target> for tripline_target {
    fn from(target: Target) -> Self {
        Self {
            handle: target.handle.0,
            account_at: target.offsets.account,
            book_at: target.offsets.book,
            instrument_at: target.offsets.instrument,
        }
    }
}

impl From<tripline_target> for Target {
    fn from(target: tripline_target) -> Self {
        Self {
            handle: Handle(target.handle),
            offsets: GateOffsets {
                account: target.account_at,
                book: target.book_at,
                instrument: target.instrument_at,
            },
        }
    }
}

/// Runs `body`; a panic becomes TRIPLINE_ERR_PANIC instead of crossing the boundary.
fn guarded(body: impl FnOnce() -> i32) -> i32 {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        text::remember(&"a panic inside libtripline was stopped; detach and report it");
        TRIPLINE_ERR_PANIC
    })
}

/// Runs `body` on the client behind `client`, from its own thread only.
///
/// # Safety
/// `client` is null or came from `tripline_attach` and has not been detached in this process.
unsafe fn with_client(client: *mut tripline_client, body: impl FnOnce(&mut Client) -> i32) -> i32 {
    // SAFETY: by contract of this function the view is mapped; in a forked child it reads zeros.
    let Some(view) = (unsafe { client.as_ref() }) else { return text::fail(TRIPLINE_ERR_NULL) };
    // Relaxed: stored by attach in this process; a fork leaves 0.
    let behind = view.client.load(Ordering::Relaxed) as *mut Client;
    if behind.is_null() {
        return text::fail(TRIPLINE_ERR_CLOSED);
    }
    if !view.is_owned_here() {
        return text::fail(TRIPLINE_ERR_THREAD);
    }
    // SAFETY: `behind` is the box that attach leaked and detach has not taken back; only the owning thread gets
    // here, so there is no second reference.
    guarded(|| body(unsafe { &mut *behind }))
}
