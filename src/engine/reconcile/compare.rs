//! HOT: holding what a snapshot says against what the books said meanwhile.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::{APART, Bracket, CASH, Cell, Mismatch, PATIENCE, Reconcile, Row};
use crate::engine::Engine;
use crate::engine::exact::{bump, micros};
use crate::engine::gates::{Hold, Reading, guard};
use crate::engine::integrity::sticky;
use crate::engine::lanes::Place;
use crate::engine::limits::InstrumentKind;
use crate::model::scope::{AccountId, InstrumentId};
use crate::model::{Latch, Leg, Reason, Scope};

/// What a snapshot says of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    Match,
    Inconclusive,
    Mismatch { ours: i128 },
}

impl Reconcile {
    /// Holds what a snapshot states against every value from `now` back to the first of `window`.
    pub(super) fn find(
        &self,
        (account, of): (AccountId, u16),
        now: i128,
        window: Option<(u64, u64)>,
        is_theirs: impl Fn(i128) -> bool,
    ) -> Finding {
        let Some((from, to)) = window else { return Finding::Inconclusive };
        let (mut value, mut changed, mut at_end) = (now, false, None);
        for (made, step) in self.moves.back(account, of, from) {
            if made <= to {
                at_end = at_end.or(Some(value));
                changed = true;
                if is_theirs(value) {
                    return Finding::Match;
                }
            }
            value = value.saturating_sub(step);
        }
        match (is_theirs(value), changed) {
            (true, _) => Finding::Match,
            (false, true) => Finding::Inconclusive,
            (false, false) => Finding::Mismatch { ours: at_end.unwrap_or(value) },
        }
    }
}

impl Engine {
    pub(super) fn realised_of(&self, account: AccountId) -> i128 {
        self.ledger.totals(Scope::Account(account)).map_or(0, |totals| totals.realised)
    }

    /// The position of an account in a leg of an instrument, all its books together.
    pub(in crate::engine) fn account_position(
        &self,
        account: AccountId,
        instrument: InstrumentId,
        leg: Leg,
    ) -> i128 {
        let first = self.ledger.first_holder(instrument);
        let holders = core::iter::successors(first, |&holder| self.ledger.next_holder(holder));
        let of_leg = holders.filter(|&holder| self.ledger.leg(holder) == leg);
        of_leg
            .map(|holder| self.ledger.position(holder))
            .filter(|position| self.ledger.book(position.book).account == account)
            .fold(0, |sum, position| sum.saturating_add(i128::from(position.q)))
    }

    /// What a cell is about: the account's cash, or its position in a leg.
    pub(super) fn value_of(&self, account: AccountId, of: u16) -> i128 {
        let (instrument, is_short) = self.reconcile.instrument_of(of);
        match self.is_hedged(instrument) {
            _ if of == CASH => self.realised_of(account),
            false => self.account_position(account, instrument, Leg::Net),
            true if is_short => self.account_position(account, instrument, Leg::Short),
            true => self.account_position(account, instrument, Leg::Long),
        }
    }

    pub(super) fn compare_positions(&mut self, place: Place, bracket: &Bracket, window: Option<(u64, u64)>) {
        for at in 0..self.reconcile.rows.len() {
            let row = self.reconcile.rows[at];
            if row.lane == place.lane {
                self.compare_position(place.account, &row, window);
            }
        }
        for instrument in 0..self.limits.instruments.len() as u16 {
            for &leg in self.legs_of(instrument) {
                let index = self.reconcile.index(place.account, self.reconcile.line(instrument, leg));
                let mark = self.reconcile.cells[index].mark;
                let none = Row { lane: place.lane, instrument, leg, qty: Some(0), average_px: 0 };
                let is_it =
                    |row: &Row| (row.lane, row.instrument, row.leg) == (none.lane, none.instrument, none.leg);
                // Another lane's snapshot, begun later, may have named it since.
                let is_named =
                    mark == bracket.mark || mark > bracket.mark && self.reconcile.rows.iter().any(is_it);
                if !is_named {
                    self.compare_position(place.account, &none, window);
                }
            }
        }
    }

