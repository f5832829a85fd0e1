#include "net/internal/connection.h"

namespace tributary::net {

std::shared_ptr<Connection> makePlainConnection(ServerCore& core, asio::ip::tcp::socket socket) {
  return std::make_shared<StreamConnection<beast::tcp_stream>>(core, std::move(socket));
}

}  // namespace tributary::net
