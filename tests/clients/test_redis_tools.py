#!/usr/bin/env python3
"""redis-cli, redis-benchmark, and the way from Redis and back."""
import csv
import shutil
import subprocess
import tempfile

from served import PASSWORD, SECONDS_MAX, ClientsTest, Program, free_port, main, need, need_server


class Cli(ClientsTest):
    def cli(self, *words, input=None):
        return subprocess.run(["redis-cli", "-p", str(self.server.port), *map(str, words)], input=input,
                              capture_output=True, text=True, timeout=SECONDS_MAX,
                              env={"PATH": "/usr/bin:/bin", "REDISCLI_AUTH": PASSWORD})

    def says(self, *words, input=None):
        done = self.cli(*words, input=input)
        self.assertEqual((done.returncode, done.stderr), (0, ""), words)
        return done.stdout.splitlines()

    def setUp(self):
        self.says("flushall")

    def test_answers_of_both_protocols(self):
        for protocol in ("-2", "-3"):
            self.assertEqual(self.says(protocol, "ping"), ["PONG"])
            self.assertEqual(self.says(protocol, "set", "a", "1", "EX", "60"), ["OK"])
            self.assertEqual(self.says(protocol, "get", "a"), ["1"])
            self.assertEqual(self.says(protocol, "get", "none"), [""])
            self.assertEqual(self.says(protocol, "hset", "h", "user", "ada"), ["1"])
            self.assertEqual(" ".join(self.says(protocol, "hgetall", "h")), "user ada")
            self.assertRegex(self.says(protocol, "config", "get", "maxmemory-policy")[0], "^maxmemory-policy")
            self.assertEqual(self.says(protocol, "del", "a", "h"), ["2"])
        self.says("hset", "h", "user", "ada")
        self.assertEqual(self.says("-3", "--no-raw", "hgetall", "h"), ['1# "user" => "ada"'])
        self.assertEqual(self.says("-2", "--no-raw", "hgetall", "h"), ['1) "user"', '2) "ada"'])
        self.assertEqual(self.says("-3", "--no-raw", "get", "none"), ["(nil)"])

    def test_a_unix_socket_and_lines_on_stdin(self):
        lines = 'set a "two words"\nget a\nmulti\nincr n\nincr n\nexec\nnonsense\n'
        said = self.says("-s", self.server.unix, input=lines)
        self.assertEqual(said[:7], ["OK", "two words", "OK", "QUEUED", "QUEUED", "1", "2"])
        self.assertRegex(said[7], "^ERR unknown command 'nonsense'")

    def test_a_wrong_password_and_none(self):
        for password in ("wrong", ""):
            done = subprocess.run(["redis-cli", "-p", str(self.server.port), "get", "a"], capture_output=True,
                                  text=True, env={"PATH": "/usr/bin:/bin", "REDISCLI_AUTH": password})
            self.assertIn("NOAUTH", done.stdout)

    def test_looking_at_keys(self):
        self.says("--pipe", input="".join(f"SET key{number} {number}\r\n" for number in range(1000)))
        self.says("hset", "big", "field", "x" * 1000)
        self.assertEqual(sorted(self.says("--scan", "--pattern", "key?")), [f"key{number}" for number in range(10)])
        self.assertEqual(self.says("dbsize"), ["1001"])
        found = "\n".join(self.says("--bigkeys"))
        self.assertRegex(found, r'Biggest string found \W*key\d+\W* has 3 bytes')
        self.assertRegex(found, r'Biggest   hash found \W*big\W* has 1 fields')

    def test_what_is_written_stays_after_kill_9(self):
        self.says("set", "a", "1", "EX", "600")
        self.kill_and_start_server()
        self.assertEqual(self.says("get", "a"), ["1"])
        self.assertTrue(590 < int(self.says("ttl", "a")[0]) <= 600)


