#!/usr/bin/env python3
"""Whatever is sent, the server goes on: requests of every command with strange arguments, cut, split, repeated and damaged.

HYBRID_SECONDS says for how long (4). What was sent last is in the report if the server ends. With HYBRID_TEST_SERVER=redis the
server is Debian's redis-server.
"""
import os
import random
import select
import socket
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))
from served import PASSWORD, Server, main, need_server  # noqa: E402

SECONDS = float(os.environ.get("HYBRID_SECONDS", 4))
MEMORY_MAX = 3 << 30  # a few requests and replies as large as they may be, and what the sanitizers add
NEVER = {b"shutdown", b"debug", b"monitor"}
KEYS = [b"a", b"b", b"h", b"s", b"sess:1", b"k" * 1100, b"\0", b"\xff\xfe", b""]
NUMBERS = [b"0", b"-0", b"1", b"-1", b"2", b"16", b"1e3", b"0x10", b" 1", b"1 ", b"+1", b"007", b"nan", b"inf", b"-inf",
           b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"18446744073709551616", b"1.5",
           b"1e400", b"-1e-400", b"4294967296", b"2147483648", b"99999999999999999999999999"]
WORDS = [b"EX", b"PX", b"NX", b"XX", b"GT", b"LT", b"GET", b"KEEPTTL", b"COUNT", b"MATCH", b"TYPE", b"*", b"[", b"[^", b"\\",
         b"?" * 100, b"*?" * 200, b"WITHVALUES", b"REPLACE", b"DB", b"LIMIT", b"ID", b"SETNAME", b"AUTH", b"default", b"LIST",
         b"KILL", b"INFO", b"LOAD", b"FLUSH", b"EXISTS", b"USAGE", b"ENCODING", b"HELP", b"DOCS", b"GETKEYS", b"SET", b"RESP3",
         b"string", b"hash", b"ASYNC", b"notify-keyspace-events", b"AKE", b"channel", b"__key*__:*"]
SCRIPTS = [b"return 1", b"return {1,2,{3,'x'}}", b"return redis.call(unpack(ARGV))", b"return redis.pcall(KEYS[1] or 'get', ARGV[1])",
           b"return", b"((((", b"return string.rep('x', 1000000)", b"return cjson.encode(cjson.decode(ARGV[1]))",
           b"local t = {} t[1] = t return t", b"error({err='x'})", b"return string.find(ARGV[1], ARGV[2])"]


def any_bytes(chance):
    return chance.randbytes(chance.choice((0, 1, 2, 7, 63, 64, 300, 5000)))


def any_argument(chance):
    kind = chance.randrange(10)
    if kind < 3:
        return chance.choice(KEYS)
    if kind < 5:
        return chance.choice(NUMBERS)
    if kind < 8:
        return chance.choice(WORDS)
    if kind < 9:
        return chance.choice(SCRIPTS)
    return any_bytes(chance)


def with_subcommands(rows):
    """Their names and arities; a subcommand's name is client|id."""
    for row in rows:
        name = row[0].encode()
        if name not in NEVER:
            yield name, row[1]
            yield from with_subcommands(row[9])


def any_request(chance, commands):
    name, arity = chance.choice(commands)
    arguments = name.split(b"|")
    named = len(arguments)
    count = abs(arity) - named + (chance.choice((0, 0, 1, 2, 5)) if arity < 0 else chance.choice((0, 0, 0, 0, 1)))
    arguments += [any_argument(chance) for _ in range(count)]
    if name.startswith(b"eval") and len(arguments) > 2:
        arguments[1] = chance.choice(SCRIPTS)
        arguments[2] = chance.choice((b"0", b"1", b"2"))
    elif len(arguments) > named and chance.random() < 0.6:
        arguments[named] = chance.choice(KEYS)
    if chance.random() < 0.05:
        return b" ".join(arguments) + b"\r\n"
    return b"*%d\r\n" % len(arguments) + b"".join(b"$%d\r\n%s\r\n" % (len(each), each) for each in arguments)


def damaged(chance, sent):
    """With something in it that should not be there, or not all of it."""
    if not sent:
        return sent
    at = chance.randrange(len(sent))
    how = chance.randrange(6)
    if how == 0:
        return sent[:at] + chance.randbytes(chance.choice((1, 1, 3, 20))) + sent[at:]
    if how == 1:
        return sent[:at] + sent[at + chance.choice((1, 1, 4, 30)):]
    if how == 2:
        return sent[:at] + bytes([sent[at] ^ 1 << chance.randrange(8)]) + sent[at + 1:]
    if how == 3:
        return sent[:at]
    if how == 4:
        return sent[:at] + chance.choice((b"*-1\r\n", b"*1000000000\r\n", b"$536870913\r\n", b"$-5\r\n", b"*0\r\n", b"\0\0", b"\r\n" * 20,
                                          b"*1\r\n$4\r\nPI", b"\"unbalanced\r\n", b"*" + b"9" * 70000)) + sent[at:]
    return sent[at:] + sent[:at]


class Peer:
    """One connection that reads what comes, most of the time."""

    def __init__(self, server, chance):
        self.server, self.chance = server, chance
        self.socket = None

    def close(self):
        if self.socket is not None:
            self.socket.close()
        self.socket = None

    def send(self, sent):
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.server.port), 5)
            self.socket.setblocking(False)
            if self.chance.random() < 0.95:
                sent = b"AUTH %s\r\n" % PASSWORD.encode() + sent
        cut = self.chance.randrange(len(sent) + 1) if self.chance.random() < 0.3 else 0
        try:
            for part in (sent[:cut], sent[cut:]):
                self.socket.send(part)
                self.read()
        except BlockingIOError:
            self.close()  # it does not read what it has to answer: we do not, either
        except OSError:
            self.close()
        if self.chance.random() < 0.02:
            self.close()

    def read(self):
        while select.select([self.socket], [], [], 0)[0]:
            if not self.socket.recv(1 << 20):
                raise ConnectionError


class MalformedTest(unittest.TestCase):
    def test_the_server_goes_on(self):
        need_server()
        server = Server()
        self.addCleanup(server.close)
        server.start()
        with server.wire() as wire:
            commands = list(with_subcommands(wire.call("COMMAND")))
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        peers = [Peer(server, chance) for _ in range(8)]
        last, sent_count, until = [], 0, time.monotonic() + SECONDS
        while time.monotonic() < until:
            for _ in range(200):
                sent = b"".join(any_request(chance, commands) for _ in range(chance.choice((1, 1, 1, 2, 10))))
                if chance.random() < 0.3:
                    sent = damaged(chance, sent)
                last = last[-20:] + [sent]
                sent_count += 1
                try:
                    chance.choice(peers).send(sent)
                except OSError as error:
                    self.fail(f"seed {seed}: {error}; {server.program.output()[-3000:]}; {last}")
            self.assertIsNone(server.program.process.poll(), f"seed {seed}: {server.program.output()[-3000:]}; {last}")
            pages = int(Path(f"/proc/{server.program.process.pid}/statm").read_text().split()[1])
            self.assertLess(pages * os.sysconf("SC_PAGESIZE"), MEMORY_MAX, f"seed {seed}: {last}")
        for peer in peers:
            peer.close()
        with server.wire() as wire:
            self.assertEqual(wire.call("PING"), "PONG")
            before = wire.call("DBSIZE")
        server.kill()
        server.start()
        with server.wire() as wire:
            self.assertLessEqual(wire.call("DBSIZE"), before)  # some may have expired
        print(f"{sent_count} times something was sent in {SECONDS:g} s; seed {seed}")


if __name__ == "__main__":
    main()
