//! Lanes that are full, and lanes whose client writes what it likes: only its own strategy suffers, and it does.

mod support;

use support::process::signal;
use support::seed::Seed;
use support::sidecar::{Attached, CAPITAL, Setup, Sidecar};
use support::{tries, wait_for};
use tripline::model::event::{Intent, OrderAttrs, OrderId, OrderType, TimeInForce};
use tripline::model::verdict::Verdict;
use tripline::model::{Event, Flags, Handle, Lots, Message, Name, Nanos, Ticks};
use tripline::shm::attach::{Segments, attach};
use tripline::shm::client::ClientError;
use tripline::shm::gate::Gate;
use tripline::shm::lane::Lane;
use tripline::shm::positions::Positions;
use tripline::shm::ring::{Consumer, Producer, Slots, Taken};
use tripline::shm::socket::Socket;
use tripline::sync::Ordering;
use tripline::wire::answer::Answer;
use tripline::wire::hello::Grant;
use tripline::wire::layout::{LANE_BEAT_AT, LANE_CURSOR_AT, LANE_EPOCH_AT, LANE_LOST_AT, SLOTS_AT};
use tripline::wire::record::encode;

/// Leases that outlast any scheduling: no gate here may close by one.
fn patient() -> Setup {
    Setup { lease: "2s", ..Setup::default() }
}

fn mark(attached: &mut Attached, px: i64) -> Result<u64, ClientError> {
    let event = Event::Mark { mark: Some(Ticks(px)), index: None, last: None, underlying: None, sequence: 0 };
    attached.client.publish(attached.target.handle, Flags::empty(), event)
}

fn buy(attached: &mut Attached, exec: u64, px: i64, qty: i64) -> Result<u64, ClientError> {
    let event = Event::Fill { order: 0, exec, px: Ticks(px), qty: Lots(qty), fee: 0 };
    attached.client.publish(attached.target.handle, Flags::empty(), event)
}

/// Equity of a book, in whole units of currency.
fn equity(sidecar: &Sidecar, book: &str) -> i64 {
    let report = sidecar.status();
    let book = report.books.iter().find(|row| row.name == book).expect("the book");
    book.equity.split('.').next().and_then(|whole| whole.parse().ok()).expect("a number")
}

#[test]
fn a_full_lane_loses_nothing_it_accepted_and_halts_its_strategy_until_reset() {
    const SLOTS: u64 = 64;
    const PX: i64 = 1_000;
    let (mut bought, mut rounds) = (0_u64, 0);
    let sidecar = Sidecar::start(&patient());
    let core = sidecar.core();
    let neighbour = sidecar.attach_and_pass("two");
    let mut expected = CAPITAL;
    while rounds < tries(100) {
        rounds += 1;
        let mut full = sidecar.attach_and_pass("one");
        mark(&mut full, PX).expect("room");
        wait_for("the mark is applied", || {
            let (next, applied) = full.client.positions();
            (next == applied).then_some(())
        });
        signal(core, libc::SIGSTOP);
        let mut accepted = 0;
        let refusal = loop {
            // Each fill moves equity by its own amount, so that none can stand in for another.
            let qty = (bought % 97 + 1).cast_signed();
            let px = PX + (bought % 5).cast_signed() - 2;
            match buy(&mut full, bought + 1, px, qty) {
                Ok(_) => {
                    (bought, accepted) = (bought + 1, accepted + 1);
                    expected += (PX - px) * qty;
                }
                Err(refusal) => break refusal,
            }
        };
        assert_eq!((refusal, accepted), (ClientError::Full, SLOTS));
        assert_eq!(full.gate(), Gate::Halted, "closed at once, by the strategy's own side");
        assert_eq!(buy(&mut full, u64::MAX, PX, 1), Err(ClientError::Lost));
        signal(core, libc::SIGCONT);
        let cause = sidecar.cause("strategy:one", "GAP");
        assert_eq!((cause.state.as_str(), cause.latch.as_str()), ("HALTED", "sticky"));
        wait_for("every accepted fill is applied", || {
            (sidecar.status().looping?.fills == bought).then_some(())
        });
        wait_for("nothing was overwritten", || (equity(&sidecar, "one/main") == expected).then_some(()));
        assert_eq!(equity(&sidecar, "two/main"), CAPITAL);
        neighbour.await_pass(&sidecar);
        drop(full);
        let next = sidecar.attach("one");
        assert_eq!(next.gate(), Gate::Halted, "attaching again is not a reset");
        drop(next);
        let cause = sidecar.cause("strategy:one", "GAP");
        sidecar.reset(&cause);
    }
    let looping = sidecar.status().looping.expect("a core");
    assert_eq!((looping.rejected, looping.duplicate_fills), (0, 0));
    println!("full lane: {rounds} of {rounds} rounds, {bought} fills accepted, {} booked", looping.fills);
}

