//! Pictures of measured boots: data in, the text of one self-contained SVG out.
//!
//! A picture is a file of its own or stands inside an HTML page. It has no script, no font and no link; it fills the width it is
//! given, from 360 pixels on; its `<title>` and `<desc>` say in words what it shows. Equal input gives equal text.

pub mod distribution;
pub mod history;
pub mod measure;
pub mod phases;
pub mod side;
pub mod svg;
pub mod waterfall;

mod style;
#[cfg(test)]
mod testing;
