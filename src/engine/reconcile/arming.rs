//! HOT: an account that is armed by the venue's word, and a book that opens with what is found there.
//!
//! An account whose `arming` says so, and one with a book whose capital is the venue's, is HALTED from the first start on
//! (cause *arming*, class AUTO), and no reading of it is trusted, so no peak is taken from it: UNARMED while its opening
//! cash is not known, RECONCILING until a snapshot of positions in which everything matched and one of orders have come,
//! with the cash of any balance told matching too. SNAPSHOT is directed as soon as one of its strategies has a lane, and
//! every 2 s. Exits are those of an unreconciled position. Armed once it stays armed, over restarts too.
//!
//! **Opening.** The first whole snapshot of positions and balances together opens the book: its capital is the account's
//! balance less what the account's other books and earlier events account for, and the positions that nobody accounts
//! for are its own, so that its strategy may exit from what it finds. (What `adopt` books later goes to HOUSE.) They
//! are booked at the venue's average price where it tells one, rounded against us, else at the mark: that is what
//! becomes of the venue's cash when they are closed. They are valued at the mark either way, and without a mark that can
//! be trusted for each of them nothing opens. Nor does it while something changed between question and answer. Spot
//! found adds its worth to the capital, since no cash was spent on it. In hedge mode each leg opens with its row. Other currencies than the account's open with
//! nothing; FLOW brings them.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::compare::Finding;
use super::{BALANCES, Bracket, CASH, Mismatch, ORDERS, POSITIONS, Question, Reconcile};
use crate::engine::Engine;
use crate::engine::gates::{Hold, Reading, guard};
use crate::engine::integrity::sticky;
use crate::engine::lanes::Place;
use crate::engine::ledger::{Cash, Charge, TillId, Trade};
use crate::engine::limits::{InstrumentKind, Limits};
use crate::model::scope::{AccountId, BookId, InstrumentId, StrategyId};
use crate::model::{Latch, Leg, Nanos, Reason, Scope};

/// How far an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Arming {
    /// Its opening cash is known.
    opened: bool,
    /// What a snapshot has proved since.
    seen: u32,
    armed: bool,
}

impl Arming {
    pub(super) fn new(limits: &Limits, account: AccountId) -> Self {
        let opens = limits.opens_at_venue(account).is_some();
        let waits = opens || limits.accounts[usize::from(account)].arms_reconciled;
        Self { opened: !opens, seen: 0, armed: !waits }
    }
}

impl Reconcile {
    fn arming(&self, account: AccountId) -> Arming {
        let unknown = Arming { opened: false, seen: 0, armed: false };
        self.arming.get(usize::from(account)).copied().unwrap_or(unknown)
    }

    /// Whether the account waits for nothing any more.
    pub(in crate::engine) fn is_armed(&self, account: AccountId) -> bool {
        self.arming(account).armed
    }

    pub(super) fn is_opened(&self, account: AccountId) -> bool {
        self.arming(account).opened
    }
}

impl Engine {
    /// Halts what waits for the venue, at the first start.
    pub(in crate::engine) fn hold_unarmed(&mut self) {
        for account in 0..self.limits.accounts.len() as u16 {
            let Arming { opened, armed, .. } = self.reconcile.arming(account);
            if !armed {
                self.gates.begin(waiting(account, opened));
                self.refresh_trust(Scope::Account(account));
            }
        }
    }

    /// A strategy has a lane: it is asked what its accounts that are not armed hold.
    pub(in crate::engine) fn ask_to_arm(&mut self, strategy: StrategyId) {
        for book in 0..self.limits.books.len() as u16 {
            let of = &self.limits.books[usize::from(book)];
            let Question { at, book: asked } = self.reconcile.questions[usize::from(of.account)];
            let owner = self.limits.books[usize::from(asked)].strategy;
            let is_asked = at != Nanos::NEVER && self.clients.lane_of(owner).is_some();
            if of.strategy == strategy && !self.reconcile.is_armed(of.account) && !is_asked {
                let at = self.now.after(Nanos(1));
                self.reconcile.questions[usize::from(of.account)] = Question { at, book };
            }
        }
        self.watch_reconcile();
    }

    /// Opens the book that waits for this snapshot. `true` when it did just now.
    pub(super) fn open_account(
        &mut self,
        place: Place,
        bracket: &Bracket,
        window: Option<(u64, u64)>,
    ) -> bool {
        let account = place.account;
        let book = self.limits.opens_at_venue(account).filter(|_| !self.reconcile.is_opened(account));
        let is_whole = bracket.what & POSITIONS != 0 && bracket.what & BALANCES != 0;
        let (Some(book), Some(theirs), true) = (book, bracket.cash, is_whole) else { return false };
        let Some(cash) = self.missing_cash(account, theirs, window) else { return false };
        let instruments = 0..self.limits.instruments.len() as u16;
        let lines = instruments.flat_map(|at| Leg::ALL.map(|leg| (at, leg)));
        if !lines.clone().all(|(instrument, leg)| self.may_open(place, instrument, leg, window)) {
            return false;
        }
        let before = self.realised_of(account);
        let mut booked = self.ledger.cash(book, TillId::OWN, Cash::Capital, cash).is_some();
        for (instrument, leg) in lines {
            let found = self.missing_position(place, instrument, leg, window);
            let Some((by, average_px)) = found.filter(|&(by, _)| by != 0) else { continue };
            if self.book_found(book, instrument, leg, by, average_px).is_none() {
                booked = false;
                continue;
            }
            self.reconcile.moves.note(account, self.reconcile.line(instrument, leg), i128::from(by));
            let found = Place { book, instrument: Some(instrument), leg, ..place };
            self.check_leg(found);
            self.check_position(found);
        }
        self.reconcile.moves.note(account, CASH, self.realised_of(account).saturating_sub(before));
        if !booked {
            self.halt(Scope::Book(book), Reason::Arithmetic);
            return false;
        }
        if let Some(arming) = self.reconcile.arming.get_mut(usize::from(account)) {
            arming.opened = true;
        }
        self.gates.exchange(waiting(account, true));
        true
    }

