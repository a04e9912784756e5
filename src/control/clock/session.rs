//! COLD: when a trading session begins: at a time of day in a time zone, on every day there is.
//!
//! The zone's rules come from the system's database, else from the one that is compiled in. On a day on which the clock is
//! put forward over that time the session begins as much later; on one on which the time comes twice, at the first.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// A time of day in a time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionClock {
    at: Time,
    zone: TimeZone,
}

/// Why a text is not a [`SessionClock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoClock {
    /// Not a time of day, a blank and a zone.
    Form,
    /// No zone is called so.
    Zone,
}

impl Default for SessionClock {
    fn default() -> Self {
        Self { at: Time::midnight(), zone: TimeZone::UTC }
    }
}

impl SessionClock {
    /// What `00:00 UTC` or `17:00 America/New_York` means.
    ///
    /// # Errors
    /// [`NoClock`].
    pub fn parse(text: &str) -> Result<Self, NoClock> {
        let (at, zone) = text.split_once(' ').ok_or(NoClock::Form)?;
        if at.len() != "00:00".len() {
            return Err(NoClock::Form);
        }
        let at = Time::strptime("%H:%M", at).map_err(|_| NoClock::Form)?;
        let zone = TimeZone::get(zone).ok().filter(|zone| !zone.is_unknown()).ok_or(NoClock::Zone)?;
        Ok(Self { at, zone })
    }

    /// Names of zones.
    #[must_use]
    pub fn zones() -> Vec<String> {
        jiff::tz::db().available().map(|name| name.to_string()).collect()
    }

    /// The session that runs at this time: the day, counted from 1970, on which it began. It only grows with time.
    #[must_use]
    pub fn session(&self, utc_ns: u64) -> u64 {
        let days = self.days_around(utc_ns);
        let running = days.into_iter().rev().find(|&day| self.begins(day).is_some_and(|at| at <= utc_ns));
        running.map_or(0, number)
    }

    /// When the next one begins.
    #[must_use]
    pub fn next(&self, utc_ns: u64) -> Option<u64> {
        self.days_around(utc_ns).into_iter().filter_map(|day| self.begins(day)).find(|&at| at > utc_ns)
    }

    fn begins(&self, day: Date) -> Option<u64> {
        let begin = self.zone.to_zoned(day.to_datetime(self.at)).ok()?;
        u64::try_from(begin.timestamp().as_nanosecond()).ok()
    }

    /// Local days, in order, of which one began the session that runs and one begins the next.
    fn days_around(&self, utc_ns: u64) -> Vec<Date> {
        let Ok(now) = Timestamp::from_nanosecond(i128::from(utc_ns)) else { return Vec::new() };
        let today = self.zone.to_datetime(now).date();
        (-2..=2).filter_map(|days| today.checked_add(days.days()).ok()).collect()
    }
}

fn number(day: Date) -> u64 {
    let since = day.duration_since(Date::constant(1970, 1, 1));
    u64::try_from(since.as_hours() / 24).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::clock::{parse_utc, utc_text};

    fn clock(text: &str) -> SessionClock {
        SessionClock::parse(text).unwrap()
    }

    fn at(text: &str) -> u64 {
        parse_utc(text).unwrap()
    }

    #[test]
    fn a_session_begins_at_its_time_in_its_zone_through_daylight_saving() {
        for (name, text, begins) in [
            ("no zone to speak of", "00:00 UTC", &["2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z"][..]),
            ("put forward", "17:00 America/New_York", &["2026-03-07T22:00:00Z", "2026-03-08T21:00:00Z"]),
            ("put back", "17:00 America/New_York", &["2026-10-31T21:00:00Z", "2026-11-01T22:00:00Z"]),
            (
                "a time that does not exist on that day",
                "02:30 Europe/Berlin",
                &["2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"],
            ),
            (
                "a time that comes twice on that day",
                "02:30 Europe/Berlin",
                &["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
            ),
            (
                "no midnight on that day",
                "00:00 America/Sao_Paulo",
                &["2018-11-03T03:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"],
            ),
            (
                "a day that does not exist",
                "17:00 Pacific/Apia",
                &["2011-12-29T03:00:00Z", "2011-12-30T03:00:00Z", "2011-12-31T03:00:00Z"],
            ),
            (
                "half an hour, east of everything",
                "09:15 Asia/Kolkata",
                &["2026-11-25T03:45:00Z", "2026-11-26T03:45:00Z"],
            ),
        ] {
            let clock = clock(text);
            for pair in begins.windows(2) {
                let (first, next) = (at(pair[0]), at(pair[1]));
                let session = clock.session(first);
                assert!(clock.session(first - 1) < session, "{name}: the instant before {}", pair[0]);
                assert_eq!(clock.session(next - 1), session, "{name}: until {}", pair[1]);
                assert!(clock.session(next) > session, "{name}: at {}", pair[1]);
                assert_eq!(clock.next(first).map(utc_text), Some(utc_text(next)), "{name}");
                assert_eq!(clock.next(next - 1), Some(next), "{name}");
            }
        }
    }

    #[test]
    fn every_session_of_years_begins_when_the_one_before_said_and_has_a_higher_number() {
        let zones = [
            "UTC",
            "America/New_York",
            "Europe/Berlin",
            "Australia/Lord_Howe",
            "Pacific/Apia",
            "Africa/Cairo",
        ];
        for zone in zones {
            for time in ["00:00", "02:30", "17:00", "23:59"] {
                let clock = clock(&format!("{time} {zone}"));
                let mut now = at("2010-01-01T00:00:00Z");
                while now < at("2013-01-01T00:00:00Z") {
                    let next = clock.next(now).unwrap();
                    assert!(next - now <= 50 * 3_600_000_000_000, "{time} {zone}: {}", utc_text(now));
                    assert_eq!(
                        clock.session(next - 1),
                        clock.session(now),
                        "{time} {zone}: {}",
                        utc_text(now)
                    );
                    assert!(clock.session(next) > clock.session(now), "{time} {zone}: {}", utc_text(next));
                    now = next;
                }
            }
        }
    }

    #[test]
    fn at_midnight_utc_the_number_is_the_day() {
        let day = 86_400_000_000_000;
        for (now, session) in
            [(0, 0), (day - 1, 0), (day, 1), (20_000 * day, 20_000), (20_000 * day - 1, 19_999)]
        {
            assert_eq!(SessionClock::default().session(now), session);
        }
        assert_eq!(clock("00:00 UTC"), SessionClock::default());
    }

    #[test]
    fn what_is_no_time_and_zone_is_refused() {
        for (text, why) in [
            ("", NoClock::Form),
            ("17:00", NoClock::Form),
            ("5:00 UTC", NoClock::Form),
            ("17:00:00 UTC", NoClock::Form),
            ("24:00 UTC", NoClock::Form),
            ("17.00 UTC", NoClock::Form),
            ("17:00 ", NoClock::Zone),
            ("17:00 New_York", NoClock::Zone),
            ("17:00 Etc/Unknown", NoClock::Zone),
            ("17:00  UTC", NoClock::Zone),
        ] {
            assert_eq!(SessionClock::parse(text), Err(why), "{text:?}");
        }
    }
}
