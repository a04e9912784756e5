//! What `make install` lays down is found by CMake and pkg-config, and a strategy links with it in C++ and in C.

#![allow(unsafe_code)]

mod support;
#[path = "abi/toolchain.rs"]
#[allow(dead_code, reason = "this file needs only part of it")]
mod toolchain;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::not_run;
use toolchain::{Scratch, at, library, run, succeed};

const MAKE_REMEDY: &str = "apt-get install make, or dnf install make";

/// A place that `make install` has filled, from what was built for the tests.
fn installed(scratch: &Scratch) -> PathBuf {
    let built = scratch.path("built");
    std::fs::create_dir_all(&built).expect("a folder");
    for name in ["libtripline.so", "libtripline.a"] {
        symlink(library().join(name), built.join(name)).expect("a link");
    }
    symlink(support::sidecar::TRIPLINE, built.join("tripline")).expect("a link");
    let (stage, prefix) = (scratch.path("stage"), "/opt/desk");
    let mut make = Command::new("make");
    // -o: the release build is taken for done.
    make.current_dir(at("")).args(["-s", "-o", "release", "install"]);
    make.arg(format!("RELEASE={}", built.display())).arg(format!("PREFIX={prefix}"));
    make.arg(format!("DESTDIR={}", stage.display()));
    succeed(&mut make, MAKE_REMEDY);
    stage.join("opt/desk")
}

fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        not_run(&format!(
            "{program} is missing: what it finds of an installed Tripline. Remedy: apt-get install {program}"
        ));
    }
    found
}

const PROGRAM: &str = "#include <tripline.hpp>
#include <cstdio>
int main() {
    const auto attached = tripline::client::attach(\"mm1\", \"/nowhere\");
    std::printf(\"abi %u %d\\n\", static_cast<unsigned>(tripline_abi_version()), static_cast<int>(attached.code()));
    return attached->may_send({}) ? 1 : 0;
}
";

fn configure(source: &Path, prefix: &Path, version: &str) -> (bool, String) {
    let build = source.join(format!("build-{version}"));
    let mut cmake = Command::new("cmake");
    cmake.arg("-S").arg(source).arg("-B").arg(&build);
    cmake.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display())).arg(format!("-DVERSION={version}"));
    let output = run(&mut cmake, "apt-get install cmake");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn cmake_finds_what_make_install_lays_down() {
    if !has("cmake") {
        return;
    }
    let scratch = Scratch::new("cmake");
    let prefix = installed(&scratch);
    scratch.source("main.cpp", PROGRAM);
    scratch.source(
        "CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.13)
project(desk CXX)
set(CMAKE_CXX_STANDARD 17)
find_package(tripline ${VERSION} REQUIRED)
find_package(tripline ${VERSION} REQUIRED)
add_executable(shared main.cpp)
target_link_libraries(shared PRIVATE tripline::tripline)
add_executable(static main.cpp)
target_link_libraries(static PRIVATE tripline::static)
",
    );
    let source = scratch.path("");
    let version = env!("CARGO_PKG_VERSION");
    let (major_minor, _) = version.rsplit_once('.').expect("three parts");
    for (asked, fits) in [(version, true), (major_minor, true), ("0.0", false), ("99.0", false)] {
        let (found, said) = configure(&source, &prefix, asked);
        assert_eq!(found, fits, "{asked}: {said}");
    }
    let build = source.join(format!("build-{version}"));
    succeed(Command::new("cmake").arg("--build").arg(&build), "it was just configured");
    for program in ["shared", "static"] {
        let said = succeed(&mut Command::new(build.join(program)), "it was just built");
        assert_eq!(said, "abi 1 -3\n", "{program}");
    }
}

#[test]
fn pkg_config_finds_what_make_install_lays_down() {
    if !has("pkg-config") {
        return;
    }
    let scratch = Scratch::new("pkg-config");
    let prefix = installed(&scratch);
    let source = scratch.source("main.cpp", PROGRAM);
    let mut pkg_config = Command::new("pkg-config");
    pkg_config.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    pkg_config.args(["--define-prefix", "--cflags", "--libs", "tripline"]);
    let flags = succeed(&mut pkg_config, "apt-get install pkg-config");
    let program = scratch.path("program");
    let mut compiler = toolchain::compiler(toolchain::Language::Cpp);
    compiler.arg(source).args(["-x", "none", "-std=c++17"]).args(flags.split_whitespace());
    succeed(compiler.arg("-o").arg(&program), toolchain::COMPILER_REMEDY);
    let mut program = Command::new(program);
    assert_eq!(
        succeed(program.env("LD_LIBRARY_PATH", prefix.join("lib")), "it was just built"),
        "abi 1 -3\n"
    );
}

/// Files below a folder that end in `.md`.
fn documents(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| if path.is_dir() { documents(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|kind| kind == "md"))
        .collect()
}

#[test]
fn each_link_of_what_make_install_lays_down_leads_to_a_file() {
    let scratch = Scratch::new("documents");
    let documents = documents(&installed(&scratch).join("share/doc/tripline"));
    let mut followed = 0;
    for document in &documents {
        let text = std::fs::read_to_string(document).expect("a document");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            if link.is_empty() || link.contains("://") {
                continue;
            }
            let target = document.parent().expect("a folder").join(link);
            assert!(target.exists(), "{}: {link} leads nowhere", document.display());
            followed += 1;
        }
    }
    let readme = documents.iter().filter(|path| path.ends_with("tripline/README.md")).count();
    assert!(readme == 1 && followed > 30, "{followed} links in {documents:?}");
}
