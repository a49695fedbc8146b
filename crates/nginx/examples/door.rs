//! An nginx module: a door that opens to those who know the word.
//!
//! `door WORD;` admits requests with `X-Word: WORD`. Others wait a moment, to slow down guessing,
//! and are refused. `$door` is `open` or `shut`.

use std::cell::Cell;
use std::time::Duration;

use nginx::directive::{LOCATION, ONE, SERVER};
use nginx::{Conf, Fault, Flow, Mistake, Module, Parts, Request, Row, Shelf, Variable};

struct Door;

nginx::module! { ngx_http_door_module: Door; before: "ngx_http_access_module" }

#[derive(Default)]
struct Location {
    word: Option<String>,
}

#[derive(Default)]
struct Visit {
    has_waited: Cell<bool>,
    seen: Cell<&'static str>,
}

impl Module for Door {
    const NAME: &'static str = "door";
    type Main = ();
    type Server = ();
    type Location = Location;
    type State = Visit;
    type Kept = Shelf<0>;
    type Response = u16;

    const DIRECTIVES: &'static [Row<Self>] =
        &[Row::location(c"door", SERVER | LOCATION, ONE, set_word), Row::end()];
    const VARIABLES: &'static [Variable<Self>] = &[Variable {
        name: "door",
        value: |r| r.existing_state().map_or(b"", |visit| visit.seen.get().as_bytes()),
    }];
    const ACCESS: Option<nginx::module::PhaseHandler<Self>> = Some(access);

    fn merge(from: &Location, to: &mut Location, _: &mut Conf<'_, Self>) -> Result<(), Mistake> {
        to.word = to.word.take().or_else(|| from.word.clone());
        Ok(())
    }

    fn parts(status: &u16) -> Parts<'_> {
        let body = b"The door is shut.\n";
        Parts { status: *status, content_type: Some("text/plain"), headers: &[], body }
    }

    fn refuse(_: &Request<'_, Self>) -> Result<u16, Fault> {
        Ok(500)
    }
}

fn set_word(location: &mut Location, cf: &mut Conf<'_, Door>) -> Result<(), Mistake> {
    match location.word.replace(cf.argument()) {
        None => Ok(()),
        Some(_) => Err(Mistake::Said("\"door\" directive is duplicate".to_owned())),
    }
}

fn access(r: &mut Request<'_, Door>) -> Result<Flow<u16>, Fault> {
    let Some(word) = &r.location().word else { return Ok(Flow::Next) };
    let visit = r.state()?;
    if r.is_suspended() {
        return Ok(Flow::Suspended); // the client's socket woke us, not the timer
    }
    if r.header(b"x-word") == Some(word.as_bytes()) {
        visit.seen.set("open");
        return Ok(Flow::Admit);
    }
    if !visit.has_waited.replace(true) {
        r.suspend(Duration::from_millis(200))?;
        return Ok(Flow::Suspended);
    }
    visit.seen.set("shut");
    Ok(Flow::Refuse(403))
}
