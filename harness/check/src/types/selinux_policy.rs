//! The types that the loaded policy of SELinux makes permissive.
//!
//! A permissive type may be one of the policy's own, of which no list of modules shows anything. `semanage` and `seinfo`
//! name them. Without both, the head of the policy that the kernel has says whether there are any: the map of permissive
//! types stands before everything that has names (`policydb_read` of libsepol and of the kernel's security/selinux/ss).

use crate::unreadable::{Read, Unreadable};
use muster_base::text::one_line;

/// `types:` and the types; or `policy:` and the bytes of the policy's beginning, in hexadecimal.
pub(super) const PERMISSIVE: &str = r#"if command -v semanage >/dev/null 2>&1; then
    types=$(semanage permissive -l -n) || exit 1
    # Without permissive types it prints nothing; every policy has a login, though.
    [ -n "$types" ] || [ -n "$(semanage login -l -n)" ] || { echo 'semanage prints nothing' >&2; exit 1; }
    printf 'types:%s\n' "$types"
    exit 0
fi
[ -r /sys/fs/selinux/policy ] || { echo '/sys/fs/selinux/policy cannot be read, and semanage is not found' >&2; exit 1; }
if command -v seinfo >/dev/null 2>&1; then
    # Behind the option the path would be the type that is looked for.
    types=$(seinfo /sys/fs/selinux/policy --permissive) || exit 1
    case $types in *'Permissive Types: '[0-9]*) ;; *) echo "seinfo prints no number of permissive types" >&2; exit 1;; esac
    printf 'types:%s\n' "${types#*Permissive Types: }"
    exit 0
fi
command -v od >/dev/null 2>&1 || { echo 'semanage, seinfo and od: not found' >&2; exit 127; }
echo policy:
od -An -v -tx1 -N 65536 /sys/fs/selinux/policy"#;

/// What the script found.
pub(super) fn permissive(text: &str) -> Read<Vec<String>> {
    if let Some(types) = text.strip_prefix("types:") {
        let mut lines = types.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
        // A type begins with a letter; what begins with a number is of seinfo.
        let count = lines.next_if(|line| line.bytes().all(|b| b.is_ascii_digit()));
        let names: Vec<String> = lines.map(name_of_type).collect::<Read<_>>()?;
        return match count {
            Some(count) if count.parse() != Ok(names.len()) => {
                Err(Unreadable::new(format!("seinfo names {} of {} types", names.len(), one_line(count, 20))))
            }
            _ => Ok(names),
        };
    }
    let bytes = text.strip_prefix("policy:\n").ok_or_else(|| Unreadable::new("the list of types is torn"))?;
    let bytes: Option<Vec<u8>> = bytes.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    let count = bytes.and_then(|bytes| permissive_types(&bytes));
    match count {
        Some(0) => Ok(Vec::new()),
        Some(count) => Err(Unreadable::new(format!(
            "the loaded policy makes {count} of its types permissive; `semanage` or `seinfo` is needed to name them"
        ))),
        None => Err(Unreadable::new("the head of the loaded policy has another form")),
    }
}

/// A line that is the name of a type, as checkpolicy's scanner has identifiers; the policy's author chooses it, so that
/// it need not end with `_t`.
fn name_of_type(line: &str) -> Read<String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    if line.starts_with(|c: char| c.is_ascii_alphabetic()) && line.bytes().all(fits) {
        return Ok(line.to_owned());
    }
    Err(Unreadable::new(format!("the list of permissive types has a line that is no type: `{}`", one_line(line, 80))))
}

/// How many types a binary policy makes permissive.
fn permissive_types(policy: &[u8]) -> Option<u32> {
    let mut at = 0;
    let number = |at: &mut usize| -> Option<u32> {
        let bytes = policy.get(*at..*at + 4)?.try_into().ok()?;
        *at += 4;
        Some(u32::from_le_bytes(bytes))
    };
    if number(&mut at)? != MAGIC {
        return None;
    }
    at += usize::try_from(number(&mut at)?).ok().filter(|length| *length <= 32)?;
    let version = number(&mut at)?;
    // The configuration, and how many tables of symbols and of contexts there are.
    at += 12;
    // Capabilities of policies came with version 22, permissive types with 23.
    if version >= 22 {
        set_bits(policy, &mut at)?;
    }
    if version >= 23 { set_bits(policy, &mut at) } else { Some(0) }
}

/// `POLICYDB_MAGIC`.
const MAGIC: u32 = 0xf97c_ff8c;

