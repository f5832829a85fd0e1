#include "simulator/internal/notifier.h"

#include "simulator/internal/json_text.h"

namespace tributary::simulator {
namespace {
net::ClientOptions clientOptions() {
  net::ClientOptions options;
  options.limits.connect = std::chrono::seconds(5);
  options.limits.total = std::chrono::seconds(20);
  options.user_agent = "tributary-simulator";
  return options;
}
}  // namespace

Notifier::Notifier(std::vector<Duration> waits)
    : waits_(std::move(waits)), client_(clientOptions()), thread_([this] { run(); }) {}

Notifier::~Notifier() {
  stop();
}

std::string Notifier::set(const std::string& id, std::string_view text) {
  const std::string_view channel = memberOf(text, "channel");
  Subscription s;
  const std::string criteria = textOf(text, "criteria");
  const auto mark = criteria.find('?');
  s.type = criteria.substr(0, mark);
  if (mark != std::string::npos) s.filters = net::parseQuery(criteria.substr(mark + 1));
  s.endpoint = textOf(channel, "endpoint");
  s.payload = textOf(channel, "payload");
  while (s.endpoint.ends_with('/')) s.endpoint.pop_back();
  for (const std::string_view header : elements(memberOf(channel, "header"))) {
    const std::string line = unquote(header);
    const auto colon = line.find(':');
    if (colon == std::string::npos) return "channel.header is not \"name: value\"";
    const auto value = line.find_first_not_of(' ', colon + 1);
    s.headers.emplace_back(line.substr(0, colon), value == std::string::npos ? "" : line.substr(value));
  }
  if (textOf(channel, "type") != "rest-hook") return "only channel.type rest-hook is served";
  if (s.type.empty()) return "criteria names no resource type";
  if (!net::Url::parse(s.endpoint)) return "channel.endpoint is not an http(s) URL";
  if (textOf(text, "status") == "off") s.status = "off";
  const std::lock_guard lock(mutex_);
  subscriptions_[id] = std::move(s);
  return {};
}

void Notifier::remove(const std::string& id) {
  const std::lock_guard lock(mutex_);
  subscriptions_.erase(id);
}

bool Notifier::matches(const Subscription& s, std::string_view type, std::string_view json) const {
  if (s.status != "active" || s.type != type) return false;
  for (const auto& [name, value] : s.filters) {
    // Token parameters that are plain members of the resource, such as status; others are not looked at.
    if (json.empty() || name.starts_with('_')) continue;
    const std::string held = textOf(json, name);
    if (!held.empty() && (',' + value + ',').find(',' + held + ',') == std::string::npos) return false;
  }
  return true;
}

void Notifier::onChange(std::string_view type, std::string_view id, std::string_view json) {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, s] : subscriptions_) {
    if (!matches(s, type, json)) continue;
    queue_.push_back(
        Job{name, std::string(type), std::string(id), s.payload.empty() ? std::string() : std::string(json)});
    wake_.notify_one();
  }
}

net::Request Notifier::request(const Subscription& s, const Job& job) const {
  net::Request request;
  request.idempotent = true;
  request.cancel = cancel_.get_token();
  request.url = s.endpoint;
  if (s.payload.empty()) {
    request.method = net::Method::kPost;
  } else {
    request.method = job.json.empty() ? net::Method::kDelete : net::Method::kPut;
    request.url += "/" + job.type + "/" + job.id;
    request.body = job.json;
    if (!job.json.empty()) request.headers.add("Content-Type", s.payload);
  }
  for (const auto& [name, value] : s.headers) request.headers.add(name, value);
  return request;
}

void Notifier::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    const Job job = std::move(queue_.front());
    queue_.pop_front();
    busy_ = true;
    bool done = false;
    std::string why;
    for (std::size_t attempt = 0; attempt <= waits_.size() && !done && !stopping_; ++attempt) {
      if (attempt > 0 && wake_.wait_for(lock, waits_[attempt - 1], [&] { return stopping_; })) break;
      const auto it = subscriptions_.find(job.subscription);
      if (it == subscriptions_.end() || it->second.status != "active") break;
      const net::Request what = request(it->second, job);
      lock.unlock();
      const auto answer = client_.send(what);
      lock.lock();
      done = answer && answer->ok();
      why = answer ? "the endpoint answered " + std::to_string(answer->status) : answer.error().text;
    }
    if (done) {
      ++sent_;
    } else {
      ++failed_;
      const auto it = subscriptions_.find(job.subscription);
      if (it != subscriptions_.end() && !stopping_ && it->second.status == "active") {
        it->second.status = "error";
        it->second.error = why;
      }
    }
    busy_ = false;
    if (queue_.empty()) idle_.notify_all();
  }
}

std::string Notifier::status(const std::string& id, std::string& error) const {
  const std::lock_guard lock(mutex_);
  const auto it = subscriptions_.find(id);
  if (it == subscriptions_.end()) return "off";
  error = it->second.error;
  return it->second.status;
}

void Notifier::drain() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [&] { return stopping_ || (queue_.empty() && !busy_); });
}

void Notifier::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
    cancel_.request_stop();
    wake_.notify_all();
    idle_.notify_all();
  }
  thread_.join();
}

std::uint64_t Notifier::sent() const {
  const std::lock_guard lock(mutex_);
  return sent_;
}
std::uint64_t Notifier::failed() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

}  // namespace tributary::simulator
