//! The forms in which tools print a log's messages, as one table: what stands before a message, and lines
//! that are records with the message somewhere inside. Made from the manuals and sources of the tools; each
//! row has a sample from which a test makes a line of every severity. Pure.

use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

/// What follows what stands before a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The message, or more of the same kind.
    Message,
    /// Perhaps the host's name, then the program's.
    Host,
    /// Perhaps the name of a function or an event.
    Function,
}

/// A form.
#[derive(Debug)]
pub(crate) struct Form {
    /// Tool and option.
    #[cfg_attr(not(test), expect(dead_code, reason = "for whoever reads the table"))]
    pub name: &'static str,
    /// A line, with `{}` for the message.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test compares the row with it"))]
    pub sample: &'static str,
    /// A regular expression at the beginning of a line; empty for a record.
    prefix: &'static str,
    then: Then,
}

const fn form(name: &'static str, prefix: &'static str, sample: &'static str) -> Form {
    Form { name, sample, prefix, then: Then::Message }
}

const fn dated(name: &'static str, prefix: &'static str, sample: &'static str) -> Form {
    Form { name, sample, prefix, then: Then::Host }
}

const fn traced(name: &'static str, prefix: &'static str, sample: &'static str) -> Form {
    Form { name, sample, prefix, then: Then::Function }
}

/// A sample of a form whose parts other rows have, or of a record.
const fn like(name: &'static str, sample: &'static str) -> Form {
    Form { name, sample, prefix: "", then: Then::Message }
}

/// Dates and times, for the rows.
macro_rules! day {
    () => {
        "[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}"
    };
}
macro_rules! time {
    () => {
        "[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
    };
}
macro_rules! ctime {
    () => {
        "[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{4}"
    };
}

