//! Requests and their verdicts, at the client's end: request, poll, wait, permit.
//!
//! A verdict is judged again when it is handed out, not when it is read: whatever waited in between is seen.

use super::recheck::{Sight, is_exit, needs_recheck, objection};
use super::requests::{Request, is_final_of};
use super::{Client, ClientError, OPERATOR};
use crate::model::event::{DirectiveStatus, Intent, OrderAction, OrderAttrs, OrderId};
use crate::model::verdict::{Verdict, VerdictRecord};
use crate::model::{Event, Flags, Handle, Lots, Message, Nanos, Reason};
use crate::shm::clock::{monotonic, sleep};
use crate::shm::gate::Lease;
use crate::shm::ring::Taken;
use crate::sync::Ordering;
use crate::wire::answer::Answer;
use crate::wire::record::{Words, decode, encode};

/// How long a wait only spins: several times what a live sidecar takes for a verdict.
const SPIN_FOR: Nanos = Nanos(20_000);
/// How long after that it only yields.
const YIELD_FOR: Nanos = Nanos(200_000);
/// How long it then sleeps at a time, in nanoseconds.
const NAP: u64 = 50_000;

impl Client {
    /// Requests a verdict on an ORDER_NEW, ORDER_MODIFY, ORDER_CANCEL or ORDER_CANCEL_ALL and returns the lane position
    /// by which the verdict is known; PERMIT is added to `flags`. An ORDER_NEW with MORE is completed by publishing its
    /// ORDER_EXT right behind it. Wait-free.
    ///
    /// # Errors
    /// [`ClientError::Busy`]: poll first. [`ClientError::Unsupported`]: no request. Both, and every other, published
    /// nothing.
    pub fn request(&mut self, handle: Handle, flags: Flags, event: Event) -> Result<u64, ClientError> {
        self.request_words(&encode(&Message { flags, epoch: 0, handle, event }))
    }

