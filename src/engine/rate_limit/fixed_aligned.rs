//! HOT: FIXED_ALIGNED, the window of venues that start counting anew at every full minute, hour or day.
//!
//! Boundaries lie at multiples of the window since the Unix epoch, plus the offset. The wall clock is only a pair of
//! readings that was handed in, (UTC, engine time): in engine time the boundaries are then all instants that are
//! congruent to one phase.
//!
//! **Near a boundary** nobody knows which side of it a request is counted on: the clock may be wrong and the network
//! slow, together by `jitter`. So what is charged at most that far from a boundary counts in both windows, and both must
//! have room. Of all windows that the venue may be in, the oldest holds whatever the others hold, so it alone is asked:
//!
//! ```text
//!        b - j    b    b + j              at t = b + j window 0 is over for certain, and window 1 has been
//! ────────┼───────┼──────┼──────────>     counting from b - j on
//!  0 only │   0 and 1    │ 1 only
//! ```
//! Counting is done over the same log of exact instants as for a sliding window; a boundary only moves the edge.
//!
//! **Steps of the wall clock.** No window may be closed, or opened again, by a clock that is set. Whatever the alignment
//! is, no window sees more than the last window + 2 · jitter, so that is what counts
//! - before the wall clock is known at all, and
//! - after it has moved by more than `jitter` against the engine's clock, at once or in small parts, for as long as
//!   anything charged before that could still count. A step backward opens nothing again, and a step forward carries
//!   what was used into the window it lands in.
//!
//! A movement within the jitter is followed, but no window that was over for certain comes back: when the clock moves
//! backward, what counted then goes on counting until the window that was the oldest then is over, by the clock as it is
//! read later.
//!
//! Does not catch: a wall clock that was wrong from the start by more than the jitter.

use super::log::Window;
#[cfg(feature = "sidecar")]
use crate::engine::snapshot::fit::Fit;
use crate::model::Nanos;

/// Windows of the wall clock.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Aligned {
    /// Length in ns, positive.
    #[cfg_attr(feature = "sidecar", serde(skip))]
    length: u64,
    #[cfg_attr(feature = "sidecar", serde(skip))]
    offset: Nanos,
    #[cfg_attr(feature = "sidecar", serde(skip))]
    jitter: Nanos,
    /// What counts at most: the length and the jitter on both sides.
    #[cfg_attr(feature = "sidecar", serde(skip))]
    longest: Nanos,
    wall: Option<Wall>,
}

/// What is known of the wall clock.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Wall {
    /// UTC minus engine time, as read last.
    skew: i128,
    /// The skew that later ones are compared with: that of the last step.
    reference: i128,
    /// Boundaries are the engine times congruent to this, modulo the length.
    phase: u64,
    /// Until then the alignment is not believed.
    doubtful_until: Nanos,
    held: Option<Held>,
}

/// What a clock that moved backward within a window must not change.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Held {
    /// The earliest instant that counted when the clock moved.
    from: Nanos,
    /// When the window is over for certain, by the last reading.
    until: Nanos,
}

#[cfg(feature = "sidecar")]
impl Fit for Aligned {
    fn fit(&mut self, fresh: Self) -> bool {
        *self = Self { wall: self.wall, ..fresh };
        true
    }
}

impl Aligned {
    pub(super) const fn new(length: Nanos, offset: Nanos, jitter: Nanos) -> Self {
        let longest = length.after(jitter).after(jitter);
        Self { length: length.0, offset, jitter, longest, wall: None }
    }

    /// The wall clock shows `utc_ns` at `now`.
    pub(super) fn set_wall(&mut self, utc_ns: i64, now: Nanos) {
        // Differences of 64-bit numbers: nothing here can leave 128 bits.
        let skew = i128::from(utc_ns).saturating_sub(i128::from(now.0));
        let first =
            Wall { skew, reference: skew, phase: self.phase(skew), doubtful_until: Nanos::ZERO, held: None };
        let next = match &self.wall {
            None => first,
            Some(wall) if skew.abs_diff(wall.reference) > u128::from(self.jitter.0) => {
                Wall { doubtful_until: now.after(self.longest).max(wall.doubtful_until), ..first }
            }
            Some(wall) => self.follow(wall, skew, now),
        };
        self.wall = Some(next);
    }

