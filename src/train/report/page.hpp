#pragma once

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "io/json.hpp"

namespace gradus::train::detail {

using io::detail::Json;

/// A number with five digits; null if it is not finite.
Json short_number(double value);
Json short_numbers(const std::vector<double>& values);

/// An embedded file of the pages' sources.
struct Source {
  const unsigned char* bytes;
  std::size_t size;
  std::string_view text() const { return {reinterpret_cast<const char*>(bytes), size}; }
};

/// How a page begins: its title, what its script draws, and the element that the script fills.
struct Head {
  std::string_view title, what, id;
};

/// A page that needs no other file: page.html with the head, styles, scripts and data in place of
/// its marks. The data cannot end their element, whatever texts they hold; bytes that are not UTF-8
/// are replaced.
std::string page(const Head& head, const std::vector<Source>& css, const std::vector<Source>& js,
                 const Json& data);

}  // namespace gradus::train::detail
