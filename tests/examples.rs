//! The example strategies, one in C, C++ and Python: given the same prices and the same answers they print the same lines
//! and publish the same events. Against a stand-in, where a test decides what is answered.

#![allow(unsafe_code)]

#[path = "python/interpreter.rs"]
mod interpreter;
#[path = "examples/market.rs"]
mod market;
#[path = "examples/programs.rs"]
mod programs;
#[path = "abi/sidecar.rs"]
#[allow(dead_code, reason = "this file needs only part of it")]
mod sidecar;
mod support;
#[path = "abi/toolchain.rs"]
#[allow(dead_code, reason = "this file needs only part of it")]
mod toolchain;

use std::io::{BufRead, BufReader, Write};
use std::process::Command;

use programs::{Desk, Form, text};
use sidecar::{Reaction, Seen};
use tripline::model::event::DirectiveStatus;
use tripline::model::{Event, Flags};

/// Every form prints what is expected and publishes what the first one did. What the first one's sidecar saw.
fn all_say(test: &str, mode: &str, reaction: Reaction, prices: &str, expected: &[&str]) -> Seen {
    let mut first: Option<Seen> = None;
    for form in Form::ALL {
        let Some(desk) = Desk::open(test, form, reaction) else { continue };
        let (output, seen) = desk.trade(mode, prices);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(out.lines().collect::<Vec<_>>(), expected, "{form:?}\n{err}");
        assert_eq!(output.status.code(), Some(0), "{form:?}\n{err}");
        let seen = seen.expect("it attached");
        assert!(seen.left_in_order && !seen.lost, "{form:?}");
        match &first {
            Some(first) => assert_eq!(shape(&seen), shape(first), "{form:?} publishes other events than C"),
            None => first = Some(seen),
        }
    }
    first.expect("a C compiler")
}

/// What was published, without ids and times.
fn shape(seen: &Seen) -> Vec<(Flags, String)> {
    let event = |event: &Event| match *event {
        Event::OrderNew { px, qty, attrs, .. } => format!("new {px:?} {qty:?} {attrs:?}"),
        Event::OrderAck { px, live_qty, .. } => format!("ack {px:?} {live_qty:?}"),
        Event::OrderReject { class, action, venue_code, .. } => {
            format!("reject {class:?} {action:?} {venue_code}")
        }
        Event::OrderDone { status, initiator, cum_qty, .. } => {
            format!("done {status:?} {initiator:?} {cum_qty:?}")
        }
        Event::OrderCancel { attrs, .. } => format!("cancel {attrs:?}"),
        Event::Fill { px, qty, fee, .. } => format!("fill {px:?} {qty:?} {fee}"),
        Event::FillExt { exec_high, cum_qty, cause, .. } => {
            format!("fill_ext {exec_high} {cum_qty:?} {cause:?}")
        }
        Event::Mark { mark, .. } => format!("mark {mark:?}"),
        Event::NotSent { action, cause, .. } => format!("not_sent {action} {cause}"),
        Event::DirectiveAck { directive, status, remaining, detail } => {
            format!("acknowledged {directive} {status:?} {remaining:?} {detail}")
        }
        other => format!("{other:?}"),
    };
    seen.events.iter().map(|message| (message.flags, event(&message.event))).collect()
}

#[test]
fn in_gate_mode_all_three_look_announce_and_obey() {
    let expected = [
        "attached abi 1 instrument BTC-PERP tick 5 lot 10",
        "buy 10 at 10000: sent",
        "bid 10 at 9500: sent",
        "buy 10 at 10010: held back, gate PAPER",
        "state REDUCE_ONLY LIVE reason MAX_POSITION",
        "buy 10 at 10020: held back, gate REDUCE_ONLY",
        "buy 10 at 10030: announced, not sent",
        "state HALTED LIVE reason DRAWDOWN",
        "halted reason DRAWDOWN",
        "bid 10 at 9500: canceled",
        "buy 10 at 10035: held back, gate HALTED",
        "sell 10 at 10031: held back, gate HALTED",
        "directive 4 reason DRAWDOWN status 0",
        "exit 10 at 9600: PASS_EXIT",
        "exit 10 at 9600: sent",
        "directive 4 reason DRAWDOWN status 2",
        "done sent 3 held back 5 position 0",
    ];
    let prices = "10000\n10010\n10020\n10030\n10035\n10031\n9600\n";
    let seen = all_say("examples-gate", "gate", market::gate, prices, &expected);
    let requests = seen.events.iter().filter(|message| message.flags.contains(Flags::PERMIT)).count();
    assert_eq!(requests, 1, "only the exit is requested");
}

