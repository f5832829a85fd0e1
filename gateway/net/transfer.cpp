#include "net/internal/transfer.h"

#include <algorithm>
#include <exception>

namespace tributary::net {
namespace {

constexpr std::size_t kErrorBodyBytes = 1 << 20;  // kept of an answer that is not 2xx

bool hasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

bool isToken(std::string_view name) {  // RFC 9110 5.6.2
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool isSecretHeader(std::string_view name) {
  return equalsIgnoreCase(name, "Authorization") || equalsIgnoreCase(name, "Cookie") ||
         equalsIgnoreCase(name, "Proxy-Authorization");
}

std::string_view trimmed(std::string_view text) {
  const auto space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

Transfer::~Transfer() {
  curl_slist_free_all(header_list_);
}

Result<void> Transfer::begin(CURL* easy) {
  easy_ = easy;
  deadline_ = std::chrono::steady_clock::now() + request_.timeout.value_or(options_.limits.total);
  method_ = request_.method;
  with_body_ = request_.body_source != nullptr || !request_.body.empty();
  if (with_body_ && (method_ == Method::kGet || method_ == Method::kHead)) {
    return fail(ErrorCode::kInvalidArgument, "a GET or HEAD request has no body");
  }
  TRY_ASSIGN(url_, Url::parse(request_.url));
  TRY_VOID(checkTarget(url_));
  return prepareHop();
}

Result<void> Transfer::checkTarget(const Url& url) const {
  if (url.scheme == "http" && !options_.allow_http) {
    return fail(ErrorCode::kInvalidArgument, "plain http is not allowed here: " + url.origin());
  }
  if (options_.allowed_hosts.empty()) return {};
  const std::string with_port = url.host + ":" + std::to_string(url.port);
  for (const std::string& allowed : options_.allowed_hosts) {
    if (equalsIgnoreCase(allowed, url.host) || equalsIgnoreCase(allowed, with_port)) return {};
  }
  return fail(ErrorCode::kInvalidArgument, "the host is not on the list of allowed hosts: " + url.origin());
}

Result<void> Transfer::prepareHop() {
  curl_easy_reset(easy_);
  response_ = Response{};
  status_ = 0;
  header_bytes_ = body_bytes_ = 0;
  truncated_ = false;
  error_text_[0] = '\0';
  TRY_VOID(buildHeaders());

  const auto set = [this](CURLoption option, auto value) { curl_easy_setopt(easy_, option, value); };
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
  if (left.count() <= 0)
    return fail(ErrorCode::kTimeout, "no time left for " + url_.origin(), retryByPhase());
  set(CURLOPT_URL, url_.text().c_str());
  set(CURLOPT_PRIVATE, static_cast<void*>(this));
  set(CURLOPT_ERRORBUFFER, error_text_);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_PROTOCOLS_STR, options_.allow_http ? "http,https" : "https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(left.count()));
  set(CURLOPT_CONNECTTIMEOUT_MS,
      static_cast<long>(std::max<std::int64_t>(1, options_.limits.connect.count())));
  if (options_.limits.low_speed_bytes != 0) {
    set(CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(options_.limits.low_speed_bytes));
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(options_.limits.low_speed_for);
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(seconds.count()));
  }
  // An empty string switches a proxy off; unset, curl would look into the environment.
  set(CURLOPT_PROXY, options_.proxy.c_str());
  set(CURLOPT_NOPROXY, "");
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_USERAGENT, options_.user_agent.c_str());
  if (options_.accept_gzip) set(CURLOPT_ACCEPT_ENCODING, "gzip");

  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, options_.tls.check_host_name ? 2L : 0L);
  set(CURLOPT_CA_CACHE_TIMEOUT, 300L);  // a changed CA file is seen within five minutes
  if (!options_.tls.ca_file.empty()) {
    set(CURLOPT_CAINFO, options_.tls.ca_file.c_str());
    set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
  }
  if (!options_.tls.certificate_file.empty()) set(CURLOPT_SSLCERT, options_.tls.certificate_file.c_str());
  if (!options_.tls.key_file.empty()) set(CURLOPT_SSLKEY, options_.tls.key_file.c_str());
  if (!options_.tls.key_password.empty()) set(CURLOPT_KEYPASSWD, options_.tls.key_password.c_str());

