// hybrid salvage: makes a new store of what is provably sound in a damaged one.
#include <fmt/format.h>

#include <memory>

#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/record_text.hpp"
#include "cli/store_reading.hpp"
#include "scf/log_reader.hpp"
#include "store/salvage.hpp"

namespace hybrid::cli {
namespace {

constexpr const char* kFooter =
    R"(Try a backup first. Without one, this saves what the log proves: a session of which the log has its beginning, or
a whole image, and every record since. A record that is lost may have been the end of any session that was
there before it, so none of those is saved: nobody who logged out is logged in again. They are listed, by the
SHA-256 of their ids; what only the lost records knew of cannot be.

SRC is only read. DST is a new store; it must not be there, or be an empty directory, and appears when it is
complete. A store that is sound, or torn by a crash, is saved as a whole. No process may have SRC open.

Examples:
  hybrid salvage sessions/ saved/
  hybrid salvage sessions/ saved/ --json | jq -r '.not_saved[].sid'

Exit codes:
  0  everything was saved
  1  something could not be saved
  2  wrong use, SRC cannot be read, or DST is not empty or cannot be written)";

struct Options {
  std::string source;
  std::string destination;
  bool json = false;
};

std::string lsns_text(const scf::Gap& gap) {
  if (gap.to.value == 0)
    return fmt::format("records from {} on are lost", with_thousands(gap.from.value));
  if (gap.to <= gap.from) return fmt::format("record {} is lost", with_thousands(gap.from.value));
  return fmt::format("records {} to {} are lost", with_thousands(gap.from.value),
                     with_thousands(gap.to.value));
}

Json salvaged_json(const Options& options, const store::Salvaged& salvaged) {
  const auto number_or_null = [](scf::Lsn lsn) {
    return lsn.value == 0 ? Json(nullptr) : Json(lsn.value);
  };
  Json lost = Json::array();
  for (const auto& [sid, gap] : salvaged.lost) {
    lost.push_back({{"sid", to_hex(sid.bytes)},
                    {"lost_from", salvaged.gaps[gap].from.value},
                    {"why", salvaged.gaps[gap].why}});
  }
  Json gaps = Json::array();
  for (const scf::Gap& gap : salvaged.gaps) {
    gaps.push_back(
        {{"lost_from", gap.from.value}, {"lost_to", number_or_null(gap.to)}, {"why", gap.why}});
  }
  return {{"directory", options.source},        {"destination", options.destination},
          {"complete", salvaged.complete()},    {"sessions", salvaged.sessions},
          {"not_saved", std::move(lost)},       {"lost_records", std::move(gaps)},
          {"files_left_out", salvaged.left_out}};
}

void print_salvaged(Output& out, const Options& options, const store::Salvaged& salvaged) {
  const auto say = [&](const std::string& text) { out.line(printable(text)); };
  say(fmt::format("saved: {}, to '{}'{}", counted(salvaged.sessions, "session"),
                  options.destination,
                  salvaged.complete() ? "" : "; not everything could be saved"));
  for (const std::string& file : salvaged.left_out) say("left out: " + file);
  for (const scf::Gap& gap : salvaged.gaps)
    say(fmt::format("lost: {}; {}", gap.why, lsns_text(gap)));
  for (const auto& [sid, gap] : salvaged.lost) {
    say(fmt::format("not saved: {}, since {}", to_hex(sid.bytes), lsns_text(salvaged.gaps[gap])));
  }
}

int run_salvage(const Options& options) {
  if (known_to_be_open(options.source)) {
    return complain(kWrongUse, "a process has '" + options.source +
                                   "' open; stop it, or take a copy by 'hybrid backup'");
  }
  const auto salvaged = store::salvage(io::posix_file_system(), options.source, options.destination,
                                       SystemClock{}.now());
  if (!salvaged) return complain(salvaged.error());
  Output out;
  if (options.json) {
    out.line(json_text(salvaged_json(options, *salvaged)));
  } else {
    print_salvaged(out, options, *salvaged);
  }
  out.flush();
  return salvaged->complete() ? kFine : kAnswerIsNo;
}

}  // namespace

void add_salvage(CLI::App& app, Run& run) {
  auto* const command =
      app.add_subcommand("salvage", "Makes a new store of what is provably sound in a damaged one");
  auto options = std::make_shared<Options>();
  command->add_option("SRC", options->source, "The directory of the damaged store")
      ->required()
      ->type_name("");
  command->add_option("DST", options->destination, "The directory of the new store")
      ->required()
      ->type_name("");
  command->add_flag("--json", options->json, "The answer as one JSON object");
  command->footer(kFooter);
  command->callback([&run, options] { run = [options] { return run_salvage(*options); }; });
}

}  // namespace hybrid::cli
