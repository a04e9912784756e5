//! Waits that end, and how often a test tries.

use std::io::Write;
use std::time::Duration;
#[cfg(feature = "sidecar")]
use std::time::Instant;

#[cfg(feature = "sidecar")]
use tripline::runtime::pin;

/// Longer than anything takes on a machine that works, however busy it is.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Looks again and again until there is an answer; panics when there is none within `within`.
#[cfg(feature = "sidecar")]
pub fn wait_within<T>(within: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let by = Instant::now() + within;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < by, "not within {within:?}: {what}");
        pin::sleep(300_000);
    }
}

/// As [`wait_within`], with [`PATIENCE`].
#[cfg(feature = "sidecar")]
pub fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait_within(PATIENCE, what, look)
}

/// How often a test tries: its own number, or `TRIPLINE_TEST_TRIES` when that is larger.
pub fn tries(usual: u32) -> u32 {
    let asked = std::env::var("TRIPLINE_TEST_TRIES").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(0).max(usual)
}

/// Says on the terminal, past the harness that keeps what passing tests print, that something was not tested.
pub fn not_run(what: &str) {
    let _nobody_reads = writeln!(std::io::stderr(), "\nNOT RUN: {what}");
}