/// A client that goes through the exchange and then does what it likes with what it was given.
struct Hostile {
    socket: Socket,
    grant: Grant,
    segments: Segments,
}

impl Hostile {
    fn attach(sidecar: &Sidecar) -> Self {
        let name = Name::new("one").expect("a name");
        let (socket, grant, segments) =
            wait_for("the hostile client attaches", || attach(&sidecar.attach_path(), name).ok());
        Self { socket, grant, segments }
    }

    /// Writes slot after slot, beginning with the one the sidecar looks at first: each word as `word` says, the stamp
    /// last.
    fn write(&self, slots: u64, mut word: impl FnMut(u64, usize) -> u64) {
        let capacity = u64::from(self.grant.geometry.lane_slots);
        for position in capacity..capacity + slots {
            let at = SLOTS_AT + 64 * (position % capacity) as usize;
            for index in (0..8).rev() {
                // The hostile end of SYNC(slot-published): the sidecar may see any of it at any time.
                self.segments.lane.word(at + 8 * index).store(word(position, index), Ordering::Release);
            }
        }
    }

    /// Asks, without counting or listening, until the sidecar reads no more, and spoils its cursor on the way. Returns
    /// the positions of what it asked.
    fn ask_until_halted(&self, sidecar: &Sidecar, mut cursor: impl FnMut() -> u64) -> Vec<u64> {
        let (grant, geometry) = (&self.grant, self.grant.geometry);
        let lane = Lane::new(self.segments.lane.clone(), geometry.lane_slots);
        let positions = Positions::new(self.segments.positions.clone(), geometry);
        let mut producer = Producer::new(lane.slots());
        let handle = Handle::new(grant.lane, 0, Some(0));
        let mut asked = Vec::new();
        for order in 1..=u64::from(geometry.return_slots) + 2 {
            self.spoil(LANE_CURSOR_AT, cursor());
            let event = cancel(order);
            let words = encode(&Message { flags: Flags::PERMIT, epoch: 0, handle, event });
            let position = wait_for("the lane is drained", || {
                producer.push(&words, positions.consumed(grant.lane)).ok()
            });
            asked.push(position);
        }
        sidecar.cause("strategy:one", "CORRUPT");
        asked
    }

    /// The positions of the verdicts in its return ring, in order.
    fn verdicts(&self) -> Vec<u64> {
        let slots = self.grant.geometry.return_slots;
        let mut reader = Consumer::new(Slots::new(self.segments.returns.clone(), slots));
        let mut found = Vec::new();
        while let Taken::Record(words) = reader.take() {
            reader.advance();
            if let Some(Answer::Verdict { position, .. }) = Answer::from_words(&words) {
                found.push(position);
            }
        }
        found
    }

    fn spoil(&self, at: usize, word: u64) {
        self.segments.lane.word(at).store(word, Ordering::Release);
    }
}

/// A stamp as the ring wants it.
fn stamp(position: u64) -> u64 {
    position + 1
}

