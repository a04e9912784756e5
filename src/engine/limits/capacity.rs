//! HOT: how large the engine's tables are.

/// Table sizes. Fixed at start; a full table halts the scope that needed room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sidecar", derive(serde::Serialize, serde::Deserialize))]
pub struct Capacity {
    /// Lanes, the operator's included where it has one: at most 256, because a handle has eight bits for the number.
    pub lanes: u16,
    /// Events a lane holds, a power of two from 64 to 1 048 576.
    pub lane_slots: u32,
    /// Verdicts and notices a return ring holds, a power of two from 16.
    pub return_slots: u32,
    /// Positions over all books.
    pub positions: u32,
    /// Orders remembered over all books.
    pub orders: u32,
    /// Executions remembered for identity; older ones are refused by venue time.
    pub executions: u32,
}

impl Capacity {
    /// The most positions, orders and executions there may be room for.
    pub const MAX_POSITIONS: u32 = 65_536;
    /// See [`Capacity::MAX_POSITIONS`].
    pub const MAX_ORDERS: u32 = 16_777_216;
    /// See [`Capacity::MAX_POSITIONS`].
    pub const MAX_EXECUTIONS: u32 = 67_108_864;

    pub(super) fn check(&self) -> Result<(), String> {
        require!(self.lanes <= 256, "a handle tells at most 256 lanes apart");
        require!(self.positions <= Self::MAX_POSITIONS, "capacity: positions");
        require!(self.orders <= Self::MAX_ORDERS, "capacity: orders");
        require!(self.executions <= Self::MAX_EXECUTIONS, "capacity: executions");
        Ok(())
    }
}
