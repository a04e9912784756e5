//! Packets and descriptors over sequenced-packet Unix sockets: message boundaries are kept, so that a short, long
//! or stray packet is seen as exactly that.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use crate::wire::hello::{PACKET_BYTES, PACKET_WORDS, Packet};

/// Most descriptors a packet of ours carries; room for a few more shows that too many came.
const MOST_DESCRIPTORS: usize = 8;

/// What a socket gave.
#[derive(Debug)]
pub enum Received {
    /// The peer is gone.
    Closed,
    /// Nothing there yet, on a socket that does not block or timed out.
    Nothing,
    /// A packet of exactly the right size, with its descriptors.
    Packet(Box<Packet>, Vec<OwnedFd>),
    /// Something else: its size, and whether descriptors came with it.
    Odd {
        /// Bytes received (the rest of a larger packet is lost).
        bytes: usize,
        /// Whether descriptors came along, or were cut off.
        descriptors: bool,
    },
}

/// A connected sequenced-packet socket.
#[derive(Debug)]
pub struct Socket(OwnedFd);

/// Who is at the other end, as the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Process, in our pid namespace; 0 when it has none there. For messages only, never for authority.
    pub pid: i32,
}

impl Socket {
    /// Takes over a connected descriptor.
    #[must_use]
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// What socket or connect said; `InvalidInput` when the path is longer than a socket address can hold.
    pub fn connect(path: &Path) -> io::Result<Self> {
        let (address, length) = address(path)?;
        let fd = open_socket()?;
        // SAFETY: `address` is a live sockaddr_un of `length` bytes.
        check(unsafe { libc::connect(fd.as_raw_fd(), (&raw const address).cast(), length) })?;
        Ok(Self(fd))
    }

