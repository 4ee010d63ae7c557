//! `process`: processes, by the name of their executable or their command name; kernel threads too.

use muster_suite::grammar::{capabilities, system, systemd};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{subjects, unanswered, verdicts, wants, with_near};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::unreadable::Unreadable;
use crate::{value, whole_name};
use muster_base::text::one_line;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute("running", AttributeKind::Bool, "Whether at least one runs; one that has ended (a zombie) does not."),
    attribute("count", AttributeKind::Integer, "How many run."),
    attribute("user", AttributeKind::Text, "Name of the effective user; every one must match."),
    attribute("args", AttributeKind::Text, "Command line, arguments separated by spaces; every one must match."),
    attribute("selinux-type", AttributeKind::Name(&system::SELINUX_TYPE), "SELinux domain; every one must match."),
    attribute("unit", AttributeKind::Name(&systemd::UNIT), "systemd unit it runs in; every one must match."),
    attribute("no-new-privileges", AttributeKind::Bool, "Whether every one has NoNewPrivs set."),
    attribute("seccomp", AttributeKind::Bool, "Whether every one has a seccomp filter."),
    attribute(
        "capabilities",
        AttributeKind::Set(&capabilities::CAPABILITY),
        "Effective capabilities of all of them together, as cap_ names.",
    ),
    attribute("memory", AttributeKind::Size, "Resident memory of all of them together."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "process",
    summary: "Processes, by the name of their executable or their command name; kernel threads too.",
    subject: Subject::Named(&system::PROCESS),
    shorthand: Shorthand::Keywords(&[("running", "running", "true"), ("absent", "running", "false")]),
    gone: &["running", "count"],
    attributes: ATTRIBUTES,
    reads: "/proc/*/status, cmdline, exe, cgroup and attr/current.",
    example: r#"process:
  chronyd: {running: true, user: chrony, selinux-type: chronyd_t}
  gdm: absent
"#,
};

/// The check type.
pub struct Process;

impl Check for Process {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let names = subjects(wanted, &ATTRIBUTES.iter().map(|attribute| attribute.name).collect::<Vec<_>>());
        let read = format!("{}{READ}", whole_name::function!());
        let mut probes: Vec<Probe> = Probe::batch("process", 60, &names, &read).into_iter().collect();
        if wants(wanted, &["user"]) {
            probes.push(Probe::new(super::accounts::PASSWD, 10, "cat /etc/passwd"));
        }
        probes
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        let name = &expectation.subject;
        let verdicts = verdicts(&TABLE, expectation, |assertion| {
            let answer = seen.answer("process", name)?;
            if answer.status != 0 {
                return Err(Unreadable::new(answer.output));
            }
            let (rest, last) = answer.output.rsplit_once('\n').unwrap_or(("", &answer.output));
            if last != "end" {
                return Err(Unreadable::new(format!("the list of processes is torn: `{}`", one_line(last, 80))));
            }
            let running = processes(rest);
            // That one runs is certain when one is found; how many, and what every one is, is not.
            let undecided = rest.lines().find_map(|line| line.strip_prefix(UNDECIDED));
            if let Some(which) = undecided
                && (running.is_empty() || assertion.attribute != "running")
            {
                return Err(Unreadable::new(format!(
                    "the name of process {} is cut to 15 bytes by the kernel, and neither its executable nor its command line says whether it is {}",
                    one_line(which, 80),
                    one_line(name, 80)
                )));
            }
            match (running.is_empty(), assertion.attribute) {
                (_, "running") => return Ok(Value::flag(!running.is_empty())),
                (_, "count") => return Ok(Value::text(running.len().to_string())),
                (true, _) => return Ok(Value::gone("not running")),
                (false, _) => {}
            }
            let each = |read: &dyn Fn(&Running) -> Value| Ok(Value::each(running.iter().map(read)));
            match assertion.attribute {
                "args" if running.iter().any(|one| !one.has("args")) => {
                    Err(Unreadable::new("the arguments cannot be read (`tr` is missing or silent)"))
                }
                "args" => each(&|one| Value::text(one.field("args"))),
                "user" => {
                    let passwd = seen.output(super::accounts::PASSWD)?;
                    each(&|one| {
                        let uid = one.field("uid");
                        let line = passwd.lines().find(|line| line.split(':').nth(2) == Some(uid));
                        Value::text(line.and_then(|line| line.split(':').next()).unwrap_or(uid))
                    })
                }
                "selinux-type" => each(&|one| match one.field("label").trim_end_matches('\0').split(':').nth(2) {
                    Some(domain) => Value::text(domain),
                    None => Value::absent("no SELinux label"),
                }),
                "unit" => each(&|one| {
                    let unit = one
                        .field("cgroup")
                        .rsplit('/')
                        .find(|part| part.contains(".service") || part.contains(".scope") || part.contains(".slice"));
                    unit.map_or_else(|| Value::absent("not in a unit"), Value::text)
                }),
                "no-new-privileges" => Ok(Value::flag(running.iter().all(|one| one.field("nnp") == "1"))),
                "seccomp" => Ok(Value::flag(running.iter().all(|one| one.field("seccomp") == "2"))),
                "capabilities" => {
                    let mut mask = 0;
                    for one in &running {
                        let text = one.field("caps");
                        mask |= u64::from_str_radix(text, 16)
                            .map_err(|_| Unreadable::new(format!("the capabilities are `{text}`")))?;
                    }
                    Ok(Value::items(capability_names(mask)))
                }
                "memory" => {
                    // Kernel threads have none.
                    let kilobytes: u128 = running.iter().filter_map(|one| one.field("rss").parse::<u128>().ok()).sum();
                    Ok(Value::Text(value::of_bytes(kilobytes * 1024)))
                }
                _ => unanswered(assertion),
            }
        });
        let list = seen.answer("process", name).map(|answer| answer.output).unwrap_or_default();
        with_near(verdicts, name, list.lines().filter_map(|line| line.strip_prefix(OTHER)))
    }
}

