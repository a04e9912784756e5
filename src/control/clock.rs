//! COLD: wall time for people; the one door to jiff.
//!
//! The engine's instants are monotonic. A report says when something was by subtracting its age from the wall
//! clock of the moment, so a stepped clock moves the whole report, never the decisions.

pub mod session;

use jiff::Timestamp;

use crate::model::Nanos;

/// Now, in nanoseconds since 1970 UTC.
#[must_use]
pub fn utc_now_ns() -> u64 {
    u64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(0)
}

/// `2026-11-22T03:12:07.412318000Z`, or the number where it is beyond the calendar.
#[must_use]
pub fn utc_text(utc_ns: u64) -> String {
    match Timestamp::from_nanosecond(i128::from(utc_ns)) {
        Ok(instant) => format!("{instant:.9}"),
        Err(_) => utc_ns.to_string(),
    }
}

/// The instant [`utc_text`] wrote.
#[must_use]
pub fn parse_utc(text: &str) -> Option<u64> {
    let instant: Timestamp = text.parse().ok()?;
    u64::try_from(instant.as_nanosecond()).ok()
}

/// When a monotonic instant was, given both clocks of one moment.
#[must_use]
pub const fn utc_of(instant: Nanos, now: Nanos, utc_now_ns: u64) -> u64 {
    utc_now_ns.saturating_sub(now.since(instant).0)
}

/// When a monotonic deadline is, given both clocks of one moment; one that has passed is as far in the past.
#[must_use]
pub const fn utc_until(deadline: Nanos, now: Nanos, utc_now_ns: u64) -> u64 {
    utc_of(deadline, now, utc_now_ns.saturating_add(deadline.since(now).0))
}

/// An age as a person says it: `0.2 us`, `41 ms`, `4m 11s`.
#[must_use]
pub fn age_text(age: Nanos) -> String {
    let nanos = age.0;
    match nanos {
        0..1_000_000 => format!("{}.{} us", nanos / 1_000, nanos % 1_000 / 100),
        1_000_000..1_000_000_000 => format!("{} ms", nanos / 1_000_000),
        _ => {
            let secs = nanos / 1_000_000_000;
            let (hours, minutes, seconds) = (secs / 3_600, secs / 60 % 60, secs % 60);
            match (hours, minutes) {
                (0, 0) => format!("{seconds}s"),
                (0, _) => format!("{minutes}m {seconds:02}s"),
                _ => format!("{hours}h {minutes:02}m"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_keep_their_nanoseconds_and_come_back() {
        let text = utc_text(1_795_317_127_412_318_001);
        assert_eq!(text, "2026-11-22T03:12:07.412318001Z");
        assert_eq!(parse_utc(&text), Some(1_795_317_127_412_318_001));
    }

    #[test]
    fn ages_are_said_as_people_say_them() {
        for (nanos, text) in [
            (200, "0.2 us"),
            (999_999, "999.9 us"),
            (41_000_000, "41 ms"),
            (59_000_000_000, "59s"),
            (251_000_000_000, "4m 11s"),
            (3_600_000_000_000, "1h 00m"),
        ] {
            assert_eq!(age_text(Nanos(nanos)), text);
        }
    }

    #[test]
    fn an_instant_from_the_future_is_now() {
        assert_eq!(utc_of(Nanos(10), Nanos(5), 100), 100);
        assert_eq!(utc_of(Nanos(2), Nanos(5), 100), 97);
    }

    #[test]
    fn a_deadline_lies_as_far_from_now_on_both_clocks() {
        for (deadline, utc) in [(2, 97), (5, 100), (10, 105), (u64::MAX, u64::MAX)] {
            assert_eq!(utc_until(Nanos(deadline), Nanos(5), 100), utc, "{deadline}");
        }
    }
}
