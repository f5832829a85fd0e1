#pragma once
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace tributary::pipeline {

// Structured log lines on stderr: {"time","level","event","text",fields…}. A field's value is text that is known to hold
// no patient data; Redacted<T> does not convert to it. Thread-safe.
class Log {
 public:
  using Field = std::pair<std::string_view, std::string>;

  // level: debug, info, warning, error. format: json or text.
  Log(std::string_view level, std::string_view format);
  ~Log();

  void write(std::string_view level, std::string_view event, std::string_view text, std::initializer_list<Field> fields = {});
  void info(std::string_view event, std::string_view text, std::initializer_list<Field> fields = {}) { write("info", event, text, fields); }
  void warning(std::string_view event, std::string_view text, std::initializer_list<Field> fields = {}) { write("warning", event, text, fields); }
  void error(std::string_view event, std::string_view text, std::initializer_list<Field> fields = {}) { write("error", event, text, fields); }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::pipeline
