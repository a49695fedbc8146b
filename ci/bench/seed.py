"""Sessions without logins: the only place that knows the cargo feature `bench-seed`.

With that feature the module has a directive `authentik_bench_seed N;` (http). It fills the zone, and the
store if there is one, with N sessions of the first provider, each with a token of 1.5 KB and all 12 identity headers, numbered from
1, and opens one more, number 0. It logs, at warn, how full the zone is then:
`authentik: bench: N sessions in B bytes`.
"""

import base64
import hashlib
import hmac
import re

from server import Server

SESSIONS = 100_000
CLIENT_ID = "bench-client"
# The size of a session's token in `authentik_bench_seed`.
TOKEN_BYTES = 1536

_NAME = f"authentik_proxy_{hashlib.sha256(CLIENT_ID.encode()).hexdigest()[:8]}"
# The key for proofs in ids, in a module built with the feature, whatever the secret of a store is.
_SECRET = bytes(32)


def _id(number):
    """The id of the session with this number: 24 bits of it, zeros, and the proof, in base64url."""
    random = number.to_bytes(3, "big") + bytes(17)
    proof = hmac.new(_SECRET, random, hashlib.sha256).digest()[:12]
    return base64.urlsafe_b64encode(random + proof).decode().rstrip("=")


def cookie(number):
    """The cookie of the session with this number."""
    return f"{_NAME}={_id(number)}"


COOKIE = cookie(0)


def in_turn(sessions):
    """A script for wrk: each request is of the next session, of so many, from number 1."""
    ids = [_id(number) for number in range(1, sessions + 1)]
    return f"""
local ids, length, requests, at = "{''.join(ids)}", {len(ids[0])}, {{}}, 0
function init()
  for n = 1, {sessions} do
    local id = ids:sub((n - 1) * length + 1, n * length)
    requests[n] = wrk.format(nil, nil, {{ Cookie = "{_NAME}=" .. id, Host = wrk.headers["Host"] }})
  end
end
function request() at = at % {sessions} + 1 return requests[at] end
"""

# Generous: the figure per session is measured, not assumed.
_ZONE_BYTES_PER_SESSION = 4096


def zone(sessions):
    """Directives of the http context: a zone with that many other sessions."""
    megabytes = max(16, sessions * _ZONE_BYTES_PER_SESSION // 1_000_000 + 16)
    return f"authentik_shared_zone zone=authentik:{megabytes}m;\n{seeding(sessions)}"


def seeding(sessions):
    """The directive that makes them."""
    return f"authentik_bench_seed {sessions};\n"


def provider(name, port, core_port=9):
    """A provider that needs neither discovery nor keys. Port 9 (discard): nobody listens there."""
    core = f"http://127.0.0.1:{core_port}"
    return f"""
    authentik_provider {name} {{
        issuer {core}/application/o/{name}/;
        client_id {CLIENT_ID if name == "wiki" else "client-" + name};
        client_secret bench-client-secret-0123456789abcdef0123456789abcdef;
        external_host http://127.0.0.1:{port};
        authorization_endpoint {core}/application/o/authorize/;
        token_endpoint {core}/application/o/token/;
        end_session_endpoint {core}/application/o/{name}/end-session/;
    }}
"""


def identity_headers():
    """The 12 headers as values of the same size, for the unprotected case."""
    token = base64.urlsafe_b64encode(b"t" * TOKEN_BYTES).decode()[:TOKEN_BYTES]
    return {
        "X-authentik-username": "bench",
        "X-authentik-groups": "authentik Admins|wiki editors|wiki readers",
        "X-authentik-entitlements": "edit|publish",
        "X-authentik-email": "bench@example.com",
        "X-authentik-name": "Bench Mark",
        "X-authentik-uid": hashlib.sha256(b"bench").hexdigest(),
        "X-authentik-jwt": token,
        "X-authentik-meta-jwks": "http://127.0.0.1:9/application/o/wiki/jwks/",
        "X-authentik-meta-outpost": "nginx",
        "X-authentik-meta-provider": "wiki",
        "X-authentik-meta-app": "wiki",
        "X-authentik-meta-version": "goauthentik.io/outpost/2026.2.2",
    }


def bytes_per_session():
    """What the zone lost to each of the seeded sessions."""
    with Server("seed", http=lambda port: zone(SESSIONS) + provider("wiki", port), seeded=True) as it:
        line = re.search(r"authentik: bench: (\d+) sessions in (\d+) bytes", it.log())
    if not line:
        raise RuntimeError("the module did not log how full the zone is (feature bench-seed)")
    sessions, used = int(line[1]), int(line[2])
    return {"bytes_per_session": used / sessions}, {"sessions in the zone": f"{sessions:,}"}
