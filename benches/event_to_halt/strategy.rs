//! The strategy under measurement: the calls that a C program makes, in the order it makes them.

use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::path::Path;
use std::time::{Duration, Instant};

use tripline::sync::Ordering;

use super::ffi::{
    TRIPLINE_OK, tripline_attach, tripline_attach_options, tripline_client, tripline_detach, tripline_event,
    tripline_gate, tripline_last_error, tripline_look_up, tripline_message, tripline_poll,
    tripline_positions, tripline_publish, tripline_request, tripline_strerror, tripline_target,
};
use super::inline_gate::InlineGate;
use super::{ACCOUNTS, Failure};

/// Kinds, bits and values of `tripline.h` that this strategy uses.
const ORDER_NEW: u8 = 10;
const ORDER_ACK: u8 = 20;
const ORDER_DONE: u8 = 23;
const FILL: u8 = 30;
const MARK: u8 = 40;
const SELL: u8 = 1;
const MARK_PRESENT: u8 = 1;
const LIMIT_GTC: u64 = 1 | 1 << 8;
const VERDICT: u8 = 1;
const VERDICT_PASS: u8 = 1;
const HALTED: i32 = 0;
const PASS: i32 = 3;

/// In price units of 0.01: bought at the mark, sold at a loss of twice the limit.
const BOUGHT_AT: u64 = 10_000;
const SOLD_AT: u64 = 90_00;

const WITHIN: Duration = Duration::from_secs(5);
/// Looks at the gate before a halt is given up: above a second.
const LOOKS: u32 = 50_000_000;
/// Pauses before a measured event last from the first to about the sum of both, in nanoseconds.
const PAUSE: u64 = 2_000;
const PAUSE_SPREAD: u64 = 0x1fff;

/// The name of an account.
pub(crate) fn account(index: usize) -> String {
    format!("a{index:02}")
}

/// The attached strategy.
pub(crate) struct Strategy {
    client: *mut tripline_client,
    targets: Vec<tripline_target>,
    orders: u64,
    marks: u64,
    random: Cell<u64>,
    checksum: u64,
}

fn check(what: &str, code: i32) -> Result<(), Failure> {
    if code == TRIPLINE_OK {
        return Ok(());
    }
    // SAFETY: both functions return terminated strings that live long enough.
    let (meaning, detail) =
        unsafe { (CStr::from_ptr(tripline_strerror(code)), CStr::from_ptr(tripline_last_error())) };
    Err(format!("{what}: {} ({})", meaning.to_string_lossy(), detail.to_string_lossy()))
}

fn c_string(text: &str) -> Result<CString, Failure> {
    CString::new(text).map_err(|error| error.to_string())
}

impl Strategy {
    /// Attaches, finds every target and publishes the first mark.
    pub(crate) fn attach(run_dir: &Path) -> Result<Self, Failure> {
        let (dir, name) = (c_string(&run_dir.to_string_lossy())?, c_string("bench")?);
        let options = tripline_attach_options {
            size: size_of::<tripline_attach_options>() as u32,
            reserved: 0,
            runtime_dir: dir.as_ptr(),
            strategy: name.as_ptr(),
        };
        let mut client = std::ptr::null_mut();
        // SAFETY: options, strings and the out-pointer are live.
        check("attach", unsafe { tripline_attach(&raw const options, &raw mut client) })?;
        let mut strategy =
            Self { client, targets: Vec::new(), orders: 0, marks: 0, random: Cell::new(1), checksum: 0 };
        let instrument = c_string("BENCH")?;
        for index in 0..ACCOUNTS {
            let account = c_string(&account(index))?;
            let mut target = tripline_target::default();
            // SAFETY: the client was just attached; strings and target are live.
            let code =
                unsafe { tripline_look_up(client, account.as_ptr(), instrument.as_ptr(), &raw mut target) };
            check("look-up", code)?;
            strategy.targets.push(target);
        }
        strategy.mark()?;
        strategy.await_applied()?;
        strategy.await_pass()?;
        Ok(strategy)
    }

    /// One halt on every account; hands the nanoseconds of each to `add`.
    pub(crate) fn halt_each(&mut self, mut add: impl FnMut(u64)) -> Result<(), Failure> {
        for index in 0..ACCOUNTS {
            add(self.halt(index)?);
        }
        Ok(())
    }

