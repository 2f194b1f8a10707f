// What every Provider must do, as one suite of tests. A provider joins it by one line in tests/conformance/:
//
//     INSTANTIATE_TEST_SUITE_P(Mine, ProviderConformance, ::testing::Values(ProviderUnderTest{...}),
//                              name_of_provider);
//
// Each test takes ids of its own, so that a provider may keep its sessions where others do.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include <hybrid/hybrid.hpp>

#include "testing/temp_directory.hpp"

namespace hybrid::testing {

struct ProviderUnderTest {
  std::string name;
  // Opens one; `directory` is empty, and gone after the test.
  std::function<Result<std::unique_ptr<Provider>>(const std::string& directory)> open;
  // Whether it offers what only the embedded store must: size, for_each, stats, flush, on_event.
  bool embedded = true;
};

inline void PrintTo(const ProviderUnderTest& provider, std::ostream* out) { *out << provider.name; }

class ProviderConformance : public ::testing::TestWithParam<ProviderUnderTest> {
 protected:
  void SetUp() override;

  // An id that only this test uses.
  std::string sid(std::string_view name = "") const { return prefix_ + std::string{name}; }
  Provider& store() { return *store_; }
  Session session(std::string_view name = "") { return store_->load(sid(name)).value(); }
  void close() { store_.reset(); }

 private:
  TempDirectory directory_;
  std::string prefix_ = make_session_id();
  std::unique_ptr<Provider> store_;
};

std::string name_of_provider(const ::testing::TestParamInfo<ProviderUnderTest>& info);

}  // namespace hybrid::testing