    /// A connected pair.
    ///
    /// # Errors
    /// What socketpair said.
    pub fn pair() -> io::Result<(Self, Self)> {
        let mut fds = [-1; 2];
        let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
        // SAFETY: `fds` has room for the two descriptors.
        check(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr()) })?;
        // SAFETY: the kernel has just given us both; nobody else owns them.
        Ok(unsafe { (Self(OwnedFd::from_raw_fd(fds[0])), Self(OwnedFd::from_raw_fd(fds[1]))) })
    }

    /// How long a receive may block; zero for ever.
    ///
    /// # Errors
    /// What setsockopt said.
    pub fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        let time = libc::timeval {
            tv_sec: timeout.as_secs() as libc::time_t,
            tv_usec: libc::suseconds_t::from(timeout.subsec_micros()),
        };
        set_option(self.fd(), libc::SO_RCVTIMEO, &time)?;
        set_option(self.fd(), libc::SO_SNDTIMEO, &time)
    }

    /// Never block on this socket.
    ///
    /// # Errors
    /// What fcntl said.
    pub fn set_nonblocking(&self) -> io::Result<()> {
        // SAFETY: F_SETFL takes an integer; no memory is passed.
        check(unsafe { libc::fcntl(self.0.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) }).map(drop)
    }

    /// Sends one packet with `fds`.
    ///
    /// # Errors
    /// What sendmsg said; never raises SIGPIPE.
    pub fn send(&self, packet: &Packet, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let raw: Vec<RawFd> = fds.iter().take(MOST_DESCRIPTORS).map(AsRawFd::as_raw_fd).collect();
        let mut bytes = [0_u8; PACKET_BYTES];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(packet) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        let mut control = Control::new();
        let mut message = control.header(&mut part);
        if raw.is_empty() {
            message.msg_control = std::ptr::null_mut();
            message.msg_controllen = 0;
        } else {
            let payload = (raw.len() as u32).wrapping_mul(size_of::<RawFd>() as u32);
            // SAFETY: `control` has room for MOST_DESCRIPTORS descriptors behind one header, and `raw` has at most
            // that many; CMSG_FIRSTHDR points into it because msg_controllen covers a header.
            unsafe {
                message.msg_controllen = libc::CMSG_SPACE(payload) as usize;
                let header = libc::CMSG_FIRSTHDR(&raw const message);
                (*header).cmsg_level = libc::SOL_SOCKET;
                (*header).cmsg_type = libc::SCM_RIGHTS;
                (*header).cmsg_len = libc::CMSG_LEN(payload) as usize;
                std::ptr::copy_nonoverlapping(raw.as_ptr(), libc::CMSG_DATA(header).cast(), raw.len());
            }
        }
        // SAFETY: `message` describes live buffers for the duration of the call.
        let sent = unsafe { libc::sendmsg(self.0.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Receives one packet. Descriptors that are not handed on are closed.
    ///
    /// # Errors
    /// What recvmsg said, except for "nothing yet" and "interrupted", which are [`Received::Nothing`].
    pub fn receive(&self) -> io::Result<Received> {
        let mut bytes = [0_u8; PACKET_BYTES + 8];
        let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        let mut control = Control::new();
        let mut message = control.header(&mut part);
        // SAFETY: `message` describes live buffers for the duration of the call.
        let got = unsafe { libc::recvmsg(self.0.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC) };
        if got < 0 {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::TimedOut => {
                    Ok(Received::Nothing)
                }
                io::ErrorKind::ConnectionReset => Ok(Received::Closed),
                _ => Err(error),
            };
        }
        let cut = message.msg_flags & libc::MSG_CTRUNC != 0;
        let fds = take_descriptors(&message);
        let got = got.unsigned_abs();
        if got == 0 && fds.is_empty() && !cut {
            return Ok(Received::Closed);
        }
        if got != PACKET_BYTES || cut {
            return Ok(Received::Odd { bytes: got, descriptors: cut || !fds.is_empty() });
        }
        let mut packet = Box::new([0; PACKET_WORDS]);
        for (word, chunk) in packet.iter_mut().zip(bytes.chunks_exact(8)) {
            let mut le = [0; 8];
            le.copy_from_slice(chunk);
            *word = u64::from_le_bytes(le);
        }
        Ok(Received::Packet(packet, fds))
    }

    /// Who is at the other end.
    ///
    /// # Errors
    /// What getsockopt said.
    pub fn peer(&self) -> io::Result<Peer> {
        let mut credentials = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
        get_option(self.fd(), libc::SO_PEERCRED, &mut credentials)?;
        Ok(Peer { uid: credentials.uid, gid: credentials.gid, pid: credentials.pid })
    }

    /// A descriptor of the peer's process, which becomes readable when it exits. Linux 6.5.
    ///
    /// # Errors
    /// What getsockopt said; older kernels do not know the option.
    pub fn peer_pidfd(&self) -> io::Result<OwnedFd> {
        let mut fd: RawFd = -1;
        get_option(self.fd(), SO_PEERPIDFD, &mut fd)?;
        // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// The descriptor, to poll.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        use std::os::fd::AsFd;
        self.0.as_fd()
    }
}

/// A listening socket.
#[derive(Debug)]
pub struct Listener(OwnedFd);

impl Listener {
    /// Listens at `path`, replacing a socket that a dead sidecar left. The caller holds the directory's lock.
    ///
    /// # Errors
    /// What socket, bind, chmod or listen said.
    pub fn bind(path: &Path, mode: u32) -> io::Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        let (address, length) = address(path)?;
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let fd = open_socket()?;
        // SAFETY: `address` is a live sockaddr_un of `length` bytes.
        check(unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), length) })?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        // SAFETY: plain system calls on a descriptor we own.
        check(unsafe { libc::listen(fd.as_raw_fd(), 64) })?;
        // SAFETY: as above; F_SETFL takes an integer.
        check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) })?;
        Ok(Self(fd))
    }

    /// The next connection, if one waits.
    ///
    /// # Errors
    /// What accept4 said.
    pub fn accept(&self) -> io::Result<Option<Socket>> {
        let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: null address and length are allowed and mean that the peer's address is not wanted.
        let fd =
            unsafe { libc::accept4(self.0.as_raw_fd(), std::ptr::null_mut(), std::ptr::null_mut(), flags) };
        match check(fd) {
            // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
            Ok(fd) => Ok(Some(Socket(unsafe { OwnedFd::from_raw_fd(fd) }))),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {
                    Ok(None)
                }
                _ => Err(error),
            },
        }
    }

    /// The descriptor, to poll.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        use std::os::fd::AsFd;
        self.0.as_fd()
    }
}

const SO_PEERPIDFD: libc::c_int = 77;

/// Room for ancillary data, aligned as its headers need.
#[repr(C, align(8))]
struct Control([u8; 128]);

impl Control {
    const fn new() -> Self {
        Self([0; 128])
    }

