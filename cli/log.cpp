// hybrid log: the history of one session, through all the ids that it had.
//
// A snapshot of the log is read twice: a session may get the id that is asked for long after its first record. First to find out which
// sessions ever had that id (several, if it was used again after a destroy), then to print them. Memory: an entry per
// live session.
#include <fmt/format.h>

#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/record_text.hpp"
#include "cli/store_reading.hpp"

namespace hybrid::cli {
namespace {

constexpr const char* kFooter =
    R"(Prints what happened to a session from its creation on, also under the ids that it had before and after.
An id that was used again after a destroy names several sessions; all of them are printed.

Examples:
  hybrid log sessions/ --sid-file sid.txt
  xclip -o | hybrid log sessions/ --sid-file -
  hybrid log sessions/ --digest 9f86d081884c --values --json

Exit codes:
  0  fine
  1  nothing is known of that session, or the store is damaged
  2  wrong use, or the store cannot be read)";

struct Options {
  std::string directory;
  RecordStyle style;
  SessionOptions session;
};

// Follows sessions through their ids. A session is known by the LSN of its first record in the log.
class Lives {
 public:
  using First = std::uint64_t;

  // The session that the record is of; it may be the first that is heard of it. Not for touches.
  First apply(const RecordPlace& place) {
    const scf::Record& record = place.record;
    const First first = alive_.try_emplace(record.sid, place.lsn.value).first->second;
    if (record.op == scf::Op::destroy || record.op == scf::Op::change_id) {
      alive_.erase(record.sid);
      const auto new_sid = scf::parse_new_sid(record.data);
      if (record.op == scf::Op::change_id && new_sid) alive_[*new_sid] = first;
    }
    return first;
  }
  const First* find(const Digest& sid) const {
    const auto found = alive_.find(sid);
    return found == alive_.end() ? nullptr : &found->second;
  }

 private:
  std::unordered_map<Digest, First> alive_;
};

using Firsts = std::unordered_set<Lives::First>;

// The sessions that ever had the id.
Result<Reading> find_sessions(StoreSnapshot& store, const SessionName& name, Firsts& found) {
  Lives lives;
  return store.read(
      [&](const scf::SegmentSummary& segment, const scf::Frame& frame) -> Result<void> {
        for_each_record(segment, frame, [&](const RecordPlace& place) {
          const scf::Record& record = place.record;
          if (record.op == scf::Op::touch) return;
          const Lives::First first = lives.apply(place);
          bool named = name.matches(record.sid);
          if (record.op == scf::Op::change_id) {
            const auto new_sid = scf::parse_new_sid(record.data);
            named = named || (new_sid && name.matches(*new_sid));
          }
          if (named) found.insert(first);
        });
        return {};
      });
}

Result<Reading> print_sessions(StoreSnapshot& store, RecordStyle style, const Firsts& wanted,
                               Output& out) {
  Lives lives;  // of the wanted ones only
  style.shows_touch_of = [&](const Digest& sid) { return lives.find(sid) != nullptr; };
  const auto is_of_wanted = [&](const RecordPlace& place) {
    if (place.record.op == scf::Op::touch) {
      const auto touches = scf::parse_touches(place.record.data);
      return touches && std::ranges::any_of(
                            *touches, [&](const auto& t) { return style.shows_touch_of(t.sid); });
    }
    if (lives.find(place.record.sid) == nullptr && !wanted.contains(place.lsn.value)) return false;
    lives.apply(place);
    return true;
  };
  return store.read(
      [&](const scf::SegmentSummary& segment, const scf::Frame& frame) -> Result<void> {
        for_each_record(segment, frame, [&](const RecordPlace& place) {
          if (is_of_wanted(place)) out.line(record_text(place, style));
        });
        return {};
      });
}

int log(const CLI::App& command, const Options& options) {
  const auto name = session_named(command, options.session);
  if (!name) return complain(name.error());
  if (!*name) {
    return complain(kWrongUse,
                    "name the session by --sid-file, --sid or --digest; see 'hybrid log --help'");
  }
  auto store = StoreSnapshot::take(options.directory);
  if (!store) return complain(store.error());
  Firsts found;
  const auto searched = find_sessions(*store, **name, found);
  if (!searched || found.empty()) {
    if (const int code = conclude(searched); code != kFine) return code;
    return complain(kAnswerIsNo, "nothing is known of that session in '" + options.directory + "'");
  }
  Output out;
  const auto printed = print_sessions(*store, options.style, found, out);
  out.flush();
  return conclude(printed);
}

}  // namespace

void add_log(CLI::App& app, Run& run) {
  auto* const command =
      app.add_subcommand("log", "Prints the history of one session, through all its ids");
  auto options = std::make_shared<Options>();
  add_directory(*command, options->directory);
  add_session_options(*command, options->session);
  command->add_flag("--json", options->style.json, "One JSON object a line");
  command->add_flag("--values", options->style.values,
                    "Show values too: they are your users' data");
  command->footer(kFooter);
  command->callback([&run, command, options] { run = [=] { return log(*command, *options); }; });
}

}  // namespace hybrid::cli
