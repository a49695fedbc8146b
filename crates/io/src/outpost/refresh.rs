//! One refresh: a series of calls, all or nothing.

use std::time::{Duration, Instant};

use authentik_gate::http::{HttpResponse, TransportError};
use authentik_gate::outpost::{
    Call, Certificate, ProviderConfig, RefreshError, Snapshot, Unusable, read_fingerprint,
    read_instances, read_pem, read_providers,
};

use super::key_pair;
use super::shared::Shared;
use crate::client::Client;

pub(super) struct Refresh<'a> {
    shared: &'a Shared,
    client: &'a Client,
    /// Certificates from the last refresh: fetched again only if the fingerprint changed.
    known: &'a [Certificate],
    bytes: usize,
}

impl<'a> Refresh<'a> {
    pub(super) fn new(shared: &'a Shared, client: &'a Client, known: &'a [Certificate]) -> Self {
        Self { shared, client, known, bytes: 0 }
    }

    /// Fetches everything (docs/protocol.md §2.4).
    ///
    /// # Errors
    /// A call failed, on any page: half of the providers would be worse than the old ones.
    pub(super) fn run(mut self) -> Result<Snapshot, RefreshError> {
        let outpost = read_instances(&self.fetch(Call::Instances)?)?;
        self.shared.events.outpost_known(&outpost);
        let mut snapshot = Snapshot { outpost, ..Snapshot::default() };
        let mut next = Some(1);
        while let Some(page) = next {
            next = self.add_page(page, &mut snapshot)?;
        }
        self.add_certificates(&mut snapshot)?;
        Ok(snapshot)
    }

    fn add_page(&mut self, page: u32, to: &mut Snapshot) -> Result<Option<u32>, RefreshError> {
        let response = self.fetch(Call::Providers { page })?;
        let read = read_providers(&response, page, &self.shared.settings)?;
        to.providers.extend(read.providers);
        to.unusable.extend(read.unusable);
        if to.providers.len() + to.unusable.len() > MAX_PROVIDERS || page > MAX_PAGES {
            return Err(RefreshError::TooMuch);
        }
        Ok(read.next)
    }

    /// A certificate that authentik does not release keeps no provider from being served:
    /// permission for it comes seconds after the provider was saved, and most nginx have their own.
    /// It is soon requested again ([`Snapshot::lacks_certificates`]).
    fn add_certificates(&mut self, to: &mut Snapshot) -> Result<(), RefreshError> {
        for uuid in named_certificates(&to.providers) {
            match self.certificate(&uuid) {
                Ok(certificate) => match key_pair::check(&certificate) {
                    Ok(()) => to.certificates.push(certificate),
                    Err(why) => to.unusable.push(unusable(&uuid, why.to_owned())),
                },
                Err(error) if concerns_this_one_only(&error) => {
                    to.unusable.push(unusable(&uuid, error.to_string()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn certificate(&mut self, uuid: &str) -> Result<Certificate, RefreshError> {
        let call = Call::KeyPair(uuid);
        let fingerprint = read_fingerprint(&self.fetch(call)?, call)?;
        let known = |known: &&Certificate| known.pk == uuid && known.fingerprint == fingerprint;
        if let Some(known) = self.known.iter().find(known) {
            return Ok(known.clone());
        }
        let call = Call::Certificate(uuid);
        let chain = read_pem(&self.fetch(call)?, call)?;
        let call = Call::PrivateKey(uuid);
        let key = read_pem(&self.fetch(call)?, call)?;
        Ok(Certificate {
            pk: uuid.to_owned(),
            fingerprint,
            certificate: chain.expose_str().unwrap_or_default().to_owned(),
            key,
        })
    }

    fn fetch(&mut self, call: Call<'_>) -> Result<HttpResponse, RefreshError> {
        if self.shared.is_stopped() {
            return Err(TransportError::Overloaded.into());
        }
        let settings = &self.shared.settings;
        let about = call.about();
        let request = settings.request(call).ok_or(RefreshError::Garbled { about })?;
        let deadline = Instant::now() + patience(call);
        let response = self.client.fetch(&request, &settings.trust, deadline)?;
        self.bytes += response.body.expose().len();
        if self.bytes > MAX_BYTES { Err(RefreshError::TooMuch) } else { Ok(response) }
    }
}

fn unusable(uuid: &str, why: String) -> Unusable {
    Unusable::new(format!("certificate {uuid}"), why)
}

/// Each once, sorted.
fn named_certificates(providers: &[ProviderConfig]) -> Vec<String> {
    let mut named: Vec<String> =
        providers.iter().filter_map(|provider| provider.certificate.clone()).collect();
    named.sort_unstable();
    named.dedup();
    named
}

fn concerns_this_one_only(error: &RefreshError) -> bool {
    match error {
        RefreshError::Denied { .. }
        | RefreshError::Unexpected { .. }
        | RefreshError::Garbled { .. } => true,
        RefreshError::Unreachable(_)
        | RefreshError::Unavailable { .. }
        | RefreshError::NoOutpost
        | RefreshError::SeveralOutposts(_)
        | RefreshError::NotProxy { .. }
        | RefreshError::TooMuch => false,
    }
}

/// On a small machine, authentik takes many seconds for a page of 100 providers.
fn patience(call: Call<'_>) -> Duration {
    Duration::from_secs(match call {
        Call::Providers { .. } => 60,
        Call::Instances | Call::KeyPair(_) | Call::Certificate(_) | Call::PrivateKey(_) => 15,
    })
}

const MAX_PROVIDERS: usize = 20_000;

const MAX_PAGES: u32 = 20_000;

/// Limit for all responses of one refresh together.
const MAX_BYTES: usize = 64 * 1024 * 1024;
