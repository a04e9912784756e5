//! HOT: an entry of the journal: 64 bytes, the words of a record with a sequence in front and a checksum behind.
//!
//! ```text
//!        63 62 61       48 47                                  0
//!  w0   | lap |   lane    |              sequence               |   stored last: the commit
//!  w1–6 |        as in a lane: kind, flags, epoch, handle, payload a–e        |
//!  w7   |        CRC32C of the first 60 bytes       |    dt     |
//!        63                               32 31              0
//! ```
//! *lane* is the number, plus one, of the lane the entry came from and whose position it consumes, or is about; 0 for the
//! sidecar's own. *dt* is the time in nanoseconds since the entry before; a TICK is written before it would overflow.
//! *lap* alternates between 1 and 2 with each round of the ring, so that no flipped bit makes an entry look like one of
//! another round or like none at all. CRC32C over 60 bytes finds every flip of up to three bits.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use crate::model::Nanos;
use crate::wire::record::Words;

/// Bits of w0 that are the sequence.
const SEQUENCE_BITS: u32 = 48;
const SEQUENCE_MASK: u64 = (1 << SEQUENCE_BITS) - 1;
const LANE_MASK: u64 = (1 << 14) - 1;
const LAP_SHIFT: u32 = 62;
/// Bytes the checksum covers.
const COVERED: usize = 60;

/// The largest time difference an entry can carry.
pub const MOST_DT: Nanos = Nanos(u32::MAX as u64);
/// The largest lane number an entry can carry.
pub const MOST_LANE: u16 = (LANE_MASK - 1) as u16;

/// Where an entry came from, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Its number; entries are numbered from 1 without gaps.
    pub sequence: u64,
    /// The lane it consumed a position of, or is about.
    pub lane: Option<u16>,
    /// Since the entry before.
    pub dt: Nanos,
}

/// The first word of an entry.
#[inline]
#[must_use]
pub const fn head(sequence: u64, lane: Option<u16>, capacity: u64) -> u64 {
    let tag = match lane {
        Some(lane) => (lane as u64).wrapping_add(1) & LANE_MASK,
        None => 0,
    };
    let lap = match sequence.checked_div(capacity) {
        Some(round) => (round & 1).wrapping_add(1),
        None => 0,
    };
    lap << LAP_SHIFT | tag << SEQUENCE_BITS | sequence & SEQUENCE_MASK
}

/// Whether a first word says that it is of `sequence`; whether it is [`open`] tells.
#[inline]
#[must_use]
pub const fn is_head_of(first: u64, sequence: u64) -> bool {
    first & SEQUENCE_MASK == sequence & SEQUENCE_MASK
}

/// Completes an entry: its first and last word. `words` are those of the record; w0 and w7 are not looked at.
#[inline]
#[must_use]
pub fn seal(words: &Words, stamp: &Stamp, capacity: u64) -> Words {
    let mut sealed = *words;
    sealed[0] = head(stamp.sequence, stamp.lane, capacity);
    let dt = stamp.dt.0 & u64::from(u32::MAX);
    sealed[7] = dt | u64::from(checksum(&sealed, dt)) << 32;
    sealed
}

/// The stamp of an entry in a ring of `capacity`; `None` when its checksum or lap is wrong.
#[inline]
#[must_use]
pub fn open(words: &Words, capacity: u64) -> Option<Stamp> {
    let dt = words[7] & u64::from(u32::MAX);
    let sequence = words[0] & SEQUENCE_MASK;
    let tag = words[0] >> SEQUENCE_BITS & LANE_MASK;
    let lane = tag.checked_sub(1).map(|lane| lane as u16);
    let whole =
        words[0] == head(sequence, lane, capacity) && words[7] >> 32 == u64::from(checksum(words, dt));
    whole.then_some(Stamp { sequence, lane, dt: Nanos(dt) })
}

/// Mixes a word into a digest: a bijection of both, in which each input bit reaches each output bit (the finaliser of
/// SplitMix64). What goes in is the last word of each entry and each halt word that an input changed.
#[inline]
#[must_use]
pub const fn chained(chain: u64, word: u64) -> u64 {
    let word = chain.rotate_left(1) ^ word;
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

fn checksum(words: &Words, dt: u64) -> u32 {
    let mut bytes = [0_u8; 64];
    for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    if let Some(place) = bytes.get_mut(56..60) {
        place.copy_from_slice(&(dt as u32).to_le_bytes());
    }
    checksum_of(bytes.get(..COVERED).unwrap_or_default())
}

/// CRC32C, of an entry or anything else that is kept.
#[must_use]
pub fn checksum_of(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const WORDS: Words = [0, 0x1234_5678_9abc_de1e, 2, 3, u64::MAX, 5, 6, 7];

    #[test]
    fn an_entry_opens_to_what_it_was_sealed_with() {
        for sequence in [0, 1, 7, 8, 9, 15, 16, SEQUENCE_MASK] {
            for lane in [None, Some(0), Some(1), Some(MOST_LANE)] {
                for dt in [Nanos(0), Nanos(1), MOST_DT] {
                    let stamp = Stamp { sequence, lane, dt };
                    let sealed = seal(&WORDS, &stamp, 8);
                    assert_eq!(open(&sealed, 8), Some(stamp));
                    assert_eq!(sealed[1..7], WORDS[1..7]);
                }
            }
        }
    }

    #[test]
    fn one_or_two_flipped_bits_anywhere_are_found() {
        let sealed = seal(&WORDS, &Stamp { sequence: 16, lane: Some(3), dt: Nanos(77) }, 8);
        let flipped = |words: &Words, bit: usize| {
            let mut words = *words;
            words[bit / 64] ^= 1 << (bit % 64);
            words
        };
        for first in 0..512 {
            let once = flipped(&sealed, first);
            assert_eq!(open(&once, 8), None, "bit {first}");
            for second in first + 1..512 {
                assert_eq!(open(&flipped(&once, second), 8), None, "bits {first} and {second}");
            }
        }
    }

    #[test]
    fn heads_of_one_slot_differ_by_more_than_one_bit_from_round_to_round_and_from_nothing() {
        for capacity in [8_u64, 1 << 18] {
            for round in 0..64 {
                let now = head(round * capacity + 5, None, capacity);
                let next = head((round + 1) * capacity + 5, None, capacity);
                assert!((now ^ next).count_ones() > 1 && now >> LAP_SHIFT != 0, "{round}");
            }
        }
        assert!(head(1, None, 8).count_ones() > 1, "the very first one");
    }
}
