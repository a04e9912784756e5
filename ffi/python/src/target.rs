//! A target: what orders are gated and published under.

use pyo3::prelude::*;
use tripline::model::{Event, Flags, Name};
use tripline::shm::client as shm;
use tripline::shm::directory::InstrumentEntry;
use tripline::shm::gate::Gate;
use tripline::wire::record::Words;

use crate::client::Client;
use crate::instrument::Instrument;
use crate::number::{whole, whole_or};
use crate::vocabulary::GATE;

/// One strategy's book on an account, and unless account level one instrument there. Made by `client.target`. Methods
/// that publish return the lane position of the event, or of the first where they publish two.
#[pyclass(frozen, module = "tripline")]
pub(crate) struct Target {
    client: Py<Client>,
    target: shm::Target,
    account: Name,
    instrument: Option<Instrument>,
}

impl Target {
    pub(crate) fn new(
        client: Py<Client>,
        account: Name,
        target: shm::Target,
        instrument: Option<InstrumentEntry>,
    ) -> Self {
        Self { client, target, account, instrument: instrument.map(Instrument::from) }
    }

    /// The client it belongs to.
    pub(crate) fn client(&self) -> &Client {
        self.client.get()
    }

    /// What events on it name.
    pub(crate) fn handle(&self) -> tripline::model::Handle {
        self.target.handle
    }

    /// Publishes one event.
    pub(crate) fn tell(&self, py: Python<'_>, flags: Flags, event: Event) -> PyResult<u64> {
        self.client().with(py, |client| client.publish(self.target.handle, flags, event))
    }

    /// Publishes an event and the rest of it, if it has one; tells the position of the first.
    pub(crate) fn tell_both(
        &self,
        py: Python<'_>,
        flags: Flags,
        event: Event,
        rest: Option<Event>,
    ) -> PyResult<u64> {
        let Some(rest) = rest else { return self.tell(py, flags, event) };
        self.client().with(py, |client| {
            let position = client.publish(self.target.handle, flags | Flags::MORE, event)?;
            client.publish(self.target.handle, Flags::empty(), rest)?;
            Ok(position)
        })
    }
}

#[pymethods]
impl Target {
    /// True only when the next order may go to the venue, read from shared memory each time. Any thread.
    #[getter]
    fn may_send(&self, py: Python<'_>) -> bool {
        self.client().gate(py, self.target.offsets) == Gate::Pass
    }

    /// What the gate says of the next order, read from shared memory each time. Any doubt is HALTED. Any thread.
    #[getter]
    fn gate(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        GATE.member(py, self.client().gate(py, self.target.offsets) as u64)
    }

    /// The client it belongs to.
    #[getter]
    #[pyo3(name = "client")]
    fn its_client(&self, py: Python<'_>) -> Py<Client> {
        self.client.clone_ref(py)
    }

    /// The account's name.
    #[getter]
    fn account(&self) -> &str {
        self.account.as_str()
    }

    /// What the sidecar knows of the instrument; None at account level.
    #[getter]
    fn instrument(&self) -> Option<Instrument> {
        self.instrument.clone()
    }

    /// Publishes any event of docs/events.md by its words. The other methods name the fields of the commonest.
    #[pyo3(signature = (kind, *, flags=None, a=None, b=None, c=None, d=None, e=None))]
    #[allow(clippy::too_many_arguments, reason = "a record has five words")]
    fn publish(
        &self,
        py: Python<'_>,
        kind: &Bound<'_, PyAny>,
        flags: Option<&Bound<'_, PyAny>>,
        a: Option<&Bound<'_, PyAny>>,
        b: Option<&Bound<'_, PyAny>>,
        c: Option<&Bound<'_, PyAny>>,
        d: Option<&Bound<'_, PyAny>>,
        e: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<u64> {
        let (kind, flags): (u8, u8) = (whole(kind, "kind")?, whole_or(flags, "flags", 0)?);
        let header = u64::from(kind) | u64::from(flags) << 8 | u64::from(self.target.handle.0) << 32;
        let words: Words = [
            0,
            header,
            whole_or(a, "a", 0)?,
            whole_or(b, "b", 0)?,
            whole_or(c, "c", 0)?,
            whole_or(d, "d", 0)?,
            whole_or(e, "e", 0)?,
            0,
        ];
        self.client().with(py, |client| client.publish_words(&words))
    }

    fn __repr__(&self) -> String {
        let instrument = self.instrument.as_ref().map_or("", Instrument::name);
        format!("<tripline.Target {} {instrument}>", self.account)
    }
}
