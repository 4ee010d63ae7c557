//! The machines that tests get: booted ones, or clones of the image's template, which is made when the first is needed.

use std::sync::Arc;

use super::Session;
use super::clone_source::{CloneSource, Template};
use crate::driver::{BootLeft, Driver, Frozen, Live, Recalled, Stop};
use crate::lease::Lease;
use muster_base::failure::Failure;
use muster_record::event::Event;
use muster_record::run::TestRecord;

/// Where a lane gets its machines from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MachineSource {
    /// Every machine is booted.
    Boot,
    /// Every machine is a clone of the image's template, which is made when the first is needed.
    Clone,
}

impl<D: Driver> Session<'_, D> {
    /// A machine for a lane.
    pub(crate) async fn machine(&self, source: MachineSource) -> Result<Lease<D::Live>, Failure> {
        let hopeless = self.hopeless().clone();
        if let Some(failure) = hopeless {
            return Err(failure);
        }
        let made = match source {
            MachineSource::Boot => self.boot(false).await,
            MachineSource::Clone => self.start_clone().await,
        };
        made.inspect_err(|failure| *self.hopeless() = Some(failure.clone()))
    }

    /// A booted machine that can be frozen when it has been looked at.
    pub(crate) async fn machine_for_clones(&self) -> Result<Lease<D::Live>, Failure> {
        let freezable = !self.recall(&mut *self.clone_source.lock().await).await;
        self.boot(freezable).await.inspect_err(|failure| *self.hopeless() = Some(failure.clone()))
    }

    /// Takes the template of an earlier run when there is one and none of this run, and enters its boot
    /// in the record as if it were this run's. Whether there is a template now.
    async fn recall(&self, clone_source: &mut CloneSource<D>) -> bool {
        if matches!(clone_source, CloneSource::Empty)
            && self.is_as_booted()
            && let Some(Recalled { template, name, left, findings }) = self.driver.recall().await
        {
            tracing::debug!(template = name, "a template of an earlier run serves");
            self.note_up();
            self.note_health(&name, findings);
            self.note_boot(&name, &left);
            // Its memory is a file, whose pages the host takes back when it needs them.
            let memory = self.settings.budget.hold(0);
            let base = left.base;
            *clone_source = CloneSource::Ready(Arc::new(Template {
                machine: name,
                made: template,
                base,
                recalled: true,
                _memory: memory,
            }));
        }
        matches!(clone_source, CloneSource::Ready(_))
    }

    /// Makes the template now, so that nobody waits for it who holds what a machine of another image could have.
    pub(crate) async fn make_template(&self) {
        if self.settings.halt.reached().is_some() || self.hopeless().is_some() {
            return;
        }
        let mut clone_source = self.clone_source.lock().await;
        // A failure is in the record, and reported again by the first test that needs a machine.
        let _ = self.template(&mut clone_source).await;
    }

    /// The template, which is made if there is none yet; `None` where machines cannot be cloned.
    async fn template(&self, clone_source: &mut CloneSource<D>) -> Result<Option<Arc<Template<D::Template>>>, Failure> {
        self.recall(clone_source).await;
        let lease = match std::mem::replace(clone_source, CloneSource::Empty) {
            CloneSource::Ready(template) => {
                *clone_source = CloneSource::Ready(template.clone());
                return Ok(Some(template));
            }
            refused @ CloneSource::Refused(_) => {
                *clone_source = refused;
                return Ok(None);
            }
            CloneSource::Booted(lease) => *lease,
            CloneSource::Empty => {
                self.boot(true).await.inspect_err(|failure| *self.hopeless() = Some(failure.clone()))?
            }
        };
        match self.freeze(lease).await {
            Ok(template) => {
                let template = Arc::new(template);
                *clone_source = CloneSource::Ready(template.clone());
                Ok(Some(template))
            }
            Err(live) => {
                *clone_source = CloneSource::Refused(live.map(Box::new));
                Ok(None)
            }
        }
    }

    /// A clone of the image's template; a booted machine where that cannot be had.
    async fn start_clone(&self) -> Result<Lease<D::Live>, Failure> {
        let mut clone_source = self.clone_source.lock().await;
        // Whoever held it may have found out that none comes up.
        let hopeless = self.hopeless().clone();
        if let Some(failure) = hopeless {
            return Err(failure);
        }
        let Some(template) = self.template(&mut clone_source).await? else {
            let unfrozen = match &mut *clone_source {
                CloneSource::Refused(unfrozen) => unfrozen.take(),
                _ => None,
            };
            drop(clone_source);
            return match unfrozen {
                Some(lease) => Ok(*lease),
                None => self.boot(false).await,
            };
        };
        drop(clone_source);
        let id = self.next_id();
        self.starting(&id, Some(template.machine.clone()));
        match self.driver.start_clone(&template.made, &id).await {
            Ok(mut live) => {
                let record = live.record();
                self.events.emit(Event::MachineReady {
                    machine: id.clone(),
                    boot_seconds: record.boot_seconds.unwrap_or_default(),
                    boot: None,
                    facts: template.recalled.then(|| Box::new(live.facts().clone())),
                });
                // Of another kernel than the image's own, which its template has answered for.
                if self.overrides.kernel.is_none() {
                    self.note_facts(live.facts());
                }
                self.note_health(&id, live.findings());
                Ok(Lease::new(id, live, BootLeft { base: template.base.clone(), ..BootLeft::default() }))
            }
            Err(failed) => {
                self.events.notice(format!(
                    "{id} could not be cloned from {} ({}); the tests that follow boot machines of their own",
                    template.machine, failed.failure.message
                ));
                self.note_health(&id, failed.findings);
                self.ended(failed.record);
                let mut clone_source = self.clone_source.lock().await;
                if matches!(&*clone_source, CloneSource::Ready(now) if Arc::ptr_eq(now, &template)) {
                    *clone_source = match template.recalled {
                        // It may be the kept template that is at fault, which one of this run is not.
                        true => {
                            self.driver.disown(&template.made).await;
                            CloneSource::Empty
                        }
                        false => CloneSource::Refused(None),
                    };
                }
                drop(clone_source);
                self.boot(false).await
            }
        }
    }

    /// Keeps a booted machine, at which was only looked, to become the template.
    pub(crate) async fn keep_for_clones(&self, lease: Lease<D::Live>) {
        let mut clone_source = self.clone_source.lock().await;
        match &*clone_source {
            CloneSource::Empty => *clone_source = CloneSource::Booted(Box::new(lease)),
            _ => {
                drop(clone_source);
                self.stop(lease, Stop::Orderly).await;
            }
        }
    }

    /// Freezes a machine. When it cannot be frozen: the machine, if it still lives.
    async fn freeze(&self, lease: Lease<D::Live>) -> Result<Template<D::Template>, Option<Lease<D::Live>>> {
        let Lease { id, live, base, boot, .. } = lease;
        let left = BootLeft { base, ..boot };
        let refused = |reason: &str| {
            tracing::debug!(machine = id, reason, "no template of it");
            self.events.notice(format!(
                "{id} cannot be made a template ({reason}): tests that need a clone boot machines of their own"
            ));
        };
        match self.driver.freeze(live).await {
            Frozen::Template { template, record, findings } => {
                tracing::debug!(machine = id, "it is the template");
                self.note_health(&id, findings);
                self.ended(record);
                if self.is_as_booted() {
                    self.driver.keep(&template, &left).await;
                }
                let memory = self.settings.budget.hold(self.driver.template_mib(&template));
                Ok(Template { machine: id, made: template, base: left.base, recalled: false, _memory: memory })
            }
            Frozen::Refused { live, reason } => {
                refused(&reason);
                Err(Some(Lease::new(id, live, left)))
            }
            Frozen::Lost { reason, record, findings } => {
                refused(&reason);
                self.note_health(&id, findings);
                self.ended(record);
                Err(None)
            }
        }
    }

    /// Lets go of the template, or of the machine that would have become one.
    pub async fn close(&self) {
        let clone_source = std::mem::replace(&mut *self.clone_source.lock().await, CloneSource::Empty);
        if let CloneSource::Booted(lease) | CloneSource::Refused(Some(lease)) = clone_source {
            self.stop(*lease, Stop::Orderly).await;
        }
    }

    /// Ends the session and says how the machines themselves did.
    pub async fn finish(self) -> TestRecord {
        self.close().await;
        self.end()
    }
}
