// @fastify/session with the store of connect-redis, on the CLIENT of the environment.
const fastify = require("fastify")();
const { announce, connect } = require("./client.js");
const { RedisStore } = require(process.env.STORE);

fastify.register(require("@fastify/cookie"));
fastify.register(require("@fastify/session"), {
  secret: "not a secret, but it has to be long",
  cookie: { secure: false },
  saveUninitialized: false,
  store: new RedisStore({ client: connect(), prefix: `${process.env.NAME}:`, ttl: 600 }),
});

const answer = ({ session }) => ({ user: session?.user ?? null, visits: session?.visits ?? 0 });

fastify.get("/me", async (request) => answer(request));

fastify.post("/login", async (request) => {
  await request.session.regenerate();
  Object.assign(request.session, { user: request.query.user, visits: 0 });
  if (request.query.seconds) request.session.cookie.maxAge = 1000 * request.query.seconds;
  return answer(request);
});

fastify.post("/visit", async (request) => {
  request.session.visits += 1;
  return answer(request);
});

fastify.post("/rotate", async (request) => {
  const { sessionId } = request.session;
  await request.session.regenerate(["user", "visits"]);
  await request.sessionStore.destroy(sessionId);  // regenerate() leaves it
  return answer(request);
});

fastify.post("/logout", async (request) => {
  await request.session.destroy();
  return { user: null };
});

fastify.listen({ port: 0, host: "127.0.0.1" }).then(() => announce(fastify.server));
