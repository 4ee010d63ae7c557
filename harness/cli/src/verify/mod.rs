//! `muster verify`: whether a certificate may be believed. Nothing that it says is: all of it is computed again from its
//! evidence.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use super::certificate_files::FilesRead;
use super::certify::{at_hand, images, products};
use super::error::CliError;
use super::gate::inputs::Read;
use super::output::{OutputFormat, say, say_error};
use super::ssh_keygen::{self, Verifier};
use super::supportable::Knows;
use super::{certificate_files, text_file};
use muster_base::exit::Exit;
use muster_base::files::write_atomically;
use muster_base::semver::is_version;
use muster_certificate::envelope::{Envelope, pae};
use muster_certificate::names::{ENVELOPE, TEST_RESULT};
use muster_certificate::parts::{self, Parts, payload};
use muster_certificate::refusal::{Refusal, sorted};
use muster_certificate::summary::{Verified, summary};
use muster_certificate::verify::{Demands, SCHEMA, Verification, not_compared, verify};
use muster_certificate::written::text;
use muster_gate::inputs::NamedFile;
use muster_gate::profile::Profile;

/// Check a certificate: its signature, and everything that it says
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The signature is checked by ssh-keygen with your file of signers. Then everything is computed again from the evidence: \
                  digests, events against records and reports, the decision of the gate, waivers, times; and compared with what was signed. \
                  All reasons are printed at once. Name the policy, the profile and the file at hand: without them they are what the signer \
                  chose, and a note says so.

Exit codes: 0 accepted · 1 refused, with every reason · 2 a file or the command line is wrong · 3 ssh-keygen is not there, \
                  or a file cannot be read

Examples:
  muster verify certificate --signers allowed_signers --policy policy.yaml --image azl4.qcow2
  muster verify app-1.2 --signers allowed_signers --policy policy.yaml --product app-1.2-1.x86_64.rpm --max-age 30d
  muster verify app-1.2 --signers allowed_signers --vsa app-1.2.vsa.json --key ~/.ssh/id_ed25519"
)]
pub(crate) struct Arguments {
    /// The directory of the certificate
    #[arg(value_name = "DIR")]
    dir: Utf8PathBuf,
    /// The keys that you trust, as `ALLOWED SIGNERS` of ssh-keygen(1) says
    #[arg(long, value_name = "FILE")]
    signers: Utf8PathBuf,
    /// Who must have signed, as that file names the key
    #[arg(long, value_name = "NAME")]
    identity: Option<String>,
    /// The image at hand, which must be certified; may be repeated
    #[arg(long, value_name = "FILE")]
    image: Vec<Utf8PathBuf>,
    /// The product at hand, which must be certified; may be repeated
    #[arg(long, value_name = "FILE")]
    product: Vec<Utf8PathBuf>,
    /// The program that must have run the tests: its file, or the SHA-256 of it; of several, each run must be by one
    #[arg(long, value_name = "SHA256|FILE")]
    muster_digest: Vec<String>,
    /// The policy that must be satisfied: the same file
    #[arg(long, value_name = "FILE")]
    policy: Option<Utf8PathBuf>,
    /// The profile that the policy must name: the same file [default: the one that --policy names]
    #[arg(long, value_name = "FILE")]
    profile: Option<Utf8PathBuf>,
    /// The oldest run that is accepted
    #[arg(long, value_name = "DURATION", value_parser = muster_suite::value::duration_in("d"))]
    max_age: Option<Duration>,
    /// The oldest muster that is accepted, of each run and of the certificate: `0.2`
    #[arg(long, value_name = "VERSION", value_parser = version)]
    oldest_muster: Option<String>,
    /// Verify as at this time: 2026-11-20T12:00:00Z, or a day [default: now]
    #[arg(long, value_name = "TIME", value_parser = super::gate::time, conflicts_with = "vsa")]
    at: Option<Timestamp>,
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
    /// Also write a SLSA verification summary to this file, signed with --key
    #[arg(long, value_name = "FILE", requires = "key")]
    vsa: Option<Utf8PathBuf>,
    /// The SSH key that signs the summary: a private key, or the .pub file of one that the ssh-agent has
    #[arg(long, value_name = "FILE", requires = "vsa")]
    key: Option<Utf8PathBuf>,
    /// The URI of the verifier in the summary [default: that of the key]
    #[arg(long, value_name = "URI", requires = "vsa")]
    verifier: Option<String>,
}

