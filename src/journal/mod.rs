//! The journal: every input of the engine, in order, so that a core that dies is replaced by one that knows the same.
//!
//! ```text
//!            hot loop ──append──> hot log (shared memory, wraps) ──> recovery: newest snapshot, then what follows
//!                                     │ reads behind it
//!                                  shadow: a second engine, off the hot processor ──> snapshots, releases what is old
//!                                     │ what it has followed
//!                                  archiver, beside it: the only one that touches a disk
//! ```
//! [`record`] is the 64-byte form of an entry, [`log`] the ring of them in memory that outlives the core, [`replica`] an
//! engine fed from entries, [`store`] the directory with the hot log's file and the snapshots, [`shadow`] the thread
//! that keeps it short, [`pursuit`] how a standby follows it, [`archive`] the thread that writes segments, [`segments`] their
//! files and [`block`] their bytes, [`reading`] what people open of it all, and [`embedded`] the same
//! journal where there is no sidecar.
//!
//! The same replica recovers a core, stands behind the running one and replays a journal for a person: three uses, one
//! way of reading. Deliberately absent: any decision; what an entry means is the engine's.

pub mod archive;
pub mod block;
pub mod embedded;
pub mod log;
pub mod pursuit;
pub mod reading;
pub mod record;
pub mod replica;
pub mod segments;
pub mod shadow;
pub mod store;
