//! For third-party test suites: suspends every request once.

use authentik_io::pool::Cancel;
use gate::provider::ProviderKey;

use crate::authentik::threads::{Errand, Line, PATIENCE};
use crate::endpoints::exchange::{self, Exchanged};
use crate::ngx::{Fault, Flow, Request};

/// Sends the request through a thread and back once, whatever it is for.
pub(crate) fn suspend_once(r: &mut Request<'_>) -> Result<Option<Flow>, Fault> {
    let state = r.state()?;
    if state.was_suspended.replace(true) {
        state.exchanged.take();
        state.exchange.take();
        return Ok(None);
    }
    let ticket = r.suspend(PATIENCE)?;
    // Some of them must take turns.
    let key = ProviderKey([(ticket.0 % 7) as u8; 16]);
    let errand = Errand {
        line: Line::SignIns,
        provider: Some(&key),
        sender: None,
        ticket: Some(ticket),
        cancel: Cancel::default(),
    };
    if errand.hand_over(move |_, _| Box::new(move || exchange::wake(ticket, Exchanged::Nothing))) {
        return Ok(Some(Flow::Suspended));
    }
    r.resume_now();
    Err(Fault::Nginx("a thread"))
}
