//! Files that are broken, too large, or made to cost much: an error, or lines that were not understood.

use std::time::{Duration, Instant};

use camino::Utf8Path;

use crate::limits;
use crate::reader::{ReadError, Source};
use crate::readers::read;
use crate::testing::{FakeHost, KINDS, kind_of, read_bytes, read_text, shown};

/// A beginning of each kind of text that its reader takes, under a name that it takes.
const TEXTS: &[(&str, &str)] = &[
    ("site.yml", "- hosts: all\n  tasks:\n    - dnf: {name: a}\n"),
    ("user-data", "#cloud-config\npackages: [a]\n"),
    ("mkosi.conf", "[Content]\nPackages=a\n"),
    ("a.kiwi", "<image><packages><package name=\"a\"/></packages></image>"),
    ("comps.xml", "<comps><group><id>g</id></group></comps>"),
    ("a.toml", "[[packages]]\nname = \"a\"\n"),
    ("p.toml", "[package-groups.g]\npackages = [\"a\"]\n"),
    ("a.spec", "Name: a\nVersion: 1\nRequires: b\n"),
    ("a.service", "[Service]\nExecStart=/usr/bin/a\n"),
    ("facts.json", "{\"schema\": \"facts/v1\", \"kinds\": {}}"),
];

#[test]
fn text_that_is_not_utf8_or_too_long_is_an_error_that_says_so() {
    let host = FakeHost::default();
    for (name, text) in TEXTS {
        assert_eq!(kind_of(name, text.as_bytes()).len(), 1, "{name}");
        let torn = [text.as_bytes(), b"\xff"].concat();
        let error = read_bytes(name, &torn, &host).unwrap_err();
        assert_eq!(error, ReadError::NotText { file: (*name).to_owned(), at: text.len() });
        let mut long = text.as_bytes().to_vec();
        long.resize(50 << 20, b'\n');
        let error = read_bytes(name, &long, &host).unwrap_err();
        assert!(error.to_string().contains("longer than 4 MiB"), "{error}");
    }
}

/// Every testdata file, cut off and with bytes changed: read or refused, never a panic; places stay inside of the file.
#[test]
fn damaged_files_never_panic() {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    for kind in KINDS {
        for expected in root.join(kind).read_dir_utf8().unwrap().flatten() {
            let Some(name) = expected.file_name().strip_suffix(".needs") else { continue };
            let bytes = std::fs::read(root.join(kind).join(name)).unwrap();
            let host = FakeHost::default();
            let reader = crate::readers::readers().iter().find(|reader| reader.kind().name() == *kind);
            let kind = reader.map(|reader| reader.kind());
            let try_it = |bytes: &[u8]| {
                let source = Source { path: Utf8Path::new(name), bytes, host: &host };
                if let Ok(chain) = read(&source, kind) {
                    let inside = chain.needs.iter().all(|need| need.place.end as usize <= bytes.len());
                    assert!(inside && chain.not_understood.len() <= chain.lines, "{name}: {}", shown(&chain));
                }
            };
            for length in (0..bytes.len()).step_by(11) {
                try_it(&bytes[..length]);
            }
            for at in (0..bytes.len()).step_by(13) {
                for value in [0, b'"', b'{', b'%', b'<', b'\n', 0xc3] {
                    let mut bytes = bytes.clone();
                    bytes[at] = value;
                    try_it(&bytes);
                }
            }
        }
    }
}

