//! COLD: what passes after the kill: cancels, and exits of what is held.

use serde::Serialize;

use super::{Answer, AnswerRecord, Ask, Lapse, Transcript};
use crate::control::demo::report::SCHEMA;
use crate::model::TradingState;
use crate::model::verdict::Verdict;

/// What is asked for, in order, and the verdict it has to get.
const STEPS: [(&str, &str, Verdict); 6] = [
    ("new_order", "a new order", Verdict::Deny),
    ("cancel", "a cancel", Verdict::Pass),
    ("exit_one_more", "an exit of one unit more than is held", Verdict::Deny),
    ("exit", "an exit of exactly the position", Verdict::PassExit),
    ("second_exit", "a second exit while that one lives", Verdict::Deny),
    ("cancel_exit", "a cancel of the exit", Verdict::Pass),
];

/// How it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AfterKill {
    steps: Vec<(Ask, Answer)>,
    /// The gate as the strategy reads it at the end.
    pub gate: TradingState,
}

impl AfterKill {
    /// What the transcript shows; nothing was asked where the path never tripped a guard.
    ///
    /// # Errors
    /// The first verdict that is not the one to be shown.
    pub fn of(transcript: &Transcript, gate: TradingState) -> Result<Self, Lapse> {
        let finals = transcript.finals()?;
        let steps: Vec<(Ask, Answer)> = transcript.asked.iter().copied().zip(finals).collect();
        if !matches!(steps.len(), 0 | 6) {
            return Err(format!("after the kill: {} requests, not {}", steps.len(), STEPS.len()));
        }
        for ((_, answer), (_, what, verdict)) in steps.iter().zip(STEPS) {
            if answer.verdict != verdict {
                return Err(format!("after the kill: {what} was to be {verdict:?}: {answer}"));
            }
        }
        let last = steps.last().map(|(_, answer)| answer);
        if last.is_some() && gate == TradingState::Active {
            return Err("after the kill: the gate passes again".to_owned());
        }
        Ok(Self { steps, gate })
    }

    /// Whether there was a kill after which something could be shown.
    #[must_use]
    pub const fn is_shown(&self) -> bool {
        !self.steps.is_empty()
    }

    /// The record as one line of JSON.
    ///
    /// # Errors
    /// None that is known: it holds numbers and names.
    pub fn to_json(&self) -> serde_json::Result<String> {
        #[derive(Serialize)]
        struct Step {
            step: &'static str,
            qty_units: i64,
            #[serde(flatten)]
            answer: AnswerRecord,
        }
        #[derive(Serialize)]
        struct Record {
            schema: &'static str,
            record: &'static str,
            shown: bool,
            gate: &'static str,
            steps: Vec<Step>,
        }
        let step = |((ask, answer), (step, ..)): (&(Ask, Answer), (&'static str, &str, Verdict))| Step {
            step,
            qty_units: ask.qty,
            answer: AnswerRecord::from(answer),
        };
        serde_json::to_string(&Record {
            schema: SCHEMA,
            record: "after_kill",
            shown: self.is_shown(),
            gate: self.gate.as_str(),
            steps: self.steps.iter().zip(STEPS).map(step).collect(),
        })
    }

    /// What happened, for a person.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        if !self.is_shown() {
            return vec!["after the kill: not shown, no guard tripped on these prices".to_owned()];
        }
        let mut lines = vec![format!("after the kill, gate {}", self.gate)];
        for ((_, answer), (_, what, verdict)) in self.steps.iter().zip(STEPS) {
            let left = match verdict {
                Verdict::PassExit => format!(", {} left to exit", answer.extra),
                _ => String::new(),
            };
            lines.push(format!("  {what:<38} {answer}{left}"));
        }
        lines
    }
}
