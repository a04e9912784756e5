use super::*;
use crate::model::event::OrderId;
use crate::model::{Lots, Money, Ticks};
use proptest::prelude::*;

fn message(event: Event) -> Message {
    Message { flags: Flags::empty(), epoch: 7, handle: Handle::new(1, 0, Some(2)), event }
}

#[test]
fn a_fill_sits_where_the_table_says() {
    let fill = message(Event::Fill { order: 1, exec: 2, px: Ticks(-3), qty: Lots(4), fee: i64::MIN });
    let words = encode(&Message { flags: Flags::SELL | Flags::MORE, ..fill });
    assert_eq!(words, [0, 0x0101_0003_0007_811e, 1, 2, -3_i64 as u64, 4, i64::MIN as u64, 0]);
}

#[test]
fn money_spans_two_words() {
    let amount = Money(-1_000_000_000_000_000_000_000);
    let words = encode(&message(Event::Funding { id: OrderId::new(9).unwrap(), amount, ccy: 1, t_venue: 0 }));
    assert_eq!((i128::from(words[4] as i64) << 64) | i128::from(words[3]), amount.0);
}

#[test]
fn a_price_of_zero_is_not_an_absent_price() {
    let mark = |mark| message(Event::Mark { mark, index: None, last: None, underlying: None, sequence: 1 });
    let zero = encode(&mark(Some(Ticks(0))));
    let absent = encode(&mark(None));
    assert_ne!(zero, absent);
    assert_eq!(decode(&zero).unwrap().event, mark(Some(Ticks(0))).event);
    assert_eq!(decode(&absent).unwrap().event, mark(None).event);
}

#[test]
fn what_is_wrong_is_named() {
    let good = encode(&message(Event::OrderCancel {
        order: OrderId::new(5).unwrap(),
        attrs: crate::model::OrderAttrs {
            order_type: crate::model::event::OrderType::Limit,
            tif: crate::model::event::TimeInForce::Gtc,
            intent: crate::model::event::Intent::Open,
            directive: 0,
        },
    }));
    type Spoil = fn(&mut Words);
    let cases: [(&str, Spoil, DecodeError); 6] = [
        ("kind zero", |w| w[1] &= !0xff, DecodeError::Kind(0)),
        ("kind unknown", |w| w[1] |= 0xff, DecodeError::Kind(255)),
        ("id zero", |w| w[2] = 0, DecodeError::ZeroId),
        ("unused word", |w| w[6] = 1, DecodeError::Reserved(4)),
        ("order type 6", |w| w[5] = 6, DecodeError::Value { word: 3, raw: 6 }),
        ("both legs", |w| w[1] |= 0b110 << 8, DecodeError::Flags(0b110)),
    ];
    for (name, spoil, expected) in cases {
        let mut words = good;
        spoil(&mut words);
        assert_eq!(decode(&words), Err(expected), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn decoding_is_total_and_exact(raw in any::<Words>(), kind in prop::sample::select(Event::KINDS)) {
        let mut words = raw;
        words[1] = words[1] & !0xff | u64::from(kind.0);
        for candidate in [raw, words] {
            if let Ok(message) = decode(&candidate) {
                let mut expected = candidate;
                (expected[0], expected[7]) = (0, 0);
                prop_assert_eq!(encode(&message), expected);
            }
        }
    }

    #[test]
    fn every_kind_survives_sparse_payloads(
        kind in prop::sample::select(Event::KINDS), flags in any::<u8>(), small in any::<[u8; 5]>()
    ) {
        let payload = small.map(|byte| u64::from(byte & 3));
        let words = [0, u64::from(kind.0) | u64::from(flags) << 8, payload[0], payload[1], payload[2], payload[3], payload[4], 0];
        if let Ok(message) = decode(&words) {
            prop_assert_eq!(message.event.kind(), kind.0);
            prop_assert_eq!(encode(&message), words);
        }
    }
}
