//! Files below some trees: what they are, who owns them, and what they hold.

use std::collections::BTreeMap;

use super::answer;
use super::owners::{self, Owners};
use crate::difference::{self, Difference};
use crate::error::KindError;
use crate::item::{Field, Item, Items, PACKAGE, Part, compared, reported};
use crate::kind::{FactKind, Scope};
use muster_base::{glob, text};
use muster_check::{Observations, Probe, shell};

/// Files that each machine makes for itself or that are computed from others: what they hold is not
/// compared, all else about them is. Kept short and by name, since what is listed cannot be seen to change.
const OF_THE_MACHINE: &[&str] = &[
    // Identity and keys.
    "/etc/machine-id",
    "/etc/hostname",
    "/etc/ssh/ssh_host_*_key",
    "/etc/ssh/ssh_host_*_key.pub",
    "/etc/dropbear/dropbear_*_host_key",
    "/etc/dropbear/dropbear_*_host_key.pub",
    // Passwords and their dates; the accounts are kinds of their own.
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/shadow-",
    "/etc/gshadow-",
    "/etc/passwd-",
    "/etc/group-",
    // Written by the seed of a run.
    "/etc/sudoers.d/90-cloud-init-users",
    // Time stamps and caches.
    "/etc/.updated",
    "/etc/adjtime",
    "/etc/ld.so.cache",
    "/etc/udev/hwdb.bin",
];

/// What stands for the content of those.
const VARIES: &str = "varies";

/// The kind.
pub(crate) struct File;

const KEY: &str = "compare/files";

const FIELDS: &[Field] = &[
    compared("type", "`file`, `directory`, `link`, or another type of inode."),
    compared("mode", "Permissions, four octal digits; of a link always 0777."),
    compared("owner", "Its user."),
    compared("group", "Its group."),
    compared("content", "SHA-256 of a file; `varies` where each machine makes its own."),
    compared("target", "Where a link leads."),
    reported("size", "Bytes of a file."),
    PACKAGE,
];

impl FactKind for File {
    fn name(&self) -> &'static str {
        "file"
    }

    fn what(&self) -> &'static str {
        "files"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn probes(&self, scope: &Scope) -> Vec<Probe> {
        let mut probes = owners::probes();
        probes.push(Probe::new(KEY, 300, script(&scope.trees)));
        probes
    }

    fn parse(&self, seen: &Observations) -> Result<Part, KindError> {
        let owners = Owners::read(seen)?;
        let mut items = files(&answer::output(seen, KEY)?)?;
        for (path, item) in &mut items {
            item.insert("package", owners.of(path));
        }
        answer::some(items, "file")
    }

    /// Where one thing stands instead of another, its mode and content are of course others.
    fn differences(&self, before: &Items, after: &Items) -> Vec<Difference> {
        let mut out = difference::of_items(self.name(), FIELDS, before, after);
        let retyped: std::collections::BTreeSet<String> = out
            .iter()
            .filter(|difference| difference.field == Some("type"))
            .map(|difference| difference.subject.clone())
            .collect();
        out.retain(|difference| {
            matches!(difference.field, None | Some("type")) || !retyped.contains(&difference.subject)
        });
        out
    }
}

