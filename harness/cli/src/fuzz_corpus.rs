//! What the fuzzer once found interesting, read again in every run of the unit tests: no cargo-fuzz
//! and no nightly compiler is needed for that. `ci/fuzz` looks for more.

#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "a library of its own for the fuzzer")]
mod targets;

fn replay(target: &str, run: fn(&[u8])) {
    let dir = camino::Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut files: Vec<_> = dir.read_dir_utf8().unwrap().map(|entry| entry.unwrap().path().to_owned()).collect();
    files.sort();
    assert!(files.len() >= 20, "{} files in {dir}", files.len());
    for file in files {
        let data = fs_err::read(&file).unwrap();
        // The name is known only here; the test's output shows the last one before the failure.
        let name = file.file_name().unwrap_or_default().to_owned();
        if std::panic::catch_unwind(|| run(&data)).is_err() {
            panic!("{target}: corpus file {name} fails, see above");
        }
    }
}

#[test]
fn hostile_files_of_the_corpus_are_decoded_alike_and_shown_escaped() {
    replay("decode", targets::decode);
}

#[test]
fn conditions_and_globs_of_the_corpus_are_coherent() {
    replay("condition", targets::condition);
}

#[test]
fn matchers_of_the_corpus_evaluate_without_contradicting_themselves() {
    replay("matcher", targets::matcher);
}

#[test]
fn frames_of_the_corpus_come_apart_however_they_are_cut() {
    replay("frame", targets::frame);
}

#[test]
fn certificates_of_the_corpus_are_refused_and_never_read_in_two_ways() {
    replay("certificate", targets::certificate);
}
