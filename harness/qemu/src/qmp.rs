//! A small client for QMP, QEMU's control protocol: JSON, one message a line, replies matched to
//! commands by id, events in between.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};

/// The longest message that is accepted, in bytes. QEMU's longest honest one is a tenth of it.
const LONGEST: usize = 1 << 20;

/// Why a command has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub(crate) enum QmpError {
    #[error("QMP command {command} was refused: {reason}")]
    Refused { command: String, reason: String },
    #[error("QMP command {command} was not answered within {seconds} s")]
    TimedOut { command: String, seconds: u64 },
    #[error("the QMP connection is closed")]
    Closed,
}

/// One event, by name, with its data.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QmpEvent {
    /// `SHUTDOWN`, `RESET`, `GUEST_PANICKED`, ….
    pub name: String,
    /// Its `data` object, or null.
    pub data: Value,
}

/// What QEMU says of a command that it refuses, escaped and bounded. Who sent the command adds its name.
#[derive(Debug)]
struct Refusal(String);

type Waiting = Arc<Mutex<Option<HashMap<u64, oneshot::Sender<Result<Value, Refusal>>>>>>;

/// A connection. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Qmp {
    writer: Arc<tokio::sync::Mutex<OwnedWriteHalf>>,
    waiting: Waiting,
    next: Arc<AtomicU64>,
    version: Option<Arc<str>>,
}

impl Qmp {
    /// Reads the greeting and leaves negotiation mode. Events go to the receiver, the oldest of them
    /// are never lost, and it ends with the connection.
    pub(crate) async fn connect(
        stream: UnixStream,
        deadline: Duration,
    ) -> Result<(Self, mpsc::UnboundedReceiver<QmpEvent>), QmpError> {
        let (reader, writer) = stream.into_split();
        let mut reader = BufReader::new(reader);
        let greeting = tokio::time::timeout(deadline, message(&mut reader))
            .await
            .map_err(|_| QmpError::TimedOut { command: "greeting".to_owned(), seconds: deadline.as_secs() })?;
        let Some(version) = greeting.as_ref().and_then(|greeting| greeting.get("QMP")).map(|said| &said["version"])
        else {
            return Err(QmpError::Closed);
        };
        let version = packaged(version).map(Arc::from);
        let (events, received) = mpsc::unbounded_channel();
        let waiting: Waiting = Arc::new(Mutex::new(Some(HashMap::new())));
        tokio::spawn(listen(reader, waiting.clone(), events));
        let qmp = Self { writer: Arc::new(tokio::sync::Mutex::new(writer)), waiting, next: Arc::default(), version };
        qmp.execute("qmp_capabilities", json!({}), deadline).await?;
        Ok((qmp, received))
    }

    /// The version that this very process greeted with: `10.0.2 (Debian 1:10.0.2+ds-2)`; `None` when it named none.
    pub(crate) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Runs a command; its `return` value.
    pub(crate) async fn execute(&self, command: &str, arguments: Value, deadline: Duration) -> Result<Value, QmpError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        match self.waiting.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(waiting) => waiting.insert(id, answer),
            None => return Err(QmpError::Closed),
        };
        let mut line = json!({"execute": command, "arguments": arguments, "id": id}).to_string();
        line.push('\n');
        let exchange = async {
            self.writer.lock().await.write_all(line.as_bytes()).await.map_err(|_| QmpError::Closed)?;
            answered.await.map_err(|_| QmpError::Closed)
        };
        let began = std::time::Instant::now();
        let answer = tokio::time::timeout(deadline, exchange).await;
        let outcome = match &answer {
            Ok(Ok(Ok(_))) => "answered",
            Ok(Ok(Err(Refusal(reason)))) => reason,
            Ok(Err(_)) => "the connection is closed",
            Err(_) => "no answer in time",
        };
        tracing::trace!(command, outcome, took = ?began.elapsed(), "QMP");
        match answer {
            Ok(answer) => answer?.map_err(|Refusal(reason)| QmpError::Refused { command: command.to_owned(), reason }),
            Err(_) => {
                if let Some(waiting) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
                    waiting.remove(&id);
                }
                Err(QmpError::TimedOut { command: command.to_owned(), seconds: deadline.as_secs() })
            }
        }
    }

    /// The host port that QEMU forwards to the guest's port, from `info usernet`.
    pub(crate) async fn forwarded_port(&self, guest_port: u16, deadline: Duration) -> Result<u16, QmpError> {
        let arguments = json!({"command-line": "info usernet"});
        let said = self.execute("human-monitor-command", arguments, deadline).await?;
        usernet_port(said.as_str().unwrap_or_default(), guest_port).ok_or_else(|| QmpError::Refused {
            command: "info usernet".to_owned(),
            reason: "it names no forwarded port".to_owned(),
        })
    }
}

/// `10.0.2`, from the answer to `query-version`, which the greeting holds as well. `None` where a number is not there.
pub(crate) fn release(said: &Value) -> Option<String> {
    let number = |name: &str| said["qemu"][name].as_u64();
    Some(format!("{}.{}.{}", number("major")?, number("minor")?, number("micro")?))
}

/// The same with the version of the package that it is of, where it names one; one escaped line.
fn packaged(said: &Value) -> Option<String> {
    let release = release(said)?;
    Some(match said["package"].as_str().unwrap_or_default() {
        "" => release,
        package => muster_base::text::one_line(&format!("{release} ({package})"), 120),
    })
}

