//! COLD: the order burst: more requests at once than the venue takes.

use serde::Serialize;

use super::{Answer, AnswerRecord, Lapse, Transcript};
use crate::control::demo::report::{SCHEMA, latency};
use crate::model::event::OrderAction;
use crate::model::verdict::Verdict;

/// New orders asked for.
pub const ORDERS: u64 = 40;
/// After so many of them come the cancels.
pub const CANCELS_AFTER: u64 = 28;
/// Cancels asked for, of the first orders: more than the room kept for cancels, so that some wait too.
pub const CANCELS: u64 = 6;
/// What the venue takes in any [`WINDOW_NS`].
pub const LIMIT: u64 = 20;
/// The venue's window.
pub const WINDOW_NS: u64 = 400_000_000;
/// Added to the window by the sidecar, and how long a permission may be used: an order sent that much later is still
/// within the venue's limit.
pub const VALIDITY_NS: u64 = 200_000_000;

/// How the burst went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Burst {
    answers: Vec<Answer>,
    /// New orders asked for.
    pub orders: u64,
    /// Cancels asked for.
    pub cancels: u64,
    /// Requests that passed at once.
    pub at_once: u64,
    /// Requests that had to wait.
    pub queued: u64,
    /// Of those, cancels.
    pub queued_cancels: u64,
    /// Requests released after they waited.
    pub released: u64,
    /// The longest of them waited, as the sidecar says.
    pub longest_wait_ns: u64,
    /// Most that left within any window of the venue's.
    pub most_in_window: u64,
}

impl Burst {
    /// What the transcript shows.
    ///
    /// # Errors
    /// The first thing that it does not show.
    pub fn of(transcript: &Transcript) -> Result<Self, Lapse> {
        let finals = transcript.finals()?;
        if let Some(stopped) = finals.iter().find(|last| !last.verdict.may_send()) {
            let order = stopped.order;
            return Err(format!("order burst: a request on order {order} was not to be stopped: {stopped}"));
        }
        let count = |verdict| finals.iter().filter(|last| last.verdict == verdict).count() as u64;
        let queued = || transcript.answers.iter().filter(|answer| answer.verdict == Verdict::Queued);
        let asked = |action| transcript.asked.iter().filter(|ask| ask.action == action).count() as u64;
        let released = finals.iter().filter(|last| last.verdict == Verdict::Released);
        let burst = Self {
            orders: asked(OrderAction::New),
            cancels: asked(OrderAction::Cancel),
            at_once: count(Verdict::Pass),
            queued: queued().count() as u64,
            queued_cancels: queued().filter(|answer| answer.action == OrderAction::Cancel).count() as u64,
            released: count(Verdict::Released),
            longest_wait_ns: released.map(|last| last.extra).max().unwrap_or(0),
            most_in_window: most_in_window(&finals),
            answers: transcript.answers.clone(),
        };
        burst.lapse().map_or(Ok(burst), Err)
    }

    fn lapse(&self) -> Option<Lapse> {
        let Self { at_once, queued, released, most_in_window, .. } = self;
        if *at_once == 0 || *queued == 0 {
            return Some(format!("order burst: {at_once} requests passed at once and {queued} waited"));
        }
        if queued != released {
            return Some(format!("order burst: of {queued} that waited {released} were released"));
        }
        if self.cancels == 0 || !self.cancels_went_first() {
            return Some("order burst: a cancel waited behind new orders".to_owned());
        }
        (*most_in_window > LIMIT).then(|| {
            let window = latency(Some(WINDOW_NS));
            format!("order burst: {most_in_window} requests left within {window}, the venue takes {LIMIT}")
        })
    }

    /// Whether the last cancel had its verdict before the first new order left the queue.
    fn cancels_went_first(&self) -> bool {
        let place = |wanted: fn(&Answer) -> bool| self.answers.iter().position(wanted);
        let is_queued_order =
            |answer: &Answer| answer.action == OrderAction::New && answer.verdict == Verdict::Released;
        let last = self
            .answers
            .iter()
            .rposition(|answer| answer.action == OrderAction::Cancel && answer.verdict.is_final());
        place(is_queued_order).is_none_or(|first| last < Some(first))
    }

    /// The record as one line of JSON.
    ///
    /// # Errors
    /// None that is known: it holds numbers and names.
    pub fn to_json(&self) -> serde_json::Result<String> {
        #[derive(Serialize)]
        struct Record {
            schema: &'static str,
            record: &'static str,
            orders: u64,
            cancels: u64,
            at_once: u64,
            queued: u64,
            queued_cancels: u64,
            released: u64,
            longest_wait_ns: u64,
            limit: u64,
            window_ns: u64,
            most_in_window: u64,
            answers: Vec<AnswerRecord>,
        }
        serde_json::to_string(&Record {
            schema: SCHEMA,
            record: "queue",
            orders: self.orders,
            cancels: self.cancels,
            at_once: self.at_once,
            queued: self.queued,
            queued_cancels: self.queued_cancels,
            released: self.released,
            longest_wait_ns: self.longest_wait_ns,
            limit: LIMIT,
            window_ns: WINDOW_NS,
            most_in_window: self.most_in_window,
            answers: self.answers.iter().map(AnswerRecord::from).collect(),
        })
    }

    /// What happened, for a person.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let window = latency(Some(WINDOW_NS));
        vec![
            title(self.orders, self.cancels),
            format!(
                "  queue     {} passed at once, {} waited, {} released; the longest waited {}",
                self.at_once,
                self.queued,
                self.released,
                latency(Some(self.longest_wait_ns)),
            ),
            format!(
                "  cancels   {} of {} passed at once, the other {} before any order that waited",
                self.cancels - self.queued_cancels,
                self.cancels,
                self.queued_cancels,
            ),
            format!("  venue     at most {} left in any {window}, {LIMIT} allowed", self.most_in_window),
            format!("  verdicts  {} requests, exactly one final verdict each", self.orders + self.cancels),
        ]
    }
}

/// The head of the act.
#[must_use]
pub fn title(orders: u64, cancels: u64) -> String {
    let window = latency(Some(WINDOW_NS));
    format!("order burst: {orders} orders and {cancels} cancels at once; the venue takes {LIMIT} in {window}")
}

/// Most answers within any window that ends at one of them: (t − W, t].
fn most_in_window(sent: &[Answer]) -> u64 {
    let mut times: Vec<u64> = sent.iter().map(|answer| answer.at_ns).collect();
    times.sort_unstable();
    let within = |end: usize| times[..=end].iter().filter(|&&at| at + WINDOW_NS > times[end]).count() as u64;
    (0..times.len()).map(within).max().unwrap_or(0)
}
