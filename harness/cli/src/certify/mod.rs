//! `muster certify`: runs, a policy and a key become a certificate. Nothing is started, and nothing is signed that
//! `muster verify` would refuse.

mod staged;

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::error::CliError;
use super::event_loop::runtime;
use super::gate::DecidedFrom;
use super::output::say;
use super::project::{Project, short};
use super::supportable::Knows;
use super::{certificate_files, product, ssh_keygen};
use muster_base::exit::Exit;
use muster_base::files::write_atomically;
use muster_base::text::{hex, plural};
use muster_certificate::compute::{Computed, compute, later};
use muster_certificate::envelope::pae;
use muster_certificate::model::{Assurance, Certificate, Claim, PREDICATE_TYPE, PageForm};
use muster_certificate::names::ENVELOPE;
use muster_certificate::parts::{self, payload};
use muster_certificate::refusal::{Refusal, RefusalId, sorted};
use muster_certificate::statement::Statement;
use muster_certificate::test_result::test_result;
use muster_certificate::verify::{Demands, LONGEST_DAYS, verify};
use muster_certificate::written::text;
use muster_gate::inputs::NamedFile;
use staged::Staged;

/// Sign what was tested, with which result, for customers and distributions
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The certificate is a directory: certificate.json (an in-toto statement in a DSSE envelope, signed by ssh-keygen), \
                  certificate.html, test-result.json, and evidence/ with the policy, the profile, the waivers and an archive of each run. \
                  Every image to which the policy applies must satisfy it; a closed gate gives no certificate. With --product the files \
                  must be those that `muster run --product` installed.

Exit codes: 0 it was signed · 1 nothing was signed, and every reason is printed · 2 a file or the command line is wrong · \
                  3 a run cannot be read, or ssh-keygen is not there

Examples:
  muster certify last --policy policy.yaml --key ~/.ssh/id_ed25519 --identity me@example.org -o certificate
  muster certify a b --policy policy.yaml --product app-1.2-1.x86_64.rpm --key ci.pub --assurance ci -o app-1.2"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    decided: DecidedFrom,
    /// The product that is certified, an RPM file; may be repeated
    #[arg(long, value_name = "FILE")]
    product: Vec<Utf8PathBuf>,
    /// Not taken: the policy names its profile
    #[arg(long, hide = true, value_name = "FILE")]
    profile: Option<Utf8PathBuf>,
    /// Certify this image only; may be repeated [default: all to which the policy applies]
    #[arg(long, value_name = "FILE")]
    image: Vec<Utf8PathBuf>,
    /// The SSH key that signs: a private key, or the .pub file of one that the ssh-agent has
    #[arg(long, value_name = "FILE")]
    key: Utf8PathBuf,
    /// Who signs, as the verifier's file of signers names the key [default: only the key says it]
    #[arg(long, value_name = "NAME")]
    identity: Option<String>,
    /// How long it is valid at most; the policy's `max-age` and waivers may end it earlier
    #[arg(long, value_name = "DURATION", default_value = "90d", value_parser = muster_suite::value::duration_in("d"))]
    valid_for: Duration,
    /// On whose responsibility the runs were made
    #[arg(long, value_enum, default_value_t)]
    assurance: OfAssurance,
    /// The directory of the certificate that this one replaces
    #[arg(long, value_name = "DIR")]
    supersedes: Option<Utf8PathBuf>,
    /// The directory that it is written to, which must not exist
    #[arg(long, short = 'o', value_name = "DIR")]
    out: Utf8PathBuf,
}

/// On whose responsibility the runs were made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum OfAssurance {
    /// Whoever holds the key ran the tests
    #[default]
    #[value(name = "self")]
    Signer,
    /// A CI system ran the tests and holds the key
    Ci,
}

impl From<OfAssurance> for Assurance {
    fn from(of: OfAssurance) -> Self {
        match of {
            OfAssurance::Signer => Self::Signer,
            OfAssurance::Ci => Self::Ci,
        }
    }
}

