// Drawings of a few lines over two logarithmic axes, as SVG that reads on light and on dark pages.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace bench {

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;  ///< above 0; times in nanoseconds
};

/// All series in one drawing, each with its name at its last point; series without points are left
/// out.
std::string draw(const std::string& title, const std::string& x_name,
                 const std::vector<Series>& series);

}  // namespace bench
