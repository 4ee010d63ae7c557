//! What goes on, at the bottom of a terminal: the machines, what runs on them, how far the run is.
//!
//! [`LiveView`] is a fold of events, and [`LiveView::lines`] makes of it the lines for a terminal of some size at some
//! moment; both are pure. [`Region`] is where those lines stand on the terminal.

mod columns;
mod region;
mod size;
mod view;

pub(crate) use columns::cut;
pub(crate) use region::Region;
pub use size::TerminalSize;
pub(crate) use view::LiveView;