class Moving(ClientsTest):
    """Keys of a Redis that runs, with what they hold and how long they live, by its own commands."""

    def setUp(self):
        if not shutil.which("redis-server"):
            self.skipTest("there is no redis-server (Debian: redis-server)")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.port = free_port()
        redis = Program("Redis", ["redis-server", "--bind", "127.0.0.1", "--port", self.port, "--save", "",
                                  "--dir", folder.name])
        self.addCleanup(redis.kill)
        redis.wait_for("Ready to accept")

    def call(self, port, *words, input=None):
        environment = {"PATH": "/usr/bin:/bin"}
        if port == self.server.port:
            environment["REDISCLI_AUTH"] = PASSWORD
        done = subprocess.run(["redis-cli", "-p", str(port), *words], input=input, capture_output=True,
                              timeout=SECONDS_MAX, env=environment)
        self.assertEqual((done.returncode, done.stderr), (0, b""), words)
        return done.stdout.removesuffix(b"\n")

    def expect_same(self, *questions):
        """The same answers by both, but for their order. Each is a pair of requests: here, there."""
        for here, there in questions:
            answers = [self.call(*asked).splitlines() for asked in
                       ((self.server.port, *here.split()), (self.port, *there.split()))]
            if here.startswith("lrange"):
                self.assertEqual(*answers, here)
            if here.startswith("hgetall"):
                answers = [list(zip(answer[::2], answer[1::2], strict=True)) for answer in answers]
            self.assertEqual(sorted(answers[0]), sorted(answers[1]), here)

    def test_sessions_come_from_redis_and_go_back(self):
        here, there = self.server.port, self.port
        fields = [(f"field{number}", "x" * (number % 90)) for number in range(300)]
        self.call(there, "set", "text", '{"user": "ada"}' * 20, "EX", "600")
        self.call(there, "set", "number", "42")
        self.call(there, "hset", "small", "user", "ada", "visits", "7")
        self.call(there, "hset", "large", *(word for field in fields for word in field))
        self.call(there, "sadd", "numbers", "1", "2", "70000")
        self.call(there, "sadd", "names", "ada", "bob")
        self.call(there, "rpush", "basket", "tea", "42", "y" * 10_000, *(f"item{number}" for number in range(2000)))
        looks = {"text": "get", "number": "get", "small": "hgetall", "large": "hgetall", "numbers": "smembers",
                 "names": "smembers", "basket": "lrange"}
        ranges = {"lrange": " 0 -1"}

        moved = self.call(there, "migrate", "127.0.0.1", str(here), "", "0", "5000", "COPY", "AUTH", PASSWORD,
                          "KEYS", *looks)
        self.assertEqual(moved, b"OK")
        self.kill_and_start_server()
        self.expect_same(*((f"{look} {key}{ranges.get(look, '')}",) * 2 for key, look in looks.items()))
        self.assertTrue(590 < int(self.call(here, "ttl", "text")) <= 600)
        self.assertEqual(self.call(here, "ttl", "large"), b"-1")

        for key in looks:
            payload = self.call(here, "dump", key)
            self.assertEqual(self.call(there, "-x", "restore", f"back:{key}", "0", input=payload), b"OK")
        self.expect_same(*((f"{look} {key}{ranges.get(look, '')}", f"{look} back:{key}{ranges.get(look, '')}")
                           for key, look in looks.items()))
        self.expect_same(*((f"type {key}", f"type back:{key}") for key in looks))


class Benchmark(ClientsTest):
    def test_it_runs_without_an_error(self):
        for options in ((), ("-P", "16", "-3"), ("-P", "16", "-s", self.server.unix)):
            with self.subTest(options=options):
                done = subprocess.run(["redis-benchmark", "-p", str(self.server.port), "-a", PASSWORD, "--csv",
                                       "-t", "set,get,hset,incr", "-n", "2000", "-c", "10", "-r", "1000", *options],
                                      capture_output=True, text=True, timeout=SECONDS_MAX)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                rows = list(csv.DictReader(done.stdout.splitlines()))
                self.assertEqual([row["test"] for row in rows], ["SET", "GET", "INCR", "HSET"])
                self.assertTrue(all(float(row["rps"]) > 0 for row in rows), rows)


if __name__ == "__main__":
    need_server()
    need("redis-cli", "redis-tools")
    need("redis-benchmark", "redis-tools")
    main()
