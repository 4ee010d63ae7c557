//! Repositories of the team's own that a written suite brings into the guest before it installs from them: their files lie
//! next to the suite, and the test that installs uploads them.

use muster_base::text::shell_word;
use muster_suite::write::scalar;

/// Where they lie in the guest.
const GUEST: &str = "/var/tmp/muster-port/repositories";

/// A repository whose files lie next to a suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextToSuite {
    /// As the guest is to call it: letters, digits, `-`, `_` and `.`.
    pub id: String,
    /// Its directory, relative to that of the suite.
    pub dir: String,
    /// Its files, relative to that directory: packages, and metadata below `repodata/`.
    pub files: Vec<String>,
}

/// The steps that bring them, as they stand in a test of a suite.
pub(super) fn steps(repositories: &[NextToSuite]) -> String {
    let mut out = String::new();
    for NextToSuite { id, dir, files } in repositories {
        let target = format!("{GUEST}/{id}");
        let mut dirs: Vec<String> =
            files.iter().map(|file| format!("{target}/{file}")).filter_map(|path| parent(&path)).collect();
        dirs.push("/etc/yum.repos.d".to_owned());
        dirs.sort_unstable();
        dirs.dedup();
        let dirs: Vec<String> = dirs.iter().map(|dir| shell_word(dir)).collect();
        out.push_str(&format!("      - run: {}\n", scalar(&format!("mkdir -p {}", dirs.join(" ")))));
        for file in files {
            let (from, to) = (scalar(&format!("{dir}/{file}")), scalar(&format!("{target}/{file}")));
            out.push_str(&format!("      - upload: {from}\n        to: {to}\n"));
        }
        out.push_str(&format!(
            "      - write: {}\n        content: |\n          [{id}]\n          name={id}, next to the suite\n          \
             baseurl=file://{target}\n          enabled=1\n          gpgcheck=0\n          repo_gpgcheck=0\n",
            scalar(&format!("/etc/yum.repos.d/muster-{id}.repo"))
        ));
    }
    out
}

fn parent(path: &str) -> Option<String> {
    path.rsplit_once('/').map(|(dir, _)| dir.to_owned())
}