#[test]
fn in_permit_mode_all_three_handle_every_verdict_and_every_directive() {
    let expected = [
        "attached abi 1 instrument BTC-PERP tick 5 lot 10",
        "buy 10 at 10000: PASS",
        "buy 10 at 10000: sent",
        "bid 10 at 9500: PASS",
        "bid 10 at 9500: sent",
        "buy 10 at 10010: RELEASED",
        "buy 10 at 10010: sent",
        "buy 10 at 10020: DENY MAX_POSITION",
        "buy 10 at 10030: DROPPED EXPIRED",
        "buy 10 at 10040: PAPER, to be simulated",
        "buy 10 at 10050: no verdict yet",
        "verdict QUEUED",
        "verdict RELEASED too late, not sent",
        "buy 10 at 10060: PASS",
        "buy 10 at 10060: sent",
        "sell 10 at 10055: PASS",
        "sell 10 at 10055: sent",
        "bid 10 at 9500: filled",
        "sell 10 at 9500: PASS",
        "sell 10 at 9500: sent",
        "bid 10 at 9000: PASS",
        "bid 10 at 9000: sent",
        "directive 1 reason DRAWDOWN status 0",
        "bid 10 at 9000: canceled",
        "directive 1 reason DRAWDOWN status 2",
        "buy 10 at 9505: PASS",
        "buy 10 at 9505: sent",
        "bid 10 at 9005: PASS",
        "bid 10 at 9005: sent",
        "directive 9 reason DRAWDOWN status 0",
        "directive 9 reason DRAWDOWN status 2",
        "directive 4 reason DRAWDOWN status 0",
        "directive 4 reason DRAWDOWN status 5",
        "directive 2 reason DRAWDOWN status 0",
        "bid 10 at 9005: canceled",
        "directive 2 reason DRAWDOWN status 2",
        "directive 3 reason DRAWDOWN status 0",
        "directive 3 reason DRAWDOWN status 2",
        "directive 4 reason DRAWDOWN status 0",
        "exit 10 at 9510: PASS_EXIT",
        "exit 10 at 9510: sent",
        "directive 4 reason DRAWDOWN status 3",
        "directive 4 reason DRAWDOWN status 0",
        "exit 20 at 9510: PASS_EXIT",
        "exit 20 at 9510: sent",
        "directive 4 reason DRAWDOWN status 2",
        "buy 10 at 9510: PASS",
        "buy 10 at 9510: sent",
        "bid 10 at 9010: PASS",
        "bid 10 at 9010: sent",
        "halted reason none",
        "bid 10 at 9010: canceled",
        "exit 10 at 9400: EXIT_UNVERIFIED, as the venue's own reduce-only",
        "exit 10 at 9400: sent",
        "buy 10 at 9405: DROPPED LEASE_EXPIRED",
        "done sent 14 held back 5 position 0",
    ];
    let prices = "10000\n10010\n10020\n10030\n10040\n10050\n10060\n10055\n9500\n9505\n9510\n9400\n9405\n";
    let seen = all_say("examples-permit", "permit", market::permit, prices, &expected);
    let statuses = seen.events.iter().filter_map(|message| match message.event {
        Event::DirectiveAck { status, remaining, .. } => Some((status, remaining.0)),
        _ => None,
    });
    let last: Vec<_> = statuses.filter(|(status, _)| *status != DirectiveStatus::Received).collect();
    let (done, failed) = (DirectiveStatus::Done, DirectiveStatus::Failed);
    let expected = [
        (done, 0),
        (done, 0),
        (DirectiveStatus::Expired, -30),
        (done, 0),
        (done, 0),
        (failed, -20),
        (done, 0),
    ];
    assert_eq!(last, expected);
    let reduce_only =
        seen.events.iter().filter(|message| message.flags.contains(Flags::VENUE_REDUCE_ONLY)).count();
    assert_eq!(reduce_only, 3, "every exit, and nothing else, is the venue's own reduce-only");
}

/// Does the same with every form at once: what follows waits in vain on purpose.
fn at_once(check: fn(Form) -> Option<()>) {
    std::thread::scope(|scope| {
        for form in Form::ALL {
            scope.spawn(move || check(form));
        }
    });
}

