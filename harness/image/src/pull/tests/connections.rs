//! Connections that break, lie about lengths, lead elsewhere or are slow.

use super::*;

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
