//! HOT: what is remembered of orders: how much of each is booked, how much may still fill, and whether it is over.
//!
//! A venue reports an order's executions one by one, as cumulative totals, or both ways. Executions are summed,
//! totals may only grow; the order is booked at whichever has the larger quantity (`>`; at equality what is booked
//! stays). Terminal states absorb status, not fills: an execution after CANCELED, EXPIRED or REJECTED is booked and
//! counted late, an announcement or acknowledgement after the end changes nothing.
//!
//! ```text
//! REPORTED  the venue told of it, nobody announced it     may be forgotten
//! WAITING   requested, in the queue of its venue          reserves nothing
//! WORKING   announced or permitted                        reserves what is left of it
//! UNKNOWN   no answer within ack_timeout                  reserves what is left of it
//! over      filled, canceled, expired, rejected, not sent  may be forgotten
//! ```
//! An order trades one instrument on one side; a report of another makes it CORRUPT. While a modification is under
//! way either size may fill, so the larger counts; the venue's word, a reject or NOT_SENT decides which it was.
//!
//! The table is fixed. Orders that are over, and orders nobody announced, may be forgotten, oldest first. A total
//! for an order of which something may have been forgotten cannot be told from a repeat: it is refused and the
//! book halts. When nothing may be forgotten the book that needed room halts with cause CAPACITY. An id is known for
//! as long as its order is remembered.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod traded;

pub(super) use traded::Traded;

use std::collections::VecDeque;

use super::chain::{Ends, Links};
use super::checks::Ticket;
use super::error_rate::Generations;
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, into_queue};
use super::table::{Key, Table, mix};
use crate::model::event::{Intent, OrderAction, OrderType};
use crate::model::{Leg, Nanos};

/// In the place of a replacement: more than one was unanswered at once, and which a reject answers is not known.
pub(super) const SEVERAL: u64 = u64::MAX;

/// An order of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct OrderKey {
    pub(super) book: u16,
    /// Who minted the id: 0 the owner of the book, else the executor that trades for it, its number plus one.
    pub(super) by: u16,
    pub(super) id: u64,
}

impl Key for OrderKey {
    fn digest(&self) -> u64 {
        mix(self.id ^ u64::from(self.book).rotate_left(40) ^ u64::from(self.by).rotate_left(20))
    }
}

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Ended {
    /// Completely filled.
    Filled,
    /// Canceled, expired, rejected or never sent.
    Otherwise,
}

/// What an order trades.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Side {
    pub(super) instrument: u16,
    pub(super) leg: Leg,
    pub(super) sells: bool,
}

/// What an order was announced with and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Terms {
    pub(super) kind: OrderType,
    pub(super) intent: Intent,
    /// The venue itself sees to it that it only reduces.
    pub(super) venue_enforced: bool,
    /// Of orders with one number only one can fill; 0 for none.
    pub(super) group: u32,
    /// The group whose fills it shares: its own, or that of the order in whose place it was placed.
    pub(super) set: u32,
    /// Which of the group it is.
    pub(super) leg: u16,
    /// The entry order it protects; 0 for none.
    pub(super) parent: u64,
    /// Ordered by cost: its quantity is what that may fill at most, as far as the mark tells.
    pub(super) by_cost: bool,
}

/// How far an order got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Stage {
    #[default]
    Reported,
    Waiting,
    Working,
    Unknown,
}

/// A price and total quantity, asked for or confirmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Size {
    pub(super) px: i64,
    pub(super) qty: i64,
}

/// One order.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Order {
    /// What it trades, as the first report of it said; an order never changes that.
    pub(super) side: Side,
    pub(super) terms: Terms,
    pub(super) stage: Stage,
    /// Announced quantity, as modified since; 0 when nobody announced it.
    pub(super) size: Size,
    /// The size it was announced with.
    pub(super) first: Size,
    /// The largest of the modifications the venue has not answered, and how many there are.
    pub(super) wish: Option<Size>,
    pub(super) wishes: u8,
    /// The attempt the venue has not answered, and the breakers it counts for.
    pub(super) attempt: Option<OrderAction>,
    pub(super) generations: Generations,
    /// When the attempt was made.
    pub(super) sent: Nanos,
    /// When its last new, modify and cancel were charged to rate buckets; never where there is nothing to give back.
    pub(super) charged: [Nanos; 3],
    /// The order that is to take its place, canceled and placed anew; 0 for none, `SEVERAL` for more than one.
    pub(super) replacement: u64,
    pub(super) venue_key: u64,
    /// The directive, and which handing out of it, by which its cancel was named last.
    pub(super) named: u64,
    /// The venue has told of it: it was sent.
    pub(super) heard: bool,
    /// Nobody here placed it, as far as anybody knows: a snapshot listed it.
    pub(super) orphan: bool,
    /// The snapshot that listed it last, and since when one did not.
    pub(super) seen: u64,
    pub(super) absent: Option<Nanos>,
    /// It is over at the venue, and some of its fills have not been told.
    pub(super) fills_only: bool,
    pub(super) ended: Option<Ended>,
    /// What of it the sums of its position hold now.
    pub(super) counted: i64,
    pub(super) exiting: i64,
    /// The position it works on, while it works.
    pub(super) position: Option<u32>,
    pub(super) group: Option<u32>,
    /// Requests about it that wait in a queue.
    pub(super) waiting: u8,
    /// The largest total that the fills of its group have left to it; where none has, all there is.
    pub(super) allowed: i64,
    children: Ends,
    /// The entry order that covers it.
    parent: Option<u32>,
    executed: Traded,
    reported: Traded,
    by_report: bool,
    /// Something of it may have been forgotten.
    partial: bool,
    /// It is in the queue of what may be forgotten.
    expendable: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            kind: OrderType::Limit,
            intent: Intent::Open,
            venue_enforced: false,
            group: 0,
            set: 0,
            leg: 0,
            parent: 0,
            by_cost: false,
        }
    }
}

