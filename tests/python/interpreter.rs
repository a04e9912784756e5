//! The python3 of this machine, and the package as it is installed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::support::not_run;
use crate::toolchain::{Scratch, at, built};

pub(crate) const REMEDY: &str = "apt-get install python3, or dnf install python3; PYTHON names another";
const OLDEST: &str = "import sys; sys.exit(sys.version_info < (3, 10))";

/// The interpreter; `None`, said aloud, where there is none that the package runs in.
pub(crate) fn python(what: &str) -> Option<Command> {
    let program = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let fits = Command::new(&program).args(["-c", OLDEST]).status().is_ok_and(|status| status.success());
    if !fits {
        not_run(&format!("{what}: no Python 3.10 or newer. Remedy: {REMEDY}"));
        return None;
    }
    let mut python = Command::new(program);
    // Nothing of this machine's own site, and no caches beside the sources.
    python.args(["-B", "-s", "-W", "error"]);
    Some(python)
}

/// A folder with the package as it is installed: the sources and the compiled half beside them.
pub(crate) fn package(test: &str) -> Scratch {
    static LIBRARIES: OnceLock<PathBuf> = OnceLock::new();
    let libraries = LIBRARIES.get_or_init(|| built("tripline-python"));
    let scratch = Scratch::new(test);
    let package = scratch.path("tripline");
    fs::create_dir_all(&package).expect("a folder for the package");
    for entry in fs::read_dir(at("ffi/python/python/tripline")).expect("the package's sources") {
        let source = entry.expect("an entry").path();
        if source.is_file() {
            fs::copy(&source, package.join(source.file_name().expect("a name"))).expect("a copy");
        }
    }
    fs::copy(libraries.join("lib_tripline.so"), package.join("_tripline.abi3.so")).expect("the library");
    scratch
}
