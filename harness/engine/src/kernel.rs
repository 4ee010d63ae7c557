//! `matrix: kernel:`: installs a kernel in a machine that has just booted, makes it the one to boot, reboots, and proves
//! that it runs.

use std::time::Duration;

use super::clock::Clock;
use super::driver::Live;
use super::installed::arguments;
use super::one_reply::{both_streams, one_ended};
use super::sent_packages::{PackageFile, PackageRole, SentPackages};
use super::steps;
use muster_base::failure::{self, Failure, FailureId, Location};
use muster_base::text::{self, shell_word};
use muster_guest::{Reply, Request};
use muster_record::run::{KernelRecord, ProductRecord};
use muster_suite::matrix_kernel::{KernelFiles, MatrixKernel};
use muster_suite::model::{Action, RebootKind, Step};

/// Guest time in which it is installed and made the one to boot: an initramfs is made meanwhile.
const TIME: Duration = Duration::from_secs(30 * 60);
/// Bytes of what a command prints.
const OUTPUT: usize = 1 << 20;

static FILES: PackageRole = PackageRole {
    what: "the kernel",
    named_by: "matrix: kernel",
    dir: "/var/tmp/muster-kernel",
    not_installed: failure::KERNEL_INSTALL,
    unsent: failure::KERNEL_UNSENT,
};

/// Prints the releases of the kernels that the packages of `$@` hold, or that what they need holds: `kernel` itself is empty
/// on Fedora and Azure Linux, and needs `kernel-core`. A line each. `$files` is `-p` when they are files, which are installed.
const RELEASES: &str = r#"export LC_ALL=C
rpm -q rpm >/dev/null || exit 3
kernels() { sed -nE 's#^(/usr)?/lib/modules/([^/]+)/vmlinuz$#\2#p; s#^/boot/vmlinu[xz]-(.+)$#\1#p'; }
each() { for p in "$@"; do rpm -q $files "$query" "$p" 2>/dev/null; done; }
query=-l
found=$(each "$@" | kernels | sort -u)
query=--requires
[ -n "$found" ] || found=$(each "$@" | sed -nE 's/^kernel(-core)?-uname-r = (.+)$/\2/p' | sort -u)
[ -n "$found" ] || found=$(each "$@" | sort -u | while read -r needed rest; do
    rpm -q "$needed" >/dev/null 2>&1 && rpm -ql "$needed" 2>/dev/null | kernels
done | sort -u)
printf '%s\n' "$found""#;

