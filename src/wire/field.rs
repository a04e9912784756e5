//! How one field of an event sits in the payload words. Each type has exactly one encoding; anything else is refused.

use super::record::{DecodeError, Payload};
use crate::model::event::{
    CommandVerb, ConnectionState, DirectiveStatus, DoneStatus, FeedbackForm, FillCause, FlowKind,
    HeartbeatClass, Initiator, InstrumentStatus, Intent, ListMode, LivenessSign, OrderAction, OrderAttrs,
    OrderId, OrderType, RejectClass, RetryType, Severity, TimeInForce,
};
use crate::model::{Bps, Latch, Lots, Money, Nanos, Reason, Scope, Ticks, TradingState};

/// A type that has a place in a payload.
pub(super) trait Field: Sized {
    /// Takes the field that starts at `bit` of `word` out of the payload, leaving zeros.
    fn take(payload: &mut Payload, word: usize, bit: u32) -> Result<Self, DecodeError>;
    /// Puts the field where [`Field::take`] finds it.
    fn put(self, payload: &mut Payload, word: usize, bit: u32);
}

macro_rules! integers {
    ($($ty:ty as $bits:literal),+ $(,)?) => { $(
        impl Field for $ty {
            fn take(payload: &mut Payload, word: usize, bit: u32) -> Result<Self, DecodeError> {
                Ok(payload.take_bits(word, bit, $bits) as $ty)
            }
            fn put(self, payload: &mut Payload, word: usize, bit: u32) {
                payload.put_bits(word, bit, $bits, self as u64);
            }
        }
    )+ };
}
integers!(u8 as 8, u16 as 16, u32 as 32, u64 as 64, i32 as 32, i64 as 64);

macro_rules! wrapped {
    ($($ty:ident($inner:ty)),+ $(,)?) => { $(
        impl Field for $ty {
            fn take(payload: &mut Payload, word: usize, bit: u32) -> Result<Self, DecodeError> {
                <$inner>::take(payload, word, bit).map($ty)
            }
            fn put(self, payload: &mut Payload, word: usize, bit: u32) {
                self.0.put(payload, word, bit);
            }
        }
    )+ };
}
wrapped!(Ticks(i64), Lots(i64), Nanos(u64), Bps(u32));

macro_rules! numbered {
    ($($ty:ident($inner:ty, $from:ident)),+ $(,)?) => { $(
        impl Field for $ty {
            fn take(payload: &mut Payload, word: usize, bit: u32) -> Result<Self, DecodeError> {
                let raw = <$inner>::take(payload, word, bit)?;
                $ty::$from(raw).ok_or(DecodeError::Value { word: word as u8, raw: u64::from(raw) })
            }
            fn put(self, payload: &mut Payload, word: usize, bit: u32) {
                (self as $inner).put(payload, word, bit);
            }
        }
    )+ };
}
numbered!(
    HeartbeatClass(u32, from_raw),
    ConnectionState(u32, from_raw),
    RetryType(u32, from_raw),
    OrderType(u8, from_raw),
    TimeInForce(u8, from_raw),
    Intent(u8, from_raw),
    ListMode(u32, from_raw),
    OrderAction(u8, from_raw),
    RejectClass(u8, from_raw),
    DoneStatus(u8, from_raw),
    Initiator(u8, from_raw),
    FillCause(u16, from_raw),
    InstrumentStatus(u32, from_raw),
    FlowKind(u16, from_raw),
    DirectiveStatus(u32, from_raw),
    FeedbackForm(u16, from_raw),
    Severity(u16, from_raw),
    CommandVerb(u8, from_raw),
    LivenessSign(u8, from_raw),
    TradingState(u8, from_u8),
    Latch(u8, from_u8),
    Reason(u16, from_u16),
);

/// A price or quantity whose presence bit is the flag bit of its word.
macro_rules! optional {
    ($($ty:ident),+) => { $(
        impl Field for Option<$ty> {
            fn take(payload: &mut Payload, word: usize, bit: u32) -> Result<Self, DecodeError> {
                let value = $ty::take(payload, word, bit)?;
                match (payload.take_presence(word), value) {
                    (true, value) => Ok(Some(value)),
                    (false, $ty(0)) => Ok(None),
                    (false, $ty(raw)) => Err(DecodeError::Value { word: word as u8, raw: raw as u64 }),
                }
            }
            fn put(self, payload: &mut Payload, word: usize, bit: u32) {
                if let Some(value) = self {
                    payload.put_presence(word);
                    value.put(payload, word, bit);
                }
            }
        }
    )+ };
}
optional!(Ticks, Lots);

impl Field for OrderId {
    fn take(payload: &mut Payload, word: usize, bit: u32) -> Result<Self, DecodeError> {
        Self::new(u64::take(payload, word, bit)?).ok_or(DecodeError::ZeroId)
    }
    fn put(self, payload: &mut Payload, word: usize, bit: u32) {
        self.get().put(payload, word, bit);
    }
}

impl Field for Money {
    fn take(payload: &mut Payload, word: usize, _bit: u32) -> Result<Self, DecodeError> {
        let low = u128::from(u64::take(payload, word, 0)?);
        let high = u128::from(u64::take(payload, word + 1, 0)?);
        Ok(Self((high << 64 | low) as i128))
    }
    fn put(self, payload: &mut Payload, word: usize, _bit: u32) {
        (self.0 as u64).put(payload, word, 0);
        ((self.0 >> 64) as u64).put(payload, word + 1, 0);
    }
}

impl Field for Scope {
    fn take(payload: &mut Payload, word: usize, bit: u32) -> Result<Self, DecodeError> {
        let raw = payload.take_bits(word, bit, 48);
        Self::from_raw(raw).ok_or(DecodeError::Value { word: word as u8, raw })
    }
    fn put(self, payload: &mut Payload, word: usize, bit: u32) {
        payload.put_bits(word, bit, 48, self.to_raw());
    }
}

impl Field for OrderAttrs {
    fn take(payload: &mut Payload, word: usize, _bit: u32) -> Result<Self, DecodeError> {
        Ok(Self {
            order_type: OrderType::take(payload, word, 0)?,
            tif: TimeInForce::take(payload, word, 8)?,
            intent: Intent::take(payload, word, 16)?,
            directive: u32::take(payload, word, 32)?,
        })
    }
    fn put(self, payload: &mut Payload, word: usize, _bit: u32) {
        self.order_type.put(payload, word, 0);
        self.tif.put(payload, word, 8);
        self.intent.put(payload, word, 16);
        self.directive.put(payload, word, 32);
    }
}

impl Field for [u64; 4] {
    fn take(payload: &mut Payload, word: usize, _bit: u32) -> Result<Self, DecodeError> {
        let mut text = [0; 4];
        for (offset, part) in text.iter_mut().enumerate() {
            *part = u64::take(payload, word + offset, 0)?;
        }
        Ok(text)
    }
    fn put(self, payload: &mut Payload, word: usize, _bit: u32) {
        for (offset, part) in self.into_iter().enumerate() {
            part.put(payload, word + offset, 0);
        }
    }
}
