//! COLD: sizes, names, and the rooms that unsafe code and raw atomics are kept in.

use crate::layers::rooted;
use crate::source::{Source, Violation, closing, line_of, words};

/// Lines of a source file without its tests.
const FILE_LINES: usize = 500;
/// Lines of a file of tests, and of what is not Rust: a header is mostly the documentation of its contract.
const LONG_FILE_LINES: usize = 800;
/// Lines of a function, from `fn` to its last brace. Tests are exempt: a table of cases is not logic.
const FUNCTION_LINES: usize = 70;
/// Names that say nothing about what a file is for.
const BANNED_NAMES: [&str; 10] =
    ["util", "utils", "helper", "helpers", "common", "types", "manager", "managers", "handler", "handlers"];
/// Where unsafe code may be.
const UNSAFE_ROOMS: &[&str] = &[
    "src/shm",
    "src/sync.rs",
    "src/runtime/pin",
    "src/runtime/clock",
    "src/runtime/pages",
    "src/keeper",
    "src/main/strategy",
    "ffi/",
    "tests/",
    "benches/",
];
/// The door to atomics.
const ATOMICS_ROOM: &[&str] = &["src/sync.rs"];

/// Rust files that are too long.
pub(crate) fn file_size(source: &Source) -> Vec<Violation> {
    let product = source.product().count();
    let (lines, limit) =
        if product == 0 { (source.lines.len(), LONG_FILE_LINES) } else { (product, FILE_LINES) };
    too_long(&source.path, lines, limit)
}

/// Files of other languages that are too long.
pub(crate) fn other_file_size(path: &str, text: &str) -> Vec<Violation> {
    too_long(path, text.lines().count(), LONG_FILE_LINES)
}

fn too_long(path: &str, lines: usize, limit: usize) -> Vec<Violation> {
    let violation = || Violation {
        path: path.to_owned(),
        line: 1,
        what: format!("{lines} lines, more than {limit}"),
        remedy: "look for the second idea in it and give that a file",
    };
    if lines > limit { vec![violation()] } else { Vec::new() }
}

/// Functions that are too long.
pub(crate) fn function_size(source: &Source) -> Vec<Violation> {
    let code = source.code();
    let mut violations = Vec::new();
    for at in words(&code, "fn") {
        let index = line_of(&code, at);
        let Some(end) = body_end(&code, at).filter(|_| !source.lines[index].test) else { continue };
        let lines = line_of(&code, end - 1) - index + 1;
        if lines > FUNCTION_LINES {
            let what = format!("a function of {lines} lines, more than {FUNCTION_LINES}");
            violations.push(source.violation(index, what, "name the parts of it and make them functions"));
        }
    }
    violations
}

/// Where the body of the function at `at` ends; `None` for function pointers and declarations.
fn body_end(code: &str, at: usize) -> Option<usize> {
    let signature = at + "fn".len();
    if !code[signature..].trim_start().starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return None;
    }
    let mut from = signature;
    loop {
        let found = from + code[from..].find(['{', '(', '[', ';', '}'])?;
        match code.as_bytes()[found] {
            b'{' => return closing(code, found),
            b'(' | b'[' => from = closing(code, found)?,
            _ => return None,
        }
    }
}

/// Files and folders whose name says nothing. `path` is relative to the repository.
pub(crate) fn names(path: &str) -> Vec<Violation> {
    path.split('/')
        .map(|part| part.split('.').next().unwrap_or(part))
        .filter(|stem| BANNED_NAMES.contains(stem))
        .map(|stem| Violation {
            path: path.to_owned(),
            line: 1,
            what: format!("`{stem}` says nothing about what is inside"),
            remedy: "name it by the thing of the domain it holds",
        })
        .collect()
}

/// Unsafe code outside its rooms, and lints lifted to allow it.
pub(crate) fn unsafe_rooms(source: &Source) -> Vec<Violation> {
    if source.is_under(UNSAFE_ROOMS) {
        return Vec::new();
    }
    let code = source.code();
    let lifted = words(&code, "unsafe_code").filter(|&at| {
        let line = code[..at].rfind('\n').map_or(0, |newline| newline + 1);
        ["allow(", "expect(", "warn("].iter().any(|lift| code[line..at].contains(lift))
    });
    words(&code, "unsafe")
        .chain(lifted)
        .map(|at| {
            let what = format!("unsafe outside its rooms ({})", UNSAFE_ROOMS.join(", "));
            source.violation(line_of(&code, at), what, "move it behind a safe function of one of them")
        })
        .collect()
}

