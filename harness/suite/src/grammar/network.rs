//! Names of networks: ports, addresses, hosts, interfaces, URLs.

use std::net::IpAddr;

use super::form::{Grammar, LONGEST, Reading, Refusal, meant, only, refuse};

/// A protocol and a port.
pub const PORT: Grammar = Grammar {
    what: "a protocol and port such as `tcp/22`",
    form: "`tcp/` or `udp/` and a number from 1 to 65535",
    pattern: r"(tcp|udp)/[1-9][0-9]{0,4}",
    reading: Reading::Form(port),
    good: &[("tcp/22", "tcp/22"), ("udp/65535", "udp/65535")],
    bad: &[
        ("22", "tcp/22"),
        ("22/tcp", "tcp/22"),
        ("TCP/22", "tcp/22"),
        ("tcp:22", "tcp/22"),
        ("tcp/022", "tcp/22"),
        ("tcp/0", ""),
        ("tcp/65536", ""),
        ("tcp/ssh", "tcp/22"),
        ("tcp/*", ""),
        ("sctp/22", ""),
        ("tcp/20-22", ""),
    ],
};

/// The number of a port.
pub const PORT_NUMBER: Grammar = Grammar {
    what: "the number of a port",
    form: "a number from 1 to 65535",
    pattern: r"[1-9][0-9]{0,4}",
    reading: Reading::Form(port_number),
    good: &[("22", "22"), ("65535", "65535")],
    bad: &[
        ("tcp/22", "22"),
        ("22/tcp", "22"),
        ("022", "22"),
        ("0", ""),
        ("65536", ""),
        ("ssh", "22"),
        ("*", ""),
        ("20-22", ""),
    ],
};

