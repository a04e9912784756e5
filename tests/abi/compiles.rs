//! COLD: the header compiles under every standard it promises, with every warning an error.

use super::header::functions;
use super::toolchain::{COMPILER_REMEDY, STRICT};
use super::toolchain::{Language, Scratch, at, compile, compiler, read, run, succeed};

/// The file that includes the header twice and calls every inline function.
const EVERY_INLINE: &str = "tests/abi/every_inline.c";

fn compiles(language: Language, standard: &str, more: &[&str]) {
    let scratch = Scratch::new(&format!("compiles-{standard}{}", more.concat()));
    let object = scratch.path("every_inline.o");
    compile(language, &at(EVERY_INLINE), &object, ["-c", &format!("-std={standard}")].iter().chain(more));
}

#[test]
fn the_header_compiles_as_c11_where_the_gate_is_a_call() {
    compiles(Language::C, "c11", &[]);
}

#[test]
fn the_header_compiles_as_c11_with_posix_where_the_gate_is_inline() {
    compiles(Language::C, "c11", &["-D_POSIX_C_SOURCE=200809L"]);
}

#[test]
fn the_header_compiles_as_gnu11() {
    compiles(Language::C, "gnu11", &[]);
}

#[test]
fn the_header_compiles_as_cpp17() {
    compiles(Language::Cpp, "c++17", &[]);
}

#[test]
fn the_header_compiles_as_cpp20() {
    compiles(Language::Cpp, "c++20", &[]);
}

#[test]
fn the_header_compiles_under_the_stricter_warnings_of_a_strategys_own_build() {
    let stricter = ["-Wconversion", "-Wsign-conversion", "-Wshadow", "-Wcast-qual", "-Wundef", "-O2"];
    compiles(Language::C, "gnu11", &stricter);
    compiles(Language::Cpp, "c++17", &stricter);
}

#[test]
fn the_file_that_is_compiled_uses_every_inline_function() {
    let text = read(EVERY_INLINE);
    assert_eq!(
        text.matches("#include \"tripline.h\"").count(),
        2,
        "{EVERY_INLINE} includes the header twice"
    );
    let unused: Vec<_> = functions()
        .into_iter()
        .filter(|function| function.is_inline && !text.contains(&format!("{}(", function.name)))
        .collect();
    assert!(unused.is_empty(), "{EVERY_INLINE} does not call {unused:?}. Remedy: add the call");
}

#[test]
fn a_warning_in_the_header_would_be_an_error() {
    let scratch = Scratch::new("warning");
    let source = scratch.source("warning.c", "#include \"tripline.h\"\nstatic int unused;\n");
    let mut command = compiler(Language::C);
    command.arg(source).args(STRICT).args(["-c", "-o"]).arg(scratch.path("warning.o"));
    let output = run(&mut command, COMPILER_REMEDY);
    assert!(!output.status.success(), "the strict flags let a warning pass");
}

#[test]
fn the_usage_in_the_headers_own_comment_compiles() {
    let scratch = Scratch::new("comment");
    let text = read("include/tripline.h");
    let example: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix(" *     "))
        .take_while(|line| !line.starts_with("..."))
        .collect();
    assert!(example.len() >= 5, "the header's comment no longer starts with an example");
    let source = format!(
        "#include \"tripline.h\"\nvoid die(const char *);\nvoid example(void);\nvoid example(void) {{\n{}\n}}\n",
        example.join("\n")
    );
    let file = scratch.source("comment.c", &source);
    let mut command = compiler(Language::C);
    command.arg(file).args(STRICT).args(["-std=gnu11", "-c", "-o"]).arg(scratch.path("comment.o"));
    succeed(&mut command, COMPILER_REMEDY);
}
