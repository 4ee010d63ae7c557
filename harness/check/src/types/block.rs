//! `block`: a block device, by its path, by what is mounted from it, or as the disk below the root file system.

use muster_suite::grammar::paths;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{subjects, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::fields::Fields;
use crate::observed::Value;
use crate::unreadable::{Read, Unreadable};
use crate::value;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute("present", AttributeKind::Bool, "Whether there is such a device, or one below that mount point."),
    attribute("path", AttributeKind::Text, "The kernel's own path of it (`/dev/vda3`)."),
    attribute(
        "type",
        AttributeKind::Keyword(&[
            "disk",
            "partition",
            "verity",
            "crypt",
            "lvm",
            "multipath",
            "mapped",
            "raid",
            "loop",
            "zram",
            "rom",
        ]),
        "What it is.",
    ),
    attribute("size", AttributeKind::Size, "Its size."),
    attribute(
        "fs-type",
        AttributeKind::Text,
        "Type of the file system on it; `none` when nothing that is known is on it.",
    ),
    attribute("label", AttributeKind::Text, "Label of the file system."),
    attribute("uuid", AttributeKind::Text, "UUID of the file system; `{not: none}` requires one."),
    attribute("partition-label", AttributeKind::Text, "Name of the partition in its table."),
    attribute("read-only", AttributeKind::Bool, "Whether the kernel refuses to write to it."),
    attribute("disk", AttributeKind::Text, "Path of the disk that it is, or is on."),
    attribute(
        "partition-table",
        AttributeKind::Keyword(&["gpt", "dos", "none"]),
        "Partition table of the disk that it is, or is on.",
    ),
    attribute("partitions", AttributeKind::Integer, "How many partitions that disk has."),
    attribute("rotational", AttributeKind::Bool, "Whether the kernel takes that disk for a rotating one."),
    attribute(
        "grown",
        AttributeKind::Bool,
        "Whether the file system fills its device (but for a tenth, which its own tables may take) and nothing behind the partition's start is left unused (but for 1 % of the disk, or 4 MiB).",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "block",
    summary: "A block device, by its path, by what is mounted from it, or as the disk below the root file system.",
    subject: Subject::Named(&paths::BLOCK),
    shorthand: Shorthand::Keywords(&[("present", "present", "true"), ("absent", "present", "false")]),
    gone: &["present"],
    attributes: ATTRIBUTES,
    reads: "/proc/self/mountinfo, /sys/dev/block, `blkid -p` (without it what udev wrote down), `stat -f` for the size of a file system.",
    example: r#"block:
  root-disk: {partition-table: gpt, size: ">= 4 GiB"}
  /: {fs-type: ext4, grown: true}
  /boot/efi: {fs-type: vfat, uuid: {not: none}}
"#,
};

/// The check type.
pub struct Block;

impl Check for Block {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let all: Vec<&str> = ATTRIBUTES.iter().map(|attribute| attribute.name).collect();
        Probe::batch("block", 30, &subjects(wanted, &all), READ).into_iter().collect()
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        let subject = &expectation.subject;
        verdicts(&TABLE, expectation, |assertion| {
            let answer = seen.answer("block", subject)?;
            if answer.status != 0 {
                return Err(Unreadable::new(format!("{subject}: {}", answer.output)));
            }
            let fields = Fields::read(&answer.output);
            if let Some(why) = fields.get("gone") {
                return Ok(if assertion.attribute == "present" { Value::flag(false) } else { Value::gone(why) });
            }
            let devices = fields.groups("name");
            let (Some(found), disks) = (devices.first(), devices.get(1..).unwrap_or_default()) else {
                return Err(Unreadable::new(format!("nothing was read of {subject}")));
            };
            let disk = || match disks {
                [disk] => Ok(disk),
                several => Err(Unreadable::new(format!("{subject} is on {} disks", several.len()))),
            };
            let device = if subject == "root-disk" { disk()? } else { found };
            match assertion.attribute {
                "present" => Ok(Value::flag(true)),
                "path" => path(device).map(Value::Text),
                "type" => Ok(Value::text(kind(device))),
                "size" => bytes(device, "size").map(|bytes| Value::Text(value::of_bytes(bytes))),
                "fs-type" => {
                    match (content(device, "ID_FS_TYPE", "no file system that is known"), fields.get("mounted")) {
                        // The kernel knows what it mounted, whoever may read the device.
                        (Err(_), Some(kind)) if subject != "root-disk" => Ok(Value::text(kind)),
                        (content, _) => content,
                    }
                }
                "label" => content(device, "ID_FS_LABEL_ENC", "no label"),
                "uuid" => content(device, "ID_FS_UUID_ENC", "no UUID"),
                "partition-label" => Ok(Value::text_or(
                    device.get("uevent.PARTNAME").unwrap_or_default(),
                    "not a partition, or one without a name",
                )),
                "read-only" => flag(device, "ro"),
                "disk" => path(disk()?).map(Value::Text),
                "partition-table" => Ok(match content(disk()?, "ID_PART_TABLE_TYPE", "")? {
                    Value::Absent(_) => Value::text("none"),
                    table => table,
                }),
                "partitions" => Ok(Value::text(disk()?.all("part").count().to_string())),
                "rotational" => flag(disk()?, "queue/rotational"),
                "grown" => grown(found, disk()?, fields.get("filesystem")).map(Value::flag),
                _ => unanswered(assertion),
            }
        })
    }
}