/// All of them. Stamps of the kernel's clock (`[   12.345678]`) are cut at by the caller.
pub(crate) const FORMS: &[Form] = &[
    // printk: Documentation/core-api/printk-basics.rst, kernel/printk/printk.c.
    like("printk", "[    1.234567] {}"),
    form("blanks", "[ \\t]+", "  {}"),
    form("byte order mark", "(?:\\\\u\\{feff\\}|\u{feff}|\u{fffd}{2})", "\u{feff}{}"),
    form("printk level, dmesg -r", "<[0-9]{1,3}>", "<3>[    1.234567] {}"),
    form("printk caller", "\\[ *[TC]-?[0-9]{1,8}\\]", "[    1.234567][   T12] {}"),
    form(
        "printk of vendors",
        "\\[[0-9]{1,3}: *[^\\]\\[:]{1,20}: *[0-9]{1,8}\\]",
        "[    1.000000][1:  swapper/0:  1] {}",
    ),
    form("printk of Android", "c[0-9]{1,3} +[0-9]{1,8} ", "[   50.583499] c7    5170 {}"),
    form(
        "printk lost messages",
        "\\*\\* [0-9]+ printk messages dropped \\*\\*",
        "** 93 printk messages dropped ** [  322.962139] {}",
    ),
    form("/dev/kmsg", "[0-9]{1,4},[0-9]{1,20},[0-9]{1,20},[^; ]{1,64};", "3,512,1234567,-;{}"),
    like("/dev/kmsg with caller", "6,339,5140900,-,caller=T1;{}"),
    // util-linux, sys-utils/dmesg.c, print_record().
    like("dmesg", "[    1.234567] {}"),
    form(
        "dmesg -x",
        "(?:kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp|local[0-7]) *:(?:emerg|alert|crit|err|warn|notice|info|debug) *: ",
        "kern  :err   : [    1.234567] {}",
    ),
    form("dmesg -T", concat!("\\[", ctime!(), "(?: < *[0-9]+\\.[0-9]{6}>)?\\] ?"), "[Tue Oct 13 12:00:01 2026] {}"),
    like("dmesg -xT", "kern  :err   : [Tue Oct 13 12:00:01 2026] {}"),
    like("dmesg -T -d", "[Tue Oct 13 12:00:01 2026 <    0.000012>] {}"),
    like("dmesg -d", "[    1.234567 <    0.000012>] {}"),
    form("dmesg --time-format delta", "\\[< *[0-9]+\\.[0-9]{6}>\\] ?", "[<    0.000012>] {}"),
    form("dmesg -e, dmesg -H", "\\[ *\\+[0-9]{1,7}\\.[0-9]{6}\\] ?", "[  +0.000012] {}"),
    form("dmesg -e, first of a minute", "\\[[A-Z][a-z]{2} ?[0-9]{1,2} [0-9]{2}:[0-9]{2}\\] ?", "[Oct13 12:00] {}"),
    like("dmesg --time-format iso", "2026-10-13T12:00:01,123456+00:00 {}"),
    like("dmesg --time-format raw", "[    1.234567] {}"),
    like("dmesg -t", "{}"),
    like("dmesg -J", "         \"msg\": \"{}\""),
    // Android, logcat -v.
    form(
        "logcat -v threadtime",
        concat!(
            "(?:(?:[0-9]{4}-)?[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3,9}|[0-9]{1,12}\\.[0-9]{3,9})(?: [+-][0-9]{4})?",
            "(?: +[A-Za-z][A-Za-z0-9_]{0,15})? +[0-9]{1,7} +[0-9]{1,7} [VDIWEFS] [^:]{0,64}: "
        ),
        "10-13 12:00:01.123  1234  1234 E kernel  : {}",
    ),
    like(
        "logcat -v threadtime,year,usec,zone,uid",
        "2026-10-13 12:00:01.123456 +0000  root  1234  1234 E kernel  : {}",
    ),
    form(
        "logcat -v time",
        "[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3,9} [VDIWEFS]/[^(]{0,64}\\( *[0-9]{1,7}\\): ",
        "10-13 12:00:01.123 E/kernel( 1234): {}",
    ),
    form("logcat -v brief", "[VDIWEFS]/[^(:]{1,64}\\( *[0-9]{1,7}\\): ", "E/kernel( 1234): {}"),
    form("logcat -v tag", "[VDIWEFS]/[^(: ]{1,64} *: ", "E/kernel: {}"),
    form("logcat -v process, thread", "[VDIWEFS]\\( *[0-9]{1,7}(?:: *[0-9]{1,7})?\\) ", "E( 1234) {}"),
    like("logcat -v thread", "E( 1234: 1234) {}"),
    // systemd, src/shared/logs-show.c: output_short(), output_json(), output_verbose(), output_export().
    dated(
        "journalctl -o short, RFC 3164",
        concat!("[A-Z][a-z]{2} [ 0-9][0-9] ", time!(), " "),
        "Oct 13 12:00:01 host kernel: {}",
    ),
    like("journalctl -o short --no-hostname", "Oct 13 12:00:01 kernel: {}"),
    like("journalctl -o short-precise", "Oct 13 12:00:01.123456 host kernel: {}"),
    dated(
        "journalctl -o short-full",
        concat!("[A-Z][a-z]{2} ", day!(), " ", time!(), " (?:[A-Z][A-Za-z]{1,5}|[+-][0-9]{2}(?::?[0-9]{2})?) "),
        "Tue 2026-10-13 12:00:01 UTC host kernel: {}",
    ),
    like("journalctl -o with-unit", "Tue 2026-10-13 12:00:01 CEST host kernel: {}"),
    dated(
        "journalctl -o short-iso, RFC 3339",
        concat!(day!(), "T", time!(), "(?:Z|[+-][0-9]{2}:?[0-9]{2})?:? "),
        "2026-10-13T12:00:01+00:00 host kernel: {}",
    ),
    like("journalctl -o short-iso, before systemd 255", "2026-10-13T12:00:01+0000 host kernel: {}"),
    like("journalctl -o short-iso-precise", "2026-10-13T12:00:01.123456+02:00 host kernel: {}"),
    dated("journalctl -o short-unix", "[0-9]{9,12}\\.[0-9]{3,6} ", "1760356801.123456 host kernel: {}"),
    like("journalctl -o short-monotonic", "[    1.234567] host kernel: {}"),
    like("journalctl -o short-delta", "[    1.234567 <    0.000012 >] host kernel: {}"),
    like("journalctl -o short-delta, first", "[    1.234567                ] host kernel: {}"),
    form("journalctl -o export", "MESSAGE=", "MESSAGE={}"),
    like("journalctl -o verbose", "    MESSAGE={}"),
    like("journalctl -o json", "{\"_TRANSPORT\":\"kernel\",\"MESSAGE\":\"{}\",\"PRIORITY\":\"3\"}"),
    like("journalctl -o json, without identifier after it", "{\"SYSLOG_IDENTIFIER\":\"kernel\",\"MESSAGE\":\"{}\"}"),
    like("journalctl -o json-pretty", "\t\"MESSAGE\" : \"{}\","),
    like("journalctl -o json-sse", "data: {\"MESSAGE\":\"{}\",\"SYSLOG_IDENTIFIER\":\"kernel\"}"),
    like("journalctl -o json-seq", "\u{1e}{\"MESSAGE\":\"{}\",\"SYSLOG_IDENTIFIER\":\"kernel\"}"),
    like("journalctl -o cat", "{}"),
    // rsyslog's templates, busybox syslogd, OpenWrt logread.
    like("RFC 3164 with its priority", "<3>Oct 13 12:00:01 host kernel: [    1.234567] {}"),
    like("rsyslog, file format", "2026-10-13T12:00:01.123456+00:00 host kernel: [    1.234567] {}"),
    like("RFC 5424", "<3>1 2026-10-13T12:00:01.123456Z host kernel - - - {}"),
    like(
        "RFC 5424 with structured data",
        "<3>1 2026-10-13T12:00:01Z host kernel 1 ID47 [x@32473 a=\"b\\]c\"][y@1 z=\"\"] [    1.234567] {}",
    ),
    form(
        "facility and level",
        "(?:kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp|local[0-7])\\.(?:emerg|alert|crit|err|warn|notice|info|debug) ",
        "Oct 13 12:00:01 host kern.err kernel: {}",
    ),
    dated("logread", concat!(ctime!(), " "), "Tue Oct 13 12:00:01 2026 kern.err kernel: [    1.234567] {}"),
    dated(
        "date and time",
        concat!(day!(), " ", time!(), "(?: ?(?:Z|UTC|[+-][0-9]{2}:?[0-9]{2}))? "),
        "2018/01/09 14:28:48 {}",
    ),
    // Linux, kernel/trace: trace_pipe, trace-cmd report, ftrace_dump(), the event console:console.
    traced(
        "ftrace",
        "\\S.{0,24}-[0-9]{1,8} +(?:\\( *[0-9-]{1,8}\\) +)?\\[[0-9]{3}\\] +(?:[A-Za-z0-9.]{4,6} +)?[0-9]{1,9}\\.[0-9]{6}: (?:(?:bputs|bprint|print|console): )?",
        "            prog-1994    [000] d..1.  4342.324896: bputs: foo_fn: {}",
    ),
    like("ftrace, trace_pipe", "          <idle>-0       [001] .....  1234.567890: foo_fn: {}"),
    like("ftrace, event console", "     ksoftirqd/0-13      [000] d.s3.   123.456789: console: [  123.456789] {}"),
    traced(
        "ftrace dump",
        "\\S.{0,24}-[0-9]{1,8} +[0-9]{1,4}[A-Za-z0-9.]{4,6} +[0-9]{1,12}us ?[:!+#*@$]? ?:? ?",
        "[   12.345678]     prog-1234    0d..1. 1234567us : foo_fn: {}",
    ),
    // Xen: a guest's lines on the hypervisor's console.
    form("xl console", "\\(d[0-9]{1,5}\\) ", "(d1) {}"),
    like("Xen with a stamp", "(d1) [2026-10-13 12:00:01.123] {}"),
    // What writes a serial port down: tio, minicom, ts of moreutils, grabserial, Jenkins, GitLab, container runtimes, clouds.
    form(
        "tio, minicom, Jenkins",
        concat!("\\[", day!(), "[T ]", time!(), "(?: ?(?:Z|UTC|[+-][0-9]{2}:?[0-9]{2}))?\\] ?"),
        "[2026-10-13 12:00:01.123] {}",
    ),
    like("Jenkins timestamper", "[2026-10-13T12:00:01.123Z] {}"),
    form("tio, hours", concat!("\\[", time!(), "\\] ?"), "[12:00:01.123] {}"),
    form("ts -s, Jenkins", concat!(time!(), " +"), "00:00:01 {}"),
    like("ts", "Oct 13 12:00:01 {}"),
    like("grabserial", "[1.234567 0.000012] {}"),
    form("GitLab", "[0-9]{2}[OE][+ ] ?", "2026-10-13T12:00:01.123456Z 00O {}"),
    like("GitHub Actions, Azure", "2026-10-13T12:00:01.1234567Z {}"),
    form("container runtime", "(?:stdout|stderr) [FP] ", "2026-10-13T12:00:01.123456789Z stdout F {}"),
    like("Docker json-file", "{\"log\":\"{}\\n\",\"stream\":\"stdout\",\"time\":\"2026-10-13T12:00:01.123456789Z\"}"),
    like("Google Cloud, serial port by the agent", "{\"textPayload\":\"{}\",\"insertId\":\"x\"}"),
    // A login prompt that the kernel spoke into, and the program's name that the kernel has in a journal.
    form("login prompt", "[A-Za-z0-9._-]{1,64} login: ", "lab login: {}"),
    form("kernel", "kernel: ?", "2021-03-16 11:27:14.269 kernel: {}"),
];

