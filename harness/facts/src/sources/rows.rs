//! What the guest printed, as rows. A line that is not as it should be is an error: guessed at, it
//! could hide the fact that it was.

use muster_base::text;
use muster_check::{Read, Unreadable};
use muster_suite::grammar::kernel::dotted;
use muster_suite::model::SnapshotSource;

/// The columns of a source, in order; none for those that are not tables. `keep` names some.
pub(super) fn columns(source: &SnapshotSource) -> &'static [&'static str] {
    match source {
        SnapshotSource::Packages => &["name", "evr", "arch", "vendor"],
        SnapshotSource::Units => &["unit", "state", "preset"],
        SnapshotSource::Sysctl => &["key", "value"],
        SnapshotSource::Kconfig => &["symbol", "value"],
        SnapshotSource::Users => &["name", "uid", "gid", "home", "shell"],
        SnapshotSource::Ports => &["protocol", "port", "address"],
        SnapshotSource::Run(_) => &[],
    }
}

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What `only` and `redact` match.
    pub key: String,
    /// The columns of [`columns`]; for a command, its line alone.
    pub cells: Vec<String>,
}

impl Row {
    fn new(key: &str, cells: &[&str]) -> Self {
        Self { key: key.to_owned(), cells: cells.iter().map(|cell| (*cell).to_owned()).collect() }
    }

    /// The row as a line: the columns of `keep`, or all when it is empty. With `redacted`, what is
    /// not the key is that text.
    pub(super) fn line(&self, source: &SnapshotSource, keep: &[String], redacted: Option<&str>) -> String {
        let separator = match source {
            SnapshotSource::Run(_) => return redacted.unwrap_or(&self.cells[0]).to_owned(),
            SnapshotSource::Sysctl => " = ",
            SnapshotSource::Kconfig => "=",
            _ => " ",
        };
        if let Some(text) = redacted {
            // The key of a port is made of two columns; all others are the first.
            let key = if *source == SnapshotSource::Ports { self.cells[..2].join(" ") } else { self.cells[0].clone() };
            return format!("{key}{separator}{text}");
        }
        let kept = columns(source)
            .iter()
            .zip(&self.cells)
            .filter(|(name, _)| keep.is_empty() || keep.iter().any(|kept| kept == *name))
            .map(|(_, cell)| visible(cell, separator == " "));
        kept.collect::<Vec<_>>().join(separator)
    }
}

/// A cell on its line: never empty, and without white space that could be taken for the end of it.
fn visible(cell: &str, spaced: bool) -> String {
    let cell = cell.replace('\t', "\\t");
    match cell.as_str() {
        "" if spaced => "-".to_owned(),
        _ if spaced => cell.replace(' ', "\\x20"),
        _ => cell,
    }
}

/// The rows of an escaped answer. An answer without a single fact is an error for every source but a
/// command.
pub(super) fn parse(source: &SnapshotSource, stdout: &str) -> Read<Vec<Row>> {
    let rows = match source {
        SnapshotSource::Packages => each(stdout, |line| match line.split('\t').collect::<Vec<_>>()[..] {
            [name, evr, arch, vendor] if !name.is_empty() => Some(Row::new(name, &[name, evr, arch, vendor])),
            _ => None,
        })?,
        SnapshotSource::Units => each(stdout, |line| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [unit, state] => Some(Row::new(unit, &[unit, state, "-"])),
            [unit, state, preset] => Some(Row::new(unit, &[unit, state, preset])),
            _ => None,
        })?,
        SnapshotSource::Sysctl => sysctl(stdout)?,
        SnapshotSource::Kconfig => {
            let set = |line: &&str| !line.starts_with('#') && !line.trim().is_empty();
            let lines: Vec<&str> = stdout.lines().filter(set).collect();
            each(&lines.join("\n"), |line| {
                let (symbol, value) = line.split_once('=').filter(|(symbol, _)| symbol.starts_with("CONFIG_"))?;
                Some(Row::new(symbol, &[symbol, value]))
            })?
        }
        SnapshotSource::Users => each(stdout, |line| match line.split(':').collect::<Vec<_>>()[..] {
            [name, _, uid, gid, _, home, shell] if !name.is_empty() => {
                uid.parse::<u32>().ok()?;
                Some(Row::new(name, &[name, uid, gid, home, shell]))
            }
            _ => None,
        })?,
        SnapshotSource::Ports => return ports(stdout),
        SnapshotSource::Run(_) => return Ok(stdout.lines().map(|line| Row::new(line, &[line])).collect()),
    };
    if rows.is_empty() {
        return Err(Unreadable::new("it could not be read: the answer is empty"));
    }
    Ok(rows)
}

