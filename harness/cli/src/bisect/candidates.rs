//! The images between a good and a bad one, in their order.

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::CliError;
use crate::text_file;
use muster_base::evr::vercmp;
use muster_base::glob;
use muster_base::text::one_line;

/// Endings of files that are images, in a directory or a glob.
const ENDINGS: [&str; 10] =
    [".qcow2", ".raw", ".img", ".vhd", ".vhdx", ".vmdk", ".tar", ".tar.gz", ".tar.xz", ".tar.zst"];

/// The most images of one search.
const MOST: usize = 100_000;

/// What a search is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Candidates {
    /// The good image, those between, and the bad one, each as it is typed behind `--image`.
    pub(super) images: Vec<String>,
    /// What is to be said of an end that is not among those between.
    pub(super) notes: Vec<String>,
}

/// The good image, those between, and the bad one.
///
/// # Errors
///
/// A usage error when there are none between that can be read, or when the two ends are not in this order.
pub(super) fn candidates(good: &str, bad: &str, between: Option<&str>) -> Result<Candidates, CliError> {
    let listed = between.map(listed).transpose()?.unwrap_or_default();
    let place = |typed: &str| listed.iter().position(|image| same(image, typed));
    let ends = [place(good), place(bad)];
    let (from, to) = (ends[0].map_or(0, |at| at + 1), ends[1].unwrap_or(listed.len()));
    if same(good, bad) {
        return Err(CliError::invalid(format!("--good and --bad are the same image: {}", one_line(good, 200))));
    }
    if from > to {
        let what = format!("--bad {} comes before --good {}", one_line(bad, 200), one_line(good, 200));
        return Err(CliError::invalid(what).hint("images of a directory are in the order of the versions in their names; for another order, name a file that lists them, the oldest first: `--between FILE`"));
    }
    let inner = &listed[from..to];
    let absent = [("--good", good, "older", ends[0]), ("--bad", bad, "newer", ends[1])].into_iter();
    let notes = absent.filter(|(.., place)| place.is_none() && between.is_some()).map(|(option, image, age, _)| {
        let (image, between) = (one_line(image, 200), one_line(between.unwrap_or_default(), 200));
        format!(
            "{option} {image} is not among the images of --between {between}: it is taken to be {age} than all of them"
        )
    });
    let mut notes: Vec<String> = notes.collect();
    if let (false, [first, .., last]) = (notes.is_empty(), inner) {
        let (first, last) = (one_line(first, 200), one_line(last, 200));
        notes.push(format!("between the two are {} images, from {first} to {last}", inner.len()));
    }
    let images = std::iter::once(good.to_owned()).chain(inner.iter().cloned()).chain([bad.to_owned()]).collect();
    Ok(Candidates { images, notes })
}

/// Whether two names are of one image: the same text, or paths of one file.
fn same(one: &str, other: &str) -> bool {
    let real = |typed: &str| std::fs::canonicalize(typed).ok();
    one == other || real(one).is_some_and(|path| real(other) == Some(path))
}

fn listed(between: &str) -> Result<Vec<String>, CliError> {
    let path = Utf8Path::new(between);
    let images = if path.is_dir() {
        in_directory(path, |name| ENDINGS.iter().any(|ending| name.ends_with(ending)))?
    } else if path.is_file() {
        in_list(path)?
    } else if let Some(name) = path.file_name().filter(|name| name.contains(['*', '?'])) {
        let directory = path.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
        in_directory(directory, |file| glob::matches(name, file))?
    } else {
        return Err(CliError::invalid(format!("--between {}: there is no such file", one_line(between, 200))).hint(
            "name a directory of images, a glob of files in one directory, or a file that lists images, one in a line",
        ));
    };
    match images.len() {
        0 => Err(CliError::invalid(format!("--between {}: no image is there", one_line(between, 200)))
            .hint(format!("files of a directory are taken by their endings: {}", ENDINGS.join(" ")))),
        1..=MOST => Ok(images),
        many => {
            Err(CliError::invalid(format!("--between {}: {many} images, more than {MOST}", one_line(between, 200))))
        }
    }
}

