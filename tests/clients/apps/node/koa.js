// koa-session with a store of a few lines, or koa-generic-session with koa-redis: as SESSION in the environment says.
const Koa = require("koa");
const { announce, connect } = require("./client.js");

const { NAME, REDIS_URL, SESSION } = process.env;
const app = new Koa();
app.keys = ["not a secret"];

// What koa-session asks of a store. It adds ten seconds to the time of a session, so that its cookie ends before the
// store has forgotten it; here it is the store that is to end it.
const store = (client) => ({
  get: async (key) => JSON.parse(await client.get(key)),
  set: (key, session, maxAge) => client.set(key, JSON.stringify(session), "PX", maxAge - 10_000),
  destroy: (key) => client.del(key),
});

if (SESSION === "koa-session") {
  const session = require("koa-session");
  app.use((session.createSession ?? session)({ store: store(connect()), prefix: `${NAME}:`, maxAge: 600_000 }, app));
} else {
  const redis = require("koa-redis")({ url: REDIS_URL });
  redis.on("error", () => {});
  app.use(require("koa-generic-session")({ store: redis, prefix: `${NAME}:`, cookie: { maxAge: 600_000 } }));
}

const pages = {
  me() {},
  async login(context) {
    if (SESSION !== "koa-session") await context.regenerateSession();
    Object.assign(context.session, { user: context.query.user, visits: 0 });
    if (context.query.seconds) (context.session.cookie ?? context.session).maxAge = 1000 * context.query.seconds;
  },
  visit(context) {
    context.session.visits += 1;
  },
  async rotate(context) {
    if (SESSION === "koa-session") return context.session.regenerate();
    const { user, visits, rotations = 0 } = context.session;
    await context.regenerateSession();
    Object.assign(context.session, { user, visits, rotations: rotations + 1 });  // what looks the same is not saved
  },
  logout(context) {
    context.session = null;
  },
};

app.use(async (context) => {
  await pages[context.path.slice(1)](context);
  context.body = { user: context.session?.user ?? null, visits: context.session?.visits ?? 0 };
});

const server = app.listen(0, "127.0.0.1", () => announce(server));
