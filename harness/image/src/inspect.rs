//! Is this file what it is said to be, and safe to boot? Our own reading of the header first, then
//! `qemu-img info` and `check` under limits, the format always explicit.

use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::compression::Compression;
use super::header::{self, Ends, Trouble};
use super::magic::{self, Magic};
use super::{ImageError, ImageSpec, tool};
use muster_base::machine::Format;

/// What an inspection allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of virtual size.
    pub virtual_size: u64,
    /// Whether the path itself may be a symbolic link.
    pub symlink: bool,
    /// For each call of `qemu-img`.
    pub deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { virtual_size: ImageSpec::MAX_VIRTUAL_SIZE, symlink: false, deadline: Duration::from_secs(60) }
    }
}

/// An image that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Absolute.
    pub path: PathBuf,
    /// As stated, and confirmed by its bytes.
    pub format: Format,
    /// What the guest will see, in bytes.
    pub virtual_size: u64,
    /// Length of the file in bytes.
    pub actual_size: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Info {
    format: String,
    virtual_size: u64,
    backing_filename: Option<String>,
    #[serde(default)]
    encrypted: bool,
    format_specific: Option<Specific>,
}

#[derive(Deserialize)]
struct Specific {
    #[serde(default)]
    data: serde_json::Value,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct Checked {
    corruptions: u64,
    check_errors: u64,
}

/// The format of a file by its magic bytes, for a caller who was not told. A name that promises another format is an error,
/// as is a file that is no disk at all.
async fn detect(path: &Path) -> Result<Format, ImageError> {
    let (_, head, tail, length) = ends(path.to_owned(), true).await?;
    if length == 0 {
        return Err(ImageError::Empty { path: path.to_owned() });
    }
    let ends = Ends { head: &head, tail: &tail, length };
    let magic = magic::of(&ends);
    if let Some(error) = magic.and_then(|magic| no_disk(magic, path)) {
        return Err(error);
    }
    let found = header::format_of(&ends);
    match promised(path) {
        Some(named) if named != found => Err(misnamed(path, named, found, magic, &ends)),
        _ => Ok(found),
    }
}

/// The error for a file that bears this mark, unless it is a format that muster starts.
fn no_disk(magic: &Magic, path: &Path) -> Option<ImageError> {
    let advice = magic.advice(path)?;
    Some(ImageError::NoDisk { path: path.to_owned(), what: magic.name, advice })
}

fn end(path: &Path) -> String {
    path.extension().and_then(|end| end.to_str()).unwrap_or_default().to_ascii_lowercase()
}

/// The format that a name promises. `.img` promises none: many distributions call their qcow2 disks so.
fn promised(path: &Path) -> Option<Format> {
    match end(path).as_str() {
        "vpc" => Some(Format::Vhd),
        "img" | "bin" | "dd" => None,
        end => end.parse().ok(),
    }
}

fn misnamed(path: &Path, named: Format, found: Format, magic: Option<&Magic>, ends: &Ends<'_>) -> ImageError {
    let name = path.display();
    let (says, driver) = match magic {
        Some(magic) => (format!("its bytes are those of {}", magic.name), found.driver()),
        None if named == Format::Vhd && header::lost_its_cookie(ends.tail) => (
            "the footer at its end does not begin with `conectix`: the file is damaged, or was changed by hand"
                .to_owned(),
            "raw",
        ),
        None if named == Format::Vhd => {
            ("the footer that every VHD ends with is missing: it is cut short, or a raw disk".to_owned(), "raw")
        }
        None => ("its bytes are those of no format, as a raw disk's are".to_owned(), "raw"),
    };
    let made = path.with_extension(format!("new.{}", end(path)));
    let options = if named == Format::Vhd { " -o subformat=fixed,force_size=on" } else { "" };
    let advice = match named {
        Format::Tar => "name it after what it is, or state its format".to_owned(),
        _ => format!(
            "fetch or make it again, as with `qemu-img convert -f {driver} -O {}{options} {name} {}`, or state its format",
            named.driver(),
            made.display()
        ),
    };
    ImageError::Misnamed { path: path.to_owned(), named, found: says, advice }
}

/// The format of a file for a caller who was not told, and what it was recognised by; say so to the person.
/// A packed file is recognised by its name, since its bytes say only how it is packed.
pub async fn guess(path: &Path) -> Result<(Format, &'static str), ImageError> {
    let (by_name, by_bytes) = ("by its name", "by its first bytes");
    if path.join("oci-layout").is_file() {
        return Ok((Format::Tar, "by the oci-layout in it"));
    }
    match (end(path).as_str(), Compression::of_name(path)) {
        // WSL's own files are packed tars.
        ("wsl" | "tgz" | "txz" | "tzst" | "tbz2", _) => Ok((Format::Tar, by_name)),
        (_, None) => Ok((detect(path).await?, by_bytes)),
        (_, Some(_)) => {
            let inner = path.with_extension("");
            let format = match end(&inner).as_str() {
                "img" | "bin" | "dd" => Some(Format::Raw),
                _ => promised(&inner),
            };
            format.map(|format| (format, by_name)).ok_or_else(|| ImageError::Unnamed { path: path.to_owned() })
        }
    }
}

/// Refuses what is to be a tar and bears the mark of something else. `plain` is what was packed in the file of that path.
pub(super) fn is_tar(path: &Path, plain: &std::fs::File) -> Result<(), ImageError> {
    use std::os::unix::fs::FileExt;
    let io = |source| ImageError::Io { path: path.to_owned(), source };
    let length = plain.metadata().map_err(io)?.len();
    if length == 0 {
        return Err(ImageError::Empty { path: path.to_owned() });
    }
    let (mut head, mut tail) = (vec![0; header::WINDOW], [0; 512]);
    let count = plain.read_at(&mut head, 0).map_err(io)?;
    head.truncate(count);
    let count = plain.read_at(&mut tail, length.saturating_sub(512)).map_err(io)?;
    match magic::of(&Ends { head: &head, tail: &tail[..count], length }) {
        None => Ok(()),
        Some(magic) => match magic.kind {
            magic::MagicKind::Known(Format::Tar) => Ok(()),
            magic::MagicKind::Known(found) => {
                Err(ImageError::WrongFormat { path: path.to_owned(), stated: Format::Tar, found })
            }
            _ => no_disk(magic, path).map_or(Ok(()), Err),
        },
    }
}

/// The absolute path of a plain file that can be opened; its contents are not looked at.
pub(super) async fn plain_file(path: &Path, symlink: bool) -> Result<PathBuf, ImageError> {
    ends(path.to_owned(), symlink).await.map(|(path, ..)| path)
}

/// Inspects the file as the stated format. Refuses what is not a plain file, is another format,
/// reaches for other files, is encrypted, truncated, corrupt or larger than allowed.
pub async fn inspect(path: &Path, stated: Format, limits: &Limits) -> Result<Inspected, ImageError> {
    let (path, head, tail, length) = ends(path.to_owned(), limits.symlink).await?;
    if length == 0 {
        return Err(ImageError::Empty { path });
    }
    let ends = Ends { head: &head, tail: &tail, length };
    let magic = magic::of(&ends);
    // A disc may be a disk as well, for whoever states it; nothing else that bears a mark is one.
    if let Some(magic) = magic.filter(|magic| magic.kind != magic::MagicKind::Disc || stated != Format::Raw)
        && let Some(error) = no_disk(magic, &path)
    {
        return Err(error);
    }
    let found = header::format_of(&ends);
    if found != stated {
        return Err(ImageError::WrongFormat { path, stated, found });
    }
    let reported = header::examine(stated, &ends).map_err(|trouble| refused(&path, stated, trouble))?;
    if let Some(size) = reported.filter(|size| *size > limits.virtual_size) {
        return Err(ImageError::TooLarge { path, size, limit: limits.virtual_size });
    }
    if stated == Format::Vhdx && vhdx_has_parent(&path).await? {
        return Err(ImageError::BackingFile { name: "the parent of a differencing VHDX".to_owned(), path });
    }
    let info = info(&path, stated, limits).await?;
    if let Some(name) = info.backing_filename {
        return Err(ImageError::BackingFile { name: muster_base::text::one_line(&name, 200), path });
    }
    if let Some(name) = info.format_specific.as_ref().and_then(|specific| foreign_file(&specific.data, &path)) {
        return Err(ImageError::DataFile { name: muster_base::text::one_line(&name, 200), path });
    }
    if info.encrypted {
        return Err(ImageError::Encrypted { path });
    }
    if info.virtual_size > limits.virtual_size {
        return Err(ImageError::TooLarge { path, size: info.virtual_size, limit: limits.virtual_size });
    }
    if matches!(stated, Format::Qcow2 | Format::Vmdk | Format::Vhdx) {
        check(&path, stated, limits).await?;
    }
    Ok(Inspected { path, format: stated, virtual_size: info.virtual_size, actual_size: length })
}

async fn vhdx_has_parent(path: &Path) -> Result<bool, ImageError> {
    use std::os::unix::fs::FileExt;
    let file = super::compress::open(path)?;
    let read = move |at: u64, length: usize| {
        let mut bytes = vec![0; length];
        let count = file.read_at(&mut bytes, at).ok()?;
        bytes.truncate(count);
        Some(bytes)
    };
    tokio::task::spawn_blocking(move || header::vhdx_has_parent(read))
        .await
        .map_err(|error| ImageError::Io { path: path.to_owned(), source: std::io::Error::other(error) })
}

async fn info(path: &Path, stated: Format, limits: &Limits) -> Result<Info, ImageError> {
    let unreadable = |reason: String| ImageError::Unreadable { path: path.to_owned(), format: stated, reason };
    let mut arguments: Vec<std::ffi::OsString> =
        ["info", "--output=json", "-f", stated.driver()].map(Into::into).into();
    arguments.push(path.into());
    let stdout = tool::qemu_img(&arguments, path, limits.deadline).await.map_err(|error| match error {
        ImageError::Tool { reason, .. } => unreadable(reason),
        other => other,
    })?;
    let info: Info = serde_json::from_slice(&stdout).map_err(|error| unreadable(format!("qemu-img info: {error}")))?;
    if info.format != stated.driver() {
        return Err(unreadable(format!("qemu-img calls it `{}`", muster_base::text::one_line(&info.format, 40))));
    }
    Ok(info)
}

/// A cut file reads as zeros where its clusters are missing, which a guest may notice late or never:
/// the reference counts tell at once.
async fn check(path: &Path, stated: Format, limits: &Limits) -> Result<(), ImageError> {
    let mut arguments: Vec<std::ffi::OsString> =
        ["check", "--output=json", "-f", stated.driver()].map(Into::into).into();
    arguments.push(path.into());
    let (status, stdout, stderr) = tool::qemu_img_status(&arguments, path, limits.deadline).await?;
    let checked: Checked = serde_json::from_slice(&stdout).unwrap_or_default();
    // 0 is clean, 3 is leaked clusters (wasteful, harmless), 63 is a format without a check.
    if matches!(status, Some(0 | 3 | 63)) && checked.corruptions == 0 && checked.check_errors == 0 {
        return Ok(());
    }
    if status != Some(2)
        && let busy @ ImageError::Busy { .. } = tool::failed(path, &stderr)
    {
        return Err(busy);
    }
    let words = muster_base::text::last_words(&String::from_utf8_lossy(&stderr), 200);
    let reason = match checked.corruptions {
        0 => format!("qemu-img check could not confirm it: {words}"),
        count => format!("qemu-img check finds {count} corruptions, as in a truncated copy"),
    };
    Err(ImageError::Unreadable { path: path.to_owned(), format: stated, reason })
}

/// A file other than the image itself that its data comes from: qcow2 `data-file`, VMDK extents.
fn foreign_file(data: &serde_json::Value, path: &Path) -> Option<String> {
    if let Some(name) = data.get("data-file").and_then(|name| name.as_str()) {
        return Some(name.to_owned());
    }
    let extents = data.get("extents").and_then(|extents| extents.as_array())?;
    extents
        .iter()
        .filter_map(|extent| extent.get("filename").and_then(|name| name.as_str()))
        .find(|name| Path::new(name) != path)
        .map(str::to_owned)
}

fn refused(path: &Path, format: Format, trouble: Trouble) -> ImageError {
    let path = path.to_owned();
    match trouble {
        Trouble::Backing(name) => ImageError::BackingFile { path, name },
        Trouble::DataFile(name) => ImageError::DataFile { path, name },
        Trouble::Encrypted => ImageError::Encrypted { path },
        Trouble::Snapshots => ImageError::Snapshots { path },
        Trouble::Broken(reason) => ImageError::Unreadable { path, format, reason },
    }
}

/// Absolute path, first and last bytes, length. Opening never blocks on a FIFO and never follows a
/// final symbolic link unless that is allowed.
async fn ends(path: PathBuf, symlink: bool) -> Result<(PathBuf, Vec<u8>, Vec<u8>, u64), ImageError> {
    let at = path.clone();
    let read = move || -> Result<_, ImageError> {
        let io = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
                ImageError::Missing { path: path.clone() }
            }
            _ => ImageError::Io { path: path.clone(), source },
        };
        let plain = if symlink { std::fs::metadata(&path) } else { std::fs::symlink_metadata(&path) }.map_err(io)?;
        if let Some(kind) = not_a_file(&plain.file_type()) {
            return Err(ImageError::NotAFile { path: path.clone(), kind });
        }
        let absolute = if symlink { std::fs::canonicalize(&path) } else { std::path::absolute(&path) }.map_err(io)?;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let mut file =
            std::fs::OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(&absolute).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if let Some(kind) = not_a_file(&metadata.file_type()) {
            return Err(ImageError::NotAFile { path: path.clone(), kind });
        }
        let length = metadata.len();
        let mut head = Vec::new();
        file.by_ref().take(header::WINDOW as u64).read_to_end(&mut head).map_err(io)?;
        file.seek(SeekFrom::Start(length.saturating_sub(512))).map_err(io)?;
        let mut tail = Vec::new();
        file.by_ref().take(512).read_to_end(&mut tail).map_err(io)?;
        Ok((absolute, head, tail, length))
    };
    tokio::task::spawn_blocking(read)
        .await
        .unwrap_or_else(|error| Err(ImageError::Io { path: at, source: std::io::Error::other(error) }))
}

fn not_a_file(kind: &std::fs::FileType) -> Option<&'static str> {
    if kind.is_file() {
        None
    } else if kind.is_symlink() {
        Some("a symbolic link")
    } else if kind.is_dir() {
        Some("a directory")
    } else if kind.is_block_device() || kind.is_char_device() {
        Some("a device")
    } else {
        Some("a pipe or socket")
    }
}

#[cfg(test)]
mod tests;
