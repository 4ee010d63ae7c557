//! The way into a running machine for a person: OpenSSH's client, configured by a file of its own, which says whom to
//! trust and which key to show, so that nothing of the person's own configuration takes part.

use std::future::Future;
use std::io::{IsTerminal, Read, Write};
use std::process::{ExitStatus, Stdio};

use camino::{Utf8Path, Utf8PathBuf};

use super::error::CliError;
use muster_base::text;
use muster_guest::HostKey;
use muster_qemu::ssh_login::SshLogin;

/// The configuration's name in its directory.
const CONFIG: &str = "ssh_config";

/// How long the client may take to notice that its machine has ended.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// A way in.
#[derive(Debug, Clone)]
pub(crate) struct SshClient {
    config: Utf8PathBuf,
    name: String,
    /// The one who logs in is not root, and becomes it.
    elevated: bool,
}

impl SshClient {
    /// Writes `ssh_config` and `known_hosts` into the directory. `name`, a plain word, is what the
    /// machine is called in them.
    pub(crate) fn make(ssh_login: &SshLogin, name: &str, dir: &Utf8Path) -> Result<Self, CliError> {
        let failed = |path: &Utf8Path| {
            let path = path.to_owned();
            move |cause| CliError::infrastructure(format!("cannot write {path}: {cause}"))
        };
        let known = dir.join("known_hosts");
        let line = ssh_login.host_key.as_ref().map(HostKey::line);
        let trusted = line.as_ref().map(|line| format!("{name} {line}\n")).unwrap_or_default();
        std::fs::write(&known, trusted).map_err(failed(&known))?;
        let config = dir.join(CONFIG);
        std::fs::write(&config, configuration(ssh_login, name, &known)?).map_err(failed(&config))?;
        Ok(Self { config, name: name.to_owned(), elevated: ssh_login.user != "root" })
    }

    /// The way into a machine that another process made a door for.
    pub(crate) fn open(name: &str, user: &str, dir: &Utf8Path) -> Self {
        Self { config: dir.join(CONFIG), name: name.to_owned(), elevated: user != "root" }
    }

    /// What a person types to enter.
    pub(crate) fn command(&self) -> String {
        format!("ssh -F {} {}", text::shell_word(self.config.as_str()), self.name)
    }

    /// A shell, or one command where there is one; no longer than the machine lives.
    pub(crate) async fn enter(
        &self,
        command: Option<&str>,
        ended: impl Future<Output = String>,
    ) -> Result<u8, CliError> {
        let work = async {
            match command {
                Some(command) => self.run(command).await,
                None => self.shell().await,
            }
        };
        tokio::pin!(work);
        tokio::select! {
            biased;
            status = &mut work => status,
            // The client mostly notices by itself and says its status, but a stuck one is not waited for.
            why = ended => match tokio::time::timeout(PATIENCE, work).await {
                Ok(status) => status,
                Err(_) => Err(CliError::infrastructure(why)),
            },
        }
    }

    /// A login shell on this terminal, or reading from what is piped in. The status it ends with.
    pub(crate) async fn shell(&self) -> Result<u8, CliError> {
        let mut ssh = self.ssh();
        ssh.arg(if std::io::stdin().is_terminal() { "-tt" } else { "-T" }).arg(&self.name);
        if self.elevated {
            ssh.arg("exec sudo -n -i");
        }
        let status = ssh.status().await.map_err(unstarted)?;
        Ok(code(status))
    }

