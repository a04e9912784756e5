//! HOT: an order that would trade with one of our own.
//!
//! Where an account forbids it, an order is denied, SELF_CROSS, that would meet a live order of any book of the account on
//! the other side of the same instrument; where a strategy does, one of the strategy's own book on the account. They
//! meet where the buy is priced at or above the sell. A market order meets whatever is there, and so does one with a
//! price the engine does not know (PEG). A modification under way counts at both prices. Stops that wait for their trigger are
//! in no book and meet nobody, neither as newcomers nor as those that are met. Measured is the order's price, limit
//! the price of the one it would meet; 0 where there is none. Exits pass: getting out is worth a trade with
//! oneself. In gate mode nothing is asked. Costs a walk over the live orders of the instrument on the account. Does not
//! catch: orders nobody announced, stops that have triggered, other accounts.

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
use super::lanes::Place;
use super::orders::Order;
use crate::model::event::OrderType;
use crate::model::{Reason, Scope};

/// The prices an order may trade at: a known one, any, or none yet.
#[derive(Clone, Copy)]
enum Reach {
    Price(i64),
    Any,
    Nowhere,
}

impl Reach {
    const fn of(kind: OrderType, px: i64) -> Self {
        match kind {
            OrderType::Limit => Self::Price(px),
            OrderType::Market | OrderType::Peg => Self::Any,
            OrderType::Stop | OrderType::StopLimit | OrderType::Trailing => Self::Nowhere,
        }
    }

    /// Of a live order: the price that reaches further, while a modification is under way.
    fn of_live(order: &Order) -> Self {
        let wish = order.wish.map_or(order.size.px, |wish| wish.px);
        let px = if order.side.sells { wish.min(order.size.px) } else { wish.max(order.size.px) };
        Self::of(order.terms.kind, px)
    }

    const fn px(self) -> i64 {
        match self {
            Self::Price(px) => px,
            Self::Any | Self::Nowhere => 0,
        }
    }

    /// Whether a buy that reaches so far meets a sell that does.
    const fn meets(self, sell: Self) -> bool {
        match (self, sell) {
            (Self::Nowhere, _) | (_, Self::Nowhere) => false,
            (Self::Price(buy), Self::Price(sell)) => buy >= sell,
            (Self::Any, _) | (_, Self::Any) => true,
        }
    }
}

impl Engine {
    /// Whether an order meets none of our own.
    pub(super) fn check_self_cross(&self, place: Place, ticket: &Ticket) -> Result<(), Denial> {
        let on_account = self.limits.caps(Scope::Account(place.account)).no_self_cross;
        let on_strategy = self.limits.caps(Scope::Strategy(place.strategy)).no_self_cross;
        if !on_account && !on_strategy {
            return Ok(());
        }
        let scope = if on_account { Scope::Account(place.account) } else { Scope::Strategy(place.strategy) };
        let own = Reach::of(ticket.terms.kind, ticket.size.px);
        let mut holder = self.ledger.first_holder(ticket.side.instrument);
        while let Some(index) = holder {
            holder = self.ledger.next_holder(index);
            let book = self.ledger.position(index).book;
            let is_ours =
                self.ledger.book(book).account == place.account && (on_account || book == place.book);
            if let Some(other) = is_ours.then(|| self.met(index, ticket.side.sells, own)).flatten() {
                return Err(Denial::of(Reason::SelfCross, scope, own.px(), other.px()));
            }
        }
        Ok(())
    }

    /// The first live order of a position that an order on a side would meet.
    fn met(&self, position: u32, sells: bool, own: Reach) -> Option<Reach> {
        let orders = core::iter::successors(self.working.first(position), |&entry| self.working.after(entry));
        let others = orders.map(|entry| self.orders.get(entry)).filter(|order| order.side.sells != sells);
        let mut reaches = others.map(Reach::of_live);
        reaches.find(|&other| if sells { other.meets(own) } else { own.meets(other) })
    }
}
