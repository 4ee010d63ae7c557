//! Signatures of OpenSSH (`PROTOCOL.sshsig` of its sources): read as far as is needed to say whose and what for. Whether
//! one is good is for `ssh-keygen` to say.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};

/// What every signature of a certificate is for: one made for something else is not one.
pub const NAMESPACE: &str = "muster-certificate";

const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";
/// Characters of a line, as `ssh-keygen` writes them.
const LINE: usize = 70;
/// Bytes of a signature at most; one of RSA with 16384 bits has 4.3 KiB.
pub const LONGEST: usize = 64 << 10;

/// Why bytes are no signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSignature {
    /// There is no armor, or another one than `ssh-keygen` writes.
    #[error("it is not as ssh-keygen writes a signature")]
    Armor,
    /// The bytes in it.
    #[error("it is no SSH signature of version 1")]
    Blob,
}

/// A signature that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshSignature {
    /// All of it.
    pub blob: Vec<u8>,
    /// What it is for, escaped.
    pub namespace: String,
    /// `SHA256:…` of the public key, as `ssh-keygen -l` prints it.
    pub fingerprint: String,
}

impl SshSignature {
    /// Of the bytes.
    ///
    /// # Errors
    /// They are none.
    pub fn parse(blob: &[u8]) -> Result<Self, NoSignature> {
        let rest = blob.strip_prefix(b"SSHSIG\0\0\0\x01").ok_or(NoSignature::Blob)?;
        let (key, rest) = string(rest)?;
        let (namespace, rest) = string(rest)?;
        let (_reserved, rest) = string(rest)?;
        let (_hash, rest) = string(rest)?;
        let (_signature, rest) = string(rest)?;
        if !rest.is_empty() || blob.len() > LONGEST {
            return Err(NoSignature::Blob);
        }
        Ok(Self {
            blob: blob.to_vec(),
            namespace: muster_base::text::one_line(&String::from_utf8_lossy(namespace), 100),
            fingerprint: format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key))),
        })
    }

    /// Of what `ssh-keygen -Y sign` writes.
    ///
    /// # Errors
    /// It is something else.
    pub fn of_armor(text: &str) -> Result<Self, NoSignature> {
        let inner =
            text.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END)).ok_or(NoSignature::Armor)?;
        let joined: String = inner.split_ascii_whitespace().collect();
        Self::parse(&STANDARD.decode(joined).map_err(|_| NoSignature::Armor)?)
    }

    /// As `ssh-keygen -Y verify` reads it.
    pub fn armor(&self) -> String {
        let text = STANDARD.encode(&self.blob);
        let lines: Vec<&str> = (0..text.len()).step_by(LINE).map(|at| &text[at..text.len().min(at + LINE)]).collect();
        format!("{BEGIN}\n{}\n{END}\n", lines.join("\n"))
    }
}

/// A string of the SSH protocol, and what follows it.
fn string(bytes: &[u8]) -> Result<(&[u8], &[u8]), NoSignature> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or(NoSignature::Blob)?;
    let length = u32::from_be_bytes(*length) as usize;
    if length > rest.len() { Err(NoSignature::Blob) } else { Ok(rest.split_at(length)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by OpenSSH 9.2, with the key of the fingerprint below.
    const ARMOR: &str = "-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgrE2+l8YkjwVD+/I1LxIuD+Ta/F
9RKJEP9+tYkWfF+hkAAAACbnMAAAAAAAAABnNoYTUxMgAAAFMAAAALc3NoLWVkMjU1MTkA
AABA+H6bOR00Vw1x05jifQEkIc5LH94tl+GH4J3mCQ+Qix2rYNHYiKpjoj5PeMIm1Cff0/
vAUHhtrowR8rbwq/FXBg==
-----END SSH SIGNATURE-----
";

    #[test]
    fn a_signature_of_openssh_is_read_and_written_as_it_was() {
        let signature = SshSignature::of_armor(ARMOR).unwrap();
        assert_eq!(signature.namespace, "ns");
        assert_eq!(signature.fingerprint, "SHA256:SwBuTyVibk5iWRh2EHBmoA4qPqJyARub+n/5vIvZwIE");
        assert_eq!(signature.armor(), ARMOR);
        assert_eq!(SshSignature::parse(&signature.blob).unwrap(), signature);
    }

    #[test]
    fn what_is_cut_or_longer_is_none() {
        let blob = SshSignature::of_armor(ARMOR).unwrap().blob;
        for end in 0..blob.len() {
            assert_eq!(SshSignature::parse(&blob[..end]), Err(NoSignature::Blob), "{end}");
        }
        assert_eq!(SshSignature::parse(&[&blob[..], b"x"].concat()), Err(NoSignature::Blob));
        assert_eq!(SshSignature::parse(b"SSHSIG\0\0\0\x01\xff\xff\xff\xff"), Err(NoSignature::Blob));
        for text in ["", "x", "-----BEGIN SSH SIGNATURE-----\n!\n-----END SSH SIGNATURE-----"] {
            assert_eq!(SshSignature::of_armor(text), Err(NoSignature::Armor), "{text}");
        }
    }
}
