//! `matrix: kernel:`: installs the package of a kernel in a machine that has just booted, makes it the one to boot, reboots,
//! and proves that it runs.

use std::time::Duration;

use super::clock::Clock;
use super::driver::Live;
use super::plan::quote;
use super::steps;
use muster_base::failure::{self, Failure, FailureId, Location};
use muster_base::text;
use muster_guest::{End, Reply, Request};
use muster_record::run::KernelRecord;
use muster_suite::model::{Action, RebootKind, Step};

/// Guest time in which it is installed and made the one to boot: an initramfs is made meanwhile.
const TIME: Duration = Duration::from_secs(30 * 60);
/// Bytes of what a command prints.
const OUTPUT: usize = 1 << 20;

/// Prints the releases of the kernels that the package `$p` holds, or that what it needs holds: `kernel` itself is empty
/// on Fedora and Azure Linux, and needs `kernel-core`. A line each.
const RELEASES: &str = r#"export LC_ALL=C
rpm -q rpm >/dev/null || exit 3
releases() { rpm -ql "$1" 2>/dev/null | sed -nE 's#^(/usr)?/lib/modules/([^/]+)/vmlinuz$#\2#p; s#^/boot/vmlinu[xz]-(.+)$#\1#p'; }
found=$(releases "$p" | sort -u)
[ -n "$found" ] || found=$(rpm -q --requires "$p" | sed -nE 's/^kernel(-core)?-uname-r = (.+)$/\2/p' | sort -u)
[ -n "$found" ] || found=$(rpm -q --requires "$p" | sort -u | while read -r needed rest; do
    rpm -q "$needed" >/dev/null 2>&1 && releases "$needed"
done | sort -u)
printf '%s\n' "$found""#;

/// Makes `$release` the kernel to boot, by the tool that the system has for it, and reads back that it is. Status 4 when there is none.
const DEFAULT: &str = r#"export LC_ALL=C
image=/boot/vmlinuz-$release
about() {
    while read -r key value rest; do
        case $key in
        version) [ "$value" = "$release" ] && return 0;;
        linux|efi|uki) case $value in */"$release"/*|*/vmlinuz-"$release"|*-"$release".efi) return 0;; esac;;
        esac
    done <"$1"
    return 1
}
if command -v grubby >/dev/null 2>&1; then
    grubby --set-default="$image" && [ "$(grubby --default-kernel)" = "$image" ]
    exit
