//! HOT: what goes back to a lane's client, and the slots of its return ring that are spoken for.
//!
//! ```text
//! capacity >= unread + reserved, always
//!   unread    published, and the client's cursor has not passed it
//!   reserved  for each open request the final verdict's slot, and QUEUED's until that was sent or is not needed
//! ```
//! A request is admitted only while two slots are neither unread nor reserved, so a verdict always finds its slot, even
//! where the client stops reading or its cursor goes wild: one that cannot be frees nothing beyond what was believed
//! before. Directives and notices take only what is not reserved, and at most a quarter of the ring,
//! so that a client which counts its own requests never finds one refused.
//!
//! After a takeover nothing is believed free until the client's cursor says so. Where it lies, a reserved slot is not to be
//! had yet: the verdict waits, in order, and counts as reserved meanwhile.
//!
//! A verdict nobody is owed is dropped: of a request that was answered, or of a client that had this lane before. A
//! directive without room waits here, in order, as many of them as one decision can issue; beyond those the engine's own
//! repetition counts, which comes when no acknowledgement does. Of notices only the newest waits.

#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::expect_used)]

use std::collections::VecDeque;

use crate::engine::{LaneDirective, LaneVerdict};
use crate::shm::outstanding::Outstanding;
use crate::shm::ring::{Producer, Slots};
use crate::sync::AtomicU64;
use crate::wire::answer::{Answer, VERDICT_KIND};
use crate::wire::layout::SLOTS_PER_REQUEST;
use crate::wire::record::Words;

/// Directives that may wait for room: as many as one call of the engine issues.
const WAITING: usize = 256;

/// Whether a request's QUEUED was sent.
pub(super) type Queued = bool;

/// The return ring of one lane, at the sidecar's end.
#[derive(Debug)]
pub(super) struct Answers {
    ring: Producer,
    reserved: u64,
    requests: Outstanding<Queued>,
    /// Verdicts that found no slot although one was theirs, oldest first.
    late: VecDeque<Words>,
    /// Positions of directives and notices that the client has not read, oldest first.
    others: VecDeque<u64>,
    most_others: usize,
    /// Directives without room, oldest first.
    directives: VecDeque<Words>,
    /// The newest notice, if it found no room.
    notice: Option<Words>,
}

impl Answers {
    /// `requests` has room for as many as a client may have open; `others` is how many directives and notices may be
    /// unread. The only call that allocates.
    pub(super) fn new(slots: Slots, requests: Outstanding<Queued>, others: u32) -> Self {
        Self {
            late: VecDeque::with_capacity(slots.capacity() as usize),
            ring: Producer::new(slots),
            reserved: 0,
            requests,
            others: VecDeque::with_capacity(others as usize),
            most_others: others as usize,
            directives: VecDeque::with_capacity(WAITING),
            notice: None,
        }
    }

    /// The ring of a lane whose core died: what is unread in it counts.
    pub(super) fn resume(slots: Slots, requests: Outstanding<Queued>, others: u32) -> Self {
        let ring = Producer::recover(slots.clone());
        let unread = ring.published().filter(|(_, words)| words[1] as u8 != VERDICT_KIND);
        let unread: Vec<u64> = unread.map(|(position, _)| position).collect();
        let mut others_sent = VecDeque::with_capacity(unread.len().max(others as usize));
        others_sent.extend(unread);
        Self { ring, others: others_sent, ..Self::new(slots, requests, others) }
    }

    /// Reserves what the requests without a final verdict are owed; with each, whether its QUEUED was decided.
    pub(super) fn owe(&mut self, requests: &VecDeque<(u64, Queued)>) {
        for &(position, queued) in requests {
            if self.requests.insert(position, queued) {
                let slots = if queued { 1 } else { u64::from(SLOTS_PER_REQUEST) };
                self.reserved = self.reserved.saturating_add(slots);
            }
        }
    }

    /// Sends a verdict that a core decided before it died, unless it is in the ring. Its slot was reserved.
    pub(super) fn verdict_again(&mut self, verdict: &LaneVerdict, cursor: &AtomicU64) {
        let LaneVerdict { position, handle, epoch, record, .. } = *verdict;
        let words = Answer::Verdict { record, position, epoch: epoch as u16, handle }.to_words();
        if !self.has_sent(&words) {
            self.push_verdict(words, cursor);
        }
    }

