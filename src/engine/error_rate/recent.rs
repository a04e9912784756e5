//! HOT: exact times of the last few occurrences of something rare.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use crate::model::Nanos;

/// Occurrences remembered.
const REMEMBERED: usize = 32;

/// When the last 32 occurrences were.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Recent {
    times: [Nanos; REMEMBERED],
    next: usize,
    held: usize,
}

impl Recent {
    pub(super) const fn new() -> Self {
        Self { times: [Nanos::ZERO; REMEMBERED], next: 0, held: 0 }
    }

    /// Notes one at `now`, which is not before the one before.
    pub(super) fn push(&mut self, now: Nanos) {
        self.times[self.next % REMEMBERED] = now;
        self.next = self.next.wrapping_add(1) % REMEMBERED;
        self.held = self.held.saturating_add(1).min(REMEMBERED);
    }

    /// How many of the remembered lie in (now − window, now].
    pub(super) fn within(&self, window: Nanos, now: Nanos) -> u32 {
        let held = self.times.iter().take(self.held);
        held.filter(|&&time| now.since(time) < window).count() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_open_at_its_old_end() {
        let mut recent = Recent::new();
        assert_eq!(recent.within(Nanos(10), Nanos(0)), 0);
        recent.push(Nanos(100));
        recent.push(Nanos(105));
        for (now, count) in [(105, 2), (109, 2), (110, 1), (114, 1), (115, 0)] {
            assert_eq!(recent.within(Nanos(10), Nanos(now)), count, "{now}");
        }
    }

    #[test]
    fn the_oldest_is_forgotten_when_there_is_no_room() {
        let mut recent = Recent::new();
        (0..40).for_each(|time| recent.push(Nanos(time)));
        assert_eq!(recent.within(Nanos(1_000), Nanos(40)), 32);
        assert_eq!(recent.within(Nanos(32), Nanos(40)), 31, "9 to 39");
    }
}
