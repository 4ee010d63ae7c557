//! One file over HTTP, under limits: of time, of bytes, of redirects and of where they lead. What a
//! server says is hostile: no length, range or address of it is believed without being compared.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use ureq::http::Response;
use ureq::http::header::{CONTENT_RANGE, ETAG, HeaderName, IF_RANGE, LAST_MODIFIED, LOCATION, RANGE};
use ureq::{Agent, Body};

use super::certificates::tls;
use super::error::PullError;
use super::partial::{Partial, Progress, ServerState};
use super::reason::RedirectError;
use super::redirect::follow;
use crate::ImageError;
use muster_base::text;

/// What one download may take.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// Until a connection stands, and until an answer has begun.
    pub(super) answer: Duration,
    /// In each window of this length …
    pub(super) window: Duration,
    /// … at least so many bytes must arrive.
    pub(super) window_bytes: u64,
    /// For the whole file, all connections together.
    pub(super) total: Duration,
    /// Redirects that are followed.
    pub(super) redirects: usize,
    /// Connections, as long as each brings the file further.
    pub(super) connections: usize,
    /// Bytes of a checksum file or signature.
    pub(super) small: u64,
    /// Whether the proxy that the environment names is used.
    pub(super) proxy: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(60),
            window: Duration::from_secs(60),
            window_bytes: 60 << 10,
            total: Duration::from_secs(6 * 3600),
            redirects: 10,
            connections: 5,
            small: 1 << 20,
            proxy: true,
        }
    }
}

/// Speaks HTTP.
#[derive(Debug, Clone)]
pub(super) struct Client {
    limits: Limits,
}

impl Client {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits }
    }

    /// The whole of a small file.
    pub(super) fn small(&self, url: &str) -> Result<Vec<u8>, PullError> {
        let response = self.ask(url, &[])?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(PullError::Status { url: url.to_owned(), status });
        }
        let length = response.body().content_length();
        let mut bytes = Vec::new();
        let mut source = Source { url, limits: &self.limits, limit: self.limits.small, length };
        source.copy(response, 0, Instant::now() + self.limits.total, |chunk| {
            bytes.extend_from_slice(chunk);
            Ok(())
        })?;
        Ok(bytes)
    }

    /// The whole of a large file, going on with what is there of it already.
    pub(super) fn download(
        &self,
        url: &str,
        partial: &Partial,
        limit: u64,
        progress: Option<&(dyn Fn(Progress) + Send + Sync)>,
    ) -> Result<(), PullError> {
        let deadline = Instant::now() + self.limits.total;
        let mut connections = 1;
        loop {
            let before = partial.length();
            match self.connection(url, partial, limit, deadline, progress) {
                Err(PullError::Broken { .. }) if connections < self.limits.connections && partial.length() > before => {
                    connections += 1;
                }
                Err(error @ (PullError::TooLarge { .. } | PullError::Resume { .. })) => {
                    partial.discard();
                    return Err(error);
                }
                ended => return ended,
            }
        }
    }

    fn connection(
        &self,
        url: &str,
        partial: &Partial,
        limit: u64,
        deadline: Instant,
        progress: Option<&(dyn Fn(Progress) + Send + Sync)>,
    ) -> Result<(), PullError> {
        let unusable = |source| ImageError::Cache { path: partial.path().to_owned(), source };
        let (mut start, before) = partial.to_go_on(url);
        if before.as_ref().is_some_and(|before| before.total == Some(start)) {
            return Ok(());
        }
        let asked = match before.as_ref().and_then(ServerState::validator).filter(|_| start > 0) {
            Some(validator) => vec![(RANGE, format!("bytes={start}-")), (IF_RANGE, validator.to_owned())],
            None => {
                start = 0;
                Vec::new()
            }
        };
        let mut response = self.ask(url, &asked)?;
        if response.status() == 416 && start > 0 {
            // It ends before what is there: it is another file now.
            start = 0;
            response = self.ask(url, &[])?;
        }
        let now = ServerState::of(url, &response);
        let total = match response.status().as_u16() {
            // Either it is another file now or the server knows no ranges: from the beginning.
            200 => {
                start = 0;
                response.body().content_length()
            }
            206 if start > 0 => Some(goes_on(url, &response, start, before.as_ref(), &now)?),
            206 => {
                let reason = "answered with a part although the whole was requested".to_owned();
                return Err(PullError::Resume { url: url.to_owned(), reason });
            }
            status => return Err(PullError::Status { url: url.to_owned(), status }),
        };
        if total.is_some_and(|total| total > limit) {
            return Err(PullError::TooLarge { url: url.to_owned(), limit });
        }
        let mut file = match start {
            0 => partial.begin(&ServerState { total, ..now }),
            _ => partial.go_on(),
        }
        .map_err(unusable)?;
        let mut done = start;
        let mut source = Source { url, limits: &self.limits, limit, length: total };
        source.copy(response, start, deadline, |chunk| {
            file.write_all(chunk).map_err(unusable)?;
            done += chunk.len() as u64;
            if let Some(progress) = progress {
                progress(Progress { done, total });
            }
            Ok(())
        })?;
        file.sync_all().map_err(unusable)?;
        Ok(())
    }

    /// Asks for a file and follows redirects as far as they may lead.
    fn ask(&self, url: &str, headers: &[(HeaderName, String)]) -> Result<Response<Body>, PullError> {
        let mut at = url.to_owned();
        for _ in 0..=self.limits.redirects {
            let mut request = self.agent(&at)?.get(&at);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let response = request.call().map_err(|error| not_reached(&at, &error))?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            let location = response.headers().get(LOCATION).map(|value| value.as_bytes()).unwrap_or_default();
            let refused = |reason| PullError::Redirect { url: text::one_line(&at, 200), reason };
            at = follow(&at, &String::from_utf8_lossy(location)).map_err(refused)?;
        }
        let reason = RedirectError::TooMany { limit: self.limits.redirects };
        Err(PullError::Redirect { url: url.to_owned(), reason })
    }

    fn agent(&self, url: &str) -> Result<Agent, PullError> {
        let Limits { answer, window, total, proxy, .. } = self.limits;
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
            // What is hashed are the bytes of the file, not a form of them for the way.
            .accept_encoding("identity")
            .timeout_resolve(Some(answer))
            .timeout_connect(Some(answer))
            .timeout_send_request(Some(answer))
            .timeout_recv_response(Some(answer))
            .timeout_per_read(Some(window))
            .timeout_recv_body(Some(total));
        if !proxy {
            config = config.proxy(None);
        }
        if !url.starts_with("http://") {
            config = config.tls_config(tls(url)?);
        }
        Ok(config.build().new_agent())
    }
}

