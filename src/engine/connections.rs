//! HOT: connections to venues that are not up, and what hangs on them.
//!
//! A CONNECTION of account level (its handle names no instrument) tells of a `source` of its strategy: UP, or anything else.
//! From the first that is not UP on the account is **cut off**: what it traded meanwhile may not have been told. It is so until
//! every source that was told down is UP again, or its strategy has opened a lane anew, **and** a snapshot of positions has matched
//! that was asked for after that: further on in the same lane, or at a later time (`>`) in another. It is directed at once. Meanwhile
//!
//! - its books are unsound: exits are EXIT_UNVERIFIED unless the venue enforces them, and no reading that includes them is
//!   trusted;
//! - FLATTEN waits, as it does while a snapshot contradicts the account's positions, and is directed for what is held once that is
//!   known, if the book is halted still; CANCEL_ALL waits with it, and what could increase is canceled meanwhile. What the venue
//!   enforces need not wait for that;
//! - **no re-routing**: an order, or more of one, that opens an instrument at another venue is denied, REROUTE (measured 1, limit
//!   0), where that instrument, or one with the same `underlying`, has been ordered or traded at the venue that is cut off.
//!   Whose books those are makes no difference. What only reduces passes, and so does whatever the venue itself is sent.
//!
//! First start: nothing is cut off. Nothing expires; with snapshots and replay. In gate mode nothing is asked, so nothing is
//! denied. The table has [`ROOM`] sources; one more halts its account, CAPACITY. Does not catch: a stream that falls silent and
//! says nothing, market data (CONNECTIONs that name an instrument), an underlying nobody has configured.

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
use super::checks::{Denial, Growth};
use super::exact::bump;
use super::lanes::Place;
use super::limits::{Actions, Limits};
use super::outcome::WordId;
#[cfg(feature = "sidecar")]
use super::snapshot::fit::{Fit, into_room, is_as_long};
use crate::model::event::ConnectionState;
use crate::model::scope::{AccountId, BookId, InstrumentId, StrategyId};
use crate::model::{Event, Leg, Nanos, Reason, Scope, TradingState};

/// Sources that may be down at once.
const ROOM: usize = 256;
/// Of what a snapshot is asked for: positions, orders, balances.
const EVERYTHING: u32 = 0b111;

/// A source that was told not to be up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Down {
    account: AccountId,
    strategy: StrategyId,
    source: u32,
}

/// When something of an account was told last, while it is cut off: where in which lane, and at what time.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct CutOff {
    lane: u16,
    position: u64,
    at: Nanos,
}

/// What is not up.
#[derive(Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Connections {
    down: Vec<Down>,
    /// Per account.
    cut_off: Vec<Option<CutOff>>,
    /// Per book what is to be directed as soon as its positions are known, and why.
    flatten: Vec<Option<(Actions, Reason)>>,
}

#[cfg(feature = "sidecar")]
impl Fit for Connections {
    fn fit(&mut self, fresh: Self) -> bool {
        into_room(&mut self.down, fresh.down)
            && is_as_long(&self.cut_off, &fresh.cut_off)
            && is_as_long(&self.flatten, &fresh.flatten)
            && self.down.iter().all(|down| usize::from(down.account) < self.cut_off.len())
    }
}

impl Connections {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            down: Vec::with_capacity(ROOM),
            cut_off: vec![None; limits.accounts.len()],
            flatten: vec![None; limits.books.len()],
        }
    }

    /// Whether what an account has traded may not have been told.
    pub(super) fn are_cut_off(&self, account: AccountId) -> bool {
        self.cut_off.get(usize::from(account)).copied().flatten().is_some()
    }

    fn is_any_down(&self, account: AccountId) -> bool {
        self.down.iter().any(|down| down.account == account)
    }
}

impl Engine {
    pub(super) fn on_connection(&mut self, place: Place, event: &Event) {
        let &Event::Connection { source, state, .. } = event else { return };
        if place.instrument.is_some() {
            return bump(&mut self.counters.unhandled);
        }
        let told = Down { account: place.account, strategy: place.strategy, source };
        let known = self.connections.down.iter().position(|down| *down == told);
        match (state, known) {
            (ConnectionState::Up, None) => {}
            (ConnectionState::Up, Some(at)) => {
                self.connections.down.swap_remove(at);
                self.come_up(place);
            }
            (_, Some(_)) => self.cut_off(place),
            (_, None) => {
                self.cut_off(place);
                if self.connections.down.len() >= ROOM {
                    return self.halt(Scope::Account(place.account), Reason::Capacity);
                }
                self.connections.down.push(told);
            }
        }
    }

    fn cut_off(&mut self, place: Place) {
        let Place { account, lane, position, .. } = place;
        if let Some(cut_off) = self.connections.cut_off.get_mut(usize::from(account)) {
            *cut_off = Some(CutOff { lane, position, at: self.now });
        }
        self.refresh_trust(Scope::Account(account));
    }

