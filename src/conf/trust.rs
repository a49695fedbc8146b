//! `ssl_verify` and `ssl_trusted_certificate`: how authentik's certificate is verified.

use std::fs;
use std::sync::Arc;

use gate::provider::Trust;

use crate::ngx::{Conf, Mistake};

/// The two keys while they are read.
#[derive(Default)]
pub(super) struct TrustKeys {
    verify: Option<bool>,
    authorities: Option<Arc<[u8]>>,
}

impl TrustKeys {
    /// `ssl_verify on | off`.
    pub(super) fn set_verify(&mut self, key: &str, value: &str) -> Result<(), Mistake> {
        self.verify = Some(on_off(key, value)?);
        Ok(())
    }

    /// `ssl_trusted_certificate FILE`.
    pub(super) fn set_authorities(
        &mut self,
        key: &str,
        path: &str,
        cf: &Conf<'_>,
    ) -> Result<(), Mistake> {
        let path = cf.full_path(path)?;
        let wrong = |what: String| Mistake::Said(format!("{key}: \"{path}\" {what}"));
        let pem = fs::read(&path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        authentik_io::tls::check_authorities(&pem).map_err(wrong)?;
        self.authorities = Some(pem.into());
        Ok(())
    }

    /// The resulting setting.
    pub(super) fn finish(self) -> Result<Trust, Mistake> {
        match (self.verify, self.authorities) {
            (Some(false), Some(_)) => Err(Mistake::Said(
                "ssl_trusted_certificate: has no effect with ssl_verify off; drop one of them"
                    .to_owned(),
            )),
            (Some(false), None) => Ok(Trust::Anything),
            (_, Some(authorities)) => Ok(Trust::Authorities(authorities)),
            (_, None) => Ok(Trust::System),
        }
    }
}

pub(super) fn on_off(key: &str, value: &str) -> Result<bool, Mistake> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(Mistake::Said(format!("{key}: \"{value}\" is neither on nor off"))),
    }
}
