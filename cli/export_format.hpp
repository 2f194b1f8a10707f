// The lines of an export: what `hybrid export` writes and `hybrid import` reads. docs/tools.md, section export, is its document.
//
//   {"hybrid_export":1,"hybrid":"1.0.0","time":1795412201407,"last_lsn":8}
//   {"sid":"69c0...","created":..,"last_access":..,"version":..,"entries":[["cart",[1]],..]}     one for each session
//   {"sessions":1}                                                                               so that a cut file is noticed
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/digest.hpp"
#include "cli/record_text.hpp"
#include "scf/record.hpp"

namespace hybrid::cli {

inline constexpr std::uint64_t kExportVersion = 1;

// Without the end of the line.
std::string session_line(const Digest& sid, const scf::Image& image);

// A session with bytes of its own.
struct ExportedSession {
  Digest sid;
  scf::Image image;                  // views of `bytes`
  std::vector<std::string> bytes{};  // keys and values, in turn
};
// `invalid_argument` or `too_large` say what is wrong, without repeating it. Checks the limits of rule S11.
Result<ExportedSession> parse_session(const Json& json);

}  // namespace hybrid::cli
