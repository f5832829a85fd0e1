#pragma once
#include <memory>
#include <string>

#include "collection/collection.h"
#include "ingest/compartment.h"
#include "pipeline/config.h"
#include "pipeline/stored_subjects.h"
#include "store/store.h"

namespace tributary::cli {

// The store of a gateway, opened to read beside it, with the collection of its configuration.
struct StoredGateway {
  pipeline::Config config;
  std::filesystem::path folder;  // of the collection
  std::shared_ptr<const collection::Collection> collection;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<pipeline::StoredSubjects> subjects;
};

// Ends the command with what is wrong when it cannot be opened.
StoredGateway openStoredGateway(const std::string& config);

}  // namespace tributary::cli
