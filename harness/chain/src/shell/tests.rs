use std::time::{Duration, Instant};

use camino::Utf8Path;

use crate::chain::{Chain, ChainKind};
use crate::host::{Host, Unavailable};
use crate::need::{Verb, Want};
use crate::reader::Source;
use crate::readers::read;

/// Files by name.
struct Files(&'static [(&'static str, &'static str)]);

impl Host for Files {
    fn included(&self, _: &Utf8Path, name: &str) -> Result<(String, String), Unavailable> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .ok_or(Unavailable(format!("{name} is not there")))
    }
    fn rpm(&self, _: &Utf8Path, _: &str) -> Result<String, Unavailable> {
        Err(Unavailable("no rpm".to_owned()))
    }
    fn rpmspec(&self, _: &Utf8Path, _: &[&str]) -> Result<String, Unavailable> {
        Err(Unavailable("no rpmspec".to_owned()))
    }
    fn archive(&self, _: &Utf8Path, _: u64, _: &mut dyn FnMut(&str, &[u8])) -> Result<(), Unavailable> {
        Err(Unavailable("no archive".to_owned()))
    }
}

fn chain_of(text: &str, kind: ChainKind, files: &Files) -> Chain {
    read(&Source { path: Utf8Path::new("chain"), bytes: text.as_bytes(), host: files }, Some(kind)).unwrap()
}

fn script(text: &str) -> Chain {
    chain_of(text, ChainKind::Script, &Files(&[]))
}

/// Packages that a script installs, with `?` behind what is optional.
fn packages(text: &str) -> Vec<String> {
    let name = |need: &crate::Need| match (&need.want, need.verb) {
        (Want::Package { name, .. } | Want::DebianPackage(name), Verb::Install) => {
            Some(format!("{name}{}", if need.optional { "?" } else { "" }))
        }
        _ => None,
    };
    script(text).needs.iter().filter_map(name).collect()
}

/// Commands and paths that a script uses, but for package managers.
fn used(text: &str) -> Vec<String> {
    let name = |need: &crate::Need| match &need.want {
        Want::Command(name) | Want::Path(name) if !super::names::is_manager(name) => {
            Some(format!("{name}{}", if need.optional { "?" } else { "" }))
        }
        _ => None,
    };
    script(text).needs.iter().filter_map(name).collect()
}

fn odd(text: &str) -> Vec<(u32, String)> {
    script(text).not_understood.into_iter().map(|one| (one.place.line, one.why)).collect()
}

#[test]
fn an_unknown_command_that_a_package_manager_follows_runs_it() {
    assert_eq!(
        packages("nosync dnf install -y a b\n/usr/local/bin/nosync dnf install -y c\nretry 3 yum -y install d"),
        ["a", "b", "c", "d"]
    );
    assert_eq!(packages("./retry.sh microdnf install e\nretry apt-get install -y f"), ["e", "f"]);
    // Text about one is none.
    assert!(
        packages("echo dnf install a\ngrep -q dnf install.log\nprintf '%s' dnf install b\npip install dnf").is_empty()
    );
}

#[test]
fn words_are_what_the_shell_makes_of_them() {
    assert_eq!(packages("dnf install -y a 'b' \"c\" d\\\ne f{,-devel} # g"), ["a", "b", "c", "de", "f", "f-devel"]);
    assert_eq!(packages("A=\"x y\"; B=${C:-z}\ndnf install $A \"$B\" \"pre-${B}\""), ["x", "y", "z", "pre-z"]);
    assert_eq!(packages("for p in a b; do for q in 1 2; do dnf install $p$q; done; done"), ["a1", "a2", "b1", "b2"]);
    assert_eq!(packages("dnf install $(echo a b) `echo c`"), ["a", "b", "c"]);
    assert_eq!(packages("L=(a b); L+=(c)\ndnf install \"${L[@]}\""), ["a", "b", "c"]);
    assert_eq!(packages("f() { dnf install \"$1-x\" \"${@}\"; }\nf a\nf b"), ["a-x", "a", "b-x", "b"]);
    assert_eq!(
        packages("bash -c 'dnf install a && dnf install \"b\"'; sudo -E env X=y nice -n 5 dnf in c"),
        ["a", "b", "c"]
    );
    assert_eq!(packages("sh <<'EOF'\ndnf install a\nEOF\ncat <<EOF >/tmp/x\ndnf install b\nEOF"), ["a"]);
}