/// What begins a line that names another process, of which there are some only where none has the name.
const OTHER: &str = "other ";

/// What begins a line that names a process of which nobody can say whether it has the name.
const UNDECIDED: &str = "undecided ";

/// One block of `field value` lines for each process whose command name or executable has the name; the kernel cuts
/// command names to 15 bytes, and the command line then says whose it was. A process that ends meanwhile, or has ended, is passed over.
const READ: &str = r#"[ -d /proc/self ] || { echo '/proc is not mounted'; return 1; }
short=$(printf '%.15s' "$1")
command -v ls >/dev/null 2>&1 || { echo 'ls: not found'; return 127; }
# One listing names all executables; asking for each would fork for each process.
list=$(ls -l /proc/[0-9]*/exe 2>/dev/null)
case $list in *" /proc/$$/exe -> "*) ;; *) echo 'ls does not list the executable of this very shell'; return 1;; esac
# The shells of muster itself are no finding: this one, those between it and the shell that runs the script, and those above
# in the session that began with them: what runs the login is in another, or is another program.
mine=" $$ " sid= above=
{ read -r at rest; } 2>/dev/null </proc/self/stat
while [ "${at:-1}" -gt 1 ]; do
    up= its=
    while read -r field value; do
        case $field in PPid:) up=$value;; NSsid:) its=$value; break;; esac
    done 2>/dev/null <"/proc/$at/status"
    [ -n "$sid" ] || sid=${its:-none}
    [ -z "$above" ] || { [ "$its" = "$sid" ] && [ "/proc/$at/exe" -ef "/proc/$$/exe" ]; } || break
    mine="$mine$at "
    [ "$at" != "$$" ] || above=yes
    at=$up