/// An address, or `*` for every one of both families.
pub const BOUND_ADDRESS: Grammar = Grammar {
    what: "an address",
    form: "an IPv4 or IPv6 address without port and scope, or `*`",
    pattern: r"\*|[0-9a-fA-F:.]+",
    reading: Reading::Form(bound_address),
    good: &[("127.0.0.1", "127.0.0.1"), ("::", "::"), ("*", "*"), ("0:0:0:0:0:0:0:1", "::1"), ("FE80::1", "fe80::1")],
    bad: &[
        ("localhost", "127.0.0.1"),
        ("[::1]", "::1"),
        ("127.0.0.1:22", "127.0.0.1"),
        ("127.0.0.1/8", "127.0.0.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("127.0.0.*", ""),
        ("127.1", ""),
    ],
};

/// An address of a host.
pub const ADDRESS: Grammar = Grammar {
    what: "an address",
    form: "an IPv4 or IPv6 address without scope",
    pattern: r"[0-9a-fA-F:.]+",
    reading: Reading::Form(address),
    good: &[("127.0.0.1", "127.0.0.1"), ("0:0::1", "::1")],
    bad: &[
        ("localhost", ""),
        ("*", ""),
        ("[::1]", "::1"),
        ("10.0.2.15/24", "10.0.2.15"),
        ("fe80::1%eth0", "fe80::1"),
        ("127.1", ""),
    ],
};

/// An address with the length of its network's prefix.
pub const NETWORK_ADDRESS: Grammar = Grammar {
    what: "an address with its prefix length",
    form: "as `ip addr` prints it (`10.0.2.15/24`, `fe80::1/64`)",
    pattern: r"[0-9a-fA-F:.]+/[0-9]{1,3}",
    reading: Reading::Form(network_address),
    good: &[("10.0.2.15/24", "10.0.2.15/24"), ("::1/128", "::1/128"), ("FE80::0:1/64", "fe80::1/64")],
    bad: &[("10.0.2.15", ""), ("10.0.2.15/33", ""), ("10.0.2.15/255.255.255.0", ""), ("10.0.2.*/24", ""), ("eth0", "")],
};

/// An interface of the kernel, or `default`. The kernel's own rule is `dev_valid_name` in net/core/dev.c.
pub const INTERFACE: Grammar = Grammar {
    what: "an interface name, or `default`",
    form: "at most 15 bytes, without blanks, `/` and `:`",
    pattern: r"[^\s/:*]{1,15}",
    reading: Reading::Form(interface),
    good: &[("eth0", "eth0"), ("enp0s1", "enp0s1"), ("default", "default"), ("br-1a2b3c", "br-1a2b3c")],
    bad: &[
        ("eth*", ""),
        ("eth0:1", "eth0"),
        ("eth0@if5", "eth0"),
        ("Default", "default"),
        ("an-interface-of-sixteen", ""),
        ("/sys/class/net/eth0", "eth0"),
        ("eth 0", ""),
    ],
};

/// A host, or an address.
pub const HOST: Grammar = Grammar {
    what: "a host name",
    form: "letters, digits, `-`, `_` and dots; at most 63 bytes between dots; or an address",
    pattern: r"[A-Za-z0-9_.:-]+",
    reading: Reading::Form(host),
    good: &[
        ("localhost", "localhost"),
        ("packages.microsoft.com", "packages.microsoft.com"),
        ("_gateway", "_gateway"),
        ("::1", "::1"),
        ("example.org.", "example.org."),
    ],
    bad: &[
        ("https://example.org/", "example.org"),
        ("example.org:443", "example.org"),
        ("exam ple.org", ""),
        ("*.example.org", ""),
        ("a..b", ""),
        ("-x.org", ""),
        ("example.org/path", "example.org"),
    ],
};

/// A URL of HTTP.
pub const URL: Grammar = Grammar {
    what: "a URL (`http://localhost/`)",
    form: "`http://` or `https://`, a host, maybe a port and a path; no blank",
    pattern: r"https?://[^\s/]\S*",
    reading: Reading::Form(url),
    good: &[("http://localhost/", "http://localhost/"), ("https://[::1]:8443/x?y=1", "https://[::1]:8443/x?y=1")],
    bad: &[
        ("localhost", "http://localhost"),
        ("localhost:80/x", "http://localhost:80/x"),
        ("htps://localhost/", "https://localhost/"),
        ("HTTP://localhost/", "http://localhost/"),
        ("http:/localhost/", "http://localhost/"),
        ("http://", ""),
        ("ftp://localhost/", ""),
        ("http://local host/", ""),
        ("http://localhost:99999/", ""),
    ],
};

/// The name of a header: a token of RFC 9110, compared without case.
pub const HEADER: Grammar = Grammar {
    what: "the name of a header",
    form: "letters, digits and dashes (`content-type`), in either case; no colon",
    pattern: r"[!#$%&'*+.^_`|~0-9A-Za-z-]+",
    reading: Reading::Form(header),
    good: &[("content-type", "content-type"), ("Content-Type", "content-type"), ("x_y", "x_y")],
    bad: &[("content-type:", "content-type"), ("content type", "content-type"), ("content/type", "")],
};

/// Ports that people name; only for suggestions.
const NAMED: &[(&str, &str)] = &[
    ("ssh", "22"),
    ("smtp", "25"),
    ("domain", "53"),
    ("dns", "53"),
    ("http", "80"),
    ("rpcbind", "111"),
    ("sunrpc", "111"),
    ("ntp", "123"),
    ("https", "443"),
    ("mdns", "5353"),
    ("cockpit", "9090"),
];

fn port(text: &str) -> Result<String, Refusal> {
    let lower = text.to_lowercase();
    let parts: Vec<&str> = lower.split(['/', ':']).collect();
    let (protocol, number) = match parts[..] {
        [protocol @ ("tcp" | "udp"), number] | [number, protocol @ ("tcp" | "udp")] => (protocol, number),
        [number] => ("tcp", number),
        _ => return refuse("a port is written `tcp/22` or `udp/53`"),
    };
    let number = match number_of(number) {
        Ok(number) => number,
        Err(Refusal { suggestion: Some(near), why }) => return meant(why, format!("{protocol}/{near}")),
        Err(other) => return Err(other),
    };
    let whole = format!("{protocol}/{number}");
    if whole == text { Ok(whole) } else { meant("a port is written `tcp/22` or `udp/53`", whole) }
}

fn number_of(text: &str) -> Result<u16, Refusal> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u16>() {
        Ok(number) if digits && number > 0 && number.to_string() == text => Ok(number),
        Ok(number) if digits && number > 0 => meant("a port has no zeros before it", number.to_string()),
        _ if digits => refuse("a port is a number from 1 to 65535"),
        _ => {
            let named = NAMED.iter().find(|(name, _)| *name == text).map_or("", |(_, number)| *number);
            meant("a port is a number from 1 to 65535", named)
        }
    }
}

fn port_number(text: &str) -> Result<String, Refusal> {
    let bare = text.strip_prefix("tcp/").or_else(|| text.strip_prefix("udp/"));
    let bare = bare.or_else(|| text.strip_suffix("/tcp")).or_else(|| text.strip_suffix("/udp"));
    if let Some(number) = bare.filter(|number| number_of(number).is_ok()) {
        return meant("the set is of one protocol, and has numbers alone", number);
    }
    number_of(text).map(|number| number.to_string())
}

