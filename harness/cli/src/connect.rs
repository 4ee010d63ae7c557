//! `--connect`: from what was typed to a machine that is already up. Whom we talk to is
//! never assumed: a host key is known from before, stated, or explicitly accepted unseen.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use camino::{Utf8Path, Utf8PathBuf};

use super::again::Again;
use super::deciding;
use super::error::CliError;
use super::load::{self, Selection};
use super::output::{OutputFormat, say_note};
use super::project::Project;
use super::session::restrict;
use super::unknown_teardown;
use muster_base::text::{plain_cause, shell_word};
use muster_engine::driver::Driver as _;
use muster_engine::engine::Images as _;
use muster_engine::known::KnownIssues;
use muster_engine::plan::{self, Plan};
use muster_engine::rerun::Rerun;
use muster_engine::settings::KeptResults;
use muster_engine::sink::Events;
use muster_guest::{HostKey, HostKeyPolicy, known_hosts};
use muster_record::deciding::DecidingFile;
use muster_record::event::Event;
use muster_record::shard::ShardRecord;
use muster_remote::{Remote, RemoteImages, RemoteMachine};

/// A machine that is already up, instead of an image.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ConnectOptions {
    /// A machine that is already up; nothing is booted, and nothing changes it
    #[arg(
        long,
        value_name = "USER@HOST[:PORT]",
        // The group that clap makes of the options of a machine that is booted.
        conflicts_with_all = ["image", "MachineOptions"]
    )]
    pub connect: Option<String>,
    /// Private key for --connect, without a passphrase
    #[arg(long, value_name = "FILE", requires = "connect")]
    pub identity: Option<Utf8PathBuf>,
    /// Host key of the machine, as in known_hosts ('ssh-ed25519 AAAA…'), or a file of such lines; may be repeated
    #[arg(long = "host-key", value_name = "KEY|FILE", requires = "connect")]
    pub host_key: Vec<String>,
    /// Accept whatever host key the machine shows when none is known
    #[arg(long, requires = "connect")]
    pub accept_new_host_key: bool,
    /// What reports call the machine
    #[arg(long, value_name = "NAME", requires = "connect", default_value = "remote")]
    pub name: String,
    /// How long the machine may take to answer
    #[arg(long, value_name = "DURATION", requires = "connect", default_value = "20s", value_parser = muster_suite::value::duration)]
    pub connect_timeout: Duration,
}

/// A run on a machine elsewhere that can be started.
pub(crate) struct Prepared {
    pub project: Project,
    pub plan: Plan,
    pub remote: Remote,
    /// Failures that are documented.
    pub known: KnownIssues,
    pub rerun: Rerun,
    /// Which part of a run it is.
    pub shard: Option<ShardRecord>,
    /// Results of earlier runs that belong to this one.
    pub kept: KeptResults,
    /// Known issues, as files that decide on results.
    pub files: Vec<DecidingFile>,
    /// Said once, before the run begins.
    pub notices: Vec<String>,
}

