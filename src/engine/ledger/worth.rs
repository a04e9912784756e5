//! HOT: what a position has cost, and what it is worth.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use super::{Position, Standing, Trade, Value};
use crate::engine::exact::floor_mul_div;
use crate::engine::marks::Quote;
use crate::engine::payoff::Payoff;

/// Cost after a trade, by average cost, rounded so that realised profit is not rounded up.
pub(super) fn average_cost(old: &Position, trade: &Trade) -> Option<i128> {
    if trade.qty == 0 {
        return Some(old.cost);
    }
    if old.q.signum() != trade.qty.signum().checked_neg()? {
        return old.cost.checked_sub(trade.leg);
    }
    let (held, traded) = (i128::from(old.q).abs(), i128::from(trade.qty).abs());
    if traded <= held {
        return floor_mul_div(old.cost, held.checked_sub(traded)?, held);
    }
    floor_mul_div(trade.leg.checked_neg()?, traded.checked_sub(held)?, traded)
}

pub(super) fn valued(q: i64, payoff: &Payoff, quote: &Quote, depths: usize) -> Option<(Value, Standing)> {
    let mut value = Value::default();
    if q == 0 {
        return Some((value, Standing::default()));
    }
    let standing = Standing {
        open: 1,
        untrusted: u32::from(!quote.trusted),
        absent: u32::from(quote.good.is_none()),
        held: u32::from(quote.held),
        unsound: 0,
    };
    let Some(good) = quote.good else { return Some((value, standing)) };
    // A suspect mark counts only where it is worse; worth rises with price for q > 0 and falls for q < 0.
    let against = |px: i64| if q > 0 { px.min(good) } else { px.max(good) };
    let worst = quote.suspect.map_or(good, against);
    value.good = payoff.worth(q, good)?;
    value.worst = if worst == good { value.good } else { payoff.worth(q, worst)? };
    for depth in 0..depths {
        let px = if q > 0 { quote.low[depth] } else { quote.high[depth] };
        value.spike[depth] = if px == good { value.good } else { payoff.worth(q, px)? };
    }
    Some((value, standing))
}
