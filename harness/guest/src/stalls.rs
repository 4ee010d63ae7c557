//! Nothing waits for bytes that are already here. A gate before a real sshd lets the server's bytes
//! through at the worst moments only: between the read of one stream and that of the other, so that
//! the read of one takes in packets of both.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::access::read_key;
use super::channel::ExecChannel;
use super::frame::{self, Event, Nonces};
use super::login::Entered;
use super::loopback::Sshd;
use super::pipeline::Pipeline;
use super::start::Start;
use super::stream::Stream;
use super::tests::{login, target};
use super::transport::Transport;
use super::wake::Wake;
use super::*;

/// What the server has sent and the client may not have yet.
#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    client: Option<TcpStream>,
    closed: bool,
}

/// A proxy that holds back what the server sends while it is closed.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<Held>, Condvar)>);

impl Gate {
    /// An open one before `real`, for one connection.
    fn before(real: SocketAddr) -> (SocketAddr, Self) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        let gate = Self::default();
        let held = gate.clone();
        std::thread::spawn(move || {
            let (client, _) = listener.accept().unwrap();
            let mut server = TcpStream::connect(real).unwrap();
            client.set_nodelay(true).unwrap();
            held.0.0.lock().unwrap().client = Some(client.try_clone().unwrap());
            let (mut up, mut up_to) = (client, server.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut up, &mut up_to);
                let _ = up_to.shutdown(Shutdown::Both);
            });
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = server.read(&mut buffer) {
                let mut inside = held.0.0.lock().unwrap();
                inside.bytes.extend_from_slice(&buffer[..count]);
                if !inside.closed {
                    inside.pass();
                }
                held.0.1.notify_all();
            }
        });
        (addr, gate)
    }

    fn close(&self) {
        self.0.0.lock().unwrap().closed = true;
    }

    /// Lets through what there is, after a moment in which there may come to be something.
    fn pass(&self) {
        let inside = self.0.0.lock().unwrap();
        let patience = Duration::from_millis(30);
        let (mut inside, _) = self.0.1.wait_timeout_while(inside, patience, |held| held.bytes.is_empty()).unwrap();
        inside.pass();
    }
}

impl Held {
    fn pass(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if let Some(client) = &mut self.client {
            let _ = client.write_all(&bytes);
        }
    }
}

/// A channel whose bytes arrive right before its standard error is read.
struct Worst {
    channel: ExecChannel,
    gate: Gate,
}

impl Transport for Worst {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.channel.write(bytes)
    }

    fn read(&mut self, stream: Stream, buffer: &mut [u8]) -> std::io::Result<usize> {
        if stream == Stream::Err {
            self.gate.pass();
        }
        self.channel.read(stream, buffer)
    }
}

#[test]
fn bytes_that_come_between_the_two_streams_are_not_left_lying() {
    let sshd = Sshd::start().unwrap();
    let (addr, gate) = Gate::before(sshd.addr);
    let target = Target { addr, ..target(&sshd) };
    let (key, wake) = (read_key(&target).unwrap(), Wake::new().unwrap());
    let start = Start { elevated: false, root: true, patience: Duration::from_secs(30) };
    let limit = Instant::now() + Duration::from_secs(60);
    let login = login(&target, &key, start, &wake, limit);
    let Ok(Entered { shell, mut ssh, .. }) = login.enter() else { panic!("no login") };
    let channel = ExecChannel::open(&mut ssh, "exec /bin/sh", limit, &|| false).unwrap_or_else(|halt| panic!("{halt}"));
    gate.close();
    let mut pipe = Pipeline::new(Worst { channel, gate });
    let mut nonces = Nonces::open().unwrap();
    for round in 0..10 {
        let nonce = nonces.draw().unwrap();
        pipe.deframer.expect(nonce, 4096);
        pipe.queue(&frame::request(&nonce, &format!("printf out{round}; printf err >&2")).unwrap());
        let ended = loop {
            assert!(Instant::now() < limit, "no answer");
            let seen = ssh.seen();
            let more = pipe.pump(seen).unwrap();
            let ended = std::iter::from_fn(|| pipe.deframer.next_event()).find_map(|event| match event {
                Event::Ended(_, frame) => Some(frame),
                _ => None,
            });
            if let Some(frame) = ended {
                break frame;
            }
            if !more {
                ssh.wait(seen, Some(Instant::now() + Duration::from_millis(20))).unwrap();
            }
        };
        assert_eq!((ended.stdout, ended.stderr), (format!("out{round}").into_bytes(), b"err".to_vec()));
    }
    assert_eq!(pipe.take_rescues(), 0, "something was found only because a wait had ended");
    shell.close(&mut ssh, Instant::now() + Duration::from_millis(100));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_logins_and_requests_are_answered_without_a_stall() {
    let sshd = Sshd::start().unwrap();
    let mut guests = Vec::new();
    for _ in 0..10 {
        let deadline = Instant::now() + Duration::from_secs(60);
        guests.push(Guest::connect(target(&sshd), deadline, 1.0).await.unwrap());
    }
    let busy = guests.iter().cloned().map(|guest| {
        tokio::spawn(async move {
            let one =
                Request { script: "printf out; printf err >&2".into(), timeout: Duration::from_secs(60), limit: 4096 };
            for _ in 0..20 {
                for reply in guest.batch(vec![one.clone(); 5]).await {
                    let reply = reply.unwrap();
                    assert_eq!((&reply.stdout[..], &reply.stderr[..]), (&b"out"[..], &b"err"[..]));
                }
            }
        })
    });
    for one in busy.collect::<Vec<_>>() {
        one.await.unwrap();
    }
    assert_eq!(guests.iter().map(|guest| guest.stats().rescues).sum::<u64>(), 0);
}

/// What a broken or hostile server does with every connection.
fn serve(behave: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    let behave = Arc::new(behave);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let behave = behave.clone();
            std::thread::spawn(move || behave(client));
        }
    });
    addr
}

