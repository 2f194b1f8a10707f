// Options in a file: they count, the command line counts more, and what is wrong with one is said with its line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/temp_directory.hpp"
#include "tests/cli/program.hpp"

namespace hybrid {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace testing;

// Where no store can be made, so that the program says which directory it was given, and ends.
constexpr const char* kNowhere = "/proc/hybrid-here";

class ConfigFile : public ::testing::Test {
 protected:
  Outcome serve(const std::string& text, Arguments arguments = {}) {
    write_file(path_, text);
    arguments.insert(arguments.begin(), {"serve", "--config", path_});
    return run_program(arguments);
  }

  TempDirectory directory_;
  const std::string path_ = directory_.path() + "/hybrid.conf";
};

TEST_F(ConfigFile, SaysWhatTheCommandLineDoesNot) {
  const std::string text = std::string{"# a comment\n\n  dir = \""} + kNowhere + "\"  \nport=-1\n";
  const Outcome by_file = serve(text);
  EXPECT_EQ(by_file.code, 2);
  EXPECT_THAT(by_file.err, HasSubstr(kNowhere));
  const Outcome by_both = serve(text, {"--dir", "/proc/hybrid-there"});
  EXPECT_EQ(by_both.code, 2);
  EXPECT_THAT(by_both.err, AllOf(HasSubstr("/proc/hybrid-there"), Not(HasSubstr(kNowhere))));
  write_file(path_, text);
  EXPECT_THAT(run_program({"serve", "--config=" + path_}).err, HasSubstr(kNowhere));
  EXPECT_THAT(serve(std::string{"port=-1\ndir=\""} + kNowhere + " # b\"\n").err,
              HasSubstr(std::string{kNowhere} + " # b"));
}

TEST_F(ConfigFile, KnowsFlagsListsAndUnits) {
  const std::string directory = "dir=" + directory_.path() + "/store\n";
  // It asks for a password before it listens.
  const Outcome reachable = serve(directory + "port=0\nbind=127.0.0.1,0.0.0.0\nmax-memory=1gb\n");
  EXPECT_EQ(reachable.code, 2);
  EXPECT_THAT(reachable.err, HasSubstr("give --password-file too"));
  const Outcome allowed = serve(directory + "port=0\nbind=0.0.0.0\nno-password\nunix=/proc/none\n");
  EXPECT_EQ(allowed.code, 2);
  EXPECT_THAT(allowed.err, AllOf(HasSubstr("/proc/none"), Not(HasSubstr("password"))));
}

TEST_F(ConfigFile, IsRefusedIfAnythingIsWrongWithIt) {
  const std::pair<const char*, const char*> wrong[] = {
      {"port=0\nfly=1\n", "line 2 of"},
      {"sesame-open\n", "this is no option"},
      {"dir\n", "dir needs a value"},
      {"config=other.conf\n", "this is no option that a file may have"},
      {"[serve]\nport=0\n", "line 1 of"},
      {"threads=xyz\n", "--config"},
      {"max-output-bytes=2xb\n", "'2xb' is neither bytes"},
      {"port=0\nport=1\n", "--port"},
      // The next line is no value of the one before.
      {"protect-prefix =\ndurability = always\n", "line 1 of"},
      {"unix = \"\"\npassword-file = sesame.txt\n", "unix needs a value"},
      {"no-password=\n", "no-password needs a value"},
      {"port = 0\nprotect-prefix = sess:  # of sesame\n", "line 2 of"},
      {"protect-prefix = sess:\t# of sesame\n", "line 1 of"},
  };
  for (const auto& [text, complaint] : wrong) {
    const Outcome outcome = serve(text);
    EXPECT_EQ(outcome.code, 2) << text;
    EXPECT_THAT(outcome.err, AllOf(HasSubstr(complaint), Not(HasSubstr("sesame")))) << text;
    EXPECT_EQ(outcome.out, "");
  }
  const Outcome missing = run_program({"serve", "--config", "/proc/none.conf"});
  EXPECT_EQ(missing.code, 2);
  EXPECT_THAT(missing.err, HasSubstr("cannot read the options in '/proc/none.conf'"));
  EXPECT_EQ(run_program({"serve", "--config", directory_.path()}).code, 2);
  EXPECT_EQ(run_program({"serve", "--config"}).code, 2);
  const Outcome empty = run_program({"serve", "--unix=", "--durability", "always"});
  EXPECT_EQ(empty.code, 2);
  EXPECT_THAT(empty.err, HasSubstr("--unix= has no value after it"));
}

TEST_F(ConfigFile, OfThePackageSaysOnlyWhatThereIs) {
  std::string text = read_file(std::string{HYBRID_SOURCE_DIR} + "/packaging/hybrid.conf");
  // With all that is commented out, as far as it is an option.
  for (std::size_t at = 0; (at = text.find("# ", at)) != std::string::npos;) {
    const std::size_t end = text.find('\n', at);
    const bool is_option = text.substr(at, end - at).find(" = ") != std::string::npos;
    if (is_option)
      text.erase(at, 2);
    else
      at = end;
  }
  const Outcome outcome = serve(text, {"--dir", kNowhere});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, AllOf(Not(HasSubstr("hybrid.conf")), Not(HasSubstr("--config"))));
}

}  // namespace
}  // namespace hybrid
