// hybrid backup: copies a store, also one that is in use, into a new one that is cleanly closed.
#include <fmt/format.h>

#include <memory>

#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/progress.hpp"
#include "cli/record_text.hpp"
#include "cli/store_reading.hpp"
#include "scf/log_copy.hpp"

namespace hybrid::cli {
namespace {

constexpr const char* kFooter =
    R"(The store may be in use: no lock is taken, nothing is written to it, and its service never waits. The copy
is the store at one moment, with all that was acknowledged before the command began. To restore, open it, or
a copy of it, as a store.

DST must not be there, or be an empty directory. It appears when it is complete, on the disk and verified;
if the backup is stopped before, only DST.unfinished-... is there, which you may remove. A torn tail of a
crash is left out. It holds the values of your sessions (not their ids): keep it as safe as the store.

Examples:
  hybrid backup sessions/ /backup/sessions-2026-11-23
  hybrid backup sessions/ /backup/today --json | jq .last_lsn

Exit codes:
  0  fine
  1  the store is damaged; there is no copy
  2  wrong use, the store cannot be read, or DST is not empty or cannot be written)";

struct Options {
  std::string directory;
  std::string destination;
  bool json = false;
};

int backup(const Options& options) {
  Result<scf::LogCopy> copied = std::unexpected(Error{Errc::unavailable});
  {
    ProgressLine progress{"copied"};
    copied =
        scf::copy_log(io::posix_file_system(), options.directory, options.destination, scf::Lsn{0},
                      [&](std::uint64_t done, std::uint64_t total) { progress.show(done, total); });
  }
  if (!copied) return complain(copied.error());
  Output out;
  if (options.json) {
    out.line(json_text({{"directory", options.directory},
                        {"destination", options.destination},
                        {"last_lsn", copied->last_lsn.value},
                        {"records", copied->records},
                        {"segments", copied->segments},
                        {"bytes", copied->bytes}}));
  } else {
    out.line(
        printable(fmt::format("backed up: {} in {}, up to LSN {}, to '{}'",
                              counted(copied->bytes, "byte"), counted(copied->segments, "segment"),
                              with_thousands(copied->last_lsn.value), options.destination)));
  }
  out.flush();
  return kFine;
}

}  // namespace

void add_backup(CLI::App& app, Run& run) {
  auto* const command = app.add_subcommand("backup", "Copies a store, also one that is in use");
  auto options = std::make_shared<Options>();
  add_directory(*command, options->directory);
  command->add_option("DST", options->destination, "The new directory")->required()->type_name("");
  command->add_flag("--json", options->json, "The answer as one JSON object");
  command->footer(kFooter);
  command->callback([&run, options] { run = [options] { return backup(*options); }; });
}

}  // namespace hybrid::cli
