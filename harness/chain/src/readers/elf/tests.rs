//! Against programs of the host that runs the tests, and against ones made of bytes.

use super::*;
use crate::testing::{FakeHost, read_bytes, shown};

/// An ELF file of one class and byte order, with a dynamic section: two libraries, a version of the first, a RUNPATH.
fn made(bits: u8, little: bool, machine: u16, interpreter: bool) -> Vec<u8> {
    let wide = bits == 64;
    let mut strings = vec![0_u8];
    let mut name = |text: &str| {
        let at = strings.len() as u64;
        strings.extend_from_slice(text.as_bytes());
        strings.push(0);
        at
    };
    let (ssl, libc) = (name("libssl.so.3"), name("libc.so.6"));
    let (version, weak, search, own) =
        (name("OPENSSL_3.0.0"), name("WEAK_1"), name("$ORIGIN/../lib:/opt/x"), name("libshop.so.1"));
    let mut out = Vec::new();
    let put = |out: &mut Vec<u8>, value: u64, size: usize| {
        let bytes = value.to_le_bytes();
        let mut piece = bytes[..size].to_vec();
        if !little {
            piece.reverse();
        }
        out.extend(piece);
    };
    let word = if wide { 8 } else { 4 };
    let (header, entry) = if wide { (64, 56) } else { (52, 32) };
    let segments = 3 + usize::from(interpreter);
    // Everything is loaded at its offset.
    let strings_at = (header + segments * entry) as u64;
    let versions_at = strings_at + (strings.len() as u64).next_multiple_of(8);
    let dynamic_at = versions_at + 48;
    let tags = [
        (1, ssl),
        (1, libc),
        (5, strings_at),
        (10, strings.len() as u64),
        (14, own),
        (29, search),
        (0x6fff_fffe, versions_at),
        (0x6fff_ffff, 1),
        (0, 0),
    ];
    let dynamic_size = (tags.len() * 2 * word) as u64;
    let notes_at = dynamic_at + dynamic_size;
    let notes: Vec<u32> = vec![4, 16, 5, 0, 0xc000_8002, 4, 0b0111, 0];
    let interpreter_at = notes_at + 32;
    let path = b"/lib64/ld-linux-x86-64.so.2\0";
    let end = interpreter_at + path.len() as u64;
    out.extend(b"\x7fELF");
    out.extend([if wide { 2 } else { 1 }, if little { 1 } else { 2 }, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for (value, size) in [
        (3, 2),
        (machine.into(), 2),
        (1, 4),
        (0, word),
        (header as u64, word),
        (0, word),
        (0, 4),
        (header as u64, 2),
        (entry as u64, 2),
        (segments as u64, 2),
        (0, 2),
        (0, 2),
        (0, 2),
    ] {
        put(&mut out, value, size);
    }
    let mut all = vec![(1, 0, end), (2, dynamic_at, dynamic_size), (4, notes_at, 32)];
    if interpreter {
        all.push((3, interpreter_at, path.len() as u64));
    }
    for (kind, at, size) in all {
        let fields: &[(u64, usize)] = if wide {
            &[(kind, 4), (4, 4), (at, 8), (at, 8), (at, 8), (size, 8), (size, 8), (8, 8)]
        } else {
            &[(kind, 4), (at, 4), (at, 4), (at, 4), (size, 4), (size, 4), (4, 4), (4, 4)]
        };
        fields.iter().for_each(|(value, size)| put(&mut out, *value, *size));
    }
    out.extend(&strings);
    out.resize(versions_at as usize, 0);
    // One library with two versions, the second of them weak.
    for (value, size) in [
        (1, 2),
        (2, 2),
        (ssl, 4),
        (16, 4),
        (0, 4),
        (0, 4),
        (0, 2),
        (2, 2),
        (version, 4),
        (16, 4),
        (0, 4),
        (2, 2),
        (3, 2),
        (weak, 4),
        (0, 4),
    ] {
        put(&mut out, value, size);
    }
    for (tag, value) in tags {
        put(&mut out, tag, word);
        put(&mut out, value, word);
    }
    for (at, value) in notes.iter().enumerate() {
        if at == 3 { out.extend(b"GNU\0") } else { put(&mut out, (*value).into(), 4) }
    }
    out.extend(path);
    out
}

fn needs(bytes: &[u8]) -> String {
    shown(&read_bytes("app", bytes, &FakeHost::default()).unwrap())
}

#[test]
fn a_program_needs_its_machine_level_interpreter_and_libraries() {
    let expected = "\
0 use arch x86_64
0 use isa-level x86-64-v3
0 use path /lib64/ld-linux-x86-64.so.2
0 use soname libssl.so.3(OPENSSL_3.0.0) 64 x86_64
0 use soname libc.so.6() 64 x86_64
5 of 5 lines
";
    let bytes = made(64, true, 62, true);
    assert_eq!(needs(&bytes), expected);
    let program = Program::read(&*bytes).unwrap();
    assert_eq!(program.search, ["$ORIGIN/../lib", "/opt/x"]);
    assert_eq!(program.soname.as_deref(), Some("libshop.so.1"));
}

#[test]
fn both_classes_and_byte_orders_are_read() {
    assert!(needs(&made(32, true, 3, false)).contains("soname libssl.so.3(OPENSSL_3.0.0) 32 i686"));
    assert!(needs(&made(64, false, 22, false)).contains("soname libssl.so.3(OPENSSL_3.0.0) 64 s390x"));
    assert!(needs(&made(32, false, 8, false)).contains("soname libssl.so.3(OPENSSL_3.0.0) 32 mips"));
    let strange = needs(&made(64, true, 9999, false));
    assert!(strange.contains("a machine without a name here: number 9999"), "{strange}");
}

#[test]
fn torn_and_hostile_programs_are_neither_a_panic_nor_a_long_wait() {
    let started = std::time::Instant::now();
    let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let whole = Program::read(&*own).unwrap();
    assert!(whole.libraries.iter().any(|(name, versions)| name.starts_with("libc.so") && !versions.is_empty()));
    for bytes in [made(64, true, 62, true), made(32, false, 8, true)] {
        for length in 0..bytes.len() {
            let torn = Program::read(&bytes[..length]);
            assert!(torn.is_err() || length >= 52, "{length}");
        }
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                let _ = Program::read(&*bytes);
                let host = FakeHost::default();
                let _ = read_bytes("app", &bytes, &host);
            }
        }
    }
    // The first bytes of a real one, where its headers and the names of its libraries are.
    let mut changed = own.clone();
    for at in 0..2048 {
        changed[at] ^= 0xff;
        let _ = Program::read(&*changed);
        changed[at] ^= 0xff;
    }
    for length in (0..own.len()).step_by(own.len() / 50) {
        let _ = Program::read(&own[..length]);
    }
    assert!(started.elapsed() < std::time::Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn a_program_that_is_too_large_to_hand_over_is_read_in_pieces() {
    let mut bytes = made(64, true, 62, true);
    let length = bytes.len();
    // The names and what follows lie beyond what the source has: the segments say so.
    bytes.resize(limits::TEXT as usize, 0);
    let source = FakeHost::default();
    let chain = read_bytes("app", &bytes, &source).unwrap();
    assert_eq!(chain.needs.len(), 5, "{length}");
    // Without the rest, what stands there is listed.
    let mut far = bytes.clone();
    far[64 + 56 + 8..64 + 56 + 16].copy_from_slice(&(limits::TEXT + 64).to_le_bytes());
    let text = needs(&far);
    assert!(text.contains("its dynamic section is outside of the file") && text.contains("4 lines"), "{text}");
    let mut rest = vec![0; 64];
    rest.extend(&bytes[dynamic(&bytes)..]);
    let host = FakeHost { pieces: rest, ..FakeHost::default() };
    assert_eq!(shown(&read_bytes("app", &far, &host).unwrap()), needs(&bytes));
}

/// Where the dynamic section of a made program is.
fn dynamic(bytes: &[u8]) -> usize {
    u64::from_le_bytes(bytes[64 + 56 + 8..64 + 56 + 16].try_into().unwrap()) as usize
}
