//! COLD: `include/tripline.hpp` compiles in every mode it promises, does what it says, and has a name for every number.

use std::collections::BTreeSet;
use std::process::Command;

use tripline::model::event::{FillCause, RejectClass};
use tripline::model::{Event, Reason};

use super::answers::answer_requests;
use super::header;
use super::sidecar::StandIn;
use super::toolchain::{
    COMPILER_REMEDY, Language, STRICT, Scratch, at, compile, compiler, read, run, sanitizers, shared_library,
    static_library, succeed,
};

const HEADER: &str = "include/tripline.hpp";
/// Includes the header twice and calls all of it.
const SOURCE: &str = "tests/abi/attached.cpp";
const WITHOUT_EXCEPTIONS: [&str; 2] = ["-fno-exceptions", "-fno-rtti"];

fn does_what_it_says(test: &str, flags: &[&str], libraries: Vec<String>) {
    let scratch = Scratch::new(test);
    let program = scratch.path(test);
    let flags = flags.iter().map(|flag| (*flag).to_owned()).chain(["-pthread".to_owned()]);
    compile(Language::Cpp, &at(SOURCE), &program, flags.chain(libraries));
    let sidecar = StandIn::listen(test, answer_requests);
    succeed(Command::new(program).arg(sidecar.runtime_dir()), "it was just built");
    let seen = sidecar.finish().expect("the program attached");
    assert!(seen.left_in_order && !seen.lost);
    let events: Vec<Event> = seen.events.iter().map(|message| message.event).collect();
    let has = |what: &str, wanted: fn(&Event) -> bool| {
        assert!(events.iter().any(wanted), "{what} did not arrive: {events:#?}");
    };
    has("the modify", |event| matches!(event, Event::OrderModify { new_order: 2, .. }));
    has("the time of the fill", |event| {
        matches!(event, Event::FillExt { t_venue: 9, cause: FillCause::Normal, .. })
    });
    has("the reject", |event| {
        matches!(event, Event::OrderReject { class: RejectClass::Rate, venue_code: -5, .. })
    });
    has(
        "what the library took back",
        |event| matches!(event, Event::NotSent { cause, .. } if *cause == Reason::EpochStale as u32),
    );
    has(
        "what the strategy took back",
        |event| matches!(event, Event::NotSent { order, action: 1, .. } if order.get() == 3),
    );
    let acknowledged = events.iter().filter(|event| matches!(event, Event::DirectiveAck { .. }));
    assert_eq!(acknowledged.count(), 5);
}

#[test]
fn the_cpp_client_does_what_it_says_in_cpp17() {
    does_what_it_says("hpp-17", &["-std=c++17"], shared_library());
}

#[test]
fn the_cpp_client_does_what_it_says_in_cpp20() {
    does_what_it_says("hpp-20", &["-std=c++20", "-O2"], static_library());
}

#[test]
fn the_cpp_client_does_what_it_says_in_cpp17_without_exceptions() {
    does_what_it_says("hpp-17-plain", &[&["-std=c++17"], &WITHOUT_EXCEPTIONS[..]].concat(), static_library());
}

#[test]
fn the_cpp_client_does_what_it_says_in_cpp20_without_exceptions() {
    does_what_it_says("hpp-20-plain", &[&["-std=c++20"], &WITHOUT_EXCEPTIONS[..]].concat(), shared_library());
}

#[test]
fn the_cpp_client_does_what_it_says_under_the_sanitizers() {
    let flags = sanitizers(&Scratch::new("hpp-probe"));
    does_what_it_says("hpp-sanitized", &["-std=c++17"], [flags, shared_library()].concat());
}

/// Whether a piece of code that includes the header compiles.
fn compiles(test: &str, body: &str, flags: &[&str]) -> bool {
    let scratch = Scratch::new(test);
    let text = format!("#include \"tripline.hpp\"\nvoid piece(tripline::client &client);\n{body}\n");
    let mut command = compiler(Language::Cpp);
    command.arg(scratch.source("piece.cpp", &text)).args(STRICT).args(["-c", "-o"]);
    command.arg(scratch.path("piece.o")).args(flags);
    run(&mut command, COMPILER_REMEDY).status.success()
}

