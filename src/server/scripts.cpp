#include "server/scripts.hpp"

#include <utility>

#include "base/digest.hpp"

namespace hybrid::server {
namespace {

// Takes the next word off the front; empty if there is none.
std::string_view take_word(std::string_view& line, char separator) {
  while (line.starts_with(separator)) line.remove_prefix(1);
  const std::string_view word = line.substr(0, line.find(separator));
  line.remove_prefix(word.size());
  return word;
}

bool is_flag(std::string_view word) {
  for (const std::string_view flag :
       {"no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys"}) {
    if (word == flag) return true;
  }
  return false;
}

std::size_t bytes_of(const Script& script) {
  constexpr std::size_t kOverhead = 256;
  return script.text.size() + kOverhead;
}

}  // namespace

std::expected<Script, std::string> Script::parse(std::string_view text) {
  Script script{.sha = sha1_hex(text), .text = std::string{text}};
  if (!text.starts_with("#!")) return script;
  script.has_flags = true;
  script.body = text.find('\n');
  if (script.body == std::string_view::npos) return std::unexpected("ERR Invalid script shebang");
  std::string_view line = text.substr(0, script.body);
  const std::string_view engine = take_word(line, ' ');
  if (engine != "#!lua") {
    return std::unexpected("ERR Unexpected engine in script shebang: " + std::string{engine});
  }
  for (std::string_view word = take_word(line, ' '); !word.empty(); word = take_word(line, ' ')) {
    constexpr std::string_view kFlags = "flags=";
    if (!word.starts_with(kFlags))
      return std::unexpected("ERR Unknown lua shebang option: " + std::string{word});
    std::string_view flags = word.substr(kFlags.size());
    for (std::string_view flag = take_word(flags, ','); !flag.empty();
         flag = take_word(flags, ',')) {
      if (!is_flag(flag))
        return std::unexpected("ERR Unexpected flag in script shebang: " + std::string{flag});
      if (flag == "no-writes") script.only_reads = true;
      if (flag == "allow-oom") script.may_exceed_memory = true;
    }
  }
  return script;
}

Scripts::Ref Scripts::find(std::string_view sha) {
  const MutexLock lock{mutex_};
  const auto place = places_.find(sha);
  if (place == places_.end()) return nullptr;
  order_.splice(order_.begin(), order_, place->second);
  return *place->second;
}

bool Scripts::contains(std::string_view sha) {
  const MutexLock lock{mutex_};
  return places_.contains(sha);
}

void Scripts::add(Ref script) {
  const MutexLock lock{mutex_};
  if (places_.contains(script->sha)) return;
  order_.push_front(std::move(script));
  const Script& added = *order_.front();
  places_.emplace(added.sha, order_.begin());
  bytes_ += bytes_of(added);
  while (order_.size() > 1 && (order_.size() > kScriptsMax || bytes_ > kBytesMax)) drop_last();
}

void Scripts::drop_last() {
  bytes_ -= bytes_of(*order_.back());
  places_.erase(order_.back()->sha);
  order_.pop_back();
}

std::size_t Scripts::count() {
  const MutexLock lock{mutex_};
  return order_.size();
}

void Scripts::clear() {
  Order dropped;  // freed without the lock
  const MutexLock lock{mutex_};
  dropped.swap(order_);
  places_.clear();
  bytes_ = 0;
}

bool Scripts::Running::note_write() {
  State seen = State::runs;
  state_.compare_exchange_strong(seen, State::has_written);
  return seen != State::killed;
}

Scripts::Killed Scripts::kill() {
  auto seen = Running::State::runs;
  state_.compare_exchange_strong(seen, Running::State::killed);
  switch (seen) {
    case Running::State::none: return Killed::none_runs;
    case Running::State::has_written: return Killed::has_written;
    case Running::State::runs:
    case Running::State::killed: return Killed::yes;
  }
  return Killed::yes;
}

}  // namespace hybrid::server
