//! Commands that a shell finds, and where.

use super::answer;
use super::owners::{self, Owners};
use crate::error::KindError;
use crate::item::{Field, Items, PACKAGE, Part, compared};
use crate::kind::{FactKind, Scope};
use muster_base::text;
use muster_check::{Observations, Probe};

/// The kind.
pub(crate) struct Command;

const KEY: &str = "compare/commands";

const FIELDS: &[Field] = &[compared("path", "Where it is found first, links of directories followed."), PACKAGE];

/// Directories are named by where they really are: whether /bin is a link to /usr/bin is not a difference of
/// every command.
const SCRIPT: &str = r#"ifs=$IFS; IFS=:; set -f; set -- $PATH; set +f; IFS=$ifs
for d do
  [ -d "$d" ] || continue
  real=$(cd -P "$d" && pwd -P) || exit 1
  for f in "$real"/*; do
    [ -f "$f" ] && [ -x "$f" ] && printf '%s\n' "$f"
  done
done
echo '= end'"#;

impl FactKind for Command {
    fn name(&self) -> &'static str {
        "command"
    }

    fn what(&self) -> &'static str {
        "commands"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn probes(&self, _: &Scope) -> Vec<Probe> {
        let mut probes = owners::probes();
        probes.push(Probe::new(KEY, 60, SCRIPT));
        probes
    }

    fn parse(&self, seen: &Observations) -> Result<Part, KindError> {
        let owners = Owners::read(seen)?;
        let text = text::escape(&answer::output(seen, KEY)?);
        let Some(list) = text.strip_suffix("= end\n") else {
            return Err(KindError::NoEnd("list of commands"));
        };
        let mut items = Items::new();
        for path in list.lines() {
            let name = path.strip_prefix('/').and_then(|rest| rest.rsplit('/').next()).filter(|name| !name.is_empty());
            let name = name.ok_or_else(|| answer::strange(path))?;
            let package = owners.of(path);
            // The path's first directory wins, as in a shell.
            items.entry(name.to_owned()).or_insert_with(|| answer::item([("path", path), ("package", &package)]));
        }
        answer::some(items, "command")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{known, seen};
    use muster_check::testing::on_this_host;

    #[test]
    fn the_first_of_the_path_is_what_a_shell_finds() {
        let mut answers = seen(&[(KEY, "/usr/local/bin/x\n/usr/bin/which\n/usr/bin/x\n= end\n")]);
        answers.0.extend(seen(&owners::answers("which\t/usr/bin/which\n")).0);
        let items = known(Command.parse(&answers));
        assert_eq!((items["x"]["path"].as_str(), items["which"]["package"].as_str()), ("/usr/local/bin/x", "which"));
        answers.0.insert(KEY.to_owned(), seen(&[(KEY, "/usr/bin/x\n")]).0[KEY].clone());
        assert!(Command.parse(&answers).is_err(), "cut off");
    }

    #[test]
    fn this_host_has_a_shell() {
        let mut answers = on_this_host(&[Probe::new(KEY, 30, SCRIPT)]);
        answers.0.extend(seen(&owners::answers("dash\t/bin/sh\n")).0);
        let items = known(Command.parse(&answers));
        assert!(items["sh"]["path"].ends_with("/sh"));
    }
}
