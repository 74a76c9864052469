//! What a connection can carry, as far as is known when it is opened.
//!
//! Whether requests can share a connection decides how many are dialed. Nothing in here changes
//! by itself; what a peer says later goes to [`Pool::set_room`](super::Pool::set_room).

use crate::time::Moment;

/// Whether several requests at once can share one connection to a host, before the first is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Each connection carries one request at a time, as in HTTP/1.1: every waiter needs its own.
    Never,
    /// The first connection will tell, as with a protocol that is negotiated; or it is certain. One
    /// connection is dialed at a time, because it may serve all who wait.
    Expected,
}

/// What a new connection can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// How many requests at once, at least 1; 1 for HTTP/1.1.
    pub room: u32,
    /// Whether requests share it, even if there is room for one only.
    pub is_shared: bool,
    /// Whether `room` is final as far as the peer has spoken. Until it is, nobody else's wait is a
    /// reason to dial another one.
    pub is_settled: bool,
    /// When it is too old to be given another request.
    pub until: Moment,
}

impl Opened {
    /// A connection that carries one request at a time, however old it is.
    pub const EXCLUSIVE: Self = Self {
        room: 1,
        is_shared: false,
        is_settled: true,
        until: Moment::MAX,
    };
}
