//! What is known of the system that a file is of: what the file says, and what the person who asks
//! says. All else is not known, which is never taken for absent.

use std::collections::BTreeMap;

use crate::cli::Complaint;
use crate::suite::condition::{DIMENSIONS, id_of_distro, words};
use crate::suite::diagnostic::did_you_mean;

/// Values by the dimensions of conditions.
#[derive(Debug, Clone, Default)]
pub struct Known(BTreeMap<String, Vec<String>>);

impl Known {
    /// Reads `DIMENSION=VALUE`, several values with commas; without a value the system has none. What is
    /// `reserved` is said in another way, which stands beside it.
    pub fn given(options: &[String], reserved: &[(&str, &str)]) -> Result<Self, Complaint> {
        let mut known = BTreeMap::new();
        for option in options {
            let complaint = |why: String| Complaint::invalid(format!("--given '{option}': {why}"));
            let Some((dimension, values)) = option.split_once('=') else {
                return Err(complaint("it has no `=`".to_owned()).hint("for example: --given distro=fedora-43"));
            };
            let values: Vec<String> =
                values.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect();
            check(dimension, &values, reserved).map_err(complaint)?;
            if known.insert(dimension.to_owned(), values).is_some() {
                return Err(complaint(format!("`{dimension}` is given twice")));
            }
        }
        if let Some(values) = known.get("distro") {
            let ids = values.iter().map(|distro| id_of_distro(distro).to_owned()).collect();
            known.entry("id".to_owned()).or_insert(ids);
        }
        Ok(Self(known))
    }

    /// The same, with what a file says of itself.
    pub fn with(&self, said: &[(&str, String)]) -> Self {
        let mut known = self.0.clone();
        known.extend(said.iter().map(|(dimension, value)| ((*dimension).to_owned(), vec![value.clone()])));
        Self(known)
    }

    /// As conditions look it up.
    pub fn lookup(&self, dimension: &str) -> Option<Vec<String>> {
        self.0.get(dimension).cloned()
    }
}

fn check(dimension: &str, values: &[String], reserved: &[(&str, &str)]) -> Result<(), String> {
    if let Some((_, instead)) = reserved.iter().find(|(name, _)| *name == dimension) {
        return Err((*instead).to_owned());
    }
    // One word of a list says nothing of the others.
    if matches!(dimension, "capability" | "tool") {
        return Err(format!("only a running guest can tell each `{dimension}`"));
    }
    if !DIMENSIONS.iter().any(|(name, ..)| *name == dimension) {
        let near = did_you_mean(dimension, DIMENSIONS.iter().map(|(name, ..)| *name));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Err(format!("conditions do not ask for `{dimension}`{near}"));
    }
    if values.len() > 1 && dimension != "id-like" {
        return Err(format!("a system has one `{dimension}`"));
    }
    match words(dimension) {
        Some(words) => match values.iter().find(|value| !words.contains(&value.as_str())) {
            Some(value) => Err(format!("`{value}` is none of {}", words.join(", "))),
            None => Ok(()),
        },
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(options: &[&str]) -> Result<Known, String> {
        let options: Vec<String> = options.iter().map(|option| option.to_string()).collect();
        Known::given(&options, &[("arch", "write --arch")]).map_err(|complaint| complaint.what)
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
    fn mistakes_are_told_with_what_to_write() {
        for (option, part) in [
            ("distro", "it has no `=`"),
            ("dristo=fedora-43", "did you mean `distro`?"),
            ("mode=readonly", "`readonly` is none of package, image"),
            ("arch=x86_64", "write --arch"),
            ("capability=selinux", "only a running guest"),
            ("distro=fedora-43,fedora-44", "a system has one `distro`"),
        ] {
            let error = known(&[option]).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        assert!(known(&["mode=image", "mode=image"]).unwrap_err().contains("twice"));
    }
}