    /// One command, without input, as root. What it prints goes through as it is, except to a terminal,
    /// where control characters are made visible. Its status; 255 when the connection broke.
    pub(crate) async fn run(&self, command: &str) -> Result<u8, CliError> {
        let mut ssh = self.ssh();
        let shell = if self.elevated { "exec sudo -n /bin/sh -c" } else { "exec /bin/sh -c" };
        ssh.args(["-T", "-n"]).arg(&self.name).arg(format!("{shell} {}", text::shell_word(command)));
        let (out, err) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        let stream = |terminal: bool| if terminal { Stdio::piped() } else { Stdio::inherit() };
        let mut child = ssh.stdout(stream(out)).stderr(stream(err)).spawn().map_err(unstarted)?;
        let mut readers = Vec::new();
        let pipes = [
            (child.stdout.take().and_then(|pipe| pipe.into_owned_fd().ok()), true),
            (child.stderr.take().and_then(|pipe| pipe.into_owned_fd().ok()), false),
        ];
        for (pipe, is_stdout) in pipes {
            let Some(pipe) = pipe else { continue };
            let mut pipe = std::fs::File::from(pipe);
            readers.push(tokio::task::spawn_blocking(move || match is_stdout {
                true => show(&mut pipe, &mut std::io::stdout()),
                false => show(&mut pipe, &mut std::io::stderr()),
            }));
        }
        let status = child.wait().await.map_err(unstarted)?;
        for reader in readers {
            let _ = reader.await;
        }
        Ok(code(status))
    }

    fn ssh(&self) -> tokio::process::Command {
        let mut ssh = tokio::process::Command::new("ssh");
        ssh.arg("-F").arg(&self.config).kill_on_drop(true);
        ssh
    }
}

fn unstarted(cause: std::io::Error) -> CliError {
    CliError::infrastructure(format!("ssh could not be started: {cause}"))
        .hint("`muster doctor` names the package that has it")
}

/// The exit status as a shell would tell it.
fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let number = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(255);
    u8::try_from(number).unwrap_or(255)
}

/// OpenSSH's configuration for one machine.
fn configuration(ssh_login: &SshLogin, name: &str, known: &Utf8Path) -> Result<String, CliError> {
    let key = Utf8Path::from_path(&ssh_login.private_key)
        .ok_or_else(|| CliError::invalid(format!("the path {} is not UTF-8", ssh_login.private_key.display())))?;
    let key = std::path::absolute(key).map_err(|cause| CliError::infrastructure(format!("{key}: {cause}")))?;
    let trust = if ssh_login.host_key.is_some() { "yes" } else { "accept-new" };
    Ok(format!(
        "Host {name}\n  HostName {}\n  Port {}\n  User {}\n  IdentityFile {}\n  UserKnownHostsFile {}\n  \
         HostKeyAlias {name}\n  StrictHostKeyChecking {trust}\n  GlobalKnownHostsFile /dev/null\n  \
         UpdateHostKeys no\n  IdentitiesOnly yes\n  IdentityAgent none\n  PreferredAuthentications publickey\n  \
         BatchMode yes\n  ForwardAgent no\n  ForwardX11 no\n  ControlPath none\n  LogLevel ERROR\n  \
         ServerAliveInterval 15\n  ServerAliveCountMax 8\n",
        ssh_login.addr.ip(),
        ssh_login.addr.port(),
        ssh_login.user,
        quoted(&key.to_string_lossy())?,
        quoted(known.as_str())?,
    ))
}

/// A path in OpenSSH's configuration: quoted for spaces, `%` doubled since it begins a token.
fn quoted(path: &str) -> Result<String, CliError> {
    if path.contains(['"', '\\']) || path.chars().any(char::is_control) {
        let what = format!("the path {path:?} has a character that OpenSSH's configuration cannot hold");
        return Err(CliError::invalid(what).hint("set MUSTER_CACHE to a plainer directory"));
    }
    Ok(format!("\"{}\"", path.replace('%', "%%")))
}

/// Copies what a guest prints to a terminal, escaped, as it comes.
fn show(from: &mut impl Read, to: &mut impl Write) {
    let mut buffer = [0; 8192];
    let mut kept = Vec::new();
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        kept.extend_from_slice(&buffer[..count]);
        let whole = kept.len() - unfinished(&kept);
        let said = text::escape_bytes(&kept[..whole]);
        kept.drain(..whole);
        if to.write_all(said.as_bytes()).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
    let _ = to.write_all(text::escape_bytes(&kept).as_bytes()).and_then(|()| to.flush());
}

