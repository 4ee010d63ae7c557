//! `qemu-command`: a script with which a person starts a machine of a run, on this host or on another.

use crate::command_line::{Backing, arguments};
use crate::description::{MachineDescription, Memory, program};
use crate::network::FORWARD;
use muster_base::text::shell_word;

/// What the command line has for each file, so that it is the same wherever the files lie.
mod name {
    pub(super) const IMAGE: &str = "image";
    pub(super) const LAYER: &str = "layer.qcow2";
    pub(super) const SEED: &str = "seed";
    pub(super) const IGNITION: &str = "ignition";
    pub(super) const CODE: &str = "code";
    pub(super) const VARS: &str = "vars";
    pub(super) const KERNEL: &str = "kernel";
    pub(super) const INITRD: &str = "initrd";
    pub(super) const TPM: &str = "tpm.sock";
}

const HEAD: &str = r#"#!/bin/sh
# Starts this machine by hand: console on the terminal, Ctrl-A X ends it.
#
#   sh qemu-command [IMAGE] [PORT]
#
# IMAGE  the disk that was booted, when it lies elsewhere than here; run.json has its SHA-256
# PORT   of 127.0.0.1 that leads to the guest's port 22 [default: 2222]
#
# What cannot be had again: the SSH key of the run, which was deleted at its end. A login needs a password, or a key that the image has.
"#;

const OF_A_CLONE: &str = "# This machine was a clone of one that had booted, or went on from a capsule. That state is not here: the script boots the disk.\n";
const WITH_KVM: &str = "# It ran on KVM. On a host without: replace `-accel kvm -cpu host` by `-accel tcg -cpu max`.\n";

/// Finds the files, or says which one is missing.
const FILES: &str = r#"set -e
port=${2:-2222}
case $port in *[!0-9]*) echo "$0: PORT is no number: $port" >&2; exit 2 ;; esac
script=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
# file NAME PATH WHAT: gives a file of this host the name that the command line has for it.
file() {
  if ! [ -r "$2" ]; then
    echo "$0: $2 cannot be read here: $3" >&2
    exit 1
  fi
  ln -s "$(readlink -f "$2")" "$work/$1"
}
# optional NAME PATH: the same; when the file is gone, one next to this script, or none.
optional() {
  for found in "$2" "$script/seed/${2##*/}"; do
    if [ -r "$found" ]; then
      ln -s "$(readlink -f "$found")" "$work/$1"
      return
    fi
  done
  echo "$0: note: the seed $2 is not here, and no archive has it: the guest gets no key, no user and no network setting of the run" >&2
  return 1
}
"#;

