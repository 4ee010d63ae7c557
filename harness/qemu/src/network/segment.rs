//! The network between the machines of one test: an Ethernet hub in this process. What a machine sends reaches all others
//! on it, and nothing else: neither this host nor the machines of another test.
//!
//! Each machine's second interface is a stream socket to its [`Port`]. A thread carries the frames. What waits for a
//! machine is bounded, and what is beyond is lost, as on a wire: a machine that floods, or one that takes nothing, holds
//! up nobody else and takes no memory.

use std::io::{ErrorKind, Read};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::framing::{Deframer, FrameQueue};
use crate::channels;

/// A machine's cable, our end. Dropping it pulls it out for good.
#[derive(Debug)]
pub(crate) struct Port(UnixStream);

impl Port {
    /// A cable, and QEMU's end of it, to be inherited.
    pub(crate) fn new() -> std::io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = channels::socket_pair()?;
        Ok((Self(ours), theirs))
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        // Wakes the thread, which sees the end of the stream.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// Puts the cables into one hub, which ends with the last of them. A cable can be in one hub only.
pub(crate) fn connect(ports: &[&Port]) -> std::io::Result<()> {
    let outlet = |port: &&Port| -> std::io::Result<Outlet> {
        let end = port.0.try_clone()?;
        end.set_nonblocking(true)?;
        Ok(Outlet { end, deframer: Deframer::default(), queue: FrameQueue::default() })
    };
    let outlets = ports.iter().map(outlet).collect::<std::io::Result<_>>()?;
    std::thread::Builder::new().name("segment".to_owned()).spawn(move || Hub { outlets }.run())?;
    Ok(())
}

struct Outlet {
    end: UnixStream,
    deframer: Deframer,
    /// What waits for its machine.
    queue: FrameQueue,
}

struct Hub {
    outlets: Vec<Outlet>,
}

impl Hub {
    fn run(mut self) {
        let mut buffer = vec![0; 64 << 10];
        while !self.outlets.is_empty() {
            let Some(ready) = self.wait() else { return };
            // From the last, so that one that is taken out moves none that is still to be looked at.
            for at in (0..self.outlets.len()).rev() {
                if !self.carry(at, ready[at], &mut buffer) {
                    let outlet = self.outlets.remove(at);
                    // QEMU gets the error, so that a guest whose stream went out of step has no network rather than
                    // one that waits.
                    let _ = outlet.end.shutdown(Shutdown::Both);
                }
            }
        }
    }

    /// Waits for what can be moved.
    fn wait(&self) -> Option<Vec<PollFlags>> {
        let wanted =
            |outlet: &Outlet| if outlet.queue.is_empty() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
        let mut fds: Vec<PollFd<'_>> = self
            .outlets
            .iter()
            .map(|outlet| PollFd::from_borrowed_fd(std::os::fd::AsFd::as_fd(&outlet.end), wanted(outlet)))
            .collect();
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => Some(fds.iter().map(PollFd::revents).collect()),
            Err(_) => None,
        }
    }

    /// Takes what a machine sends and gives it what waits for it. False when its cable is out.
    fn carry(&mut self, at: usize, ready: PollFlags, buffer: &mut [u8]) -> bool {
        if ready.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) && !self.read(at, buffer) {
            return false;
        }
        let Outlet { queue, end, .. } = &mut self.outlets[at];
        !ready.contains(PollFlags::OUT) || queue.flush(end).is_ok()
    }

    fn read(&mut self, from: usize, buffer: &mut [u8]) -> bool {
        let (before, rest) = self.outlets.split_at_mut(from);
        let Some((sender, after)) = rest.split_first_mut() else { return false };
        match sender.end.read(buffer) {
            Ok(0) => false,
            Ok(count) => {
                let carried = sender.deframer.feed(&buffer[..count], |frame| {
                    for other in before.iter_mut().chain(&mut *after) {
                        other.queue.push(frame);
                    }
                });
                carried.is_ok()
            }
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::testing::{receive, send};
    use std::io::Write as _;
    use std::time::Duration;

    const SOON: Duration = Duration::from_secs(20);

    /// A machine's cable with its other end.
    fn machine() -> (Port, UnixStream) {
        let (port, theirs) = Port::new().unwrap();
        let end = UnixStream::from(theirs);
        end.set_read_timeout(Some(SOON)).unwrap();
        end.set_write_timeout(Some(SOON)).unwrap();
        (port, end)
    }

    #[test]
    fn what_one_sends_reaches_all_others_and_no_other_hub() {
        let (machines, others): (Vec<_>, Vec<_>) =
            ((0..3).map(|_| machine()).collect(), (0..2).map(|_| machine()).collect());
        for machines in [&machines, &others] {
            connect(&machines.iter().map(|(port, _)| port).collect::<Vec<_>>()).unwrap();
        }
        send(&machines[0].1, b"hello").unwrap();
        assert_eq!((receive(&machines[1].1), receive(&machines[2].1)), (b"hello".to_vec(), b"hello".to_vec()));
        // The first frame that each of them sees is the next one, so that it saw no other.
        send(&machines[2].1, b"answer").unwrap();
        send(&others[0].1, b"elsewhere").unwrap();
        assert_eq!((receive(&machines[0].1), receive(&machines[1].1)), (b"answer".to_vec(), b"answer".to_vec()));
        assert_eq!(receive(&others[1].1), b"elsewhere");
    }

    #[test]
    fn a_machine_that_takes_nothing_holds_up_nobody_and_loses_what_is_too_much() {
        let machines: Vec<_> = (0..3).map(|_| machine()).collect();
        connect(&machines.iter().map(|(port, _)| port).collect::<Vec<_>>()).unwrap();
        let frame = |number: u32| {
            let mut frame = vec![0; 10_000];
            frame[..4].copy_from_slice(&number.to_be_bytes());
            frame
        };
        // The second reads each one before the next is sent; the third reads none of 20 MB.
        for number in 0..2000 {
            send(&machines[0].1, &frame(number)).unwrap();
            assert_eq!(receive(&machines[1].1)[..4], number.to_be_bytes());
        }
        send(&machines[1].1, b"end").unwrap();
        assert_eq!(receive(&machines[0].1), b"end");
        let (ports, mut ends): (Vec<_>, Vec<_>) = machines.into_iter().unzip();
        drop(ports);
        let mut left = Vec::new();
        ends[2].read_to_end(&mut left).unwrap();
        assert!(left.len() < 4 << 20, "{} bytes waited", left.len());
        assert_eq!(left[4..8], 0_u32.to_be_bytes(), "the oldest are kept");
    }

    #[test]
    fn a_machine_that_is_gone_or_out_of_step_takes_nobody_along() {
        let mut machines: Vec<_> = (0..4).map(|_| machine()).collect();
        connect(&machines.iter().map(|(port, _)| port).collect::<Vec<_>>()).unwrap();
        drop(machines.remove(1));
        (&machines[1].1).write_all(b"\xff\xff\xff\xff").unwrap();
        assert_eq!((&machines[1].1).read(&mut [0; 1]).unwrap(), 0, "its stream is out of step");
        send(&machines[0].1, b"still here").unwrap();
        assert_eq!(receive(&machines[2].1), b"still here");
        let (port, mut end) = machines.remove(0);
        drop(port);
        assert_eq!(end.read(&mut [0; 1]).unwrap(), 0);
    }
}
