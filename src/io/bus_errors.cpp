#include "io/bus_errors.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace hybrid::io {

// Read by the signal handler, so never freed, only used again.
struct BusErrorWatch::Range {
  std::atomic<bool> taken = true;
  std::atomic<bool> failed = false;
  std::atomic<std::uintptr_t> begin = 0;  // 0: not watched
  std::atomic<std::uintptr_t> end = 0;
  Range* next = nullptr;
};

namespace {

using Range = BusErrorWatch::Range;

std::atomic<Range*> ranges = nullptr;
struct sigaction handler_before;
std::uintptr_t page_bytes = 0;

bool put_memory_at(std::uintptr_t address) {
  for (Range* range = ranges.load(); range != nullptr; range = range->next) {
    if (const std::uintptr_t begin = range->begin.load();
        begin == 0 || address < begin || address >= range->end.load())
      continue;
    range->failed = true;
    void* const page = reinterpret_cast<void*>(address / page_bytes * page_bytes);
    return ::mmap(page, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                  -1, 0) != MAP_FAILED;
  }
  return false;
}

void on_bus_error(int number, siginfo_t* info, void* context) {
  const int error = errno;
  // A positive code is the kernel's, with an address.
  const bool mended =
      info->si_code > 0 && put_memory_at(reinterpret_cast<std::uintptr_t>(info->si_addr));
  errno = error;
  if (mended) return;
  if ((handler_before.sa_flags & SA_SIGINFO) != 0) {
    handler_before.sa_sigaction(number, info, context);
  } else if (handler_before.sa_handler != SIG_DFL && handler_before.sa_handler != SIG_IGN) {
    handler_before.sa_handler(number);
  } else {
    // The instruction is tried again, and kills; a signal that somebody sent is sent once more.
    ::signal(number, SIG_DFL);
    if (info->si_code <= 0) ::raise(number);
  }
}

bool install_handler() {
  page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action{};
  action.sa_sigaction = &on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, nullptr, &handler_before);  // before it can be needed
  return ::sigaction(SIGBUS, &action, nullptr) == 0;
}

Range* take_range() {
  for (Range* range = ranges.load(); range != nullptr; range = range->next) {
    if (!range->taken.exchange(true)) return range;
  }
  auto* const range = new Range;
  range->next = ranges.load();
  while (!ranges.compare_exchange_weak(range->next, range)) {
  }
  return range;
}

}  // namespace

BusErrorWatch::BusErrorWatch(std::span<std::byte> bytes) : range_(take_range()) {
  [[maybe_unused]] static const bool kInstalled = install_handler();
  const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data());
  range_->failed = false;
  range_->end = begin + bytes.size();
  range_->begin = begin;
}

BusErrorWatch::~BusErrorWatch() {
  range_->begin = 0;
  range_->taken = false;
}

bool BusErrorWatch::failed() const { return range_->failed.load(); }

}  // namespace hybrid::io
