#include <algorithm>
#include <thread>

#include "tests/terminology/support.h"

namespace tributary::terminology::test {
namespace {

std::string_view systemOf(const std::string& letter) {
  if (letter == "a") return "http://example.org/animals";
  if (letter == "c") return "http://example.org/colours";
  if (letter == "s") return "http://snomed.info/sct";
  if (letter == "f") return "http://example.org/fragment";
  if (letter == "v") return "http://example.org/versioned";
  return {};
}

std::string_view nameOf(Verdict verdict) {
  return verdict == Verdict::kYes ? "yes" : verdict == Verdict::kNo ? "no" : "unknown";
}

class SmallTerminology : public ::testing::Test {
 protected:
  std::shared_ptr<const Terminology> terminology_ = Terminology::load(smallDefinitions()).value();
};

TEST_F(SmallTerminology, MembersOfValueSets) {
  const auto rows = readTable("members.tsv");
  ASSERT_GT(rows.size(), 60U);
  for (const auto& row : rows) {
    ASSERT_EQ(row.size(), 4U) << row[0];
    const Verdict verdict =
        terminology_->memberOf("http://example.org/vs/" + row[0], {systemOf(row[1]), row[2], {}, {}});
    EXPECT_EQ(nameOf(verdict), row[3]) << row[0] << " " << row[1] << " " << row[2];
  }
}

TEST_F(SmallTerminology, VersionsOfValueSets) {
  const Coding dog{"http://example.org/animals", "dog", {}, {}};
  EXPECT_EQ(terminology_->memberOf("http://example.org/vs/mammals|1", dog), Verdict::kYes);
  // A version that is not held gives way to the one that is.
  EXPECT_EQ(terminology_->memberOf("http://example.org/vs/mammals|9", dog), Verdict::kYes);
}

TEST_F(SmallTerminology, Translations) {
  for (const auto& row : readTable("translations.tsv")) {
    ASSERT_EQ(row.size(), 5U) << row[0];
    bool found = false;
    const auto result = terminology_->translate("http://example.org/cm/" + row[0],
                                                {systemOf(row[1]), row[2], {}, {}}, &found);
    ASSERT_TRUE(result) << row[0];
    std::string text;
    for (const Translation& one : *result) {
      if (!text.empty()) text += ' ';
      text.append(one.code).append("=").append(one.equivalence);
    }
    EXPECT_EQ(text, row[4]) << row[0] << " " << row[2];
    EXPECT_EQ(found, row[3] == "yes") << row[0] << " " << row[2];
  }
}

TEST_F(SmallTerminology, TranslationDetails) {
  const Coding dog{"http://example.org/animals", "dog", {}, {}};
  const auto plain = terminology_->translate("http://example.org/cm/plain|1", dog).value();
  ASSERT_EQ(plain.size(), 3U);
  EXPECT_EQ(plain[0].system, "http://example.org/target");
  EXPECT_EQ(plain[0].display, "Hound");
  EXPECT_EQ(terminology_->translate("http://example.org/cm/none", dog).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(terminology_->translate("http://example.org/cm/other-loop", dog).error().code, ErrorCode::kLimit);
  EXPECT_TRUE(terminology_->translate("http://example.org/cm/fixed", {}).value().empty());
}

TEST_F(SmallTerminology, Hierarchy) {
  constexpr std::string_view kAnimals = "http://example.org/animals";
  EXPECT_EQ(terminology_->subsumes(kAnimals, "animal", "dog"), Verdict::kYes);
  EXPECT_EQ(terminology_->subsumes(kAnimals, "dog", "dog"), Verdict::kYes);
  EXPECT_EQ(terminology_->subsumes(kAnimals, "dog", "animal"), Verdict::kNo);
  EXPECT_EQ(terminology_->subsumes(kAnimals, "flyer", "bat"), Verdict::kYes);  // a second parent, by property
  EXPECT_EQ(terminology_->subsumes(kAnimals, "mammal", "bat"), Verdict::kYes);  // and the one it is nested in
  EXPECT_EQ(terminology_->subsumes(kAnimals, "flyer", "dog"), Verdict::kNo);
  EXPECT_EQ(terminology_->subsumes(kAnimals, "unicorn", "dog"), Verdict::kNo);
  EXPECT_EQ(terminology_->subsumes("http://snomed.info/sct", "1", "2"), Verdict::kUnknown);
  EXPECT_EQ(terminology_->subsumes("http://snomed.info/sct", "1", "1"), Verdict::kYes);
}

TEST_F(SmallTerminology, CodesAndDisplays) {
  EXPECT_EQ(terminology_->validateCode("http://example.org/animals", "bat"), Verdict::kYes);
  EXPECT_EQ(terminology_->validateCode("http://example.org/animals", "Bat"), Verdict::kNo);
  EXPECT_EQ(terminology_->validateCode("http://example.org/colours", "rED"), Verdict::kYes);
  EXPECT_EQ(terminology_->validateCode("http://example.org/fragment", "f9"), Verdict::kUnknown);
  EXPECT_EQ(terminology_->validateCode("http://example.org/absent", "x"), Verdict::kUnknown);
  EXPECT_EQ(terminology_->validateCode("http://example.org/versioned", "old"), Verdict::kNo);
  EXPECT_EQ(terminology_->validateCode("http://example.org/versioned|1", "old"), Verdict::kYes);
  EXPECT_EQ(terminology_->display("http://example.org/animals", "bat"), "Bat");
  EXPECT_EQ(terminology_->display("http://example.org/animals", "unicorn"), "");
}

TEST_F(SmallTerminology, Expansions) {
  const auto codes = [&](std::string_view name) {
    std::string text;
    for (const Coding& coding : terminology_->expand("http://example.org/vs/" + std::string(name))) {
      text.append(coding.code).append(" ");
    }
    return text;
  };
  EXPECT_EQ(codes("all-but-dog"), "animal mammal bat bird flyer stone ");
  EXPECT_EQ(codes("mammals"), "mammal dog bat ");
  EXPECT_EQ(codes("snomed"), "");    // cannot be enumerated
  EXPECT_EQ(codes("fragment"), "");  // may have more
  EXPECT_EQ(codes("nowhere"), "");
  const auto listed = terminology_->expand("http://example.org/vs/listed");
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[0].display, "Hound");
}

TEST_F(SmallTerminology, ThreadsShareIt) {
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        const Coding bat{"http://example.org/animals", "bat", {}, {}};
        if (terminology_->memberOf("http://example.org/vs/intersection", bat) != Verdict::kYes) ++wrong;
        if (terminology_->translate("http://example.org/cm/fixed", bat).value().size() != 1) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

// ── overlays ──

constexpr std::string_view kMap =
    R"({"resourceType":"ConceptMap","url":"http://example.org/cm/plain","group":[{
  "source":"http://example.org/animals","target":"http://example.org/target",
  "element":[{"code":"dog","target":[{"code":"CHANGED","equivalence":"equal"}]}]}]})";

