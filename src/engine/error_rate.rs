//! HOT: stub of the order error-rate breaker.

use super::Engine;
use super::limits::Limits;
use crate::model::Scope;
use crate::model::event::RejectClass;
use crate::model::scope::{AccountId, BookId};
use crate::wire::stats::BreakerRow;

/// How an attempt to place or modify an order came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Ack,
    Error(RejectClass),
}

/// The generations of the breakers an attempt belongs to, taken when it was announced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Generations {
    pub(super) book: u32,
    pub(super) account: u32,
}

/// The breakers of all books and accounts.
#[derive(Debug)]
pub(super) struct ErrorRates;

impl ErrorRates {
    pub(super) fn new(_limits: &Limits) -> Self {
        Self
    }

    /// What an attempt announced now has to remember.
    pub(super) fn generations(&self, _book: BookId, _account: AccountId) -> Generations {
        Generations::default()
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = BreakerRow> + '_ {
        core::iter::empty()
    }
}

impl Engine {
    /// Counts how an attempt came out, and opens what that opens.
    pub(super) fn note_attempt(&mut self, _book: BookId, _attempt: Attempt, _of: Generations) {}

    /// The class of a reject: what the client says, else what the venue's code means.
    pub(super) fn class_of_reject(
        &mut self,
        _account: AccountId,
        class: RejectClass,
        _code: i32,
    ) -> RejectClass {
        class
    }

    /// An operator has ended the cause of a breaker: it closes, its windows empty, its generation advanced.
    pub(super) fn close_breaker(&mut self, _scope: Scope) {}
}