/// The script, which starts the same machine with an overlay of its own.
pub(crate) fn by_hand(machine: &MachineDescription) -> String {
    let mut script = HEAD.to_owned();
    if machine.memory.is_incoming() {
        script.push_str(OF_A_CLONE);
    }
    if machine.accel == crate::AccelKind::Kvm {
        script.push_str(WITH_KVM);
    }
    script.push_str(FILES);
    script.push_str(&format!("image=${{1:-{}}}\n", quoted_default(&machine.base.to_string_lossy())));
    script.push_str(&format!("file {} \"$image\" 'name the disk as the first argument'\n", name::IMAGE));
    let mut file = |name: &str, path: &std::path::Path, what: &str| {
        script.push_str(&format!("file {name} {} {}\n", shell_word(&path.to_string_lossy()), shell_word(what)));
    };
    let mut here = MachineDescription { base: name::IMAGE.into(), memory: Memory::Private, ..machine.clone() };
    if let Some(firmware) = &mut here.firmware {
        let what = "install the firmware (`muster doctor` names the package), or change its path in this script";
        file(name::CODE, &firmware.code, what);
        file("vars.template", &firmware.vars_template, what);
        firmware.code = name::CODE.into();
    }
    if let Some(kernel) = &mut here.kernel {
        let what = "the kernel is not part of the disk: change its path in this script";
        file(name::KERNEL, &kernel.image, what);
        kernel.image = name::KERNEL.into();
        if let Some(initrd) = &mut kernel.initrd {
            file(name::INITRD, initrd, what);
            *initrd = name::INITRD.into();
        }
    }
    if let Some(seed) = &mut here.seed_disk {
        let path = shell_word(&seed.to_string_lossy());
        // An empty disk in its place, so that every other one keeps its name in the guest.
        script.push_str(&format!("optional {0} {path} || truncate -s 1M \"$work/{0}\"\n", name::SEED));
        *seed = name::SEED.into();
    }
    if let Some(config) = &mut here.ignition {
        let path = shell_word(&config.to_string_lossy());
        let nothing = r#"'{"ignition":{"version":"3.0.0"}}'"#;
        script.push_str(&format!("optional {0} {path} || echo {nothing} > \"$work/{0}\"\n", name::IGNITION));
        *config = name::IGNITION.into();
    }
    script.push_str("cd \"$work\"\n");
    let driver = machine.base_format.driver();
    script.push_str(&format!("qemu-img create -q -f qcow2 -F {driver} -b {} {}\n", name::IMAGE, name::LAYER));
    if here.firmware.is_some() {
        script.push_str(&format!("cp vars.template {}\nchmod u+w {}\n", name::VARS, name::VARS));
    }
    for (index, size) in machine.extra_disks.iter().enumerate() {
        script.push_str(&format!("truncate -s {size} extra{index}\n"));
    }
    if machine.tpm {
        script.push_str("mkdir tpm\n");
        script
            .push_str(&format!("swtpm socket -d -t --tpm2 --tpmstate dir=tpm --ctrl type=unixio,path={}\n", name::TPM));
    }
    script.push_str(program(machine.arch));
    for argument in arguments(&here, &Backing::Files { layer: name::LAYER, vars: name::VARS, tpm: name::TPM }) {
        // An option begins a line of its own, so that two scripts compare well.
        script.push_str(if argument.starts_with('-') { " \\\n  " } else { " " });
        script.push_str(&word(&argument));
    }
    script.push('\n');
    script
}

/// An argument, with the port that a person chose in place of any that is free.
fn word(argument: &str) -> String {
    let forward = |before: &str| {
        let (address, guest) = FORWARD.split_once(":0-")?;
        Some(format!("{}:\"$port\"-{guest}", shell_word(&format!("{before}{address}"))))
    };
    let forwarded = argument.strip_suffix(FORWARD).and_then(forward);
    forwarded.unwrap_or_else(|| shell_word(argument))
}

