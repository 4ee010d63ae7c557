//! What is known of the system that a file is of: what the file says, and what the person who asks
//! says. All else is not known, which is never taken for absent.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::error::CliError;
use muster_base::exit::Exit;
use muster_base::fault::Fault;
use muster_record::facts::{CAPABILITIES, TOOLS};
use muster_suite::condition::{DIMENSIONS, NeverSo, id_of_distro, is_multiple, never_so};
use muster_suite::diagnostic::did_you_mean;
use muster_suite::model::Condition;

/// Values by the dimensions of conditions. Of a dimension with several values at once whose words are a
/// list that muster has (capabilities, tools), each word is known by itself: to be there, to be missing, or
/// not at all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    has: BTreeMap<String, Vec<String>>,
    lacks: BTreeMap<String, Vec<String>>,
    /// Dimensions of which the system has nothing but what `has` names.
    whole: BTreeSet<String>,
}

/// Why an option does not say what is known of a system.
#[derive(Debug, thiserror::Error)]
enum GivenError {
    #[error("it has no `=`")]
    NoValue,
    #[error("`{0}` is given twice")]
    Twice(String),
    #[error("the system has no `{0}` by one option, and has some by another")]
    NoneAndSome(String),
    #[error("`{0}` is there by one option and missing by another")]
    ThereAndMissing(String),
    /// The command has another option for it, which is named.
    #[error("{0}")]
    Reserved(String),
    #[error("conditions have no dimension `{dimension}`{near}")]
    NoDimension { dimension: String, near: String },
    #[error("it names no `{0}` that is missing")]
    NothingMissing(String),
    #[error("`{value}` is no `{dimension}` that conditions know{near}")]
    NoName { value: String, dimension: String, near: String },
    #[error("`!=` is for a capability or a tool; say which `{0}` the system has")]
    NotMultiple(String),
    #[error("a system has one `{0}`")]
    Several(String),
    /// No system has the value; what it may be is said with it.
    #[error("{0}")]
    Never(String),
}

impl Fault for GivenError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        matches!(self, Self::NoValue).then(|| "for example: --given distro=fedora-43".into())
    }

    fn exit(&self) -> Exit {
        Exit::Invalid
    }
}

impl Known {
    /// Reads `DIMENSION=VALUE`, several values with commas or in several options; without a value the system
    /// has none. `DIMENSION!=VALUE` says that a capability or a tool is missing. What is `reserved` is said
    /// in another way, which is given with it.
    pub(crate) fn given(options: &[String], reserved: &[(&str, &str)]) -> Result<Self, CliError> {
        let mut known = Self::default();
        for option in options {
            let cli_error = |error: GivenError| CliError::about(&format!("--given '{option}'"), error);
            let Some((dimension, values)) = option.split_once('=') else {
                return Err(cli_error(GivenError::NoValue));
            };
            let (dimension, lacks) = match dimension.strip_suffix('!') {
                Some(dimension) => (dimension, true),
                None => (dimension, false),
            };
            let values: Vec<String> =
                values.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect();
            check(dimension, &values, lacks, reserved).map_err(cli_error)?;
            known.add(dimension, values, lacks).map_err(cli_error)?;
        }
        if let Some(values) = known.has.get("distro") {
            let ids = values.iter().map(|distro| id_of_distro(distro).to_owned()).collect();
            known.has.entry("id".to_owned()).or_insert(ids);
        }
        Ok(known)
    }

    fn add(&mut self, dimension: &str, values: Vec<String>, lacks: bool) -> Result<(), GivenError> {
        let has = self.has.get(dimension);
        if has.is_some() && !is_multiple(dimension) {
            return Err(GivenError::Twice(dimension.to_owned()));
        }
        let none = values.is_empty();
        if self.whole.contains(dimension) || (none && has.is_some()) {
            return Err(GivenError::NoneAndSome(dimension.to_owned()));
        }
        let (mine, other) = match lacks {
            true => (&mut self.lacks, &self.has),
            false => (&mut self.has, &self.lacks),
        };
        if let Some(both) = values.iter().find(|word| other.get(dimension).is_some_and(|known| known.contains(word))) {
            return Err(GivenError::ThereAndMissing(both.clone()));
        }
        mine.entry(dimension.to_owned()).or_default().extend(values);
        if none {
            self.whole.insert(dimension.to_owned());
        }
        Ok(())
    }

