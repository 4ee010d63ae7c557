//! Hostile archives, built byte by byte. None of them may add up to a tree.

use std::fs::File;
use std::io::Write;

use super::Bounds;
use super::tar;
use super::tree::{Tree, What};

struct Member {
    name: Vec<u8>,
    kind: u8,
    link: Vec<u8>,
    contents: Vec<u8>,
    /// What the header says of their length.
    size: Option<Vec<u8>>,
}

fn member(kind: u8, name: &str, link: &str) -> Member {
    Member { name: name.into(), kind, link: link.into(), contents: Vec::new(), size: None }
}

fn file(name: &str, contents: &str) -> Member {
    Member { contents: contents.into(), ..member(b'0', name, "") }
}

fn pax(key: &str, value: &str) -> Member {
    let rest = format!(" {key}={value}\n");
    let length = (1..).find(|length: &usize| length.to_string().len() + rest.len() == *length).unwrap();
    Member { contents: format!("{length}{rest}").into_bytes(), ..member(b'x', "pax", "") }
}

fn bytes(members: &[Member]) -> Vec<u8> {
    let mut out = Vec::new();
    for member in members {
        let mut header = [0; 512];
        let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
        put(0, &member.name);
        put(100, b"0000644\0");
        put(108, b"0000001\0");
        put(116, b"0000002\0");
        put(124, member.size.as_deref().unwrap_or(format!("{:011o}\0", member.contents.len()).as_bytes()));
        put(136, b"00000000012\0");
        put(148, b"        ");
        put(156, &[member.kind]);
        put(157, &member.link);
        put(257, b"ustar\x0000");
        put(329, b"0000001\0");
        put(337, b"0000003\0");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend(header);
        out.extend(&member.contents);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.extend([0; 1024]);
    out
}

fn archive(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn grow_bytes(bytes: &[u8], bounds: Bounds) -> Result<Tree, String> {
    let mut tree = Tree::new(bounds);
    tar::read(&archive(bytes), |entry| tree.add(entry, 0, false))?;
    Ok(tree)
}

fn grow(members: &[Member]) -> Result<Tree, String> {
    grow_bytes(&bytes(members), Bounds::default())
}

fn why(members: &[Member]) -> String {
    grow(members).err().unwrap_or_else(|| "it was taken".to_owned())
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
        What::Folder(names) => names.clone(),
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
    assert_eq!(why(&through), "`a/passwd` lies below something that is not a folder, `a`");
    let up = [member(b'5', "d/", ""), member(b'2', "d/up", "../.."), file("d/up/x", "x")];
    assert_eq!(why(&up), "`d/up/x` lies below something that is not a folder, `up`");
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
    let folder = [member(b'5', "d/", ""), member(b'1', "a", "d")];
    assert_eq!(why(&folder), "`a` is a hard link to a folder");
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
    assert!(why(&[pax("GNU.sparse.realsize", "9999999999999"), file("a", "x")]).contains("sparse"));
    assert!(why(&[member(b'S', "a", "")]).contains("sparse"));
    let long = Member { contents: vec![b'a'; 2 << 20], ..member(b'L', "x", "") };
    assert_eq!(why(&[long]), "an extended header of 2097152 bytes");

    let few = Bounds { entries: 2, bytes: 10, layers: 1 };
    let three = bytes(&[file("a", ""), file("b", ""), file("c", "")]);
    assert_eq!(grow_bytes(&three, few).unwrap_err(), "it has more than 2 entries");
    // The same name again is an entry again.
    let same = bytes(&[file("a", ""), file("a", ""), file("a", "")]);
    assert_eq!(grow_bytes(&same, few).unwrap_err(), "it has more than 2 entries");
    let much = bytes(&[file("a", "123456"), file("a", "123456")]);
    assert_eq!(grow_bytes(&much, few).unwrap_err(), "its files have more than 10 bytes together");
}

#[test]
fn what_is_damaged_is_refused() {
    let whole = bytes(&[file("a", "hello"), file("b", "hello")]);
    let cut = |length: usize| grow_bytes(&whole[..length], Bounds::default()).unwrap_err();
    assert!(cut(0).contains("it is cut"));
    assert!(cut(700).contains("more than the archive has left") || cut(700).contains("it is cut"), "{}", cut(700));
    assert!(cut(1024).contains("it is cut"));
    let mut flipped = whole.clone();
    flipped[0] = b'z';
    assert!(grow_bytes(&flipped, Bounds::default()).unwrap_err().contains("checksum"));
    assert!(why(&[member(b'?', "a", "")]).contains("unknown type"));
    assert!(why(&[pax("path", "x")]).contains("belongs to nothing"));
    let damaged = Member { contents: b"99 path=x\n".to_vec(), ..member(b'x', "p", "") };
    assert_eq!(why(&[damaged, file("a", "")]), "a damaged extended header");
}
