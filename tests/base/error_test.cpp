// What an error says.
#include <hybrid/error.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

namespace hybrid::testing {
namespace {

TEST(Error, SaysCodeWhatAndTheSystemsWords) {
  EXPECT_EQ(Error{Errc::io}.message(), "io");
  EXPECT_EQ((Error{Errc::io, "what"}.message()), "io: what");
  EXPECT_EQ((Error{Errc::io, std::string{"where"}}.message()), "io: where");
  EXPECT_EQ((Error{Errc::no_space, "what", ENOSPC}.message()),
            "no_space: what: No space left on device");
  EXPECT_EQ((Error{Errc::no_space, "what", ENOSPC}.system_error()), ENOSPC);
  EXPECT_EQ((Error{Errc::locked}.code()), Errc::locked);
}

TEST(Error, KeepsItsWordsInCopies) {
  std::optional<Error> original{std::in_place, Errc::corrupt, std::string{"detail of its own"}};
  const Error copy = *original;
  original.reset();
  EXPECT_EQ(copy.message(), "corrupt: detail of its own");
}

TEST(Errc, HasANameOfItsOwnForEachEntry) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(Errc::timeout); ++code) {
    const std::string_view name = to_string(static_cast<Errc>(code));
    EXPECT_NE(name, "unknown") << code;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
  EXPECT_EQ(to_string(static_cast<Errc>(200)), "unknown");
}

}  // namespace
}  // namespace hybrid::testing
