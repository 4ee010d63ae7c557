//! Where a redirect leads, and where it may not lead.

use fluent_uri::{Uri, UriRef};

use super::reason::RedirectError;
use muster_base::text;

/// Where a redirect leads, by RFC 3986, or why it is not followed.
pub(super) fn follow(at: &str, location: &str) -> Result<String, RedirectError> {
    let shown = || text::one_line(location, 120);
    let no_address = || RedirectError::NoAddress { location: shown() };
    let location_only = location.split('#').next().unwrap_or_default();
    if location_only.is_empty() || !location_only.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(no_address());
    }
    let encoded = encoded(location_only);
    let base = Uri::parse(at).map_err(|_| no_address())?;
    let reference = UriRef::parse(encoded.as_str()).map_err(|_| no_address())?;
    let to = reference.resolve_against(&base).map_err(|_| no_address())?;
    let is = |uri: &str, scheme: &str| uri.eq_ignore_ascii_case(scheme);
    match (base.scheme().as_str(), to.scheme().as_str()) {
        (_, to) if is(to, "https") => {}
        (base, to) if is(base, "http") && is(to, "http") => {}
        (_, to) if is(to, "http") => return Err(RedirectError::Downgrade { location: shown() }),
        _ => return Err(RedirectError::Scheme { location: shown() }),
    }
    match to.authority() {
        Some(authority) if !authority.host().is_empty() && authority.userinfo().is_none() => Ok(to.into_string()),
        _ => Err(RedirectError::Host { location: shown() }),
    }
}

/// What servers leave unencoded although no address may hold it. A backslash is none of them: some readers take it for a slash.
fn encoded(location: &str) -> String {
    let encode = |c: char| match c {
        '"' | '<' | '>' | '^' | '`' | '{' | '|' | '}' => format!("%{:02X}", u32::from(c)),
        other => other.to_string(),
    };
    location.chars().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_to_http_hosts_only_and_never_down_from_https() {
        let from = "https://a.example/x/y.img?z";
        for (location, to) in [
            ("https://b.example/q", "https://b.example/q"),
            ("//b.example/q", "https://b.example/q"),
            ("/q/r", "https://a.example/q/r"),
            ("../q", "https://a.example/q"),
            // Only a query: the file stays the same (RFC 3986, 5.3).
            ("?z=1", "https://a.example/x/y.img?z=1"),
            ("r.img#part", "https://a.example/x/r.img"),
            ("r.img?to=http://c.example/", "https://a.example/x/r.img?to=http://c.example/"),
            ("HTTPS://b.example/{q}|r", "HTTPS://b.example/%7Bq%7D%7Cr"),
        ] {
            assert_eq!(follow(from, location).as_deref(), Ok(to), "{location}");
        }
        assert_eq!(follow("http://a.example/x", "http://b.example/").as_deref(), Ok("http://b.example/"));
        assert_eq!(follow("http://a.example", "q").as_deref(), Ok("http://a.example/q"));
        for location in [
            "",
            "http://a.example/x",
            "file:///etc/passwd",
            "FILE:///etc/passwd",
            "ftp://a.example/x",
            "data:text/plain,x",
            "https://user@b.example/",
            "https://:pass@b.example/",
            "https://@b.example/",
            "https:///x",
            "https:b.example",
            "///b.example/x",
            "\\\\b.example\\x",
            "https://b.example/a b",
            "https://b.example/\u{202e}",
        ] {
            assert!(follow(from, location).is_err(), "{location:?}");
        }
    }
}
