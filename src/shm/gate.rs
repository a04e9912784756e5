//! The gate page: one halt word and lease per account, one word per book and per (account, instrument).
//!
//! The core is its only writer. A reader takes, in this order, the lease and account word (one line), the book word,
//! the instrument word, and only then the clock: a lease that was fresh when its words were read may have ended by
//! the time the clock is read, never the other way round.
//!
//! ```text
//! deadline - now, as unsigned:   1 ..= T_lease   fresh
//!                                negative, 0     expired: HALTED until renewed
//!                                > T_lease       a deadline nobody can have granted: HALTED and latched
//! ```

use std::sync::Arc;

use super::segment::Segment;
use crate::model::{HaltWord, Mode, Nanos, Scope, TradingState};
use crate::sync::{AtomicU64, Ordering};
use crate::wire::layout::{ABI_VERSION, GATE_MAGIC, Geometry, LAYOUT_HASH, LEASE_AT};

/// What a gate says. Ordered by permission; the numbers are the C ABI's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Gate {
    /// Do not send. Cancels and verified exits still pass.
    Halted = 0,
    /// Request every order; only reducing ones pass.
    ReduceOnly = 1,
    /// Simulate.
    Paper = 2,
    /// Send.
    Pass = 3,
}

/// Where the words of one target sit in the gate page, as byte offsets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GateOffsets {
    /// The account's line.
    pub account: u32,
    /// The book's word.
    pub book: u32,
    /// The (account, instrument) word; 0 at account level.
    pub instrument: u32,
}

/// The state of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// Permission may be fresh.
    Fresh,
    /// The sidecar has not renewed it in time.
    Expired,
    /// It lies further ahead than a lease can: this clock and the page do not belong together.
    Ahead,
}

/// Judges a lease deadline.
#[must_use]
#[inline]
pub const fn judge_lease(deadline: u64, now: u64, lease_ns: u64) -> Lease {
    let left = deadline.wrapping_sub(now);
    if left != 0 && left <= lease_ns {
        Lease::Fresh
    } else if (left as i64) <= 0 {
        Lease::Expired
    } else {
        Lease::Ahead
    }
}

/// What one word alone permits.
#[must_use]
#[inline]
pub const fn permission(raw: u64) -> Gate {
    let word = HaltWord::from_raw(raw);
    match (word.state, word.mode) {
        (TradingState::Halted, _) => Gate::Halted,
        (TradingState::ReduceOnly, _) => Gate::ReduceOnly,
        (TradingState::Active, Mode::Paper) => Gate::Paper,
        (TradingState::Active, Mode::Live) => Gate::Pass,
    }
}

/// The writing end, held by the core; the keeper holds a second one only to end all leases.
#[derive(Clone, Debug)]
pub struct GatePage {
    segment: Arc<Segment>,
    geometry: Geometry,
}

impl GatePage {
    /// Formats a new gate page: every word HALTED, no lease.
    #[must_use]
    pub fn format(segment: Arc<Segment>, geometry: Geometry) -> Self {
        super::write_header(&segment, GATE_MAGIC, ABI_VERSION, LAYOUT_HASH);
        Self { segment, geometry }
    }

    /// The segment, to be sent to clients.
    #[must_use]
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    fn word(&self, scope: Scope) -> Option<&AtomicU64> {
        let offset = match scope {
            Scope::Account(account) => self.geometry.account_at(account),
            Scope::Book(book) => self.geometry.book_at(book),
            Scope::Instrument(account, instrument) => self.geometry.instrument_at(account, instrument),
            Scope::Firm | Scope::Strategy(_) => return None,
        };
        Some(self.segment.word(offset))
    }

    /// Stores the word of an account, book or (account, instrument). Other scopes have no word of their own: they
    /// are folded into these.
    #[inline]
    pub fn store(&self, scope: Scope, word: HaltWord) {
        if let Some(place) = self.word(scope) {
            // SYNC(halt-word): pairs with the acquire loads of the gate. One store commits it; a reader that sees
            // the old word acts before the halt.
            place.store(word.to_raw(), Ordering::Release);
        }
    }

