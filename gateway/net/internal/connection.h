#pragma once
#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/civil_time.h"
#include "net/internal/body_buffer.h"
#include "net/internal/server_core.h"

namespace tributary::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;

// Stream is beast::tcp_stream or beast::ssl_stream<beast::tcp_stream>. All members run on the connection's
// strand; only the handler runs on a worker, while the connection does nothing else.
template <class Stream>
class StreamConnection : public Connection, public std::enable_shared_from_this<StreamConnection<Stream>> {
 public:
  template <class... Args>
  explicit StreamConnection(ServerCore& core, Args&&... args)
      : core_(core),
        stream_(std::forward<Args>(args)...),
        body_(core.options.memory_body_bytes, core.options.temp_dir) {
    beast::error_code ignored;
    const auto peer = tcp().socket().remote_endpoint(ignored);
    if (!ignored) peer_address_ = peer.address().to_string();
  }
  ~StreamConnection() override { core_.remove(this); }

  void start() override {
    asio::post(stream_.get_executor(), [self = self()] { self->begin(); });
  }
  void close(bool now) override {
    asio::post(stream_.get_executor(), [self = self(), now] {
      self->closing_ = true;
      if (now || self->idle_) self->tcp().close();
    });
  }

 protected:
  virtual void begin() { waitForRequest(); }
  virtual void shutdown() {
    beast::error_code ignored;
    tcp().socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    linger();
  }

  std::shared_ptr<StreamConnection> self() { return this->shared_from_this(); }
  beast::tcp_stream& tcp() { return beast::get_lowest_layer(stream_); }

  // Waits for the first byte of a request; only here is a kept-alive connection idle.
  void waitForRequest() {
    if (closing_ || core_.stopping) return shutdown();
    parser_.emplace();
    parser_->header_limit(core_.options.header_bytes);
    parser_->body_limit(boost::none);  // checked here, so that it can be answered
    body_.clear();
    if (buffer_.size() > 0) return readHeader();
    idle_ = true;
    tcp().expires_after(core_.options.keep_alive_timeout);
    stream_.async_read_some(buffer_.prepare(4096), [self = self()](beast::error_code error, std::size_t got) {
      self->idle_ = false;
      if (error) return;
      self->buffer_.commit(got);
      self->readHeader();
    });
  }

  void readHeader() {
    tcp().expires_after(core_.options.header_timeout);
    bhttp::async_read_header(
        stream_, buffer_, *parser_, [self = self()](beast::error_code error, std::size_t) {
          if (error == bhttp::error::header_limit) return self->refuse(431, "header too large\n");
          if (error && error.category() == bhttp::make_error_code(bhttp::error::bad_method).category() &&
              error != bhttp::error::end_of_stream && error != bhttp::error::partial_message) {
            return self->refuse(400, "malformed request\n");
          }
          if (error) return;
          self->gotHeader();
        });
  }

  void gotHeader() {
    const auto& message = parser_->get();
    const auto method = parseMethod({message.method_string().data(), message.method_string().size()});
    if (!method) return refuse(501, "method not known\n");
    method_ = *method;
    if (!message.target().starts_with('/') && message.target() != "*")
      return refuse(400, "malformed target\n");
    const auto length = parser_->content_length();
    if (length && *length > core_.options.body_bytes) return refuse(413, "body too large\n");
    body_deadline_ = std::chrono::steady_clock::now() + core_.options.body_timeout;
    if (bhttp::token_list(message[bhttp::field::expect]).exists("100-continue") && !parser_->is_done()) {
      static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      tcp().expires_after(core_.options.write_timeout);
      asio::async_write(stream_, asio::buffer(kContinue),
                        [self = self()](beast::error_code error, std::size_t) {
                          if (!error) self->readBody();
                        });
      return;
    }
    readBody();
  }

  void readBody() {
    if (parser_->is_done()) return dispatch();
    const auto left = std::chrono::duration_cast<Duration>(body_deadline_ - std::chrono::steady_clock::now());
    if (left.count() <= 0) return refuse(408, "the body came too slowly\n");
    tcp().expires_after(std::min(left, core_.options.body_idle_timeout));
    parser_->get().body().data = piece_.data();
    parser_->get().body().size = piece_.size();
    bhttp::async_read_some(stream_, buffer_, *parser_, [self = self()](beast::error_code error, std::size_t) {
      if (error == bhttp::error::need_buffer) error = {};
      if (error == beast::error::timeout) return;
      if (error && error.category() == bhttp::make_error_code(bhttp::error::bad_method).category() &&
          error != bhttp::error::partial_message && error != bhttp::error::end_of_stream) {
        return self->refuse(400, "malformed body\n");
      }
      if (error) return;
      const std::size_t got = self->piece_.size() - self->parser_->get().body().size;
      if (self->body_.size() + got > self->core_.options.body_bytes)
        return self->refuse(413, "body too large\n");
      if (auto kept = self->body_.append({self->piece_.data(), got}); !kept) {
        if (self->core_.on_fault) self->core_.on_fault(kept.error().text);
        return self->refuse(507, "no room for the body\n");
      }
      self->readBody();
    });
  }

