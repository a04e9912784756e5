//! The core killed again and again under full load: nothing is lost, nothing counted twice, no gate stays open, nobody
//! but the keeper notices.
//!
//! Eight strategies trade through it and keep books of their own: fills with an execution id each, at prices that make
//! every single one visible in the equity, requests with one verdict each. At the end both books must be the same.
//!
//! Half of the kills come so soon after a first lease that no standby could have been started since, half of them later;
//! both times are told.
//! More tries: `TRIPLINE_TEST_TRIES=1000 cargo test --release --test crash -- --nocapture`.

#![allow(unsafe_code)]

mod support;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use support::process::{children, signal};
use support::seed::Seed;
use support::sidecar::{Attached, CAPITAL, Setup, Sidecar};
use support::{tries, wait_for};
use tripline::model::event::{
    DoneStatus, FillCause, Initiator, Intent, OrderAttrs, OrderId, OrderType, TimeInForce,
};
use tripline::model::verdict::Verdict;
use tripline::model::{Event, Flags, Lots, Nanos, Ticks};
use tripline::runtime::pin;
use tripline::shm::client::ClientError;
use tripline::shm::clock::{monotonic, utc};
use tripline::shm::gate::Gate;
use tripline::sync::{AtomicU64, Ordering};
use tripline::wire::answer::Answer;

const LEASE: Nanos = Nanos::from_millis(250);
const NAMES: [&str; 8] = ["one", "two", "three", "four", "five", "six", "seven", "eight"];
/// Seen by a gate of its own, and by nobody else.
const OBSERVER: &str = "observer";
/// What everything is worth at the end.
const MARK: i64 = 100;

fn setup() -> Setup {
    let strategies = NAMES.into_iter().chain([OBSERVER]).map(|name| (name, "1h", None)).collect();
    Setup {
        lease: "250ms",
        lanes: 16,
        lane_slots: 256,
        strategies,
        orders: 16_384,
        keys: "duplicates = \"off\"",
        ..Setup::default()
    }
}

/// What a strategy knows of itself.
#[derive(Clone, Copy, Debug, Default)]
struct Books {
    fills: u64,
    /// Cash and lots since the start.
    cash: i64,
    position: i64,
    requests: u64,
    permitted: u64,
    refused: u64,
}

impl Books {
    fn equity(&self) -> i64 {
        CAPITAL + self.cash + self.position * MARK
    }
}

struct Trader {
    attached: Attached,
    seed: Seed,
    books: Books,
    next_id: u64,
}

impl Trader {
    /// Publishes once there is room: what a strategy with a queue of its own does.
    fn publish(&mut self, flags: Flags, event: Event) {
        wait_for("room in the lane", || {
            (self.attached.client.free_slots().expect("a lane") > 8).then_some(())
        });
        let handle = self.attached.target.handle;
        self.attached.client.publish(handle, flags, event).expect("there is room");
    }

    fn fill(&mut self, order: u64) {
        let sells = if self.books.position > 20 {
            true
        } else {
            self.books.position >= -20 && self.seed.below(2) == 0
        };
        let sells = sells && order == 0;
        let px = 97 + self.seed.below(7) as i64;
        let qty = 1 + self.seed.below(3) as i64;
        let qty = if order == 0 { qty } else { 1 };
        self.next_id += 1;
        let exec = self.next_id;
        let side = if sells { Flags::SELL } else { Flags::empty() };
        let event = Event::Fill { order, exec, px: Ticks(px), qty: Lots(qty), fee: 0 };
        self.publish(side | Flags::MORE, event);
        // With a time, so that it may be forgotten when there are too many.
        let rest = Event::FillExt {
            exec_high: 0,
            cum_qty: Lots(0),
            t_venue: utc().0 as i64,
            fee_ccy: 0,
            cause: FillCause::Normal,
            venue_order: 0,
        };
        self.publish(side, rest);
        let signed = if sells { -qty } else { qty };
        self.books.fills += 1;
        self.books.position += signed;
        self.books.cash -= signed * px;
    }

