//! HOT: the guards that every scope has, by number, and what guards are called.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use crate::model::Name;

/// An operator's halt or reduce.
pub const OPERATOR: u16 = 1;
/// The strategy's process: died, lost events, wrote garbage, cannot be kept up with.
pub const CLIENT: u16 = 2;
/// The strategy's sign of life.
pub const HEARTBEAT: u16 = 3;
/// The books: gaps, impossible records, overflow, full tables.
pub const INTEGRITY: u16 = 4;
/// Largest position.
pub const POSITION: u16 = 5;
/// Largest order quantity.
pub const ORDER_QTY: u16 = 6;
/// Largest order notional.
pub const ORDER_NOTIONAL: u16 = 7;
/// Share of orders that end in an error, and errors in a row.
pub const ERROR_RATE: u16 = 8;
/// Authentication errors.
pub const AUTH: u16 = 9;
/// Liquidation errors.
pub const LIQUIDATION: u16 = 10;
/// A queue that halts new orders until it has drained.
pub const QUEUE: u16 = 11;
/// The same order again and again.
pub const DUPLICATE: u16 = 12;
/// A venue that has banned us.
pub const BAN: u16 = 13;
/// The venue's snapshots are not what the books say.
pub const RECONCILE: u16 = 14;
/// Gross exposure.
pub const GROSS: u16 = 15;
/// Net exposure.
pub const NET: u16 = 16;
/// Orders and cancels of a day.
pub const DAILY_COUNT: u16 = 17;
/// Executions since a person enabled the scope.
pub const REPEATS: u16 = 18;
/// An instrument in which nothing may be opened.
pub const RESTRICTED: u16 = 19;
/// An account that waits for the venue's word.
pub const ARMING: u16 = 20;
/// An instrument behind which nothing works.
pub const APPLICATION: u16 = 21;
/// The first configured guard: guard i latches as `64 + 2i`, its soft cause is `65 + 2i`.
pub const CONFIGURED: u16 = 64;

/// Their names, in the order of the numbers.
pub const BUILT_IN: [&str; 21] = [
    "operator",
    "client",
    "heartbeat",
    "integrity",
    "position",
    "order-qty",
    "order-notional",
    "error-rate",
    "auth",
    "liquidation",
    "queue",
    "duplicate",
    "ban",
    "reconcile",
    "gross-exposure",
    "net-exposure",
    "daily-count",
    "repeated-execution",
    "restricted",
    "arming",
    "application",
];

/// The name of one of the engine's own guards.
pub(in crate::engine) fn built_in_name(guard: u16) -> Name {
    let name = usize::from(guard).checked_sub(1).and_then(|index| BUILT_IN.get(index));
    name.and_then(|name| Name::new(name).ok()).unwrap_or_default()
}

/// `<name>.soft`, the name cut where the two do not fit.
pub(in crate::engine) fn soft_name(name: Name) -> Name {
    let keep: String = name.as_str().chars().take(Name::SIZE.saturating_sub(6)).collect();
    Name::new(&format!("{keep}.soft")).unwrap_or(name)
}
