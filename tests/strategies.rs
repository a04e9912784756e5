//! The example strategies against a real sidecar: each alone, and one each in C, C++ and Python on one account.

#![allow(unsafe_code)]

#[path = "python/interpreter.rs"]
mod interpreter;
mod support;
#[path = "abi/toolchain.rs"]
#[allow(dead_code, reason = "this file needs only part of it")]
mod toolchain;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};

use support::sidecar::{Setup, Sidecar};
use support::{PATIENCE, process, tries, wait_for};
use toolchain::{Language, Scratch, at, compile, static_library};
use tripline::runtime::pin;

const LEASE: &str = "250ms";
const LEASE_NS: u64 = 250_000_000;

/// How each form is started, without its arguments.
#[derive(Clone, Copy, Debug)]
enum Form {
    C,
    Cpp,
    Python,
}

const FORMS: [(Form, &str); 3] = [(Form::C, "in-c"), (Form::Cpp, "in-cpp"), (Form::Python, "in-python")];

impl Form {
    fn command(self) -> Option<Command> {
        let built = |form: Self, language, source: &str, standard: &str| {
            let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("strategy-{form:?}"));
            let flags = [standard, "-O2"].map(str::to_owned).into_iter().chain(static_library());
            compile(language, &at(source), &program, flags);
            program
        };
        static C: OnceLock<std::path::PathBuf> = OnceLock::new();
        static CPP: OnceLock<std::path::PathBuf> = OnceLock::new();
        static PACKAGE: OnceLock<Scratch> = OnceLock::new();
        match self {
            Self::C => Some(Command::new(
                C.get_or_init(|| built(self, Language::C, "ffi/examples/strategy.c", "-std=c11")),
            )),
            Self::Cpp => Some(Command::new(
                CPP.get_or_init(|| built(self, Language::Cpp, "ffi/examples/strategy.cpp", "-std=c++17")),
            )),
            Self::Python => {
                let mut python = interpreter::python("the example strategy in Python")?;
                let package = PACKAGE.get_or_init(|| interpreter::package("strategies"));
                python.env("PYTHONPATH", package.path("")).arg(at("ffi/examples/strategy.py"));
                Some(python)
            }
        }
    }
}

/// A strategy that runs.
struct Strategy {
    child: Child,
    prices: Option<ChildStdin>,
    said: Receiver<String>,
}

impl Strategy {
    /// `None`, said aloud, where its language is missing.
    fn start(form: Form, sidecar: &Sidecar, name: &str, mode: &str) -> Option<Self> {
        let mut command = form.command()?;
        command.arg(sidecar.run_dir()).args([name, "main", "X", mode]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it was just built");
        let prices = child.stdin.take();
        let said = lines(child.stdout.take().expect("piped"));
        let mut strategy = Self { child, prices, said };
        strategy.await_line("attached abi 1 instrument X");
        Some(strategy)
    }

    fn price(&mut self, px: i64) {
        let prices = self.prices.as_mut().expect("piped");
        writeln!(prices, "{px}").expect("a strategy that reads");
    }

    fn await_line(&mut self, start: &str) -> String {
        loop {
            let line = self.said.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no line starts with {start:?}"));
            if line.starts_with(start) {
                return line;
            }
        }
    }

    /// Ends its input; the last line it says.
    fn end(self) -> String {
        self.end_and_tell_all().pop().expect("a last line")
    }

    /// Ends its input; every line that nobody has awaited.
    fn end_and_tell_all(mut self) -> Vec<String> {
        self.prices = None;
        let mut said = Vec::new();
        while !said.last().is_some_and(|line: &String| line.starts_with("done ")) {
            said.push(self.said.recv_timeout(PATIENCE).expect("it tells what it has done"));
        }
        let ended = self.child.wait().expect("our own child");
        assert!(ended.success(), "{ended}");
        said
    }
}

impl Drop for Strategy {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _status = self.child.wait();
    }
}

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

