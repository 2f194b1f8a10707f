"""What the tests of this folder share: a server that can be killed, applications that keep their sessions in it,
browsers, and the life that a session leads in each of them.

The server is `hybrid serve` (of HYBRID_BINARY, by default that of build/release). With HYBRID_TEST_SERVER=redis it is
the reference, Debian's redis-server: every test passes against both. What is missing is skipped, with the reason.
"""
import fcntl
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(os.environ.get("HYBRID_SOURCE_DIR") or Path(__file__).resolve().parents[2])
HYBRID = Path(os.environ.get("HYBRID_BINARY") or ROOT / "build/release/hybrid")
REFERENCE = os.environ.get("HYBRID_TEST_SERVER") == "redis"
APPS = Path(__file__).resolve().parent / "apps"
BUILD = ROOT / "build/clients"  # of node_modules and compiled applications; shared by the presets
DEBIAN_PYTHON = "/usr/bin/python3"  # the one that sees Debian's modules
PASSWORD = "opensesame"
SECONDS_MAX = 30


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def need(command, package):
    if not shutil.which(command):
        skip(f"there is no {command} (Debian: {package})")


def need_module(module, package):
    """Returns when `module` can be imported, if need be after starting the script again with Debian's Python."""
    try:
        __import__(module)
    except ImportError:
        if sys.executable == DEBIAN_PYTHON or not os.access(DEBIAN_PYTHON, os.X_OK):
            skip(f"there is no Python module {module} (Debian: {package})")
        os.execv(DEBIAN_PYTHON, [DEBIAN_PYTHON, "-B", *sys.argv])


def need_server():
    if REFERENCE:
        need("redis-server", "redis-server")
    elif not HYBRID.exists():
        skip(f"there is no {HYBRID}")
    elif "serve" not in subprocess.run([HYBRID, "--help"], capture_output=True, text=True).stdout.split():
        skip(f"{HYBRID} cannot `serve` yet")


