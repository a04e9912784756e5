//! The demo's strategy process: a strategy written against the C ABI, call for call what a C program does.
//!
//! The library's source is compiled in, as a C program links `libtripline.a`. What happens is told on standard
//! output, one line each, for the demo that started it:
//!
//! ```text
//! mark INDEX GATE                              some of the marks, so that the screen moves
//! halt INDEX GATE EPOCH_BEFORE EPOCH_AFTER NS  the gate changed after this mark, seen NS after publishing
//! refused INDEX GATE                           an order was due and was not sent
//! done POINTS GATE                             the path is over
//! ```

#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::io::{self, Write};
use std::time::{Duration, Instant};

use tripline::control::cli::ExitCode;
use tripline::control::cli::args::StrategyArgs;
use tripline::control::demo;
use tripline::control::demo::tape::{Point, Tape};
use tripline::sync::Ordering;

use super::ffi::{
    TRIPLINE_OK, tripline_attach, tripline_attach_options, tripline_client, tripline_detach, tripline_event,
    tripline_gate, tripline_last_error, tripline_look_up, tripline_may_send, tripline_positions,
    tripline_publish, tripline_strerror, tripline_target,
};

/// Kinds and bits of `tripline.h` that this strategy uses.
const ORDER_NEW: u8 = 10;
const ORDER_ACK: u8 = 20;
const FILL: u8 = 30;
const MARK: u8 = 40;
const SELL: u8 = 1;
const MARK_PRESENT: u8 = 1;
const LIMIT_GTC: u64 = 1 | 1 << 8;

/// A sidecar that does not apply an event for this long is not going to.
const APPLIED_WITHIN: Duration = Duration::from_secs(5);
const TOLD_EVERY: Duration = Duration::from_millis(40);

/// Why the strategy gave up, in words.
type Failure = String;

/// Runs the path as a strategy of the sidecar in `args.runtime_dir`.
pub(crate) fn run(args: &StrategyArgs) -> ExitCode {
    // The demo that starts this process holds signals back for itself, and the mask is inherited.
    tripline::runtime::pin::release_signals();
    let tape = demo::load(args.csv.as_deref()).map_err(|error| error.to_string());
    let outcome = tape.and_then(|tape| Strategy::attach(args)?.trade(&tape, args));
    match outcome {
        Ok(()) => ExitCode::Ok,
        Err(failure) => {
            eprintln!("strategy: {failure}");
            ExitCode::Failure
        }
    }
}

struct Strategy {
    client: *mut tripline_client,
    target: tripline_target,
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

impl Strategy {
    fn attach(args: &StrategyArgs) -> Result<Self, Failure> {
        let c_string = |text: &str| CString::new(text).map_err(|error| error.to_string());
        let runtime_dir = c_string(&args.runtime_dir.to_string_lossy())?;
        let (strategy, account, instrument) = (c_string("demo")?, c_string("main")?, c_string("DEMO")?);
        let options = tripline_attach_options {
            size: size_of::<tripline_attach_options>() as u32,
            reserved: 0,
            runtime_dir: runtime_dir.as_ptr(),
            strategy: strategy.as_ptr(),
        };
        let mut client = std::ptr::null_mut();
        // SAFETY: options, strings and the out-pointer are live.
        check("attach", unsafe { tripline_attach(&raw const options, &raw mut client) })?;
        let mut target = tripline_target::default();
        // SAFETY: the client was just attached; the strings are live.
        let code =
            unsafe { tripline_look_up(client, account.as_ptr(), instrument.as_ptr(), &raw mut target) };
        check("look-up", code)?;
        Ok(Self { client, target })
    }

    fn trade(self, tape: &Tape, args: &StrategyArgs) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        let started = Instant::now();
        let mut told: Option<Instant> = None;
        let mut refused = false;
        for (index, point) in tape.points.iter().enumerate() {
            pace(started, index, tape.points.len(), args.pace);
            let (before, seen) = self.publish_mark(index, point)?;
            if index == 0 {
                self.open_position(point, args.qty_units)?;
            }
            let gate = self.gate();
            if let Some(nanos) = seen {
                say(&mut out, format_args!("halt {index} {gate} {before} {} {nanos}", self.epoch()))?;
            }
            if !refused && !self.may_send() {
                refused = true;
                say(&mut out, format_args!("refused {index} {gate}"))?;
            }
            if told.is_none_or(|at| at.elapsed() >= TOLD_EVERY) {
                told = Some(Instant::now());
                say(&mut out, format_args!("mark {index} {gate}"))?;
            }
        }
        say(&mut out, format_args!("done {} {}", tape.points.len(), self.gate()))?;
        // SAFETY: attached, and not used afterwards.
        check("detach", unsafe { tripline_detach(self.client) })
    }

