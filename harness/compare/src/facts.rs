//! `facts/v1`: all that a comparison reads of one system, as a file that can be kept and compared with
//! later. Files come from strangers too: read within bounds, every name checked, nothing guessed.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::marker::PhantomData;

use camino::Utf8Path;
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::error::{ContentError, FactsError};
use super::item::{Field, Item, Items, Part};
use super::kind::{FactKind, Scope};
use super::kinds;
use muster_base::text;
use muster_check::Observations;
use muster_record::facts::Facts as System;

/// The name of the schema.
pub const SCHEMA: &str = "facts/v1";

/// Bytes of a file at most.
const LARGEST: u64 = 256 << 20;
/// Characters of a name and of a value at most.
const LONGEST_NAME: usize = 4096;
const LONGEST_VALUE: usize = 65_536;

/// What is known of one system.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// What it is called in reports: an image's id.
    pub name: String,
    /// When they were read, RFC 3339.
    pub taken: String,
    /// What the guest is, by which `where` of a ledger is decided.
    pub system: System,
    /// Whose files were read.
    pub trees: Vec<String>,
    /// What it says of each kind that was asked for.
    pub parts: BTreeMap<&'static str, Part>,
}

impl Facts {
    /// Makes facts of what a guest answered to the probes of these kinds.
    pub fn from_replies(
        (name, taken): (String, String),
        system: System,
        kinds: &[&'static dyn FactKind],
        scope: &Scope,
        seen: &Observations,
    ) -> Self {
        let part = |kind: &&'static dyn FactKind| {
            let part = kind.parse(seen).unwrap_or_else(|why| Part::Unreadable(text::one_line(&why.to_string(), 400)));
            (kind.name(), bounded(part))
        };
        Self { name, taken, system, trees: scope.trees.clone(), parts: kinds.iter().map(part).collect() }
    }

    /// What it says of a kind; a kind that was not asked for is unreadable.
    pub fn part(&self, kind: &str) -> Part {
        self.parts.get(kind).cloned().unwrap_or_else(|| Part::Unreadable("it was not read".to_owned()))
    }

    /// The items of a kind, when they are known.
    pub fn items(&self, kind: &str) -> Option<&Items> {
        match self.parts.get(kind) {
            Some(Part::Known(items)) => Some(items),
            _ => None,
        }
    }

    /// What a dimension of conditions is on this system, as [`muster_suite::condition::evaluate`] asks.
    /// What belongs to a run and not to a system (`image`, `accelerator`) is not known.
    pub fn dimension(&self, name: &str) -> Option<Vec<String>> {
        match name {
            "image" => Some(vec![self.name.clone()]),
            "accelerator" | "claimed-openssl-provider" => None,
            other => Some(self.system.dimension(other).unwrap_or_default()),
        }
    }

    /// The file's text.
    ///
    /// # Errors
    /// When it cannot be serialised, which is a defect of ours.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let part = |part: &Part| match part {
            Part::Known(items) => json!({"items": items}),
            Part::Absent(why) => json!({"absent": why}),
            Part::Unreadable(why) => json!({"unreadable": why}),
        };
        let parts: Map<String, Value> = self.parts.iter().map(|(kind, it)| ((*kind).to_owned(), part(it))).collect();
        let document = json!({
            "schema": SCHEMA,
            "name": self.name,
            "taken": self.taken,
            "system": serde_json::to_value(&self.system)?,
            "trees": self.trees,
            "kinds": parts,
        });
        serde_json::to_string_pretty(&document).map(|text| text + "\n")
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn from_json(text: &str) -> Result<Self, ContentError> {
        let file: Document =
            serde_json::from_str(text).map_err(|error| ContentError::Json(text::one_line(&error.to_string(), 300)))?;
        if file.schema != SCHEMA {
            return Err(ContentError::Schema { found: text::one_line(&file.schema, 60), known: SCHEMA });
        }
        let mut parts = BTreeMap::new();
        for (word, part) in file.kinds.0 {
            let kind = kinds::find(&word).ok_or_else(|| ContentError::Kind { kind: text::one_line(&word, 60) })?;
            parts.insert(kind.name(), part.checked(kind)?);
        }
        let line = |text: &str| text::one_line(text, LONGEST_NAME);
        Ok(Self {
            name: line(&file.name),
            taken: line(&file.taken),
            system: file.system,
            trees: file.trees.iter().map(|tree| line(tree)).collect(),
            parts,
        })
    }

    /// Reads a file, at most 256 MiB.
    ///
    /// # Errors
    /// It cannot be read, or is no file of facts.
    pub fn read(path: &Utf8Path) -> Result<Self, FactsError> {
        let named = || text::one_line(path.as_str(), 300);
        let failed = |source| FactsError::Read { path: named(), source };
        let metadata = std::fs::metadata(path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(FactsError::NoFile { path: named() });
        }
        let mut bytes = Vec::new();
        std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(failed)?;
        if bytes.len() as u64 > LARGEST {
            return Err(FactsError::TooLarge { path: named(), limit: LARGEST });
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| FactsError::NotUtf8 { path: named() })?;
        Self::from_json(text).map_err(|why| FactsError::Content { path: named(), why })
    }
}

