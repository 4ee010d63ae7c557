//! The name of a process as a whole: the kernel cuts command names to 15 bytes (`TASK_COMM_LEN`), so that one of that length
//! may be the beginning of a longer one. Shared by all that names processes.

/// POSIX sh, the function `whole PID NAME`. Sets `name` to the whole name of the process that the kernel calls NAME, and to
/// nothing where neither the first words of the command line nor the executable begin alike. A program that an interpreter
/// runs stands in the first words; its executable is the interpreter.
macro_rules! function {
    () => {
        r#"whole() {
    name= at=0
    case $2 in ???????????????) ;; *) name=$2; return 0;; esac
    # A line feed in a word could show a word of its own.
    ! command -v tr >/dev/null 2>&1 || words=$(tr '\n\0' ' \n' 2>/dev/null <"/proc/$1/cmdline")
    while IFS= read -r word || [ -n "$word" ]; do
        word=${word##*/}; word=${word#-}
        case $word in "$2"*) name=$word; return 0;; esac
        at=$((at + 1)); [ $at -lt 3 ] || break
    done <<WORDS
$words
WORDS
    word=$(readlink "/proc/$1/exe" 2>/dev/null); word=${word% (deleted)}; word=${word##*/}
    case $word in "$2"*) name=$word;; esac
}
"#
    };
}
pub(super) use function;

#[cfg(test)]
mod tests {
    use std::io::BufRead as _;
    use std::process::{Command, Stdio};

    #[test]
    fn a_script_and_a_program_have_their_whole_names_and_an_empty_one_is_not_known() {
        let directory = tempfile::tempdir().unwrap();
        let script = directory.path().join("whole-name-of-a-script");
        std::fs::write(&script, "#!/bin/sh\necho up\nread line\n").unwrap();
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let program = directory.path().join("whole-name-of-a-program");
        std::fs::copy("/bin/cat", &program).unwrap();
        let renamed = "printf whole-name-of-nobody >/proc/self/comm; echo up; read line";
        let mut children = [Command::new(&script), Command::new(&program), Command::new("/bin/sh")];
        children[2].args(["-c", renamed]);
        let mut children: Vec<_> = children
            .iter_mut()
            .map(|command| command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap())
            .collect();
        for at in [0, 2] {
            let mut line = String::new();
            std::io::BufReader::new(children[at].stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
            assert_eq!(line, "up\n");
        }
        let whole = |pid: u32| {
            let script = format!(
                "{}IFS= read -r comm </proc/{pid}/comm; whole {pid} \"$comm\"; printf '%s=%s' \"$comm\" \"$name\"",
                function!()
            );
            String::from_utf8(crate::testing::with_tools(&[], &script).stdout).unwrap()
        };
        let seen: Vec<String> = children.iter().map(|child| whole(child.id())).collect();
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert_eq!(
            seen,
            ["whole-name-of-a=whole-name-of-a-script", "whole-name-of-a=whole-name-of-a-program", "whole-name-of-n="]
        );
    }
}
