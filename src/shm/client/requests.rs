//! What a client waits for, and what it has read while it waited for something else.
//!
//! ```text
//! Waiting ──QUEUED read──> Queued ──final read──> Decided ──handed out──> gone
//!    └──────────────final read────────────────────^
//! Waiting, Queued ──no live engine: the library answers──> Answered ──final read──> gone, the verdict dropped
//! ```
//! A request keeps its two slots of the return ring until it is gone, so that the table's room is the bound that the
//! sidecar counts by. A verdict that fits no row is a repeat, or nobody's, and is dropped.

use std::collections::VecDeque;

use crate::model::Handle;
use crate::model::event::{OrderAction, OrderId};
use crate::shm::gate::GateOffsets;
use crate::shm::outstanding::Outstanding;
use crate::wire::answer::Answer;
use crate::wire::layout::{Geometry, SLOTS_PER_REQUEST};

/// A request that is not gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    /// `None` for a cancel of many.
    pub(super) order: Option<OrderId>,
    pub(super) action: OrderAction,
    /// Whether its attributes say EXIT.
    pub(super) is_exit: bool,
    pub(super) handle: Handle,
    pub(super) offsets: GateOffsets,
    /// Epochs of the target's words right before it was published.
    pub(super) asked: [u32; 3],
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Waiting,
    Queued,
    Decided,
    Answered,
}

impl Request {
    pub(super) const fn new(
        order: Option<OrderId>,
        action: OrderAction,
        is_exit: bool,
        handle: Handle,
        offsets: GateOffsets,
        asked: [u32; 3],
    ) -> Self {
        Self { order, action, is_exit, handle, offsets, asked, progress: Progress::Waiting }
    }
}

/// The table, and the answers kept for the next poll.
#[derive(Debug)]
pub(super) struct Requests {
    open: Outstanding<Request>,
    kept: VecDeque<Answer>,
    room: usize,
}

impl Requests {
    pub(super) fn new(geometry: &Geometry) -> Self {
        let requests = geometry.open_requests();
        // Every verdict there can be, and as many others as the ring holds.
        let room =
            requests.saturating_mul(SLOTS_PER_REQUEST).saturating_add(geometry.other_answers()) as usize;
        Self { open: Outstanding::new(requests), kept: VecDeque::with_capacity(room), room }
    }

    pub(super) fn has_room(&self) -> bool {
        self.open.has_room()
    }

    pub(super) fn insert(&mut self, position: u64, request: Request) {
        let inserted = self.open.insert(position, request);
        debug_assert!(inserted, "looked for room first, and positions grow");
    }

    /// The request at `position` if nobody has answered it yet.
    pub(super) fn awaited(&self, position: u64) -> Option<&Request> {
        self.open
            .get(position)
            .filter(|request| matches!(request.progress, Progress::Waiting | Progress::Queued))
    }

    /// Notes an answer that was read from the ring. `false`: drop it.
    pub(super) fn accept(&mut self, answer: &Answer) -> bool {
        let &Answer::Verdict { record, position, .. } = answer else { return true };
        let Some(request) = self.open.get_mut(position) else { return false };
        let next = match (request.progress, record.verdict.is_final()) {
            (Progress::Waiting, false) => Progress::Queued,
            (Progress::Waiting | Progress::Queued, true) => Progress::Decided,
            (Progress::Answered, true) => {
                self.open.remove(position);
                return false;
            }
            (Progress::Queued | Progress::Decided | Progress::Answered, _) => return false,
        };
        request.progress = next;
        true
    }

    /// Keeps an accepted answer. Verdicts always find room; of the others the oldest notice makes room, or where only
    /// directives are kept the oldest of those, which the sidecar sends again when nobody acknowledges it.
    pub(super) fn keep(&mut self, answer: Answer) {
        if self.kept.len() >= self.room {
            let notice = self.kept.iter().position(|kept| matches!(kept, Answer::State { .. }));
            let oldest =
                notice.or_else(|| self.kept.iter().position(|kept| matches!(kept, Answer::Directive { .. })));
            if let Some(oldest) = oldest {
                self.kept.remove(oldest);
            }
        }
        self.kept.push_back(answer);
    }

    /// The oldest answer that was kept.
    pub(super) fn next_kept(&mut self) -> Option<Answer> {
        self.kept.pop_front()
    }

    /// The final verdict on the request at `position`, if it was kept.
    pub(super) fn take_final(&mut self, position: u64) -> Option<Answer> {
        let at = self.kept.iter().position(|kept| is_final_of(kept, position))?;
        self.kept.remove(at)
    }

    /// Takes a request out whose final verdict is being handed out. Its QUEUED is news no more.
    pub(super) fn settle(&mut self, position: u64) -> Option<Request> {
        let request = self.open.remove(position)?;
        self.forget(position);
        Some(request)
    }

    /// Marks a request as answered by the library.
    pub(super) fn answer(&mut self, position: u64) -> Option<Request> {
        let request = self.open.get_mut(position)?;
        request.progress = Progress::Answered;
        let answered = *request;
        self.forget(position);
        Some(answered)
    }

    fn forget(&mut self, position: u64) {
        self.kept.retain(|kept| !is_verdict_on(kept, position));
    }
}

fn is_verdict_on(answer: &Answer, asked: u64) -> bool {
    matches!(answer, Answer::Verdict { position, .. } if *position == asked)
}

/// Whether it is the final verdict on the request at `asked`.
pub(super) fn is_final_of(answer: &Answer, asked: u64) -> bool {
    matches!(answer, Answer::Verdict { record, position, .. } if *position == asked && record.verdict.is_final())
}

#[cfg(test)]
mod tests;