#[test]
fn no_name_is_made_of_what_is_not_known() {
    let text = "dnf install a-$(uname -r) b$X c \"$Y\" ${Z%%.*} d*\ndnf install $(cat list)\n$PM install e\nX=$(curl x)\ndnf install ${X:-f}";
    assert_eq!(packages(text), ["c", "d*"]);
    let lines: Vec<u32> = odd(text).iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [1, 2, 3, 5]);
    assert_eq!(odd(text)[0].1, "what `$(uname -r)` prints is not known here");
    assert_eq!(odd("dnf install $P"), [(1, "the value of $P is not known here".to_owned())]);
    assert_eq!(odd("curl x | xargs dnf install y").len(), 1);
    assert_eq!(packages("curl x | xargs dnf install y"), ["y"]);
    assert_eq!(odd("dnf frobnicate x")[0].1, "`frobnicate` is no command of dnf that is known here");
    assert_eq!(odd("dnf install 'a;b'").len(), 1);
}

/// Packages that a script installs with files next to it, and the reasons of lines that are not understood.
fn with_files(text: &str) -> (Vec<String>, Vec<String>) {
    let files = Files(&[("list", "a b\nc\n"), ("commented", "# x\na # y\n\n"), ("quoted", "a\n'b'\n")]);
    let chain = chain_of(text, ChainKind::Script, &files);
    let name = |need: &crate::Need| match &need.want {
        Want::Package { name, .. } => Some(name.clone()),
        _ => None,
    };
    (chain.needs.iter().filter_map(name).collect(), chain.not_understood.into_iter().map(|one| one.why).collect())
}

#[test]
fn names_in_a_file_of_the_chain_are_known_while_nothing_can_have_changed_it() {
    for text in [
        "dnf install $(cat ./list)",
        "dnf install $(<list)",
        "dnf install `cat list`",
        "cat list | xargs dnf install",
        "xargs dnf install <list",
        "xargs -r -n 1 sudo dnf install < list",
        "xargs -a list -- dnf install -y",
        "sort -u list | tr '\\n' ' ' | xargs dnf install",
        "P=$(cat list)\ndnf install $P",
        "P=\"$(cat list 2>/dev/null)\"\ndnf install $P",
        "for p in $(cat list); do dnf install $p; done",
        "dnf install -y --setopt=x=1 $(cat list | xargs)",
    ] {
        assert_eq!(with_files(text), (vec!["a".into(), "b".into(), "c".into()], vec![]), "{text}");
    }
    let one = |text: &str| with_files(text).0;
    assert_eq!(one("grep -v '^#' commented | cut -d'#' -f1 | xargs dnf install"), ["a"]);
    assert_eq!(one("mapfile -t L <commented\ndnf install \"${L[1]}\""), [""; 0]);
    assert_eq!(one("mapfile -t L < <(sed 's/#.*//;/^$/d' commented)\ndnf install \"${L[@]}\""), ["a"]);
    assert_eq!(one("sed 's/#.*//' commented | while read -r p; do dnf install $p-devel; done"), ["a-devel"]);
    assert_eq!(one("xargs -I{} dnf install {}-devel x-{} <commented"), [""; 0]);
    assert_eq!(one("xargs -d '\\n' -a list dnf install").len(), 1, "`a b` is one argument");
    // What may have changed it, or is not worked out, and nothing is made of it.
    for text in [
        "sed -i s/a/z/ list\ndnf install $(cat list)",
        "echo z >> list\ndnf install $(cat list)",
        "envsubst -i list\ndnf install $(cat list)",
        "awk '{print $2}' list | xargs dnf install",
        "head -n1 list | xargs dnf install",
        "dnf install $(cat list; echo z)",
        "dnf install $(grep -v b list)",
        "dnf install $(cat none)",
        "xargs dnf install <quoted",
        "curl x | cat list - | xargs dnf install",
    ] {
        let (packages, why) = with_files(text);
        assert!(packages.is_empty() && why.len() == 1, "{text}: {packages:?} {why:?}");
    }
    assert!(with_files("dnf install $(cat none)").1[0].ends_with("none is not there"));
    // `#` begins no comment in what a command prints.
    assert_eq!(with_files("dnf install $(cat commented)").1.len(), 2);
}

#[test]
fn lists_are_read_within_limits() {
    let started = Instant::now();
    let large: &'static str = "a\n".repeat(20_000).leak();
    let files: &'static [(&str, &str)] = vec![("large", large)].leak();
    let many = "cat large | sort | xargs dnf install\n".repeat(2_000);
    let chain = chain_of(&many, ChainKind::Script, &Files(files));
    assert!(chain.needs.len() <= crate::limits::NEEDS);
    assert!(chain.not_understood.iter().any(|one| one.why.contains("8 MiB of lists")), "{:?}", chain.not_understood[0]);
    assert!(started.elapsed() < Duration::from_secs(120), "{:?}", started.elapsed());
}

