//! COLD: everything an engine knows, as bytes, so that one made from them goes on exactly like it.
//!
//! The encoding is that of the types as they are declared, so the bytes mean something only to the build that wrote
//! them; whoever keeps them keeps a version and a checksum beside them. Not written, since it is worked out again:
//! what follows from the limits alone, the buckets of the tables (an entry keeps its number, nothing depends on which
//! bucket leads to it), and blanks at the end of a table.
//!
//! ```text
//! bytes ── decode ──> parts without rooms ┐
//!              └─ limits ─> fresh engine ─┴─ fit ──> engine with the rooms of a fresh one
//! ```
//! The capacity stands before the engine once more: how much memory a fresh engine takes must not depend on one number
//! that may be damaged. Bytes that no engine wrote are refused where they do not decode, where the limits contradict themselves, and where
//! a table has another size than the limits give it or a number points outside its table. Not checked is what else
//! the numbers say about each other: whether a list comes to an end, whether sums add up, whether an order is in the
//! list it names. The checksum is for that.

pub(super) mod fit;
pub(super) mod form;

use fit::{Fit, is_as_long};

use super::limits::{Capacity, Limits};
use super::{Engine, Judged};
use crate::model::Nanos;

/// Why bytes are not taken for a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// They do not decode.
    #[error("the bytes end too soon, or another build wrote them")]
    Undecodable,
    /// They go on after the end.
    #[error("{0} bytes more than a snapshot has")]
    Surplus(usize),
    /// No engine can be made from these limits.
    #[error("the limits in it contradict themselves")]
    Limits,
    /// The parts are not those of an engine with these limits.
    #[error("a table in it has not the size its limits give it, or points outside of another")]
    Shape,
}

impl Engine {
    /// Everything the engine knows, the outcome of the last [`Engine::apply`] included. Allocates.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        encode(&(self.limits.capacity, self))
    }

    /// An engine that goes on like the one whose [`Engine::snapshot`] these bytes are: given the same records at the
    /// same times it decides the same, and it allocates no more than that one.
    ///
    /// # Errors
    /// [`SnapshotError`] for bytes that are none of this build. The caller verifies a checksum first: damage that
    /// leaves every table its size is not found.
    pub fn restore(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let (capacity, mut engine): (Capacity, Self) = decode(bytes)?;
        engine.limits.check().map_err(|_| SnapshotError::Limits)?;
        if capacity != engine.limits.capacity {
            return Err(SnapshotError::Limits);
        }
        let fresh = Self::new(engine.limits.clone(), Nanos::ZERO);
        if engine.fit(fresh) { Ok(engine) } else { Err(SnapshotError::Shape) }
    }

    fn fit(&mut self, fresh: Self) -> bool {
        self.watchers = fresh.watchers;
        self.watched = fresh.watched;
        self.watches = fresh.watches;
        self.venue_of = fresh.venue_of;
        self.book_of = fresh.book_of;
        self.gates.fit(fresh.gates)
            && self.ledger.fit(fresh.ledger)
            && self.marks.fit(fresh.marks)
            && self.executions.fit(fresh.executions)
            && self.orders.fit(fresh.orders)
            && self.drawdowns.fit(fresh.drawdowns)
            && self.clients.fit(fresh.clients)
            && self.applications.fit(fresh.applications)
            && self.timers.fit(fresh.timers)
            && self.error_rates.fit(fresh.error_rates)
            && self.buckets.fit(fresh.buckets)
            && self.queues.fit(fresh.queues)
            && is_as_long(&self.calm_since, &fresh.calm_since)
            && self.working.fit(fresh.working)
            && self.gross_net.fit(fresh.gross_net)
            && self.drifts.fit(fresh.drifts)
            && self.funds.fit(fresh.funds)
            && self.day.fit(fresh.day)
            && self.repeats.fit(fresh.repeats)
            && self.awaited.fit(fresh.awaited)
            && self.lists.fit(fresh.lists)
            && self.approvals.fit(fresh.approvals)
            && self.duplicates.fit(fresh.duplicates)
            && self.directives.fit(fresh.directives)
            && self.delegated.fit(fresh.delegated)
            && self.stragglers.fit(fresh.stragglers)
            && self.reconcile.fit(fresh.reconcile)
            && self.connections.fit(fresh.connections)
            && self.judged.fit(fresh.judged)
            && is_as_long(&self.sessions, &fresh.sessions)
            && self.points_inside()
    }

    /// Whether what one part says of another exists there.
    fn points_inside(&self) -> bool {
        let (orders, positions) = (self.orders.entries(), self.ledger.entries());
        self.executions.points_inside(positions)
            && self.orders.points_inside(positions, self.working.entries())
            && self.working.points_inside(orders)
            && self.awaited.points_inside(orders)
            && self.clients.points_inside(&self.limits)
            && self.lists.points_inside(&self.limits)
            && self.queues.iter().all(|queue| queue.points_inside(&self.limits))
            && self.directives.points_inside(&self.limits)
            && self.delegated.points_inside(self.limits.books.len())
    }
}

impl Fit for Judged {
    fn fit(&mut self, fresh: Self) -> bool {
        is_as_long(&self.strategies, &fresh.strategies) && is_as_long(&self.accounts, &fresh.accounts)
    }
}

impl Limits {
    /// The limits as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// The limits in what [`Limits::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`SnapshotError`] for bytes that are none of this build, and for limits no engine can be made from.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let limits: Self = decode(bytes)?;
        limits.check().map_err(|_| SnapshotError::Limits)?;
        Ok(limits)
    }
}

#[expect(clippy::expect_used, reason = "a vector has room, and every list knows its length")]
fn encode(value: &impl serde::Serialize) -> Vec<u8> {
    postcard::to_stdvec(value).expect("nothing in it cannot be encoded")
}

fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, SnapshotError> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|_| SnapshotError::Undecodable)?;
    if rest.is_empty() { Ok(value) } else { Err(SnapshotError::Surplus(rest.len())) }
}
