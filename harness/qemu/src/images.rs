//! The images of a run, and the drivers of their machines.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::host::{Host, NETWORK};
use super::host_driver::HostDriver;
use super::kept_templates::KeptTemplate;
use super::shape::Shape;
use muster_base::failure::{self, Failure};
use muster_base::fault::Fault as _;
use muster_base::text;
use muster_engine::budget::Cost;
use muster_engine::engine::Images;
use muster_image::{ImageError, ImageSpec, Unchanged};
use muster_record::deciding::{self, DecidingFile};
use muster_record::event::Event;
use muster_record::run::ImageRecord;

/// The images of a run, by id.
pub struct HostImages<'h> {
    host: &'h Host,
    specs: BTreeMap<String, ImageSpec>,
    notes: std::sync::Mutex<BTreeMap<String, Unchanged>>,
    expected: BTreeMap<String, ImageRecord>,
    enter: BTreeMap<String, String>,
}

impl<'h> HostImages<'h> {
    /// Images of this host.
    pub fn new(host: &'h Host, specs: impl IntoIterator<Item = ImageSpec>) -> Self {
        let specs = specs.into_iter().map(|spec| (spec.id.clone(), spec)).collect();
        Self { host, specs, notes: std::sync::Mutex::default(), expected: BTreeMap::new(), enter: BTreeMap::new() }
    }

    /// The same, of which these must have the SHA-256 of these records, and be started by the same files, since results of them are kept.
    pub fn expecting(self, expected: BTreeMap<String, ImageRecord>) -> Self {
        Self { expected, ..self }
    }

    /// The same, of which new machines are entered with these command lines, by id: for the record.
    pub fn entered_with(self, enter: BTreeMap<String, String>) -> Self {
        Self { enter, ..self }
    }
}

/// What is another file than in the run that this one goes on with.
fn other(then: &ImageRecord, source: &Path, sha256: &str, loaded: &[DecidingFile]) -> Option<String> {
    let than = "another file than in the run that this one goes on with";
    let source = text::one_line(&source.display().to_string(), 400);
    if then.sha256 != sha256 {
        let then = text::one_line(&then.sha256, 64);
        return Some(format!("{source} is {than}: its SHA-256 is {sha256}, and was {then}"));
    }
    let role = deciding::different(&then.loaded, loaded)?;
    Some(format!("the {} that is loaded for {source} is {than}", text::one_line(role, 40)))
}

fn image_failure(error: &ImageError) -> Failure {
    error.failure()
}

impl<'h> Images for HostImages<'h> {
    type Driver = HostDriver<'h>;

    async fn prepare(&self, id: &str) -> Result<HostDriver<'h>, Failure> {
        let Some(spec) = self.specs.get(id) else {
            return Err(Failure::new(failure::INTERNAL, format!("the image {id} is in the plan but not in the run")));
        };
        let root = self.host.root.as_std_path();
        let ready = match self.host.templates {
            Some(_) => muster_image::prepare_by_stamps(root, spec).await,
            None => muster_image::prepare(root, spec).await,
        };
        let ready = ready.map_err(|e| image_failure(&e))?;
        if let Ok(mut notes) = self.notes.lock() {
            notes.insert(id.to_owned(), ready.unchanged.clone());
        }
        let loaded = ready.loaded().await.map_err(|e| image_failure(&e))?;
        if let Some(text) = self.expected.get(id).and_then(|then| other(then, &ready.source, &ready.sha256, &loaded)) {
            return Err(Failure::new(failure::IMAGE_OTHER, text));
        }
        let record = ImageRecord {
            path: ready.source.display().to_string(),
            format: spec.format.name().to_owned(),
            sha256: ready.sha256.clone(),
            enter: self.enter.get(id).cloned(),
            loaded,
            ..ImageRecord::default()
        };
        self.host.events.emit(Event::ImageReady { image: id.to_owned(), record: Box::new(record) });
        ready.notes.iter().for_each(|note| self.host.events.notice(text::escape(note)));
        let same = (ready.disk.path == ready.source).then(|| ready.sha256.clone());
        let in_use = muster_image::InUse::note(&ready.disk.path);
        let warm = KeptTemplate::of(self.host, &ready);
        Ok(HostDriver {
            shape: Shape {
                host: self.host,
                spec: ready.spec,
                image: ready.disk,
                sha256: ready.sha256,
                disk: Arc::new(ready.facts),
                kernel_from: ready.kernel_from,
                largest_clone_mib: Arc::default(),
                network: NETWORK,
                segment: false,
            },
            digest: tokio::sync::OnceCell::new_with(same),
            warm,
            _in_use: Arc::new(in_use),
        })
    }

    fn cost(&self, id: &str) -> Cost {
        let spec = self.specs.get(id);
        spec.map_or(Cost { centicores: 1, memory_mib: 1 }, |spec| self.host.cost(spec, spec.memory_mib))
    }

    async fn verify_unchanged(&self, id: &str) -> Result<(), Failure> {
        let note = self.notes.lock().ok().and_then(|notes| notes.get(id).cloned());
        match note {
            // Size and time of change are enough to notice a writer; hashing gibibytes again is not
            // worth it where the file system keeps times.
            Some(note) => note.verify(false).await.map_err(|error| image_failure(&error)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_another_disk_or_another_kernel_are_not_kept() {
        let file =
            |role: &str, sha256: &str| DecidingFile { role: role.into(), sha256: sha256.into(), file: "x".into() };
        let then = ImageRecord {
            sha256: "ab".into(),
            loaded: vec![file(deciding::KERNEL, "01"), file(deciding::INITRD, "02")],
            ..ImageRecord::default()
        };
        let found = |sha256: &str, loaded: &[DecidingFile]| other(&then, Path::new("/my.raw"), sha256, loaded);
        assert_eq!(found("ab", &then.loaded), None);
        assert!(found("cd", &then.loaded).unwrap().contains("/my.raw is another file than in the run"));
        for (loaded, role) in [
            (vec![file(deciding::KERNEL, "03"), file(deciding::INITRD, "02")], "kernel"),
            (vec![file(deciding::KERNEL, "01"), file(deciding::INITRD, "03")], "initrd"),
            (vec![file(deciding::KERNEL, "01")], "initrd"),
        ] {
            let said = found("ab", &loaded).unwrap();
            assert!(said.starts_with(&format!("the {role} that is loaded for /my.raw is another file")), "{said}");
        }
    }
}
