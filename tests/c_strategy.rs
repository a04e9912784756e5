//! The example strategy in C, compiled by a real compiler, stopped by a real sidecar.

mod support;
#[path = "abi/toolchain.rs"]
#[allow(dead_code, reason = "this file needs only part of it")]
mod toolchain;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use support::PATIENCE;
use support::sidecar::{Setup, Sidecar};
use toolchain::{Language, Scratch, at, compile, static_library};

/// The lines of a child as they come.
fn lines(out: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn await_line(lines: &Receiver<String>, start: &str) -> String {
    loop {
        let line = lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no line starts with {start:?}"));
        if line.starts_with(start) {
            return line;
        }
    }
}

#[test]
fn a_c_strategy_buys_loses_and_is_stopped_by_the_sidecar() {
    let scratch = Scratch::new("c-strategy");
    let program = scratch.path("strategy");
    let flags = ["-std=c11", "-O2"].map(str::to_owned).into_iter().chain(static_library());
    compile(Language::C, &at("ffi/examples/strategy.c"), &program, flags);
    let sidecar = Sidecar::start(&Setup { lease: "250ms", ..Setup::default() });
    let mut strategy = Command::new(&program)
        .arg(sidecar.run_dir())
        .args(["one", "main", "X"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it was just built");
    let mut prices = strategy.stdin.take().expect("piped");
    let said = lines(strategy.stdout.take().expect("piped"));

    // Two books of 100 000 on the account: one lot bought at 100 000 loses 20 % of the peak at 60 000.
    writeln!(prices, "100000").expect("a strategy that reads");
    await_line(&said, "bought 1 at price 100000");
    writeln!(prices, "99999").expect("a strategy that reads");
    writeln!(prices, "60000").expect("a strategy that reads");
    sidecar.cause("account:main", "DRAWDOWN");
    writeln!(prices, "60001").expect("a strategy that reads");
    let halted = await_line(&said, "halted at price 6000");
    assert!(halted.contains("reason DRAWDOWN"), "{halted}");
    await_line(&said, "cancel published");
    drop(prices);
    let done = await_line(&said, "done orders_sent=1 orders_refused=");
    assert!(!done.ends_with("=0"), "{done}");
    let ended = strategy.wait().expect("it ends at the end of its input");
    assert!(ended.success(), "{ended}");

    let report = sidecar.status();
    let looping = report.looping.expect("a live core");
    assert_eq!((report.state.as_str(), looping.fills, looping.orders), ("HALTED", 1, 1));
}
