#!/usr/bin/env python3
"""Go: gorilla/sessions in redistore, which is on redigo, and sessions in a hash on go-redis."""
import os
import subprocess
from pathlib import Path

from served import APPS, BUILD, PASSWORD, ClientsTest, main, need, need_server

SOURCES = Path("/usr/share/gocode")  # where Debian has those of Go's libraries
LIBRARIES = {"redistore": ("github.com/boj/redistore", "golang-github-boj-redistore-dev"),
             "hash": ("gopkg.in/redis.v5", "golang-gopkg-redis.v5-dev")}


class Go(ClientsTest):
    def start_go(self, program):
        library, package = LIBRARIES[program]
        if not (SOURCES / "src" / library).is_dir():
            self.skipTest(f"there is no {library} (Debian: {package})")
        built = BUILD / "go" / program
        subprocess.run(["go", "build", "-o", built, APPS / f"go/{program}.go"], check=True, env={
            **os.environ, "GO111MODULE": "off", "GOPATH": str(SOURCES), "GOCACHE": str(BUILD / "go/cache"),
            "GOFLAGS": ""})
        return self.start(f"go-{program}", [built], {
            "NAME": f"go-{program}", "REDIS_ADDRESS": f"127.0.0.1:{self.server.port}", "REDIS_PASSWORD": PASSWORD})

    def test_redistore(self):
        self.check_lives([self.start_go("redistore")])

    def test_go_redis(self):
        self.check_lives([self.start_go("hash")])


if __name__ == "__main__":
    need_server()
    need("go", "golang-go")
    main()
