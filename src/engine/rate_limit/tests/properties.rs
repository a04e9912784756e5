//! The buckets against a naive oracle: a plain list of all that happened, counted from scratch for each question.
//!
//! The oracle asks of every charge by its definition whether it counts: SLIDING_LOG by age; FIXED_ALIGNED by the numbers
//! of the windows that the venue may have been in; GCRA by the largest of all sums that could still be coming back.

use proptest::prelude::*;

use super::super::fixed_aligned::Aligned;
use super::super::log::Log;
use super::*;

const RECOVERY: i128 = 20 * 60 * 1_000_000_000;

#[derive(Clone, Debug)]
struct Charged {
    at: i128,
    /// Units; time for GCRA.
    amount: i128,
    /// The number of the last window that it must count in, whatever the clock says later.
    stays: Option<i128>,
}

#[derive(Clone, Copy, Debug)]
struct Header {
    at: i128,
    /// Units that we counted above it and that were not taken back since.
    surplus: i128,
    /// There were none when it came.
    seals: bool,
}

/// One bucket, naively.
#[derive(Clone, Debug)]
struct Naive {
    limits: BucketLimits,
    start: i128,
    charged: Vec<Charged>,
    /// What was used before the start, as far as anybody can guess.
    guess: Option<Charged>,
    headers: Vec<Header>,
    refusals: Vec<i128>,
    closed_until: i128,
    /// Readings of the wall clock: engine time and UTC minus it.
    walls: Vec<(i128, i128)>,
    /// The number of the oldest window that has not been over yet at a reading.
    oldest: Option<i128>,
    /// Steps of it beyond the jitter, and the reading later ones are compared with.
    steps: Vec<i128>,
    reference: i128,
}

impl Naive {
    fn new(limits: BucketLimits, start: i128) -> Self {
        let mut naive = Self {
            limits,
            start,
            charged: vec![],
            guess: None,
            headers: vec![],
            refusals: vec![],
            closed_until: 0,
            walls: vec![],
            oldest: None,
            steps: vec![],
            reference: 0,
        };
        let units = (naive.limit() * i128::from(limits.start_pct) + 99) / 100;
        naive.guess = Some(Charged { at: start, amount: units * naive.unit(), stays: None });
        naive
    }

    fn venue_limit(&self) -> i128 {
        i128::from(match self.limits.kind {
            BucketKind::SlidingLog { limit, .. } | BucketKind::FixedAligned { limit, .. } => limit,
            BucketKind::Gcra { burst, .. } => burst,
        })
    }

    fn limit(&self) -> i128 {
        match self.limits.kind {
            BucketKind::FixedAligned { margin, .. } => {
                (self.venue_limit() * (10_000 - i128::from(margin.0)) / 10_000).max(1)
            }
            _ => self.venue_limit(),
        }
    }

    /// Units a time stands for: an interval, where the amounts are times.
    fn unit(&self) -> i128 {
        match self.limits.kind {
            BucketKind::Gcra { interval, .. } => i128::from(interval.0),
            _ => 1,
        }
    }

    fn window(&self) -> i128 {
        match self.limits.kind {
            BucketKind::SlidingLog { window, .. } | BucketKind::FixedAligned { window, .. } => {
                i128::from(window.0)
            }
            BucketKind::Gcra { interval, burst } => i128::from(interval.0) * i128::from(burst),
        }
    }

    fn jitter(&self) -> i128 {
        i128::from(self.limits.jitter.0)
    }

    /// The number of the window at engine time `at`, by the clock as it was read last.
    fn number(&self, at: i128) -> Option<i128> {
        let BucketKind::FixedAligned { window, offset, .. } = self.limits.kind else { return None };
        let (_, skew) = self.walls.last()?;
        Some((at + skew - i128::from(offset.0)).div_euclid(i128::from(window.0)))
    }

    fn counts(&self, charged: &Charged, now: i128) -> bool {
        let age = now - charged.at;
        let longest = self.window() + 2 * self.jitter();
        match self.limits.kind {
            BucketKind::SlidingLog { .. } => age < self.window() + self.jitter(),
            BucketKind::Gcra { .. } => true,
            BucketKind::FixedAligned { .. } => {
                let is_doubtful = self.steps.iter().any(|step| now - step < longest);
                let oldest = self.number(now - self.jitter()).max(self.oldest);
                let newest = self.number(charged.at + self.jitter());
                let belongs = is_doubtful || newest >= oldest || charged.stays >= oldest;
                age < longest && belongs
            }
        }
    }

