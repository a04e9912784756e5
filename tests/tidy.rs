//! COLD: the structure of the project, as a test: layers, doors, sizes, names, and what stands beside dangerous code.
//!
//! Every violation is printed with its place and remedy. Each rule's module proves on small snippets that the rule
//! can fail. The rules are those of docs/ARCHITECTURE.md; a change of a table here is a change of the design.

use std::fs;
use std::path::Path;

use listing::Texts;
use source::{Source, Violation};

#[path = "tidy/checklist.rs"]
mod checklist;
#[path = "tidy/comments.rs"]
mod comments;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/listing.rs"]
mod listing;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/source.rs"]
mod source;

/// What is checked. The rest is documentation, configuration or generated.
const ROOTS: [&str; 5] = ["src", "ffi", "include", "benches", "tests"];
/// Extensions that are source code without being Rust.
const OTHER_LANGUAGES: [&str; 7] = ["c", "h", "cpp", "hpp", "cc", "py", "pyi"];
/// Folders that tools make.
const GENERATED: [&str; 4] = ["target", "build", "__pycache__", "dist"];

/// Rules that look at one Rust file.
const RULES: [fn(&Source) -> Vec<Violation>; 9] = [
    source::readable,
    layers::arrows,
    layers::doors,
    comments::safety,
    comments::orderings,
    shape::file_size,
    shape::function_size,
    shape::unsafe_rooms,
    shape::raw_atomics,
];

#[test]
fn the_code_keeps_its_structure() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in ROOTS {
        walk(root, folder, &mut paths);
    }
    let mut violations =
        layers::unlisted(&fs::read_to_string(root.join("Cargo.toml")).expect("the manifest"));
    let mut sources = Vec::new();
    for path in &paths {
        violations.extend(shape::names(path));
        let extension =
            Path::new(path).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if extension == "rs" || OTHER_LANGUAGES.contains(&extension) {
            let text = fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
            match extension {
                "rs" => sources.push(Source::parse(path, &text)),
                _ => violations.extend(shape::other_file_size(path, &text)),
            }
        }
    }
    assert!(sources.iter().any(|source| source.path == "src/lib.rs"), "nothing was found to check");
    violations.extend(sources.iter().flat_map(|source| RULES.iter().flat_map(move |rule| rule(source))));
    violations.extend(comments::lonely_labels(&sources));
    violations.extend(comments::hot_lints(&sources));
    report(&violations);
}

#[test]
fn every_rule_of_the_checklist_has_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in ["src", "tests"] {
        walk(root, folder, &mut paths);
    }
    let read =
        |path: &str| fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let rust = paths.into_iter().filter(|path| path.ends_with(".rs"));
    let texts: Texts = rust.map(|path| (path.clone(), read(&path))).collect();
    let tests = listing::tests(&texts);
    assert!(tests.contains("tidy every_rule_of_the_checklist_has_its_test"), "nothing was found to name");
    let rows = checklist::rows(&read(checklist::PATH));
    assert!(!rows.is_empty(), "nothing was found to check");
    let reasons = checklist::reasons(&texts["src/model/reason.rs"]);
    let mut violations = checklist::unproven(&rows);
    violations.extend(checklist::unknown_tests(&rows, &tests));
    violations.extend(checklist::unknown_modules(&rows, |path| texts.contains_key(&format!("src/{path}"))));
    violations.extend(checklist::unknown_reasons(&rows, &reasons));
    violations.extend(checklist::missing_reasons(&rows, &reasons));
    report(&violations);
}

/// Collects the files below `folder`, relative to `root`; a folder that does not exist has none.
fn walk(root: &Path, folder: &str, paths: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        match (is_folder, name.starts_with('.') || GENERATED.contains(&name.as_str())) {
            (_, true) => {}
            (true, false) => walk(root, &path, paths),
            (false, false) => paths.push(path),
        }
    }
}

fn report(violations: &[Violation]) {
    let text: Vec<String> = violations.iter().map(Violation::to_string).collect();
    assert!(violations.is_empty(), "{} violations\n\n{}\n", violations.len(), text.join("\n"));
}

#[test]
#[should_panic(expected = "src/a.rs:3: b\n    remedy: c")]
fn a_violation_fails_the_test_and_names_place_and_remedy() {
    report(&[Violation { path: "src/a.rs".to_owned(), line: 3, what: "b".to_owned(), remedy: "c" }]);
}