impl Order {
    pub(super) fn booked(&self) -> &Traded {
        if self.by_report { &self.reported } else { &self.executed }
    }

    /// Whether it may still fill as far as anybody knows.
    pub(super) const fn is_live(&self) -> bool {
        matches!(self.stage, Stage::Working | Stage::Unknown) && self.ended.is_none()
    }

    /// The largest total that may fill.
    pub(super) fn total(&self) -> i64 {
        self.wish.map_or(self.size.qty, |wish| wish.qty.max(self.size.qty))
    }

    /// Lots that may still fill.
    pub(super) fn remaining(&self) -> i64 {
        if self.is_live() { self.total().saturating_sub(self.booked().qty).max(0) } else { 0 }
    }

    /// Lots that may still fill, and that its group has left to it.
    pub(super) fn left(&self) -> i64 {
        self.remaining().min(self.allowed.saturating_sub(self.booked().qty)).max(0)
    }

    /// What the next modification starts from: the last one that may have been sent.
    pub(super) fn latest(&self) -> Size {
        self.wish.unwrap_or(self.size)
    }

    /// The entry order that covers it: until that fills it counts nothing.
    pub(super) const fn parent(&self) -> Option<u32> {
        self.parent
    }

    fn is_sized(&self) -> bool {
        self.size.qty > 0 && !self.terms.by_cost
    }

    /// Whether more of it is booked than was ordered and `tolerance` on top, and more than when it was `before`.
    pub(super) fn overfills(&self, before: &Self, tolerance: i64) -> bool {
        let booked = self.booked().qty;
        let allowed = self.total().saturating_add(tolerance);
        self.is_sized() && booked > allowed && booked > before.booked().qty
    }

    fn end_if_filled(&mut self) {
        if self.is_sized() && self.booked().qty >= self.total() && self.ended.is_none() {
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

    /// The order that is placed anew in its place, on its terms but outside its group: nothing ties the two.
    pub(super) fn replacement(&self, id: u64, size: Size) -> Ticket {
        let terms = Terms { group: 0, ..self.terms };
        Ticket { id, side: self.side, size, terms, cost: 0, trigger_px: 0, expiry: None }
    }

    /// The venue has ended it with `cum_qty` lots filled, of which some are not booked yet: only those may still come.
    /// `false` when all of them are.
    pub(super) fn await_fills(&mut self, cum_qty: i64) -> bool {
        let is_told = self.is_sized() || self.terms.by_cost;
        let waits = self.is_live() && is_told && cum_qty > self.booked().qty;
        if waits {
            // Its size is known now.
            self.terms.by_cost = false;
            (self.size.qty, self.wish, self.wishes) = (cum_qty, None, 0);
            self.fills_only = true;
        }
        waits
    }

    /// Settles what became of a modification: the venue's size, or with none the one before. While others are not
    /// answered they still count.
    pub(super) fn settle_wish(&mut self, size: Option<Size>) {
        self.wishes = self.wishes.saturating_sub(1);
        if self.wishes == 0 {
            self.wish = None;
        }
        self.size = size.unwrap_or(self.size);
        self.end_if_filled();
    }
}

/// All orders that are remembered.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Orders {
    table: Table<OrderKey, Order>,
    expendable: VecDeque<u32>,
    siblings: Links,
    has_forgotten: bool,
}

#[cfg(feature = "sidecar")]
impl Fit for Orders {
    fn fit(&mut self, fresh: Self) -> bool {
        self.table.fit(fresh.table)
            && self.siblings.fit(fresh.siblings)
            && into_queue(&mut self.expendable, fresh.expendable)
            && self.expendable.iter().all(|&entry| (entry as usize) < self.entries())
    }
}

#[cfg(feature = "sidecar")]
impl Orders {
    /// Orders so far, those forgotten included: indices are below that.
    pub(super) fn entries(&self) -> usize {
        self.table.entries()
    }

