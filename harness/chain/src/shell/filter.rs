//! What commands leave of the lines of a list, for those that people use to drop comments and blank lines. What any other
//! leaves is not known.

/// A command that copies lines, all or some of them, whole or cut.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    steps: Vec<Step>,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It goes when it begins with `#`; `indented`: behind blanks, too.
    DropComment { indented: bool },
    /// It goes when it has a `#` anywhere.
    DropHashed,
    /// It goes when it is empty; `indented`: when it has only blanks, too.
    DropBlank { indented: bool },
    /// What stands behind this goes, and itself.
    CutAt(char),
    /// What stands behind its first word goes.
    FirstWord,
}

impl Filter {
    /// Of a command and its arguments; and which of them are files. `None` when what it leaves is not known.
    pub(super) fn of<'a>(name: &str, arguments: &[&'a str]) -> Option<(Self, Vec<&'a str>)> {
        match name.rsplit('/').next().unwrap_or(name) {
            "cat" => plain(arguments, &["-s", "--squeeze-blank", "-u"]),
            "sort" => plain(arguments, &["-u", "--unique", "-V", "-r", "-f", "-b", "-fu", "-uf", "-d"]),
            "uniq" => plain(arguments, &[]),
            "grep" | "egrep" | "fgrep" => grep(name, arguments),
            "sed" => sed(arguments),
            "awk" | "gawk" | "mawk" => awk(arguments),
            "cut" => cut(arguments),
            "tr" => tr(arguments),
            "paste" => paste(arguments),
            // Between pipes it makes one line of all.
            "xargs" if matches!(arguments, [] | ["echo"]) => Some((Self::default(), Vec::new())),
            _ => None,
        }
    }

    /// What is left of a line: its first bytes, or nothing.
    pub(super) fn left<'l>(&self, line: &'l str) -> Option<&'l str> {
        let mut line = line;
        for step in &self.steps {
            match step {
                Step::DropComment { indented } => {
                    let text = if *indented { line.trim_start() } else { line };
                    if text.starts_with('#') {
                        return None;
                    }
                }
                Step::DropHashed if line.contains('#') => return None,
                Step::DropHashed => {}
                Step::DropBlank { indented } => {
                    let text = if *indented { line.trim() } else { line };
                    if text.is_empty() {
                        return None;
                    }
                }
                Step::CutAt(mark) => line = line.find(*mark).map_or(line, |at| &line[..at]),
                Step::FirstWord => {
                    let begin = line.len() - line.trim_start().len();
                    let length = line[begin..].find(char::is_whitespace).unwrap_or(line.len() - begin);
                    line = &line[..begin + length];
                }
            }
        }
        Some(line)
    }
}

/// A command whose options, these, change no line.
fn plain<'a>(arguments: &[&'a str], options: &[&str]) -> Option<(Filter, Vec<&'a str>)> {
    let (given, files): (Vec<&str>, Vec<&str>) =
        arguments.iter().partition(|one| one.len() > 1 && one.starts_with('-'));
    given.iter().all(|one| options.contains(one)).then(|| (Filter::default(), files))
}

/// `grep -v PATTERN`, and a few without `-v`.
fn grep<'a>(name: &str, arguments: &[&'a str]) -> Option<(Filter, Vec<&'a str>)> {
    let (mut inverted, mut only) = (false, false);
    let mut extended = name == "egrep";
    let (mut patterns, mut others): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            None => others.push(argument),
            Some("-invert-match") => inverted = true,
            Some("-extended-regexp") => extended = true,
            Some(letters) => {
                let takes = letters.ends_with('e');
                for letter in letters.chars() {
                    match letter {
                        'v' => inverted = true,
                        'o' => only = true,
                        'E' | 'P' => extended = true,
                        'h' | 's' | 'a' => {}
                        'e' if takes => {}
                        _ => return None,
                    }
                }
                if takes {
                    patterns.push(rest.next()?);
                }
            }
        }
    }
    if patterns.is_empty() {
        patterns.push((!others.is_empty()).then(|| others.remove(0))?);
    }
    let mut steps = Vec::new();
    for pattern in &patterns {
        match (inverted, only, *pattern) {
            (true, false, pattern) => steps.append(&mut dropped(pattern, extended)?),
            // What is kept by one of several may be dropped by the other.
            _ if patterns.len() > 1 => return None,
            (false, false, "." | "^." | "..*") => steps.push(Step::DropBlank { indented: false }),
            (false, false, "\\S" | "[^[:space:]]" | "[[:alnum:]]") => steps.push(Step::DropBlank { indented: true }),
            (false, false, "^[^#]") => {
                steps.extend([Step::DropComment { indented: false }, Step::DropBlank { indented: false }]);
            }
            (false, true, "^[^#]*" | "^[^#]\\+" | "^[^#]+") => {
                steps.extend([Step::CutAt('#'), Step::DropBlank { indented: false }]);
            }
            _ => return None,
        }
    }
    Some((Filter { steps }, others))
}

