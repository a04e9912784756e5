//! The queue in front of its buckets, driven as the engine drives it, against a plain list; and what must hold of the log
//! of everything that came out.

use proptest::prelude::*;

use super::*;
use crate::engine::limits::BucketKind;
use crate::engine::rate_limit::tests::gcra;

const RANKS: [Rank; 5] = [Exit, Cancel, Reduce, Modify, New];

#[derive(Clone, Copy, Debug)]
enum What {
    /// A request: sent at once if nothing is in its way, else queued.
    Request {
        rank: Rank,
        book: u16,
        instrument: u16,
    },
    /// Charged without asking.
    Force {
        book: u16,
        instrument: u16,
    },
    /// Takes out whatever is about this remainder of the order id.
    Take(u64),
    Refusal {
        retry: u64,
    },
}

/// Waiting requests in the order in which they came, and for each rank the books in the order of their turns.
#[derive(Default)]
struct Plain {
    waiting: Vec<Waiting>,
    turns: [Vec<u16>; 5],
}

impl Plain {
    fn is_behind(&self, buckets: &Buckets, charge: Charge, rank: Rank) -> bool {
        self.waiting.iter().any(|other| other.rank <= rank && meet(buckets, other.charge, charge))
    }

    fn push(&mut self, waiting: Waiting) {
        let turns = &mut self.turns[waiting.rank as usize];
        if !turns.contains(&waiting.charge.book) {
            turns.push(waiting.charge.book);
        }
        self.waiting.push(waiting);
    }

    fn remove(&mut self, order: u64) -> Waiting {
        let at = self.waiting.iter().position(|waiting| waiting.order == order).unwrap();
        let gone = self.waiting.remove(at);
        let mut left = self.waiting.iter();
        if !left.any(|other| other.rank == gone.rank && other.charge.book == gone.charge.book) {
            self.turns[gone.rank as usize].retain(|&book| book != gone.charge.book);
        }
        gone
    }

    fn line(&self, rank: Rank, book: u16) -> impl Iterator<Item = &Waiting> {
        self.waiting.iter().filter(move |waiting| waiting.rank == rank && waiting.charge.book == book)
    }

    /// The request to be served at `now`.
    fn first(&self, buckets: &Buckets, now: Nanos) -> Option<u64> {
        for rank in RANKS {
            let mut passed: Vec<&Waiting> = self.waiting.iter().filter(|other| other.rank < rank).collect();
            for &book in &self.turns[rank as usize] {
                let head = self.line(rank, book).next().unwrap();
                let is_free = !passed.iter().any(|other| meet(buckets, other.charge, head.charge));
                if is_free && buckets.ask(head.charge, rank, now) == Admission::Now {
                    return Some(head.order);
                }
                passed.push(head);
            }
        }
        None
    }

    fn serve(&mut self, order: u64) {
        let gone = self.remove(order);
        let turns = &mut self.turns[gone.rank as usize];
        if let Some(at) = turns.iter().position(|&book| book == gone.charge.book) {
            turns.remove(at);
            turns.push(gone.charge.book);
        }
    }

    /// The request that gives way in a full queue.
    fn gives_way(&self, mode: DropMode, rank: Rank) -> Option<u64> {
        let lowest = self.waiting.iter().map(|waiting| waiting.rank).max()?;
        let mut of_lowest = self.waiting.iter().rev().filter(|waiting| waiting.rank == lowest);
        let youngest = of_lowest.next().filter(|_| lowest > rank).map(|waiting| waiting.order);
        match mode {
            _ if rank <= Cancel => youngest,
            DropMode::DropLowest => youngest,
            DropMode::DropOldest => {
                self.waiting.iter().find(|waiting| waiting.rank == rank).map(|waiting| waiting.order)
            }
            DropMode::RejectNew | DropMode::Halt => None,
        }
    }
}

