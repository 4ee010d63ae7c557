//! Tests of pytest, which azldev can call: `[test-suites.NAME]` of type pytest.

use super::exported::{Exported, Written};

pub(super) fn files(suites: &[Exported]) -> Vec<Written> {
    let files = suites.first().map_or(&[][..], |suite| &suite.files);
    let selects: Vec<&String> = files.iter().chain(suites.iter().flat_map(|suite| &suite.selects)).collect();
    let selects = serde_json::to_string(&selects).unwrap_or_default();
    vec![
        Written::new("conftest.py", include_str!("pytest-conftest.py").replace("\"SELECTS\"", &selects)),
        Written::new("test_muster.py", include_str!("pytest-test.py")),
        Written::new("azldev.toml", include_str!("azldev.toml")),
    ]
}
