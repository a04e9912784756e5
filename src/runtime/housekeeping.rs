//! HOT: what may wait: heartbeats, lost words, lag, echoed epochs, answers without room, the clock's anchor, the wall
//! clock, and the stats page.
//!
//! Run every millisecond, jittered so that it does not beat against a strategy's own timer; the stats page is copied
//! out every tenth time, or after a transition as soon as no record waits. Nothing here is on the way from an event to
//! its halt.

#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::expect_used)]

use std::collections::VecDeque;

use super::duty::Duty;
use crate::engine::Transition;
use crate::model::event::LivenessSign;
use crate::model::{Event, Nanos, Reason, Scope};
use crate::shm::clock::{monotonic, utc};
use crate::shm::stats::StatsWriter;
use crate::wire::stats::{
    LATENCY_BUCKETS, LoopRow, POSITIONS_KEPT, TRANSITIONS_KEPT, TransitionRow, bucket_of,
};

const EVERY: u64 = 1_000_000;
const JITTER: u64 = 0x3_ffff;
const COPY_OUT_EVERY: Nanos = Nanos(10_000_000);
const ANCHOR_EVERY: Nanos = Nanos(1_000_000_000);
/// The engine is told of the wall clock when it has moved by more than this against the engine's own.
const WALL_STEP: Nanos = Nanos(1_000_000);
/// A beat is passed to the engine at most this often per lane: an eighth of the shortest sensible time-out.
const BEAT_EVERY: Nanos = Nanos(5_000_000);

/// The loop's own counters, and when what is due.
pub(super) struct Housekeeping {
    due: Nanos,
    copied_at: Nanos,
    anchored_at: Nanos,
    wall: Wall,
    dirty: bool,
    /// The shadow's trouble that was told last.
    heeded: Option<(u64, Reason)>,
    jitter: u64,
    stats: StatsWriter,
    row: LoopRow,
    /// Not yet on the page.
    transitions: VecDeque<TransitionRow>,
    latency: [u64; LATENCY_BUCKETS],
}

impl Housekeeping {
    pub(super) fn new(stats: StatsWriter, row: LoopRow) -> Self {
        Self {
            due: Nanos::ZERO,
            copied_at: Nanos::ZERO,
            anchored_at: Nanos::ZERO,
            wall: Wall::default(),
            dirty: true,
            heeded: None,
            jitter: 0x9e37_79b9_7f4a_7c15,
            stats,
            row,
            transitions: VecDeque::with_capacity(TRANSITIONS_KEPT),
            latency: [0; LATENCY_BUCKETS],
        }
    }

    #[inline]
    pub(super) fn due(&self) -> Nanos {
        self.due
    }

    #[inline]
    pub(super) fn turned(&mut self) {
        self.row.ticks = self.row.ticks.wrapping_add(1);
    }

    pub(super) fn rejected(&mut self) {
        self.row.rejected = self.row.rejected.wrapping_add(1);
    }

    pub(super) fn stalled(&mut self, gap: Nanos) {
        self.row.stalls = self.row.stalls.wrapping_add(1);
        self.row.worst_stall = self.row.worst_stall.max(gap);
    }

    /// Keeps a transition for the next copy-out and returns its number.
    pub(super) fn note_transition(&mut self, transition: &Transition, decision: Nanos) -> u64 {
        self.row.transitions = self.row.transitions.wrapping_add(1);
        if let Some(bucket) = self.latency.get_mut(bucket_of(decision.0)) {
            *bucket = bucket.wrapping_add(1);
        }
        if self.transitions.len() == TRANSITIONS_KEPT {
            self.transitions.pop_front();
        }
        self.transitions.push_back(TransitionRow {
            sequence: self.row.transitions,
            at: transition.at,
            at_utc_ns: utc().0,
            scope: Some(transition.scope),
            guard: u64::from(transition.guard),
            reason: Some(transition.reason),
            old_state: transition.old_state,
            new_state: transition.new_state,
            began: transition.began,
            epoch: u64::from(transition.epoch),
            nonce: transition.nonce,
            latch: Some(transition.latch),
            measured: transition.measured,
            limit: transition.limit,
            equity: transition.equity,
            peak: transition.peak,
            drawdown_bps: transition.drawdown_bps,
            mark: transition.mark,
            decision,
        });
        self.dirty = true;
        self.due = self.due.min(transition.at);
        self.row.transitions
    }

