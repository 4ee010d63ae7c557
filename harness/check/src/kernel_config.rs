//! A kernel's `.config`, whose symbols are also found by the names that they had before or got since.

use std::collections::BTreeMap;

use crate::unreadable::{Read, Unreadable};

use super::kernel_config_renames::other_names;
use super::kernel_header;

/// What a configuration says of a symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// Built in.
    Yes,
    /// A module.
    Module,
    /// Known and not set.
    No,
    /// Any other value, a string without its quotes.
    Value(String),
    /// Not mentioned: the kernel does not have it, or what it depends on is off.
    Absent,
}

impl Setting {
    /// The word used in suites.
    pub fn name(&self) -> &str {
        match self {
            Setting::Yes => "y",
            Setting::Module => "m",
            Setting::No => "n",
            Setting::Value(value) => value,
            Setting::Absent => "absent",
        }
    }
}

/// A parsed configuration.
#[derive(Debug)]
pub struct Config {
    settings: BTreeMap<String, Setting>,
    release: String,
    complete: bool,
}

impl Config {
    /// Reads a `.config`; an error when it holds no symbol at all. `release` is the kernel's, empty
    /// when it is not known.
    pub fn parse(text: &str, release: &str) -> Read<Self> {
        let mut settings = BTreeMap::new();
        for line in text.lines() {
            let line = line.trim();
            if let Some(name) = line.strip_prefix("# CONFIG_").and_then(|rest| rest.strip_suffix(" is not set")) {
                settings.insert(name.to_owned(), Setting::No);
            } else if let Some((name, value)) = line.strip_prefix("CONFIG_").and_then(|rest| rest.split_once('=')) {
                let setting = match value {
                    "y" => Setting::Yes,
                    "m" => Setting::Module,
                    "n" => Setting::No,
                    value => Setting::Value(unquote(value)),
                };
                settings.insert(name.to_owned(), setting);
            }
        }
        if settings.is_empty() {
            return Err(Unreadable::new("the kernel configuration names no symbol"));
        }
        Ok(Self { settings, release: release.trim().to_owned(), complete: kernel_header::is_complete(text) })
    }

    /// The setting of a symbol, with or without `CONFIG_`. A symbol that the configuration does not
    /// mention is looked up by its other names ([`other_names`]). An error when the text is not the whole configuration and does
    /// not mention it: that says nothing of the kernel that was built from it.
    pub fn get(&self, symbol: &str) -> Read<Setting> {
        let name = symbol.strip_prefix("CONFIG_").unwrap_or(symbol);
        if let Some(setting) = self.settings.get(name) {
            return Ok(setting.clone());
        }
        match self.by_other_name(name) {
            Some(setting) => Ok(setting.clone()),
            None if self.complete => Ok(Setting::Absent),
            None => Err(Unreadable::new(format!(
                "CONFIG_{} is not in this file, which is a fragment or was cut off: the kernel's own build decides",
                muster_base::text::one_line(name, 80)
            ))),
        }
    }

    /// What stands under the name that this kernel has for the symbol: the first one that is on, so that what
    /// is on under one name is never off under another.
    fn by_other_name(&self, name: &str) -> Option<&Setting> {
        let found = || other_names(name, &self.release).filter_map(|other| self.settings.get(other));
        found().find(|setting| **setting != Setting::No).or_else(|| found().next())
    }

    /// Whether this is all that the kernel's build decided: what it does not mention is then absent,
    /// and otherwise not known.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// All symbols that it mentions, without `CONFIG_`, sorted.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.settings.iter().map(|(name, setting)| (name.as_str(), setting))
    }

    /// How many symbols it mentions.
    pub fn len(&self) -> usize {
        self.settings.len()
    }

    /// Always false: a configuration without symbols is refused.
    pub fn is_empty(&self) -> bool {
        self.settings.is_empty()
    }
}

