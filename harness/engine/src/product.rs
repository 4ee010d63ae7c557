//! Products: package files that every machine of a run gets after its boot and before its tests. An ISV's tests are
//! then those of a distribution with his product on it.

use std::time::Duration;

use camino::Utf8PathBuf;

use super::clock::Clock;
use super::driver::Live;
use super::plan::quote;
use super::steps;
use super::transfer::{self, TransferError};
use muster_base::failure::{self, Failure, Location};
use muster_base::text;
use muster_guest::{End, Request};
use muster_record::run::ProductRecord;
use muster_suite::model::{Action, Step};

/// Bytes of a product's file, at most.
pub const PRODUCT_LIMIT: u64 = 1 << 30;

/// Guest time in which products are sent and installed, all of them together.
const TIME: Duration = Duration::from_secs(20 * 60);

/// Where they lie in the guest while they are installed.
const DIR: &str = "/var/tmp/muster-products";

/// A file that is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The file on this host, which is an RPM.
    pub file: Utf8PathBuf,
    /// SHA-256 when the run began, hex.
    pub sha256: String,
}

/// Sends the products to the guest and installs them in one transaction, with what they need from the guest's own
/// repositories. What is installed afterwards must be these very files, by the digest of their headers.
pub(super) async fn install<L: Live>(live: &L, products: &[Product]) -> Result<Vec<ProductRecord>, Failure> {
    let clock = Clock::new(TIME, live.deadline_scale());
    let paths: Vec<String> = products
        .iter()
        .enumerate()
        // Two products may have one name; dnf wants the ending.
        .map(|(number, product)| format!("{DIR}/{number}/{}", unquoted(product.file.file_name().unwrap_or_default())))
        .collect();
    let dirs: Vec<String> = (0..products.len()).map(|number| format!("{DIR}/{number}")).collect();
    say(live, format!("umask 077 && mkdir -p {}", dirs.join(" ")), "make a directory for the product", &clock).await?;
    for (product, path) in products.iter().zip(&paths) {
        send(live, product, path, &clock).await?;
    }
    let location = Location { file: "--product".into(), line: 1, column: 1 };
    let action = Action::Install { packages: paths.clone(), refuse_scriptlet_errors: true };
    let step = Step { action, timeout: None, on: None, location };
    steps::run(live, &step, &clock, camino::Utf8Path::new("")).await.map_err(|broken| about(products, broken))?;
    let installed = verify(live, products, &paths, &clock).await?;
    say(live, format!("rm -rf {DIR}"), "remove the product's file", &clock).await?;
    Ok(installed)
}

/// An installation that did not do what it must, in the words of a product.
fn about(products: &[Product], broken: steps::Broken) -> Failure {
    let steps::Broken { failure, machine_lost, .. } = broken;
    if machine_lost || failure.id != failure::STEP_INSTALL {
        return Failure { location: None, ..failure };
    }
    let names: Vec<&str> = products.iter().map(|product| product.file.as_str()).collect();
    let message = format!("{} did not install: {}", names.join(", "), failure.message);
    Failure { id: failure::PRODUCT_INSTALL, message, location: None, ..failure }
}

async fn send<L: Live>(live: &L, product: &Product, path: &str, clock: &Clock) -> Result<(), Failure> {
    let unsent = |why: String| Failure::new(failure::PRODUCT_UNSENT, format!("{}: {why}", product.file));
    let mut content = fs_err::File::open(&product.file).map_err(|error| unsent(error.to_string()))?;
    match transfer::send_from(live, &mut content, path, 0o600, clock.left()).await {
        Ok(sent) if sent.sha256 == product.sha256 => Ok(()),
        Ok(_) => Err(unsent("the file has changed since the run began".to_owned())),
        Err(TransferError::Lost(failure)) => Err(failure),
        Err(why) => Err(unsent(why.to_string())),
    }
}

