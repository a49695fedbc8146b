"""A real browser, by WebDriver (W3C) and Python's own library only. Used by walk.py, with its arguments."""

import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request

_, _, driver_url, site, pictures, axe = sys.argv


def check(holds, what):
    if not holds:
        sys.exit(f"browser: does not hold: {what}")


class Browser:
    """One window with a fresh profile; the phone is narrow and dark."""

    def __init__(self, phone=False, width=390, language="en"):
        self.session = ""
        started = self.ask("POST", "", {"capabilities": {"alwaysMatch": self.wanted(phone, language)}})
        self.session = "/" + started["sessionId"]
        if phone:
            self.become_a_phone(width)

    def wanted(self, phone, language):
        """The capabilities that are asked for."""
        arguments = ["--headless=new", "--disable-gpu", "--disable-background-networking"]
        arguments.append("--window-size=500,900" if phone else "--window-size=1100,800")
        arguments.append(f"--accept-lang={language}")
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")  # Chromium's sandbox does not work for root
        options = {"args": arguments}
        return {"browserName": "chrome", "goog:chromeOptions": options}

    def become_a_phone(self, width):
        screen = {"width": width, "height": 844, "deviceScaleFactor": 2, "mobile": True}
        self.devtools("Emulation.setDeviceMetricsOverride", screen)
        dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        self.devtools("Emulation.setEmulatedMedia", dark)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ask("DELETE", "")

    def ask(self, method, path, body=None):
        """One WebDriver command (W3C WebDriver, section 6.3)."""
        data = None if body is None else json.dumps(body).encode()
        url = f"{driver_url}/session{self.session}{path}"
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            sys.exit(f"browser: {path}: {json.load(error)['value']['message'].splitlines()[0]}")

    def devtools(self, command, parameters):
        return self.ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, path):
        self.ask("POST", "/url", {"url": site + path})

    def url(self):
        return self.ask("GET", "/url")

    def script(self, code):
        return self.ask("POST", "/execute/sync", {"script": code, "args": []})

    def promise(self, code):
        """What the body of an asynchronous function returns."""
        run = f"const done = arguments[0]; (async () => {{ {code} }})().then(done, error => done(String(error)));"
        return self.ask("POST", "/execute/async", {"script": run, "args": []})

    def back(self):
        """Until another page is there: a driver may return before."""
        self.script("window.wasHere = true")
        self.ask("POST", "/back", {})
        for _ in range(100):
            if not self.script("return window.wasHere") and self.script("return document.readyState") == "complete":
                return
            time.sleep(0.1)
        sys.exit(f"browser: no way back from {self.url()}")

    def reload(self):
        self.ask("POST", "/refresh", {})

    def new_tab(self):
        """A new tab, to which it changes."""
        handle = self.ask("POST", "/window/new", {"type": "tab"})["handle"]
        self.go_to_tab(handle)
        return handle

    def go_to_tab(self, handle):
        self.ask("POST", "/window", {"handle": handle})

    def text(self):
        return self.script("return document.body ? document.body.innerText : ''")

    def wait_for(self, *words):
        """Until the page shows one of these words, ten seconds at most. Returns which."""
        for _ in range(100):
            text = self.text()
            for these in words:
                if these in text:
                    return these
            time.sleep(0.1)
        sys.exit(f"browser: {self.url()} does not show {words} but:\n{self.text()[:600]}")

    def is_accessible(self):
        """Whether no rule of axe-core is broken."""
        with open(axe) as file:
            self.script(file.read() + "; window.axe = window.axe || axe;")
        run = "const done = arguments[0]; axe.run().then(done, error => done({ violations: [{ id: String(error), nodes: [] }] }));"
        found = self.ask("POST", "/execute/async", {"script": run, "args": []})
        for rule in found["violations"]:
            where = ", ".join(str(node["target"][0]) for node in rule["nodes"])
            check(False, f"at {self.url()}: {rule['id']}: {rule.get('help')}: {where}")
        check(len(found["passes"]) > 5, "axe has looked at the page")

    def element(self, selector):
        found = self.ask("POST", "/element", {"using": "css selector", "value": selector})
        return f"/element/{next(iter(found.values()))}"

    def click(self, selector):
        self.ask("POST", self.element(selector) + "/click", {})

    def type(self, selector, text):
        self.ask("POST", self.element(selector) + "/value", {"text": text})

    def picture(self, name):
        """The whole page, not only what fits into the window."""
        whole = {"format": "png", "captureBeyondViewport": True}
        image = self.devtools("Page.captureScreenshot", whole)["data"]
        with open(os.path.join(pictures, name + ".png"), "wb") as file:
            file.write(base64.b64decode(image))


class Firefox(Browser):
    """Debian's firefox-esr, by Mozilla's geckodriver. Its pictures have names of their own."""

    def wanted(self, phone, language):
        arguments = ["-headless", "-width", "1100", "-height", "800"]
        # Neither updates nor telemetry: there is no network.
        preferences = {"intl.accept_languages": language, "app.update.disabledForTesting": True}
        options = {"args": arguments, "prefs": preferences, "binary": "/usr/bin/firefox-esr"}
        return {"browserName": "firefox", "moz:firefoxOptions": options}

    def picture(self, name):
        image = self.ask("GET", "/moz/screenshot/full")
        with open(os.path.join(pictures, f"firefox-{name}.png"), "wb") as file:
            file.write(base64.b64decode(image))
