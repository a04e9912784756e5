//! Permit mode: requests, and waiting for what may be sent.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tripline::model::event::DirectiveStatus;
use tripline::model::verdict::{Verdict, VerdictRecord};
use tripline::model::{Event, Flags, Lots, Nanos};
use tripline::shm::client::ClientError;
use tripline::wire::answer::Answer;

use crate::client::Client;
use crate::error;
use crate::message::DirectiveMessage;
use crate::number::{whole, whole_or};
use crate::orders::{cancel, cancel_all, modified_order, new_order};
use crate::target::Target;
use crate::vocabulary::{VERDICT, chosen, spelled};

type Any<'a, 'py> = &'a Bound<'py, PyAny>;
type Maybe<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

/// What may be sent. Resolve it with the order's next event (ack, reject, fill, done), or with `not_sent`.
#[pyclass(frozen, module = "tripline")]
#[derive(Debug)]
pub(crate) struct Permit {
    record: VerdictRecord,
    position: u64,
}

#[pymethods]
impl Permit {
    /// PASS, PASS_EXIT or RELEASED; EXIT_UNVERIFIED only where the order was said to be the venue's own reduce-only.
    #[getter]
    fn verdict(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        VERDICT.member(py, self.record.verdict as u8)
    }

    /// The order.
    #[getter]
    fn order(&self) -> u64 {
        self.record.order
    }

    /// Lane position of the request.
    #[getter]
    fn position(&self) -> u64 {
        self.position
    }

    /// Until when it may be sent, on the clock of `time.monotonic_ns`; 0 where nothing limits it.
    #[getter]
    fn valid_until_ns(&self) -> i64 {
        self.record.measured
    }

    /// PASS_EXIT: the quantity left to exit. RELEASED: nanoseconds queued.
    #[getter]
    fn extra(&self) -> u64 {
        self.record.extra
    }

    fn __repr__(&self) -> String {
        format!("<tripline.Permit {} order={}>", spelled(&self.record.verdict), self.record.order)
    }
}

impl Target {
    /// Requests; the rest of an order follows its request at once.
    fn ask(&self, py: Python<'_>, flags: Flags, event: Event, rest: Option<Event>) -> PyResult<u64> {
        let handle = self.handle();
        self.client().with(py, |client| {
            let Some(rest) = rest else { return client.request(handle, flags, event) };
            let position = client.request(handle, flags | Flags::MORE, event)?;
            client.publish(handle, Flags::empty(), rest)?;
            Ok(position)
        })
    }

    /// Requests and waits. What must not be sent is an exception.
    fn permit(
        &self,
        py: Python<'_>,
        flags: Flags,
        event: Event,
        rest: Option<Event>,
        timeout_ns: Any<'_, '_>,
    ) -> PyResult<Permit> {
        let timeout = Nanos(whole(timeout_ns, "timeout_ns")?);
        let position = self.ask(py, flags, event, rest)?;
        let answer = self.client().await_verdict(py, position, timeout)?;
        let Some(Answer::Verdict { record, position, .. }) = answer else {
            return Err(error::calling(py, ClientError::TimedOut { position }));
        };
        // The venue itself keeps such an order from doing more than reduce.
        let unverified =
            record.verdict == Verdict::ExitUnverified && flags.contains(Flags::VENUE_REDUCE_ONLY);
        if record.verdict.may_send() || unverified {
            return Ok(Permit { record, position });
        }
        Err(error::denied(py, &record, position)?)
    }
}

