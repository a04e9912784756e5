//! The core killed at single instructions between taking a record and telling what it led to, and its successor on its way
//! to a first lease: whatever the instruction, each event counts once and each request has one verdict.
//!
//! The core is stopped while a fill and a request wait in its lane, then runs so many instructions (ptrace) and is killed.
//! How many it takes from there to the position that says both are consumed is measured first; the kills are spread over
//! that. `make test` takes every seventh in its optimised half, `make crash-matrix` each:
//! `TRIPLINE_STRIDE=1 cargo test --release --test crash_steps`.

mod support;

use std::sync::Arc;

use support::process::{children, signal};
use support::seed::Seed;
use support::sidecar::{Attached, Setup, Sidecar};
use support::traced::{Traced, stride};
use support::{not_run, wait_for};
use tripline::journal::log::{FIRST, Found, HotLog};
use tripline::model::event::{DoneStatus, Initiator, Intent, OrderAttrs, OrderId, OrderType, TimeInForce};
use tripline::model::verdict::{Verdict, VerdictRecord};
use tripline::model::{Event, Flags, Lots, Nanos, Ticks};
use tripline::runtime::pin;
use tripline::shm::client::ClientError;
use tripline::shm::segment::Segment;
use tripline::wire::answer::{Answer, DIRECTIVE_KIND, VERDICT_KIND};

/// Kills in an ordinary run; the stride follows.
const KILLS: u64 = 24;
/// Sidecars at once: a step is mostly the wait for a switch.
const SCENES: u64 = 2;
const SEED: &str = "crash_steps wherever_a_core_is_killed";
/// Instructions after which a core that has not consumed two records never will.
const MOST_STEPS: u64 = 3_000_000;
/// Lots an order may add to a position of one: a reserve that leaked would leave no room for the next.
const ROOM: i64 = 3;

fn setup() -> Setup {
    Setup { lease: "1s", keys: "duplicates = \"off\"", max_position: "4", ..Setup::default() }
}

struct Scene {
    sidecar: Sidecar,
    control: u32,
    attached: Attached,
    fills: u64,
    requests: u64,
    next_id: u64,
    /// The hot log, as far as it was looked through: its next entry, and the records of the lane among those before.
    log: HotLog,
    looked: u64,
    records: u64,
    /// The newest order with a VERDICT entry.
    answered: u64,
}

impl Scene {
    fn new() -> Self {
        let sidecar = Sidecar::start(&setup());
        let control = sidecar.control();
        let mut attached = sidecar.attach("one");
        let mark =
            Event::Mark { mark: Some(Ticks(100)), index: None, last: None, underlying: None, sequence: 1 };
        attached.client.publish(attached.target.handle, Flags::empty(), mark).expect("room");
        attached.await_pass(&sidecar);
        let path = sidecar.run_dir().join("journal").join("hot.log");
        let segment = Segment::in_file_read_only(&path).expect("a hot log");
        let log = HotLog::to_read(Arc::new(segment)).expect("a hot log");
        let (looked, records, answered) = (FIRST, 0, 0);
        Self { sidecar, control, attached, fills: 0, requests: 0, next_id: 0, log, looked, records, answered }
    }

    /// What a dead core told, while no other has taken over: nothing that its journal does not say. Returns the verdicts
    /// that were told.
    fn check_promises(&mut self, at: &str) -> Vec<VerdictRecord> {
        let lane = self.attached.client.grant().lane;
        while let Found::Entry(stamp, words) = self.log.read(self.looked) {
            self.looked += 1;
            match words[1] as u8 {
                VERDICT_KIND if stamp.lane == Some(lane) => self.answered = words[2],
                135 | VERDICT_KIND | DIRECTIVE_KIND => {}
                _ => self.records += u64::from(stamp.lane == Some(lane)),
            }
        }
        let (_, consumed) = self.attached.client.positions();
        let first = u64::from(self.attached.client.grant().geometry.lane_slots);
        assert!(consumed - first <= self.records, "{at}: {consumed} is told, {} are journaled", self.records);
        let told: Vec<VerdictRecord> = std::iter::from_fn(|| self.poll())
            .filter_map(|answer| match answer {
                Answer::Verdict { record, .. } if record.verdict.is_final() => Some(record),
                _ => None,
            })
            .collect();
        assert!(told.is_empty() || self.answered == self.next_id, "{at}: {told:?} is not journaled");
        told
    }

    fn core(&self) -> u32 {
        wait_for("a core", || {
            children(self.sidecar.keeper()).into_iter().find(|&child| child != self.control)
        })
    }

    /// A fill and a request, in the lane of a core that stands still.
    fn publish(&mut self) -> u64 {
        self.next_id += 1;
        let (handle, id) = (self.attached.target.handle, self.next_id);
        let fill = Event::Fill { order: 0, exec: id, px: Ticks(100), qty: Lots(1), fee: 0 };
        // In turn bought and sold, so that the position is 0 or 1.
        let side = if id.is_multiple_of(2) { Flags::SELL } else { Flags::empty() };
        self.attached.client.publish(handle, side, fill).expect("room");
        let order = OrderId::new(id).expect("never zero");
        let (order_type, tif) = (OrderType::Limit, TimeInForce::Gtc);
        let attrs = OrderAttrs { order_type, tif, intent: Intent::Open, directive: 0 };
        let (px, qty) = (Ticks(100), Lots(ROOM));
        let new = Event::OrderNew { order, px, qty, attrs, group: 0, leg: 0, list_count: 0 };
        (self.fills, self.requests) = (self.fills + 1, self.requests + 1);
        self.attached.client.request(handle, Flags::empty(), new).expect("room")
    }

