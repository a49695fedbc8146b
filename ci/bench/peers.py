"""`make bench-peers`: one user's session behind several gates, each in front of the same 1 KB file.

Each session comes of a sign-in at the stand-in authentik. Prints a table, writes target/bench-peers.md.
"""

from contextlib import ExitStack

import load
import ratios
from apache import Apache
from load import Case
from server import Server, free_port
from settings import SETTINGS
from standin import CLIENT, issuer, provider, sign_in, standin


def main():
    with ExitStack() as stack:
        core = free_port()
        settings = provider(core)
        plain = Server("nginx, open to all", ratios.static(""))
        module = Server(
            "nginx, this module",
            "authentik_provider wiki;" + ratios.static(""),
            settings,
            module=SETTINGS.module,
        )
        # The cheapest outpost that really checks the session.
        outpost = Server(
            "outpost",
            "authentik_provider wiki;" + ratios.static("") + "location /outpost.goauthentik.io/ {"
            "authentik_provider wiki; authentik_outpost_endpoint trusted=127.0.0.1; }",
            settings,
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
        openidc = Apache("Apache, mod_auth_openidc", (issuer(core), *CLIENT))
        redirect = ("--redirect-uri", openidc.redirect_uri())
        stack.enter_context(standin(core, (module.url, outpost.url), *redirect))
        for server in (plain, module, outpost, kept, recipe, plain_apache, openidc):
            stack.enter_context(server)
        cases = [
            _case(plain, ""),
            _case(module, sign_in(module)),
            _case(kept, session := sign_in(outpost), outpost),
            _case(recipe, session, outpost),
            _case(plain_apache, ""),
            _case(openidc, sign_in(openidc)),
        ]
        runs, figures = load.alternate(
            cases, {case.name: (case.name, module.name) for case in cases if case.name != module.name}
        )
    _report(cases, runs, figures)


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
