//! COLD: guards that count what becomes of orders: error-rate breakers, authentication, liquidation, duplicates.
//!
//! Each is on unless `"off"` is written out, and then `tripline check` says so.

use super::guards;
use super::problems::Fault;
use super::value;
use super::walk::Section;
use crate::engine::limits::{
    Actions, BreakerLimits, BreakerRule, CountLimits, DuplicateLimits, HalfOpenLimits,
};
use crate::model::Nanos;

/// Events whose times the engine keeps.
const EVENTS: u8 = 32;
const MINUTE: Nanos = Nanos::from_secs(60);
const DAY: Nanos = Nanos::from_secs(86_400);

/// The key `breaker` of an account or a book.
pub(super) fn breaker(parent: &Section<'_, '_>) -> Option<BreakerLimits> {
    let Some(section) = parent.table_unless("breaker", "off") else {
        parent.note("breaker", "off: whatever share of orders ends in an error, new ones go on");
        return None;
    };
    let default = BreakerLimits::default();
    let rule = rule(&section);
    let limit = section.or("limit", default.limit, value::ratio(1..=5_000));
    let consecutive = section.or("consecutive", default.consecutive, value::integer(0..=10_000));
    if consecutive == 0 {
        section.note("consecutive", "off: errors in a row open nothing by themselves");
    }
    let second = Nanos::from_secs(1);
    let cooldown = section.or("cooldown", default.cooldown, value::duration(second..=DAY));
    let caps = value::duration(cooldown..=DAY);
    let cooldown_cap = section.or("cooldown_cap", default.cooldown_cap.max(cooldown), caps);
    let smallest_window = smallest_window(&section, rule);
    let metrics_only = section.or("metrics_only", false, value::boolean);
    if metrics_only {
        section.note("metrics_only", "the breaker tells when it would open, and stops nothing");
    }
    let half_open = half_open(&section, metrics_only);
    section.finish();
    Some(BreakerLimits {
        rule,
        limit,
        consecutive,
        cooldown,
        cooldown_cap,
        smallest_window,
        half_open,
        metrics_only,
    })
}

/// Off unless there is a table.
fn half_open(breaker: &Section<'_, '_>, metrics_only: bool) -> Option<HalfOpenLimits> {
    let section = breaker.table_unless("half_open", "off").filter(|_| breaker.has("half_open"))?;
    if metrics_only {
        let remedy = "leave one of them out: what never opens has nothing to try";
        breaker.report("half_open", Fault::Conflict { with: "metrics_only = true", remedy });
    }
    let default = HalfOpenLimits::default();
    let probes = section.or("probes", default.probes, value::integer(1..=100));
    let waits = value::duration(Nanos::from_secs(1)..=DAY);
    let max_wait = section.or("max_wait", default.max_wait, waits);
    section.finish();
    Some(HalfOpenLimits { probes, max_wait })
}

/// Outcomes below which no window counts; a literal rule says so by `min`.
fn smallest_window(section: &Section<'_, '_>, rule: BreakerRule) -> u16 {
    let default = match rule {
        BreakerRule::Significant => BreakerLimits::default().smallest_window,
        BreakerRule::Literal { min, .. } => min,
    };
    let smallest = section.or("smallest_window", default, value::integer(1..=BreakerLimits::MAX_WINDOW));
    if section.has("smallest_window") && rule != BreakerRule::Significant {
        let remedy = "use min: a literal window counts from there on";
        section.report("smallest_window", Fault::Conflict { with: "rule = \"literal\"", remedy });
    }
    smallest
}

/// How windows are judged. A literal rule brings its own window.
fn rule(section: &Section<'_, '_>) -> BreakerRule {
    let rules = value::word(&[("significant", false), ("literal", true)]);
    let is_literal = section.or("rule", false, rules);
    if is_literal {
        let window = section.or("window", 200, value::integer(1..=BreakerLimits::MAX_WINDOW));
        let min = section.or("min", window.min(100), value::integer(1..=window));
        return BreakerRule::Literal { window, min };
    }
    // A misspelt rule is told already, and might make these right.
    let is_significant = section.peek("rule", |value| Some(value.as_str() == Some("significant")));
    for key in ["window", "min"] {
        if section.has(key) && is_significant.unwrap_or(true) {
            let remedy = "write rule = \"literal\" with it, or leave it out";
            section.report(key, Fault::Conflict { with: "rule = \"significant\", the default", remedy });
        }
    }
    BreakerRule::Significant
}

/// The keys `auth` and `liquidation` of an account, as in `auth = "3 in 60s"`, and what their trips direct.
///
/// A refused credential halts, and refused again flattens; a liquidation error flattens at once.
pub(super) fn counts(account: &Section<'_, '_>) -> (Option<CountLimits>, Option<CountLimits>) {
    let flatten = Actions::CANCEL_ALL.union(Actions::FLATTEN);
    let repeated = guards::actions(account, "auth_repeated_actions", flatten);
    let auth = CountLimits { count: 3, window: MINUTE, actions: Actions::empty(), repeated };
    let actions = guards::actions(account, "liquidation_actions", flatten);
    let liquidation = CountLimits { count: 2, window: MINUTE, actions, repeated: actions };
    (count(account, "auth", auth), count(account, "liquidation", liquidation))
}

fn count(account: &Section<'_, '_>, key: &'static str, default: CountLimits) -> Option<CountLimits> {
    let some = value::count_in(1..=EVENTS, Nanos::from_millis(1)..=DAY);
    let own = (default.count, default.window);
    let counts = account.or(key, Some(own), value::unless("off", some));
    if counts.is_none() {
        account.note(key, "off: such errors halt nothing");
    }
    counts.map(|(count, window)| CountLimits { count, window, ..default })
}

/// The key `duplicates` of a strategy. A market maker repeats itself by trade, so for one it is off unless a table
/// says otherwise.
pub(super) fn duplicates(strategy: &Section<'_, '_>) -> Option<DuplicateLimits> {
    let roles = value::word(&[("taker", false), ("maker", true)]);
    let is_maker = strategy.or("role", false, roles);
    if is_maker && !strategy.has("duplicates") {
        strategy.note("role", "a market maker repeats itself: equal orders are not counted");
        return None;
    }
    let Some(section) = strategy.table_unless("duplicates", "off") else {
        strategy.note("duplicates", "off: the same order may be sent again and again");
        return None;
    };
    let default = DuplicateLimits::default();
    // The first order of its kind is no duplicate.
    let deny = section.or("deny", default.deny, value::integer(2..=EVENTS));
    let trip = section.or("trip", default.trip.max(deny), value::integer(deny..=EVENTS));
    let windows = value::duration(Nanos::from_millis(1)..=Nanos::from_secs(3_600));
    let window = section.or("window", default.window, windows);
    let cooldowns = value::duration(Nanos::from_secs(1)..=DAY);
    let cooldown = section.or("cooldown", default.cooldown, cooldowns);
    section.finish();
    Some(DuplicateLimits { deny, trip, window, cooldown })
}
