//! The steps that move files: `write`, `upload` and `collect`.

use std::io::Read;

use camino::Utf8Path;

use super::done::{Broken, Done};
use super::shell::shell;
use crate::clock::Clock;
use crate::driver::Live;
use crate::one_reply::one_reply;
use crate::transfer::{self, TransferError};
use muster_base::failure::{self, Failure};
use muster_base::text::{self, shell_word};
use muster_guest::{End, Request};
use muster_record::met::MetRecord;
use muster_suite::model::{Step, UPLOAD_LIMIT};

/// Files that one `collect` brings at most.
const COLLECTED_FILES: usize = 200;
/// Bytes of one collected file at most; the rest is left out, and that is said.
const COLLECTED_BYTES: usize = 16 << 20;

/// Writes a short text.
pub(super) async fn write<L: Live>(
    live: &L,
    step: &Step,
    path: &str,
    content: &str,
    mode: Option<u32>,
    clock: &Clock,
) -> Result<Done, Broken> {
    let target = shell_word(path);
    // Builtins only: the guest may have nothing but a shell. `set -C` is not used, since a suite
    // may well replace a file.
    let mut script = format!("printf %s {} >{target}", shell_word(content));
    if let Some(mode) = mode {
        script.push_str(&format!(" && chmod {mode:04o} {target}"));
    }
    let reply = shell(live, step, script, clock).await?;
    if reply.status != 0 {
        let said = text::last_words(&text::escape_bytes(&reply.stderr), 160);
        return Err(Broken::missed(Failure::new(failure::STEP_WRITE, format!("cannot write {path}: {said}"))));
    }
    Ok(Done::having([MetRecord::new("step write", &format!("writes {path}"), "written")]))
}

/// Brings a file of the host into the guest: next to its place first, under its name when it has
/// arrived whole.
pub(super) async fn upload<L: Live>(
    live: &L,
    step: &Step,
    source: &Utf8Path,
    path: &str,
    mode: Option<u32>,
    clock: &Clock,
) -> Result<Done, Broken> {
    let broken = |what: String| Broken::missed(Failure::new(failure::STEP_UPLOAD, what));
    let mut content = open(source).map_err(|why| broken(format!("cannot upload {source}: {why}")))?;
    let timeout = step.timeout.map_or(clock.left(), |limit| clock.stretch(limit));
    let sent = transfer::send_from(live, &mut content, path, mode.unwrap_or(0o644), timeout).await;
    match sent {
        Ok(sent) if sent.length > UPLOAD_LIMIT => {
            Err(broken(format!("cannot upload {source}: {}", UploadError::Grown)))
        }
        Ok(sent) => {
            let arrived = format!("{} bytes arrived", sent.length);
            Ok(Done::having([MetRecord::new("step upload", &format!("brings {source} to {path}"), &arrived)]))
        }
        Err(TransferError::Lost(failure)) => Err(Broken::lost(failure)),
        Err(why) => Err(broken(format!("cannot upload {source} to {path}: {why}"))),
    }
}

/// Why a file of this host cannot be uploaded.
#[derive(Debug, thiserror::Error)]
enum UploadError {
    #[error(transparent)]
    Read(#[from] std::io::Error),
    #[error("it is no longer a plain file")]
    NoFile,
    #[error("it has grown beyond {} MiB", UPLOAD_LIMIT >> 20)]
    Grown,
}

/// The file as it is now; it was looked at when the suite was decoded, and may have changed. It ends a byte beyond
/// the limit.
fn open(source: &Utf8Path) -> Result<impl Read + Send, UploadError> {
    let file = fs_err::File::open(source)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(UploadError::NoFile);
    }
    if metadata.len() > UPLOAD_LIMIT {
        return Err(UploadError::Grown);
    }
    Ok(file.take(UPLOAD_LIMIT + 1))
}

/// Brings files of the guest below `directory`. What is not there, or too large, is a note.
pub(super) async fn collect<L: Live>(
    live: &L,
    step: &Step,
    paths: &[String],
    dir: &Utf8Path,
    clock: &Clock,
) -> Result<Done, Broken> {
    let mut done = Done::default();
    let mut found: Vec<String> = Vec::new();
    for path in paths {
        let script = format!(
            "for f in {}; do if [ -f \"$f\" ]; then printf '%s\\0' \"$f\"; elif [ -e \"$f\" ]; then printf '%s: not a plain file\\n' \"$f\" >&2; fi; done",
            pattern(path)
        );
        let reply = shell(live, step, script, clock).await?;
        let files: Vec<&[u8]> = reply.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty()).collect();
        let odd = text::escape_bytes(&reply.stderr);
        done.remarks.extend(odd.lines().map(|line| format!("collect: {}", text::one_line(line, 200))));
        if files.is_empty() && odd.is_empty() {
            done.remarks.push(format!("collect: {path} is not there"));
        }
        for file in files {
            match std::str::from_utf8(file) {
                Ok(name) if found.iter().any(|known| known == name) => {}
                Ok(name) => found.push(name.to_owned()),
                Err(_) => done
                    .remarks
                    .push(format!("collect: the name {} is not UTF-8", text::one_line(&text::escape_bytes(file), 120))),
            }
        }
    }
    if found.len() > COLLECTED_FILES {
        done.remarks.push(format!("collect: {} files; only {COLLECTED_FILES} were brought", found.len()));
        found.truncate(COLLECTED_FILES);
    }
    for name in found {
        let remark = fetch(live, step, &name, dir, clock).await?;
        done.remarks.push(remark);
    }
    Ok(done)
}

