//! `known_hosts` files: which keys a person has accepted for a host before.

use ssh2::{CheckResult, KnownHostFileKind, Session};

use super::hostkey::HostKey;

/// Lines that are read; more is not a file that people keep.
const MOST_LINES: usize = 20_000;

/// The keys that a `known_hosts` text accepts for a host at a port, without those it revokes. Hashed
/// names are understood; patterns with `*` and certificate authorities are not, so that what they
/// accept is not known here. A line that cannot be read accepts nothing.
pub fn known_hosts(text: &str, host: &str, port: u16) -> Vec<HostKey> {
    let Ok(session) = Session::new() else { return Vec::new() };
    let mut accepted: Vec<HostKey> = Vec::new();
    let mut revoked = Vec::new();
    for line in text.lines().take(MOST_LINES) {
        let line = line.trim();
        let (entry, is_revoked) = match line.strip_prefix("@revoked") {
            Some(rest) => (rest.trim_start(), true),
            None if line.starts_with(['#', '@']) => continue,
            None => (line, false),
        };
        let Some(key) = entry.split_once([' ', '\t']).and_then(|(_, key)| HostKey::parse(key.trim_start())) else {
            continue;
        };
        if !names(&session, entry, host, port, &key) {
            continue;
        }
        if is_revoked {
            revoked.push(key);
        } else if !accepted.contains(&key) {
            accepted.push(key);
        }
    }
    accepted.retain(|key| !revoked.contains(key));
    accepted
}

/// Whether an entry names the host. One line at a time, because one that libssh2 does not understand
/// would end its reading of the whole file.
fn names(session: &Session, entry: &str, host: &str, port: u16, key: &HostKey) -> bool {
    let Ok(mut hosts) = session.known_hosts() else { return false };
    if hosts.read_str(entry, KnownHostFileKind::OpenSSH).is_err() {
        return false;
    }
    matches!(hosts.check_port(host, port, key.blob()), CheckResult::Match)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
    const TWO: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA";

    fn known(text: &str, host: &str, port: u16) -> Vec<String> {
        let line = |key: HostKey| if Some(&key) == HostKey::parse(ONE).as_ref() { "one" } else { "two" }.to_owned();
        known_hosts(text, host, port).into_iter().map(line).collect()
    }

    #[test]
    fn a_host_is_known_by_name_and_port() {
        let text = format!("# people\n\nexample.org,192.0.2.7 {ONE} me@home\n[example.org]:2222 {TWO}\n");
        assert_eq!(known(&text, "example.org", 22), ["one"]);
        assert_eq!(known(&text, "192.0.2.7", 22), ["one"]);
        assert_eq!(known(&text, "example.com", 22), [""; 0]);
        assert!(known(&text, "example.org", 2222).contains(&"two".to_owned()));
    }

    #[test]
    fn broken_lines_accept_nothing_and_hide_nothing() {
        let text = format!("example.org ssh-ed25519 AAAA!\nexample.org\n|1|x|y {TWO}\nexample.org {ONE}\n");
        assert_eq!(known(&text, "example.org", 22), ["one"]);
    }

    #[test]
    fn a_revoked_key_is_not_accepted_and_an_authority_is_not_a_key() {
        let text =
            format!("example.org {ONE}\nexample.org {TWO}\n@revoked example.org {ONE}\n@cert-authority *.org {ONE}\n");
        assert_eq!(known(&text, "example.org", 22), ["two"]);
    }
}
