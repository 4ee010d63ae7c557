//! Text of a guest or of a file's name, as it may stand in the file of another program.

use muster_base::text::{escape, one_line};

use crate::sample::{Measured, Sample};

/// Characters of a name that any format has at most; systemd allows 255 bytes.
pub const LONGEST: usize = 256;

/// One escaped line of 1 to [`LONGEST`] characters. What a format's own syntax needs comes on top.
pub fn label(text: &str) -> String {
    let line = one_line(text, LONGEST);
    if line.is_empty() { "(no name)".to_owned() } else { line }
}

/// JSON text in which no character moves a cursor or reorders a line: what [`escape`] would show is `\uXXXX`, so that a reader still
/// gets it unchanged. Such characters can only be inside of strings there.
pub(super) fn visible_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c < '\u{7f}' || escape(c.encode_utf8(&mut [0; 4])).starts_with(c) {
            out.push(c);
        } else {
            // All of them are below U+10000: one unit.
            out.push_str(&format!("\\u{:04x}", c as u32));
        }
    }
    out
}

/// The same boots with names of at most [`LONGEST`] characters, otherwise unchanged.
pub(super) fn bounded(measured: &Measured) -> Measured {
    let mut measured = measured.clone();
    let series = &mut measured.series;
    for text in [&mut series.image, &mut series.accelerator, &mut series.machine, &mut series.qemu, &mut series.host] {
        cut(text);
    }
    cut(&mut measured.muster);
    measured.not_measured.iter_mut().for_each(cut);
    for sample in &mut measured.samples {
        let Sample { boot_id, marks, units, chain, hung, inconclusive, .. } = sample;
        cut(boot_id);
        marks.iter_mut().for_each(|mark| cut(&mut mark.name));
        units.iter_mut().for_each(|unit| cut(&mut unit.name));
        chain.iter_mut().for_each(|link| cut(&mut link.unit));
        hung.iter_mut().for_each(cut);
        inconclusive.iter_mut().for_each(cut);
    }
    measured
}

fn cut(text: &mut String) {
    if let Some((at, _)) = text.char_indices().nth(LONGEST) {
        let last = text[..at].char_indices().next_back().map_or(0, |(last, _)| last);
        text.truncate(last);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_line_of_bounded_length() {
        assert_eq!(label("a\nb\x1b"), "a b\\x1b");
        assert_eq!(label(" \n"), "(no name)");
        assert_eq!(label(&"é".repeat(1000)).chars().count(), LONGEST);
    }

    #[test]
    fn json_keeps_what_it_shows() {
        let text = "a\u{202e}b\u{85}\u{7f}\u{2028}é";
        let json = visible_json(&serde_json::to_string(text).unwrap());
        assert_eq!(json, r#""a\u202eb\u0085\u007f\u2028é""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn a_cut_name_says_so_and_a_short_one_is_left_alone() {
        let mut long = "é".repeat(LONGEST + 1);
        cut(&mut long);
        assert_eq!((long.chars().count(), long.ends_with('…')), (LONGEST, true));
        let mut fits = "é".repeat(LONGEST);
        cut(&mut fits);
        assert!(!fits.contains('…'));
    }
}
