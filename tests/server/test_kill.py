#!/usr/bin/env python3
"""kill -9 under load: each client's changes survive up to one of its requests, and that is none before the last one that was answered.

Every client has its own keys, and knows what they hold after each of its requests. HYBRID_KILLS says how often each server
is killed (5). With HYBRID_TEST_SERVER=redis the server is Debian's redis-server.
"""
import os
import random
import socket
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))
from served import PASSWORD, REFERENCE, SECONDS_MAX, Server, main, need_server  # noqa: E402

KILLS = int(os.environ.get("HYBRID_KILLS", 5))
CLIENTS = 6
KEYS = 20
DEPTH = 8  # requests on their way


def encode(words):
    words = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def changed(state, key, value):
    """`state` with `key` set to `value`, or without it."""
    state = dict(state)
    if value is None or value == {}:
        state.pop(key, None)
    else:
        state[key] = value
    return state


class Request:
    """The words of a request, how many replies it has, and the states that a crash may leave, the last of which is its outcome."""

    def __init__(self, words, states, replies=1):
        self.bytes = b"".join(encode(each) for each in words)
        self.states = states
        self.replies = replies


def request_of(chance, prefix, state):
    key, other = (f"{prefix}:{number}" for number in chance.sample(range(KEYS), 2))
    value = f"{chance.random()}" * chance.choice((1, 1, 1, 50))
    held = state.get(key)
    fields = dict(held) if isinstance(held, dict) else {}
    kind = chance.choice(("set", "hset", "hset", "hset", "hdel", "incr", "del", "rename", "multi", "eval", "mset", "persist"))
    if kind == "set":
        return Request([("SET", key, value, "EX", 3600)], [changed(state, key, value)])
    if kind == "mset":
        first = changed(state, key, value)
        return Request([("MSET", key, value, other, value)], [first, changed(first, other, value)])
    if kind == "hset" and not isinstance(held, str):
        pairs = {f"f{chance.randrange(8)}": value, f"f{chance.randrange(8)}": "x"}
        return Request([("HSET", key, *(word for pair in pairs.items() for word in pair))],
                       [changed(state, key, fields | pairs)])
    if kind == "hdel" and fields:
        gone = chance.sample(sorted(fields), chance.randint(1, len(fields)))
        return Request([("HDEL", key, *gone)],
                       [changed(state, key, {name: held[name] for name in fields if name not in gone})])
    if kind == "incr" and not isinstance(held, str):
        number = int(fields.get("n", 0)) + 1
        return Request([("HINCRBY", key, "n", 1)], [changed(state, key, fields | {"n": str(number)})])
    if kind == "del":
        first = changed(state, key, None)
        return Request([("DEL", key, other)], [first, changed(first, other, None)])
    if kind == "rename" and held is not None:
        first = changed(state, other, None)
        return Request([("RENAME", key, other)], [first, changed(changed(first, key, None), other, held)])
    if kind == "persist" and held is not None:
        return Request([("PEXPIRE", key, 3_600_000), ("PERSIST", key)], [state], 2)
    if kind == "multi":
        first = changed(state, key, value)
        last = changed(first, other, value)
        return Request([("MULTI",), ("SET", key, "on the way"), ("SET", other, value), ("SET", key, value), ("EXEC",)],
                       [first, last], 5)
    script = "redis.call('SET', KEYS[1], 'on the way') redis.call('SET', KEYS[1], ARGV[1]) return 1"
    return Request([("EVAL", script, 1, key, value)], [changed(state, key, value)])


class Client(threading.Thread):
    def __init__(self, server, number, seed, state):
        super().__init__()
        self.prefix = f"client{number}"
        self.chance = random.Random(f"{seed} {number}")
        self.states = [[state]]  # after each request, those that a crash in it may leave, the last one its outcome
        self.answered = 0
        self.error = None
        self.socket = socket.create_connection(("127.0.0.1", server.port), SECONDS_MAX)
        self.input = self.socket.makefile("rb")
        self.socket.sendall(encode(("AUTH", PASSWORD)))
        self.reply()

    def reply(self):
        line = self.input.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError
        if line[:1] == b"-":
            self.error = line
            raise AssertionError(line)
        if line[:1] == b"*":
            for _ in range(int(line[1:])):
                self.reply()

    def run(self):
        waiting = []
        try:
            while True:
                batch = []
                for _ in range(self.chance.randint(1, DEPTH)):
                    request = request_of(self.chance, self.prefix, self.states[-1][-1])
                    self.states.append(request.states)
                    batch.append(request)
                self.socket.sendall(b"".join(request.bytes for request in batch))
                waiting += batch
                while len(waiting) > self.chance.randrange(DEPTH):
                    for _ in range(waiting[0].replies):
                        self.reply()
                    waiting.pop(0)
                    self.answered += 1
        except (OSError, ConnectionError):
            pass  # the server was killed
        finally:
            self.input.close()
            self.socket.close()

    def allowed(self):
        """What may be there after the crash."""
        first = self.states[self.answered][-1]
        return [first] + [state for states in self.states[self.answered + 1:] for state in states]


def read_all(server, prefix):
    found = {}
    with server.wire() as wire:
        for number in range(KEYS):
            key = f"{prefix}:{number}"
            kind = wire.call("TYPE", key)
            if kind == "string":
                found[key] = wire.call("GET", key)
            elif kind == "hash":
                words = wire.call("HGETALL", key)
                found[key] = dict(zip(words[::2], words[1::2]))
    return found


class KillTest(unittest.TestCase):
    def check(self, durability):
        need_server()
        server = Server(durability)
        self.addCleanup(server.close)
        seed = random.randrange(1 << 32)
        states = [{} for _ in range(CLIENTS)]
        answered = 0
        for kill in range(KILLS):
            server.start()
            clients = [Client(server, number, f"{seed} {kill}", state) for number, state in enumerate(states)]
            for client in clients:
                client.start()
            time.sleep(random.uniform(0.1, 0.6))
            server.kill()
            for client in clients:
                client.join()
            server.start()
            for number, client in enumerate(clients):
                self.assertIsNone(client.error)
                found = read_all(server, client.prefix)
                allowed = client.allowed()
                self.assertIn(found, allowed, f"seed {seed}, kill {kill}, {client.prefix}: after {client.answered} answers "
                                              f"it is none of the {len(allowed)} states that are allowed")
                states[number] = found
                answered += client.answered
            server.kill()
        print(f"{durability}: {KILLS} kills, {answered} answered requests, nothing of them lost")
        self.assertGreater(answered, 100 * KILLS)

    def test_interval(self):
        self.check("interval")

    def test_always(self):
        self.check("always")

    @unittest.skipIf(REFERENCE, "Redis has no --protect-prefix")
    def test_a_logout_stays(self):
        need_server()
        server = Server()
        self.addCleanup(server.close)
        server.command += ["--protect-prefix", "sess:"]
        server.start()
        with server.wire() as wire:
            wire.call("SET", "sess:1", "ada")
            wire.call("DEL", "sess:1")
        server.kill()
        server.start()
        with server.wire() as wire:
            with self.assertRaisesRegex(AssertionError, "the session was deleted a short while ago"):
                wire.call("SET", "sess:1", "late")
            self.assertEqual(wire.call("EXISTS", "sess:1"), 0)
            self.assertEqual(wire.call("SET", "sess:2", "new"), "OK")


if __name__ == "__main__":
    main()
