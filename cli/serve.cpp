// hybrid serve: a store's sessions by the Redis protocol.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <hybrid/hybrid.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "cli/config_file.hpp"
#include "cli/output.hpp"
#include "cli/progress.hpp"
#include "server/numbers.hpp"
#include "server/server.hpp"

namespace hybrid::cli {
namespace {

using namespace std::chrono_literals;

constexpr const char* kFooter =
    R"(Redis clients use it as they use Redis: a hash is a session, a string is a session with one value, and all of them
survive kill -9. docs/server.md says which commands there are and what differs. C++ programs open the same directory with
hybrid::open() when the server does not run.

When it is ready it prints one line, "ready" and the addresses. SIGTERM and SIGINT stop it: replies that are under way
are sent, the store is closed, and it ends with 0. After SIGHUP new connections get what is in --tls-cert and --tls-key
then; all else stays as it is. The log goes to standard error. It tells systemd that it is ready, and takes sockets from
it (Type=notify, hybrid.socket); then --port and --bind say nothing.

Every option may also stand in a file (--config), as NAME=VALUE, one a line; the command line counts more.

Examples:
  hybrid serve --dir data/
  hybrid serve --dir data/ --unix /run/hybrid/hybrid.sock --port -1
  hybrid serve --dir data/ --bind 0.0.0.0 --password-file secret.txt --tls-cert cert.pem --tls-key key.pem
  hybrid serve --dir data/ --protect-prefix sess: --durability always
  hybrid serve --config /etc/hybrid.conf

Exit codes:
  0  stopped as asked
  1  the store is damaged; nothing was changed
  2  wrong use, or the store or an address cannot be used)";

struct Options {
  std::string directory = "data";
  int port = 6380;  // -1: none
  std::vector<std::string> bind{"127.0.0.1"};
  std::string unix_path;
  std::string unix_mode = "700";
  Durability durability = Durability::interval;
  unsigned sync_interval_ms = 1000;
  bool sync_security_ops = false;
  std::string password_file;
  std::vector<std::string> users;
  bool no_password = false;
  std::string tls_certificate;
  std::string tls_key;
  std::vector<std::string> protect_prefixes;
  unsigned protect_seconds = 3600;
  server::BuriedKeys::Then protect_then = server::BuriedKeys::Then::refuse;
  std::string notify;
  unsigned threads = 0;
  std::size_t connections_max = 10000;
  std::uint64_t memory_max = 0;
  std::size_t request_bytes_max = std::size_t{64} << 20;
  std::size_t output_bytes_max = std::size_t{64} << 20;
  unsigned script_ms = 5000;
  unsigned idle_seconds = 0;
  unsigned grace_seconds = 10;
  bool allow_debug = false;
};

// One line, at a time that people read.
void log_line(const std::string& line) {
  using namespace std::chrono;
  const Millis now = duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  say(time_text(now) + ' ' + printable(line));
}

// Its first line.
Result<std::string> read_password(const std::string& path) {
  errno = 0;
  std::ifstream file{path};
  std::string line;
  if (!file || !std::getline(file, line)) {
    const std::string why = errno != 0 ? std::string{": "} + std::strerror(errno) : "";
    return std::unexpected(
        Error{Errc::invalid_argument,
              "cannot read a password from the first line of '" + path + "'" + why});
  }
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0 && (status.st_mode & S_IROTH) != 0)
    log_line("everybody on this machine may read the password in '" + path + "'; chmod 600 it");
  if (line.ends_with('\r')) line.pop_back();
  if (line.empty())
    return std::unexpected(
        Error{Errc::invalid_argument, "the password in '" + path + "' is empty"});
  return line;
}

Result<server::Users> make_users(const Options& options) {
  server::Users users;
  if (!options.password_file.empty()) {
    const auto password = read_password(options.password_file);
    if (!password) return std::unexpected(password.error());
    users.add({.name = "default", .password = digest_of(*password)});
  }
  for (const std::string& text : options.users) {
    auto user = server::Users::parse(text);
    if (!user) return std::unexpected(user.error());
    users.add(std::move(*user));
  }
  return users;
}

