//! Events about everything that is neither an order nor an execution.

use pyo3::prelude::*;
use tripline::model::event::{FeedbackForm, FlowKind, HeartbeatClass, InstrumentStatus};
use tripline::model::{Event, Flags, Lots, Money, Ticks};

use crate::number::{id, whole, whole_or};
use crate::target::Target;
use crate::vocabulary::chosen;

type Any<'a, 'py> = &'a Bound<'py, PyAny>;
type Maybe<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

fn price(value: Maybe<'_, '_>, field: &str) -> PyResult<Option<Ticks>> {
    value.map(|value| whole(value, field).map(Ticks)).transpose()
}

fn quantity(value: Maybe<'_, '_>, field: &str) -> PyResult<Option<Lots>> {
    value.map(|value| whole(value, field).map(Lots)).transpose()
}

/// MARK and BOOK say by their flags which of their words are there.
fn presence(there: [bool; 4]) -> Flags {
    let bits = there.iter().enumerate().fold(0, |bits, (at, &there)| bits | u8::from(there) << at);
    Flags::from_bits_retain(bits)
}

#[pymethods]
impl Target {
    /// MARK: the price that values positions. `sequence` must grow from one mark of a source to the next.
    #[pyo3(signature = (px, sequence, *, index=None, last=None, underlying=None))]
    fn mark(
        &self,
        py: Python<'_>,
        px: Any<'_, '_>,
        sequence: Any<'_, '_>,
        index: Maybe<'_, '_>,
        last: Maybe<'_, '_>,
        underlying: Maybe<'_, '_>,
    ) -> PyResult<u64> {
        let mark = (!px.is_none()).then_some(px);
        let event = Event::Mark {
            mark: price(mark, "px")?,
            index: price(index, "index")?,
            last: price(last, "last")?,
            underlying: price(underlying, "underlying")?,
            sequence: whole(sequence, "sequence")?,
        };
        let there = [mark, index, last, underlying].map(|price| price.is_some());
        self.tell(py, presence(there), event)
    }

    /// BOOK: the top of the book.
    #[pyo3(signature = (sequence, *, bid=None, ask=None, bid_qty=None, ask_qty=None))]
    fn book(
        &self,
        py: Python<'_>,
        sequence: Any<'_, '_>,
        bid: Maybe<'_, '_>,
        ask: Maybe<'_, '_>,
        bid_qty: Maybe<'_, '_>,
        ask_qty: Maybe<'_, '_>,
    ) -> PyResult<u64> {
        let event = Event::Book {
            bid: price(bid, "bid")?,
            ask: price(ask, "ask")?,
            bid_qty: quantity(bid_qty, "bid_qty")?,
            ask_qty: quantity(ask_qty, "ask_qty")?,
            sequence: whole(sequence, "sequence")?,
        };
        self.tell(py, presence([bid, ask, bid_qty, ask_qty].map(|word| word.is_some())), event)
    }

    /// INSTRUMENT_STATE: the instrument's session changed.
    #[pyo3(signature = (status, *, next_change_utc_ns=None, t_venue=None))]
    fn instrument_state(
        &self,
        py: Python<'_>,
        status: Any<'_, '_>,
        next_change_utc_ns: Maybe<'_, '_>,
        t_venue: Maybe<'_, '_>,
    ) -> PyResult<u64> {
        let event = Event::InstrumentState {
            state: chosen(Some(status), "status", InstrumentStatus::from_raw, InstrumentStatus::Open)?,
            next_change_utc_ns: whole_or(next_change_utc_ns, "next_change_utc_ns", 0)?,
            t_venue: whole_or(t_venue, "t_venue", 0)?,
        };
        self.tell(py, Flags::empty(), event)
    }

    /// HEARTBEAT: proof that a source works. `counter` must grow. For the strategy itself, `client.heartbeat()`.
    #[pyo3(signature = (source, counter, *, heartbeat_class=None))]
    fn heartbeat(
        &self,
        py: Python<'_>,
        source: Any<'_, '_>,
        counter: Any<'_, '_>,
        heartbeat_class: Maybe<'_, '_>,
    ) -> PyResult<u64> {
        let otherwise = HeartbeatClass::Application;
        let event = Event::Heartbeat {
            source: whole(source, "source")?,
            class: chosen(heartbeat_class, "heartbeat_class", HeartbeatClass::from_raw, otherwise)?,
            counter: whole(counter, "counter")?,
        };
        self.tell(py, Flags::empty(), event)
    }