pub(crate) fn execute(arguments: &Arguments) -> Result<Exit, CliError> {
    let Arguments { dir, signers, .. } = arguments;
    if !dir.join(ENVELOPE).symlink_metadata().is_ok_and(|meta| meta.is_file()) {
        let what = format!("{dir} is no certificate: it has no {ENVELOPE}");
        return Err(CliError::invalid(what).hint("name the directory that `muster certify` wrote"));
    }
    if let Err(error) = fs_err::File::open(signers) {
        let hint = "each line of it is a name and a public key: `me@example.org ssh-ed25519 AAAA…`";
        return Err(CliError::invalid(format!("--signers: {error}")).hint(hint));
    }
    let demands = demands(arguments)?;
    let at = arguments.at.unwrap_or_else(|| Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default());
    let FilesRead { files, mut refusals } = certificate_files::read(dir)?;
    let (parts, faults) = parts::read(&files);
    refusals.extend(faults);
    let (mut signer, mut key) = (None, None);
    if let Some(parts) = &parts {
        signer = signatures(arguments, parts, at, &mut refusals)?;
        key = Some(parts.envelope.signature.fingerprint.clone());
        let evidence = certificate_files::evidence(dir)?;
        refusals.extend(verify(&parts.statement, &evidence, &demands, at, &Knows::new()?.program()));
    }
    let refusals = sorted(refusals);
    let statement = parts.as_ref().map(|parts| &parts.statement);
    let verification = Verification {
        schema: SCHEMA,
        accepted: refusals.is_empty() && statement.is_some() && signer.is_some(),
        at: at.to_string(),
        refusals,
        signer,
        key,
        not_compared: statement
            .map(|statement| not_compared(&demands, statement, env!("MUSTER_VERSION")))
            .unwrap_or_default(),
    };
    if let (Some(file), Some(key)) = (&arguments.vsa, &arguments.key) {
        // Whoever nobody trusts may name any subject; a signed summary would spread that.
        let trusted = parts.as_ref().filter(|_| verification.signer.is_some());
        match trusted {
            Some(parts) => {
                let verified = Verified {
                    envelope: files.get(ENVELOPE).map_or(&[][..], Vec::as_slice),
                    policy: demands.policy.as_ref().map(|policy| policy.sha256.as_str()),
                    accepted: verification.accepted,
                };
                summarize(file, key, arguments.verifier.as_deref(), parts, &verified, at)?;
            }
            None => {
                let why = "nobody who is trusted has signed the certificate";
                say_error(&format!("note: --vsa {file}: it is not written, since {why}"));
            }
        }
    }
    match arguments.format {
        OutputFormat::Text => say(text::text(&verification, statement).trim_end()),
        OutputFormat::Json => {
            let failed = |error: serde_json::Error| CliError::infrastructure(format!("it cannot be printed: {error}"));
            say(&serde_json::to_string_pretty(&verification).map_err(failed)?);
        }
    }
    Ok(if verification.accepted { Exit::Pass } else { Exit::Failed })
}

/// Writes the summary, signed with this key.
fn summarize(
    file: &Utf8Path,
    key: &Utf8Path,
    verifier: Option<&str>,
    parts: &Parts,
    verified: &Verified<'_>,
    at: Timestamp,
) -> Result<(), CliError> {
    let id = match verifier {
        Some(id) => id.to_owned(),
        None => format!("urn:ssh:{}", ssh_keygen::fingerprint(key)?),
    };
    let made = summary(&parts.statement, verified, &id, env!("MUSTER_VERSION"), at);
    let unwritten = |error: serde_json::Error| CliError::infrastructure(format!("{file}: {error}"));
    let payload = payload(&made).map_err(unwritten)?;
    let signature = ssh_keygen::sign(key, &pae(&payload))?;
    let written = Envelope { payload, signature }.render().map_err(unwritten)?;
    Ok(write_atomically(file, written.as_bytes())?)
}

fn demands(arguments: &Arguments) -> Result<Demands, CliError> {
    let (policy, profile) = match (&arguments.policy, &arguments.profile) {
        // A policy names its profile without a digest: the signer may have another file of that name.
        (Some(policy), None) => {
            let read = Read::policy(policy)?;
            (Some(read.policy_file), read.profile)
        }
        (policy, profile) => {
            let locked = |file: &Utf8PathBuf| -> Result<_, CliError> {
                let hand = at_hand("--profile", file)?;
                Ok((Profile::parse(file.as_str(), &text_file::read(file)?)?, hand))
            };
            let policy = policy.as_deref().map(|file| at_hand("--policy", file)).transpose()?;
            (policy, profile.as_ref().map(locked).transpose()?)
        }
    };
    Ok(Demands {
        images: images(&arguments.image)?,
        products: products(&arguments.product)?,
        programs: arguments.muster_digest.iter().map(|typed| program(typed)).collect::<Result<_, _>>()?,
        policy,
        profile,
        max_age: arguments.max_age,
        oldest_muster: arguments.oldest_muster.clone(),
    })
}

/// A program of muster, by its digest or by its file.
fn program(typed: &str) -> Result<NamedFile, CliError> {
    if muster_base::text::is_sha256(typed) {
        return Ok(NamedFile { file: "--muster-digest".to_owned(), sha256: typed.to_ascii_lowercase() });
    }
    at_hand("--muster-digest", Utf8Path::new(typed))
        .map_err(|error| error.hint("name the program's file, or its SHA-256: 64 hexadecimal digits"))
}

/// A version of muster on the command line.
fn version(typed: &str) -> Result<String, WrongVersion> {
    is_version(typed).then(|| typed.to_owned()).ok_or(WrongVersion)
}

/// A text that is no version.
#[derive(Debug, thiserror::Error)]
#[error("it is no version of muster, as 0.2 and 1.0.0-rc.1 are")]
struct WrongVersion;

/// Both signatures, at the time of the verification and at the one at which they say they were made. Gives whose they are.
fn signatures(
    arguments: &Arguments,
    parts: &Parts,
    at: Timestamp,
    refusals: &mut Vec<Refusal>,
) -> Result<Option<String>, CliError> {
    let claim = &parts.statement.predicate.claim;
    let mut times = vec![at];
    times.extend(claim.signed.parse::<Timestamp>().ok().filter(|signed| *signed != at));
    let mut identities: Vec<&str> = arguments.identity.iter().chain(&claim.identity).map(String::as_str).collect();
    identities.dedup();
    let verifier = Verifier { signers: &arguments.signers, identities, times };
    let (signer, refused) = verifier.verify(ENVELOPE, &parts.envelope.signature, &pae(&parts.envelope.payload))?;
    refusals.extend(refused);
    if let Some(result) = &parts.test_result {
        let (_, refused) = verifier.verify(TEST_RESULT, &result.signature, &pae(&result.payload))?;
        refusals.extend(refused);
    }
    Ok(signer)
}
