//! HOT: heartbeats of kind APPLICATION: whether what stands behind an instrument still works.
//!
//! A connection may be alive and what reads it dead. **Measures**, per instrument that asks for it
//! (`application_heartbeat`), how long nobody who may mark it has sent a HEARTBEAT of class APPLICATION for it with a counter
//! that advances. Unit: nanoseconds of engine time; trips at `silence >` the limit: the instrument is HALTED on every
//! account, cause *application*, HEARTBEAT, class AUTO. The first start counts as a first beat. From the first beat after a
//! trip it is recovering, a gap `>` the limit starts that over, and a beat 5 s later ends the cause.
//!
//! **While its market is not OPEN** (`marks`) the watch pauses: silence grows from where it was when the market opens
//! again, unless a beat came meanwhile, which then is as old as the opening. Other instruments go on. A stall of the sidecar
//! itself moves every deadline. Does not catch: beats sent by something that has stopped looking at its data.

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
use super::exact::report;
use super::gates::{Hold, Reading, guard};
use super::integrity::sticky;
use super::lanes::Place;
use super::limits::Limits;
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, is_as_long};
use crate::model::scope::InstrumentId;
use crate::model::{Latch, Nanos, Reason, Scope};

/// An instrument that was silent must beat for so long.
const RECOVER_FOR: Nanos = Nanos::from_secs(5);

/// The beats of one instrument.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Application {
    last: Nanos,
    /// Since when its market is not open.
    paused_since: Option<Nanos>,
    recovering_since: Option<Nanos>,
    silent: bool,
}

/// All of them, by instrument.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Applications {
    beats: Vec<Application>,
    #[cfg_attr(feature = "sidecar", serde(skip))]
    timeouts: Vec<Option<Nanos>>,
}

#[cfg(feature = "sidecar")]
impl Fit for Applications {
    fn fit(&mut self, fresh: Self) -> bool {
        self.timeouts = fresh.timeouts;
        is_as_long(&self.beats, &fresh.beats)
    }
}

impl Applications {
    pub(super) fn new(limits: &Limits, now: Nanos) -> Self {
        let first = Application { last: now, paused_since: None, recovering_since: None, silent: false };
        Self {
            beats: vec![first; limits.instruments.len()],
            timeouts: limits.instruments.iter().map(|instrument| instrument.application_heartbeat).collect(),
        }
    }

    fn timeout(&self, instrument: InstrumentId) -> Option<Nanos> {
        self.timeouts.get(usize::from(instrument)).copied().flatten()
    }

    /// A beat. `true` when a silent instrument has now beaten for long enough.
    fn beat(&mut self, instrument: InstrumentId, now: Nanos) -> bool {
        let Some(timeout) = self.timeout(instrument) else { return false };
        let Some(one) = self.beats.get_mut(usize::from(instrument)) else { return false };
        let gap = now.since(one.last);
        one.last = now;
        if !one.silent {
            return false;
        }
        let since = one.recovering_since.filter(|_| gap <= timeout || one.paused_since.is_some());
        one.recovering_since = Some(since.unwrap_or(now));
        let recovers = since.is_some_and(|since| now.since(since) >= RECOVER_FOR);
        one.silent = !recovers;
        recovers
    }

    /// When the instrument will have been silent for too long.
    pub(super) fn deadline(&self, instrument: InstrumentId) -> Nanos {
        let (Some(one), Some(timeout)) = (self.beats.get(usize::from(instrument)), self.timeout(instrument))
        else {
            return Nanos::NEVER;
        };
        let waits = one.paused_since.is_none() && !one.silent;
        if waits { one.last.after(timeout).after(Nanos(1)) } else { Nanos::NEVER }
    }

    /// Its market closes, or opens again.
    fn pause(&mut self, instrument: InstrumentId, closed: bool, now: Nanos) {
        let Some(one) = self.beats.get_mut(usize::from(instrument)) else { return };
        match (one.paused_since, closed) {
            (None, true) => one.paused_since = Some(now),
            (Some(since), false) => {
                one.last = resumed(one.last, since, now);
                one.recovering_since = one.recovering_since.map(|from| resumed(from, since, now));
                one.paused_since = None;
            }
            _ => {}
        }
    }

    /// Moves every deadline by a stall of the sidecar.
    pub(super) fn stall(&mut self, duration: Nanos, now: Nanos) {
        for one in &mut self.beats {
            one.last = one.last.after(duration).min(now);
            one.recovering_since = one.recovering_since.map(|since| since.after(duration).min(now));
        }
    }
}

/// What was at `at`, when a pause since `since` ends: as old as it was when that began, or as the end where it came later.
fn resumed(at: Nanos, since: Nanos, now: Nanos) -> Nanos {
    Nanos(now.0.saturating_sub(since.since(at).0))
}

impl Engine {
    /// A HEARTBEAT of class APPLICATION whose counter advances.
    pub(super) fn on_application_beat(&mut self, place: Place) {
        let Some(instrument) = place.instrument else { return };
        if !self.marks.may_mark(instrument, place.strategy) {
            return;
        }
        if self.applications.beat(instrument, self.now) {
            for account in 0..self.limits.accounts.len() as u16 {
                self.gates.end(Scope::Instrument(account, instrument), guard::APPLICATION, Reading::NONE);
            }
        }
        self.watch_mark(instrument);
    }

    /// Finds an instrument silent.
    pub(super) fn expire_application(&mut self, instrument: InstrumentId) {
        if self.applications.deadline(instrument) > self.now {
            return;
        }
        let Some(timeout) = self.applications.timeout(instrument) else { return };
        let Some(one) = self.applications.beats.get_mut(usize::from(instrument)) else { return };
        (one.silent, one.recovering_since) = (true, None);
        let silence = self.now.since(one.last);
        for account in 0..self.limits.accounts.len() as u16 {
            let scope = Scope::Instrument(account, instrument);
            let hold = sticky(scope, guard::APPLICATION, Reason::Heartbeat);
            let (measured, limit) = (report(silence.0), report(timeout.0));
            self.gates.begin(Hold { latch: Latch::Auto, measured, limit, ..hold });
        }
    }

    /// The market of an instrument has closed, or opened.
    pub(super) fn pause_application(&mut self, instrument: InstrumentId) {
        let closed = self.marks.frozen(instrument);
        self.applications.pause(instrument, closed, self.now);
    }

    /// Sets the first deadlines.
    pub(super) fn watch_applications(&mut self) {
        for instrument in 0..self.limits.instruments.len() as u16 {
            self.watch_mark(instrument);
        }
    }
}
