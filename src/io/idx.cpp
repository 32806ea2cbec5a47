#include "gradus/io/idx.hpp"

#include <algorithm>

#include "base/messages.hpp"
#include "gradus/io/file.hpp"
#include "io/bytes.hpp"
#include "io/disk/output.hpp"
#include "io/gzip.hpp"
#include "io/values.hpp"

namespace gradus::io {

using namespace detail;

namespace {

struct IdxHeader {
  int code;
  const ValueType* type;
  std::size_t begin;  // of the values
  std::uint64_t count;
  Shape shape;
};

constexpr std::size_t longest_idx_header = 4 + 4 * max_rank;

/// Null for a code that there is not.
const ValueType* type_of_code(int code) {
  constexpr std::pair<char, std::size_t> types[] = {{'u', 1}, {'i', 1}, {'?', 0}, {'i', 2},
                                                    {'i', 4}, {'f', 4}, {'f', 8}};
  if (code < 0x08 || code > 0x0E) return nullptr;
  const auto& [kind, item] = types[code - 0x08];
  return find_type(kind, item);
}

IdxHeader parse_header(std::string_view bytes, const std::string& name) {
  const auto refuse = [&](std::size_t at, const std::string& what) {
    fail("read_idx", name, ": byte ", at, ": ", what);
  };
  if (bytes.size() < 4)
    refuse(0, "the file has " + text_of(bytes.size()) +
                  " bytes; a header of 4 or more is required; is it cut off?");
  if (bytes[0] != 0 || bytes[1] != 0)
    refuse(0, "an IDX file must begin with two zero bytes; is it of another format?");
  IdxHeader header;
  header.code = static_cast<unsigned char>(bytes[2]);
  header.type = type_of_code(header.code);
  if (!header.type)
    refuse(2, "type code " + text_of(header.code) +
                  "; 8 (uint8), 9 (int8), 11 (int16), 12 (int32), 13 (float) or 14 (double) is "
                  "required");
  const int rank = static_cast<unsigned char>(bytes[3]);
  if (rank > max_rank)
    refuse(3, text_of(rank) + " axes; at most " + text_of(max_rank) + " are supported");
  header.begin = 4 + 4 * static_cast<std::size_t>(rank);
  if (bytes.size() < header.begin)
    refuse(bytes.size(),
           "the header ends within its " + text_of(rank) + " lengths; is the file cut off?");
  header.count = 1;
  for (int i = 0; i < rank; ++i) {
    const auto length = swap_bytes(load<std::uint32_t>(bytes, 4 + 4 * static_cast<std::size_t>(i)));
    header.shape.push_back(length);
    if (!multiply(header.count, length, header.count) || header.count > (std::uint64_t{1} << 48))
      refuse(4 + 4 * static_cast<std::size_t>(i),
             "the lengths multiply to more values than any file holds; the header is damaged");
  }
  return header;
}

void check_size(const IdxHeader& header, std::string_view bytes, const std::string& name) {
  const std::uint64_t need = header.count * header.type->item, have = bytes.size() - header.begin;
  if (need != have)
    fail("read_idx", name, ": byte ", header.begin, ": the header declares ", header.shape, ", ",
         need, " bytes of values, but ", have, " follow; ",
         (have < need ? "is the file cut off?" : "is the file another one's end?"));
}

/// The file's bytes, unpacked to no more than its header may declare.
std::string read_bytes(const std::string& path) {
  const std::string packed = read_file(path, {.unpack = false});
  if (!is_gzip(packed)) return packed;
  const IdxHeader header = parse_header(gunzip_prefix(packed, longest_idx_header), path);
  return gunzip(packed, path,
                std::min(header.begin + header.count * header.type->item, default_unpacked_limit));
}

/// The bytes of one of MNIST's files.
std::string read_part(const std::string& folder, const std::string& name, std::string& path) {
  for (const std::string& candidate : {folder + "/" + name, folder + "/" + name + ".gz"})
    if (exists(candidate)) {
      path = candidate;
      return read_bytes(candidate);
    }
  fail("load_mnist", folder, ": there is neither ", name, " nor ", name,
       ".gz; the four files of MNIST are required in one folder");
}

data::TensorDataset load_part(const std::string& folder, const std::string& prefix) {
  std::string path;
  const std::string bytes = read_part(folder, prefix + "-images-idx3-ubyte", path);
  const IdxHeader header = parse_header(bytes, path);
  check_size(header, bytes, path);
  if (header.code != 0x08 || header.shape.size() != 3)
    fail("load_mnist", path, ": holds ", header.shape, " of type code ", header.code,
         "; images (n, rows, columns) of bytes are required");
  Tensor x = zeros({header.shape[0], 1, header.shape[1], header.shape[2]});
  float* out = x.mutable_data<float>();
  for (std::size_t i = 0; i < header.count; ++i)
    out[i] = static_cast<float>(static_cast<unsigned char>(bytes[header.begin + i])) / 255.0f;

  const std::string labels = read_part(folder, prefix + "-labels-idx1-ubyte", path);
  const Tensor y = parse_idx(labels, path);
  if (y.dtype() != int64 || y.dim() != 1 || y.size(0) != x.size(0))
    fail("load_mnist", path, ": holds ", y.shape(), " ", name_of(y.dtype()),
         "; one label for each of the ", x.size(0),
         " images is required; are the files of one set?");
  data::TensorDataset part(x, y);
  Index last = -1;
  for (const Index label : y.to_vector<Index>()) last = std::max(last, label);
  for (Index c = 0; c <= last; ++c) part.class_names.push_back(text_of(c));
  return part;
}

}  // namespace

Tensor parse_idx(std::string_view bytes, const std::string& name) {
  const IdxHeader header = parse_header(bytes, name);
  check_size(header, bytes, name);
  return header.type->make(bytes.data() + header.begin, true, header.shape, header.count);
}

Tensor read_idx(const std::string& path) { return parse_idx(read_bytes(path), path); }

MnistParts load_mnist(const std::string& folder) {
  return {load_part(folder, "train"), load_part(folder, "t10k")};
}

}  // namespace gradus::io
