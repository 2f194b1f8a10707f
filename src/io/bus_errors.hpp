// Keeps a failing disk from killing the process by SIGBUS when a mapping of a file is written to.
//
// The kernel raises SIGBUS when it cannot make a page of a file writable: the file system was shut down, has become read-only, or
// cannot read the page back. Where that happens in a watched range, memory of our own is put in the page's place, the write goes on
// into it, and the range has failed. All else goes to the handler that was there before, or kills as it always did.
//   B1  A range that has not failed holds nothing but the file's own pages.
// A program that installs a handler of its own later, without passing on what it does not know, is killed as before: nothing
// that was acknowledged is lost by that, only the reads that could have gone on.
#pragma once

#include <cstddef>
#include <span>

namespace hybrid::io {

// From construction to destruction `bytes`, whole pages, are watched. Any number, from any thread.
class BusErrorWatch {
 public:
  explicit BusErrorWatch(std::span<std::byte> bytes);
  BusErrorWatch(const BusErrorWatch&) = delete;
  BusErrorWatch& operator=(const BusErrorWatch&) = delete;
  ~BusErrorWatch();
  // Whether a write of this thread, or one that happened before, did not reach the file.
  bool failed() const;

  struct Range;

 private:
  Range* range_;
};

}  // namespace hybrid::io