/// Whether two charges share a bucket.
fn meet(buckets: &Buckets, one: Charge, other: Charge) -> bool {
    let membership = buckets.membership();
    membership.of(one).iter().any(|bucket| membership.of(other).iter().any(|also| also == bucket))
}

fn any_what() -> impl Strategy<Value = What> {
    let rank = prop::sample::select(&RANKS[..]);
    prop_oneof![
        14 => (rank, 0_u16..4, 0_u16..2)
            .prop_map(|(rank, book, instrument)| What::Request { rank, book, instrument }),
        2 => (0_u16..4, 0_u16..2).prop_map(|(book, instrument)| What::Force { book, instrument }),
        1 => (0_u64..5).prop_map(What::Take),
        1 => (1_u64..400).prop_map(|retry| What::Refusal { retry }),
    ]
}

fn any_buckets() -> impl Strategy<Value = Vec<BucketLimits>> {
    let kind = || {
        prop_oneof![
            (2_u32..12, 1_u64..300).prop_map(|(limit, window)| sliding(limit, window)),
            (1_u64..60, 2_u32..12).prop_map(|(interval, burst)| gcra(interval, burst)),
        ]
    };
    let costs = || {
        (1_u16..3, 0_u16..2, 0_u16..3).prop_map(|(new, modify, cancel)| ActionCosts { new, modify, cancel })
    };
    let scopes = [BucketScope::Venue(0), BucketScope::Account(0), BucketScope::Instrument(0, 0)];
    (kind(), kind(), kind(), costs(), costs(), costs()).prop_map(move |(a, b, c, x, y, z)| {
        (1..)
            .zip([a, b, c])
            .zip(scopes)
            .zip([x, y, z])
            .map(|(((id, kind), scope), costs)| BucketLimits { scope, costs, ..bucket(id, kind) })
            .collect()
    })
}

/// The engine's part: asks, queues, serves, and writes down what came out.
struct Driver {
    queue: Queue,
    buckets: Buckets,
    plain: Plain,
    mode: DropMode,
    capacity: usize,
    /// What was sent: when, what, and how long it had waited if it had to.
    sent: Vec<(u64, Waiting)>,
    dropped: Vec<u64>,
    pushed: u64,
}

impl Driver {
    fn request(&mut self, waiting: Waiting, now: u64) {
        let Waiting { charge, rank, order, .. } = waiting;
        let behind = self.queue.is_behind(charge, rank, &self.buckets);
        assert_eq!(behind, self.plain.is_behind(&self.buckets, charge, rank));
        match self.buckets.ask(charge, rank, Nanos(now)) {
            Admission::Never { .. } => return,
            Admission::Now if !behind => {
                self.pushed += 1;
                return self.send(waiting, now);
            }
            Admission::Now | Admission::Wait { .. } => {}
        }
        self.pushed += 1;
        let is_full = self.plain.waiting.len() == self.capacity;
        let gives_way = if is_full { self.plain.gives_way(self.mode, rank) } else { None };
        match self.queue.push(waiting) {
            Pushed::Queued => assert!(!is_full),
            Pushed::Evicted(evicted) => {
                assert_eq!(Some(evicted.order), gives_way);
                self.plain.remove(evicted.order);
                self.dropped.push(evicted.order);
            }
            Pushed::Full => {
                assert!(is_full && gives_way.is_none());
                return self.dropped.push(order);
            }
        }
        self.plain.push(waiting);
    }

    fn send(&mut self, waiting: Waiting, now: u64) {
        self.buckets.charge(waiting.charge, Nanos(now));
        self.sent.push((now, waiting));
    }