    /// Loses ten at a limit of five: the nanoseconds from before publishing the fill to reading HALTED.
    fn halt(&mut self, index: usize) -> Result<u64, Failure> {
        let target = self.targets[index];
        let (buy, sell) = (self.orders + 1, self.orders + 2);
        self.orders += 2;
        self.order(&target, 0, buy, BOUGHT_AT)?;
        self.publish(&event(&target, FILL, 0, [buy, buy, BOUGHT_AT, 1, 0]))?;
        self.order(&target, SELL, sell, SOLD_AT)?;
        let fill = event(&target, FILL, SELL, [sell, sell, SOLD_AT, 1, 0]);
        self.await_applied()?;
        if self.gate(&target) != PASS {
            return Err(format!("the gate of {} does not pass before the event", account(index)));
        }
        let before = self.epoch();
        self.pause();
        let start = Instant::now();
        let published = self.publish(&fill);
        let mut looks = 0;
        while self.gate(&target) != HALTED && looks < LOOKS {
            looks += 1;
        }
        let nanos = start.elapsed().as_nanos() as u64;
        published?;
        if looks == LOOKS || self.epoch() <= before {
            return Err(format!("no halt of {} with a new epoch after the event", account(index)));
        }
        self.checksum = self.checksum.wrapping_add(self.epoch());
        Ok(nanos)
    }

    /// One permission on every account; hands the nanoseconds of each to `add`.
    pub(crate) fn permit_each(&mut self, mut add: impl FnMut(u64)) -> Result<(), Failure> {
        for index in 0..ACCOUNTS {
            add(self.permit(index)?);
        }
        Ok(())
    }

    /// Asks for an order and polls until its verdict: the nanoseconds between. Then the order is acknowledged and
    /// canceled, so that nothing is left of it.
    fn permit(&mut self, index: usize) -> Result<u64, Failure> {
        let target = self.targets[index];
        self.orders += 1;
        let id = self.orders;
        let request = event(&target, ORDER_NEW, 0, [id, BOUGHT_AT, 1, LIMIT_GTC, 0]);
        self.await_applied()?;
        self.pause();
        let (mut position, mut message) = (0, tripline_message::default());
        let start = Instant::now();
        // SAFETY: attached; event and position are live.
        let asked = unsafe { tripline_request(self.client, &raw const request, &raw mut position) };
        let mut looks = 0;
        loop {
            // SAFETY: attached; the message is live.
            let polled = unsafe { tripline_poll(self.client, &raw mut message) };
            if polled == 1 && message.kind == VERDICT && message.position == position || looks == LOOKS {
                break;
            }
            looks += 1;
        }
        let nanos = start.elapsed().as_nanos() as u64;
        check("request", asked)?;
        if looks == LOOKS || message.state != VERDICT_PASS || message.id != id {
            return Err(format!("no permission for an order of {}: {message:?}", account(index)));
        }
        self.publish(&event(&target, ORDER_ACK, 0, [id, id, BOUGHT_AT, 1, 0]))?;
        self.publish(&event(&target, ORDER_DONE, 0, [id, 0, 0, 0, 0]))?;
        Ok(nanos)
    }

    fn order(&mut self, target: &tripline_target, side: u8, id: u64, px: u64) -> Result<(), Failure> {
        self.publish(&event(target, ORDER_NEW, side, [id, px, 1, LIMIT_GTC, 0]))?;
        self.publish(&event(target, ORDER_ACK, side, [id, id, px, 1, 0])).map(drop)
    }

    fn mark(&mut self) -> Result<(), Failure> {
        self.marks += 1;
        let mark = event(&self.targets[0], MARK, MARK_PRESENT, [BOUGHT_AT, 0, 0, 0, self.marks]);
        self.publish(&mark).map(drop)
    }

    #[inline]
    fn publish(&self, event: &tripline_event) -> Result<u64, Failure> {
        let mut position = 0;
        // SAFETY: attached; event and position are live.
        check("publish", unsafe { tripline_publish(self.client, event, &raw mut position) })?;
        Ok(position)
    }

