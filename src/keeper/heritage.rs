//! What a core gets from the keeper, and the fork by which it does.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use super::process::{self, Child};
use super::standby::NAME;
use super::{KeeperError, os};
use crate::shm::shared::{OpenLane, Shared};
use crate::shm::socket::Socket;

/// What the kernel shows a core as. A standby takes it when its turn comes.
const CORE: &std::ffi::CStr = c"tripline-core";

/// What a core is given.
#[derive(Debug)]
pub struct Handover {
    /// Everything shared.
    pub shared: Shared,
    /// The core's end of the socket.
    pub link: Socket,
    /// The lanes that clients have.
    pub lanes: Vec<OpenLane>,
    /// Cores that died before it.
    pub restarts: u32,
    /// Whether it is to wait until the core before it is dead.
    pub is_standby: bool,
}

/// What tells one core from another.
pub(super) struct Heritage {
    pub(super) lanes: Vec<OpenLane>,
    pub(super) restarts: u32,
    pub(super) is_standby: bool,
}

/// Starts a core, which inherits every mapping that is shared with children now.
pub(super) fn fork_core(
    core: &mut impl FnMut(Handover) -> io::Result<()>,
    private: &[RawFd],
    shared: &Shared,
    heritage: Heritage,
) -> Result<(Child, Socket), KeeperError> {
    let (link, core_link) = Socket::pair().map_err(os("socketpair"))?;
    let private: Vec<RawFd> = private.iter().copied().chain([link.fd().as_raw_fd()]).collect();
    let Heritage { lanes, restarts, is_standby } = heritage;
    let role = || {
        process::close_inherited(&private);
        core(Handover { shared: shared.clone(), link: core_link, lanes, restarts, is_standby })
    };
    let child = process::shown_as(if is_standby { NAME } else { CORE }, || Child::fork(role));
    let child = child.map_err(os("fork of the core"))?;
    link.set_nonblocking().map_err(os("socket of the core"))?;
    Ok((child, link))
}