fn unquote(value: &str) -> String {
    match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
        Some(inner) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::kernel_config_renames::RENAMES;
    use super::*;

    /// What the kernel's build writes around the symbols of a whole configuration.
    fn whole(symbols: &str, release: &str) -> Config {
        let text = format!("#\n# Linux/x86 {release} Kernel Configuration\n#\n{symbols}# end of Kernel hacking\n");
        Config::parse(&text, release).unwrap()
    }

    #[test]
    fn values_are_distinguished_and_strings_lose_their_quotes() {
        let symbols = "CONFIG_A=y\r\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=\"x \\\"y\\\"\"\nCONFIG_E=0x1000\nCONFIG_F=\"\"\n";
        let config = whole(symbols, "6.12");
        let words: Vec<String> = ["A", "CONFIG_B", "C", "D", "E", "F", "G"]
            .iter()
            .map(|name| config.get(name).unwrap().name().to_owned())
            .collect();
        assert_eq!(words, ["y", "m", "n", "x \"y\"", "0x1000", "", "absent"]);
        assert_eq!(config.len(), 6);
        assert!(Config::parse("# a comment\n", "6.12").is_err());
    }

    #[test]
    fn renamed_symbols_are_found_by_the_release() {
        let old = whole("CONFIG_HYPERV=m\nCONFIG_RETPOLINE=y\n", "6.6.145.2-1.azl3");
        assert_eq!(old.get("HYPERV_VMBUS"), Ok(Setting::Module));
        assert_eq!(old.get("MITIGATION_RETPOLINE"), Ok(Setting::Yes));
        let new = whole("CONFIG_HYPERV=y\nCONFIG_MITIGATION_RETPOLINE=y\n", "6.18.5-1.azl4");
        assert_eq!(new.get("HYPERV_VMBUS"), Ok(Setting::Absent));
        assert_eq!(new.get("RETPOLINE"), Ok(Setting::Yes));
        // Without legacy xtables only the target that both families share is left.
        let nft = whole("CONFIG_NETFILTER_XT_TARGET_REDIRECT=m\n", "6.18.5-1.azl4");
        assert_eq!(nft.get("IP_NF_TARGET_REDIRECT"), Ok(Setting::Module));
        assert_eq!(nft.get("IP6_NF_TARGET_REDIRECT"), Ok(Setting::Module));
        assert_eq!(nft.get("IP6_NF_TARGET_MASQUERADE"), Ok(Setting::Absent));
        // What a configuration says of a name itself is never replaced.
        let both = "# CONFIG_IP_NF_TARGET_REDIRECT is not set\nCONFIG_NETFILTER_XT_TARGET_REDIRECT=m\n";
        assert_eq!(whole(both, "6.12").get("IP_NF_TARGET_REDIRECT"), Ok(Setting::No));
    }

    #[test]
    fn every_rename_is_followed_in_both_directions() {
        let mut pairs = std::collections::BTreeSet::new();
        for rename in RENAMES {
            assert!(pairs.insert((rename.name, rename.old)) && rename.name != rename.old, "{rename:?} is there twice");
            assert!(rename.source.len() > 20 && rename.since.contains('.'), "{rename:?} says no source");
            // What comes right before the release that has the new name.
            let (major, minor) = rename.since.split_once('.').unwrap();
            let before = format!("{major}.{}.99", minor.parse::<u32>().unwrap() - 1);
            for (here, wanted, release) in
                [(rename.name, rename.old, rename.since), (rename.old, rename.name, before.as_str())]
            {
                let config = whole(&format!("CONFIG_{here}=y\n"), release);
                assert_eq!(config.get(wanted), Ok(Setting::Yes), "{wanted} on {release}, which has {here}");
                assert_eq!(whole(&format!("# CONFIG_{here} is not set\n"), release).get(wanted), Ok(Setting::No));
                // The file's own word counts, and without a release none does.
                let both = format!("CONFIG_{here}=y\n# CONFIG_{wanted} is not set\n");
                assert_eq!(whole(&both, release).get(wanted), Ok(Setting::No));
                assert!(Config::parse(&format!("CONFIG_{here}=y\n"), "").unwrap().get(wanted).is_err());
            }
        }
    }

    #[test]
    fn a_rename_that_a_stable_kernel_took_over_is_followed_and_a_narrower_meaning_is_not() {
        let backported = whole("CONFIG_MITIGATION_RETPOLINE=y\n", "6.6.104");
        assert_eq!(backported.get("RETPOLINE"), Ok(Setting::Yes));
        let two = whole("# CONFIG_IP_NF_TARGET_REDIRECT is not set\nCONFIG_IP6_NF_TARGET_REDIRECT=m\n", "3.6");
        assert_eq!(two.get("NETFILTER_XT_TARGET_REDIRECT"), Ok(Setting::Module), "on under one name");
        assert_eq!(whole("CONFIG_NF_NAT_IPV4=m\n", "5.4").get("NF_NAT"), Ok(Setting::Absent));
    }

    #[test]
    fn a_fragment_answers_only_what_it_mentions() {
        let fragment = Config::parse("CONFIG_A=m\n# CONFIG_B is not set\nCONFIG_HYPERV=y\n", "").unwrap();
        assert!(!fragment.is_complete());
        assert_eq!((fragment.get("A"), fragment.get("B")), (Ok(Setting::Module), Ok(Setting::No)));
        assert!(
            fragment.get("C").unwrap_err().to_string().starts_with("CONFIG_C is not in this file, which is a fragment")
        );
        assert!(fragment.get("HYPERV_VMBUS").is_err(), "without a release the old name is not taken for the new one");
    }
}
