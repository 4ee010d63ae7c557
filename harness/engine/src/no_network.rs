//! A test that failed for want of a network, on a machine that muster cuts off: the verdict stands, and what it speaks against is open.

use super::driver::Live;
use super::plan::Planned;
use muster_base::failure::Failure;
use muster_record::names::NO_NETWORK;
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;

/// Ids of failures in which a command that a suite names, or a question beyond the guest, was not answered.
const IDS: &[&str] = &["step.run", "step.install", "step.update"];
const CHECKS: &[&str] = &["command.", "http.", "resolve."];

/// What resolvers, curl, wget, dnf, apt and language runtimes say when nothing beyond the guest answers; in small letters.
const NO_ANSWER: &[&str] = &[
    "could not resolve",
    "couldn't resolve",
    "unable to resolve",
    "temporary failure in name resolution",
    "temporary failure resolving",
    "name or service not known",
    "name does not resolve",
    "getaddrinfo",
    "wget: bad address",
    "network is unreachable",
    "no route to host",
    "could not reach its repositories",
    "curl: (6)",
    "curl: (7)",
    "curl: (28)",
    "curl error (6)",
    "curl error (7)",
    "curl error (28)",
];

/// The guest itself: what does not answer there needs no network.
const GUEST: &[&str] = &["localhost", "127.0.0.", "[::1]", "::1 "];

/// Notes it with a test that failed so, on a machine that reaches nothing.
pub(super) fn note<L: Live>(record: &mut TestRecord, planned: &Planned, live: Option<&L>) {
    let cut_off = !planned.test().internet && live.is_some_and(Live::reaches_nothing);
    // One with several machines may have meant another of them.
    let alone = record.machines.is_empty();
    if cut_off && alone && record.outcome == Outcome::Fail && record.failures.iter().any(is_one) {
        record.remarks.push(NO_NETWORK.to_owned());
    }
}

fn is_one(failure: &Failure) -> bool {
    let id = failure.id.as_str();
    let reaches_out = IDS.contains(&id) || CHECKS.iter().any(|check| id.starts_with(check));
    let said = [Some(&failure.message), failure.actual.as_ref(), failure.detail.as_ref()];
    reaches_out && said.into_iter().flatten().flat_map(|text| text.lines()).any(says_so)
}

fn says_so(line: &str) -> bool {
    let line = line.to_lowercase();
    NO_ANSWER.iter().any(|words| line.contains(words)) && !GUEST.iter().any(|name| line.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine_tests::{plan_of, run_all};
    use crate::fake::{FakeDriver, test};
    use muster_base::failure::{self, FailureId};
    use muster_guest::Reply;
    use muster_suite::model::Test;

    #[test]
    fn only_words_of_a_network_beyond_the_guest_count() {
        for line in [
            "curl: (6) Could not resolve host: example.org",
            "wget: unable to resolve host address 'example.org'",
            "ping: connect: Network is unreachable",
            "wget: bad address 'example.org'",
            "npm error request to https://registry.example.org/x failed, reason: getaddrinfo EAI_AGAIN registry.example.org",
            "Curl error (28): Timeout was reached for https://mirror.example/repodata/repomd.xml",
            "E: Temporary failure resolving 'deb.example.org'",
            "curl: (7) Failed to connect to 192.0.2.1 port 80 after 3 ms",
        ] {
            assert!(says_so(line), "{line}");
        }
        for line in [
            "curl: (7) Failed to connect to localhost port 80 after 0 ms: Could not connect to server",
            "curl: (7) Failed to connect to 127.0.0.1 port 8080",
            "curl: (22) The requested URL returned error: 404",
            "cat: /etc/x: No such file or directory",
        ] {
            assert!(!says_so(line), "{line}");
        }
        let failure = |id: FailureId| {
            Failure::new(id, "`curl https://example.org/` ended with status 6")
                .with_detail("stderr:\ncurl: (6) Could not resolve host: example.org".to_owned())
        };
        assert!(is_one(&failure(failure::STEP_RUN)) && is_one(&failure(FailureId::of_check("http", "status"))));
        assert!(!is_one(&failure(FailureId::of_check("log", "contains"))), "a log tells of other times");
    }

    #[tokio::test]
    async fn a_test_that_fails_for_want_of_a_network_says_what_it_lacked() {
        let refused = Reply {
            status: 6,
            stderr: b"curl: (6) Could not resolve host: example.org\n".to_vec(),
            ..Reply::default()
        };
        let driver = |reaches_nothing| FakeDriver {
            answers: vec![("curl -fsS https://example.org/", refused.clone())],
            reaches_nothing,
            ..FakeDriver::default()
        };
        let online = |internet| Test { internet, ..test("fetches", &[], &["curl -fsS https://example.org/"]) };
        let noted = async |reaches_nothing, internet| {
            let records = run_all(&driver(reaches_nothing), &plan_of(vec![online(internet)])).await;
            assert_eq!(records[0].outcome, Outcome::Fail, "the verdict stands");
            assert_eq!(records[0].failures[0].id, failure::STEP_RUN);
            records[0].remarks.contains(&NO_NETWORK.to_owned())
        };
        assert!(noted(true, false).await);
        assert!(!noted(true, true).await, "its machine may reach the network");
        assert!(!noted(false, false).await, "a machine that is up is on a network of its own");
    }
}
