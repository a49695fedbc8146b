//! The thread that fetches the providers.

use authentik_gate::outpost::Certificate;

use super::refresh::Refresh;
use super::shared::Shared;
use crate::client::Client;

/// Refreshes whenever it is due, until the agent is stopped.
pub(super) fn run(shared: &Shared) {
    let client = Client::new();
    let mut certificates: Vec<Certificate> = Vec::new();
    while shared.wait_for_refresh() {
        shared.events.refresh_begins();
        let brought = Refresh::new(shared, &client, &certificates).run();
        if shared.is_stopped() {
            return;
        }
        match brought {
            Ok(snapshot) => {
                certificates.clone_from(&snapshot.certificates);
                shared.refreshed(snapshot);
            }
            Err(error) => shared.refresh_failed(&error),
        }
    }
}
