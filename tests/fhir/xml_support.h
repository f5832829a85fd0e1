#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fhir/document.h"
#include "fhir/xml_reader.h"

namespace tributary::fhir {

// Shapes straight from the StructureDefinitions of a package, so that this suite needs no other library.
class PackageShapes final : public ElementShapes {
 public:
  explicit PackageShapes(const std::string& package);
  ShapeType resource(std::string_view type) const override;
  ElementShape element(ShapeType type, std::string_view name) const override;
  bool empty() const { return elements_.empty(); }

 private:
  void addDefinition(const Document& document);
  ShapeType number(const std::string& type);

  std::map<std::string, ShapeType, std::less<>> numbers_;  // "Patient", "Patient.contact", "string"
  std::map<std::string, std::string, std::less<>> kinds_;  // type → primitive-type, complex-type, resource
  std::vector<std::map<std::string, std::pair<std::string, bool>, std::less<>>> elements_;  // → type, repeats
  std::vector<std::string> names_;
};

// The FHIR XML of a resource: the other way round from XmlReader, for the test of it.
std::string toXml(const Document& document, const ElementShapes& shapes);

// The first difference between two JSON values as a path, members in any order; empty when they are equal. In
// `div` strings white space is not compared.
std::string difference(const Document& left, const Document& right, NodeIndex a = 0, NodeIndex b = 0);

}  // namespace tributary::fhir
