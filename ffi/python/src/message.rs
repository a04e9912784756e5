//! What comes back from the sidecar: verdicts, notices of state, directives.

use pyo3::prelude::*;
use tripline::model::verdict::{Directive, StateNotice, Task, VerdictRecord};
use tripline::model::{Handle, Leg, Reason, Scope};
use tripline::wire::answer::Answer;

use crate::vocabulary::{DIRECTIVE, LEG, MODE, ORDER_ACTION, REASON, SCOPE_KIND, STATE, VERDICT, spelled};

/// The Python object of an answer.
pub(crate) fn object(py: Python<'_>, answer: Answer) -> PyResult<Py<PyAny>> {
    Ok(match answer {
        Answer::Verdict { record, position, .. } => {
            Py::new(py, VerdictMessage { record, position })?.into_any()
        }
        Answer::Directive { handle, directive } => {
            Py::new(py, DirectiveMessage { handle, directive })?.into_any()
        }
        Answer::State { id, notice } => Py::new(py, StateMessage { id, notice })?.into_any(),
        // An answer this version of the library does not know says nothing to Python either.
        _ => py.None(),
    })
}

fn reason(py: Python<'_>, reason: Option<Reason>) -> PyResult<Option<Py<PyAny>>> {
    reason.map(|reason| REASON.member(py, reason as u16)).transpose()
}

/// What a packed scope is: its kind, then its indices.
fn scope(py: Python<'_>, scope: Scope) -> PyResult<(Py<PyAny>, u16, u16)> {
    let raw = scope.to_raw();
    Ok((SCOPE_KIND.member(py, raw >> 32)?, (raw >> 16) as u16, raw as u16))
}

/// The answer to a request.
#[pyclass(frozen, module = "tripline")]
#[derive(Debug)]
pub(crate) struct VerdictMessage {
    record: VerdictRecord,
    position: u64,
}

#[pymethods]
impl VerdictMessage {
    /// The answer.
    #[getter]
    fn verdict(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        VERDICT.member(py, self.record.verdict as u8)
    }

    /// True only where the order may go to the venue: PASS, PASS_EXIT and RELEASED.
    #[getter]
    fn may_send(&self) -> bool {
        self.record.verdict.may_send()
    }

    /// Whether no other verdict follows.
    #[getter]
    fn is_final(&self) -> bool {
        self.record.verdict.is_final()
    }

    /// The request it answers.
    #[getter]
    fn action(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        ORDER_ACTION.member(py, self.record.action)
    }

    /// Why; None for a plain pass.
    #[getter]
    fn reason(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        reason(py, self.record.reason)
    }

    /// The order.
    #[getter]
    fn order(&self) -> u64 {
        self.record.order
    }

    /// The guard that decided, 0 for none.
    #[getter]
    fn guard(&self) -> u16 {
        self.record.guard
    }

    /// The kind of scope that the limit belongs to.
    #[getter]
    fn scope(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        SCOPE_KIND.member(py, self.record.scope_kind)
    }

    /// The measured value, units by reason; the deadline of what may be sent or simulated.
    #[getter]
    fn measured(&self) -> i64 {
        self.record.measured
    }

    /// The limit it was held against.
    #[getter]
    fn limit(&self) -> i64 {
        self.record.limit
    }

    /// Quantity, wait or retry-after, by verdict.
    #[getter]
    fn extra(&self) -> u64 {
        self.record.extra
    }

    /// Lane position of the request.
    #[getter]
    fn position(&self) -> u64 {
        self.position
    }

    fn __repr__(&self) -> String {
        let VerdictRecord { order, verdict, reason, measured, limit, extra, .. } = self.record;
        let (verdict, reason) = (spelled(&verdict), reason.map_or("", Reason::as_str));
        format!(
            "<tripline.VerdictMessage {verdict} order={order} reason={reason} measured={measured} limit={limit} extra={extra}>"
        )
    }
}

/// A scope changed state. The gate decides; this explains.
#[pyclass(frozen, module = "tripline")]
#[derive(Debug)]
pub(crate) struct StateMessage {
    id: u64,
    notice: StateNotice,
}

#[pymethods]
impl StateMessage {
    /// Number of the transition, growing.
    #[getter]
    fn id(&self) -> u64 {
        self.id
    }

    /// The state of the scope now.
    #[getter]
    fn state(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        STATE.member(py, self.notice.state as u8)
    }

    /// Its mode now.
    #[getter]
    fn mode(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        MODE.member(py, self.notice.mode as u8)
    }

