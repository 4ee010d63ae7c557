//! Every way in which a server, or what is on the way to it, can lie.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::server::{Answer, Server, head, tag};
use super::*;
use crate::{DiskSource, ImageSpec};
use muster_base::fault::Fault as _;
use muster_base::machine::Format;
use muster_suite::images::Checksum;

const NAME: &str = "some-1.0.x86_64.raw";
const IMAGE: &str = "/images/some-1.0.x86_64.raw";
const SUMS: &str = "/images/CHECKSUM";

fn bytes() -> Vec<u8> {
    (0..200_000_u32).flat_map(|number| number.to_le_bytes()).collect()
}

fn sha256(bytes: &[u8]) -> String {
    muster_base::text::hex(Sha256::digest(bytes))
}

/// A server, a cache and a description that fit each other.
struct Case {
    server: Server,
    cache: tempfile::TempDir,
    download: Download,
    limits: Limits,
}

impl Case {
    fn new() -> Self {
        let server = Server::new();
        server.file(IMAGE, bytes()).file(SUMS, format!("{}  {NAME}\n", sha256(&bytes())));
        let checksum = Checksum { kind: ChecksumKind::Sha256, value: None, url: Some(server.url(SUMS)) };
        let download = Download { url: server.url(IMAGE), max_size: 10 << 20, checksum, signature: None };
        let limits = Limits {
            answer: Duration::from_secs(20),
            window: Duration::from_millis(400),
            window_bytes: 1000,
            total: Duration::from_secs(60),
            redirects: 3,
            connections: 1,
            small: 64 << 10,
            proxy: false,
        };
        Self { server, cache: tempfile::tempdir().unwrap(), download, limits }
    }

    /// The same, whose checksum file is signed in this way.
    fn signed(kind: SignatureKind) -> Self {
        let mut case = Self::new();
        let sums = format!("{}  {NAME}\r\n", sha256(&bytes()));
        let (path, signature) = match kind {
            SignatureKind::ClearSigned => {
                case.server.file(SUMS, KEYS.sign("vendor", "--clear-sign", sums.as_bytes()));
                (None, Vec::new())
            }
            SignatureKind::Checksums => {
                case.server.file(SUMS, sums.as_bytes());
                (Some("/images/CHECKSUM.asc"), KEYS.sign("vendor", "--detach-sign", sums.as_bytes()))
            }
            SignatureKind::Image => (Some("/images/image.sig"), KEYS.sign("vendor", "--detach-sign", &bytes())),
        };
        if let Some(path) = path {
            case.server.file(path, signature);
        }
        let url = path.map(|path| case.server.url(path));
        let key = KEYS.public("vendor").try_into().ok();
        case.download.signature = Some(Signature { kind, url, key, key_from: String::new() });
        case
    }

    fn cache(&self) -> Option<&Path> {
        Some(self.cache.path())
    }

    async fn pull(&self) -> Result<Pulled, PullError> {
        self.pull_as(&PullOptions::default()).await
    }

    async fn pull_as(&self, overrides: &PullOptions) -> Result<Pulled, PullError> {
        pull_with(Client::new(self.limits.clone()), self.cache(), "some", &self.download, overrides).await
    }

    async fn verify(&self) -> Result<Pulled, PullError> {
        verify(self.cache(), "some", &self.download, &PullOptions::default()).await
    }

    /// Pulls, and asserts that it fails in this way, with this word in the message, and that nothing has
    /// the final name.
    async fn fails(&self, id: &str, word: &str) {
        let error = self.pull().await.expect_err("it must not be pulled");
        let message = error.to_string();
        assert_eq!(error.failure_id().unwrap().as_str(), id, "{message}");
        assert!(message.contains(word), "{word:?} is not in {message:?}");
        self.assert_nothing();
    }

    fn assert_nothing(&self) {
        let path = self.path();
        assert!(!path.exists(), "{}", path.display());
        assert!(find(self.cache(), "some", &self.download).is_err());
        assert_eq!(known(self.cache(), &self.download), None);
    }

    fn path(&self) -> PathBuf {
        StoredDownload::look(self.cache.path(), &self.download).path()
    }

    fn partial(&self) -> u64 {
        StoredDownload::look(self.cache.path(), &self.download).partial().length()
    }

    /// Leaves the first bytes of the image behind, as a connection that broke does.
    async fn begun(&self, count: usize) {
        self.server.set(IMAGE, Answer::Breaks { file: bytes(), after: count, times: 1 });
        let broken = self.pull().await.unwrap_err();
        assert!(matches!(broken, PullError::Broken { .. }), "{broken:?}");
        assert_eq!(self.partial(), count as u64);
        self.server.asked(IMAGE);
    }
}

