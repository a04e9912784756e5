//! A sidecar of its own for each test: started from the built program in a directory nobody else uses, killed and
//! removed when it is dropped.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use tripline::control::cli::admin;
use tripline::control::report::{CauseReport, Report};
use tripline::model::Name;
use tripline::shm::attach::AttachError;
use tripline::shm::client::{Client, Target};
use tripline::shm::gate::Gate;
use tripline::sync::{AtomicU64, Ordering};
use tripline::wire::hello::Refusal;

use super::{process, wait_for};

/// The built program.
pub const TRIPLINE: &str = env!("CARGO_BIN_EXE_tripline");

/// A directory nobody else uses; removed when dropped.
#[derive(Debug)]
pub struct Place(PathBuf);

impl Place {
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tripline-test-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} is left behind: {error}", self.0.display());
        }
    }
}

/// What a test wants of its sidecar; the rest is the smallest that runs.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How long a gate trusts it.
    pub lease: &'static str,
    /// Whether a core waits to follow one that dies.
    pub standby: bool,
    /// Lanes for strategies.
    pub lanes: u32,
    /// Events a lane holds.
    pub lane_slots: u32,
    /// The loopback port, or `none`.
    pub http: String,
    /// Name, heartbeat and, unless it is this user, the user of each strategy; all have a book on `main`.
    pub strategies: Vec<(&'static str, &'static str, Option<u32>)>,
    /// Orders remembered.
    pub orders: u32,
    /// More keys of each of them.
    pub keys: &'static str,
    /// Largest position of each book.
    pub max_position: &'static str,
    /// More tables, at the end of the file.
    pub tables: &'static str,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            lease: "50ms",
            standby: true,
            lanes: 8,
            lane_slots: 64,
            http: "none".into(),
            strategies: vec![("one", "1h", None), ("two", "1h", None)],
            orders: 4_096,
            keys: "",
            max_position: "unlimited",
            tables: "",
        }
    }
}

/// Opening cash of every book.
pub const CAPITAL: i64 = 100_000;

impl Setup {
    /// The configuration file.
    pub fn toml(&self, runtime_dir: &Path) -> String {
        let Self { lease, standby, lanes, lane_slots, http, .. } = self;
        let Self { strategies, orders, keys, max_position, tables, .. } = self;
        let mut text = format!(
            r#"schema = 1
[instance]
name = "test"
mode = "live"
runtime_dir = "{dir}"
[core]
cpu = "none"
idle = "backoff"
lease = "{lease}"
standby = {standby}
[http]
listen = "{http}"
[permit]
validity = "10s"
[capacity]
lanes = {lanes}
lane_slots = {lane_slots}
return_slots = 64
positions = 64
orders = {orders}
executions = 65536
[[account]]
name = "main"
venue = "test"
currency = "USD"
[[instrument]]
name = "X"
kind = "linear"
price_decimals = 0
qty_decimals = 0
settlement = "USD"
band_bps = "none"
collar_bps = "none"
mark_age = "1h"
[[drawdown]]
name = "kill"
scope = "account:main"
anchor = "trailing"
limit = "15%"
confirm_marks = 1
confirm_for = "0s"
peak_marks = 1
jump = "none"
"#,
            dir = runtime_dir.display(),
        );
        for (name, heartbeat, uid) in strategies {
            let uid = uid.map_or(String::new(), |uid| format!("uid = {uid}\n"));
            text.push_str(&format!(
                r#"[[strategy]]
name = "{name}"
heartbeat = "{heartbeat}"
recover_for = "0s"
{keys}
{uid}[[strategy.book]]
account = "main"
capital = "{CAPITAL}"
max_position = "{max_position}"
max_order_qty = "unlimited"
max_order_notional = "unlimited"
unknown_fee_bps = 0
"#
            ));
        }
        text.push_str(tables);
        text
    }
}

/// A running sidecar.
#[derive(Debug)]
pub struct Sidecar {
    pub place: Place,
    process: Option<Child>,
    /// What its environment holds beside the test's own.
    environment: Vec<(&'static str, OsString)>,
    /// What is put before the program, and becomes it.
    launcher: Vec<OsString>,
}

impl Sidecar {
    /// Starts one and waits until strategies may attach.
    pub fn start(setup: &Setup) -> Self {
        Self::start_in(Place::new(), setup, vec![])
    }