    /// The same for a directive, which may have to wait.
    pub(super) fn directive_again(&mut self, directive: &LaneDirective, cursor: &AtomicU64) {
        let LaneDirective { handle, directive: task, .. } = *directive;
        if !self.has_sent(&Answer::Directive { handle, directive: task }.to_words()) {
            self.directive(directive, cursor);
        }
    }

    /// Whether the ring still holds this answer. What is no longer in it was read long ago.
    pub(super) fn has_sent(&self, words: &Words) -> bool {
        self.ring.published().any(|(_, sent)| sent.iter().skip(1).eq(words.iter().skip(1)))
    }

    /// Reserves what the request at `position` needs. `false`: it must not be applied.
    pub(super) fn admit(&mut self, position: u64, cursor: &AtomicU64) -> bool {
        let needed = u64::from(SLOTS_PER_REQUEST);
        let free = self.ring.free(cursor).saturating_sub(self.spoken_for());
        let admitted = free >= needed && self.requests.insert(position, false);
        if admitted {
            self.reserved = self.reserved.saturating_add(needed);
        }
        admitted
    }

    /// Sends a verdict into its reserved slot.
    pub(super) fn verdict(&mut self, verdict: &LaneVerdict, cursor: &AtomicU64) {
        let LaneVerdict { position, handle, epoch, record, .. } = *verdict;
        let Some(queued) = self.requests.get_mut(position) else { return };
        let released = match (record.verdict.is_final(), *queued) {
            (true, false) => u64::from(SLOTS_PER_REQUEST),
            (true, true) | (false, false) => 1,
            (false, true) => return,
        };
        *queued = true;
        if record.verdict.is_final() {
            self.requests.remove(position);
        }
        let answer = Answer::Verdict { record, position, epoch: epoch as u16, handle };
        self.reserved = self.reserved.saturating_sub(released);
        self.push_verdict(answer.to_words(), cursor);
    }

    /// Pushes a verdict behind those that wait. They are never more than the ring has slots.
    fn push_verdict(&mut self, words: Words, cursor: &AtomicU64) {
        self.send_late(cursor);
        let waits = !self.late.is_empty() || self.ring.push(&words, cursor).is_err();
        if waits && self.late.len() < self.late.capacity() {
            self.late.push_back(words);
        }
    }

    fn send_late(&mut self, cursor: &AtomicU64) {
        while let Some(words) = self.late.front()
            && self.ring.push(words, cursor).is_ok()
        {
            self.late.pop_front();
        }
    }

    /// Slots that nothing but verdicts may have.
    fn spoken_for(&self) -> u64 {
        self.reserved.saturating_add(self.late.len() as u64)
    }

    /// Sends a directive, or lets it wait.
    pub(super) fn directive(&mut self, directive: &LaneDirective, cursor: &AtomicU64) {
        let LaneDirective { handle, directive, .. } = *directive;
        if self.directives.len() < WAITING {
            self.directives.push_back(Answer::Directive { handle, directive }.to_words());
        }
        self.send_directives(cursor);
    }

    /// Sends a notice, or keeps it in place of the one that waits.
    pub(super) fn notice(&mut self, words: Words, cursor: &AtomicU64) {
        self.notice = if self.push_other(&words, cursor) { None } else { Some(words) };
    }

    /// Tries again what waits.
    pub(super) fn retry(&mut self, cursor: &AtomicU64) {
        self.send_late(cursor);
        self.send_directives(cursor);
        if let Some(words) = self.notice {
            self.notice(words, cursor);
        }
    }

    fn send_directives(&mut self, cursor: &AtomicU64) {
        while let Some(&words) = self.directives.front() {
            if !self.push_other(&words, cursor) {
                return;
            }
            self.directives.pop_front();
        }
    }

    /// Pushes what no slot is reserved for.
    fn push_other(&mut self, words: &Words, cursor: &AtomicU64) -> bool {
        let free = self.ring.free(cursor);
        let consumed = self.ring.consumed();
        while self.others.front().is_some_and(|&position| position < consumed) {
            self.others.pop_front();
        }
        if free <= self.spoken_for() || self.others.len() >= self.most_others {
            return false;
        }
        let pushed = self.ring.push(words, cursor);
        self.others.extend(pushed.ok());
        pushed.is_ok()
    }
}

#[cfg(test)]
mod tests;
