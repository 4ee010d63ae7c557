//! Boots of one image, or of two in turn.

use camino::Utf8Path;

use super::collect::Booted;
use super::files;
use crate::error::CliError;
use crate::output::say_error;
use crate::this_host::host as run_host;
use muster_base::text::one_line;
use muster_boot_time::by::By;
use muster_boot_time::sample::{Measured, Population, SCHEMA, Sample, Series};
use muster_engine::engine::Images as _;
use muster_engine::sink::{Events, now};
use muster_image::ImageSpec;
use muster_qemu::Accel;
use muster_qemu::driver::{HostDriver, HostImages, MeasuredBoots};

/// An image that is measured.
pub(super) struct Side {
    /// Names its machines: `candidate`, `baseline`.
    pub(super) name: &'static str,
    pub(super) spec: ImageSpec,
    /// Its name in a baseline, where that is another than the image's.
    pub(super) family: Option<String>,
}

/// How boots are measured.
pub(super) struct Measuring<'m> {
    pub(super) root: &'m Utf8Path,
    pub(super) dir: &'m Utf8Path,
    pub(super) accel: Accel,
    pub(super) boots: Population,
    pub(super) samples: u32,
}

impl Measuring<'_> {
    /// Boots each side as often as was asked for, in turn, so that a host that becomes slower does so for both. What was measured
    /// for each side, in order, and whether it was interrupted before it was done.
    pub(super) async fn run(
        self,
        sides: Vec<Side>,
        interruption: impl Future<Output = ()>,
    ) -> Result<(Vec<Measured>, bool), CliError> {
        let (events, _nobody) = Events::channel();
        let mut host = run_host(self.root, self.dir, self.accel.clone(), &events).await?;
        let uncounted = sides.first().and_then(|side| muster_qemu::uncounted(self.accel.for_arch(side.spec.arch).kind));
        host.measured = if uncounted.is_some() { MeasuredBoots::Times } else { MeasuredBoots::Instructions };
        let at = now();
        let images: Vec<HostImages<'_>> =
            sides.iter().map(|side| HostImages::new(&host, [side.spec.clone()])).collect();
        let mut booted = Vec::new();
        let mut measured = Vec::new();
        for (side, images) in sides.iter().zip(&images) {
            let driver = images.prepare(&side.spec.id).await.map_err(CliError::of_machine)?;
            measured.push(Measured {
                schema: SCHEMA.to_owned(),
                muster: env!("MUSTER_VERSION").to_owned(),
                at: at.clone(),
                series: self.key(side, &driver),
                image_sha256: driver.image_sha256().to_owned(),
                samples: Vec::new(),
                not_measured: Vec::new(),
            });
            booted.push(Booted::new(side.name, driver, self.boots));
        }
        // What is killed from here on can still be distinguished from what is not muster's.
        if let Some(candidate) = measured.last() {
            files::begin(self.dir, candidate)?;
        }
        let interrupted = tokio::select! {
            biased;
            () = interruption => true,
            () = self.take(&mut booted, &mut measured) => false,
        };
        for (booted, measured) in booted.into_iter().zip(&mut measured) {
            measured.not_measured = booted.not_measured();
            measured.not_measured.extend(uncounted.iter().map(|why| format!("instructions: {}", one_line(why, 300))));
            booted.end().await;
        }
        Ok((measured, interrupted))
    }

    async fn take(&self, booted: &mut [Booted<'_>], measured: &mut [Measured]) {
        for number in 1..=self.samples {
            for (booted, measured) in booted.iter_mut().zip(measured.iter_mut()) {
                let sample = booted.sample().await;
                say_error(&format!("{} {number} of {}: {}", booted.name, self.samples, progress(&sample)));
                measured.samples.push(sample);
            }
        }
    }

    fn key(&self, side: &Side, driver: &HostDriver<'_>) -> Series {
        let series = driver.series(self.boots);
        Series { image: side.family.clone().unwrap_or(series.image), ..series }
    }
}

fn progress(sample: &Sample) -> String {
    match (&sample.inconclusive, sample.total) {
        (Some(why), _) => one_line(why, 400),
        (None, Some(total)) => {
            let instructions = total.instructions.map(|count| format!(", {}", By::Instructions.show(count)));
            format!("{}{}", By::Time.short(total.micros), instructions.unwrap_or_default())
        }
        (None, None) => "its end was not seen".to_owned(),
    }
}
