//! HOT: GCRA, the generic cell rate algorithm of ITU-T I.371: credits that come back one by one.
//!
//! Each unit takes `interval` to come back and `burst` of them are there at most. The whole state is one instant, the
//! theoretical arrival time, at which everything charged will have come back: its distance from now is what is used, in
//! ns. A charge moves it to `max(arrival, now) + cost · interval`. Admitted is `used + cost · interval <= cap · interval`,
//! so at most `burst` at once, and in any stretch of time d at most `burst + d / interval`.
//!
//! **A refund** is what the arrival time would be had the charge not been made, which no arithmetic on the arrival time
//! alone can tell: an idle stretch would have begun earlier. So the charges of the last `burst · interval`, in which a
//! full burst comes back, are remembered and replayed without it. An older charge is not refunded, nor one that had
//! to make room because very many were forced through: both times we count too much, never too little.
//!
//! A venue's header counts up to the burst, which is the most that can be used of credits: a header above that is not of
//! this kind of bucket, and must not close it for hours.
//!
//! Does not catch: a venue that counts in windows. Choose `burst + (window + jitter) / interval <= limit` for that.

use std::collections::VecDeque;

#[cfg(feature = "sidecar")]
use crate::engine::snapshot::fit::{Fit, into_queue};
use crate::model::Nanos;

/// Charges remembered for refunds: at least, for what is forced into a small bucket, and at most.
const REMEMBERED: (usize, usize) = (1_024, 65_536);

/// What one instant cost.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Cost {
    at: Nanos,
    cost: Nanos,
}

/// When everything will have come back.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
struct Arrival {
    /// Of what was charged.
    charged: Nanos,
    /// The same had the guess at what was used before the start been charged first.
    guessed: Nanos,
}

/// Credits.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Gcra {
    interval: u64,
    burst: u64,
    arrival: Arrival,
    /// The arrival as it was before the oldest cost that is remembered.
    settled: Arrival,
    costs: VecDeque<Cost>,
    #[cfg_attr(feature = "sidecar", serde(skip))]
    capacity: usize,
}

impl Arrival {
    fn advance(&mut self, cost: Cost) {
        self.charged = self.charged.max(cost.at).after(cost.cost);
        self.guessed = self.guessed.max(cost.at).after(cost.cost);
    }

    const fn of(&self, exempt: bool) -> Nanos {
        if exempt { self.charged } else { self.guessed }
    }
}

#[cfg(feature = "sidecar")]
impl Fit for Gcra {
    fn fit(&mut self, fresh: Self) -> bool {
        self.capacity = fresh.capacity;
        into_queue(&mut self.costs, fresh.costs)
    }
}

impl Gcra {
    /// Credits of which `guess` are taken for used at `now`.
    pub(super) fn new(interval: Nanos, burst: u32, guess: u32, now: Nanos) -> Self {
        // In the time that is remembered at most one burst is there and another comes back.
        let capacity = (burst as usize).saturating_mul(2).clamp(REMEMBERED.0, REMEMBERED.1);
        let mut arrival = Arrival { charged: now, guessed: now };
        arrival.guessed = now.after(Nanos(interval.0.saturating_mul(u64::from(guess))));
        Self {
            interval: interval.0,
            burst: u64::from(burst),
            arrival,
            settled: arrival,
            costs: VecDeque::with_capacity(capacity),
            capacity,
        }
    }

    /// The time in which a full burst comes back.
    pub(super) fn span(&self) -> Nanos {
        self.time(self.burst)
    }

    /// Units that are not back at `now`, a started one counted whole.
    pub(super) fn used(&self, exempt: bool, now: Nanos) -> u64 {
        let interval = self.interval.max(1);
        self.arrival.of(exempt).since(now).0.div_ceil(interval)
    }

    /// The earliest instant from `now` on at which `cost` more units keep within `cap`; [`Nanos::NEVER`] when they
    /// alone exceed it.
    pub(super) fn earliest(&self, cost: u64, cap: u64, exempt: bool, now: Nanos) -> Nanos {
        let Some(room) = cap.checked_sub(cost) else { return Nanos::NEVER };
        let earliest = self.arrival.of(exempt).0.saturating_sub(self.time(room).0);
        Nanos(earliest).max(now)
    }

    pub(super) fn charge(&mut self, units: u64, now: Nanos) {
        self.charge_time(self.time(units), now);
    }

    /// Takes back up to `units` of what was charged at the instant `at`; how many.
    pub(super) fn refund(&mut self, units: u64, at: Nanos, now: Nanos) -> u64 {
        if now.since(at) >= self.span() {
            return 0;
        }
        let index = self.costs.partition_point(|cost| cost.at < at);
        let wanted = self.time(units);
        let Some(cost) = self.costs.get_mut(index).filter(|cost| cost.at == at) else { return 0 };
        let taken = wanted.min(cost.cost);
        cost.cost = cost.cost.since(taken);
        if cost.cost == Nanos::ZERO {
            self.costs.remove(index);
        }
        self.replay();
        taken.0.checked_div(self.interval).unwrap_or(0)
    }

    /// The venue has counted `header` units. What we did not know of is charged now; how much more than that we count.
    pub(super) fn raise(&mut self, header: u64, now: Nanos) -> u64 {
        let told = self.time(header.min(self.burst));
        let known = self.arrival.charged.since(now);
        self.charge_time(told.since(known), now);
        known.since(told).0.checked_div(self.interval).unwrap_or(0)
    }

    /// The first word from the venue since the start: its count takes the place of the guess, on top of everything we
    /// have charged since, because none of that need have reached it. How much that is.
    pub(super) fn replace_guess(&mut self, header: u64, now: Nanos) -> u64 {
        self.settled.guessed = self.settled.charged;
        self.replay();
        let in_flight = self.used(true, now);
        self.charge_time(self.time(header.min(self.burst)), now);
        in_flight
    }

    fn charge_time(&mut self, time: Nanos, now: Nanos) {
        if time == Nanos::ZERO {
            return;
        }
        while let Some(oldest) = self.costs.front().filter(|oldest| now.since(oldest.at) >= self.span()) {
            self.settled.advance(*oldest);
            self.costs.pop_front();
        }
        self.arrival.advance(Cost { at: now, cost: time });
        match self.costs.back_mut() {
            Some(last) if last.at >= now => last.cost = last.cost.after(time),
            _ => {
                if self.costs.len() >= self.capacity
                    && let Some(oldest) = self.costs.pop_front()
                {
                    self.settled.advance(oldest);
                }
                self.costs.push_back(Cost { at: now, cost: time });
            }
        }
    }

    fn replay(&mut self) {
        self.arrival = self.settled;
        for &cost in &self.costs {
            self.arrival.advance(cost);
        }
    }

    /// How long `units` take to come back. An interval is at most a day, below 2^47 ns, and a charge or a burst at most
    /// 2^16 units: the product stays below 2^63.
    const fn time(&self, units: u64) -> Nanos {
        Nanos(self.interval.saturating_mul(units))
    }
}
