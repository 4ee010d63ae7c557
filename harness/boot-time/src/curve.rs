//! Instructions over time: what had been executed at any moment.

/// What had been executed at a moment of the host's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Nanoseconds.
    pub at: u64,
    /// Instructions of all processors.
    pub instructions: u64,
}

/// Points in order; both numbers never decrease.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Curve(Vec<Point>);

impl Curve {
    /// Of points as they came. One that goes back, in time or in instructions, says that what counted them is wrong about
    /// something, and none of them is believed.
    pub fn new(points: Vec<Point>) -> Option<Self> {
        let goes_on = |pair: &[Point]| pair[0].at <= pair[1].at && pair[0].instructions <= pair[1].instructions;
        points.windows(2).all(goes_on).then_some(Self(points))
    }

    /// What had been executed at that moment: between two points it grows evenly, and outside of them nothing is known.
    pub fn at(&self, moment: u64) -> Option<u64> {
        let after = self.0.partition_point(|point| point.at < moment);
        let next = self.0.get(after)?;
        if next.at == moment {
            return Some(next.instructions);
        }
        let last = self.0.get(after.checked_sub(1)?)?;
        let grown = u128::from(next.instructions - last.instructions) * u128::from(moment - last.at);
        Some(last.instructions + u64::try_from(grown / u128::from(next.at - last.at)).unwrap_or(u64::MAX))
    }

    /// What was executed between two moments.
    pub fn between(&self, from: u64, to: u64) -> Option<u64> {
        self.at(to)?.checked_sub(self.at(from)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: &[(u64, u64)]) -> Option<Curve> {
        Curve::new(points.iter().map(|&(at, instructions)| Point { at, instructions }).collect())
    }

    #[test]
    fn between_points_it_grows_evenly_and_beyond_them_nothing_is_known() {
        let curve = curve(&[(10, 100), (20, 200), (20, 200), (40, 1000)]).unwrap();
        assert_eq!([10, 15, 20, 30, 40].map(|moment| curve.at(moment)), [100, 150, 200, 600, 1000].map(Some));
        assert_eq!([9, 41].map(|moment| curve.at(moment)), [None, None]);
        assert_eq!((curve.between(15, 30), curve.between(30, 15), curve.between(0, 15)), (Some(450), None, None));
        assert_eq!(Curve::default().at(0), None);
    }

    #[test]
    fn one_that_goes_back_is_not_believed() {
        assert_eq!(curve(&[(10, 100), (9, 200)]), None);
        assert_eq!(curve(&[(10, 100), (20, 99)]), None);
    }

    #[test]
    fn large_numbers_do_not_overflow() {
        let curve = curve(&[(0, 0), (u64::MAX, u64::MAX)]).unwrap();
        assert_eq!(curve.at(u64::MAX / 2), Some(u64::MAX / 2));
    }
}
