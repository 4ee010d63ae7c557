//! A real OpenSSH server on this host, for tests and benchmarks of the guest room: the current user
//! logs in to it with a key of its own. It ends with its guard.
//!
//! Errors are sentences, not types: only who runs these tests and benchmarks meets them.

use std::fs;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use muster_base::process::ProcessStat;
use tempfile::TempDir;

/// A running server.
pub struct Sshd {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The user who can log in.
    pub user: String,
    /// The private key that is accepted.
    pub key: PathBuf,
    home: TempDir,
    server: Child,
    /// Lines of its configuration, before those of every server: sshd takes the first of a name.
    config: String,
}

impl Sshd {
    /// Starts one; the error is for a person, and names the package when a program is missing.
    pub fn start() -> Result<Self, String> {
        Self::configured(String::new())
    }

    /// Starts one with these lines of sshd_config, which come before its own.
    pub fn configured(config: String) -> Result<Self, String> {
        let home = tempfile::tempdir().map_err(|error| format!("no temporary directory: {error}"))?;
        make_key(&home.path().join("host"))?;
        make_key(&home.path().join("user"))?;
        let user = Command::new("id").arg("-un").output().map_err(|error| format!("id: {error}"))?;
        let user = String::from_utf8_lossy(&user.stdout).trim().to_owned();
        if user == "root" {
            // The directory sshd shuts its unprivileged half into; packages make it at boot.
            let _ = fs::create_dir_all("/run/sshd");
        }
        let (addr, server) = listen(home.path(), None, &config)?;
        Ok(Self { addr, user, key: home.path().join("user"), home, server, config })
    }

    /// Stops the server and everything it serves, gives it another host key and starts it on the
    /// same port.
    pub fn change_host_key(&mut self) -> Result<(), String> {
        self.stop();
        for file in ["host", "host.pub"] {
            fs::remove_file(self.home.path().join(file)).map_err(|error| error.to_string())?;
        }
        make_key(&self.home.path().join("host"))?;
        (self.addr, self.server) = listen(self.home.path(), Some(self.addr.port()), &self.config)?;
        Ok(())
    }

    /// A line of the public host key.
    pub fn host_key(&self) -> String {
        fs::read_to_string(self.home.path().join("host.pub")).unwrap_or_default()
    }

    /// A key the server does not know.
    pub fn stranger(&self) -> Result<PathBuf, String> {
        let path = self.home.path().join("stranger");
        make_key(&path)?;
        Ok(path)
    }

    /// Lets the server accept a key.
    pub fn accept(&self, key: &Path) -> io::Result<()> {
        fs::copy(key.with_extension("pub"), self.home.path().join("user.pub")).map(drop)
    }

    /// Kills the processes that serve connections; the server itself goes on listening.
    pub fn kill_connections(&self) -> usize {
        let servants = self.servants();
        for pid in &servants {
            kill(*pid);
        }
        servants.len()
    }

    /// The sshd processes below the listening one.
    fn servants(&self) -> Vec<i32> {
        let mut family = vec![self.server.id() as i32];
        let mut grown = true;
        while grown {
            grown = false;
            for (pid, parent, name) in processes() {
                if name.starts_with("sshd") && family.contains(&parent) && !family.contains(&pid) {
                    family.push(pid);
                    grown = true;
                }
            }
        }
        family.split_off(1)
    }

    fn stop(&mut self) {
        self.kill_connections();
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Process number, parent and name of all processes of this host.
pub fn processes() -> Vec<(i32, i32, String)> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Some(ProcessStat { name, parent, .. }) = ProcessStat::of(pid) else { continue };
        let (Ok(pid), Ok(parent)) = (pid.try_into(), parent.try_into()) else { continue };
        all.push((pid, parent, name));
    }
    all
}

fn kill(pid: i32) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

fn make_key(path: &Path) -> Result<(), String> {
    let status = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "loopback", "-f"])
        .arg(path)
        .status()
        .map_err(|error| format!("ssh-keygen does not start ({error}); install the package openssh-client"))?;
    if status.success() { Ok(()) } else { Err(format!("ssh-keygen: {status}")) }
}

fn listen(home: &Path, port: Option<u16>, first: &str) -> Result<(SocketAddr, Child), String> {
    let binary =
        ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"].iter().find(|path| Path::new(path).exists());
    let binary = binary.ok_or("there is no sshd on this host; install the package openssh-server")?;
    let mut said = String::new();
    // The port is free when it is asked for, but another process can take it before sshd does.
    for _ in 0..5 {
        let port = match port {
            Some(port) => port,
            None => free_port().map_err(|error| format!("no free port: {error}"))?,
        };
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let at = home.display();
        let config = format!(
            "{first}\nListenAddress {addr}\nHostKey {at}/host\nAuthorizedKeysFile {at}/user.pub\nPidFile none\nStrictModes no\n\
             UsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\nPrintMotd no\n"
        );
        fs::write(home.join("config"), config).map_err(|error| error.to_string())?;
        let log = fs::File::create(home.join("log")).map_err(|error| error.to_string())?;
        let mut server = Command::new(binary)
            .args(["-D", "-e", "-f"])
            .arg(home.join("config"))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{binary}: {error}"))?;
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline && matches!(server.try_wait(), Ok(None)) {
            if speaks(addr) {
                return Ok((addr, server));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = server.kill();
        let _ = server.wait();
        said = fs::read_to_string(home.join("log")).unwrap_or_default();
    }
    Err(format!("sshd does not start: {said}"))
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn speaks(addr: SocketAddr) -> bool {
    let mut banner = [0; 4];
    let Ok(mut stream) = TcpStream::connect_timeout(&addr, Duration::from_secs(1)) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    stream.read_exact(&mut banner).is_ok() && &banner == b"SSH-"
}
