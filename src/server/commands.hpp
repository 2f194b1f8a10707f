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
void object(Call& call);
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
void script(Call& call);

// --- channel_commands.cpp
void psubscribe(Call& call);
void publish(Call& call);
void pubsub(Call& call);
void punsubscribe(Call& call);
void subscribe(Call& call);
void unsubscribe(Call& call);

// --- connection_commands.cpp
void acl(Call& call);
void auth(Call& call);
void client(Call& call);
void echo(Call& call);
void hello(Call& call);
void ping(Call& call);
void quit(Call& call);
void reset(Call& call);
void select(Call& call);

// --- server_commands.cpp
void bgrewriteaof(Call& call);
void bgsave(Call& call);
void cluster(Call& call);
void command(Call& call);
void config(Call& call);
void dbsize(Call& call);
void debug(Call& call);
void flushall(Call& call);
void flushdb(Call& call);
void function(Call& call);
void info(Call& call);
void lastsave(Call& call);
void latency(Call& call);
void memory(Call& call);
void save(Call& call);
void sentinel(Call& call);
void shutdown(Call& call);
void slowlog(Call& call);
void time(Call& call);

}  // namespace hybrid::server