    #[inline]
    fn gate(&self, target: &tripline_target) -> i32 {
        // SAFETY: attached; the target is live.
        unsafe { tripline_gate(self.client, target) }
    }

    /// The newest halt epoch that a gate has shown.
    pub(crate) fn epoch(&self) -> u64 {
        // SAFETY: attached, so the view is mapped. Relaxed: stored by this thread's gate calls.
        unsafe { (*self.client).seen_epoch.load(Ordering::Relaxed) }
    }

    /// Waits until everything published has been applied.
    pub(crate) fn await_applied(&self) -> Result<(), Failure> {
        let by = Instant::now() + WITHIN;
        loop {
            let (mut next, mut applied) = (0, 0);
            // SAFETY: attached; both out-pointers are live.
            check("positions", unsafe { tripline_positions(self.client, &raw mut next, &raw mut applied) })?;
            if applied == next {
                return Ok(());
            }
            if Instant::now() >= by {
                return Err("the sidecar does not apply events any more".into());
            }
        }
    }

    /// Waits until every gate passes.
    pub(crate) fn await_pass(&self) -> Result<(), Failure> {
        let by = Instant::now() + WITHIN;
        while !self.targets.iter().all(|target| self.gate(target) == PASS) {
            if Instant::now() >= by {
                return Err("a gate does not pass".into());
            }
        }
        Ok(())
    }

    /// Lets a random moment pass, so that events meet the core's turn anywhere.
    pub(crate) fn pause(&self) {
        // xorshift64.
        let mut random = self.random.get();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        self.random.set(random);
        let length = Duration::from_nanos(PAUSE + (random & PAUSE_SPREAD));
        let start = Instant::now();
        while start.elapsed() < length {
            std::hint::spin_loop();
        }
    }

    /// Nanoseconds of one `tripline_publish` in a burst, while the core takes the events out at the other end.
    pub(crate) fn publish_cost(&mut self) -> Result<f64, Failure> {
        const BURST: u32 = 64;
        let mut costs = Vec::new();
        for _ in 0..500 {
            let start = Instant::now();
            for _ in 0..BURST {
                self.mark()?;
            }
            costs.push(start.elapsed().as_nanos() as f64 / f64::from(BURST));
            self.await_applied()?;
        }
        Ok(median(costs))
    }

    /// Nanoseconds of one exported gate, and of one inline gate where a C compiler was found.
    pub(crate) fn gate_cost(
        &self,
        inline: &Result<InlineGate, Failure>,
    ) -> Result<[Result<f64, Failure>; 2], Failure> {
        let target = self.targets[0];
        let exported = cost_of(|rounds| (0..rounds).map(|_| i64::from(self.gate(&target))).sum())?;
        let inlined = match inline {
            // SAFETY: attached; the target is live.
            Ok(gate) => Ok(cost_of(|rounds| unsafe { gate.sum(self.client, &target, rounds) })?),
            Err(failure) => Err(failure.clone()),
        };
        Ok([Ok(exported), inlined])
    }

    /// The sum of the epochs that halts have shown.
    pub(crate) fn checksum(&self) -> u64 {
        self.checksum
    }
}

impl Drop for Strategy {
    fn drop(&mut self) {
        // SAFETY: attached, and not used afterwards.
        let _code = unsafe { tripline_detach(self.client) };
    }
}

fn event(target: &tripline_target, kind: u8, flags: u8, [a, b, c, d, e]: [u64; 5]) -> tripline_event {
    tripline_event { kind, flags, reserved: 0, handle: target.handle, a, b, c, d, e }
}

/// Nanoseconds of one of the gates that `sum` reads and adds up; every one must pass.
fn cost_of(sum: impl Fn(u64) -> i64) -> Result<f64, Failure> {
    const ROUNDS: u64 = 1_000;
    let mut costs = Vec::new();
    for _ in 0..500 {
        let start = Instant::now();
        let passed = sum(ROUNDS);
        costs.push(start.elapsed().as_nanos() as f64 / ROUNDS as f64);
        if passed != i64::from(PASS) * ROUNDS as i64 {
            return Err(format!("{ROUNDS} gates add up to {passed}, so not all passed"));
        }
    }
    Ok(median(costs))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
