//! The directory: names of strategies, accounts, books and instruments, written once and sealed against any write.
//!
//! ```text
//! strategies: 32-byte names | accounts: 32-byte names | books: strategy u16, account u16, 0 u32
//! instruments, 96 bytes: name 32 | kind u64 | price_decimals u32, qty_decimals u32 | multiplier 1e-9 i64
//!                        | tick i64 | lot i64 | currency id u64 | 0 u64 | 0 u64
//! ```

use std::sync::Arc;

use super::segment::Segment;
use crate::model::Name;
use crate::sync::Ordering;
use crate::wire::layout::{ABI_VERSION, DIRECTORY_MAGIC, Geometry, LAYOUT_HASH};

/// The directory, at either end.
#[derive(Clone, Debug)]
pub struct Directory {
    segment: Arc<Segment>,
    geometry: Geometry,
}

/// What a client can know of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstrumentEntry {
    /// Its name.
    pub name: Name,
    /// 0 linear, 1 inverse, 2 spot.
    pub kind: u64,
    /// Decimal places of a price unit.
    pub price_decimals: u32,
    /// Decimal places of a quantity unit.
    pub qty_decimals: u32,
    /// Contract multiplier in 1e-9.
    pub multiplier_e9: i64,
    /// Price increment in price units.
    pub tick: i64,
    /// Quantity increment in quantity units.
    pub lot: i64,
    /// Settlement currency id.
    pub currency: u64,
}

impl Directory {
    /// A directory to fill, or one that was received.
    #[must_use]
    pub fn new(segment: Arc<Segment>, geometry: Geometry) -> Self {
        Self { segment, geometry }
    }

    /// The segment.
    #[must_use]
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// Writes the header. Names follow; then the segment is sealed.
    pub fn format(&self) {
        super::write_header(&self.segment, DIRECTORY_MAGIC, ABI_VERSION, LAYOUT_HASH);
    }

    /// Writes the name of a strategy.
    pub fn set_strategy(&self, strategy: u16, name: Name) {
        self.set_name(self.geometry.strategy_name_at(strategy), name);
    }

    /// Writes the name of an account.
    pub fn set_account(&self, account: u16, name: Name) {
        self.set_name(self.geometry.account_name_at(account), name);
    }

    /// Writes a book.
    pub fn set_book(&self, book: u16, strategy: u16, account: u16) {
        let entry = u64::from(strategy) | u64::from(account) << 16;
        self.store(self.geometry.book_entry_at(book), entry);
    }

    /// Writes an instrument.
    pub fn set_instrument(&self, instrument: u16, entry: InstrumentEntry) {
        let at = self.geometry.instrument_entry_at(instrument);
        self.set_name(at, entry.name);
        let words = [
            entry.kind,
            u64::from(entry.price_decimals) | u64::from(entry.qty_decimals) << 32,
            entry.multiplier_e9 as u64,
            entry.tick as u64,
            entry.lot as u64,
            entry.currency,
        ];
        for (index, word) in words.into_iter().enumerate() {
            self.store(at.wrapping_add(32).wrapping_add(index << 3), word);
        }
    }

    /// The name of a strategy.
    #[must_use]
    pub fn strategy(&self, strategy: u16) -> Option<Name> {
        self.name(self.geometry.strategy_name_at(strategy))
    }

    /// The index of an account.
    #[must_use]
    pub fn find_account(&self, name: Name) -> Option<u16> {
        (0..self.geometry.accounts)
            .find(|&account| self.name(self.geometry.account_name_at(account)) == Some(name))
    }

    /// The index of an instrument.
    #[must_use]
    pub fn find_instrument(&self, name: Name) -> Option<u16> {
        (0..self.geometry.instruments)
            .find(|&instrument| self.name(self.geometry.instrument_entry_at(instrument)) == Some(name))
    }

    /// The index of a book.
    #[must_use]
    pub fn find_book(&self, strategy: u16, account: u16) -> Option<u16> {
        let wanted = u64::from(strategy) | u64::from(account) << 16;
        (0..self.geometry.books).find(|&book| self.load(self.geometry.book_entry_at(book)) == wanted)
    }

    /// What is known of an instrument.
    #[must_use]
    pub fn instrument(&self, instrument: u16) -> Option<InstrumentEntry> {
        if instrument >= self.geometry.instruments {
            return None;
        }
        let at = self.geometry.instrument_entry_at(instrument);
        let word = |index: usize| self.load(at.wrapping_add(32).wrapping_add(index << 3));
        Some(InstrumentEntry {
            name: self.name(at)?,
            kind: word(0),
            price_decimals: word(1) as u32,
            qty_decimals: (word(1) >> 32) as u32,
            multiplier_e9: word(2) as i64,
            tick: word(3) as i64,
            lot: word(4) as i64,
            currency: word(5),
        })
    }

    fn set_name(&self, at: usize, name: Name) {
        for (index, bytes) in name.as_bytes().chunks_exact(8).enumerate() {
            let mut word = [0; 8];
            word.copy_from_slice(bytes);
            self.store(at.wrapping_add(index << 3), u64::from_le_bytes(word));
        }
    }

    fn name(&self, at: usize) -> Option<Name> {
        let mut bytes = [0; Name::SIZE];
        for (index, chunk) in bytes.chunks_exact_mut(8).enumerate() {
            chunk.copy_from_slice(&self.load(at.wrapping_add(index << 3)).to_le_bytes());
        }
        Name::from_bytes(&bytes)
    }

    fn store(&self, at: usize, word: u64) {
        // Relaxed: written before the descriptor is sent; the socket orders it.
        self.segment.word(at).store(word, Ordering::Relaxed);
    }

    fn load(&self, at: usize) -> u64 {
        // Relaxed: see `store`.
        self.segment.word(at).load(Ordering::Relaxed)
    }
}
