// Builds the table from the log. Called once, by the opening thread, with the directory's lock; writes nothing.
#pragma once

#include <functional>
#include <string>

#include "hybrid/params.hpp"
#include "io/file_system.hpp"
#include "scf/log_reader.hpp"
#include "store/table.hpp"

namespace hybrid::store {

struct Recovered {
  scf::LogSummary log;
  RecoveryReport report;
};

// `corrupt` if the log is damaged, with segment, offset and LSNs; else read_log()'s errors.
Result<Recovered> recover(io::FileSystem& files, const std::string& directory, Table& table,
                          const std::function<void(const RecoveryReport&)>& on_progress);

}  // namespace hybrid::store
