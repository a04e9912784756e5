//! An attached client.

use std::cell::{Cell, UnsafeCell};
use std::path::PathBuf;
use std::ptr::NonNull;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use tripline::model::{Name, Nanos};
use tripline::shm::attach::attach_socket;
use tripline::shm::client::{self as shm, ClientError};
use tripline::shm::clock::monotonic;
use tripline::shm::gate::{Gate, GateOffsets};
use tripline::shm::view::View;
use tripline::wire::answer::Answer;

use crate::error;
use crate::message;
use crate::number::whole;
use crate::target::Target;

/// Waiting goes back to the interpreter this often, so that Ctrl-C is heard.
const SLICE: Nanos = Nanos(20_000_000);

/// Attaches to a running sidecar as a configured strategy. Blocks up to a few seconds; other threads go on meanwhile.
#[pyfunction]
#[pyo3(signature = (strategy, runtime_dir=None))]
pub(crate) fn attach(py: Python<'_>, strategy: &str, runtime_dir: Option<PathBuf>) -> PyResult<Client> {
    let name = Name::new(strategy).map_err(|error| PyValueError::new_err(format!("strategy: {error}")))?;
    let attached = py.detach(|| shm::Client::attach(&attach_socket(runtime_dir.as_deref()), name));
    let attached = attached.map_err(|error| error::attaching(py, &error))?;
    Ok(Client {
        view: Cell::new(Some(attached.page().address())),
        held: UnsafeCell::new(Some(attached)),
        waits: Cell::new(false),
        strategy: strategy.to_owned(),
    })
}

/// An attached strategy. Belongs to the thread that attached; leave it with `with`, or by `detach`.
///
/// Whoever leaves the block by an exception, or drops the client without detaching, has not left in order: the sidecar
/// takes the strategy for dead and halts it, CLIENT_DEAD, until an operator resets that.
#[pyclass(frozen, module = "tripline", weakref)]
pub(crate) struct Client {
    /// Where the gate is read from; `None` once detached. Only atomics lie behind it.
    view: Cell<Option<NonNull<View>>>,
    held: UnsafeCell<Option<shm::Client>>,
    /// The owner waits without the interpreter's lock, inside `held`.
    waits: Cell<bool>,
    strategy: String,
}

// SAFETY: the client itself may change threads. The address points at the page that the client in `held` owns and that
// only atomics live in.
unsafe impl Send for Client {}
// SAFETY: every access takes the interpreter's lock first: methods get it from Python, and the module asks for it on
// interpreters that could do without. The one call that gives the lock back, `await_verdict`, is the owner's, and while it
// lasts `with` lets nobody else in, because nobody else is the owner and `rebind` refuses.
unsafe impl Sync for Client {}

impl Client {
    /// The gate of a target. Any thread; HALTED once detached and in a forked child.
    #[inline]
    pub(crate) fn gate(&self, _locked: Python<'_>, offsets: GateOffsets) -> Gate {
        match self.view.get() {
            // SAFETY: the page is unmapped by `take` only, which forgets its address first, under the same lock.
            Some(view) => unsafe { view.as_ref() }.gate(offsets, monotonic),
            None => Gate::Halted,
        }
    }

    /// Runs `call` on the client, in its own thread only. `call` must not run Python code, and cannot: it is given no
    /// interpreter.
    pub(crate) fn with<T>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&mut shm::Client) -> Result<T, ClientError>,
    ) -> PyResult<T> {
        self.check(py)?;
        // SAFETY: this thread holds the lock and is the owner, so it is in no other call: see `Sync` above.
        let held = unsafe { &mut *self.held.get() };
        held.as_mut().ok_or(ClientError::Closed).and_then(call).map_err(|error| error::calling(py, error))
    }

    /// Fails unless attached, in this process and this thread.
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        // SAFETY: as in `gate`.
        let view = self.view.get().map(|view| unsafe { &*view.as_ptr() });
        match view {
            Some(view) if view.is_open() && view.is_owned_here() => Ok(()),
            Some(view) if view.is_open() => Err(error::calling(py, ClientError::Thread)),
            _ => Err(error::calling(py, ClientError::Closed)),
        }
    }

    /// Takes the client out: gates read HALTED from here on.
    fn take(&self) -> Option<shm::Client> {
        self.view.set(None);
        // SAFETY: the caller holds the lock and has checked the owner, or is the last who knows this object.
        unsafe { &mut *self.held.get() }.take()
    }

    /// Waits for the final verdict on the request at `position`, without the interpreter's lock; `None` when none came
    /// in time.
    pub(crate) fn await_verdict(
        &self,
        py: Python<'_>,
        position: u64,
        timeout: Nanos,
    ) -> PyResult<Option<Answer>> {
        let mut left = timeout.0;
        loop {
            let slice = Nanos(left.min(SLICE.0));
            left = left.saturating_sub(slice.0);
            self.check(py)?;
            // SAFETY: as in `with`; until `waits` is false again only this call reaches the client.
            let held = unsafe { &mut *self.held.get() };
            let Some(client) = held.as_mut() else { return Err(error::calling(py, ClientError::Closed)) };
            self.waits.set(true);
            let answer = py.detach(|| client.wait(position, slice));
            self.waits.set(false);
            match answer.map_err(|error| error::calling(py, error))? {
                None if left > 0 => py.check_signals()?,
                answer => return Ok(answer),
            }
        }
    }
}

