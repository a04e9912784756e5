//! COLD: what a reader sees of what another side has written, for every order in which the two may run.

use std::sync::Arc;

use loom::thread;
use tripline_loom::log::{FIRST, Found, HotLog, Identity, Writer};
use tripline_loom::model::{Event, Flags, Handle, Lots, Message, Nanos, Ticks};
use tripline_loom::ring::{Consumer, Producer, Slots, Taken};
use tripline_loom::segment::Segment;
use tripline_loom::sync::{AtomicU64, Ordering};
use tripline_loom::wire::record::{Words, encode};

/// Records that one side writes while the other reads. Before them one round was written and read, so that a reader may
/// see the round before in every word.
const RECORDS: u64 = 2;
const RING: u32 = 2;
/// Slots of a log, which keeps one free for a TICK before each entry.
const LOG: u32 = 4;

/// A record of which every word tells its number.
fn record(number: u64) -> Words {
    let px = Ticks(number.cast_signed());
    let event = Event::Fill { order: number, exec: number, px, qty: Lots(px.0), fee: px.0 };
    encode(&Message { flags: Flags::empty(), epoch: 0, handle: Handle::default(), event })
}

/// What is taken, in order, until nothing is there.
fn take_all(consumer: &mut Consumer, consumed: &AtomicU64, taken: &mut u64) {
    loop {
        match consumer.take() {
            Taken::Empty => return,
            Taken::Corrupt { stamp } => panic!("stamp {stamp} at {}", consumer.position()),
            Taken::Record(words) => assert_eq!(words[1..], record(*taken)[1..], "record {taken}"),
        }
        *taken += 1;
        consumer.advance();
        // As `Positions::publish` does.
        consumed.store(consumer.position(), Ordering::Release);
    }
}

#[test]
fn a_record_that_can_be_taken_is_whole() {
    loom::model(|| {
        let slots = Slots::new(Arc::new(Segment::create(RING as usize)), RING);
        slots.format();
        let consumed = Arc::new(AtomicU64::new(slots.first_position()));
        let (mut producer, mut consumer) = (Producer::new(slots.clone()), Consumer::new(slots));
        let mut taken = 0;
        for number in 0..u64::from(RING) {
            producer.push(&record(number), &consumed).expect("an empty ring");
        }
        take_all(&mut consumer, &consumed, &mut taken);
        let theirs = Arc::clone(&consumed);
        let producing = thread::spawn(move || {
            for number in u64::from(RING)..u64::from(RING) + RECORDS {
                producer.push(&record(number), &theirs).expect("all of it was consumed");
            }
        });
        take_all(&mut consumer, &consumed, &mut taken);
        producing.join().expect("the producer ends");
        take_all(&mut consumer, &consumed, &mut taken);
        assert_eq!(taken, u64::from(RING) + RECORDS, "each record is taken once");
    });
}

/// What is read, in order, until the log ends.
fn read_all(log: &HotLog, next: &mut u64) {
    loop {
        // The writer may commit two entries between two looks of one reading: whoever follows it looks twice.
        let found = match log.read(*next) {
            Found::Damaged => log.read(*next),
            found => found,
        };
        match found {
            Found::End => return,
            Found::Damaged => panic!("entry {next} is damaged"),
            Found::Entry(stamp, words) => {
                assert_eq!((stamp.sequence, stamp.lane), (*next, Some(1)));
                assert_eq!(words[1..7], record(*next)[1..7], "entry {next}");
            }
        }
        *next += 1;
        log.release(*next);
    }
}

fn append(writer: &mut Writer, sequence: u64) {
    assert!(writer.has_room(1), "everything before was released");
    writer.append(Nanos(sequence), Some(1), &record(sequence));
}

#[test]
fn an_entry_that_can_be_read_is_whole() {
    loom::model(|| {
        let log = HotLog::new(Arc::new(Segment::create(LOG as usize)), LOG);
        log.format(Identity { id: 1, boot: [2, 3], build: 4 }, 5);
        let mut writer = Writer::new(log.clone(), FIRST, Nanos::ZERO, 0);
        let mut next = FIRST;
        let last_of_round = u64::from(LOG) + FIRST;
        for sequence in FIRST..last_of_round {
            append(&mut writer, sequence);
            read_all(&log, &mut next);
        }
        let writing = thread::spawn(move || {
            (last_of_round..last_of_round + RECORDS).for_each(|sequence| append(&mut writer, sequence));
        });
        read_all(&log, &mut next);
        writing.join().expect("the writer ends");
        read_all(&log, &mut next);
        assert_eq!(next, last_of_round + RECORDS, "each entry is read once");
    });
}
