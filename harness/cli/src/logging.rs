//! The log, for bug reports: off unless `MUSTER_LOG`, `MUSTER_LOG_FILE` or `-vv` asks for it. Every line is escaped
//! and bounded here, whatever a guest put into it.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

use super::error::CliError;
use muster_base::text::one_line;

/// What is logged: directives of tracing's `EnvFilter`, such as `debug` or `muster_qemu=trace`.
pub(crate) const FILTER: &str = "MUSTER_LOG";
/// Where it goes instead of stderr.
pub(crate) const FILE: &str = "MUSTER_LOG_FILE";
/// What `-vv`, or a file without a filter, logs.
const USUAL: &str = "muster=debug";
/// Characters of a line at most.
const LONGEST: usize = 8192;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    filter: String,
    file: Option<String>,
}

impl Wanted {
    /// Of this process; `None` is no log.
    pub(crate) fn of_process(verbose: u8) -> Option<Self> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self::of(verbose, set(FILTER), set(FILE))
    }

    fn of(verbose: u8, filter: Option<String>, file: Option<String>) -> Option<Self> {
        (verbose > 1 || filter.is_some() || file.is_some())
            .then(|| Self { filter: filter.unwrap_or_else(|| USUAL.to_owned()), file })
    }

    /// Whether it shares the terminal with the view of what goes on.
    pub(crate) fn is_on_stderr(&self) -> bool {
        self.file.is_none()
    }

    /// Begins to log, until the process ends.
    pub(crate) fn start(&self) -> Result<(), CliError> {
        let wrong = |why: &str| {
            CliError::invalid(format!("{FILTER} is `{}`: {why}", one_line(&self.filter, 200)))
                .hint("a level (error, warn, info, debug, trace), or MODULE=LEVEL,…: muster_qemu=trace")
        };
        if let Some(word) = self.filter.split(',').map(str::trim).find(|word| !is_directive(word)) {
            let word = one_line(word, 60);
            return Err(wrong(&format!("`{word}` is no level; for a module write `{word}=trace`")));
        }
        let filter = EnvFilter::try_new(&self.filter).map_err(|error| wrong(&error.to_string()))?;
        let out: Box<dyn Write + Send> = match &self.file {
            None => Box::new(io::stderr()),
            Some(path) => Box::new(append(path).map_err(|cause| {
                CliError::invalid(format!("{FILE} is `{}`: {cause}", one_line(path, 300)))
                    .hint("name a file that can be written")
            })?),
        };
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(false)
            .with_writer(Mutex::new(Escaped(out)))
            .finish();
        // Only tests have one already.
        let _ = tracing::subscriber::set_global_default(subscriber);
        tracing::info!(version = env!("MUSTER_VERSION"), arguments = ?std::env::args().skip(1).collect::<Vec<_>>());
        Ok(())
    }
}

/// Whether a part of a filter logs what it says. `EnvFilter` takes any word for the name of a module, so that `warning` would log
/// nothing.
fn is_directive(part: &str) -> bool {
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = levels.iter().any(|level| level.eq_ignore_ascii_case(part));
    // Numbers are levels to it; a span stands in brackets.
    let is_other = part.is_empty() || part.bytes().all(|b| b.is_ascii_digit()) || part.contains(['=', '[']);
    is_level || is_other || part.starts_with("muster") || part.contains("::")
}

/// Readable by its owner alone: it names hosts, users and paths.
fn append(path: &str) -> io::Result<File> {
    File::options().append(true).create(true).mode(0o600).open(path)
}

/// Passes on each event, which is one write, as one line without control characters.
struct Escaped<W>(W);

impl<W: Write> Write for Escaped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line = one_line(text.trim_end_matches('\n'), LONGEST) + "\n";
        // A log that cannot be written is no reason to fail a run.
        let _ = self.0.write_all(line.as_bytes());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_off_unless_something_asks_for_it() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(Wanted::of(0, None, None), None);
        assert_eq!(Wanted::of(1, None, None), None);
        assert_eq!(Wanted::of(2, None, None).unwrap().filter, USUAL);
        let of_file = Wanted::of(0, None, text("log")).unwrap();
        assert!(of_file.filter == USUAL && !of_file.is_on_stderr());
        assert_eq!(Wanted::of(2, text("trace"), None).unwrap().filter, "trace");
        let wrong = Wanted::of(0, text("muster=loud"), None).unwrap().start().unwrap_err();
        assert!(wrong.what.contains("MUSTER_LOG is `muster=loud`"), "{}", wrong.what);
        for word in ["warning", "verbose", "russh", "muster=debug,loud"] {
            let wrong = Wanted::of(0, text(word), None).unwrap().start().unwrap_err();
            let last = word.rsplit(',').next().unwrap();
            let said = format!(": `{last}` is no level; for a module write `{last}=trace`");
            assert!(wrong.what.ends_with(&said) && is_directive(&format!("{last}=trace")), "{}", wrong.what);
        }
        for word in ["warn", "DEBUG", "muster_qemu", "muster_qemu=trace,info", "russh::client", "3"] {
            assert!(word.split(',').all(is_directive), "{word}");
        }
        let wrong = Wanted::of(0, None, text("/no/such/directory/log")).unwrap().start().unwrap_err();
        assert!(wrong.what.contains("MUSTER_LOG_FILE"), "{}", wrong.what);
    }

    #[test]
    fn an_event_is_one_line_whatever_a_guest_said() {
        let kept = std::sync::Arc::new(Mutex::new(Vec::new()));
        #[derive(Clone)]
        struct Keep(std::sync::Arc<Mutex<Vec<u8>>>);
        impl Write for Keep {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(Mutex::new(Escaped(Keep(kept.clone())))).finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(said = %"\x1b[2Jgone\nINFO forged \u{202e}", "a guest");
            tracing::info!("{}", "x".repeat(3 * LONGEST));
        });
        let text = String::from_utf8(kept.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}'), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= LONGEST));
    }
}
