#include <algorithm>
#include <limits>
#include <tuple>
#include <unordered_map>

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

constexpr std::size_t longest_header = 100'000'000;  // the format's own limit

struct Entry {
  std::string name;
  const ValueType* type;
  Shape shape;
  std::uint64_t count, begin, end;
};

class Parser {
 public:
  Parser(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  SafeTensors parse() {
    const Json header = parse_header();
    SafeTensors out;
    for (const auto& [key, value] : header.members()) {
      if (key == metadata_key)
        read_metadata(value, out.metadata);
      else
        entries_.push_back(read_entry(key, value));
    }
    check_layout();
    check_sums(out.metadata);
    for (const Entry& e : entries_) out.tensors.emplace_back(e.name, read_values(e));
    return out;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    fail("read_safetensors", name_, ": ", what);
  }
  [[noreturn]] void refuse(const std::string& tensor, const std::string& what) const {
    refuse("tensor " + quote(tensor) + ": " + what);
  }

  Json parse_header() {
    if (bytes_.size() < 8)
      refuse("the file has " + text_of(bytes_.size()) +
             " bytes; 8 bytes with the header's length are required; is it cut off?");
    const auto length = load<std::uint64_t>(bytes_, 0);
    if (length > longest_header)
      refuse("byte 0: the header is declared to have " + text_of(length) + " bytes; at most " +
             text_of(longest_header) + " are allowed; is the file of another format?");
    if (length > bytes_.size() - 8)
      refuse("byte 0: the header is declared to have " + text_of(length) + " bytes, but " +
             text_of(bytes_.size() - 8) + " follow; is the file cut off?");
    begin_ = 8 + length;
    const std::string_view text = bytes_.substr(8, length);
    if (text.empty() || text[0] != '{') refuse("byte 8: the header must begin with {");
    try {
      return parse_json(text, {.depth = 3, .list = max_rank});  // file, tensor, shape
    } catch (const JsonError& e) {
      refuse(std::string("the header: ") + e.what());
    }
  }

  void read_metadata(const Json& value, Metadata& metadata) const {
    if (!value.is_object()) refuse("__metadata__ must be an object of texts");
    for (const auto& [key, text] : value.members()) {
      if (!text.is_text()) refuse("the metadata " + quote(key) + " must be a text");
      metadata.emplace_back(key, text.text());
    }
  }

  /// Compares the sums that the file carries, if it does, and takes them out of the metadata.
  void check_sums(Metadata& metadata) const {
    const auto found = std::find_if(metadata.begin(), metadata.end(),
                                    [](const auto& entry) { return entry.first == sums_key; });
    if (found == metadata.end()) {
      for (const auto& [key, text] : metadata)  // the name itself may be what was damaged
        if (text.starts_with(sums_begin))
          refuse("the metadata " + quote(key) + " holds checksums; the name " + quote(sums_key) +
                 " is required for them; is the file damaged?");
      return;
    }
    Json sums;
    try {
      sums = parse_json(found->second, {.depth = 1});
    } catch (const JsonError& e) {
      refuse("the metadata " + quote(sums_key) + ": " + e.what() + "; is the file damaged?");
    }
    metadata.erase(found);
    std::unordered_map<std::string_view, const Json*> saved_sums;
    const auto check = [&](const std::string& name, const std::string& what, std::uint32_t sum) {
      const auto found_sum = saved_sums.find(name);
      const Json* saved = found_sum == saved_sums.end() ? nullptr : found_sum->second;
      if (!saved || !saved->is_text() || saved->text() != text_of_sum(sum))
        refuse(what + " has the checksum " + text_of_sum(sum) + "; " +
               (saved ? quote(format_json(*saved)) : "none") +
               " was saved; the file was damaged or edited after it was written; use a copy, or "
               "take the metadata " +
               quote(sums_key) + " out to use it as it is");
    };
    if (!sums.is_object() || sums.size() != entries_.size() + 1)
      refuse("the metadata " + quote(sums_key) + " must have a checksum for each of " +
             text_of(entries_.size()) + " tensors and for the metadata; is the file damaged?");
    for (const auto& [name, value] : sums.members()) saved_sums.emplace(name, &value);
    check(metadata_key, "the metadata", sum_of(metadata));
    for (const Entry& e : entries_)
      check(e.name, "tensor " + quote(e.name),
            sum_of(e.type->name, e.shape, bytes_.substr(begin_ + e.begin, e.end - e.begin)));
  }

  Entry read_entry(const std::string& name, const Json& value) const {
    if (!value.is_object())
      refuse(name, "an object with dtype, shape and data_offsets is required");
    for (const char* key : {"dtype", "shape", "data_offsets"})
      if (!value.contains(key)) refuse(name, std::string("lacks \"") + key + "\"");
    if (value.size() != 3) refuse(name, "has other keys than dtype, shape and data_offsets");
    Entry e{name, read_type(name, *value.find("dtype")), {}, 1, 0, 0};
    const Json& shape = *value.find("shape");
    if (!shape.is_array()) refuse(name, "the shape must be a list of lengths");
    for (const Json& length : shape.items()) {
      if (!length.is_bits())
        refuse(name, "the length " + quote(format_json(length)) +
                         " in the shape; a whole number of 0 "
                         "or more is required");
      const auto n = length.bits();
      if (n > std::numeric_limits<Index>::max() / 16 || !multiply(e.count, n, e.count))
        refuse(name, "the shape has more values than can be counted");
      e.shape.push_back(static_cast<Index>(n));
    }
    const Json& offsets = *value.find("data_offsets");
    if (!offsets.is_array() || offsets.size() != 2 || !offsets.items()[0].is_bits() ||
        !offsets.items()[1].is_bits())
      refuse(name, "data_offsets must be two whole numbers of 0 or more");
    e.begin = offsets.items()[0].bits();
    e.end = offsets.items()[1].bits();
    check_offsets(e);
    return e;
  }

  const ValueType* read_type(const std::string& name, const Json& value) const {
    for (const ValueType& type : value_types())
      if (value.is_text() && value.text() == type.name) return &type;
    refuse(name, "the dtype " + quote(value.is_text() ? value.text() : format_json(value)) +
                     " is not supported; one of " +
                     join(value_types(), std::string::npos, &ValueType::name) + " is required");
  }

  void check_offsets(const Entry& e) const {
    const std::uint64_t have = bytes_.size() - begin_;
    const std::string range = compose(e.begin, " to ", e.end);
    if (e.begin > e.end) refuse(e.name, "the offsets run backwards, from " + range);
    if (e.end > have)
      refuse(e.name, "the offsets " + range + " reach beyond the " + text_of(have) +
                         " bytes of values; is the file cut off?");
    std::uint64_t need;
    if (!multiply(e.count, e.type->item, need) || need != e.end - e.begin)
      refuse(e.name, "the offsets " + range + " span " + text_of(e.end - e.begin) + " bytes; " +
                         text_of(e.count) + " values of " + e.type->name + ", shape " +
                         to_string(e.shape) + ", are required to fill them");
  }

  void check_layout() {
    std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
    });
    std::uint64_t at = 0;
    for (const Entry& e : entries_) {
      if (e.begin < at)
        refuse(e.name, "its values begin at " + text_of(e.begin) +
                           " and overlap those before, which end at " + text_of(at));
      if (e.begin > at)
        refuse(e.name,
               "its values begin at " + text_of(e.begin) + ", after a gap from " + text_of(at));
      at = e.end;
    }
    if (at != bytes_.size() - begin_)
      refuse(text_of(bytes_.size() - begin_ - at) +
             " bytes follow the last tensor's values; the values must fill the file");
  }

  Tensor read_values(const Entry& e) const {
    const char* const values = bytes_.data() + begin_ + e.begin;
    if (const auto bad = find_misfit(*e.type, values, false, e.count); bad < e.count)
      refuse(e.name,
             "value " + text_of(bad) +
                 (e.type->kind == 'b'
                      ? " is the boolean " + text_of(static_cast<unsigned char>(values[bad])) +
                            "; 0 or 1 is required"
                      : " is beyond the range of int64"));
    return e.type->make(values, false, e.shape, e.count);
  }

  std::string_view bytes_;
  const std::string& name_;
  std::uint64_t begin_ = 0;  // of the values
  std::vector<Entry> entries_;
};

}  // namespace

const Tensor& SafeTensors::at(const std::string& name) const {
  std::vector<std::string> names;
  for (const auto& [key, tensor] : tensors) {
    if (key == name) return tensor;
    names.push_back(key);
  }
  fail("SafeTensors.at", "there is no tensor ", quote(name), " among ", names.size(),
       (names.empty() ? "" : "; did you mean " + quote(nearest_name(name, names)) + "?"));
}

std::string SafeTensors::text(const std::string& name) const {
  for (const auto& [key, value] : metadata)
    if (key == name) return value;
  return "";
}

SafeTensors parse_safetensors(std::string_view bytes, const std::string& name) {
  return Parser(bytes, name).parse();
}

SafeTensors read_safetensors(const std::string& path) {
  return parse_safetensors(read_file(path, {.unpack = false}), path);
}

}  // namespace gradus::io
