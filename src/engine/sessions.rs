//! HOT: trading sessions: what begins anew when one does.
//!
//! A session begins by a ROLL record: whoever knows the time of day in a zone sends it at that time, as many clocks as
//! there are. Each names the clock and an id that only grows; a record with an id that is not newer changes nothing, so
//! a wall clock that steps back, a control process that starts again and a core that takes over never begin one twice,
//! and one that began while nobody ran begins with the first record after that. What rolls: the anchor of a SESSION
//! guard of that clock, causes of class SESSION that its guards hold, and the counts of a day.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::Engine;
use super::drawdown::Touch;
use super::exact::bump;

impl Engine {
    pub(super) fn on_roll(&mut self, session: u64, clock: u16) {
        let Some(last) = self.sessions.get_mut(usize::from(clock)) else {
            bump(&mut self.counters.unhandled);
            return;
        };
        if session <= *last {
            return;
        }
        *last = session;
        self.begin_day(clock);
        for guard in 0..self.drawdowns.len() {
            if self.limits.drawdowns[guard].clock != clock {
                continue;
            }
            if let Some(totals) = self.ledger.totals(self.drawdowns.scope(guard)) {
                self.drawdowns.roll(guard, totals, &mut self.gates, self.now);
            }
            self.judge_guard(guard, Touch::default());
        }
    }
}
