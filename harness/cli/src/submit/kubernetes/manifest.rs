//! The objects of a run in shards: durations, an indexed job of the shards, and a suspended job that merges them.
//!
//! Fields and their meaning are those of Kubernetes' reference of `batch/v1`. `backoffLimitPerIndex` and `maxFailedIndexes` are
//! generally available since 1.33, `podFailurePolicy` since 1.31.

use std::time::Duration;

use serde_json::{Value, json};

use crate::submit::next::{Next, next};
use muster_base::exit::Exit;

/// What all of it is made of. Everything that comes from a command line was checked there.
#[derive(Debug, Clone)]
pub(super) struct Submission {
    /// The job of the shards; that of the merge has `-merge` behind it.
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    /// How many shards.
    pub(super) shards: u32,
    /// How many of them run at the same time.
    pub(super) parallel: u32,
    /// The container image, with muster in it.
    pub(super) image: String,
    /// The claim of the volume that all pods write results to.
    pub(super) claim: String,
    /// Where disk images and suites come from.
    pub(super) images: Option<Images>,
    /// What `muster` is started with in each pod of the shards, and in that of the merge.
    pub(super) run: Vec<String>,
    pub(super) merge: Vec<String>,
    /// The text of durations.json.
    pub(super) durations: Option<String>,
    pub(super) kvm: bool,
    /// The group of the hosts' /dev/kvm, where that is needed.
    pub(super) kvm_group: Option<u32>,
    pub(super) processors: String,
    pub(super) memory_mib: u64,
    /// Space on a pod's host for images and machines.
    pub(super) scratch_mib: u64,
    /// How often a shard is run again after an infrastructure error.
    pub(super) retries: u32,
    /// After which all shards are ended.
    pub(super) deadline: Duration,
    /// How long jobs stay after their end.
    pub(super) keep: Duration,
}

/// A volume of disk images.
#[derive(Debug, Clone)]
pub(super) enum Images {
    /// A claim.
    Claim(String),
    /// A directory of each host.
    Host(String),
}

/// Where pods find things.
pub(super) const RESULTS: &str = "/results";
pub(super) const IMAGES: &str = "/images";
pub(super) const DURATIONS: &str = "/plan/durations.json";
const PLAN: &str = "/plan";
const SCRATCH: &str = "/scratch";

/// The user of the container image, `ci/images/Containerfile`.
pub(super) const USER: u32 = 65532;

/// What device plug-ins of KVM call it; that of KubeVirt began it.
const KVM: &str = "devices.kubevirt.io/kvm";

const CONTAINER: &str = "muster";

impl Submission {
    /// The name of the job that merges.
    pub(super) fn merge_name(&self) -> String {
        format!("{}-merge", self.name)
    }

    fn durations_name(&self) -> String {
        format!("{}-durations", self.name)
    }

