#pragma once
#include <span>
#include <string>
#include <string_view>

namespace tributary::deliver {

// One RFC 4180 record with CRLF, appended to `out`. Quoted only where a quote, comma, CR or LF asks for it.
void appendCsvRecord(std::string& out, std::span<const std::string_view> cells);
// A JSON string with its quotes. The text must be UTF-8.
void appendJsonString(std::string& out, std::string_view text);

}  // namespace tributary::deliver