    fn next_due(&mut self, now: Nanos) -> Nanos {
        // xorshift64: any cheap sequence without a period near a millisecond will do.
        self.jitter ^= self.jitter << 13;
        self.jitter ^= self.jitter >> 7;
        self.jitter ^= self.jitter << 17;
        now.after(Nanos(EVERY.wrapping_add(self.jitter & JITTER)))
    }
}

/// How far the wall clock was ahead of the engine's when the engine was last told.
#[derive(Debug, Default)]
struct Wall(Option<i64>);

impl Wall {
    /// Whether a wall clock that says `utc` at `now` is news to the engine; it then counts as told.
    fn is_news(&mut self, utc: Nanos, now: Nanos) -> bool {
        let ahead = utc.0.wrapping_sub(now.0) as i64;
        let is_news = self.0.is_none_or(|told| told.abs_diff(ahead) > WALL_STEP.0);
        if is_news {
            self.0 = Some(ahead);
        }
        is_news
    }
}

impl Duty {
    pub(super) fn keep_house(&mut self, t0: Nanos) {
        self.heed_shadow(t0);
        for index in 0..self.lanes.len() {
            self.look_at(index, t0);
        }
        if t0.since(self.house.anchored_at) >= ANCHOR_EVERY {
            self.house.anchored_at = t0;
            self.clock.anchor_again();
            self.tell_wall_clock(t0);
            self.commit.check(t0);
        }
        if self.house.dirty || t0.since(self.house.copied_at) >= COPY_OUT_EVERY {
            self.copy_out(t0);
        }
        self.house.due = self.house.next_due(t0);
    }

    /// A journal that nobody could follow, or that no disk takes, is no ground to permit anything on.
    fn heed_shadow(&mut self, t0: Nanos) {
        let trouble = self.commit.trouble();
        if trouble != self.house.heeded {
            self.house.heeded = trouble;
            if let Some((detail, reason)) = trouble {
                self.apply_own(t0, Event::Doubt { scope: Scope::Firm, reason, detail });
            }
        }
    }

    /// Tells the engine what the wall clock said at `t0`, if it does not know.
    pub(super) fn tell_wall_clock(&mut self, t0: Nanos) {
        // Read now, and brought back to t0, which may be a long turn ago.
        let utc = Nanos(utc().0.saturating_sub(self.clock.now().since(t0).0));
        if self.house.wall.is_news(utc, t0) {
            self.apply_own(t0, Event::WallClock { utc_ns: i64::try_from(utc.0).unwrap_or(i64::MAX) });
        }
    }

    /// Heartbeat, lost word, lag, echoed epoch and waiting answers of one lane.
    fn look_at(&mut self, index: usize, t0: Nanos) {
        let lag_after = Nanos(self.lease.0 >> 2);
        let Some(Some(lane)) = self.lanes.get_mut(index) else { return };
        let (answers, cursor) = lane.answers();
        answers.retry(cursor);
        if lane.is_operators() || lane.closing.is_some() {
            return;
        }
        let sign = if lane.mapped.lane.lost() {
            Some(LivenessSign::Lost)
        } else if t0.since(lane.kept_up_at) > lag_after {
            Some(LivenessSign::Lag)
        } else {
            lane.reported = None;
            None
        };
        let acked = lane.newly_acked(self.engine.epoch());
        let beat_due = t0.since(lane.beat_at) >= BEAT_EVERY;
        let (number, strategy, beat) = (lane.mapped.number, lane.mapped.strategy, lane.beats);
        let own = |sign, beat| Event::Liveness { lane: number, strategy, sign, beat };
        if let Some(epoch) = acked {
            self.apply_own(t0, Event::EpochAck { lane: number, strategy, epoch });
        }
        let Some(Some(lane)) = self.lanes.get_mut(index) else { return };
        match sign {
            Some(sign) if lane.reported != Some(sign) => {
                lane.reported = Some(sign);
                self.apply_own(t0, own(sign, beat));
            }
            _ if beat_due && lane.has_beaten(t0) => {
                let beat = lane.beats;
                self.apply_own(t0, own(LivenessSign::Alive, beat));
            }
            _ => {}
        }
    }