#[pymethods]
impl Target {
    /// Requests an order; the verdict comes by `client.poll` or `client.wait` under the position that is returned.
    /// Raises Busy where there is no room for another verdict: poll first.
    #[pyo3(signature = (order, side, px, qty, **terms))]
    fn request_new(
        &self,
        py: Python<'_>,
        order: Any<'_, '_>,
        side: Any<'_, '_>,
        px: Any<'_, '_>,
        qty: Any<'_, '_>,
        terms: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<u64> {
        let (flags, event, rest) = new_order(order, side, px, qty, terms)?;
        self.ask(py, flags, event, rest)
    }

    /// Requests a change of an order. `qty` is the new total, what is filled already included.
    #[pyo3(signature = (order, side, px, qty, **terms))]
    fn request_modify(
        &self,
        py: Python<'_>,
        order: Any<'_, '_>,
        side: Any<'_, '_>,
        px: Any<'_, '_>,
        qty: Any<'_, '_>,
        terms: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<u64> {
        let (flags, event) = modified_order(order, side, px, qty, terms)?;
        self.ask(py, flags, event, None)
    }

    /// Requests a cancel, which waits for the venue's rates only.
    #[pyo3(signature = (order, *, directive=None))]
    fn request_cancel(&self, py: Python<'_>, order: Any<'_, '_>, directive: Maybe<'_, '_>) -> PyResult<u64> {
        self.ask(py, Flags::empty(), cancel(order, directive)?, None)
    }

    /// Requests a cancel of many orders.
    #[pyo3(signature = (*, increasing_only=None, directive=None))]
    fn request_cancel_all(
        &self,
        py: Python<'_>,
        increasing_only: Maybe<'_, '_>,
        directive: Maybe<'_, '_>,
    ) -> PyResult<u64> {
        self.ask(py, Flags::empty(), cancel_all(increasing_only, directive)?, None)
    }

    /// Requests an order and waits until it may be sent; other Python threads go on meanwhile. Raises Denied where it may
    /// not, PaperOnly where it may be simulated, TimedOut where no final verdict came: the request is then still
    /// outstanding. EXIT_UNVERIFIED is Denied too, unless the order is `venue_reduce_only`.
    #[pyo3(signature = (order, side, px, qty, *, timeout_ns, **terms))]
    #[allow(clippy::too_many_arguments, reason = "an order")]
    fn permit_new(
        &self,
        py: Python<'_>,
        order: Any<'_, '_>,
        side: Any<'_, '_>,
        px: Any<'_, '_>,
        qty: Any<'_, '_>,
        timeout_ns: Any<'_, '_>,
        terms: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Permit> {
        let (flags, event, rest) = new_order(order, side, px, qty, terms)?;
        self.permit(py, flags, event, rest, timeout_ns)
    }

    /// Requests a change of an order and waits until it may be sent. Raises as `permit_new`.
    #[pyo3(signature = (order, side, px, qty, *, timeout_ns, **terms))]
    #[allow(clippy::too_many_arguments, reason = "an order")]
    fn permit_modify(
        &self,
        py: Python<'_>,
        order: Any<'_, '_>,
        side: Any<'_, '_>,
        px: Any<'_, '_>,
        qty: Any<'_, '_>,
        timeout_ns: Any<'_, '_>,
        terms: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Permit> {
        let (flags, event) = modified_order(order, side, px, qty, terms)?;
        self.permit(py, flags, event, None, timeout_ns)
    }

    /// Requests a cancel and waits until it may be sent. Raises as `permit_new`.
    #[pyo3(signature = (order, *, timeout_ns, directive=None))]
    fn permit_cancel(
        &self,
        py: Python<'_>,
        order: Any<'_, '_>,
        timeout_ns: Any<'_, '_>,
        directive: Maybe<'_, '_>,
    ) -> PyResult<Permit> {
        self.permit(py, Flags::empty(), cancel(order, directive)?, None, timeout_ns)
    }
}

#[pymethods]
impl Client {
    /// DIRECTIVE_ACK: how far a directive has got. `remaining` is the signed quantity still to trade, `detail` the venue's
    /// own number where it failed.
    #[pyo3(signature = (directive, status, *, remaining=None, detail=None))]
    fn acknowledge(
        &self,
        py: Python<'_>,
        directive: &Bound<'_, DirectiveMessage>,
        status: Any<'_, '_>,
        remaining: Maybe<'_, '_>,
        detail: Maybe<'_, '_>,
    ) -> PyResult<u64> {
        let (handle, directive) = directive.get().address();
        let event = Event::DirectiveAck {
            directive,
            status: chosen(Some(status), "status", DirectiveStatus::from_raw, DirectiveStatus::Received)?,
            remaining: Lots(whole_or(remaining, "remaining", 0)?),
            detail: whole_or(detail, "detail", 0)?,
        };
        self.with(py, |client| client.publish(handle, Flags::empty(), event))
    }
}
