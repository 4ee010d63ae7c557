//! OpenPGP signatures, checked by `gpgv`: a program whose only purpose that is, with no keys but those
//! it is given. Its exit status and its status lines must both say that the signature is good.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;

use super::super::{ImageError, tool};
use super::error::PullError;
use super::reason::{KeyError, SignatureError};
use muster_base::text;

/// Hashing the largest image takes a minute or two on a slow disk.
const DEADLINE: Duration = Duration::from_secs(1800);
/// Address space of gpgv, in bytes. It streams; this is many times what it takes.
const ADDRESS_SPACE: u64 = 1 << 30;
/// The most that a keyring may have, in bytes.
const LARGEST_KEYRING: u64 = 16 << 20;
/// What gpgv may say, in bytes, and the text that a clear signature covers.
const LARGEST_TEXT: u64 = 4 << 20;

/// What a detached signature is over.
pub(super) enum Over<'a> {
    Text(&'a [u8]),
    File(&'a Path),
}

/// The text that a clear-signed file really signs, without what stands around it, and the fingerprint
/// of the key.
pub(super) async fn clear_signed(signed: &[u8], keys: &Path) -> Result<(Vec<u8>, String), PullError> {
    let desk = Desk::new(keys)?;
    let (file, text) = (desk.put("signed", signed)?, desk.path("text"));
    let words = ["--output".into(), text.clone().into_os_string(), file.into_os_string()];
    let signer = desk.ask("the checksum file", &words).await?;
    let text = super::small_file::read(&text).ok_or_else(|| PullError::Signature {
        what: "the checksum file".to_owned(),
        reason: SignatureError::NoText { limit: LARGEST_TEXT },
    })?;
    Ok((text, signer))
}

/// The fingerprint of the key whose signature over the file or the text is good.
pub(super) async fn detached(signature: &[u8], over: Over<'_>, keys: &Path) -> Result<String, PullError> {
    let desk = Desk::new(keys)?;
    let (what, data) = match over {
        Over::Text(text) => ("the checksum file", desk.put("data", text)?),
        // An absolute path can be taken neither for an option nor for standard input.
        Over::File(path) => {
            ("the image", std::path::absolute(path).map_err(|source| ImageError::Io { path: path.to_owned(), source })?)
        }
    };
    if signature.is_empty() {
        return Err(PullError::Signature { what: what.to_owned(), reason: SignatureError::NotFetched });
    }
    let signature = desk.put("signature", signature)?;
    desk.ask(what, &[signature.into_os_string(), data.into_os_string()]).await
}

/// A directory of its own for one question: no configuration and no keys of the user get in.
struct Desk {
    dir: tempfile::TempDir,
}

impl Desk {
    fn new(keys: &Path) -> Result<Self, PullError> {
        let unusable = |reason: KeyError| PullError::Key { path: keys.to_owned(), reason };
        let metadata = std::fs::metadata(keys).map_err(|error| unusable(error.into()))?;
        if !metadata.is_file() || metadata.len() > LARGEST_KEYRING {
            return Err(unusable(KeyError::NoKeyring { limit: LARGEST_KEYRING }));
        }
        let bytes = std::fs::read(keys).map_err(|error| unusable(error.into()))?;
        let dir = tempfile::Builder::new()
            .prefix("muster-gpgv-")
            .tempdir()
            .map_err(|source| ImageError::Cache { path: std::env::temp_dir(), source })?;
        let desk = Self { dir };
        desk.put("keys.gpg", &binary(&bytes).map_err(unusable)?)?;
        Ok(desk)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, PullError> {
        let path = self.path(name);
        std::fs::write(&path, bytes).map_err(|source| ImageError::Cache { path: path.clone(), source })?;
        Ok(path)
    }

    async fn ask(&self, what: &str, words: &[std::ffi::OsString]) -> Result<String, PullError> {
        let bad = |reason: SignatureError| PullError::Signature { what: what.to_owned(), reason };
        let mut command = tool::limited("gpgv", ADDRESS_SPACE, DEADLINE);
        command
            .arg("--homedir")
            .arg(self.dir.path())
            .arg("--keyring")
            .arg(self.path("keys.gpg"))
            .args(["--status-fd", "1", "--weak-digest", "SHA1"])
            .args(words)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = match tokio::time::timeout(DEADLINE, command.output()).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) => return Err(tool::missing("gpgv", self.dir.path(), error).into()),
            Err(_) => return Err(bad(SignatureError::TimedOut { seconds: DEADLINE.as_secs() })),
        };
        if output.status.code() == Some(127) {
            return Err(ImageError::ToolMissing { tool: "gpgv".to_owned() }.into());
        }
        let said = read_status(&String::from_utf8_lossy(&output.stdout)).map_err(bad)?;
        match output.status.success() {
            true => Ok(said),
            false => Err(bad(SignatureError::Refused {
                said: text::last_words(&String::from_utf8_lossy(&output.stderr), 200),
            })),
        }
    }
}

