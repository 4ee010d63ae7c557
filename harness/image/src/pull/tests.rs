//! Every way in which a server, or what is on the way to it, can lie.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::server::{Answer, Server, head, tag};
use super::*;
use crate::{Checksum, DiskSource, ImageSpec};
use muster_base::fault::Fault as _;
use muster_base::machine::Format;

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
        let key = Some(KEYS.public("vendor"));
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
async fn a_cached_file_that_was_tampered_with_is_found_out_by_verify_pull_and_run() {
    let case = Case::new();
    let path = case.pull().await.unwrap().path;
    let mut other = bytes();
    other[1000] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, &other).unwrap();
    assert_eq!(case.verify().await.unwrap_err().failure_id().unwrap().as_str(), "image.checksum");
    let spec = ImageSpec::new("some", DiskSource::Download(case.download.clone()), Format::Raw);
    let used = crate::prepare::prepare_in(case.cache(), Path::new("."), &spec, false).await.unwrap_err();
    assert_eq!(used.failure_id().unwrap().as_str(), "image.checksum", "{used}");
    assert!(!case.pull().await.unwrap().was_there);
    assert_eq!(case.verify().await.unwrap().sha256, sha256(&bytes()));
    let ready = crate::prepare::prepare_in(case.cache(), Path::new("."), &spec, false).await.unwrap();
    assert_eq!(ready.sha256, sha256(&bytes()));
    // Cut short, it is not there at all.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, &bytes()[..1000]).unwrap();
    let used = crate::prepare::prepare_in(case.cache(), Path::new("."), &spec, false).await.unwrap_err();
    assert!(used.to_string().contains("muster images pull some"), "{used}");
    assert_eq!(case.verify().await.unwrap_err().failure_id().unwrap().as_str(), "image.missing");
}

#[tokio::test]
async fn a_download_goes_on_where_it_broke_off() {
    let case = Case::new();
    case.begun(300_000).await;
    assert_eq!(case.pull().await.unwrap().sha256, sha256(&bytes()));
    let asked = case.server.asked(IMAGE);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].headers.get("range").map(String::as_str), Some("bytes=300000-"));
    assert_eq!(asked[0].headers.get("if-range"), Some(&tag(&bytes())));
    assert_eq!(case.partial(), 0);
}

#[tokio::test]
async fn a_connection_that_breaks_now_and_then_is_enough() {
    let mut case = Case::new();
    case.limits.connections = 4;
    case.server.set(IMAGE, Answer::Breaks { file: bytes(), after: 100_000, times: 3 });
    assert_eq!(case.pull().await.unwrap().sha256, sha256(&bytes()));
    assert_eq!(case.server.asked(IMAGE).len(), 4);
}

#[tokio::test]
async fn a_reset_in_the_middle_says_how_far_it_came_and_leaves_what_can_go_on() {
    let case = Case::new();
    let (sender, receiver) = std::sync::mpsc::channel();
    let now = Arc::new(std::sync::Mutex::new(receiver));
    case.server.set(IMAGE, Answer::Resets { file: bytes(), after: 100_000, now });
    let progress = Some(Arc::new(move |progress: Progress| {
        assert_eq!(progress.total, Some(bytes().len() as u64));
        if progress.done == 100_000 {
            sender.send(()).unwrap();
        }
    }) as Arc<dyn Fn(Progress) + Send + Sync>);
    let error = case.pull_as(&PullOptions { progress, ..PullOptions::default() }).await.unwrap_err();
    assert_eq!(error.failure_id().unwrap().as_str(), "image.download");
    let message = error.to_string();
    assert!(message.contains("broke off after 100000 bytes: "), "{message}");
    case.assert_nothing();
    assert_eq!(case.partial(), 100_000);
    case.server.file(IMAGE, bytes());
    assert_eq!(case.pull().await.unwrap().sha256, sha256(&bytes()));
}

#[tokio::test]
async fn a_body_that_is_shorter_than_announced_is_broken() {
    let case = Case::new();
    let mut raw = head("200 OK", &["Content-Length: 800000"]);
    raw.extend(&bytes()[..5000]);
    case.server.set(IMAGE, Answer::Raw(raw));
    case.fails("image.download", "broke off after 5000 bytes").await;
    // Without a tag or a date nobody can tell whether the rest belongs to it: it begins anew.
    case.server.file(IMAGE, bytes()).asked(IMAGE);
    case.pull().await.unwrap();
    assert_eq!(case.server.asked(IMAGE)[0].headers.get("range"), None);
}