    /// Drops and serves all that is due; how many.
    fn serve(&mut self, now: u64) -> usize {
        let before = self.plain.waiting.len();
        while let Some(expired) = self.queue.expired(Nanos(now)) {
            let age = Nanos(now).since(expired.since);
            let ttl = [None, None, Some(200), Some(100), Some(250)][expired.rank as usize];
            assert!(ttl.is_some_and(|ttl| age >= Nanos(ttl)), "{expired:?} expired at {now}");
            self.plain.remove(expired.order);
            self.dropped.push(expired.order);
        }
        loop {
            let expected = self.plain.first(&self.buckets, Nanos(now));
            let popped = self.queue.pop(&self.buckets, Nanos(now));
            assert_eq!(popped.map(|waiting| waiting.order), expected);
            let Some(waiting) = popped else { break };
            self.plain.serve(waiting.order);
            // No waiting request of a higher rank needs what this one takes; none of its own line is older.
            let overtaken = self.plain.waiting.iter().find(|other| {
                let is_higher =
                    other.rank < waiting.rank && meet(&self.buckets, other.charge, waiting.charge);
                let is_line = other.rank == waiting.rank && other.charge.book == waiting.charge.book;
                is_higher || (is_line && other.order < waiting.order)
            });
            assert!(overtaken.is_none(), "{waiting:?} overtook {overtaken:?}");
            self.send(waiting, now);
        }
        before - self.plain.waiting.len()
    }

    /// Serves whenever the queue wants to be looked at, until `now`.
    fn run(&mut self, from: u64, now: u64) {
        let mut at = from;
        loop {
            let Nanos(next) = self.queue.next(&self.buckets, Nanos(at));
            assert!(next > at);
            assert_eq!(next == u64::MAX, self.plain.waiting.is_empty());
            if next > now {
                return;
            }
            if next > at + 1 {
                assert_eq!(self.serve(next - 1), 0, "something was due before {next}");
            }
            assert!(self.serve(next) > 0, "called back at {next} for nothing");
            at = next;
        }
    }

    fn apply(&mut self, what: What, order: u64, now: u64) {
        match what {
            What::Request { rank, book, instrument } => {
                self.request(waiting(order, rank, book, instrument, now), now);
            }
            What::Force { book, instrument } => {
                self.buckets.charge(charge(book, instrument, OrderAction::New), Nanos(now));
            }
            What::Take(rest) => {
                let which = |waiting: &Waiting| waiting.order % 5 == rest;
                let expected = self.plain.waiting.iter().find(|waiting| which(waiting)).map(|w| w.order);
                let taken = self.queue.take(which).map(|waiting| waiting.order);
                assert_eq!(taken, expected);
                if let Some(order) = taken {
                    self.plain.remove(order);
                    self.dropped.push(order);
                }
            }
            What::Refusal { retry } => {
                let event = Event::RateFeedback {
                    bucket: 1,
                    http: 429,
                    form: FeedbackForm::Used,
                    value: 0,
                    window: 0,
                    reset_utc_ns: 0,
                    retry_after: retry,
                };
                self.buckets.feedback(0, &event, Nanos(now));
            }
        }
        self.serve(now);
        assert_eq!(self.queue.depth() as usize, self.plain.waiting.len());
    }
}

fn drive(limits: &[BucketLimits], capacity: u32, mode: DropMode, history: &[(u64, What)]) -> Driver {
    let (queue, buckets) = queue(&venue(capacity, mode), limits.to_vec());
    let mut driver = Driver {
        queue,
        buckets,
        plain: Plain::default(),
        mode,
        capacity: capacity as usize,
        sent: vec![],
        dropped: vec![],
        pushed: 0,
    };
    let mut now = 1_000;
    for (order, &(pause, what)) in (1..).zip(history) {
        driver.run(now, now + pause);
        now += pause;
        driver.apply(what, order, now);
    }
    driver
}

/// What a bucket charges for a request at venue 0.
fn cost(limits: &BucketLimits, charge: Charge) -> u64 {
    let belongs = match limits.scope {
        BucketScope::Venue(_) => charge.book != 3,
        BucketScope::Account(_) => charge.book < 2,
        _ => charge.book < 2 && charge.instrument == Some(0),
    };
    let cost = match charge.action {
        OrderAction::New => limits.costs.new,
        OrderAction::Modify => limits.costs.modify,
        OrderAction::Cancel => limits.costs.cancel,
    };
    if belongs { u64::from(cost) } else { 0 }
}

