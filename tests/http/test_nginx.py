#!/usr/bin/env python3
"""nginx in front of an application that knows nothing of sessions: examples/nginx/nginx.conf, with other ports."""
import http.server
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

from test_adapters import BUILD, Browser, Site

ROOT = Path(os.environ.get("HYBRID_SOURCE_DIR") or Path(__file__).resolve().parents[2])
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


class Application(http.server.BaseHTTPRequestHandler):
    """Says what it was told."""

    def do_GET(self):
        body = f"user={self.headers.get('X-User')} cookie={self.headers.get('Cookie')} path={self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


class Nginx:
    def __init__(self, folder, sessions, application):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        text = (ROOT / "examples/nginx/nginx.conf").read_text()
        for before, after in (("8080", sessions), ("9000", application), ("8000", self.port)):
            text = text.replace(f"127.0.0.1:{before}", f"127.0.0.1:{after}")
        folder = Path(folder)
        (folder / "nginx.conf").write_text(text)
        self.program = subprocess.Popen([NGINX, "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr"],
                                        stderr=subprocess.PIPE, text=True)
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.program.poll() is not None:
                    raise AssertionError(self.program.stderr.read())
                time.sleep(0.01)
        raise AssertionError("nginx does not listen")

    def stop(self):
        self.program.terminate()
        self.program.wait(20)
        self.program.stderr.close()


class NginxTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="hybrid-nginx-")
        self.addCleanup(folder.cleanup)
        self.site = Site("httplib", f"{folder.name}/sessions")
        self.addCleanup(self.site.kill)
        application = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Application)
        threading.Thread(target=application.serve_forever, daemon=True).start()
        self.addCleanup(application.server_close)
        self.addCleanup(application.shutdown)
        self.nginx = Nginx(folder.name, self.site.port, application.server_port)
        self.addCleanup(self.nginx.stop)

    def test_the_application_is_told_who_it_is(self):
        ada = Browser(self.nginx)
        status, _ = ada.request("GET", "/application/page")
        self.assertEqual(status, 303, "who has no session is sent to log in")
        ada.log_in("Ada Løvelace\r\nX-Evil: 1")
        status, text = ada.request("GET", "/application/page?x=1", headers=[("X-User", "root")])
        self.assertEqual(status, 200)
        self.assertEqual(text, "user=Ada%20L%C3%B8velace%0D%0AX-Evil%3A%201 cookie=None path=/page?x=1")

        stolen, invented = Browser(self.nginx, ada.cookie), Browser(self.nginx, "x" * 32)
        self.assertEqual(invented.request("GET", "/application/")[0], 303)
        self.assertEqual(stolen.request("GET", "/application/")[0], 200)
        ada.request("POST", "/logout", {"csrf": ada.token("/")})
        self.assertEqual(stolen.request("GET", "/application/")[0], 303, "the old cookie is dead")

    def test_forms_of_other_sites(self):
        ada = Browser(self.nginx)
        ada.log_in("Ada")
        for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200), (None, 200)):
            headers = [("Sec-Fetch-Site", site)] if site else []
            self.assertEqual(ada.request("POST", "/application/", {}, headers)[0], status, site)
        self.assertEqual(ada.request("GET", "/application/", headers=[("Sec-Fetch-Site", "cross-site")])[0], 200, "a link")

    def test_nobody_asks_the_question_from_outside(self):
        self.assertEqual(Browser(self.nginx).request("GET", "/auth")[0], 404)

    def test_a_session_outlives_its_server(self):
        ada = Browser(self.nginx)
        ada.log_in("Ada")
        self.site.kill()
        self.assertGreaterEqual(ada.request("GET", "/application/")[0], 500, "nobody gets in while nobody can tell")
        directory, port = self.site.program.args[1], self.site.port
        again = subprocess.Popen([BUILD / "example_web_httplib", directory, str(port)], stdout=subprocess.PIPE, text=True)
        self.addCleanup(again.stdout.close)
        self.addCleanup(again.wait)
        self.addCleanup(again.kill)
        self.assertTrue(re.search(r"listening", again.stdout.readline()))
        time.sleep(0.1)
        for _ in range(200):  # nginx asks a server that failed again after a while
            if ada.request("GET", "/application/")[0] == 200:
                break
            time.sleep(0.1)
        self.assertIn("user=Ada", ada.request("GET", "/application/")[1])


if __name__ == "__main__":
    if NGINX is None or not (BUILD / "example_web_httplib").exists():
        print("skipped: there is no nginx (Debian: nginx-light), or no example_web_httplib")
        sys.exit(77)
    unittest.main()
