"""Debian's Apache with mod_auth_openidc, as its package's documentation sets it up."""

import signal

from server import Server

_MODULES = ("mpm_event", "authn_core", "authz_core", "authz_user", "auth_openidc")


class Apache(Server):
    """A running Apache. With a `provider` it admits who has signed in there; `provider` is its issuer,
    client id and secret."""

    # SIGQUIT would end only the parent, and leave its children.
    _end = signal.SIGTERM

    def __init__(self, name, provider=None):
        self._provider = provider
        super().__init__(name)

    def redirect_uri(self):
        return f"{self.url}/static/signed-in"

    def _command(self):
        return ["/usr/sbin/apache2", "-d", self._dir, "-f", "server.conf", "-DFOREGROUND"]

    def _configuration(self, *_):
        (self._dir / "www" / "static").symlink_to(".")
        modules = "".join(
            f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in _MODULES
        )
        # Threads as in Debian's mpm_event.conf.
        return f"""
{modules}
Listen 127.0.0.1:{self.port}
ServerName 127.0.0.1
DefaultRuntimeDir {self._dir}
PidFile {self._dir}/apache.pid
ErrorLog {self._dir}/error.log
User www-data
Group www-data
StartServers 2
MinSpareThreads 25
MaxSpareThreads 75
ThreadLimit 64
ThreadsPerChild 25
MaxRequestWorkers 150
MaxConnectionsPerChild 0
KeepAlive On
MaxKeepAliveRequests 0
DocumentRoot {self._dir}/www
<Directory />
    AllowOverride None
    Require all granted
</Directory>
{self._protection() if self._provider else ""}
"""

    def _protection(self):
        issuer, client_id, client_secret = self._provider
        return f"""
OIDCProviderMetadataURL {issuer}.well-known/openid-configuration
OIDCClientID {client_id}
OIDCClientSecret {client_secret}
OIDCRedirectURI {self.redirect_uri()}
OIDCScope "openid email profile"
OIDCCryptoPassphrase 0123456789abcdef0123456789abcdef
<Location /static>
    AuthType openid-connect
    Require valid-user
</Location>
"""
