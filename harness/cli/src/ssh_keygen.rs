//! Signatures, made and verified by OpenSSH's own `ssh-keygen`: keys, agents and tokens that people have work as they do
//! with git, and no signing code is ours.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::{Read as _, Seek as _, Write as _};
use std::process::{Output, Stdio};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::event_loop::runtime;
use muster_base::exit::Exit;
use muster_base::fault::Fault;
use muster_base::text::last_words;
use muster_certificate::refusal::{Refusal, RefusalId};
use muster_certificate::sshsig::{NAMESPACE, NoSignature, SshSignature};

const PROGRAM: &str = "ssh-keygen";
/// A verification reads three small files; a passphrase or a touch is only needed to sign.
const VERIFIES: Duration = Duration::from_secs(60);
/// For who must find a token and touch it.
const SIGNS: Duration = Duration::from_secs(600);

/// `ssh-keygen` did not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeygenError {
    #[error("{PROGRAM} is not installed")]
    NotInstalled,
    #[error("this {PROGRAM} is older than OpenSSH 8.8 and cannot do this: {0}")]
    TooOld(String),
    #[error("{PROGRAM} cannot sign with {key}: {said}")]
    NotSigned { key: Utf8PathBuf, said: String },
    #[error("{PROGRAM} cannot read the key {key}: {said}")]
    NoKey { key: Utf8PathBuf, said: String },
    #[error("--key {0}: there is no such file")]
    Missing(Utf8PathBuf),
    #[error("{PROGRAM} has written something else than a signature: {0}")]
    Strange(#[from] NoSignature),
    #[error("{PROGRAM} did not end within {} s", .0.as_secs())]
    Stuck(Duration),
    #[error("{PROGRAM} cannot be run: {0}")]
    Io(#[from] std::io::Error),
}

impl Fault for KeygenError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::NotInstalled | Self::TooOld(_) => {
                "install OpenSSH 8.8 or later: the package openssh-client, or openssh of an RPM distribution".into()
            }
            Self::NotSigned { .. } | Self::NoKey { .. } | Self::Missing(_) => {
                "name a private key, or the .pub file of a key that the ssh-agent has".into()
            }
            _ => return None,
        })
    }

    fn exit(&self) -> Exit {
        match self {
            Self::NotSigned { .. } | Self::NoKey { .. } | Self::Missing(_) => Exit::Invalid,
            _ => Exit::Error,
        }
    }
}

/// Runs it. What it reads is a file, so that no pipe can fill up.
fn run(words: &[&OsStr], input: &[u8], limit: Duration) -> Result<Output, KeygenError> {
    let mut file = tempfile::tempfile()?;
    file.write_all(input)?;
    file.rewind()?;
    let runtime = runtime().map_err(|error| std::io::Error::other(error.what))?;
    let mut command = tokio::process::Command::new(PROGRAM);
    // Times are meant as UTC, and messages are compared.
    command.args(words).env("TZ", "UTC").env("LC_ALL", "C").stdin(file).kill_on_drop(true);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = runtime.block_on(async { tokio::time::timeout(limit, command.output()).await });
    let output = output.map_err(|_| KeygenError::Stuck(limit))?.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => KeygenError::NotInstalled,
        _ => KeygenError::Io(error),
    })?;
    let said = String::from_utf8_lossy(&output.stderr);
    let old = ["unknown option", "illegal option", "nvalid option", "Unsupported operation"];
    if !output.status.success() && old.iter().any(|text| said.contains(text)) {
        return Err(KeygenError::TooOld(last_words(&said, 200)));
    }
    Ok(output)
}

/// Signs these bytes with a private key, or with the agent that has the key of a public one.
pub(crate) fn sign(key: &Utf8Path, message: &[u8]) -> Result<SshSignature, KeygenError> {
    let words: [&OsStr; 6] =
        ["-Y".as_ref(), "sign".as_ref(), "-f".as_ref(), key.as_ref(), "-n".as_ref(), NAMESPACE.as_ref()];
    let output = run(&words, message, SIGNS)?;
    if !output.status.success() {
        let said = last_words(&String::from_utf8_lossy(&output.stderr), 300);
        return Err(KeygenError::NotSigned { key: key.to_owned(), said });
    }
    Ok(SshSignature::of_armor(&String::from_utf8_lossy(&output.stdout))?)
}

/// Whether a key is there and is one, as far as that is known without its passphrase or its token.
pub(crate) fn look_at(key: &Utf8Path) -> Result<(), KeygenError> {
    if !key.is_file() {
        // Of a key in an agent or in a token only the public half is a file.
        let public = Utf8PathBuf::from(format!("{key}.pub"));
        return if public.is_file() {
            fingerprint(&public).map(drop)
        } else {
            Err(KeygenError::Missing(key.to_owned()))
        };
    }
    let mut beginning = Vec::new();
    std::fs::File::open(key)?.take(4096).read_to_end(&mut beginning)?;
    // What an encrypted one of an older form says of itself takes its passphrase.
    if String::from_utf8_lossy(&beginning).contains("PRIVATE KEY-----") {
        return Ok(());
    }
    fingerprint(key).map(drop)
}

