//! What a journal says after a crash: followed to its end where nothing is wrong with it, cut where the last entry was not
//! finished, and never trusted beyond a flipped bit, whatever bit it is.

mod support;

use std::fs;
use std::sync::Arc;

use support::desk::{E9, PLAIN, attrs, limits, side};
use support::seed::Seed;
use support::sidecar::Place;
use tripline::engine::{Engine, Source};
use tripline::journal::log::{FIRST, Found, HotLog, Identity, Writer};
use tripline::journal::record::{Stamp, seal};
use tripline::journal::replica::{Replica, record_outcome};
use tripline::journal::store::{Problem, Recovery, Store};
use tripline::model::event::{OrderAction, OrderAttrs, OrderId, RejectClass};
use tripline::model::{Event, Flags, Handle, Lots, Message, Nanos, Ticks};
use tripline::shm::segment::Segment;
use tripline::sync::Ordering;
use tripline::wire::record::encode;

const CAPACITY: u32 = 256;
const IDENTITY: Identity = Identity { id: 0x1234_5678_9abc_def0, boot: [7, 8], build: 9 };
/// Where the entries begin in the file, and how long each is.
const ENTRIES_AT: usize = 4_096;
const ENTRY: usize = 64;

/// An engine whose every input is journaled, as the core does it.
struct Scribe {
    _place: Place,
    store: Store,
    log: HotLog,
    segment: Arc<Segment>,
    engine: Engine,
    writer: Writer,
    now: Nanos,
    positions: [u64; 2],
    orders: u64,
}

impl Scribe {
    fn new() -> Self {
        let place = Place::new();
        let store = Store::open(place.path()).expect("a directory");
        let path = place.path().join("hot.log");
        let segment = Arc::new(Segment::in_file(&path, HotLog::bytes(CAPACITY)).expect("a file"));
        let log = HotLog::new(Arc::clone(&segment), CAPACITY);
        let now = Nanos::from_secs(1);
        let begin = || {
            let mut limits = limits(1_000_000 * E9, vec![]);
            limits.capacity.lanes = 4;
            Engine::new(limits, now)
        };
        let replica = Replica::new(begin(), now);
        store.begin(&log, IDENTITY, 1, &replica).expect("a snapshot");
        let writer = Writer::new(log.clone(), FIRST, now, replica.chain());
        let first = u64::from(replica.engine().limits().capacity.lane_slots);
        let engine = replica.into_engine();
        let mut scribe = Self {
            _place: place,
            store,
            log,
            segment,
            engine,
            writer,
            now,
            positions: [first; 2],
            orders: 0,
        };
        for lane in [1, 2] {
            scribe.apply(
                None,
                Source::Sidecar,
                Event::Lane { lane, strategy: lane - 1, open: 1, generation: 1 },
            );
        }
        scribe
    }

    fn apply(&mut self, lane: Option<u16>, source: Source, event: Event) {
        self.apply_message(lane, source, Flags::empty(), Handle(0), event);
    }

    fn apply_message(
        &mut self,
        lane: Option<u16>,
        source: Source,
        flags: Flags,
        handle: Handle,
        event: Event,
    ) {
        let message = Message { flags, epoch: 0, handle, event };
        let outcome = self.engine.apply(self.now, source, &message);
        self.writer.append(self.now, lane, &encode(&message));
        outcome.changes().iter().for_each(|change| self.writer.fold(change.new.to_raw()));
        record_outcome(outcome, |lane, words| self.writer.append(self.now, lane, &words));
    }

    /// A record of a strategy, through its lane.
    fn say(&mut self, strategy: u16, flags: Flags, event: Event) {
        let lane = strategy + 1;
        let position = &mut self.positions[usize::from(strategy)];
        let source = Source::Lane { lane, strategy, position: *position };
        *position += 1;
        self.apply_message(Some(lane), source, flags, Handle::new(lane, 0, Some(PLAIN)), event);
    }

