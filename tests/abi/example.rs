//! COLD: the example strategy compiles with every warning an error, trades, stops when it is told, and says why.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};

use tripline::model::verdict::StateNotice;
use tripline::model::{Event, Flags, Lots, Message, Mode, Reason, Scope, Ticks, TradingState};
use tripline::wire::answer::Answer;

use super::sidecar::{Reaction, Seen, Sidecar, StandIn};
use super::toolchain::{Language, Scratch, at, compile, run, shared_library};

/// A built strategy and what it is run against.
struct Desk {
    scratch: Scratch,
    sidecar: StandIn,
}

impl Desk {
    fn open(test: &str, reaction: Reaction) -> Self {
        let scratch = Scratch::new(test);
        let flags = ["-std=c11", "-O2"].map(str::to_owned).into_iter().chain(shared_library());
        compile(Language::C, &at("ffi/examples/strategy.c"), &scratch.path("strategy"), flags);
        Self { scratch, sidecar: StandIn::listen(test, reaction) }
    }

    fn command(&self, strategy: &str, instrument: &str) -> Command {
        let mut command = Command::new(self.scratch.path("strategy"));
        command.arg(self.sidecar.runtime_dir()).args([strategy, "main", instrument]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn start(&self) -> Child {
        self.command("mm1", "BTC-PERP").spawn().expect("it was just built")
    }

    /// Runs the strategy on prices that come at once.
    fn trade(self, prices: &str) -> (Output, Option<Seen>) {
        let mut child = self.start();
        let written = child.stdin.take().expect("piped").write_all(prices.as_bytes());
        written.expect("a strategy that reads its prices");
        let output = child.wait_with_output().expect("it ends at the end of its input");
        (output, self.sidecar.finish())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Sets the account's word when a mark is at or below 90, and tells why.
fn turn(sidecar: &mut Sidecar, message: &Message, state: TradingState, reason: Reason) {
    if matches!(message.event, Event::Mark { mark: Some(px), .. } if px <= Ticks(90)) {
        let (scope, mode, epoch, causes) = (Scope::Account(0), Mode::Live, 5, 1);
        sidecar.store(scope, state, mode, epoch);
        let notice = StateNotice { scope, state, mode, reason, epoch, causes };
        sidecar.answer(&Answer::State { id: 1, notice });
    }
}

#[test]
fn the_example_sends_one_order_and_none_after_the_halt() {
    let halts: Reaction = |sidecar, message| turn(sidecar, message, TradingState::Halted, Reason::Drawdown);
    let (output, seen) = Desk::open("example-halt", halts).trade("100\n101\n90\n91\n");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(
        out.lines().collect::<Vec<_>>(),
        [
            "attached abi 1 instrument BTC-PERP price_decimals 1 qty_decimals 3 tick 5 lot 10",
            "bought 10 at price 100",
            "state HALTED LIVE of account 0 0 reason DRAWDOWN epoch 5",
            "halted at price 90 epoch 5 reason DRAWDOWN gate HALTED",
            "cancel published",
            "done orders_sent=1 orders_refused=2",
        ],
        "{err}"
    );
    assert_eq!(output.status.code(), Some(0), "{err}");
    let seen = seen.expect("it attached");
    assert!(seen.left_in_order && !seen.lost);
    let mut ids = Vec::new();
    let orders = seen.events.iter().filter(|message| !matches!(message.event, Event::Mark { .. }));
    let kinds: Vec<&str> = orders
        .inspect(|message| assert_eq!(message.flags, Flags::empty(), "a buy, live"))
        .map(|message| match message.event {
            Event::OrderNew { order, px: Ticks(100), qty: Lots(10), .. } => (order.get(), "new"),
            Event::OrderAck { order, px: Ticks(100), live_qty: Lots(10), .. } => (order.get(), "ack"),
            Event::Fill { order, px: Ticks(100), qty: Lots(10), fee: 0, .. } => (order, "fill"),
            Event::OrderCancel { order, .. } => (order.get(), "cancel"),
            other => panic!("{other:?}"),
        })
        .map(|(id, kind)| {
            ids.push(id);
            kind
        })
        .collect();
    assert_eq!(kinds, ["new", "ack", "fill", "cancel"]);
    assert!(ids.iter().all(|id| *id == ids[0]), "one order: {ids:?}");
}

#[test]
fn the_example_holds_back_where_only_reducing_orders_may_leave() {
    let reduces: Reaction =
        |sidecar, message| turn(sidecar, message, TradingState::ReduceOnly, Reason::MaxPosition);
    let (output, _) = Desk::open("example-reduce", reduces).trade("100\n80");
    let out = text(&output.stdout);
    assert!(out.contains("halted at price 80 epoch 5 reason MAX_POSITION gate REDUCE_ONLY\n"), "{out}");
    assert!(out.ends_with("done orders_sent=1 orders_refused=1\n"), "{out}");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn the_example_waits_for_a_gate_that_was_never_open() {
    let opens_late: Reaction = |sidecar, message| {
        let Event::Mark { sequence, .. } = message.event else { return };
        let state = if sequence < 3 { TradingState::Halted } else { TradingState::Active };
        sidecar.store(Scope::Book(0), state, Mode::Live, 2);
    };
    let (output, _) = Desk::open("example-late", opens_late).trade("100\n101\n102\n");
    let out = text(&output.stdout);
    assert!(
        out.contains(
            "waiting at price 100 gate HALTED\nbought 10 at price 102\ndone orders_sent=1 orders_refused=2\n"
        ),
        "{out}"
    );
}

#[test]
fn the_example_stays_alive_while_no_price_comes() {
    let desk = Desk::open("example-idle", |_, _| {});
    let mut child = desk.start();
    let mut input = child.stdin.take().expect("piped");
    input.write_all(b"100\n").expect("a strategy that reads its prices");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let bought = lines.find(|line| line.as_ref().is_ok_and(|line| line.starts_with("bought")));
    assert!(bought.is_some());
    // Without a price nothing is printed: this returns when half a second is over.
    let mut nothing = libc::pollfd { fd: -1, events: 0, revents: 0 };
    // SAFETY: one live pollfd, which names no descriptor.
    unsafe { libc::poll(&raw mut nothing, 1, 500) };
    drop(input);
    assert_eq!(child.wait().expect("it ends at the end of its input").code(), Some(0));
    let seen = desk.sidecar.finish().expect("it attached");
    // Three waits of a hundred milliseconds, two beats each, on top of one after each of the three events it waited for.
    assert!(seen.beats >= 9, "{} beats", seen.beats);
}

#[test]
fn the_example_ends_with_3_when_events_are_lost() {
    let desk = Desk::open("example-lost", |sidecar, _| sidecar.consumes = false);
    let (output, seen) = desk.trade(&"100\n".repeat(20));
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{err}");
    assert!(err.contains("tripline_publish: the lane is full"), "{err}");
    assert!(seen.expect("it attached").lost);
}

#[test]
fn the_example_ends_with_1_when_it_is_refused() {
    let desk = Desk::open("example-refused", |_, _| {});
    for (strategy, instrument, expected) in [
        ("nobody", "BTC-PERP", "no strategy of that name is configured"),
        ("mm1", "ETH-PERP", "tripline_look_up: no such instrument"),
    ] {
        let output = run(&mut desk.command(strategy, instrument), "it was just built");
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert!(err.contains(expected), "{err}");
    }
    let seen = desk.sidecar.finish().expect("the second one attached");
    assert!(seen.left_in_order, "it detaches whatever failed");
}

#[test]
fn the_example_says_where_it_found_no_sidecar() {
    let desk = Desk::open("example-unreachable", |_, _| {});
    let mut command = Command::new(desk.scratch.path("strategy"));
    command.arg(desk.scratch.path("nobody")).args(["mm1", "main", "BTC-PERP"]);
    let output = run(&mut command, "it was just built");
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("cannot reach a sidecar at") && err.contains("nobody/attach.sock"), "{err}");
}

#[test]
fn the_example_ends_with_2_when_it_is_used_wrongly() {
    let desk = Desk::open("example-usage", |_, _| {});
    let output = run(&mut Command::new(desk.scratch.path("strategy")), "it was just built");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("usage: strategy RUNTIME_DIR STRATEGY ACCOUNT INSTRUMENT"));
    let (output, _) = desk.trade("100\n1e3\n");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stderr), "not a price: '1e3'\n");
}
