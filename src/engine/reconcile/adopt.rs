//! HOT: making the venue's position ours, by an operator's command.
//!
//! ADOPT on an (account, instrument) books what the last mismatching snapshot had more, or less, than we, into the
//! account's HOUSE, at the venue's average price, else at the last good mark, rounded against us, without a fee. The
//! record of the command names its actor. Refused, in this order: nothing mismatches there
//! (UNKNOWN_ORDER); a trade was booked since that snapshot, which may be the very difference (RECONCILING: the next snapshot
//! tells); it would enlarge |q| of the account and is not confirmed (POSITION_MISMATCH, `measured` our position, `limit`
//! what it would be); no price (NO_MARK). In hedge mode each leg that mismatches is adopted, none of them where one is
//! refused. A difference is adopted once. The halt goes with the next snapshot that matches.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::{CASH, Cell, Mismatch};
use crate::engine::Engine;
use crate::engine::fills::Paid;
use crate::engine::operator::Denial;
use crate::engine::orders::{Side, Traded};
use crate::model::scope::{AccountId, InstrumentId};
use crate::model::{Leg, Reason, Scope};

/// The venue's average price is in billionths of a price unit.
const BILLION: i64 = 1_000_000_000;

/// What is to be booked of a leg, and at what price.
#[derive(Clone, Copy, Debug)]
struct Adoption {
    leg: Leg,
    by: i64,
    px: i64,
}

impl Engine {
    pub(in crate::engine) fn command_adopt(&mut self, scope: Scope, confirmed: bool) -> Result<(), Denial> {
        let Scope::Instrument(account, instrument) = scope else {
            return Err(Denial::of(Reason::UnknownOrder));
        };
        let mut adoptions = [None; 2];
        for (adoption, &leg) in adoptions.iter_mut().zip(self.legs_of(instrument)) {
            *adoption = self.adoption(account, instrument, leg, confirmed)?;
        }
        if adoptions.iter().all(Option::is_none) {
            return Err(Denial::of(Reason::UnknownOrder));
        }
        for adoption in adoptions.iter().flatten() {
            self.book_adoption(account, instrument, adoption).ok_or(Denial::of(Reason::Arithmetic))?;
        }
        self.after_house(account, Some(instrument));
        Ok(())
    }

    /// What there is to adopt of a leg; `None` where nothing mismatches, or it is adopted already.
    fn adoption(
        &self,
        account: AccountId,
        instrument: InstrumentId,
        leg: Leg,
        confirmed: bool,
    ) -> Result<Option<Adoption>, Denial> {
        let line = self.reconcile.line(instrument, leg);
        let cell = self.reconcile.cells.get(self.reconcile.index(account, line));
        let Some(last) = cell.and_then(|cell: &Cell| cell.last) else { return Ok(None) };
        let newest = self.reconcile.moves.back(account, line, 0).next();
        let moved = newest.is_some_and(|(made, _)| made > last.made);
        if moved || !self.reconcile.moves.remembers(last.made) {
            return Err(Denial::of(Reason::Reconciling));
        }
        let ours = self.account_position(account, instrument, leg);
        let then = ours.saturating_add(last.by);
        if then.unsigned_abs() > ours.unsigned_abs() && !confirmed {
            let shown = |q: i128| i64::try_from(q).unwrap_or(i64::MAX);
            let (measured, limit) = (shown(ours), shown(then));
            return Err(Denial { reason: Reason::PositionMismatch, measured, limit });
        }
        let px = self.adoption_px(instrument, &last).ok_or(Denial::of(Reason::NoMark))?;
        let by = i64::try_from(last.by).map_err(|_| Denial::of(Reason::Arithmetic))?;
        Ok(Some(Adoption { leg, by, px }))
    }

    /// At what price, rounded against us.
    pub(super) fn adoption_px(&self, instrument: InstrumentId, last: &Mismatch) -> Option<i64> {
        if last.average_px > 0 {
            let below = last.average_px.checked_div_euclid(BILLION)?;
            let exact = last.average_px.checked_rem_euclid(BILLION) == Some(0);
            // A buyer pays more; of an inverse instrument he receives base, and more of it at a lower price.
            let up = (last.by > 0) != self.marks.payoff(instrument).is_inverse();
            let px = if exact || !up { below } else { below.checked_add(1)? };
            return Some(px).filter(|&px| px > 0);
        }
        self.marks.quote(instrument).good
    }

    fn book_adoption(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        adoption: &Adoption,
    ) -> Option<()> {
        let Adoption { leg, by, px } = *adoption;
        let cash = self.realised_of(account);
        let paid = self.marks.payoff(instrument).worth(by.checked_neg()?, px)?;
        let traded = Traded { qty: by.checked_abs()?, leg: paid, ..Traded::default() };
        let side = Side { instrument, leg, sells: by < 0 };
        self.book_into_house(account, side, &traded, Paid::default()).ok()?;
        let cash = self.realised_of(account).saturating_sub(cash);
        let line = self.reconcile.line(instrument, leg);
        self.reconcile.moves.note(account, line, by.into());
        self.reconcile.moves.note(account, CASH, cash);
        let index = self.reconcile.index(account, line);
        if let Some(cell) = self.reconcile.cells.get_mut(index) {
            cell.last = None;
        }
        Some(())
    }
}