bool is_loopback(const std::string& address) {
  return address == "::1" || address == "localhost" || address.starts_with("127.");
}

// As Server::addresses() has it.
bool is_on_this_machine(std::string_view address) {
  if (address.starts_with("tls:")) address.remove_prefix(4);
  return address.starts_with("unix:") || address.starts_with("127.") ||
         address.starts_with("[::1]:");
}

// The protocol of sd_notify(3): a datagram to the socket that systemd names.
void tell_systemd(std::string_view state) {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path == nullptr || std::strlen(path) >= sizeof address.sun_path) return;
  std::strcpy(address.sun_path, path);
  const bool is_abstract = path[0] == '@';
  if (is_abstract) address.sun_path[0] = '\0';
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path) +
                                           (is_abstract ? 0 : 1));
  ::sendto(descriptor, state.data(), state.size(), MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&address), size);
  ::close(descriptor);
}

// The sockets that systemd opened for us, by sd_listen_fds(3).
Result<int> sockets_of_systemd() {
  const char* const process = std::getenv("LISTEN_PID");
  const char* const count = std::getenv("LISTEN_FDS");
  if (process == nullptr || count == nullptr || std::to_string(::getpid()) != process) return 0;
  int sockets = 0;
  const char* const end = count + std::strlen(count);
  const auto parsed = std::from_chars(count, end, sockets);
  if (parsed.ec != std::errc{} || parsed.ptr != end || sockets < 0) {
    return std::unexpected(
        Error{Errc::invalid_argument, std::string{"LISTEN_FDS is no number: "} + count});
  }
  return sockets;
}

Result<void> listen(server::Server& server, const Options& options) {
  constexpr int kFirstOfSystemd = 3;
  const auto given = sockets_of_systemd();
  if (!given) return std::unexpected(given.error());
  std::optional<net::TlsFiles> tls;
  if (!options.tls_certificate.empty()) tls = {options.tls_certificate, options.tls_key};
  for (int i = 0; i < *given; ++i) {
    if (auto adopted = server.net().adopt(kFirstOfSystemd + i, tls); !adopted) return adopted;
  }
  if (*given > 0) {
    log_line("took " + counted(static_cast<std::uint64_t>(*given), "socket") +
             " from systemd; --port and --bind say nothing");
  } else if (options.port >= 0) {
    for (const std::string& address : options.bind) {
      auto port = server.net().listen_tcp(address == "localhost" ? "127.0.0.1" : address,
                                          static_cast<std::uint16_t>(options.port), tls);
      if (!port) return std::unexpected(port.error());
    }
  }
  if (!options.unix_path.empty()) {
    const auto mode = static_cast<unsigned>(std::strtoul(options.unix_mode.c_str(), nullptr, 8));
    if (auto bound = server.net().listen_unix(options.unix_path, mode); !bound) return bound;
  }
  if (server.net().addresses().empty()) {
    return std::unexpected(
        Error{Errc::invalid_argument, "there is nowhere to listen; give --port, --unix or both"});
  }
  return {};
}

Result<void> check(const Options& options, const server::Users& users) {
  const auto wrong = [](const char* what) {
    return std::unexpected(Error{Errc::invalid_argument, what});
  };
  if (options.tls_certificate.empty() != options.tls_key.empty())
    return wrong("--tls-cert and --tls-key go together");
  const bool beyond = options.port >= 0 && !std::ranges::all_of(options.bind, is_loopback);
  if (beyond && !users.ask_for_password() && !options.no_password) {
    return wrong(
        "--bind names an address that others can reach: give --password-file too, or --no-password "
        "if everybody may read and change all sessions");
  }
  if (!options.users.empty() && !users.ask_for_password() && !options.no_password) {
    return wrong(
        "--user keeps nobody out while the user default needs no password: give --password-file "
        "too, or --no-password if that is meant");
  }
  return {};
}

