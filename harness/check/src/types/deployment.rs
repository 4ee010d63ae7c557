//! `deployment`: how the system came to be where it runs: from packages, or as an image, and of which kind.

use serde_json::Value as Json;

use muster_suite::grammar::{packages, paths, system};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{FixedReading, read, unanswered, verdicts, wants};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::fields::Fields;
use crate::observed::Value;
use crate::proc::{Mount, mounts};
use crate::shell::{self, cat};
use crate::unreadable::{Read, Unreadable};
use muster_base::text::one_line;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "kind",
        AttributeKind::Keyword(&["package", "image", "verity", "ostree", "bootc"]),
        "`bootc` and `ostree` when booted by them, `verity` when / or /usr is on dm-verity, `image` when /usr is read-only for another reason, else `package`.",
    ),
    attribute("booted", AttributeKind::Text, "Checksum of the booted ostree commit."),
    attribute("version", AttributeKind::Text, "Version that the booted deployment states."),
    attribute("image", AttributeKind::Text, "The container image that the booted deployment was made from."),
    attribute("digest", AttributeKind::Text, "Digest of that image."),
    attribute(
        "staged",
        AttributeKind::Text,
        "Checksum, or digest, of a deployment that waits for the next boot; `none` when none does.",
    ),
    attribute(
        "rollback",
        AttributeKind::Text,
        "Checksum, or digest, of the deployment to go back to; `none` when there is none.",
    ),
    attribute(
        "layered",
        AttributeKind::Set(&packages::REQUEST),
        "Packages that were added to the booted deployment, as rpm-ostree says; `{count: 0}` expects none.",
    ),
    attribute("verity", AttributeKind::Bool, "Whether / or /usr is on a device of dm-verity."),
    attribute("verity-devices", AttributeKind::Set(&paths::MAPPED), "Names of all devices of dm-verity."),
    attribute(
        "verity-root-hash",
        AttributeKind::Set(&system::HASH),
        "Root hashes on the kernel's command line (`roothash=`, `usrhash=`, `verity.usrhash=`, `root_hexdigest=`).",
    ),
    attribute("usr-read-only", AttributeKind::Bool, "Whether what holds /usr is mounted read-only."),
    attribute("composefs", AttributeKind::Bool, "Whether / is a composefs."),
    attribute(
        "slots",
        AttributeKind::Set(&paths::LABEL),
        "Names of partitions that come in two, for updates that alternate (`USR-A`, `USR-B`).",
    ),
    attribute(
        "sysexts",
        AttributeKind::Set(&system::EXTENSION),
        "System extensions that are merged into /usr or /opt now.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "deployment",
    summary: "How the system came to be where it runs: from packages, or as an image, and of which kind.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    gone: &[],
    attributes: ATTRIBUTES,
    reads: "/run/ostree-booted, `bootc status --json`, `rpm-ostree status --json`; /proc/cmdline, /proc/self/mountinfo, /sys/class/block; `systemd-sysext status`.",
    example: r#"deployment:
  kind: verity
  usr-read-only: true
  verity-root-hash: {count: 1}
  slots: {has: [USR-A, USR-B]}
  sysexts: none
"#,
};

/// The check type.
pub struct Deployment;

