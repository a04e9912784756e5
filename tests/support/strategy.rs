//! A strategy in a process of its own: this test program again, told by its environment to be one.
//!
//! ```text
//! test ── stdin: one command a line ──> strategy process (attaches, beats every few ms, obeys)
//!      <── stdout: `@ ` and one answer a line ──
//! ```

#![allow(unsafe_code)]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use tripline::model::{Event, Flags, Name, Ticks};
use tripline::shm::client::{Client, ClientError};
use tripline::shm::gate::Gate;

use super::sidecar::Attached;
use super::{PATIENCE, process, wait_for};

/// Runtime directory and name of the strategy to be.
const ROLE: &str = "TRIPLINE_TEST_STRATEGY";
/// The test that is the strategy process; each file that starts one has it.
const ROLE_TEST: &str = "a_strategy_process";
const BEAT_EVERY_MS: i32 = 5;

/// The strategy process, from the test's side.
#[derive(Debug)]
pub struct StrategyProcess {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl StrategyProcess {
    /// Starts it; it attaches at once.
    pub fn start(run_dir: &Path, strategy: &str) -> Self {
        let mut strategy = Self::start_through(&[], run_dir, strategy);
        let answer = strategy.hear();
        assert_eq!(answer, "attached");
        strategy
    }

    /// Starts it behind another program's name and options; its first answer is not read yet.
    pub fn start_through(through: &[&str], run_dir: &Path, strategy: &str) -> Self {
        let this = std::env::current_exe().expect("this program");
        let mut command = match through {
            [] => Command::new(this),
            [program, options @ ..] => {
                let mut command = Command::new(program);
                command.args(options).arg(this);
                command
            }
        };
        command.args(["--exact", ROLE_TEST, "--ignored", "--nocapture", "--test-threads=1"]);
        command.env(ROLE, format!("{}\n{strategy}", run_dir.display()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the strategy process starts");
        let orders = child.stdin.take().expect("piped");
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, orders, answers }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Tells it one line and hears the answer.
    pub fn ask(&mut self, order: &str) -> String {
        self.tell(order);
        self.hear()
    }

    /// Tells it one line.
    pub fn tell(&mut self, order: &str) {
        writeln!(self.orders, "{order}").expect("the strategy process listens");
    }

    /// Its next answer. A process that says nothing ends by its own deadline, which ends this wait too.
    pub fn hear(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            let got = self.answers.read_line(&mut line).expect("text");
            assert_ne!(got, 0, "the strategy process ended");
            if let Some((_, answer)) = line.split_once("@ ") {
                return answer.trim_end().to_owned();
            }
        }
    }

    pub fn gate(&mut self) -> String {
        self.ask("gate")
    }

    pub fn await_gate(&mut self, wanted: &str) {
        wait_for("the strategy's gate", || (self.gate() == wanted).then_some(()));
    }

    pub fn kill(&mut self) {
        process::signal(self.pid(), libc::SIGKILL);
        let _status = self.child.wait().expect("our own child");
    }
}

impl Drop for StrategyProcess {
    fn drop(&mut self) {
        // Killed, not asked: it may be stopped.
        let _ended_already = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Runtime directory and name of the strategy that this process is to be; `None` in a test.
pub fn role() -> Option<(PathBuf, String)> {
    let role = std::env::var(ROLE).ok()?;
    let (run_dir, strategy) = role.split_once('\n').expect("directory and strategy");
    // The harness has begun a line.
    println!();
    Some((run_dir.into(), strategy.to_owned()))
}

/// The strategy process itself: obeys until its standard input ends.
pub fn be_a_strategy() {
    let Some((run_dir, strategy)) = role() else { return };
    let name = Name::new(&strategy).expect("a name");
    let mut attached = match Client::attach(&run_dir.join("attach.sock"), name) {
        Ok(client) => Attached::new(client),
        Err(error) => return println!("@ refused: {error}"),
    };
    println!("@ attached");
    let mut input = BufReader::new(std::io::stdin());
    let by = std::time::Instant::now() + 4 * PATIENCE;
    while std::time::Instant::now() < by {
        attached.client.heartbeat().expect("the thread that attached");
        if !input_waits() {
            continue;
        }
        let mut order = String::new();
        if input.read_line(&mut order).expect("text") == 0 {
            return;
        }
        match order.trim().split_once(' ').unwrap_or((order.trim(), "")) {
            ("gate", _) => println!("@ {:?}", attached.gate()),
            ("mark", px) => println!("@ {:?}", publish_mark(&mut attached, px.parse().expect("a price"))),
            ("fork", count) => println!("@ {}", fork(&mut attached, count.parse().expect("a number"))),
            ("detach", _) => {
                drop(attached);
                println!("@ detached");
                return;
            }
            (other, _) => panic!("{other:?} is no order"),
        }
    }
}

/// Waits a beat for an order.
fn input_waits() -> bool {
    let mut input = libc::pollfd { fd: 0, events: libc::POLLIN, revents: 0 };
    // SAFETY: `input` is live and holds one entry.
    unsafe { libc::poll(&raw mut input, 1, BEAT_EVERY_MS) > 0 }
}

fn publish_mark(attached: &mut Attached, px: i64) -> Result<u64, ClientError> {
    let event = Event::Mark { mark: Some(Ticks(px)), index: None, last: None, underlying: None, sequence: 0 };
    attached.client.publish(attached.target.handle, Flags::empty(), event)
}

/// Forks `count` children; each reads its gate and tries to publish through the handle it inherited. Answers how many
/// read HALTED, how many were refused, and whether this process was never affected.
fn fork(attached: &mut Attached, count: u32) -> String {
    const HALTED: i32 = 1;
    const REFUSED: i32 = 2;
    const MAY_SEND: i32 = 4;
    let (mut halted, mut refused, mut unaffected, mut sent) = (0, 0, 0, 0);
    for number in 0..count {
        let (position, _) = attached.client.positions();
        // SAFETY: the child calls only what works on memory it has (gate, publish) and ends with `_exit`: no lock,
        // no allocation, no destructor of the parent's.
        let child = unsafe { libc::fork() };
        assert!(child >= 0, "fork: {}", std::io::Error::last_os_error());
        if child == 0 {
            let mut seen = if attached.gate() == Gate::Halted { HALTED } else { 0 };
            let refusal = publish_mark(attached, i64::from(number) + 1);
            seen |= if refusal == Err(ClientError::Closed) { REFUSED } else { 0 };
            seen |= if attached.client.may_send(&attached.target) { MAY_SEND } else { 0 };
            // SAFETY: ends the child only.
            unsafe { libc::_exit(seen) };
        }
        let mut status = 0;
        // SAFETY: our own child, not yet waited for; `status` is live.
        let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(waited, child);
        let seen = if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 0 };
        halted += i32::from(seen & HALTED != 0);
        refused += i32::from(seen & REFUSED != 0);
        sent += i32::from(seen & MAY_SEND != 0);
        let published = publish_mark(attached, 100);
        unaffected += i32::from(published == Ok(position) && attached.gate() == Gate::Pass);
    }
    format!("halted {halted} refused {refused} unaffected {unaffected} sent {sent}")
}