    /// The same, with what a file says of itself.
    pub(crate) fn with(&self, said: &[(&str, String)]) -> Self {
        let mut known = self.clone();
        known.has.extend(said.iter().map(|(dimension, value)| ((*dimension).to_owned(), vec![value.clone()])));
        known
    }

    /// The same, with a capability that the file itself is the proof of.
    pub(crate) fn proving(&self, capability: Option<&str>) -> Self {
        let mut known = self.clone();
        known.has.entry("capability".to_owned()).or_default().extend(capability.map(str::to_owned));
        known
    }

    /// The same, with a capability that the file itself shows to be missing.
    pub(crate) fn lacking(&self, capability: &str) -> Self {
        let mut known = self.clone();
        known.lacks.entry("capability".to_owned()).or_default().push(capability.to_owned());
        known
    }

    /// As conditions look it up, once they are [`Known::decided`].
    pub(crate) fn lookup(&self, dimension: &str) -> Option<Vec<String>> {
        self.has.get(dimension).cloned().or_else(|| vocabulary(dimension).map(|_| Vec::new()))
    }

    /// The condition in a form that [`Known::lookup`] can decide: a comparison of a word of which nothing is
    /// known is replaced by one of a dimension that nothing is known of, `capability=cgroup2`.
    pub(crate) fn decided(&self, condition: &Condition) -> Condition {
        let each = |parts: &[Condition]| parts.iter().map(|part| self.decided(part)).collect();
        match condition {
            Condition::And(parts) => Condition::And(each(parts)),
            Condition::Or(parts) => Condition::Or(each(parts)),
            Condition::Not(inner) => Condition::Not(Box::new(self.decided(inner))),
            Condition::Compare { dimension, values, .. } => match self.open_word(dimension, values) {
                Some(word) => Condition::Defined(format!("{dimension}={word}"), true),
                None => condition.clone(),
            },
            Condition::Defined(dimension, _) => match self.open_word(dimension, &["…".to_owned()]) {
                Some(_) if self.has.get(dimension).is_none_or(Vec::is_empty) => {
                    Condition::Defined(format!("{dimension}=…"), true)
                }
                _ => condition.clone(),
            },
        }
    }

    /// The first of these words of which it is not known whether the system has it, unless another one
    /// that it has decides.
    fn open_word<'w>(&self, dimension: &str, words: &'w [String]) -> Option<&'w str> {
        vocabulary(dimension)?;
        let is_in = |known: &BTreeMap<String, Vec<String>>, word: &String| {
            known.get(dimension).is_some_and(|known| known.contains(word))
        };
        if self.whole.contains(dimension) || words.iter().any(|word| is_in(&self.has, word)) {
            return None;
        }
        words.iter().find(|word| !is_in(&self.lacks, word)).map(String::as_str)
    }
}

/// The words of a dimension that has several at once, when muster has the list of them.
fn vocabulary(dimension: &str) -> Option<Vec<&'static str>> {
    match dimension {
        "capability" => Some(CAPABILITIES.iter().map(|(name, _)| *name).collect()),
        "tool" => Some(TOOLS.to_vec()),
        _ => None,
    }
}

fn check(dimension: &str, values: &[String], lacks: bool, reserved: &[(&str, &str)]) -> Result<(), GivenError> {
    if let Some((_, instead)) = reserved.iter().find(|(name, _)| *name == dimension) {
        return Err(GivenError::Reserved((*instead).to_owned()));
    }
    if !DIMENSIONS.iter().any(|(name, ..)| *name == dimension) {
        let near = did_you_mean(dimension, DIMENSIONS.iter().map(|(name, ..)| *name));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Err(GivenError::NoDimension { dimension: dimension.to_owned(), near });
    }
    if let Some(words) = vocabulary(dimension) {
        if lacks && values.is_empty() {
            return Err(GivenError::NothingMissing(dimension.to_owned()));
        }
        return match values.iter().find(|value| !words.contains(&value.as_str())) {
            Some(value) => Err(GivenError::NoName {
                value: value.clone(),
                dimension: dimension.to_owned(),
                near: near(value, &words),
            }),
            None => Ok(()),
        };
    }
    if lacks {
        return Err(GivenError::NotMultiple(dimension.to_owned()));
    }
    if values.len() > 1 && dimension != "id-like" {
        return Err(GivenError::Several(dimension.to_owned()));
    }
    match values.iter().find_map(|value| never_so(dimension, value)) {
        Some(NeverSo { message, near: Some(near), .. }) => {
            Err(GivenError::Never(format!("{message}; did you mean `{near}`?")))
        }
        Some(NeverSo { message, note, .. }) => Err(GivenError::Never(format!("{message}; {note}"))),
        None => Ok(()),
    }
}

