//! What on a console means that something went wrong. The rules are data: the shipped ones are the
//! files of `rules/`, a person can add more. A rule looks at one message at a time
//! ([`messages`](super::message::messages)), and so do its exceptions: one benign line hides no other.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use camino::Utf8PathBuf;
use regex::{Regex, RegexSet, RegexSetBuilder};

use super::boots::{Boots, Earlier};
use super::message::messages;
use muster_base::failure::Location;
use muster_record::finding::Severity;
use muster_suite::console_rules::{self, ConsoleRule, Sample};
use muster_suite::diagnostic::{Diagnostic, Diagnostics, Span, codes};

/// Bytes that all patterns together may compile to.
const LARGEST_SET: usize = 64 << 20;

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Its name.
    pub id: Arc<str>,
    /// Names the failure id `console.<category>`.
    pub category: Arc<str>,
    /// What it means for the machine.
    pub severity: Severity,
    /// The base check that it belongs to, as under `base-checks:` of a suite.
    pub base_check: Option<Arc<str>>,
    /// The regular expression.
    pub pattern: String,
    /// What the line means, or where its form comes from.
    pub because: String,
    /// Whether a trace follows the line.
    pub trace: bool,
    /// Whether it only says that something took too long. On an emulated or crowded host that can be
    /// the host's doing, so there it is worth reporting but speaks against nobody.
    pub about_time: bool,
    /// What must have come before in the same boot.
    pub(crate) after: Option<Earlier>,
    /// Messages that show later that it did no harm: the finding is then one step milder.
    pub unless_later: Vec<Regex>,
    /// Where it stands.
    pub location: Location,
    except: Vec<Regex>,
}

/// Compiled rules.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<Rule>,
    set: RegexSet,
}

/// The shipped files, in the order in which their rules count.
const SHIPPED: &[(&str, &str)] = &[
    ("kernel.yaml", include_str!("rules/kernel.yaml")),
    ("sanitizers.yaml", include_str!("rules/sanitizers.yaml")),
    ("hangs.yaml", include_str!("rules/hangs.yaml")),
    ("memory.yaml", include_str!("rules/memory.yaml")),
    ("storage.yaml", include_str!("rules/storage.yaml")),
    ("hardware.yaml", include_str!("rules/hardware.yaml")),
    ("boot.yaml", include_str!("rules/boot.yaml")),
    ("init.yaml", include_str!("rules/init.yaml")),
    ("programs.yaml", include_str!("rules/programs.yaml")),
    ("other.yaml", include_str!("rules/other.yaml")),
];

impl Rules {
    /// The shipped rules. They are constant, so they are read and compiled once; that they are valid
    /// and that every sample holds is tested, not asked at run time.
    #[allow(clippy::expect_used)]
    pub fn shipped() -> Arc<Self> {
        static SHARED: OnceLock<Arc<Rules>> = OnceLock::new();
        let compile = || {
            let mut sink = Diagnostics::new();
            let rules = shipped(&mut HashMap::new(), &mut sink);
            Arc::new(Self::compile(rules).expect("constants that tests compile"))
        };
        SHARED.get_or_init(compile).clone()
    }

    /// The shipped rules and those of the given files or directories, whose samples are tried. Everything
    /// that is wrong with any of the files comes back at once. No path means [`Rules::shipped`].
    pub fn with_user_files(paths: &[Utf8PathBuf]) -> Result<Arc<Self>, Diagnostics> {
        if paths.is_empty() {
            return Ok(Self::shipped());
        }
        let mut sink = Diagnostics::new();
        let mut ids = HashMap::new();
        let mut rules = shipped(&mut ids, &mut sink);
        let added = console_rules::load(paths, &mut ids, &mut sink);
        added.iter().for_each(|rule| try_samples(rule, &mut sink));
        let file: Arc<str> = paths[0].as_str().into();
        rules.extend(added);
        let compiled = Self::compile(rules);
        if let Err(error) = &compiled {
            let message = format!("the rules cannot be used together: {error}");
            sink.push(Diagnostic::about_file(codes::TOO_MANY, &file, message).help("use fewer or smaller patterns"));
        }
        sink.settle();
        match compiled {
            Ok(rules) if sink.is_empty() => Ok(Arc::new(rules)),
            _ => Err(sink),
        }
    }