// The store's files need some, and a connection that finds none left could not even be told.
std::size_t connections_that_fit(std::size_t wanted) {
  constexpr rlim_t kKept = 128;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return wanted;
  const std::size_t most = limit.rlim_cur > 2 * kKept ? limit.rlim_cur - kKept : limit.rlim_cur / 2;
  if (wanted <= most) return wanted;
  log_line(fmt::format(
      "--max-clients is {} instead of {}, since the process may open {} files (ulimit -n)", most,
      wanted, limit.rlim_cur));
  return most;
}

// Thrown while the store is read.
struct Stopped {};

void stop_if_asked(const sigset_t& signals) {
  constexpr timespec kNow{};
  for (;;) {
    const int signal = ::sigtimedwait(&signals, nullptr, &kNow);
    if (signal == SIGTERM || signal == SIGINT) throw Stopped{};
    if (signal < 0) return;
  }
}

void wait_for_the_end(server::Server& server, bool has_tls, const sigset_t& signals) {
  for (;;) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal == SIGTERM || signal == SIGINT) return;
    if (signal != SIGHUP) continue;
    if (!has_tls) {
      log_line("SIGHUP: there is no certificate to read again");
      continue;
    }
    const auto reloaded = server.net().reload_tls();
    log_line(reloaded ? "SIGHUP: new connections get the certificate that is there now"
                      : "SIGHUP: the certificate stays as it was: " + message_of(reloaded.error()));
  }
}

int serve(const Options& options) {
  // Before any thread is there, so that none of them gets these.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  auto users = make_users(options);
  if (!users) return complain(users.error());
  if (auto checked = check(options, *users); !checked) return complain(checked.error());
  const std::size_t connections_max = connections_that_fit(options.connections_max);

  Params params;
  // In `always`, and for security ops, the server waits for what was written itself, for many connections at a time.
  params.durability =
      options.durability == Durability::always ? Durability::interval : options.durability;
  params.sync_interval = std::chrono::milliseconds{options.sync_interval_ms};
  ProgressLine progress{"read"};
  params.on_recovery_progress = [&](const RecoveryReport& report) {
    progress.show(report.bytes_read, report.bytes_total);
    stop_if_asked(signals);
  };
  auto store = open("file:" + options.directory, params);
  if (!store) return complain(store.error());
  stop_if_asked(signals);
  const auto stats = (*store)->stats();
  if (stats) {
    const RecoveryReport& report = stats->recovery;
    log_line(fmt::format(
        "{} from '{}' in {:.1f} s{}", counted(report.sessions, "session"), options.directory,
        report.seconds,
        report.bytes_cut > 0
            ? "; cut a torn tail of " + counted(report.bytes_cut, "byte") + ": " + report.cut_reason
            : ""));
  }

  server::Server server{
      **store,
      {.service = {.durability = options.durability,
                   .sync_security_ops = options.sync_security_ops,
                   .users = *users,
                   .buried = {.prefixes = options.protect_prefixes,
                              .time = std::chrono::seconds{options.protect_seconds},
                              .then = options.protect_then},
                   .allow_debug = options.allow_debug,
                   .directory = options.directory,
                   .memory_max = options.memory_max,
                   .request_bytes_max = options.request_bytes_max,
                   .connections_max = connections_max,
                   .idle_timeout = std::chrono::seconds{options.idle_seconds},
                   .script_time_max = std::chrono::milliseconds{options.script_ms},
                   .log = log_line,
                   .on_shutdown = [] { ::kill(::getpid(), SIGTERM); }},
       .limits = {.connections_max = connections_max,
                  .output_bytes_max = options.output_bytes_max,
                  .idle_timeout = std::chrono::seconds{options.idle_seconds}},
       .threads = options.threads}};
  if (!server.service().set_notified(options.notify)) {
    return complain(kWrongUse, "--notify-keyspace-events takes letters of AKEg$lshzxetdmn");
  }
  if (auto listening = listen(server, options); !listening) return complain(listening.error());
  // Sockets of systemd among them.
  const auto addresses = server.net().addresses();
  const bool beyond = !std::ranges::all_of(addresses, is_on_this_machine);
  if (beyond && !users->ask_for_password() && !options.no_password) {
    return complain(kWrongUse,
                    "a socket can be reached from other machines: give --password-file too, or "
                    "--no-password if everybody may read and change all sessions");
  }
  if (auto started = server.net().start(); !started) return complain(started.error());

  std::string ready = "ready";
  for (const std::string& address : server.net().addresses()) ready += " " + address;
  try {
    Output out;
    out.line(ready);
    out.flush();
  } catch (const OutputClosed&) {
    log_line(ready);
  } catch (const OutputFailed&) {
    log_line(ready);
  }
  tell_systemd("READY=1");

  wait_for_the_end(server, !options.tls_certificate.empty(), signals);
  log_line("stopping");
  tell_systemd("STOPPING=1");
  server.net().stop(std::chrono::seconds{options.grace_seconds});
  if (auto flushed = (*store)->flush(); !flushed) return complain(flushed.error());
  return kFine;
}

