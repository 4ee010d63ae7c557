//! Machines that all begin where one template stopped, for an engine that boots them: whatever a run does to its
//! machines, it does to clones of one.

use std::convert::Infallible;
use std::time::Duration;

use camino::Utf8Path;

use super::budget::Cost;
use super::capsule::{CapsuleStore, Written};
use super::driver::{BootFailure, Driver, Frozen};
use super::engine::Images;
use super::plan::MachineSpec;
use muster_base::failure::{self, Failure};
use muster_record::run::TestRecord;

/// A driver that clones the template where another boots.
pub struct FromTemplate<'t, D: Driver> {
    driver: D,
    template: &'t D::Template,
}

impl<D: Driver> Driver for FromTemplate<'_, D> {
    type Live = D::Live;
    /// A clone is not frozen again.
    type Template = Infallible;

    fn with_spec(&self, _: &MachineSpec) -> Result<Self, Failure> {
        let text = "the machines of this run are clones of one, and a test wants a machine of another shape";
        Err(Failure::new(failure::INTERNAL, text))
    }

    fn boot_deadline(&self) -> Duration {
        self.driver.boot_deadline()
    }

    fn cost(&self, _: bool) -> Cost {
        self.driver.cost(true)
    }

    fn template_mib(&self, template: &Infallible) -> u32 {
        match *template {}
    }

    async fn boot(&self, id: &str, _: bool) -> Result<D::Live, BootFailure> {
        self.driver.start_clone(self.template, id).await
    }

    async fn freeze(&self, live: D::Live) -> Frozen<D::Live, Infallible> {
        Frozen::Refused { live, reason: "it is a clone itself".to_owned() }
    }

    async fn start_clone(&self, template: &Infallible, _: &str) -> Result<D::Live, BootFailure> {
        match *template {}
    }

    fn capsules(&self) -> Option<&CapsuleStore> {
        self.driver.capsules()
    }

    async fn capture(&self, live: &mut D::Live, dir: &Utf8Path, room: u64, test: &TestRecord) -> Written {
        self.driver.capture(live, dir, room, test).await
    }
}

/// Images whose machines begin from a template of theirs.
pub struct TemplateImages<'t, I: Images> {
    images: I,
    template: &'t <I::Driver as Driver>::Template,
}

impl<'t, I: Images> TemplateImages<'t, I> {
    /// The template is of the one image that the run has.
    pub fn new(images: I, template: &'t <I::Driver as Driver>::Template) -> Self {
        Self { images, template }
    }
}

impl<'t, I: Images> Images for TemplateImages<'t, I> {
    type Driver = FromTemplate<'t, I::Driver>;

    async fn prepare(&self, image: &str) -> Result<Self::Driver, Failure> {
        let driver = self.images.prepare(image).await?;
        Ok(FromTemplate { driver, template: self.template })
    }

    fn cost(&self, image: &str) -> Cost {
        self.images.cost(image)
    }

    async fn verify_unchanged(&self, image: &str) -> Result<(), Failure> {
        self.images.verify_unchanged(image).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Live as _;
    use crate::fake::FakeDriver;

    #[tokio::test]
    async fn whoever_boots_gets_a_clone_which_is_not_frozen_again() {
        let driver = FakeDriver::default();
        let cloned = FromTemplate { driver: driver.clone(), template: &() };
        let Ok(live) = cloned.boot("a-1", true).await else { panic!("no clone") };
        assert!(live.record().cloned_from.is_some());
        assert_eq!((*driver.boots.lock().unwrap(), *driver.clones.lock().unwrap()), (0, 1));
        assert!(matches!(cloned.freeze(live).await, Frozen::Refused { .. }));
        assert!(cloned.with_spec(&MachineSpec::default()).is_err(), "of another shape there is no template");
    }
}
