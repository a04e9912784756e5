//! A guard's judgement over the readings of a history: peak, soft half and latch, told naively.

use super::*;

/// Peaks, soft cause and latch of one guard, as a person would follow them reading by reading.
pub struct Judge<'a> {
    guard: &'a Guard,
    peaks: Option<[(R, R); 2]>,
    /// A flow found no equity to scale the peak by.
    unpriced: bool,
    soft: bool,
    calm_since: Option<u64>,
    latched: Option<&'static str>,
    /// Whether a breach has begun, since when it counts, and for how long it counted before.
    breached: bool,
    breaching_since: Option<u64>,
    counted_ms: u64,
    /// Losses since the breach began, and the marks seen, per instrument.
    losses: BTreeMap<u16, (R, u32)>,
    last: R,
    last_absent: bool,
    /// `None` once a flow came that nobody could price: what was trusted lacks it.
    last_trusted: Option<(R, R)>,
    /// The samples of a rolling peak that may still count, and the bucket that is being filled.
    samples: Vec<Sample>,
    bucket: u64,
}

/// What a rolling peak remembers: when it began, and both peaks, each with the profit realised then.
struct Sample {
    bucket: u64,
    relative: (R, R),
    absolute: (R, R),
}

impl<'a> Judge<'a> {
    pub fn new(oracle: &'a Oracle, start: &Reading, started_ms: u64) -> Self {
        let mut judge = Judge {
            guard: &oracle.guard,
            peaks: None,
            unpriced: false,
            soft: false,
            calm_since: None,
            latched: None,
            breached: false,
            breaching_since: None,
            counted_ms: 0,
            losses: BTreeMap::new(),
            last: start.equity.clone(),
            last_absent: false,
            last_trusted: Some((start.equity.clone(), start.profit.clone())),
            samples: Vec::new(),
            bucket: 0,
        };
        judge.arm(start, started_ms);
        judge
    }

    fn good(&self, reading: &Reading) -> R {
        if self.guard.basis == Basis::Realised { reading.realised.clone() } else { reading.equity.clone() }
    }

    fn absent(&self, reading: &Reading) -> bool {
        self.guard.basis == Basis::Equity && reading.absent
    }

    fn arm(&mut self, reading: &Reading, now: u64) {
        let good = self.good(reading);
        if !self.absent(reading) && (self.guard.limit_bps.is_none() || good > whole(0)) {
            self.anchor((good, reading.profit.clone()), now);
        }
    }

    /// Measures from here.
    fn anchor(&mut self, here: (R, R), now: u64) {
        self.peaks = Some([here.clone(), here.clone()]);
        self.unpriced = false;
        self.bucket = self.bucket_of(now);
        self.samples = vec![Sample { bucket: self.bucket, relative: here.clone(), absolute: here }];
    }

    fn bucket_of(&self, now_ms: u64) -> u64 {
        match self.guard.anchor {
            Anchor::Rolling(period) => now_ms * 1_000_000 / period.0.div_ceil(63),
            _ => 0,
        }
    }

    /// Takes a sample; the peak is then the highest of those that still held 63 buckets ago or later.
    fn sample(&mut self, here: (R, R), now: u64) {
        if self.latched.is_none() {
            self.bucket = self.bucket_of(now);
        }
        self.samples.push(Sample { bucket: self.bucket, relative: here.clone(), absolute: here });
        let ends = self.samples.iter().skip(1).map(|next| next.bucket).chain([self.bucket]);
        let counts: Vec<&Sample> = (self.samples.iter().zip(ends))
            .filter(|(_, end)| end + 63 >= self.bucket)
            .map(|(sample, _)| sample)
            .collect();
        // What counts is a suffix, and what has stopped to count never does again.
        let counts_len = counts.len();
        let highest = |of: fn(&Sample) -> &(R, R)| {
            let first = of(counts[0]);
            counts.iter().map(|sample| of(sample)).fold(
                first,
                |best, next| {
                    if next.0 > best.0 { next } else { best }
                },
            )
        };
        let relative = highest(|sample| &sample.relative).clone();
        let absolute = highest(|sample| &sample.absolute).clone();
        self.peaks = Some([relative, absolute]);
        let first = self.samples.len() - counts_len;
        self.samples.drain(..first);
    }

