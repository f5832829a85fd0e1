#pragma once
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace tributary {

// SHA-256 of what comes in pieces.
class Sha256Stream {
 public:
  Sha256Stream();
  void add(std::string_view bytes);
  std::string finishHex();  // once

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace tributary
