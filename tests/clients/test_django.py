#!/usr/bin/env python3
"""Django's sessions in django-redis, alone and in front of a database, and in django-redis-sessions; and its cache."""
import json

from served import APPS, DEBIAN_PYTHON, ClientsTest, main, need_module, need_server

ENGINES = {"django-cache": "django.contrib.sessions.backends.cache",
           "django-cached-db": "django.contrib.sessions.backends.cached_db",
           "django-redis-sessions": "redis_sessions.session"}


class Django(ClientsTest):
    def start_django(self, name):
        return self.start(name, [DEBIAN_PYTHON, "-B", APPS / "django/app.py"],
                          {"NAME": name, "ENGINE": ENGINES[name], "REDIS_URL": self.server.url})

    def test_lives(self):
        self.check_lives([self.start_django(name) for name in ENGINES])

    def test_cache(self):
        status, body = self.start_django("django-cache").browser().request("GET", "/cache")
        self.assertEqual(status, 200, body)
        self.assertEqual(json.loads(body), {
            "added": True, "added twice": False, "incremented": [2, 3], "got or set": "<p>tea</p>",
            "seconds left": True, "touched": True, "many": {"a": 1, "b": [1, 2]}, "keys": ["page", "tries"],
            "deleted": 2, "locked": True, "unlocked": True})


if __name__ == "__main__":
    need_server()
    need_module("django", "python3-django")
    need_module("django_redis", "python3-django-redis")
    need_module("redis_sessions", "python3-django-redis-sessions")
    main()
