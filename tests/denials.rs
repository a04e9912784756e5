//! Every reason that a request can be denied for, provoked at a real sidecar by a strategy in C++ and by one in Python:
//! the code, the measured value and the limit that come back are those of the table.

#![allow(unsafe_code)]

#[path = "denials/desk.rs"]
mod desk;
#[path = "python/interpreter.rs"]
mod interpreter;
mod support;
#[path = "denials/table.rs"]
mod table;
#[path = "abi/toolchain.rs"]
#[allow(dead_code, reason = "this file needs only part of it")]
mod toolchain;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{SystemTime, UNIX_EPOCH};

use support::sidecar::{Attached, Place, Sidecar};
use support::{PATIENCE, process};
use table::{ABSENT, Absence, CASES, Case, Number, SMALL};
use toolchain::{Language, Scratch, at, compile, read, static_library};
use tripline::model::Reason;
use tripline::runtime::pin;

/// How one language's strategy is started.
type Start = Box<dyn Fn() -> Command>;

fn in_cpp() -> Option<Start> {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("denials-cpp");
    let flags = ["-std=c++17", "-O1"].map(str::to_owned).into_iter().chain(static_library());
    compile(Language::Cpp, &at("tests/denials/obedient.cpp"), &program, flags);
    Some(Box::new(move || Command::new(&program)))
}

/// `None`, said aloud, where there is no interpreter.
fn in_python() -> Option<Start> {
    interpreter::python("a strategy in Python that is denied")?;
    let package: Scratch = interpreter::package("denials");
    Some(Box::new(move || {
        let mut python = interpreter::python("it was there").expect("it was there");
        python.env("PYTHONPATH", package.path("")).arg(at("tests/denials/obedient.py"));
        python
    }))
}

/// A strategy that runs.
struct Strategy {
    child: Child,
    lines: ChildStdin,
    said: Receiver<String>,
}

impl Strategy {
    /// Under load the keeper's patience of 100 ms may run out; then it is started once more.
    fn start(start: &Start, sidecar: &Sidecar, name: &str) -> Self {
        let tried = (0..10).find_map(|_| Self::try_start(start, sidecar, name));
        tried.unwrap_or_else(|| panic!("{name} cannot attach"))
    }

    fn try_start(start: &Start, sidecar: &Sidecar, name: &str) -> Option<Self> {
        let mut command = start();
        command.arg(sidecar.run_dir()).arg(name).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it was just built");
        let lines = child.stdin.take().expect("piped");
        let out = child.stdout.take().expect("piped");
        let (sender, said) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let attached = said.recv_timeout(PATIENCE).is_ok_and(|line| line == "attached");
        let strategy = Self { child, lines, said };
        attached.then_some(strategy)
    }

    fn hear(&self) -> String {
        self.said.recv_timeout(PATIENCE).expect("a strategy answers each line")
    }

    fn does(&mut self, line: &str) -> String {
        writeln!(self.lines, "{line}").expect("a strategy that reads");
        self.hear()
    }
}

impl Drop for Strategy {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _status = self.child.wait();
    }
}

/// A sidecar, the strategies that have been needed so far, and whoever stands beside them.
struct Scene<'a> {
    sidecar: Sidecar,
    start: &'a Start,
    strategies: BTreeMap<&'static str, Strategy>,
    /// Sees when the gates are open again.
    watcher: Option<Attached>,
}

impl<'a> Scene<'a> {
    fn new(start: &'a Start, toml: impl Fn(&Path) -> String) -> Self {
        let place = Place::new();
        place.file("sidecar.toml", &toml(&place.path().join("run")));
        let mut sidecar = Sidecar::prepared(place, vec![], vec![]);
        sidecar.start_again();
        Self { sidecar, start, strategies: BTreeMap::new(), watcher: None }
    }

    fn does(&mut self, case: &Case, line: &str) -> String {
        let Self { sidecar, start, strategies, .. } = self;
        let strategy = strategies.entry(case.strategy).or_insert_with(|| {
            let mut fresh = Strategy::start(start, sidecar, case.strategy);
            assert_eq!(fresh.does(&format!("at {}", case.at)), "ok");
            fresh
        });
        strategy.does(line)
    }

    fn plays(&mut self, case: &Case) -> String {
        self.does(case, &format!("at {}", case.at));
        for line in case.before {
            if let Some(beside) = line.strip_prefix('!') {
                self.beside(case, beside);
                continue;
            }
            let answer = self.does(case, line.trim_start_matches('?'));
            let is_fine = line.starts_with('?') || answer == "ok" || answer == "PASS NONE 0";
            assert!(is_fine, "{}: {line}: {answer}", case.reason);
        }
        self.does(case, case.asks)
    }

