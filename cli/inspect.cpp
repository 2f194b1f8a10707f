// hybrid inspect: what a log holds, one record a line. Memory: one frame.
#include <memory>
#include <vector>

#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/record_text.hpp"
#include "cli/store_reading.hpp"

namespace hybrid::cli {
namespace {

constexpr const char* kFooter =
    R"(A line has: LSN, time (UTC), what was done, the first digits of the SHA-256 of the session's id, and
details. Keys are shown; of values only type and size, unless you ask for --values.

Examples:
  hybrid inspect sessions/ | tail -20
  hybrid inspect sessions/ --op destroy --op change_id
  hybrid inspect sessions/ --digest 9f86d081884c --values
  hybrid inspect sessions/ --json | jq -r .op | sort | uniq -c

Exit codes:
  0  fine
  1  the store is damaged; what comes before the damage was printed
  2  wrong use, or the store cannot be read)";

struct Options {
  std::string directory;
  RecordStyle style;
  std::uint64_t from = 0;
  std::uint64_t to = UINT64_MAX;
  std::vector<std::string> ops;
  SessionOptions session;
};

bool is_about(const scf::Record& record, const SessionName& name) {
  if (name.matches(record.sid)) return true;
  if (record.op == scf::Op::change_id) {
    const auto new_sid = scf::parse_new_sid(record.data);
    return new_sid && name.matches(*new_sid);
  }
  if (record.op != scf::Op::touch) return false;
  const auto touches = scf::parse_touches(record.data);
  return touches &&
         std::ranges::any_of(*touches, [&](const auto& t) { return name.matches(t.sid); });
}

bool is_wanted(const RecordPlace& place, const Options& options,
               const std::optional<SessionName>& name) {
  if (place.lsn.value < options.from || place.lsn.value > options.to) return false;
  if (!options.ops.empty() &&
      std::ranges::find(options.ops, to_string(place.record.op)) == options.ops.end())
    return false;
  return !name || is_about(place.record, *name);
}

int inspect(const CLI::App& command, const Options& options) {
  const auto name = session_named(command, options.session);
  if (!name) return complain(name.error());
  Output out;
  std::string malformed;
  const auto reading =
      read_store(options.directory,
                 [&](const scf::SegmentSummary& segment, const scf::Frame& frame) -> Result<void> {
                   for_each_record(segment, frame, [&](const RecordPlace& place) {
                     if (malformed.empty() && what_is_malformed(place.record) != nullptr)
                       malformed = describe_malformed(place);
                     if (is_wanted(place, options, *name))
                       out.line(record_text(place, options.style));
                   });
                   return {};
                 });
  out.flush();
  if (const int code = conclude(reading); code != kFine) return code;
  if (!malformed.empty()) return complain(kAnswerIsNo, describe_damage(malformed));
  return kFine;
}

}  // namespace

void add_inspect(CLI::App& app, Run& run) {
  auto* const command =
      app.add_subcommand("inspect", "Prints what the log holds, one record a line");
  auto options = std::make_shared<Options>();
  add_directory(*command, options->directory);
  command->add_flag("--json", options->style.json, "One JSON object a line");
  command->add_flag("--values", options->style.values,
                    "Show values too: they are your users' data");
  command->add_option("--from", options->from, "Only records from this LSN on")->type_name("LSN");
  command->add_option("--to", options->to, "Only records up to this LSN")->type_name("LSN");
  command->add_option("--op", options->ops, "Only records of this kind; may be repeated")
      ->type_name("OP")
      ->check(CLI::IsMember({"create", "destroy", "change_id", "modify", "touch"}))
      ->allow_extra_args(false);
  add_session_options(*command, options->session);
  command->footer(kFooter);
  command->callback(
      [&run, command, options] { run = [=] { return inspect(*command, *options); }; });
}

}  // namespace hybrid::cli
