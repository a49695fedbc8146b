"""People who visit a protected server: programs with connections of their own."""

import http.client
import threading
import time
import urllib.parse

import seed

# Of the sessions of the seed, so many are used, so many times a second in all, on so many connections.
VISITORS = 1_000
RATE = 500
_CONNECTIONS = 4

_NAVIGATES = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html"}


def connection(port):
    return http.client.HTTPConnection("127.0.0.1", port, timeout=30)


def ask(server, cookie, path="/static/1k", navigates=False):
    """The status that is answered on this connection."""
    return _answer(server, path, {"Cookie": cookie} | (_NAVIGATES if navigates else {})).status


def _answer(server, path, headers):
    server.request("GET", path, headers=headers)
    answer = server.getresponse()
    answer.read()
    return answer


def sign_in(server, core):
    """Signs in with as little as that takes: three requests, on these two connections."""
    start = _answer(server, "/outpost.goauthentik.io/start?rd=/static/1k", _NAVIGATES)
    cookies = [value.split(";")[0] for value in start.msg.get_all("Set-Cookie", [])]
    back = _answer(core, _path(start), _NAVIGATES)
    end = _answer(server, _path(back), _NAVIGATES | {"Cookie": "; ".join(cookies)})
    sessions = [value for value in end.msg.get_all("Set-Cookie", []) if value.startswith("authentik_proxy_")]
    if not any("Max-Age=0" not in value for value in sessions):
        raise RuntimeError(f"no sign-in: {start.status}, {back.status}, {end.status} {end.msg}")


def sign_in_in_vain(server):
    """A sign-in for which authentik is asked and does not answer."""
    start = _answer(server, "/outpost.goauthentik.io/start?rd=/static/1k", _NAVIGATES)
    cookies = [value.split(";")[0] for value in start.msg.get_all("Set-Cookie", [])]
    [state] = urllib.parse.parse_qs(_path(start).partition("?")[2])["state"]
    query = urllib.parse.urlencode({"code": "none", "state": state})
    path = f"/outpost.goauthentik.io/callback?{query}"
    end = _answer(server, path, _NAVIGATES | {"Cookie": "; ".join(cookies)})
    if end.status < 500:
        raise RuntimeError(f"authentik was not asked: {end.status}")


def _path(redirect):
    """Path and query of where it leads."""
    url = urllib.parse.urlsplit(redirect.getheader("Location") or "")
    return f"{url.path}?{url.query}"


class Visitors:
    """All visitors in turn, at a steady rate, until the end of the `with` block. A request whose connection
    fails is made again, as browsers do."""

    def __init__(self, port):
        self._port = port
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._number = 0
        self._began = time.monotonic()
        self._threads = [threading.Thread(target=self._run) for _ in range(_CONNECTIONS)]
        # In milliseconds; of the first requests, by visitor.
        self.first, self._later = {}, []
        # Answers other than the page, and failed connections.
        self.refused = self.away = 0

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join()

    def go_round(self, times):
        """Waits until all of them have made so many further requests."""
        number = self._number + times * VISITORS
        patience = time.monotonic() + 10 * times * VISITORS / RATE
        while self._number < number:
            if time.monotonic() > patience or not all(thread.is_alive() for thread in self._threads):
                raise RuntimeError(f"visitors are too slow: {number - self._number} requests are missing")
            time.sleep(0.05)

    def forget(self):
        """From now on, each visitor's next request is their first. The times of those before that were not."""
        with self._lock:
            later, self.first, self._later = self._later, {}, []
            return later

    def _run(self):
        server = connection(self._port)
        while not self._end.is_set():
            with self._lock:
                number, self._number = self._number, self._number + 1
            time.sleep(max(0.0, self._began + number / RATE - time.monotonic()))
            self._visit(server, number % VISITORS)
        server.close()

    def _visit(self, server, visitor):
        cookie = seed.cookie(1 + visitor * (seed.SESSIONS // VISITORS))
        while not self._end.is_set():
            try:
                if not server.sock:
                    server.connect()
                began = time.monotonic()
                status = ask(server, cookie)
            except (OSError, http.client.HTTPException):
                server.close()
                with self._lock:
                    self.away += 1
                time.sleep(0.005)
                continue
            took = (time.monotonic() - began) * 1000
            with self._lock:
                self.refused += status != 200
                if visitor in self.first:
                    self._later.append(took)
                else:
                    self.first[visitor] = took
            return
