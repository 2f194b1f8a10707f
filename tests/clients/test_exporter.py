#!/usr/bin/env python3
"""What Prometheus' redis_exporter asks at each scrape, by hand; and the exporter itself, if it is installed."""
import re
import shutil
from contextlib import closing
from http.client import HTTPConnection

from served import PASSWORD, ClientsTest, Program, Wire, free_port, main, need_server, wait_until

EXPORTER = "prometheus-redis-exporter"


class Exporter(ClientsTest):
    def setUp(self):
        self.wire = Wire(self.server)
        self.addCleanup(self.wire.close)
        self.wire.call("FLUSHALL")
        self.wire.call("SET", "key", "value", "EX", 600)
        self.wire.call("HSET", "hash", "user", "ada", "visits", 1)

    def test_its_calls(self):
        call = self.wire.call
        self.assertEqual(call("CLIENT", "SETNAME", "redis_exporter"), "OK")

        settings = call("CONFIG", "GET", "*")
        settings = dict(zip(settings[::2], settings[1::2], strict=True))
        self.assertTrue(int(settings["maxclients"]) > 0 and int(settings["databases"]) > 0, settings)

        info = call("INFO", "ALL")
        self.assertTrue(all(re.match(r"$|# \w+$|\w[\w.|-]*:.*$", line) for line in info.split("\r\n")), info)
        facts = dict(re.findall(r"(?m)^(\w+):(.*?)\r$", info))
        for name in ("uptime_in_seconds", "connected_clients", "used_memory", "total_connections_received",
                     "total_commands_processed", "expired_keys", "evicted_keys", "keyspace_hits", "keyspace_misses"):
            self.assertRegex(facts.get(name, "missing"), r"^\d+$", name)
        self.assertRegex(facts["redis_version"], r"^\d+\.\d+\.\d+$")
        self.assertEqual(facts["role"], "master")
        self.assertRegex(facts["db0"], r"^keys=2,expires=1,avg_ttl=\d+$")

        self.assertEqual(call("LATENCY", "LATEST"), [])
        self.assertEqual(call("SELECT", 0), "OK")
        cursor, found = call("SCAN", 0, "MATCH", "h*", "COUNT", 1000)
        self.assertEqual((cursor, found), ("0", ["hash"]))
        self.assertEqual((call("TYPE", "hash"), call("HLEN", "hash")), ("hash", 2))
        self.assertEqual((call("TYPE", "key"), call("STRLEN", "key")), ("string", 5))
        self.assertIsInstance(call("SLOWLOG", "LEN"), int)
        self.assertIsInstance(call("SLOWLOG", "GET", 1), list)
        self.assertRegex(call("CLIENT", "LIST"),
                         r"(?m)^id=\d+ addr=127\.0\.0\.1:\d+ .*\bname=redis_exporter .*\bage=\d+ idle=\d+ flags=N "
                         r"db=0 .*\bcmd=client\|list\b")

    def test_the_exporter_itself(self):
        program = shutil.which(EXPORTER)
        if not program:
            self.skipTest(f"there is no {EXPORTER} (Debian: {EXPORTER}, which also starts it as a service)")
        port = free_port()
        exporter = Program(EXPORTER, [
            program, "-redis.addr", f"redis://127.0.0.1:{self.server.port}", "-redis.password", PASSWORD,
            "-web.listen-address", f"127.0.0.1:{port}", "-check-keys", "h*", "-export-client-list"])
        self.addCleanup(exporter.kill)

        def scrape():
            with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
                try:
                    connection.request("GET", "/metrics")
                    return connection.getresponse().read().decode()
                except OSError:
                    return None

        metrics = wait_until(scrape, "the exporter answers")
        for line in ('redis_up 1', 'redis_exporter_last_scrape_error{err=""} 0', 'redis_db_keys{db="db0"} 2',
                     'redis_db_keys_expiring{db="db0"} 1', 'redis_key_size{db="db0",key="hash"} 2'):
            self.assertIn(line, metrics.splitlines(), exporter.output())


if __name__ == "__main__":
    need_server()
    main()
