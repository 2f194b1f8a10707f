#include "stores.hpp"

#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include <unistd.h>

namespace example {
namespace {

// However busy. That they end when idle is said in main.cpp, since "remember me" makes a difference.
constexpr std::chrono::days kSessionLifetime{60};

void show_progress(const hybrid::RecoveryReport& report) {
  if (report.bytes_total == 0) return;
  std::fprintf(stderr, "\rreading the log: %3d %%, %llu records ",
               static_cast<int>(100 * report.bytes_read / report.bytes_total),
               static_cast<unsigned long long>(report.records));
}

hybrid::Params common_params() {
  hybrid::Params params;
  if (isatty(STDERR_FILENO) != 0) params.on_recovery_progress = show_progress;
  return params;
}

hybrid::Params session_params(const Options& options) {
  hybrid::Params params = common_params();
  params.durability = options.durability;
  params.sync_security_ops = true;  // a power cut must not undo a logout
  params.absolute_timeout = kSessionLifetime;
  return params;
}

hybrid::Params user_params() {
  hybrid::Params params = common_params();
  params.durability = hybrid::Durability::always;
  return params;
}

void print_store(const char* name, const char* unit, hybrid::Provider& store) {
  const auto stats = store.stats();
  if (!stats) return;
  const hybrid::RecoveryReport& report = stats->recovery;
  std::printf("  %-12s %llu %s, from %llu records in %.3f s%s\n", name,
              static_cast<unsigned long long>(report.sessions), unit,
              static_cast<unsigned long long>(report.records), report.seconds,
              report.clean_close ? "" : " (it was not closed)");
  if (report.bytes_cut != 0)
    std::printf("  %-12s %llu bytes dropped: %s\n", "",
                static_cast<unsigned long long>(report.bytes_cut), report.cut_reason.c_str());
}

}  // namespace

hybrid::Result<Stores> open_stores(const Options& options) {
  // hybrid makes a store's own directory, readable by its owner only, but not those above it.
  std::error_code error;
  std::filesystem::create_directories(options.directory, error);
  if (error)
    return std::unexpected(hybrid::Error{
        hybrid::Errc::io, "cannot make '" + options.directory + "': " + error.message()});

  auto sessions = hybrid::open(options.directory + "/sessions", session_params(options));
  if (!sessions) return std::unexpected(sessions.error());
  auto users = hybrid::open(options.directory + "/users", user_params());
  if (!users) return std::unexpected(users.error());
  return Stores{std::move(*sessions), std::move(*users)};
}

void print_recovery(Stores& stores, const Options& options) {
  if (isatty(STDERR_FILENO) != 0) std::fputs("\r\033[K", stderr);
  std::printf("\nHybrid Tea: sessions kept in %s\n", options.directory.c_str());
  print_store("sessions", "alive", *stores.sessions);
  print_store("users", "known", *stores.users);
}

}  // namespace example