#[test]
fn yaml_within_its_limits_only() {
    let broken = |name: &str, text: &str| match read_bytes(name, text.as_bytes(), &FakeHost::default()) {
        Err(ReadError::Broken { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    let laughs: String =
        (1..10).map(|n| format!("l{n}: &l{n} [{}]\n", vec![format!("*l{}", n - 1); 10].join(", "))).collect();
    assert!(broken("user-data", &format!("#cloud-config\nl0: &l0 a\n{laughs}")).contains("values"));
    assert!(broken("user-data", &format!("#cloud-config\na: {}", "[".repeat(100_000))).contains("nested"));
    assert!(broken("user-data", "#cloud-config\na: [1, 2\n").contains("line"));
    assert!(broken("user-data", "#cloud-config\na: 1\0\n").contains("control character"));
    let tags: String = (0..200).map(|n| format!("k{n}: !x 1\n")).collect();
    assert!(broken("user-data", &format!("#cloud-config\n{tags}")).contains("200 values"));
    assert_eq!(shown(&read_text("user-data", "#cloud-config\n")), "0 of 0 lines\n");
}

#[test]
fn includes_and_variables_of_a_playbook_are_bounded() {
    let started = Instant::now();
    let mut host = FakeHost::default();
    for n in 0..40 {
        host.files.insert(format!("t{n}.yml"), format!("- dnf: {{name: p{n}}}\n- include_tasks: t{}.yml\n", n + 1));
    }
    let chain = read_bytes("site.yml", b"- hosts: all\n  tasks:\n    - include_tasks: t0.yml\n", &host).unwrap();
    let text = shown(&chain);
    assert!(text.contains("more than 16 deep") && chain.needs.len() == 15, "{text}");
    host.files.insert("one.yml".to_owned(), "- dnf: {name: one}\n".to_owned());
    let many = format!("- hosts: all\n  tasks:\n{}", "    - include_tasks: one.yml\n".repeat(150));
    let chain = read_bytes("site.yml", many.as_bytes(), &host).unwrap();
    assert_eq!((chain.needs.len(), chain.not_understood.len()), (limits::INCLUDES, 50));
    let doubled: String =
        (0..40).map(|n| format!("    v{n}: \"{{{{ v{} }}}}{{{{ v{} }}}}\"\n", n + 1, n + 1)).collect();
    let text = format!("- hosts: all\n  vars:\n{doubled}    v40: x\n  tasks:\n    - dnf: {{name: \"{{{{ v0 }}}}\"}}\n");
    assert!(shown(&read_text("site.yml", &text)).contains("more than 10 deep"));
    let list = vec!["a"; 2000].join(", ");
    let loops = "    - dnf: {name: \"{{ item }}\"}\n      loop: \"{{ all }}\"\n".repeat(1000);
    let text = format!("- hosts: all\n  vars: {{all: [{list}]}}\n  tasks:\n{loops}");
    let chain = read_text("site.yml", &text);
    assert!(chain.needs.len() < limits::NEEDS && shown(&chain).contains("more values than a chain has needs"));
    let own = "- hosts: all\n  vars: {a: \"{{ a }}\"}\n  tasks:\n    - dnf: {name: \"{{ a }}\"}\n";
    assert!(shown(&read_text("site.yml", own)).contains("more than 10 deep"));
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn xml_is_not_expanded_and_not_nested_without_end() {
    let deep = format!("<image>{}", "<a>".repeat(100_000));
    let error = read_bytes("a.kiwi", deep.as_bytes(), &FakeHost::default()).unwrap_err().to_string();
    assert!(error.contains("nested more than 64 deep"), "{error}");
    for torn in ["<image><a></image>", "<image>", "<image a=1/>", "<image a=\"1\" a=\"2\"/>"] {
        assert!(read_bytes("a.kiwi", torn.as_bytes(), &FakeHost::default()).is_err(), "{torn}");
    }
    let bomb = "<!DOCTYPE image [<!ENTITY a \"x\"><!ENTITY b SYSTEM \"file:///etc/passwd\">]>\
        <image><packages><package name=\"&b;\"/><package name=\"p&a;\"/></packages></image>";
    let chain = read_text("a.kiwi", bomb);
    assert!(chain.needs.is_empty() && chain.not_understood.len() == 1, "{}", shown(&chain));
}

#[test]
fn toml_and_json_that_are_none_are_errors_with_a_line() {
    let broken =
        |name: &str, text: &str| read_bytes(name, text.as_bytes(), &FakeHost::default()).unwrap_err().to_string();
    assert!(broken("a.toml", "[[packages]]\nname = \n").starts_with("a.toml: line "));
    assert!(broken("p.toml", "[package-groups.g]\npackages = \n").starts_with("p.toml: line "));
    assert!(broken("f.json", "{\"schema\": \"facts/v1\",").contains("line 1"));
    assert!(broken("f.json", "{\"schema\": \"facts/v2\"}").contains("its schema is facts/v2"));
}

/// A spec is handed to rpmspec only where that cannot run anything of it.
#[test]
fn a_spec_with_macros_that_run_commands_stays_with_its_text() {
    let mut host = FakeHost::default();
    for (kind, printed) in [("--buildrequires", "gcc\n"), ("--requires", "tool-x >= 2\nbash\n"), ("--recommends", "")] {
        host.rpmspec.insert(kind.to_owned(), printed.to_owned());
    }
    let plain = "Name: a\nVersion: 1\nRequires: tool-%{?flavour} >= 2\nRequires: bash\n";
    let read = |text: &str| shown(&read_bytes("a.spec", text.as_bytes(), &host).unwrap());
    let expected = "4 install package bash [package]\n0 install package gcc [build]\n\
        0 install package tool-x >= 2 [package]\n2 of 2 lines\n";
    assert_eq!(read(plain), expected);
    let active = read(&format!("{plain}%global x %(touch /tmp/x)\n"));
    assert!(active.contains("! 3 Requires: tool-%{?flavour}") && !active.contains("gcc"), "{active}");
}

/// Files of others that look alike.
#[test]
fn a_file_of_another_kind_is_not_taken() {
    for (name, text) in [
        (".github/workflows/ci.yml", "on: push\njobs:\n  a:\n    steps:\n      - run: x\n"),
        ("compose.yaml", "services:\n  web:\n    image: nginx\n"),
        ("values.yaml", "- a\n- b\n"),
        ("Cargo.toml", "[package]\nname = \"a\"\n"),
        ("pylock.toml", "lock-version = \"1.0\"\n[[packages]]\nname = \"a\"\n"),
        ("a.xml", "<svg/>"),
        ("image.xml", "<?xml version=\"1.0\"?><!-- <comps> --><picture/>"),
        ("nginx.conf", "[Content]\nPackages=a\n"),
        ("a.service", "no section\n"),
        ("a.json", "{\"name\": \"a\"}"),
        ("a.spec", "describe('x', () => {})\n"),
        ("a.tar.gz", "no archive"),
    ] {
        assert!(kind_of(name, text.as_bytes()).is_empty(), "{name}");
    }
}
