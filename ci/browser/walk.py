"""A visit to the demo with a real browser.

    walk.py PART DRIVER_URL SITE_URL DIRECTORY_FOR_PICTURES AXE_JS

The parts are in the last lines.
"""

import sys

from clients import clients
from driver import Browser, Firefox, check, site

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
    clients(Browser)
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


def firefox():
    with Firefox() as browser:
        sign_in(browser)
        status(browser, is_alone=False)
        sign_out(browser)
        broken_callback(browser)
        switch(browser)
    clients(Firefox)


def newcomer_open():
    with Browser() as browser:
        browser.open("/")
        browser.wait_for("nothing protects this page")
        browser.picture("1-open")


def newcomer_protected():
    with Browser() as browser:
        sign_in(browser, ["2-sign-in", "3-application"])
        browser.click("a.primary[href$=sign_out]")
        browser.wait_for("Signed out of Wiki")
        browser.picture("4-signed-out")


def newcomer_gone():
    with Browser() as browser:
        browser.open("/")
        browser.wait_for("nothing protects this page")
        browser.picture("5-gone")


def sign_in(browser, pictures=("sign-in", "application")):
    asked = "/reports/2026?q=caf%C3%A9&page=2"
    browser.open(asked)
    browser.wait_for("to continue to Wiki")
    check(not browser.url().startswith(site), "the visitor is at authentik")
    browser.picture(pictures[0])
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
    browser.picture(pictures[1])


def status(browser, is_alone=True):
    browser.open("/authentik-status")
    browser.wait_for("Connected to authentik")
    words = " ".join(browser.text().split())
    counted = "sessions 1 " in words.lower()
    check(counted == is_alone, "the visitor's session is counted, beside those of earlier ones")
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


PARTS = [visit, while_authentik_is_away, firefox, newcomer_open, newcomer_protected, newcomer_gone]
{one.__name__: one for one in PARTS}[sys.argv[1]]()
