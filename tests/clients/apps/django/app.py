"""Django's sessions by the ENGINE of the environment, and a page that uses the cache of django-redis by itself."""
import os
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

NAME, REDIS_URL = os.environ["NAME"], os.environ["REDIS_URL"]

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    CACHES={"default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": f"{REDIS_URL}/0",
        "KEY_PREFIX": NAME,
        "OPTIONS": {"CLIENT_CLASS": "django_redis.client.DefaultClient"}}},
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},  # of cached_db
    INSTALLED_APPS=["django.contrib.sessions"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    ROOT_URLCONF=__name__,
    DEBUG_PROPAGATE_EXCEPTIONS=True,
    SECRET_KEY="not a secret",
    SESSION_COOKIE_AGE=600,
    SESSION_ENGINE=os.environ["ENGINE"],
    SESSION_REDIS={"url": f"{REDIS_URL}/0", "prefix": NAME},  # of django-redis-sessions
)


def answer(request):
    return JsonResponse({"user": request.session.get("user"), "visits": request.session.get("visits", 0)})


def login(request):
    request.session.cycle_key()
    request.session.update({"user": request.GET["user"], "visits": 0})
    if "seconds" in request.GET:
        request.session.set_expiry(int(request.GET["seconds"]))
    return answer(request)


def visit(request):
    request.session["visits"] += 1
    return answer(request)


def rotate(request):
    request.session.cycle_key()
    return answer(request)


def logout(request):
    request.session.flush()
    return answer(request)


def use_cache(_):
    """What rate limiters and view caches do."""
    cache.clear()
    did = {
        "added": cache.add("tries", 1, 60),
        "added twice": cache.add("tries", 1, 60),
        "incremented": [cache.incr("tries"), cache.incr("tries")],
        "got or set": cache.get_or_set("page", "<p>tea</p>", 60),
        "seconds left": 0 < cache.ttl("page") <= 60,
        "touched": cache.touch("page", 120) and cache.ttl("page") > 60,
    }
    cache.set_many({"a": 1, "b": [1, 2]}, 60)
    did["many"] = cache.get_many(["a", "b", "c"])
    cache.delete_many(["a", "b"])
    did["keys"] = sorted(cache.keys("*"))
    did["deleted"] = cache.delete_pattern("*")
    with cache.lock("lock", timeout=10):
        did["locked"] = cache.has_key("lock")
    did["unlocked"] = not cache.has_key("lock")
    return JsonResponse(did)


urlpatterns = [path("me", answer), path("login", login), path("visit", visit), path("rotate", rotate),
               path("logout", logout), path("cache", use_cache)]


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


django.setup()
call_command("migrate", verbosity=0)
server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet)
print("listening", server.server_port, flush=True)
server.serve_forever()