proptest! {
    #[test]
    fn a_queue_serves_like_a_plain_list_and_every_request_comes_out_once(
        limits in any_buckets(),
        capacity in 1_u32..12,
        mode in prop::sample::select(
            &[DropMode::RejectNew, DropMode::DropOldest, DropMode::DropLowest, DropMode::Halt][..],
        ),
        history in prop::collection::vec((0_u64..60, any_what()), 1..120),
    ) {
        let driver = drive(&limits, capacity, mode, &history);
        let mut out: Vec<u64> = driver.sent.iter().map(|(_, waiting)| waiting.order).collect();
        out.extend(&driver.dropped);
        out.extend(driver.plain.waiting.iter().map(|waiting| waiting.order));
        let count = out.len() as u64;
        out.sort_unstable();
        out.dedup();
        prop_assert_eq!((out.len() as u64, count), (driver.pushed, driver.pushed));
        prop_assert_eq!(driver.queue.row(0).dropped, driver.dropped.len() as u64);
    }

    /// An independent count over the log of what was sent.
    #[test]
    fn no_bucket_lets_more_through_than_its_limit(
        limits in any_buckets(),
        history in prop::collection::vec((0_u64..60, any_what()), 1..120),
    ) {
        let history: Vec<_> =
            history.into_iter().filter(|(_, what)| !matches!(what, What::Force { .. })).collect();
        let driver = drive(&limits, 8, DropMode::RejectNew, &history);
        for limits in &limits {
            let log: Vec<(u64, u64)> =
                driver.sent.iter().map(|(at, waiting)| (*at, cost(limits, waiting.charge))).collect();
            for (index, &(last, _)) in log.iter().enumerate() {
                for (from, &(first, _)) in log[..=index].iter().enumerate() {
                    let units: u64 = log[from..=index].iter().map(|(_, cost)| cost).sum();
                    let most = match limits.kind {
                        BucketKind::SlidingLog { limit, window } if last - first < window.0 => u64::from(limit),
                        BucketKind::Gcra { interval, burst } => {
                            u64::from(burst) + (last - first) / interval.0
                        }
                        _ => u64::MAX,
                    };
                    prop_assert!(units <= most, "{units} from {first} to {last}: {limits:?}");
                }
            }
        }
    }

    /// Of books that always have something waiting in one rank, none is served twice while another is not.
    #[test]
    fn books_of_a_rank_take_turns(lines in prop::collection::vec(1_usize..8, 3), limit in 1_u32..6) {
        let rank = Exit;
        let (mut queue, mut buckets) = queue(&venue(64, DropMode::RejectNew), narrow(limit));
        (0..limit).for_each(|_| buckets.charge(charge(0, 0, OrderAction::New), Nanos(0)));
        let mut left = [0_usize; 3];
        for (book, &length) in lines.iter().enumerate() {
            for order in 0..length {
                queue.push(waiting(order as u64, rank, book as u16, 0, 1));
            }
            left[book] = length;
        }
        let mut served = [0_usize; 3];
        let mut now = 0;
        while queue.depth() > 0 {
            now = queue.next(&buckets, Nanos(now)).0;
            while let Some(waiting) = queue.pop(&buckets, Nanos(now)) {
                buckets.charge(waiting.charge, Nanos(now));
                let book = usize::from(waiting.charge.book);
                served[book] += 1;
                left[book] -= 1;
                for other in 0..3 {
                    prop_assert!(left[other] == 0 || served[book] <= served[other] + 1, "{served:?} of {lines:?}");
                }
            }
        }
        prop_assert_eq!(served.to_vec(), lines);
    }
}
