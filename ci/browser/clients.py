"""What browsers do besides opening a page: tabs, history, service workers, speculative loads, streams."""

from driver import check, site

ENDPOINTS = "/outpost.goauthentik.io/"


def clients(kind):
    with kind() as browser:
        tabs(browser)
    with kind() as browser:
        back(browser)
        others(browser)


def others(browser):
    streams(browser)
    speculative_loads(browser)
    service_worker(browser)


def sign_in(browser, path):
    browser.open(path)
    finish(browser)


def finish(browser):
    """The rest of a sign-in, from authentik's form, if it does not know the visitor yet."""
    if browser.wait_for("to continue to Wiki", "Hello, Alice Plain") == "to continue to Wiki":
        browser.click("button[value=alice]")
        browser.wait_for("Hello, Alice Plain")


def sign_out(browser):
    """At the application: authentik still knows the visitor."""
    browser.open("/")
    browser.wait_for("Hello, Alice Plain")
    browser.click("a.primary[href$=sign_out]")
    browser.wait_for("Signed out of Wiki")


def tabs(browser):
    """Tabs that a browser restores without a session: each ends where it was, in whatever order."""
    restored = {}
    for number in range(5):
        restored[browser.new_tab()] = f"/tab/{number}"
        browser.open(f"/tab/{number}")
        browser.wait_for("to continue to Wiki")
    for tab in reversed(restored):
        browser.go_to_tab(tab)
        finish(browser)
        check(browser.url() == site + restored[tab], f"{browser.url()} is the page of its tab")


def back(browser):
    """Back to the middle of a sign-in that is over."""
    browser.open("/public/before")
    sign_in(browser, "/after")
    browser.back()
    finish(browser)
    check(browser.url() == site + "/after", "the sign-in ends where it began")
    browser.picture("back")
    sign_out(browser)


SOCKET = """return await new Promise(done => {
    const socket = new WebSocket(location.origin.replace('http', 'ws') + '/ws');
    socket.onopen = () => socket.send('hello');
    socket.onmessage = message => { socket.close(); done(message.data); };
    socket.onerror = () => done('refused');
});"""

EVENTS = """return await new Promise(done => {
    const events = new EventSource('/events');
    events.onmessage = message => { events.close(); done(message.data); };
    // A browser asks again if the connection broke, and not if it was told no.
    events.onerror = () => done(events.readyState === EventSource.CLOSED ? 'refused' : 'asks again');
});"""


def streams(browser):
    browser.open("/public/")
    for script in SOCKET, EVENTS:
        check(browser.promise(script) == "refused", "no stream for a stranger")
    sign_in(browser, "/streams")
    for script in SOCKET, EVENTS:
        answer = browser.promise(script)
        check(answer == "hello", f"a stream for a known visitor: {answer}")
    sign_out(browser)


SPECULATE = """const link = document.createElement('link');
link.rel = 'prefetch';
link.href = '%(url)s?1';
document.head.append(link);
const rules = document.createElement('script');
rules.type = 'speculationrules';
rules.textContent = JSON.stringify({
    prefetch: [{ source: 'list', urls: ['%(url)s?2'], eagerness: 'immediate' }],
    prerender: [{ source: 'list', urls: ['%(url)s?3'], eagerness: 'immediate' }],
});
document.head.append(rules);
const image = new Image();
image.src = '%(url)s?4';
await new Promise(done => setTimeout(done, 1500));
const page = await fetch('/still-there', { redirect: 'manual' });
return page.status;""" % {"url": ENDPOINTS + "sign_out"}


def speculative_loads(browser):
    """The link to sign out is loaded by everything but a person. ci/browser.sh counts it in the log."""
    sign_in(browser, "/speculative")
    status = browser.promise(SPECULATE)
    check(status == 200, f"the session is there still: {status}")
    sign_out(browser)


def service_worker(browser):
    """A service worker passes each request on; the redirects of a sign-in go through it."""
    browser.open("/public/")
    register = "await navigator.serviceWorker.register('/sw.js'); await navigator.serviceWorker.ready"
    browser.promise(register)
    browser.open("/public/")
    controlled = browser.script("return navigator.serviceWorker.controller !== null")
    check(controlled, "the service worker has taken over")
    status = browser.promise("return (await fetch('/page')).status")
    check(status == 401, f"a stranger's script is told so, and not sent to authentik: {status}")
    sign_in(browser, "/worker?through=it")
    check(browser.url() == site + "/worker?through=it", "the sign-in ends where it began")
    check(browser.promise("return (await fetch('/page')).status") == 200, "a script is let in")
    browser.picture("service-worker")
    sign_out(browser)
    browser.open("/public/")
    browser.promise("await (await navigator.serviceWorker.getRegistration('/')).unregister()")
