#!/usr/bin/env python3
"""Rack's sessions by redis-rack, and sessions in a hash on redis-rb."""
import subprocess

from served import APPS, ClientsTest, main, need, need_server


class Ruby(ClientsTest):
    def start_ruby(self, program, *libraries):
        for library, package in libraries:
            if subprocess.run(["ruby", "-r", library, "-e", ""], stderr=subprocess.DEVNULL).returncode != 0:
                self.skipTest(f"ruby has no {library} (Debian: {package})")
        return self.start(f"ruby-{program}", ["ruby", APPS / f"ruby/{program}.rb"],
                          {"NAME": f"ruby-{program}", "REDIS_URL": self.server.url})

    def test_redis_rack(self):
        self.check_lives([self.start_ruby("rack", ("rack", "ruby-rack"), ("webrick", "ruby-webrick"),
                                          ("redis-rack", "ruby-redis-rack"))])

    def test_redis_rb(self):
        self.check_lives([self.start_ruby("hash", ("rack", "ruby-rack"), ("webrick", "ruby-webrick"),
                                          ("redis", "ruby-redis"))])


if __name__ == "__main__":
    need_server()
    need("ruby", "ruby")
    main()
