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
//! A verdict nobody is owed is dropped: of a request that was answered, or of a client that had this lane before. A
//! directive without room waits here, a few of them in order; beyond those the engine's own repetition counts, which
//! comes when no acknowledgement does. Of notices only the newest waits.

#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::expect_used)]

use crate::engine::{LaneDirective, LaneVerdict};
use crate::shm::outstanding::Outstanding;
use crate::shm::ring::{Producer, Slots};
use crate::sync::AtomicU64;
use crate::wire::answer::Answer;
use crate::wire::layout::{OTHER_ANSWERS, SLOTS_PER_REQUEST};
use crate::wire::record::Words;

/// Directives that wait for room.
const WAITING: usize = 8;

/// Whether a request's QUEUED was sent.
pub(super) type Queued = bool;

/// The return ring of one lane, at the sidecar's end.
#[derive(Debug)]
pub(super) struct Answers {
    ring: Producer,
    reserved: u64,
    requests: Outstanding<Queued>,
    others: Unread,
    directives: Waiting,
    /// The newest notice, if it found no room.
    notice: Option<Words>,
}

impl Answers {
    /// `requests` has room for as many as a client may have open; `others` is how many directives and notices may be
    /// unread.
    pub(super) fn new(slots: Slots, requests: Outstanding<Queued>, others: u32) -> Self {
        Self {
            ring: Producer::new(slots),
            reserved: 0,
            requests,
            others: Unread {
                positions: [0; OTHER_ANSWERS as usize],
                first: 0,
                count: 0,
                most: others as usize,
            },
            directives: Waiting { words: [[0; 8]; WAITING], first: 0, count: 0 },
            notice: None,
        }
    }

    /// Reserves what the request at `position` needs. `false`: it must not be applied.
    pub(super) fn admit(&mut self, position: u64, cursor: &AtomicU64) -> bool {
        let needed = u64::from(SLOTS_PER_REQUEST);
        let free = self.ring.free(cursor).saturating_sub(self.reserved);
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
        let pushed = self.ring.push(&answer.to_words(), cursor);
        debug_assert!(pushed.is_ok(), "a reserved slot is free");
        self.reserved = self.reserved.saturating_sub(released);
    }

    /// Sends a directive, or lets it wait.
    pub(super) fn directive(&mut self, directive: &LaneDirective, cursor: &AtomicU64) {
        let LaneDirective { handle, directive, .. } = *directive;
        self.directives.push(Answer::Directive { handle, directive }.to_words());
        self.send_directives(cursor);
    }

    /// Sends a notice, or keeps it in place of the one that waits.
    pub(super) fn notice(&mut self, words: Words, cursor: &AtomicU64) {
        self.notice = if self.push_other(&words, cursor) { None } else { Some(words) };
    }

    /// Tries again what waits.
    pub(super) fn retry(&mut self, cursor: &AtomicU64) {
        self.send_directives(cursor);
        if let Some(words) = self.notice {
            self.notice(words, cursor);
        }
    }

    fn send_directives(&mut self, cursor: &AtomicU64) {
        while let Some(words) = self.directives.next() {
            if !self.push_other(&words, cursor) {
                return;
            }
            self.directives.pop();
        }
    }

    /// Pushes what no slot is reserved for.
    fn push_other(&mut self, words: &Words, cursor: &AtomicU64) -> bool {
        let free = self.ring.free(cursor);
        self.others.forget_before(self.ring.consumed());
        if free <= self.reserved || self.others.is_full() {
            return false;
        }
        match self.ring.push(words, cursor) {
            Ok(position) => {
                self.others.note(position);
                true
            }
            Err(_full) => false,
        }
    }
}

/// Positions of directives and notices that the client has not read, oldest first.
#[derive(Debug)]
struct Unread {
    positions: [u64; OTHER_ANSWERS as usize],
    first: usize,
    count: usize,
    most: usize,
}

impl Unread {
    fn is_full(&self) -> bool {
        self.count >= self.most.min(self.positions.len())
    }

    fn note(&mut self, position: u64) {
        let at = wrapped::<{ OTHER_ANSWERS as usize }>(self.first, self.count);
        if let Some(place) = self.positions.get_mut(at) {
            *place = position;
            self.count = self.count.saturating_add(1);
        }
    }

    fn forget_before(&mut self, consumed: u64) {
        while self.count > 0 && self.positions.get(self.first).is_some_and(|&position| position < consumed) {
            self.first = wrapped::<{ OTHER_ANSWERS as usize }>(self.first, 1);
            self.count = self.count.saturating_sub(1);
        }
    }
}

/// Directives without room, oldest first.
#[derive(Debug)]
struct Waiting {
    words: [Words; WAITING],
    first: usize,
    count: usize,
}

impl Waiting {
    /// One more; dropped where there is no place.
    fn push(&mut self, words: Words) {
        if self.count < WAITING
            && let Some(place) = self.words.get_mut(wrapped::<WAITING>(self.first, self.count))
        {
            *place = words;
            self.count = self.count.saturating_add(1);
        }
    }

    fn next(&self) -> Option<Words> {
        self.words.get(self.first).copied().filter(|_| self.count > 0)
    }

    fn pop(&mut self) {
        self.first = wrapped::<WAITING>(self.first, 1);
        self.count = self.count.saturating_sub(1);
    }
}

/// The place `ahead` of `first` in a circle of `ROOM`, neither of them beyond it.
const fn wrapped<const ROOM: usize>(first: usize, ahead: usize) -> usize {
    let place = first.wrapping_add(ahead);
    if place < ROOM { place } else { place.wrapping_sub(ROOM) }
}

#[cfg(test)]
mod tests;
