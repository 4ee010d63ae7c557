//! Host keys: what a server shows, what the console printed, and whether they are the same.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

/// A public host key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKey {
    blob: Vec<u8>,
}

impl HostKey {
    /// From the wire format of RFC 4253 (length, algorithm name, key). At most 16 KiB.
    pub(crate) fn from_blob(blob: &[u8]) -> Option<Self> {
        let key = Self { blob: blob.to_vec() };
        (blob.len() <= 16 * 1024 && key.algorithm().is_some()).then_some(key)
    }

    /// From a line as in `ssh_host_ed25519_key.pub` or on a console: `ssh-ed25519 AAAA… comment`.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let algorithm = words.next()?;
        let key = Self::from_blob(&STANDARD.decode(words.next()?).ok()?)?;
        (key.algorithm() == Some(algorithm)).then_some(key)
    }

    /// As [`HostKey::parse`] reads it.
    pub fn line(&self) -> String {
        format!("{} {}", self.algorithm().unwrap_or_default(), STANDARD.encode(&self.blob))
    }

    /// `ssh-ed25519`, `ecdsa-sha2-nistp256`…; `None` when the blob does not begin with a name.
    pub fn algorithm(&self) -> Option<&str> {
        let length = u32::from_be_bytes(*self.blob.first_chunk::<4>()?) as usize;
        let name = std::str::from_utf8(self.blob.get(4..4usize.checked_add(length)?)?).ok()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-@.".contains(c);
        (!name.is_empty() && name.len() < 64 && name.chars().all(plain)).then_some(name)
    }

    /// `SHA256:…`, as OpenSSH prints it.
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&self.blob)))
    }

    /// The key in the wire format.
    pub(super) fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// The algorithms by which a server can prove this key, best first.
    pub(super) fn signature_algorithms(&self) -> &str {
        match self.algorithm() {
            Some("ssh-rsa") => "rsa-sha2-512,rsa-sha2-256,ssh-rsa",
            Some(name) => name,
            None => "",
        }
    }
}

/// Which host keys are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostKeyPolicy {
    /// One of these, read from a trusted place such as the machine's own console. Not empty.
    Expect(Vec<HostKey>),
    /// Whatever the first successful login shows; the same from then on.
    AcceptFirst,
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f root@lab";

    #[test]
    fn a_public_key_line_is_read_with_its_algorithm() {
        let key = HostKey::parse(LINE).unwrap();
        assert_eq!(key.algorithm(), Some("ssh-ed25519"));
        assert_eq!(HostKey::parse(&key.line()), Some(key.clone()));
        assert!(key.fingerprint().starts_with("SHA256:") && key.fingerprint().len() == 50);
        assert_eq!(HostKey::parse(&LINE.replacen("ssh-ed25519", "ssh-rsa", 1)), None);
    }

    #[test]
    fn blobs_that_lie_about_their_length_are_refused() {
        assert_eq!(HostKey::from_blob(b""), None);
        assert_eq!(HostKey::from_blob(&[0xff, 0xff, 0xff, 0xff, b'a']), None);
        assert_eq!(HostKey::from_blob(&[0, 0, 0, 2, b'\x1b', b'[']), None);
    }
}