/// `SHA256:…` of a key.
pub(crate) fn fingerprint(key: &Utf8Path) -> Result<String, KeygenError> {
    let words: [&OsStr; 5] = ["-l".as_ref(), "-E".as_ref(), "sha256".as_ref(), "-f".as_ref(), key.as_ref()];
    let output = run(&words, &[], VERIFIES)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let found = text.split_whitespace().find(|word| word.starts_with("SHA256:")).map(str::to_owned);
    let said = last_words(&String::from_utf8_lossy(&output.stderr), 300);
    found.ok_or(KeygenError::NoKey { key: key.to_owned(), said })
}

/// What `ssh-keygen` says of a signature.
enum Answer {
    /// Whose it is.
    Good(String),
    /// Why it does not count.
    Refused(RefusalId, String),
}

/// Verifies signatures with one file of signers.
#[derive(Debug)]
pub(crate) struct Verifier<'v> {
    /// The file (`ALLOWED SIGNERS` of ssh-keygen(1)).
    pub(crate) signers: &'v Utf8Path,
    /// Names that the key must have, each.
    pub(crate) identities: Vec<&'v str>,
    /// Times at which the key must be valid, each.
    pub(crate) times: Vec<Timestamp>,
}

impl Verifier<'_> {
    /// Whose signature it is, or why it does not count. `name` is the file that it is of.
    pub(crate) fn verify(
        &self,
        name: &str,
        signature: &SshSignature,
        message: &[u8],
    ) -> Result<(Option<String>, Vec<Refusal>), KeygenError> {
        let mut armor = tempfile::NamedTempFile::new()?;
        armor.write_all(signature.armor().as_bytes())?;
        armor.flush()?;
        let (mut signer, mut refusals) = (None, Vec::new());
        for at in &self.times {
            match self.at(armor.path().as_os_str(), message, *at)? {
                Answer::Good(found) => signer = signer.or(Some(found)),
                Answer::Refused(id, why) => refusals.push(Refusal::new(id, format!("{name}: {why}"))),
            }
        }
        Ok((signer.filter(|_| refusals.is_empty()), refusals))
    }

    fn at(&self, armor: &OsStr, message: &[u8], at: Timestamp) -> Result<Answer, KeygenError> {
        let time = format!("verify-time={}", at.to_zoned(TimeZone::UTC).strftime("%Y%m%d%H%M%S"));
        let with = |operation: &'static str| -> Vec<&OsStr> {
            let words: [&OsStr; 8] = [
                "-Y".as_ref(),
                operation.as_ref(),
                "-f".as_ref(),
                self.signers.as_ref(),
                "-s".as_ref(),
                armor,
                "-O".as_ref(),
                time.as_ref(),
            ];
            words.to_vec()
        };
        let output = run(&with("find-principals"), &[], VERIFIES)?;
        if !output.status.success() {
            return Ok(refused(&output, RefusalId::SignatureUnknownKey));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let names = text.lines().flat_map(|line| line.split(',')).map(str::trim);
        let names: Vec<&str> = names.filter(|name| !name.is_empty() && !name.starts_with('!')).collect();
        let Some(first) = names.first() else {
            return Ok(Answer::Refused(RefusalId::SignatureUnknownKey, "its key has no name".to_owned()));
        };
        let wanted = if self.identities.is_empty() { vec![*first] } else { self.identities.clone() };
        for identity in &wanted {
            let mut words = with("verify");
            words.extend::<[&OsStr; 4]>(["-n".as_ref(), NAMESPACE.as_ref(), "-I".as_ref(), identity.as_ref()]);
            let output = run(&words, message, VERIFIES)?;
            if !output.status.success() {
                let known = names.contains(identity);
                let other = if known { RefusalId::SignatureInvalid } else { RefusalId::SignatureIdentity };
                return Ok(match refused(&output, other) {
                    Answer::Refused(RefusalId::SignatureIdentity, _) => {
                        let why = format!("the key is that of {}, and not of {identity}", names.join(", "));
                        Answer::Refused(RefusalId::SignatureIdentity, why)
                    }
                    answer => answer,
                });
            }
        }
        Ok(Answer::Good(wanted.first().map_or_else(String::new, |name| (*name).to_owned())))
    }
}

/// Why `ssh-keygen` refuses a signature, as its messages say it.
fn refused(output: &Output, other: RefusalId) -> Answer {
    let said = String::from_utf8_lossy(&output.stderr);
    let has = |texts: &[&str]| texts.iter().any(|text| said.contains(text));
    let id = match () {
        () if has(&["namespace does not match", "not permitted for use in signature namespace"]) => {
            RefusalId::SignatureNamespace
        }
        () if has(&["incorrect signature", "invalid format", "Signature verification failed"]) => {
            RefusalId::SignatureInvalid
        }
        () if has(&["has expired", "not yet valid"]) => RefusalId::SignatureExpiredKey,
        () => other,
    };
    let said = last_words(&said, 300);
    Answer::Refused(id, if said.is_empty() { "ssh-keygen refuses it".to_owned() } else { said })
}