    /// What happens beside the strategy.
    fn beside(&mut self, case: &Case, what: &str) {
        match what.split(' ').collect::<Vec<_>>()[..] {
            ["halt", scope] => self.commands(&["halt", scope, "--reason", "a test"]),
            ["resume", scope] => self.commands(&["resume", scope, "--reason", "a test", "--yes"]),
            ["await", scope, reason] => drop(self.sidecar.cause(scope, reason)),
            ["stop"] => {
                self.watcher.get_or_insert_with(|| self.sidecar.attach("watcher"));
                process::signal(self.sidecar.core(), libc::SIGSTOP);
            }
            ["continue"] => {
                let core = process::children(self.sidecar.keeper());
                core.into_iter().for_each(|child| process::signal(child, libc::SIGCONT));
                self.watcher.as_ref().expect("it was stopped").await_pass(&self.sidecar);
            }
            // Time itself has to pass: a mark grows old, a mismatch is not of the moment.
            ["sleep"] => pin::sleep(20_000_000),
            ["apart"] => pin::sleep(2_050_000_000),
            ["kill"] => drop(self.strategies.remove(case.strategy).expect("it runs")),
            ["again"] => {
                self.strategies.clear();
                let text = desk::small(&self.sidecar.run_dir(), "7");
                self.sidecar.start_again_with(|place| {
                    fs::write(place.join("sidecar.toml"), &text).expect("another configuration");
                });
            }
            _ => panic!("what is {what}?"),
        }
    }

    fn commands(&self, words: &[&str]) {
        let done = self.sidecar.tripline(words);
        assert!(done.status.success(), "{words:?}: {done:?}");
    }
}

/// Whether an answer is what the row says; else both.
fn compare(case: &Case, answer: &str) -> Result<(), String> {
    let Case { reason, verdict, measured, limit, scope, .. } = case;
    let expected =
        format!("{verdict} {reason} {} measured {measured:?} limit {limit:?} scope {scope}", *reason as u16);
    let words: Vec<&str> = answer.split(' ').collect();
    let is_so = match words[..] {
        [gave, name, code, "measured", was, "limit", against, "scope", kind] => {
            gave == *verdict
                && name == reason.as_str()
                && code == (*reason as u16).to_string()
                && is_number(*measured, was)
                && is_number(*limit, against)
                && kind == scope.to_string()
        }
        _ => false,
    };
    if is_so {
        Ok(())
    } else {
        Err(format!("{reason}: `{}`\n  expected {expected}\n  got      {answer}", case.asks))
    }
}

fn is_number(expected: Number, shown: &str) -> bool {
    let Ok(shown) = shown.parse::<i64>() else { return false };
    match expected {
        Number::Is(value) => shown == value,
        Number::AtLeast(value) => shown >= value,
        Number::WallClock => {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
            let now = i64::try_from(since.as_nanos()).expect("a clock of this century");
            (now - 600_000_000_000..=now).contains(&shown)
        }
    }
}

/// Plays every row in one language; tells all that differ at once.
fn play(start: Option<Start>) {
    let Some(start) = start else { return };
    let mut differ = Vec::new();
    let mut large = Scene::new(&start, desk::toml);
    differ.extend(CASES.iter().filter_map(|case| compare(case, &large.plays(case)).err()));
    drop(large);
    let mut small = Scene::new(&start, |dir| desk::small(dir, "unlimited"));
    differ.extend(SMALL.iter().filter_map(|case| compare(case, &small.plays(case)).err()));
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[test]
fn each_denial_tells_a_strategy_in_cpp_its_code_the_measured_value_and_the_limit() {
    play(in_cpp());
}

#[test]
fn each_denial_tells_a_strategy_in_python_its_code_the_measured_value_and_the_limit() {
    play(in_python());
}

/// The sources that decide, without their tests.
fn deciding_sources() -> String {
    let mut text = String::new();
    let mut folders: Vec<_> = ["src/engine", "src/runtime", "src/journal", "src/shm"].map(at).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the source") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                text += &fs::read_to_string(&path).expect("a source file");
            }
        }
    }
    text
}

#[test]
fn no_reason_is_forgotten() {
    let sources = deciding_sources();
    for &reason in Reason::ALL {
        let rows = CASES.iter().chain(SMALL).filter(|case| case.reason == reason).count();
        let absent: Vec<Absence> =
            ABSENT.iter().filter(|(of, _)| *of == reason).map(|(_, why)| *why).collect();
        let variant = format!("Reason::{reason:?}");
        let is_given = sources.match_indices(&variant).any(|(start, _)| {
            !sources[start + variant.len()..].starts_with(|next: char| next.is_alphanumeric())
        });
        match (rows, &absent[..]) {
            (1.., []) => {}
            (0, [Absence::NotBuilt]) => {
                assert!(!is_given, "{reason} is given now: write its row in tests/denials/table.rs");
            }
            (0, [Absence::Reduces | Absence::Elsewhere]) => assert!(is_given, "{reason}: nothing gives it"),
            (0, [Absence::Tested(file)]) => {
                let text = read(&format!("tests/{file}"));
                let is_tested = text.contains(&variant) || text.contains(reason.as_str());
                assert!(is_tested, "{reason}: {file} does not bring it about");
            }
            (0, [Absence::Fault(why)]) => assert!(!why.is_empty() && is_given, "{reason}"),
            _ => panic!("{reason} ({}) is not once in one list of tests/denials/table.rs", reason as u16),
        }
    }
}