    /// What is used at `now`, in units or time.
    fn used(&self, exempt: bool, now: i128) -> i128 {
        let guess = self.guess.as_ref().filter(|_| !exempt);
        let all: Vec<&Charged> = guess.into_iter().chain(&self.charged).collect();
        if let BucketKind::Gcra { .. } = self.limits.kind {
            // Had nothing been used just before a charge, it and all later ones would come back one after the other.
            // The truth is the worst of these.
            let mut run = 0;
            let back = all.iter().rev().map(|charged| {
                run += charged.amount;
                charged.at + run
            });
            return back.map(|back| back - now).max().unwrap_or(0).max(0);
        }
        all.into_iter().filter(|charged| self.counts(charged, now)).map(|charged| charged.amount).sum()
    }

    /// Units that may be used in all at `now`.
    fn there(&self, now: i128) -> i128 {
        let mut missing = 0;
        let mut last = self.start;
        for &refusal in &self.refusals {
            missing = (missing - (refusal - last)).max(0);
            // Half of what is there, in whole nanoseconds of recovery, less rather than more.
            missing += (RECOVERY - missing + 1) / 2;
            last = refusal;
        }
        missing = (missing - (now - last)).max(0);
        (self.limit() * (RECOVERY - missing) / RECOVERY).max(1)
    }

    fn cap(limit: i128, cost: i128, rank: Rank) -> i128 {
        let exits = if limit >= 5 { (limit / 20).max(1) } else { 0 };
        let reducing = if limit >= 5 { limit / 5 } else { 0 };
        match rank {
            Exit => limit.max(cost),
            Cancel | Reduce => limit - exits,
            Modify | New => limit - reducing,
        }
    }

    fn is_never(&self, cost: i128, rank: Rank) -> bool {
        cost > Self::cap(self.limit(), cost, rank)
    }

    fn admits(&self, cost: i128, rank: Rank, now: i128) -> bool {
        let used = self.used(matches!(rank, Exit | Cancel), now);
        let cap = Self::cap(self.there(now), cost, rank);
        now >= self.closed_until && used + cost * self.unit() <= cap * self.unit()
    }

    fn charge(&mut self, amount: i128, now: i128) {
        self.charged.push(Charged { at: now, amount, stays: None });
    }

    fn refund(&mut self, cost: i128, at: i128, now: i128) {
        if matches!(self.limits.kind, BucketKind::Gcra { .. }) && now - at >= self.window() {
            return;
        }
        let before = self.clone();
        let mut taken = 0;
        for charged in &mut self.charged {
            if charged.at == at && before.counts(charged, now) {
                let part = (cost * before.unit() - taken).min(charged.amount);
                charged.amount -= part;
                taken += part;
            }
        }
        self.charged.retain(|charged| charged.amount > 0);
        let sealed = self.headers.iter().rposition(|header| header.seals);
        let since = sealed.map_or(0, |sealed| sealed + 1);
        let limit = match (sealed, self.headers[since..].last()) {
            (Some(sealed), _) if self.headers[sealed].at >= at => 0,
            (_, Some(last)) if last.at >= at => {
                self.headers[since..].iter().map(|header| header.surplus).min().unwrap()
            }
            _ => i128::MAX,
        };
        let given = limit.min(taken / self.unit());
        if limit < i128::MAX {
            self.headers[since..].iter_mut().for_each(|header| header.surplus -= given);
        }
        if taken > given * self.unit() {
            self.charge(taken - given * self.unit(), now);
        }
    }

    fn told(&self, form: FeedbackForm, value: u64) -> i128 {
        let used = if form == Used { i128::from(value) } else { self.venue_limit() - i128::from(value) };
        let is_credits = matches!(self.limits.kind, BucketKind::Gcra { .. });
        used.clamp(0, if is_credits { self.venue_limit() } else { i128::from(u32::MAX) })
    }

    fn header(&mut self, told: i128, is_first: bool, now: i128) {
        let known = self.used(true, now);
        let told = told * self.unit();
        let surplus = if is_first {
            self.guess = None;
            self.charge(told, now);
            (known + self.unit() - 1) / self.unit()
        } else {
            if told > known {
                self.charge(told - known, now);
            }
            (known - told).max(0) / self.unit()
        };
        self.headers.push(Header { at: now, surplus, seals: surplus == 0 });
    }

