//! A kernel's `.config`, and symbols that changed their names.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::kernel_header;
use crate::suite::value::version_order;

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
    pub fn word(&self) -> &str {
        match self {
            Setting::Yes => "y",
            Setting::Module => "m",
            Setting::No => "n",
            Setting::Value(value) => value,
            Setting::Absent => "absent",
        }
    }
}

/// A symbol that got another name. Kernels before `since` have only the old one.
struct Alias {
    name: &'static str,
    old: &'static str,
    since: &'static str,
}

/// From the kernel's own Kconfig files.
const ALIASES: &[Alias] = &[
    // The bus driver got a symbol of its own in 6.18; before, HYPERV was it.
    Alias { name: "HYPERV_VMBUS", old: "HYPERV", since: "6.18" },
    // The xtables target replaced the address-family ones in 3.7, which select it since.
    Alias { name: "NETFILTER_XT_TARGET_REDIRECT", old: "IP_NF_TARGET_REDIRECT", since: "3.7" },
    Alias { name: "NETFILTER_XT_TARGET_MASQUERADE", old: "IP_NF_TARGET_MASQUERADE", since: "5.2" },
    // The targets of IPv6 went the same way, each with that of IPv4.
    Alias { name: "NETFILTER_XT_TARGET_REDIRECT", old: "IP6_NF_TARGET_REDIRECT", since: "3.7" },
    Alias { name: "NETFILTER_XT_TARGET_MASQUERADE", old: "IP6_NF_TARGET_MASQUERADE", since: "5.2" },
    // Mitigations were renamed in 6.9.
    Alias { name: "MITIGATION_PAGE_TABLE_ISOLATION", old: "PAGE_TABLE_ISOLATION", since: "6.9" },
    Alias { name: "MITIGATION_RETPOLINE", old: "RETPOLINE", since: "6.9" },
    Alias { name: "MITIGATION_RETHUNK", old: "RETHUNK", since: "6.9" },
    Alias { name: "MITIGATION_SLS", old: "SLS", since: "6.9" },
    Alias { name: "MITIGATION_SRSO", old: "CPU_SRSO", since: "6.9" },
    Alias { name: "CPU_MITIGATIONS", old: "SPECULATION_MITIGATIONS", since: "6.9" },
    Alias { name: "MITIGATION_UNRET_ENTRY", old: "CPU_UNRET_ENTRY", since: "6.9" },
    Alias { name: "MITIGATION_IBPB_ENTRY", old: "CPU_IBPB_ENTRY", since: "6.9" },
    Alias { name: "MITIGATION_IBRS_ENTRY", old: "CPU_IBRS_ENTRY", since: "6.9" },
    Alias { name: "MITIGATION_CALL_DEPTH_TRACKING", old: "CALL_DEPTH_TRACKING", since: "6.9" },
    Alias { name: "MITIGATION_GDS_FORCE", old: "GDS_FORCE_MITIGATION", since: "6.9" },
    // The strong form was the plain one of before.
    Alias { name: "STACKPROTECTOR", old: "CC_STACKPROTECTOR", since: "4.18" },
    Alias { name: "STACKPROTECTOR_STRONG", old: "CC_STACKPROTECTOR_STRONG", since: "4.18" },
    Alias { name: "STRICT_KERNEL_RWX", old: "DEBUG_RODATA", since: "4.11" },
    Alias { name: "STRICT_MODULE_RWX", old: "DEBUG_SET_MODULE_RONX", since: "4.11" },
];

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
    pub fn parse(text: &str, release: &str) -> Result<Self, String> {
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
            return Err("the kernel configuration names no symbol".to_owned());
        }
        Ok(Self { settings, release: release.trim().to_owned(), complete: kernel_header::is_complete(text) })
    }

    /// The setting of a symbol, with or without `CONFIG_`. A symbol that the configuration does not
    /// mention is looked up by its old name on kernels that had only that, and by its new name on
    /// kernels that have only that. An error when the text is not the whole configuration and does
    /// not mention it: that says nothing of the kernel that was built from it.
    pub fn get(&self, symbol: &str) -> Result<Setting, String> {
        let name = symbol.strip_prefix("CONFIG_").unwrap_or(symbol);
        if let Some(setting) = self.settings.get(name) {
            return Ok(setting.clone());
        }
        match self.by_other_name(name) {
            Some(setting) => Ok(setting.clone()),
            None if self.complete => Ok(Setting::Absent),
            None => Err(format!(
                "CONFIG_{} is not in this file, which is a fragment or was cut off: the kernel's own build decides",
                crate::text::one_line(name, 80)
            )),
        }
    }

    /// What stands under the name that this kernel has for the symbol. Without a release nobody can
    /// tell which name that is.
    fn by_other_name(&self, name: &str) -> Option<&Setting> {
        let alias = ALIASES.iter().filter(|_| !self.release.is_empty()).find_map(|alias| {
            let renamed = version_order(&self.release, alias.since).is_some_and(Ordering::is_ge);
            match () {
                () if alias.name == name && !renamed => Some(alias.old),
                // HYPERV stayed, with a narrower meaning, so that only a vanished name is followed.
                () if alias.old == name && renamed => Some(alias.name),
                () => None,
            }
        })?;
        self.settings.get(alias)
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
    use super::*;

    /// What the kernel's build writes around the symbols of a whole configuration.
    fn whole(symbols: &str, release: &str) -> Config {
        let text = format!("#\n# Linux/x86 {release} Kernel Configuration\n#\n{symbols}# end of Kernel hacking\n");
        Config::parse(&text, release).unwrap()
    }

    #[test]
    fn values_are_told_apart_and_strings_lose_their_quotes() {
        let symbols = "CONFIG_A=y\r\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=\"x \\\"y\\\"\"\nCONFIG_E=0x1000\nCONFIG_F=\"\"\n";
        let config = whole(symbols, "6.12");
        let words: Vec<String> = ["A", "CONFIG_B", "C", "D", "E", "F", "G"]
            .iter()
            .map(|name| config.get(name).unwrap().word().to_owned())
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
    fn a_fragment_answers_only_what_it_mentions() {
        let fragment = Config::parse("CONFIG_A=m\n# CONFIG_B is not set\nCONFIG_HYPERV=y\n", "").unwrap();
        assert!(!fragment.is_complete());
        assert_eq!((fragment.get("A"), fragment.get("B")), (Ok(Setting::Module), Ok(Setting::No)));
        assert!(fragment.get("C").unwrap_err().starts_with("CONFIG_C is not in this file, which is a fragment"));
        assert!(fragment.get("HYPERV_VMBUS").is_err(), "without a release the old name is not taken for the new one");
    }
}
