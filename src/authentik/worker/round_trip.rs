//! For foreign test suites: a way to a thread and back for any request.

use std::time::Instant;

use authentik_io::pool::{Cancel, Job};

use super::{Answer, DEADLINE, Message, PATIENCE, submit};
use crate::ngx::{Fault, Flow, Request};

/// Sends the request through a thread and back once, whatever it is.
pub(crate) fn suspend_once(r: &mut Request<'_>) -> Result<Option<Flow>, Fault> {
    let state = r.state()?;
    if state.was_suspended.replace(true) {
        state.answer.take();
        state.question.take();
        return Ok(None);
    }
    let ticket = r.suspend(PATIENCE)?;
    let job = Job {
        key: ticket.0 % 7,
        sender: None,
        ticket: ticket.0,
        deadline: Instant::now() + DEADLINE,
        cancelled: Cancel::default(),
        work: Box::new(|_, _| Message::Answer(Answer::Nothing)),
    };
    if submit(job) {
        return Ok(Some(Flow::Suspended));
    }
    r.resume_now();
    Err(Fault::Nginx("a thread"))
}
