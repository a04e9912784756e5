//! COLD: what control needs from the rest of the sidecar, and the orders it gives.
//!
//! ```text
//! HTTP ──> Desk ──Order──> channel ──> thread that owns the operator's lane ──> core
//!            <──────────── oneshot ── verdict ──────────────────────────────────┘
//! ```
//! Control never touches shared memory. It reads a snapshot through a closure and hands its orders to a thread it
//! does not know. An order is a lane record like any other: the core applies it in turn and answers with a verdict.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Sender, TrySendError};
use tokio::sync::oneshot;

use super::clock;
use super::config::{Config, nearest};
use crate::engine::{Limits, guard};
use crate::model::event::CommandVerb;
use crate::model::verdict::VerdictRecord;
use crate::model::{Event, Nanos, Scope};
use crate::wire::stats::Stats;

/// Longer than a turn, shorter than a person's patience.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Everything control is given.
pub struct Context {
    /// The configuration the sidecar runs with.
    pub config: Config,
    /// A consistent copy of the stats page; `None` while there is no core to have written one.
    pub stats: Arc<dyn Fn() -> Option<Stats> + Send + Sync>,
    /// `CLOCK_MONOTONIC`, the clock of the leases.
    pub now: fn() -> Nanos,
    /// To the thread that owns the operator's lane. Bounded.
    pub desk: Sender<Order>,
    /// The name of a guard number: the engine's own below [`guard::CONFIGURED`], then two to a drawdown guard.
    pub guard_name: Arc<dyn Fn(u16) -> String + Send + Sync>,
}

/// A record for the operator's lane.
#[derive(Debug)]
pub struct Order {
    /// [`Event::Command`], [`Event::ExternalFill`], [`Event::FlowExpect`] or [`Event::Roll`].
    pub event: Event,
    /// Where the verdict goes; `None` inside says that no core took the order. Absent where nobody waits.
    pub reply: Option<oneshot::Sender<Option<VerdictRecord>>>,
}

/// Why an order has no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeskError {
    /// The queue to the lane is full.
    #[error("too many commands are waiting")]
    Busy,
    /// Nobody serves the lane.
    #[error("no core takes commands")]
    NoCore,
    /// No verdict in time; the order may still be carried out.
    #[error("the core did not answer within one second; the command may still take effect")]
    TimedOut,
}

/// A command of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// What to do.
    pub verb: CommandVerb,
    /// With what.
    pub scope: Scope,
    /// Which guard, for a reset or a resume; 0 for every one of a resume, else 0.
    pub guard: u16,
    /// Which halt, for a reset; else 0.
    pub nonce: u64,
    /// Whether a reset measures from the present, an adoption is confirmed, a mode is LIVE.
    pub rebase: bool,
    /// The user who asks.
    pub actor: u32,
    /// What they acknowledge, for a reset: bits of [`Acks`](crate::model::Acks); else 0.
    pub acks: u8,
}

/// The context with what control remembers.
pub struct Desk {
    context: Context,
    last_id: Mutex<u64>,
}

impl Desk {
    /// A desk on `context`.
    #[must_use]
    pub fn new(context: Context) -> Self {
        // Ids stay unique across restarts of control without a file: no restart issues one a nanosecond.
        Self { context, last_id: Mutex::new(clock::utc_now_ns()) }
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.context.config
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.context.config.limits
    }

    /// The newest snapshot.
    #[must_use]
    pub fn stats(&self) -> Option<Stats> {
        (self.context.stats)()
    }

    /// The monotonic clock.
    #[must_use]
    pub fn now(&self) -> Nanos {
        (self.context.now)()
    }

    /// The name of a guard.
    #[must_use]
    pub fn guard_name(&self, guard: u16) -> String {
        (self.context.guard_name)(guard)
    }

    /// The number of the guard called `name`.
    #[must_use]
    pub fn guard_number(&self, name: &str) -> Option<u16> {
        let configured = u16::try_from(self.limits().drawdowns.len() * 2).ok()?;
        // Numbers without a guard have no name; whoever names nothing means none of them.
        (1..guard::CONFIGURED + configured).find(|&guard| !name.is_empty() && self.guard_name(guard) == name)
    }

    /// The guard that was perhaps meant by `name`.
    #[must_use]
    pub fn nearest_guard(&self, name: &str) -> Option<String> {
        let configured = u16::try_from(self.limits().drawdowns.len() * 2).ok()?;
        let names: Vec<String> =
            (1..guard::CONFIGURED + configured).map(|guard| self.guard_name(guard).to_string()).collect();
        nearest(name, names.iter().map(String::as_str).filter(|name| !name.is_empty()))
    }

    /// Gives an order nobody waits for.
    ///
    /// # Errors
    /// [`DeskError::Busy`] or [`DeskError::NoCore`].
    pub fn send(&self, event: Event) -> Result<(), DeskError> {
        self.hand_over(Order { event, reply: None })
    }

    /// Gives a command and waits for its verdict.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn command(&self, request: Request) -> Result<VerdictRecord, DeskError> {
        let Request { verb, scope, guard, nonce, rebase, actor, acks } = request;
        let id = self.next_id();
        self.give(Event::Command { id, scope, verb, rebase: u8::from(rebase), guard, actor, nonce, acks })
            .await
    }

    /// Gives an operator's record and waits for its verdict.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn give(&self, event: Event) -> Result<VerdictRecord, DeskError> {
        let (reply, answer) = oneshot::channel();
        self.hand_over(Order { event, reply: Some(reply) })?;
        match tokio::time::timeout(ANSWER_WITHIN, answer).await {
            Ok(Ok(Some(verdict))) => Ok(verdict),
            Ok(Ok(None) | Err(_)) => Err(DeskError::NoCore),
            Err(_) => Err(DeskError::TimedOut),
        }
    }

    fn hand_over(&self, order: Order) -> Result<(), DeskError> {
        self.context.desk.try_send(order).map_err(|error| match error {
            TrySendError::Full(_) => DeskError::Busy,
            TrySendError::Disconnected(_) => DeskError::NoCore,
        })
    }

    /// An id that no other command of this sidecar has.
    #[must_use]
    pub fn next_id(&self) -> u64 {
        let mut last = self.last_id.lock().unwrap_or_else(PoisonError::into_inner);
        *last += 1;
        *last
    }
}
