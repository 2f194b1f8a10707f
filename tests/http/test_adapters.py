#!/usr/bin/env python3
"""The adapters, as browsers meet them: one small site on each framework (examples/web), over a real socket, with kill -9 in between."""
import functools
import http.client
import os
import re
import subprocess
import sys
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

BUILD = Path(os.environ.get("HYBRID_BINARY") or Path(__file__).resolve().parents[2] / "build/dev/hybrid").parent
SITES = [name for name in ("httplib", "beast", "poco") if (BUILD / f"example_web_{name}").exists()]


class Site:
    def __init__(self, name, directory):
        self.program = subprocess.Popen([BUILD / f"example_web_{name}", directory, "0"], stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.DEVNULL)
        line = self.program.stdout.readline()
        self.port = int(re.search(r":(\d+)/", line)[1])

    def kill(self):
        """As kill -9 does. Harmless when it is not running."""
        self.program.kill()
        self.program.wait()
        self.program.stdout.close()


class Browser:
    def __init__(self, site, cookie=None):
        self.site, self.cookie, self.set_cookie = site, cookie, None

    def request(self, method, path, form=None, headers=()):
        connection = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=20)
        try:
            connection.putrequest(method, path)
            if self.cookie is not None:
                connection.putheader("Cookie", f"other=1; session={self.cookie}; last=2")
            for name, value in headers:
                connection.putheader(name, value)
            body = urlencode(form or {}).encode()
            if method == "POST":
                connection.putheader("Content-Type", "application/x-www-form-urlencoded")
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body if method == "POST" else None)
            response = connection.getresponse()
            text = response.read().decode()
            sent = response.msg.get_all("Set-Cookie") or []
            assert len(sent) <= 1, sent
            self.set_cookie = sent[0] if sent else None
            self.headers = {name.lower(): value for name, value in response.getheaders()}
            if sent:
                value = re.match(r"session=([^;]*)", sent[0])[1]
                self.cookie = None if "Max-Age=0" in sent[0] else value
            return response.status, text
        finally:
            connection.close()

    def token(self, path="/login"):
        return re.search(r'name="csrf" value="([^"]*)"', self.request("GET", path)[1])[1]

    def log_in(self, name, **more):
        return self.request("POST", "/login", {"csrf": self.token(), "name": name, **more})[0]

    def who(self):
        text = self.request("GET", "/")[1]
        found = re.search(r"Hello, ([^,.<]*)", text)
        return found[1]


def on_each_site(test):
    """Calls test(self, name, site, directory) for each framework."""
    @functools.wraps(test)
    def run(self):
        for name in SITES:
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                directory = f"{folder}/sessions"
                site = Site(name, directory)
                try:
                    test(self, name, site, directory)
                finally:
                    site.kill()
    return run


