//! `http`: what a URL answers, asked from inside the guest.

use muster_suite::grammar::network;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{key, subjects, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::fields::Fields;
use crate::observed::Value;
use crate::shell::Answer;
use crate::unreadable::{Read, Unreadable};
use muster_base::text::one_line;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute("status", AttributeKind::Ranged(100, 999), "Status of the last answer, after at most five redirections."),
    attribute("body", AttributeKind::Output, "Its body, as text; one of more than 1 MiB is an error."),
    attribute(
        "headers",
        AttributeKind::Map(&network::HEADER, &AttributeKind::Text),
        "Its headers, by their names in either case; several of one name are joined by a comma.",
    ),
    attribute("url", AttributeKind::Text, "The URL that gave the last answer."),
    attribute("redirects", AttributeKind::Integer, "How many redirections were followed."),
    attribute(
        "reachable",
        AttributeKind::Bool,
        "Whether something answers in HTTP; `false` is met only by a refused connection.",
    ),
    attribute(
        "tls-verified",
        AttributeKind::Bool,
        "Whether the certificate is trusted by the guest and is for that host; no value for plain HTTP.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "http",
    summary: "What a URL answers to a GET from inside the guest.",
    subject: Subject::Named(&network::URL),
    shorthand: Shorthand::Attribute("status"),
    gone: &["reachable"],
    attributes: ATTRIBUTES,
    reads: "`curl` (7.63 or later), without it `wget`, which may be that of busybox. 15 seconds for all of an answer; a request beyond the guest needs the tag `needs-internet`.",
    example: r#"http:
  http://localhost/: {status: 200, body: {contains: Welcome}, headers: {content-type: {contains: html}}}
  https://localhost/: {tls-verified: false}
"#,
};

/// The check type.
pub struct Http;

impl Check for Http {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let all: Vec<&str> = ATTRIBUTES.iter().map(|attribute| attribute.name).collect();
        let urls = subjects(wanted, &all);
        let seconds = 10 + 20 * urls.len() as u64;
        Probe::batch("http", seconds.min(300), &urls, READ).into_iter().collect()
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        let url = &expectation.subject;
        let fetched = seen.answer("http", url).and_then(|answer| fetched(&answer));
        verdicts(&TABLE, expectation, |assertion| {
            let fetched = fetched.as_ref().map_err(Clone::clone)?;
            let answer = match fetched {
                Fetched::Answered(answer) => answer,
                Fetched::Failed { refused, untrusted, why } => {
                    return match assertion.attribute {
                        "reachable" if *refused => Ok(Value::flag(false)),
                        "reachable" if !*untrusted => Err(Unreadable::new(why)),
                        "reachable" => Ok(Value::flag(true)),
                        "tls-verified" if *untrusted => Ok(Value::flag(false)),
                        _ => Ok(Value::gone(why)),
                    };
                }
            };
            match assertion.attribute {
                "status" => Ok(Value::text(answer.status.to_string())),
                "reachable" => Ok(Value::flag(true)),
                "headers" => {
                    let name = key(assertion)?;
                    let values: Vec<&str> = answer
                        .headers
                        .iter()
                        .filter(|(other, _)| other.eq_ignore_ascii_case(name))
                        .map(|(_, value)| value.as_str())
                        .collect();
                    Ok(match values.is_empty() {
                        true => Value::absent(format!("no header {name}")),
                        false => Value::text(values.join(", ")),
                    })
                }
                "body" => answer.body.clone().map(Value::Text),
                "url" => answer.url.clone().map_or_else(|| Ok(Value::text(url)), |last| last.map(Value::Text)),
                "redirects" => Ok(Value::text(answer.redirects.to_string())),
                "tls-verified" if answer.plain => Ok(Value::absent("plain HTTP")),
                "tls-verified" if answer.verifies => Ok(Value::flag(true)),
                "tls-verified" => {
                    Err(Unreadable::new("the wget of busybox does not look at certificates; install curl"))
                }
                _ => unanswered(assertion),
            }
        })
    }
}

