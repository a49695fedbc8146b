//! What tests need: a running site, a person with a browser, and an eye on the error log.

mod app;
mod browser;
mod build;
mod caddy;
mod cgi;
mod conf;
mod cookies;
mod curl;
mod disk;
mod dns;
mod front;
mod git;
mod handshake;
mod http;
pub(crate) mod http2;
mod http3;
mod log;
mod nginx;
mod patience;
mod ports;
mod processes;
mod site;
mod temp;
mod wire;

pub(crate) use app::{IDENTITY_HEADERS, Received};
pub(crate) use browser::{Browser, Trail, is_session, parameter};
pub(crate) use build::{
    careless_module, example_module, foreign_module, module, module_suspend_all,
    nginx as nginx_binary, nginx_options,
};
pub(crate) use caddy::Caddy;
pub(crate) use cgi::{Cgi, Protocol};
pub(crate) use conf::{Ports, SITE_NAME};
pub(crate) use cookies::Cookie;
pub(crate) use curl::{Curl, certificate, listen_http2, site_over_http2};
pub(crate) use disk::Disk;
pub(crate) use dns::NameServer;
pub(crate) use front::Front;
pub(crate) use git::{Forge, git};
pub(crate) use handshake::handshake;
pub(crate) use http::{Connection, Request, Response, UPGRADE};
pub(crate) use http3::{GiveUp, Http3};
pub(crate) use nginx::{test_configuration, test_with_log};
pub(crate) use patience::{at_best, eventually, within};
pub(crate) use ports::free_port;
pub(crate) use processes::{context_switches, cpu_time, has_hidden_memory, has_thread};
pub(crate) use site::{Builder, Sister, Site};
pub(crate) use temp::TempDir;
pub(crate) use wire::Wire;
