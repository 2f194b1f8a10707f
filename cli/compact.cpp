// hybrid compact: makes the log of a store that nobody has open as short as it can be.
#include <fmt/format.h>

#include <hybrid/provider.hpp>
#include <memory>

#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/progress.hpp"
#include "cli/record_text.hpp"
#include "cli/store_reading.hpp"

namespace hybrid::cli {
namespace {

constexpr const char* kFooter =
    R"(Writes every session once more, and removes the log before that: needs room for both meanwhile. Nothing
is lost if it is stopped, by a crash or by you. A service compacts its store by itself as far as it is
worth it, so this is for a store that is to be kept or copied. A torn tail of a crash is cut off first.

The store must not be open elsewhere; a running service does the same by Provider::compact().

Examples:
  hybrid compact sessions/
  hybrid compact sessions/ --json | jq .log_bytes_after

Exit codes:
  0  fine
  1  the store is damaged; nothing was changed
  2  wrong use, the store is open elsewhere or cannot be written to, or the disk is full)";

struct Options {
  std::string directory;
  bool json = false;
};

struct Compacted {
  Stats before;
  Stats after;
};

Result<Compacted> compact_store(const std::string& directory) {
  // Opening would make a store where none is.
  if (auto is_store = scf::check_is_store(io::posix_file_system(), directory); !is_store)
    return std::unexpected(is_store.error());
  auto store = open("file:" + directory);
  if (!store) return std::unexpected(store.error());
  const auto before = (*store)->stats();
  if (!before) return std::unexpected(before.error());
  ProgressLine progress{"wrote"};
  auto compacted = (*store)->compact(
      [&](std::uint64_t done, std::uint64_t total) { progress.show(done, total); });
  if (!compacted) return std::unexpected(compacted.error());
  const auto after = (*store)->stats();
  if (!after) return std::unexpected(after.error());
  return Compacted{*before, *after};
}

int compact(const Options& options) {
  const auto compacted = compact_store(options.directory);
  if (!compacted) return complain(compacted.error());
  const auto& [before, after] = *compacted;
  Output out;
  if (options.json) {
    out.line(json_text({{"directory", options.directory},
                        {"sessions", after.sessions},
                        {"log_bytes_before", before.log_bytes},
                        {"log_bytes_after", after.log_bytes},
                        {"segments_before", before.segments},
                        {"segments_after", after.segments}}));
  } else {
    out.line(fmt::format("compacted: {}, from {} to {} of log", counted(after.sessions, "session"),
                         counted(before.log_bytes, "byte"), counted(after.log_bytes, "byte")));
  }
  out.flush();
  return kFine;
}

}  // namespace

void add_compact(CLI::App& app, Run& run) {
  auto* const command = app.add_subcommand(
      "compact", "Makes the log as short as it can be; the store must be closed");
  auto options = std::make_shared<Options>();
  add_directory(*command, options->directory);
  command->add_flag("--json", options->json, "The answer as one JSON object");
  command->footer(kFooter);
  command->callback([&run, options] { run = [options] { return compact(*options); }; });
}

}  // namespace hybrid::cli