    /// Why.
    #[getter]
    fn reason(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        REASON.member(py, self.notice.reason as u16)
    }

    /// The scope: its kind, then its indices.
    #[getter]
    fn scope(&self, py: Python<'_>) -> PyResult<(Py<PyAny>, u16, u16)> {
        scope(py, self.notice.scope)
    }

    /// The halt epoch of the change.
    #[getter]
    fn epoch(&self) -> u32 {
        self.notice.epoch
    }

    /// Bits of the causes that hold now.
    #[getter]
    fn causes(&self) -> u64 {
        self.notice.causes
    }

    fn __repr__(&self) -> String {
        let StateNotice { scope, state, reason, epoch, .. } = self.notice;
        format!("<tripline.StateMessage {scope} {state} reason={} epoch={epoch}>", reason.as_str())
    }
}

/// Something to do, and to acknowledge with `client.acknowledge`.
#[pyclass(frozen, module = "tripline")]
#[derive(Debug)]
pub(crate) struct DirectiveMessage {
    handle: Handle,
    directive: Directive,
}

impl DirectiveMessage {
    /// What its acknowledgement names, and its id.
    pub(crate) fn address(&self) -> (Handle, u64) {
        (self.handle, self.directive.id)
    }
}

#[pymethods]
impl DirectiveMessage {
    /// What to do. A kind you do not know is to be acknowledged as REFUSED.
    #[getter]
    fn directive(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        DIRECTIVE.member(py, self.directive.task.kind() as u8)
    }

    /// Its id, which the orders that carry it out name as their directive.
    #[getter]
    fn id(&self) -> u64 {
        self.directive.id
    }

    /// Why.
    #[getter]
    fn reason(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        REASON.member(py, self.directive.reason as u16)
    }

    /// The halt epoch it belongs to.
    #[getter]
    fn epoch(&self) -> u32 {
        self.directive.epoch
    }

    /// On the clock of `time.monotonic_ns`; past it the directive is void.
    #[getter]
    fn deadline_ns(&self) -> u64 {
        self.directive.deadline.0
    }

    /// CANCEL and RESIZE: the order, else 0.
    #[getter]
    fn order(&self) -> u64 {
        match self.directive.task {
            Task::Cancel { order, .. } | Task::Resize { order, .. } => order,
            _ => 0,
        }
    }

    /// CANCEL: the venue's number for the order, 0 when it told none.
    #[getter]
    fn venue_key(&self) -> u64 {
        match self.directive.task {
            Task::Cancel { venue_key, .. } => venue_key,
            _ => 0,
        }
    }

    /// The scope it is about, its kind, then its indices; None where it names none.
    #[getter]
    fn scope(&self, py: Python<'_>) -> PyResult<Option<(Py<PyAny>, u16, u16)>> {
        match self.directive.task {
            Task::CancelIncreasing { scope: named }
            | Task::CancelAll { scope: named }
            | Task::Flatten { scope: named, .. } => scope(py, named).map(Some),
            Task::Cancel { .. } | Task::Resize { .. } | Task::Revoke { .. } | Task::Snapshot { .. } => {
                Ok(None)
            }
        }
    }

    /// FLATTEN: the signed quantity to trade. RESIZE: the order's new total. Else 0.
    #[getter]
    fn qty(&self) -> i64 {
        match self.directive.task {
            Task::Flatten { qty, .. } | Task::Resize { qty, .. } => qty,
            _ => 0,
        }
    }

    /// FLATTEN: the leg to trade, else NET.
    #[getter]
    fn leg(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let leg = match self.directive.task {
            Task::Flatten { leg, .. } => leg,
            _ => Leg::Net,
        };
        LEG.member(py, leg as u8)
    }

    /// SNAPSHOT: what to send, bit 0 positions, 1 orders, 2 balances; else 0.
    #[getter]
    fn what(&self) -> u32 {
        match self.directive.task {
            Task::Snapshot { what } => what,
            _ => 0,
        }
    }

    /// REVOKE: the directive that is taken back, else 0.
    #[getter]
    fn revoked(&self) -> u64 {
        match self.directive.task {
            Task::Revoke { directive } => directive,
            _ => 0,
        }
    }

    fn __repr__(&self) -> String {
        let Directive { id, reason, task, .. } = self.directive;
        format!("<tripline.DirectiveMessage {} id={id} reason={}>", spelled(&task.kind()), reason.as_str())
    }
}