/// Bytes of a body that are read.
const BODY: usize = 1 << 20;

#[derive(Debug, PartialEq, Eq)]
enum Fetched {
    Answered(Box<Response>),
    /// There was no answer in HTTP that may be believed.
    Failed {
        /// Nobody listens there.
        refused: bool,
        /// The certificate is not trusted.
        untrusted: bool,
        /// The tool's words.
        why: String,
    },
}

#[derive(Debug, PartialEq, Eq)]
struct Response {
    status: u16,
    headers: Headers,
    body: Read<String>,
    /// `None` when no redirection was followed.
    url: Option<Read<String>>,
    redirects: usize,
    plain: bool,
    /// Whether the tool would have refused a certificate that is not trusted.
    verifies: bool,
}

/// Reads what the probe printed: the answer, then [`MARK`], then who was asked and what it said.
fn fetched(answer: &Answer) -> Read<Fetched> {
    if answer.status != 0 {
        return Err(Unreadable::new(one_line(&answer.output, 200)));
    }
    // The tool's words come last, so that no body can stand for them.
    let (text, said) =
        answer.output.rsplit_once(MARK).ok_or_else(|| Unreadable::new("the reading of the URL has another shape"))?;
    let fields = Fields::read(said);
    match fields.get("tool") {
        Some("curl") => with_curl(text, said, &fields),
        Some(tool) => with_wget(text, said, &fields, tool == "wget"),
        None => Err(Unreadable::new("the reading of the URL does not say with what it was fetched")),
    }
}

/// `curl -i`: the headers of every answer, then the body of the last.
fn with_curl(text: &str, said: &str, fields: &Fields<'_>) -> Read<Fetched> {
    let why = || {
        let line = said.lines().find(|line| line.starts_with("curl:")).unwrap_or("curl failed without a message");
        one_line(line, 160)
    };
    let exit: i32 = fields
        .all("exit")
        .last()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Unreadable::new("curl did not say how it ended"))?;
    // 23: more than the limit was not taken from it. 18 and 56 can come in the middle of a body.
    match exit {
        0 | 23 => {}
        6 | 7 | 18 | 28 | 35 | 47 | 51 | 52 | 56 | 60 => {
            // Where it was sent on nobody may listen; who sent it on does.
            let followed = fields.get("redirects").is_some_and(|count| count != "0");
            let refused = exit == 7 && !followed && said.contains("refused");
            return Ok(Fetched::Failed { refused, untrusted: matches!(exit, 51 | 60), why: why() });
        }
        other => return Err(Unreadable::new(format!("curl ended with {other}: {}", why()))),
    }
    let said_code: u16 = fields
        .get("code")
        .and_then(|text| text.parse().ok())
        .filter(|code| *code > 0)
        .ok_or_else(|| Unreadable::new("this curl does not write what a probe needs (7.63 and later do)"))?;
    let redirects = fields.get("redirects").and_then(|text| text.parse().ok()).unwrap_or_default();
    let mut before: usize = redirects;
    let mut rest = text;
    loop {
        let (status, headers, after) = response(rest).ok_or_else(|| Unreadable::new("curl printed no headers"))?;
        // Interim answers and redirections come first, each with headers of its own. How many there
        // are is counted: a body may begin like an answer.
        let interim = (100..200).contains(&status);
        if interim || before > 0 {
            before -= usize::from(!interim);
            rest = after;
            continue;
        }
        if status != said_code {
            return Err(Unreadable::new(format!("curl says {said_code} and prints {status}")));
        }
        return Ok(Fetched::Answered(Box::new(Response {
            status,
            headers,
            body: bounded(after, exit == 23),
            url: fields.get("url").map(|url| Ok(url.to_owned())),
            redirects,
            plain: fields.all("scheme").last().is_some_and(|scheme| scheme.eq_ignore_ascii_case("http")),
            verifies: true,
        })));
    }
}