CLI::Validator range(int min, int max) {
  return CLI::Range(min, max).description(fmt::format("{} to {}", min, max));
}

template <class T>
using Choices = std::vector<std::pair<std::string, T>>;

// An option whose value is one of a few names, of which the first is what it is without it.
template <class T>
void add_choice(CLI::App& command, const char* name, const char* what, T& value,
                const Choices<T>& choices) {
  std::string names;
  for (const auto& [choice, meaning] : choices) names += (names.empty() ? "" : "|") + choice;
  const auto find = [choices](const std::string& text) -> std::optional<T> {
    for (const auto& [choice, meaning] : choices) {
      if (choice == CLI::detail::to_lower(text)) return meaning;
    }
    return std::nullopt;
  };
  const auto check = [find, names](const std::string& text) {
    return find(text) ? std::string{} : "'" + text + "' is none of " + names;
  };
  const auto take = [find, &value](const std::string& text) { value = find(text).value(); };
  command.add_option_function<std::string>(name, take, what)
      ->check(CLI::Validator{check, ""})
      ->type_name(names)
      ->default_str(choices.front().first);
}

}  // namespace

void add_serve(CLI::App& app, Run& run) {
  auto* const command =
      app.add_subcommand("serve", "Serves the sessions of a store by the Redis protocol");
  auto options = std::make_shared<Options>();
  const auto add = [&](const char* name, auto& value, const char* what, const char* type) {
    CLI::Option* const option = command->add_option(name, value, what)->type_name(type);
    if constexpr (requires { value.empty(); }) {
      if (value.empty()) return option;  // there is no default to show
    }
    return option->capture_default_str();
  };
  add_config(*command);
  add("--dir", options->directory, "The store's directory; made if it is not there", "DIR");
  add("--port", options->port, "TCP port; 0: a free one, -1: no TCP", "N")->check(range(-1, 65535));
  add("--bind", options->bind, "IP addresses to listen on, with commas between them", "ADDR")
      ->delimiter(',');
  add("--unix", options->unix_path, "A unix socket to listen on as well", "PATH")
      ->check(CLI::Validator{
          [](std::string& path) { return std::string{path.empty() ? "no path" : ""}; }, ""});
  add("--unix-mode", options->unix_mode, "Its permissions: who may write to it may connect",
      "OCTAL")
      ->check(CLI::Validator{[](std::string& mode) {
                               const bool octal =
                                   !mode.empty() && mode.size() <= 4 &&
                                   mode.find_first_not_of("01234567") == std::string::npos &&
                                   std::stoul(mode, nullptr, 8) <= 0777;
                               return std::string{octal ? "" : "not an octal number of 0 to 777"};
                             },
                             ""});
  add_choice<Durability>(
      *command, "--durability",
      "What a reply to a change promises: interval (kill -9; power loss but for\n"
      "--sync-interval-ms), always (power loss), os (kill -9), none",
      options->durability,
      {{"interval", Durability::interval},
       {"always", Durability::always},
       {"os", Durability::os},
       {"none", Durability::none}});
  add("--sync-interval-ms", options->sync_interval_ms, "Of interval", "N")
      ->check(range(1, 3600000));
  command->add_flag("--sync-security-ops", options->sync_security_ops,
                    "In interval, a DEL or RENAME waits until it survives power loss");
  add("--password-file", options->password_file,
      "Clients must give the password in the first line of this file", "FILE");
  add("--user", options->users,
      "NAME:HASH or NAME:HASH:readonly, one more user; HASH is the SHA-256 of the password", "USER")
      ->delimiter(',');
  command->add_flag("--no-password", options->no_password,
                    "Listen beyond this machine though there is no password");
  add("--tls-cert", options->tls_certificate, "PEM; with it the TCP port speaks TLS", "FILE");
  add("--tls-key", options->tls_key, "PEM", "FILE");
  add("--protect-prefix", options->protect_prefixes,
      "Keys with this prefix that were deleted or renamed cannot be made again for an hour,\n"
      "so that a request under way does not undo a logout",
      "PREFIX")
      ->delimiter(',');
  add("--protect-seconds", options->protect_seconds, "For so long, up to a day", "N")
      ->check(range(0, 86400));
  add_choice<server::BuriedKeys::Then>(
      *command, "--protect-action", "What happens to such a write: an error, or nothing",
      options->protect_then,
      {{"refuse", server::BuriedKeys::Then::refuse}, {"ignore", server::BuriedKeys::Then::ignore}});
  add("--notify-keyspace-events", options->notify, "As Redis has it, e.g. Egx", "FLAGS");
  add("--threads", options->threads, "That serve connections; 0: one per processor", "N")
      ->check(range(0, 1024));
  add("--max-clients", options->connections_max, "Connections at a time", "N")
      ->check(range(1, 1'000'000));
  // A number, or one with a unit.
  const CLI::Validator bytes{
      [](std::string& text) {
        const auto parsed = server::parse_memory(text);
        if (!parsed)
          return "'" + text + "' is neither bytes nor a number with k, kb, m, mb, g or gb";
        text = std::to_string(*parsed);
        return std::string{};
      },
      ""};
  const CLI::Validator at_least_64_kib{
      [](std::string& text) {
        const auto parsed = server::parse_memory(text);
        return std::string{parsed && *parsed >= 65536 ? "" : "'" + text + "' is less than 64kb"};
      },
      ""};
  add("--max-memory", options->memory_max,
      "That sessions may take, e.g. 500mb or 2gb; past it changes that need more are refused "
      "(OOM).\n"
      "0: no limit",
      "BYTES")
      ->transform(bytes);
  add("--max-request-bytes", options->request_bytes_max, "Of one request, 64kb or more", "BYTES")
      ->transform(bytes)
      ->check(at_least_64_kib);
  add("--max-output-bytes", options->output_bytes_max,
      "Unread replies of one client; past it the server waits until some are read, and\n"
      "disconnects a client that reads none for a minute",
      "BYTES")
      ->transform(bytes)
      ->check(at_least_64_kib);
  add("--max-script-ms", options->script_ms,
      "A script that runs longer is stopped; nobody else is served meanwhile", "N")
      ->check(range(1, 3600000));
  add("--timeout", options->idle_seconds,
      "Silent clients are disconnected after so many seconds; 0: never", "N");
  add("--grace-seconds", options->grace_seconds, "How long replies may take to go out at the end",
      "N");
  command->add_flag("--allow-debug", options->allow_debug,
                    "DEBUG SLEEP and DEBUG PROTOCOL work, for tests");
  command->footer(kFooter);
  command->callback([&run, options] {
    run = [options] {
      try {
        return serve(*options);
      } catch (const Stopped&) {
        log_line("stopped while the store was read");
        return +kFine;
      }
    };
  });
}

}  // namespace hybrid::cli