struct Compiled {
    /// Whether any row fits: most messages have nothing before them, and this question alone costs least.
    any: Regex,
    forms: Vec<(Regex, Then)>,
    host: Regex,
    perhaps_host: Regex,
    function: Regex,
    syslog: Regex,
}

/// Bytes that all rows together may compile to.
const LARGEST: usize = 64 << 20;

/// `None` only when a row is no regular expression, which a test excludes.
fn compiled() -> Option<&'static Compiled> {
    static COMPILED: OnceLock<Option<Compiled>> = OnceLock::new();
    let compile = || {
        let rows = || FORMS.iter().filter(|form| !form.prefix.is_empty());
        let any = rows().map(|form| form.prefix).collect::<Vec<_>>().join("|");
        Some(Compiled {
            any: RegexBuilder::new(&format!("^(?:{any})")).size_limit(LARGEST).build().ok()?,
            forms: rows()
                .map(|form| Some((Regex::new(&format!("^(?:{})", form.prefix)).ok()?, form.then)))
                .collect::<Option<_>>()?,
            host: Regex::new(r"^([A-Za-z0-9._-]{1,64} )(?:[a-z0-7]{3,8}\.[a-z]{3,6} )?(?:kernel: |[^\s\[\]]{1,128}\[-?[0-9]+\]: )").ok()?,
            perhaps_host: Regex::new(r"^([A-Za-z0-9._-]{1,64} )(?:[a-z0-7]{3,8}\.[a-z]{3,6} )?[^\s:\[\]]{1,64}: ").ok()?,
            function: Regex::new(r"^[A-Za-z0-9_.]{1,128}(?:\+0x[0-9a-f/x]{1,32})?: ").ok()?,
            syslog: Regex::new(
                r#"^(?:<[0-9]{1,3}>)?1 [0-9]{4}-[0-9]{2}-[0-9]{2}T\S{8,32} (?:\S{1,255}) (\S{1,48}) (\S{1,128}) \S{1,32} (?:-|(?:\[(?:[^\]\\]|\\.)*\])+)(?: |$)"#,
            )
            .ok()?,
        })
    };
    COMPILED.get_or_init(compile).as_ref()
}

