//! The C ABI as the strategy uses it: one client, one target, and events spelled out as `tripline.h` spells them.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::path::Path;
use std::time::{Duration, Instant};

use tripline::model::event::OrderAction;
use tripline::model::verdict::Verdict;
use tripline::sync::Ordering;

use super::Failure;
use crate::ffi::{
    TRIPLINE_MESSAGE_VERDICT, TRIPLINE_OK, tripline_attach, tripline_attach_options, tripline_client,
    tripline_detach, tripline_event, tripline_gate, tripline_last_error, tripline_look_up, tripline_may_send,
    tripline_message, tripline_permit, tripline_poll, tripline_positions, tripline_publish, tripline_request,
    tripline_strerror, tripline_target,
};

/// Kinds and bits of `tripline.h` that this strategy uses.
const ORDER_NEW: u8 = 10;
const ORDER_CANCEL: u8 = 14;
const ORDER_ACK: u8 = 20;
const ORDER_REJECT: u8 = 21;
const ORDER_DONE: u8 = 23;
const FILL: u8 = 30;
const MARK: u8 = 40;
const MARK_PRESENT: u8 = 1;
pub(super) const SELL: u8 = 1;
const LIMIT_GTC: u64 = 1 | 1 << 8;
const REJECT_INFRASTRUCTURE: u64 = 4;

/// What an order is for.
pub(super) const OPEN: u64 = 0;
pub(super) const REDUCE: u64 = 1;
pub(super) const EXIT: u64 = 3;

/// A sidecar that does not apply an event or answer a request for this long is not going to.
pub(super) const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

/// One order of the strategy's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) id: u64,
    /// [`SELL`] or 0.
    pub(super) side: u8,
    pub(super) px: i64,
    pub(super) qty: i64,
    /// [`OPEN`], [`REDUCE`] or [`EXIT`].
    pub(super) intent: u64,
}

/// A client and the target it trades.
pub(super) struct Client {
    client: *mut tripline_client,
    target: tripline_target,
}

fn check(what: &str, code: i32) -> Result<i32, Failure> {
    if code >= TRIPLINE_OK {
        return Ok(code);
    }
    // SAFETY: both functions return terminated strings that live long enough.
    let (meaning, detail) =
        unsafe { (CStr::from_ptr(tripline_strerror(code)), CStr::from_ptr(tripline_last_error())) };
    Err(format!("{what}: {} ({})", meaning.to_string_lossy(), detail.to_string_lossy()))
}

impl Client {
    /// Attaches as a strategy, to trade DEMO on an account.
    pub(super) fn attach(runtime_dir: &Path, strategy: &str, account: &str) -> Result<Self, Failure> {
        let c_string = |text: &str| CString::new(text).map_err(|error| error.to_string());
        let runtime_dir = c_string(&runtime_dir.to_string_lossy())?;
        let (strategy, account, instrument) = (c_string(strategy)?, c_string(account)?, c_string("DEMO")?);
        let options = tripline_attach_options {
            size: size_of::<tripline_attach_options>() as u32,
            reserved: 0,
            runtime_dir: runtime_dir.as_ptr(),
            strategy: strategy.as_ptr(),
        };
        let mut client = std::ptr::null_mut();
        // SAFETY: options, strings and the out-pointer are live.
        check("attach", unsafe { tripline_attach(&raw const options, &raw mut client) })?;
        let mut target = tripline_target::default();
        // SAFETY: the client was just attached; the strings are live.
        let code =
            unsafe { tripline_look_up(client, account.as_ptr(), instrument.as_ptr(), &raw mut target) };
        check("look-up", code)?;
        Ok(Self { client, target })
    }

    pub(super) fn detach(self) -> Result<(), Failure> {
        // SAFETY: attached, and not used afterwards.
        check("detach", unsafe { tripline_detach(self.client) }).map(drop)
    }

    pub(super) fn gate(&self) -> u64 {
        // SAFETY: attached; the target is live.
        u64::from(unsafe { tripline_gate(self.client, &raw const self.target) }.unsigned_abs())
    }

    pub(super) fn may_send(&self) -> bool {
        // SAFETY: as above.
        unsafe { tripline_may_send(self.client, &raw const self.target) == 1 }
    }

    /// Waits until orders may be sent: a strategy that has just attached is let in within a moment.
    pub(super) fn await_pass(&self) -> Result<(), Failure> {
        let since = Instant::now();
        while !self.may_send() {
            if since.elapsed() > ANSWERED_WITHIN {
                return Err("the gate does not pass the first order; is the sidecar armed?".into());
            }
            std::hint::spin_loop();
        }
        Ok(())
    }

    /// The newest halt epoch that the gate has shown.
    pub(super) fn epoch(&self) -> u64 {
        // SAFETY: attached, so the view is mapped. Relaxed: stored by this thread's gate calls.
        unsafe { (*self.client).seen_epoch.load(Ordering::Relaxed) }
    }

