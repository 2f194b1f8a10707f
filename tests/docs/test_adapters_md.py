#!/usr/bin/env python3
"""The recipes of docs/adapters.md that say which header they need compile, if that is installed."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(os.environ.get("HYBRID_SOURCE_DIR") or Path(__file__).resolve().parents[2])


recipes = re.findall(r"```cpp compiled: (\S+)\n(.*?)```", (ROOT / "docs/adapters.md").read_text(), re.DOTALL)


class AdaptersTest(unittest.TestCase):
    def test_the_recipes_compile(self):
        for header, code in recipes:
            if not Path("/usr/include", header).exists():
                continue
            with self.subTest(header), tempfile.NamedTemporaryFile("w", suffix=".cpp") as file:
                file.write(f"#include <{header}>\n#include <hybrid/http/exchange.hpp>\n{code}")
                file.flush()
                done = subprocess.run(["g++", "-std=c++23", "-fsyntax-only", "-I", ROOT / "include", file.name],
                                      capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stderr[:3000])


if __name__ == "__main__":
    assert len(recipes) == 2
    if not any(Path("/usr/include", header).exists() for header, _ in recipes) or not shutil.which("g++"):
        print("skipped: none of the frameworks is installed (Debian: librestinio-dev, libpistache-dev)")
        sys.exit(77)
    unittest.main()
