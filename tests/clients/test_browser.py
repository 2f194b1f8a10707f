#!/usr/bin/env python3
"""The shop of examples/login, sessions by hybrid::http, in a real browser: Debian's Chromium, driven by playwright-core.

HYBRID_PICTURES names a folder for screenshots.
"""
import subprocess
import tempfile
import unittest
from pathlib import Path

from served import APPS, HYBRID, Program, main, need, need_node, skip

SHOP = HYBRID.parent / "example_login"


class BrowserTest(unittest.TestCase):
    def start(self, *options):
        self.shop = Program("the shop", [SHOP, "--dir", self.folder.name, "--port", "0", *options])
        return self.shop.wait_for(r"(http://127\.0\.0\.1:\d+)\s")[1] + "/"

    def test_the_shop(self):
        need("chromium", "chromium")
        environment = need_node()
        if not SHOP.exists():
            skip(f"there is no {SHOP}")
        self.folder = tempfile.TemporaryDirectory(prefix="hybrid browser ")
        self.addCleanup(self.folder.cleanup)
        script = Program("the browser", ["node", APPS / "browser/shop.js"], environment, stdout=subprocess.PIPE)
        self.addCleanup(script.kill)
        address = self.start()
        self.addCleanup(lambda: self.shop.kill())
        while True:
            script.process.stdin.write(address + "\n")
            script.process.stdin.flush()
            line = script.process.stdout.readline().strip()
            if line == "DONE":
                break
            self.assertTrue(line.startswith("RESTART"), f"{line}\n{script.output()[-3000:]}\n{self.shop.output()[-1000:]}")
            self.shop.kill()
            address = self.start(*line.split()[1:])


if __name__ == "__main__":
    main()