    /// Renews every account's lease.
    #[inline]
    pub fn renew(&self, deadline: Nanos) {
        for account in 0..self.geometry.accounts {
            let at = self.geometry.account_at(account).wrapping_add(LEASE_AT);
            // SYNC(lease): pairs with the acquire load of the gate; the words it permits were stored before.
            self.segment.word(at).store(deadline.0, Ordering::Release);
        }
    }

    /// A word as it stands; `None` for a scope without one, and for a word that was never stored, or closed.
    #[must_use]
    pub fn load(&self, scope: Scope) -> Option<HaltWord> {
        // SYNC(halt-word): pairs with the release store of a writer that is no more.
        let raw = self.word(scope)?.load(Ordering::Acquire);
        (raw != 0).then(|| HaltWord::from_raw(raw))
    }

    /// Until when the leases run: all are renewed at once.
    #[must_use]
    pub fn deadline(&self) -> Nanos {
        // SYNC(lease): pairs with the release store of `renew`.
        Nanos(self.segment.word(self.geometry.account_at(0).wrapping_add(LEASE_AT)).load(Ordering::Acquire))
    }

    /// Ends every lease; the words stay.
    pub fn end_leases(&self) {
        self.renew(Nanos::ZERO);
    }

    /// Ends every lease and halts every account, book and instrument, whatever state the writer was in.
    pub fn close(&self) {
        self.renew(Nanos::ZERO);
        let end = self.segment.len();
        let mut at = self.geometry.account_at(0);
        while at < end {
            // SYNC(halt-word): pairs with the acquire loads of the gate.
            self.segment.word(at).store(0, Ordering::Release);
            at = at.wrapping_add(8);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_lease_is_fresh_only_between_now_and_its_length_ahead() {
        const LEASE: u64 = 250;
        for (deadline, now, expected) in [
            (0, 0, Lease::Expired),
            (0, 1_000, Lease::Expired),
            (1_000, 1_000, Lease::Expired),
            (1_000, 1_001, Lease::Expired),
            (1_001, 1_000, Lease::Fresh),
            (1_250, 1_000, Lease::Fresh),
            (1_251, 1_000, Lease::Ahead),
            (u64::MAX, 0, Lease::Expired),
            (1 << 62, 1_000, Lease::Ahead),
        ] {
            assert_eq!(judge_lease(deadline, now, LEASE), expected, "{deadline} at {now}");
        }
    }

    #[test]
    fn no_word_but_the_exact_one_permits() {
        let pass = HaltWord { state: TradingState::Active, mode: Mode::Live, epoch: 9 };
        assert_eq!(permission(pass.to_raw()), Gate::Pass);
        assert_eq!(permission(0), Gate::Halted);
        assert_eq!(permission(u64::MAX), Gate::Halted);
        assert_eq!(permission(GATE_MAGIC), Gate::Halted);
    }

    #[test]
    fn closing_leaves_no_permission_anywhere() {
        let geometry = Geometry { accounts: 2, books: 3, instruments: 4, ..Geometry::default() };
        let segment = Arc::new(Segment::create("gate", geometry.gate_bytes()).unwrap());
        let page = GatePage::format(segment, geometry);
        let pass = HaltWord { state: TradingState::Active, mode: Mode::Live, epoch: 1 };
        for scope in [Scope::Account(1), Scope::Book(2), Scope::Instrument(1, 3)] {
            page.store(scope, pass);
            assert_eq!(page.word(scope).unwrap().load(Ordering::Relaxed), pass.to_raw());
        }
        page.renew(Nanos(99));
        page.close();
        for scope in [Scope::Account(1), Scope::Book(2), Scope::Instrument(1, 3)] {
            assert_eq!(page.word(scope).unwrap().load(Ordering::Relaxed), 0);
        }
        assert_eq!(page.segment.word(geometry.account_at(1) + LEASE_AT).load(Ordering::Relaxed), 0);
    }
}