fn path(device: &Fields<'_>) -> Read<String> {
    let name =
        device.get("uevent.DEVNAME").ok_or_else(|| Unreadable::new("the kernel does not name its device file"))?;
    Ok(format!("/dev/{name}"))
}

/// By what the kernel shows of it; the drivers of the device mapper put their name before the UUID.
fn kind(device: &Fields<'_>) -> &'static str {
    let name = device.get("name").unwrap_or_default();
    let mapped = device.get("dm/name").map(|_| device.get("dm/uuid").unwrap_or_default());
    match mapped {
        Some(uuid) if uuid.starts_with("CRYPT-VERITY-") => "verity",
        Some(uuid) if uuid.starts_with("CRYPT-") => "crypt",
        Some(uuid) if uuid.starts_with("LVM-") => "lvm",
        Some(uuid) if uuid.starts_with("mpath-") => "multipath",
        Some(_) => "mapped",
        None if device.get("partition").is_some() => "partition",
        None if device.get("md/level").is_some() => "raid",
        None if name.starts_with("loop") => "loop",
        None if name.starts_with("zram") => "zram",
        None if name.starts_with("sr") => "rom",
        None => "disk",
    }
}

/// Sizes and places below /sys/block are in sectors of 512 bytes, whatever the device's own are.
fn bytes(device: &Fields<'_>, name: &str) -> Read<u128> {
    let text = device.get(name).unwrap_or_default();
    let sectors: u128 = text.parse().map_err(|_| Unreadable::new(format!("its {name} is `{text}`")))?;
    Ok(sectors.saturating_mul(512))
}

fn flag(device: &Fields<'_>, name: &str) -> Read<Value> {
    match device.get(name) {
        Some("0") => Ok(Value::flag(false)),
        Some("1") => Ok(Value::flag(true)),
        other => Err(Unreadable::new(format!("its {name} is `{}`", other.unwrap_or_default()))),
    }
}

/// What lies on a device, in udev's words. Only who read the device can say that nothing is there:
/// udev does not look at every device.
fn content(device: &Fields<'_>, key: &str, without: &str) -> Read<Value> {
    if let Some(text) = device.get(key) {
        return Ok(Value::Text(unescape(text)));
    }
    // busybox: `/dev/vda1: LABEL="root" UUID="…" TYPE="ext4"`; what it does not name may be there.
    let tag = match key {
        "ID_FS_TYPE" => " TYPE=\"",
        "ID_FS_LABEL_ENC" => " LABEL=\"",
        "ID_FS_UUID_ENC" => " UUID=\"",
        _ => "\0",
    };
    let plain = device.all("plain").find_map(|line| line.split_once(tag)?.1.split_once('"'));
    if let Some((text, _)) = plain {
        return Ok(Value::text(text));
    }
    match device.get("probed") {
        Some("yes") => Ok(Value::absent(without)),
        why => Err(Unreadable::new(why.unwrap_or("its content was not read"))),
    }
}

/// udev's escapes, `\x20` for a space.
fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after
            .strip_prefix(b"x")
            .filter(|_| first == b'\\')
            .and_then(|digits| std::str::from_utf8(digits.get(..2)?).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(code.unwrap_or(first));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn grown(device: &Fields<'_>, disk: &Fields<'_>, filesystem: Option<&str>) -> Read<bool> {
    let numbers = |text: &str| -> Option<(u128, u128)> {
        let (one, two) = text.split_once(' ')?;
        Some((one.parse().ok()?, two.parse().ok()?))
    };
    let Some(filesystem) = filesystem else {
        return Err(Unreadable::new("nothing is mounted from it, so that the size of its file system is not known"));
    };
    let (block, blocks) = numbers(filesystem).ok_or_else(|| Unreadable::new(format!("stat -f says `{filesystem}`")))?;
    let size = bytes(device, "size")?;
    let fills = block.saturating_mul(blocks).saturating_mul(10) >= size.saturating_mul(9);
    if device.get("partition").is_none() {
        if device.get("name") == disk.get("name") {
            return Ok(fills);
        }
        return Err(Unreadable::new(format!("a device of the type {} is not a partition of its disk", kind(device))));
    }
    let start = bytes(device, "start")?;
    let whole = bytes(disk, "size")?;
    let mut behind = whole.saturating_sub(start);
    for part in disk.all("part") {
        let (other, length) = numbers(part).ok_or_else(|| Unreadable::new(format!("a partition is at `{part}`")))?;
        if other.saturating_mul(512) >= start {
            behind = behind.saturating_sub(length.saturating_mul(512));
        }
    }
    Ok(fills && behind <= (whole / 100).max(4 << 20))
}

/// Finds the device of `"$1"`, and describes it and the disks that it lies on, one group of lines
/// each, the disks after the device. `gone=` is the only line when the subject is not there.
const READ: &str = r#"device= point= number= type=
case $1 in
root-disk) point=/;;
*[[:space:]\\]*) echo 'a path with white space or a backslash cannot be looked up'; return 1;;
/dev/*) device=$1;;
/*) point=$1;;
*) echo 'it is neither a path nor root-disk'; return 1;;
esac
[ -d /sys/dev/block ] || { echo '/sys/dev/block is not there'; return 1; }
# Finds what is mounted at $2, or else from the device with the numbers $1 and the path $3: of some file systems the
# table has numbers of their own. The last mount there is the topmost.
mounted() {
    found= type= source=
    while read -r _ _ numbers _ where rest; do
        rest=${rest#* - }; kind=${rest%% *}; from=${rest#* }; from=${from%% *}
        if [ -n "$2" ]; then [ "$2" = "$where" ] || continue
        else
            [ "$1" = "$numbers" ] || { case $numbers$from in 0:*/*) [ "$3" -ef "$from" ];; *) false;; esac; } || continue
            point=$where
        fi
        found=$numbers; type=$kind; source=$from
    done </proc/self/mountinfo || exit 1
}
if [ -n "$point" ]; then
    mounted '' "$point" ''
    number=$found
    if [ -z "$number" ]; then
        [ "$point" != / ] || { echo 'the mount table has no /, as seen from inside a chroot'; return 1; }
        echo 'gone=nothing is mounted there'; return 0
    fi
    # Some file systems number their mounts themselves; then the source is the device.
    case $number in 0:*)
        case $source in
        /dev/*) device=$source; [ -b "$device" ] || { echo "$device, which is mounted there, is not a device file"; return 1; };;
        *) echo "gone=$type of $source is mounted there, which is on no block device"; return 0;;
        esac;;
    esac
fi
if [ -n "$device" ]; then
    if [ ! -e "$device" ]; then
        case $device in /dev/disk/*) [ -d /run/udev/data ] || { echo 'links below /dev/disk are made by udev, which did not run'; return 1; };; esac
        echo 'gone=there is no such device'; return 0
    fi
    [ -b "$device" ] || { echo 'gone=it is not a block device'; return 0; }
    numbers=$(stat -L -c '%t %T' -- "$device") || { code=$?; echo "stat: $numbers"; return $code; }
    number=$(printf '%d:%d' "0x${numbers% *}" "0x${numbers#* }") || return 1
    [ -n "$point" ] || mounted "$number" '' "$device"
fi
[ -z "$type" ] || echo "mounted=$type"
[ -d "/sys/dev/block/$number" ] || { echo "/sys/dev/block does not show the device $number"; return 1; }
[ -z "$point" ] || { size=$(stat -f -c '%S %b' -- "$point" 2>/dev/null) && echo "filesystem=$size"; }
content() {
    if command -v blkid >/dev/null 2>&1; then
        dd if="$1" of=/dev/null bs=512 count=1 2>/dev/null || { echo "probed=$1 cannot be read"; return; }
        said=$(blkid -p -o udev -- "$1" 2>/dev/null)
        # That of busybox takes the options, heeds none, and ends with 0 when it found nothing.
        case $?$said in
        2*) echo probed=yes; return;;
        0ID_*|0*"
ID_"*) printf '%s\nprobed=yes\n' "$said"; return;;
        8*) echo "probed=$1 has signatures that contradict each other"; return;;
        0?*) printf '%s\n' "$said" | while IFS= read -r line; do printf 'plain=%s\n' "$line"; done;;
        esac
    fi
    if [ -r "/run/udev/data/b$2" ]; then
        while IFS= read -r line; do case $line in E:ID_FS_*|E:ID_PART_TABLE_TYPE=*) echo "${line#E:}";; esac; done <"/run/udev/data/b$2"
        echo 'probed=udev wrote nothing of this down, and there is no blkid that reads devices'
    else
        echo 'probed=there is neither a blkid that reads devices nor what udev wrote down'
    fi
}
describe() (
    cd -P "$1" || exit 1
    echo "name=${PWD##*/}"
    for file in size ro start partition dm/name dm/uuid md/level queue/rotational; do
        [ ! -r $file ] || { text=; IFS= read -r text <$file; echo "$file=$text"; }
    done
    name=
    while IFS= read -r line; do case $line in DEVNAME=*|PARTNAME=*) echo "uevent.$line";; esac; case $line in DEVNAME=*) name=${line#*=};; esac; done <uevent
    for part in */partition; do
        [ -r "$part" ] || continue
        read -r start <"${part%/*}/start" && read -r size <"${part%/*}/size" && echo "part=$start $size"
    done
    IFS= read -r numbers <dev || exit 1
    content "/dev/$name" "$numbers"
)
disks() (
    cd -P "$1" || exit 1
    [ ! -e partition ] || cd -P .. || exit 1
    below=
    for lower in slaves/*; do
        [ ! -d "$lower" ] || { below=1; disks "$lower"; }
    done
    [ -n "$below" ] || echo "$PWD"
)
describe "/sys/dev/block/$number" || return 1
known=' '
for disk in $(disks "/sys/dev/block/$number"); do
    case $known in *" $disk "*) continue;; esac
    known="$known$disk "
    describe "$disk" || return 1
done"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, evaluate_on_this_host, expectation, missed, records, seen};
    use muster_suite::model::{Matcher, Operator};

    /// A root partition that was grown to the end of its disk, as the probe prints it on a cloud image:
    /// a disk of 8 GiB with an ESP and the root behind it.
    const ROOT: &str = "filesystem=4096 2000000\nname=vda3\nsize=16252895\nro=0\nstart=524288\npartition=3\nuevent.DEVNAME=vda3\nuevent.PARTNAME=root\nID_FS_LABEL_ENC=two\\x20words\nID_FS_UUID_ENC=486085a4-89c5-4b9d-9abe-fae0272e1862\nID_FS_TYPE=ext4\nprobed=yes\nname=vda\nsize=16777216\nro=0\nqueue/rotational=1\nuevent.DEVNAME=vda\npart=524288 16252895\npart=2048 522240\nID_PART_TABLE_TYPE=gpt\nprobed=yes\n";

    fn evaluator_of(text: &str, subject: &str, attribute: &'static str, matcher: Matcher) -> Verdict {
        let wanted = expectation("block", subject, &[(attribute, matcher)]);
        Block.evaluate(&wanted, &seen("block", records(&[(subject, 0, text)])), &Facts::default()).remove(0)
    }

    #[test]
    fn a_partition_and_the_disk_below_it_are_distinguished() {
        let met = |subject, attribute, matcher| {
            assert_eq!(evaluator_of(ROOT, subject, attribute, matcher), Verdict::MET, "{subject} {attribute}");
        };
        met("/", "type", equals("partition"));
        met("/", "path", equals("/dev/vda3"));
        met("/", "label", equals("two words"));
        met("/", "uuid", Matcher::Not(Box::new(equals("none"))));
        met("/", "partition-label", equals("root"));
        met("/", "disk", equals("/dev/vda"));
        met("/", "partition-table", equals("gpt"));
        met("/", "partitions", equals("2"));
        met("root-disk", "type", equals("disk"));
        met("root-disk", "fs-type", equals("none"));
        met("root-disk", "size", equals("8 GiB"));
        met("root-disk", "rotational", equals("true"));
        met("root-disk", "grown", equals("true"));
        assert_eq!(
            missed(&evaluator_of(ROOT, "/", "size", Matcher::Compare(vec![(Operator::Ge, "8 GiB".into())]))).1,
            "7.7 GiB (8321482240 B)"
        );
    }

    #[test]
    fn space_that_is_left_on_the_disk_or_in_the_partition_is_not_grown() {
        let grown = |text: &str| evaluator_of(text, "/", "grown", equals("true"));
        assert_eq!(grown(ROOT), Verdict::MET);
        assert_eq!(missed(&grown(&ROOT.replace("filesystem=4096 2000000", "filesystem=4096 1200000"))).1, "false");
        // The disk is larger than the image was.
        assert_eq!(missed(&grown(&ROOT.replace("size=16777216", "size=62914560"))).1, "false");
        // A small partition at the very end does not hide it.
        let hidden =
            ROOT.replace("size=16777216", "size=62914560").replace("part=2048", "part=62900000 14000\npart=2048");
        assert_eq!(missed(&grown(&hidden)).1, "false");
        let lvm = ROOT.replace("partition=3\n", "dm/name=root\ndm/uuid=LVM-abc\n");
        assert!(matches!(grown(&lvm), Verdict::Unknown { why } if why.contains("type lvm")));
        let unmounted = ROOT.replace("filesystem=4096 2000000\n", "");
        assert!(matches!(grown(&unmounted), Verdict::Unknown { why } if why.contains("nothing is mounted")));
    }

    #[test]
    fn content_that_nobody_read_is_neither_there_nor_absent() {
        let unread = ROOT.replace("ID_FS_TYPE=ext4\nprobed=yes", "probed=there is no blkid");
        for matcher in [equals("none"), equals("ext4"), Matcher::None] {
            assert!(
                matches!(evaluator_of(&unread, "/", "fs-type", matcher), Verdict::Unknown { why } if why == "there is no blkid")
            );
        }
        // busybox 1.37 names what it knows, and is silent of the rest.
        let busybox = ROOT.replace("ID_FS_LABEL_ENC=two\\x20words\nID_FS_UUID_ENC=486085a4-89c5-4b9d-9abe-fae0272e1862\nID_FS_TYPE=ext4\nprobed=yes", "plain=/dev/vda3: UUID=\"486085a4\" TYPE=\"ext4\"\nprobed=neither");
        assert_eq!(evaluator_of(&busybox, "/", "fs-type", equals("ext4")), Verdict::MET);
        assert_eq!(evaluator_of(&busybox, "/", "uuid", equals("486085a4")), Verdict::MET);
        assert!(matches!(evaluator_of(&busybox, "/", "label", equals("none")), Verdict::Unknown { .. }));
        let gone = "gone=nothing is mounted there\n";
        assert_eq!(evaluator_of(gone, "/data", "present", equals("false")), Verdict::MET);
        assert_eq!(missed(&evaluator_of(gone, "/data", "fs-type", equals("none"))).1, "nothing is mounted there");
        let mounted = format!("mounted=xfs\n{}", unread.replace("ID_FS_UUID_ENC", "ID_OTHER"));
        assert_eq!(evaluator_of(&mounted, "/", "fs-type", equals("xfs")), Verdict::MET);
        assert!(matches!(evaluator_of(&mounted, "/", "uuid", equals("none")), Verdict::Unknown { .. }));
        let two = format!("{ROOT}name=vdb\nprobed=yes\n");
        assert!(
            matches!(evaluator_of(&two, "/", "disk", equals("/dev/vda")), Verdict::Unknown { why } if why.contains("2 disks"))
        );
    }

    #[test]
    fn kinds_come_from_what_the_kernel_shows() {
        let of = |text: &'static str| kind(&Fields::read(text));
        assert_eq!(of("name=dm-0\ndm/name=usr\ndm/uuid=CRYPT-VERITY-0123-usr"), "verity");
        assert_eq!(of("name=dm-0\ndm/name=home\ndm/uuid=CRYPT-LUKS2-0123-home"), "crypt");
        assert_eq!(of("name=dm-0\ndm/name=x\ndm/uuid="), "mapped");
        assert_eq!((of("name=md0\nmd/level=raid1"), of("name=nvme0n1"), of("name=sr0")), ("raid", "disk", "rom"));
        assert_eq!(unescape("a\\x20b\\x"), "a b\\x");
    }

    #[test]
    fn what_is_mounted_from_a_device_is_found_by_its_numbers_or_its_path() {
        let host = tempfile::tempdir().unwrap();
        // A file system without numbers of its own, one with them from a device and over a link to it, and one from none.
        let link = host.path().join("dev-mapper");
        std::os::unix::fs::symlink("/dev/full", &link).unwrap();
        let table = "29 1 0:33 /root / rw,relatime shared:1 - btrfs /dev/null rw,subvol=/root\n\
                     30 29 0:33 /home /home rw - btrfs /dev/null rw\n\
                     31 29 0:40 / /tmp rw - tmpfs tmpfs rw\n\
                     32 29 254:2 / /boot rw - ext4 /dev/vda2 rw\n\
                     33 29 0:41 / /var rw shared:2 - btrfs LINK rw\n";
        let link = link.display().to_string();
        let mountinfo = host.path().join("mountinfo");
        std::fs::write(&mountinfo, table.replace("LINK", &link)).unwrap();
        let begin = READ.find("mounted() {").unwrap();
        let end = begin + READ[begin..].find("\n}\n").unwrap() + 3;
        let function = READ[begin..end].replace("/proc/self/mountinfo", mountinfo.to_str().unwrap());
        let found = |arguments: &str| {
            let script = format!("point=\n{function}mounted {arguments}\necho \"$found $type $source $point\"");
            let reply = crate::testing::with_tools(&[], &script);
            assert_eq!((reply.status, reply.stderr.as_slice()), (0, b"".as_slice()), "{arguments}");
            String::from_utf8(reply.stdout).unwrap().trim().to_owned()
        };
        assert_eq!(found("'' / ''"), "0:33 btrfs /dev/null");
        assert_eq!(found("'' /boot ''"), "254:2 ext4 /dev/vda2");
        assert_eq!(found("'' /no ''"), "");
        assert_eq!(found("254:2 '' /dev/vda2"), "254:2 ext4 /dev/vda2 /boot");
        assert_eq!(found("1:3 '' /dev/null"), "0:33 btrfs /dev/null /home", "the last of several");
        assert_eq!(found("1:7 '' /dev/full"), format!("0:41 btrfs {link} /var"), "by another path");
        assert_eq!(found("1:5 '' /dev/zero"), "");
        assert_eq!(found("254:9 '' /dev/vda2"), "", "a number that is the kernel's own decides");
    }

    #[test]
    fn devices_of_this_host_are_read_or_called_missing() {
        let gone = expectation("block", "/dev/no-such-disk", &[("present", equals("false"))]);
        assert_eq!(evaluate_on_this_host(&Block, &gone), [Verdict::MET]);
        let file = expectation("block", "/dev/null", &[("present", equals("false"))]);
        assert_eq!(evaluate_on_this_host(&Block, &file), [Verdict::MET]);
        for refused in ["nonsense", "/a b"] {
            let wanted = expectation("block", refused, &[("present", equals("false"))]);
            assert!(matches!(&evaluate_on_this_host(&Block, &wanted)[0], Verdict::Unknown { .. }), "{refused}");
        }
    }
}
