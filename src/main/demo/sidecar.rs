//! The sidecar of a run: started in a directory of its own, gone with it.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tripline::control::cli::admin;
use tripline::control::report::Report;
use tripline::keeper;
use tripline::runtime::pin;

use super::Failure;
use super::plan::Plan;

const READY_WITHIN: Duration = Duration::from_secs(30);

/// The sidecar of this run, in a directory of its own; both go when it is dropped.
pub(super) struct Sidecar {
    dir: PathBuf,
    process: Option<Child>,
}

impl Sidecar {
    pub(super) fn start(plan: &Plan) -> Result<Self, Failure> {
        let dir = std::env::temp_dir().join(format!("tripline-demo-{}", std::process::id()));
        fs::create_dir(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let mut sidecar = Self { dir, process: None };
        let say = |what: &str, error: io::Error| format!("{what}: {error}");
        let config = sidecar.dir.join("demo.toml");
        fs::write(&config, plan.configuration(&sidecar.run_dir())).map_err(|e| say("configuration", e))?;
        let log = fs::File::create(sidecar.log()).map_err(|e| say("log", e))?;
        let exe = std::env::current_exe().map_err(|e| say("this program", e))?;
        let mut command = Command::new(exe);
        command.args(["run", "--exit-with-parent", "--config"]).arg(&config);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        sidecar.process = Some(command.spawn().map_err(|e| say("starting the sidecar", e))?);
        sidecar.await_ready()?;
        Ok(sidecar)
    }

    pub(super) fn run_dir(&self) -> PathBuf {
        self.dir.join("run")
    }

    fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// Waits until it answers and its attach socket is there.
    fn await_ready(&mut self) -> Result<(), Failure> {
        let by = Instant::now() + READY_WITHIN;
        loop {
            let attach = self.run_dir().join("attach.sock");
            if attach.exists() && self.status().is_ok_and(|report| report.not_ready.is_none()) {
                return Ok(());
            }
            let ended = self.process.as_mut().map(Child::try_wait);
            if let Some(Ok(Some(status))) = ended {
                let log = fs::read_to_string(self.log()).unwrap_or_default();
                return Err(format!("the sidecar ended at once ({status}):\n{log}"));
            }
            if pin::held_signal().is_some() {
                return Err("interrupted".into());
            }
            if Instant::now() >= by {
                let log = fs::read_to_string(self.log()).unwrap_or_default();
                return Err(format!("the sidecar was not ready within {READY_WITHIN:?}:\n{log}"));
            }
            pin::sleep(5_000_000);
        }
    }

    pub(super) fn status(&self) -> Result<Report, Failure> {
        admin::status(&self.run_dir()).map_err(|failure| failure.what)
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            keeper::ask_to_end(&process);
            let _reaped = process.wait();
        }
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            eprintln!("tripline demo: {} is left behind: {error}", self.dir.display());
        }
    }
}