done
pids=' ' own= found= others=
lf='
'
while IFS= read -r line; do
    line=${line% (deleted)}
    case $line in
    # A line feed in a path could show a line of its own: the link itself decides.
    *" -> "*"/$1") line=${line#* /proc/}; pid=${line%%/*}
        exe=$(readlink "/proc/$pid/exe" 2>/dev/null); exe=${exe% (deleted)}
        [ "${exe##*/}" != "$1" ] || pids="$pids$pid ";;
    esac
done <<LIST
$list
LIST
for dir in /proc/[0-9]*; do
    comm= wanted=
    # A name may have a line feed in it.
    { IFS= read -r comm && while IFS= read -r more; do comm=$comm$lf$more; done; } 2>/dev/null <"$dir/comm"
    [ -n "$comm" ] || continue
    [ "$dir" != "/proc/$$" ] || own=seen
    case $pids in
    *" ${dir##*/} "*) ;;
    *)
        case $comm in
        # A command name of 15 bytes may be cut, also where it is the whole name that is looked for.
        "$short") case $comm in ???????????????*) wanted=cut;; esac;;
        "$1") ;;
        *"$lf"*) continue;;
        *) others="$others${lf}other $comm"; continue;;
        esac;;
    esac
    case $mine in *" ${dir##*/} "*) continue;; esac
    # What has ended, and only waits for its parent to read its status, does not run; one whose first thread
    # alone has ended does.
    state= memory= threads=
    while read -r field first rest; do
        case $field in State:) state=$first;; VmSize:) memory=$first;; Threads:) threads=$first; break;; esac
    done 2>/dev/null <"$dir/status"
    case $state$threads in ''|Z|Z[01]|X*|x*) continue;; esac
    if [ -n "$wanted" ]; then
        whole "${dir##*/}" "$comm"
        # A thread of the kernel, which has no memory of its own, has no other name than this.
        case $name$memory$state in [!Z]) [ "$comm" != "$1" ] || name=$1;; esac
        # One that ended meanwhile has no command line either.
        [ -n "$name" ] || [ ! -d "$dir" ] || echo "undecided ${dir##*/} $comm"
        [ "$name" = "$1" ] || continue
    fi
    found=yes
    echo process
    memory=
    while read -r field first second rest; do
        case $field in
        Uid:) echo "uid $second";;
        NoNewPrivs:) echo "nnp $first";;
        Seccomp:) echo "seccomp $first";;
        CapEff:) echo "caps $first";;
        VmRSS:) echo "rss $first"; memory=$first;;
        esac
    done 2>/dev/null <"$dir/status"
    if command -v tr >/dev/null 2>&1; then
        args=$(tr '\0\n' '  ' 2>/dev/null <"$dir/cmdline")
        # Only threads of the kernel have none, and they have no memory of their own.
        [ -z "$args$memory" ] || [ -n "$args" ] && printf 'args %s\n' "$args"
    fi
    { IFS= read -r label <"$dir/attr/current"; } 2>/dev/null; printf 'label %s\n' "$label"; label=
    while IFS=: read -r number kind path; do
        case $number$kind in 0|1name=systemd) echo "cgroup $path";; esac
    done 2>/dev/null <"$dir/cgroup"
done
[ -n "$own" ] || { echo 'this very shell is not in the list of processes'; return 1; }
[ -n "$found" ] || [ -z "$others" ] || printf '%s\n' "${others#"$lf"}"
echo end"#;

struct Running<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Running<'a> {
    fn field(&self, name: &str) -> &'a str {
        self.0.iter().find(|(field, _)| *field == name).map_or("", |(_, value)| value.trim_end())
    }
}

impl Running<'_> {
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| *field == name)
    }
}

fn processes(text: &str) -> Vec<Running<'_>> {
    let mut all: Vec<Running<'_>> = Vec::new();
    for line in text.lines() {
        match (line.split_once(' '), all.last_mut()) {
            (None, _) if line == "process" => all.push(Running(Vec::new())),
            (Some(field), Some(process)) => process.0.push(field),
            _ => {}
        }
    }
    all
}

