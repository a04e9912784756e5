//! The attach exchange: fixed-size packets on a sequenced-packet Unix socket.
//!
//! ```text
//!   client                         keeper
//!     | -- Hello ------------------> |   magic, ABI, size, layout hash, strategy
//!     | <- Challenge or Refusal ---- |   the keeper's CLOCK_MONOTONIC
//!     | -- Answer -----------------> |   the client's, read after the challenge
//!     | <- Grant + 6 descriptors --- |   or Refusal
//!     |        … the socket stays open: Goodbye and close is a detach, a bare hang-up a death …
//! ```

use super::layout::{ABI_VERSION, Geometry, LAYOUT_HASH};
use crate::model::Name;

/// Words of every packet of the exchange.
pub const PACKET_WORDS: usize = 16;
/// Bytes of every packet of the exchange.
pub const PACKET_BYTES: usize = PACKET_WORDS * 8;
/// First word of every packet.
pub const HELLO_MAGIC: u64 = u64::from_le_bytes(*b"TRIPHELO");
/// Descriptors that come with a grant: gate, positions, stats, directory, lane, return ring.
pub const GRANT_DESCRIPTORS: usize = 6;
/// Furthest that two readings of one monotonic clock may seem apart beyond the exchange's own duration.
pub const CLOCK_TOLERANCE_NS: u64 = 1_000_000;

/// One packet, decoded or to be sent.
pub type Packet = [u64; PACKET_WORDS];

/// Why an attach was refused. The numbers travel and are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[repr(u32)]
#[non_exhaustive]
pub enum Refusal {
    /// The packet does not start as a hello does.
    #[error("the first word of the hello is not Tripline's")]
    Magic = 1,
    /// Another ABI version.
    #[error("the client was built for another ABI version than the sidecar's")]
    Abi = 2,
    /// The packet has another size.
    #[error("the hello has another size than the sidecar expects")]
    Size = 3,
    /// Same ABI version, but other offsets.
    #[error("the client was built with another memory layout than the sidecar's")]
    Layout = 4,
    /// No strategy of that name is configured.
    #[error("no strategy of that name is configured")]
    UnknownStrategy = 5,
    /// The strategy belongs to another user.
    #[error("the strategy is configured for another user")]
    ForeignUid = 6,
    /// The clocks disagree: another time namespace.
    #[error("the client's monotonic clock is not the sidecar's: it runs in another time namespace")]
    ClockSkew = 7,
    /// No lane is free.
    #[error("every lane is taken: raise capacity.lanes")]
    LanesFull = 8,
    /// The exchange took too long.
    #[error("the attach exchange was not finished in time")]
    TimedOut = 9,
    /// Reserved bits are set, or the packet came out of turn.
    #[error("the packet has reserved bits set or came out of turn")]
    Malformed = 10,
    /// Descriptors came along that nobody asked for.
    #[error("descriptors came with the hello; it carries none")]
    Descriptors = 11,
    /// The core does not answer.
    #[error("the core does not answer")]
    CoreSilent = 12,
    /// No memory or descriptors for the lane.
    #[error("no memory or descriptors left for another lane")]
    NoRoom = 13,
    /// Too many attach exchanges at once.
    #[error("too many attach exchanges at once: try again")]
    Busy = 14,
}

impl Refusal {
    /// The refusal with this number.
    #[must_use]
    pub const fn from_u32(raw: u32) -> Option<Self> {
        Some(match raw {
            1 => Self::Magic,
            2 => Self::Abi,
            3 => Self::Size,
            4 => Self::Layout,
            5 => Self::UnknownStrategy,
            6 => Self::ForeignUid,
            7 => Self::ClockSkew,
            8 => Self::LanesFull,
            9 => Self::TimedOut,
            10 => Self::Malformed,
            11 => Self::Descriptors,
            12 => Self::CoreSilent,
            13 => Self::NoRoom,
            14 => Self::Busy,
            _ => return None,
        })
    }
}

const CHALLENGE: u64 = 1;
const REFUSAL: u64 = 2;
const ANSWER: u64 = 3;
const GRANT: u64 = 4;
const GOODBYE: u64 = 5;