/// What a person may have meant, or all that there is.
fn near(word: &str, words: &[&'static str]) -> String {
    match did_you_mean(word, words.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => format!("; they are {}", words.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_suite::condition::{Truth, evaluate};

    fn known(options: &[&str]) -> Result<Known, String> {
        let options: Vec<String> = options.iter().map(|option| option.to_string()).collect();
        Known::given(&options, &[("arch", "write --arch")]).map_err(|cli_error| cli_error.what)
    }

    #[test]
    fn what_is_given_is_known_and_nothing_else() {
        let given = known(&["distro=fedora-43", "id-like=", "mode=package"]).unwrap();
        assert_eq!(given.lookup("distro"), Some(vec!["fedora-43".to_owned()]));
        assert_eq!(given.lookup("id"), Some(vec!["fedora".to_owned()]), "a distribution is its id");
        assert_eq!(given.lookup("id-like"), Some(Vec::new()), "known to be none");
        assert_eq!(given.lookup("variant"), None);
        let said = [("kernel", "6.18.5".to_owned())];
        assert_eq!(given.with(&said).lookup("kernel"), Some(vec!["6.18.5".to_owned()]));
        assert_eq!(given.with(&said).lookup("arch"), None);
    }

    #[test]
    fn mistakes_are_reported_with_what_to_write() {
        for (option, part) in [
            ("distro", "it has no `=`"),
            ("dristo=fedora-43", "did you mean `distro`?"),
            ("mode=readonly", "`mode` is never `readonly`; did you mean `image`?"),
            ("mode=x", "it is one of: package, image"),
            ("id=Fedora", "did you mean `fedora`?"),
            ("arch=x86_64", "write --arch"),
            ("capability=selinus", "did you mean `selinux`?"),
            ("tool=xyzzy", "they are rpm, dnf5"),
            ("capability!=", "names no `capability`"),
            ("distro!=fedora-43", "`!=` is for a capability or a tool"),
            ("distro=fedora-43,fedora-44", "a system has one `distro`"),
        ] {
            let error = known(&[option]).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        assert!(known(&["mode=image", "mode=image"]).unwrap_err().contains("twice"));
    }
    #[test]
    fn each_capability_is_known_by_itself() {
        let condition = |text: &str| muster_suite::condition::parse(text, &crate::load::vocabulary()).unwrap();
        let truth = |options: &[&str], text: &str| {
            let known = known(options).unwrap().proving(Some("kconfig"));
            match evaluate(&known.decided(&condition(text)), &|dimension| known.lookup(dimension)) {
                Truth::True => "true".to_owned(),
                Truth::False { .. } => "false".to_owned(),
                Truth::Unknown { dimension } => dimension,
            }
        };
        let repeated = ["capability=cgroup2", "capability=systemd,efi", "capability!=selinux", "tool!=rpm"];
        for (text, expected) in [
            ("capability == cgroup2", "true"),
            ("not (capability == cgroup2)", "false"),
            ("capability != efi", "false"),
            ("capability == kconfig and capability == systemd", "true"),
            ("capability == selinux", "false"),
            ("capability != selinux", "true"),
            ("tool == rpm", "false"),
            ("capability == tpm, efi", "true"),
            ("capability == tpm, selinux", "capability=tpm"),
            ("not (capability == journal)", "capability=journal"),
            ("tool == grep", "tool=grep"),
        ] {
            assert_eq!(truth(&repeated, text), expected, "{text}");
        }
        assert_eq!(truth(&["capability="], "capability == cgroup2"), "false", "known to have none");
        assert_eq!(truth(&[], "capability == cgroup2"), "capability=cgroup2");
        for contradiction in [["capability=efi", "capability!=efi"], ["capability=", "capability=efi"]] {
            assert!(known(&contradiction).unwrap_err().contains("by another"), "{contradiction:?}");
        }
    }
}
