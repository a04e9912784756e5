//! The inline gate of `tripline.h`, compiled by the machine's C compiler and loaded into this process.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

use super::Failure;
use super::ffi::{tripline_client, tripline_target};

type Sum = unsafe extern "C" fn(*mut tripline_client, *const tripline_target, u64) -> i64;

/// A loop around the inline gate. Never unloaded.
pub(crate) struct InlineGate(Sum);

impl InlineGate {
    /// Compiles and loads it in `dir`.
    pub(crate) fn compile(dir: &Path) -> Result<Self, Failure> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let library = dir.join("inline_gate.so");
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let mut command = Command::new(&compiler);
        command.args(["-std=gnu11", "-O2", "-shared", "-fPIC", "-I"]).arg(root.join("include"));
        command.arg("-o").arg(&library).arg(root.join("benches/event_to_halt/inline_gate.c"));
        let status = command.status().map_err(|error| format!("{}: {error}", compiler.to_string_lossy()))?;
        if !status.success() {
            return Err(format!("{} failed: {status}", compiler.to_string_lossy()));
        }
        let path = CString::new(library.as_os_str().as_bytes()).map_err(|error| error.to_string())?;
        // SAFETY: a terminated path of a library that runs no code when it is loaded; the name is terminated too.
        let symbol = unsafe {
            let handle = libc::dlopen(path.as_ptr(), libc::RTLD_NOW);
            if handle.is_null() {
                return Err("the compiled inline gate cannot be loaded".into());
            }
            libc::dlsym(handle, c"tripline_bench_sum_of_gates".as_ptr())
        };
        if symbol.is_null() {
            return Err("the compiled inline gate lacks its function".into());
        }
        // SAFETY: inline_gate.c defines the symbol with this signature; the library is never unloaded.
        Ok(Self(unsafe { std::mem::transmute::<*mut libc::c_void, Sum>(symbol) }))
    }

    /// The sum of `rounds` gates.
    ///
    /// # Safety
    /// `client` is attached.
    pub(crate) unsafe fn sum(
        &self,
        client: *mut tripline_client,
        target: &tripline_target,
        rounds: u64,
    ) -> i64 {
        // SAFETY: by contract of this function; the target is live.
        unsafe { (self.0)(client, target, rounds) }
    }
}