    /// Arms the account when a snapshot has proved the rest.
    pub(super) fn note_arming(&mut self, account: AccountId, bracket: &Bracket, is_known: bool) {
        let doubted = self.reconcile.doubted.iter().map(|&cell| self.reconcile.scope_of(cell));
        let [mut of_positions, mut of_cash] = [false; 2];
        for (_, of) in doubted.filter(|&(of, _)| of == account) {
            of_cash |= of == CASH;
            of_positions |= of != CASH;
        }
        let Some(arming) = self.reconcile.arming.get_mut(usize::from(account)) else { return };
        if arming.armed || !arming.opened {
            return;
        }
        if is_known {
            arming.seen |= bracket.what & ORDERS;
            arming.seen |= bracket.what & POSITIONS;
        }
        if of_positions {
            arming.seen &= !POSITIONS;
        }
        if arming.seen == POSITIONS | ORDERS && !of_cash {
            arming.armed = true;
            self.gates.end(Scope::Account(account), guard::ARMING, Reading::NONE);
        }
    }

    /// What of the venue's cash nobody accounts for; `None` while that cannot be told.
    fn missing_cash(&self, account: AccountId, theirs: i128, window: Option<(u64, u64)>) -> Option<i128> {
        let now = self.realised_of(account);
        match self.reconcile.find((account, CASH), now, window, |ours| ours == theirs) {
            Finding::Match => Some(0),
            Finding::Inconclusive => None,
            Finding::Mismatch { ours } => theirs.checked_sub(ours),
        }
    }

    /// What of a leg nobody accounts for, and the venue's average price of all of it; nothing of one there is not.
    fn missing_position(
        &self,
        place: Place,
        instrument: InstrumentId,
        leg: Leg,
        window: Option<(u64, u64)>,
    ) -> Option<(i64, i64)> {
        if !self.has_leg(instrument, leg) {
            return Some((0, 0));
        }
        let mut rows = self.reconcile.rows.iter();
        let row = rows.find(|row| (row.lane, row.instrument, row.leg) == (place.lane, instrument, leg));
        let (theirs, average_px) = row.map_or(Some((0, 0)), |row| Some((row.qty?, row.average_px)))?;
        let theirs = i128::from(theirs);
        let now = self.account_position(place.account, instrument, leg);
        match self.reconcile.find(
            (place.account, self.reconcile.line(instrument, leg)),
            now,
            window,
            |ours| ours == theirs,
        ) {
            Finding::Match => Some((0, 0)),
            Finding::Inconclusive => None,
            Finding::Mismatch { ours } => Some((i64::try_from(theirs.checked_sub(ours)?).ok()?, average_px)),
        }
    }

    /// Whether a position is ours already, or can be taken over now.
    fn may_open(&self, place: Place, instrument: InstrumentId, leg: Leg, window: Option<(u64, u64)>) -> bool {
        let quote = self.marks.quote(instrument);
        let is_priced = quote.trusted && quote.good.is_some();
        self.missing_position(place, instrument, leg, window).is_some_and(|(by, _)| by == 0 || is_priced)
    }

    fn book_found(
        &mut self,
        book: BookId,
        instrument: InstrumentId,
        leg: Leg,
        by: i64,
        average_px: i64,
    ) -> Option<()> {
        let found = Mismatch { by: i128::from(by), made: 0, average_px };
        let px = self.adoption_px(instrument, &found)?;
        let (payoff, quote) = (*self.marks.payoff(instrument), *self.marks.quote(instrument));
        let paid = payoff.worth(by.checked_neg()?, px)?;
        if self.limits.instruments[usize::from(instrument)].kind == InstrumentKind::Spot {
            let till = self.ledger.till_of(book, instrument)?;
            self.ledger.cash(book, till, Cash::Capital, paid.checked_neg()?)?;
        }
        let position = self.ledger.open(book, instrument, leg)?;
        let charges = [Charge::NONE; 2];
        let trade = Trade { qty: by, leg: paid, fee: 0, debit: 0, charges, cost: None };
        self.ledger.trade(position, &trade, &payoff, &quote).map(|_| ())
    }
}

fn waiting(account: AccountId, opened: bool) -> Hold {
    let reason = if opened { Reason::Reconciling } else { Reason::Unarmed };
    Hold { latch: Latch::Auto, ..sticky(Scope::Account(account), guard::ARMING, reason) }
}
