//! HOT: when a breach is believed.
//!
//! A breach of the good reading latches
//!
//! 1. in the same turn, where no price could take the loss back: nothing is held any more, or what was already given
//!    up in closed trades since the peak is a breach by itself;
//! 2. after confirm_k trusted good marks of the instrument with the largest loss since the last trusted
//!    non-breaching reading, spanning confirm_t (k = 1 means t = 0: the first breaching trusted mark);
//! 3. after 500 ms of trusted breach in total; an untrusted stretch, one in which the instrument with the largest
//!    loss is not open, and one in which the sidecar itself stood still or was away, neither counts nor resets;
//!
//! and a breach of the worst reading that nobody can trust latches DRAWDOWN_UNTRUSTED when untrusted_t has passed
//! since the first such reading, the time in which no core ran included: a restart loop cannot put it off. Only a
//! trusted reading that does not breach starts all of this over.
//!
//! Between the last non-breaching reading and the first breaching one lies exactly one event, because every event
//! that changes a scope is read; so summing each instrument's changes of the reading from there on is its loss.
//! Ties between instruments go to the lower number, so that replay decides alike.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::{Guard, Scene, Sight, Touch};
use crate::engine::limits::Basis;
#[cfg(feature = "sidecar")]
use crate::engine::snapshot::fit::{Fit, is_as_long};
use crate::model::{Nanos, Reason};

/// Trusted breach of this length latches.
const TRUSTED_BREACH: Nanos = Nanos::from_millis(500);

/// How long and how a guard has been breaching.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Breach {
    /// Numbers the breach; cells of an older number are empty.
    generation: u32,
    active: bool,
    /// Trusted breach so far, up to `counting_since`.
    trusted_ns: u64,
    /// Since when the breach counts; `None` while it does not.
    counting_since: Option<Nanos>,
    /// The first untrusted breaching reading.
    untrusted_since: Option<Nanos>,
}

impl Breach {
    /// Nobody looked for so long: that is no trusted breach.
    pub(super) fn pause(&mut self, duration: Nanos) {
        self.counting_since = self.counting_since.map(|since| since.after(duration));
    }

    /// Whether it is as [`Breach::over`] leaves it.
    pub(super) const fn is_over(&self) -> bool {
        !self.active
            && self.trusted_ns == 0
            && self.counting_since.is_none()
            && self.untrusted_since.is_none()
    }

    /// No breach; the next one starts from nothing.
    pub(super) fn over(&self) -> Self {
        Self { generation: self.generation, ..Self::default() }
    }
}

#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Cell {
    generation: u32,
    marks: u32,
    first_mark: Nanos,
    change: i128,
}

/// What each instrument did to each guard's reading during its breach.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Cells {
    cells: Vec<Cell>,
    #[cfg_attr(feature = "sidecar", serde(skip))]
    instruments: usize,
}

#[cfg(feature = "sidecar")]
impl Fit for Cells {
    fn fit(&mut self, fresh: Self) -> bool {
        self.instruments = fresh.instruments;
        is_as_long(&self.cells, &fresh.cells)
    }
}

impl Cells {
    pub(super) fn new(guards: usize, instruments: usize) -> Self {
        Self { cells: vec![Cell::default(); guards.saturating_mul(instruments)], instruments }
    }

    fn row(&mut self, guard: usize) -> &mut [Cell] {
        let start = guard.saturating_mul(self.instruments);
        &mut self.cells[start..start.saturating_add(self.instruments)]
    }
}

impl Guard {
    /// Why the breach is to be believed now, if it is.
    pub(super) fn confirm(
        &mut self,
        index: usize,
        cells: &mut Cells,
        sight: &Sight,
        (good, worst): (bool, bool),
        touch: Touch,
        scene: &Scene<'_>,
    ) -> Option<Option<Reason>> {
        let now = scene.now;
        if sight.trusted && !good {
            self.breach = self.breach.over();
            return Some(None);
        }
        if good && !self.breach.active {
            self.breach.active = true;
            self.breach.generation = self.breach.generation.wrapping_add(1);
        }
        if self.breach.active {
            self.note(cells.row(index), sight, good, touch, now)?;
        }
        if good && (sight.flat || self.is_realised(sight)?) {
            return Some(Some(self.reason()));
        }
        let worst_hit = self.breach.active.then(|| self.worst_hit(cells.row(index))).flatten();
        let open = worst_hit.is_none_or(|(instrument, _)| !scene.marks.frozen(instrument));
        self.count_time(good && sight.trusted && open, now);
        if good && sight.trusted && open {
            let marked = worst_hit.is_some_and(|(_, cell)| {
                cell.marks >= u32::from(self.limits.confirm_k)
                    && now.since(cell.first_mark) >= self.limits.confirm_t
            });
            if marked || self.breach.trusted_ns >= TRUSTED_BREACH.0 {
                return Some(Some(self.reason()));
            }
        }
        if worst && !sight.trusted {
            let since = *self.breach.untrusted_since.get_or_insert(now);
            if now.since(since) >= self.limits.untrusted_t {
                return Some(Some(Reason::DrawdownUntrusted));
            }
        }
        Some(None)
    }

    /// When the breach, left alone, will have lasted long enough.
    pub(super) fn breach_deadline(&self, sight: &Sight, worst: bool) -> Nanos {
        let trusted = self.breach.counting_since.map_or(Nanos::NEVER, |since| {
            since.after(Nanos(TRUSTED_BREACH.0.saturating_sub(self.breach.trusted_ns)))
        });
        let untrusted = match self.breach.untrusted_since {
            Some(since) if worst && !sight.trusted => since.after(self.limits.untrusted_t),
            _ => Nanos::NEVER,
        };
        trusted.min(untrusted)
    }

    fn note(&self, row: &mut [Cell], sight: &Sight, good: bool, touch: Touch, now: Nanos) -> Option<()> {
        let Some(instrument) = touch.instrument else { return Some(()) };
        let generation = self.breach.generation;
        let cell = &mut row[usize::from(instrument)];
        if cell.generation != generation {
            *cell = Cell { generation, ..Cell::default() };
        }
        cell.change = cell.change.checked_add(sight.good.checked_sub(self.last_good)?)?;
        if touch.is_mark && sight.trusted && good {
            if cell.marks == 0 {
                cell.first_mark = now;
            }
            cell.marks = cell.marks.saturating_add(1);
        }
        Some(())
    }

    fn worst_hit(&self, row: &[Cell]) -> Option<(u16, Cell)> {
        let touched = row.iter().enumerate().filter(|(_, cell)| cell.generation == self.breach.generation);
        let (instrument, cell) = touched.min_by_key(|(_, cell)| cell.change)?;
        Some((u16::try_from(instrument).ok()?, *cell))
    }

    fn is_realised(&self, sight: &Sight) -> Option<bool> {
        match self.limits.basis {
            Basis::Realised => Some(true),
            Basis::Equity => self.peaks?.realised_reaches(&self.limits, sight.profit),
            // What is realised is no part of it.
            Basis::Margin => Some(false),
        }
    }

    fn count_time(&mut self, counts: bool, now: Nanos) {
        if let Some(since) = self.breach.counting_since {
            self.breach.trusted_ns = self.breach.trusted_ns.saturating_add(now.since(since).0);
        }
        self.breach.counting_since = counts.then_some(now);
    }
}
