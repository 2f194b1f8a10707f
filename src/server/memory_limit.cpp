#include "server/memory_limit.hpp"

namespace hybrid::server {

bool MemoryLimit::is_exceeded() {
  const std::uint64_t most = bytes_max();
  if (most == 0) return false;
  const std::uint64_t taken = bytes();
  if (taken <= most) return false;
  complain(taken);
  return true;
}

void MemoryLimit::complain(std::uint64_t taken) {
  if (!log_ || !may_log_.take()) return;
  log_("the sessions take " + std::to_string(taken) + " bytes of memory, more than the " +
       std::to_string(bytes_max()) +
       " allowed: changes that may need more are refused (OOM) until some end; raise --max-memory "
       "or CONFIG SET maxmemory");
}

}  // namespace hybrid::server
