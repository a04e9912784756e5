//! HOT: identities of what has been booked, so that nothing is counted twice.
//!
//! An execution is (account, instrument, side, 128-bit execution key): immutable fields of the venue's report only.
//! The account stands for its venue. Order and lane are left out: whoever else reports the same execution, and under
//! whatever order, repeats it. Fundings and flows are (book, kind, id), settlements (book, instrument, id): a book's cash
//! is its own, and no client can use up another's ids.
//!
//! The table is fixed. When it is full the oldest entry with a venue time is forgotten and its venue time becomes the account's
//! horizon: anything new that is not younger (`t <= horizon`) could be a repeat and is refused. Entries without a
//! venue time are never forgotten, because nothing could tell their repeat from a new one: a table full of them
//! refuses everything, and the book that needed room halts.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use std::collections::VecDeque;

use super::ledger::Charge;
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, into_queue, is_as_long};
use super::table::{Key, Table, mix};

/// What kind of thing an identity names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub(super) enum Class {
    Buy = 0,
    Sell = 1,
    Funding = 2,
    Flow = 3,
    Settle = 4,
}

/// The identity of something booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Identity {
    pub(super) class: Class,
    /// The account of an execution, the book of a funding, flow or settlement.
    pub(super) owner: u16,
    /// 0 for a funding or flow.
    pub(super) instrument: u16,
    pub(super) low: u64,
    pub(super) high: u64,
}

impl Key for Identity {
    fn digest(&self) -> u64 {
        let place = (self.class as u64) << 32 | u64::from(self.owner) << 16 | u64::from(self.instrument);
        mix(mix(self.low ^ place.rotate_left(17)) ^ self.high)
    }
}

/// What is remembered of an execution, to take it back or change its fee.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Booked {
    pub(super) position: u32,
    /// 0 when the report named none.
    pub(super) order: u64,
    /// Whose id that is, as in an order's key.
    pub(super) by: u16,
    pub(super) qty: i64,
    pub(super) leg: i128,
    pub(super) fee: i128,
    pub(super) debit: i64,
    /// Its fee where that is in a third currency.
    pub(super) charge: Charge,
    /// The change of cost it made.
    pub(super) cost: i128,
    pub(super) busted: bool,
    /// UTC, 0 when unknown.
    pub(super) t_venue: i64,
    /// The account whose horizon it moves when it is forgotten.
    pub(super) account: u16,
}

/// Whether something may be booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    New,
    /// Already booked.
    Repeat(u32),
    /// Too old to tell.
    BeyondHorizon,
    /// No room, and nothing may be forgotten.
    Full,
}

/// Everything booked that is still remembered.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Executions {
    table: Table<Identity, Booked>,
    /// Entries with a venue time, oldest first: those that may be forgotten.
    timed: VecDeque<u32>,
    /// Per account, the newest venue time forgotten.
    horizons: Vec<i64>,
}

#[cfg(feature = "sidecar")]
impl Fit for Executions {
    fn fit(&mut self, fresh: Self) -> bool {
        is_as_long(&self.horizons, &fresh.horizons)
            && self.table.fit(fresh.table)
            && into_queue(&mut self.timed, fresh.timed)
            && self.timed.iter().all(|&entry| (entry as usize) < self.table.entries())
    }
}

#[cfg(feature = "sidecar")]
impl Executions {
    /// Whether everything was booked on an account there is, and what was traded on one of so many positions.
    pub(super) fn points_inside(&self, positions: usize) -> bool {
        let accounts = self.horizons.len();
        self.table.all(|identity, booked| {
            let is_cash = matches!(identity.class, Class::Funding | Class::Flow);
            usize::from(booked.account) < accounts && (is_cash || (booked.position as usize) < positions)
        })
    }
}

impl Executions {
    pub(super) fn new(capacity: u32, accounts: usize) -> Self {
        Self {
            table: Table::new(capacity),
            timed: VecDeque::with_capacity(capacity as usize),
            horizons: vec![i64::MIN; accounts],
        }
    }

    pub(super) fn find(&self, identity: &Identity) -> Option<u32> {
        self.table.find(identity)
    }

    pub(super) fn get(&self, entry: u32) -> &Booked {
        self.table.get(entry)
    }

    pub(super) fn get_mut(&mut self, entry: u32) -> &mut Booked {
        self.table.get_mut(entry)
    }

    /// Whether something with this identity and venue time (0: unknown) may be booked on `account`.
    pub(super) fn admit(&self, identity: &Identity, account: u16, t_venue: i64) -> Admission {
        if let Some(entry) = self.table.find(identity) {
            return Admission::Repeat(entry);
        }
        if t_venue != 0 && t_venue <= self.horizons[usize::from(account)] {
            return Admission::BeyondHorizon;
        }
        if self.table.has_room() || !self.timed.is_empty() { Admission::New } else { Admission::Full }
    }

    /// Remembers what [`Executions::admit`] found new.
    pub(super) fn remember(&mut self, identity: Identity, booked: Booked) -> Option<u32> {
        if !self.table.has_room() {
            let oldest = self.timed.pop_front()?;
            let forgotten = *self.table.get(oldest);
            let horizon = &mut self.horizons[usize::from(forgotten.account)];
            *horizon = (*horizon).max(forgotten.t_venue);
            self.table.remove(oldest);
        }
        let entry = self.table.insert(identity, booked)?;
        if booked.t_venue != 0 {
            self.timed.push_back(entry);
        }
        Some(entry)
    }
}
