// Who may use the server, and what for. Passwords are kept as their SHA-256 only.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/digest.hpp"
#include "base/thread.hpp"
#include "base/thread_annotations.hpp"
#include "hybrid/error.hpp"
#include "server/once_a_minute.hpp"

namespace hybrid::server {

struct User {
  std::string name;
  std::optional<Digest> password;  // of the password; none: any will do
  bool read_only = false;
};

class Users {
 public:
  // Nobody but `default`, who needs no password.
  Users() { add({.name = "default", .password = {}}); }
  Users(const Users& other) : users_(other.users_) {}
  // `log` gets a line when an address has to wait, once a minute at most.
  Users(const Users& other, std::function<void(std::string)> log)
      : users_(other.users_), log_(std::move(log)) {}
  Users& operator=(const Users&) = delete;

  // Replaces the one of that name.
  void add(User user) { users_.insert_or_assign(user.name, std::move(user)); }
  // Of "NAME:HASH" or "NAME:HASH:readonly", where HASH is the SHA-256 of the password in 64 hexadecimal digits.
  static Result<User> parse(std::string_view text);

  // Whether `default` must give a password.
  bool ask_for_password() const;
  const User* find(std::string_view name) const;
  const std::map<std::string, User, std::less<>>& all() const { return users_; }

  // The user, if name and password are right. After ten wrong ones in a row `from` (an address) has to wait, longer each time, and
  // is refused meanwhile whatever it says. One of the last eight that is said again is no guess, and counts once: it is what a program
  // says that was not told of a new password. Any thread.
  const User* check(std::string_view name, std::string_view password, std::string_view from);

 private:
  struct Failures {
    unsigned count = 0;
    std::array<Digest, 8> last{};  // of names and passwords, as a ring
    SteadyClock::time_point until;
  };

  void complain(std::string_view from, const Failures& failures, SteadyClock::time_point now);

  std::map<std::string, User, std::less<>> users_;  // not changed once the server runs
  const std::function<void(std::string)> log_;
  Mutex mutex_;
  OnceAMinute may_log_;
  std::map<std::string, Failures, std::less<>> failures_ HYBRID_GUARDED_BY(mutex_);
};

}  // namespace hybrid::server