/// The same part, when all of its texts are within the bounds that a file may have.
fn bounded(part: Part) -> Part {
    let Part::Known(items) = &part else { return part };
    for (subject, item) in items {
        if subject.chars().count() > LONGEST_NAME || item.values().any(|value| value.chars().count() > LONGEST_VALUE) {
            let subject = text::one_line(subject, 80);
            return Part::Unreadable(format!("what it says of `{subject}` is longer than the limit"));
        }
    }
    part
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    schema: String,
    name: String,
    taken: String,
    system: System,
    trees: Vec<String>,
    kinds: Unique<Written>,
}

/// A part as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Written {
    Items(Unique<Unique<String>>),
    Absent(String),
    Unreadable(String),
}

impl Written {
    fn checked(self, kind: &dyn FactKind) -> Result<Part, ContentError> {
        let items = match self {
            Written::Absent(why) => return Ok(Part::Absent(text::one_line(&why, 400))),
            Written::Unreadable(why) => return Ok(Part::Unreadable(text::one_line(&why, 400))),
            Written::Items(items) => items.0,
        };
        let mut out = Items::new();
        for (subject, written) in items {
            let clean = escape_line(&subject);
            if clean.is_empty() || clean != subject || subject.chars().count() > LONGEST_NAME {
                return Err(ContentError::Subject { kind: kind.name(), subject: text::one_line(&subject, 80) });
            }
            let mut item = Item::new();
            for (name, value) in written.0 {
                let field =
                    kind.fields().iter().find(|field| field.name == name).ok_or_else(|| ContentError::Field {
                        kind: kind.name(),
                        subject: text::one_line(&subject, 80),
                        field: text::one_line(&name, 60),
                    })?;
                if value.chars().count() > LONGEST_VALUE {
                    let subject = text::one_line(&subject, 80);
                    return Err(ContentError::Value { kind: kind.name(), subject, field: field.name });
                }
                item.insert(field.name, escape_line(&renamed(kind.name(), field.name, value)));
            }
            out.insert(subject, item);
        }
        Ok(Part::Known(out))
    }
}

/// A value by its present name: files that were written before it had that name are still read.
fn renamed(kind: &str, field: &str, value: String) -> String {
    match (kind, field, value.as_str()) {
        ("file", "type", "folder") => "directory".to_owned(),
        _ => value,
    }
}

/// One line, escaped, not cut.
fn escape_line(text: &str) -> String {
    text::escape(text).replace(['\n', '\t'], " ")
}

/// A mapping in which no key stands twice: the last of two would silently win.
struct Unique<T>(BTreeMap<String, T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Unique<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<'de, T: DeserializeOwned> Visitor<'de> for Reader<T> {
            type Value = Unique<T>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a mapping")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique<T>, A::Error> {
                let mut out = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, T>()? {
                    if out.contains_key(&key) {
                        return Err(A::Error::custom(format!("`{}` occurs twice", text::one_line(&key, 80))));
                    }
                    out.insert(key, value);
                }
                Ok(Unique(out))
            }
        }
        deserializer.deserialize_map(Reader(PhantomData))
    }
}

