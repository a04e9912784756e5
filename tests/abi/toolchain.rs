//! COLD: compilers, the libraries under test, and folders to build in. A missing tool is a failure that names it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Every warning that a strategy's own build may have made an error.
pub(crate) const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// What a program linked against `libtripline.a` needs besides; the same list as in the Makefile's pkg-config file.
pub(crate) const NATIVE_LIBRARIES: [&str; 7] =
    ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"];

/// A place in the repository.
pub(crate) fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The text of a file of the repository.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(at(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A folder to build in: removed at the end of a test that passes, left for inspection by one that fails.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(test: &str) -> Self {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("abi-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a generated source file.
    pub(crate) fn source(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // What cannot be removed only takes room below target/.
            let _left = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// A command that ran, in words that a shell takes.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Runs a command; one that cannot start is a named failure.
pub(crate) fn run(command: &mut Command, remedy: &str) -> Output {
    command.output().unwrap_or_else(|error| {
        panic!("missing: `{}` ({error}). Remedy: {remedy}", command.get_program().to_string_lossy())
    })
}

/// Runs a command that must succeed and returns what it printed.
pub(crate) fn succeed(command: &mut Command, remedy: &str) -> String {
    let output = run(command, remedy);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{} failed\n{out}{err}\nreproduce: {}", output.status, shown(command));
    out.into_owned()
}

/// Which of the two languages a file is compiled as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    C,
    Cpp,
}

/// The compiler of a language, with the language chosen and the header's folder on its path.
pub(crate) fn compiler(language: Language) -> Command {
    let (variable, usual, name) = match language {
        Language::C => ("CC", "cc", "c"),
        Language::Cpp => ("CXX", "c++", "c++"),
    };
    let mut command = Command::new(std::env::var_os(variable).unwrap_or_else(|| usual.into()));
    command.arg("-I").arg(at("include")).args(["-x", name]);
    command
}

/// What to do about a missing compiler.
pub(crate) const COMPILER_REMEDY: &str = "apt-get install g++, or dnf install gcc-c++; or set CC and CXX";

/// Compiles `source` with `arguments`; `output` is a program unless the arguments say otherwise.
pub(crate) fn compile(
    language: Language,
    source: &Path,
    output: &Path,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) {
    // `-x none` ends the choice of language, so that libraries among the arguments are not read as source.
    let mut command = compiler(language);
    command.arg(source).args(["-x", "none"]).args(STRICT).arg("-o").arg(output).args(arguments);
    succeed(&mut command, COMPILER_REMEDY);
}

/// Flags of the sanitizers, empty where the compiler has none.
pub(crate) fn sanitizers(scratch: &Scratch) -> Vec<String> {
    let flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g"].map(str::to_owned);
    let probe = scratch.source("probe.c", "int main(void) { return 0; }\n");
    let mut command = compiler(Language::C);
    command.arg(probe).args(&flags).arg("-o").arg(scratch.path("probe"));
    if run(&mut command, COMPILER_REMEDY).status.success() {
        return flags.to_vec();
    }
    eprintln!("this compiler has no sanitizers: what follows runs without them");
    Vec::new()
}

/// The folder with `libtripline.so` and `libtripline.a`, built from this source once per process.
pub(crate) fn library() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| built("tripline-ffi"))
}

/// Builds a package and returns the folder that its libraries are in.
pub(crate) fn built(package: &str) -> PathBuf {
    // A target folder of its own: the outer cargo may hold the lock of the usual one.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("abi-library");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args(["build", "--locked", "-p", package, "--target-dir"]).arg(&target);
    succeed(&mut cargo, "run the test through cargo");
    target.join("debug")
}

/// Arguments that link a program with the shared library and let it be found when the program runs. The old kind of
/// tag, because it comes before LD_LIBRARY_PATH: cargo puts the usual target folder there, with a library that nobody
/// has brought up to date.
pub(crate) fn shared_library() -> Vec<String> {
    let folder = library().display();
    let found = format!("-Wl,--disable-new-dtags,-rpath,{folder}");
    vec![format!("-L{folder}"), "-ltripline".to_owned(), found]
}

/// Arguments that link a program with the static library.
pub(crate) fn static_library() -> Vec<String> {
    let archive = library().join("libtripline.a").display().to_string();
    std::iter::once(archive).chain(NATIVE_LIBRARIES.map(str::to_owned)).collect()
}

#[test]
#[should_panic(expected = "missing: `no-such-compiler`")]
fn a_missing_tool_is_a_failure_that_names_it_and_the_remedy() {
    run(&mut Command::new("no-such-compiler"), COMPILER_REMEDY);
}
