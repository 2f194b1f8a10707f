// The functions of the commands in command_table.cpp. Each writes one reply, or throws ReplyError.
#pragma once

#include "server/call.hpp"

namespace hybrid::server {

// --- string_commands.cpp
void append(Call& call);
void decr(Call& call);
void decrby(Call& call);
void get(Call& call);
void getbit(Call& call);
void getdel(Call& call);
void getex(Call& call);
void getrange(Call& call);
void getset(Call& call);
void incr(Call& call);
void incrby(Call& call);
void incrbyfloat(Call& call);
void mget(Call& call);
void mset(Call& call);
void msetnx(Call& call);
void psetex(Call& call);
void set(Call& call);
void setbit(Call& call);
void setex(Call& call);
void setnx(Call& call);
void setrange(Call& call);
void strlen_(Call& call);

// --- hash_commands.cpp
void hdel(Call& call);
void hexists(Call& call);
void hget(Call& call);
void hgetall(Call& call);
void hincrby(Call& call);
void hincrbyfloat(Call& call);
void hkeys(Call& call);
void hlen(Call& call);
void hmget(Call& call);
void hmset(Call& call);
void hrandfield(Call& call);
void hscan(Call& call);
void hset(Call& call);
void hsetnx(Call& call);
void hstrlen(Call& call);
void hvals(Call& call);

// --- set_commands.cpp
void sadd(Call& call);
void scard(Call& call);
void sdiff(Call& call);
void sdiffstore(Call& call);
void sinter(Call& call);
void sintercard(Call& call);
void sinterstore(Call& call);
void sismember(Call& call);
void smembers(Call& call);
void smismember(Call& call);
void smove(Call& call);
void spop(Call& call);
void srandmember(Call& call);
void srem(Call& call);
void sscan(Call& call);
void sunion(Call& call);
void sunionstore(Call& call);

// --- list_commands.cpp
void lindex(Call& call);
void linsert(Call& call);
void llen(Call& call);
void lmove(Call& call);
void lpop(Call& call);
void lpos(Call& call);
void lpush(Call& call);
void lpushx(Call& call);
void lrange(Call& call);
void lrem(Call& call);
void lset(Call& call);
void ltrim(Call& call);
void rpop(Call& call);
void rpoplpush(Call& call);
void rpush(Call& call);
void rpushx(Call& call);

// --- key_commands.cpp
void copy(Call& call);
void del(Call& call);
void dump(Call& call);
void exists(Call& call);
void expire(Call& call);
void expireat(Call& call);
void expiretime(Call& call);
void keys(Call& call);
void move(Call& call);
void persist(Call& call);
void pexpire(Call& call);
void pexpireat(Call& call);
void pexpiretime(Call& call);
void pttl(Call& call);
void randomkey(Call& call);
void rename(Call& call);
void renamenx(Call& call);
void restore(Call& call);
void scan(Call& call);
void touch(Call& call);
void ttl(Call& call);
void type(Call& call);

// --- transaction_commands.cpp
void discard(Call& call);
void exec(Call& call);
void multi(Call& call);
void unwatch(Call& call);
void watch(Call& call);

// --- script_commands.cpp
void eval(Call& call);
void eval_ro(Call& call);
void evalsha(Call& call);
void evalsha_ro(Call& call);
void script_exists(Call& call);
void script_flush(Call& call);
void script_kill(Call& call);
void script_load(Call& call);

// --- channel_commands.cpp
void psubscribe(Call& call);
void publish(Call& call);
void pubsub_channels(Call& call);
void pubsub_numpat(Call& call);
void pubsub_numsub(Call& call);
void punsubscribe(Call& call);
void subscribe(Call& call);
void unsubscribe(Call& call);

// --- connection_commands.cpp
void acl_whoami(Call& call);
void auth(Call& call);
void echo(Call& call);
void hello(Call& call);
void ping(Call& call);
void quit(Call& call);
void reset(Call& call);
void select(Call& call);

// --- client_commands.cpp
void set_client_name(Call& call, std::string_view name);  // also of HELLO; refuses what is no name
void client_getname(Call& call);
void client_getredir(Call& call);
void client_id(Call& call);
void client_info(Call& call);
void client_kill(Call& call);
void client_list(Call& call);
void client_no_evict(Call& call);
void client_reply(Call& call);
void client_setinfo(Call& call);
void client_setname(Call& call);
void client_trackinginfo(Call& call);
void client_unblock(Call& call);
void client_unpause(Call& call);

// --- command_commands.cpp
void command(Call& call);
void command_count(Call& call);
void command_docs(Call& call);
void command_getkeys(Call& call);
void command_info(Call& call);
void command_list(Call& call);
void help(Call& call);

// --- config_commands.cpp
void config_get(Call& call);
void config_resetstat(Call& call);
void config_rewrite(Call& call);
void config_set(Call& call);

// --- debug_commands.cpp
void debug(Call& call);

// --- object_commands.cpp
void memory_doctor(Call& call);
void memory_purge(Call& call);
void memory_usage(Call& call);
void object_encoding(Call& call);
void object_freq(Call& call);
void object_idletime(Call& call);
void object_refcount(Call& call);

// --- server_commands.cpp
void bgrewriteaof(Call& call);
void bgsave(Call& call);
void cluster(Call& call);
void dbsize(Call& call);
void flushall(Call& call);
void flushdb(Call& call);
void function_flush(Call& call);
void function_list(Call& call);
void info(Call& call);
void lastsave(Call& call);
void latency_events(Call& call);
void latency_histogram(Call& call);
void latency_reset(Call& call);
void role(Call& call);
void save(Call& call);
void sentinel(Call& call);
void shutdown(Call& call);
void slowlog_get(Call& call);
void slowlog_len(Call& call);
void slowlog_reset(Call& call);
void time(Call& call);
void wait(Call& call);

}  // namespace hybrid::server
