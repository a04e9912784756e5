//! HOT: orders that work for another strategy's book.
//!
//! An order that names a directive works for the book the directive is about: an executor that flattens for a dead
//! strategy closes that strategy's position, and its fills are booked there. Which book that is, is remembered per order,
//! for the newest [`ROOM`]. Executors and owners mint ids of their own, so one of each may be alike: an order's key tells
//! who minted it. What an executor reports of an order that it never placed, and was told to cancel, reaches that order.

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

use super::Engine;
use super::lanes::Place;
use super::orders::OrderKey;
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, into_queue};
use super::table::Table;
use crate::model::scope::BookId;
use crate::model::{Event, Message};

/// Orders for other books that are remembered.
const ROOM: u32 = 1_024;

/// The book each order of an executor works for, where it is not its own.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Delegated {
    books: Table<OrderKey, BookId>,
    oldest: VecDeque<u32>,
}

#[cfg(feature = "sidecar")]
impl Fit for Delegated {
    fn fit(&mut self, fresh: Self) -> bool {
        self.books.fit(fresh.books)
            && into_queue(&mut self.oldest, fresh.oldest)
            && self.oldest.iter().all(|&entry| (entry as usize) < self.books.entries())
    }
}

#[cfg(feature = "sidecar")]
impl Delegated {
    /// Whether every order works for one of so many books.
    pub(super) fn points_inside(&self, books: usize) -> bool {
        self.books.all(|_, &book| usize::from(book) < books)
    }
}

impl Delegated {
    pub(super) fn new() -> Self {
        Self { books: Table::new(ROOM), oldest: VecDeque::with_capacity(ROOM as usize) }
    }

    fn find(&self, key: &OrderKey) -> Option<BookId> {
        self.books.find(key).map(|entry| *self.books.get(entry))
    }

    /// Notes the book an order works for; `None`, its strategy's own, needs no note.
    fn remember(&mut self, key: OrderKey, book: Option<BookId>) {
        let Some(book) = book else {
            if let Some(entry) = self.books.find(&key) {
                self.books.remove(entry);
                self.oldest.retain(|&known| known != entry);
            }
            return;
        };
        if let Some(entry) = self.books.find(&key) {
            *self.books.get_mut(entry) = book;
            return;
        }
        if !self.books.has_room()
            && let Some(oldest) = self.oldest.pop_front()
        {
            self.books.remove(oldest);
        }
        if let Some(entry) = self.books.insert(key, book) {
            self.oldest.push_back(entry);
        }
    }
}

impl Engine {
    /// The place an event belongs to: another book, where its order carries out a directive about that.
    pub(super) fn delegated(&mut self, place: Place, message: &Message) -> Place {
        let Some(id) = order_of(&message.event) else { return place };
        if let Event::OrderNew { attrs, .. } = message.event {
            let book = self.directed_book(place, attrs.directive);
            self.delegated.remember(place.key(id), book);
            return book.map_or(place, |book| place.on_behalf_of(book));
        }
        if let Some(book) = self.delegated.find(&place.key(id)) {
            if let Event::OrderModify { new_order: new_order @ 1.., .. } = message.event {
                self.delegated.remember(place.key(new_order), Some(book));
            }
            return place.on_behalf_of(book);
        }
        if self.orders.find(&place.key(id)).is_some() {
            return place;
        }
        // An order it never placed, of a book whose orders it was told to cancel.
        let mut books = self.directives.told_to_cancel(place.strategy).map(|book| Place { book, ..place });
        books.find(|theirs| self.orders.find(&theirs.key(id)).is_some()).unwrap_or(place)
    }

    /// The other book that an order with this directive works for.
    fn directed_book(&self, place: Place, directive: u32) -> Option<BookId> {
        let held = self.directives.held_by(place.strategy, directive).filter(|&book| book != place.book);
        held.filter(|&book| directive != 0 && self.ledger.book(book).account == place.account)
    }
}

impl Place {
    /// The same, for another strategy's book; the ids stay those of whoever says them.
    const fn on_behalf_of(self, book: BookId) -> Self {
        Self { book, by: self.strategy.saturating_add(1), ..self }
    }
}

/// The order an event is about.
fn order_of(event: &Event) -> Option<u64> {
    match *event {
        Event::OrderNew { order, .. }
        | Event::OrderModify { order, .. }
        | Event::OrderCancel { order, .. }
        | Event::NotSent { order, .. }
        | Event::OrderAck { order, .. }
        | Event::OrderReject { order, .. }
        | Event::OrderModified { order, .. }
        | Event::OrderDone { order, .. }
        | Event::OrderTriggered { order, .. }
        | Event::FillCum { order, .. } => Some(order.get()),
        Event::Fill { order, .. } | Event::FillBust { order, .. } | Event::FeeAdjust { order, .. } => {
            Some(order)
        }
        _ => None,
    }
}