/// Sends the same until nobody listens.
fn forever(mut client: TcpStream, first: &[u8], then: &[u8], apart: Duration) {
    let mut sent = client.write_all(first);
    while sent.is_ok() {
        sent = client.write_all(then);
        std::thread::sleep(apart);
    }
}

/// Waits until the other side hangs up.
fn hold(mut client: TcpStream, first: &[u8]) {
    let _ = client.write_all(first);
    let _ = std::io::copy(&mut client, &mut std::io::sink());
}

/// A packet of SSH before any keys.
fn packet(payload: &[u8]) -> Vec<u8> {
    let padding = 8 - (5 + payload.len()) % 8 + 8;
    let length = (1 + payload.len() + padding) as u32;
    [&length.to_be_bytes()[..], &[padding as u8], payload, &vec![0; padding]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hostile_server_ends_at_the_deadline_with_one_reason() {
    let sshd = Sshd::start().unwrap();
    let greeting = b"SSH-2.0-hostile\r\n";
    let ignore = packet(b"\x02\0\0\0\x08xxxxxxxx").repeat(500);
    let lists = [&[20][..], &[7; 16], &[0; 45]].concat();
    let exchange = packet(&lists);
    let none = Duration::ZERO;
    let no_ssh = "what answers there is not an SSH server";
    let cases: Vec<(&str, SocketAddr, &str)> = vec![
        ("lines without end", serve(move |c| forever(c, b"", &b"noise noise\r\n".repeat(1000), none)), no_ssh),
        ("a line without end", serve(move |c| forever(c, b"", &[b'A'; 65536], none)), no_ssh),
        ("NUL without end", serve(move |c| forever(c, b"", &[0; 65536], none)), no_ssh),
        ("empty lines without end", serve(move |c| forever(c, b"", &b"\r\n".repeat(1000), none)), no_ssh),
        ("slow bytes", serve(|c| forever(c, b"", b"S", Duration::from_millis(100))), no_ssh),
        ("half a greeting", serve(|c| hold(c, b"SSH-2.0-ha")), no_ssh),
        ("another protocol", serve(|c| hold(c, b"HTTP/1.1 400 Bad Request\r\n\r\n")), "HTTP/1.1 400 Bad Request"),
        ("silence", serve(|c| hold(c, b"")), "no SSH server speaks"),
        ("a closed door", serve(drop), "no SSH server speaks"),
        ("protocol 1", serve(|c| hold(c, b"SSH-1.5-old\r\n")), "the SSH handshake failed"),
        ("a greeting and no more", serve(move |c| hold(c, greeting)), "the SSH handshake failed"),
        (
            "ignored packets without end",
            serve(move |c| forever(c, greeting, &ignore, none)),
            "the SSH handshake failed",
        ),
        (
            "key exchange without end",
            serve(move |c| forever(c, greeting, &exchange, Duration::from_millis(5))),
            "the SSH handshake failed",
        ),
        (
            "a huge packet",
            serve(move |c| forever(c, greeting, &[&[0x7f, 255, 255, 255, 4][..], &[20; 4096]].concat(), none)),
            "the SSH handshake failed",
        ),
        (
            "a byte of a packet at a time",
            serve(move |c| forever(c, greeting, &[0], Duration::from_millis(100))),
            "the SSH handshake failed",
        ),
    ];
    let tries = cases.into_iter().map(|(name, addr, expected)| {
        let target = Target { addr, ..target(&sshd) };
        tokio::spawn(async move {
            let deadline = Instant::now() + Duration::from_secs(2);
            let error = Guest::connect(target, deadline, 1.0).await.map(drop).unwrap_err();
            assert!(error.last.to_string().contains(expected), "{name}: {error}");
            assert!(error.waited < Duration::from_secs(20), "{name}: {:?}", error.waited);
        })
    });
    for one in tries.collect::<Vec<_>>() {
        one.await.unwrap();
    }
}