pub(crate) fn execute(arguments: &Arguments) -> Result<Exit, CliError> {
    if arguments.valid_for > Duration::from_secs(LONGEST_DAYS * 86_400) {
        let what = format!("--valid-for: a certificate is valid for {LONGEST_DAYS} days at most");
        return Err(CliError::invalid(what));
    }
    if arguments.valid_for.is_zero() {
        let what = "--valid-for: a certificate that is valid for no time is refused by everyone";
        return Err(CliError::invalid(what).hint("name how long it is valid: `--valid-for 90d`"));
    }
    if let Some(profile) = &arguments.profile {
        let what = format!("--profile {profile}: the profile is the one that the policy names, next to it");
        return Err(CliError::invalid(what).hint("name the policy: `--policy FILE`"));
    }
    // Before anything is computed that would be signed with it.
    ssh_keygen::look_at(&arguments.key)?;
    let project = Project::find()?;
    let supersedes = arguments.supersedes.as_deref().map(superseded).transpose()?;
    let demands =
        Demands { images: images(&arguments.image)?, products: products(&arguments.product)?, ..Demands::default() };
    let staged = Staged::new(&arguments.out)?;
    let mut read = staged.policy(&arguments.decided.policy)?;
    staged.waivers(&mut read, &arguments.decided.waivers)?;
    for typed in &arguments.decided.runs {
        staged.run(&project, typed)?;
    }
    let evidence = certificate_files::evidence(staged.path())?;
    // Whole seconds: nothing is decided by less.
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
    let knows = Knows::new()?;
    let wanted: Vec<String> = demands.images.iter().map(|image| image.sha256.clone()).collect();
    let Computed { found, refusals } = compute(&evidence, &wanted, now, env!("MUSTER_VERSION"), &knows.program());
    let Some(found) = found.filter(|_| refusals.is_empty()) else { return Ok(refuse(refusals)) };
    let end = later(now, arguments.valid_for).into_iter().chain(found.limit).min().unwrap_or(now);
    let certificate = found.certificate(Claim {
        identity: arguments.identity.clone(),
        signed: now.to_string(),
        not_after: end.to_string(),
        assurance: arguments.assurance.into(),
        muster: env!("MUSTER_VERSION").to_owned(),
        page_form: PageForm::NEWEST,
        supersedes,
    });
    let statement = Statement::new(certificate.subject(), PREDICATE_TYPE, certificate);
    let mut refusals = verify(&statement, &evidence, &demands, now, &knows.program());
    refusals.extend(not_named(&statement.predicate, &demands));
    if !refusals.is_empty() {
        return Ok(refuse(sorted(refusals)));
    }
    let unwritten = |error: serde_json::Error| CliError::infrastructure(format!("it cannot be written: {error}"));
    let signed = |payload: Vec<u8>| ssh_keygen::sign(&arguments.key, &pae(&payload));
    let signature = signed(payload(&statement).map_err(unwritten)?)?;
    let of_result = signed(payload(&test_result(&statement.predicate)).map_err(unwritten)?)?;
    for (name, bytes) in parts::files(&statement, &signature, &of_result).map_err(unwritten)? {
        write_atomically(&staged.path().join(name), &bytes)?;
    }
    // What was written is read once more: a certificate that its own reader refuses is a fault of ours.
    let read = certificate_files::read(staged.path())?;
    let (parts, faults) = parts::read(&read.files);
    if let Some(fault) = faults.into_iter().chain(read.refusals).next() {
        return Err(CliError::infrastructure(format!("it cannot be read again: {}", fault.message)));
    }
    if parts.is_none_or(|parts| parts.statement != statement) {
        return Err(CliError::infrastructure("it is not what was signed when it is read again"));
    }
    staged.publish(&arguments.out)?;
    let status = statement.predicate.status.name().to_uppercase();
    say(&format!("{status}: {}\n{}", short(&arguments.out), text::about(&statement).trim_end()));
    Ok(Exit::Pass)
}

fn refuse(refusals: Vec<Refusal>) -> Exit {
    let count = refusals.len();
    let text = text::refusals(&refusals);
    say(&format!("NOT CERTIFIED: {count} reason{}; nothing was signed\n{}", plural(count), text.trim_end()));
    Exit::Failed
}

/// Products that the runs had and nobody named: a certificate of an image is about the image as it is.
fn not_named(certificate: &Certificate, demands: &Demands) -> Vec<Refusal> {
    let named = |sha256: &str| demands.products.iter().any(|product| product.sha256 == sha256);
    let others = certificate.products.iter().filter(|product| !named(&product.sha256));
    others
        .map(|product| {
            let message = format!("the runs had {} installed, and no --product is that file", product.package);
            Refusal::new(RefusalId::ProductMismatch, message)
        })
        .collect()
}

fn superseded(dir: &Utf8Path) -> Result<String, CliError> {
    let path = dir.join(ENVELOPE);
    let bytes = fs_err::read(&path).map_err(|error| {
        CliError::invalid(format!("--supersedes: {error}")).hint("name the directory of a certificate")
    })?;
    Ok(hex(Sha256::digest(bytes)))
}

/// The images that are named.
pub(crate) fn images(files: &[Utf8PathBuf]) -> Result<Vec<NamedFile>, CliError> {
    files.iter().map(|file| at_hand("--image", file)).collect()
}

/// The products that are named.
pub(crate) fn products(files: &[Utf8PathBuf]) -> Result<Vec<NamedFile>, CliError> {
    let read = product::read(files)?;
    Ok(read
        .into_iter()
        .map(|product| NamedFile { file: short(&product.file).to_string(), sha256: product.sha256 })
        .collect())
}

/// A file and its digest.
pub(crate) fn at_hand(option: &str, file: &Utf8Path) -> Result<NamedFile, CliError> {
    if !file.is_file() {
        return Err(CliError::invalid(format!("{option} {file}: there is no such file")));
    }
    let sha256 = runtime()?.block_on(muster_image::sha256(file.as_std_path()))?;
    Ok(NamedFile { file: short(file).to_string(), sha256 })
}