impl Check for Deployment {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, asked: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let mut probes = read(asked, SOURCES);
        if wants(asked, &["kind", "verity", "usr-read-only", "composefs"]) {
            // The same reading as of `mount`.
            probes.push(Probe::new("mount/info", 10, "cat /proc/self/mountinfo"));
        }
        probes
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        verdicts(&TABLE, expectation, |assertion| {
            let table = || seen.output("mount/info").and_then(|text| mounts(&text));
            match assertion.attribute {
                "kind" => kind(seen, &table()?).map(Value::text),
                "booted" | "version" | "image" | "digest" | "staged" | "rollback" | "layered" => {
                    deployed(&seen.output("deployment/status")?, assertion.attribute)
                }
                "verity" => on_verity(&table()?, &seen.output("deployment/devices")?).map(Value::flag),
                "verity-devices" => {
                    let text = seen.output("deployment/devices")?;
                    let devices = devices(&text)?;
                    Ok(Value::items(
                        devices.iter().filter(|device| is_verity(device)).filter_map(|device| device.get("dm/name")),
                    ))
                }
                "verity-root-hash" => Ok(Value::Items(root_hashes(&seen.file("deployment/cmdline")?))),
                "usr-read-only" => usr(&table()?).map(|mount| Value::flag(mount.is_read_only())),
                "composefs" => Ok(Value::flag(is_composefs(root(&table()?)?))),
                "slots" => {
                    let text = seen.output("deployment/devices")?;
                    let devices = devices(&text)?;
                    let names: Vec<&str> = devices.iter().filter_map(|device| device.get("uevent.PARTNAME")).collect();
                    Ok(Value::items(slots(&names)))
                }
                "sysexts" => sysexts(&seen.output("deployment/sysexts")?).map(Value::Items),
                _ => unanswered(assertion),
            }
        })
    }
}

fn kind(seen: &Observations, mounts: &[Mount]) -> Read<&'static str> {
    let status = seen.output("deployment/status")?;
    let fields = Fields::read(&status);
    if let Some(bootc) = said(&fields, "bootc")?
        && !bootc["status"]["booted"]["image"].is_null()
    {
        return Ok("bootc");
    }
    match fields.get("ostree") {
        Some("yes") => return Ok("ostree"),
        Some("no") => {}
        _ => return Err(Unreadable::new("the reading of the deployment has another shape")),
    }
    if on_verity(mounts, &seen.output("deployment/devices")?)? {
        return Ok("verity");
    }
    Ok(if usr(mounts)?.is_read_only() { "image" } else { "package" })
}

fn root(mounts: &[Mount]) -> Read<&Mount> {
    mounts.iter().rev().find(|mount| mount.path == "/").ok_or_else(|| Unreadable::new("the mount table has no /"))
}

/// What holds /usr: its own mount, else that of /.
fn usr(mounts: &[Mount]) -> Read<&Mount> {
    match mounts.iter().rev().find(|mount| mount.path == "/usr") {
        Some(mount) => Ok(mount),
        None => root(mounts),
    }
}

/// Mounted by a helper it is an overlay whose source is called so; there was a file system of its own.
fn is_composefs(mount: &Mount) -> bool {
    mount.fstype == "composefs" || (mount.fstype == "overlay" && mount.source.starts_with("composefs"))
}

/// What the kernel shows of block devices, one group each.
fn devices(text: &str) -> Read<Vec<Fields<'_>>> {
    match text.lines().last() {
        Some("end=devices") => Ok(Fields::read(text).groups("name")),
        _ => Err(Unreadable::new("the reading of the block devices is torn")),
    }
}

fn is_verity(device: &Fields<'_>) -> bool {
    device.get("dm/uuid").is_some_and(|uuid| uuid.starts_with("CRYPT-VERITY-"))
}

/// Whether / or /usr, or what an overlay there covers, comes from a device of dm-verity. An extension
/// that is merged covers the mount of /usr; the one below it still counts.
fn on_verity(mounts: &[Mount], text: &str) -> Read<bool> {
    let devices = devices(text)?;
    let sources: Vec<String> = devices
        .iter()
        .filter(|device| is_verity(device))
        .flat_map(|device| {
            let name = device.get("name").map(|name| format!("/dev/{name}"));
            let mapped = device.get("dm/name").map(|name| format!("/dev/mapper/{name}"));
            [name, mapped]
        })
        .flatten()
        .collect();
    let places = ["/", "/usr"];
    if mounts.iter().any(|mount| places.contains(&mount.path.as_str()) && sources.contains(&mount.source)) {
        return Ok(true);
    }
    // The kernel calls a root device that it mounted itself by no name that can be followed.
    let unnamed = mounts.iter().any(|mount| places.contains(&mount.path.as_str()) && mount.source == "/dev/root");
    match unnamed && !sources.is_empty() {
        true => Err(Unreadable::new(
            "/dev/root is mounted, which does not say whether it is one of the devices of dm-verity",
        )),
        false => Ok(false),
    }
}

