#!/usr/bin/env python3
"""Checks every #include of the project against floors.txt.

    check_floors.py [SOURCE_FOLDER]
    check_floors.py --self-test      proves that it finds each kind of violation

An include of our own is written from src/ ("io/file_system.hpp"), from the top ("testing/model.hpp"),
or as <hybrid/...>. Prints one line for each violation and exits with 1 if there are any.
"""

import re
import sys
import tempfile
from fnmatch import fnmatch
from pathlib import Path

TABLE = Path(__file__).parent / "floors.txt"
INCLUDE = re.compile(r'^\s*#\s*include\s+(<[^>]+>|"[^"]+")')
TOP_FOLDERS = ("include", "src", "cli", "testing", "tests", "bench", "examples")
VOCABULARY = "include/hybrid"


class Rules:
    def __init__(self, text):
        self.floors = {}      # folder -> number
        self.public = set()   # folders
        self.forbid = []      # (file patterns, include patterns)
        self.allow = []       # the same
        self.only = []        # (include patterns, file patterns)
        for number, line in enumerate(text.splitlines(), 1):
            words = line.split("#")[0].split(None, 1)
            if not words:
                continue
            kind, rest = words[0], words[1] if len(words) > 1 else ""
            left, colon, right = rest.partition(":")
            if kind == "floor" and len(rest.split()) == 2:
                self.floors[rest.split()[1]] = int(rest.split()[0])
            elif kind == "public" and len(rest.split()) == 1:
                self.public.add(rest.strip())
            elif kind == "forbid" and colon:
                self.forbid.append((left.split(), right.split()))
            elif kind == "allow" and colon:
                self.allow.append((left.split(), right.split()))
            elif kind == "only" and colon:
                self.only.append((left.split(), right.split()))
            else:
                raise SystemExit(f"{TABLE}:{number}: not understood: {line}")

    def folder_of(self, path):
        """The folder of the table that a path from the top lies in, or None."""
        known = [f for f in (*self.floors, *self.public) if path.startswith(f + "/")]
        return max(known, key=len, default=None)


def target_folder(rules, spelled, own):
    """The folder that an include names, None if it is not ours, or "?" if it looks ours but is nowhere."""
    name = spelled[1:-1]
    if name.startswith("hybrid/"):
        return VOCABULARY
    if spelled[0] == "<":
        return None
    if "/" not in name:
        return own
    if ".." in name.split("/"):
        return "?"
    return rules.folder_of("src/" + name) or rules.folder_of(name) or "?"


def violation(rules, path, spelled):
    """Why the file at `path` may not include `spelled`, or None."""
    own = rules.folder_of(path)
    if own is None:
        return "its folder is on no floor: add it to tests/floors/floors.txt"
    target = target_folder(rules, spelled, own)
    if target == "?":
        return "no folder of this project; write it as \"folder/file.hpp\""
    if target not in (None, own, VOCABULARY):
        if own in rules.public:
            return f"{own} sees <hybrid/...> only"
        if target in rules.public:
            return None  # it is written for anybody
        here, there = rules.floors[own], rules.floors.get(target)
        if there is None or there > here:
            return f"{target} is above {own}"
        if there == here:
            return f"{target} is a sibling of {own}"
    if own == VOCABULARY and spelled[0] == '"':
        return "public headers include each other as <hybrid/...>"

    name = spelled if spelled[0] == "<" else spelled[1:-1]
    if any(matches(path, files) and matches(name, includes) for files, includes in rules.allow):
        return None
    for files, includes in rules.forbid:
        if matches(path, files) and matches(name, includes):
            return "forbidden there"
    for includes, files in rules.only:
        if matches(name, includes) and path.startswith("src/") and not matches(path, files):
            return f"allowed in {' '.join(files)} only"
    return None


def matches(name, patterns):
    return any(fnmatch(name, pattern) for pattern in patterns)


def check(rules, root):
    """Returns (how many files it read, one line for each violation)."""
    count, found = 0, []
    for top in TOP_FOLDERS:
        for file in sorted((root / top).rglob("*")):
            if file.suffix not in (".hpp", ".cpp", ".h", ".cc"):
                continue
            count += 1
            path = file.relative_to(root).as_posix()
            for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
                include = INCLUDE.match(line)
                why = violation(rules, path, include[1]) if include else None
                if why:
                    found.append(f"{path}:{number}: {include[1]}: {why}")
    return count, found


