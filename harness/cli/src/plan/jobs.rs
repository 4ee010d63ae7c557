//! The jobs of a run in shards, in the form of a CI server: what their exit codes mean is as in the ready jobs of docs/ci. Pure.

use serde_json::{Value, json};

use muster_base::exit::Exit;

/// A CI server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Server {
    /// JSON for `strategy.matrix`
    Github,
    /// A child pipeline: a job with `parallel`, and the one that merges
    Gitlab,
    /// Steps to upload: one with `parallelism`, and the one that merges
    Buildkite,
    /// JSON for `strategy.matrix`
    Azure,
}

impl Server {
    /// Shards at most, by the documentation of each: jobs that a matrix generates (GitHub), values of `parallel` (GitLab), jobs of one
    /// upload without the one that merges (Buildkite's quota, which it raises for whoever needs it), agents of a job that is divided
    /// (Azure Pipelines).
    pub(super) fn most(self) -> u32 {
        match self {
            Self::Github => 256,
            Self::Gitlab => 200,
            Self::Buildkite => 499,
            Self::Azure => 99,
        }
    }

    /// As its makers write it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Github => "GitHub",
            Self::Gitlab => "GitLab",
            Self::Buildkite => "Buildkite",
            Self::Azure => "Azure Pipelines",
        }
    }

    /// Whether a job that merges is printed.
    pub(super) fn has_gate(self) -> bool {
        matches!(self, Self::Gitlab | Self::Buildkite)
    }
}

/// The jobs of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Jobs<'j> {
    /// What each shard is expected to take.
    pub(super) seconds: &'j [f64],
    /// The command line of each, for a shell, without the number of its shard.
    pub(super) command: &'j str,
    /// The file of the policy, for a shell.
    pub(super) policy: Option<&'j str>,
}

/// Another run may say something else.
const AGAIN: u8 = Exit::Error as u8;
/// Nothing is wrong with the image.
const WARN: u8 = Exit::Stale as u8;

impl Jobs<'_> {
    pub(super) fn text(&self, server: Server) -> String {
        match server {
            Server::Github => self.github().to_string(),
            Server::Azure => self.azure().to_string(),
            Server::Gitlab => self.gitlab(),
            Server::Buildkite => self.buildkite(),
        }
    }

    fn shards(&self) -> impl Iterator<Item = (usize, String, f64)> {
        let of = self.seconds.len();
        self.seconds.iter().enumerate().map(move |(at, seconds)| (at + 1, format!("{}/{of}", at + 1), seconds.round()))
    }

    fn github(&self) -> Value {
        let row = |(_, shard, seconds)| json!({"shard": shard, "seconds": seconds});
        json!({"include": self.shards().map(row).collect::<Vec<_>>()})
    }

    fn azure(&self) -> Value {
        let row = |(number, shard, seconds): (usize, String, f64)| {
            (format!("shard_{number}"), json!({"shard": shard, "seconds": seconds.to_string()}))
        };
        Value::Object(self.shards().map(row).collect())
    }

    /// The lines of the job that merges, for a shell.
    fn gate(&self) -> Vec<String> {
        let end = match self.policy {
            Some(policy) => format!("muster gate whole --policy {policy}"),
            None => r#"exit "$status""#.to_owned(),
        };
        vec![
            "status=0".to_owned(),
            "muster merge results/shard-* -o whole || status=$?".to_owned(),
            // Every shard has results then.
            r#"case "$status" in 0 | 1 | 4) ;; *) exit "$status" ;; esac"#.to_owned(),
            end,
        ]
    }

    fn gitlab(&self) -> String {
        let of = self.seconds.len();
        let shard = quoted(&format!(r#"{} --shard auto -o "results/shard-$CI_NODE_INDEX""#, self.command));
        let gate = list("    ", &self.gate());
        format!(
            r#"stages: [shards, gate]
shards:
  stage: shards
  parallel: {of}
  script:
    - {shard}
  retry:
    max: 1
    exit_codes: [{AGAIN}]
  allow_failure:
    exit_codes: [{WARN}]
  artifacts:
    when: always
    expire_in: 4 weeks
    paths: [results]
gate:
  stage: gate
  when: always
  needs: [shards]
  script:
{gate}
  allow_failure:
    exit_codes: [{WARN}]
  artifacts:
    when: always
    expire_in: 4 weeks
    paths: [whole]
    reports:
      junit: whole/junit.xml"#
        )
    }

    fn buildkite(&self) -> String {
        let of = self.seconds.len();
        // A dollar sign is for the agent, and not for the upload of the steps.
        let for_agent = |line: &str| line.replace('$', "$$");
        let shard = format!(r#"{} --shard auto -o "results/shard-$BUILDKITE_PARALLEL_JOB""#, self.command);
        let shard = quoted(&for_agent(&shard));
        let download = "buildkite-agent artifact download 'results/**/*' .".to_owned();
        let gate: Vec<String> = std::iter::once(download).chain(self.gate()).map(|line| for_agent(&line)).collect();
        let gate = list("      ", &gate);
        format!(
            r#"steps:
  - label: shards
    key: shards
    command: {shard}
    parallelism: {of}
    retry:
      automatic:
        - exit_status: {AGAIN}
          limit: 1
    soft_fail:
      - exit_status: {WARN}
    artifact_paths: results/**/*
  - label: gate
    key: gate
    depends_on: shards
    allow_dependency_failure: true
    commands:
{gate}
    soft_fail:
      - exit_status: {WARN}
    artifact_paths: whole/**/*"#
        )
    }
}

/// JSON is YAML: a string of it is one of both.
fn quoted(line: &str) -> String {
    Value::from(line).to_string()
}

fn list(indent: &str, lines: &[String]) -> String {
    lines.iter().map(|line| format!("{indent}- {}", quoted(line))).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_suite::diagnostic::Diagnostics;
    use muster_suite::yaml;

    const JOBS: Jobs<'_> =
        Jobs { seconds: &[61.4, 60.0, 12.6], command: "muster run --tag 'a and b' --image lab", policy: None };

    #[test]
    fn a_matrix_is_what_its_server_reads() {
        let read = |server| serde_json::from_str::<Value>(&JOBS.text(server)).unwrap();
        assert_eq!(read(Server::Github)["include"][2], json!({"shard": "3/3", "seconds": 13.0}));
        assert_eq!(read(Server::Azure)["shard_1"], json!({"shard": "1/3", "seconds": "61"}));
    }

    #[test]
    fn jobs_are_yaml_and_have_the_command_line() {
        for (server, key) in [(Server::Gitlab, "parallel: 3\n"), (Server::Buildkite, "parallelism: 3\n")] {
            for policy in [None, Some("'a policy.yaml'")] {
                let text = Jobs { policy, ..JOBS }.text(server);
                let mut sink = Diagnostics::new();
                yaml::parse(&"jobs".into(), &text, yaml::Limits::default(), &mut sink);
                assert_eq!(sink.render(false), "", "{text}");
                assert!(text.contains(key) && text.contains("--tag 'a and b' --image lab --shard auto"), "{text}");
                assert_eq!(text.contains("muster gate whole --policy 'a policy.yaml'"), policy.is_some(), "{text}");
            }
        }
    }
}
