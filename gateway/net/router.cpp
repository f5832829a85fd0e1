#include <algorithm>
#include <utility>

#include "net/http_server.h"

namespace tributary::net {
namespace {

std::vector<std::string_view> splitPath(std::string_view path) {
  std::vector<std::string_view> out;
  if (path.starts_with('/')) path.remove_prefix(1);
  for (;;) {
    const std::size_t slash = path.find('/');
    out.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return out;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

struct Router::Route {
  struct Segment {
    enum class Kind : std::uint8_t { kLiteral, kParameter, kRest } kind = Kind::kLiteral;
    std::string text;  // the literal, or the parameter's name
  };
  Method method = Method::kGet;
  std::vector<Segment> segments;
  Handler handler;

  using Parameters = std::vector<std::pair<std::string, std::string>>;
  bool match(const std::vector<std::string_view>& path, std::string_view whole, Parameters& out) const {
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const Segment& segment = segments[i];
      if (segment.kind == Segment::Kind::kRest) {
        const auto rest = i < path.size()
                              ? whole.substr(static_cast<std::size_t>(path[i].data() - whole.data()))
                              : std::string_view();
        out.emplace_back(segment.text, percentDecode(rest));
        return true;
      }
      if (i >= path.size()) return false;
      if (segment.kind == Segment::Kind::kLiteral) {
        if (percentDecode(path[i]) != segment.text) return false;
      } else {
        if (path[i].empty()) return false;
        out.emplace_back(segment.text, percentDecode(path[i]));
      }
    }
    return path.size() == segments.size();
  }
  // True when this route is the more special one: at the first difference, literal before parameter before
  // rest.
  bool before(const Route& other) const {
    for (std::size_t i = 0; i < std::min(segments.size(), other.segments.size()); ++i) {
      if (segments[i].kind != other.segments[i].kind) return segments[i].kind < other.segments[i].kind;
    }
    return segments.size() > other.segments.size();
  }
};

Router::Router() = default;
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

Router& Router::add(Method method, std::string_view pattern, Handler handler) {
  Route route;
  route.method = method;
  route.handler = std::move(handler);
  for (const std::string_view part : splitPath(pattern)) {
    Route::Segment segment;
    if (part.size() > 2 && part.front() == '{' && part.back() == '}') {
      std::string_view name = part.substr(1, part.size() - 2);
      segment.kind = Route::Segment::Kind::kParameter;
      if (name.back() == '*') {
        segment.kind = Route::Segment::Kind::kRest;
        name.remove_suffix(1);
      }
      segment.text = std::string(name);
    } else {
      segment.text = std::string(part);
    }
    route.segments.push_back(std::move(segment));
  }
  const auto place =
      std::find_if(routes_.begin(), routes_.end(), [&](const Route& other) { return route.before(other); });
  routes_.insert(place, std::move(route));
  return *this;
}

ServerResponse Router::operator()(const ServerRequest& request) const {
  const std::string_view whole = request.path;
  const std::vector<std::string_view> path = splitPath(whole);
  std::string allow;
  const Route* chosen = nullptr;
  Route::Parameters parameters;
  for (const Route& route : routes_) {
    Route::Parameters found;
    if (!route.match(path, whole, found)) continue;
    const bool exact = route.method == request.method;
    const bool get_for_head = request.method == Method::kHead && route.method == Method::kGet;
    if (exact || (get_for_head && chosen == nullptr)) {
      chosen = &route;
      parameters = std::move(found);
      if (exact) break;
    }
    if (allow.find(methodName(route.method)) == std::string::npos) {
      allow += (allow.empty() ? "" : ", ") + std::string(methodName(route.method));
    }
  }
  if (chosen == nullptr) {
    if (allow.empty()) return ServerResponse::text(404, "not found\n");
    ServerResponse response = ServerResponse::text(405, "method not allowed\n");
    response.headers.add("Allow", allow);
    return response;
  }
  ServerRequest routed = request;
  routed.path_parameters = std::move(parameters);
  return chosen->handler(routed);
}

Handler Router::handler(Router router) {
  auto shared = std::make_shared<const Router>(std::move(router));
  return [shared](const ServerRequest& request) { return (*shared)(request); };
}

std::string_view ServerRequest::parameter(std::string_view name) const {
  for (const auto& [key, value] : path_parameters) {
    if (key == name) return value;
  }
  return {};
}

std::string_view ServerRequest::queryParameter(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return {};
}

ServerResponse ServerResponse::json(int status, std::string body) {
  ServerResponse response;
  response.status = status;
  response.headers.add("Content-Type", "application/json");
  response.body = std::move(body);
  return response;
}

ServerResponse ServerResponse::text(int status, std::string body) {
  ServerResponse response;
  response.status = status;
  response.headers.add("Content-Type", "text/plain; charset=utf-8");
  response.body = std::move(body);
  return response;
}

}  // namespace tributary::net
