#!/usr/bin/env python3
"""@fastify/session with the store of connect-redis, koa-session with one on ioredis, koa-generic-session with koa-redis."""
from served import APPS, ClientsTest, main, need_node, need_server

CASES = (("fastify", "fastify.js", {"CLIENT": "redis", "STORE": "connect-redis9"}),
         ("fastify-resp3", "fastify.js", {"CLIENT": "redis", "STORE": "connect-redis9", "RESP": "3"}),
         ("koa-session", "koa.js", {"CLIENT": "ioredis5", "SESSION": "koa-session"}),
         ("koa-redis", "koa.js", {"SESSION": "koa-generic-session"}))


class FastifyAndKoa(ClientsTest):
    def test_lives(self):
        self.check_lives([
            self.start(name, ["node", APPS / "node" / program],
                       {**NODE, **environment, "NAME": name, "REDIS_URL": self.server.url})
            for name, program, environment in CASES])


if __name__ == "__main__":
    need_server()
    NODE = need_node()
    main()
