//! The statistics of a gate on boot times: measured [`samples`] are [`compare`]d, a host is found fit by [`calibration`], and
//! a series of builds is searched for [`change_points`]. Pure functions of values: no file, no clock, no global state; what is
//! drawn at random is drawn from a seed. It uses no other crate of ours, and no caller needs to know which test it runs.

pub mod calibration;
pub mod change_points;
pub mod compare;
pub mod effect;
pub mod mann_whitney;
pub mod random;
pub mod samples;
mod special;
mod student;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod properties_tests;
#[cfg(test)]
mod reference_tests;
#[cfg(test)]
mod simulation_tests;
#[cfg(test)]
mod tables_tests;
