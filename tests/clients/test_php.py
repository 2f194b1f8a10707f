#!/usr/bin/env python3
"""PHP's sessions by the handler of phpredis, with and without locks, and by that of Predis; over TCP and a Unix socket."""
import os
import subprocess
import tempfile
from urllib.parse import urlencode

from served import APPS, PASSWORD, ClientsTest, at_once, free_port, main, need, need_server

PARALLEL_VISITS = 8


def php_has(code):
    return subprocess.run(["php", "-r", f"exit({code} ? 0 : 1);"], stderr=subprocess.DEVNULL).returncode == 0


class Php(ClientsTest):
    def unix(self):
        """The socket by a path without spaces, which neither phpredis nor Predis can name."""
        folder = tempfile.TemporaryDirectory(prefix="hybrid-clients-")
        self.addCleanup(folder.cleanup)
        os.symlink(self.server.unix, f"{folder.name}/socket")
        return f"unix://{folder.name}/socket"

    def start_php(self, name, settings=(), environment=()):
        settings = {"session.use_strict_mode": 1, "session.lazy_write": 1, **dict(settings)}
        options = [word for key, value in settings.items() for word in ("-d", f'{key}="{value}"')]
        return self.start(name, ["php", *options, "-S", f"127.0.0.1:{free_port()}", APPS / "php/app.php"],
                          {"NAME": name, "PHP_CLI_SERVER_WORKERS": "4", **dict(environment)})

    def start_phpredis(self, name, address, settings=(), **parameters):
        parameters = {"auth": PASSWORD, "prefix": f"{name}:", **parameters}
        return self.start_php(name, {"session.save_handler": "redis",
                                     "session.save_path": f"{address}?{urlencode(parameters)}", **dict(settings)})

    def locking(self, name, address, **parameters):
        return self.start_phpredis(name, address, {
            "redis.session.locking_enabled": 1, "redis.session.lock_wait_time": 5000,
            "redis.session.lock_retries": 1000}, **parameters)

    def test_phpredis(self):
        if not php_has("extension_loaded('redis')"):
            self.skipTest("php has no extension redis (Debian: php-redis)")
        tcp = f"tcp://127.0.0.1:{self.server.port}"
        locking = [self.locking("php-locking", tcp), self.locking("php-locking-persistent", tcp, persistent=1),
                   self.locking("php-locking-unix", self.unix())]
        self.check_lives([self.start_phpredis("php-plain", tcp),
                          self.start_phpredis("php-eager", tcp, {"session.lazy_write": 0}), *locking])
        for application in locking:
            with self.subTest(client=application.name):
                self.check_parallel_visits(application)

    def check_parallel_visits(self, application):
        """With locks, requests of one session come one after the other, and none is lost."""
        browser = application.browser()
        browser.ask("login", user="ada")
        answers = at_once(*(lambda tab=browser.thief(): tab.ask("visit") for _ in range(PARALLEL_VISITS)))
        self.assertEqual(sorted(answers), [("ada", number + 1) for number in range(PARALLEL_VISITS)])
        self.assertEqual(len(self.server.keys(application.name)), 1, "a lock is left")

    def test_predis(self):
        if not php_has("@include 'Predis/autoload.php'"):
            self.skipTest("php finds no Predis (Debian: php-predis)")
        ways = {"predis": f"tcp://127.0.0.1:{self.server.port}", "predis-unix": self.unix()}
        self.check_lives([self.start_php(name, environment={"PREDIS_URL": f"{way}?password={PASSWORD}"})
                          for name, way in ways.items()])


if __name__ == "__main__":
    need_server()
    need("php", "php-cli")
    main()