    /// All objects, in the order in which they are made.
    pub(super) fn objects(&self) -> Vec<Value> {
        let durations = self.durations.as_ref().map(|text| {
            json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": self.metadata(self.durations_name()),
                "data": {"durations.json": text},
            })
        });
        durations.into_iter().chain([self.shards_job(), self.merge_job()]).collect()
    }

    fn shards_job(&self) -> Value {
        let mut spec = json!({
            "completionMode": "Indexed",
            "completions": self.shards,
            "parallelism": self.parallel,
            "backoffLimitPerIndex": self.retries,
            // All may fail, so that none is ended because of another.
            "maxFailedIndexes": self.shards,
            "activeDeadlineSeconds": self.deadline.as_secs(),
            "ttlSecondsAfterFinished": self.keep.as_secs(),
            // Never two pods that write the same directory.
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": failure_policy("FailIndex", |exit| next(exit) == Next::Merge),
        });
        spec["template"] = self.template("shard", &self.run, self.shard_resources());
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": self.metadata(self.name.clone()), "spec": spec})
    }

    /// It waits for no one: no pod holds resources while shards run. Whoever waits for the shards starts it.
    fn merge_job(&self) -> Value {
        let mut spec = json!({
            "suspend": true,
            "backoffLimit": self.retries,
            "activeDeadlineSeconds": MERGE_DEADLINE.as_secs(),
            "ttlSecondsAfterFinished": self.keep.as_secs(),
            "podReplacementPolicy": "Failed",
            // 3 too: the whole run is there then, and says that a shard ended in an error, which another merge would say again.
            "podFailurePolicy": failure_policy("FailJob", |_| true),
        });
        let resources = json!({"cpu": "1", "memory": "1Gi", "ephemeral-storage": "2Gi"});
        spec["template"] = self.template("merge", &self.merge, resources);
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": self.metadata(self.merge_name()), "spec": spec})
    }

    fn metadata(&self, name: String) -> Value {
        let mut metadata = json!({"name": name, "labels": self.labels()});
        if let Some(namespace) = &self.namespace {
            metadata["namespace"] = namespace.as_str().into();
        }
        metadata
    }

    fn labels(&self) -> Value {
        json!({"app.kubernetes.io/name": "muster", "app.kubernetes.io/instance": self.name})
    }

    fn shard_resources(&self) -> Value {
        let mut amounts =
            json!({"cpu": self.processors, "memory": mib(self.memory_mib), "ephemeral-storage": mib(self.scratch_mib)});
        if self.kvm {
            amounts[KVM] = "1".into();
        }
        amounts
    }

    fn template(&self, part: &str, arguments: &[String], amounts: Value) -> Value {
        let mut labels = self.labels();
        labels["app.kubernetes.io/component"] = part.into();
        let scratch = amounts["ephemeral-storage"].clone();
        let (volumes, mounts) = self.volumes(scratch);
        json!({
            "metadata": {"labels": labels},
            "spec": {
                // What podFailurePolicy needs.
                "restartPolicy": "Never",
                "automountServiceAccountToken": false,
                "enableServiceLinks": false,
                // A run that is ended writes what it has.
                "terminationGracePeriodSeconds": 60,
                "securityContext": self.pod_security(),
                "containers": [{
                    "name": CONTAINER,
                    "image": self.image,
                    // Nothing of a shell: Kubernetes itself puts the number of a shard in place of $(JOB_COMPLETION_INDEX).
                    "command": ["muster"],
                    "args": arguments,
                    "env": [
                        {"name": "CI", "value": "true"},
                        {"name": "HOME", "value": SCRATCH},
                        {"name": "TMPDIR", "value": SCRATCH},
                        {"name": "MUSTER_CACHE", "value": format!("{SCRATCH}/cache")},
                    ],
                    // Limits too: a run starts as many machines as it may use processors and memory.
                    "resources": {"requests": amounts.clone(), "limits": amounts},
                    "securityContext": {
                        "allowPrivilegeEscalation": false,
                        "capabilities": {"drop": ["ALL"]},
                        "readOnlyRootFilesystem": true,
                    },
                    // The end of the log is the message of a pod that failed.
                    "terminationMessagePolicy": "FallbackToLogsOnError",
                    "volumeMounts": mounts,
                }],
                "volumes": volumes,
            },
        })
    }

    fn pod_security(&self) -> Value {
        let mut security = json!({
            "runAsNonRoot": true,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            // A claim with the results of many runs is not walked through each time.
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        });
        if let Some(group) = self.kvm_group {
            security["supplementalGroups"] = json!([group]);
        }
        security
    }

    /// The volumes of a pod, and where its container has them.
    fn volumes(&self, scratch: Value) -> (Vec<Value>, Vec<Value>) {
        let mut volumes = vec![
            json!({"name": "results", "persistentVolumeClaim": {"claimName": self.claim}}),
            json!({"name": "scratch", "emptyDir": {"sizeLimit": scratch}}),
            // Some programs look nowhere else.
            json!({"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}),
        ];
        let mut mounts = vec![
            json!({"name": "results", "mountPath": RESULTS}),
            json!({"name": "scratch", "mountPath": SCRATCH}),
            json!({"name": "tmp", "mountPath": "/tmp"}),
        ];
        let mut read_only = |name: &str, path: &str, source: Value| {
            let mut volume = source;
            volume["name"] = name.into();
            volumes.push(volume);
            mounts.push(json!({"name": name, "mountPath": path, "readOnly": true}));
        };
        match &self.images {
            Some(Images::Claim(claim)) => {
                read_only("images", IMAGES, json!({"persistentVolumeClaim": {"claimName": claim, "readOnly": true}}))
            }
            Some(Images::Host(path)) => {
                read_only("images", IMAGES, json!({"hostPath": {"path": path, "type": "Directory"}}))
            }
            None => {}
        }
        if self.durations.is_some() {
            read_only("plan", PLAN, json!({"configMap": {"name": self.durations_name()}}));
        }
        (volumes, mounts)
    }
}

/// An amount as Kubernetes writes it.
fn mib(amount: u64) -> String {
    format!("{amount}Mi")
}

/// A merge copies files.
const MERGE_DEADLINE: Duration = Duration::from_secs(3600);

/// What an end of a pod means, the first that applies. What is in none, such as a pod that was ended from outside, counts, and another
/// pod goes on. `fatal` ends what would come to the same again, which `is_final` says of an exit code.
fn failure_policy(fatal: &str, is_final: fn(Exit) -> bool) -> Value {
    let ends = Exit::TABLE.iter().map(|(exit, ..)| *exit).filter(|exit| *exit != Exit::Pass);
    let ended: Vec<u8> = ends.filter(|exit| is_final(*exit)).map(|exit| exit as u8).collect();
    json!({"rules": [
        // A pod that had to go is no failure of anything.
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": fatal, "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": ended}},
    ]})
}
