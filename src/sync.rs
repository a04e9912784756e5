//! The one door to atomics: everything that two threads or two processes share goes through these types, so that a
//! model checker's can take their place in one line: tests/loom is where they do.

pub use std::sync::atomic::{AtomicU64, Ordering, fence};