/// The end of a body: an open response whose bytes are counted, bounded and timed.
struct Source<'a> {
    url: &'a str,
    limits: &'a Limits,
    limit: u64,
    /// Of the whole file, when the server said.
    length: Option<u64>,
}

impl Source<'_> {
    fn copy(
        &mut self,
        response: Response<Body>,
        start: u64,
        deadline: Instant,
        mut take: impl FnMut(&[u8]) -> Result<(), PullError>,
    ) -> Result<(), PullError> {
        let mut reader = response.into_body().into_reader();
        let mut buffer = vec![0; 256 << 10];
        let mut got = start;
        let (mut window, mut in_window) = (Instant::now(), 0);
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.ended(got, &error)),
            };
            got += count as u64;
            in_window += count as u64;
            if got > self.limit {
                return Err(PullError::TooLarge { url: self.url.to_owned(), limit: self.limit });
            }
            take(&buffer[..count])?;
            let now = Instant::now();
            if now >= deadline {
                return Err(self.slow(format!("it was not done after {} s", self.limits.total.as_secs())));
            }
            let passed = now - window;
            if passed >= self.limits.window {
                if in_window < self.limits.window_bytes {
                    return Err(self.slow(format!("{in_window} bytes in {} s", passed.as_secs())));
                }
                (window, in_window) = (now, 0);
            }
        }
        match self.length {
            Some(length) if length != got => {
                let reason = format!("it ended although {length} bytes were announced");
                Err(PullError::Broken { url: self.url.to_owned(), got, reason })
            }
            _ => Ok(()),
        }
    }

    fn slow(&self, reason: String) -> PullError {
        PullError::Slow { url: self.url.to_owned(), reason }
    }

    fn ended(&self, got: u64, error: &std::io::Error) -> PullError {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
        if error.kind() == std::io::ErrorKind::TimedOut || matches!(inner, Some(ureq::Error::Timeout(_))) {
            return self.slow(format!("nothing arrived for {} s", self.limits.window.as_secs()));
        }
        PullError::Broken { url: self.url.to_owned(), got, reason: text::one_line(&error.to_string(), 200) }
    }
}

fn not_reached(url: &str, error: &ureq::Error) -> PullError {
    let url = text::one_line(url, 200);
    match error {
        ureq::Error::Timeout(_) => PullError::Slow { url, reason: "no answer in time".to_owned() },
        error => PullError::Unreachable { url, reason: text::one_line(&error.to_string(), 200) },
    }
}

/// The total that a 206 states, when it is the part that was asked for of the file that was begun.
fn goes_on(
    url: &str,
    response: &Response<Body>,
    start: u64,
    before: Option<&ServerState>,
    now: &ServerState,
) -> Result<u64, PullError> {
    let refused = |reason: String| PullError::Resume { url: url.to_owned(), reason };
    let stated = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some((first, last, total)) = content_range(stated) else {
        return Err(refused(format!("answered with a part but not with which: {:?}", text::one_line(stated, 80))));
    };
    if first != start || last.checked_add(1) != Some(total) {
        return Err(refused(format!("answered with bytes {first} to {last} of {total}, not from {start} to the end")));
    }
    let Some(before) = before else { return Ok(total) };
    let other_total = before.total.is_some_and(|before| before != total);
    let other_tag = now.etag.is_some() && before.etag.is_some() && now.etag != before.etag;
    match other_total || other_tag {
        true => Err(refused("answered with a part of another file than was begun".to_owned())),
        false => Ok(total),
    }
}

/// `bytes 100-199/200`
fn content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?, total.parse().ok()?))
}

impl ServerState {
    fn of(url: &str, response: &Response<Body>) -> Self {
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self { url: url.to_owned(), etag: header(ETAG), modified: header(LAST_MODIFIED), total: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_is_three_numbers() {
        assert_eq!(content_range("bytes 100-199/200"), Some((100, 199, 200)));
        for text in [
            "",
            "bytes */200",
            "bytes 1-2/*",
            "lines 1-2/3",
            "bytes -2/3",
            "bytes 1-2",
            "bytes 1-99999999999999999999/3",
        ] {
            assert_eq!(content_range(text), None, "{text}");
        }
    }
}
