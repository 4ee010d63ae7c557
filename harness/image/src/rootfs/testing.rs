//! Archives made byte by byte, for tests.

/// A member of an archive, as a test wants it.
pub(crate) struct Member {
    pub name: Vec<u8>,
    pub kind: u8,
    pub link: Vec<u8>,
    pub contents: Vec<u8>,
    /// What the header says of their length.
    pub size: Option<Vec<u8>>,
}

pub(crate) fn member(kind: u8, name: &str, link: &str) -> Member {
    Member { name: name.into(), kind, link: link.into(), contents: Vec::new(), size: None }
}

pub(crate) fn file(name: &str, contents: &str) -> Member {
    Member { contents: contents.into(), ..member(b'0', name, "") }
}

pub(crate) fn dir(name: &str) -> Member {
    member(b'5', name, "")
}

/// An extended header with one record, for the member that follows.
pub(crate) fn pax(key: &[u8], value: &[u8]) -> Member {
    let rest = [b" ", key, b"=", value, b"\n"].concat();
    let length = (1..).find(|length: &usize| length.to_string().len() + rest.len() == *length).unwrap();
    Member { contents: [length.to_string().as_bytes(), &rest].concat(), ..member(b'x', "pax", "") }
}

/// The archive of those members.
pub(crate) fn bytes(members: &[Member]) -> Vec<u8> {
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
