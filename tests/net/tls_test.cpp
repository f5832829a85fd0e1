#include <gtest/gtest.h>

#include <fstream>

#include "net/http_client.h"
#include "net/http_server.h"
#include "tests/net/test_certs.h"

namespace tributary::net {
namespace {

using testing::TestAuthority;
using testing::TestFolder;

ServerResponse whoAreYou(const ServerRequest& request) {
  return ServerResponse::text(200, request.peer_subject);
}

Request get(const std::string& url) {
  Request request;
  request.url = url;
  return request;
}

TEST(Tls, TheChainAndTheNameAreChecked) {
  const TestFolder folder;
  TestAuthority authority(folder.path());
  TestAuthority stranger(folder.path(), "stranger");
  const auto good = authority.issue("server", "IP:127.0.0.1");
  const auto other_name = authority.issue("server", "DNS:elsewhere.example");

  HttpServer server({.tls = {.certificate_file = good.certificate, .key_file = good.key}}, whoAreYou);
  ASSERT_TRUE(server.start());
  EXPECT_TRUE(server.url().starts_with("https://"));
  const auto fine =
      HttpClient({.tls = {.ca_file = authority.caFile()}, .allow_http = false}).send(get(server.url()));
  ASSERT_TRUE(fine) << fine.error().text;
  EXPECT_EQ(fine->status, 200);
  const auto unknown = HttpClient({.tls = {.ca_file = stranger.caFile()}}).send(get(server.url()));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kUnauthorised);
  EXPECT_EQ(unknown.error().retry, RetryClass::kPermanent);

  HttpServer misnamed({.tls = {.certificate_file = other_name.certificate, .key_file = other_name.key}},
                      whoAreYou);
  ASSERT_TRUE(misnamed.start());
  EXPECT_EQ(HttpClient({.tls = {.ca_file = authority.caFile()}}).send(get(misnamed.url())).error().code,
            ErrorCode::kUnauthorised);
  EXPECT_TRUE(HttpClient({.tls = {.ca_file = authority.caFile(), .check_host_name = false}})
                  .send(get(misnamed.url())));
  EXPECT_FALSE(
      HttpClient({.tls = {.ca_file = stranger.caFile(), .check_host_name = false}}).send(get(misnamed.url())))
      << "the switch is about the name only";
}

TEST(Tls, MutualTls) {
  const TestFolder folder;
  TestAuthority authority(folder.path());
  TestAuthority stranger(folder.path(), "stranger");
  const auto server_files = authority.issue("server", "IP:127.0.0.1");
  const auto client_files = authority.issue("mailbox.ods.api");
  const auto strange_files = stranger.issue("mailbox.ods.api");
  HttpServer server({.tls = {.certificate_file = server_files.certificate,
                             .key_file = server_files.key,
                             .client_ca_file = authority.caFile()}},
                    whoAreYou);
  ASSERT_TRUE(server.start());
  const auto with = [&](const testing::CertificateFiles& files) {
    return TlsClientOptions{.ca_file = authority.caFile(),
                            .certificate_file = files.certificate,
                            .key_file = files.key,
                            .key_password = {}};
  };
  HttpClient client({.tls = with(client_files)});
  for (int i = 0; i < 3; ++i) {
    const auto response = client.send(get(server.url()));
    ASSERT_TRUE(response) << response.error().text;
    EXPECT_EQ(response->body, "mailbox.ods.api");
  }
  EXPECT_FALSE(HttpClient({.tls = with(strange_files)}).send(get(server.url())));
  EXPECT_FALSE(HttpClient({.tls = {.ca_file = authority.caFile()}}).send(get(server.url())));
}

TEST(Tls, ReloadKeepsTheLastGoodCertificate) {
  const TestFolder folder;
  TestAuthority authority(folder.path());
  TestAuthority next(folder.path(), "next");
  const auto files = authority.issue("server", "IP:127.0.0.1");
  HttpServer server({.tls = {.certificate_file = files.certificate, .key_file = files.key}}, whoAreYou);
  ASSERT_TRUE(server.start());
  std::ofstream(files.certificate) << "broken";
  EXPECT_FALSE(server.reloadTls());
  EXPECT_TRUE(HttpClient({.tls = {.ca_file = authority.caFile()}}).send(get(server.url())));
  const auto renewed = next.issue("server", "IP:127.0.0.1");
  std::filesystem::copy_file(renewed.certificate, files.certificate,
                             std::filesystem::copy_options::overwrite_existing);
  std::filesystem::copy_file(renewed.key, files.key, std::filesystem::copy_options::overwrite_existing);
  ASSERT_TRUE(server.reloadTls());
  EXPECT_TRUE(HttpClient({.tls = {.ca_file = next.caFile()}}).send(get(server.url())));
}

TEST(Tls, BadFilesAreNamedAtStart) {
  HttpServer server({.tls = {.certificate_file = "/no/such.pem", .key_file = "/no/such.key"}}, whoAreYou);
  const auto started = server.start();
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().text.find("/no/such.pem"), std::string::npos);
}

}  // namespace
}  // namespace tributary::net