    /// Whether losses of these sizes reach `share` of a limit.
    fn reaches(&self, relative: R, absolute: R, share: &R) -> bool {
        let Some([peak, _]) = &self.peaks else { return false };
        let by_share = self
            .guard
            .limit_bps
            .is_some_and(|bps| peak.0 > whole(0) && relative / &peak.0 >= fraction(bps, 10_000) * share);
        by_share || self.guard.limit_abs.is_some_and(|limit| absolute >= whole(limit) / pow10(9) * share)
    }

    /// Follows one event that took the book from one reading to the next.
    pub fn step(&mut self, happened: &Happened, before: &Reading, after: &Reading) {
        let now = happened.at_ms;
        // Timers due at t run before what happens at t, in the order of their deadlines.
        while let Some(due) = self.next_due(before).filter(|&due| due <= now) {
            self.tick(due, before);
        }
        match happened.what {
            What::Flow { amount, .. }
                if before.profit == after.profit && self.good(before) != self.good(after) =>
            {
                self.flow(whole(amount) / pow10(9), before, after);
            }
            What::Bring { .. } if after.brought > before.brought => self.bring(before, after),
            What::Roll => self.roll(before, now),
            _ => {}
        }
        let untouched = match happened.what {
            What::Reset { rebase } => !self.is_reset(rebase, before, now),
            _ => false,
        };
        // A repeat is no reading of the book, nor is a mark of an instrument that is not held.
        let repeat = before.counted == after.counted;
        let stray = match happened.what {
            What::Mark { instrument, .. } => before.positions[&instrument] == 0,
            // Nor is a rate without money that it converts.
            What::Rate { .. } => !after.exposed,
            _ => false,
        };
        if !untouched && !stray && !repeat {
            self.look(happened, after);
        }
        self.last = self.good(after);
        self.last_absent = self.absent(after);
    }

    /// Whether one mark moved equity by too much of the peak before it.
    fn jumped(&self, happened: &Happened, good: &R, absent: bool) -> bool {
        let (Some(bps), Some([relative, absolute])) = (self.guard.jump_bps, &self.peaks) else {
            return false;
        };
        let peak = if self.guard.limit_bps.is_some() { &relative.0 } else { &absolute.0 };
        let moved = if *good > self.last { good - &self.last } else { &self.last - good };
        matches!(happened.what, What::Mark { .. })
            && !absent
            && !self.last_absent
            && *peak > whole(0)
            && moved / peak >= fraction(bps, 10_000)
    }

    /// When a breach has lasted long enough, or the soft cause is over.
    fn next_due(&self, reading: &Reading) -> Option<u64> {
        let breaching = self.breaching_since.filter(|_| self.latched.is_none());
        let counted = breaching.map(|since| since + 500 - self.counted_ms);
        let calm = self.calm_since.filter(|_| self.soft && !self.absent(reading)).map(|since| since + 1_000);
        counted.into_iter().chain(calm).min()
    }

    /// A look without an event: only time has passed.
    fn tick(&mut self, now: u64, reading: &Reading) {
        let (good, absent) = (self.good(reading), self.absent(reading));
        if !absent {
            self.follow(reading, now);
        }
        let breach = !absent && self.breaches(&good);
        self.soften(now, absent, breach, &good, reading);
        if self.calm_since.is_some_and(|since| since + 1_000 <= now) {
            (self.soft, self.calm_since) = (false, None);
        }
        if !breach && !absent {
            self.over();
        }
        if let Some(since) = self.breaching_since {
            (self.counted_ms, self.breaching_since) = (self.counted_ms + now - since, Some(now));
            if self.counted_ms >= 500 && self.latched.is_none() {
                self.latch("time");
            }
        }
    }

