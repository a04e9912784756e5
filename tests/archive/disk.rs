//! Disks that are slow, full or read-only, without harm to the machine's own.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::archived::start_archived;
use crate::support::sidecar::{Place, Sidecar};

/// A shim that holds what is written below a directory, see `slow_disk.c`.
pub(crate) struct SlowDisk {
    library: PathBuf,
    dir: PathBuf,
    switch: PathBuf,
}

impl SlowDisk {
    /// `None` without a C compiler.
    pub(crate) fn build(place: &Place) -> Option<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/archive/slow_disk.c");
        let library = place.path().join("slow_disk.so");
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let built = Command::new(compiler)
            .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .status();
        assert!(built.as_ref().is_ok_and(|status| status.success()) || built.is_err(), "{built:?}");
        let (dir, switch) = (place.path().join("archive"), place.path().join("slow"));
        built.is_ok().then_some(Self { library, dir, switch })
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.dir.clone()
    }

    pub(crate) fn environment(&self) -> Vec<(&'static str, OsString)> {
        vec![
            ("LD_PRELOAD", self.library.clone().into()),
            ("TRIPLINE_SLOW_DIR", self.dir.clone().into()),
            ("TRIPLINE_SLOW_FOR", self.switch.clone().into()),
        ]
    }

    /// From now on each write and each fdatasync takes so long.
    pub(crate) fn takes(&self, millis: u64) {
        let next = self.switch.with_extension("next");
        fs::write(&next, millis.to_string()).expect("the switch");
        fs::rename(&next, &self.switch).expect("the switch");
    }
}

/// A sidecar whose archive is a file system of its own.
pub(crate) struct Mounted {
    pub(crate) sidecar: Sidecar,
    /// The archive, as it can be seen from here.
    pub(crate) dir: PathBuf,
}

/// Starts a sidecar that sees a tmpfs with these `options` in place of its archive directory. The mount is in a namespace
/// of its own, which needs to be root or what most kernels allow everybody: a user namespace. `None` where neither is.
pub(crate) fn mounted(options: &str, more: &str) -> Option<Mounted> {
    let place = Place::new();
    let dir = place.path().join("archive");
    fs::create_dir(&dir).expect("a directory");
    let namespaces = [&["--mount"][..], &["--user", "--map-root-user", "--mount"]];
    let launcher = |namespace: &[&str]| -> Vec<OsString> {
        let script = format!("mount -t tmpfs -o mode=700,{options} tripline-test \"$0\" && exec \"$@\"");
        let words = ["unshare"].iter().chain(namespace).map(|word| OsString::from(*word));
        words.chain(["sh".into(), "-c".into(), script.into(), dir.clone().into()]).collect()
    };
    let works = |launcher: &Vec<OsString>| {
        let mut command = Command::new(&launcher[0]);
        command.args(&launcher[1..]).arg("true").stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let launcher = namespaces.into_iter().map(launcher).find(works)?;
    let sidecar = start_archived(place, &dir, more, vec![], launcher);
    let root = PathBuf::from(format!("/proc/{}/root", sidecar.keeper()));
    let seen = root.join(dir.strip_prefix("/").expect("an absolute path"));
    Some(Mounted { dir: seen, sidecar })
}

/// Writes into a file until the disk is full.
pub(crate) fn fill_up(path: &Path) {
    let mut file = fs::File::create(path).expect("a filler");
    for size in [1 << 20, 1 << 12, 1] {
        while file.write_all(&vec![0xff; size]).is_ok() {}
    }
}

/// Makes the archive of a mounted sidecar writable.
pub(crate) fn remount_writable(sidecar: &Sidecar) {
    let dir = sidecar.place.path().join("archive");
    let target = sidecar.keeper().to_string();
    let own = fs::read_link("/proc/self/ns/user").ok();
    let theirs = fs::read_link(format!("/proc/{target}/ns/user")).ok();
    let mut command = Command::new("nsenter");
    command.args(["--target", &target, "--mount"]);
    if own != theirs {
        command.args(["--user", "--preserve-credentials"]);
    }
    command.args(["mount", "-o", "remount,rw"]).arg(dir);
    let status = command.status().expect("nsenter");
    assert!(status.success(), "{status}");
}
