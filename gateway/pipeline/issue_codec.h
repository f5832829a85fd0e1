#pragma once
#include <span>
#include <string>
#include <string_view>

#include "collection/projector.h"

namespace tributary::pipeline {

// The findings on a row as the ledger keeps them: a JSON array of {rule, grade, field, text, remedy, offset?}.
std::string encodeIssues(std::span<const collection::RowIssue> issues, const collection::Collection& collection);

// A JSON string literal with quotes.
void appendJsonString(std::string& out, std::string_view text);

}  // namespace tributary::pipeline
