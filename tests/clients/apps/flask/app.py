"""Flask-Session in Redis."""
import os
import uuid
from datetime import timedelta
from wsgiref.simple_server import WSGIRequestHandler, make_server

import redis
from flask import Flask, jsonify, request, session
from flask_session import Session

PREFIX = os.environ["NAME"] + ":"

app = Flask(__name__)
app.config.update(
    SESSION_KEY_PREFIX=PREFIX,
    SESSION_PERMANENT=False,  # or else looking around makes a session
    SESSION_REDIS=redis.from_url(os.environ["REDIS_URL"]),
    SESSION_TYPE="redis",
)
Session(app)


def answer():
    return jsonify(user=session.get("user"), visits=session.get("visits", 0))


def change_id():
    """Flask-Session has no call for it."""
    app.config["SESSION_REDIS"].delete(PREFIX + session.sid)
    session.sid = str(uuid.uuid4())
    session.modified = True


@app.after_request
def choose_lifetime(response):
    """The session is saved after this."""
    app.permanent_session_lifetime = timedelta(seconds=int(request.args.get("seconds", 600)))
    return response


@app.get("/me")
def me():
    return answer()


@app.post("/login")
def login():
    change_id()
    session.update(user=request.args["user"], visits=0)
    return answer()


@app.post("/visit")
def visit():
    session["visits"] += 1
    return answer()


@app.post("/rotate")
def rotate():
    change_id()
    return answer()


@app.post("/logout")
def logout():
    session.clear()
    return answer()


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


server = make_server("127.0.0.1", 0, app, handler_class=Quiet)
print("listening", server.server_port, flush=True)
server.serve_forever()