#[pymethods]
impl Client {
    /// The name it attached as.
    #[getter]
    fn strategy(&self) -> &str {
        &self.strategy
    }

    /// False once detached, and in a forked child.
    #[getter]
    fn is_attached(&self) -> bool {
        // SAFETY: as in `gate`; Python holds the lock around this method.
        self.view.get().is_some_and(|view| unsafe { view.as_ref() }.is_open())
    }

    /// Leaves in order. Does nothing when it has been left before, and in a forked child.
    fn detach(&self, py: Python<'_>) -> PyResult<()> {
        if !self.is_attached() {
            self.view.set(None);
            return Ok(());
        }
        self.check(py)?;
        drop(self.take());
        Ok(())
    }

    /// Makes the calling thread the owner. The previous owner must not be inside a call.
    fn rebind(&self, py: Python<'_>) -> PyResult<()> {
        if self.waits.get() {
            return Err(PyRuntimeError::new_err(
                "the owner waits for a verdict: it cannot be replaced meanwhile",
            ));
        }
        match self.view.get() {
            // SAFETY: as in `gate`.
            Some(view) if self.is_attached() => unsafe { view.as_ref() }.own(),
            _ => return Err(error::calling(py, ClientError::Closed)),
        }
        Ok(())
    }

    /// The target of orders on an account and, unless account level, an instrument. Look up once, keep the target.
    #[pyo3(signature = (account, instrument=None))]
    fn target(slf: &Bound<'_, Self>, account: &str, instrument: Option<&str>) -> PyResult<Target> {
        let py = slf.py();
        let unknown = |error: ClientError| move |_no_name| error::calling(py, error);
        let account = Name::new(account).map_err(unknown(ClientError::UnknownAccount))?;
        let instrument =
            instrument.map(Name::new).transpose().map_err(unknown(ClientError::UnknownInstrument))?;
        let found = slf.get().with(py, |client| {
            let target = client.look_up(account, instrument)?;
            Ok((target, client.instrument(&target)))
        })?;
        Ok(Target::new(slf.clone().unbind(), account, found.0, found.1))
    }

    /// A sign of life. Publishing, polling and waiting are signs of life too.
    fn heartbeat(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |client| client.heartbeat())
    }

    /// The next message, or None when none waits.
    fn poll(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let answer = self.with(py, |client| client.poll())?;
        answer.map(|answer| message::object(py, answer)).transpose()
    }

    /// Waits for the final verdict on the request at `position`; other Python threads go on meanwhile. Raises TimedOut,
    /// after which the request is still outstanding.
    #[pyo3(signature = (position, timeout_ns))]
    fn wait(
        &self,
        py: Python<'_>,
        position: &Bound<'_, PyAny>,
        timeout_ns: &Bound<'_, PyAny>,
    ) -> PyResult<Py<PyAny>> {
        let position = whole(position, "position")?;
        let timeout = Nanos(whole(timeout_ns, "timeout_ns")?);
        let answer = self.await_verdict(py, position, timeout)?;
        message::object(py, answer.ok_or_else(|| error::calling(py, ClientError::TimedOut { position }))?)
    }

    /// How many events can be published now without LaneFull.
    #[getter]
    fn free_slots(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(py, |client| client.free_slots())
    }

    /// The position the next event gets.
    #[getter]
    fn next_position(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(py, |client| Ok(client.positions().0))
    }

    /// The position before which every event has been applied: the gate shows whatever those changed.
    #[getter]
    fn applied_position(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(py, |client| Ok(client.positions().1))
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (kind, value, traceback, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        kind: Option<&Bound<'_, PyAny>>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let _only_whether = (value, traceback);
        if kind.is_none() || !self.is_attached() {
            return self.detach(py);
        }
        self.check(py)?;
        self.abandon();
        Ok(())
    }

    fn __repr__(&self) -> String {
        let state = if self.is_attached() { "attached" } else { "not attached" };
        format!("<tripline.Client {} {state}>", self.strategy)
    }
}

impl Client {
    /// Ends it without a goodbye, so that the sidecar takes the strategy for dead.
    fn abandon(&self) {
        if let Some(mut client) = self.take() {
            client.hang_up();
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.abandon();
    }
}