    /// How many rules the files hold, and everything that is wrong with them.
    pub fn check(paths: &[Utf8PathBuf]) -> (usize, Diagnostics) {
        let mut sink = Diagnostics::new();
        let mut ids = HashMap::new();
        shipped(&mut ids, &mut sink);
        let rules = console_rules::load(paths, &mut ids, &mut sink);
        rules.iter().for_each(|rule| try_samples(rule, &mut sink));
        sink.settle();
        (rules.len(), sink)
    }

    fn compile(rules: Vec<ConsoleRule>) -> Result<Self, regex::Error> {
        let patterns = rules.iter().map(|rule| rule.pattern.as_str());
        let set = RegexSetBuilder::new(patterns).size_limit(LARGEST_SET).build()?;
        Ok(Self { set, rules: rules.into_iter().map(Rule::from).collect() })
    }

    /// All rules, in the order in which they count.
    pub fn all(&self) -> &[Rule] {
        &self.rules
    }

    /// What the rules say of a message.
    pub(crate) fn evaluator(&self, message: &str, boots: &Boots) -> RuleMatch<'_> {
        // Nearly every line of a console is innocent: this question alone costs least.
        if !self.set.is_match(message) {
            return RuleMatch::default();
        }
        let matching = self.set.matches(message);
        let matching = || matching.iter().map(|at| &self.rules[at]);
        let rule = matching()
            .filter(|rule| rule.after.is_none_or(|earlier| boots.allow(earlier)))
            .filter(|rule| !rule.except.iter().any(|except| except.is_match(message)))
            .reduce(|best, rule| if rule.severity > best.severity { rule } else { best });
        RuleMatch {
            rule,
            begins_boot: matching().any(|rule| rule.after.is_some()),
            lost_boot: matching().any(|rule| rule.after.is_some_and(|earlier| boots.came(earlier))),
        }
    }
}

/// What the rules say of one message.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RuleMatch<'r> {
    /// The most severe rule that it matches; of several with one severity, the first.
    pub rule: Option<&'r Rule>,
    /// Whether it is the first word of a new boot: one of the rules that look for a restart matches it,
    /// whether or not the restart was to be expected.
    pub begins_boot: bool,
    /// Whether something of an earlier boot is over with it, announced or not.
    pub lost_boot: bool,
}

impl From<ConsoleRule> for Rule {
    fn from(rule: ConsoleRule) -> Self {
        Self {
            severity: Severity::ALL
                .into_iter()
                .find(|severity| severity.name() == rule.severity)
                .unwrap_or(Severity::Fail),
            after: rule.after.map(|word| match word {
                "text" => Earlier::Text,
                "kernel" => Earlier::Kernel,
                _ => Earlier::Boot,
            }),
            base_check: rule.base_check.map(Into::into),
            id: rule.id.into(),
            category: rule.category.into(),
            pattern: rule.pattern.as_str().to_owned(),
            because: rule.because,
            trace: rule.trace,
            about_time: rule.about_time,
            unless_later: rule.unless_later,
            location: rule.location,
            except: rule.except,
        }
    }
}

fn shipped(ids: &mut HashMap<String, Location>, sink: &mut Diagnostics) -> Vec<ConsoleRule> {
    let mut rules = Vec::new();
    for (name, text) in SHIPPED {
        rules.extend(console_rules::decode_source(&format!("shipped/{name}"), text, ids, sink));
    }
    rules
}

/// Reports samples that are not found and near misses that are.
fn try_samples(rule: &ConsoleRule, sink: &mut Diagnostics) {
    let file = rule.location.file.clone();
    let found = |sample: &Sample| {
        messages(&sample.text, true).any(|message| {
            message
                .readings()
                .any(|text| rule.pattern.is_match(text) && !rule.except.iter().any(|except| except.is_match(text)))
        })
    };
    let mut report = |span: Span, message: String, help: &str| {
        sink.push(Diagnostic::new(codes::BAD_SAMPLE, &file, span, message).help(help));
    };
    for sample in rule.samples.iter().filter(|sample| !found(sample)) {
        let message = format!("the rule `{}` does not find its own sample", rule.id);
        report(sample.span, message, "the pattern sees the line without time stamp, level and caller");
    }
    for miss in rule.near_misses.iter().filter(|miss| found(miss)) {
        let message = format!("the rule `{}` finds its own near miss", rule.id);
        report(miss.span, message, "anchor the pattern with `^`, or add an `except`");
    }
}

#[cfg(test)]
mod tests;
