#![allow(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects)]

use super::*;
use proptest::prelude::*;

fn ring(capacity: u32) -> (Producer, Consumer, Slots) {
    let bytes = (SLOTS_AT + capacity as usize * RECORD_BYTES).next_multiple_of(4096);
    let slots = Slots::new(Arc::new(Segment::create("ring", bytes).unwrap()), capacity);
    slots.format();
    (Producer::new(slots.clone()), Consumer::new(slots.clone()), slots)
}

fn record(value: u64) -> Words {
    [0, value, value, value, value, value, value, value]
}

#[test]
fn a_new_ring_is_empty_and_takes_exactly_its_capacity() {
    let (mut producer, consumer, _) = ring(16);
    let consumed = AtomicU64::new(16);
    assert_eq!(consumer.take(), Taken::Empty);
    for value in 0..16 {
        assert_eq!(producer.push(&record(value), &consumed), Ok(16 + value));
    }
    assert_eq!(producer.push(&record(99), &consumed), Err(Full));
    assert_eq!(producer.free(&consumed), 0);
}

#[test]
fn a_full_ring_overwrites_nothing() {
    let (mut producer, mut consumer, _) = ring(16);
    let consumed = AtomicU64::new(16);
    for value in 0..16 {
        producer.push(&record(value), &consumed).unwrap();
    }
    for _ in 0..1000 {
        assert_eq!(producer.push(&record(99), &consumed), Err(Full));
    }
    for value in 0..16 {
        assert!(matches!(consumer.take(), Taken::Record(words) if words[1] == value));
        consumer.advance();
    }
    assert_eq!(consumer.take(), Taken::Empty);
}

#[test]
fn a_consumer_position_that_cannot_be_frees_nothing_beyond_what_was_believed() {
    for (position, free) in
        [(0, 14), (15, 14), (16, 14), (17, 14), (18, 15), (19, 16), (20, 14), (35, 14), (u64::MAX, 14)]
    {
        let (mut producer, _, _) = ring(16);
        let consumed = AtomicU64::new(16);
        producer.push(&record(0), &consumed).unwrap();
        consumed.store(17, Ordering::Relaxed);
        assert_eq!(producer.free(&consumed), 16);
        for value in 1..3 {
            producer.push(&record(value), &consumed).unwrap();
        }
        consumed.store(position, Ordering::Relaxed);
        assert_eq!(producer.free(&consumed), free, "position {position}");
    }
}

#[test]
fn a_consumer_that_has_published_nothing_leaves_a_new_ring_empty() {
    let (mut producer, _, _) = ring(16);
    assert_eq!(producer.free(&AtomicU64::new(0)), 16);
}

#[test]
fn a_punched_ring_is_corrupt_not_empty() {
    let (_, consumer, slots) = ring(16);
    slots.segment.punch();
    assert_eq!(consumer.take(), Taken::Corrupt { stamp: 0 });
}

#[test]
fn every_wild_stamp_is_corrupt() {
    let (_, consumer, slots) = ring(16);
    for stamp in [0, 2, 16, 18, 33, u64::MAX] {
        slots.slot(16)[0].store(stamp, Ordering::Relaxed);
        assert_eq!(consumer.take(), Taken::Corrupt { stamp });
    }
}

#[test]
fn a_restarted_producer_goes_on_behind_its_last_record() {
    let (mut producer, mut consumer, slots) = ring(16);
    let consumed = AtomicU64::new(16);
    for value in 0..5 {
        producer.push(&record(value), &consumed).unwrap();
    }
    consumer.advance();
    consumed.store(17, Ordering::Relaxed);
    let mut resumed = Producer::resume(slots.clone(), 17);
    assert_eq!(resumed.push(&record(5), &consumed), Ok(21));
}

#[test]
fn a_restarted_producer_takes_nothing_for_sent_that_has_no_stamp_of_its_own() {
    let (mut producer, _, slots) = ring(16);
    let consumed = AtomicU64::new(16);
    let mut sent = 0;
    for rounds in 0..3 {
        for _ in 0..10 {
            producer.push(&record(sent), &consumed).unwrap();
            sent += 1;
            consumed.store(16 + sent, Ordering::Relaxed);
        }
        // A record that was written but for its stamp.
        for (place, word) in slots.slot(16 + sent).iter().zip(record(1_000)).skip(1) {
            place.store(word, Ordering::Relaxed);
        }
        let mut next = Producer::recover(slots.clone());
        assert_eq!(next.position(), 16 + sent, "round {rounds}");
        let still: Vec<u64> = next
            .published()
            .map(|(position, words)| {
                assert_eq!(words[1..], record(position - 16)[1..], "round {rounds}");
                position - 16
            })
            .collect();
        assert_eq!(still, (sent.saturating_sub(15)..sent).collect::<Vec<_>>());
        assert_eq!(next.free(&consumed), 16, "what was read is free");
        // Whoever has read nothing yet says 0.
        let mut unread = Producer::recover(slots.clone());
        assert_eq!(unread.free(&AtomicU64::new(0)), 16_u64.saturating_sub(sent.min(16)));
    }
}

#[test]
fn two_threads_lose_and_tear_nothing() {
    const RECORDS: u64 = 300_000;
    let (mut producer, mut consumer, _) = ring(64);
    let consumed = Arc::new(AtomicU64::new(64));
    let seen = Arc::clone(&consumed);
    let writer = std::thread::spawn(move || {
        let mut value = 0;
        while value < RECORDS {
            match producer.push(&record(value), &seen) {
                Ok(_) => value += 1,
                Err(Full) => std::thread::yield_now(),
            }
        }
    });
    let mut expected = 0;
    while expected < RECORDS {
        match consumer.take() {
            Taken::Record(words) => {
                assert_eq!(&words[1..], &record(expected)[1..], "record {expected} is torn");
                consumer.advance();
                consumed.store(consumer.position(), Ordering::Release);
                expected += 1;
            }
            Taken::Empty => std::thread::yield_now(),
            Taken::Corrupt { stamp } => panic!("stamp {stamp} at {expected}"),
        }
    }
    writer.join().unwrap();
}

proptest! {
    #[test]
    fn any_interleaving_is_a_queue(steps in prop::collection::vec(any::<bool>(), 0..400)) {
        let (mut producer, mut consumer, _) = ring(16);
        let consumed = AtomicU64::new(16);
        let mut model = std::collections::VecDeque::new();
        for (value, push) in steps.into_iter().enumerate() {
            if push {
                let pushed = producer.push(&record(value as u64), &consumed).is_ok();
                prop_assert_eq!(pushed, model.len() < 16);
                if pushed { model.push_back(value as u64); }
            } else {
                match (consumer.take(), model.pop_front()) {
                    (Taken::Record(words), Some(value)) => {
                        prop_assert_eq!(words[1], value);
                        consumer.advance();
                        consumed.store(consumer.position(), Ordering::Relaxed);
                    }
                    (Taken::Empty, None) => {}
                    other => prop_assert!(false, "{:?}", other),
                }
            }
        }
    }
}
