//! What a guest reaches, seen from the host's side: a small world of network namespaces with a host
//! that has every service a guest must not find, and one server that stands for the internet.

use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use muster_base::machine::{FirmwareKind, Format, SeedKind};
use muster_guest::{Generations, Guest, HostKeyPolicy, Request, Target};
use muster_image::{DiskSource, ImageSpec, Limits};
use muster_qemu::accel::{self, AccelRequest};
use muster_qemu::{Machine, MachineRequest, Network, RunKey, Spawner};

use crate::support::{eventually, finish, isolated, lab_disk};

/// Set for the process that runs inside the namespaces.
const INSIDE: &str = "MUSTER_TEST_INSIDE";
/// The host's public address, the internet's server, and where clouds answer for their hosts.
const HOST: &str = "198.51.100.1";
const INTERNET: &str = "198.51.100.2";
const CLOUD: [&str; 2] = ["169.254.169.254", "168.63.129.16"];
/// A service of the host, on all of its addresses, and of the internet.
const PORT: u16 = 8080;
/// Another of the internet, which only the restricted guest tries to reach.
const OTHER_PORT: u16 = 8081;

#[test]
fn a_guest_reaches_the_internet_only_when_it_may_and_the_host_never() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    // Built out here, where the real internet is.
    let disk = lab_disk("lab-tiny");
    let name = "network::a_guest_reaches_the_internet_only_when_it_may_and_the_host_never";
    let mut command = isolated(&["--net", "--mount"]);
    command.arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture", "--test-threads=1"]);
    let child = command.env(INSIDE, &disk).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let ended = finish(child, Duration::from_secs(300));
    assert!(ended.stdout.contains("1 passed"), "{}{}", ended.stdout, ended.stderr);
}

fn inside() {
    let disk = std::env::var_os(INSIDE).unwrap();
    let world = World::new();
    // First the proof that the services are there to be found, by those who may.
    let soon = Duration::from_secs(5);
    for address in [&["127.0.0.1", HOST], CLOUD.as_slice()].concat() {
        TcpStream::connect((address, PORT)).unwrap_or_else(|e| panic!("{address}: {e}"));
    }
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"x", ("127.0.0.1", PORT)).unwrap();
    TcpStream::connect((INTERNET, PORT)).unwrap();
    TcpStream::connect((INTERNET, OTHER_PORT)).unwrap();
    for (service, count) in [(&world.host, 4), (&world.host_udp, 1), (&world.internet, 1), (&world.other, 1)] {
        assert!(eventually(soon, || service.heard().len() == count), "a service does not work");
        service.forget();
    }

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (restricted, open) = runtime.block_on(async {
        let spawner = Spawner::new().unwrap();
        let (disk, dir) = (Path::new(&disk), dir.path());
        tokio::join!(
            attempts(disk, dir, &spawner, Network::Restricted, OTHER_PORT),
            attempts(disk, dir, &spawner, Network::Internet, PORT)
        )
    });
    let said = format!("{restricted}\n{open}");
    assert!(world.host.heard().is_empty(), "the host was reached:\n{said}");
    assert!(world.host_udp.heard().is_empty(), "the host was reached by UDP:\n{said}");
    assert!(world.other.heard().is_empty(), "a restricted guest reached the internet:\n{said}");

    for address in [&["10.0.2.2", "10.0.2.4", "127.1.2.3", HOST], CLOUD.as_slice()].concat() {
        for guest in [&restricted, &open] {
            assert!(guest.contains(&format!("tcp {address} refused")), "{address}:\n{guest}");
        }
    }
    // The open network is open: TCP to a server, and a question about a name through the resolver.
    assert!(restricted.contains(&format!("tcp {INTERNET} refused")), "{restricted}");
    assert!(open.contains(&format!("tcp {INTERNET} answered")), "{open}");
    assert_eq!(world.internet.heard().len(), 1, "{open}");
    let asked = world.names.heard().concat();
    let asked = String::from_utf8_lossy(&asked);
    assert!(asked.contains("by-internet") && !asked.contains("by-restricted"), "{asked:?}\n{said}");
    let log = std::fs::read_to_string(dir.path().join("internet/network.log")).unwrap();
    for line in [
        format!("pass tcp {INTERNET}:{PORT}"),
        "pass udp 10.0.2.3:53".to_owned(),
        format!("drop tcp 10.0.2.2:{PORT} (the gateway, behind which the host is)"),
        format!("drop tcp {HOST}:{PORT} (an address of the host)"),
        format!("drop tcp 169.254.169.254:{PORT} (the metadata service of the host's cloud)"),
        format!("drop udp 10.0.2.2:{PORT} (the gateway, behind which the host is)"),
    ] {
        assert!(log.contains(&line), "{line:?} is not in\n{log}");
    }
    assert!(!dir.path().join("restricted/network.log").exists());
}

