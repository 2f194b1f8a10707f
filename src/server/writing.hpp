// What commands that write have in common.
#pragma once

#include <string_view>

#include "server/call.hpp"

namespace hybrid::server {

[[noreturn]] void refuse_type();

// Refuses what is longer than a session may hold.
void check_value(std::string_view value);
void check_field(std::string_view field);

// Whether a key that is not there may be made: false if it was deleted a short while ago, and such writes are to be ignored
// (see BuriedKeys); refuses if they are to be refused.
bool may_write(Call& call, const Key& key);

// False if there is no such key. `event` is what listeners are told.
bool remove_key(Call& call, const Key& key, std::string_view event);

// One that has just lost its last field or member goes.
void remove_if_empty(Call& call, const Key& key);

}  // namespace hybrid::server
