//! COLD: wrong calls get the documented answer in a real C process, with and without the sanitizers.

use std::process::Command;

use super::header::exported;
use super::toolchain::{
    Language, Scratch, at, compile, read, sanitizers, shared_library, static_library, succeed,
};

const SOURCE: &str = "tests/abi/refusals.c";

fn answers_as_documented(test: &str, language: Language, standard: &str, arguments: Vec<String>) {
    let scratch = Scratch::new(test);
    let program = scratch.path(test);
    let standard = format!("-std={standard}");
    compile(language, &at(SOURCE), &program, std::iter::once(standard).chain(arguments));
    // The sanitizers report on the error stream and end the process; `succeed` shows both.
    succeed(&mut Command::new(program), "it was just built");
}

#[test]
fn wrong_calls_are_answered_through_the_shared_library() {
    answers_as_documented("refusals-shared", Language::C, "gnu11", shared_library());
}

#[test]
fn wrong_calls_are_answered_through_the_static_library() {
    answers_as_documented("refusals-static", Language::C, "gnu11", static_library());
}

#[test]
fn wrong_calls_are_answered_where_the_inline_gate_is_a_call() {
    answers_as_documented("refusals-c11", Language::C, "c11", shared_library());
}

#[test]
fn wrong_calls_are_answered_from_cpp() {
    answers_as_documented("refusals-cpp17", Language::Cpp, "c++17", shared_library());
}

#[test]
fn wrong_calls_are_answered_under_the_sanitizers() {
    let flags = sanitizers(&Scratch::new("refusals-probe"));
    let arguments = [flags, shared_library()].concat();
    answers_as_documented("refusals-sanitized", Language::C, "gnu11", arguments);
}

#[test]
fn every_exported_function_is_called_wrongly() {
    let text = read(SOURCE);
    let missing: Vec<String> = exported()
        .into_iter()
        .map(|function| function.name)
        .filter(|name| !text.contains(&format!("{name}(")))
        .collect();
    assert!(
        missing.is_empty(),
        "{SOURCE} does not call {missing:?}. Remedy: add what each answers to nonsense"
    );
}
