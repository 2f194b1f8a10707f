// What the recipes of docs/adapters.md use of frameworks that Debian has no packages of, declared in our words after their headers:
// Drogon 1.9, Crow 1.2, oat++ 1.3, userver 2.0. The recipes are compiled against this by test_adapters_md.py. It shows that they are
// whole and use hybrid rightly; that the frameworks have not changed since, it cannot.
#pragma once

#include <any>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace drogon {

enum HttpStatusCode { k503ServiceUnavailable = 503 };
enum ContentType { CT_TEXT_PLAIN };

struct InetAddress {
  std::string toIp() const;
};
struct Attributes {
  template <class T>
  const T& get(const std::string& key) const;
  void insert(const std::string& key, std::any&& value);
  void insert(const std::string& key, const std::any& value);
};
struct HttpRequest {
  virtual ~HttpRequest() = default;
  virtual const std::unordered_map<std::string, std::string>& cookies() const = 0;
  virtual const std::shared_ptr<Attributes>& attributes() const = 0;
  virtual const InetAddress& peerAddr() const = 0;
  virtual bool isOnSecureConnection() const noexcept = 0;
};
struct HttpResponse;
using HttpRequestPtr = std::shared_ptr<HttpRequest>;
using HttpResponsePtr = std::shared_ptr<HttpResponse>;
struct HttpResponse {
  virtual ~HttpResponse() = default;
  virtual HttpStatusCode statusCode() const = 0;
  virtual void addHeader(std::string field, const std::string& value) = 0;
  virtual void addHeader(std::string field, std::string&& value) = 0;
  static HttpResponsePtr newHttpResponse(HttpStatusCode code, ContentType type);
};
using MiddlewareCallback = std::function<void(const HttpResponsePtr&)>;
using MiddlewareNextCallback = std::function<void(MiddlewareCallback&&)>;
template <class T, bool kIsAutoCreation = true>
struct HttpMiddleware {
  virtual ~HttpMiddleware() = default;
  virtual void invoke(const HttpRequestPtr& request, MiddlewareNextCallback&& next,
                      MiddlewareCallback&& done) = 0;
};

}  // namespace drogon

namespace crow {

struct request {
  std::string remote_ip_address;
  const std::string& get_header_value(const std::string& key) const;
};
struct response {
  int code = 200;
  explicit response(int code);
  response(response&&) noexcept;
  response& operator=(response&&) noexcept;
  void add_header(std::string key, std::string value);
};
template <class Middleware>
struct App {
  template <class T>
  typename T::context& get_context(const request& request);
  template <class T>
  T& get_middleware();
};

}  // namespace crow

namespace oatpp {

struct String {
  String(const char* text);         // NOLINT: converts, as theirs does
  String(const std::string& text);  // NOLINT
  explicit operator bool() const;
  const std::string& operator*() const;
};
struct IncomingRequest {
  String getHeader(const String& name) const;
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

namespace server {

namespace http {
enum class HttpStatus { kServiceUnavailable = 503 };
struct Sockaddr {
  std::string PrimaryAddressString() const;
};
struct HttpResponse {
  void SetData(std::string data);
  bool SetHeader(std::string name, std::string value);
};
struct HttpRequest {
  const std::string& GetHeader(std::string_view name) const;
  const Sockaddr& GetRemoteAddress() const;
  HttpResponse& GetHttpResponse() const;
  void SetResponseStatus(HttpStatus status) const;
};
}  // namespace http

namespace request {
struct RequestContext {
  template <class Data>
  Data& SetUserData(Data data);
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