/// Root hashes are hexadecimal digests; ChromeOS writes them into the table of the device.
fn root_hashes(command_line: &str) -> Vec<String> {
    const NAMES: [&str; 4] = ["roothash", "usrhash", "verity.usrhash", "root_hexdigest"];
    let mut found: Vec<String> = Vec::new();
    for word in command_line.split(|c: char| c.is_whitespace() || c == '"') {
        let Some((name, value)) = word.split_once('=') else { continue };
        let is_digest = value.len() >= 40 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        if NAMES.contains(&name) && is_digest && !found.iter().any(|known| known == value) {
            found.push(value.to_owned());
        }
    }
    found
}

/// Names that differ only in a last A or B.
fn slots(names: &[&str]) -> Vec<String> {
    let other = |name: &str| -> Option<String> {
        let stem = name.strip_suffix(['A', 'B', 'a', 'b'])?;
        let stem = stem.strip_suffix(['-', '_']).map(|_| stem)?;
        let letter = match name.as_bytes().last()? {
            b'A' => 'B',
            b'B' => 'A',
            b'a' => 'b',
            _ => 'a',
        };
        Some(format!("{stem}{letter}"))
    };
    let mut found: Vec<String> = names
        .iter()
        .filter(|name| other(name).is_some_and(|other| names.contains(&other.as_str())))
        .map(|name| (*name).to_owned())
        .collect();
    found.sort();
    found.dedup();
    found
}

/// What one tool said, as JSON; `None` when the guest does not have it.
fn said(fields: &Fields<'_>, tool: &str) -> Read<Option<Json>> {
    let status = fields.get(&format!("{tool}-status")).unwrap_or_default();
    let text: String = fields.all(tool).collect::<Vec<_>>().join("\n");
    match status {
        "missing" => Ok(None),
        "0" => serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| Unreadable::new(format!("{tool} status --json: {error}"))),
        "" => Err(Unreadable::new(format!("the reading of {tool} has another shape"))),
        _ => Err(Unreadable::new(format!("{tool} status ended with {status}: {}", one_line(&text, 160)))),
    }
}

/// An attribute of the booted deployment, or of another one.
fn deployed(text: &str, attribute: &str) -> Read<Value> {
    let fields = Fields::read(text);
    let bootc = said(&fields, "bootc")?.filter(|bootc| !bootc["status"]["booted"].is_null());
    if fields.get("ostree") != Some("yes") && bootc.is_none() {
        return match fields.get("ostree") {
            Some("no") => Ok(Value::gone("booted neither by ostree nor by bootc")),
            _ => Err(Unreadable::new("the reading of the deployment has another shape")),
        };
    }
    match said(&fields, "rpm-ostree")? {
        Some(status) => by_rpm_ostree(&status, attribute),
        None => match bootc {
            Some(bootc) => by_bootc(&bootc["status"], attribute),
            None => Err(Unreadable::new("booted by ostree, and neither rpm-ostree nor bootc is there to say more")),
        },
    }
}

fn text_of(value: &Json, without: &str) -> Value {
    match value.as_str() {
        Some(text) if !text.is_empty() => Value::text(text),
        _ => Value::absent(without),
    }
}

