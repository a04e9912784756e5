//! COLD: the session rolls: each clock of the configuration once per day of its zone, by absolute deadline.
//!
//! The id of a session is the number of its day. It only grows, so a wall clock stepped backward never reopens a session.
//! The ids of the present day are sent to every core that starts, too: a roll missed while control was down is made up,
//! and one that was not missed repeats an id the engine has already seen and ignores.

use core::time::Duration;
use std::sync::Arc;

use super::clock::{self, session::SessionClock};
use super::desk::Desk;
use crate::model::{Event, Nanos};

/// A wall clock that is stepped is noticed this soon.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// The core that was told, and which session.
type Told = Option<(Nanos, u64)>;

/// The session to announce to this core at this time, unless it knows one as new.
fn due(clock: &SessionClock, utc_ns: u64, core: Nanos, told: Told) -> Option<u64> {
    let session = clock.session(utc_ns);
    let last = told.filter(|&(started, _)| started == core).map(|(_, session)| session);
    // Also a new core must not hear of an older session than the one before it did.
    let newest = told.map_or(0, |(_, session)| session);
    (Some(session) > last).then_some(session.max(newest))
}

/// How long to wait before looking at the clock again.
fn wait(clock: &SessionClock, utc_ns: u64) -> Duration {
    clock.next(utc_ns).map_or(LOOK_AGAIN, |next| Duration::from_nanos(next - utc_ns).min(LOOK_AGAIN))
}

/// Announces sessions for as long as it is polled.
pub(super) async fn roll(desk: Arc<Desk>) {
    let mut told = vec![None; desk.config().sidecar.clocks.len()];
    loop {
        let pause = match desk.stats() {
            Some(stats) => announce(&desk, stats.looping.started, &mut told),
            None => TRY_AGAIN,
        };
        tokio::time::sleep(pause).await;
    }
}

/// Tells the core that started at `core` what it has not been told, and says how long to wait.
fn announce(desk: &Desk, core: Nanos, told: &mut [Told]) -> Duration {
    let now = clock::utc_now_ns();
    let mut pause = LOOK_AGAIN;
    for ((number, clock), told) in (0..).zip(&desk.config().sidecar.clocks).zip(told) {
        pause = pause.min(wait(clock, now));
        let Some(session) = due(clock, now, core, *told) else { continue };
        match desk.send(Event::Roll { session, clock: number }) {
            Ok(()) => {
                *told = Some((core, session));
                tracing::info!(event = "session_roll", clock = number, session);
            }
            Err(error) => {
                pause = pause.min(TRY_AGAIN);
                tracing::warn!(event = "session_roll_refused", clock = number, session, %error);
            }
        }
    }
    pause
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_NS: u64 = 86_400_000_000_000;

    #[test]
    fn a_session_is_announced_once_and_never_an_older_one() {
        let midnight = 20_000 * DAY_NS;
        let (core, other) = (Nanos(7), Nanos(8));
        for (name, now, told, expected) in [
            ("at start", midnight + 5, None, Some(20_000)),
            ("the last nanosecond of a day", midnight - 1, Some((core, 19_999)), None),
            ("midnight", midnight, Some((core, 19_999)), Some(20_000)),
            ("later the same day", midnight + 1, Some((core, 20_000)), None),
            ("after days asleep", midnight + 3 * DAY_NS, Some((core, 20_000)), Some(20_003)),
            ("clock stepped backward", midnight - 1, Some((core, 20_000)), None),
            ("another core the same day", midnight + 1, Some((other, 20_000)), Some(20_000)),
            ("another core, clock stepped backward", midnight - 1, Some((other, 20_000)), Some(20_000)),
        ] {
            assert_eq!(due(&SessionClock::default(), now, core, told), expected, "{name}");
        }
    }

    #[test]
    fn the_wait_ends_when_a_session_begins_or_soon() {
        let utc = SessionClock::default();
        assert_eq!(wait(&utc, DAY_NS - 1), Duration::from_nanos(1));
        assert_eq!(wait(&utc, 0), LOOK_AGAIN);
        let close = SessionClock::parse("17:00 America/New_York").unwrap();
        let begins = clock::parse_utc("2026-03-08T21:00:00Z").unwrap();
        assert_eq!(
            wait(&close, begins - 5),
            Duration::from_nanos(5),
            "the day on which clocks are put forward"
        );
        assert_eq!(wait(&close, begins), LOOK_AGAIN);
    }
}
