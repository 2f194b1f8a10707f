/* A session in a hash, by hand, on hiredis: a pipeline, MULTI, values with any bytes, connecting again.
 *
 * For each line "WHAT SID USER SECONDS" on stdin it answers "SID USER VISITS", or "SID - 0" when nobody is logged in.
 * The arguments say how to connect: a Unix socket's path, or an address and a port. The password is in REDIS_PASSWORD.
 */
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static redisContext *context;
static char key[200];

static void name_key(const char *sid) {
  snprintf(key, sizeof key, "%s:%s", getenv("NAME"), sid);
}

/* Returns the reply, or NULL after telling on stderr what went wrong. */
static redisReply *checked(redisReply *reply) {
  if (!reply || reply->type == REDIS_REPLY_ERROR) {
    fprintf(stderr, "%s\n", reply ? reply->str : context->errstr);
    if (reply) freeReplyObject(reply);
    return NULL;
  }
  return reply;
}

static redisReply *ask(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  redisReply *reply = redisvCommand(context, format, arguments);
  va_end(arguments);
  return checked(reply);
}

static redisReply *next_reply(void) {
  void *reply = NULL;
  redisGetReply(context, &reply);
  return checked(reply);
}

static void forget(redisReply *reply) {
  if (reply) freeReplyObject(reply);
}

static void connect_again(void) {
  redisReconnect(context);
  forget(ask("AUTH %s", getenv("REDIS_PASSWORD")));
}

static void new_sid(char *sid) {
  unsigned char bytes[16];
  if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) exit(1);
  for (int i = 0; i < 16; ++i) sprintf(sid + 2 * i, "%02x", bytes[i]);
}

static void change(const char *what, char *sid, const char *user, int seconds) {
  name_key(sid);
  if (!strcmp(what, "login")) {
    new_sid(sid);
    name_key(sid);
    /* All five are under way before the first is answered. */
    redisAppendCommand(context, "MULTI");
    redisAppendCommand(context, "HSET %s user %b visits %d", key, user, strlen(user), 0);
    redisAppendCommand(context, "HSET %s bytes %b", key, "\0\r\n$-1\xff", (size_t)7);
    redisAppendCommand(context, "EXPIRE %s %d", key, seconds);
    redisAppendCommand(context, "EXEC");
    for (int i = 0; i < 5; ++i) forget(next_reply());
  } else if (!strcmp(what, "visit")) {
    forget(ask("HINCRBY %s visits 1", key));
  } else if (!strcmp(what, "rotate")) {
    char fresh[33];
    new_sid(fresh);
    forget(ask("RENAME %s %s:%s", key, getenv("NAME"), fresh));
    strcpy(sid, fresh);
    name_key(sid);
  } else if (!strcmp(what, "logout")) {
    forget(ask("DEL %s", key));
  }
}

static int answer(const char *sid) {
  redisReply *reply = ask("HMGET %s user visits bytes", key);
  if (!reply) return 0;
  redisReply **values = reply->element;
  if (values[0]->type == REDIS_REPLY_NIL) {
    printf("%s - 0\n", sid);
  } else {
    int whole = values[2]->len == 7 && !memcmp(values[2]->str, "\0\r\n$-1\xff", 7);
    printf("%s %s %s\n", sid, whole ? values[0]->str : "bytes-lost", values[1]->str);
  }
  freeReplyObject(reply);
  return 1;
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN); /* a server that went away is an error of the next call */
  context = argc == 3 ? redisConnect(argv[1], atoi(argv[2])) : redisConnectUnix(argv[1]);
  redisSetTimeout(context, (struct timeval){.tv_sec = 30});
  forget(ask("AUTH %s", getenv("REDIS_PASSWORD")));
  setvbuf(stdout, NULL, _IOLBF, 0);

  char what[20], sid[40], user[40];
  int seconds;
  while (scanf("%19s %39s %39s %d", what, sid, user, &seconds) == 4) {
    if (context->err) connect_again();
    change(what, sid, user, seconds);
    if (!answer(sid)) puts("- failed 0");
  }
  redisFree(context);
  return 0;
}
