//! HOT: what is remembered of orders: how much of each is booked, and whether it is over.
//!
//! A venue reports an order's executions one by one, as cumulative totals, or both ways. Executions are summed,
//! totals may only grow; the order is booked at whichever has the larger quantity (`>`; at equality what is booked
//! stays). Terminal states absorb status, not fills: an execution after CANCELED, EXPIRED or REJECTED is booked and
//! counted late, an announcement or acknowledgement after the end changes nothing.
//!
//! An order trades one instrument on one side; a report of another makes it CORRUPT. Its quantity follows
//! ORDER_MODIFY upwards, because either size may fill from then on, and ORDER_MODIFIED wherever that says.
//!
//! The table is fixed. Orders that are over, and orders nobody announced, may be forgotten, oldest first. A total
//! for an order of which something may have been forgotten cannot be told from a repeat: it is refused and the
//! book halts. When nothing may be forgotten the book that needed room halts with cause CAPACITY.

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

use super::table::{Key, Table, mix};

/// An order of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OrderKey {
    pub(super) book: u16,
    pub(super) id: u64,
}

impl Key for OrderKey {
    fn digest(&self) -> u64 {
        mix(self.id ^ u64::from(self.book).rotate_left(40))
    }
}

/// Part of an order that has been traded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traded {
    /// Unsigned lots.
    pub(super) qty: i64,
    /// Cash received, in the scale of the instrument.
    pub(super) leg: i128,
    /// Fee in 1e-9 of the settlement currency.
    pub(super) fee: i128,
    /// Fee in lots of the base currency.
    pub(super) debit: i64,
}

impl Traded {
    pub(super) fn plus(&self, other: &Self) -> Option<Self> {
        Some(Self {
            qty: self.qty.checked_add(other.qty)?,
            leg: self.leg.checked_add(other.leg)?,
            fee: self.fee.checked_add(other.fee)?,
            debit: self.debit.checked_add(other.debit)?,
        })
    }

    pub(super) fn minus(&self, other: &Self) -> Option<Self> {
        Some(Self {
            qty: self.qty.checked_sub(other.qty)?,
            leg: self.leg.checked_sub(other.leg)?,
            fee: self.fee.checked_sub(other.fee)?,
            debit: self.debit.checked_sub(other.debit)?,
        })
    }
}

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Completely filled.
    Filled,
    /// Canceled, expired, rejected or never sent.
    Otherwise,
}

/// What an order trades.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Side {
    pub(super) instrument: u16,
    pub(super) sells: bool,
}

/// One order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Order {
    /// What it trades, as the first report of it said; an order never changes that.
    pub(super) side: Side,
    /// Announced quantity, as modified since; 0 when nobody announced it.
    pub(super) qty: i64,
    /// Ordered by cost: the announced quantity says nothing about what may fill.
    pub(super) by_cost: bool,
    pub(super) ended: Option<Ended>,
    executed: Traded,
    reported: Traded,
    by_report: bool,
    /// Something of it may have been forgotten.
    partial: bool,
    /// It may be forgotten, and is in the queue for that.
    expendable: bool,
}

impl Order {
    fn booked(&self) -> &Traded {
        if self.by_report { &self.reported } else { &self.executed }
    }

    /// Whether more of it is booked than was ordered, and more than when it was `before`.
    pub(super) fn overfills(&self, before: &Self) -> bool {
        let booked = self.booked().qty;
        self.qty > 0 && !self.by_cost && booked > self.qty && booked > before.booked().qty
    }

    fn end_if_filled(&mut self) {
        if self.qty > 0 && !self.by_cost && self.booked().qty >= self.qty && self.ended.is_none() {
            self.ended = Some(Ended::Filled);
        }
    }

    fn choose(&mut self) {
        self.by_report = match self.reported.qty.cmp(&self.executed.qty) {
            core::cmp::Ordering::Greater => true,
            core::cmp::Ordering::Less => false,
            core::cmp::Ordering::Equal => self.by_report,
        };
    }

    /// Adds to (or, negative, takes from) its executions. The order as it will be, and what that books.
    pub(super) fn execute(&self, step: &Traded) -> Option<(Self, Traded)> {
        let mut next = Self { executed: self.executed.plus(step)?, ..*self };
        next.choose();
        next.end_if_filled();
        let step = next.booked().minus(self.booked())?;
        Some((next, step))
    }

    /// Takes a cumulative total. The order as it will be, and what that books.
    pub(super) fn report(&self, total: Traded) -> Option<(Self, Traded)> {
        let mut next = Self { reported: total, ..*self };
        next.choose();
        next.end_if_filled();
        let step = next.booked().minus(self.booked())?;
        Some((next, step))
    }

    pub(super) const fn reported(&self) -> &Traded {
        &self.reported
    }

    /// Whether a total for it could count something twice.
    pub(super) const fn is_partial(&self) -> bool {
        self.partial
    }
}

/// All orders that are remembered.
#[derive(Debug)]
pub(super) struct Orders {
    table: Table<OrderKey, Order>,
    expendable: VecDeque<u32>,
    has_forgotten: bool,
}

impl Orders {
    pub(super) fn new(capacity: u32) -> Self {
        Self {
            table: Table::new(capacity),
            expendable: VecDeque::with_capacity(capacity as usize),
            has_forgotten: false,
        }
    }

    pub(super) fn find(&self, key: &OrderKey) -> Option<u32> {
        self.table.find(key)
    }

    pub(super) fn get(&self, entry: u32) -> &Order {
        self.table.get(entry)
    }

    /// The order, remembered from now on; `None` when there is no room. `qty` is 0 when nobody announced it.
    pub(super) fn open(&mut self, key: OrderKey, side: Side, qty: i64) -> Option<u32> {
        if let Some(found) = self.table.find(&key) {
            return Some(found);
        }
        if !self.table.has_room() {
            let oldest = self.expendable.pop_front()?;
            self.table.remove(oldest);
            self.has_forgotten = true;
        }
        let partial = self.has_forgotten && qty == 0;
        let entry = self.table.insert(key, Order { side, qty, partial, ..Order::default() })?;
        if qty == 0 {
            self.expend(entry);
        }
        Some(entry)
    }

    pub(super) fn replace(&mut self, entry: u32, order: Order) {
        let expendable = self.table.get(entry).expendable;
        *self.table.get_mut(entry) = Order { expendable, ..order };
        if order.ended.is_some() {
            self.expend(entry);
        }
    }

    /// Notes that an order is by cost.
    pub(super) fn by_cost(&mut self, entry: u32) {
        self.table.get_mut(entry).by_cost = true;
    }

    /// A new total quantity. The venue's word replaces the last one; a wish counts from when it may have been sent,
    /// and only where it is larger, because it may be refused.
    pub(super) fn resize(&mut self, entry: u32, qty: i64, confirmed: bool) {
        let mut order = *self.table.get(entry);
        if order.qty <= 0 || qty <= 0 || order.ended.is_some() {
            return;
        }
        order.qty = if confirmed { qty } else { order.qty.max(qty) };
        order.end_if_filled();
        self.replace(entry, order);
    }

    pub(super) fn end(&mut self, entry: u32, ended: Ended) {
        let order = self.table.get_mut(entry);
        order.ended = Some(order.ended.unwrap_or(ended));
        self.expend(entry);
    }

    fn expend(&mut self, entry: u32) {
        let order = self.table.get_mut(entry);
        if !order.expendable {
            order.expendable = true;
            self.expendable.push_back(entry);
        }
    }
}
