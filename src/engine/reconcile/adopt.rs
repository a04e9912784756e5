//! HOT: making the venue's position ours, by an operator's command.
//!
//! ADOPT on an (account, instrument) books what the last mismatching snapshot had more, or less, than we, into the
//! account's HOUSE, at the venue's average price, else at the last good mark, rounded against us, without a fee. The
//! record of the command names its actor. Refused, in this order: nothing mismatches there
//! (UNKNOWN_ORDER); a trade was booked since that snapshot, which may be the very difference (RECONCILING: the next snapshot
//! tells); it would enlarge |q| of the account and is not confirmed (POSITION_MISMATCH, `measured` our position, `limit`
//! what it would be); no price (NO_MARK). A difference is adopted once. The halt goes with the next snapshot that matches.

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
use crate::engine::orders::Traded;
use crate::model::scope::{AccountId, InstrumentId};
use crate::model::{Reason, Scope};

/// The venue's average price is in billionths of a price unit.
const BILLION: i64 = 1_000_000_000;

impl Engine {
    pub(in crate::engine) fn command_adopt(&mut self, scope: Scope, confirmed: bool) -> Result<(), Denial> {
        let Scope::Instrument(account, instrument) = scope else {
            return Err(Denial::of(Reason::UnknownOrder));
        };
        let index = self.reconcile.index(account, instrument);
        let last = self.reconcile.cells.get(index).and_then(|cell: &Cell| cell.last);
        let last = last.ok_or(Denial::of(Reason::UnknownOrder))?;
        let newest = self.reconcile.moves.back(account, instrument, 0).next();
        let moved = newest.is_some_and(|(made, _)| made > last.made);
        if moved || !self.reconcile.moves.remembers(last.made) {
            return Err(Denial::of(Reason::Reconciling));
        }
        let ours = self.account_position(account, instrument);
        let then = ours.saturating_add(last.by);
        if then.unsigned_abs() > ours.unsigned_abs() && !confirmed {
            let shown = |q: i128| i64::try_from(q).unwrap_or(i64::MAX);
            let (measured, limit) = (shown(ours), shown(then));
            return Err(Denial { reason: Reason::PositionMismatch, measured, limit });
        }
        let px = self.adoption_px(instrument, &last).ok_or(Denial::of(Reason::NoMark))?;
        let cash = self.realised_of(account);
        self.book_adoption(account, instrument, last.by, px).ok_or(Denial::of(Reason::Arithmetic))?;
        let cash = self.realised_of(account).saturating_sub(cash);
        self.reconcile.moves.note(account, instrument, last.by);
        self.reconcile.moves.note(account, CASH, cash);
        if let Some(cell) = self.reconcile.cells.get_mut(index) {
            cell.last = None;
        }
        self.after_house(account, Some(instrument));
        Ok(())
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
        by: i128,
        px: i64,
    ) -> Option<()> {
        let signed = i64::try_from(by).ok()?;
        let leg = self.marks.payoff(instrument).worth(signed.checked_neg()?, px)?;
        let traded = Traded { qty: signed.checked_abs()?, leg, ..Traded::default() };
        self.book_into_house(account, instrument, signed < 0, &traded, Paid::default()).ok().map(|_| ())
    }
}
