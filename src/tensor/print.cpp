// Tensors as text, in the layout of NumPy's str(): the shortest digits that tell values of the
// dtype apart, at most eight after the point, columns aligned, lines of up to 75 characters.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "autograd/node.hpp"
#include "base/messages.hpp"

namespace gradus {
namespace {

constexpr Index summary_threshold = 1000;
constexpr Index edge_items = 3;
constexpr std::size_t line_width = 75;
constexpr int precision = 8;

template <class T, class... Options>
std::string digits_of(T value, Options... options) {
  char text[512];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value, options...);
  return error == std::errc() ? std::string(text, end) : std::string("?");
}

template <class T>
std::string non_finite(T value) {
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

void drop_trailing_zeros(std::string& fraction) {
  fraction.erase(fraction.find_last_not_of('0') + 1);
}

/// One number taken apart; `exponent` is empty in positional notation.
struct Parts {
  std::string whole, fraction, exponent;
};

/// The shortest digits, or those up to the precision if there are more.
template <class T>
Parts split_number(T value, std::chars_format format) {
  const auto split = [](const std::string& text) {
    const std::size_t e = std::min(text.find('e'), text.size());
    const std::size_t point = std::min(text.find('.'), e);
    return Parts{text.substr(0, point), point < e ? text.substr(point + 1, e - point - 1) : "",
                 text.substr(e)};
  };
  Parts parts = split(digits_of(value, format));
  if (parts.fraction.size() > static_cast<std::size_t>(precision))
    parts = split(digits_of(value, format, precision));
  drop_trailing_zeros(parts.fraction);
  return parts;
}

/// A scalar as NumPy's numbers print: all digits, positional from 1e-4 to 1e16.
template <class T>
std::string scalar_text(T value) {
  if (!std::isfinite(value)) return non_finite(value);
  const T size = std::abs(value);
  if (size != 0 && (size < static_cast<T>(1e-4) || size >= static_cast<T>(1e16)))
    return digits_of(value, std::chars_format::scientific);
  const std::string text = digits_of(value, std::chars_format::fixed);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

/// How all elements of one tensor are written, so that they align.
template <class T>
class FloatFormat {
 public:
  explicit FloatFormat(const std::vector<T>& shown) {
    T low = std::numeric_limits<T>::infinity(), high = 0;
    for (const T value : shown)
      if (std::isfinite(value) && value != 0) {
        low = std::min(low, std::abs(value));
        high = std::max(high, std::abs(value));
      }
    if (high > 0 &&
        (high >= static_cast<T>(1e8) || low < static_cast<T>(1e-4) || high / low > 1000))
      format_ = std::chars_format::scientific;
    for (const T value : shown) {
      if (!std::isfinite(value)) continue;
      const Parts parts = split_number(value, format_);
      left_ = std::max(left_, parts.whole.size());
      fraction_ = std::max(fraction_, parts.fraction.size());
      exponent_ = std::max(exponent_, parts.exponent.size());
    }
    width_ = left_ + 1 + fraction_ + exponent_;
    for (const T value : shown)
      if (!std::isfinite(value)) width_ = std::max(width_, non_finite(value).size());
    left_ = width_ - 1 - fraction_ - exponent_;
  }

  std::string operator()(T value) const {
    if (!std::isfinite(value)) {
      const std::string text = non_finite(value);
      return std::string(width_ - std::min(width_, text.size()), ' ') + text;
    }
    Parts parts = split_number(value, format_);
    const bool scientific = format_ == std::chars_format::scientific;
    parts.fraction.resize(std::max(fraction_, parts.fraction.size()), scientific ? '0' : ' ');
    if (scientific && parts.exponent.size() < exponent_)
      parts.exponent.insert(2, exponent_ - parts.exponent.size(), '0');
    const std::size_t padding = left_ - std::min(left_, parts.whole.size());
    return compose(std::string(padding, ' '), parts.whole, ".", parts.fraction, parts.exponent);
  }

 private:
  std::chars_format format_ = std::chars_format::fixed;
  std::size_t left_ = 0, fraction_ = 0, exponent_ = 0, width_ = 0;
};

class IntegerFormat {
 public:
  explicit IntegerFormat(const std::vector<std::int64_t>& shown) {
    for (const std::int64_t value : shown) width_ = std::max(width_, digits_of(value).size());
  }
  std::string operator()(std::int64_t value) const {
    const std::string text = digits_of(value);
    return std::string(width_ - std::min(width_, text.size()), ' ') + text;
  }

 private:
  std::size_t width_ = 0;
};

struct BoolFormat {
  explicit BoolFormat(const std::vector<bool>&) {}
  std::string operator()(bool value) const { return value ? " True" : "False"; }
};

template <class T, class Format>
class Writer {
 public:
  Writer(const T* values, const Shape& shape)
      : values_(values),
        shape_(shape),
        summarized_(numel(shape) > summary_threshold),
        format_(collect()) {}

  std::string text() const { return block(0, 0, " ", line_width); }

 private:
  /// The positions of an axis that are written, with -1 for the dots between them.
  std::vector<Index> places(int axis) const {
    std::vector<Index> list;
    const Index length = shape_[axis];
    const bool cut = summarized_ && length > 2 * edge_items;
    for (Index i = 0; i < length; ++i) {
      if (cut && i == edge_items) {
        list.push_back(-1);
        i = length - edge_items;
      }
      list.push_back(i);
    }
    return list;
  }

  std::vector<T> collect() const {
    std::vector<T> shown;
    collect(0, 0, shown);
    return shown;
  }
  void collect(int axis, Index offset, std::vector<T>& shown) const {
    if (axis == shape_.size()) {
      shown.push_back(values_[offset]);
      return;
    }
    for (const Index i : places(axis))
      if (i >= 0) collect(axis + 1, offset * shape_[axis] + i, shown);
  }

  /// The bracket of one axis; lines after the first begin with `indent`.
  std::string block(int axis, Index offset, const std::string& indent, std::size_t width) const {
    const bool innermost = axis + 1 == shape_.size();
    const std::string gap(static_cast<std::size_t>(shape_.size() - axis - 1), '\n');
    std::string done, line = innermost ? indent : "";
    bool first = true;
    for (const Index i : places(axis)) {
      const Index at = offset * shape_[axis] + i;
      if (innermost) {
        const std::string word = i < 0 ? "..." : format_(values_[at]);
        if (!first) line += ' ';
        if (line.size() + word.size() > width - 1 && line.size() > indent.size()) {
          line.erase(line.find_last_not_of(' ') + 1);
          done += line + "\n";
          line = indent;
        }
        line += word;
      } else {
        if (!first) done += gap;
        done += indent + (i < 0 ? "..." : block(axis + 1, at, indent + " ", width - 1));
      }
      first = false;
    }
    done += line;
    return compose("[", done.substr(indent.size()), "]");
  }

  const T* values_;
  const Shape shape_;
  const bool summarized_;
  const Format format_;
};

template <class T, class Format>
std::string array_text(const Tensor& x) {
  return Writer<T, Format>(x.data<T>(), x.shape()).text();
}

}  // namespace

std::string to_string(const Tensor& x) {
  if (!x.defined()) return "undefined";
  if (x.numel() == 0) return x.dim() > 1 ? "[] shape=" + to_string(x.shape()) : "[]";
  const bool scalar = x.dim() == 0;
  switch (x.dtype()) {
    case DType::boolean:
      return !scalar ? array_text<bool, BoolFormat>(x) : *x.data<bool>() ? "True" : "False";
    case DType::int64:
      return scalar ? digits_of(*x.data<std::int64_t>())
                    : array_text<std::int64_t, IntegerFormat>(x);
    case DType::float32:
      return scalar ? scalar_text(*x.data<float>()) : array_text<float, FloatFormat<float>>(x);
    case DType::float64:
      break;
  }
  return scalar ? scalar_text(*x.data<double>()) : array_text<double, FloatFormat<double>>(x);
}

}  // namespace gradus