/// `deployments` of rpm-ostree's status, the default of the next boot first.
fn by_rpm_ostree(status: &Json, attribute: &str) -> Read<Value> {
    let deployments = status["deployments"]
        .as_array()
        .ok_or_else(|| Unreadable::new("rpm-ostree status --json lists no deployments"))?;
    let at = deployments
        .iter()
        .position(|deployment| deployment["booted"] == Json::Bool(true))
        .ok_or_else(|| Unreadable::new("rpm-ostree status --json names no booted deployment"))?;
    let booted = &deployments[at];
    let checksum = |deployment: Option<&Json>, without: &str| match deployment {
        None => Ok(Value::absent(without)),
        Some(deployment) => match deployment["checksum"].as_str() {
            Some(checksum) => Ok(Value::text(checksum)),
            None => Err(Unreadable::new("rpm-ostree status --json has a deployment without a checksum")),
        },
    };
    match attribute {
        "booted" => checksum(Some(booted), ""),
        "version" => Ok(text_of(&booted["version"], "it states no version")),
        "image" => Ok(text_of(&booted["container-image-reference"], "not made from a container image")),
        "digest" => Ok(text_of(&booted["container-image-reference-digest"], "not made from a container image")),
        "staged" => {
            checksum(deployments.iter().find(|deployment| deployment["staged"] == Json::Bool(true)), "none is staged")
        }
        "rollback" => checksum(deployments.get(at + 1), "there is none to go back to"),
        _ => {
            let mut names: Vec<String> = ["packages", "requested-packages", "requested-local-packages"]
                .iter()
                .filter_map(|list| booted[*list].as_array())
                .flatten()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect();
            names.sort();
            names.dedup();
            Ok(Value::Items(names))
        }
    }
}

/// `status` of bootc's status.
fn by_bootc(status: &Json, attribute: &str) -> Read<Value> {
    let of = |which: &str, without: &str| {
        let entry = &status[which];
        match (entry.is_null(), entry["image"]["imageDigest"].as_str(), entry["ostree"]["checksum"].as_str()) {
            (true, ..) => Ok(Value::absent(without)),
            (_, Some(digest), _) => Ok(Value::text(digest)),
            (_, None, Some(checksum)) => Ok(Value::text(checksum)),
            _ => Err(Unreadable::new(format!("bootc status --json says nothing of the {which} deployment"))),
        }
    };
    let booted = &status["booted"];
    match attribute {
        "booted" => match booted["ostree"]["checksum"].as_str() {
            Some(checksum) => Ok(Value::text(checksum)),
            None => Err(Unreadable::new("bootc status --json names no ostree commit")),
        },
        "version" => Ok(text_of(&booted["image"]["version"], "it states no version")),
        "image" => Ok(text_of(&booted["image"]["image"]["image"], "not made from a container image")),
        "digest" => Ok(text_of(&booted["image"]["imageDigest"], "not made from a container image")),
        "staged" => of("staged", "none is staged"),
        "rollback" => of("rollback", "there is none to go back to"),
        _ => Err(Unreadable::new("bootc does not say which packages were added; rpm-ostree does")),
    }
}

/// `systemd-sysext status --json`, or the release files that merged extensions bring.
fn sysexts(text: &str) -> Read<Vec<String>> {
    let mut found: Vec<String> = match text.split_once('\n') {
        Some(("from=systemd-sysext", json)) => {
            let status: Json = serde_json::from_str(json)
                .map_err(|error| Unreadable::new(format!("systemd-sysext status --json: {error}")))?;
            let hierarchies =
                status.as_array().ok_or_else(|| Unreadable::new("systemd-sysext status --json is not a list"))?;
            let mut names = Vec::new();
            for hierarchy in hierarchies {
                match &hierarchy["extensions"] {
                    // The word for an empty list.
                    Json::String(word) if word == "none" => {}
                    Json::String(name) => names.push(name.clone()),
                    Json::Array(list) => names.extend(list.iter().filter_map(|name| name.as_str().map(str::to_owned))),
                    _ => {
                        return Err(Unreadable::new("systemd-sysext status --json has a hierarchy without extensions"));
                    }
                }
            }
            names
        }
        Some(("from=files", names)) => shell::names(names)?
            .iter()
            .filter_map(|name| name.strip_prefix("extension-release."))
            .map(str::to_owned)
            .collect(),
        _ => return Err(Unreadable::new("the reading of the extensions has another shape")),
    };
    found.sort();
    found.dedup();
    Ok(found)
}