  setMethod();
  set(CURLOPT_HTTPHEADER, header_list_);
  set(CURLOPT_HEADERFUNCTION, &Transfer::headerCallback);
  set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(CURLOPT_WRITEFUNCTION, &Transfer::bodyCallback);
  set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  return {};
}

Result<void> Transfer::buildHeaders() {
  curl_slist_free_all(std::exchange(header_list_, nullptr));
  const auto append = [this](const std::string& line) {
    header_list_ = curl_slist_append(header_list_, line.c_str());
  };
  bool has_type = false;
  for (const auto& [name, value] : request_.headers) {
    if (!isToken(name) || hasControl(value)) {
      return fail(ErrorCode::kInvalidArgument, "a header field holds characters that HTTP does not allow");
    }
    if (foreign_origin_ && isSecretHeader(name)) continue;
    const bool about_body =
        equalsIgnoreCase(name, "Content-Type") || equalsIgnoreCase(name, "Content-Encoding");
    if (about_body && !with_body_ && request_.method != method_) continue;  // the redirect dropped the body
    has_type = has_type || equalsIgnoreCase(name, "Content-Type");
    append(value.empty() ? name + ";" : name + ": " + value);  // curl's way to write an empty field
  }
  if (!has_type) append("Content-Type:");  // curl would call any body a form
  append("Expect:");                       // no second of waiting for 100 Continue
  return {};
}

void Transfer::setMethod() {
  const auto set = [this](CURLoption option, auto value) { curl_easy_setopt(easy_, option, value); };
  if (method_ == Method::kHead) {
    set(CURLOPT_NOBODY, 1L);
    return;
  }
  if (with_body_ || method_ == Method::kPost || method_ == Method::kPut || method_ == Method::kPatch) {
    set(CURLOPT_POST, 1L);
    if (request_.body_source != nullptr && with_body_) {
      set(CURLOPT_READFUNCTION, &Transfer::readCallback);
      set(CURLOPT_READDATA, static_cast<void*>(this));
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body_size));
    } else {
      set(CURLOPT_POSTFIELDS, with_body_ ? request_.body.data() : "");
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(with_body_ ? request_.body.size() : 0));
    }
  } else {
    set(CURLOPT_HTTPGET, 1L);
  }
  if (method_ != Method::kGet && method_ != Method::kPost) {
    set(CURLOPT_CUSTOMREQUEST, std::string(methodName(method_)).c_str());
  }
  // curl sends a request again by itself when a connection that it reused turns out to be dead. For what must
  // not be sent twice, only a fresh connection keeps it from doing so.
  if (!idempotent() || request_.body_source != nullptr) set(CURLOPT_FRESH_CONNECT, 1L);
}

bool Transfer::requestWentOut() const {
  if (went_out_before_) return true;
  long sent = 0;
  curl_easy_getinfo(easy_, CURLINFO_REQUEST_SIZE, &sent);
  return sent > 0;
}

RetryClass Transfer::retryByPhase() const {
  return idempotent() || !requestWentOut() ? RetryClass::kRetryable : RetryClass::kUnknownOutcome;
}

Error Transfer::curlError(CURLcode code) const {
  const std::string detail = error_text_[0] != '\0' ? error_text_ : curl_easy_strerror(code);
  Error error;
  // Only the origin: a path or a query may name a patient.
  error.text = std::string(methodName(method_)) + " " + url_.origin() + ": " + detail;
  error.retry = retryByPhase();
  error.code = ErrorCode::kUnavailable;
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      error.code = ErrorCode::kTimeout;
      break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
      error.code = ErrorCode::kUnauthorised;
      error.retry = RetryClass::kPermanent;
      break;
    case CURLE_UNSUPPORTED_PROTOCOL:  // also "HTTP/0.9 when not allowed"
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
      error.code = ErrorCode::kMalformed;
      error.text = std::string(methodName(method_)) + " " + url_.origin() + ": " + curl_easy_strerror(code);  // not the server's own bytes
      break;
    case CURLE_URL_MALFORMAT:
      error.code = ErrorCode::kInvalidArgument;
      error.retry = RetryClass::kPermanent;
      break;
    default:
      break;
  }
  return error;
}

Result<bool> Transfer::followRedirect() {
  const bool redirect =
      status_ == 301 || status_ == 302 || status_ == 303 || status_ == 307 || status_ == 308;
  if (!redirect || options_.max_redirects <= 0 || !response_.headers.has("Location")) return false;
  if (request_.body_source != nullptr) return false;
  if (redirects_ >= options_.max_redirects) {
    return fail(ErrorCode::kLimit,
                "more than " + std::to_string(options_.max_redirects) + " redirects from " + url_.origin());
  }
  auto next = url_.resolve(response_.headers.get("Location"));
  if (!next)
    return fail(ErrorCode::kMalformed, url_.origin() + " redirects to something that is not a usable URL");
  if (url_.scheme == "https" && next->scheme == "http") {
    return fail(ErrorCode::kRejected, url_.origin() + " redirects from https to http");
  }
  if (auto allowed = checkTarget(*next); !allowed) {
    return fail(ErrorCode::kRejected, url_.origin() + " redirects to a host or scheme that is not allowed");
  }
  // 303, and by common practice 301 and 302 to a POST, ask for a GET (RFC 9110 15.4).
  if (method_ != Method::kHead &&
      (status_ == 303 || (status_ != 307 && status_ != 308 && method_ == Method::kPost))) {
    method_ = Method::kGet;
    with_body_ = false;
  }
  if (!next->sameOrigin(url_)) {
    foreign_origin_ = true;
    if (with_body_)
      return fail(ErrorCode::kRejected, url_.origin() + " redirects a request with a body to another host");
  }
  ++redirects_;
  url_ = std::move(*next);
  return true;
}