/// Files of a directory, in the order of the versions in their names.
fn in_directory(directory: &Utf8Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, CliError> {
    let cannot = |cause: std::io::Error| CliError::invalid(format!("--between {directory}: {cause}"));
    let mut names = Vec::new();
    for entry in directory.read_dir_utf8().map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let name = entry.file_name().to_owned();
        if !name.starts_with('.') && wanted(&name) && entry.path().is_file() {
            names.push(name);
        }
    }
    // Equal versions (1.0 and 1.00) have an order, too: the same one each time.
    names.sort_by(|one, two| vercmp(one, two).then_with(|| one.cmp(two)));
    Ok(names.into_iter().map(|name| directory.join(name).into_string()).collect())
}

/// The lines of a file, in their order: paths from its directory, or names of the catalogue.
fn in_list(file: &Utf8Path) -> Result<Vec<String>, CliError> {
    let text = text_file::read(file)?;
    let directory = file.parent().unwrap_or(Utf8Path::new(""));
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines
        .map(|line| match directory.join(line) {
            path if path.is_file() => path,
            _ => Utf8PathBuf::from(line),
        })
        .map(Utf8PathBuf::into_string)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(files: &[&str]) -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).expect("UTF-8");
        files.iter().for_each(|file| std::fs::write(path.join(file), "").expect("a file"));
        (dir, path)
    }

    fn names(images: &[String]) -> Vec<&str> {
        images.iter().filter_map(|image| Utf8Path::new(image).file_name()).collect()
    }

    #[test]
    fn a_directory_is_in_the_order_of_its_versions_and_between_the_ends() {
        let (_dir, path) = place(&["a-9.qcow2", "a-10.qcow2", "a-11.vhd", "a-2.qcow2", "a-10.sha256", ".a-3.qcow2"]);
        let all = candidates(path.join("a-2.qcow2").as_str(), path.join("a-11.vhd").as_str(), Some(path.as_str()));
        let all = all.unwrap();
        assert_eq!(names(&all.images), ["a-2.qcow2", "a-9.qcow2", "a-10.qcow2", "a-11.vhd"]);
        assert!(all.notes.is_empty(), "{:?}", all.notes);
        // Ends that are not there are added; a glob selects.
        let all = candidates("lab", path.join("a-11.vhd").as_str(), Some(path.join("a-*.qcow2").as_str()));
        let all = all.unwrap();
        assert_eq!(names(&all.images), ["lab", "a-2.qcow2", "a-9.qcow2", "a-10.qcow2", "a-11.vhd"]);
        let [good, bad, range] = all.notes.as_slice() else { panic!("{:?}", all.notes) };
        assert!(good.starts_with("--good lab is not among ") && good.ends_with("older than all of them"), "{good}");
        assert!(bad.contains("a-11.vhd is not among ") && bad.ends_with("newer than all of them"), "{bad}");
        assert!(range.starts_with("between the two are 3 images, from ") && range.ends_with("a-10.qcow2"), "{range}");
        let error = candidates(path.join("a-11.vhd").as_str(), path.join("a-2.qcow2").as_str(), Some(path.as_str()));
        assert!(error.unwrap_err().what.contains("comes before --good"));
    }

    #[test]
    fn a_file_lists_images_in_its_own_order() {
        let (_dir, path) = place(&["new.qcow2", "old.qcow2"]);
        std::fs::write(path.join("list"), "# oldest first\nold.qcow2\n\nlab\n new.qcow2\n").expect("a file");
        let all = candidates("first", "last", Some(path.join("list").as_str())).unwrap();
        let all = all.images;
        assert_eq!(names(&all), ["first", "old.qcow2", "lab", "new.qcow2", "last"]);
        assert!(all[1].starts_with('/') && all[2] == "lab", "{all:?}");
    }

    #[test]
    fn what_lists_nothing_is_a_usage_error() {
        let (_dir, path) = place(&["README.md"]);
        for between in [path.as_str(), path.join("nothing").as_str(), path.join("*.vhd").as_str()] {
            let error = candidates("a", "b", Some(between)).unwrap_err();
            assert_eq!(error.exit, muster_base::exit::Exit::Invalid, "{between}");
        }
        assert!(candidates("a", "a", None).unwrap_err().what.contains("same image"));
        let two = candidates("a", "b", None).unwrap();
        assert_eq!((two.images, two.notes.len()), (["a", "b"].map(str::to_owned).to_vec(), 0));
    }
}
