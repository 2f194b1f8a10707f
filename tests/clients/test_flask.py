#!/usr/bin/env python3
"""Flask-Session in Redis."""
from served import APPS, DEBIAN_PYTHON, ClientsTest, main, need_module, need_server


class Flask(ClientsTest):
    def test_lives(self):
        self.check_lives([self.start("flask", [DEBIAN_PYTHON, "-B", APPS / "flask/app.py"],
                                     {"NAME": "flask", "REDIS_URL": self.server.url})])


if __name__ == "__main__":
    need_server()
    need_module("flask_session", "python3-flask-session")
    need_module("redis", "python3-redis")
    main()
