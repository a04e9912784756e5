//! Events about orders: what the strategy does, and what the venue says of it.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use tripline::model::event::{
    DoneStatus, Initiator, Intent, OrderAction, OrderType, RejectClass, TimeInForce,
};
use tripline::model::{Event, Flags, Leg, Lots, OrderAttrs, Ticks};

use crate::number::{flag, id, whole, whole_or};
use crate::target::Target;
use crate::vocabulary::chosen;

type Any<'a, 'py> = &'a Bound<'py, PyAny>;
type Maybe<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

/// SELL or nothing.
pub(crate) fn side(value: Any<'_, '_>) -> PyResult<Flags> {
    let by_number = |raw: u8| (raw <= Flags::SELL.bits()).then(|| Flags::from_bits_truncate(raw));
    chosen(Some(value), "side", by_number, Flags::empty())
}

/// What an order may have besides side, price and quantity. Every method that takes an order takes the same.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) flags: Flags,
    pub(crate) attrs: OrderAttrs,
    group: u32,
    leg: u16,
    list_count: u16,
    new_order: u64,
    trigger_px: i64,
    expiry_utc_ns: i64,
    quote_cost: i64,
    parent: u64,
    /// One of the four above, which travel in an event of their own, was given.
    has_more: bool,
}

impl Terms {
    pub(crate) fn new(terms: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let attrs = OrderAttrs {
            order_type: OrderType::Limit,
            tif: TimeInForce::Gtc,
            intent: Intent::Open,
            directive: 0,
        };
        let mut read = Self {
            flags: Flags::empty(),
            attrs,
            group: 0,
            leg: 0,
            list_count: 0,
            new_order: 0,
            trigger_px: 0,
            expiry_utc_ns: 0,
            quote_cost: 0,
            parent: 0,
            has_more: false,
        };
        for (name, value) in terms.into_iter().flatten() {
            let name = name.cast::<PyString>()?;
            read.take(&name.to_cow()?, &value)?;
        }
        Ok(read)
    }

    fn take(&mut self, name: &str, value: Any<'_, '_>) -> PyResult<()> {
        let given = Some(value);
        match name {
            "order_type" => {
                self.attrs.order_type = chosen(given, name, OrderType::from_raw, OrderType::Limit)?
            }
            "tif" => self.attrs.tif = chosen(given, name, TimeInForce::from_raw, TimeInForce::Gtc)?,
            "intent" => self.attrs.intent = chosen(given, name, Intent::from_raw, Intent::Open)?,
            "directive" => self.attrs.directive = whole(value, name)?,
            "venue_reduce_only" => self.flags.set(Flags::VENUE_REDUCE_ONLY, flag(value, name)?),
            "maker" => self.flags.set(Flags::MAKER, flag(value, name)?),
            "paper" => self.flags.set(Flags::PAPER, flag(value, name)?),
            "hedge_leg" => self.flags |= chosen(given, name, Leg::from_u8, Leg::Net)?.flags(),
            "group" => self.group = whole(value, name)?,
            "leg" => self.leg = whole(value, name)?,
            "list_count" => self.list_count = whole(value, name)?,
            "new_order" => self.new_order = whole(value, name)?,
            "trigger_px" => self.trigger_px = whole(value, name)?,
            "expiry_utc_ns" => self.expiry_utc_ns = whole(value, name)?,
            "quote_cost" => self.quote_cost = whole(value, name)?,
            "parent" => self.parent = whole(value, name)?,
            _ => return Err(PyTypeError::new_err(format!("an order has no '{name}'"))),
        }
        self.has_more |= matches!(name, "trigger_px" | "expiry_utc_ns" | "quote_cost" | "parent");
        Ok(())
    }
}

/// An order: its flags, its ORDER_NEW, and its ORDER_EXT where it has one.
pub(crate) fn new_order(
    order: Any<'_, '_>,
    on: Any<'_, '_>,
    px: Any<'_, '_>,
    qty: Any<'_, '_>,
    terms: Option<&Bound<'_, PyDict>>,
) -> PyResult<(Flags, Event, Option<Event>)> {
    let terms = Terms::new(terms)?;
    let order = id(order, "order")?;
    let event = Event::OrderNew {
        order,
        px: Ticks(whole(px, "px")?),
        qty: Lots(whole(qty, "qty")?),
        attrs: terms.attrs,
        group: terms.group,
        leg: terms.leg,
        list_count: terms.list_count,
    };
    let Terms { trigger_px, expiry_utc_ns, quote_cost, parent, .. } = terms;
    let trigger_px = Ticks(trigger_px);
    let rest = Event::OrderExt { order, trigger_px, expiry_utc_ns, quote_cost, parent };
    Ok((terms.flags | side(on)?, event, terms.has_more.then_some(rest)))
}