    /// Asks for an order and, where it may be sent, has it filled; what may not be sent leaves nothing behind.
    fn order(&mut self) {
        self.next_id += 1;
        let order = OrderId::new(self.next_id).expect("never zero");
        let (order_type, tif) = (OrderType::Limit, TimeInForce::Gtc);
        let attrs = OrderAttrs { order_type, tif, intent: Intent::Open, directive: 0 };
        let event =
            Event::OrderNew { order, px: Ticks(MARK), qty: Lots(1), attrs, group: 0, leg: 0, list_count: 0 };
        let handle = self.attached.target.handle;
        let timeout = Nanos::from_secs(20);
        let answer = wait_for("room for a request", || {
            // Notices, and what the engine says to requests that were given up for want of a lease.
            while self.attached.client.poll().expect("a return ring").is_some() {}
            match self.attached.client.permit(handle, Flags::empty(), event, timeout) {
                Err(ClientError::Busy) => None,
                answer => Some(answer.expect("a verdict")),
            }
        });
        self.books.requests += 1;
        let Answer::Verdict { record, .. } = answer else { panic!("{answer:?}") };
        if record.verdict == Verdict::Pass {
            self.books.permitted += 1;
            self.fill(order.get());
            let (status, initiator) = (DoneStatus::Filled, Initiator::Venue);
            self.publish(
                Flags::empty(),
                Event::OrderDone { order, status, initiator, cum_qty: Lots(1), t_venue: 0 },
            );
        } else {
            self.books.refused += 1;
        }
    }

    fn trade(mut self, stop: &AtomicU64) -> (Self, Books) {
        // Relaxed: only a sign to stop.
        while stop.load(Ordering::Relaxed) == 0 {
            pin::sleep(20_000);
            match self.seed.below(16) {
                0 => self.order(),
                _ => self.fill(0),
            }
        }
        let books = self.books;
        (self, books)
    }
}

fn start_trader(
    sidecar: &Sidecar,
    index: usize,
    seed: u64,
    stop: &Arc<AtomicU64>,
) -> JoinHandle<(u64, Books)> {
    let path = sidecar.attach_path();
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        let attached = Sidecar::attach_at(&path, NAMES[index]);
        let seed = Seed::starting_at(seed, "crash");
        let trader = Trader { attached, seed, books: Books::default(), next_id: (index as u64 + 1) << 40 };
        let (mut trader, books) = trader.trade(&stop);
        wait_for("everything is consumed", || {
            let (published, consumed) = trader.attached.client.positions();
            (published == consumed).then_some(())
        });
        trader.attached.client.heartbeat().expect("still attached");
        (trader.attached.client.grant().generation, books)
    })
}

/// Looks at the gate, and tells the price.
struct Observer(Attached);

impl Observer {
    fn mark(&mut self, sequence: u64) {
        let mark =
            Event::Mark { mark: Some(Ticks(MARK)), index: None, last: None, underlying: None, sequence };
        let handle = self.0.target.handle;
        self.0.client.publish(handle, Flags::empty(), mark).expect("room");
    }
}

/// The time from the kill to the first lease of the next core, as a gate sees it.
fn kill(sidecar: &Sidecar, control: u32, observer: &Attached) -> Nanos {
    let core = wait_for("a core", || children(sidecar.keeper()).into_iter().find(|&child| child != control));
    observer.await_pass(sidecar);
    let killed = monotonic();
    signal(core, libc::SIGKILL);
    loop {
        let before = monotonic().since(killed);
        if observer.gate() == Gate::Halted {
            break;
        }
        // Where the observer had no processor while the gate was closed, it is the next core's lease already: the keeper
        // ends the dead one's right after it has noticed the death.
        let followed = || children(sidecar.keeper()).iter().all(|&child| child != core);
        if followed() {
            pin::sleep(200_000);
            if observer.gate() == Gate::Halted {
                break;
            }
            return before;
        }
        assert!(before <= LEASE, "the gate passed {before:?} after the core was killed");
    }
    loop {
        let gate = observer.gate();
        let passed = monotonic().since(killed);
        if gate == Gate::Pass {
            return passed;
        }
        assert!(passed < Nanos::from_secs(20), "no core took over: {}", sidecar.log());
        pin::sleep(50_000);
    }
}