    /// As [`Client::request`], with the words of a record.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn request_words(&mut self, words: &Words) -> Result<u64, ClientError> {
        self.check_thread()?;
        let mut asked = *words;
        asked[1] |= u64::from(Flags::PERMIT.bits()) << 8;
        let message = decode(&asked).map_err(ClientError::Invalid)?;
        let (order, action, attrs) =
            asked_for(&message).ok_or(ClientError::Unsupported(message.event.kind()))?;
        let offsets = self.offsets(message.handle)?;
        self.check_whole()?;
        self.check_lane()?;
        // A request that found no room is no lost event: nothing has happened yet.
        let records = if message.flags.contains(Flags::MORE) { 2 } else { 1 };
        if !self.requests.has_room() || self.free_slots()? < records {
            return Err(ClientError::Busy);
        }
        let seen = self.page.view().read(offsets).unwrap_or_default();
        let is_exit = attrs.intent == Intent::Exit;
        let request = Request::new(order, action, is_exit, message.handle, offsets, seen.epochs());
        let position = self.push(&asked)?;
        self.requests.insert(position, request);
        Ok(position)
    }

    /// The next answer, if one waits: what a wait has kept comes first. Also a sign of life. Verdicts on requests come
    /// once; one that the gate no longer bears out comes as DROPPED, with NOT_SENT published, or, an exit whose lease has
    /// ended, as EXIT_UNVERIFIED.
    ///
    /// # Errors
    /// [`ClientError::Thread`], [`ClientError::Closed`], [`ClientError::LaneClosed`], or [`ClientError::Corrupt`] when
    /// the ring holds something else.
    pub fn poll(&mut self) -> Result<Option<Answer>, ClientError> {
        self.heartbeat()?;
        let next = match self.requests.next_kept() {
            Some(kept) => Some(kept),
            None => self.read_ring()?,
        };
        Ok(next.map(|answer| self.hand_out(answer)))
    }

    /// Waits up to `timeout` for the final verdict on the request at `position`; `None` when the time is over. Blocks:
    /// it spins, yields, then sleeps some tens of microseconds at a time, and gives signs of life. Other answers are
    /// kept for [`Client::poll`], in order; a QUEUED of this request is too, unless the final verdict overtakes it.
    ///
    /// Without a live engine it does not wait: a cancel gets PASS, an order whose intent is EXIT gets EXIT_UNVERIFIED,
    /// any other DROPPED, LEASE_EXPIRED, with NOT_SENT published; what the engine says later is dropped.
    ///
    /// # Errors
    /// [`ClientError::NotRequested`] where nothing at `position` waits for a verdict. Else as [`Client::poll`], except
    /// that a closed lane is no error: nobody lives there.
    pub fn wait(&mut self, position: u64, timeout: Nanos) -> Result<Option<Answer>, ClientError> {
        self.check_thread()?;
        if let Some(kept) = self.requests.take_final(position) {
            return Ok(Some(self.hand_out(kept)));
        }
        if self.requests.awaited(position).is_none() {
            return Err(ClientError::NotRequested);
        }
        let begun = monotonic();
        loop {
            // Looked at before the ring: what a lane that is let go still brings has been written by then.
            let is_read = match self.heartbeat() {
                Ok(()) => true,
                Err(ClientError::LaneClosed) => false,
                Err(error) => return Err(error),
            };
            let has_lease = self.has_lease(position);
            while let Some(answer) = self.read_ring()? {
                if is_final_of(&answer, position) {
                    return Ok(Some(self.hand_out(answer)));
                }
                self.requests.keep(answer);
            }
            if !(is_read && has_lease) {
                return Ok(self.answer_alone(position));
            }
            let waited = monotonic().since(begun);
            if waited >= timeout {
                return Ok(None);
            }
            pause(waited, timeout.since(waited));
        }
    }

    /// Requests and waits; the answer is a final [`Answer::Verdict`].
    ///
    /// # Errors
    /// [`ClientError::TimedOut`] has the position: the request stays outstanding. [`ClientError::Unsupported`] also for
    /// an order with MORE, whose rest could not follow. Else as [`Client::request`] and [`Client::wait`].
    pub fn permit(
        &mut self,
        handle: Handle,
        flags: Flags,
        event: Event,
        timeout: Nanos,
    ) -> Result<Answer, ClientError> {
        self.permit_words(&encode(&Message { flags, epoch: 0, handle, event }), timeout)
    }

    /// As [`Client::permit`], with the words of a record.
    ///
    /// # Errors
    /// As [`Client::permit`].
    pub fn permit_words(&mut self, words: &Words, timeout: Nanos) -> Result<Answer, ClientError> {
        self.check_thread()?;
        let [kind, flags, ..] = words[1].to_le_bytes();
        if Flags::from_bits_retain(flags).contains(Flags::MORE) {
            return Err(ClientError::Unsupported(kind));
        }
        let position = self.request_words(words)?;
        self.wait(position, timeout)?.ok_or(ClientError::TimedOut { position })
    }

    /// Publishes how far a directive has got; `handle` is the one it came with.
    ///
    /// # Errors
    /// As [`Client::publish`].
    pub fn acknowledge(
        &mut self,
        handle: Handle,
        directive: u64,
        status: DirectiveStatus,
        remaining: Lots,
    ) -> Result<u64, ClientError> {
        self.publish(handle, Flags::empty(), Event::DirectiveAck { directive, status, remaining, detail: 0 })
    }

    /// The next answer in the ring that is not a repeat.
    fn read_ring(&mut self) -> Result<Option<Answer>, ClientError> {
        loop {
            let words = match self.returns.take() {
                Taken::Empty => return Ok(None),
                Taken::Corrupt { .. } => return Err(ClientError::Corrupt),
                Taken::Record(words) => words,
            };
            self.returns.advance();
            // SYNC(slot-consumed): pairs with the acquire load in `Producer::free` at the sidecar's end.
            self.lane.cursor().store(self.returns.position(), Ordering::Release);
            let answer = Answer::from_words(&words).ok_or(ClientError::Corrupt)?;
            // The operator's verdicts answer commands, which are no requests.
            if self.grant.strategy == OPERATOR || self.requests.accept(&answer) {
                return Ok(Some(answer));
            }
        }
    }

    /// What the strategy gets of an answer that is its to see now.
    fn hand_out(&mut self, answer: Answer) -> Answer {
        let Answer::Verdict { record, position, epoch, handle } = answer else {
            if let Answer::State { notice, .. } = answer {
                // Relaxed: read by this thread only.
                self.page.view().seen_epoch.fetch_max(u64::from(notice.epoch), Ordering::Relaxed);
            }
            return answer;
        };
        if !record.verdict.is_final() {
            return answer;
        }
        let Some(request) = self.requests.settle(position) else { return answer };
        match self.objection(&request, &record, epoch) {
            None => answer,
            // Nobody vouches for it any more, and still it may leave, as what the venue itself keeps to reducing.
            Some(Reason::LeaseExpired) if is_exit(&request, &record) => {
                let (verdict, reason) = (Verdict::ExitUnverified, Some(Reason::ExitUnverified));
                let record = VerdictRecord { verdict, reason, measured: 0, limit: 0, extra: 0, ..record };
                Answer::Verdict { record, position, epoch, handle }
            }
            Some(reason) => {
                self.take_back(&request, reason);
                let (verdict, reason) = (Verdict::Dropped, Some(reason));
                let record = VerdictRecord { verdict, reason, measured: 0, limit: 0, ..record };
                Answer::Verdict { record, position, epoch, handle }
            }
        }
    }

    fn objection(&self, request: &Request, record: &VerdictRecord, epoch: u16) -> Option<Reason> {
        if !needs_recheck(request.action, record.verdict) {
            return None;
        }
        let view = self.page.view();
        let Some(read) = view.read(request.offsets) else { return Some(Reason::LeaseExpired) };
        let now = monotonic();
        let lease = view.judge(read.deadline, now);
        // Relaxed: a flag of this process.
        let is_latched = view.latched.load(Ordering::Relaxed) != 0;
        objection(request, record, epoch, &Sight { read, lease, is_latched, now })
    }

    /// Publishes that what was permitted, or asked, is not sent.
    fn take_back(&mut self, request: &Request, cause: Reason) {
        let Some(order) = request.order else { return };
        let event = Event::NotSent { order, action: request.action as u32, cause: cause as u32 };
        // A lane that takes it no more has halted the strategy, or is read by nobody.
        let _not_told = self.publish(request.handle, Flags::empty(), event);
    }

    /// Whether the engine vouches for the account of the request at `position`.
    fn has_lease(&self, position: u64) -> bool {
        let view = self.page.view();
        let read = self.requests.awaited(position).and_then(|request| view.read(request.offsets));
        read.is_some_and(|read| view.judge(read.deadline, monotonic()) == Lease::Fresh)
    }

    /// The library's own verdict, where no engine lives to give one.
    fn answer_alone(&mut self, position: u64) -> Option<Answer> {
        let request = self.requests.answer(position)?;
        let (verdict, reason, until) = match (request.action, request.is_exit) {
            (OrderAction::Cancel, _) => (Verdict::Pass, None, i64::MAX),
            (_, true) => (Verdict::ExitUnverified, Some(Reason::ExitUnverified), 0),
            (_, false) => {
                self.take_back(&request, Reason::LeaseExpired);
                (Verdict::Dropped, Some(Reason::LeaseExpired), 0)
            }
        };
        let record = VerdictRecord {
            order: request.order.map_or(0, OrderId::get),
            verdict,
            action: request.action as u8,
            reason,
            guard: 0,
            scope_kind: 0,
            measured: until,
            limit: 0,
            extra: 0,
        };
        Some(Answer::Verdict { record, position, epoch: 0, handle: request.handle })
    }
}

/// What a request asks for; `None` of a message that is none.
fn asked_for(message: &Message) -> Option<(Option<OrderId>, OrderAction, OrderAttrs)> {
    let is_new = matches!(message.event, Event::OrderNew { .. });
    if !message.is_request() || message.flags.contains(Flags::MORE) && !is_new {
        return None;
    }
    match message.event {
        Event::OrderNew { order, attrs, .. } => Some((Some(order), OrderAction::New, attrs)),
        Event::OrderModify { order, attrs, .. } => Some((Some(order), OrderAction::Modify, attrs)),
        Event::OrderCancel { order, attrs } => Some((Some(order), OrderAction::Cancel, attrs)),
        Event::OrderCancelAll { attrs, .. } => Some((None, OrderAction::Cancel, attrs)),
        _ => None,
    }
}

/// Gives the processor away for a while, the longer the more has been waited, never beyond `left`.
fn pause(waited: Nanos, left: Nanos) {
    if waited < SPIN_FOR {
        std::hint::spin_loop();
    } else if waited < YIELD_FOR {
        std::thread::yield_now();
    } else {
        sleep(NAP.min(left.0));
    }
}
