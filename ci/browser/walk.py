"""A visit to the demo with a real browser, by WebDriver (W3C) and Python's own library only.

    walk.py visit|while_authentik_is_away DRIVER_URL SITE_URL DIRECTORY_FOR_PICTURES AXE_JS
"""

import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request

part, driver_url, site, pictures, axe = sys.argv[1:]
ENDPOINTS = "/outpost.goauthentik.io/"


def while_authentik_is_away():
    with Browser() as browser:
        browser.open("/")
        browser.wait_for("no-settings")
        browser.is_accessible()
        browser.picture("authentik-away")


def visit():
    with Browser() as browser:
        sign_in(browser)
        status(browser)
        sign_out(browser)
        broken_callback(browser)
        switch(browser)
    for language in ("de", "ja"):
        narrow(language)
    with Browser(phone=True) as browser:
        browser.open("/")
        browser.wait_for("to continue to Wiki")
        browser.picture("phone-sign-in")
        browser.click("button[value=bob]")
        browser.wait_for("Hello, Bob Builder")
        browser.picture("phone-application")
        browser.open(ENDPOINTS + "callback?code=x&state=nonsense")
        browser.wait_for("state-malformed")
        browser.is_accessible()
        browser.picture("phone-error")


def sign_in(browser):
    asked = "/reports/2026?q=caf%C3%A9&page=2"
    browser.open(asked)
    browser.wait_for("to continue to Wiki")
    check(not browser.url().startswith(site), "the visitor is at authentik")
    browser.picture("sign-in")
    browser.type("input[name=username]", "alice")
    browser.type("input[name=password]", "alice-test-password")
    browser.click("button.primary")
    browser.wait_for("Hello, Alice Plain")
    check(browser.url() == site + asked, f"back at the page asked for, not {browser.url()}")
    received = " ".join(browser.text().split())
    check("X-authentik-username alice" in received, "the application is told who asks")
    check("X-authentik-meta-app wiki" in received, "and of which provider")
    check("Cookie" not in received, "the application sees no cookie of nginx or authentik")
    check(browser.script("return document.cookie") == "", "scripts see no cookie")
    browser.click("#call")
    browser.wait_for("200 OK")
    browser.picture("application")


def status(browser):
    browser.open("/authentik-status")
    browser.wait_for("Connected to authentik")
    words = " ".join(browser.text().split())
    check("sessions 1 " in words.lower(), "the visitor's session is counted")
    browser.is_accessible()
    browser.picture("status")
    browser.open("/")
    browser.wait_for("Hello, Alice Plain")


def sign_out(browser):
    browser.click("a.primary[href$=sign_out]")
    browser.wait_for("Signed out of Wiki")
    browser.picture("signed-out")
    browser.open("/public/")
    browser.wait_for("A public page")
    browser.click("#call")
    browser.wait_for("no-session")
    browser.picture("public")


def broken_callback(browser):
    browser.open(ENDPOINTS + "callback?code=x&state=nonsense")
    browser.wait_for("state-malformed")
    browser.is_accessible()
    browser.picture("error")
    browser.click("a.button")
    # authentik itself still knows the visitor: signs in again without asking.
    browser.wait_for("Hello, Alice Plain")


def switch(browser):
    """Alice may not see a page, and bob signs in instead."""
    browser.open("/closed")
    browser.wait_for("signed in as alice")
    browser.is_accessible()
    browser.picture("closed")
    browser.click("a.button")
    browser.wait_for("to continue to Wiki")
    browser.click("button[value=bob]")
    browser.wait_for("signed in as bob")
    check(browser.url() == site + "/closed", "the sign-in ends where it began")


def narrow(language):
    """The module's own pages on the narrowest screen (WCAG 2.2, 1.4.10), dark, in another language."""
    with Browser(phone=True, width=320, language=language) as browser:
        browser.open("/")
        browser.wait_for("to continue to Wiki")
        browser.click("button[value=alice]")
        browser.wait_for("Hello, Alice Plain")
        pages = {
            "broken": ("callback?code=x&state=nonsense", "state-malformed"),
            "closed": ("../closed", "not-permitted"),
            "nothing": ("callback", "state-malformed"),
        }
        for name, (path, words) in pages.items():
            browser.open(ENDPOINTS + path)
            browser.wait_for(words)
            told = browser.script("return document.documentElement.lang")
            check(told == language, f"the page {name} is in {language}, not in {told}")
            wide = browser.script("return document.documentElement.scrollWidth")
            check(wide <= 320, f"the page {name} in {language} fits into 320 px, and does not take {wide}")
            browser.is_accessible()
            browser.picture(f"{language}-{name}")


def check(holds, what):
    if not holds:
        sys.exit(f"browser: does not hold: {what}")


class Browser:
    """One window with a fresh profile; the phone is narrow and dark."""

    def __init__(self, phone=False, width=390, language="en"):
        arguments = ["--headless=new", "--disable-gpu", "--disable-background-networking"]
        arguments.append("--window-size=500,900" if phone else "--window-size=1100,800")
        arguments.append(f"--accept-lang={language}")
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")  # Chromium's sandbox does not work for root
        options = {"args": arguments}
        self.session = ""
        wanted = {"browserName": "chrome", "goog:chromeOptions": options}
        started = self.ask("POST", "", {"capabilities": {"alwaysMatch": wanted}})
        self.session = "/" + started["sessionId"]
        if phone:
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

    def text(self):
        return self.script("return document.body ? document.body.innerText : ''")

    def wait_for(self, words):
        """Until the page shows these words, ten seconds at most."""
        for _ in range(100):
            if words in self.text():
                return
            time.sleep(0.1)
        sys.exit(f"browser: {self.url()} does not show \"{words}\" but:\n{self.text()[:600]}")

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


{"visit": visit, "while_authentik_is_away": while_authentik_is_away}[part]()
