//! Which facts of an image changed from one run to another.

use std::collections::BTreeMap;

use muster_record::facts::Facts;
use serde_json::Value;

/// A fact that is not as it was. Values are what guests said, not yet escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactChange {
    /// `kernel`, `os-release.VERSION_ID`, `capabilities.tpm`.
    pub fact: String,
    /// What it was; `None` where there was none.
    pub before: Option<String>,
    /// What it is; `None` where there is none any more.
    pub after: Option<String>,
}

/// What differs, by name. The boot id differs always and is left out.
pub(crate) fn changes(before: &Facts, after: &Facts) -> Vec<FactChange> {
    let (before, after) = (flat(before), flat(after));
    let names = before.keys().chain(after.keys()).collect::<std::collections::BTreeSet<_>>();
    let of = |facts: &BTreeMap<String, String>, name: &String| facts.get(name).cloned();
    names
        .into_iter()
        .map(|name| FactChange { fact: name.clone(), before: of(&before, name), after: of(&after, name) })
        .filter(|change| change.before != change.after)
        .collect()
}

/// Every fact by its path. What is a list is a set of names: each is there or not.
fn flat(facts: &Facts) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let Ok(value) = serde_json::to_value(facts) else { return out };
    walk("", &value, &mut out);
    out.remove("boot-id");
    out
}

fn walk(path: &str, value: &Value, out: &mut BTreeMap<String, String>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Null => {}
        Value::Object(map) => map.iter().for_each(|(name, value)| walk(&below(name), value, out)),
        Value::Array(names) => names.iter().for_each(|name| match name {
            Value::String(name) => drop(out.insert(below(name), "yes".to_owned())),
            other => drop(out.insert(below(&other.to_string()), "yes".to_owned())),
        }),
        Value::String(text) => drop(out.insert(path.to_owned(), text.clone())),
        other => drop(out.insert(path.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_and_every_member_of_a_set_is_a_fact() {
        let before = Facts { kernel: "6.1".into(), systemd: Some(257), ..Facts::default() };
        let mut after = Facts { kernel: "6.2".into(), boot_id: "x".into(), ..Facts::default() };
        after.capabilities.insert("tpm".into());
        after.os_release.insert("ID".into(), "fedora".into());
        let said: Vec<String> = changes(&before, &after)
            .into_iter()
            .map(|change| format!("{} {:?} {:?}", change.fact, change.before, change.after))
            .collect();
        assert_eq!(
            said,
            [
                r#"capabilities.tpm None Some("yes")"#,
                r#"kernel Some("6.1") Some("6.2")"#,
                r#"os-release.ID None Some("fedora")"#,
                r#"systemd Some("257") None"#,
            ]
        );
    }
}
