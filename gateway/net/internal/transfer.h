#pragma once
#include <curl/curl.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "net/http_client.h"

namespace tributary::net {

// One request on its way through libcurl: sets up the easy handle, takes the callbacks, follows redirects,
// and turns the end into a Response or a typed Error. Belongs to the thread that sends.
class Transfer {
 public:
  Transfer(const ClientOptions& options, const Request& request) : options_(options), request_(request) {}
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer();

  // Checks the request and prepares `easy` for it. The handle is borrowed until the transfer has ended.
  Result<void> begin(CURL* easy);
  // What came of it. True: a redirect was prepared, add the handle again. False: result() is there.
  bool completed(CURLcode code);
  void cancelled();
  Result<Response> takeResult() { return std::move(*result_); }

  CURL* easy() const { return easy_; }
  const Request& request() const { return request_; }
  std::string origin() const { return url_.origin(); }

 private:
  Result<void> prepareHop();
  Result<void> buildHeaders();
  void setMethod();
  Result<void> checkTarget(const Url& url) const;
  Result<bool> followRedirect();  // true: go on with the new URL
  bool idempotent() const { return request_.idempotent.value_or(isIdempotent(request_.method)); }
  bool requestWentOut() const;
  RetryClass retryByPhase() const;
  Error curlError(CURLcode code) const;
  void finish();

  std::size_t onHeader(std::string_view line);
  std::size_t onBody(std::string_view piece);
  std::size_t onRead(std::span<char> buffer);
  static std::size_t headerCallback(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t bodyCallback(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t readCallback(char* data, std::size_t size, std::size_t count, void* self);

  const ClientOptions& options_;
  const Request& request_;
  CURL* easy_ = nullptr;
  curl_slist* header_list_ = nullptr;
  char error_text_[CURL_ERROR_SIZE] = {};
  Url url_;
  Method method_ = Method::kGet;
  bool with_body_ = false;
  bool foreign_origin_ = false;  // secrets stay behind from here on, also when a redirect leads back
  int redirects_ = 0;
  bool went_out_before_ = false;  // an earlier hop reached a server
  std::chrono::steady_clock::time_point deadline_{};

  int status_ = 0;
  bool truncated_ = false;
  std::uint64_t header_bytes_ = 0, body_bytes_ = 0;
  std::optional<Error> callback_error_;
  Response response_;
  std::optional<Result<Response>> result_;
};

}  // namespace tributary::net