/// The JSON Schema of facts files, made from the kinds themselves.
pub fn schema() -> Value {
    let why = |doc: &str| json!({"type": "string", "description": doc});
    let one = |kind: &&'static dyn FactKind| {
        let field = |field: &Field| (field.name.to_owned(), json!({"type": "string", "description": field.doc}));
        let fields: Map<String, Value> = kind.fields().iter().map(field).collect();
        let item = json!({"type": "object", "properties": fields, "additionalProperties": false});
        let part = json!({
            "type": "object",
            "description": format!("The system's {}.", kind.what()),
            "properties": {
                "items": {"type": "object", "additionalProperties": item},
                "absent": why("The system has no such thing, and why that is known."),
                "unreadable": why("It could not be read, and why."),
            },
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        });
        (kind.name().to_owned(), part)
    };
    let kinds: Map<String, Value> = kinds::all().iter().map(one).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:muster:{SCHEMA}"),
        "title": "What a comparison of muster reads of one system",
        "type": "object",
        "properties": {
            "schema": {"const": SCHEMA},
            "name": {"type": "string", "description": "What the system is called in reports."},
            "taken": {"type": "string", "description": "When the facts were read, RFC 3339."},
            "system": {"type": "object", "description": "What the guest is, as a run's machines/*/facts.json."},
            "trees": {"type": "array", "items": {"type": "string"}, "description": "Whose files were read."},
            "kinds": {"type": "object", "properties": kinds, "additionalProperties": false},
        },
        "required": ["schema", "name", "taken", "system", "trees", "kinds"],
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{facts, items, package};
    use super::*;

    fn written() -> Facts {
        let mut facts = facts(&[("package", items(&[("bash", &package("5.2", "1", "bash"))]))]);
        facts.parts.insert("locale", Part::Absent("no locale".into()));
        facts.parts.insert("module", Part::Unreadable("uname: not found".into()));
        facts
    }

    #[test]
    fn what_is_written_is_read_again_and_fits_the_schema() {
        let text = written().to_json().unwrap();
        assert_eq!(Facts::from_json(&text), Ok(written()));
        jsonschema::draft202012::meta::validate(&schema()).expect("the schema is itself valid");
        let validator = jsonschema::draft202012::new(&schema()).unwrap();
        let errors = |value: &Value| validator.iter_errors(value).count();
        let mut document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(errors(&document), 0);
        document["kinds"]["package"]["items"]["bash"]["colour"] = json!("red");
        assert_eq!(errors(&document), 1);
    }

    #[test]
    fn a_file_that_is_not_quite_facts_is_refused() {
        let good = written().to_json().unwrap();
        let refused = |from: &str, to: &str| {
            assert!(good.contains(from), "{from}");
            Facts::from_json(&good.replacen(from, to, 1)).expect_err(to).to_string()
        };
        assert!(refused("facts/v1", "facts/v2").contains("facts/v2"));
        assert!(refused("\"package\":", "\"parcel\":").contains("parcel"));
        assert!(refused("\"version\":", "\"verzion\":").contains("verzion"));
        assert!(refused("\"release\":", "\"version\":").contains("occurs twice"));
        assert!(refused("\"absent\":", "\"gone\":").contains("gone"));
        assert!(refused("\"bash\":", "\"a\\u001b[2J\":").contains("plain line"));
        assert!(Facts::from_json("[]").is_err() && Facts::from_json("").is_err());
    }

    #[test]
    fn a_directory_that_was_written_under_its_earlier_name_is_one() {
        let items = r#"{"items": {"/etc": {"type": "folder"}, "/etc/folder": {"type": "file"}}}"#;
        let mut document: Value = serde_json::from_str(&written().to_json().unwrap()).unwrap();
        document["kinds"]["file"] = serde_json::from_str(items).unwrap();
        let facts = Facts::from_json(&document.to_string()).unwrap();
        let files = facts.items("file").unwrap();
        assert_eq!((files["/etc"]["type"].as_str(), files["/etc/folder"]["type"].as_str()), ("directory", "file"));
    }

    #[test]
    fn hostile_values_are_escaped_after_reading() {
        let text = written().to_json().unwrap().replace("\"5.2\"", "\"5\\u001b[2J\\n.2\"");
        let facts = Facts::from_json(&text).unwrap();
        assert_eq!(facts.items("package").unwrap()["bash"]["version"], "5\\x1b[2J .2");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap();
        assert!(Facts::read(path).unwrap_err().to_string().ends_with("not a plain file"));
        let missing = path.join("gone.json");
        assert!(Facts::read(&missing).unwrap_err().to_string().starts_with(missing.as_str()));
    }
}
