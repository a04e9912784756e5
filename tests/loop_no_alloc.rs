//! The whole duty cycle, run in this process on real segments, with an allocator that counts what its thread asks for.

#![allow(unsafe_code)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use support::sidecar::Place;
use tripline::control::config;
use tripline::journal::store::Store;
use tripline::model::event::{CommandVerb, Intent, TimeInForce};
use tripline::model::event::{LivenessSign, OrderAttrs, OrderId, OrderType};
use tripline::model::{Event, Flags, Handle, Lots, Message, Scope, Ticks};
use tripline::runtime::{self, CoreOptions, CpuChoice, IdleChoice, Inheritance, Journal};
use tripline::shm::lane::{Lane, format_return_ring};
use tripline::shm::ring::{Consumer, Full, Producer, Taken};
use tripline::shm::segment::Segment;
use tripline::shm::shared::{OPERATOR_LANE, Shared};
use tripline::shm::socket::{Received, Socket};
use tripline::sync::{AtomicU64, Ordering};
use tripline::wire::layout::Geometry;
use tripline::wire::link::Link;
use tripline::wire::record::{Words, encode};

thread_local!(static WATCHED: Cell<bool> = const { Cell::new(false) });
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

struct Counting;

fn count() {
    if WATCHED.try_with(Cell::get).unwrap_or(false) {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
    }
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches only a thread-local and an atomic.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count();
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const EVENTS: u64 = 300_000;
const PATIENCE: Duration = Duration::from_secs(60);

const CONFIG: &str = r#"
schema = 1
[instance]
name = "loop"
mode = "live"
[capacity]
lanes = 2
lane_slots = 4096
return_slots = 64
[[account]]
name = "main"
venue = "v"
currency = "USD"
[[instrument]]
name = "A"
kind = "linear"
price_decimals = 0
qty_decimals = 0
settlement = "USD"
collar_bps = "none"
[[strategy]]
name = "s"
heartbeat = "5s"
[[strategy.book]]
account = "main"
capital = "100000"
max_position = "1000"
max_order_qty = "100"
max_order_notional = "unlimited"
[[drawdown]]
name = "kill"
scope = "account:main"
anchor = "trailing"
limit = "15%"
"#;

fn hear(keeper: &Socket, wanted: Link) {
    let by = Instant::now() + PATIENCE;
    loop {
        match keeper.receive().expect("the link can be read") {
            Received::Packet(packet, _) if Link::from_packet(&packet) == Some(wanted) => return,
            Received::Packet(packet, _) if matches!(Link::from_packet(&packet), Some(Link::Ready { .. })) => {
                if matches!(wanted, Link::Ready { .. }) {
                    return;
                }
            }
            Received::Closed => panic!("the core ended while {wanted:?} was awaited"),
            _ => {}
        }
        assert!(Instant::now() < by, "{wanted:?} never came");
    }
}

fn order_id(number: u64) -> OrderId {
    OrderId::new(number).expect("not zero")
}

/// A stream that trades, halts, repeats itself and now and then makes no sense.
fn event(number: u64, handle: Handle) -> Words {
    let px = 100 + (number / 97 % 40) as i64 - 20;
    let attrs = OrderAttrs {
        order_type: OrderType::Limit,
        tif: TimeInForce::Gtc,
        intent: Intent::Open,
        directive: 0,
    };
    let order = order_id(number / 4 + 1);
    let side = if number % 16 < 8 { Flags::empty() } else { Flags::SELL };
    let (flags, event) = match number % 8 {
        0 | 4 => (
            Flags::empty(),
            Event::Mark {
                mark: Some(Ticks(px)),
                index: None,
                last: None,
                underlying: None,
                sequence: number + 1,
            },
        ),
        1 => (
            side,
            Event::OrderNew { order, px: Ticks(px), qty: Lots(3), attrs, group: 0, leg: 0, list_count: 0 },
        ),
        2 => (
            Flags::empty(),
            Event::OrderAck { order, venue_key: number, px: Ticks(px), live_qty: Lots(3), t_venue: 0 },
        ),
        // Every fifth execution is reported twice.
        3 | 5 => {
            let exec = number / 8 - u64::from(number.is_multiple_of(5) && number > 40) + 1;
            (side, Event::Fill { order: order.get(), exec, px: Ticks(px), qty: Lots(1), fee: 1_000 })
        }
        6 => (
            Flags::empty(),
            Event::Heartbeat {
                source: 1,
                class: tripline::model::event::HeartbeatClass::Work,
                counter: number,
            },
        ),
        // Every other one is a request, and nobody reads the verdicts for long: some find no slot.
        _ => {
            let flags = if number % 16 == 15 { Flags::PERMIT } else { Flags::empty() };
            (flags, Event::OrderCancel { order, attrs })
        }
    };
    let mut words = encode(&Message { flags, epoch: 0, handle, event });
    if number % 9_973 == 9_972 {
        words[1] |= 0xff;
    }
    words
}

/// Pushes, and waits where the lane is full.
fn push(producer: &mut Producer, words: &Words, consumed: &AtomicU64) {
    let by = Instant::now() + PATIENCE;
    while producer.push(words, consumed) == Err(Full) {
        assert!(Instant::now() < by, "the loop does not drain its lane");
        std::thread::yield_now();
    }
}

fn wait_until_consumed(producer: &Producer, consumed: &AtomicU64) {
    let by = Instant::now() + PATIENCE;
    while consumed.load(Ordering::Acquire) != producer.position() {
        assert!(Instant::now() < by, "the loop stands at {}", consumed.load(Ordering::Acquire));
        std::thread::yield_now();
    }
}

fn command(id: u64, verb: CommandVerb) -> Words {
    let event =
        Event::Command { id, scope: Scope::Firm, verb, rebase: 0, guard: 1, actor: 0, nonce: 1, acks: 0 };
    encode(&Message { flags: Flags::empty(), epoch: 0, handle: Handle::default(), event })
}

#[test]
fn the_loop_allocates_nothing_between_ready_and_shutdown() {
    let limits = config::parse(CONFIG, "loop.toml").expect("a valid configuration").limits;
    let geometry = Geometry {
        accounts: 1,
        strategies: 1,
        books: 1,
        instruments: 1,
        lanes: 3,
        guards: 1,
        lane_slots: limits.capacity.lane_slots,
        return_slots: limits.capacity.return_slots,
    };
    let shared = Shared::create(geometry, |_| {}).expect("segments");
    let (keeper, link) = Socket::pair().expect("a socket pair");
    keeper.set_timeout(Duration::from_millis(50)).expect("a timeout");
    let theirs = shared.clone();
    let place = Place::new();
    let store = Store::open(place.path()).expect("a directory");
    let log = store.hot_log(1 << 15).expect("a hot log");
    let journal = Journal { store, log, archive: None, build: 0 };
    let core = std::thread::spawn(move || {
        WATCHED.set(true);
        let options =
            CoreOptions { cpu: CpuChoice::Unpinned, idle: IdleChoice::Backoff, ..CoreOptions::default() };
        let (lanes, restarts) = (Vec::new(), 0);
        let (keeper, journal) = (1, Some(journal));
        let is_standby = false;
        let inheritance = Inheritance { shared: theirs, link, lanes, restarts, keeper, journal, is_standby };
        runtime::run(limits, options, inheritance)
    });
    hear(&keeper, Link::Ready { lease_ns: 0 });
    let booted = ALLOCATIONS.load(Ordering::SeqCst);
    assert!(booted > 0, "the counting allocator counts");

    let lane = Arc::new(Segment::create("lane", geometry.lane_bytes()).expect("a lane"));
    let lane_words = Lane::format(Arc::clone(&lane), geometry.lane_slots);
    let returns = Arc::new(Segment::create("returns", geometry.return_bytes()).expect("a return ring"));
    let mut answers = Consumer::new(format_return_ring(Arc::clone(&returns), geometry.return_slots));
    let open = Link::Open { lane: 1, strategy: 0, generation: 1 };
    keeper.send(&open.to_packet(), &[lane.fd().as_fd(), returns.fd().as_fd()]).expect("sent");
    hear(&keeper, Link::Opened { lane: 1 });

    let consumed = shared.positions.consumed(1);
    let mut producer = Producer::new(lane_words.slots());
    let mut operator = Producer::new(shared.operator.slots());
    let handle = Handle::new(1, 0, Some(0));
    let mut heard = 0;
    for number in 0..EVENTS {
        push(&mut producer, &event(number, handle), consumed);
        if number % 1_000 == 0 {
            let verb = if number % 2_000 == 0 { CommandVerb::Halt } else { CommandVerb::Reset };
            push(&mut operator, &command(number + 1, verb), shared.positions.consumed(OPERATOR_LANE));
        }
        // The client reads its notices only now and then, so that its ring also overflows.
        while number % 50_000 == 0 && matches!(answers.take(), Taken::Record(_)) {
            answers.advance();
            lane_words.cursor().store(answers.position(), Ordering::Release);
            heard += 1;
        }
    }
    wait_until_consumed(&producer, consumed);
    wait_until_consumed(&operator, shared.positions.consumed(OPERATOR_LANE));
    let close = Link::Close { lane: 1, sign: LivenessSign::ProcessExited };
    keeper.send(&close.to_packet(), &[]).expect("sent");
    hear(&keeper, Link::Closed { lane: 1 });
    let after = ALLOCATIONS.load(Ordering::SeqCst);
    assert!(heard > 0, "nothing was ever announced: the stream did not exercise the loop");
    assert_eq!(after - booted, 0, "allocations or frees of the loop's thread over {EVENTS} events");

    keeper.send(&Link::Shutdown.to_packet(), &[]).expect("sent");
    core.join().expect("no panic").expect("the core ends in order");
}
