#pragma once
// A certificate authority and certificates for tests, made by OpenSSL when the test runs (nothing to expire,
// no key in the repository). Link OpenSSL::Crypto.
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace tributary::testing {

struct CertificateFiles {
  std::string certificate, key;
};

class TestAuthority {
 public:
  // Writes <folder>/<name>-ca.pem.
  explicit TestAuthority(std::filesystem::path folder, std::string name = "test")
      : folder_(std::move(folder)), name_(std::move(name)), key_(makeKey()) {
    std::filesystem::create_directories(folder_);
    certificate_ = makeCertificate(name_ + " CA", key_.get(), nullptr, key_.get(), {}, true);
    ca_file_ = (folder_ / (name_ + "-ca.pem")).string();
    write(ca_file_, certificate_.get(), nullptr);
  }

  const std::string& caFile() const { return ca_file_; }

  // `alternative` such as "IP:127.0.0.1,DNS:localhost"; empty for client certificates.
  CertificateFiles issue(const std::string& common_name, const std::string& alternative = {}) {
    const Key key = makeKey();
    const Certificate certificate =
        makeCertificate(common_name, key.get(), certificate_.get(), key_.get(), alternative, false);
    const std::string stem = (folder_ / (name_ + "-" + std::to_string(++serial_))).string();
    write(stem + ".pem", certificate.get(), nullptr);
    write(stem + ".key", nullptr, key.get());
    return {stem + ".pem", stem + ".key"};
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
    void operator()(X509* p) const { X509_free(p); }
  };
  using Key = std::unique_ptr<EVP_PKEY, Free>;
  using Certificate = std::unique_ptr<X509, Free>;

  static Key makeKey() {
    Key key(EVP_EC_gen("P-256"));
    if (!key) throw std::runtime_error("cannot make a key");
    return key;
  }

  Certificate makeCertificate(const std::string& common_name, EVP_PKEY* key, X509* issuer, EVP_PKEY* signer,
                              const std::string& alternative, bool authority) {
    Certificate out(X509_new());
    X509* x = out.get();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 24 * 3600);
    X509_set_pubkey(x, key);
    X509_NAME* subject = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
    X509_set_issuer_name(x, issuer != nullptr ? X509_get_subject_name(issuer) : subject);
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer != nullptr ? issuer : x, x, nullptr, nullptr, 0);
    extend(x, context, NID_basic_constraints, authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (authority) extend(x, context, NID_key_usage, "critical,keyCertSign,cRLSign");
    if (!alternative.empty()) extend(x, context, NID_subject_alt_name, alternative.c_str());
    if (X509_sign(x, signer, EVP_sha256()) == 0) throw std::runtime_error("cannot sign a certificate");
    return out;
  }

  static void extend(X509* x, X509V3_CTX& context, int id, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value);
    if (extension == nullptr) throw std::runtime_error("bad certificate extension");
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
  }

  static void write(const std::string& path, X509* certificate, EVP_PKEY* key) {
    BIO* bio = BIO_new_file(path.c_str(), "w");
    if (bio == nullptr) throw std::runtime_error("cannot write " + path);
    if (certificate != nullptr) PEM_write_bio_X509(bio, certificate);
    if (key != nullptr) PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
    BIO_free(bio);
  }

  std::filesystem::path folder_;
  std::string name_;
  long serial_ = 0;
  Key key_;
  Certificate certificate_;
  std::string ca_file_;
};

// A folder of its own that goes with the object.
class TestFolder {
 public:
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "tributary-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
    path_ = name;
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace tributary::testing
