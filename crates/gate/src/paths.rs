//! To be written by the login helper; this much is fixed.

/// Compiled unauthenticated-path patterns.
#[derive(Debug, Default)]
pub struct UnauthPaths;

impl UnauthPaths {
    /// Compiles the patterns; blank ones are skipped.
    pub fn compile(_patterns: &[String]) -> Result<Self, String> {
        Ok(Self)
    }
}
