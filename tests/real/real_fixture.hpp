// What the tests on real file systems have in common: they are skipped, with the reason, where they cannot be run.
#pragma once

#include <gtest/gtest.h>

#include "testing/sanitized.hpp"
#include "tests/real/mounts.hpp"

namespace hybrid::testing {

class RealFaults : public ::testing::Test {
 protected:
  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "run in the builds without a sanitizer";
    if (const auto why = unshare_mounts()) GTEST_SKIP() << *why;
  }
};

}  // namespace hybrid::testing