/// Brings one file; says what came of it.
async fn fetch<L: Live>(live: &L, step: &Step, name: &str, dir: &Utf8Path, clock: &Clock) -> Result<String, Broken> {
    let timeout = step.timeout.map_or(clock.left(), |limit| clock.stretch(limit));
    let script = format!("cat -- {}", shell_word(name));
    let request = Request { script, timeout, limit: COLLECTED_BYTES };
    let shown = text::one_line(name, 160);
    let reply = one_reply(live, request, "a step").await.map_err(Broken::lost)?;
    let note = match reply.end {
        End::Exited if reply.status == 0 => "",
        End::Exited => {
            let said = text::last_words(&text::escape_bytes(&reply.stderr), 160);
            return Ok(format!("collect: {shown} cannot be read: {said}"));
        }
        End::TooMuchOutput => ", its beginning only",
        End::TimedOut => ", as far as its time allowed",
    };
    match fs_err::create_dir_all(dir).and_then(|()| keep(dir, &local_name(name), &reply.stdout)) {
        Ok(kept) if kept == local_name(name) => Ok(format!("collect: {shown} ({} bytes{note})", reply.stdout.len())),
        Ok(kept) => Ok(format!("collect: {shown} as {kept} ({} bytes{note})", reply.stdout.len())),
        Err(error) => Ok(format!("collect: {shown} cannot be saved: {error}")),
    }
}

/// Writes a file under a name that none has yet, and says which: `/a/b` and `/a.b` are both `a.b`, and one
/// file may be brought twice.
fn keep(dir: &Utf8Path, name: &str, bytes: &[u8]) -> std::io::Result<String> {
    let mut free = name.to_owned();
    let mut number = 1;
    loop {
        match fs_err::File::create_new(dir.join(&free)) {
            Ok(mut file) => return std::io::Write::write_all(&mut file, bytes).map(|()| free),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
        free = format!("{name}.{number}");
    }
}

/// A pattern of a suite as a word of the shell: only `*` and `?` mean more than themselves.
fn pattern(path: &str) -> String {
    let mut out = String::new();
    let mut plain = String::new();
    for c in path.chars() {
        if matches!(c, '*' | '?') {
            if !plain.is_empty() {
                out.push_str(&shell_word(&std::mem::take(&mut plain)));
            }
            out.push(c);
        } else {
            plain.push(c);
        }
    }
    if !plain.is_empty() {
        out.push_str(&shell_word(&plain));
    }
    out
}

/// One name for a path of the guest: `/var/log/x` is `var.log.x`, and what could mean something to
/// this host's file systems is not in it.
fn local_name(path: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let flat: String = path.trim_matches('/').replace('/', ".").chars().map(safe).collect();
    let tail: String = flat.chars().rev().take(180).collect::<Vec<_>>().into_iter().rev().collect();
    let tail = tail.trim_start_matches('.');
    if tail.is_empty() { "file" } else { tail }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_stars_and_question_marks_are_for_the_shell() {
        assert_eq!(pattern("/var/log/*.log"), "/var/log/*.log");
        assert_eq!(pattern("/a b/$(x)/?"), "'/a b/$(x)/'?");
        assert_eq!(pattern("/x['\"]"), shell_word("/x['\"]"));
    }

    #[test]
    fn a_path_of_the_guest_becomes_one_escaped_name() {
        assert_eq!(local_name("/var/log/messages"), "var.log.messages");
        assert_eq!(local_name("/../../etc/x y\n"), "etc.x_y_");
        assert_eq!(local_name("/.."), "file");
        assert_eq!(local_name(&format!("/{}", "a".repeat(400))).len(), 180);
    }

    #[test]
    fn files_whose_names_become_one_are_all_kept() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let names: Vec<String> = ["/a/b", "/a.b", "/a/b"]
            .iter()
            .map(|path| keep(dir, &local_name(path), path.as_bytes()).unwrap())
            .collect();
        assert_eq!(names, ["a.b", "a.b.2", "a.b.3"]);
        assert_eq!(std::fs::read_to_string(dir.join("a.b.2")).unwrap(), "/a.b");
        assert!(keep(&dir.join("none"), "x", b"").is_err());
    }
}