    fn wall(&mut self, skew: i128, now: i128) {
        let last = self.walls.last().map(|wall| wall.1);
        if last.is_none() {
            self.reference = skew;
        } else if (skew - self.reference).abs() > self.jitter() {
            self.reference = skew;
            self.steps.push(now);
            self.oldest = None;
            self.guess.iter_mut().chain(&mut self.charged).for_each(|charged| charged.stays = None);
        } else if last > Some(skew) {
            let current = self.number(now - self.jitter()).max(self.oldest);
            self.oldest = current;
            let before = self.clone();
            for charged in self.guess.iter_mut().chain(&mut self.charged) {
                if before.counts(charged, now) {
                    charged.stays = charged.stays.max(current);
                }
            }
        }
        self.walls.push((now, skew));
    }

    fn is_over(&self, reset: i64, now: i128) -> bool {
        let (BucketKind::FixedAligned { .. }, Some((_, skew))) = (self.limits.kind, self.walls.last()) else {
            return false;
        };
        let longest = self.window() + 2 * self.jitter();
        let is_doubtful = self.steps.iter().any(|step| now - step < longest);
        let ago = now + skew - i128::from(reset);
        !is_doubtful && ago >= 0 && ago < self.window()
    }
}

/// What happens at a desk: so long after what happened before it.
#[derive(Clone, Copy, Debug)]
enum What {
    Ask(Charge, Rank),
    /// Charged only if it is admitted.
    Request(Charge, Rank),
    /// Charged in any case.
    Force(Charge),
    /// Of one of the charges so far.
    Refund(usize),
    Header {
        bucket: usize,
        form: FeedbackForm,
        value: u64,
        reset: Option<i64>,
    },
    Refusal {
        bucket: usize,
        value: u64,
        retry: u64,
    },
    Ban {
        bucket: usize,
        retry: u64,
    },
    /// The wall clock moves against the engine's.
    Wall {
        by: i64,
    },
}

const START: u64 = 1_000_000;
const UTC: i64 = 1_700_000_000_000_000_123;

fn any_charge() -> impl Strategy<Value = Charge> {
    let action = prop::sample::select(&[OrderAction::New, OrderAction::Modify, OrderAction::Cancel][..]);
    (prop::sample::select(&[0_u16, 1, 2][..]), prop::option::of(0_u16..2), action)
        .prop_map(|(book, instrument, action)| Charge { book, instrument, action })
}

fn any_rank() -> impl Strategy<Value = Rank> {
    prop::sample::select(&RANKS[..])
}

fn any_what() -> impl Strategy<Value = What> {
    let form = prop_oneof![Just(Used), Just(Remaining)];
    let value = prop_oneof![8 => 0_u64..60, 1 => any::<u64>()];
    let reset = prop::option::of(-400_i64..400);
    let by = prop_oneof![6 => -30_i64..30, 2 => -300_i64..300, 1 => -100_000_i64..100_000];
    prop_oneof![
        3 => (any_charge(), any_rank()).prop_map(|(charge, rank)| What::Ask(charge, rank)),
        9 => (any_charge(), any_rank()).prop_map(|(charge, rank)| What::Request(charge, rank)),
        4 => any_charge().prop_map(What::Force),
        4 => any::<prop::sample::Index>().prop_map(|index| What::Refund(index.index(1_000))),
        3 => (0_usize..3, form, value.clone(), reset)
            .prop_map(|(bucket, form, value, reset)| What::Header { bucket, form, value, reset }),
        1 => (0_usize..3, value, 0_u64..3_000)
            .prop_map(|(bucket, value, retry)| What::Refusal { bucket, value: value % 60, retry }),
        1 => (0_usize..3, 0_u64..1_000).prop_map(|(bucket, retry)| What::Ban { bucket, retry }),
        3 => by.prop_map(|by| What::Wall { by }),
    ]
}

fn any_pause() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => Just(0_u64),
        12 => 0_u64..40,
        4 => 0_u64..700,
        1 => 0_u64..400 * 1_000_000_000,
    ]
}

