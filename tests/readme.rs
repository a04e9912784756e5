//! The README keeps its word: its C strategy compiles, its links lead somewhere, its configuration loads.

use std::fs;
use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("README.md")
}

/// The text between a fence that opens with `language` and the next fence.
fn fenced<'a>(text: &'a str, language: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("```{language}\n")).expect("the fence opens");
    rest.split_once("```").expect("the fence closes").0
}

#[test]
fn the_strategy_of_the_readme_compiles_and_is_as_short_as_promised() {
    let readme = readme();
    let source = fenced(&readme, "c");
    assert!(source.lines().count() <= 40, "{} lines", source.lines().count());
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = dir.join("readme_strategy.c");
    fs::write(&file, source).expect("written");
    for standard in ["-std=c11", "-std=gnu11"] {
        let compiled = Command::new("cc")
            .args([standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-c", "-o"])
            .arg(dir.join("readme_strategy.o"))
            .arg("-I")
            .arg(root().join("include"))
            .arg(&file)
            .output()
            .expect("cc, a C compiler, is needed: apt-get install gcc");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    }
}

/// Whether a program finds nothing wrong with a file.
fn accepts(program: &str, arguments: &[&str], file: &Path) {
    let checked =
        Command::new(program).args(arguments).arg("-I").arg(root().join("include")).arg(file).output();
    let checked = checked.unwrap_or_else(|error| panic!("{program} is needed: {error}"));
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn the_lines_in_cpp_of_the_readme_compile() {
    let readme = readme();
    let lines = fenced(&readme, "cpp");
    let source = format!(
        "#include <tripline.hpp>\nvoid lines(tripline::client &, const tripline::target &);\n\
         void lines(tripline::client &client, const tripline::target &btc) {{\n\
         const std::uint64_t id = 1, attrs = 0;\nconst std::int64_t px = 1, qty = 1;\n{lines}}}\n"
    );
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme_lines.cpp");
    fs::write(&file, source).expect("written");
    accepts("c++", &["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"], &file);
}

#[test]
fn every_link_of_the_readme_leads_to_a_file() {
    let readme = readme();
    let links: Vec<&str> = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() >= 10, "found only {links:?}");
    for link in links {
        assert!(root().join(link).exists(), "README.md links to {link}, which does not exist");
    }
}

#[test]
fn the_example_configuration_of_the_readme_loads() {
    assert!(readme().contains("examples/tripline.toml"));
    let loaded = tripline::control::config::load(&root().join("examples/tripline.toml"));
    assert!(loaded.is_ok(), "{}", loaded.expect_err("problems"));
}