/// A message without what stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bare<'l> {
    /// The message.
    pub text: &'l str,
    /// What it is if its first name is a host's or a function's and not its own.
    pub other: Option<&'l str>,
}

/// Takes off what stands before a message. `stamped` says that a stamp of the kernel's clock did, after which
/// the journal may name a host.
pub(crate) fn bare(text: &str, stamped: bool) -> Bare<'_> {
    let mut bare = Bare { text, other: None };
    let Some(compiled) = compiled() else { return bare };
    if stamped {
        bare = without_host(bare.text.trim_start_matches([' ', '\t']), compiled, true);
    }
    // Every row takes at least one character, and no log nests them deeply.
    for _ in 0..12 {
        if !compiled.any.is_match(bare.text) {
            break;
        }
        let found = compiled.forms.iter().find_map(|(prefix, then)| Some((prefix.find(bare.text)?, *then)));
        let Some((found, then)) = found.filter(|(found, _)| found.end() > 0) else { break };
        let rest = &bare.text[found.end()..];
        bare = match then {
            Then::Message => Bare { text: rest, other: None },
            Then::Host => without_host(rest, compiled, false),
            Then::Function => {
                Bare { text: rest, other: compiled.function.find(rest).map(|found| &rest[found.end()..]) }
            }
        };
        if bare.other.is_some() {
            break;
        }
    }
    bare
}