/// What the keeper sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Read your clock and answer.
    Challenge {
        /// The keeper's CLOCK_MONOTONIC in nanoseconds.
        clock_ns: u64,
    },
    /// No.
    Refused(Refusal),
    /// Yes.
    Granted(Grant),
}

/// What an attached client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its lane.
    pub lane: u16,
    /// Its strategy's index.
    pub strategy: u16,
    /// Counts the clients this lane number has served.
    pub generation: u64,
    /// Sizes of everything.
    pub geometry: Geometry,
    /// The longest a lease may lie ahead, in nanoseconds.
    pub lease_ns: u64,
}

/// The hello of a client for `strategy`.
#[must_use]
pub fn hello(strategy: Name) -> Packet {
    let mut packet = [0; PACKET_WORDS];
    packet[0] = HELLO_MAGIC;
    packet[1] = u64::from(ABI_VERSION) | (PACKET_BYTES as u64) << 32;
    packet[2] = LAYOUT_HASH;
    for (word, bytes) in packet[3..7].iter_mut().zip(strategy.as_bytes().chunks_exact(8)) {
        *word = u64::from_le_bytes([
            bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7],
        ]);
    }
    packet
}

/// The strategy a hello asks for.
///
/// # Errors
/// The [`Refusal`] that answers this hello. The order of checks is part of the protocol: a client of another
/// version learns its version is wrong before anything else about it is judged.
pub fn read_hello(packet: &Packet) -> Result<Name, Refusal> {
    if packet[0] != HELLO_MAGIC {
        return Err(Refusal::Magic);
    }
    if packet[1] as u32 != ABI_VERSION {
        return Err(Refusal::Abi);
    }
    if packet[1] >> 32 != PACKET_BYTES as u64 {
        return Err(Refusal::Size);
    }
    if packet[2] != LAYOUT_HASH {
        return Err(Refusal::Layout);
    }
    if packet[7..].iter().any(|&word| word != 0) {
        return Err(Refusal::Malformed);
    }
    let mut name = [0; Name::SIZE];
    for (bytes, word) in name.chunks_exact_mut(8).zip(&packet[3..7]) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    Name::from_bytes(&name).ok_or(Refusal::UnknownStrategy)
}

/// The answer to a challenge.
#[must_use]
pub fn answer(clock_ns: u64) -> Packet {
    let mut packet = [0; PACKET_WORDS];
    (packet[0], packet[1], packet[2]) = (HELLO_MAGIC, ANSWER, clock_ns);
    packet
}

/// The clock in an answer.
///
/// # Errors
/// [`Refusal::Malformed`] when it is not an answer.
pub fn read_answer(packet: &Packet) -> Result<u64, Refusal> {
    if packet[0] != HELLO_MAGIC || packet[1] != ANSWER || packet[3..].iter().any(|&word| word != 0) {
        return Err(Refusal::Malformed);
    }
    Ok(packet[2])
}

/// What a client sends before it closes its socket on purpose.
#[must_use]
pub fn goodbye() -> Packet {
    let mut packet = [0; PACKET_WORDS];
    (packet[0], packet[1]) = (HELLO_MAGIC, GOODBYE);
    packet
}

/// Whether a packet is a [`goodbye`].
#[must_use]
pub fn is_goodbye(packet: &Packet) -> bool {
    *packet == goodbye()
}

/// Whether a reading taken between `sent` and `received` can be of the same clock.
#[must_use]
pub const fn clocks_agree(sent_ns: u64, reading_ns: u64, received_ns: u64) -> bool {
    reading_ns >= sent_ns.saturating_sub(CLOCK_TOLERANCE_NS)
        && reading_ns <= received_ns.saturating_add(CLOCK_TOLERANCE_NS)
}

