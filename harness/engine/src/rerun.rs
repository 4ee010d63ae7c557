//! How a person runs one test again, and what earlier runs say of it.

use std::collections::BTreeMap;

use muster_base::failure::Failure;
use muster_base::text::shell_word;
use muster_record::names::PREFIX;
use muster_record::run::EarlierOutcome;

/// What a person types to run one test again: the words before and after the image and test.
#[derive(Debug, Clone, Default)]
pub struct Rerun {
    /// Options that the run was started with and that a single test needs too, shell-quoted.
    pub options: Vec<String>,
    /// Options that only a changed test needs, shell-quoted: where its proof stands.
    pub proving: Vec<String>,
    /// What was typed for an image, by its id, where the two differ: the path of a file.
    pub images: BTreeMap<String, String>,
    /// Whether the options name a machine that is already up, so that there is no image to name.
    pub connected: bool,
    /// How tests ended in the runs that this one goes on with, by suite, test and image.
    pub earlier: BTreeMap<(String, String, String), Vec<EarlierOutcome>>,
    /// What went wrong with the machines of an image in those runs and still counts, by image: each message begins with its run.
    /// Tests whose results are kept were run there, and nothing here would find it again.
    pub machine_failures: BTreeMap<String, Vec<Failure>>,
}

impl Rerun {
    /// What went wrong with the machines of this image in earlier runs and still counts.
    pub(crate) fn machine_failures(&self, image: &str) -> &[Failure] {
        self.machine_failures.get(image).map(Vec::as_slice).unwrap_or_default()
    }

    /// The command line for one test on one image.
    pub fn command(&self, suite: &str, test: &str, image: &str) -> String {
        let mut words = vec!["muster".to_owned(), "run".to_owned()];
        words.extend(self.options.iter().cloned());
        if !self.connected {
            let image = self.images.get(image).map_or(image, String::as_str);
            words.extend(["--image".to_owned(), shell_word(image)]);
        }
        // A changed test has no name of its own that could be selected.
        if let Some(proven) = suite.strip_prefix(PREFIX) {
            words.push("--prove".to_owned());
            words.extend(self.proving.iter().cloned());
            words.extend(["--suite".to_owned(), shell_word(proven)]);
        } else {
            words.extend(["--test".to_owned(), shell_word(&format!("{suite}/{test}"))]);
        }
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rerun_command_is_quoted_for_a_shell() {
        let rerun = Rerun { options: vec!["--suites".into(), shell_word("my suites")], ..Rerun::default() };
        assert_eq!(
            rerun.command("kernel", "features", "a b.qcow2"),
            "muster run --suites 'my suites' --image 'a b.qcow2' --test kernel/features"
        );
    }

    #[test]
    fn a_proof_is_run_again_with_the_suite_it_is_of() {
        let rerun = Rerun { proving: vec!["--proofs".into(), "p.yaml".into()], ..Rerun::default() };
        let again = rerun.command("proof-of-kernel", "features.2", "lab");
        assert_eq!(again, "muster run --image lab --prove --proofs p.yaml --suite kernel");
        assert_eq!(rerun.command("kernel", "features", "lab"), "muster run --image lab --test kernel/features");
    }
}
