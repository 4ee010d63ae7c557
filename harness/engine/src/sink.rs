//! Where events go: one channel, one consumer thread, so that the engine never waits for a
//! terminal or a disk.

use std::sync::mpsc;

use muster_record::event::Event;

/// A cheap handle that takes events. Events of one handle arrive in order.
#[derive(Debug, Clone)]
pub struct Events(mpsc::Sender<Event>);

impl Events {
    /// A channel: the handle for the engine and the stream for the consumer.
    pub fn channel() -> (Self, mpsc::Receiver<Event>) {
        let (sender, receiver) = mpsc::channel();
        (Self(sender), receiver)
    }

    /// Takes an event. When the consumer is gone there is nobody left to tell, and the consumer's
    /// own error is what the command reports.
    pub fn emit(&self, event: Event) {
        let _ = self.0.send(event);
    }

    /// Shorthand for a notice.
    pub fn notice(&self, text: impl Into<String>) {
        self.emit(Event::Notice { text: text.into() });
    }
}

/// Now, RFC 3339 in UTC with milliseconds.
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
