// Scripts: EVAL and what belongs to it.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.hpp"
#include "server/commands.hpp"
#include "server/lua_state.hpp"
#include "server/scripts.hpp"
#include "server/transaction.hpp"

namespace hybrid::server {
namespace {

// The thread's own, with what it has compiled. None before its first script, and after one that left it spent.
std::unique_ptr<LuaState>& own_interpreter() {
  thread_local std::unique_ptr<LuaState> lua;
  return lua;
}

void drop_if_spent() {
  auto& lua = own_interpreter();
  if (lua != nullptr && lua->is_spent()) lua.reset();
}

LuaState& interpreter() {
  drop_if_spent();
  auto& lua = own_interpreter();
  if (lua == nullptr) lua = std::make_unique<LuaState>();
  return *lua;
}

// Whether a command looks at keys that it does not name.
bool looks_at_all_keys(const Command& command) {
  return command.keys.first == 0 && (command.has(kRead) || command.has(kWrite)) &&
         command.run != server::time;
}

// Calls the commands of one script for the client that sent it. What they change is kept back in a transaction, so that each
// session's changes are one record of the log: after a crash no counter is there without the deadline that it was given.
class ScriptCaller final : public LuaState::Caller {
 public:
  // `may_grow`: it may call commands that need more memory. Once it has written it may, so that it is not cut short in the middle.
  ScriptCaller(Call& call, bool only_reads, bool may_grow)
      : client_(call.client),
        running_(call.service.scripts()),
        allow_debug_(call.service.options().allow_debug),
        only_reads_(only_reads),
        may_grow_(may_grow),
        protocol_(client_.protocol()),
        database_(client_.database()) {
    // Within EXEC it is that of EXEC.
    if (call.keys.transaction() != nullptr) {
      keys_ = &call.keys;
    } else {
      transaction_.emplace(call.service.provider(), call.service.buried());
      keys_ = &own_keys_.emplace(call.service.provider(), *transaction_);
    }
  }
  ScriptCaller(const ScriptCaller&) = delete;
  ScriptCaller& operator=(const ScriptCaller&) = delete;
  ~ScriptCaller() override {
    client_.set_protocol(protocol_);
    if (client_.database() != database_) client_.select(database_);
  }

  void call(std::span<const std::string_view> arguments, int protocol,
            std::string& reply) override {
    const Command* const command = find_command(arguments);
    if (const char* const why = refusal(command, arguments)) {
      resp::ReplyWriter{reply, protocol}.error(why);
      return;
    }
    client_.set_protocol(protocol);
    try {
      // These see the store only.
      if (looks_at_all_keys(*command)) keys_->transaction()->commit();
      client_.run(*command, arguments, *keys_, reply);
    } catch (const ReplyError& error) {
      resp::ReplyWriter{reply, protocol}.error(error.text());
    }
  }

  std::optional<bool> may_call(std::span<const std::string_view> arguments) override {
    const Command* const command = find_command(arguments);
    if (command == nullptr) return std::nullopt;
    return is_allowed(*command);
  }

  bool is_killed() const override { return running_.is_killed(); }

  void commit() {
    if (transaction_) transaction_->commit();
  }

 private:
  bool is_allowed(const Command& command) const {
    return !client_.user()->read_only || (!command.has(kWrite) && !command.has(kAdmin));
  }

  const char* refusal(const Command* command, std::span<const std::string_view> arguments) {
    if (command == nullptr) return "ERR Unknown Redis command called from script";
    if (!command->takes(arguments.size()))
      return "ERR Wrong number of args calling Redis command from script";
    // Tests of Redis let scripts call it.
    const bool is_test = command->run == debug && allow_debug_;
    if (command->has(kNotInScript) && !is_test)
      return "ERR This Redis command is not allowed from script";
    if (!is_allowed(*command))
      return "ERR The user executing the script can't run this command or subcommand";
    // To Redis, which sends messages to its replicas, PUBLISH is a write.
    if (only_reads_ && (command->has(kWrite) || command->run == publish))
      return "ERR Write commands are not allowed from read-only scripts.";
    if (command->may_grow(arguments) && !may_grow_) return MemoryLimit::kExceeded;
    if (command->has(kWrite) && !running_.note_write())
      return "ERR Script killed by user with SCRIPT KILL.";
    may_grow_ = may_grow_ || command->has(kWrite);
    return nullptr;
  }

