#include "pipeline/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/civil_time.h"
#include "pipeline/issue_codec.h"

namespace tributary::pipeline {

struct Log::Impl {
  std::shared_ptr<spdlog::logger> logger;
  bool json = true;
};

Log::Log(std::string_view level, std::string_view format) : impl_(std::make_unique<Impl>()) {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  sink->set_pattern("%v");  // the line is made here, so that time and escaping are ours
  impl_->logger = std::make_shared<spdlog::logger>("tributary", sink);
  impl_->logger->set_level(spdlog::level::from_str(level == "warning" ? "warn" : std::string(level)));
  impl_->logger->flush_on(spdlog::level::info);
  impl_->json = format != "text";
}

Log::~Log() = default;

void Log::write(std::string_view level, std::string_view event, std::string_view text, std::initializer_list<Field> fields) {
  const auto number = spdlog::level::from_str(level == "warning" ? "warn" : std::string(level));
  if (!impl_->logger->should_log(number)) return;
  std::string line;
  if (impl_->json) {
    line = "{\"time\":\"" + formatInstant(SystemClock().now()) + "\",\"level\":\"" + std::string(level) + "\",\"event\":";
    appendJsonString(line, event);
    line += ",\"text\":";
    appendJsonString(line, text);
    for (const auto& [name, value] : fields) {
      line += ',';
      appendJsonString(line, name);
      line += ':';
      appendJsonString(line, value);
    }
    line += '}';
  } else {
    line = formatInstant(SystemClock().now()) + " " + std::string(level) + " " + std::string(event) + ": " + std::string(text);
    for (const auto& [name, value] : fields) line += " " + std::string(name) + "=" + value;
  }
  impl_->logger->log(number, "{}", line);
}

}  // namespace tributary::pipeline