/// What the guest's package database has of the files.
async fn verify<L: Live>(
    live: &L,
    products: &[Product],
    paths: &[String],
    clock: &Clock,
) -> Result<Vec<ProductRecord>, Failure> {
    // The digests of a header stand in the file and, once it is installed, in the database.
    let format = "'%{SHA256HEADER} %{SHA1HEADER} %{NEVRA}\\n'";
    let quoted: Vec<String> = paths.iter().map(|path| quote(path)).collect();
    let script = format!(
        "for p in {}; do n=$(rpm -qp --qf '%{{NVRA}}' \"$p\" 2>/dev/null) || exit 3; \
         rpm -qp --qf {format} \"$p\" 2>/dev/null || exit 3; rpm -q --qf {format} \"$n\" || exit 4; done",
        quoted.join(" ")
    );
    let said = say(live, script, "look up the product in the package database", clock).await?;
    let lines: Vec<&str> = said.lines().collect();
    let installed = products.iter().zip(lines.chunks(2)).map(|(product, lines)| match headers(lines) {
        Some(package) => Ok(ProductRecord {
            file: product.file.to_string(),
            sha256: product.sha256.clone(),
            package: package.to_owned(),
        }),
        None => {
            let shown = text::one_line(&lines.join(" / "), 300);
            let what = format!("{}: what is installed is not this file: {shown}", product.file);
            Err(Failure::new(failure::PRODUCT_INSTALL, what))
        }
    });
    let installed = installed.collect::<Result<Vec<_>, _>>()?;
    if installed.len() != products.len() || lines.len() != 2 * products.len() {
        let shown = text::one_line(&said, 300);
        return Err(Failure::new(failure::PROBE_FAILED, format!("rpm said something else of the products: {shown}")));
    }
    Ok(installed)
}

/// The package that both lines are about, the file's and the database's, when they have a digest and it is the same.
pub(super) fn headers<'s>(lines: &[&'s str]) -> Option<&'s str> {
    let [file, database] = lines else { return None };
    let mut words = file.split(' ');
    let (sha256, sha1, package) = (words.next()?, words.next()?, words.next()?);
    let hex = |digest: &str| digest.len() >= 40 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    let named = !package.is_empty() && package.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+~^:-".contains(&b));
    let whole = words.next().is_none() && (hex(sha256) || hex(sha1)) && named && package.len() <= 256;
    (whole && file == database).then_some(package)
}

/// Runs a command line that must end well; what it prints, escaped.
async fn say<L: Live>(live: &L, script: String, what: &str, clock: &Clock) -> Result<String, Failure> {
    let request = Request { script, timeout: clock.left(), limit: 64 << 10 };
    let reply = live.batch(vec![request]).await?.into_iter().next();
    let failed = |why: String| Failure::new(failure::PROBE_FAILED, format!("cannot {what}: {why}"));
    match reply {
        Some(reply) if reply.end == End::Exited && reply.status == 0 => Ok(text::escape_bytes(&reply.stdout)),
        Some(reply) => {
            let said = text::last_words(&text::escape_bytes(&reply.stderr), 160);
            Err(failed(format!("status {}: {said}", reply.status)))
        }
        None => Err(failed("the guest gave no answer".to_owned())),
    }
}

/// A file name in a guest that needs no quoting, of at most 121 bytes; it keeps its ending.
pub fn unquoted(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.+~".contains(c) { c } else { '_' };
    let name: String = name.chars().map(safe).collect();
    format!("p{}", &name[name.len().saturating_sub(120)..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_installed_when_file_and_database_have_one_header() {
        let line = format!("{} (none) app-1:2.0-1.x86_64", "ab".repeat(32));
        assert_eq!(headers(&[&line, &line]), Some("app-1:2.0-1.x86_64"));
        let other = format!("{} (none) app-1:2.0-1.x86_64", "ac".repeat(32));
        assert_eq!(headers(&[&line, &other]), None);
        assert_eq!(headers(&[&line]), None);
        assert_eq!(headers(&["(none) (none) app-2.0-1.x86_64"; 2]), None, "no digest, no proof");
        let hostile = format!("{} (none) app$(x)", "ab".repeat(32));
        assert_eq!(headers(&[&hostile, &hostile]), None);
        assert_eq!(headers(&["", ""]), None);
    }

    #[test]
    fn a_name_in_the_guest_keeps_the_ending_and_needs_no_quoting() {
        assert_eq!(unquoted("my app'; rm.rpm"), "pmy_app___rm.rpm");
        assert_eq!(unquoted(&format!("{}é.rpm", "x".repeat(300))).len(), 121);
        assert_eq!(unquoted(""), "p");
    }
}
