#!/usr/bin/env python3
"""The README's example is examples/quickstart, which is built with everything else, and its links lead somewhere."""
import os
import pathlib
import re
import unittest

ROOT = pathlib.Path(os.environ.get("HYBRID_SOURCE_DIR", pathlib.Path(__file__).parents[2]))


class Readme(unittest.TestCase):
    def test_its_code_is_the_example_that_is_built(self):
        blocks = re.findall(r"```cpp\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
        self.assertIn((ROOT / "examples/quickstart/main.cpp").read_text(), blocks)

    def test_links_of_all_pages_exist(self):
        pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")]
        for page in pages:
            text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
            for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
                if "://" not in target:
                    self.assertTrue((page.parent / target).exists(), f"{page.name} links to {target}")


if __name__ == "__main__":
    unittest.main()