    /// Lets the peak follow a trusted reading, where it follows any.
    fn follow(&mut self, reading: &Reading, now: u64) {
        let spike = if self.guard.basis == Basis::Realised { &reading.realised } else { &reading.spike };
        match self.guard.anchor {
            Anchor::Trailing => {
                for peak in self.peaks.as_mut().unwrap() {
                    if *spike > peak.0 {
                        *peak = (spike.clone(), reading.profit.clone());
                    }
                }
            }
            Anchor::Rolling(_) => self.sample((spike.clone(), reading.profit.clone()), now),
            Anchor::Static | Anchor::Session => {}
        }
    }

    fn latch(&mut self, why: &'static str) {
        self.latched.get_or_insert(why);
        self.over();
    }

    /// A flow in the other currency, at its worth; without a rate nobody can tell that.
    fn bring(&mut self, before: &Reading, after: &Reading) {
        if !after.rated {
            self.last = self.good(after);
            if self.peaks.is_some() {
                self.unpriced = true;
                self.last_trusted = None;
                self.latch("flow");
            }
            return;
        }
        self.flow(&after.equity - &before.equity, before, after);
    }

    fn flow(&mut self, amount: R, before: &Reading, after: &Reading) {
        self.last = self.good(after);
        if let Some((equity, _)) = &mut self.last_trusted {
            *equity += &amount;
        }
        let (was, is) = match self.guard.basis {
            Basis::Equity | Basis::Margin => (before.spike.clone(), after.spike.clone()),
            Basis::Realised => (before.realised.clone(), after.realised.clone()),
        };
        let zero = whole(0);
        let priced = !self.absent(before)
            && was > zero
            && is > zero
            && self.good(before) > zero
            && self.good(after) > zero;
        let Some([relative, absolute]) = &mut self.peaks else { return };
        let scale = |peak: &mut (R, R)| {
            let loss = up(&((&peak.1 - &after.profit) * &is / &was), 9);
            *peak = (up(&(&peak.0 * &is / &was), 9), &after.profit + loss);
        };
        let mut shifted: Vec<&mut (R, R)> = vec![absolute];
        let mut scaled: Vec<&mut (R, R)> = vec![relative];
        for sample in &mut self.samples {
            shifted.push(&mut sample.absolute);
            scaled.push(&mut sample.relative);
        }
        shifted.into_iter().for_each(|peak| peak.0 += &amount);
        if priced {
            scaled.into_iter().for_each(scale);
        } else if self.guard.limit_bps.is_some() {
            self.unpriced = true;
            self.latch("flow");
        }
    }

    fn roll(&mut self, reading: &Reading, now: u64) {
        if self.guard.anchor != Anchor::Session || self.peaks.is_none() {
            return;
        }
        let open = if self.absent(reading) {
            self.last_trusted.clone()
        } else {
            Some((self.good(reading), reading.profit.clone()))
        };
        if let Some(open) = open {
            self.anchor(open, now);
        }
    }

    /// Resets the latch, unless that is refused. Only then is the book read.
    fn is_reset(&mut self, rebase: bool, reading: &Reading, now: u64) -> bool {
        if self.latched.is_none() {
            return false;
        }
        let good = self.good(reading);
        if rebase {
            if self.absent(reading) || (self.guard.limit_bps.is_some() && good <= whole(0)) {
                return false;
            }
            self.anchor((good, reading.profit.clone()), now);
        } else if self.unpriced || self.absent(reading) || self.peak_is_meaningless() || self.breaches(&good)
        {
            return false;
        }
        self.latched = None;
        self.over();
        true
    }

    fn breaches(&self, good: &R) -> bool {
        let Some([relative, absolute]) = &self.peaks else { return false };
        self.reaches(&relative.0 - good, &absolute.0 - good, &whole(1))
    }

    fn peak_is_meaningless(&self) -> bool {
        self.guard.limit_bps.is_some() && self.peaks.as_ref().is_some_and(|peaks| peaks[0].0 <= whole(0))
    }

