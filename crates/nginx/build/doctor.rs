//! For `make check` only: patches an nginx header, as a distribution might.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// Where to add a field to `ngx_http_request_t`.
#[derive(Clone, Copy)]
pub(crate) enum Patch {
    /// Before all other fields.
    Start,
    /// Before the bit-fields.
    BitFields,
}

impl Patch {
    /// The patch requested by a feature named `doctored-` and one of these names.
    pub(crate) fn of(features: &[&str]) -> Option<Self> {
        let asked = |name: &str| {
            let variable = format!("CARGO_FEATURE_DOCTORED_{}", name.to_uppercase());
            features.contains(&name) && env::var_os(variable).is_some()
        };
        if asked("request") {
            Some(Self::BitFields)
        } else {
            (asked("probe") || asked("conf")).then_some(Self::Start)
        }
    }

    /// Writes the patched header and returns its directory.
    pub(crate) fn header(self, directories: &[PathBuf]) -> Result<PathBuf, Box<dyn Error>> {
        const NAME: &str = "ngx_http_request.h";
        const START: &str = "struct ngx_http_request_s {";

        let found = directories.iter().map(|directory| directory.join(NAME));
        let header = found.into_iter().find(|path| path.exists()).ok_or("no ngx_http_request.h")?;
        let header = fs::read_to_string(header)?;
        let (before, fields) = header.split_once(START).ok_or("no ngx_http_request_s")?;
        let fields = match self {
            Self::Start => format!("void *doctored; {fields}"),
            Self::BitFields => fields.replacen("unsigned ", "void *doctored; unsigned ", 1),
        };

        let directory = Path::new(&env::var("OUT_DIR")?).join("doctored");
        fs::create_dir_all(&directory)?;
        fs::write(directory.join(NAME), format!("{before}{START} {fields}"))?;
        Ok(directory)
    }
}
