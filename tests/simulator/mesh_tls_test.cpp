#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "net/http_client.h"
#include "simulator/mesh_server.h"
#include "tests/net/test_certs.h"

namespace tributary::simulator {
namespace {

TEST(MeshTls, RequiresAClientCertificateOfItsAuthority) {
  const auto folder = std::filesystem::temp_directory_path() / ("mesh-tls-" + std::to_string(::getpid()));
  testing::TestAuthority authority(folder), stranger(folder, "stranger");
  const auto server_files = authority.issue("localhost", "IP:127.0.0.1,DNS:localhost");
  const auto client_files = authority.issue("X26ABC1.RZZ.api.mesh-client.nhs.uk");
  const auto strange_files = stranger.issue("X26ABC1.RZZ.api.mesh-client.nhs.uk");
  const SystemClock clock;
  MeshOptions options;
  options.mailboxes = {{"X26ABC1", "password", "RZZ", "Provider", {}, {}}};
  options.tls = {server_files.certificate, server_files.key, authority.caFile()};
  MeshServer server(options, clock);
  ASSERT_TRUE(server.start());
  const auto ask = [&](const std::string& certificate, const std::string& key) {
    net::ClientOptions o;
    o.tls.ca_file = authority.caFile();
    o.tls.certificate_file = certificate;
    o.tls.key_file = key;
    net::HttpClient client(o);
    net::Request request;
    request.url = server.url() + "/messageexchange/endpointlookup/RZZ/ANY";
    return client.send(request);
  };
  EXPECT_TRUE(server.url().starts_with("https://"));
  const auto answer = ask(client_files.certificate, client_files.key);
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_EQ(answer->status, 200);
  EXPECT_FALSE(ask("", ""));
  EXPECT_FALSE(ask(strange_files.certificate, strange_files.key));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace tributary::simulator