/// The pattern without classes of blanks, and whether it had one.
fn without_blanks(pattern: &str) -> (String, bool) {
    const BLANKS: &[&str] = &["[[:space:]]", "[[:blank:]]", "[ \\t]", "[\\t ]", "[ \t]", "\\s", " "];
    let mut text = pattern.to_owned();
    for class in BLANKS {
        for many in ["*", "\\+", "+"] {
            text = text.replace(&format!("{class}{many}"), "");
        }
    }
    let had = text != pattern;
    (text, had)
}

/// The lines that a pattern finds, where these are comments and blanks.
fn dropped(pattern: &str, extended: bool) -> Option<Vec<Step>> {
    let (text, indented) = without_blanks(pattern);
    // `^(#|$)` is `^#|^$`.
    let text = if extended { text } else { text.replace("\\|", "|").replace("\\(", "(").replace("\\)", ")") };
    let text = match text.strip_prefix("^(").and_then(|text| text.strip_suffix(')')) {
        Some(inner) => inner.split('|').map(|one| format!("^{one}")).collect::<Vec<_>>().join("|"),
        None => text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).map(str::to_owned).unwrap_or(text),
    };
    let one = |pattern: &str| match pattern {
        "^#" | "^#.*" | "^#.*$" | "^[#]" => Some(Step::DropComment { indented }),
        "#" => Some(Step::DropHashed),
        "^$" => Some(Step::DropBlank { indented }),
        _ => None,
    };
    text.split('|').map(one).collect()
}

/// `sed 's/#.*//; /^$/d'`
fn sed<'a>(arguments: &[&'a str]) -> Option<(Filter, Vec<&'a str>)> {
    let (mut scripts, mut others): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut extended = false;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match *argument {
            "-e" | "--expression" => scripts.push(rest.next()?),
            "-E" | "-r" | "--regexp-extended" => extended = true,
            "-Ee" | "-re" => {
                extended = true;
                scripts.push(rest.next()?);
            }
            option if option.len() > 1 && option.starts_with('-') => return None,
            other => others.push(other),
        }
    }
    if scripts.is_empty() {
        scripts.push((!others.is_empty()).then(|| others.remove(0))?);
    }
    let mut steps = Vec::new();
    for command in scripts.iter().flat_map(|script| script.split([';', '\n'])).map(str::trim) {
        if let Some(pattern) = command.strip_prefix('/').and_then(|rest| rest.strip_suffix("/d")) {
            steps.append(&mut dropped(pattern, extended)?);
            continue;
        }
        let mark = command.strip_prefix('s')?.chars().next().filter(|mark| !mark.is_alphanumeric())?;
        let parts: Vec<&str> = command[1 + mark.len_utf8()..].split(mark).collect();
        let [pattern, "", "" | "g"] = parts[..] else { return None };
        match without_blanks(pattern).0.as_str() {
            "#.*" | "#.*$" => steps.push(Step::CutAt('#')),
            // Blanks at an end.
            "^" | "$" => {}
            _ => return None,
        }
    }
    Some((Filter { steps }, others))
}

/// `awk '!/^#/ {print $1}'`
fn awk<'a>(arguments: &[&'a str]) -> Option<(Filter, Vec<&'a str>)> {
    let (program, files) = arguments.split_first()?;
    if program.starts_with('-') {
        return None;
    }
    let program = program.trim();
    let (condition, action) = match program.split_once('{') {
        Some((condition, action)) => (condition.trim(), action.strip_suffix('}')?.trim().trim_end_matches(';')),
        None => (program, "print"),
    };
    let mut steps = Vec::new();
    for condition in condition.split("&&").map(str::trim) {
        match condition {
            "" => {}
            "NF" | "NF > 0" | "NF>0" => steps.push(Step::DropBlank { indented: true }),
            "/^[^#]/" => steps.extend([Step::DropComment { indented: false }, Step::DropBlank { indented: false }]),
            pattern => {
                let pattern = pattern.strip_prefix("!/").and_then(|pattern| pattern.strip_suffix('/'))?;
                steps.append(&mut dropped(pattern, true)?);
            }
        }
    }
    match action {
        "print" | "print $0" | "print($0)" => {}
        "print $1" | "print$1" | "print($1)" => steps.push(Step::FirstWord),
        _ => return None,
    }
    Some((Filter { steps }, files.to_vec()))
}

/// `cut -d'#' -f1`
fn cut<'a>(arguments: &[&'a str]) -> Option<(Filter, Vec<&'a str>)> {
    let (mut delimiter, mut field, mut files) = (None, None, Vec::new());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match *argument {
            "-d" | "--delimiter" => delimiter = Some(*rest.next()?),
            "-f" | "--fields" => field = Some(*rest.next()?),
            option if option.starts_with("-d") => delimiter = Some(&option[2..]),
            option if option.starts_with("-f") => field = Some(&option[2..]),
            option if option.len() > 1 && option.starts_with('-') => return None,
            file => files.push(file),
        }
    }
    let mut marks = delimiter?.chars();
    match (marks.next(), marks.next(), field) {
        (Some(mark), None, Some("1")) => Some((Filter { steps: vec![Step::CutAt(mark)] }, files)),
        _ => None,
    }
}

