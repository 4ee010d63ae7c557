//! The shipped suites behind libtest's interface: `cargo test --test conformance`, `cargo nextest
//! run -E 'binary(conformance)'`, and the run buttons of editors.
//!
//! `MUSTER_IMAGE` names the image (default `lab`), `MUSTER_SUITES` other suites. One process boots
//! one machine and asks all its trials of it. A skip counts as a pass here, because libtest has no
//! other word for it: reports for people come from `muster run`.

fn main() -> std::process::ExitCode {
    // Tests are started in the package's directory; everything here is relative to the checkout.
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    if let Err(cause) = std::env::set_current_dir(&root) {
        panic!("cannot go to {}: {cause}", root.display());
    }
    muster::trials::main(libtest_mimic::Arguments::from_args())
}
