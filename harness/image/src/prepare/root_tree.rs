//! What an archive holds, kept in the cache next to the disk that was made of it, so that a later run need not read the archive.

use std::io::Write as _;

use crate::ImageError;
use crate::cache::Slot;
use muster_record::root_tree::RootTree;

/// Changes whenever something else is read of an archive.
pub(super) const RECIPE: u32 = 2;

/// What was kept, when it is there and as it was.
pub(super) async fn kept(slot: &Slot) -> Option<RootTree> {
    let made = slot.find().await?;
    serde_json::from_slice(&std::fs::read(made.path).ok()?).ok()
}

/// Keeps it.
pub(super) async fn keep(slot: &Slot, tree: &RootTree) -> Result<(), ImageError> {
    let unusable = |source| ImageError::Cache { path: slot.dir().to_owned(), source };
    let mut file = slot.temporary()?;
    let text = serde_json::to_vec(tree).map_err(|error| unusable(error.into()))?;
    file.write_all(&text).map_err(unusable)?;
    slot.publish(file.into_temp_path(), None).await.map(drop)
}
