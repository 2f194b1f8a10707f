// A session is gone at its deadline to the millisecond, though the clock that is read for each call is behind. (Where its time
// counts from something that happened, that may have been up to as much later.)
#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "store/store.hpp"

namespace hybrid::testing {
namespace {

using namespace std::chrono_literals;

class LaggingClock final : public Clock {
 public:
  Millis now() const override { return exactly - kLagMax; }
  Millis now_exactly() const override {
    ++looks;
    return exactly;
  }

  Millis exactly = 1'700'000'000'000;
  mutable int looks = 0;
};

class ExactExpiry : public ::testing::Test {
 protected:
  void open(Params params) {
    auto opened = store::EmbeddedStore::open(
        {.params = std::move(params), .clock = &clock_, .background = false});
    ASSERT_TRUE(opened.has_value()) << opened.error().message();
    store_ = std::move(*opened);
    store_->init("a").value();
  }
  bool is_there() { return store_->find("a").value().has_value(); }

  LaggingClock clock_;
  std::unique_ptr<store::EmbeddedStore> store_;
};

TEST_F(ExactExpiry, OfADeadline) {
  open({});
  const Millis end = clock_.exactly + 100;
  ASSERT_TRUE(store_->load("a")->set(Attribute::deadline, to_time_point(end)).has_value());
  clock_.exactly = end - 1;
  EXPECT_TRUE(is_there());
  clock_.exactly = end;
  EXPECT_FALSE(is_there());
  EXPECT_FALSE(store_->exists("a"));
  EXPECT_TRUE(store_->init("a").has_value()) << "the id is free again";
}

// Nobody has looked at it: that would move the clock.
TEST_F(ExactExpiry, IsCounted) {
  open({});
  const Millis end = clock_.exactly + 100;
  ASSERT_TRUE(store_->load("a")->set(Attribute::deadline, to_time_point(end)).has_value());
  clock_.exactly = end - 1;
  EXPECT_EQ(store_->size(), 1U);
  clock_.exactly = end;
  EXPECT_EQ(store_->size(), 0U);
}

TEST_F(ExactExpiry, OfAnAbsoluteTimeout) {
  open({.absolute_timeout = 1s});
  const Millis end = clock_.now() + 1000;
  clock_.exactly = end - 1;
  EXPECT_TRUE(is_there());
  clock_.exactly = end;
  EXPECT_FALSE(is_there());
}

TEST_F(ExactExpiry, IsLookedAtOnlyWhenItIsNear) {
  open({.idle_timeout = 1s});
  clock_.looks = 0;
  for (int i = 0; i < 100; ++i) {
    clock_.exactly += 500;
    EXPECT_TRUE(is_there());
  }
  EXPECT_EQ(clock_.looks, 0);
}

}  // namespace
}  // namespace hybrid::testing
