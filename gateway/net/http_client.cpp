#include "net/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <mutex>
#include <stdexcept>

#include "net/internal/transfer.h"

namespace tributary::net {
namespace {

// One multi handle with its connections and a few easy handles; used by one thread at a time.
class Session {
 public:
  Session() : multi_(curl_multi_init()) {
    if (multi_ == nullptr) throw std::runtime_error("libcurl cannot be set up");
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, 16L);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() {
    for (CURL* easy : free_) curl_easy_cleanup(easy);
    curl_multi_cleanup(multi_);
  }

  CURL* takeEasy() {
    if (free_.empty()) {
      CURL* easy = curl_easy_init();
      if (easy == nullptr) throw std::runtime_error("libcurl cannot be set up");
      return easy;
    }
    CURL* easy = free_.back();
    free_.pop_back();
    return easy;
  }
  void giveBack(CURL* easy) { free_.push_back(easy); }
  CURLM* multi() const { return multi_; }

  std::string last_origin;

 private:
  CURLM* multi_;
  std::vector<CURL*> free_;
};

// Runs up to `parallel` of the transfers at a time until all have ended.
class Run {
 public:
  Run(Session& session, const ClientOptions& options, std::span<const Request> requests, std::size_t parallel)
      : session_(session),
        options_(options),
        requests_(requests),
        parallel_(std::max<std::size_t>(1, parallel)) {
    results_.resize(requests.size());
    active_.reserve(parallel_);
  }

  std::vector<std::optional<Result<Response>>>& run() {
    while (next_ < requests_.size() || !active_.empty()) {
      while (next_ < requests_.size() && active_.size() < parallel_) start(next_++);
      if (active_.empty()) continue;
      int running = 0;
      curl_multi_perform(session_.multi(), &running);
      const bool ended = collect();
      const bool stopped = dropCancelled();
      if (ended || stopped) continue;
      curl_multi_poll(session_.multi(), nullptr, 0, 1000, nullptr);
    }
    return results_;
  }

 private:
  struct Active {
    std::unique_ptr<Transfer> transfer;
    std::size_t index;
    std::unique_ptr<std::stop_callback<std::function<void()>>> wake;
  };

  void start(std::size_t index) {
    const Request& request = requests_[index];
    auto transfer = std::make_unique<Transfer>(options_, request);
    CURL* easy = session_.takeEasy();
    if (auto begun = transfer->begin(easy); !begun) {
      session_.giveBack(easy);
      results_[index] = std::unexpected(std::move(begun).error());
      return;
    }
    if (request.cancel.stop_requested()) {
      transfer->cancelled();
      results_[index] = transfer->takeResult();
      session_.giveBack(easy);
      return;
    }
    if (index == 0) session_.last_origin = transfer->origin();
    curl_multi_add_handle(session_.multi(), easy);
    Active active{std::move(transfer), index, nullptr};
    if (request.cancel.stop_possible()) {
      CURLM* multi = session_.multi();
      active.wake = std::make_unique<std::stop_callback<std::function<void()>>>(
          request.cancel, [multi] { curl_multi_wakeup(multi); });
    }
    active_.push_back(std::move(active));
  }

  bool collect() {
    bool any = false;
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(session_.multi(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      any = true;
      CURL* easy = message->easy_handle;
      const CURLcode code = message->data.result;
      const auto it = std::find_if(active_.begin(), active_.end(),
                                   [easy](const Active& active) { return active.transfer->easy() == easy; });
      // completed() reads from the handle what curl forgets when it is removed.
      if (it->transfer->completed(code)) {
        curl_multi_remove_handle(session_.multi(), easy);
        curl_multi_add_handle(session_.multi(), easy);
      } else {
        curl_multi_remove_handle(session_.multi(), easy);
        end(it);
      }
    }
    return any;
  }

  bool dropCancelled() {
    bool any = false;
    for (std::size_t i = active_.size(); i-- > 0;) {
      if (!active_[i].transfer->request().cancel.stop_requested()) continue;
      any = true;
      active_[i].transfer->cancelled();
      curl_multi_remove_handle(session_.multi(), active_[i].transfer->easy());
      end(active_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return any;
  }

  void end(std::vector<Active>::iterator it) {
    results_[it->index] = it->transfer->takeResult();
    session_.giveBack(it->transfer->easy());
    active_.erase(it);
  }

  Session& session_;
  const ClientOptions& options_;
  const std::span<const Request> requests_;
  const std::size_t parallel_;
  std::size_t next_ = 0;
  std::vector<Active> active_;
  std::vector<std::optional<Result<Response>>> results_;
};

}  // namespace

struct HttpClient::Impl {
  explicit Impl(ClientOptions o) : options(std::move(o)) {}

  std::unique_ptr<Session> take(std::string_view url) {
    const std::lock_guard lock(mutex);
    // One that has talked to the same origin probably holds an open connection to it.
    for (std::size_t i = idle.size(); i-- > 0;) {
      const std::string& origin = idle[i]->last_origin;
      if (origin.empty() || !url.starts_with(origin)) continue;
      auto session = std::move(idle[i]);
      idle.erase(idle.begin() + static_cast<std::ptrdiff_t>(i));
      return session;
    }
    if (idle.size() < options.idle_sessions || idle.empty()) return nullptr;
    auto session = std::move(idle.front());
    idle.erase(idle.begin());
    return session;
  }
  void giveBack(std::unique_ptr<Session> session) {
    const std::lock_guard lock(mutex);
    if (idle.size() < options.idle_sessions) idle.push_back(std::move(session));
  }

  const ClientOptions options;
  std::mutex mutex;
  std::vector<std::unique_ptr<Session>> idle;
};

HttpClient::HttpClient(ClientOptions options) {
  static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (kReady != CURLE_OK) throw std::runtime_error("libcurl cannot be set up");
  impl_ = std::make_unique<Impl>(std::move(options));
}

HttpClient::~HttpClient() = default;

const ClientOptions& HttpClient::options() const {
  return impl_->options;
}

Result<Response> HttpClient::send(const Request& request) {
  auto results = sendAll(std::span(&request, 1), 1);
  return std::move(results.front());
}

std::vector<Result<Response>> HttpClient::sendAll(std::span<const Request> requests, std::size_t parallel) {
  std::vector<Result<Response>> out;
  if (requests.empty()) return out;
  auto session = impl_->take(requests.front().url);
  if (!session) session = std::make_unique<Session>();
  Run run(*session, impl_->options, requests, parallel);
  auto& results = run.run();
  out.reserve(results.size());
  for (auto& result : results) out.push_back(std::move(*result));
  impl_->giveBack(std::move(session));
  return out;
}

}  // namespace tributary::net
