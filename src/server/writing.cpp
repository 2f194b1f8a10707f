#include "server/writing.hpp"

#include "server/reply_error.hpp"

namespace hybrid::server {

void refuse_type() { refuse("WRONGTYPE Operation against a key holding the wrong kind of value"); }

void check_value(std::string_view value) {
  if (value.size() > kValueBytesMax)
    refuse("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
}

void check_field(std::string_view field) {
  if (field.size() > kKeyBytesMax) refuse("ERR the field is longer than 64 KiB");
}

bool may_write(Call& call, const Key& key) {
  BuriedKeys& buried = call.service.buried();
  if (!buried.watches(key.name) || !buried.contains(sid_of(key))) return true;
  if (buried.options().then == BuriedKeys::Then::ignore) return false;
  refuse("ERR the session was deleted a short while ago (see --protect-prefix)");
}

bool remove_key(Call& call, const Key& key, std::string_view event) {
  // Also if it is not there, since it may just have expired.
  if (call.service.buried().watches(key.name)) call.service.buried().bury(sid_of(key));
  if (!call.keys.remove(key)) return false;
  call.notify('g', event, key);
  return true;
}

void remove_if_empty(Call& call, const Key& key) {
  const auto object = call.keys.find(key);
  if (!object || object->size() > 0) return;
  // Nobody has logged out: it may come back.
  if (call.keys.remove(key)) call.notify('g', "del", key);
}

}  // namespace hybrid::server
