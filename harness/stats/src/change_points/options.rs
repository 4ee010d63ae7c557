//! What a change must be to be found.

/// How a series is searched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    window: usize,
    significance: f64,
    floor: f64,
    newest: f64,
}

/// Why options cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum OptionsError {
    /// The window is out of its bounds.
    #[error("a window of {0} builds is not from 2 to 1000")]
    Window(usize),
    /// The level of significance is out of its bounds.
    #[error("a level of significance of {0} is not from 0.000001 to 0.05")]
    Significance(f64),
    /// The floor is out of its bounds.
    #[error("a floor of {0} is not from 0 to 1; 0.01 is one per cent")]
    Floor(f64),
    /// The level for the newest builds is out of its bounds.
    #[error("a level of significance of {0} for the newest builds is not 0 (off) or from 0.000001 to 0.05")]
    Newest(f64),
}

impl Default for Options {
    fn default() -> Self {
        Self { window: 50, significance: 0.001, floor: 0.01, newest: 0.01 }
    }
}

impl Options {
    /// The same with another window: how many builds are looked at in one go.
    ///
    /// # Errors
    /// It is not from 2 to 1000.
    pub fn with_window(self, window: usize) -> Result<Self, OptionsError> {
        if (2..=1000).contains(&window) { Ok(Self { window, ..self }) } else { Err(OptionsError::Window(window)) }
    }

    /// The same with another level of significance, which p must be below.
    ///
    /// # Errors
    /// It is not from 0.000001 to 0.05.
    #[cfg(test)]
    pub(crate) fn with_significance(self, significance: f64) -> Result<Self, OptionsError> {
        if (1e-6..=0.05).contains(&significance) {
            Ok(Self { significance, ..self })
        } else {
            Err(OptionsError::Significance(significance))
        }
    }

    /// The same with another smallest change, as a fraction of the smaller mean.
    ///
    /// # Errors
    /// It is not from 0 to 1.
    pub fn with_floor(self, floor: f64) -> Result<Self, OptionsError> {
        if (0.0..=1.0).contains(&floor) { Ok(Self { floor, ..self }) } else { Err(OptionsError::Floor(floor)) }
    }

    /// The same with another level of significance for the newest builds; 0 leaves that test out.
    ///
    /// # Errors
    /// It is neither 0 nor from 0.000001 to 0.05.
    pub fn with_newest(self, newest: f64) -> Result<Self, OptionsError> {
        if newest == 0.0 || (1e-6..=0.05).contains(&newest) {
            Ok(Self { newest, ..self })
        } else {
            Err(OptionsError::Newest(newest))
        }
    }

    /// How many builds one window has: 50, as in Otava.
    pub fn window(&self) -> usize {
        self.window
    }

    /// What the p of a change point is below: 0.001, as in Otava.
    pub fn significance(&self) -> f64 {
        self.significance
    }

    /// What the change is above, as a fraction of the smaller mean: 0.01. In Otava it is 0, where it is the minimum magnitude.
    pub fn floor(&self) -> f64 {
        self.floor
    }

    /// The largest p of the newest builds: 0.01, as in the gate's own rule; 0 when they are not tested by themselves.
    pub fn newest(&self) -> f64 {
        self.newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_out_of_bounds_are_errors_that_say_the_bounds() {
        let usual = Options::default();
        assert_eq!(usual.with_window(1).unwrap_err().to_string(), "a window of 1 builds is not from 2 to 1000");
        assert!(usual.with_window(1001).is_err() && usual.with_window(2).is_ok());
        for bad in [f64::NAN, f64::INFINITY, -0.001, 2.0] {
            assert!(usual.with_significance(bad).is_err(), "{bad}");
            assert!(usual.with_floor(bad).is_err(), "{bad}");
            assert!(usual.with_newest(bad).is_err(), "{bad}");
        }
        assert!(usual.with_significance(0.0).is_err());
        assert_eq!(usual.with_newest(0.0).unwrap().newest(), 0.0);
        assert_eq!(usual.with_floor(0.05).unwrap().floor(), 0.05);
    }
}
