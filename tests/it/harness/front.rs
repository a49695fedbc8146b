//! Another nginx, without the module, in front of a site.

use super::nginx::Nginx;
use super::site::Site;
use super::temp::TempDir;

/// A proxy that asks the site whether to let requests through to the site's application.
pub(crate) struct Front {
    _nginx: Nginx,
}

impl Front {
    /// Listens on [`Site::other_address`]. In the lines of the `http` block, `%%LISTEN%%` is that
    /// address, `%%OUTPOST%%` the site's, `%%APP%%` the application's.
    pub(crate) fn start(site: &Site, http: &str) -> Self {
        let prefix = TempDir::new();
        prefix.write("temp/keep", "");
        let http = http
            .replace("%%LISTEN%%", &site.other_address().to_string())
            .replace("%%OUTPOST%%", &site.address().to_string())
            .replace("%%APP%%", &site.app.address());
        let conf = format!(
            "daemon off;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events {{ }}
http {{
    access_log off;
    client_body_temp_path temp/body;
    proxy_temp_path temp/proxy;
    fastcgi_temp_path temp/fastcgi;
    uwsgi_temp_path temp/uwsgi;
    scgi_temp_path temp/scgi;
{http}
}}
"
        );
        prefix.write("nginx.conf", conf);
        match Nginx::start(prefix, site.other_address(), 1) {
            Ok(nginx) => Self { _nginx: nginx },
            Err(error) => panic!("the nginx in front did not start: {error:?}"),
        }
    }
}
