use super::*;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

/// A directory with a journalctl whose script this is; `$1…` are its words.
fn with_journalctl(script: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("journalctl");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

fn facts() -> Facts {
    Facts { systemd: Some(257), ..Facts::default() }
}

/// Runs the reading of the journal since the boot with these directories for programs.
fn run(path: &[&Path]) -> Reply {
    let probe = since_boot_probes(&facts()).into_iter().find(|probe| probe.key == JOURNAL).unwrap();
    let path = std::env::join_paths(path).unwrap();
    let ended = Command::new("/bin/sh").args(["-c", &probe.script]).env("PATH", path).output().unwrap();
    Reply { status: ended.status.code().unwrap_or(255), stdout: ended.stdout, stderr: ended.stderr, ..Reply::default() }
}

fn observed(reply: Reply) -> Observations {
    Observations([(JOURNAL.to_owned(), reply)].into())
}

const CHATTY: &str = r#"case " $* " in *' -n '*) echo 'a bound' >&2; exit 9;; *' --show-cursor '*) ;; *) exit 8;; esac
printf '%s\n' '{"__CURSOR":"s=0","MESSAGE_ID":"fc2e22bc6ee647b6b90729ab34a250b1","MESSAGE":"Process 9 (x) of user 0 dumped core."}'
n=0
while [ $n -lt 2500 ]; do n=$((n+1)); echo "{\"__CURSOR\":\"s=$n\",\"_TRANSPORT\":\"kernel\",\"MESSAGE\":\"usb $n-1: new device\"}"; done
echo '-- cursor: s=2500'"#;

#[test]
fn what_happened_before_thousands_of_lines_of_the_kernel_is_found() {
    let dir = with_journalctl(CHATTY);
    let bare = with_journalctl(CHATTY);
    let which = Command::new("/bin/sh").args(["-c", "command -v cat"]).output().unwrap();
    let cat = String::from_utf8(which.stdout).unwrap();
    std::os::unix::fs::symlink(cat.trim(), bare.path().join("cat")).unwrap();
    // With the grep of this host, and where there is none.
    for (path, count) in [(vec![dir.path(), Path::new("/usr/bin"), Path::new("/bin")], 1), (vec![bare.path()], 2501)] {
        let seen = observed(run(&path));
        let (entries, torn) = entries(&seen);
        assert_eq!((entries.len(), torn), (count, false), "{seen:?}");
        assert_eq!((entries[0].id.as_str(), entries[0].message.lines().count()), (COREDUMP, 1));
        assert_eq!(cursor(&seen).as_deref(), Some("s=2500"), "what was passed over is not read again");
    }
}

#[test]
fn a_journal_that_fails_half_way_or_says_nothing_is_no_answer() {
    let broken = with_journalctl(r#"echo '{"__CURSOR":"s=1","MESSAGE":"x"}'; echo 'Bad message' >&2; exit 1"#);
    let host = [Path::new("/usr/bin"), Path::new("/bin")];
    let seen = observed(run(&[broken.path(), host[0], host[1]]));
    assert!(seen.output(JOURNAL).unwrap_err().to_string().contains("Bad message"));
    let silent = with_journalctl("exit 0");
    let seen = observed(run(&[silent.path(), host[0], host[1]]));
    assert!(seen.output(JOURNAL).unwrap_err().to_string().contains("no entries of this boot"));
    let empty = with_journalctl("echo '-- No entries --'");
    let seen = observed(run(&[empty.path(), host[0], host[1]]));
    assert_eq!((entries(&seen).0.len(), entries(&seen).1, cursor(&seen)), (0, false, None));
    // A grep that says nothing is not one that found nothing.
    let silent_grep = with_journalctl(CHATTY);
    std::os::unix::fs::symlink("/bin/true", silent_grep.path().join("grep")).unwrap();
    let seen = observed(run(&[silent_grep.path(), host[0], host[1]]));
    assert!(seen.output(JOURNAL).unwrap_err().to_string().contains("did not show the end"));
}

#[test]
fn the_denials_of_an_audit_log_are_read_and_nothing_else_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("audit.log");
    let noise = "type=SERVICE_START msg=audit(1.2:3): pid=1\n".repeat(2000);
    std::fs::write(&log, format!("{noise}type=AVC msg=audit(1.2:3): avc:  denied  {{ read }} for  pid=7\n")).unwrap();
    let facts = Facts { selinux: Some("enforcing".into()), ..Facts::default() };
    let read = |from: usize| {
        let mut before = blank(0);
        before.0.insert(AUDIT.to_owned(), Reply { stdout: format!("size {from}\n").into_bytes(), ..Reply::default() });
        let probe = next(&before, &facts).into_iter().find(|probe| probe.key == AUDIT).unwrap();
        let script = probe.script.replace("/var/log/audit/audit.log", log.to_str().unwrap());
        let ended = Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
        assert!(ended.status.success(), "{ended:?}");
        String::from_utf8(ended.stdout).unwrap()
    };
    let size = std::fs::metadata(&log).unwrap().len() as usize;
    let said = read(0);
    assert_eq!((said.lines().count(), said.matches("denied").count()), (2, 1), "{said:.300}");
    assert_eq!(read(size), format!("size {size}\n"));
}
