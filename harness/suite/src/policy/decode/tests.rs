use std::time::Duration;

use super::*;
use crate::testing::VOCABULARY;

const GOOD: &str = "schema: policy/v1
id: azl4-stable
context: promote-stable
applies: {distro: azurelinux, version: '4.*', arch: [x86_64, aarch64]}
profile: isv-2026.1
require:
  - {suite: fedora-compat}
  - {test: boot-time/userspace, level: upcoming, from: 2027-01-01, since: 2026-10-01}
  - {tag: tier0 and not slow, level: advisory}
systems: [{distro: azurelinux, version: '4.*', arch: x86_64}, {entry: azl4-arm}]
matrix: {firmware: [uefi], disk: [virtio-blk, nvme]}
accelerators: [kvm]
environments: [azl4]
minimum: {passed: 10}
max-age: 30d
allow-skips: [skip.when]
waivers: {max-days: 90, approvers: [release-team], not-waivable: ['security/*']}
";

fn decoded(text: &str) -> (Option<Policy>, Diagnostics) {
    let mut sink = Diagnostics::new();
    let policy = decode_source("p.yaml", text, &VOCABULARY, &mut sink);
    sink.settle();
    (policy, sink)
}

#[test]
fn a_policy_has_what_was_written() {
    let (policy, problems) = decoded(GOOD);
    assert_eq!(problems.render(false), "");
    let policy = policy.unwrap();
    assert_eq!((policy.id.as_str(), policy.rules.len(), policy.matrix.len()), ("azl4-stable", 3, 2));
    let scope = policy.applies.unwrap();
    assert_eq!((scope.version, scope.arch.len()), (vec!["4.*".to_owned()], 2));
    assert_eq!(policy.rules[1].level, PolicyLevel::Upcoming);
    assert_eq!(policy.max_age, Some(Duration::from_secs(30 * 86_400)));
    assert_eq!((policy.flaky, policy.minimum.passed), (FlakyRule::Fails, 10));
    let names: Vec<String> = policy.systems.iter().map(RequiredSystem::name).collect();
    assert_eq!(names, ["azurelinux 4.* x86_64", "entry azl4-arm"]);
    let rules = policy.waivers.unwrap();
    assert_eq!((rules.max_days, rules.not_waivable[0].span.line), (90, 17));
    assert!(rules.forbids("security", "x").is_some() && rules.forbids("kernel", "x").is_none());
}

#[test]
fn each_mistake_has_its_message_and_no_policy_comes_out() {
    let without_profile = GOOD.replace("profile: isv-2026.1\n", "");
    for (text, code, says) in [
        (GOOD.replace("id: azl4", "id: AZL4"), "bad-id", "`id` cannot be"),
        (GOOD.replace("suite: fedora-compat", "suit: fedora-compat"), "unknown-key", "did you mean `suite`?"),
        (GOOD.replace("{suite: fedora-compat}", "{level: required}"), "missing-key", "`test`, `suite` or `tag`"),
        (GOOD.replace("{suite: fedora", "{test: a/b, suite: fedora"), "bad-value", "not test and suite"),
        (without_profile.clone(), "missing-key", "must come from a profile, never from the run"),
        (GOOD.replace("boot-time/userspace", "boot-time"), "bad-value", "did you mean `suite: boot-time`?"),
        (GOOD.replace(", from: 2027-01-01", ""), "missing-key", "an `upcoming` rule needs the key `from`"),
        (GOOD.replace("level: upcoming", "level: required"), "no-effect", "`from` belongs to the level"),
        (GOOD.replace("since: 2026-10-01", "since: 2026-10-01, until: 2026-10-01"), "never-true", "no image"),
        (GOOD.replace("tier0 and not slow", "tier0 nor slow"), "bad-value", "is not a tag expression"),
        (GOOD.replace("[kvm]", "[kwm]"), "bad-value", "did you mean `kvm`?"),
        (GOOD.replace("skip.when", "skip.need"), "bad-value", "`allow-skips` cannot be `skip.need`"),
        (GOOD.replace("{entry: azl4-arm}", "{}"), "empty-value", "this system is every system"),
        (GOOD.replace("{entry: azl4-arm}", "{entry: A b}"), "bad-id", "`entry` cannot be"),
        (
            GOOD.replace("{entry: azl4-arm}", "{distro: azurelinux, version: ['4.*'], arch: [x86_64]}"),
            "duplicate-id",
            "has `azurelinux 4.* x86_64` twice",
        ),
        (GOOD.replace("max-days: 90", "max-days: 0"), "bad-value", "is not a number from 1"),
        (GOOD.replace("[uefi]", "[uefi, uefi]"), "duplicate-id", "`firmware` has `uefi` twice"),
        (GOOD.replace("max-age: 30d", "max-age: 30"), "bare-number", "has no unit"),
        ("schema: policy/v1\nid: a\ncontext: c\n".to_owned(), "asserts-nothing", "could never keep an image back"),
        (
            "schema: policy/v1\nid: a\ncontext: c\nrequire: [{test: a/b, level: advisory}]\n".to_owned(),
            "asserts-nothing",
            "no rule of the policy requires a test",
        ),
    ] {
        let (policy, problems) = decoded(&text);
        assert!(policy.is_none(), "{text}");
        let rendered = problems.render(false);
        assert!(problems.iter().any(|problem| problem.code == code), "{code}: {rendered}");
        assert!(rendered.contains(says), "{says}: {rendered}");
    }
}
