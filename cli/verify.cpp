// hybrid verify: is the log whole, torn by a crash, or damaged? Checks the format and every record's DATA, not whether the
// records make sense together: opening the store does.
#include <fmt/format.h>

#include <memory>

#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/record_text.hpp"
#include "cli/store_reading.hpp"

namespace hybrid::cli {
namespace {

constexpr const char* kFooter = R"(Reads the whole log and checks every byte of it.
  sound    all is there
  torn     a crash cut the last change short; opening the store cuts it off and goes on
  damaged  records that were safely on the disk are lost or changed; the store will not open

Examples:
  hybrid verify sessions/
  hybrid verify sessions/ --json | jq -r .verdict

Exit codes:
  0  sound, or torn by a crash
  1  damaged
  2  wrong use, or the store cannot be read)";

struct Options {
  std::string directory;
  bool json = false;
};

// The first record whose DATA means nothing.
struct Malformed {
  std::string segment;
  std::uint64_t offset;
  std::uint64_t lsn;
  const char* why;
  std::string text;
};

std::string_view to_string(scf::Verdict verdict) {
  switch (verdict) {
    case scf::Verdict::sound: return "sound";
    case scf::Verdict::torn: return "torn";
    case scf::Verdict::damaged: return "damaged";
  }
  return "unknown";
}

std::uint64_t segments_of(const scf::LogSummary& log) {
  return static_cast<std::uint64_t>(
      std::ranges::count(log.segments, scf::SegmentRole::chain, &scf::SegmentSummary::role));
}

Json number_or_null(std::uint64_t number) { return number == 0 ? Json(nullptr) : Json(number); }

Json summary_json(const Options& options, const scf::LogSummary& log, bool changing) {
  Json json{{"verdict", to_string(log.verdict)},
            {"directory", options.directory},
            {"segments", segments_of(log)},
            {"records", log.records},
            {"last_lsn", log.next_lsn.value - 1},
            {"durable_lsn", log.durable.value},
            {"closed", log.closed},
            {"changing", changing}};
  if (log.verdict == scf::Verdict::sound) return json;
  if (!log.segments.empty()) {
    json["segment"] = scf::segment_name(log.segments[log.at_segment].number);
    json["offset"] = log.at.value;
  }
  json["why"] = log.why;
  if (log.verdict == scf::Verdict::torn) {
    json["bytes_cut"] = log.bytes_cut;
  } else {
    json["lost_from"] = number_or_null(log.missing_from.value);
    json["lost_to"] = number_or_null(log.missing_to.value);
  }
  return json;
}

Json malformed_json(const Options& options, const Malformed& malformed) {
  return {{"verdict", to_string(scf::Verdict::damaged)},
          {"directory", options.directory},
          {"segment", malformed.segment},
          {"offset", malformed.offset},
          {"why", malformed.why},
          {"lost_from", malformed.lsn},
          {"lost_to", malformed.lsn}};
}

// Damage that shows before the log can be read at all.
Json error_json(const Options& options, const Error& error) {
  return {{"verdict", to_string(scf::Verdict::damaged)},
          {"directory", options.directory},
          {"why", message_of(error)}};
}

std::string summary_text(const scf::LogSummary& log, bool changing) {
  const std::string held =
      log.records == 0 ? "no records"
                       : fmt::format("{} in {}, up to LSN {}", counted(log.records, "record"),
                                     counted(segments_of(log), "segment"),
                                     with_thousands(log.next_lsn.value - 1));
  if (changing) return fmt::format("sound: {}; it is in use, and changes while it is read", held);
  if (log.verdict == scf::Verdict::torn) {
    return fmt::format(
        "torn: {}, then {}; a crash cut the last change short. The next open cuts {} off and goes "
        "on; the rest is sound",
        held, log.describe(), counted(log.bytes_cut, "byte"));
  }
  if (log.records == 0) return "sound: " + held;
  return fmt::format(
      "sound: {}; {}", held,
      log.closed ? "cleanly closed" : "not closed: in use, or its process was killed");
}

int verify(const Options& options) {
  std::optional<Malformed> malformed;
  const auto reading =
      read_store(options.directory,
                 [&](const scf::SegmentSummary& segment, const scf::Frame& frame) -> Result<void> {
                   for_each_record(segment, frame, [&](const RecordPlace& place) {
                     const char* const why = what_is_malformed(place.record);
                     if (malformed || why == nullptr) return;
                     malformed = {scf::segment_name(segment.number), frame.at.value,
                                  place.lsn.value, why, describe_malformed(place)};
                   });
                   if (malformed)
                     return std::unexpected(Error{Errc::corrupt, describe_damage(malformed->text)});
                   return {};
                 });
  const bool damaged = reading ? reading->log.verdict == scf::Verdict::damaged
                               : reading.error().code() == Errc::corrupt;
  if (!options.json && (!reading || damaged)) return conclude(reading);
  if (!reading && !damaged) return complain(reading.error());
  Output out;
  if (malformed) {
    out.line(json_text(malformed_json(options, *malformed)));
  } else if (!reading) {
    out.line(json_text(error_json(options, reading.error())));
  } else if (options.json) {
    out.line(json_text(summary_json(options, reading->log, reading->changing)));
  } else {
    out.line(printable(summary_text(reading->log, reading->changing)));
  }
  out.flush();
  return damaged ? kAnswerIsNo : kFine;
}

}  // namespace

void add_verify(CLI::App& app, Run& run) {
  auto* const command =
      app.add_subcommand("verify", "Says whether the log is sound, torn by a crash, or damaged");
  auto options = std::make_shared<Options>();
  add_directory(*command, options->directory);
  command->add_flag("--json", options->json, "The answer as one JSON object");
  command->footer(kFooter);
  command->callback([&run, options] { run = [options] { return verify(*options); }; });
}

}  // namespace hybrid::cli
