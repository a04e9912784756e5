//! COLD: the bytes of one archived segment.
//!
//! ```text
//! header   magic · layout hash · journal id · first sequence · capacity of the hot log · UTC of time zero ·
//!          bytes of the snapshot · the snapshot before the first sequence · CRC32C of everything before
//! block    first sequence (8) · entries (4) · CRC32C of the entries (4) · CRC32C of these 16 bytes (4) · the entries
//! block …
//! ```
//! Everything is little-endian. The header goes to a file of another name, which is renamed: a segment always has a whole
//! one. A block is written at once; the machine may die half way, and then the file ends inside its last block, or with
//! zeros that were never written: that is cut. The head of a block has a checksum of its own, so that a damaged length is
//! no torn tail. Anything else that is wrong is damage, named by the first sequence that cannot be vouched for.

use super::record::{Stamp, checksum_of, open};
use crate::wire::layout::LAYOUT_HASH;
use crate::wire::record::{RECORD_BYTES, Words};

const MAGIC: u64 = u64::from_le_bytes(*b"TRIPARCH");
const HEAD_WORDS: usize = 7;
const BLOCK_HEAD: usize = 20;
/// Entries of a block at most.
pub const MOST_ENTRIES: usize = 1_024;

/// What a segment says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The journal it is of.
    pub id: u64,
    /// Its first entry.
    pub first: u64,
    /// Capacity of the hot log, which the heads of entries depend on.
    pub capacity: u64,
    /// UTC nanoseconds at which the entries' clock read 0, as far as the machine knew when the segment was begun.
    pub utc_of_zero: u64,
    /// A replica that has seen everything before the first entry, as the store writes it.
    pub snapshot: Vec<u8>,
}

impl Header {
    /// As bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self { id, first, capacity, utc_of_zero, snapshot } = self;
        let words = [MAGIC, LAYOUT_HASH, *id, *first, *capacity, *utc_of_zero, snapshot.len() as u64];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend(snapshot);
        let checksum = checksum_of(&bytes);
        bytes.extend(checksum.to_le_bytes());
        bytes
    }

    /// The header at the start of `bytes`, and its length; `None` when it is damaged or of another version.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<(Self, usize)> {
        let word = |at: usize| word_at(bytes, at.checked_mul(8)?);
        let snapshot_bytes = usize::try_from(word(HEAD_WORDS - 1)?).ok()?;
        let snapshot_at = HEAD_WORDS * 8;
        let end = snapshot_at.checked_add(snapshot_bytes)?;
        let checksum = bytes.get(end..end.checked_add(4)?)?;
        let is_whole = checksum == checksum_of(&bytes[..end]).to_le_bytes();
        let is_ours = word(0)? == MAGIC && word(1)? == LAYOUT_HASH;
        let header = Self {
            id: word(2)?,
            first: word(3)?,
            capacity: word(4)?,
            utc_of_zero: word(5)?,
            snapshot: bytes[snapshot_at..end].to_vec(),
        };
        (is_whole && is_ours).then_some((header, end + 4))
    }
}

fn word_at(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(word.try_into().ok()?))
}

/// Appends a block of `entries`, the first of them at `first`.
pub fn write_block(bytes: &mut Vec<u8>, first: u64, entries: &[Words]) {
    let body: Vec<u8> = entries.iter().flatten().flat_map(|word| word.to_le_bytes()).collect();
    let at = bytes.len();
    bytes.extend(first.to_le_bytes());
    bytes.extend((entries.len() as u32).to_le_bytes());
    bytes.extend(checksum_of(&body).to_le_bytes());
    let checksum = checksum_of(&bytes[at..]);
    bytes.extend(checksum.to_le_bytes());
    bytes.extend(body);
}

/// What stands at the reader's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An entry.
    Entry(Stamp, Words),
    /// The end; so many bytes of a torn block behind it are cut.
    End {
        /// Bytes that are cut.
        cut: usize,
    },
    /// Neither: nothing from this sequence on can be vouched for.
    Damaged {
        /// The sequence.
        sequence: u64,
    },
}

/// Reads the entries behind a header.
#[derive(Clone, Debug)]
pub struct Reader {
    bytes: Vec<u8>,
    at: usize,
    next: u64,
    capacity: u64,
    /// Entries of the present block that were not read yet.
    left: usize,
}

impl Reader {
    /// The header of a segment, and a reader at its first entry; `None` when the header is damaged.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Option<(Header, Self)> {
        let (header, at) = Header::from_bytes(&bytes)?;
        let reader = Self { bytes, at, next: header.first, capacity: header.capacity, left: 0 };
        Some((header, reader))
    }

    /// The sequence of the next entry.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Where in the file the reader stands.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// The next entry. After an end or damage it says the same again.
    pub fn step(&mut self) -> Step {
        if self.left == 0 {
            match self.block() {
                Ok(entries) => self.left = entries,
                Err(step) => return step,
            }
        }
        let Some((stamp, words)) = self.entry(self.at, self.next) else {
            return Step::Damaged { sequence: self.next };
        };
        self.at += RECORD_BYTES;
        self.next += 1;
        self.left -= 1;
        Step::Entry(stamp, words)
    }

    /// Enters the block at the reader's place: how many entries it has.
    fn block(&mut self) -> Result<usize, Step> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (cut, damaged) = (Step::End { cut: rest.len() }, Step::Damaged { sequence: self.next });
        let Some((head, behind)) = rest.split_at_checked(BLOCK_HEAD) else { return Err(cut) };
        let checksum = |at: usize| head.get(at..at + 4).map_or(0, u32_of);
        if checksum_of(&head[..16]) != checksum(16) {
            return Err(if rest.iter().all(|&byte| byte == 0) { cut } else { damaged });
        }
        let entries = checksum(8) as usize;
        if word_at(head, 0) != Some(self.next) || entries == 0 || entries > MOST_ENTRIES {
            return Err(damaged);
        }
        let Some(body) = behind.get(..entries * RECORD_BYTES) else { return Err(cut) };
        if checksum_of(body) != checksum(12) {
            // Length reaches the disk before content may: the last block then ends in zeros, which no entry does.
            let is_unwritten = body.iter().rev().take(RECORD_BYTES).all(|&byte| byte == 0);
            let at = self.at + BLOCK_HEAD;
            let whole = (0..entries)
                .take_while(|index| {
                    self.entry(at + index * RECORD_BYTES, self.next + *index as u64).is_some()
                })
                .count();
            let sequence = self.next + if whole == entries { 0 } else { whole as u64 };
            let is_last = behind.len() == body.len();
            return Err(if is_last && is_unwritten { cut } else { Step::Damaged { sequence } });
        }
        self.at += BLOCK_HEAD;
        Ok(entries)
    }

    fn entry(&self, at: usize, sequence: u64) -> Option<(Stamp, Words)> {
        let mut words: Words = [0; 8];
        for (index, word) in words.iter_mut().enumerate() {
            *word = word_at(&self.bytes, at + index * 8)?;
        }
        open(&words, self.capacity).filter(|stamp| stamp.sequence == sequence).map(|stamp| (stamp, words))
    }
}

fn u32_of(four: &[u8]) -> u32 {
    four.try_into().map_or(0, u32::from_le_bytes)
}

#[cfg(test)]
mod tests;
