//! Integration tests: each starts a real nginx with the module, the stand-in authentik and an
//! application. `make test` builds the module and sets `AUTHENTIK_NGINX` and `AUTHENTIK_MODULE`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "all of it is test code: a surprise shall fail the test, loudly"
)]

mod grpc;
mod harness;

mod asked_host;
mod attacks;
mod authentik_server;
mod beside;
mod caches;
mod challenges;
mod changed_keys;
mod chaos;
mod config_errors;
mod conformance;
mod coverage;
mod crowds;
mod default_provider;
mod defects;
mod domain_level;
mod endpoints;
mod error_pages;
mod example_module;
mod foreign_module;
mod front_controllers;
mod header_auth;
mod headers;
mod host_cookies;
mod hostile;
mod http3;
mod leftovers;
mod lifetimes;
mod living_together;
mod logout;
mod long_links;
mod malformed;
mod migrating;
mod neighbours;
mod open_redirects;
mod outage;
mod outpost;
mod outpost_endpoint;
mod own_cookies;
mod pages;
mod persons;
mod programs;
mod proxy_mode;
mod proxy_upstreams;
mod reasons;
mod redirected;
mod refusals;
mod reload;
mod remembered_sessions;
mod renewal;
mod rules;
mod samples;
mod session_store;
mod sign_in;
mod sign_in_floods;
mod sign_in_loops;
mod sign_out;
mod standin_outpost;
mod state;
mod status;
mod store_keys;
mod suspend_all;
mod tls;
mod tokens;
mod unasked;
mod unauth_paths;
mod unauth_served;
mod upgrade;
mod uploads;
mod upstreams;
mod whole_outpost;
mod zone;