class AdaptersTest(unittest.TestCase):
    @on_each_site
    def test_a_session_from_log_in_to_log_out(self, name, site, directory):
        ada, bob = Browser(site), Browser(site)
        self.assertEqual(ada.who(), "stranger")
        self.assertIsNone(ada.set_cookie, "looking makes no session")
        self.assertEqual(ada.log_in("Ada <&>"), 303)
        self.assertRegex(ada.set_cookie, r"^session=[\w-]{32}; Path=/; HttpOnly; SameSite=Lax$")
        status, text = ada.request("GET", "/")
        self.assertIn("You are logged in.", text)
        self.assertIn("Ada &lt;&amp;&gt;, for the 1. time", text)
        self.assertIsNone(ada.set_cookie)
        self.assertNotIn("You are logged in.", ada.request("GET", "/")[1], "a flash is shown once")
        self.assertEqual(bob.log_in("Bob", remember="on"), 303)
        self.assertIn("Max-Age=2592000", bob.set_cookie)

        site.kill()
        site = Site(name, directory)
        ada.site = bob.site = site
        self.assertIn("for the 3. time", ada.request("GET", "/")[1])
        self.assertEqual(bob.who(), "Bob")

        stolen = Browser(site, ada.cookie)
        self.assertEqual(stolen.who()[:3], "Ada")
        self.assertEqual(ada.request("POST", "/logout", {"csrf": ada.token("/")})[0], 303)
        self.assertIn("Max-Age=0", ada.set_cookie)
        self.assertEqual(stolen.who(), "stranger", "the old cookie is dead")
        self.assertEqual(bob.who(), "Bob")
        site.kill()

    @on_each_site
    def test_ids_that_are_not_ours(self, _, site, __):
        ada = Browser(site)
        ada.log_in("Ada")
        before = ada.cookie
        for cookie in ("", "x", "x" * 32, before[:-1], before + "x", before[:-1] + ("A" if before[-1] != "A" else "B"),
                       "../" * 10, "x" * 4000, f'"{before[:-1]}"', "%00"):
            attacker = Browser(site, cookie)
            self.assertEqual(attacker.who(), "stranger", cookie)
            self.assertIsNone(attacker.set_cookie)
            attacker.log_in("Mallory")
            self.assertNotEqual(attacker.cookie, cookie)
        fixed = Browser(site)
        fixed.token()
        planted = fixed.cookie
        fixed.log_in("Eve")
        self.assertNotEqual(fixed.cookie, planted)
        self.assertEqual(Browser(site, planted).who(), "stranger", "session fixation")
        self.assertEqual(ada.who(), "Ada")

    @on_each_site
    def test_forms_of_others(self, _, site, __):
        ada, mallory = Browser(site), Browser(site)
        ada.log_in("Ada")
        mallory.log_in("Mallory")
        for token in ("", "x", mallory.token("/"), ada.token("/")[:-1]):
            self.assertEqual(ada.request("POST", "/logout", {"csrf": token})[0], 403)
        self.assertEqual(ada.request("POST", "/logout")[0], 403)
        self.assertEqual(ada.who(), "Ada")

    @on_each_site
    def test_a_handler_that_fails_keeps_nothing(self, _, site, __):
        ada = Browser(site)
        ada.log_in("Ada")
        self.assertEqual(ada.request("GET", "/error")[0], 500)
        self.assertEqual(ada.who(), "Ada")
        stranger = Browser(site)
        self.assertEqual(stranger.request("GET", "/error")[0], 500)
        self.assertIsNone(stranger.set_cookie)

    @on_each_site
    def test_what_cannot_be_kept_is_not_answered_as_if_it_were(self, _, site, __):
        ada = Browser(site)
        ada.log_in("Ada")
        for browser in (ada, Browser(site)):
            status, text = browser.request("GET", "/large")
            self.assertEqual((status, text), (503, "Sessions are not available at the moment. Please try again.\n"))
            self.assertIsNone(browser.set_cookie, "the handler's own")
            self.assertNotIn("etag", browser.headers)
            self.assertNotIn("content-encoding", browser.headers)
            self.assertEqual(browser.headers["content-type"], "text/plain")
            self.assertEqual(browser.headers["cache-control"], "no-store")
        self.assertEqual(ada.who(), "Ada")

    @on_each_site
    def test_headers_that_are_large_or_several(self, _, site, __):
        ada = Browser(site)
        ada.log_in("Ada")
        cookie = ada.cookie
        several = Browser(site)
        # Python sends them in this order; some frameworks see several headers.
        several.request("GET", "/", headers=[("Cookie", "a=" + "x" * 3000), ("Cookie", f"session={cookie}")])
        self.assertIn("Hello, Ada", several.request("GET", "/", headers=[("Cookie", "a=b"), ("Cookie", f"session={cookie}")])[1])
        junk = Browser(site)
        self.assertIn("Hello, Ada", junk.request("GET", "/", headers=[
            ("Cookie", f"session=bad; =; ;;; \"; session={cookie}; x")])[1])

    @on_each_site
    def test_many_at_a_time(self, _, site, __):
        def live(number):
            browser = Browser(site)
            browser.log_in(f"user{number}")
            return all(browser.who() == f"user{number}" for _ in range(5))
        with ThreadPoolExecutor(8) as pool:
            self.assertTrue(all(pool.map(live, range(40))))


if __name__ == "__main__":
    if not SITES:
        print(f"skipped: there is no example_web_* in {BUILD}")
        sys.exit(77)
    unittest.main()