/// Boots a guest and has it try everything; what it says about it.
async fn attempts(disk: &Path, dir: &Path, spawner: &Spawner, network: Network, port: u16) -> String {
    let id = if network == Network::Internet { "internet" } else { "restricted" };
    let mut spec = ImageSpec::new("lab-tiny", DiskSource::Path(disk.to_owned()), Format::Qcow2);
    (spec.firmware, spec.seed, spec.memory_mib) = (FirmwareKind::Bios, SeedKind::SystemdCredentials, 256);
    let image = muster_image::inspect(disk, Format::Qcow2, &Limits::default()).await.unwrap();
    let accel = accel::choose(AccelRequest::Auto).unwrap();
    let key = RunKey::generate(dir).await.unwrap();
    let dir = dir.join(id);
    let request = MachineRequest {
        id,
        spec: &spec,
        image: &image,
        accel: &accel,
        network,
        segment: false,
        key: &key,
        rules: muster_console::rules::Rules::shipped(),
        freezable: false,
        metered: false,
        dir: &dir,
    };
    let machine = Machine::start(request, spawner).await.unwrap();
    let target = Target {
        addr: machine.ssh_addr(),
        user: "root".to_owned(),
        private_key: key.private.clone(),
        become_root: false,
        host_key: HostKeyPolicy::AcceptFirst,
        generations: Generations::unknown(),
        refusals: Default::default(),
        hold: Default::default(),
    };
    let deadline = Instant::now() + Duration::from_secs(90);
    let guest = Guest::connect(target, deadline, accel.deadline_scale).await.unwrap();
    let mut script = String::from("exec 2>&1\n");
    for address in ["10.0.2.2", "10.0.2.4", "127.1.2.3", HOST, INTERNET, CLOUD[0], CLOUD[1]] {
        // Its own loopback must not hide the host's: the packet is made to leave by the NIC.
        script.push_str(&format!(
            "if nc -w 4 {address} {port} </dev/null; then echo tcp {address} answered; \
             else echo tcp {address} refused; fi &\ntimeout 4 tftp -g -l /dev/null -r x {address} {PORT} &\n"
        ));
    }
    script.push_str(&format!("nslookup -type=a by-{id} 10.0.2.3 &\nwait\n"));
    let loopback = "ip addr del 127.0.0.1/8 dev lo; ip route add 127.1.2.3 via 10.0.2.2; \
                    echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet\n";
    let request = Request { script: format!("{loopback}{script}"), timeout: Duration::from_secs(60), limit: 1 << 16 };
    let reply = guest.run(request).await.unwrap();
    machine.kill().await;
    format!("{network:?}: {}", String::from_utf8_lossy(&reply.stdout))
}

/// The host and the internet as this test sees them. Its parts end with it.
struct World {
    host: Service,
    host_udp: Service,
    internet: Service,
    other: Service,
    names: Service,
    _internet: Elsewhere,
    _resolver: tempfile::NamedTempFile,
}