    fn header(&mut self, part: &mut libc::iovec) -> libc::msghdr {
        // SAFETY: a msghdr is plain integers and pointers, for which zeros are valid.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_iov = part;
        message.msg_iovlen = 1;
        message.msg_control = self.0.as_mut_ptr().cast();
        message.msg_controllen = self.0.len();
        message
    }
}

fn take_descriptors(message: &libc::msghdr) -> Vec<OwnedFd> {
    let mut fds = Vec::new();
    // SAFETY: the kernel filled `msg_control` with well-formed headers up to `msg_controllen`; the CMSG functions
    // walk exactly those, and each SCM_RIGHTS payload is a whole number of descriptors that are now ours.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while !header.is_null() {
            if (*header).cmsg_level == libc::SOL_SOCKET && (*header).cmsg_type == libc::SCM_RIGHTS {
                let bytes = ((*header).cmsg_len as usize).saturating_sub(libc::CMSG_LEN(0) as usize);
                let data: *const RawFd = libc::CMSG_DATA(header).cast();
                for index in 0..bytes >> 2 {
                    fds.push(OwnedFd::from_raw_fd(data.add(index).read_unaligned()));
                }
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
    fds
}

fn open_socket() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: a plain system call.
    let fd = check(unsafe { libc::socket(libc::AF_UNIX, kind, 0) })?;
    // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn address(path: &Path) -> io::Result<(libc::sockaddr_un, libc::socklen_t)> {
    // SAFETY: a sockaddr_un is plain integers, for which zeros are valid.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    let bytes = path.as_os_str().as_bytes();
    if bytes.len() >= address.sun_path.len() || bytes.contains(&0) {
        let limit = address.sun_path.len();
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("socket path {} is not shorter than {limit} bytes", path.display()),
        ));
    }
    for (place, &byte) in address.sun_path.iter_mut().zip(bytes) {
        *place = byte as libc::c_char;
    }
    Ok((address, size_of::<libc::sockaddr_un>() as libc::socklen_t))
}

fn set_option<T>(fd: BorrowedFd<'_>, option: libc::c_int, value: &T) -> io::Result<()> {
    let size = size_of::<T>() as libc::socklen_t;
    // SAFETY: `value` is live and `size` its size.
    check(unsafe {
        libc::setsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, option, std::ptr::from_ref(value).cast(), size)
    })
    .map(drop)
}

fn get_option<T>(fd: BorrowedFd<'_>, option: libc::c_int, value: &mut T) -> io::Result<()> {
    let mut size = size_of::<T>() as libc::socklen_t;
    let place: *mut T = value;
    // SAFETY: `value` is live, writable and `size` bytes; every T used here accepts any bytes.
    check(unsafe { libc::getsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, option, place.cast(), &raw mut size) })
        .map(drop)
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use std::os::fd::AsFd;

    fn packet(first: u64) -> Packet {
        let mut packet = [0; PACKET_WORDS];
        packet[0] = first;
        packet
    }

    #[test]
    fn packets_and_descriptors_arrive_together() {
        let (a, b) = Socket::pair().unwrap();
        let null = std::fs::File::open("/dev/null").unwrap();
        a.send(&packet(7), &[null.as_fd(), null.as_fd()]).unwrap();
        match b.receive().unwrap() {
            Received::Packet(received, fds) => assert_eq!((received[0], fds.len()), (7, 2)),
            other => panic!("{other:?}"),
        }
        drop(a);
        assert!(matches!(b.receive().unwrap(), Received::Closed));
    }

    #[test]
    fn short_and_long_packets_are_odd() {
        let (a, b) = Socket::pair().unwrap();
        for bytes in [1, PACKET_BYTES - 1, PACKET_BYTES + 1, 4096] {
            let data = vec![0_u8; bytes];
            // SAFETY: `data` is live and `bytes` long.
            unsafe { libc::send(a.fd().as_raw_fd(), data.as_ptr().cast(), bytes, 0) };
            assert!(matches!(b.receive().unwrap(), Received::Odd { descriptors: false, .. }), "{bytes}");
        }
    }

    #[test]
    fn the_peer_is_known_by_the_kernels_word() {
        let (a, _b) = Socket::pair().unwrap();
        assert_eq!(a.peer().unwrap().pid, std::process::id() as i32);
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_named() {
        let error = Socket::connect(Path::new(&"x".repeat(200))).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
