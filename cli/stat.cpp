// hybrid stat: how much a store holds. Replays who lives, not what they hold. Memory: one digest per live session.
#include <fmt/format.h>

#include <array>
#include <memory>
#include <optional>
#include <unordered_set>

#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/record_text.hpp"
#include "cli/store_reading.hpp"

namespace hybrid::cli {
namespace {

constexpr const char* kFooter =
    R"(Sessions that are past a timeout count until they are swept: timeouts are not in the log.

Examples:
  hybrid stat sessions/
  hybrid stat sessions/ --json | jq .sessions

Exit codes:
  0  fine
  1  the store is damaged
  2  wrong use, or the store cannot be read)";

struct Options {
  std::string directory;
  bool json = false;
};

class Census {
 public:
  void count(const RecordPlace& place) {
    const Millis time = place.frame.header.time;
    if (!first_) first_ = {place.lsn.value, time};
    last_time_ = time;
    ++by_op_[static_cast<std::size_t>(place.record.op)];
    replay(place.record);
  }

  struct First {
    std::uint64_t lsn;
    Millis time;
  };
  const std::optional<First>& first() const { return first_; }
  Millis last_time() const { return last_time_; }
  std::uint64_t of(scf::Op op) const { return by_op_[static_cast<std::size_t>(op)]; }
  std::size_t sessions() const { return alive_.size(); }

 private:
  void replay(const scf::Record& record) {
    switch (record.op) {
      case scf::Op::create: alive_.insert(record.sid); break;
      case scf::Op::destroy: alive_.erase(record.sid); break;
      case scf::Op::change_id: {
        const auto new_sid = scf::parse_new_sid(record.data);
        // Absent if its image, under the new id, is still to come: see section 4, step 5, of the format.
        if (new_sid && alive_.erase(record.sid) != 0) alive_.insert(*new_sid);
        break;
      }
      case scf::Op::modify:
      case scf::Op::touch: break;
    }
  }

  std::optional<First> first_;
  Millis last_time_ = 0;
  std::array<std::uint64_t, scf::kOpMax + 1> by_op_{};
  std::unordered_set<Digest> alive_;
};

constexpr std::array kOps{scf::Op::create, scf::Op::destroy, scf::Op::change_id, scf::Op::modify,
                          scf::Op::touch};

struct Files {
  std::uint64_t in_log = 0;
  std::uint64_t others = 0;
  std::uint64_t bytes = 0;
};

Files count_files(const scf::LogSummary& log) {
  Files files;
  for (const scf::SegmentSummary& segment : log.segments) {
    ++(segment.role == scf::SegmentRole::chain ? files.in_log : files.others);
    files.bytes += segment.file_bytes;
  }
  return files;
}

Json stat_json(const Options& options, const Reading& reading, const Census& census) {
  const scf::LogSummary& log = reading.log;
  const Files files = count_files(log);
  Json by_op = Json::object();
  for (const scf::Op op : kOps) by_op[std::string{to_string(op)}] = census.of(op);
  const auto& first = census.first();
  return {{"directory", options.directory},
          {"sessions", census.sessions()},
          {"segments", files.in_log},
          {"other_files", files.others},
          {"log_bytes", log.bytes_kept},
          {"file_bytes", files.bytes},
          {"records", log.records},
          {"records_by_op", std::move(by_op)},
          {"first_lsn", first ? Json(first->lsn) : Json(nullptr)},
          {"last_lsn", log.next_lsn.value - 1},
          {"durable_lsn", log.durable.value},
          {"first_time", first ? Json(first->time) : Json(nullptr)},
          {"last_time", first ? Json(census.last_time()) : Json(nullptr)},
          {"closed", log.closed},
          {"verdict", log.verdict == scf::Verdict::torn ? "torn" : "sound"},
          {"changing", reading.changing}};
}

void print_stat(Output& out, const Reading& reading, const Census& census) {
  const scf::LogSummary& log = reading.log;
  const Files files = count_files(log);
  const auto row = [&](std::string_view name, std::string_view value, std::string_view note = {}) {
    out.line(fmt::format("{:<14}{:>24}{}{}", name, value, note.empty() ? "" : "  ", note));
  };
  const auto number = [&](std::string_view name, std::uint64_t value, std::string_view note = {}) {
    row(name, with_thousands(value), note);
  };
  number("sessions", census.sessions(), "alive, if no timeout has passed");
  number("segments", files.in_log,
         files.others == 0 ? "" : fmt::format("and {} not in use", counted(files.others, "file")));
  number("log bytes", log.bytes_kept);
  number("file bytes", files.bytes);
  number("records", log.records);
  for (const scf::Op op : kOps) number("  " + std::string{to_string(op)}, census.of(op));
  if (const auto& first = census.first()) {
    number("first LSN", first->lsn);
    number("last LSN", log.next_lsn.value - 1);
    number("durable LSN", log.durable.value,
           log.durable < log.next_lsn - 1 ? "known to be on the disk" : "all is on the disk");
    row("first record", time_text(first->time));
    row("last record", time_text(census.last_time()));
  }
  row("closed", log.closed || log.segments.empty() ? "yes" : "no",
      log.closed || log.segments.empty() ? "" : "in use, or its process was killed");
}

int stat(const Options& options) {
  Census census;
  const auto reading = read_store(
      options.directory,
      [&](const scf::SegmentSummary& segment, const scf::Frame& frame) -> Result<void> {
        for_each_record(segment, frame, [&](const RecordPlace& place) { census.count(place); });
        return {};
      });
  if (const int code = conclude(reading); code != kFine) return code;
  Output out;
  if (options.json) {
    out.line(json_text(stat_json(options, *reading, census)));
  } else {
    print_stat(out, *reading, census);
  }
  out.flush();
  return kFine;
}

}  // namespace

void add_stat(CLI::App& app, Run& run) {
  auto* const command =
      app.add_subcommand("stat", "Says how many sessions, records and bytes there are");
  auto options = std::make_shared<Options>();
  add_directory(*command, options->directory);
  command->add_flag("--json", options->json, "The answer as one JSON object");
  command->footer(kFooter);
  command->callback([&run, options] { run = [options] { return stat(*options); }; });
}

}  // namespace hybrid::cli
