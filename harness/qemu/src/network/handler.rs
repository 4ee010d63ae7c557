//! What sits between a guest's NIC and the user network: the exchangeable part.

use std::time::Instant;

use super::framing::{FrameQueue, LIMIT};

/// One end of the cable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The guest's NIC.
    Guest,
    /// QEMU's user network.
    Uplink,
}

impl Side {
    /// The other end.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Guest => Self::Uplink,
            Self::Uplink => Self::Guest,
        }
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// Decides what becomes of frames. Called from one thread, never for two frames at once; it must not
/// wait for anything.
///
/// What answers frames itself (an emulated cloud: ARP, DHCP options, HTTP at the metadata addresses)
/// sends its answers back to the side they came from, and asks through [`PacketHandler::due`] to be woken
/// when it has something to send later.
pub(crate) trait PacketHandler: Send {
    /// A frame has come from a side; what is to be sent goes to `out`.
    fn frame(&mut self, from: Side, frame: &[u8], out: &mut Outbox);

    /// When [`PacketHandler::wake`] is to be called next, if nothing comes before.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// The time of [`PacketHandler::due`] has come.
    fn wake(&mut self, _out: &mut Outbox) {}
}

/// Frames on their way, bounded for each side.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queues: [FrameQueue; 2],
}

impl Outbox {
    /// Queues a frame for a side. False when it was lost because that side takes nothing, or because
    /// it is no frame.
    pub(crate) fn send(&mut self, to: Side, frame: &[u8]) -> bool {
        self.queues[to.index()].push(frame)
    }

    /// Whether so much waits for a side that nothing should be read that may add to it.
    pub(super) fn is_busy(&self, to: Side) -> bool {
        self.queues[to.index()].len() > LIMIT / 2
    }

    pub(super) fn is_empty(&self, to: Side) -> bool {
        self.queues[to.index()].is_empty()
    }

    pub(super) fn queue(&mut self, to: Side) -> &mut FrameQueue {
        &mut self.queues[to.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_takes_is_lost_at_the_limit() {
        let mut out = Outbox::default();
        let frame = [7; 1000];
        let sent = (0..2000).filter(|_| out.send(Side::Guest, &frame)).count();
        assert_eq!(sent, LIMIT / 1004);
        assert!(out.is_busy(Side::Guest) && !out.is_busy(Side::Uplink) && out.is_empty(Side::Uplink));
        assert!(!out.send(Side::Uplink, &[]));
        assert!(out.send(Side::Uplink, &[9]));
        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(out.queue(Side::Uplink).flush(&ours).is_ok() && out.is_empty(Side::Uplink));
        drop(ours);
        let mut sent = Vec::new();
        std::io::Read::read_to_end(&mut theirs, &mut sent).unwrap();
        assert_eq!(sent, [0, 0, 0, 1, 9]);
    }
}
