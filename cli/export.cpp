// hybrid export: all sessions as JSON lines, consistent at one LSN, also of a store that is in use. Memory: all sessions.
#include <fmt/format.h>

#include <memory>
#include <optional>

#include "cli/command.hpp"
#include "cli/export_format.hpp"
#include "cli/output.hpp"
#include "cli/progress.hpp"
#include "hybrid/version.hpp"
#include "scf/log_snapshot.hpp"
#include "store/new_store.hpp"
#include "store/recovery.hpp"

namespace hybrid::cli {
namespace {

constexpr const char* kFooter =
    R"(One line a session, between a header and a last line that says how many there were. Values are kept exactly,
with their types: 'hybrid import' makes the same store of it. Sessions appear by the SHA-256 of their ids, never
by their ids; timeouts are not in a store, so sessions past one are still there until they are swept.

THE VALUES OF ALL SESSIONS ARE IN IT. A new FILE is made that only you can read; keep it as safe as the store.
Without FILE, or with -, it goes to standard output.

The store may be in use: no lock is taken and nothing is written to it.

Examples:
  hybrid export sessions/ sessions.jsonl
  hybrid export sessions/ | jq -c 'select(.sid) | [.sid, .version]'
  hybrid export sessions/ - | gzip > sessions.jsonl.gz

Exit codes:
  0  fine
  1  the store is damaged
  2  wrong use, the store cannot be read, or FILE is there already or cannot be written)";

struct Options {
  std::string directory;
  std::string file = "-";
};

// Where the lines go: standard output, or a new file, which is removed again unless it is kept.
class Destination {
 public:
  static Result<std::unique_ptr<Destination>> open(const std::string& path) {
    auto destination = std::make_unique<Destination>();
    if (path == "-") return destination;
    auto file = io::posix_file_system().open(path, io::OpenMode::create_new);
    if (!file) return std::unexpected(file.error());
    destination->path_ = path;
    destination->file_ = std::move(*file);
    return destination;
  }
  Destination() = default;
  Destination(const Destination&) = delete;
  Destination& operator=(const Destination&) = delete;
  ~Destination() {
    if (file_) static_cast<void>(io::posix_file_system().remove(path_));
  }

  Result<void> line(std::string_view text) {
    if (!file_) {
      out_.line(text);
      return {};
    }
    lines_.append(text).push_back('\n');
    return lines_.size() < kWriteBytes ? Result<void>{} : write();
  }
  Result<void> keep() {
    if (!file_) {
      out_.flush();
      return {};
    }
    if (auto written = write(); !written) return written;
    if (auto synced = file_->sync(); !synced) return synced;
    file_.reset();
    return {};
  }

 private:
  static constexpr std::size_t kWriteBytes = std::size_t{1} << 20;

  Result<void> write() {
    auto written = file_->write_at(at_, std::as_bytes(std::span{lines_}));
    at_ += lines_.size();
    lines_.clear();
    return written;
  }

  Output out_;
  std::string path_;
  std::unique_ptr<io::File> file_;
  std::string lines_;
  std::uint64_t at_ = 0;
};

struct Sessions {
  store::Table::Owner table;
  scf::LogSummary log;
};

Result<Sessions> read_sessions(const std::string& directory) {
  constexpr int kTriesMax = 5;  // somebody may be opening it after a crash
  for (int tries = 0;; ++tries) {
    const auto snapshot = scf::LogSnapshot::take(io::posix_file_system(), directory);
    if (!snapshot) return std::unexpected(snapshot.error());
    ProgressLine progress;
    Sessions sessions{.table = store::Table::make(), .log = {}};
    auto recovered =
        store::recover(**snapshot, directory, *sessions.table, [&](const RecoveryReport& report) {
          progress.show(report.bytes_read, report.bytes_total);
        });
    if (recovered) {
      sessions.log = std::move(recovered->log);
      return sessions;
    }
    if (recovered.error().code() != Errc::corrupt || tries == kTriesMax)
      return std::unexpected(recovered.error());
  }
}

Result<std::uint64_t> export_store(const Options& options) {
  auto sessions = read_sessions(options.directory);
  if (!sessions) return std::unexpected(sessions.error());
  auto opened = Destination::open(options.file);
  if (!opened) return std::unexpected(opened.error());
  Destination& to = **opened;
  std::uint64_t count = 0;
  const Json header{{"hybrid_export", kExportVersion},
                    {"hybrid", kVersion},
                    {"time", sessions->log.latest_time},
                    {"last_lsn", sessions->log.next_lsn.value - 1}};
  if (auto written = to.line(header.dump()); !written) return std::unexpected(written.error());
  auto written =
      store::for_each_image(*sessions->table, [&](const Digest& sid, const scf::Image& image) {
        ++count;
        return to.line(session_line(sid, image));
      });
  if (written) written = to.line(Json{{"sessions", count}}.dump());
  if (written) written = to.keep();
  if (!written) return std::unexpected(written.error());
  return count;
}

int run_export(const Options& options) {
  const auto count = export_store(options);
  if (!count) return complain(count.error());
  if (options.file == "-") return kFine;
  Output out;
  out.line(
      printable(fmt::format("exported: {}, to '{}'", counted(*count, "session"), options.file)));
  out.flush();
  return kFine;
}

}  // namespace

void add_export(CLI::App& app, Run& run) {
  auto* const command =
      app.add_subcommand("export", "Writes all sessions, values and all, as JSON lines");
  auto options = std::make_shared<Options>();
  add_directory(*command, options->directory);
  command->add_option("FILE", options->file, "A new file; - is standard output")->type_name("");
  command->footer(kFooter);
  command->callback([&run, options] { run = [options] { return run_export(*options); }; });
}

}  // namespace hybrid::cli
