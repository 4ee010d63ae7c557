//! `--warm`: templates that earlier runs have left in the cache, and those that this run leaves.
//!
//! What a kept template holds is what a run would have learnt by booting: facts, what the base checks
//! saw, what the console showed. A run that begins from one reports all of it as its own, so that a
//! boot that went badly is not forgotten because it was long ago.

mod about;

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, OnceCell};

use self::about::{About, AdoptError};
use super::clones::HostTemplate;
use crate::TemplateStore;
use crate::host::Host;
use crate::shape::Shape;
use crate::template_key::{Origin, TemplateKey};
use crate::template_store::{Claim, Stored};
use muster_base::text;
use muster_check::base;
use muster_engine::driver::{BootLeft, Recalled};
use muster_guest::{facts, warm};
use muster_image::Prepared;
use muster_record::facts::Facts;

/// What this runner expects to find in a template. Raised when it finds something else, or leaves it.
const PROTOCOL: u32 = 2;
/// How often one run looks whether another has finished making a template.
const POLL: Duration = Duration::from_millis(200);
/// How long it waits for that, in boots.
const PATIENCE: u32 = 3;

/// What is needed to find the template of one image in one shape, or to keep it.
pub(crate) struct KeptTemplate {
    store: Arc<TemplateStore>,
    /// What the runner leaves in a template, and of which file its disk was made.
    protocol: Arc<str>,
    /// Worked out when it is first needed; `None` when it cannot be known, which was said.
    key: OnceCell<Option<TemplateKey>>,
    /// What notes call it.
    noun: &'static str,
    /// Held from the moment when no template was found until there is one.
    claim: Mutex<Option<Arc<Claim>>>,
}

impl KeptTemplate {
    /// For templates of the same image; `None` without `--warm`.
    pub(super) fn of(host: &Host, ready: &Prepared) -> Option<Self> {
        let store = host.templates.clone()?;
        let mut protocol = protocol();
        if ready.disk.path != ready.source {
            // Made from the source, and when it is made again its blocks may lie elsewhere.
            let made = std::fs::metadata(&ready.disk.path).and_then(|metadata| metadata.modified()).ok();
            protocol.push_str(&format!(" {made:?}"));
        }
        let (protocol, noun) = (protocol.into(), "template");
        Some(Self { store, protocol, key: OnceCell::new(), noun, claim: Mutex::default() })
    }

    /// The same for machines of another shape, which have a key of their own.
    pub(super) fn of_another_shape(&self) -> Self {
        let (store, protocol) = (self.store.clone(), self.protocol.clone());
        Self { store, protocol, key: OnceCell::new(), noun: "template of another shape", claim: Mutex::default() }
    }

    /// The key of the template of this shape. All calls have the same shape.
    async fn key(&self, shape: &Shape<'_>) -> Option<&TemplateKey> {
        let find = async {
            let Shape { host, spec, image, sha256, network, segment, .. } = shape;
            let (network, segment) = (*network, *segment);
            let origin = Origin { spec, image, sha256, accel: &host.accel, network, segment, protocol: &self.protocol };
            match TemplateKey::of(&origin).await {
                Ok(key) => Some(key),
                Err(error) => {
                    let why = text::one_line(&error.to_string(), 300);
                    host.events.notice(format!("{}: templates are not saved ({why})", spec.id));
                    None
                }
            }
        };
        self.key.get_or_init(|| find).await.as_ref()
    }

    /// Lets another run make the template.
    pub(super) async fn give_up(&self) {
        self.claim.lock().await.take();
    }
}

/// Everything in a template that comes from this runner and not from QEMU or the image: the shell that
/// waits, and the scripts whose answers are kept.
fn protocol() -> String {
    let facts = Facts::default();
    let with_everything = Facts {
        systemd: Some(255),
        selinux: Some("enforcing".to_owned()),
        capabilities: muster_record::facts::CAPABILITIES.iter().map(|(word, _)| (*word).to_owned()).collect(),
        ..Facts::default()
    };
    let mut scripts =
        vec![format!("{PROTOCOL} {}", env!("CARGO_PKG_VERSION")), warm::script(crate::warm_ports::WARM_PORTS)];
    scripts.extend(facts::probe::requests(1.0).into_iter().map(|request| request.script));
    for facts in [facts, with_everything] {
        let probes = base::baseline(&facts).into_iter().chain(base::since_boot_probes(&facts));
        scripts.extend(probes.map(|probe| probe.script));
    }
    let mut hash = Sha256::new();
    for script in scripts {
        hash.update((script.len() as u64).to_le_bytes());
        hash.update(script);
    }
    muster_base::text::hex(hash.finalize())
}

/// Runs something that reads or writes files on a thread that may wait for them.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