    /// FUNDING: `amount` in 1e-9 of the currency, received is positive. A repeated id changes nothing.
    #[pyo3(signature = (funding, amount, *, ccy=None, t_venue=None))]
    fn funding(
        &self,
        py: Python<'_>,
        funding: Any<'_, '_>,
        amount: Any<'_, '_>,
        ccy: Maybe<'_, '_>,
        t_venue: Maybe<'_, '_>,
    ) -> PyResult<u64> {
        let event = Event::Funding {
            id: id(funding, "funding")?,
            amount: Money(whole(amount, "amount")?),
            ccy: whole_or(ccy, "ccy", 0)?,
            t_venue: whole_or(t_venue, "t_venue", 0)?,
        };
        self.tell(py, Flags::empty(), event)
    }

    /// FLOW: a deposit, withdrawal or the like. `amount` in 1e-9 of the currency, what comes in is positive. A repeated id
    /// changes nothing.
    #[pyo3(signature = (flow, amount, kind, *, ccy=None, t_venue=None))]
    fn flow(
        &self,
        py: Python<'_>,
        flow: Any<'_, '_>,
        amount: Any<'_, '_>,
        kind: Any<'_, '_>,
        ccy: Maybe<'_, '_>,
        t_venue: Maybe<'_, '_>,
    ) -> PyResult<u64> {
        let event = Event::Flow {
            id: id(flow, "flow")?,
            amount: Money(whole(amount, "amount")?),
            ccy: whole_or(ccy, "ccy", 0)?,
            kind: chosen(Some(kind), "kind", FlowKind::from_raw, FlowKind::Deposit)?,
            t_venue: whole_or(t_venue, "t_venue", 0)?,
        };
        self.tell(py, Flags::empty(), event)
    }

    /// RATE_FEEDBACK: what the venue's rate headers say. `window` and `retry_after` are in nanoseconds.
    #[pyo3(signature = (bucket, value, *, http=None, form=None, window=None, reset_utc_ns=None, retry_after=None))]
    #[allow(clippy::too_many_arguments, reason = "the fields of the event")]
    fn rate_feedback(
        &self,
        py: Python<'_>,
        bucket: Any<'_, '_>,
        value: Any<'_, '_>,
        http: Maybe<'_, '_>,
        form: Maybe<'_, '_>,
        window: Maybe<'_, '_>,
        reset_utc_ns: Maybe<'_, '_>,
        retry_after: Maybe<'_, '_>,
    ) -> PyResult<u64> {
        let event = Event::RateFeedback {
            bucket: whole(bucket, "bucket")?,
            http: whole_or(http, "http", 200)?,
            form: chosen(form, "form", FeedbackForm::from_raw, FeedbackForm::Used)?,
            value: whole(value, "value")?,
            window: whole_or(window, "window", 0)?,
            reset_utc_ns: whole_or(reset_utc_ns, "reset_utc_ns", 0)?,
            retry_after: whole_or(retry_after, "retry_after", 0)?,
        };
        self.tell(py, Flags::empty(), event)
    }

    /// GAUGE: any number the strategy wants watched, in 1e-9.
    #[pyo3(signature = (gauge, value, *, samples=None, t_venue=None))]
    fn gauge_value(
        &self,
        py: Python<'_>,
        gauge: Any<'_, '_>,
        value: Any<'_, '_>,
        samples: Maybe<'_, '_>,
        t_venue: Maybe<'_, '_>,
    ) -> PyResult<u64> {
        let event = Event::Gauge {
            gauge: whole(gauge, "gauge")?,
            value: whole(value, "value")?,
            samples: whole_or(samples, "samples", 1)?,
            t_venue: whole_or(t_venue, "t_venue", 0)?,
        };
        self.tell(py, Flags::empty(), event)
    }
}
