//! Package files that lie in the guest already and are installed in every machine before its tests: one state of a
//! bisection over the updates of a transaction.

use std::time::Duration;

use super::clock::Clock;
use super::driver::Live;
use super::installed::{Installed, arguments, installed};
use super::one_reply::{both_streams, one_command};
use muster_base::failure::{self, Failure};
use muster_base::text;
use muster_check::dnf;
use muster_guest::{End, Request};
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

/// Installs the updates; afterwards the database must have these very files, by the digests of their headers.
pub(super) async fn apply<L: Live>(live: &mut L, updates: &Updates) -> Result<Vec<ProductRecord>, Failure> {
    let clock = Clock::new(TIME, live.deadline_scale());
    let mut records = Vec::new();
    if !updates.files.is_empty() {
        let paths: Vec<String> = updates.files.iter().map(|file| file.path.clone()).collect();
        let script = format!("{}{}{INSTALL}", dnf::MANAGER, arguments(&paths));
        let request = Request { script, timeout: clock.left(), limit: OUTPUT };
        let reply = one_command(live, request, "the updates").await?;
        let said = both_streams(&reply);
        if reply.end != End::Exited || reply.status != 0 {
            let why = match reply.end {
                End::Exited => format!("the package manager ended with status {}", reply.status),
                End::TimedOut => "the package manager did not end before its time-out".to_owned(),
                End::TooMuchOutput => "the package manager printed more than the limit".to_owned(),
            };
            return Err(not_installed(&why, &said));
        }
        let found = installed(live, &paths, "the updates", clock.left()).await?;
        let record = |(file, found): (&UpdateFile, Installed)| match found {
            Installed::Same(package) => {
                Ok(ProductRecord { file: file.path.clone(), sha256: file.sha256.clone(), package })
            }
            Installed::Other(shown) => {
                let what = format!("what is installed is not {}: {shown}", text::one_line(&file.path, 200));
                Err(not_installed(&what, &said))
            }
        };
        records = updates.files.iter().zip(found).map(record).collect::<Result<_, _>>()?;
    }
    if updates.reboot {
        live.reboot(RebootKind::Soft, None).await?;
    }
    Ok(records)
}

fn not_installed(why: &str, said: &str) -> Failure {
    let message = format!("the updates did not install: {why}");
    Failure::new(failure::UPDATES_INSTALL, message).with_detail(text::tail(said.trim(), 64 << 10))
}
