//! What is kept of a template's guest next to its files: what a run would have learnt by booting it.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::capsule::UefiDigests;
use crate::clones::HostTemplate;
use muster_base::failure::Failure;
use muster_check::Observations;
use muster_engine::driver::BootLeft;
use muster_guest::{End, HostKey, Reply};
use muster_record::facts::Facts;
use muster_record::finding::Finding;

/// What is known of a template's guest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct About {
    pub(super) facts: Facts,
    base: BTreeMap<String, KeptReply>,
    pub(super) failures: Vec<Failure>,
    pub(super) remarks: Vec<String>,
    pub(super) console: Vec<Finding>,
    pub(super) boot_seconds: f64,
    host_key: Option<String>,
    pub(super) warm_shell: bool,
    /// Which UEFI booted it; absent with another firmware.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    firmware: Option<UefiDigests>,
}

/// A [`Reply`] that ended by itself or did not, its bytes in base64.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct KeptReply {
    status: i32,
    stdout: String,
    stderr: String,
    end: String,
    seconds: f64,
}

const ENDS: [(End, &str); 3] =
    [(End::Exited, "exited"), (End::TimedOut, "timed-out"), (End::TooMuchOutput, "too-much-output")];

impl KeptReply {
    fn of(reply: &Reply) -> Self {
        let end = ENDS.iter().find(|(end, _)| *end == reply.end).map_or("exited", |(_, word)| *word);
        Self {
            status: reply.status,
            stdout: STANDARD.encode(&reply.stdout),
            stderr: STANDARD.encode(&reply.stderr),
            end: end.to_owned(),
            seconds: reply.elapsed.as_secs_f64(),
        }
    }

    fn reply(&self) -> Option<Reply> {
        Some(Reply {
            status: self.status,
            stdout: STANDARD.decode(&self.stdout).ok()?,
            stderr: STANDARD.decode(&self.stderr).ok()?,
            end: ENDS.iter().find(|(_, word)| *word == self.end)?.0,
            elapsed: Duration::try_from_secs_f64(self.seconds).ok()?,
            // Of muster's own readings.
            notes: muster_guest::Notes::default(),
        })
    }
}

impl About {
    pub(super) fn of(template: &HostTemplate, left: &BootLeft) -> Self {
        Self {
            facts: template.facts.clone(),
            base: left.base.0.iter().map(|(key, reply)| (key.clone(), KeptReply::of(reply))).collect(),
            failures: left.failures.clone(),
            remarks: left.remarks.clone(),
            console: template.console.clone(),
            boot_seconds: template.boot_seconds,
            host_key: template.host_key.as_ref().map(HostKey::line),
            warm_shell: template.warm,
            firmware: template.firmware.clone(),
        }
    }

    /// What booted it, of a machine that has a UEFI or has none. Its clones have no boot of their own that could say it, and what
    /// nobody knows would be in no certificate.
    pub(super) fn firmware(&self, has_uefi: bool) -> Result<Option<UefiDigests>, AdoptError> {
        match (&self.firmware, has_uefi) {
            (None, false) => Ok(None),
            (Some(firmware), true) if firmware.are_digests() => Ok(Some(firmware.clone())),
            _ => Err(AdoptError::Firmware),
        }
    }

    /// What its base checks saw, and the key that its guest shows.
    pub(super) fn observations(&self) -> Result<(Observations, Option<HostKey>), AdoptError> {
        let base = self.base.iter().map(|(key, answer)| {
            let reply = answer.reply().ok_or_else(|| AdoptError::Answer { key: key.clone() })?;
            Ok((key.clone(), reply))
        });
        let base = Observations(base.collect::<Result<_, AdoptError>>()?);
        let host_key = match &self.host_key {
            Some(line) => Some(HostKey::parse(line).ok_or(AdoptError::HostKey)?),
            None => None,
        };
        Ok((base, host_key))
    }
}

/// Why a template that was kept is of no use to this run.
#[derive(Debug, thiserror::Error)]
pub(super) enum AdoptError {
    #[error(transparent)]
    About(#[from] serde_json::Error),
    #[error("what it observed of {key} cannot be read")]
    Answer { key: String },
    #[error("its host key cannot be read")]
    HostKey,
    #[error("which UEFI booted it is not known")]
    Firmware,
    #[error("its key: {0}")]
    Key(std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_observed_reads_back_byte_for_byte() {
        let reply = Reply {
            status: -3,
            stdout: vec![0, 0xff, b'\n', 0x1b],
            stderr: b"no".to_vec(),
            end: End::TooMuchOutput,
            elapsed: Duration::from_millis(1500),
            ..Reply::default()
        };
        let text = serde_json::to_string(&KeptReply::of(&reply)).unwrap();
        assert_eq!(serde_json::from_str::<KeptReply>(&text).unwrap().reply(), Some(reply));
        let broken = text.replace("too-much-output", "well");
        assert_eq!(serde_json::from_str::<KeptReply>(&broken).unwrap().reply(), None);
    }

    /// No later run could say what booted its machines.
    #[test]
    fn a_template_of_which_nobody_knows_the_uefi_is_of_no_use() {
        let about = |firmware: Option<&UefiDigests>| About {
            facts: Facts::default(),
            base: BTreeMap::new(),
            failures: Vec::new(),
            remarks: Vec::new(),
            console: Vec::new(),
            boot_seconds: 1.0,
            host_key: None,
            warm_shell: true,
            firmware: firmware.cloned(),
        };
        let uefi = UefiDigests { code: "0a".repeat(32), variables: "0b".repeat(32) };
        let kept = serde_json::to_value(about(Some(&uefi))).unwrap();
        let read: About = serde_json::from_value(kept.clone()).unwrap();
        assert_eq!(read.firmware(true).unwrap(), Some(uefi.clone()));
        assert_eq!(about(None).firmware(false).unwrap(), None);
        let odd = UefiDigests { variables: String::new(), ..uefi.clone() };
        // As earlier versions have kept it.
        let mut earlier = kept;
        earlier.as_object_mut().unwrap().remove("firmware");
        let earlier: About = serde_json::from_value(earlier).unwrap();
        for (about, has_uefi) in [(earlier, true), (about(Some(&odd)), true), (about(Some(&uefi)), false)] {
            let error = about.firmware(has_uefi).unwrap_err().to_string();
            assert!(error.contains("which UEFI booted it is not known"), "{error}");
        }
    }
}
