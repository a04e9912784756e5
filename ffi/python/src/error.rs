//! Exceptions. One class for each return code of the C ABI that Python can meet, with the same number as `code`.

use std::ffi::CString;
use std::fmt::Display;

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};
use tripline::model::Reason;
use tripline::model::verdict::{Verdict, VerdictRecord};
use tripline::shm::attach::AttachError;
use tripline::shm::client::ClientError;

use crate::codes;
use crate::vocabulary::{SCOPE_KIND, VERDICT, spelled};

/// A class: its name, its base, its code, and what it means.
type Row = (&'static str, &'static str, i32, &'static str);

/// Bases stand before what is derived from them.
const CLASSES: &[Row] = &[
    ("TriplineError", "", 0, "What went wrong with Tripline; `code` is the number of the C ABI."),
    ("AttachError", "TriplineError", 0, "The sidecar could not be attached to."),
    (
        "Unreachable",
        "AttachError",
        codes::TRIPLINE_ERR_UNREACHABLE,
        "Nobody listens in the runtime directory.",
    ),
    ("Refused", "AttachError", codes::TRIPLINE_ERR_REFUSED, "The sidecar refused; the text says why."),
    (
        "Unsealed",
        "AttachError",
        codes::TRIPLINE_ERR_UNSEALED,
        "Seals on shared memory are not enforced here.",
    ),
    (
        "ProtocolMismatch",
        "AttachError",
        codes::TRIPLINE_ERR_PROTOCOL,
        "Whatever listens there is not a sidecar.",
    ),
    ("ClockSkew", "AttachError", codes::TRIPLINE_ERR_CLOCK, "This process runs in another time namespace."),
    ("KernelRefused", "AttachError", codes::TRIPLINE_ERR_SYSTEM, "The kernel refused descriptors or memory."),
    ("Closed", "TriplineError", codes::TRIPLINE_ERR_CLOSED, "The client came through fork, or is detached."),
    ("WrongThread", "TriplineError", codes::TRIPLINE_ERR_THREAD, "The client belongs to another thread."),
    (
        "LaneFull",
        "TriplineError",
        codes::TRIPLINE_ERR_FULL,
        "The lane is full and this event is lost: the strategy is halted until an operator resets it.",
    ),
    ("EventsLost", "TriplineError", codes::TRIPLINE_ERR_LOST, "An earlier event was lost."),
    (
        "InvalidEvent",
        "TriplineError",
        codes::TRIPLINE_ERR_INVALID,
        "The event means nothing; nothing was published.",
    ),
    (
        "Unsupported",
        "TriplineError",
        codes::TRIPLINE_ERR_UNSUPPORTED,
        "A strategy may not publish such an event.",
    ),
    (
        "UnknownAccount",
        "TriplineError",
        codes::TRIPLINE_ERR_UNKNOWN_ACCOUNT,
        "No such account, or the strategy has no book on it.",
    ),
    ("UnknownInstrument", "TriplineError", codes::TRIPLINE_ERR_UNKNOWN_INSTRUMENT, "No such instrument."),
    (
        "Corrupt",
        "TriplineError",
        codes::TRIPLINE_ERR_CORRUPT,
        "The return ring holds something that is no message.",
    ),
    (
        "Busy",
        "TriplineError",
        codes::TRIPLINE_ERR_BUSY,
        "There is no room for another verdict: poll first. Nothing was published.",
    ),
    (
        "TimedOut",
        "TriplineError",
        codes::TRIPLINE_ERR_TIMEOUT,
        "No final verdict came in time; the request at `position` is still outstanding.",
    ),
    (
        "NotRequested",
        "TriplineError",
        codes::TRIPLINE_ERR_ARGUMENT,
        "No request at this position waits for a verdict.",
    ),
    (
        "Denied",
        "TriplineError",
        0,
        "The request may not be sent as it is. `code` and `name` are the reason's, 0 and '' for none.",
    ),
    ("PaperOnly", "Denied", 0, "The request may be simulated, not sent: the book trades on paper."),
];

/// Name, code and class of each.
static TYPES: PyOnceLock<Vec<(&str, i32, Py<PyType>)>> = PyOnceLock::new();

/// Makes every class one of the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let mut made: Vec<(&str, i32, Py<PyType>)> = Vec::with_capacity(CLASSES.len());
    for &(name, base, code, text) in CLASSES {
        let base = match made.iter().find(|(known, ..)| *known == base) {
            Some((.., class)) => class.bind(py).clone(),
            None => py.get_type::<PyException>(),
        };
        let members = PyDict::new(py);
        members.set_item("code", code)?;
        let (path, text) = (CString::new(format!("tripline.{name}"))?, CString::new(text)?);
        // A second reference, because `new_type` gives up its own before it uses the dictionary.
        let given = members.clone().into_any().unbind();
        let class = PyErr::new_type(py, &path, Some(&text), Some(&base), Some(given))?;
        drop(members);
        module.add(name, class.bind(py))?;
        made.push((name, code, class));
    }
    let _loaded_before = TYPES.set(py, made);
    Ok(())
}

