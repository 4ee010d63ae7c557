//! How long the texts of a report may be, each and together: servers refuse files beyond a size, whole.

/// Bytes of a text that remain when the file is full.
const LEAST: usize = 512;

/// What a report may still take.
#[derive(Debug)]
pub(crate) struct Budget {
    left: usize,
    /// Bytes that a character takes in the file, escaped.
    cost: fn(char) -> usize,
}

impl Budget {
    /// `total` bytes for all texts together.
    pub(crate) fn new(total: usize, cost: fn(char) -> usize) -> Self {
        Self { left: total, cost }
    }

    /// The text, or as much of it as fits into `limit` and into what is left: its beginning, where it is said what
    /// failed, and its end, where a command says why.
    pub(crate) fn within(&mut self, text: &str, limit: usize) -> String {
        let limit = limit.min(self.left.max(LEAST));
        let whole: usize = text.chars().map(self.cost).sum();
        self.left = self.left.saturating_sub(whole.min(limit));
        if whole <= limit {
            return text.to_owned();
        }
        let first = limit / 3;
        let begin = self.reach(text.char_indices(), first).map_or(text.len(), |(at, _)| at);
        let end = self.reach(text.char_indices().rev(), limit - first).map_or(0, |(at, c)| at + c.len_utf8());
        // Whole lines where there are some, or the path of an attachment would end in its middle.
        let begin = text[..begin].rfind('\n').map_or(begin, |at| at + 1);
        let end = text[end..].find('\n').filter(|at| end + at + 1 < text.len()).map_or(end, |at| end + at + 1);
        let left_out = end.saturating_sub(begin);
        format!("{}\n[{left_out} bytes left out]\n{}", text[..begin].trim_end_matches('\n'), &text[end..])
    }

    /// The first of these characters that does not fit into so many bytes of the file any more.
    fn reach(&self, characters: impl Iterator<Item = (usize, char)>, limit: usize) -> Option<(usize, char)> {
        let mut used = 0;
        characters.into_iter().find(|(_, c)| {
            used += (self.cost)(*c);
            used > limit
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_keeps_its_beginning_and_its_end_in_whole_lines() {
        let mut budget = Budget::new(2000, |c| if matches!(c, '<' | '>') { 6 } else { c.len_utf8() });
        let text: String = (0..1000).map(|number| format!("line <{number}>\n")).collect();
        let cut = budget.within(&text, 1200);
        assert!(cut.starts_with("line <0>\nline <1>\n") && cut.ends_with("line <998>\nline <999>\n"), "{cut}");
        let note = cut.lines().find(|line| line.ends_with(" bytes left out]")).unwrap();
        let left_out: usize = note[1..].split(' ').next().unwrap().parse().unwrap();
        assert_eq!(cut.len() - note.len() - 1 + left_out, text.len());
        assert!(cut.lines().all(|line| line == note || (line.starts_with("line <") && line.ends_with('>'))), "{cut}");
        assert_eq!(budget.left, 800);
        assert_eq!(budget.within("short", 1200), "short");
    }
}
