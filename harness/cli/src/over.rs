//! Whether the verdict that the attempts of `--attempts DIR` have come to is that of the run that is started now: it is returned for the same
//! command line, shard, suites and images, and for no other.

use camino::Utf8Path;

use super::attempts::{different, same_part};
use super::earlier::Earlier;
use super::error::CliError;
use super::event_loop::runtime;
use super::output::say;
use super::project::short;
use muster_base::exit::Exit;
use muster_base::text::one_line;
use muster_engine::plan::Plan;
use muster_image::ImageSpec;
use muster_record::deciding::{self, DecidingFile};
use muster_record::run::{ImageRecord, RunRecord};
use muster_record::shard::ShardRecord;

/// A verdict that is there.
#[derive(Debug)]
pub(crate) struct Over {
    /// The run that has come to it.
    pub(crate) earlier: Box<Earlier>,
    /// How it ended.
    pub(crate) exit: Exit,
}

impl Over {
    /// How the command ends without running anything. `root` is that of the project; `specs` are the images of this run, none where
    /// it is about a machine that is already up, whose disk nobody knows.
    ///
    /// # Errors
    /// The verdict is of another shard, of other suites, files or images, or an image cannot be read.
    pub(crate) fn result(
        &self,
        plan: &Plan,
        shard: Option<&ShardRecord>,
        files: &[DecidingFile],
        root: &Utf8Path,
        specs: &[ImageSpec],
    ) -> Result<Exit, CliError> {
        let record = &self.earlier.opened.record;
        same_part(record.shard.as_ref(), shard)?;
        if let Some(what) = other_suite(record, plan) {
            return Err(different(&self.earlier, &what));
        }
        if let Some(role) = deciding::different(&record.files, files) {
            let what = format!("the files that decide on results ({}) have changed since", one_line(role, 40));
            return Err(different(&self.earlier, &what));
        }
        for spec in specs.iter().filter(|spec| plan.images.contains(&spec.id)) {
            let Some(known) = record.images.get(&spec.id) else { continue };
            if let Some(what) = other_image(known, root, spec)? {
                return Err(different(&self.earlier, &what));
            }
        }
        say(&format!("--attempts: nothing is left to run: {} is its result", short(&self.earlier.place)));
        Ok(self.exit)
    }
}

/// What is different when a planned suite is not the one of the record.
fn other_suite(record: &RunRecord, plan: &Plan) -> Option<String> {
    plan.suites.iter().find_map(|suite| {
        let name = one_line(&suite.name, 120);
        match record.suites.get(&suite.name) {
            Some(then) if then.sha256 == suite.digest => None,
            Some(_) => Some(format!("the suite {name} has changed since")),
            None => Some(format!("it did not have the suite {name}")),
        }
    })
}

/// What is different when an image, or what is loaded in place of its boot loader, is not what it was. One that the run never read has no
/// result in it: a run ends before it reads all images when it is to end at its first failure, so that it is no pass.
fn other_image(then: &ImageRecord, root: &Utf8Path, spec: &ImageSpec) -> Result<Option<String>, CliError> {
    if then.sha256.is_empty() {
        return Ok(None);
    }
    let (runtime, root, id) = (runtime()?, root.as_std_path(), one_line(&spec.id, 120));
    let now = runtime.block_on(muster_image::source_sha256(root, spec))?;
    if now != then.sha256 {
        let then = one_line(&then.sha256, 64);
        return Ok(Some(format!("the image {id} is another file: its SHA-256 is {now}, and was {then}")));
    }
    let loaded = runtime.block_on(muster_image::loaded(root, spec))?;
    Ok(deciding::different(&then.loaded, &loaded)
        .map(|role| format!("the {} that is loaded for the image {id} is another file", one_line(role, 40))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_base::machine::Format;
    use muster_image::KernelBoot;
    use muster_record::run::SuiteRecord;
    use muster_suite::select::TestIndex;
    use std::sync::Arc;

    const SUITE: &str =
        "schema: suite/v1\nsuite: up\ntests:\n- {id: looks, expect: {file: {/etc: {type: directory}}}}\n";

    #[test]
    fn a_verdict_is_of_its_suites_and_of_its_images() {
        let temporary = tempfile::tempdir().unwrap();
        let file = camino::Utf8PathBuf::from_path_buf(temporary.path().join("up.yaml")).unwrap();
        std::fs::write(&file, SUITE).unwrap();
        let (suites, problems) = muster_suite::load(&[file], &crate::load::vocabulary());
        assert!(problems.is_empty(), "{}", problems.render(false));
        let suites: Vec<Arc<_>> = suites.into_iter().map(Arc::new).collect();
        let plan =
            muster_engine::plan::plan(&suites, &TestIndex::all_of(0, &suites[0].tests).collect(), vec!["lab".into()]);
        let mut record = RunRecord::default();
        assert!(other_suite(&record, &plan).unwrap().contains("did not have the suite up"));
        let suite = SuiteRecord { sha256: suites[0].digest.clone(), ..SuiteRecord::default() };
        record.suites.insert("up".into(), suite);
        assert_eq!(other_suite(&record, &plan), None);
        record.suites.insert("up".into(), SuiteRecord { sha256: "ab".into(), ..SuiteRecord::default() });
        assert!(other_suite(&record, &plan).unwrap().contains("the suite up has changed"));
    }

    #[test]
    fn a_verdict_is_of_the_kernel_that_is_loaded_and_of_its_initial_ram_disk() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(temporary.path()).unwrap();
        let write = |name: &str, text: &[u8]| {
            std::fs::write(dir.join(name), text).unwrap();
            dir.join(name).into_std_path_buf()
        };
        let mut spec = ImageSpec::from_file(&write("lab.raw", &[0; 4096]), Format::Raw);
        let image = write("vmlinuz", b"a kernel");
        spec.kernel = Some(KernelBoot { image, initrd: Some(write("initrd", b"its files")), cmdline: "x".into() });
        let runtime = runtime().unwrap();
        let root = dir.as_std_path();
        let then = ImageRecord {
            sha256: runtime.block_on(muster_image::source_sha256(root, &spec)).unwrap(),
            loaded: runtime.block_on(muster_image::loaded(root, &spec)).unwrap(),
            ..ImageRecord::default()
        };
        let other = |then: &ImageRecord, spec: &ImageSpec| other_image(then, dir, spec).map_err(|e| e.what).unwrap();
        assert_eq!(other(&then, &spec), None);
        for (file, role) in [("vmlinuz", "kernel"), ("initrd", "initrd")] {
            let before = std::fs::read(dir.join(file)).unwrap();
            write(file, b"another");
            let what = other(&then, &spec).unwrap();
            assert!(what.starts_with(&format!("the {role} that is loaded for the image lab is another")), "{what}");
            write(file, &before);
        }
        assert_eq!(other(&then, &spec), None, "as it was");
        // One that the image did not have then, and one that was taken away.
        assert!(other(&ImageRecord { loaded: Vec::new(), ..then.clone() }, &spec).is_some());
        assert!(other(&then, &ImageSpec { kernel: None, ..spec.clone() }).is_some());
        write("lab.raw", &[1; 4096]);
        let what = other(&then, &spec).unwrap();
        assert!(what.starts_with("the image lab is another file") && what.contains(&then.sha256), "{what}");
        assert_eq!(other(&ImageRecord::default(), &spec), None, "the run never read it");
    }
}
