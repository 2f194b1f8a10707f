// hybrid import: makes a new store of what `hybrid export` wrote, or nothing. Memory: one line, and a digest for each session.
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <unordered_map>

#include "cli/command.hpp"
#include "cli/export_format.hpp"
#include "cli/output.hpp"
#include "store/new_store.hpp"

namespace hybrid::cli {
namespace {

constexpr const char* kFooter =
    R"(FILE is what 'hybrid export' wrote; - is standard input. A new store is made of it, with the same sessions, times,
versions, keys and values; all or nothing. What is wrong with a line is said with the line's number. DIR must not
be there, or be an empty directory; if it is stopped before its end, only DIR.unfinished-... is there.

Examples:
  hybrid import sessions.jsonl sessions/
  zcat sessions.jsonl.gz | hybrid import - sessions/

Exit codes:
  0  fine
  1  FILE is no export, was changed or cut short; nothing was made
  2  wrong use, FILE cannot be read, or DIR is not empty or cannot be written)";

struct Options {
  std::string file;
  std::string directory;
  bool json = false;
};

// Lines of a file, of bounded length.
class LineReader {
 public:
  static Result<LineReader> open(const std::string& path) {
    if (path == "-") return LineReader{{stdin, [](std::FILE*) { return 0; }}};
    LineReader reader{{std::fopen(path.c_str(), "re"), &std::fclose}};
    if (!reader.file_) return std::unexpected(Error{Errc::io, "cannot open '" + path + "'", errno});
    return reader;
  }

  // The next line, without its end, until the next call; nothing at the file's end.
  Result<std::optional<std::string_view>> next() {
    line_.clear();
    for (;;) {
      const std::string_view rest = std::string_view{buffer_}.substr(at_, filled_ - at_);
      const std::size_t end = rest.find('\n');
      line_ += rest.substr(0, end);
      if (line_.size() > kLineBytesMax) {
        return std::unexpected(Error{Errc::corrupt, "it is longer than any session's"});
      }
      if (end != std::string_view::npos) {
        at_ += end + 1;
        return line_;
      }
      at_ = 0;
      filled_ = std::fread(buffer_.data(), 1, buffer_.size(), file_.get());
      if (filled_ > 0) continue;
      if (std::ferror(file_.get()) != 0)
        return std::unexpected(Error{Errc::io, "it cannot be read", errno});
      if (line_.empty()) return std::nullopt;
      return line_;
    }
  }

 private:
  using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
  // A session holds 64 MiB, and no byte of it takes more than a few characters.
  static constexpr std::size_t kLineBytesMax = std::size_t{1} << 30;

  explicit LineReader(File file) : file_(std::move(file)) {}

  File file_;
  std::string buffer_ = std::string(std::size_t{64} << 10, '\0');
  std::size_t at_ = 0;
  std::size_t filled_ = 0;
  std::string line_;
};

std::unexpected<Error> wrong(std::string what) {
  return std::unexpected(Error{Errc::corrupt, std::move(what)});
}

class Import {
 public:
  explicit Import(store::NewStore& to) : to_(to) {}

  // Errors are of this line.
  Result<void> line(std::string_view text) {
    ++lines_;
    if (ended_) return wrong("nothing may follow the last line");
    Json json;
    try {
      json = Json::parse(text);
    } catch (const Json::parse_error& error) {
      return wrong(fmt::format("it is no JSON, at byte {}", error.byte));
    } catch (const Json::exception&) {  // a number that nothing can hold
      return wrong("it is no JSON that can be read");
    }
    if (lines_ == 1) return header(json);
    if (json.is_object() && json.contains("sessions")) return end(json);
    return session(json);
  }
  Result<void> finish() const {
    if (ended_) return {};
    if (lines_ == 0) return wrong("it is empty, which no export is");
    return wrong(fmt::format(
        "it ends after line {}, without the last line of an export: it was cut short", lines_));
  }
  std::uint64_t lines() const { return lines_; }

 private:
  Result<void> header(const Json& json) {
    if (!json.is_object() || !json.contains("hybrid_export"))
      return wrong("it is not the header of an export that 'hybrid export' made");
    if (json.at("hybrid_export") != kExportVersion) {
      return std::unexpected(Error{
          Errc::unsupported, "the export was made by a newer hybrid; import it with that one"});
    }
    return {};
  }

  Result<void> session(const Json& json) {
    const auto session = parse_session(json);
    if (!session) return wrong(message_of(session.error()));
    const auto [before, is_new] = line_of_.emplace(session->sid, lines_);
    if (!is_new) return wrong(fmt::format("its session was on line {} already", before->second));
    return to_.add(session->sid, session->image);
  }

  Result<void> end(const Json& json) {
    ended_ = true;
    if (json.at("sessions") == to_.sessions()) return {};
    return wrong(fmt::format("it does not say that there were {}: lines are missing or were added",
                             counted(to_.sessions(), "session")));
  }

  store::NewStore& to_;
  std::uint64_t lines_ = 0;
  bool ended_ = false;
  std::unordered_map<Digest, std::uint64_t> line_of_;
};

Result<std::uint64_t> import_file(const Options& options) {
  auto reader = LineReader::open(options.file);
  if (!reader) return std::unexpected(reader.error());
  auto to = store::NewStore::make(io::posix_file_system(), options.directory, SystemClock{}.now());
  if (!to) return std::unexpected(to.error());
  Import import{*to};
  const std::string name = options.file == "-" ? "standard input" : "'" + options.file + "'";
  const auto in_line = [&](const Error& error, std::uint64_t line) {
    return std::unexpected(
        Error{error.code(), fmt::format("{}, line {}: {}", name, line, message_of(error))});
  };
  for (;;) {
    const auto line = reader->next();
    if (!line) return in_line(line.error(), import.lines() + 1);
    if (!*line) break;
    if (auto taken = import.line(**line); !taken) {
      const Errc code = taken.error().code();
      if (code != Errc::corrupt && code != Errc::unsupported)
        return std::unexpected(taken.error());  // not the line's fault
      return in_line(taken.error(), import.lines());
    }
  }
  if (auto finished = import.finish(); !finished) {
    return std::unexpected(
        Error{finished.error().code(), name + ": " + message_of(finished.error())});
  }
  if (auto published = to->publish(); !published) return std::unexpected(published.error());
  return to->sessions();
}

int run_import(const Options& options) {
  const auto count = import_file(options);
  if (!count) return complain(count.error());
  Output out;
  if (options.json) {
    out.line(json_text({{"directory", options.directory}, {"sessions", *count}}));
  } else {
    out.line(printable(
        fmt::format("imported: {}, to '{}'", counted(*count, "session"), options.directory)));
  }
  out.flush();
  return kFine;
}

}  // namespace

void add_import(CLI::App& app, Run& run) {
  auto* const command =
      app.add_subcommand("import", "Makes a new store of what 'hybrid export' wrote");
  auto options = std::make_shared<Options>();
  command->add_option("FILE", options->file, "What 'hybrid export' wrote; - is standard input")
      ->required()
      ->type_name("");
  command->add_option("DIR", options->directory, "The directory of the new store")
      ->required()
      ->type_name("");
  command->add_flag("--json", options->json, "The answer as one JSON object");
  command->footer(kFooter);
  command->callback([&run, options] { run = [options] { return run_import(*options); }; });
}

}  // namespace hybrid::cli
