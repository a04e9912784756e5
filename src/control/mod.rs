//! COLD: everything that may allocate, format and wait.

pub mod demo;