/// What a hostile client does to its lane.
type Attack = fn(&Hostile, &mut Seed);

const GARBAGE: [(&str, Attack); 11] = [
    ("random records with valid stamps", |hostile, seed| {
        hostile.write(8, |position, word| if word == 0 { stamp(position) } else { seed.number() });
    }),
    ("random records with random stamps", |hostile, seed| hostile.write(8, |_, _| seed.number())),
    ("records of zeros with valid stamps", |hostile, _| {
        hostile.write(8, |position, word| if word == 0 { stamp(position) } else { 0 });
    }),
    ("records of ones with valid stamps", |hostile, _| {
        hostile.write(8, |position, word| if word == 0 { stamp(position) } else { u64::MAX });
    }),
    ("stamps of zero", |hostile, _| hostile.write(64, |_, _| 0)),
    ("stamps of ones", |hostile, _| hostile.write(64, |_, _| u64::MAX)),
    ("a stamp one ahead", |hostile, _| hostile.write(1, |position, _| stamp(position) + 1)),
    ("a stamp a round ahead", |hostile, _| hostile.write(1, |position, _| stamp(position) + 64)),
    ("a hole in the whole lane", |hostile, _| hostile.segments.lane.punch()),
    ("a record only the sidecar writes", |hostile, _| {
        // HALT of the firm, as a COMMAND.
        hostile.write(1, |position, word| [stamp(position), 138, 1, 0, 0, 0, 0, 0][word]);
    }),
    ("a record under another lane's handle", |hostile, _| {
        let foreign = u64::from(hostile.grant.lane + 1) << 56 | 1 << 48 | 1 << 32;
        hostile.write(1, |position, word| [stamp(position), foreign | 1, 0, 1, 0, 0, 0, 0][word]);
    }),
];

#[test]
fn garbage_in_a_lane_halts_its_strategy_and_neither_its_neighbour_nor_the_sidecar() {
    let mut seed = Seed::new("lanes garbage_in_a_lane");
    let sidecar = Sidecar::start(&patient());
    let (core, control) = (sidecar.core(), sidecar.control());
    let neighbour = sidecar.attach_and_pass("two");
    for round in 0..tries(10) {
        for (name, attack) in GARBAGE {
            let hostile = Hostile::attach(&sidecar);
            attack(&hostile, &mut seed);
            let cause = sidecar.cause("strategy:one", "CORRUPT");
            assert_eq!((cause.state.as_str(), cause.latch.as_str()), ("HALTED", "sticky"), "{name}");
            let honest = sidecar.attach("one");
            assert_eq!(honest.gate(), Gate::Halted, "{name}, round {round}");
            assert_eq!(neighbour.gate(), Gate::Pass, "{name}, round {round}");
            drop((hostile, honest));
            // The hostile client left without a goodbye: that is a cause of its own.
            let dead = sidecar.cause("strategy:one", "CLIENT_DEAD");
            sidecar.reset(&dead);
            clear(&sidecar);
            sidecar.attach_and_pass("one");
        }
    }
    assert_eq!((sidecar.core(), sidecar.control()), (core, control));
    assert_eq!(neighbour.gate(), Gate::Pass);
    assert!(!sidecar.status().causes.iter().any(|cause| cause.scope != "strategy:one"));
}

fn cancel(order: u64) -> Event {
    let (order_type, tif, intent) = (OrderType::Limit, TimeInForce::Gtc, Intent::Open);
    let attrs = OrderAttrs { order_type, tif, intent, directive: 0 };
    Event::OrderCancel { order: OrderId::new(order).expect("not zero"), attrs }
}