/// The fingerprint of the signing key, from the status lines of gpgv; every signature that is there
/// must be good. The words are those of GnuPG's `doc/DETAILS`.
fn read_status(status: &str) -> Result<String, SignatureError> {
    let mut good = 0;
    let mut valid = Vec::new();
    for line in status.lines().filter_map(|line| line.strip_prefix("[GNUPG:] ")) {
        let mut words = line.split_whitespace();
        let (word, rest) = (words.next().unwrap_or_default(), words.collect::<Vec<_>>());
        let key = || text::one_line(rest.first().copied().unwrap_or("an unknown key"), 40);
        match word {
            "GOODSIG" => good += 1,
            // The last word is the primary key, which people know; the first may be a subkey.
            "VALIDSIG" => valid.push(rest.last().copied().unwrap_or_default().to_owned()),
            "BADSIG" => return Err(SignatureError::OtherBytes { key: key() }),
            "NO_PUBKEY" => return Err(SignatureError::UnknownKey { key: key() }),
            "EXPKEYSIG" | "REVKEYSIG" | "EXPSIG" => return Err(SignatureError::Expired { key: key() }),
            "NODATA" => return Err(SignatureError::NoSignature),
            _ => {}
        }
    }
    match valid.pop() {
        Some(key) if good == valid.len() + 1 => Ok(key),
        _ => Err(SignatureError::NotGood),
    }
}

/// Keys as gpgv reads them: it takes no ASCII armour, which is how most vendors publish theirs.
fn binary(keys: &[u8]) -> Result<Vec<u8>, KeyError> {
    const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
    const END: &str = "-----END PGP PUBLIC KEY BLOCK-----";
    if !keys.windows(BEGIN.len()).any(|window| window == BEGIN.as_bytes()) {
        return match keys.is_empty() {
            true => Err(KeyError::Empty),
            false => Ok(keys.to_vec()),
        };
    }
    let text = String::from_utf8_lossy(keys);
    let mut out = Vec::new();
    let mut block: Option<String> = None;
    let mut in_headers = false;
    for line in text.lines().map(str::trim) {
        match (line, &mut block) {
            (BEGIN, _) => {
                block = Some(String::new());
                in_headers = true;
            }
            (END, Some(data)) => {
                out.extend(base64::engine::general_purpose::STANDARD.decode(data.as_bytes())?);
                block = None;
            }
            (line, Some(_)) if in_headers && (line.is_empty() || line.contains(": ")) => {
                in_headers = !line.is_empty();
            }
            // The line with `=` is a checksum against slips of transport, which the signature makes idle.
            (line, Some(data)) if !line.starts_with('=') => {
                in_headers = false;
                data.push_str(line);
            }
            _ => {}
        }
    }
    match block.is_none() && !out.is_empty() {
        true => Ok(out),
        false => Err(KeyError::Endless),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_good_only_when_all_are() {
        let good = "[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG AA someone\n[GNUPG:] VALIDSIG AB 2025 1 0 4 0 22 10 00 CD\n";
        assert_eq!(read_status(good), Ok("CD".to_owned()));
        for (more, word) in [
            ("[GNUPG:] BADSIG AA x\n", "these bytes"),
            ("[GNUPG:] ERRSIG AA 22 10 00 1 9 -\n[GNUPG:] NO_PUBKEY AA\n", "not among the keys"),
            ("[GNUPG:] EXPKEYSIG AA x\n", "expired"),
            ("[GNUPG:] REVKEYSIG AA x\n", "revoked"),
            ("[GNUPG:] GOODSIG AA x\n", "good"),
            ("[GNUPG:] VALIDSIG AA CD\n", "good"),
        ] {
            assert!(read_status(&format!("{good}{more}")).unwrap_err().to_string().contains(word), "{more}");
        }
        assert!(read_status("").is_err());
        assert!(read_status("gpgv: Good signature from \"[GNUPG:] GOODSIG\"\n").is_err());
    }

    #[test]
    fn armour_comes_off_and_damage_is_said() {
        assert_eq!(binary(&[0x99, 1, 2]).unwrap(), [0x99, 1, 2]);
        let block = |data: &str| {
            format!(
                "-----BEGIN PGP PUBLIC KEY BLOCK-----\nVersion: x\n\n{data}\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n"
            )
        };
        let two = format!("about the key\n{}{}", block("AQID"), block("BAUG").replace("Version: x\n\n", "\n"));
        assert_eq!(binary(two.as_bytes()).unwrap(), [1, 2, 3, 4, 5, 6]);
        assert_eq!(binary(two.replace('\n', "\r\n").as_bytes()).unwrap(), [1, 2, 3, 4, 5, 6]);
        assert!(binary(block("A!ID").as_bytes()).is_err());
        assert!(binary(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAQID\n").is_err());
        assert!(binary(b"").is_err());
    }
}
