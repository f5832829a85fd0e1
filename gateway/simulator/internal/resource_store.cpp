#include "simulator/internal/resource_store.h"

#include <algorithm>

#include "simulator/internal/json_text.h"

namespace tributary::simulator {

std::string patientOf(std::string_view json) {
  static constexpr std::string_view kMark = "\"Patient/";
  const auto at = json.find(kMark);
  if (at == std::string_view::npos) return {};
  const auto from = at + kMark.size();
  return std::string(json.substr(from, json.find('"', from) - from));
}

std::uint32_t ResourceStore::entryOf(std::string_view type, std::string_view id) {
  std::string key;
  key.reserve(type.size() + id.size() + 1);
  key.append(type).append("/").append(id);
  const auto [it, added] = by_key_.try_emplace(std::move(key), static_cast<std::uint32_t>(entries_.size()));
  if (added) {
    entries_.push_back(Entry{std::string(type), std::string(id), {}, {}});
    auto found = types_.find(type);
    if (found == types_.end()) found = types_.emplace(std::string(type), TypeIndex{}).first;
    found->second.order.push_back(it->second);
  }
  return it->second;
}

void ResourceStore::append(std::uint32_t index, StoredVersion version) {
  Entry& entry = entries_[index];
  TypeIndex& type = types_.find(entry.type)->second;
  if (!entry.versions.empty()) type.by_time.erase({entry.current().at, index});
  if (!version.deleted) {
    type.by_time.insert({version.at, index});
    std::string patient = patientOf(version.json);
    if (patient != entry.patient) {
      if (!patient.empty()) by_patient_[patient].push_back(index);
      entry.patient = std::move(patient);
    }
  }
  ++versions_;
  if (version.deleted) ++deletes_;
  log_.push_back({version.at, index, static_cast<std::uint32_t>(entry.versions.size())});
  entry.versions.push_back(std::move(version));
}

void ResourceStore::load(std::string_view type, std::string_view id, std::uint32_t version, Millis at,
                         bool deleted, std::string_view json) {
  append(entryOf(type, id), StoredVersion{at, version, deleted, std::string(json)});
}

void ResourceStore::finishLoad() {
  std::stable_sort(log_.begin(), log_.end(),
                   [](const HistoryRow& a, const HistoryRow& b) { return a.at < b.at; });
}

std::uint32_t ResourceStore::write(std::string_view type, std::string_view id, std::string_view json,
                                   Millis now) {
  const std::uint32_t index = entryOf(type, id);
  if (!log_.empty())
    now = std::max(now, log_.back().at);  // a server's clock may step back, its lastUpdated never
  const std::uint32_t number = entries_[index].versions.empty() ? 1 : entries_[index].current().number + 1;
  append(index, StoredVersion{now, number, false, stamp(json, type, id, number, now)});
  return index;
}

bool ResourceStore::remove(std::string_view type, std::string_view id, Millis now) {
  const Entry* entry = find(type, id);
  if (entry == nullptr || entry->current().deleted) return false;
  if (!log_.empty()) now = std::max(now, log_.back().at);
  append(entryOf(type, id), StoredVersion{now, entry->current().number + 1, true, {}});
  return true;
}

const Entry* ResourceStore::find(std::string_view type, std::string_view id) const {
  std::string key;
  key.append(type).append("/").append(id);
  const auto it = by_key_.find(key);
  return it == by_key_.end() ? nullptr : &entries_[it->second];
}

bool ResourceStore::matches(const SearchQuery& query, std::uint32_t index) const {
  const Entry& entry = entries_[index];
  if (entry.versions.empty() || entry.current().deleted || entry.type != query.type) return false;
  const Millis at = entry.current().at;
  if (at < query.from || at >= query.to) return false;
  if (!query.ids.empty() && std::find(query.ids.begin(), query.ids.end(), entry.id) == query.ids.end())
    return false;
  if (!query.patient.empty() && entry.patient != query.patient) return false;
  if (!query.identifier.empty()) {
    const auto bar = query.identifier.find('|');
    const std::string_view wanted = query.identifier;
    const std::string_view system = bar == std::string::npos ? std::string_view{} : wanted.substr(0, bar);
    const std::string_view value = bar == std::string::npos ? wanted : wanted.substr(bar + 1);
    const std::string_view all = memberOf(entry.current().json, "identifier");
    const auto list = all.starts_with('[') ? elements(all) : std::vector<std::string_view>{all};
    return std::any_of(list.begin(), list.end(), [&](std::string_view one) {
      return textOf(one, "value") == value && (bar == std::string::npos || textOf(one, "system") == system);
    });
  }
  return true;
}

template <class Visit>
void ResourceStore::visit(const SearchQuery& query, const Place& after, const Visit& visit) const {
  const auto type = types_.find(query.type);
  if (type == types_.end()) return;
  if (!query.ids.empty() || !query.patient.empty()) {
    std::vector<std::uint32_t> hits;
    if (!query.ids.empty()) {
      for (const std::string& id : query.ids) {
        const auto it = by_key_.find(query.type + "/" + id);
        if (it != by_key_.end()) hits.push_back(it->second);
      }
    } else if (const auto it = by_patient_.find(query.patient); it != by_patient_.end()) {
      hits = it->second;
    }
    const auto key = [&](std::uint32_t i) {
      const Millis at = entries_[i].versions.empty() ? 0 : entries_[i].current().at;
      return query.order == Order::kCreated  ? std::pair<Millis, std::uint32_t>{0, i}
             : query.order == Order::kTimeUp ? std::pair<Millis, std::uint32_t>{at, i}
                                             : std::pair<Millis, std::uint32_t>{-at, ~i};
    };
    std::sort(hits.begin(), hits.end(), [&](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
    hits.erase(std::unique(hits.begin(), hits.end()), hits.end());
    const auto mark = query.order == Order::kCreated ? std::pair<Millis, std::uint32_t>{0, after.entry}
                      : query.order == Order::kTimeUp
                          ? std::pair<Millis, std::uint32_t>{after.at, after.entry}
                          : std::pair<Millis, std::uint32_t>{-after.at, ~after.entry};
    for (const std::uint32_t i : hits) {
      if (after.valid && key(i) <= mark) continue;
      if (matches(query, i) && !visit(i)) return;
    }
    return;
  }
  if (query.order == Order::kCreated) {
    const auto& order = type->second.order;
    auto it = after.valid ? std::upper_bound(order.begin(), order.end(), after.entry) : order.begin();
    for (; it != order.end(); ++it) {
      if (matches(query, *it) && !visit(*it)) return;
    }
    return;
  }
  const auto& by_time = type->second.by_time;
  if (query.order == Order::kTimeUp) {
    auto it = by_time.lower_bound({query.from, 0});
    if (after.valid && after.at >= query.from) it = by_time.upper_bound({after.at, after.entry});
    for (; it != by_time.end() && it->first < query.to; ++it) {
      if (matches(query, it->second) && !visit(it->second)) return;
    }
    return;
  }
  auto it =
      query.to == std::numeric_limits<Millis>::max() ? by_time.end() : by_time.lower_bound({query.to, 0});
  if (after.valid) it = by_time.lower_bound({after.at, after.entry});
  while (it != by_time.begin()) {
    --it;
    if (it->first < query.from) return;
    if (matches(query, it->second) && !visit(it->second)) return;
  }
}

std::vector<std::uint32_t> ResourceStore::page(const SearchQuery& query, const Place& after,
                                               std::size_t limit) const {
  std::vector<std::uint32_t> out;
  if (limit == 0) return out;
  visit(query, after, [&](std::uint32_t i) {
    out.push_back(i);
    return out.size() < limit;
  });
  return out;
}

std::size_t ResourceStore::count(const SearchQuery& query) const {
  std::size_t n = 0;
  visit(query, Place{}, [&](std::uint32_t) {
    ++n;
    return true;
  });
  return n;
}

std::vector<HistoryRow> ResourceStore::history(std::string_view type, Millis since, std::size_t offset,
                                               std::size_t limit, std::size_t& total) const {
  std::vector<HistoryRow> out;
  total = 0;
  for (auto it = log_.rbegin(); it != log_.rend() && it->at >= since; ++it) {
    if (!type.empty() && entries_[it->entry].type != type) continue;
    if (total >= offset && out.size() < limit) out.push_back(*it);
    ++total;
  }
  return out;
}

std::map<std::string, std::uint64_t> ResourceStore::countsByType() const {
  std::map<std::string, std::uint64_t> out;
  for (const auto& [name, index] : types_) out[name] = index.by_time.size();
  return out;
}

}  // namespace tributary::simulator