/// Makes `$release` the kernel to boot, by the tool that the system has for it, and reads back that it is. Status 4 when there is none.
const DEFAULT: &str = r#"export LC_ALL=C
image=/boot/vmlinuz-$release
about() {
    while read -r key value rest || [ -n "$key" ]; do
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

/// Boots the machine into the kernel.
///
/// # Errors
/// It does not install, cannot be made the one to boot, does not boot, or another kernel runs afterwards.
pub(super) async fn boot<L: Live>(live: &mut L, kernel: &MatrixKernel) -> Result<KernelRecord, Failure> {
    let clock = Clock::new(TIME, live.deadline_scale());
    let package = kernel.name();
    let (release, files) = match kernel {
        MatrixKernel::Package(package) => {
            install(live, package, &clock).await?;
            (release(live, package, std::slice::from_ref(package), "", &clock).await?, Vec::new())
        }
        MatrixKernel::Files(files) => install_files(live, files, &clock).await?,
    };
    let reply = say(live, format!("release={}\n{DEFAULT}", shell_word(&release)), &clock).await?;
    if reply.status != 0 {
        let why = text::last_words(&both_streams(&reply), 300);
        let message = format!("{package}: {release} cannot be made the kernel to boot: {why}");
        return Err(Failure::new(failure::KERNEL_DEFAULT, message).with_detail(both_streams(&reply)));
    }
    // Its first boot may be its last: what ends the machine here is what this kernel does.
    live.reboot(RebootKind::Soft, None).await.map_err(|failed| {
        let message = format!("{package}: {release} did not boot: {}: {}", failed.id, failed.message);
        Failure { message, ..named(failure::KERNEL_BOOT, failed) }
    })?;
    let runs = text::one_line(&live.facts().kernel, 120);
    match runs == release {
        true => Ok(KernelRecord { package: package.to_owned(), release, files }),
        false => {
            let message = format!("{package}: {release} was made the kernel to boot, and {runs} runs");
            Err(Failure::new(failure::KERNEL_OTHER, message))
        }
    }
}

/// Installs the files of a kernel, and says which one they hold. They are removed when that is known.
async fn install_files<L: Live>(
    live: &L,
    kernel: &KernelFiles,
    clock: &Clock,
) -> Result<(String, Vec<ProductRecord>), Failure> {
    let files = kernel.files.iter().map(|file| PackageFile { file: &file.path, sha256: &file.sha256 }).collect();
    let sent = SentPackages::send(live, &FILES, files, clock).await?;
    let installed = sent.install(live, clock).await?;
    let release = release(live, &kernel.name, sent.paths(), "-p --nosignature", clock).await?;
    sent.remove(live, clock).await?;
    Ok((release, installed))
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

/// The one kernel that packages hold, as `uname -r` will say it. `files` are options of rpm for those that are files.
async fn release<L: Live>(
    live: &L,
    package: &str,
    packages: &[String],
    files: &str,
    clock: &Clock,
) -> Result<String, Failure> {
    let reply = say(live, format!("files='{files}'\n{}{RELEASES}", arguments(packages)), clock).await?;
    let said = text::escape_bytes(&reply.stdout);
    if reply.status != 0 {
        let words = text::last_words(&both_streams(&reply), 200);
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

/// A command line of this file, which must end by itself.
async fn say<L: Live>(live: &L, script: String, clock: &Clock) -> Result<Reply, Failure> {
    one_ended(live, Request { script, timeout: clock.left(), limit: OUTPUT }, "the kernel").await
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

    fn releases(files: &str, packages: &str) -> String {
        format!("files='{files}'\nset -- {packages}\n{RELEASES}")
    }

    const RPM: &str = "'-q rpm') ;;
'-q -p --nosignature -l /v/1/kernel-core.rpm') echo /lib/modules/6.18-1.x86_64/vmlinuz;;
'-q -p --nosignature -l /v/0/kernel-modules.rpm') echo /lib/modules/6.18-1.x86_64/kernel/x.ko;;
'-q -p --nosignature --requires /v/0/kernel-modules.rpm') echo 'rpmlib(x) <= 4';;
'-q -p --nosignature -l /v/2/other.rpm') echo /boot/vmlinuz-6.19;;
'-q -l kernel-core-6.12') printf '/usr/lib/modules/6.12-1.x86_64/vmlinuz\\n/boot/vmlinuz-6.12-1.x86_64\\n/usr/lib/modules/6.12-1.x86_64/kernel/x.ko\\n';;
'-q -l kernel-6.12') ;;
'-q --requires kernel-6.12') printf 'kernel-core-uname-r = 6.12-1.x86_64\\nrpmlib(x) <= 4\\n';;
'-q -l meta-6.1') ;;
'-q --requires meta-6.1') echo image-6.1;;
'-q image-6.1') ;;
'-ql image-6.1') printf '/boot/vmlinuz-6.1+deb13-cloud\\n/boot/config-6.1+deb13-cloud\\n';;
'-q -l bash-5') echo /usr/bin/bash;;
'-q --requires bash-5') echo 'libc.so.6()(64bit)';;";

    #[test]
    fn the_kernel_of_a_package_is_its_own_or_that_of_what_it_needs() {
        for (package, found) in [
            ("kernel-core-6.12", "6.12-1.x86_64\n"),
            ("kernel-6.12", "6.12-1.x86_64\n"),
            ("meta-6.1", "6.1+deb13-cloud\n"),
            ("bash-5", "\n"),
        ] {
            assert_eq!(said(&[("rpm", RPM)], &releases("", package)), (0, found.to_owned()), "{package}");
        }
        // Without a database nothing is known.
        assert_eq!(said(&[("rpm", "")], &releases("", "kernel-6.12")).0, 3);
    }

    #[test]
    fn the_kernel_of_files_is_that_of_any_of_them() {
        let files = "-p --nosignature";
        for (packages, found) in [
            ("/v/0/kernel-modules.rpm /v/1/kernel-core.rpm", "6.18-1.x86_64\n"),
            ("/v/0/kernel-modules.rpm", "\n"),
            ("/v/1/kernel-core.rpm /v/2/other.rpm", "6.18-1.x86_64\n6.19\n"),
        ] {
            assert_eq!(said(&[("rpm", RPM)], &releases(files, packages)), (0, found.to_owned()), "{packages}");
        }
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
