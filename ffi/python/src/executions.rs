//! Events about executions: fills, totals, busts, fees.

use pyo3::prelude::*;
use tripline::model::event::FillCause;
use tripline::model::{Event, Flags, Leg, Lots, Money, Ticks};

use crate::number::{flag, id, whole, whole_or};
use crate::orders::side;
use crate::target::Target;
use crate::vocabulary::chosen;

type Any<'a, 'py> = &'a Bound<'py, PyAny>;
type Maybe<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

/// A fee that the venue has not told yet.
const FEE_UNKNOWN: i64 = i64::MIN;

/// The two halves of an execution key, which Python writes as one number.
fn halves(execution: Any<'_, '_>) -> PyResult<(u64, u64)> {
    let key: u128 = whole(execution, "execution")?;
    Ok((key as u64, (key >> 64) as u64))
}

/// The flags of a leg in hedge mode.
fn leg(hedge_leg: Maybe<'_, '_>) -> PyResult<Flags> {
    chosen(hedge_leg, "hedge_leg", Leg::from_u8, Leg::Net).map(Leg::flags)
}

fn set(flags: &mut Flags, bit: Flags, value: Maybe<'_, '_>, field: &str) -> PyResult<()> {
    flags.set(bit, value.map_or(Ok(false), |value| flag(value, field))?);
    Ok(())
}

#[pymethods]
impl Target {
    /// FILL, and FILL_EXT where there is more to say: an execution, booked once. Give `t_venue` wherever the venue tells
    /// the time: the sidecar can forget old executions only by it. `order` may be 0 where the venue names none. `fee` is
    /// in 1e-9 of the settlement currency, a cost is positive; left out, it is not known yet.
    #[pyo3(signature = (
        order, side, execution, px, qty, *, fee=None, t_venue=None, cum_qty=None, fee_ccy=None, cause=None,
        venue_order=None, maker=None, paper=None, hedge_leg=None
    ))]
    #[allow(clippy::too_many_arguments, reason = "the fields of the events")]
    fn fill(
        &self,
        py: Python<'_>,
        order: Any<'_, '_>,
        side: Any<'_, '_>,
        execution: Any<'_, '_>,
        px: Any<'_, '_>,
        qty: Any<'_, '_>,
        fee: Maybe<'_, '_>,
        t_venue: Maybe<'_, '_>,
        cum_qty: Maybe<'_, '_>,
        fee_ccy: Maybe<'_, '_>,
        cause: Maybe<'_, '_>,
        venue_order: Maybe<'_, '_>,
        maker: Maybe<'_, '_>,
        paper: Maybe<'_, '_>,
        hedge_leg: Maybe<'_, '_>,
    ) -> PyResult<u64> {
        let (exec, exec_high) = halves(execution)?;
        let mut flags = self::side(side)? | leg(hedge_leg)?;
        set(&mut flags, Flags::MAKER, maker, "maker")?;
        set(&mut flags, Flags::PAPER, paper, "paper")?;
        let fill = Event::Fill {
            order: whole(order, "order")?,
            exec,
            px: Ticks(whole(px, "px")?),
            qty: Lots(whole(qty, "qty")?),
            fee: whole_or(fee, "fee", FEE_UNKNOWN)?,
        };
        let has_more =
            exec_high != 0 || [t_venue, cum_qty, fee_ccy, cause, venue_order].iter().any(Option::is_some);
        let rest = Event::FillExt {
            exec_high,
            cum_qty: Lots(whole_or(cum_qty, "cum_qty", 0)?),
            t_venue: whole_or(t_venue, "t_venue", 0)?,
            fee_ccy: whole_or(fee_ccy, "fee_ccy", 0)?,
            cause: chosen(cause, "cause", FillCause::from_raw, FillCause::Normal)?,
            venue_order: whole_or(venue_order, "venue_order", 0)?,
        };
        self.tell_both(py, flags, fill, has_more.then_some(rest))
    }

    /// FILL_CUM: totals of an order, for venues without execution ids. `cum_cost` and `cum_fee` are in 1e-9 of the
    /// settlement currency.
    #[pyo3(signature = (order, side, cum_qty, cum_cost, *, cum_fee=None, paper=None, hedge_leg=None))]
    #[allow(clippy::too_many_arguments, reason = "the fields of the event")]
    fn fill_cum(
        &self,
        py: Python<'_>,
        order: Any<'_, '_>,
        side: Any<'_, '_>,
        cum_qty: Any<'_, '_>,
        cum_cost: Any<'_, '_>,
        cum_fee: Maybe<'_, '_>,
        paper: Maybe<'_, '_>,
        hedge_leg: Maybe<'_, '_>,
    ) -> PyResult<u64> {
        let mut flags = self::side(side)? | leg(hedge_leg)?;
        set(&mut flags, Flags::PAPER, paper, "paper")?;
        let event = Event::FillCum {
            order: id(order, "order")?,
            cum_qty: Lots(whole(cum_qty, "cum_qty")?),
            cum_cost: Money(whole(cum_cost, "cum_cost")?),
            cum_fee: whole_or(cum_fee, "cum_fee", 0)?,
        };
        self.tell(py, flags, event)
    }

    /// FILL_BUST: the venue took an execution back. Names it as `fill` did.
    #[pyo3(signature = (order, side, execution, px, qty, *, fee=None, t_venue=None, hedge_leg=None))]
    #[allow(clippy::too_many_arguments, reason = "the fields of the events")]
    fn fill_bust(
        &self,
        py: Python<'_>,
        order: Any<'_, '_>,
        side: Any<'_, '_>,
        execution: Any<'_, '_>,
        px: Any<'_, '_>,
        qty: Any<'_, '_>,
        fee: Maybe<'_, '_>,
        t_venue: Maybe<'_, '_>,
        hedge_leg: Maybe<'_, '_>,
    ) -> PyResult<u64> {
        let (exec, exec_high) = halves(execution)?;
        let bust = Event::FillBust {
            order: whole(order, "order")?,
            exec,
            px: Ticks(whole(px, "px")?),
            qty: Lots(whole(qty, "qty")?),
            fee: whole_or(fee, "fee", FEE_UNKNOWN)?,
        };
        let rest = Event::FillExt {
            exec_high,
            cum_qty: Lots(0),
            t_venue: whole_or(t_venue, "t_venue", 0)?,
            fee_ccy: 0,
            cause: FillCause::Normal,
            venue_order: 0,
        };
        let has_more = exec_high != 0 || t_venue.is_some();
        self.tell_both(py, self::side(side)? | leg(hedge_leg)?, bust, has_more.then_some(rest))
    }

    /// FEE_ADJUST: the fee of an execution, as a new total in 1e-9.
    #[pyo3(signature = (order, side, execution, fee, *, ccy=None))]
    fn fee_adjust(
        &self,
        py: Python<'_>,
        order: Any<'_, '_>,
        side: Any<'_, '_>,
        execution: Any<'_, '_>,
        fee: Any<'_, '_>,
        ccy: Maybe<'_, '_>,
    ) -> PyResult<u64> {
        let (exec, exec_high) = halves(execution)?;
        let (order, fee) = (whole(order, "order")?, whole(fee, "fee")?);
        let event = Event::FeeAdjust { order, exec, fee, ccy: whole_or(ccy, "ccy", 0)?, exec_high };
        self.tell(py, self::side(side)?, event)
    }
}
