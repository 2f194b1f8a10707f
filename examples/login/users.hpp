#pragma once
// The accounts. They are kept in hybrid as well: one "session" for each user, whose id is the user's
// name, in a store of its own since it has other rules (accounts never expire, and each change of one
// is on the disk before it is acknowledged). hybrid files a session under the SHA-256 of its id, so the
// names are not in its log either.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <hybrid/hybrid.hpp>

namespace example {

class Users {
 public:
  explicit Users(std::unique_ptr<hybrid::Provider> store) : store_(std::move(store)) {}

  /// False if the name is taken.
  bool add(const std::string& name, std::string_view password);

  enum class Check { right, wrong, too_many_attempts };
  /// After kAttemptsMax wrong ones within kAttemptsWindow no password is looked at for the rest of it.
  Check check(const std::string& name, std::string_view password);

  /// Returns the new generation.
  int change_password(const std::string& name, std::string_view password);

  /// Rises when the password changes: a session that was logged in before is no longer good. Nothing
  /// if there is no such user.
  std::optional<int> generation(const std::string& name);
  static constexpr int kFirstGeneration = 1;

  static constexpr int kAttemptsMax = 5;
  static constexpr std::chrono::seconds kAttemptsWindow{60};

 private:
  std::optional<hybrid::Session> find(const std::string& name);

  std::unique_ptr<hybrid::Provider> store_;
};

/// What is wrong with a name or password that somebody wants to register; empty if nothing.
std::string objection_to_name(std::string_view name);
std::string objection_to_password(std::string_view password);

/// Names are compared in lower case: "Ada" logs in as "ada".
std::string normalised_name(std::string name);

}  // namespace example
