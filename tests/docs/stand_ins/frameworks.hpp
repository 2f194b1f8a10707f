// What the recipes of docs/adapters.md use of frameworks that Debian has no packages of, in our words after their sources: Drogon 1.9.5,
// Crow 1.2, oat++ 1.3, userver 3.0. test_adapters_md.py compiles the recipes against this and runs those of Drogon and Crow. It shows that
// they are whole and use hybrid rightly; that the frameworks have not changed since, it cannot.
#pragma once

#include <sys/types.h>

#include <any>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace trantor {

struct InetAddress {
  std::string toIp() const { return "192.0.2.1"; }
};

}  // namespace trantor

namespace drogon {

enum HttpStatusCode { k200OK = 200, k404NotFound = 404, k503ServiceUnavailable = 503 };
enum ContentType { CT_TEXT_PLAIN, CT_TEXT_HTML };
template <class T>
using SafeStringMap = std::unordered_map<std::string, T>;

class Session;
using SessionPtr = std::shared_ptr<Session>;

struct Attributes {
  template <class T>
  const T& get(const std::string& key) const {
    return std::any_cast<const T&>(all.at(key));
  }
  void insert(const std::string& key, std::any&& value) { all[key] = std::move(value); }
  void insert(const std::string& key, const std::any& value) { all[key] = value; }

  SafeStringMap<std::any> all;
};
struct HttpRequest {
  const SafeStringMap<std::string>& cookies() const { return all_cookies; }
  const std::shared_ptr<Attributes>& attributes() const { return all_attributes; }
  const trantor::InetAddress& peerAddr() const { return peer; }
  bool isOnSecureConnection() const noexcept { return false; }

  SafeStringMap<std::string> all_cookies;
  std::shared_ptr<Attributes> all_attributes = std::make_shared<Attributes>();
  trantor::InetAddress peer;
};
struct Cookie {};
struct HttpResponse;
using HttpRequestPtr = std::shared_ptr<HttpRequest>;
using HttpResponsePtr = std::shared_ptr<HttpResponse>;
struct HttpResponse {
  HttpStatusCode statusCode() const { return code; }
  ContentType contentType() const { return type; }
  std::string contentTypeString() const { return type_text; }
  void setContentTypeCodeAndCustomString(ContentType code, const std::string_view& text) {
    type = code;
    type_text = text;
  }
  ssize_t expiredTime() const { return expiry; }
  std::string_view body() const { return text; }
  void setBody(const std::string& body) { text = body; }
  void setBody(std::string&& body) { text = std::move(body); }
  const SafeStringMap<std::string>& headers() const { return all_headers; }
  void addHeader(std::string field, const std::string& value) { all_headers[field] = value; }
  void addHeader(std::string field, std::string&& value) { all_headers[field] = std::move(value); }
  const SafeStringMap<Cookie>& cookies() const { return all_cookies; }
  void addCookie(const Cookie&) {}
  void addCookie(Cookie&&) {}
  static HttpResponsePtr newHttpResponse(HttpStatusCode code, ContentType type) {
    auto response = std::make_shared<HttpResponse>();
    response->code = code;
    response->type = type;
    return response;
  }

  HttpStatusCode code = k200OK;
  ContentType type = CT_TEXT_HTML;
  std::string type_text;
  ssize_t expiry = -1;
  std::string text;
  SafeStringMap<std::string> all_headers;
  SafeStringMap<Cookie> all_cookies;
};
using MiddlewareCallback = std::function<void(const HttpResponsePtr&)>;
using MiddlewareNextCallback = std::function<void(std::function<void(const HttpResponsePtr&)>&&)>;
// With kIsAutoCreation it would be registered by its default constructor only.
template <class T, bool kIsAutoCreation = true>
struct HttpMiddleware {
  virtual ~HttpMiddleware() = default;
  virtual void invoke(const HttpRequestPtr& request, MiddlewareNextCallback&& next,
                      MiddlewareCallback&& done) = 0;
};

}  // namespace drogon

namespace crow {

struct request {
  const std::string& get_header_value(const std::string&) const { return cookie; }