impl World {
    /// Lays it out. This process must be alone in its namespaces.
    fn new() -> Self {
        let elsewhere = Elsewhere::new();
        ip(&["link", "set", "lo", "up"]);
        for cloud in CLOUD {
            ip(&["addr", "add", &format!("{cloud}/32"), "dev", "lo"]);
        }
        ip(&["link", "add", "host0", "type", "veth", "peer", "name", "net0", "netns", &elsewhere.pid()]);
        ip(&["addr", "add", &format!("{HOST}/24"), "dev", "host0"]);
        ip(&["link", "set", "host0", "up"]);
        elsewhere.ip(&["addr", "add", &format!("{INTERNET}/24"), "dev", "net0"]);
        elsewhere.ip(&["link", "set", "net0", "up"]);

        // The user network asks the resolver that the host is configured with.
        let mut resolver = tempfile::NamedTempFile::new().unwrap();
        writeln!(resolver, "nameserver 127.0.0.1").unwrap();
        let target = std::fs::canonicalize("/etc/resolv.conf").unwrap();
        sh("mount", &["--bind", resolver.path().to_str().unwrap(), target.to_str().unwrap()]);

        let [internet, other] =
            [PORT, OTHER_PORT].map(|port| elsewhere.enter(|| TcpListener::bind((INTERNET, port)).unwrap()));
        Self {
            host: Service::tcp(TcpListener::bind(("0.0.0.0", PORT)).unwrap()),
            host_udp: Service::udp(UdpSocket::bind(("0.0.0.0", PORT)).unwrap()),
            internet: Service::tcp(internet),
            other: Service::tcp(other),
            names: Service::udp(UdpSocket::bind(("127.0.0.1", 53)).unwrap()),
            _internet: elsewhere,
            _resolver: resolver,
        }
    }
}

/// A network namespace beside ours, held by a process that sleeps.
struct Elsewhere(Child);

impl Elsewhere {
    fn new() -> Self {
        let child = Command::new("unshare").args(["--net", "sleep", "600"]).spawn().unwrap();
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        let other = format!("/proc/{}/ns/net", child.id());
        let apart = || std::fs::read_link(&other).is_ok_and(|other| other != own);
        assert!(eventually(Duration::from_secs(10), apart), "no second network namespace");
        Self(child)
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }

    fn ip(&self, words: &[&str]) {
        sh("nsenter", &[&["--target", &self.pid(), "--net", "ip"], words].concat());
    }

    /// Runs something in it, on a thread of its own: a socket stays where it was made.
    fn enter<T: Send>(&self, make: impl FnOnce() -> T + Send) -> T {
        let namespace = std::fs::File::open(format!("/proc/{}/ns/net", self.pid())).unwrap();
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
                use std::os::fd::AsFd;
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                make()
            });
            thread.join().unwrap()
        })
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Remembers who comes, and what a datagram says.
struct Service(Arc<Mutex<Vec<Vec<u8>>>>);

impl Service {
    fn tcp(listener: TcpListener) -> Self {
        let heard = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let service = Self(Arc::clone(&heard));
        std::thread::spawn(move || {
            while listener.accept().is_ok() {
                heard.lock().unwrap().push(Vec::new());
            }
        });
        service
    }

    fn udp(socket: UdpSocket) -> Self {
        let heard = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let service = Self(Arc::clone(&heard));
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((length, _)) = socket.recv_from(&mut buffer) {
                heard.lock().unwrap().push(buffer[..length].to_vec());
            }
        });
        service
    }

    fn heard(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().clone()
    }

    fn forget(&self) {
        self.0.lock().unwrap().clear();
    }
}

fn ip(words: &[&str]) {
    sh("ip", words);
}

fn sh(program: &str, words: &[&str]) {
    let out = Command::new(program).args(words).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(out.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&out.stderr));
}