/// Decodes, selects, plans, and finds out whom to trust. Connects to nothing.
pub(crate) fn prepare(
    typed: &str,
    selection: &Selection,
    options: &ConnectOptions,
    allow_changes: bool,
    known_issues: &[Utf8PathBuf],
) -> Result<Prepared, CliError> {
    let project = Project::find()?;
    let loaded = load::suites(selection, OutputFormat::Text)?;
    let mut selected = load::select(&loaded, selection)?;
    let not_meant = load::not_meant(&loaded, selection, &selected);
    let (known, mut notices) = load::known_issues(&loaded, selection, known_issues)?;
    notices.extend(not_meant);
    notices.extend(selection.sent.as_ref().map(|sent| sent.compare(&loaded.suites)).transpose()?);
    let files = deciding::known_issues(&known)?;
    let target = Destination::parse(typed)?;
    let remote = Remote { allow_changes, ..target.remote(options)? };
    let name = remote.name.clone();
    let mut shard = None;
    if let Some(chosen) = &selection.shard {
        let division = chosen.division(&loaded.suites, &selected.tests, std::slice::from_ref(&name))?;
        let part = chosen.part(&division)?;
        notices.push(chosen.notice(&division, part));
        selected.tests = part.tests.get(&name).cloned().unwrap_or_default();
        shard = Some(division.record(chosen.shard));
    }
    let of_name = |again: &Again| again.clone().with_files(&files, std::slice::from_ref(&name));
    let again = selection.again.as_deref().map(of_name).transpose()?;
    let wanted = restrict(again.as_ref(), &loaded.suites, &mut selected, std::slice::from_ref(&name), None)?;
    let suites: Vec<Arc<_>> = loaded.suites.into_iter().map(Arc::new).collect();
    // Without a test that is left to run there is nobody to connect to.
    let machines =
        if wanted.as_ref().is_some_and(|wanted| wanted.tests.is_empty()) { vec![] } else { vec![name.clone()] };
    let plan = muster_remote::on_one_machine(plan::plan(&suites, &selected.tests, machines));
    notices.push(format!(
        "{target} was up already: its console is not checked, its boot was not seen, and what it was installed from is not known"
    ));
    match muster_remote::changing_tests(&plan) {
        0 => {}
        count if allow_changes => {
            notices.push(format!(
                "{count} tests that may change the machine, or need one of their own, run on it all the same"
            ));
        }
        count => {
            notices.push(format!("{count} tests that may change the machine, or need one of their own, are skipped"))
        }
    }
    let mut rerun =
        Rerun { options: rerun_options(typed, selection, options, allow_changes), connected: true, ..Rerun::default() };
    let mut kept = KeptResults::default();
    if let (Some(again), Some(wanted)) = (&again, wanted) {
        kept = again.join(&plan, &mut rerun);
        let planned = plan.tests_per_image() + usize::from(again.wants_health(Some(&plan.images)));
        notices.push(again.notice(&wanted, planned, std::slice::from_ref(&name), false, &kept)?);
        if kept.tests.iter().any(|test| test.outcome.has_run()) {
            notices.push(
                "whether the machine is still as it was when the results that are kept were found is not known"
                    .to_owned(),
            );
        }
        notices.extend(unknown_teardown::notice(again.record(), &plan, suites.iter().map(|suite| &**suite)));
    }
    Ok(Prepared { project, plan, remote, rerun, shard, known, kept, files, notices })
}

/// The machine that was typed, and whom to trust there; it is not changed. Connects to nothing.
pub(crate) fn remote(typed: &str, options: &ConnectOptions) -> Result<Remote, CliError> {
    Destination::parse(typed)?.remote(options)
}

/// Logs in to a machine that was typed, for a command that runs no tests on it.
pub(crate) async fn log_in(remote: Remote) -> Result<RemoteMachine, CliError> {
    let name = remote.name.clone();
    let (events, stream) = Events::channel();
    let driver = RemoteImages::new(remote, events).prepare(&name).await.map_err(CliError::of_machine)?;
    let live = driver.boot(&name, false).await.map_err(|failed| CliError::of_machine(failed.failure))?;
    // Whether its host key was accepted unseen.
    for event in stream.try_iter() {
        if let Event::Notice { text } = event {
            say_note(&text, 400);
        }
    }
    Ok(live)
}

/// `user@host:port`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Destination {
    user: String,
    host: String,
    port: u16,
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { user, host, port } = self;
        if host.contains(':') { write!(f, "{user}@[{host}]:{port}") } else { write!(f, "{user}@{host}:{port}") }
    }
}

impl Destination {
    fn parse(typed: &str) -> Result<Self, CliError> {
        let wrong = |why: &str| {
            CliError::invalid(format!("--connect `{typed}`: {why}"))
                .hint("write it as USER@HOST or USER@HOST:PORT, an IPv6 address in brackets")
        };
        let (user, rest) = typed.rsplit_once('@').ok_or_else(|| wrong("it does not say who logs in"))?;
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']').ok_or_else(|| wrong("a bracket is not closed"))?;
                match after.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None if after.is_empty() => (host, None),
                    None => return Err(wrong("there is text after the bracket")),
                }
            }
            None if rest.matches(':').count() > 1 => return Err(wrong("an IPv6 address is written in brackets")),
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        let port = match port.map(str::parse) {
            None => 22,
            Some(Ok(port)) if port > 0 => port,
            Some(_) => return Err(wrong("the port is not a number from 1 to 65535")),
        };
        let plain =
            |text: &str| !text.is_empty() && !text.starts_with('-') && text.chars().all(|c| c.is_ascii_graphic());
        if !plain(user) || !plain(host) {
            return Err(wrong("user or host is empty or has characters that neither can have"));
        }
        Ok(Self { user: user.to_owned(), host: host.to_owned(), port })
    }

    fn remote(&self, options: &ConnectOptions) -> Result<Remote, CliError> {
        Ok(Remote {
            name: safe_name(&options.name)?,
            shown: self.to_string(),
            addr: self.resolve()?,
            user: self.user.clone(),
            identity: identity(options.identity.as_deref())?,
            host_key: host_key(self, options)?,
            patience: options.connect_timeout,
            allow_changes: false,
        })
    }

    fn resolve(&self) -> Result<SocketAddr, CliError> {
        let found = (self.host.as_str(), self.port).to_socket_addrs();
        let cannot = |why: String| CliError::infrastructure(format!("the host `{}` cannot be found: {why}", self.host));
        found.map_err(|error| cannot(error.to_string()))?.next().ok_or_else(|| cannot("it has no address".to_owned()))
    }
}

