// In the simulator, in the place of src/base's.
#pragma once

#include "base/small_mutex.hpp"

namespace hybrid {

using SpinLock = SmallMutex;
using SpinLockGuard = SmallMutexLock;

}  // namespace hybrid