#[tokio::test]
async fn an_announced_length_that_is_too_short_gives_a_wrong_checksum() {
    let case = Case::new();
    let mut raw = head("200 OK", &["Content-Length: 5000"]);
    raw.extend(bytes());
    case.server.set(IMAGE, Answer::Raw(raw));
    case.fails("image.checksum", "is not what was published").await;
    assert_eq!(case.partial(), 0);
}

#[tokio::test]
async fn a_file_that_changed_between_two_connections_is_taken_from_its_beginning() {
    let case = Case::new();
    case.begun(300_000).await;
    let mut new = bytes();
    new[0] = 77;
    case.server.file(IMAGE, new.clone()).file(SUMS, format!("{}  {NAME}\n", sha256(&new)));
    assert_eq!(case.pull().await.unwrap().sha256, sha256(&new));
}

#[tokio::test]
async fn a_shorter_file_than_was_begun_is_taken_from_its_beginning() {
    let case = Case::new();
    case.begun(300_000).await;
    let new = vec![5; 1000];
    // It does not even look at If-Range.
    case.server.file(SUMS, format!("{}  {NAME}\n", sha256(&new)));
    case.server.set(IMAGE, Answer::Raw(head("416 Range Not Satisfiable", &["Content-Length: 0"])));
    case.fails("image.download", "416").await;
    case.server.file(IMAGE, new.clone());
    assert_eq!(case.pull().await.unwrap().sha256, sha256(&new));
}

#[tokio::test]
async fn a_server_that_knows_no_ranges_starts_again() {
    let case = Case::new();
    case.begun(300_000).await;
    let mut raw = head("200 OK", &[&format!("Content-Length: {}", bytes().len())]);
    raw.extend(bytes());
    case.server.set(IMAGE, Answer::Raw(raw));
    assert_eq!(case.pull().await.unwrap().sha256, sha256(&bytes()));
    assert!(case.server.asked(IMAGE)[0].headers.contains_key("range"));
}

#[tokio::test]
async fn a_part_that_is_not_the_rest_is_refused_and_thrown_away() {
    let length = bytes().len();
    let own = format!("ETag: {}", tag(&bytes()));
    for (range, etag, word) in [
        (format!("Content-Range: bytes 300001-{}/{length}", length - 1), own.as_str(), "answered with bytes 300001"),
        (format!("Content-Range: bytes 300000-{}/{length}", length - 2), &own, "answered with bytes 300000"),
        (format!("Content-Range: bytes 300000-{}/{}", length, length + 1), &own, "another file"),
        (format!("Content-Range: bytes 300000-{}/{length}", length - 1), "ETag: \"other\"", "another file"),
        ("Content-Range: bytes nonsense".to_owned(), &own, "not with which"),
        ("X-Nothing: here".to_owned(), &own, "not with which"),
    ] {
        let case = Case::new();
        case.begun(300_000).await;
        let mut raw = head("206 Partial Content", &[&range, etag, &format!("Content-Length: {}", length - 300_000)]);
        raw.extend(&bytes()[300_000..]);
        case.server.set(IMAGE, Answer::Raw(raw));
        case.fails("image.resume", word).await;
        assert_eq!(case.partial(), 0, "{range}");
    }
    let case = Case::new();
    let raw = head("206 Partial Content", &["Content-Range: bytes 0-9/10", "Content-Length: 10"]);
    case.server.set(IMAGE, Answer::Raw(raw));
    case.fails("image.resume", "although the whole was requested").await;
}

#[tokio::test]
async fn the_rest_of_a_file_with_other_bytes_is_found_out_and_not_kept() {
    let case = Case::new();
    case.begun(300_000).await;
    let length = bytes().len();
    let range = format!("Content-Range: bytes 300000-{}/{length}", length - 1);
    let tag = format!("ETag: {}", tag(&bytes()));
    let mut raw = head("206 Partial Content", &[&range, &tag, &format!("Content-Length: {}", length - 300_000)]);
    raw.extend(vec![0; length - 300_000]);
    case.server.set(IMAGE, Answer::Raw(raw));
    case.fails("image.checksum", "is not what was published").await;
    assert_eq!(case.partial(), 0);
}

