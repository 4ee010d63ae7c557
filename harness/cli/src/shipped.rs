//! What the program carries with it: suites, proofs, snapshots, image descriptions and the recipes of the lab images. Where
//! neither a checkout nor a share directory is, they are unpacked into the cache, once for each content.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use camino::Utf8PathBuf;
use sha2::{Digest as _, Sha256};

use super::error::CliError;

/// Path below the root, whether it is a program, and content.
type File = (&'static str, bool, &'static [u8]);

const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

/// Whether a file of this path below the root has this content.
pub(super) fn has(path: &str, content: &[u8]) -> bool {
    FILES.iter().any(|(name, _, carried)| *name == path && *carried == content)
}

/// The directory with all of it, which is made when it is not there yet.
pub(super) fn unpacked() -> Result<Utf8PathBuf, CliError> {
    let failed = |what: String| {
        CliError::infrastructure(format!("the suites that muster carries cannot be unpacked: {what}"))
            .hint("set MUSTER_CACHE to a directory that can be written, or MUSTER_ROOT to a checkout of muster")
    };
    let cache = muster_image::cache_dir().ok_or_else(|| failed("neither HOME nor MUSTER_CACHE is set".to_owned()))?;
    let path =
        unpack_below(&cache.join("share")).map_err(|(path, error)| failed(format!("{}: {error}", path.display())))?;
    Utf8PathBuf::from_path_buf(path).map_err(|path| failed(format!("{} is not valid UTF-8", path.display())))
}

/// Unpacks below a directory. What is there under the name of the content is whole: it came by one rename.
fn unpack_below(share: &Path) -> Result<PathBuf, (PathBuf, io::Error)> {
    let there = share.join(name());
    if there.is_dir() {
        return Ok(there);
    }
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| (path, error)
    };
    std::fs::create_dir_all(share).map_err(at(share))?;
    let fresh = tempfile::Builder::new().prefix(".unpacking-").tempdir_in(share).map_err(at(share))?;
    std::fs::set_permissions(fresh.path(), PermissionsExt::from_mode(0o755)).map_err(at(share))?;
    for (name, runs, content) in FILES {
        let path = fresh.path().join(name);
        if let Some(above) = path.parent() {
            std::fs::create_dir_all(above).map_err(at(above))?;
        }
        std::fs::write(&path, content).map_err(at(&path))?;
        let mode = if *runs { 0o755 } else { 0o644 };
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).map_err(at(&path))?;
    }
    match std::fs::rename(fresh.path(), &there) {
        // Another muster was faster; its content has the same name.
        Err(_) if there.is_dir() => Ok(there),
        Err(error) => Err((there, error)),
        Ok(()) => {
            // The directory has its last name: nothing is left to be removed.
            let _ = fresh.keep();
            Ok(there)
        }
    }
}

/// The name of this content: the version, and a digest over names, modes and bytes.
fn name() -> String {
    let mut digest = Sha256::new();
    for (name, runs, content) in FILES {
        digest.update(format!("{name}\n{runs} {}\n", content.len()));
        digest.update(content);
    }
    format!("{}-{}", env!("CARGO_PKG_VERSION"), &muster_base::text::hex(digest.finalize())[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_a_checkout_has_is_unpacked_once() {
        let place = tempfile::tempdir().unwrap();
        let first = unpack_below(place.path()).unwrap();
        for name in ["suites/base.yaml", "suites/proofs/base.yaml", "images/lab.yaml", "ci/install-deps"] {
            assert!(first.join(name).is_file(), "{name}");
        }
        let mode = |name: &str| first.join(name).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("images/lab/build"), mode("suites/base.yaml")), (0o755, 0o644));
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for (name, ..) in FILES {
            assert_eq!(std::fs::read(first.join(name)).unwrap(), std::fs::read(checkout.join(name)).unwrap(), "{name}");
        }
        std::fs::write(first.join("mark"), "").unwrap();
        assert_eq!(unpack_below(place.path()).unwrap(), first);
        assert!(first.join("mark").exists(), "it was unpacked again");
        assert_eq!(place.path().read_dir().unwrap().count(), 1, "something is left over");
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        std::fs::write(&file, "").unwrap();
        let (path, _) = unpack_below(&file.join("share")).unwrap_err();
        assert!(path.starts_with(&file), "{}", path.display());
    }

    include!("../built_from.rs");

    #[test]
    fn a_build_differs_from_its_commit_by_any_file_that_it_has() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        let run = |arguments: &[&str]| assert!(git(root, arguments).is_some(), "git {arguments:?}");
        std::fs::create_dir_all(root.join("suites")).unwrap();
        for (name, text) in [("suites/a.yaml", "a"), (".gitignore", "*.swp\n"), ("notes", "n")] {
            std::fs::write(root.join(name), text).unwrap();
        }
        run(&["init", "-q"]);
        run(&["add", "."]);
        run(&["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "--no-gpg-sign", "-m", "all"]);
        let built_in = ["suites/a.yaml"].map(PathBuf::from);
        assert!(!differs(root, &built_in));
        // What is not built in is no matter; what is must be git's, be it ignored.
        for name in ["scratch", "suites/b.yaml", "suites/c.swp"] {
            std::fs::write(root.join(name), "x").unwrap();
            assert!(!differs(root, &built_in), "{name}");
        }
        for name in ["suites/b.yaml", "suites/c.swp"] {
            assert!(differs(root, &[built_in[0].clone(), PathBuf::from(name)]), "{name}");
        }
        std::fs::write(root.join("notes"), "other").unwrap();
        assert!(differs(root, &built_in), "a file of git's was written to");
        std::fs::remove_dir_all(root.join(".git")).unwrap();
        assert!(differs(root, &built_in), "git says nothing");
    }
}