    /// A movement within the jitter: all boundaries move by it.
    fn follow(&self, wall: &Wall, skew: i128, now: Nanos) -> Wall {
        let later = wall.skew.saturating_sub(skew);
        let moved = |held: Held| Held { until: shift(held.until, later), ..held };
        let mut held = wall.held.map(moved);
        if later > 0 {
            let oldest = Nanos(now.0.saturating_sub(self.jitter.0));
            let over = self.boundary_after(oldest, wall).after(self.jitter);
            let current = moved(Held { from: self.edge(now), until: over });
            let until = held.map_or(current.until, |before| before.until.max(current.until));
            held = Some(Held { until, ..current });
        }
        Wall { skew, phase: self.phase(skew), held, ..*wall }
    }

    /// Whether a venue's count that is reset at `reset_utc_ns` is of a window that is over. Only the window before
    /// this one is believed to be meant: anything else is no reset time, and its count is taken for a present one.
    pub(super) fn is_over(&self, reset_utc_ns: i64, now: Nanos) -> bool {
        let Some(wall) = self.wall.filter(|wall| now >= wall.doubtful_until) else { return false };
        let utc = i128::from(now.0).saturating_add(wall.skew);
        let since = utc.saturating_sub(i128::from(reset_utc_ns));
        (0..i128::from(self.length)).contains(&since)
    }

    fn phase(&self, skew: i128) -> u64 {
        let boundary = i128::from(self.offset.0).saturating_sub(skew);
        // Of a positive divisor the remainder is below it, so it fits; a length of 0 is no window.
        boundary.checked_rem_euclid(i128::from(self.length)).map_or(0, |phase| phase as u64)
    }

    /// How long before `at` the last boundary was: less than the length.
    fn since_boundary(&self, at: Nanos, wall: &Wall) -> u64 {
        let into = at.0.checked_rem(self.length).unwrap_or(0);
        // Both remainders are below the length, so no step of this leaves 0..length.
        into.checked_sub(wall.phase)
            .unwrap_or_else(|| self.length.saturating_sub(wall.phase).saturating_add(into))
    }

    fn boundary_after(&self, at: Nanos, wall: &Wall) -> Nanos {
        at.after(Nanos(self.length.saturating_sub(self.since_boundary(at, wall))))
    }

    /// The earliest instant that counts in the oldest window the venue may be in at `now`. A window that began before
    /// the engine's clock did counts from its zero.
    fn window_edge(&self, now: Nanos, wall: &Wall) -> Nanos {
        let earliest = Nanos(now.0.saturating_sub(self.jitter.0));
        let began = earliest.0.saturating_sub(self.since_boundary(earliest, wall));
        Nanos(began.saturating_sub(self.jitter.0))
    }
}

/// The instant that much later, within the clock.
fn shift(at: Nanos, by: i128) -> Nanos {
    let moved = i128::from(at.0).saturating_add(by).max(0);
    Nanos(u64::try_from(moved).unwrap_or(u64::MAX))
}

impl Window for Aligned {
    fn edge(&self, now: Nanos) -> Nanos {
        let horizon = self.horizon(now);
        let Some(wall) = self.wall.as_ref().filter(|wall| now >= wall.doubtful_until) else { return horizon };
        let edge = match wall.held.filter(|held| now < held.until) {
            // What it counts by the last reading, and what it counted before.
            Some(held) => held.from.min(Nanos(held.until.0.saturating_sub(self.longest.0))),
            None => self.window_edge(now, wall),
        };
        edge.max(horizon)
    }

    fn horizon(&self, now: Nanos) -> Nanos {
        now.0.checked_sub(self.longest.0).map_or(Nanos::ZERO, |before| Nanos(before).after(Nanos(1)))
    }

    fn leaves(&self, at: Nanos) -> Nanos {
        let latest = at.after(self.longest);
        let Some(wall) = &self.wall else { return latest };
        // The first window that does not count `at` is certain from one jitter behind its start on.
        let mut leaves = self.boundary_after(at.after(self.jitter), wall).after(self.jitter);
        if let Some(held) = wall.held.filter(|held| at >= held.from) {
            leaves = leaves.max(held.until);
        }
        leaves.max(wall.doubtful_until).min(latest)
    }
}