    /// A source of a cut-off account is up: what happened meanwhile is asked for.
    fn come_up(&mut self, place: Place) {
        self.cut_off(place);
        if !self.connections.is_any_down(place.account) {
            self.direct_snapshot(place.book, EVERYTHING);
        }
    }

    /// A strategy has opened a lane: what its former connections were is over.
    pub(super) fn forget_connections(&mut self, lane: u16, strategy: StrategyId) {
        for book in 0..self.limits.books.len() as u16 {
            let of = self.ledger.book(book);
            let (owner, account) = (of.strategy, of.account);
            let is_own = |down: &Down| down.strategy == strategy && down.account == account;
            if owner == strategy && self.connections.down.iter().any(is_own) {
                self.connections.down.retain(|down| !is_own(down));
                // Whatever comes through this lane was asked for later.
                self.come_up(Place {
                    strategy,
                    account,
                    book,
                    instrument: None,
                    leg: Leg::Net,
                    by: 0,
                    lane,
                    position: 0,
                });
            }
        }
    }

    /// A snapshot of positions has been compared that was asked for at that `time`, with the lane `before` that position.
    pub(super) fn prove_connection(&mut self, place: Place, before: u64, time: Option<Nanos>, matches: bool) {
        let account = place.account;
        let known = self.connections.cut_off.get(usize::from(account)).copied().flatten();
        let (Some(CutOff { lane, position, at }), Some(time)) = (known, time) else { return };
        let is_later = if lane == place.lane { before > position } else { time > at };
        if matches && is_later && !self.connections.is_any_down(account) {
            self.connections.cut_off[usize::from(account)] = None;
        }
    }

    /// Whether a book is to be flattened only when its positions are known; it then will be.
    pub(super) fn flatten_later(&mut self, book: BookId, actions: Actions, reason: Reason) -> bool {
        let account = self.ledger.book(book).account;
        if !self.is_unproved(account) {
            return false;
        }
        if let Some(flatten) = self.connections.flatten.get_mut(usize::from(book)) {
            let (waiting, first) = flatten.unwrap_or((actions, reason));
            *flatten = Some((waiting | actions, first));
        }
        self.direct_snapshot(book, EVERYTHING);
        true
    }

    /// Flattens what waited for the positions of an account.
    pub(super) fn flatten_waiting(&mut self, account: AccountId) {
        if self.is_unproved(account) {
            return;
        }
        for book in 0..self.limits.books.len() as u16 {
            if self.ledger.book(book).account != account {
                continue;
            }
            let Some((actions, reason)) = self.connections.flatten[usize::from(book)].take() else {
                continue;
            };
            let words = [WordId::Account(account), WordId::Book(book)];
            // Whoever has reset what asked for it keeps what is held.
            if words.into_iter().any(|word| self.gates.word(word).state == TradingState::Halted) {
                self.direct(Scope::Book(book), actions, reason);
            }
        }
    }

    /// Whether an order that opens does not do so in the place of what a venue that is down cannot do.
    pub(super) fn check_reroute(&self, place: Place, growth: &Growth) -> Result<(), Denial> {
        let (instrument, q) = (growth.side.instrument, i128::from(growth.q));
        let towards = if growth.side.sells { q.saturating_neg() } else { q };
        if growth.then <= growth.now || towards.saturating_add(growth.then) <= 0 {
            return Ok(());
        }
        let venue = self.venue_of[usize::from(place.account)];
        for account in 0..self.limits.accounts.len() as u16 {
            let elsewhere = self.venue_of[usize::from(account)] != venue;
            if elsewhere && self.connections.are_cut_off(account) && self.has_traded(account, instrument) {
                return Err(Denial::of(Reason::Reroute, self.instrument_scope(place), 1, 0));
            }
        }
        Ok(())
    }

    /// Whether an account has ordered or traded the underlying of an instrument.
    fn has_traded(&self, account: AccountId, instrument: InstrumentId) -> bool {
        let underlying = self.limits.instruments[usize::from(instrument)].underlying;
        let is_same = |(at, limits): (usize, &super::limits::InstrumentLimits)| {
            at == usize::from(instrument) || underlying.is_some() && limits.underlying == underlying
        };
        let same =
            || (0_u16..).zip(&self.limits.instruments).filter(|&(at, of)| is_same((usize::from(at), of)));
        let books =
            (0..self.limits.books.len() as u16).filter(|&book| self.ledger.book(book).account == account);
        let holds = |book, at| Leg::ALL.into_iter().any(|leg| self.ledger.find(book, at, leg).is_some());
        let house = (self.limits.books.len() as u16).saturating_add(account);
        books.chain([house]).any(|book| same().any(|(at, _)| holds(book, at)))
    }
}
