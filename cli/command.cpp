#include "cli/command.hpp"

#include <cerrno>
#include <cstdio>
#include <memory>

#include "hybrid/params.hpp"

namespace hybrid::cli {
namespace {

constexpr std::size_t kDigitsMin = 8;
constexpr std::size_t kDigitsMax = 64;

std::optional<unsigned> digit_value(char digit) {
  if (digit >= '0' && digit <= '9') return static_cast<unsigned>(digit - '0');
  if (digit >= 'a' && digit <= 'f') return static_cast<unsigned>(digit - 'a') + 10;
  if (digit >= 'A' && digit <= 'F') return static_cast<unsigned>(digit - 'A') + 10;
  return std::nullopt;
}

// An id in a file, with or without the end of the line; "-" is standard input.
Result<std::string> read_sid(const std::string& path) {
  const bool standard_input = path == "-";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{
      standard_input ? stdin : std::fopen(path.c_str(), "re"),
      standard_input ? [](std::FILE*) { return 0; } : &std::fclose};
  if (!file) return std::unexpected(Error{Errc::io, "cannot open '" + path + "'", errno});
  std::string sid(kSidBytesMax + 2, '\0');
  sid.resize(std::fread(sid.data(), 1, sid.size(), file.get()));
  if (std::ferror(file.get()) != 0)
    return std::unexpected(Error{Errc::io, "cannot read '" + path + "'", errno});
  if (sid.ends_with('\n')) sid.pop_back();
  if (sid.ends_with('\r')) sid.pop_back();
  return sid;
}

}  // namespace

void add_directory(CLI::App& command, std::string& directory) {
  command.add_option("DIR", directory, "The directory of the store")->required()->type_name("");
}

Result<SessionName> SessionName::of_sid(std::string_view sid) {
  if (sid.empty() || sid.size() > kSidBytesMax) {
    return std::unexpected(Error{Errc::invalid_argument, "a session id has 1 to 1024 bytes"});
  }
  SessionName name;
  name.digest_ = digest_of(sid);
  name.digits_ = kDigitsMax;
  return name;
}

Result<SessionName> SessionName::of_digest(std::string_view hex) {
  const auto wrong = [] {
    return std::unexpected(
        Error{Errc::invalid_argument,
              "--digest takes 8 to 64 hexadecimal digits, as 'hybrid inspect' shows them"});
  };
  if (hex.size() < kDigitsMin || hex.size() > kDigitsMax) return wrong();
  SessionName name;
  name.digits_ = hex.size();
  for (std::size_t i = 0; i < hex.size(); ++i) {
    const auto value = digit_value(hex[i]);
    if (!value) return wrong();
    name.digest_.bytes[i / 2] |= static_cast<std::byte>(i % 2 == 0 ? *value << 4 : *value);
  }
  return name;
}

bool SessionName::matches(const Digest& digest) const {
  const std::size_t whole = digits_ / 2;
  if (std::memcmp(digest.bytes.data(), digest_.bytes.data(), whole) != 0) return false;
  return digits_ % 2 == 0 || (digest.bytes[whole] >> 4) == (digest_.bytes[whole] >> 4);
}

void add_session_options(CLI::App& command, SessionOptions& options) {
  auto* const sid = command
                        .add_option("--sid", options.sid,
                                    "The session with this id. The id is hashed and never printed, "
                                    "but others may see it in the\n"
                                    "list of processes: prefer --sid-file")
                        ->type_name("ID");
  auto* const file = command
                         .add_option("--sid-file", options.sid_file,
                                     "The same, the id read from a file; - is standard input")
                         ->type_name("FILE");
  auto* const digest = command
                           .add_option("--digest", options.digest,
                                       "The session whose id has this SHA-256; the first 8 or more "
                                       "hexadecimal digits suffice")
                           ->type_name("HEX");
  sid->excludes(file, digest);
  file->excludes(digest);
}

Result<std::optional<SessionName>> session_named(const CLI::App& command,
                                                 const SessionOptions& options) {
  Result<SessionName> name = std::unexpected(Error{Errc::invalid_argument});
  if (command.count("--sid") > 0) {
    name = SessionName::of_sid(options.sid);
  } else if (command.count("--sid-file") > 0) {
    const auto sid = read_sid(options.sid_file);
    if (!sid) return std::unexpected(sid.error());
    name = SessionName::of_sid(*sid);
  } else if (command.count("--digest") > 0) {
    name = SessionName::of_digest(options.digest);
  } else {
    return std::optional<SessionName>{};
  }
  if (!name) return std::unexpected(name.error());
  return std::optional{*name};
}

}  // namespace hybrid::cli
