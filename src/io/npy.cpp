#include "gradus/io/npy.hpp"

#include <limits>

#include "base/messages.hpp"
#include "gradus/io/file.hpp"
#include "gradus/ops/shape.hpp"
#include "io/bytes.hpp"
#include "io/values.hpp"

namespace gradus::io {

using namespace detail;

namespace {

constexpr std::string_view magic = "\x93NUMPY";

struct NpyHeader {
  const ValueType* type = nullptr;
  bool swap = false;
  bool fortran = false;
  Shape shape;
  std::uint64_t count = 1;
  std::size_t begin = 0;  // of the values
};

/// Reads the header: a Python dictionary of three literals.
class HeaderParser {
 public:
  HeaderParser(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  NpyHeader parse() {
    if (bytes_.substr(0, magic.size()) != magic)
      refuse("does not begin with \\x93NUMPY; a .npy file is required");
    if (bytes_.size() < 10) refuse("the file is cut off within its first 10 bytes");
    const int version = static_cast<unsigned char>(bytes_[6]);
    if (version < 1 || version > 3 || bytes_[7] != 0)
      refuse("version " + text_of(version) + "." + text_of(static_cast<unsigned char>(bytes_[7])) +
             "; 1.0, 2.0 or 3.0 is required");
    const std::size_t begin = version == 1 ? 10 : 12;
    if (bytes_.size() < begin) refuse("the file is cut off within its first 12 bytes");
    const std::size_t length =
        version == 1 ? load<std::uint16_t>(bytes_, 8) : load<std::uint32_t>(bytes_, 8);
    if (length > bytes_.size() - begin)
      refuse("the header is declared to have " + text_of(length) + " bytes, but " +
             text_of(bytes_.size() - begin) + " follow; is the file cut off?");
    at_ = begin;
    end_ = begin + length;
    parse_dictionary();
    header_.begin = end_;
    return header_;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    fail("read_npy", name_, ": byte ", at_, ": ", what);
  }
  void skip_blanks() {
    while (at_ < end_ && (bytes_[at_] == ' ' || bytes_[at_] == '\n')) ++at_;
  }
  char peek() {
    skip_blanks();
    return at_ < end_ ? bytes_[at_] : '\0';
  }
  bool take_if(char c) {
    if (peek() != c || at_ == end_) return false;
    ++at_;
    return true;
  }
  void take(char c) {
    if (!take_if(c))
      refuse(std::string("'") + c + "' is required in the header; the file is damaged");
  }
  std::string text() {
    const char mark = peek();
    if (mark != '\'' && mark != '"') refuse("a text in quotes is required in the header");
    const std::size_t from = ++at_;
    while (at_ < end_ && bytes_[at_] != mark) ++at_;
    if (at_ == end_) refuse("a text in the header is not closed");
    return std::string(bytes_.substr(from, at_++ - from));
  }
  bool boolean() {
    skip_blanks();
    for (const std::string_view word : {"True", "False"})
      if (bytes_.substr(at_, std::min(word.size(), end_ - at_)) == word) {
        at_ += word.size();
        return word == "True";
      }
    refuse("fortran_order must be True or False");
  }

  void parse_dictionary() {
    bool seen[3] = {};
    take('{');
    while (peek() != '}') {
      const std::string key = text();
      take(':');
      const int which = key == "descr" ? 0 : key == "fortran_order" ? 1 : key == "shape" ? 2 : -1;
      if (which < 0) refuse("the header has the unknown key '" + key + "'");
      if (seen[which]) refuse("the header has the key '" + key + "' twice");
      seen[which] = true;
      if (which == 0) parse_type();
      if (which == 1) header_.fortran = boolean();
      if (which == 2) parse_shape();
      if (!take_if(',')) break;
    }
    take('}');
    if (skip_blanks(), at_ != end_) refuse("more follows the header's dictionary");
    for (int i = 0; i < 3; ++i)
      if (!seen[i])
        refuse(std::string("the header lacks '") +
               (i == 0   ? "descr"
                : i == 1 ? "fortran_order"
                         : "shape") +
               "'");
    // The values' bytes must be countable too.
    std::uint64_t total;
    if (!multiply(header_.count, header_.type->item, total))
      refuse("the shape " + to_string(header_.shape) + " has more bytes than can be counted");
  }

  void parse_type() {
    if (peek() == '[')
      refuse("an array of records; a plain numeric array is required; save its fields one by one");
    const std::string type = text();
    const auto unsupported = [&] {
      refuse("dtype '" + type +
             "'; booleans, integers or floats of 2, 4 or 8 bytes are required; convert it with "
             "astype (objects would need pickle, which is not safe to load)");
    };
    if (type.size() < 3) unsupported();
    const char order = type[0];
    const char size = type[2];
    const std::size_t item = size >= '1' && size <= '8' ? static_cast<std::size_t>(size - '0') : 0;
    header_.type = type[1] == 'B' || type.size() > 3 ? nullptr : find_type(type[1], item);
    if (!header_.type) unsupported();
    if (order != '<' && order != '>' && order != '|' && order != '=') unsupported();
    if (order == '|' && item > 1) unsupported();
    header_.swap = order == '>';
  }

  void parse_shape() {
    take('(');
    std::uint64_t product = 1;
    while (peek() != ')') {
      std::uint64_t length = 0;
      if (!(peek() >= '0' && peek() <= '9'))
        refuse("a length of 0 or more is required in the shape");
      for (; at_ < end_ && bytes_[at_] >= '0' && bytes_[at_] <= '9'; ++at_)
        if (!multiply(length, 10, length) ||
            __builtin_add_overflow(length, static_cast<std::uint64_t>(bytes_[at_] - '0'), &length))
          refuse("a length in the shape is too large");
      if (at_ < end_ && bytes_[at_] == 'L') ++at_;  // Python 2 wrote long integers so
      if (length > std::numeric_limits<Index>::max() / 16 || !multiply(product, length, product))
        refuse("the shape has more values than can be counted");
      if (header_.shape.size() == max_rank)
        refuse("the shape has more than " + text_of(max_rank) + " axes");
      header_.shape.push_back(static_cast<Index>(length));
      if (!take_if(',')) {
        if (header_.shape.size() == 1 && peek() == ')')
          refuse("the shape must be a tuple, as (3,)");
        break;
      }
    }
    take(')');
    header_.count = product;
  }

  std::string_view bytes_;
  const std::string& name_;
  NpyHeader header_;
  std::size_t at_ = 0, end_ = 0;
};

/// The values of x, laid out with the first axis fastest, in row-major order.
Tensor from_fortran(const Tensor& x) {
  Shape reversed;
  Axes axes;
  for (int i = x.dim() - 1; i >= 0; --i) {
    reversed.push_back(x.size(i));
    axes.push_back(i);
  }
  return permute(x.reshape(reversed), axes).requires_grad_(false);  // no copy of another's values
}

}  // namespace

Tensor parse_npy(std::string_view bytes, const std::string& name) {
  const NpyHeader h = HeaderParser(bytes, name).parse();
  const std::uint64_t need = h.count * h.type->item, have = bytes.size() - h.begin;
  if (need != have)
    fail("read_npy", name, ": byte ", h.begin, ": the header declares ", h.shape, ", ", need,
         " bytes of values, but ", have, " follow; ",
         (have < need ? "is the file cut off?" : "is more than an array in it?"));
  const char* const from = bytes.data() + h.begin;
  if (const auto bad = find_misfit(*h.type, from, h.swap, h.count); bad < h.count)
    fail("read_npy", name, ": byte ", h.begin + h.type->item * bad,
         (h.type->kind == 'b'
              ? ": the boolean " + text_of(static_cast<unsigned char>(from[bad])) +
                    "; 0 or 1 is required"
              : ": a uint64 beyond the range of int64; convert the array with astype"));
  const Tensor x = h.type->make(from, h.swap, h.shape, h.count);
  return h.fortran && x.dim() > 1 ? from_fortran(x) : x;
}

Tensor read_npy(const std::string& path) {
  return parse_npy(read_file(path, {.unpack = false}), path);
}

std::string format_npy(const Tensor& x) {
  const ValueType& type = type_of(x.dtype());
  std::string header = compose("{'descr': '", type.item == 1 ? '|' : '<', type.kind, type.item,
                               "', 'fortran_order': False, 'shape': ", x.shape(), ", }");
  // The values begin at a multiple of 64, and the header ends in a line end.
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes(magic);
  bytes += '\x01';
  bytes += '\x00';
  store(bytes, static_cast<std::uint16_t>(header.size()));
  bytes += header;
  bytes += values_of(x);
  return bytes;
}

void write_npy(const std::string& path, const Tensor& x) {
  write_file_atomically(path, format_npy(x));
}

}  // namespace gradus::io
