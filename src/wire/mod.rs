//! Bytes: how the vocabulary travels. Pure functions over words; nothing here touches shared memory.

pub mod answer;
mod field;
pub mod hello;
pub mod layout;
pub mod link;
pub mod record;
pub mod stats;
