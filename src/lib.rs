//! ngx_http_authentik_module: authentik's proxy outpost inside nginx workers.
//!
//! | room | serves |
//! |---|---|
//! | [`ngx`] | the fence: module descriptor, callbacks, guard, requests, zone, wake-up; all `unsafe` |
//! | [`conf`] | the directives, their inheritance, what `nginx -t` refuses |
//! | [`phases`] | post-read: strip, hand over endpoints; preaccess: cookies; access: ask the gate |
//! | [`endpoints`] | `/outpost.goauthentik.io/…`: a sign-in and its end; other proxies ask for a verdict |
//! | [`visitor`] | who it is: sessions, header authentication, which provider |
//! | [`authentik`] | asking: discovery, keys, leases, worker threads |
//! | [`outpost`] | the connection to authentik as an outpost: providers and session ends, live |
//! | [`request`] | what a request leaves behind: state, answers, log line, variables, status |

#![deny(unsafe_code)]

mod authentik;
mod conf;
mod endpoints;
#[allow(unsafe_code, reason = "the fence")]
#[path = "../crates/nginx/src/lib.rs"]
mod ngx;
mod outpost;
mod phases;
mod request;
#[cfg(any(feature = "bench-seed", feature = "suspend-all"))]
mod testing;
mod visitor;
