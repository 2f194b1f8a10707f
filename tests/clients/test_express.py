#!/usr/bin/env python3
"""express-session with connect-redis, on each of Node's Redis clients, and rate-limit-redis."""
import json

from served import APPS, ClientsTest, at_once, main, need_node, need_server, node_version, wait_until

# The store, the client, the protocol if the client lets one choose, the rate limiter, the Node that they need.
CASES = (("connect-redis7", "redis4", "", "rate-limit-redis4", 18),
         ("connect-redis7", "redis", "2", "rate-limit-redis4", 18),
         ("connect-redis7", "ioredis5", "", "rate-limit-redis4", 18),
         ("connect-redis7", "ioredis6", "2", "rate-limit-redis6", 20),
         ("connect-redis7", "ioredis6", "3", "rate-limit-redis6", 20),
         ("connect-redis9", "redis", "2", "rate-limit-redis6", 18),
         ("connect-redis9", "redis", "3", "rate-limit-redis6", 18),
         ("connect-redis9", "redis6", "2", "rate-limit-redis6", 20),
         ("connect-redis9", "redis6", "3", "rate-limit-redis6", 20))


class Express(ClientsTest):
    def applications(self):
        """All of them, while one server lives."""
        started = []
        for store, client, protocol, limiter, node in CASES:
            name = f"{store}-{client}" + f"-resp{protocol}" * bool(protocol)
            if node_version() < node:
                print(f"skipped: {name} needs Node {node}")
                continue
            started.append(self.start(name, ["node", APPS / "node/express.js"], {
                **NODE, "NAME": name, "STORE": store, "CLIENT": client, "RESP": protocol, "LIMITER": limiter,
                "REDIS_URL": self.server.url}))
        return started

    def test_everything(self):
        applications = self.applications()
        self.check_lives(applications)
        for application in applications:
            with self.subTest(client=application.name):
                self.check_all_sessions(application)
        self.check_limits(applications)

    def check_all_sessions(self, application):
        if application.name.startswith("connect-redis7-redis-"):
            return  # connect-redis 7 takes the batches of keys that node-redis 5 has found for keys
        names = [f"user{number}" for number in range(20)]
        browsers = [application.browser() for _ in names]
        at_once(*(lambda browser=browser, name=name: browser.ask("login", user=name)
                  for browser, name in zip(browsers, names)))
        status, users = browsers[0].request("GET", "/users")
        self.assertEqual(status, 200, users)
        self.assertEqual(json.loads(users), sorted(names))
        browsers[0].request("POST", "/clear")
        self.assertEqual(self.server.keys(application.name), set())
        self.assertIsNone(browsers[1].ask("me"))

    def check_limits(self, applications):
        def knock(application, page):
            return application.browser().request("POST", page)[0]

        for application in applications:
            with self.subTest(client=application.name, of="its limits"):
                statuses = at_once(*[lambda: knock(application, "/limited")] * 5)
                self.assertEqual(sorted(statuses), [200] * 3 + [429] * 2)
                wait_until(lambda: knock(application, "/limited-briefly") == 429, "too often within a second", 10)
        for application in applications:
            with self.subTest(client=application.name, of="its limits of a second"):
                wait_until(lambda: knock(application, "/limited-briefly") == 200, "the second is over", 10)
        self.kill_and_start_server()
        for application in applications:
            with self.subTest(client=application.name, of="its limits after kill -9"):
                wait_until(application.browser().is_answered, f"{application.name} works again")
                self.assertEqual(knock(application, "/limited"), 429, "kill -9 gave a new try")


if __name__ == "__main__":
    need_server()
    NODE = need_node()
    main()