std::string translated(const Terminology& terminology) {
  const auto result =
      terminology.translate("http://example.org/cm/plain", {"http://example.org/animals", "dog", {}, {}});
  return result && !result->empty() ? std::string(result->front().code) : "none";
}

TEST(Overlay, AChangedConceptMapCountsWithoutCompiling) {
  const TemporaryFolder folder;
  folder.write("deep/below/map.json", kMap);
  folder.write("notes.txt", "not JSON");
  const std::vector<std::filesystem::path> overlays = {folder.path()};
  const auto terminology = Terminology::load(smallDefinitions(), overlays);
  ASSERT_TRUE(terminology) << terminology.error().text;
  EXPECT_EQ(translated(**terminology), "CHANGED");
  // What the overlay does not have is still there.
  EXPECT_EQ((*terminology)->display("http://example.org/animals", "bat"), "Bat");
  EXPECT_EQ(translated(*Terminology::load(smallDefinitions()).value()), "D");
}

TEST(Overlay, ValueSetsOverBothLayers) {
  const TemporaryFolder folder;
  folder.write("system.json",
               R"({"resourceType":"CodeSystem","url":"http://example.org/new","content":"complete",
    "concept":[{"code":"n1"},{"code":"n2"}]})");
  folder.write("set.json", R"({"resourceType":"Bundle","type":"collection","entry":[{"resource":{
    "resourceType":"ValueSet","url":"http://example.org/vs/new","compose":{"include":[
      {"system":"http://example.org/new"},
      {"system":"http://example.org/animals","filter":[{"property":"concept","op":"is-a","value":"mammal"}]},
      {"valueSet":["http://example.org/vs/colours"]}]}}}]})");
  const std::vector<std::filesystem::path> overlays = {folder.path()};
  const auto terminology = Terminology::load(smallDefinitions(), overlays).value();
  const auto verdict = [&](std::string_view system, std::string_view code) {
    return nameOf(terminology->memberOf("http://example.org/vs/new", {system, code, {}, {}}));
  };
  EXPECT_EQ(verdict("http://example.org/new", "n2"), "yes");
  EXPECT_EQ(verdict("http://example.org/new", "n3"), "no");
  EXPECT_EQ(verdict("http://example.org/animals", "bat"), "yes");
  EXPECT_EQ(verdict("http://example.org/animals", "bird"), "no");
  EXPECT_EQ(verdict("http://example.org/colours", "Red"), "yes");
  EXPECT_EQ(terminology->expand("http://example.org/vs/new").size(), 6U);
}

TEST(Overlay, BadFilesAreNamedWithLineAndColumn) {
  const TemporaryFolder folder;
  const std::filesystem::path bad =
      folder.write("bad.json", "{\"resourceType\":\"ConceptMap\",\n  \"url\": oops }");
  const std::vector<std::filesystem::path> overlays = {folder.path()};
  const auto terminology = Terminology::load(smallDefinitions(), overlays);
  ASSERT_FALSE(terminology);
  EXPECT_EQ(terminology.error().code, ErrorCode::kMalformed);
  EXPECT_NE(terminology.error().text.find(bad.string() + ":2:"), std::string::npos)
      << terminology.error().text;
  const std::vector<std::filesystem::path> none = {folder.path() / "none"};
  EXPECT_EQ(Terminology::load(smallDefinitions(), none).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace tributary::terminology::test
