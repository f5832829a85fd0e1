#include "ingest/search/search_source.h"

#include <algorithm>
#include <chrono>

#include "base/civil_time.h"
#include "base/fault_point.h"
#include "fhir/json_reader.h"
#include "net/url.h"

namespace tributary::ingest {
namespace {

using fhir::Document;
using fhir::Kind;
using fhir::kNoNode;
using fhir::NodeIndex;

// Between two looks at a busy server, however often it calls: each look asks for every type and reaches back by the overlap.
constexpr Duration kRest{1000};
constexpr int kCountAttempts = 3;  // how often a window may disagree with Bundle.total before it fails

std::string_view text(const Document& document, NodeIndex object, std::string_view name) {
  const NodeIndex node = document.member(object, name);
  return node != kNoNode && document[node].kind == Kind::kString ? document.scalar(node) : std::string_view{};
}

// A media type as it may be shown: the server's own word only where it is one of those that are to be expected.
std::string mediaName(std::string_view content_type) {
  const std::string media = net::mediaType(content_type);
  if (media.empty()) return "no content type";
  constexpr const char* kExpected[] = {"text/html", "text/plain", "text/xml", "application/xml", "application/json", "application/fhir+json", "application/fhir+xml"};
  return std::ranges::find(kExpected, media) != std::end(kExpected) ? media : "an unexpected content type";
}

// Reaches into a CapabilityStatement for the types with the interaction "history-type" (FHIR R4 5.2.5).
std::set<std::string> historyTypes(const Document& document) {
  std::set<std::string> types;
  std::string type;
  bool listed = false;
  const auto each = [&](NodeIndex parent, std::string_view name, auto visit) {
    const NodeIndex array = document.member(parent, name);
    if (array == kNoNode || document[array].kind != Kind::kArray) return;
    for (NodeIndex i = array + 1; i < document[array].next; i = document[i].next) {
      if (document[i].kind == Kind::kObject) visit(i);
    }
  };
  each(0, "rest", [&](NodeIndex rest) {
    each(rest, "resource", [&](NodeIndex resource) {
      type = text(document, resource, "type");
      listed = false;
      each(resource, "interaction", [&](NodeIndex i) { listed = listed || text(document, i, "code") == "history-type"; });
      if (listed) types.insert(type);
    });
  });
  return types;
}

}  // namespace

SearchSource::SearchSource(IntakeContext context, SearchOptions options, const Clock& clock, LogLine log)
    : context_(context),
      options_(std::move(options)),
      clock_(clock),
      log_(std::move(log)),
      board_(options_.name, "search"),
      client_(options_.client),
      intake_(context, options_.name) {
  while (options_.url.ends_with('/')) options_.url.pop_back();
  options_.retry.max_attempts = 0;
  options_.retry.max_age = Duration{0};
}

void SearchSource::wake(std::string_view type) {
  {
    const std::lock_guard lock(hints_mutex_);
    if (std::ranges::find(options_.types, type) == options_.types.end()) look_at_all_ = true;
    else hints_.emplace(type);
  }
  sleeper_.wake();
}

std::optional<std::set<std::string, std::less<>>> SearchSource::hints() {
  const std::lock_guard lock(hints_mutex_);
  auto types = std::exchange(hints_, {});
  if (std::exchange(look_at_all_, false)) return std::nullopt;
  return types;
}

void SearchSource::run(std::stop_token stop) {
  using Steady = std::chrono::steady_clock;
  std::vector<std::string> types = options_.types;  // of this look
  bool all_seen = false;                            // the last look at all types found nothing new
  Steady::time_point next_full = Steady::now();
  while (!stop.stop_requested()) {
    Result<bool> moved = false;
    // Again now and then: the server may have changed, and clocks drift.
    if (!learned_ || clock_.now() - learned_at_ > std::chrono::minutes(10)) {
      if (auto learned = learnServer(stop); !learned) moved = std::unexpected(learned.error());
    }
    const bool full = types.size() == options_.types.size();
    if (moved) moved = cycle(types, stop);
    Duration rest = std::min<Duration>(options_.interval, kRest);
    bool again = false;  // the same types at once: there may be more
    if (moved) {
      failures_ = 0;
      again = *moved;
      if (full) {
        all_seen = !*moved;
        next_full = Steady::now() + (*moved ? rest : options_.interval);
      }
      board_.update([&](SourceStatus& status) {
        status.healthy = true;
        status.last_error.clear();
        status.caught_up = !*moved && all_seen;
        status.last_progress = clock_.now();
        status.doing = "waiting";
        status.next_attempt = clock_.now() + std::chrono::ceil<Duration>(next_full - Steady::now());
      });
    } else if (!stop.stop_requested()) {
      if (failures_++ == 0) first_failure_ = clock_.now();
      // Whoever wakes us: the server asked for the pause, or is in trouble.
      rest = net::nextDelay(options_.retry, failures_, first_failure_, clock_.now(), retry_after_, net::systemRandom()).value_or(options_.interval);
      next_full = Steady::now() + rest;
      all_seen = false;
      retry_after_.reset();
      intake_.clear();
      log_("warning", "source-failed", moved.error().text);
      board_.update([&](SourceStatus& status) {
        status.healthy = false;
        status.caught_up = false;
        status.last_error = moved.error().text;
        status.doing = "waiting to try again";
        status.next_attempt = clock_.now() + rest;
      });
    }
    const auto earliest = Steady::now() + rest;
    const auto until = [](Steady::time_point at) { return std::max<Duration>(std::chrono::ceil<Duration>(at - Steady::now()), Duration{0}); };
    if (!sleeper_.wait(stop, std::max<Duration>(again ? std::min(rest, until(next_full)) : until(next_full), Duration{10}))) return;
    while (Steady::now() < earliest) {
      if (!sleeper_.wait(stop, until(earliest))) return;
    }
    auto wanted = hints();
    if (wanted && again && !full) wanted->insert(types.begin(), types.end());
    if (!wanted || wanted->empty() || Steady::now() >= next_full) {
      types = options_.types;
    } else {
      types.clear();
      // In their order: what others refer to comes first.
      std::ranges::copy_if(options_.types, std::back_inserter(types), [&](const std::string& type) { return wanted->contains(type); });
    }
  }
}

Result<void> SearchSource::learnServer(std::stop_token stop) {
  net::Request request;
  request.url = options_.url + "/metadata";
  request.headers.add("Accept", "application/fhir+json");
  if (!options_.bearer_token.empty()) request.headers.add("Authorization", "Bearer " + options_.bearer_token);
  request.cancel = stop;
  TRY_ASSIGN(const net::Response response, client_.send(request));
  if (!response.ok()) {
    retry_after_ = net::parseRetryAfter(response.headers.get("Retry-After"), clock_.now());
    return fail(ErrorCode::kUnavailable, "GET metadata was answered with " + std::to_string(response.status), RetryClass::kRetryable);
  }
  fhir::JsonReader reader;
  Document document;
  if (!reader.read(response.body, document) || document.resourceType() != "CapabilityStatement") {
    return fail(ErrorCode::kMalformed, "GET metadata gave no CapabilityStatement; is this the base URL of a FHIR server?", RetryClass::kRetryable);
  }
  history_types_ = historyTypes(document);
  // Windows are cut by the server's clock. Date has whole seconds, so a second less is assumed.
  if (const auto date = parseHttpDate(response.headers.get("Date"))) {
    const Duration difference = *date - clock_.now();
    skew_ = difference < Duration{-2000} || difference > Duration{2000} ? difference : Duration{0};
    if (skew_ != Duration{0}) {
      log_("warning", "clock-difference", "the server's clock differs from ours by " + std::to_string(skew_.count() / 1000) + " s; its own is used");
    }
  }
  learned_ = true;
  learned_at_ = clock_.now();
  return {};
}

Result<bool> SearchSource::cycle(std::span<const std::string> types, std::stop_token stop) {
  bool any = false;
  std::optional<Error> first;
  for (const std::string& type : types) {
    if (stop.stop_requested()) return any;
    auto moved = pollType(type, stop);
    any = any || (moved && *moved);
    if (moved) continue;
    intake_.clear();
    // One type that the server does not serve, or miscounts, holds up no other; a server that is away or busy does.
    if (moved.error().code != ErrorCode::kRejected) return moved;
    if (!first) first = std::move(moved).error();
  }
  if (first) return std::unexpected(std::move(*first));
  return any;
}

Result<bool> SearchSource::pollType(const std::string& type, std::stop_token stop) {
  const std::string cursor_name = "search/" + type;
  TRY_ASSIGN(const auto cursor, context_.store->cursor(options_.name, cursor_name));
  std::optional<Instant> from = cursor ? parseInstant(*cursor) : options_.since;
  const Instant now = serverNow();
  bool any = false;
  // Deletes first, once for all windows: the cursors that cover them move with the searches.
  if (from && history_types_.contains(type)) {
    const std::string history = options_.url + "/" + type + "/_history?_count=" + std::to_string(options_.page_size) +
                                "&_since=" + net::percentEncode(formatInstant(*from - options_.overlap));
    TRY_ASSIGN(const WindowResult result, readWindow(type, history, {}, false, stop));
    any = result.counts.stored > 0;
  }
  for (;;) {
    Instant to = now;
    std::string url = options_.url + "/" + type + "?_count=" + std::to_string(options_.page_size) + "&_sort=_lastUpdated&_total=accurate";
    if (from) {
      to = std::min(now, *from + options_.window);
      url += "&_lastUpdated=ge" + net::percentEncode(formatInstant(*from - options_.overlap));
    }
    url += "&_lastUpdated=lt" + net::percentEncode(formatInstant(to));
    const std::string value = formatInstant(to);
    const store::CursorMove move[] = {{cursor_name, value}};
    TRY_ASSIGN(const WindowResult result, readWindow(type, url, move, true, stop));
    any = any || result.counts.stored > 0;
    from = to;
    if (to >= now || stop.stop_requested()) return any;
  }
}

Result<SearchSource::WindowResult> SearchSource::readWindow(const std::string& type, const std::string& first_url,
                                                            std::span<const store::CursorMove> cursors, bool count,
                                                            std::stop_token stop) {
  std::string difference;
  WindowResult result;
  for (int attempt = 0; attempt < kCountAttempts; ++attempt) {
    std::unordered_set<std::string> seen, urls;
    std::optional<std::uint64_t> total;
    result.matches = 0;
    std::string url = first_url;
    std::uint32_t pages = 0, barren = 0;
    while (!url.empty()) {
      if (stop.stop_requested()) return fail(ErrorCode::kUnavailable, "stopped", RetryClass::kRetryable);
      if (!urls.insert(url).second || ++pages > options_.page_limit || barren > 3) {
        return fail(ErrorCode::kLimit, "the pages of " + type + " do not end: the server repeats itself", RetryClass::kRetryable);
      }
      board_.update([&](SourceStatus& status) {
        status.doing = "reading page " + std::to_string(pages) + " of " + type;
        status.caught_up = false;
      });
      intake_.clear();
      TRY_ASSIGN(const Page page, fetch(type, url, seen, stop));
      if (page.total) total = page.total;
      result.matches += page.fresh;
      barren = page.matches > 0 && page.fresh == 0 ? barren + 1 : 0;
      url = page.next;
      const bool last = url.empty();
      const bool agrees = !count || !total || result.matches >= *total;
      if (intake_.staged() > 0 || (last && agrees)) {
        FAULT_POINT("ingest.search.before_journal");
        TRY_ASSIGN(const IntakeCounts counts, intake_.commit(last && agrees ? cursors : std::span<const store::CursorMove>{}));
        FAULT_POINT("ingest.search.after_journal");
        result.counts.add(counts);
        board_.update([&](SourceStatus& status) {
          status.counts.add(counts);
          status.last_progress = clock_.now();
        });
      }
      if (last && agrees) return result;
    }
    difference = "the server said that there are " + std::to_string(*total) + " " + type + " in the window and gave " +
                 std::to_string(result.matches);
    log_("warning", "source-count", difference + "; reading the window again");
  }
  return fail(ErrorCode::kRejected, difference + " (" + std::to_string(kCountAttempts) + " times); the cursor stays", RetryClass::kRetryable);
}

Result<SearchSource::Page> SearchSource::fetch(const std::string& type, const std::string& url, std::unordered_set<std::string>& seen, std::stop_token stop) {
  net::Request request;
  request.url = url;
  request.headers.add("Accept", "application/fhir+json");
  if (!options_.bearer_token.empty()) request.headers.add("Authorization", "Bearer " + options_.bearer_token);
  request.cancel = stop;
  TRY_ASSIGN(net::Response response, client_.send(request));
  if (!response.ok()) {
    retry_after_ = net::parseRetryAfter(response.headers.get("Retry-After"), clock_.now());
    const char* hint = response.status == 410   ? " (the page has expired; the window is read again)"
                       : response.status == 401 || response.status == 403 ? " (check the source's credentials)"
                                                                           : "";
    const bool this_type = response.status == 400 || response.status == 404 || response.status == 405 || response.status == 422 || response.status == 501;
    return fail(this_type ? ErrorCode::kRejected : ErrorCode::kUnavailable,
                "the server answered a search" + (this_type ? " of " + type : std::string()) + " with " + std::to_string(response.status) + hint,
                RetryClass::kRetryable);
  }
  Page page;
  // The text must outlive the commit: it is kept here, one page at a time. After an error run() forgets what is staged.
  page_ = std::move(response.body);
  intake_.add(page_, url.substr(0, url.find('?')));
  if (intake_.document() == nullptr || intake_.document()->resourceType() != "Bundle") {
    const std::string why = intake_.document() == nullptr && !intake_.issues().empty() ? ", " + intake_.issues().back().text : "";
    return fail(ErrorCode::kMalformed, "the server answered a search with something that is no Bundle (" + mediaName(response.headers.get("Content-Type")) + why + ")",
                RetryClass::kRetryable);
  }
  const Document& document = *intake_.document();
  if (const NodeIndex total = document.member(0, "total"); total != kNoNode && document[total].kind == Kind::kNumber) {
    page.total = std::strtoull(std::string(document.scalar(total)).c_str(), nullptr, 10);
  }
  if (const NodeIndex links = document.member(0, "link"); links != kNoNode && document[links].kind == Kind::kArray) {
    for (NodeIndex i = links + 1; i < document[links].next; i = document[i].next) {
      if (document[i].kind == Kind::kObject && text(document, i, "relation") == "next") {
        TRY_ASSIGN(const net::Url base, net::Url::parse(url));
        TRY_ASSIGN(const net::Url next, base.resolve(text(document, i, "url")));
        // A next link may not lead our credentials, or us, to another host.
        if (!next.sameOrigin(base)) {
          return fail(ErrorCode::kRejected, "a next link leads to another host; it was not followed",
                      RetryClass::kRetryable);
        }
        page.next = next.text();
      }
    }
  }
  if (const NodeIndex entries = document.member(0, "entry"); entries != kNoNode && document[entries].kind == Kind::kArray) {
    for (NodeIndex i = entries + 1; i < document[entries].next; i = document[i].next) {
      if (document[i].kind != Kind::kObject) continue;
      const NodeIndex search = document.member(i, "search");
      if (search != kNoNode && document[search].kind == Kind::kObject && !text(document, search, "mode").empty() &&
          text(document, search, "mode") != "match") {
        continue;
      }
      const NodeIndex resource = document.member(i, "resource");
      const NodeIndex wanted = document.member(i, "request");
      std::string key;
      if (resource != kNoNode && document[resource].kind == Kind::kObject) {
        key = std::string(text(document, resource, "resourceType")) + "/" + std::string(text(document, resource, "id"));
        if (const NodeIndex meta = document.member(resource, "meta"); wanted != kNoNode && meta != kNoNode) {
          key += "/" + std::string(text(document, meta, "versionId"));
        }
      } else if (wanted != kNoNode && document[wanted].kind == Kind::kObject) {
        key = text(document, wanted, "url");
      } else {
        continue;
      }
      ++page.matches;
      if (seen.insert(std::move(key)).second) ++page.fresh;
    }
  }
  return page;
}

}  // namespace tributary::ingest
