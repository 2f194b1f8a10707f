// What each command replies, as Redis 7.0 does: a story of requests and replies for each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/command.hpp"
#include "tests/server/served_store.hpp"

namespace hybrid::testing {
namespace {

struct Story {
  const char* name;
  std::vector<std::pair<const char*, const char*>> lines;  // request, reply
};

const Story kStories[] = {
    {"strings",
     {{"GET a", "(nil)"},
      {"SET a 1", "OK"},
      {"GET a", "\"1\""},
      {"SET a 2 NX", "(nil)"},
      {"SET b 2 XX", "(nil)"},
      {"SET a 3 XX GET", "\"1\""},
      {"SET a 4 EX 100", "OK"},
      {"TTL a", "100"},
      {"SET a 5 KEEPTTL", "OK"},
      {"TTL a", "100"},
      {"SET a 6", "OK"},
      {"TTL a", "-1"},
      {"SET a 7 EX 0", "ERR invalid expire time in 'set' command"},
      {"SET a 7 EX x", "ERR value is not an integer or out of range"},
      {"SET a 7 EX 1 PX 1", "ERR syntax error"},
      {"SET a 7 EX 1 EXAT 1", "ERR syntax error"},
      {"SET a 7 EX 100 EX 200", "OK"},
      {"TTL a", "200"},
      {"SETEX a 100 8", "OK"},
      {"PSETEX a 100000 9", "OK"},
      {"TTL a", "100"},
      {"SETNX a 1", "0"},
      {"SETNX n 1", "1"},
      {"GETSET a 10", "\"9\""},
      {"TTL a", "-1"},
      {"GETEX a EX 50", "\"10\""},
      {"TTL a", "50"},
      {"GETEX none EX x", "(nil)"},
      {"GETEX none FOO", "ERR syntax error"},
      {"GETEX a EX x", "ERR value is not an integer or out of range"},
      {"GETEX a PERSIST EX 10", "ERR syntax error"},
      {"GETEX a PERSIST PERSIST", "\"10\""},
      {"TTL a", "-1"},
      {"GETDEL a", "\"10\""},
      {"EXISTS a", "0"},
      {"MSET x 1 y 2", "OK"},
      {"MSET x 1 y", "ERR wrong number of arguments for 'mset' command"},
      {"MGET x y z", "[\"1\", \"2\", (nil)]"},
      {"MSETNX y 1 z 1", "0"},
      {"MSETNX z 1 w 1", "1"},
      {"APPEND x 23", "3"},
      {"STRLEN x", "3"},
      {"GETRANGE x 1 -1", "\"23\""},
      {"SETBIT x 0 0", "0"},
      {"WATCH x", "OK"},
      {"SETBIT x 0 0", "0"},
      {"MULTI", "OK"},
      {"EXEC", "[]"},
      {"WATCH x", "OK"},
      {"SETBIT x 0 1", "0"},
      {"SETBIT x 0 0", "1"},
      {"MULTI", "OK"},
      {"EXEC", "(nil)"},
      {"SETBIT bits 9 0", "0"},
      {"STRLEN bits", "2"},
      {"SETRANGE x 5 !", "6"},
      {"STRLEN x", "6"}}},
    {"numbers",
     {{"INCR n", "1"},
      {"INCRBY n 41", "42"},
      {"DECR n", "41"},
      {"DECRBY n 40", "1"},
      {"INCRBYFLOAT n 0.5", "\"1.5\""},
      {"INCR n", "ERR value is not an integer or out of range"},
      {"SET n 9223372036854775807", "OK"},
      {"INCR n", "ERR increment or decrement would overflow"},
      {"SET n 01", "OK"},
      {"INCR n", "ERR value is not an integer or out of range"},
      {"DECRBY m -9223372036854775808", "ERR decrement would overflow"}}},
    {"hashes",
     {{"HSET h f 1 g 2", "2"},
      {"HSET h f 3 f 4 i 5", "1"},
      {"HGET h f", "\"4\""},
      {"HGET h none", "(nil)"},
      {"HGET none f", "(nil)"},
      {"HMGET h f none g", "[\"4\", (nil), \"2\"]"},
      {"HLEN h", "3"},
      {"HEXISTS h g", "1"},
      {"HSTRLEN h g", "1"},
      {"HSETNX h g 9", "0"},
      {"HSETNX h j 9", "1"},
      {"HINCRBY h j 1", "10"},
      {"HINCRBYFLOAT h j 0.25", "\"10.25\""},
      {"HINCRBY h j 1", "ERR hash value is not an integer"},
      {"HDEL h f g i none", "3"},
      {"HGETALL h", "[\"j\", \"10.25\"]"},
      {"HKEYS h", "[\"j\"]"},
      {"HVALS h", "[\"10.25\"]"},
      {"HRANDFIELD h", "\"j\""},
      {"HRANDFIELD h -2", "[\"j\", \"j\"]"},
      {"HRANDFIELD h 5 WITHVALUES", "[\"j\", \"10.25\"]"},
      {"HSCAN h 0", "[\"0\", [\"j\", \"10.25\"]]"},
      {"HSCAN h -1", "[\"0\", [\"j\", \"10.25\"]]"},
      {"HSCAN h ''", "[\"0\", [\"j\", \"10.25\"]]"},
      {"HSCAN h 0 MATCH ''", "[\"0\", []]"},
      {"HSCAN h 0 COUNT x", "ERR value is not an integer or out of range"},
      {"HSCAN none 0 COUNT x", "[\"0\", []]"},
      {"HSCAN none x", "ERR invalid cursor"},
      {"HMSET h k 1", "OK"},
      {"HDEL h j k", "2"},
      {"EXISTS h", "0"},
      {"HSET h f", "ERR wrong number of arguments for 'hset' command"},
      {"HSET h f 1 g", "ERR wrong number of arguments for 'hset' command"}}},
    {"sets",
     {{"SADD s a b a", "2"},
      {"SADD s a", "0"},
      {"SCARD s", "2"},
      {"SISMEMBER s a", "1"},
      {"SISMEMBER s c", "0"},
      {"SMISMEMBER s a c", "[1, 0]"},
      {"SREM s a c", "1"},
      {"SMEMBERS s", "[\"b\"]"},
      {"SSCAN s 0", "[\"0\", [\"b\"]]"},
      {"SSCAN s 0 MATCH ''", "[\"0\", []]"},
      {"SSCAN none 0 COUNT x", "[\"0\", []]"},
      {"SRANDMEMBER s", "\"b\""},
      {"SPOP s x", "ERR value is out of range, must be positive"},
      {"SPOP s", "\"b\""},
      {"EXISTS s", "0"},
      {"SADD a 1 2 3", "3"},
      {"SADD b 2 3 4", "3"},
      {"SADD c 3", "1"},
      {"SINTER a b", "[\"2\", \"3\"]"},
      {"SINTER a b none", "[]"},
      {"SINTERCARD 2 a b", "2"},
      {"SINTERCARD 2 a b LIMIT 1", "1"},
      {"SINTERCARD 2 a b LIMIT 0", "2"},
      {"SINTERCARD 2 a none", "0"},
      {"SINTERCARD 0 a", "ERR numkeys should be greater than 0"},
      {"SINTERCARD 3 a b", "ERR Number of keys can't be greater than number of args"},
      {"SINTERCARD 1 a LIMIT -1", "ERR LIMIT can't be negative"},
      {"SINTERCARD 1 a b", "ERR syntax error"},
      {"SUNION b c none", "[\"2\", \"3\", \"4\"]"},
      {"SDIFF a c none b", "[\"1\"]"},
      {"SDIFF none a", "[]"},
      {"SET v x", "OK"},
      {"SUNION a v", "WRONGTYPE Operation against a key holding the wrong kind of value"},
      {"EXPIRE v 100", "1"},
      {"SUNIONSTORE v a b", "4"},
      {"TTL v", "-1"},
      {"SUNION v", "[\"1\", \"2\", \"3\", \"4\"]"},
      {"SDIFFSTORE v v a", "1"},
      {"SMEMBERS v", "[\"4\"]"},
      {"SINTERSTORE v v c", "0"},
      {"EXISTS v", "0"},
      {"SMOVE c b 9", "0"},
      {"SET v x", "OK"},
      {"SMOVE none v 3", "0"},
      {"SMOVE b v 3", "WRONGTYPE Operation against a key holding the wrong kind of value"},
      {"SMOVE a a 1", "1"},
      {"SMOVE c d 3", "1"},
      {"SMOVE d b 3", "1"},
      {"EXISTS c d", "0"},
      {"SCARD b", "3"}}},
    {"lists",
     {{"RPUSH l b c", "2"},
      {"LPUSH l a z", "4"},
      {"LRANGE l 0 -1", "[\"z\", \"a\", \"b\", \"c\"]"},
      {"LRANGE l -3 1", "[\"a\"]"},
      {"LRANGE l 2 1", "[]"},
      {"LRANGE l 0 x", "ERR value is not an integer or out of range"},
      {"LRANGE none 0 -1", "[]"},
      {"LLEN l", "4"},
      {"LLEN none", "0"},
      {"LINDEX l -1", "\"c\""},
      {"LINDEX l 4", "(nil)"},
      {"LINDEX none 0", "(nil)"},
      {"LPUSHX none x", "0"},
      {"RPUSHX l d", "5"},
      {"LSET l 0 y", "OK"},
      {"LSET l 5 y", "ERR index out of range"},
      {"LSET none 0 y", "ERR no such key"},
      {"LINSERT l BEFORE b 1", "6"},
      {"LINSERT l AFTER b 2", "7"},
      {"LINSERT l BEFORE y 0", "8"},
      {"LINSERT l AFTER d 9", "9"},
      {"LINSERT l AFTER none 9", "-1"},
      {"LINSERT none AFTER a 9", "0"},
      {"LINSERT l BESIDE a 9", "ERR syntax error"},
      {"LRANGE l 0 -1", "[\"0\", \"y\", \"a\", \"1\", \"b\", \"2\", \"c\", \"d\", \"9\"]"},
      {"LREM l 0 none", "0"},
      {"LREM l 1 y", "1"},
      {"LTRIM l 1 -2", "OK"},
      {"LTRIM none 1 -2", "OK"},
      {"LRANGE l 0 -1", "[\"a\", \"1\", \"b\", \"2\", \"c\", \"d\"]"},
      {"LINSERT l AFTER 1 x", "7"},
      {"LPOP l", "\"a\""},
      {"RPOP l 2", "[\"d\", \"c\"]"},
      {"RPOP l 0", "[]"},
      {"LPOP l -1", "ERR value is out of range, must be positive"},
      {"LPOP l 1 1", "ERR wrong number of arguments for 'lpop' command"},
      {"LPOP none", "(nil)"},
      {"LRANGE l 0 -1", "[\"1\", \"x\", \"b\", \"2\"]"},
      {"RPOPLPUSH l m", "\"2\""},
      {"LMOVE l m LEFT RIGHT", "\"1\""},
      {"LMOVE l m UP RIGHT", "ERR syntax error"},
      {"RPOPLPUSH none m", "(nil)"},
      {"LMOVE m m RIGHT LEFT", "\"1\""},
      {"LRANGE m 0 -1", "[\"1\", \"2\"]"},
      {"LRANGE l 0 -1", "[\"x\", \"b\"]"},
      {"RPUSH l x x b", "5"},
      {"LPOS l x", "0"},
      {"LPOS l x RANK 2", "2"},
      {"LPOS l x RANK -1 COUNT 0", "[3, 2, 0]"},
      {"LPOS l x COUNT 0 MAXLEN 3", "[0, 2]"},
      {"LPOS l none", "(nil)"},
      {"LPOS l x COUNT -1", "ERR COUNT can't be negative"},
      {"LREM l -2 x", "2"},
      {"LRANGE l 0 -1", "[\"x\", \"b\", \"b\"]"},
      {"LREM l 0 b", "2"},
      {"LTRIM l 1 -1", "OK"},
      {"EXISTS l", "0"},
      {"LPOP m 5", "[\"1\", \"2\"]"},
      {"EXISTS m", "0"},
      {"RPUSH l a", "1"},
      {"TYPE l", "list"},
      {"OBJECT ENCODING l", "\"quicklist\""},
      {"COPY l m", "1"},
      {"RENAME m n", "OK"},
      {"LRANGE n 0 -1", "[\"a\"]"},
      {"GET l", "WRONGTYPE Operation against a key holding the wrong kind of value"},
      {"APPEND l x", "WRONGTYPE Operation against a key holding the wrong kind of value"},
      {"HGET l a", "WRONGTYPE Operation against a key holding the wrong kind of value"},
      {"HGET l 0", "WRONGTYPE Operation against a key holding the wrong kind of value"},
      {"HGET l 00", "WRONGTYPE Operation against a key holding the wrong kind of value"},
      {"MGET l", "[(nil)]"},
      {"SET s x", "OK"},
      {"LPUSH s x", "WRONGTYPE Operation against a key holding the wrong kind of value"},
      {"RPOPLPUSH l s", "WRONGTYPE Operation against a key holding the wrong kind of value"},
      {"LRANGE l 0 -1", "[\"a\"]"}}},
    {"types",
     {{"SET s 1", "OK"},
      {"HSET h f ''", "1"},
      {"SADD m a", "1"},
      {"TYPE s", "string"},
      {"TYPE h", "hash"},
      {"TYPE m", "set"},
      {"TYPE none", "none"},
      {"HGET h f", "\"\""},
      {"GET h", "WRONGTYPE Operation against a key holding the wrong kind of value"},
      {"HGET s f", "WRONGTYPE Operation against a key holding the wrong kind of value"},
      {"HGET m a", "WRONGTYPE Operation against a key holding the wrong kind of value"},
      {"HSET s f 1", "WRONGTYPE Operation against a key holding the wrong kind of value"},
      {"SADD h a", "WRONGTYPE Operation against a key holding the wrong kind of value"},
      {"INCR h", "WRONGTYPE Operation against a key holding the wrong kind of value"},
      {"MGET s h", "[\"1\", (nil)]"},
      {"SET h now", "OK"},
      {"TYPE h", "string"},
      {"HSET h f 1", "WRONGTYPE Operation against a key holding the wrong kind of value"}}},
    {"keys",
     {{"SET a 1", "OK"},
      {"EXISTS a a b", "2"},
      {"EXPIRE a 100", "1"},
      {"EXPIRE none 100", "0"},
      {"TTL a", "100"},
      {"TTL none", "-2"},
      {"EXPIRE a 50 GT", "0"},
      {"EXPIRE a 200 GT", "1"},
      {"EXPIRE a 100 NX", "0"},
      {"EXPIRE a x FOO", "ERR Unsupported option FOO"},
      {"EXPIRE none x", "ERR value is not an integer or out of range"},
      {"EXPIRE a 100 NX XX", "ERR NX and XX, GT or LT options at the same time are not compatible"},
      {"PERSIST a", "1"},
      {"PERSIST a", "0"},
      {"EXPIRE a 100 XX", "0"},
      {"EXPIREAT a 4102444800", "1"},
      {"EXPIRETIME a", "4102444800"},
      {"PEXPIRETIME a", "4102444800000"},
      {"RENAME a b", "OK"},
      {"EXISTS a", "0"},
      {"EXPIRETIME b", "4102444800"},
      {"RENAME a b", "ERR no such key"},
      {"SET c 2", "OK"},
      {"RENAMENX b c", "0"},
      {"RENAME b c", "OK"},
      {"GET c", "\"1\""},
      {"KEYS *", "[\"c\"]"},
      {"SCAN 0 COUNT 1000", "[\"0\", [\"c\"]]"},
      {"SCAN 0 MATCH x* COUNT 1000", "[\"0\", []]"},
      {"SCAN 0 TYPE hash COUNT 1000", "[\"0\", []]"},
      {"SCAN 0 TYPE STRING COUNT 1000", "[\"0\", [\"c\"]]"},
      {"SCAN 0 TYPE '' COUNT 1000", "[\"0\", []]"},
      {"SCAN 0 MATCH '' COUNT 1000", "[\"0\", []]"},
      {"SCAN x", "ERR invalid cursor"},
      {"SCAN 18446744073709551616", "ERR invalid cursor"},
      {"SCAN -1", "[\"0\", []]"},
      {"SCAN '' COUNT 1000", "[\"0\", [\"c\"]]"},
      {"RANDOMKEY", "\"c\""},
      {"COPY c d", "1"},
      {"COPY c d", "0"},
      {"COPY c d REPLACE", "1"},
      {"EXPIRETIME d", "4102444800"},
      {"TOUCH c d e", "2"},
      {"OBJECT ENCODING c", "\"int\""},
      {"DBSIZE", "2"},
      {"EXPIRE d -1", "1"},
      {"EXISTS d", "0"},
      {"UNLINK c d", "1"},
      {"DBSIZE", "0"}}},
    {"databases",
     {{"SET a 0", "OK"},
      {"SELECT 3", "OK"},
      {"GET a", "(nil)"},
      {"SET a 3", "OK"},
      {"DBSIZE", "1"},
      {"KEYS *", "[\"a\"]"},
      {"MOVE a 4", "1"},
      {"MOVE a 4", "0"},
      {"SELECT 4", "OK"},
      {"GET a", "\"3\""},
      {"FLUSHDB", "OK"},
      {"SELECT 0", "OK"},
      {"GET a", "\"0\""},
      {"SELECT 16", "ERR DB index is out of range"},
      {"SELECT -1", "ERR DB index is out of range"},
      {"SELECT x", "ERR value is not an integer or out of range"},
      {"SELECT 2147483648",
       "ERR value is out of range, value must between -2147483648 and 2147483647"},
      {"FLUSHALL", "OK"},
      {"DBSIZE", "0"}}},
    {"names of any kind",
     {{"SET '' empty", "OK"}, {"GET ''", "\"empty\""}, {"KEYS *", "[\"\"]"}, {"DEL ''", "1"}}},
    {"transactions",
     {{"EXEC", "ERR EXEC without MULTI"},
      {"DISCARD", "ERR DISCARD without MULTI"},
      {"MULTI", "OK"},
      {"MULTI", "ERR MULTI calls can not be nested"},
      {"SET a 1", "QUEUED"},
      {"INCR a", "QUEUED"},
      {"GET a", "QUEUED"},
      {"DEL a", "QUEUED"},
      {"GET a", "QUEUED"},
      {"HSET a f 1", "QUEUED"},
      {"GET a", "QUEUED"},
      {"EXEC",
       "[OK, 2, \"2\", 1, (nil), 1, WRONGTYPE Operation against a key holding the wrong kind of "
       "value]"},
      {"HGETALL a", "[\"f\", \"1\"]"},
      {"MULTI", "OK"},
      {"NONSENSE", "ERR unknown command 'NONSENSE', with args beginning with: "},
      {"SET b 1", "QUEUED"},
      {"EXEC", "EXECABORT Transaction discarded because of previous errors."},
      {"EXISTS b", "0"},
      {"MULTI", "OK"},
      {"SET b 1", "QUEUED"},
      {"DISCARD", "OK"},
      {"EXISTS b", "0"},
      {"MULTI", "OK"},
      {"SET b 1 PXAT 1", "QUEUED"},
      {"GET b", "QUEUED"},
      {"SET b 2 NX", "QUEUED"},
      {"SET b 3 PXAT 1 GET", "QUEUED"},
      {"EXISTS b", "QUEUED"},
      {"EXEC", "[OK, (nil), OK, \"2\", 0]"},
      {"EXISTS b", "0"},
      {"MULTI", "OK"},
      {"RENAME a c", "QUEUED"},
      {"HGET c f", "QUEUED"},
      {"EXEC", "[OK, \"1\"]"},
      {"MULTI", "OK"},
      {"WATCH a", "ERR WATCH inside MULTI is not allowed"},
      {"EXEC", "[]"}}},
    {"subcommands",
     {{"CLIENT FOO x", "ERR unknown subcommand 'FOO'. Try CLIENT HELP."},
      {"CLIENT", "ERR wrong number of arguments for 'client' command"},
      {"CLIENT ID x", "ERR wrong number of arguments for 'client|id' command"},
      {"client|id", "ERR unknown command 'client|id', with args beginning with: "},
      {"CLIENT id|x", "ERR unknown subcommand 'id|x'. Try CLIENT HELP."},
      {"COMMAND GETKEYS GET", "ERR wrong number of arguments for 'command|getkeys' command"},
      {"CONFIG SET a b c", "ERR syntax error"},
      {"FUNCTION FLUSH x", "ERR FUNCTION FLUSH only supports SYNC|ASYNC option"},
      {"FUNCTION FLUSH SYNC x",
       "ERR unknown subcommand or wrong number of arguments for 'FLUSH'. Try FUNCTION HELP."},
      {"LATENCY HISTORY", "ERR wrong number of arguments for 'latency|history' command"},
      {"MEMORY USAGE", "ERR wrong number of arguments for 'memory|usage' command"},
      {"OBJECT FOO none", "ERR unknown subcommand 'FOO'. Try OBJECT HELP."},
      {"OBJECT ENCODING none x", "ERR wrong number of arguments for 'object|encoding' command"},
      {"OBJECT ENCODING none", "(nil)"},
      {"OBJECT FREQ none", "(nil)"},
      {"SET a 1", "OK"},
      {"OBJECT REFCOUNT a", "1"},
      {"OBJECT FREQ a",
       "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note "
       "that "
       "when switching between policies at runtime LRU and LFU data will take some time to "
       "adjust."},
      {"CONFIG GET hash-max-listpack-entries", "[\"hash-max-listpack-entries\", \"512\"]"},
      {"PUBSUB NUMPAT x", "ERR wrong number of arguments for 'pubsub|numpat' command"},
      {"PUBSUB CHANNELS a b",
       "ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP."},
      {"SCRIPT FOO", "ERR unknown subcommand 'FOO'. Try SCRIPT HELP."},
      {"SLOWLOG LEN x", "ERR wrong number of arguments for 'slowlog|len' command"},
      {"SLOWLOG GET x", "ERR count should be greater than or equal to -1"},
      {"SLOWLOG HELP",
       "[SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:, "
       "GET,     The last ones, HELP,     Says this, LEN,     How many are kept, "
       "RESET,     Forgets them]"},
      {"MULTI", "OK"},
      {"CLIENT FOO", "ERR unknown subcommand 'FOO'. Try CLIENT HELP."},
      {"CLIENT ID", "QUEUED"},
      {"EXEC", "EXECABORT Transaction discarded because of previous errors."},
      {"COMMAND INFO client|foo", "[(nil)]"},
      {"COMMAND INFO latency|reset",
       "[[\"latency|reset\", -2, [admin, noscript], 0, 0, 0, [], [], [], []]]"},
      {"COMMAND DOCS acl",
       "[\"acl\", [\"summary\", \"Who one is\", \"since\", \"1.0.0\", \"group\", \"connection\", "
       "\"subcommands\", [\"acl|help\", [\"summary\", \"Says this\", \"since\", \"1.0.0\", "
       "\"group\", "
       "\"connection\"], \"acl|whoami\", [\"summary\", \"The user's name\", \"since\", \"1.0.0\", "
       "\"group\", \"connection\"]]]]"}}},
    {"connection",
     {{"PING", "PONG"},
      {"PING hello", "\"hello\""},
      {"ECHO hello", "\"hello\""},
      {"CLIENT GETNAME", "(nil)"},
      {"CLIENT SETNAME me", "OK"},
      {"CLIENT GETNAME", "\"me\""},
      {"CLIENT SETINFO LIB-NAME test", "OK"},
      {"CLIENT NO-EVICT on", "OK"},
      {"CLIENT MAINT_NOTIFICATIONS on",
       "ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP."},
      {"CLIENT GETREDIR", "-1"},
      {"CLIENT TRACKINGINFO", "[\"flags\", [\"off\"], \"redirect\", -1, \"prefixes\", []]"},
      {"CLIENT UNBLOCK 5 TIMEOUT", "0"},
      {"CLIENT UNBLOCK x", "ERR value is not an integer or out of range"},
      {"CLIENT UNBLOCK 5 NOW", "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"},
      {"MEMORY PURGE", "OK"},
      {"SHUTDOWN SAVE NOSAVE", "ERR syntax error"},
      {"SHUTDOWN ABORT NOW", "ERR syntax error"},
      {"SHUTDOWN ABORT", "ERR No shutdown in progress."},
      {"BGSAVE NOW", "ERR syntax error"},
      {"BGSAVE SCHEDULE NOW", "ERR syntax error"},
      {"BGSAVE SCHEDULE", "Background saving started"},
      {"MEMORY USAGE none", "(nil)"},
      {"MEMORY USAGE none SAMPLES", "ERR syntax error"},
      {"MEMORY USAGE none SAMPLES -1", "ERR syntax error"},
      {"MEMORY USAGE none SAMPLES 5", "(nil)"},
      {"ROLE", "[\"master\", 0, []]"},
      {"WAIT 1 1000000", "0"},
      {"WAIT x 0", "ERR value is not an integer or out of range"},
      {"WAIT 0 x", "ERR timeout is not an integer or out of range"},
      {"WAIT 0 -1", "ERR timeout is negative"},
      {"AUTH x",
       "ERR AUTH <password> called without any password configured for the default user. Are you "
       "sure your configuration is correct?"},
      {"HELLO 4", "NOPROTO unsupported protocol version"},
      {"HELLO x", "ERR Protocol version is not an integer or out of range"},
      {"ACL WHOAMI", "\"default\""},
      {"ACL WHOAMI x", "ERR wrong number of arguments for 'acl|whoami' command"},
      {"ACL SETUSER x", "ERR unknown subcommand 'SETUSER'. Try ACL HELP."},
      {"RESET", "RESET"},
      {"CLIENT GETNAME", "(nil)"},
      {"COMMAND GETKEYS MSET a 1 b 2", "[\"a\", \"b\"]"},
      {"COMMAND GETKEYS OBJECT ENCODING a", "[\"a\"]"},
      {"COMMAND GETKEYS OBJECT FOO a", "ERR Invalid command specified"},
      {"COMMAND GETKEYS OBJECT HELP", "ERR The command has no key arguments"},
      {"COMMAND GETKEYS EVAL s 2 a b c", "[\"a\", \"b\"]"},
      {"COMMAND GETKEYS EVALSHA s 0", "[]"},
      {"COMMAND GETKEYS EVAL_RO s 2 a", "[]"},
      {"COMMAND GETKEYS EVAL s", "ERR Invalid number of arguments specified for command"},
      {"COMMAND GETKEYS SINTERCARD 2 a b LIMIT 1", "[\"a\", \"b\"]"},
      {"COMMAND GETKEYS SINTERCARD 3 a b", "ERR Invalid arguments specified for command"},
      {"COMMAND INFO sintercard",
       "[[\"sintercard\", -3, [readonly, movablekeys], 0, 0, 0, [], [], [], []]]"},
      {"COMMAND LIST FILTERBY PATTERN HGET*", "[\"hget\", \"hgetall\"]"},
      {"COMMAND LIST FILTERBY PATTERN acl*", "[\"acl\", \"acl|help\", \"acl|whoami\"]"},
      {"COMMAND LIST FILTERBY ACLCAT read", "[]"},
      {"COMMAND LIST FILTERBY MODULE m", "[]"},
      {"COMMAND LIST FILTERBY NAME m", "ERR syntax error"},
      {"COMMAND LIST FILTERBY PATTERN", "ERR syntax error"},
      {"CONFIG GET maxmemory", "[\"maxmemory\", \"0\"]"},
      {"CONFIG GET MaxMemory maxmemory", "[\"MaxMemory\", \"0\"]"},
      {"CONFIG GET MAXMEM*P* maxmemory-policy", "[\"maxmemory-policy\", \"noeviction\"]"},
      {"CONFIG GET slave-read-only", "[\"slave-read-only\", \"yes\"]"},
      {"CONFIG SET maxmemory 1gb MAXMEMORY 2gb",
       "ERR CONFIG SET failed (possibly related to argument 'MAXMEMORY') - duplicate parameter"},
      {"CONFIG SET maxmemory 1gb slowlog-max-len x",
       "ERR CONFIG SET failed (possibly related to argument 'slowlog-max-len') - argument couldn't "
       "be parsed into an integer"},
      {"CONFIG SET maxmemory 1gb SLOWLOG-log-slower-than -2",
       "ERR CONFIG SET failed (possibly related to argument 'slowlog-log-slower-than') - argument "
       "must be between -1 and 9223372036854775807 inclusive"},
      {"CONFIG SET hash-max-listpack-value -1",
       "ERR CONFIG SET failed (possibly related to argument 'hash-max-listpack-value') - argument "
       "must be a memory value"},
      {"CONFIG GET maxmemory", "[\"maxmemory\", \"0\"]"},
      {"CONFIG SET maxclients 1",
       "ERR CONFIG SET failed (possibly related to argument 'maxclients') - can't set immutable "
       "config"},
      {"CONFIG SET nonsense 1",
       "ERR Unknown option or number of arguments for CONFIG SET - 'nonsense'"},
      {"CLUSTER NODES", "ERR This instance has cluster support disabled"},
      {"DEBUG SLEEP 1",
       "ERR DEBUG command not allowed. If the --allow-debug option is given, it is for tests only"},
      {"GET", "ERR wrong number of arguments for 'get' command"},
      {"get a b", "ERR wrong number of arguments for 'get' command"},
      {"QUIT", "OK"},
      {"PING", "(closed)"}}},
};

class CommandStory : public ::testing::TestWithParam<Story> {};

TEST_P(CommandStory, RepliesAsRedisDoes) {
  const ServedStore served;
  TestClient client = served.client();
  for (const auto& [request, reply] : GetParam().lines)
    EXPECT_EQ(client(request), reply) << request;
}

INSTANTIATE_TEST_SUITE_P(Of, CommandStory, ::testing::ValuesIn(kStories), [](const auto& story) {
  std::string name = story.param.name;
  std::ranges::replace(name, ' ', '_');
  return name;
});

TEST(Resp3, HasMapsSetsAndNulls) {
  const ServedStore served;
  TestClient client = served.client();
  EXPECT_THAT(client("HELLO 3 SETNAME me"),
              ::testing::StartsWith("{\"server\": \"redis\", \"version\": \"7.0"));
  EXPECT_EQ(client("CLIENT GETNAME"), "\"me\"");
  EXPECT_EQ(client("HSET h f 1"), "1");
  EXPECT_EQ(client("HGETALL h"), "{\"f\": \"1\"}");
  EXPECT_EQ(client("SADD s a"), "1");
  EXPECT_EQ(client("SMEMBERS s"), "set [\"a\"]");
  EXPECT_EQ(client("GET none"), "(nil)");
  EXPECT_EQ(client("SUBSCRIBE c"), "push [\"subscribe\", \"c\", 1]");
  EXPECT_EQ(client("GET none"), "(nil)") << "RESP3 clients may go on";
}

TEST(ClientReply, HoldsNoMessagesBack) {
  for (const char* const how : {"OFF", "SKIP"}) {
    SCOPED_TRACE(how);
    const ServedStore served;
    TestClient client = served.client();
    client("HELLO 3");
    client.request({"CLIENT", "REPLY", how});
    EXPECT_EQ(client("SUBSCRIBE c"), "push [\"subscribe\", \"c\", 1]");
    client.request({"CLIENT", "REPLY", how});
    EXPECT_EQ(client("UNSUBSCRIBE c"), "push [\"unsubscribe\", \"c\", 0]");
    client.request({"CLIENT", "REPLY", how});
    client.request({"PSUBSCRIBE", std::string(5000, '*')});  // an error is no message
    EXPECT_EQ(client("CLIENT REPLY ON"), "OK");
  }
}

TEST(Debug, GivesAReplyOfEachKind) {
  const ServedStore served{{.allow_debug = true}};
  const struct {
    const char* kind;
    const char* reply;
    const char* reply_3;
  } kinds[] = {
      {"string", "\"Hello World\"", "\"Hello World\""},
      {"integer", "12345", "12345"},
      {"double", "\"3.141\"", "3.141 (real)"},
      {"bignum", "\"1234567999999999999999999999999999999\"",
       "1234567999999999999999999999999999999 (big)"},
      {"null", "(nil)", "(nil)"},
      {"array", "[0, 1, 2]", "[0, 1, 2]"},
      {"set", "[0, 1, 2]", "set [0, 1, 2]"},
      {"map", "[0, 0, 1, 1, 2, 0]", "{0: (false), 1: (true), 2: (false)}"},
      {"attrib", "\"Some real reply following the attribute\"",
       "{\"key-popularity\": [\"key:123\", 90]}"},
      {"push", "ERR RESP2 is not supported by this command", "push [\"server-cpu-usage\", 42]"},
      {"verbatim", "\"This is a verbatim\nstring\"", "\"txt:This is a verbatim\nstring\""},
      {"true", "1", "(true)"},
      {"false", "0", "(false)"},
  };
  TestClient client = served.client();
  TestClient client_3 = served.client();
  client_3("HELLO 3");
  for (const auto& [kind, reply, reply_3] : kinds) {
    EXPECT_EQ(client({"DEBUG", "PROTOCOL", kind}), reply);
    EXPECT_EQ(client_3({"DEBUG", "PROTOCOL", kind}), reply_3);
    const bool is_no_reply = std::string_view{kind} == "attrib" || std::string_view{kind} == "push";
    if (is_no_reply) {
      EXPECT_THAT(client_3.reply(), ::testing::HasSubstr("real reply following"));
    }
  }
  EXPECT_THAT(client("DEBUG PROTOCOL other"), ::testing::StartsWith("ERR Wrong protocol type"));
  EXPECT_EQ(client({"DEBUG", "SLEEP", "0\r\n"}), "OK");
  EXPECT_EQ(client("DEBUG SLEEP -1"), "ERR value is out of range");
  EXPECT_EQ(client({"EVAL", "return redis.call('debug', 'protocol', 'array')", "0"}), "[0, 1, 2]");
}

TEST(Commands, AreSortedAndFoundInAnyCase) {
  for (const server::Command& command : server::commands()) {
    EXPECT_EQ(server::find_command(command.name), &command);
    std::string upper{command.name};
    std::ranges::transform(upper, upper.begin(), ::toupper);
    EXPECT_EQ(server::find_command(upper), &command);
    EXPECT_FALSE(command.summary.empty());
    const bool reads_or_writes = command.has(server::kRead) || command.has(server::kWrite);
    EXPECT_TRUE(command.keys.first == 0 || reads_or_writes || command.name == "watch")
        << command.name;
    const std::string_view container = command.name.substr(0, command.name.find('|'));
    ASSERT_NE(server::find_command(container), nullptr) << command.name;
    if (command.is_subcommand()) {
      EXPECT_TRUE(server::find_command(container)->has(server::kContainer)) << command.name;
    }
    EXPECT_TRUE(command.run != nullptr || command.has(server::kContainer)) << command.name;
  }
  EXPECT_EQ(server::find_command("nonsense"), nullptr);
  EXPECT_EQ(server::find_command(std::string(1000, 'x')), nullptr);
}

}  // namespace
}  // namespace hybrid::testing
