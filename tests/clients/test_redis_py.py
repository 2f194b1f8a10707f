#!/usr/bin/env python3
"""redis-py: sessions in hashes, pipelines, transactions, locks, messages."""
import threading
import time
import uuid

from served import PASSWORD, ClientsTest, at_once, main, need_module, need_server, wait_until


class HashSessions:
    """What an application that uses redis-py by itself would do, with a hash for each session."""

    def __init__(self, name, client):
        self.name = name
        self.client = client

    def browser(self):
        return Tab(self)

    def output(self):
        return ""

    def key(self, sid):
        return f"{self.name}:{sid}"

    def log_in(self, user, seconds):
        sid = uuid.uuid4().hex
        with self.client.pipeline(transaction=True) as pipeline:
            pipeline.hset(self.key(sid), mapping={"user": user, "visits": 0})
            pipeline.expire(self.key(sid), seconds)
            pipeline.execute()
        return sid

    def read(self, sid):
        with self.client.pipeline(transaction=False) as pipeline:
            pipeline.hgetall(self.key(sid))
            pipeline.expire(self.key(sid), 600)
            session, _ = pipeline.execute()
        return (session["user"], int(session["visits"])) if session else None


class Tab:
    """What a browser is to a web application."""

    def __init__(self, application, sid="none"):
        self.application = application
        self.sid = sid

    def thief(self):
        return Tab(self.application, self.sid)

    def ask(self, what, user=None, seconds=600):
        application, client = self.application, self.application.client
        if what == "login":
            self.sid = application.log_in(user, seconds)
            return user, 0  # not read, which would make it live longer
        if what == "visit":
            client.hincrby(application.key(self.sid), "visits", 1)
        if what == "rotate":
            fresh = uuid.uuid4().hex
            client.renamenx(application.key(self.sid), application.key(fresh))
            self.sid = fresh
        if what == "logout":
            client.delete(application.key(self.sid))
        return application.read(self.sid)

    def is_answered(self):
        try:
            return self.application.client.ping()
        except redis.ConnectionError:
            return False


