// express-session with the STORE and CLIENT of the environment, and pages that the LIMITER guards.
const express = require("express");
const session = require("express-session");
const { rateLimit } = require("express-rate-limit");
const { announce, connect } = require("./client.js");

const { CLIENT, LIMITER, NAME, STORE } = process.env;
const client = connect();
const SessionStore = require(STORE).RedisStore ?? require(STORE).default;
const LimitStore = require(LIMITER).RedisStore;

const store = new SessionStore({ client, prefix: `${NAME}:`, ttl: 600 });
const app = express();
app.use(session({
  store,
  secret: "not a secret",
  resave: false,
  saveUninitialized: false,
}));

const answer = (request, response) =>
  response.json({ user: request.session?.user ?? null, visits: request.session?.visits ?? 0 });

app.get("/me", answer);

app.post("/login", (request, response, next) => request.session.regenerate((error) => {
  if (error) return next(error);
  Object.assign(request.session, { user: request.query.user, visits: 0 });
  if (request.query.seconds) request.session.cookie.maxAge = 1000 * request.query.seconds;
  answer(request, response);
}));

app.post("/visit", (request, response) => {
  request.session.visits += 1;
  answer(request, response);
});

app.post("/rotate", (request, response, next) => {
  const { user, visits } = request.session;
  request.session.regenerate((error) => {
    if (error) return next(error);
    Object.assign(request.session, { user, visits });
    answer(request, response);
  });
});

app.post("/logout", (request, response, next) =>
  request.session.destroy((error) => (error ? next(error) : answer(request, response))));

app.get("/users", (request, response, next) => store.all((error, sessions) =>
  (error ? next(error) : response.json(sessions.map(({ user }) => user).sort()))));

app.post("/clear", (request, response, next) =>
  store.clear((error) => (error ? next(error) : response.json({ user: null }))));

// Three requests within the time of a window.
const limited = (windowMs) => rateLimit({
  windowMs,
  limit: 3,
  legacyHeaders: false,
  store: new LimitStore({
    prefix: `${NAME}-limit-${windowMs}:`,
    sendCommand: (...words) => (CLIENT.startsWith("ioredis") ? client.call(...words) : client.sendCommand(words)),
  }),
});
app.post("/limited", limited(600_000), answer);
app.post("/limited-briefly", limited(1000), answer);

const server = app.listen(0, "127.0.0.1", () => announce(server));
