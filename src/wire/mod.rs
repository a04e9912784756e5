//! Bytes: how the vocabulary travels. Pure functions over words; nothing here touches shared memory.

mod field;
pub mod record;
pub mod stats;