fn any_bucket(id: u32, scope: BucketScope) -> impl Strategy<Value = BucketLimits> {
    let kind = prop_oneof![
        (1_u32..30, 1_u64..400).prop_map(|(limit, window)| sliding(limit, window)),
        (1_u64..60, 1_u32..30).prop_map(|(interval, burst)| gcra(interval, burst)),
        (1_u32..45, 1_u64..400, 0_u64..1_000, 0_u32..3_000).prop_map(|(limit, window, offset, margin)| {
            BucketKind::FixedAligned {
                limit,
                window: Nanos(window),
                offset: Nanos(offset),
                margin: Bps(margin),
            }
        }),
    ];
    let costs = (0_u16..4, 0_u16..3, 0_u16..3);
    let start = prop_oneof![2 => Just(0_u8), 1 => 0_u8..=100];
    (kind, costs, 0_u64..60, start).prop_map(move |(kind, (new, modify, cancel), jitter, start_pct)| {
        BucketLimits {
            scope,
            costs: ActionCosts { new, modify, cancel },
            jitter: Nanos(jitter),
            start_pct,
            ..bucket(id, kind)
        }
    })
}

/// A bucket of the venue, one of account 0, and one of its instrument 0.
fn any_buckets() -> impl Strategy<Value = Vec<BucketLimits>> {
    let first = any_bucket(1, BucketScope::Venue(0));
    let second = any_bucket(2, BucketScope::Account(0));
    (first, second, any_bucket(3, BucketScope::Instrument(0, 0)))
        .prop_map(|(first, second, third)| vec![first, second, third])
}

/// What a charge costs in each bucket.
fn costs(limits: &[BucketLimits], charge: Charge) -> Vec<i128> {
    let main = charge.book != 2;
    let belongs = [true, main, main && charge.instrument == Some(0)];
    let cost = |(limits, belongs): (&BucketLimits, bool)| {
        let cost = match charge.action {
            OrderAction::New => limits.costs.new,
            OrderAction::Modify => limits.costs.modify,
            OrderAction::Cancel => limits.costs.cancel,
        };
        if belongs { i128::from(cost) } else { 0 }
    };
    limits.iter().zip(belongs).map(cost).collect()
}

/// The oracle of all three.
struct Oracle {
    naive: Vec<Naive>,
    told: [bool; 3],
    banned_until: i128,
    charges: Vec<(Charge, u64)>,
    skew: i64,
}

impl Oracle {
    fn admits(&self, costs: &[i128], rank: Rank, now: i128) -> bool {
        let banned = rank != Exit && self.banned_until > now;
        !banned
            && self.naive.iter().zip(costs).all(|(naive, &cost)| cost == 0 || naive.admits(cost, rank, now))
    }

    fn charge(&mut self, costs: &[i128], charge: Charge, now: u64) {
        for (naive, cost) in self.naive.iter_mut().zip(costs).filter(|(_, cost)| **cost > 0) {
            let amount = cost * naive.unit();
            naive.charge(amount, i128::from(now));
        }
        self.charges.push((charge, now));
    }
}

/// Asks both, and holds every part of the answer against the oracle.
fn compare(
    buckets: &Buckets,
    oracle: &Oracle,
    limits: &[BucketLimits],
    ask: (Charge, Rank),
    at: u64,
) -> bool {
    let (charge, rank) = ask;
    let (costs, now) = (costs(limits, charge), i128::from(at));
    let never =
        oracle.naive.iter().zip(&costs).position(|(naive, &cost)| cost > 0 && naive.is_never(cost, rank));
    let answer = buckets.ask(charge, rank, Nanos(at));
    match (answer, never) {
        (Admission::Never { bucket }, Some(expected)) => assert_eq!(usize::from(bucket), expected),
        (Admission::Now, None) => {
            assert!(oracle.admits(&costs, rank, now), "{ask:?} at {at} is not admitted")
        }
        (Admission::Wait { bucket, until: Nanos(until) }, None) => {
            let last = i128::from(until) - 1;
            assert!(
                last >= now && !oracle.admits(&costs, rank, last),
                "{ask:?} at {at}: earlier than {until}"
            );
            assert!(oracle.admits(&costs, rank, last + 1), "{ask:?} at {at}: later than {until}");
            assert_eq!(buckets.ask(charge, rank, Nanos(until)), Admission::Now, "{ask:?} at {until}");
            let (naive, cost) = (&oracle.naive[usize::from(bucket)], costs[usize::from(bucket)]);
            let is_why = oracle.banned_until > last || (cost > 0 && !naive.admits(cost, rank, last));
            assert!(is_why, "{ask:?} at {at}: not because of {bucket}");
        }
        other => panic!("{ask:?} at {at}: {other:?}"),
    }
    answer == Admission::Now
}