    /// The same in a place that holds something already, with more in its environment.
    pub fn start_in(place: Place, setup: &Setup, environment: Vec<(&'static str, OsString)>) -> Self {
        place.file("sidecar.toml", &setup.toml(&place.path().join("run")));
        let mut sidecar = Self::prepared(place, environment, vec![]);
        sidecar.start_again();
        sidecar
    }

    /// One whose configuration is in its place already, not started yet.
    pub fn prepared(
        place: Place,
        environment: Vec<(&'static str, OsString)>,
        launcher: Vec<OsString>,
    ) -> Self {
        Self { place, process: None, environment, launcher }
    }

    /// Puts this before the program from the next start on.
    pub fn launch_through(&mut self, launcher: Vec<OsString>) {
        self.launcher = launcher;
    }

    /// Starts it in the same directory, once the one before has ended.
    pub fn start_again(&mut self) {
        self.begin(|_| (), |_| ());
    }

    /// The same; meanwhile its place is changed.
    pub fn start_again_with(&mut self, change: impl FnOnce(&Path)) {
        self.begin(change, |_| ());
    }

    /// The same, with something done to the keeper's children as soon as there is one.
    pub fn start_again_and(&mut self, disturb: impl FnOnce(u32)) {
        self.begin(
            |_| (),
            |keeper| {
                wait_for("a core", || (!process::children(keeper).is_empty()).then_some(()));
                disturb(keeper);
            },
        );
    }

    fn begin(&mut self, change: impl FnOnce(&Path), disturb: impl FnOnce(u32)) {
        self.end();
        change(self.place.path());
        for socket in ["attach.sock", "admin.sock"] {
            // A sidecar that was killed leaves its sockets, and readiness is told by the new ones.
            let _absent = fs::remove_file(self.run_dir().join(socket));
        }
        let log = fs::File::create(self.log_path()).expect("a log");
        let mut words = self.launcher.iter().cloned().chain([TRIPLINE.into()]);
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).args(["run", "--exit-with-parent", "--config"]).arg(self.config());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.process = Some(command.spawn().expect("the program starts"));
        disturb(self.keeper());
        wait_for("the sidecar is ready", || {
            if let Some(ended) = self.try_wait() {
                panic!("the sidecar ended at once ({ended}):\n{}", self.log());
            }
            let ready = self.run_dir().join("attach.sock").exists()
                && admin::status(&self.run_dir()).is_ok_and(|report| report.not_ready.is_none());
            ready.then_some(())
        });
    }

    pub fn run_dir(&self) -> PathBuf {
        self.place.path().join("run")
    }

    pub fn config(&self) -> PathBuf {
        self.place.path().join("sidecar.toml")
    }

    fn log_path(&self) -> PathBuf {
        self.place.path().join("log")
    }

    /// What it said on its standard error.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// The end of that, for failures.
    fn last_words(&self) -> String {
        const LINES: usize = 12;
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    pub fn attach_path(&self) -> PathBuf {
        self.run_dir().join("attach.sock")
    }

    /// The keeper: the process that was started.
    pub fn keeper(&self) -> u32 {
        self.process.as_ref().expect("running").id()
    }

    /// The core, as the sidecar tells it and the kernel confirms it.
    pub fn core(&self) -> u32 {
        // Right after a core has taken over the page may still be the dead one's.
        wait_for("the core tells its process", || {
            let core = u32::try_from(self.status().looping?.core_pid).expect("a process id");
            process::children(self.keeper()).contains(&core).then_some(core)
        })
    }

    /// The control process.
    pub fn control(&self) -> u32 {
        let core = self.core();
        let mut others = process::children(self.keeper()).into_iter().filter(|&child| child != core);
        let control = others.next().expect("a control process");
        assert_eq!(others.next(), None, "the keeper has two children beside a standby");
        control
    }

    /// How it ended, if it has.
    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        self.process.as_mut()?.try_wait().expect("our own child")
    }

    /// How it ended.
    pub fn wait(&mut self) -> ExitStatus {
        wait_for("the sidecar ends", || self.try_wait())
    }

    pub fn status(&self) -> Report {
        wait_for("the sidecar tells its status", || admin::status(&self.run_dir()).ok())
    }

    /// The cause that holds on `scope` for `reason`, once it does.
    pub fn cause(&self, scope: &str, reason: &str) -> CauseReport {
        let by = std::time::Instant::now() + super::PATIENCE;
        loop {
            let causes = self.status().causes;
            if let Some(cause) = causes.iter().find(|cause| cause.scope == scope && cause.reason == reason) {
                return cause.clone();
            }
            assert!(std::time::Instant::now() < by, "nothing holds {scope} for {reason}: {causes:?}");
        }
    }

    /// Runs a command of the program against this sidecar.
    pub fn tripline(&self, args: &[&str]) -> Output {
        run(args, &[("TRIPLINE_RUNTIME_DIR", self.run_dir().as_os_str())])
    }

    /// Clears a cause as an operator does: with the nonce that is shown. On a busy machine the page may still show an
    /// earlier halt, or one that is over; then the operator looks again.
    pub fn reset(&self, cause: &CauseReport) {
        let by = std::time::Instant::now() + super::PATIENCE;
        let mut cause = cause.clone();
        loop {
            let nonce = cause.nonce.as_ref().expect("a cause that can be reset");
            let args = ["reset", "--scope", &cause.scope, "--guard", &cause.guard, "--nonce", nonce];
            let done = self.tripline(&[args.as_slice(), &["--reason", "looked into"]].concat());
            if done.status.success() {
                return;
            }
            assert!(std::time::Instant::now() < by, "{done:?}");
            let causes = self.status().causes;
            match causes.into_iter().find(|held| held.scope == cause.scope && held.guard == cause.guard) {
                Some(held) => cause = held,
                None => return,
            }
        }
    }

    /// Attaches as `strategy`. Under load the keeper's patience of 100 ms may run out: then it is asked again.
    pub fn attach(&self, strategy: &str) -> Attached {
        Self::attach_at(&self.attach_path(), strategy)
    }

    /// The same, in a thread that does not hold the sidecar.
    pub fn attach_at(path: &Path, strategy: &str) -> Attached {
        let name = Name::new(strategy).expect("a name");
        let client = wait_for("the strategy attaches", || match Client::attach(path, name) {
            Ok(client) => Some(client),
            Err(AttachError::Refused(Refusal::TimedOut | Refusal::Busy | Refusal::CoreSilent)) => None,
            Err(error) => panic!("{strategy} cannot attach: {error}"),
        });
        Attached::new(client)
    }

    /// Attaches as `strategy` and waits until it may send.
    pub fn attach_and_pass(&self, strategy: &str) -> Attached {
        let attached = self.attach(strategy);
        attached.await_pass(self);
        attached
    }

    /// Ends it at once; its children die with it.
    fn end(&mut self) {
        let Some(mut keeper) = self.process.take() else { return };
        let children = process::children(keeper.id());
        let _ended_already = keeper.kill();
        let _status = keeper.wait();
        if !std::thread::panicking() {
            wait_for("core and control die with the keeper", || {
                (!children.iter().any(|&child| process::lives(child))).then_some(())
            });
        }
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the sidecar's last words:\n{}", self.last_words());
        }
        self.end();
    }
}

/// Runs the program to its end. Bounded: a command that hangs is killed and fails the test.
pub fn run(args: &[&str], env: &[(&str, &std::ffi::OsStr)]) -> Output {
    let mut command = Command::new(TRIPLINE);
    command.args(args).envs(env.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the program starts");
    let pid = child.id();
    let (done, ended) = std::sync::mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        if ended.recv_timeout(4 * super::PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            process::signal(pid, libc::SIGKILL);
        }
    });
    let output = child.wait_with_output().expect("our own child");
    drop(done);
    watch.join().expect("the watch ends");
    output
}

/// A client in this process, with the target it trades.
#[derive(Debug)]
pub struct Attached {
    pub client: Client,
    pub target: Target,
}

impl Attached {
    pub fn new(client: Client) -> Self {
        let name = |text| Name::new(text).expect("a name");
        let target = client.look_up(name("main"), Some(name("X"))).expect("the book of the set-up");
        Self { client, target }
    }

    pub fn gate(&self) -> Gate {
        self.client.gate(&self.target)
    }

    /// Waits until orders may go out.
    pub fn await_pass(&self, sidecar: &Sidecar) {
        let by = std::time::Instant::now() + super::PATIENCE;
        while self.gate() != Gate::Pass {
            assert!(std::time::Instant::now() < by, "the gate never passes: {:?}", sidecar.status().causes);
            tripline::runtime::pin::sleep(200_000);
        }
    }

    /// Waits until the gate is closed.
    pub fn await_halt(&self) {
        wait_for("the gate closes", || (self.gate() == Gate::Halted).then_some(()));
    }
}
