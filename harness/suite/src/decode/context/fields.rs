//! The keys of a mapping: which are there, which are missing, and what a key was meant to be that is none. One mistake
//! makes one message: a key that is misspelt is not missing as well.

use super::Context;
use crate::clause::Join;
use crate::diagnostic::{Diagnostic, Span, codes, did_you_mean};
use crate::keys::{FRAGMENT, Key, KeyTable, STEPS, SUITE, Shape, TEST};
use crate::yaml::{Node, NodeKind};

/// The entries of a mapping whose keys are all known.
pub(crate) struct Fields<'n> {
    entries: Vec<(&'static Key, &'n Node, &'n Node)>,
    /// The keys that the unknown ones were most likely meant to be, or belong below. One that is certain is in `entries`, too.
    meant: Vec<&'static str>,
    /// Where the mapping begins.
    pub(crate) span: Span,
}

impl<'n> Fields<'n> {
    /// The value of a key.
    pub(crate) fn get(&self, name: &str) -> Option<&'n Node> {
        self.entry(name).map(|(_, value)| value)
    }

    /// Key and value.
    pub(crate) fn entry(&self, name: &str) -> Option<(&'n Node, &'n Node)> {
        self.entries.iter().find(|(key, _, _)| key.name == name).map(|(_, key, value)| (*key, *value))
    }

    /// Whether a key that was reported already was most likely meant to be this one, or to stand below it. That this one is
    /// missing, or says nothing, only follows from that.
    pub(crate) fn meant(&self, name: &str) -> bool {
        self.meant.contains(&name)
    }

    /// Whether the key is there, or was meant to be.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some() || self.meant(name)
    }
}

/// Unknown keys that are compared with those that are absent: an untrusted file has a hundred thousand.
const MOST_UNCLEAR: usize = 100;

/// Where a key belongs that does not belong here.
struct Belongs {
    /// The key of this mapping below which it belongs, where it does.
    below: Option<&'static str>,
    /// What it is, with its article.
    what: String,
    help: String,
}