    /// Publishes a mark and waits until the sidecar has applied it, watching the gate all the while: the halt epoch
    /// before, and the nanoseconds from publishing to the gate's change, if it changed.
    fn publish_mark(&self, index: usize, point: &Point) -> Result<(u64, Option<u64>), Failure> {
        self.gate();
        let before = self.epoch();
        let mark = self.event(MARK, MARK_PRESENT, [point.px as u64, 0, 0, 0, index as u64 + 1]);
        let published = Instant::now();
        let position = self.publish(&mark)?;
        let mut seen = None;
        loop {
            // The position first: what it has passed, the gate read after it shows.
            let applied = self.applied()? > position;
            self.gate();
            if seen.is_none() && self.epoch() != before {
                seen = Some(published.elapsed().as_nanos() as u64);
            }
            if applied {
                return Ok((before, seen));
            }
            if published.elapsed() > APPLIED_WITHIN {
                return Err("the sidecar does not apply events any more".into());
            }
            std::hint::spin_loop();
        }
    }

    /// The one order of the demo: sent only because the gate passes, acknowledged and filled at once.
    fn open_position(&self, point: &Point, qty_units: i64) -> Result<(), Failure> {
        if !self.may_send() {
            return Err("the gate does not pass the first order; is the sidecar armed?".into());
        }
        let side = if qty_units < 0 { SELL } else { 0 };
        let (px, qty) = (point.px as u64, qty_units.unsigned_abs());
        self.publish(&self.event(ORDER_NEW, side, [1, px, qty, LIMIT_GTC, 0]))?;
        self.publish(&self.event(ORDER_ACK, side, [1, 1, px, qty, point.at_utc_ns as u64]))?;
        self.publish(&self.event(FILL, side, [1, 1, px, qty, 0])).map(drop)
    }

    fn event(&self, kind: u8, flags: u8, [a, b, c, d, e]: [u64; 5]) -> tripline_event {
        tripline_event { kind, flags, reserved: 0, handle: self.target.handle, a, b, c, d, e }
    }

    fn publish(&self, event: &tripline_event) -> Result<u64, Failure> {
        let mut position = 0;
        // SAFETY: attached; event and position are live.
        check("publish", unsafe { tripline_publish(self.client, event, &raw mut position) })?;
        Ok(position)
    }

    fn applied(&self) -> Result<u64, Failure> {
        let mut applied = 0;
        // SAFETY: attached; a null out-pointer is allowed.
        let code = unsafe { tripline_positions(self.client, std::ptr::null_mut(), &raw mut applied) };
        check("positions", code)?;
        Ok(applied)
    }

    fn gate(&self) -> i32 {
        // SAFETY: attached; the target is live.
        unsafe { tripline_gate(self.client, &raw const self.target) }
    }

    fn may_send(&self) -> bool {
        // SAFETY: as above.
        unsafe { tripline_may_send(self.client, &raw const self.target) == 1 }
    }

    /// The newest halt epoch that the gate has shown.
    fn epoch(&self) -> u64 {
        // SAFETY: attached, so the view is mapped. Relaxed: stored by this thread's gate calls.
        unsafe { (*self.client).seen_epoch.load(Ordering::Relaxed) }
    }
}

/// Waits until it is the point's turn, so that the whole path takes `pace`.
fn pace(started: Instant, index: usize, points: usize, pace: Duration) {
    let due = pace.mul_f64(index as f64 / points.max(1) as f64);
    let early = due.saturating_sub(started.elapsed());
    if !early.is_zero() {
        tripline::runtime::pin::sleep(early.as_nanos() as u64);
    }
}

fn say(out: &mut impl Write, line: std::fmt::Arguments<'_>) -> Result<(), Failure> {
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| error.to_string())
}