impl Reply {
    /// As a packet.
    #[must_use]
    pub fn to_packet(self) -> Packet {
        let mut packet = [0; PACKET_WORDS];
        packet[0] = HELLO_MAGIC;
        match self {
            Self::Challenge { clock_ns } => (packet[1], packet[2]) = (CHALLENGE, clock_ns),
            Self::Refused(refusal) => {
                packet[1] = REFUSAL | u64::from(refusal as u32) << 32;
                packet[2] = u64::from(ABI_VERSION);
            }
            Self::Granted(grant) => {
                let g = grant.geometry;
                packet[1] = GRANT;
                packet[2] = u64::from(grant.lane) | u64::from(grant.strategy) << 16;
                packet[3] = grant.generation;
                packet[4] = u64::from(g.accounts)
                    | u64::from(g.strategies) << 16
                    | u64::from(g.books) << 32
                    | u64::from(g.instruments) << 48;
                packet[5] = u64::from(g.lanes) | u64::from(g.guards) << 16;
                packet[6] = u64::from(g.lane_slots) | u64::from(g.return_slots) << 32;
                packet[7] = grant.lease_ns;
            }
        }
        packet
    }

    /// From a packet; `None` when it is none of the keeper's.
    #[must_use]
    pub fn from_packet(packet: &Packet) -> Option<Self> {
        if packet[0] != HELLO_MAGIC {
            return None;
        }
        match packet[1] as u32 as u64 {
            CHALLENGE => Some(Self::Challenge { clock_ns: packet[2] }),
            REFUSAL => Refusal::from_u32((packet[1] >> 32) as u32).map(Self::Refused),
            GRANT => Some(Self::Granted(Grant {
                lane: packet[2] as u16,
                strategy: (packet[2] >> 16) as u16,
                generation: packet[3],
                geometry: Geometry {
                    accounts: packet[4] as u16,
                    strategies: (packet[4] >> 16) as u16,
                    books: (packet[4] >> 32) as u16,
                    instruments: (packet[4] >> 48) as u16,
                    lanes: packet[5] as u16,
                    guards: (packet[5] >> 16) as u16,
                    lane_slots: packet[6] as u32,
                    return_slots: (packet[6] >> 32) as u32,
                },
                lease_ns: packet[7],
            })),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_names_its_strategy() {
        let name = Name::new("mm1").unwrap();
        assert_eq!(read_hello(&hello(name)), Ok(name));
    }

    #[test]
    fn each_wrong_word_has_its_refusal() {
        let good = hello(Name::new("mm1").unwrap());
        type Spoil = fn(&mut Packet);
        let cases: [(&str, Spoil, Refusal); 7] = [
            ("magic", |p| p[0] ^= 1, Refusal::Magic),
            ("abi", |p| p[1] += 1, Refusal::Abi),
            ("size", |p| p[1] += 1 << 32, Refusal::Size),
            ("layout", |p| p[2] ^= 1, Refusal::Layout),
            ("empty name", |p| p[3..7].fill(0), Refusal::UnknownStrategy),
            (
                "name without end",
                |p| p[3..7].fill(u64::from_le_bytes(*b"aaaaaaaa")),
                Refusal::UnknownStrategy,
            ),
            ("reserved", |p| p[15] = 1, Refusal::Malformed),
        ];
        for (name, spoil, refusal) in cases {
            let mut packet = good;
            spoil(&mut packet);
            assert_eq!(read_hello(&packet), Err(refusal), "{name}");
        }
    }

    #[test]
    fn replies_survive_their_packets() {
        let grant = Grant {
            lane: 3,
            strategy: 2,
            generation: 9,
            geometry: Geometry {
                accounts: 1,
                strategies: 2,
                books: 3,
                instruments: 4,
                lanes: 5,
                guards: 6,
                lane_slots: 7,
                return_slots: 8,
            },
            lease_ns: 250_000_000,
        };
        for reply in
            [Reply::Challenge { clock_ns: 5 }, Reply::Refused(Refusal::ClockSkew), Reply::Granted(grant)]
        {
            assert_eq!(Reply::from_packet(&reply.to_packet()), Some(reply));
        }
        assert_eq!(Reply::from_packet(&[0; PACKET_WORDS]), None);
    }

    #[test]
    fn clocks_agree_within_a_millisecond() {
        let (sent, received) = (10_000_000, 12_000_000);
        for (reading, agree) in [
            (8_999_999, false),
            (9_000_000, true),
            (11_000_000, true),
            (13_000_000, true),
            (13_000_001, false),
        ] {
            assert_eq!(clocks_agree(sent, reading, received), agree, "{reading}");
        }
    }
}
