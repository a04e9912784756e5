//! COLD: `[permit]` and `[directives]`: how long an answer may be used, and how what is asked is followed up.

use super::value;
use super::walk::Section;
use crate::engine::limits::DirectiveLimits;
use crate::model::Nanos;

/// How long a permission may be used after it was given.
pub(super) fn validity(section: Section<'_, '_>) -> Nanos {
    let range = value::duration(Nanos::from_millis(1)..=Nanos::from_secs(10));
    let validity = section.or("validity", Nanos::from_millis(100), range);
    section.finish();
    validity
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