/// Names and values, in the order in which they came.
type Headers = Vec<(String, String)>;

/// One status line with its headers, and what comes after.
fn response(text: &str) -> Option<(u16, Headers, &str)> {
    let mut rest = text;
    let mut status = None;
    let mut headers = Vec::new();
    loop {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        rest = after;
        let line = line.trim_end_matches('\r');
        match (status, line) {
            (None, line) => status = Some(status_of(line)?),
            (Some(status), "") => return Some((status, headers, rest)),
            (Some(_), line) => {
                let (name, value) = line.split_once(':')?;
                headers.push((name.to_owned(), value.trim().to_owned()));
            }
        }
    }
}

/// The number in `HTTP/1.1 200 OK`.
fn status_of(line: &str) -> Option<u16> {
    line.strip_prefix("HTTP/")?.split(' ').nth(1)?.parse().ok()
}

/// `wget -S`: headers on standard error, with blanks before them, the body alone on standard output.
fn with_wget(text: &str, said: &str, fields: &Fields<'_>, is_gnu: bool) -> Read<Fetched> {
    let exit: i32 = fields
        .all("exit")
        .last()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Unreadable::new("wget did not say how it ended"))?;
    let mut answers: Vec<(u16, Headers)> = Vec::new();
    for line in said.lines() {
        let line = line.trim();
        // busybox shows the status of a failure in its own words only.
        let failure = line.strip_prefix("wget: server returned error: ");
        if let Some(status) = status_of(failure.unwrap_or(line)) {
            // It repeats the status of the answer before.
            if failure.is_none() || answers.last().is_none_or(|(known, _)| *known != status) {
                answers.push((status, Vec::new()));
            }
        } else if let (Some((_, headers)), Some((name, value))) = (answers.last_mut(), line.split_once(':'))
            && !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !matches!(name, "wget")
        {
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    let last_words = said.lines().rfind(|line| !line.trim().is_empty() && !line.contains('=')).unwrap_or_default();
    let why = one_line(last_words.trim(), 160);
    let untrusted = is_gnu && exit == 5;
    let Some((status, headers)) = answers.last().cloned().filter(|_| !untrusted) else {
        let network = exit == 4 || (!is_gnu && exit == 1);
        if !network && !untrusted {
            return Err(Unreadable::new(format!("wget ended with {exit}: {why}")));
        }
        return Ok(Fetched::Failed { refused: said.contains("refused"), untrusted, why });
    };
    // GNU: 8 is a status of 400 or more, which is an answer, and busybox says of such a one what it was. Both fail in other
    // ways where they were sent on and nobody answered there. 3 and 141: the reader had enough.
    let too_long = text.len() > BODY;
    let answered = exit == 0 || if is_gnu { exit == 8 } else { said.contains("wget: server returned error: ") };
    if !answered && !too_long {
        return Err(Unreadable::new(format!("wget ended with {exit}: {why}")));
    }
    let redirects = answers.len() - 1;
    let body = match status {
        400.. if !is_gnu => {
            Err(Unreadable::new("the wget of busybox does not show the body of a failure; install curl"))
        }
        _ => bounded(text, too_long),
    };
    Ok(Fetched::Answered(Box::new(Response {
        status,
        headers,
        body,
        url: (redirects > 0).then(|| Err(Unreadable::new("wget does not say which URL answered last; install curl"))),
        redirects,
        plain: fields.get("scheme") == Some("http") && redirects == 0,
        verifies: is_gnu,
    })))
}

fn bounded(text: &str, cut: bool) -> Read<String> {
    if cut || text.len() > BODY {
        return Err(Unreadable::new("the body is longer than 1 MiB; request a smaller page"));
    }
    Ok(text.to_owned())
}

/// Between an answer and what is said of it; nothing that comes after it is from the server but
/// headers, of which each is one line.
const MARK: &str = "\n--- muster: fetched ---\n";

/// The body goes through `head` to descriptor 3, what the tool says of it into a variable, so that
/// neither can be taken for the other. Nothing is written in the guest.
const READ: &str = r#"case $1 in http://*) scheme=http;; https://*) scheme=https;; *) echo 'it is neither an http nor an https URL'; return 1;; esac
command -v head >/dev/null 2>&1 || { echo 'head: not found'; return 127; }
if command -v curl >/dev/null 2>&1; then
    tool=curl
    fetch() {
        curl -q -sS -i -g -L --max-redirs 5 --proto =http,https --max-time 15 -w '%{stderr}\ncode=%{http_code}\nredirects=%{num_redirects}\nurl=%{url_effective}\nscheme=%{scheme}\n' -- "$1"
        status=$?
        # Of a refusal it only says with -v that it was one.
        [ $status -ne 7 ] || curl -q -sv -g --max-time 15 -o /dev/null -- "$1"
        return $status
    }
elif command -v wget >/dev/null 2>&1; then
    tool=wget
    case $(wget --version 2>&1) in
    *'GNU Wget'*) fetch() { wget -S -nv --no-config --no-hsts --content-on-error --max-redirect=5 --tries=1 --timeout=15 -O - -- "$1"; };;
    *) tool=busybox; fetch() { wget -S -q -T 15 -O - -- "$1"; };;
    esac