  std::string remote_ip_address;
  std::string cookie;
};
struct response {
  explicit response(int status) : code(status) {}
  response(response&&) = default;
  response& operator=(response&&) noexcept = default;
  void add_header(std::string key, std::string value) {
    headers.emplace(std::move(key), std::move(value));
  }
  void end() { is_completed = true; }

  int code = 200;
  std::string body;
  std::unordered_multimap<std::string, std::string> headers;
  bool is_completed = false;
};
template <class... Middlewares>
struct App : Middlewares... {
  template <class T>
  typename T::context& get_context(const request&) {
    return std::get<typename T::context>(contexts);
  }
  template <class T>
  T& get_middleware() {
    return static_cast<T&>(*this);
  }

  // What a connection does with a request. Contexts are assigned, and are still there when one comes that no route matches.
  void handle(request& got, response& answer, const std::function<void()>& handler) {
    if (handler) {
      contexts = std::tuple<typename Middlewares::context...>{};
      (this->Middlewares::before_handle(got, answer, get_context<Middlewares>(got)), ...);
      if (!answer.is_completed) handler();
    } else {
      answer.code = 404;
    }
    (this->Middlewares::after_handle(got, answer, get_context<Middlewares>(got)), ...);
  }

  std::tuple<typename Middlewares::context...> contexts;
};

}  // namespace crow

namespace oatpp {

struct String {
  String(const char* text);         // NOLINT: converts, as theirs does
  String(const std::string& text);  // NOLINT
  explicit operator bool() const;
  const std::string& operator*() const;
};
struct StringKeyLabelCI {
  StringKeyLabelCI(const char* text);  // NOLINT: converts, as theirs does
};
struct IncomingRequest {
  String getHeader(const StringKeyLabelCI& name) const;
};
struct OutgoingResponse {
  void putHeader(const String& name, const String& value);
};
struct Status {
  static const Status CODE_200;
  static const Status CODE_503;
};
struct ApiController {
  using IncomingRequest = oatpp::IncomingRequest;
  using OutgoingResponse = oatpp::OutgoingResponse;
  using Status = oatpp::Status;
  std::shared_ptr<OutgoingResponse> createResponse(const Status& status, const String& body) const;
};

}  // namespace oatpp

#define REQUEST(Type, name) const Type& name
#define ENDPOINT(method, path, name, ...) std::shared_ptr<OutgoingResponse> name(__VA_ARGS__)

namespace userver {

namespace engine::io {
struct Sockaddr {
  std::string PrimaryAddressString() const;
};
}  // namespace engine::io

namespace http::headers {
struct PredefinedHeader {
  explicit PredefinedHeader(std::string_view name);
};
}  // namespace http::headers

namespace server {

namespace http {
enum class HttpStatus { kServiceUnavailable = 503 };
struct Cookie {
  static std::optional<Cookie> FromString(std::string_view cookie);
};
struct HttpResponse {
  void SetData(std::string data);
  bool SetHeader(std::string name, std::string value);
  bool SetHeader(std::string_view name, std::string value);
  bool SetHeader(const userver::http::headers::PredefinedHeader& name, std::string value);
  bool ClearHeaders();
  void SetCookie(Cookie cookie);
  void ClearCookies();
};
struct HttpRequest {
  const std::string& GetHeader(std::string_view name) const;
  const std::string& GetHeader(const userver::http::headers::PredefinedHeader& name) const;
  const engine::io::Sockaddr& GetRemoteAddress() const;
  HttpResponse& GetHttpResponse() const;
  void SetResponseStatus(HttpStatus status) const;
};
}  // namespace http

namespace request {
struct RequestContext {
  template <class Data>
  Data& SetData(std::string name, Data data);
  template <class Data>
  Data& GetData(std::string_view name);
};
}  // namespace request

namespace handlers {
struct HttpHandlerBase;
}

namespace middlewares {
class HttpMiddlewareBase {
 public:
  virtual ~HttpMiddlewareBase() = default;

 protected:
  virtual void HandleRequest(http::HttpRequest& request,
                             request::RequestContext& context) const = 0;
  void Next(http::HttpRequest& request, request::RequestContext& context) const;
};
}  // namespace middlewares

}  // namespace server
}  // namespace userver
