#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tributary::store::sqlite {

// Bodies at rest: first byte 0 = the bytes themselves, 1 = a zstd frame (level 1), which names the dictionary
// it was made with, if any. Small bodies of one type are alike, so a dictionary a type saves two thirds of
// the space. Thread-safe.
class Codec {
 public:
  Codec();
  ~Codec();
  Codec(const Codec&) = delete;
  Codec& operator=(const Codec&) = delete;

  // Appends the encoded form of `bytes` to `out`; `type` chooses the dictionary (empty: none).
  void encode(std::string_view type, std::string_view bytes, std::string& out) const;
  // Replaces `out`. kCorrupt when the blob is not one of ours.
  Result<void> decode(std::string_view blob, std::string& out) const;

  // A dictionary read from the database.
  void addDictionary(std::uint32_t id, std::string_view type, std::string_view data);
  // Collects samples of a type that has no dictionary. Enough of them: returns a trained dictionary to be
  // made durable with this id and then handed to addDictionary(); empty otherwise (and for ever, where
  // training failed).
  struct Trained {
    std::uint32_t id = 0;
    std::string data;
  };
  Trained sample(std::string_view type, std::string_view bytes);

 private:
  struct Dictionary;
  struct Samples;

  mutable std::shared_mutex mutex_;
  std::map<std::string, std::shared_ptr<const Dictionary>, std::less<>> by_type_;
  std::map<std::uint32_t, std::shared_ptr<const Dictionary>> by_id_;
  std::mutex samples_mutex_;
  std::map<std::string, std::unique_ptr<Samples>, std::less<>> samples_;
  std::uint32_t next_id_ = 0;
};

}  // namespace tributary::store::sqlite
