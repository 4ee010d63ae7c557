//! Which image to test next, and what is known in the end. A function of verdicts; nothing is started here.

use serde::{Deserialize, Serialize};

/// What a test said of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ImageVerdict {
    /// It passed.
    Good,
    /// It failed.
    Bad,
    /// It came to no result: skipped, an error, a machine that did not boot.
    Inconclusive,
}

impl ImageVerdict {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// What to do next, by the images' places in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Test this one; so many are still to be tested, if none is inconclusive.
    Test { image: usize, left: u32 },
    /// The bad one is the first: the one right before it is good.
    Found { good: usize, bad: usize },
    /// The first bad one is among these: the last of them is bad, the others are inconclusive.
    Among { good: usize, bad: usize },
    /// An end is not what it was said to be.
    Wrong { image: usize, found: ImageVerdict },
}

/// The first image is said to be good, the last to be bad. An end is tested only when the answer rests on it: the first bad
/// image and the last good one have always been tested.
///
/// With `ends_first` both ends are tested before any other: what is said of them is a guess.
///
/// `verdicts` has one entry for each image, `None` where it has not been tested. There are at least two.
pub(super) fn next(verdicts: &[Option<ImageVerdict>], ends_first: bool) -> Next {
    let last = verdicts.len() - 1;
    let is = |image: usize, verdict| verdicts[image] == Some(verdict);
    let wrong = [(0, ImageVerdict::Good), (last, ImageVerdict::Bad)]
        .into_iter()
        .find_map(|(image, said)| Some((image, verdicts[image].filter(|found| *found != said)?)));
    if let Some((image, found)) = wrong {
        return Next::Wrong { image, found };
    }
    let bad = (1..=last).find(|image| is(*image, ImageVerdict::Bad)).unwrap_or(last);
    let good = (0..bad).rev().find(|image| is(*image, ImageVerdict::Good)).unwrap_or(0);
    let steps = (bad - good).ilog2() + u32::from(!(bad - good).is_power_of_two());
    let mut ends = [last, 0].into_iter().filter(|end| ends_first && verdicts[*end].is_none());
    if let Some(image) = ends.next() {
        return Next::Test { image, left: steps + 1 + ends.count() as u32 };
    }
    let middle = good.midpoint(bad);
    let untested = (good + 1..bad).filter(|image| verdicts[*image].is_none());
    if let Some(image) = untested.min_by_key(|image| image.abs_diff(middle)) {
        return Next::Test { image, left: steps };
    }
    match [bad, good].into_iter().find(|end| verdicts[*end].is_none()) {
        Some(image) => Next::Test { image, left: 1 },
        None if bad == good + 1 => Next::Found { good, bad },
        None => Next::Among { good, bad },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How a search ends, and how many images it tested.
    fn search(count: usize, verdict: impl Fn(usize) -> ImageVerdict) -> (Next, u32) {
        let mut verdicts = vec![None; count];
        for tested in 0.. {
            match next(&verdicts, false) {
                Next::Test { image, .. } => {
                    assert_eq!(verdicts[image], None, "{image} is tested twice");
                    verdicts[image] = Some(verdict(image));
                }
                end => return (end, tested),
            }
        }
        unreachable!("it ends")
    }

    fn planted(first_bad: usize) -> impl Fn(usize) -> ImageVerdict {
        move |image| if image < first_bad { ImageVerdict::Good } else { ImageVerdict::Bad }
    }

    #[test]
    fn the_first_bad_image_is_found_wherever_it_is() {
        for count in 2..70 {
            let most = (count - 1_usize).next_power_of_two().ilog2() + if count == 2 { 2 } else { 1 };
            for first_bad in 1..count {
                let (end, tested) = search(count, planted(first_bad));
                assert_eq!(end, Next::Found { good: first_bad - 1, bad: first_bad }, "of {count}");
                assert!(tested <= most, "{first_bad} of {count}: {tested} tests");
            }
        }
        assert!((1..16).all(|bad| search(16, planted(bad)).1 <= 5), "of 16 images");
    }

    #[test]
    fn inconclusive_images_widen_the_answer_and_never_falsify_it() {
        for count in 3..20 {
            for first_bad in 1..count {
                for holes in 0_u32..256 {
                    let inconclusive = |image: usize| image != 0 && image != count - 1 && holes >> (image % 8) & 1 == 1;
                    let verdict = |image| match inconclusive(image) {
                        true => ImageVerdict::Inconclusive,
                        false => planted(first_bad)(image),
                    };
                    let (good, bad) = match search(count, verdict).0 {
                        Next::Found { good, bad } => (good, bad),
                        Next::Among { good, bad } => {
                            assert!((good + 1..bad).all(inconclusive), "{count} {first_bad} {holes:b}");
                            (good, bad)
                        }
                        other => panic!("{other:?}"),
                    };
                    assert!(good < first_bad && first_bad <= bad, "{count} {first_bad} {holes:b}: {good} {bad}");
                }
            }
        }
    }

    #[test]
    fn an_end_that_is_not_as_it_was_said_is_the_answer() {
        assert_eq!(search(9, |_| ImageVerdict::Good).0, Next::Wrong { image: 8, found: ImageVerdict::Good });
        assert_eq!(search(9, |_| ImageVerdict::Bad).0, Next::Wrong { image: 0, found: ImageVerdict::Bad });
        assert_eq!(
            search(2, |_| ImageVerdict::Inconclusive).0,
            Next::Wrong { image: 1, found: ImageVerdict::Inconclusive }
        );
    }
}
