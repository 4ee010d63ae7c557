//! Hostile archives, built byte by byte. None of them may add up to a tree.

use std::fs::File;
use std::io::Write;

use super::Bounds;
use super::error::ArchiveError;
use super::tar;
use super::testing::{Member, bytes, file, member};
use super::tree::{Tree, What};

fn pax(key: &str, value: &str) -> Member {
    super::testing::pax(key.as_bytes(), value.as_bytes())
}

fn archive(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn grow_bytes(bytes: &[u8], bounds: Bounds) -> Result<Tree, ArchiveError> {
    let mut tree = Tree::new(bounds);
    tar::read(&archive(bytes), |entry| tree.add(entry, 0, false))?;
    Ok(tree)
}

fn grow(members: &[Member]) -> Result<Tree, ArchiveError> {
    grow_bytes(&bytes(members), Bounds::default())
}

fn why(members: &[Member]) -> String {
    grow(members).err().map_or_else(|| "it was taken".to_owned(), |error| error.to_string())
}

#[test]
fn a_plain_archive_becomes_a_tree() {
    let tree = grow(&[
        member(b'5', "./", ""),
        member(b'5', "./dev/", ""),
        member(b'3', "./dev/null", ""),
        pax("path", "a/very/long/name"),
        file("short", "hello"),
        member(b'1', "b", "a/very/long/name"),
        member(b'2', "c", "../../etc/passwd"),
        member(b'6', "pipe", ""),
    ])
    .unwrap();
    let names = |index: usize| match &tree.node(index).unwrap().what {
        What::Dir(names) => names.clone(),
        other => panic!("{other:?}"),
    };
    let root = names(0);
    let keys: Vec<_> = root.keys().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    assert_eq!(keys, ["a", "b", "c", "dev", "pipe"]);
    let null = tree.node(names(root[&b"dev"[..]])[&b"null"[..]]).unwrap();
    assert!(matches!(null.what, What::Device { block: false, number: (1, 3) }), "{null:?}");
    let linked = tree.node(root[&b"b"[..]]).unwrap();
    assert!(matches!(linked.what, What::File { size: 5, .. }), "{linked:?}");
    assert_eq!((linked.mode, linked.uid, linked.gid, linked.mtime), (0o644, 1, 2, 10));
    assert_eq!(tree.bytes(), 5);
}

#[test]
fn what_leads_out_of_the_archive_is_refused() {
    assert_eq!(why(&[file("../evil", "x")]), "`../evil` leads out of the archive");
    assert_eq!(why(&[file("a/../../evil", "x")]), "`a/../../evil` leads out of the archive");
    assert_eq!(why(&[file("/etc/passwd", "x")]), "`/etc/passwd` is an absolute path");
    assert_eq!(why(&[pax("path", "/etc/shadow"), file("x", "x")]), "`/etc/shadow` is an absolute path");
    let through = [member(b'2', "a", "/etc"), file("a/passwd", "x")];
    assert_eq!(why(&through), "`a/passwd` is below something that is not a directory, `a`");
    let up = [member(b'5', "d/", ""), member(b'2', "d/up", "../.."), file("d/up/x", "x")];
    assert_eq!(why(&up), "`d/up/x` is below something that is not a directory, `up`");
    assert_eq!(
        why(&[member(b'1', "a", "../../etc/shadow")]),
        "`a` is a hard link outside: `../../etc/shadow` leads out of the archive"
    );
    assert_eq!(
        why(&[member(b'1', "a", "/etc/shadow")]),
        "`a` is a hard link outside: `/etc/shadow` is an absolute path"
    );
    assert_eq!(
        why(&[member(b'1', "a", "etc/shadow")]),
        "`a` is a hard link to `etc/shadow`, which is not in the archive"
    );
    let dir = [member(b'5', "d/", ""), member(b'1', "a", "d")];
    assert_eq!(why(&dir), "`a` is a hard link to a directory");
    assert!(why(&[file("a\nb", "x")]).contains("control characters"));
    assert!(why(&[member(b'2', "a", "b\nquit")]).contains("unspeakable"));
    assert!(why(&[file(&"a/".repeat(40), "x"), pax("path", &"a/".repeat(300)), file("x", "")]).contains("too deep"));
    assert!(why(&[pax("path", &"n".repeat(256)), file("x", "")]).contains("too long a name"));
}

#[test]
fn what_costs_nothing_to_claim_is_refused() {
    let huge = Member { size: Some(b"77777777777\0".to_vec()), ..file("a", "x") };
    assert!(why(&[huge]).contains("an entry of 8589934591 bytes, more than the archive has left"));
    let binary = Member { size: Some([&[0x80, 0, 0, 0][..], &[0xff; 8]].concat()), ..file("a", "x") };
    assert!(why(&[binary]).contains("more than the archive has left"));
    let negative = Member { size: Some(vec![0xff; 12]), ..file("a", "x") };
    assert_eq!(why(&[negative]), "a header field at 124 is no number");
    assert!(why(&[pax("size", "18446744073709551615"), file("a", "x")]).contains("more than the archive has left"));
    for key in ["GNU.sparse.realsize", "GNU.sparse.major"] {
        assert!(why(&[pax(key, "9999999999999"), file("a", "x")]).starts_with("`a` is a sparse file"), "{key}");
    }
    let named = [pax("path", "./GNUSparseFile.0/a"), pax("GNU.sparse.major", "1"), pax("GNU.sparse.name", "d/a")];
    assert!(why(&named.into_iter().chain([file("a", "x")]).collect::<Vec<_>>()).starts_with("`d/a` is a sparse file"));
    assert!(why(&[member(b'S', "a", "")]).contains("sparse"));
    let long = Member { contents: vec![b'a'; 2 << 20], ..member(b'L', "x", "") };
    assert_eq!(why(&[long]), "an extended header of 2097152 bytes");

    let few = Bounds { entries: 2, bytes: 10, layers: 1 };
    let three = bytes(&[file("a", ""), file("b", ""), file("c", "")]);
    assert_eq!(grow_bytes(&three, few).unwrap_err().to_string(), "it has more than 2 entries");
    // The same name again is an entry again.
    let same = bytes(&[file("a", ""), file("a", ""), file("a", "")]);
    assert_eq!(grow_bytes(&same, few).unwrap_err().to_string(), "it has more than 2 entries");
    let much = bytes(&[file("a", "123456"), file("a", "123456")]);
    assert_eq!(grow_bytes(&much, few).unwrap_err().to_string(), "its files have more than 10 bytes together");
}

#[test]
fn what_is_damaged_is_refused() {
    let whole = bytes(&[file("a", "hello"), file("b", "hello")]);
    let cut = |length: usize| grow_bytes(&whole[..length], Bounds::default()).unwrap_err().to_string();
    assert!(cut(0).contains("it is cut"));
    assert!(cut(700).contains("more than the archive has left") || cut(700).contains("it is cut"), "{}", cut(700));
    assert!(cut(1024).contains("it is cut"));
    let mut flipped = whole.clone();
    flipped[0] = b'z';
    assert!(grow_bytes(&flipped, Bounds::default()).unwrap_err().to_string().contains("checksum"));
    assert!(why(&[member(b'?', "a", "")]).contains("unknown type"));
    assert!(why(&[pax("path", "x")]).contains("belongs to nothing"));
    let damaged = Member { contents: b"99 path=x\n".to_vec(), ..member(b'x', "p", "") };
    assert_eq!(why(&[damaged, file("a", "")]), "a damaged extended header");
}
