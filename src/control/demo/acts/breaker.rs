//! COLD: the reject burst: a venue that cannot take orders any more.

use serde::Serialize;

use super::{Answer, AnswerRecord, Lapse, Transcript};
use crate::control::demo::report::SCHEMA;
use crate::control::report::{BreakerReport, Report};
use crate::model::TradingState;
use crate::model::event::OrderAction;
use crate::model::verdict::Verdict;

/// Errors in a row that open the breaker.
pub const CONSECUTIVE: u64 = 10;
/// Orders the strategy gives up after: a breaker that has not opened by then is not going to.
pub const PATIENCE: u64 = 3 * CONSECUTIVE;
/// The guard that owns the cause.
const GUARD: &str = "error-rate";

/// How it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// Orders the venue rejected before the breaker opened.
    pub rejects: u64,
    /// Why it opened, the sidecar's word.
    pub reason: String,
    /// What it measured, and what it holds that against.
    pub measured: (String, String),
    /// The account's state.
    pub state: String,
    /// The gate as the strategy reads it.
    pub gate: TradingState,
    /// The answer to the next new order.
    pub next_order: Answer,
    /// The answer to a cancel.
    pub cancel: Answer,
    /// When its cool-down ends, UTC.
    pub until: String,
    /// How long that was when the status was read.
    pub left: String,
}

/// Whether the breaker of `account` is open in a status.
#[must_use]
pub fn is_open(report: &Report, account: &str) -> bool {
    breaker_of(report, account).is_some_and(|breaker| breaker.open)
}

fn breaker_of<'a>(report: &'a Report, account: &str) -> Option<&'a BreakerReport> {
    report.breakers.iter().find(|breaker| breaker.scope == format!("account:{account}"))
}

impl Breaker {
    /// What a transcript with `rejects` rejects, the gate after it and the sidecar's status show.
    ///
    /// # Errors
    /// The first thing that they do not show.
    pub fn of(
        transcript: &Transcript,
        rejects: u64,
        gate: TradingState,
        report: &Report,
        account: &str,
    ) -> Result<Self, Lapse> {
        let finals = transcript.finals()?;
        let denied = finals.iter().find(|last| last.verdict == Verdict::Deny);
        let next_order = *denied
            .ok_or_else(|| format!("reject burst: after {rejects} rejects the next order was not denied"))?;
        let cancel = *finals
            .iter()
            .find(|last| last.action == OrderAction::Cancel)
            .filter(|last| last.verdict == Verdict::Pass)
            .ok_or("reject burst: a cancel did not pass while the breaker was open")?;
        let scope = format!("account:{account}");
        let cause = report.causes.iter().find(|cause| cause.scope == scope && cause.guard == GUARD);
        let cause = cause.ok_or("reject burst: the status names no error-rate breaker")?;
        let word = report.accounts.iter().find(|word| word.name == account);
        let state = word.map(|word| word.state.clone()).unwrap_or_default();
        if state != TradingState::ReduceOnly.as_str() || gate != TradingState::ReduceOnly {
            return Err(format!(
                "reject burst: the account is {state:?} and the gate {gate}, not REDUCE_ONLY"
            ));
        }
        let breaker = breaker_of(report, account).ok_or("reject burst: the status shows no breaker")?;
        let (Some(until), Some(left)) = (breaker.until.clone(), breaker.left.clone()) else {
            return Err("reject burst: the open breaker has no cool-down".to_owned());
        };
        Ok(Self {
            rejects,
            reason: cause.reason.clone(),
            measured: (cause.measured.clone(), cause.limit.clone()),
            state,
            gate,
            next_order,
            cancel,
            until,
            left,
        })
    }

    /// The record as one line of JSON.
    ///
    /// # Errors
    /// None that is known: it holds numbers and names.
    pub fn to_json(&self) -> serde_json::Result<String> {
        #[derive(Serialize)]
        struct Record<'a> {
            schema: &'static str,
            record: &'static str,
            rejects: u64,
            reason: &'a str,
            measured: &'a str,
            limit: &'a str,
            state: &'a str,
            gate: &'static str,
            next_order: AnswerRecord,
            cancel: AnswerRecord,
            until: &'a str,
            left: &'a str,
        }
        serde_json::to_string(&Record {
            schema: SCHEMA,
            record: "breaker",
            rejects: self.rejects,
            reason: &self.reason,
            measured: &self.measured.0,
            limit: &self.measured.1,
            state: &self.state,
            gate: self.gate.as_str(),
            next_order: AnswerRecord::from(&self.next_order),
            cancel: AnswerRecord::from(&self.cancel),
            until: &self.until,
            left: &self.left,
        })
    }

    /// What happened, for a person.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        vec![
            "reject burst: the venue takes no order any more".to_owned(),
            format!("  breaker   opened after {} rejects, {}", self.rejects, self.reason),
            format!("  account   {}, cool-down until {}, {} left", self.state, self.until, self.left),
            format!("  orders    the next one: {}", self.next_order),
            format!("  cancels   still pass: {}", self.cancel),
        ]
    }
}
