#include <gtest/gtest.h>

#include "net/http_server.h"

namespace tributary::net {
namespace {

ServerRequest request(Method method, std::string path) {
  ServerRequest out;
  out.method = method;
  out.path = out.target = std::move(path);
  return out;
}

Handler named(std::string name) {
  return [name = std::move(name)](const ServerRequest& r) {
    std::string text = name;
    for (const auto& [key, value] : r.path_parameters) text += " " + key + "=" + value;
    return ServerResponse::text(200, text);
  };
}

TEST(RouterTest, LiteralsWinOverParametersWhateverTheOrder) {
  Router router;
  router.add(Method::kGet, "/files/{rest*}", named("files"))
      .add(Method::kGet, "/fhir/{type}/{id}", named("read"))
      .add(Method::kGet, "/fhir/{type}", named("search"))
      .add(Method::kGet, "/fhir/metadata", named("metadata"))
      .add(Method::kPost, "/fhir/{type}", named("create"))
      .add(Method::kGet, "/", named("root"))
      .add(Method::kHead, "/fhir/metadata", named("head"));
  const std::tuple<Method, const char*, const char*> cases[] = {
      {Method::kGet, "/", "root"},
      {Method::kGet, "/fhir/metadata", "metadata"},
      {Method::kHead, "/fhir/metadata", "head"},
      {Method::kHead, "/fhir/Patient", "search type=Patient"},
      {Method::kGet, "/fhir/Patient", "search type=Patient"},
      {Method::kPost, "/fhir/Patient", "create type=Patient"},
      {Method::kGet, "/fhir/Patient/a%2Fb", "read type=Patient id=a/b"},
      {Method::kGet, "/files", "files rest="},
      {Method::kGet, "/files/", "files rest="},
      {Method::kGet, "/files/a/b%20c", "files rest=a/b c"},
  };
  for (const auto& [method, path, expected] : cases) {
    EXPECT_EQ(router(request(method, path)).body, expected) << methodName(method) << " " << path;
  }
}

TEST(RouterTest, NotFoundAndNotAllowed) {
  Router router;
  router.add(Method::kGet, "/a/{x}", named("a")).add(Method::kPut, "/a/{x}", named("b"));
  EXPECT_EQ(router(request(Method::kGet, "/b")).status, 404);
  EXPECT_EQ(router(request(Method::kGet, "/a/")).status, 404) << "a parameter is not empty";
  EXPECT_EQ(router(request(Method::kGet, "/a/1/2")).status, 404);
  const ServerResponse response = router(request(Method::kDelete, "/a/1"));
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.headers.get("Allow"), "GET, PUT");
}

}  // namespace
}  // namespace tributary::net
