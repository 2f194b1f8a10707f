// The commands: what each is called, takes and may do. command_table.cpp has one row for each.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace hybrid::server {

struct Call;

enum CommandFlag : std::uint32_t {
  kRead = 1 << 0,
  kWrite = 1 << 1,
  kAdmin = 1 << 2,       // not for users that may only read
  kNoAuth = 1 << 3,      // before one has said who one is
  kAtOnce = 1 << 4,      // within MULTI it is run, not queued
  kNotInMulti = 1 << 5,  // refused there
  kNotInScript = 1 << 6,
  kSubscribed = 1 << 7,  // allowed to a RESP2 client that has subscribed
  kAllKeys = 1 << 8,     // touches keys that it does not name
  kFast = 1 << 9,
  kPushes = 1 << 10,       // replies by messages, which CLIENT REPLY does not hold back
  kGrows = 1 << 11,        // may need more memory for sessions,
  kGrowsByName = 1 << 12,  // or does if the second key's name is the longer one
  kContainer = 1 << 13,    // its second word says which of its subcommands is called
};

// Which arguments are keys: from `first` to `last` (from the end if negative), every `step`th. first 0: none.
struct KeySpec {
  int first = 0;
  int last = 0;
  int step = 0;
  int count_at = 0;  // of which only COMMAND knows: as many as this argument says, behind it
};

struct Command {
  std::string_view name;  // in lower case; a subcommand's: "client|id"
  int arity;              // with the name; negative: at least so many
  std::uint32_t flags;
  KeySpec keys;
  void (*run)(Call& call);  // null: only its subcommands are called
  std::string_view group;
  std::string_view summary;

  bool is_subcommand() const { return name.contains('|'); }
  bool is_subcommand_of(const Command& container) const {
    return is_subcommand() && name.substr(0, name.find('|')) == container.name;
  }
  bool has(CommandFlag flag) const { return (flags & flag) != 0; }
  bool takes(std::size_t arguments) const {
    const auto count = static_cast<int>(arguments);
    return arity >= 0 ? count == arity : count >= -arity;
  }
  // Whether it may need more memory for sessions; of arguments that it takes().
  bool may_grow(std::span<const std::string_view> arguments) const {
    return has(kGrows) || (has(kGrowsByName) && arguments[2].size() > arguments[1].size());
  }
  // Calls fn(index) for each argument that is a key.
  template <class F>
  void for_each_key(std::size_t arguments, F&& fn) const {
    if (keys.first == 0) return;
    const auto count = static_cast<int>(arguments);
    const int last = keys.last < 0 ? count + keys.last : keys.last;
    for (int i = keys.first; i <= last && i < count; i += keys.step)
      fn(static_cast<std::size_t>(i));
  }
};

// Subcommands among them.
std::span<const Command> commands();
// By its name in any case; null if there is none.
const Command* find_command(std::string_view name);
// Which one a request calls; null if there is none.
const Command* find_command(std::span<const std::string_view> words);

}  // namespace hybrid::server
