//! Configuration files from disk or stdin, plain or packed, within bounds.

use std::fs::File;
use std::io::Read;

use camino::Utf8Path;
use serde::Serialize;

use crate::error::CliError;
use crate::packed::{PackedError, unpacked};
use muster_base::exit::Exit;
use muster_base::fault::Fault;
use muster_base::text::{escape, one_line};
use muster_check::kernel_config::Config;
use muster_check::kernel_header::{self, Header};

/// The most that is read, packed or not, and the most that comes out of a packed one, in bytes. The
/// largest configurations of distributions have 400 KiB.
const LIMIT: u64 = 8 << 20;

/// A configuration that could be read.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    /// The file, as it was named.
    pub name: String,
    /// What it says.
    pub config: Config,
    /// What it says of itself, or what the command line says where it is silent.
    pub header: Header,
}

/// What a report says of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct About {
    file: String,
    release: Option<String>,
    arch: Option<String>,
    symbols: usize,
    fragment: bool,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error(transparent)]
    Packed(#[from] PackedError),
    #[error("more than {mib} MiB, which no kernel configuration has")]
    TooLarge { mib: u64 },
    #[error(
        "the file says it is for {said}, and {option} says {given}; leave the option out, or name the file that it is about"
    )]
    Contradicts { said: String, option: &'static str, given: String },
    /// What the reader of configurations says.
    #[error("{0}")]
    Config(String),
}

impl Fault for SourceError {
    fn exit(&self) -> Exit {
        match self {
            Self::Packed(error) => error.exit(),
            _ => Exit::Invalid,
        }
    }
}

impl ConfigFile {
    /// Reads a file, or stdin when it is `-`. `release` and `arch` are for files that do not say
    /// theirs; a contradiction is an error.
    pub(crate) fn read(file: &Utf8Path, release: Option<&str>, arch: Option<&str>) -> Result<Self, SourceError> {
        let source: Box<dyn Read> = match file.as_str() {
            "-" => Box::new(std::io::stdin().lock()),
            path => Box::new(File::open(path).map_err(PackedError::Read)?),
        };
        let bytes = unpacked(source, LIMIT, all)?;
        if bytes.len() as u64 > LIMIT {
            return Err(SourceError::TooLarge { mib: LIMIT >> 20 });
        }
        Self::parse(file.as_str(), &String::from_utf8_lossy(&bytes), release, arch)
    }

    /// The same, from the text of the file.
    pub(crate) fn parse(
        name: &str,
        text: &str,
        release: Option<&str>,
        arch: Option<&str>,
    ) -> Result<Self, SourceError> {
        let said = kernel_header::read(text);
        let header =
            Header { release: agreed("--release", said.release, release)?, arch: agreed("--arch", said.arch, arch)? };
        let config = Config::parse(text, header.release.as_deref().unwrap_or_default())
            .map_err(|why| SourceError::Config(why.to_string()))?;
        Ok(Self { name: name.to_owned(), config, header })
    }

    /// For reports.
    pub(crate) fn about(&self) -> About {
        let bounded = |text: &Option<String>| text.as_deref().map(|text| one_line(text, 120));
        About {
            file: escape(&self.name),
            release: bounded(&self.header.release),
            arch: bounded(&self.header.arch),
            symbols: self.config.len(),
            fragment: !self.config.is_complete(),
        }
    }
}

impl About {
    /// One line for people: `x.config: Linux 6.18.5, x86_64, 7074 symbols`.
    pub(crate) fn line(&self) -> String {
        let release = self.release.as_ref().map_or("release not stated".to_owned(), |text| format!("Linux {text}"));
        let arch = self.arch.as_deref().unwrap_or("processor not stated");
        let fragment = if self.fragment {
            "; a fragment or cut off: what it does not mention is unknown, and neither n nor absent"
        } else {
            ""
        };
        format!("{}: {release}, {arch}, {} symbols{fragment}", self.file, self.symbols)
    }

    /// The file, escaped.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }
}

/// Reads the one file that a command cannot do without.
pub(crate) fn required(file: &Utf8Path) -> Result<ConfigFile, CliError> {
    ConfigFile::read(file, None, None).map_err(|error| CliError::about(file.as_str(), error))
}

fn agreed(option: &'static str, said: Option<String>, given: Option<&str>) -> Result<Option<String>, SourceError> {
    match (said, given) {
        (Some(said), Some(given)) if said != given => {
            Err(SourceError::Contradicts { said: one_line(&said, 120), option, given: one_line(given, 120) })
        }
        (said, given) => Ok(said.or(given.map(str::to_owned))),
    }
}

/// The bytes of a source, and one more than it may have.
fn all(from: &mut dyn Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LIMIT + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};
    use std::process::Command;

    use super::*;

    const TEXT: &str = "# Linux/arm64 6.18.5 Kernel Configuration\nCONFIG_A=y\n# end of Kernel hacking\n";

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut input = tempfile::tempfile().unwrap();
        input.write_all(bytes).and_then(|()| input.seek(SeekFrom::Start(0))).unwrap();
        Command::new("gzip").arg("-c").stdin(input).output().unwrap().stdout
    }

    fn read(bytes: &[u8]) -> Result<ConfigFile, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        ConfigFile::read(Utf8Path::from_path(file.path()).unwrap(), None, None).map_err(|error| error.to_string())
    }

    #[test]
    fn packed_and_plain_files_are_the_same_and_a_cut_one_is_refused() {
        for bytes in [TEXT.as_bytes().to_vec(), packed(TEXT.as_bytes())] {
            let source = read(&bytes).unwrap();
            assert_eq!(source.header.arch.as_deref(), Some("aarch64"));
            assert!(source.about().line().ends_with(": Linux 6.18.5, aarch64, 1 symbols"), "{}", source.about().line());
        }
        let long = packed(TEXT.repeat(1000).as_bytes());
        assert!(read(&long[..long.len() - 9]).unwrap_err().contains("cut off"));
        assert!(read(b"\x1f\x8bnothing").unwrap_err().contains("gzip cannot unpack it"));
    }

    #[test]
    fn a_file_that_cannot_be_opened_says_why_in_the_words_of_every_command() {
        let why = |path: &str| ConfigFile::read(Utf8Path::new(path), None, None).unwrap_err().to_string();
        assert_eq!(why("/nowhere/config"), "there is no such file or directory");
        assert_eq!(why("/"), "it is a directory");
    }

    #[test]
    fn a_bomb_and_a_flood_are_refused() {
        let flood = vec![b'\n'; (LIMIT + 1) as usize];
        for bytes in [packed(&flood), flood] {
            assert!(read(&bytes).unwrap_err().starts_with("more than 8 MiB"));
        }
        assert!(read(b"no symbol").unwrap_err().contains("names no symbol"));
    }

    #[test]
    fn options_fill_gaps_and_do_not_overrule_the_file() {
        let filled = ConfigFile::parse("x", "CONFIG_A=y\n", Some("6.12"), Some("x86_64")).unwrap();
        assert_eq!(
            filled.about().line(),
            "x: Linux 6.12, x86_64, 1 symbols; a fragment or cut off: what it does not mention is unknown, and neither n nor absent"
        );
        let error = ConfigFile::parse("x", TEXT, None, Some("x86_64")).unwrap_err().to_string();
        assert!(error.starts_with("the file says it is for aarch64, and --arch says x86_64"), "{error}");
    }
}
