"""Others, while 50 logins wait for an authentik that answers after two seconds."""

import http.client
import http.server
import os
import re
import statistics
import threading
import time
from contextlib import contextmanager, suppress

import load
import ratios
import seed
from server import Server
from settings import SETTINGS

LOGINS = 50
ANSWERS_AFTER = 2.0

# Think time, so that p99 is a visitor's wait and not the length of a saturated queue.
_PACED = "function delay() return 5 end\n"


def others_while_logins_wait():
    """p99 of requests with a known session, during slow logins ÷ without, paired by round."""
    quiet, busy = [], []
    with slow_core() as core_port:

        def http_block(port):
            return seed.zone(seed.SESSIONS) + seed.provider("wiki", port, core_port)

        body = "authentik_provider wiki; location /static/ { alias www/; }"
        with Server("logins", body, http_block, seeded=True) as server:
            case = ratios.case("others", f"{server.url}/static/1k", server)._replace(script=_PACED)
            for number in range(SETTINGS.rounds):
                for waiting in (False, True) if number % 2 == 0 else (True, False):
                    with logins(server.port if waiting else None):
                        runs = busy if waiting else quiet
                        runs.append(load.run(case, connections=16))
    ratio = statistics.median(b.p99_us / q.p99_us for b, q in zip(busy, quiet, strict=True))
    return (
        {"p99_others_during_logins": ratio},
        {"others, no logins": load.summary(quiet), f"others, {LOGINS} logins": load.summary(busy)},
    )


def give_way():
    """The calling thread goes last. Authentik and the visitors run on machines of their own; here they
    share two processors with nginx, and what they take is not what is measured."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 15)


@contextmanager
def slow_core():
    """A token endpoint that takes its time and then refuses: what a login waits for."""

    class Slow(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self):
            give_way()
            super().setup()

        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            time.sleep(ANSWERS_AFTER)
            body = b'{"error": "invalid_grant"}'
            # A login that waited too long in the module's queue has been aborted.
            with suppress(ConnectionError):
                self.send_response(400)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


@contextmanager
def logins(port):
    """Keeps that many callbacks waiting, each with a state and cookie of its own. None: nothing."""
    if port is None:
        yield
        return
    end = threading.Event()
    waiting = threading.Semaphore(0)
    errors = []

    def again_and_again():
        give_way()
        try:
            while not end.is_set():
                state, cookie = start(port)
                waiting.release()
                callback(port, state, cookie)
        except (OSError, RuntimeError, http.client.HTTPException) as error:
            errors.append(error)
            waiting.release()

    threads = [threading.Thread(target=again_and_again) for _ in range(LOGINS)]
    for thread in threads:
        thread.start()
    for _ in threads:
        waiting.acquire()
    time.sleep(0.2)
    try:
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join()
    if errors:
        raise RuntimeError(f"a login did not wait: {errors[0]}")


def start(port):
    """Begins a login: its state and the cookie that belongs to it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/outpost.goauthentik.io/start?rd=/static/1k")
    answer = connection.getresponse()
    answer.read()
    location = answer.getheader("Location") or ""
    state = re.search(r"[?&]state=([^&]+)", location)
    if answer.status != 302 or not state:
        raise RuntimeError(f"start answered {answer.status}, Location {location!r}")
    cookies = [value.split(";")[0] for value in answer.msg.get_all("Set-Cookie", [])]
    connection.close()
    return state[1], "; ".join(cookies)


def callback(port, state, cookie):
    """Waits for the code exchange, which fails in the end: any page will do."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    query = f"X-authentik-auth-callback=true&code=bench&state={state}"
    connection.request(
        "GET", f"/outpost.goauthentik.io/callback?{query}", headers={"Cookie": cookie}
    )
    answer = connection.getresponse()
    answer.read()
    connection.close()
    waited = time.monotonic() - began
    if answer.status < 400 or waited < ANSWERS_AFTER / 2:
        raise RuntimeError(f"the callback answered {answer.status} after {waited:.1f} s")
