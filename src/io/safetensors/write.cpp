#include <algorithm>
#include <unordered_set>

#include "base/messages.hpp"
#include "gradus/io/file.hpp"
#include "gradus/io/safetensors.hpp"
#include "io/bytes.hpp"
#include "io/csv/scan.hpp"
#include "io/json.hpp"
#include "io/safetensors/sums.hpp"
#include "io/values.hpp"

namespace gradus::io {

using namespace detail;

namespace {

/// Sorted by name, as readers see it, without sums. Throws for what cannot be read back.
Metadata checked(Metadata metadata) {
  std::sort(metadata.begin(), metadata.end());
  std::erase_if(metadata, [](const auto& entry) { return entry.first == sums_key; });
  for (std::size_t i = 0; i < metadata.size(); ++i) {
    const auto& [key, text] = metadata[i];
    if (i > 0 && key == metadata[i - 1].first)
      fail("write_safetensors", "the metadata ", quote(key), " was given twice");
    if ((key + text).find('\0') != std::string::npos)
      fail("write_safetensors", "the metadata ", quote(key),
           " has the character 0; texts without it are required");
  }
  return metadata;
}

}  // namespace

std::string format_safetensors(const NamedTensors& tensors, const Metadata& metadata) {
  const auto refuse = [](const std::string& what) { fail("write_safetensors", what); };
  std::vector<const std::pair<std::string, Tensor>*> order;
  for (const auto& named : tensors) order.push_back(&named);
  // Wide values first keep every tensor aligned.
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return size_of(a->second.dtype()) > size_of(b->second.dtype());
  });
  const Metadata sorted = checked(metadata);
  Json sums = {{metadata_key, text_of_sum(sum_of(sorted))}};
  Json header;
  header[metadata_key] = nullptr;  // its place
  std::uint64_t at = 0;
  std::unordered_set<std::string> seen;
  for (const auto* named : order) {
    const auto& [name, tensor] = *named;
    if (name.empty() || name == metadata_key)
      refuse("the name " + quote(name) + " was given; another, not empty, is required");
    if (name.find('\0') != std::string::npos)
      refuse("the name " + quote(name) + " has the character 0; one without it is required");
    if (!seen.insert(name).second) refuse("the name " + quote(name) + " was given twice");
    const std::string_view values = values_of(tensor);
    const std::uint64_t end = at + values.size();
    const Shape dims = tensor.shape();
    const char* const type = type_of(tensor.dtype()).name;
    sums.add(name, text_of_sum(sum_of(type, dims, values)));
    header.add(name, {{"dtype", type},
                      {"shape", std::vector<Index>(dims.begin(), dims.end())},
                      {"data_offsets", {at, end}}});
    at = end;
  }
  std::string text;
  try {
    Json texts = Json::object();
    for (const auto& [key, value] : sorted) texts.add(key, value);
    texts.add(sums_key, format_json(sums));
    header[metadata_key] = std::move(texts);
    text = format_json(header);
  } catch (const JsonError& e) {
    refuse(std::string("names and metadata must be UTF-8: ") + e.what());
  }
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string bytes;
  bytes.reserve(8 + text.size() + at);
  store(bytes, static_cast<std::uint64_t>(text.size()));
  bytes += text;
  for (const auto* named : order) bytes += values_of(named->second);
  return bytes;
}

void write_safetensors(const std::string& path, const NamedTensors& tensors,
                       const Metadata& metadata) {
  write_file_atomically(path, format_safetensors(tensors, metadata));
}

}  // namespace gradus::io