impl Context<'_> {
    /// The mapping's entries; unknown and missing keys are reported.
    pub(crate) fn fields<'n>(&mut self, node: &'n Node, table: &'static KeyTable) -> Option<Fields<'n>> {
        self.fields_with(node, table, &[], None)
    }

    /// As [`Self::fields`], where some more keys must be there, with what helps when they are not.
    pub(crate) fn fields_with<'n>(
        &mut self,
        node: &'n Node,
        table: &'static KeyTable,
        also: &[&str],
        help: Option<&str>,
    ) -> Option<Fields<'n>> {
        let NodeKind::Mapping(entries) = &node.kind else {
            let names = table.names().join(", ");
            let problem = self.wrong_shape(node, table.what, "a mapping").note(format!("keys: {names}"));
            self.report(problem);
            return None;
        };
        let mut fields = Fields { entries: Vec::with_capacity(entries.len()), meant: Vec::new(), span: node.span };
        let mut unknown = Vec::new();
        for (key, value) in entries {
            match table.get(key.scalar().unwrap_or_default()) {
                Some(found) => fields.entries.push((found, key, value)),
                None => unknown.push((key, value)),
            }
        }
        // A key that is there was not meant by another one as well.
        let absent: Vec<&'static str> = table.names().into_iter().filter(|name| fields.get(name).is_none()).collect();
        let mut unclear = Vec::new();
        for (key, value) in unknown {
            let name = key.scalar().unwrap_or_default();
            if let Some(belongs) = self.belongs(table, name, &fields) {
                fields.meant.extend(belongs.below);
                let problem = self
                    .problem(codes::UNKNOWN_KEY, key.span, format!("`{name}` is not a key of {}", table.what))
                    .label(format!("this is {}", belongs.what));
                self.report(problem.help(belongs.help));
                continue;
            }
            let near = (unclear.len() <= MOST_UNCLEAR).then(|| self.near_key(name, &absent)).flatten();
            match near {
                Some(near) => {
                    // What is in it is looked at as well, where no other key can have been meant: all mistakes of a file are said
                    // at once.
                    let is_first = !fields.meant.contains(&near);
                    if let Some(meant) = table.get(near).filter(|_| is_first && is_one_slip(name, near)) {
                        fields.entries.push((meant, key, value));
                    }
                    fields.meant.push(near);
                    self.unknown_key(key, name, table.what, &table.names());
                }
                None => unclear.push(key),
            }
        }
        // What says nothing because its content stands next to it is no second mistake.
        let Fields { entries, meant, .. } = &mut fields;
        entries.retain(|(key, _, value)| !(value.is_null() && meant.contains(&key.name)));
        // Which schema a document has was looked at before its keys were.
        let wanted =
            |key: &&Key| (key.required && !matches!(key.shape, Shape::Constant(_))) || also.contains(&key.name);
        let missing: Vec<_> = table.keys.iter().filter(wanted).filter(|key| !fields.has(key.name)).collect();
        // A key that does not exist, where one is missing, was most likely meant to be that.
        for (at, key) in unclear.iter().enumerate() {
            let name = key.scalar().unwrap_or_default();
            let problem = self.unknown(key, name, table.what, &table.names());
            self.report(if at == 0 { noted(problem, table, &missing) } else { problem });
        }
        if let ([], Some(needs)) = (unclear.as_slice(), needs(table, &missing)) {
            let problem = self.problem(codes::MISSING_KEY, node.span, needs);
            let problem =
                missing.iter().fold(problem, |problem, key| problem.note(format!("`{}`: {}", key.name, key.doc)));
            self.report(match help {
                Some(help) => problem.help(help),
                None => problem,
            });
        }
        Some(fields)
    }

    /// Reports a key that is none of these.
    pub(crate) fn unknown_key(&mut self, key: &Node, name: &str, what: &str, known: &[&str]) {
        let problem = self.unknown(key, name, what, known);
        self.report(problem);
    }

    fn unknown(&self, key: &Node, name: &str, what: &str, known: &[&str]) -> Diagnostic {
        let shown = muster_base::text::one_line(name, 80);
        let problem = self
            .problem(codes::UNKNOWN_KEY, key.span, format!("`{shown}` is not a key of {what}"))
            .note(format!("keys: {}", known.join(", ")));
        match self.near_key(name, known) {
            Some(near) => problem.label(format!("did you mean `{near}`?")),
            None => problem,
        }
    }

    /// The key that was most likely meant.
    fn near_key<'k>(&self, name: &str, known: &[&'k str]) -> Option<&'k str> {
        // An untrusted file can have a hundred thousand of these; no one reads the last.
        let crowded = self.sink.count_in(&self.file) > 100;
        did_you_mean(name, known.iter().copied().filter(|_| !crowded))
    }

    /// Where a key belongs that a table does not have: below one of the table's own keys, or around it.
    fn belongs(&mut self, table: &'static KeyTable, name: &str, fields: &Fields<'_>) -> Option<Belongs> {
        if table.what == TEST.what {
            if self.vocabulary.table(name).is_some() || Join::of(name).is_some() {
                let help = "indent it, so that it is below `expect`".to_owned();
                return Some(Belongs { below: Some("expect"), what: "a check type".to_owned(), help });
            }
            if STEPS.iter().any(|step| step.keys[0].name == name) {
                let help = format!("write it below `steps`, as `- {name}: …`");
                return Some(Belongs { below: Some("steps"), what: "a step".to_owned(), help });
            }
            if let Some(around) = [&SUITE, &FRAGMENT].into_iter().find(|around| around.get(name).is_some()) {
                let help = "write it at the beginning of its line, next to `tests`".to_owned();
                return Some(Belongs { below: None, what: format!("a key of {}", around.what), help });
            }
        }
        let inner = |key: &Key| match key.shape {
            Shape::Mapping(inner) | Shape::List(inner) => Some(inner).filter(|inner| inner.get(name).is_some()),
            _ => None,
        };
        // `name` in a test is no name of a snapshot where there is none.
        let may = |key: &&'static Key| table.what != TEST.what || fields.get(key.name).is_some();
        let mut parents = table.keys.iter().filter(may).filter_map(|key| Some((key, inner(key)?)));
        let (first, others) = (parents.next()?, parents.collect::<Vec<_>>());
        // Of a key that several mappings have, what a whole suite can state is most likely meant to be stated once.
        let (key, inner) = match others.iter().find(|(key, _)| key.name == "defaults") {
            _ if first.0.name == "defaults" => first,
            Some(defaults) => *defaults,
            None => *others.iter().find(|(key, _)| key.name == "tests").unwrap_or(&first),
        };
        self.outside_tests |= inner.what == TEST.what && ["steps", "expect", "snapshots"].contains(&name);
        let help = match key.shape {
            Shape::List(_) => format!("indent it like the other keys of {}, below `{}`", inner.what, key.name),
            _ => format!("indent it, so that it is below `{}`", key.name),
        };
        Some(Belongs { below: Some(key.name), what: format!("a key of {}", inner.what), help })
    }
}

/// Whether one letter is wrong, missing or too many, or two have changed places, in a name that is long enough for this to say
/// what was meant.
fn is_one_slip(written: &str, key: &str) -> bool {
    key.len() >= 4 && strsim::damerau_levenshtein(written, key) == 1
}

/// That a mapping lacks keys, in one sentence; `None` when it lacks none.
fn needs(table: &KeyTable, missing: &[&Key]) -> Option<String> {
    let names = match missing {
        [] => return None,
        [one] => format!("the key `{}`", one.name),
        [others @ .., last] => {
            let others: Vec<String> = others.iter().map(|key| format!("`{}`", key.name)).collect();
            format!("the keys {} and `{}`", others.join(", "), last.name)
        }
    };
    Some(format!("{} needs {names}", table.what))
}