fn feedback(bucket: usize, http: u16, form: FeedbackForm, value: u64, reset: i64, retry: u64) -> Event {
    let bucket = bucket as u32 + 1;
    Event::RateFeedback { bucket, http, form, value, window: 0, reset_utc_ns: reset, retry_after: retry }
}

fn apply(buckets: &mut Buckets, oracle: &mut Oracle, limits: &[BucketLimits], what: What, at: u64) {
    let (now, nanos) = (i128::from(at), Nanos(at));
    match what {
        What::Ask(charge, rank) => _ = compare(buckets, oracle, limits, (charge, rank), at),
        What::Request(charge, rank) => {
            if compare(buckets, oracle, limits, (charge, rank), at) {
                buckets.charge(charge, nanos);
                oracle.charge(&costs(limits, charge), charge, at);
            }
        }
        What::Force(charge) => {
            buckets.charge(charge, nanos);
            oracle.charge(&costs(limits, charge), charge, at);
        }
        What::Refund(index) => {
            if oracle.charges.is_empty() {
                return;
            }
            let (charge, since) = oracle.charges.swap_remove(index % oracle.charges.len());
            buckets.refund(charge, Nanos(since), nanos);
            for (naive, cost) in
                oracle.naive.iter_mut().zip(costs(limits, charge)).filter(|(_, cost)| *cost > 0)
            {
                naive.refund(cost, i128::from(since), now);
            }
        }
        What::Header { bucket, form, value, reset } => {
            let reset = reset.map_or(0, |by| at as i64 + oracle.skew + by);
            let event = feedback(bucket, 200, form, value, reset, 0);
            assert_eq!(buckets.feedback(0, &event, nanos), Feedback::Noted);
            let naive = &mut oracle.naive[bucket];
            if !naive.is_over(reset, now) {
                let told = naive.told(form, value);
                naive.header(told, !core::mem::replace(&mut oracle.told[bucket], true), now);
            }
        }
        What::Refusal { bucket, value, retry } => {
            let naive = &mut oracle.naive[bucket];
            let told = naive.told(Used, value);
            if told > 0 {
                naive.header(told, false, now);
            }
            naive.refusals.push(now);
            let closed = if retry == 0 { naive.window() } else { i128::from(retry) };
            naive.closed_until = naive.closed_until.max(now + closed);
            let until = Nanos(naive.closed_until as u64);
            let event = feedback(bucket, 429, Used, value, 0, retry);
            assert_eq!(buckets.feedback(0, &event, nanos), Feedback::Limited { until });
        }
        What::Ban { bucket, retry } => {
            let length = if retry == 0 { oracle.naive[bucket].window() } else { i128::from(retry) };
            oracle.banned_until = oracle.banned_until.max(now + length);
            let until = Nanos(oracle.banned_until as u64);
            let event = feedback(bucket, 418, Used, 0, 0, retry);
            assert_eq!(buckets.feedback(0, &event, nanos), Feedback::Banned { until });
        }
        What::Wall { by } => {
            oracle.skew += by;
            buckets.wall(at as i64 + oracle.skew, nanos);
            for naive in &mut oracle.naive {
                naive.wall(i128::from(oracle.skew), now);
            }
        }
    }
}

