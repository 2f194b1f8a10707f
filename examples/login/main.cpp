// A small shop that shows what hybrid does: sessions at the speed of memory that outlive the program.
// README.md says what to try and where to read on.

#include <cstdio>
#include <utility>

#include <httplib.h>
#include <unistd.h>

#include "app.hpp"
#include "options.hpp"
#include "stores.hpp"
#include "web_server.hpp"

namespace {

constexpr int kCouldNot = 1;
constexpr int kWrongUse = 2;

int complain(const char* what, int code) {
  std::fprintf(stderr, "example_login: %s\n", what);
  return code;
}

void print_address(const example::Options& options, int port) {
  std::printf("\n  http://%s:%d  (Ctrl-C stops it)\n\n", options.host.c_str(), port);
  std::printf("Fill a basket and log in; then kill -9 %d, start again and reload the page.\n\n",
              static_cast<int>(getpid()));
  std::fflush(stdout);
}

int run(const example::Options& options) {
  example::hold_signals();
  httplib::Server server;
  example::prepare(server, options.secure);
  const auto port = example::bind(server, options.host, options.port);
  if (!port) return complain(port.error().c_str(), kCouldNot);

  auto stores = example::open_stores(options);
  if (!stores) return complain(stores.error().message().c_str(), kCouldNot);
  example::print_recovery(*stores, options);

  // By plain http browsers would drop a Secure cookie, and nobody could log in.
  auto sessions = hybrid::http::Sessions::make(
      *stores->sessions,
      {.cookie = {.name = options.secure ? "__Host-sid" : "sid", .secure = options.secure},
       .idle_timeout = options.idle});
  if (!sessions) return complain(sessions.error().message().c_str(), kCouldNot);
  example::App app{std::move(*sessions), example::Users{std::move(stores->users)}};
  app.add_to(server);
  print_address(options, *port);
  if (!example::serve_until_signal(server)) return complain("listening broke off", kCouldNot);
  std::puts("Stopped.");
  return 0;  // the stores close here
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = example::parse_options(argc, argv);
  if (!options) return complain((options.error() + "; see --help").c_str(), kWrongUse);
  if (options->help) {
    std::fputs(example::kHelp, stdout);
    return 0;
  }
  return run(*options);
}