/// Throw-away keys, made once for all tests.
struct Keys {
    home: tempfile::TempDir,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    // The agent's socket has to fit into 108 bytes.
    let keys = Keys { home: tempfile::Builder::new().prefix("gpg").tempdir_in("/tmp").unwrap() };
    for name in ["vendor", "stranger"] {
        let user = format!("{name} <{name}@example.org>");
        keys.gpg(&["--passphrase", "", "--quick-generate-key", &user, "ed25519", "sign", "never"], b"");
        std::fs::write(keys.public(name), keys.gpg(&["--armor", "--export", name], b"")).unwrap();
    }
    keys
});

impl Keys {
    fn gpg(&self, words: &[&str], input: &[u8]) -> Vec<u8> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), input).unwrap();
        let output = Command::new("gpg")
            .args(["--batch", "--quiet", "--pinentry-mode", "loopback", "--homedir"])
            .arg(self.home.path())
            .args(words)
            .stdin(file.reopen().unwrap())
            .output()
            .unwrap();
        assert!(output.status.success(), "gpg {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    fn sign(&self, name: &str, how: &str, bytes: &[u8]) -> Vec<u8> {
        self.gpg(&["--armor", "--local-user", name, how], bytes)
    }

    fn public(&self, name: &str) -> PathBuf {
        self.home.path().join(format!("{name}.asc"))
    }
}

#[tokio::test]
async fn an_honest_server_gives_an_image_that_a_run_can_use() {
    let case = Case::new();
    let pulled = case.pull().await.unwrap();
    assert_eq!((pulled.sha256.as_str(), pulled.length), (sha256(&bytes()).as_str(), bytes().len() as u64));
    assert_eq!((&pulled.trust, pulled.was_there), (&Trust::ChecksumOnly, false));
    assert_eq!(pulled.trust.to_string(), "checksum only, signature not verified");
    assert!(pulled.path.to_str().unwrap().ends_with(NAME));
    assert_eq!(std::fs::read(&pulled.path).unwrap(), bytes());
    assert_eq!(find(case.cache(), "some", &case.download).unwrap(), (pulled.path.clone(), pulled.sha256.clone()));
    // Beside it lie its note, its checksum file and its lock, and nothing unfinished.
    let mut names: Vec<_> = std::fs::read_dir(pulled.path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name.split(NAME).nth(1).unwrap_or(&name).to_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["", ".checksums", ".json", ".lock"]);

    // The second time only the checksum file is asked for.
    case.server.asked(IMAGE);
    assert!(case.pull().await.unwrap().was_there);
    assert_eq!(case.server.asked(IMAGE), []);
    assert_eq!(case.verify().await.unwrap().trust, Trust::ChecksumOnly);
    assert_eq!(case.server.asked(IMAGE), []);
}

#[tokio::test]
async fn what_its_vendor_publishes_anew_replaces_what_was_there() {
    let case = Case::new();
    let old = case.pull().await.unwrap();
    let new = vec![9; 5000];
    case.server.file(IMAGE, new.clone()).file(SUMS, format!("SHA256 ({NAME}) = {}\r\n", sha256(&new)));
    let pulled = case.pull().await.unwrap();
    assert_eq!((&pulled.path, pulled.was_there), (&old.path, false));
    assert_eq!(std::fs::read(&pulled.path).unwrap(), new);
    // Not while somebody uses it.
    case.server.file(IMAGE, bytes()).file(SUMS, format!("{}  {NAME}\n", sha256(&bytes())));
    let used = File::open(&pulled.path).unwrap();
    used.lock_shared().unwrap();
    let refused = case.pull().await.unwrap_err().to_string();
    assert!(refused.contains("in use"), "{refused}");
    assert_eq!(std::fs::read(&pulled.path).unwrap(), new);
    drop(used);
    assert_eq!(case.pull().await.unwrap().sha256, sha256(&bytes()));
}

#[tokio::test]
async fn what_is_not_there_is_said_with_its_address() {
    let mut case = Case::new();
    let url = case.server.url("/gone/x.raw");
    case.download.url = url.clone();
    case.download.checksum = Checksum { kind: ChecksumKind::Sha256, value: Some("00".repeat(32)), url: None };
    case.fails("image.download", &format!("{url} answered 404")).await;
    let mut case = Case::new();
    case.download.checksum.url = Some(case.server.url("/gone/CHECKSUM"));
    case.fails("image.download", "answered 404").await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    case.download.checksum.url = Some(format!("http://{closed}/CHECKSUM"));
    case.fails("image.download", "could not be reached").await;
}

#[tokio::test]
async fn two_that_want_the_same_image_fetch_it_once() {
    let case = Case::new();
    let (first, second) = tokio::join!(case.pull(), case.pull());
    let mut there = [first.unwrap().was_there, second.unwrap().was_there];
    there.sort_unstable();
    assert_eq!(there, [false, true]);
    assert_eq!(case.server.asked(IMAGE).len(), 1);
}

mod checksums;
mod connections;
mod signatures;