const SOURCES: &[FixedReading] = &[
    FixedReading {
        attributes: &["kind", "booted", "version", "image", "digest", "staged", "rollback", "layered"],
        key: "deployment/status",
        seconds: 90,
        script: r#"export LC_ALL=C
[ -d /run ] || { echo '/run is not there' >&2; exit 1; }
if [ -e /run/ostree-booted ]; then booted=yes; else booted=no; fi
echo "ostree=$booted"
ask() {
    command -v "$1" >/dev/null 2>&1 || { echo "$1-status=missing"; return; }
    said=$("$1" status --json 2>&1 </dev/null); echo "$1-status=$?"
    printf '%s\n' "$said" | while IFS= read -r line; do printf '%s=%s\n' "$1" "$line"; done
}
ask bootc
# Its service does not start elsewhere.
if [ $booted = yes ]; then ask rpm-ostree; else echo rpm-ostree-status=missing; fi"#,
    },
    FixedReading {
        attributes: &["verity-root-hash"],
        key: "deployment/cmdline",
        seconds: 10,
        script: cat!("/proc/cmdline"),
    },
    FixedReading {
        attributes: &["kind", "verity", "verity-devices", "slots"],
        key: "deployment/devices",
        seconds: 20,
        script: r#"[ -d /sys/class/block ] || { echo '/sys/class/block is not there' >&2; exit 1; }
for folder in /sys/class/block/*; do
    [ -d "$folder" ] || continue
    echo "name=${folder##*/}"
    for file in dm/name dm/uuid; do
        [ ! -r "$folder/$file" ] || { text=; IFS= read -r text <"$folder/$file"; echo "$file=$text"; }
    done
    while IFS= read -r line; do case $line in PARTNAME=*) echo "uevent.$line";; esac; done <"$folder/uevent"
