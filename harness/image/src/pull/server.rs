//! An HTTP server for tests that lies as it is told to.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

/// How one path is answered.
#[derive(Clone)]
pub(super) enum Answer {
    /// The bytes as an honest server has them: with an entity tag, and parts of them when asked.
    File(Vec<u8>),
    /// Exactly these bytes, head and all; then the connection is closed.
    Raw(Vec<u8>),
    /// The head and so many bytes of what was asked for, as often as the number says; then the
    /// connection is closed. Later it is an honest file.
    Breaks { file: Vec<u8>, after: usize, times: usize },
    /// The same once, with a reset as soon as the test says that the client has those bytes: a reset
    /// takes away what was not read yet.
    Resets { file: Vec<u8>, after: usize, now: Arc<Mutex<Receiver<()>>> },
    /// This, then the bytes one at a time for as long as the client listens.
    Drips(Vec<u8>),
    /// This, then bytes without end.
    Endless(Vec<u8>),
    /// Nothing at all, while the client waits.
    Silent,
}

/// What was asked, for assertions: path and headers in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) headers: HashMap<String, String>,
}

/// A server on this host's loopback, until it is dropped.
pub(super) struct Server {
    pub(super) address: String,
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub(super) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { address, answers: Arc::default(), asked: Arc::default() };
        let (answers, asked) = (server.answers.clone(), server.asked.clone());
        // Ends with the process of the tests; a connection is one request.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answers, asked) = (answers.clone(), asked.clone());
                std::thread::spawn(move || serve(stream, &answers, &asked));
            }
        });
        server
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    pub(super) fn set(&self, path: &str, answer: Answer) -> &Self {
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
        self
    }

    pub(super) fn file(&self, path: &str, bytes: impl Into<Vec<u8>>) -> &Self {
        self.set(path, Answer::File(bytes.into()))
    }

    /// What was asked of a path since the last question.
    pub(super) fn asked(&self, path: &str) -> Vec<Asked> {
        let mut asked = self.asked.lock().unwrap();
        let (of, others) = asked.drain(..).partition(|asked| asked.path == path);
        *asked = others;
        of
    }
}

/// The tag that an honest server gives these bytes.
pub(super) fn tag(bytes: &[u8]) -> String {
    use sha2::Digest;
    format!("\"{}\"", muster_base::text::hex(&sha2::Sha256::digest(bytes)[..8]))
}

/// A head with this status line and these header lines.
pub(super) fn head(status: &str, headers: &[&str]) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    for header in headers {
        out.push_str(header);
        out.push_str("\r\n");
    }
    out.push_str("\r\n");
    out.into_bytes()
}

fn serve(stream: TcpStream, answers: &Mutex<HashMap<String, Answer>>, asked: &Mutex<Vec<Asked>>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let path = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    for line in lines {
        let line = line.ok()?;
        match line.split_once(": ") {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.to_owned()),
            None => break,
        };
    }
    let range = headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let condition = headers.get("if-range").cloned();
    asked.lock().unwrap().push(Asked { path: path.clone(), headers });
    let answer = {
        let mut answers = answers.lock().unwrap();
        let answer = answers.get(&path).cloned();
        if let Some(Answer::Breaks { times, .. }) = answers.get_mut(&path) {
            *times = times.saturating_sub(1);
        }
        answer
    };
    let mut out = stream.try_clone().ok()?;
    match answer {
        None => out.write_all(&head("404 Not Found", &["Content-Length: 0"])).ok()?,
        Some(Answer::File(bytes)) => honest(&mut out, &bytes, range, condition)?,
        Some(Answer::Raw(bytes)) => out.write_all(&bytes).ok()?,
        Some(Answer::Breaks { file, times: 0, .. }) => honest(&mut out, &file, range, condition)?,
        Some(Answer::Breaks { file, after, .. }) => {
            let start = range.unwrap_or(0);
            let mut whole = Vec::new();
            honest(&mut whole, &file, range, condition)?;
            let head = whole.len() - (file.len() - start);
            out.write_all(&whole[..head + after]).ok()?;
        }
        Some(Answer::Resets { file, after, now }) => {
            let mut whole = Vec::new();
            honest(&mut whole, &file, None, None)?;
            out.write_all(&whole[..whole.len() - file.len() + after]).ok()?;
            now.lock().unwrap().recv().ok()?;
            reset(&out);
        }
        Some(Answer::Drips(head)) => {
            out.write_all(&head).ok()?;
            while out.write_all(b"x").is_ok() {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
        Some(Answer::Endless(head)) => {
            out.write_all(&head).ok()?;
            while out.write_all(&[b'x'; 4096]).is_ok() {}
        }
        Some(Answer::Silent) => {
            // Until the client hangs up.
            let _ = std::io::copy(&mut stream.try_clone().ok()?, &mut std::io::sink());
        }
    }
    Some(())
}

fn honest(out: &mut impl Write, bytes: &[u8], range: Option<usize>, condition: Option<String>) -> Option<()> {
    let tag = tag(bytes);
    let etag = format!("ETag: {tag}");
    let same = condition.is_none_or(|condition| condition == tag);
    let (status, start, range) = match range.filter(|_| same) {
        Some(start) if start >= bytes.len() => {
            return out.write_all(&head("416 Range Not Satisfiable", &["Content-Length: 0"])).ok();
        }
        Some(start) => {
            let range = format!("Content-Range: bytes {start}-{}/{}", bytes.len() - 1, bytes.len());
            ("206 Partial Content", start, range)
        }
        None => ("200 OK", 0, "Accept-Ranges: bytes".to_owned()),
    };
    let length = format!("Content-Length: {}", bytes.len() - start);
    out.write_all(&head(status, &[&etag, &range, &length])).ok()?;
    out.write_all(&bytes[start..]).ok()
}

/// Closes so that the other side sees a reset and not an end.
fn reset(stream: &TcpStream) {
    let linger = Some(std::time::Duration::ZERO);
    let _ = rustix::net::sockopt::set_socket_linger(stream, linger);
}
