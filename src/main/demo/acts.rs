//! The acts beside the price path: heard, held against what they are to show, and told.

use std::io;
use std::time::Duration;

use tripline::control::demo::acts::after_kill::AfterKill;
use tripline::control::demo::acts::breaker::{self, Breaker};
use tripline::control::demo::acts::burst::Burst;
use tripline::control::demo::acts::{Act, Transcript};
use tripline::control::demo::screen::{Backlog, Screen};
use tripline::model::TradingState;
use tripline::model::verdict::Verdict;

use super::plan::REJECTS;
use super::{Demo, Failure};
use crate::line::{Line, state_of};

/// What was heard of each act.
#[derive(Default)]
pub(super) struct Acts {
    burst: Transcript,
    rejects: Transcript,
    after_kill: Transcript,
    /// Orders the venue of the second act has rejected.
    rejected: u64,
    shown: Vec<Act>,
}

impl Acts {
    fn transcript(&mut self, act: Act) -> &mut Transcript {
        match act {
            Act::Burst => &mut self.burst,
            Act::Rejects => &mut self.rejects,
            Act::AfterKill => &mut self.after_kill,
        }
    }

    /// Whether the strategy has played every act to its end.
    pub(super) fn all_shown(&self) -> Result<(), Failure> {
        match Act::ALL.into_iter().find(|act| !self.shown.contains(act)) {
            Some(missing) => Err(format!("the strategy never ended the act {missing}")),
            None => Ok(()),
        }
    }
}

impl Demo {
    /// Takes in a line of an act.
    pub(super) fn hear_act(
        &self,
        line: Line,
        acts: &mut Acts,
        screen: &mut Screen<io::Stdout>,
        now: Duration,
    ) -> Result<(), Failure> {
        match line {
            Line::Ask { act, ask } => acts.transcript(act).asked.push(ask),
            Line::Answer { act, answer } => {
                acts.transcript(act).answers.push(answer);
                if act == Act::Burst && !self.json {
                    let backlog = backlog(&acts.burst);
                    return screen.backlog(now, &backlog).map_err(|error| error.to_string());
                }
            }
            Line::Reject { .. } => acts.rejected += 1,
            Line::Over { act, gate } => {
                self.end(act, state_of(gate), acts, screen)?;
                acts.shown.push(act);
            }
            line => return Err(format!("the strategy said \"{line}\" out of turn")),
        }
        Ok(())
    }

    /// An act is over: tells what it showed, or fails with what it did not.
    fn end(
        &self,
        act: Act,
        gate: TradingState,
        acts: &Acts,
        screen: &mut Screen<io::Stdout>,
    ) -> Result<(), Failure> {
        let (json, lines) = match act {
            Act::Burst => {
                let burst = Burst::of(&acts.burst)?;
                (burst.to_json(), burst.lines())
            }
            Act::Rejects => {
                let is_open = |report: &_| breaker::is_open(report, REJECTS);
                let report = self.status_once(is_open, "the breaker that denied an order")?;
                let breaker = Breaker::of(&acts.rejects, acts.rejected, gate, &report, REJECTS)?;
                (breaker.to_json(), breaker.lines())
            }
            Act::AfterKill => {
                let after = AfterKill::of(&acts.after_kill, gate)?;
                (after.to_json(), after.lines())
            }
        };
        if self.json {
            println!("{}", json.map_err(|error| error.to_string())?);
            return Ok(());
        }
        // The burst's panel gives way to what it showed; that of the prices stays as it was at the last of them.
        let ready = if act == Act::AfterKill { screen.settle() } else { screen.clear() };
        ready.and_then(|()| screen.tell(&lines)).map_err(|error| error.to_string())
    }
}

fn backlog(burst: &Transcript) -> Backlog {
    let count = |wanted: fn(Verdict) -> bool| {
        burst.answers.iter().filter(|answer| wanted(answer.verdict)).count() as u64
    };
    let left = count(|verdict| matches!(verdict, Verdict::Released | Verdict::Dropped));
    Backlog {
        asked: burst.asked.len() as u64,
        decided: count(Verdict::is_final),
        waiting: count(|verdict| verdict == Verdict::Queued).saturating_sub(left),
    }
}