fn each(stdout: &str, parse: impl Fn(&str) -> Option<Row>) -> Read<Vec<Row>> {
    let lines = stdout.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| parse(line).ok_or_else(|| strange(line))).collect()
}

fn strange(line: &str) -> Unreadable {
    Unreadable::new(format!(
        "it could not be read: a line of the answer is not as expected: {}",
        text::one_line(line, 120)
    ))
}

/// `key = value`. A value of several lines has its key before each, or only before the first. Keys
/// of the walk are paths: its slashes become dots, and dots (of an interface such as `eth0.1`)
/// slashes, as sysctl writes them.
fn sysctl(stdout: &str) -> Read<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    for line in stdout.lines() {
        let split = line.split_once(" =").map(|(key, value)| (key, value.strip_prefix(' ').unwrap_or(value)));
        match (split, rows.last()) {
            (Some((key, value)), _) if !key.is_empty() && !key.contains(char::is_whitespace) => {
                let key = dotted(key);
                rows.push(Row::new(&key, &[&key, value.trim_end()]));
            }
            (_, Some(last)) => {
                let key = last.key.clone();
                rows.push(Row::new(&key, &[&key, line.trim_end()]));
            }
            (_, None) if line.trim().is_empty() => {}
            (_, None) => return Err(strange(line)),
        }
    }
    // Every Linux has it; without it what was read is something else, or only a part.
    if !rows.is_empty() && !rows.iter().any(|row| row.key == "kernel.ostype") {
        return Err(Unreadable::new("it could not be read: kernel.ostype is not among the answers"));
    }
    Ok(rows)
}

/// The tables of /proc/net (proc_net_tcp in the kernel's documentation): TCP sockets that listen, and
/// UDP sockets that are not connected. Addresses are in the byte order of the guest, which is little
/// endian on every architecture that muster boots.
fn ports(stdout: &str) -> Read<Vec<Row>> {
    let mut rows = Vec::new();
    let mut table = "";
    for line in stdout.lines() {
        if let Some(name) = line.strip_prefix("= ") {
            table = name;
            continue;
        }
        let fields: Vec<&str> = line.split_whitespace().collect();
        if fields.is_empty() || fields[0] == "sl" {
            continue;
        }
        let socket = || {
            let (address, port) = fields.get(1)?.split_once(':')?;
            let port = u16::from_str_radix(port, 16).ok()?;
            let (_, peer) = fields.get(2)?.split_once(':')?;
            Some((address, port, u16::from_str_radix(peer, 16).ok()?, *fields.get(3)?))
        };
        let (address, port, peer, state) = socket().ok_or_else(|| strange(line))?;
        let open = match table {
            "tcp" | "tcp6" => state == "0A",
            "udp" | "udp6" => peer == 0,
            _ => return Err(strange(line)),
        };
        if open {
            rows.push(Row::new(&format!("{table}/{port}"), &[table, &port.to_string(), address_kind(address)]));
        }
    }
    if table.is_empty() {
        return Err(Unreadable::new("it could not be read: the answer is empty"));
    }
    Ok(rows)
}

fn address_kind(address: &str) -> &'static str {
    match address {
        _ if address.bytes().all(|byte| byte == b'0') => "any",
        "00000000000000000000000001000000" => "loopback",
        // 127.0.0.0/8, alone or mapped into IPv6.
        _ if address.len() == 8 && address.ends_with("7F") => "loopback",
        _ if address.starts_with("0000000000000000FFFF0000") && address.ends_with("7F") => "loopback",
        _ => "address",
    }
}
