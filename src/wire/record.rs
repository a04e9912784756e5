//! The 64-byte record: eight little-endian words, one cache line.
//!
//! ```text
//!        63            32 31      16 15  8 7   0
//!  w0   |            stamp (lane) / sequence (journal)           |
//!  w1   |    handle      |  epoch   |flags | kind |
//!  w2–6 |            payload a, b, c, d, e                       |
//!  w7   |            0 (lane) / dt, CRC32C (journal)             |
//! ```
//! Decoding is total: every 64 bytes give a [`Message`] or a named [`DecodeError`], never a panic, and encoding
//! what was decoded gives the same words back. Bits that no field uses must be zero.

use super::field::Field;
use crate::model::event::event_table;
use crate::model::{Event, Flags, Handle, Message};

/// Words of a record.
pub const RECORD_WORDS: usize = 8;
/// Bytes of a record: one cache line.
pub const RECORD_BYTES: usize = 64;

/// A private copy of one record, not yet known to mean anything.
pub type Words = [u64; RECORD_WORDS];

/// Why 64 bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// No such kind.
    #[error("record kind {0} does not exist")]
    Kind(u8),
    /// A field holds a number outside its vocabulary.
    #[error("payload word {word} holds {raw:#x}, which its field does not allow")]
    Value {
        /// Payload word, 0–4 for a–e.
        word: u8,
        /// The offending bits.
        raw: u64,
    },
    /// An id that must not be zero is.
    #[error("an id is zero")]
    ZeroId,
    /// Bits that no field uses are set.
    #[error("payload word {0} has bits set that kind does not use")]
    Reserved(u8),
    /// Both leg bits, or leg bits where presence bits belong.
    #[error("flags {0:#010b} contradict each other")]
    Flags(u8),
}

impl DecodeError {
    /// Stable number for journals and counters.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Kind(_) => 1,
            Self::Value { .. } => 2,
            Self::ZeroId => 3,
            Self::Reserved(_) => 4,
            Self::Flags(_) => 5,
        }
    }
}

/// The five payload words and the flags, while fields are put in or taken out.
pub(super) struct Payload {
    words: [u64; 5],
    flags: u8,
}

pub(crate) const PRESENCE_BITS: u8 = 0b1111;

impl Payload {
    pub(super) fn take_bits(&mut self, word: usize, bit: u32, bits: u32) -> u64 {
        let mask = (u64::MAX >> (64 - bits)) << bit;
        let value = (self.words[word] & mask) >> bit;
        self.words[word] &= !mask;
        value
    }

    pub(super) fn put_bits(&mut self, word: usize, bit: u32, bits: u32, value: u64) {
        self.words[word] |= (value & (u64::MAX >> (64 - bits))) << bit;
    }

    pub(super) fn take_presence(&mut self, word: usize) -> bool {
        self.flags & 1 << word != 0
    }

    pub(super) fn put_presence(&mut self, word: usize) {
        self.flags |= 1 << word;
    }

    fn finish<T>(&self, value: T) -> Result<T, DecodeError> {
        match self.words.iter().position(|&word| word != 0) {
            Some(word) => Err(DecodeError::Reserved(word as u8)),
            None => Ok(value),
        }
    }
}

/// Whether flags 0–3 of this kind say which of the words a–d are present.
pub(crate) const fn has_presence_bits(kind: u8) -> bool {
    matches!(kind, 40 | 41)
}

macro_rules! codec {
    ($($(#[$doc:meta])* $kind:literal $wire:ident $variant:ident { $($field:ident: $ty:ty = $word:literal @ $bit:literal),* $(,)? })+) => {
        fn take_event(kind: u8, payload: &mut Payload) -> Result<Event, DecodeError> {
            match kind {
                $($kind => Ok(Event::$variant { $($field: Field::take(payload, $word, $bit)?,)* }),)+
                unknown => Err(DecodeError::Kind(unknown)),
            }
        }

        fn put_event(event: Event, payload: &mut Payload) {
            match event {
                $(Event::$variant { $($field,)* } => { $(Field::put($field, payload, $word, $bit);)* })+
            }
        }
    };
}
event_table!(codec);

/// The meaning of a record's words. w0 and w7 belong to the ring or journal and are not looked at.
///
/// # Errors
/// [`DecodeError`] names the first thing that is wrong.
pub fn decode(words: &Words) -> Result<Message, DecodeError> {
    let [kind, flags, ..] = words[1].to_le_bytes();
    let legs = Flags::LEG_LONG.union(Flags::LEG_SHORT).bits();
    if !has_presence_bits(kind) && flags & legs == legs {
        return Err(DecodeError::Flags(flags));
    }
    let mut payload = Payload { words: [words[2], words[3], words[4], words[5], words[6]], flags };
    let event = take_event(kind, &mut payload)?;
    payload.finish(Message {
        flags: Flags::from_bits_retain(flags),
        epoch: (words[1] >> 16) as u16,
        handle: Handle((words[1] >> 32) as u32),
        event,
    })
}

/// The words of a record, with w0 and w7 zero. Presence bits follow from the payload.
#[must_use]
pub fn encode(message: &Message) -> Words {
    let kind = message.event.kind();
    let keep = if has_presence_bits(kind) { !PRESENCE_BITS } else { u8::MAX };
    let mut payload = Payload { words: [0; 5], flags: message.flags.bits() & keep };
    put_event(message.event, &mut payload);
    let header = u64::from(kind)
        | u64::from(payload.flags) << 8
        | u64::from(message.epoch) << 16
        | u64::from(message.handle.0) << 32;
    let [a, b, c, d, e] = payload.words;
    [0, header, a, b, c, d, e, 0]
}

#[cfg(test)]
mod tests;
