//! Where everything sits in the shared segments. Offsets are bytes; every word is a little-endian `u64`.
//!
//! ```text
//! gate page      header | account lines: word, lease, 0… | book words | (account, instrument) words
//!                one writer: the core. Clients map it read-only; FUTURE_WRITE keeps it so.
//! positions page header | two lines per lane: consumed position | generation that is listened to
//!                one writer: the core.
//! lane           header | client words: cursor, epoch, heartbeat, lost | event slots of 64 bytes
//!                one writer: the client, once the keeper has handed it out.
//! return ring    header | slots of 64 bytes
//!                one writer: the core.
//! stats page     header | sequence | rows (see `wire::stats`)
//!                one writer: the core, in housekeeping.
//! directory      header | names of strategies, accounts, books, instruments; sealed against any write
//! ```
//! A zero anywhere a gate looks reads HALTED, so a page that was never written, or was wiped, permits nothing.

/// Version of the C ABI and of every layout here.
pub const ABI_VERSION: u32 = 1;

/// First word of a gate page. Its low byte is no trading state, so that the header never reads as permission.
pub const GATE_MAGIC: u64 = u64::from_le_bytes(*b"TRIPGATE");
/// First word of a positions page.
pub const POSITIONS_MAGIC: u64 = u64::from_le_bytes(*b"TRIPPOSI");
/// First word of a lane.
pub const LANE_MAGIC: u64 = u64::from_le_bytes(*b"TRIPLANE");
/// First word of a return ring.
pub const RETURN_MAGIC: u64 = u64::from_le_bytes(*b"TRIPRETN");
/// First word of a stats page.
pub const STATS_MAGIC: u64 = u64::from_le_bytes(*b"TRIPSTAT");
/// First word of a directory.
pub const DIRECTORY_MAGIC: u64 = u64::from_le_bytes(*b"TRIPDIRY");

/// Bytes of a segment header: magic, ABI, layout hash, size of the segment.
pub const HEADER_BYTES: usize = 64;
/// Bytes of a cache line.
pub const LINE_BYTES: usize = 64;
/// Distance between words of different writers: two lines, since processors prefetch in pairs.
pub const APART_BYTES: usize = 128;

/// Offset of the lease deadline within an account's line of the gate page.
pub const LEASE_AT: usize = 8;

/// Offset of the client's return-ring cursor within a lane.
pub const LANE_CURSOR_AT: usize = 128;
/// Offset of the last halt epoch the client saw.
pub const LANE_EPOCH_AT: usize = 136;
/// Offset of the client's heartbeat counter.
pub const LANE_BEAT_AT: usize = 144;
/// Offset of the sticky word that says an event could not be published.
pub const LANE_LOST_AT: usize = 152;
/// Offset of the first slot of a lane or return ring.
pub const SLOTS_AT: usize = 4096;

/// Unread directives and notices that a large return ring may hold; the rest of its slots are kept for verdicts.
pub const OTHER_ANSWERS: u32 = 64;
/// Requests of one lane that may be open at a time, however large its return ring is.
pub const OPEN_REQUESTS: u32 = 4_096;
/// Slots of a return ring that a request takes until its final verdict is read: one for QUEUED, one for the final.
pub const SLOTS_PER_REQUEST: u32 = 2;

/// Offset, in a lane's part of the positions page, of the generation the sidecar listens to; 0 when it does not.
pub const POSITION_OPEN_AT: usize = 64;

/// Bytes of a name in the directory.
pub const NAME_BYTES: usize = 32;
/// Bytes of a book in the directory: strategy u16, account u16, zero.
pub const BOOK_ENTRY_BYTES: usize = 8;
/// Bytes of an instrument in the directory.
pub const INSTRUMENT_ENTRY_BYTES: usize = 96;

const fn round_up(bytes: usize, to: usize) -> usize {
    bytes.div_ceil(to) * to
}

/// How many of each thing there are; fixes every offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Geometry {
    /// Accounts.
    pub accounts: u16,
    /// Strategies.
    pub strategies: u16,
    /// Books.
    pub books: u16,
    /// Instruments.
    pub instruments: u16,
    /// Lanes, the operator's lane 0 included.
    pub lanes: u16,
    /// Configured guards.
    pub guards: u16,
    /// Event slots of a lane, a power of two.
    pub lane_slots: u32,
    /// Slots of a return ring, a power of two.
    pub return_slots: u32,
}

impl Geometry {
    /// Offset of an account's line in the gate page.
    #[must_use]
    pub const fn account_at(&self, account: u16) -> usize {
        HEADER_BYTES + LINE_BYTES * account as usize
    }

    /// Offset of a book's word in the gate page.
    #[must_use]
    pub const fn book_at(&self, book: u16) -> usize {
        self.account_at(self.accounts) + 8 * book as usize
    }

    /// Offset of an (account, instrument) word in the gate page.
    #[must_use]
    pub const fn instrument_at(&self, account: u16, instrument: u16) -> usize {
        round_up(self.book_at(self.books), LINE_BYTES)
            + 8 * (account as usize * self.instruments as usize + instrument as usize)
    }

    /// Bytes of the gate page.
    #[must_use]
    pub const fn gate_bytes(&self) -> usize {
        round_up(self.instrument_at(self.accounts, 0), 4096)
    }

    /// Offset of a lane's line in the positions page.
    #[must_use]
    pub const fn position_at(&self, lane: u16) -> usize {
        APART_BYTES * (1 + lane as usize)
    }

    /// Bytes of the positions page.
    #[must_use]
    pub const fn positions_bytes(&self) -> usize {
        round_up(self.position_at(self.lanes), 4096)
    }