#[test]
fn what_may_fail_is_optional() {
    assert_eq!(
        packages("dnf install a || true\ndnf install b || exit 1\ndnf install c || { echo no; exit 2; }"),
        ["a?", "b", "c"]
    );
    assert_eq!(packages("dnf install a && dnf install b || :"), ["a?", "b?"]);
    // Neither may be missing: the first is needed, the second stands in for it.
    assert_eq!(packages("dnf install a || dnf install b"), ["a", "b?"]);
    assert_eq!(packages("rpm -q a || dnf install a\nif dnf install b; then dnf install c; fi"), ["a", "b?", "c"]);
    assert_eq!(packages("dnf install --skip-unavailable a\ndnf --setopt=strict=0 install b"), ["a?", "b?"]);
    assert_eq!(packages("if command -v apt-get; then apt-get install a; else dnf install b; fi"), ["a?", "b"]);
    assert_eq!(packages("command -v apt && apt install -y a"), ["a?"]);
}

#[test]
fn commands_are_needed_once_and_not_if_they_are_brought() {
    assert_eq!(used("jq . x\njq . y\ncommand -v rg && rg x\nawk 1"), ["jq", "rg?", "awk"]);
    assert_eq!(used("command -v jq || exit 1\nwhich python3"), ["jq", "which", "python3"]);
    assert_eq!(
        used("f() { true; }\nf\ncurl -o /usr/local/bin/x u\nx\npip install poetry awscli\npoetry\naws"),
        ["curl", "pip"]
    );
    assert_eq!(used("make install\nthing\ncat y"), ["make", "thing?", "cat"]);
    assert_eq!(
        used("/usr/sbin/ldconfig\n./configure\n/opt/x/run\ncd /; echo; [ -f x ]"),
        ["/usr/sbin/ldconfig", "/opt/x/run"]
    );
    // What a command of the chain was given may be of its making.
    for own in
        ["tar xf x -C /opt", "python3 -m venv /opt/x", "make prefix=/opt/x", "cd /opt/x", "make install", "cp -r x $1"]
    {
        assert!(!used(&format!("{own}\n/opt/x/run")).contains(&"/opt/x/run".to_owned()), "{own}");
    }
    assert_eq!(used("/opt/x/a\nmkdir /opt/xy; /opt/x/b"), ["/opt/x/a", "mkdir", "/opt/x/b"]);
}

/// Key, values, and whether others are served.
fn releases(text: &str) -> Vec<(String, Vec<String>, bool)> {
    let release = |need: &crate::Need| match &need.want {
        Want::OsRelease { key, known, otherwise } => Some((key.clone(), known.clone(), *otherwise)),
        _ => None,
    };
    script(text).needs.iter().filter_map(release).collect()
}

#[test]
fn branches_on_the_system_say_which_they_know() {
    let of = |key: &str, known: &[&str], otherwise| {
        vec![(key.to_owned(), known.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>(), otherwise)]
    };
    let source = ". /etc/os-release\n";
    let after = |text: &str| releases(&format!("{source}{text}"));
    assert_eq!(after("case $ID in fedora|rhel*) a;; *) exit 1;; esac"), of("ID", &["fedora", "rhel"], false));
    assert_eq!(after("case \"$ID\" in fedora) a;; *) b;; esac"), of("ID", &["fedora"], true));
    assert_eq!(after("case $ID in fedora) a;; esac"), of("ID", &["fedora"], false));
    assert_eq!(
        after("if [ \"$ID\" = fedora ]; then a; elif [ $ID = rhel ]; then b; else c; fi"),
        of("ID", &["fedora", "rhel"], true)
    );
    assert_eq!(after("if [ \"$ID\" != fedora ]; then exit 1; fi"), of("ID", &["fedora"], false));
    assert_eq!(after("[[ $ID_LIKE == *rhel* ]] || exit 1"), of("ID_LIKE", &["rhel"], false));
    assert_eq!(after("[[ $ID =~ ^(fedora|centos)$ ]] || exit 1"), of("ID", &["fedora", "centos"], false));
    assert_eq!(after("OS=$ID; [ \"$OS\" = fedora ] && a"), of("ID", &["fedora"], false));
    assert_eq!(after("if [ $ID = ubuntu ]; then a; fi"), of("ID", &["ubuntu"], true));
    assert_eq!(releases("grep -q ^ID=fedora /etc/os-release || exit 1"), of("ID", &["fedora"], false));
    assert_eq!(releases("d=$(. /etc/os-release; echo $ID)\ncase $d in fedora) a;; esac"), of("ID", &["fedora"], false));
}

