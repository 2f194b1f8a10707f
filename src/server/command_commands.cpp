// COMMAND: what commands there are. And HELP, of each that has subcommands.
#include <algorithm>
#include <string>
#include <vector>

#include "server/commands.hpp"
#include "server/glob.hpp"
#include "server/numbers.hpp"
#include "server/scanning.hpp"

namespace hybrid::server {
namespace {

std::vector<const Command*> all_commands() {
  std::vector<const Command*> all;
  for (const Command& command : commands()) {
    if (!command.is_subcommand()) all.push_back(&command);
  }
  return all;
}

std::vector<const Command*> subcommands_of(const Command& container) {
  std::vector<const Command*> subcommands;
  for (const Command& command : commands()) {
    if (command.is_subcommand_of(container)) subcommands.push_back(&command);
  }
  return subcommands;
}

void reply_command(Call& call, const Command& command) {
  call.reply.array(10);
  call.reply.bulk(command.name);
  call.reply.integer(command.arity);
  std::vector<std::string_view> flags;
  if (command.has(kWrite)) flags.push_back("write");
  if (command.has(kRead)) flags.push_back("readonly");
  if (command.has(kGrows)) flags.push_back("denyoom");
  if (command.has(kFast)) flags.push_back("fast");
  if (command.has(kAdmin)) flags.push_back("admin");
  if (command.has(kNoAuth)) flags.push_back("no_auth");
  if (command.has(kNotInScript)) flags.push_back("noscript");
  if (command.keys.count_at != 0) flags.push_back("movablekeys");
  call.reply.set(flags.size());
  for (const std::string_view flag : flags) call.reply.simple(flag);
  call.reply.integer(command.keys.first);
  call.reply.integer(command.keys.last);
  call.reply.integer(command.keys.step);
  call.reply.set(0);    // ACL categories
  call.reply.array(0);  // tips
  call.reply.array(0);  // key specifications
  const auto subcommands = subcommands_of(command);
  call.reply.array(subcommands.size());
  for (const Command* const subcommand : subcommands) reply_command(call, *subcommand);
}

void reply_docs(Call& call, const Command& command) {
  const auto subcommands = subcommands_of(command);
  call.reply.bulk(command.name);
  call.reply.map(subcommands.empty() ? 3 : 4);
  call.reply.bulk("summary");
  call.reply.bulk(command.summary);
  call.reply.bulk("since");
  call.reply.bulk("1.0.0");
  call.reply.bulk("group");
  call.reply.bulk(command.group);
  if (subcommands.empty()) return;
  call.reply.bulk("subcommands");
  call.reply.map(subcommands.size());
  for (const Command* const subcommand : subcommands) reply_docs(call, *subcommand);
}

// Those that the words behind COMMAND INFO name, null if there is none of that name; all without words.
std::vector<const Command*> named_commands(Call& call) {
  if (call.size() == 2) return all_commands();
  std::vector<const Command*> named;
  for (const std::string_view name : call.arguments.subspan(2)) named.push_back(find_command(name));
  return named;
}

void reply_commands(Call& call, const std::vector<const Command*>& commands) {
  call.reply.array(commands.size());
  for (const Command* const command : commands) {
    if (command != nullptr)
      reply_command(call, *command);
    else
      call.reply.null_array();
  }
}

}  // namespace

void command(Call& call) { reply_commands(call, all_commands()); }
void command_info(Call& call) { reply_commands(call, named_commands(call)); }

void command_count(Call& call) { call.reply.integer(std::ssize(all_commands())); }

void command_docs(Call& call) {
  auto named = named_commands(call);
  std::erase(named, nullptr);
  call.reply.map(named.size());
  for (const Command* const command : named) reply_docs(call, *command);
}

void command_getkeys(Call& call) {
  const Arguments words = call.arguments.subspan(2);
  const Command* const command = find_command(words);
  if (command == nullptr) refuse("ERR Invalid command specified");
  if (!command->takes(words.size()))
    refuse("ERR Invalid number of arguments specified for command");
  std::vector<std::string_view> keys;
  if (command->keys.count_at != 0) {
    const auto count_at = static_cast<std::size_t>(command->keys.count_at);
    const Arguments rest = words.subspan(count_at + 1);
    const std::int64_t count = parse_integer(words[count_at]).value_or(0);
    const bool are_there = count > 0 && count <= std::ssize(rest);
    // Scripts need none.
    if (!are_there && command->has(kRead)) refuse("ERR Invalid arguments specified for command");
    if (are_there) keys.assign(rest.begin(), rest.begin() + count);
  } else {
    command->for_each_key(words.size(), [&](std::size_t i) { keys.push_back(words[i]); });
    if (keys.empty()) refuse("ERR The command has no key arguments");
  }
  call.reply.array(keys.size());
  for (const std::string_view key : keys) call.reply.bulk(key);
}

void command_list(Call& call) {
  const bool is_filtered = call.size() == 5 && is(call[2], "filterby");
  const bool by_pattern = is_filtered && is(call[3], "pattern");
  // There are neither categories nor modules.
  const bool by_other = is_filtered && (is(call[3], "aclcat") || is(call[3], "module"));
  if (call.size() != 2 && !by_pattern && !by_other) refuse_syntax();
  if (by_pattern) check_pattern(call[4]);
  const std::string pattern = by_pattern ? lower_case(call[4]) : "*";
  std::vector<std::string_view> names;
  for (const Command& command : commands()) {
    if (!by_other && glob_matches(pattern, command.name)) names.push_back(command.name);
  }
  call.reply.array(names.size());
  for (const std::string_view name : names) call.reply.bulk(name);
}

void help(Call& call) {
  const Command& container = *find_command(call[0]);
  const auto subcommands = subcommands_of(container);
  call.reply.array(1 + 2 * subcommands.size());
  call.reply.simple(upper_case(container.name) +
                    " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (const Command* const subcommand : subcommands) {
    call.reply.simple(upper_case(subcommand->name.substr(container.name.size() + 1)));
    call.reply.simple("    " + std::string{subcommand->summary});
  }
}

}  // namespace hybrid::server
