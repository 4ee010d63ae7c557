//! The built-in images: `images/lab/build` makes them, the cache keeps them. The recipe's key names
//! the directory, so that a changed recipe never finds an old image.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use super::ImageError;
use super::dirs::cache_dir;
use muster_base::machine::Format;
use muster_base::text;

/// Building takes minutes; downloading its packages may take more.
const BUILD_DEADLINE: Duration = Duration::from_secs(3600);

/// The key of the variant's recipe: a short word that changes with anything the image is made from.
pub async fn key(root: &Path, variant: &str) -> Result<String, ImageError> {
    let failed = |reason: String| ImageError::LabBuild { variant: variant.to_owned(), reason };
    let output = builder(root, variant).arg("--print-key").output();
    let output = tokio::time::timeout(Duration::from_secs(60), output)
        .await
        .map_err(|_| failed("its key was not printed within 60 s".to_owned()))?
        .map_err(|error| failed(format!("images/lab/build in {}: {error}", root.display())))?;
    let key = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let plain =
        !key.is_empty() && key.len() <= 128 && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !output.status.success() || !plain {
        return Err(failed(text::last_words(&String::from_utf8_lossy(&output.stderr), 300)));
    }
    Ok(key)
}

/// The variants that this checkout can build.
pub fn variants(root: &Path) -> Vec<String> {
    let Ok(found) = std::fs::read_dir(root.join("images/lab/variants")) else { return Vec::new() };
    let mut names: Vec<String> = found
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".sh").map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// The name of the disk in a built image's directory.
pub fn disk_name(format: Format) -> &'static str {
    match format {
        Format::Qcow2 => "disk.qcow2",
        Format::Raw => "disk.raw",
        Format::Vhd => "disk.vhd",
        Format::Vhdx => "disk.vhdx",
        Format::Vmdk => "disk.vmdk",
        Format::Tar => "root.tar.zst",
    }
}

fn has_a_disk(dir: &Path) -> bool {
    Format::NAMES.iter().filter_map(|word| word.parse().ok()).any(|format| dir.join(disk_name(format)).is_file())
}

/// The manifest that a build writes last, as far as it proves that the build came to its end.
#[derive(serde::Deserialize)]
struct Manifest {
    schema: String,
    variant: String,
    key: String,
}

/// Bytes of a manifest, at most.
const MANIFEST_BYTES: u64 = 64 << 10;

/// Whether the directory holds what the recipe's key names: a manifest that says so, and a disk.
fn is_whole(dir: &Path, variant: &str, key: &str) -> bool {
    use std::io::Read;
    let mut text = Vec::new();
    let read = std::fs::File::open(dir.join("manifest.json"))
        .and_then(|file| file.take(MANIFEST_BYTES).read_to_end(&mut text));
    let manifest = read.ok().and_then(|_| serde_json::from_slice::<Manifest>(&text).ok());
    manifest.is_some_and(|of| of.schema.starts_with("muster-lab-image/") && of.variant == variant && of.key == key)
        && has_a_disk(dir)
}

/// The directory of the built image, with `manifest.json` and a disk called as [`disk_name`] says;
/// `None` when it has not been built from this recipe, or what was built is damaged.
pub async fn find(root: &Path, variant: &str) -> Result<Option<PathBuf>, ImageError> {
    let Some(cache) = cache_dir() else { return Ok(None) };
    let key = key(root, variant).await?;
    let dir = cache.join("images").join(format!("{variant}-{key}"));
    Ok(is_whole(&dir, variant, &key).then_some(dir))
}

/// Builds the image, or finds it built. Each line the recipe says on stderr goes to `progress`,
/// escaped and bounded.
pub async fn build(root: &Path, variant: &str, mut progress: impl FnMut(&str)) -> Result<PathBuf, ImageError> {
    let failed = |reason: String| ImageError::LabBuild { variant: variant.to_owned(), reason };
    let mut child = builder(root, variant)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("images/lab/build in {}: {error}", root.display())))?;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(failed("its output could not be read".to_owned()));
    };
    let mut last = String::new();
    let work = async {
        let said = async {
            let mut said = Vec::new();
            stdout.take(1 << 20).read_to_end(&mut said).await.map(|_| said)
        };
        let talk = async {
            let mut lines = BufReader::new(stderr).split(b'\n');
            while let Some(line) = lines.next_segment().await? {
                last = text::one_line(&String::from_utf8_lossy(&line), 300);
                progress(&last);
            }
            Ok::<_, std::io::Error>(())
        };
        let (said, talk) = tokio::join!(said, talk);
        talk?;
        Ok::<_, std::io::Error>((said?, child.wait().await?))
    };
    let (said, status) = tokio::time::timeout(BUILD_DEADLINE, work)
        .await
        .map_err(|_| failed(format!("it did not end within {} s", BUILD_DEADLINE.as_secs())))?
        .map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        return Err(failed(format!("{status}: {last}")));
    }
    let dir = PathBuf::from(String::from_utf8_lossy(&said).lines().last().unwrap_or_default());
    if !dir.is_absolute() || !has_a_disk(&dir) {
        return Err(failed("it ended well but printed no directory with a disk".to_owned()));
    }
    Ok(dir)
}

fn builder(root: &Path, variant: &str) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(root.join("images/lab/build"));
    command.args(["--variant", variant]).stdin(Stdio::null()).kill_on_drop(true);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_manifest_is_not_a_built_image() {
        let dir = tempfile::tempdir().unwrap();
        let say = |text: &str| std::fs::write(dir.path().join("manifest.json"), text).unwrap();
        let whole = r#"{"schema": "muster-lab-image/v1", "variant": "lab", "key": "abc", "packages": 259}"#;
        say(whole);
        assert!(!is_whole(dir.path(), "lab", "abc"), "no disk");
        std::fs::write(dir.path().join("disk.qcow2"), "x").unwrap();
        assert!(is_whole(dir.path(), "lab", "abc"));
        for damaged in ["", "{", &whole[..40], &whole.replace("abc", "abd"), &whole.replace("lab\"", "lax\""), "[]"] {
            say(damaged);
            assert!(!is_whole(dir.path(), "lab", "abc"), "{damaged}");
        }
    }
}
