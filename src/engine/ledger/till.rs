//! HOT: money of one currency in one book: cash, and the positions that settle in it.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::{Position, Standing, Value};
use crate::engine::exact::{FINE, floor_div};
use crate::engine::marks::MAX_DEPTHS;

/// Money of one scale.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Purse {
    /// Sum of the cash legs of trades.
    legs: i128,
    /// Average-cost basis of the open positions.
    cost: i128,
    /// Worth of the open positions.
    value: Value,
}

/// Cash and positions of one currency.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Till {
    /// Capital and flows.
    pub(super) cash: i128,
    pub(super) fees: i128,
    pub(super) funding: i128,
    /// Linear and spot in 1e-9, inverse in 1e-18.
    purses: [Purse; 2],
    pub(super) open: Standing,
}

/// What a till adds up to, in 1e-9 of its currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) equity: Value,
    /// Realised, fees and funding included, without capital and flows.
    pub(super) profit: i128,
}

impl Till {
    /// Charges a fee, or gives one back.
    pub(super) fn charge(&mut self, fee: i128) -> Option<()> {
        self.fees = self.fees.checked_add(fee)?;
        Some(())
    }

    /// Puts a position in the place of what it was.
    pub(super) fn shift(
        &mut self,
        old: &Position,
        new: &Position,
        inverse: bool,
        depths: usize,
    ) -> Option<()> {
        let purse = &mut self.purses[usize::from(inverse)];
        purse.legs = purse.legs.checked_add(new.legs.checked_sub(old.legs)?)?;
        purse.cost = purse.cost.checked_add(new.cost.checked_sub(old.cost)?)?;
        purse.value.shift(&old.value, &new.value, depths)?;
        self.open.shift(old.standing, new.standing);
        Some(())
    }

    /// Each sum floored once, so that finer money is never rounded up.
    pub(super) fn sum(&self, depths: usize) -> Option<Sum> {
        let [coarse, fine] = &self.purses;
        let cash = self.cash.checked_add(self.funding)?.checked_sub(self.fees)?;
        let total = |coarse_part: i128, fine_part: i128| {
            let legs = floor_div(fine.legs.checked_add(fine_part)?, FINE)?;
            cash.checked_add(coarse.legs)?.checked_add(coarse_part)?.checked_add(legs)
        };
        let mut equity = Value {
            good: total(coarse.value.good, fine.value.good)?,
            worst: total(coarse.value.worst, fine.value.worst)?,
            spike: [0; MAX_DEPTHS],
        };
        for depth in 0..depths {
            equity.spike[depth] = total(coarse.value.spike[depth], fine.value.spike[depth])?;
        }
        let profit = total(coarse.cost, fine.cost)?.checked_sub(self.cash)?;
        Some(Sum { equity, profit })
    }
}