bool Transfer::completed(CURLcode code) {
  if (callback_error_) {
    result_ = std::unexpected(std::move(*callback_error_));
    finish();
    return false;
  }
  if (code != CURLE_OK && !truncated_) {
    result_ = std::unexpected(curlError(code));
    finish();
    return false;
  }
  went_out_before_ = true;
  auto next = followRedirect();
  if (next && *next) {
    auto prepared = prepareHop();
    if (prepared) return true;
    next = std::unexpected(std::move(prepared).error());
  }
  if (!next) {
    result_ = std::unexpected(std::move(next).error());
    finish();
    return false;
  }
  response_.status = status_;
  response_.url = url_.text();
  if (options_.accept_gzip && response_.headers.has("Content-Encoding") &&
      !equalsIgnoreCase(response_.headers.get("Content-Encoding"), "identity")) {
    response_.headers.remove("Content-Encoding");  // curl has undone it
    response_.headers.remove("Content-Length");
  }
  result_ = std::move(response_);
  finish();
  return false;
}

void Transfer::cancelled() {
  curl_easy_setopt(easy_, CURLOPT_QUICK_EXIT, 1L);  // nobody waits for a name look-up that hangs
  Error error{ErrorCode::kUnavailable, retryByPhase(), "cancelled: request to " + url_.origin(), {}};
  result_ = std::unexpected(std::move(error));
  finish();
}

void Transfer::finish() {
  curl_slist_free_all(std::exchange(header_list_, nullptr));
}

std::size_t Transfer::onHeader(std::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > options_.limits.header_bytes) {
    callback_error_ = Error{ErrorCode::kLimit,
                            RetryClass::kPermanent,
                            "the header of the answer of " + url_.origin() + " is too large",
                            {}};
    return 0;
  }
  if (line.starts_with("HTTP/")) {  // also after 1xx: only the last block counts
    response_.headers = Headers();
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    status_ = static_cast<int>(status);
    return line.size();
  }
  const std::size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    response_.headers.add(std::string(trimmed(line.substr(0, colon))),
                          std::string(trimmed(line.substr(colon + 1))));
  }
  return line.size();
}

std::size_t Transfer::onBody(std::string_view piece) {
  const bool success = status_ >= 200 && status_ < 300;
  const std::uint64_t limit = request_.max_body.value_or(options_.limits.body_bytes);
  if (!success) {
    const std::size_t keep = static_cast<std::size_t>(std::min<std::uint64_t>(limit, kErrorBodyBytes));
    const std::size_t room = keep - std::min(keep, response_.body.size());
    response_.body.append(piece.substr(0, room));
    truncated_ = piece.size() > room;  // enough was seen: the status is the answer
    return truncated_ ? 0 : piece.size();
  }
  body_bytes_ += piece.size();
  if (body_bytes_ > limit) {
    callback_error_ =
        Error{ErrorCode::kLimit,
              RetryClass::kPermanent,
              "the answer of " + url_.origin() + " is larger than " + std::to_string(limit) + " bytes",
              {}};
    return 0;
  }
  if (request_.sink == nullptr) {
    response_.body.append(piece);
    return piece.size();
  }
  if (auto taken = request_.sink(piece); !taken) {
    callback_error_ = std::move(taken).error();
    return 0;
  }
  return piece.size();
}

std::size_t Transfer::onRead(std::span<char> buffer) {
  auto got = request_.body_source(buffer);
  if (!got) {
    callback_error_ = std::move(got).error();
    return CURL_READFUNC_ABORT;
  }
  return *got;
}

// The fences towards C: no exception may cross them.
std::size_t Transfer::headerCallback(char* data, std::size_t size, std::size_t count, void* self) {
  try {
    return static_cast<Transfer*>(self)->onHeader({data, size * count});
  } catch (const std::exception& e) {
    static_cast<Transfer*>(self)->callback_error_ =
        Error{ErrorCode::kInternal, RetryClass::kPermanent, e.what(), {}};
    return 0;
  }
}

std::size_t Transfer::bodyCallback(char* data, std::size_t size, std::size_t count, void* self) {
  if (size * count == 0) return 0;
  try {
    return static_cast<Transfer*>(self)->onBody({data, size * count});
  } catch (const std::exception& e) {
    static_cast<Transfer*>(self)->callback_error_ =
        Error{ErrorCode::kInternal, RetryClass::kPermanent, e.what(), {}};
    return 0;
  }
}

std::size_t Transfer::readCallback(char* data, std::size_t size, std::size_t count, void* self) {
  try {
    return static_cast<Transfer*>(self)->onRead({data, size * count});
  } catch (const std::exception& e) {
    static_cast<Transfer*>(self)->callback_error_ =
        Error{ErrorCode::kInternal, RetryClass::kPermanent, e.what(), {}};
    return CURL_READFUNC_ABORT;
  }
}

}  // namespace tributary::net
