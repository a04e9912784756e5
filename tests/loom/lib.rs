//! COLD: the ring and the hot log, as they are, on loom's atomics: each order in which two sides may run, and each value
//! that a load may see, also those that x86 never shows.
//!
//! The files are the product's own. What takes another's place is the door to atomics, and the segment: a model has no
//! mapping. Not shown: a reader that is overtaken while it copies (loom runs the loads of a thread in their order), and
//! what the kernel does.

// Lints build every target for tests, and the tests beside the product's code are the product's.
#![cfg(not(test))]

#[path = "../../src/journal/log.rs"]
pub mod log;
#[path = "../../src/model/mod.rs"]
pub mod model;
#[path = "../../src/journal/record.rs"]
pub mod record;
#[path = "../../src/shm/ring.rs"]
pub mod ring;
pub mod segment;
#[path = "../../src/wire/mod.rs"]
pub mod wire;

/// The door, open to loom.
pub mod sync {
    pub use loom::sync::atomic::{AtomicU64, Ordering, fence};
}

/// Where the product's files look for the segment.
pub mod shm {
    pub use crate::segment;
}