/// Three walks: `stat`, `readlink` and `sha256sum` of everything in the same file system. A tree may itself be a link. A name with a
/// line break cannot be told apart in their answers, so that it is an error.
fn script(trees: &[String]) -> String {
    format!(
        r#"{}{}set --
for tree in {}; do
  [ ! -e "$tree" ] || set -- "$@" "$tree"
done
[ $# -gt 0 ] || {{ echo 'none of the trees is there' >&2; exit 1; }}
tab=$(printf '\t')
bad=$(find -H "$@" -xdev -name '*
*') || exit 1
[ -z "$bad" ] || {{ echo 'a file has a line break in its name' >&2; exit 1; }}
echo '= stat'
find -H "$@" -xdev -exec stat -c "%f$tab%U$tab%G$tab%s$tab%n" {{}} + || exit 1
echo '= link'
find -H "$@" -xdev -type l -exec sh -c 'for l do t=$(readlink "$l") || exit 1; printf "%s\n%s\n" "$l" "$t"; done' sh {{}} + || exit 1
echo '= hash'
find -H "$@" -xdev -type f -exec sha256sum {{}} + || exit 1
echo '= end'"#,
        shell::need("find"),
        shell::need("sha256sum"),
        shell::quote_all(trees.iter().map(String::as_str))
    )
}

fn files(answer: &str) -> Result<Items, KindError> {
    let answer = text::escape(answer);
    let mut lines = answer.lines();
    if lines.next() != Some("= stat") {
        return Err(KindError::NoBeginning);
    }
    let mut items = Items::new();
    for line in lines.by_ref().take_while(|line| *line != "= link") {
        let (path, item) = inode(line).ok_or_else(|| answer::strange(line))?;
        items.insert(path, item);
    }
    let mut targets = BTreeMap::new();
    let mut links = lines.by_ref().take_while(|line| *line != "= hash");
    while let Some(link) = links.next() {
        let target = links.next().ok_or_else(|| answer::strange(link))?;
        targets.insert(link, target);
    }
    let mut whole = false;
    let mut sums = BTreeMap::new();
    for line in lines {
        if line == "= end" {
            whole = true;
            break;
        }
        let (path, sum) = checksum(line).ok_or_else(|| answer::strange(line))?;
        sums.insert(path, sum);
    }
    if !whole {
        return Err(KindError::NoEnd("walk"));
    }
    // The three walks must have seen the same.
    for (path, item) in &mut items {
        let (field, value) = match item["type"].as_str() {
            "link" => ("target", targets.get(path.as_str()).map(|target| (*target).to_owned())),
            "file" if OF_THE_MACHINE.iter().any(|glob| glob::matches(glob, path)) => {
                ("content", Some(VARIES.to_owned()))
            }
            "file" => ("content", sums.get(path).cloned()),
            _ => continue,
        };
        let value = value.ok_or_else(|| KindError::Changed { path: text::one_line(path, 120) })?;
        item.insert(field, value);
    }
    Ok(items)
}

/// `%f %U %G %s %n` of stat, with tabs.
fn inode(line: &str) -> Option<(String, Item)> {
    let [mode, owner, group, size, path] = line.splitn(5, '\t').collect::<Vec<_>>()[..] else { return None };
    let mode = u32::from_str_radix(mode, 16).ok()?;
    size.parse::<u64>().ok()?;
    // The bits of S_IFMT, see inode(7).
    let kind = match mode & 0o170_000 {
        0o100_000 => "file",
        0o040_000 => "directory",
        0o120_000 => "link",
        0o020_000 => "character-device",
        0o060_000 => "block-device",
        0o010_000 => "pipe",
        0o140_000 => "socket",
        _ => return None,
    };
    let permissions = format!("{:04o}", mode & 0o7777);
    let mut item = answer::item([("type", kind), ("mode", &permissions), ("owner", owner), ("group", group)]);
    if kind == "file" {
        item.insert("size", size.to_owned());
    }
    path.starts_with('/').then(|| (path.to_owned(), item))
}

/// A line of sha256sum as path and sum. One that begins with a backslash has its name escaped.
fn checksum(line: &str) -> Option<(String, String)> {
    let (escaped, rest) = line.strip_prefix('\\').map_or((false, line), |rest| (true, rest));
    let sum = rest.get(..64).filter(|sum| sum.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    let path = rest.get(64..)?.strip_prefix("  ")?;
    let path = if escaped { path.replace("\\\\", "\\") } else { path.to_owned() };
    path.starts_with('/').then(|| (path, sum.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{items, known, seen};
    use muster_check::testing::on_this_host;

    #[test]
    fn a_tree_of_this_host_is_read_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_str().unwrap().to_owned();
        fs_err::write(format!("{path}/a b\\x2dc"), "x").unwrap();
        fs_err::create_dir(format!("{path}/sub")).unwrap();
        std::os::unix::fs::symlink("../else where", format!("{path}/sub/link")).unwrap();
        let scope = Scope { trees: vec![path.clone(), "/no/such/tree".into()] };
        let mut answers = on_this_host(&[Probe::new(KEY, 10, script(&scope.trees))]);
        answers.0.extend(seen(&owners::answers(&format!("pkg\t{path}/sub\n"))).0);
        let items = known(File.parse(&answers));
        assert_eq!(items.len(), 4, "{items:?}");
        let file = &items[&format!("{path}/a b\\x2dc")];
        assert_eq!((file["type"].as_str(), file["size"].as_str()), ("file", "1"));
        assert_eq!(file["content"], "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881");
        assert_eq!(items[&format!("{path}/sub/link")]["target"], "../else where");
        assert_eq!((items[&format!("{path}/sub")]["package"].as_str(), file["package"].as_str()), ("pkg", ""));
    }

    #[test]
    fn a_name_with_a_line_break_and_trees_that_are_not_there_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("a\nb"), "x").unwrap();
        let trees = [dir.path().to_str().unwrap().to_owned()];
        for trees in [&trees[..], &["/no/such/tree".to_owned()]] {
            let answers = on_this_host(&[Probe::new(KEY, 10, script(trees))]);
            assert_eq!(answers.0[KEY].status, 1);
        }
    }

    #[test]
    fn a_walk_that_broke_off_is_an_error() {
        let sum = "0".repeat(64);
        let whole = format!("= stat\n81a4\troot\troot\t1\t/etc/a\n= link\n= hash\n{sum}  /etc/a\n= end\n");
        assert_eq!(files(&whole).unwrap()["/etc/a"]["mode"], "0644");
        for cut in ["= end\n", "  /etc/a\n= end", "= hash"] {
            let torn = whole.split(cut).next().unwrap();
            assert!(files(torn).is_err(), "{torn}");
        }
        let vanished = whole.replace(&format!("{sum}  /etc/a\n"), "");
        assert!(files(&vanished).unwrap_err().to_string().contains("changed while it was read"));
    }

    #[test]
    fn what_machines_make_for_themselves_is_not_compared() {
        let sum = "0".repeat(64);
        let text =
            format!("= stat\n8124\troot\troot\t33\t/etc/machine-id\n= link\n= hash\n{sum}  /etc/machine-id\n= end\n");
        assert_eq!(files(&text).unwrap()["/etc/machine-id"]["content"], VARIES);
    }

    #[test]
    fn of_a_file_that_became_a_link_only_that_is_reported() {
        let before = items(&[("/etc/x", &[("type", "file"), ("mode", "0644"), ("content", "a")])]);
        let after = items(&[("/etc/x", &[("type", "link"), ("mode", "0777"), ("target", "y")])]);
        let keys: Vec<_> = File.differences(&before, &after).iter().map(Difference::key).collect();
        assert_eq!(keys, ["file/changed/etc/x:type"]);
    }
}
