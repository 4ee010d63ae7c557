//! An image's file as a person names it: what it says of itself, and what to do when it cannot be used.

use camino::Utf8Path;

use super::error::CliError;
use super::event_loop::runtime;
use muster_base::machine::{Arch, Format};
use muster_image::ImageSpec;

/// The file as an image that is only looked into; its format is guessed where none is stated.
pub(crate) async fn looked_into(
    file: &Utf8Path,
    format: Option<Format>,
    arch: Arch,
) -> Result<ImageSpec, muster_image::ImageError> {
    let format = match format {
        Some(format) => format,
        None => muster_image::inspect::guess(file.as_std_path()).await?.0,
    };
    let spec = ImageSpec::from_file(file.as_std_path(), format);
    Ok(ImageSpec { arch, max_virtual_size: ImageSpec::MAX_LOOKED_INTO, ..spec })
}

/// Whether a name is an address, such as `https://…`.
pub(crate) fn is_address(name: &str) -> bool {
    name.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    })
}

/// The error for an address in the place of an image.
pub(crate) fn not_fetched(name: &str) -> CliError {
    let shown = muster_base::text::one_line(name, 200);
    CliError::invalid(format!("{shown}: muster fetches no address that is named as an image")).hint(
        "download it and name the file, or describe it with `download:` in images/*.yaml, for `muster images pull`",
    )
}

/// What a file says of itself, read as a run reads it before it starts it.
pub(crate) fn facts(file: &Utf8Path, format: Option<Format>) -> Result<muster_record::disk::DiskFacts, CliError> {
    let facts = runtime()?.block_on(async {
        let spec = looked_into(file, format, Arch::X86_64).await?;
        muster_image::facts(std::path::Path::new("."), &spec).await
    });
    Ok(facts?)
}

/// A size in MiB and in bytes: Azure counts the one, everything else the other.
pub(crate) fn size(bytes: u64) -> String {
    let rest = match bytes % MIB {
        0 => String::new(),
        rest => format!(" and {rest} bytes"),
    };
    format!("{} MiB{rest} ({bytes} bytes)", bytes / MIB)
}

const MIB: u64 = 1 << 20;

/// What a person should know of a disk beyond its sizes and partitions, and what to do about it.
pub(crate) fn notes_on(file: &Utf8Path, disk: &muster_record::disk::DiskFacts) -> Vec<String> {
    let table = disk.table.as_ref();
    let damage = table.and_then(|table| table.damage.as_ref()).map(ToString::to_string);
    damage.into_iter().chain(whole(file, disk)).collect()
}

/// How the disk becomes a whole number of MiB, when it is not: Azure takes no other.
fn whole(file: &Utf8Path, disk: &muster_record::disk::DiskFacts) -> Option<String> {
    if disk.virtual_size.is_multiple_of(MIB) || disk.format == Format::Tar.name() {
        return None;
    }
    let mib = disk.virtual_size.div_ceil(MIB);
    let resize = |format: &str, file: &Utf8Path| format!("`qemu-img resize -f {format} {file} {mib}M`");
    let how = match disk.format.parse() {
        Ok(format @ (Format::Raw | Format::Qcow2)) => resize(format.driver(), file),
        // qemu-img changes the size of no other format.
        format => {
            let driver = format.map_or("raw", Format::driver);
            let raw = file.with_extension("raw");
            let options = if driver == "vpc" { " -o subformat=fixed,force_size=on" } else { "" };
            let new = file.with_extension(format!("new.{}", file.extension().unwrap_or(&disk.format)));
            let (there, back) = (
                format!("`qemu-img convert -f {driver} -O raw {file} {raw}`"),
                format!("`qemu-img convert -f raw -O {driver}{options} {raw} {new}`"),
            );
            format!("{there}, {}, {back}", resize("raw", &raw))
        }
    };
    let gpt = disk.table.as_ref().is_some_and(|table| table.kind == "gpt");
    let then = if gpt {
        "; before it is converted back, `sgdisk -e` moves the second copy of the GPT to the new end"
    } else {
        ""
    };
    Some(format!("its size is no whole number of MiB, which Azure demands; to make it {mib} MiB: {how}{then}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_is_no_whole_number_of_mib_comes_with_the_line_that_makes_it_one() {
        assert_eq!(size(30 << 30), "30720 MiB (32212254720 bytes)");
        assert_eq!(size((30 << 30) + 512), "30720 MiB and 512 bytes (32212255232 bytes)");
        let disk = |format: &str, virtual_size| muster_record::disk::DiskFacts {
            format: format.to_owned(),
            virtual_size,
            table: Some(muster_record::disk::Table { kind: "gpt".to_owned(), ..Default::default() }),
            ..Default::default()
        };
        for format in Format::NAMES {
            assert_eq!(notes_on("d".into(), &disk(format, 5 << 20)), Vec::<String>::new(), "{format}");
        }
        let [line] = &notes_on("d.qcow2".into(), &disk("qcow2", (5 << 20) + 1))[..] else { panic!() };
        assert!(line.contains("to make it 6 MiB: `qemu-img resize -f qcow2 d.qcow2 6M`; "), "{line}");
        let [line] = &notes_on("d.vhd".into(), &disk("vhd", (5 << 20) + 512))[..] else { panic!() };
        let steps = "`qemu-img convert -f vpc -O raw d.vhd d.raw`, `qemu-img resize -f raw d.raw 6M`, \
            `qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on d.raw d.new.vhd`; before";
        assert!(line.contains(steps), "{line}");
    }
}
