// Runs the program and keeps what it said; and makes the stores that it is run on.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace hybrid::testing {

struct Outcome {
  int code = -1;  // -1: it was killed by a signal
  std::string out;
  std::string err;

  std::vector<nlohmann::json> lines() const;  // of JSON, in `out`
  nlohmann::json json() const;                // the only one
};

using Arguments = std::vector<std::string>;

Outcome run_program(const Arguments& arguments, const std::string& input = {});
// With its output going to the file.
int run_program_into(const Arguments& arguments, const std::string& path);
// With nobody reading its output.
int run_program_unread(const Arguments& arguments);

// What the sessions of sample_store() are called, and their digests in hexadecimal.
inline const std::string kAda = "ada-4f0c9d2b7e61";
inline const std::string kGuest = "guest-88aa17c35d02";
inline const std::string kBob = "bob-19e4c77d3f58";
inline const std::string kSecret = "sesame-open";  // a value
std::string hex_digest(const std::string& sid);

// 12 records, cleanly closed:
//   1 create ada    2 modify ada     3 create guest  4 modify guest    5 change_id guest -> bob   6 modify bob
//   7 destroy bob   8 create bob     9 modify ada   10 modify ada     11 modify bob               12 touch ada
void make_sample_store(const std::string& directory);

std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& bytes);
void flip_bit(const std::string& path, std::size_t offset);
// Of the log of a store: the file that it ends in and where.
struct LogEnd {
  std::string path;
  std::size_t offset = 0;
};
LogEnd end_of_log(const std::string& directory);

}  // namespace hybrid::testing