/// The kept template of the driver's image and shape. Waits while another run makes it.
pub(super) async fn recall(warm: &KeptTemplate, shape: &Shape<'_>) -> Option<Recalled<HostTemplate>> {
    let (host, image, noun) = (shape.host, shape.image_id(), warm.noun);
    let key = warm.key(shape).await?;
    let mut waiting_since: Option<Instant> = None;
    loop {
        let (store, own) = (warm.store.clone(), key.clone());
        match blocking(move || store.recall(&own)).await? {
            Ok(Some(stored)) => match adopt(warm, key, shape, stored) {
                Ok(recalled) => {
                    warm.give_up().await;
                    return Some(recalled);
                }
                Err(why) => throw_away(warm, key, shape, &why.to_string()),
            },
            Ok(None) => {}
            Err(error) => throw_away(warm, key, shape, &error.to_string()),
        }
        let mut claim = warm.claim.lock().await;
        if claim.is_some() {
            return None;
        }
        match warm.store.claim(key) {
            // Once more: it may have been finished between the two looks.
            Ok(Some(right)) => *claim = Some(Arc::new(right)),
            Ok(None) => {
                let since = *waiting_since.get_or_insert_with(|| {
                    host.events.notice(format!("{image}: another run makes its {noun} just now; waiting for it"));
                    Instant::now()
                });
                if since.elapsed() > shape.boot_deadline() * PATIENCE {
                    host.events.notice(format!("{image}: the other run does not finish its {noun}; booting"));
                    return None;
                }
                drop(claim);
                tokio::time::sleep(POLL).await;
            }
            Err(error) => {
                let why = text::one_line(&error.to_string(), 300);
                host.events.notice(format!("{image}: its {noun} will not be saved ({why})"));
                return None;
            }
        }
    }
}

/// Removes a template that cannot be used, and says so.
fn throw_away(warm: &KeptTemplate, key: &TemplateKey, shape: &Shape<'_>, why: &str) {
    let gone = if warm.store.discard(key) { "was removed" } else { "cannot be used, nor removed" };
    let why = text::one_line(why, 300);
    let (image, noun) = (shape.image_id(), warm.noun);
    shape.host.events.notice(format!("{image}: its saved {noun} {gone} ({why}); booting"));
}

/// Makes what the store gave into a template of this run.
fn adopt(
    warm: &KeptTemplate,
    key: &TemplateKey,
    shape: &Shape<'_>,
    stored: Stored,
) -> Result<Recalled<HostTemplate>, AdoptError> {
    let Stored { template, private_key, about, made, hold } = stored;
    let about: About = serde_json::from_value(about)?;
    let (base, host_key) = about.observations()?;
    let firmware = about.firmware(template.description.firmware.is_some())?;
    let name = format!("template-{}", &key.name()[..12]);
    let key = own_key(shape.host, &name, &private_key).map_err(AdoptError::Key)?;
    shape.host.events.notice(format!(
        "{}: began from the {} of {}, booted in {:.0} s ({name})",
        shape.image_id(),
        warm.noun,
        text::one_line(&made, 40),
        about.boot_seconds
    ));
    let template = HostTemplate {
        machine: name.clone(),
        template: Arc::new(template),
        facts: about.facts,
        host_key,
        warm: about.warm_shell,
        boot_seconds: about.boot_seconds,
        console: Vec::new(),
        key,
        firmware,
        kept: Some(hold),
    };
    let left = BootLeft { base, failures: about.failures, remarks: about.remarks };
    Ok(Recalled { template, name, left, findings: about.console })
}

/// A copy of a template's key that lives as long as the run's own, next to it: machines outlive a
/// template that is taken out of the cache meanwhile.
fn own_key(host: &Host, name: &str, private_key: &Path) -> std::io::Result<PathBuf> {
    let copy = host.key.private.with_file_name(name);
    let text = std::fs::read(private_key)?;
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&copy)?;
    std::io::Write::write_all(&mut file, &text)?;
    Ok(copy)
}

/// Keeps a template that this run has made, when it is this run's to keep.
pub(super) async fn keep(warm: &KeptTemplate, shape: &Shape<'_>, template: &HostTemplate, left: &BootLeft) {
    let Some(claim) = warm.claim.lock().await.take() else { return };
    let (host, image, noun) = (shape.host, shape.image_id(), warm.noun);
    let about = About::of(template, left);
    if let Err(why) = about.firmware(template.template.description.firmware.is_some()) {
        return host.events.notice(format!("{image}: its {noun} is not saved ({why})"));
    }
    let about = match serde_json::to_value(about) {
        Ok(about) => about,
        Err(error) => return host.events.notice(format!("{image}: its {noun} is not saved ({error})")),
    };
    let (store, frozen, key) = (warm.store.clone(), template.template.clone(), host.key.private.clone());
    let kept = blocking(move || store.keep(&claim, &frozen, &key, about)).await;
    match kept {
        Some(Ok(bytes)) => {
            host.events.notice(format!("{image}: its {noun} is saved for later runs ({} MiB)", bytes >> 20));
        }
        Some(Err(error)) => {
            let why = text::one_line(&error.to_string(), 300);
            host.events.notice(format!("{image}: its {noun} is not saved ({why})"));
        }
        None => {}
    }
}

/// Takes a kept template out of the cache of which no machine could be cloned.
pub(super) fn disown(shape: &Shape<'_>, template: &HostTemplate) {
    if let Some(hold) = &template.kept
        && hold.discard()
    {
        shape.host.events.notice(format!("{}: {} was removed", shape.image_id(), template.machine));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_is_the_same_each_time() {
        assert_eq!(protocol(), protocol());
        assert_eq!(protocol().len(), 64);
    }
}