    fn is_consumed(&self) -> bool {
        let (published, consumed) = self.attached.client.positions();
        published == consumed
    }

    /// The one verdict on the request; what was permitted is over afterwards.
    fn settle(&mut self, position: u64, told: Vec<VerdictRecord>) {
        let mut finals = told;
        wait_for("a verdict", || {
            while let Some(answer) = self.poll() {
                match answer {
                    Answer::Verdict { record, position: of, .. } if record.verdict.is_final() => {
                        assert_eq!(of, position, "nothing else was asked");
                        finals.push(record);
                    }
                    _ => {}
                }
            }
            (!finals.is_empty() && self.is_consumed()).then_some(())
        });
        assert_eq!(finals.len(), 1, "{finals:?}");
        match finals[0].verdict {
            Verdict::Pass => {
                let order = OrderId::new(self.next_id).expect("never zero");
                let (status, initiator) = (DoneStatus::Canceled, Initiator::Owner);
                let done = Event::OrderDone { order, status, initiator, cum_qty: Lots(0), t_venue: 0 };
                self.attached
                    .client
                    .publish(self.attached.target.handle, Flags::empty(), done)
                    .expect("room");
            }
            // The lease it was given under had ended: the library has taken it back.
            Verdict::Dropped => {}
            other => panic!("{other:?}: {:?}; is something still reserved?", finals[0]),
        }
        self.attached.await_pass(&self.sidecar);
        wait_for("everything is consumed", || self.is_consumed().then_some(()));
    }

    fn poll(&mut self) -> Option<Answer> {
        match self.attached.client.poll() {
            Ok(answer) => answer,
            Err(ClientError::LaneClosed) => panic!("the lane was closed: {:?}", self.sidecar.status().causes),
            Err(error) => panic!("{error}"),
        }
    }

    fn compare(&self, at: &str) {
        let counted = wait_for("the status is of now", || {
            let report = self.sidecar.status();
            let (looping, told) = (report.looping?, report.requests?);
            let counted = (looping.fills, told.requests, told.passed + told.denied);
            (counted == (self.fills, self.requests, self.requests)).then_some((looping, report.causes))
        });
        assert_eq!((counted.0.duplicate_fills, counted.0.rejected), (0, 0), "{at}");
        assert!(counted.1.is_empty(), "{at}: {:?}", counted.1);
    }
}

/// Instructions from the wait for a record to the position behind two of them; `None` where the kernel does not let a test
/// trace its own sidecar.
fn measure() -> Option<u64> {
    let mut scene = Scene::new();
    let traced = Traced::stop(scene.core())?;
    let position = scene.publish();
    let mut steps = 0;
    while !scene.is_consumed() {
        traced.step();
        steps += 1;
        assert!(steps < MOST_STEPS, "nothing is consumed");
    }
    traced.go_on();
    scene.settle(position, vec![]);
    scene.compare("measured");
    Some(steps)
}

/// Kills a core after `first` instructions, the next one `stride` later, and so on to a little behind `steps`; returns how
/// many, and how many successors.
fn kill_along(steps: u64, first: u64, stride: u64) -> (u64, u64) {
    let mut seed = Seed::new(SEED);
    let mut scene = Scene::new();
    let (mut at, mut kills, mut again) = (first, 0, 0);
    while at <= steps + steps / 4 {
        // A successor that was killed may not have been noticed yet.
        let traced = wait_for("a core that lives", || Traced::stop(scene.core()));
        let position = scene.publish();
        for _ in 0..at {
            traced.step();
        }
        let core = traced.pid();
        // So that no other core takes over before its words have been looked at.
        signal(scene.sidecar.keeper(), libc::SIGSTOP);
        traced.kill();
        let told = scene.check_promises(&format!("killed after {at} of {steps} instructions"));
        signal(scene.sidecar.keeper(), libc::SIGCONT);
        if seed.below(2) == 0 {
            kill_the_next(&scene, core, &mut seed);
            again += 1;
        }
        scene.settle(position, told);
        scene.compare(&format!("killed after {at} of {steps} instructions"));
        (kills, at) = (kills + 1, at + stride);
    }
    (kills, again)
}

#[test]
fn wherever_a_core_is_killed_each_event_counts_once_and_each_request_has_one_verdict() {
    let Some(steps) = measure() else {
        return not_run("crash_steps: this kernel does not let a test trace its sidecar (ptrace)");
    };
    let stride = stride(steps, KILLS);
    // Not the same instructions in every run, unless each is.
    let first = Seed::new(SEED).below(stride);
    let (kills, again) = std::thread::scope(|scope| {
        let run = |number| scope.spawn(move || kill_along(steps, first + number * stride, SCENES * stride));
        let scenes: Vec<_> = (0..SCENES).map(run).collect();
        let ends = scenes.into_iter().map(|scene| scene.join().expect("a scene that holds"));
        ends.fold((0, 0), |sum, end| (sum.0 + end.0, sum.1 + end.1))
    });
    println!(
        "{steps} instructions, every {stride}: {kills} cores killed, and {again} successors within 20 ms of their start"
    );
}

/// Kills the successor somewhere on its way to a first lease.
fn kill_the_next(scene: &Scene, dead: u32, seed: &mut Seed) {
    let next = wait_for("a successor", || {
        let mut cores = children(scene.sidecar.keeper()).into_iter();
        cores.find(|&child| child != scene.control && child != dead)
    });
    pin::sleep(seed.below(Nanos::from_millis(20).0) + 1);
    signal(next, libc::SIGKILL);
    wait_for("the keeper notices", || (!children(scene.sidecar.keeper()).contains(&next)).then_some(()));
}
