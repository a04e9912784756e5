//! COLD: metrics of orders: requests by result, breakers, buckets, queues, directives.
//!
//! The results of `tripline_orders_total` exclude each other: a request that waited is counted by how it ended, and one
//! that passed stays passed where it was not sent after all.

use metrics::{counter, describe_counter, describe_gauge, gauge};

use super::{scope_label, seconds};
use crate::control::desk::Desk;
use crate::model::Nanos;
use crate::wire::stats::{BreakerRow, BreakerState, BucketRow, LoopRow, QueueRow, Stats};

pub(super) fn describe() {
    describe_counter!(
        "tripline_orders_total",
        "Requests by result: passed, denied, or dropped from a queue."
    );
    describe_counter!("tripline_orders_queued_total", "Requests that had to wait, whatever became of them.");
    describe_counter!("tripline_orders_not_sent_total", "Requests that passed and were not sent after all.");
    describe_counter!("tripline_order_timeouts_total", "Orders that no venue answered in time.");
    describe_counter!("tripline_unmapped_rejects_total", "Rejects whose code no map knows.");
    describe_counter!("tripline_duplicate_orders_total", "Orders with an id that was seen before.");
    describe_counter!("tripline_directives_total", "Directives issued to executors.");
    describe_counter!("tripline_directives_failed_total", "Directives nobody carried out in time.");
    describe_gauge!(
        "tripline_breaker_state",
        "Error-rate breaker of an account or book: 0 closed, 1 open, 2 half open, 3 forced open; 0 also where it stops nothing."
    );
    describe_counter!("tripline_breaker_openings_total", "Openings of an error-rate breaker.");
    describe_gauge!(
        "tripline_bucket_used_ratio",
        "Share of a rate bucket that is used; 1 also while it is closed."
    );
    describe_counter!("tripline_bucket_rejects_total", "Rejects for rate (429) that a bucket has seen.");
    describe_gauge!("tripline_throttle_queue_depth", "Requests waiting for a venue.");
    describe_gauge!("tripline_throttle_queue_capacity", "Requests that may wait for a venue.");
    describe_gauge!(
        "tripline_throttle_queue_oldest_age_seconds",
        "How long the oldest request has waited; 0 when none does."
    );
    describe_counter!("tripline_throttle_dropped_total", "Requests dropped from the queue of a venue.");
}

pub(super) fn mirror(desk: &Desk, stats: &Stats) {
    totals(&stats.looping);
    for row in &stats.breakers {
        breaker(desk, row);
    }
    for row in &stats.buckets {
        bucket(desk, row);
    }
    for row in &stats.queues {
        queue(desk, row);
    }
}

fn totals(row: &LoopRow) {
    for (result, count) in [("passed", row.passed), ("denied", row.denied), ("dropped", row.dropped)] {
        counter!("tripline_orders_total", "result" => result).absolute(count);
    }
    counter!("tripline_orders_queued_total").absolute(row.queued);
    counter!("tripline_orders_not_sent_total").absolute(row.not_sent);
    counter!("tripline_order_timeouts_total").absolute(row.timeouts);
    counter!("tripline_unmapped_rejects_total").absolute(row.unmapped_rejects);
    counter!("tripline_duplicate_orders_total").absolute(row.duplicate_orders);
    counter!("tripline_directives_total").absolute(row.directives);
    counter!("tripline_directives_failed_total").absolute(row.failed_directives);
}

fn breaker(desk: &Desk, row: &BreakerRow) {
    let scope = scope_label(desk, row.scope);
    gauge!("tripline_breaker_state", "scope" => scope.clone()).set(breaker_state(row.state));
    counter!("tripline_breaker_openings_total", "scope" => scope).absolute(row.openings);
}

fn breaker_state(state: BreakerState) -> f64 {
    match state {
        BreakerState::Closed | BreakerState::MetricsOnly => 0.0,
        BreakerState::Open => 1.0,
        BreakerState::HalfOpen => 2.0,
        BreakerState::ForcedOpen => 3.0,
    }
}

fn bucket(desk: &Desk, row: &BucketRow) {
    let named = desk.limits().buckets.iter().find(|bucket| u64::from(bucket.id) == row.id);
    let Some(name) = named.map(|bucket| bucket.name.to_string()) else { return };
    let is_closed = row.limit == 0 || row.closed_until > desk.now();
    let used = if is_closed { 1.0 } else { row.used as f64 / row.limit as f64 };
    gauge!("tripline_bucket_used_ratio", "bucket" => name.clone()).set(used);
    counter!("tripline_bucket_rejects_total", "bucket" => name).absolute(row.rejects);
}

fn queue(desk: &Desk, row: &QueueRow) {
    let index = usize::try_from(row.venue).ok();
    let venue = index.and_then(|index| desk.limits().venues.get(index)).map(|venue| venue.name.to_string());
    let Some(venue) = venue else { return };
    let oldest = if row.oldest > Nanos::ZERO { desk.now().since(row.oldest) } else { Nanos::ZERO };
    gauge!("tripline_throttle_queue_depth", "venue" => venue.clone()).set(row.depth as f64);
    gauge!("tripline_throttle_queue_capacity", "venue" => venue.clone()).set(row.capacity as f64);
    gauge!("tripline_throttle_queue_oldest_age_seconds", "venue" => venue.clone()).set(seconds(oldest.0));
    counter!("tripline_throttle_dropped_total", "venue" => venue).absolute(row.dropped);
}