/// After a kernel's stamp only the name `kernel` is certain: drivers begin their messages with two words too.
fn without_host<'l>(text: &'l str, compiled: &Compiled, stamped: bool) -> Bare<'l> {
    let end = |regex: &Regex| regex.captures(text).and_then(|found| found.get(1)).map(|host| host.end());
    match end(&compiled.host) {
        Some(at) if !stamped || text[at..].starts_with("kernel: ") => return Bare { text: &text[at..], other: None },
        Some(at) => return Bare { text, other: Some(&text[at..]) },
        None => {}
    }
    Bare { text, other: end(&compiled.perhaps_host).filter(|_| !stamped).map(|at| &text[at..]) }
}

/// The messages of a line that is a record: a JSON object, a field of one, or RFC 5424. They are as a syslog
/// daemon would write them, `program[1]: text`, and bare when the kernel says them. `None` for other lines.
pub(crate) fn record(line: &str) -> Option<Vec<String>> {
    let text = line.trim_start_matches([' ', '\t', '\u{1e}']).trim_start_matches("\\x1e");
    let text = text.strip_prefix("data: ").unwrap_or(text);
    if text.starts_with('{') || text.starts_with('"') {
        let said = ["MESSAGE", "msg", "log", "textPayload"].iter().find_map(|name| json_field(text, name))?;
        let name = json_field(text, "SYSLOG_IDENTIFIER").or_else(|| json_field(text, "_COMM"));
        let pid = json_field(text, "_PID").or_else(|| json_field(text, "SYSLOG_PID"));
        let by_kernel = json_field(text, "_TRANSPORT").as_deref() == Some("kernel");
        return Some(spoken(&said, name.filter(|_| !by_kernel).as_deref(), pid.as_deref()));
    }
    let found = compiled()?.syslog.captures(text)?;
    let part = |at: usize| found.get(at).map(|part| part.as_str()).filter(|part| *part != "-");
    let rest = &text[found.get(0)?.end()..];
    Some(spoken(rest.trim_start_matches('\u{feff}'), part(1), part(2)))
}

