//! What the running kernel can do: drivers that are built in, and those that can be loaded.

use super::answer;
use crate::error::KindError;
use crate::item::{Field, Items, Part, compared};
use crate::kind::{FactKind, Scope};
use muster_check::{Observations, Probe, shell};

/// The kind.
pub(crate) struct Module;

const KEY: &str = "compare/modules";

const FIELDS: &[Field] = &[compared("kind", "`built-in` or `loadable`.")];

const SCRIPT: &str = r#"r=$(uname -r) || exit 1
d=
for top in /lib/modules /usr/lib/modules; do [ ! -d "$top/$r" ] || { d=$top/$r; break; }; done
if [ -z "$d" ]; then
  # A kernel whose modules are gone, as after an update, is not one without modules.
  for other in /lib/modules/*/modules.dep /usr/lib/modules/*/modules.dep; do
    [ ! -e "$other" ] || { echo "there are modules (${other%/modules.dep}), but none for the running kernel, $r" >&2; exit 1; }
  done
  echo "muster-absent neither /lib/modules nor /usr/lib/modules holds any modules"; exit 0
fi
[ -r "$d/modules.builtin" ] || { echo "$d/modules.builtin is missing: what is built in is not known" >&2; exit 1; }
echo '= built-in'
cat "$d/modules.builtin" || exit 1
echo '= loadable'
find "$d" -name '*.ko' -o -name '*.ko.xz' -o -name '*.ko.zst' -o -name '*.ko.gz' || exit 1
echo '= end'"#;

impl FactKind for Module {
    fn name(&self) -> &'static str {
        "module"
    }

    fn what(&self) -> &'static str {
        "kernel modules"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn probes(&self, _: &Scope) -> Vec<Probe> {
        vec![Probe::new(KEY, 60, format!("{}{SCRIPT}", shell::need("find")))]
    }

    fn parse(&self, seen: &Observations) -> Result<Part, KindError> {
        let text = match answer::answer(seen, KEY)? {
            Ok(text) => text,
            Err(absent) => return Ok(absent),
        };
        let mut items = Items::new();
        let (mut kind, mut whole) = (None, false);
        for line in text.lines() {
            match line {
                "= built-in" => kind = Some("built-in"),
                "= loadable" => kind = Some("loadable"),
                "= end" => whole = true,
                path => {
                    let (Some(kind), Some(name)) = (kind, name_of(path)) else { return Err(answer::strange(path)) };
                    items.insert(name, answer::item([("kind", kind)]));
                }
            }
        }
        if whole { answer::some(items, "module") } else { Err(KindError::NoEnd("list of modules")) }
    }
}

/// `kernel/drivers/net/hyperv/hv-netvsc.ko.xz` is `hv_netvsc`: the kernel takes both for one.
fn name_of(path: &str) -> Option<String> {
    let file = path.rsplit('/').next()?;
    let (name, rest) = file.split_once(".ko")?;
    matches!(rest, "" | ".xz" | ".zst" | ".gz").then(|| name.replace('-', "_")).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{known, seen};

    #[test]
    fn modules_are_named_as_the_kernel_names_them() {
        let text = "= built-in\nkernel/drivers/block/virtio_blk.ko\n= loadable\n/lib/modules/6/kernel/net/hv-netvsc.ko.xz\n= end\n";
        let items = known(Module.parse(&seen(&[(KEY, text)])));
        assert_eq!(
            (items["virtio_blk"]["kind"].as_str(), items["hv_netvsc"]["kind"].as_str()),
            ("built-in", "loadable")
        );
        assert!(Module.parse(&seen(&[(KEY, &text.replace("= end\n", ""))])).is_err());
        assert!(Module.parse(&seen(&[(KEY, &text.replace(".ko.xz", ".txt"))])).is_err());
    }
}