  Client& client_;
  Scripts::Running running_;
  const bool allow_debug_;
  const bool only_reads_;
  bool may_grow_;
  const int protocol_;
  const unsigned database_;
  std::optional<Transaction> transaction_;
  std::optional<Keyspace> own_keys_;
  Keyspace* keys_ = nullptr;
};

// Compiled by this thread's interpreter, which it returns; refuses if it cannot be.
LuaState& compile(Call& call, const Script& script) {
  LuaState& lua = interpreter();
  if (!lua.has(script.sha)) {
    auto compiled =
        lua.compile(script.sha, script.body_text(), call.service.options().script_time_max);
    if (!compiled) refuse(std::move(compiled.error()));
  }
  return lua;
}

Scripts::Ref add_script(Call& call, std::string_view text) {
  auto parsed = Script::parse(text);
  if (!parsed) refuse(std::move(parsed.error()));
  auto script = std::make_shared<const Script>(std::move(*parsed));
  compile(call, *script);
  call.service.scripts().add(script);
  return script;
}

constexpr std::size_t kShaDigits = 40;

[[noreturn]] void refuse_script() { refuse("NOSCRIPT No matching script. Please use EVAL."); }

enum class Named : bool { by_text, by_sha };

Scripts::Ref find_script(Call& call, Named named) {
  if (named == Named::by_text) {
    auto script = call.service.scripts().find(sha1_hex(call[1]));
    return script != nullptr ? script : add_script(call, call[1]);
  }
  auto script = call.service.scripts().find(lower_case(call[1]));
  if (script == nullptr) refuse_script();
  return script;
}

void run_script(Call& call, Named named, bool only_reads) {
  if (named == Named::by_sha && call[1].size() != kShaDigits) refuse_script();
  const std::int64_t count = integer_of(call[2]);
  const Arguments rest = call.arguments.subspan(3);
  if (count > std::ssize(rest)) refuse("ERR Number of keys can't be greater than number of args");
  if (count < 0) refuse("ERR Number of keys can't be negative");
  const auto keys = static_cast<std::size_t>(count);

  const Scripts::Ref script = find_script(call, named);
  if (only_reads && script->has_flags && !script->only_reads)
    refuse("ERR Can not execute a script with write flag using *_ro command.");
  const bool may_grow = script->may_exceed_memory || !call.service.memory().is_exceeded();
  if (!may_grow && script->has_flags && !script->only_reads) refuse(MemoryLimit::kExceeded);
  LuaState& lua = compile(call, *script);
  std::string reply;
  const LuaState::Run run{.sha = script->sha,
                          .keys = rest.first(keys),
                          .arguments = rest.subspan(keys),
                          .protocol = call.reply.protocol(),
                          .time_max = call.service.options().script_time_max};
  ScriptCaller caller{call, only_reads || script->only_reads, may_grow};
  auto done = lua.run(run, caller, reply);
  drop_if_spent();
  // As in Redis, what a script has done stays, however it ends.
  caller.commit();
  if (!done) refuse(std::move(done.error()));
  call.reply.raw(reply);
}

}  // namespace

void eval(Call& call) { run_script(call, Named::by_text, false); }
void eval_ro(Call& call) { run_script(call, Named::by_text, true); }
void evalsha(Call& call) { run_script(call, Named::by_sha, false); }
void evalsha_ro(Call& call) { run_script(call, Named::by_sha, true); }

void script_load(Call& call) { call.reply.bulk(add_script(call, call[2])->sha); }

void script_exists(Call& call) {
  call.reply.array(call.size() - 2);
  for (const std::string_view sha : call.arguments.subspan(2))
    call.reply.integer(call.service.scripts().contains(lower_case(sha)) ? 1 : 0);
}

void script_flush(Call& call) {
  if (call.size() > 3 || (call.size() == 3 && !is(call[2], "async") && !is(call[2], "sync")))
    refuse("ERR SCRIPT FLUSH only support SYNC|ASYNC option");
  call.service.scripts().clear();
  call.ok();
}

void script_kill(Call& call) {
  switch (call.service.scripts().kill()) {
    case Scripts::Killed::yes: return call.ok();
    case Scripts::Killed::none_runs: refuse("NOTBUSY No scripts in execution right now.");
    case Scripts::Killed::has_written:
      refuse(
          "UNKILLABLE Sorry the script already executed write commands against the dataset. You "
          "can either wait the script termination or kill the server in a hard way using the "
          "SHUTDOWN NOSAVE command.");
  }
}

}  // namespace hybrid::server
