//! Runs `qemu-img`, and whatever else reads hostile bytes, under limits: a hostile image must not take the host's memory or the run's time.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::ImageError;

/// Address space of one `qemu-img`, in bytes. Inspecting a sane image takes a tenth of it.
const ADDRESS_SPACE: u64 = 2 << 30;

/// Runs `qemu-img` with the arguments; standard output on success. With `prlimit` on the host its
/// memory and processor time are limited too; the deadline holds in any case.
pub(super) async fn qemu_img<S: AsRef<OsStr>>(
    arguments: &[S],
    image: &Path,
    deadline: Duration,
) -> Result<Vec<u8>, ImageError> {
    let (status, stdout, stderr) = qemu_img_status(arguments, image, deadline).await?;
    if status == Some(0) {
        return Ok(stdout);
    }
    Err(failed(image, &stderr))
}

/// The same, with its exit status (`None` when it was killed) and standard error.
pub(super) async fn qemu_img_status<S: AsRef<OsStr>>(
    arguments: &[S],
    image: &Path,
    deadline: Duration,
) -> Result<(Option<i32>, Vec<u8>, Vec<u8>), ImageError> {
    match run(limited("qemu-img", ADDRESS_SPACE, deadline), arguments, deadline).await {
        // prlimit answers 127 when it finds no qemu-img.
        Ok(output) if output.status.code() == Some(127) => Err(ImageError::ToolMissing { tool: "qemu-img".to_owned() }),
        Ok(output) => Ok((output.status.code(), output.stdout, output.stderr)),
        Err(error) => Err(missing("qemu-img", image, error)),
    }
}

/// A command that runs the program with so much address space and processor time, through `prlimit`
/// where the host has it. It answers 127 when there is no such program.
pub(super) fn limited(program: &str, address_space: u64, deadline: Duration) -> tokio::process::Command {
    if !muster_base::files::on_path("prlimit") {
        return tokio::process::Command::new(program);
    }
    let mut command = tokio::process::Command::new("prlimit");
    command
        .arg(format!("--as={address_space}"))
        .arg(format!("--cpu={}", deadline.as_secs().max(1)))
        .args(["--core=0", "--", program]);
    command
}

/// The error for a program that could not be started.
pub(super) fn missing(program: &str, image: &Path, error: std::io::Error) -> ImageError {
    match error.kind() {
        std::io::ErrorKind::NotFound => ImageError::ToolMissing { tool: program.to_owned() },
        _ => ImageError::Tool { tool: program.to_owned(), path: image.to_owned(), reason: error.to_string() },
    }
}

/// What a program wrote to its stderr, which was this file: the beginning, escaped, on one line.
pub(super) fn cli_error(stderr: &mut std::fs::File) -> String {
    use std::io::{Read, Seek, SeekFrom};
    let mut said = Vec::new();
    let _ = stderr.seek(SeekFrom::Start(0)).and_then(|_| stderr.take(4096).read_to_end(&mut said));
    match muster_base::text::one_line(&String::from_utf8_lossy(&said), 300) {
        nothing if nothing.is_empty() => "it said nothing".to_owned(),
        words => words,
    }
}

/// The error for an unsuccessful `qemu-img`, from its words.
pub(super) fn failed(image: &Path, stderr: &[u8]) -> ImageError {
    let said = String::from_utf8_lossy(stderr);
    if said.contains("Failed to get") && said.contains("lock") {
        return ImageError::Busy { path: image.to_owned() };
    }
    let words = muster_base::text::last_words(&said, 300);
    let reason = if words.is_empty() { "it said nothing".to_owned() } else { words };
    ImageError::Tool { tool: "qemu-img".to_owned(), path: image.to_owned(), reason }
}

async fn run<S: AsRef<OsStr>>(
    mut command: tokio::process::Command,
    arguments: &[S],
    deadline: Duration,
) -> std::io::Result<std::process::Output> {
    command.args(arguments).env("LC_ALL", "C").stdin(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(deadline, command.output()).await {
        Ok(output) => output,
        Err(_) => Err(std::io::Error::other(format!("it did not end within {} s", deadline.as_secs()))),
    }
}