    /// Something that happens on an ordinary day.
    fn something(&mut self, seed: &mut Seed) {
        self.now = self.now.after(Nanos(seed.below(5_000_000)));
        if self.engine.next_deadline() <= self.now {
            self.apply(None, Source::Sidecar, Event::Timer { due: self.now });
        }
        let strategy = seed.below(2) as u16;
        self.orders += 1;
        let order = OrderId::new(self.orders).expect("never zero");
        let qty = 1 + seed.below(5) as i64;
        match seed.below(4) {
            0 => {
                let (px, attrs): (Ticks, OrderAttrs) = (Ticks(100), attrs());
                let new =
                    Event::OrderNew { order, px, qty: Lots(qty), attrs, group: 0, leg: 0, list_count: 0 };
                self.say(strategy, Flags::PERMIT, new);
            }
            1 => {
                let fill =
                    Event::Fill { order: 0, exec: self.orders, px: Ticks(100), qty: Lots(qty), fee: 0 };
                self.say(strategy, side(if seed.below(2) == 0 { qty } else { -qty }), fill);
            }
            2 => {
                let (class, action) = (RejectClass::Infrastructure, OrderAction::New);
                let reject =
                    Event::OrderReject { order, class, action, venue_code: 1, cum_qty: Lots(0), t_venue: 0 };
                self.say(strategy, Flags::empty(), reject);
            }
            _ => {
                let mark = Some(Ticks(95 + seed.below(10) as i64));
                let sequence = self.orders;
                let event = Event::Mark { mark, index: None, last: None, underlying: None, sequence };
                self.say(strategy, Flags::empty(), event);
            }
        }
    }

    /// Writes until the ring has been round more than twice, as one does that has run for a while.
    fn rounds(&mut self, seed: &mut Seed) {
        while self.writer.next() < FIRST + 2 * u64::from(CAPACITY) + 100 {
            let next = self.writer.next();
            while self.writer.next() < next + 50 {
                self.something(seed);
            }
            let replica = self.recovered();
            let needed = self.store.write(IDENTITY.id, &replica).expect("a snapshot");
            self.log.release(needed);
        }
    }

    fn day(&mut self, seed: &mut Seed, entries: u64) {
        while self.writer.next() < FIRST + entries {
            self.something(seed);
        }
    }

    fn word(&self, sequence: u64, word: usize) -> &tripline::sync::AtomicU64 {
        let slot = (sequence % u64::from(CAPACITY)) as usize;
        self.segment.word(ENTRIES_AT + slot * ENTRY + word * 8)
    }

    fn recovered(&self) -> Replica {
        match self.store.recover(&self.log) {
            Recovery::Whole { replica, .. } => *replica,
            other => panic!("{other:?}"),
        }
    }

    /// What is the same as in the engine that went on.
    fn assert_same(&self, replica: &Replica) {
        assert_eq!(replica.next(), self.writer.next());
        assert_eq!(replica.chain(), self.writer.chain());
        assert_eq!(replica.engine().snapshot(), self.engine.snapshot());
        let positions = [1, 2].map(|lane: usize| replica.lanes()[lane].position);
        assert_eq!(positions, self.positions);
    }
}

#[test]
fn an_engine_that_follows_a_journal_knows_what_the_one_that_wrote_it_knows() {
    let mut seed = Seed::new("recovery an_engine_that_follows");
    let mut scribe = Scribe::new();
    scribe.day(&mut seed, 200);
    let replica = scribe.recovered();
    scribe.assert_same(&replica);
    assert!(replica.is_whole());
}

#[test]
fn a_log_that_wraps_is_followed_from_the_newest_snapshot_or_the_one_before() {
    let mut seed = Seed::new("recovery a_log_that_wraps");
    let mut scribe = Scribe::new();
    for _ in 0..40 {
        let next = scribe.writer.next();
        while scribe.writer.next() < next + 50 {
            assert!(scribe.writer.has_room(10), "what is released is free again");
            scribe.something(&mut seed);
        }
        let replica = scribe.recovered();
        scribe.assert_same(&replica);
        let needed = scribe.store.write(IDENTITY.id, &replica).expect("a snapshot");
        scribe.log.release(needed);
    }
    assert!(scribe.writer.next() > 4 * u64::from(CAPACITY), "it has wrapped");
    let kept = scribe.store.snapshots();
    assert_eq!(kept.len(), 2);
    for byte in 0..fs::metadata(&kept[0].1).expect("a file").len() as usize {
        if byte % 97 == 0 {
            let good = fs::read(&kept[0].1).expect("a snapshot");
            let mut bad = good.clone();
            bad[byte] ^= 1 << (byte % 8);
            fs::write(&kept[0].1, &bad).expect("a damaged one");
            scribe.assert_same(&scribe.recovered());
            fs::write(&kept[0].1, &good).expect("as it was");
        }
    }
    kept.iter().for_each(|(_, path)| fs::write(path, b"nothing of the kind").expect("a damaged one"));
    assert!(matches!(scribe.store.recover(&scribe.log), Recovery::Broken(None, Problem::NoSnapshot)));
}

#[test]
fn without_room_nothing_more_is_written_until_something_is_released() {
    let mut seed = Seed::new("recovery without_room");
    let mut scribe = Scribe::new();
    while scribe.writer.has_room(10) {
        scribe.something(&mut seed);
    }
    let replica = scribe.recovered();
    scribe.assert_same(&replica);
    scribe.log.release(FIRST + 40);
    assert!(scribe.writer.has_room(10));
}