/// A change of an order: its flags and its ORDER_MODIFY.
pub(crate) fn modified_order(
    order: Any<'_, '_>,
    on: Any<'_, '_>,
    px: Any<'_, '_>,
    qty: Any<'_, '_>,
    terms: Option<&Bound<'_, PyDict>>,
) -> PyResult<(Flags, Event)> {
    let terms = Terms::new(terms)?;
    let event = Event::OrderModify {
        order: id(order, "order")?,
        px: Ticks(whole(px, "px")?),
        qty: Lots(whole(qty, "qty")?),
        attrs: terms.attrs,
        new_order: terms.new_order,
    };
    Ok((terms.flags | side(on)?, event))
}

/// ORDER_CANCEL of one order.
pub(crate) fn cancel(order: Any<'_, '_>, directive: Maybe<'_, '_>) -> PyResult<Event> {
    Ok(Event::OrderCancel { order: id(order, "order")?, attrs: attrs_of(directive)? })
}

/// ORDER_CANCEL_ALL.
pub(crate) fn cancel_all(increasing_only: Maybe<'_, '_>, directive: Maybe<'_, '_>) -> PyResult<Event> {
    let increasing_only = increasing_only.map_or(Ok(false), |value| flag(value, "increasing_only"))?;
    Ok(Event::OrderCancelAll {
        side: 0,
        increasing_only: increasing_only.into(),
        attrs: attrs_of(directive)?,
    })
}

/// The attributes of a cancel: nothing but the directive that it carries out.
fn attrs_of(directive: Maybe<'_, '_>) -> PyResult<OrderAttrs> {
    Ok(OrderAttrs {
        order_type: OrderType::Market,
        tif: TimeInForce::Day,
        intent: Intent::Open,
        directive: whole_or(directive, "directive", 0)?,
    })
}