/// A path as the default of a parameter. Quotes of both kinds keep their meaning in there.
fn quoted_default(path: &str) -> String {
    format!("\"{}\"", path.replace('\\', r"\\").replace('"', "\\\"").replace('$', r"\$").replace('`', r"\`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::description::testing::{loaded, machine};
    use muster_base::machine::DiskBus;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;
    use std::process::{Command, Output};

    /// A host with programs that say how they were started, the firmware, and the script of a machine in a directory of a run.
    struct Scene(tempfile::TempDir);

    impl Scene {
        fn new(change: impl FnOnce(&mut MachineDescription, &Path)) -> Self {
            let scene = Self(tempfile::tempdir().unwrap());
            let at = scene.0.path();
            for dir in ["bin", "m1", "fw"] {
                std::fs::create_dir(at.join(dir)).unwrap();
            }
            for program in ["qemu-img", "qemu-system-x86_64"] {
                let path = at.join("bin").join(program);
                // What a name of the command line leads to is what matters.
                let text = "#!/bin/sh\necho \"$0 $*\"\nfor name in image seed code; do test -e $name && echo $name=$(cat $name | tr -d '\\000'); done; true\n";
                std::fs::write(&path, text).unwrap();
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            }
            for name in ["fw/code", "fw/vars"] {
                std::fs::write(at.join(name), name).unwrap();
            }
            let mut machine = machine();
            let firmware = machine.firmware.as_mut().unwrap();
            (firmware.code, firmware.vars_template) = (at.join("fw/code"), at.join("fw/vars"));
            machine.base = at.join("gone's \"$disk\".qcow2");
            machine.seed_disk = Some(at.join("gone/seed.img"));
            change(&mut machine, at);
            std::fs::write(at.join("m1/qemu-command"), by_hand(&machine)).unwrap();
            scene
        }

        fn run(&self, arguments: &[&str]) -> (bool, String, String) {
            let bin = self.0.path().join("bin");
            let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
            let mut command = Command::new("sh");
            command.arg("m1/qemu-command").args(arguments).current_dir(self.0.path()).env("PATH", path);
            let Output { status, stdout, stderr } = command.output().unwrap();
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            (status.success(), text(stdout), text(stderr))
        }
    }

    #[test]
    fn a_script_starts_its_machine_where_the_run_never_was() {
        let scene = Scene::new(|_, _| ());
        let (ok, out, errors) = scene.run(&[]);
        assert!(!ok && out.is_empty(), "{out}");
        assert!(errors.contains("gone's \"$disk\".qcow2 cannot be read here: name the disk as the first"), "{errors}");
        std::fs::write(scene.0.path().join("my disk"), "the disk").unwrap();
        let (ok, out, errors) = scene.run(&["my disk", "2022"]);
        assert!(ok, "{errors}");
        assert!(out.contains("qemu-img create -q -f qcow2 -F qcow2 -b image layer.qcow2"), "{out}");
        assert!(out.contains("hostfwd=tcp:127.0.0.1:2022-:22 "), "{out}");
        assert!(out.contains("image=the disk\nseed=\ncode=fw/code"), "{out}");
        assert!(errors.contains("no archive has it"), "{errors}");
        let (ok, _, errors) = scene.run(&["my disk", "ssh"]);
        assert!(!ok && errors.contains("PORT is no number: ssh"), "{errors}");
    }

    #[test]
    fn a_script_finds_what_lies_where_it_did_and_the_seed_next_to_it() {
        let scene = Scene::new(|machine, at| {
            std::fs::write(&machine.base, "the disk").unwrap();
            std::fs::create_dir(at.join("m1/seed")).unwrap();
            std::fs::write(at.join("m1/seed/seed.img"), "the seed").unwrap();
        });
        let (ok, out, errors) = scene.run(&[]);
        assert!(ok && errors.is_empty(), "{errors}");
        assert!(out.contains("image=the disk\nseed=the seed\n") && out.contains("127.0.0.1:2222-:22"), "{out}");
        std::fs::remove_file(scene.0.path().join("fw/code")).unwrap();
        let (ok, _, errors) = scene.run(&[]);
        assert!(!ok && errors.contains("fw/code cannot be read here: install the firmware"), "{errors}");
    }

    #[test]
    fn a_clone_and_kvm_are_said() {
        let plain = by_hand(&machine());
        assert!(!plain.contains(OF_A_CLONE) && !plain.contains(WITH_KVM));
        let clone = MachineDescription { memory: Memory::Cloned, accel: crate::AccelKind::Kvm, ..machine() };
        let script = by_hand(&clone);
        assert!(script.contains(OF_A_CLONE) && script.contains(WITH_KVM));
        assert!(!script.contains("-incoming"), "there is no state");
    }

    #[test]
    fn secure_boot_on_nvme() {
        let mut machine = MachineDescription { bus: DiskBus::Nvme, ..machine() };
        if let Some(firmware) = &mut machine.firmware {
            firmware.secure = true;
        }
        insta::assert_snapshot!(by_hand(&machine));
    }

    #[test]
    fn a_disk_on_sata_with_a_kernel_a_tpm_disks_and_nics() {
        insta::assert_snapshot!(by_hand(&loaded()));
    }

    #[test]
    fn the_cable_to_other_machines_leads_nowhere() {
        let machine = MachineDescription { segment: true, ..machine() };
        assert!(by_hand(&machine).contains("hubport,id=segment0,hubid=1"));
    }
}