    /// Whether every order is on one of so many positions, in one of so many groups, and of a family there is.
    pub(super) fn points_inside(&self, positions: usize, groups: usize) -> bool {
        let below = |index: Option<u32>, end: usize| index.is_none_or(|index| (index as usize) < end);
        let orders = self.entries();
        self.siblings.points_inside(orders)
            && self.table.all(|_, order| {
                below(order.position, positions)
                    && below(order.group, groups)
                    && below(order.parent, orders)
                    && order.children.points_inside(orders)
            })
    }
}

impl Orders {
    pub(super) fn new(capacity: u32) -> Self {
        Self {
            table: Table::new(capacity),
            expendable: VecDeque::with_capacity(capacity as usize),
            siblings: Links::new(capacity),
            has_forgotten: false,
        }
    }

    pub(super) fn find(&self, key: &OrderKey) -> Option<u32> {
        self.table.find(key)
    }

    pub(super) fn key(&self, entry: u32) -> OrderKey {
        *self.table.key(entry)
    }

    pub(super) fn get(&self, entry: u32) -> &Order {
        self.table.get(entry)
    }

    pub(super) fn get_mut(&mut self, entry: u32) -> &mut Order {
        self.table.get_mut(entry)
    }

    /// The order, remembered from now on; `None` when there is no room. Until it is announced it may be forgotten.
    pub(super) fn open(&mut self, key: OrderKey, side: Side) -> Option<u32> {
        if let Some(found) = self.table.find(&key) {
            return Some(found);
        }
        let entry = self.insert(key, side)?;
        self.expend(entry);
        Some(entry)
    }

    /// An order nobody knows, to be announced at once; `None` when there is no room.
    pub(super) fn insert(&mut self, key: OrderKey, side: Side) -> Option<u32> {
        if !self.table.has_room() {
            self.forget_oldest()?;
        }
        let (partial, charged, allowed) = (self.has_forgotten, [Nanos::NEVER; 3], i64::MAX);
        let order = Order { side, partial, charged, allowed, ..Order::default() };
        self.table.insert(key, order)
    }

    /// Announces an order that nobody has announced: it is all there is of it, so nothing of it was forgotten.
    pub(super) fn announce(&mut self, entry: u32, terms: Terms, size: Size, stage: Stage) {
        let order = self.table.get_mut(entry);
        (order.terms, order.size, order.first, order.stage) = (terms, size, size, stage);
        order.fills_only = false;
        if order.booked().qty == 0 {
            order.partial = false;
        }
        order.end_if_filled();
    }

    /// Forgets an order that was never sent: its id may be used again.
    pub(super) fn withdraw(&mut self, entry: u32) {
        self.wake(entry);
        self.table.remove(entry);
    }

    fn forget_oldest(&mut self) -> Option<()> {
        loop {
            let oldest = self.expendable.pop_front()?;
            let order = self.table.get_mut(oldest);
            order.expendable = false;
            if order.ended.is_some() || order.stage == Stage::Reported {
                debug_assert!(order.attempt.is_none(), "what is forgotten is in no list");
                self.wake(oldest);
                self.table.remove(oldest);
                self.has_forgotten = true;
                return Some(());
            }
        }
    }

    pub(super) fn replace(&mut self, entry: u32, order: Order) {
        let place = self.table.get_mut(entry);
        // What the table itself keeps in an order stays.
        *place = Order { expendable: place.expendable, ..order };
        if order.ended.is_some() {
            self.expend(entry);
        }
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

    /// Makes an order the child of an entry order that covers it.
    pub(super) fn adopt(&mut self, parent: u32, child: u32) {
        let mut children = self.table.get(parent).children;
        self.siblings.append(&mut children, child);
        self.table.get_mut(parent).children = children;
        self.table.get_mut(child).parent = Some(parent);
    }

    /// The orders that an entry order covers.
    pub(super) fn children(&self, entry: u32) -> impl Iterator<Item = u32> {
        core::iter::successors(self.first_child(entry), |&child| self.siblings.after(child))
    }

    pub(super) fn first_child(&self, entry: u32) -> Option<u32> {
        self.table.get(entry).children.first()
    }

    /// Lets an order count: its entry covers it no more.
    pub(super) fn wake(&mut self, child: u32) {
        let Some(parent) = self.table.get_mut(child).parent.take() else { return };
        let mut children = self.table.get(parent).children;
        self.siblings.remove(&mut children, child);
        self.table.get_mut(parent).children = children;
    }
}
