//! Where muster keeps what it can make or fetch again.

use std::path::PathBuf;

/// Where built and fetched images are kept: `$MUSTER_CACHE`, else `$XDG_CACHE_HOME/muster`, else
/// `~/.cache/muster`. `None` when none of the three variables is set. Creates nothing.
pub fn cache_dir() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("MUSTER_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").filter(|path| path.is_absolute()).map(|path| path.join("muster")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/muster")))
}