#[test]
fn a_client_that_asks_without_listening_is_halted_and_what_was_admitted_is_answered() {
    let mut seed = Seed::new("lanes a_client_that_asks");
    let sidecar = Sidecar::start(&patient());
    let core = sidecar.core();
    let mut neighbour = sidecar.attach_and_pass("two");
    // No cursor here is one that a client of such a ring could have by then.
    let cursors: [fn(&mut Seed) -> u64; 4] =
        [|_| 0, |_| u64::MAX, |_| 1 << 63, |seed| seed.number() | 1 << 32];
    for (number, cursor) in cursors.into_iter().enumerate() {
        let rejected = sidecar.status().looping.expect("a core").rejected;
        let hostile = Hostile::attach(&sidecar);
        let asked = hostile.ask_until_halted(&sidecar, || cursor(&mut seed));
        let found = wait_for("each is either answered or rejected", || {
            let now = sidecar.status().looping.expect("a core").rejected;
            let found = hostile.verdicts();
            (found.len() as u64 + now - rejected == asked.len() as u64).then_some(found)
        });
        let geometry = hostile.grant.geometry;
        assert!(found.len() as u64 >= u64::from(geometry.open_requests()), "cursor {number}: {found:?}");
        assert_eq!(found, asked[..found.len()], "cursor {number}");
        let (handle, event) = (neighbour.target.handle, cancel(number as u64 + 1));
        let answer = neighbour.client.permit(handle, Flags::empty(), event, Nanos::from_secs(10));
        let Ok(Answer::Verdict { record, .. }) = answer else { panic!("{answer:?}") };
        assert_eq!((record.verdict, neighbour.gate()), (Verdict::Pass, Gate::Pass));
        drop(hostile);
        let dead = sidecar.cause("strategy:one", "CLIENT_DEAD");
        sidecar.reset(&dead);
        clear(&sidecar);
    }
    assert_eq!(sidecar.core(), core);
    assert!(!sidecar.status().causes.iter().any(|cause| cause.scope != "strategy:one"));
}

/// Resets whatever holds strategy one.
fn clear(sidecar: &Sidecar) {
    wait_for("nothing holds strategy one", || {
        let causes = sidecar.status().causes;
        let held = causes.iter().find(|cause| cause.scope == "strategy:one");
        held.map_or(Some(()), |cause| {
            sidecar.reset(cause);
            None
        })
    });
}

#[test]
fn a_lane_whose_holes_are_punched_over_and_over_costs_the_sidecar_nothing_but_that_strategy() {
    let sidecar = Sidecar::start(&patient());
    let mut neighbour = sidecar.attach_and_pass("two");
    let hostile = Hostile::attach(&sidecar);
    for number in 0..1_000 {
        hostile.segments.lane.punch();
        mark(&mut neighbour, 100 + number % 3).expect("the neighbour's lane is drained");
        assert_eq!(neighbour.gate(), Gate::Pass);
        wait_for("the neighbour's mark is applied", || {
            let (next, applied) = neighbour.client.positions();
            (next == applied).then_some(())
        });
    }
    sidecar.cause("strategy:one", "CORRUPT");
    assert_eq!(neighbour.gate(), Gate::Pass);
}

#[test]
fn no_value_of_the_words_beside_the_slots_hurts_anybody_else() {
    let mut seed = Seed::new("lanes no_value_of_the_words");
    let sidecar = Sidecar::start(&patient());
    let core = sidecar.core();
    let neighbour = sidecar.attach_and_pass("two");
    let hostile = Hostile::attach(&sidecar);
    for at in [0, 8, 16, 24, LANE_CURSOR_AT, LANE_EPOCH_AT, LANE_BEAT_AT, LANE_LOST_AT] {
        for word in [0, 1, u64::MAX, 1 << 63, seed.number()] {
            hostile.spoil(at, word);
            // A halt and its reset are answered into the return ring, past the spoiled cursor.
            let halted = sidecar.tripline(&["halt", "book:one/main", "--reason", "a test"]);
            assert!(halted.status.success(), "{halted:?}");
            sidecar.reset(&sidecar.cause("book:one/main", "OPERATOR"));
            assert_eq!(neighbour.gate(), Gate::Pass, "word {word:#x} at {at}");
        }
    }
    assert_eq!(sidecar.core(), core);
    let cause = sidecar.cause("strategy:one", "GAP");
    assert_eq!(cause.latch, "sticky", "its own word said that events are lost");
    drop(hostile.socket);
    wait_for("its lane is given back", || {
        (!sidecar.status().lanes.iter().any(|lane| lane.strategy == "one")).then_some(())
    });
    assert_eq!(neighbour.gate(), Gate::Pass);
}