class RedisPy(ClientsTest):
    def setUp(self):
        self.client = redis.Redis(port=self.server.port, password=PASSWORD, decode_responses=True, client_name="tests")
        self.addCleanup(self.client.close)
        self.client.flushdb()

    def test_lives(self):
        unix = redis.Redis(unix_socket_path=str(self.server.unix), password=PASSWORD, decode_responses=True)
        self.addCleanup(unix.close)
        self.check_lives([HashSessions("redis-py", self.client), HashSessions("redis-py-unix", unix)])

    def test_strings_and_their_ends(self):
        client = self.client
        self.assertTrue(client.set("a", "1", ex=60, nx=True))
        self.assertIsNone(client.set("a", "2", nx=True))
        self.assertTrue(client.set("a", "3", xx=True, keepttl=True))
        self.assertEqual(client.set("a", "4", get=True, px=60000), "3")
        self.assertTrue(59000 < client.pttl("a") <= 60000)
        self.assertEqual(client.getex("a", ex=120), "4")
        self.assertEqual(client.ttl("a"), 120)
        self.assertTrue(client.persist("a"))
        self.assertEqual((client.ttl("a"), client.ttl("none")), (-1, -2))
        client.setex("b", 60, b"\x00\xff\r\n")
        self.assertEqual(redis.Redis(port=self.server.port, password=PASSWORD).get("b"), b"\x00\xff\r\n")
        client.psetex("c", 60000, "5")
        self.assertTrue(client.expireat("c", int(time.time()) + 60))
        self.assertEqual((client.incr("c"), client.decrby("c", 3), client.append("c", "0")), (6, 3, 2))
        self.assertEqual(client.getdel("c"), "30")
        client.mset({"d": 1, "e": 2})
        self.assertEqual(client.mget("d", "e", "none"), ["1", "2", None])
        self.assertEqual((client.exists("a", "d", "none"), client.unlink("d", "e", "none")), (2, 2))
        client.set("brief", "1", px=100)
        wait_until(lambda: client.get("brief") is None, "the key of 100 ms is gone", 10)
        self.assertEqual((client.dbsize(), client.type("a"), client.type("none")), (2, "string", "none"))

    def test_hashes(self):
        client = self.client
        self.assertEqual(client.hset("h", mapping={"a": 1, "b": 2}), 2)
        self.assertEqual((client.hsetnx("h", "a", 5), client.hget("h", "a"), client.hlen("h")), (0, "1", 2))
        self.assertEqual(client.hmget("h", "a", "none"), ["1", None])
        self.assertEqual(client.hincrby("h", "a", -5), -4)
        self.assertEqual((sorted(client.hkeys("h")), sorted(client.hvals("h"))), (["a", "b"], ["-4", "2"]))
        self.assertEqual((client.hexists("h", "b"), client.hdel("h", "b", "none")), (True, 1))
        self.assertEqual(dict(client.hscan_iter("h")), {"a": "-4"})
        self.assertEqual((client.hdel("h", "a"), client.exists("h")), (1, 0))

    def test_a_value_of_another_kind_is_an_error_and_stays(self):
        self.client.hset("h", "a", 1)
        for wrong in (lambda: self.client.get("h"), lambda: self.client.incr("h")):
            self.assertRaisesRegex(redis.ResponseError, "WRONGTYPE", wrong)
        self.client.set("s", "text")
        self.assertRaisesRegex(redis.ResponseError, "not an integer", self.client.incr, "s")
        self.assertEqual((self.client.hget("h", "a"), self.client.get("s")), ("1", "text"))

    def test_a_long_pipeline(self):
        pipeline = self.client.pipeline(transaction=False)
        for number in range(2000):
            pipeline.set(f"key{number}", "x" * number, ex=60)
            pipeline.get(f"key{number}")
        answers = pipeline.execute()
        self.assertTrue(all(answers[::2]))
        self.assertEqual([len(answer) for answer in answers[1::2]], list(range(2000)))
        self.assertEqual(sorted(self.client.scan_iter("key*", 100)), sorted(f"key{number}" for number in range(2000)))
        self.assertEqual(sorted(self.client.keys("key1?")), [f"key{number}" for number in range(10, 20)])

    def test_a_transaction_fails_when_what_it_watches_changes(self):
        with self.client.pipeline() as pipeline:
            pipeline.watch("visits")
            self.client.set("visits", 7)
            pipeline.multi()
            pipeline.set("visits", 1)
            self.assertRaises(redis.WatchError, pipeline.execute)
        self.assertEqual(self.client.get("visits"), "7")

    def test_visits_at_once_are_all_counted(self):
        def visit(pipeline):
            visits = int(pipeline.hget("session", "visits") or 0)
            pipeline.multi()
            pipeline.hset("session", "visits", visits + 1)

        at_once(*[lambda: self.client.transaction(visit, "session")] * 16)
        self.assertEqual(self.client.hget("session", "visits"), "16")

    def test_a_lock_is_held_by_one(self):
        lock, other = self.client.lock("lock", timeout=10), self.client.lock("lock", timeout=10)
        self.assertTrue(lock.acquire(blocking=False))
        self.assertFalse(other.acquire(blocking=False))
        self.assertTrue(lock.extend(50))
        self.assertGreater(self.client.ttl("lock"), 50)
        self.assertTrue(lock.reacquire())
        self.assertLessEqual(self.client.ttl("lock"), 10)
        for wrong in (other.release, other.reacquire, lambda: other.extend(1)):
            other.local.token = b"not the one"
            self.assertRaises(redis.exceptions.LockNotOwnedError, wrong)
        lock.release()
        self.assertTrue(other.acquire(blocking=False))
        self.kill_and_start_server()
        wait_until(Tab(HashSessions("any", self.client)).is_answered, "the server is back")
        self.assertTrue(other.owned(), "kill -9 took the lock away")
        other.release()  # by a script that the server no longer knows

    def test_a_lock_keeps_others_out(self):
        inside, counted = threading.Semaphore(1), []

        def work():
            with self.client.lock("lock", timeout=10, sleep=0.01):
                counted.append(inside.acquire(blocking=False))
                inside.release()

        at_once(*[work] * 8)
        self.assertEqual(counted, [True] * 8)

    def test_messages_reach_those_who_subscribed(self):
        messages = self.client.pubsub(ignore_subscribe_messages=True)
        messages.subscribe("logout")
        messages.psubscribe("log*")
        messages.get_message(timeout=10), messages.get_message(timeout=10)
        self.assertEqual((self.client.publish("logout", "ada"), self.client.publish("nobody", "hears")), (2, 0))
        heard = [wait_until(lambda: messages.get_message(timeout=1), "a message") for _ in range(2)]
        self.assertEqual([(one["type"], one["channel"], one["data"]) for one in heard],
                         [("message", "logout", "ada"), ("pmessage", "logout", "ada")])
        messages.unsubscribe()
        messages.punsubscribe()
        messages.get_message(timeout=10), messages.get_message(timeout=10)
        self.assertEqual(self.client.publish("logout", "ada"), 0)
        messages.close()


if __name__ == "__main__":
    need_server()
    need_module("redis", "python3-redis")
    import redis
    main()
