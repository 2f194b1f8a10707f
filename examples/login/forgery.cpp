#include "forgery.hpp"

#include <string>

namespace example {

bool comes_from_this_site(const httplib::Request& request) {
  if (request.has_header("Sec-Fetch-Site")) {
    const std::string site = request.get_header_value("Sec-Fetch-Site");
    return site == "same-origin" || site == "none";  // none: the user's own doing, as in a reload
  }
  // Browsers say it only to https and localhost. To others they still say where a form comes from.
  if (!request.has_header("Origin")) return true;
  const std::string origin = request.get_header_value("Origin");  // "null" if it is to be hidden
  const std::size_t host = origin.find("://");
  return host != std::string::npos && origin.substr(host + 3) == request.get_header_value("Host");
}

}  // namespace example
