//! The shipped rules against their own samples and each other, and rules that a person adds.

use super::super::message::messages;
use super::*;

fn entries() -> Vec<ConsoleRule> {
    let mut sink = Diagnostics::new();
    let rules = shipped(&mut HashMap::new(), &mut sink);
    rules.iter().for_each(|rule| try_samples(rule, &mut sink));
    sink.settle();
    assert_eq!(sink.render(false), "");
    rules
}

/// A guest that has booted and said nothing of a restart.
fn up() -> Boots {
    let mut boots = Boots::default();
    messages("[   99.000000] x", true).for_each(|message| boots.see(message));
    boots
}

fn found<'r>(rules: &'r Rules, line: &str) -> Vec<&'r Rule> {
    messages(line, true).filter_map(|message| rules.judge(message.text, &up()).rule).collect()
}

#[test]
fn every_shipped_rule_finds_its_samples_and_passes_its_near_misses() {
    let (entries, rules) = (entries(), Rules::shipped());
    assert!(entries.len() > 80, "{} rules", entries.len());
    for rule in &entries {
        for sample in &rule.samples {
            let categories: Vec<_> = found(&rules, &sample.text).iter().map(|rule| rule.category.clone()).collect();
            assert!(categories.iter().any(|found| **found == *rule.category), "{}: {categories:?}", rule.id);
        }
        for miss in &rule.near_misses {
            // What is no crash of the kernel may be one of a program, and then is that.
            let blamed: Vec<_> = found(&rules, &miss.text)
                .into_iter()
                .filter(|found| found.severity > Severity::Warn || *found.id == *rule.id)
                .map(|found| found.id.clone())
                .collect();
            assert!(blamed.is_empty(), "{}: {} is found by {blamed:?}", rule.id, miss.text);
        }
        assert!(rule.pattern.as_str().starts_with('^'), "{} is not anchored", rule.id);
        assert!(rule.because.len() > 20, "{} does not say why", rule.id);
    }
}

#[test]
fn no_sample_is_found_in_the_middle_of_a_line() {
    let rules = Rules::shipped();
    for sample in entries().iter().flat_map(|rule| &rule.samples) {
        for message in messages(&sample.text, true) {
            let quoted = format!("note=\"{}\"", message.text);
            assert_eq!(found(&rules, &quoted).len(), 0, "{quoted}");
        }
    }
}

#[test]
fn a_rule_that_lies_about_its_samples_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join("mine.yaml")).unwrap();
    let write = |sample: &str, miss: &str| {
        let text = format!(
            "schema: console-rules/v1\nrules:\n- id: mine\n  category: mine\n  severity: fail\n  pattern: '^it broke'\n  \
             except: '^it broke on purpose'\n  sample: '{sample}'\n  near-miss: '{miss}'\n  because: a test wants it\n"
        );
        fs_err::write(&path, text).unwrap();
        Rules::with_user_files(std::slice::from_ref(&path))
    };
    let rules = write("[    1.000000] it broke", "it broke on purpose").unwrap();
    assert_eq!(rules.all().len(), Rules::shipped().all().len() + 1);
    assert_eq!(found(&rules, "it broke again")[0].severity, Severity::Fail);
    let problems = write("it brake", "it broke, and how").unwrap_err();
    let places: Vec<_> = problems.iter().map(|problem| (problem.code, problem.span.unwrap().line)).collect();
    assert_eq!(places, [("bad-sample", 8), ("bad-sample", 9)]);
    let text = problems.render(false);
    assert!(text.contains("does not find its own sample") && text.contains("finds its own near miss"), "{text}");
    fs_err::write(&path, fs_err::read_to_string(&path).unwrap().replace("id: mine", "id: kernel-panic")).unwrap();
    let problems = Rules::check(std::slice::from_ref(&path)).1;
    assert!(problems.render(false).contains("there is a console rule `kernel-panic` already"));
}

#[test]
fn one_benign_message_hides_no_other() {
    let rules = Rules::shipped();
    let ids = |line: &str| found(&rules, line).iter().map(|rule| rule.category.to_string()).collect::<Vec<_>>();
    assert_eq!(ids("[    1.000000] blk_update_request: I/O error, dev fd0, sector 0"), [""; 0]);
    let torn = "[    1.000000] I/O error, dev sr0, sector 0[    1.000001] I/O error, dev vda, sector 8 op 0x0:(READ)";
    assert_eq!(ids(torn), ["disk-error"]);
}