fi
for top in /boot /boot/efi /efi; do
    [ -d "$top/loader/entries" ] || continue
    for entry in "$top"/loader/entries/*.conf; do
        [ -f "$entry" ] && about "$entry" || continue
        id=$(basename "$entry")
        if command -v bootctl >/dev/null 2>&1 && bootctl is-installed >/dev/null 2>&1; then
            bootctl set-default "$id"
            exit
        fi
        for tool in grub2-editenv grub-editenv; do
            command -v $tool >/dev/null 2>&1 || continue
            $tool - set "saved_entry=${id%.conf}" && $tool - list | grep -qxF "saved_entry=${id%.conf}"
            exit
        done
    done
done
if command -v bootctl >/dev/null 2>&1 && bootctl is-installed >/dev/null 2>&1; then
    echo "no entry of the boot loader is about $release:" >&2
    bootctl list --no-pager >&2
    exit 1
fi
echo 'none of grubby, bootctl and grub2-editenv can make it the one to boot' >&2
exit 4"#;

/// Boots the machine into the kernel of the package.
///
/// # Errors
/// It does not install, cannot be made the one to boot, does not boot, or another kernel runs afterwards.
pub(super) async fn boot<L: Live>(live: &mut L, package: &str) -> Result<KernelRecord, Failure> {
    let clock = Clock::new(TIME, live.deadline_scale());
    install(live, package, &clock).await?;
    let release = release(live, package, &clock).await?;
    let reply = say(live, format!("release={}\n{DEFAULT}", quote(&release)), &clock).await?;
    if reply.status != 0 {
        let why = text::last_words(&both(&reply), 300);
        let message = format!("{package}: {release} cannot be made the kernel to boot: {why}");
        return Err(Failure::new(failure::KERNEL_DEFAULT, message).with_detail(both(&reply)));
    }
    // Its first boot may be its last: what ends the machine here is what this kernel does.
    live.reboot(RebootKind::Soft, None).await.map_err(|failed| {
        let message = format!("{package}: {release} did not boot: {}: {}", failed.id, failed.message);
        Failure { message, ..named(failure::KERNEL_BOOT, failed) }
    })?;
    let runs = text::one_line(&live.facts().kernel, 120);
    match runs == release {
        true => Ok(KernelRecord { package: package.to_owned(), release }),
        false => {
            let message = format!("{package}: {release} was made the kernel to boot, and {runs} runs");
            Err(Failure::new(failure::KERNEL_OTHER, message))
        }
    }
}

/// The failure, with its evidence, under another id.
fn named(id: FailureId, failed: Failure) -> Failure {
    Failure { id, location: None, ..failed }
}

async fn install<L: Live>(live: &L, package: &str, clock: &Clock) -> Result<(), Failure> {
    let location = Location { file: "matrix: kernel".into(), line: 1, column: 1 };
    let action = Action::Install { packages: vec![package.to_owned()], refuse_scriptlet_errors: true };
    let step = Step { action, timeout: Some(TIME), on: None, location };
    let done = steps::run(live, &step, clock, camino::Utf8Path::new("")).await;
    done.map(drop).map_err(|broken| {
        let steps::Broken { failure: failed, machine_lost, .. } = broken;
        if machine_lost || failed.id != failure::STEP_INSTALL {
            return Failure { location: None, ..failed };
        }
        let message = format!("{package} did not install: {}", failed.message);
        Failure { message, ..named(failure::KERNEL_INSTALL, failed) }
    })
}

/// The one kernel that a package holds, as `uname -r` will say it.
async fn release<L: Live>(live: &L, package: &str, clock: &Clock) -> Result<String, Failure> {
    let reply = say(live, format!("p={}\n{RELEASES}", quote(package)), clock).await?;
    let said = text::escape_bytes(&reply.stdout);
    if reply.status != 0 {
        let words = text::last_words(&both(&reply), 200);
        let message = format!("it cannot be read which kernel {package} holds: status {}: {words}", reply.status);
        return Err(Failure::new(failure::PROBE_FAILED, message));
    }
    let fine =
        |line: &str| line.len() <= 120 && line.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+~-".contains(&b));
    let lines: Vec<&str> = said.lines().filter(|line| !line.is_empty()).collect();
    match lines.as_slice() {
        [one] if fine(one) => Ok((*one).to_owned()),
        [] => {
            let message = format!(
                "{package} holds no kernel: it has no file /usr/lib/modules/VERSION/vmlinuz or /boot/vmlinuz-VERSION"
            );
            Err(Failure::new(failure::KERNEL_INSTALL, message))
        }
        several => {
            let message = format!("{package} holds several kernels: {}", text::one_line(&several.join(", "), 300));
            Err(Failure::new(failure::KERNEL_INSTALL, message))
        }
    }
}

fn both(reply: &Reply) -> String {
    text::escape_bytes(&[reply.stdout.as_slice(), b"\n", &reply.stderr].concat())
}

/// Runs a command line, which must end by itself.
async fn say<L: Live>(live: &L, script: String, clock: &Clock) -> Result<Reply, Failure> {
    let request = Request { script, timeout: clock.left(), limit: OUTPUT };
    let reply = live.batch(vec![request]).await?.into_iter().next();
    match reply {
        Some(reply) if reply.end == End::Exited => Ok(reply),
        Some(_) => {
            Err(Failure::new(failure::PROBE_FAILED, "a command about the kernel did not end, or printed too much"))
        }
        None => Err(Failure::new(failure::PROBE_FAILED, "the guest gave no answer about the kernel")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// What a script of this file says on a system whose programs are these, each the lines of a shell's `case`.
    fn said(programs: &[(&str, &str)], script: &str) -> (i32, String) {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, cases) in programs {
            let file = dir.path().join(name);
            std::fs::write(&file, format!("#!/bin/sh\ncase \"$*\" in\n{cases}\n*) exit 1;;\nesac\n")).expect("written");
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("a mode");
        }
        let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap_or_default());
        let output = std::process::Command::new("/bin/sh").args(["-c", script]).env("PATH", path).output().expect("sh");
        (output.status.code().unwrap_or(255), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    const RPM: &str = "'-q rpm') ;;
'-ql kernel-core-6.12') printf '/usr/lib/modules/6.12-1.x86_64/vmlinuz\\n/boot/vmlinuz-6.12-1.x86_64\\n/usr/lib/modules/6.12-1.x86_64/kernel/x.ko\\n';;
'-ql kernel-6.12') ;;
'-q --requires kernel-6.12') printf 'kernel-core-uname-r = 6.12-1.x86_64\\nrpmlib(x) <= 4\\n';;
'-ql meta-6.1') ;;
'-q --requires meta-6.1') echo image-6.1;;
'-q image-6.1') ;;
'-ql image-6.1') printf '/boot/vmlinuz-6.1+deb13-cloud\\n/boot/config-6.1+deb13-cloud\\n';;
'-ql bash-5') echo /usr/bin/bash;;
'-q --requires bash-5') echo 'libc.so.6()(64bit)';;";

    #[test]
    fn the_kernel_of_a_package_is_its_own_or_that_of_what_it_needs() {
        for (package, found) in [
            ("kernel-core-6.12", "6.12-1.x86_64\n"),
            ("kernel-6.12", "6.12-1.x86_64\n"),
            ("meta-6.1", "6.1+deb13-cloud\n"),
            ("bash-5", "\n"),
        ] {
            assert_eq!(said(&[("rpm", RPM)], &format!("p={package}\n{RELEASES}")), (0, found.to_owned()), "{package}");
        }
        // Without a database nothing is known.
        assert_eq!(said(&[("rpm", "")], &format!("p=kernel-6.12\n{RELEASES}")).0, 3);
    }

    #[test]
    fn grubby_must_have_done_what_was_wanted() {
        let grubby = |now: &str| format!("'--set-default=/boot/vmlinuz-6.12') ;;\n'--default-kernel') echo {now};;");
        let status = |now: &str| said(&[("grubby", &grubby(now))], &format!("release=6.12\n{DEFAULT}")).0;
        assert_eq!(status("/boot/vmlinuz-6.12"), 0);
        assert_ne!(status("/boot/vmlinuz-6.6"), 0);
    }

    #[test]
    fn an_entry_is_about_a_release_by_its_version_or_by_the_path_of_its_kernel() {
        let begin = DEFAULT.find("about() {").expect("the function");
        let end = begin + DEFAULT[begin..].find("\n}\n").expect("its end") + 3;
        let about = |entry: &str, release: &str| {
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), entry).expect("written");
            let script = format!("release='{release}'\n{}about {}", &DEFAULT[begin..end], file.path().display());
            said(&[], &script).0 == 0
        };
        let entry = "title x\nversion 6.12.1+deb13-amd64\nlinux /id/6.12.1+deb13-amd64/linux\n";
        assert!(
            about(entry, "6.12.1+deb13-amd64") && !about(entry, "6.12.1+deb13") && !about(entry, "12.1+deb13-amd64")
        );
        assert!(about("linux /vmlinuz-6.12.1-1.azl4\n", "6.12.1-1.azl4"));
        assert!(!about("linux /vmlinuz-6.12.1-1.azl4\n", "6.12.1-1"));
        assert!(about("uki /EFI/Linux/fedora-6.12.1.efi\n", "6.12.1") && !about("", "6.12.1"));
        assert!(!about("version 6*\nlinux /*/linux\n", "6.12.1"), "a pattern in the entry is none");
    }
}
