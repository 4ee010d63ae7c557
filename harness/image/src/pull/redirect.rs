//! Where a redirect leads, and where it may not lead.

use std::cell::Cell;

use muster_base::text;
use url::{ParseError, SyntaxViolation, Url};

/// Where a redirect leads, or why it is not followed.
pub(super) fn follow(at: &str, location: &str) -> Result<String, String> {
    let shown = || text::one_line(location, 120);
    let no_address = || format!("redirects to {:?}, which is no address", shown());
    let location_only = location.split('#').next().unwrap_or_default();
    if location_only.is_empty() || !location_only.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(no_address());
    }
    let base = Url::parse(at).map_err(|_| no_address())?;
    // Browsers mend a wrong number of slashes, taking what comes next for the host, and send a user's name.
    let refused = Cell::new(false);
    let note = |violation: SyntaxViolation| {
        use SyntaxViolation::{Backslash, EmbeddedCredentials, ExpectedDoubleSlash, UnencodedAtSign};
        if matches!(violation, Backslash | EmbeddedCredentials | ExpectedDoubleSlash | UnencodedAtSign) {
            refused.set(true);
        }
    };
    let parser = Url::options().syntax_violation_callback(Some(&note));
    // What names a scheme is never relative, which the standard allows for the scheme of the page.
    let to = match parser.parse(location_only) {
        Err(ParseError::RelativeUrlWithoutBase) => parser.base_url(Some(&base)).parse(location_only),
        absolute => absolute,
    };
    let to = to.map_err(|_| no_address())?;
    match (base.scheme(), to.scheme()) {
        (_, "https") | ("http", "http") => {}
        (_, "http") => return Err(format!("redirects from https to plain http ({})", shown())),
        _ => return Err(format!("redirects to {:?}, which is neither http nor https", shown())),
    }
    if refused.get() {
        return Err(format!("redirects to {:?}, which names no host or a user", shown()));
    }
    Ok(to.into())
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
