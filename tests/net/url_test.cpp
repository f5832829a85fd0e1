#include "net/url.h"

#include <gtest/gtest.h>

namespace tributary::net {
namespace {

TEST(Url, Parses) {
  const auto url = Url::parse("HTTPS://Example.ORG:8443/fhir/Patient?_count=10&name=a%20b#top");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->host, "example.org");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->target(), "/fhir/Patient?_count=10&name=a%20b");
  EXPECT_EQ(url->text(), "https://example.org:8443/fhir/Patient?_count=10&name=a%20b");
  EXPECT_EQ(Url::parse("http://[::1]:80")->text(), "http://[::1]/");
  EXPECT_EQ(Url::parse("http://h?x")->text(), "http://h/?x");
}

TEST(Url, Refuses) {
  for (const char* text :
       {"", "/x", "ftp://h/", "file:///etc/passwd", "http:/h", "http://", "http://:80/", "http://u:p@h/",
        "http://h:0/", "http://h:65536/", "http://h:8x/", "http://h/a b", "http://h/\r\nX: y", "http://[::1/",
        "http://[zz]/", "http://h\\@evil/", "javascript:alert(1)", "http://h%00/"}) {
    EXPECT_FALSE(Url::parse(text)) << text;
  }
}

// RFC 3986 5.4.1 and 5.4.2, without what has a fragment or another scheme.
TEST(Url, ResolvesReferences) {
  const Url base = *Url::parse("http://a/b/c/d;p?q");
  const std::pair<const char*, const char*> cases[] = {
      {"g", "http://a/b/c/g"},
      {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},
      {"//g", "http://g/"},
      {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"},
      {";x", "http://a/b/c/;x"},
      {"", "http://a/b/c/d;p?q"},
      {".", "http://a/b/c/"},
      {"./", "http://a/b/c/"},
      {"..", "http://a/b/"},
      {"../", "http://a/b/"},
      {"../g", "http://a/b/g"},
      {"../..", "http://a/"},
      {"../../g", "http://a/g"},
      {"../../../g", "http://a/g"},
      {"/./g", "http://a/g"},
      {"/../g", "http://a/g"},
      {"g.", "http://a/b/c/g."},
      {"..g", "http://a/b/c/..g"},
      {"./../g", "http://a/b/g"},
      {"g/./h", "http://a/b/c/g/h"},
      {"g/../h", "http://a/b/c/h"},
      {"https://x/y?z", "https://x/y?z"},
      {"#s", "http://a/b/c/d;p?q"},
  };
  for (const auto& [reference, expected] : cases) {
    const auto got = base.resolve(reference);
    ASSERT_TRUE(got) << reference;
    EXPECT_EQ(got->text(), expected) << reference;
  }
  EXPECT_FALSE(base.resolve("file:///etc/passwd"));
  EXPECT_FALSE(base.resolve("a b"));
}

TEST(Url, PercentCoding) {
  EXPECT_EQ(percentEncode("a b/é~"), "a%20b%2F%C3%A9~");
  EXPECT_EQ(percentDecode("a%20b%2f+%zz%4"), "a b/+%zz%4");
  EXPECT_EQ(percentDecode("a+b", true), "a b");
  const QueryParameters parameters = {
      {"_lastUpdated", "ge2026-01-01T00:00:00+01:00"}, {"_count", "10"}, {"x", ""}};
  EXPECT_EQ(parseQuery(buildQuery(parameters)), parameters);
  EXPECT_EQ(parseQuery("&&a&b=1=2"), (QueryParameters{{"a", ""}, {"b", "1=2"}}));
}

}  // namespace
}  // namespace tributary::net
