#pragma once
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/delivery.h"

namespace tributary::pipeline {

// The id under which a submission travels: its number, so that an answer finds it, and its idempotency key.
inline std::string travelId(const store::Submission& submission) {
  return std::to_string(submission.id) + "-" + submission.idempotency_key;
}

inline std::optional<std::uint64_t> submissionNumber(std::string_view travel_id) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(travel_id.data(), travel_id.data() + travel_id.size(), number);
  if (error != std::errc{} || end == travel_id.data() || end == travel_id.data() + travel_id.size() || *end != '-') return std::nullopt;
  return number;
}

// Digits alone, and no more than fit in 64 bits: what an admin route takes as an id.
inline bool isNumber(std::string_view text) {
  return !text.empty() && text.size() <= 18 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// States of submissions that have not left yet, and of those that wait for an answer.
inline const std::vector<store::SubmissionState> kUnderWay = {store::SubmissionState::kAssembling, store::SubmissionState::kReady,
                                                              store::SubmissionState::kSending};
inline const std::vector<store::SubmissionState> kAwaiting = {store::SubmissionState::kSent, store::SubmissionState::kTransportAccepted,
                                                              store::SubmissionState::kFileAccepted};

}  // namespace tributary::pipeline