#[test]
fn scripts_that_are_run_are_read_once() {
    let files = Files(&[
        ("setup.sh", "#!/bin/bash\ndnf install b\n. ./lib.sh\n./setup.sh\n"),
        ("lib.sh", "dnf install c\n"),
        ("a.sh", "./b.sh\ndnf install x"),
        ("b.sh", "./a.sh\ndnf install y"),
    ]);
    let text = "FROM fedora:43\nCOPY setup.sh lib.sh /opt/\nWORKDIR /opt\nRUN dnf install a && ./setup.sh\nRUN bash setup.sh\n";
    let chain = chain_of(text, ChainKind::Containerfile, &files);
    let installed: Vec<(String, String)> = chain
        .needs
        .iter()
        .filter(|need| need.verb == Verb::Install)
        .map(|need| (need.place.to_string(), need.written.clone()))
        .collect();
    let expected = [("chain:4", "a"), ("setup.sh:2", "b"), ("lib.sh:1", "c")];
    assert_eq!(installed, expected.map(|(place, name)| (place.to_owned(), name.to_owned())));
    assert_eq!((chain.lines, chain.not_understood.len()), (5 + 4 + 1, 0));
    let around = chain_of("./a.sh\n", ChainKind::Script, &files);
    assert_eq!(around.needs.iter().filter(|need| need.verb == Verb::Install).count(), 2);
}

#[test]
fn broken_text_is_said_to_be() {
    for (text, lines) in [
        ("dnf install a\necho \"x\ny\n\nz", vec![2, 3, 5]),
        ("dnf install a\nfi\ndnf install b", vec![2]),
        ("if true; then\ndnf install a", vec![1]),
        ("cat <<EOF\nx\ny", vec![2, 3]),
        ("a $(b", vec![1]),
        ("a ${b", vec![1]),
        ("( dnf install a", vec![1]),
        ("case x in a) b", vec![1]),
        ("dnf install a\0b c", vec![1]),
        ("a |", vec![1]),
        ("a &&", vec![1]),
        ("> ", vec![1]),
    ] {
        let found: Vec<u32> = odd(text).iter().map(|(line, _)| *line).collect();
        assert_eq!(found, lines, "{text:?}: {:?}", odd(text));
    }
    assert_eq!(packages("dnf install a\nfi\ndnf install b"), ["a", "b"]);
    assert_eq!(packages("dnf install a\r\ndnf install b \\\r\n c\r\n"), ["a", "b", "c"]);
    assert_eq!(packages("dnf install a\0b c"), ["c"]);
}

#[test]
fn depth_and_length_are_bounded() {
    let begun = Instant::now();
    for open in [
        "(",
        "( ",
        "$(",
        "\"$(",
        "{ ",
        "if ",
        "while ",
        "`",
        "${a:-",
        "f() ",
        "! ",
        "time ",
        "a|",
        "[[ ( ",
        "case a in b) ",
        "((",
        "sudo ",
        "bash -c '",
        "{a,",
        "a?(",
        "if x )",
    ] {
        let text = format!("dnf install a\n{}", open.repeat(5_000));
        let chain = script(&text);
        assert!(!chain.needs.is_empty(), "{open}");
        // In quotes of a heredoc, too.
        script(&format!("cat <<EOF\n{text}"));
    }
    assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
    let long = format!("dnf install {}", "package ".repeat(64 << 10));
    assert_eq!(packages(&long).len(), 64 << 10);
    let loops = "for a in 1 2 3 4 5 6 7 8 9; do ".repeat(9) + "dnf install x; " + &"done; ".repeat(9);
    assert_eq!(odd(&loops).len(), 1);
    let calls = "f() { f; f; }; g() { f; f; g; g; }; g";
    assert!(odd(calls).is_empty());
}

#[test]
fn five_thousand_lines_take_a_moment() {
    let text = "dnf install -y a-b c-d && echo \"$HOME\" | tee /tmp/x || true\n".repeat(5000);
    let begun = Instant::now();
    let chain = script(&text);
    let elapsed = begun.elapsed();
    assert_eq!((chain.lines, chain.not_understood.len()), (5000, 0));
    // Half a second of processor time in a debug build; a host may be busy with other things.
    assert!(elapsed < Duration::from_secs(60), "{elapsed:?}");
}

