//! New machines of one image, one after the other: clones of a machine that was booted once, booted ones where the
//! image cannot be cloned.

use crate::error::CliError;
use crate::output::say_error;
use muster_base::text::one_line;
use muster_engine::base_checks::base_after_boot;
use muster_engine::driver::{Driver, Frozen, Live, Recalled};
use muster_engine::session::safe;

/// Where the next machine comes from.
enum Source<T> {
    /// No machine was started yet.
    Unknown,
    /// A frozen machine.
    Template(T),
    /// Each is booted: the image cannot be cloned.
    Boot,
}

/// Machines of one image.
pub(super) struct Machines<'d, D: Driver> {
    driver: &'d D,
    image: String,
    source: Source<D::Template>,
    started: u32,
}

impl<'d, D: Driver> Machines<'d, D> {
    pub(super) fn new(driver: &'d D, image: &str) -> Self {
        Self { driver, image: image.to_owned(), source: Source::Unknown, started: 0 }
    }

    /// A machine at which nobody has looked yet.
    pub(super) async fn next(&mut self) -> Result<D::Live, CliError> {
        if let Source::Unknown = self.source
            && let Some(Recalled { template, name, .. }) = self.driver.recall().await
        {
            say_error(&format!("{} begins from a saved machine, {name}", self.image));
            self.source = Source::Template(template);
        }
        if let Source::Unknown = self.source {
            let live = self.boot(true).await?;
            // Whoever begins from a saved machine is shown what its boot left.
            let left = match self.driver.keeps_templates() {
                true => Some(base_after_boot(&live).await.map_err(CliError::of_machine)?),
                false => None,
            };
            match self.driver.freeze(live).await {
                Frozen::Template { template, .. } => {
                    if let Some(left) = left {
                        self.driver.keep(&template, &left).await;
                    }
                    self.source = Source::Template(template);
                }
                Frozen::Refused { live, reason } => {
                    self.cannot_clone(&reason);
                    return Ok(live);
                }
                Frozen::Lost { reason, .. } => self.cannot_clone(&reason),
            }
        }
        if let Source::Template(template) = &self.source {
            let id = next_id(&self.image, &mut self.started);
            match self.driver.start_clone(template, &id).await {
                Ok(live) => return Ok(live),
                Err(failed) => {
                    self.driver.disown(template).await;
                    self.cannot_clone(&failed.failure.message);
                }
            }
        }
        self.boot(false).await
    }

    fn cannot_clone(&mut self, why: &str) {
        self.source = Source::Boot;
        let (image, why) = (&self.image, one_line(why, 200));
        say_error(&format!("note: {image} cannot be cloned ({why}): each chain boots a machine"));
    }

    async fn boot(&mut self, freezable: bool) -> Result<D::Live, CliError> {
        let id = next_id(&self.image, &mut self.started);
        say_error(&format!("{} boots; it may take {} s", self.image, self.driver.boot_deadline().as_secs()));
        let live = self.driver.boot(&id, freezable).await.map_err(|failed| CliError::of_machine(failed.failure))?;
        let seconds = live.record().boot_seconds.unwrap_or_default();
        say_error(&format!("{} is up after {seconds:.1} s", self.image));
        Ok(live)
    }
}

fn next_id(image: &str, started: &mut u32) -> String {
    *started += 1;
    format!("{}-{started}", safe(image))
}
