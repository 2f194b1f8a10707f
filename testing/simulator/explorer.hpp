// Opens what a crash left, checks it, and does the same to what further crashes leave of that: while it is opened, while it
// is cleaned, and after. One disk that was opened and checked is one crash state.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "store/store.hpp"
#include "testing/manual_clock.hpp"
#include "testing/simulator/disk.hpp"
#include "testing/simulator/oracle.hpp"

namespace hybrid::testing::simulator {

// How a run's stores are opened.
struct Setup {
  Durability durability = Durability::interval;
  bool sync_security_ops = false;
  std::uint64_t segment_bytes = 4096;  // the first ones'
  std::uint64_t clean_bytes_min = 1;
  std::size_t clean_slice_bytes = 200;
};
std::string to_string(const Setup& setup);
store::EmbeddedStore::Options options_for(const Setup& setup, Disk& disk, const Clock& clock);

struct Crash {
  std::unique_ptr<Disk> disk;
  Survives survives = Survives::everything;
  Promise promise;
  std::string trail{};  // how it came to this, if somebody wants to read it
};

// What a run comes to.
struct Findings {
  std::uint64_t states = 0;
  std::uint64_t refused = 0;  // of them, by a store that saw that the disk had lied
  std::vector<std::string> violations{};
  std::function<void(const std::string&)> tell{};  // told what happens; may be empty
};

class Explorer {
 public:
  Explorer(const Setup& setup, const Oracle& oracle, Findings& findings, std::uint64_t seed)
      : setup_(setup), oracle_(oracle), findings_(findings), random_(seed) {}

  // With up to `depth` further crashes.
  void explore(Crash crash, int depth);
  // A depth by chance, mostly 0, at most 3.
  int any_depth();

 private:
  void check_claims(const Crash& crash, std::uint64_t claimed, std::uint64_t last_lsn);
  void violation(const Crash& crash, const std::string& what);
  Survives any_survives();

  const Setup& setup_;
  const Oracle& oracle_;
  Findings& findings_;
  Random random_;
};

}  // namespace hybrid::testing::simulator
