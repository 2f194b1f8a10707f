#!/usr/bin/env python3
"""redis-cli and redis-benchmark."""
import csv
import subprocess

from served import PASSWORD, SECONDS_MAX, ClientsTest, main, need, need_server


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