#[test]
fn an_entry_whose_first_word_was_not_stored_yet_was_never_written() {
    let mut seed = Seed::new("recovery an_entry_whose_first_word");
    for words in 0..14 {
        let mut scribe = Scribe::new();
        if words < 7 {
            scribe.day(&mut seed, 100);
        } else {
            scribe.rounds(&mut seed);
        }
        let words = words % 7;
        let before = scribe.recovered();
        let next = scribe.writer.next();
        let stamp = Stamp { sequence: next, lane: None, dt: Nanos(1) };
        let message = Message {
            flags: Flags::empty(),
            epoch: 0,
            handle: Handle(0),
            event: Event::Stall { duration: Nanos(5) },
        };
        let sealed = seal(&encode(&message), &stamp, u64::from(CAPACITY));
        for (word, value) in sealed.iter().enumerate().skip(1).take(words) {
            scribe.word(next, word).store(*value, Ordering::Relaxed);
        }
        let replica = scribe.recovered();
        assert_eq!((replica.next(), replica.chain()), (before.next(), before.chain()), "{words} words");
    }
}

#[test]
fn no_flipped_bit_of_any_entry_is_believed() {
    let mut seed = Seed::new("recovery no_flipped_bit");
    let mut scribe = Scribe::new();
    scribe.day(&mut seed, 60);
    believe_no_flip(&scribe, FIRST);
    scribe.rounds(&mut seed);
    let needed = scribe.recovered().next();
    scribe.store.write(IDENTITY.id, &scribe.recovered()).expect("a snapshot");
    scribe.day(&mut seed, needed + 40);
    believe_no_flip(&scribe, needed);
}

fn believe_no_flip(scribe: &Scribe, from: u64) {
    for sequence in from..scribe.writer.next() {
        for bit in 0..512 {
            let (word, mask) = (scribe.word(sequence, bit / 64), 1 << (bit % 64));
            word.fetch_xor(mask, Ordering::Relaxed);
            assert_eq!(scribe.log.read(sequence), Found::Damaged, "entry {sequence}, bit {bit}");
            if bit % 61 == 0 {
                match scribe.store.recover(&scribe.log) {
                    Recovery::Broken(Some(replica), Problem::Damaged { sequence: named }) => {
                        assert_eq!((named, replica.next()), (sequence, sequence), "bit {bit}");
                    }
                    other => panic!("entry {sequence}, bit {bit}: {other:?}"),
                }
            }
            word.fetch_xor(mask, Ordering::Relaxed);
        }
    }
    scribe.assert_same(&scribe.recovered());
}

#[test]
fn an_entry_that_another_past_would_have_led_to_is_found() {
    let mut seed = Seed::new("recovery an_entry_that_another_past");
    let mut scribe = Scribe::new();
    scribe.day(&mut seed, 100);
    // A whole entry, checksum and all, that says something else: what root could write, or another engine.
    let outcome = (FIRST..scribe.writer.next()).find_map(|sequence| match scribe.log.read(sequence) {
        Found::Entry(stamp, words) if words[1] as u8 == 136 => Some((sequence, stamp, words)),
        _ => None,
    });
    let (sequence, stamp, mut words) = outcome.expect("some request was answered");
    words[4] ^= 1;
    let forged = seal(&words, &stamp, u64::from(CAPACITY));
    for (word, value) in forged.iter().enumerate() {
        scribe.word(sequence, word).store(*value, Ordering::Relaxed);
    }
    match scribe.store.recover(&scribe.log) {
        Recovery::Broken(Some(_), Problem::Divergence(why)) => {
            assert!(why.to_string().contains(&format!("entry {sequence} ")), "{why}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_snapshot_newer_than_the_log_is_left_out() {
    let mut seed = Seed::new("recovery a_snapshot_newer");
    let mut scribe = Scribe::new();
    scribe.day(&mut seed, 60);
    let replica = scribe.recovered();
    scribe.store.write(IDENTITY.id, &replica).expect("a snapshot");
    for word in 0..8 {
        scribe.word(replica.next() - 1, word).store(0, Ordering::Relaxed);
    }
    let Recovery::Whole { replica: older, .. } = scribe.store.recover(&scribe.log) else {
        panic!("the first snapshot serves")
    };
    assert_eq!(older.next(), replica.next() - 1);
}

#[test]
fn a_log_of_another_version_is_not_read() {
    let scribe = Scribe::new();
    scribe.segment.word(8).fetch_xor(1, Ordering::Relaxed);
    assert!(matches!(scribe.store.recover(&scribe.log), Recovery::Broken(None, Problem::Foreign)));
}
