#include "deliver/internal/zip_writer.h"

#include <archive.h>
#include <archive_entry.h>

#include <optional>
#include <utility>

namespace tributary::deliver {
namespace {

constexpr std::size_t kBuffer = 64 << 10;

}  // namespace

struct ZipWriter::Impl {
  explicit Impl(OutputFile& f) : file(f) {}
  static la_ssize_t onWrite(archive*, void* self, const void* data, std::size_t size) {
    Impl& impl = *static_cast<Impl*>(self);
    if (impl.discard) return static_cast<la_ssize_t>(size);
    auto written = impl.file.write({static_cast<const char*>(data), size});
    if (written) return static_cast<la_ssize_t>(size);
    impl.error = std::move(written).error();
    return -1;
  }
  OutputFile& file;
  archive* zip = nullptr;
  std::optional<Error> error;
  bool discard = false;
  Entry entry;
  std::optional<Sha256Stream> hash;
  std::string buffer;
};

ZipWriter::ZipWriter(OutputFile& file) : impl_(std::make_unique<Impl>(file)) {}

ZipWriter::~ZipWriter() {
  if (impl_->zip == nullptr) return;
  // Given up on the way. Ended regularly, into the void: after archive_write_fail() libarchive leaks the
  // entry's deflater.
  impl_->discard = true;
  archive_write_free(impl_->zip);
}

std::unexpected<Error> ZipWriter::failure(const char* what) {
  if (impl_->error) return std::unexpected(std::move(*impl_->error));
  const char* text = archive_error_string(impl_->zip);
  return fail(ErrorCode::kInternal,
              std::string("zip, ") + what + ": " + (text != nullptr ? text : "unknown"));
}

Result<std::unique_ptr<ZipWriter>> ZipWriter::create(OutputFile& file, int compression_level) {
  std::unique_ptr<ZipWriter> out(new ZipWriter(file));
  Impl& impl = *out->impl_;
  impl.zip = archive_write_new();
  if (impl.zip == nullptr) return fail(ErrorCode::kInternal, "zip: no memory");
  const std::string level = std::to_string(compression_level);
  if (archive_write_set_format_zip(impl.zip) != ARCHIVE_OK ||
      archive_write_set_format_option(impl.zip, "zip", "compression-level", level.c_str()) != ARCHIVE_OK ||
      archive_write_set_bytes_per_block(impl.zip, 0) != ARCHIVE_OK ||
      archive_write_open(impl.zip, &impl, nullptr, &Impl::onWrite, nullptr) != ARCHIVE_OK) {
    return out->failure("set-up");
  }
  impl.buffer.reserve(kBuffer);
  return out;
}

Result<void> ZipWriter::begin(const std::string& name) {
  impl_->entry = Entry{.name = name, .sha256 = {}, .bytes = 0};
  impl_->hash.emplace();
  archive_entry* entry = archive_entry_new();
  archive_entry_set_pathname(entry, name.c_str());
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_entry_set_perm(entry, 0644);
  // No time is set: libarchive then writes the first DOS time (1980-01-01), in every time zone of the
  // machine.
  const int result = archive_write_header(impl_->zip, entry);
  archive_entry_free(entry);
  if (result != ARCHIVE_OK) return failure("entry");
  return {};
}

Result<void> ZipWriter::write(std::string_view bytes) {
  impl_->entry.bytes += bytes.size();
  if (impl_->buffer.size() + bytes.size() > kBuffer) TRY_VOID(flush());
  impl_->buffer.append(bytes);
  return {};
}

Result<void> ZipWriter::flush() {
  impl_->hash->add(impl_->buffer);
  std::string_view left = impl_->buffer;
  while (!left.empty()) {
    const la_ssize_t wrote = archive_write_data(impl_->zip, left.data(), left.size());
    if (wrote <= 0) return failure("data");
    left.remove_prefix(static_cast<std::size_t>(wrote));
  }
  impl_->buffer.clear();
  return {};
}

Result<ZipWriter::Entry> ZipWriter::end() {
  TRY_VOID(flush());
  if (archive_write_finish_entry(impl_->zip) != ARCHIVE_OK) return failure("end of entry");
  impl_->entry.sha256 = impl_->hash->finishHex();
  return impl_->entry;
}

Result<void> ZipWriter::close() {
  if (archive_write_close(impl_->zip) != ARCHIVE_OK) return failure("end");
  archive_write_free(std::exchange(impl_->zip, nullptr));
  return {};
}

}  // namespace tributary::deliver
