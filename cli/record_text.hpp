// Records, keys and values as JSON and as lines for people. docs/tools.md says what users may rely on.
//
// JSON follows the value: null, true, 7, 1.5, "text", [..], {..}. What JSON has no form for is an object with one
// member whose name begins with '$':
//   {"$bytes": hex}              bytes
//   {"$string": hex}             a string that is not UTF-8
//   {"$float": "nan"}            also "inf" and "-inf"
//   {"$map": [[key, value]..]}   a map whose keys are not all different strings, or where one begins with '$'
//   {"$messagepack": hex}        what is no MessagePack value of ours, or nests deeper than kDepthMax
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "scf/log_reader.hpp"

namespace hybrid::cli {

using Json = nlohmann::ordered_json;

inline constexpr int kDepthMax = 100;
inline constexpr std::size_t kSidDigitsShown = 12;  // in lines for people

Json value_json(std::string_view messagepack);
// On one line, harmless for a terminal.
std::string json_text(const Json& json);

// A record and where it stands.
struct RecordPlace {
  const scf::SegmentSummary& segment;
  const scf::Frame& frame;
  scf::Lsn lsn;
  const scf::Record& record;
};

// Calls fn(RecordPlace) for each record of the frame.
template <class Fn>
void for_each_record(const scf::SegmentSummary& segment, const scf::Frame& frame, Fn&& fn) {
  scf::Lsn lsn = frame.header.first_lsn;
  for (const scf::Record& record : frame.records) {
    fn(RecordPlace{segment, frame, lsn, record});
    lsn = lsn + 1;
  }
}

// What is wrong with the record's DATA; null if nothing is.
const char* what_is_malformed(const scf::Record& record);
// "sessions/0000000000000001.scf, offset 512, LSN 7: ..."
std::string describe_malformed(const RecordPlace& place);

struct RecordStyle {
  bool json = false;
  bool values = false;
  // Which sessions of a touch are shown; empty: all.
  std::function<bool(const Digest&)> shows_touch_of{};
};
// One line, without its end. Values, which are users' data, are in it only if the style says so.
std::string record_text(const RecordPlace& place, const RecordStyle& style);

}  // namespace hybrid::cli
