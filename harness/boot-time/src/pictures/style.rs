//! The look of all pictures: one style sheet, made of a table of colours and a text of rules.
//!
//! Every rule names a colour twice, first as it is in light and then as a custom property, since some viewers of SVG files know no
//! custom properties. Filled colours are those of Okabe and Ito, which colour-blind people tell apart; every one also has its own
//! pattern or label. Text has a contrast of at least 4.5 in light, in dark and on paper.

use std::fmt::Write as _;

/// From so many pixels on there are `.wide` texts, below `.narrow` ones.
pub(super) const WIDE: f64 = 640.0;

/// Name, in light, in dark, in print.
const COLOURS: [(&str, &str, &str, &str); 13] = [
    ("paper", "#ffffff", "#15181c", "#ffffff"),
    ("ink", "#1c2024", "#eceff2", "#000000"),
    ("soft", "#55606b", "#aab4be", "#333333"),
    ("rule", "#d5dae0", "#343b43", "#bbbbbb"),
    ("band", "#f3f5f7", "#1c2025", "#f4f4f4"),
    ("before", "#0072b2", "#56b4e9", "#0072b2"),
    ("after", "#d55e00", "#f5824a", "#d55e00"),
    ("other", "#9fb9cc", "#566c7c", "#c0ccd6"),
    ("firmware", "#9a9a9a", "#8c8c8c", "#b0b0b0"),
    ("loader", "#e69f00", "#e69f00", "#e69f00"),
    ("kernel", "#56b4e9", "#4a9fd0", "#56b4e9"),
    ("initrd", "#cc79a7", "#cc79a7", "#cc79a7"),
    ("userspace", "#009e73", "#1fa67e", "#33b08c"),
];

/// `$name` is a colour.
const RULES: &str = "\
.boot-picture{background:$paper;font:13px/1.3 system-ui,'Segoe UI','DejaVu Sans',sans-serif;display:block}
.boot-picture .paper{fill:$paper}
.boot-picture .band{fill:$band}
.boot-picture text{fill:$ink;stroke:$paper;stroke-width:3px;stroke-linejoin:round;paint-order:stroke}
.boot-picture .head{font-size:16px;font-weight:700}
.boot-picture .strong{font-weight:700}
.boot-picture .soft{fill:$soft}
.boot-picture .small{fill:$soft;font-size:12px}
.boot-picture .narrow{font-size:12px}
.boot-picture .rule{stroke:$rule;stroke-width:1px}
.boot-picture .edge{stroke:$ink;stroke-width:.75px}
.boot-picture .line{stroke:$ink;stroke-width:1.5px;fill:none}
.boot-picture .moment{stroke:$ink;stroke-width:1px;stroke-dasharray:4 3}
.boot-picture .rest{stroke:$soft;stroke-width:1px;stroke-dasharray:2 2;fill:none}
.boot-picture .hatch{stroke:$ink;stroke-width:1.2px;stroke-opacity:.45;fill:none}
.boot-picture .speck{fill:$ink;fill-opacity:.5}
.boot-picture .before{fill:$before;stroke:$paper;stroke-width:.75px}
.boot-picture .after{fill:$after;stroke:$paper;stroke-width:.75px}
.boot-picture .range{stroke:$soft;stroke-width:1.5px;stroke-opacity:.7}
.boot-picture .path{stroke:$before;stroke-width:1.5px}
.boot-picture .level{stroke:$ink;stroke-width:2px;stroke-dasharray:7 3}
.boot-picture .link{stroke:$after;stroke-width:2px}
.boot-picture .shift{stroke:$after;stroke-width:2px;stroke-dasharray:6 3}
.boot-picture .interval{stroke:$ink;stroke-width:2px}
.boot-picture .median{stroke:$ink;stroke-width:4px}
.boot-picture .other{fill:$other;stroke:$ink;stroke-width:.5px}
.boot-picture .vermilion{fill:$after}
";

/// The text of the style sheet.
pub(super) fn sheet() -> String {
    let mut out = String::new();
    for (opening, pick, closing) in [
        (".boot-picture{", 0, "}\n"),
        ("@media (prefers-color-scheme:dark){.boot-picture{", 1, "}}\n"),
        ("@media print{.boot-picture{print-color-adjust:exact;", 2, "}}\n"),
    ] {
        out.push_str(opening);
        for (name, light, dark, print) in COLOURS {
            let _ = write!(out, "--boot-{name}:{};", [light, dark, print][pick]);
        }
        out.push_str(closing);
    }
    for rule in RULES.split_inclusive(['{', ';', '}']) {
        match rule.split_once('$') {
            Some((property, rest)) => {
                let (name, end) = rest.split_at(rest.len() - 1);
                let light = COLOURS.iter().find(|colour| colour.0 == name).map_or("inherit", |colour| colour.1);
                let plain = property.trim_start();
                let _ = write!(out, "{plain}{light};{plain}var(--boot-{name},{light}){end}");
            }
            None => out.push_str(rule),
        }
    }
    for (name, ..) in &COLOURS[8..] {
        let light = COLOURS.iter().find(|colour| colour.0 == *name).map_or("inherit", |colour| colour.1);
        let _ = writeln!(out, ".boot-picture .{name}{{fill:{light};fill:var(--boot-{name},{light})}}");
    }
    // The viewport is that of the file, of the image, or of the page in which the picture stands.
    // A viewer that knows no widths shows the narrow texts only.
    out.push_str(".boot-picture .wide{display:none}\n");
    let shown = ".boot-picture .wide{display:inline}.boot-picture .narrow{display:none}";
    let _ = writeln!(out, "@media (min-width:{WIDE}px){{{shown}}}");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance as WCAG 2.2 defines it.
    fn luminance(colour: &str) -> f64 {
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).expect("hexadecimal")) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    fn colour(name: &str, scheme: usize) -> &'static str {
        let row = COLOURS.iter().find(|row| row.0 == name).expect("a colour");
        [row.1, row.2, row.3][scheme]
    }

    #[test]
    fn text_can_be_read_in_every_scheme() {
        for scheme in 0..3 {
            for text in ["ink", "soft"] {
                let found = contrast(colour(text, scheme), colour("paper", scheme));
                assert!(found >= 4.5, "{text} in scheme {scheme}: {found:.2}");
            }
            for line in ["before", "after"] {
                let found = contrast(colour(line, scheme), colour("paper", scheme));
                assert!(found >= 3.0, "{line} in scheme {scheme}: {found:.2}");
            }
        }
    }

    #[test]
    fn every_colour_is_known_and_every_brace_closes() {
        let sheet = sheet();
        assert!(!sheet.contains('$') && !sheet.contains("inherit"), "{sheet}");
        assert!(!sheet.contains(['<', '&']), "it stands in XML as it is: {sheet}");
        assert_eq!(sheet.matches('{').count(), sheet.matches('}').count());
        assert!(sheet.contains("fill:#55606b;fill:var(--boot-soft,#55606b)"), "{sheet}");
    }
}
