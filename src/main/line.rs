//! What the demo's strategy tells the demo, one line of text each.
//!
//! ```text
//! mark INDEX GATE                              some of the marks, so that the screen moves
//! halt INDEX GATE EPOCH_BEFORE EPOCH_AFTER NS  the gate changed after this mark, seen NS after publishing
//! refused INDEX GATE                           an order was due and was not sent
//! done POINTS GATE                             the path is over
//! ask ACT ACTION ORDER QTY                     a request was made
//! answer ACT ACTION ORDER VERDICT REASON EXTRA NS  what the sidecar answered, NS after the act began
//! reject ORDER                                 the venue refused an order
//! over ACT GATE                                everything asked for in the act was answered
//! ```
//! Gates, actions, verdicts and reasons are the numbers of `tripline.h`.

use std::fmt;

use tripline::control::demo::acts::{Act, Answer, Ask};
use tripline::model::event::OrderAction;
use tripline::model::verdict::Verdict;
use tripline::model::{Reason, TradingState};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Mark { index: u64, gate: u64 },
    Halt { index: u64, gate: u64, before: u64, after: u64, nanos: u64 },
    Refused { index: u64, gate: u64 },
    Done { points: u64, gate: u64 },
    Ask { act: Act, ask: Ask },
    Answer { act: Act, answer: Answer },
    Reject { order: u64 },
    Over { act: Act, gate: u64 },
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Mark { index, gate } => write!(f, "mark {index} {gate}"),
            Self::Halt { index, gate, before, after, nanos } => {
                write!(f, "halt {index} {gate} {before} {after} {nanos}")
            }
            Self::Refused { index, gate } => write!(f, "refused {index} {gate}"),
            Self::Done { points, gate } => write!(f, "done {points} {gate}"),
            Self::Ask { act, ask: Ask { action, order, qty } } => {
                write!(f, "ask {act} {} {order} {qty}", action as u8)
            }
            Self::Answer { act, answer } => {
                let Answer { action, order, verdict, reason, extra, at_ns } = answer;
                let reason = reason.map_or(0, |reason| reason as u16);
                write!(f, "answer {act} {} {order} {} {reason} {extra} {at_ns}", action as u8, verdict as u8)
            }
            Self::Reject { order } => write!(f, "reject {order}"),
            Self::Over { act, gate } => write!(f, "over {act} {gate}"),
        }
    }
}

impl Line {
    /// The line this text is, if it is one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let kind = words.next()?;
        let act = match kind {
            "ask" | "answer" | "over" => words.next(),
            _ => None,
        };
        let act = || Act::ALL.into_iter().find(|one| Some(one.as_str()) == act);
        let numbers: Vec<u64> = words.map(str::parse).collect::<Result<_, _>>().ok()?;
        let action = |raw: u64| OrderAction::from_raw(u8::try_from(raw).ok()?);
        Some(match (kind, numbers.as_slice()) {
            ("mark", &[index, gate]) => Self::Mark { index, gate },
            ("halt", &[index, gate, before, after, nanos]) => {
                Self::Halt { index, gate, before, after, nanos }
            }
            ("refused", &[index, gate]) => Self::Refused { index, gate },
            ("done", &[points, gate]) => Self::Done { points, gate },
            ("ask", &[raw, order, qty]) => {
                let ask = Ask { action: action(raw)?, order, qty: i64::try_from(qty).ok()? };
                Self::Ask { act: act()?, ask }
            }
            ("answer", &[raw, order, verdict, reason, extra, at_ns]) => {
                let verdict = Verdict::from_u8(u8::try_from(verdict).ok()?)?;
                let reason = match reason {
                    0 => None,
                    raw => Some(Reason::from_u16(u16::try_from(raw).ok()?)?),
                };
                let answer = Answer { action: action(raw)?, order, verdict, reason, extra, at_ns };
                Self::Answer { act: act()?, answer }
            }
            ("reject", &[order]) => Self::Reject { order },
            ("over", &[gate]) => Self::Over { act: act()?, gate },
            _ => return None,
        })
    }
}

/// The state behind a value of the C ABI's gate; the demo trades live, so PAPER does not occur.
pub(crate) fn state_of(gate: u64) -> TradingState {
    match gate {
        3 => TradingState::Active,
        1 => TradingState::ReduceOnly,
        _ => TradingState::Halted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_as_it_was_written() {
        let (act, order) = (Act::AfterKill, u64::MAX);
        let answer = Answer {
            action: OrderAction::Cancel,
            order,
            verdict: Verdict::Deny,
            reason: Some(Reason::ExitSize),
            extra: 3,
            at_ns: 4,
        };
        for line in [
            Line::Mark { index: 1, gate: 3 },
            Line::Halt { index: 1, gate: 0, before: 2, after: 3, nanos: 4 },
            Line::Refused { index: 1, gate: 0 },
            Line::Done { points: 1, gate: 0 },
            Line::Ask { act, ask: Ask { action: OrderAction::New, order, qty: i64::MAX } },
            Line::Answer { act, answer },
            Line::Answer { act, answer: Answer { reason: None, ..answer } },
            Line::Reject { order },
            Line::Over { act, gate: 1 },
        ] {
            assert_eq!(Line::parse(&line.to_string()), Some(line), "{line}");
        }
        for text in ["", "mark", "mark 1", "mark 1 2 3", "mark x 1", "ask dance 0 1 1", "ask burst 9 1 1"] {
            assert_eq!(Line::parse(text), None, "{text:?}");
        }
    }
}