/// A name as images have, since reports and directories are named by it.
fn safe_name(name: &str) -> Result<String, CliError> {
    let fine = name.len() <= 60
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
    if fine {
        return Ok(name.to_owned());
    }
    Err(CliError::invalid(format!("--name `{name}` is not a name"))
        .hint("lower-case letters, digits, `.`, `_` and `-`"))
}

fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from)
}

/// The private key: it must be one that needs no passphrase, since nobody is there to type it.
fn identity(stated: Option<&Utf8Path>) -> Result<PathBuf, CliError> {
    let Some(path) = stated else {
        let usual = home().map(|home| home.join(".ssh/id_ed25519")).filter(|path| path.exists());
        let example = usual.map_or("~/.ssh/id_ed25519".to_owned(), |path| path.display().to_string());
        return Err(CliError::invalid("--connect needs a private key: agents and passwords are not used")
            .hint(format!("for example --identity {example}")));
    };
    if !path.is_file() {
        return Err(CliError::invalid(format!("--identity {path}: there is no such file")).hint("name a private key"));
    }
    let unreadable = |cause| CliError::invalid(format!("--identity {path}: {}", plain_cause(&cause)));
    let text = String::from_utf8_lossy(&std::fs::read(path).map_err(unreadable)?).into_owned();
    if !text.contains("PRIVATE KEY-----") {
        let what = match text.trim().is_empty() {
            true => "the file is empty",
            false => "this is no private key",
        };
        return Err(CliError::invalid(format!("--identity {path}: {what}"))
            .hint("name the private key, not the `.pub` file; `ssh-keygen -t ed25519 -N '' -f FILE` makes one"));
    }
    if has_passphrase(&text) {
        return Err(CliError::invalid(format!("the key {path} has a passphrase, which cannot be typed in a run"))
            .hint("make a key for muster with `ssh-keygen -t ed25519 -N '' -f FILE` and let the machine accept it"));
    }
    Ok(path.as_std_path().to_owned())
}

/// Whether a private key is encrypted, by its own header.
fn has_passphrase(text: &str) -> bool {
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return true;
    }
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(body) else { return false };
    // `openssh-key-v1`, a zero byte, then the name of the cipher with its length before it.
    let Some(rest) = bytes.strip_prefix(b"openssh-key-v1\0") else { return false };
    !rest.starts_with(b"\0\0\0\x04none")
}

/// Which host keys are right: those stated, those known, or, when it was said, the first that is shown.
fn host_key(target: &Destination, options: &ConnectOptions) -> Result<HostKeyPolicy, CliError> {
    let mut keys = Vec::new();
    for stated in &options.host_key {
        keys.extend(stated_keys(stated)?);
    }
    if !keys.is_empty() {
        return Ok(HostKeyPolicy::Expect(keys));
    }
    let files =
        home().map(|home| home.join(".ssh/known_hosts")).into_iter().chain([PathBuf::from("/etc/ssh/ssh_known_hosts")]);
    for file in files {
        // Other bytes than UTF-8 may stand in comments.
        if let Ok(bytes) = fs_err::read(&file) {
            keys.extend(known_hosts(&String::from_utf8_lossy(&bytes), &target.host, target.port));
        }
    }
    match (keys.is_empty(), options.accept_new_host_key) {
        (false, _) => Ok(HostKeyPolicy::Expect(keys)),
        (true, true) => Ok(HostKeyPolicy::AcceptFirst),
        (true, false) => Err(CliError::invalid(format!("no host key of {target} is known"))
            .hint("give it with --host-key, log in once with ssh, or accept what it shows with --accept-new-host-key")),
    }
}