fn setup(strategies: &[&'static str]) -> Setup {
    let strategies = strategies.iter().map(|name| (*name, "1h", None)).collect();
    Setup { lease: LEASE, strategies, ..Setup::default() }
}

/// Fills, violations and stragglers, once housekeeping has told of so many fills.
fn counted(sidecar: &Sidecar, fills: u64) -> (u64, u64, u64) {
    wait_for("the fills are counted", || {
        let looping = sidecar.status().looping?;
        (looping.fills >= fills).then_some((looping.fills, looping.violations, looping.stragglers))
    })
}

#[test]
fn in_gate_mode_each_buys_loses_and_is_stopped_by_the_sidecar() {
    for (form, name) in FORMS {
        let sidecar = Sidecar::start(&setup(&[name, "other"]));
        let Some(mut strategy) = Strategy::start(form, &sidecar, name, "gate") else { continue };
        // Two books of 100 000 on the account: one lot bought at 100 000 loses 20 % of the peak at 60 000, and the bid
        // that is filled on the way down makes it worse.
        strategy.price(100_000);
        strategy.await_line("buy 1 at 100000: sent");
        strategy.await_line("bid 1 at 99900: sent");
        strategy.price(60_000);
        strategy.await_line("bid 1 at 99900: filled");
        strategy.await_line("halted reason DRAWDOWN");
        strategy.price(60_001);
        strategy.await_line("buy 1 at 60001: held back, gate HALTED");
        let done = strategy.end();
        assert!(done.starts_with("done sent 2 held back 2 position 2"), "{form:?}: {done}");
        assert_eq!(counted(&sidecar, 2), (2, 0, 0), "{form:?}");
        assert_eq!(sidecar.status().state, "HALTED");
    }
}

#[test]
fn in_permit_mode_each_asks_is_denied_after_the_halt_and_leaves_its_position() {
    for (form, name) in FORMS {
        let sidecar = Sidecar::start(&setup(&[name, "other"]));
        let Some(mut strategy) = Strategy::start(form, &sidecar, name, "permit") else { continue };
        strategy.price(100_000);
        strategy.await_line("buy 1 at 100000: PASS");
        strategy.await_line("bid 1 at 99900: PASS");
        strategy.price(60_000);
        strategy.await_line("halted reason DRAWDOWN");
        strategy.await_line("exit 2 at 60000: PASS_EXIT");
        strategy.await_line("exit 2 at 60000: sent");
        strategy.price(60_001);
        strategy.await_line("buy 1 at 60001: DENY DRAWDOWN");
        let done = strategy.end();
        assert!(done.starts_with("done sent 3 held back 1 position 0"), "{form:?}: {done}");
        assert_eq!(counted(&sidecar, 3), (3, 0, 0), "{form:?}");
    }
}

/// One strategy in each language that there is, on one account.
fn all_three(sidecar: &Sidecar) -> Vec<(Strategy, &'static str)> {
    let start =
        |(form, name)| Strategy::start(form, sidecar, name, "permit").map(|strategy| (strategy, name));
    FORMS.into_iter().filter_map(start).collect()
}

#[test]
fn an_account_that_loses_too_much_halts_all_three() {
    let sidecar = Sidecar::start(&setup(&FORMS.map(|(_, name)| name)));
    let mut strategies = all_three(&sidecar);
    let count = strategies.len() as u64;
    for (strategy, _) in &mut strategies {
        strategy.price(100_000);
        strategy.await_line("bid 1 at 99900: sent");
    }
    // The marks of the first strategy count: at 80 000 the account has lost 20 000 on each lot.
    let (first, _) = &mut strategies[0];
    first.price(80_000);
    first.await_line("halted reason DRAWDOWN");
    for (strategy, _) in &mut strategies[1..] {
        strategy.await_line("state HALTED LIVE reason DRAWDOWN");
        strategy.price(100_001);
        strategy.await_line("halted reason DRAWDOWN");
        strategy.await_line("exit 1 at 100001: PASS_EXIT");
    }
    for (strategy, name) in strategies {
        let done = strategy.end();
        assert!(done.ends_with("position 0"), "{name}: {done}");
    }
    // Each bought and left; the first one's bid was filled on the way down.
    let fills = 2 * count + 1;
    assert_eq!(counted(&sidecar, fills), (fills, 0, 0));
}

#[test]
fn a_book_that_loses_too_much_halts_its_strategy_and_not_the_others() {
    let tables = "[[drawdown]]
name = \"own\"
scope = \"book:in-c/main\"
anchor = \"static\"
limit = \"15%\"
confirm_marks = 1
confirm_for = \"0s\"
peak_marks = 1
jump = \"none\"
";
    let sidecar = Sidecar::start(&Setup { tables, ..setup(&FORMS.map(|(_, name)| name)) });
    let mut strategies = all_three(&sidecar);
    let (first, _) = &mut strategies[0];
    first.price(100_000);
    first.await_line("bid 1 at 99900: sent");
    first.price(80_000);
    first.await_line("halted reason DRAWDOWN");
    first.await_line("exit 2 at 80000: PASS_EXIT");
    for (strategy, _) in &mut strategies[1..] {
        strategy.price(80_000);
        strategy.await_line("buy 1 at 80000: PASS");
    }
    let (first, _) = &mut strategies[0];
    first.price(80_001);
    first.await_line("buy 1 at 80001: DENY DRAWDOWN");
}

#[test]
fn one_bucket_of_the_account_is_shared_by_all_three_and_never_exceeded() {
    // Of twenty in an hour half count as used after a start, and four are reserved for what cancels or reduces. Whoever
    // waits longer than 20 ms goes without.
    let tables = "[[bucket]]
id = 1
name = \"main.orders\"
scope = \"account:main\"
kind = \"sliding_log\"
limit = 20
window = \"1h\"
jitter = \"10s\"
costs = { cancel = 0 }
[[venue]]
name = \"test\"
ttl_new = \"20ms\"
";
    const OPEN: usize = 6;
    let sidecar = Sidecar::start(&Setup { tables, ..setup(&FORMS.map(|(_, name)| name)) });
    let mut strategies = all_three(&sidecar);
    for px in 100_000..100_006 {
        for (strategy, _) in &mut strategies {
            strategy.price(px);
        }
    }
    let (mut permitted, mut dropped) = (0, 0);
    for (strategy, name) in strategies {
        let said = strategy.end_and_tell_all();
        let done = said.last().expect("a last line");
        let counted = |what: &str| said.iter().filter(|line| line.contains(what)).count();
        let sent = counted(": sent");
        assert_eq!(counted(": PASS") + counted(": RELEASED"), sent, "{name}: {said:?}");
        assert!(done.starts_with(&format!("done sent {sent} ")), "{name}: {done}");
        permitted += sent;
        dropped += counted(": DROPPED EXPIRED");
    }
    assert_eq!(permitted, OPEN);
    assert!(dropped > 0);
}

#[test]
fn a_killed_core_halts_all_three_within_the_lease() {
    for _ in 0..tries(3) {
        let sidecar = Sidecar::start(&setup(&FORMS.map(|(_, name)| name)));
        let mut strategies = all_three(&sidecar);
        for (strategy, _) in &mut strategies {
            strategy.price(100_000);
            strategy.await_line("bid 1 at 99900: sent");
        }
        let core = sidecar.core();
        // The lease alone: no other core takes over before the strategies have looked.
        process::signal(sidecar.keeper(), libc::SIGSTOP);
        process::signal(core, libc::SIGKILL);
        pin::sleep(LEASE_NS);
        for (strategy, _) in &mut strategies {
            strategy.price(100_001);
        }
        for (strategy, name) in &mut strategies {
            strategy.await_line("halted reason ");
            strategy.await_line("bid 1 at 99900: canceled");
            strategy.await_line("exit 1 at 100001: EXIT_UNVERIFIED, as the venue's own reduce-only");
            let refused = strategy.await_line("buy 1 at 100001: ");
            assert_eq!(refused, "buy 1 at 100001: DROPPED LEASE_EXPIRED", "{name}");
        }
        process::signal(sidecar.keeper(), libc::SIGCONT);
    }
}