/// Text of pieces of shell text, in any order.
fn generated(seed: u64) -> String {
    const PIECES: [&str; 58] = [
        "dnf install -y ",
        "foo ",
        "bar-devel ",
        "\n",
        "\n",
        "\n",
        "; ",
        " && ",
        " || ",
        "true",
        "| ",
        "if ",
        "then ",
        "else ",
        "fi",
        "for p in a b; do ",
        "done",
        "$p ",
        "\"",
        "'",
        "\\\n",
        "$(",
        ")",
        "(",
        "`",
        "{ ",
        "} ",
        "case $ID in ",
        "a) ",
        ";; ",
        "esac",
        "<<EOF\n",
        "EOF\n",
        "# comment\n",
        "X=1 ",
        "$X ",
        "${X:-y} ",
        "\r\n",
        "\t",
        "é",
        "\0",
        "apt-get install ",
        "systemctl enable nginx ",
        "[ -f /x ] ",
        "[[ $ID == fedora ]] ",
        "sudo ",
        "echo ",
        "> /etc/sysctl.d/x ",
        "a.b=1 ",
        "useradd u ",
        "chown u:g ",
        "bash -c ",
        "x{a,b} ",
        "f() ",
        "&",
        "<(",
        "curl -o /usr/local/bin/x ",
        "\u{1}",
    ];
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::new();
    for _ in 0..40 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push_str(PIECES[(state % PIECES.len() as u64) as usize]);
    }
    text
}

#[test]
fn any_text_is_counted_once_and_its_places_are_exact() {
    for seed in 0..4000 {
        let text = generated(seed);
        let said = text.lines().filter(|line| super::says_something(line)).count();
        for kind in [ChainKind::Script, ChainKind::Containerfile, ChainKind::Kickstart] {
            let head = match kind {
                ChainKind::Script => "",
                ChainKind::Containerfile => "FROM fedora\nRUN <<END\n",
                _ => "%post\n",
            };
            let tail = match kind {
                ChainKind::Script => "",
                ChainKind::Containerfile => "\nEND\n",
                _ => "\n%end\n",
            };
            let text = format!("{head}{text}{tail}");
            let chain = chain_of(&text, kind, &Files(&[]));
            let around = head.lines().count() + tail.trim().lines().count();
            assert_eq!(chain.lines, said + around, "{kind:?} {seed}: {text:?}");
            let mut lines: Vec<u32> = chain.not_understood.iter().map(|one| one.place.line).collect();
            lines.sort_unstable();
            let count = lines.len();
            lines.dedup();
            assert_eq!(lines.len(), count, "{kind:?} {seed}: {text:?}");
            assert!(
                lines.iter().all(|line| *line >= 1 && *line as usize <= text.split('\n').count()),
                "{seed}: {text:?}"
            );
            for need in &chain.needs {
                assert!(!need.written.contains(['\0', '\n']), "{seed}: {need:?}");
                if need.place.is_editable() {
                    let piece = text.get(need.place.start as usize..need.place.end as usize);
                    assert_eq!(piece, Some(need.written.as_str()), "{kind:?} {seed}: {text:?} {need:?}");
                }
            }
        }
    }
}

#[test]
fn what_is_no_text_is_an_error() {
    let bytes = [b'a', 0xff, b'b'];
    let source = Source { path: Utf8Path::new("Containerfile"), bytes: &bytes, host: &Files(&[]) };
    assert_eq!(read(&source, None).unwrap_err().to_string(), "Containerfile is not UTF-8 text (byte 1)");
    let long = vec![b'x'; 50 << 20];
    let source = Source { path: Utf8Path::new("Containerfile"), bytes: &long, host: &Files(&[]) };
    assert_eq!(
        read(&source, None).unwrap_err().to_string(),
        "Containerfile is longer than 4 MiB, the most that is read of a text"
    );
}

#[test]
fn what_a_module_unpacks_below_opt_is_of_the_chains_making() {
    let needs = |dest: &str| {
        let tasks = format!("    - unarchive: {{src: x.tgz, dest: {dest}}}\n    - command: /opt/x/run\n");
        let text = format!("- hosts: all\n  tasks:\n{tasks}");
        let chain = chain_of(&text, ChainKind::Ansible, &Files(&[]));
        chain.needs.iter().any(|need| need.want == Want::Path("/opt/x/run".to_owned()))
    };
    assert!(needs("/srv") && needs("/opt/y"));
    assert!(!needs("/opt") && !needs("/opt/x") && !needs("\"{{ where }}\""));
}
