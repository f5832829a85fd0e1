#include "pipeline/forms.h"

#include <memory>

namespace tributary::pipeline {
namespace fs = std::filesystem;
using deliver::FileForm;

namespace {

Result<std::shared_ptr<const deliver::XmlLayout>> layoutOf(const DestinationConfig& destination) {
  if (destination.layout.empty()) return std::make_shared<const deliver::XmlLayout>();
  TRY_ASSIGN(deliver::XmlLayout layout, deliver::readXmlLayout(destination.layout));
  return std::make_shared<const deliver::XmlLayout>(std::move(layout));
}

}  // namespace

Result<void> completeForm(DestinationConfig& destination, const fs::path& collection_folder, const fs::path& access_tool) {
  std::error_code ignored;
  const fs::path shipped = collection_folder / "forms" / "xml.json";
  if (destination.layout.empty() && fs::exists(shipped, ignored)) destination.layout = shipped;
  if (destination.access_tool.empty()) destination.access_tool = access_tool;
  const std::string at = "destination " + destination.name + ": ";
  if (destination.format == FileForm::kXml) {
    if (auto layout = layoutOf(destination); !layout) return fail(layout.error().code, at + layout.error().text);
  }
  if (destination.format == FileForm::kAccess) {
    for (const fs::path& needed : {destination.access_template, destination.access_tool}) {
      if (!fs::is_regular_file(needed, ignored)) return fail(ErrorCode::kNotFound, at + "there is no file " + needed.string());
    }
  }
  return {};
}

Result<void> chooseForm(std::string_view format, const DestinationConfig& destination, deliver::AssemblyOptions& options) {
  const auto form = deliver::findForm(format);
  if (!form) return fail(ErrorCode::kCorrupt, "a submission has the unknown format '" + std::string(format) + "'");
  options.form = *form;
  if (*form == FileForm::kXml) {
    TRY_ASSIGN(options.xml, layoutOf(destination));
  }
  options.access = {destination.access_template, destination.access_tool, destination.access_patience};
  return {};
}

}  // namespace tributary::pipeline