    /// Bytes of a lane.
    #[must_use]
    pub const fn lane_bytes(&self) -> usize {
        round_up(SLOTS_AT + 64 * self.lane_slots as usize, 4096)
    }

    /// Bytes of a return ring.
    #[must_use]
    pub const fn return_bytes(&self) -> usize {
        round_up(SLOTS_AT + 64 * self.return_slots as usize, 4096)
    }

    /// Unread directives and notices that a return ring may hold: a quarter of it, [`OTHER_ANSWERS`] at most.
    #[must_use]
    pub const fn other_answers(&self) -> u32 {
        let quarter = self.return_slots / 4;
        if quarter < OTHER_ANSWERS { quarter } else { OTHER_ANSWERS }
    }

    /// Requests of one lane that may be without a verdict, or with one that was not read yet. Both ends count by this
    /// number: a client that keeps to it always finds its slots free, whatever else the ring holds.
    #[must_use]
    pub const fn open_requests(&self) -> u32 {
        let fit = (self.return_slots - self.other_answers()) / SLOTS_PER_REQUEST;
        if fit < OPEN_REQUESTS { fit } else { OPEN_REQUESTS }
    }

    /// Offset of a strategy's name in the directory.
    #[must_use]
    pub const fn strategy_name_at(&self, strategy: u16) -> usize {
        HEADER_BYTES + NAME_BYTES * strategy as usize
    }

    /// Offset of an account's name in the directory.
    #[must_use]
    pub const fn account_name_at(&self, account: u16) -> usize {
        self.strategy_name_at(self.strategies) + NAME_BYTES * account as usize
    }

    /// Offset of a book in the directory.
    #[must_use]
    pub const fn book_entry_at(&self, book: u16) -> usize {
        self.account_name_at(self.accounts) + BOOK_ENTRY_BYTES * book as usize
    }

    /// Offset of an instrument in the directory.
    #[must_use]
    pub const fn instrument_entry_at(&self, instrument: u16) -> usize {
        self.book_entry_at(self.books) + INSTRUMENT_ENTRY_BYTES * instrument as usize
    }

    /// Bytes of the directory.
    #[must_use]
    pub const fn directory_bytes(&self) -> usize {
        round_up(self.instrument_entry_at(self.instruments), 4096)
    }
}

/// A number that differs whenever a constant above does; both sides compare it at attach.
pub const LAYOUT_HASH: u64 = {
    let constants = [
        ABI_VERSION as u64,
        GATE_MAGIC,
        HEADER_BYTES as u64,
        LINE_BYTES as u64,
        APART_BYTES as u64,
        LEASE_AT as u64,
        LANE_CURSOR_AT as u64,
        LANE_EPOCH_AT as u64,
        LANE_BEAT_AT as u64,
        LANE_LOST_AT as u64,
        POSITION_OPEN_AT as u64,
        SLOTS_AT as u64,
        NAME_BYTES as u64,
        BOOK_ENTRY_BYTES as u64,
        INSTRUMENT_ENTRY_BYTES as u64,
        OTHER_ANSWERS as u64,
        OPEN_REQUESTS as u64,
        SLOTS_PER_REQUEST as u64,
        super::record::RECORD_BYTES as u64,
    ];
    // FNV-1a, 64 bit: offset basis and prime as published by its authors.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut index = 0;
    while index < constants.len() {
        hash = (hash ^ constants[index]).wrapping_mul(0x0000_0100_0000_01b3);
        index += 1;
    }
    hash
};

const _: () = {
    assert!(LANE_LOST_AT + 8 <= SLOTS_AT && LANE_CURSOR_AT >= HEADER_BYTES + LINE_BYTES);
    assert!(SLOTS_AT.is_multiple_of(4096) && APART_BYTES == 2 * LINE_BYTES);
    assert!(super::record::RECORD_BYTES == LINE_BYTES);
    // The low byte of the gate page's first word must not be REDUCE_ONLY or ACTIVE.
    assert!(GATE_MAGIC as u8 > 2);
    assert!(size_of::<super::record::Words>() == 64);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_follow_each_other_without_overlap() {
        let g = Geometry {
            accounts: 3,
            strategies: 5,
            books: 9,
            instruments: 7,
            lanes: 6,
            guards: 1,
            lane_slots: 64,
            return_slots: 16,
        };
        assert_eq!(g.account_at(0), 64);
        assert_eq!(g.book_at(0), 64 * 4);
        assert_eq!(g.instrument_at(0, 0), 64 * 6);
        assert_eq!(g.instrument_at(2, 6), g.instrument_at(0, 0) + 8 * 20);
        assert!(g.instrument_at(2, 6) + 8 <= g.gate_bytes());
        assert_eq!(g.position_at(5) + APART_BYTES, g.position_at(6));
        assert!(g.instrument_entry_at(6) + INSTRUMENT_ENTRY_BYTES <= g.directory_bytes());
        assert_eq!(g.lane_bytes(), 8192);
    }
    #[test]
    fn requests_and_other_answers_share_a_return_ring_without_overlap() {
        for (slots, requests, others) in [
            (0, 0, 0),
            (8, 3, 2),
            (16, 6, 4),
            (64, 24, 16),
            (256, 96, 64),
            (1024, 480, 64),
            (8_192, 4_064, 64),
            (1 << 20, 4_096, 64),
        ] {
            let g = Geometry { return_slots: slots, ..Geometry::default() };
            assert_eq!((g.open_requests(), g.other_answers()), (requests, others), "{slots} slots");
            assert!(g.open_requests() * SLOTS_PER_REQUEST + g.other_answers() <= slots);
        }
    }
}