/// Names of capability bits, from the kernel's capability.h.
fn capability_names(mask: u64) -> Vec<String> {
    (0..u64::BITS)
        .filter(|bit| mask >> bit & 1 == 1)
        .map(|bit| {
            capabilities::NAMES.get(bit as usize).map_or_else(|| format!("cap_{bit}"), |name| (*name).to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, evaluate_on_this_host, expectation, missed, records, seen};
    use muster_suite::model::{Matcher, Operator};
    use std::path::Path;

    #[test]
    fn a_process_of_this_host_is_found_by_its_executable() {
        let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        let wanted = expectation(
            "process",
            "sleep",
            &[("running", equals("true")), ("memory", Matcher::Compare(vec![(Operator::Gt, "0 B".into())]))],
        );
        let verdicts = evaluate_on_this_host(&Process, &wanted);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(verdicts, [Verdict::MET, Verdict::MET]);
        let gone = expectation("process", "$(reboot) nothing", &[("running", equals("false")), ("count", equals("0"))]);
        assert_eq!(evaluate_on_this_host(&Process, &gone), [Verdict::MET, Verdict::MET]);
    }

    #[test]
    fn a_process_that_has_ended_and_whose_parent_has_not_looked_does_not_run() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("ended-one");
        std::fs::copy("/bin/sleep", &program).unwrap();
        let mut child = std::process::Command::new(&program).arg("100").spawn().unwrap();
        let wanted = expectation("process", "ended-one", &[("running", equals("true")), ("count", equals("1"))]);
        let runs = evaluate_on_this_host(&Process, &wanted);
        child.kill().unwrap();
        let stat = format!("/proc/{}/stat", child.id());
        while !std::fs::read_to_string(&stat).unwrap().contains(") Z ") {
            std::thread::yield_now();
        }
        let ended = evaluate_on_this_host(&Process, &wanted);
        child.wait().unwrap();
        assert_eq!(runs, [Verdict::MET, Verdict::MET]);
        assert_eq!((missed(&ended[0]).1, missed(&ended[1]).1), ("false", "0"));
    }

    #[test]
    fn the_shells_that_look_are_not_counted_and_others_of_their_name_are() {
        let directory = tempfile::tempdir().unwrap();
        let shell = directory.path().join("muster-own-sh");
        std::fs::copy("/bin/sh", &shell).unwrap();
        let wanted = expectation("process", "muster-own-sh", &[("running", equals("true")), ("count", equals("1"))]);
        let script = Process.probes(&[&wanted], &Facts::default()).remove(0).script;
        // In a shell that waits for it, as the framed shell of a warm machine is.
        let outer = "{ \"$0\" -c \"$1\" | cat; }; exit 0";
        let look = || {
            let output =
                std::process::Command::new(&shell).args(["-c", outer]).arg(&shell).arg(&script).output().unwrap();
            let reply = crate::testing::reply(0, &String::from_utf8_lossy(&output.stdout));
            Process.evaluate(&wanted, &seen("process", reply), &Facts::default())
        };
        let alone = look();
        let mut other = std::process::Command::new(&shell)
            .args(["-c", "read line"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let with_other = look();
        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!((missed(&alone[0]).1, missed(&alone[1]).1), ("false", "0"));
        assert_eq!(with_other, [Verdict::MET, Verdict::MET]);
    }

    /// A script with a name that the kernel cuts, run until it is killed.
    fn script(directory: &Path, name: &str, interpreter: &str) -> std::process::Child {
        let program = directory.join(name);
        std::fs::write(&program, format!("#!{interpreter}\nread line\n")).unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        std::process::Command::new(&program).stdin(std::process::Stdio::piped()).spawn().unwrap()
    }

    #[test]
    fn a_script_with_a_long_name_is_found_and_not_taken_for_another() {
        let directory = tempfile::tempdir().unwrap();
        let mut children = vec![
            script(directory.path(), "muster-watches-the-door", "/bin/sh"),
            script(directory.path(), "muster-watches-the-door", "/bin/sh -u"),
        ];
        let running = |name: &str, wanted: &str| {
            let wanted = expectation("process", name, &[("running", equals(wanted)), ("count", equals("0"))]);
            evaluate_on_this_host(&Process, &wanted)
        };
        let found = running("muster-watches-the-door", "true");
        let other = running("muster-watches-the-window", "false");
        // It runs by a name that its command line does not have, which only its command name shows a part of.
        let hidden = "printf muster-hides-here-no >/proc/self/comm; read line";
        let hides = std::process::Command::new("/bin/sh")
            .args(["-c", hidden])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let comm = format!("/proc/{}/comm", hides.id());
        while std::fs::read_to_string(&comm).unwrap().trim_end() != "muster-hides-he" {
            std::thread::yield_now();
        }
        let unknown = [running("muster-hides-here-now", "false"), running("muster-hides-here-now", "true")].concat();
        children.push(hides);
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert_eq!((&found[0], missed(&found[1]).1), (&Verdict::MET, "2"));
        assert_eq!(other, [Verdict::MET, Verdict::MET]);
        for verdict in unknown {
            assert!(matches!(&verdict, Verdict::Unknown { why } if why.contains("cut to 15 bytes")), "{verdict:?}");
        }
    }

    #[test]
    fn a_name_of_15_bytes_is_not_the_beginning_of_another() {
        let directory = tempfile::tempdir().unwrap();
        let look = |running: &str, count: &str| {
            let wanted = [("running", equals(running)), ("count", equals(count))];
            evaluate_on_this_host(&Process, &expectation("process", "muster-15-bytes", &wanted))
        };
        let mut updater = script(directory.path(), "muster-15-bytes-updater", "/bin/sh");
        let dead = look("false", "0");
        let mut itself = script(directory.path(), "muster-15-bytes", "/bin/sh");
        let alive = look("true", "1");
        for child in [&mut updater, &mut itself] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert_eq!(dead, [Verdict::MET, Verdict::MET]);
        assert_eq!(alive, [Verdict::MET, Verdict::MET]);
    }

    #[test]
    fn a_thread_of_the_kernel_has_the_name_that_the_kernel_shows() {
        let host = tempfile::tempdir().unwrap();
        let proc = host.path().display();
        let put = |pid: &str, comm: &str, status: &str| {
            let directory = host.path().join(pid);
            std::fs::create_dir_all(&directory).unwrap();
            for (name, content) in [("comm", comm), ("status", status), ("cmdline", "")] {
                std::fs::write(directory.join(name), content).unwrap();
            }
        };
        put("2", "fifteen-kthread\n", "State:\tI (idle)\nThreads:\t1\n");
        put("3", "fifteen-program\n", "State:\tS (sleeping)\nVmSize:\t 9 kB\nThreads:\t1\n");
        let names = ["fifteen-kthread", "fifteen-program", "fifteen-kthread-of-more"];
        let read = crate::shell::batch(names, &format!("{}{READ}", whole_name::function!()));
        let own = format!("mkdir {proc}/self {proc}/$$; ln -s /bin/sh {proc}/$$/exe; echo sh >{proc}/$$/comm\n");
        let reply = crate::testing::with_tools(&[], &(own + &read.replace("/proc", &proc.to_string())));
        let seen = seen("process", reply);
        let running = |name: &str| {
            Process.evaluate(&expectation("process", name, &[("running", equals("true"))]), &seen, &Facts::default())
        };
        assert_eq!(running(names[0]), [Verdict::MET]);
        for unknown in &names[1..] {
            assert!(matches!(running(unknown)[..], [Verdict::Unknown { .. }]), "{unknown}");
        }
    }

    #[test]
    fn what_was_missed_names_the_process_that_was_probably_meant() {
        let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        let wanted = |name: &str| expectation("process", name, &[("running", equals("true"))]);
        let verdicts = [
            evaluate_on_this_host(&Process, &wanted("sleeep")),
            evaluate_on_this_host(&Process, &wanted("/no such name at all")),
        ];
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(missed(&verdicts[0][0]).1, "false; did you mean `sleep`?");
        assert_eq!(missed(&verdicts[1][0]).1, "false");
    }

    #[test]
    fn a_line_feed_in_a_name_makes_no_second_process() {
        let directory = tempfile::tempdir().unwrap();
        let odd = directory.path().join("first\nlrwx 1 root root 0 /proc/1/exe -> /usr/sbin");
        std::fs::create_dir_all(&odd).unwrap();
        let program = odd.join("forged-name");
        std::fs::copy("/bin/sleep", &program).unwrap();
        let mut child = std::process::Command::new(&program).arg("100").spawn().unwrap();
        let wanted = expectation("process", "forged-name", &[("count", equals("1")), ("running", equals("true"))]);
        let verdicts = evaluate_on_this_host(&Process, &wanted);
        // Its command name is all that the kernel lets it choose.
        let script = "printf 'sleepy\\nhead' >/proc/self/comm; read x";
        let mut named = std::process::Command::new("/bin/sh")
            .args(["-c", script])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let part = expectation("process", "sleepy", &[("running", equals("false"))]);
        let whole = expectation("process", "sleepy\nhead", &[("running", equals("true"))]);
        let seen_so =
            || (evaluate_on_this_host(&Process, &part).remove(0), evaluate_on_this_host(&Process, &whole).remove(0));
        let mut last = seen_so();
        for _ in 0..50 {
            if last.1 == Verdict::MET {
                break;
            }
            last = seen_so();
        }
        for one in [&mut child, &mut named] {
            one.kill().unwrap();
            one.wait().unwrap();
        }
        assert_eq!(verdicts, [Verdict::MET, Verdict::MET]);
        assert_eq!(last, (Verdict::MET, Verdict::MET));
    }

    #[test]
    fn every_process_must_match() {
        let text = "process\nuid 0\nnnp 0\nseccomp 2\ncaps 0000000000003000\nrss 4000\nargs /usr/sbin/x -D\nlabel system_u:system_r:x_t:s0\ncgroup /system.slice/x.service\nprocess\nuid 33\nnnp 1\ncaps 0000000000000000\nrss 96\nlabel \nargs \n";
        let evaluate = |attribute: &'static str, matcher| {
            let mut seen = seen("process", records(&[("x", 0, &format!("{text}end"))]));
            seen.0.insert(super::super::accounts::PASSWD.into(), crate::testing::reply(0, "root:x:0:0::/:/bin/sh\n"));
            Process.evaluate(&expectation("process", "x", &[(attribute, matcher)]), &seen, &Facts::default()).remove(0)
        };
        assert_eq!(evaluate("count", equals("2")), Verdict::MET);
        assert!(matches!(evaluate("user", equals("root")), Verdict::Missed { .. }));
        assert_eq!(evaluate("no-new-privileges", equals("false")), Verdict::MET);
        assert_eq!(
            evaluate("capabilities", Matcher::Only(vec!["cap_net_admin".into(), "cap_net_raw".into()])),
            Verdict::MET
        );
        assert_eq!(evaluate("memory", equals("4 MiB")), Verdict::MET);
        assert!(matches!(evaluate("unit", equals("x.service")), Verdict::Missed { .. }));
    }
}