else
    echo 'neither curl nor wget: not found'; return 127
fi
{
    said=$({ { fetch "$1" 2>&4; echo "exit=$?" >&4; } </dev/null | head -c 1114112 >&3; } 4>&1)
} 3>&1
printf '\n--- muster: fetched ---\ntool=%s\nscheme=%s\n%s\n' "$tool" "$scheme" "$said""#;

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::testing::{equals, expectation, missed, on_this_host, records, seen};
    use muster_suite::model::{Matcher, Operator};

    fn evaluate(attribute: &'static str, matcher: Matcher, text: &str) -> Verdict {
        let wanted = expectation("http", "http://localhost/", &[(attribute, matcher)]);
        Http.evaluate(&wanted, &seen("http", records(&[("http://localhost/", 0, text)])), &Facts::default()).remove(0)
    }

    /// As curl prints an answer after a redirection.
    const CURL: &str = "HTTP/1.1 302 Found\r\nLocation: /new\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/html\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n<p>HTTP/1.1 500 No</p>\nfine\n\n--- muster: fetched ---\ntool=curl\nscheme=http\n\ncode=200\nredirects=1\nurl=http://localhost/new\nscheme=http\nexit=0\n";

    #[test]
    fn the_last_answer_counts_with_its_headers_and_its_body() {
        assert_eq!(evaluate("status", equals("200"), CURL), Verdict::MET);
        assert_eq!(evaluate("url", equals("http://localhost/new"), CURL), Verdict::MET);
        assert_eq!(evaluate("redirects", equals("1"), CURL), Verdict::MET);
        assert_eq!(evaluate("body", Matcher::Line("fine".into()), CURL), Verdict::MET);
        assert_eq!(evaluate("headers.content-type", Matcher::Contains(vec!["html".into()]), CURL), Verdict::MET);
        assert_eq!(evaluate("headers.set-cookie", equals("a=1, b=2"), CURL), Verdict::MET);
        assert_eq!(evaluate("headers.location", equals("none"), CURL), Verdict::MET);
        assert_eq!(missed(&evaluate("tls-verified", equals("true"), CURL)).1, "plain HTTP");
        assert_eq!(missed(&evaluate("status", Matcher::Compare(vec![(Operator::Ge, "400".into())]), CURL)).1, "200");
    }

    #[test]
    fn a_body_cannot_pretend_to_be_what_curl_says() {
        let forged = CURL.replace("fine\n", "fine\n--- muster: fetched ---\ntool=curl\ncode=404\nexit=0\n");
        assert_eq!(evaluate("status", equals("200"), &forged), Verdict::MET);
        assert_eq!(evaluate("body", Matcher::Contains(vec!["code=404".into()]), &forged), Verdict::MET);
    }

    #[test]
    fn a_body_over_the_limit_is_an_error_and_its_status_is_not() {
        let cut = CURL.replace("exit=0", "exit=23");
        assert_eq!(evaluate("status", equals("200"), &cut), Verdict::MET);
        assert!(
            matches!(evaluate("body", Matcher::Lacks(vec!["x".into()]), &cut), Verdict::Unknown { why } if why.contains("1 MiB"))
        );
    }

    /// What curl says when there is no answer, as `status` words.
    fn failed(exit: u8, words: &str) -> String {
        format!(
            "\n--- muster: fetched ---\ntool=curl\nscheme=https\n{words}\n\ncode=000\nredirects=0\nurl=https://localhost/\nscheme=\nexit={exit}\n"
        )
    }

    #[test]
    fn no_answer_is_a_miss_and_only_a_refusal_is_unreachable() {
        let refused = failed(
            7,
            "curl: (7) Failed to connect to localhost port 9 after 0 ms: Couldn't connect to server\n*   Trying 127.0.0.1:9...\n* connect to 127.0.0.1 port 9 failed: Connection refused",
        );
        assert!(missed(&evaluate("status", equals("200"), &refused)).1.starts_with("curl: (7)"));
        assert_eq!(evaluate("reachable", equals("false"), &refused), Verdict::MET);
        for (exit, words) in [(6, "curl: (6) Could not resolve host: x"), (28, "curl: (28) Operation timed out")] {
            let text = failed(exit, words);
            assert!(matches!(evaluate("reachable", equals("false"), &text), Verdict::Unknown { .. }), "{words}");
            assert_eq!(missed(&evaluate("status", Matcher::Not(Box::new(equals("200"))), &text)).1, words);
        }
        let untrusted = failed(60, "curl: (60) SSL certificate problem: self-signed certificate");
        assert_eq!(evaluate("tls-verified", equals("false"), &untrusted), Verdict::MET);
        assert!(missed(&evaluate("status", equals("200"), &untrusted)).1.contains("self-signed"));
        for unknown in [failed(3, "curl: (3) URL rejected"), failed(77, "curl: (77) no CA"), "tool=curl".to_owned()] {
            assert!(
                matches!(evaluate("tls-verified", equals("false"), &unknown), Verdict::Unknown { .. }),
                "{unknown}"
            );
        }
    }

    #[test]
    fn who_sends_on_to_where_nobody_listens_is_not_unreachable() {
        // curl 7.76.
        let words = "curl: (7) Failed to connect to localhost port 9: Connection refused";
        let refused = failed(7, words);
        assert_eq!(evaluate("reachable", equals("false"), &refused), Verdict::MET);
        let sent_on = format!(
            "HTTP/1.1 302 Found\r\nLocation: http://localhost:9/\r\n\r\n{}",
            refused.replace("redirects=0", "redirects=1")
        );
        let busybox = "\n--- muster: fetched ---\ntool=busybox\nscheme=http\n  HTTP/1.1 302 Found\n  Location: http://localhost:9/\nwget: can't connect to remote host (127.0.0.1): Connection refused\nexit=1\n";
        let gnu = busybox.replace("busybox", "wget").replace("exit=1", "exit=4");
        for text in [sent_on.as_str(), busybox, &gnu] {
            for wanted in ["true", "false"] {
                let verdict = evaluate("reachable", equals(wanted), text);
                assert!(matches!(&verdict, Verdict::Unknown { why } if why.contains("refused")), "{verdict:?}");
            }
            assert_ne!(evaluate("status", equals("302"), text), Verdict::MET);
        }
    }

    #[test]
    fn wget_of_gnu_and_of_busybox_are_read() {
        // GNU Wget 1.21.3 and busybox 1.37, recorded; the answer over TLS is how busybox would print it.
        let gnu = "hello\n--- muster: fetched ---\ntool=wget\nscheme=http\n  HTTP/1.1 200 OK\n  Content-Type: text/plain\n  Content-Length: 5\n2026-11-26 16:30:00 URL:http://localhost/ [5/5] -> \"-\" [1]\nexit=0\n";
        assert_eq!(evaluate("status", equals("200"), gnu), Verdict::MET);
        assert_eq!(evaluate("body", equals("hello"), gnu), Verdict::MET);
        assert_eq!(evaluate("headers.Content-Type", equals("text/plain"), gnu), Verdict::MET);
        let missing = "\n--- muster: fetched ---\ntool=busybox\nscheme=http\n  HTTP/1.0 404 File not found\nwget: server returned error: HTTP/1.0 404 File not found\nexit=1\n";
        assert_eq!(evaluate("status", equals("404"), missing), Verdict::MET);
        assert_eq!(evaluate("redirects", equals("0"), missing), Verdict::MET);
        assert!(matches!(evaluate("body", Matcher::Empty(true), missing), Verdict::Unknown { .. }));
        let refused = "\n--- muster: fetched ---\ntool=busybox\nscheme=http\nwget: can't connect to remote host (127.0.0.1): Connection refused\nexit=1\n";
        assert_eq!(evaluate("reachable", equals("false"), refused), Verdict::MET);
        let secret = "hello\n--- muster: fetched ---\ntool=busybox\nscheme=https\nwget: note: TLS certificate validation not implemented\n  HTTP/1.1 200 OK\nexit=0\n";
        assert!(
            matches!(evaluate("tls-verified", equals("true"), secret), Verdict::Unknown { why } if why.contains("busybox"))
        );
    }

    /// A server that gives these answers, one a connection, and its URL.
    fn server(answers: Vec<String>) -> (String, std::thread::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
        let thread = std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).unwrap();
                // A client that had enough closes its side.
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        (url, thread)
    }

    fn has(tool: &str) -> bool {
        std::process::Command::new("sh").args(["-c", &format!("command -v {tool}")]).output().unwrap().status.success()
    }

    #[test]
    fn the_tools_of_this_host_fetch_from_a_server_of_this_host() {
        for (tool, hidden) in [("curl", "no-such-curl"), ("wget", "curl")] {
            if !has(tool) {
                continue;
            }
            let (url, thread) = server(vec![
                "HTTP/1.1 302 Found\r\nLocation: /new\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
                "HTTP/1.1 404 Not Found\r\nX-Muster: yes\r\nConnection: close\r\n\r\nnot here\n".to_owned(),
            ]);
            let wanted = expectation(
                "http",
                &url,
                &[
                    ("status", equals("404")),
                    ("body", equals("not here")),
                    ("headers.x-muster", equals("yes")),
                    ("headers.location", equals("none")),
                    ("redirects", equals("1")),
                ],
            );
            let mut probes = Http.probes(&[&wanted], &Facts::default());
            for probe in &mut probes {
                probe.script = probe.script.replace(&format!("command -v {hidden} "), "command -v no-such-tool ");
            }
            let verdicts = Http.evaluate(&wanted, &on_this_host(&probes), &Facts::default());
            thread.join().unwrap();
            assert_eq!(verdicts, vec![Verdict::MET; 5], "{tool}");
        }
    }

    #[test]
    fn a_long_body_is_cut_in_the_guest() {
        if !has("curl") {
            return;
        }
        let (url, thread) =
            server(vec![format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", "x".repeat(4 << 20))]);
        let wanted = expectation("http", &url, &[("status", equals("200")), ("body", Matcher::Empty(false))]);
        let seen = on_this_host(&Http.probes(&[&wanted], &Facts::default()));
        thread.join().unwrap();
        assert!(seen.0["http"].stdout.len() < 2 << 20);
        let verdicts = Http.evaluate(&wanted, &seen, &Facts::default());
        assert_eq!(verdicts[0], Verdict::MET);
        assert!(matches!(&verdicts[1], Verdict::Unknown { why } if why.contains("1 MiB")));
    }
}
