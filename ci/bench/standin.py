"""The stand-in authentik, and visitors who sign in there."""

import http.cookiejar
import subprocess
import sys
import urllib.parse
import urllib.request
from contextlib import contextmanager

from server import wait_for_answer
from settings import SETTINGS

# Its provider "wiki".
CLIENT = ("wiki-client-id", "wiki-client-secret-0123456789abcdef0123456789abcdef")


@contextmanager
def standin(port, hosts, *options):
    """Runs while the `with` block does, with a provider for these hosts."""
    command = [SETTINGS.standin, "--port", str(port), "--app-port", "0", "--quiet"]
    command += ["--client-id", CLIENT[0], "--client-secret", CLIENT[1], *options]
    for host in hosts:
        command += ["--external-host", host]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        wait_for_answer(port, process)
        yield
    finally:
        process.kill()
        process.wait()


def change(port, **settings):
    """Changes settings of its provider."""
    body = urllib.parse.urlencode(settings).encode()
    urllib.request.urlopen(f"http://127.0.0.1:{port}/-/standin/providers/wiki/", body, timeout=30).close()


def issuer(port):
    return f"http://127.0.0.1:{port}/application/o/wiki/"


def provider(core_port, more=""):
    """Directives of the http context: the provider, which finds out the rest at the stand-in."""

    def text(port):
        return f"""
            authentik_shared_zone zone=authentik:16m;
            authentik_provider wiki {{
                issuer {issuer(core_port)};
                client_id {CLIENT[0]};
                client_secret {CLIENT[1]};
                external_host http://127.0.0.1:{port};
                {more}
            }}
        """

    return text


def sign_in(server):
    """Goes to the page as a browser does, and on to where it is sent: the cookies it has in the end."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    browser.addheaders = [
        ("Accept", "text/html"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
        ("User-Agent", "Mozilla/5.0"),
    ]
    page = f"{server.url}/static/1k"
    with browser.open(page, timeout=30) as answer:
        if answer.url != page:
            sys.exit(f"bench: {server.name}: the sign-in ended at {answer.url}\n{server.log()[-2000:]}")
    wanted = ("authentik_proxy_", "mod_auth_openidc_session")
    return "; ".join(f"{one.name}={one.value}" for one in jar if one.name.startswith(wanted))
