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
