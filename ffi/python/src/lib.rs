//! The Python package `tripline`: a client of the risk sidecar. `python/tripline/_tripline.pyi` is its specification.
//!
//! A thin layer over [`tripline::shm::client`], beside the C ABI and with the same rules: a client belongs to the thread
//! that attached it, a forked child reads HALTED, nothing is decided here. Numbers are integers all the way; a float is
//! refused with what to write instead.
//!
//! | module | what it is |
//! |---|---|
//! | `client` | attach, the context manager, poll, wait |
//! | `target` | the gate, and the instrument behind a target |
//! | `orders`, `executions`, `market` | the events, one method each |
//! | `requests` | permit mode |
//! | `message` | what comes back |
//! | `number`, `decimal` | integers with the names of their fields; decimal text to units, exactly |
//! | `vocabulary`, `error` | enumerations and exceptions, made from the tables of the Rust side |

#![allow(unsafe_code)]

#[path = "../../src/codes.rs"]
#[allow(dead_code, reason = "the table of the C ABI, of which Python meets a part")]
mod codes;

mod client;
mod decimal;
mod error;
mod executions;
mod instrument;
mod market;
mod message;
mod number;
mod orders;
mod requests;
mod target;
mod vocabulary;

use pyo3::prelude::*;

// The client is reached under the interpreter's lock only, so an interpreter without one must bring it back.
#[pymodule(gil_used = true)]
fn _tripline(module: &Bound<'_, PyModule>) -> PyResult<()> {
    vocabulary::register(module)?;
    error::register(module)?;
    module.add_class::<client::Client>()?;
    module.add_class::<target::Target>()?;
    module.add_class::<instrument::Instrument>()?;
    module.add_class::<message::VerdictMessage>()?;
    module.add_class::<message::StateMessage>()?;
    module.add_class::<message::DirectiveMessage>()?;
    module.add_class::<requests::Permit>()?;
    module.add_function(wrap_pyfunction!(client::attach, module)?)?;
    module.add("ABI_VERSION", tripline::wire::layout::ABI_VERSION)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    // The package says what is public.
    module.delattr("__all__")
}
