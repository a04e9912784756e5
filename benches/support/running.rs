//! A real `tripline run` of a benchmark's own, in a private directory: started, asked, ended, removed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tripline::control::cli::admin;
use tripline::control::report::{LoopReport, Report};
use tripline::keeper;
use tripline::runtime::pin;

use super::Failure;

const READY_WITHIN: Duration = Duration::from_secs(30);
const STOPPED_WITHIN: Duration = Duration::from_secs(5);

/// Where a runtime directory belongs: in memory. On a disk the kernel takes each page of the hot log away from the loop
/// for a moment whenever it writes it back.
fn memory() -> PathBuf {
    let shm = PathBuf::from("/dev/shm");
    if shm.is_dir() { shm } else { std::env::temp_dir() }
}

/// The sidecar; it and its directory go when this is dropped.
pub(crate) struct Running {
    dir: PathBuf,
    process: Option<Child>,
    core: libc::pid_t,
}

/// Continues the core however the block ended.
struct Stopped(libc::pid_t);

impl Running {
    /// Starts it with the configuration that `text` makes of its sockets' directory, its core spinning on `cpu`, and
    /// waits until it is ready.
    pub(crate) fn start(
        kind: &str,
        cpu: usize,
        options: &[&str],
        text: impl FnOnce(&Path) -> String,
    ) -> Result<Self, Failure> {
        let dir = memory().join(format!("tripline-bench-{}-{kind}", std::process::id()));
        fs::create_dir(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let mut running = Self { dir, process: None, core: 0 };
        let config = running.dir.join("bench.toml");
        let text = text(&running.run_dir());
        fs::write(&config, text).map_err(|error| format!("configuration: {error}"))?;
        let log = fs::File::create(running.dir.join("log")).map_err(|error| format!("log: {error}"))?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
        command.args(["run", "--exit-with-parent", "--config"]).arg(&config).args(options);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        running.process = Some(command.spawn().map_err(|error| format!("starting the sidecar: {error}"))?);
        let looping = running.await_ready()?;
        if looping.cpu != Some(cpu as u64) || !looping.spinning {
            return Err(format!("the core is not spinning on processor {cpu}"));
        }
        running.core = looping.core_pid as libc::pid_t;
        Ok(running)
    }

    /// The private directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The directory of the sockets.
    pub(crate) fn run_dir(&self) -> PathBuf {
        self.dir.join("run")
    }

    /// The process that was started.
    pub(crate) fn keeper(&self) -> libc::pid_t {
        self.process.as_ref().map_or(0, Child::id) as libc::pid_t
    }

    /// The process whose main thread is the hot loop.
    pub(crate) fn core(&self) -> libc::pid_t {
        self.core
    }

    /// What it said on its standard error.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    fn await_ready(&mut self) -> Result<LoopReport, Failure> {
        let by = Instant::now() + READY_WITHIN;
        loop {
            let attach = self.run_dir().join("attach.sock");
            let report = self.status().ok().filter(|report| report.not_ready.is_none());
            if let Some(report) = report.filter(|_| attach.exists()) {
                return report.looping.ok_or("the sidecar shows no core".into());
            }
            let ended = matches!(self.process.as_mut().map(Child::try_wait), Some(Ok(Some(_))));
            if ended || Instant::now() >= by {
                return Err(format!("the sidecar is not ready:\n{}", self.log()));
            }
            pin::sleep(5_000_000);
        }
    }

    /// What it says of itself.
    pub(crate) fn status(&self) -> Result<Report, Failure> {
        admin::status(&self.run_dir()).map_err(|failure| failure.what)
    }

    /// Runs `block` while the core does not run at all, which leaves its processor to the block.
    pub(crate) fn while_stopped<T>(&self, block: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        let core = self.core;
        // SAFETY: an integer call; the core is a descendant of the sidecar that this run started and still holds.
        unsafe { libc::kill(core, libc::SIGSTOP) };
        let _continued = Stopped(core);
        let by = Instant::now() + STOPPED_WITHIN;
        let stat = format!("/proc/{core}/stat");
        loop {
            let text = fs::read_to_string(&stat).map_err(|error| format!("{stat}: {error}"))?;
            // The state follows the program's name, which is in brackets and may itself hold some.
            if text.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T')) {
                break;
            }
            if Instant::now() >= by {
                return Err("the core does not stop".into());
            }
            pin::sleep(20_000);
        }
        block()
    }

    /// Asks it to end and waits until it has.
    pub(crate) fn end(&mut self) {
        if let Some(mut process) = self.process.take() {
            keeper::ask_to_end(&process);
            let _reaped = process.wait();
        }
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // SAFETY: as for the SIGSTOP.
        unsafe { libc::kill(self.0, libc::SIGCONT) };
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            eprintln!("{} is left behind: {error}", self.dir.display());
        }
    }
}