proptest! {
    #[test]
    fn buckets_agree_with_a_list_counted_from_scratch(
        limits in any_buckets(),
        history in prop::collection::vec((any_pause(), any_what()), 1..70),
        asked in any_charge(),
    ) {
        let mut buckets = Buckets::new(&desk(limits.clone()), Nanos(START));
        let naive = limits.iter().map(|limits| Naive::new(*limits, i128::from(START))).collect();
        let mut oracle =
            Oracle { naive, told: [false; 3], banned_until: 0, charges: vec![], skew: UTC };
        let mut at = START;
        for (pause, what) in history {
            at += pause;
            apply(&mut buckets, &mut oracle, &limits, what, at);
            for rank in RANKS {
                compare(&buckets, &oracle, &limits, (asked, rank), at);
            }
            for (row, naive) in buckets.rows(Nanos(at)).zip(&oracle.naive) {
                let used = (naive.used(false, i128::from(at)) + naive.unit() - 1) / naive.unit();
                prop_assert_eq!((i128::from(row.used), i128::from(row.limit)), (used, naive.there(i128::from(at))));
            }
        }
    }

    /// Where a log is full, old charges move closer to now; with room for as many as the limit nobody can tell.
    #[test]
    fn a_log_with_room_for_its_limit_decides_like_one_that_never_fills(
        charges in prop::collection::vec((0_u64..30, 1_u64..4), 1..80),
        limit in 1_u64..12,
        jitter in 0_u64..40,
        wall in prop::option::of(0_i64..1_000),
    ) {
        let log = |capacity| {
            let mut window = Aligned::new(Nanos(100), Nanos::ZERO, Nanos(jitter));
            if let Some(utc) = wall {
                window.set_wall(utc, Nanos::ZERO);
            }
            Log::new(window, capacity, 0, Nanos::ZERO)
        };
        let (mut small, mut large) = (log(limit as usize), log(1_000));
        let mut at = 1_000;
        for (pause, units) in charges {
            at += pause;
            small.charge(units, Nanos(at));
            large.charge(units, Nanos(at));
            for later in [0, 1, 50, 99, 100] {
                let now = Nanos(at + later);
                prop_assert!(small.used(false, now) >= large.used(false, now));
                for (cost, cap) in (1..=limit).flat_map(|cap| (1..=cap).map(move |cost| (cost, cap))) {
                    prop_assert_eq!(small.earliest(cost, cap, false, now), large.earliest(cost, cap, false, now));
                }
            }
        }
    }

    /// What is admitted, counted by a venue whose clock and network differ from ours by the jitter.
    #[test]
    fn no_venue_within_the_jitter_sees_more_than_its_limit(
        limits in any_bucket(1, BucketScope::Venue(0)),
        requests in prop::collection::vec((0_u64..30, any_charge(), any_rank(), -100_i128..=100), 1..150),
        skew in 0_i64..10_000,
    ) {
        let mut buckets = Buckets::new(&desk(vec![limits]), Nanos(START));
        buckets.wall(START as i64 + skew, Nanos(START));
        let jitter = i128::from(limits.jitter.0);
        let most = Naive::new(limits, 0).limit();
        // When, how late in percent of the jitter, and what it cost.
        let mut sent: Vec<(i128, i128, i128)> = vec![];
        let mut at = START;
        for (pause, charge, rank, late) in requests {
            at += pause;
            let cost = costs(&[limits; 3], charge)[0];
            // An exit that alone is more than the limit is none of this promise.
            if cost <= most && buckets.ask(charge, rank, Nanos(at)) == Admission::Now {
                buckets.charge(charge, Nanos(at));
                sent.push((i128::from(at), late, cost));
            }
        }
        match limits.kind {
            BucketKind::SlidingLog { window, .. } => {
                let arrival = |at: i128, late: i128| at + late * jitter / 200;
                for &(at, late, _) in &sent {
                    let last = arrival(at, late);
                    let counts = |at: i128, late: i128| {
                        (0..i128::from(window.0)).contains(&(last - arrival(at, late)))
                    };
                    let seen: i128 =
                        sent.iter().filter(|sent| counts(sent.0, sent.1)).map(|sent| sent.2).sum();
                    prop_assert!(seen <= most, "{seen} within the window up to {last}");
                }
            }
            BucketKind::FixedAligned { window, offset, .. } => {
                let number = |at: i128, late: i128| {
                    let utc = at + late * jitter / 100 + i128::from(skew);
                    (utc - i128::from(offset.0)).div_euclid(i128::from(window.0))
                };
                for &(at, late, _) in &sent {
                    let window = number(at, late);
                    let seen: i128 =
                        sent.iter().filter(|sent| number(sent.0, sent.1) == window).map(|sent| sent.2).sum();
                    prop_assert!(seen <= most, "{seen} in window {window}");
                }
            }
            BucketKind::Gcra { interval, .. } => {
                for (index, first) in sent.iter().enumerate() {
                    let mut units = 0;
                    for &(at, _, cost) in &sent[index..] {
                        units += cost;
                        let stretch = at - first.0;
                        let there = (most * i128::from(interval.0) + stretch) / i128::from(interval.0);
                        prop_assert!(units <= there, "{units} within {stretch}");
                    }
                }
            }
        }
    }
}
