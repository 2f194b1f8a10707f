#include "server/writing.hpp"

#include "server/reply_error.hpp"
#include "server/transaction.hpp"

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

void end_safely(Call& call) {
  if (call.service.options().sync_security_ops) call.client.await_sync();
}

bool remove_key(Call& call, const Key& key, std::string_view event) {
  bury(call, key);  // also if it is not there, since it may just have expired
  if (!call.keys.remove(key)) return false;
  end_safely(call);
  call.notify('g', event, key);
  return true;
}

void bury(Call& call, const Key& key) {
  BuriedKeys& buried = call.service.buried();
  if (!buried.watches(key.name)) return;
  if (Transaction* const transaction = call.keys.transaction())
    transaction->bury(sid_of(key));
  else
    buried.bury(sid_of(key));
}

void erase(Call& call, const Object& object, Changes& changes, std::size_t erased, char kind,
           std::string_view event) {
  const bool is_last = erased == object.size();
  if (is_last) {
    call.keys.remove(call.key());  // not buried: nobody has logged out, and it may come back
    end_safely(call);
  } else {
    call.keys.write(call.key(), object.type(), object, changes);
  }
  call.notify(kind, event, call.key());
  if (is_last) call.notify('g', "del", call.key());
}

}  // namespace hybrid::server
