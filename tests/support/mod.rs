//! What the engine's tests share.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

pub mod desk;
pub mod oracle;
