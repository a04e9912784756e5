//! COLD: words in the place of a mapped segment: the first lines, and those from the first slot on.

use crate::sync::AtomicU64;
use crate::wire::layout::{LINE_BYTES, SLOTS_AT};

/// Lines of the header that anything here uses.
const HEADER_LINES: usize = 5;

type Line = [AtomicU64; 8];

/// A segment of so many slots.
#[derive(Debug)]
pub struct Segment {
    header: Box<[Line]>,
    slots: Box<[Line]>,
}

impl Segment {
    /// Zeroed words.
    #[must_use]
    pub fn create(slots: usize) -> Self {
        let lines = |count| (0..count).map(|_| std::array::from_fn(|_| AtomicU64::new(0))).collect();
        Self { header: lines(HEADER_LINES), slots: lines(slots) }
    }

    /// Bytes of the segment it stands for.
    #[must_use]
    pub fn len(&self) -> usize {
        SLOTS_AT + self.slots.len() * LINE_BYTES
    }

    /// Never.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The line at byte `offset`.
    #[must_use]
    pub fn line(&self, offset: usize) -> &Line {
        assert!(offset.is_multiple_of(LINE_BYTES), "{offset} is not the offset of a line");
        match offset.checked_sub(SLOTS_AT) {
            Some(offset) => &self.slots[offset / LINE_BYTES],
            None => &self.header[offset / LINE_BYTES],
        }
    }

    /// The word at byte `offset`.
    #[must_use]
    pub fn word(&self, offset: usize) -> &AtomicU64 {
        &self.line(offset / LINE_BYTES * LINE_BYTES)[offset % LINE_BYTES / 8]
    }
}