/// The set bits of a map (`ebitmap_read`): the size of a part, the highest bit, the number of parts, and each part behind
/// its first bit.
fn set_bits(policy: &[u8], at: &mut usize) -> Option<u32> {
    let word = |from: usize| Some(u32::from_le_bytes(policy.get(from..from + 4)?.try_into().ok()?));
    let (unit, parts) = (word(*at)?, word(*at + 8)?);
    if unit != 64 {
        return None;
    }
    *at += 12;
    let mut bits = 0;
    for _ in 0..parts {
        let part = u64::from_le_bytes(policy.get(*at + 4..*at + 12)?.try_into().ok()?);
        bits += part.count_ones();
        *at += 12;
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of a policy of version 33 with these maps of capabilities and of permissive types.
    fn policy(version: u32, maps: &[&[(u32, u64)]]) -> String {
        let mut bytes = Vec::new();
        let number = |bytes: &mut Vec<u8>, number: u32| bytes.extend(number.to_le_bytes());
        number(&mut bytes, MAGIC);
        number(&mut bytes, 8);
        bytes.extend(b"SE Linux");
        for word in [version, 1, 8, 7] {
            number(&mut bytes, word);
        }
        for map in maps {
            number(&mut bytes, 64);
            number(&mut bytes, map.last().map_or(0, |(start, _)| start + 64));
            number(&mut bytes, u32::try_from(map.len()).unwrap());
            for (start, part) in *map {
                number(&mut bytes, *start);
                bytes.extend(part.to_le_bytes());
            }
        }
        let hexadecimal: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("policy:\n {}\n", hexadecimal.join(" "))
    }

    #[test]
    fn policies_of_checkpolicy_are_read() {
        // checkpolicy 3.4, version 33 with one capability: first with a `permissive foo_t;`, then without.
        let one = "policy:\n 8c ff 7c f9 08 00 00 00 53 45 20 4c 69 6e 75 78\n 21 00 00 00 00 00 00 00 08 00 00 00 09 00 00 00\n 40 00 00 00 40 00 00 00 01 00 00 00 00 00 00 00\n 02 00 00 00 00 00 00 00 40 00 00 00 40 00 00 00\n 01 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00\n";
        let none = "policy:\n 8c ff 7c f9 08 00 00 00 53 45 20 4c 69 6e 75 78\n 21 00 00 00 00 00 00 00 08 00 00 00 09 00 00 00\n 40 00 00 00 40 00 00 00 01 00 00 00 00 00 00 00\n 02 00 00 00 00 00 00 00 40 00 00 00 00 00 00 00\n 00 00 00 00 00 00 00 00 00 00 00 00 02 00 00 00\n";
        let why = permissive(one).unwrap_err().to_string();
        assert!(why.contains("makes 1 of its types permissive"), "{why}");
        assert_eq!(permissive(none), Ok(Vec::new()));
    }

    #[test]
    fn the_head_of_a_policy_says_whether_types_are_permissive() {
        let capabilities: &[(u32, u64)] = &[(0, 0b1_1111)];
        assert_eq!(permissive(&policy(33, &[capabilities, &[]])), Ok(Vec::new()));
        let some = permissive(&policy(33, &[capabilities, &[(64, 1), (4096, 3)]])).unwrap_err().to_string();
        assert!(some.contains("makes 3 of its types permissive"), "{some}");
        assert_eq!(permissive(&policy(22, &[capabilities])), Ok(Vec::new()));
        let cut = policy(33, &[capabilities]);
        assert!(permissive(&cut).is_err() && permissive("policy:\n").is_err() && permissive("").is_err());
        assert!(permissive(&policy(33, &[capabilities, &[]]).replace("8c", "00")).is_err());
    }

    #[test]
    fn tools_name_the_types() {
        // semanage 3.4 with -n, then what stands behind the number that seinfo 4.4 prints.
        assert_eq!(permissive("types:foo_t\nbar_t\n"), Ok(vec!["foo_t".to_owned(), "bar_t".to_owned()]));
        assert_eq!(permissive("types:my_container.process\n"), Ok(vec!["my_container.process".to_owned()]));
        // A type with an alias and an attribute is a name alone without `-x`.
        let two = Ok(vec!["foo_t".to_owned(), "my_process".to_owned()]);
        assert_eq!(permissive("types:2\n   foo_t\n   my_process\n"), two);
        assert_eq!(permissive("types:0\n"), Ok(Vec::new()));
        assert_eq!(permissive("types:\n"), Ok(Vec::new()));
        assert!(permissive("types:2\n   foo_t\n").is_err());
        for other in ["types:Builtin Permissive Types\nfoo_t\n", "types:1\n   type foo_t;\n"] {
            assert!(permissive(other).unwrap_err().to_string().contains("is no type"), "{other}");
        }
    }
}
