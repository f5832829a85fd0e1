#include <openssl/x509.h>

#include "net/internal/connection.h"

namespace tributary::net {
namespace {

using TlsStream = beast::ssl_stream<beast::tcp_stream>;

class TlsConnection final : public StreamConnection<TlsStream> {
 public:
  TlsConnection(ServerCore& core, asio::ip::tcp::socket socket, std::shared_ptr<asio::ssl::context> context)
      : StreamConnection(core, std::move(socket), *context), context_(std::move(context)) {}

 private:
  void begin() override {
    tcp().expires_after(core_.options.header_timeout);
    stream_.async_handshake(asio::ssl::stream_base::server, [self = self()](beast::error_code error) {
      if (error) return;
      auto& tls = static_cast<TlsConnection&>(*self);
      tls.readSubject();
      tls.waitForRequest();
    });
  }

  void readSubject() {
    X509* certificate = SSL_get1_peer_certificate(stream_.native_handle());
    if (certificate == nullptr) return;
    char name[256] = {};
    const int length =
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
    if (length > 0) peer_subject_.assign(name, static_cast<std::size_t>(length));
    X509_free(certificate);
  }

  void shutdown() override {
    tcp().expires_after(std::chrono::seconds(2));
    stream_.async_shutdown([self = self()](beast::error_code) {
      auto& tls = static_cast<TlsConnection&>(*self);
      beast::error_code ignored;
      tls.tcp().socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
      tls.linger();
    });
  }

  std::shared_ptr<asio::ssl::context> context_;
};

}  // namespace

std::shared_ptr<Connection> makeTlsConnection(ServerCore& core, asio::ip::tcp::socket socket,
                                              std::shared_ptr<void> context) {
  return std::make_shared<TlsConnection>(core, std::move(socket),
                                         std::static_pointer_cast<asio::ssl::context>(std::move(context)));
}

}  // namespace tributary::net