/// `tr '\n' ' '`: ends of lines and blanks into each other.
fn tr<'a>(arguments: &[&'a str]) -> Option<(Filter, Vec<&'a str>)> {
    let (options, sets): (Vec<&str>, Vec<&str>) =
        arguments.iter().partition(|one| one.len() > 1 && one.starts_with('-'));
    let is_blank = |set: &&str| {
        let text = ["\\n", "\\r", "\\t", "\\0", "[:space:]", "[:blank:]"]
            .iter()
            .fold((*set).to_owned(), |text, one| text.replace(one, " "));
        !text.is_empty() && text.trim().is_empty()
    };
    // Blanks that are deleted would join words.
    let deletes = options.contains(&"-d") && sets.iter().any(|set| !matches!(*set, "\\r" | "\r"));
    let known = options.iter().all(|option| matches!(*option, "-s" | "-d"));
    (known && !deletes && sets.iter().all(is_blank)).then(|| (Filter::default(), Vec::new()))
}

/// `paste -sd' '`
fn paste<'a>(arguments: &[&'a str]) -> Option<(Filter, Vec<&'a str>)> {
    match arguments {
        ["-sd ", files @ ..] | ["-s", "-d", " ", files @ ..] | ["-sd", " ", files @ ..] | ["-s", "-d ", files @ ..] => {
            plain(files, &[])
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# tools\nnginx # the server\n\n  # more\n\t\ncurl\tjq\n";

    fn left(command: &[&str]) -> Option<Vec<String>> {
        let (filter, files) = Filter::of(command[0], &command[1..])?;
        assert_eq!(files, ["list"], "{command:?}");
        Some(LIST.lines().filter_map(|line| filter.left(line)).map(str::to_owned).collect())
    }

    #[test]
    fn comments_and_blank_lines_go_as_the_programs_drop_them() {
        // Each is compared with what the program of this host prints.
        let commands: &[&[&str]] = &[
            &["cat", "list"],
            &["cat", "-s", "list"],
            &["grep", "-v", "^#", "list"],
            &["grep", "-v", "#", "list"],
            &["grep", "-v", "^\\s*#", "list"],
            &["grep", "-v", "^ *#", "list"],
            &["grep", "-vE", "^(#|$)", "list"],
            &["grep", "-Ev", "^\\s*(#|$)", "list"],
            &["grep", "-vE", "^[[:space:]]*(#|$)", "list"],
            &["grep", "-v", "^#\\|^$", "list"],
            &["grep", "-v", "-e", "^#", "-e", "^$", "list"],
            &["egrep", "-v", "^#|^$", "list"],
            &["grep", ".", "list"],
            &["grep", "^[^#]", "list"],
            &["grep", "-o", "^[^#]*", "list"],
            &["sed", "s/#.*//", "list"],
            &["sed", "-e", "s/#.*$//", "-e", "/^\\s*$/d", "list"],
            &["sed", "-E", "s/\\s*#.*//;/^$/d", "list"],
            &["sed", "/^#/d", "list"],
            &["sed", "s|#.*||g", "list"],
            &["awk", "!/^#/ {print $1}", "list"],
            &["awk", "{print $1}", "list"],
            &["awk", "NF && !/^#/", "list"],
            &["awk", "/^[^#]/", "list"],
            &["cut", "-d#", "-f1", "list"],
            &["cut", "-d", "#", "-f", "1", "list"],
        ];
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("list"), LIST).unwrap();
        for command in commands {
            let mut program = std::process::Command::new(command[0]);
            program.args(&command[1..]).current_dir(&dir).env("LC_ALL", "C.UTF-8");
            let ran = program.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
            let printed = String::from_utf8(ran.stdout).unwrap();
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            let left = left(command).unwrap_or_else(|| panic!("{command:?} is not known"));
            assert_eq!(words(&left.join("\n")), words(&printed), "{command:?}");
        }
    }

    #[test]
    fn what_a_command_leaves_is_known_or_nothing_is() {
        let unknown: &[&[&str]] = &[
            &["grep", "nginx", "list"],
            &["grep", "-v", "nginx", "list"],
            &["grep", "-c", "^#", "list"],
            &["grep", "-vf", "other", "list"],
            &["grep", "-v", "$", "list"],
            &["sed", "-n", "p", "list"],
            &["sed", "s/nginx/httpd/", "list"],
            &["sed", "-i", "s/#.*//", "list"],
            &["awk", "{print $2}", "list"],
            &["awk", "-F:", "{print $1}", "list"],
            &["head", "-n1", "list"],
            &["cut", "-c1-3", "list"],
            &["tr", "a", "b"],
            &["tr", "-d", "\\n"],
            &["sort", "-o", "other", "list"],
        ];
        for command in unknown {
            assert_eq!(Filter::of(command[0], &command[1..]), None, "{command:?}");
        }
        for command in [&["tr", "\\n", " "][..], &["tr", "-d", "\\r"], &["xargs"], &["tr", "-s", "\\r\\n", " "]] {
            let same = Some((Filter::default(), Vec::new()));
            assert_eq!(Filter::of(command[0], &command[1..]), same, "{command:?}");
        }
    }
}
