// The Redis client called CLIENT in the environment, connected to REDIS_URL. RESP is the protocol, if one can choose.
const { CLIENT, REDIS_URL, RESP } = process.env;

exports.connect = () => {
  const library = require(CLIENT);
  if (CLIENT.startsWith("ioredis")) {
    const client = new library.Redis(REDIS_URL, RESP ? { protocol: Number(RESP) } : {});
    client.on("error", () => {});  // it connects again by itself
    return client;
  }
  const client = library.createClient({ url: REDIS_URL, ...(RESP && { RESP: Number(RESP) }) });
  client.on("error", () => {});
  client.connect();
  return client;
};

exports.announce = (server) => console.log(`listening ${server.address().port}`);
