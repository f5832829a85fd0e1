#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/url.h"
#include "simulator/internal/resource_store.h"

namespace tributary::simulator {

struct SearchRequest {
  SearchQuery query;
  std::size_t count = 0;
  bool count_only = false;  // _summary=count
  bool total = true;        // _total=none switches it off
  std::string unknown;      // a parameter that is not served
  std::string error;        // a value that cannot be read
};
SearchRequest parseSearch(std::string_view type, const net::QueryParameters& parameters,
                          std::size_t page_size, std::size_t max_page_size);

// First and last+1 millisecond that a FHIR date, dateTime or instant means; dates without zone are UTC.
struct TimeRange {
  Millis from, to;
};
std::optional<TimeRange> parseTime(std::string_view text);

// What a next link carries, sealed so that nobody makes their own.
struct PageToken {
  std::string query;  // the search's parameters, as in the URL
  std::string type;
  Place place;
  std::size_t total = 0;
  Millis issued = 0;
  std::uint64_t offset = 0;  // history: rows before this page
};
std::string sealToken(const PageToken& token, std::uint64_t secret);
std::optional<PageToken> openToken(std::string_view text, std::uint64_t secret);

}  // namespace tributary::simulator
