//! The Python package, built by cargo and run by the python3 of this machine: against a real sidecar, and against a
//! stand-in where a test decides what is answered. Without python3 it is said that this was not run.

#![allow(unsafe_code)]

#[path = "abi/answers.rs"]
mod answers;
#[path = "abi/sidecar.rs"]
#[allow(dead_code, reason = "this file needs only part of it")]
mod sidecar;
mod support;
#[path = "abi/toolchain.rs"]
#[allow(dead_code, reason = "this file needs only part of it")]
mod toolchain;

#[path = "python/events.rs"]
mod events;
#[path = "python/interpreter.rs"]
mod interpreter;

use answers::answer_requests;
use interpreter::{REMEDY, package, python};
use sidecar::{Reaction, Seen, StandIn};
use toolchain::{at, library, run, succeed};
use tripline::model::{Event, Flags, Reason};

/// Runs a script of tests/python against a stand-in.
fn against_stand_in(test: &str, script: &str, reaction: Reaction) -> Option<Seen> {
    let mut python = python(script)?;
    let package = package(test);
    let stand_in = StandIn::listen(test, reaction);
    python.env("PYTHONPATH", package.path("")).env("TRIPLINE_LIBRARY", library().join("libtripline.so"));
    python.arg(at("tests/python").join(script)).arg(stand_in.runtime_dir());
    succeed(&mut python, REMEDY);
    Some(stand_in.finish().expect("the script attached"))
}

#[test]
fn the_package_does_against_a_real_sidecar_what_its_stubs_say() {
    let Some(mut python) = python("the tests of the Python package") else { return };
    let package = package("python-package");
    python.env("PYTHONPATH", package.path("")).env("TRIPLINE_BIN", support::sidecar::TRIPLINE);
    python.current_dir(at("ffi/python/tests")).args(["-m", "unittest", "-v"]);
    let output = run(&mut python, REMEDY);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("\nOK"), "{said}");
}

#[test]
fn every_method_publishes_the_event_it_names() {
    let Some(seen) = against_stand_in("python-events", "every_event.py", |_, _| {}) else { return };
    let expected = events::expected();
    for (at, (seen, expected)) in seen.events.iter().zip(&expected).enumerate() {
        assert_eq!((seen.flags, seen.event), *expected, "event {at}");
    }
    assert_eq!(seen.events.len(), expected.len());
    assert!(seen.left_in_order && !seen.lost);
}

#[test]
fn the_library_does_through_ctypes_what_the_header_says() {
    let Some(seen) = against_stand_in("python-ctypes", "ctypes_client.py", answer_requests) else { return };
    assert!(seen.left_in_order && !seen.lost);
    assert_eq!(seen.events.len(), 7, "{:#?}", seen.events);
}

#[test]
fn requests_permits_and_directives_do_what_the_stubs_say() {
    let Some(seen) = against_stand_in("python-permits", "permits.py", answer_requests) else { return };
    assert!(seen.left_in_order && !seen.lost);
    let not_sent: Vec<u32> = seen
        .events
        .iter()
        .filter_map(|message| match message.event {
            Event::NotSent { cause, .. } => Some(cause),
            _ => None,
        })
        .collect();
    for reason in [Reason::Expired, Reason::EpochStale, Reason::LeaseExpired] {
        assert!(not_sent.contains(&(reason as u32)), "the library gives back what it denies: {not_sent:?}");
    }
    let acknowledged =
        |message: &&tripline::model::Message| matches!(message.event, Event::DirectiveAck { .. });
    assert_eq!(seen.events.iter().filter(acknowledged).count(), 6);
    let requests = seen.events.iter().filter(|message| message.flags.contains(Flags::PERMIT));
    assert!(requests.count() > 20);
}

/// The shipped configuration as README.md has it run, with nothing to wait for at the start.
fn desk_of_the_readme(runtime_dir: &std::path::Path) -> String {
    let mut text = toolchain::read("examples/tripline.toml");
    let dir = format!("runtime_dir = \"{}\" #", runtime_dir.display());
    for (typed, becomes) in [
        ("mode = \"paper\"", "mode = \"live\""),
        ("# runtime_dir = ", dir.as_str()),
        ("# listen = ", "listen = \"none\" #"),
        ("name = \"main.orders\"", "name = \"main.orders\"\nstart = \"empty\""),
    ] {
        assert_eq!(text.matches(typed).count(), 1, "{typed}");
        text = text.replace(typed, becomes);
    }
    text
}

#[test]
fn the_lines_in_python_of_the_readme_say_what_it_promises() {
    let Some(mut python) = python("the lines in Python of the README") else { return };
    let package = package("python-readme");
    let readme = toolchain::read("README.md");
    let (_, rest) = readme.split_once("```python\n").expect("lines in Python");
    let (lines, behind) = rest.split_once("```").expect("their end");
    let place = support::sidecar::Place::new();
    place.file("sidecar.toml", &desk_of_the_readme(&place.path().join("run")));
    let mut sidecar = support::sidecar::Sidecar::prepared(place, vec![], vec![]);
    sidecar.start_again();
    python.env("PYTHONPATH", package.path("")).env("TRIPLINE_RUNTIME_DIR", sidecar.run_dir());
    let said = succeed(python.args(["-c", lines]), REMEDY);
    assert_eq!(said, "2 PASS\n500 MAX_QTY 500 250\n");
    assert!(said.lines().all(|line| behind.contains(&format!("`{line}`")) && lines.contains(line)));
}
