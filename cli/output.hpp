// What the program says: lines on standard output, and one line on standard error when something is wrong.
// Used by one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "hybrid/error.hpp"

namespace hybrid::cli {

// What every subcommand ends with.
enum ExitCode : int {
  kFine = 0,
  kAnswerIsNo = 1,  // or damage was found
  kWrongUse = 2,    // or the store cannot be read
};

// Nobody reads our output any more, as in `hybrid inspect DIR | head`. Caught by main(), which ends quietly.
struct OutputClosed {};
// Standard output cannot be written to. Caught by main().
struct OutputFailed {
  int system_error;
};

// Collects lines for standard output and writes them in large pieces.
class Output {
 public:
  void line(std::string_view text);
  // Throws OutputClosed or OutputFailed. Call at the end, and before anything goes to standard error.
  void flush();

 private:
  std::string lines_;
};

// A line on standard error. If that cannot be written, nothing more can be done, and nothing is.
void say(std::string_view line) noexcept;
// "hybrid: MESSAGE" on standard error; returns `code`.
int complain(int code, std::string_view message);
// The same for an error of the library; says with which code to end.
int complain(const Error& error);
// Its text without the name of its code.
std::string message_of(const Error& error);

// Text that may hold user data, such as a key, made harmless for a terminal: what could move the cursor or
// reorder the line is written as \u00XX. Text that is JSON stays the same JSON.
std::string printable(std::string_view text);

// "1,234,567"
std::string with_thousands(std::uint64_t number);
// "1 record", "2 records"
std::string counted(std::uint64_t number, std::string_view noun);
// "2026-01-31T23:59:59.999Z"
std::string time_text(Millis time);

}  // namespace hybrid::cli
