//! Where events go: one channel, one consumer thread, so that the engine never waits for a
//! terminal or a disk.

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use muster_record::event::Event;
use muster_record::run::TestRecord;

/// A cheap handle that takes events. Events of one handle arrive in order.
#[derive(Debug, Clone)]
pub struct Events {
    sender: mpsc::Sender<Event>,
    /// Where records of tests that end are kept as well.
    ended: Option<Ended>,
}

/// The records of tests that have ended so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ended(Arc<Mutex<Vec<TestRecord>>>);

impl Ended {
    /// Takes them out.
    pub(crate) fn take(&self) -> Vec<TestRecord> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Events {
    /// A channel: the handle for the engine and the stream for the consumer.
    pub fn channel() -> (Self, mpsc::Receiver<Event>) {
        let (sender, receiver) = mpsc::channel();
        (Self { sender, ended: None }, receiver)
    }

    /// The same handle; of every test whose end goes through it or a clone of it, the record is kept as well: who is interrupted loses
    /// what the functions that ran would have returned, and not what was said.
    pub(crate) fn keeping(&self) -> (Self, Ended) {
        let ended = Ended::default();
        (Self { sender: self.sender.clone(), ended: Some(ended.clone()) }, ended)
    }

    /// Takes an event. When the consumer is gone there is nobody left to tell, and the consumer's
    /// own error is what the command reports.
    pub fn emit(&self, event: Event) {
        if let (Some(Ended(ended)), Event::TestFinished { record }) = (&self.ended, &event) {
            ended.lock().unwrap_or_else(PoisonError::into_inner).push((**record).clone());
        }
        let _ = self.sender.send(event);
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
