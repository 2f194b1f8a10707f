// The embedded store, in memory and in each durability, and a provider that wraps it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "examples/counting_provider/counting_provider.hpp"
#include "testing/provider_conformance.hpp"

namespace hybrid::testing {
namespace {

ProviderUnderTest in_directory(const char* name, Durability durability) {
  return {.name = name, .open = [durability](const std::string& directory) {
            return open(directory, {.durability = durability});
          }};
}

const ProviderUnderTest kProviders[] = {
    {.name = "memory", .open = [](const std::string&) { return open("memory:"); }},
    in_directory("always", Durability::always),
    in_directory("interval", Durability::interval),
    in_directory("os", Durability::os),
    in_directory("none", Durability::none),
    {.name = "small_segments",
     .open =
         [](const std::string& directory) {
           return open("file:" + directory + "/new/", {.segment_bytes = 1 << 20});
         }},
    {.name = "counting",
     .open = [](const std::string& directory) -> Result<std::unique_ptr<Provider>> {
       auto opened = open(directory);
       if (!opened) return opened;
       return std::make_unique<counting::CountingProvider>(std::move(*opened));
     }},
};

INSTANTIATE_TEST_SUITE_P(Embedded, ProviderConformance, ::testing::ValuesIn(kProviders),
                         name_of_provider);

}  // namespace
}  // namespace hybrid::testing
