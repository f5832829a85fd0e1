#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "collection/collection.h"
#include "collection/workbench.h"

namespace tributary::cli {

// What map, explain and coverage are told: files, a collection and its settings.
struct CollectionInput {
  std::vector<std::string> files;
  std::string collection;             // "set/version"; empty: the one that the file `default` beside them names
  std::string mappings;               // folder that holds collections; empty: the shipped one
  std::vector<std::string> settings;  // name=value
};

// Settings that were not given, so that those of the mapping tests stand for them: "provider = X, …".
std::string practiceSettings(const CollectionInput& input);
void addCollectionOptions(CLI::App& command, CollectionInput& input, bool files_required = true);
std::filesystem::path collectionFolder(const CollectionInput& input);
// The folders with a collection.json below a folder, in order of their names.
std::vector<std::filesystem::path> collectionsBelow(const std::filesystem::path& folder);
// Prints what is wrong with the collection, and ends the command when it cannot be used.
std::shared_ptr<const collection::Collection> requireCollection(const CollectionInput& input);
// Definitions, and the terminology with the collection's own maps and code lists laid over it.
struct CollectionTerms {
  std::shared_ptr<const terminology::Definitions> definitions;
  std::shared_ptr<const terminology::Terminology> terminology;
};
CollectionTerms requireTerms(const std::filesystem::path& folder);
void printCollectionIssues(const std::vector<Issue>& issues);
// The same with the settings of `input`, from another folder.
std::shared_ptr<const collection::Collection> requireCollectionIn(const std::filesystem::path& folder,
                                                                  const CollectionInput& input);
std::shared_ptr<const collection::Collection> loadCollection(const std::filesystem::path& folder,
                                                             const collection::LoadOptions& options);
// The files, read; what cannot be read is told on stderr.
std::unique_ptr<collection::Workbench> requireResources(
    const CollectionInput& input, std::shared_ptr<const collection::Collection> collection);
// The option --at, and the day that it means: today when it is not given. A day that is none ends the process.
void addCountingDay(CLI::App& command, std::string& day);
std::string countingDay(const collection::Collection& collection, const std::string& given);

// How the collection writes its rows as XML (forms/xml.json); empty: it does not say.
std::filesystem::path xmlLayoutOf(const CollectionInput& input);
void printTotals(const collection::BenchTotals& totals);

}  // namespace tributary::cli