    /// How far the sidecar has applied what was published.
    pub(super) fn applied(&self) -> Result<u64, Failure> {
        let mut applied = 0;
        // SAFETY: attached; a null out-pointer is allowed.
        let code = unsafe { tripline_positions(self.client, std::ptr::null_mut(), &raw mut applied) };
        check("positions", code)?;
        Ok(applied)
    }

    pub(super) fn mark(&self, px: i64, sequence: u64) -> Result<u64, Failure> {
        self.publish(MARK, MARK_PRESENT, [px as u64, 0, 0, 0, sequence])
    }

    /// Says that an order is about to be sent, in gate mode.
    pub(super) fn sends(&self, order: &Order) -> Result<u64, Failure> {
        let event = self.order_new(order);
        self.publish_event(&event)
    }

    /// The venue accepted it.
    pub(super) fn acked(&self, order: &Order, t_venue: i64) -> Result<u64, Failure> {
        let Order { id, side, px, qty, .. } = *order;
        self.publish(ORDER_ACK, side, [id, id, px as u64, qty as u64, t_venue as u64])
    }

    /// The venue could not take it.
    pub(super) fn rejected(&self, id: u64) -> Result<u64, Failure> {
        self.publish(ORDER_REJECT, 0, [id, REJECT_INFRASTRUCTURE, 0, 0, 0])
    }

    /// It was canceled, with nothing filled.
    pub(super) fn canceled(&self, id: u64) -> Result<u64, Failure> {
        self.publish(ORDER_DONE, 0, [id, 0, 0, 0, 0])
    }

    /// It was filled whole, under an execution id of its own number.
    pub(super) fn filled(&self, order: &Order) -> Result<u64, Failure> {
        let Order { id, side, px, qty, .. } = *order;
        self.publish(FILL, side, [id, id, px as u64, qty as u64, 0])
    }

    /// Requests a new order; the verdict comes by [`Client::poll`].
    pub(super) fn request_new(&self, order: &Order) -> Result<(), Failure> {
        self.request(&self.order_new(order))
    }

    /// Requests a cancel.
    pub(super) fn request_cancel(&self, id: u64) -> Result<(), Failure> {
        self.request(&self.order_cancel(id))
    }

    /// Requests a new order and waits for the final verdict.
    pub(super) fn permit_new(&self, order: &Order) -> Result<tripline_message, Failure> {
        self.permit(&self.order_new(order))
    }

    /// Requests a cancel and waits for the final verdict.
    pub(super) fn permit_cancel(&self, id: u64) -> Result<tripline_message, Failure> {
        self.permit(&self.order_cancel(id))
    }

    /// The next verdict, if one waits. Notices of states and directives are passed over: the gate says as much, and
    /// there is nothing to cancel here.
    pub(super) fn poll(&self) -> Result<Option<tripline_message>, Failure> {
        let mut message = tripline_message::default();
        // SAFETY: attached; the message is live.
        while check("poll", unsafe { tripline_poll(self.client, &raw mut message) })? == 1 {
            if message.kind == TRIPLINE_MESSAGE_VERDICT {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    fn order_new(&self, order: &Order) -> tripline_event {
        let Order { id, side, px, qty, intent } = *order;
        self.event(ORDER_NEW, side, [id, px as u64, qty as u64, LIMIT_GTC | intent << 16, 0])
    }

    fn order_cancel(&self, id: u64) -> tripline_event {
        self.event(ORDER_CANCEL, 0, [id, 0, 0, LIMIT_GTC, 0])
    }

    fn request(&self, event: &tripline_event) -> Result<(), Failure> {
        // SAFETY: attached; the event is live, and a null position is allowed.
        check("request", unsafe { tripline_request(self.client, event, std::ptr::null_mut()) }).map(drop)
    }

    fn permit(&self, event: &tripline_event) -> Result<tripline_message, Failure> {
        let mut message = tripline_message::default();
        let within = ANSWERED_WITHIN.as_nanos() as u64;
        // SAFETY: attached; event and message are live.
        check("permit", unsafe { tripline_permit(self.client, event, within, &raw mut message) })?;
        Ok(message)
    }

    fn event(&self, kind: u8, flags: u8, [a, b, c, d, e]: [u64; 5]) -> tripline_event {
        tripline_event { kind, flags, reserved: 0, handle: self.target.handle, a, b, c, d, e }
    }

    fn publish(&self, kind: u8, flags: u8, words: [u64; 5]) -> Result<u64, Failure> {
        self.publish_event(&self.event(kind, flags, words))
    }

    fn publish_event(&self, event: &tripline_event) -> Result<u64, Failure> {
        let mut position = 0;
        // SAFETY: attached; event and position are live.
        check("publish", unsafe { tripline_publish(self.client, event, &raw mut position) })?;
        Ok(position)
    }
}

/// The verdict in a message and what it was asked for.
pub(super) fn verdict_of(message: &tripline_message) -> Result<(Verdict, OrderAction), Failure> {
    let verdict = Verdict::from_u8(message.state).zip(OrderAction::from_raw(message.mode));
    verdict.ok_or_else(|| format!("the sidecar answered with verdict {} to {}", message.state, message.mode))
}
