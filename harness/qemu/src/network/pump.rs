//! The thread that carries frames between QEMU's two sockets and the fabric.

use std::io::{ErrorKind, Read};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::framing::{Deframer, Unplugged};
use super::handler::{Outbox, PacketHandler, Side};

/// Both of our ends at work. Dropping it ends the thread; so does the end of QEMU.
#[derive(Debug)]
pub(crate) struct Link {
    ends: [UnixStream; 2],
}

impl Link {
    /// Starts to carry frames. A thread and not a task, because the guest's network must not stand
    /// still however busy the runtime is.
    pub(crate) fn start(nic: UnixStream, uplink: UnixStream, handler: Box<dyn PacketHandler>) -> std::io::Result<Self> {
        let ends = [nic.try_clone()?, uplink.try_clone()?];
        let port = |end: UnixStream| -> std::io::Result<Port> {
            end.set_nonblocking(true)?;
            Ok(Port { end, deframer: Deframer::default() })
        };
        let ports = [port(nic)?, port(uplink)?];
        let pump = Pump { ports, handler, out: Outbox::default() };
        std::thread::Builder::new().name("network".to_owned()).spawn(move || pump.run())?;
        Ok(Self { ends })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        for end in &self.ends {
            // Wakes the thread, which sees the end of the stream.
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

struct Port {
    end: UnixStream,
    deframer: Deframer,
}

struct Pump {
    ports: [Port; 2],
    handler: Box<dyn PacketHandler>,
    out: Outbox,
}

impl Pump {
    fn run(mut self) {
        let mut buffer = vec![0; 64 << 10];
        while self.turn(&mut buffer).is_ok() {}
        // QEMU gets the error, so that a guest whose stream went out of step has no network rather than one
        // that waits.
        for port in &self.ports {
            let _ = port.end.shutdown(Shutdown::Both);
        }
    }

    /// Waits for what can be moved and moves it.
    fn turn(&mut self, buffer: &mut [u8]) -> Result<(), Unplugged> {
        let ready = self.wait()?;
        if self.handler.due().is_some_and(|due| due <= Instant::now()) {
            self.handler.wake(&mut self.out);
        }
        for side in [Side::Guest, Side::Uplink] {
            let flags = ready[side.index()];
            if flags.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
                self.read(side, buffer)?;
            }
        }
        for side in [Side::Guest, Side::Uplink] {
            self.out.queue(side).flush(&self.ports[side.index()].end)?;
        }
        Ok(())
    }

    fn wait(&self) -> Result<[PollFlags; 2], Unplugged> {
        let wanted = |side: Side| {
            let mut flags = PollFlags::empty();
            // What comes from a side may go to either, so both must have room: a side that takes
            // nothing holds up its sender, as a full queue of a real card would.
            if !self.out.is_busy(Side::Guest) && !self.out.is_busy(Side::Uplink) {
                flags |= PollFlags::IN;
            }
            if !self.out.is_empty(side) {
                flags |= PollFlags::OUT;
            }
            PollFd::new(&self.ports[side.index()].end, flags)
        };
        let mut fds = [wanted(Side::Guest), wanted(Side::Uplink)];
        let timeout = self.handler.due().map(|due| timespec(due.saturating_duration_since(Instant::now())));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(fds.map(|fd| fd.revents())),
            Err(_) => Err(Unplugged),
        }
    }

    fn read(&mut self, from: Side, buffer: &mut [u8]) -> Result<(), Unplugged> {
        let Self { ports, handler, out } = self;
        let port = &mut ports[from.index()];
        match port.end.read(buffer) {
            Ok(0) => Err(Unplugged),
            Ok(count) => {
                let carried = port.deframer.feed(&buffer[..count], |frame| handler.frame(from, frame, out));
                carried.map_err(|_| Unplugged)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(()),
            Err(_) => Err(Unplugged),
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: i64::from(duration.subsec_nanos()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::testing::{receive, send};
    use std::io::Write as _;

    const SOON: Duration = Duration::from_secs(20);

    /// Hands everything through, answers `?` itself, and says `!` to the guest when its time comes.
    struct Echo {
        due: Option<Instant>,
    }

    impl PacketHandler for Echo {
        fn frame(&mut self, from: Side, frame: &[u8], out: &mut Outbox) {
            match frame {
                b"?" => out.send(from, b"answer"),
                b"later" => {
                    self.due = Some(Instant::now() + Duration::from_millis(20));
                    true
                }
                frame => out.send(from.other(), frame),
            };
        }

        fn due(&self) -> Option<Instant> {
            self.due
        }

        fn wake(&mut self, out: &mut Outbox) {
            self.due = None;
            out.send(Side::Guest, b"!");
        }
    }

    fn started() -> (Link, UnixStream, UnixStream) {
        let (nic, guest) = UnixStream::pair().unwrap();
        let (uplink, user) = UnixStream::pair().unwrap();
        for end in [&guest, &user] {
            end.set_read_timeout(Some(SOON)).unwrap();
            end.set_write_timeout(Some(SOON)).unwrap();
        }
        (Link::start(nic, uplink, Box::new(Echo { due: None })).unwrap(), guest, user)
    }

    #[test]
    fn frames_go_where_the_handler_sends_them() {
        let (_link, guest, user) = started();
        send(&guest, b"out").unwrap();
        assert_eq!(receive(&user), b"out");
        send(&user, b"in").unwrap();
        assert_eq!(receive(&guest), b"in");
        send(&guest, b"?").unwrap();
        assert_eq!(receive(&guest), b"answer");
        send(&guest, b"later").unwrap();
        assert_eq!(receive(&guest), b"!");
    }

    #[test]
    fn a_side_that_takes_nothing_holds_up_its_sender_and_loses_nothing() {
        let (_link, guest, user) = started();
        let frame = |number: u32| {
            let mut frame = vec![0; 60_000];
            frame[..4].copy_from_slice(&number.to_be_bytes());
            frame
        };
        let writer = guest.try_clone().unwrap();
        // Ten times what the pump may hold.
        let flood = std::thread::spawn(move || (0..180).try_for_each(|number| send(&writer, &frame(number))));
        for number in 0..180_u32 {
            assert_eq!(receive(&user)[..4], number.to_be_bytes());
        }
        flood.join().unwrap().unwrap();
    }

    #[test]
    fn it_ends_with_its_owner_and_with_a_stream_out_of_step() {
        let (link, mut guest, mut user) = started();
        drop(link);
        assert_eq!(guest.read(&mut [0; 1]).unwrap(), 0);
        assert_eq!(user.read(&mut [0; 1]).unwrap(), 0);

        let (_link, mut guest, mut user) = started();
        guest.write_all(b"\xff\xff\xff\xff").unwrap();
        assert_eq!(user.read(&mut [0; 1]).unwrap(), 0);
        assert_eq!(guest.read(&mut [0; 1]).unwrap(), 0);

        let (_link, guest, mut user) = started();
        drop(guest);
        assert_eq!(user.read(&mut [0; 1]).unwrap(), 0);
    }
}