fn bound_address(text: &str) -> Result<String, Refusal> {
    match text {
        "*" => Ok(text.to_owned()),
        "localhost" => meant("addresses are numbers", "127.0.0.1"),
        _ => address(text),
    }
}

fn address(text: &str) -> Result<String, Refusal> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    let bare = text.trim_start_matches('[').split([']', '%', '/']).next().unwrap_or_default();
    let bare = if bare.parse::<IpAddr>().is_ok() { bare } else { bare.rsplit_once(':').map_or("", |(host, _)| host) };
    let near = bare.parse::<IpAddr>().map(|address| address.to_string()).unwrap_or_default();
    meant("it is an IPv4 address with four numbers or an IPv6 address, without port, scope and prefix", near)
}

fn network_address(text: &str) -> Result<String, Refusal> {
    let parsed = text.split_once('/').and_then(|(address, length)| {
        let address: IpAddr = address.parse().ok()?;
        let length: u8 = length.parse().ok().filter(|length| *length <= if address.is_ipv4() { 32 } else { 128 })?;
        Some(format!("{address}/{length}"))
    });
    parsed.map_or_else(|| refuse("it is an address, a slash and the length of the prefix (`10.0.2.15/24`)"), Ok)
}

fn interface(text: &str) -> Result<String, Refusal> {
    if text.eq_ignore_ascii_case("default") {
        return if text == "default" { Ok(text.to_owned()) } else { meant("it is lower case", "default") };
    }
    if let Some(name) = text.strip_prefix("/sys/class/net/") {
        return meant("an interface is named without a path", name);
    }
    if let Some((name, _)) = text.split_once(['@', ':'])
        && interface(name).is_ok()
    {
        return meant("the kernel's name ends before `@` and `:`", name);
    }
    only(text, "an interface name", |c| !c.is_whitespace() && !"/:*?[]".contains(c))?;
    if text.len() > 15 {
        return refuse("the kernel's names of interfaces have at most 15 bytes");
    }
    Ok(text.to_owned())
}

fn host(text: &str) -> Result<String, Refusal> {
    if text.parse::<IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let bare = rest.split(['/', ':']).next().unwrap_or_default();
    if bare != text && !bare.is_empty() && host(bare).is_ok() {
        return meant("a host name has no scheme, port and path", bare);
    }
    only(text, "a host name", |c| c.is_alphanumeric() || "-_.".contains(c))?;
    let labels = text.strip_suffix('.').unwrap_or(text).split('.');
    let fits = |label: &str| !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-');
    if !labels.clone().all(fits) || text.len() > 253 {
        return refuse("each part between dots has 1 to 63 bytes and no dash at its ends; all have 253");
    }
    Ok(text.to_owned())
}

fn url(text: &str) -> Result<String, Refusal> {
    if text.contains(char::is_whitespace) {
        return refuse("a URL has no blank: write `%20`");
    }
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (scheme, rest),
        None if text.contains(":/") => {
            let (scheme, rest) = text.split_once(":/").unwrap_or_default();
            return meant(
                "a scheme ends with `://`",
                format!("{}://{}", scheme.to_lowercase(), rest.trim_start_matches('/')),
            );
        }
        None => return meant("a URL has a scheme", format!("http://{text}")),
    };
    if !matches!(scheme, "http" | "https") {
        let near = crate::diagnostic::did_you_mean(scheme, ["http", "https"]).map(|near| format!("{near}://{rest}"));
        return meant("the scheme is `http` or `https`", near.unwrap_or_default());
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    let (name, port) = match address.strip_prefix('[') {
        Some(inner) => inner.split_once(']').map_or(("", ""), |(name, port)| (name, port.trim_start_matches(':'))),
        None => address.split_once(':').unwrap_or((address, "")),
    };
    if name.is_empty() || host(name).is_err() {
        return refuse("a URL has a host after `://`");
    }
    if !port.is_empty() && number_of(port).is_err() {
        return refuse("the port of the URL is a number from 1 to 65535");
    }
    Ok(text.to_owned())
}

fn header(text: &str) -> Result<String, Refusal> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if text.len() <= LONGEST && text.chars().all(fits) {
        return Ok(text.to_lowercase());
    }
    let near = text.trim_end_matches(':').trim().replace(' ', "-");
    let near = Some(near.to_lowercase()).filter(|near| near.chars().all(fits));
    meant("the name of a header has no blank, colon or slash", near.unwrap_or_default())
}

/// The rows of this file.
pub(super) const ALL: &[&Grammar] =
    &[&PORT, &PORT_NUMBER, &BOUND_ADDRESS, &ADDRESS, &NETWORK_ADDRESS, &INTERFACE, &HOST, &URL, &HEADER];