/// A key, or a file of keys.
fn stated_keys(stated: &str) -> Result<Vec<HostKey>, CliError> {
    if let Some(key) = HostKey::parse(stated) {
        return Ok(vec![key]);
    }
    let hint = "write it as in known_hosts, 'ssh-ed25519 AAAA…', or name a file such as ssh_host_ed25519_key.pub";
    let text = fs_err::read_to_string(stated)
        .map_err(|cause| CliError::invalid(format!("--host-key is neither a key nor a file: {cause}")).hint(hint))?;
    let keys: Vec<HostKey> = text.lines().filter_map(HostKey::parse).collect();
    if keys.is_empty() {
        return Err(CliError::invalid(format!("--host-key: no key in {stated}")).hint(hint));
    }
    Ok(keys)
}

/// The options without which one test run again would not be the same test.
fn rerun_options(typed: &str, selection: &Selection, options: &ConnectOptions, allow_changes: bool) -> Vec<String> {
    let mut words = Vec::new();
    let mut add = |option: &str, value: &str| words.extend([option.to_owned(), shell_word(value)]);
    for path in selection.shown_suites() {
        add("--suites", path.as_str());
    }
    add("--connect", typed);
    if let Some(identity) = &options.identity {
        add("--identity", identity.as_str());
    }
    for key in &options.host_key {
        add("--host-key", key);
    }
    if options.name != "remote" {
        add("--name", &options.name);
    }
    for (given, flag) in [(options.accept_new_host_key, "--accept-new-host-key"), (allow_changes, "--allow-changes")] {
        if given {
            words.push(flag.to_owned());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(typed: &str) -> Option<(String, String, u16)> {
        Destination::parse(typed).ok().map(|d| (d.user, d.host, d.port))
    }

    #[test]
    fn a_destination_is_user_host_and_port() {
        let is = |user: &str, host: &str, port| Some((user.to_owned(), host.to_owned(), port));
        assert_eq!(parsed("root@example.org"), is("root", "example.org", 22));
        assert_eq!(parsed("me@192.0.2.7:2222"), is("me", "192.0.2.7", 2222));
        assert_eq!(parsed("me@corp@host:23"), is("me@corp", "host", 23));
        assert_eq!(parsed("me@[2001:db8::1]"), is("me", "2001:db8::1", 22));
        assert_eq!(parsed("me@[::1]:2222"), is("me", "::1", 2222));
        assert_eq!(Destination::parse("me@[::1]:2222").unwrap().to_string(), "me@[::1]:2222");
        for wrong in [
            "host",
            "@host",
            "me@",
            "me@host:",
            "me@host:0",
            "me@host:70000",
            "me@::1",
            "me@[::1",
            "me@-oProxy",
            "me@a b",
        ] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_key_with_a_passphrase_is_known_by_its_header() {
        let openssh = |cipher: &str| {
            let mut bytes = b"openssh-key-v1\0".to_vec();
            bytes.extend((cipher.len() as u32).to_be_bytes());
            bytes.extend(cipher.as_bytes());
            let body = base64::engine::general_purpose::STANDARD.encode(bytes);
            format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n")
        };
        assert!(has_passphrase(&openssh("aes256-ctr")));
        assert!(!has_passphrase(&openssh("none")));
        assert!(has_passphrase("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n"));
        assert!(has_passphrase("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"));
        assert!(!has_passphrase("nonsense"));
    }

    #[test]
    fn a_name_is_one_that_a_directory_may_have() {
        assert_eq!(safe_name("azure-vm.1").ok().as_deref(), Some("azure-vm.1"));
        for wrong in ["", "..", "a/b", "A", "-x", "a b"] {
            assert!(safe_name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn running_one_test_again_names_the_machine_and_no_image() {
        let options = ConnectOptions { name: "remote".into(), ..ConnectOptions::default() };
        let rerun = Rerun {
            options: rerun_options("me@host", &Selection::default(), &options, true),
            connected: true,
            ..Rerun::default()
        };
        assert_eq!(rerun.command("a", "b", "remote"), "muster run --connect me@host --allow-changes --test a/b");
    }
}
