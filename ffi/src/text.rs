//! Texts: what a code means, what the last failure of this thread was about, what a reason is called.

use std::cell::RefCell;
use std::ffi::{CStr, c_char};
use std::fmt::{Display, Write};

use tripline::model::Reason;
use tripline::model::verdict::Verdict;
use tripline::shm::client::ClientError;
use tripline::wire::layout::ABI_VERSION;

use super::{CODES, codes};

const ROOM: usize = 512;

thread_local! {
    static LAST: RefCell<[u8; ROOM]> = const { RefCell::new([0; ROOM]) };
}

/// Writes into a fixed buffer and leaves the last byte zero.
struct Bounded<'a> {
    buffer: &'a mut [u8; ROOM],
    used: usize,
}

impl Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for letter in text.chars().filter(|&letter| letter != '\0') {
            // Only whole letters: what is cut must still be UTF-8.
            let end = self.used + letter.len_utf8();
            if end >= ROOM {
                return Err(std::fmt::Error);
            }
            letter.encode_utf8(&mut self.buffer[self.used..end]);
            self.used = end;
        }
        Ok(())
    }
}

/// Keeps `what` as this thread's last failure. Allocates nothing itself.
pub(crate) fn remember(what: &impl Display) {
    LAST.with_borrow_mut(|buffer| {
        *buffer = [0; ROOM];
        // A text that does not fit is cut; that is better than none.
        let _cut = write!(Bounded { buffer, used: 0 }, "{what}");
    });
}

/// Keeps the words of a failed call as this thread's last failure and returns its code.
pub(crate) fn told(error: ClientError) -> i32 {
    remember(&error);
    codes::of_client(error)
}

/// Keeps the text of `code` as this thread's last failure and returns it.
pub(crate) fn fail(code: i32) -> i32 {
    remember(&text_of(code).to_str().unwrap_or("unknown"));
    code
}

fn text_of(code: i32) -> &'static CStr {
    CODES.iter().find(|(_, value, _)| *value == code).map_or(c"unknown return code", |(_, _, text)| text)
}

/// The ABI version of this library.
#[unsafe(no_mangle)]
pub extern "C" fn tripline_abi_version() -> u32 {
    ABI_VERSION
}

/// What a return code means. Never null; valid for ever.
#[unsafe(no_mangle)]
pub extern "C" fn tripline_strerror(code: i32) -> *const c_char {
    text_of(code).as_ptr()
}

/// What the last failed call of this thread was about. Never null; valid until the thread's next failed call.
#[unsafe(no_mangle)]
pub extern "C" fn tripline_last_error() -> *const c_char {
    LAST.with_borrow(|buffer| buffer.as_ptr().cast())
}

macro_rules! reason_names {
    ($($reason:ident)+) => { &[$((Reason::$reason, {
        const NAME: &str = Reason::$reason.as_str();
        const BYTES: [u8; NAME.len() + 1] = {
            let mut bytes = [0; NAME.len() + 1];
            let mut index = 0;
            while index < NAME.len() {
                bytes[index] = NAME.as_bytes()[index];
                index += 1;
            }
            bytes
        };
        match CStr::from_bytes_with_nul(&BYTES) { Ok(name) => name, Err(_) => c"" }
    }),)+] };
}

const REASON_NAMES: &[(Reason, &CStr)] = reason_names!(
    Unarmed Warmup Reconciling ReadyToResume LeaseExpired EpochStale NoExecutor
    UnknownInstrument UnknownOrder Tick Lot MinQty MaxQty MinNotional MaxNotional GtdPast Restricted
    DuplicateId DuplicateFingerprint OcoRearm SelfCross ListMember
    MaxPosition Gross Net OpenOrders DailyCount ReduceOnlySize ExitSize ExitUnverified Balance Margin
    LiquidationDistance Reroute
    NoMark Collar CollarAccumulated MarkSuspect MarkStale
    BucketFull Banned QueueFull Expired Superseded Backpressure RepeatedExecution
    DrawdownSoft Drawdown DrawdownUntrusted PeakNonpositive PnlJump MarginDrawdown FlowUnpriced
    ErrorRate Consecutive Auth Liquidation HalfOpenSpent HalfOpen
    Heartbeat Supervisor Stream Database VenueDown Book Volatility FillRatio AckLatency TradeRate CancelRatio
    Gauge
    Operator Trigger Alert Drill Fleet Approval
    Gap Corrupt Replay Arithmetic Capacity ClientDead Stall JournalLag PositionMismatch CashMismatch UnknownFill
    Overfill Violation Lag Unrecorded
    PaperMode LiveRefused
);

const _: () = assert!(REASON_NAMES.len() == Reason::ALL.len(), "every reason has a name in C");

/// The stable upper-case name of a reason code, or `"UNKNOWN"`. Never null; valid for ever.
#[unsafe(no_mangle)]
pub extern "C" fn tripline_reason_name(reason: u16) -> *const c_char {
    REASON_NAMES
        .iter()
        .find(|(known, _)| *known as u16 == reason)
        .map_or(c"UNKNOWN", |(_, name)| name)
        .as_ptr()
}

/// The stable upper-case name of a verdict, or `"UNKNOWN"`. Never null; valid for ever.
#[unsafe(no_mangle)]
pub extern "C" fn tripline_verdict_name(verdict: u8) -> *const c_char {
    let name = match Verdict::from_u8(verdict) {
        Some(Verdict::Deny) => c"DENY",
        Some(Verdict::Pass) => c"PASS",
        Some(Verdict::PassExit) => c"PASS_EXIT",
        Some(Verdict::Paper) => c"PAPER",
        Some(Verdict::Queued) => c"QUEUED",
        Some(Verdict::Released) => c"RELEASED",
        Some(Verdict::Dropped) => c"DROPPED",
        Some(Verdict::ExitUnverified) => c"EXIT_UNVERIFIED",
        None => c"UNKNOWN",
    };
    name.as_ptr()
}