done
echo end=devices"#,
    },
    FixedReading {
        attributes: &["sysexts"],
        key: "deployment/sysexts",
        seconds: 20,
        script: r#"if command -v systemd-sysext >/dev/null 2>&1; then
    echo from=systemd-sysext
    exec systemd-sysext status --json=short
fi
# Without the tool nothing merges them but what brings these files.
[ -d /usr/lib ] || { echo '/usr/lib is not there' >&2; exit 1; }
echo from=files
printf 'names:'
for file in /usr/lib/extension-release.d/extension-release.*; do [ ! -e "$file" ] || printf '%s/' "${file##*/}"; done"#,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, evaluate_on_this_host, expectation, missed, reply};
    use muster_suite::model::Matcher;

    const PACKAGE: &str = "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n";
    /// Flatcar and its descendants: /usr is a device of dm-verity, over which extensions are merged.
    const VERITY: &str = "22 1 254:9 / / rw,relatime shared:1 - ext4 /dev/vda9 rw\n30 22 0:31 / /usr ro,relatime shared:2 - btrfs /dev/mapper/usr ro\n31 22 0:40 / /usr ro,nodev shared:3 - overlay sysext ro,lowerdir=/run/x\n";
    const DEVICES: &str = "name=dm-0\ndm/name=usr\ndm/uuid=CRYPT-VERITY-0123-usr\nname=vda3\nuevent.PARTNAME=USR-A\nname=vda4\nuevent.PARTNAME=USR-B\nname=vda9\nuevent.PARTNAME=ROOT\nend=devices\n";
    const NEITHER: &str = "ostree=no\nbootc-status=missing\nrpm-ostree-status=missing\n";

    fn evaluate(attribute: &'static str, matcher: Matcher, readings: &[(&str, &str)]) -> Verdict {
        let seen = Observations(readings.iter().map(|(key, text)| ((*key).to_owned(), reply(0, text))).collect());
        Deployment.evaluate(&expectation("deployment", "", &[(attribute, matcher)]), &seen, &Facts::default()).remove(0)
    }

    fn kind_of(status: &str, mounts: &str, devices: &str, wanted: &str) -> Verdict {
        evaluate(
            "kind",
            equals(wanted),
            &[("deployment/status", status), ("mount/info", mounts), ("deployment/devices", devices)],
        )
    }

    #[test]
    fn kinds_are_known_by_what_booted_and_by_what_is_mounted() {
        let none = "end=devices\n";
        assert_eq!(kind_of(NEITHER, PACKAGE, none, "package"), Verdict::MET);
        assert_eq!(kind_of(NEITHER, VERITY, DEVICES, "verity"), Verdict::MET);
        assert_eq!(kind_of(NEITHER, &PACKAGE.replace("rw", "ro"), none, "image"), Verdict::MET);
        let ostree = NEITHER.replace("ostree=no", "ostree=yes");
        assert_eq!(kind_of(&ostree, PACKAGE, none, "ostree"), Verdict::MET);
        let bootc = format!("ostree=yes\nbootc-status=0\nbootc={BOOTC}\nrpm-ostree-status=missing\n");
        assert_eq!(kind_of(&bootc, PACKAGE, none, "bootc"), Verdict::MET);
        // bootc is installed and did not boot this.
        let idle = "ostree=no\nbootc-status=0\nbootc={\"status\":{\"booted\":null}}\nrpm-ostree-status=missing\n";
        assert_eq!(kind_of(idle, PACKAGE, none, "package"), Verdict::MET);
        for (status, devices) in [
            ("ostree=no\nbootc-status=1\nbootc=error: no\nrpm-ostree-status=missing\n", none),
            ("", none),
            (NEITHER, "name=dm-0\n"),
            (NEITHER, ""),
        ] {
            assert!(
                matches!(kind_of(status, PACKAGE, devices, "package"), Verdict::Unknown { .. }),
                "{status}{devices}"
            );
        }
        // Which device the kernel mounted cannot be told.
        let unnamed = PACKAGE.replace("/dev/vda1", "/dev/root");
        assert!(matches!(kind_of(NEITHER, &unnamed, DEVICES, "package"), Verdict::Unknown { .. }));
        assert_eq!(kind_of(NEITHER, &unnamed, none, "package"), Verdict::MET);
    }

    #[test]
    fn verity_slots_and_hashes_are_read() {
        let readings = [("mount/info", VERITY), ("deployment/devices", DEVICES)];
        assert_eq!(evaluate("verity", equals("true"), &readings), Verdict::MET);
        assert_eq!(evaluate("usr-read-only", equals("true"), &readings), Verdict::MET);
        assert_eq!(evaluate("verity-devices", Matcher::Only(vec!["usr".into()]), &readings), Verdict::MET);
        assert_eq!(evaluate("slots", Matcher::Only(vec!["USR-A".into(), "USR-B".into()]), &readings), Verdict::MET);
        assert_eq!(evaluate("composefs", equals("false"), &readings), Verdict::MET);
        let composed = "22 1 0:33 / / ro,relatime shared:1 - overlay composefs ro,lowerdir+=/run/x,verity=require\n";
        assert_eq!(evaluate("composefs", equals("true"), &[("mount/info", composed)]), Verdict::MET);
        let hash = "ab".repeat(32);
        let line = format!("root=LABEL=ROOT verity.usrhash={hash} usrhash=short quiet\nmuster: end of file\n");
        let only = Matcher::Only(vec![hash.clone()]);
        assert_eq!(evaluate("verity-root-hash", only.clone(), &[("deployment/cmdline", &line)]), Verdict::MET);
        let chrome = format!(
            "dm=\"1 vroot none ro 1,0 4077568 verity payload=x root_hexdigest={hash} salt=00\"\nmuster: end of file\n"
        );
        assert_eq!(evaluate("verity-root-hash", only, &[("deployment/cmdline", &chrome)]), Verdict::MET);
        assert_eq!(slots(&["boot_a", "boot_b", "data", "X-A", "grubA", "grubB"]), ["boot_a", "boot_b"]);
    }

    /// From the documentation of rpm-ostree, shortened; not recorded.
    const RPM_OSTREE: &str = r#"{"deployments": [
  {"checksum": "aaaa", "staged": true, "booted": false, "version": "43.2"},
  {"checksum": "bbbb", "staged": false, "booted": true, "version": "43.1", "requested-packages": ["htop"], "packages": ["htop", "strace"], "requested-local-packages": []},
  {"checksum": "cccc", "staged": false, "booted": false, "version": "43.0"}
]}"#;

    /// From the documentation of bootc, shortened; not recorded.
    const BOOTC: &str = r#"{"apiVersion":"org.containers.bootc/v1","kind":"BootcHost","status":{"staged":null,"booted":{"image":{"image":{"image":"quay.io/example/os:latest","transport":"registry"},"version":"43.1","imageDigest":"sha256:0001"},"ostree":{"checksum":"bbbb","deploySerial":0}},"rollback":{"image":{"imageDigest":"sha256:0002"}},"type":"bootcHost"}}"#;

    fn lines(tool: &str, json: &str) -> String {
        json.lines().map(|line| format!("{tool}={line}\n")).collect()
    }

    #[test]
    fn deployments_are_read_from_either_tool() {
        let by_rpm_ostree =
            format!("ostree=yes\nbootc-status=missing\nrpm-ostree-status=0\n{}", lines("rpm-ostree", RPM_OSTREE));
        let met = |attribute, matcher, text: &str| {
            assert_eq!(evaluate(attribute, matcher, &[("deployment/status", text)]), Verdict::MET, "{attribute}");
        };
        met("booted", equals("bbbb"), &by_rpm_ostree);
        met("staged", equals("aaaa"), &by_rpm_ostree);
        met("rollback", equals("cccc"), &by_rpm_ostree);
        met("version", equals("43.1"), &by_rpm_ostree);
        met("layered", Matcher::Only(vec!["htop".into(), "strace".into()]), &by_rpm_ostree);
        let by_bootc = format!("ostree=yes\nbootc-status=0\n{}rpm-ostree-status=missing\n", lines("bootc", BOOTC));
        met("booted", equals("bbbb"), &by_bootc);
        met("staged", equals("none"), &by_bootc);
        met("rollback", equals("sha256:0002"), &by_bootc);
        met("image", equals("quay.io/example/os:latest"), &by_bootc);
        met("digest", equals("sha256:0001"), &by_bootc);
        let verdict = evaluate("layered", Matcher::None, &[("deployment/status", &by_bootc)]);
        assert!(matches!(verdict, Verdict::Unknown { why } if why.contains("rpm-ostree does")));
    }

    #[test]
    fn a_system_without_deployments_has_nothing_staged_and_does_not_pass_for_it() {
        let staged = |text: &str| evaluate("staged", equals("none"), &[("deployment/status", text)]);
        assert_eq!(missed(&staged(NEITHER)).1, "booted neither by ostree nor by bootc");
        for unknown in [
            "ostree=yes\nbootc-status=missing\nrpm-ostree-status=missing\n",
            "ostree=yes\nbootc-status=missing\nrpm-ostree-status=1\nrpm-ostree=error: no bus\n",
            "ostree=yes\nbootc-status=missing\nrpm-ostree-status=0\nrpm-ostree={\"deployments\":[]}\n",
            "",
        ] {
            assert!(matches!(staged(unknown), Verdict::Unknown { .. }), "{unknown}");
        }
    }

    #[test]
    fn merged_extensions_are_listed_once_whatever_they_cover() {
        // systemd 252, recorded; the second with extensions as its manual shows them.
        let none = r#"[{"hierarchy":"/opt","extensions":"none","since":null},{"hierarchy":"/usr","extensions":"none","since":null}]"#;
        let two = r#"[{"hierarchy":"/opt","extensions":["docker"],"since":1},{"hierarchy":"/usr","extensions":["docker","zfs"],"since":1}]"#;
        let of = |json: &str| sysexts(&format!("from=systemd-sysext\n{json}\n"));
        assert_eq!(of(none).unwrap(), Vec::<String>::new());
        assert_eq!(of(two).unwrap(), ["docker", "zfs"]);
        assert_eq!(sysexts("from=files\nnames:extension-release.docker/x/").unwrap(), ["docker"]);
        assert!(of("").is_err() && sysexts("").is_err());
    }

    #[test]
    fn what_this_host_is_can_be_reported() {
        let asked = expectation("deployment", "", &[("verity-root-hash", Matcher::None), ("slots", Matcher::None)]);
        for verdict in evaluate_on_this_host(&Deployment, &asked) {
            assert!(!matches!(verdict, Verdict::Unknown { .. }), "{verdict:?}");
        }
    }
}
