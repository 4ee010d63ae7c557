//! A writer that fails once. `ZipWriter` ends its archive when it is dropped, and prints to stderr when that fails: after an
//! error, which we report ourselves, it writes to nowhere.

use std::io::{ErrorKind, Result, Seek, SeekFrom, Write};

/// A writer, until its first error.
pub(super) struct FirstError<W> {
    inner: W,
    /// Where the next byte would be, once it has failed.
    nowhere: Option<u64>,
}

impl<W: Write + Seek> FirstError<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, nowhere: None }
    }

    fn noted<T>(&mut self, result: Result<T>) -> Result<T> {
        if result.is_err() {
            self.nowhere = Some(0);
        }
        result
    }
}

impl<W: Write + Seek> Write for FirstError<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match &mut self.nowhere {
            Some(at) => {
                *at = at.saturating_add(bytes.len() as u64);
                Ok(bytes.len())
            }
            None => {
                let written = match self.inner.write(bytes) {
                    Ok(0) if !bytes.is_empty() => Err(ErrorKind::WriteZero.into()),
                    written => written,
                };
                self.noted(written)
            }
        }
    }

    fn flush(&mut self) -> Result<()> {
        match self.nowhere {
            Some(_) => Ok(()),
            None => {
                let flushed = self.inner.flush();
                self.noted(flushed)
            }
        }
    }
}

impl<W: Write + Seek> Seek for FirstError<W> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        match &mut self.nowhere {
            Some(at) => {
                *at = match to {
                    SeekFrom::Start(to) => to,
                    SeekFrom::Current(by) | SeekFrom::End(by) => at.saturating_add_signed(by),
                };
                Ok(*at)
            }
            None => {
                let sought = self.inner.seek(to);
                self.noted(sought)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_once_takes_everything_and_says_nothing_more() {
        let mut room = [0_u8; 4];
        let mut out = FirstError::new(std::io::Cursor::new(&mut room[..]));
        out.write_all(b"abc").unwrap();
        assert!(out.write_all(b"def").is_err());
        out.write_all(&[0; 100]).unwrap();
        assert_eq!(out.seek(SeekFrom::Current(-10)).unwrap() + 10, out.seek(SeekFrom::Current(10)).unwrap());
        out.flush().unwrap();
        assert_eq!(&room[..3], b"abc");
    }
}
