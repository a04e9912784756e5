//! COLD: the part of the status screen about orders. What is closed, empty and done is not worth a line at night.

use std::fmt::Write;

use super::{line, time_of_day};
use crate::control::clock;
use crate::control::report::{
    BreakerReport, BucketReport, DirectiveReport, QueueReport, Report, RequestReport, StragglerReport,
};
use crate::model::Nanos;

/// Orders after a halt that the screen has room for; the JSON has more.
const STRAGGLERS_SHOWN: usize = 8;

/// Breakers that are open or near, buckets that are full or nearly.
pub(super) fn guards(text: &mut String, report: &Report) {
    for breaker in report.breakers.iter().filter(|breaker| breaker.open || breaker.near) {
        line(text, "breaker", &breaker_line(breaker));
    }
    for bucket in report.buckets.iter().filter(|bucket| is_tight(bucket)) {
        line(text, "bucket", &bucket_line(bucket));
    }
}

/// What waits, what is asked of executors, and what left after a halt.
pub(super) fn flow(text: &mut String, report: &Report) {
    if let Some(requests) = &report.requests {
        request_lines(text, requests);
    }
    for queue in report.queues.iter().filter(|queue| queue.depth > 0) {
        line(text, "queue", &queue_line(queue));
    }
    for directive in report.directives.iter().filter(|directive| directive.outcome != "done") {
        line(text, "directive", &directive_line(directive));
    }
    let (stragglers, violations) =
        report.looping.as_ref().map_or((0, 0), |looping| (looping.stragglers, looping.violations));
    if stragglers > 0 || violations > 0 {
        let shown = format!("orders on the ring {stragglers}  by writers that had seen it {violations}");
        line(text, "after halt", &shown);
    }
    let newest = report.stragglers.iter().rev();
    for straggler in newest.clone().take(STRAGGLERS_SHOWN) {
        line(text, "", &straggler_line(straggler));
    }
    let more = newest.skip(STRAGGLERS_SHOWN).count();
    if more > 0 {
        line(text, "", &format!("and {more} before: tripline status --json"));
    }
}

fn breaker_line(breaker: &BreakerReport) -> String {
    let BreakerReport { scope, outcomes, errors, consecutive, openings, .. } = breaker;
    let state = match (breaker.open, &breaker.until, &breaker.left) {
        (false, ..) if breaker.state == "METRICS_ONLY" => "stops nothing, near its limit".to_owned(),
        (false, ..) => "closed, near its limit".to_owned(),
        (true, ..) if breaker.state == "HALF_OPEN" => "HALF OPEN, so many new orders may try".to_owned(),
        (true, ..) if breaker.state == "FORCED_OPEN" => "FORCED OPEN until a reset".to_owned(),
        (true, Some(until), Some(left)) => format!("OPEN until {} UTC ({left} left)", time_of_day(until)),
        (true, Some(_), None) => "OPEN, ready to resume".to_owned(),
        (true, None, _) => "OPEN until a reset".to_owned(),
    };
    format!("{scope}  {state}  errors {errors} of {outcomes}  in a row {consecutive}  openings {openings}")
}

/// Four fifths used, or closed by the venue.
fn is_tight(bucket: &BucketReport) -> bool {
    bucket.closed_ns.is_some() || bucket.used.saturating_mul(5) >= bucket.limit.saturating_mul(4)
}

fn bucket_line(bucket: &BucketReport) -> String {
    let BucketReport { name, used, limit, rejects, .. } = bucket;
    let mut shown = format!("{name}  used {used} of {limit}");
    if let Some(closed) = bucket.closed_ns {
        let _ = write!(shown, "  CLOSED by the venue for {}", clock::age_text(Nanos(closed)));
    }
    if *rejects > 0 {
        let _ = write!(shown, "  rejects for rate {rejects}");
    }
    shown
}

fn request_lines(text: &mut String, counts: &RequestReport) {
    let RequestReport { requests, passed, denied, queued, dropped, not_sent, .. } = counts;
    if *requests > 0 {
        let shown = format!(
            "{requests}  passed {passed}  denied {denied}  dropped {dropped}  waited {queued}  not sent {not_sent}"
        );
        line(text, "requests", &shown);
    }
    let RequestReport { timeouts, unmapped_rejects, duplicate_orders, .. } = counts;
    if *timeouts > 0 || *unmapped_rejects > 0 || *duplicate_orders > 0 {
        let shown = format!(
            "timed out {timeouts}  rejects of an unknown code {unmapped_rejects}  repeated ids {duplicate_orders}"
        );
        line(text, "errors", &shown);
    }
}

fn queue_line(queue: &QueueReport) -> String {
    let QueueReport { venue, depth, capacity, exits, cancels, dropped, .. } = queue;
    let oldest = queue
        .oldest_age_ns
        .map_or_else(String::new, |age| format!("  oldest {}", clock::age_text(Nanos(age))));
    format!(
        "{venue}  {depth} of {capacity} waiting{oldest}  exits {exits}  cancels {cancels}  dropped {dropped}"
    )
}

fn directive_line(directive: &DirectiveReport) -> String {
    let DirectiveReport { id, kind, scope, reason, age, attempts, .. } = directive;
    let holder =
        directive.strategy.as_ref().map_or_else(|| "with nobody".to_owned(), |name| format!("with {name}"));
    let status = match (directive.outcome.as_str(), &directive.status) {
        ("failed", _) => "FAILED",
        (_, Some(status)) => status.as_str(),
        (_, None) => "unanswered",
    };
    let left = match directive.remaining {
        0 => String::new(),
        remaining => format!("  left {remaining}"),
    };
    format!("{id} {kind} {scope}  {status} {holder} after {age}{left}  attempts {attempts}  for {reason}")
}

fn straggler_line(straggler: &StragglerReport) -> String {
    let StragglerReport { order, book, instrument, epoch, .. } = straggler;
    let late = clock::age_text(Nanos(straggler.late_ns));
    let knew = if straggler.violation { "  VIOLATION" } else { "" };
    format!("order {order}  {book} {instrument}  {late} after the halt of epoch {epoch}{knew}")
}
