//! Scripts.

use std::sync::Arc;

use crate::chain::ChainKind;
use crate::need::{Need, Verb, Want};
use crate::reader::{ReadError, Reader, Reading, Source};
use crate::shell::{Interpreter, Origin, Shell, count_lines, is_command, is_system_path};

/// The reader.
pub(crate) struct Script;

impl Reader for Script {
    fn kind(&self) -> ChainKind {
        ChainKind::Script
    }

    fn fits(&self, source: &Source<'_>) -> bool {
        // mkosi runs its own partly elsewhere.
        let script = source.bytes.starts_with(b"#!") || matches!(source.path.extension(), Some("sh" | "bash"));
        script && !super::mkosi::is_script(source.path)
    }

    fn read(&self, source: &Source<'_>, into: &mut Reading) -> Result<(), ReadError> {
        let text = source.text()?;
        let file = Arc::clone(into.file());
        let origin = Origin::whole(&file, text);
        let interpreter = Interpreter::of(text);
        if let Some(interpreter) = &interpreter {
            let first = text.lines().next().unwrap_or_default();
            let mut needed = |want: Want, written: &str| {
                let at = first.find(written).unwrap_or(0);
                into.need(Need {
                    want,
                    verb: Verb::Use,
                    optional: false,
                    place: origin.place(at..at + written.len()),
                    written: written.to_owned(),
                    within: None,
                });
            };
            if is_system_path(interpreter.path) {
                needed(Want::Path(interpreter.path.to_owned()), interpreter.path);
            }
            if let Some(command) = interpreter.command.filter(|command| is_command(command)) {
                needed(Want::Command(command.to_owned()), command);
            }
        }
        match interpreter.filter(|interpreter| !interpreter.is_shell()) {
            // Code of another language is one thing that is not understood, however many lines it has.
            Some(interpreter) => {
                into.line();
                into.line();
                let body = text.find('\n').map_or(text.len(), |end| end + 1);
                let line = text[body..].lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
                let name = muster_base::text::one_line(interpreter.name(), 40);
                into.not_understood(origin.line(body), line, format!("what code for {name} needs is not read"));
            }
            None => {
                count_lines(text, into);
                let mut shell = Shell::new(source.host, source.path);
                shell.local();
                shell.run(text, &origin, into);
            }
        }
        Ok(())
    }
}
