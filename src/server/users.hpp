// Who may use the server, and what for. Passwords are kept as their SHA-256 only.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.hpp"
#include "base/thread.hpp"
#include "base/thread_annotations.hpp"
#include "hybrid/error.hpp"

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
  // is refused meanwhile whatever it says. Any thread.
  const User* check(std::string_view name, std::string_view password, std::string_view from);

 private:
  struct Failures {
    unsigned count = 0;
    SteadyClock::time_point until;
  };

  std::map<std::string, User, std::less<>> users_;  // not changed once the server runs
  Mutex mutex_;
  std::map<std::string, Failures, std::less<>> failures_ HYBRID_GUARDED_BY(mutex_);
};

}  // namespace hybrid::server