  void dispatch() {
    auto body = body_.finish();
    if (!body) return refuse(507, "no room for the body\n");
    tcp().expires_never();
    const auto& message = parser_->get();
    auto request = std::make_shared<ServerRequest>();
    request->method = method_;
    request->target = std::string(message.target());
    const std::string_view target = request->target;
    const std::size_t question = target.find('?');
    request->path = std::string(target.substr(0, question));
    if (question != std::string_view::npos) request->query = parseQuery(target.substr(question + 1));
    for (const auto& field : message) {
      request->headers.add(std::string(field.name_string()), std::string(field.value()));
    }
    request->body = *body;
    request->peer_address = peer_address_;
    request->peer_subject = peer_subject_;
    const bool posted = core_.workers->post([self = self(), request] {
      auto response = std::make_shared<ServerResponse>(self->handle(*request));
      asio::post(self->stream_.get_executor(), [self, response] { self->respond(std::move(*response)); });
    });
    if (!posted) {
      ServerResponse busy = ServerResponse::text(503, "busy\n");
      busy.headers.add("Retry-After", "1");
      respond(std::move(busy));
    }
  }

  ServerResponse handle(const ServerRequest& request) {  // on a worker
    try {
      return core_.handler(request);
    } catch (const std::exception& e) {
      if (core_.on_fault) core_.on_fault(e.what());
    } catch (...) {
      if (core_.on_fault) core_.on_fault("exception of an unknown kind");
    }
    return ServerResponse::text(500, "internal error\n");
  }

  // An answer to a request that was not read to its end: the connection cannot be used further.
  void refuse(int status, std::string text) {
    ServerResponse response = ServerResponse::text(status, std::move(text));
    response.close = true;
    respond(std::move(response));
  }

  void respond(ServerResponse response) {
    if (response.drop) {
      tcp().close();
      return;
    }
    const bool keep =
        !response.close && !closing_ && !core_.stopping && parser_->is_done() && parser_->get().keep_alive();
    answer_ = {};
    answer_.version(11);
    answer_.result(static_cast<unsigned>(response.status));
    answer_.reason(std::string(reasonPhrase(response.status)));
    for (const auto& [name, value] : response.headers) answer_.insert(name, value);
    answer_.set(bhttp::field::date, formatHttpDate(SystemClock().now()));
    answer_.keep_alive(keep);
    const bool bodiless = response.status == 204 || response.status == 304 || response.status < 200;
    if (!bodiless) answer_.content_length(response.body.size());
    const bool header_only = bodiless || method_ == Method::kHead;
    if (!header_only) answer_.body() = std::move(response.body);
    serializer_.emplace(answer_);
    tcp().expires_after(core_.options.write_timeout);
    const auto done = [self = self(), keep](beast::error_code error, std::size_t) {
      if (error) return;
      self->answer_.body() = {};
      if (!keep) return self->shutdown();
      self->waitForRequest();
    };
    if (header_only) {
      serializer_->split(true);
      bhttp::async_write_header(stream_, *serializer_, done);
    } else {
      bhttp::async_write(stream_, *serializer_, done);
    }
  }

  // Takes what the client still sends for a moment, so that its reset does not cost it our answer.
  void linger() {
    tcp().expires_after(std::chrono::seconds(2));
    tcp().async_read_some(asio::buffer(piece_), [self = self()](beast::error_code error, std::size_t got) {
      self->lingered_ += got;
      if (error || self->lingered_ > (std::size_t{16} << 20)) return;
      self->linger();
    });
  }

  ServerCore& core_;
  Stream stream_;
  beast::flat_buffer buffer_;
  std::optional<bhttp::request_parser<bhttp::buffer_body>> parser_;
  BodyBuffer body_;
  std::array<char, 16 << 10> piece_{};
  bhttp::response<bhttp::string_body> answer_;
  std::optional<bhttp::response_serializer<bhttp::string_body>> serializer_;
  std::chrono::steady_clock::time_point body_deadline_{};
  Method method_ = Method::kGet;
  std::string peer_address_, peer_subject_;
  std::size_t lingered_ = 0;
  bool idle_ = false, closing_ = false;
};

}  // namespace tributary::net