/// The lines of what a program said, as a syslog daemon would write them.
pub(crate) fn spoken(said: &str, name: Option<&str>, pid: Option<&str>) -> Vec<String> {
    let line = |line: &str| match (name, pid) {
        (None | Some("kernel"), _) => line.to_owned(),
        (Some(name), Some(pid)) => format!("{name}[{pid}]: {line}"),
        (Some(name), None) => format!("{name}: {line}"),
    };
    said.lines().filter(|line| !line.trim().is_empty()).take(MOST_LINES).map(line).collect()
}

/// Lines of one record that are read.
const MOST_LINES: usize = 100;

/// The value of a field of a JSON object whose name stands in the text: a string, or an array of bytes, as
/// the journal writes what is no text. A value that is cut off ends where the text does.
fn json_field(text: &str, name: &str) -> Option<String> {
    let quoted = format!("\"{name}\"");
    let (before, _) = text.match_indices(&quoted).find(|(at, _)| !text[..*at].ends_with('\\'))?;
    let value = text[before + quoted.len()..].trim_start().strip_prefix(':')?.trim_start();
    if let Some(bytes) = value.strip_prefix('[') {
        let bytes: Vec<u8> = bytes.split(']').next()?.split(',').map_while(|byte| byte.trim().parse().ok()).collect();
        return Some(muster_base::text::escape_bytes(&bytes));
    }
    let value = value.strip_prefix('"')?;
    let mut end = value.len();
    let mut escaped = false;
    for (at, c) in value.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    let inner = &value[..end];
    let decoded = serde_json::from_str::<String>(&format!("\"{inner}\"")).unwrap_or_else(|_| inner.to_owned());
    Some(muster_base::text::escape(&decoded))
}

/// An entry of the journal that is printed one field a line (export, verbose, json-pretty): who speaks may be
/// named before the message or after it.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    said: Option<String>,
    name: Option<String>,
    pid: Option<String>,
    by_kernel: bool,
}

impl Entry {
    /// Takes a line of the log. The messages that it completes, and `None` when it is no field of an entry
    /// that a message could come of.
    pub(crate) fn take(&mut self, line: &str) -> Option<Vec<String>> {
        let text = line.trim();
        if matches!(text, "{" | "}" | "},{") || text.ends_with(']') && text.contains(" [s=") {
            *self = Self::default();
            return None;
        }
        let (name, value) = field(text)?;
        match name {
            "__CURSOR" => *self = Self::default(),
            "_TRANSPORT" => self.by_kernel = value == "kernel",
            "SYSLOG_IDENTIFIER" => self.name = Some(value),
            "_COMM" => self.name = self.name.take().or(Some(value)),
            "_PID" => self.pid = Some(value),
            "SYSLOG_PID" => self.pid = self.pid.take().or(Some(value)),
            "MESSAGE" => {
                // The next entry has begun when this one had a message.
                if self.said.replace(value).is_some() {
                    (self.name, self.pid, self.by_kernel) = (None, None, false);
                }
            }
            _ => return None,
        }
        let said = self.said.as_deref()?;
        match (&self.name, name) {
            // Who speaks is not known yet: taken for the kernel, until a name says otherwise.
            (None, "MESSAGE") => Some(spoken(said, None, None)),
            (Some(speaker), "MESSAGE" | "SYSLOG_IDENTIFIER" | "_COMM" | "_PID" | "SYSLOG_PID") => {
                let speaker = Some(speaker.as_str()).filter(|_| !self.by_kernel);
                Some(spoken(said, speaker, self.pid.as_deref()))
            }
            _ => None,
        }
    }
}

