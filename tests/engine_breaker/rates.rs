//! How often a breaker opens for nothing, and how soon it opens for something: many runs, through the whole engine.
//!
//! The seed is fixed, because a share of few runs is a matter of luck. For what many runs say:
//! `TRIPLINE_RUNS=4000 cargo test --profile checked --test engine_breaker rates -- --nocapture`.

use tripline::engine::limits::{BreakerLimits, BreakerRule};
use tripline::model::Nanos;

use crate::support::desk::*;
use crate::support::seed::Seed;
use crate::{ACCOUNT, Orders, SIGNIFICANT, error_if, guarded};

const LITERAL: BreakerLimits =
    BreakerLimits { rule: BreakerRule::Literal { window: 100, min: 20 }, ..SIGNIFICANT };
/// Runs of each kind; more in `TRIPLINE_RUNS`.
const RUNS: u32 = 200;
/// Ten orders a second.
const GAP: Nanos = Nanos::from_millis(100);

/// Places orders that fail at a rate until the breaker opens, `orders` at most. The order with which it opened.
fn orders_to_trip(
    breaker: BreakerLimits,
    percent: u64,
    orders: u32,
    gap: Nanos,
    seed: &mut Seed,
) -> Option<u32> {
    let mut limits = guarded(breaker);
    limits.books.iter_mut().for_each(|book| book.breaker = None);
    let mut desk = Desk::new(limits);
    for order in 1..=orders {
        let error = seed.below(100) < percent;
        desk.outcome(0, error_if(error));
        if error && desk.breaker(ACCOUNT).open {
            return Some(order);
        }
        desk.wait(gap);
    }
    None
}

fn runs() -> u32 {
    std::env::var("TRIPLINE_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(RUNS)
}

/// Share of runs, in tenths of a percent, in which it opens within 10 000 orders.
fn trips(breaker: BreakerLimits, percent: u64, gap: Nanos, seed: &mut Seed) -> u32 {
    let runs = runs();
    let tripped = (0..runs).filter(|_| orders_to_trip(breaker, percent, 10_000, gap, seed).is_some());
    tripped.count() as u32 * 1_000 / runs
}

/// The median over an odd number of runs, which all trip.
fn median(breaker: BreakerLimits, percent: u64, runs: u32, seed: &mut Seed) -> u32 {
    let mut orders: Vec<u32> =
        (0..runs).map(|_| orders_to_trip(breaker, percent, 10_000, GAP, seed).expect("it trips")).collect();
    orders.sort_unstable();
    orders[orders.len() / 2]
}

#[test]
fn false_trips_are_as_rare_as_published() {
    let mut seed = Seed::starting_at(1, "engine_breaker false_trips");
    println!("opens within 10 000 orders, share of runs (limit 5 %, ten orders a second)");
    // True error rate in percent, and the published share of runs in percent.
    let runs = runs();
    for (name, breaker, published) in [
        ("literal 100/20", LITERAL, [(1, 23), (2, 100), (3, 100)]),
        ("significant", SIGNIFICANT, [(1, 0), (2, 0), (3, 3)]),
    ] {
        for (percent, expected) in published {
            let share = trips(breaker, percent, GAP, &mut seed);
            println!(
                "{name:15} {percent} %: {}.{} % of {runs}, published {expected} %",
                share / 10,
                share % 10
            );
            assert!(share.abs_diff(expected * 10) <= 30, "{name} at {percent} %: {share} of 1 000");
        }
    }
}

#[test]
fn a_real_problem_opens_it_as_soon_as_published() {
    let mut seed = Seed::starting_at(1, "engine_breaker a_real_problem");
    println!("orders to trip from a cold start, median (limit 5 %)");
    for (name, breaker, published) in [
        ("literal 100/20", LITERAL, [(20, 23), (50, 21), (100, 20)]),
        ("significant", SIGNIFICANT, [(20, 33), (50, 11), (100, 10)]),
    ] {
        for (percent, expected) in published {
            let orders = median(breaker, percent, 2_001, &mut seed);
            println!("{name:15} {percent} %: {orders}, published {expected}");
            assert!(orders.abs_diff(expected) <= 1, "{name} at {percent} %: {orders}");
        }
    }
}
