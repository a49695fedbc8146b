//! ngx_http_authentik_module: authentik's proxy outpost inside nginx workers.
//!
//! | room | serves |
//! |---|---|
//! | [`phases`] | post-read: strip headers, answer endpoints; preaccess: cookies; access: ask the gate |
//! | [`endpoints`] | `/outpost.goauthentik.io/…`: signing in and out; verdicts for other proxies |
//! | [`request`] | what a request leaves behind: answers, log line, variables, status |
//! | [`visitor`] | who the visitor is: sessions, header authentication, which provider |
//! | [`outpost`] | the connection to authentik as an outpost: providers and ended sessions |
//! | [`storage`] | sessions beyond the zone: the store, asked by threads |
//! | [`authentik`] | asking authentik: discovery, keys, leases, worker threads |
//! | [`conf`] | the directives, their inheritance, what `nginx -t` rejects |
//! | [`ngx`] | the fence, crates/nginx, with our types filled in |
//!
//! A room knows only the rooms below it in this table; `crates/gate/tests/layers.rs` checks this.
//! The state of a request (`phases/state.rs`) is available to all rooms through the request.
//!
//! Decisions are made in crates/gate; blocking code is in crates/io.

// The expansion of `nginx::module!` belongs to the fence.
#![forbid(unsafe_code)]

mod authentik;
mod conf;
mod endpoints;
mod ngx;
mod outpost;
mod phases;
mod request;
mod storage;
#[cfg(any(feature = "bench-seed", feature = "suspend-all"))]
mod testing;
mod visitor;

use gate::reason::Reason;
use gate::response::Response;
use nginx::module::{ContentHandler, PhaseHandler};
use nginx::{Module, Parts};

use crate::authentik::{lease, threads};
use crate::conf::{
    LocationConf, MainConf, ServerConf, directives, doubts, in_use, location, needs,
};
use crate::endpoints::exchange;
use crate::ngx::{
    Authentik, Conf, Fault, Mistake, Request, Row, Variable, Zone, counters, kept, keyring,
};
use crate::phases::state::RequestState;
use crate::request::{answers, status, variables};
use crate::visitor::{header_auth, known, renewal, sweep};

// Handlers of a phase run in reverse order (`ngx_http_init_phase_handlers`): this module comes
// before these, so that its access handler runs after theirs. With `satisfy any`, an address
// admitted by `allow`, or a password, then needs no session.
nginx::module! {
    ngx_http_authentik_module: Authentik;
    before: "ngx_http_auth_basic_module", "ngx_http_access_module", "ngx_http_auth_request_module"
}

impl Module for Authentik {
    const NAME: &'static str = "authentik";

    type Main = MainConf;
    type Server = ServerConf;
    type Location = LocationConf;
    type State = RequestState;
    type Kept = kept::Shelf;
    type Response = Response;

    const DIRECTIVES: &'static [Row] = directives::TABLE;
    const VARIABLES: &'static [Variable] = variables::TABLE;
    const POST_READ: Option<PhaseHandler<Self>> = Some(phases::post_read::post_read);
    const PREACCESS: Option<PhaseHandler<Self>> = Some(phases::preaccess::preaccess);
    const ACCESS: Option<PhaseHandler<Self>> = Some(phases::access::access);
    const CONTENT: Option<ContentHandler<Self>> = Some(status::answer);

    fn finish(main: &mut MainConf, cf: &Conf<'_>) -> Result<(), Mistake> {
        main.finish(cf)
    }

    fn merge(
        parent: &LocationConf,
        child: &mut LocationConf,
        cf: &mut Conf<'_>,
    ) -> Result<(), Mistake> {
        location::merge(parent, child, cf)
    }

    fn check(cf: &mut Conf<'_>) -> Result<(), Mistake> {
        needs::check(cf)
    }

    fn begin(main: Option<&MainConf>, main_log_hides_errors: bool) {
        if let Some(main) = main {
            doubts::warn_of_error_log(main, main_log_hides_errors);
        }
        if let Some([of_store, former]) = main.map(MainConf::store_keys) {
            keyring::replace(of_store, former);
        }
        in_use::replace(main);
    }

    fn start_worker(main: &MainConf) {
        if !main.uses_module() && !cfg!(feature = "suspend-all") {
            return;
        }
        counters::start(main.shared_words());
        Zone::start(main.zone());
        if let Some(wakeup) = threads::start(deliver, (storage::IDLE, storage::rest)) {
            sweep::start();
            storage::start(main, wakeup.clone());
            outpost::start(main, wakeup);
            #[cfg(feature = "bench-seed")]
            testing::bench::seed(main);
        }
    }

    fn stop_worker() {
        outpost::stop();
        storage::stop();
        threads::stop();
        sweep::stop();
        known::forget();
    }

    fn owns_variables(r: &Request<'_>) -> bool {
        r.server().uses_module()
    }

    fn parts(response: &Response) -> Parts<'_> {
        let Response { status, headers, content_type, body } = response;
        let (status, content_type) = (*status, *content_type);
        Parts { status, content_type, headers, body: body.as_bytes() }
    }

    fn refuse(r: &Request<'_>) -> Result<Response, Fault> {
        answers::refusal(r, Reason::Internal)
    }
}

/// Called on the event loop when threads or requests have left work for it.
fn deliver() {
    outpost::deliver();
    storage::deliver();
    header_auth::deliver();
    renewal::deliver();
    exchange::deliver();
    threads::deliver(exchange::lost);
    lease::deliver();
}
