//! COLD: the acts beside the price path: what a strategy asked, what the sidecar answered, and whether that shows what it
//! is to show.
//!
//! ```text
//! order burst    requests beyond a rate     ──> some pass, the rest waits, cancels first   [`burst`]
//! reject burst   rejects in a row           ──> new orders are suspended, cancels are not  [`breaker`]
//! after the kill orders under a kill switch ──> only what closes the position passes       [`after_kill`]
//! ```
//! Nothing here is measured or decided: a [`Transcript`] holds the sidecar's own words, and an act that they do not show
//! is a sentence for the person who watches.

pub mod after_kill;
pub mod breaker;
pub mod burst;

use std::fmt;

use serde::Serialize;

use crate::model::Reason;
use crate::model::event::OrderAction;
use crate::model::verdict::Verdict;

/// Why an act does not show what it is to show, in words.
pub type Lapse = String;

/// The acts in which requests are made, in the order they are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// More requests than the venue takes.
    Burst,
    /// Orders the venue cannot take.
    Rejects,
    /// Requests under the kill switch.
    AfterKill,
}

/// What a strategy asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// New order or cancel.
    pub action: OrderAction,
    /// The order it is about.
    pub order: u64,
    /// Quantity units; 0 for a cancel.
    pub qty: i64,
}

/// One answer of the sidecar's, as the strategy received it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was asked for.
    pub action: OrderAction,
    /// The order it is about.
    pub order: u64,
    /// The verdict.
    pub verdict: Verdict,
    /// Why; `None` for a plain pass.
    pub reason: Option<Reason>,
    /// Quantity or time, by verdict.
    pub extra: u64,
    /// Since the act began, on the strategy's clock, when it had the answer.
    pub at_ns: u64,
}

/// All that was asked and answered in one act, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// What was asked.
    pub asked: Vec<Ask>,
    /// What was answered.
    pub answers: Vec<Answer>,
}

impl Act {
    /// Every act.
    pub const ALL: [Self; 3] = [Self::Burst, Self::Rejects, Self::AfterKill];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Burst => "burst",
            Self::Rejects => "rejects",
            Self::AfterKill => "after-kill",
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", action_name(self.action), self.order)
    }
}

impl Answer {
    /// Whether it answers `ask`.
    #[must_use]
    pub fn is_to(&self, ask: &Ask) -> bool {
        (self.action, self.order) == (ask.action, ask.order)
    }
}

impl fmt::Display for Answer {
    /// `DENY, EXIT_SIZE (307)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(verdict_name(self.verdict))?;
        match self.reason {
            Some(reason) => write!(f, ", {} ({})", reason.as_str(), reason as u16),
            None => Ok(()),
        }
    }
}

impl Transcript {
    /// The final answer to each request, in the order they were asked.
    ///
    /// # Errors
    /// A request without a final answer or with more than one, one told to wait twice or after its final answer, and an
    /// answer to nothing.
    pub fn finals(&self) -> Result<Vec<Answer>, Lapse> {
        if let Some(stray) =
            self.answers.iter().find(|answer| !self.asked.iter().any(|ask| answer.is_to(ask)))
        {
            let ask = Ask { action: stray.action, order: stray.order, qty: 0 };
            return Err(format!("the sidecar answered {ask}, which was not asked"));
        }
        self.asked.iter().map(|ask| self.final_of(ask)).collect()
    }

    fn final_of(&self, ask: &Ask) -> Result<Answer, Lapse> {
        let own: Vec<&Answer> = self.answers.iter().filter(|answer| answer.is_to(ask)).collect();
        match own.as_slice() {
            [.., last] if !last.verdict.is_final() => Err(format!("{ask} was queued and never decided")),
            [last] => Ok(**last),
            [first, last] if !first.verdict.is_final() => Ok(**last),
            [] => Err(format!("{ask} got no answer")),
            many => Err(format!("{ask} got {} answers: one more than it may", many.len())),
        }
    }
}

/// One answer in a record.
#[derive(Serialize)]
struct AnswerRecord {
    action: &'static str,
    order: u64,
    verdict: &'static str,
    reason: Option<&'static str>,
    code: Option<u16>,
    extra: u64,
    at_ns: u64,
}

impl From<&Answer> for AnswerRecord {
    fn from(answer: &Answer) -> Self {
        Self {
            action: action_name(answer.action),
            order: answer.order,
            verdict: verdict_name(answer.verdict),
            reason: answer.reason.map(Reason::as_str),
            code: answer.reason.map(|reason| reason as u16),
            extra: answer.extra,
            at_ns: answer.at_ns,
        }
    }
}

const fn action_name(action: OrderAction) -> &'static str {
    match action {
        OrderAction::New => "NEW",
        OrderAction::Modify => "MODIFY",
        OrderAction::Cancel => "CANCEL",
    }
}

/// The name `tripline_verdict_name` gives it.
const fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Deny => "DENY",
        Verdict::Pass => "PASS",
        Verdict::PassExit => "PASS_EXIT",
        Verdict::Paper => "PAPER",
        Verdict::Queued => "QUEUED",
        Verdict::Released => "RELEASED",
        Verdict::Dropped => "DROPPED",
        Verdict::ExitUnverified => "EXIT_UNVERIFIED",
    }
}

#[cfg(test)]
mod tests;