    fn copy_out(&mut self, t0: Nanos) {
        let Self { engine, lanes, house, commit, .. } = self;
        house.copied_at = t0;
        house.dirty = false;
        let counters = engine.counters();
        let (journal_lag, journal_lag_age) = commit.archive_lag();
        house.row = LoopRow {
            last_tick: monotonic(),
            records: commit.inputs(),
            journal_lag,
            journal_lag_age,
            epoch: u64::from(engine.epoch()),
            lanes: lanes.iter().flatten().filter(|lane| !lane.is_operators()).count() as u64,
            orders: counters.orders,
            fills: counters.fills,
            duplicate_fills: counters.duplicate_fills,
            marks: counters.marks,
            ignored_marks: counters.ignored_marks,
            unhandled: counters.unhandled,
            stragglers: counters.stragglers,
            violations: counters.violations,
            requests: counters.requests,
            passed: counters.passed,
            denied: counters.denied,
            queued: counters.queued,
            dropped: counters.dropped,
            not_sent: counters.not_sent,
            timeouts: counters.timeouts,
            unmapped_rejects: counters.unmapped_rejects,
            duplicate_orders: counters.duplicate_orders,
            directives: counters.directives,
            failed_directives: counters.failed_directives,
            ..house.row
        };
        let stats = &mut house.stats;
        stats.begin();
        stats.looping(&house.row);
        engine.account_rows().for_each(|row| stats.account(&row));
        engine.book_rows().for_each(|row| stats.book(&row));
        engine.guard_rows().for_each(|row| stats.guard(&row));
        engine.cause_rows().for_each(|row| stats.cause(&row));
        engine.breaker_rows().for_each(|row| stats.breaker(&row));
        engine.bucket_rows().for_each(|row| stats.bucket(&row));
        engine.queue_rows().for_each(|row| stats.queue(&row));
        engine.directive_rows().for_each(|row| stats.directive(&row));
        engine.straggler_rows().for_each(|row| stats.straggler(&row));
        engine.position_rows().take(POSITIONS_KEPT).for_each(|row| stats.position(&row));
        lanes.iter().flatten().for_each(|lane| stats.lane(&lane.row()));
        house.transitions.drain(..).for_each(|row| stats.transition(&row));
        stats.latency(&house.latency);
        stats.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_is_news_at_first_and_whenever_it_has_moved_by_more_than_a_millisecond() {
        let mut wall = Wall::default();
        let day = 86_400_000_000_000;
        for (utc, now, is_news) in [
            (day, 1_000, true),
            (day + 1_000_000_000, 1_000_001_000, false),
            (day + 1_000_000, 1_000, false),
            (day + 1_000_001, 1_000, true),
            // Slow drift adds up from the last time the engine was told.
            (day + 1_900_000, 1_000, false),
            (day + 2_000_002, 1_000, true),
            (day, 1_000, true),
            // Before 1970, or a clock that reads 0: as far as it moved.
            (0, 1_000, true),
            (0, 1_000, false),
            (u64::MAX, 0, false),
            (0, u64::MAX, false),
            (u64::MAX / 2, 0, true),
        ] {
            assert_eq!(wall.is_news(Nanos(utc), Nanos(now)), is_news, "{utc} at {now}");
        }
    }
}