fn noted(problem: Diagnostic, table: &KeyTable, missing: &[&Key]) -> Diagnostic {
    match needs(table, missing) {
        Some(needs) => problem.note(needs),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::kind::FileKind;
    use crate::testing::VOCABULARY;
    use crate::yaml::{self, Limits};

    /// Every table of keys that a file has, each once.
    fn tables() -> Vec<&'static KeyTable> {
        fn below(table: &'static KeyTable, out: &mut Vec<&'static KeyTable>) {
            if out.iter().any(|known| known.what == table.what) {
                return;
            }
            out.push(table);
            for key in table.keys {
                if let Shape::Mapping(inner) | Shape::List(inner) | Shape::OneOf(inner) = key.shape {
                    below(inner, out);
                }
            }
        }
        let mut out = Vec::new();
        FileKind::ALL.iter().for_each(|kind| below(kind.keys(), &mut out));
        STEPS.iter().for_each(|step| below(step, &mut out));
        assert!(out.len() > 25, "{}", out.len());
        out
    }

    /// What is wrong with a mapping: codes, with all that is said.
    fn said(text: &str, table: &'static KeyTable) -> Vec<(&'static str, String)> {
        let name = "x.yaml".into();
        let mut sink = Diagnostics::new();
        let root = yaml::parse(&name, text, Limits::default(), &mut sink).expect("YAML");
        let mut patterns = Default::default();
        Context::new(name, &VOCABULARY, &mut patterns, &mut sink).fields(&root, table);
        let text = |one: &Diagnostic| {
            format!("{} [{}] {} {}", one.message, one.label, one.notes.join(" "), one.help.clone().unwrap_or_default())
        };
        sink.iter().map(|one| (one.code, text(one))).collect()
    }

    #[test]
    fn a_key_that_is_misspelt_is_one_mistake_wherever_it_stands() {
        for table in tables() {
            for key in table.keys.iter().filter(|key| !matches!(key.shape, Shape::Constant(_))) {
                let line = |other: &Key| match other.name == key.name {
                    true => format!("{}x: x\n", other.name),
                    false => format!("{}: x\n", other.name),
                };
                let text: String = table.keys.iter().map(line).collect();
                let found = said(&text, table);
                let wanted = format!("[did you mean `{}`?]", key.name);
                let is_one = matches!(&found[..], [(codes::UNKNOWN_KEY, said)] if said.contains(&wanted));
                assert!(is_one, "{}: {}: {found:?}", table.what, key.name);
            }
        }
    }

    #[test]
    fn all_keys_that_are_missing_are_one_mistake() {
        for table in tables() {
            let wanted = |key: &&Key| key.required && !matches!(key.shape, Shape::Constant(_));
            let required: Vec<&Key> = table.keys.iter().filter(wanted).collect();
            let Some(other) = table.keys.iter().find(|key| !wanted(key)) else { continue };
            let found = said(&format!("{}: x\n", other.name), table);
            assert_eq!(found.len(), usize::from(!required.is_empty()), "{}: {found:?}", table.what);
            for key in &required {
                assert!(found[0].1.contains(&format!("`{}`", key.name)), "{}: {found:?}", table.what);
            }
            // One that nobody knows was most likely meant to be the one that is missing.
            let found = said(&format!("{}: x\nzzzzzzzzzzzz: x\n", other.name), table);
            assert_eq!(found.iter().map(|(code, _)| *code).collect::<Vec<_>>(), [codes::UNKNOWN_KEY], "{}", table.what);
            for key in &required {
                assert!(found[0].1.contains(&format!("`{}`", key.name)), "{}: {found:?}", table.what);
            }
        }
    }

    #[test]
    fn a_key_of_the_level_below_is_named_as_one() {
        for table in tables() {
            for parent in table.keys {
                let (Shape::Mapping(inner) | Shape::List(inner)) = parent.shape else { continue };
                for key in inner.keys.iter().filter(|key| table.get(key.name).is_none()) {
                    let text: String = table.keys.iter().map(|key| format!("{}: x\n", key.name)).collect();
                    let found = said(&format!("{text}{}: x\n", key.name), table);
                    let is_one = matches!(&found[..], [(codes::UNKNOWN_KEY, said)] if said.contains("[this is a"));
                    assert!(is_one, "{}: {}: {found:?}", table.what, key.name);
                }
            }
        }
        let found = said("id: x\nkernel: x\nexpect:\n", &TEST);
        assert!(matches!(&found[..], [(_, said)] if said.contains("below `expect`")), "{found:?}");
        let found = said("id: x\nmatrix: x\nrun: x\n", &TEST);
        assert!(found[0].1.contains("a key of a suite") && found[1].1.contains("below `steps`"), "{found:?}");
    }
}
