//! HOT: lanes and the liveness of the strategies behind them.
//!
//! **Heartbeat** measures how long a strategy with an open lane has been silent. Unit: nanoseconds of engine time;
//! trips at `silence > heartbeat`. Opening the first lane counts as a first beat, so a strategy never heard of
//! trips just over one timeout after it; closing the last one stops the watch. Any record from one of its lanes is a beat,
//! except a HEARTBEAT whose counter does not advance; so is a liveness sign ALIVE with an advanced beat. Class
//! AUTO: from the first beat after a trip the strategy is recovering, a gap `>` the timeout starts that over, and a
//! beat `recover_for` later clears the cause. A stall of the sidecar itself is no evidence about the client: all
//! deadlines move by its length. Does not catch: one silent lane of a strategy whose other lanes speak.
//!
//! **Client** holds what the keeper saw: hang-up or exit (CLIENT_DEAD), lost events (GAP), garbage (CORRUPT), a
//! lane that cannot be kept up with (LAG). STICKY until an operator's reset; CLIENT_DEAD and GAP also end when snapshots
//! have proved the books right again (`reconcile`). A lane that closes without such a sign leaves nothing behind.
//!
//! A strategy without a lane is not halted by a cause of its own: nobody can send through it.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::limits::Limits;
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, is_as_long};
#[cfg(feature = "sidecar")]
use crate::model::Handle;
use crate::model::{Message, Nanos};

/// One lane.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Lane {
    /// The strategy it is open for.
    strategy: Option<u16>,
    /// The last beat the keeper saw.
    beat: u64,
    /// The last counter of a HEARTBEAT.
    counter: Option<u64>,
    /// The first record of a group and its position, until the last one arrives.
    pending: Option<(Message, u64)>,
}

/// One strategy's sign of life.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Client {
    lanes: u16,
    last_beat: Nanos,
    recovering_since: Option<Nanos>,
    timeout: Nanos,
    recover_for: Nanos,
}

/// All lanes and the strategies behind them.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Clients {
    lanes: Vec<Lane>,
    clients: Vec<Client>,
}

#[cfg(feature = "sidecar")]
impl Fit for Clients {
    fn fit(&mut self, fresh: Self) -> bool {
        let exists = |strategy: u16| usize::from(strategy) < self.clients.len();
        is_as_long(&self.lanes, &fresh.lanes)
            && is_as_long(&self.clients, &fresh.clients)
            && self.lanes.iter().all(|lane| lane.strategy.is_none_or(exists))
    }
}

#[cfg(feature = "sidecar")]
impl Clients {
    /// Whether what waits for the rest of its group is about an account and an instrument there are.
    pub(super) fn points_inside(&self, limits: &Limits) -> bool {
        let exists = |handle: Handle| {
            handle.account().is_none_or(|index| usize::from(index) < limits.accounts.len())
                && handle.instrument().is_none_or(|index| usize::from(index) < limits.instruments.len())
        };
        self.lanes.iter().filter_map(|lane| lane.pending).all(|(first, _)| exists(first.handle))
    }
}

impl Clients {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            lanes: vec![Lane::default(); usize::from(limits.capacity.lanes)],
            clients: limits
                .strategies
                .iter()
                .map(|limits| Client {
                    lanes: 0,
                    last_beat: Nanos::ZERO,
                    recovering_since: None,
                    timeout: limits.heartbeat,
                    recover_for: limits.recover_for,
                })
                .collect(),
        }
    }

    pub(super) fn has_lane(&self, lane: u16) -> bool {
        usize::from(lane) < self.lanes.len()
    }

    /// Opens a lane. `true` when it is the strategy's first, whose opening is its first beat.
    pub(super) fn open(&mut self, lane: u16, strategy: u16, now: Nanos) -> bool {
        self.close(lane);
        self.lanes[usize::from(lane)] = Lane { strategy: Some(strategy), ..Lane::default() };
        let client = &mut self.clients[usize::from(strategy)];
        client.lanes = client.lanes.saturating_add(1);
        if client.lanes == 1 {
            client.last_beat = now;
            client.recovering_since = client.recovering_since.map(|_| now);
        }
        client.lanes == 1
    }

    /// Closes a lane. `true` when a group was cut off.
    pub(super) fn close(&mut self, lane: u16) -> bool {
        let was = core::mem::take(&mut self.lanes[usize::from(lane)]);
        if let Some(strategy) = was.strategy {
            let client = &mut self.clients[usize::from(strategy)];
            client.lanes = client.lanes.saturating_sub(1);
        }
        was.pending.is_some()
    }

    pub(super) fn strategy_of(&self, lane: u16) -> Option<u16> {
        self.lanes.get(usize::from(lane))?.strategy
    }

    /// The first open lane of a strategy.
    pub(super) fn lane_of(&self, strategy: u16) -> Option<u16> {
        let found = self.lanes.iter().position(|lane| lane.strategy == Some(strategy))?;
        u16::try_from(found).ok()
    }

    /// Whether a HEARTBEAT's counter advances.
    pub(super) fn counts(&mut self, lane: u16, counter: u64) -> bool {
        let last = &mut self.lanes[usize::from(lane)].counter;
        let advances = last.is_none_or(|last| counter > last);
        if advances {
            *last = Some(counter);
        }
        advances
    }

    /// Whether the keeper's reading of a lane's beat advances.
    pub(super) fn advances(&mut self, lane: u16, beat: u64) -> bool {
        let last = &mut self.lanes[usize::from(lane)].beat;
        let advances = beat > *last;
        *last = beat.max(*last);
        advances
    }

    /// A beat. `true` when a tripped strategy has now beaten for long enough.
    pub(super) fn beat(&mut self, strategy: u16, tripped: bool, now: Nanos) -> bool {
        let client = &mut self.clients[usize::from(strategy)];
        let gap = now.since(client.last_beat);
        client.last_beat = now;
        if !tripped || client.lanes == 0 {
            client.recovering_since = None;
            return false;
        }
        match client.recovering_since {
            Some(since) if gap <= client.timeout => now.since(since) >= client.recover_for,
            _ => {
                client.recovering_since = Some(now);
                client.recover_for == Nanos::ZERO
            }
        }
    }

    /// When the strategy will have been silent for too long: the first instant at which its silence exceeds the limit.
    pub(super) fn deadline(&self, strategy: u16) -> Nanos {
        let client = &self.clients[usize::from(strategy)];
        if client.lanes == 0 { Nanos::NEVER } else { client.last_beat.after(client.timeout).after(Nanos(1)) }
    }

    /// How long it has been silent, and how long it may be.
    pub(super) fn silence(&self, strategy: u16, now: Nanos) -> (Nanos, Nanos) {
        let client = &self.clients[usize::from(strategy)];
        (now.since(client.last_beat), client.timeout)
    }

    /// Moves every deadline by a stall of the sidecar.
    pub(super) fn stall(&mut self, duration: Nanos, now: Nanos) {
        for client in &mut self.clients {
            client.last_beat = client.last_beat.after(duration).min(now);
            client.recovering_since = client.recovering_since.map(|since| since.after(duration).min(now));
        }
    }

    pub(super) fn pending(&mut self, lane: u16) -> &mut Option<(Message, u64)> {
        &mut self.lanes[usize::from(lane)].pending
    }
}
