//! Package files that lie in the guest already and are installed in every machine before its tests: one state of a
//! bisection over the updates of a transaction.

use std::time::Duration;

use super::clock::Clock;
use super::driver::Live;
use super::plan::quote;
use super::product;
use muster_base::failure::{self, Failure};
use muster_base::text;
use muster_check::dnf;
use muster_guest::{End, Reply, Request};
use muster_record::run::ProductRecord;
use muster_suite::model::RebootKind;

/// Guest time in which all of them are installed.
const TIME: Duration = Duration::from_secs(60 * 60);
/// Bytes of what the package manager prints.
const OUTPUT: usize = 8 << 20;

/// What is installed in a machine after it has come up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Updates {
    /// In one transaction; none are no transaction.
    pub files: Vec<UpdateFile>,
    /// Whether the machine is rebooted afterwards, also when nothing was installed.
    pub reboot: bool,
}

/// A package file of the guest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateFile {
    /// Absolute path in the guest.
    pub path: String,
    /// SHA-256 of the file, hex.
    pub sha256: String,
}

/// Installs by the guest's own package manager from these files alone: what is in its repositories is no part of the
/// state that is tested.
const INSTALL: &str = r#"case $dnf in
dnf5|dnf) ;;
*) echo "$dnf cannot install from files alone; dnf4 or dnf5 is needed" >&2; exit 127;;
esac
"$dnf" -y --disablerepo='*' --setopt=localpkg_gpgcheck=0 install "$@" </dev/null 2>&1"#;

/// Prints one line for each file, then one for each package of the database, in the same order.
const VERIFY: &str = r#"format='%{SHA256HEADER} %{SHA1HEADER} %{NEVRA}\n'
names=$(rpm -qp --nosignature --qf '%{NVRA}\n' "$@" 2>/dev/null) || exit 3
rpm -qp --nosignature --qf "$format" "$@" 2>/dev/null || exit 3
rpm -q --qf "$format" $names || exit 4"#;
/// The package database lacks one of them.
const LACKS: i32 = 4;

/// Installs the updates; afterwards the database must have these very files, by the digests of their headers.
pub(super) async fn apply<L: Live>(live: &mut L, updates: &Updates) -> Result<Vec<ProductRecord>, Failure> {
    let clock = Clock::new(TIME, live.deadline_scale());
    let mut installed = Vec::new();
    if !updates.files.is_empty() {
        let paths: Vec<String> = updates.files.iter().map(|file| quote(&file.path)).collect();
        let begin = format!("set -- {}\n", paths.join(" "));
        let script = format!("{}{begin}{INSTALL}", dnf::MANAGER);
        let reply = one(live, script, OUTPUT, true, &clock).await?;
        let said = text::escape_bytes(&[reply.stdout.as_slice(), b"\n", &reply.stderr].concat());
        if reply.end != End::Exited || reply.status != 0 {
            let why = match reply.end {
                End::Exited => format!("the package manager ended with status {}", reply.status),
                End::TimedOut => "the package manager did not end before its time-out".to_owned(),
                End::TooMuchOutput => "the package manager printed more than the limit".to_owned(),
            };
            return Err(not_installed(&why, &said));
        }
        installed = verify(live, &updates.files, &begin, &said, &clock).await?;
    }
    if updates.reboot {
        live.reboot(RebootKind::Soft, None).await?;
    }
    Ok(installed)
}

async fn verify<L: Live>(
    live: &L,
    files: &[UpdateFile],
    begin: &str,
    said: &str,
    clock: &Clock,
) -> Result<Vec<ProductRecord>, Failure> {
    let reply = one(live, format!("{begin}{VERIFY}"), OUTPUT, false, clock).await?;
    let answer = text::escape_bytes(&reply.stdout);
    let lines: Vec<&str> = answer.lines().collect();
    let whole = reply.end == End::Exited && (reply.status == LACKS || reply.status == 0);
    if !whole || lines.len() != 2 * files.len() {
        let words = text::last_words(&text::escape_bytes(&reply.stderr), 160);
        let what = format!("cannot look up the updates in the package database: status {}: {words}", reply.status);
        return Err(Failure::new(failure::PROBE_FAILED, what));
    }
    let (in_files, in_database) = lines.split_at(files.len());
    let pairs = files.iter().zip(in_files.iter().zip(in_database));
    let each = pairs.map(|(file, (one, other))| match product::headers(&[one, other]) {
        Some(package) => {
            Ok(ProductRecord { file: file.path.clone(), sha256: file.sha256.clone(), package: package.to_owned() })
        }
        None => {
            let shown = text::one_line(&format!("{one} / {other}"), 300);
            Err(not_installed(&format!("what is installed is not {}: {shown}", text::one_line(&file.path, 200)), said))
        }
    });
    each.collect()
}

fn not_installed(why: &str, said: &str) -> Failure {
    let message = format!("the updates did not install: {why}");
    Failure::new(failure::UPDATES_INSTALL, message).with_detail(text::tail(said.trim(), 64 << 10))
}

/// Runs a command line; `foreign` when it starts programs of packages.
async fn one<L: Live>(live: &L, script: String, limit: usize, foreign: bool, clock: &Clock) -> Result<Reply, Failure> {
    let requests = vec![Request { script, timeout: clock.left(), limit }];
    let replies = match foreign {
        true => live.commands(requests).await?,
        false => live.batch(requests).await?,
    };
    let silent = || Failure::new(failure::PROBE_FAILED, "the guest gave no answer about the updates");
    replies.into_iter().next().ok_or_else(silent)
}
