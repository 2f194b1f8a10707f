#!/usr/bin/env python3
"""Tests of examples/login from outside: what a browser, a thief and a power switch would do to it.

The program is the example_login beside HYBRID_BINARY (default: that of build/release). Exit code 77 if there is none.
"""
import http.client
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(os.environ.get("HYBRID_SOURCE_DIR") or Path(__file__).resolve().parents[2])
PROGRAM = Path(os.environ.get("HYBRID_BINARY") or ROOT / "build/release/hybrid").parent / "example_login"
SECONDS_MAX = 30
PASSWORD = "correct horse"
INVENTED = "A" * 32


class Server:
    """The program, on a free port and a directory that outlives it."""

    def __init__(self, directory, *options):
        self.process = subprocess.Popen([PROGRAM, "--dir", directory, "--port", "0", *options],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        watchdog = threading.Timer(SECONDS_MAX, self.process.kill)
        watchdog.start()
        self.banner = ""
        try:
            while not (address := re.search(r"http://127\.0\.0\.1:(\d+)", self.banner)):
                line = self.process.stdout.readline()
                if not line:
                    raise AssertionError(f"it did not start: {self.banner!r}")
                self.banner += line
        finally:
            watchdog.cancel()
        self.port = int(address[1])

    def kill(self):
        """As kill -9 does. Harmless when it is not running."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        rest, _ = self.process.communicate(timeout=SECONDS_MAX)
        return self.process.returncode, rest


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read().decode()
        self.location = response.getheader("Location")
        self.set_cookie = response.getheader("Set-Cookie")


class Browser:
    """Keeps the cookie, and brings the token of the last page that had one; if the session has a new id, of another page."""

    def __init__(self, server, cookie=None):
        self.server = server
        self.cookie = cookie  # as in "sid=..."
        self.token = None

    def request(self, method, path, body=None, headers=()):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=SECONDS_MAX)
        headers = dict(headers)
        if self.cookie:
            headers["Cookie"] = self.cookie
        connection.request(method, path, body, headers)
        answer = Answer(connection.getresponse())
        connection.close()
        if answer.set_cookie:
            pair = answer.set_cookie.split(";")[0]
            self.cookie = None if pair.endswith("=") else pair
            self.token = None
        if token := re.search(r'name="csrf" value="([^"]+)"', answer.body):
            self.token = token[1]
        return answer

    def get(self, path="/"):
        return self.request("GET", path)

    def post(self, path, headers=(), **fields):
        if self.cookie and not self.token:
            self.get()
        if self.token:
            fields.setdefault("csrf", self.token)
        return self.request("POST", path, urlencode(fields),
                            {"Content-Type": "application/x-www-form-urlencoded", **dict(headers)})

    def register(self, name, password=PASSWORD):
        answer = self.post("/register", name=name, new_password=password)
        self.get()
        return answer

    def log_in(self, name, password=PASSWORD, **fields):
        answer = self.post("/login", name=name, password=password, **fields)
        self.get()
        return answer

    def log_out(self):
        answer = self.post("/logout")
        self.token = None
        return answer

    def user(self):
        found = re.search(r'<a href="/account"[^>]*>([^<]+)</a>', self.get().body)
        return found[1] if found else None

    def basket(self):
        """As in {"sencha": 2}."""
        page = self.get("/basket").body
        return {tea: int(amount) for tea, amount in
                re.findall(r'id="amount-(\w+)" name="amount"[^>]* value="(\d+)"', page)}

    def fact(self, name):
        """A line of the page that shows the session; None if there is no session."""
        found = re.search(rf"<dt>{name}</dt><dd>(.*?)</dd>", self.get("/session").body, re.DOTALL)
        return re.sub("<[^>]+>", "", found[1]) if found else None


class LoginTest(unittest.TestCase):
    options = ()

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="example-login-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.start()

    def start(self, *options):
        self.server = Server(self.directory, *(options or self.options))
        self.addCleanup(self.server.kill)

    def kill_and_start(self):
        self.server.kill()
        self.start()

    def browser(self, cookie=None):
        return Browser(self.server, cookie)

    def again(self, browser):
        """The same browser, after a restart."""
        browser.server = self.server
        return browser


class Sessions(LoginTest):
    def test_looking_around_makes_no_session(self):
        browser = self.browser()
        for path in ("/", "/basket", "/session", "/login", "/register", "/account", "/goodbye", "/nothing"):
            self.assertIsNone(browser.get(path).set_cookie, path)
        self.server.stop()
        self.start()
        self.assertRegex(self.server.banner, r"sessions +0 alive")

    def test_an_invented_cookie_is_never_adopted(self):
        browser = self.browser(f"sid={INVENTED}")
        self.assertIsNone(browser.get().set_cookie)
        browser.post("/basket/add", tea="sencha")
        self.assertNotEqual(browser.cookie, f"sid={INVENTED}")
        self.assertEqual(browser.basket(), {"sencha": 1})
        self.assertEqual(self.browser(f"sid={INVENTED}").basket(), {})

    def test_junk_around_the_cookie_is_tolerated(self):
        browser = self.browser()
        browser.post("/basket/add", tea="assam")
        sid = browser.cookie.removeprefix("sid=")
        for header in (f"a=b; sid={sid}; c=d", f'sid="{sid}"', f";;=; x; sid = {sid} ;=", f"xsid=no; sid={sid}"):
            self.assertEqual(self.browser(header).basket(), {"assam": 1}, header)
        for header in ("sid=", 'sid="', "sid", "=", f"xsid={sid}", "sid=" + "x" * 5000, f"SID={sid}"):
            answer = self.browser(header).get("/basket")
            self.assertEqual((answer.status, "is empty" in answer.body), (200, True), header)

    def test_visits_are_counted_in_the_session(self):
        browser = self.browser()
        browser.post("/basket/add", tea="sencha")
        self.assertEqual([browser.fact("Pages seen") for _ in range(3)], ["1", "2", "3"])

    def test_the_page_shows_a_digest_and_never_the_id(self):
        browser = self.browser()
        browser.post("/basket/add", tea="sencha")
        self.assertRegex(browser.fact("Digest"), r"^[0-9a-f]{8}$")
        self.assertNotIn(browser.cookie.removeprefix("sid="), browser.get("/session").body)

    def test_a_message_is_shown_once(self):
        browser = self.browser()
        browser.post("/basket/add", tea="sencha")
        self.assertIn('role="status"', browser.get().body)
        self.assertNotIn('role="status"', browser.get().body)


class Accounts(LoginTest):
    def test_the_id_changes_on_login_and_the_basket_stays(self):
        for remember in ("no", "yes"):
            browser = self.browser()
            browser.register(f"ada-{remember}")
            browser.log_out()
            browser.post("/basket/add", tea="sencha")
            before, digest = browser.cookie, browser.fact("Digest")
            browser.log_in(f"ada-{remember}", remember=remember)
            self.assertEqual(browser.user(), f"ada-{remember}")
            self.assertNotEqual(browser.fact("Digest"), digest)
            self.assertEqual(browser.basket(), {"sencha": 1})
            self.assertEqual(self.browser(before).basket(), {}, "the id from before the login still works")

    def test_logging_out_makes_the_old_cookie_worthless(self):
        for remember in ("no", "yes"):
            browser = self.browser()
            browser.register(f"bob-{remember}")
            browser.log_out()
            browser.log_in(f"bob-{remember}", remember=remember)
            cookie = browser.cookie
            answer = browser.log_out()
            self.assertEqual(answer.location, "/goodbye")
            self.assertIn("Max-Age=0", answer.set_cookie)
            self.assertIsNone(self.browser(cookie).user())
            self.kill_and_start()
            self.assertIsNone(self.browser(cookie).user(), "a restart brought it back")

    def test_wrong_forms_are_refused_with_a_reason(self):
        self.browser().register("carol")
        cases = (("/register", {"name": "carol", "new_password": PASSWORD}, "taken"),
                 ("/register", {"name": "CAROL", "new_password": PASSWORD}, "taken"),
                 ("/register", {"name": "<b>", "new_password": PASSWORD}, "&lt;b&gt;"),
                 ("/register", {"name": "dave", "new_password": "short"}, "at least 8"),
                 ("/register", {"name": "x" * 2000, "new_password": PASSWORD}, "2 to 32"),
                 ("/register", {}, "2 to 32"),
                 ("/login", {"name": "carol", "password": "wrong"}, "is wrong"),
                 ("/login", {"name": "nobody", "password": PASSWORD}, "is wrong"),
                 ("/login", {"name": "x" * 2000, "password": PASSWORD}, "is wrong"),
                 ("/login", {}, "is wrong"))
        for path, fields, reason in cases:
            answer = self.browser().post(path, **fields)
            self.assertEqual((answer.status, answer.set_cookie), (422, None), fields)
            self.assertIn(reason, answer.body, fields)

    def test_guessing_is_limited_also_when_done_at_once(self):
        self.browser().register("erin")
        statuses = []
        guesses = [threading.Thread(target=lambda: statuses.append(
            self.browser().post("/login", name="erin", password="wrong").status)) for _ in range(12)]
        for guess in guesses:
            guess.start()
        for guess in guesses:
            guess.join()
        self.assertEqual(sorted(statuses), [422] * 5 + [429] * 7)
        self.assertEqual(self.browser().post("/login", name="erin", password=PASSWORD).status, 429)

    def test_a_new_password_changes_the_id_and_ends_the_other_sessions(self):
        here, there = self.browser(), self.browser()
        here.register("frank")
        there.log_in("frank", remember="yes")
        before = here.cookie
        self.assertEqual(here.post("/account/password", password="wrong", new_password="battery staple").status, 422)
        here.post("/account/password", password=PASSWORD, new_password="battery staple")
        self.assertNotEqual(here.cookie, before)
        self.assertEqual(here.user(), "frank")
        self.assertIsNone(self.browser(before).user())
        self.assertIsNone(there.user())
        self.assertEqual(self.browser().post("/login", name="frank", password=PASSWORD).status, 422)
        self.assertEqual(self.browser().log_in("frank", "battery staple").status, 303)


class Cookies(LoginTest):
    def test_attributes_of_an_ordinary_one(self):
        cookie = self.browser().register("ada").set_cookie
        self.assertRegex(cookie, r"^sid=[A-Za-z0-9_-]{32}; Path=/; HttpOnly; SameSite=Lax$")

    def test_remember_me_sets_max_age(self):
        self.browser().register("ada")
        browser = self.browser()
        cookie = browser.log_in("ada", remember="yes").set_cookie
        self.assertAlmostEqual(int(re.search(r"; Max-Age=(\d+);", cookie)[1]), 30 * 24 * 3600, delta=60)
        self.assertIn("30 days", browser.fact("Kept"))
        cookie = browser.post("/account/password", password=PASSWORD, new_password="battery staple").set_cookie
        self.assertIn("; Max-Age=", cookie, "the new id of a remembered session is to be remembered too")

    def test_secure(self):
        self.server.stop()
        self.start("--secure")
        browser = self.browser()
        cookie = browser.register("ada").set_cookie
        self.assertRegex(cookie, r"^__Host-sid=[A-Za-z0-9_-]{32}; Path=/; Secure; HttpOnly; SameSite=Lax$")
        self.assertEqual(browser.user(), "ada")


class Forgery(LoginTest):
    def test_a_form_needs_the_token(self):
        browser = self.browser()
        browser.register("ada")
        for token in ("", "wrong", INVENTED, browser.token[:-1], browser.token + "x"):
            for path in ("/logout", "/basket/add", "/order", "/account/password"):
                self.assertEqual(browser.post(path, csrf=token, tea="sencha").status, 403, (path, token))
        self.assertEqual(browser.user(), "ada")
        self.assertEqual(browser.basket(), {})
        self.assertEqual(browser.post("/basket/add", tea="sencha").status, 303)

    def test_a_form_of_another_site_is_refused_to_everybody(self):
        here = f"127.0.0.1:{self.server.port}"
        cases = (({"Sec-Fetch-Site": "cross-site"}, 403), ({"Sec-Fetch-Site": "same-site"}, 403),
                 ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403),
                 ({"Origin": f"http://{here}.evil.example"}, 403),
                 ({"Sec-Fetch-Site": "cross-site", "Origin": f"http://{here}"}, 403),
                 ({"Sec-Fetch-Site": "same-origin"}, 303), ({"Origin": f"http://{here}"}, 303), ({}, 303))
        for headers, status in cases:
            answer = self.browser().post("/basket/add", headers, tea="sencha")
            self.assertEqual(answer.status, status, headers)
            self.assertEqual(answer.set_cookie is not None, status == 303, headers)


class Shop(LoginTest):
    def test_adding_changing_and_removing(self):
        browser = self.browser()
        for tea in ("sencha", "assam", "assam", "no-such-tea"):
            self.assertEqual(browser.post("/basket/add", tea=tea).status, 303)
        self.assertEqual(browser.basket(), {"sencha": 1, "assam": 2})
        self.assertIn("€22.70", browser.get("/basket").body)
        browser.post("/basket/set", tea="assam", amount="1000000")
        self.assertEqual(browser.basket(), {"sencha": 1, "assam": 99})
        for tea, amount in (("assam", "-3"), ("sencha", "99999999999999999999")):
            browser.post("/basket/set", tea=tea, amount=amount)
        self.assertNotIn("assam", browser.basket())
        browser.post("/basket/remove", tea="sencha")
        self.assertEqual(browser.basket(), {})

    def test_ordering_needs_a_login_and_happens_once(self):
        browser = self.browser()
        browser.post("/basket/add", tea="sencha")
        self.assertEqual(browser.post("/order").location, "/login")
        browser.register("ada")
        browser.post("/order")
        self.assertIn("Thank you", browser.get().body)
        browser.post("/order")
        self.assertNotIn("Thank you", browser.get().body)
        self.assertEqual(browser.basket(), {})

    def test_adding_in_many_tabs_at_once_loses_nothing(self):
        browser = self.browser()
        browser.post("/basket/add", tea="sencha")
        tabs = [threading.Thread(target=Browser(self.server, browser.cookie).post, args=("/basket/add",),
                                 kwargs={"tea": tea}) for tea in ("sencha", "assam") * 10]
        for tab in tabs:
            tab.start()
        for tab in tabs:
            tab.join()
        self.assertEqual(browser.basket(), {"sencha": 11, "assam": 10})


class Restarts(LoginTest):
    def test_kill_9_logs_nobody_out(self):
        for remember in ("no", "yes"):
            browser = self.browser()
            browser.register(f"ada-{remember}")
            browser.log_out()
            browser.log_in(f"ada-{remember}", remember=remember)
            browser.post("/basket/add", tea="hibiscus")
            cookie, visits = browser.cookie, int(browser.fact("Pages seen"))
            self.kill_and_start()
            self.again(browser)
            self.assertEqual(browser.cookie, cookie)
            self.assertEqual(int(browser.fact("Pages seen")), visits + 1)
            self.assertEqual(browser.user(), f"ada-{remember}")
            self.assertEqual(browser.basket(), {"hibiscus": 1})
            self.assertIn("started again", browser.get("/session").body)
            self.assertEqual(browser.post("/basket/add", tea="hibiscus").status, 303, "the token still holds")

    def test_kill_9_forgets_no_account_and_no_wrong_guess(self):
        self.browser().register("ada")
        for _ in range(5):
            self.browser().post("/login", name="ada", password="wrong")
        self.kill_and_start()
        self.assertEqual(self.browser().post("/login", name="ada", password=PASSWORD).status, 429)
        self.assertIn("taken", self.browser().register("ada").body)

    def test_a_stop_is_clean_and_quick_with_each_durability(self):
        browser = self.browser()
        browser.register("ada")
        for durability in ("always", "interval", "os"):
            code, output = self.server.stop()
            self.assertEqual((code, "Stopped." in output), (0, True))
            self.start("--durability", durability)
            self.assertRegex(self.server.banner, r"sessions +1 alive")
            self.assertEqual(self.again(browser).user(), "ada")


class Limits(LoginTest):
    def test_headers_of_every_answer(self):
        for method, path in (("GET", "/"), ("GET", "/style.css"), ("GET", "/nothing"), ("POST", "/logout")):
            headers = self.browser().request(method, path, "" if method == "POST" else None).headers
            self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
            self.assertIn("frame-ancestors 'none'", headers["Content-Security-Policy"])
            self.assertNotIn("unsafe-inline", headers["Content-Security-Policy"])
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
            self.assertEqual(headers["Referrer-Policy"], "same-origin")
            self.assertEqual(headers["Cache-Control"], "max-age=300" if path == "/style.css" else "no-store")

    def test_a_body_too_large_or_of_unknown_length_is_refused(self):
        self.assertEqual(self.browser().post("/basket/add", tea="x" * 10000).status, 413)
        # Only the headers are sent: the server closes without reading what would follow.
        answer = self.browser().request("POST", "/basket/add", headers={"Transfer-Encoding": "chunked"})
        self.assertEqual(answer.status, 411)


class CommandLine(unittest.TestCase):
    def run_with(self, *options):
        done = subprocess.run([PROGRAM, *options], capture_output=True, text=True, timeout=SECONDS_MAX)
        return done.returncode, done.stdout, done.stderr

    def test_help(self):
        code, output, _ = self.run_with("--help")
        self.assertEqual(code, 0)
        for option in ("--dir", "--host", "--port", "--durability", "--idle-seconds", "--secure"):
            self.assertIn(option, output)

    def test_wrong_use_is_told_in_one_line(self):
        for options in (["--port", "x"], ["--port"], ["--port=99999"], ["--durability", "none"],
                        ["--idle-seconds", "0"], ["--dir="], ["--nonsense"], ["stray"]):
            code, output, error = self.run_with(*options)
            self.assertEqual((code, output, error.count("\n")), (2, "", 1), options)

    def test_what_is_in_use_already_is_told_in_one_line(self):
        with tempfile.TemporaryDirectory(prefix="example-login-") as directory:
            server = Server(directory)
            try:
                for options, words in ((["--dir", directory, "--port", "0"], "open elsewhere"),
                                       (["--dir", directory + "/other", "--port", str(server.port)], "in use")):
                    code, _, error = self.run_with(*options)
                    self.assertEqual((code, error.count("\n")), (1, 1), error)
                    self.assertIn(words, error)
            finally:
                server.kill()


if __name__ == "__main__":
    if not PROGRAM.exists():
        print(f"skipped: there is no {PROGRAM}")
        sys.exit(77)
    unittest.main()