#[pymethods]
impl Target {
    /// ORDER_NEW: about to be sent, after `may_send` was true.
    #[pyo3(signature = (order, side, px, qty, **terms))]
    fn order_new(
        &self,
        py: Python<'_>,
        order: Any<'_, '_>,
        side: Any<'_, '_>,
        px: Any<'_, '_>,
        qty: Any<'_, '_>,
        terms: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<u64> {
        let (flags, event, rest) = new_order(order, side, px, qty, terms)?;
        self.tell_both(py, flags, event, rest)
    }

    /// ORDER_MODIFY: about to be sent. `qty` is the new total, what is filled already included.
    #[pyo3(signature = (order, side, px, qty, **terms))]
    fn order_modify(
        &self,
        py: Python<'_>,
        order: Any<'_, '_>,
        side: Any<'_, '_>,
        px: Any<'_, '_>,
        qty: Any<'_, '_>,
        terms: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<u64> {
        let (flags, event) = modified_order(order, side, px, qty, terms)?;
        self.tell(py, flags, event)
    }

    /// ORDER_CANCEL: about to be sent. Never gated.
    #[pyo3(signature = (order, *, directive=None))]
    fn order_cancel(&self, py: Python<'_>, order: Any<'_, '_>, directive: Maybe<'_, '_>) -> PyResult<u64> {
        self.tell(py, Flags::empty(), cancel(order, directive)?)
    }

    /// ORDER_CANCEL_ALL: about to be sent. Never gated.
    #[pyo3(signature = (*, increasing_only=None, directive=None))]
    fn order_cancel_all(
        &self,
        py: Python<'_>,
        increasing_only: Maybe<'_, '_>,
        directive: Maybe<'_, '_>,
    ) -> PyResult<u64> {
        self.tell(py, Flags::empty(), cancel_all(increasing_only, directive)?)
    }

    /// NOT_SENT: an order that was announced or permitted has not left after all; the only refund.
    #[pyo3(signature = (order, *, action=None, cause=None))]
    fn not_sent(
        &self,
        py: Python<'_>,
        order: Any<'_, '_>,
        action: Maybe<'_, '_>,
        cause: Maybe<'_, '_>,
    ) -> PyResult<u64> {
        let action = chosen(action, "action", OrderAction::from_raw, OrderAction::New)? as u32;
        let cause = whole_or(cause, "cause", 0)?;
        self.tell(py, Flags::empty(), Event::NotSent { order: id(order, "order")?, action, cause })
    }

    /// ORDER_ACK: the venue accepted the order.
    #[pyo3(signature = (order, px, live_qty, *, venue_key=None, t_venue=None))]
    fn order_ack(
        &self,
        py: Python<'_>,
        order: Any<'_, '_>,
        px: Any<'_, '_>,
        live_qty: Any<'_, '_>,
        venue_key: Maybe<'_, '_>,
        t_venue: Maybe<'_, '_>,
    ) -> PyResult<u64> {
        let event = Event::OrderAck {
            order: id(order, "order")?,
            venue_key: whole_or(venue_key, "venue_key", 0)?,
            px: Ticks(whole(px, "px")?),
            live_qty: Lots(whole(live_qty, "live_qty")?),
            t_venue: whole_or(t_venue, "t_venue", 0)?,
        };
        self.tell(py, Flags::empty(), event)
    }

    /// ORDER_REJECT: the venue refused a request.
    #[pyo3(signature = (order, *, reject_class=None, action=None, venue_code=None, cum_qty=None, t_venue=None))]
    #[allow(clippy::too_many_arguments, reason = "the fields of the event")]
    fn order_reject(
        &self,
        py: Python<'_>,
        order: Any<'_, '_>,
        reject_class: Maybe<'_, '_>,
        action: Maybe<'_, '_>,
        venue_code: Maybe<'_, '_>,
        cum_qty: Maybe<'_, '_>,
        t_venue: Maybe<'_, '_>,
    ) -> PyResult<u64> {
        let event = Event::OrderReject {
            order: id(order, "order")?,
            class: chosen(reject_class, "reject_class", RejectClass::from_raw, RejectClass::Unmapped)?,
            action: chosen(action, "action", OrderAction::from_raw, OrderAction::New)?,
            venue_code: whole_or(venue_code, "venue_code", 0)?,
            cum_qty: Lots(whole_or(cum_qty, "cum_qty", 0)?),
            t_venue: whole_or(t_venue, "t_venue", 0)?,
        };
        self.tell(py, Flags::empty(), event)
    }

    /// ORDER_MODIFIED: the venue replaced the order. `qty` is the total, `cum_qty` what of it is filled.
    #[pyo3(signature = (order, px, qty, *, cum_qty=None, t_venue=None))]
    fn order_modified(
        &self,
        py: Python<'_>,
        order: Any<'_, '_>,
        px: Any<'_, '_>,
        qty: Any<'_, '_>,
        cum_qty: Maybe<'_, '_>,
        t_venue: Maybe<'_, '_>,
    ) -> PyResult<u64> {
        let event = Event::OrderModified {
            order: id(order, "order")?,
            px: Ticks(whole(px, "px")?),
            qty: Lots(whole(qty, "qty")?),
            cum_qty: Lots(whole_or(cum_qty, "cum_qty", 0)?),
            t_venue: whole_or(t_venue, "t_venue", 0)?,
        };
        self.tell(py, Flags::empty(), event)
    }

    /// ORDER_DONE: the order is over.
    #[pyo3(signature = (order, status, *, initiator=None, cum_qty=None, t_venue=None))]
    fn order_done(
        &self,
        py: Python<'_>,
        order: Any<'_, '_>,
        status: Any<'_, '_>,
        initiator: Maybe<'_, '_>,
        cum_qty: Maybe<'_, '_>,
        t_venue: Maybe<'_, '_>,
    ) -> PyResult<u64> {
        let event = Event::OrderDone {
            order: id(order, "order")?,
            status: chosen(Some(status), "status", DoneStatus::from_raw, DoneStatus::Canceled)?,
            initiator: chosen(initiator, "initiator", Initiator::from_raw, Initiator::Owner)?,
            cum_qty: Lots(whole_or(cum_qty, "cum_qty", 0)?),
            t_venue: whole_or(t_venue, "t_venue", 0)?,
        };
        self.tell(py, Flags::empty(), event)
    }

    /// ORDER_TRIGGERED: a stop became live.
    #[pyo3(signature = (order, *, t_venue=None))]
    fn order_triggered(&self, py: Python<'_>, order: Any<'_, '_>, t_venue: Maybe<'_, '_>) -> PyResult<u64> {
        let (order, t_venue) = (id(order, "order")?, whole_or(t_venue, "t_venue", 0)?);
        self.tell(py, Flags::empty(), Event::OrderTriggered { order, t_venue })
    }
}
