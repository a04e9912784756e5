//! HOT: the decisions. A pure state machine: `(now, record) -> outcome`, bit-identical live, embedded and replayed.

pub mod limits;

pub use limits::Limits;