GOOD = [
    ("include/hybrid/a.hpp", "<hybrid/b.hpp>"),
    ("include/hybrid/a.hpp", "<vector>"),
    ("src/base/a.cpp", "<openssl/evp.h>"),
    ("src/base/a.hpp", "<hybrid/error.hpp>"),
    ("src/base/a.hpp", '"hybrid/error.hpp"'),
    ("src/io/a.cpp", "<sys/stat.h>"),
    ("src/io/a.cpp", '"base/a.hpp"'),
    ("src/store/store.cpp", '"scf/record.hpp"'),
    ("src/store/store.cpp", '"store/table.hpp"'),
    ("src/store/table.cpp", '"base/digest.hpp"'),
    ("cli/main.cpp", '"store/store.hpp"'),
    ("cli/main.cpp", "<CLI/CLI.hpp>"),
    ("cli/main.cpp", '"common.hpp"'),
    ("testing/model.hpp", '"store/store.hpp"'),
    ("tests/store/a.cpp", '"testing/model.hpp"'),
    ("tests/base/a.cpp", "<openssl/evp.h>"),
    ("examples/login/main.cpp", "<httplib.h>"),
    ("include/hybrid/http/httplib.hpp", "<httplib.h>"),
]
BAD = [
    ("include/hybrid/a.hpp", '"base/a.hpp"'),
    ("include/hybrid/a.hpp", '"hybrid/b.hpp"'),
    ("include/hybrid/a.hpp", "<msgpack.hpp>"),
    ("include/hybrid/a.hpp", "<unistd.h>"),
    ("include/hybrid/http/sessions.hpp", "<httplib.h>"),
    ("include/hybrid/http/httplib.hpp", "<Poco/Net/HTTPServer.h>"),
    ("src/http/a.cpp", '"server/client.hpp"'),
    ("src/base/a.hpp", '"io/file.hpp"'),
    ("src/base/a.hpp", "<openssl/evp.h>"),
    ("src/io/a.cpp", '"net/socket.hpp"'),
    ("src/io/a.cpp", '"scf/record.hpp"'),
    ("src/io/a.cpp", "<chrono>"),
    ("src/io/a.cpp", "<mutex>"),
    ("src/io/a.cpp", "<thread>"),
    ("src/scf/a.cpp", "<isa-l/crc.h>"),
    ("src/scf/a.cpp", '"store/store.hpp"'),
    ("src/store/store.cpp", '"remote/provider.hpp"'),
    ("src/store/store.cpp", '"../io/file.hpp"'),
    ("src/store/store.cpp", '"testing/model.hpp"'),
    ("src/store/store.cpp", '"cli/main.hpp"'),
    ("src/store/store.cpp", "<fmt/format.h>"),
    ("src/store/table.cpp", '"io/file.hpp"'),
    ("src/store/table_shard.hpp", '"scf/record.hpp"'),
    ("src/store/block.hpp", '"scf/record.hpp"'),
    ("src/store/packed_block.cpp", '"io/file.hpp"'),
    ("src/strange/a.cpp", "<vector>"),
    ("src/store/store.cpp", '"strange/a.hpp"'),
    ("cli/main.cpp", '"testing/model.hpp"'),
    ("examples/login/main.cpp", '"store/store.hpp"'),
]


def self_test(rules):
    wrong = []
    for cases, expected in ((GOOD, 0), (BAD, 1)):
        for path, spelled in cases:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / path
                file.parent.mkdir(parents=True)
                file.write_text(f"#pragma once\n#include {spelled}\n")
                count, found = check(rules, Path(folder))
                if (count, len(found)) != (1, expected):
                    wrong.append(f"{path} with {spelled}: {found or 'nothing was found'}")
    print("\n".join(wrong) if wrong else f"{len(GOOD)} good and {len(BAD)} bad includes told apart")
    return 1 if wrong else 0


def main(arguments):
    rules = Rules(TABLE.read_text())
    if arguments == ["--self-test"]:
        return self_test(rules)
    root = Path(arguments[0]) if arguments else Path(__file__).parents[2]
    count, found = check(rules, root)
    print("\n".join(found) if found else f"{count} files keep to their floors")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