def need_node():
    """Returns the environment in which Node finds the packages of apps/node/package.json."""
    need("node", "nodejs")
    need("npm", "npm")
    folder = BUILD / "node"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two scripts need them, and may run at once
        wanted, installed = (APPS / "node/package.json").read_text(), folder / "installed.json"
        if not installed.exists() or installed.read_text() != wanted:
            installed.unlink(missing_ok=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copyfile(APPS / "node" / name, folder / name)
            done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode != 0:
                skip(f"npm could not install the clients: {done.stdout[-2000:]}")
            installed.write_text(wanted)
    return {"NODE_PATH": str(folder / "node_modules")}


def node_version():
    return int(subprocess.run(["node", "--version"], capture_output=True, text=True).stdout[1:].split(".")[0])


def main():
    """unittest's, but tells why a test was skipped, and returns 77 if all were."""
    result = unittest.main(exit=False).result
    for test, reason in result.skipped:
        print(f"skipped: {test.id()}: {reason}")
    sys.exit(1 if not result.wasSuccessful() else 77 if len(result.skipped) == result.testsRun else 0)


def wait_until(condition, what, seconds=SECONDS_MAX):
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(0.02)
    return result


def free_port():
    """One that no outgoing connection gets, so that it is still free after the server on it was killed."""
    for port in random.sample(range(20000, 32000), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    raise AssertionError("no port is free")


class Program:
    """Runs in the background, its output in a log, or where `stdout` says."""

    def __init__(self, name, command, environment=(), stdout=None):
        self.name = name
        self.log = tempfile.TemporaryFile("w+", errors="replace")
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                                        stdout=stdout or self.log, stderr=self.log, text=True,
                                        start_new_session=True, env={**os.environ, **dict(environment)})

    def output(self):
        self.log.seek(0)
        return self.log.read()

    def wait_for(self, pattern):
        def found():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended instead of saying {pattern!r}: {self.output()[-2000:]}")
            return re.search(pattern, self.output())
        return wait_until(found, f"{self.name} says {pattern!r}: {self.output()[-2000:]}")

    def kill(self):
        """As kill -9 does, with its children. Harmless when it is not running."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for file in (self.process.stdin, self.process.stdout, self.log):
            if file:
                file.close()


class Server:
    """With a port, a Unix socket, a password and a directory that stay the same when it starts again."""

    def __init__(self, durability="interval"):
        self.folder = tempfile.TemporaryDirectory(prefix="hybrid clients ")  # with spaces, to see who stumbles
        home = Path(self.folder.name)
        self.port = free_port()
        self.unix = home / "socket"
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}"
        data, password = home / "data", home / "password"
        data.mkdir()
        password.write_text(PASSWORD + "\n")
        password.chmod(0o600)
        if REFERENCE:
            self.command = ["redis-server", "--bind", "127.0.0.1", "--requirepass", PASSWORD, "--unixsocket", self.unix,
                            "--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        else:
            self.command = [HYBRID, "serve", "--password-file", password, "--unix", self.unix,
                            "--durability", durability]
        self.command += ["--dir", data, "--port", self.port]
        self.program = None

    def start(self):
        self.program = Program("the server", self.command)
        self.program.wait_for("Ready to accept" if REFERENCE else rf"(?m)^ready .*127\.0\.0\.1:{self.port}\b")

    def kill(self):
        self.program.kill()

    def close(self):
        if self.program:
            self.kill()
        self.folder.cleanup()

    def wire(self):
        return Wire(self)

    def keys(self, name):
        """All keys of the application called `name`, without a look at what they hold."""
        with self.wire() as wire:
            cursor, found = "0", set()
            while True:
                cursor, batch = wire.call("SCAN", cursor, "COUNT", 1000)
                found.update(key for key in batch if key.startswith(f"{name}:"))
                if cursor == "0":
                    return found


class Wire:
    """A client by hand, of the older protocol."""

    def __init__(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.port), SECONDS_MAX)
        self.input = self.socket.makefile("rb")
        self.call("AUTH", PASSWORD)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.input.close()
        self.socket.close()

    def call(self, *words):
        words = [str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        return self.answer()

    def answer(self):
        line = self.input.readline().decode()
        if not line.endswith("\r\n"):
            raise AssertionError("the server closed the connection")
        kind, rest = line[0], line[1:-2]
        if kind == "-":
            raise AssertionError(f"the server answered {rest!r}")
        if kind == "+":
            return rest
        if kind == ":":
            return int(rest)
        if kind == "$":
            return None if rest == "-1" else self.input.read(int(rest) + 2)[:-2].decode(errors="replace")
        if kind == "*":
            return None if rest == "-1" else [self.answer() for _ in range(int(rest))]
        raise AssertionError(f"not an answer of RESP2: {line!r}")


class Application(Program):
    """A web application, on the port that it says it listens on."""

    @property
    def port(self):
        return int(self.wait_for(r"(?:listening |http://127\.0\.0\.1:)(\d+)")[1])

    def browser(self):
        return Browser(self)


class Browser:
    """Keeps cookies, also those whose time is over: ending a session is the server's work.

    Each request is answered with the session as JSON: {"user": "ada", "visits": 3}, user null if there is none.
    """

    def __init__(self, application, cookies=()):
        self.application = application
        self.cookies = dict(cookies)

    def thief(self):
        """A browser with a copy of the cookies of this moment."""
        return type(self)(self.application, self.cookies)

    def request(self, method, path):
        connection = HTTPConnection("127.0.0.1", self.application.port, timeout=SECONDS_MAX)
        connection.request(method, path, headers={
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        for cookie in answer.headers.get_all("Set-Cookie", ()):
            name, _, value = cookie.split(";")[0].partition("=")
            if value.strip('"'):
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return answer.status, body

    def ask(self, what, **fields):
        """As in ask("login", user="ada"). Returns (user, visits), or None if nobody is logged in."""
        status, body = self.request("GET" if what == "me" else "POST", f"/{what}?{urlencode(fields)}")
        if status != 200:
            raise AssertionError(f"{self.application.name}: {what} was answered with {status} {body[-2000:]!r}; "
                                 f"its log: {self.application.output()[-2000:]}")
        session = json.loads(body)
        return (session["user"], session["visits"]) if session["user"] else None

    def is_answered(self):
        try:
            return self.request("GET", "/me")[0] == 200
        except (OSError, HTTPException):
            return False


class ClientsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.close)
        cls.server.start()

    def tearDown(self):
        program = self.server.program
        self.assertIsNone(program.process.poll(), f"the server ended: {program.output()[-5000:]}")

    def start(self, name, command, environment=(), kind=Application):
        application = kind(name, command, environment)
        self.addCleanup(application.kill)
        return application

    def kill_and_start_server(self):
        self.server.kill()
        self.server.start()

    def check_lives(self, applications):
        """The life of a session in each application, which has its own name in all of its keys in the server."""
        lives = [Life(self, application) for application in applications]
        for chapter in (Life.begins, Life.expires, None, Life.goes_on):
            if not chapter:
                self.kill_and_start_server()
            for life in list(lives) if chapter else ():
                with self.subTest(client=life.application.name):
                    lives.remove(life)  # what failed is not told again by the chapters that follow
                    chapter(life)
                    lives.append(life)


class Life:
    def __init__(self, test, application):
        self.test = test
        self.application = application
        self.brief = application.browser()
        self.ada = application.browser()

    def keys(self):
        return self.test.server.keys(self.application.name)

    def begins(self):
        same, ada = self.test.assertEqual, self.ada
        same(ada.ask("me"), None)
        same(self.keys(), set(), "looking around makes no session")
        same(self.brief.ask("login", user="bob", seconds=2), ("bob", 0))
        self.brief_keys = self.keys()
        self.test.assertTrue(self.brief_keys, "nothing is in the server")

        same(ada.ask("login", user="ada"), ("ada", 0))
        same(ada.ask("me"), ("ada", 0))
        same(ada.ask("visit"), ("ada", 1))
        same(ada.ask("visit"), ("ada", 2))
        same(ada.ask("me"), ("ada", 2))
        before, keys_before = ada.thief(), self.keys()
        same(ada.ask("rotate"), ("ada", 2))
        same(ada.ask("me"), ("ada", 2))
        same(before.ask("me"), None, "the id from before the rotation still works")
        same(len(self.keys() - self.brief_keys), len(keys_before - self.brief_keys), "the old id's keys are left")

        thief = ada.thief()
        same(ada.ask("logout"), None)
        same(ada.ask("me"), None)
        same(thief.ask("me"), None, "the id still works after the logout")
        same(self.keys() - self.brief_keys, set(), "keys are left after the logout")
        same(ada.ask("login", user="ada"), ("ada", 0))
        same(ada.ask("visit"), ("ada", 1))

    def expires(self):
        # Not asked by the browser, since that would make the session live longer.
        wait_until(lambda: not self.keys() & self.brief_keys, "the session of 2 s is over", 10)
        self.test.assertIsNone(self.brief.ask("me"))

    def goes_on(self):
        same, ada = self.test.assertEqual, self.ada
        wait_until(ada.is_answered, f"{self.application.name} works again: {self.application.output()[-2000:]}")
        same(ada.ask("me"), ("ada", 1), "kill -9 of the server logged her out")
        same(ada.ask("visit"), ("ada", 2))
        same(self.brief.ask("me"), None, "kill -9 brought back an expired session")
        thief = ada.thief()
        same(ada.ask("logout"), None)
        same(thief.ask("me"), None)
        same(self.keys(), set(), "keys are left after the logout")


def at_once(*calls):
    """Makes all the calls at the same time, and returns what they do."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]
