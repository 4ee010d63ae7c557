//! Files that the tests of a suite read: what is uploaded, what boots are compared with. A suite with other ones is another suite,
//! so that its digest has what they contain.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};

use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::source::unreadable;

/// The files, each with the most bytes that are read of it.
#[derive(Default)]
pub(crate) struct DataFiles(BTreeMap<Utf8PathBuf, u64>);

impl DataFiles {
    /// Adds a file that is there. Its name may come several times, from each combination of a matrix.
    pub(super) fn add(&mut self, path: &Utf8Path, limit: u64) {
        self.0.insert(path.to_owned(), limit);
    }

    /// Where they are.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Utf8PathBuf> {
        self.0.keys()
    }

    /// Adds the files to a suite's digest: of each its name in the suite's directory, and the SHA-256 of what it contains. A suite
    /// without any has the digest of its text alone. `suite` is its file, as it is shown.
    pub(super) fn digest(self, dir: &Utf8Path, suite: &Arc<str>, digest: &mut Sha256, sink: &mut Diagnostics) {
        for (path, limit) in self.0 {
            let name = path.strip_prefix(dir).unwrap_or(&path);
            match sha256(&path, limit) {
                // No text of a suite has a zero byte.
                Ok(Some(of)) => digest.update([b"\0".as_slice(), name.as_str().as_bytes(), b"\0", &of].concat()),
                Ok(None) => {
                    let message = format!("`{}` has grown beyond {limit} bytes", shown(name));
                    sink.push(Diagnostic::about_file(codes::BAD_INCLUDE, suite, message));
                }
                Err(error) => sink.push(unreadable(&shown(name).into(), &error)),
            }
        }
    }
}

fn shown(name: &Utf8Path) -> String {
    muster_base::text::one_line(name.as_str(), 120)
}

/// Of the whole file; none where it is longer than that. Errors are without the path: whoever reports them names the file.
pub(super) fn sha256(path: &Utf8Path, limit: u64) -> std::io::Result<Option<[u8; 32]>> {
    let (length, digest) = muster_base::files::sha256(std::fs::File::open(path)?.take(limit + 1))?;
    Ok((length <= limit).then_some(digest))
}
