//! Vocabulary: what a trading desk says, as types. No unsafe, no I/O, no clock.
//!
//! Everything here is plain data that every layer shares: the [`units`] of price, quantity, money and time, the
//! [`Event`]s a strategy publishes, the [`verdict`]s and directives it gets back, the trading [`state`] of a
//! scope and the stable [`Reason`] codes. How these become bytes is the business of [`crate::wire`].

pub mod acks;
pub mod event;
pub mod leg;
pub mod name;
pub mod reason;
pub mod scope;
pub mod state;
pub mod units;
pub mod verdict;

pub use acks::Acks;
pub use event::{Event, Flags, Handle, Message, OrderAttrs};
pub use leg::Leg;
pub use name::Name;
pub use reason::Reason;
pub use scope::Scope;
pub use state::{HaltWord, Latch, Mode, TradingState};
pub use units::{Bps, Lots, Money, Nanos, Ticks};
