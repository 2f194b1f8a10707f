// A client as CLIENT LIST shows it.
#pragma once

#include <string>
#include <string_view>

#include "server/service.hpp"

namespace hybrid::server {

// Whose protocol is spoken: what clients and tools decide by.
inline constexpr std::string_view kRedisVersion = "7.0.15";

// One line, without its end.
std::string describe(ClientInfo& client);

}  // namespace hybrid::server
