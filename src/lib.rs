//! ngx_http_authentik_module: authentik's proxy outpost inside nginx workers.
//!
//! | module | serves |
//! |---|---|
//! | [`ngx`] | the fence: module descriptor, callbacks, guard, requests, zone, wake-up; all `unsafe` |
//! | [`conf`] | the directives, their inheritance, what `nginx -t` refuses |
//! | [`phases`] | post-read: strip, hand over endpoints; preaccess: cookies; access: ask the gate |
//! | [`endpoints`] | `/outpost.goauthentik.io/{start,callback,sign_out,ping}` |
//! | [`forward`] | `/outpost.goauthentik.io/auth/…`: other proxies ask for a verdict |
//! | [`answers`] | refusals and error pages, with their log lines |
//! | [`sessions`] | the gate's table, joined to the mapped zone |
//! | [`sweep`] | expired records go in time |
//! | [`core_server`] | what is known of an authentik server: endpoints and keys, asked for once |
//! | [`header_auth`] | Bearer and Basic, checked with authentik |
//! | [`providers`] | which provider a request belongs to |
//! | [`outpost`] | the connection to authentik as an outpost: providers and session ends, live |
//! | [`single_flight`] | one question at a time over all workers |
//! | [`worker`] | the threads of a worker: questions out, answers in |
//! | [`state`] | what is remembered of a request between callbacks |
//! | [`status`] | `authentik_status`, and what it counts |
//! | [`variables`] | `$authentik_…` |

#![deny(unsafe_code)]

mod answers;
#[cfg(feature = "bench-seed")]
mod bench;
mod conf;
mod core_server;
#[cfg(feature = "suspend-all")]
mod defect;
mod endpoints;
mod flights;
mod forward;
mod header_auth;
#[allow(unsafe_code, reason = "the fence")]
#[path = "../crates/nginx/src/lib.rs"]
mod ngx;
mod outpost;
mod phases;
mod providers;
mod sessions;
mod single_flight;
mod state;
mod status;
mod sweep;
mod variables;
mod worker;