/// Atomics that do not come through `sync`.
pub(crate) fn raw_atomics(source: &Source) -> Vec<Violation> {
    if source.is_under(ATOMICS_ROOM) {
        return Vec::new();
    }
    let code = source.code();
    ["std", "core", "loom"]
        .iter()
        .flat_map(|root| rooted(&code, root))
        .filter(|(_, path)| path.starts_with(&["sync".to_owned(), "atomic".to_owned()]))
        .map(|(at, _)| line_of(&code, at))
        .filter(|&index| !source.lines[index].test)
        .map(|index| {
            let what = "atomics of the standard library".to_owned();
            source.violation(index, what, "take them from crate::sync, so that a model checker can stand in")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source::parse(path, text)
    }

    #[test]
    fn long_files_are_found_and_tests_do_not_count() {
        let (short, long) = ("let a;\n".repeat(499), "let a;\n".repeat(500));
        let tests = format!("{short}#[cfg(test)]\nmod tests {{\n{short}}}");
        assert_eq!(file_size(&source("src/a.rs", &long)).len(), 1);
        assert_eq!(file_size(&source("src/a.rs", &short)), []);
        assert_eq!(file_size(&source("src/a.rs", tests.trim_end())), []);
        assert_eq!(file_size(&source("tests/a.rs", &long)), []);
        assert_eq!(file_size(&source("tests/a.rs", &long.repeat(2))).len(), 1);
        assert_eq!(other_file_size("include/a.h", &long), []);
        assert_eq!(other_file_size("include/a.h", &long.repeat(2)).len(), 1);
    }

    #[test]
    fn long_functions_are_found() {
        let function =
            |lines: usize| format!("fn a(x: [u8; 2]) -> fn(u8) {{\n{}}}\n", "b;\n".repeat(lines - 2));
        assert_eq!(function_size(&source("src/a.rs", &function(70))), []);
        let found = function_size(&source("src/a.rs", &format!("c();\n{}", function(71))));
        assert_eq!((found.len(), found[0].line), (1, 2));
        let many = format!("trait T {{ fn d(&self); }}\n{}{}", function(40), function(40));
        assert_eq!(function_size(&source("src/a.rs", &many)), []);
        assert_eq!(function_size(&source("src/a/tests.rs", &function(90))), []);
        let braces = "fn a() {\n let b = \"}\"; // }\n let c = '}';\n".to_owned() + &"d;\n".repeat(70) + "}";
        assert_eq!(function_size(&source("src/a.rs", &braces)).len(), 1);
    }

    #[test]
    fn empty_names_are_found() {
        for path in ["src/utils.rs", "src/common/mod.rs", "ffi/src/types.rs", "include/handler.h"] {
            assert_eq!(names(path).len(), 1, "{path}");
        }
        assert_eq!(names("src/control/subtypes.rs"), []);
        assert_eq!(names("tests/support/mod.rs"), []);
    }

    #[test]
    fn unsafe_outside_its_rooms_is_found() {
        for text in ["unsafe { f() }", "#![allow(unsafe_code)]", "#[expect(unsafe_code)]\nfn a() {}"] {
            assert_eq!(unsafe_rooms(&source("src/engine/ledger.rs", text)).len(), 1, "{text}");
            assert_eq!(unsafe_rooms(&source("src/runtime/boot.rs", text)).len(), 1, "{text}");
            assert_eq!(unsafe_rooms(&source("src/runtime/pin.rs", text)), [], "{text}");
        }
        assert_eq!(
            unsafe_rooms(&source("src/engine/mod.rs", "#![forbid(unsafe_code)] // unsafe\n\"unsafe\";")),
            []
        );
    }

    #[test]
    fn atomics_beside_their_door_are_found() {
        for text in [
            "use std::sync::atomic::AtomicU64;",
            "use core::sync::{atomic::{AtomicU8, Ordering}};",
            "use std::{io, sync::{Arc, atomic}};",
            "let a = std::sync::atomic::AtomicU8::new(1);",
            "use loom::sync::atomic::AtomicU64;",
        ] {
            assert!(!raw_atomics(&source("src/control/mod.rs", text)).is_empty(), "{text}");
            assert_eq!(raw_atomics(&source("src/sync.rs", text)), [], "{text}");
        }
        for text in [
            "use std::sync::Arc;",
            "use crate::sync::AtomicU64;",
            "#[cfg(test)]\nmod t { use std::sync::atomic; }",
        ] {
            assert_eq!(raw_atomics(&source("src/control/mod.rs", text)), [], "{text}");
        }
    }
}