#[test]
fn every_strategy_of_an_account_sees_its_halt_and_its_reset() {
    let sidecar = Sidecar::start(&patient());
    let both = [sidecar.attach_and_pass("one"), sidecar.attach_and_pass("two")];
    let mut last = None;
    for number in 0..tries(100) {
        let halted = sidecar.tripline(&["halt", "account:main", "--reason", "a test"]);
        assert!(halted.status.success(), "{halted:?}");
        // The command is answered after the word is stored: no waiting.
        for attached in &both {
            assert_eq!(attached.gate(), Gate::Halted, "try {number}");
        }
        // The status page follows the words by a moment: it may still show the halt before this one.
        let cause = wait_for("the status shows this halt", || {
            let cause = sidecar.cause("account:main", "OPERATOR");
            (cause.nonce != last).then_some(cause)
        });
        last.clone_from(&cause.nonce);
        sidecar.reset(&cause);
        for attached in &both {
            assert_eq!(attached.gate(), Gate::Pass, "try {number}");
        }
    }
}

#[test]
fn an_event_lost_right_before_a_goodbye_halts_all_the_same() {
    let sidecar = Sidecar::start(&patient());
    let core = sidecar.core();
    let mut leaving = sidecar.attach_and_pass("one");
    signal(core, libc::SIGSTOP);
    let mut exec = 0;
    while buy(&mut leaving, exec + 1, 1_000, 1).is_ok() {
        exec += 1;
    }
    drop(leaving);
    signal(core, libc::SIGCONT);
    let cause = sidecar.cause("strategy:one", "GAP");
    assert_eq!(cause.latch, "sticky");
    assert_eq!(sidecar.attach("one").gate(), Gate::Halted);
}

#[test]
fn a_handle_whose_lane_was_found_corrupt_is_refused_even_after_a_reset() {
    let sidecar = Sidecar::start(&patient());
    let hostile = Hostile::attach(&sidecar);
    let client = tripline::shm::client::Client::new(hostile.grant, hostile.segments, Some(hostile.socket));
    let client = client.expect("a client");
    let account = Name::new("main").expect("a name");
    let target = client.look_up(account, Name::new("X").ok()).expect("a book");
    wait_for("the gate passes", || client.may_send(&target).then_some(()));
    let spoiled = SLOTS_AT;
    client.lane().segment().word(spoiled).store(0, Ordering::Release);
    let cause = sidecar.cause("strategy:one", "CORRUPT");
    sidecar.reset(&cause);
    let mut handle = Attached { client, target };
    assert_eq!(buy(&mut handle, 1, 1_000, 1), Err(ClientError::LaneClosed));
    assert_eq!(handle.gate(), Gate::Halted, "a handle that cannot tell may not send");
    assert_eq!(sidecar.attach_and_pass("one").gate(), Gate::Pass);
}

#[test]
fn a_handle_whose_socket_closed_is_refused_even_after_a_reset() {
    let sidecar = Sidecar::start(&patient());
    let mut orphan = sidecar.attach_and_pass("one");
    orphan.client.hang_up();
    let cause = sidecar.cause("strategy:one", "CLIENT_DEAD");
    sidecar.reset(&cause);
    wait_for("the handle is refused", || (buy(&mut orphan, 1, 1_000, 1).is_err()).then_some(()));
    assert_eq!(orphan.gate(), Gate::Halted);
    assert_eq!(sidecar.status().looping.expect("a core").fills, 0);
}