#[test]
fn a_core_killed_under_load_is_followed_by_one_that_knows_the_same() {
    let mut seed = Seed::new("crash a_core_killed_under_load");
    let sidecar = Sidecar::start(&setup());
    let control = sidecar.control();
    let mut observer = Observer(sidecar.attach(OBSERVER));
    observer.mark(1);
    let stop = Arc::new(AtomicU64::new(0));
    let traders: Vec<_> =
        (0..NAMES.len()).map(|index| start_trader(&sidecar, index, seed.number(), &stop)).collect();
    let tries = tries(20);
    let mut times: [Vec<Nanos>; 2] = Default::default();
    for number in 0..tries as usize {
        // In turn soon after a first lease, when only a copy of who took over can stand by, and later.
        let within = [20_000_000, 300_000_000][number % 2];
        pin::sleep(seed.below(within));
        times[number % 2].push(kill(&sidecar, control, &observer.0));
    }
    // Relaxed: only a sign to stop.
    stop.store(1, Ordering::Relaxed);
    let books: Vec<Books> = traders.into_iter().map(|trader| trader.join().expect("a trader").1).collect();
    let [soon, later] = &times;
    tell("within 20 ms of a first lease", soon);
    tell("within 300 ms of a first lease", later);
    tell("all", &times.concat());
    observer.mark(2);
    compare(&sidecar, &books);
}

/// Fills without a price take a book to REDUCE_ONLY and back with each of them, so that many a core dies between a word and
/// its record, or leaves a word that what it had not read yet loosens again.
#[test]
fn a_word_that_was_tight_for_a_moment_when_its_core_died_is_no_halt_nobody_recorded() {
    let sidecar = Sidecar::start(&setup());
    let control = sidecar.control();
    let observer = sidecar.attach(OBSERVER);
    let mut one = sidecar.attach(NAMES[0]);
    let handle = one.target.handle;
    let mut exec = 0;
    for _ in 0..tries(20) {
        observer.await_pass(&sidecar);
        let core =
            wait_for("a core", || children(sidecar.keeper()).into_iter().find(|&child| child != control));
        for number in 0..120 {
            exec += 1;
            let side = if exec % 2 == 0 { Flags::SELL } else { Flags::empty() };
            let event = Event::Fill { order: 0, exec, px: Ticks(MARK), qty: Lots(1), fee: 0 };
            wait_for("room", || (one.client.free_slots().expect("a lane") > 8).then_some(()));
            one.client.publish(handle, side, event).expect("there is room");
            if number == 40 {
                signal(core, libc::SIGKILL);
            }
        }
        wait_for("another core", || {
            children(sidecar.keeper()).iter().all(|&child| child != core).then_some(())
        });
    }
    observer.await_pass(&sidecar);
    wait_for("everything is booked", || {
        let looping = sidecar.status().looping?;
        (looping.fills == exec && looping.duplicate_fills == 0).then_some(())
    });
    let causes = sidecar.status().causes;
    assert!(causes.iter().all(|cause| cause.reason != "UNRECORDED"), "{causes:?}");
}

fn tell(when: &str, times: &[Nanos]) {
    let mut times = times.to_vec();
    times.sort_unstable();
    let at = |percent: usize| Duration::from_nanos(times[(times.len() - 1) * percent / 100].0);
    println!(
        "{} cores killed {when}: next lease after {:?} at p50, {:?} at p99",
        times.len(),
        at(50),
        at(99)
    );
}

/// The sidecar's books against those of the strategies.
fn compare(sidecar: &Sidecar, books: &[Books]) {
    let sum = |of: fn(&Books) -> u64| books.iter().map(of).sum::<u64>();
    let (fills, requests) = (sum(|books| books.fills), sum(|books| books.requests));
    println!(
        "{fills} fills, {requests} requests, {} permitted, {} refused",
        sum(|b| b.permitted),
        sum(|b| b.refused)
    );
    let report = wait_for("the mark is booked", || {
        Some(sidecar.status())
            .filter(|report| report.looping.as_ref().is_some_and(|looping| looping.marks == 2))
    });
    let looping = report.looping.expect("a core");
    assert_eq!((looping.fills, looping.duplicate_fills, looping.rejected), (fills, 0, 0));
    assert!(report.causes.is_empty(), "{:?}", report.causes);
    let told = report.requests.expect("requests");
    assert_eq!((told.requests, told.passed + told.denied), (requests, requests));
    for (books, name) in books.iter().zip(NAMES) {
        let word = report.books.iter().find(|word| word.name.starts_with(name)).expect("its book");
        assert_eq!(word.equity.parse::<f64>().expect("a number") as i64, books.equity(), "{name}: {word:?}");
    }
}
