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

// A session, or its id, has come to its end: if so configured the reply waits until that survives power loss.
void end_safely(Call& call);

// False if there is no such key. `event` is what listeners are told.
bool remove_key(Call& call, const Key& key, std::string_view event);

// A key that is watched goes, or got another name: it must not be made again by who still knows it. See BuriedKeys.
void bury(Call& call, const Key& key);

// Takes `changes`, which erase `erased` of the fields or members of `object`: the key goes with its last one.
void erase(Call& call, const Object& object, Changes& changes, std::size_t erased, char kind,
           std::string_view event);

}  // namespace hybrid::server
