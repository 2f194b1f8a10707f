// One row a command: name, arity, flags, keys, function, group, summary. Behind one that has subcommands: these.
#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>

#include "server/command.hpp"
#include "server/commands.hpp"

namespace hybrid::server {
namespace {

constexpr KeySpec kNoKey{};
constexpr KeySpec kOneKey{.first = 1, .last = 1, .step = 1};
constexpr KeySpec kTwoKeys{.first = 1, .last = 2, .step = 1};
constexpr KeySpec kSecond{.first = 2, .last = 2, .step = 1};
constexpr KeySpec kCountedByFirst{.count_at = 1};
constexpr KeySpec kCountedBySecond{.count_at = 2};
constexpr KeySpec kAllArguments{.first = 1, .last = -1, .step = 1};
constexpr KeySpec kPairs{.first = 1, .last = -1, .step = 2};

// clang-format off
constexpr Command kCommands[] = {
    // --- values
    {"append",      3, kWrite | kGrows | kFast,   kOneKey,       append,           "string", "Adds to the end of a value"},
    {"decr",        2, kWrite | kGrows | kFast,   kOneKey,       decr,             "string", "Takes one from a number"},
    {"decrby",      3, kWrite | kGrows | kFast,   kOneKey,       decrby,           "string", "Takes from a number"},
    {"get",         2, kRead | kFast,             kOneKey,       get,              "string", "The value"},
    {"getbit",      3, kRead | kFast,             kOneKey,       getbit,           "string", "A bit of the value"},
    {"getdel",      2, kWrite | kFast,            kOneKey,       getdel,           "string", "The value, and deletes the key"},
    {"getex",      -2, kWrite | kFast,            kOneKey,       getex,            "string", "The value, and changes when it expires"},
    {"getrange",    4, kRead,                     kOneKey,       getrange,         "string", "A part of the value"},
    {"getset",      3, kWrite | kGrows | kFast,   kOneKey,       getset,           "string", "The old value, and sets a new one"},
    {"incr",        2, kWrite | kGrows | kFast,   kOneKey,       incr,             "string", "Adds one to a number"},
    {"incrby",      3, kWrite | kGrows | kFast,   kOneKey,       incrby,           "string", "Adds to a number"},
    {"incrbyfloat", 3, kWrite | kGrows | kFast,   kOneKey,       incrbyfloat,      "string", "Adds to a real number"},
    {"mget",       -2, kRead | kFast,             kAllArguments, mget,             "string", "Several values"},
    {"mset",       -3, kWrite | kGrows,           kPairs,        mset,             "string", "Sets several values"},
    {"msetnx",     -3, kWrite | kGrows,           kPairs,        msetnx,           "string", "Sets several values if none of the keys exists"},
    {"psetex",      4, kWrite | kGrows,           kOneKey,       psetex,           "string", "Sets a value that expires, in ms"},
    {"set",        -3, kWrite | kGrows,           kOneKey,       set,              "string", "Sets a value"},
    {"setbit",      4, kWrite | kGrows,           kOneKey,       setbit,           "string", "Sets a bit of the value"},
    {"setex",       4, kWrite | kGrows,           kOneKey,       setex,            "string", "Sets a value that expires, in s"},
    {"setnx",       3, kWrite | kGrows | kFast,   kOneKey,       setnx,            "string", "Sets a value if there is no such key"},
    {"setrange",    4, kWrite | kGrows,           kOneKey,       setrange,         "string", "Replaces a part of the value"},
    {"strlen",      2, kRead | kFast,             kOneKey,       strlen_,          "string", "The length of the value"},
    {"substr",      4, kRead,                     kOneKey,       getrange,         "string", "A part of the value"},

    // --- sessions as hashes
    {"hdel",        -3, kWrite | kFast,           kOneKey,       hdel,             "hash", "Deletes fields"},
    {"hexists",      3, kRead | kFast,            kOneKey,       hexists,          "hash", "Whether there is such a field"},
    {"hget",         3, kRead | kFast,            kOneKey,       hget,             "hash", "A field's value"},
    {"hgetall",      2, kRead,                    kOneKey,       hgetall,          "hash", "All fields and values"},
    {"hincrby",      4, kWrite | kGrows | kFast,  kOneKey,       hincrby,          "hash", "Adds to a number in a field"},
    {"hincrbyfloat", 4, kWrite | kGrows | kFast,  kOneKey,       hincrbyfloat,     "hash", "Adds to a real number in a field"},
    {"hkeys",        2, kRead,                    kOneKey,       hkeys,            "hash", "All fields"},
    {"hlen",         2, kRead | kFast,            kOneKey,       hlen,             "hash", "How many fields there are"},
    {"hmget",       -3, kRead | kFast,            kOneKey,       hmget,            "hash", "Several fields' values"},
    {"hmset",       -4, kWrite | kGrows | kFast,  kOneKey,       hmset,            "hash", "Sets fields"},
    {"hrandfield",  -2, kRead,                    kOneKey,       hrandfield,       "hash", "Fields at random"},
    {"hscan",       -3, kRead,                    kOneKey,       hscan,            "hash", "Fields and values, in parts"},
    {"hset",        -4, kWrite | kGrows | kFast,  kOneKey,       hset,             "hash", "Sets fields"},
    {"hsetnx",       4, kWrite | kGrows | kFast,  kOneKey,       hsetnx,           "hash", "Sets a field if there is none"},
    {"hstrlen",      3, kRead | kFast,            kOneKey,       hstrlen,          "hash", "The length of a field's value"},
    {"hvals",        2, kRead,                    kOneKey,       hvals,            "hash", "All values"},

    // --- sets
    {"sadd",        -3, kWrite | kGrows | kFast,  kOneKey,       sadd,             "set", "Adds members"},
    {"scard",        2, kRead | kFast,            kOneKey,       scard,            "set", "How many members there are"},
    {"sdiff",       -2, kRead,                    kAllArguments, sdiff,            "set", "What the others do not have of the first"},
    {"sdiffstore",  -3, kWrite | kGrows,          kAllArguments, sdiffstore,       "set", "SDIFF, into a key"},
    {"sinter",      -2, kRead,                    kAllArguments, sinter,           "set", "What all have"},
    {"sintercard",  -3, kRead | kAllKeys,      kCountedByFirst,  sintercard,       "set", "How many members all have"},
    {"sinterstore", -3, kWrite | kGrows,          kAllArguments, sinterstore,      "set", "SINTER, into a key"},
    {"sismember",    3, kRead | kFast,            kOneKey,       sismember,        "set", "Whether it is a member"},
    {"smembers",     2, kRead,                    kOneKey,       smembers,         "set", "All members"},
    {"smismember",  -3, kRead | kFast,            kOneKey,       smismember,       "set", "Which of these are members"},
    {"smove",        4, kWrite | kFast,           kTwoKeys,      smove,            "set", "Moves a member to another set"},
    {"spop",        -2, kWrite | kFast,           kOneKey,       spop,             "set", "Removes members at random"},
    {"srandmember", -2, kRead,                    kOneKey,       srandmember,      "set", "Members at random"},
    {"srem",        -3, kWrite | kFast,           kOneKey,       srem,             "set", "Removes members"},
    {"sscan",       -3, kRead,                    kOneKey,       sscan,            "set", "Members, in parts"},
    {"sunion",      -2, kRead,                    kAllArguments, sunion,           "set", "What one of them has"},
    {"sunionstore", -3, kWrite | kGrows,          kAllArguments, sunionstore,      "set", "SUNION, into a key"},

    // --- lists; not as fast as Redis has them: all look at the whole list
    {"lindex",       3, kRead,                    kOneKey,       lindex,           "list", "An element"},
    {"linsert",      5, kWrite | kGrows,          kOneKey,       linsert,          "list", "Inserts an element beside another"},
    {"llen",         2, kRead,                    kOneKey,       llen,             "list", "How many elements there are"},
    {"lmove",        5, kWrite | kGrows,          kTwoKeys,      lmove,            "list", "Moves an element to another list"},
    {"lpop",        -2, kWrite,                   kOneKey,       lpop,             "list", "Removes the first elements"},
    {"lpos",        -3, kRead,                    kOneKey,       lpos,             "list", "Where an element is"},
    {"lpush",       -3, kWrite | kGrows,          kOneKey,       lpush,            "list", "Adds elements in front"},
    {"lpushx",      -3, kWrite | kGrows,          kOneKey,       lpushx,           "list", "Adds elements in front if there is such a list"},
    {"lrange",       4, kRead,                    kOneKey,       lrange,           "list", "Some elements"},
    {"lrem",         4, kWrite,                   kOneKey,       lrem,             "list", "Removes elements that are equal"},
    {"lset",         4, kWrite | kGrows,          kOneKey,       lset,             "list", "Replaces an element"},
    {"ltrim",        4, kWrite,                   kOneKey,       ltrim,            "list", "Removes all elements but some"},
    {"rpop",        -2, kWrite,                   kOneKey,       rpop,             "list", "Removes the last elements"},
    {"rpoplpush",    3, kWrite | kGrows,          kTwoKeys,      rpoplpush,        "list", "Moves the last element to the front of another list"},
    {"rpush",       -3, kWrite | kGrows,          kOneKey,       rpush,            "list", "Adds elements at the end"},
    {"rpushx",      -3, kWrite | kGrows,          kOneKey,       rpushx,           "list", "Adds elements at the end if there is such a list"},

    // --- keys
    {"copy",        -3, kWrite | kGrows | kAllKeys, kTwoKeys,      copy,             "generic", "Copies a key"},
    {"del",         -2, kWrite,                   kAllArguments, del,              "generic", "Deletes keys"},
    {"dump",         2, kRead,                    kOneKey,       dump,             "generic", "A key as RESTORE takes it"},
    {"exists",      -2, kRead | kFast,            kAllArguments, exists,           "generic", "How many of these exist"},
    {"expire",      -3, kWrite | kFast,           kOneKey,       expire,           "generic", "Lets a key expire in so many s"},
    {"expireat",    -3, kWrite | kFast,           kOneKey,       expireat,         "generic", "Lets a key expire at a time, in s"},
    {"expiretime",   2, kRead | kFast,            kOneKey,       expiretime,       "generic", "When a key expires, in s"},
    {"keys",         2, kRead,                    kNoKey,        keys,             "generic", "All keys that match a pattern"},
    {"move",         3, kWrite | kFast | kAllKeys, kOneKey,      move,             "generic", "Moves a key to another database"},
    {"object",      -2, kContainer,               kNoKey,        nullptr,          "generic", "How a key is kept"},
    {"object|encoding", 3, kRead,                 kSecond,       object_encoding,  "generic", "As what a key is kept"},
    {"object|freq",  3, kRead,                    kSecond,       object_freq,      "generic", "How often a key is used: that is not recorded"},
    {"object|help",  2, 0,                        kNoKey,        help,             "generic", "Says this"},
    {"object|idletime", 3, kRead,                 kSecond,       object_idletime,  "generic", "For how long a key was not used, in s"},
    {"object|refcount", 3, kRead,                 kSecond,       object_refcount,  "generic", "How often a key is kept: once"},
    {"persist",      2, kWrite | kFast,           kOneKey,       persist,          "generic", "Lets a key not expire"},
    {"pexpire",     -3, kWrite | kFast,           kOneKey,       pexpire,          "generic", "Lets a key expire in so many ms"},
    {"pexpireat",   -3, kWrite | kFast,           kOneKey,       pexpireat,        "generic", "Lets a key expire at a time, in ms"},
    {"pexpiretime",  2, kRead | kFast,            kOneKey,       pexpiretime,      "generic", "When a key expires, in ms"},
    {"pttl",         2, kRead | kFast,            kOneKey,       pttl,             "generic", "How long a key lives, in ms"},
    {"randomkey",    1, kRead,                    kNoKey,        randomkey,        "generic", "Some key"},
    {"rename",       3, kWrite | kGrowsByName,    kTwoKeys,      rename,           "generic", "Gives a key another name"},
    {"renamenx",     3, kWrite | kGrowsByName | kFast, kTwoKeys, renamenx,         "generic", "Gives a key another name that nobody has"},
    {"restore",     -4, kWrite | kGrows,          kOneKey,       restore,          "generic", "Makes a key of what DUMP gave"},
    {"restore-asking", -4, kWrite | kGrows,       kOneKey,       restore,          "generic", "RESTORE, as MIGRATE of a cluster calls it"},
    {"scan",        -2, kRead,                    kNoKey,        scan,             "generic", "All keys, in parts"},
    {"touch",       -2, kRead | kFast,            kAllArguments, touch,            "generic", "Uses keys; how many of these exist"},
    {"ttl",          2, kRead | kFast,            kOneKey,       ttl,              "generic", "How long a key lives, in s"},
    {"type",         2, kRead | kFast,            kOneKey,       type,             "generic", "What a key is"},
    {"unlink",      -2, kWrite | kFast,           kAllArguments, del,              "generic", "Deletes keys"},

    // --- transactions
    {"discard",      1, kFast | kAtOnce | kNotInScript,                kNoKey,        discard,  "transactions", "Forgets what was queued"},
    {"exec",         1, kNotInScript | kAtOnce | kAllKeys,             kNoKey,        exec,     "transactions", "Calls what was queued"},
    {"multi",        1, kFast | kAtOnce | kNotInScript,                kNoKey,        multi,    "transactions", "Begins a queue"},
    {"unwatch",      1, kFast | kNotInScript,                          kNoKey,        unwatch,  "transactions", "Watches no key"},
    {"watch",       -2, kFast | kAtOnce | kNotInScript,                kAllArguments, watch,    "transactions", "Lets EXEC fail if a key is changed before"},

    // --- scripts
    {"eval",       -3, kNotInScript | kAllKeys, kCountedBySecond, eval,       "scripting", "Runs a script"},
    {"eval_ro",    -3, kNotInScript | kAllKeys, kCountedBySecond, eval_ro,    "scripting", "Runs a script that may only read"},
    {"evalsha",    -3, kNotInScript | kAllKeys, kCountedBySecond, evalsha,    "scripting", "Runs a script by its SHA-1"},
    {"evalsha_ro", -3, kNotInScript | kAllKeys, kCountedBySecond, evalsha_ro, "scripting", "Runs a script that may only read, by its SHA-1"},
    {"script",        -2, kContainer,            kNoKey, nullptr,       "scripting", "About scripts"},
    {"script|exists", -3, kNotInScript,          kNoKey, script_exists, "scripting", "Which of these are there, by their SHA-1"},
    {"script|flush",  -2, kAdmin | kNotInScript, kNoKey, script_flush,  "scripting", "Forgets all scripts"},
    {"script|help",    2, kNotInScript,          kNoKey, help,          "scripting", "Says this"},
    {"script|kill",    2, kAdmin | kNotInScript, kNoKey, script_kill,   "scripting", "Stops those that run and have written nothing"},
    {"script|load",    3, kAdmin | kNotInScript, kNoKey, script_load,   "scripting", "Keeps a script for EVALSHA"},

    // --- messages
    {"psubscribe",   -2, kSubscribed | kPushes | kNotInScript, kNoKey, psubscribe,   "pubsub", "Listens to channels that match"},
    {"publish",       3, kFast | kAdmin,                       kNoKey, publish,      "pubsub", "Sends a message"},
    {"pubsub",       -2, kContainer,                           kNoKey, nullptr,      "pubsub", "Who listens to what"},
    {"pubsub|channels", -2, 0,                                 kNoKey, pubsub_channels, "pubsub", "Channels that somebody listens to"},
    {"pubsub|help",   2, 0,                                    kNoKey, help,         "pubsub", "Says this"},
    {"pubsub|numpat", 2, 0,                                    kNoKey, pubsub_numpat, "pubsub", "How many patterns somebody listens to"},
    {"pubsub|numsub", -2, 0,                                   kNoKey, pubsub_numsub, "pubsub", "How many listen to these channels"},
    {"punsubscribe", -1, kSubscribed | kPushes | kNotInScript, kNoKey, punsubscribe, "pubsub", "Listens no more"},
    {"subscribe",    -2, kSubscribed | kPushes | kNotInScript, kNoKey, subscribe,    "pubsub", "Listens to channels"},
    {"unsubscribe",  -1, kSubscribed | kPushes | kNotInScript, kNoKey, unsubscribe,  "pubsub", "Listens no more"},

    // --- connection
    {"acl",     -2, kContainer,                                            kNoKey, nullptr, "connection", "Who one is"},
    {"acl|help",   2, kFast | kNotInScript,                                kNoKey, help,    "connection", "Says this"},
    {"acl|whoami", 2, kFast | kNotInScript,                                kNoKey, acl_whoami, "connection", "The user's name"},
    {"auth",    -2, kNoAuth | kFast | kNotInScript,                        kNoKey, auth,    "connection", "Says who one is"},
    {"client",  -2, kContainer,                                            kNoKey, nullptr, "connection", "About connections"},
    {"client|getname",   2, kNotInScript,          kNoKey, client_getname,   "connection", "This connection's name"},
    {"client|getredir",  2, kNotInScript,          kNoKey, client_getredir,  "connection", "Who is told what this connection tracks: nobody"},
    {"client|help",      2, kNotInScript,          kNoKey, help,             "connection", "Says this"},
    {"client|id",        2, kNotInScript,          kNoKey, client_id,        "connection", "This connection's number"},
    {"client|info",      2, kNotInScript,          kNoKey, client_info,      "connection", "This connection, as CLIENT LIST has it"},
    {"client|kill",     -3, kNotInScript | kAdmin, kNoKey, client_kill,      "connection", "Closes connections"},
    {"client|list",     -2, kNotInScript,          kNoKey, client_list,      "connection", "All connections, or those that match"},
    {"client|no-evict",  3, kNotInScript,          kNoKey, client_no_evict,  "connection", "Changes nothing: no connection is closed to save memory"},
    {"client|reply",     3, kNotInScript,          kNoKey, client_reply,     "connection", "Whether this connection wants replies"},
    {"client|setinfo",   4, kNotInScript,          kNoKey, client_setinfo,   "connection", "Which library this connection is used by"},
    {"client|setname",   3, kNotInScript,          kNoKey, client_setname,   "connection", "Gives this connection a name"},
    {"client|trackinginfo", 2, kNotInScript,       kNoKey, client_trackinginfo, "connection", "What this connection tracks: nothing"},
    {"client|unblock",  -3, kNotInScript,          kNoKey, client_unblock,   "connection", "Changes nothing: nobody is blocked"},
    {"client|unpause",   2, kNotInScript,          kNoKey, client_unpause,   "connection", "Changes nothing: nobody is paused"},
    {"echo",     2, kFast,                                                 kNoKey, echo,    "connection", "Replies with the same"},
    {"hello",   -1, kNoAuth | kFast | kNotInScript | kNotInMulti,          kNoKey, hello,   "connection", "Chooses the protocol"},
    {"ping",    -1, kFast | kSubscribed,                                   kNoKey, ping,    "connection", "Replies"},
    {"quit",    -1, kNoAuth | kFast | kSubscribed | kAtOnce | kNotInScript, kNoKey, quit,   "connection", "Closes the connection"},
    {"reset",    1, kNoAuth | kFast | kSubscribed | kAtOnce | kNotInScript, kNoKey, reset,  "connection", "As if one had just connected"},
    {"select",   2, kFast,                                                 kNoKey, select,  "connection", "Chooses the database"},

    // --- the server
    {"bgrewriteaof", 1, kAdmin | kNotInScript,          kNoKey, bgrewriteaof, "server", "Makes the log shorter, in the background"},
    {"bgsave",      -1, kAdmin | kNotInScript,          kNoKey, bgsave,       "server", "Makes all changes durable"},
    {"cluster",     -2, kRead,                          kNoKey, cluster,      "server", "There is no cluster"},
    {"command",     -1, kContainer,                     kNoKey, command,      "server", "About commands"},
    {"command|count",    2, 0,                          kNoKey, command_count,   "server", "How many there are"},
    {"command|docs",    -2, 0,                          kNoKey, command_docs,    "server", "What these do, or all"},
    {"command|getkeys", -4, 0,                          kNoKey, command_getkeys, "server", "Which words of a command are keys"},
    {"command|help",     2, 0,                          kNoKey, help,            "server", "Says this"},
    {"command|info",    -2, 0,                          kNoKey, command_info,    "server", "What these take and may do, or all"},
    {"command|list",    -2, 0,                          kNoKey, command_list,    "server", "The names of all, or of those that match"},
    {"config",      -2, kContainer | kAdmin,                     kNoKey, nullptr,      "server", "Settings"},
    {"config|get",       -3, kAdmin | kNotInScript,     kNoKey, config_get,       "server", "Those that match"},
    {"config|help",       2, kAdmin | kNotInScript,     kNoKey, help,             "server", "Says this"},
    {"config|resetstat",  2, kAdmin | kNotInScript,     kNoKey, config_resetstat, "server", "Begins to count anew"},
    {"config|rewrite",    2, kAdmin | kNotInScript,     kNoKey, config_rewrite,   "server", "There is no file to write them to"},
    {"config|set",       -4, kAdmin | kNotInScript,     kNoKey, config_set,       "server", "Changes some"},
    {"dbsize",       1, kRead | kFast,                  kNoKey, dbsize,       "server", "How many keys there are"},
    {"debug",       -2, kAdmin | kNotInScript,          kNoKey, debug,        "server", "For tests"},
    {"flushall",    -1, kWrite | kAllKeys,              kNoKey, flushall,     "server", "Deletes all keys"},
    {"flushdb",     -1, kWrite | kAllKeys,              kNoKey, flushdb,      "server", "Deletes all keys of the database"},
    {"function",    -2, kContainer | kAdmin,                     kNoKey, nullptr,      "server", "There are no functions"},
    {"function|flush",   -2, kAdmin | kNotInScript,     kNoKey, function_flush, "server", "Forgets all: there are none"},
    {"function|help",     2, kAdmin | kNotInScript,     kNoKey, help,           "server", "Says this"},
    {"function|list",    -2, kAdmin | kNotInScript,     kNoKey, function_list,  "server", "All: there are none"},
    {"info",        -1, kRead,                          kNoKey, info,         "server", "Figures"},
    {"lastsave",     1, kRead | kFast,                  kNoKey, lastsave,     "server", "When all was last made durable"},
    {"latency",     -2, kContainer | kAdmin,                     kNoKey, nullptr,      "server", "Nothing is recorded"},
    {"latency|help",      2, kAdmin | kNotInScript,     kNoKey, help,              "server", "Says this"},
    {"latency|histogram", -2, kAdmin | kNotInScript,    kNoKey, latency_histogram, "server", "How long commands took: that is not recorded"},
    {"latency|history",   3, kAdmin | kNotInScript,     kNoKey, latency_events,    "server", "Delays of one kind: none"},
    {"latency|latest",    2, kAdmin | kNotInScript,     kNoKey, latency_events,    "server", "The last delays: none"},
    {"latency|reset",    -2, kAdmin | kNotInScript,     kNoKey, latency_reset,     "server", "Forgets delays: there are none"},
    {"memory",      -2, kContainer,                     kNoKey, nullptr,      "server", "What keys take"},
    {"memory|doctor",     2, 0,                         kNoKey, memory_doctor, "server", "Nothing to say"},
    {"memory|help",       2, 0,                         kNoKey, help,          "server", "Says this"},
    {"memory|purge",      2, 0,                         kNoKey, memory_purge,  "server", "Changes nothing"},
    {"memory|usage",     -3, kRead,                     kSecond, memory_usage, "server", "What a key takes, in bytes"},
    {"role",         1, kFast | kNotInScript,           kNoKey, role,         "server", "A master without replicas"},
    {"save",         1, kAdmin | kNotInScript | kNotInMulti, kNoKey, save,    "server", "Makes all changes durable"},
    {"sentinel",    -2, kRead,                          kNoKey, sentinel,     "server", "There is no sentinel"},
    {"shutdown",    -1, kAdmin | kNotInScript | kNotInMulti, kNoKey, shutdown, "server", "Stops the server"},
    {"slowlog",     -2, kContainer | kAdmin,                     kNoKey, nullptr,      "server", "Commands that took long"},
    {"slowlog|get",      -2, kAdmin,                    kNoKey, slowlog_get,   "server", "The last ones"},
    {"slowlog|help",      2, kAdmin,                    kNoKey, help,          "server", "Says this"},
    {"slowlog|len",       2, kAdmin,                    kNoKey, slowlog_len,   "server", "How many are kept"},
    {"slowlog|reset",     2, kAdmin,                    kNoKey, slowlog_reset, "server", "Forgets them"},
    {"time",         1, kRead | kFast,                  kNoKey, time,         "server", "The time"},
    {"wait",         3, kNotInScript,                   kNoKey, wait,         "server", "How many replicas have what was written: none"},
};
// clang-format on

constexpr std::size_t kLongestName = std::ranges::max_element(kCommands, {}, [](const Command& c) {
                                       return c.name.size();
                                     })->name.size();

std::unordered_map<std::string_view, const Command*> by_name() {
  std::unordered_map<std::string_view, const Command*> commands;
  for (const Command& command : kCommands) commands.emplace(command.name, &command);
  return commands;
}

}  // namespace

std::span<const Command> commands() { return kCommands; }

const Command* find_command(std::string_view name) {
  static const auto commands = by_name();
  if (name.size() > kLongestName) return nullptr;
  std::array<char, kLongestName> lower;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    lower[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  const auto found = commands.find({lower.data(), name.size()});
  return found != commands.end() ? found->second : nullptr;
}

const Command* find_command(std::span<const std::string_view> words) {
  const Command* const command = find_command(words[0]);
  if (command == nullptr || command->is_subcommand()) return nullptr;
  if (!command->has(kContainer) || words.size() < 2) return command;
  return find_command(std::string{command->name} + '|' +
                      std::string{words[1].substr(0, kLongestName)});
}

}  // namespace hybrid::server
