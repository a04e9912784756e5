//! Return codes. Numbers are never reused; `tripline_strerror` has the text.

use tripline::shm::attach::AttachError;
use tripline::shm::client::ClientError;
use tripline::shm::segment::OpenError;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal $text:literal;)+) => {
        $($(#[$doc])* pub const $name: i32 = $value;)+

        /// Every code with its name and text.
        pub const CODES: &[(&str, i32, &core::ffi::CStr)] = &[$((stringify!($name), $value, $text),)+];
    };
}

codes! {
    /// Success.
    TRIPLINE_OK = 0 c"success";
    /// A pointer that must not be null is.
    TRIPLINE_ERR_NULL = -1 c"a required pointer is null";
    /// An argument is out of its range.
    TRIPLINE_ERR_ARGUMENT = -2 c"an argument is out of its range";
    /// Nobody listens at the attach socket.
    TRIPLINE_ERR_UNREACHABLE = -3 c"no sidecar can be reached in the runtime directory";
    /// The sidecar refused the attach.
    TRIPLINE_ERR_REFUSED = -4 c"the sidecar refused the attach";
    /// Seals are not enforced here.
    TRIPLINE_ERR_UNSEALED = -5 c"shared memory could be written by others: seals are not enforced here";
    /// The peer does not speak this protocol.
    TRIPLINE_ERR_PROTOCOL = -6 c"the sidecar's reply is not part of the attach exchange";
    /// The clocks disagree.
    TRIPLINE_ERR_CLOCK = -7 c"this process's monotonic clock is not the sidecar's";
    /// The kernel refused something.
    TRIPLINE_ERR_SYSTEM = -8 c"the kernel refused a request";
    /// The handle came through fork, or is detached.
    TRIPLINE_ERR_CLOSED = -9 c"this handle came through fork, or is detached";
    /// The handle belongs to another thread.
    TRIPLINE_ERR_THREAD = -10 c"this handle belongs to another thread";
    /// The lane is full; the event is lost and the strategy halted.
    TRIPLINE_ERR_FULL = -11 c"the lane is full: the event is lost; halted until attach and an operator's reset";
    /// An earlier event was lost.
    TRIPLINE_ERR_LOST = -12 c"an earlier event was lost; halted until attach and an operator's reset";
    /// The event means nothing.
    TRIPLINE_ERR_INVALID = -13 c"the event is not valid";
    /// The event is one this version does not take from a strategy.
    TRIPLINE_ERR_UNSUPPORTED = -14 c"this version does not take such events from a strategy";
    /// No such account, or no book on it.
    TRIPLINE_ERR_UNKNOWN_ACCOUNT = -15 c"no such account, or the strategy has no book on it";
    /// No such instrument.
    TRIPLINE_ERR_UNKNOWN_INSTRUMENT = -16 c"no such instrument";
    /// The return ring holds something that is no answer.
    TRIPLINE_ERR_CORRUPT = -17 c"the return ring holds something that is no answer";
    /// A panic inside the library was stopped.
    TRIPLINE_ERR_PANIC = -18 c"a panic inside the library was stopped";
    /// No room for another verdict; nothing was published.
    TRIPLINE_ERR_BUSY = -19 c"no room for another verdict: poll first; nothing was published";
    /// No final verdict came in time.
    TRIPLINE_ERR_TIMEOUT = -20 c"no final verdict in time; the request stays outstanding";
}

/// The code of a failed attach.
pub(crate) fn of_attach(error: &AttachError) -> i32 {
    match error {
        AttachError::Unreachable { .. } => TRIPLINE_ERR_UNREACHABLE,
        AttachError::Refused(_) => TRIPLINE_ERR_REFUSED,
        AttachError::ClockSkew => TRIPLINE_ERR_CLOCK,
        AttachError::Segment(OpenError::Unsealed { .. }) => TRIPLINE_ERR_UNSEALED,
        AttachError::Segment(OpenError::Os { .. }) | AttachError::Os(_) => TRIPLINE_ERR_SYSTEM,
        _ => TRIPLINE_ERR_PROTOCOL,
    }
}

/// The code of a failed call.
pub(crate) fn of_client(error: ClientError) -> i32 {
    match error {
        ClientError::Thread => TRIPLINE_ERR_THREAD,
        ClientError::Closed => TRIPLINE_ERR_CLOSED,
        ClientError::Full => TRIPLINE_ERR_FULL,
        ClientError::Lost | ClientError::LaneClosed => TRIPLINE_ERR_LOST,
        ClientError::Invalid(_) => TRIPLINE_ERR_INVALID,
        ClientError::Unsupported(_) => TRIPLINE_ERR_UNSUPPORTED,
        ClientError::UnknownAccount => TRIPLINE_ERR_UNKNOWN_ACCOUNT,
        ClientError::UnknownInstrument => TRIPLINE_ERR_UNKNOWN_INSTRUMENT,
        ClientError::Busy => TRIPLINE_ERR_BUSY,
        ClientError::NotRequested => TRIPLINE_ERR_ARGUMENT,
        ClientError::TimedOut { .. } => TRIPLINE_ERR_TIMEOUT,
        _ => TRIPLINE_ERR_CORRUPT,
    }
}