/// A field's name and value: `NAME=value`, or `"NAME" : "value",`.
fn field(text: &str) -> Option<(&str, String)> {
    const NAMES: &[&str] = &["MESSAGE", "SYSLOG_IDENTIFIER", "_COMM", "_PID", "SYSLOG_PID", "_TRANSPORT", "__CURSOR"];
    let (name, json) = match text.strip_prefix('"') {
        Some(rest) => (rest.split('"').next()?, true),
        None => (text.split('=').next()?, false),
    };
    let name = NAMES.iter().find(|known| **known == name)?;
    let value = match json {
        true => json_field(text, name)?,
        false => text.split_once('=')?.1.to_owned(),
    };
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_regular_expression_and_its_own_sample_has_it() {
        assert!(compiled().is_some());
        let mut names: Vec<&str> = FORMS.iter().map(|form| form.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FORMS.len(), "a name is there twice");
        for form in FORMS {
            assert_eq!(form.sample.matches("{}").count(), 1, "{}", form.name);
        }
    }

    #[test]
    fn a_host_is_taken_off_where_it_is_certain_and_tried_where_it_is_not() {
        let read = |text: &'static str| (bare(text, false).text, bare(text, false).other);
        assert_eq!(read("Oct 13 12:00:01 host systemd[1]: x"), ("systemd[1]: x", None));
        assert_eq!(read("Oct 13 12:00:01 host ignition: x"), ("host ignition: x", Some("ignition: x")));
        assert_eq!(read("Oct 13 12:00:01 Kernel panic - not syncing: x"), ("Kernel panic - not syncing: x", None));
        assert_eq!(bare(" nvme nvme0: x", true), Bare { text: "nvme nvme0: x", other: None });
        assert_eq!(bare(" usb hub[3]: x", true), Bare { text: "usb hub[3]: x", other: Some("hub[3]: x") });
        assert_eq!(bare(" host kernel: x", true).text, "x");
    }

    #[test]
    fn records_say_who_speaks_and_are_read_however_they_are_quoted() {
        let of = |line: &str| record(line).unwrap_or_default();
        assert_eq!(
            of(r#"{"MESSAGE":"a \"b\"\nc","_PID":"1","SYSLOG_IDENTIFIER":"systemd"}"#),
            [r#"systemd[1]: a "b""#, "systemd[1]: c"]
        );
        assert_eq!(of(r#"{"NOTE":"\"MESSAGE\":\"x\"","MESSAGE":[104,105]}"#), ["hi"]);
        assert_eq!(of(r#"{"MESSAGE":"cut o"#), ["cut o"]);
        assert_eq!(of("<27>1 2026-10-13T12:00:01.1Z host systemd 1 - [a b=\"]\\\"\"] \u{feff}x"), [""; 0]);
        assert_eq!(of("<27>1 2026-10-13T12:00:01.1Z host systemd 1 - [a b=\"\\]\"] \u{feff}x"), ["systemd[1]: x"]);
        assert_eq!((record("plain"), record("{not: json}")), (None, None));
    }

    #[test]
    fn an_entry_of_many_lines_has_one_speaker_named_before_or_after() {
        let read = |lines: &[&str]| {
            let mut entry = Entry::default();
            lines.iter().filter_map(|line| entry.take(line)).flatten().collect::<Vec<_>>()
        };
        let before = ["__CURSOR=s", "_TRANSPORT=journal", "SYSLOG_IDENTIFIER=systemd", "_PID=1", "MESSAGE=x"];
        assert_eq!(read(&before), ["systemd[1]: x"]);
        let after =
            ["{", "\t\"MESSAGE\" : \"x\",", "\t\"_PID\" : \"1\",", "\t\"SYSLOG_IDENTIFIER\" : \"systemd\"", "}"];
        assert_eq!(read(&after), ["x", "systemd[1]: x"]);
        let two = [
            "    _TRANSPORT=kernel",
            "    SYSLOG_IDENTIFIER=kernel",
            "    MESSAGE=x",
            "Tue 2026-10-13 12:00:01.1 UTC [s=a;i=1]",
            "    MESSAGE=y",
        ];
        assert_eq!(read(&two), ["x", "y"]);
        assert_eq!(read(&["PATH=/bin", "x"]), [""; 0]);
    }
}