/// Finds the host port in `info usernet`: columns protocol[state], descriptor, source address, source
/// port, destination address, destination port.
fn usernet_port(said: &str, guest_port: u16) -> Option<u16> {
    said.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        match fields.as_slice() {
            ["TCP[HOST_FORWARD]", _, _, port, _, guest, ..] if guest.parse() == Ok(guest_port) => port.parse().ok(),
            _ => None,
        }
    })
}

async fn listen(mut reader: BufReader<OwnedReadHalf>, waiting: Waiting, events: mpsc::UnboundedSender<QmpEvent>) {
    while let Some(mut message) = message(&mut reader).await {
        if let Some(name) = message.get("event").and_then(Value::as_str) {
            let event = QmpEvent { name: name.to_owned(), data: message["data"].take() };
            let _ = events.send(event);
            continue;
        }
        let Some(id) = message.get("id").and_then(Value::as_u64) else { continue };
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = waiting.as_mut().and_then(|waiting| waiting.remove(&id)) {
            let result = match message.get("error") {
                None => Ok(message["return"].take()),
                Some(error) => {
                    let said = error["desc"].as_str().unwrap_or("no description");
                    Err(Refusal(muster_base::text::one_line(said, 300)))
                }
            };
            let _ = answer.send(result);
        }
    }
    // Dropping the senders tells everyone who waits that the connection is closed.
    waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
}

/// The next message; `None` at the end of the stream, and for what is not JSON or too long, since
/// nothing after that can be trusted.
async fn message(reader: &mut (impl AsyncBufRead + Unpin)) -> Option<Value> {
    let mut line = Vec::new();
    loop {
        let available = reader.fill_buf().await.ok()?;
        if available.is_empty() {
            return None;
        }
        let (taken, whole) = match available.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (available.len(), false),
        };
        line.extend_from_slice(&available[..taken]);
        reader.consume(taken);
        if line.len() > LONGEST {
            return None;
        }
        if whole {
            return serde_json::from_slice(&line).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    #[test]
    fn the_port_is_read_from_its_columns() {
        let said = "Hub -1 (net0):\r\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n  \
            TCP[ESTABLISHED]   14       127.0.0.1 40000       10.0.2.15    22     0     0\r\n  \
            TCP[HOST_FORWARD]  13       127.0.0.1 40125       10.0.2.15    22     0     0\r\n";
        assert_eq!(usernet_port(said, 22), Some(40125));
        assert_eq!(usernet_port(said, 80), None);
        assert_eq!(usernet_port("TCP[HOST_FORWARD]", 22), None);
    }

    #[test]
    fn the_version_is_that_of_the_greeting_or_none() {
        let said = json!({"qemu": {"major": 10, "minor": 0, "micro": 2}, "package": "Debian 1:10.0.2+ds-2\u{1b}"});
        assert_eq!(release(&said).as_deref(), Some("10.0.2"));
        assert_eq!(packaged(&said).as_deref(), Some("10.0.2 (Debian 1:10.0.2+ds-2\\x1b)"));
        let plain = json!({"qemu": {"major": 9, "minor": 1, "micro": 0}, "package": ""});
        assert_eq!(packaged(&plain).as_deref(), Some("9.1.0"));
        assert_eq!(packaged(&json!({"qemu": {"major": 9}})), None, "nothing is made up");
    }

    /// A peer that greets, then answers each command with the next of these lines, `ID` filled in.
    async fn peer(theirs: UnixStream, answers: Vec<&'static str>) {
        let (reader, mut writer) = theirs.into_split();
        let mut reader = BufReader::new(reader);
        writer.write_all(b"{\"QMP\": {}}\n").await.unwrap();
        for answer in std::iter::once("{\"return\": {}, \"id\": ID}\n").chain(answers) {
            let Some(command) = message(&mut reader).await else { return };
            writer.write_all(answer.replace("ID", &command["id"].to_string()).as_bytes()).await.unwrap();
        }
        let _ = message(&mut reader).await;
    }

    #[tokio::test]
    async fn replies_find_their_command_among_events() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        tokio::spawn(peer(
            theirs,
            vec![
                "{\"event\": \"RESET\", \"data\": {\"guest\": true}}\n{\"return\": 9, \"id\": 77}\n{\"return\": 1, \"id\": ID}\n",
                "{\"error\": {\"class\": \"X\", \"desc\": \"no\\nsuch\"}, \"id\": ID}\n",
                "not json\n",
            ],
        ));
        let (qmp, mut events) = Qmp::connect(ours, SOON).await.unwrap();
        assert_eq!(qmp.execute("a", json!({}), SOON).await, Ok(json!(1)));
        assert_eq!(events.recv().await.map(|event| event.name), Some("RESET".to_owned()));
        let refused = QmpError::Refused { command: "b".to_owned(), reason: "no such".to_owned() };
        assert_eq!(qmp.execute("b", json!({}), SOON).await, Err(refused));
        assert_eq!(qmp.execute("c", json!({}), SOON).await, Err(QmpError::Closed));
        assert_eq!(qmp.execute("d", json!({}), SOON).await, Err(QmpError::Closed));
        assert_eq!(events.recv().await, None);
    }

    #[tokio::test]
    async fn a_message_without_end_closes_the_connection() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let flood = tokio::spawn(async move {
            let junk = vec![b'x'; 4096];
            while theirs.write_all(&junk).await.is_ok() {}
        });
        assert_eq!(Qmp::connect(ours, SOON).await.map(|_| ()), Err(QmpError::Closed));
        tokio::time::timeout(SOON, flood).await.unwrap().unwrap();
    }
}
