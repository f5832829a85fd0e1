#include "terminology/element_shapes.h"

#include "fhir/names.h"

namespace tributary::terminology {

namespace {

using Form = fhir::ElementShape::Form;

class DefinitionShapes final : public fhir::ElementShapes {
 public:
  explicit DefinitionShapes(std::shared_ptr<const Definitions> definitions)
      : definitions_(std::move(definitions)),
        xhtml_(definitions_->findType("FHIR.xhtml")),
        boolean_(definitions_->findType("System.Boolean")),
        integer_(definitions_->findType("System.Integer")),
        decimal_(definitions_->findType("System.Decimal")) {}

  fhir::ShapeType resource(std::string_view type) const override {
    const TypeId id = definitions_->findType(type);
    const TypeKind kind = definitions_->typeKind(id);
    return kind == TypeKind::kResource || kind == TypeKind::kLogical ? id : fhir::kNoShape;
  }

  fhir::ElementShape element(fhir::ShapeType type, std::string_view name) const override {
    if (type > 0xFFFF) return {};
    const auto owner = static_cast<TypeId>(type);
    const Element* element = definitions_->element(owner, fhir::findName(name));
    if (element == nullptr) element = byText(owner, name);
    if (element == nullptr || element->type == kNoType) return {};
    return {formOf(element->type), element->repeats, element->type};
  }

 private:
  // Elements of logical models that the names table does not have; they stand first.
  const Element* byText(TypeId type, std::string_view name) const {
    for (const Element& element : definitions_->elements(type)) {
      if (element.name != fhir::kNoName) return nullptr;
      if (definitions_->elementName(element) == name) return &element;
    }
    return nullptr;
  }

  Form formOf(TypeId type) const {
    if (type == xhtml_) return Form::kXhtml;
    switch (definitions_->typeKind(type)) {
      case TypeKind::kResource:
        return Form::kResource;
      case TypeKind::kPrimitive: {
        const TypeId system = definitions_->systemType(type);
        if (system == boolean_) return Form::kBoolean;
        return system == integer_ || system == decimal_ ? Form::kNumber : Form::kString;
      }
      case TypeKind::kSystem:
        return Form::kString;
      default:
        return Form::kComplex;
    }
  }

  std::shared_ptr<const Definitions> definitions_;
  TypeId xhtml_, boolean_, integer_, decimal_;
};

}  // namespace

std::unique_ptr<fhir::ElementShapes> makeElementShapes(std::shared_ptr<const Definitions> definitions) {
  return std::make_unique<DefinitionShapes>(std::move(definitions));
}

}  // namespace tributary::terminology