    fn compare_position(&mut self, account: AccountId, row: &Row, window: Option<(u64, u64)>) {
        let Row { instrument, leg, qty: theirs, average_px, .. } = *row;
        let line = self.reconcile.line(instrument, leg);
        let tolerance = i128::from(self.limits.instruments[usize::from(instrument)].position_tolerance.0);
        let now = self.account_position(account, instrument, leg);
        let stated = i128::from(theirs.unwrap_or_default());
        let is_theirs = |ours: i128| ours.saturating_sub(stated).saturating_abs() <= tolerance;
        let window = window.filter(|_| theirs.is_some());
        let finding = self.reconcile.find((account, line), now, window, is_theirs);
        self.settle_cell((account, line), (finding, window), stated, average_px);
    }

    pub(super) fn compare_cash(&mut self, account: AccountId, theirs: i128, window: Option<(u64, u64)>) {
        let holds_spot = (0..self.limits.instruments.len() as u16).any(|instrument| {
            self.limits.instruments[usize::from(instrument)].kind == InstrumentKind::Spot
                && self.ledger.first_holder(instrument).is_some()
                && self.account_position(account, instrument, Leg::Net) != 0
        });
        if holds_spot || self.ledger.has_other_money(account) {
            return bump(&mut self.counters.unhandled);
        }
        let is_theirs = |ours: i128| self.is_cash(account, ours, theirs);
        let mut finding = self.reconcile.find((account, CASH), self.realised_of(account), window, is_theirs);
        if let Finding::Mismatch { ours } = finding
            && self.match_flow(account, (ours, theirs))
        {
            finding = Finding::Match;
        }
        self.settle_cell((account, CASH), (finding, window), theirs, 0);
    }

    /// Whether our cash is the venue's, as far as the account tolerates.
    pub(super) fn is_cash(&self, account: AccountId, ours: i128, theirs: i128) -> bool {
        let bps = i128::from(self.limits.accounts[usize::from(account)].cash_tolerance.0);
        let allowed = theirs.saturating_abs().saturating_mul(bps);
        // A difference too large to tell is one.
        let apart = ours.checked_sub(theirs).and_then(|apart| apart.checked_abs()?.checked_mul(10_000));
        apart.is_some_and(|apart| apart <= allowed)
    }

    /// What a finding changes about its cell, and whether it halts.
    fn settle_cell(
        &mut self,
        (account, of): (AccountId, u16),
        (finding, window): (Finding, Option<(u64, u64)>),
        theirs: i128,
        average_px: i64,
    ) {
        let index = self.reconcile.index(account, of);
        // What was booked after the window is not in what the venue said.
        let (now, made) = (self.now, window.map_or(self.reconcile.moves.made(), |window| window.1));
        let Some(cell) = self.reconcile.cells.get_mut(index) else { return };
        if finding == Finding::Match {
            let was = core::mem::replace(cell, Cell { mark: cell.mark, ..Cell::default() });
            if was.since.is_some() {
                self.reconcile.doubted.retain(|&doubted| doubted as usize != index);
                let scope = self.halted_scope(account, of);
                // The other leg of it may be in doubt.
                let mut doubted = self.reconcile.doubted.iter().map(|&cell| self.reconcile.scope_of(cell));
                if !doubted.any(|(account, of)| self.halted_scope(account, of) == scope) {
                    self.gates.end(scope, guard::RECONCILE, Reading::NONE);
                }
            }
            return;
        }
        if cell.since.is_none() {
            cell.since = Some(now);
            self.reconcile.doubted.push(index as u32);
        }
        let since = cell.since.unwrap_or(now);
        let mut halts = now.since(since) >= PATIENCE;
        let mut ours = None;
        if let Finding::Mismatch { ours: had } = finding {
            bump(&mut self.counters.mismatches);
            let first = *cell.first.get_or_insert(now);
            halts |= now.since(first) >= APART;
            cell.last = Some(Mismatch { by: theirs.saturating_sub(had), made, average_px });
            ours = Some(had);
        }
        if halts {
            self.halt_cell((account, of), ours, theirs);
        }
    }

    pub(super) fn halt_cell(&mut self, (account, of): (AccountId, u16), ours: Option<i128>, theirs: i128) {
        let is_cash = of == CASH;
        let now = self.value_of(account, of);
        let ours = ours.unwrap_or(now);
        let shown = |value: i128| {
            if is_cash { micros(value) } else { i64::try_from(value).unwrap_or(i64::MAX) }
        };
        let reason = if is_cash { Reason::CashMismatch } else { Reason::PositionMismatch };
        let hold = sticky(self.halted_scope(account, of), guard::RECONCILE, reason);
        self.gates.begin(Hold { latch: Latch::Auto, measured: shown(ours), limit: shown(theirs), ..hold });
    }
}
