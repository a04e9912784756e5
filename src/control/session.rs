//! COLD: the session roll: once per UTC day, by absolute deadline.
//!
//! The id of a session is its UTC day number. It only grows, so a wall clock stepped backward never reopens a
//! session. The id of the present day is sent to every core that starts, too: a roll missed while control was down is
//! made up, and one that was not missed repeats an id the engine has already seen and ignores.

use core::time::Duration;
use std::sync::Arc;

use super::clock;
use super::desk::Desk;
use crate::model::{Event, Nanos};

const DAY_NS: u64 = 86_400_000_000_000;
/// A wall clock that is stepped is noticed this soon.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// The session to announce at this time, unless `last` is as new.
fn due(utc_ns: u64, last: Option<u64>) -> Option<u64> {
    let session = utc_ns / DAY_NS;
    (Some(session) > last).then_some(session)
}

/// How long to wait before looking at the clock again.
fn wait(utc_ns: u64) -> Duration {
    Duration::from_nanos(DAY_NS - utc_ns % DAY_NS).min(LOOK_AGAIN)
}

/// Announces sessions for as long as it is polled.
pub(super) async fn roll(desk: Arc<Desk>) {
    let mut told: Option<(Nanos, u64)> = None;
    loop {
        let pause = match desk.stats() {
            Some(stats) => announce(&desk, stats.looping.started, &mut told),
            None => TRY_AGAIN,
        };
        tokio::time::sleep(pause).await;
    }
}

/// Tells the core that started at `core` what it has not been told, and says how long to wait.
fn announce(desk: &Desk, core: Nanos, told: &mut Option<(Nanos, u64)>) -> Duration {
    let now = clock::utc_now_ns();
    let last = told.filter(|&(started, _)| started == core).map(|(_, session)| session);
    // Also a new core must not hear of an older session than the one before it did.
    let newest = told.map_or(0, |(_, session)| session);
    let Some(session) = due(now, last).map(|session| session.max(newest)) else { return wait(now) };
    match desk.send(Event::Roll { session }) {
        Ok(()) => {
            *told = Some((core, session));
            tracing::info!(event = "session_roll", session);
            wait(now)
        }
        Err(error) => {
            tracing::warn!(event = "session_roll_refused", session, %error);
            TRY_AGAIN
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_announced_once_and_never_an_older_one() {
        let midnight = 20_000 * DAY_NS;
        for (name, now, last, expected) in [
            ("at start", midnight + 5, None, Some(20_000)),
            ("the last nanosecond of a day", midnight - 1, Some(19_999), None),
            ("midnight", midnight, Some(19_999), Some(20_000)),
            ("later the same day", midnight + 1, Some(20_000), None),
            ("after days asleep", midnight + 3 * DAY_NS, Some(20_000), Some(20_003)),
            ("clock stepped backward", midnight - 1, Some(20_000), None),
        ] {
            assert_eq!(due(now, last), expected, "{name}");
        }
    }

    #[test]
    fn the_wait_ends_at_midnight_or_soon() {
        assert_eq!(wait(DAY_NS - 1), Duration::from_nanos(1));
        assert_eq!(wait(0), LOOK_AGAIN);
    }
}