#[test]
fn all_three_stop_asking_while_too_many_verdicts_are_missing() {
    at_once(|form| {
        let (output, _) =
            Desk::open("examples-busy", form, |_, _| {})?.trade("permit", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n");
        let out = text(&output.stdout);
        let outstanding = out.matches(": no verdict yet\n").count();
        let busy = out.matches(": too many requests wait for a verdict\n").count();
        assert!(outstanding >= 2 && busy >= 2 && outstanding + busy == 10, "{form:?}: {out}");
        assert!(out.ends_with("done sent 0 held back 10 position 0\n"), "{form:?}: {out}");
        Some(())
    });
}

#[test]
fn all_three_tell_what_the_venue_rejects() {
    let expected = [
        "attached abi 1 instrument BTC-PERP tick 5 lot 10",
        "buy 10 at 100: sent",
        "bid 10 at -400: sent, rejected",
        "done sent 2 held back 0 position 10",
    ];
    all_say("examples-rejected", "gate", |_, _| {}, "100\n", &expected);
}

#[test]
fn all_three_stay_alive_while_no_price_comes() {
    for form in Form::ALL {
        let Some(desk) = Desk::open("examples-idle", form, |_, _| {}) else { continue };
        let mut child = desk.start("gate");
        let mut input = child.stdin.take().expect("piped");
        input.write_all(b"10000\n").expect("a strategy that reads its prices");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        assert!(lines.any(|line| line.is_ok_and(|line| line.starts_with("bid"))), "{form:?}");
        // Without a price nothing is printed: this returns when half a second is over.
        let mut nothing = libc::pollfd { fd: -1, events: 0, revents: 0 };
        // SAFETY: one live pollfd, which names no descriptor.
        unsafe { libc::poll(&raw mut nothing, 1, 500) };
        drop(input);
        assert_eq!(child.wait().expect("it ends at the end of its input").code(), Some(0), "{form:?}");
        let seen = desk.finish().expect("it attached");
        // Three waits of a hundred milliseconds on top of one beat after each of the publications it waited for.
        assert!(seen.beats >= 9, "{form:?}: {} beats", seen.beats);
    }
}

#[test]
fn all_three_end_with_3_when_events_are_lost() {
    at_once(|form| {
        let desk = Desk::open("examples-lost", form, |sidecar, _| sidecar.consumes = false)?;
        let (output, seen) = desk.trade("gate", &"100\n".repeat(20));
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{form:?}: {err}");
        assert!(err.contains("the lane is full"), "{form:?}: {err}");
        let seen = seen.expect("it attached");
        assert!(seen.lost && seen.left_in_order, "{form:?}");
        Some(())
    });
}

#[test]
fn all_three_end_with_1_when_they_are_refused() {
    for form in Form::ALL {
        let Some(desk) = Desk::open("examples-refused", form, |_, _| {}) else { continue };
        for (strategy, instrument, expected) in [
            ("nobody", "BTC-PERP", "no strategy of that name is configured"),
            ("mm1", "ETH-PERP", "no such instrument"),
        ] {
            let mut command = desk.command(&[strategy, "main", instrument, "gate"]);
            let output = command.output().expect("it starts");
            let err = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{form:?}: {err}");
            assert!(err.contains(expected), "{form:?}: {err}");
        }
        let seen = desk.finish().expect("the second one attached");
        assert!(seen.left_in_order, "{form:?} detaches whatever failed");
    }
}

#[test]
fn all_three_say_where_they_found_no_sidecar() {
    for form in Form::ALL {
        let Some(desk) = Desk::open("examples-nobody", form, |_, _| {}) else { continue };
        let mut command = desk.program();
        let output = command.arg("/nowhere").output().expect("it starts");
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{form:?}: {err}");
        assert!(err.contains("cannot reach a sidecar at /nowhere/attach.sock"), "{form:?}: {err}");
    }
}

#[test]
fn all_three_end_with_2_when_they_are_used_wrongly() {
    let wrongly = |mut command: Command| {
        let output = command.output().expect("it starts");
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).starts_with("usage: strategy [RUNTIME_DIR [STRATEGY"));
    };
    for form in Form::ALL {
        let Some(desk) = Desk::open("examples-usage", form, |_, _| {}) else { continue };
        wrongly(desk.command(&["mm1", "main", "BTC-PERP", "gates"]));
        wrongly(desk.command(&["mm1", "main", "BTC-PERP", "gate", "more"]));
        let (output, seen) = desk.trade("gate", "100\n1e3\n");
        assert_eq!(output.status.code(), Some(2), "{form:?}");
        assert_eq!(text(&output.stderr), "not a price: '1e3'\n", "{form:?}");
        assert!(seen.expect("it attached").left_in_order);
    }
}
