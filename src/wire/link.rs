//! What keeper and core say to each other over their private socket pair.

use super::hello::{PACKET_WORDS, Packet};
use crate::model::event::LivenessSign;

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Core: the first lease stands; clients may come.
    Ready {
        /// The lease clients are to accept, in nanoseconds.
        lease_ns: u64,
    },
    /// Keeper, with the lane's and the return ring's descriptors: a client is to get this lane.
    Open {
        /// Lane number.
        lane: u16,
        /// Its strategy.
        strategy: u16,
        /// Clients this lane number has served.
        generation: u64,
    },
    /// Core: the lane is mapped and in the loop.
    Opened {
        /// Lane number.
        lane: u16,
    },
    /// Core: the lane could not be mapped.
    NoRoom {
        /// Lane number.
        lane: u16,
    },
    /// Keeper: the client is gone.
    Close {
        /// Lane number.
        lane: u16,
        /// How: `Alive` for a goodbye.
        sign: LivenessSign,
    },
    /// Core: what was left in the lane has been applied, and the lane is unmapped.
    Closed {
        /// Lane number.
        lane: u16,
    },
    /// Keeper: halt everything and end.
    Shutdown,
    /// Keeper, to a standby, with a socket for the standby after it: the core is dead; go on in its place.
    Succeed,
    /// Standby: which process it is, since the keeper did not fork it.
    StandsBy {
        /// Its process id.
        pid: u32,
    },
}

impl Link {
    /// As a packet.
    #[must_use]
    pub fn to_packet(self) -> Packet {
        let mut packet = [0; PACKET_WORDS];
        let (kind, a, b) = match self {
            Self::Ready { lease_ns } => (1, lease_ns, 0),
            Self::Open { lane, strategy, generation } => {
                (2, u64::from(lane) | u64::from(strategy) << 16, generation)
            }
            Self::Opened { lane } => (3, u64::from(lane), 0),
            Self::NoRoom { lane } => (4, u64::from(lane), 0),
            Self::Close { lane, sign } => (5, u64::from(lane), sign as u64),
            Self::Closed { lane } => (6, u64::from(lane), 0),
            Self::Shutdown => (7, 0, 0),
            Self::Succeed => (8, 0, 0),
            Self::StandsBy { pid } => (9, u64::from(pid), 0),
        };
        (packet[0], packet[1], packet[2]) = (kind, a, b);
        packet
    }

    /// From a packet; `None` when it is none of these.
    #[must_use]
    pub fn from_packet(packet: &Packet) -> Option<Self> {
        let [kind, a, b, ..] = *packet;
        let lane = a as u16;
        Some(match kind {
            1 => Self::Ready { lease_ns: a },
            2 => Self::Open { lane, strategy: (a >> 16) as u16, generation: b },
            3 => Self::Opened { lane },
            4 => Self::NoRoom { lane },
            5 => Self::Close { lane, sign: LivenessSign::from_raw(b as u8)? },
            6 => Self::Closed { lane },
            7 => Self::Shutdown,
            8 => Self::Succeed,
            9 => Self::StandsBy { pid: a as u32 },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_their_packets() {
        for link in [
            Link::Ready { lease_ns: 5 },
            Link::Open { lane: 1, strategy: 2, generation: 3 },
            Link::Opened { lane: 1 },
            Link::NoRoom { lane: 2 },
            Link::Close { lane: 3, sign: LivenessSign::ProcessExited },
            Link::Closed { lane: 4 },
            Link::Shutdown,
            Link::Succeed,
            Link::StandsBy { pid: 5 },
        ] {
            assert_eq!(Link::from_packet(&link.to_packet()), Some(link));
        }
        assert_eq!(Link::from_packet(&[0; PACKET_WORDS]), None);
    }
}
