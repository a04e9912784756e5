//! HOT: the band between a drawdown's warning and its limit, in which a book may do less.
//!
//! A guard with `scale` leaves all of rate and size up to its warning and that share of them at its limit, in between in
//! proportion; of several guards on the scopes of a book the narrowest counts. **Narrowed** are the largest quantity and
//! notional of an order, rounded down, and how much of each rate bucket's limit may be used when the book asks for a new
//! order or a modification; in an empty bucket one always passes. What does not fit is denied and does not wait: in
//! the queue it would keep its buckets from books that lose nothing. **Not narrowed** is what only reduces, cancels and
//! exits, and an order that is announced without a request: its size halts nobody for a number it was not told.
//! **Untrusted** readings narrow and never widen. Expires with the loss; nobody resets it.

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
use super::checks::{Denial, Ticket};
use super::exact::{floor_mul_div, micros, micros_up};
use super::gates::guard;
use super::lanes::Place;
use super::rate_limit::{Admission, Rank};
use super::requests::Request;
use crate::model::scope::BookId;
use crate::model::{Bps, Reason, Scope};

/// All of it, in basis points.
const WHOLE: i128 = Bps::WHOLE.0 as i128;

impl Engine {
    /// Why a request finds no room in what is left of its buckets.
    pub(super) fn beyond_band(&self, request: &Request<'_>, rank: Rank) -> Option<Denial> {
        let book = request.place.book;
        let share = self.left_to(book);
        if share == Bps::WHOLE || rank < Rank::Modify {
            return None;
        }
        let Admission::Wait { until, .. } = self.buckets.ask_within(request.charge(), rank, share, self.now)
        else {
            return None;
        };
        let denial =
            Denial::of(Reason::BucketFull, Scope::Book(book), i64::from(share.0), i64::from(Bps::WHOLE.0));
        Some(Denial { extra: until.since(self.now).0, ..denial })
    }

    /// The narrowest of what the guards of a book leave, in basis points.
    fn left_to(&self, book: BookId) -> Bps {
        let of = self.ledger.book(book);
        let ranges = [
            self.watched.books[usize::from(book)],
            self.watched.strategies[usize::from(of.strategy)],
            self.watched.accounts[usize::from(of.account)],
        ];
        let guards = ranges.into_iter().flat_map(|(start, end)| start..end);
        let left = guards.map(|at| self.drawdowns.left(usize::from(self.watchers[at as usize])));
        left.min().unwrap_or(Bps::WHOLE)
    }

    /// Whether an order that adds risk is small enough for what is left.
    pub(super) fn check_band(&self, place: Place, ticket: &Ticket) -> Result<(), Denial> {
        let share = self.left_to(place.book);
        if share == Bps::WHOLE {
            return Ok(());
        }
        let narrowed = |max: i128| floor_mul_div(max, i128::from(share.0), WHOLE);
        let scope = Scope::Book(place.book);
        let overflow = Denial::of(Reason::Arithmetic, scope, ticket.size.qty, ticket.size.px);
        let limits = &self.limits.books[usize::from(place.book)];
        if let Some(max) = limits.max_order_qty.filter(|_| !ticket.terms.by_cost) {
            let most =
                narrowed(i128::from(max.0)).and_then(|most| i64::try_from(most).ok()).ok_or(overflow)?;
            if ticket.size.qty > most {
                let room = most;
                return Err(
                    Denial::of(Reason::MaxQty, scope, ticket.size.qty, most).by(guard::ORDER_QTY, room)
                );
            }
        }
        let Some(max) = limits.max_order_notional else { return Ok(()) };
        let most = narrowed(max.0).ok_or(overflow)?;
        let instrument = ticket.side.instrument;
        let px = if ticket.is_priced() { Some(ticket.size.px) } else { self.marks.quote(instrument).good };
        let notional = px.and_then(|px| self.notional_of(ticket, px));
        let cost = self.accounted(place, instrument, notional.ok_or(overflow)?);
        let denial = |reason, measured| {
            Err(Denial::of(reason, scope, measured, micros(most)).by(guard::ORDER_NOTIONAL, 0))
        };
        match cost {
            Err(reason) => denial(reason, 0),
            Ok(cost) if cost > most => denial(Reason::MaxNotional, micros_up(cost)),
            Ok(_) => Ok(()),
        }
    }
}