#[test]
fn the_cpp_header_compiles_under_the_stricter_warnings_of_a_strategys_own_build() {
    let stricter = ["-Wconversion", "-Wsign-conversion", "-Wshadow", "-Wcast-qual", "-Wundef", "-O2"];
    let used = "void piece(tripline::client &client) { (void)client.poll(); }";
    for standard in ["-std=c++17", "-std=c++20"] {
        assert!(compiles("hpp-stricter", used, &[&[standard], &stricter[..]].concat()), "{standard}");
    }
}

#[test]
fn a_result_cannot_be_dropped_and_a_client_cannot_be_copied() {
    for (test, body, fine) in [
        ("kept", "void piece(tripline::client &client) { (void)client.heartbeat(); }", true),
        ("dropped", "void piece(tripline::client &client) { client.heartbeat(); }", false),
        ("dropped-poll", "void piece(tripline::client &client) { client.poll(); }", false),
        ("dropped-detach", "void piece(tripline::client &client) { client.detach(); }", false),
        ("copied", "void piece(tripline::client &client) { tripline::client copy = client; }", false),
        ("confused", "void piece(tripline::client &client) { if (client.gate({}) == 3) {} }", false),
        ("as-number", "void piece(tripline::client &client) { int a = client.heartbeat(); (void)a; }", false),
    ] {
        assert_eq!(compiles(&format!("hpp-{test}"), body, &["-std=c++17"]), fine, "{body}");
    }
}

#[test]
fn every_name_of_the_cpp_header_stands_for_a_number_of_the_c_header() {
    let text = read(HEADER);
    let named: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.split_once(" = TRIPLINE_"))
        .filter_map(|(_, rest)| rest.split([',', ' ', ';']).next())
        .collect();
    let prefixes = [
        "GATE_",
        "ORDER_",
        "TIF_",
        "INTENT_",
        "ACTION_",
        "REJECT_",
        "DONE_",
        "BY_",
        "MESSAGE_",
        "STATE_",
        "MODE_",
        "VERDICT_",
        "DIRECTIVE_",
        "SCOPE_",
    ];
    let numbers = header::numbers();
    let missing: Vec<&str> = numbers
        .iter()
        .filter_map(|name| name.strip_prefix("TRIPLINE_"))
        .filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)) && !named.contains(name))
        .collect();
    assert!(missing.is_empty(), "{HEADER} has no name for {missing:?}");
}

#[test]
fn the_reasons_of_the_cpp_header_are_those_of_the_sidecar() {
    let text = read(HEADER);
    let (_, body) = text.split_once("enum class reason : std::uint16_t {").expect("the reasons");
    let (body, _) = body.split_once("};").expect("their end");
    let named: Vec<(String, &str)> = body
        .lines()
        .filter_map(|line| line.trim().trim_end_matches(',').split_once(" = "))
        // A keyword is told apart by an underscore.
        .map(|(name, number)| (name.trim_end_matches("_").to_uppercase(), number))
        .collect();
    let numbers: Vec<String> = Reason::ALL.iter().map(|reason| format!("TRIPLINE_REASON_{reason}")).collect();
    let reasons = Reason::ALL.iter().map(|reason| reason.as_str().to_owned());
    let expected: Vec<(String, &str)> = std::iter::once(("NONE".to_owned(), "0"))
        .chain(reasons.zip(numbers.iter().map(String::as_str)))
        .collect();
    assert_eq!(named, expected);
}

#[test]
fn the_usage_in_the_cpp_headers_own_comment_compiles() {
    let text = read(HEADER);
    let lines = text.lines().filter_map(|line| line.strip_prefix(" *     "));
    let example: Vec<&str> = lines.take_while(|line| !line.starts_with("...")).collect();
    assert!(example.len() >= 6, "the header's comment no longer starts with an example");
    let body = format!(
        "void die(const char *, const char *);\nvoid example();\nvoid example() {{\n{}\n(void)client.may_send(btc);\n}}",
        example.join("\n")
    );
    assert!(compiles("hpp-comment", &body, &["-std=c++17"]), "{body}");
}