/// The class called `name`.
fn class<'py>(py: Python<'py>, name: &str) -> Bound<'py, PyType> {
    let known = TYPES.get(py).and_then(|types| types.iter().find(|(known, ..)| *known == name));
    known.map_or_else(|| py.get_type::<PyException>(), |(.., class)| class.bind(py).clone())
}

/// The exception of a return code; one without a class of its own carries the code in the base class.
fn raised(py: Python<'_>, code: i32, text: &impl Display) -> PyErr {
    let own = TYPES.get(py).and_then(|types| types.iter().find(|(_, known, _)| *known == code));
    match own {
        Some((.., class)) => PyErr::from_type(class.bind(py).clone(), text.to_string()),
        None => {
            let error = PyErr::from_type(class(py, "TriplineError"), text.to_string());
            let _kept_or_0 = error.value(py).setattr("code", code);
            error
        }
    }
}

/// The exception of a failed attach.
pub(crate) fn attaching(py: Python<'_>, error: &AttachError) -> PyErr {
    raised(py, codes::of_attach(error), error)
}

/// The exception of a failed call.
pub(crate) fn calling(py: Python<'_>, error: ClientError) -> PyErr {
    let raised = raised(py, codes::of_client(error), &error);
    if let ClientError::TimedOut { position } = error {
        let _position_or_none = raised.value(py).setattr("position", position);
    }
    raised
}

/// The exception of a verdict after which nothing may be sent.
pub(crate) fn denied(py: Python<'_>, record: &VerdictRecord, position: u64) -> PyResult<PyErr> {
    let VerdictRecord { order, verdict, reason, guard, scope_kind, measured, limit, extra, .. } = *record;
    let name = reason.map_or("", Reason::as_str);
    let class = class(py, if verdict == Verdict::Paper { "PaperOnly" } else { "Denied" });
    let verdict_name = spelled(&verdict);
    let text = match reason {
        None => format!("order {order}: {verdict_name}"),
        Some(_) => {
            format!("order {order}: {verdict_name} {name}, measured {measured}, limit {limit}, extra {extra}")
        }
    };
    let error = PyErr::from_type(class, text);
    let value = error.value(py);
    value.setattr("code", reason.map_or(0, |reason| reason as u16))?;
    value.setattr("name", name)?;
    value.setattr("verdict", VERDICT.member(py, verdict as u8)?)?;
    value.setattr("scope", SCOPE_KIND.member(py, scope_kind)?)?;
    for (field, number) in [("measured", measured), ("limit", limit)] {
        value.setattr(field, number)?;
    }
    for (field, number) in
        [("extra", extra), ("position", position), ("order", order), ("guard", guard.into())]
    {
        value.setattr(field, number)?;
    }
    Ok(error)
}