    fn look(&mut self, happened: &Happened, reading: &Reading) {
        let (now, good, absent) = (happened.at_ms, self.good(reading), self.absent(reading));
        if self.peaks.is_none() {
            self.arm(reading, now);
            if self.peaks.is_none() {
                return;
            }
        }
        let jumped = self.jumped(happened, &good, absent);
        if !absent {
            self.last_trusted = Some((good.clone(), reading.profit.clone()));
            self.follow(reading, now);
        }
        if self.peak_is_meaningless() {
            self.latch("peak");
        }
        let breach = !absent && self.breaches(&good);
        self.soften(now, absent, breach || jumped, &good, reading);
        if self.latched.is_none() {
            self.confirm(happened, absent, breach, &good, reading);
        }
    }

    fn soften(&mut self, now: u64, absent: bool, breach: bool, good: &R, reading: &Reading) {
        let settled = reading.flat && !absent;
        if (breach || absent) && !settled {
            (self.soft, self.calm_since) = (true, None);
        } else if settled {
            (self.soft, self.calm_since) = (false, None);
        } else if self.soft {
            let [relative, absolute] = self.peaks.as_ref().unwrap();
            let nine_tenths = fraction(9, 10);
            if self.reaches(&relative.0 - good, &absolute.0 - good, &nine_tenths) {
                self.calm_since = None;
            } else {
                self.calm_since.get_or_insert(now);
            }
        }
    }

    fn confirm(&mut self, happened: &Happened, absent: bool, breach: bool, good: &R, reading: &Reading) {
        let now = happened.at_ms;
        if !breach && !absent {
            self.over();
            return;
        }
        self.breached |= breach;
        let (touched, is_mark) = match happened.what {
            What::Fill { instrument, .. }
            | What::Total { instrument, .. }
            | What::Fee { instrument, .. }
            | What::Bust { instrument, .. }
            | What::Settle { instrument, .. } => (Some(instrument), false),
            What::Mark { instrument, .. } => (Some(instrument), true),
            What::Funding { .. } | What::Flow { .. } | What::Pay { .. } | What::Bring { .. } => {
                (Some(PLAIN), false)
            }
            What::Roll | What::Reset { .. } | What::Rate { .. } | What::Restart => (None, false),
        };
        if let Some(instrument) = touched.filter(|_| self.breached) {
            let entry = self.losses.entry(instrument).or_insert((whole(0), 0));
            entry.0 += good - &self.last;
            entry.1 += u32::from(is_mark && breach);
        }
        if let Some(since) = self.breaching_since {
            self.counted_ms += now - since;
        }
        self.breaching_since = breach.then_some(now);
        if !breach {
            return;
        }
        let [relative, absolute] = self.peaks.as_ref().unwrap();
        let realised = self.guard.basis == Basis::Realised
            || self.reaches(&relative.1 - &reading.profit, &absolute.1 - &reading.profit, &whole(1));
        let worst = self.losses.values().min_by(|a, b| a.0.cmp(&b.0));
        let marked = worst.is_some_and(|worst| worst.1 >= 1);
        if reading.flat || realised || marked || self.counted_ms >= 500 {
            self.latch("drawdown");
        }
    }

    /// No breach any more; the next one starts from nothing.
    fn over(&mut self) {
        self.breached = false;
        self.breaching_since = None;
        self.counted_ms = 0;
        self.losses.clear();
    }

    pub fn verdict(&self) -> Verdict {
        let unarmed = self.peaks.is_none();
        let state = if self.latched.is_some() || unarmed {
            TradingState::Halted
        } else if self.soft {
            TradingState::ReduceOnly
        } else {
            TradingState::Active
        };
        let peak = self.peaks.as_ref().map(|peaks| {
            let [relative, absolute] = peaks;
            if self.guard.limit_bps.is_some() { relative.0.clone() } else { absolute.0.clone() }
        });
        Verdict { state, peak }
    }
}
