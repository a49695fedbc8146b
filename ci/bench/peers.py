"""`make bench-peers`: one user's session behind several gates, each in front of the same 1 KB file.

Each session comes of a sign-in at the stand-in authentik. Prints a table, writes target/bench-peers.md.
"""

import http.cookiejar
import subprocess
import sys
import urllib.request
from contextlib import ExitStack, contextmanager

import load
import ratios
from apache import Apache
from load import Case
from server import Server, free_port, wait_for_answer
from settings import SETTINGS

# The stand-in's provider "wiki".
_CLIENT = ("wiki-client-id", "wiki-client-secret-0123456789abcdef0123456789abcdef")
_SHARED = "authentik_shared_zone zone=authentik:16m;\n"


def main():
    with ExitStack() as stack:
        core = free_port()
        issuer = f"http://127.0.0.1:{core}/application/o/wiki/"

        def provider(port):
            return f"""{_SHARED}
                authentik_provider wiki {{
                    issuer {issuer};
                    client_id {_CLIENT[0]};
                    client_secret {_CLIENT[1]};
                    external_host http://127.0.0.1:{port};
                }}
            """

        plain = Server("nginx, open to all", ratios.static(""))
        module = Server(
            "nginx, this module",
            "authentik_provider wiki;" + ratios.static(""),
            provider,
            module=SETTINGS.module,
        )
        # The cheapest outpost that really checks the session.
        outpost = Server(
            "outpost",
            "authentik_provider wiki;" + ratios.static("") + "location /outpost.goauthentik.io/ {"
            "authentik_provider wiki; authentik_outpost_endpoint trusted=127.0.0.1; }",
            provider,
            module=SETTINGS.module,
        )
        kept = Server(
            "nginx, auth_request, keep-alive",
            ratios.auth_request("http://authorizer", ratios.KEEP_ALIVE),
            ratios.upstreams(outpost, outpost),
        )
        recipe = Server(
            "nginx, auth_request as authentik documents it",
            ratios.auth_request(outpost.url),
            ratios.upstreams(outpost),
        )
        plain_apache = Apache("Apache, open to all")
        openidc = Apache("Apache, mod_auth_openidc", (issuer, *_CLIENT))
        stack.enter_context(
            _standin(core, (module.url, outpost.url), openidc.redirect_uri())
        )
        for server in (plain, module, outpost, kept, recipe, plain_apache, openidc):
            stack.enter_context(server)
        cases = [
            _case(plain, ""),
            _case(module, _sign_in(module)),
            _case(kept, session := _sign_in(outpost), outpost),
            _case(recipe, session, outpost),
            _case(plain_apache, ""),
            _case(openidc, _sign_in(openidc)),
        ]
        runs, figures = load.alternate(
            cases, {case.name: (case.name, module.name) for case in cases if case.name != module.name}
        )
    _report(cases, runs, figures)


@contextmanager
def _standin(port, hosts, redirect_uri):
    command = [SETTINGS.standin, "--port", str(port), "--app-port", "0", "--quiet"]
    command += ["--client-id", _CLIENT[0], "--client-secret", _CLIENT[1]]
    command += ["--redirect-uri", redirect_uri]
    for host in hosts:
        command += ["--external-host", host]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        wait_for_answer(port, process)
        yield
    finally:
        process.kill()
        process.wait()


def _sign_in(server):
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


def _case(server, cookie, *others):
    headers = (f"Cookie: {cookie}",) if cookie else ()
    # Apache closes a few keep-alive connections when its threads are busy.
    may_close = 0.001 if isinstance(server, Apache) else 0.0
    page = f"{server.url}/static/1k"
    return Case(server.name, page, (server, *others), headers, may_close=may_close)


def _report(cases, runs, figures):
    lines = ["| what | CPU per request | ÷ this module |", "|---|---|---|"]
    for case in cases:
        ratio = figures.get(case.name, "1")
        cpu = load.median([run.cpu_us for run in runs[case.name]])
        lines.append(f"| {case.name} | {cpu.value:.1f} µs | {ratio} |")
        print(f"{case.name:48} {load.summary(runs[case.name])}")
    table = "\n".join(lines) + "\n"
    (SETTINGS.target / "bench-peers.md").write_text(table)
    print("\n" + table)


main()