/// Bytes at the end that mean something only together with what follows: the beginning of a character
/// in UTF-8, or the first half of CRLF.
fn unfinished(bytes: &[u8]) -> usize {
    if bytes.last() == Some(&b'\r') {
        return 1;
    }
    for back in 1..=bytes.len().min(3) {
        let byte = bytes[bytes.len() - back];
        let wants = match byte {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            0x80..=0xbf => continue,
            _ => return 0,
        };
        return if back < wants { back } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    fn ssh_login(host_key: Option<HostKey>) -> SshLogin {
        SshLogin {
            addr: ([127, 0, 0, 1], 40022).into(),
            user: "azureuser".to_owned(),
            private_key: "/a b/100%/id".into(),
            host_key,
        }
    }

    #[test]
    fn the_client_trusts_one_key_and_shows_one() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let ssh_client = SshClient::make(&ssh_login(HostKey::parse(KEY)), "lab-1", dir).unwrap();
        assert_eq!(std::fs::read_to_string(dir.join("known_hosts")).unwrap(), format!("lab-1 {KEY}\n"));
        let config = std::fs::read_to_string(dir.join("ssh_config")).unwrap();
        for line in ["Host lab-1", "  IdentityFile \"/a b/100%%/id\"", "  StrictHostKeyChecking yes", "  Port 40022"] {
            assert!(config.lines().any(|has| has == line), "{line:?} is missing in\n{config}");
        }
        assert_eq!(ssh_client.command(), format!("ssh -F {dir}/ssh_config lab-1"));
        // OpenSSH itself reads it the same way.
        let read =
            std::process::Command::new("ssh").args(["-G", "-F"]).arg(&ssh_client.config).arg("lab-1").output().unwrap();
        let read = String::from_utf8_lossy(&read.stdout).into_owned();
        for line in ["hostname 127.0.0.1", "user azureuser", "stricthostkeychecking true"] {
            assert!(read.lines().any(|has| has == line), "{line:?} is missing in\n{read}");
        }
        SshClient::make(&ssh_login(None), "lab-1", dir).unwrap();
        let config = std::fs::read_to_string(dir.join("ssh_config")).unwrap();
        assert!(config.contains("StrictHostKeyChecking accept-new"), "{config}");
    }

    #[test]
    fn a_path_that_would_end_its_quotes_is_refused() {
        assert!(quoted("/a\"\n  ProxyCommand x").is_err());
        assert!(quoted("/a\\b").is_err());
        assert_eq!(quoted("/a b").unwrap(), "\"/a b\"");
    }

    /// Gives its bytes in pieces of that size.
    struct Torn<'a>(&'a [u8], usize);

    impl Read for Torn<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(self.0.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn a_terminal_gets_the_same_escaped_text_however_it_is_torn() {
        let said = "Grüße €\r\n\u{1b}]0;evil\u{7}𝄞 \u{9b}".as_bytes();
        for size in 1..=said.len() {
            let mut shown = Vec::new();
            show(&mut Torn(said, size), &mut shown);
            assert_eq!(String::from_utf8(shown).unwrap(), "Grüße €\n\\x1b]0;evil\\x07𝄞 \\x9b", "in pieces of {size}");
        }
        let mut shown = Vec::new();
        show(&mut Torn(b"cut \xf0\x9d", 4), &mut shown);
        assert_eq!(String::from_utf8(shown).unwrap(), "cut \u{fffd}");
    }

    #[test]
    fn statuses_are_reported_as_a_shell_reports_them() {
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(code(ExitStatus::from_raw(7 << 8)), 7);
        assert_eq!(code(ExitStatus::from_raw(15)), 143);
    }
}
