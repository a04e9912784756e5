//! The example strategies as programs: built by the compilers of this machine, or run by its python3.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use crate::interpreter::{package, python};
use crate::sidecar::{Reaction, Seen, StandIn};
use crate::toolchain::{Language, Scratch, at, compile, sanitizers, shared_library, static_library};

/// A strategy in one of its forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    C,
    CSanitized,
    Cpp17,
    Cpp20,
    Cpp17Sanitized,
    Python,
}

impl Form {
    /// C comes first: the others are compared with it.
    pub(crate) const ALL: [Self; 6] =
        [Self::C, Self::CSanitized, Self::Cpp17, Self::Cpp20, Self::Cpp17Sanitized, Self::Python];

    /// The program, built once; `None` for what is not compiled.
    fn program(self) -> Option<&'static Path> {
        static PROGRAMS: [OnceLock<Option<PathBuf>>; Form::ALL.len()] =
            [const { OnceLock::new() }; Form::ALL.len()];
        let build = || {
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
            let (language, source, flags) = self.build(&Scratch::new(&format!("examples-probe-{self:?}")))?;
            let program = folder.join(format!("example-strategy-{self:?}"));
            compile(language, &at(source), &program, flags);
            Some(program)
        };
        PROGRAMS[self as usize].get_or_init(build).as_deref()
    }

    /// Language, source and flags; `None` for what is not compiled.
    fn build(self, probe: &Scratch) -> Option<(Language, &'static str, Vec<String>)> {
        let (language, source, flags) = match self {
            Self::C | Self::CSanitized => (Language::C, "ffi/examples/strategy.c", "-std=c11"),
            Self::Cpp17 | Self::Cpp17Sanitized => (Language::Cpp, "ffi/examples/strategy.cpp", "-std=c++17"),
            Self::Cpp20 => (Language::Cpp, "ffi/examples/strategy.cpp", "-std=c++20"),
            Self::Python => return None,
        };
        let mut flags = vec![flags.to_owned(), "-O2".to_owned()];
        if matches!(self, Self::CSanitized | Self::Cpp17Sanitized) {
            flags.extend(sanitizers(probe));
        }
        flags.extend(if self == Self::Cpp20 { static_library() } else { shared_library() });
        Some((language, source, flags))
    }
}

/// A strategy that can be run, and the stand-in it is run against.
pub(crate) struct Desk {
    form: Form,
    /// Of the form that is not compiled.
    package: Option<Scratch>,
    sidecar: StandIn,
}

impl Desk {
    /// `None`, said aloud, where the form cannot be run on this machine.
    pub(crate) fn open(test: &str, form: Form, reaction: Reaction) -> Option<Self> {
        let name = format!("{test}-{form:?}");
        let package = match form.program() {
            Some(_) => None,
            None => {
                python("the example strategy in Python")?;
                Some(package(&name))
            }
        };
        Some(Self { form, package, sidecar: StandIn::listen(&name, reaction) })
    }

    /// The program, without arguments.
    pub(crate) fn program(&self) -> Command {
        let mut command = match (self.form.program(), &self.package) {
            (Some(program), _) => Command::new(program),
            (None, package) => {
                let mut python = python("the example strategy in Python").expect("found before");
                let path = package.as_ref().expect("made with the desk").path("");
                python.env("PYTHONPATH", path).arg(at("ffi/examples/strategy.py"));
                python
            }
        };
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The program, to be run against the stand-in.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.program();
        command.arg(self.sidecar.runtime_dir()).args(arguments);
        command
    }

    pub(crate) fn start(&self, mode: &str) -> Child {
        self.command(&["mm1", "main", "BTC-PERP", mode]).spawn().expect("it starts")
    }

    /// Runs the strategy on prices that come at once.
    pub(crate) fn trade(self, mode: &str, prices: &str) -> (Output, Option<Seen>) {
        let mut child = self.start(mode);
        // One that ends before it has read them all has its reasons.
        let _ended_early = child.stdin.take().expect("piped").write_all(prices.as_bytes());
        let output = child.wait_with_output().expect("it ends at the end of its input");
        (output, self.sidecar.finish())
    }

    /// What the stand-in saw.
    pub(crate) fn finish(self) -> Option<Seen> {
        self.sidecar.finish()
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
