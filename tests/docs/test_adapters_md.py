#!/usr/bin/env python3
"""The recipes of docs/adapters.md compile: with the framework, where Debian has it and it is installed, else with stand_ins/frameworks.hpp."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(os.environ.get("HYBRID_SOURCE_DIR") or Path(__file__).resolve().parents[2])


text = (ROOT / "docs/adapters.md").read_text()
recipes = re.findall(r"```cpp compiled: (\S+)\n(.*?)```", text, re.DOTALL)
recipes_like = dict(re.findall(r"```cpp like: (\S+)\n(.*?)```", text, re.DOTALL))

# What a program that takes the recipe has around it.
AROUND = {
    "drogon": "{0}\nhybrid::Session& f(const drogon::HttpRequestPtr& request) {{ return *request->attributes()->get<SessionPtr>(\"session\"); }}",
    "crow": "{0}\nhybrid::Session& f(crow::App<WithSession>& app, crow::request& request) {{\n"
            "  return *app.get_context<WithSession>(request).session;\n}}",
    "oat++": "struct Visits : oatpp::ApiController {{\n  const hybrid::http::Sessions& sessions;\n{0}\n}};",
    "userver": "const hybrid::http::Sessions& sessions();\n{0}\ntemplate <class T> concept Whole = !std::is_abstract_v<T>;\n"
               "static_assert(Whole<WithSession>);",
}


class AdaptersTest(unittest.TestCase):
    def compiles(self, code, *flags):
        with tempfile.NamedTemporaryFile("w", suffix=".cpp") as file:
            file.write(code)
            file.flush()
            done = subprocess.run(["g++", "-std=c++23", "-fsyntax-only", "-I", ROOT / "include", *flags, file.name],
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr[:3000])

    def test_the_recipes_compile(self):
        for header, code in recipes:
            if not Path("/usr/include", header).exists():
                continue
            with self.subTest(header):
                self.compiles(f"#include <{header}>\n#include <hybrid/http/exchange.hpp>\n{code}")

    def test_the_recipes_for_frameworks_that_debian_has_not_compile_with_what_stands_in(self):
        self.assertEqual(recipes_like.keys(), AROUND.keys())
        for framework, code in recipes_like.items():
            with self.subTest(framework):
                self.compiles('#include "frameworks.hpp"\n#include <hybrid/http/exchange.hpp>\n' + AROUND[framework].format(code),
                              "-Wall", "-Wextra", "-Werror", "-I", ROOT / "tests/docs/stand_ins")


if __name__ == "__main__":
    assert len(recipes) == 2
    if not shutil.which("g++"):
        print("skipped: there is no g++")
        sys.exit(77)
    unittest.main()
