//! COLD: `[permit]`, `[directives]` and `[approval]`: how long an answer may be used, how what is asked is followed up, and
//! who has to agree before a large loss is reset.

use super::walk::Section;
use super::{trading, value};
use crate::engine::limits::{ApprovalLimits, DirectiveLimits};
use crate::model::Nanos;

/// How long a permission may be used after it was given.
pub(super) fn validity(section: Section<'_, '_>) -> Nanos {
    let range = value::duration(Nanos::from_millis(1)..=Nanos::from_secs(10));
    let validity = section.or("validity", Nanos::from_millis(100), range);
    section.finish();
    validity
}

/// Who has to agree before a drawdown that has lost much is reset.
pub(super) fn approval(section: Section<'_, '_>) -> ApprovalLimits {
    let default = ApprovalLimits::default();
    let approvers = section.or("approvers", Vec::new(), value::list(trading::user));
    let loss = section.or("loss", default.loss, value::ratio(1..=10_000));
    if approvers.len() < 2 {
        section.note("approvers", "fewer than two: one person may reset a drawdown, however much was lost");
    }
    section.finish();
    ApprovalLimits { approvers, loss }
}

/// How directives are followed up.
pub(super) fn directives(section: Section<'_, '_>) -> DirectiveLimits {
    let default = DirectiveLimits::default();
    let range = value::duration(Nanos::from_millis(10)..=Nanos::from_secs(60));
    let ack_timeout = section.or("ack_timeout", default.ack_timeout, range);
    let attempts = section.or("attempts", default.attempts, value::integer(1..=16));
    // Void before it could be missed, nobody else would ever be asked.
    let range = value::duration(ack_timeout..=Nanos::from_secs(3_600));
    let timeout = section.or("timeout", default.timeout, range);
    section.finish();
    DirectiveLimits { ack_timeout, attempts, timeout }
}
