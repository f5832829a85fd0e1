#include "tests/terminology/support.h"

namespace tributary::terminology::test {

std::shared_ptr<const Definitions> smallDefinitions() {
  static const std::shared_ptr<const Definitions> made = [] {
    const std::vector<std::filesystem::path> sources = {dataFolder() / "package"};
    auto bytes = compileDefinitions(sources);
    if (!bytes) throw std::runtime_error(bytes.error().text);
    auto opened = Definitions::fromBytes(std::move(*bytes));
    if (!opened) throw std::runtime_error(opened.error().text);
    return *opened;
  }();
  return made;
}

std::shared_ptr<const Definitions> fullDefinitions() {
  static const std::shared_ptr<const Definitions> opened = [] {
    auto result = Definitions::open(cacheFolder() / "definitions.bin");
    if (!result && result.error().code != ErrorCode::kNotFound) throw std::runtime_error(result.error().text);
    return result ? *result : nullptr;
  }();
  return opened;
}

std::vector<std::vector<std::string>> readTable(const std::string& name) {
  std::ifstream file(dataFolder() / name);
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::vector<std::string> cells(1);
    for (const char c : line) {
      if (c == '\t')
        cells.emplace_back();
      else
        cells.back() += c;
    }
    rows.push_back(std::move(cells));
  }
  return rows;
}

}  // namespace tributary::terminology::test
