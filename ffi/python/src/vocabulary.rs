//! Python's enumerations, made from the Rust ones when the module is loaded: no number is written down twice.

use std::fmt::{Debug, Display};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList};
use tripline::model::event::{
    ConnectionState, DirectiveStatus, DoneStatus, FIRST_SIDECAR_KIND, FeedbackForm, FillCause, FlowKind,
    HeartbeatClass, Initiator, InstrumentStatus, Intent, ListMode, OrderAction, OrderType, RejectClass,
    RetryType, Severity, TimeInForce,
};
use tripline::model::verdict::{DirectiveKind, Verdict};
use tripline::model::{Event, Flags, Leg, Mode, Reason, Scope, TradingState};
use tripline::shm::gate::Gate;

use crate::number::{Whole, whole};

/// One enumeration: its members by number.
pub(crate) struct Enumeration(PyOnceLock<Vec<(u64, Py<PyAny>)>>);

pub(crate) static DIRECTIVE: Enumeration = Enumeration::new();
pub(crate) static GATE: Enumeration = Enumeration::new();
pub(crate) static LEG: Enumeration = Enumeration::new();
pub(crate) static MODE: Enumeration = Enumeration::new();
pub(crate) static ORDER_ACTION: Enumeration = Enumeration::new();
pub(crate) static REASON: Enumeration = Enumeration::new();
pub(crate) static SCOPE_KIND: Enumeration = Enumeration::new();
pub(crate) static STATE: Enumeration = Enumeration::new();
pub(crate) static VERDICT: Enumeration = Enumeration::new();

impl Enumeration {
    const fn new() -> Self {
        Self(PyOnceLock::new())
    }

    /// The member with this number; the number itself where this version knows none.
    pub(crate) fn member(&self, py: Python<'_>, number: impl Into<u64>) -> PyResult<Py<PyAny>> {
        let number = number.into();
        let members = self.0.get(py).map_or(&[][..], Vec::as_slice);
        match members.binary_search_by_key(&number, |(known, _)| *known) {
            Ok(at) => Ok(members[at].1.clone_ref(py)),
            Err(_unknown) => Ok(number.into_pyobject(py)?.unbind().into_any()),
        }
    }
}

/// The member of a Rust vocabulary that `value` names, `otherwise` where it was left out.
pub(crate) fn chosen<N: Whole + Copy, T: Debug>(
    value: Option<&Bound<'_, PyAny>>,
    field: &str,
    from_raw: impl Fn(N) -> Option<T>,
    otherwise: T,
) -> PyResult<T> {
    let Some(value) = value else { return Ok(otherwise) };
    let number = whole(value, field)?;
    from_raw(number).ok_or_else(|| PyValueError::new_err(format!("{field}: {number} is none of its members")))
}

/// `StopLimit` as Python spells it: `STOP_LIMIT`.
pub(crate) fn spelled(variant: &impl Debug) -> String {
    let mut name = String::new();
    for letter in format!("{variant:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// Every member of a numbered vocabulary, found by asking for each small number.
fn members<N: TryFrom<u64>, T: Debug>(from_raw: impl Fn(N) -> Option<T>) -> Vec<(String, u64)> {
    (0..=u64::from(u8::MAX))
        .filter_map(|raw| Some((spelled(&from_raw(N::try_from(raw).ok()?)?), raw)))
        .collect()
}

fn scopes() -> Vec<(String, u64)> {
    (0..=u64::from(u8::MAX))
        .filter_map(|kind| Scope::from_raw(kind << 32).map(|scope| (scope.kind().to_uppercase(), kind)))
        .collect()
}

fn named<T: Display>(all: impl IntoIterator<Item = (T, u64)>) -> Vec<(String, u64)> {
    all.into_iter().map(|(name, number)| (name.to_string(), number)).collect()
}

/// Makes every enumeration a class of the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let gates = [Gate::Halted, Gate::ReduceOnly, Gate::Paper, Gate::Pass];
    let gates = gates.map(|gate| (spelled(&gate), gate as u64)).to_vec();
    let kinds = Event::KINDS.iter().filter(|(kind, _)| *kind < FIRST_SIDECAR_KIND);
    let kinds = named(kinds.map(|&(kind, name)| (name, kind.into())));
    let flags = named(Flags::all().iter_names().map(|(name, flag)| (name, flag.bits().into())));
    let reasons = named(Reason::ALL.iter().map(|reason| (reason.as_str(), *reason as u64)));
    let sides = named([("BUY", 0), ("SELL", Flags::SELL.bits().into())]);

    add(module, "Directive", members(DirectiveKind::from_u8), Some(&DIRECTIVE))?;
    add(module, "Gate", gates, Some(&GATE))?;
    add(module, "Leg", members(Leg::from_u8), Some(&LEG))?;
    add(module, "Mode", members(Mode::from_u8), Some(&MODE))?;
    add(module, "OrderAction", members(OrderAction::from_raw), Some(&ORDER_ACTION))?;
    add(module, "Reason", reasons, Some(&REASON))?;
    add(module, "ScopeKind", scopes(), Some(&SCOPE_KIND))?;
    add(module, "State", members(TradingState::from_u8), Some(&STATE))?;
    add(module, "Verdict", members(Verdict::from_u8), Some(&VERDICT))?;

    for (name, members) in [
        ("ConnectionState", members(ConnectionState::from_raw)),
        ("DirectiveStatus", members(DirectiveStatus::from_raw)),
        ("DoneStatus", members(DoneStatus::from_raw)),
        ("EventKind", kinds),
        ("FeedbackForm", members(FeedbackForm::from_raw)),
        ("FillCause", members(FillCause::from_raw)),
        ("Flag", flags),
        ("FlowKind", members(FlowKind::from_raw)),
        ("HeartbeatClass", members(HeartbeatClass::from_raw)),
        ("Initiator", members(Initiator::from_raw)),
        ("InstrumentStatus", members(InstrumentStatus::from_raw)),
        ("Intent", members(Intent::from_raw)),
        ("ListMode", members(ListMode::from_raw)),
        ("OrderType", members(OrderType::from_raw)),
        ("RejectClass", members(RejectClass::from_raw)),
        ("RetryType", members(RetryType::from_raw)),
        ("Severity", members(Severity::from_raw)),
        ("Side", sides),
        ("TimeInForce", members(TimeInForce::from_raw)),
    ] {
        add(module, name, members, None)?;
    }
    Ok(())
}

fn add(
    module: &Bound<'_, PyModule>,
    name: &str,
    members: Vec<(String, u64)>,
    kept: Option<&Enumeration>,
) -> PyResult<()> {
    let py = module.py();
    let keywords = PyDict::new(py);
    keywords.set_item("module", "tripline")?;
    let base = py.import("enum")?.getattr(if name == "Flag" { "IntFlag" } else { "IntEnum" })?;
    let class = base.call((name, PyList::new(py, &members)?), Some(&keywords))?;
    if let Some(kept) = kept {
        let mut objects = Vec::with_capacity(members.len());
        for (member, number) in &members {
            objects.push((*number, class.getattr(member.as_str())?.unbind()));
        }
        objects.sort_unstable_by_key(|(number, _)| *number);
        let _loaded_before = kept.0.set(py, objects);
    }
    module.add(name, class)
}