#[tokio::test]
async fn redirects_are_followed_a_little_and_only_to_http() {
    let case = Case::new();
    let to = |place: &str| Answer::Raw(head("302 Found", &[&format!("Location: {place}"), "Content-Length: 0"]));
    case.server.file("/mirror/file", bytes()).set(IMAGE, to("/hop")).set("/hop", to("mirror/file"));
    assert_eq!(case.pull().await.unwrap().sha256, sha256(&bytes()));
    for (place, word) in [
        (IMAGE, "more than 3 times"),
        ("file:///etc/passwd", "neither http nor https"),
        ("ftp://127.0.0.1/x", "neither http nor https"),
        ("//", "names no host or a user"),
        ("", "no address"),
        ("http://user@127.0.0.1/x", "names no host or a user"),
    ] {
        let case = Case::new();
        case.server.set(IMAGE, to(place));
        case.fails("image.redirect", word).await;
        assert!(case.server.asked(IMAGE).len() <= 4);
    }
    let case = Case::new();
    case.server.set(IMAGE, Answer::Raw(head("301 Moved Permanently", &["Content-Length: 0"])));
    case.fails("image.redirect", "no address").await;
}

#[tokio::test]
async fn slow_and_silent_servers_are_given_up() {
    let begun = Instant::now();
    let case = Case::new();
    case.server.set(IMAGE, Answer::Drips(head("200 OK", &["Content-Length: 800000"])));
    case.fails("image.slow", "is too slow").await;
    let mut case = Case::new();
    case.limits.total = Duration::from_millis(500);
    case.limits.window_bytes = 0;
    case.server.set(IMAGE, Answer::Drips(head("200 OK", &["Content-Length: 800000"])));
    case.fails("image.slow", "is too slow").await;
    // It says the head and then nothing.
    let case = Case::new();
    case.server.set("/images/CHECKSUM", Answer::Drips(head("200 OK", &[])));
    case.fails("image.slow", "is too slow").await;
    let mut case = Case::new();
    case.limits.answer = Duration::from_millis(500);
    case.server.set(IMAGE, Answer::Silent);
    case.fails("image.slow", "is too slow").await;
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn more_than_is_allowed_is_refused_before_and_while_it_comes() {
    let mut case = Case::new();
    case.download.max_size = 1 << 20;
    case.server.set(IMAGE, Answer::Endless(head("200 OK", &[])));
    case.fails("image.download-size", "1048576 bytes that are allowed").await;
    assert_eq!(case.partial(), 0);
    case.server.set(IMAGE, Answer::Raw(head("200 OK", &["Content-Length: 99999999999"])));
    case.fails("image.download-size", "1048576 bytes that are allowed").await;
    case.server.file(IMAGE, bytes()).set(SUMS, Answer::Endless(head("200 OK", &[])));
    case.fails("image.download-size", "65536 bytes that are allowed").await;
}

#[tokio::test]
async fn checksums_that_do_not_fit_are_refused_before_anything_is_fetched() {
    let (right, wrong) = (sha256(&bytes()), "a1".repeat(32));
    for (text, id, word) in [
        (format!("{right}  {NAME}\n{wrong}  {NAME}\n"), "image.checksum-file", "twice"),
        (format!("{right}  other-1.0.raw\n"), "image.checksum-file", "no line of it"),
        ("<html>404</html>".to_owned(), "image.checksum-file", "no line of it"),
        (String::new(), "image.checksum-file", "no line of it"),
    ] {
        let case = Case::new();
        case.server.file(SUMS, text.as_str());
        case.fails(id, word).await;
        assert_eq!(case.server.asked(IMAGE), [], "{text}");
    }
    let case = Case::new();
    case.server.file(SUMS, format!("{wrong}  {NAME}\n"));
    case.fails("image.checksum", &format!("is {right} and must be {wrong}")).await;
    assert_eq!(case.partial(), 0);
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
async fn a_stated_digest_needs_no_checksum_file_and_beats_one() {
    let mut case = Case::new();
    case.download.checksum.value = Some(sha256(&bytes()));
    let pulled = case.pull().await.unwrap();
    assert_eq!((pulled.trust, case.server.asked(SUMS)), (Trust::Pinned, vec![]));
    // The second time nobody is asked for anything.
    case.server.asked(IMAGE);
    assert!(case.pull().await.unwrap().was_there);
    assert_eq!((case.server.asked(SUMS), case.server.asked(IMAGE)), (vec![], vec![]));
    case.download.checksum.value = Some("00".repeat(32));
    case.fails("image.checksum", "is not what was published").await;

    let mut case = Case::signed(SignatureKind::ClearSigned);
    case.download.checksum.value = Some("00".repeat(32));
    case.fails("image.checksum-file", "where the catalogue states").await;
}

#[tokio::test]
async fn sha512_is_compared_as_such_and_a_run_compares_too() {
    let mut case = Case::new();
    let long = muster_base::text::hex(Sha512::digest(bytes()));
    case.server.file(SUMS, format!("# SHA512 HASH\n{long}  {NAME}\n"));
    case.download.checksum.kind = ChecksumKind::Sha512;
    assert_eq!(case.pull().await.unwrap().sha256, sha256(&bytes()));
    assert!(case.verify().await.is_ok());
    case.server.file(SUMS, format!("# SHA512 HASH\n{}  {NAME}\n", "0".repeat(128)));
    let wrong = case.pull().await.unwrap_err();
    assert!(wrong.to_string().contains("its sha512 is"), "{wrong}");
}

#[tokio::test]
async fn each_kind_of_signature_is_verified_at_pull_and_again_without_a_network() {
    for kind in [SignatureKind::ClearSigned, SignatureKind::Checksums, SignatureKind::Image] {
        let case = Case::signed(kind);
        let overrides = PullOptions { require_signature: true, ..PullOptions::default() };
        let pulled = case.pull_as(&overrides).await.unwrap();
        let Trust::Signed(key) = &pulled.trust else { panic!("{kind}: {pulled:?}") };
        assert_eq!(key.len(), 40, "{key}");
        case.server.asked(SUMS);
        assert_eq!(case.verify().await.unwrap().trust, pulled.trust, "{kind}");
        assert_eq!(case.server.asked(SUMS), []);
        // A key that the person names takes the place of the catalogue's, and must fit as well.
        let other = PullOptions { keyring: Some(KEYS.public("stranger")), ..PullOptions::default() };
        let refused = verify(case.cache(), "some", &case.download, &other).await.unwrap_err();
        assert_eq!(refused.failure_id().unwrap().as_str(), "image.signature", "{kind}: {refused}");
    }
}

#[tokio::test]
async fn a_signature_by_a_stranger_is_refused() {
    for kind in [SignatureKind::ClearSigned, SignatureKind::Checksums, SignatureKind::Image] {
        let mut case = Case::signed(kind);
        if let Some(signature) = &mut case.download.signature {
            signature.key = Some(KEYS.public("stranger"));
        }
        case.fails("image.signature", "not among the keys").await;
    }
}

#[tokio::test]
async fn bytes_that_were_not_signed_are_refused() {
    let wrong = format!("{}  {NAME}\n", "a1".repeat(32));
    // A clear-signed text in which a digest was changed, and one with another digest around it.
    let case = Case::signed(SignatureKind::ClearSigned);
    let signed = KEYS.sign("vendor", "--clear-sign", format!("{}  {NAME}\n", sha256(&bytes())).as_bytes());
    let changed = String::from_utf8(signed.clone()).unwrap().replace(&sha256(&bytes()), &"a1".repeat(32));
    case.server.file(SUMS, changed);
    case.fails("image.signature", "not made over these bytes").await;
    let about_other = KEYS.sign("vendor", "--clear-sign", format!("{}  other.raw\n", "b2".repeat(32)).as_bytes());
    let around = [wrong.as_bytes(), &about_other, wrong.as_bytes()].concat();
    case.server.file(SUMS, around);
    let error = case.pull().await.unwrap_err();
    assert!(matches!(error.failure_id().unwrap().as_str(), "image.checksum-file" | "image.signature"), "{error}");
    case.assert_nothing();

    let case = Case::signed(SignatureKind::Checksums);
    case.server.file(SUMS, wrong.as_str());
    case.fails("image.signature", "not made over these bytes").await;

    // Image and checksum file were both changed; the signature over the image tells.
    let case = Case::signed(SignatureKind::Image);
    let other = vec![3; 1000];
    case.server.file(IMAGE, other.clone()).file(SUMS, format!("{}  {NAME}\n", sha256(&other)));
    case.fails("image.signature", "not made over these bytes").await;
    assert_eq!(case.partial(), 0);
}

#[tokio::test]
async fn what_is_not_signed_at_all_is_refused_where_a_key_is_named() {
    let case = Case::signed(SignatureKind::ClearSigned);
    case.server.file(SUMS, format!("{}  {NAME}\n", sha256(&bytes())));
    case.fails("image.signature", "no OpenPGP signature").await;
    for kind in [SignatureKind::Checksums, SignatureKind::Image] {
        let case = Case::signed(kind);
        let path = if kind == SignatureKind::Image { "/images/image.sig" } else { "/images/CHECKSUM.asc" };
        case.server.file(path, "<html>soon</html>");
        case.fails("image.signature", "no OpenPGP signature").await;
        case.server.file(path, "");
        case.fails("image.signature", "none was fetched").await;
        case.server.set(path, Answer::Raw(head("404 Not Found", &["Content-Length: 0"])));
        case.fails("image.download", "answered 404").await;
    }
    // A keyring that is not there, or none, is no reason to do without.
    let mut case = Case::signed(SignatureKind::ClearSigned);
    let nowhere = case.cache.path().join("nowhere.gpg");
    if let Some(signature) = &mut case.download.signature {
        signature.key = Some(nowhere.clone());
    }
    case.fails("image.signature", "nowhere.gpg").await;
    std::fs::write(&nowhere, "rubbish").unwrap();
    case.fails("image.signature", "").await;
}

#[tokio::test]
async fn without_a_key_it_is_said_and_refused_where_a_signature_is_required() {
    let mut case = Case::signed(SignatureKind::ClearSigned);
    if let Some(signature) = &mut case.download.signature {
        signature.key = None;
        signature.key_from = "https://example.org/key".to_owned();
    }
    let required = PullOptions { require_signature: true, ..PullOptions::default() };
    let refused = case.pull_as(&required).await.unwrap_err();
    assert_eq!(refused.failure_id().unwrap().as_str(), "image.unsigned");
    assert!(refused.to_string().contains("https://example.org/key"), "{refused}");
    assert_eq!(case.server.asked(SUMS), []);
    case.assert_nothing();
    assert_eq!(case.pull().await.unwrap().trust, Trust::ChecksumOnly);
    let refused = verify(case.cache(), "some", &case.download, &required).await.unwrap_err();
    assert_eq!(refused.failure_id().unwrap().as_str(), "image.unsigned");
    // With the key, the same image becomes a signed one, and stays where it is.
    let keyring = Some(KEYS.public("vendor"));
    let signed = case.pull_as(&PullOptions { keyring, ..required.clone() }).await.unwrap();
    assert!(matches!(signed.trust, Trust::Signed(_)) && signed.was_there, "{signed:?}");
    // Once it is one, it stays one for the same bytes; what a look without the key verifies is less.
    assert_eq!(case.pull().await.unwrap().trust, signed.trust);
    assert_eq!(known(case.cache(), &case.download), Some(signed.trust));
    assert_eq!(case.verify().await.unwrap().trust, Trust::ChecksumOnly);

    let case = Case::new();
    let keyring = Some(KEYS.public("vendor"));
    for overrides in [required, PullOptions { keyring, ..PullOptions::default() }] {
        let refused = case.pull_as(&overrides).await.unwrap_err();
        assert_eq!(refused.failure_id().unwrap().as_str(), "image.unsigned", "{refused}");
    }
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

#[tokio::test]
async fn another_address_or_another_stated_digest_is_another_file() {
    let case = Case::new();
    let place = |download: &Download| StoredDownload::look(case.cache.path(), download).path();
    let mut other = case.download.clone();
    other.checksum.value = Some("00".repeat(32));
    let mut elsewhere = case.download.clone();
    elsewhere.url.insert(8, 'x');
    let places = [place(&case.download), place(&other), place(&elsewhere)];
    assert!(places[0] != places[1] && places[1] != places[2] && places[0] != places[2], "{places:?}");
}
