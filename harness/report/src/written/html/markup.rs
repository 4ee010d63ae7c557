//! Text as markup, and a template with places.

/// A value in the fragment of a link.
pub(super) fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The template with each `{{place}}` replaced. What is put in is not looked at again.
pub(super) fn filled(template: &str, text: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let (place, after) = after.split_once("}}").unwrap_or((after, ""));
        out.push_str(&text(place));
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(muster_base::text::markup("<a href=\"x\">'&amp;"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;amp;");
        assert_eq!(percent("a b&c=\"é"), "a%20b%26c%3D%22%C3%A9");
    }

    #[test]
    fn what_fills_a_place_has_none() {
        let text = |place: &str| format!("[{place}{{{{b}}}}]");
        assert_eq!(filled("x {{a}} y {{b}}", text), "x [a{{b}}] y [b{{b}}]");
    }
}
